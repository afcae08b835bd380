//! Derivatives that respect the structure of their variable: entries that the structure ties together move together.
//!
//! For a symmetric X, with G the derivative whose entries are free, entry (k,l) becomes `G[k,l] + G[l,k]` off the diagonal
//! and `G[k,k]` on it (Petersen & Pedersen, *The Matrix Cookbook*, §2.8; Magnus & Neudecker, ch. 15, by duplication
//! matrices). For an orthogonal X it is the projection on the tangent space in the Euclidean metric, (G - X G' X)/2, and of
//! second order the Riemannian Hessian (Absil, Mahony & Sepulchre, *Optimization Algorithms on Matrix Manifolds*, §3.6, §5.5).

use matgrad_syntax::{Attribute, Rational};

use crate::graph::{Graph, Label, Labels, MapOp, MatrixOp, Node, NodeId, ProductBuilder};

/// How entries of a square variable hang together, for vec forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Tie {
    /// X = X'
    Symmetric,
    /// X = -X'
    Skew,
    /// 0 off the diagonal
    Diagonal,
    /// 0 above the diagonal
    Lower,
    /// 0 below the diagonal
    Upper,
    /// X'X = I: steps lie in the tangent space at X
    Orthogonal,
}

impl Tie {
    /// The tie that attributes mean, where they mean exactly one that is linear.
    pub fn of(attributes: &[Attribute]) -> Option<Tie> {
        let mut found = None;
        for attribute in attributes {
            let tie = match attribute {
                Attribute::Symmetric | Attribute::Pd | Attribute::Psd => Tie::Symmetric,
                Attribute::Skew => Tie::Skew,
                Attribute::Diagonal => Tie::Diagonal,
                Attribute::Lower => Tie::Lower,
                Attribute::Upper => Tie::Upper,
                Attribute::Positive | Attribute::Nonneg => continue,
                Attribute::Orthogonal => Tie::Orthogonal,
            };
            match found {
                None => found = Some(tie),
                // a diagonal matrix is symmetric and triangular
                Some(Tie::Symmetric | Tie::Lower | Tie::Upper) if tie == Tie::Diagonal => found = Some(tie),
                Some(Tie::Diagonal) if !matches!(tie, Tie::Skew | Tie::Orthogonal) => {}
                Some(known) if known == tie => {}
                Some(_) => return None,
            }
        }
        found
    }
}

/// A derivative with free entries, of whose terms the tie makes some equal, as shortly as that allows: `G[k,l]` and
/// `G[l,k]` have the same constrained derivative by a symmetric X, opposite ones by a skew X. `pairs` are the places of
/// the variable's axes; `length` measures a term.
pub fn settled(
    g: &mut Graph,
    node: NodeId,
    pairs: &[usize],
    tie: Tie,
    mut length: impl FnMut(&mut Graph, NodeId) -> u32,
) -> NodeId {
    let sign = match tie {
        Tie::Symmetric | Tie::Diagonal => Rational::ONE,
        Tie::Skew => Rational::int(-1),
        Tie::Lower | Tie::Upper | Tie::Orthogonal => return node,
    };
    let dims = g.axes(node).clone();
    let terms = match g.node(node) {
        Node::Sum(terms, _) => terms.clone(),
        _ => vec![(Rational::ONE, node)],
    };
    let mut chosen = Vec::with_capacity(terms.len());
    for (c, term) in terms {
        let mut variants = vec![(Rational::ONE, term)];
        for &at in pairs {
            for (known, variant) in variants.clone() {
                let (d, other) = {
                    let other = swapped(g, variant, at);
                    g.split(other)
                };
                let all = &(&known * &d) * &sign;
                if !variants.iter().any(|(_, v)| *v == other) {
                    variants.push((all, other));
                }
            }
        }
        let measured = variants.into_iter().map(|(d, v)| (length(g, v), v, d));
        let best = measured.min_by_key(|(length, v, _)| (*length, *v));
        chosen.extend(best.map(|(_, v, d)| (&c * &d, v)));
    }
    g.sum(&chosen, &dims)
}

/// Whether an attribute ties entries of the variable together.
pub fn is_structural(attribute: Attribute) -> bool {
    !matches!(attribute, Attribute::Positive | Attribute::Nonneg)
}

