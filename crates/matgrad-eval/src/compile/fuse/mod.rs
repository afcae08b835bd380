//! Joins steps entry by entry, with the reductions after them, to fused loops.
//!
//! Each step that is a loop around some arithmetic becomes a statement. A slot that statements alone write is a function
//! of its place, one formula for each box of it; where that is cheaper than memory, the formula is put into the loops that
//! read the slot (shifted, spread or sliced as they read it), and the slot is never written. Where a loop reads across
//! boxes, it is cut. What remains is computed by one loop for each slot and box.

mod grid;
mod merge;
mod statement;
mod version;

use matgrad_calculus::graph::ReduceOp;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::hold::kept;
use crate::fused::Fold;
use crate::kernel::power::Power;
use crate::program::{Op, Place, Program, Slot, SlotInfo, Step};
use grid::{Grid, Located, Part, boxes};
use merge::Entry;
use statement::{Access, Statement};

/// No slot is cut into more parts than this.
const MOST_PARTS: usize = 32;
/// No loop has more instructions than this.
const MOST_CODE: usize = 256;
/// What writing a number and reading it again costs, an addition taken as 1.
const MEMORY: usize = 4;

/// What is known of a slot before its steps are met.
#[derive(Clone, Debug, Default)]
struct Traffic {
    /// The steps that write it.
    writes: Vec<usize>,
    /// The steps that read it.
    reads: Vec<usize>,
    /// How often its numbers are read, all loops together.
    turns: usize,
    /// Whether something reads it that is no statement.
    outside: bool,
    /// Whether all its steps are statements, and it is read after the last of them only.
    whole: bool,
}

/// A slot that is not written: what its places hold.
struct Formula {
    grid: Grid,
    parts: Vec<Part>,
}

struct Fuser<'c> {
    slots: &'c [SlotInfo],
    traffic: Vec<Traffic>,
    formulas: FxHashMap<Slot, Formula>,
    done: Vec<Entry>,
}

/// Joins what can run in one loop; steps that are held stay apart from those that are not.
pub(super) fn fuse(program: &mut Program) {
    let kept: FxHashSet<Slot> = kept(program).into_iter().chain(program.roots.iter().map(|view| view.slot)).collect();
    let rest = program.steps.split_off(program.held.min(program.steps.len()));
    let first = std::mem::take(&mut program.steps);
    let first = join_all(first, &mut program.slots, &program.constants, &kept);
    program.held = first.len();
    program.steps = first;
    program.steps.extend(join_all(rest, &mut program.slots, &program.constants, &kept));
}

/// The steps with what can run in one loop joined; `kept` are the slots that are read afterwards.
fn join_all(steps: Vec<Step>, slots: &mut Vec<SlotInfo>, constants: &[Vec<f64>], kept: &FxHashSet<Slot>) -> Vec<Step> {
    let steps = version::take_apart(steps, slots, constants, kept);
    let (mut before, mut statements) = (Vec::with_capacity(steps.len()), Vec::with_capacity(steps.len()));
    for step in steps {
        if let Op::Reduce { op: ReduceOp::LogSumExp, .. } = &step.op
            && let Some(info) = slots.get(step.out.0 as usize).cloned()
        {
            let helpers = [0, 1].map(|k| Slot((slots.len() + k) as u32));
            if let Some(parts) = Statement::of_logsumexp(&step, helpers) {
                slots.extend([info.clone(), info]);
                for part in parts {
                    before.push(placeholder(&part));
                    statements.push(Some(part));
                }
                continue;
            }
        }
        statements.push(Statement::of(&step, slots, constants));
        before.push(step);
    }
    let traffic = traffic(&before, &statements, slots, kept);
    let mut fuser = Fuser { slots, traffic, formulas: FxHashMap::default(), done: Vec::new() };
    let mut waiting: FxHashMap<Slot, Vec<(Statement, Step)>> = FxHashMap::default();
    for (at, (step, statement)) in before.into_iter().zip(statements).enumerate() {
        let Some(statement) = statement else {
            step.args.iter().for_each(|slot| fuser.write(*slot));
            fuser.done.push(Entry::Step(step));
            continue;
        };
        let slot = step.out;
        let known = fuser.traffic.get(slot.0 as usize);
        let (whole, last) = known.map_or((false, at), |t| (t.whole, t.writes.last().copied().unwrap_or(at)));
        if !whole {
            fuser.alone(statement, step);
            continue;
        }
        let writes = waiting.entry(slot).or_default();
        writes.push((statement, step));
        if at == last {
            let writes = std::mem::take(writes);
            fuser.define(slot, writes, at);
        }
    }
    let mut left: Vec<Slot> = fuser.formulas.keys().copied().filter(|slot| kept.contains(slot)).collect();
    left.sort_unstable();
    left.into_iter().for_each(|slot| fuser.write(slot));
    merge::merge(fuser.done, kept)
}

