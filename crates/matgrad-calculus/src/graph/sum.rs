//! Linear combinations and the small algebra built on products: scaling, transposition, matrix products, broadcasting.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::{Dim, Dims, Factor, Graph, Labels, MapOp, Node, NodeId, Product, ProductBuilder};

impl Graph {
    /// The node of a product in normal form.
    pub(super) fn product_node(&mut self, product: Product) -> NodeId {
        if let [f] = product.factors.as_slice() {
            let plain = f.exponent.is_one()
                && f.labels == product.out
                && f.labels.iter().enumerate().all(|(k, l)| *l as usize == k);
            if plain {
                return f.node;
            }
        }
        let dims: Dims = product.out.iter().map(|l| product.dims[*l as usize]).collect();
        self.intern(Node::Product(product), dims)
    }

    /// `Σ coefficient·node` of same-shaped nodes.
    pub fn sum(&mut self, terms: &[(Rational, NodeId)], dims: &[Dim]) -> NodeId {
        let mut flat: Vec<(Rational, NodeId)> = Vec::with_capacity(terms.len());
        for (c, node) in terms {
            match self.node(*node) {
                Node::Sum(inner, _) => flat.extend(inner.iter().map(|(d, n)| (c * d, *n))),
                _ => flat.push((c.clone(), *node)),
            }
        }
        flat.sort_by_key(|(_, n)| *n);
        let mut merged: Vec<(Rational, NodeId)> = Vec::with_capacity(flat.len());
        for (c, n) in flat {
            match merged.last_mut() {
                Some((d, m)) if *m == n => *d = &*d + &c,
                _ => merged.push((c, n)),
            }
        }
        merged.retain(|(c, _)| !c.is_zero());
        if merged.len() > 1 {
            if let Some(node) = self.sum_of_stacks(&merged, dims) {
                return node;
            }
            if let Some(node) = self.sum_identity(&merged) {
                return node;
            }
            if let Some(shorter) = self.join_squares(&merged) {
                return self.sum(&shorter, dims);
            }
            if let Some(shorter) = self.join_comparisons(&merged) {
                return self.sum(&shorter, dims);
            }
        }
        match merged.as_slice() {
            [(c, n)] if c.is_one() => *n,
            _ => self.intern(Node::Sum(merged, Dims::from_slice(dims)), Dims::from_slice(dims)),
        }
    }

    /// `c*sin(u)^2*R + c*cos(u)^2*R = c*R`, and the same with `cosh(u)^2 - sinh(u)^2 = 1`.
    fn join_squares(&mut self, terms: &[(Rational, NodeId)]) -> Option<Vec<(Rational, NodeId)>> {
        if terms.len() > 64 {
            return None;
        }
        let two = Rational::int(2);
        for (k, (c, term)) in terms.iter().enumerate() {
            let Node::Product(p) = self.node(*term) else { continue };
            let square = |f: &Factor| f.exponent.is_integer() && f.exponent >= two;
            let squares: Vec<(usize, MapOp, NodeId)> = p
                .factors
                .iter()
                .enumerate()
                .filter_map(|(at, f)| match self.node(f.node) {
                    Node::Map(op @ (MapOp::Sin | MapOp::Sinh), args) if square(f) => Some((at, *op, args[0])),
                    _ => None,
                })
                .collect();
            if squares.is_empty() {
                continue;
            }
            let p = p.clone();
            for (at, op, arg) in squares {
                let Factor { labels, exponent, .. } = p.factors[at].clone();
                let (other, sign) = if op == MapOp::Sin { (MapOp::Cos, 1) } else { (MapOp::Cosh, -1) };
                let mut rest = p.factors.clone();
                rest[at].exponent = &exponent + &Rational::int(-2);
                if rest[at].exponent.is_zero() {
                    rest.remove(at);
                }
                let builder =
                    |factors: Vec<Factor>| ProductBuilder { coefficient: None, factors, dims: p.dims.clone() };
                let partner = self.map(other, &[arg]);
                let mut with = rest.clone();
                with.push(Factor { node: partner, labels, exponent: two.clone() });
                let with = builder(with).build(self, &p.out);
                let (d, with) = self.split(with);
                let wanted = &(c * &d) * &Rational::int(sign);
                let Some(j) = terms.iter().position(|(e, n)| *n == with && *e == wanted) else { continue };
                let joined = builder(rest).build(self, &p.out);
                let mut left: Vec<(Rational, NodeId)> =
                    terms.iter().enumerate().filter(|(i, _)| *i != k && *i != j).map(|(_, t)| t.clone()).collect();
                left.push((c * &Rational::int(sign), joined));
                return Some(left);
            }
        }
        None
    }

