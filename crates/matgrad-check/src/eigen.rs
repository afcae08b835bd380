//! Symmetric eigenvalues and singular values over any [`Scalar`], by Jacobi rotations.
//!
//! Rotations are smooth functions of the entries, so dual numbers pass through; after the values have converged each
//! further sweep makes one more order of derivatives exact. Equal eigenvalues have no derivative: `NoDual`.

use crate::error::{ErrorKind, EvalError, Result};
use crate::linalg::need_symmetric;
use crate::scalar::Scalar;
use crate::value::{Array, show};

const MAX_SWEEPS: usize = 60;

/// Eigenvalues, ascending, with eigenvectors as columns whose largest entry is positive.
pub(crate) fn symmetric<T: Scalar>(a: &Array<T>, name: &str) -> Result<(Vec<T>, Array<T>)> {
    let n = need_symmetric(a, name)?;
    // rounding leaves a product such as X'*X a little asymmetric
    let mut d = a.zip(&a.transposed(), |x, y| (x + y).scale(0.5));
    let mut v = Array::eye(n);
    let size = d.data().iter().fold(f64::MIN_POSITIVE, |most, x| x.re().abs().max(most));
    let mut extra = T::ORDER + 1;
    for _ in 0..MAX_SWEEPS {
        let off = off_diagonal(&d);
        if off.is_nan() {
            return Err(EvalError::domain(format!("{name} of a matrix that is not finite")));
        }
        if off <= 1e-15 * size {
            if extra == 0 {
                break;
            }
            extra -= 1;
        }
        for p in 0..n {
            for q in p + 1..n {
                rotate(&mut d, &mut v, p, q, size)?;
            }
        }
    }
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|i, j| d.at(*i, *i).re().total_cmp(&d.at(*j, *j).re()));
    let values = order.iter().map(|i| d.at(*i, *i)).collect();
    let mut vectors = Array::zeros(&[n, n]);
    for (to, from) in order.into_iter().enumerate() {
        for i in 0..n {
            vectors.set(i, to, v.at(i, from));
        }
    }
    for j in 0..n {
        fix_sign(&mut vectors, j);
    }
    Ok((values, vectors))
}

/// Eigenvalues, ascending.
pub(crate) fn values<T: Scalar>(a: &Array<T>) -> Result<Vec<T>> {
    Ok(symmetric(&known(a, "eigvals")?, "eigvals")?.0)
}

/// Eigenvectors as columns.
pub(crate) fn vectors<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    Ok(symmetric(&known(a, "eigvecs")?, "eigvecs")?.1)
}

/// The matrix as an algorithm knows it: to the last place of its largest entry, which decides on the vectors of equal
/// eigenvalues, and on eigenvalues that are small beside others.
fn known<T: Scalar>(a: &Array<T>, name: &str) -> Result<Array<T>> {
    let n = need_symmetric(a, name)?;
    let size = a.data().iter().fold(0.0, |most: f64, x| x.re().abs().max(most));
    let mut a = a.clone();
    for j in 0..n {
        for i in 0..=j {
            let (x, y) = (a.at(i, j), a.at(j, i));
            let moved = x.uncertain(size);
            a.set(i, j, moved);
            a.set(j, i, if i == j { moved } else { y + (moved - x) });
        }
    }
    Ok(a)
}

fn off_diagonal<T: Scalar>(d: &Array<T>) -> f64 {
    let n = d.rows();
    let mut most: f64 = 0.0;
    for j in 0..n {
        for i in 0..j {
            let x = d.at(i, j).re().abs();
            if x.is_nan() {
                return x;
            }
            most = most.max(x);
        }
    }
    most
}

