//! Functions of structured matrices, step by step: each step has the Jacobian determinant between the entries that the
//! structure leaves free, and their product is that of the whole.

use matgrad_syntax::{Attribute, Rational};

use super::function::{self, Entries};
use super::matrix::product_of;
use super::scalar::whole_power;
use super::tensor::{Sides, sides};
use crate::diff::{self, Options};
use crate::graph::{Dim, Graph, MapOp, MatrixOp, Node, NodeId, ProductBuilder, Structural};
use crate::layout::fuse_axes;

/// What a matrix is by structure: which of its entries are free.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Structure {
    Full,
    Symmetric,
    Skew,
    Lower,
    Upper,
    Diagonal,
}

use Structure::{Diagonal, Full, Lower, Skew, Symmetric, Upper};

/// Steps of one chain at most.
const MAX_STEPS: usize = 64;

/// The Jacobian determinant of `root` by the structured input `x`, between free entries.
///
/// # Errors
/// What stands in the way.
pub fn constrained(g: &mut Graph, root: NodeId, x: NodeId) -> Result<NodeId, String> {
    let Some(structure) = structure_of(g, x) else { return between_orthogonal(g, root, x) };
    let steps = steps(g, root, x)?;
    let mut det = g.number(Rational::ONE);
    let mut structure = structure;
    for (outer, inner) in steps.into_iter().rev() {
        let (factor, next) = step(g, outer, inner, structure).ok_or_else(|| {
            format!("no rule gives the determinant of a step of this function between the free entries of {structure:?} matrices")
                .to_lowercase()
        })?;
        det = g.hadamard(det, factor);
        structure = next;
    }
    let det = super::matrix::of_triangles(g, det);
    Ok(super::scalar::merged_signs(g, det))
}

/// The determinant between the tangent spaces of orthogonal matrices: of the step K in dQ = Q*K the map to F'*dF, both
/// skew. It is the density of the invariant (Haar) measure that F carries over (Muirhead, *Aspects of Multivariate
/// Statistical Theory*, §2.1.4).
fn between_orthogonal(g: &mut Graph, root: NodeId, x: NodeId) -> Result<NodeId, String> {
    let dims = g.axes(x).clone();
    let times = |g: &mut Graph, a: NodeId, a_turned: bool, b: NodeId| {
        let mut p = ProductBuilder::new();
        let (i, k, j) = (p.label(dims[0]), p.label(dims[0]), p.label(dims[0]));
        p.factor(a, &if a_turned { [k, i] } else { [i, k] });
        p.factor(b, &[k, j]);
        let node = p.build(g, &[i, j]);
        g.distribute_all(node)
    };
    let square = g.axes(root) == &dims;
    let identity = g.identity(dims[0]);
    if !square || times(g, root, true, root) != identity {
        return Err("on the orthogonal matrices there is a determinant (between steps Q*K and F'*dF with skew K) of \
                    maps to orthogonal matrices only, such as A*Q*B with orthogonal A and B; with free entries: \
                    --convention free"
            .into());
    }
    let step = g.input("(skew)", &dims, false, &[Attribute::Skew]);
    let moved = times(g, x, false, step);
    let along = crate::diff::pushforward(g, root, x, moved).map_err(|error| error.message)?;
    let along = times(g, root, true, along);
    constrained(g, along, step)
}

/// The Jacobian determinant of `root` by all entries of `x`, where one of its steps is the exponential, the logarithm or
/// the root of a matrix. `declared` is the input that x stands for: what is symmetric with it has real eigenvalues.
pub fn of_functions(g: &mut Graph, root: NodeId, x: NodeId, declared: NodeId) -> Option<NodeId> {
    let is_function = |g: &Graph, id: NodeId| {
        matches!(g.node(id), Node::Matrix(MatrixOp::Expm | MatrixOp::Logm | MatrixOp::Sqrtm, _))
    };
    if g.rank(x) != 2 || g.axes(root) != g.axes(x) || !g.reachable(&[root]).into_iter().any(|id| is_function(g, id)) {
        return None;
    }
    let steps = steps(g, root, x).ok()?;
    let mut det = g.number(Rational::ONE);
    for (outer, inner) in steps.into_iter().rev() {
        if g.axes(inner) != g.axes(x) {
            return None;
        }
        let factor = match g.node(outer).clone() {
            Node::Matrix(op @ (MatrixOp::Expm | MatrixOp::Logm | MatrixOp::Sqrtm), _) => {
                let map = [(x, declared)].into_iter().collect();
                let known = g.replace(inner, &map);
                let symmetric = g.is_symmetric(known);
                function::determinant(g, op, inner, Entries::All, symmetric)?
            }
            _ => step(g, outer, inner, Full)?.0,
        };
        det = g.hadamard(det, factor);
    }
    let det = super::matrix::of_triangles(g, det);
    Some(super::scalar::merged_signs(g, det))
}

