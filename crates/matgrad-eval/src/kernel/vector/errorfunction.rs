//! The error function: the rational approximations of FreeBSD's msun (Sun Microsystems, 1993) on all their intervals, of
//! which the right one is taken.

use super::exponential::exp;
use super::{fma, horner};

/// erf(x) = x + x·P(x²)/Q(x²) below 0.84375.
const P: [f64; 5] = [
    1.283_791_670_955_125_6e-1,
    -3.250_421_072_470_015e-1,
    -2.848_174_957_559_851e-2,
    -5.770_270_296_489_442e-3,
    -2.376_301_665_665_016_3e-5,
];
const Q: [f64; 6] = [
    1.0,
    3.979_172_239_591_553_5e-1,
    6.502_224_998_876_73e-2,
    5.081_306_281_875_766e-3,
    1.324_947_380_043_216_4e-4,
    -3.960_228_278_775_368e-6,
];

/// erf(x) = NEAR_ONE + A(s)/B(s), s = x - 1, below 1.25.
const NEAR_ONE: f64 = 8.450_629_115_104_675e-1;
const A: [f64; 7] = [
    -2.362_118_560_752_659_4e-3,
    4.148_561_186_837_483_3e-1,
    -3.722_078_760_357_013e-1,
    3.183_466_199_011_617_5e-1,
    -1.108_946_942_823_966_8e-1,
    3.547_830_432_561_823_6e-2,
    -2.166_375_594_868_791e-3,
];
const B: [f64; 7] = [
    1.0,
    1.064_208_804_008_442_3e-1,
    5.403_979_177_021_71e-1,
    7.182_865_441_419_627e-2,
    1.261_712_198_087_616_4e-1,
    1.363_708_391_202_905e-2,
    1.198_449_984_679_910_7e-2,
];

/// erf(x) = 1 - exp(-x² - 0.5625 + R(s)/S(s))/x, s = 1/x²: below 1/0.35, and from there on.
const R: [[f64; 8]; 2] = [
    [
        -9.864_944_034_847_148e-3,
        -6.938_585_727_071_818e-1,
        -1.055_862_622_532_329_1e1,
        -6.237_533_245_032_601e1,
        -1.623_966_694_625_734_7e2,
        -1.846_050_929_067_110_4e2,
        -8.128_743_550_630_66e1,
        -9.814_329_344_169_145,
    ],
    [
        -9.864_942_924_700_1e-3,
        -7.992_832_376_805_23e-1,
        -1.775_795_491_775_475_2e1,
        -1.606_363_848_558_219_2e2,
        -6.375_664_433_683_896e2,
        -1.025_095_131_611_077_2e3,
        -4.835_191_916_086_514e2,
        0.0,
    ],
];
const S: [[f64; 9]; 2] = [
    [
        1.0,
        1.965_127_166_743_925_7e1,
        1.376_577_541_435_190_4e2,
        4.345_658_774_752_292_3e2,
        6.453_872_717_332_679e2,
        4.290_081_400_275_678_3e2,
        1.086_350_055_417_794_4e2,
        6.570_249_770_319_282,
        -6.042_441_521_485_81e-2,
    ],
    [
        1.0,
        3.033_806_074_348_246e1,
        3.257_925_129_965_739e2,
        1.536_729_586_084_437e3,
        3.199_858_219_508_595_5e3,
        2.553_050_406_433_164_4e3,
        4.745_285_412_069_554e2,
        -2.244_095_244_658_582e1,
        0.0,
    ],
];

#[inline(always)]
pub(super) fn erf<const FUSED: bool>(x: f64) -> f64 {
    let size = x.abs();
    let square = x * x;
    let small = fma::<FUSED>(x, horner::<FUSED, 5>(square, &P) / horner::<FUSED, 6>(square, &Q), x);
    let s = size - 1.0;
    let middle = NEAR_ONE + horner::<FUSED, 7>(s, &A) / horner::<FUSED, 7>(s, &B);
    // 1 is all that is left of it from here on
    let bounded = if size > 6.0 { 6.0 } else { size };
    let bounded = if bounded > 1.0 { bounded } else { 1.0 };
    let s = 1.0 / (bounded * bounded);
    let near = horner::<FUSED, 8>(s, &R[0]) / horner::<FUSED, 9>(s, &S[0]);
    let far = horner::<FUSED, 8>(s, &R[1]) / horner::<FUSED, 9>(s, &S[1]);
    let correction = if size < 1.0 / 0.35 { near } else { far };
    let rest = exp::<FUSED>(correction - fma::<FUSED>(bounded, bounded, 0.5625)) / bounded;
    let large = if size < 1.25 { middle } else { 1.0 - rest };
    let value = if size < 0.84375 { small } else { large.copysign(x) };
    if x.is_nan() { x } else { value }
}