/// A statement that no step was made for, as a step that writes and reads the same; it is never carried out.
fn placeholder(statement: &Statement) -> Step {
    let args = statement.loads.iter().map(|l| l.slot).collect();
    let op = Op::Power { power: Power::Whole(1), start: 0 };
    Step { op, out: statement.out.slot, more: SmallVec::new(), args }
}

fn traffic(
    steps: &[Step],
    statements: &[Option<Statement>],
    slots: &[SlotInfo],
    kept: &FxHashSet<Slot>,
) -> Vec<Traffic> {
    let mut all: Vec<Traffic> = vec![Traffic::default(); slots.len()];
    for (at, (step, statement)) in steps.iter().zip(statements).enumerate() {
        for out in step.outs() {
            all[out.0 as usize].writes.push(at);
        }
        for slot in &step.args {
            let known = &mut all[slot.0 as usize];
            known.reads.push(at);
            match statement {
                Some(statement) => known.turns = known.turns.saturating_add(statement.turns()),
                None => known.outside = true,
            }
        }
    }
    kept.iter().for_each(|slot| all[slot.0 as usize].outside = true);
    for k in 0..all.len() {
        let known = &all[k];
        let Some(last) = known.writes.last().copied() else { continue };
        let plain = known.writes.iter().all(|at| statements[*at].is_some());
        let after = known.reads.iter().all(|at| *at > last);
        // what its steps read is not written any more once they run
        let settled = known.writes.iter().all(|at| {
            steps[*at].args.iter().all(|arg| all[arg.0 as usize].writes.last().is_none_or(|write| write < at))
        });
        all[k].whole = plain && after && settled && matches!(slots[k].place, Place::Buffer(_));
    }
    all
}

