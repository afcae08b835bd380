//! One expression in pieces: what is written of it and where its children stand.

use std::fmt::Write;

use matgrad_syntax::{BinaryOp, ExprId, ExprKind, Subscript, functions};

use super::{COMPARISON, INNER, NEGATION, POSTFIX, POWER, PRODUCT, Piece, Printer, SUM, number_text};

/// Exponents up to this many digits are raised in Unicode.
const MAX_RAISED: i64 = 999;

impl<'a> Printer<'a> {
    /// How tight an expression binds as it is written.
    fn level(&self, id: ExprId, strip: bool) -> u8 {
        match self.ast.kind(id) {
            ExprKind::Number(value) => {
                let whole = value.is_integer();
                if !whole && number_text(value).fraction {
                    PRODUCT
                } else if value.is_negative() && !strip {
                    NEGATION
                } else {
                    POSTFIX
                }
            }
            ExprKind::Neg(_) if !strip && self.leads_negative(id) => NEGATION,
            ExprKind::Neg(_) => self.level(self.unsigned(id), true),
            ExprKind::Binary(op, _, exponent) => match op {
                BinaryOp::Add | BinaryOp::Sub => SUM,
                BinaryOp::Kron if !self.kron_sign() => POSTFIX,
                BinaryOp::Mul
                | BinaryOp::Hadamard
                | BinaryOp::Div
                | BinaryOp::ElemDiv
                | BinaryOp::Solve
                | BinaryOp::Kron => PRODUCT,
                BinaryOp::Inner => INNER,
                BinaryOp::Pow if self.tight(*exponent) => POSTFIX,
                BinaryOp::Pow | BinaryOp::ElemPow => POWER,
                _ => COMPARISON,
            },
            _ => POSTFIX,
        }
    }

    /// What is left of an expression when the signs before it are taken off.
    fn unsigned(&self, mut id: ExprId) -> ExprId {
        while let ExprKind::Neg(operand) = self.ast.kind(id) {
            id = *operand;
        }
        id
    }

    fn whole(&self, id: ExprId) -> Option<i64> {
        match self.ast.kind(id) {
            ExprKind::Number(value) => value.to_i64(),
            _ => None,
        }
    }

    /// Whether an exponent is written as tight as a transpose: `X^-1`, in Unicode also `x²`.
    fn tight(&self, exponent: ExprId) -> bool {
        match self.whole(exponent) {
            Some(-1) => true,
            Some(value) => self.options.unicode && (-MAX_RAISED..=MAX_RAISED).contains(&value),
            None => false,
        }
    }

    /// Whether the text of an expression starts with a minus that can be taken into a sum.
    fn leads_negative(&self, mut id: ExprId) -> bool {
        let mut negative = false;
        loop {
            match self.ast.kind(id) {
                ExprKind::Neg(operand) => {
                    negative = !negative;
                    id = *operand;
                }
                ExprKind::Number(value) => return negative != value.is_negative(),
                ExprKind::Binary(op, left, _) if self.takes_sign(*op) => id = *left,
                _ => return negative,
            }
        }
    }

