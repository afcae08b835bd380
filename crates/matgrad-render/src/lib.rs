//! Syntax trees and diagnostics as text for people.
//!
//! [`text()`] writes the language itself, so that what is written parses again; [`latex()`] writes what a textbook would.
//! Both take the tree that the parser and the calculus share.

mod diagnostic;
mod latex;
mod text;

pub use diagnostic::diagnostic_text;
pub use latex::{Kind, conventional_kind, latex, latex_definition, latex_definitions};
pub use text::{TextOptions, declaration_text, definition_text, statement_text, text};
