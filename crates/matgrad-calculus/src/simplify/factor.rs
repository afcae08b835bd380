//! Taking common factors out of a sum: `A*x + B*x = (A + B)*x`, with all axes in play.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use super::improve;
use crate::graph::{Dim, Dims, Factor, Graph, Label, Labels, Node, NodeId, Product, ProductBuilder};
use crate::notation::{self, Memory};

/// Sums with more factors than this in all are left as they are: nobody would see the difference.
const FACTOR_LIMIT: usize = 120;

/// Where an axis of a factor leads: to these axes of the result (a bit each), or into the rest of its product.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum End {
    Out(u8),
    Rest,
}

/// A factor of a term that other terms have too.
struct Occurrence {
    term: usize,
    factor: usize,
    /// Axes in the order that makes the ends of a symmetric factor comparable.
    flip: bool,
}

struct Group {
    node: NodeId,
    negative: bool,
    ends: SmallVec<[End; 4]>,
    members: Vec<Occurrence>,
}

/// The node as a product, even where it is a single factor.
pub(super) fn as_product(g: &Graph, node: NodeId) -> Product {
    match g.node(node) {
        Node::Product(p) => p.clone(),
        _ => {
            let dims: Dims = g.axes(node).clone();
            let out: Labels = (0..dims.len() as Label).collect();
            let factor = Factor { node, labels: out.clone(), exponent: Rational::ONE };
            Product { factors: vec![factor], out, dims }
        }
    }
}

/// How much shorter a product with a literal has to be than the entries it takes.
const ENTRIES_PENALTY: u32 = 4;

/// How much shorter a sum has to get where a factor of some of its terms only is taken out: else it reads better as the
/// sum that it is.
const PARTIAL_PENALTY: u32 = 3;

/// How much shorter `(x*u' + y*v')*w` has to be than `x*(u'*w) + y*(v'*w)`.
const OUTER_PENALTY: u32 = 16;

/// The sum with common factors taken out as long as that makes it shorter.
pub(super) fn factor(g: &mut Graph, memory: &mut Memory, node: NodeId, depth: usize) -> NodeId {
    let mut current = node;
    for _ in 0..12 {
        let Node::Sum(terms, dims) = g.node(current).clone() else { return current };
        if terms.len() < 2 || terms.len() > super::TERM_LIMIT || g.exhausted() {
            return current;
        }
        let products: Vec<Product> = terms.iter().map(|(_, n)| as_product(g, *n)).collect();
        if products.iter().map(|p| p.factors.len()).sum::<usize>() > FACTOR_LIMIT {
            return current;
        }
        let mut best = (notation::length(g, memory, current), current);
        for group in groups(g, &products) {
            for exponent in exponents(&products, &group) {
                let Some(candidate) = extract(g, memory, &terms, &products, &dims, &group, &exponent, depth) else {
                    continue;
                };
                let mut length = notation::length(g, memory, candidate);
                // of equal length the product is better: it is computed faster
                let vector = g.rank(group.node) == 1;
                // but `2*x[1] + x[3]` reads better than `x'*[2, 0, 1]`
                let entries = group
                    .members
                    .iter()
                    .any(|m| products[m.term].factors.iter().any(|f| matches!(g.node(f.node), Node::OneHot { .. })));
                if entries {
                    length = length.saturating_add(ENTRIES_PENALTY);
                }
                let whole = best.1 == current
                    && (vector || !matches!(g.node(candidate), Node::Sum(terms, _) if terms.len() > 1));
                if only_scalars(&products, &group) {
                    // (1 - s)*v for v - s*v
                    length = length.saturating_sub(2);
                } else if group.members.len() < terms.len() {
                    length = length.saturating_add(PARTIAL_PENALTY);
                }
                if makes_outer_products(&products, &group) {
                    length = length.saturating_add(OUTER_PENALTY);
                }
                if length < best.0 || length == best.0 && whole {
                    best = (length, candidate);
                }
            }
        }
        if best.1 == current {
            return current;
        }
        current = best.1;
    }
    current
}

