//! Determinants of matrices by their form.

use matgrad_syntax::{Attribute, Rational};
use rustc_hash::FxHashMap;

use super::scalar::whole_power;
use crate::graph::{Factor, Graph, Label, MapOp, MatrixOp, Node, NodeId, Part, Product, ProductBuilder, ReduceOp};

/// Literal matrices of up to this size are expanded where they are sparse enough.
const LITERAL_LIMIT: i64 = 8;
/// Rounds of taking a form apart.
const DEPTH: usize = 12;

/// The determinant of a square matrix.
pub(super) fn determinant(g: &mut Graph, node: NodeId) -> NodeId {
    determinant_at(g, node, DEPTH)
}

/// `det(L)` of a triangular variable is the product of its diagonal; of a Cholesky factor, the root of `det(A)`.
pub(super) fn of_triangles(g: &mut Graph, root: NodeId) -> NodeId {
    use Attribute::{Diagonal, Lower, Upper};
    let mut map = FxHashMap::default();
    for id in g.reachable(&[root]) {
        let Node::Matrix(MatrixOp::Det, args) = g.node(id) else { continue };
        let arg = args[0];
        let triangular =
            g.as_input(arg).is_some_and(|i| i.attributes.iter().any(|a| matches!(a, Lower | Upper | Diagonal)));
        if triangular {
            let diagonal = g.diagonal(arg);
            map.insert(id, g.reduce(ReduceOp::Prod, diagonal, &[0]));
        } else if let Node::Matrix(MatrixOp::Cholesky, inner) = g.node(arg) {
            let inner = inner[0];
            let det = g.matrix(MatrixOp::Det, &[inner]);
            map.insert(id, g.power(det, &Rational::new(1, 2)));
        }
    }
    if map.is_empty() { root } else { g.replace(root, &map) }
}

fn by_form(g: &mut Graph, node: NodeId, depth: usize) -> Option<NodeId> {
    let depth = depth.checked_sub(1)?;
    let n = g.axes(node)[0];
    let (c, rest) = g.split(node);
    if !c.is_one() && !c.is_zero() {
        let det = determinant_at(g, rest, depth);
        let number = g.number(c);
        let power = whole_power(g, number, n, 1);
        return Some(g.hadamard(power, det));
    }
    match g.node(node).clone() {
        Node::Product(p) => of_product(g, &p, node, depth),
        Node::Sum(terms, _) if terms.len() > 1 => of_sum(g, &terms, depth),
        Node::Map(..) if is_mask(g, node) => Some(g.number(Rational::ONE)),
        Node::Stack(..) => of_blocks(g, node, depth).or_else(|| of_literal(g, node)),
        _ => None,
    }
}

fn determinant_at(g: &mut Graph, node: NodeId, depth: usize) -> NodeId {
    by_form(g, node, depth).unwrap_or_else(|| g.matrix(MatrixOp::Det, &[node]))
}

/// Scalars come out to the n-th power, entrywise scalings of rows and columns as products of their entries.
fn of_product(g: &mut Graph, p: &Product, node: NodeId, depth: usize) -> Option<NodeId> {
    let n = g.axes(node)[0];
    let [row, col] = p.out[..] else { return None };
    if let Some(det) = of_masked(g, p).or_else(|| of_kronecker(g, p)) {
        return Some(det);
    }
    if let [f] = p.factors.as_slice()
        && row != col
        && f.exponent.is_one()
        && f.labels[..] == [col, row]
    {
        return Some(determinant_at(g, f.node, depth)); // a transpose
    }
    if row == col && p.factors.iter().all(|f| f.labels.iter().all(|l| *l == row)) {
        let diagonal = ProductBuilder { coefficient: None, factors: p.factors.clone(), dims: p.dims.clone() };
        let diagonal = diagonal.build(g, &[row]);
        return Some(product_of(g, diagonal));
    }
    let mut outside = ProductBuilder::new();
    let groups = components(p);
    let closed = closed_parts(g, p, &groups);
    let mut inside = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    let mut moved = !closed.is_empty();
    for (_, value) in &closed {
        let power = whole_power(g, *value, n, 1);
        outside.factor(power, &[]);
    }
    for (f, group) in p.factors.iter().zip(&groups) {
        if closed.iter().any(|(own, _)| own == group) {
            continue;
        }
        let scaling = f.labels.len() == 1 && (f.labels[0] == row || f.labels[0] == col);
        if scaling {
            let value = g.power(f.node, &f.exponent);
            let product = g.reduce(ReduceOp::Prod, value, &[0]);
            outside.factor(product, &[]);
            moved = true;
        } else {
            inside.factors.push(f.clone());
        }
    }
    if !moved {
        return None; // a chain, which the constructor knows
    }
    inside.forget_unused(&p.out);
    let rest = inside.build(g, &p.out);
    if !g.is_identity(rest) {
        let det = determinant_at(g, rest, depth);
        outside.factor(det, &[]);
    }
    Some(outside.build(g, &[]))
}

