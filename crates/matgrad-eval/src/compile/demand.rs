//! Which nodes are needed as tensors of their own, found from the roots down.

use std::sync::Arc;

use matgrad_calculus::graph::{Factor, Graph, MapOp, MatrixOp, Node, NodeId, Reading, Recurrence, Slot};
use rustc_hash::FxHashSet;

/// What a factor of a product asks of its node.
pub(super) enum Need {
    /// Nothing: it is a constraint on labels.
    Structure,
    /// The operand of an exponential, which is taken of a multiple.
    ExponentOf(NodeId),
    /// An inverse, which may be solved with instead.
    Inverse(NodeId),
    /// The two sides of a comparison, of which one may pick entries of the other factors.
    Pick(NodeId, NodeId),
    /// The value.
    Value,
}

/// How a factor is computed.
pub(super) fn need(graph: &Graph, factor: &Factor) -> Need {
    match graph.node(factor.node) {
        Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. }
            if !factor.exponent.is_negative() && !factor.exponent.is_zero() =>
        {
            Need::Structure
        }
        Node::Map(MapOp::Exp, args) if !factor.exponent.is_one() => match args.first() {
            Some(arg) => Need::ExponentOf(*arg),
            None => Need::Value,
        },
        Node::Map(MapOp::Equal, args)
            if graph.rank(factor.node) >= 2 && !factor.exponent.is_negative() && !factor.exponent.is_zero() =>
        {
            match args.as_slice() {
                [a, b] => Need::Pick(*a, *b),
                _ => Need::Value,
            }
        }
        Node::Matrix(MatrixOp::Inverse, args) if factor.exponent.is_one() && graph.rank(factor.node) == 2 => {
            args.first().map_or(Need::Value, |arg| Need::Inverse(*arg))
        }
        _ => Need::Value,
    }
}

/// The loop and the number of the state, where a node is a state before each step of a loop.
pub(super) fn kept_states(graph: &Graph, id: NodeId) -> Option<(&Arc<Recurrence>, usize)> {
    let Node::Loop(r, Reading::Each(e)) = graph.node(id) else { return None };
    match graph.node(*e) {
        Node::Placeholder { level, slot: Slot::State(k), .. } if *level == r.level => Some((r, *k as usize)),
        _ => None,
    }
}

/// The nodes to compute.
pub(super) struct Demand {
    /// Nodes that get a value, children before parents.
    pub order: Vec<NodeId>,
    /// The states of loops, step by step, that other loops need.
    pub states: Vec<NodeId>,
    inline: FxHashSet<NodeId>,
}

impl Demand {
    pub fn new(graph: &Graph, roots: &[NodeId]) -> Self {
        Self::find(graph, roots, graph.reachable(roots), &|id| graph.open_in(id) == 0)
    }

    /// What the step of a loop needs itself.
    pub fn of_step(graph: &Graph, roots: &[NodeId], level: u8) -> Self {
        let order = graph.open_order(roots, level);
        let inner = order.iter().fold(0u64, |levels, id| match graph.node(*id) {
            Node::Loop(r, _) => levels | 1 << r.level,
            _ => levels,
        });
        Self::find(graph, roots, order, &|id| graph.is_open(id, level) && graph.open_in(id) & inner == 0)
    }

    fn find(graph: &Graph, roots: &[NodeId], reachable: Vec<NodeId>, own: &dyn Fn(NodeId) -> bool) -> Self {
        let last = reachable.last().map_or(0, |id| id.0 as usize + 1);
        let (mut uses, mut in_place) = (vec![0u32; last], vec![0u32; last]);
        let count = |id: NodeId, by: &mut [u32]| {
            if let Some(n) = by.get_mut(id.0 as usize) {
                *n = n.saturating_add(1);
            }
        };
        roots.iter().for_each(|r| count(*r, &mut uses));
        for &id in &reachable {
            graph.for_each_child(id, |child| count(child, &mut uses));
            match graph.node(id) {
                Node::Sum(terms, _) => terms.iter().for_each(|(_, n)| count(*n, &mut in_place)),
                Node::Stack(_, parts) => parts.iter().for_each(|p| count(p.node, &mut in_place)),
                _ => {}
            }
        }
        let mut inline = FxHashSet::default();
        for &id in &reachable {
            let once = uses[id.0 as usize] == 1 && in_place[id.0 as usize] == 1;
            if once && own(id) && matches!(graph.node(id), Node::Product(_)) && graph.constant(id).is_none() {
                inline.insert(id);
            }
        }
        let mut needed = vec![false; last];
        let want = |id: NodeId, needed: &mut [bool]| {
            if let Some(n) = needed.get_mut(id.0 as usize) {
                *n = true;
            }
        };
        roots.iter().for_each(|r| want(*r, &mut needed));
        let mut states: Vec<NodeId> = Vec::new();
        for &id in reachable.iter().rev() {
            if !needed[id.0 as usize] {
                continue;
            }
            match graph.node(id) {
                Node::Product(p) => {
                    for f in &p.factors {
                        match need(graph, f) {
                            Need::Structure => {}
                            Need::ExponentOf(arg) | Need::Inverse(arg) => want(arg, &mut needed),
                            Need::Pick(a, b) => {
                                want(a, &mut needed);
                                want(b, &mut needed);
                            }
                            Need::Value => want(f.node, &mut needed),
                        }
                    }
                }
                // states that a reverse loop needs may be computed again instead of kept
                Node::Loop(..) => graph.for_each_child(id, |child| {
                    if own(id) && kept_states(graph, child).is_some() {
                        states.push(child);
                    } else {
                        want(child, &mut needed);
                    }
                }),
                _ => graph.for_each_child(id, |child| want(child, &mut needed)),
            }
        }
        states.sort_unstable();
        states.dedup();
        let order =
            reachable.into_iter().filter(|id| needed[id.0 as usize] && own(*id) && !inline.contains(id)).collect();
        Self { order, states, inline }
    }

    /// Whether the node is written straight into the one sum or stack that uses it.
    pub fn is_inline(&self, id: NodeId) -> bool {
        self.inline.contains(&id)
    }
}
