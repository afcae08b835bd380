//! Dense linear algebra on slices: a facade of a few functions over `faer`, which no other crate sees.
//!
//! A leaf of its own because the library is instantiated here once, whatever else is compiled again. All of it is
//! deterministic: with two threads each entry is summed in the same order as with one.

mod factor;
mod narrow;
mod panel;
mod product;
mod real;
mod scratch;
mod spectral;
mod transposed;
mod vector;
mod view;
mod wide;

pub use factor::{Factors, cholesky};
pub use narrow::{axpy, dot, dot_rows, scale_rows, sum};
pub use panel::{Axis, Triangle, triangular};
pub use product::{add_transposed, copy, gemm, set_threads, symmetric, threads};
pub use real::{From, Real, To};
pub use spectral::{eigen, svd};
pub use view::Matrix;

#[cfg(test)]
pub(crate) mod testing {
    use super::Matrix;

    /// Numbers between -1 and 1.
    pub fn random(count: usize, seed: u64) -> Vec<f64> {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(1);
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 52) as f64 - 1.0
        };
        (0..8).for_each(|_| {
            next();
        });
        (0..count).map(|_| next()).collect()
    }

    /// An entry of a matrix in memory.
    pub fn at(a: &[f64], m: Matrix, i: usize, j: usize) -> f64 {
        a[m.offset + i * m.row + j * m.col]
    }

    #[track_caller]
    pub fn assert_close(a: &[f64], b: &[f64], tolerance: f64) {
        assert_eq!(a.len(), b.len());
        let scale = b.iter().fold(1.0f64, |m, v| m.max(v.abs()));
        for (k, (x, y)) in a.iter().zip(b).enumerate() {
            assert!((x - y).abs() <= tolerance * scale, "entry {k} is {x} where {y} is right");
        }
    }

    /// The row-major product of row-major matrices, by three loops.
    pub fn product((m, k, n): (usize, usize, usize), a: &[f64], b: &[f64]) -> Vec<f64> {
        (0..m * n).map(|at| (0..k).map(|l| a[at / n * k + l] * b[l * n + at % n]).sum()).collect()
    }
}
