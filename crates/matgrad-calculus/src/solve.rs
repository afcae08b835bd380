//! Equations that are affine in their unknowns, solved in closed form.
//!
//! One unknown vector: `J x + c = 0` is `x = -J^-1 c`. One unknown matrix: `A X B' + c = 0` is `X = -A^-1 c B'^-1`, and
//! what is no single such term goes by vec. Several unknowns are eliminated block by block; each solution is written in
//! terms of those after it, which are known by name.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;

use crate::diff::{DiffError, partial_derivative};
use crate::graph::{Factor, Graph, Label, Labels, MatrixOp, Node, NodeId, Product, ProductBuilder};
use crate::layout::fuse_axes;
use crate::notation::Memory;
use crate::simplify::simplify;
use crate::structure::Tie;

/// The value of an unknown.
#[derive(Clone, Debug)]
pub struct Solution {
    /// Which of the unknowns.
    pub unknown: usize,
    /// Its value.
    pub value: NodeId,
}

/// What solving found.
#[derive(Clone, Debug)]
pub struct Solved {
    /// Values in an order in which each may contain the unknowns before it.
    pub solutions: Vec<Solution>,
    /// What is inverted: the solution is unique where these inverses exist.
    pub inverses: Vec<NodeId>,
}

/// Why there is no closed form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsolved {
    /// The equations are not affine because of these terms.
    NotAffine(Vec<NodeId>),
    /// The unknown of this number is in no equation, or only in terms that cancel.
    Absent(usize),
    /// The equation of this number has another shape than the unknowns allow.
    NotSquare(usize),
    /// Several unknowns, one of them (of this number) with three axes or more.
    Tensor(usize),
    /// No block can be eliminated: the system is singular by its structure.
    Singular,
    /// A derivative does not exist.
    Diff(DiffError),
}

impl From<DiffError> for Unsolved {
    fn from(error: DiffError) -> Self {
        Unsolved::Diff(error)
    }
}

/// Solves `residuals = 0` for the unknowns, inputs of the graph; `ties` says which of them are equal to their
/// transposes (symmetric) or the negatives of these (skew).
pub fn solve(
    g: &mut Graph,
    memory: &mut Memory,
    residuals: &[NodeId],
    unknowns: &[NodeId],
    ties: &[Option<Tie>],
) -> Result<Solved, Unsolved> {
    let start = NodeId(0);
    let mut blocks: Vec<Vec<NodeId>> = Vec::new();
    let mut curved = Vec::new();
    for &residual in residuals {
        let mut row = Vec::new();
        for &unknown in unknowns {
            let block = partial_derivative(g, residual, unknown)?;
            let mut block = block;
            if mentions(g, block, unknowns) {
                block = simplify(g, memory, block, start);
            }
            if mentions(g, block, unknowns) {
                curved.extend(curved_terms(g, residual, unknown, unknowns)?);
            }
            row.push(block);
        }
        blocks.push(row);
    }
    if !curved.is_empty() {
        let mut seen = Vec::new();
        curved.retain(|term| {
            !seen.contains(term) && {
                seen.push(*term);
                true
            }
        });
        return Err(Unsolved::NotAffine(curved));
    }
    for k in 0..unknowns.len() {
        if blocks.iter().all(|row| g.is_zero(row[k])) {
            return Err(Unsolved::Absent(k));
        }
    }
    let zeros: FxHashMap<NodeId, NodeId> = unknowns
        .iter()
        .map(|unknown| {
            let dims = g.axes(*unknown).clone();
            (*unknown, g.zeros(&dims))
        })
        .collect();
    let constants: Vec<NodeId> = residuals.iter().map(|residual| g.replace(*residual, &zeros)).collect();
    match (residuals, unknowns) {
        ([_], [unknown]) if g.rank(*unknown) >= 2 => {
            let mut block = blocks[0][0];
            if let Some(sign) = sign_of_transpose(ties.first()) {
                block = without_transposes(g, block, &sign);
            }
            matrix(g, memory, block, constants[0], *unknown)
        }
        _ => eliminate(g, memory, blocks, constants, unknowns, ties),
    }
}

