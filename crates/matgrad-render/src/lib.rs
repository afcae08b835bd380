//! Syntax trees and diagnostics as text for people.
//!
//! [`text()`] writes the language itself, so that what is written parses again; a
//! [`Markup`] is what a textbook would print, in LaTeX ([`latex()`]), MathML or Typst.
//! Both take the tree that the parser and the calculus share.

mod diagnostic;
mod math;
mod text;

pub use diagnostic::diagnostic_text;
pub use math::{Kind, Markup, Typesetting, conventional_kind, latex};
pub use text::{TextOptions, declaration_text, definition_text, statement_text, text};
