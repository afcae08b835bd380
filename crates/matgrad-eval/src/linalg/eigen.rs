//! Eigenvalues and eigenvectors of symmetric matrices: Householder tridiagonalisation, then implicit QL.
//!
//! After the EISPACK routines tred2 and tql2 (Bowdler, Martin, Reinsch, Wilkinson, *Handbook for Automatic Computation*).

use matgrad_dense::Matrix;

/// Above this size the library is faster.
const SMALL: usize = 24;

/// QL steps an eigenvalue may take.
const MOST_STEPS: usize = 60;

/// Values (ascending) and, row-major in the columns, vectors of the symmetric part; packed as n values, then n×n.
pub fn symmetric(a: &[f64], n: usize, packed: &mut [f64]) {
    let (d, v) = packed.split_at_mut(n);
    for i in 0..n {
        for j in 0..n {
            v[i * n + j] = 0.5 * (a[i * n + j] + a[j * n + i]);
        }
    }
    if n == 0 {
        return;
    }
    if n > SMALL {
        let symmetric = v.to_vec();
        if matgrad_dense::eigen(&symmetric, n, d, v) {
            orient(v, n, n);
        } else {
            d.fill(f64::NAN);
            v.fill(f64::NAN);
        }
        return;
    }
    let mut e = vec![0.0; n];
    let done = v.iter().all(|x| x.is_finite()) && {
        tridiagonal(v, d, &mut e, n);
        implicit_ql(v, d, &mut e, n)
    };
    if !done {
        d.fill(f64::NAN);
        v.fill(f64::NAN);
        return;
    }
    sort(d, v, n);
    orient(v, n, n);
}

/// Householder reduction; the rows of V become the transformation, d the diagonal, e the subdiagonal in `e[1..]`.
fn tridiagonal(v: &mut [f64], d: &mut [f64], e: &mut [f64], n: usize) {
    d.copy_from_slice(&v[(n - 1) * n..]);
    for i in (1..n).rev() {
        let scale: f64 = d[..i].iter().map(|x| x.abs()).sum();
        let mut h = 0.0;
        if scale == 0.0 {
            e[i] = d[i - 1];
            for j in 0..i {
                d[j] = v[j * n + i - 1];
                v[j * n + i] = 0.0;
                v[i * n + j] = 0.0;
            }
        } else {
            for x in &mut d[..i] {
                *x /= scale;
                h += *x * *x;
            }
            let f = d[i - 1];
            let g = if f > 0.0 { -h.sqrt() } else { h.sqrt() };
            e[i] = scale * g;
            h -= f * g;
            d[i - 1] = f - g;
            e[..i].fill(0.0);
            for j in 0..i {
                let f = d[j];
                v[i * n + j] = f;
                let mut g = e[j] + v[j * n + j] * f;
                for k in j + 1..i {
                    g += v[j * n + k] * d[k];
                    e[k] += v[j * n + k] * f;
                }
                e[j] = g;
            }
            let mut f = 0.0;
            for j in 0..i {
                e[j] /= h;
                f += e[j] * d[j];
            }
            let hh = f / (h + h);
            for j in 0..i {
                e[j] -= hh * d[j];
            }
            for j in 0..i {
                let (f, g) = (d[j], e[j]);
                for k in j..i {
                    v[j * n + k] -= f * e[k] + g * d[k];
                }
                d[j] = v[j * n + i - 1];
                v[j * n + i] = 0.0;
            }
        }
        d[i] = h;
    }
    accumulate(v, d, n);
    e[0] = 0.0;
}

/// Multiplies the reflections out.
fn accumulate(v: &mut [f64], d: &mut [f64], n: usize) {
    for i in 0..n - 1 {
        v[i * n + n - 1] = v[i * n + i];
        v[i * n + i] = 1.0;
        let h = d[i + 1];
        if h != 0.0 {
            for k in 0..=i {
                d[k] = v[(i + 1) * n + k] / h;
            }
            for j in 0..=i {
                let g: f64 = (0..=i).map(|k| v[(i + 1) * n + k] * v[j * n + k]).sum();
                for k in 0..=i {
                    v[j * n + k] -= g * d[k];
                }
            }
        }
        for k in 0..=i {
            v[(i + 1) * n + k] = 0.0;
        }
    }
    for j in 0..n {
        d[j] = v[j * n + n - 1];
        v[j * n + n - 1] = 0.0;
    }
    v[n * n - 1] = 1.0;
}

