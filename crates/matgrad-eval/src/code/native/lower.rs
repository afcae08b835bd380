//! Functions as instructions: the kernels of `kernel::vector`, so that nothing is called and what two functions of the
//! same number have in common is computed once.
//!
//! The formulas are those of the kernels; polynomials are cut in their even and their odd part, which do not wait for each
//! other.

use matgrad_calculus::graph::MapOp;

use super::schedule::groups;
use crate::code::straight::Straight;
use crate::code::{Bits, Builder, Code, Inst, Reg};
use crate::kernel::vector::{COSINE, HALF_PI, LN2_HIGH, LN2_LOW, ROUND, SERIES, SINE, TAYLOR};

/// Whether there is a formula for a function.
pub fn has_formula(op: MapOp) -> bool {
    matches!(
        op,
        MapOp::Exp | MapOp::Log | MapOp::Sin | MapOp::Cos | MapOp::Tan | MapOp::Tanh | MapOp::Sigmoid | MapOp::Softplus
    )
}

/// The program with formulas for functions that are alone in their round; others are computed four at a time.
pub fn straight(straight: &Straight) -> Straight {
    let together = groups(&straight.code.insts);
    let mut results: Vec<Reg> = straight.results.iter().flatten().copied().collect();
    let code = expand(&straight.code, &mut results, |k| !together.get(k).copied().unwrap_or(false));
    let mut named = results.into_iter();
    let results = straight.results.iter().map(|r| named.by_ref().take(r.len()).collect()).collect();
    Straight { code, loads: straight.loads.clone(), inputs: straight.inputs.clone(), results }
}

/// The code with small powers as products, selections by masks, and formulas where wanted; the values are renamed.
pub fn expand(code: &Code, values: &mut [Reg], wanted: impl Fn(usize) -> bool) -> Code {
    let mut build = Builder::default();
    let mut names: Vec<Reg> = Vec::with_capacity(code.insts.len());
    for (k, inst) in code.insts.iter().enumerate() {
        let named = inst.renamed(|a| names.get(a.0 as usize).copied().unwrap_or(a));
        names.push(match named {
            Inst::Power(power, a) => build.power(power, a),
            Inst::Unary(op, a) if has_formula(op) && wanted(k) => formula(&mut build, op, a),
            Inst::Binary(op, a, b) => match mask(op) {
                Some(bits) => {
                    let (mask, one) = (build.bits(bits, &[a, b]), build.constant(1.0));
                    build.bits(Bits::And, &[mask, one])
                }
                None => build.push(named),
            },
            Inst::Select(c, x, y) => {
                let one = build.constant(1.0);
                let mask = match build.inst(c) {
                    // a comparison of which only the mask is needed
                    Some(Inst::Bits(Bits::And, [mask, last, _])) if last == one => mask,
                    _ => {
                        let zero = build.constant(0.0);
                        build.bits(Bits::NotEqual, &[c, zero])
                    }
                };
                if x == y { x } else { build.bits(Bits::Choose, &[mask, x, y]) }
            }
            other => build.push(other),
        });
    }
    values.iter_mut().for_each(|value| *value = names.get(value.0 as usize).copied().unwrap_or(*value));
    build.finish(values)
}

fn mask(op: MapOp) -> Option<Bits> {
    match op {
        MapOp::Less => Some(Bits::Less),
        MapOp::LessEq => Some(Bits::LessEq),
        MapOp::Equal => Some(Bits::Equal),
        MapOp::NotEqual => Some(Bits::NotEqual),
        _ => None,
    }
}

/// A function, as instructions.
pub fn formula(b: &mut Builder, op: MapOp, x: Reg) -> Reg {
    match op {
        MapOp::Exp => b.exp(x),
        MapOp::Log => b.log(x),
        MapOp::Tanh => b.tanh(x),
        MapOp::Sigmoid => b.sigmoid(x),
        MapOp::Softplus => b.softplus(x),
        MapOp::Sin | MapOp::Cos | MapOp::Tan => b.turned(op, x),
        _ => b.push(Inst::Unary(op, x)),
    }
}

