//! One expression in pieces.

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Rational, Subscript};

use super::calls::{Shape, call_shape};
use super::kinds::Value;
use super::level::{CIRCLED, COMPARISON, INNER, POSTFIX, POWER, PRODUCT, SUM};
use super::mark::*;
use super::names::{entry_parts, name_parts, push_name};
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
            rest.extend([begin(Group::Brackets), place(id, COMPARISON), end(Group::Brackets)]);
            return;
        }
        match ast.kind(id) {
            ExprKind::Number(value) => self.number(value, strip),
            ExprKind::Name(name) => self.push_name(name),
            ExprKind::Neg(operand) => {
                let negative = self.leads_negative(id);
                if negative {
                    self.out.push(Mark::Sign(&MINUS));
                }
                rest.push(Piece::Expr { id: *operand, min: if negative { CIRCLED } else { min }, strip: true, open });
            }
            ExprKind::Transpose(operand) => match ast.kind(*operand) {
                ExprKind::Binary(BinaryOp::Pow, base, exponent) if self.is_minus_one(*exponent) => {
                    rest.push(self.base(*base));
                    script(Group::Above, [sign(&NEGATIVE_TRANSPOSED)], rest);
                }
                _ => {
                    rest.push(self.base(*operand));
                    script(Group::Above, [sign(&TRANSPOSED)], rest);
                }
            },
            ExprKind::Binary(op, left, right) => self.binary(*op, (*left, *right), strip, open, rest),
            ExprKind::Call { function, derivative, args, .. } => self.call(function, derivative, args, rest),
            ExprKind::Index(base, subscripts) => self.index(*base, subscripts, rest),
            ExprKind::Column(entries) => {
                let columns = entries.iter().any(|entry| matches!(self.value(*entry), Value::Column | Value::Matrix));
                rest.push(begin(Group::Matrix));
                list(entries, if columns { Mark::Cell } else { Mark::Row }, rest);
                rest.push(end(Group::Matrix));
            }
            ExprKind::Rows(rows) => {
                rest.push(begin(Group::Matrix));
                for (at, row) in rows.iter().enumerate() {
                    if at > 0 {
                        rest.push(Piece::Mark(Mark::Row));
                    }
                    list(row, Mark::Cell, rest);
                }
                rest.push(end(Group::Matrix));
            }
            ExprKind::Reduce { op, indices, condition, body } => {
                let operator = match op.name() {
                    "sum" => &SUMMATION,
                    "prod" => &PRODUCT_SIGN,
                    "max" => &MAX,
                    "min" => &MIN,
                    "mean" => &MEAN,
                    _ => &LOGSUMEXP,
                };
                rest.push(sign(operator));
                let free: Vec<&str> =
                    indices.iter().filter(|index| index.range.is_none()).map(|index| &*index.name).collect();
                let ranged: Vec<(&str, ExprId)> =
                    indices.iter().filter_map(|index| index.range.map(|range| (&*index.name, range))).collect();
                let conditions = condition.map(|condition| self.conditions(condition)).unwrap_or_default();
                let such_that = |rest: &mut Vec<Piece<'a>>| {
                    for (k, condition) in conditions.iter().enumerate() {
                        rest.push(sign(if k == 0 { &SUCH_THAT } else { &COMMA }));
                        rest.push(place(*condition, COMPARISON));
                    }
                };
                if !free.is_empty() {
                    rest.push(begin(Group::Below));
                    names(&free, rest);
                    if ranged.is_empty() {
                        such_that(rest);
                    }
                    rest.push(end(Group::Below));
                }
                for (k, (name, range)) in ranged.iter().enumerate() {
                    if k > 0 || !free.is_empty() {
                        rest.extend([sign(&SPACE), sign(operator)]);
                    }
                    let one = Piece::Mark(Mark::Number("1".into()));
                    rest.extend([begin(Group::Below), Piece::Name(name), sign(&FROM), one]);
                    // under the last sign all indices are known
                    if k + 1 == ranged.len() {
                        such_that(rest);
                    }
                    rest.push(end(Group::Below));
                    script(Group::Above, [place(*range, COMPARISON)], rest);
                }
                rest.extend([sign(&SPACE), place(*body, CIRCLED)]);
            }
        }
    }

    /// The conditions of which this one is the product.
    fn conditions(&self, condition: ExprId) -> Vec<ExprId> {
        let mut found = Vec::new();
        let mut todo = vec![condition];
        while let Some(id) = todo.pop() {
            match self.ast.kind(id) {
                ExprKind::Binary(BinaryOp::Mul, a, b) => todo.extend([*b, *a]),
                _ => found.push(id),
            }
        }
        let compares = |id: &ExprId| {
            use BinaryOp::{Equal, Greater, GreaterEq, Less, LessEq, NotEqual};
            let op = match self.ast.kind(*id) {
                ExprKind::Binary(op, ..) => *op,
                _ => return false,
            };
            matches!(op, Less | LessEq | Greater | GreaterEq | Equal | NotEqual)
        };
        if found.iter().all(compares) { found } else { vec![condition] }
    }

    fn is_minus_one(&self, id: ExprId) -> bool {
        matches!(self.ast.kind(id), ExprKind::Number(value) if value.is_minus_one())
    }

    fn number(&mut self, value: &Rational, strip: bool) {
        if value.is_negative() && !strip {
            self.out.push(Mark::Sign(&MINUS));
        }
        let number = crate::text::number_text(value);
        let digits = |digits: &str| Mark::Number(digits.to_owned().into());
        match (number.text.split_once('/'), number.text.split_once('e')) {
            (Some((n, d)), _) => {
                let fraction = Group::Fraction;
                self.out.extend([Mark::Open(fraction), digits(n), Mark::Over, digits(d), Mark::Close(fraction)]);
            }
            (None, Some((mantissa, exponent))) => {
                if mantissa != "1" {
                    self.out.extend([digits(mantissa), Mark::Sign(&POINT)]);
                }
                self.out.extend([digits("10"), Mark::Open(Group::Above)]);
                if exponent.starts_with('-') {
                    self.out.push(Mark::Sign(&MINUS));
                }
                self.out.extend([digits(exponent.trim_start_matches('-')), Mark::Close(Group::Above)]);
            }
            _ => self.out.push(Mark::Number(number.text.into())),
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
                rest.push(sign(if minus { &LESS } else { &PLUS }));
                let min = if op == BinaryOp::Add && !negative { SUM } else { CIRCLED };
                rest.push(Piece::Expr { id: right, min, strip: negative, open });
            }
            BinaryOp::Mul => {
                rest.push(left_of(PRODUCT));
                rest.push(sign(if self.starts_with_number(right) { &POINT } else { &APART }));
                rest.push(Piece::Expr { id: right, min: POWER, strip: false, open });
            }
            BinaryOp::Solve => {
                rest.push(self.base(left));
                script(Group::Above, [sign(&MINUS_ONE)], rest);
                rest.extend([sign(&APART), Piece::Expr { id: right, min: POWER, strip: false, open }]);
            }
            BinaryOp::Div => {
                if !strip && self.leads_negative(left) {
                    rest.push(sign(&MINUS));
                }
                rest.push(begin(Group::Fraction));
                let strip = strip || self.leads_negative(left);
                rest.push(Piece::Expr { id: left, min: if strip { CIRCLED } else { COMPARISON }, strip, open: true });
                rest.extend([Piece::Mark(Mark::Over), place(right, COMPARISON), end(Group::Fraction)]);
            }
            BinaryOp::Hadamard | BinaryOp::ElemDiv | BinaryOp::Kron => {
                let circled = match op {
                    BinaryOp::Hadamard => &ENTRYWISE,
                    BinaryOp::ElemDiv => &DIVIDED,
                    _ => &KRONECKER,
                };
                let same = matches!(self.ast.kind(self.unsigned(left)), ExprKind::Binary(other, ..) if *other == op);
                rest.push(left_of(if same { CIRCLED } else { PRODUCT }));
                rest.push(sign(circled));
                let min = if self.leads_negative(right) { POWER } else { PRODUCT };
                rest.push(Piece::Expr { id: right, min, strip: false, open });
            }
            BinaryOp::Inner => rest.extend([place(left, INNER), sign(&INNER_PRODUCT), place(right, SUM)]),
            BinaryOp::Pow | BinaryOp::ElemPow => {
                rest.push(self.base(left));
                let entries = op == BinaryOp::ElemPow && self.value(left) != Value::Scalar;
                rest.push(begin(Group::Above));
                if entries {
                    rest.push(sign(&BY_ENTRIES));
                }
                self.exponent(right, rest);
                rest.push(end(Group::Above));
            }
            _ => {
                let relation = match op {
                    BinaryOp::Less => &SMALLER,
                    BinaryOp::Greater => &GREATER,
                    BinaryOp::LessEq => &AT_MOST,
                    BinaryOp::GreaterEq => &AT_LEAST,
                    BinaryOp::NotEqual => &UNEQUAL,
                    _ => &EQUAL,
                };
                rest.extend([place(left, INNER), sign(relation), place(right, INNER)]);
            }
        }
    }

    /// Fractions in exponents are set on the line.
    fn exponent(&self, id: ExprId, rest: &mut Vec<Piece<'a>>) {
        let number = match self.ast.kind(id) {
            ExprKind::Number(value) if !value.is_integer() => value,
            _ => {
                rest.push(place(id, COMPARISON));
                return;
            }
        };
        let text = crate::text::number_text(number).text;
        if number.is_negative() {
            rest.push(sign(&MINUS));
        }
        let digits = |digits: &str| Piece::Mark(Mark::Number(digits.to_owned().into()));
        match text.split_once('/') {
            Some((n, d)) => rest.extend([digits(n), sign(&SLASH), digits(d)]),
            None => rest.push(digits(&text)),
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
        let mut under = Vec::new();
        match self.ast.kind(base) {
            ExprKind::Name(name) => {
                let parts = match (&**name, entry) {
                    ("delta" | "eps", _) => entry_parts(if &**name == "eps" { "epsilon" } else { "delta" }),
                    (name, true) if self.kind_of(name) != Kind::Step => entry_parts(name),
                    (name, _) => name_parts(name, self.kind),
                };
                rest.extend(parts.base.into_iter().map(Piece::Mark));
                under = parts.subscript;
            }
            // a constant such as `eye(n)` has its subscript already
            ExprKind::Call { .. } | ExprKind::Index(..) => rest.push(place(base, POSTFIX + 1)),
            _ => rest.push(self.base(base)),
        }
        rest.push(begin(Group::Below));
        if !under.is_empty() {
            rest.extend(under.into_iter().map(Piece::Mark));
            rest.push(sign(&TIGHT_COMMA));
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
            if at > 0 {
                rest.push(sign(if tight { &NOTHING } else { &TIGHT_COMMA }));
            }
            match subscript {
                Subscript::All => rest.push(sign(&COLON)),
                Subscript::At(id) => self.subscript(*id, rest),
                Subscript::Range(from, to) => {
                    self.subscript(*from, rest);
                    rest.push(sign(&COLON));
                    self.subscript(*to, rest);
                }
            }
        }
        rest.push(end(Group::Below));
    }

    /// Indices are italic whatever the convention says of their names.
    fn subscript(&self, id: ExprId, rest: &mut Vec<Piece<'a>>) {
        match self.ast.kind(id) {
            ExprKind::Name(name) => {
                let mut marks = Vec::new();
                push_name(&mut marks, name, &|_| Kind::Scalar);
                rest.extend(marks.into_iter().map(Piece::Mark));
            }
            _ => rest.push(place(id, SUM)),
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

pub(super) fn sign<'a>(sign: &'static Sign) -> Piece<'a> {
    Piece::Mark(Mark::Sign(sign))
}

pub(super) fn begin<'a>(group: Group) -> Piece<'a> {
    Piece::Mark(Mark::Open(group))
}

pub(super) fn end<'a>(group: Group) -> Piece<'a> {
    Piece::Mark(Mark::Close(group))
}

/// What goes above or below what stands before.
pub(super) fn script<'a, const N: usize>(group: Group, pieces: [Piece<'a>; N], rest: &mut Vec<Piece<'a>>) {
    rest.push(begin(group));
    rest.extend(pieces);
    rest.push(end(group));
}

/// An expression with nothing to its right.
pub(super) fn place<'a>(id: ExprId, min: u8) -> Piece<'a> {
    Piece::Expr { id, min, strip: false, open: true }
}

pub(super) fn list(entries: &[ExprId], between: Mark, rest: &mut Vec<Piece<'_>>) {
    for (at, entry) in entries.iter().enumerate() {
        if at > 0 {
            rest.push(Piece::Mark(between.clone()));
        }
        rest.push(place(*entry, COMPARISON));
    }
}

fn names<'a>(names: &[&'a str], rest: &mut Vec<Piece<'a>>) {
    for (at, name) in names.iter().enumerate() {
        if at > 0 {
            rest.push(sign(&TIGHT_COMMA));
        }
        rest.push(Piece::Name(name));
    }
}
