//! Dense linear algebra on row-major matrices.

pub mod adjugate;
pub mod eigen;
pub mod functions;
pub mod svd;

use matgrad_dense::{Factors, Matrix};

pub use functions::Function;

use crate::kernel::number::Number;

/// A function of a matrix, with its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Linalg {
    /// A → packed factors: Cholesky's where A is positive definite, else LU
    Factor { n: usize },
    /// factors → inverse
    Inverse { n: usize },
    /// factors → determinant
    Det { n: usize },
    /// factors → log of the determinant, NaN where it is not positive
    LogDet { n: usize },
    /// factors and right sides → solution, of the transpose too
    Solve { n: usize, cols: usize, transposed: bool },
    /// A → lower factor
    Cholesky { n: usize },
    /// A → values and vectors
    Eigen { n: usize },
    /// A → values and vectors
    Svd { m: usize, n: usize },
    /// singular values and vectors → pseudo-inverse
    Pinv { m: usize, n: usize },
    /// A → adjugate
    Adjugate { n: usize },
    /// A → f(A)
    Function { f: Function, n: usize },
    /// A and `per` directions → derivatives along them; the directions of a batch come round by round, one a matrix
    Frechet { f: Function, n: usize, per: usize },
}

impl Linalg {
    /// How many numbers of each operand and of the result one matrix takes.
    fn lengths(self) -> (usize, usize, usize) {
        match self {
            Self::Factor { n } => (n * n, 0, n * n + n),
            Self::Inverse { n } => (n * n + n, 0, n * n),
            Self::Det { n } | Self::LogDet { n } => (n * n + n, 0, 1),
            Self::Solve { n, cols, .. } => (n * n + n, n * cols, n * cols),
            Self::Cholesky { n } | Self::Function { n, .. } => (n * n, 0, n * n),
            Self::Eigen { n } => (n * n, 0, n * n + n),
            Self::Svd { m, n } => (m * n, 0, svd::packed_len(m, n)),
            Self::Pinv { m, n } => (svd::packed_len(m, n), 0, m * n),
            Self::Adjugate { n } => (n * n, 0, n * n),
            Self::Frechet { n, per, .. } => (n * n, per * n * n, per * n * n),
        }
    }

    pub fn text(self) -> String {
        match self {
            Self::Factor { n } => format!("factor {n}x{n}"),
            Self::Inverse { n } => format!("inverse {n}x{n} from factors"),
            Self::Det { n } => format!("det {n}x{n} from factors"),
            Self::LogDet { n } => format!("logdet {n}x{n} from factors"),
            Self::Solve { n, cols, transposed } => {
                format!("solve {n}x{n}{} from factors for {cols} columns", if transposed { " transposed" } else { "" })
            }
            Self::Cholesky { n } => format!("cholesky {n}x{n}"),
            Self::Eigen { n } => format!("eigen {n}x{n}"),
            Self::Svd { m, n } => format!("svd {m}x{n}"),
            Self::Pinv { m, n } => format!("pinv {m}x{n} from svd"),
            Self::Adjugate { n } => format!("adjugate {n}x{n}"),
            Self::Function { f, n } => format!("{f:?} {n}x{n}"),
            Self::Frechet { f, n, per } => format!("derivative of {f:?} {n}x{n} along {per}"),
        }
    }

    /// An estimate, in whole operations.
    pub fn flops(self) -> f64 {
        let cube = |n: usize| (n as f64).powi(3);
        match self {
            Self::Factor { n } => (2.0 / 3.0 * cube(n)).ceil(),
            Self::Inverse { n } => (4.0 / 3.0 * cube(n)).ceil(),
            Self::Det { n } | Self::LogDet { n } => n as f64,
            Self::Solve { n, cols, .. } => 2.0 * (n * n) as f64 * cols as f64,
            Self::Cholesky { n } => (cube(n) / 3.0).ceil(),
            Self::Eigen { n } => 9.0 * cube(n),
            Self::Svd { m, n } => 40.0 * m.max(n) as f64 * (m.min(n) as f64).powi(2),
            Self::Pinv { m, n } => 2.0 * (m * n) as f64 * m.min(n) as f64,
            Self::Adjugate { n } => 45.0 * cube(n),
            Self::Function { n, .. } => 30.0 * cube(n),
            Self::Frechet { n, per, .. } => 240.0 * cube(n) * per as f64,
        }
    }