impl Builder {
    /// An operation on bits.
    fn bits(&mut self, bits: Bits, operands: &[Reg]) -> Reg {
        let last = operands.last().copied().unwrap_or(Reg(0));
        let at = |k: usize| operands.get(k).copied().unwrap_or(last);
        self.push(Inst::Bits(bits, [at(0), at(1), at(2)]))
    }

    fn of_bits(&mut self, bits: u64) -> Reg {
        self.constant(f64::from_bits(bits))
    }

    fn add(&mut self, a: Reg, b: Reg) -> Reg {
        self.push(Inst::Add(a, b))
    }

    fn sub(&mut self, a: Reg, b: Reg) -> Reg {
        self.push(Inst::Sub(a, b))
    }

    fn mul(&mut self, a: Reg, b: Reg) -> Reg {
        self.push(Inst::Mul(a, b))
    }

    fn fma(&mut self, a: Reg, b: Reg, c: Reg) -> Reg {
        self.push(Inst::MulAdd(a, b, c))
    }

    fn size(&mut self, x: Reg) -> Reg {
        self.push(Inst::Unary(MapOp::Abs, x))
    }

    /// The value of `size` with the sign of `x`.
    fn with_sign(&mut self, size: Reg, x: Reg) -> Reg {
        let sign = self.of_bits(1 << 63);
        let sign = self.bits(Bits::And, &[x, sign]);
        self.bits(Bits::Or, &[size, sign])
    }

    /// `c[0] + x·c[1] + …`, by the square of x.
    fn polynomial(&mut self, x: Reg, square: Reg, c: &[f64]) -> Reg {
        let part = |b: &mut Self, c: &mut dyn Iterator<Item = &f64>, x: Reg| {
            let mut sum = None;
            for c in c {
                let c = b.constant(*c);
                sum = Some(match sum {
                    None => c,
                    Some(sum) => b.fma(sum, x, c),
                });
            }
            sum.unwrap_or_else(|| b.constant(0.0))
        };
        if c.len() < 4 {
            return part(self, &mut c.iter().rev(), x);
        }
        let (last, odd) = (c.len() - 1, c.len() % 2);
        let even = part(self, &mut c.iter().take(last + odd).step_by(2).rev(), square);
        let odd = part(self, &mut c.iter().skip(1).step_by(2).rev(), square);
        self.fma(odd, x, even)
    }

    /// exp(r) - 1, and 2^k in two factors, for x = k·log 2 + r.
    fn split(&mut self, x: Reg) -> (Reg, [Reg; 2]) {
        let (most, least) = (self.constant(710.0), self.constant(-746.0));
        let x = self.bits(Bits::Least, &[most, x]);
        let x = self.bits(Bits::Most, &[least, x]);
        let (by, round, half) = (self.constant(std::f64::consts::LOG2_E), self.constant(ROUND), self.constant(0.5));
        let (high, low) = (self.constant(-LN2_HIGH), self.constant(-LN2_LOW));
        let whole = self.fma(x, by, round);
        let k = self.sub(whole, round);
        let r = self.fma(k, high, x);
        let r = self.fma(k, low, r);
        let square = self.mul(r, r);
        let series = self.polynomial(r, square, &TAYLOR);
        let rest = self.fma(square, series, r);
        let first = self.fma(k, half, round);
        let halved = self.sub(first, round);
        let other = self.sub(k, halved);
        let second = self.add(other, round);
        let bias = self.of_bits(1023);
        let factors = [first, second].map(|whole| {
            let exponent = self.bits(Bits::Add, &[whole, bias]);
            self.bits(Bits::Left(52), &[exponent])
        });
        (rest, factors)
    }

