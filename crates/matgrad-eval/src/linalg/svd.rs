//! The singular value decomposition by one-sided Jacobi rotations (Hestenes; de Rijk 1989).

use matgrad_dense::dot;

/// Above this size the library is faster; below, rotations find small values to more digits.
const SMALL: usize = 24;

/// Rounds over all pairs of columns.
const MOST_SWEEPS: usize = 60;

/// How long the packed decomposition of an m×n matrix is: min(m, n) values, then U (m×k), then V (n×k).
pub fn packed_len(m: usize, n: usize) -> usize {
    let k = m.min(n);
    k.saturating_mul(m.saturating_add(n).saturating_add(1))
}

/// Values (descending) and vectors, row-major; the largest entry of each column of U is positive.
pub fn svd(a: &[f64], m: usize, n: usize, packed: &mut [f64]) {
    let k = m.min(n);
    let (s, vectors) = packed.split_at_mut(k);
    let (u, v) = vectors.split_at_mut(m * k);
    let largest = a.iter().fold(0.0f64, |x, y| x.max(y.abs()));
    if !a.iter().all(|x| x.is_finite()) {
        s.fill(f64::NAN);
        u.fill(f64::NAN);
        v.fill(f64::NAN);
        return;
    }
    if k > SMALL {
        if !matgrad_dense::svd(a, m, n, s, u, v) {
            s.fill(f64::NAN);
            u.fill(f64::NAN);
            v.fill(f64::NAN);
        }
        return turn_alike(u, v, m, n);
    }
    // columns of the tall orientation as rows, scaled against overflow
    let scale = if largest > 0.0 { largest } else { 1.0 };
    let tall = m >= n;
    let (long, short) = if tall { (m, n) } else { (n, m) };
    let entry = |i: usize, j: usize| if tall { a[i * n + j] } else { a[j * n + i] };
    let mut w: Vec<f64> = (0..short).flat_map(|j| (0..long).map(move |i| entry(i, j) / scale)).collect();
    let mut z = vec![0.0; short * short];
    (0..short).for_each(|j| z[j * short + j] = 1.0);
    rotate(&mut w, &mut z, long, short);
    let norms: Vec<f64> = (0..short).map(|j| norm(&w[j * long..(j + 1) * long])).collect();
    let mut order: Vec<usize> = (0..short).collect();
    order.sort_by(|x, y| norms[*y].total_cmp(&norms[*x]));
    let top = order.first().map_or(0.0, |j| norms[*j]);
    let mut left: Vec<f64> = Vec::with_capacity(short * long);
    for &j in &order {
        let column = &w[j * long..(j + 1) * long];
        if norms[j] > top * f64::EPSILON * 1e-3 && norms[j] > f64::MIN_POSITIVE {
            left.extend(column.iter().map(|x| x / norms[j]));
        } else {
            complete(&mut left, long);
        }
    }
    for (c, &j) in order.iter().enumerate() {
        s[c] = norms[j] * scale;
        let (long_out, short_out): (&mut [f64], &mut [f64]) =
            if tall { (&mut *u, &mut *v) } else { (&mut *v, &mut *u) };
        (0..long).for_each(|i| long_out[i * k + c] = left[c * long + i]);
        (0..short).for_each(|i| short_out[i * k + c] = z[j * short + i]);
    }
    turn_alike(u, v, m, n);
}

/// Makes the largest entry of each column of U positive; V follows.
fn turn_alike(u: &mut [f64], v: &mut [f64], m: usize, n: usize) {
    let k = m.min(n);
    for (c, turned) in super::eigen::orient(u, m, k).into_iter().enumerate() {
        if turned {
            (0..n).for_each(|i| v[i * k + c] = -v[i * k + c]);
        }
    }
}

