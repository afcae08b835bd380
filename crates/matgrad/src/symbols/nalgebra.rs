//! Matrices of `nalgebra`, which lie column by column.

use matgrad_eval::Array;
use nalgebra::{DMatrix, DVector};

use super::compile::Order;
use super::view::{FromArray, View, grid};

impl<'a> From<&'a DMatrix<f64>> for View<'a> {
    fn from(matrix: &'a DMatrix<f64>) -> Self {
        View::matrix(matrix.nrows(), matrix.ncols(), Order::Columns, matrix.as_slice())
    }
}

impl<'a> From<&'a DVector<f64>> for View<'a> {
    fn from(vector: &'a DVector<f64>) -> Self {
        View::vector(vector.as_slice())
    }
}

impl FromArray for DMatrix<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        let (m, n) = grid(array)?;
        Some(DMatrix::from_row_slice(m, n, array.data()))
    }
}

impl FromArray for DVector<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        let thin = matches!(array.shape(), [] | [_] | [1, _] | [_, 1]);
        thin.then(|| DVector::from_column_slice(array.data()))
    }
}
