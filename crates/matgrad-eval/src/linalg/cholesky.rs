//! The Cholesky factor.

/// The lower triangular L with L·Lᵀ = A for the symmetric part of A; NaN where A is not positive definite.
pub fn cholesky(a: &[f64], n: usize, l: &mut [f64]) {
    l.fill(0.0);
    for i in 0..n {
        let (done, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..=i {
            let known = if j == i { &[][..] } else { &done[j * n..j * n + j] };
            let dot: f64 = if j == i {
                row[..i].iter().map(|v| v * v).sum()
            } else {
                known.iter().zip(row.iter()).map(|(x, y)| x * y).sum()
            };
            let value = 0.5 * (a[i * n + j] + a[j * n + i]) - dot;
            row[j] = if j == i { if value > 0.0 { value.sqrt() } else { f64::NAN } } else { value / done[j * n + j] };
        }
        if row[i].is_nan() {
            l.fill(f64::NAN);
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::gemm::product;
    use crate::linalg::testing::{assert_close, random};
    use crate::linalg::transposed;

    #[test]
    fn factor_times_transpose() {
        for n in [0, 1, 2, 5, 20] {
            let x = random(n, n, 3);
            let mut a = product((n, n, n), &x, &transposed(&x, n, n));
            (0..n).for_each(|k| a[k * n + k] += 0.5);
            let mut l = vec![0.0; n * n];
            cholesky(&a, n, &mut l);
            assert_close(&product((n, n, n), &l, &transposed(&l, n, n)), &a, 1e-13);
            assert!((0..n).all(|i| (i + 1..n).all(|j| l[i * n + j] == 0.0)));
        }
        let mut l = vec![0.0; 4];
        cholesky(&[1.0, 2.0, 2.0, 1.0], 2, &mut l);
        assert!(l.iter().all(|v| v.is_nan()));
    }
}
