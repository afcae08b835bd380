//! Fused loops as machine code: a row at a time, four places at once, what is left one by one.

use memmap2::{Mmap, MmapMut};
use smallvec::SmallVec;

use super::Native;
use super::allocate::{Allocator, Base, Load, Sink};
use super::asm::{
    Assembler, Gpr, Logic, R8, R9, R10, R11, R12, R13, R14, R15, RAX, RBP, RBX, RCX, RDI, RSI, Rm, Width, Xmm,
};
use super::lower::expand;
use super::schedule::Schedule;
use crate::code::Reg;
use crate::code::straight::Straight;
use crate::fused::{Fold, FusedLoop, Strides};

/// Registers for what moves.
pub(super) const BASES: [Gpr; 10] = [RBX, RBP, R13, R14, R15, R8, R9, R10, R11, RSI];

/// Registers that the caller finds as they were.
const SAVED: [Gpr; 6] = [RBX, RBP, R12, R13, R14, R15];

/// At most so many sums are kept in registers.
const MOST_SUMS: usize = 4;

/// Something that the code has a pointer to: an argument or a result, where a row starts, how that moves.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Pointer {
    pub written: bool,
    pub which: usize,
    pub start: usize,
    pub strides: Strides,
}

/// A table of pointers, scratch memory, the end of the row and where to start.
#[allow(unsafe_code, reason = "machine code")]
type Entry = unsafe extern "sysv64" fn(*const *const f64, *mut f64, usize, usize);

/// Machine code of a fused loop.
#[derive(Debug)]
pub(crate) struct Rows {
    code: Mmap,
    /// Where the function for one place at a time starts; that for four starts at 0.
    single: usize,
    pointers: Vec<Pointer>,
    /// The outputs that are sums along a row.
    sums: Vec<usize>,
    /// How many numbers of scratch memory it uses.
    scratch: usize,
}

/// Where things are: pointers, loads and sinks.
pub(super) struct Plan {
    pub pointers: Vec<Pointer>,
    /// How many of the first pointers move.
    pub moving: usize,
    pub loads: Vec<Load>,
    pub sinks: Vec<Sink>,
    /// The outputs that are sums along a row.
    pub sums: Vec<usize>,
    /// How many loads do not move.
    pub fixed: u32,
}

impl Plan {
    /// `None` where something moves by more than one. What moves beyond the registers is found by the table, whose entries
    /// are the pointers in their order.
    pub fn new(work: &FusedLoop, bases: &[Gpr]) -> Option<Self> {
        let inner = |strides: &Strides| strides.last().copied();
        let mut plan =
            Self { pointers: Vec::new(), moving: 0, loads: Vec::new(), sinks: Vec::new(), sums: Vec::new(), fixed: 0 };
        for output in &work.outputs {
            let adds = match (output.fold, output.add) {
                (None, add) => add,
                (Some(Fold::Sum), _) => true,
                _ => return None,
            };
            let sink = match inner(&output.strides)? {
                1 => {
                    let (base, at) = plan.base(bases, true, output.out, output.start, &output.strides)?;
                    if adds { Sink::Add(base, at) } else { Sink::Set(base, at) }
                }
                0 if adds && plan.sums.len() < MOST_SUMS => {
                    plan.sums.push(plan.sinks.len());
                    Sink::Sum(Xmm(16 - plan.sums.len() as u8))
                }
                _ => return None,
            };
            plan.sinks.push(sink);
        }
        for stream in &work.streams {
            if inner(&stream.strides)? == 1 {
                let (base, at) = plan.base(bases, false, stream.arg, stream.start, &stream.strides)?;
                plan.loads.push(Load::Moving(base, at));
            } else {
                plan.loads.push(Load::Fixed(0));
            }
        }
        plan.moving = plan.pointers.len();
        for (stream, load) in work.streams.iter().zip(&mut plan.loads) {
            match (inner(&stream.strides)?, load) {
                (0, Load::Fixed(slot)) => {
                    *slot = plan.fixed;
                    plan.fixed += 1;
                    let (which, start, strides) = (stream.arg, stream.start, stream.strides.clone());
                    plan.pointers.push(Pointer { written: false, which, start, strides });
                }
                (1, _) => {}
                _ => return None,
            }
        }
        Some(plan)
    }

