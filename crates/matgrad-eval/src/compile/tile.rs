//! Finds steps that can run block by block along an axis, where what lies between them, or what several of them read, is
//! larger than the caches.
//!
//! An axis is rows of equal length of some slots. A step goes along with it if one of its loops, and no other, moves from
//! row to row in all of these slots; what it sums over the rows is added up block by block.

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::fused::{Fold, FusedLoop};
use crate::kernel::Loop;
use crate::kernel::contract::Kind;
use crate::program::{Op, Place, Program, Slot, Step};
use crate::tiled::{Operand, Part, Piece, Tiled};

/// Numbers between the steps that are worth blocks, and those of a block.
const LEAST: usize = 1 << 17;
const BLOCK: usize = 1 << 17;
/// An axis shorter than this is not cut, and blocks have no fewer rows.
const ROWS: usize = 64;
const BLOCK_ROWS: usize = 16;
/// Numbers of a block of what is only read again.
const READ_BLOCK: usize = 1 << 15;

/// How one operand of a step moves: its slot, where it starts, how far each loop moves it.
struct Motion {
    slot: Slot,
    start: usize,
    strides: SmallVec<[usize; 6]>,
}

/// A step as loops.
struct Nest {
    extents: SmallVec<[usize; 6]>,
    /// The results first.
    operands: Vec<Motion>,
    outs: usize,
    /// Whether what a result gets from all rows is their sum.
    sums: Vec<bool>,
    /// Loops that cannot be cut.
    whole: SmallVec<[usize; 2]>,
}

fn contract_loops(c: &crate::kernel::contract::Contract) -> Vec<Loop<3>> {
    let mut loops = c.loops.clone();
    if let Kind::Gemm { m, k, n } = &c.kind {
        loops.extend([*m, *k, *n]);
    }
    loops
}

impl Nest {
    fn of(step: &Step, program: &Program) -> Option<Self> {
        let len = |slot: Slot| program.slots.get(slot.0 as usize).map(|s| s.len);
        match &step.op {
            Op::Contract(c) if !c.symmetric => {
                let loops = contract_loops(c);
                let motion = |slot: Slot, k: usize| Motion {
                    slot,
                    start: c.start[k],
                    strides: loops.iter().map(|l| l.strides[k]).collect(),
                };
                let mut operands = vec![motion(step.out, 2)];
                operands.extend(step.args.iter().enumerate().map(|(k, slot)| motion(*slot, k)));
                let extents = loops.iter().map(|l| l.extent).collect();
                let axes = c.triangle.into_iter().flat_map(|t| [t.0, t.1]);
                let whole = axes.map(|axis| c.loops.len() + axis as usize).collect();
                Some(Self { extents, operands, outs: 1, sums: vec![true], whole })
            }
            Op::Fused(work) => {
                let outs: Vec<Slot> = step.outs().collect();
                let mut operands = Vec::new();
                let mut sums = Vec::new();
                for output in &work.outputs {
                    let strides = output.strides.iter().copied().collect();
                    operands.push(Motion { slot: *outs.get(output.out)?, start: output.start, strides });
                    sums.push(matches!(output.fold, Some(Fold::Sum)));
                }
                let count = operands.len();
                for stream in &work.streams {
                    let strides = stream.strides.iter().copied().collect();
                    operands.push(Motion { slot: *step.args.get(stream.arg)?, start: stream.start, strides });
                }
                Some(Self {
                    extents: work.extents.iter().copied().collect(),
                    operands,
                    outs: count,
                    sums,
                    whole: SmallVec::new(),
                })
            }
            Op::Fill(_) | Op::Combine { .. } | Op::Power { .. } => {
                let total = len(step.out)?;
                let whole = |slot: Slot, start: usize| Motion { slot, start, strides: SmallVec::from_slice(&[1]) };
                let mut operands = vec![whole(step.out, 0)];
                match &step.op {
                    Op::Combine { terms, .. } => {
                        operands.extend(step.args.iter().zip(terms).map(|(slot, (_, start))| whole(*slot, *start)));
                    }
                    Op::Power { start, .. } => operands.extend(step.args.iter().map(|slot| whole(*slot, *start))),
                    _ => {}
                }
                let flat = operands.iter().all(|o| o.start == 0 && len(o.slot) == Some(total));
                flat.then_some(Self {
                    extents: SmallVec::from_slice(&[total]),
                    operands,
                    outs: 1,
                    sums: vec![false],
                    whole: SmallVec::new(),
                })
            }
            _ => None,
        }
    }

