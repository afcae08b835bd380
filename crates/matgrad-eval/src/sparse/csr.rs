//! Sparse matrices by rows.

use std::sync::Arc;

use crate::{Array, Precision};

/// A sparse matrix by rows: those of row `i` are entries `indptr[i]..indptr[i+1]`, with ascending columns.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Csr {
    shape: [usize; 2],
    /// Patterns are large and shared by all that have them.
    indptr: Arc<Vec<usize>>,
    indices: Arc<Vec<u32>>,
    data: Vec<f64>,
    /// The precision of the entries.
    precision: Precision,
}

impl Csr {
    /// A matrix from its parts; `None` where they do not fit together.
    ///
    /// ```
    /// use matgrad_eval::Csr;
    /// let a = Csr::new([2, 3], vec![0, 1, 3], vec![1, 0, 2], vec![5.0, 6.0, 7.0]).unwrap();
    /// assert_eq!(a.to_dense().data(), [0.0, 5.0, 0.0, 6.0, 0.0, 7.0]);
    /// assert!(Csr::new([1, 3], vec![0, 2], vec![2, 1], vec![0.0, 0.0]).is_none());
    /// ```
    pub fn new(shape: [usize; 2], indptr: Vec<usize>, indices: Vec<u32>, data: Vec<f64>) -> Option<Self> {
        let ends = indptr.first() == Some(&0) && indptr.last() == Some(&indices.len());
        if indptr.len() != shape[0].checked_add(1)? || !ends || data.len() != indices.len() {
            return None;
        }
        for row in indptr.windows(2) {
            let own = indices.get(row[0]..row[1])?;
            if own.windows(2).any(|w| w[0] >= w[1]) || own.last().is_some_and(|c| *c as usize >= shape[1]) {
                return None;
            }
        }
        let (indptr, indices) = (Arc::new(indptr), Arc::new(indices));
        Some(Self { shape, indptr, indices, data, precision: Precision::Double })
    }

    /// The same pattern with zeros for entries.
    #[must_use]
    pub fn zeros(&self) -> Self {
        let (indptr, indices) = (self.indptr.clone(), self.indices.clone());
        Self { shape: self.shape, indptr, indices, data: vec![0.0; self.data.len()], precision: self.precision }
    }

    /// Rows and columns.
    pub fn shape(&self) -> [usize; 2] {
        self.shape
    }

    /// Where each row starts among the entries, and at last how many there are.
    pub fn indptr(&self) -> &[usize] {
        &self.indptr
    }

    /// The column of each entry, ascending in a row and without duplicates.
    pub fn indices(&self) -> &[u32] {
        &self.indices
    }

    /// The entries.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The precision of the entries.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same matrix with entries of this precision.
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        precision.round(&mut self.data);
        self
    }

    /// The entries, to be changed in place.
    pub fn data_mut(&mut self) -> &mut [f64] {
        &mut self.data
    }

    /// How many entries are kept.
    pub fn entries(&self) -> usize {
        self.data.len()
    }

    /// Columns and entries of a row.
    pub fn row(&self, i: usize) -> (&[u32], &[f64]) {
        let range = match (self.indptr.get(i), self.indptr.get(i + 1)) {
            (Some(from), Some(to)) => *from..*to,
            _ => 0..0,
        };
        (self.indices.get(range.clone()).unwrap_or(&[]), self.data.get(range).unwrap_or(&[]))
    }

    /// The matrix with its zeros.
    pub fn to_dense(&self) -> Array {
        let [rows, cols] = self.shape;
        let mut out = Array::zeros(&[rows, cols]);
        for i in 0..rows {
            let (columns, values) = self.row(i);
            for (j, value) in columns.iter().zip(values) {
                if let Some(entry) = out.data_mut().get_mut(i * cols + *j as usize) {
                    *entry = *value;
                }
            }
        }
        out
    }

    /// `out = A·x`.
    pub fn multiply(&self, x: &[f64], out: &mut [f64]) {
        for (i, out) in out.iter_mut().enumerate().take(self.shape[0]) {
            let (columns, values) = self.row(i);
            *out = columns.iter().zip(values).map(|(j, v)| v * x.get(*j as usize).copied().unwrap_or(f64::NAN)).sum();
        }
    }

    /// `out = A'·y`.
    pub fn multiply_transposed(&self, y: &[f64], out: &mut [f64]) {
        out.fill(0.0);
        for (i, y) in y.iter().enumerate().take(self.shape[0]) {
            let (columns, values) = self.row(i);
            for (j, v) in columns.iter().zip(values) {
                if let Some(out) = out.get_mut(*j as usize) {
                    *out += v * y;
                }
            }
        }
    }
}