/// Makes entry (p, q) zero.
fn rotate<T: Scalar>(d: &mut Array<T>, v: &mut Array<T>, p: usize, q: usize, size: f64) -> Result<()> {
    let apq = d.at(p, q);
    if apq.is_zero() {
        return Ok(());
    }
    let gap = d.at(q, q) - d.at(p, p);
    // eigenvalues that are small beside others may differ as much as these can tell
    let near = (1e-9 * (d.at(p, p).re().abs() + d.at(q, q).re().abs())).max(1e-13 * size);
    if T::ORDER > 0 && gap.re().abs() + apq.re().abs() < near {
        if apq.magnitude() < near {
            return Ok(());
        }
        return Err(EvalError::new(ErrorKind::NoDual, "equal eigenvalues have no derivative"));
    }
    let twice = apq.scale(2.0);
    let root = (gap * gap + twice * twice).sqrt();
    // the smaller of the two angles
    let t = twice / if gap.re() < 0.0 { gap - root } else { gap + root };
    let c = (T::ONE + t * t).sqrt().recip();
    let s = t * c;
    let n = d.rows();
    for k in 0..n {
        let (x, y) = (d.at(k, p), d.at(k, q));
        d.set(k, p, c * x - s * y);
        d.set(k, q, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (d.at(p, k), d.at(q, k));
        d.set(p, k, c * x - s * y);
        d.set(q, k, s * x + c * y);
    }
    for k in 0..n {
        let (x, y) = (v.at(k, p), v.at(k, q));
        v.set(k, p, c * x - s * y);
        v.set(k, q, s * x + c * y);
    }
    Ok(())
}

fn fix_sign<T: Scalar>(v: &mut Array<T>, j: usize) {
    let mut best = 0;
    for i in 1..v.rows() {
        if v.at(i, j).re().abs() > v.at(best, j).re().abs() + 1e-12 {
            best = i;
        }
    }
    if v.rows() > 0 && v.at(best, j).re() < 0.0 {
        for i in 0..v.rows() {
            let x = v.at(i, j);
            v.set(i, j, -x);
        }
    }
}

/// Left vectors, singular values (descending) and right vectors, with as many columns as the smaller size.
pub(crate) struct Svd<T> {
    pub u: Array<T>,
    pub s: Vec<T>,
    pub v: Array<T>,
}

/// The thin singular value decomposition of a matrix of full rank.
pub(crate) fn svd<T: Scalar>(x: &Array<T>, name: &str) -> Result<Svd<T>> {
    if x.rank() != 2 {
        return Err(EvalError::shape(format!("{name} needs a matrix, got shape {}", show(x.shape()))));
    }
    if x.rows() < x.cols() {
        let Svd { u, s, v } = svd(&x.transposed(), name)?;
        return Ok(Svd { u: v, s, v: u });
    }
    let (squares, vectors) = symmetric(&x.transposed().matmul(x), name)?;
    let n = x.cols();
    let most = squares.last().map_or(0.0, |s| s.re());
    if !most.is_finite() {
        return Err(EvalError::domain(format!("{name} of a matrix that is not finite")));
    }
    let mut v = Array::zeros(&[n, n]);
    let mut s = Vec::with_capacity(n);
    for j in 0..n {
        let square = squares[n - 1 - j];
        if square.re() <= 1e-14 * most {
            if T::ORDER > 0 {
                return Err(EvalError::new(ErrorKind::NoDual, format!("{name} of a matrix without full rank")));
            }
            s.push(T::ZERO);
        } else {
            s.push(square.sqrt());
        }
        for i in 0..n {
            v.set(i, j, vectors.at(i, n - 1 - j));
        }
    }
    let mut u = x.matmul(&v);
    for (j, value) in s.iter().enumerate() {
        let inverse = if value.is_zero() { T::ZERO } else { value.recip() };
        for i in 0..u.rows() {
            let entry = u.at(i, j);
            u.set(i, j, entry * inverse);
        }
    }
    Ok(Svd { u, s, v })
}

/// The pseudoinverse of any matrix, by its singular values.
pub(crate) fn pinv_any(a: &Array<f64>) -> Result<Array<f64>> {
    let Svd { u, s, v } = svd(a, "pinv")?;
    let most = s.first().copied().unwrap_or(0.0);
    let mut scaled = v;
    for (j, value) in s.iter().enumerate() {
        let inverse = if *value > 1e-7 * most { 1.0 / value } else { 0.0 };
        for i in 0..scaled.rows() {
            let x = scaled.at(i, j) * inverse;
            scaled.set(i, j, x);
        }
    }
    Ok(scaled.matmul(&u.transposed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Dual;

    #[test]
    fn eigenvalues_of_a_small_matrix() {
        let a = Array::matrix(2, 2, [2.0, 1.0, 1.0, 2.0]);
        let (values, v) = symmetric(&a, "eigvals").unwrap();
        assert!((values[0] - 1.0).abs() < 1e-14 && (values[1] - 3.0).abs() < 1e-14);
        let back = a.matmul(&v);
        for (j, value) in values.iter().enumerate() {
            for i in 0..2 {
                assert!((back.at(i, j) - v.at(i, j) * value).abs() < 1e-14);
            }
        }
    }

    /// First and second derivatives of an eigenvalue by duals against the closed form of a 2×2 matrix.
    #[test]
    fn derivatives_pass_through_the_rotations() {
        let x: Dual<Dual<f64>> = Dual { re: Dual { re: 0.7, eps: 1.0 }, eps: Dual { re: 1.0, eps: 0.0 } };
        let one = Dual::new(1.0);
        let a = Array::matrix(2, 2, [one.scale(2.0) + x, x * x, x * x, one]);
        let (values, _) = symmetric(&a, "eigvals").unwrap();
        let mean = (a.at(0, 0) + one).scale(0.5);
        let half = (a.at(0, 0) - one).scale(0.5);
        let expected = mean + (half * half + (x * x) * (x * x)).sqrt();
        assert!((values[1] - expected).magnitude() < 1e-13);
    }

    /// Eigenvalues that are small beside another have the derivatives of the block that they come from.
    #[test]
    fn derivatives_of_small_eigenvalues() {
        let x: Dual<f64> = Dual { re: 0.7, eps: 1.0 };
        let one = Dual::new(1.0);
        let (large, a, b, c) = (one.scale(1e11), one + x, x * x, one.scale(2.0));
        let (p, q) = (one.scale(0.3), one.scale(0.2));
        let (values, _) = symmetric(&Array::matrix(3, 3, [large, p, q, p, a, b, q, b, c]), "eigvals").unwrap();
        let (block, _) = symmetric(&Array::matrix(2, 2, [a, b, b, c]), "eigvals").unwrap();
        for (value, expected) in values.iter().zip(&block) {
            assert!((*value - *expected).magnitude() < 1e-4, "{value:?} instead of {expected:?}");
        }
    }

    #[test]
    fn singular_values_rebuild_the_matrix() {
        let x = Array::matrix(3, 2, [1.0, 2.0, -1.0, 0.5, 0.0, 3.0]);
        for a in [x.clone(), x.transposed()] {
            let Svd { u, s, v } = svd(&a, "svd").unwrap();
            assert!(s[0] > s[1]);
            let mut us = u;
            for (j, size) in s.iter().enumerate() {
                for i in 0..us.rows() {
                    let value = us.at(i, j) * size;
                    us.set(i, j, value);
                }
            }
            let back = us.matmul(&v.transposed());
            assert!(back.zip(&a, |p, q| p - q).magnitude() < 1e-13);
        }
    }

    #[test]
    fn pseudoinverse_of_rank_one() {
        let a = Array::matrix(2, 2, [1.0, 2.0, 2.0, 4.0]);
        let p = pinv_any(&a).unwrap();
        assert!(p.zip(&a.scale(1.0 / 25.0), |x, y| x - y).magnitude() < 1e-12);
    }
}
