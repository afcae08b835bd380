//! Functions entry by entry: what is known of their values and signs, exactly.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use super::product::Work;
use super::{Factor, Graph, Labels, MapOp, Node, NodeId, Part, ProductBuilder, ReduceOp};

impl Graph {
    /// A function applied entry by entry to same-shaped operands.
    pub fn map(&mut self, op: MapOp, args: &[NodeId]) -> NodeId {
        if let [arg] = args { self.unary(op, *arg) } else { self.several(op, args) }
    }

    fn unary(&mut self, op: MapOp, arg: NodeId) -> NodeId {
        if let Some(node) = self.known_value(op, arg) {
            return node;
        }
        if let Node::Stack(axis, parts) = self.node(arg) {
            let (axis, parts) = (*axis, parts.clone());
            let parts = parts.into_iter().map(|p| Part { node: self.unary(op, p.node), ..p }).collect();
            return self.stack(axis, parts);
        }
        if let Some(missing) = self.repeated_axes(arg) {
            let narrow = self.drop_axes(arg, &missing);
            let value = self.unary(op, narrow);
            return self.broadcast_except(value, arg, &missing);
        }
        if self.rank(arg) == 2 {
            let transposed = self.transpose(arg);
            if transposed < arg {
                let value = self.intern_map(op, &[transposed]);
                return self.transpose(value);
            }
        }
        self.intern_map(op, &[arg])
    }

    fn intern_map(&mut self, op: MapOp, args: &[NodeId]) -> NodeId {
        let dims = self.axes(args[0]).clone();
        let node = self.intern(Node::Map(op, SmallVec::from_slice(args)), dims);
        self.is_symmetric(node); // known from the start, so that nobody has to look deep later
        node
    }

    fn known_value(&mut self, op: MapOp, arg: NodeId) -> Option<NodeId> {
        let dims = self.axes(arg).clone();
        if let Some(c) = self.constant(arg) {
            let value = match op {
                MapOp::Exp | MapOp::Cos | MapOp::Cosh if c.is_zero() => Some(Rational::ONE),
                MapOp::Sin
                | MapOp::Tan
                | MapOp::Asin
                | MapOp::Atan
                | MapOp::Sinh
                | MapOp::Tanh
                | MapOp::Asinh
                | MapOp::Atanh
                | MapOp::Erf
                | MapOp::Cbrt
                    if c.is_zero() =>
                {
                    Some(Rational::ZERO)
                }
                MapOp::Log | MapOp::Lgamma | MapOp::Acosh | MapOp::Acos if c.is_one() => Some(Rational::ZERO),
                MapOp::Sigmoid if c.is_zero() => Some(Rational::new(1, 2)),
                MapOp::Abs => Some(c.abs()),
                MapOp::Relu => Some(if c.is_negative() { Rational::ZERO } else { c.clone() }),
                MapOp::Sign => Some(Rational::int(if c.is_zero() {
                    0
                } else if c.is_negative() {
                    -1
                } else {
                    1
                })),
                MapOp::Gamma if c.to_i64().is_some_and(|v| (1..=20).contains(&v)) => {
                    Some((1..c.to_i64().unwrap_or(1)).fold(Rational::ONE, |f, k| &f * &Rational::int(k)))
                }
                _ => None,
            };
            if let Some(value) = value {
                return Some(self.full(&dims, value));
            }
            if op == MapOp::Softplus && c.is_zero() {
                let two = self.full(&dims, Rational::int(2));
                return Some(self.unary(MapOp::Log, two));
            }
        }
        match op {
            // exp(sum(log(z))) is prod(z)
            MapOp::Exp if let Some((c, z)) = self.sum_of_logs(arg) => {
                let axes: SmallVec<[u8; 4]> = (0..self.rank(z) as u8).collect();
                let product = self.reduce(ReduceOp::Prod, z, &axes);
                Some(self.power(product, &c))
            }
            MapOp::Exp => {
                let (c, rest) = self.primitive(arg);
                if let Node::Map(MapOp::Log, args) = self.node(rest) {
                    let base = args[0];
                    return Some(self.power(base, &c));
                }
                // exp(c·z) = exp(z)^c, so that exp(z) and exp(-z) cancel
                (!c.is_one() && self.constant(rest).is_none()).then(|| {
                    let value = self.unary(MapOp::Exp, rest);
                    self.power(value, &c)
                })
            }
            MapOp::Log => self.log_value(arg),
            MapOp::Sigmoid if let Some((a, b)) = self.log_odds(arg) => {
                let whole = self.add(a, b);
                if self.constant(whole).is_some_and(|c| c.is_one()) {
                    return Some(a);
                }
                let inverse = self.power(whole, &Rational::int(-1));
                Some(self.hadamard(a, inverse))
            }
            MapOp::Tanh | MapOp::Sinh | MapOp::Sin | MapOp::Cos | MapOp::Tan | MapOp::Asinh | MapOp::Atanh
                if self.undoes(op, arg).is_some() =>
            {
                self.undoes(op, arg)
            }
            MapOp::Abs => {
                if self.is_nonnegative(arg) {
                    return Some(arg);
                }
                let (c, rest) = self.primitive(arg);
                (!c.is_one()).then(|| {
                    let value = self.unary(MapOp::Abs, rest);
                    self.scale(value, &c.abs())
                })
            }
            MapOp::Sign => {
                let (c, rest) = self.primitive(arg);
                (!c.is_one() && !c.is_zero()).then(|| {
                    let value = self.unary(MapOp::Sign, rest);
                    if c.is_negative() { self.negate(value) } else { value }
                })
            }
            MapOp::Sin
            | MapOp::Tan
            | MapOp::Asin
            | MapOp::Atan
            | MapOp::Sinh
            | MapOp::Tanh
            | MapOp::Asinh
            | MapOp::Atanh
            | MapOp::Erf
            | MapOp::Cbrt => {
                let (c, _) = self.primitive(arg);
                c.is_negative().then(|| {
                    let positive = self.negate(arg);
                    let value = self.unary(op, positive);
                    self.negate(value)
                })
            }
            MapOp::Cos | MapOp::Cosh => {
                let (c, _) = self.primitive(arg);
                c.is_negative().then(|| {
                    let positive = self.negate(arg);
                    self.unary(op, positive)
                })
            }
            _ => None,
        }
    }

