//! Determinants of maps between matrices, from the tensor `∂F[i,j]/∂X[k,l]`.

use matgrad_syntax::Rational;

use super::matrix::{self, components, outer_factors};
use super::scalar::whole_power;
use crate::graph::{Dim, Graph, Label, MatrixOp, Node, NodeId, Product, ProductBuilder, ReduceOp};

/// A map `dX -> W .* (P*dX*Q')`, or `W .* (P*dX'*Q')`, with a scalar.
pub(super) struct Sides {
    /// The product of all scalars.
    pub scalar: Option<NodeId>,
    /// Entrywise factors on the function's entries and on the variable's.
    pub entrywise: Vec<NodeId>,
    /// P with axes `i, k` (or `i, l`); `None` is the identity.
    pub left: Option<NodeId>,
    /// Q with axes `j, l` (or `j, k`).
    pub right: Option<NodeId>,
    /// Whether the step is transposed.
    pub transposed: bool,
}

pub(super) fn determinant(g: &mut Graph, node: NodeId) -> Option<NodeId> {
    let axes = g.axes(node).clone();
    let (p, q) = (axes[0], axes[1]);
    let (c, rest) = g.split(node);
    let all = g.sizes.mul(p, q);
    if !c.is_one() && !c.is_zero() {
        let det = determinant(g, rest)?;
        let number = g.number(c);
        let power = whole_power(g, number, all, 1);
        return Some(g.hadamard(power, det));
    }
    match g.node(node).clone() {
        Node::Product(product) => {
            let sides = sides(g, &product)?;
            Some(of_sides(g, &sides, p, q))
        }
        Node::Sum(terms, _) if terms.len() > 1 => of_sum(g, &terms, p, q),
        _ => None,
    }
}

/// `s^(pq)*det(P)^q*det(Q)^p*prod(W)`.
fn of_sides(g: &mut Graph, sides: &Sides, p: Dim, q: Dim) -> NodeId {
    let all = g.sizes.mul(p, q);
    let mut product = ProductBuilder::new();
    if let Some(scalar) = sides.scalar {
        let power = whole_power(g, scalar, all, 1);
        product.factor(power, &[]);
    }
    for entrywise in &sides.entrywise {
        let value = g.reduce(ReduceOp::Prod, *entrywise, &[0, 1]);
        product.factor(value, &[]);
    }
    for (matrix, dim) in [(sides.left, q), (sides.right, p)] {
        if let Some(matrix) = matrix {
            let det = matrix::determinant(g, matrix);
            let power = whole_power(g, det, dim, 1);
            product.factor(power, &[]);
        }
    }
    if sides.transposed {
        let sign = commutation_sign(g, p, q);
        product.factor(sign, &[]);
    }
    product.build(g, &[])
}

/// `det(commutation(m,n)) = (-1)^(m*(m-1)*n*(n-1)/4)`.
fn commutation_sign(g: &mut Graph, m: Dim, n: Dim) -> NodeId {
    let half = |g: &mut Graph, n: Dim| {
        let triangle = g.sizes.triangle(n);
        g.sizes.sub(triangle, n)
    };
    let (a, b) = (half(g, m), half(g, n));
    // an exponent that is a square is odd where its root is
    let exponent = if a == b { a } else { g.sizes.mul(a, b) };
    let minus = g.number(Rational::int(-1));
    whole_power(g, minus, exponent, 1)
}

