//! What is defined or asked for by an equation: `define z by G = 0`, `z = argmin[z] f`, `solve A*x = b for x`.

use super::statement::Form;
use super::{Outcome, Parser};
use crate::lexer::TokenKind::{self, *};
use crate::{Diagnostic, Equation, ExprId, ExprKind, Ident, ImplicitRule, Statement, StatementKind};

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
            "assume" if next.kind != Eq => {
                let equals = self.find_equals(start + 1, end).filter(|equals| *equals > start + 1)?;
                // `assume (a, b) = …` defines a function of this name
                let opens = matches!(next.kind, OpenParen | OpenSquare);
                let is_list = |at: usize| matches!(self.kind(at), Name | Comma);
                let parameters = opens && (start + 2..equals.saturating_sub(1)).all(is_list);
                (!parameters).then_some(Form::Assume { equals })
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

    /// `define z by LEFT = RIGHT`, `define z, w by LEFT = RIGHT, LEFT = RIGHT`: one statement for each unknown.
    pub(super) fn implicit(&mut self, start: usize, by: usize, end: usize) -> Outcome<()> {
        let names = self.variables(start + 1, by, None)?;
        let Some(first) = names.first() else { return Err(Box::new(self.expected(by, "a name"))) };
        if self.find_equals(by + 1, end).is_none() {
            let form = format!("`define {} by G = 0`", first.name);
            return Err(Box::new(self.expected(end, "`=` and the right side").help(format!("the form is {form}"))));
        }
        let mut equations = Vec::new();
        let mut from = by + 1;
        loop {
            let to = if names.len() == 1 { end } else { self.separator(from, end) };
            equations.push((self.equation(from, to)?, self.span_of(from, to)));
            if to >= end {
                break;
            }
            from = to + 1;
        }
        if equations.len() != names.len() {
            let (found, wanted) = (equations.len(), names.len());
            let count = if found == 1 { "is 1 equation".to_owned() } else { format!("are {found} equations") };
            let message = format!("there {count} for {wanted} unknown{}", if wanted == 1 { "" } else { "s" });
            let diagnostic = Diagnostic::error("syntax", self.span_of(start, end), message);
            return Err(Box::new(diagnostic.help("the form is `define z, w by G = 0, H = 0`")));
        }
        let order = self.assigned(&names, &equations.iter().map(|((l, r), _)| (*l, *r)).collect::<Vec<_>>());
        for (name, at) in names.into_iter().zip(order) {
            let Some(&((left, right), span)) = equations.get(at) else { continue };
            let span = if equations.len() == 1 { self.span_of(start, end) } else { span };
            let kind = StatementKind::Implicit { name, rule: ImplicitRule::Equation { left, right } };
            self.statements.push(Statement { kind, span });
        }
        Ok(())
    }

    /// Which equation stands for which unknown: in their order, or between unknowns of one declared shape in another in
    /// which each equation has its unknown in it.
    fn assigned(&self, names: &[Ident], equations: &[(ExprId, ExprId)]) -> Vec<usize> {
        let n = names.len();
        let plain: Vec<usize> = (0..n).collect();
        let declared = |name: &Ident| {
            self.statements.iter().find_map(|statement| match &statement.kind {
                StatementKind::Declaration { names, shape, .. } if names.iter().any(|own| own.name == name.name) => {
                    Some(shape)
                }
                _ => None,
            })
        };
        let mentions = |name: &Ident, (left, right): (ExprId, ExprId)| {
            let mut todo = vec![left, right];
            while let Some(id) = todo.pop() {
                if matches!(self.ast.kind(id), ExprKind::Name(own) if *own == name.name) {
                    return true;
                }
                self.ast.for_each_child(id, |child| todo.push(child));
            }
            false
        };
        let fits = |k: usize, at: usize| {
            mentions(&names[k], equations[at]) && (k == at || declared(&names[k]) == declared(&names[at]))
        };
        // augmenting paths, from the given order
        let mut of: Vec<Option<usize>> = vec![None; n];
        for k in 0..n {
            let mut seen = vec![false; n];
            // (unknown, next equation to try) on an explicit stack
            let mut path: Vec<(usize, usize)> = vec![(k, 0)];
            let mut chosen: Vec<usize> = Vec::new();
            let found = loop {
                let Some((unknown, next)) = path.last_mut() else { break false };
                // its own equation first
                let at = if *next == 0 { *unknown } else { *next - 1 };
                if *next > n {
                    path.pop();
                    chosen.pop();
                    continue;
                }
                *next += 1;
                let unknown = *unknown;
                if seen[at] || !fits(unknown, at) {
                    continue;
                }
                seen[at] = true;
                chosen.push(at);
                match of[at] {
                    None => break true,
                    Some(other) => path.push((other, 0)),
                }
            };
            if !found {
                return plain;
            }
            for ((unknown, _), at) in path.iter().zip(&chosen) {
                of[*at] = Some(*unknown);
            }
        }
        let mut order = plain.clone();
        for (at, unknown) in of.iter().enumerate() {
            if let Some(unknown) = unknown {
                order[*unknown] = at;
            }
        }
        order
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
