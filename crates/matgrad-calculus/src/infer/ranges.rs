//! How far an index runs: as its subscripts allow.

use std::cmp::Ordering;

use matgrad_syntax::{Diagnostic, ExprId};

use super::elaborate::Elaborator;
use super::term::{IndexId, Use};
use crate::graph::{Dim, DimPoly};

/// How a polynomial of sizes compares with 0 whatever the sizes are: by its value or, without a constant of the other
/// sign, by its coefficients; `None` where that depends on them.
fn sign(poly: &DimPoly) -> Option<Ordering> {
    let negative = poly.0.iter().filter(|(_, coefficient)| coefficient.is_negative()).count();
    match (poly.0.len(), negative) {
        (0, _) => Some(Ordering::Equal),
        (_, 0) => Some(Ordering::Greater),
        (all, negative) if all == negative => Some(Ordering::Less),
        _ => None,
    }
}

/// What the uses of an index on axes of one dimension allow.
struct Bound {
    dim: Dim,
    /// The last value of the index that stays inside.
    last: Dim,
    shifted: bool,
    at: ExprId,
}

impl Elaborator<'_> {
    /// Settles the ranges of indices whose binder ends here.
    pub fn solve_ranges(&mut self, indices: &[IndexId], conditional: bool) {
        for &id in indices {
            let index = self.indices[id.0 as usize].clone();
            if index.explicit {
                self.check_range(id, &index.uses, conditional);
            } else if !index.uses.is_empty() {
                self.solve_range(id, &index.uses);
            }
        }
        self.follow_links(indices);
    }

    /// Indices that only a delta ties take the range of the other side.
    fn follow_links(&mut self, indices: &[IndexId]) {
        let mut todo: Vec<IndexId> = indices.to_vec();
        while let Some(id) = todo.pop() {
            let from = self.indices[id.0 as usize].clone();
            if !from.solved {
                let known = from.links.iter().map(|l| &self.indices[l.0 as usize]).find(|l| l.solved);
                let Some((length, start)) = known.map(|k| (k.length, k.start)) else { continue };
                let at = ExprId(0);
                if self.dims.unify(from.length, length, at).is_ok() {
                    let index = &mut self.indices[id.0 as usize];
                    index.solved = true;
                    index.start = start;
                }
            }
            if self.indices[id.0 as usize].solved {
                todo.extend(from.links.iter().copied().filter(|l| !self.indices[l.0 as usize].solved));
            }
        }
    }

    /// After everything: links that could not be followed before.
    pub fn settle_links(&mut self) {
        let solved: Vec<IndexId> = (0..self.indices.len() as u32)
            .map(IndexId)
            .filter(|i| self.indices[i.0 as usize].solved && !self.indices[i.0 as usize].links.is_empty())
            .collect();
        self.follow_links(&solved);
    }

    /// The bounds by dimension, and the first value that stays inside.
    fn bounds(&mut self, uses: &[Use]) -> (Vec<Bound>, i64) {
        let (one, mut first) = (self.dims.number(1), 1i64);
        let mut bounds: Vec<Bound> = Vec::new();
        for u in uses {
            let (dim, offset) = (self.dims.resolve(u.dim), self.dims.resolve(u.offset));
            let shift = self.dims.table.value(offset);
            let (last, from) = if u.sign > 0 {
                (self.dims.table.sub(dim, offset), shift.map(|c| 1 - c))
            } else {
                // 1 <= offset - i <= dim
                let from = self.dims.table.sub(offset, dim);
                (self.dims.table.sub(offset, one), self.dims.table.value(from))
            };
            first = first.max(from.unwrap_or(1));
            let shifted = shift != Some(0) || u.sign < 0;
            match bounds.iter_mut().find(|b| b.dim == dim) {
                Some(bound) => {
                    let less = self.dims.table.sub(last, bound.last);
                    if sign(self.dims.table.poly(less)) == Some(Ordering::Less) {
                        bound.last = last;
                    }
                    bound.shifted |= shifted;
                }
                None => bounds.push(Bound { dim, last, shifted, at: u.at }),
            }
        }
        (bounds, first)
    }

    fn solve_range(&mut self, id: IndexId, uses: &[Use]) {
        let (bounds, first) = self.bounds(uses);
        let shifted = bounds.iter().any(|b| b.shifted);
        let Some((head, rest)) = bounds.split_first() else { return };
        let mut last = head.last;
        for bound in rest {
            let (a, b) = (self.dims.resolve(last), self.dims.resolve(bound.last));
            let less = self.dims.table.sub(b, a);
            match sign(self.dims.table.poly(less)) {
                Some(Ordering::Equal) => {}
                Some(order) if shifted => last = if order == Ordering::Less { b } else { a },
                _ => {
                    if self.dims.unify(a, b, bound.at).is_err() {
                        self.range_clash(id, a, head.at, b, bound.at);
                        return;
                    }
                }
            }
        }
        let offset = self.dims.number(first - 1);
        let length = self.dims.table.sub(last, offset);
        let own = self.indices[id.0 as usize].length;
        let empty = self.dims.value(length).is_some_and(|v| v < 1);
        if empty || self.dims.unify(own, length, head.at).is_err() {
            let index = &self.indices[id.0 as usize];
            let message = format!("no value of the index `{}` stays inside all its subscripts", index.name);
            self.report(Diagnostic::error("index-range", index.span, message));
        }
        let index = &mut self.indices[id.0 as usize];
        index.start = first;
        index.solved = true;
    }

    fn range_clash(&mut self, id: IndexId, a: Dim, first: ExprId, b: Dim, second: ExprId) {
        let (x, y) = (self.dims.text(a), self.dims.text(b));
        let index = &self.indices[id.0 as usize];
        let message = format!("the index `{}` would run to {x} and to {y}", index.name);
        let diagnostic = Diagnostic::error("shape-mismatch", index.span, message)
            .label(self.span(first), format!("{x} entries here"))
            .label(self.span(second), format!("{y} entries here"));
        self.indices[id.0 as usize].solved = true;
        self.report(diagnostic);
    }

    /// A written range has to stay inside, except under a condition.
    fn check_range(&mut self, id: IndexId, uses: &[Use], conditional: bool) {
        if !conditional && uses.iter().any(|u| u.guarded) {
            let (guarded, others): (Vec<Use>, Vec<Use>) = uses.iter().cloned().partition(|u| u.guarded);
            self.check_range(id, &guarded, true);
            self.check_range(id, &others, false);
            return;
        }
        let (bounds, first) = self.bounds(uses);
        let length = self.indices[id.0 as usize].length;
        for bound in bounds {
            let (last, length) = (self.dims.resolve(bound.last), self.dims.resolve(length));
            let room = self.dims.table.sub(last, length);
            match self.dims.table.value(room) {
                Some(v) if v >= 0 || conditional => {}
                None if sign(self.dims.table.poly(room)) == Some(Ordering::Greater) => {}
                Some(_) => {
                    let (x, y) = (self.dims.text(length), self.dims.text(last));
                    let index = &self.indices[id.0 as usize];
                    let message =
                        format!("the index `{}` runs to {x}, but this subscript allows {y} at most", index.name);
                    let diagnostic = Diagnostic::error("out-of-range", self.span(bound.at), message);
                    let label = index.span;
                    self.report(diagnostic.label(label, "its range is written here"));
                }
                None if self.dims.table.value(length).is_some() && !self.dims.is_open(last) => {
                    // a number of entries of a longer axis
                    let offset = self.dims.table.sub(bound.dim, last);
                    let least = self.dims.table.add(length, offset);
                    self.at_least.push((bound.dim, least));
                }
                None => {
                    if self.dims.unify(last, length, bound.at).is_err() && !conditional {
                        self.range_clash(id, length, bound.at, last, bound.at);
                    }
                }
            }
        }
        if first > 1 && !conditional {
            let index = &self.indices[id.0 as usize];
            let message =
                format!("the index `{}` starts at 1, but a subscript is inside from {first} only", index.name);
            self.report(Diagnostic::error("out-of-range", index.span, message));
        }
    }
}
