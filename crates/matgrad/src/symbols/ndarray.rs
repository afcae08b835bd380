//! Arrays of `ndarray`: those row by row or column by column are read where they are, others are copied.

use matgrad_eval::Array;
use ndarray::{Array1, Array2, ArrayD, ArrayView1, ArrayView2, IxDyn};

use super::compile::Order;
use super::view::{FromArray, View};

impl<'a> From<ArrayView2<'a, f64>> for View<'a> {
    fn from(array: ArrayView2<'a, f64>) -> Self {
        let (m, n) = array.dim();
        if let Some(data) = array.to_slice() {
            return View::matrix(m, n, Order::Rows, data);
        }
        if let Some(data) = array.reversed_axes().to_slice() {
            return View::matrix(m, n, Order::Columns, data);
        }
        View::matrix(m, n, Order::Rows, array.iter().copied().collect::<Vec<f64>>())
    }
}

impl<'a> From<ArrayView1<'a, f64>> for View<'a> {
    fn from(array: ArrayView1<'a, f64>) -> Self {
        match array.to_slice() {
            Some(data) => View::vector(data),
            None => View::vector(array.to_vec()),
        }
    }
}

impl<'a> From<&'a Array2<f64>> for View<'a> {
    fn from(array: &'a Array2<f64>) -> Self {
        View::from(array.view())
    }
}

impl<'a> From<&'a Array1<f64>> for View<'a> {
    fn from(array: &'a Array1<f64>) -> Self {
        View::from(array.view())
    }
}

impl FromArray for ArrayD<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        ArrayD::from_shape_vec(IxDyn(array.shape()), array.data().to_vec()).ok()
    }
}

impl FromArray for Array2<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        let &[m, n] = array.shape() else { return None };
        Array2::from_shape_vec((m, n), array.data().to_vec()).ok()
    }
}

impl FromArray for Array1<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        matches!(array.shape(), [_] | [1, _]).then(|| Array1::from_vec(array.data().to_vec()))
    }
}