/// Whether a node contains one of the unknowns.
fn mentions(g: &Graph, node: NodeId, unknowns: &[NodeId]) -> bool {
    g.reachable(&[node]).iter().any(|id| unknowns.contains(id))
}

/// The terms of a residual whose derivative by an unknown is not constant.
fn curved_terms(g: &mut Graph, residual: NodeId, unknown: NodeId, all: &[NodeId]) -> Result<Vec<NodeId>, DiffError> {
    let terms = match g.node(residual) {
        Node::Sum(terms, _) => terms.clone(),
        _ => vec![(Rational::ONE, residual)],
    };
    let mut found = Vec::new();
    for (coefficient, term) in terms {
        let slope = partial_derivative(g, term, unknown)?;
        if mentions(g, slope, all) {
            found.push(g.scale(term, &coefficient));
        }
    }
    Ok(found)
}

/// Several unknowns, block by block.
fn eliminate(
    g: &mut Graph,
    memory: &mut Memory,
    mut blocks: Vec<Vec<NodeId>>,
    mut constants: Vec<NodeId>,
    unknowns: &[NodeId],
    ties: &[Option<Tie>],
) -> Result<Solved, Unsolved> {
    if let Some(tensor) = unknowns.iter().position(|unknown| g.rank(*unknown) > 2) {
        return Err(Unsolved::Tensor(tensor));
    }
    for (col, tie) in ties.iter().enumerate() {
        let Some(sign) = sign_of_transpose(Some(tie)) else { continue };
        for row in &mut blocks {
            if let Some(block) = row.get_mut(col)
                && g.rank(*block) == 4
            {
                *block = without_transposes(g, *block, &sign);
            }
        }
    }
    let mut open_rows: Vec<usize> = (0..blocks.len()).collect();
    let mut open: Vec<usize> = (0..unknowns.len()).collect();
    let (mut solutions, mut inverses) = (Vec::new(), Vec::new());
    while !open.is_empty() {
        // the plainest square block first: a multiple of the identity, then what is short
        let mut pivot: Option<(u32, usize, usize)> = None;
        for &row in &open_rows {
            for &col in &open {
                let block = blocks[row][col];
                if g.is_zero(block) || g.axes(constants[row]) != g.axes(unknowns[col]) {
                    continue;
                }
                let plain = match g.rank(block) {
                    0 => u32::from(g.constant(block).is_none()),
                    2 => {
                        let (_, rest) = g.split(block);
                        let identity = g.identity(g.axes(block)[0]);
                        u32::from(rest != identity)
                    }
                    // between matrices: the identity, factors on the left and right, anything else
                    _ => {
                        let identity = identity_between(g, unknowns[col]);
                        let (_, rest) = g.split(block);
                        if rest == identity { 0 } else { 1 + u32::from(sides(g, block).is_none()) }
                    }
                };
                let cost = 1_000_000 * plain + crate::notation::length(g, memory, block) + u32::from(row != col);
                if pivot.is_none_or(|(best, ..)| cost < best) {
                    pivot = Some((cost, row, col));
                }
            }
        }
        let Some((_, row, col)) = pivot else {
            let misfit =
                open_rows.iter().find(|row| !open.iter().any(|col| g.axes(constants[**row]) == g.axes(unknowns[*col])));
            return Err(misfit.map_or(Unsolved::Singular, |row| Unsolved::NotSquare(*row)));
        };
        open_rows.retain(|other| *other != row);
        open.retain(|other| *other != col);
        let (block, negated) = positive(g, memory, blocks[row][col]);
        let inverse = inverse(g, block);
        inverses.push(inverse);
        let inverse = if negated { g.scale(inverse, &-Rational::ONE) } else { inverse };
        // x = -J^-1 (c + the other unknowns)
        let mut rest = vec![(Rational::ONE, constants[row])];
        for &other in &open {
            let term = applied(g, blocks[row][other], unknowns[other], g.rank(unknowns[other]));
            rest.push((Rational::ONE, term));
        }
        let dims = g.axes(constants[row]).clone();
        let rest = g.sum(&rest, &dims);
        let rank = g.rank(unknowns[col]);
        let value = applied(g, inverse, rest, rank);
        let value = g.scale(value, &-Rational::ONE);
        solutions.push(Solution { unknown: col, value });
        for &below in &open_rows {
            let factor = blocks[below][col];
            if g.is_zero(factor) {
                continue;
            }
            let factor = applied(g, factor, inverse, rank);
            let carried = applied(g, factor, constants[row], rank);
            constants[below] = g.subtract(constants[below], carried);
            for &other in &open {
                let carried = applied(g, factor, blocks[row][other], rank);
                let difference = g.subtract(blocks[below][other], carried);
                blocks[below][other] = simplify(g, memory, difference, NodeId(0));
            }
        }
    }
    // the last one found contains no other unknown
    solutions.reverse();
    let mut known: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for solution in &mut solutions {
        let value = simplify(g, memory, solution.value, NodeId(0));
        // known unknowns by their values where that is no longer
        let whole = g.replace(value, &known);
        let whole = simplify(g, memory, whole, NodeId(0));
        let shorter = crate::notation::length(g, memory, whole) <= crate::notation::length(g, memory, value);
        solution.value = if shorter { whole } else { value };
        known.insert(unknowns[solution.unknown], whole);
    }
    Ok(Solved { solutions, inverses })
}

