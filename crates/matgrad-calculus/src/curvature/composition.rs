//! Curvature by the rules of composition, from the inputs up, entry by entry.

use rustc_hash::{FxHashMap, FxHashSet};

use super::products::pure_quadratic;
use super::{Curvature, Line};
use crate::diff::sign::Knowledge;
use crate::graph::{Graph, MapOp, MatrixOp, Node, NodeId, ReduceOp};

/// What is known of the nodes of a function.
pub(super) struct Facts {
    pub known: Knowledge,
    /// How the entries of a node bend; nothing is said of those that are not here.
    pub bends: FxHashMap<NodeId, Curvature>,
    /// The nodes that depend on the variables.
    pub varies: FxHashSet<NodeId>,
}

impl Facts {
    /// How a node bends; what does not vary is affine.
    pub fn of(&self, id: NodeId) -> Option<Curvature> {
        if self.varies.contains(&id) { self.bends.get(&id).copied() } else { Some(Curvature::Affine) }
    }

    pub fn constant(&self, id: NodeId) -> bool {
        !self.varies.contains(&id)
    }

    pub fn affine(&self, id: NodeId) -> bool {
        self.of(id) == Some(Curvature::Affine)
    }

    pub fn convex(&self, id: NodeId) -> bool {
        matches!(self.of(id), Some(Curvature::Affine | Curvature::Convex))
    }

    pub fn concave(&self, id: NodeId) -> bool {
        matches!(self.of(id), Some(Curvature::Affine | Curvature::Concave))
    }

    pub fn nonnegative(&self, g: &Graph, id: NodeId) -> bool {
        self.known.sign(id).nonnegative() || pure_quadratic(g, self, id)
    }
}

