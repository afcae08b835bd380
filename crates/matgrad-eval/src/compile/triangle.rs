//! Finds matrix products of which a triangle is enough: a factor is 0 on one side of its diagonal, or nobody reads the
//! result there.
//!
//! Masks are comparisons of known numbers, so that the code of the loops says at each place which entries are 0 and which
//! it needs. A slot is looked at as matrices of equal size one after the other.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::code::{Inst, Reg};
use crate::fused::FusedLoop;
use crate::kernel::Loop;
use crate::kernel::contract::{A, B, Contract, Kind, OUT};
use crate::kernel::gemm::{Axis, Triangle};
use crate::program::{Op, Place, Program, Slot, SlotInfo, Step};

/// The sides of the matrices that are looked at: smaller ones do not pay, and larger ones take too long.
const SIDES: std::ops::RangeInclusive<usize> = 8..=512;
/// Operations of a product that are worth the search.
const WORK: f64 = 1e5;
/// Places of a loop that are looked at.
const PLACES: usize = 1 << 18;

/// A half of square matrices one after the other, without their diagonal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Half {
    side: usize,
    upper: bool,
}

impl Half {
    fn contains(self, place: usize) -> bool {
        let (row, col) = (place / self.side % self.side, place % self.side);
        if self.upper { col > row } else { col < row }
    }

    fn area(self) -> usize {
        self.side * self.side
    }
}

/// What is known of a value.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Value {
    Known(f64),
    /// It depends on what is asked about.
    Touched,
    Other,
}

/// Numbers that are known before a run.
type Known = FxHashMap<Slot, Vec<f64>>;

/// The value of an instruction.
fn value_of(inst: &Inst, at: impl Fn(Reg) -> Value, load: impl Fn(u32) -> Value) -> Value {
    let zero = |a: Reg| matches!(at(a), Value::Known(x) if x == 0.0);
    match *inst {
        Inst::Load(k) => return load(k),
        Inst::Mul(a, b) if zero(a) || zero(b) => return Value::Known(0.0),
        Inst::MulAdd(a, b, c) if zero(a) || zero(b) => return at(c),
        Inst::Select(a, b, c) => {
            if let Value::Known(x) = at(a) {
                return at(if x != 0.0 { b } else { c });
            }
        }
        _ => {}
    }
    let mut all = Value::Known(0.0);
    for operand in inst.operands() {
        match at(operand) {
            Value::Touched => return Value::Touched,
            Value::Other => all = Value::Other,
            Value::Known(_) => {}
        }
    }
    match all {
        Value::Known(_) => Value::Known(inst.value(|a| if let Value::Known(x) = at(a) { x } else { 0.0 }, |_| 0.0)),
        other => other,
    }
}

/// The places of a nest of loops, where one operand has such strides: of loops that move it by whole matrices, the first.
fn places(extents: &[usize], strides: &[usize], area: usize) -> Option<Vec<usize>> {
    let count =
        |k: usize| if strides.get(k).is_some_and(|s| *s > 0 && s.is_multiple_of(area)) { 1 } else { extents[k] };
    let counts: Vec<usize> = (0..extents.len()).map(count).collect();
    let total = counts.iter().try_fold(1usize, |n, c| n.checked_mul(*c))?;
    (total <= PLACES).then_some(counts)
}

/// The values of all registers at a place.
fn registers(work: &FusedLoop, turn: &[usize], load: &dyn Fn(u32, usize) -> Value, out: &mut Vec<Value>) {
    out.clear();
    for inst in &work.code.insts {
        let found = value_of(
            inst,
            |a| out.get(a.0 as usize).copied().unwrap_or(Value::Other),
            |k| match work.streams.get(k as usize) {
                Some(s) => load(k, s.start + s.strides.iter().zip(turn).map(|(s, t)| s * t).sum::<usize>()),
                None => Value::Other,
            },
        );
        out.push(found);
    }
}

/// Calls with every place of the loops, as long as it wants.
fn every(counts: &[usize], mut body: impl FnMut(&[usize]) -> bool) -> bool {
    if counts.contains(&0) {
        return true;
    }
    let mut turn: SmallVec<[usize; 6]> = SmallVec::from_elem(0, counts.len());
    loop {
        if !body(&turn) {
            return false;
        }
        let Some(k) = (0..counts.len()).rev().find(|k| turn[*k] + 1 < counts[*k]) else { return true };
        turn[k] += 1;
        turn[k + 1..].fill(0);
    }
}