    fn is_sum(&self, id: ExprId) -> bool {
        matches!(self.ast.kind(id), ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..))
    }

    fn first_term(&self, mut id: ExprId) -> ExprId {
        while let ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, left, _) = self.ast.kind(id) {
            id = *left;
        }
        id
    }

    /// Whether Kronecker products are `A ⊗ B` rather than `kron(A, B)`.
    fn kron_sign(&self) -> bool {
        self.options.unicode || self.options.kron_sign
    }

    /// Whether a sign of the left operand is a sign of the whole and is written first.
    fn takes_sign(&self, op: BinaryOp) -> bool {
        match op {
            BinaryOp::Mul | BinaryOp::Hadamard | BinaryOp::Div | BinaryOp::ElemDiv | BinaryOp::Solve => true,
            BinaryOp::Kron => self.kron_sign(),
            _ => false,
        }
    }

    /// Writes what comes first and lists the rest.
    pub(super) fn node(&mut self, id: ExprId, min: u8, strip: bool, rest: &mut Vec<Piece<'a>>) {
        let ast = self.ast;
        if let (ExprKind::Neg(operand), true) = (ast.kind(id), strip) {
            rest.push(stripped(*operand, min));
            return;
        }
        if self.level(id, strip) < min {
            self.out.push('(');
            rest.push(expr(id, COMPARISON));
            rest.push(Piece::Text(")"));
            return;
        }
        match ast.kind(id) {
            ExprKind::Number(value) => {
                if value.is_negative() && !strip {
                    self.out.push('-');
                }
                self.out.push_str(&number_text(value).text);
            }
            ExprKind::Name(name) => self.name(name),
            ExprKind::Neg(operand) => {
                let negative = self.leads_negative(id);
                if negative {
                    self.out.push('-');
                }
                rest.push(stripped(*operand, if negative { PRODUCT } else { min }));
            }
            ExprKind::Transpose(operand) => self.transpose(*operand, rest),
            ExprKind::Binary(op, left, right) => self.binary(*op, *left, *right, strip, rest),
            ExprKind::Call { function, derivative, args, .. } => {
                if functions::find(function).is_some() {
                    self.out.push_str(function);
                } else {
                    self.name(function);
                }
                self.derivative(derivative);
                rest.push(Piece::Text("("));
                list(args, rest);
                rest.push(Piece::Text(")"));
            }
            ExprKind::Index(base, subscripts) => {
                rest.push(expr(*base, POSTFIX));
                rest.push(Piece::Text("["));
                for (at, subscript) in subscripts.iter().enumerate() {
                    if at > 0 {
                        rest.push(Piece::Text(","));
                    }
                    match subscript {
                        Subscript::All => rest.push(Piece::Text(":")),
                        Subscript::At(value) => rest.push(expr(*value, SUM)),
                        Subscript::Range(from, to) => {
                            rest.extend([expr(*from, SUM), Piece::Text(":"), expr(*to, SUM)]);
                        }
                    }
                }
                rest.push(Piece::Text("]"));
            }
            ExprKind::Column(entries) => {
                self.out.push('[');
                list(entries, rest);
                rest.push(Piece::Text("]"));
            }
            ExprKind::Rows(rows) => {
                self.out.push('[');
                for (at, row) in rows.iter().enumerate() {
                    if at > 0 {
                        rest.push(Piece::Text("; "));
                    }
                    list(row, rest);
                }
                rest.push(Piece::Text(if rows.len() == 1 { ";]" } else { "]" }));
            }
            ExprKind::Reduce { op, indices, condition, body } => {
                self.out.push_str(op.name());
                for (at, index) in indices.iter().enumerate() {
                    rest.push(Piece::Text(if at > 0 { "," } else { "[" }));
                    rest.push(Piece::Name(&index.name));
                    if let Some(range) = index.range {
                        rest.extend([Piece::Text(":"), expr(range, SUM)]);
                    }
                }
                if let Some(condition) = condition {
                    rest.extend([Piece::Text("; "), expr(*condition, COMPARISON)]);
                }
                rest.extend([Piece::Text("]("), expr(*body, COMPARISON), Piece::Text(")")]);
            }
        }
    }

    fn transpose(&mut self, operand: ExprId, rest: &mut Vec<Piece<'a>>) {
        if let ExprKind::Binary(BinaryOp::Pow, base, exponent) = self.ast.kind(operand)
            && self.whole(*exponent) == Some(-1)
        {
            rest.push(self.base(*base));
            rest.push(Piece::Text(if self.options.unicode { "⁻ᵀ" } else { "^-T" }));
            return;
        }
        rest.push(expr(operand, POSTFIX));
        rest.push(Piece::Text(if self.options.unicode { "ᵀ" } else { "'" }));
    }

    /// The base of a power; powers of powers are bracketed even where the grammar would not need it.
    fn base(&self, base: ExprId) -> Piece<'a> {
        let power = match self.ast.kind(base) {
            ExprKind::Binary(BinaryOp::Pow, ..) => true,
            ExprKind::Transpose(operand) => matches!(self.ast.kind(*operand), ExprKind::Binary(BinaryOp::Pow, ..)),
            _ => false,
        };
        expr(base, if power { POSTFIX + 1 } else { POSTFIX })
    }

    fn binary(&mut self, op: BinaryOp, left: ExprId, right: ExprId, strip: bool, rest: &mut Vec<Piece<'a>>) {
        let compact = self.compact;
        let sign = |spaced: &'static str, tight: &'static str| Piece::Text(if compact { tight } else { spaced });
        // a sign that is taken out of the left operand cannot be taken out of brackets
        let product = self.is_other_product(op, left) && !(strip && self.leads_negative(left));
        let product = if product { POWER } else { PRODUCT };
        match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let chain = op == BinaryOp::Add && self.is_sum(right);
                let negative = self.leads_negative(if chain { self.first_term(right) } else { right });
                let minus = (op == BinaryOp::Sub) != negative;
                rest.push(Piece::Expr { id: left, min: SUM, strip });
                rest.push(if minus { sign(" - ", "-") } else { sign(" + ", "+") });
                rest.push(Piece::Expr { id: right, min: if chain { SUM } else { PRODUCT }, strip: negative });
            }
            BinaryOp::Mul | BinaryOp::Div | BinaryOp::Solve => {
                rest.push(Piece::Expr { id: left, min: product, strip });
                rest.push(Piece::Text(match op {
                    BinaryOp::Mul => "*",
                    BinaryOp::Div => "/",
                    _ => "\\",
                }));
                rest.push(expr(right, POWER));
            }
            BinaryOp::Hadamard | BinaryOp::ElemDiv => {
                rest.push(Piece::Expr { id: left, min: product, strip });
                rest.push(Piece::Text(match (op, self.options.unicode) {
                    (BinaryOp::Hadamard, true) => " ⊙ ",
                    (BinaryOp::Hadamard, false) => " .* ",
                    _ => " ./ ",
                }));
                // `a .* (b .* c)` needs no brackets where b is no product of another kind
                let same = op == BinaryOp::Hadamard
                    && matches!(self.ast.kind(right), ExprKind::Binary(BinaryOp::Hadamard, first, _)
                        if self.level(*first, false) >= POWER);
                rest.push(expr(right, if same { PRODUCT } else { POWER }));
            }
            BinaryOp::Kron if self.kron_sign() => {
                rest.push(Piece::Expr { id: left, min: product, strip });
                rest.extend([Piece::Text(" ⊗ "), expr(right, POWER)]);
            }
            BinaryOp::Kron => {
                rest.extend([Piece::Text("kron("), expr(left, COMPARISON)]);
                rest.extend([Piece::Text(", "), expr(right, COMPARISON), Piece::Text(")")]);
            }
            BinaryOp::Inner => rest.extend([expr(left, INNER), Piece::Text(" : "), expr(right, SUM)]),
            BinaryOp::Pow | BinaryOp::ElemPow => self.power(op, left, right, rest),
            _ => {
                rest.push(expr(left, INNER));
                rest.push(Piece::Text(comparison(op, self.options.unicode)));
                rest.push(expr(right, INNER));
            }
        }
    }

    /// Whether the left operand of a product is a product of another kind. `A ⊗ B*C` is read from left to right, but
    /// nobody should have to know: brackets, as in `(A ⊗ B)*C` and `(A*x) .* y`.
    fn is_other_product(&self, op: BinaryOp, left: ExprId) -> bool {
        let kind = |op: BinaryOp| match op {
            BinaryOp::Mul | BinaryOp::Div => 1,
            BinaryOp::Hadamard | BinaryOp::ElemDiv => 2,
            BinaryOp::Kron if self.kron_sign() => 3,
            _ => 0,
        };
        let mut left = left;
        while let ExprKind::Neg(inner) = self.ast.kind(left) {
            left = *inner; // a sign is written with the first factor
        }
        match self.ast.kind(left) {
            ExprKind::Binary(inner, first, second) => {
                let whole =
                    |id: ExprId| matches!(self.ast.kind(id), ExprKind::Number(v) if v.is_integer() && !v.is_negative());
                let number = |id: ExprId| match self.ast.kind(id) {
                    ExprKind::Neg(inner) => whole(*inner),
                    _ => whole(id),
                };
                // `1 ./ x` and the fraction `1/3` are read as one thing
                let scalar =
                    number(*first) && (*inner == BinaryOp::ElemDiv || *inner == BinaryOp::Div && whole(*second));
                kind(op) != 0 && kind(*inner) != 0 && kind(op) != kind(*inner) && !scalar
            }
            _ => false,
        }
    }

    fn power(&mut self, op: BinaryOp, base: ExprId, exponent: ExprId, rest: &mut Vec<Piece<'a>>) {
        rest.push(self.base(base));
        if op == BinaryOp::Pow && self.tight(exponent) {
            if !self.options.unicode {
                rest.push(Piece::Text("^-1"));
                return;
            }
            let digits = self.whole(exponent).unwrap_or(0).to_string();
            rest.extend(digits.chars().map(|c| Piece::Text(raised(c))));
            return;
        }
        rest.push(Piece::Text(if op == BinaryOp::Pow { "^" } else { ".^" }));
        let simple = match self.ast.kind(exponent) {
            ExprKind::Number(value) => value.is_integer() || !number_text(value).fraction,
            ExprKind::Neg(operand) => matches!(self.ast.kind(*operand), ExprKind::Name(_)),
            _ => self.level(exponent, false) >= POWER,
        };
        let simple = simple && (op == BinaryOp::ElemPow || !self.starts_with_t(exponent));
        rest.push(if simple { expr(exponent, COMPARISON) } else { expr(exponent, POSTFIX + 1) });
    }

    /// Whether an exponent would read as the transpose.
    fn starts_with_t(&self, mut id: ExprId) -> bool {
        loop {
            match self.ast.kind(id) {
                ExprKind::Name(name) => return &**name == "T",
                ExprKind::Neg(a) | ExprKind::Transpose(a) | ExprKind::Index(a, _) => id = *a,
                ExprKind::Binary(BinaryOp::Pow | BinaryOp::ElemPow, a, _) => id = *a,
                _ => return false,
            }
        }
    }

    /// `'`, `''`, `_12'`
    fn derivative(&mut self, positions: &[u8]) {
        if positions.is_empty() {
            return;
        }
        if positions.iter().all(|position| *position == 0) {
            self.out.extend(positions.iter().map(|_| '\''));
            return;
        }
        let wide = positions.iter().any(|position| *position > 9);
        self.out.push('_');
        for (at, position) in positions.iter().enumerate() {
            if wide && (at > 0 || positions.len() == 1) {
                self.out.push('_');
            }
            let _ = write!(self.out, "{position}");
        }
        self.out.push('\'');
    }
}

