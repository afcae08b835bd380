//! Numbers the evaluator computes with: doubles, and dual numbers over any of them.
//!
//! A [`Dual`] carries a value and its derivative in one direction. Nested duals carry mixed derivatives, so the one
//! generic evaluator gives values and directional derivatives of every order.

use std::fmt::Debug;
use std::ops::{Add, Div, Mul, Neg, Sub};

use crate::special;

/// A smooth function of one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Elementary {
    Exp,
    Log,
    Log1p,
    Expm1,
    Sqrt,
    Cbrt,
    Abs,
    Sign,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Sigmoid,
    Softplus,
    Relu,
    Erf,
    Gamma,
    Lgamma,
    Polygamma(u8),
}

/// What the evaluator needs of a number.
pub trait Scalar:
    Copy
    + Debug
    + Add<Output = Self>
    + Sub<Output = Self>
    + Mul<Output = Self>
    + Div<Output = Self>
    + Neg<Output = Self>
    + 'static
{
    /// How many derivatives it carries: 0 for a double.
    const ORDER: usize;
    const ZERO: Self;
    const ONE: Self;
    fn new(value: f64) -> Self;
    /// The value without its derivatives.
    fn re(self) -> f64;
    /// Whether the value and all derivatives are 0.
    fn is_zero(self) -> bool;
    fn is_finite(self) -> bool;
    /// The largest absolute value among the value and the derivatives.
    fn magnitude(self) -> f64;
    fn apply(self, function: Elementary) -> Self;
    fn pow(self, exponent: Self) -> Self;
    fn atan2(self, x: Self) -> Self;
    fn scale(self, factor: f64) -> Self;
    /// Where rounding is random, a number that is known up to the last place of `size` only.
    fn uncertain(self, _size: f64) -> Self {
        self
    }

    fn recip(self) -> Self {
        Self::ONE / self
    }
    fn sqrt(self) -> Self {
        self.apply(Elementary::Sqrt)
    }
    fn exp(self) -> Self {
        self.apply(Elementary::Exp)
    }
    fn ln(self) -> Self {
        self.apply(Elementary::Log)
    }
}

impl Scalar for f64 {
    const ORDER: usize = 0;
    const ZERO: f64 = 0.0;
    const ONE: f64 = 1.0;

    fn new(value: f64) -> Self {
        value
    }
    fn re(self) -> f64 {
        self
    }
    fn is_zero(self) -> bool {
        self == 0.0
    }
    fn is_finite(self) -> bool {
        f64::is_finite(self)
    }
    fn magnitude(self) -> f64 {
        self.abs()
    }

    fn apply(self, function: Elementary) -> Self {
        use Elementary::*;
        match function {
            Exp => f64::exp(self),
            Log => f64::ln(self),
            Log1p => self.ln_1p(),
            Expm1 => self.exp_m1(),
            Sqrt => f64::sqrt(self),
            Cbrt => self.cbrt(),
            Abs => self.abs(),
            Sign => f64::from(self > 0.0) - f64::from(self < 0.0),
            Sin => self.sin(),
            Cos => self.cos(),
            Tan => self.tan(),
            Asin => self.asin(),
            Acos => self.acos(),
            Atan => self.atan(),
            Sinh => self.sinh(),
            Cosh => self.cosh(),
            Tanh => self.tanh(),
            Asinh => self.asinh(),
            Acosh => self.acosh(),
            Atanh => self.atanh(),
            // the exponential never overflows on the side it is taken
            Sigmoid if self >= 0.0 => 1.0 / (1.0 + f64::exp(-self)),
            Sigmoid => {
                let e = f64::exp(self);
                e / (1.0 + e)
            }
            Softplus => self.max(0.0) + f64::exp(-self.abs()).ln_1p(),
            Relu => self.max(0.0),
            Erf => special::erf(self),
            Gamma => special::gamma(self),
            Lgamma => special::lgamma(self),
            Polygamma(k) => special::polygamma(k, self),
        }
    }

    fn pow(self, exponent: Self) -> Self {
        self.powf(exponent)
    }
    fn atan2(self, x: Self) -> Self {
        f64::atan2(self + 0.0, x + 0.0) // in (-pi, pi]: a 0 has no sign
    }
    fn scale(self, factor: f64) -> Self {
        self * factor
    }
}

