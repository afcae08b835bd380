//! Products of which a triangle is enough.
//!
//! Where they are small, registers hold a block of the result and the factors are read where they lie; otherwise the
//! library's product is taken panel by panel.

use crate::Matrix;
use crate::product::{fill, gemm_of};
use crate::real::{Field, From, Real, To};

/// An index of a product `c[m, n] = Σ a[m, k] b[k, n]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Axis {
    /// Rows of the first factor and of the result.
    M,
    /// What is summed.
    K,
    /// Columns of the second factor and of the result.
    N,
}

/// Only terms whose first index is at most the second one count: all others are 0, or nobody asks for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Triangle(pub Axis, pub Axis);

impl Triangle {
    /// The same of the transposed product.
    fn transposed(self) -> Self {
        let turn = |axis| match axis {
            Axis::M => Axis::N,
            Axis::K => Axis::K,
            Axis::N => Axis::M,
        };
        Self(turn(self.0), turn(self.1))
    }
}

/// As [`crate::gemm`], where the terms of a triangle are enough; what nobody asks for is 0, partly summed or added to.
pub fn triangular<T: Real>(
    size: (usize, usize, usize),
    alpha: T,
    a: From<'_, T>,
    b: From<'_, T>,
    c: To<'_, T>,
    accumulate: bool,
    triangle: Triangle,
) {
    T::triangular(size, alpha, a, b, c, accumulate, triangle);
}

/// The longest side for which the factors are read where they lie.
const LONGEST: usize = 160;

/// Rows of panels otherwise.
const PANEL: usize = 64;

