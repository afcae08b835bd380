//! Literals and blocks: `[a, b; c, d]` of pieces along an axis.

use super::Printer;
use super::expr::{Form, Kind, M};
use crate::graph::{Dim, Node, NodeId, Part};

impl Printer<'_> {
    pub(super) fn stack_expr(&mut self, axis: u8, parts: &[Part], form: Form) -> Option<M> {
        if form == Form::Column {
            let items: Vec<M> = parts.iter().map(|p| self.known(p.node)).collect::<Option<_>>()?;
            if parts.iter().all(|p| p.extent.is_none()) {
                return Some(self.arena.raw(Kind::Column(items), form));
            }
            // a literal inside a literal is its entries
            let items: Vec<M> = items
                .into_iter()
                .flat_map(|m| match self.arena.kind(m) {
                    Kind::Column(entries) => entries.clone(),
                    _ => vec![m],
                })
                .collect();
            if items.iter().all(|m| self.arena.form(*m) == Form::Scalar) {
                return Some(self.arena.raw(Kind::Column(items), form));
            }
            return Some(self.arena.raw(Kind::Rows(items.into_iter().map(|m| vec![m]).collect()), form));
        }
        let m = self.stacked_rows(axis, parts);
        // side by side, where that is no longer
        match (self.blocks(axis, parts), m) {
            (Some(blocks), Some(m)) if self.arena.length(blocks) > self.arena.length(m) + 16 => Some(m),
            (Some(blocks), _) => Some(blocks),
            (None, m) => m,
        }
    }

    /// `[A, B]` or `[A, B; C, D]` of pieces that are matrices, the columns of `[u, v]`.
    fn blocks(&mut self, axis: u8, parts: &[Part]) -> Option<M> {
        let plain = |this: &mut Self, row: &[Part]| row.iter().map(|p| this.expr(p.node)).collect::<Option<Vec<M>>>();
        let mut rows = Vec::new();
        if axis == 1 {
            rows.push(plain(self, parts)?);
        } else {
            let like = parts.iter().find_map(|part| match self.g.node(part.node) {
                Node::Stack(1, row) => Some(row.clone()),
                _ => None,
            })?;
            for part in parts {
                let zero = self.g.is_zero(part.node);
                let row = match (part.extent, self.g.node(part.node).clone()) {
                    (Some(_), Node::Stack(1, row)) => plain(self, &row)?,
                    // zeros side by side are one
                    (Some(height), _) if zero => {
                        let dims = like.iter().map(|p| [Some(height), p.extent]).collect::<Vec<_>>();
                        dims.into_iter().map(|dims| self.zeros_of(dims)).collect::<Option<_>>()?
                    }
                    // a single row: of transposed vectors and scalars
                    (None, Node::Stack(0, row)) => {
                        let row = plain(self, &row)?;
                        row.into_iter().map(|m| self.arena.transpose(m)).collect()
                    }
                    (None, _) if zero => {
                        let dims = like.iter().map(|p| [p.extent, None]).collect::<Vec<_>>();
                        let row = dims.into_iter().map(|dims| self.zeros_of(dims)).collect::<Option<Vec<M>>>()?;
                        row.into_iter().map(|m| self.arena.transpose(m)).collect()
                    }
                    _ => return None,
                };
                rows.push(row);
            }
        }
        let width = rows.first()?.len();
        if width < 2 || rows.iter().any(|row| row.len() != width) {
            return None;
        }
        let whole = if rows.len() == 1 { Kind::Column(rows.remove(0)) } else { Kind::Rows(rows) };
        Some(self.arena.raw(whole, Form::Matrix))
    }

    /// Zeros of the dimensions that are there.
    fn zeros_of(&mut self, dims: [Option<Dim>; 2]) -> Option<M> {
        let dims: Vec<Dim> = dims.into_iter().flatten().collect();
        let zeros = self.g.zeros(&dims);
        self.expr(zeros)
    }

    fn stacked_rows(&mut self, axis: u8, parts: &[Part]) -> Option<M> {
        let (mut rows, mut whole) = (Vec::new(), Vec::new());
        for part in parts {
            let m = self.known(part.node)?;
            // along axis 1 the transposed pieces are stacked, and the whole is transposed at the end
            let row = match (part.extent, axis) {
                (None, _) => self.arena.transpose(m),
                (Some(_), 0) => m,
                (Some(_), _) => self.arena.transpose(m),
            };
            rows.push(self.row_entries(part, row));
            whole.push(row);
        }
        let width = rows.iter().map(Vec::len).max().unwrap_or(1);
        if rows.iter().any(|r| r.len() != width) {
            let mut level = Vec::with_capacity(rows.len());
            for (row, part) in rows.iter().zip(parts) {
                level.push(if row.len() == width { Some(row.clone()) } else { self.spread(part, width) });
            }
            rows = match level.into_iter().collect::<Option<Vec<_>>>() {
                Some(level) => level,
                None => whole.into_iter().map(|row| vec![row]).collect(),
            };
        }
        let m = self.arena.raw(Kind::Rows(rows), Form::Matrix);
        Some(if axis == 0 { m } else { self.arena.transpose(m) })
    }

    /// The entries of a literal row, or the row itself.
    fn row_entries(&mut self, part: &Part, row: M) -> Vec<M> {
        if part.extent.is_none() {
            if let Kind::Transpose(inner) = self.arena.kind(row)
                && let Kind::Column(items) = self.arena.kind(*inner)
            {
                return items.clone();
            }
            let n = self.g.axes(part.node)[0];
            if self.g.sizes.value(n).is_some_and(|v| v <= 8)
                && let Some(entries) = self.spread(part, self.g.sizes.value(n).unwrap_or(0) as usize)
            {
                let whole: u32 = entries.iter().map(|m| self.arena.length(*m) + 1).sum();
                let sparse = matches!(self.g.node(part.node), Node::OneHot { .. } | Node::Sum(..) | Node::Product(_));
                if sparse && whole <= self.arena.length(row) + 8 {
                    return entries;
                }
            }
        }
        vec![row]
    }

    fn spread(&mut self, part: &Part, width: usize) -> Option<Vec<M>> {
        if part.extent.is_some() {
            return None;
        }
        let entries: Vec<NodeId> = (1..=width as i64).map(|k| self.g.entry(part.node, &[k])).collect();
        entries.into_iter().map(|e| self.expr(e)).collect()
    }
}
