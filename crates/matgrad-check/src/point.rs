//! A point of a function's domain, and all its derivatives there.

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::derivative::{Directional, Lift};
use crate::direction::symmetric_part;
use crate::error::{ErrorKind, EvalError, Result};
use crate::problem::{Input, Model};
use crate::rng::Rng;
use crate::sample::{Family, draw};
use crate::value::{Array, two_axes};

/// A point of the domain where function and answer have values.
#[derive(Clone)]
pub(crate) struct Point {
    pub inputs: Vec<Array>,
}

/// Bodies of the abstract functions, around `offset`.
pub(crate) fn bodies(model: &Model, offset: f64, seed: u64) -> Vec<Body> {
    let mut rng = Rng::new(seed ^ 0xabcd);
    model.functions.iter().map(|f| Body::random(f.arguments, &f.codomain, offset, &mut rng)).collect()
}

pub(crate) fn draw_inputs(model: &Model, family: Family, rng: &mut Rng, budget: &Budget) -> Result<Vec<Array>> {
    let entries: usize = model.inputs.iter().map(|input| input.shape.iter().product::<usize>()).sum();
    budget.spend(20 * entries as u64)?;
    let mut one = |input: &Input| {
        let shape = two_axes(&input.shape);
        let mut array = draw(&shape, &input.attributes, family, rng);
        if input.picks {
            // subscripts: 1 and 2 are inside of nearly every axis
            array.data_mut().iter_mut().for_each(|x| *x = if rng.uniform(0.0, 1.0) < 0.5 { 1.0 } else { 2.0 });
        }
        array
    };
    Ok(model.inputs.iter().map(&mut one).collect())
}

/// The sizes of F and all entries of the derivative tensor, column-major.
pub(crate) fn full_tensor<T: Lift>(
    truth: &mut Directional<'_, T>,
    model: &Model,
    point: &Point,
    order: usize,
    symmetric: bool,
) -> Result<(Vec<usize>, Vec<f64>)> {
    let shape = model.wrt_shape();
    let n: usize = shape.iter().product();
    let count = n.checked_pow(order as u32).filter(|count| *count <= 10_000);
    let Some(count) = count else {
        return Err(EvalError::new(ErrorKind::Limit, "the derivative has too many entries to compare each"));
    };
    let mut units: Vec<Vec<f64>> = (0..n).map(|k| (0..n).map(|l| f64::from(k == l)).collect()).collect();
    if symmetric {
        units.iter_mut().for_each(|unit| symmetric_part(shape[0], unit));
    }
    let mut f_shape = vec![1, 1];
    let mut data = Vec::new();
    for at in 0..count {
        let steps = steps_of(&units, at, order);
        let value = match truth.at(&point.inputs, &steps) {
            Err(error) if error.kind == ErrorKind::NoDual => truth.by_differences(&point.inputs, &steps)?,
            result => result?,
        };
        f_shape = value.shape().to_vec();
        data.extend_from_slice(value.data());
    }
    Ok((f_shape, data))
}

/// The steps of one entry of a derivative: the digits of `at` by the number of units, the first variable fastest.
pub(crate) fn steps_of(units: &[Vec<f64>], mut at: usize, order: usize) -> Vec<&[f64]> {
    let mut step = || {
        let k = at % units.len().max(1);
        at /= units.len().max(1);
        units.get(k).map_or(&[][..], Vec::as_slice)
    };
    (0..order).map(|_| step()).collect()
}