/// What is projected from both sides to the Riemannian Hessian of a function with the gradient G and the Hessian H by free
/// entries of an orthogonal X: `H[E] - E·(X'G + G'X)/2`, with the axes of H.
pub fn bent_hessian(g: &mut Graph, gradient: NodeId, hessian: NodeId, x: NodeId) -> NodeId {
    let mut p = ProductBuilder::new();
    let inner = p.labels_of(g, gradient);
    let other = p.label(g.axes(x)[1]);
    p.factor(x, &[inner[0], other]);
    p.factor(gradient, &inner);
    let product = p.build(g, &[other, inner[1]]);
    let turned = g.transpose(product);
    let dims = g.axes(product).clone();
    let both = g.sum(&[(Rational::ONE, product), (Rational::ONE, turned)], &dims);
    let mut p = ProductBuilder::new();
    let pair = p.labels_of(g, both);
    let row = p.label(g.axes(x)[0]);
    p.factor(both, &pair);
    let spread = p.build(g, &[row, pair[0], row, pair[1]]);
    let dims = g.axes(hessian).clone();
    g.sum(&[(Rational::ONE, hessian), (Rational::new(-1, 2), spread)], &dims)
}

/// The derivative `node` by an orthogonal variable, whose earlier derivatives have their axes at the places `earlier`, as
/// the covariant one: all its axes lie in the tangent space.
pub fn project(g: &mut Graph, node: NodeId, earlier: &[usize], x: NodeId, attributes: &[Attribute]) -> NodeId {
    if !attributes.contains(&Attribute::Orthogonal) {
        return node;
    }
    earlier.iter().fold(node, |node, at| constrain(g, node, *at, x, &[Attribute::Orthogonal]))
}

/// The derivative `node`, whose axes `at` and `at+1` are those of the variable `x`, under its attributes.
pub fn constrain(g: &mut Graph, node: NodeId, at: usize, x: NodeId, attributes: &[Attribute]) -> NodeId {
    use Attribute::{Diagonal, Lower, Orthogonal, Pd, Psd, Skew, Symmetric, Upper};
    if g.rank(x) != 2 {
        return node;
    }
    let has = |wanted: &[Attribute]| attributes.iter().any(|a| wanted.contains(a));
    let mut node = node;
    if has(&[Diagonal]) {
        let already = g.rank(node) == 2 && is_diagonal(g, node, x);
        return if already { node } else { diagonal(g, node, at) };
    }
    if has(&[Lower]) {
        node = masked(g, node, at, true);
    }
    if has(&[Upper]) {
        node = masked(g, node, at, false);
    }
    let dims = g.axes(node).clone();
    if has(&[Skew]) {
        let other = swapped(g, node, at);
        return g.sum(&[(Rational::ONE, node), (Rational::int(-1), other)], &dims);
    }
    if has(&[Symmetric, Pd, Psd]) {
        let other = swapped(g, node, at);
        let twice = diagonal(g, node, at);
        return g.sum(&[(Rational::ONE, node), (Rational::ONE, other), (Rational::int(-1), twice)], &dims);
    }
    if has(&[Orthogonal]) {
        let reflected = reflected(g, node, at, x);
        let half = Rational::new(1, 2);
        return g.sum(&[(half.clone(), node), (-half, reflected)], &dims);
    }
    node
}

/// The step of `x` that moves what its structure ties to the entry where `unit` is 1: along it a derivative with free
/// entries gives the entry of the one that [`constrain`] makes.
pub fn tied(g: &mut Graph, unit: NodeId, x: NodeId, attributes: &[Attribute]) -> NodeId {
    use Attribute::{Diagonal, Lower, Orthogonal, Pd, Psd, Skew, Symmetric, Upper};
    if g.rank(x) != 2 {
        return unit;
    }
    let has = |wanted: &[Attribute]| attributes.iter().any(|a| wanted.contains(a));
    let mut unit = unit;
    if has(&[Diagonal]) {
        return diagonal(g, unit, 0);
    }
    if has(&[Lower]) {
        unit = masked(g, unit, 0, true);
    }
    if has(&[Upper]) {
        unit = masked(g, unit, 0, false);
    }
    let dims = g.axes(unit).clone();
    let (one, half) = (Rational::ONE, Rational::new(1, 2));
    let turned = g.transpose(unit);
    if has(&[Skew]) {
        return g.sum(&[(one, unit), (Rational::int(-1), turned)], &dims);
    }
    if has(&[Symmetric, Pd, Psd]) {
        let twice = diagonal(g, unit, 0);
        return g.sum(&[(one.clone(), unit), (one, turned), (Rational::int(-1), twice)], &dims);
    }
    if has(&[Orthogonal]) {
        let reflected = reflected(g, unit, 0, x);
        return g.sum(&[(half.clone(), unit), (-half, reflected)], &dims);
    }
    unit
}

