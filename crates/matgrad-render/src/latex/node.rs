//! One expression in pieces.

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Rational, Subscript};

use super::calls::{Shape, call_shape};
use super::kinds::Value;
use super::level::{CIRCLED, COMPARISON, INNER, POSTFIX, POWER, PRODUCT, SUM};
use super::names::{entry_parts, name_latex, name_parts};
use super::{Kind, Piece, Printer};

impl<'a> Printer<'a> {
    fn level(&self, id: ExprId, strip: bool, open: bool) -> u8 {
        match self.ast.kind(id) {
            ExprKind::Number(value) if value.is_negative() && !strip => PRODUCT,
            ExprKind::Number(value) if !value.is_integer() => POWER,
            ExprKind::Neg(_) => {
                let inner = self.level(self.unsigned(id), true, open);
                if !strip && self.leads_negative(id) { inner.min(PRODUCT) } else { inner }
            }
            ExprKind::Binary(op, left, _) => match op {
                BinaryOp::Add | BinaryOp::Sub => SUM,
                BinaryOp::Hadamard | BinaryOp::ElemDiv | BinaryOp::Kron => CIRCLED,
                BinaryOp::Mul | BinaryOp::Solve => PRODUCT,
                BinaryOp::Div if !strip && self.leads_negative(*left) => PRODUCT,
                BinaryOp::Div | BinaryOp::Pow | BinaryOp::ElemPow => POWER,
                BinaryOp::Inner => INNER,
                _ => COMPARISON,
            },
            ExprKind::Call { function, derivative, args, .. } if derivative.is_empty() => {
                match call_shape(function, args.len()) {
                    Shape::Infix(_) => CIRCLED,
                    Shape::Cases => COMPARISON,
                    _ => POSTFIX,
                }
            }
            ExprKind::Reduce { .. } if open => POWER,
            ExprKind::Reduce { .. } => SUM,
            _ => POSTFIX,
        }
    }

    fn unsigned(&self, mut id: ExprId) -> ExprId {
        while let ExprKind::Neg(operand) = self.ast.kind(id) {
            id = *operand;
        }
        id
    }

    /// Whether the print of an expression starts with a minus.
    fn leads_negative(&self, id: ExprId) -> bool {
        self.negative.get(id.0 as usize).copied().unwrap_or(false)
    }

    /// Whether an expression is printed with a superscript, so that another one needs brackets.
    fn raised(&self, id: ExprId) -> bool {
        match self.ast.kind(id) {
            ExprKind::Transpose(_) => true,
            ExprKind::Binary(BinaryOp::Pow | BinaryOp::ElemPow, ..) => true,
            ExprKind::Call { function, args, .. } => {
                matches!(call_shape(function, args.len()), Shape::Raised(_) | Shape::Exponential)
            }
            _ => false,
        }
    }

    pub(super) fn node(&mut self, id: ExprId, min: u8, strip: bool, open: bool, rest: &mut Vec<Piece<'a>>) {
        let ast = self.ast;
        if let (ExprKind::Neg(operand), true) = (ast.kind(id), strip) {
            rest.push(Piece::Expr { id: *operand, min, strip, open });
            return;
        }
        if self.level(id, strip, open) < min {
            self.out.push_str("\\left(");
            rest.push(place(id, COMPARISON));
            rest.push(text("\\right)"));
            return;
        }
        match ast.kind(id) {
            ExprKind::Number(value) => self.number(value, strip),
            ExprKind::Name(name) => self.out.push_str(&name_latex(name, self.kind)),
            ExprKind::Neg(operand) => {
                let negative = self.leads_negative(id);
                if negative {
                    self.out.push('-');
                }
                rest.push(Piece::Expr { id: *operand, min: if negative { CIRCLED } else { min }, strip: true, open });
            }
            ExprKind::Transpose(operand) => match ast.kind(*operand) {
                ExprKind::Binary(BinaryOp::Pow, base, exponent) if self.is_minus_one(*exponent) => {
                    rest.extend([self.base(*base), text("^{-\\top}")]);
                }
                _ => rest.extend([self.base(*operand), text("^{\\top}")]),
            },
            ExprKind::Binary(op, left, right) => self.binary(*op, (*left, *right), strip, open, rest),
            ExprKind::Call { function, derivative, args, .. } => self.call(function, derivative, args, rest),
            ExprKind::Index(base, subscripts) => self.index(*base, subscripts, rest),
            ExprKind::Column(entries) => {
                let columns = entries.iter().any(|entry| matches!(self.value(*entry), Value::Column | Value::Matrix));
                self.out.push_str("\\begin{pmatrix} ");
                list(entries, if columns { " & " } else { " \\\\ " }, rest);
                rest.push(text(" \\end{pmatrix}"));
            }
            ExprKind::Rows(rows) => {
                self.out.push_str("\\begin{pmatrix} ");
                for (at, row) in rows.iter().enumerate() {
                    if at > 0 {
                        rest.push(text(" \\\\ "));
                    }
                    list(row, " & ", rest);
                }
                rest.push(text(" \\end{pmatrix}"));
            }
            ExprKind::Reduce { op, indices, condition, body } => {
                let sign = match op.name() {
                    "sum" => "\\sum",
                    "prod" => "\\prod",
                    "max" => "\\max",
                    "min" => "\\min",
                    "mean" => "\\operatorname*{mean}",
                    _ => "\\operatorname*{logsumexp}",
                };
                self.out.push_str(sign);
                let free: Vec<&str> =
                    indices.iter().filter(|index| index.range.is_none()).map(|index| &*index.name).collect();
                let ranged = indices.iter().filter_map(|index| index.range.map(|range| (&*index.name, range)));
                let mut first = true;
                if !free.is_empty() || condition.is_some() {
                    first = false;
                    rest.push(text("_{"));
                    names(&free, rest);
                    if let Some(condition) = condition {
                        let between = if free.is_empty() { "" } else { " :\\, " };
                        rest.extend([text(between), place(*condition, COMPARISON)]);
                    }
                    rest.push(text("}"));
                }
                for (name, range) in ranged {
                    rest.push(text(if first { "_{" } else { " \\sum_{" }));
                    if !first && sign != "\\sum" {
                        rest.pop();
                        rest.push(text(format!(" {sign}_{{")));
                    }
                    first = false;
                    rest.extend([Piece::Name(name), text("=1}^{"), place(range, COMPARISON), text("}")]);
                }
                rest.extend([text(" "), place(*body, CIRCLED)]);
            }
        }
    }

