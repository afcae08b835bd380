//! Derivatives that respect the structure of their variable: entries that the structure ties together move together.
//!
//! For a symmetric X, with G the derivative whose entries are free, entry (k,l) becomes `G[k,l] + G[l,k]` off the diagonal
//! and `G[k,k]` on it (Petersen & Pedersen, *The Matrix Cookbook*, §2.8; Magnus & Neudecker, ch. 15, by duplication
//! matrices). For an orthogonal X it is the projection on the tangent space, (G - X G' X)/2.

use matgrad_syntax::{Attribute, Rational};

use crate::graph::{Graph, Label, Labels, MapOp, NodeId, ProductBuilder};

/// Whether an attribute ties entries of the variable together.
pub fn is_structural(attribute: Attribute) -> bool {
    !matches!(attribute, Attribute::Positive | Attribute::Nonneg)
}

/// The derivative `node`, whose axes `at` and `at+1` are those of the variable `x`, under its attributes.
pub fn constrain(g: &mut Graph, node: NodeId, at: usize, x: NodeId, attributes: &[Attribute]) -> NodeId {
    use Attribute::{Diagonal, Lower, Orthogonal, Pd, Psd, Skew, Symmetric, Upper};
    if g.rank(x) != 2 {
        return node;
    }
    let has = |wanted: &[Attribute]| attributes.iter().any(|a| wanted.contains(a));
    let mut node = node;
    if has(&[Diagonal]) {
        return diagonal(g, node, at);
    }
    if has(&[Lower]) {
        node = masked(g, node, at, true);
    }
    if has(&[Upper]) {
        node = masked(g, node, at, false);
    }
    let dims = g.axes(node).clone();
    if has(&[Skew]) {
        let other = swapped(g, node, at);
        return g.sum(&[(Rational::ONE, node), (Rational::int(-1), other)], &dims);
    }
    if has(&[Symmetric, Pd, Psd]) {
        let other = swapped(g, node, at);
        let twice = diagonal(g, node, at);
        return g.sum(&[(Rational::ONE, node), (Rational::ONE, other), (Rational::int(-1), twice)], &dims);
    }
    if has(&[Orthogonal]) {
        let reflected = reflected(g, node, at, x);
        let half = Rational::new(1, 2);
        return g.sum(&[(half.clone(), node), (-half, reflected)], &dims);
    }
    node
}

fn swapped(g: &mut Graph, node: NodeId, at: usize) -> NodeId {
    let mut order: Vec<usize> = (0..g.rank(node)).collect();
    order.swap(at, at + 1);
    g.permute(node, &order)
}

/// Only the entries with equal positions on the two axes.
fn diagonal(g: &mut Graph, node: NodeId, at: usize) -> NodeId {
    let mut p = ProductBuilder::new();
    let mut labels = Labels::new();
    for axis in 0..g.rank(node) {
        // a label of its own for the second axis would be summed over
        let label = if axis == at + 1 { labels[at] } else { p.label(g.axes(node)[axis]) };
        labels.push(label);
    }
    p.factor(node, &labels);
    p.build(g, &labels)
}

/// Only the entries on and below (above) the diagonal of the two axes.
fn masked(g: &mut Graph, node: NodeId, at: usize, lower: bool) -> NodeId {
    let (rows, cols) = (g.axes(node)[at], g.axes(node)[at + 1]);
    let mut numbers = [node; 2];
    for (axis, number) in numbers.iter_mut().enumerate() {
        let iota = g.iota(if axis == 0 { rows } else { cols });
        let mut p = ProductBuilder::new();
        let labels = [p.label(rows), p.label(cols)];
        p.factor(iota, &labels[axis..=axis]);
        *number = p.build(g, &labels);
    }
    if lower {
        numbers.reverse();
    }
    let mask = g.map(MapOp::LessEq, &numbers);
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    p.factor(mask, &labels[at..at + 2]);
    p.build(g, &labels)
}

/// `X G' X` on the two axes.
fn reflected(g: &mut Graph, node: NodeId, at: usize, x: NodeId) -> NodeId {
    let (rows, cols) = (g.axes(node)[at], g.axes(node)[at + 1]);
    let mut p = ProductBuilder::new();
    let inner = p.labels_of(g, node);
    let (k, l): (Label, Label) = (p.label(rows), p.label(cols));
    p.factor(node, &inner);
    p.factor(x, &[k, inner[at + 1]]);
    p.factor(x, &[inner[at], l]);
    let mut out = inner;
    (out[at], out[at + 1]) = (k, l);
    p.build(g, &out)
}
