//! Fused loops: straight-line code at every place of a nest of loops, with its operands as streams and its results
//! stored or reduced on the way, so that nothing between is written to memory.
//!
//! A loop runs row by row (a row is a turn of all loops but the last) in blocks of some hundred places. What does not move
//! along a row is computed once a row; every other instruction is one pass over a block, whose registers stay in the
//! first-level cache.

mod lanes;
mod run;
mod tape;
mod transposed;

use smallvec::SmallVec;

use crate::code::{Code, Inst, Reg};
use tape::Tape;
use transposed::TransposedSum;

/// How far something moves a turn of each loop, outermost first.
pub(crate) type Strides = SmallVec<[usize; 4]>;

/// An operand that moves with the loops.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Stream {
    /// Which argument of the step.
    pub arg: usize,
    /// Where it starts.
    pub start: usize,
    /// How far it moves.
    pub strides: Strides,
}

/// How values that go to one place are put together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Fold {
    Sum,
    Product,
    Max,
    Min,
}

impl Fold {
    /// What leaves every value as it is.
    pub fn neutral(self) -> f64 {
        match self {
            Self::Sum => 0.0,
            Self::Product => 1.0,
            Self::Max => f64::NEG_INFINITY,
            Self::Min => f64::INFINITY,
        }
    }
}

/// Where a value goes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Output {
    /// Which result of the step.
    pub out: usize,
    /// Where it starts.
    pub start: usize,
    /// How far it moves.
    pub strides: Strides,
    /// The value.
    pub value: Reg,
    /// How values are put together over the loops in which it does not move; without, there are none.
    pub fold: Option<Fold>,
    /// Whether to add to what is there.
    pub add: bool,
}

/// A nest of loops around straight-line code.
#[derive(Clone, Debug)]
pub(crate) struct FusedLoop {
    /// How many turns each loop makes, outermost first.
    pub extents: SmallVec<[usize; 4]>,
    /// What the loads of the code read.
    pub streams: Vec<Stream>,
    /// What is done at each place.
    pub code: Code,
    /// Where the values go.
    pub outputs: Vec<Output>,
    /// The code as passes over blocks.
    tape: Tape,
    /// The loop as a sum of a matrix and a transposed one, where it is nothing else.
    sum: Option<TransposedSum>,
    /// The loop as machine code, where it has been made.
    #[cfg(target_arch = "x86_64")]
    native: Option<std::sync::Arc<crate::code::native::Rows>>,
    /// The loop as a C compiler has made it.
    #[cfg(any(unix, windows))]
    compiled: Option<std::sync::Arc<crate::code::c::CompiledLoop>>,
}

/// Memory of the runs of fused loops.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scratch<T> {
    blocks: Vec<Vec<T>>,
    uniforms: Vec<T>,
    /// Of machine code.
    cells: Vec<f64>,
}

impl FusedLoop {
    /// A loop that is ready to run.
    pub fn new(extents: SmallVec<[usize; 4]>, streams: Vec<Stream>, code: Code, outputs: Vec<Output>) -> Self {
        let tape = Tape::new(&extents, &streams, &code, &outputs);
        let sum = TransposedSum::new(&extents, &streams, &code, &outputs);
        Self {
            extents,
            streams,
            code,
            outputs,
            tape,
            sum,
            #[cfg(target_arch = "x86_64")]
            native: None,
            #[cfg(any(unix, windows))]
            compiled: None,
        }
    }

    /// Makes machine code of the loop, where this machine runs it and the loop has such a form.
    pub fn compile(&mut self) {
        #[cfg(target_arch = "x86_64")]
        {
            self.native = crate::code::native::Rows::new(self).map(std::sync::Arc::new);
        }
    }

    /// Takes what a C compiler has made of the loop.
    #[cfg(any(unix, windows))]
    pub fn compile_to(&mut self, made: crate::code::c::CompiledLoop) {
        self.compiled = Some(std::sync::Arc::new(made));
    }

    /// Whether all places that the loop reads and writes lie in the memory given; it has turns then.
    pub fn reaches<T>(&self, args: &[&[T]], outs: &[&mut [T]]) -> bool {
        let last = |start: usize, strides: &Strides| {
            let mut pairs = self.extents.iter().zip(strides);
            pairs.try_fold(start, |at, (n, s)| n.checked_sub(1)?.checked_mul(*s)?.checked_add(at))
        };
        let inside = |start: usize, strides: &Strides, len: Option<usize>| {
            strides.len() == self.extents.len()
                && len.is_some_and(|len| last(start, strides).is_some_and(|last| last < len))
        };
        self.streams.iter().all(|s| inside(s.start, &s.strides, args.get(s.arg).map(|memory| memory.len())))
            && self.outputs.iter().all(|o| inside(o.start, &o.strides, outs.get(o.out).map(|memory| memory.len())))
    }

    /// How many places there are.
    pub fn turns(&self) -> usize {
        self.extents.iter().copied().fold(1, usize::saturating_mul)
    }

    /// Operations at all places, a function counted as one.
    pub fn flops(&self) -> f64 {
        let one = |inst: &Inst| match inst {
            Inst::Constant(_) | Inst::Load(_) => 0.0,
            Inst::MulAdd(..) => 2.0,
            _ => 1.0,
        };
        let inside: f64 = self.code.insts.iter().map(one).sum();
        let out: f64 = self.outputs.iter().filter(|o| o.add || o.fold.is_some()).count() as f64;
        (inside + out) * self.turns() as f64
    }

    /// Bytes of the operands and results that are touched, each place once.
    pub fn bytes(&self) -> f64 {
        let places = |strides: &Strides| -> f64 {
            self.extents.iter().zip(strides).map(|(n, s)| if *s == 0 { 1.0 } else { *n as f64 }).product()
        };
        let read: f64 = self.streams.iter().map(|s| places(&s.strides)).sum();
        let written: f64 = self.outputs.iter().map(|o| places(&o.strides) * if o.add { 2.0 } else { 1.0 }).sum();
        8.0 * (read + written)
    }

    /// What it does, for listings.
    pub fn text(&self) -> String {
        let over: Vec<String> = self.extents.iter().map(usize::to_string).collect();
        let count = self.code.insts.iter().filter(|i| !matches!(i, Inst::Constant(_) | Inst::Load(_))).count();
        let folds: Vec<&str> = self
            .outputs
            .iter()
            .filter_map(|o| o.fold)
            .map(|fold| match fold {
                Fold::Sum => "sum",
                Fold::Product => "product",
                Fold::Max => "max",
                Fold::Min => "min",
            })
            .collect();
        let folds = if folds.is_empty() { String::new() } else { format!(", {}", folds.join(", ")) };
        let over = if over.is_empty() { "1".into() } else { over.join("×") };
        format!("loop over {over}: {count} operations{folds}")
    }
}
