//! Linear algebra over any [`Scalar`]: elimination, determinants, Cholesky.

use crate::error::{ErrorKind, EvalError, Result};
use crate::scalar::Scalar;
use crate::value::{Array, show};

/// Pivots below this part of the matrix's size count as 0.
const SINGULAR: f64 = 1e-12;

/// What orthogonalization leaves of a column that depends on those before it, against the column.
const RANK: f64 = 1e-9;

pub(crate) fn need_square<T: Scalar>(a: &Array<T>, name: &str) -> Result<usize> {
    if a.is_square() {
        Ok(a.rows())
    } else {
        Err(EvalError::shape(format!("{name} needs a square matrix, got shape {}", show(a.shape()))))
    }
}

/// Row-pivoted elimination of `a`, applied to `b` as well. `None` where `a` is singular.
struct Eliminated<T> {
    /// Upper triangular.
    upper: Array<T>,
    right: Array<T>,
    odd: bool,
}

fn largest<T: Scalar>(a: &Array<T>) -> f64 {
    a.data().iter().fold(0.0, |most, x| x.re().abs().max(most))
}

fn eliminate<T: Scalar>(a: &Array<T>, b: Array<T>) -> Option<Eliminated<T>> {
    let n = a.rows();
    let (mut upper, mut right, mut odd) = (a.clone(), b, false);
    let small = SINGULAR * largest(a);
    for k in 0..n {
        let mut pivot = k;
        for i in k + 1..n {
            if upper.at(i, k).re().abs() > upper.at(pivot, k).re().abs() {
                pivot = i;
            }
        }
        let size = upper.at(pivot, k).re().abs();
        if size <= small || size.is_nan() {
            return None;
        }
        if pivot != k {
            odd = !odd;
            swap_rows(&mut upper, pivot, k);
            swap_rows(&mut right, pivot, k);
        }
        let inverse = upper.at(k, k).recip();
        for i in k + 1..n {
            let factor = upper.at(i, k) * inverse;
            if factor.is_zero() {
                continue;
            }
            for j in k..n {
                let value = upper.at(i, j) - factor * upper.at(k, j);
                upper.set(i, j, value);
            }
            for j in 0..right.cols() {
                let value = right.at(i, j) - factor * right.at(k, j);
                right.set(i, j, value);
            }
        }
    }
    Some(Eliminated { upper, right, odd })
}

fn swap_rows<T: Scalar>(a: &mut Array<T>, p: usize, q: usize) {
    for j in 0..a.cols() {
        let (x, y) = (a.at(p, j), a.at(q, j));
        a.set(p, j, y);
        a.set(q, j, x);
    }
}

/// `a⁻¹ b` for square `a`.
pub(crate) fn solve<T: Scalar>(a: &Array<T>, b: &Array<T>) -> Result<Array<T>> {
    let n = need_square(a, "solve")?;
    if b.rank() != 2 || b.rows() != n {
        return Err(EvalError::shape(format!(
            "cannot solve {} with a right side {}",
            show(a.shape()),
            show(b.shape())
        )));
    }
    let Some(Eliminated { upper, right: mut x, .. }) = eliminate(a, b.clone()) else {
        return Err(EvalError::new(ErrorKind::Singular, "a singular matrix has no inverse"));
    };
    for i in (0..n).rev() {
        let inverse = upper.at(i, i).recip();
        for j in 0..x.cols() {
            let mut sum = x.at(i, j);
            for k in i + 1..n {
                sum = sum - upper.at(i, k) * x.at(k, j);
            }
            x.set(i, j, sum * inverse);
        }
    }
    Ok(x)
}

pub(crate) fn inv<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    let n = need_square(a, "the inverse")?;
    Ok(symmetric_like(a, solve(a, &Array::eye(n))?))
}

/// The determinant; where elimination meets a 0, by a method without division, so that derivatives stay right.
pub(crate) fn det<T: Scalar>(a: &Array<T>) -> Result<T> {
    let n = need_square(a, "det")?;
    match eliminate(a, Array::zeros(&[n, 0])) {
        Some(done) => {
            let product = (0..n).fold(T::ONE, |product, i| product * done.upper.at(i, i));
            Ok(if done.odd { -product } else { product })
        }
        None => Ok(det_without_division(a)),
    }
}

