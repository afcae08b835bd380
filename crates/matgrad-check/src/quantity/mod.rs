//! What is made of derivatives: divergences, Jacobian determinants, Taylor polynomials, densities. Each is computed here
//! from derivatives that dual numbers give, entry by entry, and compared with the printed answer.

mod determinant;
mod operators;

use std::collections::BTreeMap;

use matgrad_syntax::Name;

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::compare::{first_entry, relative_error, shape_mismatch};
use crate::derivative::{Directional, Lift};
use crate::differences::DIFFERENCE_TOLERANCE;
use crate::direction::Convention;
use crate::error::{ErrorKind, EvalError, Result};
use crate::extent::turned;
use crate::machine::Machine;
use crate::point::{bodies, draw_inputs};
use crate::problem::{Answer, Model, Problem};
use crate::program::Id;
use crate::rng::Rng;
use crate::sample::Family;
use crate::scalar::Dual;
use crate::value::{Array, Value, show};
use crate::verify::{Options, Verdict};

/// An operator of vector calculus.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    /// ∇f of a scalar
    Gradient,
    /// The trace of the Jacobian; of a matrix by a vector, row by row
    Divergence,
    /// ∇ × F in R^3, ∂₁F₂ - ∂₂F₁ in R^2
    Curl,
    /// The sum of the second derivatives by each coordinate
    Laplacian,
}

/// What is shown of a determinant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scaling {
    /// The determinant
    Signed,
    /// Its absolute value
    Absolute,
    /// The logarithm of its absolute value
    Logarithm,
}