/// The parts of a product that no axis of the result joins: scalars, by their group.
pub(super) fn closed_parts(g: &mut Graph, p: &Product, groups: &[usize]) -> Vec<(usize, NodeId)> {
    let mut closed = Vec::new();
    for (k, group) in groups.iter().enumerate() {
        if groups[..k].contains(group) {
            continue;
        }
        let own = || p.factors.iter().zip(groups).filter(|(_, other)| *other == group).map(|(f, _)| f);
        if own().any(|f| f.labels.iter().any(|l| p.out.contains(l))) {
            continue;
        }
        let mut builder = ProductBuilder { coefficient: None, factors: own().cloned().collect(), dims: p.dims.clone() };
        builder.forget_unused(&[]);
        closed.push((*group, builder.build(g, &[])));
    }
    closed
}

/// A matrix with a triangular mask: the product of its diagonal.
fn of_masked(g: &mut Graph, p: &Product) -> Option<NodeId> {
    let [row, col] = p.out[..] else { return None };
    if row == col {
        return None;
    }
    let mask =
        p.factors.iter().position(|f| is_mask(g, f.node) && f.labels.contains(&row) && f.labels.contains(&col))?;
    let mut diagonal = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    for (k, f) in p.factors.iter().enumerate() {
        if k != mask {
            let labels = f.labels.iter().map(|l| if *l == col { row } else { *l }).collect();
            diagonal.factors.push(Factor { labels, ..f.clone() });
        }
    }
    diagonal.forget_unused(&[row]);
    let diagonal = diagonal.build(g, &[row]);
    Some(product_of(g, diagonal))
}

/// Whether a matrix is 1 on one side of its diagonal and on it, 0 on the other side.
fn is_mask(g: &Graph, node: NodeId) -> bool {
    let Node::Map(MapOp::LessEq, args) = g.node(node) else { return false };
    let axis = |id: NodeId| match g.node(id) {
        Node::Product(p) => match p.factors.as_slice() {
            [f] if p.out.len() == 2 && matches!(g.node(f.node), Node::Iota(_)) => {
                p.out.iter().position(|l| *l == f.labels[0])
            }
            _ => None,
        },
        _ => None,
    };
    matches!((axis(args[0]), axis(args[1])), (Some(a), Some(b)) if a != b)
}

/// The product of the entries of a vector.
pub(super) fn product_of(g: &mut Graph, vector: NodeId) -> NodeId {
    let n = g.axes(vector)[0];
    match g.constant(vector) {
        Some(c) => {
            let number = g.number(c);
            whole_power(g, number, n, 1)
        }
        None => g.reduce(ReduceOp::Prod, vector, &[0]),
    }
}

/// `Q ⊗ P`, of any form that the tensor between the axes has.
fn of_kronecker(g: &mut Graph, p: &Product) -> Option<NodeId> {
    let [row, col] = p.out[..] else { return None };
    let fused = |label: Label| {
        p.factors
            .iter()
            .position(|f| f.labels[..].first() == Some(&label) && matches!(g.node(f.node), Node::Fuse { .. }))
    };
    let (a, b) = (fused(row)?, fused(col)?);
    let out: Vec<Label> = [a, b].iter().flat_map(|k| p.factors[*k].labels[1..].to_vec()).collect();
    let dim = |k: usize| p.dims[out[k] as usize];
    if a == b || dim(0) != dim(2) || dim(1) != dim(3) {
        return None;
    }
    let mut builder = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    builder.factors =
        p.factors.iter().enumerate().filter(|(k, _)| *k != a && *k != b).map(|(_, f)| f.clone()).collect();
    builder.forget_unused(&out);
    let tensor = builder.build(g, &out);
    super::tensor::determinant(g, tensor)
}

/// The inverse, with scalars taken out first.
pub(super) fn inverse(g: &mut Graph, node: NodeId) -> NodeId {
    if let Node::Product(p) = g.node(node).clone() {
        let groups = components(&p);
        let closed = closed_parts(g, &p, &groups);
        if !closed.is_empty() {
            let mut rest = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
            rest.factors = p
                .factors
                .iter()
                .zip(&groups)
                .filter(|(_, group)| !closed.iter().any(|(own, _)| own == *group))
                .map(|(f, _)| f.clone())
                .collect();
            rest.forget_unused(&p.out);
            let rest = rest.build(g, &p.out);
            let mut value = g.matrix(MatrixOp::Inverse, &[rest]);
            for (_, scalar) in closed {
                let reciprocal = g.power(scalar, &Rational::int(-1));
                value = g.multiply_scalar(reciprocal, value);
            }
            return value;
        }
    }
    g.matrix(MatrixOp::Inverse, &[node])
}

