//! Reductions that are no sum.

use matgrad_calculus::graph::ReduceOp;
use matgrad_dense::Real;

use super::{Loop, turns, walk};

/// Reduces `x` over `inner` loops for each turn of the `outer` loops; strides are those of the operand.
pub fn reduce<T: Real>(op: ReduceOp, x: &[T], start: usize, outer: &[Loop<1>], inner: &[Loop<1>], out: &mut [T]) {
    let empty = turns(inner) == 0;
    let mut place = out.iter_mut();
    walk(outer, [start], |[at]| {
        let value = match op {
            _ if empty => neutral(op),
            ReduceOp::Max => fold(x, at, inner, T::neg_infinity(), larger),
            ReduceOp::Min => fold(x, at, inner, T::infinity(), smaller),
            ReduceOp::Prod => fold(x, at, inner, T::one(), |a, b| a * b),
            ReduceOp::LogSumExp => {
                let top = fold(x, at, inner, T::neg_infinity(), larger);
                if top.is_finite() {
                    top + fold(x, at, inner, T::zero(), |sum, v| sum + (v - top).exp()).ln()
                } else {
                    top
                }
            }
        };
        if let Some(place) = place.next() {
            *place = value;
        }
    });
}

fn neutral<T: Real>(op: ReduceOp) -> T {
    match op {
        ReduceOp::Max | ReduceOp::LogSumExp => T::neg_infinity(),
        ReduceOp::Min => T::infinity(),
        ReduceOp::Prod => T::one(),
    }
}

fn fold<T: Real>(x: &[T], at: usize, loops: &[Loop<1>], start: T, step: impl Fn(T, T) -> T) -> T {
    let mut value = start;
    walk(loops, [at], |[k]| value = step(value, x[k]));
    value
}

/// The larger number; NaN if either is.
pub fn larger<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        T::nan()
    } else if a >= b {
        a
    } else {
        b
    }
}

/// The smaller number; NaN if either is.
pub fn smaller<T: Real>(a: T, b: T) -> T {
    if a.is_nan() || b.is_nan() {
        T::nan()
    } else if a <= b {
        a
    } else {
        b
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(op: ReduceOp, x: &[f64], expected: f64) {
        let mut out = [0.0];
        reduce(op, x, 0, &[], &[Loop { extent: x.len(), strides: [1] }], &mut out);
        let close = (out[0] - expected).abs() < 1e-14 || out[0] == expected || out[0].is_nan() && expected.is_nan();
        assert!(close, "{op:?} {x:?}: {} {expected}", out[0]);
    }

    #[test]
    fn reductions() {
        check(ReduceOp::Max, &[1.0, 3.0, 2.0], 3.0);
        check(ReduceOp::Min, &[1.0, -3.0, 2.0], -3.0);
        check(ReduceOp::Max, &[1.0, f64::NAN, 2.0], f64::NAN);
        check(ReduceOp::Prod, &[2.0, -3.0, 2.0], -12.0);
        check(ReduceOp::LogSumExp, &[1000.0, 1000.0], 1000.0 + 2f64.ln());
        check(ReduceOp::LogSumExp, &[f64::NEG_INFINITY, 1.0], 1.0);
        check(ReduceOp::LogSumExp, &[f64::INFINITY, 1.0], f64::INFINITY);
        check(ReduceOp::LogSumExp, &[f64::NEG_INFINITY], f64::NEG_INFINITY);
        check(ReduceOp::LogSumExp, &[], f64::NEG_INFINITY);
        check(ReduceOp::Prod, &[], 1.0);
    }
}