/// What is made of the derivatives of a function by its variables together.
#[derive(Clone, Debug)]
pub enum Quantity<'a> {
    /// These operators, the first one applied first.
    Operators(Vec<Operator>),
    /// The determinant of the Jacobian; under a convention that respects structure, between the entries that are free.
    Determinant(Scaling),
    /// The derivative of this order along these directions, one for each variable.
    Along(Vec<Answer<'a>>, usize),
    /// The Taylor polynomial of this order around these points, one for each variable. In each pair the first name stands
    /// for the value that the second, defined by an equation, has at the point.
    Expansion(Vec<Answer<'a>>, usize, Vec<(Name, Name)>),
    /// The density over the absolute value of the Jacobian determinant. The name stands for the value of the function.
    Density(Answer<'a>, Option<Name>),
}

impl Quantity<'_> {
    /// The order of the derivatives that it takes.
    fn order(&self) -> usize {
        match self {
            Quantity::Operators(list) => list.iter().map(|o| if *o == Operator::Laplacian { 2 } else { 1 }).sum(),
            Quantity::Expansion(_, order, _) | Quantity::Along(_, order) => *order,
            _ => 1,
        }
    }

    fn extras(&self) -> &[Answer<'_>] {
        match self {
            Quantity::Along(list, _) | Quantity::Expansion(list, ..) => list,
            Quantity::Density(density, _) => std::slice::from_ref(density),
            _ => &[],
        }
    }
}

/// Compares an answer with the quantity, computed independently of it, at random points of the function's domain. The
/// variables are `problem.wrt` and `others`.
pub fn verify_quantity(
    problem: &Problem,
    others: &[Name],
    quantity: &Quantity,
    answer: &Answer,
    options: &Options,
) -> Verdict {
    match quantity.order() {
        0 | 1 => by_order::<Dual<f64>>(problem, others, quantity, answer, options),
        2 => by_order::<Dual<Dual<f64>>>(problem, others, quantity, answer, options),
        3.. => by_order::<Dual<Dual<Dual<f64>>>>(problem, others, quantity, answer, options),
    }
}

fn by_order<T: Lift>(
    problem: &Problem,
    others: &[Name],
    quantity: &Quantity,
    answer: &Answer,
    options: &Options,
) -> Verdict {
    let mut roots = vec![*answer];
    roots.extend_from_slice(quantity.extras());
    let mut best = Verdict {
        error: Some(EvalError::new(ErrorKind::Unknown, "the dimensions have no sizes that fit")),
        ..Verdict::default()
    };
    let budget = Budget::new();
    if matches!(quantity, Quantity::Determinant(_)) && options.convention == Convention::Free {
        budget.allow_any_matrix();
    }
    let run = |dims: &BTreeMap<Name, usize>, options: &Options| {
        let model = match Model::new(problem, dims, &roots) {
            Ok(model) => model,
            Err(error) => return Verdict { error: Some(error), ..Verdict::default() },
        };
        let mut verdict = Verdict::default();
        // a function under a logarithm has to be positive
        for offset in [0.5, 4.0] {
            let bodies = bodies(&model, offset, options.seed);
            verdict = match Trial::<T>::new(&model, others, quantity, &bodies, options, &budget) {
                Ok(trial) => trial.run(),
                Err(error) => Verdict { error: Some(error), ..Verdict::default() },
            };
            let retry = verdict.error.as_ref().is_some_and(EvalError::depends_on_numbers);
            if model.functions.is_empty() || !retry {
                break;
            }
        }
        verdict
    };
    let assignments = problem.assignments();
    // the last point is one of other proportions
    let turned = turned(&assignments).filter(|_| options.points > 1);
    for (place, dims) in assignments.iter().take(16).enumerate() {
        let turned = turned.filter(|_| place == 0);
        let first = Options { points: options.points - usize::from(turned.is_some()), ..*options };
        let verdict = Verdict { dims: dims.clone(), ..run(dims, &first) };
        if let Some(turned) = turned.filter(|_| verdict.is_right()) {
            return verdict.and_last(turned, &first, run);
        }
        // unfit sizes, such as a vector of R^n that has a curl only for n = 3, are other sizes' business
        let retry = verdict.singular
            || verdict.error.as_ref().is_some_and(|error| {
                error.depends_on_numbers() || matches!(error.kind, ErrorKind::Subscript | ErrorKind::Shape)
            });
        if !retry {
            return verdict;
        }
        if best.error.is_some() || verdict.singular {
            best = verdict;
        }
    }
    best
}

/// The variables as one list of coordinates.
struct Coordinates {
    /// The inputs, in the order of the coordinates.
    inputs: Vec<usize>,
    /// How many coordinates there are.
    count: usize,
    /// Where each input starts.
    offsets: Vec<Option<usize>>,
}

impl Coordinates {
    fn new(model: &Model, others: &[Name]) -> Result<Self> {
        let mut inputs = vec![model.wrt];
        for name in others {
            match model.inputs.iter().position(|input| input.name == *name) {
                Some(input) => inputs.push(input),
                None => return Err(EvalError::new(ErrorKind::Unknown, format!("unknown variable {name}"))),
            }
        }
        let mut offsets = vec![None; model.inputs.len()];
        let mut count = 0;
        for input in &inputs {
            offsets[*input] = Some(count);
            count += model.inputs[*input].shape.iter().product::<usize>();
        }
        Ok(Self { inputs, count, offsets })
    }
}

struct Trial<'m, T> {
    model: &'m Model,
    quantity: &'m Quantity<'m>,
    options: &'m Options,
    coordinates: Coordinates,
    truth: Directional<'m, T>,
    first: Directional<'m, Dual<f64>>,
    second: Directional<'m, Dual<Dual<f64>>>,
    plain: Machine<'m, f64>,
    roots: Vec<Id>,
    image: Option<usize>,
    budget: &'m Budget,
    rng: Rng,
    differences: bool,
}

/// The truth, and the size of what was added up to get it.
type Truth = (Array, f64);

impl<'m, T: Lift> Trial<'m, T> {
    fn new(
        model: &'m Model,
        others: &[Name],
        quantity: &'m Quantity<'m>,
        bodies: &'m [Body],
        options: &'m Options,
        budget: &'m Budget,
    ) -> Result<Self> {
        let coordinates = Coordinates::new(model, others)?;
        let roots = model.answers.iter().cloned().collect::<Result<Vec<Id>>>()?;
        let image = match quantity {
            Quantity::Density(_, Some(name)) => model.inputs.iter().position(|input| input.name == *name),
            _ => None,
        };
        let offsets = || coordinates.offsets.clone();
        Ok(Self {
            model,
            quantity,
            options,
            truth: Directional::joint(model, bodies, budget, offsets()),
            first: Directional::joint(model, bodies, budget, offsets()),
            second: Directional::joint(model, bodies, budget, offsets()),
            plain: Machine::new(&model.program, bodies, budget),
            coordinates,
            roots,
            image,
            budget,
            rng: Rng::new(options.seed),
            differences: false,
        })
    }

