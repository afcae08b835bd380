//! Sine, cosine and tangent: reduction by multiples of π/2 in three parts (Cody and Waite), and the minimax polynomials of
//! FreeBSD's msun (Sun Microsystems, 1993).

use super::{ROUND, fma, horner};

/// Larger arguments lose digits in the reduction.
pub const LIMIT: f64 = 8e5;

pub const HALF_PI: [f64; 3] = [1.570_796_326_734_125_6, 6.077_100_506_303_966e-11, 2.022_266_248_795_950_6e-21];
pub const SINE: [f64; 6] = [
    -1.666_666_666_666_663_2e-1,
    8.333_333_333_322_49e-3,
    -1.984_126_982_985_795e-4,
    2.755_731_370_707_006_8e-6,
    -2.505_076_025_340_686_3e-8,
    1.589_690_995_211_55e-10,
];
pub const COSINE: [f64; 6] = [
    4.166_666_666_666_66e-2,
    -1.388_888_888_887_411e-3,
    2.480_158_728_947_673e-5,
    -2.755_731_435_139_066_3e-7,
    2.087_572_321_298_175e-9,
    -1.135_964_755_778_819_5e-11,
];

/// The sine and cosine of what is left of x, and the quarter turns taken off it.
#[inline(always)]
fn parts<const FUSED: bool>(x: f64) -> (f64, f64, u64) {
    let rounded = fma::<FUSED>(x, std::f64::consts::FRAC_2_PI, ROUND);
    let n = rounded - ROUND;
    // the first product is exact, what the second loses is in `low`
    let first = x - n * HALF_PI[0];
    let step = n * HALF_PI[1];
    let second = first - step;
    let low = n * HALF_PI[2] - ((first - second) - step);
    let r = second - low;
    let tail = (second - r) - low;
    let z = r * r;
    let v = z * r;
    let high = [SINE[1], SINE[2], SINE[3], SINE[4], SINE[5]];
    let s = horner::<FUSED, 5>(z, &high);
    let sine = r - ((z * (0.5 * tail - v * s) - tail) - v * SINE[0]);
    let c = z * horner::<FUSED, 6>(z, &COSINE);
    let half = 0.5 * z;
    let w = 1.0 - half;
    let cosine = w + (((1.0 - w) - half) + (z * c - r * tail));
    (sine, cosine, rounded.to_bits())
}

/// The value with its sign turned where the second bit of the quarter says so.
#[inline(always)]
fn signed(value: f64, quarter: u64) -> f64 {
    f64::from_bits(value.to_bits() ^ ((quarter & 2) << 62))
}

#[inline(always)]
pub(super) fn sin<const FUSED: bool>(x: f64) -> f64 {
    let (sine, cosine, quarter) = parts::<FUSED>(x);
    let value = signed(if quarter & 1 == 0 { sine } else { cosine }, quarter);
    if x == 0.0 { x } else { value }
}

#[inline(always)]
pub(super) fn cos<const FUSED: bool>(x: f64) -> f64 {
    let (sine, cosine, quarter) = parts::<FUSED>(x);
    signed(if quarter & 1 == 0 { cosine } else { sine }, quarter.wrapping_add(1))
}

#[inline(always)]
pub(super) fn tan<const FUSED: bool>(x: f64) -> f64 {
    let (sine, cosine, quarter) = parts::<FUSED>(x);
    let value = if quarter & 1 == 0 { sine / cosine } else { -cosine / sine };
    if x == 0.0 { x } else { value }
}
