//! Multiplying out, and relations between functions that only show when everything is multiplied out.

use matgrad_syntax::Rational;

use super::factor::as_product;
use crate::graph::{Factor, Graph, MapOp, Node, NodeId, ProductBuilder};

/// Multiplying out stops at this many terms.
const LIMIT: usize = 40;

/// Forms of the node with its products of sums multiplied out.
///
/// Unless `all`, only forms in which something cancelled or merged: the others are longer than what they came from.
pub(super) fn expansions(g: &mut Graph, node: NodeId, all: bool) -> Vec<NodeId> {
    let mut found = Vec::new();
    let Some((plain, cancelled)) = multiply_out(g, node) else { return found };
    if plain != node && (cancelled || all) {
        found.push(plain);
    }
    for relation in [sigmoid_relation, square_relation] {
        let Some((related, merged)) = relation(g, plain) else { continue };
        let Some((expanded, cancelled)) = multiply_out(g, related) else { continue };
        if (merged || cancelled || all) && expanded != plain && !found.contains(&expanded) {
            found.push(expanded);
        }
    }
    found
}

fn terms_of(g: &Graph, node: NodeId) -> Vec<(Rational, NodeId)> {
    match g.node(node) {
        Node::Sum(terms, _) => terms.clone(),
        _ => vec![(Rational::ONE, node)],
    }
}

/// How many terms a product of sums has when multiplied out.
fn terms_when_multiplied(g: &Graph, node: NodeId) -> usize {
    let Node::Product(p) = g.node(node) else { return 1 };
    p.factors
        .iter()
        .map(|f| match (g.node(f.node), f.exponent.to_i64()) {
            (Node::Sum(terms, _), Some(k @ 1..=3)) => terms.len().max(1).saturating_pow(k as u32),
            _ => 1,
        })
        .fold(1, usize::saturating_mul)
}

/// The node as a sum of products without sums among their factors, and whether anything cancelled or merged on the way;
/// `None` where that has too many terms.
fn multiply_out(g: &mut Graph, node: NodeId) -> Option<(NodeId, bool)> {
    let dims = g.axes(node).clone();
    let mut todo = terms_of(g, node);
    let size: usize = todo.iter().map(|(_, n)| terms_when_multiplied(g, *n)).fold(0, usize::saturating_add);
    if size > LIMIT {
        return None;
    }
    todo.reverse();
    let mut done: Vec<(Rational, NodeId)> = Vec::new();
    let mut cancelled = false;
    while let Some((c, term)) = todo.pop() {
        let p = as_product(g, term);
        let at = p.factors.iter().position(|f| {
            let power = f.exponent.to_i64().is_some_and(|k| (1..=3).contains(&k));
            power && matches!(g.node(f.node), Node::Sum(terms, _) if terms.len() > 1)
        });
        let Some(at) = at.filter(|_| matches!(g.node(term), Node::Product(_))) else {
            done.push((c, term));
            continue;
        };
        let Node::Sum(inner, _) = g.node(p.factors[at].node).clone() else { return None };
        if inner.len() + todo.len() + done.len() > LIMIT {
            return None;
        }
        for (d, n) in inner.into_iter().rev() {
            let mut factors: Vec<Factor> = p.factors.clone();
            let rest = &factors[at].exponent + &Rational::int(-1);
            let labels = factors[at].labels.clone();
            if rest.is_zero() {
                factors.remove(at);
            } else {
                factors[at].exponent = rest;
            }
            let kept = factors.len() + as_product(g, n).factors.len();
            factors.push(Factor { node: n, labels, exponent: Rational::ONE });
            let product = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() }.build(g, &p.out);
            for (e, m) in terms_of(g, product) {
                cancelled |= as_product(g, m).factors.len() < kept;
                todo.push((&(&c * &d) * &e, m));
            }
        }
    }
    let raw = done.len();
    let sum = g.sum(&done, &dims);
    cancelled |= terms_of(g, sum).len() < raw;
    Some((sum, cancelled))
}

