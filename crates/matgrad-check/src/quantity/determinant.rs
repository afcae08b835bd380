//! The determinant of a Jacobian, between all entries or between those that structure leaves free.

use matgrad_syntax::Attribute;

use super::{Scaling, Trial, Truth};
use crate::derivative::Lift;
use crate::direction::{Convention, along_free_entries};
use crate::error::{EvalError, Result};
use crate::linalg::det;
use crate::value::Array;

/// Entries below this part of the largest count as 0.
const NEGLIGIBLE: f64 = 1e-9;

impl<T: Lift> Trial<'_, T> {
    pub(super) fn determinant(&mut self, scaling: Scaling, inputs: &[Array]) -> Result<Truth> {
        let jacobian = self.jacobian(inputs)?;
        // Hadamard's bound: the size of what a determinant near 0 is near 0 against
        let n = jacobian.rows();
        let bound: f64 = (0..n).map(|j| (0..n).map(|i| jacobian.at(i, j).powi(2)).sum::<f64>().sqrt()).product();
        let value = det(&jacobian)?;
        let floor = 1e-6 * bound;
        Ok(match scaling {
            Scaling::Signed => (Array::scalar(value), floor),
            Scaling::Absolute => (Array::scalar(value.abs()), floor),
            Scaling::Logarithm if value.abs() <= 1e-12 * bound => {
                return Err(EvalError::domain("the determinant is 0 there"));
            }
            Scaling::Logarithm => (Array::scalar(value.abs().ln()), 1.0),
        })
    }

    /// The square matrix of partial derivatives between free entries.
    fn jacobian(&mut self, inputs: &[Array]) -> Result<Array> {
        if let Some(jacobian) = self.between_orthogonal(inputs)? {
            return Ok(jacobian);
        }
        let steps = self.free_steps(inputs);
        let columns: Vec<Array> =
            steps.iter().map(|step| self.derivative(inputs, &[step])).collect::<Result<Vec<Array>>>()?;
        let Some(first) = columns.first() else { return Err(EvalError::shape("there are no coordinates")) };
        let rows = free_rows(first.shape(), &columns)
            .ok_or_else(|| EvalError::shape("the Jacobian between free entries is not square"))?;
        let entries = columns.iter().flat_map(|column| rows.iter().map(|i| column.data()[*i]));
        Ok(Array::matrix(rows.len(), columns.len(), entries))
    }

    /// Of an orthogonal variable Q and a function F with orthogonal values: from K in dQ = Q*K to F'*dF, both skew.
    fn between_orthogonal(&mut self, inputs: &[Array]) -> Result<Option<Array>> {
        let [input] = self.coordinates.inputs[..] else { return Ok(None) };
        let orthogonal = self.model.inputs[input].attributes.contains(&Attribute::Orthogonal);
        if !orthogonal || self.options.convention == Convention::Free {
            return Ok(None);
        }
        let (x, value) = (inputs[input].clone(), self.function(inputs)?);
        let n = x.rows();
        let gram = value.transposed().matmul(&value);
        let unit = Array::matrix(n, n, (0..n * n).map(|k| f64::from(k % (n + 1) == 0)));
        if value.shape() != x.shape() || gram.zip(&unit, |a, b| a - b).magnitude() > 1e-9 {
            return Err(EvalError::shape("the values of the function are not orthogonal"));
        }
        let pairs: Vec<(usize, usize)> = (0..n).flat_map(|j| (j + 1..n).map(move |i| (i, j))).collect();
        let mut entries = Vec::with_capacity(pairs.len() * pairs.len());
        for (i, j) in &pairs {
            let mut skew = vec![0.0; n * n];
            skew[i + n * j] = 1.0;
            skew[j + n * i] = -1.0;
            let step = x.matmul(&Array::matrix(n, n, skew));
            let along = value.transposed().matmul(&self.derivative(inputs, &[step.data()])?);
            entries.extend(pairs.iter().map(|(i, j)| along.at(*i, *j)));
        }
        Ok(Some(Array::matrix(pairs.len(), pairs.len(), entries)))
    }

    /// A step for each free entry of the variables.
    fn free_steps(&self, inputs: &[Array]) -> Vec<Vec<f64>> {
        let n = self.coordinates.count;
        let mut steps = Vec::new();
        for input in &self.coordinates.inputs {
            let (x, attributes) = (&inputs[*input], &self.model.inputs[*input].attributes);
            let offset = self.coordinates.offsets[*input].unwrap_or(0);
            for k in 0..x.len() {
                let free = (0..x.len()).map(|l| f64::from(k == l)).collect();
                let convention = match self.options.convention {
                    Convention::Free => Convention::Free,
                    _ => Convention::Entries,
                };
                let own = along_free_entries(convention, attributes, x, free);
                if own.iter().any(|d| *d != 0.0) {
                    let mut step = vec![0.0; n];
                    step[offset..offset + own.len()].copy_from_slice(&own);
                    steps.push(step);
                }
            }
        }
        steps
    }
}

/// The entries of the value that fix the others, as many as there are columns.
fn free_rows(shape: &[usize], columns: &[Array]) -> Option<Vec<usize>> {
    let (count, wanted) = (shape.iter().product::<usize>(), columns.len());
    if count == wanted {
        return Some((0..count).collect());
    }
    let &[n, cols] = shape else { return None };
    if n != cols {
        return None;
    }
    let scale = columns.iter().map(Array::magnitude).fold(0.0, f64::max);
    let all = |holds: &dyn Fn(&Array, usize, usize) -> bool| {
        columns.iter().all(|c| (0..n).all(|j| (0..n).all(|i| holds(c, i, j))))
    };
    let small = |x: f64| x.abs() <= NEGLIGIBLE * scale;
    let symmetric = all(&|c, i, j| small(c.at(i, j) - c.at(j, i)));
    let skew = all(&|c, i, j| small(c.at(i, j) + c.at(j, i)));
    let lower = all(&|c, i, j| i >= j || small(c.at(i, j)));
    let upper = all(&|c, i, j| i <= j || small(c.at(i, j)));
    let keep: &dyn Fn(usize, usize) -> bool = if lower && upper {
        &|i, j| i == j
    } else if symmetric || lower {
        &|i, j| i >= j
    } else if upper {
        &|i, j| i <= j
    } else if skew {
        &|i, j| i > j
    } else {
        return None;
    };
    let rows: Vec<usize> = (0..n)
        .flat_map(|j| (0..n).map(move |i| (i, j)))
        .filter(|(i, j)| keep(*i, *j))
        .map(|(i, j)| i + n * j)
        .collect();
    (rows.len() == wanted).then_some(rows)
}
