//! Elementary functions over slices, written without branches so that the compiler makes vector instructions of them.
//!
//! Every kernel is one scalar formula, generic over whether products and sums are fused. It is compiled twice on x86-64,
//! for AVX2 with FMA (chosen at run time) and for the baseline; on other machines, for what the target has (NEON on AArch64).
//! The last bits may differ between the two. Bounds against the correctly rounded result, in units in the last place, held
//! by the tests below: exp 1.5, log 1.5, log1p 2.5, expm1 3.5, sin and cos 1.5, tan 3.5, tanh 4.5, sigmoid 3.5, softplus 3.5, erf 1.5,
//! powers 2.5. Machine code has the same formulas as instructions (`code::native::lower`), within the same bounds.

mod errorfunction;
mod exponential;
mod logarithm;
mod power;
mod trigonometric;

use matgrad_calculus::graph::MapOp;
use matgrad_dense::Real;

pub use exponential::{LN2_HIGH, LN2_LOW, TAYLOR};
pub use logarithm::SERIES;
pub use trigonometric::{COSINE, HALF_PI, LIMIT, SINE};

/// `a·b + c`, fused where the machine does it in one instruction.
#[inline(always)]
fn fma<const FUSED: bool>(a: f64, b: f64, c: f64) -> f64 {
    if FUSED { a.mul_add(b, c) } else { a * b + c }
}

/// `c[0] + x·(c[1] + x·(…))`.
#[inline(always)]
fn horner<const FUSED: bool, const N: usize>(x: f64, c: &[f64; N]) -> f64 {
    let mut sum = c[N - 1];
    let mut k = N - 1;
    while k > 0 {
        k -= 1;
        sum = fma::<FUSED>(sum, x, c[k]);
    }
    sum
}

/// Adding it rounds to a whole number, which then stands in the low bits.
pub const ROUND: f64 = 6_755_399_441_055_744.0;

macro_rules! over_slices {
    ($($name:ident = $module:ident::$kernel:ident;)*) => { $(
        fn $name<T: Real>(scale: f64, x: &[T], out: &mut [T]) {
            #[cfg(target_arch = "x86_64")]
            if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
                #[target_feature(enable = "avx2,fma")]
                fn wide<T: Real>(scale: f64, x: &[T], out: &mut [T]) {
                    out.iter_mut().zip(x).for_each(|(o, x)| *o = T::of($module::$kernel::<true>(scale * x.wide())));
                }
                // SAFETY: both features were detected on this processor
                #[allow(unsafe_code)]
                return unsafe { wide(scale, x, out) };
            }
            out.iter_mut().zip(x).for_each(|(o, x)| {
                *o = T::of($module::$kernel::<{ cfg!(target_arch = "aarch64") }>(scale * x.wide()));
            });
        }
    )* };
}

over_slices! {
    exp = exponential::exp;
    sigmoid = exponential::sigmoid;
    tanh = exponential::tanh;
    log = logarithm::log;
    softplus = logarithm::softplus;
    sin = trigonometric::sin;
    cos = trigonometric::cos;
    tan = trigonometric::tan;
    erf = errorfunction::erf;
}

/// How many numbers are looked at together for arguments too large to reduce.
const BLOCK: usize = 64;

/// Arguments outside the range of the kernel one by one.
fn reduced<T: Real>(kernel: fn(f64, &[T], &mut [T]), exact: fn(f64) -> f64, scale: f64, x: &[T], out: &mut [T]) {
    for (x, out) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)) {
        let sizes = x.iter().map(|x| (scale * x.wide()).abs());
        let largest = sizes.fold(0.0f64, |most, x| if x <= most { most } else { x });
        if largest <= trigonometric::LIMIT {
            kernel(scale, x, out);
        } else {
            out.iter_mut().zip(x).for_each(|(o, x)| *o = T::of(exact(scale * x.wide())));
        }
    }
}

/// The exponents of powers.
#[derive(Clone, Copy, Debug)]
pub enum Exponent<'a, T> {
    /// The same for all.
    Same(T),
    /// One for each.
    Each(&'a [T]),
}

