//! Inverses of maps: affine steps and functions entry by entry, from the outside in.

use matgrad_syntax::Rational;

use super::tensor::sides;
use crate::diff::{self, Options};
use crate::graph::{Graph, MapOp, MatrixOp, Node, NodeId};

/// Steps of one map at most.
const MAX_STEPS: usize = 64;

/// x in terms of `y = root(x)`, where every step of the map has an inverse in closed form.
pub fn inverse(g: &mut Graph, root: NodeId, x: NodeId, y: NodeId) -> Option<NodeId> {
    let (mut at, mut value) = (root, y);
    for _ in 0..MAX_STEPS {
        if at == x {
            return Some(value);
        }
        (at, value) = match entrywise(g, at, value) {
            Some(step) => step,
            None => affine(g, at, x, value)?,
        };
    }
    None
}

/// A function entry by entry, or of one matrix, undone.
fn entrywise(g: &mut Graph, at: NodeId, y: NodeId) -> Option<(NodeId, NodeId)> {
    let (c, inner) = g.split(at);
    let scaled = |g: &mut Graph| c.recip().map(|r| g.scale(y, &r));
    match g.node(inner).clone() {
        Node::Map(op, args) if args.len() == 1 => {
            let y = scaled(g)?;
            let dims = g.axes(y).clone();
            let value = match op {
                MapOp::Exp => g.map(MapOp::Log, &[y]),
                MapOp::Log => g.map(MapOp::Exp, &[y]),
                MapOp::Sinh => g.map(MapOp::Asinh, &[y]),
                MapOp::Asinh => g.map(MapOp::Sinh, &[y]),
                MapOp::Tanh => g.map(MapOp::Atanh, &[y]),
                MapOp::Atanh => g.map(MapOp::Tanh, &[y]),
                MapOp::Atan => g.map(MapOp::Tan, &[y]),
                MapOp::Cbrt => g.power(y, &Rational::int(3)),
                MapOp::Sigmoid => {
                    // log(y/(1 - y))
                    let one = g.full(&dims, Rational::ONE);
                    let rest = g.subtract(one, y);
                    let (a, b) = (g.map(MapOp::Log, &[y]), g.map(MapOp::Log, &[rest]));
                    g.subtract(a, b)
                }
                MapOp::Softplus => {
                    // log(exp(y) - 1)
                    let one = g.full(&dims, Rational::ONE);
                    let growth = g.map(MapOp::Exp, &[y]);
                    let rest = g.subtract(growth, one);
                    g.map(MapOp::Log, &[rest])
                }
                _ => return None,
            };
            Some((args[0], value))
        }
        Node::Matrix(op, args) if args.len() == 1 => {
            let y = scaled(g)?;
            let value = match op {
                MatrixOp::Inverse => g.matrix(MatrixOp::Inverse, &[y]),
                MatrixOp::Cholesky => {
                    let transposed = g.transpose(y);
                    g.matmul(y, transposed)
                }
                _ => return None,
            };
            Some((args[0], value))
        }
        Node::Product(p) => {
            let [f] = p.factors.as_slice() else { return None };
            let plain = f.labels == p.out && p.out.iter().enumerate().all(|(k, l)| *l as usize == k);
            // even powers and roots of what may be negative have no inverse
            let odd = f.exponent.is_integer() && !f.exponent.is_even();
            if !plain || f.exponent.is_one() || !(odd || g.is_nonnegative(f.node) || !f.exponent.is_integer()) {
                return None;
            }
            let y = scaled(g)?;
            let root = f.exponent.recip()?;
            let value = if root == Rational::new(1, 3) { g.map(MapOp::Cbrt, &[y]) } else { g.power(y, &root) };
            if odd && root != Rational::new(1, 3) && !root.is_integer() && !g.is_nonnegative(f.node) {
                return None;
            }
            Some((f.node, value))
        }
        _ => None,
    }
}

/// `at = J*inner + b`: the inner step and its value `inv(J)*(y - b)`.
fn affine(g: &mut Graph, at: NodeId, x: NodeId, y: NodeId) -> Option<(NodeId, NodeId)> {
    let dims = g.axes(at).clone();
    let mut candidates: Vec<NodeId> = g.reachable(&[at]);
    // the innermost first: x itself, then what is made of it
    candidates.retain(|id| *id != at && g.axes(*id) == &dims);
    for inner in candidates {
        let carries = inner == x || matches!(g.node(inner), Node::Map(..) | Node::Matrix(..) | Node::Product(_));
        if !carries || g.reachable(&[inner]).binary_search(&x).is_err() {
            continue;
        }
        let u = g.input("(inner)", &dims, false, &[]);
        let map = [(inner, u)].into_iter().collect();
        let function = g.replace(at, &map);
        if g.reachable(&[function]).binary_search(&x).is_ok() {
            continue;
        }
        let Ok(jacobian) = diff::derivative(g, function, u, Options::default()) else { continue };
        if g.reachable(&[jacobian]).binary_search(&u).is_ok() {
            continue;
        }
        let zeros = g.zeros(&dims);
        let at_zero = [(u, zeros)].into_iter().collect();
        let shift = g.replace(function, &at_zero);
        let rest = g.subtract(y, shift);
        if let Some(value) = solved(g, jacobian, rest) {
            return Some((inner, value));
        }
    }
    None
}

/// `inv(J)*rest`.
fn solved(g: &mut Graph, jacobian: NodeId, rest: NodeId) -> Option<NodeId> {
    match g.rank(rest) {
        0 => {
            let reciprocal = g.power(jacobian, &Rational::int(-1));
            Some(g.hadamard(reciprocal, rest))
        }
        1 => {
            let inverse = super::matrix::inverse(g, jacobian);
            Some(g.matmul(inverse, rest))
        }
        2 => {
            let (c, inner) = g.split(jacobian);
            let Node::Product(p) = g.node(inner).clone() else { return None };
            let found = sides(g, &p)?;
            let mut value = g.scale(rest, &c.recip()?);
            if let Some(scalar) = found.scalar {
                let reciprocal = g.power(scalar, &Rational::int(-1));
                value = g.multiply_scalar(reciprocal, value);
            }
            for entrywise in &found.entrywise {
                let reciprocal = g.power(*entrywise, &Rational::int(-1));
                value = g.hadamard(reciprocal, value);
            }
            if let Some(left) = found.left {
                let inverse = g.matrix(MatrixOp::Inverse, &[left]);
                value = g.matmul(inverse, value);
            }
            if let Some(right) = found.right {
                let inverse = g.matrix(MatrixOp::Inverse, &[right]);
                let inverse = g.transpose(inverse);
                value = g.matmul(value, inverse);
            }
            Some(if found.transposed { g.transpose(value) } else { value })
        }
        _ => None,
    }
}
