//! Rows and columns of a derivative, from the axes of its tensor.

use matgrad_calculus::layout::{Kind, Layout};
use smallvec::SmallVec;

use crate::layout::LayoutError;

/// Where the entries of a tensor stand in a matrix: row and column are sums of positions along the axes (from 0) times
/// strides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grid {
    /// Rows and columns of the matrix.
    pub shape: [usize; 2],
    /// What a step along each axis adds to the row.
    pub rows: SmallVec<[usize; 4]>,
    /// What a step along each axis adds to the column.
    pub cols: SmallVec<[usize; 4]>,
}

/// Which axis of a matrix an axis of the tensor is, and how long.
type Role = (bool, usize);

/// Rows, columns and the roles of the axes.
fn roles(kind: &Kind, axes: &[usize]) -> Option<(usize, usize, SmallVec<[Role; 2]>)> {
    let roles: SmallVec<[Role; 2]> = match (kind, axes) {
        (Kind::Scalar, []) => SmallVec::new(),
        (Kind::Column(_), [n]) => SmallVec::from_slice(&[(false, *n)]),
        (Kind::Row(_), [n]) => SmallVec::from_slice(&[(true, *n)]),
        (Kind::Matrix(..), [m, n]) => SmallVec::from_slice(&[(false, *m), (true, *n)]),
        _ => return None,
    };
    let length = |second: bool| roles.iter().find(|r| r.0 == second).map_or(1, |r| r.1);
    Some((length(false), length(true), roles))
}

impl Grid {
    /// The places of the derivative of the given order of F by X in a layout with two axes, as [`crate::arrange`] has them.
    pub fn new(shape: &[usize], f: &Kind, x: &Kind, order: usize, layout: Layout) -> Result<Self, LayoutError> {
        let no = |reason| LayoutError { layout, reason };
        if shape.len() != f.rank() + order * x.rank() {
            return Err(no("the derivative has another number of axes"));
        }
        if layout == Layout::Differential {
            return Err(no("a differential is an expression, not an array"));
        }
        if layout == Layout::Tensor {
            let [rows, cols] = shape else { return Err(no("a sparse matrix has two axes, and this tensor has not")) };
            let (r, c) = (SmallVec::from_slice(&[1, 0]), SmallVec::from_slice(&[0, 1]));
            return Ok(Self { shape: [*rows, *cols], rows: r, cols: c });
        }
        let (own, rest) = shape.split_at(f.rank());
        let tensor = "tensors with three axes or more have the tensor layout only";
        let (p, q, of_f) = roles(f, own).ok_or_else(|| no(tensor))?;
        let (m, n, of_x) = roles(x, rest.get(..x.rank()).unwrap_or(&[])).ok_or_else(|| no(tensor))?;
        let (scalar_f, scalar_x) = (matches!(f, Kind::Scalar), matches!(x, Kind::Scalar));
        // vec stacks columns
        let vec = |roles: &[Role], first: usize| -> SmallVec<[usize; 4]> {
            roles.iter().map(|(second, _)| if *second { first } else { 1 }).collect()
        };
        let part = |roles: &[Role], wanted: bool| -> SmallVec<[usize; 4]> {
            roles.iter().map(|(second, _)| usize::from(*second == wanted)).collect()
        };
        let zeros = |count: usize| SmallVec::<[usize; 4]>::from_elem(0, count);
        let joined = |a: SmallVec<[usize; 4]>, b: SmallVec<[usize; 4]>| a.into_iter().chain(b).collect();
        let (f_axes, x_axes) = (of_f.len(), of_x.len());
        if order == 1 || scalar_x {
            let x_axes = shape.len() - f_axes;
            let flat = Self {
                shape: [p * q, m * n],
                rows: joined(vec(&of_f, p), zeros(x_axes)),
                cols: joined(zeros(f_axes), vec(&of_x, m)),
            };
            let of_one = |roles: &[Role], (rows, cols): (usize, usize), turned: bool| Self {
                shape: if turned { [cols, rows] } else { [rows, cols] },
                rows: part(roles, turned),
                cols: part(roles, !turned),
            };
            return match layout {
                Layout::Jacobian => Ok(flat),
                Layout::Gradient | Layout::Denominator if scalar_f => Ok(of_one(&of_x, (m, n), false)),
                Layout::Rowvec if scalar_f => Ok(flat),
                Layout::Rowvec => Err(no("it is for scalar functions")),
                Layout::Numerator if scalar_f => Ok(of_one(&of_x, (m, n), true)),
                Layout::Numerator if scalar_x => Ok(of_one(&of_f, (p, q), false)),
                Layout::Denominator if scalar_x => Ok(of_one(&of_f, (p, q), true)),
                Layout::Numerator => Ok(flat),
                _ => Ok(flat.transposed()),
            };
        }
        if order == 2 && scalar_f {
            let own = vec(&of_x, m);
            return Ok(Self {
                shape: [m * n, m * n],
                rows: joined(own.clone(), zeros(x_axes)),
                cols: joined(zeros(x_axes), own),
            });
        }
        Err(no(match order {
            2 => "a second derivative of a function that is no scalar by a variable that is no scalar is a tensor",
            _ => "a derivative of this order is a tensor",
        }))
    }

    /// The entries of an array one below the other, in row-major order.
    pub fn column(shape: &[usize]) -> Self {
        let rows = SmallVec::from_vec(crate::array::strides(shape));
        let cols = SmallVec::from_elem(0, shape.len());
        Self { shape: [shape.iter().product(), 1], rows, cols }
    }

    /// Rows and columns exchanged.
    #[must_use]
    pub fn transposed(self) -> Self {
        Self { shape: [self.shape[1], self.shape[0]], rows: self.cols, cols: self.rows }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Array, arrange};
    use matgrad_calculus::graph::DimTable;

    #[test]
    fn places_are_those_of_dense_layouts() {
        let mut table = DimTable::default();
        let d = table.symbol("n");
        let kinds = [
            (Kind::Scalar, vec![]),
            (Kind::Column(d), vec![3]),
            (Kind::Row(d), vec![2]),
            (Kind::Matrix(d, d), vec![2, 3]),
        ];
        for (f, own) in &kinds {
            for (x, rest) in &kinds {
                for order in 1..=2 {
                    let mut shape = own.clone();
                    (0..order).for_each(|_| shape.extend(rest));
                    let mut next = 0.0;
                    let t = Array::from_fn(&shape, |_| {
                        next += 1.0;
                        next
                    });
                    for layout in Layout::ALL {
                        let Ok(grid) = Grid::new(&shape, f, x, order, layout) else { continue };
                        let Ok(dense) = arrange(&t, f, x, order, layout) else {
                            panic!("{f:?} {x:?} {order} {layout:?}: only the sparse one exists")
                        };
                        if layout != Layout::Tensor {
                            assert_eq!(dense.shape(), grid.shape, "{f:?} {x:?} {order} {layout:?}");
                        }
                        let mut at = 0;
                        Array::from_fn(&shape, |index| {
                            let place = |s: &[usize]| index.iter().zip(s).map(|(i, s)| i * s).sum::<usize>();
                            let found = place(&grid.rows) * grid.shape[1] + place(&grid.cols);
                            assert_eq!(dense.data()[found], t.data()[at], "{f:?} {x:?} {order} {layout:?}");
                            at += 1;
                            0.0
                        });
                    }
                }
            }
        }
    }
}