/// The slope of `function` at `x`, in the same kind of number as `x`.
pub(crate) fn slope<T: Scalar>(function: Elementary, x: T) -> T {
    use Elementary::*;
    let one = T::ONE;
    match function {
        Exp | Expm1 => x.exp(),
        Log => x.recip(),
        Log1p => (one + x).recip(),
        Sqrt => x.sqrt().recip().scale(0.5),
        Cbrt => {
            let root = x.apply(Cbrt);
            (root * root).recip().scale(1.0 / 3.0)
        }
        Abs => x.apply(Sign),
        Sign => T::ZERO,
        Sin => x.apply(Cos),
        Cos => -x.apply(Sin),
        Tan => {
            let t = x.apply(Tan);
            one + t * t
        }
        Asin => (one - x * x).sqrt().recip(),
        Acos => -(one - x * x).sqrt().recip(),
        Atan => (one + x * x).recip(),
        Sinh => x.apply(Cosh),
        Cosh => x.apply(Sinh),
        Tanh => {
            let t = x.apply(Tanh);
            one - t * t
        }
        Asinh => (x * x + one).sqrt().recip(),
        Acosh => (x * x - one).sqrt().recip(),
        Atanh => (one - x * x).recip(),
        Sigmoid => x.apply(Sigmoid) * (-x).apply(Sigmoid),
        Softplus => x.apply(Sigmoid),
        Relu => T::new(f64::from(x.re() > 0.0)),
        Erf => (-(x * x)).exp().scale(std::f64::consts::FRAC_2_SQRT_PI),
        Gamma => x.apply(Gamma) * x.apply(Polygamma(0)),
        Lgamma => x.apply(Polygamma(0)),
        Polygamma(k) => x.apply(Polygamma(k.saturating_add(1))),
    }
}

/// A number with its derivative in one direction.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Dual<T> {
    pub re: T,
    pub eps: T,
}

impl<T: Scalar> Add for Dual<T> {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self { re: self.re + other.re, eps: self.eps + other.eps }
    }
}

impl<T: Scalar> Sub for Dual<T> {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self { re: self.re - other.re, eps: self.eps - other.eps }
    }
}

impl<T: Scalar> Mul for Dual<T> {
    type Output = Self;
    fn mul(self, other: Self) -> Self {
        let eps = self.re * other.eps + self.eps * other.re;
        // 0 for good times what is finite stays 0, where that rises without bound: cbrt(x)*0 at x = 0
        let stays = |zero: Self, other: Self| zero.is_zero() && other.re().is_finite();
        let still = !eps.is_finite() && (stays(self, other) || stays(other, self));
        Self { re: if still { T::ZERO } else { self.re * other.re }, eps: if still { T::ZERO } else { eps } }
    }
}

impl<T: Scalar> Div for Dual<T> {
    type Output = Self;
    fn div(self, other: Self) -> Self {
        let re = self.re / other.re;
        Self { re, eps: (self.eps - re * other.eps) / other.re }
    }
}

impl<T: Scalar> Neg for Dual<T> {
    type Output = Self;
    fn neg(self) -> Self {
        Self { re: -self.re, eps: -self.eps }
    }
}

/// `slope * step`, where a step of 0 stays 0 beside an infinite slope.
fn chained<T: Scalar>(step: T, slope: impl FnOnce() -> T) -> T {
    if step.is_zero() { T::ZERO } else { slope() * step }
}

impl<T: Scalar> Scalar for Dual<T> {
    const ORDER: usize = T::ORDER + 1;
    const ZERO: Self = Self { re: T::ZERO, eps: T::ZERO };
    const ONE: Self = Self { re: T::ONE, eps: T::ZERO };

