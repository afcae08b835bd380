//! What is known of signs and definiteness for all values of the inputs, from declarations and by construction.

use matgrad_syntax::Attribute;
use rustc_hash::FxHashMap;

use crate::graph::{Factor, Graph, Label, MapOp, MatrixOp, Node, NodeId, Product, ReduceOp};

/// What every entry of a tensor is known to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sign {
    Any,
    NonZero,
    NonNegative,
    Positive,
}

use Sign::{Any, NonNegative, NonZero, Positive};

impl Sign {
    pub(crate) fn nonzero(self) -> bool {
        matches!(self, NonZero | Positive)
    }

    pub(crate) fn nonnegative(self) -> bool {
        matches!(self, NonNegative | Positive)
    }

    fn of(nonzero: bool, nonnegative: bool) -> Self {
        match (nonzero, nonnegative) {
            (true, true) => Positive,
            (true, false) => NonZero,
            (false, true) => NonNegative,
            (false, false) => Any,
        }
    }

    /// What holds of both.
    fn both(self, other: Self) -> Self {
        Self::of(self.nonzero() && other.nonzero(), self.nonnegative() && other.nonnegative())
    }
}

/// What is known of some nodes and all nodes below them.
pub(crate) struct Knowledge {
    signs: FxHashMap<NodeId, Sign>,
    /// Whether a square matrix is positive semidefinite (`false`) or definite (`true`).
    definite: FxHashMap<NodeId, bool>,
}

impl Knowledge {
    pub(crate) fn new(g: &mut Graph, order: &[NodeId]) -> Self {
        Self::assuming(g, order, &[])
    }

    /// What is known where these nodes have these signs.
    pub(crate) fn assuming(g: &mut Graph, order: &[NodeId], assumed: &[(NodeId, Sign)]) -> Self {
        let mut known = Self { signs: FxHashMap::default(), definite: FxHashMap::default() };
        for &id in order {
            let found = known.find_sign(g, id);
            let stated = assumed.iter().filter(|(node, _)| *node == id);
            let sign = stated.fold(found, |sign, (_, other)| {
                Sign::of(sign.nonzero() || other.nonzero(), sign.nonnegative() || other.nonnegative())
            });
            known.signs.insert(id, sign);
            if g.rank(id) == 2
                && g.axes(id)[0] == g.axes(id)[1]
                && let Some(definite) = known.find_definite(g, id)
            {
                known.definite.insert(id, definite);
            }
        }
        known
    }

    pub(crate) fn sign(&self, id: NodeId) -> Sign {
        self.signs.get(&id).copied().unwrap_or(Any)
    }

    /// Whether a square matrix is positive semidefinite.
    pub(crate) fn is_semidefinite(&self, id: NodeId) -> bool {
        self.definite.contains_key(&id)
    }

    pub(crate) fn is_positive_definite(&self, id: NodeId) -> bool {
        self.definite.get(&id) == Some(&true)
    }

    pub(crate) fn power(&self, f: &Factor) -> Sign {
        let sign = self.sign(f.node);
        match f.exponent.is_integer() {
            true if !f.exponent.is_even() => sign,
            _ => Sign::of(sign.nonzero(), true), // a root is real only where it is not negative
        }
    }