/// Whether a number of the loops moves known masks, so that the first turn does not stand for all.
fn masks_rest(work: &FusedLoop, counts: &[usize], args: &[Slot], known: &Known) -> bool {
    work.streams.iter().all(|s| {
        let is_known = args.get(s.arg).is_some_and(|slot| known.contains_key(slot));
        !is_known || s.strides.iter().zip(counts).zip(&work.extents).all(|((s, c), n)| *s == 0 || c == n)
    })
}

struct Search<'a> {
    program: &'a Program,
    known: Known,
}

impl<'a> Search<'a> {
    fn new(program: &'a Program) -> Self {
        let mut known = Known::default();
        for (k, info) in program.slots.iter().enumerate() {
            if let Place::Constant(at) = info.place
                && let (Some(values), true) = (program.constants.get(at), info.len <= PLACES)
            {
                known.insert(Slot(k as u32), values.clone());
            }
        }
        let mut this = Self { program, known };
        for step in &program.steps {
            if let (Op::Fused(work), [_]) = (&step.op, this.writers(step.out).as_slice()) {
                this.learn(step, work);
            }
        }
        this
    }

    fn writers(&self, slot: Slot) -> SmallVec<[&'a Step; 4]> {
        self.program.steps.iter().filter(|step| step.outs().any(|out| out == slot)).collect()
    }

    /// A loop over known numbers makes known numbers.
    fn learn(&mut self, step: &Step, work: &FusedLoop) {
        let all = step.args.iter().all(|arg| self.known.contains_key(arg)) && !step.args.is_empty();
        let plain = work.outputs.iter().all(|o| o.fold.is_none() && !o.add && o.out == 0);
        let len = self.program.slots.get(step.out.0 as usize).map_or(0, |s| s.len);
        if !all || !plain || len > PLACES || work.turns() > PLACES {
            return;
        }
        let mut values = vec![f64::NAN; len];
        let mut memory = Vec::new();
        every(&work.extents, |turn| {
            registers(work, turn, &|k, at| self.load(step, work, k, at, &|_, _| Value::Other), &mut memory);
            for output in &work.outputs {
                let at = output.start + output.strides.iter().zip(turn).map(|(s, t)| s * t).sum::<usize>();
                if let (Some(place), Some(Value::Known(x))) = (values.get_mut(at), memory.get(output.value.0 as usize))
                {
                    *place = *x;
                }
            }
            true
        });
        if values.iter().all(|x| !x.is_nan()) {
            self.known.insert(step.out, values);
        }
    }

    fn load(
        &self,
        step: &Step,
        work: &FusedLoop,
        stream: u32,
        at: usize,
        other: &dyn Fn(Slot, usize) -> Value,
    ) -> Value {
        let slot = work.streams.get(stream as usize).and_then(|s| step.args.get(s.arg)).copied();
        let Some(slot) = slot else { return Value::Other };
        match self.known.get(&slot).and_then(|values| values.get(at)) {
            Some(x) => Value::Known(*x),
            None => other(slot, at),
        }
    }

    /// Whether a slot is 0 in a half of its matrices.
    fn is_zero(&self, slot: Slot, half: Half) -> bool {
        let writers = self.writers(slot);
        !writers.is_empty() && writers.iter().all(|step| self.writes_zero(step, slot, half))
    }

    fn writes_zero(&self, step: &Step, slot: Slot, half: Half) -> bool {
        match &step.op {
            Op::Fill(value) => *value == 0.0,
            Op::Contract(c) => avoids(c, OUT, half),
            Op::Fused(work) => {
                let mut memory = Vec::new();
                let own = |k: usize| step.outs().nth(k) == Some(slot);
                work.outputs.iter().filter(|o| own(o.out)).all(|output| {
                    let counts = places(&work.extents, &output.strides, half.area());
                    let Some(counts) = counts.filter(|c| masks_rest(work, c, &step.args, &self.known)) else {
                        return false;
                    };
                    output.fold.is_none()
                        && every(&counts, |turn| {
                            let at = output.start + output.strides.iter().zip(turn).map(|(s, t)| s * t).sum::<usize>();
                            if !half.contains(at) {
                                return true;
                            }
                            let other = |_: Slot, _: usize| Value::Other;
                            registers(work, turn, &|k, at| self.load(step, work, k, at, &other), &mut memory);
                            memory.get(output.value.0 as usize) == Some(&Value::Known(0.0))
                        })
                })
            }
            _ => false,
        }
    }

