//! Do equations hold where their unknowns have the values of an answer?

use matgrad_syntax::{Attribute, ExprId, Name};

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::compare::plain_mismatch;
use crate::direction::symmetric_part;
use crate::error::{ErrorKind, EvalError, Result};
use crate::implicit::Solver;
use crate::machine::Machine;
use crate::point::{bodies, draw_inputs};
use crate::problem::{Answer, Model, Problem};
use crate::rng::Rng;
use crate::sample::Family;
use crate::scalar::Dual;
use crate::value::{Array, Value, two_axes};
use crate::verify::{Options, Verdict};

/// What the unknowns have to satisfy.
#[derive(Clone, Debug)]
pub enum Equations {
    /// The gradient of the problem's function by all unknowns vanishes, or has this value.
    Stationary(Option<ExprId>),
    /// Both sides are equal.
    Equal(Vec<(ExprId, ExprId)>),
}

/// The size from which on there is nothing new to be learnt of a system that was singular before.
const LARGE: usize = 6;

/// Puts the values of an answer into the equations, at random points. A value may contain unknowns whose values come
/// before it.
pub fn verify_solution(
    problem: &Problem,
    values: &[(Name, Answer)],
    equations: &Equations,
    options: &Options,
) -> Verdict {
    let answers: Vec<Answer> = values.iter().map(|(_, answer)| *answer).collect();
    let value;
    let pairs = match equations {
        Equations::Stationary(None) => &[][..],
        Equations::Stationary(Some(right)) => {
            value = [(*right, *right)];
            &value[..]
        }
        Equations::Equal(pairs) => pairs,
    };
    let mut last = EvalError::new(ErrorKind::Unknown, "the dimensions have no sizes that fit");
    let budget = Budget::new();
    // a system may be regular only where one dimension is larger than another, as with instruments
    let mut singular = 0;
    for dims in problem.assignments().into_iter().take(16) {
        if singular >= 2 && (dims.len() < 2 || dims.values().any(|size| *size > LARGE)) {
            break;
        }
        let result = Model::with_equations(problem, &dims, &answers, pairs).and_then(|model| {
            let bodies = bodies(&model, 0.5, options.seed);
            Check { model: &model, values, equations, options }.run(&bodies, &budget)
        });
        match result {
            Ok(verdict) => return Verdict { dims, ..verdict },
            Err(error) => {
                let retry = error.depends_on_numbers() || error.kind == ErrorKind::Subscript;
                singular += usize::from(error.kind == ErrorKind::Singular);
                last = error;
                if !retry {
                    break;
                }
            }
        }
    }
    Verdict { singular: singular >= 2 || last.kind == ErrorKind::Singular, error: Some(last), ..Verdict::default() }
}

struct Check<'m> {
    model: &'m Model,
    values: &'m [(Name, Answer<'m>)],
    equations: &'m Equations,
    options: &'m Options,
}

