//! What a function needs of eigenvalues and singular values: a function of all of them in any order is smooth where they
//! meet, a single one must be simple, and only what tells each apart needs them all distinct.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{Graph, MatrixOp, Node, NodeId, ProductBuilder};

/// How a function uses a vector of eigenvalues or singular values.
#[derive(Clone, Debug, Default)]
pub(super) struct Use {
    /// All of them alike, in a sum say.
    pub together: bool,
    /// These single ones, as scalars.
    pub picked: Vec<NodeId>,
    /// Each in its place.
    pub apart: bool,
}

/// The uses in a function (the last of the nodes that it needs) of every vector of eigenvalues and singular values.
pub(super) fn uses(g: &mut Graph, function: NodeId) -> FxHashMap<NodeId, Use> {
    let order = g.reachable(&[function]);
    let is_values = |g: &Graph, id: NodeId| matches!(g.node(id), Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, args) if g.rank(args[0]) == 2);
    let all: Vec<NodeId> = order.iter().copied().filter(|id| is_values(g, *id)).collect();
    all.into_iter().map(|values| (values, uses_of(g, &order, function, values))).collect()
}

fn uses_of(g: &mut Graph, order: &[NodeId], function: NodeId, values: NodeId) -> Use {
    let mut found = Use::default();
    // what holds a function of the value in its place, for each place
    let mut entries: FxHashSet<NodeId> = [values].into_iter().collect();
    for &id in order {
        if entries.contains(&id) {
            continue;
        }
        let mut uses = false;
        g.for_each_child(id, |child| uses |= entries.contains(&child));
        if !uses {
            continue;
        }
        match g.node(id).clone() {
            Node::Map(_, args) if args.iter().all(|a| entries.contains(a) || repeats(g, *a)) => {
                entries.insert(id);
            }
            Node::Sum(terms, _) if terms.iter().all(|(_, n)| entries.contains(n) || repeats(g, *n)) => {
                entries.insert(id);
            }
            Node::Reduce(..) => found.together = true,
            Node::Product(p) => {
                let mut in_place = false;
                for f in p.factors.iter().filter(|f| entries.contains(&f.node)) {
                    let label = f.labels[0];
                    let mut others = p.factors.iter().filter(|o| o.labels.contains(&label));
                    if let Some(pick) = others.clone().find(|o| matches!(g.node(o.node), Node::OneHot { .. })) {
                        let mut b = ProductBuilder::new();
                        let l = b.label(g.axes(values)[0]);
                        b.factor(values, &[l]);
                        b.factor(pick.node, &[l]);
                        found.picked.push(b.build(g, &[]));
                    } else if !others.all(|o| o.labels.len() == 1 && entries.contains(&o.node)) {
                        found.apart = true;
                    } else if !p.out.contains(&label) {
                        found.together = true;
                    } else if p.out.as_slice() == [label] {
                        in_place = true;
                    } else {
                        found.apart = true;
                    }
                }
                if in_place {
                    entries.insert(id);
                }
            }
            _ => found.apart = true,
        }
    }
    found.apart |= entries.contains(&function);
    found
}

/// Whether a vector holds the same number everywhere.
fn repeats(g: &Graph, node: NodeId) -> bool {
    g.rank(node) == 1 && g.repeated_axes(node).is_some_and(|axes| !axes.is_empty())
}

/// The inverses that stand only beside the determinant of the same variable, with which they are its adjugate.
pub(super) fn adjugates(g: &Graph, order: &[NodeId], roots: &[NodeId]) -> FxHashSet<NodeId> {
    let inverted = |id: NodeId| match g.node(id) {
        Node::Matrix(MatrixOp::Inverse, args) if matches!(g.node(args[0]), Node::Input(_)) => Some(args[0]),
        _ => None,
    };
    let mut found: FxHashSet<NodeId> = order.iter().copied().filter(|id| inverted(*id).is_some()).collect();
    if found.is_empty() {
        return found;
    }
    for root in roots {
        found.remove(root);
    }
    for &id in order {
        let mut beside = None;
        if let Node::Product(p) = g.node(id)
            && let Some(chain) = g.square_chain(p)
        {
            let mut inverses = chain.links.iter().map(|link| link.node).filter(|n| inverted(*n).is_some());
            if let (Some(inverse), None) = (inverses.next(), inverses.next()) {
                let of = |n: NodeId| matches!(g.node(n), Node::Matrix(MatrixOp::Det, args) if Some(args[0]) == inverted(inverse));
                beside = chain.scalars.iter().any(|f| f.exponent.is_one() && of(f.node)).then_some(inverse);
            }
        }
        g.for_each_child(id, |child| {
            if beside != Some(child) {
                found.remove(&child);
            }
        });
    }
    found
}
