//! Factors of square matrices, and what follows from them.
//!
//! A triangular matrix is its own factor. A matrix that is symmetric is tried with Cholesky's method first; where that finds
//! a pivot that is not positive, and for all others, LU with partial pivoting. Which one it is stands in the packed factors,
//! so that nobody has to know before there are numbers. Packed are n×n numbers column by column, then n pivots: a
//! permutation, or what [`Form`] says in their place.

use faer::linalg::cholesky::llt;
use faer::linalg::lu::partial_pivoting as plu;
use faer::linalg::triangular_inverse::{invert_lower_triangular, invert_upper_triangular};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_upper_triangular_in_place};
use faer::perm::PermRef;
use faer::reborrow::ReborrowMut;
use faer::{MatMut, MatRef, Par};

mod threads;

use crate::Matrix;
use crate::narrow::{axpy, dot};
use crate::product::{copy, mirror};
use crate::real::{Field, Real};
use crate::scratch::with_stack;

/// Up to this size plain loops are faster than the library.
const SMALL: usize = 12;

/// What the packed factors are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `P Aᵀ = L U`
    Permuted,
    /// `A = L Lᵀ`
    Cholesky,
    /// A itself, row by row, which is lower triangular.
    Lower,
    /// A itself, row by row, which is upper triangular.
    Upper,
}

impl Form {
    /// What stands in the place of the pivots where there are none.
    fn mark<T: Real>(self) -> T {
        match self {
            Form::Permuted => T::zero(),
            Form::Cholesky => T::of(-1.0),
            Form::Lower => T::of(-2.0),
            Form::Upper => T::of(-3.0),
        }
    }

    fn of<T: Real>(pivots: &[T]) -> Self {
        let marked = |form: &Form| pivots.first() == Some(&form.mark());
        [Form::Cholesky, Form::Lower, Form::Upper].into_iter().find(marked).unwrap_or(Form::Permuted)
    }
}

/// The packed factors of a matrix.
#[derive(Clone, Copy, Debug)]
pub struct Factors<'a, T = f64> {
    pub(crate) matrix: &'a [T],
    pub(crate) pivots: &'a [T],
    pub(crate) n: usize,
}

impl Factors<'_> {
    /// How many numbers the factors of an n×n matrix take, in either precision.
    pub fn length(n: usize) -> usize {
        n.saturating_mul(n).saturating_add(n)
    }
}

impl<'a, T: Real> Factors<'a, T> {
    /// Factors a row-major matrix.
    pub fn make(a: &[T], n: usize, packed: &'a mut [T]) -> Self {
        let (matrix, pivots) = packed.split_at_mut(n * n);
        T::factor(a, n, matrix, pivots);
        Self { matrix, pivots, n }
    }

    /// The factors that were packed before.
    pub fn of(packed: &'a [T], n: usize) -> Self {
        let (matrix, pivots) = packed.split_at(n * n);
        Self { matrix, pivots: &pivots[..n], n }
    }

    fn form(&self) -> Form {
        Form::of(self.pivots)
    }

    /// The pivots of the elimination.
    pub fn diagonal(&self) -> impl Iterator<Item = T> + use<'a, T> {
        let (matrix, n, square) = (self.matrix, self.n, self.form() == Form::Cholesky);
        (0..n).map(move |k| matrix[k * n + k]).map(move |d| if square { d * d } else { d })
    }

    /// Whether the permutation is an odd one.
    fn odd(&self) -> bool {
        if self.form() != Form::Permuted {
            return false;
        }
        let mut seen = vec![false; self.n];
        let mut odd = false;
        for start in 0..self.n {
            let mut at = start;
            while !std::mem::replace(&mut seen[at], true) {
                at = whole(self.pivots[at]);
                odd ^= at != start;
            }
        }
        odd
    }

    /// The determinant.
    pub fn det(&self) -> T {
        let product: T = self.diagonal().product();
        if self.odd() { -product } else { product }
    }

    /// Sign and logarithm of the absolute value of the determinant.
    pub fn log_det(&self) -> (T, T) {
        let (mut sign, mut sum) = (if self.odd() { -T::one() } else { T::one() }, T::zero());
        let square = if self.form() == Form::Cholesky { T::of(2.0) } else { T::one() };
        for k in 0..self.n {
            let d = self.matrix[k * self.n + k];
            if d < T::zero() {
                sign = -sign;
            } else if d == T::zero() || d.is_nan() {
                sign *= d;
            }
            sum += d.abs().ln();
        }
        (sign, square * sum)
    }

    /// Solves `A X = B`, or `Aᵀ X = B`, in place of B, which has `cols` columns and is row-major.
    pub fn solve(&self, b: &mut [T], cols: usize, transposed: bool) {
        T::solve((self.matrix, self.pivots, self.n), b, cols, transposed);
    }

    /// The inverse, row-major.
    pub fn inverse(&self, out: &mut [T]) {
        T::inverse((self.matrix, self.pivots, self.n), out);
    }
}