    /// The loop along the rows, and how many of its turns are one row; the operands that have rows.
    fn along(&self, rows: usize, of: &FxHashSet<Slot>, program: &Program) -> Option<(usize, usize, Vec<bool>)> {
        (0..self.extents.len()).find_map(|axis| {
            let extent = self.extents[axis];
            if extent == 0 || !extent.is_multiple_of(rows) || self.whole.contains(&axis) {
                return None;
            }
            let turns = extent / rows;
            let mut moves = Vec::with_capacity(self.operands.len());
            for operand in &self.operands {
                let stride = operand.strides[axis];
                moves.push(stride != 0);
                if stride == 0 {
                    if of.contains(&operand.slot) {
                        return None;
                    }
                    continue;
                }
                let len = program.slots.get(operand.slot.0 as usize)?.len;
                let row = len / rows;
                let inside = (0..self.extents.len())
                    .filter(|k| *k != axis)
                    .map(|k| self.extents[k].saturating_sub(1) * operand.strides[k])
                    .sum::<usize>();
                let fits = len.is_multiple_of(rows)
                    && turns.checked_mul(stride) == Some(row)
                    && operand.start + inside + (turns - 1) * stride < row;
                if !fits {
                    return None;
                }
            }
            // a slot has rows everywhere or nowhere; what is summed over the rows is a sum
            let both = self
                .operands
                .iter()
                .zip(&moves)
                .any(|(o, m)| *m && self.operands.iter().zip(&moves).any(|(other, n)| other.slot == o.slot && !n));
            let sums = (0..self.outs).all(|k| moves[k] || self.sums[k]);
            (!both && sums && moves.iter().any(|m| *m)).then_some((axis, turns, moves))
        })
    }
}

/// The operation on some of the rows; `add` where rows before were summed already.
fn restricted(op: &Op, axis: usize, turns: usize, rows: usize, add: bool, rowwise: &[bool], machine: bool) -> Op {
    match op {
        Op::Contract(c) => {
            let mut c = c.clone();
            let outer = c.loops.len();
            if axis < outer {
                c.loops[axis].extent = turns * rows;
            } else if let Kind::Gemm { m, k, n } = &mut c.kind {
                [m, k, n].into_iter().nth(axis - outer).into_iter().for_each(|l| l.extent = turns * rows);
            }
            c.accumulate |= add && !rowwise[0];
            Op::Contract(c)
        }
        Op::Fused(work) => {
            let mut extents = work.extents.clone();
            extents[axis] = turns * rows;
            let mut outputs = work.outputs.clone();
            for (output, rowwise) in outputs.iter_mut().zip(rowwise) {
                output.add |= add && !rowwise;
            }
            let mut made = FusedLoop::new(extents, work.streams.clone(), work.code.clone(), outputs);
            if machine {
                made.compile();
            }
            Op::Fused(Box::new(made))
        }
        other => other.clone(),
    }
}

/// Whether a step only adds to a slot.
fn adds(step: &Step, slot: Slot) -> bool {
    let adds = match &step.op {
        Op::Contract(c) => c.accumulate,
        Op::Fused(work) => {
            step.outs().enumerate().all(|(k, out)| out != slot || work.outputs.iter().all(|o| o.out != k || o.add))
        }
        _ => false,
    };
    adds && !step.args.contains(&slot)
}

/// Puts steps together that run block by block.
pub(super) fn tile(program: &mut Program, machine: bool) {
    if program.held > 0 {
        return;
    }
    let mut large: Vec<(usize, Slot, usize)> = Vec::new();
    for step in &program.steps {
        for out in step.outs() {
            let Some(info) = program.slots.get(out.0 as usize) else { continue };
            if let [rows, ..] = *info.shape.as_slice()
                && rows >= ROWS
                && info.len >= LEAST
                && !large.iter().any(|(_, slot, _)| *slot == out)
            {
                large.push((info.len, out, rows));
            }
        }
    }
    let seed = large.iter().max_by_key(|(len, slot, _)| (*len, std::cmp::Reverse(slot.0)));
    if let Some(&(_, seed, rows)) = seed.or(read_again(program).as_ref())
        && let Some(found) = region(program, seed, rows)
    {
        rearrange(program, rows, &found, machine);
    }
}