    fn is_minus_one(&self, id: ExprId) -> bool {
        matches!(self.ast.kind(id), ExprKind::Number(value) if value.is_minus_one())
    }

    fn number(&mut self, value: &Rational, strip: bool) {
        if value.is_negative() && !strip {
            self.out.push('-');
        }
        let number = crate::text::number_text(value);
        match (number.text.split_once('/'), number.text.split_once('e')) {
            (Some((n, d)), _) => self.out.push_str(&format!("\\frac{{{n}}}{{{d}}}")),
            (None, Some((mantissa, exponent))) => {
                let times = if mantissa == "1" { String::new() } else { format!("{mantissa} \\cdot ") };
                self.out.push_str(&format!("{times}10^{{{exponent}}}"));
            }
            _ => self.out.push_str(&number.text),
        }
    }

    /// What stands before a superscript.
    pub(super) fn base(&self, id: ExprId) -> Piece<'a> {
        let min = if self.raised(id) { POSTFIX + 1 } else { POSTFIX };
        Piece::Expr { id, min, strip: false, open: false }
    }

    fn binary(
        &mut self,
        op: BinaryOp,
        (left, right): (ExprId, ExprId),
        strip: bool,
        open: bool,
        rest: &mut Vec<Piece<'a>>,
    ) {
        let left_of = |min: u8| Piece::Expr { id: left, min, strip, open: false };
        match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let negative = self.leads_negative(right);
                let minus = (op == BinaryOp::Sub) != negative;
                rest.push(Piece::Expr { id: left, min: SUM, strip: false, open: true });
                rest.push(text(if minus { " - " } else { " + " }));
                let min = if op == BinaryOp::Add && !negative { SUM } else { CIRCLED };
                rest.push(Piece::Expr { id: right, min, strip: negative, open });
            }
            BinaryOp::Mul => {
                rest.push(left_of(PRODUCT));
                rest.push(text(if self.starts_with_number(right) { " \\cdot " } else { " " }));
                rest.push(Piece::Expr { id: right, min: POWER, strip: false, open });
            }
            BinaryOp::Solve => {
                rest.extend([
                    self.base(left),
                    text("^{-1} "),
                    Piece::Expr { id: right, min: POWER, strip: false, open },
                ]);
            }
            BinaryOp::Div => {
                rest.push(text(if !strip && self.leads_negative(left) { "-\\frac{" } else { "\\frac{" }));
                let strip = strip || self.leads_negative(left);
                rest.push(Piece::Expr { id: left, min: if strip { CIRCLED } else { COMPARISON }, strip, open: true });
                rest.extend([text("}{"), place(right, COMPARISON), text("}")]);
            }
            BinaryOp::Hadamard | BinaryOp::ElemDiv | BinaryOp::Kron => {
                let sign = match op {
                    BinaryOp::Hadamard => " \\odot ",
                    BinaryOp::ElemDiv => " \\oslash ",
                    _ => " \\otimes ",
                };
                let same = matches!(self.ast.kind(self.unsigned(left)), ExprKind::Binary(other, ..) if *other == op);
                rest.push(left_of(if same { CIRCLED } else { PRODUCT }));
                rest.push(text(sign));
                let min = if self.leads_negative(right) { POWER } else { PRODUCT };
                rest.push(Piece::Expr { id: right, min, strip: false, open });
            }
            BinaryOp::Inner => rest.extend([place(left, INNER), text(" : "), place(right, SUM)]),
            BinaryOp::Pow | BinaryOp::ElemPow => {
                rest.push(self.base(left));
                let entries = op == BinaryOp::ElemPow && self.value(left) != Value::Scalar;
                rest.extend([text(if entries { "^{\\odot " } else { "^{" }), self.exponent(right), text("}")]);
            }
            _ => {
                let sign = match op {
                    BinaryOp::Less => " < ",
                    BinaryOp::Greater => " > ",
                    BinaryOp::LessEq => " \\le ",
                    BinaryOp::GreaterEq => " \\ge ",
                    BinaryOp::NotEqual => " \\ne ",
                    _ => " = ",
                };
                rest.extend([place(left, INNER), text(sign), place(right, INNER)]);
            }
        }
    }

    /// Fractions in exponents are set on the line.
    fn exponent(&self, id: ExprId) -> Piece<'a> {
        match self.ast.kind(id) {
            ExprKind::Number(value) if !value.is_integer() => {
                let number = crate::text::number_text(value).text;
                text(if value.is_negative() { format!("-{number}") } else { number })
            }
            _ => place(id, COMPARISON),
        }
    }

    /// Whether a factor starts with a digit, so that a product needs a dot.
    fn starts_with_number(&self, mut id: ExprId) -> bool {
        loop {
            match self.ast.kind(id) {
                ExprKind::Number(value) => return !value.is_negative(),
                ExprKind::Binary(BinaryOp::Pow | BinaryOp::ElemPow, base, _) | ExprKind::Transpose(base) => id = *base,
                _ => return false,
            }
        }
    }

    fn index(&mut self, base: ExprId, subscripts: &'a [Subscript], rest: &mut Vec<Piece<'a>>) {
        let entry = subscripts.iter().all(|subscript| matches!(subscript, Subscript::At(_)));
        let mut under = None;
        match self.ast.kind(base) {
            ExprKind::Name(name) => {
                let parts = match (&**name, entry) {
                    ("delta" | "eps", _) => entry_parts(if &**name == "eps" { "epsilon" } else { "delta" }),
                    (name, true) if (self.kind)(name) != Kind::Step => entry_parts(name),
                    (name, _) => name_parts(name, self.kind),
                };
                rest.push(text(parts.base));
                under = parts.subscript;
            }
            // a constant such as `eye(n)` has its subscript already
            ExprKind::Call { .. } | ExprKind::Index(..) => rest.push(place(base, POSTFIX + 1)),
            _ => rest.push(self.base(base)),
        }
        rest.push(text("_{"));
        if let Some(under) = under {
            rest.push(text(format!("{under},")));
        }
        let tight = subscripts.iter().all(|subscript| match subscript {
            Subscript::At(id) => match self.ast.kind(*id) {
                ExprKind::Name(name) => name.chars().count() == 1,
                ExprKind::Number(value) => value.to_i64().is_some_and(|value| (0..10).contains(&value)),
                _ => false,
            },
            _ => false,
        });
        for (at, subscript) in subscripts.iter().enumerate() {
            if at > 0 && !tight {
                rest.push(text(","));
            }
            match subscript {
                Subscript::All => rest.push(text(":")),
                Subscript::At(id) => rest.push(self.subscript(*id)),
                Subscript::Range(from, to) => rest.extend([self.subscript(*from), text(":"), self.subscript(*to)]),
            }
        }
        rest.push(text("}"));
    }

    /// Indices are italic whatever the convention says of their names.
    fn subscript(&self, id: ExprId) -> Piece<'a> {
        match self.ast.kind(id) {
            ExprKind::Name(name) => text(name_latex(name, &|_| Kind::Scalar)),
            _ => place(id, SUM),
        }
    }
}