/// Rotates pairs of rows of `w` until all are orthogonal; `z` follows.
fn rotate(w: &mut [f64], z: &mut [f64], long: usize, short: usize) {
    for _ in 0..MOST_SWEEPS {
        let mut turned = false;
        for p in 0..short {
            for q in p + 1..short {
                let (head, tail) = w.split_at_mut(q * long);
                let (x, y) = (&mut head[p * long..(p + 1) * long], &mut tail[..long]);
                let (alpha, beta, gamma) = (dot(x, x), dot(y, y), dot(x, y));
                if gamma.abs() <= 1e-16 * (alpha * beta).sqrt() || gamma == 0.0 {
                    continue;
                }
                turned |= gamma.abs() > 4.0 * f64::EPSILON * (alpha * beta).sqrt();
                let zeta = (beta - alpha) / (2.0 * gamma);
                let t = zeta.signum() / (zeta.abs() + zeta.hypot(1.0));
                let c = 1.0 / t.hypot(1.0);
                turn(x, y, c, c * t);
                let (head, tail) = z.split_at_mut(q * short);
                turn(&mut head[p * short..(p + 1) * short], &mut tail[..short], c, c * t);
            }
        }
        if !turned {
            return;
        }
    }
}

fn turn(x: &mut [f64], y: &mut [f64], c: f64, s: f64) {
    for (a, b) in x.iter_mut().zip(y) {
        (*a, *b) = (c * *a - s * *b, s * *a + c * *b);
    }
}

fn norm(x: &[f64]) -> f64 {
    dot(x, x).sqrt()
}

/// One more orthonormal row after those that are there.
fn complete(rows: &mut Vec<f64>, long: usize) {
    let mut best: Vec<f64> = vec![0.0; long];
    let mut size = -1.0;
    for axis in 0..long {
        let mut candidate = vec![0.0; long];
        candidate[axis] = 1.0;
        for _ in 0..2 {
            for row in rows.chunks_exact(long) {
                let along = dot(row, &candidate);
                candidate.iter_mut().zip(row).for_each(|(c, r)| *c -= along * r);
            }
        }
        let here = norm(&candidate);
        if here > size {
            (best, size) = (candidate, here);
        }
        if size > 0.7 {
            break;
        }
    }
    rows.extend(best.iter().map(|x| x / size));
}

/// The pseudo-inverse out of the packed decomposition.
pub fn pinv(packed: &[f64], m: usize, n: usize, out: &mut [f64]) {
    let k = m.min(n);
    let (s, vectors) = packed.split_at(k);
    let (u, v) = vectors.split_at(m * k);
    let cut = s.first().copied().unwrap_or(0.0) * m.max(n) as f64 * f64::EPSILON;
    let inverse: Vec<f64> = s.iter().map(|x| if *x <= cut { 0.0 } else { 1.0 / x }).collect();
    let scaled: Vec<f64> =
        v.chunks_exact(k.max(1)).flat_map(|row| row.iter().zip(&inverse).map(|(x, y)| x * y)).collect();
    out.copy_from_slice(&crate::kernel::gemm::product((n, k, m), &scaled, &super::transposed(u, m, k)));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::gemm::product;
    use crate::linalg::testing::{assert_close, eye, random};
    use crate::linalg::transposed;

    fn check(a: &[f64], m: usize, n: usize) {
        let k = m.min(n);
        let mut packed = vec![0.0; packed_len(m, n)];
        svd(a, m, n, &mut packed);
        let (s, vectors) = packed.split_at(k);
        let (u, v) = vectors.split_at(m * k);
        let us: Vec<f64> = u.chunks_exact(k.max(1)).flat_map(|r| r.iter().zip(s).map(|(x, y)| x * y)).collect();
        assert_close(&product((m, k, n), &us, &transposed(v, n, k)), a, 1e-13);
        assert_close(&product((k, m, k), &transposed(u, m, k), u), &eye(k), 1e-13);
        assert_close(&product((k, n, k), &transposed(v, n, k), v), &eye(k), 1e-13);
        assert!(s.windows(2).all(|w| w[0] >= w[1]));
        let mut plus = vec![0.0; m * n];
        pinv(&packed, m, n, &mut plus);
        // A·A⁺·A = A
        assert_close(&product((m, m, n), &product((m, n, m), a, &plus), a), a, 1e-11);
    }

    #[test]
    fn decompositions() {
        for (m, n) in [(1, 1), (3, 3), (5, 2), (2, 5), (20, 13), (13, 20), (0, 3), (40, 40), (70, 31)] {
            check(&random(m, n, (m * 31 + n) as u64), m, n);
        }
        check(&[0.0; 6], 2, 3);
        check(&[1.0, 2.0, 2.0, 4.0, 3.0, 6.0], 3, 2);
        check(&eye(4), 4, 4);
    }
}
