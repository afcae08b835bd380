//! Sums, products and powers, and what works entry by entry.

use matgrad_syntax::Rational;

use super::Shape;
use super::lower::{Aligned, IndexSet, Lower, Value, union};
use super::term::{TermId, TermKind};
use crate::graph::{Dim, Label, Labels, MapOp, NodeId};

/// So many factors of a chain become one product; longer chains are products of products.
const CHUNK: usize = 32;

impl Lower<'_, '_> {
    pub fn lower_sum(&mut self, terms: &[(bool, TermId)], shape: &Shape) -> Value {
        let values: Vec<Value> = terms.iter().map(|(_, t)| self.value(*t)).collect();
        let indices = union(&values);
        let axes = shape.axes();
        let mut parts: Vec<(Rational, NodeId)> = Vec::with_capacity(terms.len());
        for ((minus, _), value) in terms.iter().zip(&values) {
            let own = self.own_axes(value);
            let node = self.align(value, own, &indices, &axes);
            parts.push((Rational::int(if *minus { -1 } else { 1 }), node));
        }
        let dims = self.all_axes(&indices, &axes);
        Value { node: self.g.sum(&parts, &dims), indices }
    }

    /// How many axes of its own a value has.
    pub fn own_axes(&self, value: &Value) -> usize {
        self.g.rank(value.node) - value.indices.len()
    }

    /// Dimensions of index axes and own axes.
    pub fn all_axes(&mut self, indices: &IndexSet, axes: &[Dim]) -> crate::graph::Dims {
        let mut dims: crate::graph::Dims = indices.iter().map(|i| self.length(*i)).collect();
        dims.extend(axes.iter().copied());
        dims
    }

    /// Labels of the axes of a shape.
    pub fn labels(b: &mut Aligned, shape: &Shape) -> Labels {
        shape.axes().iter().map(|d| b.p.label(*d)).collect()
    }

    pub fn lower_product(&mut self, terms: &[TermId]) -> Value {
        let mut b = Aligned::new();
        let mut chain = Chain::default();
        for (k, term) in terms.iter().enumerate() {
            if k > 0 && k % CHUNK == 0 {
                let done = std::mem::replace(&mut b, Aligned::new());
                let out = chain.out();
                let value = done.build(self, &out);
                chain = chain.restart(&mut b, &out.iter().map(|l| chain.dims[*l as usize]).collect::<Vec<_>>());
                let labels = chain.out();
                b.factor(self, &value, &labels);
            }
            if let TermKind::Number(c) = &self.e.term(*term).kind {
                let c = c.clone();
                b.p.scale(&c);
                continue;
            }
            let (value, shape) = (self.value(*term), self.shape_of(*term));
            let labels = chain.next(&mut b, &shape);
            b.factor(self, &value, &labels);
        }
        let out = chain.out();
        b.build(self, &out)
    }

    /// Entry by entry: all operands with the same index axes and own axes.
    pub fn entrywise(&mut self, op: MapOp, args: &[Value], shape: &Shape) -> Value {
        let indices = union(args);
        let axes = shape.axes();
        let nodes: Vec<NodeId> = args
            .iter()
            .map(|v| {
                let own = self.own_axes(v);
                self.align(v, own, &indices, &axes)
            })
            .collect();
        Value { node: self.g.map(op, &nodes), indices }
    }

    /// The product of powers, entry by entry; scalars go with every entry.
    pub fn entry_product(&mut self, factors: &[(&Value, Rational)], shape: &Shape) -> Value {
        let mut b = Aligned::new();
        let labels = Self::labels(&mut b, shape);
        for (value, exponent) in factors {
            let own = self.own_axes(value);
            let used: &[Label] = if own == 0 { &[] } else { &labels };
            b.power(self, value, used, exponent.clone());
        }
        b.build(self, &labels)
    }

    /// `base ^ exponent`, entry by entry.
    pub fn entry_power(&mut self, base: &Value, exponent: &Value, shape: &Shape) -> Value {
        if let Some(c) = self.g.constant(exponent.node) {
            let power = self.entry_product(&[(base, c)], shape);
            // an exponent that was an array or had indices of its own still gives its axes to the result
            return self.widen(&power, &union([base, exponent]), shape);
        }
        self.entrywise(MapOp::Pow, &[base.clone(), exponent.clone()], shape)
    }

    fn widen(&mut self, value: &Value, indices: &IndexSet, shape: &Shape) -> Value {
        let own = self.own_axes(value);
        let node = self.align(value, own, indices, &shape.axes());
        Value { node, indices: indices.clone() }
    }

    /// The node plus a number, entry by entry.
    pub fn plus_number(&mut self, value: &Value, by: i64) -> Value {
        let dims = self.g.axes(value.node).clone();
        let number = self.g.full(&dims, Rational::int(by));
        let node = self.g.sum(&[(Rational::ONE, value.node), (Rational::ONE, number)], &dims);
        Value { node, indices: value.indices.clone() }
    }
}

/// A chain of products on its way from left to right: labels of its rows and columns.
#[derive(Default)]
struct Chain {
    rows: Option<Label>,
    cols: Option<Label>,
    /// All axes of a tensor that is scaled.
    tensor: Labels,
    started: bool,
    dims: Vec<Dim>,
}

impl Chain {
    fn label(&mut self, b: &mut Aligned, dim: Dim) -> Label {
        let label = b.p.label(dim);
        if self.dims.len() <= label as usize {
            self.dims.resize(label as usize + 1, dim);
        }
        self.dims[label as usize] = dim;
        label
    }

    /// Labels of the next factor's axes.
    fn next(&mut self, b: &mut Aligned, shape: &Shape) -> Labels {
        let scalar = self.rows.is_none() && self.cols.is_none() && self.tensor.is_empty();
        match shape {
            Shape::Scalar => Labels::new(),
            Shape::Tensor(dims) => {
                self.tensor = dims.iter().map(|d| self.label(b, *d)).collect();
                self.tensor.clone()
            }
            _ if scalar || !self.started => {
                self.started = true;
                let (r, c) = shape.grid();
                self.rows = r.map(|d| self.label(b, d));
                self.cols = c.map(|d| self.label(b, d));
                self.rows.iter().chain(&self.cols).copied().collect()
            }
            _ => {
                let (r, c) = shape.grid();
                let rows = r.map(|d| match self.cols {
                    Some(label) => label,
                    None => self.label(b, d),
                });
                self.cols = c.map(|d| self.label(b, d));
                rows.iter().chain(&self.cols).copied().collect()
            }
        }
    }

    fn out(&self) -> Labels {
        if !self.tensor.is_empty() {
            return self.tensor.clone();
        }
        self.rows.iter().chain(&self.cols).copied().collect()
    }

    /// The chain so far as the first factor of a new product.
    fn restart(&self, b: &mut Aligned, dims: &[Dim]) -> Chain {
        let mut chain = Chain { started: self.started, ..Chain::default() };
        let labels: Labels = dims.iter().map(|d| chain.label(b, *d)).collect();
        if !self.tensor.is_empty() {
            chain.tensor = labels;
            return chain;
        }
        let mut labels = labels.into_iter();
        chain.rows = self.rows.and_then(|_| labels.next());
        chain.cols = self.cols.and_then(|_| labels.next());
        chain
    }
}