/// The functions of one matrix that lead from `x` to `root`, each with what it is a function of, the last one first.
fn steps(g: &mut Graph, root: NodeId, x: NodeId) -> Result<Vec<(NodeId, NodeId)>, String> {
    let mut steps = Vec::new();
    let mut at = root;
    while at != x {
        // a number is no step of its own: signs of two steps would not meet
        let (_, scaled) = g.split(at);
        let below = if scaled == x { Some(x) } else { step_below(g, scaled, x) };
        let inner = below.ok_or("the function does not depend on the variable through one matrix")?;
        steps.push((at, inner));
        at = inner;
        if steps.len() > MAX_STEPS {
            return Err("the function has too many steps".into());
        }
    }
    Ok(steps)
}

fn structure_of(g: &Graph, x: NodeId) -> Option<Structure> {
    let attributes = &g.as_input(x)?.attributes;
    let has = |list: &[Attribute]| attributes.iter().any(|a| list.contains(a));
    Some(if has(&[Attribute::Orthogonal]) {
        return None;
    } else if has(&[Attribute::Diagonal]) || has(&[Attribute::Lower]) && has(&[Attribute::Upper]) {
        Diagonal
    } else if has(&[Attribute::Symmetric, Attribute::Pd, Attribute::Psd]) {
        Symmetric
    } else if has(&[Attribute::Skew]) {
        Skew
    } else if has(&[Attribute::Lower]) {
        Lower
    } else if has(&[Attribute::Upper]) {
        Upper
    } else {
        Full
    })
}

fn depends(g: &Graph, node: NodeId, x: NodeId) -> bool {
    g.reachable(&[node]).binary_search(&x).is_ok()
}

/// The one matrix below a node that carries the variable.
fn step_below(g: &Graph, node: NodeId, x: NodeId) -> Option<NodeId> {
    let mut found: Option<NodeId> = None;
    let mut clash = false;
    let mut add = |id: NodeId| match found {
        Some(known) if known != id => clash = true,
        _ => found = Some(id),
    };
    g.for_each_child(node, |child| {
        if depends(g, child, x) {
            add(child);
        }
    });
    let square = |id: NodeId| g.rank(id) == 2;
    match found {
        Some(id) if !clash && square(id) => Some(id),
        // several parts: all from the variable itself
        Some(_) if square(x) => Some(x),
        _ => None,
    }
}

/// The determinant of `outer` as a function of `inner`, and the structure of `outer`.
fn step(g: &mut Graph, outer: NodeId, inner: NodeId, structure: Structure) -> Option<(NodeId, Structure)> {
    let n = g.axes(inner)[0];
    match g.node(outer).clone() {
        Node::Matrix(MatrixOp::Inverse, _) => {
            let det = g.matrix(MatrixOp::Det, &[inner]);
            let count = free_entries(g, n, g.axes(inner)[1], structure);
            // -inv(X)*dX*inv(X) is inv(X)*dX*inv(X)' for a skew X
            let minus = g.number(Rational::int(if structure == Skew { 1 } else { -1 }));
            let sign = whole_power(g, minus, count, 1);
            let one = g.sizes.constant(1);
            let exponent = match structure {
                Full => g.sizes.scale(n, &Rational::int(2)),
                Skew => g.sizes.sub(n, one),
                Diagonal => g.sizes.constant(2),
                _ => g.sizes.add(n, one),
            };
            let power = whole_power(g, det, exponent, -1);
            Some((g.hadamard(sign, power), structure))
        }
        Node::Matrix(op @ (MatrixOp::Expm | MatrixOp::Logm | MatrixOp::Sqrtm), _)
            if matches!(structure, Full | Symmetric) =>
        {
            let (entries, symmetric) =
                if structure == Symmetric { (Entries::Half, true) } else { (Entries::All, g.is_symmetric(inner)) };
            Some((function::determinant(g, op, inner, entries, symmetric)?, structure))
        }
        Node::Matrix(MatrixOp::Cholesky, _) if structure == Symmetric => {
            let gram = gram_factor(g, outer, n, true);
            Some((g.power(gram, &Rational::int(-1)), Lower))
        }
        _ => affine(g, outer, inner, structure, n),
    }
}

