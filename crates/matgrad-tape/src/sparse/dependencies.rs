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

    /// The inputs that each root depends on, ascending: by a search from each root, or, where that would visit more nodes,
    /// by bit sets of 256 inputs for all nodes.
    pub fn dependencies(&self, roots: &[u32]) -> Vec<Vec<u32>> {
        let sweeps = self.inputs.div_ceil(256);
        let mut budget = (self.operands.len() * sweeps * 4).max(1 << 16);
        let mut found = Vec::with_capacity(roots.len());
        let mut seen = vec![NONE; self.operands.len()];
        for (mark, root) in roots.iter().enumerate() {
            match self.search(*root, mark as u32, &mut seen, &mut budget) {
                Some(inputs) => found.push(inputs),
                None => return self.by_bits(roots),
            }
        }
        found
    }

    fn search(&self, root: u32, mark: u32, seen: &mut [u32], budget: &mut usize) -> Option<Vec<u32>> {
        let mut inputs = Vec::new();
        let mut open = vec![root];
        while let Some(node) = open.pop() {
            let at = node as usize;
            let (Some(last), Some(operands)) = (seen.get_mut(at), self.operands.get(at)) else { continue };
            if std::mem::replace(last, mark) == mark {
                continue;
            }
            *budget = budget.checked_sub(1)?;
            if at < self.inputs {
                inputs.push(node);
            } else {
                open.extend(operands.iter().filter(|operand| **operand != NONE));
            }
        }
        inputs.sort_unstable();
        Some(inputs)
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
        let mut seen = vec![NONE; 3000];
        for (mark, (root, bits)) in roots.iter().zip(nodes.by_bits(&roots)).enumerate() {
            let mut budget = usize::MAX;
            assert_eq!(nodes.search(*root, mark as u32, &mut seen, &mut budget).as_ref(), Some(&bits), "root {root}");
        }
    }
}
