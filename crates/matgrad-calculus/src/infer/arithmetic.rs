//! Shapes of sums, products, powers and what works entry by entry.

use matgrad_syntax::{BinaryOp, Diagnostic, ExprId, ExprKind, Rational, Span};
use smallvec::{SmallVec, smallvec};

use super::elaborate::Elaborator;
use super::errors::{short_text, transposed_text};
use super::term::{Operation, TermId, TermKind, Type};
use crate::graph::MapOp;

/// Matrix powers up to this are written out as products.
const MAX_POWER: i64 = 64;

impl Elaborator<'_> {
    fn is_poison(&self, id: TermId) -> bool {
        matches!(self.term(id).ty, Type::Poison)
    }

    /// Whether one is poisoned; what follows then is, silently.
    pub fn poisoned(&mut self, args: &[TermId], at: ExprId) -> Option<TermId> {
        args.iter().any(|a| self.is_poison(*a)).then(|| self.push(TermKind::Poison, Type::Poison, at))
    }

    /// Makes two shapes equal.
    pub fn same_shape(&mut self, a: &Type, b: &Type, at: ExprId) -> bool {
        match (a, b) {
            (Type::Grid(r, c), Type::Grid(s, d)) => {
                self.dims.unify(*r, *s, at).is_ok() && self.dims.unify(*c, *d, at).is_ok()
            }
            (Type::Tensor(x), Type::Tensor(y)) => {
                x.len() == y.len() && x.iter().zip(y).all(|(p, q)| self.dims.unify(*p, *q, at).is_ok())
            }
            _ => false,
        }
    }

    pub fn negation(&mut self, a: TermId, at: ExprId) -> TermId {
        if let Some(value) = self.literal(a) {
            let value = -value.clone();
            return self.number(value, at);
        }
        let ty = self.term(a).ty.clone();
        let kind = if self.is_poison(a) { TermKind::Poison } else { TermKind::Apply(Operation::Neg, smallvec![a]) };
        self.push(kind, ty, at)
    }

    /// A sum of many; scalars are added to every entry.
    pub fn sum(&mut self, parts: &[(bool, ExprId)], terms: &[TermId], at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(terms, at) {
            return poison;
        }
        if let Some(values) = terms.iter().map(|t| self.literal(*t)).collect::<Option<Vec<&Rational>>>() {
            let signed =
                values.into_iter().zip(parts).map(|(v, (minus, _))| if *minus { -v.clone() } else { v.clone() });
            let value = signed.fold(Rational::ZERO, |a, b| a + b);
            return self.number(value, at);
        }
        let mut array: Option<(usize, Type)> = None;
        for (k, term) in terms.iter().enumerate() {
            let ty = self.term(*term).ty.clone();
            if self.is_scalar(&ty) {
                continue;
            }
            match &array {
                None => array = Some((k, ty)),
                Some((first, known)) => {
                    let (first, known) = (*first, known.clone());
                    if !self.same_shape(&known, &ty, at) {
                        let sign = if parts[k].0 { "-" } else { "+" };
                        let message = self.differ(&format!("`{sign}`"), &known, &ty);
                        let (one, two) = (parts[first].1, parts[k].1);
                        let operands =
                            [(self.span(one), &known, Some(terms[first])), (self.span(two), &ty, Some(*term))];
                        let mut diagnostic = self.mismatch(self.span(at), message, &operands);
                        diagnostic = self.transpose_help(diagnostic, two, &known, &ty);
                        return self.poison(diagnostic, at);
                    }
                }
            }
        }
        let ty = match array {
            Some((_, ty)) => ty,
            None => self.scalar(),
        };
        let terms = parts.iter().zip(terms).map(|((minus, _), t)| (*minus, *t)).collect();
        self.push(TermKind::Sum(terms), ty, at)
    }

    fn differ(&mut self, operator: &str, a: &Type, b: &Type) -> String {
        let (a, b) = (self.shape_text(a), self.shape_text(b));
        format!("the operands of {operator} have different shapes: {a} and {b}")
    }

    /// Suggests the transpose where it would fit.
    fn transpose_help(&mut self, diagnostic: Diagnostic, operand: ExprId, wanted: &Type, found: &Type) -> Diagnostic {
        let (Type::Grid(r, c), Type::Grid(s, d)) = (wanted, found) else { return diagnostic };
        let (r, c, s, d) = (self.dims.resolve(*r), self.dims.resolve(*c), self.dims.resolve(*s), self.dims.resolve(*d));
        if r == d && c == s {
            return diagnostic.help(match transposed_text(self.ast, operand) {
                Some(text) => format!("its transpose fits: `{text}`"),
                None => "the transpose of the second operand fits".into(),
            });
        }
        diagnostic
    }

    /// A chain of products, from left to right.
    pub fn product(&mut self, parts: &[ExprId], terms: &[TermId], at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(terms, at) {
            return poison;
        }
        if let Some(values) = terms.iter().map(|t| self.literal(*t)).collect::<Option<Vec<&Rational>>>() {
            let value = values.into_iter().fold(Rational::ONE, |a, b| &a * b);
            return self.number(value, at);
        }
        let mut ty = self.term(terms[0]).ty.clone();
        for k in 1..terms.len() {
            let next = self.term(terms[k]).ty.clone();
            if self.is_scalar(&ty) {
                ty = next;
                continue;
            }
            if self.is_scalar(&next) {
                continue;
            }
            ty = match (&ty, &next) {
                (Type::Grid(r, c), Type::Grid(s, d)) if self.dims.unify(*c, *s, at).is_ok() => Type::Grid(*r, *d),
                _ => {
                    let left = parts[..k].iter().fold(self.span(parts[0]), |s, p| s.join(self.span(*p)));
                    let left_expr = if k == 1 { Some(parts[0]) } else { None };
                    let left_term = if k == 1 { terms[0] } else { terms[k - 1] };
                    let diagnostic =
                        self.product_mismatch(at, (left, left_expr, &ty, left_term), (parts[k], &next, terms[k]));
                    return self.poison(diagnostic, at);
                }
            };
        }
        self.push(TermKind::Product(terms.to_vec()), ty, at)
    }

    fn product_mismatch(
        &mut self,
        at: ExprId,
        (left_span, left, a, left_term): (Span, Option<ExprId>, &Type, TermId),
        (right, b, right_term): (ExprId, &Type, TermId),
    ) -> Diagnostic {
        let (x, y) = (self.shape_text(a), self.shape_text(b));
        let message = match (a, b) {
            (Type::Grid(_, c), Type::Grid(s, _)) => {
                let (c, s) = (self.dims.text(*c), self.dims.text(*s));
                let plural = |n: &str| if n == "1" { "" } else { "s" };
                format!("cannot multiply {x} by {y}: {c} column{} against {s} row{}", plural(&c), plural(&s))
            }
            _ => format!("cannot multiply {x} by {y}: the product takes matrices, vectors and scalars"),
        };
        let right_span = self.span(right);
        let operands = [(left_span, a, Some(left_term)), (right_span, b, Some(right_term))];
        let mut diagnostic = self.mismatch(left_span.join(right_span).join(self.span(at)), message, &operands);
        let (Type::Grid(r, c), Type::Grid(s, d)) = (a, b) else { return diagnostic };
        let (r, c, s, d) = (self.dims.resolve(*r), self.dims.resolve(*c), self.dims.resolve(*s), self.dims.resolve(*d));
        let name = |e: Option<ExprId>| e.and_then(|e| short_text(self.ast, e));
        let turned = |e: Option<ExprId>| e.and_then(|e| transposed_text(self.ast, e));
        let (ln, rn) = (name(left), name(Some(right)));
        let (ln, rn) = (ln.as_deref().unwrap_or("(…)"), rn.as_deref().unwrap_or("(…)"));
        let (lt, rt) = (turned(left), turned(Some(right)));
        let (lt, rt) = (lt.as_deref().unwrap_or("(…)'"), rt.as_deref().unwrap_or("(…)'"));
        if r == s && c == d {
            diagnostic = diagnostic.help(format!("for the product of the entries write `{ln} .* {rn}`"));
        }
        if r == s {
            diagnostic = diagnostic.help(format!("a transpose makes the shapes fit: `{lt}*{rn}`"));
        }
        if c == d {
            diagnostic = diagnostic.help(format!("a transpose makes the shapes fit: `{ln}*{rt}`"));
        }
        if r == d && r != s {
            diagnostic = diagnostic.help(format!("the other order fits: `{rn}*{ln}`"));
        }
        diagnostic
    }

    pub fn binary(&mut self, op: BinaryOp, a: TermId, b: TermId, at: ExprId) -> TermId {
        if let Some(poison) = self.poisoned(&[a, b], at) {
            return poison;
        }
        let compare = |op, swap| Operation::Compare { op, swap };
        let operation = match op {
            BinaryOp::Hadamard => Operation::Hadamard,
            BinaryOp::ElemDiv => Operation::Divide,
            BinaryOp::ElemPow => Operation::ElemPower,
            BinaryOp::Less => compare(MapOp::Less, false),
            BinaryOp::LessEq => compare(MapOp::LessEq, false),
            BinaryOp::Greater => compare(MapOp::Less, true),
            BinaryOp::GreaterEq => compare(MapOp::LessEq, true),
            BinaryOp::Equal => compare(MapOp::Equal, false),
            BinaryOp::NotEqual => compare(MapOp::NotEqual, false),
            BinaryOp::Kron => return self.apply(Operation::Kron, smallvec![a, b], at),
            BinaryOp::Solve => return self.apply(Operation::Solve, smallvec![a, b], at),
            BinaryOp::Inner => Operation::Inner,
            BinaryOp::Div => return self.division(a, b, at),
            BinaryOp::Pow => return self.power(a, b, at),
            BinaryOp::Add | BinaryOp::Sub => {
                let ExprKind::Binary(_, x, y) = self.ast.kind(at) else { return a };
                return self.sum(&[(false, *x), (op == BinaryOp::Sub, *y)], &[a, b], at);
            }
            BinaryOp::Mul => {
                let ExprKind::Binary(_, x, y) = self.ast.kind(at) else { return a };
                return self.product(&[*x, *y], &[a, b], at);
            }
        };
        let symbol = match op {
            BinaryOp::Hadamard => "`.*`",
            BinaryOp::ElemDiv => "`./`",
            BinaryOp::ElemPow => "`.^`",
            BinaryOp::Inner => "`:`",
            _ => "a comparison",
        };
        let folded = match (self.literal(a), self.literal(b)) {
            (Some(x), Some(y)) => match operation {
                Operation::Hadamard => Some(x * y),
                Operation::Divide => y.recip().map(|r| x * &r),
                Operation::ElemPower => y.to_i64().and_then(|k| x.powi(k)),
                _ => None,
            },
            _ => None,
        };
        if let Some(value) = folded {
            return self.number(value, at);
        }
        let exprs = match self.ast.kind(at) {
            ExprKind::Binary(_, x, y) => [*x, *y],
            _ => [at, at],
        };
        match self.entrywise(symbol, &exprs, &[a, b], at) {
            Ok(ty) => {
                let ty = if operation == Operation::Inner { self.scalar() } else { ty };
                self.push(TermKind::Apply(operation, smallvec![a, b]), ty, at)
            }
            Err(diagnostic) => self.poison(*diagnostic, at),
        }
    }

    /// The shape of what works entry by entry: all operands alike, or scalars.
    pub fn entrywise(
        &mut self,
        symbol: &str,
        exprs: &[ExprId],
        args: &[TermId],
        at: ExprId,
    ) -> Result<Type, Box<Diagnostic>> {
        let mut array: Option<(usize, Type)> = None;
        for (k, arg) in args.iter().enumerate() {
            let ty = self.term(*arg).ty.clone();
            if self.is_scalar(&ty) {
                continue;
            }
            match &array {
                None => array = Some((k, ty)),
                Some((first, known)) => {
                    let (first, known) = (*first, known.clone());
                    if !self.same_shape(&known, &ty, at) {
                        let message = self.differ(symbol, &known, &ty);
                        let place = |k: usize| exprs.get(k).copied().unwrap_or(at);
                        let operands = [
                            (self.span(place(first)), &known, Some(args[first])),
                            (self.span(place(k)), &ty, Some(*arg)),
                        ];
                        let mut diagnostic = self.mismatch(self.span(at), message, &operands);
                        diagnostic = self.transpose_help(diagnostic, place(k), &known, &ty);
                        if let (Type::Grid(_, c), Type::Grid(s, _), "`.*`") = (&known, &ty, symbol) {
                            let (c, s) = (self.dims.resolve(*c), self.dims.resolve(*s));
                            if c == s {
                                diagnostic = diagnostic.help("the matrix product fits: write `*`");
                            }
                        }
                        return Err(Box::new(diagnostic));
                    }
                }
            }
        }
        Ok(match array {
            Some((_, ty)) => ty,
            None => self.scalar(),
        })
    }

    fn division(&mut self, a: TermId, b: TermId, at: ExprId) -> TermId {
        if let (Some(x), Some(y)) = (self.literal(a), self.literal(b).and_then(Rational::recip)) {
            let value = x * &y;
            return self.number(value, at);
        }
        let (left, right) = (self.term(a).ty.clone(), self.term(b).ty.clone());
        if !self.is_scalar(&right) {
            let (x, y) = self.operands_of(at);
            let shape = self.shape_text(&right);
            let message = format!("`/` divides by a scalar, this is {shape}");
            let operands = [(self.span(x), &left, None), (self.span(y), &right, Some(b))];
            let mut diagnostic = self.mismatch(self.span(at), message, &operands);
            let (ln, rn) = (short_text(self.ast, x), short_text(self.ast, y));
            let (ln, rn) = (ln.as_deref().unwrap_or("(…)"), rn.as_deref().unwrap_or("(…)"));
            diagnostic = diagnostic.help(format!("entry by entry: `{ln} ./ {rn}`"));
            if let Type::Grid(r, c) = &right
                && self.dims.resolve(*r) == self.dims.resolve(*c)
            {
                diagnostic = diagnostic.help(format!("with the inverse: `{ln}*{rn}^-1` or `{rn}\\{ln}`"));
            }
            return self.poison(diagnostic, at);
        }
        self.push(TermKind::Apply(Operation::Divide, smallvec![a, b]), left, at)
    }

    pub fn operands_of(&self, at: ExprId) -> (ExprId, ExprId) {
        match self.ast.kind(at) {
            ExprKind::Binary(_, x, y) => (*x, *y),
            _ => (at, at),
        }
    }

    fn power(&mut self, a: TermId, b: TermId, at: ExprId) -> TermId {
        let folded = match (self.literal(a), self.literal(b)) {
            (Some(x), Some(y)) => y.to_i64().and_then(|k| x.powi(k)),
            _ => None,
        };
        if let Some(value) = folded {
            return self.number(value, at);
        }
        let (base, exponent) = (self.term(a).ty.clone(), self.term(b).ty.clone());
        let (x, y) = self.operands_of(at);
        if !self.is_scalar(&exponent) {
            let shape = self.shape_text(&exponent);
            let message = format!("the exponent of `^` is a scalar, this is {shape}");
            let operands = [(self.span(x), &base, None), (self.span(y), &exponent, Some(b))];
            let diagnostic = self.mismatch(self.span(at), message, &operands);
            return self.poison(diagnostic.help("entry by entry: `.^`"), at);
        }
        if self.is_scalar(&base) {
            return self.push(TermKind::Apply(Operation::Power, smallvec![a, b]), base, at);
        }
        let whole = self.literal(b).and_then(Rational::to_i64);
        let Some(k) = whole else {
            let shape = self.shape_text(&base);
            let message = format!("a power of {shape} needs a whole number as exponent");
            let diagnostic = Diagnostic::error("power", self.span(at), message)
                .label(self.span(x), format!("this is {shape}"))
                .help("entry by entry: `.^`");
            return self.poison(diagnostic, at);
        };
        if k.abs() > MAX_POWER {
            let message = format!("a matrix power up to {MAX_POWER} is written out, this is {k}");
            return self.poison(Diagnostic::error("limit", self.span(y), message), at);
        }
        if let Type::Grid(r, c) = &base
            && self.dims.unify(*r, *c, at).is_ok()
        {
            return self.push(TermKind::Apply(Operation::MatrixPower(k), smallvec![a]), base, at);
        }
        let shape = self.shape_text(&base);
        let message = format!("`^` needs a square matrix or a scalar, this is {shape}");
        let mut diagnostic = self.mismatch(self.span(at), message, &[(self.span(x), &base, Some(a))]);
        if let Some(text) = short_text(self.ast, x) {
            diagnostic = diagnostic.help(format!("entry by entry: `{text}.^{k}`"));
            if k == 2 && matches!(&base, Type::Grid(_, c) if self.dims.is_one(*c)) {
                diagnostic = diagnostic.help(format!("the square of its length: `norm({text})^2` or `{text}'*{text}`"));
            }
        } else {
            diagnostic = diagnostic.help("entry by entry: `.^`");
        }
        self.poison(diagnostic, at)
    }

    /// The expressions of the arguments of a call, as far as it is one.
    pub fn argument_exprs(&self, at: ExprId) -> SmallVec<[ExprId; 2]> {
        match self.ast.kind(at) {
            ExprKind::Call { args, .. } => args.iter().copied().collect(),
            ExprKind::Binary(_, a, b) => smallvec![*a, *b],
            ExprKind::Transpose(a) | ExprKind::Neg(a) => smallvec![*a],
            _ => smallvec![at],
        }
    }
}
