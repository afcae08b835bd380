//! The conditions that are stated, and those that hold anyway.

use matgrad_syntax::{Attribute, Rational};

use super::lab::{Draw, Lab};
use crate::diff::{ConditionKind, Options, derivative, domain};
use crate::graph::{MapOp, MatrixOp, NodeId, ReduceOp};

const ANY: Draw = Draw::Between(-1.0, 1.0);

/// The conditions of a function and its derivative.
#[track_caller]
fn check(lab: &mut Lab, root: NodeId, wrt: NodeId, expected: &[(ConditionKind, NodeId)]) {
    let d = derivative(&mut lab.g, root, wrt, Options::default()).unwrap();
    let found = domain(&mut lab.g, &[root, d], Some(wrt));
    let found: Vec<_> = found.iter().map(|c| (c.kind, c.node)).collect();
    assert_eq!(found, expected);
}

#[test]
fn entries() {
    let mut lab = Lab::new(1);
    let (x, y) = (lab.input("x", "n", ANY), lab.input("y", "n", ANY));
    let p = lab.attributed("p", "n", ANY, &[Attribute::Positive]);
    for (input, expected) in [(x, vec![(ConditionKind::Positive, x)]), (p, vec![])] {
        let root = lab.g.map(MapOp::Log, &[input]);
        check(&mut lab, root, input, &expected);
        let root = lab.g.power(input, &Rational::new(1, 2));
        check(&mut lab, root, input, &expected);
    }
    let root = lab.g.power(x, &Rational::int(-2));
    check(&mut lab, root, x, &[(ConditionKind::NonZero, x)]);
    for op in [MapOp::Abs, MapOp::Relu] {
        let root = lab.g.map(op, &[x]);
        check(&mut lab, root, x, &[(ConditionKind::NotAtKink, x)]);
    }
    let root = lab.g.map(MapOp::Max, &[x, y]);
    let difference = lab.g.subtract(x, y);
    check(&mut lab, root, x, &[(ConditionKind::NotAtKink, difference)]);
    let root = lab.g.reduce(ReduceOp::Max, x, &[0]);
    check(&mut lab, root, x, &[(ConditionKind::UniqueExtremum, x)]);
    // a norm, and a norm that is no longer at 0
    let square = lab.g.hadamard(x, x);
    let square = lab.g.sum_axes(square, &[0]);
    let norm = lab.g.power(square, &Rational::new(1, 2));
    check(&mut lab, norm, x, &[(ConditionKind::NotAllZero, x)]);
    let one = lab.g.number(Rational::ONE);
    let more = lab.g.add(one, square);
    for root in [lab.g.power(more, &Rational::new(1, 2)), lab.g.map(MapOp::Log, &[more])] {
        check(&mut lab, root, x, &[]);
    }
    // kinks of what the variable does not move
    let other = lab.g.map(MapOp::Abs, &[y]);
    let root = lab.g.hadamard(other, x);
    check(&mut lab, root, x, &[]);
}

/// What only the diagonal takes part in asks nothing of the other entries.
#[test]
fn diagonals() {
    let mut lab = Lab::new(3);
    let a = lab.input("A", "nn", ANY);
    let diagonal = lab.g.diagonal(a);
    let log = lab.g.map(MapOp::Log, &[diagonal]);
    let root = lab.g.sum_axes(log, &[0]);
    check(&mut lab, root, a, &[(ConditionKind::Positive, diagonal)]);
    let inverses = lab.g.power(diagonal, &Rational::int(-1));
    check(&mut lab, inverses, a, &[(ConditionKind::NonZero, diagonal)]);
}

#[test]
fn matrices() {
    let mut lab = Lab::new(2);
    let (x, a) = (lab.input("X", "nn", ANY), lab.input("A", "mn", ANY));
    let s = lab.attributed("S", "nn", Draw::Definite, &[Attribute::Pd]);
    let root = lab.g.matrix(MatrixOp::Inverse, &[x]);
    check(&mut lab, root, x, &[(ConditionKind::Invertible, x)]);
    let root = lab.g.matrix(MatrixOp::LogDet, &[x]);
    check(&mut lab, root, x, &[(ConditionKind::DetPositive, x)]);
    let det = lab.g.matrix(MatrixOp::Det, &[x]);
    let root = lab.g.map(MapOp::Log, &[det]);
    check(&mut lab, root, x, &[(ConditionKind::DetPositive, x)]);
    let root = lab.g.matrix(MatrixOp::Cholesky, &[x]);
    check(&mut lab, root, x, &[(ConditionKind::PositiveDefinite, x)]);
    // X'*X is only semidefinite; with a positive multiple of the identity, or around S, it is definite
    let turned = lab.g.transpose(a);
    let gram = lab.g.matmul(turned, a);
    let root = lab.g.matrix(MatrixOp::LogDet, &[gram]);
    check(&mut lab, root, a, &[(ConditionKind::DetPositive, gram)]);
    let n = lab.g.axes(x)[0];
    let identity = lab.g.identity(n);
    for more in [identity, s] {
        let sum = lab.g.add(gram, more);
        let root = lab.g.matrix(MatrixOp::LogDet, &[sum]);
        check(&mut lab, root, a, &[]);
    }
    let middle = lab.g.matmul(a, s);
    let middle = lab.g.matmul(middle, turned);
    let m = lab.g.axes(a)[0];
    let identity = lab.g.identity(m);
    let sum = lab.g.add(middle, identity);
    let root = lab.g.matrix(MatrixOp::Inverse, &[sum]);
    check(&mut lab, root, a, &[]);
    for op in [MatrixOp::Inverse, MatrixOp::LogDet, MatrixOp::Cholesky, MatrixOp::Sqrtm, MatrixOp::Logm] {
        let root = lab.g.matrix(op, &[s]);
        check(&mut lab, root, s, &[]);
    }
}
