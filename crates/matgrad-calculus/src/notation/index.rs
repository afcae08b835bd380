//! Index notation, for what no matrix expression can show: `G[p,q,i,j] = delta[j,p]*R[i,q] + delta[j,q]*R[i,p]`.

use matgrad_syntax::{Name, Rational, patience};
use smallvec::SmallVec;

use super::Printer;
use super::atoms::{form_of, map_name};
use super::expr::{Comparison, Form, Kind, M, Sub, WHOLE};
use crate::graph::{Dim, Factor, FunctionId, Label, Labels, MapOp, Node, NodeId, Product, ProductBuilder, ReduceOp};

/// Deeper nesting than this is given up: the result would not be readable.
const DEPTH_LIMIT: usize = 200;

/// Sums over indices that are written out in the expression.
#[derive(Clone, Debug)]
pub(super) struct BoundSum {
    pub name: Name,
    pub dim: Dim,
}

impl Printer<'_> {
    /// Names for the axes of a result, none of them taken by a variable or a dimension.
    pub(super) fn index_names(&self, count: usize, split: usize) -> Vec<Name> {
        let pools: [&[&str]; 2] = [&["p", "q", "r", "s", "u", "v", "w"], &["i", "j", "k", "l", "m", "n", "o", "h"]];
        let mut names: Vec<Name> = Vec::new();
        for k in 0..count {
            let pool = if k < split { pools[0] } else { pools[1] };
            let free = pool.iter().find(|n| !self.taken.contains(**n) && !names.iter().any(|x| &**x == **n));
            let name = match free {
                Some(n) => Name::from(*n),
                None => self.fresh("i", &names),
            };
            names.push(name);
        }
        names
    }

    fn fresh(&self, stem: &str, others: &[Name]) -> Name {
        (1..)
            .map(|k| Name::from(format!("{stem}{k}")))
            .inspect(|_| patience::look())
            .find(|n| !self.taken.contains(&**n) && !others.contains(n) && !self.bound.contains(n))
            .unwrap_or_else(|| Name::from(stem))
    }

    pub(super) fn fresh_bound(&mut self) -> Name {
        let pool = ["a", "b", "c", "d", "e", "f", "g", "h", "k", "l", "r", "s"];
        let used = |n: &Name| self.taken.contains(&**n) || self.bound.contains(n) || self.g.has_name(n);
        let free = pool.iter().map(|n| Name::from(*n)).find(|n| !used(n));
        let name = free.unwrap_or_else(|| self.fresh("s", &[]));
        self.bound.push(name.clone());
        name
    }

    /// The entry of a node at the given positions.
    pub(super) fn entry_at(&mut self, id: NodeId, at: &[M], depth: usize) -> Option<M> {
        patience::look();
        if depth > DEPTH_LIMIT {
            return None;
        }
        if at.is_empty()
            && let Some(m) = self.expr(id)
        {
            return Some(m);
        }
        match self.g.node(id).clone() {
            Node::Sum(terms, _) => {
                let terms: Vec<(Rational, M)> = terms
                    .iter()
                    .map(|(c, n)| Some((c.clone(), self.entry_at(*n, at, depth + 1)?)))
                    .collect::<Option<_>>()?;
                return Some(self.arena.sum(terms, Form::Scalar));
            }
            Node::Product(p) => return self.product_at(&p, at, depth),
            Node::Map(op, args) if self.g.rank(id) > 2 || self.compares_places(id) || self.expr(id).is_none() => {
                let args: Vec<M> = args.iter().map(|a| self.entry_at(*a, at, depth + 1)).collect::<Option<_>>()?;
                return self.map_of_entries(op, args);
            }
            Node::Stack(axis, parts) if self.g.rank(id) > 2 || self.expr(id).is_none() => {
                // one term a piece, picked by a delta on the stacked position
                let mut terms = Vec::new();
                let mut rest = at.to_vec();
                let position = rest.remove(axis as usize);
                for (k, part) in parts.iter().enumerate() {
                    if part.extent.is_some() {
                        return self.stacked_entry(axis as usize, &parts, at, depth);
                    }
                    let inner = self.entry_at(part.node, &rest, depth + 1)?;
                    let number = self.arena.int(k as i64 + 1);
                    let delta = self.delta(position, number);
                    let one = Rational::ONE;
                    let m = self.arena.product(one.clone(), vec![(delta, one.clone()), (inner, one.clone())], vec![]);
                    terms.push((Rational::ONE, m));
                }
                return Some(self.arena.sum(terms, Form::Scalar));
            }
            Node::Matrix(op, args) if self.total && (self.g.rank(id) > 2 || self.expr(id).is_none()) => {
                return self.function_entry(op, &args, (self.g.rank(id), at), depth);
            }
            Node::Shift { offset, .. } => {
                let offset = self.arena.size_or_number(self.g, offset);
                let sum = self.arena.sum(vec![(Rational::ONE, at[0]), (Rational::ONE, offset)], Form::Scalar);
                return Some(self.delta(at[1], sum));
            }
            Node::Fuse { fast, .. } => {
                // position a of the fused axis is i + |fast|·(j - 1)
                let one = Rational::ONE;
                let minus_one = self.arena.int(-1);
                let before = self.arena.sum(vec![(one.clone(), at[2]), (one.clone(), minus_one)], Form::Scalar);
                let length = self.arena.size_or_number(self.g, fast);
                let skipped =
                    self.arena.product(one.clone(), vec![(length, one.clone()), (before, one.clone())], vec![]);
                let position = self.arena.sum(vec![(one.clone(), at[1]), (one, skipped)], Form::Scalar);
                return Some(self.arena.raw(Kind::Compare(Comparison::Equal, at[0], position), Form::Scalar));
            }
            Node::LeviCivita(_) => {
                let eps = self.arena.name(&Name::from("eps"), Form::Matrix);
                let subs = at.iter().map(|m| Sub::At(*m)).collect();
                return Some(self.arena.raw(Kind::Index(eps, subs), Form::Scalar));
            }
            Node::Iota(_) => return at.first().copied(),
            Node::Reduce(op, arg, axes) if self.g.rank(arg) > 2 || self.expr(id).is_none() => {
                return self.reduced_entry(op, arg, &axes, at, depth);
            }
            Node::Call(function, derivative, args) if self.is_row_by_row(function, args[0]) => {
                return self.called_entry(function, derivative.len(), (&derivative, &args), at);
            }
            Node::Call(function, derivative, args)
                if self.g.rank(id) > 2 && self.g.function_info(function).domain.is_some() =>
            {
                let m = self.whole_call(function, derivative.len(), args[0], 2)?;
                let subs = at.iter().map(|m| Sub::At(*m)).collect();
                return Some(self.arena.raw(Kind::Index(m, subs), Form::Scalar));
            }
            Node::Input(_) if self.g.rank(id) > 2 => {
                let name = self.g.as_input(id)?.name.clone();
                let m = self.arena.name(&name, Form::Matrix);
                self.note_lengths(id, at);
                let subs = at.iter().map(|m| Sub::At(*m)).collect();
                return Some(self.arena.raw(Kind::Index(m, subs), Form::Scalar));
            }
            _ => {}
        }
        let m = self.expr(id)?;
        self.note_lengths(id, at);
        Some(self.subscript(m, at))
    }

    /// Remembers how long the axes of a node are that is subscripted.
    fn note_lengths(&mut self, id: NodeId, at: &[M]) {
        self.subscripted.extend(at.iter().copied().zip(self.g.axes(id).iter().copied()));
    }

    /// Remembers how long the axes are along which unit vectors at these positions take entries.
    pub(super) fn note_units(&mut self, root: NodeId, positions: &[(Dim, M)]) {
        for id in self.g.reachable(&[root]) {
            if let Node::OneHot { at, dim } = *self.g.node(id)
                && let Some((_, place)) = positions.iter().find(|(position, _)| *position == at)
            {
                self.subscripted.push((*place, dim));
            }
        }
    }

    /// An entry of the values of an abstract function for each row of its arguments: `f'(X[i,:]')[j]`.
    fn called_entry(
        &mut self,
        function: FunctionId,
        order: usize,
        (derivative, args): (&[u8], &[NodeId]),
        at: &[M],
    ) -> Option<M> {
        let info = self.g.function_info(function).clone();
        let own = info.domain.as_ref().map_or(0, |domain| domain.len());
        let rows = self.g.rank(args[0]) - own;
        let (here, rest) = at.split_at_checked(rows)?;
        let mut values = Vec::new();
        for arg in args {
            let m = self.expr(*arg)?;
            values.push(match own {
                0 => self.subscript(m, here),
                1 if rows == 1 => {
                    let row = self.arena.entry(m, vec![Sub::At(here[0]), Sub::All], Form::Row);
                    self.arena.transpose(row)
                }
                _ => return None,
            });
        }
        let primes = match info.arity {
            _ if own > 0 => SmallVec::from_elem(WHOLE, order),
            1 => SmallVec::from_elem(WHOLE, order),
            _ => derivative.iter().copied().collect(),
        };
        let row = own > 0 && info.codomain.is_empty() && order == 1;
        let form = if row { Form::Row } else { form_of(rest.len()) };
        let m = self.arena.raw(Kind::Call(info.name, primes, values), form);
        if rest.is_empty() {
            return Some(m);
        }
        let m = if row { self.arena.transpose(m) } else { m };
        let subs = rest.iter().map(|m| Sub::At(*m)).collect();
        Some(self.arena.entry(m, subs, Form::Scalar))
    }

    /// The entry of a node, taken inside everything that goes entry by entry.
    pub(super) fn entry_inside(&mut self, id: NodeId, at: &[M], depth: usize) -> Option<M> {
        if depth > DEPTH_LIMIT {
            return None;
        }
        match self.g.node(id).clone() {
            Node::Sum(terms, _) => {
                let terms: Option<Vec<(Rational, M)>> =
                    terms.iter().map(|(c, n)| Some((c.clone(), self.entry_inside(*n, at, depth + 1)?))).collect();
                Some(self.arena.sum(terms?, Form::Scalar))
            }
            Node::Map(op, args) => {
                let args: Vec<M> = args.iter().map(|a| self.entry_inside(*a, at, depth + 1)).collect::<Option<_>>()?;
                self.map_of_entries(op, args)
            }
            Node::Product(p) if p.factors.iter().all(|f| f.labels.iter().all(|l| p.out.contains(l))) => {
                let distinct = p.out.iter().enumerate().all(|(k, l)| !p.out[..k].contains(l));
                if !distinct {
                    return self.entry_at(id, at, depth + 1);
                }
                let mut factors = Vec::with_capacity(p.factors.len());
                for f in &p.factors {
                    let place = |l: &Label| p.out.iter().position(|own| own == l).and_then(|k| at.get(k)).copied();
                    let own: Vec<M> = f.labels.iter().map(place).collect::<Option<_>>()?;
                    factors.push((self.entry_inside(f.node, &own, depth + 1)?, f.exponent.clone()));
                }
                Some(self.arena.product(Rational::ONE, factors, Vec::new()))
            }
            _ => self.entry_at(id, at, depth + 1),
        }
    }

    /// `prod[a:n](…)`: an entry of a reduction over what has no notation as a whole.
    fn reduced_entry(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8], at: &[M], depth: usize) -> Option<M> {
        let name = match op {
            ReduceOp::Prod => "prod[]",
            ReduceOp::Max => "max[]",
            ReduceOp::Min => "min[]",
            ReduceOp::LogSumExp => "logsumexp[]",
        };
        let (mut kept, mut places, mut indices) = (at.iter(), Vec::new(), Vec::new());
        for (k, dim) in self.g.axes(arg).clone().into_iter().enumerate() {
            if axes.contains(&(k as u8)) {
                let bound = self.fresh_bound();
                let index = self.arena.name(&bound, Form::Scalar);
                places.push(index);
                indices.extend([index, self.arena.size_or_number(self.g, dim)]);
            } else {
                places.push(*kept.next()?);
            }
        }
        let body = self.entry_at(arg, &places, depth + 1)?;
        let args: Vec<M> = std::iter::once(body).chain(indices).collect();
        Some(self.arena.call(name, &args, Form::Scalar))
    }

    /// The entry of a node with its last axes taken at unit vectors, for functions that only take matrices:
    /// `expm_frechet(X, unit(i,n)*unit(j,n)')[p,q]`.
    pub(super) fn entry_by_units(&mut self, id: NodeId, names: &[Name], at: &[M]) -> Option<M> {
        let rank = self.g.rank(id);
        for kept in (0..rank.min(3)).rev() {
            let mut p = ProductBuilder::new();
            let labels = p.labels_of(self.g, id);
            p.factor(id, &labels);
            let mut positions = Vec::new();
            for k in kept..rank {
                let (position, dim) = (self.g.sizes.symbol(&names[k]), self.g.axes(id)[k]);
                let unit = self.g.one_hot(position, dim);
                p.factor(unit, &labels[k..=k]);
                positions.push((position, at[k]));
            }
            let slice = p.build(self.g, &labels[..kept]);
            let slice = self.g.distribute_all(slice);
            if let Some(m) = self.expr(slice) {
                self.note_units(slice, &positions);
                return Some(self.subscript(m, &at[..kept]));
            }
        }
        None
    }

    /// `m[at…]`, with the transpose undone.
    pub(super) fn subscript(&mut self, m: M, at: &[M]) -> M {
        let mut at = at.to_vec();
        let mut m = m;
        if at.is_empty() || self.arena.form(m) == Form::Scalar {
            return m;
        }
        if let Kind::Transpose(inner) = self.arena.kind(m) {
            m = *inner;
            at.reverse();
        }
        if let Kind::Product { number, scalars, chain } = self.arena.kind(m).clone()
            && (!number.is_one() || !scalars.is_empty())
        {
            let body = self.arena.product(Rational::ONE, Vec::new(), chain);
            let entry = self.subscript(body, &at);
            return self.arena.product(number, [scalars, vec![(entry, Rational::ONE)]].concat(), Vec::new());
        }
        let subs = at.iter().map(|m| Sub::At(*m)).collect();
        self.arena.entry(m, subs, Form::Scalar)
    }

    pub(super) fn delta(&mut self, a: M, b: M) -> M {
        if a == b {
            return self.arena.int(1);
        }
        let delta = self.arena.name(&Name::from("delta"), Form::Matrix);
        self.arena.raw(Kind::Index(delta, vec![Sub::At(a), Sub::At(b)]), Form::Scalar)
    }

    pub(super) fn map_of_entries(&mut self, op: MapOp, args: Vec<M>) -> Option<M> {
        let comparison = match op {
            MapOp::Less => Some(Comparison::Less),
            MapOp::LessEq => Some(Comparison::LessEq),
            MapOp::Equal => Some(Comparison::Equal),
            MapOp::NotEqual => Some(Comparison::NotEqual),
            _ => None,
        };
        if let (Some(op), [a, b]) = (comparison, args.as_slice()) {
            return Some(self.arena.raw(Kind::Compare(op, *a, *b), Form::Scalar));
        }
        match (op, args.as_slice()) {
            (MapOp::Pow, [a, b]) => Some(self.arena.raw(Kind::Raise(*a, *b), Form::Scalar)),
            (MapOp::Polygamma(k), [x]) if k > 1 => {
                let k = self.arena.int(i64::from(k));
                Some(self.arena.call("polygamma", &[k, *x], Form::Scalar))
            }
            _ => Some(self.arena.call(map_name(op), &args, Form::Scalar)),
        }
    }

    /// Whether a factor compares the positions of two axes, `i < j`.
    fn compares_positions(&self, f: &Factor) -> bool {
        if f.labels.len() != 2 {
            return false;
        }
        if let Node::Sum(terms, _) = self.g.node(f.node) {
            let labels = f.labels.clone();
            let term = |n: &NodeId| Factor { node: *n, labels: labels.clone(), exponent: Rational::ONE };
            return terms.iter().all(|(_, n)| self.compares_positions(&term(n)));
        }
        let Node::Map(MapOp::Less | MapOp::LessEq | MapOp::NotEqual | MapOp::Equal, args) = self.g.node(f.node) else {
            return false;
        };
        let counts = |id: &NodeId| match self.g.node(*id) {
            Node::Product(p) => {
                matches!(&p.factors[..], [only] if matches!(self.g.node(only.node), Node::Iota(_)))
            }
            Node::Sum(terms, _) => terms.iter().all(|(_, n)| match self.g.node(*n) {
                Node::Product(p) => p.factors.iter().all(|f| matches!(self.g.node(f.node), Node::Iota(_))),
                _ => self.g.constant(*n).is_some(),
            }),
            _ => false,
        };
        args.iter().all(counts)
    }

    /// Whether a factor compares positions, and another has no value at places that the comparison leaves out: it divides
    /// by what is 0 where two positions are the same, or takes a root or the logarithm of it.
    pub(super) fn is_guarded(&mut self, p: &Product) -> bool {
        for mask in &p.factors {
            if !self.compares_positions(mask) {
                continue;
            }
            for f in &p.factors {
                let at = |l: &Label| f.labels.iter().position(|own| own == l);
                let (Some(i), Some(j)) = (at(&mask.labels[0]), at(&mask.labels[1])) else { continue };
                let base = match self.g.node(f.node) {
                    Node::Map(MapOp::Log, args) => args[0],
                    _ if !f.exponent.is_integer() || f.exponent.is_negative() => f.node,
                    _ => continue,
                };
                if self.is_zero_where_equal(base, i, j, 0) {
                    return true;
                }
            }
        }
        false
    }

    /// Whether a tensor is 0 wherever the positions along two of its axes are the same, as `x[i] - x[j]` is.
    fn is_zero_where_equal(&mut self, node: NodeId, i: usize, j: usize, depth: usize) -> bool {
        if depth > 8 || i == j {
            return false;
        }
        match self.g.node(node).clone() {
            Node::Sum(terms, _) => {
                if let [(c, first), (d, second)] = &terms[..]
                    && *c == -d.clone()
                {
                    let mut order: Vec<usize> = (0..self.g.rank(*first)).collect();
                    order.swap(i, j);
                    if self.g.permute(*first, &order) == *second {
                        return true;
                    }
                }
                terms.iter().all(|(_, term)| self.is_zero_where_equal(*term, i, j, depth + 1))
            }
            Node::Map(
                MapOp::Abs | MapOp::Sign | MapOp::Sin | MapOp::Sinh | MapOp::Tanh | MapOp::Atan | MapOp::Cbrt,
                args,
            ) => self.is_zero_where_equal(args[0], i, j, depth + 1),
            Node::Product(p) => {
                let (Some(first), Some(second)) = (p.out.get(i).copied(), p.out.get(j).copied()) else { return false };
                p.factors.iter().any(|f| {
                    let at = |l: Label| f.labels.iter().position(|own| *own == l);
                    match (at(first), at(second)) {
                        (Some(i), Some(j)) if !f.exponent.is_negative() => {
                            self.is_zero_where_equal(f.node, i, j, depth + 1)
                        }
                        _ => false,
                    }
                })
            }
            _ => false,
        }
    }

    /// The condition that comparisons of positions state together.
    fn condition(&mut self, masks: &[Factor], place: &[Option<M>]) -> Option<M> {
        let mut all = Vec::with_capacity(masks.len());
        for f in masks {
            if matches!(self.g.node(f.node), Node::Sum(..)) {
                return None; // no one condition
            }
            let at: Vec<M> = f.labels.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
            all.push((self.entry_inside(f.node, &at, 0)?, Rational::ONE));
        }
        match all[..] {
            [(only, _)] => Some(only),
            _ => Some(self.arena.product(Rational::ONE, all, Vec::new())),
        }
    }

    /// The entry of a product with a comparison of positions: what it leaves out is not computed.
    fn guarded_at(&mut self, p: &Product, place: &mut [Option<M>], depth: usize) -> Option<M> {
        let (masks, rest): (Vec<Factor>, Vec<Factor>) =
            p.factors.iter().cloned().partition(|f| self.compares_positions(f));
        let summed: Labels = {
            let mut all = Labels::new();
            for l in p.factors.iter().flat_map(|f| &f.labels) {
                if place[*l as usize].is_none() && !all.contains(l) {
                    all.push(*l);
                }
            }
            all
        };
        let mut indices = Vec::new();
        for l in &summed {
            let bound = self.fresh_bound();
            let index = self.arena.name(&bound, Form::Scalar);
            place[*l as usize] = Some(index);
            indices.extend([index, self.arena.size_or_number(self.g, p.dims[*l as usize])]);
        }
        let condition = self.condition(&masks, place)?;
        let mut parts = Vec::with_capacity(rest.len());
        for f in &rest {
            let at: Vec<M> = f.labels.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
            parts.push((self.entry_inside(f.node, &at, depth + 1)?, f.exponent.clone()));
        }
        let body = self.arena.product(Rational::ONE, parts, Vec::new());
        if indices.is_empty() {
            let zero = self.arena.int(0);
            return Some(self.arena.call("where", &[condition, body, zero], Form::Scalar));
        }
        let args: Vec<M> = [body, condition].into_iter().chain(indices).collect();
        Some(self.arena.call("sum[;]", &args, Form::Scalar))
    }

    pub(super) fn product_at(&mut self, p: &Product, at: &[M], depth: usize) -> Option<M> {
        let mut scalars: Vec<(M, Rational)> = Vec::new();
        let mut place: Vec<Option<M>> = vec![None; p.dims.len()];
        for (label, m) in p.out.iter().zip(at) {
            match place[*label as usize] {
                None => place[*label as usize] = Some(*m),
                Some(first) => {
                    let delta = self.delta(first, *m);
                    scalars.push((delta, Rational::ONE));
                }
            }
        }
        if self.is_guarded(p) {
            let guarded = self.guarded_at(p, &mut place, depth)?;
            scalars.push((guarded, Rational::ONE));
            return Some(self.arena.product(Rational::ONE, scalars, Vec::new()));
        }
        let placed = if self.total { self.place_selected(p, &mut place) } else { None };
        let p = placed.as_ref().unwrap_or(p);
        let summed = |l: &Label| !p.out.contains(l);
        for group in groups(&p.factors, &p.out) {
            let mut open: Labels = Labels::new();
            for l in group.iter().flat_map(|f| &f.labels).filter(|l| !summed(l)) {
                if !open.contains(l) {
                    open.push(*l);
                }
            }
            let has_sum = group.iter().any(|f| f.labels.iter().any(summed));
            if let ([f], false) = (group.as_slice(), has_sum) {
                let at: Vec<M> = f.labels.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
                scalars.push(self.powered_at(f.node, &f.exponent, &at, depth + 1)?);
                continue;
            }
            // the whole of a scalar has been tried as it is
            let whole = p.out.is_empty() && group.len() == p.factors.len();
            if open.len() <= 2 && !whole {
                let node = ProductBuilder { coefficient: None, factors: group.clone(), dims: alive(p, &group) }
                    .build(self.g, &open);
                if let Some(m) = self.expr(node) {
                    let at: Vec<M> = open.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
                    let entry = self.subscript(m, &at);
                    scalars.push((entry, Rational::ONE));
                    continue;
                }
            }
            let before = place.clone();
            match self.tied_positions(p, &group, &mut place, depth) {
                Some(m) => {
                    scalars.push((m, Rational::ONE));
                    continue;
                }
                None => place = before,
            }
            let mut bound = Vec::new();
            for f in &group {
                for l in &f.labels {
                    if place[*l as usize].is_none() {
                        let name = self.fresh_bound();
                        place[*l as usize] = Some(self.arena.name(&name, Form::Scalar));
                        bound.push(BoundSum { name, dim: p.dims[*l as usize] });
                    }
                }
            }
            let mut parts = Vec::new();
            for f in &group {
                let at: Vec<M> = f.labels.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
                parts.push(self.powered_at(f.node, &f.exponent, &at, depth + 1)?);
            }
            let body = self.arena.product(Rational::ONE, parts, Vec::new());
            let mut args = vec![body];
            for b in &bound {
                args.push(self.arena.name(&b.name, Form::Scalar));
                args.push(self.arena.size_or_number(self.g, b.dim));
            }
            // kept as a call until it is emitted, where it becomes sum[…](…)
            let m = self.arena.call("sum[]", &args, Form::Scalar);
            scalars.push((m, Rational::ONE));
        }
        Some(self.arena.product(Rational::ONE, scalars, Vec::new()))
    }

    /// An entry with its power as it is written: powers of `exp` inside it, roots as `sqrt`.
    fn powered_at(&mut self, id: NodeId, exponent: &Rational, at: &[M], depth: usize) -> Option<(M, Rational)> {
        if let (Node::Map(MapOp::Exp, args), false) = (self.g.node(id).clone(), exponent.is_one())
            && self.softmax(args[0]).is_none()
        {
            let z = self.entry_at(args[0], at, depth)?;
            let scaled = self.arena.product(exponent.clone(), vec![(z, Rational::ONE)], Vec::new());
            return Some((self.arena.call("exp", &[scaled], Form::Scalar), Rational::ONE));
        }
        let m = self.entry_at(id, at, depth)?;
        let double = exponent * &Rational::int(2);
        if exponent.is_integer() || !double.is_integer() {
            return Some((m, exponent.clone()));
        }
        Some((self.arena.call("sqrt", &[m], Form::Scalar), double))
    }

    /// A product whose scalar parts need indices while the rest has matrix notation: `sum[i,j,k](H[i,j,k]^2)*A*x`.
    pub(super) fn with_scalars_apart(&mut self, p: &Product) -> Option<M> {
        let (closed, open): (Vec<_>, Vec<_>) =
            groups(&p.factors, &p.out).into_iter().partition(|group| !group.iter().any(|f| meets(f, &p.out)));
        if closed.is_empty() {
            return None;
        }
        let mut scalars = Vec::new();
        for group in closed {
            let dims = alive(p, &group);
            let node = ProductBuilder { coefficient: None, factors: group, dims }.build(self.g, &[]);
            scalars.push((self.expr(node)?, Rational::ONE));
        }
        let factors = open.concat();
        let mut dims = alive(p, &factors);
        for label in &p.out {
            dims[*label as usize] = p.dims[*label as usize]; // also where the rest only repeats along an axis
        }
        let rest = ProductBuilder { coefficient: None, factors, dims }.build(self.g, &p.out);
        let rest = self.expr(rest)?;
        Some(self.arena.product(Rational::ONE, scalars, vec![rest]))
    }

    /// Whether matrix notation exists for the node.
    pub(super) fn has_matrix_notation(&mut self, id: NodeId) -> bool {
        self.g.rank(id) <= 2 && self.expr(id).is_some() && form_of(self.g.rank(id)) != Form::Row
    }
}

fn meets(f: &Factor, labels: &Labels) -> bool {
    f.labels.iter().any(|l| labels.contains(l))
}

/// The dimensions of a product with the labels outside a group taken out.
fn alive(p: &Product, group: &[Factor]) -> crate::graph::Dims {
    let mut dims = p.dims.clone();
    for (label, dim) in dims.iter_mut().enumerate() {
        if !group.iter().any(|f| f.labels.contains(&(label as Label))) {
            *dim = Dim::NONE;
        }
    }
    dims
}

/// Factors grouped by shared summed labels.
fn groups(factors: &[Factor], out: &Labels) -> Vec<Vec<Factor>> {
    crate::graph::components(factors, out)
}
