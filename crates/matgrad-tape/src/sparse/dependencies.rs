//! Which inputs the results of operations depend on.

use crate::record::Entry;
use crate::trace::Trace;

/// No operand.
pub(super) const NONE: u32 = u32::MAX;

/// Operands of every node; inputs come first and have none.
pub(super) struct Nodes {
    inputs: usize,
    operands: Vec<[u32; 2]>,
}

impl Nodes {
    pub fn of_record<T>(inputs: usize, entries: &[Entry<T>]) -> Self {
        let mut operands = vec![[NONE; 2]; inputs];
        operands.extend(entries.iter().map(|entry| entry.nodes));
        Self { inputs, operands }
    }

    pub fn of_trace(trace: &Trace) -> Self {
        let operands = trace.operations().iter().map(|op| op.operands().map(|node| node.unwrap_or(NONE))).collect();
        Self { inputs: trace.inputs(), operands }
    }

    /// The inputs that each root depends on, ascending: by searches that stop at results used several times, whose sets are
    /// kept; where the sets grow too large for that, by bit sets of 256 inputs for all nodes.
    pub fn dependencies(&self, roots: &[u32]) -> Vec<Vec<u32>> {
        let sweeps = self.inputs.div_ceil(256);
        let budget = (self.operands.len() * sweeps * 4).max(1 << 16);
        self.by_search(roots, budget).unwrap_or_else(|| self.by_bits(roots))
    }

    /// How often each node is used by nodes that a root depends on; a root is used twice.
    fn uses(&self, roots: &[u32]) -> Vec<u32> {
        let mut uses = vec![0u32; self.operands.len()];
        for root in roots {
            if let Some(count) = uses.get_mut(*root as usize) {
                *count = 2;
            }
        }
        for (node, operands) in self.operands.iter().enumerate().skip(self.inputs).rev() {
            if uses[node] > 0 {
                for operand in operands {
                    if let Some(count) = uses.get_mut(*operand as usize) {
                        *count = count.saturating_add(1);
                    }
                }
            }
        }
        uses
    }

    fn by_search(&self, roots: &[u32], mut budget: usize) -> Option<Vec<Vec<u32>>> {
        let uses = self.uses(roots);
        // sets that are kept lie in one place
        let mut kept: Vec<u32> = Vec::new();
        let mut ranges: Vec<(usize, usize)> = vec![(0, 0); self.operands.len()];
        let mut seen = vec![NONE; self.inputs];
        let mut open = Vec::new();
        for node in self.inputs..self.operands.len() {
            if uses[node] < 2 {
                continue;
            }
            let mark = node as u32;
            let start = kept.len();
            // one set and nothing else is the same set
            let mut same: Option<(usize, usize)> = None;
            let mut parts = 0;
            open.extend(self.operands[node].iter().filter(|operand| **operand != NONE));
            while let Some(next) = open.pop() {
                let at = next as usize;
                budget = budget.checked_sub(1)?;
                if at < self.inputs {
                    parts += 2;
                    if std::mem::replace(seen.get_mut(at)?, mark) != mark {
                        kept.push(next);
                    }
                } else if uses.get(at).is_some_and(|uses| *uses > 1) {
                    let range = ranges[at];
                    if same != Some(range) {
                        parts += 1;
                        budget = budget.checked_sub(range.1 - range.0)?;
                        for k in range.0..range.1 {
                            let input = kept[k];
                            if std::mem::replace(seen.get_mut(input as usize)?, mark) != mark {
                                kept.push(input);
                            }
                        }
                        same = Some(range);
                    }
                } else {
                    open.extend(self.operands.get(at)?.iter().filter(|operand| **operand != NONE));
                }
            }
            ranges[node] = match same {
                Some(range) if parts == 1 => {
                    kept.truncate(start);
                    range
                }
                _ => (start, kept.len()),
            };
        }
        let set = |root: &u32| {
            let at = *root as usize;
            if at < self.inputs {
                return vec![*root];
            }
            let (start, end) = ranges.get(at).copied().unwrap_or_default();
            let mut set = kept.get(start..end).unwrap_or(&[]).to_vec();
            set.sort_unstable();
            set
        };
        Some(roots.iter().map(set).collect())
    }

    fn by_bits(&self, roots: &[u32]) -> Vec<Vec<u32>> {
        let mut found = vec![Vec::new(); roots.len()];
        let mut sets: Vec<[u64; 4]> = Vec::with_capacity(self.operands.len());
        for first in (0..self.inputs).step_by(256) {
            sets.clear();
            for (node, operands) in self.operands.iter().enumerate() {
                let mut set = [0; 4];
                if node < self.inputs {
                    if let Some(bit) = node.checked_sub(first).filter(|bit| *bit < 256) {
                        set[bit / 64] |= 1 << (bit % 64);
                    }
                } else {
                    for below in operands.iter().filter_map(|operand| sets.get(*operand as usize)) {
                        set.iter_mut().zip(below).for_each(|(word, other)| *word |= other);
                    }
                }
                sets.push(set);
            }
            for (inputs, root) in found.iter_mut().zip(roots) {
                let Some(set) = sets.get(*root as usize) else { continue };
                for (word, bits) in set.iter().enumerate() {
                    let mut rest = *bits;
                    while rest != 0 {
                        inputs.push((first + 64 * word) as u32 + rest.trailing_zeros());
                        rest &= rest - 1;
                    }
                }
            }
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn search_and_bits_agree() {
        let inputs = 700;
        let mut state = 1u64;
        let mut operands = vec![[NONE; 2]; inputs];
        for node in inputs..3000 {
            let mut pick = || {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                ((state >> 33) % node as u64) as u32
            };
            operands.push([pick(), if node % 7 == 0 { NONE } else { pick() }]);
        }
        let nodes = Nodes { inputs, operands };
        let roots: Vec<u32> = (0..3000).step_by(13).collect();
        assert_eq!(nodes.by_search(&roots, usize::MAX), Some(nodes.by_bits(&roots)));
        assert_eq!(nodes.by_search(&roots, 1000), None);
    }
}