/// The largest input that several steps read.
fn read_again(program: &Program) -> Option<(usize, Slot, usize)> {
    let inputs = program.slots.iter().enumerate().filter_map(|(k, info)| {
        let slot = Slot(u32::try_from(k).ok()?);
        let [rows, ..] = *info.shape.as_slice() else { return None };
        let large = matches!(info.place, Place::Input(_)) && rows >= ROWS && info.len >= LEAST;
        (large && readers(program, slot) > 1).then_some((info.len, slot, rows))
    });
    inputs.max_by_key(|(len, slot, _)| (*len, std::cmp::Reverse(slot.0)))
}

fn readers(program: &Program, slot: Slot) -> usize {
    program.steps.iter().filter(|step| step.args.contains(&slot)).count()
}

/// The steps that go along, with the loop, its turns a row and which operands have rows.
type Region = FxHashMap<usize, (usize, usize, Vec<bool>)>;

fn region(program: &Program, seed: Slot, rows: usize) -> Option<(Region, FxHashSet<Slot>)> {
    let nests: Vec<Option<Nest>> = program.steps.iter().map(|step| Nest::of(step, program)).collect();
    let mut rowwise: FxHashSet<Slot> = [seed].into_iter().collect();
    let mut found: Region = FxHashMap::default();
    loop {
        let before = rowwise.len();
        found.clear();
        for (k, nest) in nests.iter().enumerate() {
            let Some(nest) = nest else { continue };
            if !nest.operands.iter().any(|o| rowwise.contains(&o.slot)) {
                continue;
            }
            if let Some((axis, turns, moves)) = nest.along(rows, &rowwise, program) {
                rowwise.extend(nest.operands.iter().zip(&moves).filter(|(_, m)| **m).map(|(o, _)| o.slot));
                found.insert(k, (axis, turns, moves));
            }
        }
        if rowwise.len() == before {
            break;
        }
    }
    // a step that needs what is complete only behind the blocks is not among them
    loop {
        let (_, after) = order(program, &found);
        let sums: FxHashSet<Slot> = found
            .keys()
            .filter_map(|k| program.steps.get(*k))
            .flat_map(Step::outs)
            .filter(|out| !rowwise.contains(out))
            .collect();
        let reads = |k: &usize| program.steps[*k].args.iter().any(|arg| sums.contains(arg));
        let late: Vec<usize> = found.keys().copied().filter(|k| after.contains(k) || reads(k)).collect();
        if late.is_empty() {
            break;
        }
        late.iter().for_each(|k| drop(found.remove(k)));
    }
    (found.len() > 1).then_some((found, rowwise))
}

/// Whether the second of two steps has to come after the first.
fn waits(first: &Step, second: &Step) -> bool {
    let writes = |step: &Step, slot: Slot| step.outs().any(|out| out == slot);
    first
        .outs()
        .any(|out| second.args.contains(&out) || writes(second, out) && !(adds(first, out) && adds(second, out)))
        || first.args.iter().any(|arg| writes(second, *arg))
}

/// The steps outside a region that have to come before it, and all that have to come after: those outside that wait for it,
/// and those that wait for these.
fn order(program: &Program, found: &Region) -> (FxHashSet<usize>, FxHashSet<usize>) {
    let steps = &program.steps;
    let mut after: FxHashSet<usize> = FxHashSet::default();
    for k in 0..steps.len() {
        let late = (0..k).any(|j| {
            let source = after.contains(&j) || found.contains_key(&j) && !found.contains_key(&k);
            source && waits(&steps[j], &steps[k])
        });
        if late {
            after.insert(k);
        }
    }
    let before = (0..steps.len()).filter(|k| !found.contains_key(k) && !after.contains(k)).collect();
    (before, after)
}

