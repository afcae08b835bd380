//! Under which conditions a value and its derivative exist.

use rustc_hash::FxHashSet;

use crate::graph::{Factor, Graph, Labels, MapOp, MatrixOp, Node, NodeId, Part, ProductBuilder, ReduceOp};

use super::sign::{Knowledge, Sign};
use super::spectrum;

/// What must hold of a tensor; entry by entry unless it is said of a matrix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConditionKind {
    /// `> 0`
    Positive,
    /// `>= 0`
    NonNegative,
    /// `!= 0`
    NonZero,
    /// Not all entries are 0: a norm has no derivative at 0.
    NotAllZero,
    /// `abs(…) < 1`
    InsideUnit,
    /// `> 1`
    AboveOne,
    /// None of 0, -1, -2, …
    NotPole,
    /// A matrix with an inverse.
    Invertible,
    /// A symmetric positive definite matrix.
    PositiveDefinite,
    /// A matrix with positive determinant.
    DetPositive,
    /// A matrix without eigenvalues on the closed negative real axis.
    PositiveSpectrum,
    /// A matrix whose rank does not change nearby.
    ConstantRank,
    /// A symmetric matrix without equal eigenvalues.
    DistinctEigenvalues,
    /// A matrix without equal singular values, none of them 0.
    DistinctSingularValues,
    /// An eigenvalue (the tensor is that scalar) that is not equal to another one.
    SimpleEigenvalue,
    /// A singular value that is not equal to another one and not 0.
    SimpleSingularValue,
    /// A matrix without singular values that are 0.
    FullRank,
    /// `!= 0`: at 0 the derivative jumps and what is shown is a subgradient, or 0 at a step.
    NotAtKink,
    /// The largest (or smallest) entry is attained once; where it is not, every entry that attains it counts.
    UniqueExtremum,
}

/// A condition on a tensor of the graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Condition {
    /// What must hold.
    pub kind: ConditionKind,
    /// Of what.
    pub node: NodeId,
}

/// Whether an exponent is whole by its form, made of sizes and whole numbers; and whether it may be negative.
fn whole(g: &Graph, node: NodeId) -> Option<bool> {
    let plain = |id: NodeId| match g.node(id) {
        Node::Size(_) | Node::Iota(_) => true,
        Node::Product(p) => p.factors.iter().all(|f| {
            f.exponent.is_integer()
                && !f.exponent.is_negative()
                && matches!(g.node(f.node), Node::Size(_) | Node::Iota(_))
        }),
        _ => false,
    };
    match g.node(node) {
        Node::Sum(terms, _) => {
            let fits = terms.iter().all(|(c, n)| c.is_integer() && plain(*n));
            fits.then(|| terms.iter().any(|(c, _)| c.is_negative()))
        }
        _ => plain(node).then_some(false),
    }
}

/// The conditions under which the roots (a function and its derivatives) exist, in the order of their nodes, without
/// those that always hold. With a variable given, kinks count only where they depend on it.
pub fn domain(g: &mut Graph, roots: &[NodeId], wrt: Option<NodeId>) -> Vec<Condition> {
    let order = g.reachable(roots);
    let known = Knowledge::new(g, &order);
    let mut varies = vec![false; g.len()];
    let mut from_inputs = vec![false; g.len()];
    let mut found = Found { conditions: Vec::new(), known };
    let adjugates = spectrum::adjugates(g, &order, roots);
    let function = roots.first().copied();
    let spectra = function.map(|root| spectrum::uses(g, root)).unwrap_or_default();
    let inside: FxHashSet<NodeId> = function.map(|root| g.reachable(&[root]).into_iter().collect()).unwrap_or_default();
    for &id in &order {
        let is_input = matches!(g.node(id), Node::Input(_));
        let (mut here, mut any) = (Some(id) == wrt || wrt.is_none() && is_input, is_input);
        g.for_each_child(id, |child| {
            here |= varies[child.0 as usize];
            any |= from_inputs[child.0 as usize];
        });
        varies[id.0 as usize] = here;
        from_inputs[id.0 as usize] = any;
        if !any || adjugates.contains(&id) {
            continue;
        }
        if let Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, args) = g.node(id) {
            let x = args[0];
            if let (true, Some(uses)) = (varies[x.0 as usize], spectra.get(&id)) {
                found.spectrum(g, id, x, uses);
            }
            continue;
        }
        let vectors = matches!(g.node(id), Node::Matrix(MatrixOp::Eigvecs | MatrixOp::SvdU | MatrixOp::SvdV, _));
        if !vectors || inside.contains(&id) {
            found.visit(g, id, &varies);
        }
    }
    found.without_multiples(g);
    found.without_consequences(g);
    found.reduce(g)
}

