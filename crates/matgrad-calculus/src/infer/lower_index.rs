//! Subscripts, deltas and index definitions, and reductions over indices.

use matgrad_syntax::{Rational, Reducer};
use smallvec::{SmallVec, smallvec};

use super::Shape;
use super::lower::{Aligned, IndexSet, Lower, Value, union};
use super::lower_functions::reduce_op;
use super::term::{Affine, IndexId, Sub, TermId};
use crate::graph::{Dim, Label, Labels, MapOp, MatrixOp, Node, NodeId};

impl Lower<'_, '_> {
    fn start(&self, index: IndexId) -> i64 {
        self.e.indices[index.0 as usize].start
    }

    /// An index as a number.
    pub fn index_value(&mut self, index: IndexId) -> Value {
        let length = self.length(index);
        let node = self.g.iota(length);
        let value = Value { node, indices: smallvec![index] };
        match self.start(index) {
            1 => value,
            start => self.plus_number(&value, start - 1),
        }
    }

    /// A whole number of indices as a value.
    fn affine_value(&mut self, affine: &Affine) -> Value {
        let constant = self.dim(affine.constant);
        let size = self.g.size(constant);
        let mut terms = vec![(Rational::ONE, Value { node: size, indices: IndexSet::new() })];
        for (index, c) in &affine.indices {
            terms.push((Rational::int(*c), self.index_value(*index)));
        }
        let indices = union(terms.iter().map(|(_, v)| v));
        let parts: Vec<(Rational, NodeId)> =
            terms.iter().map(|(c, v)| (c.clone(), self.align(v, 0, &indices, &[]))).collect();
        let dims = self.all_axes(&indices, &[]);
        Value { node: self.g.sum(&parts, &dims), indices }
    }

    /// `index + offset` in terms of positions from 1: what is added to the position of the index.
    fn shift_of(&mut self, affine: &Affine) -> Option<(IndexId, Dim)> {
        let index = affine.shifted_index()?;
        let constant = self.dim(affine.constant);
        let start = self.g.sizes.constant(self.start(index) - 1);
        Some((index, self.g.sizes.add(constant, start)))
    }

    /// Ties an axis to a subscript; `Some` of the label that the axis then has.
    fn tie(&mut self, b: &mut Aligned, sub: &Affine, dim: Dim) -> Label {
        if let Some((index, offset)) = self.shift_of(sub) {
            let length = self.length(index);
            let label = b.index(self, index);
            if length == dim && self.g.sizes.value(offset) == Some(0) {
                return label;
            }
            let axis = b.p.label(dim);
            let shift = self.g.shift(offset, length, dim);
            b.p.factor(shift, &[label, axis]);
            return axis;
        }
        let axis = b.p.label(dim);
        if sub.indices.is_empty() {
            let at = self.dim(sub.constant);
            let hot = self.g.one_hot(at, dim);
            b.p.factor(hot, &[axis]);
            return axis;
        }
        let value = self.affine_value(sub);
        self.pick_by_value(b, &value, axis, dim);
        axis
    }

    /// Picks the entry whose position is a number worked out elsewhere.
    fn pick_by_value(&mut self, b: &mut Aligned, value: &Value, axis: Label, dim: Dim) {
        let count = self.g.iota(dim);
        let count = Value { node: count, indices: IndexSet::new() };
        let equal = self.entrywise(MapOp::Equal, &[value.clone(), count], &Shape::Column(dim));
        b.factor(self, &equal, &[axis]);
    }

