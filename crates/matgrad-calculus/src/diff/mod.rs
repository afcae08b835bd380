//! Differentiation: a node whose axes are those of the function followed by those of the variable.
//!
//! One rule a primitive gives the partial derivative of a node by each of its children, as a tensor with the axes of
//! both (after Laue, Mitterreiter, Giesen, *Computing Higher Order Derivatives of Matrix and Tensor Expressions*,
//! NeurIPS 2018), or as a linear map where no finite product exists. Both modes apply the same rule: forward to tangents,
//! whose extra axes come last, and in reverse to adjoints, whose extra axes come first. Every node that lies between the
//! variable and the function is visited once. Orders two and three are the same operation again.

mod domain;
mod elementwise;
mod frechet;
mod implicit;
mod linear;
mod matrix;
mod partial;
mod products;
mod recurrence;
mod reduce;
pub mod rules;
pub(crate) mod sign;
mod spectral;
mod spectrum;

#[cfg(test)]
mod tests;

pub use domain::{Condition, ConditionKind, domain};
mod positions;
pub use positions::holds_positions;

pub use implicit::{define_implicits, equal_by_definition, followers, partial_derivative};
pub use recurrence::readable_mode;
pub use rules::{Rule, rule_of_map, rule_of_matrix, rule_of_node, rule_of_reduce, rules, rules_used};

use std::fmt;

use matgrad_syntax::{Attribute, Rational};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{Dim, Dims, Graph, Label, MatrixOp, Node, NodeId, Part, ProductBuilder};

/// In which direction to accumulate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// From the variable to the function.
    Forward,
    /// From the function to the variable.
    Reverse,
}

/// What may be asked of [`derivative`].
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The direction; by default the dimensions decide.
    pub mode: Option<Mode>,
    /// The declared input that the variable, a copy of it without structure, stands for. Functions of symmetric
    /// matrices then know whether their argument is one.
    pub stands_for: Option<NodeId>,
}

/// Why there is no derivative.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiffError {
    /// What is wrong, lower case, without a full stop.
    pub message: String,
    /// The node it is about.
    pub node: NodeId,
}

impl fmt::Display for DiffError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for DiffError {}

/// `∂root/∂wrt`, with the axes of `root` followed by those of `wrt`.
///
/// By a symmetric or skew input it is the derivative with that symmetry, the one with `dF = Σ G·dX` for all steps `dX`
/// that keep the symmetry.
///
/// ```
/// use matgrad_calculus::{diff::{self, Options}, graph::Graph};
/// let mut g = Graph::new();
/// let n = g.sizes.symbol("n");
/// let (a, x) = (g.input("A", &[n, n], false, &[]), g.input("x", &[n], false, &[]));
/// let ax = g.matmul(a, x);
/// assert_eq!(diff::derivative(&mut g, ax, x, Options::default()), Ok(a));
/// ```
pub fn derivative(g: &mut Graph, root: NodeId, wrt: NodeId, options: Options) -> Result<NodeId, DiffError> {
    match options.mode.unwrap_or_else(|| choose(g, root, wrt)) {
        Mode::Forward => {
            let seed = identity(g, wrt);
            let seed = symmetrised(g, seed, wrt, g.rank(wrt));
            pushforward_with(g, root, wrt, seed, options)
        }
        Mode::Reverse => {
            let seed = identity(g, root);
            pullback_with(g, root, wrt, seed, options)
        }
    }
}

/// The derivative of `root` along `direction`, a step of `wrt`: axes of `root`, followed by the axes that `direction` has
/// beyond those of `wrt`.
pub fn pushforward(g: &mut Graph, root: NodeId, wrt: NodeId, direction: NodeId) -> Result<NodeId, DiffError> {
    pushforward_with(g, root, wrt, direction, Options::default())
}

/// The transposed derivative applied to `cotangent`, shaped like `root`: axes that `cotangent` has before those of `root`,
/// followed by the axes of `wrt`.
pub fn pullback(g: &mut Graph, root: NodeId, wrt: NodeId, cotangent: NodeId) -> Result<NodeId, DiffError> {
    pullback_with(g, root, wrt, cotangent, Options::default())
}

