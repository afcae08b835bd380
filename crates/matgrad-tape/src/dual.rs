//! Dual numbers: a value with its derivatives in N directions at once.

use std::array::from_fn;
use std::cmp::Ordering;
use std::iter::{Product, Sum};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::elementary::elementary;
use crate::operators::{by_value, operators, ruled};
use crate::{Number, Scalar, rules};

/// A value with N tangents, which lie in an array, so that the compiler makes vector instructions of them.
///
/// T may itself be a number that derives: `Dual<Dual<f64, 1>, 1>` has second derivatives.
///
/// ```
/// use matgrad_tape::{Dual, Number};
/// // x*exp(y) by x and by y, at (2, 0)
/// let (x, y) = (Dual::<f64, 2>::variable(2.0, 0), Dual::variable(0.0, 1));
/// assert_eq!((x * y.exp()).tangents, [1.0, 2.0]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Dual<T = f64, const N: usize = 1> {
    /// The value.
    pub value: T,
    /// Its derivatives, one for each direction.
    pub tangents: [T; N],
}

/// A number of the machine as a scalar without derivatives: what a program computes with in single precision.
pub type Plain<T> = Dual<T, 0>;

impl<T: Number, const N: usize> Dual<T, N> {
    /// A number that depends on no input.
    #[inline]
    pub fn new(value: T) -> Self {
        Self { value, tangents: [T::constant(0.0); N] }
    }

    /// The variable whose own direction is the one of this number; of a direction that does not exist, a constant.
    #[inline]
    pub fn variable(value: T, direction: usize) -> Self {
        Self { value, tangents: from_fn(|k| T::constant(if k == direction { 1.0 } else { 0.0 })) }
    }

    #[inline]
    fn map(self, value: T, f: impl Fn(T) -> T) -> Self {
        // loops over arrays are what the compiler makes vectors of
        let mut tangents = self.tangents;
        for t in &mut tangents {
            *t = f(*t);
        }
        Self { value, tangents }
    }

    #[inline]
    fn zip(self, other: Self, value: T, f: impl Fn(T, T) -> T) -> Self {
        let mut tangents = self.tangents;
        for (a, b) in tangents.iter_mut().zip(&other.tangents) {
            *a = f(*a, *b);
        }
        Self { value, tangents }
    }

    #[inline]
    fn unary(self, (value, by): (T, T)) -> Self {
        self.map(value, |t| by * t)
    }

    #[inline]
    fn binary(self, other: Self, (value, by, by_other): (T, T, T)) -> Self {
        self.zip(other, value, |a, b| by * a + by_other * b)
    }

    #[inline]
    fn plus(self, other: Self) -> Self {
        self.zip(other, self.value + other.value, |a, b| a + b)
    }

    #[inline]
    fn minus(self, other: Self) -> Self {
        self.zip(other, self.value - other.value, |a, b| a - b)
    }

    #[inline]
    fn times(self, other: Self) -> Self {
        self.binary(other, (self.value * other.value, other.value, self.value))
    }

    #[inline]
    fn over(self, other: Self) -> Self {
        self.binary(other, rules::div(self.value, other.value))
    }

    /// A quotient by a constant is rounded as a quotient.
    #[inline]
    fn divided_by(self, by: f64) -> Self {
        let (c, inverse) = (T::constant(by), 1.0 / by);
        self.map(self.value / c, |t| t.scale(inverse))
    }
}

impl<T: Number, const N: usize> Neg for Dual<T, N> {
    type Output = Self;
    #[inline]
    fn neg(self) -> Self {
        self.map(-self.value, |t| -t)
    }
}

operators! { [T: Number, const N: usize] Dual<T, N> }
by_value! { [T: Number, const N: usize] Dual<T, N> }

impl<T: Number, const N: usize> Number for Dual<T, N> {
    #[inline]
    fn constant(value: f64) -> Self {
        Self::new(T::constant(value))
    }

    #[inline]
    fn scale(self, by: f64) -> Self {
        self.map(self.value.scale(by), |t| t.scale(by))
    }

    #[inline]
    fn shift(self, by: f64) -> Self {
        Self { value: self.value.shift(by), tangents: self.tangents }
    }

    elementary!(ruled);
}