    /// `f(g(x)) = x` where g is the inverse of f wherever it has a value.
    fn undoes(&self, op: MapOp, arg: NodeId) -> Option<NodeId> {
        let Node::Map(inner, args) = self.node(arg) else { return None };
        let inverse = matches!(
            (op, inner),
            (MapOp::Tanh, MapOp::Atanh)
                | (MapOp::Sinh, MapOp::Asinh)
                | (MapOp::Sin, MapOp::Asin)
                | (MapOp::Cos, MapOp::Acos)
                | (MapOp::Tan, MapOp::Atan)
                | (MapOp::Asinh, MapOp::Sinh)
                | (MapOp::Atanh, MapOp::Tanh)
        );
        inverse.then_some(args[0])
    }

    /// The c and z of `c*sum(log(z))`.
    fn sum_of_logs(&self, arg: NodeId) -> Option<(Rational, NodeId)> {
        let (c, rest) = self.split(arg);
        let Node::Product(p) = self.node(rest) else { return None };
        let [f] = p.factors.as_slice() else { return None };
        let distinct = f.labels.iter().enumerate().all(|(k, l)| !f.labels[..k].contains(l));
        let Node::Map(MapOp::Log, args) = self.node(f.node) else { return None };
        (p.out.is_empty() && f.exponent.is_one() && distinct && !f.labels.is_empty() && c.is_integer())
            .then_some((c, args[0]))
    }

    /// The a and b of `log(a) - log(b)`: its sigmoid is a/(a + b).
    fn log_odds(&self, arg: NodeId) -> Option<(NodeId, NodeId)> {
        let Node::Sum(terms, _) = self.node(arg) else { return None };
        let [(a, first), (b, second)] = terms.as_slice() else { return None };
        let (plus, minus) = match (a.is_one(), b.is_one()) {
            (true, false) if b.is_minus_one() => (*first, *second),
            (false, true) if a.is_minus_one() => (*second, *first),
            _ => return None,
        };
        match (self.node(plus), self.node(minus)) {
            (Node::Map(MapOp::Log, a), Node::Map(MapOp::Log, b)) => Some((a[0], b[0])),
            _ => None,
        }
    }

