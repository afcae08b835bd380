//! Equations that are assumed to hold, as rules that make an expression shorter.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;

use crate::graph::{Dim, Factor, Graph, Label, Labels, Node, NodeId, Product, ProductBuilder, components};
use crate::notation::{self, Memory};

/// Wherever the first stands, the second may stand.
pub type Rule = (NodeId, NodeId);

/// The rule in an equation `left = right`: the longer side, or the longest term of it, in terms of what is shorter. `None`
/// where it says nothing. An unknown function on the left stands for what is on the right, as in a differential equation.
pub fn rule(g: &mut Graph, memory: &mut Memory, left: NodeId, right: NodeId) -> Option<Rule> {
    if matches!(g.node(left), Node::Call(..)) && !g.reachable(&[right]).contains(&left) {
        return Some((left, right));
    }
    let difference = g.subtract(left, right);
    let (_, difference) = g.primitive(difference);
    if g.is_zero(difference) {
        return None;
    }
    let dims = g.axes(difference).clone();
    let Node::Sum(terms, _) = g.node(difference).clone() else { return Some((difference, g.zeros(&dims))) };
    let mut longest: Option<(u32, usize)> = None;
    for (at, (_, term)) in terms.iter().enumerate() {
        let length = notation::length(g, memory, *term);
        if g.constant(*term).is_none() && longest.is_none_or(|(most, _)| length > most) {
            longest = Some((length, at));
        }
    }
    let (_, at) = longest?;
    let (c, term) = terms[at].clone();
    let factor = -c.recip()?;
    let rest: Vec<(Rational, NodeId)> =
        terms.iter().enumerate().filter(|(k, _)| *k != at).map(|(_, (c, n))| (c * &factor, *n)).collect();
    Some((term, g.sum(&rest, &dims)))
}

/// The expression with the rules applied to all its parts, and to scalars that are part of its products.
pub fn reduce(g: &mut Graph, root: NodeId, rules: &[Rule]) -> NodeId {
    let mut current = root;
    // each pass may make room for the next; a cycle of rules ends here
    for _ in 0..4 {
        let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in g.reachable(&[current]) {
            let rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
            let applied = apply(g, rebuilt, rules);
            if applied != id {
                new.insert(id, applied);
            }
        }
        match new.get(&current) {
            Some(&next) if next != current => current = next,
            _ => break,
        }
    }
    current
}

fn apply(g: &mut Graph, node: NodeId, rules: &[Rule]) -> NodeId {
    if let Some((_, to)) = rules.iter().find(|(from, _)| *from == node) {
        return *to;
    }
    let Node::Product(p) = g.node(node) else { return node };
    let p = p.clone();
    let closed = |group: &[Factor]| !group.iter().any(|f| f.labels.iter().any(|l| p.out.contains(l)));
    let mut kept: Vec<Factor> = Vec::new();
    let mut put: Vec<NodeId> = Vec::new();
    for group in components(&p.factors, &p.out) {
        let scalar = if closed(&group) { Some(part(g, &p, &group)) } else { None };
        match scalar.and_then(|scalar| rules.iter().find(|(from, _)| *from == scalar)) {
            Some((_, to)) => put.push(*to),
            None => kept.extend(group),
        }
    }
    if put.is_empty() {
        return node;
    }
    let mut builder = ProductBuilder { coefficient: None, factors: kept, dims: p.dims.clone() };
    for label in 0..builder.dims.len() as Label {
        let used = p.out.contains(&label) || builder.factors.iter().any(|f| f.labels.contains(&label));
        if !used {
            builder.dims[label as usize] = Dim::NONE;
        }
    }
    for scalar in put {
        builder.factor(scalar, &[]);
    }
    builder.build(g, &p.out)
}

/// Some factors of a product as a scalar of their own.
fn part(g: &mut Graph, p: &Product, group: &[Factor]) -> NodeId {
    let mut dims = p.dims.clone();
    for (label, dim) in dims.iter_mut().enumerate() {
        if !group.iter().any(|f| f.labels.contains(&(label as Label))) {
            *dim = Dim::NONE;
        }
    }
    ProductBuilder { coefficient: None, factors: group.to_vec(), dims }.build(g, &Labels::new())
}
