//! Products: what each factor is, and the constraints that structural factors put on labels.

use matgrad_calculus::graph::{Factor, MapOp, Node, NodeId, Product};
use smallvec::SmallVec;

use super::affine::{Absorbed, Space};
use super::contraction::Operand;
use super::demand::{Need, need};
use super::pick::Pick;
use super::{Compiler, Dest, dense_view};
use crate::error::CompileError;
use crate::kernel::power::Power;
use crate::program::{Op, View};

/// What a factor is.
#[derive(Clone, Debug)]
pub(super) enum Kind {
    Tensor(View),
    /// One number everywhere, which is part of the coefficient already.
    Number,
    /// The label has this value, from 0.
    OneHot(i64),
    /// The second label is the first plus an offset.
    Shift(i64),
    /// The first label counts the second (of this length) and the third.
    Fuse(usize),
    /// One label is found by an index vector.
    Pick(Pick),
}

/// A factor under its labels.
#[derive(Clone, Debug)]
pub(super) struct Piece {
    pub kind: Kind,
    pub labels: SmallVec<[u16; 4]>,
    pub node: NodeId,
}

impl Compiler<'_> {
    /// A product, into a place of its own or the one given.
    pub(super) fn product(&mut self, p: &Product, dest: Option<&Dest>) -> Result<View, CompileError> {
        self.product_without(p, &[], dest)
    }

    /// A product without some of its factors, and without the axes that those alone count.
    pub(super) fn product_without(
        &mut self,
        p: &Product,
        skipped: &[usize],
        dest: Option<&Dest>,
    ) -> Result<View, CompileError> {
        let mut dims = self.shape(&p.dims)?;
        let mut out = p.out.clone();
        for label in skipped.iter().filter_map(|k| p.factors.get(*k)).flat_map(|f| &f.labels) {
            dims[usize::from(*label)] = 1;
            out.retain(|l| l != label);
        }
        let shape: SmallVec<[usize; 4]> = out.iter().map(|l| dims.get(usize::from(*l)).copied().unwrap_or(0)).collect();
        let mut alpha = 1.0;
        let mut pieces = Vec::with_capacity(p.factors.len());
        for (_, factor) in p.factors.iter().enumerate().filter(|(k, _)| !skipped.contains(k)) {
            if factor.exponent.is_one()
                && !self.values.contains_key(&factor.node)
                && let Some(split) = self.split(factor.node)?
            {
                let label = |axis: usize| factor.labels.get(axis).copied().unwrap_or(0);
                let labels = split.axes.iter().map(|k| label(*k)).collect();
                pieces.push(Piece { kind: Kind::Tensor(split.rest), labels, node: factor.node });
                for outer in split.outer {
                    let labels = outer.labels.iter().map(|k| label(usize::from(*k))).collect();
                    self.piece(&Factor { labels, ..outer }, &mut alpha, &mut pieces)?;
                }
                continue;
            }
            if self.is_summed_square(p, factor) {
                // read twice instead of being squared in memory
                let once = Factor { exponent: matgrad_syntax::Rational::ONE, ..factor.clone() };
                self.piece(&once, &mut alpha, &mut pieces)?;
                self.piece(&once, &mut alpha, &mut pieces)?;
                continue;
            }
            self.piece(factor, &mut alpha, &mut pieces)?;
        }
        // labels nobody uses: sums of equal terms
        for (label, dim) in dims.iter_mut().enumerate() {
            let used = |labels: &[u16]| labels.iter().any(|l| usize::from(*l) == label);
            if !used(&out) && !pieces.iter().any(|piece| used(&piece.labels)) {
                alpha *= *dim as f64;
                *dim = 1;
            }
        }
        let pieces = self.without_picks(pieces, &mut dims, &out)?;
        self.stages(pieces, dims, (&out, &shape), alpha, dest)
    }

    /// Whether a product is nothing but the sum of the squares of some tensor's entries.
    fn is_summed_square(&self, p: &Product, factor: &Factor) -> bool {
        p.factors.len() == 1
            && factor.exponent == matgrad_syntax::Rational::int(2)
            && factor.labels.iter().any(|l| !p.out.contains(l))
            && matches!(need(self.graph, factor), Need::Value)
            && !self.powers.contains_key(&(factor.node, factor.exponent.clone()))
    }

    /// A factor among the pieces, or in the coefficient where it is a number.
    fn piece(&mut self, factor: &Factor, alpha: &mut f64, pieces: &mut Vec<Piece>) -> Result<(), CompileError> {
        let mut kind = self.factor(factor)?;
        if let Kind::Tensor(view) = &kind
            && let Some(value) = self.known_number(view)
        {
            *alpha *= value;
            kind = Kind::Number;
        }
        if let Kind::Tensor(view) = &kind
            && factor.exponent.is_one()
            && self.graph.is_known_symmetric(factor.node)
            && view.offset == 0
            && view.is_dense()
        {
            self.symmetric.insert(view.slot);
        }
        pieces.push(Piece { kind, labels: factor.labels.clone(), node: factor.node });
        Ok(())
    }

    fn factor(&mut self, factor: &Factor) -> Result<Kind, CompileError> {
        let graph = self.graph;
        match (need(graph, factor), graph.node(factor.node)) {
            (Need::Structure, Node::OneHot { at, .. }) => Ok(Kind::OneHot(self.signed(*at)? - 1)),
            (Need::Structure, Node::Shift { offset, .. }) => Ok(Kind::Shift(self.signed(*offset)?)),
            (Need::Structure, Node::Fuse { fast, .. }) => Ok(Kind::Fuse(self.length(*fast)?)),
            (Need::Pick(a, b), _) if !self.is_outside(factor.node) => Ok(match self.pick(a, b)? {
                Some(pick) => Kind::Pick(pick),
                None => Kind::Tensor(self.value(factor.node)?),
            }),
            _ if self.is_outside(factor.node) && factor.exponent.is_one() => Ok(Kind::Tensor(self.value(factor.node)?)),
            (Need::ExponentOf(arg), _) if !self.is_outside(factor.node) => {
                let key = (factor.node, factor.exponent.clone());
                if let Some(known) = self.powers.get(&key) {
                    return Ok(Kind::Tensor(known.clone()));
                }
                let view = self.map(MapOp::Exp, &[arg], factor.exponent.to_f64())?;
                self.powers.insert(key, view.clone());
                Ok(Kind::Tensor(view))
            }
            (Need::Inverse(_), _) if !self.values.contains_key(&factor.node) => {
                Ok(Kind::Tensor(self.pending_inverse(factor.node)?))
            }
            _ if factor.exponent.is_one() => Ok(Kind::Tensor(self.value(factor.node)?)),
            _ => {
                let key = (factor.node, factor.exponent.clone());
                if let Some(known) = self.powers.get(&key) {
                    return Ok(Kind::Tensor(known.clone()));
                }
                let power = Power::new(&factor.exponent);
                let base = self.value(factor.node)?;
                let view = match self.known_number(&base) {
                    Some(value) => self.full(power.of(value), &base.shape)?,
                    None => {
                        let base = self.dense(base)?;
                        let out = dense_view(self.allocate(&base.shape)?, &base.shape);
                        let op = Op::Power { power, start: base.offset };
                        self.emit(op, out.slot, SmallVec::from_slice(&[base.slot]));
                        out
                    }
                };
                self.powers.insert(key, view.clone());
                Ok(Kind::Tensor(view))
            }
        }
    }

    /// Contracts; constraints that do not fit together wait until the rest is a tensor.
    pub(super) fn stages(
        &mut self,
        mut pieces: Vec<Piece>,
        mut dims: SmallVec<[usize; 4]>,
        (out, shape): (&[u16], &[usize]),
        alpha: f64,
        dest: Option<&Dest>,
    ) -> Result<View, CompileError> {
        loop {
            let mut space = Space::new(&dims);
            let waiting = match absorb(&pieces, &mut space) {
                Some(waiting) => waiting,
                None => return self.nothing(shape, dest),
            };
            if waiting.is_empty() {
                let operands = Self::operands(&pieces, &space);
                return self.contract(&space, operands, (out, shape), alpha, dest);
            }
            let (later, now): (Vec<_>, Vec<_>) = pieces.into_iter().enumerate().partition(|(k, _)| waiting.contains(k));
            let mut later: Vec<Piece> = later.into_iter().map(|(_, p)| p).collect();
            let mut now: Vec<Piece> = now.into_iter().map(|(_, p)| p).collect();
            let plain = |p: &Piece| matches!(p.kind, Kind::Tensor(_) | Kind::Number);
            let settled = now.iter().filter(|p| plain(p)).count() <= 1 && now.iter().all(plain);
            if settled {
                // no constraint fits this one tensor: write one of them out
                let Some(piece) = later.first_mut() else { return Err(CompileError::Shapes { what: "a product" }) };
                piece.kind = Kind::Tensor(self.value(piece.node)?);
                pieces = now;
                pieces.append(&mut later);
                continue;
            }
            // the rest as a tensor over the labels that are still needed
            let mut staged: SmallVec<[u16; 4]> = SmallVec::new();
            let mut partial = dims.clone();
            for (label, dim) in dims.iter_mut().enumerate() {
                let label = label as u16;
                let here = now.iter().any(|p| p.labels.contains(&label));
                if !here {
                    partial[usize::from(label)] = 1;
                } else if out.contains(&label) || later.iter().any(|p| p.labels.contains(&label)) {
                    staged.push(label);
                } else {
                    *dim = 1; // summed in this stage
                }
            }
            let mut space = Space::new(&partial);
            match absorb(&now, &mut space) {
                None => return self.nothing(shape, dest),
                Some(stuck) if stuck.is_empty() => {}
                Some(stuck) => {
                    for k in stuck {
                        now[k].kind = Kind::Tensor(self.value(now[k].node)?);
                    }
                    space = Space::new(&partial);
                    if absorb(&now, &mut space).is_none() {
                        return self.nothing(shape, dest);
                    }
                }
            }
            let operands = Self::operands(&now, &space);
            let part: SmallVec<[usize; 4]> = staged.iter().map(|l| partial[usize::from(*l)]).collect();
            let view = self.contract(&space, operands, (&staged, &part), 1.0, None)?;
            let node = now.first().map_or(NodeId(0), |p| p.node);
            pieces = vec![Piece { kind: Kind::Tensor(view), labels: staged, node }];
            pieces.append(&mut later);
        }
    }

    /// The tensors among the pieces.
    fn operands(pieces: &[Piece], space: &Space) -> Vec<Operand> {
        let tensors = pieces.iter().filter_map(|p| match &p.kind {
            Kind::Tensor(view) => Some(Operand::new(view, &p.labels, space)),
            _ => None,
        });
        tensors.collect()
    }

    /// A product that is 0.
    fn nothing(&mut self, shape: &[usize], dest: Option<&Dest>) -> Result<View, CompileError> {
        match dest {
            None => self.full(0.0, shape),
            Some(dest) => {
                if !dest.accumulate {
                    self.zero(dest)?;
                }
                Ok(dest.view.clone())
            }
        }
    }

    /// A one-hot, a shift or a fusion written out.
    pub(super) fn dense_structure(&mut self, id: NodeId) -> Result<View, CompileError> {
        let shape = self.shape_of(id)?;
        let labels: SmallVec<[u16; 4]> = (0..shape.len() as u16).collect();
        let exponent = matgrad_syntax::Rational::ONE;
        let kind = self.factor(&Factor { node: id, labels: labels.clone(), exponent })?;
        let piece = Piece { kind, labels: labels.clone(), node: id };
        let dims = shape.clone();
        self.stages(vec![piece], dims, (&labels, &shape), 1.0, None)
    }
}

/// Puts the constraints into the labels; which of them did not go in, or `None` where they contradict one another.
fn absorb(pieces: &[Piece], space: &mut Space) -> Option<Vec<usize>> {
    let mut waiting: Vec<usize> = (0..pieces.len())
        .filter(|k| !matches!(pieces[*k].kind, Kind::Tensor(_) | Kind::Number | Kind::Pick(_)))
        .collect();
    loop {
        let before = waiting.len();
        let mut never = false;
        waiting.retain(|k| {
            let l = |axis: usize| pieces[*k].labels.get(axis).map_or(0, |l| usize::from(*l));
            let absorbed = match pieces[*k].kind {
                Kind::OneHot(at) => space.fix(l(0), at),
                Kind::Shift(offset) => space.shift(l(0), l(1), offset),
                Kind::Fuse(length) => space.fuse(l(0), l(1), l(2), length),
                Kind::Tensor(_) | Kind::Number | Kind::Pick(_) => Absorbed::Yes,
            };
            never |= absorbed == Absorbed::Never;
            absorbed == Absorbed::No
        });
        if never {
            return None;
        }
        if waiting.len() == before || waiting.is_empty() {
            return Some(waiting);
        }
    }
}