    fn exp(&mut self, x: Reg) -> Reg {
        let (rest, [a, b]) = self.split(x);
        let one = self.constant(1.0);
        let sum = self.add(one, rest);
        let product = self.mul(sum, a);
        self.mul(product, b)
    }

    fn tanh(&mut self, x: Reg) -> Reg {
        let (most, two, one) = (self.constant(22.0), self.constant(2.0), self.constant(1.0));
        let size = self.size(x);
        let size = self.bits(Bits::Least, &[most, size]);
        let double = self.add(size, size);
        let (rest, [a, b]) = self.split(double);
        let power = self.mul(a, b);
        let gap = self.sub(power, one);
        let e = self.fma(power, rest, gap);
        let below = self.add(e, two);
        let value = self.push(Inst::Div(e, below));
        self.with_sign(value, x)
    }

    /// exp(-|x|)
    fn decay(&mut self, x: Reg) -> Reg {
        let sign = self.of_bits(1 << 63);
        let minus = self.bits(Bits::Or, &[x, sign]);
        self.exp(minus)
    }

    fn sigmoid(&mut self, x: Reg) -> Reg {
        let e = self.decay(x);
        let (one, zero) = (self.constant(1.0), self.constant(0.0));
        let below = self.add(one, e);
        let value = self.push(Inst::Div(one, below));
        let other = self.mul(e, value);
        let negative = self.bits(Bits::Less, &[x, zero]);
        self.bits(Bits::Choose, &[negative, other, value])
    }

    /// log(u) + c of a positive normal u and a small c, with more added to the exponent of u.
    fn logarithm(&mut self, u: Reg, c: Option<Reg>, exponent: Option<Reg>) -> Reg {
        const ONE: u64 = 0x3ff0_0000_0000_0000;
        const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
        let (gap, one_bits) = (self.of_bits(ONE - ROOT_HALF), self.of_bits(ONE));
        let moved = self.bits(Bits::Add, &[u, gap]);
        let k = self.bits(Bits::Right(52), &[moved]);
        let shifted = self.bits(Bits::Left(52), &[k]);
        let m = self.bits(Bits::Sub, &[u, shifted]);
        let m = self.bits(Bits::Add, &[m, one_bits]);
        let (whole, offset) = (self.of_bits(0x4330_0000_0000_0000), self.constant(4_503_599_627_370_496.0 + 1023.0));
        let k = self.bits(Bits::Or, &[k, whole]);
        let mut k = self.sub(k, offset);
        if let Some(exponent) = exponent {
            k = self.add(k, exponent);
        }
        let (one, two, half) = (self.constant(1.0), self.constant(2.0), self.constant(0.5));
        let f = self.sub(m, one);
        let below = self.add(two, f);
        let s = self.push(Inst::Div(f, below));
        let z = self.mul(s, s);
        let fourth = self.mul(z, z);
        let series = self.polynomial(z, fourth, &SERIES);
        let r = self.mul(z, series);
        let halved = self.mul(half, f);
        let half = self.mul(halved, f);
        let (high, low) = (self.constant(LN2_HIGH), self.constant(LN2_LOW));
        let small = match c {
            Some(c) => self.fma(k, low, c),
            None => self.mul(k, low),
        };
        let sum = self.add(half, r);
        let low = self.fma(s, sum, small);
        let gap = self.sub(half, low);
        let rest = self.sub(f, gap);
        self.fma(k, high, rest)
    }

