//! The order of pairwise contractions: exact for few operands, greedy above.

use matgrad_syntax::patience;
use smallvec::SmallVec;

/// A set of loop variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VarSet(SmallVec<[u64; 2]>);

impl VarSet {
    /// Adds a variable.
    pub fn insert(&mut self, var: usize) {
        let word = var / 64;
        if self.0.len() <= word {
            self.0.resize(word + 1, 0);
        }
        self.0[word] |= 1 << (var % 64);
    }

    /// Whether the variable is in the set.
    pub fn contains(&self, var: usize) -> bool {
        self.0.get(var / 64).is_some_and(|w| w >> (var % 64) & 1 == 1)
    }

    /// Adds all of another set.
    pub fn extend(&mut self, other: &Self) {
        if self.0.len() < other.0.len() {
            self.0.resize(other.0.len(), 0);
        }
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    /// Keeps what is also in another set.
    pub fn intersect(&mut self, other: &Self) {
        for (k, word) in self.0.iter_mut().enumerate() {
            *word &= other.0.get(k).copied().unwrap_or(0);
        }
    }

    /// The product of the extents.
    pub fn volume(&self, extents: &[usize]) -> f64 {
        let mut volume = 1.0;
        for (k, word) in self.0.iter().enumerate() {
            let mut word = *word;
            while word != 0 {
                let var = k * 64 + word.trailing_zeros() as usize;
                volume *= extents.get(var).map_or(1.0, |e| *e as f64);
                word &= word - 1;
            }
        }
        volume
    }

    fn union(&self, other: &Self) -> Self {
        let mut all = self.clone();
        all.extend(other);
        all
    }
}

/// At most this many operands are ordered exactly.
const EXACT: usize = 6;

/// Above this many operands they are taken as they come.
const GREEDY: usize = 512;

/// An operand as the order of contraction sees it.
#[derive(Clone, Debug)]
pub struct Term {
    /// Equal for equal tensors.
    pub id: u64,
    /// Its variables as they lie in memory.
    pub axes: Vec<usize>,
}

impl Term {
    fn vars(&self) -> VarSet {
        let mut set = VarSet::default();
        self.axes.iter().for_each(|v| set.insert(*v));
        set
    }
}

/// Pairs to contract: the result of a pair takes the place of its first operand, the second is gone.
///
/// Pairs that give the same tensor under other names are contracted one after another, so that the caller can make it
/// once.
pub fn order(operands: &[Term], out: &VarSet, extents: &[usize]) -> Vec<(usize, usize)> {
    let repeated = || operands.iter().enumerate().any(|(k, t)| operands[..k].iter().any(|o| o.id == t.id));
    match operands.len() {
        0 | 1 => Vec::new(),
        2 => vec![(0, 1)],
        n if n <= EXACT && (n < 5 || !repeated()) => {
            exact(&operands.iter().map(Term::vars).collect::<Vec<_>>(), out, extents)
        }
        n if n <= GREEDY => greedy(operands, out, extents),
        n => (1..n).map(|k| (0, k)).collect(),
    }
}

fn exact(operands: &[VarSet], out: &VarSet, extents: &[usize]) -> Vec<(usize, usize)> {
    let n = operands.len();
    let full = (1usize << n) - 1;
    // the variables of a contracted subset: those that the result or the other operands need
    let union = |mask: usize| {
        let mut all = VarSet::default();
        (0..n).filter(|k| mask >> k & 1 == 1).for_each(|k| all.extend(&operands[k]));
        all
    };
    let vars: Vec<VarSet> = (0..=full)
        .map(|mask| {
            let mut own = union(mask);
            own.intersect(&union(full & !mask).union(out));
            own
        })
        .collect();
    let mut cost = vec![f64::INFINITY; full + 1];
    let mut split = vec![0usize; full + 1];
    for mask in 1..=full {
        if mask.count_ones() == 1 {
            cost[mask] = 0.0;
            continue;
        }
        let result = vars[mask].volume(extents);
        let mut part = (mask - 1) & mask;
        while part > 0 {
            let other = mask & !part;
            if part > other {
                let total = cost[part] + cost[other] + result + vars[part].union(&vars[other]).volume(extents);
                if total < cost[mask] || split[mask] == 0 {
                    (cost[mask], split[mask]) = (total, part);
                }
            }
            part = (part - 1) & mask;
        }
    }
    // the tree in the order of evaluation; a subset lives in the place of its lowest operand
    let mut pairs = Vec::new();
    let mut stack = vec![(full, false)];
    while let Some((mask, visited)) = stack.pop() {
        if mask.count_ones() < 2 {
            continue;
        }
        let (a, b) = (split[mask], mask & !split[mask]);
        if visited {
            let (x, y) = (a.trailing_zeros() as usize, b.trailing_zeros() as usize);
            pairs.push((x.min(y), x.max(y)));
        } else {
            stack.extend([(mask, true), (a, false), (b, false)]);
        }
    }
    pairs
}

fn greedy(operands: &[Term], out: &VarSet, extents: &[usize]) -> Vec<(usize, usize)> {
    let n = operands.len();
    let mut terms: Vec<Term> = operands.to_vec();
    let mut sets: Vec<Option<VarSet>> = operands.iter().map(|t| Some(t.vars())).collect();
    let price = |a: &VarSet, b: &VarSet| a.union(b).volume(extents);
    let mut costs = vec![f64::INFINITY; n * n];
    for i in 0..n {
        for j in i + 1..n {
            if let (Some(a), Some(b)) = (&sets[i], &sets[j]) {
                costs[i * n + j] = price(a, b);
            }
        }
    }
    let mut pairs = Vec::with_capacity(n - 1);
    while pairs.len() + 1 < n {
        let mut best: Option<(f64, f64, usize, usize)> = None;
        for i in 0..n {
            patience::look();
            let Some(a) = &sets[i] else { continue };
            for j in i + 1..n {
                let Some(b) = &sets[j] else { continue };
                let cost = costs[i * n + j];
                if best.is_some_and(|(known, ..)| cost > known) {
                    continue;
                }
                let result = kept(a, b, &sets, (i, j), out).volume(extents);
                // the smaller result of equally dear ones; cheap outer products wait
                if best.is_none_or(|(known, size, ..)| (cost, result) < (known, size)) {
                    best = Some((cost, result, i, j));
                }
            }
        }
        let Some((cost, _, i, j)) = best else { break };
        let (pattern, ..) = pattern(&terms, &sets, (i, j), out, extents);
        let ids = (terms[i].id.min(terms[j].id), terms[i].id.max(terms[j].id));
        let mut next = Some((i, j));
        while let Some((i, j)) = next {
            let (known, (i, j), axes) = self::pattern(&terms, &sets, (i, j), out, extents);
            let (Some(a), Some(b)) = (sets[i].take(), sets[j].take()) else { break };
            let merged = kept(&a, &b, &sets, (i, j), out);
            for k in 0..n {
                if let Some(other) = &sets[k] {
                    costs[k.min(i) * n + k.max(i)] = price(other, &merged);
                }
            }
            sets[i] = Some(merged);
            terms[i] = Term { id: hash(&known), axes };
            pairs.push((i, j));
            next = same_pattern(&terms, &sets, out, extents, (ids, cost, &pattern), &costs);
        }
    }
    pairs
}

/// Another pair that gives the same tensor.
fn same_pattern(
    terms: &[Term],
    sets: &[Option<VarSet>],
    out: &VarSet,
    extents: &[usize],
    (ids, cost, wanted): ((u64, u64), f64, &[u64]),
    costs: &[f64],
) -> Option<(usize, usize)> {
    let n = terms.len();
    let alive = |k: usize| sets[k].is_some() && (terms[k].id == ids.0 || terms[k].id == ids.1);
    let candidates: Vec<usize> = (0..n).filter(|k| alive(*k)).collect();
    for (at, &i) in candidates.iter().enumerate() {
        patience::look();
        for &j in &candidates[at + 1..] {
            let same_ids = (terms[i].id.min(terms[j].id), terms[i].id.max(terms[j].id)) == ids;
            if same_ids && costs[i * n + j] == cost && pattern(terms, sets, (i, j), out, extents).0 == wanted {
                return Some((i, j));
            }
        }
    }
    None
}

/// What two operands are and how they meet, whatever the names of the variables; the operands in the order of that
/// description; the axes of their contraction.
fn pattern(
    terms: &[Term],
    sets: &[Option<VarSet>],
    (i, j): (usize, usize),
    out: &VarSet,
    extents: &[usize],
) -> (Vec<u64>, (usize, usize), Vec<usize>) {
    let keep = match (&sets[i], &sets[j]) {
        (Some(a), Some(b)) => kept(a, b, sets, (i, j), out),
        _ => VarSet::default(),
    };
    let describe = |first: usize, second: usize| {
        let (a, b) = (&terms[first], &terms[second]);
        let mut text = vec![a.id, b.id];
        for v in &a.axes {
            let meets = b.axes.iter().position(|w| w == v).map_or(u64::MAX, |p| p as u64);
            text.extend([meets, extents[*v] as u64, u64::from(keep.contains(*v))]);
        }
        let rest = b.axes.iter().filter(|v| !a.axes.contains(v));
        text.extend(rest.clone().flat_map(|v| [extents[*v] as u64, u64::from(keep.contains(*v))]));
        let axes = a.axes.iter().chain(rest).filter(|v| keep.contains(**v)).copied().collect();
        (text, (first, second), axes)
    };
    let (one, two) = (describe(i, j), describe(j, i));
    if two.0 < one.0 { two } else { one }
}

fn hash(text: &[u64]) -> u64 {
    use std::hash::BuildHasher;
    rustc_hash::FxBuildHasher.hash_one(text)
}

/// The variables of two operands that are needed after they are contracted.
fn kept(a: &VarSet, b: &VarSet, sets: &[Option<VarSet>], pair: (usize, usize), out: &VarSet) -> VarSet {
    let mut needed = out.clone();
    for (k, set) in sets.iter().enumerate() {
        if k != pair.0
            && k != pair.1
            && let Some(set) = set
        {
            needed.extend(set);
        }
    }
    let mut all = a.union(b);
    all.intersect(&needed);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(vars: &[usize]) -> VarSet {
        let mut set = VarSet::default();
        vars.iter().for_each(|v| set.insert(*v));
        set
    }

    /// The cost of the chosen order, and in how many different tensors it goes.
    fn cost(operands: &[(u64, &[usize])], out: &[usize], extents: &[usize]) -> (f64, usize) {
        let mut terms: Vec<Term> = operands.iter().map(|(id, o)| Term { id: *id, axes: o.to_vec() }).collect();
        let mut sets: Vec<Option<VarSet>> = terms.iter().map(|t| Some(t.vars())).collect();
        let (mut total, mut seen) = (0.0, std::collections::BTreeSet::new());
        for (i, j) in order(&terms, &set(out), extents) {
            let (text, _, axes) = pattern(&terms, &sets, (i, j), &set(out), extents);
            let (a, b) = (sets[i].take().unwrap(), sets[j].take().unwrap());
            total += if seen.insert(text.clone()) { a.union(&b).volume(extents) } else { 0.0 };
            sets[i] = Some(kept(&a, &b, &sets, (i, j), &set(out)));
            terms[i] = Term { id: hash(&text), axes };
        }
        assert_eq!(sets.iter().flatten().count(), 1);
        (total, seen.len())
    }

    #[test]
    fn chains_start_at_the_vector() {
        let chain: [(u64, &[usize]); 4] = [(0, &[0, 1]), (1, &[1, 2]), (2, &[2, 3]), (3, &[3])];
        assert_eq!(cost(&chain, &[0], &[100; 4]).0, 30_000.0);
        let long: Vec<Vec<usize>> = (0..20).map(|k| vec![k, k + 1]).chain([vec![20]]).collect();
        let long: Vec<(u64, &[usize])> = long.iter().enumerate().map(|(k, v)| (k as u64, v.as_slice())).collect();
        assert_eq!(cost(&long, &[0], &[10; 21]).0, 2000.0);
    }

    #[test]
    fn the_narrow_side_first() {
        let chain: [(u64, &[usize]); 3] = [(0, &[0, 1]), (1, &[1, 2]), (2, &[2, 3])];
        assert_eq!(cost(&chain, &[0, 3], &[2, 50, 50, 50]).0, 2.0 * 2500.0 * 2.0);
        assert_eq!(cost(&chain, &[0, 3], &[50, 50, 50, 2]).0, 2.0 * 2500.0 * 2.0);
    }

    #[test]
    fn powers_by_squaring() {
        // (A·B)^8 as a chain of sixteen
        let chain: Vec<(u64, Vec<usize>)> = (0..16).map(|k| (k as u64 % 2, vec![k, k + 1])).collect();
        let chain: Vec<(u64, &[usize])> = chain.iter().map(|(id, v)| (*id, v.as_slice())).collect();
        assert_eq!(cost(&chain, &[0, 16], &[10; 17]), (4000.0, 4));
    }
}