    /// Whether nobody needs a half of the matrices in a slot.
    fn is_unread(&self, slot: Slot, half: Half) -> bool {
        let is_root = self.program.roots.iter().any(|view| view.slot == slot);
        !is_root && self.program.steps.iter().filter(|s| s.args.contains(&slot)).all(|s| self.ignores(s, slot, half))
    }

    fn ignores(&self, step: &Step, slot: Slot, half: Half) -> bool {
        match &step.op {
            Op::Contract(c) => step.args.iter().enumerate().all(|(k, arg)| *arg != slot || avoids(c, k, half)),
            Op::Fused(work) => {
                let mut memory = Vec::new();
                let own = |k: usize| step.args.get(k) == Some(&slot);
                work.streams.iter().filter(|s| own(s.arg)).all(|stream| {
                    let counts = places(&work.extents, &stream.strides, half.area());
                    let Some(counts) = counts.filter(|c| masks_rest(work, c, &step.args, &self.known)) else {
                        return false;
                    };
                    every(&counts, |turn| {
                        let at = stream.start + stream.strides.iter().zip(turn).map(|(s, t)| s * t).sum::<usize>();
                        if !half.contains(at) {
                            return true;
                        }
                        let touched = |found: Slot, at: usize| match found == slot && half.contains(at) {
                            true => Value::Touched,
                            false => Value::Other,
                        };
                        registers(work, turn, &|k, at| self.load(step, work, k, at, &touched), &mut memory);
                        let value = |o: &crate::fused::Output| memory.get(o.value.0 as usize).copied();
                        work.outputs.iter().all(|o| value(o).is_some_and(|v| v != Value::Touched))
                    })
                })
            }
            _ => false,
        }
    }
}

/// Whether no loop brings an operand of a contraction into a half.
fn avoids(c: &Contract, operand: usize, half: Half) -> bool {
    let mut loops: SmallVec<[Loop<3>; 6]> = c.loops.iter().copied().collect();
    if let Kind::Gemm { m, k, n } = &c.kind {
        loops.extend([*m, *k, *n]);
    }
    loops.retain(|l| l.strides[operand] != 0);
    let extents: Vec<usize> = loops.iter().map(|l| l.extent).collect();
    let strides: Vec<usize> = loops.iter().map(|l| l.strides[operand]).collect();
    let Some(counts) = places(&extents, &strides, half.area()) else { return false };
    every(&counts, |turn| {
        !half.contains(c.start[operand] + strides.iter().zip(turn).map(|(s, t)| s * t).sum::<usize>())
    })
}

/// The axes of rows and of columns, and the side.
type Square = (usize, usize, usize);

/// Two loops of a product as the rows and columns of square matrices in an operand, where they are: the axes of rows and of
/// columns, and the side.
fn square(gemm: &[Loop<3>; 3], operand: usize, start: usize, info: &SlotInfo) -> Option<Square> {
    let moving: SmallVec<[usize; 3]> = (0..3).filter(|k| gemm[*k].strides[operand] != 0).collect();
    let [one, two] = moving.as_slice() else { return None };
    let (cols, rows) = if gemm[*one].strides[operand] == 1 { (*one, *two) } else { (*two, *one) };
    let side = gemm[cols].extent;
    let fits = SIDES.contains(&side)
        && gemm[cols].strides[operand] == 1
        && gemm[rows].strides[operand] == side
        && gemm[rows].extent.is_multiple_of(side)
        && start == 0
        && info.len.is_multiple_of(side * side);
    fits.then_some((rows, cols, side))
}

