//! The partial derivative of a node by one of its children, as a linear map that both modes apply.

use matgrad_syntax::Rational;

use crate::graph::{Dim, Factor, Graph, Label, Labels, Node, NodeId, ProductBuilder};

use super::frechet::Functional;

/// Sums with more terms than this stay one factor when deltas inside them would want to be contracted.
const DISTRIBUTE_LIMIT: usize = 16;

/// `∂N/∂c` of a node `N` with axes `a…` and a child `c` with axes `b…`.
pub(super) enum Linear {
    /// Nothing.
    Zero,
    /// A number times the identity.
    Scaled(Rational),
    /// A sum of products with axes `(a…, b…)`.
    Terms(Vec<Term>),
    /// A linear map that is no finite product.
    Functional(Functional),
}

/// One product with axes `(out…, child…)`; labels in neither list are summed.
#[derive(Clone, Debug)]
pub(super) struct Term {
    product: ProductBuilder,
    out: Labels,
    child: Labels,
}

impl Term {
    /// A term whose labels are positions in `dims`; labels that occur nowhere are ignored.
    pub(super) fn new(coefficient: Rational, factors: Vec<Factor>, dims: &[Dim], out: Labels, child: Labels) -> Self {
        let mut product =
            ProductBuilder { coefficient: Some(coefficient), factors, dims: dims.iter().copied().collect() };
        for label in 0..dims.len() as Label {
            let used = out.contains(&label)
                || child.contains(&label)
                || product.factors.iter().any(|f| f.labels.contains(&label));
            if !used {
                product.dims[label as usize] = Dim(u32::MAX);
            }
        }
        Self { product, out, child }
    }

    /// The tangent of the node from that of the child: axes `(b…, extra…)` to `(a…, extra…)`.
    fn push(&self, g: &mut Graph, tangent: NodeId) -> NodeId {
        let mut product = self.product.clone();
        let (mut labels, mut out) = (self.child.clone(), self.out.clone());
        for dim in &g.axes(tangent).clone()[labels.len()..] {
            let label = product.label(*dim);
            labels.push(label);
            out.push(label);
        }
        product.factor(tangent, &labels);
        product.build(g, &out)
    }

    /// The adjoint of the child from that of the node: axes `(lead…, a…)` to `(lead…, b…)`.
    fn pull(&self, g: &mut Graph, adjoint: NodeId) -> NodeId {
        let mut product = self.product.clone();
        let axes = g.axes(adjoint).clone();
        let lead: Labels = axes[..axes.len() - self.out.len()].iter().map(|dim| product.label(*dim)).collect();
        let labels: Labels = lead.iter().chain(&self.out).copied().collect();
        let out: Labels = lead.iter().chain(&self.child).copied().collect();
        product.factor(adjoint, &labels);
        product.build(g, &out)
    }
}

impl Linear {
    /// Adds `∂N/∂c` applied to the tangent of the child to `into`.
    pub(super) fn push(&self, g: &mut Graph, tangent: NodeId, into: &mut Vec<(Rational, NodeId)>) {
        match self {
            Linear::Zero => {}
            Linear::Scaled(c) => into.push((c.clone(), tangent)),
            Linear::Functional(map) => into.push((Rational::ONE, map.push(g, tangent))),
            Linear::Terms(terms) => {
                let own = terms.first().map_or(0, |t| t.child.len());
                for (c, piece) in pieces(g, tangent, |k| k >= own, g.rank(tangent) > own) {
                    into.extend(terms.iter().map(|t| (c.clone(), t.push(g, piece))));
                }
            }
        }
    }

    /// Adds the transpose of `∂N/∂c` applied to the adjoint of the node to `into`.
    pub(super) fn pull(&self, g: &mut Graph, adjoint: NodeId, into: &mut Vec<(Rational, NodeId)>) {
        match self {
            Linear::Zero => {}
            Linear::Scaled(c) => into.push((c.clone(), adjoint)),
            Linear::Functional(map) => into.push((Rational::ONE, map.pull(g, adjoint))),
            Linear::Terms(terms) => {
                let lead = terms.first().map_or(0, |t| g.rank(adjoint) - t.out.len());
                for (c, piece) in pieces(g, adjoint, |k| k < lead, lead > 0) {
                    into.extend(terms.iter().map(|t| (c.clone(), t.pull(g, piece))));
                }
            }
        }
    }
}

/// The terms of a sum one by one where a delta between an axis of the seed (`of_seed`) and one of the node hides in one
/// of them, so that it is contracted and not multiplied; otherwise the node itself.
fn pieces(g: &Graph, node: NodeId, of_seed: impl Fn(usize) -> bool, seeded: bool) -> Vec<(Rational, NodeId)> {
    if let (true, Node::Sum(terms, _)) = (seeded, g.node(node)) {
        let delta = |id: NodeId| match g.node(id) {
            Node::Product(p) => (0..p.out.len())
                .any(|k| p.out[..k].iter().enumerate().any(|(j, l)| *l == p.out[k] && of_seed(j) != of_seed(k))),
            _ => false,
        };
        if terms.len() == 1 || terms.len() <= DISTRIBUTE_LIMIT && terms.iter().any(|(_, n)| delta(*n)) {
            return terms.clone();
        }
    }
    vec![(Rational::ONE, node)]
}