/// The inverse of a scalar or a matrix.
fn inverse(g: &mut Graph, block: NodeId) -> NodeId {
    match g.rank(block) {
        0 => {}
        2 => return g.matrix(MatrixOp::Inverse, &[block]),
        _ => return inverse_between(g, block),
    }
    let mut p = ProductBuilder::new();
    p.power(block, &[], -Rational::ONE);
    p.build(g, &[])
}

/// `∂X/∂X` of a matrix X.
fn identity_between(g: &mut Graph, unknown: NodeId) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels: Vec<Label> = g.axes(unknown).clone().iter().map(|dim| p.label(*dim)).collect();
    p.build(g, &[&labels[..], &labels[..]].concat())
}

/// The inverse of a map between matrices: of `A*X*B` by its sides, of others by vec.
fn inverse_between(g: &mut Graph, block: NodeId) -> NodeId {
    let axes = g.axes(block).clone();
    let square = |g: &Graph, node: NodeId| g.axes(node)[0] == g.axes(node)[1];
    let mut p = ProductBuilder::new();
    let out: Vec<Label> = axes.iter().map(|dim| p.label(*dim)).collect();
    if let Some((left, right)) = sides(g, block)
        && square(g, left)
        && square(g, right)
    {
        let (left, right) = (inverse(g, left), inverse(g, right));
        p.factor(left, &[out[0], out[2]]);
        p.factor(right, &[out[1], out[3]]);
        return p.build(g, &out);
    }
    // the same of a transposed unknown
    let turned = g.permute(block, &[0, 1, 3, 2]);
    if let Some((left, right)) = sides(g, turned)
        && square(g, left)
        && square(g, right)
    {
        let (left, right) = (inverse(g, left), inverse(g, right));
        p.factor(left, &[out[1], out[2]]);
        p.factor(right, &[out[0], out[3]]);
        return p.build(g, &out);
    }
    let fuse = g.fuse(axes[0], axes[1]);
    let flat = fuse_axes(g, block, &[&[0, 1], &[2, 3]]);
    let inverse = g.matrix(MatrixOp::Inverse, &[flat]);
    let long = g.axes(fuse)[0];
    let (rows, cols) = (p.label(long), p.label(long));
    p.factor(fuse, &[rows, out[0], out[1]]);
    p.factor(inverse, &[rows, cols]);
    p.factor(fuse, &[cols, out[2], out[3]]);
    p.build(g, &out)
}