    fn log(&mut self, x: Reg) -> Reg {
        let (least, by, more) =
            (self.constant(f64::MIN_POSITIVE), self.constant(18_014_398_509_481_984.0), self.constant(-54.0));
        let subnormal = self.bits(Bits::Less, &[x, least]);
        let scaled = self.mul(x, by);
        let u = self.bits(Bits::Choose, &[subnormal, scaled, x]);
        let exponent = self.bits(Bits::And, &[subnormal, more]);
        let value = self.logarithm(u, None, Some(exponent));
        let (zero, infinity) = (self.constant(0.0), self.constant(f64::INFINITY));
        let (lowest, nothing) = (self.constant(f64::NEG_INFINITY), self.constant(f64::NAN));
        let largest = self.bits(Bits::Equal, &[x, infinity]);
        let value = self.bits(Bits::Choose, &[largest, infinity, value]);
        let none = self.bits(Bits::Equal, &[x, zero]);
        let value = self.bits(Bits::Choose, &[none, lowest, value]);
        let inside = self.bits(Bits::LessEq, &[zero, x]);
        self.bits(Bits::Choose, &[inside, value, nothing])
    }

    fn softplus(&mut self, x: Reg) -> Reg {
        let e = self.decay(x);
        let (one, zero) = (self.constant(1.0), self.constant(0.0));
        let u = self.add(one, e);
        let kept = self.sub(u, one);
        // what rounding took from u
        let lost = self.sub(e, kept);
        let c = self.push(Inst::Div(lost, u));
        let rest = self.logarithm(u, Some(c), None);
        let positive = self.bits(Bits::Most, &[x, zero]);
        self.add(positive, rest)
    }

