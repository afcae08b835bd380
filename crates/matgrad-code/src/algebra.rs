//! Constructors that bring operations to one form, so that equal work is one node, and no array is made that a smaller one
//! can stand for: `diag(v)*A` scales rows, `A^-1*b` is a solution, `tr(A*B)` a sum of products.

use matgrad_calculus::graph::{Dim, MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Rational, Reducer};
use smallvec::{SmallVec, smallvec};

use crate::program::{Args, Entry, Id, Op, Program};

impl Program {
    /// A literal.
    pub fn literal(&mut self, value: Rational) -> Id {
        self.intern(Op::Number(value), Args::new(), Shape::Scalar)
    }

    /// All entries alike.
    pub fn full(&mut self, value: Rational, shape: Shape) -> Id {
        match shape {
            Shape::Scalar => self.literal(value),
            Shape::Row(n) => {
                let column = self.full(value, Shape::Column(n));
                self.transpose(column)
            }
            shape => {
                let (dims, mut args) = (shape.axes(), Args::new());
                // equal shapes are one node: the sizes are arguments
                for dim in dims {
                    let size = self.size(dim);
                    args.push(size);
                }
                self.intern(Op::Full(value), args, shape)
            }
        }
    }

    /// A dimension as a number.
    pub fn size(&mut self, dim: Dim) -> Id {
        match self.sizes.value(dim) {
            Some(value) => self.literal(Rational::int(value)),
            None => self.intern(Op::Size(dim), Args::new(), Shape::Scalar),
        }
    }

    /// The identity.
    pub fn eye(&mut self, n: Dim) -> Id {
        if self.sizes.is_one(n) {
            return self.literal(Rational::ONE);
        }
        let size = self.size(n);
        self.intern(Op::Eye, smallvec![size], Shape::Matrix(n, n))
    }

    fn constant_of(&self, id: Id) -> Option<Rational> {
        match self.op(id) {
            Op::Number(value) | Op::Full(value) => Some(value.clone()),
            Op::Transpose => self.constant_of(self.args(id)[0]),
            _ => None,
        }
    }

    fn is_constant(&self, id: Id, value: i64) -> bool {
        self.constant_of(id).is_some_and(|own| own == Rational::int(value))
    }

    /// The transpose; of a scalar, itself.
    pub fn transpose(&mut self, x: Id) -> Id {
        if *self.op(x) == Op::Transpose {
            return self.args(x)[0];
        }
        let shape = match self.shape(x) {
            Shape::Scalar | Shape::Tensor(_) => return x,
            Shape::Column(n) => Shape::Row(*n),
            Shape::Row(n) => Shape::Column(*n),
            Shape::Matrix(m, n) => Shape::Matrix(*n, *m),
        };
        match self.op(x).clone() {
            Op::Eye | Op::DiagMatrix => return x,
            // a row is always the transpose of a column
            Op::Neg if matches!(shape, Shape::Matrix(..)) => {
                let inner = self.transpose(self.args(x)[0]);
                return self.neg(inner);
            }
            Op::Outer => {
                let (a, b) = (self.args(x)[0], self.args(x)[1]);
                return self.outer(b, a);
            }
            Op::ScaleRows => {
                let (v, a) = (self.args(x)[0], self.args(x)[1]);
                let a = self.transpose(a);
                return self.scale_cols(v, a);
            }
            Op::ScaleCols => {
                let (v, a) = (self.args(x)[0], self.args(x)[1]);
                let a = self.transpose(a);
                return self.scale_rows(v, a);
            }
            Op::Full(value) => {
                if let Shape::Matrix(..) = shape {
                    return self.full(value, shape);
                }
            }
            Op::Triangle { lower } => {
                let inner = self.transpose(self.args(x)[0]);
                return self.intern(Op::Triangle { lower: !lower }, smallvec![inner], shape);
            }
            _ => {}
        }
        self.intern(Op::Transpose, smallvec![x], shape)
    }

    /// A row as the column it is the transpose of, and whether it was one.
    fn upright(&mut self, x: Id) -> (Id, bool) {
        match self.shape(x) {
            Shape::Row(_) => (self.transpose(x), true),
            _ => (x, false),
        }
    }

