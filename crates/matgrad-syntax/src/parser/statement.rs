//! What kind a statement is, and definitions.

use rustc_hash::FxHashMap;

use super::{Outcome, Parser};
use crate::Name as Spelling;
use crate::lexer::TokenKind::*;
use crate::{Diagnostic, Ident, IndexBinder, Parameters, Span, Statement, StatementKind};

/// The kind of a statement, known from a glance at its tokens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Form {
    Query,
    Sign {
        sign: usize,
    },
    /// `solve …`
    Solve,
    /// `define z by …`
    Implicit {
        by: usize,
    },
    /// `assume … = …`
    Assume {
        equals: usize,
    },
    /// `z = argmin …`
    Extremum {
        equals: usize,
    },
    Abstract {
        colon: usize,
    },
    Declaration {
        in_at: usize,
    },
    Definition {
        equals: usize,
    },
    /// `L == …` where `=` was meant
    Equality {
        equals: usize,
    },
    Expression,
}

impl Parser<'_> {
    /// The token ranges of the statements that are not empty.
    pub(super) fn split(&self) -> Vec<((usize, usize), Form)> {
        let mut statements = Vec::new();
        let mut start = 0;
        for at in 0..self.tokens.len() {
            if self.kind(at) == End {
                if at > start {
                    statements.push(((start, at), self.form(start, at)));
                }
                start = at + 1;
            }
        }
        statements
    }

    fn form(&self, start: usize, end: usize) -> Form {
        if self.is_query(start, end) {
            return Form::Query;
        }
        if let Some(sign) = self.assumed_sign(start, end) {
            return Form::Sign { sign };
        }
        if let Some(form) = self.implicit_form(start, end) {
            return form;
        }
        let names_end = self.names_end(start, end);
        if names_end > start && names_end < end && self.is_in(names_end) {
            return Form::Declaration { in_at: names_end };
        }
        let mut equality = None;
        let mut at = start;
        while at < end {
            match self.kind(at) {
                Arrow if names_end > start && self.kind(names_end) == Colon => {
                    return Form::Abstract { colon: names_end };
                }
                Eq if self.is_extremum(at + 1, end) => return Form::Extremum { equals: at },
                Eq => return Form::Definition { equals: at },
                EqEq if equality.is_none() => equality = Some(at),
                _ => {}
            }
            at = self.skip(at, end);
        }
        match equality {
            Some(equals) if self.is_left_side(start, equals) => Form::Equality { equals },
            _ => Form::Expression,
        }
    }

    /// The token after this one, or after its mate.
    pub(super) fn skip(&self, at: usize, end: usize) -> usize {
        match self.token(at).mate {
            Some(mate) if mate as usize > at => (mate as usize + 1).min(end),
            _ => at + 1,
        }
    }

    /// The end of `a, b, c` at the start of a statement.
    pub(super) fn names_end(&self, start: usize, end: usize) -> usize {
        let mut at = start;
        loop {
            let name = at + usize::from(self.kind(at) == Backslash);
            if name >= end || self.kind(name) != Name {
                return start;
            }
            at = name + 1;
            if at >= end || self.kind(at) != Comma {
                return at;
            }
            at += 1;
        }
    }

    /// Whether a name, perhaps with parameters or indices, stands there and nothing else.
    fn is_left_side(&self, start: usize, end: usize) -> bool {
        let start = start + usize::from(self.kind(start) == Backslash);
        self.kind(start) == Name
            && (start + 1 == end
                || (matches!(self.kind(start + 1), OpenParen | OpenSquare)
                    && !self.token(start + 1).spaced
                    && self.skip(start + 1, end) == end))
    }

    /// Whether a declared name stands there.
    fn is_variable(&self, start: usize) -> bool {
        let at = start + usize::from(self.kind(start) == Backslash);
        self.symbols.variables.iter().any(|name| **name == *self.text(at))
    }

    pub(super) fn statement(&mut self, (start, end): (usize, usize), form: Form) -> Outcome<()> {
        let kind = match form {
            Form::Query => self.query(start, end)?,
            Form::Sign { sign } => return self.sign_assumption(start, sign, end),
            Form::Solve => self.solve(start, end)?,
            Form::Implicit { by } => return self.implicit(start, by, end),
            Form::Assume { equals } => self.assumption(start, equals, end)?,
            Form::Extremum { equals } => self.extremum(start, equals, end)?,
            Form::Abstract { colon } => return self.abstract_functions(start, colon, end),
            Form::Declaration { in_at } => return self.declarations(start, in_at, end),
            Form::Definition { equals } => self.definition(start, equals, end)?,
            Form::Equality { .. } if self.is_variable(start) => StatementKind::Expression(self.expression(start, end)?),
            Form::Equality { equals } => {
                let text = self.span_of(start, equals).text(self.source);
                return Err(Box::new(
                    Diagnostic::error("syntax", self.token(equals).span, "`==` compares and defines nothing")
                        .help(format!("a definition has one `=`: `{text} = …`")),
                ));
            }
            Form::Expression => StatementKind::Expression(self.expression(start, end)?),
        };
        let span = self.span_of(start, end);
        self.statements.push(Statement { kind, span });
        Ok(())
    }

    fn definition(&mut self, start: usize, equals: usize, end: usize) -> Outcome<StatementKind> {
        if !self.is_left_side(start, equals) {
            return Err(Box::new(self.bad_left_side(start, equals)));
        }
        let name_at = start + usize::from(self.kind(start) == Backslash);
        let name = self.ident(name_at);
        let (first, last) = (name_at + 2, equals.saturating_sub(1));
        let parameters = match self.kind(name_at + 1) {
            OpenParen => Parameters::Function(self.parameter_names(first, last)?),
            OpenSquare => Parameters::Index(self.index_binders(first, last)?),
            _ => Parameters::None,
        };
        match &parameters {
            Parameters::None => {}
            Parameters::Function(names) => self.scope.extend(names.iter().map(|ident| ident.name.clone())),
            Parameters::Index(binders) => self.scope.extend(binders.iter().map(|binder| binder.name.clone())),
        }
        let body = self.expression(equals + 1, end)?;
        Ok(StatementKind::Definition { name, parameters, body })
    }

    fn bad_left_side(&self, start: usize, equals: usize) -> Diagnostic {
        let span = if equals > start { self.span_of(start, equals) } else { self.token(equals).span };
        let diagnostic = Diagnostic::error("syntax", span, "expected a name before `=`")
            .help("a definition is `L = …`, `g(t) = …` or `K[i,j] = …`; a comparison is written `==`");
        match self.text(start) {
            "let" | "const" | "var" | "def" | "define" => {
                diagnostic.label(self.token(start).span, "no keyword is needed for a definition")
            }
            _ => diagnostic,
        }
    }

    /// `t` or `u, v`
    fn parameter_names(&mut self, start: usize, end: usize) -> Outcome<Vec<Ident>> {
        let mut names = Vec::new();
        let mut seen = FxHashMap::default();
        let mut at = start;
        loop {
            at += usize::from(self.kind(at) == Backslash);
            if at >= end || self.kind(at) != Name {
                return self.fail(at.min(end), "the name of a parameter");
            }
            let name = self.ident(at);
            self.refuse_twice(&mut seen, &name)?;
            names.push(name);
            at += 1;
            if at >= end {
                return Ok(names);
            }
            if self.kind(at) != Comma {
                return self.fail(at, "`,` or `)`");
            }
            at += 1;
        }
    }

    /// `p, q` or `i:m, j:n`
    fn index_binders(&mut self, start: usize, end: usize) -> Outcome<Vec<IndexBinder>> {
        let mut binders = Vec::new();
        let mut seen = FxHashMap::default();
        let mut at = start;
        loop {
            at += usize::from(self.kind(at) == Backslash);
            if at >= end || self.kind(at) != Name {
                return self.fail(at.min(end), "the name of an index");
            }
            let name = self.ident(at);
            self.refuse_twice(&mut seen, &name)?;
            at += 1;
            let mut range = None;
            if at < end && self.kind(at) == Colon {
                let mut stop = at + 1;
                while stop < end && self.kind(stop) != Comma {
                    stop = self.skip(stop, end);
                }
                range = Some(self.expression(at + 1, stop)?);
                at = stop;
            }
            binders.push(IndexBinder { name: name.name, span: name.span, range });
            if at >= end {
                return Ok(binders);
            }
            if self.kind(at) != Comma {
                return self.fail(at, "`,`, `:` or `]`");
            }
            at += 1;
        }
    }

    pub(super) fn refuse_twice(&self, seen: &mut FxHashMap<Spelling, Span>, ident: &Ident) -> Outcome<()> {
        match seen.insert(ident.name.clone(), ident.span) {
            None => Ok(()),
            Some(first) => Err(Box::new(
                Diagnostic::error("duplicate-name", ident.span, format!("`{}` stands here twice", ident.name))
                    .label(first, "the first time"),
            )),
        }
    }

    pub(super) fn ident(&mut self, at: usize) -> Ident {
        let name = self.name(at);
        Ident { name, span: self.token(at).span }
    }
}
