//! Dense arrays, column-major, with at least two axes: a scalar is 1×1, a vector n×1.

use smallvec::SmallVec;

use crate::error::{ErrorKind, EvalError, Result};
use crate::scalar::Scalar;

/// The sizes of the axes.
pub(crate) type Shape = SmallVec<[usize; 2]>;

/// No array of a check has more entries.
pub(crate) const MAX_ENTRIES: usize = 1 << 20;

/// A dense array, column-major (the first index runs fastest), of at least two axes: a scalar is 1×1, a vector n×1.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T = f64> {
    shape: Shape,
    data: SmallVec<[T; 1]>,
}

impl<T: Copy> Array<T> {
    /// An array of these sizes with these entries, first index fastest. `None` where their number does not fit.
    pub fn new(shape: &[usize], data: Vec<T>) -> Option<Self> {
        let shape = two_axes(shape);
        (shape.iter().product::<usize>() == data.len()).then(|| Self { shape, data: SmallVec::from_vec(data) })
    }

    /// A 1×1 array.
    pub fn scalar(value: T) -> Self {
        Self { shape: Shape::from_buf([1, 1]), data: SmallVec::from_buf([value]) }
    }

    /// An n×1 array.
    pub fn column(data: Vec<T>) -> Self {
        Self { shape: Shape::from_buf([data.len(), 1]), data: SmallVec::from_vec(data) }
    }

    /// The sizes of the axes, at least two.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The entries, first index fastest.
    pub fn data(&self) -> &[T] {
        &self.data
    }

    /// The entries, to be changed.
    pub fn data_mut(&mut self) -> &mut [T] {
        &mut self.data
    }

    pub(crate) fn from_parts(shape: Shape, data: SmallVec<[T; 1]>) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), data.len());
        Self { shape, data }
    }

    pub(crate) fn matrix(rows: usize, cols: usize, data: impl IntoIterator<Item = T>) -> Self {
        let data: SmallVec<[T; 1]> = data.into_iter().collect();
        Self::from_parts(Shape::from_buf([rows, cols]), data)
    }

    pub(crate) fn len(&self) -> usize {
        self.data.len()
    }

    pub(crate) fn is_scalar(&self) -> bool {
        self.data.len() == 1
    }

    pub(crate) fn rows(&self) -> usize {
        self.shape[0]
    }

    pub(crate) fn cols(&self) -> usize {
        self.shape[1]
    }

    pub(crate) fn rank(&self) -> usize {
        self.shape.len()
    }

    pub(crate) fn is_vector(&self) -> bool {
        self.rank() == 2 && (self.shape[0] == 1 || self.shape[1] == 1)
    }

    pub(crate) fn is_square(&self) -> bool {
        self.rank() == 2 && self.shape[0] == self.shape[1]
    }

    pub(crate) fn at(&self, i: usize, j: usize) -> T {
        self.data[i + self.shape[0] * j]
    }

    pub(crate) fn set(&mut self, i: usize, j: usize, value: T) {
        let at = i + self.shape[0] * j;
        self.data[at] = value;
    }

    pub(crate) fn first(&self) -> T {
        self.data[0]
    }

    pub(crate) fn map<U: Copy>(&self, f: impl FnMut(T) -> U) -> Array<U> {
        Array { shape: self.shape.clone(), data: self.data.iter().copied().map(f).collect() }
    }

    pub(crate) fn reshaped(&self, shape: &[usize]) -> Self {
        debug_assert_eq!(shape.iter().product::<usize>(), self.len());
        Self { shape: two_axes(shape), data: self.data.clone() }
    }

    /// Of a matrix.
    pub(crate) fn transposed(&self) -> Self {
        let (m, n) = (self.rows(), self.cols());
        if m == 1 || n == 1 {
            return Self { shape: Shape::from_buf([n, m]), data: self.data.clone() };
        }
        let mut data = SmallVec::with_capacity(m * n);
        for i in 0..m {
            for j in 0..n {
                data.push(self.data[i + m * j]);
            }
        }
        Self { shape: Shape::from_buf([n, m]), data }
    }
}

impl<T: Scalar> Array<T> {
    pub(crate) fn filled(shape: &[usize], value: T) -> Self {
        let shape = two_axes(shape);
        let len = shape.iter().product();
        Self { shape, data: SmallVec::from_elem(value, len) }
    }

    pub(crate) fn zeros(shape: &[usize]) -> Self {
        Self::filled(shape, T::ZERO)
    }

    pub(crate) fn eye(n: usize) -> Self {
        Self::scaled_eye(n, T::ONE)
    }

    pub(crate) fn scaled_eye(n: usize, value: T) -> Self {
        let mut out = Self::zeros(&[n, n]);
        for i in 0..n {
            out.set(i, i, value);
        }
        out
    }

    pub(crate) fn is_finite(&self) -> bool {
        self.data.iter().all(|x| x.is_finite())
    }

