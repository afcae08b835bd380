//! What carries a program out: its steps one by one, or code made of the whole program.

use std::sync::Arc;

use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

#[cfg(any(unix, windows))]
use crate::code::c::Compiled;
#[cfg(target_arch = "x86_64")]
use crate::code::native::{Bound, Native};
use crate::code::straight::Straight;
use crate::code::{Inst, unroll};
use crate::error::CompileError;
use crate::kernel::number::Number;
use crate::program::Program;

/// What carries a program out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// The fastest that this machine has for the program.
    #[default]
    Auto,
    /// One operation on whole arrays after the other.
    Steps,
    /// Whole arrays in fused loops.
    Loops,
    /// Small programs and loops as straight-line code that is interpreted.
    Vm,
    /// Small programs and loops as machine code; only on x86-64 with AVX2 and FMA.
    Native,
    /// Small programs and loops as C, compiled by the compiler of this machine.
    Cc,
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 6] = [Self::Auto, Self::Steps, Self::Loops, Self::Vm, Self::Native, Self::Cc];

    /// Its name on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Auto => "auto",
            Self::Steps => "steps",
            Self::Loops => "loops",
            Self::Vm => "vm",
            Self::Native => "native",
            Self::Cc => "cc",
        }
    }

    /// The engine of a name.
    #[must_use]
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|engine| engine.name() == name)
    }
}

/// A small program as code of its own.
#[derive(Clone, Debug)]
pub(crate) struct Whole {
    straight: Arc<Straight>,
    /// Where each result starts, were they one after the other, and where the last one ends.
    starts: Vec<usize>,
    #[cfg(target_arch = "x86_64")]
    native: Option<Arc<Native>>,
    #[cfg(any(unix, windows))]
    compiled: Option<Arc<Compiled>>,
}

/// Memory of the runs of small programs.
#[derive(Clone, Debug, Default)]
pub(crate) struct WholeMemory {
    /// Numbers of straight-line code.
    pub scratch: Vec<f64>,
    /// Inputs and results in double precision, where they are in single.
    pub wide: Vec<f64>,
}

impl Whole {
    /// The code, where the engine makes one and the program is small enough.
    pub fn new(program: &Program, engine: Engine) -> Result<Option<Self>, CompileError> {
        check(engine)?;
        if matches!(engine, Engine::Steps | Engine::Loops) {
            return Ok(None);
        }
        let Some(straight) = unroll(program) else { return Ok(None) };
        let mut starts = vec![0];
        for result in &straight.results {
            starts.push(starts.last().copied().unwrap_or(0) + result.len());
        }
        Ok(Some(Self {
            #[cfg(target_arch = "x86_64")]
            native: match engine {
                Engine::Auto | Engine::Native => Native::new(&straight).map(Arc::new),
                Engine::Steps | Engine::Loops | Engine::Vm | Engine::Cc => None,
            },
            #[cfg(any(unix, windows))]
            compiled: match engine {
                Engine::Cc => {
                    let made = Compiled::new(&straight).map_err(|reason| CompileError::Engine { reason })?;
                    Some(Arc::new(made))
                }
                _ => None,
            },
            straight: Arc::new(straight),
            starts,
        }))
    }

    /// How many instructions there are, roughly: a function is some, of four numbers at once.
    pub fn cost(&self) -> usize {
        const FUNCTION: usize = 10;
        let insts = &self.straight.code.insts;
        let function =
            |inst: &&Inst| matches!(inst, Inst::Unary(op, _) if !matches!(op, MapOp::Abs | MapOp::Sign | MapOp::Relu));
        insts.len() + FUNCTION * insts.iter().filter(function).count()
    }

    /// Where each result starts, were they one after the other, and where the last one ends.
    pub fn starts(&self) -> &[usize] {
        &self.starts
    }

    /// How many numbers it needs beside inputs and results.
    pub fn scratch(&self) -> usize {
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = &self.native {
            return native.scratch();
        }
        self.straight.code.insts.len()
    }

