//! Sums written out entry by entry, rolled up again: `A[1,1]*x[1] + A[1,2]*x[2]` is row 1 of `A*x`.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;

use crate::graph::{Dim, Factor, Graph, Node, NodeId, Product, ProductBuilder};

/// Dimensions up to this one are recognised.
const LENGTH_LIMIT: i64 = 9;

/// The expression with written-out sums over all positions of an axis turned into contractions.
pub fn reroll(g: &mut Graph, root: NodeId) -> NodeId {
    let hot = |g: &Graph, id: NodeId| matches!(g.node(id), Node::OneHot { .. });
    let order = g.reachable(&[root]);
    if !order.iter().any(|id| hot(g, *id)) {
        return root;
    }
    let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in order {
        let rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
        let rolled = roll_sum(g, rebuilt);
        if rolled != id {
            new.insert(id, rolled);
        }
    }
    new.get(&root).copied().unwrap_or(root)
}

fn roll_sum(g: &mut Graph, node: NodeId) -> NodeId {
    let mut current = node;
    for _ in 0..64 {
        let Node::Sum(terms, dims) = g.node(current).clone() else { return current };
        if terms.len() < 2 || terms.len() > 128 {
            return current;
        }
        let Some(rolled) = roll_once(g, &terms) else { return current };
        current = g.sum(&rolled, &dims);
    }
    current
}

fn roll_once(g: &mut Graph, terms: &[(Rational, NodeId)]) -> Option<Vec<(Rational, NodeId)>> {
    let known: FxHashMap<NodeId, Rational> = terms.iter().map(|(c, n)| (*n, c.clone())).collect();
    for (c, term) in terms {
        let Node::Product(p) = g.node(*term) else { continue };
        let p = p.clone();
        let hots: Vec<(usize, i64, i64)> = p
            .factors
            .iter()
            .enumerate()
            .filter_map(|(k, f)| match g.node(f.node) {
                Node::OneHot { at, dim } => Some((k, g.sizes.value(*at)?, g.sizes.value(*dim)?)),
                _ => None,
            })
            .collect();
        if hots.len() > 8 {
            continue;
        }
        for (first, slots) in subsets(&hots) {
            let (_, _, length) = first;
            if !(2..=LENGTH_LIMIT).contains(&length) {
                continue;
            }
            if let Some(rolled) = try_roll(g, terms, &known, c, &p, &slots, length) {
                return Some(rolled);
            }
        }
    }
    None
}

type Hot = (usize, i64, i64);

/// Groups of one-hots at one position, the smaller groups first: a double sum is rolled up one index at a time.
fn subsets(hots: &[Hot]) -> Vec<(Hot, Vec<usize>)> {
    let mut found = Vec::new();
    for (k, first) in hots.iter().enumerate() {
        let alike: Vec<&Hot> = hots[k..].iter().filter(|h| h.1 == first.1 && h.2 == first.2).collect();
        // the group always holds its first member
        for mask in 0..1u32 << (alike.len() - 1) {
            let mut slots = vec![first.0];
            slots.extend(alike[1..].iter().enumerate().filter(|(j, _)| mask & (1 << j) != 0).map(|(_, h)| h.0));
            found.push((*first, slots));
        }
    }
    found.sort_by_key(|(_, slots)| slots.len());
    found
}

fn try_roll(
    g: &mut Graph,
    terms: &[(Rational, NodeId)],
    known: &FxHashMap<NodeId, Rational>,
    c: &Rational,
    p: &Product,
    slots: &[usize],
    length: i64,
) -> Option<Vec<(Rational, NodeId)>> {
    let mut used = Vec::new();
    for position in 1..=length {
        let mut factors = p.factors.clone();
        for &k in slots {
            let Node::OneHot { dim, .. } = g.node(factors[k].node) else { return None };
            let dim = *dim;
            let at = g.sizes.constant(position);
            factors[k].node = g.one_hot(at, dim);
        }
        let moved = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() }.build(g, &p.out);
        let (d, node) = g.split(moved);
        // the moved term must be there with the same coefficient
        if !d.is_one() || known.get(&node) != Some(c) || used.contains(&node) {
            return None;
        }
        used.push(node);
    }
    // all positions are there: the one-hots become one label
    let labels: Vec<u16> = slots.iter().map(|k| p.factors[*k].labels[0]).collect();
    let outs: Vec<u16> = labels.iter().copied().filter(|l| p.out.contains(l)).collect();
    let keep = outs.first().copied().unwrap_or(labels[0]);
    let rename = |l: &u16| if labels.contains(l) { keep } else { *l };
    let factors: Vec<Factor> = p
        .factors
        .iter()
        .enumerate()
        .filter(|(k, _)| !slots.contains(k))
        .map(|(_, f)| Factor { labels: f.labels.iter().map(rename).collect(), ..f.clone() })
        .collect();
    let mut dims = p.dims.clone();
    for l in &labels {
        if *l != keep {
            dims[*l as usize] = Dim::NONE;
        }
    }
    let out: Vec<u16> = p.out.iter().map(rename).collect();
    let rolled = ProductBuilder { coefficient: None, factors, dims }.build(g, &out);
    let mut rest: Vec<(Rational, NodeId)> = terms.iter().filter(|(_, n)| !used.contains(n)).cloned().collect();
    rest.push((c.clone(), rolled));
    Some(rest)
}