/// [`pushforward`] with options (the mode does not matter).
pub fn pushforward_with(
    g: &mut Graph,
    root: NodeId,
    wrt: NodeId,
    direction: NodeId,
    options: Options,
) -> Result<NodeId, DiffError> {
    let implicits = implicit::between(g, root, wrt)?;
    if implicits.is_empty() {
        return explicit_pushforward(g, root, wrt, direction, options);
    }
    implicit::pushforward(g, root, &[(wrt, direction)], &implicits, options)
}

/// The derivative along a step with all other inputs fixed.
fn explicit_pushforward(
    g: &mut Graph,
    root: NodeId,
    wrt: NodeId,
    direction: NodeId,
    options: Options,
) -> Result<NodeId, DiffError> {
    let path = Path::new(g, root, wrt)?;
    let extra: Dims = g.axes(direction)[g.rank(wrt)..].iter().copied().collect();
    let mut tangents: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    tangents.insert(wrt, direction);
    push_through(g, &Scope { options, wrt }, &path.order, &mut tangents, &extra)?;
    Ok(tangents.get(&path.root).copied().unwrap_or_else(|| {
        let dims: Dims = g.axes(root).iter().chain(&extra).copied().collect();
        g.zeros(&dims)
    }))
}

/// What a derivative is taken by.
#[derive(Clone, Copy)]
struct Scope {
    options: Options,
    wrt: NodeId,
}

/// The steps of the nodes in `order`, in which those given are known.
fn push_through(
    g: &mut Graph,
    scope: &Scope,
    order: &[NodeId],
    tangents: &mut FxHashMap<NodeId, NodeId>,
    extra: &[Dim],
) -> Result<(), DiffError> {
    for &id in order {
        if tangents.contains_key(&id) {
            continue;
        }
        let dims: Dims = g.axes(id).iter().chain(extra).copied().collect();
        // one piece in a larger tensor is written with a selector: its place beside zeros has no matrix notation
        let moving = match g.node(id) {
            Node::Stack(_, parts) => parts.iter().filter(|part| tangents.contains_key(&part.node)).count(),
            _ => 0,
        };
        let whole = moving != 1 || dims.len() <= 2;
        let tangent = if let (Node::Stack(axis, parts), true) = (g.node(id), whole) {
            let (axis, parts) = (*axis, parts.clone());
            let pieces = parts.iter().map(|part| {
                let node = tangents.get(&part.node).copied().unwrap_or_else(|| {
                    let dims: Dims = g.axes(part.node).iter().chain(extra).copied().collect();
                    g.zeros(&dims)
                });
                Part { node, extent: part.extent }
            });
            let pieces = pieces.collect();
            g.stack(axis, pieces)
        } else if let Node::Loop(r, reading) = g.node(id) {
            let (r, reading) = (r.clone(), *reading);
            match recurrence::push(g, scope, (&r, reading), tangents, extra)? {
                Some(tangent) => tangent,
                None => continue,
            }
        } else {
            let mut terms = Vec::new();
            for (slot, child) in partial::slots(g, id).into_iter().enumerate() {
                if let Some(&tangent) = tangents.get(&child) {
                    partial::partial(g, id, slot, &scope.options, scope.wrt)?.push(g, tangent, &mut terms);
                }
            }
            g.sum(&terms, &dims)
        };
        check(g, id)?;
        if !g.is_zero(tangent) {
            tangents.insert(id, tangent);
        }
    }
    Ok(())
}

/// [`pullback`] with options (the mode does not matter).
pub fn pullback_with(
    g: &mut Graph,
    root: NodeId,
    wrt: NodeId,
    cotangent: NodeId,
    options: Options,
) -> Result<NodeId, DiffError> {
    let implicits = implicit::between(g, root, wrt)?;
    if implicits.is_empty() {
        return explicit_pullback(g, root, wrt, cotangent, options);
    }
    implicit::pullback(g, &[(root, cotangent)], wrt, &implicits, options)
}

