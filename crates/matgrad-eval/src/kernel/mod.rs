//! What a program's steps do to memory: strided loops, matrix products, functions entry by entry, reductions.

use smallvec::SmallVec;

pub mod contract;
pub mod elementwise;
pub mod gemm;
pub mod linear;
pub mod number;
pub mod pick;
pub mod power;
pub mod reduce;
pub mod vector;

/// One loop: how often, and how far each of `N` operands moves a turn.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Loop<const N: usize> {
    /// How often.
    pub extent: usize,
    /// How far each operand moves.
    pub strides: [usize; N],
}

/// Joins loops that run like one (in place of the first of them), drops loops of one turn.
pub fn merge<const N: usize>(loops: &mut Vec<Loop<N>>) {
    loops.retain(|l| l.extent != 1);
    let mut k = 0;
    while k < loops.len() {
        let outer = loops[k];
        let runs_on =
            |inner: &Loop<N>| (0..N).all(|a| Some(outer.strides[a]) == inner.strides[a].checked_mul(inner.extent));
        match (0..loops.len()).find(|&j| j != k && runs_on(&loops[j])) {
            Some(j) => {
                loops[k] = Loop { extent: outer.extent * loops[j].extent, strides: loops[j].strides };
                loops.remove(j);
                k = 0;
            }
            None => k += 1,
        }
    }
}

/// Calls `body` with the operands' offsets for every turn of the loops, the last loop fastest.
pub fn walk<const N: usize>(loops: &[Loop<N>], start: [usize; N], mut body: impl FnMut([usize; N])) {
    if loops.iter().any(|l| l.extent == 0) {
        return;
    }
    let mut at = start;
    let mut turn: SmallVec<[usize; 8]> = SmallVec::from_elem(0, loops.len());
    loop {
        body(at);
        let mut k = loops.len();
        loop {
            if k == 0 {
                return;
            }
            k -= 1;
            turn[k] += 1;
            if turn[k] < loops[k].extent {
                for (a, s) in at.iter_mut().zip(&loops[k].strides) {
                    *a += s;
                }
                break;
            }
            turn[k] = 0;
            for (a, s) in at.iter_mut().zip(&loops[k].strides) {
                *a -= s * (loops[k].extent - 1);
            }
        }
    }
}

/// How many times the innermost body of some loops runs.
pub fn turns<const N: usize>(loops: &[Loop<N>]) -> usize {
    loops.iter().map(|l| l.extent).fold(1, usize::saturating_mul)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_merge_and_walk() {
        let mut loops = vec![
            Loop { extent: 2, strides: [12, 1] },
            Loop { extent: 1, strides: [7, 7] },
            Loop { extent: 3, strides: [4, 8] },
            Loop { extent: 4, strides: [1, 2] },
        ];
        merge(&mut loops);
        assert_eq!(loops, vec![Loop { extent: 2, strides: [12, 1] }, Loop { extent: 12, strides: [1, 2] }]);
        let mut seen = Vec::new();
        walk(&loops, [5, 0], |at| seen.push(at));
        assert_eq!((seen.len(), seen[1], seen[12]), (24, [6, 2], [17, 1]));
        assert_eq!(turns(&loops), 24);
        walk::<1>(&[], [3], |at| assert_eq!(at, [3]));
    }
}
