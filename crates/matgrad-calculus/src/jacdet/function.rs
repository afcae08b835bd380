//! Functions of one square matrix by its spectrum: the Fréchet derivative of f at X has the eigenvalues `f[λi, λj]`, the
//! divided differences, for all pairs of eigenvalues of X, and between symmetric matrices one for each unordered pair.
//!
//! Higham, *Functions of Matrices*, §3.1; Daleckii & Krein (1965). Where X is not symmetric its eigenvalues need not be
//! real: the exponential goes by `∫ e^(s*M) ds = [I, 0]*expm([M, I; 0, 0])*[0; I]` with `M = X' ⊗ I - I ⊗ X`, the square
//! root by its Sylvester equation, and the logarithm is the inverse of the exponential.

use matgrad_syntax::Rational;

use crate::graph::{Dim, Graph, MapOp, MatrixOp, Node, NodeId, Part, ProductBuilder, ReduceOp};
use crate::layout::fuse_axes;

/// Between which entries a determinant is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Entries {
    /// All of them.
    All,
    /// The lower half of a symmetric matrix.
    Half,
}

/// The determinant of `op` at `x`, where `symmetric` says that x is its transpose. `None` for other functions.
pub(super) fn determinant(g: &mut Graph, op: MatrixOp, x: NodeId, entries: Entries, symmetric: bool) -> Option<NodeId> {
    if g.rank(x) != 2 {
        return None;
    }
    match (op, symmetric) {
        (MatrixOp::Expm | MatrixOp::Logm, true) => Some(of_spectrum(g, op, x, entries)),
        (MatrixOp::Expm, false) => Some(of_exponential(g, x)),
        (MatrixOp::Logm, false) => {
            let logarithm = g.matrix(MatrixOp::Logm, &[x]);
            let there = of_exponential(g, logarithm);
            Some(g.power(there, &Rational::int(-1)))
        }
        (MatrixOp::Sqrtm, _) => Some(of_root(g, x, entries)),
        _ => None,
    }
}

/// `f'(λ1)*…*f'(λn)` and the divided differences of pairs, squared where both orders of a pair count.
fn of_spectrum(g: &mut Graph, op: MatrixOp, x: NodeId, entries: Entries) -> NodeId {
    let n = g.axes(x)[0];
    let values = g.matrix(MatrixOp::Eigvals, &[x]);
    let gap = gaps(g, values, n);
    let one = Rational::ONE;
    let (outside, quotient) = if op == MatrixOp::Expm {
        // e^((a + b)/2) of each pair joins the trace
        let half = g.scale(gap, &Rational::new(1, 2));
        let sinh = g.map(MapOp::Sinh, &[half]);
        let twice = g.scale(sinh, &Rational::int(2));
        let trace = g.trace(x);
        let unit = g.sizes.constant(1);
        let (count, part) = match entries {
            Entries::All => (n, one.clone()),
            Entries::Half => (g.sizes.add(n, unit), Rational::new(1, 2)),
        };
        let count = g.size(count);
        let exponent = g.hadamard(count, trace);
        let exponent = g.scale(exponent, &part);
        (g.map(MapOp::Exp, &[exponent]), over(g, twice, gap))
    } else {
        let det = g.matrix(MatrixOp::Det, &[x]);
        let logs = g.map(MapOp::Log, &[values]);
        let difference = gaps(g, logs, n);
        (g.power(det, &Rational::int(-1)), over(g, difference, gap))
    };
    let pairs = over_pairs(g, quotient, n);
    let power = if entries == Entries::All { Rational::int(2) } else { one };
    let pairs = g.power(pairs, &power);
    g.hadamard(outside, pairs)
}

/// `v[i] - v[j]` at `[i, j]`.
fn gaps(g: &mut Graph, v: NodeId, n: Dim) -> NodeId {
    let [rows, cols] = [true, false].map(|first| {
        let mut p = ProductBuilder::new();
        let (i, j) = (p.label(n), p.label(n));
        p.factor(v, &[if first { i } else { j }]);
        p.build(g, &[i, j])
    });
    g.subtract(rows, cols)
}

fn positive(c: &Rational) -> bool {
    !c.is_negative() && !c.is_zero()
}

