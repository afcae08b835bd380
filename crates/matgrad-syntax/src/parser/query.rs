//! Queries: `diff F wrt X` and its kin.

use super::{Outcome, Parser};
use crate::lexer::TokenKind::*;
use crate::{Diagnostic, Ident, QueryKind, StatementKind};

impl Parser<'_> {
    /// Whether a statement starts with a query's verb and is not a formula with a variable of that name.
    pub(super) fn is_query(&self, start: usize, end: usize) -> bool {
        if self.kind(start) != Name || QueryKind::find(self.text(start)).is_none() {
            return false;
        }
        let next = self.token(start + 1);
        start + 1 == end
            || self.find_word(start + 1, end, "wrt").is_some()
            || (next.spaced && matches!(next.kind, Name | Number | OpenParen | OpenSquare))
    }

    /// The first place of a word outside brackets.
    pub(super) fn find_word(&self, start: usize, end: usize, word: &str) -> Option<usize> {
        let mut at = start;
        while at < end {
            if self.kind(at) == Name && self.text(at) == word {
                return Some(at);
            }
            at = self.skip(at, end);
        }
        None
    }

    pub(super) fn query(&mut self, start: usize, end: usize) -> Outcome<StatementKind> {
        let kind = QueryKind::find(self.text(start)).unwrap_or(QueryKind::Diff);
        let Some(wrt_at) = self.find_word(start + 1, end, "wrt") else {
            return Err(Box::new(
                self.expected(end, "`wrt` and a variable").help(format!("a query is `{} F wrt X`", kind.name())),
            ));
        };
        let function = self.expression(start + 1, wrt_at)?;
        let word = match kind {
            QueryKind::Directional => Some("along"),
            QueryKind::Linearize => Some("at"),
            QueryKind::Check => Some("is"),
            _ => None,
        };
        let word_at = word.and_then(|word| self.find_word(wrt_at + 1, end, word));
        let wrt = self.variables(wrt_at + 1, word_at.unwrap_or(end), word.filter(|_| word_at.is_none()))?;
        let argument = match (word, word_at) {
            (Some(_), Some(word_at)) => Some(self.expression(word_at + 1, end)?),
            (Some(word), None) => {
                let form = format!("`{} F wrt X {word} …`", kind.name());
                return Err(Box::new(
                    self.expected(end, &format!("`{word}` and an expression")).help(format!("the form is {form}")),
                ));
            }
            (None, _) => None,
        };
        Ok(StatementKind::Query { kind, function, wrt, argument })
    }

    /// `X` or `X, Y`; `word` may follow where it was not found.
    pub(super) fn variables(&mut self, start: usize, end: usize, word: Option<&str>) -> Outcome<Vec<Ident>> {
        let mut names = Vec::new();
        let mut at = start;
        loop {
            at += usize::from(self.kind(at) == Backslash);
            if at >= end || self.kind(at) != Name {
                return self.fail(at.min(end), "the name of a variable");
            }
            names.push(self.ident(at));
            at += 1;
            if at >= end {
                return Ok(names);
            }
            if self.kind(at) != Comma {
                return Err(Box::new(self.after_variable(at, word)));
            }
            at += 1;
        }
    }

    fn after_variable(&self, at: usize, word: Option<&str>) -> Diagnostic {
        let expected = match word {
            Some(word) => format!("`,` or `{word}`"),
            None => "`,` or the end of the query".to_owned(),
        };
        let diagnostic = self.expected(at, &expected);
        match self.text(at) {
            "along" => diagnostic.help("a direction goes with `directional F wrt X along U`"),
            "at" => diagnostic.help("a point goes with `linearize F wrt X at X0`"),
            "is" => diagnostic.help("a claim goes with `check F wrt X is CLAIM`"),
            _ => diagnostic,
        }
    }
}
