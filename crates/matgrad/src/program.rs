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
//! The numbers and the tape are those of the crate `matgrad-tape`, which a program that needs nothing else may use alone: it
//! compiles in a second.

pub use matgrad_tape::*;
