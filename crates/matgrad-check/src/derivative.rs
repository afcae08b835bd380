//! Directional derivatives of any order: nested duals through the evaluator, or differences where duals do not pass.

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::differences::Neighbourhood;
use crate::error::{EvalError, Result};
use crate::implicit::Follower;
use crate::machine::Machine;
use crate::problem::Model;
use crate::rounded::Rounded;
use crate::scalar::{Dual, Scalar};
use crate::value::{Array, Value};

/// A number that carries one step in each of its directions.
pub(crate) trait Lift: Scalar {
    /// The same over doubles rounded at random.
    type Rounded: Lift;
    /// `x` with the steps `step(0)`, `step(1)`, ….
    fn lift(x: f64, step: &dyn Fn(usize) -> f64) -> Self;
    /// The coefficient of the product of all steps.
    fn top(self) -> f64;
    /// The magnitude of what was added up for it, where that is known.
    fn top_size(self) -> f64;
    /// With this much more of it.
    fn bent(self, by: f64) -> Self;
}

impl Lift for f64 {
    type Rounded = Rounded;
    fn lift(x: f64, _: &dyn Fn(usize) -> f64) -> Self {
        x
    }
    fn top(self) -> f64 {
        self
    }
    fn top_size(self) -> f64 {
        self.abs()
    }
    fn bent(self, by: f64) -> Self {
        self + by
    }
}

impl Lift for Rounded {
    type Rounded = Self;
    fn lift(x: f64, _: &dyn Fn(usize) -> f64) -> Self {
        Self::new(x)
    }
    fn top(self) -> f64 {
        self.value
    }
    fn top_size(self) -> f64 {
        self.size
    }
    fn bent(self, by: f64) -> Self {
        self + Self::new(by)
    }
}

impl<T: Lift> Lift for Dual<T> {
    type Rounded = Dual<T::Rounded>;
    fn lift(x: f64, step: &dyn Fn(usize) -> f64) -> Self {
        Dual { re: T::lift(x, step), eps: T::new(step(T::ORDER)) }
    }
    fn top(self) -> f64 {
        self.eps.top()
    }
    fn top_size(self) -> f64 {
        self.eps.top_size()
    }
    fn bent(self, by: f64) -> Self {
        Dual { eps: self.eps.bent(by), ..self }
    }
}

/// The value as an array; a constant without size is none.
pub(crate) fn dense<T: Scalar>(value: &Value<T>) -> Result<&Array<T>> {
    value.dense()
}

/// What duals say of a slope that is infinite on the way, though it may cancel.
pub(crate) const NOT_FINITE: &str = "the function or its derivative is not finite there";

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
        Ok(self.moved(inputs, steps, bend)?.map(T::top))
    }

    /// The same with the largest magnitude of what was added up for an entry.
    pub(crate) fn with_size(&mut self, inputs: &[Array], steps: &[&[f64]], bend: &[f64]) -> Result<(Array, f64)> {
        let value = self.moved(inputs, steps, bend)?;
        let size = value.data().iter().fold(0.0, |most: f64, x| most.max(x.top_size()));
        Ok((value.map(T::top), size))
    }

    fn moved(&mut self, inputs: &[Array], steps: &[&[f64]], bend: &[f64]) -> Result<Array<T>> {
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
            return Err(EvalError::domain(NOT_FINITE));
        }
        Ok(value.clone())
    }

    /// The same by central differences with extrapolation.
    pub(crate) fn by_differences(&mut self, inputs: &[Array], steps: &[&[f64]]) -> Result<Array> {
        let solver = self.follower.as_mut().map(|follower| &mut follower.solver);
        let mut neighbourhood = Neighbourhood {
            machine: &mut self.plain,
            solver,
            offsets: &self.offsets,
            target: self.model.target,
            inputs,
        };
        neighbourhood.derivative(steps)
    }
}
