//! Powers with a constant rational exponent.

use matgrad_dense::Real;
use matgrad_syntax::Rational;

use super::vector::{Exponent, powers};

/// How a power with this exponent is computed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Power {
    /// By multiplication; negative exponents by division at the end.
    Whole(i32),
    /// `x^(k/2)`: by multiplication and a root.
    Half(i32),
    /// Everything else.
    Real(f64),
}

impl Power {
    /// The way for an exponent.
    pub fn new(exponent: &Rational) -> Self {
        let small = |k: i64| (k.abs() <= 256).then_some(k as i32);
        if let Some(k) = exponent.to_i64().and_then(small) {
            return Self::Whole(k);
        }
        match (exponent * &Rational::int(2)).to_i64().and_then(small) {
            Some(k) => Self::Half(k),
            None => Self::Real(exponent.to_f64()),
        }
    }

    /// The power.
    pub fn of<T: Real>(self, x: T) -> T {
        match self {
            Self::Whole(2) => x * x,
            Self::Whole(-1) => T::one() / x,
            Self::Whole(k) => whole(x, k),
            Self::Half(1) => x.sqrt(),
            Self::Half(-1) => T::one() / x.sqrt(),
            Self::Half(k) => {
                let value = whole(x, (k.abs() - 1) / 2) * x.sqrt();
                if k < 0 { T::one() / value } else { value }
            }
            Self::Real(e) => x.powf(T::of(e)),
        }
    }

    /// The power of every entry.
    pub fn apply<T: Real>(self, x: &[T], out: &mut [T]) {
        match self {
            Self::Whole(2) => out.iter_mut().zip(x).for_each(|(o, x)| *o = *x * *x),
            Self::Whole(-1) => out.iter_mut().zip(x).for_each(|(o, x)| *o = T::one() / *x),
            Self::Real(e) => powers(x, Exponent::Same(T::of(e)), out),
            Self::Half(1) => out.iter_mut().zip(x).for_each(|(o, x)| *o = x.sqrt()),
            _ => out.iter_mut().zip(x).for_each(|(o, x)| *o = self.of(*x)),
        }
    }
}

fn whole<T: Real>(x: T, k: i32) -> T {
    if k.unsigned_abs() > 32 {
        return x.powi(k);
    }
    let (mut value, mut base, mut left) = (T::one(), x, k.unsigned_abs());
    while left > 0 {
        if left & 1 == 1 {
            value *= base;
        }
        base *= base;
        left >>= 1;
    }
    if k < 0 { T::one() / value } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(numerator: i64, denominator: i64, x: f64, expected: f64) {
        let value = Power::new(&Rational::new(numerator, denominator)).of(x);
        assert!((value - expected).abs() <= 1e-15 * expected.abs(), "{value} {expected}");
    }

    #[test]
    fn powers() {
        check(3, 1, 1.5, 3.375);
        check(-2, 1, 2.0, 0.25);
        check(0, 1, 2.0, 1.0);
        check(1, 2, 2.0, 2f64.sqrt());
        check(-1, 2, 4.0, 0.5);
        check(3, 2, 4.0, 8.0);
        check(-5, 2, 4.0, 1.0 / 32.0);
        check(1, 3, 2.0, 2f64.powf(1.0 / 3.0));
        check(100, 1, 1.01, 1.01f64.powi(100));
        assert!(Power::new(&Rational::new(1, 2)).of(-1.0f64).is_nan());
        assert_eq!(Power::new(&Rational::int(-1)).of(0.0), f64::INFINITY);
    }
}
