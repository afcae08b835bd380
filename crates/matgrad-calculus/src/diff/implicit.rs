//! Implicit functions: an input `z` with `G(z, x) = 0` beside it depends on all that G depends on, by
//! `dz = -(∂G/∂z)^-1 ∂G/∂x dx`.
//!
//! In reverse there is one system with the transposed Jacobian for each unknown: the adjoint of `z` is carried over to
//! `λ = (∂G/∂z)^-T z̄`, and `-λ` is the adjoint of G. Unknowns are eliminated one after the other, so that definitions
//! may use one another in any order, even in a circle.

use matgrad_syntax::Rational;

use super::{DiffError, Mode, Options, derivative, explicit_pullback, explicit_pushforward, identity};
use crate::graph::{Dims, Graph, Label, MatrixOp, Node, NodeId, ProductBuilder};
use crate::infer::{Implicit, Rule};

/// More implicit definitions that one derivative goes through are refused.
const MAX_UNKNOWNS: usize = 32;

/// An unknown and what vanishes.
type Definition = (NodeId, NodeId);

/// Makes the implicit definitions of a script known to the graph; that of an extremum is that its gradient vanishes.
pub fn define_implicits(g: &mut Graph, implicits: &[Implicit]) -> Result<(), DiffError> {
    for implicit in implicits {
        let unknown = implicit.unknown.node;
        let residual = match implicit.rule {
            Rule::Vanishes(residual) => residual,
            Rule::Extremum { objective, minimum } => {
                let gradient = derivative(g, objective, unknown, Options::default())?;
                // the Hessian is positive definite either way
                if minimum { gradient } else { g.negate(gradient) }
            }
        };
        let alone = !implicits.iter().any(|other| {
            other.unknown.node != unknown
                && g.reachable(&[residual]).contains(&other.unknown.node)
                && match other.rule {
                    Rule::Vanishes(its) => g.reachable(&[its]).contains(&unknown),
                    Rule::Extremum { .. } => false,
                }
        });
        if alone && !g.reachable(&[residual]).contains(&unknown) {
            let name = &implicit.name;
            let message = match implicit.rule {
                Rule::Vanishes(_) => format!("the equation that defines `{name}` does not contain it"),
                Rule::Extremum { .. } => {
                    format!("the extremum is not determined: the gradient by `{name}` does not contain it")
                }
            };
            return Err(DiffError { message, node: unknown });
        }
        if g.rank(unknown) > 2 {
            let message = format!(
                "`{}` has three axes or more; only scalars, vectors and matrices are defined implicitly",
                implicit.name
            );
            return Err(DiffError { message, node: unknown });
        }
        g.define_implicit(unknown, residual);
    }
    Ok(())
}

/// The implicitly defined inputs through which a node depends on another input.
pub fn followers(g: &Graph, root: NodeId, wrt: NodeId) -> Vec<NodeId> {
    between(g, root, wrt).map(|list| list.into_iter().map(|(unknown, _)| unknown).collect()).unwrap_or_default()
}

/// What the definitions that a node needs say of equal values: `h(z, x)` and `z` of `z = h(z, x)`, in both directions
/// where neither side is the unknown.
pub fn equal_by_definition(g: &Graph, root: NodeId) -> Vec<(NodeId, NodeId)> {
    let mut pairs = Vec::new();
    for (unknown, residual) in g.implicits_of(&[root]) {
        let Node::Sum(terms, _) = g.node(residual) else { continue };
        let [(c, a), (d, b)] = terms.as_slice() else { continue };
        if *c != -d.clone() {
            continue;
        }
        if *b != unknown {
            pairs.push((*b, *a));
        }
        if *a != unknown {
            pairs.push((*a, *b));
        }
    }
    pairs.retain(|(from, _)| g.as_input(*from).is_none());
    pairs
}

/// `∂G/∂z` with everything else fixed, other unknowns too.
pub fn partial_derivative(g: &mut Graph, residual: NodeId, unknown: NodeId) -> Result<NodeId, DiffError> {
    let seed = identity(g, unknown);
    explicit_pushforward(g, residual, unknown, seed, Options::default())
}

