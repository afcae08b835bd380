//! What is defined or asked for by an equation: `define z by G = 0`, `z = argmin[z] f`, `solve A*x = b for x`.

use super::statement::Form;
use super::{Outcome, Parser};
use crate::lexer::TokenKind::{self, *};
use crate::{Diagnostic, Equation, ExprId, Ident, ImplicitRule, StatementKind};

/// The words that start an extremum, and whether it is a minimum.
const EXTREMA: [(&str, bool); 2] = [("argmin", true), ("argmax", false)];

impl Parser<'_> {
    /// Whether a statement is `define … by …` or `solve …`, and not a formula with variables of these names.
    pub(super) fn implicit_form(&self, start: usize, end: usize) -> Option<Form> {
        let next = self.token(start + 1);
        if self.kind(start) != Name || start + 1 >= end || !next.spaced {
            return None;
        }
        match self.text(start) {
            "define" if matches!(next.kind, Name | Backslash) => {
                self.find_word(start + 2, end, "by").map(|by| Form::Implicit { by })
            }
            "solve" if matches!(next.kind, Name | Number | OpenParen | OpenSquare | Minus | Backslash) => {
                let equation =
                    self.find_kind(start + 1, end, Eq).is_some() || self.find_kind(start + 1, end, EqEq).is_some();
                (equation || self.find_word(start + 1, end, "for").is_some()).then_some(Form::Solve)
            }
            "assume" if !matches!(next.kind, Eq | OpenParen | OpenSquare) => {
                let equals = self.find_equals(start + 1, end);
                equals.filter(|equals| *equals > start + 1).map(|equals| Form::Assume { equals })
            }
            _ => None,
        }
    }

    /// `assume LEFT = RIGHT`
    pub(super) fn assumption(&mut self, start: usize, equals: usize, end: usize) -> Outcome<StatementKind> {
        let left = self.expression(start + 1, equals)?;
        let right = self.expression(equals + 1, end)?;
        Ok(StatementKind::Assume { left, right })
    }

    /// Whether an extremum stands there: `argmin[z] …`, `argmin(f, z)`, `argmin f wrt z`, `argmin_z f`.
    pub(super) fn is_extremum(&self, at: usize, end: usize) -> bool {
        if at >= end || self.kind(at) != Name || self.extremum_word(at).is_none() || at + 1 >= end {
            return false;
        }
        let next = self.token(at + 1);
        matches!(next.kind, OpenSquare | OpenParen)
            || next.spaced && matches!(next.kind, Name | Number | Minus | Backslash)
    }

    /// An error of a statement in which an extremum stands where it cannot.
    pub(super) fn with_extremum_help(&self, (start, end): (usize, usize), form: Form, error: Diagnostic) -> Diagnostic {
        let misplaced = (start..end).any(|at| self.is_extremum(at, end) && self.kind(at + 1) == OpenSquare);
        if misplaced && !matches!(form, Form::Extremum { .. }) {
            return error.help("an extremum is a statement of its own: `z = argmin[z] f`");
        }
        error
    }

    /// Whether the word asks for a minimum, and how long it is without the variable of `argmin_z`.
    fn extremum_word(&self, at: usize) -> Option<(bool, usize)> {
        let text = self.text(at);
        EXTREMA.iter().find_map(|(word, minimum)| {
            let rest = text.strip_prefix(word)?;
            (rest.is_empty() || rest.len() > 1 && rest.starts_with('_')).then_some((*minimum, word.len()))
        })
    }

    fn find_kind(&self, start: usize, end: usize, kind: TokenKind) -> Option<usize> {
        let mut at = start;
        while at < end {
            if self.kind(at) == kind {
                return Some(at);
            }
            at = self.skip(at, end);
        }
        None
    }

    /// `=`, or `==` for it.
    fn find_equals(&self, start: usize, end: usize) -> Option<usize> {
        self.find_kind(start, end, Eq).or_else(|| self.find_kind(start, end, EqEq))
    }

    /// `define z by LEFT = RIGHT`
    pub(super) fn implicit(&mut self, start: usize, by: usize, end: usize) -> Outcome<StatementKind> {
        let names = self.variables(start + 1, by, None)?;
        let [name] = names.as_slice() else {
            let diagnostic = Diagnostic::error("syntax", self.span_of(start + 1, by), "one name is defined at a time");
            return Err(Box::new(diagnostic.help("put the unknowns into one vector: `z[1]` and `z[2]` of `z in R^2`")));
        };
        let Some(equals) = self.find_equals(by + 1, end) else {
            let form = format!("`define {} by G = 0`", name.name);
            return Err(Box::new(self.expected(end, "`=` and the right side").help(format!("the form is {form}"))));
        };
        let left = self.expression(by + 1, equals)?;
        let right = self.expression(equals + 1, end)?;
        Ok(StatementKind::Implicit { name: name.clone(), rule: ImplicitRule::Equation { left, right } })
    }

    /// `z = argmin[w] f(w, x)` in its spellings; the objective goes on to the end of the statement.
    pub(super) fn extremum(&mut self, start: usize, equals: usize, end: usize) -> Outcome<StatementKind> {
        let names = self.variables(start, equals, None);
        let name = match names.as_deref() {
            Ok([name]) => name.clone(),
            _ => {
                let span = self.span_of(start, equals);
                let diagnostic = Diagnostic::error("syntax", span, "an extremum defines one plain name");
                return Err(Box::new(
                    diagnostic.help("the form is `z = argmin[z] f`; it is a function of all other names in f"),
                ));
            }
        };
        let at = equals + 1;
        let (minimum, length) = self.extremum_word(at).unwrap_or((true, 6));
        let word = if minimum { "argmin" } else { "argmax" };
        let rest = &self.text(at)[length..];
        let (bound, from, to) = if let Some(variable) = rest.strip_prefix('_') {
            let span = self.token(at).span;
            (Ident { name: crate::normalize_name(variable), span }, at + 1, end)
        } else if self.kind(at + 1) == OpenSquare {
            let close = self.skip(at + 1, end);
            let bound = self.variables(at + 2, close.saturating_sub(1), None)?;
            let [bound] = bound.as_slice() else {
                let span = self.span_of(at + 1, close);
                let diagnostic = Diagnostic::error("syntax", span, format!("`{word}` is by one variable"));
                return Err(Box::new(
                    diagnostic.help("put the unknowns into one vector: `z[1]` and `z[2]` of `z in R^2`"),
                ));
            };
            (bound.clone(), close, end)
        } else if let Some(wrt) = self.find_word(at + 1, end, "wrt").or_else(|| self.find_word(at + 1, end, "over")) {
            let bound = self.variables(wrt + 1, end, None)?;
            (bound.first().cloned().unwrap_or_else(|| name.clone()), at + 1, wrt)
        } else if self.kind(at + 1) == OpenParen && self.skip(at + 1, end) == end {
            // `argmin(f, z)`, or `argmin(f)` by the name on the left
            match self.find_kind(at + 2, end - 1, Comma) {
                Some(comma) => {
                    let bound = self.variables(comma + 1, end - 1, None)?;
                    (bound.first().cloned().unwrap_or_else(|| name.clone()), at + 2, comma)
                }
                None => (name.clone(), at + 1, end),
            }
        } else {
            (name.clone(), at + 1, end)
        };
        if from >= to {
            let form = format!("`{} = {word}[{}] f`", name.name, bound.name);
            return Err(Box::new(self.expected(to, "an objective").help(format!("the form is {form}"))));
        }
        self.scope.push(bound.name.clone());
        let objective = self.expression(from, to)?;
        Ok(StatementKind::Implicit { name, rule: ImplicitRule::Extremum { minimum, bound, objective } })
    }

    /// `solve grad L wrt theta = 0`, `solve LEFT = RIGHT, … for X, Y`
    pub(super) fn solve(&mut self, start: usize, end: usize) -> Outcome<StatementKind> {
        let gradient = matches!(self.text(start + 1), "grad" | "diff" | "gradient") && self.kind(start + 1) == Name;
        if let (true, Some(wrt)) = (gradient, self.find_word(start + 2, end, "wrt")) {
            let equals = self.find_equals(wrt + 1, end);
            let unknowns = self.variables(wrt + 1, equals.unwrap_or(end), None)?;
            let Some(equals) = equals else { return Err(Box::new(self.expected(end, "`= 0`"))) };
            let function = self.expression(start + 2, wrt)?;
            let right = self.expression(equals + 1, end)?;
            return Ok(StatementKind::Solve { equations: vec![Equation::Gradient { function, right }], unknowns });
        }
        let Some(word) = self.find_word(start + 1, end, "for") else {
            let help = "the forms are `solve A*X = B for X` and `solve grad L wrt X = 0`";
            return Err(Box::new(self.expected(end, "`for` and the unknown").help(help)));
        };
        let unknowns = self.variables(word + 1, end, None)?;
        let mut equations = Vec::new();
        let mut from = start + 1;
        loop {
            let to = self.separator(from, word);
            let (left, right) = self.equation(from, to)?;
            equations.push(Equation::Equal { left, right });
            if to >= word {
                return Ok(StatementKind::Solve { equations, unknowns });
            }
            from = to + 1;
        }
    }

    /// The next `,` or `and` outside brackets.
    fn separator(&self, start: usize, end: usize) -> usize {
        let comma = self.find_kind(start, end, Comma).unwrap_or(end);
        self.find_word(start, end, "and").unwrap_or(end).min(comma)
    }

    fn equation(&mut self, start: usize, end: usize) -> Outcome<(ExprId, ExprId)> {
        let Some(equals) = self.find_equals(start, end) else {
            return Err(Box::new(self.expected(end, "`=` and the right side").help("an equation is `LEFT = RIGHT`")));
        };
        let left = self.expression(start, equals)?;
        let right = self.expression(equals + 1, end)?;
        Ok((left, right))
    }
}
