//! Powers, absolute values and logarithms of scalars that are products.

use matgrad_syntax::{Attribute, Rational};

use super::function;
use super::matrix::{closed_parts, components};
use crate::graph::{Dim, DimPoly, Graph, MapOp, MatrixOp, Node, NodeId, Product, ProductBuilder, ReduceOp};

/// `base^dim` for a whole number `dim`: factor by factor.
pub(super) fn whole_power(g: &mut Graph, base: NodeId, dim: Dim, factor: i64) -> NodeId {
    if g.constant(base) == Some(Rational::int(-1)) {
        return sign_power(g, dim, factor);
    }
    if let Some(value) = g.sizes.value(dim).and_then(|value| value.checked_mul(factor)) {
        return g.power(base, &Rational::int(value));
    }
    let (c, rest) = g.split(base);
    let mut p = ProductBuilder::new();
    if !c.is_one() {
        let number = g.number(c);
        let power = raised(g, number, dim, factor);
        p.factor(power, &[]);
    }
    for (node, exponent) in factors(g, rest) {
        match exponent.to_i64().and_then(|e| e.checked_mul(factor)) {
            Some(exponent) => {
                let power = raised(g, node, dim, exponent);
                p.factor(power, &[]);
            }
            None => {
                // a root: as a whole
                let root = g.power(node, &exponent);
                let power = raised(g, root, dim, factor);
                p.factor(power, &[]);
            }
        }
    }
    p.build(g, &[])
}

/// Powers of -1 with exponents that are sums of dimensions, in their shortest form.
pub(super) fn merged_signs(g: &mut Graph, root: NodeId) -> NodeId {
    let mut map = rustc_hash::FxHashMap::default();
    for id in g.reachable(&[root]) {
        let Node::Map(MapOp::Pow, args) = g.node(id).clone() else { continue };
        if g.constant(args[0]) != Some(Rational::int(-1)) {
            continue;
        }
        let mut total = g.sizes.constant(0);
        let mut whole = true;
        for (c, term) in g.terms(args[1]).0 {
            match g.node(term) {
                Node::Size(dim) => {
                    let part = g.sizes.scale(*dim, &c);
                    total = g.sizes.add(total, part);
                }
                _ => whole = false,
            }
        }
        if whole {
            let short = sign_power(g, total, 1);
            map.insert(id, short);
        }
    }
    if map.is_empty() { root } else { g.replace(root, &map) }
}

/// `(-1)^(factor*dim)`: of the exponent only whether it is odd counts, and `n^2` is odd where `n` is.
fn sign_power(g: &mut Graph, dim: Dim, factor: i64) -> NodeId {
    let minus = g.number(Rational::int(-1));
    let one = g.number(Rational::ONE);
    if factor % 2 == 0 {
        return one;
    }
    let poly = g.sizes.poly(dim).clone();
    let mut least = DimPoly::default();
    if poly.0.iter().any(|(_, coefficient)| !coefficient.is_integer()) {
        least = poly;
    } else {
        for (monomial, coefficient) in poly.0 {
            let mut monomial = monomial;
            monomial.iter_mut().for_each(|(_, power)| *power = 1);
            if coefficient.is_even() {
                continue;
            }
            // an odd term twice is even
            match least.0.iter().position(|(own, _)| *own == monomial) {
                Some(twice) => {
                    least.0.remove(twice);
                }
                None => least.0.push((monomial, Rational::ONE)),
            }
        }
        least.0.sort();
    }
    let exponent = g.sizes.from_poly(least);
    match g.sizes.value(exponent) {
        Some(value) if value % 2 == 0 => one,
        Some(_) => minus,
        None => {
            let size = g.size(exponent);
            g.map(MapOp::Pow, &[minus, size])
        }
    }
}

fn raised(g: &mut Graph, base: NodeId, dim: Dim, factor: i64) -> NodeId {
    let size = g.size(dim);
    let exponent = g.scale(size, &Rational::int(factor));
    if let Node::Map(MapOp::Pow, args) = g.node(base) {
        let (inner, first) = (args[0], args[1]);
        let product = g.hadamard(first, exponent);
        return g.map(MapOp::Pow, &[inner, product]);
    }
    g.map(MapOp::Pow, &[base, exponent])
}

/// The scalar factors of a scalar with their exponents; anything else is one factor.
fn factors(g: &Graph, node: NodeId) -> Vec<(NodeId, Rational)> {
    match g.node(node) {
        Node::Product(p) if p.out.is_empty() && p.factors.iter().all(|f| f.labels.is_empty()) => {
            p.factors.iter().map(|f| (f.node, f.exponent.clone())).collect()
        }
        _ => vec![(node, Rational::ONE)],
    }
}