    /// Makes something of columns and gives it back lying down where the arguments were rows.
    fn standing(&mut self, args: &[Id], make: impl FnOnce(&mut Self, &[Id]) -> Id) -> Id {
        let mut row = false;
        let upright: SmallVec<[Id; 4]> = args
            .iter()
            .map(|a| {
                let (id, was) = self.upright(*a);
                row |= was;
                id
            })
            .collect();
        let made = make(self, &upright);
        if row { self.transpose(made) } else { made }
    }

    /// The shape of what works entry by entry.
    fn wide(&self, args: &[Id]) -> Shape {
        args.iter().map(|a| self.shape(*a)).find(|s| **s != Shape::Scalar).cloned().unwrap_or(Shape::Scalar)
    }

    /// `-x`
    pub fn neg(&mut self, x: Id) -> Id {
        match self.op(x).clone() {
            Op::Neg => return self.args(x)[0],
            Op::Number(value) => return self.literal(-value),
            Op::Full(value) => {
                let shape = self.shape(x).clone();
                return self.full(-value, shape);
            }
            Op::Mul => {
                let args: Args = self.node(x).args.clone();
                if let Some(value) = args.first().and_then(|a| self.number(*a).cloned())
                    && value.is_negative()
                {
                    let first = self.literal(-value);
                    let all: Vec<Id> = std::iter::once(first).chain(args[1..].iter().copied()).collect();
                    return self.mul(&all);
                }
            }
            _ => {}
        }
        if matches!(self.shape(x), Shape::Row(_)) {
            return self.standing(&[x], |p, a| p.neg(a[0]));
        }
        let shape = self.shape(x).clone();
        self.intern(Op::Neg, smallvec![x], shape)
    }

    /// The sum of these, those marked taken off.
    pub fn sum(&mut self, terms: &[(bool, Id)]) -> Id {
        if terms.iter().any(|(_, t)| matches!(self.shape(*t), Shape::Row(_))) {
            let ids: Vec<Id> = terms.iter().map(|(_, id)| *id).collect();
            let signs: Vec<bool> = terms.iter().map(|(minus, _)| *minus).collect();
            return self.standing(&ids, |p, ids| {
                let terms: Vec<(bool, Id)> = signs.iter().copied().zip(ids.iter().copied()).collect();
                p.sum(&terms)
            });
        }
        let ids: Vec<Id> = terms.iter().map(|(_, id)| *id).collect();
        let shape = self.wide(&ids);
        let mut flat: Vec<(bool, Id)> = Vec::with_capacity(terms.len());
        let mut constant = Rational::ZERO;
        for (minus, id) in terms {
            let (mut minus, mut id) = (*minus, *id);
            if *self.op(id) == Op::Neg {
                minus = !minus;
                id = self.args(id)[0];
            }
            let whole = *self.shape(id) == shape;
            match self.op(id).clone() {
                Op::Number(value) => constant = if minus { constant - value } else { constant + value },
                Op::Full(value) if value.is_zero() => {}
                Op::Sum(signs) if whole => {
                    for (sign, arg) in signs.iter().zip(self.node(id).args.clone()) {
                        if let (Op::Number(value), true) = (self.op(arg).clone(), true) {
                            constant = if minus != *sign { constant - value } else { constant + value };
                        } else {
                            flat.push((minus != *sign, arg));
                        }
                    }
                }
                _ => flat.push((minus, id)),
            }
        }
        // what is added and taken off leaves nothing
        let mut k = 0;
        while k < flat.len() {
            match flat[k + 1..].iter().position(|(minus, id)| *id == flat[k].1 && *minus != flat[k].0) {
                Some(other) => {
                    flat.remove(k + 1 + other);
                    flat.remove(k);
                }
                None => k += 1,
            }
        }
        if !flat.iter().any(|(_, id)| *self.shape(*id) == shape) && shape != Shape::Scalar {
            let wide = self.full(constant.clone(), shape.clone());
            if flat.is_empty() {
                return wide;
            }
            constant = Rational::ZERO;
            flat.push((false, wide));
        }
        flat.sort_by_key(|(_, id)| *id);
        if flat.is_empty() {
            return self.full(constant, shape);
        }
        if !constant.is_zero() {
            let (minus, value) = (constant.is_negative(), constant.abs());
            let value = self.literal(value);
            flat.push((minus, value));
        }
        // the first term has a plus: a sum and its negative share their work
        let negative = flat[0].0;
        if negative {
            flat.iter_mut().for_each(|(minus, _)| *minus = !*minus);
        }
        let made = if let [(_, only)] = flat.as_slice() {
            *only
        } else {
            let signs = flat.iter().map(|(minus, _)| *minus).collect();
            self.intern(Op::Sum(signs), flat.iter().map(|(_, id)| *id).collect(), shape)
        };
        if negative { self.neg(made) } else { made }
    }

