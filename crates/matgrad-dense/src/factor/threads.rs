//! Factors, inverses and solutions of large matrices on two threads.
//!
//! The library's blocks, spread so that both threads have as much to multiply: a solution by its columns, Cholesky's
//! method by halves of the matrix, LU by panels, the next of which is factored while the other thread is at the rest
//! (look-ahead: Golub & Van Loan, *Matrix Computations*, §3.6), an inverse by the blocks of its triangular factors.

use faer::linalg::cholesky::llt;
use faer::linalg::lu::partial_pivoting as plu;
use faer::linalg::matmul::matmul;
use faer::linalg::matmul::triangular::{self, BlockStructure};
use faer::linalg::triangular_inverse::{
    invert_lower_triangular, invert_unit_lower_triangular, invert_upper_triangular,
};
use faer::linalg::triangular_solve::{solve_lower_triangular_in_place, solve_unit_lower_triangular_in_place};
use faer::reborrow::{Reborrow, ReborrowMut};
use faer::{Accum, MatMut, MatRef, Par};

use crate::product::{WORTH_A_THREAD, half_in_threads, threads};
use crate::real::Field;
use crate::scratch::{with_numbers, with_stack};

/// From this size on two threads factor faster than one.
const WORTH_TWO: usize = 900;

/// The columns that LU factors on one thread.
const PANEL: usize = 96;

const LOWER: BlockStructure = BlockStructure::TriangularLower;
const UPPER: BlockStructure = BlockStructure::TriangularUpper;
const FULL: BlockStructure = BlockStructure::Rectangular;

/// Whether an n×n matrix is factored on two threads.
pub(super) fn are_two(n: usize) -> bool {
    threads() >= 2 && n >= WORTH_TWO
}

/// Calls with the columns of a right side, or with one half of them on each thread where that pays; each column takes so
/// many multiplications.
pub(super) fn by_columns<T: Field>(right: MatMut<'_, T>, each: f64, solve: &(impl Fn(MatMut<'_, T>) + Sync)) {
    spread(right, each, threads(), solve);
}

fn spread<T: Field>(right: MatMut<'_, T>, each: f64, threads: usize, solve: &(impl Fn(MatMut<'_, T>) + Sync)) {
    let cols = right.ncols();
    let here = threads / 2;
    let cut = (cols * here / threads.max(1)).next_multiple_of(8);
    if threads < 2 || each * (cols as f64) < 2.0 * WORTH_A_THREAD || cut >= cols {
        return solve(right);
    }
    let (left, rest) = right.split_at_col_mut(cut);
    rayon::join(|| spread(left, each, here, solve), || spread(rest, each, threads - here, solve));
}

/// Cholesky's factor in place of the lower half; whether there is one.
pub(super) fn cholesky<T: Field>(mut matrix: MatMut<'_, T>) -> bool {
    let n = matrix.nrows();
    if !are_two(n) {
        let required = llt::factor::cholesky_in_place_scratch::<T>(n, Par::Seq, Default::default());
        return with_stack(required, |stack| {
            llt::factor::cholesky_in_place(matrix, Default::default(), Par::Seq, stack, Default::default()).is_ok()
        });
    }
    let half = (n / 2).next_multiple_of(32);
    let (mut corner, _, mut below, mut rest) = matrix.rb_mut().split_at_mut(half, half);
    if !cholesky(corner.rb_mut()) {
        return false;
    }
    let each = (half * half) as f64 / 2.0;
    let solve = |part: MatMut<'_, T>| solve_lower_triangular_in_place(corner.rb(), part, Par::Seq);
    by_columns(below.rb_mut().transpose_mut(), each, &solve);
    half_in_threads(Accum::Add, -T::one(), below.rb(), below.rb().transpose(), rest.rb_mut());
    cholesky(rest)
}

/// `P A = L U` in place of A, n×n; row i of `P A` is the row `order[i]` of A.
pub(super) fn lu<T: Field>(mut matrix: MatMut<'_, T>, order: &mut [usize]) {
    let n = matrix.nrows();
    order.iter_mut().enumerate().for_each(|(k, at)| *at = k);
    let mut moves = panel(matrix.rb_mut().subcols_mut(0, PANEL.min(n)));
    for start in (0..n).step_by(PANEL) {
        let width = PANEL.min(n - start);
        let old: Vec<usize> = moves.iter().map(|(_, from)| order[start + from]).collect();
        moves.iter().zip(old).for_each(|((to, _), at)| order[start + to] = at);
        let (mut left, right) = matrix.rb_mut().subrows_mut(start, n - start).split_at_col_mut(start + width);
        let (done, factored) = left.rb_mut().split_at_col_mut(start);
        let (factored, columns) = (factored.rb(), right.ncols());
        if columns == 0 {
            permute(done, &moves);
            break;
        }
        // the next panel costs one and a half times what bringing it up to date does
        let next = PANEL.min(columns);
        let share = (columns / 2).saturating_sub(PANEL * 3 / 4).clamp(next, columns);
        let (ahead, rest) = right.split_at_col_mut(share);
        let (mut coming, ahead) = ahead.split_at_col_mut(next);
        let moved = &moves;
        let (later, ()) = rayon::join(
            || {
                update(factored, moved, coming.rb_mut());
                let later = panel(coming.subrows_mut(width, n - start - width));
                update(factored, moved, ahead);
                permute(done, moved);
                later
            },
            || update(factored, moved, rest),
        );
        moves = later;
    }
}