    /// Sine, cosine or tangent.
    fn turned(&mut self, op: MapOp, x: Reg) -> Reg {
        let (by, round) = (self.constant(std::f64::consts::FRAC_2_PI), self.constant(ROUND));
        let rounded = self.fma(x, by, round);
        let n = self.sub(rounded, round);
        let pi = HALF_PI.map(|part| self.constant(part));
        let whole = self.mul(n, pi[0]);
        let first = self.sub(x, whole);
        let step = self.mul(n, pi[1]);
        let second = self.sub(first, step);
        let gap = self.sub(first, second);
        let gap = self.sub(gap, step);
        let last = self.mul(n, pi[2]);
        let low = self.sub(last, gap);
        let r = self.sub(second, low);
        let tail = self.sub(second, r);
        let tail = self.sub(tail, low);
        let z = self.mul(r, r);
        let fourth = self.mul(z, z);
        let half = self.constant(0.5);
        let sine = {
            let v = self.mul(z, r);
            let s = self.polynomial(z, fourth, SINE.get(1..).unwrap_or(&[]));
            let halved = self.mul(half, tail);
            let product = self.mul(v, s);
            let inner = self.sub(halved, product);
            let scaled = self.mul(z, inner);
            let scaled = self.sub(scaled, tail);
            let third = self.constant(SINE[0]);
            let cubic = self.mul(v, third);
            let rest = self.sub(scaled, cubic);
            self.sub(r, rest)
        };
        let cosine = {
            let c = self.polynomial(z, fourth, &COSINE);
            let c = self.mul(z, c);
            let (halved, one) = (self.mul(half, z), self.constant(1.0));
            let w = self.sub(one, halved);
            let lost = self.sub(one, w);
            let lost = self.sub(lost, halved);
            let (a, b) = (self.mul(z, c), self.mul(r, tail));
            let small = self.sub(a, b);
            let small = self.add(lost, small);
            self.add(w, small)
        };
        let odd = self.bits(Bits::Left(63), &[rounded]);
        let sign = self.of_bits(1 << 63);
        let value = match op {
            MapOp::Tan => {
                let above = self.bits(Bits::Choose, &[odd, cosine, sine]);
                let below = self.bits(Bits::Choose, &[odd, sine, cosine]);
                let above = self.bits(Bits::Xor, &[above, odd]);
                self.push(Inst::Div(above, below))
            }
            MapOp::Sin => {
                let turned = self.bits(Bits::Left(62), &[rounded]);
                let turned = self.bits(Bits::And, &[turned, sign]);
                let value = self.bits(Bits::Choose, &[odd, cosine, sine]);
                self.bits(Bits::Xor, &[value, turned])
            }
            _ => {
                // the second bit of the next number is the exclusive or of the last two
                let turned = self.bits(Bits::Left(62), &[rounded]);
                let turned = self.bits(Bits::Xor, &[turned, odd]);
                let turned = self.bits(Bits::And, &[turned, sign]);
                let value = self.bits(Bits::Choose, &[odd, sine, cosine]);
                self.bits(Bits::Xor, &[value, turned])
            }
        };
        let value = if op == MapOp::Cos {
            value
        } else {
            let zero = self.constant(0.0);
            let none = self.bits(Bits::Equal, &[x, zero]);
            self.bits(Bits::Choose, &[none, x, value])
        };
        self.bits(Bits::Unless(op), &[value, x])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::native::{Native, Rows};
    use crate::fused::{FusedLoop, Output, Scratch, Stream, Strides};
    use crate::kernel::elementwise::function;
    use crate::kernel::vector::LIMIT;

    /// The functions and how many units in the last place they may be off.
    const BOUNDS: [(MapOp, f64); 8] = [
        (MapOp::Exp, 1.0),
        (MapOp::Log, 1.0),
        (MapOp::Sin, 1.0),
        (MapOp::Cos, 1.0),
        (MapOp::Tan, 3.0),
        (MapOp::Tanh, 4.0),
        (MapOp::Sigmoid, 3.0),
        (MapOp::Softplus, 3.0),
    ];

    fn exact(op: MapOp, x: f64) -> f64 {
        match op {
            MapOp::Exp => libm::exp(x),
            MapOp::Log => libm::log(x),
            MapOp::Sin => libm::sin(x),
            MapOp::Cos => libm::cos(x),
            MapOp::Tan => libm::tan(x),
            MapOp::Tanh => libm::tanh(x),
            _ => function(op)(x),
        }
    }

    fn ulps(value: f64, expected: f64) -> f64 {
        if value == expected || value.is_nan() && expected.is_nan() {
            let zero = value == 0.0 && value.is_sign_negative() != expected.is_sign_negative();
            return if zero { f64::INFINITY } else { 0.0 };
        }
        let size = expected.abs().max(f64::MIN_POSITIVE);
        let unit = f64::from_bits(size.to_bits() + 1) - size;
        let gap = (value - expected).abs() / unit;
        if gap.is_nan() { f64::INFINITY } else { gap }
    }

    /// Special numbers among others, dense where functions turn, too large ones for the formulas, and an odd number of all.
    fn arguments() -> Vec<f64> {
        let mut all = vec![0.0, -0.0, 1.0, -1.0, 1e-300, -1e-300, 5e-324, -5e-324, 1e-17, 709.7, 709.79, 710.5, -745.1];
        all.extend([-708.5, -746.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MAX, f64::MIN, f64::MIN_POSITIVE]);
        all.extend([LIMIT, -LIMIT, 1.001 * LIMIT, -1e9, 1e15, 3e22, 1e300, -1e300, 22.0, 23.5, -22.5, 0.5, 2.0]);
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for scale in [1e-8, 0.1, 1.0, 3.0, 30.0, 700.0, 5e5, 2e6] {
            for _ in 0..4000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                all.push(scale * ((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0));
            }
        }
        all
    }

    #[track_caller]
    fn check(op: MapOp, bound: f64, way: &str, x: &[f64], found: &[f64]) {
        for (x, value) in x.iter().zip(found) {
            let expected = exact(op, *x);
            let gap = ulps(*value, expected);
            assert!(gap <= bound, "{op:?}({x:e}) = {value:e} {way}, not {expected:e}: {gap} ulp");
        }
    }

    #[test]
    fn formulas_are_as_accurate_as_kernels() {
        let x = arguments();
        for (op, bound) in BOUNDS {
            let mut build = Builder::default();
            let number = build.push(Inst::Load(0));
            let mut out = [formula(&mut build, op, number)];
            let code = build.finish(&mut out);
            let mut registers = Vec::new();
            let mut values = Vec::new();
            for x in &x {
                code.run(&mut registers, |_| *x);
                values.push(registers[out[0].0 as usize]);
            }
            check(op, bound, "interpreted", &x, &values);
        }
    }

    /// A loop over all arguments, four at a time and the rest one by one, at places that are not aligned.
    #[test]
    fn formulas_in_loops() {
        if !Native::available() {
            return;
        }
        let x = arguments();
        for (op, bound) in BOUNDS {
            for (start, length) in [(0, x.len()), (1, x.len() - 2), (3, 7), (5, 1), (13, 3)] {
                let mut build = Builder::default();
                let number = build.push(Inst::Load(0));
                let value = build.push(Inst::Unary(op, number));
                let code = build.finish(&mut [value]);
                let strides: Strides = [1].into_iter().collect();
                let stream = Stream { arg: 0, start, strides: strides.clone() };
                let output = Output { out: 0, start: 1, strides, value, fold: None, add: false };
                let mut work = FusedLoop::new([length].into_iter().collect(), vec![stream], code, vec![output]);
                assert!(Rows::new(&work).is_some());
                work.compile();
                let mut out = vec![7.5; length + 2];
                work.run(&[&x], &mut [&mut out], &mut Scratch::default());
                assert_eq!((out[0], out[length + 1]), (7.5, 7.5));
                check(op, bound, "in a loop", &x[start..start + length], &out[1..=length]);
            }
        }
    }

    /// As many functions at once as there are arguments, in a program without loops: one alone, and several together with
    /// values that have to survive; sine and cosine of the same numbers and of others.
    #[test]
    fn formulas_in_programs() {
        if !Native::available() {
            return;
        }
        let x = arguments();
        for (at, (op, bound)) in BOUNDS.into_iter().enumerate() {
            let (other, other_bound) = if op == MapOp::Sin { (MapOp::Cos, 1.0) } else { BOUNDS[(at + 3) % 8] };
            for count in [1, 2, 3, 4, 5, 8, 11] {
                for part in x.chunks_exact(count).take(600) {
                    let mut build = Builder::default();
                    let loads: Vec<Reg> = (0..count as u32).map(|k| build.push(Inst::Load(k))).collect();
                    // numbers that are computed, in any order
                    let shuffled = loads.iter().rev().map(|x| build.push(Inst::Neg(*x))).collect::<Vec<_>>();
                    let mut flat: Vec<Reg> = loads.iter().map(|x| build.push(Inst::Unary(op, *x))).collect();
                    flat.extend(shuffled.iter().map(|x| build.push(Inst::Unary(other, *x))));
                    let sums: Vec<Reg> = loads.iter().zip(&flat).map(|(x, y)| build.push(Inst::Add(*x, *y))).collect();
                    flat.extend(sums);
                    flat.extend(&shuffled);
                    let code = build.finish(&mut flat);
                    let straight = Straight::new(code, &[0], vec![flat]);
                    let native = Native::new(&straight).expect("memory for code");
                    let (mut out, mut scratch) = (vec![0.0; 4 * count], vec![f64::NAN; native.scratch()]);
                    assert!(native.run(&[part], &mut scratch, &mut [&mut out]));
                    let minus: Vec<f64> = part.iter().rev().map(|x| -x).collect();
                    check(op, bound, "in a program", part, &out[..count]);
                    check(other, other_bound, "in a program", &minus, &out[count..2 * count]);
                    for (k, x) in part.iter().enumerate() {
                        let (sum, expected) = (out[2 * count + k], x + out[k]);
                        assert!(sum == expected || sum.is_nan() && expected.is_nan());
                        assert_eq!(out[3 * count + k].to_bits() << 1, minus[k].to_bits() << 1);
                    }
                }
            }
        }
    }
}
