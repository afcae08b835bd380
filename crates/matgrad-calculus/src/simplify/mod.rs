//! Simplification to textbook size.
//!
//! The constructors of the graph already cancel, contract and merge. What is left is a choice between equal forms:
//! products of sums or sums of products. Candidates are made by general means (take a common factor out, multiply out,
//! use what is known of sigmoids and of sine and cosine) and the one that prints shortest is kept.

mod clear;
mod expand;
mod factor;
mod literal;
mod relations;
mod reroll;

use rustc_hash::FxHashMap;

use crate::graph::{Graph, Node, NodeId};
use crate::notation::{self, Memory};

pub use relations::{Rule, reduce, rule};
pub use reroll::reroll;

/// Sums with more terms than this are left as they are.
const TERM_LIMIT: usize = 48;

/// Nested searches stop here; each level looks at a strictly smaller expression.
const DEPTH_LIMIT: usize = 1;

/// An equal, shorter form of `root`. Nodes with ids below `keep_below`, the expression as it was written, stay as they
/// are.
pub fn simplify(g: &mut Graph, memory: &mut Memory, root: NodeId, keep_below: NodeId) -> NodeId {
    let once = pass(g, memory, root, keep_below);
    // what a first pass makes may allow more, deeper inside
    let twice = if once == root { once } else { pass(g, memory, once, keep_below) };
    // fractions that sums share have been taken out by now
    let whole = each(g, memory, twice, keep_below, &clear_shorter);
    if whole == twice { whole } else { pass(g, memory, whole, keep_below) }
}

fn pass(g: &mut Graph, memory: &mut Memory, root: NodeId, keep_below: NodeId) -> NodeId {
    each(g, memory, root, keep_below, &|g, memory, node| improve(g, memory, node, 0))
}

/// The node without fractions in its denominators, where that is shorter.
fn clear_shorter(g: &mut Graph, memory: &mut Memory, node: NodeId) -> NodeId {
    let Some(whole) = clear::cleared(g, node) else { return node };
    if notation::length(g, memory, whole) < notation::length(g, memory, node) { whole } else { node }
}

/// Every node below `root` by what `better` makes of it, its children first.
fn each(
    g: &mut Graph,
    memory: &mut Memory,
    root: NodeId,
    keep_below: NodeId,
    better: &dyn Fn(&mut Graph, &mut Memory, NodeId) -> NodeId,
) -> NodeId {
    let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in g.reachable(&[root]) {
        if g.exhausted() {
            break;
        }
        if id < keep_below {
            continue;
        }
        let rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
        let shorter = better(g, memory, rebuilt);
        if shorter != id {
            new.insert(id, shorter);
        }
    }
    new.get(&root).copied().unwrap_or(root)
}

/// The shortest of the forms of one node, its children as they are.
fn improve(g: &mut Graph, memory: &mut Memory, node: NodeId, depth: usize) -> NodeId {
    if depth == 0 && matches!(g.node(node), Node::Stack(..)) {
        let Some(factored) = literal::factor_literal(g, node) else { return node };
        let shorter = notation::length(g, memory, factored) < notation::length(g, memory, node);
        return if shorter { factored } else { node };
    }
    let candidate = match g.node(node) {
        Node::Sum(terms, _) => {
            terms.len() > 1 && terms.len() <= TERM_LIMIT || terms.len() == 1 && has_sum(g, terms[0].1)
        }
        Node::Product(_) => has_sum(g, node),
        _ => false,
    };
    if !candidate || depth > DEPTH_LIMIT {
        return node;
    }
    let factored = factor::factor(g, memory, node, depth);
    if depth > 0 {
        return factored;
    }
    let mut best = (notation::length(g, memory, factored), factored);
    let hard_to_read = best.0 >= notation::INDEX_PENALTY;
    let mut consider = |g: &mut Graph, memory: &mut Memory, other: NodeId| {
        if other != best.1 {
            let length = notation::length(g, memory, other);
            // a sum of products reads better than one with sums in some of its terms
            let flatter = matches!(g.node(best.1), Node::Sum(..)) && !is_flat(g, best.1) && is_flat(g, other);
            if length < best.0 || flatter && length == best.0 {
                best = (length, other);
            }
        }
    };
    for expanded in expand::expansions(g, node, hard_to_read) {
        consider(g, memory, expanded);
        let refactored = factor::factor(g, memory, expanded, depth);
        consider(g, memory, refactored);
    }
    best.1
}

/// Whether a node is a sum of products without sums among their factors.
fn is_flat(g: &Graph, node: NodeId) -> bool {
    let is_plain = |term: NodeId| match g.node(term) {
        Node::Product(p) => !p.factors.iter().any(|f| f.exponent.is_one() && matches!(g.node(f.node), Node::Sum(..))),
        _ => true,
    };
    matches!(g.node(node), Node::Sum(terms, _) if terms.iter().all(|(_, term)| is_plain(*term)))
}

/// Whether a product has a sum among its factors.
fn has_sum(g: &Graph, node: NodeId) -> bool {
    match g.node(node) {
        Node::Product(p) => p.factors.iter().any(|f| matches!(g.node(f.node), Node::Sum(..))),
        _ => false,
    }
}