/// Bird's division-free algorithm, O(n⁴).
fn det_without_division<T: Scalar>(a: &Array<T>) -> T {
    let n = a.rows();
    if n == 0 {
        return T::ONE;
    }
    let mut f = a.clone();
    for _ in 1..n {
        let mut g = Array::zeros(&[n, n]);
        let mut below = T::ZERO;
        for i in (0..n).rev() {
            g.set(i, i, -below);
            below = below + f.at(i, i);
            for j in i + 1..n {
                g.set(i, j, f.at(i, j));
            }
        }
        f = g.matmul(a);
    }
    if n.is_multiple_of(2) { -f.at(0, 0) } else { f.at(0, 0) }
}

pub(crate) fn logdet<T: Scalar>(a: &Array<T>) -> Result<T> {
    let n = need_square(a, "logdet")?;
    let Some(done) = eliminate(a, Array::zeros(&[n, 0])) else {
        return Err(EvalError::new(ErrorKind::Singular, "logdet of a singular matrix"));
    };
    let (mut sum, mut negative) = (T::ZERO, done.odd);
    for i in 0..n {
        let pivot = done.upper.at(i, i);
        negative ^= pivot.re() < 0.0;
        sum = sum + if pivot.re() < 0.0 { (-pivot).ln() } else { pivot.ln() };
    }
    if negative { Err(EvalError::domain("logdet of a matrix whose determinant is not positive")) } else { Ok(sum) }
}

/// The matrix of cofactors.
pub(crate) fn cofactors<T: Scalar>(a: &Array<T>, name: &str) -> Result<Array<T>> {
    let n = need_square(a, name)?;
    let mut out = Array::zeros(&[n, n]);
    for j in 0..n {
        for i in 0..n {
            let mut minor = Vec::with_capacity((n - 1) * (n - 1));
            for l in (0..n).filter(|l| *l != j) {
                minor.extend((0..n).filter(|k| *k != i).map(|k| a.at(k, l)));
            }
            let value = det(&Array::matrix(n - 1, n - 1, minor))?;
            out.set(i, j, if (i + j) % 2 == 0 { value } else { -value });
        }
    }
    Ok(out)
}

/// The pseudoinverse of a matrix of full rank, by orthogonal columns: `A = QR`, `A⁺ = R⁻¹Q'`.
pub(crate) fn pinv<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    if a.rank() != 2 {
        return Err(EvalError::shape(format!("pinv needs a matrix, got shape {}", show(a.shape()))));
    }
    if a.rows() < a.cols() {
        return pinv(&a.transposed()).map(|x| x.transposed());
    }
    let (m, n) = (a.rows(), a.cols());
    let dot = |x: &[T], y: &[T]| x.iter().zip(y).fold(T::ZERO, |sum, (p, q)| sum + *p * *q);
    let deficient = || EvalError::new(ErrorKind::NoDual, "pinv of a matrix without full rank");
    let (mut columns, mut r): (Vec<Vec<T>>, _) = (Vec::with_capacity(n), Array::zeros(&[n, n]));
    for j in 0..n {
        let mut column: Vec<T> = (0..m).map(|i| a.at(i, j)).collect();
        // twice, for orthogonality to the last digit
        for _ in 0..2 {
            for (k, earlier) in columns.iter().enumerate() {
                let along = dot(earlier, &column);
                r.set(k, j, r.at(k, j) + along);
                for (x, q) in column.iter_mut().zip(earlier) {
                    *x = *x - *q * along;
                }
            }
        }
        let norm = dot(&column, &column).sqrt();
        let whole = (0..m).fold(0.0, |sum: f64, i| sum.hypot(a.at(i, j).re()));
        if norm.re() <= RANK * whole || norm.re().is_nan() {
            return Err(deficient());
        }
        let inverse = norm.recip();
        column.iter_mut().for_each(|x| *x = *x * inverse);
        r.set(j, j, norm);
        columns.push(column);
    }
    let q = Array::matrix(m, n, columns.into_iter().flatten());
    let inverse = solve(&r, &q.transposed()).map_err(|error| match error.kind {
        ErrorKind::Singular => deficient(),
        _ => error,
    })?;
    Ok(symmetric_like(a, inverse))
}

