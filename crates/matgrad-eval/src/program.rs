//! A compiled program: steps over slots of memory, made once and run many times.

use std::fmt::Write;
use std::sync::{Arc, OnceLock};

use matgrad_calculus::graph::{MapOp, ReduceOp};
use matgrad_syntax::Name;
use smallvec::SmallVec;

use crate::array::{Array, Inputs, shape_text};
use crate::engine::{Whole, WholeMemory};
use crate::error::RunError;
use crate::fused::{FusedLoop, Scratch};
use crate::kernel::contract::{Contract, Kind};
use crate::kernel::elementwise::{Operand, binary, select, unary};
use crate::kernel::linear::combine;
use crate::kernel::number::Number;
use crate::kernel::pick::{gather, scatter};
use crate::kernel::power::Power;
use crate::kernel::reduce::reduce;
use crate::kernel::{Loop, turns};
use crate::linalg::Linalg;
use crate::recurrence::{LoopMemory, LoopProgram};
use crate::sizes::fits;
use crate::tiled::Tiled;

/// A piece of memory that steps read and write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Slot(pub u32);

/// Where the memory of a slot is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Place {
    /// The array of an input.
    Input(usize),
    /// Numbers known from the start.
    Constant(usize),
    /// A buffer, shared by slots that do not live at the same time.
    Buffer(usize),
}

/// What is known of a slot.
#[derive(Clone, Debug)]
pub(crate) struct SlotInfo {
    /// Where it is.
    pub place: Place,
    /// How many numbers it holds.
    pub len: usize,
    /// How it is shown.
    pub shape: SmallVec<[usize; 4]>,
}

/// A tensor inside a slot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct View {
    pub slot: Slot,
    pub offset: usize,
    pub shape: SmallVec<[usize; 4]>,
    pub strides: SmallVec<[usize; 4]>,
}

impl View {
    /// Whether the entries lie one after another in row-major order.
    pub fn is_dense(&self) -> bool {
        let mut next = 1;
        for (n, s) in self.shape.iter().zip(&self.strides).rev() {
            if *n != 1 && *s != next {
                return false;
            }
            next *= n;
        }
        true
    }
}

/// What a step does.
#[derive(Clone, Debug)]
pub(crate) enum Op {
    /// One number everywhere.
    Fill(f64),
    /// One or two arguments.
    Contract(Contract),
    /// `constant + Σ coefficient·argument` with where each argument starts.
    Combine {
        terms: Vec<(f64, usize)>,
        constant: f64,
    },
    Unary {
        op: MapOp,
        scale: f64,
        start: usize,
        loops: Vec<Loop<2>>,
    },
    Binary {
        op: MapOp,
        start: [usize; 2],
        loops: Vec<Loop<3>>,
    },
    Select {
        start: [usize; 3],
        loops: Vec<Loop<4>>,
    },
    Power {
        power: Power,
        start: usize,
    },
    Reduce {
        op: ReduceOp,
        start: usize,
        outer: Vec<Loop<1>>,
        inner: Vec<Loop<1>>,
    },
    Linalg {
        op: Linalg,
        start: [usize; 2],
        batch: usize,
    },
    /// Entries read at positions that the second argument has, along an axis with this step, first number and length.
    Gather {
        start: [usize; 2],
        loops: Vec<Loop<3>>,
        step: usize,
        first: f64,
        length: usize,
    },
    /// Entries added at positions that the second argument has.
    Scatter {
        start: [usize; 2],
        loops: Vec<Loop<3>>,
        step: usize,
        first: f64,
        length: usize,
    },
    /// A loop, whose arguments are whole slots.
    Recurrence(Box<LoopProgram>),
    /// Straight-line code at every place of some loops.
    Fused(Box<FusedLoop>),
    /// Steps block by block along an axis.
    Tiled(Box<Tiled>),
}

/// One step: an operation, the slots it writes, the slots it reads.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    pub op: Op,
    pub out: Slot,
    /// Further slots it writes.
    pub more: SmallVec<[Slot; 2]>,
    pub args: SmallVec<[Slot; 3]>,
}

