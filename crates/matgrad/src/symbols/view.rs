//! Numbers where they are: arguments that are not copied, and results as values of other libraries.

use std::borrow::Cow;

use matgrad_eval::Array;
use smallvec::{SmallVec, smallvec};

use super::compile::Order;

/// An argument: its shape, how its entries lie, and where they are.
#[derive(Clone, Debug)]
pub struct View<'a> {
    shape: SmallVec<[usize; 4]>,
    order: Order,
    data: Cow<'a, [f64]>,
}

impl<'a> View<'a> {
    /// A view of a matrix.
    pub fn matrix(rows: usize, columns: usize, order: Order, data: impl Into<Cow<'a, [f64]>>) -> Self {
        Self { shape: smallvec![rows, columns], order, data: data.into() }
    }

    /// A view of a vector.
    pub fn vector(data: impl Into<Cow<'a, [f64]>>) -> Self {
        let data = data.into();
        Self { shape: smallvec![data.len()], order: Order::Rows, data }
    }

    /// A view of any array, row by row.
    pub fn rows(shape: &[usize], data: impl Into<Cow<'a, [f64]>>) -> Self {
        Self { shape: SmallVec::from_slice(shape), order: Order::Rows, data: data.into() }
    }

    pub(super) fn shape(&self) -> (&[usize], Order) {
        (&self.shape, self.order)
    }

    pub(super) fn data(&self) -> &[f64] {
        &self.data
    }

    /// Whether the numbers had to be copied.
    pub fn is_copy(&self) -> bool {
        matches!(self.data, Cow::Owned(_))
    }
}

impl<'a> From<&'a Array> for View<'a> {
    fn from(array: &'a Array) -> Self {
        View::rows(array.shape(), array.data())
    }
}

impl<'a> From<&'a [f64]> for View<'a> {
    fn from(data: &'a [f64]) -> Self {
        View::vector(data)
    }
}

impl<'a> From<&'a Vec<f64>> for View<'a> {
    fn from(data: &'a Vec<f64>) -> Self {
        View::vector(data.as_slice())
    }
}

impl From<f64> for View<'_> {
    fn from(value: f64) -> Self {
        View::rows(&[], vec![value])
    }
}

/// What a result can be turned into; nothing where its shape is another.
pub trait FromArray: Sized {
    /// The value with the entries of the array.
    fn from_array(array: &Array) -> Option<Self>;
}

impl FromArray for f64 {
    fn from_array(array: &Array) -> Option<Self> {
        if let [value] = array.data() { Some(*value) } else { None }
    }
}

impl FromArray for Vec<f64> {
    fn from_array(array: &Array) -> Option<Self> {
        Some(array.data().to_vec())
    }
}

/// Rows and columns of an array that a matrix can hold.
#[cfg(any(feature = "nalgebra", feature = "faer"))]
pub(super) fn grid(array: &Array) -> Option<(usize, usize)> {
    match array.shape() {
        [] => Some((1, 1)),
        [n] => Some((*n, 1)),
        [m, n] => Some((*m, *n)),
        _ => None,
    }
}
