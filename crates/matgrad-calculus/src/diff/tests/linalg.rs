//! Plain linear algebra for the tests: small, square where it matters, row-major.

/// A dense matrix.
#[derive(Clone, Debug)]
pub struct Mat {
    pub rows: usize,
    pub cols: usize,
    pub data: Vec<f64>,
}

impl Mat {
    pub fn new(rows: usize, cols: usize, data: Vec<f64>) -> Self {
        Self { rows, cols, data }
    }

    pub fn from(rows: usize, cols: usize, f: impl Fn(usize, usize) -> f64) -> Self {
        let data = (0..rows * cols).map(|k| f(k / cols, k % cols)).collect();
        Self { rows, cols, data }
    }

    pub fn identity(n: usize) -> Self {
        Self::from(n, n, |i, j| f64::from(u8::from(i == j)))
    }

    pub fn at(&self, i: usize, j: usize) -> f64 {
        self.data[i * self.cols + j]
    }

    pub fn turn(&self) -> Self {
        Self::from(self.cols, self.rows, |i, j| self.at(j, i))
    }

    pub fn mul(&self, other: &Self) -> Self {
        Self::from(self.rows, other.cols, |i, j| (0..self.cols).map(|k| self.at(i, k) * other.at(k, j)).sum())
    }

    pub fn add(&self, other: &Self, factor: f64) -> Self {
        Self::from(self.rows, self.cols, |i, j| self.at(i, j) + factor * other.at(i, j))
    }

    pub fn scale(&self, factor: f64) -> Self {
        Self::from(self.rows, self.cols, |i, j| factor * self.at(i, j))
    }

    pub fn symmetric(&self) -> Self {
        self.add(&self.turn(), 1.0).scale(0.5)
    }

    /// Determinant and inverse, by elimination with pivots.
    pub fn det_inverse(&self) -> (f64, Self) {
        let n = self.rows;
        let (mut a, mut b, mut det) = (self.clone(), Self::identity(n), 1.0);
        for c in 0..n {
            let pivot = (c..n).max_by(|r, s| a.at(*r, c).abs().total_cmp(&a.at(*s, c).abs())).unwrap();
            if pivot != c {
                det = -det;
                for k in 0..n {
                    a.data.swap(c * n + k, pivot * n + k);
                    b.data.swap(c * n + k, pivot * n + k);
                }
            }
            let value = a.at(c, c);
            det *= value;
            if value == 0.0 {
                return (0.0, b);
            }
            for k in 0..n {
                a.data[c * n + k] /= value;
                b.data[c * n + k] /= value;
            }
            for r in (0..n).filter(|r| *r != c) {
                let factor = a.at(r, c);
                for k in 0..n {
                    a.data[r * n + k] -= factor * a.data[c * n + k];
                    b.data[r * n + k] -= factor * b.data[c * n + k];
                }
            }
        }
        (det, b)
    }

    pub fn inverse(&self) -> Self {
        self.det_inverse().1
    }

    pub fn adjugate(&self) -> Self {
        let n = self.rows;
        Self::from(n, n, |j, i| {
            let minor = Self::from(n - 1, n - 1, |r, c| self.at(r + usize::from(r >= i), c + usize::from(c >= j)));
            let sign = if (i + j) % 2 == 0 { 1.0 } else { -1.0 };
            sign * if n == 1 { 1.0 } else { minor.det_inverse().0 }
        })
    }

    /// Of any rank.
    pub fn pinv(&self) -> Self {
        let t = self.turn();
        if self.rows != self.cols || t.data != self.data {
            return t.mul(self).symmetric().pinv().mul(&t);
        }
        let (values, v) = self.eigen();
        let largest = values.iter().fold(0.0f64, |m, x| m.max(x.abs()));
        let n = self.rows;
        let reciprocal = |x: f64| if x.abs() > 1e-9 * largest { 1.0 / x } else { 0.0 };
        Self::from(n, n, |i, j| (0..n).map(|k| v.at(i, k) * reciprocal(values[k]) * v.at(j, k)).sum())
    }

    pub fn cholesky(&self) -> Self {
        let n = self.rows;
        let mut l = Self::from(n, n, |_, _| 0.0);
        for j in 0..n {
            for i in j..n {
                let rest: f64 = (0..j).map(|k| l.at(i, k) * l.at(j, k)).sum();
                let value = self.at(i, j) - rest;
                l.data[i * n + j] = if i == j { value.sqrt() } else { value / l.at(j, j) };
            }
        }
        l
    }