    /// What points to a row, and the distance from there.
    fn base(
        &mut self,
        bases: &[Gpr],
        written: bool,
        which: usize,
        start: usize,
        strides: &Strides,
    ) -> Option<(Base, i32)> {
        let same = |p: &Pointer| p.written == written && p.which == which && p.strides == *strides;
        let at = self.pointers.iter().position(same).unwrap_or_else(|| {
            self.pointers.push(Pointer { written, which, start, strides: strides.clone() });
            self.pointers.len() - 1
        });
        let distance = i64::try_from(start).ok()? - i64::try_from(self.pointers.get(at)?.start).ok()?;
        let base = match bases.get(at) {
            Some(base) => Base::Register(*base),
            None => Base::Table(i32::try_from(8 * at).ok()?),
        };
        Some((base, i32::try_from(distance.checked_mul(8)?).ok()?))
    }
}

impl Rows {
    /// The machine code of a loop; `None` where it calls functions or moves in another way than along rows.
    pub fn new(work: &FusedLoop) -> Option<Self> {
        if !Native::available() || work.extents.is_empty() {
            return None;
        }
        let plan = Plan::new(work, &BASES)?;
        let mut values: Vec<Reg> = work.outputs.iter().map(|output| output.value).collect();
        let code = expand(&work.code, &mut values, |_| true);
        let results = values.into_iter().map(|value| vec![value]).collect();
        let straight = Straight { code, loads: Vec::new(), inputs: Vec::new(), results };
        let schedule = Schedule::new(&straight);
        let (asm, four) = function(&schedule, &plan, Assembler::default(), Width::Four)?;
        let single = asm.bytes.len();
        let (asm, one) = function(&schedule, &plan, asm, Width::One)?;
        let bytes = asm.finish();
        let mut memory = MmapMut::map_anon(bytes.len()).ok()?;
        memory.copy_from_slice(&bytes);
        let code = memory.make_exec().ok()?;
        let scratch = 4 * four.max(one) as usize;
        Some(Self { code, single, pointers: plan.pointers, sums: plan.sums, scratch })
    }

    /// Runs the loop; says whether all that it reaches is in the memory given, else nothing happens.
    pub fn run(&self, work: &FusedLoop, args: &[&[f64]], outs: &mut [&mut [f64]], scratch: &mut Vec<f64>) -> bool {
        if work.extents.contains(&0) {
            return false;
        }
        let Some((n, outer)) = work.extents.split_last() else { return false };
        if !work.reaches(args, outs) {
            return false;
        }
        scratch.resize(scratch.len().max(self.scratch), 0.0);
        let mut bases: SmallVec<[*const f64; 32]> = SmallVec::new();
        for pointer in &self.pointers {
            let base = match pointer.written {
                true => outs.get_mut(pointer.which).map(|memory| memory.as_mut_ptr().cast_const()),
                false => args.get(pointer.which).map(|memory| memory.as_ptr()),
            };
            let Some(base) = base else { return false };
            bases.push(base.wrapping_add(pointer.start));
        }
        let mut places: SmallVec<[usize; 4]> = self.sums.iter().map(|k| work.outputs[*k].start).collect();
        let mut turn: SmallVec<[usize; 8]> = SmallVec::from_elem(0, outer.len());
        let whole = n & !3;
        loop {
            // SAFETY: the bytes are two functions of this type, made by `function` for the streams and outputs of this loop,
            // on a processor with the features that `new` has checked. For places from the fourth argument up to the third,
            // at most the length of a row, they read and write at the pointers of the table what streams and outputs reach
            // in this row: all that lies inside, as checked above for the last place of the last row (all strides are at
            // least 0). Outputs are exclusive borrows; the scratch memory is as long as they need.
            #[allow(unsafe_code)]
            unsafe {
                let four = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr());
                let one = std::mem::transmute::<*const u8, Entry>(self.code.as_ptr().wrapping_add(self.single));
                if whole > 0 {
                    four(bases.as_ptr(), scratch.as_mut_ptr(), whole, 0);
                    self.collect(work, &places, scratch, outs, 4);
                }
                if whole < *n {
                    one(bases.as_ptr(), scratch.as_mut_ptr(), *n, whole);
                    self.collect(work, &places, scratch, outs, 1);
                }
            }
            let mut k = outer.len();
            loop {
                if k == 0 {
                    return true;
                }
                k -= 1;
                turn[k] += 1;
                let back = turn[k] == outer[k];
                let step = |stride: usize| if back { stride * (outer[k] - 1) } else { stride };
                for (base, pointer) in bases.iter_mut().zip(&self.pointers) {
                    let by = step(pointer.strides[k]);
                    *base = if back { base.wrapping_sub(by) } else { base.wrapping_add(by) };
                }
                for (place, output) in places.iter_mut().zip(&self.sums) {
                    let by = step(work.outputs[*output].strides[k]);
                    *place = if back { *place - by } else { *place + by };
                }
                if !back {
                    break;
                }
                turn[k] = 0;
            }
        }
    }

    /// Adds the sums of a row, in so many lanes, to their places.
    fn collect(&self, work: &FusedLoop, places: &[usize], scratch: &[f64], outs: &mut [&mut [f64]], lanes: usize) {
        for (k, (output, place)) in self.sums.iter().zip(places).enumerate() {
            let sum: f64 = scratch.iter().skip(k * lanes).take(lanes).sum();
            let out = work.outputs.get(*output).and_then(|o| outs.get_mut(o.out)).and_then(|out| out.get_mut(*place));
            if let Some(out) = out {
                *out += sum;
            }
        }
    }
}