    /// The product of the entries; scalars go to every entry.
    pub fn mul(&mut self, factors: &[Id]) -> Id {
        if factors.iter().any(|f| matches!(self.shape(*f), Shape::Row(_))) {
            return self.standing(factors, |p, f| p.mul(f));
        }
        let shape = self.wide(factors);
        let mut coefficient = Rational::ONE;
        let mut flat: Vec<Id> = Vec::with_capacity(factors.len());
        let mut todo: Vec<Id> = factors.iter().rev().copied().collect();
        while let Some(id) = todo.pop() {
            match self.op(id).clone() {
                Op::Number(value) => coefficient = coefficient * value,
                Op::Full(value) if !value.is_zero() && *self.shape(id) == shape => {
                    coefficient = coefficient * value;
                }
                Op::Neg => {
                    coefficient = -coefficient;
                    todo.push(self.args(id)[0]);
                }
                Op::Mul => todo.extend(self.args(id).iter().rev()),
                _ => flat.push(id),
            }
        }
        if coefficient.is_zero() || flat.iter().any(|f| self.is_constant(*f, 0)) {
            return self.full(Rational::ZERO, shape);
        }
        if shape != Shape::Scalar && !flat.iter().any(|f| *self.shape(*f) == shape) {
            let ones = self.full(Rational::ONE, shape.clone());
            flat.push(ones);
        }
        flat.sort_by_key(|id| (*self.shape(*id) != Shape::Scalar, *id));
        // equal factors are a power
        let mut joined: Vec<Id> = Vec::with_capacity(flat.len());
        let mut k = 0;
        while k < flat.len() {
            let run = flat[k..].iter().take_while(|id| **id == flat[k]).count();
            let one = if run > 1 {
                let exponent = self.literal(Rational::int(run as i64));
                self.pow(flat[k], exponent)
            } else {
                flat[k]
            };
            joined.push(one);
            k += run;
        }
        let negative = coefficient.is_negative();
        let value = coefficient.abs();
        let made = if joined.is_empty() {
            self.literal(value.clone())
        } else if value.is_one() && joined.len() == 1 {
            joined[0]
        } else {
            let mut args = Args::new();
            if !value.is_one() {
                args.push(self.literal(value));
            }
            args.extend(joined);
            self.intern(Op::Mul, args, shape)
        };
        if negative { self.neg(made) } else { made }
    }

    /// The quotient of the entries.
    pub fn div(&mut self, a: Id, b: Id) -> Id {
        if matches!(self.shape(a), Shape::Row(_)) || matches!(self.shape(b), Shape::Row(_)) {
            return self.standing(&[a, b], |p, x| p.div(x[0], x[1]));
        }
        if let Some(inverse) = self.number(b).and_then(Rational::recip) {
            if let Some(value) = self.number(a) {
                let value = value.clone() * inverse;
                return self.literal(value);
            }
            if inverse.is_one() || inverse.is_minus_one() {
                let factor = self.literal(inverse);
                return self.mul(&[factor, a]);
            }
        }
        for (x, first) in [(a, true), (b, false)] {
            if *self.op(x) == Op::Neg {
                let inner = self.args(x)[0];
                let made = if first { self.div(inner, b) } else { self.div(a, inner) };
                return self.neg(made);
            }
        }
        let shape = self.wide(&[a, b]);
        if self.is_constant(a, 0) {
            return self.full(Rational::ZERO, shape);
        }
        // the numerator needs no array where it is one number
        let a = match self.constant_of(a) {
            Some(value) if *self.shape(b) == shape => self.literal(value),
            _ => a,
        };
        self.intern(Op::Div, smallvec![a, b], shape)
    }

