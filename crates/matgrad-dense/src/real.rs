//! The numbers that the kernels compute with: double precision, and single.

use std::cell::RefCell;
use std::fmt::{Debug, Display};
use std::iter::{Product, Sum};
use std::ops::{AddAssign, DivAssign, MulAssign, SubAssign};
use std::thread::LocalKey;

use faer::traits::RealField;
use num_traits::Float;

use crate::{Matrix, Triangle, factor, narrow, panel, product};

/// A number that kernels compute with: `f64` or `f32`.
///
/// What the functions of this crate do is a method here, which is compiled in this crate for both.
pub trait Real:
    Float
    + Sum
    + Product
    + AddAssign
    + SubAssign
    + MulAssign
    + DivAssign
    + Default
    + Debug
    + Display
    + Send
    + Sync
    + sealed::Kernels
    + 'static
{
    /// Its name: `f64` or `f32`.
    const NAME: &'static str;

    /// The nearest number of this precision.
    fn of(x: f64) -> Self;

    /// The same number in double precision.
    fn wide(self) -> f64;
}

/// What the library wants of a number.
pub trait Field: Real + RealField {}

impl<T: Real + RealField> Field for T {}

/// A matrix to read: its memory, and how it lies there.
pub type From<'a, T> = (&'a [T], Matrix);
/// A matrix to write.
pub type To<'a, T> = (&'a mut [T], Matrix);

pub(crate) mod sealed {
    use super::{From, LocalKey, Matrix, RefCell, To, Triangle};

