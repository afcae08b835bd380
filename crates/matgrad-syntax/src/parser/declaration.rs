//! Declarations `A, B in R^(m x n) symmetric` and abstract functions `f : R^2 -> R`.

use rustc_hash::FxHashMap;

use super::{Outcome, Parser};
use crate::lexer::TokenKind::*;
use crate::lexer::superscript;
use crate::normalize_name;
use crate::suggest::nearest;
use crate::{Attribute, Diagnostic, ExprId, ExprKind, Ident, Rational, Span, Statement, StatementKind};

impl Parser<'_> {
    /// One declaration, or several with a comma between them.
    pub(super) fn declarations(&mut self, start: usize, in_at: usize, end: usize) -> Outcome<()> {
        let (mut start, mut in_at) = (start, in_at);
        loop {
            let names = self.declared_names(start, in_at)?;
            let (shape, after) = self.space(in_at + 1, end)?;
            let (attributes, next) = self.attributes(after, end)?;
            let last = if next < end { next.saturating_sub(1) } else { end };
            let span = self.span_of(start, last);
            self.statements.push(Statement { kind: StatementKind::Declaration { names, shape, attributes }, span });
            if next >= end {
                return Ok(());
            }
            start = next;
            in_at = self.names_end(next, end);
        }
    }

    /// `a, b, c`
    fn declared_names(&mut self, start: usize, end: usize) -> Outcome<Vec<Ident>> {
        let mut names = Vec::new();
        let mut seen = FxHashMap::default();
        for at in start..end {
            if self.kind(at) == Name {
                let name = self.ident(at);
                self.refuse_twice(&mut seen, &name)?;
                names.push(name);
            }
        }
        Ok(names)
    }

    /// The words after a shape, up to the end or the next declaration.
    fn attributes(&mut self, start: usize, end: usize) -> Outcome<(Vec<(Attribute, Span)>, usize)> {
        let mut attributes: Vec<(Attribute, Span)> = Vec::new();
        let mut at = start;
        while at < end {
            if self.kind(at) == Comma {
                at += 1;
                if at < end && (self.kind(at) != Name || Attribute::find(self.text(at)).is_none()) {
                    let names_end = self.names_end(at, end);
                    if names_end > at && names_end < end && self.is_in(names_end) {
                        return Ok((attributes, at));
                    }
                }
            }
            if at >= end || self.kind(at) != Name {
                return Err(Box::new(self.after_shape(at.min(end), start)));
            }
            let (text, span) = (self.text(at), self.token(at).span);
            let Some(attribute) = Attribute::find(text) else {
                return Err(Box::new(self.unknown_attribute(at, start)));
            };
            if !attributes.iter().any(|(other, _)| *other == attribute) {
                attributes.push((attribute, span));
            }
            at += 1;
        }
        Ok((attributes, end))
    }

    fn after_shape(&self, at: usize, shape_end: usize) -> Diagnostic {
        let diagnostic = self.expected(at, "an attribute or the end of the declaration");
        let operator = matches!(self.kind(at), Plus | Minus | Star | Slash | Caret | Times | OpenParen);
        if operator && at == shape_end {
            return diagnostic.help("a dimension that is an expression needs brackets: `R^(n+1)`, `R^(m x n)`");
        }
        diagnostic
    }

    fn unknown_attribute(&self, at: usize, shape_end: usize) -> Diagnostic {
        let text = self.text(at);
        let span = self.token(at).span;
        if at == shape_end && text.starts_with('x') {
            return Diagnostic::error("syntax", span, "a shape of two dimensions needs brackets")
                .help("write `R^(m x n)`");
        }
        let diagnostic = Diagnostic::error("unknown-attribute", span, format!("unknown attribute `{text}`"));
        let meant = match text {
            "sym" | "hermitian" => Some("symmetric"),
            "spd" | "definite" => Some("pd"),
            "semidefinite" => Some("psd"),
            "orthonormal" | "unitary" => Some("orthogonal"),
            "antisymmetric" => Some("skew"),
            "nonnegative" => Some("nonneg"),
            _ => nearest(text, Attribute::ALL.map(Attribute::name)),
        };
        match meant {
            Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
            None => {
                let names = Attribute::ALL.map(Attribute::name).join(" ");
                diagnostic.help(format!("the attributes are: {names}"))
            }
        }
    }

    /// `f, g : R^2 -> R`
    pub(super) fn abstract_functions(&mut self, start: usize, colon: usize, end: usize) -> Outcome<()> {
        let names = self.declared_names(start, colon)?;
        let (domain, arrow) = self.space(colon + 1, end)?;
        if arrow >= end || self.kind(arrow) != Arrow {
            return self.fail(arrow, "`->`");
        }
        let (codomain, after) = self.space(arrow + 1, end)?;
        if after < end {
            return self.fail(after, "the end of the declaration");
        }
        let span = self.span_of(start, end);
        for name in names {
            let kind = StatementKind::Abstract { name, domain: domain.clone(), codomain: codomain.clone() };
            self.statements.push(Statement { kind, span });
        }
        Ok(())
    }

    /// `R`, `R^n`, `R^(m x n)`, `ℝⁿ`: the dimensions and the token after.
    fn space(&mut self, at: usize, end: usize) -> Outcome<(Vec<ExprId>, usize)> {
        if at >= end || self.kind(at) != Name || !matches!(self.text(at), "R" | "ℝ") {
            let diagnostic = self.expected(at.min(end), "`R`, `R^n` or `R^(m x n)`");
            return Err(Box::new(diagnostic));
        }
        let at = at + 1;
        if at >= end {
            return Ok((Vec::new(), at));
        }
        match self.kind(at) {
            Superscript => Ok((self.raised_dimensions(at)?, at + 1)),
            Caret => self.power_dimensions(at + 1, end),
            _ => Ok((Vec::new(), at)),
        }
    }

    fn power_dimensions(&mut self, at: usize, end: usize) -> Outcome<(Vec<ExprId>, usize)> {
        if at >= end {
            return self.fail(end, "a dimension");
        }
        match (self.kind(at), self.token(at).mate) {
            (OpenParen | OpenBrace, Some(close)) => {
                let close = close as usize;
                Ok((self.dimensions(at + 1, close)?, close + 1))
            }
            (OpenParen | OpenBrace, None) => Err(Box::new(self.unclosed(at))),
            (Number | Name, _) => {
                let mut after = at + 1;
                // `R^2x3`
                if self.kind(at) == Number && self.kind(after) == Name && !self.token(after).spaced {
                    after += 1;
                }
                Ok((self.dimensions(at, after)?, after))
            }
            (Backslash, _) if self.kind(at + 1) == Name => Ok((self.dimensions(at, at + 2)?, at + 2)),
            _ => self.fail(at, "a dimension"),
        }
    }

    /// `m x n x p`: an `x` or `×` after a dimension separates.
    fn dimensions(&mut self, start: usize, end: usize) -> Outcome<Vec<ExprId>> {
        let mut dimensions = Vec::new();
        let mut first = start;
        let mut at = start;
        while at < end {
            let separates = match self.kind(at) {
                Times => true,
                Name => self.text(at) == "x" && at > first && self.ends_operand(at - 1),
                Comma => {
                    return Err(Box::new(self.expected(at, "`x` between dimensions").help("write `R^(m x n)`")));
                }
                _ => false,
            };
            if separates {
                self.dimension(first, at, &mut dimensions)?;
                first = at + 1;
                at += 1;
            } else {
                at = self.skip(at, end);
            }
        }
        self.dimension(first, end, &mut dimensions)?;
        Ok(dimensions)
    }

    fn ends_operand(&self, at: usize) -> bool {
        matches!(self.kind(at), Number | Name | CloseParen | Superscript)
    }

    fn dimension(&mut self, start: usize, end: usize, dimensions: &mut Vec<ExprId>) -> Outcome<()> {
        if start >= end {
            return self.fail(end, "a dimension");
        }
        let tight = (start + 1..end).all(|at| !self.token(at).spaced && matches!(self.kind(at), Number | Name));
        if tight && end - start <= 2 {
            let span = self.span_of(start, end);
            if let Some(parts) = split_tight(span.text(self.source)) {
                for part in parts {
                    dimensions.push(self.plain_dimension(part, span));
                }
                return Ok(());
            }
        }
        dimensions.push(self.expression(start, end)?);
        Ok(())
    }

    fn plain_dimension(&mut self, text: &str, span: Span) -> ExprId {
        let kind = match Rational::parse_decimal(text) {
            Some(value) => ExprKind::Number(value),
            None => ExprKind::Name(normalize_name(text)),
        };
        self.ast.push(kind, span)
    }

    /// `ℝⁿ`, `ℝ²ˣ³`, `ℝᵐˣⁿ`
    fn raised_dimensions(&mut self, at: usize) -> Outcome<Vec<ExprId>> {
        let span = self.token(at).span;
        let text: String = self.text(at).chars().filter_map(superscript).collect();
        let mut dimensions = Vec::new();
        for part in text.split('x') {
            let number = part.chars().all(|c| c.is_ascii_digit());
            let name = part.chars().count() == 1 && part.chars().all(char::is_alphabetic);
            if part.is_empty() || !(number || name) {
                return self.fail(at, "a dimension");
            }
            dimensions.push(self.plain_dimension(part, span));
        }
        Ok(dimensions)
    }
}

/// `2x3`, `mxn`, `nx3`: dimensions of digits or single letters with nothing but an `x` between them.
fn split_tight(text: &str) -> Option<Vec<&str>> {
    let plain = |part: &&str| {
        let mut chars = part.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => c.is_ascii_alphanumeric(),
            (Some(_), Some(_)) => part.bytes().all(|b| b.is_ascii_digit()),
            (None, _) => false,
        }
    };
    let parts: Vec<&str> = text.split('x').collect();
    (parts.len() > 1 && parts.iter().all(plain)).then_some(parts)
}