/// Whether the terms are multiples of one vector, matrix or scalar product, by scalars.
fn only_scalars(products: &[Product], group: &Group) -> bool {
    let arrays = |m: &Occurrence| {
        let factors = products[m.term].factors.iter().filter(|f| !f.labels.is_empty());
        let mut all: Vec<(NodeId, Labels)> = factors.map(|f| (f.node, f.labels.clone())).collect();
        all.sort();
        (all, products[m.term].out.clone())
    };
    let Some((first, rest)) = group.members.split_first() else { return false };
    let first = arrays(first);
    !first.0.is_empty() && rest.iter().all(|m| arrays(m) == first)
}

/// Whether a vector taken out at the end of scalar products `v'*w` makes matrices `x*v'` of all terms.
fn makes_outer_products(products: &[Product], group: &Group) -> bool {
    let [End::Rest] = group.ends[..] else { return false };
    group.members.iter().all(|m| {
        let p = &products[m.term];
        let mut near: Labels = p.factors[m.factor].labels.clone();
        loop {
            let before = near.len();
            for (_, f) in p.factors.iter().enumerate().filter(|(k, _)| *k != m.factor) {
                if f.labels.iter().any(|l| near.contains(l)) {
                    for l in f.labels.iter().filter(|l| !near.contains(l)).copied().collect::<Labels>() {
                        near.push(l);
                    }
                }
            }
            if near.len() == before {
                break;
            }
        }
        !p.out.is_empty() && !near.iter().any(|l| p.out.contains(l))
    })
}

fn groups(g: &mut Graph, products: &[Product]) -> Vec<Group> {
    let mut groups: Vec<Group> = Vec::new();
    for (term, p) in products.iter().enumerate() {
        for (k, f) in p.factors.iter().enumerate() {
            let repeated = f.labels.iter().enumerate().any(|(i, l)| f.labels[..i].contains(l));
            if repeated || p.out.len() > 8 {
                continue;
            }
            let mut ends: SmallVec<[End; 4]> = f
                .labels
                .iter()
                .map(|l| {
                    let mask = p.out.iter().enumerate().filter(|(_, o)| *o == l).fold(0u8, |m, (j, _)| m | 1 << j);
                    if mask == 0 { End::Rest } else { End::Out(mask) }
                })
                .collect();
            let flip = ends.len() == 2 && ends[0] > ends[1] && g.is_symmetric(f.node);
            if flip {
                ends.swap(0, 1);
            }
            let negative = f.exponent.is_negative();
            let member = Occurrence { term, factor: k, flip };
            match groups.iter_mut().find(|x| x.node == f.node && x.negative == negative && x.ends == ends) {
                Some(group) => {
                    if group.members.last().is_none_or(|m| m.term != term) {
                        group.members.push(member);
                    }
                }
                None => groups.push(Group { node: f.node, negative, ends, members: vec![member] }),
            }
        }
    }
    groups.retain(|group| group.members.len() > 1);
    groups.sort_by_key(|group| std::cmp::Reverse(group.members.len()));
    groups.truncate(16);
    groups
}

/// Powers worth taking out: the one all members have, and of divisors also the largest.
fn exponents(products: &[Product], group: &Group) -> SmallVec<[Rational; 2]> {
    let all = group.members.iter().map(|m| products[m.term].factors[m.factor].exponent.clone());
    let (mut least, mut most): (Option<Rational>, Option<Rational>) = (None, None);
    for e in all {
        if least.as_ref().is_none_or(|l| e.abs() < l.abs()) {
            least = Some(e.clone());
        }
        if most.as_ref().is_none_or(|m| e.abs() > m.abs()) {
            most = Some(e);
        }
    }
    let mut out: SmallVec<[Rational; 2]> = least.into_iter().collect();
    if group.negative && most.as_ref() != out.first() {
        out.extend(most);
    }
    out
}

