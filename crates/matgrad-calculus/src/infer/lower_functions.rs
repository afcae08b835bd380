//! The functions of the language in terms of the graph.

use matgrad_syntax::{Rational, Reducer};
use smallvec::SmallVec;

use super::Shape;
use super::lower::{Aligned, IndexSet, Lower, Value, union};
use super::term::{Constant, Operation, TermId};
use crate::graph::{Dim, Label, Labels, MapOp, MatrixOp, NodeId, ReduceOp, Structural};

impl Lower<'_, '_> {
    pub fn lower_apply(&mut self, operation: &Operation, args: &[TermId], shape: &Shape) -> Value {
        let values: SmallVec<[Value; 2]> = args.iter().map(|a| self.value(*a)).collect();
        let Some(x) = values.first().cloned() else { return self.constant(Rational::ZERO) };
        let own = self.shape_of(args[0]);
        match operation {
            Operation::Neg => {
                let node = self.g.negate(x.node);
                Value { node, indices: x.indices }
            }
            Operation::Map(op) => self.entrywise(*op, &values, shape),
            Operation::Compare { op, swap } => {
                let ordered = if *swap { [values[1].clone(), x] } else { [x, values[1].clone()] };
                self.entrywise(*op, &ordered, shape)
            }
            Operation::Log1p => {
                let plus = self.plus_number(&x, 1);
                self.entrywise(MapOp::Log, &[plus], shape)
            }
            Operation::Expm1 => {
                let exp = self.entrywise(MapOp::Exp, &[x], shape);
                self.plus_number(&exp, -1)
            }
            Operation::Sqrt => self.entry_product(&[(&x, Rational::new(1, 2))], shape),
            Operation::Hadamard => self.entry_product(&[(&x, Rational::ONE), (&values[1], Rational::ONE)], shape),
            Operation::Divide => self.entry_product(&[(&x, Rational::ONE), (&values[1], Rational::int(-1))], shape),
            Operation::Power | Operation::ElemPower => self.entry_power(&x, &values[1], shape),
            Operation::MatrixPower(k) => self.matrix_power(&x, *k, &own),
            Operation::Norm => self.norm(&x),
            Operation::Norm1 => {
                let abs = self.entrywise(MapOp::Abs, &[x], &own);
                self.reduce_all(Reducer::Sum, &abs)
            }
            Operation::NormInf => {
                let abs = self.entrywise(MapOp::Abs, &[x], &own);
                self.reduce_all(Reducer::Max, &abs)
            }
            Operation::NormSpec => self.matrix_function(MatrixOp::NormSpec, &values, &own),
            Operation::NormNuc => self.matrix_function(MatrixOp::NormNuc, &values, &own),
            Operation::Matrix(op) => self.matrix_function(*op, &values, &own),
            Operation::Trace => self.rearranged(&x, &own, |l| match l {
                [_, _] => (smallvec::smallvec![l[0], l[0]], Labels::new()),
                _ => (Labels::from_slice(l), Labels::from_slice(l)),
            }),
            Operation::Cofactor => {
                let adjugate = self.matrix_function(MatrixOp::Adjugate, &values, &own);
                self.transposed(&adjugate, &own)
            }
            Operation::Transpose => self.transposed(&x, &own),
            Operation::Diag => self.rearranged(&x, &own, |l| match l {
                [i] => (smallvec::smallvec![*i], smallvec::smallvec![*i, *i]),
                [i, _] => (smallvec::smallvec![*i, *i], smallvec::smallvec![*i]),
                _ => (Labels::new(), Labels::new()),
            }),
            Operation::Vec => self.flattened(&x, &own, false),
            Operation::RowVec => self.flattened(&x, &own, true),
            Operation::Reshape => self.reshaped(&x, &own, shape),
            Operation::Kron => {
                let other = self.shape_of(args[1]);
                self.kron(&x, &own, &values[1], &other)
            }
            Operation::Dot | Operation::Inner => {
                let mut b = Aligned::new();
                let wide = if own == Shape::Scalar { self.shape_of(args[1]) } else { own };
                let labels = Self::labels(&mut b, &wide);
                for value in &values {
                    let used: &[Label] = if self.own_axes(value) == 0 { &[] } else { &labels };
                    b.factor(self, value, used);
                }
                b.build(self, &[])
            }
            Operation::Cross => self.cross(&x, &values[1]),
            Operation::Solve => self.solve(&x, &own, &values[1], shape),
            Operation::Reduce(op, None) => self.reduce_all(*op, &x),
            Operation::Reduce(op, Some(axis)) => match Self::axis_of(&own, *axis) {
                Some(axis) => self.reduce_axes(*op, &x, &[axis]),
                None => x,
            },
            Operation::Softmax(axis) => {
                let axes: SmallVec<[u8; 2]> = match axis {
                    None => (0..own.axes().len() as u8).collect(),
                    Some(axis) => Self::axis_of(&own, *axis).into_iter().collect(),
                };
                self.softmax(&x, &axes)
            }
            Operation::Cumulate { reverse } => self.cumulate(&x, &own, *reverse),
            Operation::Triangle { lower } => self.triangle(&x, &own, *lower),
        }
    }

