//! Literals and blocks: pieces side by side, then rows on top of each other.

use matgrad_syntax::Rational;

use super::Shape;
use super::lower::{IndexSet, Lower, Value, union};
use super::term::{TermId, TermKind, Type};
use crate::graph::{Dim, NodeId, Part};

impl Lower<'_, '_> {
    pub fn lower_blocks(&mut self, rows: &[Vec<(TermId, Dim, Dim)>]) -> Value {
        let values: Vec<Value> = rows.iter().flatten().map(|(t, _, _)| self.value(*t)).collect();
        let indices = union(&values);
        let mut values = values.into_iter();
        let mut lines: Vec<(NodeId, Dim)> = Vec::with_capacity(rows.len());
        for row in rows {
            let mut pieces: Vec<(NodeId, Dim)> = Vec::with_capacity(row.len());
            let mut height = self.g.sizes.constant(1);
            for (term, r, c) in row {
                let Some(value) = values.next() else { continue };
                let shape = self.shape(&Type::Grid(*r, *c));
                pieces.push((self.block(*term, &value, &shape, &indices), self.block_dim(*c)));
                height = self.block_dim(*r);
            }
            let axis = indices.len() + usize::from(!self.g.sizes.is_one(height));
            let line = self.side_by_side(axis, &pieces);
            lines.push((line, height));
        }
        let node = self.side_by_side(indices.len(), &lines);
        Value { node, indices }
    }

    fn block_dim(&mut self, dim: Dim) -> Dim {
        self.dim(dim)
    }

    /// One piece; the number 0 stands for a block of zeros.
    fn block(&mut self, term: TermId, value: &Value, shape: &Shape, indices: &IndexSet) -> NodeId {
        let axes = shape.axes();
        if let TermKind::Number(c) = &self.e.term(term).kind
            && c.is_zero()
        {
            let dims = self.all_axes(indices, &axes);
            return self.g.full(&dims, Rational::ZERO);
        }
        let own = self.own_axes(value);
        self.align(value, own, indices, &axes)
    }

    /// Pieces along an axis; a piece of extent 1 lacks it.
    fn side_by_side(&mut self, axis: usize, pieces: &[(NodeId, Dim)]) -> NodeId {
        if let [(node, _)] = pieces {
            return *node;
        }
        let parts = pieces
            .iter()
            .map(|(node, extent)| {
                let thin = self.g.sizes.is_one(*extent);
                Part { node: *node, extent: if thin { None } else { Some(*extent) } }
            })
            .collect();
        self.g.stack(axis as u8, parts)
    }
}