    pub fn lower_subscript(&mut self, base: TermId, subs: &[Sub]) -> Value {
        let (value, shape) = (self.value(base), self.shape_of(base));
        // the subscripts of axes that the graph has
        let present: SmallVec<[(&Sub, Dim); 4]> = match (&shape, subs) {
            (Shape::Scalar, _) => SmallVec::new(),
            (Shape::Column(n), [sub] | [sub, _]) => smallvec![(sub, *n)],
            (Shape::Row(n), [sub] | [_, sub]) => smallvec![(sub, *n)],
            _ => subs.iter().zip(shape.axes()).collect(),
        };
        let mut b = Aligned::new();
        let (mut read, mut out) = (Labels::new(), Labels::new());
        for (sub, dim) in present {
            match sub {
                Sub::All => {
                    let label = b.p.label(dim);
                    read.push(label);
                    out.push(label);
                }
                Sub::At(affine) => read.push(self.tie(&mut b, affine, dim)),
                Sub::Value(term) => {
                    let position = self.value(*term);
                    let axis = b.p.label(dim);
                    self.pick_by_value(&mut b, &position, axis, dim);
                    read.push(axis);
                }
                Sub::Range(from, to) => {
                    let (from, to) = (self.dim(*from), self.dim(*to));
                    let one = self.g.sizes.constant(1);
                    let offset = self.g.sizes.sub(from, one);
                    let length = self.g.sizes.sub(to, offset);
                    let axis = b.p.label(dim);
                    read.push(axis);
                    if self.g.sizes.is_one(length) {
                        let hot = self.g.one_hot(from, dim);
                        b.p.factor(hot, &[axis]);
                        continue;
                    }
                    let label = b.p.label(length);
                    let shift = self.g.shift(offset, length, dim);
                    b.p.factor(shift, &[label, axis]);
                    out.push(label);
                }
            }
        }
        b.factor(self, &value, &read);
        b.build(self, &out)
    }

    pub fn lower_delta(&mut self, a: &Affine, c: &Affine) -> Value {
        let (a, c) = if a.indices.is_empty() { (c, a) } else { (a, c) };
        match (self.shift_of(a), self.shift_of(c)) {
            (Some((i, x)), Some((j, y))) if i == j => {
                let distance = self.g.sizes.sub(x, y);
                let value = i64::from(self.g.sizes.value(distance) == Some(0));
                return self.constant(Rational::int(value));
            }
            (Some((i, x)), Some((j, y))) => {
                // position of i + x = position of j + y
                let offset = self.g.sizes.sub(x, y);
                let (rows, cols) = (self.length(i), self.length(j));
                let mut b = Aligned::new();
                let labels = [b.index(self, i), b.index(self, j)];
                let shift = self.g.shift(offset, rows, cols);
                b.p.factor(shift, &labels);
                return b.build(self, &[]);
            }
            (Some((i, x)), None) if c.indices.is_empty() => {
                let (k, length) = (self.dim(c.constant), self.length(i));
                let at = self.g.sizes.sub(k, x);
                let (first, beyond) = (self.g.sizes.value(at), self.g.sizes.sub(length, at));
                let outside = first.is_some_and(|v| v < 1) || self.g.sizes.value(beyond).is_some_and(|v| v < 0);
                let node = if outside { self.g.zeros(&[length]) } else { self.g.one_hot(at, length) };
                return Value { node, indices: smallvec![i] };
            }
            _ => {}
        }
        let (x, y) = (self.affine_value(a), self.affine_value(c));
        if x.indices.is_empty() && y.indices.is_empty() && x.node == y.node {
            return self.constant(Rational::ONE);
        }
        self.entrywise(MapOp::Equal, &[x, y], &Shape::Scalar)
    }

    pub fn lower_epsilon(&mut self, subs: &[Affine]) -> Value {
        let symbol = self.g.levi_civita(subs.len() as u8);
        let dim = self.g.axes(symbol)[0];
        let mut b = Aligned::new();
        let labels: Labels = subs.iter().map(|sub| self.tie(&mut b, sub, dim)).collect();
        b.p.factor(symbol, &labels);
        b.build(self, &[])
    }

    pub fn lower_reduction(
        &mut self,
        op: Reducer,
        indices: &[IndexId],
        condition: Option<TermId>,
        body: TermId,
        shape: &Shape,
    ) -> Value {
        let mut value = self.value(body);
        let condition = condition.map(|c| self.truth(c));
        if !matches!(op, Reducer::Sum | Reducer::Mean) {
            if let Some(condition) = &condition {
                let one = self.constant(Rational::ONE);
                value = self.entrywise(MapOp::Where, &[condition.clone(), value, one], shape);
            }
            return self.reduce_indices(op, indices, &value, shape);
        }
        let mut b = Aligned::new();
        if let Some(condition) = &condition {
            if self.may_be_singular(value.node) {
                let zero = self.constant(Rational::ZERO);
                value = self.entrywise(MapOp::Where, &[condition.clone(), value, zero], shape);
            } else {
                b.factor(self, condition, &[]);
            }
        }
        let labels = Self::labels(&mut b, shape);
        let used: &[Label] = if self.own_axes(&value) == 0 { &[] } else { &labels };
        b.factor(self, &value, used);
        indices.iter().for_each(|i| b.sum(self, *i));
        let sum = b.build(self, &labels);
        if op == Reducer::Sum {
            return sum;
        }
        match condition {
            None => {
                let sizes: Vec<Dim> = indices.iter().map(|i| self.length(*i)).collect();
                Value { node: self.divide_by_sizes(sum.node, &sizes), indices: sum.indices }
            }
            Some(condition) => {
                let mut b = Aligned::new();
                b.factor(self, &condition, &[]);
                indices.iter().for_each(|i| b.sum(self, *i));
                let count = b.build(self, &[]);
                self.entry_product(&[(&sum, Rational::ONE), (&count, Rational::int(-1))], shape)
            }
        }
    }

