//! Products with contraction: flattening, deltas, cancellation, and the canonical node at the end.
//!
//! After Laue, Mitterreiter, Giesen, *A Simple and Efficient Tensor Calculus* (AAAI 2020): one kind of product, by
//! labels. Identity matrices never survive: a delta is two axes with one label.

use matgrad_syntax::{Attribute, Rational};
use smallvec::SmallVec;

use super::{Dim, Dims, Factor, Graph, Label, Labels, MapOp, MatrixOp, Node, NodeId, Product, ReduceOp};

/// Above this many factors a product inside a product stays a node of its own, so that long chains grow linearly.
const FLATTEN_LIMIT: usize = 64;

/// Collects the factors of a product under labels of the caller's choice, then makes the node.
///
/// ```
/// use matgrad_calculus::graph::{Graph, ProductBuilder};
/// let mut g = Graph::new();
/// let n = g.sizes.symbol("n");
/// let a = g.input("A", &[n, n], false, &[]);
/// let (mut p, x) = (ProductBuilder::new(), g.input("x", &[n], false, &[]));
/// let (i, j) = (p.label(n), p.label(n));
/// p.factor(a, &[i, j]);
/// p.factor(x, &[j]);
/// let ax = p.build(&mut g, &[i]); // A*x
/// assert_eq!(g.rank(ax), 1);
/// ```
#[derive(Clone, Debug, Default)]
pub struct ProductBuilder {
    pub(crate) coefficient: Option<Rational>,
    pub(crate) factors: Vec<Factor>,
    pub(crate) dims: Dims,
}

impl ProductBuilder {
    /// A product without factors: 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// A fresh label for an axis of this dimension.
    pub fn label(&mut self, dim: Dim) -> Label {
        self.dims.push(dim);
        self.dims.len() as Label - 1
    }

    /// Fresh labels for all axes of a node.
    pub fn labels_of(&mut self, g: &Graph, node: NodeId) -> Labels {
        let axes = g.axes(node).clone();
        axes.into_iter().map(|dim| self.label(dim)).collect()
    }

    /// Multiplies by an entry of `node`.
    pub fn factor(&mut self, node: NodeId, labels: &[Label]) {
        self.power(node, labels, Rational::ONE);
    }

    /// Multiplies by a power of an entry of `node`.
    pub fn power(&mut self, node: NodeId, labels: &[Label], exponent: Rational) {
        self.factors.push(Factor { node, labels: Labels::from_slice(labels), exponent });
    }

    /// Multiplies by a number.
    pub fn scale(&mut self, by: &Rational) {
        self.coefficient = Some(match &self.coefficient {
            Some(c) => c * by,
            None => by.clone(),
        });
    }

    /// Takes labels out of the game that no factor has and that are not in `out`, so that they do not count as sums.
    pub(crate) fn forget_unused(&mut self, out: &[Label]) {
        for label in 0..self.dims.len() as Label {
            if !out.contains(&label) && !self.factors.iter().any(|f| f.labels.contains(&label)) {
                self.dims[label as usize] = Dim::NONE;
            }
        }
    }

    /// The node with these axes; every label that is not among them is summed over.
    pub fn build(self, g: &mut Graph, out: &[Label]) -> NodeId {
        let mut work = Work {
            coefficient: self.coefficient.unwrap_or(Rational::ONE),
            factors: Vec::with_capacity(self.factors.len()),
            dims: self.dims,
            out: Labels::from_slice(out),
        };
        work.run(g, self.factors)
    }
}

/// A product on its way to normal form.
pub(super) struct Work {
    pub coefficient: Rational,
    pub factors: Vec<Factor>,
    pub dims: Dims,
    pub out: Labels,
}

impl Work {
    fn run(&mut self, g: &mut Graph, factors: Vec<Factor>) -> NodeId {
        let mut todo: Vec<Factor> = factors;
        todo.reverse();
        loop {
            while let Some(factor) = todo.pop() {
                self.flatten(g, factor, &mut todo);
                if self.coefficient.is_zero() {
                    return self.zero(g);
                }
            }
            self.merge(g);
            todo = match self.rewrite(g) {
                Some(more) => more,
                None => break,
            };
            if self.coefficient.is_zero() {
                return self.zero(g);
            }
        }
        let product = super::canonical::canonical(g, self);
        let node = g.product_node(product);
        g.scale(node, &self.coefficient)
    }