/// A curvature with the reason for it.
pub(super) type Found = Option<(Curvature, &'static str)>;

/// How a function bends in some inputs together, with a line for each part of it that is not affine.
pub fn composition(g: &mut Graph, root: NodeId, inputs: &[NodeId]) -> Option<(Curvature, Vec<Line>)> {
    let order = g.reachable(&[root]);
    let known = Knowledge::new(g, &order);
    let symmetric: Vec<NodeId> = order.iter().copied().filter(|id| g.rank(*id) == 2).collect();
    for id in symmetric {
        g.is_symmetric(id); // what the graph remembers is asked for later
    }
    let varies = inputs.iter().copied().collect();
    let mut facts = Facts { known, bends: FxHashMap::default(), varies };
    let mut whys: FxHashMap<NodeId, &'static str> = FxHashMap::default();
    for &id in &order {
        if inputs.contains(&id) {
            facts.bends.insert(id, Curvature::Affine);
            continue;
        }
        let mut here = false;
        g.for_each_child(id, |child| here |= facts.varies.contains(&child));
        if !here {
            continue;
        }
        facts.varies.insert(id);
        if let Some((curvature, why)) = rule(g, &facts, id) {
            facts.bends.insert(id, curvature);
            whys.insert(id, why);
        }
    }
    let curvature = facts.of(root)?;
    // the parts that the conclusion needs
    let mut needed: FxHashSet<NodeId> = std::iter::once(root).collect();
    let mut lines = Vec::new();
    for &id in order.iter().rev() {
        if !needed.contains(&id) || facts.constant(id) {
            continue;
        }
        let Some(why) = whys.get(&id) else { continue };
        let bend = facts.of(id);
        if bend == Some(Curvature::Affine) && id != root {
            continue;
        }
        lines.push(Line { node: id, curvature: bend, why: (*why).to_owned() });
        g.for_each_child(id, |child| {
            needed.insert(child);
        });
    }
    lines.retain(|line| line.node == root || line.curvature.is_some());
    lines.reverse();
    Some((curvature, lines))
}

fn rule(g: &mut Graph, facts: &Facts, id: NodeId) -> Found {
    match g.node(id).clone() {
        Node::Sum(terms, _) => {
            let mut total = Curvature::Affine;
            for (c, term) in &terms {
                let own = facts.of(*term)?;
                total = total.plus(if c.is_negative() { own.flipped() } else { own })?;
            }
            let why = match (total, terms.as_slice()) {
                (Curvature::Affine, _) => "affine",
                (_, [(c, _)]) if c.is_negative() => "a negative multiple",
                (_, [_]) => "a positive multiple",
                (Curvature::Convex, _) => "a sum of convex terms",
                (Curvature::Concave, _) => "a sum of concave terms",
            };
            Some((total, why))
        }
        Node::Product(p) => super::products::product(g, facts, &p),
        Node::Map(op, args) => super::atoms::map(g, facts, op, &args),
        Node::Reduce(op, arg, _) => match op {
            ReduceOp::Max if facts.convex(arg) => Some((Curvature::Convex, "a maximum of convex functions")),
            ReduceOp::Min if facts.concave(arg) => Some((Curvature::Concave, "a minimum of concave functions")),
            ReduceOp::LogSumExp if facts.convex(arg) => {
                Some((Curvature::Convex, "log-sum-exp, convex and nondecreasing, of convex functions"))
            }
            ReduceOp::Max if extreme_eigenvalue(g, facts, arg) => {
                Some((Curvature::Convex, "the largest eigenvalue of an affine symmetric matrix"))
            }
            ReduceOp::Min if extreme_eigenvalue(g, facts, arg) => {
                Some((Curvature::Concave, "the smallest eigenvalue of an affine symmetric matrix"))
            }
            _ => None,
        },
        Node::Matrix(op, args) => {
            let x = *args.first()?;
            match op {
                MatrixOp::LogDet if facts.affine(x) && facts.known.is_positive_definite(x) => {
                    Some((Curvature::Concave, "the log-determinant of an affine pd matrix"))
                }
                MatrixOp::NormSpec if facts.affine(x) => Some((Curvature::Convex, "a norm of an affine function")),
                MatrixOp::NormNuc if facts.affine(x) => Some((Curvature::Convex, "a norm of an affine function")),
                MatrixOp::Cholesky | MatrixOp::Adjugate | MatrixOp::Pinv => None,
                _ => None,
            }
        }
        Node::Stack(_, parts) => {
            let mut total = Curvature::Affine;
            for part in &parts {
                total = total.plus(facts.of(part.node)?)?;
            }
            Some((total, "part by part"))
        }
        _ => None,
    }
}

fn extreme_eigenvalue(g: &Graph, facts: &Facts, arg: NodeId) -> bool {
    matches!(g.node(arg), Node::Matrix(MatrixOp::Eigvals, args) if facts.affine(args[0]))
}

/// Whether an entry is the exponential of a convex function, or a sum or product of such, so that its logarithm is convex.
pub(super) fn log_convex(g: &Graph, facts: &Facts, id: NodeId) -> bool {
    let mut todo = vec![id];
    let mut budget = 200;
    while let Some(id) = todo.pop() {
        budget -= 1;
        if budget == 0 {
            return false;
        }
        if facts.constant(id) {
            if !facts.known.sign(id).nonnegative() {
                return false;
            }
            continue;
        }
        match g.node(id) {
            Node::Map(MapOp::Exp, args) if facts.convex(args[0]) => {}
            Node::Sum(terms, _) if terms.iter().all(|(c, _)| !c.is_negative()) => {
                todo.extend(terms.iter().map(|(_, n)| *n));
            }
            Node::Product(p) => {
                for f in &p.factors {
                    if f.exponent.is_negative() {
                        // 1/u of a positive concave u
                        let inside = facts.constant(f.node) && facts.known.power(f).nonnegative()
                            || facts.concave(f.node) && facts.known.sign(f.node).nonnegative();
                        if !inside {
                            return false;
                        }
                    } else {
                        todo.push(f.node);
                    }
                }
            }
            _ => return false,
        }
    }
    true
}
