//! Exponential, logarithm and square root of matrices, and their derivatives along a direction.
//!
//! Symmetric arguments go by their eigenvalues. Others: scaling and squaring with Padé approximants (Higham 2005),
//! inverse scaling and squaring with Gauss–Legendre partial fractions, the product form of the Denman–Beavers iteration
//! with determinantal scaling (Higham, *Functions of Matrices*, ch. 6, 10, 11). A derivative of those is a block of the
//! function of `[X, E; 0, X]` (Mathias 1996); for symmetric X it is by divided differences (Daleckii, Krein).

use matgrad_dense::Factors;

use super::{eigen, norm1, transposed};
use crate::kernel::gemm::product;

/// Which function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Function {
    /// exp
    Exp,
    /// log
    Log,
    /// square root
    Sqrt,
}

/// The function of a row-major matrix; NaN where it is not real.
pub fn apply(f: Function, a: &[f64], n: usize, out: &mut [f64]) {
    if !a.iter().all(|x| x.is_finite()) {
        out.fill(f64::NAN);
    } else if is_symmetric(a, n) {
        let packed = eigenvalues(a, n);
        let (d, v) = packed.split_at(n);
        eigen::recompose(v, &of_eigenvalues(f, d), out);
    } else {
        out.copy_from_slice(&general(f, a, n));
    }
}

/// The derivatives at `a` along the directions in `e`, of which every `step`-th from `first` on is this matrix's.
pub fn frechet(f: Function, a: &[f64], e: &[f64], n: usize, (first, step): (usize, usize), out: &mut [f64]) {
    if n == 0 {
        return;
    }
    let pairs = e.chunks_exact(n * n).zip(out.chunks_exact_mut(n * n)).skip(first).step_by(step);
    if !a.iter().all(|x| x.is_finite()) {
        pairs.for_each(|(_, out)| out.fill(f64::NAN));
    } else if is_symmetric(a, n) {
        let packed = eigenvalues(a, n);
        let (d, v) = packed.split_at(n);
        let vt = transposed(v, n, n);
        let values = of_eigenvalues(f, d);
        let table: Vec<f64> =
            (0..n * n).map(|k| divided(f, (d[k / n], d[k % n]), (values[k / n], values[k % n]))).collect();
        for (e, out) in pairs {
            let mut inner = product((n, n, n), &product((n, n, n), &vt, e), v);
            inner.iter_mut().zip(&table).for_each(|(x, t)| *x *= t);
            out.copy_from_slice(&product((n, n, n), &product((n, n, n), v, &inner), &vt));
        }
    } else {
        let size = norm1(a, n);
        for (e, out) in pairs {
            // linear in E: a direction as large as X suits the block
            let long = norm1(e, n);
            if long == 0.0 || !long.is_finite() {
                out.fill(long * 0.0);
                continue;
            }
            let scale = if size > 0.0 { size / long } else { 1.0 / long };
            let big = 2 * n;
            let mut block = vec![0.0; big * big];
            for i in 0..n {
                block[i * big..i * big + n].copy_from_slice(&a[i * n..(i + 1) * n]);
                block[(n + i) * big + n..(n + i + 1) * big].copy_from_slice(&a[i * n..(i + 1) * n]);
                let row = &mut block[i * big + n..(i + 1) * big];
                row.iter_mut().zip(&e[i * n..(i + 1) * n]).for_each(|(b, x)| *b = scale * x);
            }
            let value = general(f, &block, big);
            for i in 0..n {
                let row = &value[i * big + n..(i + 1) * big];
                out[i * n..(i + 1) * n].iter_mut().zip(row).for_each(|(o, x)| *o = x / scale);
            }
        }
    }
}

fn general(f: Function, a: &[f64], n: usize) -> Vec<f64> {
    match f {
        Function::Exp => expm(a, n),
        Function::Log => logm(a, n),
        Function::Sqrt => sqrtm(a, n),
    }
}

fn is_symmetric(a: &[f64], n: usize) -> bool {
    (0..n).all(|i| (0..i).all(|j| a[i * n + j] == a[j * n + i]))
}

fn eigenvalues(a: &[f64], n: usize) -> Vec<f64> {
    let mut packed = vec![0.0; n + n * n];
    eigen::symmetric(a, n, &mut packed);
    packed
}