    fn zero(&self, g: &mut Graph) -> NodeId {
        let dims: Dims = self.out.iter().map(|l| self.dims[*l as usize]).collect();
        g.zeros(&dims)
    }

    /// How often a label occurs among the factors.
    pub fn uses(&self, label: Label) -> usize {
        self.factors.iter().flat_map(|f| &f.labels).filter(|l| **l == label).count()
    }

    /// Whether a label is summed over.
    pub fn summed(&self, label: Label) -> bool {
        !self.out.contains(&label)
    }

    /// Makes two labels one.
    pub fn unify(&mut self, a: Label, b: Label, todo: &mut [Factor]) {
        if a == b {
            return;
        }
        let (keep, drop) = (a.min(b), a.max(b));
        let lists = self.factors.iter_mut().chain(todo).map(|f| &mut f.labels);
        for label in lists.flatten().chain(&mut self.out) {
            if *label == drop {
                *label = keep;
            }
        }
        self.kill(drop);
    }

    /// Takes one factor apart as far as it goes.
    fn flatten(&mut self, g: &mut Graph, factor: Factor, todo: &mut Vec<Factor>) {
        let Factor { node, labels, exponent } = factor;
        if exponent.is_zero() {
            return;
        }
        match g.node(node) {
            Node::Sum(terms, _) if terms.is_empty() => {
                if exponent.is_negative() {
                    self.factors.push(Factor { node, labels, exponent }); // 1/0: left for the domain check to report
                } else {
                    self.coefficient = Rational::ZERO;
                }
            }
            Node::Sum(..) => {
                let (content, rest) = g.primitive(node);
                if let Some(scale) = power_of(&content, &exponent) {
                    self.coefficient = &self.coefficient * &scale;
                    if matches!(g.node(rest), Node::Sum(terms, _) if terms.len() > 1) {
                        let (rest, exponent) = g.as_sigmoid(rest, &exponent).unwrap_or((rest, exponent));
                        self.factors.push(Factor { node: rest, labels, exponent });
                    } else {
                        todo.push(Factor { node: rest, labels, exponent });
                    }
                } else {
                    self.factors.push(Factor { node, labels, exponent });
                }
            }
            Node::Product(p) => {
                let p = p.clone();
                self.inline(g, node, p, labels, exponent, todo);
            }
            Node::Size(dim) if exponent.is_integer() => {
                let poly = g.sizes.poly(*dim);
                match poly.0.as_slice() {
                    [(monomial, c)] if monomial.len() > 1 || !c.is_one() || monomial[0].1 > 1 => {
                        let (monomial, c) = (monomial.clone(), c.clone());
                        self.coefficient = &self.coefficient * &power_of(&c, &exponent).unwrap_or(Rational::ONE);
                        for (symbol, power) in monomial {
                            let name = g.sizes.name(symbol).clone();
                            let dim = g.sizes.symbol(&name);
                            let node = g.size(dim);
                            let exponent = &exponent * &Rational::int(i64::from(power));
                            self.factors.push(Factor { node, labels: Labels::new(), exponent });
                        }
                    }
                    _ => self.factors.push(Factor { node, labels, exponent }),
                }
            }
            _ => self.factors.push(Factor { node, labels, exponent }),
        }
    }