/// σ(-u) as 1 - σ(u), where both occur.
fn sigmoid_relation(g: &mut Graph, node: NodeId) -> Option<(NodeId, bool)> {
    let mut arguments: Vec<(NodeId, NodeId)> = Vec::new();
    for (_, term) in terms_of(g, node) {
        for f in as_product(g, term).factors {
            if let Node::Map(MapOp::Sigmoid, args) = g.node(f.node) {
                arguments.push((f.node, args[0]));
            }
        }
    }
    arguments.sort_unstable();
    arguments.dedup();
    let mut map: Vec<(NodeId, NodeId)> = Vec::new();
    for &(late, u) in &arguments {
        let minus = g.negate(u);
        if let Some((early, _)) = arguments.iter().find(|(n, a)| *a == minus && *n < late) {
            map.push((late, *early));
        }
    }
    if map.is_empty() {
        return None;
    }
    substitute(g, node, |g, f| {
        let (_, early) = map.iter().find(|(late, _)| *late == f.node)?;
        let dims = g.axes(*early).clone();
        let one = g.ones(&dims);
        // built by hand: the constructor would turn it back
        Some((vec![(Rational::ONE, one), (Rational::int(-1), *early)], f.exponent.clone()))
    })
}

/// sin² as 1 - cos², cosh² as 1 + sinh².
fn square_relation(g: &mut Graph, node: NodeId) -> Option<(NodeId, bool)> {
    substitute(g, node, |g, f| {
        if f.exponent != Rational::int(2) {
            return None;
        }
        let (op, arg) = match g.node(f.node) {
            Node::Map(op @ (MapOp::Sin | MapOp::Cosh), args) => (*op, args[0]),
            _ => return None,
        };
        let dims = g.axes(f.node).clone();
        let one = g.ones(&dims);
        let (partner, sign) = if op == MapOp::Sin { (MapOp::Cos, -1) } else { (MapOp::Sinh, 1) };
        let partner = g.map(partner, &[arg]);
        let square = g.power(partner, &Rational::int(2));
        Some((vec![(Rational::ONE, one), (Rational::int(sign), square)], Rational::ONE))
    })
}

/// Terms to put in place of a factor, and the power to which they are taken.
type Replacement = (Vec<(Rational, NodeId)>, Rational);

/// Every factor for which `replace` names other terms multiplied out, and whether terms merged; `None` where nothing was
/// replaced.
fn substitute(
    g: &mut Graph,
    node: NodeId,
    replace: impl Fn(&mut Graph, &Factor) -> Option<Replacement>,
) -> Option<(NodeId, bool)> {
    let dims = g.axes(node).clone();
    let mut todo = terms_of(g, node);
    let mut done = Vec::new();
    let mut changed = false;
    while let Some((c, term)) = todo.pop() {
        let p = as_product(g, term);
        let mut found = None;
        for (k, f) in p.factors.iter().enumerate() {
            if !f.exponent.is_integer() || f.exponent.is_negative() {
                continue;
            }
            if let Some((terms, power)) = replace(g, f) {
                found = Some((k, terms, power));
                break;
            }
        }
        let Some((k, terms, power)) = found else {
            done.push((c, term));
            continue;
        };
        changed = true;
        if todo.len() + done.len() + terms.len() > LIMIT {
            return None;
        }
        for (d, n) in terms {
            let mut factors = p.factors.clone();
            let labels = factors[k].labels.clone();
            let left = &power + &Rational::int(-1);
            if left.is_zero() {
                factors.remove(k);
            } else {
                factors[k].exponent = left;
            }
            factors.push(Factor { node: n, labels, exponent: Rational::ONE });
            let product = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() }.build(g, &p.out);
            for (e, m) in terms_of(g, product) {
                todo.push((&(&c * &d) * &e, m));
            }
        }
    }
    let raw = done.len();
    changed.then(|| {
        let sum = g.sum(&done, &dims);
        (sum, terms_of(g, sum).len() < raw)
    })
}
