//! A program of short fused loops as one function: no step is looked up, no length is checked between the loops, and results
//! are written to their place at once.

use memmap2::{Mmap, MmapMut};

use super::allocate::{Allocator, Base, Exit, Load, Sink};
use super::asm::{
    Arith, Assembler, Gpr, Logic, R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RDX, RSI, Rm, Width,
    Xmm,
};
use super::lower::expand;
use super::rows::{BASES, Plan};
use super::schedule::Schedule;
use super::{Bound, Native};
use crate::code::Reg;
use crate::code::straight::Straight;
use crate::fused::{FusedLoop, Strides};
use crate::program::{Op, Place, Program, Slot, Step};

/// More loops than this are left to steps.
const MOST_LOOPS: usize = 48;

/// Registers that the caller finds as they were.
const SAVED: [Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// Registers for what moves that need not be saved.
const FREE: [Gpr; 4] = [R8, R9, R10, R11];

/// A table of pointers, and scratch memory.
#[allow(unsafe_code, reason = "machine code")]
type Entry = unsafe extern "sysv64" fn(*const *const f64, *mut f64);

/// What a pointer of the table points to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    Input(usize),
    Constant(usize),
    Buffer(usize),
    Result(usize),
}

/// Machine code of a program of loops.
#[derive(Debug)]
pub(crate) struct Chain {
    code: Mmap,
    length: usize,
    /// The table, and how many numbers have to be there.
    table: Vec<(Source, usize)>,
    /// How many numbers of scratch memory it uses.
    scratch: usize,
    /// Results that no loop writes.
    rest: Vec<usize>,
    /// Instructions of a run, roughly.
    cost: usize,
}

/// Memory of runs.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChainMemory {
    scratch: Vec<f64>,
}

impl Chain {
    /// The machine code of a program whose buffers have their places; `None` where it is no program of such loops.
    pub fn new(program: &Program) -> Option<Self> {
        let fits = Native::available() && program.held == 0 && program.whole.is_none();
        if !fits || program.steps.is_empty() || program.steps.len() > MOST_LOOPS {
            return None;
        }
        let written = |slot: Slot| program.steps.iter().any(|step| step.outs().any(|out| out == slot));
        let mut direct: Vec<(Slot, usize)> = Vec::new();
        let mut rest = Vec::new();
        for (k, root) in program.roots.iter().enumerate() {
            let info = program.slots.get(root.slot.0 as usize)?;
            let all = root.is_dense() && root.offset == 0 && root.shape.iter().product::<usize>() == info.len;
            // what several results have, or have a part of, is copied from its buffer
            let once = program.roots.iter().filter(|other| other.slot == root.slot).count() == 1;
            let buffer = matches!(info.place, Place::Buffer(_));
            match buffer && written(root.slot) {
                true if all && once => direct.push((root.slot, k)),
                true if once => return None,
                false if buffer => return None,
                _ => rest.push(k),
            }
        }
        // few registers are enough where little moves: none has to be saved
        let little = |step: &Step| match &step.op {
            Op::Fused(work) => {
                flat(work).and_then(|work| Plan::new(&work, &FREE)).is_some_and(|plan| plan.moving <= FREE.len())
            }
            _ => false,
        };
        let few = program.steps.iter().all(little);
        let (bases, base): (&[Gpr], Gpr) = if few { (&FREE, RSI) } else { (&BASES, R12) };
        let (table, exits) = (Vec::new(), Vec::new());
        let mut maker = Maker { program, direct, table, exits, scratch: 0, cost: 0, bases, base };
        let mut asm = Assembler::default();
        if !few {
            SAVED.iter().for_each(|r| asm.push(*r));
            asm.copy(R12, RSI);
        }
        for step in &program.steps {
            let Op::Fused(work) = &step.op else { return None };
            asm = maker.step(step, work, asm)?;
        }
        asm.clear_upper();
        if !few {
            SAVED.iter().rev().for_each(|r| asm.pop(*r));
        }
        asm.ret();
        let Maker { table, exits, scratch, cost, .. } = maker;
        let none = Straight { code: Default::default(), loads: Vec::new(), inputs: Vec::new(), results: Vec::new() };
        let schedule = Schedule::new(&none);
        let mut last = Allocator::new(&schedule, asm, Width::One);
        last.exits = exits;
        last.exits();
        let length = last.asm.bytes.len();
        let bytes = last.asm.finish();
        let mut memory = MmapMut::map_anon(bytes.len()).ok()?;
        memory.copy_from_slice(&bytes);
        let code = memory.make_exec().ok()?;
        Some(Self { code, length, table, scratch, rest, cost })
    }