/// Reads a product with axes `i, j, k, l`.
pub(super) fn sides(g: &mut Graph, p: &Product) -> Option<Sides> {
    let [i, j, k, l] = p.out[..] else { return None };
    if i == j || k == l {
        return None;
    }
    let dim = |label: Label| p.dims[label as usize];
    let mut rest = p.clone();
    let mut entrywise = Vec::new();
    let mut scalar = ProductBuilder::new();
    let mut scalars = false;
    rest.factors.retain(|f| {
        let within = |a: Label, b: Label| f.labels.len() == 2 && f.labels.contains(&a) && f.labels.contains(&b);
        if f.labels.is_empty() {
            scalar.power(f.node, &[], f.exponent.clone());
            scalars = true;
            return false;
        }
        // with i = k and j = l these are one and the same
        let on = if within(i, j) {
            Some((i, j))
        } else if within(k, l) {
            Some((k, l))
        } else {
            None
        };
        match on {
            Some((a, b)) => {
                let mut builder = ProductBuilder::new();
                let (x, y) = (builder.label(dim(a)), builder.label(dim(b)));
                let labels: Vec<Label> = f.labels.iter().map(|label| if *label == a { x } else { y }).collect();
                builder.power(f.node, &labels, f.exponent.clone());
                entrywise.push((builder, [x, y]));
                false
            }
            None => true,
        }
    });
    let entrywise: Vec<NodeId> = entrywise.into_iter().map(|(builder, out)| builder.build(g, &out)).collect();
    let groups = components(&rest);
    let joined = |a: Label, b: Label| {
        a == b || {
            let of = |label: Label| rest.factors.iter().position(|f| f.labels.contains(&label)).map(|k| groups[k]);
            of(a).is_some() && of(a) == of(b)
        }
    };
    let transposed = if joined(i, k) && joined(j, l) && !joined(i, j) {
        false
    } else if joined(i, l) && joined(j, k) && !joined(i, j) {
        true
    } else {
        return None;
    };
    let (first, second) = if transposed { ([i, l], [j, k]) } else { ([i, k], [j, l]) };
    if dim(first[0]) != dim(first[1]) || dim(second[0]) != dim(second[1]) {
        return None;
    }
    let mut builders =
        [(); 2].map(|()| ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() });
    for (f, group) in rest.factors.iter().zip(&groups) {
        let touches = |side: [Label; 2]| {
            rest.factors.iter().zip(&groups).any(|(f, g)| g == group && f.labels.iter().any(|l| side.contains(l)))
        };
        if touches(first) {
            builders[0].factors.push(f.clone());
        } else if touches(second) {
            builders[1].factors.push(f.clone());
        } else {
            // a closed part: a scalar
            let mut closed = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
            closed
                .factors
                .extend(rest.factors.iter().zip(&groups).filter(|(_, g)| *g == group).map(|(f, _)| f.clone()));
            let head = rest.factors.iter().zip(&groups).position(|(_, g)| g == group);
            if head.is_some_and(|head| std::ptr::eq(&rest.factors[head], f)) {
                closed.forget_unused(&[]);
                let value = closed.build(g, &[]);
                scalar.factor(value, &[]);
                scalars = true;
            }
        }
    }
    let [mut a, mut b] = builders;
    a.forget_unused(&first);
    b.forget_unused(&second);
    let (a, b) = (a.build(g, &first), b.build(g, &second));
    let scalar = if scalars { Some(scalar.build(g, &[])) } else { None };
    Some(Sides {
        scalar,
        entrywise,
        left: (!g.is_identity(a)).then_some(a),
        right: (!g.is_identity(b)).then_some(b),
        transposed,
    })
}

fn of_sum(g: &mut Graph, terms: &[(Rational, NodeId)], p: Dim, q: Dim) -> Option<NodeId> {
    if let Some(det) = of_entries(g, terms, p, q).or_else(|| of_common_side(g, terms, p, q)) {
        return Some(det);
    }
    of_rank_one(g, terms, p, q)
}

/// Entry by entry: the product of the factors of all entries.
fn of_entries(g: &mut Graph, terms: &[(Rational, NodeId)], p: Dim, q: Dim) -> Option<NodeId> {
    let mut factors = Vec::new();
    for (c, term) in terms {
        let Node::Product(product) = g.node(*term).clone() else { return None };
        let read = sides(g, &product)?;
        if read.left.is_some() || read.right.is_some() || read.transposed {
            return None;
        }
        let mut value = g.ones(&[p, q]);
        for entrywise in read.entrywise {
            value = g.hadamard(value, entrywise);
        }
        if let Some(scalar) = read.scalar {
            value = g.multiply_scalar(scalar, value);
        }
        factors.push((c.clone(), value));
    }
    let total = g.sum(&factors, &[p, q]);
    Some(match g.constant(total) {
        Some(c) => {
            let (all, number) = (g.sizes.mul(p, q), g.number(c));
            whole_power(g, number, all, 1)
        }
        None => g.reduce(ReduceOp::Prod, total, &[0, 1]),
    })
}