    /// `1 - sigmoid(u) = sigmoid(-u)` as a whole sum.
    fn sum_identity(&mut self, terms: &[(Rational, NodeId)]) -> Option<NodeId> {
        let [(a, one), (b, other)] = terms else { return None };
        if *a != -b.clone() {
            return None;
        }
        let ((c, _), sigmoid) = if self.constant(*one).is_some() { ((a, one), other) } else { ((b, other), one) };
        let constant = if sigmoid == other { one } else { other };
        self.constant(*constant)?;
        let Node::Map(MapOp::Sigmoid, args) = self.node(*sigmoid) else { return None };
        let (arg, c) = (args[0], c.clone());
        let flipped = self.negate(arg);
        let node = self.map(MapOp::Sigmoid, &[flipped]);
        Some(self.scale(node, &c))
    }

    /// `c*(a < b)*R + c*(b < a)*R = c*(a != b)*R`, of terms that are that comparison or have it as a factor.
    fn join_comparisons(&mut self, terms: &[(Rational, NodeId)]) -> Option<Vec<(Rational, NodeId)>> {
        if terms.len() > 16 {
            return None;
        }
        let less = |g: &Self, id: NodeId| match g.node(id) {
            Node::Map(MapOp::Less, args) => args.get(..2).and_then(|pair| <[NodeId; 2]>::try_from(pair).ok()),
            _ => None,
        };
        for (k, (c, term)) in terms.iter().enumerate() {
            let with = |g: &mut Self, args: [NodeId; 2]| match g.node(*term).clone() {
                Node::Map(..) => {
                    let (other, either) = (g.map(MapOp::Less, &[args[1], args[0]]), g.map(MapOp::NotEqual, &args));
                    Some((other, either))
                }
                Node::Product(p) => {
                    let at = p.factors.iter().position(|f| less(g, f.node) == Some(args))?;
                    let mut made = Vec::new();
                    for node in [g.map(MapOp::Less, &[args[1], args[0]]), g.map(MapOp::NotEqual, &args)] {
                        let mut factors = p.factors.clone();
                        factors[at].node = node;
                        made.push(ProductBuilder { coefficient: None, factors, dims: p.dims.clone() }.build(g, &p.out));
                    }
                    Some((made[0], made[1]))
                }
                _ => None,
            };
            let compared = match self.node(*term) {
                Node::Map(..) => less(self, *term),
                Node::Product(p) if p.factors.len() <= 8 => p.factors.iter().find_map(|f| less(self, f.node)),
                _ => None,
            };
            let Some(args) = compared else { continue };
            let Some((other, either)) = with(self, args) else { continue };
            if let Some(l) = terms.iter().skip(k + 1).position(|(d, other_term)| d == c && *other_term == other) {
                let mut shorter = terms.to_vec();
                shorter[k].1 = either;
                shorter.remove(k + 1 + l);
                return Some(shorter);
            }
        }
        None
    }

    /// The terms of a node as a sum, and its dimensions.
    pub fn terms(&self, node: NodeId) -> (Vec<(Rational, NodeId)>, Dims) {
        match self.node(node) {
            Node::Sum(terms, dims) => (terms.clone(), dims.clone()),
            _ => (vec![(Rational::ONE, node)], self.axes(node).clone()),
        }
    }

    /// `a + b`.
    pub fn add(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let dims = self.axes(a).clone();
        self.sum(&[(Rational::ONE, a), (Rational::ONE, b)], &dims)
    }

    /// `a - b`.
    pub fn subtract(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let dims = self.axes(a).clone();
        self.sum(&[(Rational::ONE, a), (Rational::int(-1), b)], &dims)
    }

