//! Arithmetic that costs nothing where a number is 0 or 1: zeros of structure stay zeros whatever they meet.

use matgrad_calculus::graph::MapOp;

use super::{Builder, Inst, Reg};
use crate::kernel::power::Power;

impl Builder {
    /// The instruction of a register.
    pub(crate) fn inst(&self, at: Reg) -> Option<Inst> {
        self.code.insts.get(at.0 as usize).copied()
    }

    /// `a + b`.
    pub fn sum(&mut self, a: Reg, b: Reg) -> Reg {
        match (self.number(a), self.number(b), self.inst(a), self.inst(b)) {
            (Some(0.0), ..) => b,
            (_, Some(0.0), ..) => a,
            (.., Some(Inst::Neg(b))) => self.difference(a, b),
            (_, _, Some(Inst::Neg(a)), _) => self.difference(b, a),
            _ => self.push(Inst::Add(a, b)),
        }
    }

    /// `a - b`.
    pub fn difference(&mut self, a: Reg, b: Reg) -> Reg {
        match (self.number(a), self.number(b), self.inst(b)) {
            (_, Some(0.0), _) => a,
            (Some(0.0), ..) => self.negated(b),
            (.., Some(Inst::Neg(b))) => self.sum(a, b),
            _ => self.push(Inst::Sub(a, b)),
        }
    }

    /// `-a`.
    pub fn negated(&mut self, a: Reg) -> Reg {
        match self.inst(a) {
            Some(Inst::Neg(inner)) => inner,
            Some(Inst::Sub(x, y)) => self.push(Inst::Sub(y, x)),
            _ => self.push(Inst::Neg(a)),
        }
    }

    /// `a·b`; a zero of structure stays zero whatever it meets.
    pub fn product(&mut self, a: Reg, b: Reg) -> Reg {
        let lost = |r: Reg| self.number(r).is_some_and(|x| !x.is_finite());
        let zero = [a, b].into_iter().find(|r| self.number(*r) == Some(0.0));
        let zero = zero.filter(|_| !lost(a) && !lost(b));
        match (zero, self.number(a), self.inst(b), self.number(b), self.inst(a)) {
            (Some(zero), ..) => zero,
            (_, Some(c), Some(Inst::Mul(x, y)), ..) | (_, _, _, Some(c), Some(Inst::Mul(x, y)))
                if c.abs() != 1.0 && (self.number(x).is_some() || self.number(y).is_some()) =>
            {
                let (d, rest) = if self.number(x).is_some() { (x, y) } else { (y, x) };
                let factor = c * self.number(d).unwrap_or(1.0);
                let factor = self.constant(factor);
                self.times(factor, rest)
            }
            _ => self.times(a, b),
        }
    }

    /// `c·a`.
    pub fn scaled(&mut self, c: f64, a: Reg) -> Reg {
        let c = self.constant(c);
        self.product(c, a)
    }

    /// `a / b`.
    pub fn quotient(&mut self, a: Reg, b: Reg) -> Reg {
        if self.number(b) == Some(1.0) { a } else { self.push(Inst::Div(a, b)) }
    }

    /// Many terms, in lanes where they are many: the sums of the lanes do not wait for each other.
    pub fn total(&mut self, terms: &[Reg]) -> Reg {
        let count = match terms.len() {
            0 => return self.constant(0.0),
            1..8 => 1,
            8..16 => 2,
            _ => 4,
        };
        let mut lanes = terms[..count].to_vec();
        for (k, term) in terms.iter().enumerate().skip(count) {
            lanes[k % count] = self.sum(lanes[k % count], *term);
        }
        let mut sum = lanes[0];
        for lane in &lanes[1..] {
            sum = self.sum(sum, *lane);
        }
        sum
    }

    /// A power, by multiplications where these are few.
    pub fn power(&mut self, power: Power, a: Reg) -> Reg {
        let (k, rooted) = match power {
            Power::Whole(k) if k.abs() <= 32 => (k.unsigned_abs(), false),
            Power::Half(k) if k.abs() <= 32 => ((k.unsigned_abs() - 1) / 2, true),
            _ => return self.push(Inst::Power(power, a)),
        };
        let (mut value, mut base, mut left) = (self.constant(1.0), a, k);
        while left > 0 {
            if left & 1 == 1 {
                value = self.product(value, base);
            }
            left >>= 1;
            if left > 0 {
                base = self.product(base, base);
            }
        }
        if rooted {
            let root = self.push(Inst::Power(Power::Half(1), a));
            value = self.product(value, root);
        }
        if matches!(power, Power::Whole(k) | Power::Half(k) if k < 0) {
            let one = self.constant(1.0);
            value = self.quotient(one, value);
        }
        value
    }

    /// `x` where `c` is not 0, else `y`.
    pub fn choose(&mut self, c: Reg, x: Reg, y: Reg) -> Reg {
        match self.number(c) {
            Some(0.0) => y,
            Some(_) => x,
            None if x == y => x,
            None => self.push(Inst::Select(c, x, y)),
        }
    }

    /// A function of one number.
    pub fn function(&mut self, op: MapOp, x: Reg) -> Reg {
        self.push(Inst::Unary(op, x))
    }

    /// A function of two numbers.
    pub fn function_of_two(&mut self, op: MapOp, x: Reg, y: Reg) -> Reg {
        self.push(Inst::Binary(op, x, y))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeros_and_ones_cost_nothing() {
        let mut b = Builder::default();
        let (x, y) = (b.push(Inst::Load(0)), b.push(Inst::Load(1)));
        let (zero, one) = (b.constant(0.0), b.constant(1.0));
        let before = b.code.insts.len();
        assert_eq!(b.sum(zero, x), x);
        assert_eq!(b.difference(x, zero), x);
        assert_eq!(b.product(x, zero), zero);
        assert_eq!(b.product(one, y), y);
        assert_eq!(b.quotient(y, one), y);
        assert_eq!(b.choose(zero, x, y), y);
        assert_eq!(b.power(Power::Whole(1), x), x);
        assert_eq!(b.code.insts.len(), before);
        let minus = b.negated(x);
        let (sum, gap) = (b.sum(y, minus), b.difference(y, x));
        assert_eq!(sum, gap);
        assert_eq!(b.negated(minus), x);
        let (two, six) = (b.scaled(2.0, x), b.scaled(6.0, x));
        assert_eq!(b.scaled(3.0, two), six);
        let (cube, sixth) = (b.power(Power::Whole(3), x), b.power(Power::Whole(6), x));
        assert_eq!(b.code.insts[cube.0 as usize], Inst::Mul(x, Reg(cube.0 - 1)));
        assert!(sixth.0 - cube.0 <= 2);
    }
}
