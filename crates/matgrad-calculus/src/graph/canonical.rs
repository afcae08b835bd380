//! Canonical numbering of the labels of a product, so that equal products are one node.
//!
//! Colour refinement on the bipartite graph of labels and factors, with individualisation where it stalls: classes that
//! remain are images of one another under a symmetry of the product in all but contrived cases, and then any choice
//! gives the same numbering.

use std::hash::Hasher;

use matgrad_syntax::Rational;
use rustc_hash::FxHasher;
use smallvec::SmallVec;

use super::product::Work;
use super::{Dims, Factor, Graph, Label, Labels, Product};

fn mix(values: impl IntoIterator<Item = u64>) -> u64 {
    let mut hasher = FxHasher::default();
    for value in values {
        hasher.write_u64(value);
    }
    // a final avalanche, because sorted sums of these are compared
    let mut h = hasher.finish();
    h ^= h >> 33;
    h = h.wrapping_mul(0xff51_afd7_ed55_8ccd);
    h ^ (h >> 29)
}

fn exponent_hash(exponent: &Rational) -> u64 {
    use std::hash::Hash;
    let mut hasher = FxHasher::default();
    exponent.hash(&mut hasher);
    hasher.finish()
}

/// The product in normal form: labels numbered by `out` first, then by structure; factors sorted.
pub(super) fn canonical(g: &mut Graph, work: &mut Work) -> Product {
    let mut numbering: SmallVec<[Option<Label>; 16]> = SmallVec::from_elem(None, work.dims.len());
    let mut order = Labels::new();
    let assign = |label: Label, numbering: &mut SmallVec<[Option<Label>; 16]>, order: &mut Labels| {
        if numbering[label as usize].is_none() {
            numbering[label as usize] = Some(order.len() as Label);
            order.push(label);
        }
    };
    for &label in &work.out {
        assign(label, &mut numbering, &mut order);
    }
    let mut free: SmallVec<[Label; 16]> = SmallVec::new();
    for &label in work.factors.iter().flat_map(|f| &f.labels) {
        if numbering[label as usize].is_none() && !free.contains(&label) {
            free.push(label);
        }
    }
    if free.len() > 1 {
        refine(g, work, &mut free);
    }
    for &label in &free {
        assign(label, &mut numbering, &mut order);
    }
    let rename = |label: &Label| numbering[*label as usize].unwrap_or(0);
    let mut factors: Vec<Factor> = Vec::with_capacity(work.factors.len());
    for f in work.factors.drain(..) {
        let mut labels: Labels = f.labels.iter().map(rename).collect();
        if labels.len() == 2 && labels[0] > labels[1] {
            if g.is_symmetric(f.node) {
                labels.swap(0, 1);
            } else if g.is_skew(f.node) && f.exponent.is_integer() {
                labels.swap(0, 1);
                if !f.exponent.is_even() {
                    work.coefficient = -work.coefficient.clone();
                }
            }
        }
        factors.push(Factor { labels, ..f });
    }
    factors.sort_by(|a, b| (a.node, &a.labels).cmp(&(b.node, &b.labels)));
    let dims: Dims = order.iter().map(|l| work.dims[*l as usize]).collect();
    let out = work.out.iter().map(rename).collect();
    Product { factors, out, dims }
}

/// Orders the summed labels by colour until every colour is unique.
fn refine(g: &mut Graph, work: &Work, free: &mut SmallVec<[Label; 16]>) {
    let mut colour: Vec<u64> = vec![0; work.dims.len()];
    for (label, dim) in work.dims.iter().enumerate() {
        let places = work.out.iter().enumerate().filter(|(_, l)| **l as usize == label).map(|(k, _)| k as u64 + 1);
        colour[label] = mix(std::iter::once(u64::from(dim.0)).chain(places));
    }
    let fixed: Vec<(u64, bool)> = work
        .factors
        .iter()
        .map(|f| {
            let swaps = f.labels.len() == 2 && (g.is_symmetric(f.node) || g.is_skew(f.node));
            (mix([u64::from(f.node.0), exponent_hash(&f.exponent)]), swaps)
        })
        .collect();
    let classes = |colour: &[u64], free: &[Label]| {
        let mut seen: SmallVec<[u64; 16]> = free.iter().map(|l| colour[*l as usize]).collect();
        seen.sort_unstable();
        seen.dedup();
        seen.len()
    };
    let mut known = classes(&colour, free);
    let mut individualised = 0;
    while known < free.len() {
        let mut next: Vec<u64> = colour.clone();
        for (f, (base, swaps)) in work.factors.iter().zip(&fixed) {
            let mut hash: SmallVec<[u64; 6]> = SmallVec::new();
            hash.push(*base);
            let start = hash.len();
            hash.extend(f.labels.iter().map(|l| colour[*l as usize]));
            if *swaps {
                hash[start..].sort_unstable();
            }
            let hash = mix(hash);
            for (axis, l) in f.labels.iter().enumerate() {
                let axis = if *swaps { 0 } else { axis as u64 };
                // commutative, so that the order of factors does not matter
                next[*l as usize] = next[*l as usize].wrapping_add(mix([hash, axis]));
            }
        }
        for value in &mut next {
            *value = mix([*value]);
        }
        colour = next;
        let now = classes(&colour, free);
        if now == known {
            // stalled: tell one label of the smallest ambiguous colour apart from its class
            let mut sorted: SmallVec<[(u64, Label); 16]> = free.iter().map(|l| (colour[*l as usize], *l)).collect();
            sorted.sort_unstable();
            if let Some(pair) = sorted.windows(2).find(|w| w[0].0 == w[1].0) {
                individualised += 1;
                colour[pair[0].1 as usize] = mix([pair[0].0, 0x5bd1_e995, individualised]);
            }
        }
        known = classes(&colour, free);
    }
    free.sort_by_key(|l| colour[*l as usize]);
}
