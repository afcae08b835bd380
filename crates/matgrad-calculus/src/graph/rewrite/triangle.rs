//! Triangular matrices under masks that compare the numbers of row and column.

use matgrad_syntax::{Attribute, Rational};

use crate::graph::product::Work;
use crate::graph::{Factor, Graph, MapOp, MatrixOp, Node, NodeId};

impl Work {
    /// A mask on its diagonal is a number; of a triangular matrix it leaves all, the diagonal or nothing.
    pub(super) fn mask(&mut self, g: &mut Graph, k: usize, op: MapOp, args: &[NodeId]) -> Option<Vec<Factor>> {
        let labels = self.factors[k].labels.clone();
        if labels.len() != 2 || self.factors[k].exponent.is_negative() {
            return None;
        }
        let first = counted_axis(g, args[0])?;
        if counted_axis(g, args[1])? == first {
            return None;
        }
        // 1 where the one index is below (or equal to) the other
        let (small, large) = (labels[first], labels[1 - first]);
        let strict = op == MapOp::Less;
        if small == large {
            self.factors.swap_remove(k);
            if strict {
                self.coefficient = Rational::ZERO;
            }
            return Some(std::mem::take(&mut self.factors));
        }
        for j in 0..self.factors.len() {
            let f = &self.factors[j];
            let here = f.labels.as_slice() == [small, large] || f.labels.as_slice() == [large, small];
            if j == k || !here || f.exponent.is_negative() {
                continue;
            }
            let (lower, upper) = triangular(g, f.node);
            let above = f.labels[0] == small; // the mask keeps what is above the diagonal
            let (kept, emptied) = if above { (upper, lower) } else { (lower, upper) };
            if emptied {
                self.factors.swap_remove(k);
                if strict {
                    self.coefficient = Rational::ZERO;
                } else {
                    self.unify(small, large, &mut []);
                }
            } else if kept && !strict {
                self.factors.swap_remove(k);
            } else {
                continue;
            }
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }
}

/// The axis whose positions the node counts, where it is `1, 2, 3, …` along one axis of two.
fn counted_axis(g: &Graph, node: NodeId) -> Option<usize> {
    let Node::Product(p) = g.node(node) else { return None };
    let [f] = p.factors.as_slice() else { return None };
    let counts = matches!(g.node(f.node), Node::Iota(_)) && f.exponent.is_one() && p.out.len() == 2;
    counts.then(|| p.out.iter().position(|l| *l == f.labels[0]))?
}

/// Whether a matrix is lower, and whether it is upper triangular.
fn triangular(g: &Graph, node: NodeId) -> (bool, bool) {
    match g.node(node) {
        Node::Matrix(MatrixOp::Cholesky, _) => (true, false),
        Node::Matrix(MatrixOp::Inverse, args) => match g.node(args[0]) {
            Node::Matrix(MatrixOp::Cholesky, _) => (true, false),
            Node::Input(_) => triangular_input(g, args[0]),
            _ => (false, false),
        },
        Node::Input(_) => triangular_input(g, node),
        _ => (false, false),
    }
}

fn triangular_input(g: &Graph, node: NodeId) -> (bool, bool) {
    let has = |a: Attribute| g.as_input(node).is_some_and(|info| info.attributes.contains(&a));
    let diagonal = has(Attribute::Diagonal);
    (diagonal || has(Attribute::Lower), diagonal || has(Attribute::Upper))
}