    /// Instructions of a run, roughly.
    pub fn cost(&self) -> usize {
        self.cost
    }

    /// How many bytes of instructions there are.
    pub fn length(&self) -> usize {
        self.length
    }

    /// Results that are not written: they are inputs, or known from the start.
    pub fn rest(&self) -> &[usize] {
        &self.rest
    }

    /// Runs all loops; says whether all that they reach is in the memory given, else nothing happens.
    pub fn run<R: AsMut<[f64]>>(
        &self,
        data: &[&[f64]],
        constants: &[Vec<f64>],
        buffers: &mut [Vec<f64>],
        results: &mut [R],
        memory: &mut ChainMemory,
    ) -> bool {
        const FEW: usize = 16;
        let (mut few, mut many) = ([std::ptr::null::<f64>(); FEW], Vec::new());
        let table = if self.table.len() <= FEW {
            &mut few[..self.table.len()]
        } else {
            many.resize(self.table.len(), std::ptr::null());
            many.as_mut_slice()
        };
        if !self.find(data, constants, buffers, results, table) {
            return false;
        }
        if memory.scratch.len() < self.scratch {
            memory.scratch.resize(self.scratch, 0.0);
        }
        // SAFETY: the bytes are a whole function of this type, made by `new` on a processor with the features that it has
        // checked. It reads and writes at the pointers of the table below the lengths that were checked above, and scratch
        // memory below `self.scratch`. It writes to buffers and results only, which are exclusive borrows.
        #[allow(unsafe_code)]
        unsafe {
            let entry = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr());
            entry(table.as_ptr(), memory.scratch.as_mut_ptr());
        }
        true
    }

    /// The code bound to its memory, where all lengths are right and all results are written.
    pub fn bind<R: AsMut<[f64]>>(
        &self,
        data: &[&[f64]],
        constants: &[Vec<f64>],
        buffers: &mut [Vec<f64>],
        results: &mut [R],
        memory: &mut ChainMemory,
    ) -> Option<Bound> {
        let mut table = vec![std::ptr::null(); self.table.len()];
        if !self.rest.is_empty() || !self.find(data, constants, buffers, results, &mut table) {
            return None;
        }
        memory.scratch.resize(self.scratch.max(memory.scratch.len()), 0.0);
        Some(Bound { entry: self.code.as_ptr(), table, scratch: memory.scratch.as_mut_ptr() })
    }

    /// Fills the table; says whether all is long enough.
    fn find<R: AsMut<[f64]>>(
        &self,
        data: &[&[f64]],
        constants: &[Vec<f64>],
        buffers: &mut [Vec<f64>],
        results: &mut [R],
        table: &mut [*const f64],
    ) -> bool {
        for ((source, length), place) in self.table.iter().zip(table.iter_mut()) {
            // each buffer and each result is borrowed once
            let found = match *source {
                Source::Input(k) => data.get(k).map(|x| (x.as_ptr(), x.len())),
                Source::Constant(k) => constants.get(k).map(|x| (x.as_ptr(), x.len())),
                Source::Buffer(k) => buffers.get_mut(k).map(|x| (x.as_mut_ptr().cast_const(), x.len())),
                Source::Result(k) => results.get_mut(k).map(|x| {
                    let x = x.as_mut();
                    (x.as_mut_ptr().cast_const(), x.len())
                }),
            };
            match found {
                Some((pointer, found)) if found >= *length => *place = pointer,
                _ => return false,
            }
        }
        true
    }
}

