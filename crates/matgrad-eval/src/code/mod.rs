//! Straight-line code on numbers: what a fused loop does at each place, and what a small program does as a whole.
//!
//! The result of instruction k is register k. Instructions are made once (common subexpressions are shared), and where an
//! operand is loaded from is the business of who runs the code: a place of memory, or a stream that a loop moves along.

mod algebra;
#[cfg(any(unix, windows))]
pub(crate) mod c;
pub(crate) mod jacobian;
#[cfg(target_arch = "x86_64")]
pub(crate) mod native;
pub(crate) mod straight;
mod unroll;

use matgrad_calculus::graph::MapOp;
use rustc_hash::FxHashMap;

use crate::kernel::elementwise::{function_of_two, value_of};
use crate::kernel::number::Number;
use crate::kernel::power::Power;
use crate::kernel::vector;
pub(crate) use unroll::unroll;

/// The result of the instruction of this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Reg(pub u32);

/// One instruction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Inst {
    /// A number.
    Constant(f64),
    /// The entry of an operand.
    Load(u32),
    Neg(Reg),
    Add(Reg, Reg),
    Sub(Reg, Reg),
    Mul(Reg, Reg),
    Div(Reg, Reg),
    /// `a·b + c`; machines that can round it once.
    MulAdd(Reg, Reg, Reg),
    /// A power with a constant exponent.
    Power(Power, Reg),
    /// A function of one number.
    Unary(MapOp, Reg),
    /// A function of two numbers, comparisons among them.
    Binary(MapOp, Reg, Reg),
    /// The second where the first is not 0, else the third.
    Select(Reg, Reg, Reg),
    /// What functions are made of in machine code.
    Bits(Bits, [Reg; 3]),
}

/// Operations on the bits of numbers. Those of fewer than three operands have the last one several times.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Bits {
    And,
    Or,
    Xor,
    /// The sum of the bits as whole numbers.
    Add,
    /// The difference of the bits as whole numbers.
    Sub,
    /// The bits this many places to the left.
    Left(u8),
    /// The bits this many places to the right.
    Right(u8),
    /// All bits where the first is less than the second, else none.
    Less,
    /// All bits where the first is at most the second, else none.
    LessEq,
    /// All bits where the two are equal, else none.
    Equal,
    /// All bits where the two are not equal, else none.
    NotEqual,
    /// The second where the first has its highest bit, else the third.
    Choose,
    /// The smaller one; the second where one is NaN.
    Least,
    /// The larger one; the second where one is NaN.
    Most,
    /// The first where the size of the second is not larger than this kernel takes, else the function of the second.
    Unless(MapOp),
}

impl Bits {
    /// How many operands it has.
    fn count(self) -> usize {
        match self {
            Self::Left(_) | Self::Right(_) => 1,
            Self::Choose => 3,
            _ => 2,
        }
    }

    fn value<T: Number>(self, [a, b, c]: [T; 3]) -> T {
        let [x, y, z] = [a, b, c].map(T::wide);
        let [p, q] = [x, y].map(f64::to_bits);
        let mask = |holds: bool| if holds { u64::MAX } else { 0 };
        let bits = match self {
            Self::And => p & q,
            Self::Or => p | q,
            Self::Xor => p ^ q,
            Self::Add => p.wrapping_add(q),
            Self::Sub => p.wrapping_sub(q),
            Self::Left(by) => p << by,
            Self::Right(by) => p >> by,
            Self::Less => mask(x < y),
            Self::LessEq => mask(x <= y),
            Self::Equal => mask(x == y),
            Self::NotEqual => mask(x != y),
            Self::Choose => if p >> 63 == 1 { y } else { z }.to_bits(),
            Self::Least => if x < y { x } else { y }.to_bits(),
            Self::Most => if x > y { x } else { y }.to_bits(),
            Self::Unless(op) => if y.abs() > vector::LIMIT { value_of(op, y) } else { x }.to_bits(),
        };
        T::of(f64::from_bits(bits))
    }
}

