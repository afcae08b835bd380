//! Small programs as straight-line code: every step is carried out on registers instead of numbers.

use matgrad_calculus::graph::{MapOp, ReduceOp};
use rustc_hash::FxHashMap;

use super::straight::Straight;
use super::{Builder, Inst, Reg};
use crate::kernel::contract::{Contract, Kind};
use crate::kernel::{Loop, turns, walk};
use crate::program::{Op, Place, Program, Slot, Step, View};

mod matrix;

/// More turns of loops than this are not unrolled.
const MOST_TURNS: usize = 1 << 15;

/// Longer code is slower than loops.
const MOST_INSTRUCTIONS: usize = 1 << 12;

/// The program as straight-line code, where it is small and each step has such a form.
pub(crate) fn unroll(program: &Program) -> Option<Straight> {
    let stores = program.roots.iter().map(|v| v.shape.iter().fold(1, |n, k| usize::saturating_mul(n, *k)));
    let work = program.steps.iter().map(|step| amount(program, step)).chain(stores).fold(0, usize::saturating_add);
    if work > MOST_TURNS {
        return None;
    }
    let mut unroller = Unroller::new(program)?;
    for step in &program.steps {
        unroller.step(step)?;
        if unroller.build.code.insts.len() > MOST_TURNS {
            return None;
        }
    }
    let mut results = Vec::with_capacity(program.roots.len());
    for view in &program.roots {
        results.push(unroller.view(view)?);
    }
    let mut flat: Vec<Reg> = results.iter().flatten().copied().collect();
    let code = unroller.build.finish(&mut flat);
    if code.insts.len() > MOST_INSTRUCTIONS {
        return None;
    }
    let mut named = flat.into_iter();
    results.iter_mut().flatten().zip(&mut named).for_each(|(to, from)| *to = from);
    Some(Straight::new(code, &unroller.starts, results))
}

/// How often the innermost part of a step runs.
fn amount(program: &Program, step: &Step) -> usize {
    let len = program.slots.get(step.out.0 as usize).map_or(0, |slot| slot.len);
    let inner = match &step.op {
        Op::Contract(c) => all_loops(c).iter().map(|l| l.extent).fold(1, usize::saturating_mul),
        Op::Combine { terms, .. } => len.saturating_mul(terms.len()),
        Op::Unary { loops, .. } => turns(loops),
        Op::Binary { loops, .. } => turns(loops),
        Op::Select { loops, .. } => turns(loops),
        Op::Reduce { outer, inner, .. } => turns(outer).saturating_mul(turns(inner)),
        Op::Linalg { batch, .. } => len.saturating_mul(*batch),
        Op::Fill(_) | Op::Power { .. } => 0,
        Op::Recurrence(_) | Op::Fused(_) | Op::Tiled(_) | Op::Gather { .. } | Op::Scatter { .. } => usize::MAX,
    };
    inner.saturating_add(len)
}

/// The loops of a contraction, those of its kernel among them.
fn all_loops(c: &Contract) -> Vec<Loop<3>> {
    let mut loops = c.loops.clone();
    if let Kind::Gemm { m, k, n } = &c.kind {
        loops.extend([*m, *n, *k]);
    }
    loops
}

struct Unroller<'p> {
    program: &'p Program,
    build: Builder,
    /// Where each input starts, were they one after the other.
    starts: Vec<usize>,
    /// The registers of what is in a slot.
    slots: FxHashMap<Slot, Vec<Reg>>,
    /// The matrices whose factors a slot stands for.
    factored: FxHashMap<Slot, Vec<Reg>>,
}

impl<'p> Unroller<'p> {
    fn new(program: &'p Program) -> Option<Self> {
        let mut lengths: Vec<usize> = Vec::new();
        for slot in &program.slots {
            if let Place::Input(k) = slot.place {
                lengths.resize(lengths.len().max(k + 1), 0);
                lengths[k] = lengths[k].max(slot.len);
            }
        }
        let mut starts = Vec::with_capacity(lengths.len());
        let mut total = 0usize;
        for length in lengths {
            starts.push(total);
            // an empty input takes a place too, so that each start is another
            total = total.checked_add(length.max(1))?;
        }
        (total < u32::MAX as usize).then(|| Self {
            program,
            build: Builder::default(),
            starts,
            slots: FxHashMap::default(),
            factored: FxHashMap::default(),
        })
    }

    /// One number of a slot.
    fn read(&mut self, slot: Slot, at: usize) -> Option<Reg> {
        let info = self.program.slots.get(slot.0 as usize)?;
        match info.place {
            Place::Input(k) => {
                let place = (at < info.len).then_some(self.starts.get(k)? + at)?;
                Some(self.build.push(Inst::Load(place as u32)))
            }
            Place::Constant(k) => {
                let value = *self.program.constants.get(k)?.get(at)?;
                Some(self.build.constant(value))
            }
            Place::Buffer(_) => self.slots.get(&slot)?.get(at).copied(),
        }
    }

    fn view(&mut self, view: &View) -> Option<Vec<Reg>> {
        let loops: Vec<Loop<1>> =
            view.shape.iter().zip(&view.strides).map(|(n, s)| Loop { extent: *n, strides: [*s] }).collect();
        let mut places = Vec::new();
        walk(&loops, [view.offset], |[at]| places.push(at));
        places.into_iter().map(|at| self.read(view.slot, at)).collect()
    }

