//! LU factors with partial pivoting, and what follows from them.
//!
//! Packed: the n×n factors (unit lower triangle implied), then the n rows that were swapped in.

use crate::kernel::contract::dot;
use crate::kernel::gemm::{Matrix, gemm};

/// Columns that are eliminated one by one before the rest of the matrix is updated at once.
const BLOCK: usize = 48;

/// Factors a row-major matrix; a zero pivot stays where it is.
pub fn factor(a: &[f64], n: usize, packed: &mut [f64]) {
    let (lu, pivots) = packed.split_at_mut(n * n);
    lu.copy_from_slice(&a[..n * n]);
    let mut start = 0;
    while start < n {
        let end = (start + BLOCK).min(n);
        for col in start..end {
            let pivot = pick(lu, n, col);
            pivots[col] = pivot as f64;
            if pivot != col {
                let (upper, lower) = lu.split_at_mut(pivot * n);
                upper[col * n..(col + 1) * n].swap_with_slice(&mut lower[..n]);
            }
            let top = lu[col * n + col];
            if top == 0.0 {
                continue;
            }
            let (upper, lower) = lu.split_at_mut((col + 1) * n);
            let row = &upper[col * n + col + 1..col * n + end];
            for target in lower.chunks_exact_mut(n) {
                let factor = target[col] / top;
                target[col] = factor;
                if factor != 0.0 {
                    target[col + 1..end].iter_mut().zip(row).for_each(|(t, r)| *t -= factor * r);
                }
            }
        }
        if end < n {
            update(lu, n, start, end);
        }
        start = end;
    }
}

/// The row with the largest entry of a column, from the diagonal down; a NaN wins.
fn pick(lu: &[f64], n: usize, col: usize) -> usize {
    let (mut best, mut size) = (col, lu[col * n + col].abs());
    for row in col + 1..n {
        let here = lu[row * n + col].abs();
        if here > size || (here.is_nan() && !size.is_nan()) {
            (best, size) = (row, here);
        }
    }
    best
}

/// The columns right of a block: its rows by substitution, the rest by one product.
fn update(lu: &mut [f64], n: usize, start: usize, end: usize) {
    for row in start + 1..end {
        for k in start..row {
            let factor = lu[row * n + k];
            if factor != 0.0 {
                let (upper, lower) = lu.split_at_mut(row * n);
                let source = &upper[k * n + end..(k + 1) * n];
                lower[end..n].iter_mut().zip(source).for_each(|(t, s)| *t -= factor * s);
            }
        }
    }
    let (rows, width, cols) = (n - end, end - start, n - end);
    let (upper, lower) = lu.split_at_mut(end * n);
    let left: Vec<f64> = lower.chunks_exact(n).flat_map(|row| row[start..end].iter().copied()).collect();
    gemm(
        (rows, width, cols),
        -1.0,
        (&left, Matrix::dense(width)),
        (upper, Matrix { offset: start * n + end, row: n, col: 1 }),
        (lower, Matrix { offset: end, row: n, col: 1 }),
    );
}

/// Sign and logarithm of the absolute value of the determinant.
pub fn log_det(packed: &[f64], n: usize) -> (f64, f64) {
    let (mut sign, mut sum) = (1.0, 0.0);
    for k in 0..n {
        let d = packed[k * n + k];
        if packed[n * n + k] != k as f64 {
            sign = -sign;
        }
        if d < 0.0 {
            sign = -sign;
        } else if d == 0.0 || d.is_nan() {
            sign *= d;
        }
        sum += d.abs().ln();
    }
    (sign, sum)
}

/// The determinant.
pub fn det(packed: &[f64], n: usize) -> f64 {
    (0..n).fold(1.0, |product, k| {
        let swapped = packed[n * n + k] != k as f64;
        product * packed[k * n + k] * if swapped { -1.0 } else { 1.0 }
    })
}

/// Solves `A X = B`, or `Aᵀ X = B`, in place of B, which has `cols` columns and is row-major.
pub fn solve(packed: &[f64], n: usize, b: &mut [f64], cols: usize, transposed: bool) {
    if cols == 0 {
        return;
    }
    if transposed {
        eliminate_transposed(packed, n, b, cols);
        (0..n).rev().for_each(|k| swap(packed, n, b, cols, k));
    } else {
        (0..n).for_each(|k| swap(packed, n, b, cols, k));
        eliminate(packed, n, b, cols);
    }
}

fn swap(packed: &[f64], n: usize, b: &mut [f64], cols: usize, k: usize) {
    let pivot = packed[n * n + k] as usize;
    if pivot > k && pivot < n {
        let (upper, lower) = b.split_at_mut(pivot * cols);
        upper[k * cols..(k + 1) * cols].swap_with_slice(&mut lower[..cols]);
    }
}