    /// Computes the results; nothing happens where lengths do not fit.
    fn run(&self, inputs: &[&[f64]], scratch: &mut Vec<f64>, results: &mut [&mut [f64]]) {
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = &self.native {
            let fits = native.run(inputs, scratch, results);
            debug_assert!(fits, "the lengths of inputs and results are those of the program");
            return;
        }
        #[cfg(any(unix, windows))]
        if let Some(compiled) = &self.compiled {
            let fits = compiled.run(inputs, results);
            debug_assert!(fits, "the lengths of inputs and results are those of the program");
            return;
        }
        if self.straight.fits(inputs, results) {
            self.straight.run(inputs, scratch, results);
        }
    }

    /// Computes the results by machine code, where there is some and the numbers are in double precision; says whether.
    #[inline]
    pub fn run_vectors<T: Number>(&self, inputs: &[&[T]], memory: &mut WholeMemory, results: &mut [Vec<T>]) -> bool {
        #[cfg(target_arch = "x86_64")]
        if let (Some(native), Some(inputs)) = (&self.native, T::doubles(inputs))
            && let Some(results) = T::double_vectors(results)
        {
            return native.run(inputs, &mut memory.scratch, results);
        }
        let _ = (inputs, memory, results);
        false
    }

    /// Machine code bound to its memory, where there is some and the numbers are in double precision.
    #[cfg(target_arch = "x86_64")]
    pub fn bind<T: Number>(&self, inputs: &[&[T]], memory: &mut WholeMemory, results: &mut [Vec<T>]) -> Option<Bound> {
        let native = self.native.as_ref()?;
        native.bind(T::doubles(inputs)?, &mut memory.scratch, T::double_vectors(results)?)
    }

    /// Computes the results from and to numbers of any precision.
    pub fn run_on<T: Number>(&self, inputs: &[&[T]], memory: &mut WholeMemory, results: &mut [&mut [T]]) {
        if let (Some(inputs), Some(results)) = (T::doubles(inputs), T::doubles_mut(results)) {
            return self.run(inputs, &mut memory.scratch, results);
        }
        let WholeMemory { scratch, wide } = memory;
        wide.clear();
        inputs.iter().for_each(|input| wide.extend(input.iter().map(|x| x.wide())));
        let given = wide.len();
        wide.resize(given + results.iter().map(|result| result.len()).sum::<usize>(), 0.0);
        let (mut from, mut to) = wide.split_at_mut(given);
        let mut sources: SmallVec<[&[f64]; 8]> = SmallVec::new();
        for input in inputs {
            let (head, tail) = from.split_at_mut(input.len());
            sources.push(head);
            from = tail;
        }
        let mut places: SmallVec<[&mut [f64]; 8]> = SmallVec::new();
        for result in results.iter() {
            let (head, tail) = to.split_at_mut(result.len());
            places.push(head);
            to = tail;
        }
        self.run(&sources, scratch, &mut places);
        for (result, place) in results.iter_mut().zip(&places) {
            result.iter_mut().zip(place.iter()).for_each(|(to, x)| *to = T::of(*x));
        }
    }

    /// What it is, for a listing.
    pub fn text(&self) -> String {
        let count = self.straight.code.insts.len();
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = &self.native {
            return format!("{count} instructions without loops, {} bytes of machine code", native.length());
        }
        #[cfg(any(unix, windows))]
        if self.compiled.is_some() {
            return format!("{count} instructions without loops, compiled from C");
        }
        format!("{count} instructions without loops, interpreted")
    }
}

/// Whether this machine has the engine.
fn check(engine: Engine) -> Result<(), CompileError> {
    #[cfg(target_arch = "x86_64")]
    let available = Native::available();
    #[cfg(not(target_arch = "x86_64"))]
    let available = false;
    if engine == Engine::Native && !available {
        let reason = "the engine `native` needs an x86-64 processor with AVX2 and FMA".into();
        return Err(CompileError::Engine { reason });
    }
    if engine == Engine::Cc && !cfg!(any(unix, windows)) {
        return Err(CompileError::Engine { reason: "the engine `cc` needs a system that loads libraries".into() });
    }
    Ok(())
}
