//! Functions of square matrices over any [`Scalar`]: exponential, square root, logarithm and their derivatives.

use crate::error::{ErrorKind, EvalError, Result};
use crate::linalg::{inv, need_square, symmetric_like};
use crate::scalar::Scalar;
use crate::value::{Array, show};

fn norm1<T: Scalar>(a: &Array<T>) -> f64 {
    (0..a.cols()).map(|j| (0..a.rows()).map(|i| a.at(i, j).re().abs()).sum()).fold(0.0, f64::max)
}

/// Scaling, the Taylor polynomial, squaring.
pub(crate) fn expm<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    let n = need_square(a, "expm")?;
    let size = norm1(a);
    if !size.is_finite() || size > 700.0 {
        return Err(EvalError::domain("expm of a matrix that is too large"));
    }
    let squarings = (size * 2.0).max(1.0).log2().ceil() as i32;
    let scaled = a.scale(0.5f64.powi(squarings));
    let mut sum = Array::eye(n);
    for k in (1..=17).rev() {
        sum = scaled.matmul(&sum).scale(1.0 / f64::from(k));
        for i in 0..n {
            let value = sum.at(i, i) + T::ONE;
            sum.set(i, i, value);
        }
    }
    for _ in 0..squarings {
        sum = sum.matmul(&sum);
    }
    Ok(symmetric_like(a, sum))
}

/// The principal square root by the Denman–Beavers iteration.
pub(crate) fn sqrtm<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    let n = need_square(a, "sqrtm")?;
    let (mut y, mut z) = (a.clone(), Array::eye(n));
    let mut extra = T::ORDER + 1;
    for _ in 0..60 {
        let next = y.zip(&inv(&z)?, |p, q| (p + q).scale(0.5));
        z = z.zip(&inv(&y)?, |p, q| (p + q).scale(0.5));
        let step = next.zip(&y, |p, q| p - q).data().iter().fold(0.0, |most: f64, x| x.re().abs().max(most));
        let size = norm1(&next);
        y = next;
        if !size.is_finite() {
            break;
        }
        if step <= 1e-9 * size {
            // each further step makes one more order of derivatives exact
            if extra == 0 {
                return Ok(symmetric_like(a, y));
            }
            extra -= 1;
        }
    }
    Err(EvalError::domain("sqrtm of a matrix without a principal square root"))
}

/// The principal logarithm: square roots until near I, then the series of the inverse hyperbolic tangent.
pub(crate) fn logm<T: Scalar>(a: &Array<T>) -> Result<Array<T>> {
    let n = need_square(a, "logm")?;
    let eye = Array::eye(n);
    let mut root = a.clone();
    let mut roots = 0;
    while norm1(&root.zip(&eye, |p, q| p - q)) > 0.3 {
        if roots == 40 {
            return Err(EvalError::domain("logm of a matrix without a principal logarithm"));
        }
        root = sqrtm(&root)?;
        roots += 1;
    }
    let w = root.zip(&eye, |p, q| p - q).matmul(&inv(&root.zip(&eye, |p, q| p + q))?);
    let square = w.matmul(&w);
    let terms = 12;
    let mut sum = Array::scaled_eye(n, T::new(1.0 / f64::from(2 * terms + 1)));
    for k in (0..terms).rev() {
        sum = square.matmul(&sum);
        for i in 0..n {
            let value = sum.at(i, i) + T::new(1.0 / f64::from(2 * k + 1));
            sum.set(i, i, value);
        }
    }
    Ok(symmetric_like(a, w.matmul(&sum).scale(2.0 * 2f64.powi(roots))))
}

/// The derivative of a matrix function at `x` in the direction `e`: the upper right block of `f([x, e; 0, x])`.
pub(crate) fn frechet<T: Scalar>(
    function: fn(&Array<T>) -> Result<Array<T>>,
    x: &Array<T>,
    e: &Array<T>,
    name: &str,
) -> Result<Array<T>> {
    let n = need_square(x, name)?;
    if e.shape() != x.shape() {
        return Err(EvalError::new(
            ErrorKind::Shape,
            format!("{name} needs two matrices of one shape, got {} and {}", show(x.shape()), show(e.shape())),
        ));
    }
    let mut block = Array::zeros(&[2 * n, 2 * n]);
    for j in 0..n {
        for i in 0..n {
            block.set(i, j, x.at(i, j));
            block.set(n + i, n + j, x.at(i, j));
            block.set(i, n + j, e.at(i, j));
        }
    }
    let whole = function(&block)?;
    let mut out = Array::zeros(&[n, n]);
    for j in 0..n {
        for i in 0..n {
            out.set(i, j, whole.at(i, n + j));
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Dual;

    fn close(a: &Array<f64>, b: &Array<f64>) {
        assert!(a.zip(b, |x, y| x - y).magnitude() < 1e-12, "{a:?} is not {b:?}");
    }

    fn spd() -> Array<f64> {
        Array::matrix(3, 3, [4.0, 1.0, 0.5, 1.0, 3.0, -0.2, 0.5, -0.2, 2.0])
    }

    #[test]
    fn exponential_of_a_rotation() {
        let a = Array::matrix(2, 2, [0.0, 2.0, -2.0, 0.0]);
        let (c, s) = (2f64.cos(), 2f64.sin());
        close(&expm(&a).unwrap(), &Array::matrix(2, 2, [c, s, -s, c]));
    }

    #[test]
    fn root_and_logarithm_invert() {
        let root = sqrtm(&spd()).unwrap();
        close(&root.matmul(&root), &spd());
        close(&expm(&logm(&spd()).unwrap()).unwrap(), &spd());
    }

    #[test]
    fn frechet_derivatives_agree_with_duals() {
        let e = Array::matrix(3, 3, [0.3, 0.1, -0.4, 0.1, 0.9, 0.2, -0.4, 0.2, -0.5]);
        let x = spd().zip(&spd(), |p, _| p);
        let data = x.data().iter().zip(e.data()).map(|(re, eps)| Dual { re: *re, eps: *eps });
        let dual = Array::matrix(3, 3, data);
        type Function<T> = fn(&Array<T>) -> Result<Array<T>>;
        let plain: [Function<f64>; 3] = [expm, sqrtm, logm];
        let with_dual: [Function<Dual<f64>>; 3] = [expm, sqrtm, logm];
        for (plain, with_dual) in plain.into_iter().zip(with_dual) {
            let expected = frechet(plain, &x, &e, "frechet").unwrap();
            close(&with_dual(&dual).unwrap().map(|d| d.eps).scale(0.1), &expected.scale(0.1));
        }
    }
}