/// A block applied to a value: its last axes, as many as the unknown has, meet the first ones of the value.
fn applied(g: &mut Graph, block: NodeId, value: NodeId, rank: usize) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, block);
    let (rows, meeting) = labels.split_at(labels.len().saturating_sub(rank));
    let axes = g.axes(value).clone();
    let rest: Vec<Label> = axes.iter().skip(rank).map(|dim| p.label(*dim)).collect();
    let own: Vec<Label> = meeting.iter().chain(&rest).copied().collect();
    let out: Vec<Label> = rows.iter().chain(&rest).copied().collect();
    p.factor(block, &labels);
    p.factor(value, &own);
    p.build(g, &out)
}

/// One unknown matrix.
fn matrix(
    g: &mut Graph,
    memory: &mut Memory,
    block: NodeId,
    constant: NodeId,
    unknown: NodeId,
) -> Result<Solved, Unsolved> {
    let (rows, cols) = (g.axes(constant).clone(), g.axes(unknown).clone());
    if rows.len() != 2 || cols.len() != 2 {
        return Err(Unsolved::NotSquare(0));
    }
    let turned = g.permute(block, &[0, 1, 3, 2]);
    for (block, transposed) in [(block, false), (turned, true)] {
        let Some((left, right)) = sides(g, block) else { continue };
        let square = |g: &Graph, node: NodeId| g.axes(node)[0] == g.axes(node)[1];
        if !square(g, left) || !square(g, right) {
            return Err(Unsolved::NotSquare(0));
        }
        let ((left, minus), (right, other)) = (positive(g, memory, left), positive(g, memory, right));
        let (left, right) = (inverse(g, left), inverse(g, right));
        let mut p = ProductBuilder::new();
        let (c, l, r) = (p.labels_of(g, constant), p.label(g.axes(left)[0]), p.label(g.axes(right)[0]));
        p.coefficient = Some(Rational::int(if minus == other { -1 } else { 1 }));
        p.factor(left, &[l, c[0]]);
        p.factor(constant, &c);
        p.factor(right, &[r, c[1]]);
        let value = p.build(g, &if transposed { [r, l] } else { [l, r] });
        let value = simplify(g, memory, value, NodeId(0));
        return Ok(Solved { solutions: vec![Solution { unknown: 0, value }], inverses: vec![left, right] });
    }
    if g.sizes.mul(rows[0], rows[1]) != g.sizes.mul(cols[0], cols[1]) {
        return Err(Unsolved::NotSquare(0));
    }
    let from = g.fuse(rows[0], rows[1]);
    let flat = fuse_axes(g, block, &[&[0, 1], &[2, 3]]);
    let (flat, negated) = positive(g, memory, flat);
    let inverse = g.matrix(MatrixOp::Inverse, &[flat]);
    let (constant, minus) = positive(g, memory, constant);
    let negated = negated != minus;
    let mut p = ProductBuilder::new();
    let c = p.labels_of(g, constant);
    let (a, b) = (p.label(g.axes(from)[0]), p.label(g.axes(flat)[1]));
    p.coefficient = Some(Rational::int(if negated { 1 } else { -1 }));
    p.factor(constant, &c);
    p.factor(from, &[a, c[0], c[1]]);
    p.factor(inverse, &[b, a]);
    let long = p.build(g, &[b]);
    let long = simplify(g, memory, long, NodeId(0));
    let mut p = ProductBuilder::new();
    let to = g.fuse(cols[0], cols[1]);
    let labels = p.labels_of(g, to);
    p.factor(to, &labels);
    p.factor(long, &labels[..1]);
    let value = p.build(g, &labels[1..]);
    let value = simplify(g, memory, value, NodeId(0));
    Ok(Solved { solutions: vec![Solution { unknown: 0, value }], inverses: vec![inverse] })
}

/// The number c of X' = c*X.
fn sign_of_transpose(tie: Option<&Option<Tie>>) -> Option<Rational> {
    match tie {
        Some(Some(Tie::Symmetric)) => Some(Rational::ONE),
        Some(Some(Tie::Skew)) => Some(-Rational::ONE),
        _ => None,
    }
}