impl Fuser<'_> {
    /// A statement on its own, of a slot that others write too.
    fn alone(&mut self, statement: Statement, step: Step) {
        let before = statement.clone();
        let parts = self.expand(statement);
        match parts.as_slice() {
            [part] if part.loads == before.loads && !pays(&step) => self.done.push(Entry::Step(step)),
            _ => parts.into_iter().for_each(|part| self.done.push(part.into())),
        }
    }

    /// All statements of a slot are known: it becomes a formula or is computed now.
    fn define(&mut self, slot: Slot, mut writes: Vec<(Statement, Step)>, at: usize) {
        let len = self.slots.get(slot.0 as usize).map_or(0, |s| s.len);
        if writes.iter().any(|(s, _)| s.fold.is_some()) {
            // zeros that a sum over the whole starts with
            if let [(zero, _), (sum, _)] = writes.as_mut_slice()
                && zero.fold.is_none()
                && !zero.add
                && sum.fold == Some(Fold::Sum)
                && zero.loads.is_empty()
                && zero.places() == len
                && sum.places() == len
                && sum.add
                && zero.number() == Some(0.0)
            {
                let mut joined = sum.clone();
                joined.add = false;
                let before = joined.loads.clone();
                let parts = self.expand(joined);
                if parts.len() == 1 && parts[0].loads == before && !writes.iter().any(|(_, step)| pays(step)) {
                    writes.into_iter().for_each(|(_, step)| self.done.push(Entry::Step(step)));
                } else {
                    parts.into_iter().for_each(|part| self.done.push(part.into()));
                }
                return;
            }
            writes.into_iter().for_each(|(statement, step)| self.alone(statement, step));
            return;
        }
        let Some(parts) = joined(&writes, len) else {
            writes.into_iter().for_each(|(statement, step)| self.alone(statement, step));
            return;
        };
        let before: Vec<Access> = parts.iter().flat_map(|p| p.loads.iter().cloned()).collect();
        let parts: Vec<Statement> = parts.into_iter().flat_map(|part| self.expand(part)).collect();
        if self.is_cheap(slot, &parts, at)
            && let Some(grid) = Grid::of(parts.iter(), len)
            && let Some(parts) = parts.iter().map(|p| grid.normal(p)).collect::<Option<Vec<Part>>>()
        {
            self.formulas.insert(slot, Formula { grid, parts });
            return;
        }
        let same = parts.iter().flat_map(|p| &p.loads).eq(&before);
        if let ([(_, step)], true) = (writes.as_slice(), same)
            && !pays(step)
        {
            self.done.push(Entry::Step(step.clone()));
            return;
        }
        parts.into_iter().for_each(|part| self.done.push(part.into()));
    }

    /// Whether computing a slot wherever it is read costs less than memory.
    fn is_cheap(&self, slot: Slot, parts: &[Statement], at: usize) -> bool {
        let (Some(traffic), Some(info)) = (self.traffic.get(slot.0 as usize), self.slots.get(slot.0 as usize)) else {
            return false;
        };
        let Some(cost) = parts.iter().map(Statement::cost).max() else { return false };
        let code: usize = parts.iter().map(|p| p.code.insts.len()).sum();
        let settled = parts.iter().flat_map(|p| &p.loads).all(|load| {
            let writes = self.traffic.get(load.slot.0 as usize).map(|t| &t.writes);
            writes.is_none_or(|w| w.last().is_none_or(|write| *write <= at))
        });
        let again = cost.saturating_mul(traffic.turns.saturating_sub(info.len));
        !traffic.outside
            && settled
            && code <= MOST_CODE
            && parts.len() <= MOST_PARTS
            && again <= MEMORY.saturating_mul(info.len)
    }

    /// Writes a slot that was a formula so far.
    fn write(&mut self, slot: Slot) {
        if let Some(formula) = self.formulas.remove(&slot) {
            formula.parts.into_iter().for_each(|part| self.done.push(part.statement.into()));
        }
    }

    /// The statement with formulas put in for what it reads; cut where it reads across boxes.
    fn expand(&mut self, statement: Statement) -> Vec<Statement> {
        let whole = statement.clone();
        let mut work = vec![statement];
        let mut ready = Vec::new();
        while let Some(mut statement) = work.pop() {
            let found = statement.loads.iter().position(|load| self.formulas.contains_key(&load.slot));
            let Some(load) = found else {
                ready.push(statement);
                continue;
            };
            let slot = statement.loads[load].slot;
            match self.put_in(&mut statement, load) {
                Put::Done => work.push(statement),
                Put::Cut(v, at) if ready.len() + work.len() < MOST_PARTS && may_cut(&statement, v) => {
                    let mut rest = statement.clone();
                    let n = statement.extents[v];
                    statement.restrict(v, 0, at);
                    rest.restrict(v, at, n);
                    if rest.fold.is_some() && rest.out.strides[v] == 0 {
                        rest.add = true;
                    }
                    work.push(rest);
                    work.push(statement);
                }
                Put::Cut(..) | Put::No => {
                    // from memory after all, everywhere
                    self.write(slot);
                    ready.clear();
                    work = vec![whole.clone()];
                }
            }
        }
        ready
    }

    fn put_in(&self, statement: &mut Statement, load: usize) -> Put {
        let Some(formula) = self.formulas.get(&statement.loads[load].slot) else { return Put::No };
        if statement.code.insts.len() > MOST_CODE {
            return Put::No;
        }
        let axes = loop {
            match formula.grid.locate(&statement.loads[load], &statement.extents) {
                Located::At(axes) => break axes,
                Located::Split(v, inner) if inner > 1 && inner < statement.extents[v] => statement.split_loop(v, inner),
                _ => return Put::No,
            }
        };
        let reach = |k: usize| -> usize {
            axes[k].digit + axes[k].moves.iter().map(|(v, c)| c * (statement.extents[*v] - 1)).sum::<usize>()
        };
        if statement.extents.contains(&0) {
            return Put::No;
        }
        let starts: SmallVec<[usize; 4]> = axes.iter().map(|a| a.digit).collect();
        let holds = |part: &&Part| (0..axes.len()).all(|k| part.low[k] <= starts[k] && starts[k] < part.high[k]);
        let Some(part) = formula.parts.iter().find(holds) else { return Put::No };
        for k in 0..axes.len() {
            if reach(k) >= part.high[k] {
                let [(v, c)] = axes[k].moves.as_slice() else { return Put::No };
                return Put::Cut(*v, (part.high[k] - starts[k]).div_ceil(*c));
            }
        }
        let places = part.statement.loads.iter().map(|inside| {
            let mut start = inside.start;
            let mut strides = SmallVec::from_elem(0, statement.extents.len());
            for (k, along) in axes.iter().enumerate() {
                start += inside.strides[k] * (along.digit - part.low[k]);
                for (v, c) in &along.moves {
                    strides[*v] += inside.strides[k] * c;
                }
            }
            Access { slot: inside.slot, start, strides }
        });
        let places = places.collect();
        statement.put_in(load, &part.statement.code, part.statement.value, places);
        Put::Done
    }
}

/// What became of putting a formula in.
enum Put {
    Done,
    /// The loop has to be cut at this turn first.
    Cut(usize, usize),
    No,
}

/// A fold may be cut where its parts can be put together again.
fn may_cut(statement: &Statement, v: usize) -> bool {
    statement.fold.is_none() || statement.out.strides[v] != 0 || statement.extents[v] > 1
}

/// Whether a fused loop beats the step it comes from.
fn pays(step: &Step) -> bool {
    match &step.op {
        Op::Fill(_) | Op::Contract(_) => false,
        Op::Combine { terms, .. } => terms.len() > 3,
        _ => true,
    }
}

/// One statement for each box of a slot that several statements write, in order.
fn joined(writes: &[(Statement, Step)], len: usize) -> Option<Vec<Statement>> {
    if let [(only, _)] = writes {
        return (!only.add && only.places() == len).then(|| vec![only.clone()]);
    }
    let grid = Grid::of(writes.iter().map(|(s, _)| s), len)?;
    let parts = writes.iter().map(|(s, _)| grid.normal(s)).collect::<Option<Vec<Part>>>()?;
    Some(boxes(&grid, &parts, MOST_PARTS)?.into_iter().map(|part| part.statement).collect())
}
