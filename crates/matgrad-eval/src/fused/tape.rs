//! Code as passes over blocks: what moves along a row and what does not, and registers that are used again.

use matgrad_calculus::graph::MapOp;
use smallvec::SmallVec;

use super::{Output, Stream};
use crate::code::{Builder, Code, Inst, Reg};
use crate::kernel::power::Power;

/// An operand of a pass.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Source {
    /// A block in a register.
    Block(u16),
    /// A stream whose numbers lie one after another.
    Stream(u16),
    /// A number that is the same along the row.
    Uniform(u16),
}

/// Where a pass writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Target {
    /// A register.
    Block(u16),
    /// The memory of an output.
    Output(u16),
}

/// What a pass does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Pass {
    /// Copies a stream with gaps.
    Gather(u16),
    Neg,
    Add,
    Sub,
    Mul,
    Div,
    /// `a·b + c`
    MulAdd,
    /// `a·b - c`
    MulSub,
    /// `c - a·b`
    SubMul,
    Sqrt,
    Power(Power),
    Unary(MapOp),
    Binary(MapOp),
    Select,
}

/// One pass over a block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Step {
    pub pass: Pass,
    pub to: Target,
    pub from: [Source; 3],
}

/// The passes of a loop.
#[derive(Clone, Debug, Default)]
pub(super) struct Tape {
    /// Computed once a row: instructions on the numbers before them.
    pub uniform: Vec<Inst>,
    /// Computed for every block.
    pub steps: Vec<Step>,
    /// Where the value of each output is; nothing where its pass wrote it to its place.
    pub values: Vec<Option<Source>>,
    /// How many registers there are.
    pub registers: usize,
    /// How many places a block has.
    pub block: usize,
    /// Whether all outer loops run for one block before the next: where operands have gaps, the lines of memory that a
    /// block has touched are used again.
    pub tiled: bool,
}

/// Numbers in all registers together.
const FIRST_LEVEL: usize = 2560;

impl Tape {
    pub fn new(extents: &[usize], streams: &[Stream], code: &Code, outputs: &[Output]) -> Self {
        let mut values: Vec<Reg> = outputs.iter().map(|o| o.value).collect();
        let code = plain(code, &mut values);
        let inner = |strides: &[usize]| if extents.is_empty() { 0 } else { strides.last().copied().unwrap_or(0) };
        let along = |k: u32| streams.get(k as usize).map_or(0, |s| inner(&s.strides));
        // what moves along a row
        let mut moves = vec![false; code.insts.len()];
        for (k, inst) in code.insts.iter().enumerate() {
            moves[k] = match inst {
                Inst::Load(stream) => along(*stream) != 0,
                _ => inst.operands().any(|a| moves[a.0 as usize]),
            };
        }
        let mut uses = vec![0u32; code.insts.len()];
        code.insts.iter().flat_map(Inst::operands).for_each(|a| uses[a.0 as usize] += 1);
        values.iter().for_each(|v| uses[v.0 as usize] += 1);
        let joined = join(&code, &moves, &mut uses);
        // the last instruction that needs each register
        let mut last = vec![0usize; code.insts.len()];
        for (k, inst) in code.insts.iter().enumerate() {
            let operands: SmallVec<[Reg; 3]> = match &joined[k] {
                Join::As(_, operands) => operands.iter().copied().collect(),
                Join::Gone => continue,
                Join::No => inst.operands().collect(),
            };
            operands.iter().for_each(|a| last[a.0 as usize] = k);
        }
        values.iter().for_each(|v| last[v.0 as usize] = usize::MAX);
        let mut tape = Self::default();
        let mut place: Vec<Source> = Vec::with_capacity(code.insts.len());
        let mut free: Vec<u16> = Vec::new();
        for (k, inst) in code.insts.iter().enumerate() {
            if !moves[k] {
                let rename = |a: Reg| match place.get(a.0 as usize) {
                    Some(Source::Uniform(u)) => Reg(u32::from(*u)),
                    _ => a,
                };
                tape.uniform.push(inst.renamed(rename));
                place.push(Source::Uniform(tape.uniform.len() as u16 - 1));
                continue;
            }
            let (pass, operands): (Pass, SmallVec<[Reg; 3]>) = match (&joined[k], *inst) {
                (Join::Gone, _) => {
                    place.push(Source::Uniform(0));
                    continue;
                }
                (Join::As(pass, operands), _) => (*pass, operands.iter().copied().collect()),
                (_, Inst::Load(stream)) if along(stream) == 1 => {
                    place.push(Source::Stream(stream as u16));
                    continue;
                }
                (_, Inst::Load(stream)) => (Pass::Gather(stream as u16), SmallVec::new()),
                (_, inst) => (pass_of(&inst), inst.operands().collect()),
            };
            let mut from = [Source::Uniform(0); 3];
            from.iter_mut().zip(&operands).for_each(|(f, a)| *f = place[a.0 as usize]);
            // straight to memory where that is all that becomes of it
            let direct = (0..outputs.len()).find(|&o| {
                let output = &outputs[o];
                values[o].0 as usize == k
                    && uses[k] == 1
                    && output.fold.is_none()
                    && !output.add
                    && inner(&output.strides) == 1
            });
            if let Some(o) = direct {
                tape.steps.push(Step { pass, to: Target::Output(o as u16), from });
                place.push(Source::Uniform(0));
                values[o] = Reg(u32::MAX);
            } else {
                let register = free.pop().unwrap_or_else(|| {
                    tape.registers += 1;
                    tape.registers as u16 - 1
                });
                tape.steps.push(Step { pass, to: Target::Block(register), from });
                place.push(Source::Block(register));
            }
            let mut ended: SmallVec<[Reg; 3]> = operands;
            ended.sort_unstable();
            ended.dedup();
            for a in ended {
                if let (Source::Block(register), true) = (place[a.0 as usize], last[a.0 as usize] == k) {
                    free.push(register);
                }
            }
        }
        tape.values = values.iter().map(|v| place.get(v.0 as usize).copied()).collect();
        let block = FIRST_LEVEL / tape.registers.max(1) / 64 * 64;
        tape.block = block.clamp(64, 512);
        tape.tiled = streams.iter().any(|s| inner(&s.strides) > 1);
        tape
    }
}

