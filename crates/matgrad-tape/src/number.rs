//! What a program computes with: [`Number`], and [`Scalar`], which has constants beside it.

use std::fmt::Debug;
use std::iter::{Product, Sum};
use std::ops::{Add, AddAssign, Div, DivAssign, Mul, MulAssign, Neg, Sub, SubAssign};

use crate::Reused;
use crate::elementary::elementary;

macro_rules! declare {
    ($($(#[$doc:meta])* $name:ident $variant:ident $text:literal;)*) => {
        /// Numbers with the elementary functions of the language. The names of the methods are those of [`f64`], where it
        /// has them.
        ///
        /// `f32` and `f64` are numbers, and so are the numbers that derive: [`Dual`](crate::Dual), [`Var`](crate::Var),
        /// [`Traced`](crate::Traced). Comparisons look at values only, so that a program takes the same branches with all of
        /// them.
        pub trait Number:
            Copy
            + Debug
            + PartialOrd
            + Neg<Output = Self>
            + Add<Output = Self>
            + Sub<Output = Self>
            + Mul<Output = Self>
            + Div<Output = Self>
            + AddAssign
            + SubAssign
            + MulAssign
            + DivAssign
            + Sum
            + Product
        {
            /// A number that depends on no input.
            fn constant(value: f64) -> Self;

            /// The value without its derivatives.
            fn to_f64(self) -> f64;

            /// This times a constant.
            #[must_use]
            fn scale(self, by: f64) -> Self;

            /// This plus a constant.
            #[must_use]
            fn shift(self, by: f64) -> Self;

            $($(#[$doc])* #[must_use] fn $name(self) -> Self;)*

            /// 1/x.
            #[must_use]
            fn recip(self) -> Self;

            /// A whole power.
            #[must_use]
            fn powi(self, exponent: i32) -> Self;

            /// A power with a constant exponent.
            #[must_use]
            fn powf(self, exponent: f64) -> Self;

            /// A power whose exponent is a number of the program, too.
            #[must_use]
            fn pow(self, exponent: Self) -> Self;

            /// The angle of the point (x, y), where this is y.
            #[must_use]
            fn atan2(self, x: Self) -> Self;

            /// √(x² + y²), without overflow.
            #[must_use]
            fn hypot(self, other: Self) -> Self;

            /// The larger of two; where they are equal, this one, with its derivative.
            #[must_use]
            fn max(self, other: Self) -> Self;

            /// The smaller of two; where they are equal, this one, with its derivative.
            #[must_use]
            fn min(self, other: Self) -> Self;

            /// The derivative of log Γ of order k + 1.
            #[must_use]
            fn polygamma(self, order: u32) -> Self;
        }
    };
}
elementary!(declare);

/// A number that stands beside constants: `x * 2.0 + 1.0`, `x > 0.0`. Programs are written over this.
///
/// A constant on the left is `S::constant(1.0) - x`, or [`num`]`(1.0) - x`.
///
/// ```
/// use matgrad_tape::{Dual, Scalar, num};
///
/// fn f<S: Scalar>(x: S) -> S {
///     if x > 1.0 { num(1.0) - x.ln() } else { x * 2.0 - x.powi(2) }
/// }
///
/// assert_eq!(f(0.5), 0.75);
/// assert_eq!(f(Dual::<f64, 1>::variable(0.5, 0)).tangents, [1.0]);
/// ```
pub trait Scalar:
    Number
    + PartialOrd<f64>
    + Add<f64, Output = Self>
    + Sub<f64, Output = Self>
    + Mul<f64, Output = Self>
    + Div<f64, Output = Self>
    + AddAssign<f64>
    + SubAssign<f64>
    + MulAssign<f64>
    + DivAssign<f64>
{
}

impl Scalar for f64 {}

/// A number of the machine: `f32` or `f64`.
pub trait Real: Number + Default + Into<f64> + Send + Sync + Reused + 'static {}

impl Real for f32 {}
impl Real for f64 {}

/// A constant on the left of an operator, in programs over a [`Scalar`].
///
/// ```
/// use matgrad_tape::num;
/// assert_eq!(num(1.0) / 4.0, 0.25);
/// ```
pub fn num(value: f64) -> Constant {
    Constant(value)
}

/// What [`num`] makes.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Constant(pub f64);

macro_rules! constant_left {
    ($($name:ident $method:ident;)*) => {$(
        impl<S: Scalar> $name<S> for Constant {
            type Output = S;
            #[inline]
            fn $method(self, right: S) -> S {
                $name::$method(S::constant(self.0), right)
            }
        }
    )*};
}
constant_left! { Add add; Sub sub; Mul mul; Div div; }

macro_rules! real {
    ($T:ident) => {
        impl Number for $T {
            #[inline]
            fn constant(value: f64) -> Self {
                value as $T
            }
            #[inline]
            fn to_f64(self) -> f64 {
                f64::from(self)
            }
            #[inline]
            fn scale(self, by: f64) -> Self {
                self * by as $T
            }
            #[inline]
            fn shift(self, by: f64) -> Self {
                self + by as $T
            }
            real! { $T own: exp exp_m1 ln ln_1p sqrt cbrt abs sin cos tan asin acos atan sinh cosh tanh asinh acosh
            atanh recip }
            real! { $T wide: sigmoid sigmoid, softplus softplus, erf erf, gamma gamma, ln_gamma lgamma, digamma digamma }
            #[inline]
            fn sign(self) -> Self {
                // 0 at 0, and not a number where it is none
                if self == 0.0 { 0.0 } else { self.signum() }
            }
            #[inline]
            fn relu(self) -> Self {
                if self < 0.0 { 0.0 } else { self }
            }
            #[inline]
            fn powi(self, exponent: i32) -> Self {
                $T::powi(self, exponent)
            }
            #[inline]
            fn powf(self, exponent: f64) -> Self {
                $T::powf(self, exponent as $T)
            }
            #[inline]
            fn pow(self, exponent: Self) -> Self {
                $T::powf(self, exponent)
            }
            #[inline]
            fn atan2(self, x: Self) -> Self {
                $T::atan2(self, x)
            }
            #[inline]
            fn hypot(self, other: Self) -> Self {
                $T::hypot(self, other)
            }
            #[inline]
            fn max(self, other: Self) -> Self {
                if other > self { other } else { self }
            }
            #[inline]
            fn min(self, other: Self) -> Self {
                if other < self { other } else { self }
            }
            fn polygamma(self, order: u32) -> Self {
                matgrad_special::polygamma(order, f64::from(self)) as $T
            }
        }
    };
    ($T:ident own: $($name:ident)*) => {$(
        #[inline]
        fn $name(self) -> Self {
            $T::$name(self)
        }
    )*};
    ($T:ident wide: $($name:ident $function:ident),*) => {$(
        fn $name(self) -> Self {
            matgrad_special::$function(f64::from(self)) as $T
        }
    )*};
}
real!(f32);
real!(f64);