    fn log_value(&mut self, arg: NodeId) -> Option<NodeId> {
        if let Some(u) = self.log_of_exp(arg) {
            return Some(u);
        }
        if let Some(u) = self.one_plus_exp(arg) {
            return Some(self.unary(MapOp::Softplus, u));
        }
        let Node::Product(p) = self.node(arg) else { return None };
        let [f] = p.factors.as_slice() else { return None };
        let (f, out) = (f.clone(), p.out.clone());
        let all_there = out.iter().all(|l| f.labels.contains(l));
        if all_there && f.labels.len() == out.len() && !f.exponent.is_one() && !f.exponent.is_even() {
            // log(z^c) = c·log(z) where z has to be positive anyway
            let base = self.power(arg, &f.exponent.recip()?);
            let value = self.unary(MapOp::Log, base);
            return Some(self.scale(value, &f.exponent));
        }
        if let Node::Map(MapOp::Exp, args) = self.node(f.node) {
            let ordered = f.labels.iter().filter(|l| out.contains(l)).eq(out.iter());
            let distinct = f.labels.iter().enumerate().all(|(k, l)| !f.labels[..k].contains(l));
            if ordered && distinct && f.labels.len() > out.len() {
                let arg = args[0];
                let axes: SmallVec<[u8; 4]> =
                    (0..f.labels.len()).filter(|k| !out.contains(&f.labels[*k])).map(|k| k as u8).collect();
                let scaled = self.scale(arg, &f.exponent);
                return Some(self.reduce(ReduceOp::LogSumExp, scaled, &axes));
            }
        }
        None
    }

