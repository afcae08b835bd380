//! Dense arrays of numbers and the inputs of a program.

use std::collections::BTreeMap;

use matgrad_syntax::{Name, normalize_name};

use crate::precision::Precision;

/// A dense array in row-major (C) order; a scalar has no axes.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Array {
    shape: Vec<usize>,
    data: Vec<f64>,
    /// The precision of the entries; those in single precision are written with as many digits as they have.
    precision: Precision,
}

impl Array {
    /// An array from its entries in row-major order; `None` where their number does not fit the shape.
    pub fn new(shape: Vec<usize>, data: Vec<f64>) -> Option<Self> {
        (count(&shape)? == data.len()).then_some(Self { shape, data, precision: Precision::Double })
    }

    /// A number.
    pub fn scalar(value: f64) -> Self {
        Self { shape: Vec::new(), data: vec![value], precision: Precision::Double }
    }

    /// A vector.
    pub fn vector(data: Vec<f64>) -> Self {
        Self { shape: vec![data.len()], data, precision: Precision::Double }
    }

    /// An array whose entry at each index tuple is computed; nothing is computed for shapes too large to count.
    pub fn from_fn(shape: &[usize], mut entry: impl FnMut(&[usize]) -> f64) -> Self {
        let total = count(shape).unwrap_or(0);
        let mut index = vec![0; shape.len()];
        let mut data = Vec::with_capacity(total);
        for _ in 0..total {
            data.push(entry(&index));
            for axis in (0..shape.len()).rev() {
                index[axis] += 1;
                if index[axis] < shape[axis] {
                    break;
                }
                index[axis] = 0;
            }
        }
        Self { shape: shape.to_vec(), data, precision: Precision::Double }
    }

    /// Lengths of the axes.
    pub fn shape(&self) -> &[usize] {
        &self.shape
    }

    /// The entries in row-major order.
    pub fn data(&self) -> &[f64] {
        &self.data
    }

    /// The precision of the entries.
    pub fn precision(&self) -> Precision {
        self.precision
    }

    /// The same array with entries of this precision.
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

    /// The entries, taken out.
    pub fn into_data(self) -> Vec<f64> {
        self.data
    }

    /// The same entries under another shape with as many.
    pub fn reshaped(mut self, shape: Vec<usize>) -> Option<Self> {
        if count(&shape)? != self.data.len() {
            return None;
        }
        self.shape = shape;
        Some(self)
    }

    /// Zeros of a shape.
    pub fn zeros(shape: &[usize]) -> Self {
        Self { shape: shape.to_vec(), data: vec![0.0; shape.iter().product()], precision: Precision::Double }
    }

    /// An entry; `None` outside the array.
    pub fn get(&self, index: &[usize]) -> Option<f64> {
        if index.len() != self.shape.len() {
            return None;
        }
        let mut at = 0;
        for (i, n) in index.iter().zip(&self.shape) {
            if i >= n {
                return None;
            }
            at = at * n + i;
        }
        self.data.get(at).copied()
    }

    /// Axes in another order: axis `k` of the result is axis `order[k]` of this array.
    pub fn permuted(&self, order: &[usize]) -> Option<Self> {
        let mut seen = vec![false; self.shape.len()];
        for &axis in order {
            if std::mem::replace(seen.get_mut(axis)?, true) {
                return None;
            }
        }
        if order.len() != self.shape.len() {
            return None;
        }
        let strides = strides(&self.shape);
        let shape: Vec<usize> = order.iter().map(|&k| self.shape[k]).collect();
        let strides: Vec<usize> = order.iter().map(|&k| strides[k]).collect();
        Some(Self::from_fn(&shape, |index| {
            let at: usize = index.iter().zip(&strides).map(|(i, s)| i * s).sum();
            self.data[at]
        }))
    }

    /// How many entries are NaN or infinite.
    pub fn count_non_finite(&self) -> usize {
        self.data.iter().filter(|v| !v.is_finite()).count()
    }
}

/// How many entries a shape has; `None` past the size of the address space.
pub(crate) fn count(shape: &[usize]) -> Option<usize> {
    if shape.contains(&0) {
        return Some(0);
    }
    shape.iter().try_fold(1usize, |n, d| n.checked_mul(*d))
}

/// Row-major strides.
pub(crate) fn strides(shape: &[usize]) -> Vec<usize> {
    let mut strides = vec![1usize; shape.len()];
    for axis in (1..shape.len()).rev() {
        strides[axis - 1] = strides[axis].saturating_mul(shape[axis].max(1));
    }
    strides
}

/// The data of a problem, by the normalised name of the input (`λ` is `lambda`).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Inputs {
    arrays: BTreeMap<Name, Array>,
}

impl Inputs {
    /// No data.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds an array; the one it replaces, where the name was taken, comes back.
    pub fn insert(&mut self, name: &str, array: Array) -> Option<Array> {
        self.arrays.insert(normalize_name(name), array)
    }

    /// The array of a name.
    pub fn get(&self, name: &str) -> Option<&Array> {
        match self.arrays.get(name) {
            Some(array) => Some(array),
            None => self.arrays.get(&normalize_name(name)),
        }
    }

    /// The array of a name, to be changed in place.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Array> {
        if self.arrays.contains_key(name) {
            return self.arrays.get_mut(name);
        }
        self.arrays.get_mut(&normalize_name(name))
    }

    /// Names and arrays in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&Name, &Array)> {
        self.arrays.iter()
    }

    /// How many arrays there are.
    pub fn len(&self) -> usize {
        self.arrays.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.arrays.is_empty()
    }
}

/// A shape as people write it: `3×4`, `3` for a vector, `()` for a scalar.
pub fn shape_text(shape: &[usize]) -> String {
    match shape {
        [] => "()".into(),
        _ => shape.iter().map(usize::to_string).collect::<Vec<_>>().join("×"),
    }
}
