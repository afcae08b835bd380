//! Jacobian determinants: of linear maps of vectors and matrices from the form of their Jacobian, of functions of
//! structured matrices from the steps they consist of.
//!
//! `dF = P*dX*Q'` has the determinant `det(P)^n*det(Q)^m`, because its Jacobian is `Q ⊗ P`; an entrywise factor
//! contributes the product of its entries; a rank-one term goes by the matrix determinant lemma. Magnus & Neudecker,
//! *Matrix Differential Calculus*, ch. 9 and 13; Muirhead, *Aspects of Multivariate Statistical Theory*, ch. 2; Mathai,
//! *Jacobians of Matrix Transformations*.

mod chain;
mod function;
mod invert;
mod matrix;
mod scalar;
mod tensor;

use crate::graph::{Graph, NodeId, ProductBuilder};
use crate::layout::fuse_axes;
use crate::notation::Memory;
use crate::simplify::simplify;

pub use chain::{constrained, of_functions};
pub use function::written_out;
pub use invert::inverse;
pub use scalar::{absolute, log_absolute};

/// The determinant of the derivative `node`, whose first `rank` axes are the function's and the others the variable's.
/// There are as many entries of the one as of the other.
pub fn determinant(g: &mut Graph, node: NodeId, rank: usize) -> NodeId {
    let det = match (rank, g.rank(node) - rank) {
        (0, 0) => node,
        (1, 1) => matrix::determinant(g, node),
        (2, 2) => by_sides(g, node),
        (1, 2) | (2, 1) => {
            let (first, second) = (split(g, node, rank, false), split(g, node, rank, true));
            match tensor::determinant(g, first).or_else(|| tensor::determinant(g, second)) {
                Some(det) => det,
                None => by_sides(g, first),
            }
        }
        (_, cols) => {
            let (rows, cols): (Vec<usize>, Vec<usize>) = ((0..rank).collect(), (rank..rank + cols).collect());
            let fused = fuse_axes(g, node, &[&rows, &cols]);
            if g.rank(fused) == 2 { matrix::determinant(g, fused) } else { fused }
        }
    };
    let det = matrix::of_triangles(g, det);
    scalar::merged_signs(g, det)
}

fn by_sides(g: &mut Graph, node: NodeId) -> NodeId {
    tensor::determinant(g, node).unwrap_or_else(|| {
        let fused = fuse_axes(g, node, &[&[0, 1], &[2, 3]]);
        matrix::determinant(g, fused)
    })
}

/// The one axis of function or variable in two, by columns, of the sizes that the other has, or these `turned` round.
fn split(g: &mut Graph, node: NodeId, rank: usize, turned: bool) -> NodeId {
    let axes = g.axes(node).clone();
    let (at, fast, slow) = if rank == 1 { (0, axes[1], axes[2]) } else { (2, axes[0], axes[1]) };
    let (fast, slow) = if turned { (slow, fast) } else { (fast, slow) };
    let fuse = g.fuse(fast, slow);
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    let (a, b) = (p.label(fast), p.label(slow));
    p.factor(node, &labels);
    p.factor(fuse, &[labels[at], a, b]);
    let mut out = labels.to_vec();
    out.splice(at..=at, [a, b]);
    p.build(g, &out)
}

/// A scalar in its shortest form.
fn short(g: &mut Graph, node: NodeId) -> NodeId {
    let cancelled = scalar::cancelled(g, node);
    simplify(g, &mut Memory::default(), cancelled, NodeId(0))
}