    /// Which own axis the literal 1 (down) or 2 (along) means; none where it has size 1.
    fn axis_of(shape: &Shape, axis: u8) -> Option<u8> {
        match (shape, axis) {
            (Shape::Column(_), 1) | (Shape::Row(_), 2) => Some(0),
            (Shape::Matrix(..), axis) => Some(axis - 1),
            _ => None,
        }
    }

    /// The value read with labels that repeat, and written with others.
    fn rearranged(&mut self, x: &Value, shape: &Shape, labels: impl FnOnce(&[Label]) -> (Labels, Labels)) -> Value {
        let mut b = Aligned::new();
        let fresh = Self::labels(&mut b, shape);
        let (read, write) = labels(&fresh);
        // a label that is not read any more must not be summed over
        for label in &fresh {
            if !read.contains(label) {
                b.p.dims[*label as usize] = Dim(u32::MAX);
            }
        }
        b.factor(self, x, &read);
        b.build(self, &write)
    }

    pub fn transposed(&mut self, x: &Value, shape: &Shape) -> Value {
        match shape {
            Shape::Matrix(..) => {
                self.rearranged(x, shape, |l| (Labels::from_slice(l), l.iter().rev().copied().collect()))
            }
            _ => x.clone(),
        }
    }

    fn norm(&mut self, x: &Value) -> Value {
        let mut b = Aligned::new();
        let own = self.own_axes(x);
        let from = self.g.rank(x.node) - own;
        let dims: SmallVec<[Dim; 4]> = self.g.axes(x.node)[from..].iter().copied().collect();
        let labels: Labels = dims.iter().map(|d| b.p.label(*d)).collect();
        b.power(self, x, &labels, Rational::int(2));
        let squares = b.build(self, &[]);
        self.entry_product(&[(&squares, Rational::new(1, 2))], &Shape::Scalar)
    }

    fn reduce_all(&mut self, op: Reducer, x: &Value) -> Value {
        let axes: SmallVec<[u8; 4]> = (0..self.own_axes(x) as u8).collect();
        self.reduce_axes(op, x, &axes)
    }

    /// A reduction along own axes.
    fn reduce_axes(&mut self, op: Reducer, x: &Value, axes: &[u8]) -> Value {
        let shift = x.indices.len() as u8;
        let axes: SmallVec<[u8; 4]> = axes.iter().map(|a| a + shift).collect();
        let node = match op {
            Reducer::Sum => self.g.sum_axes(x.node, &axes),
            Reducer::Mean => {
                let sizes: SmallVec<[Dim; 4]> = axes.iter().map(|a| self.g.axes(x.node)[*a as usize]).collect();
                let sum = self.g.sum_axes(x.node, &axes);
                self.divide_by_sizes(sum, &sizes)
            }
            _ => self.g.reduce(reduce_op(op), x.node, &axes),
        };
        Value { node, indices: x.indices.clone() }
    }

    pub fn divide_by_sizes(&mut self, node: NodeId, sizes: &[Dim]) -> NodeId {
        let mut p = crate::graph::ProductBuilder::new();
        let labels = p.labels_of(&self.g, node);
        p.factor(node, &labels);
        for dim in sizes {
            let size = self.g.size(*dim);
            p.power(size, &[], Rational::int(-1));
        }
        p.build(&mut self.g, &labels)
    }