/// Whether every entry is a quotient `2*sinh((a - b)/2)/(a - b)` or `(log(a) - log(b))/(a - b)`.
pub(super) fn is_rising_quotient(g: &Graph, node: NodeId) -> bool {
    let (c, rest) = g.split(node);
    let Node::Product(p) = g.node(rest) else { return false };
    let [first, second] = p.factors.as_slice() else { return false };
    let (above, below) = if first.exponent.is_one() { (first, second) } else { (second, first) };
    if !positive(&c) || !above.exponent.is_one() || !below.exponent.is_minus_one() || above.labels != below.labels {
        return false;
    }
    let gap = below.node;
    match g.node(above.node) {
        Node::Map(MapOp::Sinh, args) => {
            let (of_sinh, of_gap) = (g.terms(args[0]).0, g.terms(gap).0);
            let matches = |(c, a): &(Rational, NodeId)| of_gap.iter().any(|(d, b)| a == b && positive(&(c * d)));
            of_sinh.len() == of_gap.len() && of_sinh.iter().all(matches)
        }
        Node::Sum(logs, _) => {
            // the same differences, of logarithms
            let Node::Sum(terms, _) = g.node(gap) else { return false };
            let of = |id: NodeId| match g.node(id) {
                Node::Product(p) => p.factors.first().map(|f| (f.node, f.labels.clone(), p.out.clone())),
                _ => None,
            };
            logs.len() == terms.len()
                && logs.iter().all(|(c, log)| {
                    let Some((log, labels, out)) = of(*log) else { return false };
                    let Node::Map(MapOp::Log, args) = g.node(log) else { return false };
                    terms.iter().any(|(d, term)| {
                        positive(&(c * d)) && of(*term).is_some_and(|(v, l, o)| v == args[0] && l == labels && o == out)
                    })
                })
        }
        _ => false,
    }
}

fn over(g: &mut Graph, above: NodeId, below: NodeId) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, above);
    p.factor(above, &labels);
    p.power(below, &labels, Rational::int(-1));
    p.build(g, &labels)
}

/// The product of the entries above the diagonal.
fn over_pairs(g: &mut Graph, matrix: NodeId, n: Dim) -> NodeId {
    let count = g.iota(n);
    let [rows, cols] = [true, false].map(|first| {
        let mut p = ProductBuilder::new();
        let (i, j) = (p.label(n), p.label(n));
        p.factor(count, &[if first { i } else { j }]);
        p.build(g, &[i, j])
    });
    let above = g.map(MapOp::Less, &[rows, cols]);
    let ones = g.ones(&[n, n]);
    let chosen = g.map(MapOp::Where, &[above, matrix, ones]);
    g.reduce(ReduceOp::Prod, chosen, &[0, 1])
}

/// Derivatives of exponentials and logarithms along many directions at once, by their Jacobians: `vec(L(X, E)) =
/// (I ⊗ expm(X))*Φ*vec(E)`, with Φ the integral above, and the inverse of that at `logm(X)` for the logarithm.
pub fn written_out(g: &mut Graph, root: NodeId) -> NodeId {
    let mut current = root;
    for _ in 0..4 {
        let found = g.reachable(&[current]).into_iter().find_map(|id| match g.node(id) {
            Node::Matrix(op @ (MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet), args)
                if g.rank(args[0]) == 2 && g.rank(args[1]) > 2 =>
            {
                Some((id, *op, args[0], args[1]))
            }
            _ => None,
        });
        let Some((id, op, x, e)) = found else { break };
        let jacobian = if op == MatrixOp::ExpmFrechet {
            jacobian_of_exponential(g, x)
        } else {
            let logarithm = g.matrix(MatrixOp::Logm, &[x]);
            let there = jacobian_of_exponential(g, logarithm);
            g.matrix(MatrixOp::Inverse, &[there])
        };
        let n = g.axes(x)[0];
        let fuse = g.fuse(n, n);
        let all = g.axes(jacobian)[0];
        let mut p = ProductBuilder::new();
        let inner = p.labels_of(g, e);
        let (batch, ends) = inner.split_at(inner.len() - 2);
        let [u, v, i, j] = [p.label(all), p.label(all), p.label(n), p.label(n)];
        p.factor(fuse, &[u, i, j]);
        p.factor(jacobian, &[u, v]);
        p.factor(fuse, &[v, ends[0], ends[1]]);
        p.factor(e, &inner);
        let out: Vec<_> = batch.iter().copied().chain([i, j]).collect();
        let value = p.build(g, &out);
        let map = [(id, value)].into_iter().collect();
        current = g.replace(current, &map);
    }
    current
}