    /// `factor * a`, a number times a node.
    pub fn scale(&mut self, a: NodeId, factor: &Rational) -> NodeId {
        if factor.is_one() {
            return a;
        }
        let dims = self.axes(a).clone();
        let terms = match self.node(a) {
            Node::Sum(terms, _) => terms.iter().map(|(c, n)| (c * factor, *n)).collect(),
            _ => vec![(factor.clone(), a)],
        };
        if factor.is_zero() {
            return self.zeros(&dims);
        }
        match terms.as_slice() {
            [(c, n)] if c.is_one() => *n,
            _ => self.intern(Node::Sum(terms, dims.clone()), dims),
        }
    }

    /// `-a`.
    pub fn negate(&mut self, a: NodeId) -> NodeId {
        self.scale(a, &Rational::int(-1))
    }

    /// Number and rest with `node = number * rest`: the rest of a sum has whole coefficients without a common divisor,
    /// and of the pair `s`, `-s` it is the one that was written first.
    pub fn primitive(&mut self, node: NodeId) -> (Rational, NodeId) {
        let Node::Sum(terms, dims) = self.node(node) else { return (Rational::ONE, node) };
        if let [(c, n)] = terms.as_slice() {
            return (c.clone(), *n);
        }
        if terms.is_empty() {
            return (Rational::ONE, node);
        }
        let (terms, dims) = (terms.clone(), dims.clone());
        let content = content(&terms);
        let rest = match content.recip() {
            Some(r) if !content.is_one() => self.scale(node, &r),
            _ => node,
        };
        // look without creating: the negative is only used where somebody wrote it before
        let Node::Sum(own, _) = self.node(rest) else { return (Rational::ONE, node) };
        let negative: Vec<_> = own.iter().map(|(c, n)| (-c.clone(), *n)).collect();
        let found = self.find(&Node::Sum(negative, dims));
        match found {
            Some(minus) if minus < rest => (-content, minus),
            _ => (content, rest),
        }
    }

    /// The id of a node, if it exists.
    pub(super) fn find(&self, node: &Node) -> Option<NodeId> {
        use std::hash::BuildHasher;
        let hash = rustc_hash::FxBuildHasher.hash_one(node);
        self.table.find(hash, |id| self.nodes[id.0 as usize] == *node).copied()
    }

    /// `1 + exp(u)` (or `1 + exp(-u)`) to a negative whole power as a power of a sigmoid.
    pub(super) fn as_sigmoid(&mut self, node: NodeId, exponent: &Rational) -> Option<(NodeId, Rational)> {
        if !exponent.is_negative() || !exponent.is_integer() {
            return None;
        }
        let u = self.one_plus_exp(node)?;
        let minus = self.negate(u);
        let sigmoid = self.map(MapOp::Sigmoid, &[minus]);
        Some((sigmoid, -exponent.clone()))
    }

    /// `u` where the node is `1 + exp(u)`.
    pub(super) fn one_plus_exp(&mut self, node: NodeId) -> Option<NodeId> {
        let Node::Sum(terms, _) = self.node(node) else { return None };
        let [(a, x), (b, y)] = terms.as_slice() else { return None };
        if !a.is_one() || !b.is_one() {
            return None;
        }
        let other = match (self.constant(*x), self.constant(*y)) {
            (Some(c), None) if c.is_one() => *y,
            (None, Some(c)) if c.is_one() => *x,
            _ => return None,
        };
        self.log_of_exp(other)
    }

    /// `u` where the node is `exp(u)`.
    pub fn log_of_exp(&mut self, node: NodeId) -> Option<NodeId> {
        match self.node(node) {
            Node::Map(MapOp::Exp, args) => Some(args[0]),
            Node::Product(p) => {
                let [f] = p.factors.as_slice() else { return None };
                if f.labels != p.out || p.out.iter().enumerate().any(|(k, l)| *l as usize != k) {
                    return None;
                }
                let Node::Map(MapOp::Exp, args) = self.node(f.node) else { return None };
                let (arg, power) = (args[0], f.exponent.clone());
                Some(self.scale(arg, &power))
            }
            _ => None,
        }
    }