impl Step {
    /// All slots it writes.
    pub fn outs(&self) -> impl Iterator<Item = Slot> + '_ {
        std::iter::once(self.out).chain(self.more.iter().copied())
    }

    /// Floating-point operations, a function of one number counted as one.
    fn flops(&self, slots: &[SlotInfo]) -> f64 {
        let len = |slot: Slot| slots.get(slot.0 as usize).map_or(0.0, |s| s.len as f64);
        match &self.op {
            Op::Fill(_) => 0.0,
            Op::Contract(c) => {
                let copies = self.args.len() == 1 && !c.accumulate && c.alpha == 1.0;
                let factor = if self.args.len() == 1 { 0.5 } else { 1.0 };
                if copies { 0.0 } else { factor * c.flops() }
            }
            Op::Combine { terms, .. } => 2.0 * terms.len() as f64 * len(self.out),
            Op::Unary { loops, .. } => turns(loops) as f64,
            Op::Binary { loops, .. } => turns(loops) as f64,
            Op::Select { loops, .. } => turns(loops) as f64,
            Op::Power { .. } => len(self.out),
            Op::Reduce { outer, inner, .. } => turns(outer) as f64 * turns(inner) as f64,
            Op::Linalg { op, batch, .. } => op.flops() * *batch as f64,
            Op::Gather { .. } => 0.0,
            Op::Scatter { loops, .. } => turns(loops) as f64,
            Op::Recurrence(work) => work.flops(),
            Op::Fused(work) => work.flops(),
            Op::Tiled(work) => work.steps.iter().map(|step| step.flops(slots)).sum(),
        }
    }

    fn text(&self) -> String {
        match &self.op {
            Op::Fill(value) => format!("fill {value}"),
            Op::Contract(c) => {
                let name = match (&c.kind, self.args.len()) {
                    (Kind::Gemm { m, k, .. }, _) if c.symmetric => {
                        format!("half of gemm {0}x{1}x{0}", m.extent, k.extent)
                    }
                    (Kind::Gemm { m, k, n }, _) if c.triangle.is_some() => {
                        format!("triangle of gemm {}x{}x{}", m.extent, k.extent, n.extent)
                    }
                    (Kind::Gemm { m, k, n }, _) => format!("gemm {}x{}x{}", m.extent, k.extent, n.extent),
                    (Kind::Loops, 1) => "copy".into(),
                    (Kind::Loops, _) => "product".into(),
                };
                let loops: Vec<String> = c.loops.iter().map(|l| l.extent.to_string()).collect();
                let over = if loops.is_empty() { String::new() } else { format!(" over {}", loops.join(",")) };
                let scale = if c.alpha == 1.0 { String::new() } else { format!(" times {}", c.alpha) };
                format!("{name}{over}{scale}{}", if c.accumulate { " added" } else { "" })
            }
            Op::Combine { terms, .. } => format!("combine {} terms", terms.len()),
            Op::Unary { op, scale, .. } if *scale != 1.0 => format!("{op:?} of {scale} times"),
            Op::Unary { op, .. } | Op::Binary { op, .. } => format!("{op:?}"),
            Op::Select { .. } => "Where".into(),
            Op::Power { power, .. } => format!("power {power:?}"),
            Op::Reduce { op, .. } => format!("reduce {op:?}"),
            Op::Linalg { op, batch, .. } if *batch == 1 => op.text(),
            Op::Linalg { op, batch, .. } => format!("{} ×{batch}", op.text()),
            Op::Gather { loops, .. } => format!("gather over {}", turns(loops)),
            Op::Scatter { loops, .. } => format!("scatter over {} added", turns(loops)),
            Op::Recurrence(work) => {
                let way = if work.backward { "from the last to the first of" } else { "over" };
                format!("recurrence {way} {} steps", work.steps)
            }
            Op::Fused(work) => work.text(),
            Op::Tiled(work) => work.text(),
        }
    }
}