/// The entries of a factor that its product uses: of a matrix along one label twice the diagonal.
fn used_entries(g: &mut Graph, f: &Factor) -> NodeId {
    let mut p = ProductBuilder::new();
    let (mut labels, mut distinct) = (Labels::new(), Labels::new());
    for (k, label) in f.labels.iter().enumerate() {
        let first = f.labels[..k].iter().position(|other| other == label);
        labels.push(first.map_or_else(|| p.label(g.axes(f.node)[k]), |first| labels[first]));
        if first.is_none() {
            distinct.push(labels[k]);
        }
    }
    if distinct.len() == labels.len() {
        return f.node;
    }
    p.factor(f.node, &labels);
    p.build(g, &distinct)
}

struct Found {
    conditions: Vec<Condition>,
    known: Knowledge,
}

impl Found {
    fn visit(&mut self, g: &mut Graph, id: NodeId, varies: &[bool]) {
        use ConditionKind::{
            AboveOne, ConstantRank, DetPositive, DistinctEigenvalues, DistinctSingularValues, InsideUnit, Invertible,
            NonNegative, NonZero, NotAtKink, NotPole, Positive, PositiveDefinite, PositiveSpectrum, UniqueExtremum,
        };
        let varying = |node: NodeId| varies.get(node.0 as usize).copied().unwrap_or(false);
        match g.node(id).clone() {
            Node::Product(p) => {
                for f in &p.factors {
                    let sign = self.known.sign(f.node);
                    let e = &f.exponent;
                    let steep = *e < matgrad_syntax::Rational::ONE && (e.is_negative() || varying(f.node));
                    let kind = match (e.is_integer(), steep, sign.nonnegative()) {
                        (true, ..) if e.is_negative() && !sign.nonzero() => NonZero,
                        (false, true, true) if !sign.nonzero() => NonZero,
                        (false, true, false) => Positive,
                        (false, false, false) => NonNegative,
                        _ => continue,
                    };
                    let used = used_entries(g, f);
                    self.add(g, kind, used);
                }
            }
            Node::Map(op, args) => {
                let u = args[0];
                match op {
                    MapOp::Log => self.add(g, Positive, u),
                    MapOp::Pow => match whole(g, args[1]) {
                        Some(false) => {}
                        Some(true) => self.add(g, NonZero, u),
                        None => self.add(g, Positive, u),
                    },
                    MapOp::Asin | MapOp::Acos | MapOp::Atanh => self.add(g, InsideUnit, u),
                    MapOp::Acosh => self.add(g, AboveOne, u),
                    MapOp::Tan => {
                        let cosine = g.map(MapOp::Cos, &[u]);
                        self.add(g, NonZero, cosine);
                    }
                    MapOp::Gamma | MapOp::Lgamma | MapOp::Polygamma(_) => self.add(g, NotPole, u),
                    MapOp::Cbrt if varying(u) => self.add(g, NonZero, u),
                    MapOp::Abs | MapOp::Sign | MapOp::Relu if varying(u) => self.add(g, NotAtKink, u),
                    MapOp::Max | MapOp::Min | MapOp::Less | MapOp::LessEq if varying(id) => {
                        let difference = g.subtract(u, args[1]);
                        self.add(g, NotAtKink, difference);
                    }
                    MapOp::Atan2 => {
                        let two = matgrad_syntax::Rational::int(2);
                        let (y, x) = (g.power(u, &two), g.power(args[1], &two));
                        let radius = g.add(x, y);
                        if !self.known.sign(u).nonzero() && !self.known.sign(args[1]).nonzero() {
                            self.add(g, NonZero, radius);
                        }
                    }
                    _ => {}
                }
            }
            Node::Reduce(op, arg, _) if varying(arg) => match op {
                ReduceOp::Max | ReduceOp::Min => self.add(g, UniqueExtremum, arg),
                ReduceOp::Prod if g.coincidence(arg).zeros => {}
                ReduceOp::Prod => self.add(g, NonZero, arg),
                ReduceOp::LogSumExp => {}
            },
            Node::Matrix(op, args) => {
                let x = args[0];
                match op {
                    MatrixOp::Inverse => self.add(g, Invertible, x),
                    MatrixOp::LogDet => self.add(g, DetPositive, x),
                    MatrixOp::Pinv if varying(x) => self.add(g, ConstantRank, x),
                    MatrixOp::Cholesky | MatrixOp::Sqrtm | MatrixOp::SqrtmFrechet => self.add(g, PositiveDefinite, x),
                    MatrixOp::Logm | MatrixOp::LogmFrechet => self.add(g, PositiveSpectrum, x),
                    MatrixOp::Eigvecs if varying(x) => self.add(g, DistinctEigenvalues, x),
                    MatrixOp::SvdU | MatrixOp::SvdV if varying(x) => self.add(g, DistinctSingularValues, x),
                    _ => {}
                }
            }
            _ => {}
        }
    }

