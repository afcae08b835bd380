//! Powers of positive numbers: x^y as the exponential of y·log x, whose logarithm has some 80 bits, as the errors of it are
//! multiplied by y·log x.

use super::exponential::{LN2_HIGH, LN2_LOW, exp_of_sum};
use super::{fma, horner};

/// What rounding took from the product p of a and b, exactly (T. J. Dekker 1971 where there is no fused product).
#[inline(always)]
fn lost<const FUSED: bool>(a: f64, b: f64, p: f64) -> f64 {
    if FUSED {
        return a.mul_add(b, -p);
    }
    let halves = |x: f64| {
        let scaled = x * 134_217_729.0;
        let high = scaled - (scaled - x);
        (high, x - high)
    };
    let ((a, b), (c, d)) = (halves(a), halves(b));
    ((a * c - p) + a * d + b * c) + b * d
}

/// 1/3 in two parts, and 1/5, 1/7, ….
const THIRD: [f64; 2] = [1.0 / 3.0, 1.850_371_707_708_594e-17];
const ODD: [f64; 11] = [
    1.0 / 5.0,
    1.0 / 7.0,
    1.0 / 9.0,
    1.0 / 11.0,
    1.0 / 13.0,
    1.0 / 15.0,
    1.0 / 17.0,
    1.0 / 19.0,
    1.0 / 21.0,
    1.0 / 23.0,
    1.0 / 25.0,
];

/// The logarithm of a positive normal number in two parts: k·log 2 + 2·artanh(s), s = (m - 1)/(m + 1).
#[inline(always)]
fn logarithm<const FUSED: bool>(x: f64) -> (f64, f64) {
    const ONE: u64 = 0x3ff0_0000_0000_0000;
    const ROOT_HALF: u64 = 0x3fe6_a09e_667f_3bcd;
    let bits = x.to_bits();
    let k = bits.wrapping_add(ONE - ROOT_HALF) >> 52;
    let m = f64::from_bits(bits.wrapping_sub(k << 52).wrapping_add(ONE));
    let k = f64::from_bits(k | 0x4330_0000_0000_0000) - (4_503_599_627_370_496.0 + 1023.0);
    let f = m - 1.0;
    let g = 2.0 + f;
    let s = f / g;
    let p = s * g;
    let s_low = (((f - p) - lost::<FUSED>(s, g, p)) - s * (f - (g - 2.0))) / g;
    let z = s * s;
    let z_low = fma::<FUSED>(2.0 * s, s_low, lost::<FUSED>(s, s, z));
    // w = s²/3 + s⁴/5 + …
    let t = z * THIRD[0];
    let t_low = lost::<FUSED>(z, THIRD[0], t) + fma::<FUSED>(z, THIRD[1], z_low * THIRD[0]);
    let q = z * z * horner::<FUSED, 11>(z, &ODD);
    let w = t + q;
    let w_low = ((t - w) + q) + t_low;
    let u = s * w;
    let u_low = lost::<FUSED>(s, w, u) + fma::<FUSED>(s, w_low, fma::<FUSED>(s_low, w, s_low));
    let l = s + u;
    let l_low = ((s - l) + u) + u_low;
    let whole = k * LN2_HIGH;
    let high = whole + 2.0 * l;
    let low = ((whole - high) + 2.0 * l) + fma::<FUSED>(k, LN2_LOW, 2.0 * l_low);
    (high, low)
}

/// x^y of a positive normal x and an exponent that is not extremely large.
#[inline(always)]
pub(super) fn pow<const FUSED: bool>(x: f64, y: f64) -> f64 {
    let (high, low) = logarithm::<FUSED>(x);
    let e = y * high;
    let e_low = fma::<FUSED>(y, low, lost::<FUSED>(y, high, e));
    exp_of_sum::<FUSED>(e, if e.abs() < 800.0 { e_low } else { 0.0 })
}

/// Whether the kernel takes these operands.
#[inline(always)]
pub(super) fn is_plain(x: f64, y: f64) -> bool {
    (f64::MIN_POSITIVE..=f64::MAX).contains(&x) & (y.abs() <= 1e15)
}
