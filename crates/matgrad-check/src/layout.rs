//! The layouts: one derivative tensor in several arrangements.
//!
//! The tensor `T[i,j,k,l] = ∂F[i,j]/∂X[k,l]` is kept column-major, so that its entries in order are those of the
//! flattened Jacobian `∂vec F/∂(vec X)'`, and every layout is these entries as they are or transposed once.

use crate::value::{Array, show};

/// How a derivative is arranged; the reference states each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Layout {
    /// Rows follow F, columns follow x.
    Numerator,
    /// The transpose of the numerator layout.
    Denominator,
    /// ∂vec F/∂(vec X)'.
    Jacobian,
    /// Its transpose; shaped like X for a scalar function.
    Gradient,
    /// The Jacobian row of a scalar function.
    Rowvec,
    /// `T[i,j,k,l]`, axes of size 1 dropped.
    Tensor,
    /// dF in terms of dX.
    Differential,
    /// `B[i,a,b] = ∂F[i,a]/∂X[i,b]` of a function whose other derivatives vanish.
    Blocks,
}

impl Layout {
    /// All of them, in the order of the reference.
    pub const ALL: [Layout; 7] = [
        Layout::Numerator,
        Layout::Denominator,
        Layout::Jacobian,
        Layout::Gradient,
        Layout::Rowvec,
        Layout::Tensor,
        Layout::Differential,
    ];

    /// The word in the language.
    pub fn name(self) -> &'static str {
        match self {
            Layout::Numerator => "numerator",
            Layout::Denominator => "denominator",
            Layout::Jacobian => "jacobian",
            Layout::Gradient => "gradient",
            Layout::Rowvec => "rowvec",
            Layout::Tensor => "tensor",
            Layout::Differential => "differential",
            Layout::Blocks => "blocks",
        }
    }
}

/// What a layout does with the entries of the tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Arrangement {
    /// The shape of the arranged derivative; for `tensor` without axes of size 1.
    pub shape: Vec<usize>,
    /// Whether the entries are those of the tensor seen as a matrix of the transposed shape.
    pub transposed: bool,
    pub tensor: bool,
    /// Whether it has the entries with equal rows only; the others are 0.
    pub blocks: bool,
}

/// The arrangement of a derivative of order `order` of F by X; `None` where the layout does not apply.
pub(crate) fn arrangement(layout: Layout, order: usize, f: &[usize], x: &[usize]) -> Option<Arrangement> {
    let (pq, mn) = (f.iter().product::<usize>(), x.iter().product::<usize>());
    let plain =
        |shape: &[usize]| Some(Arrangement { shape: shape.to_vec(), transposed: false, tensor: false, blocks: false });
    let turned = |shape: &[usize]| match shape {
        &[m, n] => Some(Arrangement { shape: vec![n, m], transposed: true, tensor: false, blocks: false }),
        _ => None,
    };
    if layout == Layout::Tensor {
        let axes = f.iter().chain((0..order).flat_map(|_| x)).copied().filter(|n| *n != 1).collect();
        return Some(Arrangement { shape: axes, transposed: false, tensor: true, blocks: false });
    }
    if layout == Layout::Blocks {
        // of order 2 the gradient is the function that goes row by row
        let (&[n, p], &[m, q]) = (if order == 2 && pq == 1 { x } else { f }, x) else { return None };
        let shape = vec![n, p, q];
        let fits = (order == 1 || order == 2 && pq == 1) && n == m;
        return fits.then_some(Arrangement { shape, transposed: false, tensor: false, blocks: true });
    }
    if order == 0 || layout == Layout::Differential {
        return None;
    }
    if order > 1 && mn != 1 {
        let wide = order == 2 && pq == 1;
        return if wide { plain(&[mn, mn]) } else { None };
    }
    match layout {
        Layout::Rowvec if pq != 1 => None,
        Layout::Rowvec | Layout::Jacobian => plain(&[pq, mn]),
        Layout::Gradient if pq == 1 => plain(x),
        Layout::Gradient => turned(&[pq, mn]),
        Layout::Numerator if pq == 1 => turned(x),
        Layout::Numerator if mn == 1 => plain(f),
        Layout::Numerator => plain(&[pq, mn]),
        Layout::Denominator if pq == 1 => plain(x),
        Layout::Denominator if mn == 1 => turned(f),
        Layout::Denominator => turned(&[pq, mn]),
        Layout::Tensor | Layout::Differential | Layout::Blocks => None,
    }
}