    /// A product as a factor: its own factors take its place where that is the same function.
    fn inline(
        &mut self,
        g: &mut Graph,
        node: NodeId,
        p: Product,
        labels: Labels,
        exponent: Rational,
        todo: &mut Vec<Factor>,
    ) {
        let total = self.factors.len() + todo.len() + p.factors.len();
        if exponent.is_one() && p.factors.len() > 1 && total > FLATTEN_LIMIT {
            self.factors.push(Factor { node, labels, exponent });
            return;
        }
        let diagonal = p.out.iter().enumerate().any(|(k, l)| p.out[..k].contains(l));
        if !exponent.is_one() && (diagonal && exponent.is_negative()) {
            self.factors.push(Factor { node, labels, exponent });
            return;
        }
        // labels of the inner product in terms of ours
        let mut map: SmallVec<[Option<Label>; 8]> = SmallVec::from_elem(None, p.dims.len());
        let mut labels = labels;
        for (axis, inner) in p.out.iter().enumerate() {
            let outer = labels[axis];
            match map[*inner as usize] {
                None => map[*inner as usize] = Some(outer),
                Some(first) => {
                    // an earlier unification may have renamed `first`, and this one renames what is still to come
                    let (keep, drop) = (first.min(outer), first.max(outer));
                    self.unify(keep, drop, todo);
                    for label in map.iter_mut().flatten().chain(&mut labels) {
                        if *label == drop {
                            *label = keep;
                        }
                    }
                }
            }
        }
        if exponent.is_one() {
            for (inner, slot) in map.iter_mut().enumerate() {
                if slot.is_none() {
                    self.dims.push(p.dims[inner]);
                    *slot = Some(self.dims.len() as Label - 1);
                }
            }
            let rename = |l: &Label| map[*l as usize].unwrap_or(0);
            for f in p.factors.into_iter().rev() {
                let labels = f.labels.iter().map(rename).collect();
                todo.push(Factor { node: f.node, labels, exponent: f.exponent });
            }
            return;
        }
        // a power: factors that are not under a sum take it one by one
        let summed = |l: &Label| !p.out.contains(l);
        let free_of_sums = p.factors.iter().all(|f| !f.labels.iter().any(&summed));
        let all_summed_used =
            (0..p.dims.len() as Label).all(|l| !summed(&l) || p.factors.iter().any(|f| f.labels.contains(&l)));
        if !all_summed_used {
            self.factors.push(Factor { node, labels, exponent });
            return;
        }
        let whole = exponent.is_integer();
        let (mut split, mut rest) = (Vec::new(), Vec::new());
        for f in p.factors.iter().cloned() {
            let inside = f.labels.iter().any(&summed);
            if !inside && (whole || g.is_nonnegative_power(&f)) {
                split.push(f);
            } else {
                rest.push(f);
            }
        }
        if !whole && rest.len() == 1 && free_of_sums && !rest[0].exponent.is_even() {
            split.append(&mut rest); // an odd or broken power under a root: its base is not negative there
        }
        let components = if rest.is_empty() || !whole { vec![rest] } else { components(&rest, &p.out) };
        if split.is_empty() && components.len() == 1 {
            self.factors.push(Factor { node, labels, exponent });
            return;
        }
        let rename = |l: &Label| map[*l as usize].unwrap_or(0);
        for f in split {
            let labels: Labels = f.labels.iter().map(rename).collect();
            let power = &f.exponent * &exponent;
            let base =
                if !whole && f.exponent.is_even() && !power.is_even() { g.map(MapOp::Abs, &[f.node]) } else { f.node };
            todo.push(Factor { node: base, labels, exponent: power });
        }
        for component in components.into_iter().filter(|c| !c.is_empty()) {
            let used = |l: &&Label| component.iter().any(|f| f.labels.contains(l));
            let mut out: Labels = p.out.iter().filter(used).copied().collect();
            out.dedup();
            let mut seen = Labels::new();
            out.retain(|l| {
                let new = !seen.contains(l);
                seen.push(*l);
                new
            });
            let labels: Labels = out.iter().map(rename).collect();
            let mut inner = ProductBuilder { coefficient: None, factors: component, dims: p.dims.clone() };
            inner.forget_unused(&out);
            let node = inner.build(g, &out);
            self.factors.push(Factor { node, labels, exponent: exponent.clone() });
        }
    }

    /// Sorts the labels of symmetric factors and merges factors with equal entries.
    fn merge(&mut self, g: &mut Graph) {
        for f in &mut self.factors {
            if f.labels.len() == 2 && f.labels[0] > f.labels[1] {
                if g.is_symmetric(f.node) {
                    f.labels.swap(0, 1);
                } else if g.is_skew_input(f.node) && f.exponent.is_integer() {
                    f.labels.swap(0, 1);
                    if !f.exponent.is_even() {
                        self.coefficient = -self.coefficient.clone();
                    }
                }
            }
        }
        self.factors.sort_by(|a, b| (a.node, &a.labels).cmp(&(b.node, &b.labels)));
        let mut merged: Vec<Factor> = Vec::with_capacity(self.factors.len());
        for f in self.factors.drain(..) {
            match merged.last_mut() {
                Some(last) if last.node == f.node && last.labels == f.labels => {
                    last.exponent = if g.is_indicator(f.node) { Rational::ONE } else { &last.exponent + &f.exponent };
                }
                _ => merged.push(f),
            }
        }
        merged.retain(|f| !f.exponent.is_zero());
        self.factors = merged;
    }