/// The value of a function that keeps symmetry, freed of the asymmetry that rounding leaves.
pub(crate) fn symmetric_like<T: Scalar>(a: &Array<T>, value: Array<T>) -> Array<T> {
    let symmetric = a.is_square()
        && value.shape() == a.shape()
        && (0..a.rows()).all(|i| (0..i).all(|j| (a.at(i, j) - a.at(j, i)).is_zero()));
    if symmetric { value.zip(&value.transposed(), |x, y| (x + y).scale(0.5)) } else { value }
}

/// Refuses a matrix, or a direction in its derivatives, that is not symmetric.
pub(crate) fn need_symmetric<T: Scalar>(a: &Array<T>, name: &str) -> Result<usize> {
    let n = need_square(a, name)?;
    let allowed = 1e-9 * a.magnitude();
    for j in 0..n {
        for i in j + 1..n {
            let gap = (a.at(i, j) - a.at(j, i)).magnitude();
            if gap > allowed {
                return Err(EvalError::new(ErrorKind::Asymmetric, format!("{name} needs a symmetric matrix")));
            }
        }
    }
    Ok(n)
}

/// The lower Cholesky factor of a symmetric positive definite matrix.
pub(crate) fn chol<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    let n = need_symmetric(a, "chol")?;
    let mut l = Array::zeros(&[n, n]);
    for j in 0..n {
        let mut square = a.at(j, j);
        for k in 0..j {
            square = square - l.at(j, k) * l.at(j, k);
        }
        if square.re() <= 0.0 || square.re().is_nan() {
            return Err(EvalError::domain("chol of a matrix that is not positive definite"));
        }
        let root = square.sqrt();
        l.set(j, j, root);
        for i in j + 1..n {
            let mut sum = a.at(i, j);
            for k in 0..j {
                sum = sum - l.at(i, k) * l.at(j, k);
            }
            l.set(i, j, sum / root);
        }
    }
    Ok(l)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Dual;

    fn matrix(n: usize, rows: &[f64]) -> Array<f64> {
        Array::matrix(n, rows.len() / n, rows.iter().copied()).transposed_square()
    }

    impl Array<f64> {
        fn transposed_square(&self) -> Self {
            self.transposed()
        }
    }

    fn close(a: &Array<f64>, b: &Array<f64>) {
        assert_eq!(a.shape(), b.shape());
        for (x, y) in a.data().iter().zip(b.data()) {
            assert!((x - y).abs() < 1e-12, "{a:?} is not {b:?}");
        }
    }

    #[test]
    fn inverse_determinant_and_cofactors() {
        let a = matrix(3, &[2.0, 1.0, 0.0, 1.0, 3.0, 1.0, 0.0, 1.0, 4.0]);
        close(&a.matmul(&inv(&a).unwrap()), &Array::eye(3));
        assert!((det(&a).unwrap() - 18.0).abs() < 1e-12);
        assert!((det_without_division(&a) - 18.0).abs() < 1e-12);
        assert!((logdet(&a).unwrap() - 18f64.ln()).abs() < 1e-12);
        close(&cofactors(&a, "cof").unwrap().transposed().matmul(&a), &Array::scaled_eye(3, 18.0));
    }

    #[test]
    fn singular_matrices() {
        let a = matrix(2, &[1.0, 2.0, 2.0, 4.0]);
        assert_eq!(inv(&a).unwrap_err().kind, ErrorKind::Singular);
        assert_eq!(det(&a).unwrap(), 0.0);
        // the derivative of det at a singular matrix is its adjugate
        let mut d = a.map(Dual::<f64>::new);
        d.data_mut()[0].eps = 1.0;
        assert_eq!(det(&d).unwrap().eps, 4.0);
    }

    #[test]
    fn cholesky_and_pseudoinverse() {
        let a = matrix(2, &[4.0, 2.0, 2.0, 3.0]);
        let l = chol(&a).unwrap();
        close(&l.matmul(&l.transposed()), &a);
        assert_eq!(chol(&matrix(2, &[1.0, 2.0, 2.0, 1.0])).unwrap_err().kind, ErrorKind::Domain);
        assert_eq!(chol(&matrix(2, &[4.0, 2.0, 1.0, 3.0])).unwrap_err().kind, ErrorKind::Asymmetric);
        let tall = Array::matrix(3, 2, [1.0, 2.0, 3.0, 1.0, 0.0, -1.0]);
        close(&pinv(&tall).unwrap().matmul(&tall), &Array::eye(2));
        close(&pinv(&tall.transposed()).unwrap(), &pinv(&tall).unwrap().transposed());
    }
}
