//! Derivatives of programs that are no formula: functions with loops and branches, written over a generic scalar.
//!
//! ```
//! use matgrad_tape::{function, gradient, hessian};
//!
//! let rosenbrock = function!(|x| {
//!     x.windows(2).map(|p| (p[1] - p[0].powi(2)).powi(2) * 100.0 + (-p[0] + 1.0).powi(2)).sum::<S>()
//! });
//! assert_eq!(gradient(&rosenbrock, &[1.0, 2.0, 4.0])?, [-400.0, 202.0, 0.0]);
//! assert_eq!(hessian(&rosenbrock, &[1.0, 1.0])?.data(), [802.0, -400.0, -400.0, 200.0]);
//! # Ok::<(), matgrad_tape::Error>(())
//! ```
//!
//! - A program is a [`Function`] ℝⁿ → ℝ or a [`Map`] ℝⁿ → ℝᵐ: a type with a generic method, or one line with
//!   [`function!`] or [`map!`]. Closures over one kind of number go to [`mod@forward`] and [`mod@reverse`].
//! - [`gradient()`], [`jacobian()`], [`hessian()`], [`jvp()`], [`vjp()`], [`hvp()`] choose the way by the size; a [`Tape`] keeps its
//!   memory from call to call.
//! - The numbers themselves are [`Dual`] (N tangents at once) and [`Var`] (on a tape), of `f64`, `f32` or of each other.
//!
//! What is differentiated is the path that the program takes at the point: on a boundary between branches, that is the
//! derivative of the branch taken.

#![deny(missing_docs)]

mod derivatives;
mod dual;
mod elementary;
mod error;
pub mod forward;
mod matrix;
mod number;
mod operators;
mod program;
mod record;
pub mod reverse;
mod rules;
mod sparse;
mod tape;
mod trace;
mod var;

pub use derivatives::{gradient, hessian, hvp, jacobian, jvp, value, value_and_gradient, values, vjp, write_gradient};
pub use dual::{Dual, Plain};
pub use error::Error;
pub use matrix::Matrix;
pub use number::{Constant, Number, Real, Scalar, num};
pub use program::{Function, Map};
pub use sparse::{HessianPattern, Sparse, sparse_hessian, sparse_jacobian};
pub use tape::{Reused, Tape};
pub use trace::{Assumption, Elementary, Operation, Relation, Trace, Traced};
pub use var::Var;
