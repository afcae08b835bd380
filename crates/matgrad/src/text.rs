//! What a person typed: a script, or an expression with its declarations.

use matgrad_render::TextOptions;
use matgrad_syntax::{Script, Severity, Source, parse_parts};

use crate::Failure;

/// A text in the language, put together from parts that each know where they come from.
///
/// ```
/// use matgrad::Text;
/// let text = Text::expression("x'*A*x").declare("A in R^(n x n) symmetric");
/// assert!(text.read().is_ok());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    parts: Vec<(String, String)>,
}

impl Text {
    /// A script; its last definition or bare expression is the function.
    pub fn script(origin: impl Into<String>, text: impl Into<String>) -> Self {
        Self { parts: vec![(origin.into(), text.into())] }
    }

    /// A single expression.
    pub fn expression(text: impl Into<String>) -> Self {
        Self::script("expression", text)
    }

    /// Adds a declaration; it goes before the rest.
    #[must_use]
    pub fn declare(self, declaration: impl Into<String>) -> Self {
        self.before("--declare", declaration)
    }

    /// Adds a text in front of the last part.
    #[must_use]
    pub fn before(mut self, origin: impl Into<String>, text: impl Into<String>) -> Self {
        let at = self.parts.len().saturating_sub(1);
        self.parts.insert(at, (origin.into(), text.into()));
        self
    }

    /// Adds a text behind the last part.
    #[must_use]
    pub fn after(mut self, origin: impl Into<String>, text: impl Into<String>) -> Self {
        self.parts.push((origin.into(), text.into()));
        self
    }

    /// The syntax tree.
    ///
    /// # Errors
    /// Everything in it that is not in the language.
    pub fn read(&self) -> Result<(Source, Script), Failure> {
        let parts = self.parts.iter().map(|(origin, text)| (origin.as_str(), text.as_str()));
        let (source, parsed) = parse_parts(parts);
        if parsed.is_ok() {
            return Ok((source, parsed.script));
        }
        let diagnostics = parsed.diagnostics.into_iter().filter(|d| d.severity == Severity::Error).collect();
        Err(Failure { source, diagnostics })
    }
}

/// A text of the language in another spelling, statement by statement; a text that is not in the language stays as it is.
///
/// ```
/// use matgrad::{TextOptions, respell};
/// assert_eq!(respell("Phi in R^(N x D)", TextOptions::UNICODE), "Φ ∈ ℝ^(N × D)");
/// ```
pub fn respell(text: &str, options: TextOptions) -> String {
    let parsed = matgrad_syntax::parse(text);
    if !parsed.is_ok() {
        return text.to_owned();
    }
    let Script { ast, statements } = &parsed.script;
    let lines: Vec<String> =
        statements.iter().map(|statement| matgrad_render::statement_text(ast, &statement.kind, options)).collect();
    lines.join("; ")
}