/// The matrix determinant lemma `det(B + u*v') = det(B)*(1 + v'*inv(B)*u)`.
fn of_sum(g: &mut Graph, terms: &[(Rational, NodeId)], depth: usize) -> Option<NodeId> {
    let outer: Vec<(usize, NodeId, NodeId)> =
        terms.iter().enumerate().filter_map(|(k, (_, t))| outer_factors(g, *t, 1).map(|(u, v)| (k, u, v))).collect();
    let diagonal = |id: NodeId| matches!(g.node(id), Node::Product(p) if p.out.len() == 2 && p.out[0] == p.out[1]);
    if terms.iter().all(|(_, term)| diagonal(*term)) {
        let axis = [g.axes(terms[0].1)[0]];
        let diagonals: Vec<(Rational, NodeId)> = terms.iter().map(|(c, t)| (c.clone(), g.diagonal(*t))).collect();
        let total = g.sum(&diagonals, &axis);
        return Some(product_of(g, total));
    }
    let (first, u, v) = *outer.first()?;
    let dims = g.axes(terms[first].1).clone();
    // several with one vector in common are one
    let shared_left = outer.iter().all(|(_, other, _)| *other == u);
    let shared_right = outer.iter().all(|(_, _, other)| *other == v);
    let parts = |pick: &dyn Fn(&(usize, NodeId, NodeId)) -> NodeId| -> Vec<(Rational, NodeId)> {
        outer.iter().map(|o| (terms[o.0].0.clone(), pick(o))).collect()
    };
    let axis = [dims[0]];
    let (u, v) = if shared_left {
        (u, g.sum(&parts(&|o| o.2), &axis))
    } else if shared_right {
        (g.sum(&parts(&|o| o.1), &axis), v)
    } else {
        return None;
    };
    let rest: Vec<(Rational, NodeId)> =
        terms.iter().enumerate().filter(|(k, _)| !outer.iter().any(|o| o.0 == *k)).map(|(_, t)| t.clone()).collect();
    if rest.is_empty() {
        return None;
    }
    let base = g.sum(&rest, &dims);
    let det = determinant_at(g, base, depth);
    let inverse = inverse(g, base);
    let solved = g.matmul(inverse, u);
    let inner = g.matmul(v, solved);
    Some(updated(g, det, inner))
}

/// `det*(1 + inner)`
pub(super) fn updated(g: &mut Graph, det: NodeId, inner: NodeId) -> NodeId {
    let inner = g.distribute_all(inner);
    let one = g.number(Rational::ONE);
    let factor = g.add(one, inner);
    let factor = super::short(g, factor);
    if g.is_zero(factor) { factor } else { g.hadamard(det, factor) }
}

/// `u*v'`: a product that no label joins across its first `rank` axes and the others. Scalars go to the left.
pub(super) fn outer_factors(g: &mut Graph, node: NodeId, rank: usize) -> Option<(NodeId, NodeId)> {
    let Node::Product(p) = g.node(node).clone() else { return None };
    let (left, right) = p.out.split_at(rank);
    if left.iter().any(|l| right.contains(l)) {
        return None;
    }
    let groups = components(&p);
    let mut sides = [
        ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() },
        ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() },
    ];
    for (f, group) in p.factors.iter().zip(&groups) {
        let touches = |side: &[Label]| {
            p.factors.iter().zip(&groups).any(|(f, g)| g == group && f.labels.iter().any(|l| side.contains(l)))
        };
        let (a, b) = (touches(left), touches(right));
        if a && b {
            return None;
        }
        sides[usize::from(b)].factors.push(f.clone());
    }
    let [mut first, mut second] = sides;
    first.forget_unused(left);
    second.forget_unused(right);
    Some((first.build(g, left), second.build(g, right)))
}

/// A number for each factor, the same where labels connect them.
pub(super) fn components(p: &Product) -> Vec<usize> {
    let mut group: Vec<usize> = (0..p.factors.len()).collect();
    let mut first: FxHashMap<Label, usize> = FxHashMap::default();
    for (k, f) in p.factors.iter().enumerate() {
        for l in &f.labels {
            match first.get(l) {
                None => {
                    first.insert(*l, k);
                }
                Some(&other) => {
                    let (from, to) = (group[k], group[other]);
                    if from != to {
                        group.iter_mut().filter(|g| **g == from).for_each(|g| *g = to);
                    }
                }
            }
        }
    }
    group
}

