//! The entries that a structure leaves free, as a vector, and the matrix that they make.

use crate::graph::{Dim, Graph, Label, NodeId, ProductBuilder, Structural};
use crate::structure::Tie;

/// Whether the free entries of such a matrix are a part of its entries: the diagonal or a triangle.
pub fn is_part(tie: Tie) -> bool {
    matches!(tie, Tie::Diagonal | Tie::Lower | Tie::Upper)
}

/// The entries of a square matrix that the structure leaves free, one after the other: the diagonal, or a triangle by
/// `elimination(n)` (that of the transpose for an upper one).
pub fn of(g: &mut Graph, tie: Tie, matrix: NodeId) -> NodeId {
    let n = g.axes(matrix)[0];
    let mut p = ProductBuilder::new();
    if tie == Tie::Diagonal {
        let i = p.label(n);
        p.factor(matrix, &[i, i]);
        return p.build(g, &[i]);
    }
    let (half, i, j) = triangle(g, &mut p, n, tie);
    p.factor(matrix, &[i, j]);
    p.build(g, &[half])
}

/// The matrix with these free entries, all others being 0.
pub fn matrix(g: &mut Graph, tie: Tie, entries: NodeId, n: Dim) -> NodeId {
    let mut p = ProductBuilder::new();
    if tie == Tie::Diagonal {
        let i = p.label(n);
        p.factor(entries, &[i]);
        return p.build(g, &[i, i]);
    }
    let (half, i, j) = triangle(g, &mut p, n, tie);
    p.factor(entries, &[half]);
    p.build(g, &[i, j])
}

/// How many entries are free.
pub fn count(g: &mut Graph, tie: Tie, n: Dim) -> Dim {
    if tie == Tie::Diagonal { n } else { g.sizes.triangle(n) }
}

/// The elimination matrix between a triangle and the axes of its matrix.
fn triangle(g: &mut Graph, p: &mut ProductBuilder, n: Dim, tie: Tie) -> (Label, Label, Label) {
    let elimination = g.structural(Structural::Elimination, n);
    let fuse = g.fuse(n, n);
    let (short, long) = (g.axes(elimination)[0], g.axes(elimination)[1]);
    let (half, square, i, j) = (p.label(short), p.label(long), p.label(n), p.label(n));
    p.factor(elimination, &[half, square]);
    // vec of the transpose has the two axes in the other order
    p.factor(fuse, &if tie == Tie::Upper { [square, j, i] } else { [square, i, j] });
    (half, i, j)
}
