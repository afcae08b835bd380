//! Functions that are exponentials: reduction by multiples of log 2, a Taylor polynomial, and a power of two.

use super::{ROUND, fma, horner};

/// log 2 in two parts, the first short enough that whole multiples of it are exact.
pub const LN2_HIGH: f64 = 6.931_471_803_691_238e-1;
pub const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// 1/2!, 1/3!, …
pub const TAYLOR: [f64; 12] = [
    1.0 / 2.0,
    1.0 / 6.0,
    1.0 / 24.0,
    1.0 / 120.0,
    1.0 / 720.0,
    1.0 / 5040.0,
    1.0 / 40320.0,
    1.0 / 362880.0,
    1.0 / 3628800.0,
    1.0 / 39916800.0,
    1.0 / 479001600.0,
    1.0 / 6227020800.0,
];

/// exp(r) - 1, and 2^k in two factors, for x + low = k·log 2 + r.
#[inline(always)]
fn split<const FUSED: bool>(x: f64, low: f64) -> (f64, [f64; 2]) {
    let x = if x > 710.0 { 710.0 } else { x };
    let x = if x < -746.0 { -746.0 } else { x };
    let k = fma::<FUSED>(x, std::f64::consts::LOG2_E, ROUND) - ROUND;
    let r = fma::<FUSED>(k, -LN2_LOW, fma::<FUSED>(k, -LN2_HIGH, x)) + low;
    let rest = fma::<FUSED>(r * r, horner::<FUSED, 12>(r, &TAYLOR), r);
    let half = fma::<FUSED>(k, 0.5, ROUND) - ROUND;
    (rest, [two_to(half), two_to(k - half)])
}

/// 2^k for a whole k that has an exponent of its own.
#[inline(always)]
fn two_to(k: f64) -> f64 {
    f64::from_bits((k + ROUND).to_bits().wrapping_add(1023) << 52)
}

#[inline(always)]
pub(super) fn exp<const FUSED: bool>(x: f64) -> f64 {
    exp_of_sum::<FUSED>(x, 0.0)
}

/// exp(x + low) for a small low.
#[inline(always)]
pub(super) fn exp_of_sum<const FUSED: bool>(x: f64, low: f64) -> f64 {
    let (rest, [a, b]) = split::<FUSED>(x, low);
    (1.0 + rest) * a * b
}

#[inline(always)]
pub(super) fn expm1<const FUSED: bool>(x: f64) -> f64 {
    let (rest, [a, b]) = split::<FUSED>(x, 0.0);
    let power = a * b;
    let value = fma::<FUSED>(power, rest, power - 1.0);
    let value = if x > 709.0 { (1.0 + rest) * a * b } else { value };
    if x == 0.0 { x } else { value }
}

#[inline(always)]
pub(super) fn tanh<const FUSED: bool>(x: f64) -> f64 {
    let size = if x.abs() > 22.0 { 22.0 } else { x.abs() };
    let e = expm1::<FUSED>(2.0 * size);
    (e / (e + 2.0)).copysign(x)
}

#[inline(always)]
pub(super) fn sigmoid<const FUSED: bool>(x: f64) -> f64 {
    let e = exp::<FUSED>(-x.abs());
    let value = 1.0 / (1.0 + e);
    if x < 0.0 { e * value } else { value }
}
