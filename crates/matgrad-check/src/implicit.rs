//! Unknowns that equations or extrema define: found by Newton's method, and followed by it when what they depend on
//! carries steps.
//!
//! Dual numbers need no implicit function theorem: with the Jacobian J at the point, `z - J^-1 G(z, x)` raises by one the
//! order to which z is right in the steps of x, and repeated as often as there are steps it is right in all of them.

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::error::{EvalError, Result};
use crate::linalg;
use crate::machine::Machine;
use crate::problem::Model;
use crate::program::Id;
use crate::scalar::{Dual, Scalar};
use crate::value::{Array, Value, two_axes};

/// Steps of Newton's method before it is given up.
const ITERATIONS: usize = 60;

/// An input that is defined implicitly.
#[derive(Clone, Debug)]
pub(crate) struct Unknown {
    /// Which input.
    pub input: usize,
    pub rule: Rule,
}

/// What defines it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rule {
    /// This vanishes; it has the shape of the unknown.
    Vanishes(Id),
    /// The gradient of this scalar vanishes.
    Extremum(Id),
}

/// What has to vanish, as one vector.
struct Residuals<'m, T> {
    model: &'m Model,
    plain: Machine<'m, T>,
    lifted: Machine<'m, Dual<T>>,
}

impl<'m, T: Scalar> Residuals<'m, T> {
    fn new(model: &'m Model, bodies: &'m [Body], budget: &'m Budget) -> Self {
        Self {
            model,
            plain: Machine::new(&model.program, bodies, budget),
            lifted: Machine::new(&model.program, bodies, budget),
        }
    }

    fn at(&mut self, inputs: &[Array<T>]) -> Result<Vec<T>> {
        let mut all = Vec::new();
        self.plain.set_inputs(inputs.to_vec());
        for unknown in &self.model.unknowns {
            let shape = two_axes(&self.model.inputs[unknown.input].shape);
            match unknown.rule {
                Rule::Vanishes(id) => {
                    let value = match self.plain.eval(id)? {
                        Value::Dense(array) => array.clone(),
                        constant => constant.with_shape(&shape)?,
                    };
                    if value.len() != shape.iter().product::<usize>() {
                        return Err(EvalError::shape("an equation has another shape than its unknown"));
                    }
                    all.extend_from_slice(value.data());
                }
                Rule::Extremum(id) => {
                    let lifted: Vec<Array<Dual<T>>> =
                        inputs.iter().map(|input| input.map(|x| Dual { re: x, eps: T::ZERO })).collect();
                    for k in 0..shape.iter().product() {
                        let mut moved = lifted.clone();
                        if let Some(entry) = moved[unknown.input].data_mut().get_mut(k) {
                            entry.eps = T::ONE;
                        }
                        self.lifted.set_inputs(moved);
                        all.push(self.lifted.eval(id)?.need_scalar()?.eps);
                    }
                }
            }
        }
        if all.iter().all(|x| x.is_finite()) {
            Ok(all)
        } else {
            Err(EvalError::domain("an equation is not finite there"))
        }
    }
}

/// Finds the unknowns of a model.
pub(crate) struct Solver<'m> {
    model: &'m Model,
    values: Residuals<'m, f64>,
    slopes: Residuals<'m, Dual<f64>>,
}

impl<'m> Solver<'m> {
    /// A solver, where there are unknowns.
    pub(crate) fn new(model: &'m Model, bodies: &'m [Body], budget: &'m Budget) -> Option<Self> {
        if model.unknowns.is_empty() {
            return None;
        }
        let values = Residuals::new(model, bodies, budget);
        Some(Self { model, values, slopes: Residuals::new(model, bodies, budget) })
    }