fn rearrange(program: &mut Program, rows: usize, (found, rowwise): &(Region, FxHashSet<Slot>), machine: bool) {
    let (before, after) = order(program, found);
    let is_root: FxHashSet<Slot> = program.roots.iter().map(|view| view.slot).collect();
    // what only these steps touch needs memory for one block
    let mut inner: Vec<Slot> = Vec::new();
    for slot in rowwise {
        let own = program.slots.get(slot.0 as usize).is_some_and(|s| matches!(s.place, Place::Buffer(_)));
        let alone = program.steps.iter().enumerate().all(|(k, step)| {
            found.contains_key(&k) || !step.args.contains(slot) && step.outs().all(|out| out != *slot)
        });
        if own && alone && !is_root.contains(slot) {
            inner.push(*slot);
        }
    }
    let len = |program: &Program, slot: &Slot| program.slots.get(slot.0 as usize).map_or(0, |s| s.len);
    // a row of what is between the steps, and of the inputs that several of them read
    let again = |slot: &&Slot| {
        let input = program.slots.get(slot.0 as usize).is_some_and(|s| matches!(s.place, Place::Input(_)));
        input && found.keys().filter(|k| program.steps.get(**k).is_some_and(|s| s.args.contains(slot))).count() > 1
    };
    let read: usize = rowwise.iter().filter(again).map(|slot| len(program, slot)).sum();
    let between = inner.iter().map(|slot| len(program, slot)).sum::<usize>();
    let (numbers, room) = (read + between, if between < read { READ_BLOCK } else { BLOCK });
    if numbers < LEAST {
        return;
    }
    let block = (room / (numbers / rows).max(1)).max(BLOCK_ROWS).next_multiple_of(8);
    if block * 2 > rows {
        return;
    }
    let steps = std::mem::take(&mut program.steps);
    let mut own: Vec<usize> = found.keys().copied().collect();
    own.sort_unstable();
    let (mut outs, mut args): (Vec<Slot>, Vec<Slot>) = (Vec::new(), Vec::new());
    for k in &own {
        for out in steps[*k].outs() {
            if !outs.contains(&out) {
                outs.push(out);
            }
        }
    }
    for arg in own.iter().flat_map(|k| &steps[*k].args) {
        if !outs.contains(arg) && !args.contains(arg) {
            args.push(*arg);
        }
    }
    let mut pieces = Vec::with_capacity(own.len());
    for k in &own {
        let (step, (axis, turns, moves)) = (&steps[*k], &found[k]);
        let operand = |slot: Slot| {
            let row = len(program, &slot) / rows;
            let part = match (inner.contains(&slot), rowwise.contains(&slot)) {
                (true, _) => Part::Again(row),
                (_, true) => Part::Rows(row),
                _ => Part::Whole,
            };
            let at = |list: &[Slot]| list.iter().position(|known| *known == slot);
            match at(&outs) {
                Some(index) => Operand { written: true, index, part },
                None => Operand { written: false, index: at(&args).unwrap_or(usize::MAX), part },
            }
        };
        let make = |rows: usize, add: bool| restricted(&step.op, *axis, *turns, rows, add, moves, machine);
        let rest = rows % block;
        pieces.push(Piece {
            first: make(block, false),
            next: make(block, true),
            last: make(if rest == 0 { block } else { rest }, true),
            outs: step.outs().map(operand).collect(),
            args: step.args.iter().map(|arg| operand(*arg)).collect(),
        });
    }
    for slot in &inner {
        if let Some(info) = program.slots.get_mut(slot.0 as usize) {
            info.len = info.len / rows * block;
            if let Some(first) = info.shape.first_mut() {
                *first = block;
            }
        }
    }
    let whole: Vec<Step> = own.iter().map(|k| steps[*k].clone()).collect();
    let tiled = Tiled { steps: whole, pieces, rows, block };
    let Some((first, more)) = outs.split_first() else { return };
    let tiled = Step {
        op: Op::Tiled(Box::new(tiled)),
        out: *first,
        more: more.iter().copied().collect(),
        args: args.into_iter().collect(),
    };
    let (mut all, mut tail) = (Vec::with_capacity(steps.len()), Vec::new());
    for (k, step) in steps.into_iter().enumerate() {
        if before.contains(&k) {
            all.push(step);
        } else if after.contains(&k) {
            tail.push(step);
        }
    }
    all.push(tiled);
    all.append(&mut tail);
    program.steps = all;
}