    fn softmax(&mut self, x: &Value, axes: &[u8]) -> Value {
        if axes.is_empty() {
            let dims = self.g.axes(x.node).clone();
            return Value { node: self.g.ones(&dims), indices: x.indices.clone() };
        }
        let axes: SmallVec<[u8; 4]> = axes.iter().map(|a| a + x.indices.len() as u8).collect();
        let total = self.g.reduce(ReduceOp::LogSumExp, x.node, &axes);
        let wide = self.g.broadcast_except(total, x.node, &axes);
        let difference = self.g.subtract(x.node, wide);
        Value { node: self.g.map(MapOp::Exp, &[difference]), indices: x.indices.clone() }
    }

    fn matrix_power(&mut self, x: &Value, k: i64, shape: &Shape) -> Value {
        let Shape::Matrix(n, _) = *shape else {
            return self.entry_product(&[(x, Rational::int(k))], shape);
        };
        if k == 0 {
            return self.plain(|g| g.identity(n));
        }
        let base = if k < 0 {
            Value { node: self.g.matrix(MatrixOp::Inverse, &[x.node]), indices: x.indices.clone() }
        } else {
            x.clone()
        };
        let mut b = Aligned::new();
        let first = b.p.label(n);
        let mut at = first;
        for _ in 0..k.unsigned_abs() {
            let next = b.p.label(n);
            b.factor(self, &base, &[at, next]);
            at = next;
        }
        b.build(self, &[first, at])
    }

    fn matrix_function(&mut self, op: MatrixOp, values: &[Value], shape: &Shape) -> Value {
        match shape {
            Shape::Scalar => self.scalar_function(op, values),
            Shape::Column(_) | Shape::Row(_) => self.vector_function(op, &values[0], shape),
            _ if values.len() == 2 => {
                // the direction may carry more indices than the point
                let indices = union(values);
                let axes = shape.axes();
                let nodes: Vec<NodeId> = values.iter().map(|v| self.align(v, 2, &indices, &axes)).collect();
                Value { node: self.g.matrix(op, &nodes), indices }
            }
            _ => Value { node: self.g.matrix(op, &[values[0].node]), indices: values[0].indices.clone() },
        }
    }

    /// Functions of 1×1 matrices.
    fn scalar_function(&mut self, op: MatrixOp, values: &[Value]) -> Value {
        let (x, shape) = (&values[0], Shape::Scalar);
        let one = |me: &mut Self| {
            let dims = me.g.axes(x.node).clone();
            Value { node: me.g.ones(&dims), indices: x.indices.clone() }
        };
        match op {
            MatrixOp::Det | MatrixOp::Eigvals => x.clone(),
            MatrixOp::Adjugate | MatrixOp::Eigvecs | MatrixOp::SvdV => one(self),
            MatrixOp::SvdU => self.entrywise(MapOp::Sign, std::slice::from_ref(x), &shape),
            MatrixOp::LogDet | MatrixOp::Logm => self.entrywise(MapOp::Log, std::slice::from_ref(x), &shape),
            MatrixOp::Inverse | MatrixOp::Pinv => self.entry_product(&[(x, Rational::int(-1))], &shape),
            MatrixOp::Cholesky | MatrixOp::Sqrtm => self.entry_product(&[(x, Rational::new(1, 2))], &shape),
            MatrixOp::Expm => self.entrywise(MapOp::Exp, std::slice::from_ref(x), &shape),
            MatrixOp::Singvals | MatrixOp::NormSpec | MatrixOp::NormNuc => {
                self.entrywise(MapOp::Abs, std::slice::from_ref(x), &shape)
            }
            MatrixOp::ExpmFrechet => {
                let exp = self.entrywise(MapOp::Exp, std::slice::from_ref(x), &shape);
                self.entry_product(&[(&exp, Rational::ONE), (&values[1], Rational::ONE)], &shape)
            }
            MatrixOp::LogmFrechet => self.entry_product(&[(x, Rational::int(-1)), (&values[1], Rational::ONE)], &shape),
            MatrixOp::SqrtmFrechet => {
                let half = self.constant(Rational::new(1, 2));
                let root = Rational::new(-1, 2);
                self.entry_product(&[(&half, Rational::ONE), (x, root), (&values[1], Rational::ONE)], &shape)
            }
        }
    }

