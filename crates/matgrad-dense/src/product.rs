//! Products of matrices.

use std::sync::atomic::{AtomicUsize, Ordering};

use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::{Accum, MatMut, MatRef, Par};

use crate::Matrix;
use crate::real::{Field, From, Real, To};
use crate::scratch::with_numbers;
use crate::transposed::with_transpose;
use crate::vector::columns;
use crate::view::{view, view_mut};
use crate::wide::wide;

static THREADS: AtomicUsize = AtomicUsize::new(1);

/// How many multiplications pay for a second thread.
pub(crate) const WORTH_A_THREAD: f64 = 1e7;

/// Up to how many multiplications plain loops are faster than the library.
const SMALL: usize = 128;

/// From how many entries on two threads read a matrix faster than one.
const LONG: usize = 4_000_000;

/// From how many entries on a result is added up column by column.
const TALL: usize = 8;

/// Up to which size half of a symmetric product is not worth looking for.
const SMALL_SYMMETRIC: usize = 16;

/// Lets large products use so many threads, at least one.
pub fn set_threads(count: usize) {
    THREADS.store(count.max(1), Ordering::Relaxed);
}

/// How many threads large products use.
pub fn threads() -> usize {
    THREADS.load(Ordering::Relaxed).max(1)
}

/// `c += alpha · a · b`, or `c = alpha · a · b`, with `a` m×k, `b` k×n; nothing happens where a matrix leaves its memory.
pub fn gemm<T: Real>(
    size: (usize, usize, usize),
    alpha: T,
    a: From<'_, T>,
    b: From<'_, T>,
    c: To<'_, T>,
    accumulate: bool,
) {
    T::gemm(size, alpha, a, b, c, accumulate);
}

