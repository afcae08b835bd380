//! Special functions of one number, which the evaluator and the scalars of programs share.

use std::f64::consts::PI;

/// Bernoulli numbers B2, B4, …
const BERNOULLI: [f64; 14] = [
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
    8553103.0 / 6.0,
    -23749461029.0 / 870.0,
];

/// The highest order of [`polygamma`]; above it the result is NaN.
pub const MAX_POLYGAMMA: u32 = 100;

/// The error function.
pub fn erf(x: f64) -> f64 {
    libm::erf(x)
}

/// The gamma function.
pub fn gamma(x: f64) -> f64 {
    libm::tgamma(x)
}

/// log |Γ(x)|.
pub fn lgamma(x: f64) -> f64 {
    libm::lgamma(x)
}

/// The logistic function, without overflow.
pub fn sigmoid(x: f64) -> f64 {
    if x >= 0.0 {
        1.0 / (1.0 + (-x).exp())
    } else {
        let e = x.exp();
        e / (1.0 + e)
    }
}

/// log(1 + exp(x)), without overflow.
pub fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The derivative of log Γ.
pub fn digamma(x: f64) -> f64 {
    if x.is_nan() || x == f64::NEG_INFINITY || (x <= 0.0 && x == x.floor()) {
        return f64::NAN;
    }
    if x < 0.5 {
        return digamma(1.0 - x) - PI * cot_pi(x);
    }
    if x == f64::INFINITY {
        return x;
    }
    let (mut x, mut below) = (x, 0.0);
    while x < 12.0 {
        below += 1.0 / x;
        x += 1.0;
    }
    let square = 1.0 / (x * x);
    let (mut power, mut series) = (square, 0.0);
    for (k, b) in BERNOULLI.iter().enumerate().take(10) {
        series += b / (2.0 * (k as f64 + 1.0)) * power;
        power *= square;
    }
    x.ln() - 0.5 / x - series - below
}

/// The derivative of order `order` of the digamma function.
pub fn polygamma(order: u32, x: f64) -> f64 {
    if order == 0 {
        return digamma(x);
    }
    if x.is_nan() || x == f64::NEG_INFINITY || order > MAX_POLYGAMMA {
        return f64::NAN;
    }
    if x <= 0.0 && x == x.floor() {
        // a pole: two-sided for odd orders only
        return if order % 2 == 1 { f64::INFINITY } else { f64::NAN };
    }
    let sign = if order.is_multiple_of(2) { 1.0 } else { -1.0 };
    if x < 0.0 {
        return sign * polygamma(order, 1.0 - x) - PI * cot_derivative(order, x);
    }
    if x == f64::INFINITY {
        return -sign * 0.0;
    }
    let n = f64::from(order);
    // everything divided by n!, which comes back at the end
    let (mut x, mut sum) = (x, 0.0);
    while x < 15.0 + n {
        sum += x.powf(-n - 1.0);
        x += 1.0;
    }
    let lead = x.powf(-n);
    sum += lead / n + 0.5 * lead / x;
    // (2k+n-1)! / ((2k)! n!) by recurrence, from k = 1: (n+1)! / (2! n!)
    let mut ratio = (n + 1.0) / 2.0;
    let square = 1.0 / (x * x);
    let mut power = lead * square;
    for (k, b) in BERNOULLI.iter().enumerate() {
        sum += b * ratio * power;
        let j = 2.0 * (k as f64 + 1.0);
        ratio *= (j + n) * (j + n + 1.0) / ((j + 1.0) * (j + 2.0));
        power *= square;
    }
    -sign * sum * gamma(n + 1.0)
}

/// cot(πx), exact in the reduction of x.
fn cot_pi(x: f64) -> f64 {
    let r = x - x.round();
    if r.abs() > 0.25 {
        let rest = if r > 0.0 { 0.5 - r } else { -0.5 - r };
        return (PI * rest).tan();
    }
    1.0 / (PI * r).tan()
}

/// The derivative of order `order` of cot(πx).
fn cot_derivative(order: u32, x: f64) -> f64 {
    // a polynomial in c = cot(πx): (P(c))' = -π (1 + c²) P'(c)
    let mut p = vec![0.0, 1.0];
    for _ in 0..order {
        let derivative: Vec<f64> = p.iter().enumerate().skip(1).map(|(k, v)| -PI * k as f64 * v).collect();
        let mut next = vec![0.0; p.len() + 1];
        for (k, v) in derivative.iter().enumerate() {
            next[k] += v;
            next[k + 2] += v;
        }
        p = next;
    }
    let c = cot_pi(x);
    p.iter().rev().fold(0.0, |value, coefficient| value * c + coefficient)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(value: f64, expected: f64) {
        let error = (value - expected).abs() / expected.abs().max(1e-300);
        assert!(error < 1e-14, "{value} where {expected} is right: {error}");
    }

    const EULER: f64 = 0.577_215_664_901_532_9;
    const ZETA3: f64 = 1.202_056_903_159_594_2;

    #[test]
    fn known_values() {
        check(erf(0.5), 0.520_499_877_813_046_5);
        check(erf(-1.0), -0.842_700_792_949_714_9);
        check(gamma(0.5), PI.sqrt());
        check(gamma(5.0), 24.0);
        check(gamma(-0.5), -2.0 * PI.sqrt());
        check(lgamma(100.0), 359.134_205_369_575_4);
        check(lgamma(0.5), 0.5 * PI.ln());
        check(digamma(1.0), -EULER);
        check(digamma(0.5), -EULER - 2.0 * 2f64.ln());
        check(digamma(0.25), -EULER - PI / 2.0 - 3.0 * 2f64.ln());
        check(digamma(10.0), 2.251_752_589_066_721);
        check(digamma(-0.5), 2.0 - EULER - 2.0 * 2f64.ln());
        check(polygamma(1, 1.0), PI * PI / 6.0);
        check(polygamma(1, 0.5), PI * PI / 2.0);
        check(polygamma(1, -0.5), PI * PI / 2.0 + 4.0);
        check(polygamma(2, 1.0), -2.0 * ZETA3);
        check(polygamma(2, 0.5), -14.0 * ZETA3);
        check(polygamma(3, 1.0), PI.powi(4) / 15.0);
        check(polygamma(3, 0.5), PI.powi(4));
        check(polygamma(2, -0.5), -14.0 * ZETA3 + 16.0);
        check(polygamma(4, 3.0), polygamma(4, 2.0) + 24.0 / 32.0);
    }

    #[test]
    fn edges() {
        assert_eq!(sigmoid(-1000.0), 0.0);
        assert_eq!(sigmoid(1000.0), 1.0);
        assert_eq!(softplus(1000.0), 1000.0);
        check(softplus(-40.0), (-40f64).exp());
        assert!(digamma(0.0).is_nan() && digamma(-3.0).is_nan() && digamma(f64::NAN).is_nan());
        assert_eq!(polygamma(1, 0.0), f64::INFINITY);
        assert_eq!(polygamma(1, f64::INFINITY), 0.0);
        assert!(softplus(f64::NAN).is_nan() && sigmoid(f64::NAN).is_nan());
    }
}
