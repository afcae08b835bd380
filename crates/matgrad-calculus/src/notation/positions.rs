//! Sums in which positions are tied by equations, as in a convolution: `sum[a,b](h[a]*x[b]*(i - a + 1 == b))` is
//! `sum[a; a <= i](h[a]*x[i - a + 1])`.

use std::collections::BTreeMap;

use matgrad_syntax::Rational;

use super::Printer;
use super::expr::{Comparison, Form, Kind, M};
use crate::graph::{Dim, Factor, Label, Labels, MapOp, Node, NodeId, Product};

/// More ties than this are left as they are.
const TIE_LIMIT: usize = 8;

/// Larger coefficients are left as they are: products of two of them still are numbers.
const COEFFICIENT_LIMIT: i64 = 1 << 20;

/// A sum of positions with whole coefficients, and a size.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Affine {
    positions: BTreeMap<Label, i64>,
    constant: Dim,
}

/// What is said of a form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tie {
    /// It is 0.
    Zero,
    /// It is not negative.
    NonNegative,
}

impl Printer<'_> {
    /// A group of factors that meet in summed positions, some of which others determine: these are written in place.
    /// `None` where there are none, or where nothing is left to sum over.
    pub(super) fn tied_positions(
        &mut self,
        p: &Product,
        group: &[Factor],
        place: &mut [Option<M>],
        depth: usize,
    ) -> Option<M> {
        let mut ties = Vec::new();
        let mut rest = Vec::new();
        for f in group {
            match self.tie(f) {
                Some(tie) => ties.push(tie),
                None => rest.push(f.clone()),
            }
        }
        if !ties.iter().any(|(tie, _)| *tie == Tie::Zero) || ties.len() > TIE_LIMIT {
            return None;
        }
        let mut free = Labels::new();
        for l in group.iter().flat_map(|f| &f.labels) {
            if place[*l as usize].is_none() && !free.contains(l) {
                free.push(*l);
            }
        }
        let mut defined: Vec<(Label, Affine)> = Vec::new();
        let mut conditions: Vec<(Tie, Affine)> = Vec::new();
        for (tie, mut form) in ties {
            for (label, value) in &defined {
                self.substitute(&mut form, *label, value)?;
            }
            // one position stays to sum over
            if tie == Tie::NonNegative || free.len() == 1 {
                conditions.push((tie, form));
                continue;
            }
            let own = |l: &Label| free.contains(l) && form.positions.get(l).is_some_and(|c| c.abs() == 1);
            let candidates: Vec<Label> = form.positions.keys().copied().filter(own).collect();
            // the longer range: what is left counts along the shorter ones
            let symbolic = |l: &&Label| self.g.sizes.value(p.dims[**l as usize]).is_none();
            let last = |f: &&Label| group.iter().any(|g| g.labels.last() == Some(*f) && self.is_equality(g));
            let label = *candidates
                .iter()
                .filter(symbolic)
                .rfind(last)
                .or_else(|| candidates.iter().rfind(symbolic))
                .or(candidates.last())?;
            let sign = form.positions.remove(&label)?;
            self.scale(&mut form, -sign);
            free.retain(|l| *l != label);
            for (_, value) in &mut defined {
                self.substitute(value, label, &form)?;
            }
            for (_, condition) in &mut conditions {
                self.substitute(condition, label, &form)?;
            }
            // inside the range: not before 1, not behind the last
            let one = self.g.sizes.constant(1);
            let mut after = form.clone();
            after.constant = self.g.sizes.sub(after.constant, one);
            let mut before = form.clone();
            self.scale(&mut before, -1);
            before.constant = self.g.sizes.add(before.constant, p.dims[label as usize]);
            conditions.extend([(Tie::NonNegative, after), (Tie::NonNegative, before)]);
            defined.push((label, form));
        }
        if free.is_empty() {
            return None;
        }
        let mut args = Vec::new();
        for label in &free {
            let name = self.fresh_bound();
            let index = self.arena.name(&name, Form::Scalar);
            place[*label as usize] = Some(index);
            args.extend([index, self.arena.size_or_number(self.g, p.dims[*label as usize])]);
        }
        for (label, value) in &defined {
            let terms = self.terms(value, place)?;
            place[*label as usize] = Some(self.arena.sum(terms, Form::Scalar));
        }
        let conditions = self.needed(conditions, p);
        let mut parts = Vec::with_capacity(rest.len());
        for f in &rest {
            let at: Vec<M> = f.labels.iter().map(|l| place[*l as usize]).collect::<Option<_>>()?;
            parts.push((self.entry_at(f.node, &at, depth + 1)?, f.exponent.clone()));
        }
        let body = self.arena.product(Rational::ONE, parts, Vec::new());
        let mut compared = Vec::with_capacity(conditions.len());
        for (tie, condition) in &conditions {
            compared.push((self.compared(*tie, condition, place)?, Rational::ONE));
        }
        let condition = match compared.as_slice() {
            [] => None,
            [(only, _)] => Some(*only),
            _ => Some(self.arena.product(Rational::ONE, compared, Vec::new())),
        };
        let name = if condition.is_some() { "sum[;]" } else { "sum[]" };
        let args: Vec<M> = std::iter::once(body).chain(condition).chain(args).collect();
        Some(self.arena.call(name, &args, Form::Scalar))
    }

    /// Whether a tensor compares sums of the positions along its axes.
    pub(super) fn compares_places(&mut self, node: NodeId) -> bool {
        if !matches!(self.g.node(node), Node::Map(..)) {
            return false;
        }
        let labels: Labels = (0..self.g.rank(node) as Label).collect();
        let factor = Factor { node, labels, exponent: Rational::ONE };
        self.tie(&factor).is_some_and(|(_, form)| !form.positions.is_empty())
    }

    fn is_equality(&self, f: &Factor) -> bool {
        matches!(self.g.node(f.node), Node::Map(MapOp::Equal, _) | Node::Shift { .. })
    }

    /// What a factor that compares positions says: 1 where it holds, 0 elsewhere.
    fn tie(&mut self, f: &Factor) -> Option<(Tie, Affine)> {
        if let (Node::Shift { offset, .. }, [row, col]) = (self.g.node(f.node), f.labels.as_slice()) {
            let positions = [(*row, 1), (*col, -1)].into();
            return (row != col).then_some((Tie::Zero, Affine { positions, constant: *offset }));
        }
        let Node::Map(op @ (MapOp::Equal | MapOp::Less | MapOp::LessEq), args) = self.g.node(f.node).clone() else {
            return None;
        };
        let distinct = f.labels.iter().enumerate().all(|(k, l)| !f.labels[..k].contains(l));
        if !f.exponent.is_one() || !distinct {
            return None;
        }
        let zero = self.g.sizes.constant(0);
        let mut form = Affine { positions: BTreeMap::new(), constant: zero };
        self.count(args[1], &f.labels, &Rational::ONE, &mut form)?;
        self.count(args[0], &f.labels, &Rational::int(-1), &mut form)?;
        if op == MapOp::Less {
            let one = self.g.sizes.constant(1);
            form.constant = self.g.sizes.sub(form.constant, one);
        }
        form.positions.retain(|_, c| *c != 0);
        Some((if op == MapOp::Equal { Tie::Zero } else { Tie::NonNegative }, form))
    }

    /// Adds a multiple of a tensor whose entries are sums of positions and sizes.
    fn count(&mut self, node: NodeId, labels: &[Label], times: &Rational, form: &mut Affine) -> Option<()> {
        match self.g.node(node).clone() {
            Node::Iota(_) => {
                let [label] = labels else { return None };
                let times = times.to_i64().filter(|c| c.unsigned_abs() <= COEFFICIENT_LIMIT as u64)?;
                *form.positions.entry(*label).or_insert(0) += times;
            }
            Node::Size(dim) => {
                let size = self.g.sizes.scale(dim, times);
                form.constant = self.g.sizes.add(form.constant, size);
            }
            Node::Sum(terms, _) => {
                for (c, term) in terms {
                    self.count(term, labels, &(&c * times), form)?;
                }
            }
            Node::Product(p) => {
                let at = |l: &Label| p.out.iter().position(|own| own == l).and_then(|k| labels.get(k)).copied();
                match p.factors.as_slice() {
                    [] => {
                        let number = times.to_i64()?;
                        let number = self.g.sizes.constant(number);
                        form.constant = self.g.sizes.add(form.constant, number);
                    }
                    [f] if f.exponent.is_one() => {
                        let own: Labels = f.labels.iter().map(at).collect::<Option<_>>()?;
                        self.count(f.node, &own, times, form)?;
                    }
                    _ => return None,
                }
            }
            _ => return None,
        }
        Some(())
    }

    fn scale(&mut self, form: &mut Affine, by: i64) {
        form.positions.values_mut().for_each(|c| *c *= by);
        form.constant = self.g.sizes.scale(form.constant, &Rational::int(by));
    }

    fn substitute(&mut self, form: &mut Affine, label: Label, value: &Affine) -> Option<()> {
        let Some(times) = form.positions.remove(&label) else { return Some(()) };
        for (l, c) in &value.positions {
            *form.positions.entry(*l).or_insert(0) += c * times;
        }
        form.positions.retain(|_, c| *c != 0);
        let constant = self.g.sizes.scale(value.constant, &Rational::int(times));
        form.constant = self.g.sizes.add(form.constant, constant);
        form.positions.values().all(|c| c.abs() <= COEFFICIENT_LIMIT).then_some(())
    }

    /// The conditions that do not hold at all positions, nor follow from others.
    fn needed(&mut self, conditions: Vec<(Tie, Affine)>, p: &Product) -> Vec<(Tie, Affine)> {
        let mut kept: Vec<(Tie, Affine)> = Vec::new();
        for (tie, condition) in conditions {
            let known = tie == Tie::NonNegative && self.holds(&condition, p);
            let condition = (tie, condition);
            if !known && !kept.contains(&condition) {
                kept.push(condition);
            }
        }
        let mut k = 0;
        while k < kept.len() {
            let follows = (0..kept.len()).any(|other| {
                if [k, other].iter().any(|at| kept[*at].0 == Tie::Zero) {
                    return false;
                }
                let mut gap = kept[other].1.clone();
                self.scale(&mut gap, -1);
                for (l, c) in &kept[k].1.positions {
                    *gap.positions.entry(*l).or_insert(0) += c;
                }
                gap.positions.retain(|_, c| *c != 0);
                gap.constant = self.g.sizes.add(gap.constant, kept[k].1.constant);
                other != k && self.holds(&gap, p)
            });
            if follows {
                kept.remove(k);
            } else {
                k += 1;
            }
        }
        kept
    }

    /// Whether a form is nowhere negative, whatever the sizes are.
    fn holds(&mut self, form: &Affine, p: &Product) -> bool {
        let mut least = form.constant;
        for (label, c) in &form.positions {
            let one = self.g.sizes.constant(1);
            let smallest = if *c > 0 { one } else { p.dims[*label as usize] };
            let part = self.g.sizes.scale(smallest, &Rational::int(*c));
            least = self.g.sizes.add(least, part);
        }
        self.g.sizes.is_nonnegative(least)
    }

    fn terms(&mut self, form: &Affine, place: &[Option<M>]) -> Option<Vec<(Rational, M)>> {
        let mut terms = Vec::with_capacity(form.positions.len() + 1);
        for (label, c) in &form.positions {
            terms.push((Rational::int(*c), place[*label as usize]?));
        }
        terms.sort_by_key(|(c, _)| c.is_negative());
        if self.g.sizes.value(form.constant) != Some(0) {
            terms.push((Rational::ONE, self.arena.size_or_number(self.g, form.constant)));
        }
        Some(terms)
    }

    /// `form >= 0` or `form == 0`, with what is subtracted on the other side.
    fn compared(&mut self, tie: Tie, form: &Affine, place: &[Option<M>]) -> Option<M> {
        let zero = self.g.sizes.constant(0);
        let mut sides = [(); 2].map(|()| Affine { positions: BTreeMap::new(), constant: zero });
        for (label, c) in &form.positions {
            sides[usize::from(*c > 0)].positions.insert(*label, c.abs());
        }
        for (monomial, c) in self.g.sizes.poly(form.constant).0.clone() {
            let part = self.g.sizes.from_poly(crate::graph::DimPoly(vec![(monomial, c.abs())]));
            let side = &mut sides[usize::from(!c.is_negative())];
            side.constant = self.g.sizes.add(side.constant, part);
        }
        let mut compared = Vec::with_capacity(2);
        for side in &sides {
            let terms = self.terms(side, place)?;
            compared.push(self.arena.sum(terms, Form::Scalar));
        }
        let op = if tie == Tie::Zero { Comparison::Equal } else { Comparison::LessEq };
        Some(self.arena.raw(Kind::Compare(op, compared[0], compared[1]), Form::Scalar))
    }
}
