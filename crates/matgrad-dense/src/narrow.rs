//! Sums and inner products: as fast as memory gives the numbers.
//!
//! Plain loops over lanes, compiled for the baseline and for AVX2; the order of a sum is that of the lanes on either.

use crate::Matrix;
use crate::real::{Field, From, Real, To};
use crate::wide::wide;

/// Numbers that are summed side by side.
const LANES: usize = 16;

/// The sum, in lanes: faster, and its error grows more slowly.
pub fn sum<T: Real>(x: &[T]) -> T {
    T::total(x)
}

pub(crate) fn sum_of<T: Field>(x: &[T]) -> T {
    if x.len() < LANES {
        return x.iter().copied().sum();
    }
    wide(
        #[inline(always)]
        || {
            let mut lanes = [T::zero(); LANES];
            let chunks = x.chunks_exact(LANES);
            let rest: T = chunks.remainder().iter().copied().sum();
            for chunk in chunks {
                lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += *v);
            }
            lanes.iter().copied().sum::<T>() + rest
        },
    )
}

/// The inner product of a few numbers, in four lanes that do not wait for each other.
#[inline(always)]
fn short<T: Field>(x: &[T], y: &[T]) -> T {
    let n = x.len().min(y.len());
    let (x, y) = (&x[..n], &y[..n]);
    let mut lanes = [T::zero(); 4];
    for (a, b) in x.chunks_exact(4).zip(y.chunks_exact(4)) {
        lanes.iter_mut().zip(a.iter().zip(b)).for_each(|(l, (a, b))| *l += *a * *b);
    }
    let whole = n & !3;
    for (l, (a, b)) in lanes.iter_mut().zip(x[whole..].iter().zip(&y[whole..])) {
        *l += *a * *b;
    }
    (lanes[0] + lanes[1]) + (lanes[2] + lanes[3])
}

/// The inner product of what both have.
pub fn dot<T: Real>(x: &[T], y: &[T]) -> T {
    T::dot(x, y)
}

pub(crate) fn dot_of<T: Field>(x: &[T], y: &[T]) -> T {
    if x.len().min(y.len()) < LANES {
        return short(x, y);
    }
    wide(
        #[inline(always)]
        || long(x, y),
    )
}

#[inline(always)]
fn long<T: Field>(x: &[T], y: &[T]) -> T {
    let mut lanes = [T::zero(); LANES];
    let (cx, cy) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
    let whole = x.len().min(y.len()) / LANES * LANES;
    let rest = short(&x[whole..], &y[whole..]);
    for (a, b) in cx.zip(cy) {
        for (l, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
            *l += *a * *b;
        }
    }
    lanes.iter().copied().sum::<T>() + rest
}

/// `c[i] += alpha · Σ a[i, j] b[i, j]`, or without adding, over rows whose numbers lie side by side; the columns of `c` are
/// where it starts.
pub fn dot_rows<T: Real>(
    size: (usize, usize),
    alpha: T,
    a: From<'_, T>,
    b: From<'_, T>,
    c: To<'_, T>,
    accumulate: bool,
) {
    T::dot_rows(size, alpha, a, b, c, accumulate);
}

pub(crate) fn dot_rows_of<T: Field>(
    (rows, n): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    if n < LANES && mc.row == 1 && few_rows((rows, n), alpha, (a, ma), (b, mb), c.get_mut(mc.offset..), accumulate) {
        return;
    }
    wide(
        #[inline(always)]
        || {
            for r in 0..rows {
                let (x, y) = (row(a, ma, r, n), row(b, mb, r, n));
                let value = alpha * if n < LANES { short(x, y) } else { long(x, y) };
                if let Some(place) = c.get_mut(mc.offset + r * mc.row) {
                    *place = if accumulate { *place + value } else { value };
                }
            }
        },
    );
}

/// Inner products of short rows that follow each other, with loops of a fixed length. Says whether it was done.
fn few_rows<T: Field>(
    (rows, n): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    c: Option<&mut [T]>,
    accumulate: bool,
) -> bool {
    let whole = |m: Matrix| (m.row == n).then_some(m.offset..m.offset + rows * n);
    let (Some(x), Some(y)) = (whole(ma).and_then(|all| a.get(all)), whole(mb).and_then(|all| b.get(all))) else {
        return false;
    };
    let Some(c) = c.and_then(|c| c.get_mut(..rows)) else { return false };
    macro_rules! by_length {
        ($($length:literal)*) => {
            match n {
                $($length => fixed::<T, $length>(alpha, x, y, c, accumulate),)*
                _ => return false,
            }
        };
    }
    by_length!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15);
    true
}

fn fixed<T: Field, const N: usize>(alpha: T, x: &[T], y: &[T], c: &mut [T], accumulate: bool) {
    wide(
        #[inline(always)]
        || {
            let (x, y) = (x.as_chunks::<N>().0, y.as_chunks::<N>().0);
            for ((x, y), c) in x.iter().zip(y).zip(&mut *c) {
                let value = alpha * short(x, y);
                *c = if accumulate { *c + value } else { value };
            }
        },
    );
}

