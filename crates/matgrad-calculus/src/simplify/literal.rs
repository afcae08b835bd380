//! Common factors of the entries of a literal: `[2*t*a, 2*t*b] = 2*t*[a, b]`.

use matgrad_syntax::Rational;

use super::factor::as_product;
use crate::graph::{Factor, Graph, Node, NodeId, Part, ProductBuilder};

/// The scalar entries of a literal, row by row, each once.
fn entries(g: &Graph, node: NodeId) -> Option<Vec<NodeId>> {
    let Node::Stack(_, parts) = g.node(node) else { return None };
    if parts.iter().any(|p| p.extent.is_some()) {
        return None;
    }
    let mut found = Vec::new();
    for part in parts {
        match g.rank(part.node) {
            0 => found.push(part.node),
            1 if g.is_zero(part.node) => {}
            1 => match g.node(part.node) {
                Node::Stack(_, inner) if inner.iter().all(|p| p.extent.is_none()) => {
                    found.extend(inner.iter().map(|p| p.node));
                }
                _ => return None,
            },
            _ => return None,
        }
    }
    Some(found)
}

/// The literal with what all its entries share taken out, where they share anything.
pub(super) fn factor_literal(g: &mut Graph, node: NodeId) -> Option<NodeId> {
    let all = entries(g, node)?;
    let nonzero: Vec<NodeId> = all.into_iter().filter(|e| !g.is_zero(*e)).collect();
    let first = *nonzero.first()?;
    if nonzero.len() > 64 {
        return None;
    }
    let split: Vec<(Rational, NodeId)> = nonzero.iter().map(|e| g.split(*e)).collect();
    let mut common: Vec<Factor> = as_product(g, g.split(first).1).factors;
    common.retain(|f| f.labels.is_empty());
    for (_, n) in &split {
        let p = as_product(g, *n);
        common.retain_mut(|f| {
            let Some(mine) = p.factors.iter().find(|x| x.node == f.node && x.labels.is_empty()) else { return false };
            if mine.exponent.is_negative() != f.exponent.is_negative() {
                return false;
            }
            if mine.exponent.abs() < f.exponent.abs() {
                f.exponent = mine.exponent.clone();
            }
            true
        });
    }
    // whole numbers only: fractions read better inside
    let magnitude = split[0].0.abs();
    let shared = split.iter().all(|(c, _)| c.abs() == magnitude) && magnitude.is_integer();
    let mut number = if shared { magnitude } else { Rational::ONE };
    if split.iter().all(|(c, _)| c.is_negative()) {
        number = -number;
    }
    if common.is_empty() && number.is_one() {
        return None;
    }
    let divided = divide(g, node, &common, &number.recip()?);
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, divided);
    p.factor(divided, &labels);
    for f in &common {
        p.power(f.node, &[], f.exponent.clone());
    }
    p.scale(&number);
    Some(p.build(g, &labels))
}

fn divide(g: &mut Graph, node: NodeId, by: &[Factor], scale: &Rational) -> NodeId {
    if let Node::Stack(axis, parts) = g.node(node).clone() {
        let parts = parts.into_iter().map(|p| Part { node: divide(g, p.node, by, scale), ..p }).collect();
        return g.stack(axis, parts); // at most two levels deep
    }
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    for f in by {
        p.power(f.node, &[], -f.exponent.clone());
    }
    p.scale(scale);
    p.build(g, &labels)
}