impl<T: Field> Factors<'_, T> {
    pub(crate) fn solve_of(&self, b: &mut [T], cols: usize, transposed: bool) {
        let n = self.n;
        if n == 0 || cols == 0 {
            return;
        }
        if n <= SMALL {
            self.solve_small(b, cols, transposed);
            return;
        }
        let factors = MatRef::from_column_major_slice(&self.matrix[..n * n], n, n);
        let turned = factors.transpose();
        let right = MatMut::from_row_major_slice_mut(&mut b[..n * cols], n, cols);
        let form = self.form();
        let (forward, inverse) = if form == Form::Permuted { self.permutation() } else { Default::default() };
        let square = (n * n) as f64;
        let each = if matches!(form, Form::Lower | Form::Upper) { square / 2.0 } else { square };
        threads::by_columns(right, each, &|mut right: MatMut<'_, T>| match (form, transposed) {
            (Form::Cholesky, _) => {
                solve_lower_triangular_in_place(factors, right.rb_mut(), Par::Seq);
                solve_upper_triangular_in_place(turned, right, Par::Seq);
            }
            (Form::Lower, false) => solve_lower_triangular_in_place(turned, right, Par::Seq),
            (Form::Lower, true) => solve_upper_triangular_in_place(factors, right, Par::Seq),
            (Form::Upper, false) => solve_upper_triangular_in_place(turned, right, Par::Seq),
            (Form::Upper, true) => solve_lower_triangular_in_place(factors, right, Par::Seq),
            // these are the factors of the transpose
            (Form::Permuted, true) => {
                let perm = PermRef::new_checked(&forward, &inverse, n);
                let required = plu::solve::solve_in_place_scratch::<usize, T>(n, right.ncols(), Par::Seq);
                with_stack(required, |stack| {
                    plu::solve::solve_in_place(factors, factors, perm, right, Par::Seq, stack)
                });
            }
            (Form::Permuted, false) => {
                let perm = PermRef::new_checked(&forward, &inverse, n);
                let required = plu::solve::solve_transpose_in_place_scratch::<usize, T>(n, right.ncols(), Par::Seq);
                with_stack(required, |stack| {
                    plu::solve::solve_transpose_in_place(factors, factors, perm, right, Par::Seq, stack);
                });
            }
        });
    }

    fn permutation(&self) -> (Vec<usize>, Vec<usize>) {
        let forward: Vec<usize> = self.pivots.iter().map(|p| whole(*p)).collect();
        let mut inverse = vec![0; forward.len()];
        forward.iter().enumerate().for_each(|(i, p)| inverse[*p] = i);
        (forward, inverse)
    }

    /// The entry of the factors in a row and a column of the transpose of what was factored.
    fn at(&self, i: usize, j: usize) -> T {
        self.matrix[j * self.n + i]
    }

    fn solve_small(&self, b: &mut [T], cols: usize, transposed: bool) {
        let (n, form) = (self.n, self.form());
        let mut order = [0usize; SMALL];
        for (k, place) in order.iter_mut().enumerate().take(n) {
            *place = if form == Form::Permuted { whole(self.pivots[k]) } else { k };
        }
        let (here, turned) = (|i, j| self.at(i, j), |i, j| self.at(j, i));
        for c in 0..cols {
            let mut x = [T::zero(); SMALL];
            let x = &mut x[..n];
            let given = |k: usize| if form == Form::Permuted && transposed { order[k] } else { k };
            x.iter_mut().enumerate().for_each(|(k, x)| *x = b[given(k) * cols + c]);
            match (form, transposed) {
                (Form::Cholesky, _) => {
                    forward(x, here, false);
                    backward(x, turned, false);
                }
                // L U = P Aᵀ
                (Form::Permuted, true) => {
                    forward(x, here, true);
                    backward(x, here, false);
                }
                // Uᵀ Lᵀ P = A
                (Form::Permuted, false) => {
                    forward(x, turned, false);
                    backward(x, turned, true);
                }
                (Form::Lower, false) => forward(x, turned, false),
                (Form::Lower, true) => backward(x, here, false),
                (Form::Upper, false) => backward(x, turned, false),
                (Form::Upper, true) => forward(x, here, false),
            }
            let place = |k: usize| if transposed { k } else { order[k] };
            x.iter().enumerate().for_each(|(k, x)| b[place(k) * cols + c] = *x);
        }
    }

    pub(crate) fn inverse_of(&self, out: &mut [T]) {
        let n = self.n;
        let out = &mut out[..n * n];
        if n <= SMALL {
            out.fill(T::zero());
            (0..n).for_each(|k| out[k * n + k] = T::one());
            self.solve_small(out, n, false);
            return;
        }
        let factors = MatRef::from_column_major_slice(&self.matrix[..n * n], n, n);
        if matches!(self.form(), Form::Lower | Form::Upper) {
            out.fill(T::zero());
            let target = MatMut::from_row_major_slice_mut(out, n, n);
            match self.form() {
                Form::Lower => invert_lower_triangular(target, factors.transpose(), Par::Seq),
                _ => invert_upper_triangular(target, factors.transpose(), Par::Seq),
            }
            return;
        }
        let target = MatMut::from_column_major_slice_mut(out, n, n);
        if self.form() == Form::Cholesky {
            if threads::are_two(n) {
                threads::cholesky_inverse(target, factors);
                return mirror(n, out, Matrix { offset: 0, row: 1, col: n });
            }
            let required = llt::inverse::inverse_scratch::<T>(n, Par::Seq);
            with_stack(required, |stack| llt::inverse::inverse(target, factors, Par::Seq, stack));
            mirror(n, out, Matrix { offset: 0, row: 1, col: n });
        } else {
            let (forward, inverse) = self.permutation();
            if threads::are_two(n) {
                return threads::lu_inverse(target, factors, &forward);
            }
            let perm = PermRef::new_checked(&forward, &inverse, n);
            let required = plu::inverse::inverse_scratch::<usize, T>(n, Par::Seq);
            with_stack(required, |stack| plu::inverse::inverse(target, factors, factors, perm, Par::Seq, stack));
        }
    }
}