    fn new(value: f64) -> Self {
        Self { re: T::new(value), eps: T::ZERO }
    }
    fn re(self) -> f64 {
        self.re.re()
    }
    fn is_zero(self) -> bool {
        self.re.is_zero() && self.eps.is_zero()
    }
    fn is_finite(self) -> bool {
        self.re.is_finite() && self.eps.is_finite()
    }
    fn magnitude(self) -> f64 {
        self.re.magnitude().max(self.eps.magnitude())
    }
    fn apply(self, function: Elementary) -> Self {
        Self { re: self.re.apply(function), eps: chained(self.eps, || slope(function, self.re)) }
    }
    fn pow(self, exponent: Self) -> Self {
        let re = self.re.pow(exponent.re);
        let by_base = if exponent.re.is_zero() {
            T::ZERO
        } else {
            chained(self.eps, || exponent.re * self.re.pow(exponent.re - T::ONE))
        };
        let by_exponent = chained(exponent.eps, || if self.re.is_zero() { T::ZERO } else { re * self.re.ln() });
        Self { re, eps: by_base + by_exponent }
    }
    fn atan2(self, x: Self) -> Self {
        let still = self.eps.is_zero() && x.eps.is_zero();
        let step = x.re * self.eps - self.re * x.eps;
        let square = x.re * x.re + self.re * self.re;
        Self { re: self.re.atan2(x.re), eps: if still { T::ZERO } else { step / square } }
    }
    fn scale(self, factor: f64) -> Self {
        Self { re: self.re.scale(factor), eps: self.eps.scale(factor) }
    }
    fn uncertain(self, size: f64) -> Self {
        Self { re: self.re.uncertain(size), eps: self.eps }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Second = Dual<Dual<f64>>;

    fn second(x: f64) -> Second {
        Dual { re: Dual { re: x, eps: 1.0 }, eps: Dual { re: 1.0, eps: 0.0 } }
    }

    /// Slopes and curvatures against central differences of the value.
    #[test]
    fn slopes_agree_with_differences() {
        use Elementary::*;
        let all = [
            (Exp, 0.3),
            (Log, 0.7),
            (Log1p, 0.4),
            (Expm1, 0.2),
            (Sqrt, 1.3),
            (Cbrt, 0.8),
            (Abs, -0.6),
            (Sign, 0.4),
            (Sin, 0.5),
            (Cos, 0.6),
            (Tan, 0.4),
            (Asin, 0.3),
            (Acos, 0.2),
            (Atan, 1.1),
            (Sinh, 0.7),
            (Cosh, 0.3),
            (Tanh, 0.6),
            (Asinh, 0.9),
            (Acosh, 1.8),
            (Atanh, 0.3),
            (Sigmoid, -0.7),
            (Softplus, 0.4),
            (Relu, 0.6),
            (Erf, 0.5),
            (Gamma, 2.3),
            (Lgamma, 1.7),
            (Polygamma(0), 1.4),
            (Polygamma(2), 2.2),
        ];
        for (function, x) in all {
            let h = 1e-3;
            let f = |x: f64| x.apply(function);
            let first = (8.0 * (f(x + h) - f(x - h)) - (f(x + 2.0 * h) - f(x - 2.0 * h))) / (12.0 * h);
            let curve =
                (-f(x + 2.0 * h) + 16.0 * f(x + h) - 30.0 * f(x) + 16.0 * f(x - h) - f(x - 2.0 * h)) / (12.0 * h * h);
            let got = second(x).apply(function);
            assert!((got.re.eps - first).abs() < 1e-8, "{function:?} {} {first}", got.re.eps);
            assert!((got.eps.eps - curve).abs() < 1e-6, "{function:?} {} {curve}", got.eps.eps);
        }
    }

    #[test]
    fn powers_of_constants_and_variables() {
        let x = second(-2.0);
        let cube = x.pow(Second::new(3.0));
        assert_eq!((cube.re.re, cube.re.eps, cube.eps.eps), (-8.0, 12.0, -12.0));
        let two_to_x = Second::new(2.0).pow(second(3.0));
        assert!((two_to_x.re.eps - 8.0 * 2f64.ln()).abs() < 1e-12);
        assert_eq!(second(0.0).pow(Second::new(2.0)).eps.eps, 2.0);
    }

    #[test]
    fn nothing_times_an_infinite_slope_is_nothing() {
        let root =
            Second::apply(Dual { re: Dual { re: 0.0, eps: 1.0 }, eps: Dual { re: 1.0, eps: 0.0 } }, Elementary::Cbrt);
        assert!(!root.is_finite());
        assert!((root * Second::ZERO).is_zero() && (Second::ZERO * root).is_zero());
        assert!(!(Second::ONE / second(0.0) * Second::ZERO).is_finite());
        assert!(!(root * second(0.0)).is_finite());
    }

    #[test]
    fn division_and_angle() {
        let x = second(0.5);
        let got = Second::ONE / x;
        assert!((got.re.eps + 4.0).abs() < 1e-12 && (got.eps.eps - 16.0).abs() < 1e-12);
        let angle = x.atan2(Second::new(2.0));
        assert!((angle.re.eps - 2.0 / 4.25).abs() < 1e-14);
    }
}