    /// Powers of entries.
    pub fn pow(&mut self, base: Id, exponent: Id) -> Id {
        if matches!(self.shape(base), Shape::Row(_)) || matches!(self.shape(exponent), Shape::Row(_)) {
            return self.standing(&[base, exponent], |p, x| p.pow(x[0], x[1]));
        }
        let shape = self.wide(&[base, exponent]);
        if let Some(power) = self.number(exponent).cloned() {
            if power.is_one() {
                return base;
            }
            if power.is_zero() {
                return self.full(Rational::ONE, shape);
            }
            if power.is_minus_one() {
                let one = self.literal(Rational::ONE);
                return self.div(one, base);
            }
            if power == Rational::new(1, 2) {
                return self.entry(Entry::Sqrt, &[base]);
            }
            if power == Rational::new(-1, 2) {
                let (one, root) = (self.literal(Rational::ONE), self.entry(Entry::Sqrt, &[base]));
                return self.div(one, root);
            }
            if let Some(value) = self.number(base).and_then(|value| power.to_i64().and_then(|k| value.powi(k))) {
                return self.literal(value);
            }
            match self.op(base) {
                Op::Norm if power == Rational::int(2) => {
                    let x = self.args(base)[0];
                    return self.dot(x, x);
                }
                Op::Entry(Entry::Sqrt) if power == Rational::int(2) => return self.args(base)[0],
                Op::Neg if power.is_even() => {
                    let inner = self.args(base)[0];
                    return self.pow(inner, exponent);
                }
                _ => {}
            }
            if power.is_negative() {
                let (one, up) = (self.literal(Rational::ONE), self.literal(-power));
                let power = self.pow(base, up);
                return self.div(one, power);
            }
        }
        self.intern(Op::Pow, smallvec![base, exponent], shape)
    }

    /// A function of the entries.
    pub fn entry(&mut self, function: Entry, args: &[Id]) -> Id {
        if args.iter().any(|a| matches!(self.shape(*a), Shape::Row(_))) {
            return self.standing(args, |p, a| p.entry(function, a));
        }
        let shape = self.wide(args);
        if let (Entry::Map(MapOp::Equal | MapOp::LessEq), [a, b]) = (function, args)
            && a == b
        {
            return self.full(Rational::ONE, shape);
        }
        self.intern(Op::Entry(function), Args::from_slice(args), shape)
    }

    /// A scalar or a sign in front of an array, and the array: what a product may be moved past.
    pub fn halves(&mut self, x: Id) -> (Option<Id>, Id) {
        match self.op(x).clone() {
            Op::Neg => {
                let minus = self.literal(Rational::int(-1));
                (Some(minus), self.args(x)[0])
            }
            Op::Mul if *self.shape(x) != Shape::Scalar => {
                let args = self.node(x).args.clone();
                let (scalars, arrays): (Vec<Id>, Vec<Id>) = args.iter().partition(|a| self.is_scalar(**a));
                if scalars.is_empty() {
                    return (None, x);
                }
                let (scalar, array) = (self.mul(&scalars), self.mul(&arrays));
                (Some(scalar), array)
            }
            Op::Div if *self.shape(x) != Shape::Scalar && self.is_scalar(self.args(x)[1]) => {
                let (a, b) = (self.args(x)[0], self.args(x)[1]);
                let one = self.literal(Rational::ONE);
                let scalar = self.div(one, b);
                (Some(scalar), a)
            }
            Op::Transpose => {
                let (scalar, inner) = self.halves(self.args(x)[0]);
                match scalar {
                    Some(scalar) => (Some(scalar), self.transpose(inner)),
                    None => (None, x),
                }
            }
            _ => (None, x),
        }
    }

    /// Makes a product of two arrays, with the scalars in front of both in front of it.
    fn past_scalars(&mut self, a: Id, b: Id, make: impl FnOnce(&mut Self, Id, Id) -> Id) -> Id {
        let ((s, x), (t, y)) = (self.halves(a), self.halves(b));
        let made = make(self, x, y);
        let all: Vec<Id> = s.into_iter().chain(t).chain([made]).collect();
        if all.len() == 1 { made } else { self.mul(&all) }
    }

    /// The sum of the products of the entries.
    pub fn dot(&mut self, a: Id, b: Id) -> Id {
        let (a, _) = self.upright(a);
        let (b, _) = self.upright(b);
        if self.is_scalar(a) || self.is_scalar(b) {
            let product = self.mul(&[a, b]);
            return self.reduce(Reducer::Sum, None, product);
        }
        self.past_scalars(a, b, |p, a, b| {
            for (x, y) in [(a, b), (b, a)] {
                if p.is_constant(x, 1) {
                    return p.reduce(Reducer::Sum, None, y);
                }
                if *p.op(x) == Op::Eye {
                    return p.trace(y);
                }
            }
            // both transposed, or neither
            let (a, b) = match (p.op(a), p.op(b)) {
                (Op::Transpose, Op::Transpose) => (p.args(a)[0], p.args(b)[0]),
                _ => (a, b),
            };
            p.intern(Op::Dot, smallvec![a.min(b), a.max(b)], Shape::Scalar)
        })
    }