/// Solves by the lower half of a matrix, whose diagonal is 1 where that is said.
#[inline(always)]
fn forward<T: Real>(x: &mut [T], entry: impl Fn(usize, usize) -> T, unit: bool) {
    for i in 0..x.len() {
        let known: T = (0..i).map(|k| entry(i, k) * x[k]).sum();
        x[i] = if unit { x[i] - known } else { (x[i] - known) / entry(i, i) };
    }
}

/// Solves by the upper half of a matrix, whose diagonal is 1 where that is said.
#[inline(always)]
fn backward<T: Real>(x: &mut [T], entry: impl Fn(usize, usize) -> T, unit: bool) {
    let n = x.len();
    for i in (0..n).rev() {
        let known: T = (i + 1..n).map(|k| entry(i, k) * x[k]).sum();
        x[i] = if unit { x[i] - known } else { (x[i] - known) / entry(i, i) };
    }
}

/// Factors of a row-major matrix.
pub(crate) fn factor_of<T: Field>(a: &[T], n: usize, matrix: &mut [T], pivots: &mut [T]) {
    let mut copy = || matrix.copy_from_slice(&a[..n * n]);
    if let Some(form) = triangle_of(a, n) {
        copy();
        pivots.fill(form.mark());
        return;
    }
    let symmetric = if threads::are_two(n) {
        rayon::join(|| is_symmetric(a, n), copy).0
    } else {
        copy();
        is_symmetric(a, n)
    };
    if symmetric {
        if factor_symmetric(matrix, n) {
            pivots.fill(Form::Cholesky.mark());
            return;
        }
        matrix.copy_from_slice(&a[..n * n]);
    }
    // the memory column by column is the transpose, whose factors do as well
    if n <= SMALL || !factor_large(matrix, pivots, n) {
        if n > SMALL {
            matrix.copy_from_slice(&a[..n * n]);
        }
        factor_small(matrix, pivots, n);
    }
}