/// An input that a program reads.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgramInput {
    /// Its name.
    pub name: Name,
    /// Its shape: a vector has one axis, a scalar none.
    pub shape: Vec<usize>,
    /// Whether a vector is a row.
    pub row: bool,
}

/// A plan for some tensors of a graph at given sizes.
#[derive(Clone, Debug)]
pub struct Program {
    pub(crate) inputs: Vec<ProgramInput>,
    pub(crate) constants: Vec<Vec<f64>>,
    /// The constants in single precision, once a run needs them.
    pub(crate) rounded: OnceLock<Vec<Vec<f32>>>,
    pub(crate) slots: Vec<SlotInfo>,
    pub(crate) steps: Vec<Step>,
    pub(crate) roots: Vec<View>,
    /// Lengths of the buffers.
    pub(crate) buffers: Vec<usize>,
    /// For each root the buffer that is nothing but its value: a run writes it where the caller wants the result.
    pub(crate) direct: Vec<Option<usize>>,
    /// How many loops there are.
    pub(crate) loops: usize,
    /// How many of the first steps need inputs only that are held.
    pub(crate) held: usize,
    /// What tells the values that a workspace holds from those of other programs.
    pub(crate) key: Arc<()>,
    /// What computes all results at once, in place of the steps.
    pub(crate) whole: Option<Whole>,
    /// The steps as one function, where they are short loops.
    #[cfg(target_arch = "x86_64")]
    pub(crate) chain: Option<Arc<crate::code::native::Chain>>,
}

/// Memory of a run, kept for the next one.
#[derive(Clone, Debug, Default)]
pub struct Workspace<T = f64> {
    buffers: Vec<Vec<T>>,
    /// The program whose held values are in the buffers.
    holds: Option<Arc<()>>,
    loops: Vec<LoopMemory<T>>,
    /// Of straight-line code.
    pub(crate) whole: WholeMemory,
    /// The roots of straight-line code, one after the other.
    roots: Vec<T>,
    /// Blocks of fused loops.
    fused: Scratch<T>,
    #[cfg(target_arch = "x86_64")]
    chain: crate::code::native::ChainMemory,
    /// What the loops of sparse results keep.
    pub(crate) lanes: crate::sparse::Memory,
}

impl<T: Number> Workspace<T> {
    /// Forgets what was computed from held inputs, so that the next run computes it from what they are then.
    pub fn forget(&mut self) {
        self.holds = None;
    }

    /// Makes room for a program whose results are read where they are.
    pub(crate) fn prepare(&mut self, program: &Program) {
        self.make_room(program, false);
    }

    /// Makes room for a program whose results go to memory of the caller.
    pub(crate) fn prepare_for_results(&mut self, program: &Program) {
        self.make_room(program, true);
    }

    fn make_room(&mut self, program: &Program, direct: bool) {
        if self.holds.as_ref().is_some_and(|key| !Arc::ptr_eq(key, &program.key)) {
            self.holds = None;
        }
        if let Some(whole) = &program.whole {
            let scratch = &mut self.whole.scratch;
            return scratch.resize(whole.scratch().max(scratch.len()), 0.0);
        }
        self.buffers.resize_with(program.buffers.len(), Vec::new);
        for (k, (buffer, len)) in self.buffers.iter_mut().zip(&program.buffers).enumerate() {
            if !(direct && program.direct.contains(&Some(k))) {
                buffer.resize(*len, T::zero());
            }
        }
        self.loops.resize_with(program.loops, LoopMemory::default);
    }
}

/// What the steps of a run write to.
struct Memory<'a, T> {
    /// The buffers; those of large results are memory of the caller.
    buffers: SmallVec<[&'a mut [T]; 48]>,
    loops: &'a mut [LoopMemory<T>],
    fused: &'a mut Scratch<T>,
}

impl Program {
    /// The inputs the program reads.
    pub fn inputs(&self) -> &[ProgramInput] {
        &self.inputs
    }

    /// The values of the roots.
    pub fn run(&self, inputs: &Inputs) -> Result<Vec<Array>, RunError> {
        self.run_in(inputs, &mut Workspace::default())
    }