    /// One structural rewrite; `Some` of the factors to take apart again, `None` when nothing applies.
    fn rewrite(&mut self, g: &mut Graph) -> Option<Vec<Factor>> {
        self.dead_labels(g);
        for k in 0..self.factors.len() {
            let factor = self.factors[k].clone();
            let found = match g.node(factor.node).clone() {
                Node::Matrix(MatrixOp::Inverse, args) if factor.exponent.is_one() => self.cancel_inverse(g, k, args[0]),
                Node::Input(_) if factor.exponent.is_one() => self.cancel_orthogonal(g, k),
                Node::Fuse { .. } => self.join_fuse(g, k),
                Node::OneHot { at, .. } => self.pick(g, k, at),
                Node::Shift { offset, rows, cols } => self.slice(g, k, offset, rows, cols),
                Node::Map(MapOp::Sigmoid, args) if factor.exponent.is_integer() => self.flip_sigmoid(g, k, args[0]),
                Node::Product(p) if factor.exponent.is_negative() => self.softmax(g, k, &p),
                Node::Map(MapOp::Pow, args) if factor.exponent.is_one() => self.join_powers(g, k, &args),
                Node::Map(MapOp::Abs, args) if factor.exponent.is_even() => {
                    Some(vec![Factor { node: args[0], ..self.factors.swap_remove(k) }])
                }
                Node::Matrix(MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet, _)
                    if factor.exponent.is_one() =>
                {
                    self.into_direction(g, k)
                }
                Node::Matrix(MatrixOp::Eigvals, args) => self.power_sum(g, k, args[0]),
                Node::Map(MapOp::Log, args) if factor.exponent.is_one() => self.log_of_eigvals(g, k, args[0]),
                Node::Matrix(MatrixOp::Pinv, _) if factor.exponent.is_one() && factor.labels.len() == 2 => {
                    self.pinv_pair(g, k)
                }
                _ => None,
            };
            if found.is_some() {
                return found;
            }
        }
        self.contract_stacks(g)
    }

    /// A summed label without a factor is a sum of equal terms.
    fn dead_labels(&mut self, g: &mut Graph) {
        for label in 0..self.dims.len() as Label {
            if self.summed(label) && self.dims_live(label) && self.uses(label) == 0 {
                let size = g.size(self.dims[label as usize]);
                self.kill(label);
                match g.constant(size) {
                    Some(c) => self.coefficient = &self.coefficient * &c,
                    None => {
                        let mut more = Vec::new();
                        let f = Factor { node: size, labels: Labels::new(), exponent: Rational::ONE };
                        self.flatten(g, f, &mut more);
                        self.merge(g);
                    }
                }
            }
        }
    }

    fn dims_live(&self, label: Label) -> bool {
        self.dims[label as usize].0 != u32::MAX
    }

    /// Takes a label out of the game (it was unified away or summed out).
    pub fn kill(&mut self, label: Label) {
        self.dims[label as usize] = Dim(u32::MAX);
    }

    /// Whether a label joins exactly two factor axes and is summed.
    fn bond(&self, label: Label) -> bool {
        self.summed(label) && self.uses(label) == 2
    }

    /// Joins the ends of two factors whose contraction is the identity.
    fn join(&mut self, a: usize, b: usize, bond: Label, end_a: Label, end_b: Label) -> Vec<Factor> {
        let (low, high) = (a.min(b), a.max(b));
        self.factors.swap_remove(high);
        self.factors.swap_remove(low);
        self.kill(bond);
        self.unify(end_a, end_b, &mut []);
        std::mem::take(&mut self.factors)
    }

    fn cancel_inverse(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let symmetric = g.is_symmetric(arg);
        let inverse = self.factors[k].labels.clone();
        for (j, f) in self.factors.iter().enumerate() {
            if f.node != arg || !f.exponent.is_one() || f.labels.len() != 2 || inverse.len() != 2 {
                continue;
            }
            for (i_axis, x_axis) in [(1, 0), (0, 1), (0, 0), (1, 1)] {
                if (i_axis == x_axis && !symmetric)
                    || inverse[i_axis] != f.labels[x_axis]
                    || !self.bond(inverse[i_axis])
                {
                    continue;
                }
                let (bond, a, b) = (inverse[i_axis], inverse[1 - i_axis], f.labels[1 - x_axis]);
                return Some(self.join(k, j, bond, a, b));
            }
        }
        None
    }