    /// A column times a row, both given as columns.
    pub fn outer(&mut self, a: Id, b: Id) -> Id {
        let (Shape::Column(m), Shape::Column(n)) = (self.shape(a).clone(), self.shape(b).clone()) else {
            return self.mul(&[a, b]);
        };
        self.past_scalars(a, b, |p, a, b| p.intern(Op::Outer, smallvec![a, b], Shape::Matrix(m, n)))
    }

    /// `diag(v)*A`
    pub fn scale_rows(&mut self, v: Id, a: Id) -> Id {
        match self.op(a).clone() {
            Op::DiagMatrix => {
                let inner = self.args(a)[0];
                let product = self.mul(&[v, inner]);
                return self.diag_matrix(product);
            }
            Op::Eye => return self.diag_matrix(v),
            Op::Outer => {
                let (x, y) = (self.args(a)[0], self.args(a)[1]);
                let product = self.mul(&[v, x]);
                return self.outer(product, y);
            }
            _ => {}
        }
        let shape = self.shape(a).clone();
        self.past_scalars(v, a, |p, v, a| p.intern(Op::ScaleRows, smallvec![v, a], shape))
    }

    /// `A*diag(v)`
    pub fn scale_cols(&mut self, v: Id, a: Id) -> Id {
        match self.op(a).clone() {
            Op::DiagMatrix | Op::Eye => return self.scale_rows(v, a),
            Op::Outer => {
                let (x, y) = (self.args(a)[0], self.args(a)[1]);
                let product = self.mul(&[v, y]);
                return self.outer(x, product);
            }
            _ => {}
        }
        let shape = self.shape(a).clone();
        self.past_scalars(v, a, |p, v, a| p.intern(Op::ScaleCols, smallvec![v, a], shape))
    }

    /// The diagonal matrix of a column.
    pub fn diag_matrix(&mut self, v: Id) -> Id {
        let (v, _) = self.upright(v);
        let Shape::Column(n) = *self.shape(v) else { return v };
        let (scalar, inner) = self.halves(v);
        if self.is_constant(inner, 1) {
            let eye = self.eye(n);
            return match scalar {
                Some(scalar) => self.mul(&[scalar, eye]),
                None => eye,
            };
        }
        let made = self.intern(Op::DiagMatrix, smallvec![inner], Shape::Matrix(n, n));
        match scalar {
            Some(scalar) => self.mul(&[scalar, made]),
            None => made,
        }
    }

    /// The diagonal of a matrix.
    pub fn diag_part(&mut self, a: Id) -> Id {
        let Shape::Matrix(n, _) = *self.shape(a) else { return a };
        let args = self.node(a).args.clone();
        match self.op(a) {
            Op::DiagMatrix => return args[0],
            Op::Eye => return self.full(Rational::ONE, Shape::Column(n)),
            Op::Transpose => return self.diag_part(args[0]),
            Op::Outer => return self.mul(&[args[0], args[1]]),
            Op::Sum(signs) => {
                let signs = signs.clone();
                let parts: Vec<(bool, Id)> = signs.into_iter().zip(args.iter().map(|a| self.diag_part(*a))).collect();
                return self.sum(&parts);
            }
            Op::MatMul => {
                let turned = self.transpose(args[1]);
                let product = self.mul(&[args[0], turned]);
                return self.reduce(Reducer::Sum, Some(1), product);
            }
            _ => {}
        }
        self.intern(Op::DiagPart, smallvec![a], Shape::Column(n))
    }

    /// The trace.
    pub fn trace(&mut self, a: Id) -> Id {
        if self.is_scalar(a) {
            return a;
        }
        let args = self.node(a).args.clone();
        match self.op(a) {
            Op::MatMul => {
                let turned = self.transpose(args[0]);
                return self.dot(turned, args[1]);
            }
            Op::Outer => return self.dot(args[0], args[1]),
            Op::Transpose => return self.trace(args[0]),
            Op::DiagMatrix => return self.reduce(Reducer::Sum, None, args[0]),
            _ => {}
        }
        let (scalar, inner) = self.halves(a);
        if let Some(scalar) = scalar {
            let trace = self.trace(inner);
            return self.mul(&[scalar, trace]);
        }
        self.intern(Op::Trace, smallvec![a], Shape::Scalar)
    }