    /// Functions of one row or column.
    fn vector_function(&mut self, op: MatrixOp, x: &Value, shape: &Shape) -> Value {
        let norm = self.norm(x);
        let column = matches!(shape, Shape::Column(_));
        match op {
            MatrixOp::Pinv => self.entry_product(&[(x, Rational::ONE), (&norm, Rational::int(-2))], shape),
            MatrixOp::SvdU if column => self.entry_product(&[(x, Rational::ONE), (&norm, Rational::int(-1))], shape),
            MatrixOp::SvdV if !column => self.entry_product(&[(x, Rational::ONE), (&norm, Rational::int(-1))], shape),
            MatrixOp::SvdU | MatrixOp::SvdV => {
                let dims = self.g.axes(norm.node).clone();
                Value { node: self.g.ones(&dims), indices: norm.indices }
            }
            _ => norm,
        }
    }

    /// The entries by columns (or by rows) along one axis.
    fn flattened(&mut self, x: &Value, shape: &Shape, by_rows: bool) -> Value {
        let Shape::Matrix(m, n) = *shape else { return x.clone() };
        let mut b = Aligned::new();
        let (i, j) = (b.p.label(m), b.p.label(n));
        b.factor(self, x, &[i, j]);
        let all = self.g.sizes.mul(m, n);
        let f = b.p.label(all);
        let (fast, slow, li, lj) = if by_rows { (n, m, j, i) } else { (m, n, i, j) };
        let fuse = self.g.fuse(fast, slow);
        b.p.factor(fuse, &[f, li, lj]);
        b.build(self, &[f])
    }

    fn reshaped(&mut self, x: &Value, from: &Shape, to: &Shape) -> Value {
        let flat = self.flattened(x, from, false);
        let Shape::Matrix(m, n) = *to else { return flat };
        let mut b = Aligned::new();
        let all = self.g.sizes.mul(m, n);
        let (f, i, j) = (b.p.label(all), b.p.label(m), b.p.label(n));
        b.factor(self, &flat, &[f]);
        let fuse = self.g.fuse(m, n);
        b.p.factor(fuse, &[f, i, j]);
        b.build(self, &[i, j])
    }

    fn kron(&mut self, x: &Value, xs: &Shape, y: &Value, ys: &Shape) -> Value {
        let mut b = Aligned::new();
        let ((r, c), (s, d)) = (xs.grid(), ys.grid());
        let mut label = |dim: Option<Dim>| dim.map(|d| b.p.label(d));
        let (i, j, k, l) = (label(r), label(c), label(s), label(d));
        let xl: Labels = i.iter().chain(&j).copied().collect();
        let yl: Labels = k.iter().chain(&l).copied().collect();
        b.factor(self, x, &xl);
        b.factor(self, y, &yl);
        let mut out = Labels::new();
        for ((outer, od), (inner, id)) in [((i, r), (k, s)), ((j, c), (l, d))] {
            match (outer, od, inner, id) {
                (Some(outer), Some(slow), Some(inner), Some(fast)) => {
                    let all = self.g.sizes.mul(fast, slow);
                    let f = b.p.label(all);
                    let fuse = self.g.fuse(fast, slow);
                    b.p.factor(fuse, &[f, inner, outer]);
                    out.push(f);
                }
                _ => out.extend(outer.or(inner)),
            }
        }
        b.build(self, &out)
    }

    fn cross(&mut self, x: &Value, y: &Value) -> Value {
        if x.indices.is_empty() && y.indices.is_empty() {
            return Value { node: self.g.cross(x.node, y.node), indices: IndexSet::new() };
        }
        let eps = self.g.levi_civita(3);
        let mut b = Aligned::new();
        let labels = b.p.labels_of(&self.g, eps);
        b.p.factor(eps, &labels);
        b.factor(self, x, &labels[1..2]);
        b.factor(self, y, &labels[2..3]);
        b.build(self, &labels[..1])
    }

    fn solve(&mut self, a: &Value, shape: &Shape, y: &Value, out: &Shape) -> Value {
        let Shape::Matrix(n, _) = *shape else {
            return self.entry_product(&[(a, Rational::int(-1)), (y, Rational::ONE)], out);
        };
        let inverse = Value { node: self.g.matrix(MatrixOp::Inverse, &[a.node]), indices: a.indices.clone() };
        let mut b = Aligned::new();
        let (i, j) = (b.p.label(n), b.p.label(n));
        b.factor(self, &inverse, &[i, j]);
        let cols: Labels = out.grid().1.into_iter().map(|d| b.p.label(d)).collect();
        let read: Labels = std::iter::once(j).chain(cols.iter().copied()).collect();
        b.factor(self, y, &read);
        let write: Labels = std::iter::once(i).chain(cols).collect();
        b.build(self, &write)
    }

