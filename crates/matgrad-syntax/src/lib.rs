//! The matgrad language: text to syntax tree, with spans and diagnostics.
//!
//! [`parse`] never fails: it returns a tree and the errors found on the way, several in one run.

mod ast;
mod diagnostic;
mod rational;
mod span;

pub use ast::*;
pub use diagnostic::{Diagnostic, Severity};
pub use rational::Rational;
pub use span::Span;
