//! Why there is no answer: the source and what is wrong with it.

use std::fmt;

use matgrad_render::diagnostic_text;
use matgrad_syntax::{Diagnostic, Source, Span};

/// A refused request: diagnostics with the source that their spans refer to.
#[derive(Clone, Debug, PartialEq)]
pub struct Failure {
    /// The text of the request.
    pub source: Source,
    /// What is wrong, in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Failure {
    /// One finding about a place of the source.
    pub fn new(source: Source, diagnostic: Diagnostic) -> Self {
        Self { source, diagnostics: vec![diagnostic] }
    }

    /// One finding about the whole request.
    pub fn whole(source: Source, code: &'static str, message: impl Into<String>) -> Self {
        let end = source.text().trim_end().len();
        // the last line is the function, where the source is an expression after its declarations
        let line = source.line_of(end as u32);
        let span = Span { start: line.start, end: line.end };
        Self::new(source, Diagnostic::error(code, span, message))
    }

    /// All diagnostics as text for a person, each with its place underlined.
    pub fn render(&self, color: bool) -> String {
        let texts: Vec<String> = self.diagnostics.iter().map(|d| diagnostic_text(&self.source, d, color)).collect();
        texts.join("\n")
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.render(false))
    }
}

impl std::error::Error for Failure {}