    pub fn expm(&self) -> Self {
        let norm: f64 = self.data.iter().map(|v| v.abs()).sum();
        let halvings = norm.log2().max(0.0).ceil() as i32 + 2;
        let a = self.scale(0.5f64.powi(halvings));
        let (mut term, mut sum) = (Self::identity(self.rows), Self::identity(self.rows));
        for k in 1..25 {
            term = term.mul(&a).scale(1.0 / f64::from(k));
            sum = sum.add(&term, 1.0);
        }
        (0..halvings).fold(sum, |s, _| s.mul(&s))
    }

    /// By the iteration of Denman and Beavers.
    pub fn sqrtm(&self) -> Self {
        let (mut y, mut z) = (self.clone(), Self::identity(self.rows));
        for _ in 0..40 {
            let (yi, zi) = (y.inverse(), z.inverse());
            let next = y.add(&zi, 1.0).scale(0.5);
            z = z.add(&yi, 1.0).scale(0.5);
            let moved = next.add(&y, -1.0).data.iter().fold(0.0f64, |m, v| m.max(v.abs()));
            y = next;
            if moved < 1e-9 {
                break; // it converges quadratically
            }
        }
        y
    }

    pub fn logm(&self) -> Self {
        let (mut a, mut doublings) = (self.clone(), 1.0);
        let one = Self::identity(self.rows);
        while a.add(&one, -1.0).data.iter().any(|v| v.abs() > 0.3) {
            a = a.sqrtm();
            doublings *= 2.0;
        }
        // log(A) = 2·artanh((A - I)(A + I)^-1)
        let w = a.add(&one, -1.0).mul(&a.add(&one, 1.0).inverse());
        let square = w.mul(&w);
        let (mut power, mut sum) = (w.clone(), w);
        for k in 1..14 {
            power = power.mul(&square);
            sum = sum.add(&power, 1.0 / f64::from(2 * k + 1));
        }
        sum.scale(2.0 * doublings)
    }

    /// The upper right block of f([self, e; 0, self]).
    pub fn frechet(&self, e: &Self, f: impl Fn(&Self) -> Self) -> Self {
        let n = self.rows;
        let block = Self::from(2 * n, 2 * n, |i, j| match (i < n, j < n) {
            (true, true) => self.at(i, j),
            (true, false) => e.at(i, j - n),
            (false, true) => 0.0,
            (false, false) => self.at(i - n, j - n),
        });
        let value = f(&block);
        Self::from(n, n, |i, j| value.at(i, j + n))
    }

    /// Eigenvalues, ascending, and eigenvectors of a symmetric matrix, by Jacobi; the largest entry of each is positive.
    pub fn eigen(&self) -> (Vec<f64>, Self) {
        let n = self.rows;
        let (mut a, mut v) = (self.clone(), Self::identity(n));
        for _ in 0..60 {
            for p in 0..n {
                for q in p + 1..n {
                    let angle = 0.5 * (2.0 * a.at(p, q)).atan2(a.at(q, q) - a.at(p, p));
                    let (s, c) = angle.sin_cos();
                    let r = Self::from(n, n, |i, j| match (i, j) {
                        _ if (i, j) == (p, p) || (i, j) == (q, q) => c,
                        _ if (i, j) == (p, q) => s,
                        _ if (i, j) == (q, p) => -s,
                        _ => f64::from(u8::from(i == j)),
                    });
                    a = r.turn().mul(&a).mul(&r);
                    v = v.mul(&r);
                }
            }
        }
        let mut order: Vec<usize> = (0..n).collect();
        order.sort_by(|i, j| a.at(*i, *i).total_cmp(&a.at(*j, *j)));
        let values = order.iter().map(|k| a.at(*k, *k)).collect();
        let signs: Vec<f64> = order
            .iter()
            .map(|k| (0..n).map(|i| v.at(i, *k)).max_by(|x, y| x.abs().total_cmp(&y.abs())).unwrap().signum())
            .collect();
        (values, Self::from(n, n, |i, j| v.at(i, order[j]) * signs[j]))
    }

    /// U, singular values (descending) and V with min(rows, cols) columns.
    pub fn svd(&self) -> (Self, Vec<f64>, Self) {
        if self.rows < self.cols {
            let (v, s, u) = self.turn().svd();
            return (u, s, v);
        }
        let (values, vectors) = self.turn().mul(self).eigen();
        let k = values.len();
        let s: Vec<f64> = values.iter().rev().map(|v| v.sqrt()).collect();
        let v = Self::from(self.cols, k, |i, j| vectors.at(i, k - 1 - j));
        let av = self.mul(&v);
        (Self::from(self.rows, k, |i, j| av.at(i, j) / s[j]), s, v)
    }
}
