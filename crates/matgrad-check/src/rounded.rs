//! Doubles rounded at random, after Vignes' discrete stochastic arithmetic: what differs between runs is rounding.
//!
//! Each inexact operation rounds up or down by chance, an exact one stays exact. Each number also carries how large the
//! terms were that it came from, so that what is left of a cancellation has something to be compared with.

use std::cell::Cell;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::scalar::{Elementary, Scalar, slope};

thread_local! {
    /// Where the chance of this thread stands.
    static CHANCE: Cell<u64> = const { Cell::new(1) };
}

/// Starts the chance anew: the same seed gives the same roundings.
pub(crate) fn seed(value: u64) {
    CHANCE.with(|state| state.set(value));
}

fn chance() -> u64 {
    CHANCE.with(|state| {
        let next = state.get().wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.set(next);
        (next ^ (next >> 29)) >> 33
    })
}

/// A double rounded at random.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rounded {
    pub(crate) value: f64,
    /// The sum of the magnitudes of the terms.
    pub(crate) size: f64,
}

impl Rounded {
    /// A nearest result and by how much it misses the exact one.
    fn missing(value: f64, missing: f64, size: f64) -> Self {
        let value = if missing == 0.0 || !value.is_finite() || chance().is_multiple_of(2) {
            value
        } else if missing > 0.0 {
            value.next_up()
        } else {
            value.next_down()
        };
        Self { value, size: size.max(value.abs()) }
    }

    /// A result that may be wrong by some units in its last place, unless it is a whole number.
    fn about(value: f64, units: u64, size: f64) -> Self {
        let mut rounded = value;
        if value.is_finite() && value.fract() != 0.0 {
            for _ in 0..chance() % (units + 1) {
                rounded = if chance().is_multiple_of(2) { rounded.next_up() } else { rounded.next_down() };
            }
        }
        Self { value: rounded, size: size.max(rounded.abs()) }
    }
}

impl Add for Rounded {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        let (a, b) = (self.value, other.value);
        let sum = a + b;
        let part = sum - a;
        let missing = (a - (sum - part)) + (b - part); // Knuth's TwoSum
        Self::missing(sum, missing, self.size + other.size)
    }
}

impl Sub for Rounded {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        self + -other
    }
}

impl Mul for Rounded {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let product = self.value * other.value;
        Self::missing(product, self.value.mul_add(other.value, -product), self.size * other.size)
    }
}

impl Div for Rounded {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let quotient = self.value / other.value;
        let left = (-quotient).mul_add(other.value, self.value);
        Self::missing(quotient, left * other.value.signum(), self.size / other.value.abs())
    }
}

impl Neg for Rounded {
    type Output = Self;
    fn neg(self) -> Self {
        Self { value: -self.value, size: self.size }
    }
}

impl Scalar for Rounded {
    const ORDER: usize = 0;
    const ZERO: Self = Self { value: 0.0, size: 0.0 };
    const ONE: Self = Self { value: 1.0, size: 1.0 };

    fn new(value: f64) -> Self {
        Self { value, size: value.abs() }
    }
    fn re(self) -> f64 {
        self.value
    }
    fn is_zero(self) -> bool {
        self.value == 0.0
    }
    fn is_finite(self) -> bool {
        self.value.is_finite()
    }
    fn magnitude(self) -> f64 {
        self.value.abs()
    }

    fn apply(self, function: Elementary) -> Self {
        use Elementary::{Abs, Erf, Gamma, Lgamma, Polygamma, Relu, Sign, Sqrt};
        let value = self.value.apply(function);
        // a slope carries what cancelled on, but a steep one makes nothing of it
        let size = slope(function, self.value).abs().min(1.0) * self.size;
        let size = if size.is_nan() { 0.0 } else { size };
        match function {
            Abs | Sign | Relu => Self { value, size: size.max(value.abs()) },
            Sqrt => Self::missing(value, (-value).mul_add(value, self.value), size),
            Erf | Gamma | Lgamma | Polygamma(_) => Self::about(value, 8, size),
            _ => Self::about(value, 1, size),
        }
    }
    fn pow(self, exponent: Self) -> Self {
        Self::about(self.value.powf(exponent.value), 1, 0.0)
    }
    fn atan2(self, x: Self) -> Self {
        Self::about(Scalar::atan2(self.value, x.value), 1, 0.0)
    }
    fn scale(self, factor: f64) -> Self {
        self * Self::new(factor)
    }
    fn uncertain(self, size: f64) -> Self {
        let share = (chance() % 1025) as f64 / 512.0 - 1.0;
        Self { value: self.value + share * f64::EPSILON * size, size: self.size }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_results_stay_exact_and_others_move_by_one_unit() {
        seed(7);
        let n = Rounded::new;
        for _ in 0..50 {
            assert_eq!(((n(3.0) + n(0.25)) * n(4.0) / n(2.0) - n(6.5)).value, 0.0);
            assert_eq!(n(0.0).exp().value, 1.0);
            assert_eq!(n(9.0).sqrt().value, 3.0);
        }
        let thirds: Vec<f64> = (0..50).map(|_| (n(1.0) / n(3.0)).value).collect();
        assert!(thirds.iter().any(|x| *x != thirds[0]));
        assert!(thirds.iter().all(|x| (x - 1.0 / 3.0).abs() <= f64::EPSILON / 4.0));
    }

    #[test]
    fn what_cancels_keeps_the_size_of_its_terms() {
        let n = Rounded::new;
        let left = (n(1e3) + n(0.1)) - n(1e3) - n(0.1);
        assert!(left.value.abs() < 1e-12 && left.size > 1e3);
        assert!((n(1.0) - n(1.0)).apply(Elementary::Sin).size > 0.5);
    }
}
