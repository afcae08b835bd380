//! Products with contraction: flattening, deltas, cancellation, and the canonical node at the end.
//!
//! After Laue, Mitterreiter, Giesen, *A Simple and Efficient Tensor Calculus* (AAAI 2020): one kind of product, by
//! labels. Identity matrices never survive: a delta is two axes with one label.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use super::{Dim, Dims, Factor, Graph, Label, Labels, MapOp, Node, NodeId, Product};

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
    pub(super) fn flatten(&mut self, g: &mut Graph, factor: Factor, todo: &mut Vec<Factor>) {
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
    pub(super) fn merge(&mut self, g: &mut Graph) {
        for f in &mut self.factors {
            if f.labels.len() == 2 && f.labels[0] > f.labels[1] {
                if g.is_symmetric(f.node) {
                    f.labels.swap(0, 1);
                } else if g.is_skew(f.node) && f.exponent.is_integer() {
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
                    if last.exponent.is_zero() && g.has_zeros(f.node, &f.labels) {
                        // what an entry that is 0 for all values is a factor of does not depend on anything
                        let zeros = g.zeros(&g.axes(f.node).clone());
                        last.node = g.map(MapOp::NotEqual, &[f.node, zeros]);
                        last.exponent = Rational::ONE;
                    }
                }
                _ => merged.push(f),
            }
        }
        merged.retain(|f| !f.exponent.is_zero());
        merged.sort_by(|a, b| (a.node, &a.labels).cmp(&(b.node, &b.labels)));
        merged.dedup_by(|f, last| f.node == last.node && f.labels == last.labels && g.is_indicator(f.node));
        self.factors = merged;
    }

    /// Takes a label out of the game (it was unified away or summed out).
    pub fn kill(&mut self, label: Label) {
        self.dims[label as usize] = Dim(u32::MAX);
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