/// The transposed derivative with all other inputs fixed.
fn explicit_pullback(
    g: &mut Graph,
    root: NodeId,
    wrt: NodeId,
    cotangent: NodeId,
    options: Options,
) -> Result<NodeId, DiffError> {
    let path = Path::new(g, root, wrt)?;
    let lead: Dims = {
        let axes = g.axes(cotangent);
        axes[..axes.len() - g.rank(root)].iter().copied().collect()
    };
    let mut found: FxHashMap<NodeId, Vec<(Rational, NodeId)>> = FxHashMap::default();
    found.insert(path.root, vec![(Rational::ONE, cotangent)]);
    let order: Vec<NodeId> = path.order.iter().copied().filter(|id| *id != wrt).collect();
    pull_through(g, &Scope { options, wrt }, &order, &mut found, &lead, &|id| path.depends(id))?;
    let dims: Dims = lead.iter().chain(g.axes(wrt)).copied().collect();
    let terms = found.remove(&wrt).unwrap_or_default();
    let total = g.sum(&terms, &dims);
    Ok(symmetrised(g, total, wrt, lead.len()))
}

/// Hands the adjoints of the nodes in `order` on to their children, as far as these vary.
fn pull_through(
    g: &mut Graph,
    scope: &Scope,
    order: &[NodeId],
    found: &mut FxHashMap<NodeId, Vec<(Rational, NodeId)>>,
    lead: &Dims,
    varies: &dyn Fn(NodeId) -> bool,
) -> Result<(), DiffError> {
    for &id in order.iter().rev() {
        let Some(terms) = found.remove(&id) else { continue };
        let dims: Dims = lead.iter().chain(g.axes(id)).copied().collect();
        let adjoint = g.sum(&terms, &dims);
        if g.is_zero(adjoint) {
            continue;
        }
        if let Node::Loop(r, reading) = g.node(id) {
            let (r, reading) = (r.clone(), *reading);
            recurrence::pull(g, scope, (&r, reading), adjoint, varies, found, id)?;
        } else {
            for (slot, child) in partial::slots(g, id).into_iter().enumerate() {
                if varies(child) {
                    let into = found.entry(child).or_default();
                    partial::partial(g, id, slot, &scope.options, scope.wrt)?.pull(g, adjoint, into);
                }
            }
        }
        check(g, id)?;
    }
    Ok(())
}

/// The nodes of a step from the seeds to the roots, seeds among them, children first; without those inside the steps of
/// further loops. What does not depend on the placeholders of the step is looked at from outside only.
fn between(g: &Graph, roots: &[NodeId], level: u8, is_seed: &dyn Fn(NodeId) -> bool) -> Vec<NodeId> {
    let open = g.open_order(roots, level);
    let mut closed: Vec<NodeId> = roots.iter().copied().filter(|id| !g.is_open(*id, level)).collect();
    let mut loops = 0u64;
    for &id in &open {
        if let Node::Loop(r, _) = g.node(id) {
            loops |= 1 << r.level;
        }
        closed.extend(g.outer_children(id).into_iter().filter(|child| !g.is_open(*child, level)));
    }
    closed.retain(|id| is_seed(*id));
    closed.sort_unstable();
    closed.dedup();
    let mut dependent: FxHashSet<NodeId> = closed.iter().copied().collect();
    let mut order = closed;
    for id in open {
        let mut depends = is_seed(id);
        depends |= g.outer_children(id).iter().any(|child| dependent.contains(child));
        if depends {
            dependent.insert(id);
            if g.open_in(id) & loops == 0 {
                order.push(id);
            }
        }
    }
    order
}

fn check(g: &Graph, id: NodeId) -> Result<(), DiffError> {
    if g.exhausted() {
        return Err(DiffError { message: format!("the derivative grows beyond {} nodes", g.len() - 1), node: id });
    }
    Ok(())
}

/// The nodes between the variable and the function, children first.
struct Path {
    root: NodeId,
    order: Vec<NodeId>,
    dependent: Vec<bool>,
}