/// A row whose numbers lie side by side; empty where it leaves its memory.
#[inline(always)]
fn row<T>(a: &[T], m: Matrix, r: usize, n: usize) -> &[T] {
    let start = m.offset + r * m.row;
    a.get(start..start + n).unwrap_or(&[])
}

/// `c[i, j] += alpha · b[i] · a[i, j]`, or without adding, over rows whose numbers lie side by side.
pub fn scale_rows<T: Real>(
    size: (usize, usize),
    alpha: T,
    a: From<'_, T>,
    b: From<'_, T>,
    c: To<'_, T>,
    accumulate: bool,
) {
    T::scale_rows(size, alpha, a, b, c, accumulate);
}

pub(crate) fn scale_rows_of<T: Field>(
    (rows, n): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    wide(
        #[inline(always)]
        || {
            for r in 0..rows {
                let start = mc.offset + r * mc.row;
                let (Some(by), Some(to)) = (b.get(mb.offset + r * mb.row), c.get_mut(start..start + n)) else { return };
                axpy_here(alpha * *by, row(a, ma, r, n), to, accumulate);
            }
        },
    );
}

/// `y += alpha · x`, or `y = alpha · x`.
pub fn axpy<T: Real>(alpha: T, x: &[T], y: &mut [T], accumulate: bool) {
    T::axpy(alpha, x, y, accumulate);
}

pub(crate) fn axpy_of<T: Field>(alpha: T, x: &[T], y: &mut [T], accumulate: bool) {
    if x.len() < LANES {
        return axpy_here(alpha, x, y, accumulate);
    }
    wide(
        #[inline(always)]
        || axpy_here(alpha, x, y, accumulate),
    );
}

#[inline(always)]
fn axpy_here<T: Field>(alpha: T, x: &[T], y: &mut [T], accumulate: bool) {
    if accumulate {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * *x);
    } else {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = alpha * *x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, random};

    #[test]
    fn row_by_row() {
        for (rows, n) in [(0, 3), (1, 0), (5, 1), (7, 2), (13, 10), (3, 16), (4, 37)] {
            let (x, y, start) =
                (random(rows * (n + 1) + 1, 1), random(rows * (n + 2) + 2, 2), random(rows * (n + 1) + 1, 3));
            let at = |offset, row| Matrix { offset, row, col: 1 };
            let (mx, my) = (at(1, n + 1), at(2, n + 2));
            for add in [false, true] {
                let keep = if add { 1.0 } else { 0.0 };
                let (mut c, mut expected) = (start.clone(), start.clone());
                dot_rows((rows, n), 2.0, (&x, mx), (&y, my), (&mut c, at(0, 1)), add);
                for r in 0..rows {
                    let sum: f64 = (0..n).map(|j| x[1 + r * (n + 1) + j] * y[2 + r * (n + 2) + j]).sum();
                    expected[r] = keep * expected[r] + 2.0 * sum;
                }
                assert_close(&c, &expected, 1e-14);
                let (mut c, mut expected) = (start.clone(), start.clone());
                scale_rows((rows, n), 2.0, (&x, mx), (&y, at(0, 1)), (&mut c, mx), add);
                for (r, j) in (0..rows).flat_map(|r| (0..n).map(move |j| (r, j))) {
                    let k = 1 + r * (n + 1) + j;
                    expected[k] = keep * expected[k] + 2.0 * y[r] * x[k];
                }
                assert_close(&c, &expected, 1e-14);
            }
        }
    }

    #[test]
    fn short_rows_that_follow_each_other() {
        for (rows, n) in [(0, 2), (1, 1), (5, 2), (7, 3), (9, 10), (4, 15), (3, 16)] {
            let (x, y, start) = (random(1 + rows * n, 1), random(2 + rows * n, 2), random(rows + 3, 3));
            let at = |offset| Matrix { offset, row: n, col: 1 };
            for add in [false, true] {
                let (mut c, mut expected) = (start.clone(), start.clone());
                dot_rows((rows, n), 2.0, (&x, at(1)), (&y, at(2)), (&mut c, Matrix { offset: 3, row: 1, col: 1 }), add);
                for r in 0..rows {
                    let sum: f64 = (0..n).map(|j| x[1 + r * n + j] * y[2 + r * n + j]).sum();
                    expected[3 + r] = if add { expected[3 + r] + 2.0 * sum } else { 2.0 * sum };
                }
                assert_close(&c, &expected, 1e-14);
            }
        }
    }

    #[test]
    fn sums_and_products_of_vectors() {
        for n in [0, 1, 2, 7, 15, 16, 17, 31, 33, 1009] {
            let (x, y) = (random(n, 3), random(n, 4));
            assert!((sum(&x) - x.iter().sum::<f64>()).abs() < 1e-12);
            assert!((dot(&x, &y) - x.iter().zip(&y).map(|(a, b)| a * b).sum::<f64>()).abs() < 1e-12);
            let mut z = y.clone();
            axpy(2.0, &x, &mut z, true);
            assert_close(&z, &x.iter().zip(&y).map(|(x, y)| y + 2.0 * x).collect::<Vec<_>>(), 1e-15);
            axpy(2.0, &x, &mut z, false);
            assert_close(&z, &x.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), 1e-15);
        }
    }
}
