//! Which tensors have entries that are 0 or equal for all values of the inputs: rules that divide by entries, or that
//! tell an extremum from the rest, need to know.

use matgrad_syntax::Attribute;
use rustc_hash::FxHashMap;

use super::{Factor, Graph, Label, MapOp, MatrixOp, Node, NodeId, Product};

/// What may hold of the entries of a tensor at all points. Where this is not known, it may.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Coincidence {
    /// Some entries are 0.
    pub zeros: bool,
    /// Entries at mirrored places are equal, or a whole triangle is.
    mirrored: bool,
    /// Entries anywhere are equal.
    equal: bool,
}

impl Coincidence {
    const ALL: Self = Self { zeros: true, mirrored: true, equal: true };

    /// Whether different entries may be equal at all points.
    pub fn ties(self) -> bool {
        self.mirrored || self.equal
    }

    fn join(self, other: Self) -> Self {
        Self {
            zeros: self.zeros || other.zeros,
            mirrored: self.mirrored || other.mirrored,
            equal: self.equal || other.equal,
        }
    }
}

impl Graph {
    /// What is known of the entries of a node.
    pub fn coincidence(&mut self, root: NodeId) -> Coincidence {
        let mut known: FxHashMap<NodeId, Coincidence> = FxHashMap::default();
        for id in self.reachable(&[root]) {
            let mut found = self.coincidence_at(id, &known);
            if self.rank(id) == 0 {
                (found.mirrored, found.equal) = (false, false);
            } else if self.is_symmetric(id) {
                found.mirrored = true;
            } else if self.is_difference_of_transposes(id) {
                (found.mirrored, found.zeros) = (true, true);
            }
            known.insert(id, found);
        }
        known.get(&root).copied().unwrap_or(Coincidence::ALL)
    }

    /// `c*A - c*A'`, whose diagonal is 0 and whose mirrored entries are opposite.
    fn is_difference_of_transposes(&mut self, id: NodeId) -> bool {
        let Node::Sum(terms, dims) = self.node(id) else { return false };
        let [(c, first), (d, second)] = &terms[..] else { return false };
        let (opposite, first, second) = (*c == -d.clone(), *first, *second);
        opposite && dims.len() == 2 && self.transpose(first) == second
    }

    fn coincidence_at(&self, id: NodeId, known: &FxHashMap<NodeId, Coincidence>) -> Coincidence {
        let of = |node: NodeId| known.get(&node).copied().unwrap_or(Coincidence::ALL);
        let all = |nodes: &[NodeId]| nodes.iter().fold(Coincidence::default(), |all, node| all.join(of(*node)));
        match self.node(id) {
            Node::Input(input) => {
                use Attribute::{Diagonal, Lower, Orthogonal, Pd, Psd, Skew, Symmetric, Upper};
                // a variable that is differentiated has free entries, but its values are those it is declared with
                let name = &self.input_info(*input).name;
                let same = || self.inputs.iter().filter(|info| info.name == *name);
                let has = |list: &[Attribute]| same().any(|info| info.attributes.iter().any(|a| list.contains(a)));
                let zeros = has(&[Diagonal, Lower, Upper, Skew]);
                let mirrored = zeros || has(&[Symmetric, Pd, Psd, Orthogonal]);
                let matrix = self.rank(id) > 1;
                Coincidence { zeros: matrix && zeros, mirrored: matrix && mirrored, equal: false }
            }
            Node::Product(p) => self.coincidence_of_product(p, &of),
            Node::Sum(terms, _) => {
                let nodes: Vec<NodeId> = terms.iter().map(|(_, node)| *node).collect();
                Coincidence { zeros: nodes.iter().all(|node| of(*node).zeros), ..all(&nodes) }
            }
            Node::Map(op, _) if op.chooses() => Coincidence::ALL,
            Node::Map(op, args) => match op {
                // not 0 at 0
                MapOp::Exp
                | MapOp::Log
                | MapOp::Cos
                | MapOp::Acos
                | MapOp::Cosh
                | MapOp::Acosh
                | MapOp::Sigmoid
                | MapOp::Softplus
                | MapOp::Gamma
                | MapOp::Lgamma
                | MapOp::Polygamma(_) => Coincidence { zeros: false, ..all(args) },
                _ => all(args),
            },
            Node::Reduce(_, arg, _) => {
                let of = of(*arg);
                Coincidence { equal: of.ties(), ..of }
            }
            Node::Matrix(op, args) => match op {
                MatrixOp::Cholesky => Coincidence { zeros: true, mirrored: true, ..all(args) },
                MatrixOp::Eigvals | MatrixOp::Singvals => {
                    let ties = all(args).ties();
                    Coincidence { zeros: ties, mirrored: false, equal: ties }
                }
                _ => all(args),
            },
            Node::Call(_, _, args) => Coincidence { zeros: false, ..all(args) },
            // items and factors that are 0 or equal may leave states as they are, and a step may choose
            Node::Loop(r, _) => {
                let mut read = Vec::new();
                self.for_each_child(id, |child| read.extend((!r.init.contains(&child)).then_some(child)));
                let items = all(&read);
                let steps = self.open_order(&r.next, r.level);
                let chooses = |id: &NodeId| matches!(self.node(*id), Node::Map(op, _) if op.chooses());
                match items.zeros || items.ties() || steps.iter().any(chooses) {
                    true => Coincidence::ALL,
                    false => Coincidence::default(),
                }
            }
            Node::Size(_) | Node::Pi | Node::Iota(_) | Node::Placeholder { .. } => Coincidence::default(),
            Node::OneHot { .. }
            | Node::Shift { .. }
            | Node::Fuse { .. }
            | Node::LeviCivita(_)
            | Node::Structural(..)
            | Node::Stack(..) => Coincidence::ALL,
        }
    }

    fn coincidence_of_product(&self, p: &Product, of: &impl Fn(NodeId) -> Coincidence) -> Coincidence {
        let mut found = Coincidence::default();
        let repeated = |k: usize| p.out[..k].contains(&p.out[k]);
        if (0..p.out.len()).any(repeated) {
            found = Coincidence::ALL; // a delta
        }
        if p.out.iter().any(|l| !p.factors.iter().any(|f| f.labels.contains(l))) {
            found.equal = true; // repeated along an axis
        }
        // what a diagonal matrix scales keeps its zeros
        found.zeros |= p.factors.iter().filter(|f| of(f.node).zeros).count() > 1;
        for (k, f) in p.factors.iter().enumerate() {
            let own = of(f.node);
            let kept: Vec<Label> = f.labels.iter().filter(|l| p.out.contains(l)).copied().collect();
            let whole = kept.len() == f.labels.len();
            found.zeros |= own.zeros && whole && !f.exponent.is_negative();
            // a row of a symmetric matrix against a vector has nothing to be mirrored at
            found.mirrored |= own.mirrored && kept.len() > 1;
            found.equal |= own.equal && !(f.labels.is_empty() || kept.is_empty());
            let twin = |other: &Factor| other.node == f.node && other.labels != f.labels;
            found.mirrored |= p.out.len() > 1 && p.factors[..k].iter().any(twin);
        }
        found
    }
}