/// `out = x^y` entry by entry, those that are no plain powers of positive numbers one by one.
pub fn powers<T: Real>(x: &[T], y: Exponent<T>, out: &mut [T]) {
    for (k, (x, out)) in x.chunks(BLOCK).zip(out.chunks_mut(BLOCK)).enumerate() {
        match y {
            Exponent::Same(y) => block_of_powers(x, |_| y, out),
            Exponent::Each(y) => {
                let y = y.get(k * BLOCK..).unwrap_or(&[]);
                if let Some(y) = y.get(..x.len()) {
                    block_of_powers(x, |k| y[k], out);
                }
            }
        }
    }
}

fn block_of_powers<T: Real>(x: &[T], y: impl Fn(usize) -> T + Copy, out: &mut [T]) {
    let plain = x.iter().enumerate().all(|(k, x)| power::is_plain(x.wide(), y(k).wide()));
    if !plain {
        return out.iter_mut().zip(x).enumerate().for_each(|(k, (o, x))| *o = x.powf(y(k)));
    }
    #[cfg(target_arch = "x86_64")]
    if std::arch::is_x86_feature_detected!("avx2") && std::arch::is_x86_feature_detected!("fma") {
        #[target_feature(enable = "avx2,fma")]
        fn wide<T: Real>(x: &[T], y: impl Fn(usize) -> T, out: &mut [T]) {
            for (k, (o, x)) in out.iter_mut().zip(x).enumerate() {
                *o = T::of(power::pow::<true>(x.wide(), y(k).wide()));
            }
        }
        // SAFETY: both features were detected on this processor
        #[allow(unsafe_code)]
        return unsafe { wide(x, y, out) };
    }
    for (k, (o, x)) in out.iter_mut().zip(x).enumerate() {
        *o = T::of(power::pow::<{ cfg!(target_arch = "aarch64") }>(x.wide(), y(k).wide()));
    }
}