impl Inst {
    /// The registers it reads.
    pub fn operands(&self) -> impl Iterator<Item = Reg> + use<> {
        let (a, b, c) = match *self {
            Self::Constant(_) | Self::Load(_) => (None, None, None),
            Self::Neg(a) | Self::Power(_, a) | Self::Unary(_, a) => (Some(a), None, None),
            Self::Add(a, b) | Self::Sub(a, b) | Self::Mul(a, b) | Self::Div(a, b) | Self::Binary(_, a, b) => {
                (Some(a), Some(b), None)
            }
            Self::MulAdd(a, b, c) | Self::Select(a, b, c) => (Some(a), Some(b), Some(c)),
            Self::Bits(bits, [a, b, c]) => {
                let count = bits.count();
                (Some(a), (count > 1).then_some(b), (count > 2).then_some(c))
            }
        };
        [a, b, c].into_iter().flatten()
    }

    /// The same instruction with other registers.
    pub fn renamed(self, name: impl Fn(Reg) -> Reg) -> Self {
        match self {
            Self::Constant(_) | Self::Load(_) => self,
            Self::Neg(a) => Self::Neg(name(a)),
            Self::Add(a, b) => Self::Add(name(a), name(b)),
            Self::Sub(a, b) => Self::Sub(name(a), name(b)),
            Self::Mul(a, b) => Self::Mul(name(a), name(b)),
            Self::Div(a, b) => Self::Div(name(a), name(b)),
            Self::MulAdd(a, b, c) => Self::MulAdd(name(a), name(b), name(c)),
            Self::Power(power, a) => Self::Power(power, name(a)),
            Self::Unary(op, a) => Self::Unary(op, name(a)),
            Self::Binary(op, a, b) => Self::Binary(op, name(a), name(b)),
            Self::Select(a, b, c) => Self::Select(name(a), name(b), name(c)),
            Self::Bits(bits, all) => Self::Bits(bits, all.map(name)),
        }
    }

    /// Its value, given those of the registers and of the operands.
    #[inline]
    pub fn value<T: Number>(&self, at: impl Fn(Reg) -> T, load: impl Fn(u32) -> T) -> T {
        match *self {
            Self::Constant(x) => T::of(x),
            Self::Load(k) => load(k),
            Self::Neg(a) => -at(a),
            Self::Add(a, b) => at(a) + at(b),
            Self::Sub(a, b) => at(a) - at(b),
            Self::Mul(a, b) => at(a) * at(b),
            Self::Div(a, b) => at(a) / at(b),
            Self::MulAdd(a, b, c) => at(a) * at(b) + at(c),
            Self::Power(power, a) => power.of(at(a)),
            Self::Unary(op, a) => value_of(op, at(a)),
            Self::Binary(op, a, b) => function_of_two(op)(at(a), at(b)),
            Self::Select(a, b, c) => {
                if at(a) != T::zero() {
                    at(b)
                } else {
                    at(c)
                }
            }
            Self::Bits(bits, all) => bits.value(all.map(at)),
        }
    }
}

/// What an instruction is found again by: its kind with its numbers as bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Key {
    Constant(u64),
    Load(u32),
    Arithmetic(u8, [Reg; 3]),
    Power(u8, u64, Reg),
    Map(MapOp, [Reg; 3]),
    Bits(Bits, [Reg; 3]),
}

impl From<Inst> for Key {
    fn from(inst: Inst) -> Self {
        let either = |a: Reg, b: Reg| [a.min(b), a.max(b), Reg(0)];
        match inst {
            Inst::Constant(x) => Self::Constant(x.to_bits()),
            Inst::Load(k) => Self::Load(k),
            Inst::Neg(a) => Self::Arithmetic(0, [a, a, a]),
            Inst::Add(a, b) => Self::Arithmetic(1, either(a, b)),
            Inst::Sub(a, b) => Self::Arithmetic(2, [a, b, Reg(0)]),
            Inst::Mul(a, b) => Self::Arithmetic(3, either(a, b)),
            Inst::Div(a, b) => Self::Arithmetic(4, [a, b, Reg(0)]),
            Inst::MulAdd(a, b, c) => Self::Arithmetic(5, [a.min(b), a.max(b), c]),
            Inst::Select(a, b, c) => Self::Arithmetic(6, [a, b, c]),
            Inst::Power(Power::Whole(k), a) => Self::Power(0, u64::from(k.cast_unsigned()), a),
            Inst::Power(Power::Half(k), a) => Self::Power(1, u64::from(k.cast_unsigned()), a),
            Inst::Power(Power::Real(e), a) => Self::Power(2, e.to_bits(), a),
            Inst::Unary(op, a) => Self::Map(op, [a, a, a]),
            Inst::Binary(op, a, b) => Self::Map(op, [a, b, Reg(0)]),
            Inst::Bits(bits, all) => Self::Bits(bits, all),
        }
    }
}

