//! Expressions by operator precedence, with the open brackets on a stack of their own: nesting costs no call stack.

use super::{Outcome, Parser};
use crate::Name as Spelling;
use crate::lexer::TokenKind::{self, *};
use crate::{BinaryOp, Diagnostic, ExprId, ExprKind, IndexBinder, Rational, Reducer, Severity, Span, Subscript};

/// How tight operators bind.
const COMPARISON: u8 = 1;
const INNER: u8 = 2;
const SUM: u8 = 3;
const PRODUCT: u8 = 4;
const NEGATION: u8 = 5;
const POWER: u8 = 6;

/// What stands before the place that is read: operators that wait for their operand, and open brackets.
pub(super) enum Item {
    Negation(Span),
    Binary { op: BinaryOp, binds: u8, span: Span },
    Open(Frame),
}

/// An open bracket, `open` being its token.
pub(super) enum Frame {
    Paren {
        open: usize,
    },
    Call {
        open: usize,
        function: Spelling,
        span: Span,
        derivative: Vec<u8>,
        base: usize,
    },
    Literal {
        open: usize,
        base: usize,
        row_ends: Vec<usize>,
    },
    Index {
        open: usize,
        subscripts: Vec<Subscript>,
        from: Option<ExprId>,
    },
    /// `i:n` or the condition in `sum[i:n; …]`
    Header {
        header: Header,
        condition: bool,
    },
    /// `(…)` after `sum[i]`
    Body {
        open: usize,
        header: Header,
        condition: Option<ExprId>,
    },
}

/// `sum[i, j` so far.
pub(super) struct Header {
    pub open: usize,
    pub op: Reducer,
    pub span: Span,
    pub indices: Vec<IndexBinder>,
}

impl Frame {
    pub fn open(&self) -> usize {
        match self {
            Frame::Paren { open }
            | Frame::Call { open, .. }
            | Frame::Literal { open, .. }
            | Frame::Index { open, .. }
            | Frame::Body { open, .. } => *open,
            Frame::Header { header, .. } => header.open,
        }
    }
}

/// The state of reading one expression.
pub(super) struct Machine {
    /// Operands with the place that their brackets cover.
    pub operands: Vec<(ExprId, Span)>,
    pub stack: Vec<Item>,
    /// The token that is looked at.
    pub at: usize,
    pub end: usize,
}

impl Machine {
    pub fn frame(&self) -> Option<&Frame> {
        match self.stack.last() {
            Some(Item::Open(frame)) => Some(frame),
            _ => None,
        }
    }

    pub fn innermost(&self) -> Option<&Frame> {
        self.stack.iter().rev().find_map(|item| match item {
            Item::Open(frame) => Some(frame),
            _ => None,
        })
    }
}