    /// Whether a factor is nowhere negative, whatever the inputs.
    pub(super) fn is_nonnegative_power(&self, f: &Factor) -> bool {
        f.exponent.is_even() || self.is_nonnegative(f.node)
    }

    /// Whether every entry is at least 0 by construction or declaration.
    pub fn is_nonnegative(&self, node: NodeId) -> bool {
        use matgrad_syntax::Attribute::{Nonneg, Positive};
        match self.node(node) {
            Node::Input(_) => {
                self.as_input(node).is_some_and(|i| i.attributes.iter().any(|a| matches!(a, Positive | Nonneg)))
            }
            Node::Size(_) | Node::Pi | Node::OneHot { .. } | Node::Iota(_) | Node::Shift { .. } | Node::Fuse { .. } => {
                true
            }
            Node::Map(op, _) => matches!(
                op,
                MapOp::Exp
                    | MapOp::Abs
                    | MapOp::Cosh
                    | MapOp::Sigmoid
                    | MapOp::Softplus
                    | MapOp::Relu
                    | MapOp::Less
                    | MapOp::LessEq
                    | MapOp::Equal
                    | MapOp::NotEqual
            ),
            Node::Product(p) => p.factors.iter().all(|f| {
                f.exponent.is_even()
                    || match self.node(f.node) {
                        Node::Product(_) | Node::Sum(..) => false, // one level is enough, and bounded
                        _ => self.is_nonnegative(f.node),
                    }
            }),
            _ => false,
        }
    }

    /// Whether every entry is 0 or 1, so that all positive powers are equal.
    pub(super) fn is_indicator(&self, node: NodeId) -> bool {
        matches!(
            self.node(node),
            Node::OneHot { .. }
                | Node::Shift { .. }
                | Node::Fuse { .. }
                | Node::Map(MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual, _)
        )
    }

