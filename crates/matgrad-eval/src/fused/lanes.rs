//! Arithmetic on blocks, compiled for the baseline and for AVX2 with FMA.

use matgrad_calculus::graph::MapOp;

use super::Fold;
use super::tape::Pass;
use crate::kernel::elementwise::{function, function_of_two};
use crate::kernel::number::Number;
use crate::kernel::power::Power;
use crate::kernel::reduce::{larger, smaller};
use crate::kernel::vector::{self, Exponent, powers};
use crate::special;

/// An operand of a pass.
#[derive(Clone, Copy)]
pub(super) enum Operand<'a, T> {
    /// A number for each place.
    Block(&'a [T]),
    /// The same number everywhere.
    Uniform(T),
}

impl<T: Number> Operand<'_, T> {
    fn first(&self) -> T {
        match self {
            Operand::Block(x) => x.first().copied().unwrap_or(T::nan()),
            Operand::Uniform(x) => *x,
        }
    }
}

use Operand::{Block, Uniform};

#[inline(always)]
fn unary<T: Number>(f: impl Fn(T) -> T, a: Operand<T>, out: &mut [T]) {
    match a {
        Block(a) => out.iter_mut().zip(a).for_each(|(o, a)| *o = f(*a)),
        Uniform(a) => out.fill(f(a)),
    }
}

#[inline(always)]
fn binary<T: Number>(f: impl Fn(T, T) -> T, a: Operand<T>, b: Operand<T>, out: &mut [T]) {
    match (a, b) {
        (Block(a), Block(b)) => out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (a, b))| *o = f(*a, *b)),
        (Block(a), Uniform(b)) => out.iter_mut().zip(a).for_each(|(o, a)| *o = f(*a, b)),
        (Uniform(a), Block(b)) => out.iter_mut().zip(b).for_each(|(o, b)| *o = f(a, *b)),
        (Uniform(a), Uniform(b)) => out.fill(f(a, b)),
    }
}

#[inline(always)]
fn ternary<T: Number>(f: impl Fn(T, T, T) -> T, [a, b, c]: [Operand<T>; 3], out: &mut [T]) {
    match (a, b, c) {
        (Block(a), Block(b), Block(c)) => {
            out.iter_mut().zip(a.iter().zip(b.iter().zip(c))).for_each(|(o, (a, (b, c)))| *o = f(*a, *b, *c));
        }
        (Block(a), Block(b), Uniform(c)) => {
            out.iter_mut().zip(a.iter().zip(b)).for_each(|(o, (a, b))| *o = f(*a, *b, c));
        }
        (Block(a), Uniform(b), Block(c)) => {
            out.iter_mut().zip(a.iter().zip(c)).for_each(|(o, (a, c))| *o = f(*a, b, *c));
        }
        (Uniform(a), Block(b), Block(c)) => {
            out.iter_mut().zip(b.iter().zip(c)).for_each(|(o, (b, c))| *o = f(a, *b, *c));
        }
        (Block(a), Uniform(b), Uniform(c)) => out.iter_mut().zip(a).for_each(|(o, a)| *o = f(*a, b, c)),
        (Uniform(a), Block(b), Uniform(c)) => out.iter_mut().zip(b).for_each(|(o, b)| *o = f(a, *b, c)),
        (Uniform(a), Uniform(b), Block(c)) => out.iter_mut().zip(c).for_each(|(o, c)| *o = f(a, b, *c)),
        (Uniform(a), Uniform(b), Uniform(c)) => out.fill(f(a, b, c)),
    }
}

#[inline(always)]
fn truth<T: Number>(holds: bool) -> T {
    if holds { T::one() } else { T::zero() }
}

