//! Index vectors: a comparison of an index with a counting axis is no factor to multiply by. It reads entries at its
//! positions, or adds to them.

use matgrad_calculus::graph::NodeId;
use smallvec::SmallVec;

use super::product::{Kind, Piece};
use super::{Compiler, Dest, dense_view, loops_over};
use crate::error::CompileError;
use crate::kernel::merge;
use crate::program::{Op, Place, View};

/// Positions along an axis, as numbers.
#[derive(Clone, Debug)]
pub(super) struct Pick {
    /// Which axis of the comparison counts.
    pub axis: usize,
    /// The positions along the other axes, from `first` on.
    pub index: View,
    /// The number of the first position.
    pub first: f64,
}

impl Compiler<'_> {
    /// The comparison of two tensors as positions, where one of them counts along an axis that the other lacks.
    pub(super) fn pick(&mut self, a: NodeId, b: NodeId) -> Result<Option<Pick>, CompileError> {
        let (a, b) = (self.value(a)?, self.value(b)?);
        for (index, count) in [(&a, &b), (&b, &a)] {
            let mut moving = (0..count.shape.len()).filter(|k| count.strides[*k] != 0 && count.shape[*k] != 1);
            let (Some(axis), None) = (moving.next(), moving.next()) else { continue };
            if index.strides[axis] != 0 {
                continue;
            }
            let Some(Place::Constant(k)) = self.slots.get(count.slot.0 as usize).map(|s| s.place) else { continue };
            let numbers = self.constants.get(k).and_then(|c| c.get(count.offset..)).unwrap_or(&[]);
            let mut numbers = numbers.iter().step_by(count.strides[axis]).take(count.shape[axis]);
            let Some(first) = numbers.next().copied() else { continue };
            if numbers.enumerate().all(|(k, x)| *x == first + (k + 1) as f64) {
                return Ok(Some(Pick { axis, index: index.clone(), first }));
            }
        }
        Ok(None)
    }

    /// Takes the picks out of a product: what they read is copied, what they write is added up.
    pub(super) fn without_picks(
        &mut self,
        mut pieces: Vec<Piece>,
        dims: &mut SmallVec<[usize; 4]>,
        out: &[u16],
    ) -> Result<Vec<Piece>, CompileError> {
        while let Some(at) = pieces.iter().position(|p| matches!(p.kind, Kind::Pick(_))) {
            let piece = pieces.remove(at);
            let Kind::Pick(pick) = &piece.kind else { continue };
            let label = piece.labels[pick.axis];
            let over: SmallVec<[u16; 4]> = (0..piece.labels.len())
                .filter(|k| *k != pick.axis && pick.index.strides[*k] != 0)
                .map(|k| piece.labels[k])
                .collect();
            let plain = |p: &Piece| matches!(p.kind, Kind::Tensor(_));
            let has = |p: &Piece, l: &u16| p.labels.contains(l);
            let only_plain = |l: &u16, pieces: &[Piece]| pieces.iter().filter(|p| has(p, l)).all(plain);
            let reads = pieces.iter().any(|p| has(p, &label));
            let gathers = !out.contains(&label) && !over.contains(&label) && reads && only_plain(&label, &pieces);
            let scatters = out.contains(&label)
                && !reads
                && !over.is_empty()
                && over.iter().all(|l| !out.contains(l) && *l != label && only_plain(l, &pieces));
            if gathers {
                for p in pieces.iter_mut().filter(|p| p.labels.contains(&label)) {
                    *p = self.gathered(p, pick, &piece, label, &over, dims)?;
                }
                dims[usize::from(label)] = 1; // nobody counts along it any more
            } else if scatters {
                let (inner, rest): (Vec<Piece>, Vec<Piece>) =
                    pieces.into_iter().partition(|p| over.iter().any(|l| p.labels.contains(l)));
                pieces = rest;
                let counted: SmallVec<[u16; 8]> = inner.iter().flat_map(|p| p.labels.iter().copied()).collect();
                let sum = self.scattered(inner, pick, &piece, (label, &over), (dims, out, &pieces))?;
                // what is summed in there is not counted again outside
                let gone = |l: &u16| !out.contains(l) && !pieces.iter().any(|p| has(p, l));
                over.iter().chain(counted.iter().filter(|l| gone(l))).for_each(|l| dims[usize::from(*l)] = 1);
                pieces.push(sum);
            } else {
                let kind = Kind::Tensor(self.value(piece.node)?);
                pieces.push(Piece { kind, ..piece });
            }
        }
        Ok(pieces)
    }

    /// The strides of the positions for some labels.
    fn along(pick: &Pick, piece: &Piece, labels: &[u16]) -> SmallVec<[usize; 4]> {
        let stride = |l: &u16| -> usize {
            let own = piece.labels.iter().zip(&pick.index.strides).enumerate();
            own.filter(|(k, (label, _))| *k != pick.axis && *label == l).map(|(_, (_, s))| *s).sum()
        };
        labels.iter().map(stride).collect()
    }

    /// A tensor read at the positions along one of its labels.
    fn gathered(
        &mut self,
        from: &Piece,
        pick: &Pick,
        piece: &Piece,
        label: u16,
        over: &[u16],
        dims: &[usize],
    ) -> Result<Piece, CompileError> {
        let Kind::Tensor(view) = &from.kind else { return Err(CompileError::Shapes { what: "an index vector" }) };
        self.settle(view.slot)?;
        let mut labels: SmallVec<[u16; 4]> = SmallVec::from_slice(over);
        for l in from.labels.iter().filter(|l| **l != label) {
            if !labels.contains(l) {
                labels.push(*l);
            }
        }
        let shape: SmallVec<[usize; 4]> = labels.iter().map(|l| dims[usize::from(*l)]).collect();
        let stride = |l: &u16| -> usize {
            from.labels.iter().zip(&view.strides).filter(|(own, _)| *own == l).map(|(_, s)| *s).sum()
        };
        let source: SmallVec<[usize; 4]> = labels.iter().map(stride).collect();
        let out = dense_view(self.allocate(&shape)?, &shape);
        let index = Self::along(pick, piece, &labels);
        let mut loops = loops_over(&shape, [&source, &index, &out.strides]);
        merge(&mut loops);
        let op = Op::Gather {
            start: [view.offset, pick.index.offset],
            loops,
            step: stride(&label),
            first: pick.first,
            length: dims[usize::from(label)],
        };
        self.emit(op, out.slot, SmallVec::from_slice(&[view.slot, pick.index.slot]));
        Ok(Piece { kind: Kind::Tensor(out), labels, node: from.node })
    }

    /// The product of some tensors, added up at the positions.
    fn scattered(
        &mut self,
        inner: Vec<Piece>,
        pick: &Pick,
        piece: &Piece,
        (label, over): (u16, &[u16]),
        (dims, out, rest): (&[usize], &[u16], &[Piece]),
    ) -> Result<Piece, CompileError> {
        let mut kept: SmallVec<[u16; 4]> = SmallVec::new();
        for l in inner.iter().flat_map(|p| &p.labels) {
            let needed = out.contains(l) || rest.iter().any(|p| p.labels.contains(l));
            if needed && !kept.contains(l) && !over.contains(l) {
                kept.push(*l);
            }
        }
        let labels: SmallVec<[u16; 4]> = over.iter().chain(&kept).copied().collect();
        let shape: SmallVec<[usize; 4]> = labels.iter().map(|l| dims[usize::from(*l)]).collect();
        // labels that are not there are summed by whoever has them
        let mut own: SmallVec<[usize; 4]> = SmallVec::from_slice(dims);
        for (l, dim) in own.iter_mut().enumerate() {
            let l = l as u16;
            if !labels.contains(&l) && !inner.iter().any(|p| p.labels.contains(&l)) {
                *dim = 1;
            }
        }
        let values = self.stages(inner, own, (&labels, &shape), 1.0, None)?;
        self.settle(values.slot)?;
        let to: SmallVec<[u16; 4]> = std::iter::once(label).chain(kept.iter().copied()).collect();
        let to_shape: SmallVec<[usize; 4]> = to.iter().map(|l| dims[usize::from(*l)]).collect();
        let slot = self.allocate(&to_shape)?;
        let sum = dense_view(slot, &to_shape);
        self.zero(&Dest::fresh(slot, &to_shape))?;
        let index = Self::along(pick, piece, &labels);
        let stride = |l: &u16| kept.iter().position(|k| k == l).map_or(0, |k| sum.strides[k + 1]);
        let target: SmallVec<[usize; 4]> = labels.iter().map(stride).collect();
        let mut loops = loops_over(&shape, [&values.strides, &index, &target]);
        merge(&mut loops);
        let op = Op::Scatter {
            start: [values.offset, pick.index.offset],
            loops,
            step: sum.strides[0],
            first: pick.first,
            length: to_shape[0],
        };
        self.emit(op, slot, SmallVec::from_slice(&[values.slot, pick.index.slot]));
        Ok(Piece { kind: Kind::Tensor(sum), labels: to, node: piece.node })
    }
}
