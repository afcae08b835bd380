//! Functions entry by entry.

use matgrad_calculus::graph::MapOp;

use super::number::Number;
use super::reduce::{larger, smaller};
use super::vector::{Exponent, powers};
use super::{Loop, vector, walk};
use crate::special;

/// Rows shorter than this are left to functions of one number.
const VECTOR: usize = 4;

/// An operand: its memory and where it starts.
#[derive(Clone, Copy)]
pub struct Operand<'a, T> {
    /// The memory.
    pub data: &'a [T],
    /// Where it starts.
    pub start: usize,
}

/// `out = op(scale · x)` over loops with strides of (x, out).
pub fn unary<T: Number>(op: MapOp, scale: f64, x: Operand<T>, loops: &[Loop<2>], out: &mut [T]) {
    if loops.iter().any(|l| l.extent == 0) {
        return; // where it starts may lie outside
    }
    let by = T::of(scale);
    if let MapOp::Polygamma(order) = op {
        return each(x, loops, out, |v| T::of(special::polygamma(order, (by * v).wide())));
    }
    let (inner, outer) = split(loops);
    if inner.strides == [1, 1] && inner.extent >= VECTOR {
        let mut found = true;
        walk(outer, [x.start, 0], |[from, to]| {
            found =
                found && vector::apply(op, scale, &x.data[from..from + inner.extent], &mut out[to..to + inner.extent]);
        });
        if found {
            return;
        }
    }
    let f = function(op);
    each(x, loops, out, |v| T::of(f((by * v).wide())));
}

fn each<T: Number>(x: Operand<T>, loops: &[Loop<2>], out: &mut [T], f: impl Fn(T) -> T) {
    let (inner, outer) = split(loops);
    let (n, [sx, so]) = (inner.extent, inner.strides);
    walk(outer, [x.start, 0], |[at_x, at]| {
        if sx == 1 && so == 1 {
            let pairs = out[at..at + n].iter_mut().zip(&x.data[at_x..at_x + n]);
            pairs.for_each(|(o, v)| *o = f(*v));
        } else {
            for i in 0..n {
                out[at + i * so] = f(x.data[at_x + i * sx]);
            }
        }
    });
}

/// `out = op(x, y)` over loops with strides of (x, y, out).
pub fn binary<T: Number>(op: MapOp, x: Operand<T>, y: Operand<T>, loops: &[Loop<3>], out: &mut [T]) {
    let f = function_of_two(op);
    let (inner, outer) = split(loops);
    let (n, [sx, sy, so]) = (inner.extent, inner.strides);
    walk(outer, [x.start, y.start, 0], |[at_x, at_y, at]| {
        if op == MapOp::Pow && sx == 1 && sy <= 1 && so == 1 && n >= VECTOR {
            let exponent = if sy == 0 { Exponent::Same(y.data[at_y]) } else { Exponent::Each(&y.data[at_y..at_y + n]) };
            return powers(&x.data[at_x..at_x + n], exponent, &mut out[at..at + n]);
        }
        for i in 0..n {
            out[at + i * so] = f(x.data[at_x + i * sx], y.data[at_y + i * sy]);
        }
    });
}

/// `out = if c ≠ 0 { x } else { y }` over loops with strides of (c, x, y, out); the branch not taken is not looked at.
pub fn select<T: Number>(c: Operand<T>, x: Operand<T>, y: Operand<T>, loops: &[Loop<4>], out: &mut [T]) {
    walk(loops, [c.start, x.start, y.start, 0], |[at_c, at_x, at_y, at]| {
        out[at] = if c.data[at_c] != T::zero() { x.data[at_x] } else { y.data[at_y] };
    });
}

fn split<const N: usize>(loops: &[Loop<N>]) -> (Loop<N>, &[Loop<N>]) {
    match loops.split_last() {
        Some((inner, outer)) => (*inner, outer),
        None => (Loop { extent: 1, strides: [1; N] }, loops),
    }
}

fn truth<T: Number>(holds: bool) -> T {
    if holds { T::one() } else { T::zero() }
}

fn power<T: Number>(x: T, e: T) -> T {
    if e == T::of(2.0) { x * x } else { x.powf(e) }
}

/// The angle of the point (x, y) in (-pi, pi]; a 0 has no sign there.
fn angle<T: Number>(y: T, x: T) -> T {
    (y + T::zero()).atan2(x + T::zero())
}

fn sign<T: Number>(x: T) -> T {
    if x > T::zero() {
        T::one()
    } else if x < T::zero() {
        -T::one()
    } else {
        x * T::zero() // 0, or NaN
    }
}

