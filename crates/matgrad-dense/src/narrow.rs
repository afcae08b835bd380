//! Sums and inner products: as fast as memory gives the numbers.
//!
//! Plain loops over lanes, compiled for the baseline and for AVX2; the order of a sum is that of the lanes on either.

use pulp::Arch;

/// Numbers that are summed side by side.
const LANES: usize = 16;

/// The sum, in lanes: faster, and its error grows more slowly.
pub fn sum(x: &[f64]) -> f64 {
    if x.len() < LANES {
        return x.iter().sum();
    }
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let chunks = x.chunks_exact(LANES);
            let rest: f64 = chunks.remainder().iter().sum();
            for chunk in chunks {
                lanes.iter_mut().zip(chunk).for_each(|(l, v)| *l += v);
            }
            lanes.iter().sum::<f64>() + rest
        },
    )
}

/// The inner product of what both have.
pub fn dot(x: &[f64], y: &[f64]) -> f64 {
    if x.len().min(y.len()) < LANES {
        return x.iter().zip(y).map(|(x, y)| x * y).sum();
    }
    Arch::new().dispatch(
        #[inline(always)]
        || {
            let mut lanes = [0.0; LANES];
            let (cx, cy) = (x.chunks_exact(LANES), y.chunks_exact(LANES));
            let whole = x.len().min(y.len()) / LANES * LANES;
            let rest: f64 = x[whole..].iter().zip(&y[whole..]).map(|(a, b)| a * b).sum();
            for (a, b) in cx.zip(cy) {
                for (l, (a, b)) in lanes.iter_mut().zip(a.iter().zip(b)) {
                    *l += a * b;
                }
            }
            lanes.iter().sum::<f64>() + rest
        },
    )
}

/// `y += alpha · x`, or `y = alpha · x`.
pub fn axpy(alpha: f64, x: &[f64], y: &mut [f64], accumulate: bool) {
    if x.len() < LANES {
        return axpy_here(alpha, x, y, accumulate);
    }
    Arch::new().dispatch(
        #[inline(always)]
        || axpy_here(alpha, x, y, accumulate),
    );
}

#[inline(always)]
fn axpy_here(alpha: f64, x: &[f64], y: &mut [f64], accumulate: bool) {
    if accumulate {
        y.iter_mut().zip(x).for_each(|(y, x)| *y += alpha * x);
    } else {
        y.iter_mut().zip(x).for_each(|(y, x)| *y = alpha * x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{assert_close, random};

    #[test]
    fn sums_and_products_of_vectors() {
        for n in [0, 1, 2, 7, 15, 16, 17, 31, 33, 1009] {
            let (x, y) = (random(n, 3), random(n, 4));
            assert!((sum(&x) - x.iter().sum::<f64>()).abs() < 1e-12);
            assert!((dot(&x, &y) - x.iter().zip(&y).map(|(a, b)| a * b).sum::<f64>()).abs() < 1e-12);
            let mut z = y.clone();
            axpy(2.0, &x, &mut z, true);
            assert_close(&z, &x.iter().zip(&y).map(|(x, y)| y + 2.0 * x).collect::<Vec<_>>(), 1e-15);
            axpy(2.0, &x, &mut z, false);
            assert_close(&z, &x.iter().map(|x| 2.0 * x).collect::<Vec<_>>(), 1e-15);
        }
    }
}
