//! An inverse times something is a solution of linear equations: the inverse itself is made only where nothing else does.

use matgrad_calculus::graph::{Node, NodeId};
use smallvec::SmallVec;

use super::affine::{Space, Var};
use super::contraction::Operand;
use super::order::VarSet;
use super::{Compiler, Dest, dense_view};
use crate::error::CompileError;
use crate::linalg::Linalg;
use crate::program::{Op, Slot, View};

/// What identifies a solution: whose inverse, of the transpose or not, and the right sides as they lie in memory.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Solution {
    inverse: Slot,
    transposed: bool,
    right: Slot,
    offset: usize,
    axes: Vec<(usize, usize)>,
}

/// How a pair of operands is solved.
pub(super) struct Equations<'a> {
    inverse: &'a Operand,
    right: &'a Operand,
    /// The variable that is summed, and the other one of the inverse.
    bond: Var,
    free: Var,
    transposed: bool,
    n: usize,
}

impl Compiler<'_> {
    /// A place for an inverse that is filled if somebody asks for it.
    pub(super) fn pending_inverse(&mut self, id: NodeId) -> Result<View, CompileError> {
        let shape = self.shape_of(id)?;
        if let Some((slot, _)) = self.pending.iter().find(|(_, node)| **node == id) {
            return Ok(dense_view(*slot, &shape));
        }
        let slot = self.allocate(&shape)?;
        self.pending.insert(slot, id);
        Ok(dense_view(slot, &shape))
    }

    /// Fills the place of an inverse, if it still waits.
    pub(super) fn settle(&mut self, slot: Slot) -> Result<(), CompileError> {
        let Some(id) = self.pending.remove(&slot) else { return Ok(()) };
        let shape = self.shape_of(id)?;
        let n = shape.first().copied().unwrap_or(0);
        let (lu, _) = self.lu_of(id)?;
        self.emit(Op::Linalg { op: Linalg::Inverse { n }, start: [0, 0], batch: 1 }, slot, SmallVec::from_slice(&[lu]));
        self.values.insert(id, dense_view(slot, &shape));
        Ok(())
    }

    fn lu_of(&mut self, inverse: NodeId) -> Result<(Slot, usize), CompileError> {
        let graph = self.graph;
        match graph.node(inverse) {
            Node::Matrix(_, args) => match args.first() {
                Some(arg) => self.lu(*arg),
                None => Err(CompileError::Shapes { what: "an inverse" }),
            },
            _ => Err(CompileError::Shapes { what: "an inverse" }),
        }
    }

    /// The pair as equations, where one of the two is an inverse that waits and only one of its axes meets the other.
    pub(super) fn equations<'a>(
        &self,
        space: &Space,
        a: &'a Operand,
        b: Option<&'a Operand>,
        needed: &VarSet,
    ) -> Option<Equations<'a>> {
        let b = b?;
        for (inverse, right) in [(a, b), (b, a)] {
            if !self.pending.contains_key(&inverse.slot) || self.pending.contains_key(&right.slot) {
                continue;
            }
            let [one, two] = inverse.strides.as_slice() else { continue };
            let (row, col) = if one.1 > two.1 { (one.0, two.0) } else { (two.0, one.0) };
            let n = space.extents[row];
            if space.extents[col] != n || inverse.offset != 0 || inverse.stride(row) != n || inverse.stride(col) != 1 {
                continue;
            }
            for (bond, free, transposed) in [(col, row, false), (row, col, true)] {
                if right.stride(bond) != 0 && right.stride(free) == 0 && !needed.contains(bond) {
                    return Some(Equations { inverse, right, bond, free, transposed, n });
                }
            }
        }
        None
    }

    /// Solves; the result has the free variable first, then those of the right sides as they lie in memory.
    pub(super) fn solve(&mut self, space: &Space, e: &Equations<'_>, needed: &VarSet) -> Result<Operand, CompileError> {
        // variables that nobody needs any more are summed before
        let mut inner = needed.clone();
        inner.insert(e.bond);
        let mut right = e.right.clone();
        if right.strides.iter().any(|(v, _)| !inner.contains(*v)) {
            right = self.pair(space, &right, None, &inner)?;
        }
        let mut rest: Vec<(usize, Var)> =
            right.strides.iter().filter(|(v, _)| *v != e.bond).map(|(v, s)| (*s, *v)).collect();
        rest.sort_by_key(|(stride, var)| (std::cmp::Reverse(*stride), *var));
        let order: Vec<Var> = std::iter::once(e.bond).chain(rest.iter().map(|(_, v)| *v)).collect();
        let result: Vec<Var> = std::iter::once(e.free).chain(rest.iter().map(|(_, v)| *v)).collect();
        let key = Solution {
            inverse: e.inverse.slot,
            transposed: e.transposed,
            right: right.slot,
            offset: right.offset,
            axes: order.iter().map(|v| (space.extents[*v], right.stride(*v))).collect(),
        };
        let shape: Vec<usize> = result.iter().map(|v| space.extents[*v]).collect();
        let strides = result.iter().copied().zip(crate::array::strides(&shape)).collect();
        if let Some(&slot) = self.solutions.get(&key) {
            return Ok(Operand { slot, offset: 0, strides });
        }
        let Some(&id) = self.pending.get(&e.inverse.slot) else {
            return Err(CompileError::Shapes { what: "a solution" });
        };
        let (lu, at) = self.lu_of(id)?;
        let right = self.in_order(space, &right, &order)?;
        let cols = shape[1..].iter().product();
        let slot = self.allocate(&shape)?;
        let op = Linalg::Solve { n: e.n, cols, transposed: e.transposed };
        let op = Op::Linalg { op, start: [at, right.offset], batch: 1 };
        self.emit(op, slot, SmallVec::from_slice(&[lu, right.slot]));
        self.solutions.insert(key, slot);
        Ok(Operand { slot, offset: 0, strides })
    }

    /// The operand without gaps and with its variables in this order.
    fn in_order(&mut self, space: &Space, operand: &Operand, order: &[Var]) -> Result<Operand, CompileError> {
        let shape: Vec<usize> = order.iter().map(|v| space.extents[*v]).collect();
        let dense = crate::array::strides(&shape);
        if order.iter().zip(&dense).all(|(v, s)| operand.stride(*v) == *s) {
            return Ok(operand.clone());
        }
        let copy = self.blank(space, order)?;
        let dest = Dest::fresh(copy.slot, &[]);
        self.emit_contract(space, operand, None, &copy, 1.0, &dest, true)?;
        Ok(copy)
    }
}