/// A pivot's number, which is whole and not negative.
fn whole<T: Real>(pivot: T) -> usize {
    pivot.to_usize().unwrap_or(0)
}

/// Which half of a row-major matrix holds all that is not 0, if one does.
fn triangle_of<T: Field>(a: &[T], n: usize) -> Option<Form> {
    let zero = |x: &T| *x == T::zero();
    if (0..n).all(|i| a[i * n + i + 1..(i + 1) * n].iter().all(zero)) {
        return Some(Form::Lower);
    }
    (0..n).all(|i| a[i * n..i * n + i].iter().all(zero)).then_some(Form::Upper)
}

/// Whether opposite entries of a row-major matrix differ by no more than what Cholesky's method, which uses one of them,
/// changes them by anyhow (some n·ε·√(aᵢᵢ aⱼⱼ)), and its diagonal is positive.
fn is_symmetric<T: Field>(a: &[T], n: usize) -> bool {
    const TILE: usize = 32;
    let tolerance = T::epsilon() * T::of(4.0 * n.clamp(2, 16) as f64);
    // most matrices that are not symmetric are not so in their first row
    if n == 0 || (0..n).any(|k| a[k * n + k].is_nan() || a[k * n + k] <= T::zero()) {
        return false;
    }
    let close = |i: usize, j: usize| {
        let (x, y) = (a[i * n + j], a[j * n + i]);
        x == y || (x - y).abs() <= tolerance * (a[i * n + i] * a[j * n + j]).sqrt()
    };
    (0..n).all(|j| close(0, j))
        && (0..n).step_by(TILE).all(|i| {
            (0..=i).step_by(TILE).all(|j| (i..(i + TILE).min(n)).all(|i| (j..(j + TILE).min(i)).all(|j| close(i, j))))
        })
}

/// Cholesky's factor in place of the lower half, column by column; whether there is one.
fn factor_symmetric<T: Field>(matrix: &mut [T], n: usize) -> bool {
    if n <= SMALL {
        for j in 0..n {
            for i in j..n {
                let known: T = (0..j).map(|k| matrix[k * n + i] * matrix[k * n + j]).sum();
                let value = matrix[j * n + i] - known;
                matrix[j * n + i] = if i > j {
                    value / matrix[j * n + j]
                } else if value > T::zero() {
                    value.sqrt()
                } else {
                    return false;
                };
            }
        }
        return true;
    }
    let target = MatMut::from_column_major_slice_mut(matrix, n, n);
    threads::cholesky(target) && (0..n).all(|k| matrix[k * n + k].is_finite() && matrix[k * n + k] > T::zero())
}

/// LU by the library, column by column; whether all pivots are numbers other than 0.
fn factor_large<T: Field>(matrix: &mut [T], pivots: &mut [T], n: usize) -> bool {
    let target = MatMut::from_column_major_slice_mut(matrix, n, n);
    let (mut forward, mut inverse) = (vec![0usize; n], vec![0usize; n]);
    if threads::are_two(n) {
        threads::lu(target, &mut forward);
    } else {
        let required = plu::factor::lu_in_place_scratch::<usize, T>(n, n, Par::Seq, Default::default());
        with_stack(required, |stack| {
            plu::factor::lu_in_place(target, &mut forward, &mut inverse, Par::Seq, stack, Default::default());
        });
    }
    pivots.iter_mut().zip(&forward).for_each(|(p, f)| *p = T::of(*f as f64));
    (0..n).all(|k| matrix[k * n + k].is_finite() && matrix[k * n + k] != T::zero())
}