    /// What the use of eigenvalues or singular values of `x` asks for.
    fn spectrum(&mut self, g: &mut Graph, values: NodeId, x: NodeId, uses: &spectrum::Use) {
        use ConditionKind::{
            DistinctEigenvalues, DistinctSingularValues, FullRank, SimpleEigenvalue, SimpleSingularValue,
        };
        let eigen = matches!(g.node(values), Node::Matrix(MatrixOp::Eigvals, _));
        if uses.apart {
            self.add(g, if eigen { DistinctEigenvalues } else { DistinctSingularValues }, x);
            return;
        }
        for value in &uses.picked {
            self.add(g, if eigen { SimpleEigenvalue } else { SimpleSingularValue }, *value);
        }
        if uses.together && !eigen {
            self.add(g, FullRank, x); // singular values have kinks where they are 0
        }
    }

    /// Notes a condition unless it always holds, in its simplest form.
    fn add(&mut self, g: &mut Graph, kind: ConditionKind, node: NodeId) {
        use ConditionKind::{
            ConstantRank, DetPositive, DistinctEigenvalues, DistinctSingularValues, FullRank, Invertible, NonNegative,
            NonZero, NotAllZero, NotAtKink, NotPole, Positive, PositiveDefinite, PositiveSpectrum,
        };
        if g.open_in(node) != 0 {
            return; // of a state inside a loop, for which there is no name
        }
        let (given, mut kind, mut node) = (node, kind, node);
        // a number in front does not matter, but for its sign
        let (c, rest) = g.primitive(node);
        let signed = matches!(kind, Positive | NonNegative | PositiveDefinite | DetPositive | PositiveSpectrum);
        if matches!(kind, NonZero | NotAtKink | Invertible) || signed && !c.is_negative() && kind != DetPositive {
            node = rest;
        }
        if let (NonZero | Positive, Node::Matrix(MatrixOp::Det, args)) = (kind, g.node(node)) {
            kind = if kind == NonZero { Invertible } else { DetPositive };
            node = args[0];
        }
        if let (NonZero, Node::Product(p)) = (kind, g.node(node))
            && let ([f], []) = (p.factors.as_slice(), p.out.as_slice())
            && f.exponent.is_even()
            && !f.exponent.is_negative()
        {
            (kind, node) = (NotAllZero, f.node); // a sum of squares
        }
        if let (NonZero | Positive, Node::Matrix(MatrixOp::Singvals, args)) = (kind, g.node(node)) {
            (kind, node) = (FullRank, args[0]);
        }
        if let (NonZero, Some(values)) = (kind, differences_of(g, node)) {
            // differences of eigenvalues or of squares of singular values
            let Node::Matrix(op, args) = g.node(values) else { return };
            let eigen = *op == MatrixOp::Eigvals;
            (kind, node) = (if eigen { DistinctEigenvalues } else { DistinctSingularValues }, args[0]);
        }
        if let (ConstantRank, Node::Product(p)) = (kind, g.node(node))
            && let [f, h] = p.factors.as_slice()
            && f.node == h.node
            && f.labels.iter().zip(&h.labels).filter(|(l, m)| l == m).count() == 1
        {
            node = f.node; // X'*X has the rank of X
        }
        if matches!(kind, Invertible | DetPositive | PositiveDefinite | PositiveSpectrum | ConstantRank | FullRank) {
            let turned = g.transpose(node);
            if matches!(kind, Invertible | PositiveSpectrum)
                && let Some(blocks) = triangular_blocks(g, node).or_else(|| triangular_blocks(g, turned))
            {
                blocks.into_iter().for_each(|block| self.add(g, kind, block));
                return;
            }
            node = node.min(turned);
        }
        // a sum that was made here is known by what it was made of
        let sign = match self.known.sign(node) {
            Sign::Any if !c.is_negative() => self.known.sign(given),
            sign => sign,
        };
        let pd = self.known.is_positive_definite(node);
        let positive_matrix = |g: &Graph| match g.node(node) {
            // these exist for positive definite arguments only, and then are invertible
            Node::Matrix(MatrixOp::Cholesky | MatrixOp::Sqrtm | MatrixOp::Expm, _) => true,
            _ => false,
        };
        let holds = match kind {
            Positive => sign.nonzero() && sign.nonnegative(),
            NonNegative => sign.nonnegative(),
            NonZero | NotAtKink | NotAllZero => sign.nonzero(),
            NotPole => sign.nonzero() && sign.nonnegative(),
            Invertible | DetPositive => pd || positive_matrix(g),
            PositiveDefinite | PositiveSpectrum => pd,
            _ => false,
        };
        let condition = Condition { kind, node };
        if !holds && !self.conditions.contains(&condition) {
            self.conditions.push(condition);
        }
    }

