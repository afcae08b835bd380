//! Forward derivatives of closures over dual numbers, where the number of inputs is known to the compiler: nothing is
//! allocated, and small functions become straight code.
//!
//! ```
//! use matgrad_tape::{Number, forward};
//! let (value, gradient) = forward::gradient(|[x, y]| x * y.sin(), [2.0, 0.0]);
//! assert_eq!((value, gradient), (0.0, [0.0, 2.0]));
//! ```

use std::array::from_fn;

use crate::{Dual, Real};

/// Value and derivative of a function of one number.
///
/// ```
/// use matgrad_tape::{Number, forward};
/// assert_eq!(forward::derivative(|x| x.exp(), 0.0), (1.0, 1.0));
/// ```
#[inline]
pub fn derivative<T: Real>(f: impl FnOnce(Dual<T, 1>) -> Dual<T, 1>, x: T) -> (T, T) {
    let Dual { value, tangents: [t] } = f(Dual::variable(x, 0));
    (value, t)
}

/// Value and gradient.
#[inline]
pub fn gradient<T: Real, const N: usize>(f: impl FnOnce([Dual<T, N>; N]) -> Dual<T, N>, x: [T; N]) -> (T, [T; N]) {
    let y = f(from_fn(|k| Dual::variable(x[k], k)));
    (y.value, y.tangents)
}

/// Value and Jacobian, the gradient of each entry a row.
///
/// ```
/// use matgrad_tape::{Number, forward};
/// let (_, rows) = forward::jacobian(|[r, t]| [r * t.cos(), r * t.sin()], [2.0, 0.0]);
/// assert_eq!(rows, [[1.0, 0.0], [0.0, 2.0]]);
/// ```
#[inline]
pub fn jacobian<T: Real, const N: usize, const M: usize>(
    f: impl FnOnce([Dual<T, N>; N]) -> [Dual<T, N>; M],
    x: [T; N],
) -> ([T; M], [[T; N]; M]) {
    let y = f(from_fn(|k| Dual::variable(x[k], k)));
    (y.map(|y| y.value), y.map(|y| y.tangents))
}

/// Value, gradient and Hessian.
///
/// ```
/// use matgrad_tape::{Number, forward};
/// let (_, g, h) = forward::hessian(|[x, y]| x.powi(2) * y, [2.0, 3.0]);
/// assert_eq!((g, h), ([12.0, 4.0], [[6.0, 4.0], [4.0, 0.0]]));
/// ```
#[inline]
pub fn hessian<T: Real, const N: usize>(
    f: impl FnOnce([Dual<Dual<T, N>, N>; N]) -> Dual<Dual<T, N>, N>,
    x: [T; N],
) -> (T, [T; N], [[T; N]; N]) {
    let y = f(from_fn(|k| Dual::variable(Dual::variable(x[k], k), k)));
    (y.value.value, y.value.tangents, y.tangents.map(|row| row.tangents))
}
