//! Derivatives against the graphs they must be: equal tensors are equal nodes.

use matgrad_syntax::Rational;

use crate::diff::{Mode, Options, derivative, pullback, pushforward};
use crate::graph::{Graph, Label, MapOp, MatrixOp, NodeId, ProductBuilder, ReduceOp};

/// `Σ coefficient·product`, factors and axes by letters: `"ij,j->i"`.
fn einsum(g: &mut Graph, pattern: &str, nodes: &[NodeId]) -> NodeId {
    let (left, right) = pattern.split_once("->").unwrap();
    let mut p = ProductBuilder::new();
    let mut known: Vec<(char, Label)> = Vec::new();
    for (term, node) in left.split(',').zip(nodes) {
        let axes = g.axes(*node).clone();
        let labels: Vec<Label> = term
            .chars()
            .zip(&axes)
            .map(|(c, dim)| {
                known.iter().find(|(k, _)| *k == c).map(|(_, l)| *l).unwrap_or_else(|| {
                    let label = p.label(*dim);
                    known.push((c, label));
                    label
                })
            })
            .collect();
        p.factor(*node, &labels);
    }
    let out: Vec<Label> =
        right.chars().map(|c| known.iter().find(|(k, _)| *k == c).map(|(_, l)| *l).unwrap()).collect();
    p.build(g, &out)
}

fn combine(g: &mut Graph, terms: &[(i64, NodeId)]) -> NodeId {
    let dims = g.axes(terms[0].1).clone();
    let terms: Vec<_> = terms.iter().map(|(c, n)| (Rational::int(*c), *n)).collect();
    g.sum(&terms, &dims)
}

struct Names {
    g: Graph,
    a: NodeId,
    b: NodeId,
    x: NodeId,
    y: NodeId,
    xx: NodeId,
    s: NodeId,
    t: NodeId,
}

/// A, B, X n×n, S symmetric, x, y of length n, t a scalar.
fn names() -> Names {
    let mut g = Graph::new();
    let n = g.sizes.symbol("n");
    let a = g.input("A", &[n, n], false, &[]);
    let b = g.input("B", &[n, n], false, &[]);
    let s = g.input("S", &[n, n], false, &[matgrad_syntax::Attribute::Symmetric]);
    let xx = g.input("X", &[n, n], false, &[]);
    let x = g.input("x", &[n], false, &[]);
    let y = g.input("y", &[n], false, &[]);
    let t = g.input("t", &[], false, &[]);
    Names { g, a, b, x, y, xx, s, t }
}

/// Both modes give the expected node.
#[track_caller]
fn check(g: &mut Graph, root: NodeId, wrt: NodeId, expected: NodeId) {
    for mode in [Mode::Reverse, Mode::Forward] {
        let options = Options { mode: Some(mode), ..Options::default() };
        let found = derivative(g, root, wrt, options).unwrap();
        assert_eq!(found, expected, "{mode:?}: {:?}\nexpected {:?}", g.node(found), g.node(expected));
    }
}

#[test]
fn quadratic_form() {
    let Names { mut g, a, x, s, .. } = names();
    let root = einsum(&mut g, "i,ij,j->", &[x, a, x]);
    let (left, right) = (einsum(&mut g, "ij,j->i", &[a, x]), einsum(&mut g, "ji,j->i", &[a, x]));
    let gradient = combine(&mut g, &[(1, left), (1, right)]);
    check(&mut g, root, x, gradient);
    let transposed = g.transpose(a);
    let hessian = combine(&mut g, &[(1, a), (1, transposed)]);
    check(&mut g, gradient, x, hessian);
    let by_a = einsum(&mut g, "i,j->ij", &[x, x]);
    check(&mut g, root, a, by_a);
    // a symmetric matrix merges the two
    let root = einsum(&mut g, "i,ij,j->", &[x, s, x]);
    let sx = einsum(&mut g, "ij,j->i", &[s, x]);
    let gradient = combine(&mut g, &[(2, sx)]);
    check(&mut g, root, x, gradient);
}

#[test]
fn trace_of_a_cube() {
    let Names { mut g, xx, .. } = names();
    let root = einsum(&mut g, "ij,jk,ki->", &[xx, xx, xx]);
    let square = einsum(&mut g, "ik,kj->ji", &[xx, xx]);
    let expected = combine(&mut g, &[(3, square)]);
    check(&mut g, root, xx, expected);
}

#[test]
fn determinants() {
    let Names { mut g, xx, .. } = names();
    let inverse = g.matrix(MatrixOp::Inverse, &[xx]);
    let turned = g.transpose(inverse);
    let root = g.matrix(MatrixOp::LogDet, &[xx]);
    check(&mut g, root, xx, turned);
    let det = g.matrix(MatrixOp::Det, &[xx]);
    let expected = g.multiply_scalar(det, turned);
    check(&mut g, det, xx, expected);
    // det(X)·inv(X)_ji by X again
    let two = einsum(&mut g, ",ji,lk->ijkl", &[det, inverse, inverse]);
    let other = einsum(&mut g, ",jk,li->ijkl", &[det, inverse, inverse]);
    let second = combine(&mut g, &[(1, two), (-1, other)]);
    check(&mut g, expected, xx, second);
}

