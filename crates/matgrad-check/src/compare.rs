//! Numbers against numbers: where two arrays differ, and by how much.

use crate::value::{Array, show};

/// An entry where an answer is wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Mismatch {
    /// Its place in the arranged derivative, from 1; empty where the shapes already differ.
    pub index: Vec<usize>,
    /// What the answer says there.
    pub got: f64,
    /// What is right.
    pub want: f64,
    /// The same in words.
    pub message: String,
}

/// The first entry, in the order of reading, where two arrays of one shape differ.
pub(crate) fn first_entry(got: &Array, want: &Array, tolerance: f64) -> Option<Mismatch> {
    if got.shape() != want.shape() {
        return Some(shape_mismatch(got, &show(want.shape())));
    }
    let scale = want.magnitude().max(f64::MIN_POSITIVE);
    let mut order: Vec<(Vec<usize>, usize)> = (0..got.len())
        .map(|at| {
            let mut rest = at;
            let index = got.shape().iter().map(|n| {
                let k = rest % n;
                rest /= n;
                k + 1
            });
            (index.collect(), at)
        })
        .collect();
    order.sort();
    order.into_iter().find_map(|(index, at)| {
        let (x, y) = (got.data()[at], want.data()[at]);
        let gap = (x - y).abs();
        (gap > tolerance * scale || gap.is_nan()).then(|| {
            let place: Vec<String> = index.iter().map(usize::to_string).collect();
            let message = format!("entry [{}] is {x:.6}, it should be {y:.6}", place.join(","));
            Mismatch { index, got: x, want: y, message }
        })
    })
}

pub(crate) fn plain_mismatch(message: String) -> Mismatch {
    Mismatch { index: Vec::new(), got: f64::NAN, want: f64::NAN, message }
}

/// A derivative along random steps that no entry explains.
pub(crate) fn number_mismatch(got: f64, want: f64) -> Mismatch {
    let message = format!("along a random direction the derivative is {got:.6}, it should be {want:.6}");
    Mismatch { index: Vec::new(), got, want, message }
}

pub(crate) fn shape_mismatch(got: &Array, want: &str) -> Mismatch {
    plain_mismatch(format!("the shape is {}, it should be {want}", show(got.shape())))
}

/// The tensor in directions, and the size of what was summed.
pub(crate) fn contract(tensor: &[f64], rows: usize, weights: &[&[f64]]) -> (Vec<f64>, f64) {
    let mut current = tensor.to_vec();
    let mut sizes: Vec<f64> = tensor.iter().map(|x| x.abs()).collect();
    // the last axis is the slowest, so it is contracted first
    for w in weights.iter().rev() {
        let block = current.len() / w.len().max(1);
        let mut next = vec![0.0; block];
        let mut next_sizes = vec![0.0; block];
        for (k, weight) in w.iter().enumerate() {
            for i in 0..block {
                next[i] += current[k * block + i] * weight;
                next_sizes[i] += sizes[k * block + i] * weight.abs();
            }
        }
        current = next;
        sizes = next_sizes;
    }
    debug_assert_eq!(current.len(), rows);
    (current, sizes.into_iter().fold(0.0, f64::max))
}

/// The largest difference; infinite where one is no number.
pub(crate) fn gap(got: &[f64], want: &[f64]) -> f64 {
    got.iter().zip(want).fold(0.0, |most: f64, (x, y)| {
        let gap = (x - y).abs();
        if gap.is_nan() { f64::INFINITY } else { most.max(gap) }
    })
}

/// The largest magnitude.
pub(crate) fn largest(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most: f64, x| most.max(x.abs()))
}

/// The largest difference against the largest entry, or against `floor` where all entries are small.
pub(crate) fn relative_error(got: &[f64], want: &[f64], floor: f64) -> f64 {
    let error = gap(got, want);
    if error == 0.0 { 0.0 } else { error / largest(want).max(floor).max(f64::MIN_POSITIVE) }
}
