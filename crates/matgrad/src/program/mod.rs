//! Derivatives of programs that are no formula: functions with loops and branches, written over a generic scalar.
//!
//! ```
//! use matgrad::program::{function, gradient, hessian};
//!
//! let rosenbrock = function!(|x| {
//!     x.windows(2).map(|p| (p[1] - p[0].powi(2)).powi(2) * 100.0 + (-p[0] + 1.0).powi(2)).sum::<S>()
//! });
//! assert_eq!(gradient(&rosenbrock, &[1.0, 2.0, 4.0])?, [-400.0, 202.0, 0.0]);
//! assert_eq!(hessian(&rosenbrock, &[1.0, 1.0])?.data(), [802.0, -400.0, -400.0, 200.0]);
//! # Ok::<(), matgrad::program::Error>(())
//! ```
//!
//! [`formula()`] turns the path that a program takes at a point into an expression, which is differentiated, printed and
//! compiled like any other:
//!
//! ```
//! use matgrad::program::{formula, function};
//! use matgrad::symbols::vector;
//!
//! let horner = function!(|x| [1.0, 2.0, 3.0].iter().fold(S::constant(0.0), |y, c| y * x[0] + *c));
//! let f = formula(&horner, &vector("x", 1), &[2.0])?;
//! assert_eq!(f.expression().text(), "(x[1] + 2)*x[1] + 3");
//! # Ok::<(), matgrad::program::Error>(())
//! ```
//!
//! The numbers and the tape are those of the crate `matgrad-tape`, which a program that needs nothing else may use alone: it
//! compiles in a second.

mod formula;

pub use formula::{Formula, formula};
pub use matgrad_tape::*;