    pub fn run<T: Number>(self, batch: usize, a: &[T], b: &[T], out: &mut [T]) {
        let single = matches!(
            self,
            Self::Factor { .. }
                | Self::Inverse { .. }
                | Self::Det { .. }
                | Self::LogDet { .. }
                | Self::Solve { .. }
                | Self::Cholesky { .. }
        );
        if !single {
            return T::in_double([a, b], out, |[a, b], out| self.run_double(batch, a, b, out));
        }
        let (one, two, to) = self.lengths();
        for k in 0..batch {
            let a = a.get(k * one..(k + 1) * one).unwrap_or(&[]);
            let b = b.get(k * two..(k + 1) * two).unwrap_or(&[]);
            let Some(out) = out.get_mut(k * to..(k + 1) * to) else { return };
            match self {
                Self::Factor { n } => {
                    Factors::make(a, n, out);
                }
                Self::Inverse { n } => Factors::of(a, n).inverse(out),
                Self::Det { n } => out.fill(Factors::of(a, n).det()),
                Self::LogDet { n } => {
                    let (sign, log) = Factors::of(a, n).log_det();
                    out.fill(if sign > T::zero() { log } else { T::nan() });
                }
                Self::Solve { n, cols, transposed } => {
                    out.copy_from_slice(b);
                    Factors::of(a, n).solve(out, cols, transposed);
                }
                Self::Cholesky { n } => matgrad_dense::cholesky(a, n, out),
                _ => {}
            }
        }
    }

    /// What is computed in double precision, whatever the numbers are.
    fn run_double(self, batch: usize, a: &[f64], b: &[f64], out: &mut [f64]) {
        let (one, _, to) = self.lengths();
        for k in 0..batch {
            let a = a.get(k * one..(k + 1) * one).unwrap_or(&[]);
            if let Self::Frechet { f, n, .. } = self {
                functions::frechet(f, a, b, n, (k, batch), out);
                continue;
            }
            let Some(out) = out.get_mut(k * to..(k + 1) * to) else { return };
            match self {
                Self::Eigen { n } => eigen::symmetric(a, n, out),
                Self::Svd { m, n } => svd::svd(a, m, n, out),
                Self::Pinv { m, n } => svd::pinv(a, m, n, out),
                Self::Adjugate { n } => {
                    adjugate::adjugate(a, n, out);
                    keep_triangle(a, n, out);
                }
                Self::Function { f, n } => {
                    functions::apply(f, a, n, out);
                    keep_triangle(a, n, out);
                }
                _ => {}
            }
        }
    }
}

/// What is a polynomial in a triangular matrix is triangular: the zeros of `a` on one side of the diagonal are exact in
/// `out`, which rounding must not turn into entries with a sign.
fn keep_triangle(a: &[f64], n: usize, out: &mut [f64]) {
    let sides: [fn(usize, usize) -> bool; 2] = [|i, j| i < j, |i, j| i > j];
    for side in sides {
        let inside = |k: usize| side(k / n.max(1), k % n.max(1));
        if a.iter().enumerate().all(|(k, x)| !inside(k) || *x == 0.0) {
            for (_, x) in out.iter_mut().enumerate().filter(|(k, x)| inside(*k) && x.is_finite()) {
                *x = 0.0;
            }
        }
    }
}

/// The transpose of a row-major rows×cols matrix.
pub(crate) fn transposed(a: &[f64], rows: usize, cols: usize) -> Vec<f64> {
    let mut out = vec![0.0; rows * cols];
    let from = Matrix { offset: 0, row: 1, col: cols };
    matgrad_dense::copy((cols, rows), 1.0, (a, from), (&mut out, Matrix::dense(rows)), false);
    out
}

/// The largest sum of magnitudes down a column.
pub(crate) fn norm1(a: &[f64], n: usize) -> f64 {
    let mut sums = vec![0.0; n];
    for row in a.chunks_exact(n.max(1)) {
        sums.iter_mut().zip(row).for_each(|(s, x)| *s += x.abs());
    }
    sums.iter().fold(0.0f64, |m, s| if s.is_nan() { f64::NAN } else { m.max(*s) })
}

#[cfg(test)]
pub(crate) mod testing {
    /// Numbers between -1 and 1.
    pub fn random(rows: usize, cols: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        for _ in 0..8 {
            next();
        }
        (0..rows * cols).map(|_| next()).collect()
    }

    pub fn eye(n: usize) -> Vec<f64> {
        (0..n * n).map(|k| if k / n == k % n { 1.0 } else { 0.0 }).collect()
    }

    #[track_caller]
    pub fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        let scale = b.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() <= tolerance * scale, "{x} where {y} is right\n{a:?}\n{b:?}");
        }
    }
}
