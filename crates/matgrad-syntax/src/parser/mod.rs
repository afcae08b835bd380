//! Tokens to statements. Every statement is parsed on its own, so that one run reports the errors of all of them.

mod assumption;
mod atom;
mod close;
mod declaration;
mod expression;
mod implicit;
mod query;
mod statement;
mod symbols;

use rustc_hash::FxHashMap;

use crate::lexer::{MAX_SOURCE, Token, TokenKind, lex};
use crate::source::Source;
use crate::{Ast, Diagnostic, Name, Script, Span, Statement, normalize_name};
use symbols::Symbols;

/// What parsing gives: all statements that could be read, and everything found on the way.
#[derive(Clone, Debug, Default)]
pub struct Parsed {
    /// The statements.
    pub script: Script,
    /// Errors and warnings in the order of the text.
    pub diagnostics: Vec<Diagnostic>,
}

impl Parsed {
    /// Whether the source is in the language.
    pub fn is_ok(&self) -> bool {
        !self.diagnostics.iter().any(|diagnostic| diagnostic.severity == crate::Severity::Error)
    }
}

/// Parses a script or a single expression. Never fails: see [`Parsed::diagnostics`].
///
/// ```
/// let parsed = matgrad_syntax::parse("A in R^(m x n)\nL = norm(A*x)^2");
/// assert!(parsed.is_ok());
/// assert_eq!(parsed.script.statements.len(), 2);
/// ```
pub fn parse(source: &str) -> Parsed {
    if source.len() > MAX_SOURCE {
        let message = format!("the source has {} bytes, the limit is {MAX_SOURCE}", source.len());
        let diagnostics = vec![Diagnostic::error("limit", Span::new(0, 0), message)];
        return Parsed { script: Script::default(), diagnostics };
    }
    let mut diagnostics = Vec::new();
    let tokens = lex(source, &mut diagnostics);
    let mut parser = Parser {
        source,
        tokens,
        symbols: Symbols::default(),
        scope: Vec::new(),
        names: FxHashMap::default(),
        ast: Ast::new(),
        statements: Vec::new(),
        diagnostics,
    };
    parser.script();
    let mut diagnostics = parser.diagnostics;
    diagnostics.sort_by_key(|diagnostic| diagnostic.span.start);
    Parsed { script: Script { ast: parser.ast, statements: parser.statements }, diagnostics }
}

/// Parses texts that belong together, such as the declarations of a command line and its expression, each with the
/// name of where it comes from. Spans refer to [`Source::text`].
///
/// ```
/// let (source, parsed) = matgrad_syntax::parse_parts([("--declare", "f : R -> R"), ("expression", "f(t)")]);
/// assert!(parsed.is_ok());
/// assert_eq!(source.place(11).origin, "expression");
/// ```
pub fn parse_parts<'a>(parts: impl IntoIterator<Item = (&'a str, &'a str)>) -> (Source, Parsed) {
    let source = Source::join(parts);
    let parsed = parse(source.text());
    (source, parsed)
}

/// An error that ends its statement.
type Failure = Box<Diagnostic>;
type Outcome<T> = Result<T, Failure>;

struct Parser<'s> {
    source: &'s str,
    tokens: Vec<Token>,
    symbols: Symbols,
    /// Parameters and indices of the definition that is read.
    scope: Vec<Name>,
    names: FxHashMap<&'s str, Name>,
    ast: Ast,
    statements: Vec<Statement>,
    diagnostics: Vec<Diagnostic>,
}

impl<'s> Parser<'s> {
    fn script(&mut self) {
        let statements = self.split();
        self.collect_symbols(&statements);
        let unreadable: Vec<u32> = self.diagnostics.iter().map(|diagnostic| diagnostic.span.start).collect();
        for (range, form) in statements {
            let span = self.span_of(range.0, range.1);
            // what follows from an unreadable character would only repeat it
            let next = unreadable.partition_point(|at| *at < span.start);
            if unreadable.get(next).is_some_and(|at| *at <= span.end) {
                continue;
            }
            if let Err(failure) = self.statement(range, form) {
                let failure = self.with_extremum_help(range, form, *failure);
                self.diagnostics.push(failure);
            }
            self.scope.clear();
        }
    }

    fn token(&self, at: usize) -> Token {
        let end = Span::new(self.source.len(), self.source.len());
        let last = Token { kind: TokenKind::End, spaced: false, span: end, mate: None };
        self.tokens.get(at).copied().unwrap_or(last)
    }

    fn kind(&self, at: usize) -> TokenKind {
        self.token(at).kind
    }

    fn text(&self, at: usize) -> &'s str {
        self.token(at).span.text(self.source)
    }

    /// From the first to the last token of `start..end`.
    fn span_of(&self, start: usize, end: usize) -> Span {
        let first = self.token(start).span;
        if end > start { first.join(self.token(end - 1).span) } else { Span { start: first.start, end: first.start } }
    }

    /// The name that a token spells.
    fn name(&mut self, at: usize) -> Name {
        let text = self.text(at);
        self.names.entry(text).or_insert_with(|| normalize_name(text)).clone()
    }

    /// How a message calls a token.
    fn describe(&self, at: usize) -> String {
        match self.kind(at) {
            TokenKind::End if self.text(at).starts_with(';') => "`;`".to_owned(),
            TokenKind::End if at + 1 >= self.tokens.len() => "the end".to_owned(),
            TokenKind::End => "the end of the line".to_owned(),
            _ => {
                let text = self.text(at);
                if text.chars().count() > 40 {
                    format!("`{}…`", text.chars().take(40).collect::<String>())
                } else {
                    format!("`{text}`")
                }
            }
        }
    }

    /// Where to point at a token: at a statement's end, just behind what stands before it.
    fn pointer(&self, at: usize) -> Span {
        match (self.kind(at), at.checked_sub(1)) {
            (TokenKind::End, Some(before)) if self.kind(before) != TokenKind::End => {
                let end = self.token(before).span.end;
                Span { start: end, end }
            }
            (TokenKind::End, _) => {
                let start = self.token(at).span.start;
                Span { start, end: start }
            }
            _ => self.token(at).span,
        }
    }

    fn fail<T>(&self, at: usize, expected: &str) -> Outcome<T> {
        Err(Box::new(self.expected(at, expected)))
    }

    fn expected(&self, at: usize, expected: &str) -> Diagnostic {
        let message = format!("expected {expected}, found {}", self.describe(at));
        Diagnostic::error("syntax", self.pointer(at), message)
    }
}

#[cfg(test)]
mod tests;
