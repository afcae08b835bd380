//! Adjugates, of singular matrices too.

use super::{Factors, svd, transposed};
use crate::kernel::gemm::product;

/// The adjugate of a row-major n×n matrix: cofactors of small ones, out of the singular values of others.
pub fn adjugate(a: &[f64], n: usize, out: &mut [f64]) {
    match *a {
        [_] => out.fill(1.0),
        [a, b, c, d] => out.copy_from_slice(&[d, -b, -c, a]),
        _ if n == 3 => cofactors(a, out),
        _ => from_values(a, n, out),
    }
}

fn cofactors(a: &[f64], out: &mut [f64]) {
    for (k, x) in out.iter_mut().enumerate() {
        // rows and columns taken round leave the sign to the order
        let (i, j) = (k / 3, k % 3);
        let at = |row: usize, col: usize| a.get((j + row) % 3 * 3 + (i + col) % 3).copied().unwrap_or(0.0);
        *x = at(1, 1) * at(2, 2) - at(1, 2) * at(2, 1);
    }
}

/// With A = U·diag(s)·V' the adjugate is det(U)·det(V)·V·diag(products of the other values)·U' (Magnus and Neudecker, ch. 3,
/// sec. 10: adj(AB) = adj(B)·adj(A)).
fn from_values(a: &[f64], n: usize, out: &mut [f64]) {
    let mut packed = vec![0.0; svd::packed_len(n, n)];
    svd::svd(a, n, n, &mut packed);
    let (s, vectors) = packed.split_at(n);
    let (u, v) = vectors.split_at(n * n);
    let sign = |q: &[f64]| {
        let mut packed = vec![0.0; Factors::length(n)];
        if Factors::make(q, n, &mut packed).det() < 0.0 { -1.0 } else { 1.0 }
    };
    let sign = sign(u) * sign(v);
    let others: Vec<f64> =
        (0..n).map(|i| sign * s.iter().enumerate().filter(|(j, _)| *j != i).map(|(_, x)| x).product::<f64>()).collect();
    let scaled: Vec<f64> =
        v.chunks_exact(n.max(1)).flat_map(|row| row.iter().zip(&others).map(|(x, y)| x * y)).collect();
    out.copy_from_slice(&product((n, n, n), &scaled, &transposed(u, n, n)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::testing::{assert_close, eye, random};

    fn adj(a: &[f64], n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n * n];
        adjugate(a, n, &mut out);
        out
    }

    #[test]
    fn adjugates() {
        assert_eq!(adj(&[], 0), []);
        assert_eq!(adj(&[7.0], 1), [1.0]);
        assert_eq!(adj(&[1.0, 2.0, 3.0, 4.0], 2), [4.0, -2.0, -3.0, 1.0]);
        assert_eq!(adj(&[1.0, 2.0, 2.0, 4.0], 2), [4.0, -2.0, -2.0, 1.0]);
        for n in [2, 3, 4, 6] {
            let a = random(n, n, 5 + n as u64);
            let mut packed = vec![0.0; Factors::length(n)];
            let det = Factors::make(&a, n, &mut packed).det();
            let expected: Vec<f64> = eye(n).iter().map(|x| x * det).collect();
            assert_close(&product((n, n, n), &a, &adj(&a, n)), &expected, 1e-13);
            let mut values = vec![0.0; n * n];
            from_values(&a, n, &mut values);
            assert_close(&values, &adj(&a, n), 1e-13);
        }
    }

    #[test]
    fn zeros_of_a_triangle_stay() {
        let lower = [2.0, 0.0, 0.0, 5.0, 0.3, 0.0, 7.0, -1.0, 0.1];
        let adjugate = adj(&lower, 3);
        assert!([adjugate[1], adjugate[2], adjugate[5]].iter().all(|x| *x == 0.0), "{adjugate:?}");
    }
}