    /// The values of the roots, in memory that may be used again.
    pub fn run_in(&self, inputs: &Inputs, workspace: &mut Workspace) -> Result<Vec<Array>, RunError> {
        let mut results = self.results();
        self.run_into(inputs, workspace, &mut results)?;
        Ok(results)
    }

    /// Memory for the values of the roots.
    pub fn results(&self) -> Vec<Array> {
        self.roots.iter().map(|view| Array::zeros(&view.shape)).collect()
    }

    /// How many numbers each result has.
    pub(crate) fn lengths(&self) -> impl Iterator<Item = usize> + '_ {
        self.roots.iter().map(|view| view.shape.iter().product())
    }

    /// The values of the roots, into arrays made by [`Program::results`]; once the workspace has been used, nothing is
    /// allocated that grows with the data.
    pub fn run_into(&self, inputs: &Inputs, workspace: &mut Workspace, results: &mut [Array]) -> Result<(), RunError> {
        let data = self.bind(inputs)?;
        let mut places: SmallVec<[&mut [f64]; 8]> = results.iter_mut().map(Array::data_mut).collect();
        self.run_slices(&data, workspace, &mut places)
    }

    /// The arrays of the inputs, in the order of [`Program::inputs`]: what [`Program::run_slices`] takes.
    ///
    /// # Errors
    /// Everything that is wrong with the data.
    pub fn bind<'a>(&self, inputs: &'a Inputs) -> Result<SmallVec<[&'a [f64]; 8]>, RunError> {
        let mut data = SmallVec::with_capacity(self.inputs.len());
        let mut missing = Vec::new();
        for ProgramInput { name, shape, row } in &self.inputs {
            match inputs.get(name) {
                None => missing.push(name.clone()),
                Some(array) if fits(shape, *row, array.shape()) => data.push(array.data()),
                Some(array) => {
                    return Err(RunError::Shape {
                        name: name.clone(),
                        expected: shape.clone(),
                        found: array.shape().to_vec(),
                    });
                }
            }
        }
        if missing.is_empty() { Ok(data) } else { Err(RunError::Missing { names: missing }) }
    }

    /// The values of the roots, row by row, from and into memory of the caller: the shortest way to run a program often.
    ///
    /// The inputs come in the order of [`Program::inputs`], the results in the order the program was asked for. All are in
    /// double or all in single precision, and so is what is computed: see [`Number`].
    ///
    /// # Errors
    /// An input or a result of another length than its shape has.
    pub fn run_slices<T: Number>(
        &self,
        inputs: &[&[T]],
        workspace: &mut Workspace<T>,
        results: &mut [&mut [T]],
    ) -> Result<(), RunError> {
        self.check_lengths(inputs)?;
        for (index, view) in self.roots.iter().enumerate() {
            let found = results.get(index).map_or(0, |x| x.len());
            if index >= results.len() || view.shape.iter().product::<usize>() != found {
                return Err(RunError::Result { index, expected: view.shape.to_vec(), found });
            }
        }
        workspace.prepare_for_results(self);
        self.run_prepared(inputs, workspace, results);
        Ok(())
    }

    /// Whether the inputs have as many numbers as their shapes.
    pub(crate) fn check_lengths<T>(&self, inputs: &[&[T]]) -> Result<(), RunError> {
        for (k, input) in self.inputs.iter().enumerate() {
            let found = inputs.get(k).map_or(0, |x| x.len());
            if k >= inputs.len() || input.shape.iter().product::<usize>() != found {
                let (name, expected) = (input.name.clone(), input.shape.clone());
                return Err(RunError::Shape { name, expected, found: vec![found] });
            }
        }
        Ok(())
    }

    /// Whether machine code or straight-line code writes the results where the caller wants them.
    pub(crate) fn writes_at_once(&self) -> bool {
        #[cfg(target_arch = "x86_64")]
        if self.chain.is_some() {
            return true;
        }
        self.whole.is_some()
    }

    /// Runs in memory that is prepared, on data whose lengths are right.
    pub(crate) fn run_prepared<T: Number>(
        &self,
        data: &[&[T]],
        workspace: &mut Workspace<T>,
        results: &mut [&mut [T]],
    ) {
        if let Some(whole) = &self.whole {
            return whole.run_on(data, &mut workspace.whole, results);
        }
        #[cfg(target_arch = "x86_64")]
        if self.chain.is_some()
            && let (Some(data), Some(workspace)) = (T::doubles(data), T::double_workspace(workspace))
            && let Some(results) = T::doubles_mut(results)
            && self.run_chain(data, workspace, results)
        {
            return;
        }
        self.execute_into(data, workspace, results);
    }

    /// The loops that are one function, bound to their memory.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn bind_chain<T: Number>(
        &self,
        data: &[&[T]],
        workspace: &mut Workspace<T>,
        results: &mut [Vec<T>],
    ) -> Option<crate::code::native::Bound> {
        let chain = self.chain.as_ref()?;
        let Workspace { buffers, chain: memory, .. } = T::double_workspace(workspace)?;
        chain.bind(T::doubles(data)?, &self.constants, buffers, T::double_vectors(results)?, memory)
    }

    /// Runs the loops that are one function; says whether there are such.
    #[cfg(target_arch = "x86_64")]
    pub(crate) fn run_chain<R: AsMut<[f64]>>(
        &self,
        data: &[&[f64]],
        workspace: &mut Workspace<f64>,
        results: &mut [R],
    ) -> bool {
        let Some(chain) = &self.chain else { return false };
        let Workspace { buffers, chain: memory, .. } = workspace;
        if !chain.run(data, &self.constants, buffers, results, memory) {
            return false;
        }
        for k in chain.rest() {
            if let (Some(view), Some(result)) = (self.roots.get(*k), results.get_mut(*k)) {
                self.collect(view, data, buffers, result.as_mut());
            }
        }
        true
    }

    /// Runs in memory that is prepared; the roots stay in it.
    pub(crate) fn execute_all<T: Number>(&self, data: &[&[T]], workspace: &mut Workspace<T>) {
        if let Some(whole) = &self.whole {
            let Workspace { whole: memory, roots, .. } = workspace;
            roots.resize(whole.starts().last().copied().unwrap_or(0), T::zero());
            let (mut rest, mut places) = (roots.as_mut_slice(), SmallVec::<[&mut [T]; 8]>::new());
            for pair in whole.starts().windows(2) {
                let (place, tail) = rest.split_at_mut((pair[1] - pair[0]).min(rest.len()));
                places.push(place);
                rest = tail;
            }
            return whole.run_on(data, memory, &mut places);
        }
        self.execute_into(data, workspace, &mut []);
    }

    /// The steps in memory that is prepared; large results are written where the caller wants them, others copied there.
    fn execute_into<T: Number>(&self, data: &[&[T]], workspace: &mut Workspace<T>, results: &mut [&mut [T]]) {
        let Workspace { buffers, holds, loops, fused, .. } = workspace;
        let known = holds.as_ref().is_some_and(|key| Arc::ptr_eq(key, &self.key));
        let mut memory = Memory { buffers: SmallVec::new(), loops, fused };
        memory.buffers.extend(buffers.iter_mut().map(Vec::as_mut_slice));
        let mut copied: SmallVec<[(&View, &mut [T]); 8]> = SmallVec::new();
        for ((view, direct), result) in self.roots.iter().zip(&self.direct).zip(results) {
            match direct.and_then(|k| memory.buffers.get_mut(k)) {
                Some(buffer) => *buffer = result,
                None => copied.push((view, result)),
            }
        }
        for step in self.steps.iter().skip(if known { self.held } else { 0 }) {
            self.execute(step, data, &mut memory);
        }
        for (view, result) in copied {
            self.collect(view, data, &memory.buffers, result);
        }
        if self.held > 0 && !known {
            *holds = Some(self.key.clone());
        }
    }

    /// The memory of a slot after a run.
    pub(crate) fn memory_in<'a, T: Number>(
        &'a self,
        slot: Slot,
        data: &[&'a [T]],
        workspace: &'a Workspace<T>,
    ) -> &'a [T] {
        self.memory(slot, data, &workspace.buffers)
    }

    /// The value of a root after a run, in row-major order.
    pub(crate) fn read<T: Number>(&self, root: usize, data: &[&[T]], workspace: &Workspace<T>, out: &mut [T]) {
        if let Some(values) = self.whole_root(root, workspace) {
            out.iter_mut().zip(values).for_each(|(place, value)| *place = *value);
        } else if let Some(view) = self.roots.get(root) {
            self.collect(view, data, &workspace.buffers, out);
        }
    }

    /// A root that straight-line code has left.
    fn whole_root<'a, T: Number>(&self, root: usize, workspace: &'a Workspace<T>) -> Option<&'a [T]> {
        let starts = self.whole.as_ref()?.starts();
        workspace.roots.get(*starts.get(root)?..*starts.get(root + 1)?)
    }

    /// How a root lies in its memory after a run.
    pub(crate) fn root_view(&self, root: usize) -> Option<View> {
        let view = self.roots.get(root)?;
        if self.whole.is_none() {
            return Some(view.clone());
        }
        let strides = SmallVec::from_vec(crate::array::strides(&view.shape));
        Some(View { slot: view.slot, offset: 0, shape: view.shape.clone(), strides })
    }

    /// The memory of a root after a run.
    pub(crate) fn root_memory<'a, T: Number>(
        &'a self,
        root: usize,
        data: &[&'a [T]],
        workspace: &'a Workspace<T>,
    ) -> &'a [T] {
        match (self.whole_root(root, workspace), self.roots.get(root)) {
            (Some(values), _) => values,
            (None, Some(view)) => self.memory(view.slot, data, &workspace.buffers),
            (None, None) => &[],
        }
    }

    fn memory<'a, T: Number>(&'a self, slot: Slot, data: &[&'a [T]], buffers: &'a [impl AsRef<[T]>]) -> &'a [T] {
        let Some(info) = self.slots.get(slot.0 as usize) else { return &[] };
        let found = match info.place {
            Place::Input(k) => data.get(k).copied(),
            Place::Constant(k) => T::constants(&self.constants, &self.rounded).get(k).map(Vec::as_slice),
            Place::Buffer(k) => buffers.get(k).and_then(|b| b.as_ref().get(..info.len)),
        };
        found.unwrap_or(&[])
    }

    fn execute<T: Number>(&self, step: &Step, data: &[&[T]], memory: &mut Memory<'_, T>) {
        match &step.op {
            Op::Fused(work) => return self.execute_fused(work, step, data, memory),
            Op::Tiled(work) => return self.execute_tiled(work, step, data, memory),
            _ => {}
        }
        let Memory { buffers, loops, .. } = memory;
        let Some(SlotInfo { place: Place::Buffer(k), len, .. }) = self.slots.get(step.out.0 as usize) else { return };
        let Some(buffer) = buffers.get_mut(*k) else { return };
        let taken = std::mem::take(buffer);
        if let Some(out) = taken.get_mut(..*len) {
            let arg = |k: usize| step.args.get(k).map_or(&[] as &[T], |slot| self.memory(*slot, data, buffers));
            let operand = |k: usize, start: usize| Operand { data: arg(k), start };
            match &step.op {
                Op::Fill(value) => out.fill(T::of(*value)),
                Op::Contract(c) => c.run(arg(0), (step.args.len() > 1).then(|| arg(1)), out),
                Op::Combine { terms, constant } => {
                    let terms: SmallVec<[(f64, &[T]); 8]> = terms
                        .iter()
                        .enumerate()
                        .map(|(k, (c, start))| (*c, arg(k).get(*start..*start + *len).unwrap_or(&[])))
                        .collect();
                    combine(&terms, *constant, out);
                }
                Op::Unary { op, scale, start, loops } => unary(*op, *scale, operand(0, *start), loops, out),
                Op::Binary { op, start, loops } => {
                    binary(*op, operand(0, start[0]), operand(1, start[1]), loops, out);
                }
                Op::Select { start, loops } => {
                    select(operand(0, start[0]), operand(1, start[1]), operand(2, start[2]), loops, out);
                }
                Op::Power { power, start } => power.apply(arg(0).get(*start..).unwrap_or(&[]), out),
                Op::Reduce { op, start, outer, inner } => reduce(*op, arg(0), *start, outer, inner, out),
                Op::Linalg { op, start, batch } => {
                    let from = |k: usize| arg(k).get(start[k]..).unwrap_or(&[]);
                    op.run(*batch, from(0), from(1), out);
                }
                Op::Gather { start, loops, step, first, length } => {
                    gather((arg(0), arg(1), *start), (*step, *first, *length), loops, out);
                }
                Op::Scatter { start, loops, step, first, length } => {
                    scatter((arg(0), arg(1), *start), (*step, *first, *length), loops, out);
                }
                Op::Recurrence(work) => {
                    let args: SmallVec<[&[T]; 16]> = (0..step.args.len()).map(arg).collect();
                    if let Some(memory) = loops.get_mut(work.workspace) {
                        work.run(&args, out, memory);
                    }
                }
                Op::Fused(_) | Op::Tiled(_) => {}
            }
        }
        buffers[*k] = taken;
    }

    /// A fused loop, which may write several slots.
    fn execute_fused<T: Number>(&self, work: &FusedLoop, step: &Step, data: &[&[T]], memory: &mut Memory<'_, T>) {
        let Memory { buffers, fused, .. } = memory;
        let mut taken: SmallVec<[(usize, usize, &mut [T]); 4]> = SmallVec::new();
        for out in step.outs() {
            let Some(SlotInfo { place: Place::Buffer(k), len, .. }) = self.slots.get(out.0 as usize) else { return };
            taken.push((*k, *len, buffers.get_mut(*k).map(std::mem::take).unwrap_or_default()));
        }
        let args: SmallVec<[&[T]; 16]> = step.args.iter().map(|slot| self.memory(*slot, data, buffers)).collect();
        let mut outs: SmallVec<[&mut [T]; 4]> =
            taken.iter_mut().map(|(_, len, buffer)| buffer.get_mut(..*len).unwrap_or_default()).collect();
        work.run(&args, &mut outs, fused);
        drop((args, outs));
        for (k, _, buffer) in taken {
            buffers[k] = buffer;
        }
    }

    /// Steps block by block.
    fn execute_tiled<T: Number>(&self, work: &Tiled, step: &Step, data: &[&[T]], memory: &mut Memory<'_, T>) {
        let Memory { buffers, fused, .. } = memory;
        let mut places: SmallVec<[usize; 8]> = SmallVec::new();
        let mut taken: SmallVec<[&mut [T]; 8]> = SmallVec::new();
        for out in step.outs() {
            let Some(SlotInfo { place: Place::Buffer(k), .. }) = self.slots.get(out.0 as usize) else { return };
            places.push(*k);
            taken.push(buffers.get_mut(*k).map(std::mem::take).unwrap_or_default());
        }
        let args: SmallVec<[&[T]; 16]> = step.args.iter().map(|slot| self.memory(*slot, data, buffers)).collect();
        work.run(&args, &mut taken, fused);
        drop(args);
        for (k, buffer) in places.into_iter().zip(taken) {
            buffers[k] = buffer;
        }
    }

    fn collect<T: Number>(&self, view: &View, data: &[&[T]], buffers: &[impl AsRef<[T]>], out: &mut [T]) {
        let memory = self.memory(view.slot, data, buffers);
        if view.is_dense() {
            if let Some(values) = memory.get(view.offset..view.offset + out.len()) {
                out.copy_from_slice(values);
            }
            return;
        }
        let loops: SmallVec<[Loop<1>; 4]> =
            view.shape.iter().zip(&view.strides).map(|(n, s)| Loop { extent: *n, strides: [*s] }).collect();
        let mut next = out.iter_mut();
        crate::kernel::walk(&loops, [view.offset], |[at]| {
            if let (Some(out), Some(value)) = (next.next(), memory.get(at)) {
                *out = *value;
            }
        });
    }

    /// Floating-point operations of a run, a function of one number counted as one.
    pub fn flops(&self) -> f64 {
        self.steps.iter().map(|s| s.flops(&self.slots)).fold(0.0, |a, b| a + b)
    }

    /// Bytes that the steps of a run read and write.
    pub fn traffic(&self) -> f64 {
        self.steps.iter().map(|s| self.step_bytes(s)).fold(0.0, |a, b| a + b)
    }

    /// Bytes that the loops read and write inside.
    fn loop_bytes(step: &Step) -> f64 {
        match &step.op {
            Op::Recurrence(work) => work.traffic(),
            _ => 0.0,
        }
    }

    /// Bytes of memory for intermediate results.
    pub fn memory_bytes(&self) -> u64 {
        self.buffers.iter().map(|n| 8 * *n as u64).sum()
    }

    fn step_bytes(&self, step: &Step) -> f64 {
        let len = |slot: &Slot| self.slots.get(slot.0 as usize).map_or(0.0, |s| s.len as f64);
        if let Op::Fused(work) = &step.op {
            return work.bytes();
        }
        8.0 * (len(&step.out) + step.args.iter().map(len).sum::<f64>()) + Self::loop_bytes(step)
    }

    /// The steps as text, one a line, with their costs.
    pub fn listing(&self) -> String {
        let mut out = String::new();
        let name = |slot: &Slot| match self.slots.get(slot.0 as usize).map(|s| s.place) {
            Some(Place::Input(k)) => self.inputs.get(k).map_or("?".into(), |i| i.name.to_string()),
            Some(Place::Constant(k)) => match self.constants.get(k).map(Vec::as_slice) {
                Some([value]) => value.to_string(),
                _ => format!("c{k}"),
            },
            _ => format!("%{}", slot.0),
        };
        for (at, step) in self.steps.iter().enumerate() {
            if at == self.held && at > 0 {
                let _ = writeln!(out, "# up to here once, from inputs that are held");
            }
            let shape = self.slots.get(step.out.0 as usize).map_or(String::new(), |s| shape_text(&s.shape));
            let mut args: Vec<String> = step.args.iter().take(8).map(name).collect();
            if step.args.len() > 8 {
                args.push("…".into());
            }
            let what = step.text();
            let (flops, bytes) = (step.flops(&self.slots), self.step_bytes(step));
            let also: String = step.more.iter().map(|slot| format!(", {}", name(slot))).collect();
            let left = format!("{}{also} [{shape}] = {what} ({})", name(&step.out), args.join(", "));
            let _ = writeln!(out, "{left:<60} # {flops} flops, {bytes} bytes");
            if let Op::Tiled(work) = &step.op {
                for step in &work.steps {
                    let shape = self.slots.get(step.out.0 as usize).map_or(String::new(), |s| shape_text(&s.shape));
                    let args: Vec<String> = step.args.iter().map(name).collect();
                    let left = format!("    {} [{shape}] = {} ({})", name(&step.out), step.text(), args.join(", "));
                    let _ = writeln!(out, "{left:<60} # {} flops", step.flops(&self.slots));
                }
            }
            if let Op::Recurrence(work) = &step.op {
                work.body.listing().lines().for_each(|line| {
                    let _ = writeln!(out, "    {line}");
                });
            }
        }
        let roots: Vec<String> =
            self.roots.iter().map(|v| format!("{} [{}]", name(&v.slot), shape_text(&v.shape))).collect();
        let _ = writeln!(out, "return {}", roots.join(", "));
        if let Some(whole) = &self.whole {
            let _ = writeln!(out, "# as {}", whole.text());
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(chain) = &self.chain {
            let _ = writeln!(out, "# as one function, {} bytes of machine code", chain.length());
        }
        let _ = writeln!(
            out,
            "# {} steps, {} flops, {} bytes moved, {} bytes of memory",
            self.steps.len(),
            self.flops(),
            self.traffic(),
            self.memory_bytes()
        );
        out
    }
}
