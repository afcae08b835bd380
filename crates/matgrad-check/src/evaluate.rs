//! Values and derivatives at given data.

use std::collections::BTreeMap;

use matgrad_syntax::{Name, StatementKind};

use crate::budget::Budget;
use crate::derivative::{Directional, Lift};
use crate::error::{ErrorKind, EvalError, Result};
use crate::implicit::Solver;
use crate::machine::Machine;
use crate::point::bodies;
use crate::problem::{Answer, Model, Problem};
use crate::rounded::{Rounded, seed};
use crate::scalar::{Dual, Scalar};
use crate::value::{Array, two_axes};

/// The problem at the sizes of the data, and the data in the order of its inputs.
fn at_data(problem: &Problem, data: &BTreeMap<Name, Array>, answers: &[Answer]) -> Result<(Model, Vec<Array>)> {
    let dims = problem.dims_of(data)?;
    let mut problem = problem.clone();
    // a variable without data is an error only where it is used
    let unknown = |name: &Name| {
        let statements = problem.script.statements.iter();
        statements.clone().any(|s| matches!(&s.kind, StatementKind::Implicit { name: own, .. } if own.name == *name))
    };
    problem.variables.retain(|variable| data.contains_key(&variable.name) || unknown(&variable.name));
    let model = Model::new(&problem, &dims, answers)?;
    let inputs = model.inputs.iter().map(|input| {
        let start = if unknown(&input.name) { 1.0 } else { f64::NAN };
        data.get(&input.name).cloned().unwrap_or_else(|| Array::filled(&two_axes(&input.shape), start))
    });
    let mut inputs: Vec<Array> = inputs.collect();
    let (bodies, budget) = (bodies(&model, 0.5, 1), Budget::new());
    if let Some(mut solver) = Solver::new(&model, &bodies, &budget) {
        solver.solve(&mut inputs)?;
    }
    Ok((model, inputs))
}

/// The value of the function.
pub fn evaluate(problem: &Problem, data: &BTreeMap<Name, Array>) -> Result<Array> {
    let (model, inputs) = at_data(problem, data, &[])?;
    let bodies = bodies(&model, 0.5, 1);
    let budget = Budget::new();
    let mut machine = Machine::new(&model.program, &bodies, &budget);
    machine.set_inputs(inputs);
    machine.eval(model.target)?.dense().cloned()
}

/// By how much rounding alone may change the value of the function: each entry in arithmetic that rounds at random.
pub fn uncertainty(problem: &Problem, data: &BTreeMap<Name, Array>) -> Result<Array> {
    let (model, inputs) = at_data(problem, data, &[])?;
    let bodies = bodies(&model, 0.5, 1);
    let budget = Budget::new();
    let mut plain = Machine::new(&model.program, &bodies, &budget);
    plain.set_inputs(inputs.clone());
    let value = plain.eval(model.target)?.dense()?.clone();
    let mut machine = Machine::<Rounded>::new(&model.program, &bodies, &budget);
    let mut spread = value.map(|_| 0.0);
    for run in 1..=5 {
        seed(run);
        machine.set_inputs(inputs.iter().map(|input| input.map(<Rounded as Scalar>::new)).collect());
        let again = machine.eval(model.target)?.dense()?.zip(&value.map(<Rounded as Scalar>::new), |x, y| x - y);
        spread = spread.zip(&again.map(Scalar::re), |most, x| most.max(x.abs()));
    }
    Ok(spread)
}

/// The value of an answer; `dX` is the step of a differential.
pub fn evaluate_answer(problem: &Problem, answer: &Answer, data: &BTreeMap<Name, Array>) -> Result<Array> {
    let (model, inputs) = at_data(problem, data, std::slice::from_ref(answer))?;
    let bodies = bodies(&model, 0.5, 1);
    let budget = Budget::new();
    let mut machine = Machine::new(&model.program, &bodies, &budget);
    machine.set_inputs(inputs);
    let root = model.answers.into_iter().next().unwrap_or_else(|| Err(EvalError::shape("there is no answer")))?;
    machine.eval(root)?.dense().cloned()
}

/// `D^k F(X)[directions]` for one, two or three directions shaped like X.
pub fn directional(problem: &Problem, data: &BTreeMap<Name, Array>, directions: &[Array]) -> Result<Array> {
    let (model, inputs) = at_data(problem, data, &[])?;
    let x = &inputs[model.wrt];
    if directions.iter().any(|direction| direction.shape() != x.shape()) {
        return Err(EvalError::shape("a direction has the shape of the variable"));
    }
    let steps: Vec<&[f64]> = directions.iter().map(Array::data).collect();
    match steps.len() {
        1 => in_directions::<Dual<f64>>(&model, &inputs, &steps),
        2 => in_directions::<Dual<Dual<f64>>>(&model, &inputs, &steps),
        3 => in_directions::<Dual<Dual<Dual<f64>>>>(&model, &inputs, &steps),
        _ => Err(EvalError::new(ErrorKind::Limit, "one, two or three directions are needed")),
    }
}

fn in_directions<T: Lift>(model: &Model, inputs: &[Array], steps: &[&[f64]]) -> Result<Array> {
    let bodies = bodies(model, 0.5, 1);
    let budget = Budget::new();
    let mut truth = Directional::<T>::new(model, &bodies, &budget);
    match truth.at(inputs, steps) {
        Err(error) if error.kind == ErrorKind::NoDual => truth.by_differences(inputs, steps),
        result => result,
    }
}
