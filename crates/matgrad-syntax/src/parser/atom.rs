//! What can stand at the place of an operand.

use super::expression::{Frame, Header, Item, Machine};
use super::{Outcome, Parser};
use crate::Name as Spelling;
use crate::lexer::TokenKind::*;
use crate::{Diagnostic, ExprKind, IndexBinder, Rational, Reducer, Span, Subscript, functions};

/// Literals with more digits are refused.
const MAX_DIGITS: usize = 4000;
/// Reductions over more indices are refused.
const MAX_INDICES: usize = 256;

impl Parser<'_> {
    /// Signs and opening brackets up to the next operand, and that operand.
    pub(super) fn operand(&mut self, m: &mut Machine) -> Outcome<()> {
        loop {
            if m.at >= m.end {
                return Err(Box::new(self.no_operand(m)));
            }
            let token = self.token(m.at);
            match token.kind {
                Number => {
                    let value = self.number(m.at)?;
                    self.push(m, ExprKind::Number(value), token.span);
                    m.at += 1;
                    return Ok(());
                }
                Name => {
                    if self.name_operand(m)? {
                        return Ok(());
                    }
                }
                Backslash if self.kind(m.at + 1) == Name && m.at + 1 < m.end => {
                    m.at += 1;
                    if self.name_operand(m)? {
                        return Ok(());
                    }
                }
                Minus => {
                    m.stack.push(Item::Negation(token.span));
                    m.at += 1;
                }
                Plus => m.at += 1,
                OpenParen => {
                    m.stack.push(Item::Open(Frame::Paren { open: m.at }));
                    m.at += 1;
                }
                OpenSquare => {
                    let frame = Frame::Literal { open: m.at, base: m.operands.len(), row_ends: Vec::new() };
                    m.stack.push(Item::Open(frame));
                    m.at += 1;
                }
                Colon if matches!(m.frame(), Some(Frame::Index { from: None, .. })) => {
                    if self.all_subscript(m)? {
                        return Ok(());
                    }
                }
                CloseParen | CloseSquare if self.close_empty(m)? => return Ok(()),
                _ => return Err(Box::new(self.no_operand(m))),
            }
        }
    }

    pub(super) fn push(&mut self, m: &mut Machine, kind: ExprKind, span: Span) {
        let id = self.ast.push(kind, span);
        m.operands.push((id, span));
    }

    fn number(&self, at: usize) -> Outcome<Rational> {
        let text = self.text(at);
        match Rational::parse_decimal(text) {
            Some(value) if text.len() <= MAX_DIGITS => Ok(value),
            _ => {
                let message = format!("this number has more than {MAX_DIGITS} digits");
                Err(Box::new(Diagnostic::error("limit", self.token(at).span, message)))
            }
        }
    }

    /// A name, or the opening of a call or of a reduction; true where an operand is complete.
    fn name_operand(&mut self, m: &mut Machine) -> Outcome<bool> {
        let at = m.at;
        let name = self.name(at);
        let span = self.token(at).span;
        if let Some(op) = Reducer::find(&name)
            && self.opens_header(m, &name)
        {
            m.at += 2;
            let header = Header { open: at + 1, op, span, indices: Vec::new() };
            self.header(m, header)?;
            return Ok(false);
        }
        if let Some((function, derivative, open)) = self.derivative(at, m.end, &name) {
            self.open_call(m, function, span, derivative, open);
            return Ok(false);
        }
        if at + 1 < m.end && self.kind(at + 1) == OpenParen {
            let tight = !self.token(at + 1).spaced;
            if tight || (self.symbols.is_function(&name) && !self.scope.contains(&name)) {
                self.check_function(&name, span);
                self.open_call(m, name, span, Vec::new(), at + 1);
                return Ok(false);
            }
        }
        self.push(m, ExprKind::Name(name), span);
        m.at += 1;
        Ok(true)
    }

    fn open_call(&mut self, m: &mut Machine, function: Spelling, span: Span, derivative: Vec<u8>, open: usize) {
        let base = m.operands.len();
        m.stack.push(Item::Open(Frame::Call { open, function, span, derivative, base }));
        m.at = open + 1;
    }

    /// `r'(`, `f_12'(`: the function, the positions and the bracket.
    fn derivative(&self, at: usize, end: usize, name: &Spelling) -> Option<(Spelling, Vec<u8>, usize)> {
        if at + 1 >= end || self.kind(at + 1) != Quote || self.symbols.abstracts.is_empty() {
            return None;
        }
        let mut open = at + 1;
        while open < end && self.kind(open) == Quote {
            open += 1;
        }
        if open >= end || self.kind(open) != OpenParen {
            return None;
        }
        if self.symbols.abstracts.contains(name) {
            return Some((name.clone(), vec![0; open - at - 1], open));
        }
        let (stem, positions) = self.symbols.partial(name)?;
        Some((Spelling::from(stem), positions, open))
    }

    /// Reports a call of something that is no function; the call is read all the same.
    fn check_function(&mut self, name: &Spelling, span: Span) {
        if self.symbols.functions.contains_key(name)
            || self.symbols.abstracts.contains(name)
            || functions::find(name).is_some()
        {
            return;
        }
        let text = span.text(self.source);
        let diagnostic = if self.symbols.variables.contains(name) || self.scope.contains(name) {
            Diagnostic::error("not-a-function", span, format!("`{text}` is a variable and cannot be called"))
                .help(format!("write `{text}*(…)` for a product, `{text}[…]` for an entry"))
        } else {
            let diagnostic = Diagnostic::error("unknown-function", span, format!("unknown function `{text}`"));
            match self.symbols.suggestion(name) {
                Some(meant) => diagnostic.help(format!("did you mean `{meant}`?")),
                None => diagnostic
                    .help(format!("an abstract function is declared first: `{text} : R -> R`"))
                    .help(format!("write `{text}*(…)` for a product")),
            }
        };
        self.diagnostics.push(diagnostic);
    }

    /// Whether `sum[` starts a reduction: a bracket follows its indices, or `sum` can be nothing else.
    fn opens_header(&self, m: &Machine, name: &Spelling) -> bool {
        let open = m.at + 1;
        if open >= m.end || self.kind(open) != OpenSquare {
            return false;
        }
        let variable = self.symbols.variables.contains(name) || self.scope.contains(name);
        if variable && self.token(open).spaced {
            return false;
        }
        match self.token(open).mate {
            Some(close) => !variable || self.kind(close as usize + 1) == OpenParen,
            None => !variable,
        }
    }

    /// Reads `i, j` after `sum[` up to a range, a condition or the end of the header.
    pub(super) fn header(&mut self, m: &mut Machine, mut header: Header) -> Outcome<()> {
        loop {
            m.at += usize::from(self.kind(m.at) == Backslash);
            if m.at >= m.end || self.kind(m.at) != Name {
                return Err(Box::new(self.bracket_error(m, header.open, "the name of an index")));
            }
            let ident = self.ident(m.at);
            if let Some(first) = header.indices.iter().find(|index| index.name == ident.name) {
                let message = format!("`{}` stands here twice", ident.name);
                return Err(Box::new(
                    Diagnostic::error("duplicate-name", ident.span, message).label(first.span, "the first time"),
                ));
            }
            if header.indices.len() >= MAX_INDICES {
                let message = format!("more than {MAX_INDICES} indices");
                return Err(Box::new(Diagnostic::error("limit", ident.span, message)));
            }
            header.indices.push(IndexBinder { name: ident.name, span: ident.span, range: None });
            m.at += 1;
            if m.at < m.end && self.kind(m.at) == Colon {
                m.stack.push(Item::Open(Frame::Header { header, condition: false }));
                m.at += 1;
                return Ok(());
            }
            match self.after_binder(m, header)? {
                Some(rest) => header = rest,
                None => return Ok(()),
            }
        }
    }

    /// `,` goes on with the next index; `;` and `]` go on with what they open.
    pub(super) fn after_binder(&mut self, m: &mut Machine, header: Header) -> Outcome<Option<Header>> {
        let kind = if m.at < m.end { self.kind(m.at) } else { End };
        match kind {
            Comma => {
                m.at += 1;
                Ok(Some(header))
            }
            Semicolon => {
                m.at += 1;
                m.stack.push(Item::Open(Frame::Header { header, condition: true }));
                Ok(None)
            }
            CloseSquare => {
                m.at += 1;
                self.open_body(m, header, None)?;
                Ok(None)
            }
            _ => Err(Box::new(self.bracket_error(m, header.open, "`,`, `:`, `;` or `]`"))),
        }
    }

    /// The `(` after `sum[i,j]`.
    pub(super) fn open_body(
        &mut self,
        m: &mut Machine,
        header: Header,
        condition: Option<crate::ExprId>,
    ) -> Outcome<()> {
        if m.at >= m.end || self.kind(m.at) != OpenParen {
            let name = header.op.name();
            let diagnostic = self.expected(m.at.min(m.end), &format!("`(` after the indices of `{name}`"));
            return Err(Box::new(diagnostic.help(format!("the form is `{name}[i](…)`"))));
        }
        m.stack.push(Item::Open(Frame::Body { open: m.at, header, condition }));
        m.at += 1;
        Ok(())
    }

    /// `:` alone between the brackets of an index; true where the bracket closes.
    fn all_subscript(&mut self, m: &mut Machine) -> Outcome<bool> {
        if let Some(Item::Open(Frame::Index { subscripts, .. })) = m.stack.last_mut() {
            subscripts.push(Subscript::All);
        }
        m.at += 1;
        let kind = if m.at < m.end { self.kind(m.at) } else { End };
        match kind {
            Comma => {
                m.at += 1;
                Ok(false)
            }
            CloseSquare => {
                self.finish_index(m);
                Ok(true)
            }
            _ => Err(Box::new(self.expected(m.at.min(m.end), "`,` or `]`"))),
        }
    }
}