    /// A reduction over everything, or along an axis of a matrix: along 0 a row comes out.
    pub fn reduce(&mut self, op: Reducer, axis: Option<u8>, x: Id) -> Id {
        let shape = self.shape(x).clone();
        let Shape::Matrix(m, n) = shape else {
            if shape == Shape::Scalar {
                return x;
            }
            let (x, _) = self.upright(x);
            return self.intern(Op::Reduce(op, None), smallvec![x], Shape::Scalar);
        };
        if *self.op(x) == Op::Transpose {
            let inner = self.args(x)[0];
            return match axis {
                None => self.reduce(op, None, inner),
                Some(axis) => {
                    let reduced = self.reduce(op, Some(1 - axis), inner);
                    self.transpose(reduced)
                }
            };
        }
        match axis {
            None => self.intern(Op::Reduce(op, None), smallvec![x], Shape::Scalar),
            Some(0) => {
                let column = self.intern(Op::Reduce(op, Some(0)), smallvec![x], Shape::Column(n));
                self.transpose(column)
            }
            Some(_) => self.intern(Op::Reduce(op, Some(1)), smallvec![x], Shape::Column(m)),
        }
    }

    /// The solution of `A*X = B`.
    pub fn solve(&mut self, a: Id, b: Id) -> Id {
        if self.is_scalar(a) {
            return self.div(b, a);
        }
        match self.op(a).clone() {
            Op::Eye => return b,
            Op::Matrix(MatrixOp::Inverse) => {
                let inner = self.args(a)[0];
                return self.product(&[inner, b]);
            }
            Op::DiagMatrix => {
                let (one, v) = (self.literal(Rational::ONE), self.args(a)[0]);
                let inverse = self.div(one, v);
                return match self.shape(b) {
                    Shape::Matrix(..) => self.scale_rows(inverse, b),
                    _ => self.mul(&[inverse, b]),
                };
            }
            _ => {}
        }
        let ((s, x), (t, y)) = (self.halves(a), self.halves(b));
        let shape = match (self.shape(x), self.shape(y)) {
            (Shape::Matrix(_, n), Shape::Column(_)) => Shape::Column(*n),
            (Shape::Matrix(_, n), Shape::Matrix(_, k)) => Shape::Matrix(*n, *k),
            (_, other) => other.clone(),
        };
        let mut made = self.intern(Op::Solve, smallvec![x, y], shape);
        if let Some(t) = t {
            made = self.mul(&[t, made]);
        }
        match s {
            Some(s) => self.div(made, s),
            None => made,
        }
    }

    /// The inverse.
    pub fn inverse(&mut self, a: Id) -> Id {
        match self.op(a).clone() {
            Op::Matrix(MatrixOp::Inverse) => return self.args(a)[0],
            Op::Eye => return a,
            Op::Transpose => {
                let inner = self.args(a)[0];
                let inverse = self.inverse(inner);
                return self.transpose(inverse);
            }
            Op::DiagMatrix => {
                let (one, v) = (self.literal(Rational::ONE), self.args(a)[0]);
                let inverse = self.div(one, v);
                return self.diag_matrix(inverse);
            }
            _ => {}
        }
        let shape = self.shape(a).clone();
        if shape == Shape::Scalar {
            let one = self.literal(Rational::ONE);
            return self.div(one, a);
        }
        self.intern(Op::Matrix(MatrixOp::Inverse), smallvec![a], shape)
    }

    /// The norm.
    pub fn norm(&mut self, x: Id) -> Id {
        let (x, _) = self.upright(x);
        if self.is_scalar(x) {
            return self.entry(Entry::Map(MapOp::Abs), &[x]);
        }
        let x = match self.op(x) {
            Op::Neg | Op::Transpose => self.args(x)[0],
            _ => x,
        };
        self.intern(Op::Norm, smallvec![x], Shape::Scalar)
    }

    /// Rows and columns of a node, 1 where it has no such axis.
    pub fn grid(&mut self, id: Id) -> (Dim, Dim) {
        let one = self.sizes.constant(1);
        match *self.shape(id) {
            Shape::Column(n) => (n, one),
            Shape::Row(n) => (one, n),
            Shape::Matrix(m, n) => (m, n),
            _ => (one, one),
        }
    }
}