/// How many entries are free.
fn free_entries(g: &mut Graph, rows: Dim, cols: Dim, structure: Structure) -> Dim {
    match structure {
        Full => g.sizes.mul(rows, cols),
        Diagonal => rows,
        Skew => {
            let triangle = g.sizes.triangle(rows);
            g.sizes.sub(triangle, rows)
        }
        _ => g.sizes.triangle(rows),
    }
}

/// `2^n*prod(l_ii^(n-i+1))` of `L*L'`, or with `l_ii^i`.
fn gram_factor(g: &mut Graph, factor: NodeId, n: Dim, falling: bool) -> NodeId {
    let two = g.number(Rational::int(2));
    let twos = whole_power(g, two, n, 1);
    let powers = diagonal_powers(g, factor, n, falling);
    g.hadamard(twos, powers)
}

/// `prod(a_ii^i)`, or `prod(a_ii^(n-i+1))` where `falling`.
fn diagonal_powers(g: &mut Graph, matrix: NodeId, n: Dim, falling: bool) -> NodeId {
    let diagonal = g.diagonal(matrix);
    if g.constant(diagonal).is_some_and(|c| c.is_one()) {
        return g.number(Rational::ONE);
    }
    let count = g.iota(n);
    let exponent = if falling {
        let one = g.sizes.constant(1);
        let total = g.sizes.add(n, one);
        let total = g.size(total);
        let total = g.broadcast_scalar(total, &[n]);
        g.subtract(total, count)
    } else {
        count
    };
    let powers = g.map(MapOp::Pow, &[diagonal, exponent]);
    product_of(g, powers)
}

/// Steps whose derivative is read off: products with constant matrices, sums, Gram matrices, entrywise functions.
fn affine(g: &mut Graph, outer: NodeId, inner: NodeId, structure: Structure, n: Dim) -> Option<(NodeId, Structure)> {
    let axes = g.axes(inner).clone();
    if g.axes(outer).as_slice() != axes.as_slice() {
        return None;
    }
    let u = g.input("(inner)", &axes, false, &[]);
    let map = [(inner, u)].into_iter().collect();
    let function = g.replace(outer, &map);
    // forward the derivatives of matrix functions are of their arguments, in reverse of the transposes
    let options = Options { mode: Some(diff::Mode::Forward), ..Options::default() };
    let derivative = diff::derivative(g, function, u, options).ok()?;
    let back = [(u, inner)].into_iter().collect();
    let derivative = g.replace(derivative, &back);
    if structure == Full {
        let derivative = function::written_out(g, derivative);
        return Some((super::determinant(g, derivative, 2), Full));
    }
    if let Some(found) = of_gram(g, outer, inner, structure, n) {
        return Some(found);
    }
    let (c, rest) = g.split(derivative);
    if let Node::Product(p) = g.node(rest).clone()
        && let Some(sides) = sides(g, &p)
        && let Some((det, next)) = of_sides(g, &sides, structure, n)
    {
        let count = free_entries(g, n, n, structure);
        // the transpose of a skew step is its negative
        let c = if structure == Skew && sides.transposed { -c } else { c };
        let number = g.number(c);
        let power = whole_power(g, number, count, 1);
        return Some((g.hadamard(power, det), next));
    }
    if structure == Diagonal {
        return by_diagonals(g, function, u, inner, n);
    }
    by_elimination(g, outer, derivative, structure)
}

/// `L*L'` and its kin.
fn of_gram(g: &mut Graph, outer: NodeId, inner: NodeId, structure: Structure, n: Dim) -> Option<(NodeId, Structure)> {
    let transposed = g.transpose(inner);
    let (after, before) = (g.matmul(inner, transposed), g.matmul(transposed, inner));
    let falling = match (structure, outer) {
        (Lower, node) if node == after => true,
        (Lower, node) if node == before => false,
        (Upper, node) if node == after => false,
        (Upper, node) if node == before => true,
        _ => return None,
    };
    Some((gram_factor(g, inner, n, falling), Symmetric))
}

