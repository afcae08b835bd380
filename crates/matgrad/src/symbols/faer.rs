//! Matrices of `faer`: those whose columns follow each other are read where they are, others are copied.

use faer::{Mat, MatRef};
use matgrad_eval::Array;

use super::compile::Order;
use super::view::{FromArray, View, grid};

impl<'a> From<MatRef<'a, f64>> for View<'a> {
    fn from(matrix: MatRef<'a, f64>) -> Self {
        let (m, n) = (matrix.nrows(), matrix.ncols());
        // columns one after the other, as the columns of one column are
        if n == 1
            && let Some(column) = matrix.col(0).try_as_col_major()
        {
            return View::matrix(m, n, Order::Rows, column.as_slice());
        }
        let by_columns = (0..n).flat_map(|j| (0..m).map(move |i| matrix[(i, j)]));
        View::matrix(m, n, Order::Columns, by_columns.collect::<Vec<f64>>())
    }
}

impl<'a> From<&'a Mat<f64>> for View<'a> {
    fn from(matrix: &'a Mat<f64>) -> Self {
        View::from(matrix.as_ref())
    }
}

impl FromArray for Mat<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        let (m, n) = grid(array)?;
        Some(Mat::from_fn(m, n, |i, j| array.data().get(i * n + j).copied().unwrap_or(f64::NAN)))
    }
}
