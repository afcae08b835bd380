//! The sum of a matrix and its transpose.

use crate::Matrix;
use crate::product::add_transposed_of;
use crate::real::Field;

/// Entries that one line of the cache holds.
#[cfg(target_arch = "x86_64")]
const SIDE: usize = 8;
/// Blocks whose rows stay in the translation buffers.
#[cfg(target_arch = "x86_64")]
const TILE: usize = 32;

/// `c = alpha (a + a')`: each pair of blocks is read once. Says whether it was done.
pub(crate) fn with_transpose<T: Field>(
    n: usize,
    alpha: T,
    (a, ma): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
) -> bool {
    let fine = ma.fits(n, n, a.len()) && mc.fits(n, n, c.len()) && mc.is_apart(n, n);
    // the sum is symmetric: its lines may run either way, and so may those of the matrix
    let rows = |m: Matrix| if m.col == 1 { Some(m) } else { (m.row == 1).then(|| m.transposed()) };
    let (true, Some(ma), Some(mc)) = (fine && n >= 64, rows(ma), rows(mc)) else { return false };
    let Some(whole) = T::with_transpose(n, alpha, (a, ma), (&mut *c, mc)) else { return false };
    // what no block covers
    let part = |m: Matrix, i: usize, j: usize| Matrix { offset: m.offset + i * m.row + j * m.col, ..m };
    for (i, j, rows, cols) in [(whole, 0, n - whole, n), (0, whole, whole, n - whole)] {
        let (left, right) = ((alpha, a, part(ma, i, j)), (alpha, a, part(ma.transposed(), i, j)));
        add_transposed_of((rows, cols), left, right, (&mut *c, part(mc, i, j)));
    }
    true
}

/// The blocks of the sum, and how many rows and columns they cover.
#[cfg(target_arch = "x86_64")]
pub(crate) fn blocks(n: usize, alpha: f64, (a, ma): (&[f64], Matrix), (c, mc): (&mut [f64], Matrix)) -> Option<usize> {
    let fine = ma.fits(n, n, a.len()) && mc.fits(n, n, c.len()) && ma.col == 1 && mc.col == 1;
    if !fine || !is_x86_feature_detected!("avx512f") {
        return None;
    }
    let whole = n / SIDE * SIDE;
    for i in (0..whole).step_by(TILE) {
        for j in (i..whole).step_by(TILE) {
            for x in (i..(i + TILE).min(whole)).step_by(SIDE) {
                for y in (j.max(x)..(j + TILE).min(whole)).step_by(SIDE) {
                    // SAFETY: the instructions are there; rows and columns x to x + 8 and y to y + 8 lie in the matrices,
                    // whose columns are side by side.
                    #[allow(unsafe_code)]
                    unsafe {
                        let from = |i: usize, j: usize| a.as_ptr().add(ma.offset + i * ma.row + j);
                        let (upper, lower) = (mc.offset + x * mc.row + y, mc.offset + y * mc.row + x);
                        let to = (c.as_mut_ptr().add(upper), c.as_mut_ptr().add(lower));
                        pair(alpha, (from(x, y), from(y, x), ma.row), (to.0, to.1, mc.row));
                    }
                }
            }
        }
    }
    Some(whole)
}

/// A block and its mirror image.
///
/// # Safety
/// The processor has AVX-512; eight rows of eight numbers lie behind each pointer.
#[cfg(target_arch = "x86_64")]
#[allow(unsafe_code)]
#[inline]
#[target_feature(enable = "avx512f")]
unsafe fn pair(
    alpha: f64,
    (upper, lower, row): (*const f64, *const f64, usize),
    (first, second, below): (*mut f64, *mut f64, usize),
) {
    use std::arch::x86_64::{
        _mm512_add_pd, _mm512_loadu_pd, _mm512_mul_pd, _mm512_set1_pd, _mm512_setzero_pd, _mm512_storeu_pd,
    };
    let (alpha, mut x, mut y) = (_mm512_set1_pd(alpha), [_mm512_setzero_pd(); SIDE], [_mm512_setzero_pd(); SIDE]);
    for (k, (x, y)) in x.iter_mut().zip(&mut y).enumerate() {
        // SAFETY: row k of both
        (*x, *y) = unsafe { (_mm512_loadu_pd(upper.add(k * row)), _mm512_loadu_pd(lower.add(k * row))) };
    }
    let turned = transpose(y);
    for (x, y) in x.iter_mut().zip(turned) {
        *x = _mm512_mul_pd(alpha, _mm512_add_pd(*x, y));
    }
    for (k, (sum, mirrored)) in x.into_iter().zip(transpose(x)).enumerate() {
        // SAFETY: row k of both
        unsafe {
            _mm512_storeu_pd(first.add(k * below), sum);
            _mm512_storeu_pd(second.add(k * below), mirrored);
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f")]
fn transpose(rows: [std::arch::x86_64::__m512d; SIDE]) -> [std::arch::x86_64::__m512d; SIDE] {
    use std::arch::x86_64::{_mm512_shuffle_f64x2, _mm512_unpackhi_pd, _mm512_unpacklo_pd};
    let [a, b, c, d, e, f, g, h] = rows;
    // pairs of rows, lane by lane
    let (t0, t1) = (_mm512_unpacklo_pd(a, b), _mm512_unpackhi_pd(a, b));
    let (t2, t3) = (_mm512_unpacklo_pd(c, d), _mm512_unpackhi_pd(c, d));
    let (t4, t5) = (_mm512_unpacklo_pd(e, f), _mm512_unpackhi_pd(e, f));
    let (t6, t7) = (_mm512_unpacklo_pd(g, h), _mm512_unpackhi_pd(g, h));
    let even = |x, y| _mm512_shuffle_f64x2::<0x88>(x, y);
    let odd = |x, y| _mm512_shuffle_f64x2::<0xdd>(x, y);
    let (u0, u1, v0, v1) = (even(t0, t2), even(t1, t3), odd(t0, t2), odd(t1, t3));
    let (u2, u3, v2, v3) = (even(t4, t6), even(t5, t7), odd(t4, t6), odd(t5, t7));
    [even(u0, u2), even(u1, u3), even(v0, v2), even(v1, v3), odd(u0, u2), odd(u1, u3), odd(v0, v2), odd(v1, v3)]
}

#[cfg(test)]
mod tests {
    use crate::Matrix;
    use crate::testing::{assert_close, at, random};

    #[test]
    fn sums_with_transposes() {
        for n in [0, 1, 7, 64, 65, 97, 104, 131] {
            for (offset, gap) in [(0, 0), (1, 0), (3, 5)] {
                let m = Matrix { offset, row: n + gap, col: 1 };
                for (ma, mc) in [(m, m), (m.transposed(), m), (m, m.transposed())] {
                    let len = offset + n * (n + gap);
                    let (a, start) = (random(len, 1), random(len, 2));
                    let (mut c, mut expected) = (start.clone(), start);
                    crate::add_transposed((n, n), (0.5, &a, ma), (0.5, &a, ma.transposed()), (&mut c, mc));
                    for (i, j) in (0..n).flat_map(|i| (0..n).map(move |j| (i, j))) {
                        expected[mc.offset + i * mc.row + j * mc.col] = 0.5 * (at(&a, ma, i, j) + at(&a, ma, j, i));
                    }
                    assert_close(&c, &expected, 1e-15);
                }
            }
        }
    }
}
