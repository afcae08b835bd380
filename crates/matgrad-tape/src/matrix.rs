//! Matrices of derivatives.

/// A dense matrix, stored row by row.
///
/// ```
/// use matgrad_tape::{hessian, function};
/// let h = hessian(&function!(|x| x[0] * x[1]), &[1.0, 2.0])?;
/// assert_eq!((h.rows(), h.columns(), h.get(0, 1), h.get(2, 0)), (2, 2, Some(1.0), None));
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Matrix<T = f64> {
    rows: usize,
    columns: usize,
    data: Vec<T>,
}

impl<T: Copy> Matrix<T> {
    pub(crate) fn of(rows: usize, columns: usize, data: Vec<T>) -> Self {
        Self { rows, columns, data }
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// How many columns it has.
    pub fn columns(&self) -> usize {
        self.columns
    }

    /// The entries, row by row.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The entries, row by row, and nothing else.
    pub fn into_data(self) -> Vec<T> {
        self.data
    }

    /// A row; empty where there is none.
    pub fn row(&self, row: usize) -> &[T] {
        if row < self.rows { self.data.get(row * self.columns..(row + 1) * self.columns).unwrap_or(&[]) } else { &[] }
    }

    /// An entry.
    pub fn get(&self, row: usize, column: usize) -> Option<T> {
        self.row(row).get(column).copied()
    }
}
