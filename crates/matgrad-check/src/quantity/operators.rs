//! Operators of vector calculus, from all entries of the derivatives they need.

use super::{Operator, Trial, Truth};
use crate::derivative::Lift;
use crate::error::{ErrorKind, EvalError, Result};
use crate::point::steps_of;
use crate::value::Array;

/// More entries of derivatives than this are not added up.
const MAX_DERIVATIVES: usize = 10_000;

/// A value with a tail of derivatives: entry `i` of the value, by coordinates `k`, `l`, … at `i + v*(k + n*(l + …))`.
struct Jet {
    shape: Vec<usize>,
    data: Vec<f64>,
    coordinates: usize,
}

/// A new entry: its terms `(sign, entry, coordinate)`.
type Entry = Vec<(f64, usize, usize)>;

impl Jet {
    fn values(&self) -> usize {
        self.shape.iter().product()
    }

    /// The linear map of the operator: each new entry as a list of `(sign, entry, coordinate)`.
    fn apply(self, operator: Operator) -> Result<Jet> {
        let (n, v) = (self.coordinates, self.values());
        let (shape, terms): (Vec<usize>, Vec<Entry>) = match operator {
            Operator::Gradient if v == 1 => (vec![n, 1], (0..n).map(|k| vec![(1.0, 0, k)]).collect()),
            Operator::Divergence if v == n => (vec![1, 1], vec![(0..n).map(|k| (1.0, k, k)).collect()]),
            Operator::Divergence if self.shape.get(1) == Some(&n) => {
                let m = self.shape[0];
                (vec![m, 1], (0..m).map(|i| (0..n).map(|k| (1.0, i + m * k, k)).collect()).collect())
            }
            Operator::Curl if (n, v) == (2, 2) => (vec![1, 1], vec![vec![(1.0, 1, 0), (-1.0, 0, 1)]]),
            Operator::Curl if (n, v) == (3, 3) => {
                let entry = |i: usize| {
                    let (j, k) = ((i + 1) % 3, (i + 2) % 3);
                    vec![(1.0, k, j), (-1.0, j, k)]
                };
                (vec![3, 1], (0..3).map(entry).collect())
            }
            _ => return Err(EvalError::shape("the operator does not apply to a value of this shape")),
        };
        let rest = self.data.len() / (v * n).max(1);
        let mut data = Vec::with_capacity(terms.len() * rest);
        for tail in 0..rest {
            for list in &terms {
                data.push(list.iter().map(|(sign, i, k)| sign * self.data[i + v * (k + n * tail)]).sum());
            }
        }
        Ok(Jet { shape, data, coordinates: n })
    }

    /// The sum over equal coordinates of two derivatives.
    fn laplacian(self) -> Jet {
        let (n, v) = (self.coordinates, self.values());
        let rest = self.data.len() / (v * n * n).max(1);
        let mut data = Vec::with_capacity(v * rest);
        for tail in 0..rest {
            for i in 0..v {
                data.push((0..n).map(|k| self.data[i + v * (k + n * (k + n * tail))]).sum());
            }
        }
        Jet { data, ..self }
    }
}

impl<T: Lift> Trial<'_, T> {
    pub(super) fn operated(&mut self, list: &[Operator], inputs: &[Array]) -> Result<Truth> {
        let order = self.quantity.order();
        let n = self.coordinates.count;
        let count = n.checked_pow(order as u32).filter(|count| *count <= MAX_DERIVATIVES);
        let Some(count) = count else {
            return Err(EvalError::new(ErrorKind::Limit, "the derivative has too many entries to add up"));
        };
        let units: Vec<Vec<f64>> = (0..n).map(|k| (0..n).map(|l| f64::from(k == l)).collect()).collect();
        let mut shape = Vec::new();
        let mut data = Vec::new();
        for at in 0..count {
            let steps = steps_of(&units, at, order);
            let value = self.derivative(inputs, &steps)?;
            shape = value.shape().to_vec();
            data.extend_from_slice(value.data());
        }
        let size = data.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        let mut jet = Jet { shape, data, coordinates: n };
        for operator in list {
            jet = match operator {
                Operator::Laplacian => jet.laplacian(),
                operator => jet.apply(*operator)?,
            };
        }
        match Array::new(&jet.shape, jet.data) {
            Some(value) => Ok((value, size)),
            None => Err(EvalError::shape("the operator has no value")),
        }
    }
}