    /// Without denominators that are, but for scalars which are not 0, what another condition is on already: `r^2 + v`
    /// beside `r^2/v + 1` and `v`.
    fn without_multiples(&mut self, g: &mut Graph) {
        use ConditionKind::{NonZero, Positive};
        let mut multiples = Vec::new();
        for c in self.conditions.clone() {
            if let (Positive | NonZero, Some(whole)) = (c.kind, g.without_fractions(c.node)) {
                let nonzero = |node: NodeId| {
                    let stated = |c: &Condition| c.node == node && matches!(c.kind, Positive | NonZero);
                    self.known.sign(node).nonzero() || self.conditions.iter().any(stated)
                };
                if whole.divisors.iter().all(|(node, _)| nonzero(*node)) {
                    multiples.push(g.primitive(whole.node).1);
                }
            }
        }
        self.conditions.retain(|c| c.kind != NonZero || !multiples.contains(&c.node));
    }

    /// Without signs of sums that follow from the other conditions: `x^2 + 2*s^2 != 0` from `s != 0`.
    fn without_consequences(&mut self, g: &mut Graph) {
        use ConditionKind::{NonZero, Positive};
        let sign_of = |c: &Condition| match c.kind {
            Positive => Some((c.node, Sign::Positive)),
            NonZero => Some((c.node, Sign::NonZero)),
            _ => None,
        };
        for k in (0..self.conditions.len()).rev() {
            let own = self.conditions[k];
            if !matches!(own.kind, Positive | NonZero) || !matches!(g.node(own.node), Node::Sum(..)) {
                continue;
            }
            let others = self.conditions.iter().filter(|c| **c != own);
            let assumed: Vec<(NodeId, Sign)> = others.filter_map(sign_of).collect();
            if assumed.is_empty() {
                continue;
            }
            let order = g.reachable(&[own.node]);
            let sign = Knowledge::assuming(g, &order, &assumed).sign(own.node);
            if sign == Sign::Positive || own.kind == NonZero && sign.nonzero() {
                self.conditions.remove(k);
            }
        }
    }