/// Which expressions start with a minus that can be taken out.
pub(super) fn leading_signs(ast: &Ast, root: ExprId) -> Vec<bool> {
    use BinaryOp::{Div, ElemDiv, Hadamard, Kron, Mul};
    let mut negative: Vec<bool> = Vec::with_capacity(root.0 as usize + 1);
    for id in 0..=root.0 {
        let get = |id: &ExprId| negative.get(id.0 as usize).copied().unwrap_or(false);
        let sign = match ast.kind(ExprId(id)) {
            ExprKind::Neg(operand) => !get(operand),
            ExprKind::Number(value) => value.is_negative(),
            ExprKind::Binary(Mul | Div | Hadamard | ElemDiv | Kron, left, _) => get(left),
            _ => false,
        };
        negative.push(sign);
    }
    negative
}

pub(super) fn text<'a>(text: impl Into<std::borrow::Cow<'static, str>>) -> Piece<'a> {
    Piece::Text(text.into())
}

/// An expression with nothing to its right.
pub(super) fn place<'a>(id: ExprId, min: u8) -> Piece<'a> {
    Piece::Expr { id, min, strip: false, open: true }
}

pub(super) fn list(entries: &[ExprId], between: &'static str, rest: &mut Vec<Piece<'_>>) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            rest.push(text(between));
        }
        rest.push(place(*entry, COMPARISON));
    }
}

fn names<'a>(names: &[&'a str], rest: &mut Vec<Piece<'a>>) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            rest.push(text(","));
        }
        rest.push(Piece::Name(name));
    }
}