fn of_eigenvalues(f: Function, d: &[f64]) -> Vec<f64> {
    let largest = d.iter().fold(0.0f64, |m, x| m.max(x.abs()));
    let noise = largest * f64::EPSILON * d.len() as f64;
    d.iter()
        .map(|&x| match f {
            Function::Exp => x.exp(),
            Function::Log => x.ln(),
            Function::Sqrt if x < 0.0 && -x <= noise => 0.0,
            Function::Sqrt => x.sqrt(),
        })
        .collect()
}

/// (f(a) - f(b))/(a - b), without cancellation.
fn divided(f: Function, (a, b): (f64, f64), (fa, fb): (f64, f64)) -> f64 {
    match f {
        Function::Sqrt => 1.0 / (fa + fb),
        Function::Exp => {
            let half = 0.5 * (a - b);
            match half.abs() {
                0.0 => fa,
                h if h > 0.5 => (fa - fb) / (a - b),
                _ => (0.5 * (a + b)).exp() * half.sinh() / half,
            }
        }
        Function::Log => {
            let z = (a - b) / (a + b);
            match z.abs() {
                0.0 => 1.0 / a,
                h if h > 0.5 => (fa - fb) / (a - b),
                _ => 2.0 / (a + b) * libm::atanh(z) / z,
            }
        }
    }
}

fn eye_times(value: f64, n: usize) -> Vec<f64> {
    let mut out = vec![0.0; n * n];
    (0..n).for_each(|k| out[k * n + k] = value);
    out
}

fn add(to: &mut [f64], factor: f64, x: &[f64]) {
    to.iter_mut().zip(x).for_each(|(t, x)| *t += factor * x);
}

const PADE: [&[f64]; 4] = [
    &[120.0, 60.0, 12.0, 1.0],
    &[30240.0, 15120.0, 3360.0, 420.0, 30.0, 1.0],
    &[17297280.0, 8648640.0, 1995840.0, 277200.0, 25200.0, 1512.0, 56.0, 1.0],
    &[17643225600.0, 8821612800.0, 2075673600.0, 302702400.0, 30270240.0, 2162160.0, 110880.0, 3960.0, 90.0, 1.0],
];
const PADE13: [f64; 14] = [
    64764752532480000.0,
    32382376266240000.0,
    7771770303897600.0,
    1187353796428800.0,
    129060195264000.0,
    10559470521600.0,
    670442572800.0,
    33522128640.0,
    1323241920.0,
    40840800.0,
    960960.0,
    16380.0,
    182.0,
    1.0,
];
/// Up to which norm each approximant is accurate to double precision.
const THETA: [f64; 5] = [
    1.495_585_217_958_292e-2,
    2.539_398_330_063_23e-1,
    9.504_178_996_162_932e-1,
    2.097_847_961_257_068,
    5.371_920_351_148_152,
];

fn expm(a: &[f64], n: usize) -> Vec<f64> {
    let size = norm1(a, n);
    let a2 = product((n, n, n), a, a);
    if let Some(k) = (0..4).find(|k| size <= THETA[*k]) {
        let b = PADE[k];
        let (mut u, mut v) = (eye_times(b[1], n), eye_times(b[0], n));
        let mut power = a2.clone();
        for j in (2..b.len()).step_by(2) {
            add(&mut v, b[j], &power);
            add(&mut u, b[j + 1], &power);
            if j + 2 < b.len() {
                power = product((n, n, n), &power, &a2);
            }
        }
        return quotient(&product((n, n, n), a, &u), v, n);
    }
    let squarings = (size / THETA[4]).log2().ceil().clamp(0.0, 1100.0) as i32;
    let scale = 0.5f64.powi(squarings);
    let scaled = |x: &[f64], by: f64| -> Vec<f64> { x.iter().map(|v| v * by).collect() };
    let (a, a2) = (scaled(a, scale), scaled(&a2, scale * scale));
    let a4 = product((n, n, n), &a2, &a2);
    let a6 = product((n, n, n), &a4, &a2);
    let b = PADE13;
    let sum = |c6: f64, c4: f64, c2: f64, c0: f64| {
        let mut out = eye_times(c0, n);
        add(&mut out, c6, &a6);
        add(&mut out, c4, &a4);
        add(&mut out, c2, &a2);
        out
    };
    let mut u = product((n, n, n), &a6, &sum(b[13], b[11], b[9], 0.0));
    add(&mut u, 1.0, &sum(b[7], b[5], b[3], b[1]));
    let mut v = product((n, n, n), &a6, &sum(b[12], b[10], b[8], 0.0));
    add(&mut v, 1.0, &sum(b[6], b[4], b[2], b[0]));
    let mut value = quotient(&product((n, n, n), &a, &u), v, n);
    for _ in 0..squarings {
        value = product((n, n, n), &value, &value);
    }
    value
}

