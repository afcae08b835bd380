//! Steps that run block by block along an axis that all of them have, so that what is between them stays in the caches.

use smallvec::SmallVec;

use crate::fused::Scratch;
use crate::kernel::linear::combine;
use crate::kernel::number::Number;
use crate::program::{Op, Step};

/// Where a block of a slot is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Part {
    /// All of it, in every block.
    Whole,
    /// So many numbers a row, those of the block.
    Rows(usize),
    /// So many numbers a row; there is memory for one block only.
    Again(usize),
}

/// A slot that a piece reads or writes: among the results of the step or its arguments.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Operand {
    pub written: bool,
    pub index: usize,
    pub part: Part,
}

/// One step on a block: the first, those after it, and the last where it is shorter.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    pub first: Op,
    pub next: Op,
    pub last: Op,
    pub outs: SmallVec<[Operand; 2]>,
    pub args: SmallVec<[Operand; 4]>,
}

/// Steps along the blocks of an axis.
#[derive(Clone, Debug)]
pub(crate) struct Tiled {
    /// The steps as they were, for listings.
    pub steps: Vec<Step>,
    pub pieces: Vec<Piece>,
    /// How long the axis is, and a block of it.
    pub rows: usize,
    pub block: usize,
}

impl Operand {
    fn of<'a, T>(&self, memory: &'a [T], from: usize, count: usize) -> &'a [T] {
        let found = match self.part {
            Part::Whole => Some(memory),
            Part::Rows(n) => memory.get(from * n..(from + count) * n),
            Part::Again(n) => memory.get(..count * n),
        };
        found.unwrap_or(&[])
    }

    fn of_mut<'a, T>(&self, memory: &'a mut [T], from: usize, count: usize) -> &'a mut [T] {
        let found = match self.part {
            Part::Whole => Some(memory),
            Part::Rows(n) => memory.get_mut(from * n..(from + count) * n),
            Part::Again(n) => memory.get_mut(..count * n),
        };
        found.unwrap_or_default()
    }
}

impl Tiled {
    /// Runs all blocks; `outs` are whole buffers of the results.
    pub fn run<T: Number>(&self, args: &[&[T]], outs: &mut [&mut [T]], fused: &mut Scratch<T>) {
        let mut from = 0;
        while from < self.rows {
            let count = self.block.min(self.rows - from);
            for piece in &self.pieces {
                let op = match (from, count == self.block) {
                    (0, _) => &piece.first,
                    (_, true) => &piece.next,
                    (_, false) => &piece.last,
                };
                let mut own: SmallVec<[&mut [T]; 4]> = piece
                    .outs
                    .iter()
                    .map(|out| outs.get_mut(out.index).map(std::mem::take).unwrap_or_default())
                    .collect();
                {
                    let given: SmallVec<[&[T]; 16]> = piece
                        .args
                        .iter()
                        .map(|arg| {
                            let memory = match arg.written {
                                true => outs.get(arg.index).map(|out| &**out),
                                false => args.get(arg.index).copied(),
                            };
                            arg.of(memory.unwrap_or(&[]), from, count)
                        })
                        .collect();
                    let mut places: SmallVec<[&mut [T]; 4]> =
                        own.iter_mut().zip(&piece.outs).map(|(memory, out)| out.of_mut(memory, from, count)).collect();
                    carry_out(op, &given, &mut places, fused);
                }
                for (memory, out) in own.into_iter().zip(&piece.outs) {
                    if let Some(place) = outs.get_mut(out.index) {
                        *place = memory;
                    }
                }
            }
            from += count;
        }
    }

    /// What it does, for listings.
    pub fn text(&self) -> String {
        format!("{} steps by blocks of {} of {} rows", self.pieces.len(), self.block, self.rows)
    }
}

/// One of the operations that blocks are made of.
fn carry_out<T: Number>(op: &Op, args: &[&[T]], outs: &mut [&mut [T]], fused: &mut Scratch<T>) {
    let arg = |k: usize| args.get(k).copied().unwrap_or(&[]);
    if let Op::Fused(work) = op {
        return work.run(args, outs, fused);
    }
    let Some(out) = outs.first_mut() else { return };
    match op {
        Op::Fill(value) => out.fill(T::of(*value)),
        Op::Contract(c) => c.run(arg(0), (args.len() > 1).then(|| arg(1)), out),
        Op::Combine { terms, constant } => {
            let terms: SmallVec<[(f64, &[T]); 8]> =
                terms.iter().enumerate().map(|(k, (c, _))| (*c, arg(k).get(..out.len()).unwrap_or(&[]))).collect();
            combine(&terms, *constant, out);
        }
        Op::Power { power, .. } => power.apply(arg(0), out),
        _ => debug_assert!(false, "a step that blocks are not made of"),
    }
}
