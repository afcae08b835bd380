//! Commas and closing brackets, and the errors that brackets make.

use super::expression::{Frame, Item, Machine};
use super::{Outcome, Parser};
use crate::lexer::TokenKind::*;
use crate::{BinaryOp, Diagnostic, ExprId, ExprKind, Reducer, Span, Subscript, functions};

impl Parser<'_> {
    /// Takes a comma, semicolon, colon or closing bracket after an operand. True where an operand comes next, false where
    /// one is complete.
    pub(super) fn close(&mut self, m: &mut Machine) -> Outcome<bool> {
        self.settle(m);
        let kind = self.kind(m.at);
        let Some(Item::Open(frame)) = m.stack.pop() else {
            return Err(Box::new(self.stray(m.at)));
        };
        match (frame, kind) {
            (Frame::Paren { open }, CloseParen) => {
                let span = self.token(open).span.join(self.token(m.at).span);
                if let Some(operand) = m.operands.last_mut() {
                    operand.1 = span;
                }
                m.at += 1;
                Ok(false)
            }
            (frame @ Frame::Call { .. }, Comma) => {
                m.stack.push(Item::Open(frame));
                m.at += 1;
                Ok(true)
            }
            (frame @ Frame::Call { .. }, CloseParen) => {
                self.finish_call(m, frame);
                Ok(false)
            }
            (Frame::Literal { open, base, row_ends }, Comma | Semicolon | CloseSquare) => {
                self.literal(m, open, base, row_ends)
            }
            (Frame::Index { open, subscripts, from }, Comma | Colon | CloseSquare) => {
                self.subscript(m, open, subscripts, from)
            }
            (Frame::Header { mut header, condition: false }, Comma | Semicolon | CloseSquare) => {
                let range = m.operands.pop().map(|(id, _)| id);
                if let Some(last) = header.indices.last_mut() {
                    last.range = range;
                }
                if let Some(header) = self.after_binder(m, header)? {
                    self.header(m, header)?;
                }
                Ok(true)
            }
            (Frame::Header { header, condition: true }, CloseSquare) => {
                let condition = m.operands.pop().map(|(id, _)| id);
                m.at += 1;
                self.open_body(m, header, condition)?;
                Ok(true)
            }
            (Frame::Body { header, condition, .. }, CloseParen) => {
                let span = header.span.join(self.token(m.at).span);
                if let Some((body, _)) = m.operands.pop() {
                    let kind = ExprKind::Reduce { op: header.op, indices: header.indices, condition, body };
                    self.push(m, kind, span);
                }
                m.at += 1;
                Ok(false)
            }
            (frame, _) => {
                let expected = match &frame {
                    Frame::Paren { .. } | Frame::Body { .. } => "an operator or `)`",
                    Frame::Call { .. } => "an operator, `,` or `)`",
                    Frame::Literal { .. } => "an operator, `,`, `;` or `]`",
                    Frame::Index { .. } => "an operator, `,`, `:` or `]`",
                    Frame::Header { condition: false, .. } => "an operator, `,`, `;` or `]`",
                    Frame::Header { .. } => "an operator or `]`",
                };
                let diagnostic = self.bracket_error(m, frame.open(), expected);
                Err(Box::new(match (&frame, kind) {
                    (Frame::Paren { .. }, Comma) => diagnostic.help("a vector is written `[a, b]`"),
                    _ => diagnostic,
                }))
            }
        }
    }

    /// A closing bracket at the place of an operand: `f()`, `[a, b,]`. True where that completes an operand.
    pub(super) fn close_empty(&mut self, m: &mut Machine) -> Outcome<bool> {
        let kind = self.kind(m.at);
        match m.frame() {
            Some(Frame::Call { base, .. }) if kind == CloseParen && *base == m.operands.len() => {
                if let Some(Item::Open(frame)) = m.stack.pop() {
                    self.finish_call(m, frame);
                }
                Ok(true)
            }
            Some(Frame::Literal { base, .. }) if kind == CloseSquare && m.operands.len() > *base => {
                if let Some(Item::Open(Frame::Literal { open, base, mut row_ends })) = m.stack.pop() {
                    // `[a, b;]` has no empty last row
                    if row_ends.last() == Some(&m.operands.len()) {
                        row_ends.pop();
                        if row_ends.is_empty() {
                            row_ends.push(m.operands.len());
                        }
                    }
                    self.finish_literal(m, open, base, row_ends);
                }
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    fn finish_call(&mut self, m: &mut Machine, frame: Frame) {
        let Frame::Call { function, span: function_span, derivative, base, .. } = frame else { return };
        let span = function_span.join(self.token(m.at).span);
        let args: Vec<ExprId> = m.operands.drain(base.min(m.operands.len())..).map(|(id, _)| id).collect();
        // the step of a recurrence may be given its first parameters: `fold(step(a), init, xs)`
        let of_step = match m.stack.last() {
            Some(Item::Open(Frame::Call { function, base, .. })) => {
                let recurrence = functions::find(function).is_some_and(|f| f.group == functions::Group::Recurrences);
                recurrence && *base == m.operands.len() && !self.symbols.functions.contains_key(function)
            }
            _ => false,
        };
        let given = |count: &usize| args.len() < *count;
        if !of_step || !self.symbols.functions.get(&*function).is_some_and(given) {
            self.check_arguments(&function, &args, span);
        }
        self.push(m, ExprKind::Call { function, function_span, derivative, args }, span);
        m.at += 1;
    }

    fn check_arguments(&mut self, function: &str, args: &[ExprId], span: Span) {
        let (least, most) = if let Some(count) = self.symbols.functions.get(function) {
            (*count, *count)
        } else if self.symbols.abstracts.contains(function) {
            (1, usize::MAX)
        } else if let Some(known) = functions::find(function) {
            (known.min_args, known.max_args)
        } else {
            return;
        };
        if (least..=most).contains(&args.len()) {
            return;
        }
        let takes = match (least, most) {
            (1, 1) => "1 argument".to_owned(),
            (1, usize::MAX) => "at least 1 argument".to_owned(),
            (least, most) if least == most => format!("{least} arguments"),
            (least, most) => format!("{least} to {most} arguments"),
        };
        let message = format!("`{function}` takes {takes}, found {}", args.len());
        let mut diagnostic = Diagnostic::error("arguments", span, message);
        if let Some(known) = functions::find(function).filter(|_| !self.symbols.functions.contains_key(function)) {
            diagnostic = diagnostic.help(format!("`{function}`: {}", known.meaning));
        }
        if Reducer::find(function).is_some() && args.len() > most {
            diagnostic = diagnostic.help(format!("of several values: `{function}([a, b, c])`"));
        }
        self.diagnostics.push(diagnostic);
    }

    fn literal(&mut self, m: &mut Machine, open: usize, base: usize, mut row_ends: Vec<usize>) -> Outcome<bool> {
        match self.kind(m.at) {
            CloseSquare => {
                self.finish_literal(m, open, base, row_ends);
                return Ok(false);
            }
            Semicolon => row_ends.push(m.operands.len()),
            _ => {}
        }
        m.stack.push(Item::Open(Frame::Literal { open, base, row_ends }));
        m.at += 1;
        Ok(true)
    }

    fn finish_literal(&mut self, m: &mut Machine, open: usize, base: usize, row_ends: Vec<usize>) {
        let span = self.token(open).span.join(self.token(m.at).span);
        let entries: Vec<ExprId> = m.operands.drain(base.min(m.operands.len())..).map(|(id, _)| id).collect();
        let kind = if row_ends.is_empty() {
            ExprKind::Column(entries)
        } else {
            let mut rows = Vec::with_capacity(row_ends.len() + 1);
            let mut from = 0;
            for end in row_ends.into_iter().map(|end| end - base).chain([entries.len()]) {
                if end > from {
                    rows.push(entries[from..end].to_vec());
                }
                from = end;
            }
            ExprKind::Rows(rows)
        };
        self.push(m, kind, span);
        m.at += 1;
    }

    fn subscript(
        &mut self,
        m: &mut Machine,
        open: usize,
        mut subscripts: Vec<Subscript>,
        from: Option<ExprId>,
    ) -> Outcome<bool> {
        let kind = self.kind(m.at);
        let Some((value, _)) = m.operands.pop() else { return self.fail(m.at, "a subscript") };
        let from = match (from, kind) {
            (Some(_), Colon) => return self.fail(m.at, "an operator, `,` or `]`"),
            (None, Colon) => Some(value),
            (Some(from), _) => {
                subscripts.push(Subscript::Range(from, value));
                None
            }
            (None, _) => {
                subscripts.push(Subscript::At(value));
                None
            }
        };
        m.stack.push(Item::Open(Frame::Index { open, subscripts, from }));
        if kind == CloseSquare {
            self.finish_index(m);
            return Ok(false);
        }
        m.at += 1;
        Ok(true)
    }

    /// The `]` of an index, which is looked at.
    pub(super) fn finish_index(&mut self, m: &mut Machine) {
        if let Some(Item::Open(Frame::Index { subscripts, .. })) = m.stack.pop()
            && let Some((base, base_span)) = m.operands.pop()
        {
            let span = base_span.join(self.token(m.at).span);
            self.push(m, ExprKind::Index(base, subscripts), span);
        }
        m.at += 1;
    }

    // Errors

    pub(super) fn unclosed(&self, open: usize) -> Diagnostic {
        let text = self.text(open);
        let close = match self.kind(open) {
            OpenParen => ")",
            OpenSquare => "]",
            _ => "}",
        };
        Diagnostic::error("unclosed-bracket", self.token(open).span, format!("`{text}` is never closed"))
            .help(format!("add the missing `{close}`"))
    }

    /// At the end within a bracket: the bracket is at fault.
    pub(super) fn unclosed_or_expected(&self, open: usize, at: usize) -> Diagnostic {
        match self.token(open).mate {
            None => self.unclosed(open),
            Some(_) => self.expected(at, "a closing bracket").label(self.token(open).span, "opened here"),
        }
    }

    /// An unexpected token within a bracket that opened at `open`.
    pub(super) fn bracket_error(&self, m: &Machine, open: usize, expected: &str) -> Diagnostic {
        if m.at >= m.end {
            return self.unclosed_or_expected(open, m.at);
        }
        let wrong_close = matches!(self.kind(m.at), CloseParen | CloseSquare | CloseBrace);
        if wrong_close && self.token(open).mate.is_none() {
            return self.unclosed(open).label(self.token(m.at).span, "closed by another kind of bracket");
        }
        let diagnostic = self.expected(m.at, expected);
        if wrong_close { diagnostic.label(self.token(open).span, "opened here") } else { diagnostic }
    }

    fn stray(&self, at: usize) -> Diagnostic {
        match self.kind(at) {
            Comma => self.expected(at, "an operator or the end").help("a vector is written `[a, b]`"),
            _ => Diagnostic::error(
                "unclosed-bracket",
                self.token(at).span,
                format!("{} closes nothing", self.describe(at)),
            )
            .help("remove it, or add the bracket that it should close"),
        }
    }

    /// No operand at the place of one.
    pub(super) fn no_operand(&self, m: &Machine) -> Diagnostic {
        if m.at >= m.end
            && let Some(frame) = m.innermost()
            && self.token(frame.open()).mate.is_none()
        {
            return self.unclosed(frame.open());
        }
        let at = m.at.min(m.end);
        let operator = match m.stack.last() {
            Some(Item::Binary { span, .. } | Item::Negation(span)) if *span != Span::default() => Some(*span),
            _ => None,
        };
        let diagnostic = match operator {
            Some(span) => self
                .expected(at, &format!("an expression after `{}`", span.text(self.source)))
                .label(span, "this operator needs an operand on its right"),
            None => self.expected(at, "an expression"),
        };
        match (m.stack.last(), self.kind(at)) {
            (Some(Item::Binary { op: BinaryOp::Mul, span, .. }), Star) if span.end == self.token(at).span.start => {
                diagnostic.help("a power is written `^`")
            }
            (_, OpenBrace) => diagnostic.help("a vector is written `[a, b]`"),
            (_, Quote) => diagnostic.help("a transpose stands directly after its operand: `X'`"),
            (Some(Item::Open(Frame::Literal { .. })), CloseSquare) => {
                diagnostic.help("a vector has at least one entry; `zeros(n)` is a vector of zeros")
            }
            _ => diagnostic,
        }
    }

    /// No operator between two operands.
    pub(super) fn no_operator(&self, m: &Machine) -> Diagnostic {
        let expected = match m.innermost() {
            None if m.end < self.tokens.len() && self.kind(m.end) != End => {
                format!("an operator or {}", self.describe(m.end))
            }
            None => "an operator or the end".to_owned(),
            Some(Frame::Paren { .. } | Frame::Body { .. }) => "an operator or `)`".to_owned(),
            Some(Frame::Call { .. }) => "an operator, `,` or `)`".to_owned(),
            Some(Frame::Literal { .. }) => "an operator, `,`, `;` or `]`".to_owned(),
            Some(Frame::Index { .. } | Frame::Header { .. }) => "an operator, `,` or `]`".to_owned(),
        };
        let diagnostic = self.expected(m.at, &expected);
        let (text, kind) = (self.text(m.at), self.kind(m.at));
        match kind {
            Number | Name | OpenParen | OpenSquare => match m.operands.last() {
                Some((_, before)) => {
                    let before = before.text(self.source);
                    let whole = kind != OpenParen && kind != OpenSquare && before.chars().count() < 20;
                    let (left, right) = if whole { (before, text) } else { ("a", "(b)") };
                    diagnostic.help(format!("for a product write `{left}*{right}` or `{left} {right}` with a space"))
                }
                None => diagnostic,
            },
            Eq => diagnostic.help("a comparison is written `==`; a definition has one `=`"),
            Times => diagnostic.help("write `*` for a product, `kron(A, B)` or `cross(a, b)` for those products"),
            In => diagnostic.help("a declaration is a statement of its own: `A in R^(m x n)`"),
            Arrow => diagnostic.help("an abstract function is declared `f : R^2 -> R`"),
            _ => diagnostic,
        }
    }
}