/// The implicit definitions through which a node depends on an input.
pub(super) fn between(g: &Graph, root: NodeId, wrt: NodeId) -> Result<Vec<Definition>, DiffError> {
    let mut needed = g.implicits_of(&[root]);
    needed.retain(|(unknown, _)| *unknown != wrt);
    // of these, those that depend on the input, directly or through others
    let mut moving: Vec<NodeId> = vec![wrt];
    loop {
        let before = moving.len();
        for (unknown, residual) in &needed {
            if !moving.contains(unknown) && g.reachable(&[*residual]).iter().any(|id| moving.contains(id)) {
                moving.push(*unknown);
            }
        }
        if moving.len() == before {
            break;
        }
    }
    needed.retain(|(unknown, _)| moving.contains(unknown));
    if needed.len() > MAX_UNKNOWNS {
        let message = format!("the derivative goes through more than {MAX_UNKNOWNS} implicit definitions, the limit");
        return Err(DiffError { message, node: root });
    }
    Ok(ordered(g, needed))
}

/// The definitions in an order in which the last can be solved for its unknown, the one before it where the last is
/// solved, and so on.
fn ordered(g: &Graph, mut rest: Vec<Definition>) -> Vec<Definition> {
    let n = rest.len();
    let mut contains: Vec<Vec<bool>> = rest
        .iter()
        .map(|(_, residual)| {
            let found = g.reachable(&[*residual]);
            rest.iter().map(|(unknown, _)| found.binary_search(unknown).is_ok()).collect()
        })
        .collect();
    if (0..n).all(|k| contains[k][k]) {
        return rest;
    }
    let mut open: Vec<usize> = (0..n).collect();
    let mut order = Vec::with_capacity(n);
    while let Some(place) = open.iter().rposition(|k| contains[*k][*k]) {
        let pivot = open.remove(place);
        order.push(pivot);
        for &i in &open {
            for &j in &open {
                contains[i][j] |= contains[i][pivot] && contains[pivot][j];
            }
        }
    }
    order.extend(open.into_iter().rev());
    order.reverse();
    let all = std::mem::take(&mut rest);
    order.into_iter().map(|k| all[k]).collect()
}

/// The derivative of `root` along steps of several inputs and of the unknowns that follow them.
pub(super) fn pushforward(
    g: &mut Graph,
    root: NodeId,
    steps: &[(NodeId, NodeId)],
    implicits: &[Definition],
    options: Options,
) -> Result<NodeId, DiffError> {
    let mut steps = steps.to_vec();
    let mut rest = implicits;
    while let Some(((unknown, residual), later)) = rest.split_first().map(|(first, later)| (*first, later)) {
        rest = later;
        let moved = pushforward(g, residual, &steps, later, options)?;
        if g.is_zero(moved) {
            continue;
        }
        let jacobian = jacobian(g, residual, unknown, later, options)?;
        let step = solved(g, jacobian, moved, g.rank(unknown), Mode::Forward);
        steps.push((unknown, step));
    }
    let mut terms = Vec::with_capacity(steps.len());
    for (input, step) in steps {
        terms.push((Rational::ONE, explicit_pushforward(g, root, input, step, options)?));
    }
    let dims = match terms.first() {
        Some((_, first)) => g.axes(*first).clone(),
        None => g.axes(root).clone(),
    };
    Ok(g.sum(&terms, &dims))
}

/// The transposed derivative by `wrt`, of several nodes with their adjoints.
pub(super) fn pullback(
    g: &mut Graph,
    seeds: &[(NodeId, NodeId)],
    wrt: NodeId,
    implicits: &[Definition],
    options: Options,
) -> Result<NodeId, DiffError> {
    let mut seeds = seeds.to_vec();
    let mut rest = implicits;
    while let Some(((unknown, residual), later)) = rest.split_first().map(|(first, later)| (*first, later)) {
        rest = later;
        let adjoint = pullback(g, &seeds, unknown, later, options)?;
        if g.is_zero(adjoint) {
            continue;
        }
        let jacobian = jacobian(g, residual, unknown, later, options)?;
        let carried = solved(g, jacobian, adjoint, g.rank(unknown), Mode::Reverse);
        seeds.push((residual, carried));
    }
    let mut terms = Vec::with_capacity(seeds.len());
    for (root, adjoint) in seeds {
        terms.push((Rational::ONE, explicit_pullback(g, root, wrt, adjoint, options)?));
    }
    let dims = match terms.first() {
        Some((_, first)) => g.axes(*first).clone(),
        None => Dims::new(),
    };
    Ok(g.sum(&terms, &dims))
}