pub(crate) fn gemm_of<T: Field>(
    (m, k, n): (usize, usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    if m == 0 || n == 0 || k == 0 {
        if !accumulate {
            fill((m, n), T::zero(), c, mc);
        }
        return;
    }
    let fine = ma.fits(m, k, a.len()) && mb.fits(k, n, b.len()) && mc.fits(m, n, c.len());
    debug_assert!(fine && mc.is_apart(m, n), "{ma:?} {mb:?} {mc:?}");
    if !fine {
        return;
    }
    if m * n * k <= SMALL {
        return by_loops((m, k, n), alpha, (a, ma), (b, mb), (c, mc), accumulate);
    }
    if (m == 1 || n == 1) && vector((m, k, n), alpha, (a, ma), (b, mb), (&mut *c, mc), accumulate) {
        return;
    }
    let how = if accumulate { Accum::Add } else { Accum::Replace };
    if let (Some(a), Some(b), Some(c)) = (view(a, ma, m, k), view(b, mb, k, n), view_mut(c, mc, m, n)) {
        in_threads(how, alpha, a, b, c, threads());
    }
}

/// The product where one of the two is a vector. Says whether it was done.
fn vector<T: Field>(
    (m, k, n): (usize, usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) -> bool {
    if n > 1 {
        let (a, b, c) = ((b, mb.transposed()), (a, ma.transposed()), (c, mc.transposed()));
        return vector((n, k, m), alpha, a, b, c, accumulate);
    }
    let apart = |step: usize, count: usize| step == 1 || count == 1;
    if ma.row != 1 || m < TALL || !apart(mb.row, k) || !apart(mc.row, m) {
        return false;
    }
    let found = (a.get(ma.offset..), b.get(mb.offset..mb.offset + k), c.get_mut(mc.offset..mc.offset + m));
    let (Some(a), Some(b), Some(c)) = found else { return false };
    if threads() < 2 || m.saturating_mul(k) < LONG {
        columns((a, ma.col), alpha, b, c, accumulate);
        return true;
    }
    // the same sums as on one thread
    let cut = (m / 2).next_multiple_of(8).min(m);
    let (top, bottom) = c.split_at_mut(cut);
    rayon::join(
        || columns((a, ma.col), alpha, b, top, accumulate),
        || columns((a.get(cut..).unwrap_or(&[]), ma.col), alpha, b, bottom, accumulate),
    );
    true
}

fn in_threads<T: Field>(how: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, c: MatMut<'_, T>, threads: usize) {
    let (m, k, n) = (a.nrows(), a.ncols(), b.ncols());
    if threads < 2 || (m as f64) * (k as f64) * (n as f64) < 2.0 * WORTH_A_THREAD || m.max(n) < 32 {
        return matmul(c, how, a, b, alpha, Par::Seq);
    }
    let here = threads / 2;
    let cut = |n: usize| (n * here / threads).next_multiple_of(8).min(n);
    if m >= n {
        let (top, bottom) = c.split_at_row_mut(cut(m));
        let (a, below) = a.split_at_row(cut(m));
        rayon::join(
            || in_threads(how, alpha, a, b, top, here),
            || in_threads(how, alpha, below, b, bottom, threads - here),
        );
    } else {
        let (left, right) = c.split_at_col_mut(cut(n));
        let (b, rest) = b.split_at_col(cut(n));
        rayon::join(
            || in_threads(how, alpha, a, b, left, here),
            || in_threads(how, alpha, a, rest, right, threads - here),
        );
    }
}

fn by_loops<T: Field>(
    (m, k, n): (usize, usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    for i in 0..m {
        for j in 0..n {
            let (from, to) = (ma.offset + i * ma.row, mb.offset + j * mb.col);
            let sum: T = (0..k).map(|l| a[from + l * ma.col] * b[to + l * mb.row]).sum();
            let place = &mut c[mc.offset + i * mc.row + j * mc.col];
            *place = if accumulate { *place + alpha * sum } else { alpha * sum };
        }
    }
}

/// `c += alpha · a · b`, or `c = alpha · a · b`, where the n×n product is known to be symmetric: half of it is computed.
pub fn symmetric<T: Real>(
    size: (usize, usize),
    alpha: T,
    a: From<'_, T>,
    b: From<'_, T>,
    c: To<'_, T>,
    accumulate: bool,
) {
    T::symmetric(size, alpha, a, b, c, accumulate);
}

pub(crate) fn symmetric_of<T: Field>(
    (n, k): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    if n == 0 {
        return;
    }
    if n <= SMALL_SYMMETRIC || k == 0 {
        return gemm_of((n, k, n), alpha, (a, ma), (b, mb), (c, mc), accumulate);
    }
    if accumulate {
        return with_numbers(n * n, |half| {
            if half_product((n, k), alpha, (a, ma), (b, mb), (half, Matrix { offset: 0, row: 1, col: n })) {
                add_half(n, half, c, mc);
            }
        });
    }
    // the result is symmetric, so that its columns may run either way
    let down = if mc.col == 1 { mc.transposed() } else { mc };
    if half_product((n, k), alpha, (a, ma), (b, mb), (c, down)) {
        mirror(n, c, down);
    }
}

/// The lower half of a product.
fn half_product<T: Field>(
    (n, k): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
) -> bool {
    let (Some(a), Some(b), Some(c)) = (view(a, ma, n, k), view(b, mb, k, n), view_mut(c, mc, n, n)) else {
        debug_assert!(false, "{ma:?} {mb:?} {mc:?}");
        return false;
    };
    half_in_threads(Accum::Replace, alpha, a, b, c);
    true
}

/// The lower half of a product, or of a sum with one.
pub(crate) fn half_in_threads<T: Field>(how: Accum, alpha: T, a: MatRef<'_, T>, b: MatRef<'_, T>, c: MatMut<'_, T>) {
    let half = |c: MatMut<'_, T>, a: MatRef<'_, T>, b: MatRef<'_, T>| {
        let (lower, full) = (BlockStructure::TriangularLower, BlockStructure::Rectangular);
        triangular::matmul(c, lower, how, a, full, b, full, alpha, Par::Seq);
    };
    let n = c.nrows();
    let work = n as f64 * n as f64 * a.ncols() as f64 / 2.0;
    if threads() < 2 || work < 2.0 * WORTH_A_THREAD {
        return half(c, a, b);
    }
    // rows above and below the cut have as many entries
    let cut = ((n as f64 * std::f64::consts::FRAC_1_SQRT_2) as usize).next_multiple_of(8).min(n);
    let (top, bottom) = c.split_at_row_mut(cut);
    let (top, _) = top.split_at_col_mut(cut);
    let (left, corner) = bottom.split_at_col_mut(cut);
    let ((a, below), (b, right)) = (a.split_at_row(cut), b.split_at_col(cut));
    let lower = || {
        matmul(left, how, below, b, alpha, Par::Seq);
        half(corner, below, right);
    };
    rayon::join(|| half(top, a, b), lower);
}

/// Blocks of rows and columns that are moved at once.
const TILE: usize = 32;

/// Copies the lower half to the upper one.
pub(crate) fn mirror<T: Field>(n: usize, c: &mut [T], mc: Matrix) {
    tiles((n, n), |rows, cols| {
        if rows.start < cols.start {
            return;
        }
        for j in cols {
            for i in rows.start.max(j + 1)..rows.end {
                c[mc.offset + j * mc.row + i * mc.col] = c[mc.offset + i * mc.row + j * mc.col];
            }
        }
    });
}

/// Adds a symmetric matrix that is there as its lower half, column by column.
fn add_half<T: Field>(n: usize, half: &[T], c: &mut [T], mc: Matrix) {
    tiles((n, n), |rows, cols| {
        if rows.start < cols.start {
            return;
        }
        for j in cols {
            for i in rows.start.max(j)..rows.end {
                c[mc.offset + i * mc.row + j * mc.col] += half[i + j * n];
                if i > j {
                    c[mc.offset + j * mc.row + i * mc.col] += half[i + j * n];
                }
            }
        }
    });
}

pub(crate) fn fill<T: Field>((m, n): (usize, usize), value: T, c: &mut [T], mc: Matrix) {
    if mc.fits(m, n, c.len()) {
        (0..m).for_each(|i| (0..n).for_each(|j| c[mc.offset + i * mc.row + j * mc.col] = value));
    }
}

fn tiles((m, n): (usize, usize), mut body: impl FnMut(std::ops::Range<usize>, std::ops::Range<usize>)) {
    for i in (0..m).step_by(TILE) {
        for j in (0..n).step_by(TILE) {
            body(i..(i + TILE).min(m), j..(j + TILE).min(n));
        }
    }
}

/// `c += alpha · a`, or `c = alpha · a`, for m×n matrices in any orientation, in blocks that stay in the cache.
pub fn copy<T: Real>(size: (usize, usize), alpha: T, a: From<'_, T>, c: To<'_, T>, accumulate: bool) {
    T::copy(size, alpha, a, c, accumulate);
}

pub(crate) fn copy_of<T: Field>(
    (m, n): (usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
) {
    if m == 0 || n == 0 || !ma.fits(m, n, a.len()) || !mc.fits(m, n, c.len()) {
        return;
    }
    blocks((m, n), |(i, j, rows, cols)| {
        let block = block_of(a, ma, (i, j, rows, cols));
        for (r, values) in block.iter().enumerate().take(rows) {
            for (s, value) in values.iter().enumerate().take(cols) {
                let place = &mut c[mc.offset + (i + r) * mc.row + (j + s) * mc.col];
                *place = if accumulate { *place + alpha * *value } else { alpha * *value };
            }
        }
    });
}

/// `c = alpha · a + beta · b` for m×n matrices in any orientation, in one pass.
pub fn add_transposed<T: Real>(size: (usize, usize), a: (T, &[T], Matrix), b: (T, &[T], Matrix), c: To<'_, T>) {
    T::add_transposed(size, a, b, c);
}

pub(crate) fn add_transposed_of<T: Field>(
    (m, n): (usize, usize),
    (alpha, a, ma): (T, &[T], Matrix),
    (beta, b, mb): (T, &[T], Matrix),
    (c, mc): (&mut [T], Matrix),
) {
    let fine = ma.fits(m, n, a.len()) && mb.fits(m, n, b.len()) && mc.fits(m, n, c.len());
    if m == 0 || n == 0 || !fine {
        return;
    }
    let same = m == n && alpha == beta && std::ptr::eq(a, b) && ma == mb.transposed();
    if same && with_transpose(n, alpha, (a, ma), (&mut *c, mc)) {
        return;
    }
    blocks((m, n), |(i, j, rows, cols)| {
        let at = (i, j, rows, cols);
        let (x, y) = (block_of(a, ma, at), block_of(b, mb, at));
        for (r, (x, y)) in x.iter().zip(&y).enumerate().take(rows) {
            let start = mc.offset + (i + r) * mc.row + j * mc.col;
            if mc.col == 1 && cols == BLOCK {
                if let Some(out) = c.get_mut(start..start + BLOCK) {
                    out.iter_mut().zip(x.iter().zip(y)).for_each(|(o, (x, y))| *o = alpha * *x + beta * *y);
                }
                continue;
            }
            for (s, (x, y)) in x.iter().zip(y).enumerate().take(cols) {
                c[start + s * mc.col] = alpha * *x + beta * *y;
            }
        }
    });
}

/// Entries that one line of the cache holds.
const BLOCK: usize = 8;

/// Calls with every block: where it starts and how many rows and columns it has.
#[inline(always)]
fn blocks((m, n): (usize, usize), mut body: impl FnMut((usize, usize, usize, usize))) {
    wide(
        #[inline(always)]
        || {
            for i in (0..m).step_by(BLOCK) {
                for j in (0..n).step_by(BLOCK) {
                    body((i, j, BLOCK.min(m - i), BLOCK.min(n - j)));
                }
            }
        },
    );
}

/// A block, read along the lines of the cache.
#[inline(always)]
fn block_of<T: Field>(a: &[T], ma: Matrix, (i, j, rows, cols): (usize, usize, usize, usize)) -> [[T; BLOCK]; BLOCK] {
    let mut block = [[T::zero(); BLOCK]; BLOCK];
    let start = ma.offset + i * ma.row + j * ma.col;
    if ma.col == 1 && cols == BLOCK {
        for (r, line) in block.iter_mut().enumerate().take(rows) {
            if let Some(values) = a.get(start + r * ma.row..).and_then(|a| a.first_chunk()) {
                *line = *values;
            }
        }
    } else if ma.row == 1 && rows == BLOCK && cols == BLOCK {
        let mut turned = [[T::zero(); BLOCK]; BLOCK];
        for (s, line) in turned.iter_mut().enumerate() {
            if let Some(values) = a.get(start + s * ma.col..).and_then(|a| a.first_chunk()) {
                *line = *values;
            }
        }
        for (r, line) in block.iter_mut().enumerate() {
            for (s, value) in line.iter_mut().enumerate() {
                *value = turned[s][r];
            }
        }
    } else {
        for (r, line) in block.iter_mut().enumerate().take(rows) {
            for (s, value) in line.iter_mut().enumerate().take(cols) {
                *value = a[start + r * ma.row + s * ma.col];
            }
        }
    }
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, at, random};

    const SIZES: [usize; 9] = [1, 2, 3, 5, 8, 17, 31, 64, 97];

    /// A layout of rows×cols entries and how much memory it takes.
    fn layouts(rows: usize, cols: usize) -> [(Matrix, usize); 4] {
        let m = |offset, row, col| Matrix { offset, row, col };
        [
            (m(0, cols, 1), rows * cols),
            (m(3, 1, rows), 3 + rows * cols),
            (m(1, cols + 5, 1), 1 + rows * (cols + 5)),
            (m(2, 2, 2 * rows + 1), 2 + cols * (2 * rows + 1) + 2 * rows),
        ]
    }

    fn check((m, k, n): (usize, usize, usize), pick: usize) {
        let (ma, la) = layouts(m, k)[pick % 4];
        let (mb, lb) = layouts(k, n)[pick / 4 % 4];
        let (mc, lc) = layouts(m, n)[pick / 16 % 4];
        let (a, b, start) = (random(la, 1), random(lb, 2), random(lc, 3));
        for accumulate in [false, true] {
            let (mut c, mut expected) = (start.clone(), start.clone());
            for i in 0..m {
                for j in 0..n {
                    let sum: f64 = (0..k).map(|l| at(&a, ma, i, l) * at(&b, mb, l, j)).sum();
                    let place = &mut expected[mc.offset + i * mc.row + j * mc.col];
                    *place = if accumulate { *place + 1.5 * sum } else { 1.5 * sum };
                }
            }
            gemm((m, k, n), 1.5, (&a, ma), (&b, mb), (&mut c, mc), accumulate);
            assert_close(&c, &expected, 1e-13);
        }
    }

    #[test]
    fn products_in_every_orientation() {
        let mut pick = 0;
        for m in SIZES {
            for k in SIZES {
                for n in SIZES {
                    check((m, k, n), pick % 64);
                    check((m, k, n), (pick + 17) % 64);
                    pick += 7;
                }
            }
        }
        (0..64).for_each(|pick| check((33, 40, 21), pick));
        (0..64).for_each(|pick| check((1, 300, 2100), pick));
        (0..64).for_each(|pick| check((2100, 7, 1), pick));
    }

    #[test]
    fn nothing_to_multiply() {
        let mut c = [1.0; 4];
        let m = Matrix::dense(2);
        for size in [(0, 2, 2), (2, 0, 2), (2, 2, 0)] {
            gemm(size, 1.0, (&[], m), (&[], m), (&mut c, m), true);
        }
        assert_eq!(c, [1.0; 4]);
        symmetric((2, 0), 1.0, (&[], m), (&[], m), (&mut c, m), true);
        assert_eq!(c, [1.0; 4]);
        symmetric((2, 0), 1.0, (&[], m), (&[], m), (&mut c, m), false);
        assert_eq!(c, [0.0; 4]);
    }

    #[test]
    fn half_of_a_symmetric_product() {
        for n in [1, 2, 16, 17, 40, 97, 130] {
            for k in [1, 3, 50] {
                for pick in 0..16 {
                    let (ma, la) = layouts(n, k)[pick % 4];
                    let (mc, lc) = layouts(n, n)[pick / 4];
                    let a = random(la, 5);
                    for accumulate in [false, true] {
                        let mut c = random(lc, 6);
                        let mut expected = c.clone();
                        for i in 0..n {
                            for j in 0..n {
                                let sum: f64 = (0..k).map(|l| at(&a, ma, i, l) * at(&a, ma, j, l)).sum();
                                let place = &mut expected[mc.offset + i * mc.row + j * mc.col];
                                *place = if accumulate { *place - sum } else { -sum };
                            }
                        }
                        symmetric((n, k), -1.0, (&a, ma), (&a, ma.transposed()), (&mut c, mc), accumulate);
                        assert_close(&c, &expected, 1e-13);
                    }
                }
            }
        }
    }

    #[test]
    fn two_threads_find_the_same_numbers() {
        let (m, k, n) = (300, 290, 310);
        let (a, b) = (random(m * k, 1), random(k * n, 2));
        let long = random(2003 * 1999, 3);
        let run = || {
            let (mut c, mut s) = (vec![0.0; m * n], vec![0.0; 600 * 600]);
            gemm((m, k, n), 1.0, (&a, Matrix::dense(k)), (&b, Matrix::dense(n)), (&mut c, Matrix::dense(n)), false);
            let tall = Matrix::dense(145);
            symmetric((600, 145), 1.0, (&a, tall), (&a, tall.transposed()), (&mut s, Matrix::dense(600)), false);
            let mut v = vec![1.0; 2003];
            let columns = Matrix { offset: 0, row: 1, col: 2003 };
            gemm((2003, 1999, 1), 1.0, (&long, columns), (&a, Matrix::dense(1)), (&mut v, Matrix::dense(1)), true);
            (c, s, v)
        };
        let one = run();
        set_threads(2);
        let two = run();
        set_threads(1);
        assert_close(&one.0, &two.0, 1e-14);
        assert_close(&one.1, &two.1, 1e-14);
        let value = 1.0 + (0..1999).map(|j| long[7 + 2003 * j] * a[j]).sum::<f64>();
        assert!(one.2 == two.2 && (one.2[7] - value).abs() < 1e-11, "{} instead of {value}", one.2[7]);
    }

    #[test]
    fn copies_and_transposed_sums() {
        for (m, n) in [(1, 1), (3, 9), (8, 8), (16, 24), (31, 17), (0, 4)] {
            for pick in 0..64 {
                let (ma, la) = layouts(m, n)[pick % 4];
                let (mb, lb) = layouts(m, n)[pick / 4 % 4];
                let (mc, lc) = layouts(m, n)[pick / 16];
                let (a, b, c) = (random(la, 1), random(lb, 2), random(lc, 3));
                let expect = |value: &dyn Fn(usize, usize, f64) -> f64| {
                    let mut out = c.clone();
                    (0..m).for_each(|i| {
                        (0..n).for_each(|j| {
                            let place = &mut out[mc.offset + i * mc.row + j * mc.col];
                            *place = value(i, j, *place);
                        });
                    });
                    out
                };
                let mut out = c.clone();
                copy((m, n), 2.0, (&a, ma), (&mut out, mc), true);
                assert_close(&out, &expect(&|i, j, c| c + 2.0 * at(&a, ma, i, j)), 1e-15);
                copy((m, n), 2.0, (&a, ma), (&mut out, mc), false);
                assert_close(&out, &expect(&|i, j, _| 2.0 * at(&a, ma, i, j)), 1e-15);
                add_transposed((m, n), (2.0, &a, ma), (-1.0, &b, mb), (&mut out, mc));
                assert_close(&out, &expect(&|i, j, _| 2.0 * at(&a, ma, i, j) - at(&b, mb, i, j)), 1e-15);
            }
        }
    }
}
