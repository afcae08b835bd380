//! Logarithms: the argument as 2^k·m with m near 1, and log m by the odd series in (m - 1)/(m + 1) with the minimax
//! coefficients of FreeBSD's msun (Sun Microsystems, 1993).

use super::exponential::{LN2_HIGH, LN2_LOW, exp};
use super::{fma, horner};

/// The coefficients.
pub const SERIES: [f64; 7] = [
    6.666_666_666_666_735e-1,
    3.999_999_999_940_942e-1,
    2.857_142_874_366_239e-1,
    2.222_219_843_214_978_4e-1,
    1.818_357_216_161_805e-1,
    1.531_383_769_920_937_3e-1,
    1.479_819_860_511_658_6e-1,
];

/// log(u) + c of a positive normal u and a small c.
#[inline(always)]
fn sum<const FUSED: bool>(u: f64, c: f64, exponent: f64) -> f64 {
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let bits = u.to_bits();
    let k = bits.wrapping_add(ONE - ROOT_HALF) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(k << 52).wrapping_add(ONE));
    // k as a number: put under the mantissa of 2^52
    let k = f64::from_bits(k | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0) + exponent;
    let f = m - 1.0;
    let s = f / (2.0 + f);
    let z = s * s;
    let r = z * horner::<FUSED, 7>(z, &SERIES);
    let half = 0.5 * f * f;
    let low = fma::<FUSED>(s, half + r, fma::<FUSED>(k, LN2_LOW, c));
    fma::<FUSED>(k, LN2_HIGH, -((half - low) - f))
}

/// The value where it is not that of the formula: at the ends of the domain and outside it.
#[inline(always)]
fn ends(u: f64, value: f64) -> f64 {
    let value = if u == f64::INFINITY { u } else { value };
    let value = if u == 0.0 { f64::NEG_INFINITY } else { value };
    if u >= 0.0 { value } else { f64::NAN }
}

#[inline(always)]
pub(super) fn log<const FUSED: bool>(x: f64) -> f64 {
    let subnormal = x < f64::MIN_POSITIVE;
    let u = if subnormal { x * 18_014_398_509_481_984.0 } else { x };
    ends(x, sum::<FUSED>(u, 0.0, if subnormal { -54.0 } else { 0.0 }))
}

#[inline(always)]
pub(super) fn log1p<const FUSED: bool>(x: f64) -> f64 {
    let u = 1.0 + x;
    // what rounding took from u
    let lost = if x > 1.0 { 1.0 - (u - x) } else { x - (u - 1.0) };
    let value = ends(u, sum::<FUSED>(u, lost / u, 0.0));
    if x == 0.0 { x } else { value }
}

#[inline(always)]
pub(super) fn softplus<const FUSED: bool>(x: f64) -> f64 {
    let rest = log1p::<FUSED>(exp::<FUSED>(-x.abs()));
    if x > 0.0 { x + rest } else { rest }
}