/// LU of a panel; which rows come from where.
fn panel<T: Field>(matrix: MatMut<'_, T>) -> Vec<(usize, usize)> {
    let (m, n) = (matrix.nrows(), matrix.ncols());
    let (mut order, mut inverse) = (vec![0usize; m], vec![0usize; m]);
    let required = plu::factor::lu_in_place_scratch::<usize, T>(m, n, Par::Seq, Default::default());
    with_stack(required, |stack| {
        plu::factor::lu_in_place(matrix, &mut order, &mut inverse, Par::Seq, stack, Default::default());
    });
    order.into_iter().enumerate().filter(|(to, from)| to != from).collect()
}

fn permute<T: Field>(mut columns: MatMut<'_, T>, moves: &[(usize, usize)]) {
    let mut kept: Vec<T> = vec![T::zero(); moves.len()];
    for j in 0..columns.ncols() {
        let Some(column) = columns.rb_mut().col_mut(j).try_as_col_major_mut() else { return };
        let column = column.as_slice_mut();
        kept.iter_mut().zip(moves).for_each(|(kept, (_, from))| *kept = column[*from]);
        kept.iter().zip(moves).for_each(|(kept, (to, _))| column[*to] = *kept);
    }
}

/// Columns beside a panel that was factored: rows swapped, the rows of U solved for, and their share subtracted below.
fn update<T: Field>(panel: MatRef<'_, T>, moves: &[(usize, usize)], mut columns: MatMut<'_, T>) {
    permute(columns.rb_mut(), moves);
    let (corner, below) = panel.split_at_row(panel.ncols());
    let (mut top, rest) = columns.split_at_row_mut(panel.ncols());
    solve_unit_lower_triangular_in_place(corner, top.rb_mut(), Par::Seq);
    matmul(rest, Accum::Add, below, top.rb(), -T::one(), Par::Seq);
}

/// The lower half of `(L Lᵀ)⁻¹`.
pub(super) fn cholesky_inverse<T: Field>(out: MatMut<'_, T>, factor: MatRef<'_, T>) {
    let n = out.nrows();
    let half = n / 2;
    with_numbers(n * n, |numbers: &mut [T]| {
        let mut inverse = MatMut::from_column_major_slice_mut(numbers, n, n);
        // X = L⁻¹ = [A 0; C B]; above the diagonal C waits for B
        let (mut a, mut waiting, mut c, mut b) = inverse.rb_mut().split_at_mut(half, half);
        let (first, _, between, second) = factor.split_at(half, half);
        rayon::join(
            || invert_lower_triangular(a.rb_mut(), first, Par::Seq),
            || invert_lower_triangular(b.rb_mut(), second, Par::Seq),
        );
        let cut = waiting.ncols() / 2;
        let times = |target: MatMut<'_, T>, right: MatRef<'_, T>| {
            triangular::matmul(
                target,
                FULL,
                Accum::Replace,
                a.rb().transpose(),
                UPPER,
                right,
                FULL,
                T::one(),
                Par::Seq,
            );
        };
        let (left, right) = waiting.rb_mut().split_at_col_mut(cut);
        let (top, bottom) = between.split_at_row(cut);
        rayon::join(|| times(left, top.transpose()), || times(right, bottom.transpose()));
        let times = |target: MatMut<'_, T>, right: MatRef<'_, T>| {
            triangular::matmul(target, FULL, Accum::Replace, b.rb(), LOWER, right, FULL, -T::one(), Par::Seq);
        };
        let cut = half / 2;
        let (left, right) = c.rb_mut().split_at_col_mut(cut);
        let (top, bottom) = waiting.rb().split_at_row(cut);
        rayon::join(|| times(left, top.transpose()), || times(right, bottom.transpose()));
        // XᵀX = [AᵀA + CᵀC, ·; BᵀC, BᵀB]
        let (mut w11, _, w21, w22) = out.split_at_mut(half, half);
        let (a, b, c) = (a.rb(), b.rb(), c.rb());
        let one = T::one();
        rayon::join(
            || {
                triangular::matmul(w11.rb_mut(), LOWER, Accum::Replace, a.transpose(), UPPER, a, LOWER, one, Par::Seq);
                triangular::matmul(w11, LOWER, Accum::Add, c.transpose(), FULL, c, FULL, one, Par::Seq);
            },
            || {
                triangular::matmul(w21, FULL, Accum::Replace, b.transpose(), UPPER, c, FULL, one, Par::Seq);
                triangular::matmul(w22, LOWER, Accum::Replace, b.transpose(), UPPER, b, LOWER, one, Par::Seq);
            },
        );
    });
}

