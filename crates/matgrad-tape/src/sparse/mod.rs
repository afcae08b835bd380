//! Sparse Jacobians and Hessians: the pattern is found on the recorded run, columns that meet in no row are computed
//! together.

mod coloring;
mod dependencies;
mod hessian;
mod jacobian;

pub use hessian::{HessianPattern, sparse_hessian};
pub use jacobian::sparse_jacobian;

use crate::Matrix;

/// A sparse matrix in compressed rows; columns ascend in each row. Entries that may be different from 0 are there even where
/// they happen to be 0.
///
/// ```
/// use matgrad_tape::{map, sparse_jacobian};
/// let j = sparse_jacobian(&map!(|x| [x[0] * x[2], x[1].sin()]), &[2.0, 0.0, 3.0])?;
/// assert_eq!((j.indptr(), j.indices(), j.data()), (&[0, 2, 3][..], &[0, 2, 1][..], &[3.0, 2.0, 1.0][..]));
/// assert_eq!(j.to_dense().data(), [3.0, 0.0, 2.0, 0.0, 1.0, 0.0]);
/// # Ok::<(), matgrad_tape::Error>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sparse<T = f64> {
    shape: (usize, usize),
    indptr: Vec<usize>,
    indices: Vec<usize>,
    data: Vec<T>,
    colors: usize,
}

impl<T: Copy + Default> Sparse<T> {
    /// Of the columns in each row, all entries 0.
    pub(crate) fn of_pattern(rows: &[Vec<u32>], columns: usize, colors: usize) -> Self {
        let mut indptr = vec![0];
        let mut indices = Vec::with_capacity(rows.iter().map(Vec::len).sum());
        for row in rows {
            indices.extend(row.iter().map(|column| *column as usize));
            indptr.push(indices.len());
        }
        let data = vec![T::default(); indices.len()];
        Self { shape: (rows.len(), columns), indptr, indices, data, colors }
    }

    pub(crate) fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    /// Rows and columns.
    pub fn shape(&self) -> (usize, usize) {
        self.shape
    }

    /// Where each row begins among the entries, and where the last one ends.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The column of each entry.
    pub fn indices(&self) -> &[usize] {
        &self.indices
    }

    /// The entries.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// How many directions the matrix was computed from.
    pub fn colors(&self) -> usize {
        self.colors
    }

    /// The same with its zeros.
    pub fn to_dense(&self) -> Matrix<T> {
        let (rows, columns) = self.shape;
        let mut data = vec![T::default(); rows * columns];
        for (row, ends) in self.indptr.windows(2).enumerate() {
            let [start, end] = *ends else { continue };
            for k in start..end {
                data[row * columns + self.indices[k]] = self.data[k];
            }
        }
        Matrix::of(rows, columns, data)
    }
}