    /// A condition as 0 and 1.
    fn truth(&mut self, condition: TermId) -> Value {
        let value = self.value(condition);
        let is_comparison = |id: NodeId| {
            matches!(
                self.g.node(id),
                Node::Map(MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual, _)
                    | Node::OneHot { .. }
                    | Node::Shift { .. }
            )
        };
        let binary = match self.g.node(value.node) {
            Node::Product(p) => p.factors.iter().all(|f| f.exponent.is_one() && is_comparison(f.node)),
            _ => is_comparison(value.node),
        };
        if binary {
            return value;
        }
        let zero = self.constant(Rational::ZERO);
        self.entrywise(MapOp::NotEqual, &[value, zero], &Shape::Scalar)
    }

    /// Reductions that are no sum: the value gets an axis for each index.
    fn reduce_indices(&mut self, op: Reducer, indices: &[IndexId], value: &Value, shape: &Shape) -> Value {
        let mut all = value.indices.clone();
        for index in indices {
            if let Err(at) = all.binary_search(index) {
                all.insert(at, *index);
            }
        }
        let own = self.own_axes(value);
        let node = self.align(value, own, &all, &shape.axes());
        let axes: SmallVec<[u8; 4]> =
            all.iter().enumerate().filter(|(_, i)| indices.contains(i)).map(|(k, _)| k as u8).collect();
        let node = self.g.reduce(reduce_op(op), node, &axes);
        all.retain(|i| !indices.contains(i));
        Value { node, indices: all }
    }

    /// Whether an entry that a condition excludes could be no number: then it is not multiplied by 0 but left out.
    fn may_be_singular(&self, node: NodeId) -> bool {
        self.g.reachable(&[node]).into_iter().any(|id| match self.g.node(id) {
            Node::Product(p) => p.factors.iter().any(|f| f.exponent.is_negative() || !f.exponent.is_integer()),
            Node::Map(op, _) => matches!(
                op,
                MapOp::Log
                    | MapOp::Tan
                    | MapOp::Asin
                    | MapOp::Acos
                    | MapOp::Acosh
                    | MapOp::Atanh
                    | MapOp::Gamma
                    | MapOp::Lgamma
                    | MapOp::Polygamma(_)
                    | MapOp::Pow
                    | MapOp::Exp
            ),
            Node::Matrix(op, _) => !matches!(op, MatrixOp::Det | MatrixOp::Adjugate),
            Node::Call(..) => true,
            _ => false,
        })
    }

    pub fn lower_tabulate(&mut self, indices: &[IndexId], body: TermId, shape: &Shape) -> Value {
        let value = self.value(body);
        let mut b = Aligned::new();
        let labels: Labels = indices.iter().map(|i| b.index(self, *i)).collect();
        b.factor(self, &value, &[]);
        let tensor = matches!(shape, Shape::Tensor(_));
        let kept: SmallVec<[(IndexId, Label); 4]> = indices.iter().copied().zip(labels).collect();
        let mut out = Labels::new();
        for (index, label) in kept {
            let length = self.length(index);
            // every index leaves the scope; one of length 1 has no axis of its own
            b.sum(self, index);
            if tensor || !self.g.sizes.is_one(length) {
                out.push(label);
            }
        }
        b.build(self, &out)
    }

    /// The values of an index, as rows.
    pub fn lower_rows(&mut self, index: IndexId, body: TermId) -> Value {
        self.g.note_rows();
        let (value, shape) = (self.value(body), self.shape_of(body));
        let mut b = Aligned::new();
        let row = b.index(self, index);
        let labels = Self::labels(&mut b, &shape);
        b.factor(self, &value, &labels);
        b.sum(self, index);
        let length = self.length(index);
        let mut out = Labels::new();
        if !self.g.sizes.is_one(length) {
            out.push(row);
        }
        out.extend(labels);
        b.build(self, &out)
    }
}
