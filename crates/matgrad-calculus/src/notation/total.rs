//! Index notation for everything that has entries: functions of matrices which are themselves known by their entries, one
//! for each position along other axes, and arrays put together from pieces of several rows.
//!
//! A matrix that only has entries is the sum of its entries at unit matrices, `sum[a,b](…*unit(a,m)*unit(b,n)')`.

use std::collections::BTreeSet;

use matgrad_syntax::{Name, Rational};

use super::expr::{Comparison, Form, Kind, M};
use super::{Arrangement, Formula, Memory, Printer};
use crate::graph::{Dim, Graph, MatrixOp, Node, NodeId, Part, Product, ProductBuilder};
use crate::notation::atoms::{form_of, matrix_name};

/// [`super::write`] where nothing shorter than this shows the tensor.
pub fn write_by_entries(
    g: &mut Graph,
    memory: &mut Memory,
    node: NodeId,
    arrangement: Arrangement,
    taken: &BTreeSet<Name>,
) -> Option<Formula> {
    let mut printer = Printer::new(g, std::mem::take(memory), taken.clone());
    printer.total = true;
    let formula = printer.formula(node, arrangement);
    *memory = printer.into_memory();
    formula
}

impl Printer<'_> {
    /// The entry at `at` of a function of matrices, whose value has `rank` axes.
    pub(super) fn function_entry(
        &mut self,
        op: MatrixOp,
        args: &[NodeId],
        (rank, at): (usize, &[M]),
        depth: usize,
    ) -> Option<M> {
        // the axes before a matrix are the last of those before the matrices of the value
        let longest = args.iter().map(|arg| self.g.rank(*arg)).max()?.checked_sub(2)?;
        let (lead, own) = at.split_at_checked(longest)?;
        let mut values = Vec::with_capacity(args.len());
        for arg in args {
            let here = self.g.rank(*arg).checked_sub(2)?;
            values.push(self.matrix_at(*arg, lead.get(lead.len() - here..)?, depth)?);
        }
        let form = form_of(rank - longest);
        let m = match (op, values.as_slice()) {
            (MatrixOp::Inverse, [arg]) => self.arena.matrix_power(*arg, -1),
            _ => self.arena.call(matrix_name(op), &values, form),
        };
        Some(self.subscript(m, own))
    }

    /// The matrix in the last two axes of a tensor, at positions along the others.
    fn matrix_at(&mut self, id: NodeId, lead: &[M], depth: usize) -> Option<M> {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self.g, id);
        p.factor(id, &labels);
        let mut positions = Vec::with_capacity(lead.len());
        for (k, m) in lead.iter().enumerate() {
            let (position, dim) = (self.position(*m)?, self.g.axes(id)[k]);
            let unit = self.g.one_hot(position, dim);
            p.factor(unit, &labels[k..=k]);
            positions.push((position, *m));
        }
        let slice = p.build(self.g, &labels[lead.len()..]);
        self.note_units(slice, &positions);
        if let Some(m) = self.expr(slice) {
            return Some(m);
        }
        let flat = self.g.distribute_all(slice);
        if let Some(m) = self.expr(flat) {
            return Some(m);
        }
        let mut places = Vec::new();
        let mut units = Vec::new();
        let mut indices = Vec::new();
        for dim in self.g.axes(slice).clone() {
            let name = self.fresh_bound();
            let (index, size) = (self.arena.name(&name, Form::Scalar), self.arena.size_or_number(self.g, dim));
            places.push(index);
            units.push(self.arena.call("unit", &[index, size], Form::Column));
            indices.extend([index, size]);
        }
        let &[row, column] = units.as_slice() else { return None };
        let entry = self.entry_at(slice, &places, depth + 1)?;
        let across = self.arena.transpose(column);
        let body = self.arena.product(Rational::ONE, vec![(entry, Rational::ONE)], vec![row, across]);
        let args: Vec<M> = std::iter::once(body).chain(indices).collect();
        Some(self.arena.call("sum[]", &args, Form::Matrix))
    }

    /// The position that an index or a number stands for.
    fn position(&mut self, at: M) -> Option<Dim> {
        match self.arena.kind(at) {
            Kind::Name(name) => Some(self.g.sizes.symbol(name)),
            Kind::Number(value) => Some(self.g.sizes.constant(value.to_i64()?)),
            Kind::Size(dim) => Some(*dim),
            Kind::Sum(terms) => {
                let mut total = self.g.sizes.constant(0);
                for (c, m) in terms.clone() {
                    let term = self.position(m)?;
                    let term = self.g.sizes.scale(term, &c);
                    total = self.g.sizes.add(total, term);
                }
                Some(total)
            }
            _ => None,
        }
    }

    /// Puts the positions that unit vectors and slices select in place of their sums: what is left has these axes, too.
    /// `None` where nothing is selected.
    pub(super) fn place_selected(&mut self, p: &Product, place: &mut [Option<M>]) -> Option<Product> {
        let mut left = p.clone();
        loop {
            let mut found = None;
            for (k, f) in left.factors.iter().enumerate() {
                let selected = match (self.g.node(f.node), f.labels.as_slice()) {
                    (Node::OneHot { at, .. }, &[l]) => Some((l, None, *at)),
                    // without an offset the index alone would seem to run over all of the longer axis
                    (Node::Shift { offset, .. }, &[row, l]) if self.g.sizes.value(*offset).is_none_or(|v| v > 0) => {
                        Some((l, Some(row), *offset))
                    }
                    _ => None,
                };
                let Some((label, from, by)) = selected else { continue };
                let from = match from {
                    Some(row) => match place[row as usize] {
                        Some(row) => Some(row),
                        None => continue,
                    },
                    None => None,
                };
                if place[label as usize].is_none() {
                    found = Some((k, label, from, by));
                    break;
                }
            }
            let Some((k, label, from, by)) = found else { break };
            let by = self.arena.size_or_number(self.g, by);
            place[label as usize] = Some(match from {
                Some(row) => self.arena.sum(vec![(Rational::ONE, row), (Rational::ONE, by)], Form::Scalar),
                None => by,
            });
            left.factors.remove(k);
            left.out.push(label);
        }
        (left.factors.len() < p.factors.len()).then_some(left)
    }

    /// The entry of pieces one after another along an axis: each at the position that is so far behind those before it.
    pub(super) fn stacked_entry(&mut self, axis: usize, parts: &[Part], at: &[M], depth: usize) -> Option<M> {
        if !self.total {
            return None;
        }
        let (position, one) = (*at.get(axis)?, Rational::ONE);
        let mut rest = at.to_vec();
        rest.remove(axis);
        let mut before = self.g.sizes.constant(0);
        let mut terms = Vec::new();
        for part in parts {
            let length = part.extent.unwrap_or_else(|| self.g.sizes.constant(1));
            let offset = self.arena.size_or_number(self.g, before);
            before = self.g.sizes.add(before, length);
            if self.g.is_zero(part.node) {
                continue;
            }
            let term = if part.extent.is_none() {
                let first = self.arena.int(1);
                let place = self.arena.sum(vec![(one.clone(), offset), (one.clone(), first)], Form::Scalar);
                let (inner, same) = (self.entry_at(part.node, &rest, depth + 1)?, self.delta(position, place));
                self.arena.product(one.clone(), vec![(same, one.clone()), (inner, one.clone())], Vec::new())
            } else {
                let bound = self.fresh_bound();
                let (index, size) = (self.arena.name(&bound, Form::Scalar), self.arena.size_or_number(self.g, length));
                let mut own = rest.clone();
                own.insert(axis, index);
                let inner = self.entry_at(part.node, &own, depth + 1)?;
                let place = self.arena.sum(vec![(one.clone(), index), (one.clone(), offset)], Form::Scalar);
                let same = self.arena.raw(Kind::Compare(Comparison::Equal, place, position), Form::Scalar);
                self.arena.call("sum[;]", &[inner, same, index, size], Form::Scalar)
            };
            terms.push((one.clone(), term));
        }
        Some(self.arena.sum(terms, Form::Scalar))
    }
}
