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
                self.expected(end, "`wrt` and a variable").help(format!("a query is `{}`", kind.form())),
            ));
        };
        let (end, order) = self.order(kind, wrt_at + 1, end)?;
        if kind == QueryKind::Pushforward {
            return self.pushforward((start, wrt_at, end), order);
        }
        let mut first = start + 1;
        let mut inner = Vec::new();
        while let Some(operator) = self.inner_operator(kind, first, wrt_at) {
            inner.push(operator);
            first += 1;
        }
        let function = self.expression(first, wrt_at)?;
        let word = kind.argument_word();
        let word_at = word.and_then(|word| self.find_word(wrt_at + 1, end, word));
        let wrt = self.variables(wrt_at + 1, word_at.unwrap_or(end), word.filter(|_| word_at.is_none()))?;
        let argument = match (word, word_at) {
            (Some(_), Some(word_at)) => Some(self.expression(word_at + 1, end)?),
            (Some(word), None) => {
                return Err(Box::new(
                    self.expected(end, &format!("`{word}` and an expression"))
                        .help(format!("the form is `{}`", kind.form())),
                ));
            }
            (None, _) => None,
        };
        Ok(StatementKind::Query { kind, inner, function, wrt, argument, order })
    }

    /// `curl` in `div curl F wrt x`: an operator with an operand behind it.
    fn inner_operator(&self, kind: QueryKind, at: usize, end: usize) -> Option<QueryKind> {
        if !kind.is_operator() || at + 1 >= end || self.kind(at) != Name {
            return None;
        }
        let next = self.token(at + 1);
        let operand = matches!(next.kind, Name | Number | OpenParen | OpenSquare | Backslash);
        QueryKind::find(self.text(at)).filter(|kind| kind.is_operator() && next.spaced && operand)
    }

    /// `order K` at the end of a query: where the rest ends, and K.
    fn order(&mut self, kind: QueryKind, start: usize, end: usize) -> Outcome<(usize, Option<u8>)> {
        // the word alone may be the name of the variable
        let Some(at) = self.find_word(start + 1, end, "order") else { return Ok((end, None)) };
        if !kind.takes_order() {
            return Err(Box::new(
                self.expected(at, "the end of the query")
                    .help("an order goes with `diff F wrt X order 2`, `taylor`, `differential` and `directional`"),
            ));
        }
        if kind == QueryKind::Check && at + 2 != end {
            return Ok((end, None)); // a name in the claim
        }
        let number = (at + 2 == end && self.kind(at + 1) == Number).then(|| self.text(at + 1).parse().ok()).flatten();
        match number {
            Some(order) => Ok((at, Some(order))),
            None => Err(Box::new(
                self.expected((at + 1).min(end), "a whole number").help("the order is a small whole number"),
            )),
        }
    }

    /// `pushforward p along F wrt x`: the map is the function, the density its argument.
    fn pushforward(
        &mut self,
        (start, wrt_at, end): (usize, usize, usize),
        order: Option<u8>,
    ) -> Outcome<StatementKind> {
        let kind = QueryKind::Pushforward;
        let Some(along_at) = self.find_word(start + 1, wrt_at, "along") else {
            return Err(Box::new(
                self.expected(wrt_at, "`along` and a map").help(format!("the form is `{}`", kind.form())),
            ));
        };
        let density = self.expression(start + 1, along_at)?;
        let function = self.expression(along_at + 1, wrt_at)?;
        let wrt = self.variables(wrt_at + 1, end, None)?;
        Ok(StatementKind::Query { kind, inner: Vec::new(), function, wrt, argument: Some(density), order })
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
