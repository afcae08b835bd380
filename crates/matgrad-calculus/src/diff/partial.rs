//! The partial derivative of a node by each of its children: products, sums, literals, abstract functions, and where to
//! find the other families.

use matgrad_syntax::Rational;
use smallvec::{SmallVec, smallvec};

use crate::graph::{Dim, Dims, Factor, FunctionId, Graph, Label, Labels, Node, NodeId, Product};

use super::linear::{Linear, Term};
use super::rules::Rule;
use super::{DiffError, Options, elementwise, matrix, reduce};

pub(super) const VARIABLE: Rule =
    Rule { name: "variable", chinese: "变量", statement: "d X = dX; d A = 0 for any other A", source: "definition" };
pub(super) const CONSTANT: Rule =
    Rule { name: "constant", chinese: "常数", statement: "d c = 0", source: "definition" };
pub(super) const SUM: Rule = Rule {
    name: "sum",
    chinese: "线性",
    statement: "d (a*U + b*V) = a*dU + b*dV for numbers a, b",
    source: "elementary calculus",
};
pub(super) const PRODUCT: Rule = Rule {
    name: "product",
    chinese: "乘积法则",
    statement: "d (U*V) = dU*V + U*dV, for every product, contraction, transpose, trace, diagonal and power",
    source: "Laue, Mitterreiter, Giesen, A Simple and Efficient Tensor Calculus (2020)",
};
pub(super) const STACK: Rule =
    Rule { name: "entries side by side", chinese: "分块", statement: "d [u; v] = [du; dv]", source: "definition" };
pub(super) const CALL: Rule = Rule {
    name: "chain rule",
    chinese: "链式法则",
    statement: "d f(u, v) = f_1'(u, v)*du + f_2'(u, v)*dv",
    source: "elementary calculus",
};

/// Derivatives by so many arguments stand in the order of the arguments.
const MAX_ORDERED: usize = 8;

/// The children of a node, one a slot; the same child may be in several.
pub(super) fn slots(g: &Graph, id: NodeId) -> SmallVec<[NodeId; 8]> {
    let mut children = SmallVec::new();
    g.for_each_child(id, |child| children.push(child));
    children
}

/// `∂id/∂(child in slot)`.
pub(super) fn partial(
    g: &mut Graph,
    id: NodeId,
    slot: usize,
    options: &Options,
    wrt: NodeId,
) -> Result<Linear, DiffError> {
    Ok(match g.node(id) {
        Node::Product(p) => product(p, slot),
        Node::Sum(terms, _) => Linear::Scaled(terms[slot].0.clone()),
        Node::Map(op, args) => {
            let (op, args) = (*op, args.clone());
            elementwise::partial(g, id, op, &args, slot)?
        }
        Node::Reduce(op, arg, axes) => {
            let (op, arg, axes) = (*op, *arg, axes.clone());
            reduce::partial(g, id, op, arg, &axes)
        }
        Node::Matrix(op, args) => {
            let (op, args) = (*op, args.clone());
            matrix::partial(g, id, op, &args, slot, options, wrt)
        }
        Node::Stack(axis, _) => piece(g, id, *axis, slot),
        Node::Call(function, derivative, args) => {
            let (function, derivative, args) = (*function, derivative.clone(), args.clone());
            call(g, function, &derivative, &args, slot)
        }
        _ => Linear::Zero,
    })
}

/// `f·g·…`: a factor `c^e` goes to `e·c^(e-1)`, the others stay, under the labels they have.
fn product(p: &Product, slot: usize) -> Linear {
    let Factor { node, labels: child, exponent } = p.factors[slot].clone();
    let mut factors = p.factors.clone();
    if exponent.is_one() {
        factors.remove(slot);
    } else {
        let lower = &exponent + &Rational::int(-1);
        factors[slot] = Factor { node, labels: child.clone(), exponent: lower };
    }
    Linear::Terms(vec![Term::new(exponent, factors, &p.dims, p.out.clone(), child)])
}

/// A piece of a literal: 1 where the position is the piece's.
fn piece(g: &mut Graph, id: NodeId, axis: u8, slot: usize) -> Linear {
    let Node::Stack(_, parts) = g.node(id) else { return Linear::Zero };
    let mine = parts[slot].extent;
    // thin pieces and those of known extent are counted as numbers, so that long literals stay cheap
    let (mut count, mut named): (i64, SmallVec<[Dim; 4]>) = (0, SmallVec::new());
    for part in &parts[..slot] {
        match part.extent.map(|extent| (extent, g.sizes.value(extent))) {
            None => count += 1,
            Some((_, Some(value))) => count += value,
            Some((extent, None)) => named.push(extent),
        }
    }
    let counted = g.sizes.constant(count);
    let before = named.into_iter().fold(counted, |sum, extent| g.sizes.add(sum, extent));
    let mut dims: Dims = g.axes(id).clone();
    let out: Labels = (0..dims.len() as Label).collect();
    let mut child = out.clone();
    let (total, along) = (dims[axis as usize], Label::from(axis));
    let selector = match mine {
        None => {
            let one = g.sizes.constant(1);
            let at = g.sizes.add(before, one);
            child.remove(axis as usize);
            Factor { node: g.one_hot(at, total), labels: smallvec![along], exponent: Rational::ONE }
        }
        Some(extent) => {
            let inside = dims.len() as Label;
            dims.push(extent);
            child[axis as usize] = inside;
            let node = g.shift(before, extent, total);
            Factor { node, labels: smallvec![inside, along], exponent: Rational::ONE }
        }
    };
    Linear::Terms(vec![Term::new(Rational::ONE, vec![selector], &dims, out, child)])
}

/// An abstract function: the derivative by that argument, counted from 0.
fn call(g: &mut Graph, function: FunctionId, derivative: &[u8], args: &[NodeId], slot: usize) -> Linear {
    // by the arguments before this one too, so that sums have them in their order
    let by = |k: usize| derivative.iter().copied().chain([k as u8]).collect::<Vec<u8>>();
    for k in 0..slot.min(MAX_ORDERED) {
        g.call(function, &by(k), args);
    }
    let node = g.call(function, &by(slot), args);
    if let Some(domain) = g.function_info(function).domain.clone() {
        let dims: Vec<Dim> = g.axes(node).to_vec();
        let all: Labels = (0..dims.len() as Label).collect();
        let (own, by) = all.split_at(dims.len() - domain.len());
        let batch = g.rank(args[0]) - domain.len();
        let child = own[..batch].iter().chain(by).copied().collect();
        let factor = Factor { node, labels: all.clone(), exponent: Rational::ONE };
        return Linear::Terms(vec![Term::new(Rational::ONE, vec![factor], &dims, Labels::from_slice(own), child)]);
    }
    let dims: Vec<Dim> = g.axes(node).to_vec();
    let out: Labels = (0..dims.len() as Label).collect();
    let child = out[..g.rank(args[slot])].iter().copied().collect();
    let factor = Factor { node, labels: out.clone(), exponent: Rational::ONE };
    Linear::Terms(vec![Term::new(Rational::ONE, vec![factor], &dims, out, child)])
}