/// LU column by column; a pivot of 0 stays where it is, a NaN is taken as pivot.
fn factor_small<T: Field>(matrix: &mut [T], pivots: &mut [T], n: usize) {
    pivots.iter_mut().enumerate().for_each(|(k, p)| *p = T::of(k as f64));
    for col in 0..n {
        let (mut best, mut size) = (col, matrix[col * n + col].abs());
        for row in col + 1..n {
            let here = matrix[col * n + row].abs();
            if here > size || (here.is_nan() && !size.is_nan()) {
                (best, size) = (row, here);
            }
        }
        if best != col {
            (0..n).for_each(|j| matrix.swap(j * n + best, j * n + col));
            pivots.swap(best, col);
        }
        let top = matrix[col * n + col];
        if top == T::zero() {
            continue;
        }
        let (done, rest) = matrix.split_at_mut((col + 1) * n);
        let below = &mut done[col * n + col + 1..];
        below.iter_mut().for_each(|x| *x /= top);
        for target in rest.chunks_exact_mut(n) {
            let factor = target[col];
            if factor != T::zero() {
                axpy(-factor, below, &mut target[col + 1..], true);
            }
        }
    }
}

/// The lower triangular L with L·Lᵀ = A for the symmetric part of A, row-major; NaN where A is not positive definite.
pub fn cholesky<T: Real>(a: &[T], n: usize, l: &mut [T]) {
    T::cholesky(a, n, l);
}

pub(crate) fn cholesky_of<T: Field>(a: &[T], n: usize, l: &mut [T]) {
    let l = &mut l[..n * n];
    for i in 0..n {
        for j in 0..=i {
            l[i * n + j] = T::of(0.5) * (a[i * n + j] + a[j * n + i]);
        }
        l[i * n + i + 1..(i + 1) * n].fill(T::zero());
    }
    let fine = if n <= 2 * SMALL {
        rows_by_rows(l, n)
    } else {
        // the library wants columns
        let columns = Matrix { offset: 0, row: 1, col: n };
        crate::scratch::with_numbers(n * n, |work| {
            copy((n, n), T::one(), (l, Matrix::dense(n)), (work, columns), false);
            let fine = factor_symmetric(work, n);
            copy((n, n), T::one(), (work, columns), (l, Matrix::dense(n)), false);
            // the library uses the other half
            (0..n).for_each(|i| l[i * n + i + 1..(i + 1) * n].fill(T::zero()));
            fine
        })
    };
    if !fine {
        l.fill(T::nan());
    }
}