/// `A*dX*Q' + B*dX*Q' = (A + B)*dX*Q'`.
fn of_common_side(g: &mut Graph, terms: &[(Rational, NodeId)], p: Dim, q: Dim) -> Option<NodeId> {
    let mut read = Vec::new();
    for (c, term) in terms {
        let Node::Product(product) = g.node(*term).clone() else { return None };
        let sides = sides(g, &product)?;
        if !sides.entrywise.is_empty() {
            return None;
        }
        read.push((c.clone(), sides));
    }
    let transposed = read[0].1.transposed;
    if read.iter().any(|(_, s)| s.transposed != transposed) {
        return None;
    }
    let same_right = read.iter().all(|(_, s)| s.right == read[0].1.right);
    let same_left = read.iter().all(|(_, s)| s.left == read[0].1.left);
    if !same_right && !same_left {
        return None;
    }
    let n = if same_right { p } else { q };
    let mut summands = Vec::new();
    for (c, s) in &read {
        let side = if same_right { s.left } else { s.right };
        let matrix = side.unwrap_or_else(|| g.identity(n));
        let scaled = match s.scalar {
            Some(scalar) => g.multiply_scalar(scalar, matrix),
            None => matrix,
        };
        summands.push((c.clone(), scaled));
    }
    let total = g.sum(&summands, &[n, n]);
    let (left, right) = if same_right { (Some(total), read[0].1.right) } else { (read[0].1.left, Some(total)) };
    let sides = Sides { scalar: None, entrywise: Vec::new(), left, right, transposed };
    Some(of_sides(g, &sides, p, q))
}

/// One term `U*tr(V'*dX)` beside a map that can be inverted: the matrix determinant lemma.
fn of_rank_one(g: &mut Graph, terms: &[(Rational, NodeId)], p: Dim, q: Dim) -> Option<NodeId> {
    let at = terms.iter().position(|(_, term)| outer_factors(g, *term, 2).is_some())?;
    let (c, term) = terms[at].clone();
    let (u, v) = outer_factors(g, term, 2)?;
    let rest: Vec<(Rational, NodeId)> =
        terms.iter().enumerate().filter(|(k, _)| *k != at).map(|(_, t)| t.clone()).collect();
    let [(scale, base)] = rest.as_slice() else { return None };
    let Node::Product(product) = g.node(*base).clone() else { return None };
    let sides = sides(g, &product)?;
    if sides.transposed {
        return None;
    }
    let all = g.sizes.mul(p, q);
    let number = g.number(scale.clone());
    let power = whole_power(g, number, all, 1);
    let det = of_sides(g, &sides, p, q);
    let det = g.hadamard(power, det);
    // inverse of the map, applied to U
    let mut solved = g.scale(u, &(&c * &scale.recip()?));
    if let Some(scalar) = sides.scalar {
        let inverse = g.power(scalar, &Rational::int(-1));
        solved = g.multiply_scalar(inverse, solved);
    }
    for entrywise in &sides.entrywise {
        let inverse = g.power(*entrywise, &Rational::int(-1));
        solved = g.hadamard(inverse, solved);
    }
    if let Some(left) = sides.left {
        let inverse = g.matrix(MatrixOp::Inverse, &[left]);
        solved = g.matmul(inverse, solved);
    }
    if let Some(right) = sides.right {
        let inverse = g.matrix(MatrixOp::Inverse, &[right]);
        let inverse = g.transpose(inverse);
        solved = g.matmul(solved, inverse);
    }
    let product = g.hadamard(v, solved);
    let inner = g.sum_axes(product, &[0, 1]);
    Some(matrix::updated(g, det, inner))
}