impl<'m> Check<'m> {
    fn run(&self, bodies: &'m [Body], budget: &'m Budget) -> Result<Verdict> {
        let mut rng = Rng::new(self.options.seed);
        let mut plain = Machine::new(&self.model.program, bodies, budget);
        let mut lifted = Machine::new(&self.model.program, bodies, budget);
        let mut solver = Solver::new(self.model, bodies, budget);
        let mut verdict = Verdict::default();
        let mut family = Family::General;
        for _ in 0..self.options.points {
            let mut last = EvalError::domain("no point of the domain was found");
            let mut found = None;
            'families: for (tried, attempts) in std::iter::once((family, 3)).chain(Family::TRIED) {
                for _ in 0..attempts {
                    let mut inputs = draw_inputs(self.model, tried, &mut rng, budget)?;
                    let settled = solver.as_mut().map_or(Ok(()), |solver| solver.solve(&mut inputs));
                    match settled.and_then(|()| self.point(inputs, &mut plain, &mut lifted)) {
                        Ok(error) => {
                            family = tried;
                            found = Some(error);
                            break 'families;
                        }
                        Err(error) if error.depends_on_numbers() => last = error,
                        Err(error) => return Err(error),
                    }
                }
            }
            let Some(outcome) = found else { return Err(last) };
            verdict.points += 1;
            match outcome {
                Ok(error) if error <= self.options.tolerance => {
                    verdict.max_relative_error = verdict.max_relative_error.max(error);
                }
                Ok(error) => {
                    verdict.max_relative_error = error;
                    let message = format!("the equation does not hold there: relative residual {error:.1e}");
                    verdict.failure = Some(plain_mismatch(message));
                    return Ok(verdict);
                }
                Err(message) => {
                    verdict.failure = Some(plain_mismatch(message));
                    return Ok(verdict);
                }
            }
        }
        Ok(verdict)
    }

    /// The residual at the values against that at random unknowns; or what is wrong with the values.
    fn point(
        &self,
        mut inputs: Vec<Array>,
        plain: &mut Machine<'_, f64>,
        lifted: &mut Machine<'_, Dual<f64>>,
    ) -> Result<std::result::Result<f64, String>> {
        let before = self.residual(&inputs, plain, lifted)?;
        for ((name, _), root) in self.values.iter().zip(&self.model.answers) {
            let root = root.clone()?;
            let Some(at) = self.model.inputs.iter().position(|input| input.name == *name) else {
                return Err(EvalError::new(ErrorKind::Unknown, format!("unknown variable {name}")));
            };
            let shape = two_axes(&self.model.inputs[at].shape);
            plain.set_inputs(inputs.clone());
            let value = match plain.eval(root)? {
                Value::Dense(array) => array.clone(),
                constant => constant.with_shape(&shape)?,
            };
            if value.shape() != shape.as_slice() {
                return Ok(Err(format!("the value of {name} has another shape")));
            }
            if !value.is_finite() {
                return Err(EvalError::domain("the solution is not finite there"));
            }
            let scale = value.magnitude();
            if let Some(kind) = violated(&self.model.inputs[at].attributes, &value, 1e-8 * scale) {
                return Ok(Err(format!("the value of {name} is not {}", kind.name())));
            }
            inputs[at] = value;
        }
        let after = self.residual(&inputs, plain, lifted)?;
        Ok(Ok(after / before.max(1e-6)))
    }

    /// The largest entry of what has to vanish.
    fn residual(
        &self,
        inputs: &[Array],
        plain: &mut Machine<'_, f64>,
        lifted: &mut Machine<'_, Dual<f64>>,
    ) -> Result<f64> {
        let mut most: f64 = 0.0;
        if let Equations::Equal(_) = self.equations {
            plain.set_inputs(inputs.to_vec());
            for id in &self.model.differences {
                let value = plain.eval(*id)?.dense()?;
                if !value.is_finite() {
                    return Err(EvalError::domain("the equation is not finite there"));
                }
                most = most.max(value.magnitude());
            }
            return Ok(most);
        }
        let wanted = match self.model.differences.first() {
            Some(id) => {
                plain.set_inputs(inputs.to_vec());
                Some(plain.eval(*id)?.clone())
            }
            None => None,
        };
        for (name, _) in self.values {
            let Some(at) = self.model.inputs.iter().position(|input| input.name == *name) else { continue };
            let count = inputs[at].len();
            for k in 0..count {
                let mut step: Vec<f64> = (0..count).map(|l| f64::from(k == l)).collect();
                if inputs[at].is_square() && !inputs[at].is_scalar() {
                    tied(&self.model.inputs[at].attributes, inputs[at].rows(), &mut step);
                }
                let mut moved: Vec<Array<Dual<f64>>> =
                    inputs.iter().map(|input| input.map(|x| Dual { re: x, eps: 0.0 })).collect();
                moved[at].data_mut().iter_mut().zip(&step).for_each(|(entry, step)| entry.eps = *step);
                lifted.set_inputs(moved);
                let slope = lifted.eval(self.model.target)?.need_scalar()?.eps;
                if !slope.is_finite() {
                    return Err(EvalError::domain("the gradient is not finite there"));
                }
                let along = match &wanted {
                    None => 0.0,
                    Some(value) => {
                        let value = value.dense()?;
                        match (value.len(), value.data()) {
                            (1, [x]) => x * step.iter().sum::<f64>(),
                            (n, all) if n == count => all.iter().zip(&step).map(|(x, s)| x * s).sum(),
                            _ => return Err(EvalError::shape("the gradient has another shape than the right side")),
                        }
                    }
                };
                most = most.max((slope - along).abs());
            }
        }
        Ok(most)
    }
}

/// Whether entry (i,j) is 0 in a matrix of this kind.
fn is_zero_entry(attribute: Attribute, i: usize, j: usize) -> bool {
    match attribute {
        Attribute::Diagonal => i != j,
        Attribute::Lower => i < j,
        Attribute::Upper => i > j,
        _ => false,
    }
}

/// The attribute that a value does not have.
fn violated(attributes: &[Attribute], value: &Array, tolerance: f64) -> Option<Attribute> {
    if !value.is_square() || value.is_scalar() {
        return None;
    }
    let n = value.rows();
    attributes.iter().copied().find_map(|attribute| match attribute {
        Attribute::Symmetric | Attribute::Pd | Attribute::Psd => {
            (value.zip(&value.transposed(), |x, y| x - y).magnitude() > tolerance).then_some(Attribute::Symmetric)
        }
        Attribute::Skew => (value.zip(&value.transposed(), |x, y| x + y).magnitude() > tolerance).then_some(attribute),
        _ => value
            .data()
            .iter()
            .enumerate()
            .any(|(k, entry)| is_zero_entry(attribute, k % n, k / n) && entry.abs() > tolerance)
            .then_some(attribute),
    })
}

/// The part of a step that keeps the structure.
fn tied(attributes: &[Attribute], n: usize, step: &mut [f64]) {
    for attribute in attributes {
        match attribute {
            Attribute::Symmetric | Attribute::Pd | Attribute::Psd => symmetric_part(n, step),
            Attribute::Skew => {
                let old = step.to_vec();
                for (k, entry) in step.iter_mut().enumerate() {
                    *entry = (old[k] - old[k % n * n + k / n]) / 2.0;
                }
            }
            _ => {
                for (k, entry) in step.iter_mut().enumerate() {
                    if is_zero_entry(*attribute, k % n, k / n) {
                        *entry = 0.0;
                    }
                }
            }
        }
    }
}