    fn cancel_orthogonal(&mut self, g: &Graph, k: usize) -> Option<Vec<Factor>> {
        let node = self.factors[k].node;
        let info = g.as_input(node)?;
        if !info.attributes.contains(&Attribute::Orthogonal) || info.dims.len() != 2 {
            return None;
        }
        let square = info.dims[0] == info.dims[1];
        let mine = self.factors[k].labels.clone();
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.node != node || !f.exponent.is_one() {
                continue;
            }
            for axis in 0..=usize::from(square) {
                if mine[axis] == f.labels[axis] && self.bond(mine[axis]) {
                    let (bond, a, b) = (mine[axis], mine[1 - axis], f.labels[1 - axis]);
                    return Some(self.join(k, j, bond, a, b));
                }
            }
        }
        None
    }

    /// Two fusions that share the fused label, or both small ones, are one; a fusion that is only summed is 1.
    fn join_fuse(&mut self, g: &Graph, k: usize) -> Option<Vec<Factor>> {
        let (node, labels) = (self.factors[k].node, self.factors[k].labels.clone());
        if self.summed(labels[0]) && self.uses(labels[0]) == 1 {
            self.factors.swap_remove(k);
            self.kill(labels[0]);
            return Some(std::mem::take(&mut self.factors));
        }
        let lonely = |w: &Self, l: Label| w.summed(l) && w.uses(l) == 1;
        if labels[1] != labels[2] && lonely(self, labels[1]) && lonely(self, labels[2]) {
            self.factors.swap_remove(k);
            self.kill(labels[1]);
            self.kill(labels[2]);
            return Some(std::mem::take(&mut self.factors));
        }
        for j in 0..self.factors.len() {
            if j == k || !matches!(g.node(self.factors[j].node), Node::Fuse { .. }) {
                continue;
            }
            let other = self.factors[j].labels.clone();
            let same_split = self.factors[j].node == node;
            let pairs: &[(usize, usize)] = if same_split && other[0] == labels[0] {
                &[(1, 1), (2, 2)]
            } else if same_split && other[1] == labels[1] && other[2] == labels[2] {
                &[(0, 0)]
            } else {
                continue;
            };
            self.factors.swap_remove(j);
            let mut current = (labels, other);
            for &(x, y) in pairs {
                let (a, b) = (current.0[x], current.1[y]);
                if a != b {
                    self.unify(a, b, &mut []);
                    let rename = |l: &mut Label| {
                        if *l == a.max(b) {
                            *l = a.min(b);
                        }
                    };
                    current.0.iter_mut().for_each(rename);
                    current.1.iter_mut().for_each(rename);
                }
            }
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// A one-hot against another one-hot, a shift, a count or a stack on the same label.
    fn pick(&mut self, g: &mut Graph, k: usize, at: Dim) -> Option<Vec<Factor>> {
        let label = self.factors[k].labels[0];
        self.factors[k].exponent = Rational::ONE;
        for j in 0..self.factors.len() {
            if j == k || !self.factors[j].labels.contains(&label) {
                continue;
            }
            let f = self.factors[j].clone();
            match g.node(f.node).clone() {
                Node::OneHot { at: other, .. } => {
                    let distance = g.sizes.sub(at, other);
                    match g.sizes.value(distance) {
                        Some(0) => {
                            self.factors.swap_remove(j);
                        }
                        Some(_) => self.coefficient = Rational::ZERO,
                        None => continue,
                    }
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Iota(_) if f.exponent.is_integer() => {
                    let node = g.size(at);
                    self.factors[j] = Factor { node, labels: Labels::new(), exponent: f.exponent };
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Shift { offset, rows, cols } if f.labels[0] != f.labels[1] => {
                    let (moved, dim, axis) = if f.labels[0] == label {
                        (g.sizes.add(at, offset), cols, 1)
                    } else {
                        (g.sizes.sub(at, offset), rows, 0)
                    };
                    let outside = |g: &Graph, d: Dim| g.sizes.value(d).is_some_and(|v| v < 1);
                    let beyond = g.sizes.sub(dim, moved);
                    if outside(g, moved) || g.sizes.value(beyond).is_some_and(|v| v < 0) {
                        self.coefficient = Rational::ZERO;
                        return Some(Vec::new());
                    }
                    let node = g.one_hot(moved, dim);
                    let other = f.labels[axis];
                    self.factors[j] = Factor { node, labels: SmallVec::from_slice(&[other]), exponent: Rational::ONE };
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Stack(axis, parts) if f.labels.iter().filter(|l| **l == label).count() == 1 => {
                    if f.labels[axis as usize] != label || f.exponent.is_negative() && !f.exponent.is_integer() {
                        continue;
                    }
                    let Some((part, thick)) = g.stack_entry(&parts, at) else { continue };
                    let mut labels = f.labels.clone();
                    match thick {
                        None => {
                            labels.remove(axis as usize);
                            self.factors[j] = Factor { node: part, labels, exponent: f.exponent };
                        }
                        Some((position, extent)) => {
                            let fresh = self.dims.len() as Label;
                            self.dims.push(extent);
                            labels[axis as usize] = fresh;
                            let node = g.one_hot(position, extent);
                            self.factors[j] = Factor { node: part, labels, exponent: f.exponent };
                            let labels = SmallVec::from_slice(&[fresh]);
                            self.factors.push(Factor { node, labels, exponent: Rational::ONE });
                        }
                    }
                    return Some(std::mem::take(&mut self.factors));
                }
                _ => {}
            }
        }
        // alone on its label: Σ_i e_i = 1
        if self.summed(label) && self.uses(label) == 1 {
            self.factors.swap_remove(k);
            self.kill(label);
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// A slice of a slice, a slice of a block, the same slice twice.
    fn slice(&mut self, g: &mut Graph, k: usize, offset: Dim, rows: Dim, cols: Dim) -> Option<Vec<Factor>> {
        let (node, labels) = (self.factors[k].node, self.factors[k].labels.clone());
        let (row, col) = (labels[0], labels[1]);
        let last = g.sizes.add(offset, rows);
        let room = g.sizes.sub(cols, last);
        let inside = |d: Dim, g: &Graph| g.sizes.value(d).is_none_or(|v| v >= 0);
        if row == col || !inside(offset, g) || !inside(room, g) {
            return None;
        }
        self.factors[k].exponent = Rational::ONE;
        for j in 0..self.factors.len() {
            let other = self.factors[j].clone();
            if j == k || !other.labels.contains(&col) || !other.exponent.is_one() {
                continue;
            }
            match g.node(other.node).clone() {
                // the same rows of the identity twice: their numbers are equal
                Node::Shift { .. } if other.node == node && other.labels[1] == col && other.labels[0] != row => {
                    self.factors.swap_remove(j);
                    self.unify(row, other.labels[0], &mut []);
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Shift { offset: next, cols: end, .. }
                    if other.labels[0] == col && other.labels[1] != col && self.bond(col) =>
                {
                    let total = g.sizes.add(offset, next);
                    let node = g.shift(total, rows, end);
                    let labels = SmallVec::from_slice(&[row, other.labels[1]]);
                    self.factors[j] = Factor { node, labels, exponent: Rational::ONE };
                    self.factors.swap_remove(k);
                    self.kill(col);
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Stack(axis, parts) if other.labels[axis as usize] == col && self.bond(col) => {
                    let mut before = g.sizes.constant(0);
                    for part in parts {
                        let one = g.sizes.constant(1);
                        if before == offset && part.extent == Some(rows) {
                            let mut labels = other.labels.clone();
                            labels[axis as usize] = row;
                            self.factors[j] = Factor { node: part.node, labels, exponent: Rational::ONE };
                            self.factors.swap_remove(k);
                            self.kill(col);
                            return Some(std::mem::take(&mut self.factors));
                        }
                        before = g.sizes.add(before, part.extent.unwrap_or(one));
                    }
                }
                _ => {}
            }
        }
        // a row of the identity sums to 1
        if self.summed(col) && self.uses(col) == 1 {
            self.factors.swap_remove(k);
            self.kill(col);
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// sigmoid(a)·exp(-a) = sigmoid(-a).
    fn flip_sigmoid(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let (scale, base) = g.primitive(arg);
        let labels = self.factors[k].labels.clone();
        let j = self.factors.iter().position(|f| {
            f.labels == labels && matches!(g.node(f.node), Node::Map(MapOp::Exp, args) if args[0] == base)
        })?;
        let times = &self.factors[j].exponent * &(-scale.clone()).recip()?;
        let sigmoids = self.factors[k].exponent.clone();
        let count = times.to_i64()?.min(sigmoids.to_i64()?);
        if count < 1 {
            return None;
        }
        let count = Rational::int(count);
        self.factors[j].exponent = &self.factors[j].exponent + &(&count * &scale);
        self.factors[k].exponent = &sigmoids + &-count.clone();
        let flipped = g.negate(arg);
        let node = g.map(MapOp::Sigmoid, &[flipped]);
        self.factors.push(Factor { node, labels, exponent: count });
        Some(std::mem::take(&mut self.factors))
    }

    /// exp(z)_i / Σ_j exp(z)_j is softmax, kept as exp(z - logsumexp(z)), which does not overflow.
    fn softmax(&mut self, g: &mut Graph, k: usize, p: &Product) -> Option<Vec<Factor>> {
        let [inner] = p.factors.as_slice() else { return None };
        let Node::Map(MapOp::Exp, args) = g.node(inner.node) else { return None };
        let (z, power) = (args[0], inner.exponent.clone());
        if inner.labels.iter().enumerate().any(|(k, l)| inner.labels[..k].contains(l)) {
            return None; // the sum of a diagonal only
        }
        let axes: SmallVec<[u8; 2]> =
            (0..inner.labels.len()).filter(|a| !p.out.contains(&inner.labels[*a])).map(|a| a as u8).collect();
        let position = |l: &Label| p.out.iter().position(|o| o == l);
        let outer = self.factors[k].labels.clone();
        let j = self.factors.iter().position(|f| {
            f.node == inner.node
                && inner.labels.iter().zip(&f.labels).all(|(l, mine)| position(l).is_none_or(|at| outer[at] == *mine))
        })?;
        let times = (&self.factors[j].exponent * &power.recip()?).to_i64()?;
        let count = times.min((-self.factors[k].exponent.clone()).to_i64()?);
        if count < 1 || axes.is_empty() {
            return None;
        }
        let count = Rational::int(count);
        let scaled = g.scale(z, &power);
        let lse = g.reduce(ReduceOp::LogSumExp, scaled, &axes);
        let wide = g.broadcast_except(lse, scaled, &axes);
        let difference = g.subtract(scaled, wide);
        let node = g.map(MapOp::Exp, &[difference]);
        let labels = self.factors[j].labels.clone();
        self.factors[j].exponent = &self.factors[j].exponent + &-(&count * &power);
        self.factors[k].exponent = &self.factors[k].exponent + &count;
        self.factors.push(Factor { node, labels, exponent: count });
        Some(std::mem::take(&mut self.factors))
    }

    /// A Fréchet derivative is linear: what is contracted with the axes before its direction's last two goes inside.
    fn into_direction(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let Factor { node, labels, .. } = self.factors[k].clone();
        let Node::Matrix(op, args) = g.node(node).clone() else { return None };
        let batch = labels.len().checked_sub(2)?;
        let distinct = labels.iter().enumerate().all(|(k, l)| !labels[..k].contains(l));
        if g.rank(args[0]) != 2 || !distinct {
            return None; // only the direction may have the axes, and no diagonal is taken afterwards
        }
        let inner: Labels = labels[..batch].iter().filter(|l| self.summed(**l)).copied().collect();
        let touches = |f: &Factor| f.labels.iter().any(|l| inner.contains(l));
        let matrix_axes = &labels[batch..];
        let (mut others, mut rest) = (Vec::new(), Vec::new());
        for (j, f) in self.factors.iter().enumerate() {
            if j != k {
                if touches(f) { others.push(f.clone()) } else { rest.push(f.clone()) }
            }
        }
        let apart = others.iter().all(|f| !f.labels.iter().any(|l| matrix_axes.contains(l)));
        let shared = rest.iter().any(touches);
        if inner.is_empty() || others.is_empty() || !apart || shared {
            return None;
        }
        let mut out = Labels::new();
        for l in labels[..batch].iter().chain(others.iter().flat_map(|f| &f.labels)) {
            let elsewhere = self.out.contains(l) || rest.iter().any(|f| f.labels.contains(l));
            if !out.contains(l) && (elsewhere || !inner.contains(l) && labels.contains(l)) {
                out.push(*l);
            }
        }
        out.extend(matrix_axes.iter().copied());
        let mut builder = ProductBuilder { coefficient: None, factors: others, dims: self.dims.clone() };
        builder.factor(args[1], &labels);
        for l in 0..builder.dims.len() as Label {
            if !builder.factors.iter().any(|f| f.labels.contains(&l)) {
                builder.dims[l as usize] = Dim::NONE;
            }
        }
        let used: Labels = builder.factors.iter().flat_map(|f| f.labels.iter().copied()).collect();
        let direction = builder.build(g, &out);
        let direction = g.distribute_all(direction);
        let node = g.matrix(op, &[args[0], direction]);
        for l in used {
            if !out.contains(&l) {
                self.kill(l);
            }
        }
        rest.push(Factor { node, labels: out, exponent: Rational::ONE });
        self.factors.clear();
        Some(rest)
    }

    /// Σ λ^k = tr(A^k) over the eigenvalues of A.
    fn power_sum(&mut self, g: &mut Graph, k: usize, matrix: NodeId) -> Option<Vec<Factor>> {
        let Factor { labels, exponent, .. } = self.factors[k].clone();
        let power = exponent.to_i64().filter(|p| (1..=8).contains(p))?;
        if g.rank(matrix) != 2 || !self.summed(labels[0]) || self.uses(labels[0]) != 1 {
            return None;
        }
        let product = (1..power).fold(matrix, |p, _| g.matmul(p, matrix));
        let node = g.trace(product);
        self.replace_scalar(k, labels[0], node)
    }

    /// Σ log λ = logdet(A) over the eigenvalues of A.
    fn log_of_eigvals(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let Node::Matrix(MatrixOp::Eigvals, args) = g.node(arg) else { return None };
        let (matrix, label) = (args[0], *self.factors[k].labels.first()?);
        if g.rank(matrix) != 2 || !self.summed(label) || self.uses(label) != 1 {
            return None;
        }
        let node = g.matrix(MatrixOp::LogDet, &[matrix]);
        self.replace_scalar(k, label, node)
    }

    fn replace_scalar(&mut self, k: usize, label: Label, node: NodeId) -> Option<Vec<Factor>> {
        self.factors.swap_remove(k);
        self.kill(label);
        self.factors.push(Factor { node, labels: Labels::new(), exponent: Rational::ONE });
        Some(std::mem::take(&mut self.factors))
    }

    /// pinv(P)'·pinv(P) = pinv(P·P') and pinv(P)·pinv(P)' = pinv(P'·P) (Magnus & Neudecker, ch. 2, §5).
    fn pinv_pair(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let node = self.factors[k].node;
        let Node::Matrix(_, args) = g.node(node) else { return None };
        let (inner, mine) = (args[0], self.factors[k].labels.clone());
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.node != node || !f.exponent.is_one() {
                continue;
            }
            for axis in 0..2 {
                if mine[axis] == f.labels[axis] && self.bond(mine[axis]) {
                    let ends = SmallVec::from_slice(&[mine[1 - axis], f.labels[1 - axis]]);
                    let transposed = g.transpose(inner);
                    let gram = if axis == 0 { g.matmul(inner, transposed) } else { g.matmul(transposed, inner) };
                    let node = g.matrix(MatrixOp::Pinv, &[gram]);
                    self.kill(mine[axis]);
                    self.factors.swap_remove(j);
                    self.factors.swap_remove(k);
                    self.factors.push(Factor { node, labels: ends, exponent: Rational::ONE });
                    return Some(std::mem::take(&mut self.factors));
                }
            }
        }
        None
    }
}

/// `content` to a power, where that is a rational number.
fn power_of(content: &Rational, exponent: &Rational) -> Option<Rational> {
    if content.is_one() {
        return Some(Rational::ONE);
    }
    if let Some(k) = exponent.to_i64() {
        return content.powi(k);
    }
    let (numerator, denominator) = exponent.parts();
    content.root(denominator.parse().ok()?)?.powi(numerator.parse().ok()?)
}

/// Factors grouped by the labels they share that are summed (not in `out`).
pub(crate) fn components(factors: &[Factor], out: &Labels) -> Vec<Vec<Factor>> {
    let mut groups: Vec<(Labels, Vec<Factor>)> = Vec::new();
    for f in factors {
        let mut labels: Labels = f.labels.iter().filter(|l| !out.contains(l)).copied().collect();
        let mut members = Vec::new();
        groups.retain_mut(|(known, fs)| {
            let touches = known.iter().any(|l| labels.contains(l));
            if touches {
                labels.extend(known.iter().copied());
                members.append(fs);
            }
            !touches
        });
        members.push(f.clone());
        groups.push((labels, members));
    }
    groups.into_iter().map(|(_, members)| members).collect()
}
