//! Dense linear algebra on row-major matrices.

pub mod lu;

/// A function of a matrix, with its sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Linalg {
    /// A → packed factors
    Lu { n: usize },
    /// factors → inverse
    Inverse { n: usize },
    /// factors → determinant
    Det { n: usize },
    /// factors → log of the determinant, NaN where it is not positive
    LogDet { n: usize },
}

impl Linalg {
    fn lengths(self) -> (usize, usize) {
        match self {
            Self::Lu { n } => (n * n, n * n + n),
            Self::Inverse { n } => (n * n + n, n * n),
            Self::Det { n } | Self::LogDet { n } => (n * n + n, 1),
        }
    }

    pub fn text(self) -> String {
        format!("{self:?}")
    }

    pub fn flops(self) -> f64 {
        0.0
    }

    pub fn run(self, batch: usize, a: &[f64], b: &[f64], out: &mut [f64]) {
        let (from, to) = self.lengths();
        let _ = b;
        for k in 0..batch {
            let (a, out) = (&a[k * from..(k + 1) * from], &mut out[k * to..(k + 1) * to]);
            match self {
                Self::Lu { n } => lu::factor(a, n, out),
                Self::Inverse { n } => lu::inverse(a, n, out),
                Self::Det { n } => out[0] = lu::det(a, n),
                Self::LogDet { n } => {
                    let (sign, log) = lu::log_det(a, n);
                    out[0] = if sign > 0.0 { log } else { f64::NAN };
                }
            }
        }
    }
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

    pub fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        let scale = b.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (x, y) in a.iter().zip(b) {
            assert!((x - y).abs() <= tolerance * scale, "{x} where {y} is right\n{a:?}\n{b:?}");
        }
    }
}
