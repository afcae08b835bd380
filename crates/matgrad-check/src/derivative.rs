//! Directional derivatives of any order: nested duals through the evaluator, or differences where duals do not pass.

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::error::{EvalError, Result};
use crate::implicit::{Follower, Solver};
use crate::machine::Machine;
use crate::problem::Model;
use crate::program::Id;
use crate::scalar::{Dual, Scalar};
use crate::value::{Array, Value};

/// A number that carries one step in each of its directions.
pub(crate) trait Lift: Scalar {
    /// `x` with the steps `step(0)`, `step(1)`, ….
    fn lift(x: f64, step: &dyn Fn(usize) -> f64) -> Self;
    /// The coefficient of the product of all steps.
    fn top(self) -> f64;
    /// With this much more of it.
    fn bent(self, by: f64) -> Self;
}

impl Lift for f64 {
    fn lift(x: f64, _: &dyn Fn(usize) -> f64) -> Self {
        x
    }
    fn top(self) -> f64 {
        self
    }
    fn bent(self, by: f64) -> Self {
        self + by
    }
}

impl<T: Lift> Lift for Dual<T> {
    fn lift(x: f64, step: &dyn Fn(usize) -> f64) -> Self {
        Dual { re: T::lift(x, step), eps: T::new(step(T::ORDER)) }
    }
    fn top(self) -> f64 {
        self.eps.top()
    }
    fn bent(self, by: f64) -> Self {
        Dual { eps: self.eps.bent(by), ..self }
    }
}

/// The value as an array; a constant without size is none.
pub(crate) fn dense<T: Scalar>(value: &Value<T>) -> Result<&Array<T>> {
    value.dense()
}

/// Evaluates the target of a model in directions.
pub(crate) struct Directional<'m, T> {
    model: &'m Model,
    machine: Machine<'m, T>,
    plain: Machine<'m, f64>,
    follower: Option<Follower<'m, T>>,
    /// Where the entries of each input stand in a step; `None` for inputs that stay.
    offsets: Vec<Option<usize>>,
}

impl<'m, T: Lift> Directional<'m, T> {
    pub(crate) fn new(model: &'m Model, bodies: &'m [Body], budget: &'m Budget) -> Self {
        let offsets = (0..model.inputs.len()).map(|k| (k == model.wrt).then_some(0)).collect();
        Self::joint(model, bodies, budget, offsets)
    }

    /// By several inputs together: a step lists the entries of each from its offset on.
    pub(crate) fn joint(model: &'m Model, bodies: &'m [Body], budget: &'m Budget, offsets: Vec<Option<usize>>) -> Self {
        Self {
            model,
            offsets,
            machine: Machine::new(&model.program, bodies, budget),
            plain: Machine::new(&model.program, bodies, budget),
            follower: Follower::new(model, bodies, budget),
        }
    }

    /// Moves implicitly defined inputs to a solution near where they are.
    pub(crate) fn settle(&mut self, inputs: &mut [Array]) -> Result<()> {
        match &mut self.follower {
            Some(follower) => follower.solver.solve(inputs),
            None => Ok(()),
        }
    }

    /// `D^k F(x)[steps]`, where k is the order of `T`.
    pub(crate) fn at(&mut self, inputs: &[Array], steps: &[&[f64]]) -> Result<Array> {
        self.along_surface(inputs, steps, &[])
    }

    /// The mixed derivative of F along a surface through x with these steps and the mixed derivative `bend` itself.
    pub(crate) fn along_surface(&mut self, inputs: &[Array], steps: &[&[f64]], bend: &[f64]) -> Result<Array> {
        let lifted = inputs.iter().zip(&self.offsets).map(|(input, offset)| {
            let Some(offset) = offset else { return input.map(T::new) };
            let mut at = *offset;
            input.map(|x| {
                let entry = at;
                at += 1;
                let lifted = T::lift(x, &|k| steps.get(k).and_then(|step| step.get(entry)).copied().unwrap_or(0.0));
                bend.get(entry).map_or(lifted, |by| lifted.bent(*by))
            })
        });
        let mut lifted: Vec<Array<T>> = lifted.collect();
        if let Some(follower) = &mut self.follower {
            follower.follow(inputs, &mut lifted)?;
        }
        self.machine.set_inputs(lifted);
        let value = dense(self.machine.eval(self.model.target)?)?;
        if !value.is_finite() {
            return Err(EvalError::domain("the function or its derivative is not finite there"));
        }
        Ok(value.map(T::top))
    }

    /// The same by central differences with extrapolation.
    pub(crate) fn by_differences(&mut self, inputs: &[Array], steps: &[&[f64]]) -> Result<Array> {
        let solver = self.follower.as_mut().map(|follower| &mut follower.solver);
        differences(&mut self.plain, solver, &self.offsets, self.model.target, inputs, steps)
    }
}

/// Moves the variables by so much of a step.
fn displace(inputs: &mut [Array], offsets: &[Option<usize>], step: &[f64], by: f64) {
    for (input, offset) in inputs.iter_mut().zip(offsets) {
        let Some(own) = offset.and_then(|offset| step.get(offset..)) else { continue };
        for (x, d) in input.data_mut().iter_mut().zip(own) {
            *x += by * d;
        }
    }
}

/// Central differences in every direction at step widths h, h/2, h/4, extrapolated to 0.
fn differences(
    machine: &mut Machine<'_, f64>,
    mut solver: Option<&mut Solver<'_>>,
    offsets: &[Option<usize>],
    target: Id,
    inputs: &[Array],
    steps: &[&[f64]],
) -> Result<Array> {
    let order = steps.len() as i32;
    let mut rows: Vec<Array> = Vec::new();
    let first = [1.0, 2e-2, 4e-2, 8e-2][steps.len().min(3)];
    for level in 0..4 {
        let h = first * 0.5f64.powi(level);
        let mut sum: Option<Array> = None;
        for signs in 0..1u32 << steps.len() {
            let mut moved = inputs.to_vec();
            let mut sign = 1.0;
            for (k, step) in steps.iter().enumerate() {
                let direction = if signs >> k & 1 == 0 { 1.0 } else { -1.0 };
                sign *= direction;
                displace(&mut moved, offsets, step, direction * h);
            }
            if let Some(solver) = &mut solver {
                solver.solve(&mut moved)?;
            }
            machine.set_inputs(moved);
            let term = dense(machine.eval(target)?)?.scale(sign);
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
        if gap > 1e-2 * best.magnitude().max(1e-3) {
            return Err(EvalError::domain("the function has no derivative there, or it is too rough"));
        }
    }
    if let [step] = steps {
        // both sides have to have one slope
        let h = 1e-5;
        let mut values = Vec::new();
        for sign in [-1.0, 0.0, 1.0] {
            let mut moved = inputs.to_vec();
            displace(&mut moved, offsets, step, sign * h);
            if let Some(solver) = &mut solver {
                solver.solve(&mut moved)?;
            }
            machine.set_inputs(moved);
            values.push(dense(machine.eval(target)?)?.clone());
        }
        if let [before, here, after] = values.as_slice() {
            let bend = before.zip(after, |x, y| x + y).zip(here, |sum, x| (sum - 2.0 * x) / h).magnitude();
            if bend > 1e-2 * best.magnitude().max(here.magnitude()) {
                return Err(EvalError::domain("the function has no derivative there"));
            }
        }
    }
    if best.is_finite() { Ok(best) } else { Err(EvalError::domain("the function is not finite there")) }
}

/// How wrong [`Directional::by_differences`] may be, relatively.
pub(crate) const DIFFERENCE_TOLERANCE: f64 = 2e-5;