    fn find_sign(&self, g: &Graph, id: NodeId) -> Sign {
        match g.node(id) {
            Node::Input(_) => {
                let has = |a| g.as_input(id).is_some_and(|info| info.attributes.contains(&a));
                match (has(Attribute::Positive), has(Attribute::Nonneg)) {
                    (true, _) => Positive,
                    (false, true) => NonNegative,
                    _ => Any,
                }
            }
            Node::Size(_) | Node::Pi | Node::Iota(_) => Positive,
            Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. } | Node::Structural(..) => NonNegative,
            Node::LeviCivita(_) | Node::Call(..) | Node::Placeholder { .. } | Node::Loop(..) => Any,
            Node::Product(p) => {
                let summed = p.factors.iter().flat_map(|f| &f.labels).any(|l| !p.out.contains(l));
                let diagonal = p.out.iter().enumerate().any(|(k, l)| p.out[..k].contains(l));
                let sign = p.factors.iter().fold(Positive, |sign, f| sign.both(self.power(f)));
                let sign = if summed && !sign.nonnegative() { Any } else { sign };
                if summed && attains_extremum(g, p) {
                    return Positive;
                }
                Sign::of(sign.nonzero() && !diagonal, sign.nonnegative())
            }
            Node::Sum(terms, _) => {
                let mut total = (true, true, false); // all at least 0, all at most 0, one of them not 0
                for (c, n) in terms {
                    let sign = self.sign(*n);
                    total.0 &= sign.nonnegative() && !c.is_negative();
                    total.1 &= sign.nonnegative() && c.is_negative();
                    total.2 |= sign.nonzero();
                }
                match terms.as_slice() {
                    [] => NonNegative,
                    [_] => Sign::of(total.2, total.0),
                    _ => Sign::of(total.2 && (total.0 || total.1), total.0),
                }
            }
            Node::Map(op, args) => self.sign_of_map(*op, args),
            Node::Reduce(op, arg, _) => match op {
                ReduceOp::LogSumExp => Any,
                ReduceOp::Max | ReduceOp::Min | ReduceOp::Prod => self.sign(*arg),
            },
            Node::Matrix(op, args) => match op {
                MatrixOp::Det | MatrixOp::Eigvals if self.is_positive_definite(args[0]) => Positive,
                MatrixOp::Singvals | MatrixOp::NormSpec | MatrixOp::NormNuc => NonNegative,
                _ => Any,
            },
            Node::Stack(_, parts) => parts.iter().fold(Positive, |sign, p| sign.both(self.sign(p.node))),
        }
    }

    fn sign_of_map(&self, op: MapOp, args: &[NodeId]) -> Sign {
        let u = self.sign(args[0]);
        let v = args.get(1).map_or(Any, |a| self.sign(*a));
        match op {
            MapOp::Exp | MapOp::Cosh | MapOp::Sigmoid | MapOp::Softplus => Positive,
            MapOp::Polygamma(k) if k % 2 == 1 => Positive,
            MapOp::Abs => Sign::of(u.nonzero(), true),
            MapOp::Relu => Sign::of(u == Positive, true),
            MapOp::Sign
            | MapOp::Cbrt
            | MapOp::Atan
            | MapOp::Sinh
            | MapOp::Tanh
            | MapOp::Asinh
            | MapOp::Erf
            | MapOp::Asin
            | MapOp::Atanh => u,
            MapOp::Gamma | MapOp::Pow => Sign::of(u == Positive, u.nonnegative()),
            MapOp::Max => Sign::of(u == Positive || v == Positive, u.nonnegative() || v.nonnegative()),
            MapOp::Min => u.both(v),
            MapOp::Where => v.both(args.get(2).map_or(Any, |a| self.sign(*a))),
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => NonNegative,
            _ => Any,
        }
    }

    fn find_definite(&self, g: &mut Graph, id: NodeId) -> Option<bool> {
        match g.node(id).clone() {
            Node::Input(_) => {
                let attributes = &g.as_input(id)?.attributes;
                let has = |attribute| attributes.contains(&attribute);
                let diagonal = has(Attribute::Diagonal);
                let definite = has(Attribute::Pd) || diagonal && has(Attribute::Positive);
                let semidefinite = has(Attribute::Psd) || diagonal && has(Attribute::Nonneg);
                definite.then_some(true).or(semidefinite.then_some(false))
            }
            Node::Sum(terms, _) => {
                let mut any = false;
                for (c, n) in &terms {
                    if c.is_negative() {
                        return None;
                    }
                    any |= *self.definite.get(n)?;
                }
                (!terms.is_empty()).then_some(any)
            }
            Node::Matrix(MatrixOp::Inverse | MatrixOp::Sqrtm, args) => {
                self.is_positive_definite(args[0]).then_some(true)
            }
            Node::Matrix(MatrixOp::Expm, args) => g.is_symmetric(args[0]).then_some(true),
            Node::Product(p) => self.definite_product(g, &p),
            _ => None,
        }
    }

    /// Whether a square matrix is known to be invertible wherever it exists.
    fn is_regular(&self, g: &Graph, id: NodeId) -> bool {
        match g.node(id) {
            Node::Input(_) => {
                let orthogonal = g.as_input(id).is_some_and(|info| info.attributes.contains(&Attribute::Orthogonal));
                orthogonal || self.is_positive_definite(id)
            }
            Node::Matrix(MatrixOp::Inverse | MatrixOp::Cholesky | MatrixOp::Expm, _) => true,
            _ => self.is_positive_definite(id),
        }
    }

    /// `A ⊗ B` of two definite matrices, or semidefinite ones.
    fn definite_kronecker(&self, g: &Graph, rest: &[&Factor], a: Label, b: Label) -> Option<bool> {
        let fuse = |l: Label| {
            rest.iter().find(|f| matches!(g.node(f.node), Node::Fuse { .. }) && f.labels.first() == Some(&l)).copied()
        };
        let (first, second) = (fuse(a)?, fuse(b)?);
        if a == b || first.node != second.node {
            return None;
        }
        let mut strict = true;
        let mut used = 2;
        for k in 1..3 {
            let (i, j) = (*first.labels.get(k)?, *second.labels.get(k)?);
            if i == j {
                continue; // an identity matrix
            }
            let side = rest.iter().find(|f| f.labels.len() == 2 && f.labels.contains(&i) && f.labels.contains(&j))?;
            strict &= *self.definite.get(&side.node).filter(|_| side.exponent.is_one())?;
            used += 1;
        }
        (used == rest.len()).then_some(strict)
    }

    /// A diagonal of positive numbers, or a product that reads the same from both ends: `B'*C*B`.
    fn definite_product(&self, g: &Graph, p: &Product) -> Option<bool> {
        let &[mut a, mut b] = p.out.as_slice() else { return None };
        let mut rest: Vec<&Factor> = Vec::with_capacity(p.factors.len());
        let mut strict = true;
        for f in &p.factors {
            if f.labels.is_empty() {
                let sign = self.power(f);
                if !sign.nonnegative() {
                    return None;
                }
                strict &= sign.nonzero();
            } else {
                rest.push(f);
            }
        }
        if let Some(definite) = self.definite_kronecker(g, &rest, a, b) {
            return Some(definite && strict);
        }
        let mut depth = 0;
        loop {
            if a == b {
                // what is left must be weights on the middle
                let weights = rest.iter().all(|f| f.labels.as_slice() == [a] && self.power(f).nonnegative());
                strict &= depth == 0 && rest.iter().all(|f| self.power(f).nonzero());
                return weights.then_some(strict);
            }
            if let [f] = rest.as_slice()
                && f.exponent.is_one()
                && f.labels.len() == 2
                && f.labels.contains(&a)
                && f.labels.contains(&b)
            {
                return self.definite.get(&f.node).map(|pd| *pd && strict && depth == 0);
            }
            // peel the same factor off both ends
            let end = |l: Label, f: &&Factor| f.labels.contains(&l);
            let i = rest.iter().position(|f| end(a, f))?;
            let first = rest.remove(i);
            let mirrored = |f: &&Factor| {
                f.node == first.node
                    && f.exponent == first.exponent
                    && f.labels.len() == first.labels.len()
                    && f.labels.iter().position(|l| *l == b) == first.labels.iter().position(|l| *l == a)
            };
            let j = rest.iter().position(mirrored)?;
            let second = rest.remove(j);
            let regular = first.exponent.is_one() && self.is_regular(g, first.node);
            match (first.labels.as_slice(), second.labels.as_slice()) {
                ([_], [_]) => {
                    let done = !rest.iter().any(|f| end(a, f) || end(b, f));
                    if done {
                        return rest.is_empty().then_some(false); // an outer product
                    }
                }
                ([p0, p1], [q0, q1]) => {
                    if rest.iter().any(|f| end(a, f) || end(b, f)) {
                        return None;
                    }
                    (a, b) = if *p0 == a { (*p1, *q1) } else { (*p0, *q0) };
                    depth += usize::from(!regular); // a congruence by an invertible matrix keeps definiteness
                }
                _ => return None,
            }
        }
    }
}

/// Whether a product counts the entries that attain an extremum, of which there is one at least.
fn attains_extremum(g: &Graph, p: &Product) -> bool {
    let [f] = p.factors.as_slice() else { return false };
    let Node::Map(MapOp::Equal, args) = g.node(f.node) else { return false };
    let extremum = |id: NodeId| matches!(g.node(id), Node::Reduce(ReduceOp::Max | ReduceOp::Min, ..));
    args.iter().any(|arg| {
        extremum(*arg) || matches!(g.node(*arg), Node::Product(p) if p.factors.iter().any(|f| extremum(f.node)))
    })
}
