//! The order of pairwise contractions: exact for few operands, greedy above.

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

/// Pairs to contract: the result of a pair takes the place of its first operand, the second is gone. What remains at the
/// end is in place 0.
pub fn order(operands: &[VarSet], out: &VarSet, extents: &[usize]) -> Vec<(usize, usize)> {
    match operands.len() {
        0 | 1 => Vec::new(),
        2 => vec![(0, 1)],
        n if n <= EXACT => exact(operands, out, extents),
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

fn greedy(operands: &[VarSet], out: &VarSet, extents: &[usize]) -> Vec<(usize, usize)> {
    let n = operands.len();
    let mut sets: Vec<Option<VarSet>> = operands.iter().cloned().map(Some).collect();
    let price = |a: &VarSet, b: &VarSet| a.union(b).volume(extents);
    let mut costs = vec![f64::INFINITY; n * n];
    for i in 0..n {
        for j in i + 1..n {
            costs[i * n + j] = price(&operands[i], &operands[j]);
        }
    }
    let mut pairs = Vec::with_capacity(n - 1);
    for _ in 1..n {
        let mut best: Option<(f64, f64, usize, usize)> = None;
        for i in 0..n {
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
        let Some((_, _, i, j)) = best else { break };
        let (Some(a), Some(b)) = (sets[i].take(), sets[j].take()) else { break };
        let merged = kept(&a, &b, &sets, (i, j), out);
        for k in 0..n {
            if let Some(other) = &sets[k] {
                costs[k.min(i) * n + k.max(i)] = price(other, &merged);
            }
        }
        sets[i] = Some(merged);
        pairs.push((i, j));
    }
    pairs
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

    /// The cost of the chosen order.
    fn cost(operands: &[&[usize]], out: &[usize], extents: &[usize]) -> f64 {
        let mut sets: Vec<Option<VarSet>> = operands.iter().map(|o| Some(set(o))).collect();
        let plain: Vec<VarSet> = sets.iter().flatten().cloned().collect();
        let mut total = 0.0;
        for (i, j) in order(&plain, &set(out), extents) {
            let (a, b) = (sets[i].take().unwrap_or_default(), sets[j].take().unwrap_or_default());
            total += a.union(&b).volume(extents);
            sets[i] = Some(kept(&a, &b, &sets, (i, j), &set(out)));
        }
        assert!(sets[0].is_some() && sets[1..].iter().all(Option::is_none));
        total
    }

    #[test]
    fn chains_start_at_the_vector() {
        let chain: [&[usize]; 4] = [&[0, 1], &[1, 2], &[2, 3], &[3]];
        assert_eq!(cost(&chain, &[0], &[100; 4]), 30_000.0);
        let long: Vec<Vec<usize>> = (0..20).map(|k| vec![k, k + 1]).chain([vec![20]]).collect();
        let long: Vec<&[usize]> = long.iter().map(Vec::as_slice).collect();
        assert_eq!(cost(&long, &[0], &[10; 21]), 2000.0);
    }

    #[test]
    fn the_narrow_side_first() {
        let chain: [&[usize]; 3] = [&[0, 1], &[1, 2], &[2, 3]];
        assert_eq!(cost(&chain, &[0, 3], &[2, 50, 50, 50]), 2.0 * 2500.0 * 2.0);
        assert_eq!(cost(&chain, &[0, 3], &[50, 50, 50, 2]), 2.0 * 2500.0 * 2.0);
    }
}