/// The terms of a block by an unknown with X' = sign*X, each with X where it has X' and is a product only so.
fn without_transposes(g: &mut Graph, block: NodeId, sign: &Rational) -> NodeId {
    let terms = match g.node(block) {
        Node::Sum(terms, _) => terms.clone(),
        _ => vec![(Rational::ONE, block)],
    };
    let mut all = Vec::with_capacity(terms.len());
    for (coefficient, term) in terms {
        let turned = g.permute(term, &[0, 1, 3, 2]);
        let better = sides(g, term).is_none() && sides(g, turned).is_some();
        all.push(if better { (&coefficient * sign, turned) } else { (coefficient, term) });
    }
    let dims = g.axes(block).clone();
    g.sum(&all, &dims)
}

/// The node or its negative, whichever is shorter, with whether it was negated.
fn positive(g: &mut Graph, memory: &mut Memory, node: NodeId) -> (NodeId, bool) {
    let simple = simplify(g, memory, node, NodeId(0));
    let other = g.scale(simple, &-Rational::ONE);
    let other = simplify(g, memory, other, NodeId(0));
    let negated = crate::notation::length(g, memory, other) < crate::notation::length(g, memory, simple);
    if negated { (other, true) } else { (simple, false) }
}

/// The A and B of a block `A[i,k] B[j,l]`, where it is one such product.
fn sides(g: &mut Graph, block: NodeId) -> Option<(NodeId, NodeId)> {
    let terms = match g.node(block) {
        Node::Sum(terms, _) => terms.clone(),
        _ => vec![(Rational::ONE, block)],
    };
    let mut pairs: Vec<(NodeId, NodeId)> = Vec::new();
    for (coefficient, term) in terms {
        let Node::Product(product) = g.node(term) else { return None };
        let product = product.clone();
        let (left, right) = split(g, &product)?;
        let left = g.scale(left, &coefficient);
        // numbers stand on the left only, so that equal sides meet
        let (number, right) = g.split(right);
        pairs.push((g.scale(left, &number), right));
    }
    while pairs.len() > 1 {
        let (left, right) = pairs.pop()?;
        let same_right = pairs.iter().position(|(_, other)| *other == right);
        let same_left = pairs.iter().position(|(other, _)| *other == left);
        if let Some(k) = same_right {
            pairs[k].0 = g.add(pairs[k].0, left);
        } else if let Some(k) = same_left {
            pairs[k].1 = g.add(pairs[k].1, right);
        } else {
            return None;
        }
    }
    pairs.pop()
}

/// The factors that hang together with the first and third axis, and with the second and fourth.
fn split(g: &mut Graph, product: &Product) -> Option<(NodeId, NodeId)> {
    let [i, j, k, l] = product.out[..] else { return None };
    let reach = |from: [Label; 2]| {
        let mut labels: Vec<Label> = from.to_vec();
        loop {
            let before = labels.len();
            for factor in &product.factors {
                if factor.labels.iter().any(|label| labels.contains(label)) {
                    for label in &factor.labels {
                        if !labels.contains(label) {
                            labels.push(*label);
                        }
                    }
                }
            }
            if labels.len() == before {
                return labels;
            }
        }
    };
    let (left, right) = (reach([i, k]), reach([j, l]));
    if left.iter().any(|label| right.contains(label)) {
        return None;
    }
    let (mut first, mut second) = (Vec::new(), Vec::new());
    for factor in &product.factors {
        let of_right = factor.labels.iter().any(|label| right.contains(label));
        if of_right { second.push(factor.clone()) } else { first.push(factor.clone()) }
    }
    Some((part(g, product, first, [i, k]), part(g, product, second, [j, l])))
}

fn part(g: &mut Graph, product: &Product, factors: Vec<Factor>, out: [Label; 2]) -> NodeId {
    let mut p = ProductBuilder { coefficient: None, factors, dims: product.dims.clone() };
    let out: Labels = out.into_iter().collect();
    p.forget_unused(&out);
    p.build(g, &out)
}
