//! Special functions of a real argument: erf, gamma, lgamma, polygamma.

use std::f64::consts::PI;

/// The error function: a positive series near 0, a continued fraction of erfc in the tail.
pub(crate) fn erf(x: f64) -> f64 {
    let a = x.abs();
    if x.is_nan() || a == 0.0 {
        return x;
    }
    let value = if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..200 {
            term *= 2.0 * a * a / (2 * n + 1) as f64;
            sum += term;
            if term < sum * 1e-17 {
                break;
            }
        }
        std::f64::consts::FRAC_2_SQRT_PI * (-a * a).exp() * sum
    } else if a < 6.5 {
        let mut fraction = 0.0;
        for n in (1..120).rev() {
            fraction = n as f64 / 2.0 / (a + fraction);
        }
        1.0 - (-a * a).exp() / PI.sqrt() / (a + fraction)
    } else {
        1.0
    };
    value.copysign(x)
}

const LANCZOS_G: f64 = 607.0 / 128.0;
const LANCZOS: [f64; 15] = [
    0.999_999_999_999_997_1,
    57.156_235_665_862_92,
    -59.597_960_355_475_49,
    14.136_097_974_741_746,
    -0.491_913_816_097_620_2,
    3.399_464_998_481_189e-5,
    4.652_362_892_704_858e-5,
    -9.837_447_530_487_956e-5,
    1.580_887_032_249_125e-4,
    -2.102_644_417_241_049e-4,
    2.174_396_181_152_126_5e-4,
    -1.643_181_065_367_639e-4,
    8.441_822_398_385_275e-5,
    -2.619_083_840_158_141e-5,
    3.689_918_265_953_162_3e-6,
];

/// The sum of the Lanczos approximation at `x - 1`.
fn lanczos(x: f64) -> f64 {
    LANCZOS.iter().enumerate().skip(1).fold(LANCZOS[0], |sum, (k, c)| sum + c / (x + k as f64))
}

/// The gamma function; not finite at the poles 0, -1, -2, ….
pub(crate) fn gamma(x: f64) -> f64 {
    if x == x.floor() {
        if x <= 0.0 {
            return f64::NAN;
        }
        if x <= 23.0 {
            return (2..x as u64).map(|k| k as f64).product();
        }
    }
    if x < 0.5 {
        return PI / ((PI * x).sin() * gamma_from_half(1.0 - x));
    }
    gamma_from_half(x)
}

fn gamma_from_half(x: f64) -> f64 {
    let x = x - 1.0;
    let t = x + LANCZOS_G + 0.5;
    // the power in two halves, so that it overflows no earlier than the result
    let half = t.powf((x + 0.5) / 2.0);
    (2.0 * PI).sqrt() * half * (-t).exp() * half * lanczos(x)
}

/// Coefficients of the asymptotic series: B_2k for k = 1, 2, ….
const BERNOULLI: [f64; 12] = [
    1.0 / 6.0,
    -1.0 / 30.0,
    1.0 / 42.0,
    -1.0 / 30.0,
    5.0 / 66.0,
    -691.0 / 2730.0,
    7.0 / 6.0,
    -3617.0 / 510.0,
    43867.0 / 798.0,
    -174611.0 / 330.0,
    854513.0 / 138.0,
    -236364091.0 / 2730.0,
];

/// The logarithm of |gamma(x)|.
pub(crate) fn lgamma(x: f64) -> f64 {
    if x == f64::INFINITY || x.is_nan() {
        return x;
    }
    if x <= 0.0 {
        if x == x.floor() {
            return f64::INFINITY;
        }
        return (PI / (PI * x).sin().abs()).ln() - lgamma(1.0 - x);
    }
    if x < 20.0 {
        return gamma(x).ln();
    }
    let mut series = 0.0;
    let mut power = x;
    for (k, b) in BERNOULLI.iter().enumerate().take(8) {
        let n = 2.0 * (k + 1) as f64;
        series += b / (n * (n - 1.0) * power);
        power *= x * x;
    }
    (x - 0.5) * x.ln() - x + 0.5 * (2.0 * PI).ln() + series
}

/// The `order`-th derivative of digamma, by upward recurrence and the asymptotic series.
pub(crate) fn polygamma(order: u8, x: f64) -> f64 {
    if x.is_nan() || (x <= 0.0 && x == x.floor()) || x < -1e6 {
        return f64::NAN;
    }
    let k = i32::from(order);
    let factorial: f64 = (1..=k).map(f64::from).product();
    let sign = if k % 2 == 0 { -1.0 } else { 1.0 };
    let enough = 20.0 + f64::from(k);
    let (mut x, mut sum) = (x, 0.0);
    while x < enough {
        sum += sign * factorial / x.powi(k + 1);
        x += 1.0;
    }
    if k == 0 {
        let mut series = x.ln() - 0.5 / x;
        let mut power = x * x;
        for (j, b) in BERNOULLI.iter().enumerate() {
            series -= b / (2.0 * (j + 1) as f64 * power);
            power *= x * x;
        }
        return series + sum;
    }
    // (-1)^(k+1) ((k-1)!/x^k + k!/(2 x^(k+1)) + sum B_2j (2j+k-1)!/((2j)! x^(2j+k)))
    let mut series = factorial / f64::from(k) / x.powi(k) + factorial / 2.0 / x.powi(k + 1);
    // rising = (2j+k-1)!/(2j)!
    let mut rising = factorial * f64::from(k + 1) / 2.0;
    let mut power = x.powi(k + 2);
    for (j, b) in BERNOULLI.iter().enumerate() {
        series += b * rising / power;
        let n = 2 * (j as i32 + 1);
        rising *= f64::from(n + k) * f64::from(n + k + 1) / f64::from((n + 1) * (n + 2));
        power *= x * x;
    }
    sign * series + sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(got: f64, expected: f64) {
        assert!((got - expected).abs() <= 2e-14 * expected.abs().max(1.0), "{got} is not {expected}");
    }

    #[test]
    fn error_function() {
        check(erf(0.0), 0.0);
        check(erf(0.5), 0.520_499_877_813_046_5);
        check(erf(-1.0), -0.842_700_792_949_714_9);
        check(erf(2.4), 0.999_311_486_103_354_9);
        check(erf(2.6), 0.999_763_965_583_470_7);
        check(erf(9.0), 1.0);
    }

    #[test]
    fn gamma_values() {
        check(gamma(5.0), 24.0);
        check(gamma(0.5), PI.sqrt());
        check(gamma(-1.5), 2.363_271_801_207_355);
        check(gamma(3.7), 4.170_651_783_796_603);
        check(gamma(0.1), 9.513_507_698_668_732);
        assert!(gamma(-2.0).is_nan());
    }

    #[test]
    fn logarithm_of_gamma() {
        check(lgamma(1.0), 0.0);
        check(lgamma(2.5), 0.284_682_870_472_919_2);
        check(lgamma(30.0), 71.257_038_967_168_01);
        check(lgamma(-0.5), 1.265_512_123_484_645_4);
    }

    #[test]
    fn polygamma_values() {
        check(polygamma(0, 1.0), -0.577_215_664_901_532_9);
        check(polygamma(0, 0.3), -3.502_524_222_200_133);
        check(polygamma(0, -0.5), 0.036_489_973_978_576_52);
        check(polygamma(1, 1.0), PI * PI / 6.0);
        check(polygamma(2, 1.0), -2.404_113_806_319_188_5);
        check(polygamma(3, 0.5), PI.powi(4));
        check(polygamma(1, 25.5), polygamma(1, 24.5) - 24.5f64.powi(-2));
    }
}