/// `[A, B; 0, D]`: the product of the determinants of the blocks on the diagonal.
fn of_blocks(g: &mut Graph, node: NodeId, depth: usize) -> Option<NodeId> {
    let Node::Stack(0, rows) = g.node(node).clone() else { return None };
    let mut grid: Vec<Vec<Part>> = Vec::new();
    for row in &rows {
        row.extent?;
        let Node::Stack(1, parts) = g.node(row.node).clone() else { return None };
        if parts.iter().any(|part| part.extent.is_none()) {
            return None;
        }
        grid.push(parts);
    }
    let count = grid.len();
    let aligned = grid
        .iter()
        .all(|parts| parts.len() == count && parts.iter().zip(&rows).all(|(part, row)| part.extent == row.extent));
    if !aligned {
        return None;
    }
    let zero = |g: &Graph, i: usize, j: usize| g.is_zero(grid[i][j].node);
    let upper = (0..count).all(|i| (0..i).all(|j| zero(g, i, j)));
    let lower = (0..count).all(|i| (i + 1..count).all(|j| zero(g, i, j)));
    if upper || lower {
        let mut p = ProductBuilder::new();
        for (k, row) in grid.iter().enumerate() {
            let det = determinant_at(g, row[k].node, depth);
            p.factor(det, &[]);
        }
        return Some(p.build(g, &[]));
    }
    if count != 2 {
        return None;
    }
    // Schur: det(A)*det(D - C*inv(A)*B)
    let [[a, b], [c, d]] = [[grid[0][0].node, grid[0][1].node], [grid[1][0].node, grid[1][1].node]];
    let (det, inverse) = (determinant_at(g, a, depth), g.matrix(MatrixOp::Inverse, &[a]));
    let left = g.matmul(c, inverse);
    let product = g.matmul(left, b);
    let complement = g.subtract(d, product);
    let second = determinant_at(g, complement, depth);
    Some(g.hadamard(det, second))
}

/// Written-out matrices along their sparsest rows and columns.
fn of_literal(g: &mut Graph, node: NodeId) -> Option<NodeId> {
    let dims = g.axes(node).clone();
    let n = g.sizes.value(dims[0]).filter(|n| (1..=LITERAL_LIMIT).contains(n))?;
    let mut entries: Vec<Vec<NodeId>> = Vec::new();
    for i in 1..=n {
        let mut row = Vec::new();
        for j in 1..=n {
            let entry = g.entry(node, &[i, j]);
            row.push(entry);
        }
        entries.push(row);
    }
    let all: Vec<usize> = (0..n as usize).collect();
    let det = expand(g, &entries, &all, &all)?;
    Some(g.distribute_all(det))
}

/// Laplace's expansion along the row or column with the fewest entries; `None` where that is no shorter than `det`.
fn expand(g: &mut Graph, entries: &[Vec<NodeId>], rows: &[usize], cols: &[usize]) -> Option<NodeId> {
    let n = rows.len();
    if n == 1 {
        return Some(entries[rows[0]][cols[0]]);
    }
    let full = |g: &Graph, i: usize, j: usize| !g.is_zero(entries[rows[i]][cols[j]]);
    let row_count = |g: &Graph, i: usize| (0..n).filter(|j| full(g, i, *j)).count();
    let col_count = |g: &Graph, j: usize| (0..n).filter(|i| full(g, *i, j)).count();
    let best_row = (0..n).min_by_key(|i| row_count(g, *i)).unwrap_or(0);
    let best_col = (0..n).min_by_key(|j| col_count(g, *j)).unwrap_or(0);
    let by_row = row_count(g, best_row) <= col_count(g, best_col);
    let count = if by_row { row_count(g, best_row) } else { col_count(g, best_col) };
    if n > 3 && count > 2 {
        return None;
    }
    let mut terms = Vec::new();
    for k in 0..n {
        let (i, j) = if by_row { (best_row, k) } else { (k, best_col) };
        if !full(g, i, j) {
            continue;
        }
        let without = |list: &[usize], at: usize| -> Vec<usize> {
            list.iter().enumerate().filter(|(k, _)| *k != at).map(|(_, v)| *v).collect()
        };
        let minor = expand(g, entries, &without(rows, i), &without(cols, j))?;
        let product = g.hadamard(entries[rows[i]][cols[j]], minor);
        let product = g.distribute_all(product);
        terms.push((Rational::int(if (i + j) % 2 == 0 { 1 } else { -1 }), product));
    }
    Some(g.sum(&terms, &[]))
}