/// The function behind an operation of two operands; comparisons are 1 where they hold, else 0.
pub fn function_of_two<T: Number>(op: MapOp) -> fn(T, T) -> T {
    match op {
        MapOp::Max => larger,
        MapOp::Min => smaller,
        MapOp::Atan2 => angle,
        MapOp::Pow => power,
        MapOp::Less => |a, b| truth(a < b),
        MapOp::LessEq => |a, b| truth(a <= b),
        MapOp::Equal => |a, b| truth(a == b),
        MapOp::NotEqual => |a, b| truth(a != b),
        _ => |_, _| T::nan(),
    }
}

/// A function of one number.
pub fn value_of<T: Number>(op: MapOp, x: T) -> T {
    match op {
        MapOp::Polygamma(order) => T::of(special::polygamma(order, x.wide())),
        _ => T::of(function(op)(x.wide())),
    }
}

/// The function behind an operation of one operand.
pub fn function(op: MapOp) -> fn(f64) -> f64 {
    match op {
        MapOp::Exp => f64::exp,
        MapOp::Log => f64::ln,
        MapOp::Abs => f64::abs,
        MapOp::Sign => sign,
        MapOp::Cbrt => f64::cbrt,
        MapOp::Sin => f64::sin,
        MapOp::Cos => f64::cos,
        MapOp::Tan => f64::tan,
        MapOp::Asin => f64::asin,
        MapOp::Acos => f64::acos,
        MapOp::Atan => f64::atan,
        MapOp::Sinh => f64::sinh,
        MapOp::Cosh => f64::cosh,
        MapOp::Tanh => f64::tanh,
        MapOp::Asinh => libm::asinh,
        MapOp::Acosh => libm::acosh,
        MapOp::Atanh => libm::atanh,
        MapOp::Sigmoid => special::sigmoid,
        MapOp::Softplus => special::softplus,
        MapOp::Relu => |x| larger(x, 0.0),
        MapOp::Erf => special::erf,
        MapOp::Gamma => special::gamma,
        MapOp::Lgamma => special::lgamma,
        _ => |_| f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: MapOp, x: f64, expected: f64) {
        let mut out = [0.0];
        unary(op, 1.0, Operand { data: &[x], start: 0 }, &[], &mut out);
        let close = (out[0] - expected).abs() <= 2e-15 * expected.abs() || out[0].is_nan() && expected.is_nan();
        assert!(close, "{op:?}({x}) = {} where {expected} is right", out[0]);
    }

    #[test]
    fn functions_of_one_number() {
        check(MapOp::Exp, 1.0, std::f64::consts::E);
        check(MapOp::Log, -1.0, f64::NAN);
        check(MapOp::Sign, -2.0, -1.0);
        check(MapOp::Sign, 0.0, 0.0);
        check(MapOp::Sign, f64::NAN, f64::NAN);
        check(MapOp::Cbrt, -8.0, -2.0);
        check(MapOp::Relu, -1.0, 0.0);
        check(MapOp::Relu, f64::NAN, f64::NAN);
        check(MapOp::Asinh, 1.0, (1.0 + 2f64.sqrt()).ln());
        check(MapOp::Acosh, 2.0, (2.0 + 3f64.sqrt()).ln());
        check(MapOp::Atanh, 0.5, 0.5 * 3f64.ln());
        check(MapOp::Sigmoid, 0.0, 0.5);
        check(MapOp::Softplus, 0.0, 2f64.ln());
        check(MapOp::Polygamma(1), 1.0, std::f64::consts::PI.powi(2) / 6.0);
        check(MapOp::Gamma, 4.0, 6.0);
    }

    #[test]
    fn angles_do_not_depend_on_the_sign_of_0() {
        for (y, x, expected) in [(-0.0, -1.0, std::f64::consts::PI), (-0.0, 1.0, 0.0), (0.0, -0.0, 0.0)] {
            assert_eq!(function_of_two(MapOp::Atan2)(y, x), expected, "{y} {x}");
        }
    }

    #[test]
    fn functions_of_several() {
        let data = [1.0, -2.0, f64::NAN, 0.0];
        let at = |start| Operand { data: &data, start };
        let mut out = [0.0];
        for (op, i, j, expected) in [
            (MapOp::Max, 0, 1, 1.0),
            (MapOp::Min, 0, 1, -2.0),
            (MapOp::Less, 1, 0, 1.0),
            (MapOp::LessEq, 0, 0, 1.0),
            (MapOp::Equal, 2, 2, 0.0),
            (MapOp::NotEqual, 0, 1, 1.0),
            (MapOp::Pow, 1, 0, -2.0),
            (MapOp::Atan2, 3, 0, 0.0),
        ] {
            binary(op, at(i), at(j), &[], &mut out);
            assert_eq!(out[0], expected, "{op:?}");
        }
        select(at(0), at(1), at(2), &[], &mut out);
        assert_eq!(out[0], -2.0);
        select(at(3), at(2), at(1), &[], &mut out);
        assert_eq!(out[0], -2.0);
    }
}