/// `|node|`, the bars around what may be negative.
pub fn absolute(g: &mut Graph, node: NodeId) -> NodeId {
    let (c, rest) = g.split(node);
    let mut p = ProductBuilder::new();
    p.scale(&c.abs());
    for (factor, exponent) in factors(g, rest) {
        let value = if exponent.is_even() { factor } else { bars(g, factor) };
        p.power(value, &[], exponent);
    }
    p.build(g, &[])
}

fn bars(g: &mut Graph, node: NodeId) -> NodeId {
    if is_positive(g, node) {
        return node;
    }
    match g.node(node).clone() {
        Node::Matrix(MatrixOp::Det, args)
            if g.as_input(args[0]).is_some_and(|input| input.attributes.contains(&Attribute::Orthogonal)) =>
        {
            g.number(Rational::ONE)
        }
        Node::Map(MapOp::Pow, args) if is_even(g, args[1]) => node,
        Node::Map(MapOp::Pow, args) => {
            let base = match g.constant(args[0]) {
                Some(c) => g.number(c.abs()),
                None => bars(g, args[0]),
            };
            if g.constant(base).is_some_and(|c| c.is_one()) {
                return base;
            }
            g.map(MapOp::Pow, &[base, args[1]])
        }
        Node::Reduce(ReduceOp::Prod, arg, axes) => {
            let inner = match g.node(arg).clone() {
                Node::Map(MapOp::Pow, args) => {
                    let base = g.map(MapOp::Abs, &[args[0]]);
                    g.map(MapOp::Pow, &[base, args[1]])
                }
                _ => g.map(MapOp::Abs, &[arg]),
            };
            g.reduce(ReduceOp::Prod, inner, &axes)
        }
        // a square root
        Node::Product(p) if p.factors.iter().all(|f| !f.exponent.is_integer()) && !p.factors.is_empty() => node,
        _ => g.map(MapOp::Abs, &[node]),
    }
}

/// Whether a scalar is above 0 by what is declared of its inputs.
fn is_positive(g: &mut Graph, node: NodeId) -> bool {
    match g.node(node) {
        Node::Map(MapOp::Exp | MapOp::Cosh | MapOp::Sigmoid, _) | Node::Size(_) | Node::Pi => true,
        Node::Matrix(MatrixOp::Det, args) => is_definite(g, args[0]),
        Node::Input(_) => g.as_input(node).is_some_and(|i| i.attributes.contains(&Attribute::Positive)),
        Node::Reduce(ReduceOp::Prod, arg, _) => all_positive(g, *arg),
        _ => false,
    }
}

/// Whether every entry is above 0: the diagonal of a Cholesky factor, quotients of what rises with what it rises with.
fn all_positive(g: &Graph, node: NodeId) -> bool {
    match g.node(node) {
        Node::Map(MapOp::Pow, args) => all_positive(g, args[0]),
        Node::Map(MapOp::Where, args) => {
            let one = g.constant(args[2]).is_some_and(|c| !c.is_negative() && !c.is_zero());
            one && function::is_rising_quotient(g, args[1])
        }
        Node::Map(MapOp::Exp | MapOp::Cosh | MapOp::Sigmoid | MapOp::Softplus, _) => true,
        Node::Product(p) => match p.factors.as_slice() {
            [f] => {
                p.out.len() == 1
                    && f.labels[..] == [p.out[0], p.out[0]]
                    && matches!(g.node(f.node), Node::Matrix(MatrixOp::Cholesky, _))
            }
            _ => false,
        },
        _ => false,
    }
}

fn is_definite(g: &Graph, node: NodeId) -> bool {
    match g.node(node) {
        Node::Matrix(MatrixOp::Inverse | MatrixOp::Sqrtm, args) => is_definite(g, args[0]),
        Node::Matrix(MatrixOp::Expm, _) => true,
        _ => g.as_input(node).is_some_and(|i| i.attributes.contains(&Attribute::Pd)),
    }
}

/// Whether an exponent is twice a whole number by its form.
fn is_even(g: &Graph, exponent: NodeId) -> bool {
    match g.node(exponent) {
        Node::Sum(terms, _) => terms.iter().all(|(c, n)| c.is_even() && matches!(g.node(*n), Node::Size(_))),
        _ => false,
    }
}

/// A sum of scalars in which closed parts cancel against powers of themselves: `x'*x/(x'*x)` is 1, `sum(softmax(x))` too.
pub(super) fn cancelled(g: &mut Graph, node: NodeId) -> NodeId {
    let (terms, dims) = g.terms(node);
    let mut sum = Vec::with_capacity(terms.len());
    for (c, term) in terms {
        let term = match g.node(term).clone() {
            Node::Product(p) if p.out.is_empty() => cancel_parts(g, &p).unwrap_or(term),
            _ => term,
        };
        sum.push((c, term));
    }
    g.sum(&sum, &dims)
}

