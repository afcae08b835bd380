//! Derivatives by differences, where dual numbers do not pass; a function without a derivative is refused.

use crate::derivative::dense;
use crate::error::{EvalError, Result};
use crate::implicit::Solver;
use crate::machine::Machine;
use crate::program::Id;
use crate::value::Array;

/// How wrong [`Neighbourhood::derivative`] may be, relatively.
pub(crate) const DIFFERENCE_TOLERANCE: f64 = 2e-5;

/// By how much extrapolations from one step width more may differ, relatively.
const SPREAD: f64 = 1e-4;

/// The widest steps for each order.
const WIDTHS: [f64; 4] = [1.0, 2e-2, 4e-2, 8e-2];

/// What rounding the values of a function of this magnitude leaves of a derivative by differences.
pub(crate) fn rounded_off(order: usize, magnitude: f64) -> f64 {
    f64::EPSILON * magnitude / WIDTHS[order.min(3)].powi(order as i32)
}

/// A function around a point.
pub(crate) struct Neighbourhood<'n, 'm> {
    pub machine: &'n mut Machine<'m, f64>,
    pub solver: Option<&'n mut Solver<'m>>,
    /// Where the entries of each input stand in a step; `None` for inputs that stay.
    pub offsets: &'n [Option<usize>],
    pub target: Id,
    pub inputs: &'n [Array],
}

impl Neighbourhood<'_, '_> {
    /// The function after these steps, each taken so many times.
    fn value(&mut self, moves: &[(&[f64], f64)]) -> Result<Array> {
        let mut moved = self.inputs.to_vec();
        for (step, by) in moves {
            for (input, offset) in moved.iter_mut().zip(self.offsets) {
                let Some(own) = offset.and_then(|offset| step.get(offset..)) else { continue };
                for (x, d) in input.data_mut().iter_mut().zip(own) {
                    *x += by * d;
                }
            }
        }
        if let Some(solver) = &mut self.solver {
            solver.solve(&mut moved)?;
        }
        self.machine.set_inputs(moved);
        Ok(dense(self.machine.eval(self.target)?)?.clone())
    }

    /// Central differences in every direction at step widths h, h/2, h/4, …, extrapolated to 0.
    pub(crate) fn derivative(&mut self, steps: &[&[f64]]) -> Result<Array> {
        let order = steps.len() as i32;
        let mut rows: Vec<Array> = Vec::new();
        let first = WIDTHS[steps.len().min(3)];
        for level in 0..4 {
            let h = first * 0.5f64.powi(level);
            let mut sum: Option<Array> = None;
            for signs in 0..1u32 << steps.len() {
                let moves: Vec<(&[f64], f64)> =
                    steps.iter().enumerate().map(|(k, s)| (*s, if signs >> k & 1 == 0 { h } else { -h })).collect();
                let sign = if signs.count_ones() % 2 == 0 { 1.0 } else { -1.0 };
                let term = self.value(&moves)?.scale(sign);
                sum = Some(match sum {
                    Some(sum) => sum.zip(&term, |x, y| x + y),
                    None => term,
                });
            }
            let Some(sum) = sum else { break };
            rows.push(sum.scale((2.0 * h).powi(order).recip()));
            // Neville's scheme in h²
            for k in (0..rows.len() - 1).rev() {
                let factor = 4f64.powi((rows.len() - 1 - k) as i32);
                rows[k] = rows[k + 1].zip(&rows[k], |fine, coarse| (factor * fine - coarse) / (factor - 1.0));
            }
        }
        let mut rows = rows.into_iter();
        let Some(best) = rows.next() else { return Err(EvalError::shape("nothing to differentiate")) };
        if let Some(coarser) = rows.next() {
            let gap = best.zip(&coarser, |x, y| x - y).magnitude();
            if gap > SPREAD * best.magnitude().max(1e-3) {
                return Err(EvalError::domain("the function has no derivative there, or it is too rough"));
            }
        }
        for step in steps {
            self.smooth(step, &best)?;
        }
        if best.is_finite() { Ok(best) } else { Err(EvalError::domain("the function is not finite there")) }
    }

    /// Refuses a kink: both sides have to have one slope. What bends goes with the step width, what breaks does not.
    fn smooth(&mut self, step: &[f64], derivative: &Array) -> Result<()> {
        let here = self.value(&[])?;
        let mut breaks = |h: f64| -> Result<f64> {
            let (before, after) = (self.value(&[(step, -h)])?, self.value(&[(step, h)])?);
            Ok(before.zip(&after, |x, y| x + y).zip(&here, |sum, x| (sum - 2.0 * x) / h).magnitude())
        };
        let (near, far) = (breaks(1e-5)?, breaks(1e-4)?);
        let noise = 1e-9 * here.magnitude();
        if near > noise + 0.1 * DIFFERENCE_TOLERANCE * derivative.magnitude() && near > 0.5 * far {
            return Err(EvalError::domain("the function has no derivative there"));
        }
        Ok(())
    }
}
