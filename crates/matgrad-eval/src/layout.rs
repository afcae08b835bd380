//! Arrays of partial derivatives in every layout.

use std::fmt;

use matgrad_calculus::layout::{Kind, Layout};

use crate::Array;

/// A layout that does not apply.
#[derive(Clone, Debug, PartialEq)]
pub struct LayoutError {
    /// Which layout.
    pub layout: Layout,
    /// Why not.
    pub reason: &'static str,
}

impl fmt::Display for LayoutError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no layout `{}` here: {}", self.layout.name(), self.reason)
    }
}

impl std::error::Error for LayoutError {}

/// Rows and columns of a value with these axes; `None` for tensors and where the axes are not of the kind.
fn matrix_shape(kind: &Kind, axes: &[usize]) -> Option<(usize, usize)> {
    match (kind, axes) {
        (Kind::Scalar, []) => Some((1, 1)),
        (Kind::Column(_), [n]) => Some((*n, 1)),
        (Kind::Row(_), [n]) => Some((1, *n)),
        (Kind::Matrix(..), [m, n]) => Some((*m, *n)),
        _ => None,
    }
}

/// The derivative of the given order of F by X, whose axes are those of F, then (`order` times) those of X, arranged.
pub fn arrange(t: &Array, f: &Kind, x: &Kind, order: usize, layout: Layout) -> Result<Array, LayoutError> {
    let no = |reason| LayoutError { layout, reason };
    if t.shape().len() != f.rank() + order * x.rank() {
        return Err(no("the derivative has another number of axes"));
    }
    match layout {
        Layout::Tensor => return Ok(t.clone()),
        Layout::Blocks => return Err(no("blocks are taken before a program is made")),
        Layout::Differential => return Err(no("a differential is an expression, not an array")),
        _ => {}
    }
    let (own, rest) = t.shape().split_at(f.rank());
    let (Some((p, q)), Some((m, n))) = (matrix_shape(f, own), matrix_shape(x, rest.get(..x.rank()).unwrap_or(&[])))
    else {
        return Err(no("tensors with three axes or more have the tensor layout only"));
    };
    // by the declaration, as the derivative is printed, even where a dimension happens to be 1
    let (scalar_f, scalar_x) = (matches!(f, Kind::Scalar), matches!(x, Kind::Scalar));
    let data = t.data();
    let build = |rows: usize, cols: usize, entry: &dyn Fn(usize, usize) -> usize| {
        Array::from_fn(&[rows, cols], |at| data.get(entry(at[0], at[1])).copied().unwrap_or(f64::NAN))
    };
    if order == 1 || scalar_x {
        // entry (i, j) of F by entry (k, l) of X
        let at = |i: usize, j: usize, k: usize, l: usize| ((i * q + j) * m + k) * n + l;
        let flat = |r: usize, c: usize| at(r % p.max(1), r / p.max(1), c % m.max(1), c / m.max(1));
        return match layout {
            Layout::Jacobian => Ok(build(p * q, m * n, &flat)),
            Layout::Gradient if scalar_f => Ok(build(m, n, &|k, l| at(0, 0, k, l))),
            Layout::Gradient => Ok(build(m * n, p * q, &|r, c| flat(c, r))),
            Layout::Rowvec if scalar_f => Ok(build(1, m * n, &flat)),
            Layout::Rowvec => Err(no("it is for scalar functions")),
            Layout::Numerator if scalar_f => Ok(build(n, m, &|l, k| at(0, 0, k, l))),
            Layout::Denominator if scalar_f => Ok(build(m, n, &|k, l| at(0, 0, k, l))),
            Layout::Numerator if scalar_x => Ok(build(p, q, &|i, j| at(i, j, 0, 0))),
            Layout::Denominator if scalar_x => Ok(build(q, p, &|j, i| at(i, j, 0, 0))),
            Layout::Numerator => Ok(build(p * q, m * n, &flat)),
            _ => Ok(build(m * n, p * q, &|r, c| flat(c, r))),
        };
    }
    if order == 2 && scalar_f {
        // the same in every layout with two axes: vec stacks columns
        let place = |r: usize| (r % m.max(1)) * n + r / m.max(1);
        return Ok(build(m * n, m * n, &|r, c| place(r) * m * n + place(c)));
    }
    Err(no(match order {
        2 => "a second derivative of a function that is no scalar by a variable that is no scalar is a tensor",
        _ => "a derivative of this order is a tensor",
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use matgrad_calculus::graph::DimTable;

    const LAYOUTS: [Layout; 5] =
        [Layout::Numerator, Layout::Denominator, Layout::Jacobian, Layout::Gradient, Layout::Rowvec];

    /// The arrangement by transposing and reshaping arrays with all four (or six) axes, as the contract's own check does.
    fn reference(t: &Array, (p, q, m, n): (usize, usize, usize, usize), layout: Layout) -> Option<Array> {
        let t = t.clone().reshaped(vec![p, q, m, n])?;
        let flat = t.permuted(&[1, 0, 3, 2])?.reshaped(vec![p * q, m * n])?;
        let flip = |a: &Array| a.permuted(&[1, 0]);
        let first = |a: &Array| Array::from_fn(&[m, n], |i| a.get(&[0, 0, i[0], i[1]]).unwrap());
        let (scalar_f, scalar_x) = (p * q == 1, m * n == 1);
        let numerator = || {
            if scalar_f {
                flip(&first(&t))
            } else if scalar_x {
                t.clone().reshaped(vec![p, q])
            } else {
                Some(flat.clone())
            }
        };
        match layout {
            Layout::Jacobian => Some(flat),
            Layout::Gradient => {
                if scalar_f {
                    Some(first(&t))
                } else {
                    flip(&flat)
                }
            }
            Layout::Rowvec => scalar_f.then_some(flat),
            Layout::Numerator => numerator(),
            Layout::Denominator => flip(&numerator()?),
            _ => None,
        }
    }

    #[test]
    fn first_derivatives() {
        let mut table = DimTable::default();
        let d = table.symbol("n");
        let kinds = |size: (usize, usize)| match size {
            (1, 1) => (Kind::Scalar, vec![]),
            (n, 1) => (Kind::Column(d), vec![n]),
            (1, n) => (Kind::Row(d), vec![n]),
            (m, n) => (Kind::Matrix(d, d), vec![m, n]),
        };
        for f in [(1, 1), (3, 1), (1, 2), (2, 3)] {
            for x in [(1, 1), (4, 1), (1, 3), (3, 2)] {
                let ((kf, sf), (kx, sx)) = (kinds(f), kinds(x));
                let shape = [sf, sx].concat();
                let mut next = 0.0;
                let t = Array::from_fn(&shape, |_| {
                    next += 1.0;
                    next
                });
                for layout in LAYOUTS {
                    let expected = reference(&t, (f.0, f.1, x.0, x.1), layout);
                    assert_eq!(arrange(&t, &kf, &kx, 1, layout).ok(), expected, "{f:?} {x:?} {layout:?}");
                }
                assert_eq!(arrange(&t, &kf, &kx, 1, Layout::Tensor).unwrap(), t);
                assert!(arrange(&t, &kf, &kx, 1, Layout::Differential).is_err());
            }
        }
    }

    #[test]
    fn by_hand() {
        let mut table = DimTable::default();
        let d = table.symbol("n");
        // f scalar, X 2×3: entries 1..6 row by row
        let t = Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap();
        let x = Kind::Matrix(d, d);
        let of = |layout| arrange(&t, &Kind::Scalar, &x, 1, layout).unwrap();
        assert_eq!(of(Layout::Numerator).shape(), [3, 2]);
        assert_eq!(of(Layout::Numerator).data(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(of(Layout::Gradient), t);
        assert_eq!(of(Layout::Denominator), t);
        assert_eq!(of(Layout::Rowvec).data(), [1.0, 4.0, 2.0, 5.0, 3.0, 6.0]);
        assert_eq!(of(Layout::Rowvec).shape(), [1, 6]);
    }

    #[test]
    fn second_derivatives() {
        let mut table = DimTable::default();
        let d = table.symbol("n");
        let x = Kind::Matrix(d, d);
        let h = Array::from_fn(&[2, 3, 2, 3], |i| (i[0] * 1000 + i[1] * 100 + i[2] * 10 + i[3]) as f64);
        let expected = h.permuted(&[1, 0, 3, 2]).unwrap().reshaped(vec![6, 6]).unwrap();
        for layout in LAYOUTS {
            assert_eq!(arrange(&h, &Kind::Scalar, &x, 2, layout).unwrap(), expected);
        }
        let scalar = Array::from_fn(&[2, 3], |i| (i[0] * 3 + i[1]) as f64);
        assert_eq!(arrange(&scalar, &x, &Kind::Scalar, 2, Layout::Numerator).unwrap(), scalar);
        assert_eq!(arrange(&scalar, &x, &Kind::Scalar, 3, Layout::Denominator).unwrap().shape(), [3, 2]);
        let mixed = Array::from_fn(&[2, 3, 3], |_| 0.0);
        assert!(arrange(&mixed, &Kind::Column(d), &Kind::Column(d), 2, Layout::Jacobian).is_err());
        let number = Array::scalar(2.0);
        assert_eq!(arrange(&number, &Kind::Scalar, &Kind::Scalar, 2, Layout::Numerator).unwrap().shape(), [1, 1]);
    }
}
