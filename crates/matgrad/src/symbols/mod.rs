//! Functions built from symbols with the operators of Rust instead of text.
//!
//! An [`Expr`] is the syntax tree that the parser makes, so that whatever takes a text takes an expression: derivatives,
//! checks, plans, programs in other languages. `*` is the product of the language (of matrices, and by scalars); products
//! entry by entry are [`Expr::had`].
//!
//! ```
//! use matgrad::Array;
//! use matgrad::symbols::{compile, matrix, vector};
//!
//! let (y, phi, theta) = (vector("y", "N"), matrix("Phi", "N", "D"), vector("theta", "D"));
//! let loss = (&y - &phi * &theta).norm().pow(2);
//! let gradient = loss.gradient(&theta)?;
//! assert_eq!(gradient.text(), "-2*Phi'*(y - Phi*theta)");
//!
//! let function = compile(&[&loss, &gradient])?;
//! assert_eq!(function.arguments(), ["y", "Phi", "theta"]);
//! let (y, phi) = (Array::vector(vec![1.0, 2.0]), Array::from_fn(&[2, 1], |_| 1.0));
//! let results = function.call(&[&y, &phi, &Array::vector(vec![1.0])])?;
//! assert_eq!((results[0].data(), results[1].data()), (&[1.0][..], &[-2.0][..]));
//! # Ok::<(), matgrad::Failure>(())
//! ```

#[cfg(feature = "argmin")]
mod argmin;
mod compile;
mod compiled;
mod derivative;
mod expr;
#[cfg(feature = "faer")]
mod faer;
mod functions;
#[cfg(feature = "nalgebra")]
mod nalgebra;
#[cfg(feature = "ndarray")]
mod ndarray;
mod objective;
mod operators;
mod read;
mod shape;
#[cfg(test)]
mod tests;
mod text;
mod view;

pub use compile::{Function, Order, compile};
pub use compiled::{Compiled, Entry};
pub use expr::{Expr, Size, matrix, scalar, size, tensor, vector};
pub use functions::{At, call, column, eye, function_name, functions, nearest_function, ones, rows};
pub use objective::Objective;
pub use read::Variable;
pub use shape::Shape;
pub use view::{FromArray, View};