/// The function for a width, and how much scratch memory it takes. The sums lie first in it, then what does not move.
fn function(schedule: &Schedule, plan: &Plan, asm: Assembler, width: Width) -> Option<(Assembler, u32)> {
    let sums = plan.sums.len() as u32;
    let mut it = Allocator::new(schedule, asm, width);
    it.scratch = sums + plan.fixed;
    SAVED.iter().for_each(|r| it.asm.push(*r));
    it.asm.copy(R12, RSI);
    for k in 0..plan.fixed {
        it.asm.fetch(RAX, RDI, 8 * (plan.moving as i32 + k as i32));
        match width {
            Width::One => it.asm.load(width, Xmm(0), Rm::Mem(RAX, 0)),
            Width::Four => it.asm.broadcast(Xmm(0), Rm::Mem(RAX, 0)),
        }
        let cell = it.cell(sums + k);
        it.asm.store(width, cell, Xmm(0));
    }
    for (k, base) in BASES.iter().enumerate().take(plan.moving) {
        it.asm.fetch(*base, RDI, 8 * k as i32);
    }
    for k in 0..sums {
        let sum = Xmm(15 - k as u8);
        it.asm.logic(width, Logic::Xor, sum, sum, Rm::Reg(sum));
    }
    let top = it.asm.bytes.len();
    let loads: Vec<Load> = plan
        .loads
        .iter()
        .map(|load| match load {
            Load::Fixed(slot) => Load::Fixed(sums + slot),
            moving => *moving,
        })
        .collect();
    it.body(&loads, &plan.sinks)?;
    it.asm.add(RCX, if width == Width::One { 1 } else { 4 });
    it.asm.again(top);
    for k in 0..sums {
        let cell = it.cell(k);
        it.asm.store(width, cell, Xmm(15 - k as u8));
    }
    it.asm.clear_upper();
    SAVED.iter().rev().for_each(|r| it.asm.pop(*r));
    it.asm.ret();
    it.exits();
    let scratch = it.scratch;
    Some((it.asm, scratch))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::{Builder, Inst};
    use crate::fused::{Output, Scratch, Stream};
    use crate::kernel::power::Power;
    use matgrad_calculus::graph::MapOp;

    /// A stencil with a constant along rows, a matrix, sums along rows and over all, and a sum over columns.
    fn work(m: usize, n: usize) -> FusedLoop {
        let mut build = Builder::default();
        let loads: Vec<Reg> = (0..5).map(|k| build.push(Inst::Load(k))).collect();
        let [left, right, still, entry, all] = loads[..] else { unreachable!() };
        let square = build.push(Inst::Power(Power::Whole(2), left));
        let gap = build.push(Inst::Sub(right, square));
        let two = build.constant(2.5);
        let scaled = build.push(Inst::Mul(two, gap));
        let sum = build.push(Inst::MulAdd(scaled, still, entry));
        let size = build.push(Inst::Unary(MapOp::Abs, sum));
        let root = build.push(Inst::Power(Power::Half(1), size));
        let larger = build.push(Inst::Binary(MapOp::Max, root, entry));
        let below = build.push(Inst::Binary(MapOp::Less, larger, two));
        let chosen = build.push(Inst::Select(below, gap, larger));
        let part = build.push(Inst::Div(chosen, all));
        let strides = |s: [usize; 2]| Strides::from_slice(&s);
        let stream = |arg, start, s| Stream { arg, start, strides: strides(s) };
        let streams = vec![
            stream(0, 1, [0, 1]),
            stream(0, 2, [0, 1]),
            stream(1, 0, [1, 0]),
            stream(2, 0, [n, 1]),
            stream(1, 3, [0, 0]),
        ];
        let output = |out, start, s, value, fold, add| Output { out, start, strides: strides(s), value, fold, add };
        let outputs = vec![
            output(0, 0, [n, 1], part, None, false),
            output(1, 1, [1, 0], sum, Some(Fold::Sum), false),
            output(2, 0, [0, 1], root, Some(Fold::Sum), true),
            output(3, 0, [0, 0], chosen, Some(Fold::Sum), false),
        ];
        let mut values: Vec<Reg> = outputs.iter().map(|o| o.value).collect();
        let code = build.finish(&mut values);
        let outputs = outputs.into_iter().zip(values).map(|(o, value)| Output { value, ..o }).collect();
        FusedLoop::new([m, n].into_iter().collect(), streams, code, outputs)
    }

    #[test]
    fn loops_agree_with_the_interpreter() {
        if !Native::available() {
            return;
        }
        let number = |k: usize| (k as f64 * 0.73).sin() + 0.2;
        for m in [0, 1, 3] {
            for n in [0, 1, 2, 3, 4, 5, 7, 16, 17, 31, 200] {
                let mut work = work(m, n);
                let (x, s): (Vec<f64>, Vec<f64>) = ((0..n + 2).map(number).collect(), (0..4).map(number).collect());
                let a: Vec<f64> = (0..m * n).map(|k| number(k + 9)).collect();
                let mut found = Vec::new();
                for round in 0..2 {
                    if round == 1 {
                        work.compile();
                        assert!(Rows::new(&work).is_some());
                    }
                    let mut outs = [vec![0.5; m * n], vec![0.5; m + 1], vec![0.5; n], vec![0.5; 1]];
                    let [p, q, r, t] = &mut outs;
                    work.run(&[&x, &s, &a], &mut [p, q, r, t], &mut Scratch::default());
                    found.push(outs);
                }
                for (x, y) in found[0].iter().flatten().zip(found[1].iter().flatten()) {
                    assert!((x - y).abs() <= 1e-13 * x.abs().max(1.0), "{m}×{n}: {y}, not {x}");
                }
            }
        }
    }

    /// Memory that is too short is not touched.
    #[test]
    fn lengths_are_checked() {
        let work = work(2, 9);
        let Some(rows) = Rows::new(&work) else { return };
        let (x, s, a) = ([1.0; 11], [1.0; 4], [1.0; 18]);
        let run = |x: &[f64], a: &[f64], length: usize| {
            let (mut p, mut q, mut r, mut t) = (vec![0.0; length], [0.0; 3], [0.0; 9], [0.0; 1]);
            rows.run(&work, &[x, &s, a], &mut [&mut p, &mut q, &mut r, &mut t], &mut Vec::new())
        };
        assert!(run(&x, &a, 18));
        assert!(!run(&x[..10], &a, 18));
        assert!(!run(&x, &a[..17], 18));
        assert!(!run(&x, &a, 17));
    }
}
