//! The matgrad language: text to syntax tree, with spans and diagnostics.
//!
//! [`parse`] never fails: it returns a tree and the errors found on the way, several in one run.

mod ast;
mod diagnostic;
pub mod functions;
mod greek;
mod lexer;
mod parser;
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