    /// The entry-wise power.
    pub fn power(&mut self, node: NodeId, exponent: &Rational) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.power(node, &labels, exponent.clone());
        p.build(self, &labels)
    }

    /// The entry-wise product of same-shaped nodes.
    pub fn hadamard(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, a);
        p.factor(a, &labels);
        p.factor(b, &labels);
        p.build(self, &labels)
    }

    /// A scalar times a tensor.
    pub fn multiply_scalar(&mut self, scalar: NodeId, node: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.factor(scalar, &[]);
        p.factor(node, &labels);
        p.build(self, &labels)
    }

    /// The matrix product of two matrices, or of a matrix and a vector.
    pub fn matmul(&mut self, a: NodeId, b: NodeId) -> NodeId {
        let mut p = ProductBuilder::new();
        let la = p.labels_of(self, a);
        let mut lb = p.labels_of(self, b);
        let (Some(&last), Some(first)) = (la.last(), lb.first_mut()) else { return self.multiply_scalar(a, b) };
        p.dims[*first as usize] = Dim(u32::MAX);
        *first = last;
        p.factor(a, &la);
        p.factor(b, &lb);
        let out: Labels = la[..la.len() - 1].iter().chain(&lb[1..]).copied().collect();
        p.build(self, &out)
    }

    /// Axes in another order: axis `k` of the result is axis `order[k]` of the node.
    pub fn permute(&mut self, node: NodeId, order: &[usize]) -> NodeId {
        if order.iter().enumerate().all(|(k, o)| k == *o) {
            return node;
        }
        let dims: Dims = order.iter().map(|k| self.axes(node)[*k]).collect();
        if let Node::Sum(terms, _) = self.node(node) {
            let terms = terms.clone();
            let terms: Vec<_> = terms.into_iter().map(|(c, n)| (c, self.permute_term(n, order))).collect();
            return self.sum(&terms, &dims);
        }
        self.permute_term(node, order)
    }

    fn permute_term(&mut self, node: NodeId, order: &[usize]) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.factor(node, &labels);
        let out: Labels = order.iter().map(|k| labels[*k]).collect();
        p.build(self, &out)
    }

    /// The transpose of a matrix (the node itself where it has fewer axes).
    pub fn transpose(&mut self, node: NodeId) -> NodeId {
        if self.rank(node) == 2 { self.permute(node, &[1, 0]) } else { node }
    }

    /// `node`, which lacks the given axes of `like`, repeated along them.
    pub fn broadcast_except(&mut self, node: NodeId, like: NodeId, missing: &[u8]) -> NodeId {
        let mut p = ProductBuilder::new();
        let out = p.labels_of(self, like);
        let labels: Labels =
            out.iter().enumerate().filter(|(k, _)| !missing.contains(&(*k as u8))).map(|(_, l)| *l).collect();
        p.factor(node, &labels);
        p.build(self, &out)
    }

    /// A scalar repeated to a shape.
    pub fn broadcast_scalar(&mut self, scalar: NodeId, dims: &[Dim]) -> NodeId {
        if let Some(c) = self.constant(scalar) {
            return self.full(dims, c);
        }
        let mut p = ProductBuilder::new();
        let out: Labels = dims.iter().map(|d| p.label(*d)).collect();
        p.factor(scalar, &[]);
        p.build(self, &out)
    }

    /// The sum over the axes listed.
    pub fn sum_axes(&mut self, node: NodeId, axes: &[u8]) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.factor(node, &labels);
        let out: Labels =
            labels.iter().enumerate().filter(|(k, _)| !axes.contains(&(*k as u8))).map(|(_, l)| *l).collect();
        p.build(self, &out)
    }

    /// Every node of `root` built anew with some nodes replaced; simplifications apply on the way.
    pub fn replace(&mut self, root: NodeId, map: &FxHashMap<NodeId, NodeId>) -> NodeId {
        let order = self.reachable(&[root]);
        let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in order {
            let rebuilt = match map.get(&id) {
                Some(&to) => to,
                None => self.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child)),
            };
            new.insert(id, rebuilt);
        }
        new.get(&root).copied().unwrap_or(root)
    }

    /// The node with its children replaced, through the constructors.
    pub fn rebuild(&mut self, id: NodeId, child: &dyn Fn(NodeId) -> NodeId) -> NodeId {
        let mut changed = false;
        self.for_each_child(id, |c| changed |= child(c) != c);
        if !changed {
            return id;
        }
        let dims = self.axes(id).clone();
        match self.node(id).clone() {
            Node::Product(p) => {
                let factors = p
                    .factors
                    .into_iter()
                    .map(|f| Factor { node: child(f.node), labels: f.labels, exponent: f.exponent })
                    .collect();
                ProductBuilder { coefficient: None, factors, dims: p.dims }.build(self, &p.out)
            }
            Node::Sum(terms, _) => {
                let terms: Vec<_> = terms.into_iter().map(|(c, n)| (c, child(n))).collect();
                self.sum(&terms, &dims)
            }
            Node::Map(op, args) => {
                let args: SmallVec<[NodeId; 2]> = args.into_iter().map(child).collect();
                self.map(op, &args)
            }
            Node::Reduce(op, arg, axes) => self.reduce(op, child(arg), &axes),
            Node::Matrix(op, args) => {
                let args: SmallVec<[NodeId; 2]> = args.into_iter().map(child).collect();
                self.matrix(op, &args)
            }
            Node::Stack(axis, parts) => {
                let parts = parts.into_iter().map(|p| super::Part { node: child(p.node), ..p }).collect();
                self.stack(axis, parts)
            }
            Node::Call(function, derivative, args) => {
                let args: Vec<NodeId> = args.into_iter().map(child).collect();
                self.call(function, &derivative, &args)
            }
            Node::Loop(r, reading) => self.rebuild_loop(&r, reading, child),
            _ => id,
        }
    }
}

/// The positive rational by which coefficients divide into coprime whole numbers.
fn content(terms: &[(Rational, NodeId)]) -> Rational {
    use num_integer::Integer;
    let (mut numerator, mut denominator) = (0i64, 1i64);
    for (c, _) in terms {
        let Rational::Small(n, d) = c else { return Rational::ONE };
        numerator = numerator.gcd(n);
        let Some(lcm) = (denominator / denominator.gcd(d)).checked_mul(*d) else { return Rational::ONE };
        denominator = lcm;
    }
    if numerator == 0 { Rational::ONE } else { Rational::new(numerator.abs(), denominator) }
}