struct Maker<'p> {
    program: &'p Program,
    /// Slots that are written to results at once.
    direct: Vec<(Slot, usize)>,
    table: Vec<(Source, usize)>,
    exits: Vec<Exit>,
    scratch: usize,
    cost: usize,
    /// Registers for what moves, and the one that points to scratch memory.
    bases: &'p [Gpr],
    base: Gpr,
}

/// Some turns of a loop.
struct Section {
    width: Width,
    /// How often the body stands there.
    copies: usize,
    from: usize,
    to: usize,
}

impl Section {
    fn lanes(&self) -> usize {
        if self.width == Width::One { 1 } else { 4 }
    }

    fn turns(&self) -> usize {
        (self.to - self.from).div_ceil(self.lanes() * self.copies)
    }
}

/// The sections of a loop: eight places at a time, then four; what is left one by one, or together with some of the last
/// again where these may be computed twice.
fn sections(n: usize, again: bool, long: bool) -> Vec<Section> {
    let section = |width, copies, from, to| Section { width, copies, from, to };
    let eight = if n >= 16 && !long { n & !7 } else { 0 };
    let four = n & !3;
    let mut all = vec![section(Width::Four, 2, 0, eight), section(Width::Four, 1, eight, four)];
    if again && n >= 4 && four < n {
        all.push(section(Width::Four, 1, n - 4, n));
    } else {
        all.push(section(Width::One, 1, four, n));
    }
    all.retain(|section| section.from < section.to);
    all
}

/// A body of more tasks than this stands there once.
const LONG: usize = 64;

/// So many numbers at most are kept in registers over a loop.
const HOISTED: usize = 8;

/// What one loop needs.
struct Frame<'f> {
    schedule: &'f Schedule<'f>,
    loads: Vec<Vec<Load>>,
    sinks: &'f [Vec<Sink>],
    /// What does not move: where its pointer is, and where it is from there.
    fixed: Vec<(i32, i32)>,
    /// Pointers to sums, and where they are from there.
    sums: Vec<(i32, i32, bool)>,
}