/// A number for each of some turns of a loop, aligned for vector instructions.
#[derive(Clone, Copy, Debug)]
#[repr(C, align(32))]
pub(crate) struct Row<const N: usize>(pub [f64; N]);

impl<const N: usize> Default for Row<N> {
    fn default() -> Self {
        Self([0.0; N])
    }
}

impl<const N: usize> std::ops::Deref for Row<N> {
    type Target = [f64; N];

    fn deref(&self) -> &[f64; N] {
        &self.0
    }
}

impl<const N: usize> std::ops::DerefMut for Row<N> {
    fn deref_mut(&mut self) -> &mut [f64; N] {
        &mut self.0
    }
}

/// Code without branches.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Code {
    /// The instructions; each reads only those before it.
    pub insts: Vec<Inst>,
}

/// Makes code, each instruction once.
#[derive(Clone, Debug, Default)]
pub(crate) struct Builder {
    code: Code,
    known: FxHashMap<Key, Reg>,
    /// What registers with loaded values would be computed by.
    origins: FxHashMap<Reg, Inst>,
}

impl Builder {
    /// The register of an instruction, which is added where it is new.
    pub fn push(&mut self, inst: Inst) -> Reg {
        let inst = self.simpler(inst);
        let next = Reg(self.code.insts.len() as u32);
        let found = *self.known.entry(inst.into()).or_insert(next);
        if found == next {
            self.code.insts.push(inst);
        }
        found
    }

    /// Takes a register for the result of an instruction, which is not computed: its operands come before the register.
    pub fn stand_in(&mut self, inst: Inst, value: Reg) {
        self.known.insert(inst.into(), value);
        self.origins.insert(value, inst);
    }

    /// What a register is the result of.
    pub fn origin(&self, at: Reg) -> Option<Inst> {
        self.origins.get(&at).or_else(|| self.code.insts.get(at.0 as usize)).copied()
    }

    /// How many instructions there are.
    pub fn len(&self) -> usize {
        self.code.insts.len()
    }

    /// The number in a register, where it is one.
    pub fn number(&self, at: Reg) -> Option<f64> {
        match self.code.insts.get(at.0 as usize) {
            Some(Inst::Constant(x)) => Some(*x),
            _ => None,
        }
    }

    /// The register of a number.
    pub fn constant(&mut self, value: f64) -> Reg {
        self.push(Inst::Constant(value))
    }

    /// `a·b`, where a factor of 1 costs nothing.
    pub fn times(&mut self, a: Reg, b: Reg) -> Reg {
        match (self.number(a), self.number(b)) {
            (Some(1.0), _) => b,
            (_, Some(1.0)) => a,
            (Some(-1.0), _) => self.push(Inst::Neg(b)),
            (_, Some(-1.0)) => self.push(Inst::Neg(a)),
            _ => self.push(Inst::Mul(a, b)),
        }
    }

    /// An instruction on numbers only is a number.
    fn simpler(&self, inst: Inst) -> Inst {
        let all = inst.operands().all(|a| self.number(a).is_some());
        if !all || matches!(inst, Inst::Constant(_) | Inst::Load(_)) {
            return inst;
        }
        Inst::Constant(inst.value(|a| self.number(a).unwrap_or(f64::NAN), |_| f64::NAN))
    }