fn rows_by_rows<T: Field>(l: &mut [T], n: usize) -> bool {
    for i in 0..n {
        let (done, rest) = l.split_at_mut(i * n);
        let row = &mut rest[..n];
        for j in 0..i {
            row[j] = (row[j] - dot(&done[j * n..j * n + j], &row[..j])) / done[j * n + j];
        }
        let value = row[i] - dot(&row[..i], &row[..i]);
        if value.is_nan() || value <= T::zero() {
            return false;
        }
        row[i] = value.sqrt();
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, product, random};

    const SIZES: [usize; 11] = [0, 1, 2, 3, 7, 12, 13, 31, 64, 97, 130];

    fn transposed(a: &[f64], n: usize) -> Vec<f64> {
        (0..n * n).map(|k| a[k % n * n + k / n]).collect()
    }

    /// A general, an indefinite symmetric, a positive definite, a lower and an upper triangular matrix.
    fn matrices(n: usize) -> [Vec<f64>; 5] {
        let a = random(n * n, n as u64 + 1);
        let t = transposed(&a, n);
        let symmetric = a.iter().zip(&t).map(|(x, y)| x + y).collect();
        let mut definite = product((n, n, n), &a, &t);
        (0..n).for_each(|k| definite[k * n + k] += 0.5);
        let mut lower = vec![0.0; n * n];
        cholesky(&definite, n, &mut lower);
        let upper = transposed(&lower, n).iter().map(|x| -x).collect();
        [a, symmetric, definite, lower, upper]
    }

    fn eye(n: usize) -> Vec<f64> {
        (0..n * n).map(|k| f64::from(u8::from(k / n.max(1) == k % n.max(1)))).collect()
    }

    #[test]
    fn inverses_and_solutions() {
        for n in SIZES {
            for (which, a) in matrices(n).iter().enumerate() {
                let mut packed = vec![0.0; Factors::length(n)];
                let factors = Factors::make(a, n, &mut packed);
                let form = match which {
                    0 | 1 => Form::Permuted,
                    2 => Form::Cholesky,
                    3 => Form::Lower,
                    _ => Form::Upper,
                };
                // a number is all of these
                assert!(n == 0 || factors.form() == if n == 1 { Form::Lower } else { form }, "{which} {n}");
                let mut inverse = vec![f64::NAN; n * n];
                factors.inverse(&mut inverse);
                assert_close(&product((n, n, n), a, &inverse), &eye(n), 1e-9);
                for cols in [0, 1, 2, 9, 40] {
                    let x = random(n * cols, 9);
                    let mut b = product((n, n, cols), a, &x);
                    factors.solve(&mut b, cols, false);
                    assert_close(&b, &x, 1e-9);
                    let mut b = product((n, n, cols), &transposed(a, n), &x);
                    factors.solve(&mut b, cols, true);
                    assert_close(&b, &x, 1e-9);
                }
            }
        }
    }

    /// By elimination without a library.
    fn det(a: &[f64], n: usize) -> f64 {
        let (mut m, mut det) = (a.to_vec(), 1.0);
        for k in 0..n {
            let best = (k..n).max_by(|i, j| m[i * n + k].abs().total_cmp(&m[j * n + k].abs())).unwrap();
            if best != k {
                det = -det;
                (0..n).for_each(|j| m.swap(k * n + j, best * n + j));
            }
            det *= m[k * n + k];
            for i in k + 1..n {
                let f = m[i * n + k] / m[k * n + k];
                (k..n).for_each(|j| m[i * n + j] -= f * m[k * n + j]);
            }
        }
        det
    }

    #[test]
    fn determinants() {
        for n in SIZES.into_iter().filter(|n| *n < 40) {
            for a in matrices(n) {
                let mut packed = vec![0.0; Factors::length(n)];
                let factors = Factors::make(&a, n, &mut packed);
                let expected = det(&a, n);
                assert!((factors.det() / expected - 1.0).abs() < 1e-9, "{n}: {} {expected}", factors.det());
                let (sign, log) = factors.log_det();
                assert!(sign == expected.signum() && (log - expected.abs().ln()).abs() < 1e-9, "{n}");
            }
        }
    }

    #[test]
    fn singular_matrices() {
        for n in [1, 2, 5, 13, 40] {
            let mut triangle: Vec<f64> = (0..n * n).map(|k| f64::from(u8::from(k / n >= k % n))).collect();
            triangle[n * n - 1] = 0.0;
            let mut packed = vec![0.0; Factors::length(n)];
            let factors = Factors::make(&triangle, n, &mut packed);
            assert!(factors.det() == 0.0 && factors.log_det() == (0.0, f64::NEG_INFINITY), "{n}");
            let mut inverse = vec![0.0; n * n];
            factors.inverse(&mut inverse);
            assert!(inverse.iter().any(|x| !x.is_finite()), "{n}");
            for fill in [0.0, 1.0] {
                let mut packed = vec![0.0; Factors::length(n)];
                let factors = Factors::make(&vec![fill; n * n], n, &mut packed);
                assert_eq!(factors.det(), if n == 1 { fill } else { 0.0 });
                assert_eq!(factors.log_det().0, if n == 1 { fill } else { 0.0 });
            }
            let mut a = random(n * n, 4);
            a[n / 2 * n + n / 3] = f64::NAN;
            let mut packed = vec![0.0; Factors::length(n)];
            let factors = Factors::make(&a, n, &mut packed);
            assert!(factors.det().is_nan() && factors.log_det().0.is_nan());
        }
    }

    #[test]
    fn factor_times_transpose() {
        for n in SIZES {
            let [_, _, definite, ..] = matrices(n);
            let mut l = vec![7.0; n * n];
            cholesky(&definite, n, &mut l);
            assert_close(&product((n, n, n), &l, &transposed(&l, n)), &definite, 1e-13);
            assert!((0..n).all(|i| (i + 1..n).all(|j| l[i * n + j] == 0.0)));
            let mut negative = definite.clone();
            if n > 0 {
                negative[n * n - 1] = -1.0;
                cholesky(&negative, n, &mut l);
                assert!(l.iter().all(|v| v.is_nan()));
                negative[n * n - 1] = f64::NAN;
                cholesky(&negative, n, &mut l);
                assert!(l.iter().all(|v| v.is_nan()));
            }
        }
    }
}