/// Marks the products of which a triangle is enough.
pub(super) fn triangles(program: &mut Program) {
    if program.held > 0 {
        return;
    }
    let worth = |step: &Step| match &step.op {
        Op::Contract(c) if !c.symmetric && c.flops() > WORK => match &c.kind {
            Kind::Gemm { m, k, n } => [m, k, n].iter().all(|l| l.extent >= *SIDES.start()),
            Kind::Loops => false,
        },
        _ => false,
    };
    let candidates: Vec<usize> = (0..program.steps.len()).filter(|k| worth(&program.steps[*k])).collect();
    if candidates.is_empty() {
        return;
    }
    let mut found: Vec<(usize, usize, Square, bool)> = Vec::new();
    {
        let search = Search::new(program);
        if search.known.is_empty() {
            return;
        }
        for at in candidates {
            let step = &program.steps[at];
            let Op::Contract(c) = &step.op else { continue };
            let Kind::Gemm { m, k, n } = &c.kind else { continue };
            let gemm = [*m, *k, *n];
            let slots = [step.args.first(), step.args.get(1), Some(&step.out)];
            let hit = [A, B, OUT].into_iter().find_map(|operand| {
                let slot = *slots[operand]?;
                let info = program.slots.get(slot.0 as usize)?;
                let axes = square(&gemm, operand, c.start[operand], info)?;
                let upper = [true, false].into_iter().find(|upper| {
                    let half = Half { side: axes.2, upper: *upper };
                    if operand == OUT { search.is_unread(slot, half) } else { search.is_zero(slot, half) }
                })?;
                Some((operand, axes, upper))
            });
            if let Some((operand, axes, upper)) = hit {
                found.push((at, operand, axes, upper));
            }
        }
    }
    // from the last to the first, so that copies come in between
    for (at, operand, (rows, cols, side), upper) in found.into_iter().rev() {
        mark(program, at, operand, (rows, cols, side), upper);
    }
}

/// Splits the loop over the rows into matrices and rows of each, and says which terms count.
fn mark(program: &mut Program, at: usize, operand: usize, (rows, cols, side): Square, upper: bool) {
    const AXES: [Axis; 3] = [Axis::M, Axis::K, Axis::N];
    let Some(step) = program.steps.get_mut(at) else { return };
    let slot = match operand {
        OUT => Some(step.out),
        _ => step.args.get(operand).copied(),
    };
    let Op::Contract(c) = &mut step.op else { return };
    let Kind::Gemm { m, k, n } = &mut c.kind else { return };
    let gemm = [m, k, n];
    let along = *gemm[rows];
    let matrices = along.extent / side;
    if matrices > 1 {
        // a summed loop outside adds to the result
        if along.strides[OUT] == 0 && !c.accumulate {
            return;
        }
        let strides = along.strides.map(|s| s * side);
        c.loops.push(Loop { extent: matrices, strides });
    }
    for (axis, l) in gemm.into_iter().enumerate() {
        if axis == rows {
            l.extent = side;
        }
    }
    // what is left out is above the diagonal, column > row, or below
    c.triangle = Some(if upper { Triangle(AXES[cols], AXES[rows]) } else { Triangle(AXES[rows], AXES[cols]) });
    // a factor whose rows are summed over is turned, so that what goes along the result lies side by side
    let (Some(slot), true) = (slot, operand != OUT && cols == 1) else { return };
    turn(program, at, operand, slot, rows, side);
}

/// Puts a copy of the transposed matrices before a product that reads them by columns.
fn turn(program: &mut Program, at: usize, operand: usize, slot: Slot, rows: usize, side: usize) {
    let Some(info) = program.slots.get(slot.0 as usize).cloned() else { return };
    let (area, count) = (side * side, info.len / (side * side));
    let copy = Slot(program.slots.len() as u32);
    let Some(step) = program.steps.get_mut(at) else { return };
    let Op::Contract(c) = &mut step.op else { return };
    if let Kind::Gemm { m, k, n } = &mut c.kind {
        k.strides[operand] = side;
        [m, n].into_iter().enumerate().filter(|(axis, _)| 2 * axis == rows).for_each(|(_, l)| l.strides[operand] = 1);
    }
    if let Some(arg) = step.args.get_mut(operand) {
        *arg = copy;
    }
    let l = |extent, from, to| Loop { extent, strides: [from, 0, to] };
    let loops = vec![l(count, area, area), l(side, 1, side), l(side, side, 1)];
    let op = Op::Contract(Contract::new(loops, [0; 3], 1.0, false, false));
    program.slots.push(SlotInfo { place: Place::Buffer(0), ..info });
    let turned = Step { op, out: copy, more: SmallVec::new(), args: SmallVec::from_slice(&[slot]) };
    program.steps.insert(at, turned);
}