/// (V - U)⁻¹(V + U).
fn quotient(u: &[f64], v: Vec<f64>, n: usize) -> Vec<f64> {
    let mut right = v.clone();
    add(&mut right, 1.0, u);
    let mut left = v;
    add(&mut left, -1.0, u);
    solve(&left, n, &mut right);
    right
}

/// Solves `A X = B` for square row-major A and B, in place of B.
fn solve(a: &[f64], n: usize, b: &mut [f64]) {
    let mut packed = vec![0.0; Factors::length(n)];
    Factors::make(a, n, &mut packed).solve(b, n, false);
}

fn sqrtm(a: &[f64], n: usize) -> Vec<f64> {
    let (mut m, mut x) = (a.to_vec(), a.to_vec());
    let mut before = f64::INFINITY;
    let mut scaling = true;
    for _ in 0..100 {
        let mut packed = vec![0.0; Factors::length(n)];
        let factors = Factors::make(&m, n, &mut packed);
        let mut inverse = vec![0.0; n * n];
        factors.inverse(&mut inverse);
        let mu = if scaling { (-factors.log_det().1 / (2.0 * n as f64)).exp() } else { 1.0 };
        // X ← ½ μ X (I + μ⁻² M⁻¹), M ← ½ (I + ½ (μ² M + μ⁻² M⁻¹))
        let mut right = eye_times(1.0, n);
        add(&mut right, 1.0 / (mu * mu), &inverse);
        x = product((n, n, n), &x, &right);
        x.iter_mut().for_each(|v| *v *= 0.5 * mu);
        m.iter_mut().zip(&inverse).for_each(|(m, i)| *m = 0.25 * (mu * mu * *m + i / (mu * mu)));
        (0..n).for_each(|k| m[k * n + k] += 0.5);
        let mut rest = m.clone();
        (0..n).for_each(|k| rest[k * n + k] -= 1.0);
        let error = norm1(&rest, n);
        if !error.is_finite() {
            break;
        }
        if error <= n as f64 * f64::EPSILON || (error < 1e-8 && error >= 0.5 * before) {
            return x;
        }
        scaling &= error > 1e-2;
        before = error;
    }
    vec![f64::NAN; n * n]
}

/// Nodes and weights of the Gauss–Legendre rule with eight points on [-1, 1], half of them.
const GAUSS: [(f64, f64); 4] = [
    (0.183_434_642_495_649_8, 0.362_683_783_378_362),
    (0.525_532_409_916_329, 0.313_706_645_877_887_3),
    (0.796_666_477_413_626_7, 0.222_381_034_453_374_48),
    (0.960_289_856_497_536_3, 0.101_228_536_290_376_26),
];