#[test]
fn inverse_and_its_trace() {
    let Names { mut g, a, xx, .. } = names();
    let inverse = g.matrix(MatrixOp::Inverse, &[xx]);
    let tensor = einsum(&mut g, "ik,lj->ijkl", &[inverse, inverse]);
    let expected = combine(&mut g, &[(-1, tensor)]);
    check(&mut g, inverse, xx, expected);
    let root = einsum(&mut g, "ij,ji->", &[a, inverse]);
    let product = einsum(&mut g, "ik,kl,lj->ji", &[inverse, a, inverse]);
    let expected = combine(&mut g, &[(-1, product)]);
    check(&mut g, root, xx, expected);
}

#[test]
fn exponential_of_a_product() {
    let Names { mut g, a, x, .. } = names();
    let ax = g.matmul(a, x);
    let e = g.map(MapOp::Exp, &[ax]);
    let root = g.sum_axes(e, &[0]);
    let expected = einsum(&mut g, "ij,i->j", &[a, e]);
    check(&mut g, root, x, expected);
    let hessian = einsum(&mut g, "ij,i,ik->jk", &[a, e, a]);
    check(&mut g, expected, x, hessian);
    let jacobian = einsum(&mut g, "i,ij->ij", &[e, a]);
    check(&mut g, e, x, jacobian);
}

#[test]
fn least_squares() {
    let Names { mut g, a, x, y, .. } = names();
    let ax = g.matmul(a, x);
    let e = g.subtract(y, ax);
    let root = einsum(&mut g, "i,i->", &[e, e]);
    let back = einsum(&mut g, "i,ij->j", &[e, a]);
    let expected = combine(&mut g, &[(-2, back)]);
    check(&mut g, root, x, expected);
    let gram = einsum(&mut g, "ki,kj->ij", &[a, a]);
    let hessian = combine(&mut g, &[(2, gram)]);
    check(&mut g, expected, x, hessian);
}

#[test]
fn logistic_regression() {
    let Names { mut g, a, x, y, .. } = names();
    let margin = einsum(&mut g, "i,ij,j->i", &[y, a, x]);
    let minus = g.negate(margin);
    let loss = g.map(MapOp::Softplus, &[minus]);
    let root = g.sum_axes(loss, &[0]);
    let sigmoid = g.map(MapOp::Sigmoid, &[minus]);
    let other = g.map(MapOp::Sigmoid, &[margin]);
    let back = einsum(&mut g, "i,i,ij->j", &[y, sigmoid, a]);
    let gradient = combine(&mut g, &[(-1, back)]);
    check(&mut g, root, x, gradient);
    let hessian = einsum(&mut g, "i,i,i,i,ij,ik->jk", &[y, y, sigmoid, other, a, a]);
    check(&mut g, gradient, x, hessian);
}

#[test]
fn along_a_direction_and_back() {
    let Names { mut g, a, b, xx, x, y, .. } = names();
    let n = g.axes(xx)[0];
    let dx = g.input("dX", &[n, n], false, &[]);
    let root = einsum(&mut g, "ij,jk,kl->il", &[xx, a, xx]);
    let (left, right) = (einsum(&mut g, "ij,jk,kl->il", &[dx, a, xx]), einsum(&mut g, "ij,jk,kl->il", &[xx, a, dx]));
    let expected = combine(&mut g, &[(1, left), (1, right)]);
    assert_eq!(pushforward(&mut g, root, xx, dx), Ok(expected));
    let (left, right) = (einsum(&mut g, "il,jk,kl->ij", &[b, a, xx]), einsum(&mut g, "ij,jk,il->kl", &[xx, a, b]));
    let expected = combine(&mut g, &[(1, left), (1, right)]);
    assert_eq!(pullback(&mut g, root, xx, b), Ok(expected));
    // what does not depend on the variable
    let root = g.matmul(a, x);
    let expected = g.zeros(&[n, n]);
    assert_eq!(derivative(&mut g, root, y, Options::default()), Ok(expected));
    assert!(derivative(&mut g, root, root, Options::default()).is_err());
}

#[test]
fn functions_of_a_scalar() {
    let Names { mut g, a, b, t, .. } = names();
    let tb = g.multiply_scalar(t, b);
    let m = g.add(a, tb);
    let inverse = g.matrix(MatrixOp::Inverse, &[m]);
    let product = einsum(&mut g, "ij,jk,kl->il", &[inverse, b, inverse]);
    let first = combine(&mut g, &[(-1, product)]);
    check(&mut g, inverse, t, first);
    let product = einsum(&mut g, "ij,jk,kl,lm,mn->in", &[inverse, b, inverse, b, inverse]);
    let second = combine(&mut g, &[(2, product)]);
    check_default(&mut g, first, t, second);
}

