//! Whole numbers in dimensions and subscripts: polynomials of dimension names, and indices with whole coefficients.

use matgrad_syntax::{BinaryOp, Diagnostic, ExprId, ExprKind, Name, Rational};
use smallvec::SmallVec;

use super::elaborate::{Binding, Elaborator, Global};
use super::term::{Affine, TermId, TermKind, Type};
use crate::graph::Dim;

/// Where a whole number stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// `R^n`, `eye(n)`, `i:n`: a new name is a dimension name.
    Dimension,
    /// `x[i+1]`
    Subscript,
}

/// What an expression is as a whole number.
pub(super) enum Whole {
    Affine(Affine),
    /// A number that has to be worked out entry by entry, such as `i*j`.
    Other,
}

enum Step {
    Visit(ExprId),
    Apply(ExprId),
}

impl Elaborator<'_> {
    /// A dimension.
    pub fn dimension(&mut self, at: ExprId) -> Result<Dim, Box<Diagnostic>> {
        match self.whole(at, Place::Dimension)? {
            Whole::Affine(Affine { indices, constant }) if indices.is_empty() => {
                let resolved = self.dims.resolve(constant);
                if self.dims.table.value(resolved).is_some_and(|v| v < 1) || self.is_fraction(resolved) {
                    let text = self.dims.text(constant);
                    let message = format!("a dimension is a whole number from 1, this is {text}");
                    return Err(Box::new(Diagnostic::error("dimension", self.span(at), message)));
                }
                Ok(constant)
            }
            _ => Err(Box::new(
                Diagnostic::error("dimension", self.span(at), "a dimension cannot depend on an index")
                    .help("dimensions are whole numbers, dimension names and expressions of them"),
            )),
        }
    }

    fn is_fraction(&self, dim: Dim) -> bool {
        self.dims.table.value(dim).is_none()
            && matches!(self.dims.table.poly(dim).0.as_slice(), [(m, _)] if m.is_empty())
    }

    fn rational_dim(&mut self, value: &Rational) -> Dim {
        match value.to_i64() {
            Some(value) => self.dims.number(value),
            None => {
                let one = self.dims.number(1);
                self.dims.table.scale(one, value)
            }
        }
    }

    /// A whole number of dimensions and indices.
    pub fn whole(&mut self, at: ExprId, place: Place) -> Result<Whole, Box<Diagnostic>> {
        let plain = |constant| Affine { indices: SmallVec::new(), constant };
        let mut steps = vec![Step::Visit(at)];
        let mut values: Vec<Option<Affine>> = Vec::new();
        while let Some(step) = steps.pop() {
            match step {
                Step::Visit(id) => match self.ast.kind(id) {
                    ExprKind::Number(value) => {
                        let value = value.clone();
                        let dim = self.rational_dim(&value);
                        values.push(Some(plain(dim)));
                    }
                    ExprKind::Name(name) => {
                        let name = name.clone();
                        let value = self.whole_name(&name, id, place)?;
                        values.push(Some(value));
                    }
                    ExprKind::Neg(a) => {
                        steps.push(Step::Apply(id));
                        steps.push(Step::Visit(*a));
                    }
                    ExprKind::Binary(
                        BinaryOp::Add | BinaryOp::Sub | BinaryOp::Mul | BinaryOp::Div | BinaryOp::Pow,
                        a,
                        b,
                    ) => {
                        steps.push(Step::Apply(id));
                        steps.push(Step::Visit(*b));
                        steps.push(Step::Visit(*a));
                    }
                    ExprKind::Call { function, args, .. } if &**function == "size" && args.len() == 2 => {
                        let dim = self.size_of_name(args[0], args[1], id)?;
                        values.push(Some(plain(dim)));
                    }
                    // as in the size of singular vectors
                    ExprKind::Call { function, args, .. } if &**function == "min" && args.len() == 2 => {
                        steps.push(Step::Apply(id));
                        steps.push(Step::Visit(args[1]));
                        steps.push(Step::Visit(args[0]));
                    }
                    _ if place == Place::Subscript => values.push(None),
                    _ => {
                        return Err(Box::new(
                            Diagnostic::error("dimension", self.span(id), "this is no dimension")
                                .help("dimensions are whole numbers, dimension names and expressions of them"),
                        ));
                    }
                },
                Step::Apply(id) => {
                    let value = match self.ast.kind(id) {
                        ExprKind::Neg(_) => {
                            let a = values.pop().flatten();
                            a.map(|a| self.affine_scale(&a, &Rational::int(-1))).unwrap_or(None)
                        }
                        ExprKind::Call { .. } => {
                            let (b, a) = (values.pop().flatten(), values.pop().flatten());
                            a.zip(b)
                                .filter(|(a, b)| a.indices.is_empty() && b.indices.is_empty())
                                .map(|(a, b)| plain(self.dims.min(a.constant, b.constant)))
                        }
                        ExprKind::Binary(op, ..) => {
                            let op = *op;
                            let (b, a) = (values.pop().flatten(), values.pop().flatten());
                            match (a, b) {
                                (Some(a), Some(b)) => self.affine_binary(op, &a, &b),
                                _ => None,
                            }
                        }
                        _ => None,
                    };
                    if value.is_none() && place == Place::Dimension {
                        return Err(Box::new(
                            Diagnostic::error("dimension", self.span(id), "this is no dimension")
                                .help("dimensions are whole numbers, dimension names and expressions of them"),
                        ));
                    }
                    values.push(value);
                }
            }
        }
        Ok(values.pop().flatten().map_or(Whole::Other, Whole::Affine))
    }

    fn affine_scale(&mut self, a: &Affine, by: &Rational) -> Option<Affine> {
        let mut indices = SmallVec::new();
        for (index, c) in &a.indices {
            let c = (&Rational::int(*c) * by).to_i64()?;
            if c != 0 {
                indices.push((*index, c));
            }
        }
        Some(Affine { indices, constant: self.dims.table.scale(a.constant, by) })
    }

    fn affine_binary(&mut self, op: BinaryOp, a: &Affine, b: &Affine) -> Option<Affine> {
        match op {
            BinaryOp::Add | BinaryOp::Sub => {
                let b = if op == BinaryOp::Sub { self.affine_scale(b, &Rational::int(-1))? } else { b.clone() };
                let mut indices = a.indices.clone();
                for (index, c) in b.indices {
                    match indices.iter_mut().find(|(i, _)| *i == index) {
                        Some((_, d)) => *d = d.checked_add(c)?,
                        None => indices.push((index, c)),
                    }
                }
                indices.retain(|(_, c)| *c != 0);
                Some(Affine { indices, constant: self.dims.table.add(a.constant, b.constant) })
            }
            BinaryOp::Mul if a.indices.is_empty() && b.indices.is_empty() => {
                if self.too_long(a.constant) || self.too_long(b.constant) {
                    return None;
                }
                Some(Affine { indices: SmallVec::new(), constant: self.dims.table.mul(a.constant, b.constant) })
            }
            BinaryOp::Mul => {
                let (number, other) = if a.indices.is_empty() { (a, b) } else { (b, a) };
                let value = self.dims.value(number.constant).filter(|_| number.indices.is_empty())?;
                self.affine_scale(other, &Rational::int(value))
            }
            BinaryOp::Div if b.indices.is_empty() => {
                let value = self.dims.value(b.constant).filter(|v| *v != 0)?;
                self.affine_scale(a, &Rational::new(1, value))
            }
            BinaryOp::Pow if a.indices.is_empty() && b.indices.is_empty() => {
                let power = self.dims.value(b.constant).filter(|p| (0..=8).contains(p))?;
                let mut product = self.dims.number(1);
                for _ in 0..power {
                    if self.too_long(product) {
                        return None;
                    }
                    product = self.dims.table.mul(product, a.constant);
                }
                Some(Affine { indices: SmallVec::new(), constant: product })
            }
            _ => None,
        }
    }

    fn too_long(&self, dim: Dim) -> bool {
        self.dims.table.poly(dim).0.len() > 64
    }

    fn whole_name(&mut self, name: &Name, at: ExprId, place: Place) -> Result<Affine, Box<Diagnostic>> {
        let plain = |constant| Affine { indices: SmallVec::new(), constant };
        match self.lookup(name) {
            Some(Binding::Index(index)) => {
                let constant = self.dims.number(0);
                return Ok(Affine { indices: SmallVec::from_slice(&[(index, 1)]), constant });
            }
            Some(Binding::Value(term)) => return self.whole_term(term, name, at),
            None => {}
        }
        if self.dims.is_name(name) {
            return Ok(plain(self.dims.named(name)));
        }
        let mut known = self.globals.contains_key(name);
        if let Some(Global::Value(term)) = self.globals.get(name) {
            let term = *term;
            let ty = self.term(term).ty.clone();
            let variable = matches!(self.term(term).kind, TermKind::Variable(_)) && self.is_scalar(&ty);
            if place == Place::Subscript || !variable {
                return self.whole_term(term, name, at);
            }
            known = false; // dimensions have a name space of their own
        }
        if place == Place::Dimension && !known {
            return Ok(plain(self.dims.named(name)));
        }
        let message = match (known, place) {
            (true, Place::Dimension) => format!("`{name}` is no dimension"),
            (true, Place::Subscript) => format!("`{name}` is no whole number"),
            (false, _) => format!("no index `{name}` is bound here"),
        };
        let diagnostic = Diagnostic::error("unknown-index", self.span(at), message);
        Err(Box::new(
            diagnostic
                .help(format!("indices are bound by `sum[{name}](…)` or on the left of a definition `G[{name}] = …`")),
        ))
    }

    /// A value that is known to be a whole number, a dimension or an index.
    fn whole_term(&mut self, term: TermId, name: &Name, at: ExprId) -> Result<Affine, Box<Diagnostic>> {
        let plain = |constant| Affine { indices: SmallVec::new(), constant };
        match self.term(term).kind.clone() {
            TermKind::Dimension(dim) => Ok(plain(dim)),
            TermKind::Number(value) if value.is_integer() => Ok(plain(self.rational_dim(&value))),
            TermKind::Index(index) => {
                let constant = self.dims.number(0);
                Ok(Affine { indices: SmallVec::from_slice(&[(index, 1)]), constant })
            }
            _ => {
                let message = format!("`{name}` is no whole number here");
                Err(Box::new(Diagnostic::error("unknown-index", self.span(at), message)))
            }
        }
    }

    /// `size(X, k)` of a name.
    fn size_of_name(&mut self, base: ExprId, axis: ExprId, at: ExprId) -> Result<Dim, Box<Diagnostic>> {
        let ExprKind::Name(name) = self.ast.kind(base) else {
            let diagnostic = Diagnostic::error("dimension", self.span(at), "the size of a name is expected here");
            return Err(Box::new(diagnostic.help("give the value a name first: `Y = …`")));
        };
        let name = name.clone();
        let term = self.resolve_name(&name, base);
        let ty = self.term(term).ty.clone();
        self.size_of(&ty, axis, at)
    }

    /// The extent of a value along a literal axis.
    pub fn size_of(&mut self, ty: &Type, axis: ExprId, at: ExprId) -> Result<Dim, Box<Diagnostic>> {
        let axis_value = match self.ast.kind(axis) {
            ExprKind::Number(value) => value.to_i64().and_then(|v| usize::try_from(v).ok()),
            _ => None,
        };
        let found = match (ty, axis_value) {
            (Type::Grid(rows, _), Some(1)) => Some(*rows),
            (Type::Grid(_, cols), Some(2)) => Some(*cols),
            (Type::Grid(..), Some(3..)) => Some(self.dims.number(1)),
            (Type::Tensor(dims), Some(k)) if k > 0 => dims.get(k - 1).copied(),
            _ => None,
        };
        found.ok_or_else(|| {
            Box::new(
                Diagnostic::error("arguments", self.span(at), "the axis of `size` is a literal number from 1")
                    .help("`size(X, 1)` is the number of rows, `size(X, 2)` of columns"),
            )
        })
    }
}