/// Whether an instruction is part of another pass.
enum Join {
    No,
    /// It is part of one that follows.
    Gone,
    /// It is this pass over these operands.
    As(Pass, [Reg; 3]),
}

/// Products that only one sum uses are computed in its pass.
fn join(code: &Code, moves: &[bool], uses: &mut [u32]) -> Vec<Join> {
    let mut joined: Vec<Join> = code.insts.iter().map(|_| Join::No).collect();
    for (k, inst) in code.insts.iter().enumerate() {
        let factors = |a: Reg| match code.insts.get(a.0 as usize) {
            Some(Inst::Mul(x, y)) if moves[a.0 as usize] && uses[a.0 as usize] == 1 => Some((*x, *y)),
            _ => None,
        };
        let (gone, pass, operands) = match *inst {
            Inst::Add(a, b) if a != b => match (factors(a), factors(b)) {
                (Some((x, y)), _) => (a, Pass::MulAdd, [x, y, b]),
                (_, Some((x, y))) => (b, Pass::MulAdd, [x, y, a]),
                _ => continue,
            },
            Inst::Sub(a, b) if a != b => match (factors(a), factors(b)) {
                (_, Some((x, y))) => (b, Pass::SubMul, [x, y, a]),
                (Some((x, y)), _) => (a, Pass::MulSub, [x, y, b]),
                _ => continue,
            },
            _ => continue,
        };
        if !moves[k] || !matches!(joined[gone.0 as usize], Join::No) {
            continue;
        }
        joined[gone.0 as usize] = Join::Gone;
        joined[k] = Join::As(pass, operands);
    }
    joined
}

fn pass_of(inst: &Inst) -> Pass {
    match *inst {
        Inst::Constant(_) | Inst::Load(_) | Inst::Neg(_) => Pass::Neg,
        Inst::Add(..) => Pass::Add,
        Inst::Sub(..) => Pass::Sub,
        Inst::Mul(..) => Pass::Mul,
        Inst::Div(..) => Pass::Div,
        Inst::MulAdd(..) => Pass::MulAdd,
        Inst::Power(Power::Half(1), _) => Pass::Sqrt,
        Inst::Power(power, _) => Pass::Power(power),
        Inst::Unary(op, _) => Pass::Unary(op),
        Inst::Binary(op, ..) => Pass::Binary(op),
        // bits are for machine code
        Inst::Select(..) | Inst::Bits(..) => Pass::Select,
    }
}

/// Small powers as products.
fn plain(code: &Code, values: &mut [Reg]) -> Code {
    let mut build = Builder::default();
    let mut names: Vec<Reg> = Vec::with_capacity(code.insts.len());
    for inst in &code.insts {
        let inst = inst.renamed(|a| names[a.0 as usize]);
        names.push(match inst {
            Inst::Power(power, x) => power_of(&mut build, power, x),
            _ => build.push(inst),
        });
    }
    values.iter_mut().for_each(|v| *v = names[v.0 as usize]);
    build.finish(values)
}

fn power_of(build: &mut Builder, power: Power, x: Reg) -> Reg {
    let (whole, half) = match power {
        Power::Whole(k) if k.unsigned_abs() <= 32 => (k, false),
        Power::Half(k) if k.unsigned_abs() <= 32 => (k, true),
        _ => return build.push(Inst::Power(power, x)),
    };
    let mut left = if half { (whole.unsigned_abs() - 1) / 2 } else { whole.unsigned_abs() };
    let (mut value, mut base) = (None, x);
    while left > 0 {
        if left & 1 == 1 {
            value = Some(value.map_or(base, |v| build.push(Inst::Mul(v, base))));
        }
        left >>= 1;
        if left > 0 {
            base = build.push(Inst::Mul(base, base));
        }
    }
    if half {
        let root = build.push(Inst::Power(Power::Half(1), x));
        value = Some(value.map_or(root, |v| build.push(Inst::Mul(v, root))));
    }
    let one = build.constant(1.0);
    match value {
        None => one,
        Some(value) if whole < 0 => build.push(Inst::Div(one, value)),
        Some(value) => value,
    }
}
