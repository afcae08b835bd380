//! The matrix product, behind one function.

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder, linalg::general_mat_mul};

/// A matrix in memory: where it starts and how far its rows and columns are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// Where it starts.
    pub offset: usize,
    /// Distance of rows.
    pub row: usize,
    /// Distance of columns.
    pub col: usize,
}

impl Matrix {
    /// Row-major, without gaps.
    pub fn dense(cols: usize) -> Self {
        Self { offset: 0, row: cols, col: 1 }
    }
}

/// `c += alpha · a · b` with `a` m×k, `b` k×n; nothing happens where a matrix leaves its memory.
pub fn gemm(
    (m, k, n): (usize, usize, usize),
    alpha: f64,
    (a, ma): (&[f64], Matrix),
    (b, mb): (&[f64], Matrix),
    (c, mc): (&mut [f64], Matrix),
) {
    if m == 0 || n == 0 || k == 0 {
        return;
    }
    let (Some(a), Some(b), Some(c)) = (a.get(ma.offset..), b.get(mb.offset..), c.get_mut(mc.offset..)) else { return };
    let a = ArrayView2::from_shape((m, k).strides((ma.row, ma.col)), a);
    let b = ArrayView2::from_shape((k, n).strides((mb.row, mb.col)), b);
    let c = ArrayViewMut2::from_shape((m, n).strides((mc.row, mc.col)), c);
    debug_assert!(a.is_ok() && b.is_ok() && c.is_ok());
    if let (Ok(a), Ok(b), Ok(mut c)) = (a, b, c) {
        general_mat_mul(alpha, &a, &b, 1.0, &mut c);
    }
}

/// The row-major product of row-major matrices.
pub fn product((m, k, n): (usize, usize, usize), a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    gemm((m, k, n), 1.0, (a, Matrix::dense(k)), (b, Matrix::dense(n)), (&mut c, Matrix::dense(n)));
    c
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Against three loops, for every orientation.
    #[test]
    fn agrees_with_three_loops() {
        let value = |k: usize| ((k * 7919 + 13) % 101) as f64 / 50.0 - 1.0;
        for (m, k, n) in [(1, 1, 1), (3, 4, 5), (17, 9, 33), (64, 70, 8), (2, 300, 2)] {
            let a: Vec<f64> = (0..m * k).map(value).collect();
            let b: Vec<f64> = (0..k * n).map(|i| value(i + 5)).collect();
            for flip in 0..8 {
                let pick = |bit: usize, rows: usize, cols: usize| match flip >> bit & 1 {
                    0 => Matrix { offset: 0, row: cols, col: 1 },
                    _ => Matrix { offset: 0, row: 1, col: rows },
                };
                let (ma, mb, mc) = (pick(0, m, k), pick(1, k, n), pick(2, m, n));
                let mut c = vec![0.5; m * n];
                gemm((m, k, n), 2.0, (&a, ma), (&b, mb), (&mut c, mc));
                for i in 0..m {
                    for j in 0..n {
                        let sum: f64 = (0..k).map(|l| a[i * ma.row + l * ma.col] * b[l * mb.row + j * mb.col]).sum();
                        assert!((c[i * mc.row + j * mc.col] - (0.5 + 2.0 * sum)).abs() < 1e-11);
                    }
                }
            }
        }
    }
}
