//! Is a gap more than rounding? Function and answer are computed again in randomly rounded arithmetic.

use std::ops::RangeInclusive;

use matgrad_syntax::Attribute;

use super::{Check, Gap};
use crate::compare::{contract, gap, largest};
use crate::derivative::{Directional, Lift};
use crate::differences::rounded_off;
use crate::direction::{Direction, bend};
use crate::error::{ErrorKind, Result};
use crate::layout::Layout;
use crate::machine::Machine;
use crate::point::Point;
use crate::problem::Input;
use crate::rounded::{Rounded, seed};
use crate::scalar::Scalar;
use crate::value::{Array, Value};

/// How often both sides are computed again.
const RUNS: u64 = 5;

/// A gap is explained where it is at most so many times what runs differ by.
const FACTOR: f64 = 32.0;

/// What random rounding says of a gap.
pub(super) enum Rounding {
    /// The gap is larger than what rounding makes.
    IsSmall,
    /// Both sides are as uncertain as they differ: so little against derivative and function.
    Explains(f64),
    /// Both sides are 0 but for rounding: so little against the terms that cancelled.
    Vanishes(f64),
    /// The numbers at this point mean nothing.
    Drowns,
}

/// By how much runs differ, and how large the terms were.
#[derive(Default)]
struct Spread {
    truth: f64,
    answer: f64,
    size: f64,
}

impl<T: Lift> Check<'_, T> {
    pub(super) fn rounding(
        &mut self,
        point: &Point,
        directions: &[Direction],
        truth: &Array,
        found: &Gap,
    ) -> Result<Rounding> {
        let mut spread = self.spread(point, directions, truth, found, 1..=RUNS)?;
        let most = largest(truth.data());
        let unit = FACTOR * f64::EPSILON * spread.size;
        // of what may be 0 but for the last places of its terms a few runs round alike now and then
        let may_vanish = most <= unit && largest(&found.got) <= unit
            || self.model.inputs.iter().any(|input| input.attributes.contains(&Attribute::Orthogonal));
        if found.absolute > FACTOR * (spread.truth + spread.answer) && may_vanish {
            let more = self.spread(point, directions, truth, found, RUNS + 1..=8 * RUNS)?;
            spread.truth = spread.truth.max(more.truth);
            spread.answer = spread.answer.max(more.answer);
        }
        let noise = spread.truth + spread.answer;
        if found.absolute > FACTOR * noise {
            return Ok(Rounding::IsSmall);
        }
        self.plain.set_inputs(point.inputs.clone());
        let value = self.plain.eval(self.model.target)?.dense()?.magnitude();
        Ok(if noise <= 1e-5 * most {
            Rounding::Explains(found.absolute / most.max(value))
        } else if most <= FACTOR * spread.truth && noise <= 1e-6 * spread.size.max(value) {
            Rounding::Vanishes(found.absolute / spread.size.max(value))
        } else {
            Rounding::Drowns
        })
    }

    fn spread(
        &mut self,
        point: &Point,
        directions: &[Direction],
        truth: &Array,
        found: &Gap,
        runs: RangeInclusive<u64>,
    ) -> Result<Spread> {
        let mut spread = Spread::default();
        let steps: Vec<&[f64]> = directions.iter().map(|direction| direction.step.as_slice()).collect();
        let input = &self.model.inputs[self.model.wrt];
        let bend = bend(self.options.convention, &input.attributes, &point.inputs[self.model.wrt], directions);
        let mut again = Directional::<T::Rounded>::new(self.model, self.bodies, self.budget);
        let mut plain = Machine::<Rounded>::new(&self.model.program, self.bodies, self.budget);
        for run in runs {
            seed(run);
            let inputs = self.rounded_inputs(point);
            match again.with_size(&inputs, &steps, bend.as_deref().unwrap_or_default()) {
                Ok((other, size)) => {
                    spread.truth = spread.truth.max(gap(other.data(), truth.data()));
                    spread.size = spread.size.max(size);
                }
                Err(error) if error.kind == ErrorKind::NoDual || self.doubt.is_some() => {
                    // differences of another width
                    let shorter: Vec<Vec<f64>> = steps.iter().map(|s| s.iter().map(|x| 0.7 * x).collect()).collect();
                    let shorter: Vec<&[f64]> = shorter.iter().map(Vec::as_slice).collect();
                    let other = self.truth.by_differences(&point.inputs, &shorter)?;
                    let other = other.scale(0.7f64.powi(-(steps.len() as i32)));
                    self.plain.set_inputs(point.inputs.clone());
                    let value = self.plain.eval(self.model.target)?.dense()?.magnitude();
                    let own = rounded_off(steps.len(), value);
                    spread.truth = spread.truth.max(gap(other.data(), truth.data())).max(own);
                    // differences of what is known to no place are known to none
                    plain.set_inputs(inputs.iter().map(|input| input.map(Rounded::new)).collect());
                    let rounded = plain.eval(self.model.target)?.dense()?;
                    let off = gap(rounded.map(|x| x.value).data(), self.plain.eval(self.model.target)?.dense()?.data());
                    if value > 0.0 {
                        spread.truth = spread.truth.max(largest(truth.data()) * (off / value).min(1.0));
                    }
                    spread.size = spread.size.max(rounded.map(|x| x.size).magnitude());
                }
                Err(error) => return Err(error),
            }
            let Some(Ok(root)) = self.model.answers.first() else { break };
            plain.set_inputs(inputs.iter().map(|input| input.map(Rounded::new)).collect());
            let arrangement = self.arrangement(truth);
            let shape = arrangement.as_ref().map_or_else(|| truth.shape().to_vec(), |a| a.shape.clone());
            let answer = match plain.eval(*root)? {
                Value::Dense(array) => array.clone(),
                constant => constant.with_shape(&shape)?,
            };
            let (values, sizes) = (answer.map(|x| x.value), answer.map(|x| x.size));
            if self.answer.layout == Layout::Differential && self.answer.order == 1 {
                spread.answer = spread.answer.max(gap(values.data(), &found.got));
                spread.size = spread.size.max(sizes.magnitude());
                continue;
            }
            let Some(arrangement) = arrangement else { break };
            let (Some(values), Some(sizes)) = (arrangement.tensor(&values), arrangement.tensor(&sizes)) else { break };
            let weights: Vec<&[f64]> = directions.iter().map(|direction| direction.weights.as_slice()).collect();
            let (got, added) = contract(&values, truth.len(), &weights);
            // what adding up the entries rounds off
            spread.answer = spread.answer.max(gap(&got, &found.got)).max(f64::EPSILON * added);
            spread.size = spread.size.max(contract(&sizes, truth.len(), &weights).1);
        }
        Ok(spread)
    }

    /// The inputs as known as they are: what is orthogonal is so but for the last place of each entry.
    fn rounded_inputs(&self, point: &Point) -> Vec<Array> {
        let rounded = |(value, input): (&Array, &Input)| {
            if !input.attributes.contains(&Attribute::Orthogonal) {
                return value.clone();
            }
            let mut other = value.map(|x| Rounded::new(x).uncertain(x.abs()).value);
            if input.attributes.contains(&Attribute::Symmetric) {
                for j in 0..other.cols() {
                    for i in 0..j {
                        other.set(j, i, other.at(i, j));
                    }
                }
            }
            other
        };
        point.inputs.iter().zip(&self.model.inputs).map(rounded).collect()
    }
}
