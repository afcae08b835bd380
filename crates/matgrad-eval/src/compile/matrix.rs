//! Functions of matrices: factorisations are shared by all that needs them.

use matgrad_calculus::graph::{MatrixOp, NodeId};
use smallvec::SmallVec;

use super::{Compiler, Dest, dense_view};
use crate::array::{count, strides};
use crate::error::CompileError;
use crate::linalg::svd::packed_len;
use crate::linalg::{Function, Linalg};
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
        let key = (op, batch.view.slot, batch.view.offset, batch.count);
        if let Some(&known) = self.factors.get(&key) {
            return Ok(known);
        }
        let slot = self.linalg(op, (batch.view.slot, batch.view.offset), batch, &[length])?.slot;
        self.factors.insert(key, slot);
        Ok(slot)
    }

    fn lu_factors(&mut self, x: &Batch) -> Result<Slot, CompileError> {
        let n = x.rows;
        self.factors(Linalg::Factor { n }, x, n.saturating_mul(n).saturating_add(n))
    }

    /// The LU factors of one square matrix: their slot and where they start.
    pub(super) fn lu(&mut self, id: NodeId) -> Result<(Slot, usize), CompileError> {
        let x = self.batch(id)?;
        if x.rows != x.cols || x.count != 1 {
            return Err(CompileError::Shapes { what: "a function of a square matrix" });
        }
        Ok((self.lu_factors(&x)?, 0))
    }

    pub(super) fn matrix(&mut self, op: MatrixOp, args: &[NodeId]) -> Result<View, CompileError> {
        let Some(&arg) = args.first() else { return Err(CompileError::Shapes { what: "a function of a matrix" }) };
        let x = self.batch(arg)?;
        let (m, n) = (x.rows, x.cols);
        let square =
            || if m == n { Ok(()) } else { Err(CompileError::Shapes { what: "a function of a square matrix" }) };
        let svd = |this: &mut Self| this.factors(Linalg::Svd { m, n }, &x, packed_len(m, n));
        match op {
            MatrixOp::Inverse | MatrixOp::Det | MatrixOp::LogDet => {
                square()?;
                let lu = self.lu_factors(&x)?;
                match op {
                    MatrixOp::Inverse => self.linalg(Linalg::Inverse { n }, (lu, 0), &x, &[n, n]),
                    MatrixOp::Det => self.linalg(Linalg::Det { n }, (lu, 0), &x, &[]),
                    _ => self.linalg(Linalg::LogDet { n }, (lu, 0), &x, &[]),
                }
            }
            MatrixOp::Adjugate => {
                square()?;
                self.linalg(Linalg::Adjugate { n }, (x.view.slot, x.view.offset), &x, &[n, n])
            }
            MatrixOp::Pinv => {
                let svd = svd(self)?;
                self.linalg(Linalg::Pinv { m, n }, (svd, 0), &x, &[n, m])
            }
            MatrixOp::Cholesky => {
                square()?;
                self.linalg(Linalg::Cholesky { n }, (x.view.slot, x.view.offset), &x, &[n, n])
            }
            MatrixOp::Expm => self.function(Function::Exp, &x),
            MatrixOp::Logm => self.function(Function::Log, &x),
            MatrixOp::Sqrtm => self.function(Function::Sqrt, &x),
            MatrixOp::Eigvals | MatrixOp::Eigvecs => {
                square()?;
                let length = n.saturating_mul(n).saturating_add(n);
                let slot = self.factors(Linalg::Eigen { n }, &x, length)?;
                let (offset, tail): (usize, &[usize]) = if op == MatrixOp::Eigvals { (0, &[n]) } else { (n, &[n, n]) };
                Ok(part_of(slot, offset, length, &x.shape, tail))
            }
            MatrixOp::Singvals | MatrixOp::SvdU | MatrixOp::SvdV | MatrixOp::NormSpec => {
                let slot = svd(self)?;
                let k = m.min(n);
                let (offset, tail): (usize, &[usize]) = match op {
                    MatrixOp::Singvals => (0, &[k]),
                    MatrixOp::SvdU => (k, &[m, k]),
                    MatrixOp::SvdV => (k + m * k, &[n, k]),
                    _ if k == 0 => return self.full(0.0, &x.shape),
                    _ => (0, &[]),
                };
                Ok(part_of(slot, offset, packed_len(m, n), &x.shape, tail))
            }
            MatrixOp::NormNuc => {
                let slot = svd(self)?;
                let k = m.min(n);
                let values = part_of(slot, 0, packed_len(m, n), &x.shape, &[k]);
                let dest = Dest::fresh(self.allocate(&x.shape)?, &x.shape);
                self.zero(&dest)?;
                for offset in 0..k {
                    let one = part_of(values.slot, offset, packed_len(m, n), &x.shape, &[]);
                    self.copy(&one, &Dest { accumulate: true, ..dest.clone() });
                }
                Ok(dest.view)
            }
            MatrixOp::ExpmFrechet => self.frechet(Function::Exp, &x, args),
            MatrixOp::LogmFrechet => self.frechet(Function::Log, &x, args),
            MatrixOp::SqrtmFrechet => self.frechet(Function::Sqrt, &x, args),
        }
    }

    fn function(&mut self, f: Function, x: &Batch) -> Result<View, CompileError> {
        if x.rows != x.cols {
            return Err(CompileError::Shapes { what: "a function of a square matrix" });
        }
        let n = x.rows;
        self.linalg(Linalg::Function { f, n }, (x.view.slot, x.view.offset), x, &[n, n])
    }

    fn frechet(&mut self, f: Function, x: &Batch, args: &[NodeId]) -> Result<View, CompileError> {
        let wrong = || CompileError::Shapes { what: "the derivative of a function of a matrix" };
        let e = self.batch(*args.get(1).ok_or_else(wrong)?)?;
        let n = x.rows;
        if x.cols != n || (e.rows, e.cols) != (n, n) || !e.shape.ends_with(&x.shape) {
            return Err(wrong());
        }
        let per = count(&e.shape[..e.shape.len() - x.shape.len()]).unwrap_or(0);
        let out = dense_view(self.allocate(&e.view.shape)?, &e.view.shape);
        let op = Linalg::Frechet { f, n, per };
        let op = Op::Linalg { op, start: [x.view.offset, e.view.offset], batch: x.count };
        self.emit(op, out.slot, SmallVec::from_slice(&[x.view.slot, e.view.slot]));
        Ok(out)
    }
}

/// A tensor inside each of the packed results of a batch.
fn part_of(slot: Slot, offset: usize, length: usize, batch: &[usize], tail: &[usize]) -> View {
    let mut view = dense_view(slot, tail);
    view.offset = offset;
    let mut outer: SmallVec<[usize; 4]> = strides(batch).into_iter().map(|s| s.saturating_mul(length)).collect();
    outer.extend_from_slice(&view.strides);
    let mut shape: SmallVec<[usize; 4]> = SmallVec::from_slice(batch);
    shape.extend_from_slice(tail);
    View { shape, strides: outer, ..view }
}
