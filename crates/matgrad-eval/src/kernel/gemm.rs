//! The matrix product, behind one function.

pub use matgrad_dense::{Axis, Matrix, Triangle, gemm, symmetric, triangular};

/// The row-major product of row-major matrices.
pub fn product((m, k, n): (usize, usize, usize), a: &[f64], b: &[f64]) -> Vec<f64> {
    let mut c = vec![0.0; m * n];
    gemm((m, k, n), 1.0, (a, Matrix::dense(k)), (b, Matrix::dense(n)), (&mut c, Matrix::dense(n)), false);
    c
}