impl Path {
    fn new(g: &mut Graph, root: NodeId, wrt: NodeId) -> Result<Self, DiffError> {
        if !matches!(g.node(wrt), Node::Input(_)) {
            return Err(DiffError { message: "the variable to differentiate by is no input".into(), node: wrt });
        }
        let first = Self::find(g, root, wrt);
        let root = without_adjugates(g, root, &first.order);
        if root == first.root { Ok(first) } else { Ok(Self::find(g, root, wrt)) }
    }

    fn find(g: &Graph, root: NodeId, wrt: NodeId) -> Self {
        let mut dependent = vec![false; g.len()];
        let mut order = g.reachable(&[root]);
        order.retain(|&id| {
            let mut depends = id == wrt;
            g.for_each_child(id, |child| depends |= dependent[child.0 as usize]);
            dependent[id.0 as usize] = depends;
            // what depends on placeholders lies inside the step of a loop, which sees to it
            depends && g.open_in(id) == 0
        });
        Self { root, order, dependent }
    }

    fn depends(&self, id: NodeId) -> bool {
        self.dependent.get(id.0 as usize).copied().unwrap_or(false)
    }
}

/// The adjugate as `det(X)*inv(X)`: where it can be differentiated by this rule at all, it is that, and then cancels.
fn without_adjugates(g: &mut Graph, root: NodeId, order: &[NodeId]) -> NodeId {
    let mut replaced: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for &id in order {
        if let Node::Matrix(MatrixOp::Adjugate, args) = g.node(id) {
            let arg = args[0];
            let (det, inverse) = (g.matrix(MatrixOp::Det, &[arg]), g.matrix(MatrixOp::Inverse, &[arg]));
            let mut p = ProductBuilder::new();
            let labels = p.labels_of(g, inverse);
            p.factor(det, &labels[..labels.len() - 2]);
            p.factor(inverse, &labels);
            let product = p.build(g, &labels);
            replaced.insert(id, product);
        }
    }
    if replaced.is_empty() { root } else { g.replace(root, &replaced) }
}

/// The derivative of a node by itself.
fn identity(g: &mut Graph, node: NodeId) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    let out: Vec<Label> = labels.iter().chain(&labels).copied().collect();
    p.build(g, &out)
}

/// The part of `node` that has the symmetry of `wrt` in the two axes from `at` on.
fn symmetrised(g: &mut Graph, node: NodeId, wrt: NodeId, at: usize) -> NodeId {
    let Some(info) = g.as_input(wrt) else { return node };
    use Attribute::{Diagonal, Pd, Psd, Skew, Symmetric};
    let sign = match info.attributes.iter().find(|a| matches!(a, Symmetric | Diagonal | Pd | Psd | Skew)) {
        Some(Skew) => -1,
        Some(_) => 1,
        None => return node,
    };
    half_sum(g, node, at, sign)
}

/// `(node ± node with the axes at and at+1 exchanged)/2`.
fn half_sum(g: &mut Graph, node: NodeId, at: usize, sign: i64) -> NodeId {
    let mut order: Vec<usize> = (0..g.rank(node)).collect();
    order.swap(at, at + 1);
    let other = g.permute(node, &order);
    let dims = g.axes(node).clone();
    g.sum(&[(Rational::new(1, 2), node), (Rational::new(sign, 2), other)], &dims)
}

/// Reverse for scalar functions, forward for scalar variables, in between what makes fewer entries.
fn choose(g: &Graph, root: NodeId, wrt: NodeId) -> Mode {
    let (from, to) = (g.axes(wrt), g.axes(root));
    let entries = |dims: &Dims| {
        let mut values = dims.iter().map(|d| g.sizes.value(*d));
        values.try_fold(1i64, |product, value| product.checked_mul(value?))
    };
    // along unit directions a function of a matrix shows its entries in their order
    let function = matches!(g.node(root), Node::Matrix(MatrixOp::Expm | MatrixOp::Logm, _));
    let forward = from.is_empty()
        || from.len() < to.len()
        || from.len() == to.len() && function
        || from.len() == to.len() && matches!((entries(from), entries(to)), (Some(a), Some(b)) if a < b);
    if forward { Mode::Forward } else { Mode::Reverse }
}
