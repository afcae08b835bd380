//! Special functions for the tests.

use std::f64::consts::PI;

/// Γ(x), by Lanczos.
pub fn gamma(x: f64) -> f64 {
    if x < 0.5 {
        return PI / ((PI * x).sin() * gamma(1.0 - x));
    }
    const C: [f64; 9] = [
        0.999_999_999_999_809_9,
        676.520_368_121_885_1,
        -1_259.139_216_722_402_8,
        771.323_428_777_653_1,
        -176.615_029_162_140_6,
        12.507_343_278_686_905,
        -0.138_571_095_265_720_12,
        9.984_369_578_019_572e-6,
        1.505_632_735_149_311_6e-7,
    ];
    let x = x - 1.0;
    let t = x + 7.5;
    let series = C[1..].iter().enumerate().fold(C[0], |sum, (k, c)| sum + c / (x + k as f64 + 1.0));
    (2.0 * PI).sqrt() * t.powf(x + 0.5) * (-t).exp() * series
}

/// ψ^(k)(x) for x > 0, by recurrence and the asymptotic series.
pub fn polygamma(k: u32, x: f64) -> f64 {
    const BERNOULLI: [f64; 8] =
        [1.0 / 6.0, -1.0 / 30.0, 1.0 / 42.0, -1.0 / 30.0, 5.0 / 66.0, -691.0 / 2730.0, 7.0 / 6.0, -3617.0 / 510.0];
    let factorial = |n: u32| (1..=n).map(f64::from).product::<f64>();
    let sign = if k.is_multiple_of(2) { -1.0 } else { 1.0 };
    let (mut x, mut sum) = (x, 0.0);
    while x < 20.0 {
        sum += sign * factorial(k) / x.powi(k as i32 + 1);
        x += 1.0;
    }
    if k == 0 {
        sum += x.ln() - 0.5 / x;
        for (j, b) in BERNOULLI.iter().enumerate() {
            let two = 2 * (j as i32 + 1);
            sum -= b / (f64::from(two) * x.powi(two));
        }
        return sum;
    }
    let mut tail = factorial(k - 1) / x.powi(k as i32) + factorial(k) / (2.0 * x.powi(k as i32 + 1));
    for (j, b) in BERNOULLI.iter().enumerate() {
        let two = 2 * (j as u32 + 1);
        tail += b * factorial(two + k - 1) / (factorial(two) * x.powi((two + k) as i32));
    }
    sum + sign * tail
}

/// erf(x), by its Taylor series.
pub fn erf(x: f64) -> f64 {
    let (mut term, mut sum) = (x, x);
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    2.0 / PI.sqrt() * sum
}
