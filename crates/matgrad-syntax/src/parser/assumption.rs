//! Assumptions on signs: `assume x > 0`.

use super::{Outcome, Parser};
use crate::lexer::TokenKind::*;
use crate::{Attribute, Diagnostic, Span, Statement, StatementKind};

impl Parser<'_> {
    /// The sign of `assume x > 0`, where a statement is one.
    pub(super) fn assumed_sign(&self, start: usize, end: usize) -> Option<usize> {
        if self.kind(start) != Name || self.text(start) != "assume" || !self.token(start + 1).spaced {
            return None;
        }
        let mut at = start + 1;
        while at < end {
            match self.kind(at) {
                Eq | EqEq => return None,
                Greater | GreaterEq | Less | LessEq => return (at > start + 1).then_some(at),
                _ => at = self.skip(at, end),
            }
        }
        None
    }

    /// `assume x > 0`, `assume x >= 0`
    pub(super) fn sign_assumption(&mut self, start: usize, sign: usize, end: usize) -> Outcome<()> {
        let span = self.span_of(start, end);
        match self.kind(sign) {
            Greater => self.sign(start + 1, sign, end, Attribute::Positive, span),
            GreaterEq => self.sign(start + 1, sign, end, Attribute::Nonneg, span),
            _ => Err(Box::new(self.unfit_sign(span))),
        }
    }

    fn unfit_sign(&self, span: Span) -> Diagnostic {
        Diagnostic::error("assumption", span, "a sign is assumed of a declared variable, against 0")
            .help("write `assume x > 0` or `assume x >= 0`, after the declaration of `x`")
    }

    /// `assume x > 0`: an attribute of the declared variable.
    fn sign(&mut self, start: usize, sign: usize, end: usize, attribute: Attribute, span: Span) -> Outcome<()> {
        let at = start + usize::from(self.kind(start) == Backslash);
        if at + 1 != sign || self.kind(at) != Name || sign + 2 != end || self.text(sign + 1) != "0" {
            return Err(Box::new(self.unfit_sign(span)));
        }
        let name = self.ident(at).name;
        let found = self.statements.iter().position(|statement| {
            matches!(&statement.kind, StatementKind::Declaration { names, .. } if names.iter().any(|n| n.name == name))
        });
        let Some(found) = found else { return Err(Box::new(self.unfit_sign(span))) };
        let StatementKind::Declaration { names, shape, attributes } = &mut self.statements[found].kind else {
            return Ok(());
        };
        if attributes.iter().any(|(own, _)| *own == attribute) {
            return Ok(());
        }
        let mut own = attributes.clone();
        own.push((attribute, span));
        if let ([_], _) = (names.as_slice(), ()) {
            *attributes = own;
            return Ok(());
        }
        // a declaration of several names: this one gets its own
        let Some(k) = names.iter().position(|ident| ident.name == name) else { return Ok(()) };
        let ident = names.remove(k);
        let kind = StatementKind::Declaration { names: vec![ident], shape: shape.clone(), attributes: own };
        let span = self.statements[found].span;
        self.statements.insert(found + 1, Statement { kind, span });
        Ok(())
    }
}
