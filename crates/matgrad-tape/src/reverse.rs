//! Derivatives of closures over the numbers of a tape.
//!
//! ```
//! use matgrad_tape::{Number, Var, reverse};
//! let data = [1.0, 2.0, 4.0];
//! let gradient = reverse::gradient(|x: &[Var]| data.iter().map(|y| (x[0] * *y + x[1]).tanh()).sum(), &[0.0, 0.0])?;
//! assert_eq!(gradient, [7.0, 3.0]);
//! # Ok::<(), matgrad_tape::Error>(())
//! ```

use crate::derivatives::dense;
use crate::tape::with_run;
use crate::{Error, Matrix, Real, Var};

/// The gradient of a closure.
pub fn gradient<T: Real>(f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>, x: &[T]) -> Result<Vec<T>, Error> {
    value_and_gradient(f, x).map(|(_, gradient)| gradient)
}

/// The value of a closure and its gradient.
///
/// ```
/// use matgrad_tape::reverse;
/// assert_eq!(reverse::value_and_gradient(|x| 2.0 * x[0], &[3.0f32])?, (6.0, vec![2.0]));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn value_and_gradient<T: Real>(
    f: impl for<'t> FnOnce(&[Var<'t, T>]) -> Var<'t, T>,
    x: &[T],
) -> Result<(T, Vec<T>), Error> {
    with_run(
        x,
        |x, out| out.push(f(x)),
        |tape| {
            let mut gradient = vec![T::default(); x.len()];
            let value = tape.gradient(&mut gradient)?;
            Ok((value, gradient))
        },
    )
}

/// The Jacobian of a closure that pushes the entries of its value.
///
/// ```
/// use matgrad_tape::reverse;
/// let j = reverse::jacobian(|x, out| out.extend([x[0] * x[1], x[0] - x[1]]), &[2.0, 3.0])?;
/// assert_eq!(j.data(), [3.0, 2.0, 1.0, -1.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn jacobian<T: Real>(
    f: impl for<'t> FnOnce(&[Var<'t, T>], &mut Vec<Var<'t, T>>),
    x: &[T],
) -> Result<Matrix<T>, Error> {
    with_run(x, f, dense)
}

/// Weights times the Jacobian of a closure.
///
/// ```
/// use matgrad_tape::reverse;
/// assert_eq!(reverse::vjp(|x, out| out.extend([x[0] * x[1], x[0]]), &[2.0, 3.0], &[1.0, 1.0])?, [4.0, 2.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
pub fn vjp<T: Real>(
    f: impl for<'t> FnOnce(&[Var<'t, T>], &mut Vec<Var<'t, T>>),
    x: &[T],
    weights: &[T],
) -> Result<Vec<T>, Error> {
    with_run(x, f, |tape| {
        let mut product = vec![T::default(); x.len()];
        tape.vjp(weights, &mut product)?;
        Ok(product)
    })
}