/// `dX -> W .* (P*dX*Q')` between free entries.
fn of_sides(g: &mut Graph, sides: &Sides, structure: Structure, n: Dim) -> Option<(NodeId, Structure)> {
    let mut product = ProductBuilder::new();
    if let Some(scalar) = sides.scalar {
        let count = free_entries(g, n, n, structure);
        let power = whole_power(g, scalar, count, 1);
        product.factor(power, &[]);
    }
    if !sides.entrywise.is_empty() {
        return None; // the entries on one side of the diagonal: by elimination
    }
    let one = g.sizes.constant(1);
    let identity = g.identity(n);
    let (left, right) = (sides.left.unwrap_or(identity), sides.right.unwrap_or(identity));
    let mut next = structure;
    match structure {
        Symmetric | Skew if left == right => {
            let exponent = if structure == Symmetric { g.sizes.add(n, one) } else { g.sizes.sub(n, one) };
            let det = super::matrix::determinant(g, left);
            let power = whole_power(g, det, exponent, 1);
            product.factor(power, &[]);
        }
        Lower | Upper | Diagonal if left == identity && right == identity => {}
        Lower | Upper => {
            // the transposed step has its structure turned round
            let own = if sides.transposed { turned(structure) } else { structure };
            let right_transposed = g.transpose(right);
            if !has_structure(g, left, own) || !has_structure(g, right_transposed, own) {
                return None;
            }
            let first = diagonal_powers(g, left, n, own == Upper);
            let second = diagonal_powers(g, right, n, own == Lower);
            product.factor(first, &[]);
            product.factor(second, &[]);
            next = own;
        }
        Diagonal => {
            if !has_structure(g, left, Diagonal) || !has_structure(g, right, Diagonal) {
                return None;
            }
            for side in [left, right] {
                let diagonal = g.diagonal(side);
                let value = product_of(g, diagonal);
                product.factor(value, &[]);
            }
        }
        _ => return None,
    }
    if sides.transposed && matches!(structure, Lower | Upper) && left == identity && right == identity {
        next = turned(structure);
    }
    Some((product.build(g, &[]), next))
}

fn turned(structure: Structure) -> Structure {
    match structure {
        Lower => Upper,
        Upper => Lower,
        other => other,
    }
}

/// Whether a matrix has this triangular or diagonal structure by declaration.
fn has_structure(g: &mut Graph, node: NodeId, structure: Structure) -> bool {
    if g.is_identity(node) {
        return true;
    }
    if let Node::Product(p) = g.node(node)
        && p.out.len() == 2
        && p.out[0] == p.out[1]
    {
        return true;
    }
    if let Some(own) = structure_of(g, node) {
        return own == structure || own == Diagonal;
    }
    let transposed = g.transpose(node);
    matches!(structure_of(g, transposed), Some(own) if turned(own) == structure)
}

/// Between the diagonals, where nothing off them moves.
fn by_diagonals(g: &mut Graph, function: NodeId, u: NodeId, inner: NodeId, n: Dim) -> Option<(NodeId, Structure)> {
    let v = g.input("(diagonal)", &[n], false, &[]);
    let matrix = g.diag(v);
    let map = [(u, matrix)].into_iter().collect();
    let function = g.replace(function, &map);
    let derivative = diff::derivative(g, function, v, Options::default()).ok()?;
    let mut p = ProductBuilder::new();
    let (i, k) = (p.label(n), p.label(n));
    p.factor(derivative, &[i, i, k]);
    if p.clone().build(g, &[i, i, k]) != derivative {
        return None;
    }
    let between = p.build(g, &[i, k]);
    let diagonal = g.diagonal(inner);
    let back = [(v, diagonal)].into_iter().collect();
    let between = g.replace(between, &back);
    Some((super::matrix::determinant(g, between), Diagonal))
}

/// The general case: `det(elimination*J*duplication)`, where the function keeps the structure.
fn by_elimination(
    g: &mut Graph,
    outer: NodeId,
    derivative: NodeId,
    structure: Structure,
) -> Option<(NodeId, Structure)> {
    let n = g.axes(derivative)[0];
    if structure != Symmetric || !g.is_symmetric(outer) {
        return None;
    }
    let fused = fuse_axes(g, derivative, &[&[0, 1], &[2, 3]]);
    let (elimination, duplication) =
        (g.structural(Structural::Elimination, n), g.structural(Structural::Duplication, n));
    let left = g.matmul(elimination, fused);
    let whole = g.matmul(left, duplication);
    Some((g.matrix(MatrixOp::Det, &[whole]), Symmetric))
}
