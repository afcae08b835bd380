//! Functions of one entry: which bend how, and what of.

use super::Curvature::{Affine, Concave, Convex};
use super::composition::{Facts, Found, log_convex};
use crate::graph::{Graph, MapOp, Node, NodeId, ReduceOp};

pub(super) fn map(g: &Graph, facts: &Facts, op: MapOp, args: &[NodeId]) -> Found {
    let u = *args.first()?;
    let affine = facts.affine(u);
    match op {
        MapOp::Exp if facts.convex(u) => Some((Convex, "exp, convex and nondecreasing, of a convex function")),
        MapOp::Softplus if facts.convex(u) => {
            Some((Convex, "softplus, convex and nondecreasing, of a convex function"))
        }
        MapOp::Relu if facts.convex(u) => Some((Convex, "relu, convex and nondecreasing, of a convex function")),
        MapOp::Log if facts.concave(u) => Some((Concave, "log, concave and nondecreasing, of a concave function")),
        MapOp::Log if matches!(g.node(u), Node::Map(MapOp::Sigmoid, args) if facts.concave(args[0])) => {
            Some((Concave, "log-sigmoid, concave and nondecreasing, of a concave function"))
        }
        MapOp::Log if log_convex(g, facts, u) => Some((Convex, "the log of a sum of exponentials of convex functions")),
        MapOp::Abs if affine => Some((Convex, "the absolute value of an affine function")),
        MapOp::Abs if facts.convex(u) && facts.nonnegative(g, u) => {
            Some((Convex, "a convex function that is not negative"))
        }
        MapOp::Cosh if affine => Some((Convex, "cosh, convex, of an affine function")),
        MapOp::Lgamma if affine && facts.known.sign(u).nonnegative() => {
            Some((Convex, "lgamma, convex on the positive numbers, of an affine function"))
        }
        MapOp::Gamma if affine && facts.known.sign(u).nonnegative() => {
            Some((Convex, "gamma, convex on the positive numbers, of an affine function"))
        }
        MapOp::Max if args.iter().all(|a| facts.convex(*a)) => Some((Convex, "a maximum of convex functions")),
        MapOp::Min if args.iter().all(|a| facts.concave(*a)) => Some((Concave, "a minimum of concave functions")),
        MapOp::Pow => power(g, facts, u, *args.get(1)?),
        _ if args.iter().all(|a| facts.constant(*a)) => Some((Affine, "constant")),
        _ => None,
    }
}

/// `u^v` with an exponent that is no number: an exponential, or a geometric mean.
fn power(g: &Graph, facts: &Facts, u: NodeId, v: NodeId) -> Found {
    if facts.constant(u) && facts.affine(v) && facts.known.sign(u).nonnegative() {
        return Some((Convex, "an exponential of an affine function"));
    }
    let Node::Product(p) = g.node(v) else { return None };
    let [f] = p.factors.as_slice() else { return None };
    let Node::Size(n) = g.node(f.node) else { return None };
    if f.exponent != matgrad_syntax::Rational::int(-1) || !p.out.is_empty() {
        return None;
    }
    match g.node(u) {
        Node::Reduce(ReduceOp::Prod, arg, _)
            if g.axes(*arg).as_slice() == [*n] && facts.concave(*arg) && facts.known.sign(*arg).nonnegative() =>
        {
            Some((Concave, "a geometric mean of concave functions that are not negative"))
        }
        Node::Matrix(crate::graph::MatrixOp::Det, args)
            if g.axes(args[0]).first() == Some(n)
                && facts.affine(args[0])
                && facts.known.is_positive_definite(args[0]) =>
        {
            Some((Concave, "the n-th root of the determinant of an affine pd matrix"))
        }
        _ => None,
    }
}