    /// Largest absolute value, also of derivatives.
    pub(crate) fn magnitude(&self) -> f64 {
        self.data.iter().fold(0.0, |most, x| x.magnitude().max(most))
    }

    /// Entry by entry with an array of the same shape, which the caller has checked.
    pub(crate) fn zip(&self, other: &Self, mut f: impl FnMut(T, T) -> T) -> Self {
        let data = self.data.iter().zip(&other.data).map(|(a, b)| f(*a, *b)).collect();
        Self { shape: self.shape.clone(), data }
    }

    /// The matrix product; the inner sizes have been checked.
    pub(crate) fn matmul(&self, other: &Self) -> Self {
        let (m, inner, n) = (self.rows(), self.cols(), other.cols());
        let mut out: SmallVec<[T; 1]> = SmallVec::from_elem(T::ZERO, m * n);
        for j in 0..n {
            let column = &mut out[j * m..(j + 1) * m];
            for k in 0..inner {
                let b = other.data[k + inner * j];
                // Kronecker factors and permutations are mostly zeros
                if !b.is_zero() {
                    for (c, a) in column.iter_mut().zip(&self.data[k * m..(k + 1) * m]) {
                        *c = *c + *a * b;
                    }
                }
            }
        }
        Self { shape: Shape::from_buf([m, n]), data: out }
    }

    pub(crate) fn scale(&self, factor: f64) -> Self {
        self.map(|x| x.scale(factor))
    }
}

/// A scalar becomes 1×1, a vector n×1.
pub(crate) fn two_axes(shape: &[usize]) -> Shape {
    match shape {
        [] => Shape::from_buf([1, 1]),
        [n] => Shape::from_buf([*n, 1]),
        more => Shape::from_slice(more),
    }
}

/// Refuses shapes beyond the limit of entries, also where their product overflows.
pub(crate) fn checked(shape: &[usize]) -> Result<()> {
    let len = shape.iter().try_fold(1usize, |len, n| len.checked_mul(*n));
    match len {
        Some(len) if len <= MAX_ENTRIES => Ok(()),
        _ => Err(EvalError::new(ErrorKind::Limit, format!("an array of shape {} is too large to check", show(shape)))),
    }
}

/// `3×4`.
pub(crate) fn show(shape: &[usize]) -> String {
    shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

/// How `vector(1)` and `matrix(1)` take their shape from their surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Column,
    Row,
    Matrix,
}

/// A value: an array, or one of the constants whose size the surroundings fix.
#[derive(Clone, Debug)]
pub(crate) enum Value<T> {
    Dense(Array<T>),
    /// A multiple of the identity of whatever size fits.
    Eye(T),
    /// All entries equal, of whatever size fits.
    Fill(T, Form),
}

impl<T: Scalar> Value<T> {
    pub(crate) fn scalar(value: T) -> Self {
        Value::Dense(Array::scalar(value))
    }

    pub(crate) fn number(value: f64) -> Self {
        Self::scalar(T::new(value))
    }

    /// The array; an error where the size is not known.
    pub(crate) fn dense(&self) -> Result<&Array<T>> {
        match self {
            Value::Dense(array) => Ok(array),
            Value::Eye(_) => Err(EvalError::shape("the size of I is not known")),
            Value::Fill(..) => Err(EvalError::shape("the size of vector(…) or matrix(…) is not known")),
        }
    }

    pub(crate) fn as_scalar(&self) -> Option<T> {
        match self {
            Value::Dense(array) if array.is_scalar() => Some(array.first()),
            _ => None,
        }
    }

    pub(crate) fn need_scalar(&self) -> Result<T> {
        self.as_scalar().ok_or_else(|| match self.dense() {
            Ok(array) => EvalError::shape(format!("a scalar is needed, got shape {}", show(array.shape()))),
            Err(error) => error,
        })
    }

    /// Of the shape `shape`, where that can be.
    pub(crate) fn with_shape(&self, shape: &[usize]) -> Result<Array<T>> {
        match self {
            Value::Dense(array) => Ok(array.clone()),
            Value::Eye(value) if shape.len() == 2 && shape[0] == shape[1] => Ok(Array::scaled_eye(shape[0], *value)),
            Value::Eye(_) => Err(EvalError::shape(format!("I is square and cannot have shape {}", show(shape)))),
            Value::Fill(value, form) => {
                let fits = match form {
                    Form::Matrix => true,
                    Form::Column => shape.len() == 2 && shape[1] == 1,
                    Form::Row => shape.len() == 2 && shape[0] == 1,
                };
                if fits {
                    Ok(Array::filled(shape, *value))
                } else {
                    Err(EvalError::shape(format!("a vector of ones cannot have shape {}", show(shape))))
                }
            }
        }
    }
}

impl<T> From<Array<T>> for Value<T> {
    fn from(array: Array<T>) -> Self {
        Value::Dense(array)
    }
}