impl Arrangement {
    /// The arranged derivative from the entries of the tensor.
    pub(crate) fn arrange(&self, tensor: Vec<f64>) -> Option<Array> {
        if self.blocks {
            let places = self.places();
            let most = |values: &[f64]| values.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
            let mut rest = tensor.clone();
            places.iter().for_each(|at| rest[*at] = 0.0);
            if most(&rest) > 1e-9 * most(&tensor) {
                return None; // a row depends on other rows
            }
            return Array::new(&self.shape, places.into_iter().filter_map(|at| tensor.get(at).copied()).collect());
        }
        if self.transposed {
            let &[m, n] = self.shape.as_slice() else { return None };
            return Array::new(&[n, m], tensor).map(|array| array.transposed());
        }
        Array::new(&self.shape, tensor)
    }

    /// Whether an array has the promised shape.
    pub(crate) fn fits(&self, array: &Array) -> bool {
        if self.tensor {
            return array.shape().iter().filter(|n| **n != 1).eq(&self.shape);
        }
        array.shape() == self.shape
    }

    /// The entries of the tensor from an arranged derivative of the promised shape.
    pub(crate) fn tensor(&self, array: &Array) -> Option<Vec<f64>> {
        if !self.fits(array) {
            return None;
        }
        if self.blocks {
            let &[n, p, q] = self.shape.as_slice() else { return None };
            let mut tensor = vec![0.0; n * p * n * q];
            for (at, value) in self.places().into_iter().zip(array.data()) {
                tensor[at] = *value;
            }
            return Some(tensor);
        }
        Some(if self.transposed { array.transposed().data().to_vec() } else { array.data().to_vec() })
    }

    /// Where the entries of the blocks, in their order, are in the tensor.
    fn places(&self) -> Vec<usize> {
        let &[n, p, q] = self.shape.as_slice() else { return Vec::new() };
        (0..n * p * q).map(|k| (k % n, k / n % p, k / n / p)).map(|(i, a, b)| i + n * (a + p * (i + n * b))).collect()
    }

    pub(crate) fn show(&self) -> String {
        if self.shape.is_empty() { "1×1".into() } else { show(&self.shape) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(layout: Layout, order: usize, f: &[usize], x: &[usize], expected: Option<&[usize]>) {
        let got = arrangement(layout, order, f, x);
        assert_eq!(got.as_ref().map(|a| a.shape.as_slice()), expected, "{layout:?} {f:?} by {x:?}");
        if let Some(got) = got {
            let size = f.iter().product::<usize>() * x.iter().product::<usize>().pow(order as u32);
            let entries: Vec<f64> = (0..size).map(|k| k as f64).collect();
            let arranged = got.arrange(entries.clone()).unwrap();
            assert_eq!(got.tensor(&arranged), Some(entries));
        }
    }

    #[test]
    fn shapes_of_the_reference() {
        use Layout::*;
        check(Numerator, 1, &[1, 1], &[4, 1], Some(&[1, 4]));
        check(Numerator, 1, &[1, 1], &[4, 3], Some(&[3, 4]));
        check(Denominator, 1, &[1, 1], &[4, 3], Some(&[4, 3]));
        check(Numerator, 1, &[2, 3], &[1, 1], Some(&[2, 3]));
        check(Denominator, 1, &[2, 3], &[1, 1], Some(&[3, 2]));
        check(Numerator, 1, &[1, 3], &[4, 1], Some(&[3, 4]));
        check(Jacobian, 1, &[2, 3], &[4, 5], Some(&[6, 20]));
        check(Gradient, 1, &[2, 3], &[4, 5], Some(&[20, 6]));
        check(Gradient, 1, &[1, 1], &[4, 5], Some(&[4, 5]));
        check(Rowvec, 1, &[1, 1], &[4, 5], Some(&[1, 20]));
        check(Rowvec, 1, &[2, 1], &[4, 5], None);
        check(Tensor, 1, &[2, 1], &[4, 5], Some(&[2, 4, 5]));
        check(Numerator, 2, &[1, 1], &[4, 5], Some(&[20, 20]));
        check(Jacobian, 2, &[2, 1], &[4, 1], None);
        check(Denominator, 2, &[2, 3], &[1, 1], Some(&[3, 2]));
        check(Tensor, 3, &[1, 1], &[4, 1], Some(&[4, 4, 4]));
        check(Differential, 1, &[1, 1], &[4, 1], None);
    }
}