    /// Carries out a step; `None` where it has no straight form.
    fn step(&mut self, step: &Step) -> Option<()> {
        let len = self.program.slots.get(step.out.0 as usize)?.len;
        let zero = self.build.constant(0.0);
        let mut out = self.slots.remove(&step.out).unwrap_or_default();
        out.resize(len, zero);
        let arg = |k: usize| step.args.get(k).copied();
        match &step.op {
            Op::Fill(value) => {
                let value = self.build.constant(*value);
                out.fill(value);
            }
            Op::Contract(c) => self.contract(c, arg(0)?, arg(1), &mut out)?,
            Op::Combine { terms, constant } => {
                for (i, place) in out.iter_mut().enumerate() {
                    let mut sum = self.build.constant(*constant);
                    for ((c, start), slot) in terms.iter().zip(&step.args) {
                        let x = self.read(*slot, start + i)?;
                        let term = self.build.scaled(*c, x);
                        sum = self.build.sum(sum, term);
                    }
                    *place = sum;
                }
            }
            Op::Unary { op, scale, start, loops } => {
                for [x, to] in places(loops, [*start, 0]) {
                    let x = self.read(arg(0)?, x)?;
                    let x = self.build.scaled(*scale, x);
                    *out.get_mut(to)? = self.build.function(*op, x);
                }
            }
            Op::Binary { op, start: [x, y], loops } => {
                for [x, y, to] in places(loops, [*x, *y, 0]) {
                    let (x, y) = (self.read(arg(0)?, x)?, self.read(arg(1)?, y)?);
                    *out.get_mut(to)? = self.build.function_of_two(*op, x, y);
                }
            }
            Op::Select { start: [c, x, y], loops } => {
                for [c, x, y, to] in places(loops, [*c, *x, *y, 0]) {
                    let (c, x, y) = (self.read(arg(0)?, c)?, self.read(arg(1)?, x)?, self.read(arg(2)?, y)?);
                    *out.get_mut(to)? = self.build.choose(c, x, y);
                }
            }
            Op::Power { power, start } => {
                for (i, place) in out.iter_mut().enumerate() {
                    let x = self.read(arg(0)?, start + i)?;
                    *place = self.build.power(*power, x);
                }
            }
            Op::Reduce { op, start, outer, inner } => {
                let rows = places(outer, [*start]);
                for ([row], place) in rows.into_iter().zip(&mut out) {
                    let mut entries = Vec::new();
                    for [at] in places(inner, [row]) {
                        entries.push(self.read(arg(0)?, at)?);
                    }
                    *place = self.reduce(*op, &entries);
                }
            }
            Op::Linalg { op, start, batch } => self.linalg(*op, *start, *batch, step, &mut out)?,
            Op::Recurrence(_) | Op::Fused(_) | Op::Tiled(_) | Op::Gather { .. } | Op::Scatter { .. } => return None,
        }
        self.slots.insert(step.out, out);
        Some(())
    }

    fn contract(&mut self, c: &Contract, a: Slot, b: Option<Slot>, out: &mut [Reg]) -> Option<()> {
        let mut terms: Vec<(usize, Reg)> = Vec::new();
        for [at_a, at_b, at] in places(&all_loops(c), c.start) {
            let mut term = self.read(a, at_a)?;
            if let Some(b) = b {
                let factor = self.read(b, at_b)?;
                term = self.build.product(term, factor);
            }
            terms.push((at, term));
        }
        terms.sort_by_key(|(at, _)| *at);
        for same in terms.chunk_by(|x, y| x.0 == y.0) {
            let place = out.get_mut(same.first()?.0)?;
            let zero = self.build.constant(0.0);
            let list: Vec<Reg> = same.iter().map(|(_, term)| *term).filter(|term| *term != zero).collect();
            let sum = self.build.total(&list);
            let sum = self.build.scaled(c.alpha, sum);
            *place = if c.accumulate { self.build.sum(*place, sum) } else { sum };
        }
        Some(())
    }

    fn reduce(&mut self, op: ReduceOp, entries: &[Reg]) -> Reg {
        let pairs = |build: &mut Builder, op: MapOp, empty: f64| {
            let mut list = entries.to_vec();
            while list.len() > 1 {
                list = list
                    .chunks(2)
                    .map(|pair| match *pair {
                        [x, y] => build.function_of_two(op, x, y),
                        _ => pair[0],
                    })
                    .collect();
            }
            list.first().copied().unwrap_or_else(|| build.constant(empty))
        };
        match op {
            ReduceOp::Max => pairs(&mut self.build, MapOp::Max, f64::NEG_INFINITY),
            ReduceOp::Min => pairs(&mut self.build, MapOp::Min, f64::INFINITY),
            ReduceOp::Prod => {
                let one = self.build.constant(1.0);
                entries.iter().fold(one, |value, x| self.build.product(value, *x))
            }
            ReduceOp::LogSumExp => {
                let top = pairs(&mut self.build, MapOp::Max, f64::NEG_INFINITY);
                let mut terms = Vec::with_capacity(entries.len());
                for x in entries {
                    let x = self.build.difference(*x, top);
                    terms.push(self.build.function(MapOp::Exp, x));
                }
                let sum = self.build.total(&terms);
                let log = self.build.function(MapOp::Log, sum);
                let value = self.build.sum(top, log);
                let (size, infinite) = (self.build.function(MapOp::Abs, top), self.build.constant(f64::INFINITY));
                let finite = self.build.function_of_two(MapOp::Less, size, infinite);
                self.build.choose(finite, value, top)
            }
        }
    }
}

/// All turns of some loops.
fn places<const N: usize>(loops: &[Loop<N>], start: [usize; N]) -> Vec<[usize; N]> {
    let mut all = Vec::with_capacity(turns(loops).min(MOST_TURNS));
    walk(loops, start, |at| all.push(at));
    all
}