/// `∂G/∂z`, where other unknowns may follow `z`.
fn jacobian(
    g: &mut Graph,
    residual: NodeId,
    unknown: NodeId,
    others: &[Definition],
    options: Options,
) -> Result<NodeId, DiffError> {
    let seed = identity(g, unknown);
    let jacobian = pushforward(g, residual, &[(unknown, seed)], others, options)?;
    if g.is_zero(jacobian) {
        let name = g.as_input(unknown).map_or_else(String::new, |info| info.name.to_string());
        let message = format!("the derivative by `{name}` of the equation that defines it is 0 everywhere");
        return Err(DiffError { message, node: unknown });
    }
    Ok(jacobian)
}

/// `-J^-1 v` forward, where the axes of J come first in `v`; `-J^-T v` in reverse, where they come last.
fn solved(g: &mut Graph, jacobian: NodeId, vector: NodeId, rank: usize, mode: Mode) -> NodeId {
    let mut p = ProductBuilder::new();
    p.coefficient = Some(-Rational::ONE);
    let axes = g.axes(vector).clone();
    let (own, extra) = match mode {
        Mode::Forward => (0..rank, rank..axes.len()),
        Mode::Reverse => (axes.len() - rank..axes.len(), 0..axes.len() - rank),
    };
    let labels: Vec<Label> = axes.iter().map(|dim| p.label(*dim)).collect();
    p.factor(vector, &labels);
    let mine: Vec<Label> = labels[own].to_vec();
    let others: Vec<Label> = labels[extra].to_vec();
    let solution: Vec<Label> = match rank {
        0 => {
            p.power(jacobian, &[], -Rational::ONE);
            Vec::new()
        }
        1 => {
            let inverse = g.matrix(MatrixOp::Inverse, &[jacobian]);
            let out = p.label(g.axes(jacobian)[0]);
            match mode {
                Mode::Forward => p.factor(inverse, &[out, mine[0]]),
                Mode::Reverse => p.factor(inverse, &[mine[0], out]),
            }
            vec![out]
        }
        _ => {
            let (m, n) = (g.axes(jacobian)[0], g.axes(jacobian)[1]);
            let fuse = g.fuse(m, n);
            let flat = flattened(g, jacobian, fuse);
            let inverse = g.matrix(MatrixOp::Inverse, &[flat]);
            let long = g.axes(flat)[0];
            let (from, to) = (p.label(long), p.label(long));
            let out = vec![p.label(m), p.label(n)];
            p.factor(fuse, &[from, mine[0], mine[1]]);
            p.factor(fuse, &[to, out[0], out[1]]);
            match mode {
                Mode::Forward => p.factor(inverse, &[to, from]),
                Mode::Reverse => p.factor(inverse, &[from, to]),
            }
            out
        }
    };
    let out: Vec<Label> = match mode {
        Mode::Forward => solution.into_iter().chain(others).collect(),
        Mode::Reverse => others.into_iter().chain(solution).collect(),
    };
    p.build(g, &out)
}

/// The Jacobian of a matrix by a matrix, `∂vec G/∂(vec Z)'`.
fn flattened(g: &mut Graph, jacobian: NodeId, fuse: NodeId) -> NodeId {
    if let Node::Sum(terms, _) = g.node(jacobian) {
        // term by term: each is a Kronecker product of its own
        let terms = terms.clone();
        let flat: Vec<(Rational, NodeId)> =
            terms.into_iter().map(|(c, term)| (c, flattened_term(g, term, fuse))).collect();
        if let Some((_, first)) = flat.first() {
            let dims = g.axes(*first).clone();
            return g.sum(&flat, &dims);
        }
    }
    flattened_term(g, jacobian, fuse)
}

fn flattened_term(g: &mut Graph, jacobian: NodeId, fuse: NodeId) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, jacobian);
    p.factor(jacobian, &labels);
    let long = g.axes(fuse)[0];
    let (rows, cols) = (p.label(long), p.label(long));
    p.factor(fuse, &[rows, labels[0], labels[1]]);
    p.factor(fuse, &[cols, labels[2], labels[3]]);
    p.build(g, &[rows, cols])
}
