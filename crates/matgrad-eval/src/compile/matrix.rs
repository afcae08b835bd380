//! Functions of matrices: factorisations are shared by all that needs them.

use matgrad_calculus::graph::{MatrixOp, NodeId};
use smallvec::SmallVec;

use super::{Compiler, dense_view};
use crate::array::count;
use crate::error::CompileError;
use crate::linalg::Linalg;
use crate::program::{Op, Slot, View};

/// The matrices of an operand: how many, and their rows and columns.
struct Batch {
    view: View,
    shape: SmallVec<[usize; 4]>,
    count: usize,
    rows: usize,
    cols: usize,
}

impl Compiler<'_> {
    fn batch(&mut self, id: NodeId) -> Result<Batch, CompileError> {
        let view = self.value(id)?;
        let view = self.dense(view)?;
        let [batch @ .., rows, cols] = view.shape.as_slice() else {
            return Err(CompileError::Shapes { what: "a function of a matrix" });
        };
        let shape = SmallVec::from_slice(batch);
        let (rows, cols) = (*rows, *cols);
        Ok(Batch { count: count(&shape).unwrap_or(0), shape, rows, cols, view })
    }

    /// A function of matrices into fresh memory.
    fn linalg(&mut self, op: Linalg, from: (Slot, usize), batch: &Batch, tail: &[usize]) -> Result<View, CompileError> {
        let mut shape = batch.shape.clone();
        shape.extend_from_slice(tail);
        let out = dense_view(self.allocate(&shape)?, &shape);
        let op = Op::Linalg { op, start: [from.1, 0], batch: batch.count };
        self.emit(op, out.slot, SmallVec::from_slice(&[from.0]));
        Ok(out)
    }

    /// A factorisation, made once for each matrix.
    fn factors(&mut self, op: Linalg, batch: &Batch, length: usize) -> Result<Slot, CompileError> {
        let key = (op, batch.view.slot, batch.view.offset);
        if let Some(&known) = self.factors.get(&key) {
            return Ok(known);
        }
        let slot = self.linalg(op, (batch.view.slot, batch.view.offset), batch, &[length])?.slot;
        self.factors.insert(key, slot);
        Ok(slot)
    }

    pub(super) fn matrix(&mut self, op: MatrixOp, args: &[NodeId]) -> Result<View, CompileError> {
        let Some(&arg) = args.first() else { return Err(CompileError::Shapes { what: "a function of a matrix" }) };
        let x = self.batch(arg)?;
        let (m, n) = (x.rows, x.cols);
        let square =
            || if m == n { Ok(()) } else { Err(CompileError::Shapes { what: "a function of a square matrix" }) };
        match op {
            MatrixOp::Inverse | MatrixOp::Det | MatrixOp::LogDet => {
                square()?;
                let lu = self.factors(Linalg::Lu { n }, &x, n.saturating_mul(n).saturating_add(n))?;
                match op {
                    MatrixOp::Inverse => self.linalg(Linalg::Inverse { n }, (lu, 0), &x, &[n, n]),
                    MatrixOp::Det => self.linalg(Linalg::Det { n }, (lu, 0), &x, &[]),
                    _ => self.linalg(Linalg::LogDet { n }, (lu, 0), &x, &[]),
                }
            }
            _ => Err(CompileError::Shapes { what: "a function of a matrix" }),
        }
    }
}
