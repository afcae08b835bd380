//! Eigenvalues and singular values of larger matrices.

use faer::diag::DiagMut;
use faer::linalg::evd::{ComputeEigenvectors, self_adjoint_evd, self_adjoint_evd_scratch};
use faer::linalg::svd::{ComputeSvdVectors, svd as decompose, svd_scratch};
use faer::{MatMut, MatRef, Par};

use crate::Matrix;
use crate::product::copy;
use crate::scratch::{with_numbers, with_stack};

/// Ascending eigenvalues and, in columns, eigenvectors of a symmetric row-major matrix; whether they were found.
pub fn eigen(a: &[f64], n: usize, values: &mut [f64], vectors: &mut [f64]) -> bool {
    if n == 0 || !a.iter().all(|x| x.is_finite()) {
        return n == 0;
    }
    let from = MatRef::from_row_major_slice(&a[..n * n], n, n);
    with_numbers(n * n, |work| {
        let to = MatMut::from_column_major_slice_mut(work, n, n);
        let values = DiagMut::from_slice_mut(&mut values[..n]);
        let required = self_adjoint_evd_scratch::<f64>(n, ComputeEigenvectors::Yes, Par::Seq, Default::default());
        let found = with_stack(required, |stack| {
            self_adjoint_evd(from, values, Some(to), Par::Seq, stack, Default::default()).is_ok()
        });
        copy((n, n), 1.0, (work, Matrix { offset: 0, row: 1, col: n }), (vectors, Matrix::dense(n)), false);
        found
    })
}

/// Descending singular values and the vectors (m×k and n×k, k the smaller of m and n) of a row-major m×n matrix; whether
/// they were found.
pub fn svd(a: &[f64], m: usize, n: usize, values: &mut [f64], u: &mut [f64], v: &mut [f64]) -> bool {
    let k = m.min(n);
    if k == 0 || !a.iter().all(|x| x.is_finite()) {
        return k == 0;
    }
    let from = MatRef::from_row_major_slice(&a[..m * n], m, n);
    with_numbers(m * k + n * k, |work| {
        let (left, right) = work.split_at_mut(m * k);
        let to_u = MatMut::from_column_major_slice_mut(left, m, k);
        let to_v = MatMut::from_column_major_slice_mut(right, n, k);
        let thin = ComputeSvdVectors::Thin;
        let required = svd_scratch::<f64>(m, n, thin, thin, Par::Seq, Default::default());
        let values = DiagMut::from_slice_mut(&mut values[..k]);
        let found = with_stack(required, |stack| {
            decompose(from, values, Some(to_u), Some(to_v), Par::Seq, stack, Default::default()).is_ok()
        });
        copy((m, k), 1.0, (left, Matrix { offset: 0, row: 1, col: m }), (u, Matrix::dense(k)), false);
        copy((n, k), 1.0, (right, Matrix { offset: 0, row: 1, col: n }), (v, Matrix::dense(k)), false);
        found
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, product, random};

    fn transposed(a: &[f64], m: usize, n: usize) -> Vec<f64> {
        (0..m * n).map(|k| a[k % m * n + k / m]).collect()
    }

    #[test]
    fn vectors_times_values() {
        for n in [0, 1, 2, 5, 17, 40, 97] {
            let x = random(n * n, 5);
            let a: Vec<f64> = x.iter().zip(transposed(&x, n, n)).map(|(a, b)| a + b).collect();
            let (mut d, mut v) = (vec![0.0; n], vec![0.0; n * n]);
            assert!(eigen(&a, n, &mut d, &mut v));
            assert!(d.windows(2).all(|w| w[0] <= w[1]));
            let scaled: Vec<f64> = v.iter().enumerate().map(|(k, x)| x * d[k % n]).collect();
            assert_close(&product((n, n, n), &scaled, &transposed(&v, n, n)), &a, 1e-12);
        }
    }

    #[test]
    fn singular_values() {
        for (m, n) in [(0, 3), (1, 1), (5, 2), (2, 5), (40, 17), (17, 40), (60, 60), (200, 9)] {
            let a = random(m * n, 8);
            let k = m.min(n);
            let (mut s, mut u, mut v) = (vec![0.0; k], vec![0.0; m * k], vec![0.0; n * k]);
            assert!(svd(&a, m, n, &mut s, &mut u, &mut v));
            assert!(s.windows(2).all(|w| w[0] >= w[1]));
            let scaled: Vec<f64> = u.iter().enumerate().map(|(i, x)| x * s[i % k]).collect();
            assert_close(&product((m, k, n), &scaled, &transposed(&v, n, k)), &a, 1e-12);
        }
    }
}
