//! Inputs that say which entries are taken.

use crate::graph::{Graph, MapOp, Node, NodeId};

/// Whether a node takes entries at positions that one of these inputs gives, as in `x[k[i]]`.
pub fn holds_positions(g: &Graph, root: NodeId, inputs: &[NodeId]) -> bool {
    let counts = |id: NodeId| match g.node(id) {
        Node::Iota(_) => true,
        Node::Product(p) => matches!(&p.factors[..], [only] if matches!(g.node(only.node), Node::Iota(_))),
        _ => false,
    };
    let depends = |id: NodeId| {
        let below = g.reachable(&[id]);
        inputs.iter().any(|input| below.binary_search(input).is_ok())
    };
    g.reachable(&[root]).into_iter().any(|id| match g.node(id) {
        Node::Map(MapOp::Equal, args) => match args[..] {
            [a, b] => counts(a) && depends(b) || counts(b) && depends(a),
            _ => false,
        },
        _ => false,
    })
}