    /// Without what follows from another condition on the same tensor.
    fn reduce(self, g: &Graph) -> Vec<Condition> {
        use ConditionKind::{
            ConstantRank, DetPositive, DistinctEigenvalues, DistinctSingularValues, FullRank, Invertible, NonNegative,
            NonZero, NotAllZero, NotAtKink, NotPole, Positive, PositiveDefinite, PositiveSpectrum, SimpleEigenvalue,
            SimpleSingularValue,
        };
        let stronger = |kind: ConditionKind| -> &[ConditionKind] {
            match kind {
                NonNegative | NotPole => &[Positive],
                NonZero => &[Positive, SimpleSingularValue],
                NotAtKink => &[Positive, NonZero],
                NotAllZero => &[Positive, NonZero],
                Invertible => &[DetPositive, PositiveDefinite, PositiveSpectrum],
                ConstantRank => &[FullRank],
                DetPositive | PositiveSpectrum => &[PositiveDefinite],
                _ => &[],
            }
        };
        let all = &self.conditions;
        let implied = |c: &Condition| {
            let distinct = match c.kind {
                SimpleEigenvalue => DistinctEigenvalues,
                SimpleSingularValue => DistinctSingularValues,
                FullRank => return all.contains(&Condition { kind: DistinctSingularValues, ..*c }),
                _ => return all.iter().any(|o| o.node == c.node && stronger(c.kind).contains(&o.kind)),
            };
            let of = matrix_of_value(g, c.node);
            all.iter().any(|other| other.kind == distinct && Some(other.node) == of)
        };
        all.iter().filter(|c| !implied(c)).copied().collect()
    }
}

/// The matrix of which the scalar is an eigenvalue or a singular value.
fn matrix_of_value(g: &Graph, value: NodeId) -> Option<NodeId> {
    let Node::Product(p) = g.node(value) else { return None };
    p.factors.iter().find_map(|f| match g.node(f.node) {
        Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, args) => Some(args[0]),
        _ => None,
    })
}

/// The square blocks on the diagonal of `[A, B; 0, D]` or `[A, 0; C, D]`, which have all its eigenvalues.
fn triangular_blocks(g: &Graph, node: NodeId) -> Option<[NodeId; 2]> {
    let Node::Stack(0, rows) = g.node(node) else { return None };
    let [top, bottom] = rows.as_slice() else { return None };
    let (Node::Stack(1, top), Node::Stack(1, bottom)) = (g.node(top.node), g.node(bottom.node)) else { return None };
    let ([a, b], [c, d]) = (top.as_slice(), bottom.as_slice()) else { return None };
    let square = |part: &Part| g.rank(part.node) == 2 && g.axes(part.node)[0] == g.axes(part.node)[1];
    let triangular = g.is_zero(b.node) || g.is_zero(c.node);
    (triangular && square(a) && square(d)).then_some([a.node, d.node])
}

/// The eigenvalues or singular values of which the node holds differences or powers, along with the identity.
fn differences_of(g: &Graph, node: NodeId) -> Option<NodeId> {
    let values = |id: NodeId| match g.node(id) {
        Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, _) => Some(id),
        Node::Product(p) => match p.factors.as_slice() {
            [f] if matches!(g.node(f.node), Node::Matrix(MatrixOp::Eigvals | MatrixOp::Singvals, _)) => Some(f.node),
            _ => None,
        },
        _ => None,
    };
    let identity = |id: NodeId| matches!(g.node(id), Node::Product(p) if p.factors.is_empty());
    match g.node(node) {
        Node::Sum(terms, _) => {
            let rest: Vec<NodeId> = terms.iter().map(|(_, n)| *n).filter(|n| !identity(*n)).collect();
            let found = values(*rest.first()?)?;
            (rest.len() > 1 && rest.iter().all(|n| values(*n) == Some(found))).then_some(found)
        }
        _ => None,
    }
}