/// `A⁻¹`, where the factors are those of `P A = L U` and row i of `P A` is the row `order[i]` of A.
pub(super) fn lu_inverse<T: Field>(mut out: MatMut<'_, T>, factors: MatRef<'_, T>, order: &[usize]) {
    const UNIT: BlockStructure = BlockStructure::UnitTriangularLower;
    let n = out.nrows();
    let half = n / 2;
    with_numbers(2 * n * n, |numbers: &mut [T]| {
        let (below, above) = numbers.split_at_mut(n * n);
        let mut lower = MatMut::from_column_major_slice_mut(below, n, n);
        let mut upper = MatMut::from_column_major_slice_mut(above, n, n);
        rayon::join(
            || invert_unit_lower_triangular(lower.rb_mut(), factors, Par::Seq),
            || invert_upper_triangular(upper.rb_mut(), factors, Par::Seq),
        );
        let (u11, u12, _, u22) = upper.rb().split_at(half, half);
        let (l11, _, l21, l22) = lower.rb().split_at(half, half);
        let (mut m11, m12, m21, mut m22) = out.rb_mut().split_at_mut(half, half);
        let one = T::one();
        rayon::join(
            || {
                triangular::matmul(m11.rb_mut(), FULL, Accum::Replace, u11, UPPER, l11, UNIT, one, Par::Seq);
                matmul(m11, Accum::Add, u12, l21, one, Par::Seq);
            },
            || {
                triangular::matmul(m12, FULL, Accum::Replace, u12, FULL, l22, UNIT, one, Par::Seq);
                triangular::matmul(m21, FULL, Accum::Replace, u22, UPPER, l21, FULL, one, Par::Seq);
                triangular::matmul(m22.rb_mut(), FULL, Accum::Replace, u22, UPPER, l22, UNIT, one, Par::Seq);
            },
        );
        // the columns go where P took the rows from, one cycle after the other
        let mut spare: Vec<T> = vec![T::zero(); n];
        let mut settled = vec![false; n];
        for first in 0..n {
            if settled[first] || order[first] == first {
                continue;
            }
            (0..n).for_each(|i| spare[i] = out[(i, first)]);
            let mut at = first;
            while !std::mem::replace(&mut settled[order[at]], true) {
                at = order[at];
                for (i, held) in spare.iter_mut().enumerate() {
                    std::mem::swap(held, &mut out[(i, at)]);
                }
            }
        }
    });
}

#[cfg(test)]
mod tests {
    use crate::testing::{assert_close, product, random};
    use crate::{Factors, set_threads};

    /// A general, a positive definite and a triangular matrix.
    fn matrices(n: usize) -> [Vec<f64>; 3] {
        let general = random(n * n, n as u64 + 3);
        let turned: Vec<f64> = (0..n * n).map(|k| general[k % n * n + k / n]).collect();
        let mut definite = product((n, n, n), &general, &turned);
        let mut lower = general.clone();
        for i in 0..n {
            definite[i * n + i] += n as f64;
            lower[i * n + i] += n as f64;
            lower[i * n + i + 1..(i + 1) * n].fill(0.0);
        }
        [general, definite, lower]
    }

    #[test]
    fn two_threads_give_what_one_gives() {
        for n in [899, 900, 971] {
            for (which, a) in matrices(n).iter().enumerate() {
                let cols = 130;
                let b = random(n * cols, 5);
                let results = [1, 2].map(|threads| {
                    set_threads(threads);
                    let mut packed = vec![0.0; Factors::length(n)];
                    let factors = Factors::make(a, n, &mut packed);
                    let (mut inverse, mut x, mut y) = (vec![f64::NAN; n * n], b.clone(), b.clone());
                    factors.inverse(&mut inverse);
                    factors.solve(&mut x, cols, false);
                    factors.solve(&mut y, cols, true);
                    let (sign, log) = factors.log_det();
                    set_threads(1);
                    (inverse, x, y, [sign, log])
                });
                let [one, two] = &results;
                let tolerance = if which == 0 { 1e-8 } else { 1e-12 };
                assert_close(&one.0, &two.0, tolerance);
                assert_close(&one.1, &two.1, tolerance);
                assert_close(&one.2, &two.2, tolerance);
                assert_close(&one.3, &two.3, 1e-11);
            }
        }
    }

    #[test]
    fn what_cannot_be_factored_is_found() {
        let n = 920;
        let [general, mut definite, _] = matrices(n);
        definite[(n - 2) * n + n - 2] = -1.0;
        let mut singular = general.clone();
        singular.copy_within(0..n, 5 * n);
        let mut unknown = general;
        unknown[300 * n + 20] = f64::NAN;
        set_threads(2);
        let dets = [&definite, &singular, &unknown].map(|a| {
            let mut packed = vec![0.0; Factors::length(n)];
            Factors::make(a, n, &mut packed).log_det()
        });
        set_threads(1);
        assert_eq!(dets[0].0, -1.0);
        // rounding leaves a last pivot of some 1e-13
        assert!(dets[1].1 < dets[0].1 && dets[2].1.is_nan(), "{dets:?}");
    }
}