    /// The largest or smallest of equal copies is one of them, so that no tie is counted twice.
    pub(super) fn reduced_copies(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8]) -> Option<NodeId> {
        if !matches!(op, ReduceOp::Max | ReduceOp::Min) {
            return None;
        }
        if let Node::Stack(0, parts) = self.node(arg)
            && self.rank(arg) == 1
        {
            let mut parts = parts.clone();
            let before = parts.len();
            let mut seen: Vec<NodeId> = Vec::new();
            parts.retain(|p| p.extent.is_some() || !seen.contains(&p.node) && (seen.push(p.node), true).1);
            if parts.len() == before {
                return None;
            }
            if let [Part { node, extent: None }] = parts.as_slice() {
                return Some(*node);
            }
            let fewer = self.stack(0, parts);
            return Some(self.reduce(op, fewer, axes));
        }
        let missing = self.repeated_axes(arg)?;
        let copies: SmallVec<[u8; 4]> = missing.iter().copied().filter(|k| axes.contains(k)).collect();
        if copies.is_empty() {
            return None;
        }
        let narrow = self.drop_axes(arg, &copies);
        let left: SmallVec<[u8; 4]> = axes
            .iter()
            .filter(|k| !copies.contains(k))
            .map(|k| k - copies.iter().filter(|c| *c < k).count() as u8)
            .collect();
        Some(if left.is_empty() { narrow } else { self.reduce(op, narrow, &left) })
    }

    /// The product of powers is the power of a sum, `prod(exp(z)) = exp(sum(z))`, and that of copies is a power.
    pub(super) fn reduced_product(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8]) -> Option<NodeId> {
        if op != ReduceOp::Prod {
            return None;
        }
        if let Node::Map(MapOp::Exp, args) = self.node(arg) {
            let total = self.sum_axes(args[0], axes);
            return Some(self.map(MapOp::Exp, &[total]));
        }
        let missing = self.repeated_axes(arg)?;
        let [axis] = missing.iter().copied().filter(|k| axes.contains(k)).collect::<SmallVec<[u8; 4]>>()[..] else {
            return None;
        };
        if self.constant(arg).is_some() {
            return None;
        }
        let dim = *self.axes(arg).get(usize::from(axis))?;
        let narrow = self.drop_axes(arg, &[axis]);
        let left: SmallVec<[u8; 4]> =
            axes.iter().filter(|k| **k != axis).map(|k| if *k > axis { k - 1 } else { *k }).collect();
        let one = self.reduce(op, narrow, &left);
        if let Some(count) = self.sizes.value(dim) {
            return Some(self.power(one, &Rational::int(count)));
        }
        if self.rank(one) > 0 {
            return None;
        }
        let count = self.size(dim);
        Some(self.map(MapOp::Pow, &[one, count]))
    }

    /// Axes along which the node only repeats itself.
    pub(crate) fn repeated_axes(&self, node: NodeId) -> Option<SmallVec<[u8; 4]>> {
        let repeated = |id: NodeId| -> SmallVec<[u8; 4]> {
            match self.node(id) {
                Node::Product(p) => (0..p.out.len())
                    .filter(|k| {
                        let label = p.out[*k];
                        p.out.iter().filter(|l| **l == label).count() == 1
                            && !p.factors.iter().any(|f| f.labels.contains(&label))
                    })
                    .map(|k| k as u8)
                    .collect(),
                _ => SmallVec::new(),
            }
        };
        let mut axes = match self.node(node) {
            Node::Sum(terms, _) => {
                let (_, first) = terms.first()?;
                let mut common = repeated(*first);
                for (_, n) in &terms[1..] {
                    if common.is_empty() {
                        return None;
                    }
                    let here = repeated(*n);
                    common.retain(|a| here.contains(a));
                }
                common
            }
            _ => repeated(node),
        };
        axes.sort_unstable();
        (!axes.is_empty()).then_some(axes)
    }

    /// The node without axes along which it only repeats itself.
    fn drop_axes(&mut self, node: NodeId, axes: &[u8]) -> NodeId {
        let dims: SmallVec<[super::Dim; 4]> =
            self.axes(node).iter().enumerate().filter(|(k, _)| !axes.contains(&(*k as u8))).map(|(_, d)| *d).collect();
        match self.node(node).clone() {
            Node::Sum(terms, _) => {
                let terms: Vec<_> = terms.into_iter().map(|(c, n)| (c, self.drop_axes(n, axes))).collect();
                self.sum(&terms, &dims)
            }
            Node::Product(p) => {
                let out: Labels =
                    p.out.iter().enumerate().filter(|(k, _)| !axes.contains(&(*k as u8))).map(|(_, l)| *l).collect();
                let mut builder = ProductBuilder { coefficient: None, factors: p.factors, dims: p.dims };
                for (k, l) in p.out.iter().enumerate() {
                    if axes.contains(&(k as u8)) {
                        builder.dims[*l as usize] = super::Dim(u32::MAX);
                    }
                }
                builder.build(self, &out)
            }
            _ => node,
        }
    }

    fn several(&mut self, op: MapOp, args: &[NodeId]) -> NodeId {
        match (op, args) {
            (MapOp::Max | MapOp::Min, [a, b]) if a == b => return *a,
            (MapOp::Pow, [base, exponent]) => {
                if let Some(c) = self.constant(*exponent) {
                    return self.power(*base, &c);
                }
                if self.constant(*base).is_some_and(|c| c.is_one()) {
                    return *base;
                }
            }
            (MapOp::Where, [condition, yes, no]) => {
                if yes == no {
                    return *yes;
                }
                if let Some(c) = self.constant(*condition) {
                    return if c.is_zero() { *no } else { *yes };
                }
            }
            _ => {}
        }
        if let Some(node) = self.compare_constants(op, args) {
            return node;
        }
        if self.rank(args[0]) == 2 {
            // one orientation for all operands: the one in which the first unsymmetric operand was written first
            let transposed: SmallVec<[NodeId; 3]> = args.iter().map(|a| self.transpose(*a)).collect();
            let flip = args.iter().zip(&transposed).find(|(a, t)| a != t).is_some_and(|(a, t)| t < a);
            if flip {
                let value = self.intern_map(op, &transposed);
                return self.transpose(value);
            }
        }
        self.intern_map(op, args)
    }

    fn compare_constants(&mut self, op: MapOp, args: &[NodeId]) -> Option<NodeId> {
        let [a, b] = args else { return None };
        let (x, y) = (self.constant(*a)?, self.constant(*b)?);
        let truth = |holds: bool| Rational::int(i64::from(holds));
        let value = match op {
            MapOp::Less => truth(x < y),
            MapOp::LessEq => truth(x <= y),
            MapOp::Equal => truth(x == y),
            MapOp::NotEqual => truth(x != y),
            MapOp::Max => x.max(y),
            MapOp::Min => x.min(y),
            _ => return None,
        };
        let dims = self.axes(*a).clone();
        Some(self.full(&dims, value))
    }
}

impl Work {
    /// u^v · u^k = u^(v+k) and u^v · u^w = u^(v+w).
    pub(super) fn join_powers(&mut self, g: &mut Graph, k: usize, args: &[NodeId]) -> Option<Vec<Factor>> {
        let [base, exponent] = args else { return None };
        let labels = self.factors[k].labels.clone();
        let more = |f: &Factor| match g.node(f.node) {
            _ if f.labels != labels => None,
            Node::Map(MapOp::Pow, other) if f.node != self.factors[k].node && other[0] == *base => {
                Some((Some(other[1]), f.exponent.clone()))
            }
            _ => (f.node == *base).then(|| (None, f.exponent.clone())),
        };
        let (j, (node, factor)) = (0..self.factors.len()).find_map(|j| Some((j, more(&self.factors[j])?)))?;
        let dims = g.axes(*exponent).clone();
        let added = node.unwrap_or_else(|| g.ones(&dims));
        let total = g.sum(&[(Rational::ONE, *exponent), (factor, added)], &dims);
        let node = g.map(MapOp::Pow, &[*base, total]);
        self.factors[k] = Factor { node, labels, exponent: Rational::ONE };
        self.factors.swap_remove(j);
        Some(std::mem::take(&mut self.factors))
    }
}