fn cancel_parts(g: &mut Graph, p: &Product) -> Option<NodeId> {
    let groups = components(p);
    let parts = closed_parts(g, p, &groups);
    let mut left: Vec<(NodeId, Rational)> = Vec::new();
    for (group, value) in parts {
        let mut own = p.factors.iter().zip(&groups).filter(|(_, other)| **other == group).map(|(f, _)| f);
        let (node, exponent) = match (own.next(), own.next()) {
            (Some(f), None) if f.labels.is_empty() => (f.node, f.exponent.clone()),
            (Some(f), None) if f.exponent.is_one() && is_softmax(g, f.node) => continue,
            _ => (value, Rational::ONE),
        };
        match left.iter_mut().find(|(known, _)| *known == node) {
            Some((_, power)) => *power = &*power + &exponent,
            None => left.push((node, exponent)),
        }
    }
    if left.len() == p.factors.len() {
        return None;
    }
    let mut builder = ProductBuilder::new();
    for (node, exponent) in left {
        if !exponent.is_zero() {
            builder.power(node, &[], exponent);
        }
    }
    Some(builder.build(g, &[]))
}

/// Whether the entries of a node are those of `exp(u - logsumexp(u))`, over all axes.
fn is_softmax(g: &mut Graph, node: NodeId) -> bool {
    let Node::Map(MapOp::Exp, args) = g.node(node) else { return false };
    let arg = args[0];
    let (terms, dims) = g.terms(arg);
    let axes: Vec<u8> = (0..dims.len() as u8).collect();
    terms.iter().filter(|(c, _)| c.is_one()).any(|(_, u)| {
        let total = g.reduce(ReduceOp::LogSumExp, *u, &axes);
        let spread = g.broadcast_scalar(total, &dims);
        g.subtract(*u, spread) == arg
    })
}

/// `log|node|` as a sum.
pub fn log_absolute(g: &mut Graph, node: NodeId) -> NodeId {
    let (c, rest) = g.split(node);
    let mut terms = Vec::new();
    if !c.abs().is_one() {
        let number = g.number(c.abs());
        terms.push((Rational::ONE, g.map(MapOp::Log, &[number])));
    }
    for (factor, exponent) in factors(g, rest) {
        let log = log_of(g, factor);
        terms.push((exponent, log));
    }
    g.sum(&terms, &[])
}

fn log_of(g: &mut Graph, node: NodeId) -> NodeId {
    match g.node(node).clone() {
        Node::Map(MapOp::Exp, args) => args[0],
        Node::Map(MapOp::Pow, args) => {
            let log = match g.constant(args[0]) {
                Some(c) if c.abs().is_one() => return g.zeros(&[]),
                Some(c) => {
                    let number = g.number(c.abs());
                    g.map(MapOp::Log, &[number])
                }
                None => log_of(g, args[0]),
            };
            g.hadamard(args[1], log)
        }
        Node::Matrix(MatrixOp::Det, args) if is_definite(g, args[0]) => g.matrix(MatrixOp::LogDet, &[args[0]]),
        Node::Reduce(ReduceOp::Prod, arg, axes) => {
            let logs = match g.node(arg).clone() {
                Node::Map(MapOp::Exp, args) => args[0],
                Node::Map(MapOp::Where, args) if g.constant(args[2]).is_some_and(|c| c.is_one()) => {
                    let size = if all_positive(g, arg) { args[1] } else { g.map(MapOp::Abs, &[args[1]]) };
                    let log = g.map(MapOp::Log, &[size]);
                    let dims = g.axes(log).clone();
                    let zero = g.zeros(&dims);
                    g.map(MapOp::Where, &[args[0], log, zero])
                }
                Node::Map(MapOp::Pow, args) => {
                    let positive = all_positive(g, args[0]);
                    let size = if positive { args[0] } else { g.map(MapOp::Abs, &[args[0]]) };
                    let log = g.map(MapOp::Log, &[size]);
                    g.hadamard(args[1], log)
                }
                Node::Product(p)
                    if p.factors.iter().all(|f| f.labels == p.out)
                        && p.out.iter().enumerate().all(|(k, l)| *l as usize == k) =>
                {
                    // entry by entry: a sum of logarithms
                    let dims = g.axes(arg).clone();
                    let mut terms = Vec::new();
                    for f in &p.factors {
                        let log = match g.node(f.node).clone() {
                            Node::Map(MapOp::Exp, args) => args[0],
                            _ => {
                                let size = g.map(MapOp::Abs, &[f.node]);
                                g.map(MapOp::Log, &[size])
                            }
                        };
                        terms.push((f.exponent.clone(), log));
                    }
                    g.sum(&terms, &dims)
                }
                _ => {
                    let size = g.map(MapOp::Abs, &[arg]);
                    g.map(MapOp::Log, &[size])
                }
            };
            g.sum_axes(logs, &axes)
        }
        _ => {
            let size = bars(g, node);
            g.map(MapOp::Log, &[size])
        }
    }
}