fn expr<'a>(id: ExprId, min: u8) -> Piece<'a> {
    Piece::Expr { id, min, strip: false }
}

fn stripped<'a>(id: ExprId, min: u8) -> Piece<'a> {
    Piece::Expr { id, min, strip: true }
}

fn list(entries: &[ExprId], rest: &mut Vec<Piece<'_>>) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            rest.push(Piece::Text(", "));
        }
        rest.push(expr(*entry, COMPARISON));
    }
}

fn comparison(op: BinaryOp, unicode: bool) -> &'static str {
    match (op, unicode) {
        (BinaryOp::Less, _) => " < ",
        (BinaryOp::Greater, _) => " > ",
        (BinaryOp::LessEq, true) => " ≤ ",
        (BinaryOp::LessEq, false) => " <= ",
        (BinaryOp::GreaterEq, true) => " ≥ ",
        (BinaryOp::GreaterEq, false) => " >= ",
        (BinaryOp::NotEqual, true) => " ≠ ",
        (BinaryOp::NotEqual, false) => " != ",
        _ => " == ",
    }
}

fn raised(c: char) -> &'static str {
    match c {
        '-' => "⁻",
        '0' => "⁰",
        '1' => "¹",
        '2' => "²",
        '3' => "³",
        '4' => "⁴",
        '5' => "⁵",
        '6' => "⁶",
        '7' => "⁷",
        '8' => "⁸",
        _ => "⁹",
    }
}