#[inline(always)]
fn fma<const FUSED: bool, T: Number>(a: T, b: T, c: T) -> T {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

#[inline(always)]
fn arithmetic<const FUSED: bool, T: Number>(pass: Pass, from: [Operand<T>; 3], out: &mut [T]) {
    let [a, b, c] = from;
    match pass {
        Pass::Neg => unary(|a| -a, a, out),
        Pass::Add => binary(|a, b| a + b, a, b, out),
        Pass::Sub => binary(|a, b| a - b, a, b, out),
        Pass::Mul => binary(|a, b| a * b, a, b, out),
        Pass::Div => binary(|a, b| a / b, a, b, out),
        Pass::MulAdd => ternary(fma::<FUSED, T>, [a, b, c], out),
        Pass::MulSub => ternary(|a, b, c| fma::<FUSED, T>(a, b, -c), [a, b, c], out),
        Pass::SubMul => ternary(|a, b, c| fma::<FUSED, T>(-a, b, c), [a, b, c], out),
        Pass::Select => ternary(|a, b, c| if a != T::zero() { b } else { c }, [a, b, c], out),
        Pass::Sqrt => unary(T::sqrt, a, out),
        Pass::Unary(MapOp::Abs) => unary(T::abs, a, out),
        Pass::Unary(MapOp::Relu) => unary(|a| if a < T::zero() { T::zero() } else { a + T::zero() }, a, out),
        Pass::Binary(MapOp::Max) => binary(|a, b| if a > b || a.is_nan() { a } else { b }, a, b, out),
        Pass::Binary(MapOp::Min) => binary(|a, b| if a < b || a.is_nan() { a } else { b }, a, b, out),
        Pass::Binary(MapOp::Less) => binary(|a, b| truth(a < b), a, b, out),
        Pass::Binary(MapOp::LessEq) => binary(|a, b| truth(a <= b), a, b, out),
        Pass::Binary(MapOp::Equal) => binary(|a, b| truth(a == b), a, b, out),
        Pass::Binary(MapOp::NotEqual) => binary(|a, b| truth(a != b), a, b, out),
        Pass::Power(Power::Real(e)) if matches!(a, Uniform(_)) => out.fill(a.first().powf(T::of(e))),
        Pass::Power(power) => unary(|a| power.of(a), a, out),
        Pass::Unary(MapOp::Polygamma(order)) => unary(|a| T::of(special::polygamma(order, a.wide())), a, out),
        Pass::Unary(op) => {
            let f = function(op);
            unary(|a| T::of(f(a.wide())), a, out);
        }
        Pass::Binary(op) => binary(function_of_two(op), a, b, out),
        Pass::Gather(_) => {}
    }
}

/// Eight lanes of a fold, each from what it had.
#[inline(always)]
fn lanes<T: Number>(f: impl Fn(T, T) -> T + Copy, neutral: T, x: &[T]) -> T {
    let mut sums = [neutral; 16];
    let chunks = x.chunks_exact(16);
    let rest = chunks.remainder().iter().fold(neutral, |s, x| f(s, *x));
    for chunk in chunks {
        for (s, x) in sums.iter_mut().zip(chunk) {
            *s = f(*s, *x);
        }
    }
    let mut width = 8;
    while width > 0 {
        for k in 0..width {
            sums[k] = f(sums[k], sums[k + width]);
        }
        width /= 2;
    }
    f(sums[0], rest)
}

#[inline(always)]
fn reduction<T: Number>(fold: Fold, x: &[T]) -> T {
    match fold {
        Fold::Sum => lanes(|a, b| a + b, T::zero(), x),
        Fold::Product => lanes(|a, b| a * b, T::one(), x),
        // NaN is found by the sum of what is left of it
        Fold::Max => {
            let poison = lanes(|s, x| if x.is_nan() { x } else { s }, T::zero(), x);
            lanes(|a, b| if b > a { b } else { a }, T::neg_infinity(), x)
                + if poison.is_nan() { poison } else { T::zero() }
        }
        Fold::Min => {
            let poison = lanes(|s, x| if x.is_nan() { x } else { s }, T::zero(), x);
            lanes(|a, b| if b < a { b } else { a }, T::infinity(), x) + if poison.is_nan() { poison } else { T::zero() }
        }
    }
}

#[inline(always)]
fn accumulation<T: Number>(fold: Fold, x: Operand<T>, out: &mut [T]) {
    let own = |f: fn(T, T) -> T, out: &mut [T]| match x {
        Block(x) => out.iter_mut().zip(x).for_each(|(o, x)| *o = f(*o, *x)),
        Uniform(x) => out.iter_mut().for_each(|o| *o = f(*o, x)),
    };
    match (fold, x) {
        (Fold::Sum, Block(x)) => out.iter_mut().zip(x).for_each(|(o, x)| *o += *x),
        (Fold::Sum, Uniform(x)) => out.iter_mut().for_each(|o| *o += x),
        (Fold::Product, _) => own(|a, b| a * b, out),
        (Fold::Max, _) => own(larger, out),
        (Fold::Min, _) => own(smaller, out),
    }
}

macro_rules! wide {
    ($(#[$doc:meta])* $name:ident, $kernel:ident $(::<$wide:literal, $plain:literal>)?,
     ($($arg:ident: $type:ty),*) $(-> $result:ty)?) => {
        $(#[$doc])*
        pub(super) fn $name<T: Number>($($arg: $type),*) $(-> $result)? {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn wide<T: Number>($($arg: $type),*) $(-> $result)? {
                    $kernel$(::<$wide, T>)?($($arg),*)
                }
                // SAFETY: both features were detected on this processor
                #[allow(unsafe_code)]
                return unsafe { wide($($arg),*) };
            }
            #[allow(unreachable_code)]
            $kernel$(::<$plain, T>)?($($arg),*)
        }
    };
}

wide!(plain_pass, arithmetic::<true, false>, (pass: Pass, from: [Operand<T>; 3], out: &mut [T]));
wide!(
    /// All numbers of a block in one.
    reduce, reduction, (fold: Fold, x: &[T]) -> T);
wide!(
    /// Puts a block to what is there, place by place.
    accumulate, accumulation, (fold: Fold, x: Operand<T>, out: &mut [T]));

/// One pass over a block.
pub(super) fn pass<T: Number>(pass: Pass, from: [Operand<T>; 3], out: &mut [T]) {
    if let (Pass::Unary(op), Block(x)) = (pass, from[0])
        && vector::apply(op, 1.0, x, out)
    {
        return;
    }
    match (pass, from) {
        (Pass::Power(Power::Real(e)), [Block(x), ..]) => powers(x, Exponent::Same(T::of(e)), out),
        (Pass::Binary(MapOp::Pow), [Block(x), Block(y), _]) => powers(x, Exponent::Each(y), out),
        (Pass::Binary(MapOp::Pow), [Block(x), Uniform(y), _]) => powers(x, Exponent::Same(y), out),
        _ => plain_pass(pass, from, out),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reductions_of_every_length() {
        for n in [0, 1, 2, 15, 16, 17, 100, 511] {
            let x: Vec<f64> = (0..n).map(|k| ((k * 37) % 101) as f64 / 50.0 - 1.0).collect();
            let sum: f64 = x.iter().sum();
            assert!((reduce(Fold::Sum, &x) - sum).abs() < 1e-12);
            assert_eq!(reduce(Fold::Max, &x), x.iter().copied().fold(f64::NEG_INFINITY, f64::max));
            assert_eq!(reduce(Fold::Min, &x), x.iter().copied().fold(f64::INFINITY, f64::min));
            let mut poisoned = x.clone();
            if let Some(last) = poisoned.last_mut() {
                *last = f64::NAN;
                assert!(reduce(Fold::Max, &poisoned).is_nan() && reduce(Fold::Min, &poisoned).is_nan());
            }
        }
        assert_eq!(reduce(Fold::Product, &[2.0, -3.0, 4.0]), -24.0);
    }

    #[test]
    fn operands_of_every_kind() {
        let (x, y, z) = ([1.0, 2.0, 3.0], [4.0, 5.0, 6.0], [7.0, 8.0, 9.0]);
        let kinds = |x: &'static [f64; 3]| [Block(x), Uniform(x[0])];
        let leak = |x: [f64; 3]| -> &'static [f64; 3] { Box::leak(Box::new(x)) };
        let at = |o: Operand<f64>, k: usize| match o {
            Block(x) => x[k],
            Uniform(x) => x,
        };
        for a in kinds(leak(x)) {
            for b in kinds(leak(y)) {
                for c in kinds(leak(z)) {
                    let mut out = [0.0; 3];
                    pass(Pass::MulAdd, [a, b, c], &mut out);
                    (0..3).for_each(|k| assert_eq!(out[k], at(a, k) * at(b, k) + at(c, k)));
                    pass(Pass::SubMul, [a, b, c], &mut out);
                    (0..3).for_each(|k| assert_eq!(out[k], at(c, k) - at(a, k) * at(b, k)));
                    pass(Pass::Div, [a, b, c], &mut out);
                    (0..3).for_each(|k| assert_eq!(out[k], at(a, k) / at(b, k)));
                }
            }
        }
    }
}
