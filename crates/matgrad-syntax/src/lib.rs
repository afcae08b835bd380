//! The matgrad language: text to syntax tree, with spans and diagnostics.
//!
//! [`parse`] never fails: it returns a tree and the errors found on the way, several in one run. The stages are files:
//! `lexer` (characters to tokens, brackets matched), `parser` (tokens to statements and expressions, by operator
//! precedence with a stack of open brackets, so that nesting costs no call stack), [`functions`] (the one table of the
//! language's functions), [`suggest`] (did you mean).
//!
//! # Readings worth knowing
//!
//! - `X^2'` transposes the exponent, because postfix operators bind tighter than powers; a warning says so. `X^-1'` and
//!   `X^-T[:,1]` read as they look, because `^-1`, `^T` and `^-T` are postfix operators themselves, and so are `x²`, `Xᵀ`
//!   and `X⁻¹`.
//! - The sign of a literal exponent belongs to the number: `x^-2` is a power with the exponent -2.
//! - `f (x)` with a space is a call where `f` is a function that is not also declared as a variable; `f(x)` without a
//!   space is always a call. `2x` and `a(b)` without a space are errors that suggest the product.
//! - A line end within brackets is white space, never the end of a matrix row. A comma or semicolon may stand before a
//!   closing `]`: `[a, b;]` is a row.
//! - A bracket that is never closed holds nothing together: the next line is a statement of its own.
//! - `x₁` is the name `x_1`. `∑` and `∏` are `sum` and `prod`, `∘` is `.*`, `·` is `*`, `×` separates dimensions only.
//! - In a shape an `x` after a dimension separates, also without spaces between digits and single letters: `R^2x3`,
//!   `R^(mxn)`; `ℝᵐˣⁿ` and `R^{m x n}` are shapes too. Several declarations may share a line: `A in R^(m x n), x in R^n`.
//! - `f_1_12'(x)` names arguments past the ninth.

mod ast;
mod diagnostic;
pub mod functions;
mod greek;
mod lexer;
mod parser;
pub mod patience;
mod rational;
mod source;
mod span;
pub mod suggest;

pub use ast::*;
pub use diagnostic::{Diagnostic, Severity};
pub use greek::{GreekName, greek_name, normalize_name, split_greek};
pub use parser::{Parsed, parse, parse_parts};
pub use rational::Rational;
pub use source::{Place, Source};
pub use span::Span;