    /// Moves the unknowns among the inputs to a solution near where they are.
    pub(crate) fn solve(&mut self, inputs: &mut [Array]) -> Result<()> {
        let mut residual = self.values.at(inputs)?;
        for _ in 0..ITERATIONS {
            let step = self.step(inputs, &residual)?;
            let size = most(&step);
            let scale = 1.0 + self.places().map(|(input, k)| inputs[input].data()[k].abs()).fold(0.0, f64::max);
            let mut width = 1.0;
            loop {
                let mut moved = inputs.to_vec();
                for ((input, k), step) in self.places().zip(&step) {
                    moved[input].data_mut()[k] -= width * step;
                }
                let found = self.values.at(&moved);
                if let Ok(found) = found
                    && (norm(&found) < (1.0 - 1e-4 * width) * norm(&residual) || norm(&found) == 0.0)
                {
                    inputs.clone_from_slice(&moved);
                    residual = found;
                    break;
                }
                width *= 0.5;
                if width < 1e-9 || size <= 1e-10 * scale {
                    // at the limit of what doubles resolve there is nothing left to win
                    if size <= 1e-10 * scale {
                        return Ok(());
                    }
                    return Err(EvalError::domain("no solution of an implicit definition was found"));
                }
            }
            if size <= 1e-13 * scale {
                return Ok(());
            }
        }
        Err(EvalError::domain("no solution of an implicit definition was found"))
    }

    /// The entries of the unknowns: input and place.
    fn places(&self) -> impl Iterator<Item = (usize, usize)> + use<'m> {
        let model = self.model;
        model.unknowns.iter().flat_map(|unknown| {
            let count: usize = model.inputs[unknown.input].shape.iter().product();
            (0..count).map(|k| (unknown.input, k))
        })
    }

    fn jacobian(&mut self, inputs: &[Array]) -> Result<Array> {
        let places: Vec<(usize, usize)> = self.places().collect();
        let lifted: Vec<Array<Dual<f64>>> = inputs.iter().map(|input| input.map(Dual::<f64>::new)).collect();
        let mut entries = Vec::with_capacity(places.len() * places.len());
        for (input, k) in &places {
            let mut moved = lifted.clone();
            moved[*input].data_mut()[*k].eps = 1.0;
            entries.extend(self.slopes.at(&moved)?.into_iter().map(|entry| entry.eps));
        }
        Ok(Array::matrix(places.len(), places.len(), entries))
    }

    fn step(&mut self, inputs: &[Array], residual: &[f64]) -> Result<Vec<f64>> {
        let jacobian = self.jacobian(inputs)?;
        Ok(linalg::solve(&jacobian, &Array::column(residual.to_vec()))?.data().to_vec())
    }
}

fn norm(residual: &[f64]) -> f64 {
    residual.iter().map(|x| x * x).sum::<f64>().sqrt()
}

fn most(values: &[f64]) -> f64 {
    values.iter().fold(0.0, |most, x| most.max(x.abs()))
}

/// Lets the unknowns follow inputs that carry steps.
pub(crate) struct Follower<'m, T> {
    pub(crate) solver: Solver<'m>,
    residuals: Residuals<'m, T>,
}

impl<'m, T: Scalar> Follower<'m, T> {
    /// A follower, where there are unknowns.
    pub(crate) fn new(model: &'m Model, bodies: &'m [Body], budget: &'m Budget) -> Option<Self> {
        let solver = Solver::new(model, bodies, budget)?;
        Some(Self { solver, residuals: Residuals::new(model, bodies, budget) })
    }

    /// Gives the unknowns the steps that follow from those of the other inputs; `point` is a solution without steps.
    pub(crate) fn follow(&mut self, point: &[Array], inputs: &mut [Array<T>]) -> Result<()> {
        let inverse = linalg::inv(&self.solver.jacobian(point)?)?;
        for _ in 0..=T::ORDER {
            let residual = self.residuals.at(inputs)?;
            for (i, (input, k)) in self.solver.places().enumerate() {
                let mut step = T::ZERO;
                for (j, value) in residual.iter().enumerate() {
                    step = step + value.scale(inverse.at(i, j));
                }
                let entry = &mut inputs[input].data_mut()[k];
                *entry = *entry - step;
            }
        }
        Ok(())
    }
}