    /// Quotients by a number whose inverse is needed too are products with it, as are several by the same number.
    pub fn invert_once(&mut self, outputs: &mut [Reg]) {
        let one = self.constant(1.0);
        let mut last: FxHashMap<Reg, (usize, bool)> = FxHashMap::default();
        for inst in &self.code.insts {
            if let Inst::Div(a, b) = inst {
                let (count, inverse) = last.entry(*b).or_default();
                *count += 1;
                *inverse |= *a == one;
            }
        }
        let worth = |b: Reg| last.get(&b).is_some_and(|(count, inverse)| *count > 2 || *inverse && *count > 1);
        let old = std::mem::take(&mut self.code.insts);
        self.known.clear();
        self.origins.clear();
        let mut names: Vec<Reg> = Vec::with_capacity(old.len());
        for inst in old {
            let named = inst.renamed(|r| names.get(r.0 as usize).copied().unwrap_or(r));
            names.push(match (inst, named) {
                (Inst::Div(_, b), Inst::Div(x, y)) if worth(b) => {
                    let one = self.constant(1.0);
                    let inverse = self.push(Inst::Div(one, y));
                    self.times(x, inverse)
                }
                _ => self.push(named),
            });
        }
        outputs.iter_mut().for_each(|out| *out = names.get(out.0 as usize).copied().unwrap_or(*out));
    }

    /// The code, of which only these registers are needed; they are renamed with it.
    pub fn finish(self, outputs: &mut [Reg]) -> Code {
        let insts = self.code.insts;
        let mut needed = vec![false; insts.len()];
        for out in outputs.iter() {
            needed[out.0 as usize] = true;
        }
        for k in (0..insts.len()).rev() {
            if needed[k] {
                insts[k].operands().for_each(|a| needed[a.0 as usize] = true);
            }
        }
        let mut names = vec![Reg(0); insts.len()];
        let mut kept = Vec::with_capacity(insts.len());
        for (k, inst) in insts.into_iter().enumerate() {
            if needed[k] {
                names[k] = Reg(kept.len() as u32);
                kept.push(inst.renamed(|a| names[a.0 as usize]));
            }
        }
        outputs.iter_mut().for_each(|out| *out = names[out.0 as usize]);
        Code { insts: kept }
    }
}

impl Code {
    /// Runs the code once, a number a register: what every other engine has to agree with.
    pub fn run(&self, registers: &mut Vec<f64>, load: impl Fn(u32) -> f64) {
        registers.clear();
        for inst in &self.insts {
            let value = inst.value(|a| registers.get(a.0 as usize).copied().unwrap_or(f64::NAN), &load);
            registers.push(value);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instructions_are_shared_and_unused_ones_dropped() {
        let mut build = Builder::default();
        let (x, y) = (build.push(Inst::Load(0)), build.push(Inst::Load(1)));
        let unused = build.push(Inst::Sub(x, y));
        let (a, b) = (build.push(Inst::Mul(x, y)), build.push(Inst::Mul(y, x)));
        assert_eq!(a, b);
        assert_ne!(a, unused);
        let two = build.constant(2.0);
        let four = build.push(Inst::Mul(two, two));
        let mut out = [build.push(Inst::MulAdd(a, four, x))];
        let code = build.finish(&mut out);
        assert_eq!(code.insts.len(), 5);
        let mut registers = Vec::new();
        code.run(&mut registers, |k| [3.0, 5.0][k as usize]);
        assert_eq!(registers[out[0].0 as usize], 63.0);
    }

    #[test]
    fn functions_and_branches() {
        let mut build = Builder::default();
        let x = build.push(Inst::Load(0));
        let zero = build.constant(0.0);
        let small = build.push(Inst::Binary(MapOp::Less, x, zero));
        let square = build.push(Inst::Power(Power::Whole(2), x));
        let root = build.push(Inst::Power(Power::Half(1), x));
        let mut out = [build.push(Inst::Select(small, square, root))];
        let code = build.finish(&mut out);
        let mut registers = Vec::new();
        for (x, y) in [(4.0, 2.0), (-3.0, 9.0)] {
            code.run(&mut registers, |_| x);
            assert_eq!(registers[out[0].0 as usize], y);
        }
    }
}
