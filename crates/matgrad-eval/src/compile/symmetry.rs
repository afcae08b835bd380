//! Products that are symmetric in two of their variables, so that half of them is enough.

use smallvec::SmallVec;

use super::Compiler;
use super::affine::{Space, Var};
use super::contraction::Operand;
use super::order::VarSet;
use crate::kernel::Loop;
use crate::kernel::contract::{A, B, Contract, Kind, OUT};

/// More operands than this are not looked at.
const MOST_OPERANDS: usize = 8;

/// Half of a product that is added to something is made elsewhere first, which pays from this length of the sum on.
const WORTH_A_COPY: usize = 24;

/// A renaming of variables that is its own inverse; those that are not named stay.
#[derive(Clone, Debug, Default)]
struct Renaming(SmallVec<[(Var, Var); 8]>);

impl Renaming {
    fn of(&self, var: Var) -> Option<Var> {
        self.0.iter().find(|(v, _)| *v == var).map(|(_, w)| *w)
    }

    /// Lets two variables change places, if nothing speaks against it.
    fn swap(&mut self, v: Var, w: Var) -> bool {
        match (self.of(v), self.of(w)) {
            (Some(known), other) => known == w && other == Some(v),
            (None, Some(_)) => false,
            (None, None) => {
                self.0.push((v, w));
                if v != w {
                    self.0.push((w, v));
                }
                true
            }
        }
    }
}

impl Compiler<'_> {
    /// Two variables of the result that may change places.
    pub(super) fn symmetry(&self, space: &Space, operands: &[Operand], kept: &VarSet) -> Option<(Var, Var)> {
        if operands.len() < 2 || operands.len() > MOST_OPERANDS {
            return None;
        }
        let mut vars: SmallVec<[Var; 8]> = SmallVec::new();
        for (var, _) in operands.iter().flat_map(|o| &o.strides) {
            if kept.contains(*var) && !vars.contains(var) {
                vars.push(*var);
            }
        }
        for (at, &i) in vars.iter().enumerate() {
            for &j in &vars[at + 1..] {
                if space.extents[i] == space.extents[j] && self.may_swap(space, operands, kept, (i, j)) {
                    return Some((i, j));
                }
            }
        }
        None
    }

    /// Whether the operands are the same ones after two variables of the result have changed places, and some others with
    /// them over which the product is summed.
    fn may_swap(&self, space: &Space, operands: &[Operand], kept: &VarSet, (i, j): (Var, Var)) -> bool {
        let mut names = Renaming::default();
        names.swap(i, j);
        let mut left: SmallVec<[&Operand; 8]> = operands.iter().collect();
        loop {
            // an operand whose variables are all left alone so far can wait
            let moved = |o: &Operand| o.strides.iter().any(|(v, _)| names.of(*v).is_some_and(|w| w != *v));
            let Some(at) = left.iter().position(|o| moved(o)) else { break };
            let one = left.remove(at);
            let partner = std::iter::once(one).chain(left.iter().copied()).enumerate().find_map(|(k, other)| {
                let mut tried = names.clone();
                (self.matches(one, other, &mut tried)).then_some((k, tried))
            });
            let Some((k, tried)) = partner else { return false };
            names = tried;
            if k > 0 {
                left.remove(k - 1);
            }
        }
        let fair = |(v, w): &(Var, Var)| {
            let inner = !kept.contains(*v) && !kept.contains(*w) && space.extents[*v] == space.extents[*w];
            v == w || inner || (*v, *w) == (i, j) || (*v, *w) == (j, i)
        };
        names.0.iter().all(fair)
    }

    /// Whether an operand becomes the other one, and the other one it, under the renaming, which is made longer.
    fn matches(&self, one: &Operand, other: &Operand, names: &mut Renaming) -> bool {
        if (one.slot, one.offset, one.strides.len()) != (other.slot, other.offset, other.strides.len()) {
            return false;
        }
        let straight = |names: &mut Renaming, flipped: bool| {
            let mut steps: SmallVec<[(usize, Var); 4]> = other.strides.iter().map(|(v, s)| (*s, *v)).collect();
            if flipped && let [(s, _), (t, _)] = steps.as_mut_slice() {
                std::mem::swap(s, t);
            }
            one.strides.iter().all(|(v, s)| {
                let mut found = steps.iter().filter(|(t, _)| t == s);
                match (found.next(), found.next()) {
                    (Some((_, w)), None) => names.swap(*v, *w),
                    _ => false,
                }
            })
        };
        let mut tried = names.clone();
        if straight(&mut tried, false) {
            *names = tried;
            return true;
        }
        if self.symmetric.contains(&one.slot) && one.strides.len() == 2 && one.offset == 0 {
            let mut tried = names.clone();
            if straight(&mut tried, true) {
                *names = tried;
                return true;
            }
        }
        false
    }

    /// Whether the matrix products of a contraction are symmetric: rows and columns are the variables that may change
    /// places.
    pub(super) fn is_symmetric_product(
        &self,
        space: &Space,
        contract: &Contract,
        a: &Operand,
        b: Option<&Operand>,
        target: &Operand,
    ) -> bool {
        let (Some((i, j)), Some(b), Kind::Gemm { m, k, n }) = (self.swapped, b, &contract.kind) else {
            return false;
        };
        if contract.accumulate && k.extent < WORTH_A_COPY || contract.loops.iter().any(|l| l.strides[OUT] == 0) {
            return false;
        }
        let is = |l: &Loop<3>, v: Var| {
            l.extent == space.extents[v]
                && (l.strides[A], l.strides[B], l.strides[OUT]) == (a.stride(v), b.stride(v), target.stride(v))
        };
        is(m, i) && is(n, j) || is(m, j) && is(n, i)
    }
}