/// Implicit QL; whether it converged.
fn implicit_ql(v: &mut [f64], d: &mut [f64], e: &mut [f64], n: usize) -> bool {
    e.rotate_left(1);
    e[n - 1] = 0.0;
    let (mut shift, mut largest) = (0.0, 0.0f64);
    for l in 0..n {
        largest = largest.max(d[l].abs() + e[l].abs());
        let small = |m: usize, e: &[f64]| e[m].abs() <= f64::EPSILON * largest;
        let m = (l..n - 1).find(|&m| small(m, e)).unwrap_or(n - 1);
        let mut steps = 0;
        while m > l && !small(l, e) {
            steps += 1;
            if steps > MOST_STEPS {
                return false;
            }
            let mut g = d[l];
            let mut p = (d[l + 1] - g) / (2.0 * e[l]);
            let r = if p < 0.0 { -p.hypot(1.0) } else { p.hypot(1.0) };
            d[l] = e[l] / (p + r);
            d[l + 1] = e[l] * (p + r);
            let dl1 = d[l + 1];
            let h = g - d[l];
            d[l + 2..].iter_mut().for_each(|x| *x -= h);
            shift += h;
            p = d[m];
            let (mut c, mut c2, mut c3) = (1.0, 1.0, 1.0);
            let el1 = e[l + 1];
            let (mut s, mut s2) = (0.0, 0.0);
            for i in (l..m).rev() {
                c3 = c2;
                c2 = c;
                s2 = s;
                g = c * e[i];
                let h = c * p;
                let r = p.hypot(e[i]);
                e[i + 1] = s * r;
                s = e[i] / r;
                c = p / r;
                p = c * d[i] - s * g;
                d[i + 1] = h + s * (c * g + s * d[i]);
                let (upper, lower) = v.split_at_mut((i + 1) * n);
                for (x, y) in upper[i * n..].iter_mut().zip(&mut lower[..n]) {
                    (*x, *y) = (c * *x - s * *y, s * *x + c * *y);
                }
            }
            p = -s * s2 * c3 * el1 * e[l] / dl1;
            e[l] = s * p;
            d[l] = c * p;
        }
        d[l] += shift;
        e[l] = 0.0;
    }
    true
}

/// Ascending values; the rows of V go into columns.
fn sort(d: &mut [f64], v: &mut [f64], n: usize) {
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by(|a, b| d[*a].total_cmp(&d[*b]));
    let values: Vec<f64> = order.iter().map(|k| d[*k]).collect();
    d.copy_from_slice(&values);
    let rows = v.to_vec();
    for (i, target) in v.chunks_exact_mut(n).enumerate() {
        target.iter_mut().zip(&order).for_each(|(t, k)| *t = rows[k * n + i]);
    }
}

/// Turns each of the columns so that its entry of largest magnitude (the first of several) is positive.
pub fn orient(v: &mut [f64], rows: usize, cols: usize) -> Vec<bool> {
    let mut turned = Vec::with_capacity(cols);
    for j in 0..cols {
        let (mut best, mut size) = (0.0, 0.0);
        for i in 0..rows {
            let x = v[i * cols + j];
            if x.abs() > size * (1.0 + 1e-10) {
                (best, size) = (x, x.abs());
            }
        }
        turned.push(best < 0.0);
        if best < 0.0 {
            (0..rows).for_each(|i| v[i * cols + j] = -v[i * cols + j]);
        }
    }
    turned
}

/// V·diag(f)·Vᵀ.
pub fn recompose(v: &[f64], f: &[f64], out: &mut [f64]) {
    let n = f.len();
    let scaled: Vec<f64> = v.chunks_exact(n.max(1)).flat_map(|row| row.iter().zip(f).map(|(x, y)| x * y)).collect();
    let (left, right) = (Matrix::dense(n), Matrix::dense(n).transposed());
    matgrad_dense::symmetric((n, n), 1.0, (&scaled, left), (v, right), (out, Matrix::dense(n)), false);
    if n <= SMALL {
        for i in 0..n {
            for j in 0..i {
                let mean = 0.5 * (out[i * n + j] + out[j * n + i]);
                (out[i * n + j], out[j * n + i]) = (mean, mean);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kernel::gemm::product;
    use crate::linalg::testing::{assert_close, eye, random};
    use crate::linalg::transposed;

    fn check(a: &[f64], n: usize) {
        let mut packed = vec![0.0; n + n * n];
        symmetric(a, n, &mut packed);
        let (d, v) = packed.split_at(n);
        let mut back = vec![0.0; n * n];
        recompose(v, d, &mut back);
        assert_close(&back, a, 1e-13);
        assert_close(&product((n, n, n), &transposed(v, n, n), v), &eye(n), 1e-13);
        assert!(d.windows(2).all(|w| w[0] <= w[1]));
    }

    #[test]
    fn vectors_times_values() {
        for n in [0, 1, 2, 3, 4, 7, 30, 80] {
            let x = random(n, n, 11 + n as u64);
            let t = transposed(&x, n, n);
            check(&x.iter().zip(&t).map(|(a, b)| a + b).collect::<Vec<_>>(), n);
        }
        check(&eye(5), 5);
        check(&[0.0; 16], 4);
        check(&[0.0, 1e-200, 1e-200, 0.0], 2);
        check(&[2.0, 1.0, 0.0, 1.0, 2.0, 0.0, 0.0, 0.0, 5.0], 3);
    }

    #[test]
    fn nan_stays_nan() {
        let mut packed = vec![0.0; 6];
        symmetric(&[1.0, f64::NAN, 0.0, 1.0], 2, &mut packed);
        assert!(packed.iter().all(|v| v.is_nan()));
    }
}