pub(crate) fn triangular_of<T: Field>(
    (m, k, n): (usize, usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    mut accumulate: bool,
    triangle: Triangle,
) {
    let empty = m == 0 || k == 0 || n == 0;
    let threads = crate::threads() > 1 && m as f64 * k as f64 * n as f64 > 4e7;
    if empty || threads {
        return gemm_of((m, k, n), alpha, (a, ma), (b, mb), (c, mc), accumulate);
    }
    if triangle.0 != Axis::K && !accumulate {
        fill((m, n), T::zero(), c, mc);
        accumulate = true;
    }
    if n.min(m) <= LONGEST && in_place((m, k, n), alpha, (a, ma), (b, mb), (c, mc), accumulate, triangle) {
        return;
    }
    let length = |axis| match axis {
        Axis::M => m,
        Axis::K => k,
        Axis::N => n,
    };
    for from in (0..length(triangle.1)).step_by(PANEL) {
        let to = (from + PANEL).min(length(triangle.1));
        let range = |axis| match axis {
            _ if axis == triangle.1 => (from, to - from),
            _ if axis == triangle.0 => (0, to.min(length(axis))),
            _ => (0, length(axis)),
        };
        let ((i, rows), (l, inner), (j, cols)) = (range(Axis::M), range(Axis::K), range(Axis::N));
        let part = |m: Matrix, i: usize, j: usize| Matrix { offset: m.offset + i * m.row + j * m.col, ..m };
        let (left, right, out) = (part(ma, i, l), part(mb, l, j), part(mc, i, j));
        gemm_of((rows, inner, cols), alpha, (a, left), (b, right), (&mut *c, out), accumulate);
    }
}

/// The product without packing, where the processor has the instructions and the columns lie next to each other.
fn in_place<T: Field>(
    (m, k, n): (usize, usize, usize),
    alpha: T,
    (a, ma): (&[T], Matrix),
    (b, mb): (&[T], Matrix),
    (c, mc): (&mut [T], Matrix),
    accumulate: bool,
    triangle: Triangle,
) -> bool {
    let fine = ma.fits(m, k, a.len()) && mb.fits(k, n, b.len()) && mc.fits(m, n, c.len());
    if !fine || !mc.is_apart(m, n) {
        return false;
    }
    if mb.col == 1 && mc.col == 1 {
        return T::in_place((m, k, n), alpha, (a, ma), (b, mb), (c, mc), accumulate, triangle);
    }
    if ma.row == 1 && mc.row == 1 {
        let turned = triangle.transposed();
        let (left, right, out) = (mb.transposed(), ma.transposed(), mc.transposed());
        return T::in_place((n, k, m), alpha, (b, left), (a, right), (c, out), accumulate, turned);
    }
    false
}

/// Which terms a block of rows and columns needs; none where it needs nothing.
#[cfg(target_arch = "x86_64")]
fn terms(k: usize, rows: (usize, usize), cols: (usize, usize), triangle: Triangle) -> std::ops::Range<usize> {
    let Triangle(first, second) = triangle;
    let ends = |axis| match axis {
        Axis::M => rows,
        Axis::K => (0, k),
        Axis::N => cols,
    };
    let ((start, _), (_, end)) = (ends(first), ends(second));
    match (first, second) {
        (Axis::K, _) => 0..end.min(k),
        (_, Axis::K) => start.min(k)..k,
        _ if start < end => 0..k,
        _ => 0..0,
    }
}

#[cfg(target_arch = "x86_64")]
macro_rules! blocks {
    ($name:ident, $type:ty, $lanes:literal, $mask:ty, $zero:ident, $load:ident, $store:ident, $one:ident, $fma:ident, $mul:ident) => {
        pub(crate) mod $name {
            use std::arch::x86_64::{$fma, $load, $mul, $one, $store, $zero};

            use super::{Matrix, Triangle, terms};

            const LANES: usize = $lanes;

            /// A block of R rows and at most V vectors of columns.
            ///
            /// # Safety
            /// The processor has AVX-512; the terms of `a` and `b`, and the entries of `c` within the mask, lie in memory.
            #[allow(unsafe_code)]
            #[inline]
            #[target_feature(enable = "avx512f")]
            unsafe fn block<const R: usize, const V: usize>(
                count: usize,
                alpha: $type,
                (a, row, step): (*const $type, usize, usize),
                (b, down): (*const $type, usize),
                (c, below): (*mut $type, usize),
                accumulate: bool,
                last: $mask,
            ) {
                let mask = |v: usize| if v + 1 == V { last } else { <$mask>::MAX };
                let mut sums = [[$zero(); V]; R];
                for l in 0..count {
                    let mut line = [$zero(); V];
                    for (v, x) in line.iter_mut().enumerate() {
                        // SAFETY: row l of the second factor within the mask
                        *x = unsafe { $load(mask(v), b.add(l * down + v * LANES)) };
                    }
                    for (r, sums) in sums.iter_mut().enumerate() {
                        // SAFETY: column l of the first factor
                        let x = $one(unsafe { *a.add(r * row + l * step) });
                        for (sum, y) in sums.iter_mut().zip(line) {
                            *sum = $fma(x, y, *sum);
                        }
                    }
                }
                let alpha = $one(alpha);
                for (r, sums) in sums.iter().enumerate() {
                    for (v, sum) in sums.iter().enumerate() {
                        // SAFETY: entries of the result within the mask
                        unsafe {
                            let place = c.add(r * below + v * LANES);
                            let value = match accumulate {
                                true => $fma(alpha, *sum, $load(mask(v), place)),
                                false => $mul(alpha, *sum),
                            };
                            $store(place, mask(v), value);
                        }
                    }
                }
            }

            /// The whole product.
            ///
            /// # Safety
            /// The processor has AVX-512; the matrices lie in their memory, the second and the result with columns side by
            /// side.
            #[allow(unsafe_code)]
            #[target_feature(enable = "avx512f")]
            pub(crate) unsafe fn product(
                (m, k, n): (usize, usize, usize),
                alpha: $type,
                (a, ma): (*const $type, Matrix),
                (b, mb): (*const $type, Matrix),
                (c, mc): (*mut $type, Matrix),
                accumulate: bool,
                triangle: Triangle,
            ) {
                let mut j = 0;
                while j < n {
                    let width = (n - j).min(2 * LANES);
                    let short = width % LANES;
                    let last = if short == 0 { <$mask>::MAX } else { (1 << short) - 1 };
                    let mut i = 0;
                    while i < m {
                        let rows = match m - i {
                            8.. => 8,
                            4.. => 4,
                            left => left.min(2),
                        };
                        let range = terms(k, (i, i + rows), (j, j + width), triangle);
                        let (from, count) = (range.start, range.len());
                        if count > 0 || !accumulate {
                            // SAFETY: rows i to i + rows, columns j to j + width and the terms lie in the matrices
                            unsafe {
                                let a = (a.add(ma.offset + i * ma.row + from * ma.col), ma.row, ma.col);
                                let b = (b.add(mb.offset + from * mb.row + j), mb.row);
                                let c = (c.add(mc.offset + i * mc.row + j), mc.row);
                                match (rows, width > LANES) {
                                    (8, true) => block::<8, 2>(count, alpha, a, b, c, accumulate, last),
                                    (8, false) => block::<8, 1>(count, alpha, a, b, c, accumulate, last),
                                    (4, true) => block::<4, 2>(count, alpha, a, b, c, accumulate, last),
                                    (4, false) => block::<4, 1>(count, alpha, a, b, c, accumulate, last),
                                    (2, true) => block::<2, 2>(count, alpha, a, b, c, accumulate, last),
                                    (2, false) => block::<2, 1>(count, alpha, a, b, c, accumulate, last),
                                    (_, true) => block::<1, 2>(count, alpha, a, b, c, accumulate, last),
                                    (_, false) => block::<1, 1>(count, alpha, a, b, c, accumulate, last),
                                }
                            }
                        }
                        i += rows;
                    }
                    j += width;
                }
            }
        }
    };
}

#[cfg(target_arch = "x86_64")]
blocks!(
    double,
    f64,
    8,
    u8,
    _mm512_setzero_pd,
    _mm512_maskz_loadu_pd,
    _mm512_mask_storeu_pd,
    _mm512_set1_pd,
    _mm512_fmadd_pd,
    _mm512_mul_pd
);
#[cfg(target_arch = "x86_64")]
blocks!(
    single,
    f32,
    16,
    u16,
    _mm512_setzero_ps,
    _mm512_maskz_loadu_ps,
    _mm512_mask_storeu_ps,
    _mm512_set1_ps,
    _mm512_fmadd_ps,
    _mm512_mul_ps
);

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, at, random};

    const AXES: [Axis; 3] = [Axis::M, Axis::K, Axis::N];

    /// Whether a term counts.
    fn counts(t: Triangle, (i, l, j): (usize, usize, usize)) -> bool {
        let index = |axis| match axis {
            Axis::M => i,
            Axis::K => l,
            Axis::N => j,
        };
        index(t.0) <= index(t.1)
    }

    #[test]
    fn triangles_of_products() {
        for (m, k, n) in
            [(0, 3, 3), (1, 1, 1), (3, 3, 3), (7, 7, 7), (13, 13, 13), (40, 32, 32), (97, 97, 97), (9, 200, 200)]
        {
            for (first, second) in AXES.iter().flat_map(|a| AXES.iter().map(move |b| (*a, *b))) {
                let length = |axis| [m, k, n][axis as usize];
                if first == second || length(first) != length(second) {
                    continue;
                }
                for pick in 0..8 {
                    let layout = |rows: usize, cols: usize, turned: bool| match turned {
                        false => Matrix { offset: 1, row: cols + 3, col: 1 },
                        true => Matrix { offset: 2, row: 1, col: rows + 1 },
                    };
                    let (ma, mb) = (layout(m, k, pick & 1 > 0), layout(k, n, pick & 2 > 0));
                    let (mc, triangle) = (layout(m, n, pick & 4 > 0), Triangle(first, second));
                    let size = |rows: usize, cols: usize| 8 + (rows + 3) * (cols + 3);
                    let (mut a, mut b) = (random(size(m, k), 1), random(size(k, n), 2));
                    let start = random(size(m, n), 3);
                    // factors are 0 where the triangle says so; of the result only its part is compared
                    for i in 0..m {
                        (0..k)
                            .filter(|l| second != Axis::N && first != Axis::N && !counts(triangle, (i, *l, 0)))
                            .for_each(|l| a[ma.offset + i * ma.row + l * ma.col] = 0.0);
                    }
                    for j in 0..n {
                        (0..k)
                            .filter(|l| second != Axis::M && first != Axis::M && !counts(triangle, (0, *l, j)))
                            .for_each(|l| b[mb.offset + l * mb.row + j * mb.col] = 0.0);
                    }
                    for accumulate in [false, true] {
                        let (mut c, mut full) = (start.clone(), start.clone());
                        triangular((m, k, n), 1.5, (&a, ma), (&b, mb), (&mut c, mc), accumulate, triangle);
                        crate::gemm((m, k, n), 1.5, (&a, ma), (&b, mb), (&mut full, mc), accumulate);
                        for (i, j) in (0..m).flat_map(|i| (0..n).map(move |j| (i, j))) {
                            let asked = first == Axis::K || second == Axis::K || counts(triangle, (i, 0, j));
                            if asked {
                                assert_close(&[at(&c, mc, i, j)], &[at(&full, mc, i, j)], 1e-13);
                            } else {
                                assert!(at(&c, mc, i, j).is_finite());
                            }
                        }
                        // nothing beside the result is touched
                        let mut beside = c.clone();
                        (0..m).for_each(|i| {
                            (0..n).for_each(|j| {
                                beside[mc.offset + i * mc.row + j * mc.col] = start[mc.offset + i * mc.row + j * mc.col]
                            });
                        });
                        assert_eq!(beside, start);
                    }
                }
            }
        }
    }
}
