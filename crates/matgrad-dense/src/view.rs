//! Matrices in memory as the library wants them.

use faer::{MatMut, MatRef};

/// A matrix in memory: where it starts and how far its rows and columns are apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Matrix {
    /// Where it starts.
    pub offset: usize,
    /// Distance of rows.
    pub row: usize,
    /// Distance of columns.
    pub col: usize,
}

impl Matrix {
    /// Row-major, without gaps.
    pub fn dense(cols: usize) -> Self {
        Self { offset: 0, row: cols, col: 1 }
    }

    /// The transpose.
    pub fn transposed(self) -> Self {
        Self { row: self.col, col: self.row, ..self }
    }

    /// Whether all entries of a `rows`×`cols` matrix, at least one, lie within so much memory.
    pub(crate) fn fits(self, rows: usize, cols: usize, len: usize) -> bool {
        let last = |n: usize, step: usize| n.checked_sub(1).and_then(|n| n.checked_mul(step));
        let end = last(rows, self.row).zip(last(cols, self.col));
        let end = end.and_then(|(r, c)| r.checked_add(c)?.checked_add(self.offset));
        end.is_some_and(|end| end < len) && self.row <= isize::MAX as usize && self.col <= isize::MAX as usize
    }

    /// Whether no two entries of a `rows`×`cols` matrix are the same place.
    pub(crate) fn is_apart(self, rows: usize, cols: usize) -> bool {
        let ((few, near), (many, far)) = if self.row <= self.col {
            ((rows, self.row), (cols, self.col))
        } else {
            ((cols, self.col), (rows, self.row))
        };
        (few <= 1 || near > 0) && (many <= 1 || far > (few - 1) * near)
    }
}

/// The matrix as the library reads it; `None` where it leaves its memory.
pub(crate) fn view<T>(a: &[T], m: Matrix, rows: usize, cols: usize) -> Option<MatRef<'_, T>> {
    if rows == 0 || cols == 0 || !m.fits(rows, cols, a.len()) {
        return None;
    }
    let start = a.get(m.offset..)?.as_ptr();
    // SAFETY: the last entry, and with strides that are not negative every other one, lies within the slice, which stays
    // borrowed as long as the view.
    #[allow(unsafe_code)]
    Some(unsafe { MatRef::from_raw_parts(start, rows, cols, m.row as isize, m.col as isize) })
}

/// The matrix as the library writes it; `None` where it leaves its memory or two entries share a place.
pub(crate) fn view_mut<T>(a: &mut [T], m: Matrix, rows: usize, cols: usize) -> Option<MatMut<'_, T>> {
    if rows == 0 || cols == 0 || !m.fits(rows, cols, a.len()) || !m.is_apart(rows, cols) {
        return None;
    }
    let start = a.get_mut(m.offset..)?.as_mut_ptr();
    // SAFETY: as for reading; the slice is borrowed for writing, and no two entries are the same place.
    #[allow(unsafe_code)]
    Some(unsafe { MatMut::from_raw_parts_mut(start, rows, cols, m.row as isize, m.col as isize) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_leaves_its_memory_is_no_matrix() {
        let mut a = [0.0; 12];
        let m = |offset, row, col| Matrix { offset, row, col };
        for (matrix, rows, cols, fine) in [
            (m(0, 4, 1), 3, 4, true),
            (m(1, 4, 1), 3, 4, false),
            (m(0, 1, 3), 3, 4, true),
            (m(11, 100, 100), 1, 1, true),
            (m(12, 0, 0), 1, 1, false),
            (m(0, usize::MAX, 1), 3, 4, false),
            (m(0, 4, 1), 0, 4, false),
        ] {
            assert_eq!(view(&a, matrix, rows, cols).is_some(), fine, "{matrix:?}");
            assert_eq!(view_mut(&mut a, matrix, rows, cols).is_some(), fine, "{matrix:?}");
        }
        // repeated rows can be read, not written
        assert!(view(&a, m(0, 0, 1), 5, 4).is_some() && view_mut(&mut a, m(0, 0, 1), 5, 4).is_none());
        assert!(view_mut(&mut a, m(0, 2, 1), 2, 3).is_none());
    }
}