/// `out = op(scale·x)` where there is a kernel for it; says whether there was.
pub fn apply<T: Real>(op: MapOp, scale: f64, x: &[T], out: &mut [T]) -> bool {
    match op {
        MapOp::Exp => exp(scale, x, out),
        MapOp::Log => log(scale, x, out),
        MapOp::Sigmoid => sigmoid(scale, x, out),
        MapOp::Softplus => softplus(scale, x, out),
        MapOp::Tanh => tanh(scale, x, out),
        MapOp::Sin => reduced(sin, f64::sin, scale, x, out),
        MapOp::Cos => reduced(cos, f64::cos, scale, x, out),
        MapOp::Erf => erf(scale, x, out),
        MapOp::Tan => reduced(tan, f64::tan, scale, x, out),
        _ => return false,
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    type Exact = fn(f64) -> f64;

    /// How far apart two numbers are, in units in the last place of the second.
    fn ulps(value: f64, expected: f64) -> f64 {
        if value == expected || value.is_nan() && expected.is_nan() {
            return 0.0;
        }
        let size = expected.abs().max(f64::MIN_POSITIVE);
        let unit = f64::from_bits(size.to_bits() + 1) - size;
        let gap = (value - expected).abs() / unit;
        if gap.is_nan() { f64::INFINITY } else { gap }
    }

    /// Arguments over the whole range, dense where functions turn.
    fn arguments() -> Vec<f64> {
        let mut all = vec![0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 1e-300, -1e-300, 5e-324, 1e-17, 709.7, -745.1];
        let mut state = 0x9e37_79b9_7f4a_7c15u64;
        for scale in [1e-8, 0.1, 1.0, 3.0, 30.0, 700.0, 5e5] {
            for _ in 0..20_000 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                all.push(scale * ((state >> 11) as f64 / (1u64 << 52) as f64 - 1.0));
            }
        }
        all
    }

    fn check(name: &str, kernels: [Exact; 2], exact: Exact, bound: f64) {
        for (kernel, fused) in kernels.into_iter().zip(["fused", "plain"]) {
            let mut worst = (0.0, 0.0);
            for x in arguments() {
                let gap = ulps(kernel(x), exact(x));
                if gap > worst.0 {
                    worst = (gap, x);
                }
            }
            // the reference itself is within half a unit more
            assert!(worst.0 <= bound, "{name}, {fused}: {} ulp at {:e}", worst.0, worst.1);
        }
    }

    macro_rules! both {
        ($module:ident::$name:ident) => {
            [$module::$name::<true>, $module::$name::<false>]
        };
    }

    #[test]
    fn kernels_are_accurate() {
        check("exp", both!(exponential::exp), libm::exp, 1.0);
        check("expm1", both!(exponential::expm1), libm::expm1, 3.0);
        check("tanh", both!(exponential::tanh), libm::tanh, 4.0);
        check("sigmoid", both!(exponential::sigmoid), crate::special::sigmoid, 3.0);
        check("log", both!(logarithm::log), libm::log, 1.0);
        check("log1p", both!(logarithm::log1p), libm::log1p, 2.0);
        check("softplus", both!(logarithm::softplus), crate::special::softplus, 3.0);
        check("sin", both!(trigonometric::sin), libm::sin, 1.0);
        check("cos", both!(trigonometric::cos), libm::cos, 1.0);
        check("tan", both!(trigonometric::tan), libm::tan, 3.0);
        check("erf", both!(errorfunction::erf), libm::erf, 1.0);
    }

    #[test]
    fn powers_are_accurate() {
        let mut state = 7u64;
        let mut next = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        for round in 0..200_000 {
            let span = [0.01, 1.0, 30.0, 600.0][round % 4];
            let x = (span * (2.0 * next() - 1.0)).exp();
            let y = (2.0 * next() - 1.0) * [1.0, 10.0, 700.0 / span.max(1.0), 0.5][round / 4 % 4];
            let exact = libm::pow(x, y);
            for value in [power::pow::<true>(x, y), power::pow::<false>(x, y)] {
                let gap = ulps(value, exact);
                assert!(gap <= 2.0, "{x:e}^{y:e} = {value:e}, not {exact:e}: {gap} ulp");
            }
        }
        let specials = [0.0, -0.0, 1.0, -2.0, f64::INFINITY, f64::NAN, 1e-310, 2.5, f64::MAX, 1e300, f64::MIN_POSITIVE];
        for y in [0.0, 0.5, -0.5, 3.0, -3.0, 1e16, 2.5, -1e3, 1e3, f64::INFINITY, f64::NAN] {
            for x in specials {
                // alone, and among numbers that the kernel takes
                for row in [vec![x], [vec![1.5; 70], vec![x], vec![0.5; 9]].concat()] {
                    let (mut same, mut each) = (vec![0.0; row.len()], vec![0.0; row.len()]);
                    powers(&row, Exponent::Same(y), &mut same);
                    powers(&row, Exponent::Each(&vec![y; row.len()]), &mut each);
                    for ((x, a), b) in row.iter().zip(&same).zip(&each) {
                        assert!(ulps(*a, x.powf(y)) <= 2.0 && ulps(*b, x.powf(y)) <= 2.0, "{x}^{y} = {a}, {b}");
                    }
                }
            }
        }
    }

    /// What calls the kernels, on every length and for arguments that no kernel takes.
    #[test]
    fn slices_agree_with_single_numbers() {
        let specials = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, 1e300, -1e300, 0.0, -0.0, 710.0, -750.0, -2.0];
        let exact: [(MapOp, Exact); 9] = [
            (MapOp::Erf, libm::erf),
            (MapOp::Exp, f64::exp),
            (MapOp::Log, f64::ln),
            (MapOp::Sigmoid, crate::special::sigmoid),
            (MapOp::Softplus, crate::special::softplus),
            (MapOp::Tanh, f64::tanh),
            (MapOp::Sin, f64::sin),
            (MapOp::Cos, f64::cos),
            (MapOp::Tan, f64::tan),
        ];
        for (op, exact) in exact {
            for length in [0, 1, 3, 4, 7, 64, 65, 131] {
                for scale in [1.0, -0.5] {
                    let x: Vec<f64> = (0..length)
                        .map(|k| if k % 13 == 5 { specials[k / 13 % specials.len()] } else { k as f64 / 7.0 - 4.0 })
                        .collect();
                    let mut out = vec![0.0; length];
                    assert!(apply(op, scale, &x, &mut out));
                    for (x, value) in x.iter().zip(&out) {
                        let expected = exact(scale * x);
                        assert!(ulps(*value, expected) <= 4.0, "{op:?}({}) = {value}, not {expected}", scale * x);
                        assert!(*value != 0.0 || value.is_sign_negative() == expected.is_sign_negative());
                    }
                }
            }
        }
    }
}