fn eliminate(packed: &[f64], n: usize, b: &mut [f64], cols: usize) {
    if cols == 1 {
        for row in 1..n {
            b[row] -= dot(&packed[row * n..row * n + row], &b[..row]);
        }
        for row in (0..n).rev() {
            let known = dot(&packed[row * n + row + 1..(row + 1) * n], &b[row + 1..n]);
            b[row] = (b[row] - known) / packed[row * n + row];
        }
        return;
    }
    for row in 1..n {
        let (done, rest) = b.split_at_mut(row * cols);
        for (k, source) in done.chunks_exact(cols).enumerate() {
            subtract(&mut rest[..cols], packed[row * n + k], source);
        }
    }
    for row in (0..n).rev() {
        let (upper, below) = b.split_at_mut((row + 1) * cols);
        let target = &mut upper[row * cols..];
        for (k, source) in below.chunks_exact(cols).enumerate() {
            subtract(target, packed[row * n + row + 1 + k], source);
        }
        let diagonal = packed[row * n + row];
        target.iter_mut().for_each(|t| *t /= diagonal);
    }
}

fn eliminate_transposed(packed: &[f64], n: usize, b: &mut [f64], cols: usize) {
    for k in 0..n {
        let (upper, below) = b.split_at_mut((k + 1) * cols);
        let source = &mut upper[k * cols..];
        source.iter_mut().for_each(|s| *s /= packed[k * n + k]);
        for (r, target) in below.chunks_exact_mut(cols).enumerate() {
            subtract(target, packed[k * n + k + 1 + r], source);
        }
    }
    for k in (1..n).rev() {
        let (upper, below) = b.split_at_mut(k * cols);
        for (r, target) in upper.chunks_exact_mut(cols).enumerate() {
            subtract(target, packed[k * n + r], &below[..cols]);
        }
    }
}

fn subtract(target: &mut [f64], factor: f64, source: &[f64]) {
    if factor != 0.0 {
        target.iter_mut().zip(source).for_each(|(t, s)| *t -= factor * s);
    }
}

/// The inverse.
pub fn inverse(packed: &[f64], n: usize, out: &mut [f64]) {
    out.fill(0.0);
    for k in 0..n {
        out[k * n + k] = 1.0;
    }
    solve(packed, n, out, n, false);
}

/// Solves `A X = B` for row-major A and B.
pub fn solve_matrix(a: &[f64], n: usize, b: &mut [f64], cols: usize) {
    let mut packed = vec![0.0; n * n + n];
    factor(a, n, &mut packed);
    solve(&packed, n, b, cols, false);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::gemm::product;
    use crate::linalg::testing::{assert_close, eye, random};

    #[test]
    fn inverse_times_matrix_is_identity() {
        for n in [0, 1, 2, 3, 7, 47, 48, 49, 130] {
            let a = random(n, n, n as u64);
            let mut packed = vec![0.0; n * n + n];
            factor(&a, n, &mut packed);
            let mut inv = vec![0.0; n * n];
            inverse(&packed, n, &mut inv);
            assert_close(&product((n, n, n), &a, &inv), &eye(n), 1e-10);
        }
    }

    #[test]
    fn solutions() {
        for (n, cols) in [(1, 1), (3, 1), (5, 2), (60, 1), (60, 7), (4, 0)] {
            let (a, x) = (random(n, n, 4), random(n, cols, 9));
            let mut packed = vec![0.0; n * n + n];
            factor(&a, n, &mut packed);
            let mut b = product((n, n, cols), &a, &x);
            solve(&packed, n, &mut b, cols, false);
            assert_close(&b, &x, 1e-11);
            let mut b = product((n, n, cols), &crate::linalg::transposed(&a, n, n), &x);
            solve(&packed, n, &mut b, cols, true);
            assert_close(&b, &x, 1e-11);
        }
    }

    #[test]
    fn determinants() {
        let check = |a: &[f64], n: usize, expected: f64| {
            let mut packed = vec![0.0; n * n + n];
            factor(a, n, &mut packed);
            assert!((det(&packed, n) - expected).abs() < 1e-12, "{}", det(&packed, n));
            let (sign, log) = log_det(&packed, n);
            assert!((sign * log.exp() - expected).abs() < 1e-12);
        };
        check(&[], 0, 1.0);
        check(&[-3.0], 1, -3.0);
        check(&[0.0, 1.0, 1.0, 0.0], 2, -1.0);
        check(&[1.0, 2.0, 2.0, 4.0], 2, 0.0);
        check(&[2.0, 0.0, 1.0, 1.0, 3.0, 2.0, 1.0, 1.0, 4.0], 3, 18.0);
    }
}