fn swapped(g: &mut Graph, node: NodeId, at: usize) -> NodeId {
    let mut order: Vec<usize> = (0..g.rank(node)).collect();
    order.swap(at, at + 1);
    g.permute(node, &order)
}

/// Whether a matrix is diagonal where `x` is.
fn is_diagonal(g: &Graph, node: NodeId, x: NodeId) -> bool {
    let mut todo = vec![node];
    while let Some(id) = todo.pop() {
        match g.node(id) {
            _ if id == x => {}
            Node::Matrix(MatrixOp::Inverse, args) => todo.push(args[0]),
            Node::Sum(terms, _) => todo.extend(terms.iter().map(|(_, n)| *n)),
            Node::Product(p) => match p.out.as_slice() {
                [a, b] if a == b => {}
                // one matrix after another, with numbers in front
                _ => {
                    let factors = p.factors.iter().filter(|f| !f.labels.is_empty());
                    if factors
                        .clone()
                        .any(|f| f.labels.len() != 2 || !f.exponent.is_one() || f.labels[0] == f.labels[1])
                    {
                        return false;
                    }
                    let ends = |l: &Label| factors.clone().filter(|f| f.labels.contains(l)).count();
                    // a label that one factor has is a sum over its rows
                    let chain = (0..p.dims.len() as Label).all(|l| match ends(&l) {
                        1 => p.out.contains(&l),
                        uses => !p.out.contains(&l) && (uses == 0 || uses == 2),
                    });
                    if !chain || factors.clone().count() == 0 {
                        return false;
                    }
                    todo.extend(factors.map(|f| f.node));
                }
            },
            _ => return false,
        }
    }
    true
}

/// Only the entries with equal positions on the two axes.
fn diagonal(g: &mut Graph, node: NodeId, at: usize) -> NodeId {
    let mut p = ProductBuilder::new();
    let mut labels = Labels::new();
    for axis in 0..g.rank(node) {
        // a label of its own for the second axis would be summed over
        let label = if axis == at + 1 { labels[at] } else { p.label(g.axes(node)[axis]) };
        labels.push(label);
    }
    p.factor(node, &labels);
    p.build(g, &labels)
}

/// Only the entries on and below (above) the diagonal of the two axes.
fn masked(g: &mut Graph, node: NodeId, at: usize, lower: bool) -> NodeId {
    let (rows, cols) = (g.axes(node)[at], g.axes(node)[at + 1]);
    let mut numbers = [node; 2];
    for (axis, number) in numbers.iter_mut().enumerate() {
        let iota = g.iota(if axis == 0 { rows } else { cols });
        let mut p = ProductBuilder::new();
        let labels = [p.label(rows), p.label(cols)];
        p.factor(iota, &labels[axis..=axis]);
        *number = p.build(g, &labels);
    }
    if lower {
        numbers.reverse();
    }
    let mask = g.map(MapOp::LessEq, &numbers);
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    p.factor(mask, &labels[at..at + 2]);
    p.build(g, &labels)
}

/// `X G' X` on the two axes.
fn reflected(g: &mut Graph, node: NodeId, at: usize, x: NodeId) -> NodeId {
    let (rows, cols) = (g.axes(node)[at], g.axes(node)[at + 1]);
    let mut p = ProductBuilder::new();
    let inner = p.labels_of(g, node);
    let (k, l): (Label, Label) = (p.label(rows), p.label(cols));
    p.factor(node, &inner);
    p.factor(x, &[k, inner[at + 1]]);
    p.factor(x, &[inner[at], l]);
    let mut out = inner;
    (out[at], out[at + 1]) = (k, l);
    p.build(g, &out)
}