    /// The kernels for one precision.
    pub trait Kernels: Sized + 'static {
        fn numbers() -> &'static LocalKey<RefCell<Vec<Self>>>;
        fn gemm(
            size: (usize, usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
        );
        fn triangular(
            size: (usize, usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
            triangle: Triangle,
        );
        fn in_place(
            size: (usize, usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
            triangle: Triangle,
        ) -> bool;
        fn symmetric(
            size: (usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
        );
        fn copy(size: (usize, usize), alpha: Self, a: From<'_, Self>, c: To<'_, Self>, accumulate: bool);
        fn add_transposed(
            size: (usize, usize),
            a: (Self, &[Self], Matrix),
            b: (Self, &[Self], Matrix),
            c: To<'_, Self>,
        );
        fn with_transpose(n: usize, alpha: Self, a: From<'_, Self>, c: To<'_, Self>) -> Option<usize>;
        fn dot_rows(
            size: (usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
        );
        fn scale_rows(
            size: (usize, usize),
            alpha: Self,
            a: From<'_, Self>,
            b: From<'_, Self>,
            c: To<'_, Self>,
            accumulate: bool,
        );
        fn total(x: &[Self]) -> Self;
        fn dot(x: &[Self], y: &[Self]) -> Self;
        fn axpy(alpha: Self, x: &[Self], y: &mut [Self], accumulate: bool);
        fn factor(a: &[Self], n: usize, matrix: &mut [Self], pivots: &mut [Self]);
        fn solve(factors: (&[Self], &[Self], usize), b: &mut [Self], cols: usize, transposed: bool);
        fn inverse(factors: (&[Self], &[Self], usize), out: &mut [Self]);
        fn cholesky(a: &[Self], n: usize, l: &mut [Self]);
    }
}

macro_rules! real {
    ($type:ty, $name:literal, $blocks:ident, $sum:expr) => {
        impl Real for $type {
            const NAME: &'static str = $name;

            #[inline(always)]
            fn of(x: f64) -> Self {
                x as Self
            }

            #[inline(always)]
            fn wide(self) -> f64 {
                f64::from(self)
            }
        }

        impl sealed::Kernels for $type {
            fn numbers() -> &'static LocalKey<RefCell<Vec<Self>>> {
                thread_local! {
                    static NUMBERS: RefCell<Vec<$type>> = const { RefCell::new(Vec::new()) };
                }
                &NUMBERS
            }

            fn gemm(
                size: (usize, usize, usize),
                alpha: Self,
                a: From<'_, Self>,
                b: From<'_, Self>,
                c: To<'_, Self>,
                accumulate: bool,
            ) {
                product::gemm_of(size, alpha, a, b, c, accumulate);
            }

            fn triangular(
                size: (usize, usize, usize),
                alpha: Self,
                a: From<'_, Self>,
                b: From<'_, Self>,
                c: To<'_, Self>,
                accumulate: bool,
                triangle: Triangle,
            ) {
                panel::triangular_of(size, alpha, a, b, c, accumulate, triangle);
            }

            #[cfg(target_arch = "x86_64")]
            fn in_place(
                size: (usize, usize, usize),
                alpha: Self,
                (a, ma): From<'_, Self>,
                (b, mb): From<'_, Self>,
                (c, mc): To<'_, Self>,
                accumulate: bool,
                triangle: Triangle,
            ) -> bool {
                let (m, k, n) = size;
                let fine = ma.fits(m, k, a.len()) && mb.fits(k, n, b.len()) && mc.fits(m, n, c.len());
                if !fine || !mc.is_apart(m, n) || mb.col != 1 || mc.col != 1 || !is_x86_feature_detected!("avx512f") {
                    return false;
                }
                let (a, b, c) = ((a.as_ptr(), ma), (b.as_ptr(), mb), (c.as_mut_ptr(), mc));
                // SAFETY: the instructions are there, all entries of the matrices lie in their slices, and the columns of
                // the second and of the result are side by side.
                #[allow(unsafe_code)]
                unsafe {
                    panel::$blocks::product(size, alpha, a, b, c, accumulate, triangle);
                }
                true
            }

            #[cfg(not(target_arch = "x86_64"))]
            fn in_place(
                _: (usize, usize, usize),
                _: Self,
                _: From<'_, Self>,
                _: From<'_, Self>,
                _: To<'_, Self>,
                _: bool,
                _: Triangle,
            ) -> bool {
                false
            }

            fn symmetric(
                size: (usize, usize),
                alpha: Self,
                a: From<'_, Self>,
                b: From<'_, Self>,
                c: To<'_, Self>,
                accumulate: bool,
            ) {
                product::symmetric_of(size, alpha, a, b, c, accumulate);
            }

            fn copy(size: (usize, usize), alpha: Self, a: From<'_, Self>, c: To<'_, Self>, accumulate: bool) {
                product::copy_of(size, alpha, a, c, accumulate);
            }

            fn add_transposed(
                size: (usize, usize),
                a: (Self, &[Self], Matrix),
                b: (Self, &[Self], Matrix),
                c: To<'_, Self>,
            ) {
                product::add_transposed_of(size, a, b, c);
            }

            fn with_transpose(n: usize, alpha: Self, a: From<'_, Self>, c: To<'_, Self>) -> Option<usize> {
                let sum: fn(usize, Self, From<'_, Self>, To<'_, Self>) -> Option<usize> = $sum;
                sum(n, alpha, a, c)
            }

            fn dot_rows(
                size: (usize, usize),
                alpha: Self,
                a: From<'_, Self>,
                b: From<'_, Self>,
                c: To<'_, Self>,
                accumulate: bool,
            ) {
                narrow::dot_rows_of(size, alpha, a, b, c, accumulate);
            }

            fn scale_rows(
                size: (usize, usize),
                alpha: Self,
                a: From<'_, Self>,
                b: From<'_, Self>,
                c: To<'_, Self>,
                accumulate: bool,
            ) {
                narrow::scale_rows_of(size, alpha, a, b, c, accumulate);
            }

            fn total(x: &[Self]) -> Self {
                narrow::sum_of(x)
            }

            fn dot(x: &[Self], y: &[Self]) -> Self {
                narrow::dot_of(x, y)
            }

            fn axpy(alpha: Self, x: &[Self], y: &mut [Self], accumulate: bool) {
                narrow::axpy_of(alpha, x, y, accumulate);
            }

            fn factor(a: &[Self], n: usize, matrix: &mut [Self], pivots: &mut [Self]) {
                factor::factor_of(a, n, matrix, pivots);
            }

            fn solve((matrix, pivots, n): (&[Self], &[Self], usize), b: &mut [Self], cols: usize, transposed: bool) {
                factor::Factors { matrix, pivots, n }.solve_of(b, cols, transposed);
            }

            fn inverse((matrix, pivots, n): (&[Self], &[Self], usize), out: &mut [Self]) {
                factor::Factors { matrix, pivots, n }.inverse_of(out);
            }

            fn cholesky(a: &[Self], n: usize, l: &mut [Self]) {
                factor::cholesky_of(a, n, l);
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
real!(f64, "f64", double, crate::transposed::blocks);
#[cfg(not(target_arch = "x86_64"))]
real!(f64, "f64", double, |_, _, _, _| None);
real!(f32, "f32", single, |_, _, _, _| None);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::random;
    use crate::{Factors, add_transposed, axpy, cholesky, copy, dot, gemm, sum, symmetric};

    fn narrow(x: &[f64]) -> Vec<f32> {
        x.iter().map(|x| *x as f32).collect()
    }

    #[track_caller]
    fn assert_near(found: &[f32], expected: &[f64], tolerance: f64) {
        assert_eq!(found.len(), expected.len());
        let scale = expected.iter().fold(1.0f64, |most, x| most.max(x.abs()));
        for (x, y) in found.iter().zip(expected) {
            assert!((f64::from(*x) - y).abs() <= tolerance * scale, "{x} where {y} is right");
        }
    }

    const SIZES: [usize; 9] = [0, 1, 2, 5, 12, 13, 17, 40, 97];

    #[test]
    fn products_in_single_precision() {
        for n in SIZES {
            for k in [0, 1, 7, 33] {
                let (a, b) = (random(n * k, 1), random(k * n, 2));
                let (mut c, mut d) = (vec![0.5f32; n * n], vec![0.5; n * n]);
                let (left, right, to) = (Matrix::dense(k), Matrix::dense(n), Matrix::dense(n));
                gemm((n, k, n), 1.5, (&narrow(&a), left), (&narrow(&b), right), (&mut c, to), true);
                gemm((n, k, n), 1.5, (&a, left), (&b, right), (&mut d, to), true);
                assert_near(&c, &d, 1e-5);
                symmetric((n, k), -1.0, (&narrow(&a), left), (&narrow(&a), left.transposed()), (&mut c, to), true);
                symmetric((n, k), -1.0, (&a, left), (&a, left.transposed()), (&mut d, to), true);
                assert_near(&c, &d, 1e-5);
            }
            let a = random(n * n, 5);
            let (m, mut c, mut d) = (Matrix::dense(n), vec![0.0f32; n * n], vec![0.0; n * n]);
            let x = narrow(&a);
            copy((n, n), 2.0, (&x, m.transposed()), (&mut c, m), false);
            assert_near(&c, &(0..n * n).map(|k| 2.0 * a[k % n * n + k / n]).collect::<Vec<_>>(), 1e-6);
            add_transposed((n, n), (1.0, &x, m), (-1.0, &x, m.transposed()), (&mut c, m));
            add_transposed((n, n), (1.0, &a, m), (-1.0, &a, m.transposed()), (&mut d, m));
            assert_near(&c, &d, 1e-6);
            let y = random(n * n, 6);
            assert_near(&[sum(&x), dot(&x, &narrow(&y))], &[sum(&a), dot(&a, &y)], 1e-4);
            axpy(0.5, &x, &mut c, true);
            axpy(0.5, &a, &mut d, true);
            assert_near(&c, &d, 1e-6);
        }
    }

    #[test]
    fn factors_in_single_precision() {
        for n in SIZES {
            let a = random(n * n, n as u64 + 3);
            let mut definite = vec![0.0; n * n];
            let m = Matrix::dense(n);
            gemm((n, n, n), 1.0, (&a, m), (&a, m.transposed()), (&mut definite, m), false);
            (0..n).for_each(|k| definite[k * n + k] += n as f64);
            let mut general = definite.clone();
            general.iter_mut().zip(&a).for_each(|(g, a)| *g += a);
            for a in [&definite, &general] {
                let (mut wide, mut single) = (vec![0.0; Factors::length(n)], vec![0.0f32; n * n + n]);
                let (wide, single) = (Factors::make(a, n, &mut wide), Factors::make(&narrow(a), n, &mut single));
                assert_near(&[single.log_det().0, single.log_det().1], &[wide.log_det().0, wide.log_det().1], 1e-4);
                let b = random(n * 3, 8);
                for transposed in [false, true] {
                    let (mut x, mut y) = (narrow(&b), b.clone());
                    single.solve(&mut x, 3, transposed);
                    wide.solve(&mut y, 3, transposed);
                    assert_near(&x, &y, 1e-4);
                }
                let (mut x, mut y) = (vec![0.0f32; n * n], vec![0.0; n * n]);
                single.inverse(&mut x);
                wide.inverse(&mut y);
                assert_near(&x, &y, 1e-4);
            }
            let (mut x, mut y) = (vec![0.0f32; n * n], vec![0.0; n * n]);
            cholesky(&narrow(&definite), n, &mut x);
            cholesky(&definite, n, &mut y);
            assert_near(&x, &y, 1e-4);
        }
    }
}
