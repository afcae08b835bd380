//! A limit on the work of one check, counted in multiplications of doubles: the same on every machine.

use std::cell::Cell;
use std::mem::size_of;

use matgrad_syntax::{BinaryOp, patience};

use crate::builtin::Builtin;
use crate::error::{ErrorKind, EvalError, Result};
use crate::program::Op;
use crate::scalar::Scalar;
use crate::value::{Array, Value};

/// Well under a second.
const WORK: u64 = 100_000_000;

/// Bytes of values kept at a time.
const MEMORY: usize = 96 << 20;

/// What a check may still spend.
#[derive(Debug)]
pub(crate) struct Budget {
    work: Cell<u64>,
    /// Whether the logarithm and the root of a matrix are taken of any matrix, and not of symmetric ones only.
    any_matrix: Cell<bool>,
}

impl Budget {
    pub(crate) fn new() -> Self {
        Self { work: Cell::new(WORK), any_matrix: Cell::new(false) }
    }

    /// Lets functions of matrices that need no symmetry do without it.
    pub(crate) fn allow_any_matrix(&self) {
        self.any_matrix.set(true);
    }

    /// Whether they do.
    pub(crate) fn any_matrix(&self) -> bool {
        self.any_matrix.get()
    }

    pub(crate) fn spend(&self, work: u64) -> Result<()> {
        patience::look_after((work / 64).min(1 << 20) as u32 + 1);
        match self.work.get().checked_sub(work) {
            Some(left) => {
                self.work.set(left);
                Ok(())
            }
            None => {
                self.work.set(0);
                Err(EvalError::new(ErrorKind::Limit, "the expression takes too long to check"))
            }
        }
    }

    /// Whether so many entries may be kept.
    pub(crate) fn keep<T>(entries: usize) -> Result<()> {
        if entries.saturating_mul(size_of::<T>()) > MEMORY {
            return Err(EvalError::new(ErrorKind::Limit, "the expression takes too much memory to check"));
        }
        Ok(())
    }
}

fn dense<'v, T>(value: Option<&'v &Value<T>>) -> Option<&'v Array<T>> {
    match value {
        Some(Value::Dense(array)) => Some(array),
        _ => None,
    }
}

/// About how many multiplications an operation takes.
pub(crate) fn cost<T: Scalar>(op: &Op, args: &[&Value<T>]) -> u64 {
    let len = |k: usize| dense(args.get(k)).map_or(1, Array::len) as u64;
    let cols = |k: usize| dense(args.get(k)).map_or(1, Array::cols) as u64;
    let cube = |k: usize| len(k).saturating_mul(dense(args.get(k)).map_or(1, |a| a.rows().max(a.cols())) as u64);
    let entries = 2 + args.iter().map(|arg| dense(Some(arg)).map_or(1, Array::len) as u64).sum::<u64>();
    let work = match op {
        Op::Binary(BinaryOp::Mul) if len(0) > 1 && len(1) > 1 => len(0).saturating_mul(cols(1)),
        Op::Binary(BinaryOp::Kron) | Op::Call(Builtin::Kron) => len(0).saturating_mul(len(1)),
        Op::Binary(BinaryOp::Solve) => cube(0).saturating_mul(2),
        Op::Binary(BinaryOp::Pow) => cube(0).saturating_mul(20),
        Op::Call(function) => match function {
            Builtin::Det | Builtin::Logdet | Builtin::Inv | Builtin::Chol => cube(0).saturating_mul(2),
            Builtin::Pinv => cube(0).saturating_mul(4),
            Builtin::Adj | Builtin::Cof => cube(0).saturating_mul(len(0)),
            Builtin::Expm => cube(0).saturating_mul(30),
            Builtin::ExpmFrechet => cube(0).saturating_mul(240),
            Builtin::Sqrtm => cube(0).saturating_mul(80),
            Builtin::Logm | Builtin::SqrtmFrechet => cube(0).saturating_mul(600),
            Builtin::LogmFrechet => cube(0).saturating_mul(5000),
            Builtin::Eigvals
            | Builtin::Eigvecs
            | Builtin::Singvals
            | Builtin::SvdU
            | Builtin::SvdV
            | Builtin::NormSpec
            | Builtin::NormNuc => cube(0).saturating_mul(100),
            Builtin::Elementary(_) => entries.saturating_mul(10),
            _ => entries,
        },
        _ => entries,
    };
    work.saturating_mul(3u64.pow(T::ORDER as u32))
}
