//! Elimination in matrices of a few rows, with partial pivoting by choices instead of branches.

use matgrad_calculus::graph::MapOp;

use super::Unroller;
use crate::code::{Builder, Reg};
use crate::kernel::power::Power;
use crate::linalg::Linalg;
use crate::program::{Slot, Step};

/// The most rows.
const MOST_ROWS: usize = 4;

/// A matrix brought to triangular form, with right sides, by exchanges of rows.
struct Eliminated {
    /// The upper triangle, row by row.
    upper: Vec<Reg>,
    right: Vec<Reg>,
    /// 1 or -1 by the exchanges.
    sign: Reg,
}

fn eliminate(build: &mut Builder, a: &[Reg], n: usize, right: &[Reg], cols: usize) -> Eliminated {
    let (mut a, mut right, mut sign) = (a.to_vec(), right.to_vec(), build.constant(1.0));
    let (zero, minus) = (build.constant(0.0), build.constant(-1.0));
    let row_of = |row: usize| (0..n).map(move |j| row * n + j);
    for col in 0..n {
        for row in col + 1..n {
            let top = build.function(MapOp::Abs, a[col * n + col]);
            let here = build.function(MapOp::Abs, a[row * n + col]);
            let larger = build.function_of_two(MapOp::Less, top, here);
            for (p, q) in row_of(col).zip(row_of(row)).skip(col) {
                (a[p], a[q]) = (build.choose(larger, a[q], a[p]), build.choose(larger, a[p], a[q]));
            }
            for j in 0..cols {
                let (p, q) = (col * cols + j, row * cols + j);
                (right[p], right[q]) =
                    (build.choose(larger, right[q], right[p]), build.choose(larger, right[p], right[q]));
            }
            let turned = build.product(minus, sign);
            sign = build.choose(larger, turned, sign);
        }
        let top = a[col * n + col];
        let none = build.function_of_two(MapOp::Equal, top, zero);
        for row in col + 1..n {
            let quotient = build.quotient(a[row * n + col], top);
            let factor = build.choose(none, zero, quotient);
            for (p, q) in row_of(col).zip(row_of(row)).skip(col + 1) {
                let part = build.product(factor, a[p]);
                a[q] = build.difference(a[q], part);
            }
            for j in 0..cols {
                let part = build.product(factor, right[col * cols + j]);
                right[row * cols + j] = build.difference(right[row * cols + j], part);
            }
        }
    }
    Eliminated { upper: a, right, sign }
}

/// The solution of `A X = B`.
fn solve(build: &mut Builder, a: &[Reg], n: usize, right: &[Reg], cols: usize) -> Vec<Reg> {
    let Eliminated { upper, right: mut x, .. } = eliminate(build, a, n, right, cols);
    for row in (0..n).rev() {
        for j in 0..cols {
            let mut value = x[row * cols + j];
            for k in row + 1..n {
                let part = build.product(upper[row * n + k], x[k * cols + j]);
                value = build.difference(value, part);
            }
            x[row * cols + j] = build.quotient(value, upper[row * n + row]);
        }
    }
    x
}

fn transposed(a: &[Reg], n: usize) -> Vec<Reg> {
    (0..n * n).map(|k| a[k % n * n + k / n]).collect()
}

fn cholesky(build: &mut Builder, a: &[Reg], n: usize) -> Vec<Reg> {
    let (zero, nan) = (build.constant(0.0), build.constant(f64::NAN));
    let mut l = vec![zero; n * n];
    let mut definite = build.constant(1.0);
    for i in 0..n {
        for j in 0..=i {
            let both = build.sum(a[i * n + j], a[j * n + i]);
            let mut value = build.scaled(0.5, both);
            for k in 0..j {
                let part = build.product(l[i * n + k], l[j * n + k]);
                value = build.difference(value, part);
            }
            l[i * n + j] = if i == j {
                let positive = build.function_of_two(MapOp::Less, zero, value);
                definite = build.product(definite, positive);
                build.power(Power::Half(1), value)
            } else {
                build.quotient(value, l[j * n + j])
            };
        }
    }
    l.into_iter().map(|x| build.choose(definite, x, nan)).collect()
}

impl Unroller<'_> {
    pub(super) fn linalg(
        &mut self,
        op: Linalg,
        start: [usize; 2],
        batch: usize,
        step: &Step,
        out: &mut [Reg],
    ) -> Option<()> {
        let (n, cols) = match op {
            Linalg::Factor { n }
            | Linalg::Inverse { n }
            | Linalg::Det { n }
            | Linalg::LogDet { n }
            | Linalg::Cholesky { n } => (n, 0),
            Linalg::Solve { n, cols, .. } => (n, cols),
            _ => return None,
        };
        if n > MOST_ROWS || n == 0 {
            return None;
        }
        let from = *step.args.first()?;
        let entries = |this: &mut Self, slot: Slot, first: usize, count: usize| -> Option<Vec<Reg>> {
            (first..first + count).map(|at| this.read(slot, at)).collect()
        };
        if let Linalg::Factor { .. } | Linalg::Cholesky { .. } = op {
            let all = entries(self, from, start[0], n * n * batch)?;
            if matches!(op, Linalg::Factor { .. }) {
                self.factored.insert(step.out, all);
                return Some(());
            }
            let factors = all.chunks(n * n).flat_map(|a| cholesky(&mut self.build, a, n)).collect::<Vec<Reg>>();
            out.get_mut(..factors.len())?.copy_from_slice(&factors);
            return Some(());
        }
        let factored = self.factored.get(&from).filter(|_| start[0] == 0)?.clone();
        let mut results = Vec::with_capacity(out.len());
        for k in 0..batch {
            let a = factored.get(k * n * n..(k + 1) * n * n)?;
            match op {
                Linalg::Inverse { .. } => {
                    let (zero, one) = (self.build.constant(0.0), self.build.constant(1.0));
                    let unit: Vec<Reg> = (0..n * n).map(|k| if k % n == k / n { one } else { zero }).collect();
                    results.extend(solve(&mut self.build, a, n, &unit, n));
                }
                Linalg::Solve { transposed: flip, .. } => {
                    let right = entries(self, *step.args.get(1)?, start[1] + k * n * cols, n * cols)?;
                    let a = if flip { transposed(a, n) } else { a.to_vec() };
                    results.extend(solve(&mut self.build, &a, n, &right, cols));
                }
                _ => {
                    let Eliminated { upper, sign, .. } = eliminate(&mut self.build, a, n, &[], 0);
                    let det = (0..n).fold(sign, |det, k| self.build.product(det, upper[k * n + k]));
                    results.push(if matches!(op, Linalg::Det { .. }) { det } else { self.log_det(&upper, n, sign) });
                }
            }
        }
        out.get_mut(..results.len())?.copy_from_slice(&results);
        Some(())
    }

    /// The sum of the logarithms of the pivots, where the sign of the determinant is positive.
    fn log_det(&mut self, upper: &[Reg], n: usize, mut sign: Reg) -> Reg {
        let build = &mut self.build;
        let (zero, nan) = (build.constant(0.0), build.constant(f64::NAN));
        let mut logs = Vec::with_capacity(n);
        for k in 0..n {
            let pivot = upper[k * n + k];
            let turn = build.function(MapOp::Sign, pivot);
            sign = build.product(sign, turn);
            let size = build.function(MapOp::Abs, pivot);
            logs.push(build.function(MapOp::Log, size));
        }
        let sum = build.total(&logs);
        let positive = build.function_of_two(MapOp::Less, zero, sign);
        build.choose(positive, sum, nan)
    }
}