impl Parser<'_> {
    /// Parses all of the tokens `start..end` as one expression.
    pub(super) fn expression(&mut self, start: usize, end: usize) -> Outcome<ExprId> {
        let mut machine = Machine { operands: Vec::new(), stack: Vec::new(), at: start, end };
        loop {
            self.operand(&mut machine)?;
            if !self.operators(&mut machine)? {
                break;
            }
        }
        match machine.operands.pop() {
            Some((id, _)) => Ok(id),
            None => self.fail(end, "an expression"),
        }
    }

    /// What follows an operand, up to the next operator; false at the end.
    fn operators(&mut self, m: &mut Machine) -> Outcome<bool> {
        loop {
            if m.at >= m.end {
                self.settle(m);
                return match m.innermost() {
                    Some(frame) => Err(Box::new(self.unclosed_or_expected(frame.open(), m.at))),
                    None => Ok(false),
                };
            }
            match self.kind(m.at) {
                Quote => self.transpose(m),
                Superscript => self.raised(m)?,
                Caret if self.tight_power(m) => {}
                OpenSquare if !self.token(m.at).spaced => {
                    let frame = Frame::Index { open: m.at, subscripts: Vec::new(), from: None };
                    m.stack.push(Item::Open(frame));
                    m.at += 1;
                    return Ok(true);
                }
                Comma | Semicolon | CloseParen | CloseSquare => {
                    if self.close(m)? {
                        return Ok(true);
                    }
                }
                Colon if self.colon_separates(m) => {
                    self.close(m)?;
                    return Ok(true);
                }
                kind => {
                    let (op, binds) = match binary(kind) {
                        Some(found) => {
                            m.at += 1;
                            found
                        }
                        None if self.adjacent(m.at) => (BinaryOp::Mul, PRODUCT),
                        None => return Err(Box::new(self.no_operator(m))),
                    };
                    let span = if binary(kind).is_some() { self.token(m.at - 1).span } else { Span::default() };
                    self.push_binary(m, op, binds, span)?;
                    return Ok(true);
                }
            }
        }
    }

    /// Whether a colon belongs to the innermost bracket rather than being the inner product.
    fn colon_separates(&self, m: &Machine) -> bool {
        matches!(m.innermost(), Some(Frame::Index { .. } | Frame::Header { condition: false, .. }))
    }

    /// White space and the start of an operand: a product.
    fn adjacent(&self, at: usize) -> bool {
        self.token(at).spaced && matches!(self.kind(at), Number | Name | OpenParen | OpenSquare)
    }

    fn push_binary(&mut self, m: &mut Machine, op: BinaryOp, binds: u8, span: Span) -> Outcome<()> {
        let right = binds == POWER;
        while let Some(top) = binding(m) {
            if top < binds || (right && top == binds) {
                break;
            }
            if top == COMPARISON && binds == COMPARISON {
                return Err(Box::new(
                    Diagnostic::error("syntax", span, "comparisons do not chain")
                        .help("write a product of two comparisons: `(a < b)*(b < c)`"),
                ));
            }
            self.apply(m);
        }
        m.stack.push(Item::Binary { op, binds, span });
        Ok(())
    }

    /// Applies everything above the innermost open bracket.
    pub(super) fn settle(&mut self, m: &mut Machine) {
        while binding(m).is_some() {
            self.apply(m);
        }
    }

    /// Applies the operator on top of the stack.
    fn apply(&mut self, m: &mut Machine) {
        match m.stack.pop() {
            Some(Item::Negation(span)) => {
                if let Some((operand, operand_span)) = m.operands.pop() {
                    let span = span.join(operand_span);
                    m.operands.push((self.ast.push(ExprKind::Neg(operand), span), span));
                }
            }
            Some(Item::Binary { op, .. }) => {
                if let (Some((right, right_span)), Some((left, left_span))) = (m.operands.pop(), m.operands.pop()) {
                    let right =
                        if matches!(op, BinaryOp::Pow | BinaryOp::ElemPow) { self.folded(right) } else { right };
                    let span = left_span.join(right_span);
                    m.operands.push((self.ast.push(ExprKind::Binary(op, left, right), span), span));
                }
            }
            Some(open @ Item::Open(_)) => m.stack.push(open),
            None => {}
        }
    }

    /// An exponent with the sign of a literal in the number: `x^-2`.
    fn folded(&mut self, exponent: ExprId) -> ExprId {
        let ExprKind::Neg(operand) = self.ast.kind(exponent) else { return exponent };
        let ExprKind::Number(value) = self.ast.kind(*operand) else { return exponent };
        let value = -value.clone();
        let span = self.ast.span(exponent);
        self.ast.push(ExprKind::Number(value), span)
    }

    fn replace_top(&mut self, m: &mut Machine, end: usize, kind: impl FnOnce(ExprId) -> ExprKind) {
        if let Some((operand, span)) = m.operands.pop() {
            let span = span.join(self.token(end).span);
            m.operands.push((self.ast.push(kind(operand), span), span));
        }
    }

    fn transpose(&mut self, m: &mut Machine) {
        let exponent = matches!(m.stack.last(), Some(Item::Binary { binds: POWER, .. }));
        let literal = m.operands.last().is_some_and(|(id, _)| matches!(self.ast.kind(*id), ExprKind::Number(_)));
        if exponent && literal {
            let mut warning =
                Diagnostic::error("transposed-exponent", self.token(m.at).span, "this transposes the exponent")
                    .help("to transpose the power, put it in brackets: `(X^2)'`");
            warning.severity = Severity::Warning;
            self.diagnostics.push(warning);
        }
        self.replace_top(m, m.at, ExprKind::Transpose);
        m.at += 1;
    }

    /// `^T`, `^-1` and `^-T` bind as tight as the transpose.
    fn tight_power(&mut self, m: &mut Machine) -> bool {
        let is_t = |at: usize| {
            at < m.end
                && ((self.kind(at) == Name && self.text(at) == "T")
                    || (self.kind(at) == Superscript && matches!(self.text(at), "ᵀ" | "⊤")))
        };
        let next = m.at + 1;
        if is_t(next) {
            self.replace_top(m, next, ExprKind::Transpose);
            m.at = next + 1;
            return true;
        }
        if next >= m.end || self.kind(next) != Minus {
            return false;
        }
        let last = next + 1;
        let transposed = is_t(last);
        if !transposed && (last >= m.end || self.text(last) != "1") {
            return false;
        }
        self.inverse(m, last);
        if transposed {
            self.replace_top(m, last, ExprKind::Transpose);
        }
        m.at = last + 1;
        true
    }

    fn inverse(&mut self, m: &mut Machine, end: usize) {
        let exponent = self.ast.push(ExprKind::Number(Rational::int(-1)), self.token(end).span);
        self.replace_top(m, end, |base| ExprKind::Binary(BinaryOp::Pow, base, exponent));
    }

    /// `x²`, `Xᵀ`, `X⁻¹`, `X⁻ᵀ`
    fn raised(&mut self, m: &mut Machine) -> Outcome<()> {
        let at = m.at;
        let text: String = self.text(at).chars().filter_map(crate::lexer::superscript).collect();
        let mut rest = text.as_str();
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix('T') {
                self.replace_top(m, at, ExprKind::Transpose);
                rest = after;
            } else if let Some(after) = rest.strip_prefix("-T") {
                self.inverse(m, at);
                self.replace_top(m, at, ExprKind::Transpose);
                rest = after;
            } else {
                let (exponent, after) = self.raised_exponent(at, rest)?;
                self.replace_top(m, at, |base| ExprKind::Binary(BinaryOp::Pow, base, exponent));
                rest = after;
            }
        }
        m.at += 1;
        Ok(())
    }

    /// A whole number or a letter.
    fn raised_exponent<'t>(&mut self, at: usize, text: &'t str) -> Outcome<(ExprId, &'t str)> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let length = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
        let (number, after) = digits.split_at(length);
        let span = self.token(at).span;
        if let Some(value) = Rational::parse_decimal(number).filter(|_| length < 1000) {
            let value = if negative { -value } else { value };
            return Ok((self.ast.push(ExprKind::Number(value), span), after));
        }
        let letter = digits.chars().next().filter(|c| c.is_ascii_alphabetic() && *c != 'x');
        let Some(letter) = letter else { return self.fail(at, "a whole exponent") };
        let mut exponent = self.ast.push(ExprKind::Name(Spelling::from(letter.to_string())), span);
        if negative {
            exponent = self.ast.push(ExprKind::Neg(exponent), span);
        }
        Ok((exponent, digits.get(1..).unwrap_or("")))
    }
}