    fn run(mut self) -> Verdict {
        let mut verdict = Verdict::default();
        let mut family = Family::General;
        for _ in 0..self.options.points {
            match self.point(&mut family, &mut verdict) {
                Ok(()) if verdict.failure.is_some() || verdict.singular => break,
                Ok(()) => {}
                Err(error) => {
                    verdict.error = Some(error);
                    break;
                }
            }
        }
        let mut notes: Vec<String> =
            family.describe().map(|family| format!("at points with {family}")).into_iter().collect();
        if self.differences {
            notes.push("against central differences".into());
        }
        verdict.note = notes.join(", ");
        verdict
    }

    /// One point where function and answer have values.
    fn point(&mut self, family: &mut Family, verdict: &mut Verdict) -> Result<()> {
        let mut last = EvalError::domain("no point of the domain was found");
        let mut no_answer = false;
        let first = (*family, 3);
        for (tried, attempts) in std::iter::once(first).chain(Family::TRIED) {
            for _ in 0..attempts {
                let mut inputs = draw_inputs(self.model, tried, &mut self.rng, self.budget)?;
                let found = self.truth.settle(&mut inputs).and_then(|()| self.quantity_at(&mut inputs));
                let (truth, size) = match found {
                    Ok(truth) => truth,
                    Err(error) if error.depends_on_numbers() => {
                        last = error;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                let answer = match self.value(0, &inputs, truth.shape()) {
                    Ok(answer) => answer,
                    Err(error) if error.depends_on_numbers() => {
                        no_answer = true;
                        last = error;
                        continue;
                    }
                    Err(error) => return Err(error),
                };
                *family = tried;
                verdict.points += 1;
                if answer.shape() != truth.shape() {
                    verdict.failure = Some(shape_mismatch(&answer, &show(truth.shape())));
                    return Ok(());
                }
                let error = relative_error(answer.data(), truth.data(), size);
                let tolerance =
                    if self.differences { DIFFERENCE_TOLERANCE } else { self.options.tolerance }.max(1e-14 * size);
                verdict.max_relative_error = verdict.max_relative_error.max(error);
                if error > tolerance {
                    verdict.failure = first_entry(&answer, &truth, tolerance / 2.0);
                }
                return Ok(());
            }
        }
        if no_answer {
            verdict.singular = true;
            verdict.note = last.message;
            return Ok(());
        }
        Err(last)
    }

    /// The value of one of the roots.
    fn value(&mut self, root: usize, inputs: &[Array], shape: &[usize]) -> Result<Array> {
        self.plain.set_inputs(inputs.to_vec());
        let array = match self.plain.eval(self.roots[root])? {
            Value::Dense(array) => array.clone(),
            constant => constant.with_shape(shape)?,
        };
        if array.is_finite() { Ok(array) } else { Err(EvalError::domain("a value is not finite there")) }
    }

    /// The value of the function.
    fn function(&mut self, inputs: &[Array]) -> Result<Array> {
        self.plain.set_inputs(inputs.to_vec());
        let array = self.plain.eval(self.model.target)?.dense()?.clone();
        if array.is_finite() { Ok(array) } else { Err(EvalError::domain("the function is not finite there")) }
    }

    fn derivative(&mut self, inputs: &[Array], steps: &[&[f64]]) -> Result<Array> {
        let found = match steps.len() {
            1 if T::ORDER > 1 => self.first.at(inputs, steps),
            2 if T::ORDER > 2 => self.second.at(inputs, steps),
            _ => self.truth.at(inputs, steps),
        };
        match found {
            Err(error) if error.kind == ErrorKind::NoDual => {
                self.differences = true;
                self.truth.by_differences(inputs, steps)
            }
            result => result,
        }
    }

    /// The derivative of an order above 3 along one step: third derivatives at nine places, and the differences of those.
    fn high_derivative(&mut self, inputs: &[Array], step: &[f64], order: usize) -> Result<Array> {
        self.differences = true;
        let size = step.iter().fold(0.0, |most: f64, x| most.max(x.abs())).max(1e-9);
        let width = 0.03 / size;
        let mut total: Option<Array> = None;
        for (k, weight) in (-4..=4).zip(central_weights(order - 3)) {
            let mut moved = inputs.to_vec();
            let mut entries = step.iter();
            for input in &self.coordinates.inputs {
                for x in moved[*input].data_mut() {
                    *x += f64::from(k) * width * entries.next().copied().unwrap_or(0.0);
                }
            }
            self.truth.settle(&mut moved)?;
            let value = self.truth.at(&moved, &[step; 3])?.scale(weight / width.powi(order as i32 - 3));
            total = Some(match total {
                Some(total) => total.zip(&value, |a, b| a + b),
                None => value,
            });
        }
        total.ok_or_else(|| EvalError::domain("a derivative has no value"))
    }

    fn quantity_at(&mut self, inputs: &mut [Array]) -> Result<Truth> {
        match self.quantity {
            Quantity::Operators(list) => self.operated(list, inputs),
            Quantity::Determinant(scaling) => self.determinant(*scaling, inputs),
            Quantity::Along(_, order) => {
                let step = self.points(inputs)?;
                let value = self.derivative(inputs, &vec![step.as_slice(); *order])?;
                let size = 1e-3 * value.magnitude();
                Ok((value, size))
            }
            Quantity::Expansion(_, order, values) => self.expansion(*order, values, inputs),
            Quantity::Density(..) => {
                let (det, _) = self.determinant(Scaling::Absolute, inputs)?;
                if let Some(image) = self.image {
                    let value = self.function(inputs)?;
                    inputs[image] = value;
                }
                let density = self.value(1, inputs, &[1, 1])?;
                if det.first().abs() < 1e-9 {
                    return Err(EvalError::new(ErrorKind::Singular, "the map is not invertible there"));
                }
                Ok((density.scale(1.0 / det.first()), 0.0))
            }
        }
    }

    /// The values of the extra roots as one step of all coordinates.
    fn points(&mut self, inputs: &[Array]) -> Result<Vec<f64>> {
        let mut step = Vec::with_capacity(self.coordinates.count);
        for (k, input) in self.coordinates.inputs.clone().into_iter().enumerate() {
            let shape = inputs[input].shape().to_vec();
            let value = self.value(k + 1, inputs, &shape)?;
            if value.len() != inputs[input].len() {
                return Err(EvalError::shape("a point or direction has the shape of its variable"));
            }
            step.extend_from_slice(value.data());
        }
        Ok(step)
    }

    /// `Σ D^k F(x0)[x - x0, …]/k!`
    fn expansion(&mut self, order: usize, values: &[(Name, Name)], inputs: &mut [Array]) -> Result<Truth> {
        let at = self.points(inputs)?;
        let mut moved = inputs.to_owned();
        let mut step = Vec::with_capacity(at.len());
        let mut entries = at.iter();
        for input in &self.coordinates.inputs {
            for x in moved[*input].data_mut() {
                let x0 = entries.next().copied().unwrap_or(*x);
                step.push(*x - x0);
                *x = x0;
            }
        }
        self.truth.settle(&mut moved)?;
        for (name, unknown) in values {
            let place = |name: &Name| self.model.inputs.iter().position(|input| input.name == *name);
            if let Some((value, unknown)) = place(name).zip(place(unknown)) {
                inputs[value] = moved[unknown].clone();
            }
        }
        let mut total = self.function(&moved)?;
        let mut size = total.magnitude();
        let mut factorial = 1.0;
        for k in 1..=order {
            factorial *= k as f64;
            let term = match k {
                0..=3 => self.derivative(&moved, &vec![step.as_slice(); k])?,
                _ => self.high_derivative(&moved, &step, k)?,
            };
            let term = term.scale(1.0 / factorial);
            if term.shape() != total.shape() {
                return Err(EvalError::shape("a derivative along a step has the shape of the function"));
            }
            size = size.max(term.magnitude());
            total = total.zip(&term, |a, b| a + b);
        }
        Ok((total, 1e-3 * size))
    }
}

/// What nine values at -4, …, 4 are multiplied with to give the derivative of this order of the polynomial through them.
fn central_weights(order: usize) -> [f64; 9] {
    let mut weights = [0.0; 9];
    for (k, weight) in weights.iter_mut().enumerate() {
        // the polynomial that is 1 at this place and 0 at the others
        let mut polynomial = [0.0; 10];
        polynomial[0] = 1.0;
        for other in (0..9).filter(|other| *other != k) {
            let (own, other) = (k as f64 - 4.0, other as f64 - 4.0);
            for power in (0..9).rev() {
                let below = if power > 0 { polynomial[power - 1] } else { 0.0 };
                polynomial[power] = (below - other * polynomial[power]) / (own - other);
            }
        }
        *weight = (1..=order).fold(polynomial[order], |product, k| product * k as f64);
    }
    weights
}