    /// `m × n`, 1 where column ≤ row.
    fn mask(&mut self, m: Dim, n: Dim) -> NodeId {
        let mut nodes = Vec::with_capacity(2);
        for axis in [1, 0] {
            let mut p = crate::graph::ProductBuilder::new();
            let labels = [p.label(m), p.label(n)];
            let count = self.g.iota(if axis == 1 { n } else { m });
            p.factor(count, &labels[axis..=axis]);
            nodes.push(p.build(&mut self.g, &labels));
        }
        self.g.map(MapOp::LessEq, &nodes)
    }

    fn cumulate(&mut self, x: &Value, shape: &Shape, reverse: bool) -> Value {
        let (n, other) = match *shape {
            Shape::Column(n) => (n, None),
            Shape::Matrix(m, n) => (m, Some(n)),
            _ => return x.clone(), // down a column of one entry
        };
        let mask = self.mask(n, n);
        let mut b = Aligned::new();
        let (i, j) = (b.p.label(n), b.p.label(n));
        let cols: Labels = other.into_iter().map(|d| b.p.label(d)).collect();
        b.p.factor(mask, &if reverse { [j, i] } else { [i, j] });
        let read: Labels = std::iter::once(j).chain(cols.iter().copied()).collect();
        b.factor(self, x, &read);
        let write: Labels = std::iter::once(i).chain(cols).collect();
        b.build(self, &write)
    }

    fn triangle(&mut self, x: &Value, shape: &Shape, lower: bool) -> Value {
        let one = self.g.sizes.constant(1);
        let mask = match *shape {
            Shape::Matrix(m, n) if lower => self.mask(m, n),
            Shape::Matrix(m, n) => {
                let mask = self.mask(n, m);
                self.g.transpose(mask)
            }
            Shape::Column(n) if !lower => self.g.one_hot(one, n),
            Shape::Row(n) if lower => self.g.one_hot(one, n),
            _ => return x.clone(),
        };
        let mask = Value { node: mask, indices: IndexSet::new() };
        self.entry_product(&[(x, Rational::ONE), (&mask, Rational::ONE)], shape)
    }

    pub fn lower_constant(&mut self, constant: &Constant, shape: &Shape) -> Value {
        match (constant, shape) {
            (Constant::Full(value), _) => {
                let (axes, value) = (shape.axes(), value.clone());
                self.plain(|g| g.full(&axes, value))
            }
            (_, Shape::Scalar) => self.constant(Rational::ONE),
            (Constant::Eye, Shape::Matrix(n, _)) => {
                let n = *n;
                self.plain(|g| g.identity(n))
            }
            (Constant::Unit(k), _) => {
                let (k, axes) = (self.dim(*k), shape.axes());
                let n = axes.first().copied().unwrap_or(k);
                self.plain(|g| g.one_hot(k, n))
            }
            (Constant::Commutation(m, n), Shape::Matrix(all, _)) => {
                let (m, n, all) = (self.dim(*m), self.dim(*n), *all);
                if self.g.sizes.is_one(m) || self.g.sizes.is_one(n) {
                    return self.plain(|g| g.identity(all));
                }
                let mut p = crate::graph::ProductBuilder::new();
                let (h, f, i, j) = (p.label(all), p.label(all), p.label(m), p.label(n));
                let (rows, cols) = (self.g.fuse(n, m), self.g.fuse(m, n));
                p.factor(rows, &[h, j, i]);
                p.factor(cols, &[f, i, j]);
                self.plain(|g| p.build(g, &[h, f]))
            }
            (Constant::Duplication(n), _) => {
                let n = self.dim(*n);
                self.plain(|g| g.structural(Structural::Duplication, n))
            }
            (Constant::Elimination(n), _) => {
                let n = self.dim(*n);
                self.plain(|g| g.structural(Structural::Elimination, n))
            }
            _ => self.constant(Rational::ONE),
        }
    }
}

/// The reduction of the graph; sums and means are none.
pub(super) fn reduce_op(op: Reducer) -> ReduceOp {
    match op {
        Reducer::Prod => ReduceOp::Prod,
        Reducer::Min => ReduceOp::Min,
        Reducer::LogSumExp => ReduceOp::LogSumExp,
        _ => ReduceOp::Max,
    }
}