/// How tight the operator on top of the stack binds.
fn binding(m: &Machine) -> Option<u8> {
    match m.stack.last()? {
        Item::Negation(_) => Some(NEGATION),
        Item::Binary { binds, .. } => Some(*binds),
        Item::Open(_) => None,
    }
}

/// The operator that a token is between two operands.
fn binary(kind: TokenKind) -> Option<(BinaryOp, u8)> {
    Some(match kind {
        Plus => (BinaryOp::Add, SUM),
        Minus => (BinaryOp::Sub, SUM),
        Star => (BinaryOp::Mul, PRODUCT),
        DotStar => (BinaryOp::Hadamard, PRODUCT),
        Slash => (BinaryOp::Div, PRODUCT),
        DotSlash => (BinaryOp::ElemDiv, PRODUCT),
        Backslash => (BinaryOp::Solve, PRODUCT),
        Kron => (BinaryOp::Kron, PRODUCT),
        Caret => (BinaryOp::Pow, POWER),
        DotCaret => (BinaryOp::ElemPow, POWER),
        Colon => (BinaryOp::Inner, INNER),
        Less => (BinaryOp::Less, COMPARISON),
        LessEq => (BinaryOp::LessEq, COMPARISON),
        Greater => (BinaryOp::Greater, COMPARISON),
        GreaterEq => (BinaryOp::GreaterEq, COMPARISON),
        EqEq => (BinaryOp::Equal, COMPARISON),
        NotEq => (BinaryOp::NotEqual, COMPARISON),
        _ => return None,
    })
}