fn logm(a: &[f64], n: usize) -> Vec<f64> {
    let mut root = a.to_vec();
    let mut roots = 0;
    let rest = loop {
        let mut rest = root.clone();
        (0..n).for_each(|k| rest[k * n + k] -= 1.0);
        let size = norm1(&rest, n);
        if size <= 0.25 {
            break rest;
        }
        if !size.is_finite() || roots > 60 {
            return vec![f64::NAN; n * n];
        }
        root = sqrtm(&root, n);
        roots += 1;
    };
    // log(I + X) = ∫ X (I + tX)⁻¹ dt over [0, 1]
    let mut sum = vec![0.0; n * n];
    for (node, weight) in GAUSS.iter().flat_map(|(x, w)| [(-x, w), (*x, w)]) {
        let t = 0.5 * (1.0 + node);
        let mut left = eye_times(1.0, n);
        add(&mut left, t, &rest);
        let mut term = rest.clone();
        solve(&left, n, &mut term);
        add(&mut sum, 0.5 * weight, &term);
    }
    let scale = 2f64.powi(roots);
    sum.iter_mut().for_each(|v| *v *= scale);
    sum
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::linalg::testing::{assert_close, random};

    fn of(f: Function, a: &[f64], n: usize) -> Vec<f64> {
        let mut out = vec![0.0; n * n];
        apply(f, a, n, &mut out);
        out
    }

    /// Unsymmetric, with eigenvalues right of the imaginary axis.
    fn stable(n: usize, seed: u64) -> Vec<f64> {
        let mut a = random(n, n, seed);
        (0..n).for_each(|k| a[k * n + k] += 1.0 + n as f64 / 2.0);
        a
    }

    #[test]
    fn exponentials() {
        assert_close(&of(Function::Exp, &[0.0, 1.0, 0.0, 0.0], 2), &[1.0, 1.0, 0.0, 1.0], 1e-15);
        let (c, s) = (2f64.cos(), 2f64.sin());
        assert_close(&of(Function::Exp, &[0.0, 2.0, -2.0, 0.0], 2), &[c, s, -s, c], 1e-14);
        for scale in [1e-3, 0.1, 0.5, 1.0, 2.0, 5.0] {
            let a: Vec<f64> = random(5, 5, 9).iter().map(|x| x * scale).collect();
            let minus: Vec<f64> = a.iter().map(|x| -x).collect();
            let round = product((5, 5, 5), &of(Function::Exp, &a, 5), &of(Function::Exp, &minus, 5));
            assert_close(&round, &eye_times(1.0, 5), 1e-10);
            let half: Vec<f64> = a.iter().map(|x| 0.5 * x).collect();
            let h = of(Function::Exp, &half, 5);
            assert_close(&product((5, 5, 5), &h, &h), &of(Function::Exp, &a, 5), 1e-13);
        }
    }

    #[test]
    fn roots_and_logarithms() {
        for n in [1, 2, 3, 6, 12] {
            let a = stable(n, n as u64);
            let root = of(Function::Sqrt, &a, n);
            assert_close(&product((n, n, n), &root, &root), &a, 1e-13);
            assert_close(&of(Function::Exp, &of(Function::Log, &a, n), n), &a, 1e-13);
            let sym = product((n, n, n), &a, &transposed(&a, n, n));
            let sym: Vec<f64> = (0..n * n).map(|k| 0.5 * (sym[k] + sym[k % n * n + k / n])).collect();
            let root = of(Function::Sqrt, &sym, n);
            assert_close(&product((n, n, n), &root, &root), &sym, 1e-13);
            assert_close(&of(Function::Exp, &of(Function::Log, &sym, n), n), &sym, 1e-12);
        }
        assert!(of(Function::Log, &[-1.0, 0.5, 0.0, 2.0], 2).iter().all(|v| v.is_nan()));
        assert!(of(Function::Sqrt, &[-1.0, 0.5, 0.0, 2.0], 2).iter().all(|v| v.is_nan()));
        assert_close(&of(Function::Sqrt, &[1.0, 1.0, 1.0, 1.0], 2), &[0.5f64.sqrt(); 4], 1e-7);
    }

    #[test]
    fn derivatives_by_differences() {
        for f in [Function::Exp, Function::Log, Function::Sqrt] {
            for n in [1, 2, 4, 7] {
                for symmetric in [false, true] {
                    let mut a = stable(n, 40 + n as u64);
                    if symmetric {
                        a = (0..n * n).map(|k| 0.5 * (a[k] + a[k % n * n + k / n])).collect();
                    }
                    let e = random(n, n, 77);
                    let at = |h: f64| {
                        let moved: Vec<f64> = a.iter().zip(&e).map(|(x, y)| x + h * y).collect();
                        general(f, &moved, n)
                    };
                    let difference =
                        |h: f64| -> Vec<f64> { at(h).iter().zip(at(-h)).map(|(x, y)| (x - y) / (2.0 * h)).collect() };
                    let (one, two) = (difference(1e-3), difference(2e-3));
                    let expected: Vec<f64> = one.iter().zip(two).map(|(x, y)| (4.0 * x - y) / 3.0).collect();
                    let mut out = vec![0.0; n * n];
                    frechet(f, &a, &e, n, (0, 1), &mut out);
                    assert_close(&out, &expected, 1e-9);
                }
            }
        }
    }

    /// The two ways to a derivative agree.
    #[test]
    fn blocks_and_divided_differences_agree() {
        for f in [Function::Exp, Function::Log, Function::Sqrt] {
            let n = 5;
            let a = stable(n, 3);
            let a: Vec<f64> = (0..n * n).map(|k| 0.5 * (a[k] + a[k % n * n + k / n])).collect();
            let e = random(n, n, 8);
            let mut fast = vec![0.0; n * n];
            frechet(f, &a, &e, n, (0, 1), &mut fast);
            let mut nudged = a.clone();
            nudged[1] += 1e-15 * nudged[1].abs().max(0.1); // no longer symmetric to the last bit
            let mut slow = vec![0.0; n * n];
            frechet(f, &nudged, &e, n, (0, 1), &mut slow);
            assert_close(&fast, &slow, 1e-12);
        }
    }
}