fn jacobian_of_exponential(g: &mut Graph, x: NodeId) -> NodeId {
    let n = g.axes(x)[0];
    let exponential = g.matrix(MatrixOp::Expm, &[x]);
    let mut p = ProductBuilder::new();
    let (i, j, k) = (p.label(n), p.label(n), p.label(n));
    p.factor(exponential, &[i, k]);
    let beside = p.build(g, &[i, j, k, j]);
    let beside = fuse_axes(g, beside, &[&[0, 1], &[2, 3]]);
    let integral = integral(g, x);
    g.matmul(beside, integral)
}

/// `det(expm(X))^n` times the determinant of `∫ e^(s*M) ds` over s from 0 to 1.
fn of_exponential(g: &mut Graph, x: NodeId) -> NodeId {
    let n = g.axes(x)[0];
    let trace = g.trace(x);
    let count = g.size(n);
    let exponent = g.hadamard(count, trace);
    let outside = g.map(MapOp::Exp, &[exponent]);
    let integral = integral(g, x);
    let det = g.matrix(MatrixOp::Det, &[integral]);
    g.hadamard(outside, det)
}

/// `∫ e^(s*M) ds` over s from 0 to 1, with `M = X' ⊗ I - I ⊗ X`.
fn integral(g: &mut Graph, x: NodeId) -> NodeId {
    let m = sides(g, x, Rational::int(-1));
    let all = g.axes(m)[0];
    let (identity, zero) = (g.identity(all), g.zeros(&[all, all]));
    let part = |node| Part { node, extent: Some(all) };
    let (top, bottom) = (g.stack(1, vec![part(m), part(identity)]), g.stack(1, vec![part(zero), part(zero)]));
    let whole = g.stack(0, vec![part(top), part(bottom)]);
    let exponential = g.matrix(MatrixOp::Expm, &[whole]);
    let double = g.axes(whole)[0];
    let start = g.sizes.constant(0);
    let (first, second) = (g.shift(start, all, double), g.shift(all, all, double));
    let mut p = ProductBuilder::new();
    let (a, b, r, c) = (p.label(all), p.label(all), p.label(double), p.label(double));
    p.factor(first, &[a, r]);
    p.factor(exponential, &[r, c]);
    p.factor(second, &[b, c]);
    p.build(g, &[a, b])
}

/// `1/det(R' ⊗ I + I ⊗ R)` with `R = sqrtm(X)`, since `R*dR + dR*R = dX`.
fn of_root(g: &mut Graph, x: NodeId, entries: Entries) -> NodeId {
    let root = g.matrix(MatrixOp::Sqrtm, &[x]);
    let mut m = sides(g, root, Rational::ONE);
    if entries == Entries::Half {
        use crate::graph::Structural;
        let n = g.axes(x)[0];
        let (elimination, duplication) =
            (g.structural(Structural::Elimination, n), g.structural(Structural::Duplication, n));
        let left = g.matmul(elimination, m);
        m = g.matmul(left, duplication);
    }
    let det = g.matrix(MatrixOp::Det, &[m]);
    g.power(det, &Rational::int(-1))
}

/// `X' ⊗ I + sign*(I ⊗ X)`.
fn sides(g: &mut Graph, x: NodeId, sign: Rational) -> NodeId {
    let n = g.axes(x)[0];
    // entries [i, j, k, l] of I ⊗ X and X' ⊗ I, by columns
    let [inner, outer] = [true, false].map(|inner| {
        let mut p = ProductBuilder::new();
        if inner {
            let (i, j, k) = (p.label(n), p.label(n), p.label(n));
            p.factor(x, &[i, k]);
            p.build(g, &[i, j, k, j])
        } else {
            let (i, j, l) = (p.label(n), p.label(n), p.label(n));
            p.factor(x, &[l, j]);
            p.build(g, &[i, j, i, l])
        }
    });
    let parts = [inner, outer].map(|node| fuse_axes(g, node, &[&[0, 1], &[2, 3]]));
    let dims = g.axes(parts[0]).clone();
    g.sum(&[(sign, parts[0]), (Rational::ONE, parts[1])], &dims)
}