#[test]
fn matrix_exponential() {
    let Names { mut g, a, t, xx, .. } = names();
    let e = g.matrix(MatrixOp::Expm, &[xx]);
    let root = g.trace(e);
    let expected = g.transpose(e);
    check_default(&mut g, root, xx, expected);
    let ta = g.multiply_scalar(t, a);
    let e = g.matrix(MatrixOp::Expm, &[ta]);
    let expected = g.matmul(a, e);
    let found = derivative(&mut g, e, t, Options::default()).unwrap();
    assert_eq!(found, expected);
}

#[track_caller]
fn check_default(g: &mut Graph, root: NodeId, wrt: NodeId, expected: NodeId) {
    assert_eq!(derivative(g, root, wrt, Options::default()), Ok(expected));
}

#[test]
fn adjugate_cancels() {
    let Names { mut g, xx, .. } = names();
    let n = g.axes(xx)[0];
    // Σ_k X_2k adj(X)_k2 = det(X)
    let adj = g.matrix(MatrixOp::Adjugate, &[xx]);
    let two = g.sizes.constant(2);
    let hot = g.one_hot(two, n);
    let root = einsum(&mut g, "ik,kj,i,j->", &[xx, adj, hot, hot]);
    let (det, inverse) = (g.matrix(MatrixOp::Det, &[xx]), g.matrix(MatrixOp::Inverse, &[xx]));
    let expected = einsum(&mut g, ",ji->ij", &[det, inverse]);
    check(&mut g, root, xx, expected);
}

#[test]
fn one_symmetric_variable() {
    let Names { mut g, a, s, .. } = names();
    let root = einsum(&mut g, "ij,ji->", &[a, s]);
    let turned = g.transpose(a);
    let dims = g.axes(a).clone();
    let half = Rational::new(1, 2);
    let expected = g.sum(&[(half.clone(), a), (half, turned)], &dims);
    check(&mut g, root, s, expected);
}

#[test]
fn softmax_and_unit_vectors() {
    let Names { mut g, x, .. } = names();
    let lse = g.reduce(ReduceOp::LogSumExp, x, &[0]);
    let wide = g.broadcast_except(lse, x, &[0]);
    let difference = g.subtract(x, wide);
    let s = g.map(MapOp::Exp, &[difference]);
    check(&mut g, lse, x, s);
    let (own, outer) = (g.diag(s), einsum(&mut g, "i,j->ij", &[s, s]));
    let jacobian = combine(&mut g, &[(1, own), (-1, outer)]);
    check(&mut g, s, x, jacobian);
    let square = einsum(&mut g, "i,i->", &[x, x]);
    let inverse = g.power(square, &Rational::new(-1, 2));
    let unit = g.multiply_scalar(inverse, x);
    let n = g.axes(x)[0];
    let identity = g.identity(n);
    let first = g.multiply_scalar(inverse, identity);
    let cube = g.power(square, &Rational::new(-3, 2));
    let second = einsum(&mut g, ",i,j->ij", &[cube, x, x]);
    let expected = combine(&mut g, &[(1, first), (-1, second)]);
    check(&mut g, unit, x, expected);
}

#[test]
fn twelve_fold_trace() {
    let Names { mut g, a, xx, .. } = names();
    let ax = g.matmul(a, xx);
    let mut power = ax;
    for _ in 1..11 {
        power = g.matmul(power, ax);
    }
    let root = einsum(&mut g, "ij,ji->", &[power, ax]);
    let start = std::time::Instant::now();
    let found = derivative(&mut g, root, xx, Options::default()).unwrap();
    println!("tr((A*X)^12): {:?}", start.elapsed());
    let product = einsum(&mut g, "ij,jk->ki", &[power, a]);
    let expected = combine(&mut g, &[(12, product)]);
    assert_eq!(found, expected);
}

/// A chain of elementwise operations and a deep network: time per node does not grow.
#[test]
fn long_chains_are_linear() {
    let mut times = Vec::new();
    for length in [2_500, 10_000] {
        let Names { mut g, x, .. } = names();
        let mut u = x;
        for k in 0..length {
            u = g.map(if k % 2 == 0 { MapOp::Sin } else { MapOp::Tanh }, &[u]);
        }
        let root = g.sum_axes(u, &[0]);
        let before = g.len();
        let start = std::time::Instant::now();
        derivative(&mut g, root, x, Options::default()).unwrap();
        println!("{length} elementwise operations: {:?}, {} new nodes", start.elapsed(), g.len() - before);
        assert!(g.len() - before < 8 * length);
        times.push(start.elapsed());
    }
    let Names { mut g, a, x, .. } = names();
    let n = g.axes(x)[0];
    let mut u = x;
    for k in 0..100 {
        let w = g.input(&format!("W{k}"), &[n, n], false, &[]);
        let wu = g.matmul(w, u);
        u = g.map(MapOp::Tanh, &[wu]);
    }
    let root = einsum(&mut g, "i,i->", &[u, u]);
    let _ = a;
    let before = g.len();
    let start = std::time::Instant::now();
    derivative(&mut g, root, x, Options::default()).unwrap();
    println!("100 layers: {:?}, {} new nodes", start.elapsed(), g.len() - before);
    assert!(g.len() - before < 2000);
}