impl Maker<'_> {
    /// Where a slot is in the table, of which so many numbers are needed.
    fn pointer(&mut self, slot: Slot, length: usize) -> Option<i32> {
        let info = self.program.slots.get(slot.0 as usize)?;
        if length > info.len {
            return None;
        }
        let source = match (self.direct.iter().find(|(known, _)| *known == slot), info.place) {
            (Some((_, result)), _) => Source::Result(*result),
            (None, Place::Input(k)) => Source::Input(k),
            (None, Place::Constant(k)) => Source::Constant(k),
            (None, Place::Buffer(k)) => Source::Buffer(k),
        };
        let at = self.table.iter().position(|(known, _)| *known == source).unwrap_or_else(|| {
            self.table.push((source, 0));
            self.table.len() - 1
        });
        self.table[at].1 = self.table[at].1.max(length);
        Some(8 * at as i32)
    }

    /// The machine code of one loop.
    fn step(&mut self, step: &Step, work: &FusedLoop, mut asm: Assembler) -> Option<Assembler> {
        let work = flat(work)?;
        let n = *work.extents.first()?;
        let outs: Vec<Slot> = step.outs().collect();
        let reach = |start: usize, strides: &Strides| {
            (n - 1).checked_mul(strides.first().copied().unwrap_or(0))?.checked_add(start)?.checked_add(1)
        };
        let mut reads = Vec::with_capacity(work.streams.len());
        for stream in &work.streams {
            let slot = *step.args.get(stream.arg)?;
            reads.push(self.pointer(slot, reach(stream.start, &stream.strides)?)?);
        }
        let mut writes = Vec::with_capacity(work.outputs.len());
        for output in &work.outputs {
            let slot = *outs.get(output.out)?;
            writes.push(self.pointer(slot, reach(output.start, &output.strides)?)?);
        }
        let plan = Plan::new(&work, self.bases)?;
        let mut values: Vec<Reg> = work.outputs.iter().map(|output| output.value).collect();
        let code = expand(&work.code, &mut values, |_| true);
        let results = values.into_iter().map(|value| vec![value]).collect();
        let straight = Straight { code, loads: Vec::new(), inputs: Vec::new(), results };
        let schedule = Schedule::new(&straight);
        let far = |start: usize| i32::try_from(start.checked_mul(8)?).ok();
        let sums: Vec<(i32, i32, bool)> = plan
            .sums
            .iter()
            .map(|k| {
                let output = work.outputs.get(*k)?;
                Some((*writes.get(*k)?, far(output.start)?, output.add))
            })
            .collect::<Option<_>>()?;
        for (pointer, start, add) in &sums {
            if !add {
                asm.fetch(RAX, RDI, *pointer);
                asm.logic(Width::One, Logic::Xor, Xmm(0), Xmm(0), Rm::Reg(Xmm(0)));
                asm.store(Width::One, Rm::Mem(RAX, *start), Xmm(0));
            }
        }
        // what moves; beyond the registers, where it is in the table and how far it starts from there
        let mut beyond = Vec::new();
        for (k, pointer) in plan.pointers.iter().enumerate().take(plan.moving) {
            let at = if pointer.written {
                let output = work.outputs.iter().position(|output| output.out == pointer.which)?;
                *writes.get(output)?
            } else {
                let stream = work.streams.iter().position(|stream| stream.arg == pointer.which)?;
                *reads.get(stream)?
            };
            let Some(base) = self.bases.get(k).copied() else {
                beyond.push((at, far(pointer.start)?));
                continue;
            };
            asm.fetch(base, RDI, at);
            if pointer.start > 0 {
                asm.address(base, base, far(pointer.start)?);
            }
        }
        let mut fixed = Vec::new();
        for pointer in plan.pointers.iter().skip(plan.moving) {
            let stream = work.streams.iter().position(|s| {
                !pointer.written && s.arg == pointer.which && s.start == pointer.start && s.strides == pointer.strides
            })?;
            fixed.push((*reads.get(stream)?, far(pointer.start)?));
        }
        // those of the second copy are four places further
        let registers = self.bases.len();
        let further = |base: Base, at: i32, copy: i32| match base {
            Base::Register(_) => (base, at + 32 * copy),
            Base::Table(entry) => {
                let (entry, start) = beyond.get(entry as usize / 8 - registers).copied().unwrap_or_default();
                (Base::Table(entry), at + start + 32 * copy)
            }
        };
        let first = sums.len() as u32;
        let loads = |copy: i32| -> Vec<Load> {
            let one = |load: &Load| match *load {
                Load::Fixed(slot) => Load::Fixed(first + slot),
                Load::Moving(base, at) => {
                    let (base, at) = further(base, at, copy);
                    Load::Moving(base, at)
                }
            };
            plan.loads.iter().map(one).collect()
        };
        let sinks = |copy: i32| -> Vec<Sink> {
            let one = |sink: &Sink| match *sink {
                Sink::Set(base, at) => {
                    let (base, at) = further(base, at, copy);
                    Sink::Set(base, at)
                }
                Sink::Add(base, at) => {
                    let (base, at) = further(base, at, copy);
                    Sink::Add(base, at)
                }
                other => other,
            };
            plan.sinks.iter().map(one).collect()
        };
        let again = plan.sinks.iter().all(|sink| matches!(sink, Sink::Set(..)))
            && !outs.iter().any(|out| step.args.contains(out));
        let all_sinks = [sinks(0), sinks(1)];
        let frame = Frame { schedule: &schedule, loads: vec![loads(0), loads(1)], sinks: &all_sinks, fixed, sums };
        for section in sections(n, again, schedule.tasks.len() > LONG) {
            let lanes = section.lanes();
            let most = if section.turns() >= 4 { HOISTED } else { 0 };
            let mut made = self.section(&frame, &section, asm.clone(), 0)?;
            let mut hoisted = most;
            while hoisted > 0 {
                let other = self.section(&frame, &section, asm.clone(), hoisted)?;
                if other.1 == made.1 {
                    made = other;
                    break;
                }
                // it would spill
                hoisted /= 2;
            }
            let (code, scratch, exits) = made;
            self.scratch = self.scratch.max(lanes * scratch as usize);
            self.cost += section.turns() * section.copies * schedule.tasks.len() + 20;
            self.exits = exits;
            asm = code;
        }
        Some(asm)
    }

    /// The machine code of some turns, how much scratch memory they take, and the jumps out of all code so far.
    fn section(
        &self,
        frame: &Frame,
        section: &Section,
        asm: Assembler,
        hoisted: usize,
    ) -> Option<(Assembler, u32, Vec<Exit>)> {
        let Section { width, copies, from, to } = *section;
        let lanes = section.lanes();
        let mut it = Allocator::new(frame.schedule, asm, width);
        it.base = self.base;
        it.exits = self.exits.clone();
        let sums = frame.sums.len();
        it.scratch = (sums + frame.fixed.len()) as u32;
        for (k, (pointer, at)) in frame.fixed.iter().enumerate() {
            it.asm.fetch(RAX, RDI, *pointer);
            let from = Rm::Mem(RAX, *at);
            match width {
                Width::One => it.asm.load(width, Xmm(0), from),
                Width::Four => it.asm.broadcast(Xmm(0), from),
            }
            let cell = it.cell((sums + k) as u32);
            it.asm.store(width, cell, Xmm(0));
        }
        for k in 0..sums {
            let sum = Xmm(15 - k as u8);
            it.asm.logic(width, Logic::Xor, sum, sum, Rm::Reg(sum));
        }
        it.set_sinks(frame.sinks.first()?);
        it.hoist(hoisted);
        it.asm.number(RCX, from as u64);
        let repeats = section.turns() > 1;
        if repeats {
            it.asm.number(RDX, to as u64);
        }
        let top = it.asm.bytes.len();
        for (copy, loads) in frame.loads.iter().enumerate().take(copies) {
            if copy > 0 {
                it.once_more();
            }
            it.body(loads, frame.sinks.get(copy)?)?;
        }
        if repeats {
            it.asm.add(RCX, (lanes * copies) as i32);
            it.asm.again(top);
        }
        for (k, (pointer, start, _)) in frame.sums.iter().enumerate() {
            let Rm::Mem(base, at) = it.cell(k as u32) else { return None };
            it.asm.store(width, Rm::Mem(base, at), Xmm(15 - k as u8));
            it.asm.fetch(RAX, RDI, *pointer);
            it.asm.load(Width::One, Xmm(0), Rm::Mem(base, at));
            for lane in 1..lanes as i32 {
                it.asm.arith(Width::One, Arith::Add, Xmm(0), Xmm(0), Rm::Mem(base, at + 8 * lane));
            }
            it.asm.arith(Width::One, Arith::Add, Xmm(0), Xmm(0), Rm::Mem(RAX, *start));
            it.asm.store(Width::One, Rm::Mem(RAX, *start), Xmm(0));
        }
        Some((it.asm, it.scratch, it.exits))
    }
}

/// The loop with a single axis, along which everything moves where there is one turn only; no folds where values go to
/// places of their own.
fn flat(work: &FusedLoop) -> Option<FusedLoop> {
    let one = work.turns() == 1;
    if !one && work.extents.len() != 1 || work.turns() == 0 {
        return None;
    }
    let strides = |strides: &Strides| if one { Strides::from_slice(&[1]) } else { strides.clone() };
    let mut streams = work.streams.clone();
    streams.iter_mut().for_each(|stream| stream.strides = strides(&stream.strides));
    let mut outputs = work.outputs.clone();
    for output in &mut outputs {
        output.strides = strides(&output.strides);
        if output.strides.first() == Some(&1) && (!output.add || output.fold == Some(crate::fused::Fold::Sum)) {
            output.fold = None;
        }
    }
    let n = work.turns();
    Some(FusedLoop::new([n].into_iter().collect(), streams, work.code.clone(), outputs))
}