#[allow(clippy::too_many_arguments)]
fn extract(
    g: &mut Graph,
    memory: &mut Memory,
    terms: &[(Rational, NodeId)],
    products: &[Product],
    dims: &[Dim],
    group: &Group,
    exponent: &Rational,
    depth: usize,
) -> Option<NodeId> {
    let covered = group.ends.iter().fold(0u8, |m, e| if let End::Out(mask) = e { m | mask } else { m });
    // what is left of each member
    let mut rests: Vec<(usize, Vec<Factor>, Labels)> = Vec::new();
    for member in &group.members {
        let p = &products[member.term];
        let mut factors = p.factors.clone();
        let mut labels = factors[member.factor].labels.clone();
        if member.flip {
            labels.swap(0, 1);
        }
        let remainder = &factors[member.factor].exponent + &-exponent.clone();
        if remainder.is_zero() {
            factors.remove(member.factor);
        } else {
            factors[member.factor].exponent = remainder;
        }
        rests.push((member.term, factors, labels));
    }
    let uses = |factors: &[Factor], l: Label| factors.iter().any(|f| f.labels.contains(&l));
    let needed: SmallVec<[bool; 4]> = (0..group.ends.len())
        .map(|axis| match group.ends[axis] {
            End::Rest => true,
            End::Out(_) => rests.iter().any(|(_, factors, labels)| uses(factors, labels[axis])),
        })
        .collect();
    let free: Vec<usize> = (0..dims.len()).filter(|j| covered & (1 << j) == 0).collect();
    let mut inner_terms = Vec::with_capacity(rests.len());
    let mut inner_dims: Dims = free.iter().map(|j| dims[*j]).collect();
    let factor_dims = g.axes(group.node).clone();
    inner_dims.extend((0..needed.len()).filter(|a| needed[*a]).map(|a| factor_dims[a]));
    for (term, factors, labels) in rests {
        let p = &products[term];
        let mut out: Labels = free.iter().map(|j| p.out[*j]).collect();
        out.extend((0..needed.len()).filter(|a| needed[*a]).map(|a| labels[a]));
        let mut builder = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() };
        for label in 0..builder.dims.len() as Label {
            if !out.contains(&label) && !uses(&builder.factors, label) && labels.contains(&label) {
                builder.dims[label as usize] = Dim::NONE;
            }
            // an axis of the result that only the common factor had
            if p.out.contains(&label) && !out.contains(&label) && !uses(&builder.factors, label) {
                builder.dims[label as usize] = Dim::NONE;
            }
        }
        inner_terms.push((terms[term].0.clone(), builder.build(g, &out)));
    }
    let negative = inner_terms.iter().all(|(c, _)| c.is_negative());
    if negative {
        for (c, _) in &mut inner_terms {
            *c = -c.clone();
        }
    }
    let inner = g.sum(&inner_terms, &inner_dims);
    let inner = if depth == 0 { improve(g, memory, inner, 1) } else { inner };
    let mut builder = ProductBuilder::new();
    let labels: Labels = factor_dims.iter().map(|d| builder.label(*d)).collect();
    let mut inner_labels: Labels = free.iter().map(|j| builder.label(dims[*j])).collect();
    let free_labels = inner_labels.clone();
    inner_labels.extend((0..needed.len()).filter(|a| needed[*a]).map(|a| labels[a]));
    builder.power(group.node, &labels, exponent.clone());
    builder.factor(inner, &inner_labels);
    let out: Option<Labels> = (0..dims.len())
        .map(|j| match free.iter().position(|f| *f == j) {
            Some(k) => Some(free_labels[k]),
            None => {
                group.ends.iter().position(|e| matches!(e, End::Out(mask) if mask & (1 << j) != 0)).map(|a| labels[a])
            }
        })
        .collect();
    let product = builder.build(g, &out?);
    let sign = Rational::int(if negative { -1 } else { 1 });
    let mut sum: Vec<(Rational, NodeId)> = vec![(sign, product)];
    for (k, term) in terms.iter().enumerate() {
        if !group.members.iter().any(|m| m.term == k) {
            sum.push(term.clone());
        }
    }
    Some(g.sum(&sum, dims))
}
