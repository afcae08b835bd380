//! Is an answer right? Points of the domain, random directions, one number each way.

mod rounding;

use std::collections::BTreeMap;

use matgrad_syntax::Name;

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::compare::{Mismatch, contract, first_entry, gap, largest, number_mismatch, plain_mismatch, shape_mismatch};
use crate::derivative::{Directional, Lift, NOT_FINITE};
use crate::differences::DIFFERENCE_TOLERANCE;
use crate::direction::{Convention, Direction, bend, is_symmetric, structured, symmetric_part};
use crate::error::{ErrorKind, EvalError, Result};
use crate::extent::turned;
use crate::layout::{Arrangement, Layout, arrangement};
use crate::machine::Machine;
use crate::point::{Point, bodies, draw_inputs, full_tensor};
use crate::problem::{Answer, Model, Problem};
use crate::rng::Rng;
use crate::sample::Family;
use crate::scalar::Dual;
use crate::value::{Array, Value, show};

use rounding::Rounding;

/// How thorough a check is.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Options {
    /// How many points.
    pub points: usize,
    /// How many random directions at each.
    pub directions: usize,
    /// Where the random numbers start.
    pub seed: u64,
    /// The largest relative error that passes.
    pub tolerance: f64,
    /// What structure means.
    pub convention: Convention,
}

impl Default for Options {
    fn default() -> Self {
        Self { points: 3, directions: 1, seed: 1, tolerance: 1e-8, convention: Convention::Free }
    }
}

/// The outcome of a check.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Verdict {
    /// At how many points the answer was compared.
    pub points: usize,
    /// The largest relative error met.
    pub max_relative_error: f64,
    /// The function has values, but the answer has none at any point tried (it inverts what is singular, say).
    pub singular: bool,
    /// Where it is wrong.
    pub failure: Option<Mismatch>,
    /// Why there was nothing to compare.
    pub error: Option<EvalError>,
    /// What to know about the points: their family, how the truth was found.
    pub note: String,
    /// The sizes used.
    pub dims: BTreeMap<Name, usize>,
}

impl Verdict {
    /// A right verdict, and the one of a last point: at sizes in another order where there is a value to compare, else
    /// at the same ones.
    pub(crate) fn and_last(
        self,
        turned: &BTreeMap<Name, usize>,
        options: &Options,
        run: impl Fn(&BTreeMap<Name, usize>, &Options) -> Self,
    ) -> Self {
        let options = Options { points: 1, seed: options.seed.wrapping_add(1), ..*options };
        let mut last = Self { dims: turned.clone(), ..run(turned, &options) };
        // `det(X'*A*X)` of a wide X is 0, and the textbook's inverse in its derivative has no value there
        if last.points == 0 {
            last = Self { dims: self.dims.clone(), ..run(&self.dims, &options) };
        }
        let points = self.points + last.points;
        let max_relative_error = self.max_relative_error.max(last.max_relative_error);
        let worse = if last.failure.is_some() { last } else { self };
        Self { points, max_relative_error, ..worse }
    }

    /// Whether the answer was compared and found right.
    pub fn is_right(&self) -> bool {
        self.points > 0 && self.failure.is_none() && self.error.is_none() && !self.singular
    }
}

/// Compares an answer with an independent derivative of the original function at random points.
pub fn verify(problem: &Problem, answer: &Answer, options: &Options) -> Verdict {
    match answer.order {
        1 => verify_order::<Dual<f64>>(problem, answer, options),
        2 => verify_order::<Dual<Dual<f64>>>(problem, answer, options),
        3 => verify_order::<Dual<Dual<Dual<f64>>>>(problem, answer, options),
        _ => {
            let error = EvalError::new(ErrorKind::Limit, "only orders 1, 2 and 3 are checked");
            Verdict { error: Some(error), ..Verdict::default() }
        }
    }
}

fn verify_order<T: Lift>(problem: &Problem, answer: &Answer, options: &Options) -> Verdict {
    let mut best = Verdict {
        error: Some(EvalError::new(ErrorKind::Unknown, "the dimensions have no sizes that fit")),
        ..Verdict::default()
    };
    let mut budget = Budget::new();
    // how many entries the variable had where the work ran out
    let mut too_large: Option<usize> = None;
    let assignments = problem.assignments();
    // the last point is one of other proportions
    let turned = turned(&assignments).filter(|_| options.points > 1);
    for (place, dims) in assignments.iter().take(16).enumerate() {
        let turned = turned.filter(|_| place == 0);
        let first = Options { points: options.points - usize::from(turned.is_some()), ..*options };
        let dims = dims.clone();
        let verdict = match Model::new(problem, &dims, std::slice::from_ref(answer)) {
            Ok(model) => {
                let entries = model.wrt_shape().iter().product();
                if too_large.is_some_and(|size| entries >= size) {
                    continue;
                }
                let verdict = check_model::<T>(&model, answer, &first, &budget);
                if let Some(turned) = turned.filter(|_| verdict.is_right()) {
                    let verdict = Verdict { dims, ..verdict };
                    return verdict.and_last(turned, &first, |dims, options| {
                        match Model::new(problem, dims, std::slice::from_ref(answer)) {
                            Ok(model) => check_model::<T>(&model, answer, options, &budget),
                            Err(error) => Verdict { error: Some(error), ..Verdict::default() },
                        }
                    });
                }
                if verdict.error.as_ref().is_some_and(|error| error.kind == ErrorKind::Limit) && too_large.is_none() {
                    // once more with fewer entries
                    too_large = Some(entries);
                    budget = Budget::new();
                    if best.dims.is_empty() {
                        best = Verdict { dims, ..verdict };
                    }
                    continue;
                }
                verdict
            }
            Err(error) => Verdict { error: Some(error), ..Verdict::default() },
        };
        let verdict = Verdict { dims, ..verdict };
        let retry = verdict.singular
            || verdict
                .error
                .as_ref()
                .is_some_and(|error| error.depends_on_numbers() || matches!(error.kind, ErrorKind::Subscript));
        if !retry {
            return verdict;
        }
        // a singular answer says more than a function without values
        if best.error.is_some() || verdict.singular {
            best = verdict;
        }
    }
    best
}

fn check_model<T: Lift>(model: &Model, answer: &Answer, options: &Options, budget: &Budget) -> Verdict {
    // a function under a logarithm has to be positive
    let mut verdict = Verdict::default();
    for offset in [0.5, 4.0] {
        let bodies = bodies(model, offset, options.seed);
        verdict = Check::<T>::new(model, &bodies, answer, options, budget).run();
        let retry = verdict.error.as_ref().is_some_and(EvalError::depends_on_numbers);
        if model.functions.is_empty() || !retry {
            break;
        }
    }
    verdict
}

struct Check<'m, T> {
    model: &'m Model,
    bodies: &'m [Body],
    answer: &'m Answer<'m>,
    options: &'m Options,
    truth: Directional<'m, T>,
    plain: Machine<'m, f64>,
    budget: &'m Budget,
    rng: Rng,
    verdict: Verdict,
    family: Family,
    symmetric: bool,
    differences: bool,
    /// How many points rounding has drowned.
    drowned: usize,
    /// Why the point has no derivative by duals, where differences have the word. They refute nothing there.
    doubt: Option<EvalError>,
}

/// How many points may have nothing but rounding before that is believed to be so everywhere.
const VANISHING: usize = 4;

/// After how many points that rounding drowned a gap is no longer believed.
const DROWNED: usize = 2;

const DROWNS: &str = "rounding drowns the derivative there";

/// An answer in some directions against the truth.
#[derive(Clone)]
struct Gap {
    got: Vec<f64>,
    want: Vec<f64>,
    absolute: f64,
    scale: f64,
}

impl Gap {
    fn new(got: Vec<f64>, want: &[f64], size: f64) -> Self {
        let scale = largest(want).max(1e-3 * size);
        Self { absolute: gap(&got, want), got, want: want.to_vec(), scale }
    }

    fn relative(&self) -> f64 {
        if self.absolute == 0.0 { 0.0 } else { self.absolute / self.scale.max(f64::MIN_POSITIVE) }
    }
}

/// A comparison at one point.
struct Compared {
    error: f64,
    point: Point,
    value: Array,
    worst: Gap,
    /// There was nothing but rounding to compare.
    vanishes: bool,
}

enum Outcome {
    Compared(Compared),
    Misshapen(Mismatch),
    Failed(EvalError),
    /// The function has a value, the answer has none.
    NoAnswer(EvalError),
}

impl<'m, T: Lift> Check<'m, T> {
    fn new(
        model: &'m Model,
        bodies: &'m [Body],
        answer: &'m Answer<'m>,
        options: &'m Options,
        budget: &'m Budget,
    ) -> Self {
        Self {
            model,
            bodies,
            answer,
            options,
            truth: Directional::new(model, bodies, budget),
            plain: Machine::new(&model.program, bodies, budget),
            budget,
            rng: Rng::new(options.seed),
            verdict: Verdict::default(),
            family: Family::General,
            symmetric: false,
            differences: false,
            drowned: 0,
            doubt: None,
        }
    }

    fn run(mut self) -> Verdict {
        for _ in 0..self.options.points {
            match self.point() {
                Outcome::Compared(found) => {
                    let tolerance = self.tolerance();
                    self.verdict.points += 1;
                    self.verdict.max_relative_error = self.verdict.max_relative_error.max(found.error);
                    if found.error > tolerance {
                        self.verdict.failure = Some(self.first_difference(&found));
                        break;
                    }
                }
                Outcome::Misshapen(mismatch) => {
                    self.verdict.points += 1;
                    self.verdict.failure = Some(mismatch);
                    break;
                }
                // what was compared before the work ran out counts
                Outcome::Failed(error) if error.kind == ErrorKind::Limit && self.verdict.points > 0 => break,
                Outcome::Failed(error) => {
                    self.verdict.error = Some(error);
                    break;
                }
                Outcome::NoAnswer(error) => {
                    self.verdict.singular = true;
                    self.verdict.note = error.message;
                    return self.verdict;
                }
            }
        }
        let mut notes = Vec::new();
        if let Some(family) = self.family.describe() {
            notes.push(format!("at points with {family}"));
        }
        if self.symmetric {
            notes.push(format!("for symmetric steps of {}", self.model.inputs[self.model.wrt].name));
        }
        if self.differences {
            notes.push("against central differences".into());
        }
        self.verdict.note = notes.join(", ");
        self.verdict
    }

    fn tolerance(&self) -> f64 {
        if self.differences { self.options.tolerance.max(DIFFERENCE_TOLERANCE) } else { self.options.tolerance }
    }

    /// Draws points until function and answer have values; the family that worked is tried first next time.
    fn point(&mut self) -> Outcome {
        let mut last = EvalError::domain("no point of the domain was found");
        let mut no_answer = None;
        let first = (self.family, 3);
        let mut poor: Option<Compared> = None;
        let mut vanished: Option<(usize, Compared)> = None;
        for (family, attempts) in std::iter::once(first).chain(Family::TRIED) {
            for _ in 0..attempts {
                let inputs = match draw_inputs(self.model, family, &mut self.rng, self.budget) {
                    Ok(inputs) => inputs,
                    Err(error) => return Outcome::Failed(error),
                };
                match self.compare(Point { inputs }) {
                    // what is 0 here but for rounding may be something elsewhere
                    Outcome::Compared(found) if found.vanishes => {
                        let times = vanished.as_ref().map_or(1, |(times, _)| times + 1);
                        if times >= VANISHING || self.verdict.points > 0 {
                            return Outcome::Compared(found);
                        }
                        vanished = Some((times, found));
                    }
                    Outcome::Compared(found) => {
                        self.family = family;
                        if poor.is_some() && largest(&found.worst.want) == 0.0 {
                            continue; // says nothing of the error before
                        }
                        if found.error > self.tolerance() && self.drowned >= DROWNED {
                            continue; // rounding decides which branch is taken, and was not caught this time
                        }
                        // a small error may be an ill-conditioned point: try another two before believing it
                        if found.error > self.tolerance() && found.error < 1e-3 {
                            if poor.as_ref().is_none_or(|best| found.error < best.error) {
                                let first = poor.is_none();
                                poor = Some(found);
                                if first {
                                    continue;
                                }
                            }
                            if let Some(found) = poor {
                                return Outcome::Compared(found);
                            }
                            continue;
                        }
                        return Outcome::Compared(found);
                    }
                    Outcome::Failed(error) => {
                        if !error.depends_on_numbers() {
                            return Outcome::Failed(error);
                        }
                        let asymmetric = error.kind == ErrorKind::Asymmetric;
                        self.drowned += usize::from(error.message == DROWNS);
                        last = error;
                        if asymmetric && !family.is_symmetric() {
                            break;
                        }
                    }
                    Outcome::NoAnswer(error) => {
                        if !error.depends_on_numbers() {
                            return Outcome::Failed(error);
                        }
                        no_answer = Some(error);
                    }
                    misshapen => return misshapen,
                }
            }
        }
        if let Some(found) = poor.or(vanished.map(|(_, found)| found)) {
            return Outcome::Compared(found);
        }
        match no_answer {
            Some(error) => Outcome::NoAnswer(error),
            None => Outcome::Failed(last),
        }
    }

    fn compare(&mut self, point: Point) -> Outcome {
        match self.try_compare(point) {
            Ok(outcome) => outcome,
            Err(error) => Outcome::Failed(error),
        }
    }

    fn try_compare(&mut self, mut point: Point) -> Result<Outcome> {
        self.truth.settle(&mut point.inputs)?;
        let order = self.answer.order;
        let mut worst: Option<(f64, Gap, Array)> = None;
        let mut vanishes = false;
        for _ in 0..self.options.directions.max(1) {
            let mut directions = self.directions(&point, order)?;
            self.doubt = None;
            let truth = match self.directional(&point, &directions) {
                Err(error) if error.kind == ErrorKind::Asymmetric && self.symmetrise(&point, &mut directions) => {
                    let truth = self.directional(&point, &directions)?;
                    self.symmetric = true;
                    truth
                }
                result => result?,
            };
            if self.answer.layout == Layout::Differential
                && let (Some(direction), Some(step)) = (directions.first(), point.inputs.get_mut(self.model.step))
            {
                step.data_mut().copy_from_slice(&direction.step);
            }
            let arranged = match self.answer_at(&point, &truth) {
                Ok(arranged) => arranged,
                Err(error) => return Ok(Outcome::NoAnswer(error)),
            };
            let found = match self.contracted(&arranged, &truth, &directions) {
                Ok((got, size)) => Gap::new(got, truth.data(), size),
                Err(mismatch) => return Ok(Outcome::Misshapen(mismatch)),
            };
            let mut error = found.relative();
            let tolerance = self.tolerance();
            if error > tolerance {
                match self.rounding(&point, &directions, &truth, &found)? {
                    Rounding::Explains(small) => error = small.min(tolerance),
                    Rounding::Vanishes(small) => {
                        error = small.min(tolerance);
                        vanishes = true;
                    }
                    Rounding::Drowns => return Err(EvalError::domain(DROWNS)),
                    Rounding::IsSmall => {}
                }
            }
            if error > tolerance
                && let Some(doubt) = self.doubt.take()
            {
                return Err(doubt);
            }
            if worst.as_ref().is_none_or(|(most, ..)| error > *most) {
                worst = Some((error, found, arranged));
            }
        }
        match worst {
            Some((error, worst, value)) => Ok(Outcome::Compared(Compared { error, point, value, worst, vanishes })),
            None => Err(EvalError::shape("nothing to compare")),
        }
    }

    fn directional(&mut self, point: &Point, directions: &[Direction]) -> Result<Array> {
        let steps: Vec<&[f64]> = directions.iter().map(|direction| direction.step.as_slice()).collect();
        let input = &self.model.inputs[self.model.wrt];
        if let Some(bend) = bend(self.options.convention, &input.attributes, &point.inputs[self.model.wrt], directions)
        {
            return self.truth.along_surface(&point.inputs, &steps, &bend);
        }
        match self.truth.at(&point.inputs, &steps) {
            Err(error) if error.kind == ErrorKind::NoDual => self.by_differences(point, &steps),
            // infinite slopes inside of what is smooth: cbrt(x)^3 where x is 0
            Err(error) if error.message == NOT_FINITE => {
                let found = self.by_differences(point, &steps).map_err(|_| error.clone());
                self.doubt = Some(error);
                found
            }
            result => result,
        }
    }

    fn by_differences(&mut self, point: &Point, steps: &[&[f64]]) -> Result<Array> {
        let value = self.truth.by_differences(&point.inputs, steps)?;
        self.adds_up(point, steps, &value)?;
        self.differences = true;
        Ok(value)
    }

    /// Refuses slopes along lines that are no linear function of the step, as at a matrix with equal eigenvalues.
    fn adds_up(&mut self, point: &Point, steps: &[&[f64]], value: &Array) -> Result<()> {
        let Some((step, rest)) = steps.split_first() else { return Ok(()) };
        let mut others = self.directions(point, 1)?;
        let n = point.inputs[self.model.wrt].rows();
        let mirrored = |step: &[f64]| step.len() == n * n && (0..n * n).all(|k| step[k] == step[k % n * n + k / n]);
        if mirrored(step) {
            others.iter_mut().for_each(|other| symmetric_part(n, &mut other.step));
        }
        let Some(other) = others.pop() else { return Ok(()) };
        let both: Vec<f64> = step.iter().zip(&other.step).map(|(x, y)| x + y).collect();
        let mut along = |step: &[f64]| {
            let steps: Vec<&[f64]> = std::iter::once(step).chain(rest.iter().copied()).collect();
            self.truth.by_differences(&point.inputs, &steps)
        };
        let (second, sum) = (along(&other.step)?, along(&both)?);
        let size = value.magnitude().max(second.magnitude()).max(sum.magnitude());
        let gap = value.zip(&second, |x, y| x + y).zip(&sum, |x, y| x - y).magnitude();
        if gap > 1e-3 * size && gap > 1e-7 {
            return Err(EvalError::domain("the function has no derivative there, only slopes along lines"));
        }
        Ok(())
    }

    /// The value of the answer, of the promised shape where it is a constant without a size.
    fn answer_at(&mut self, point: &Point, truth: &Array) -> Result<Array> {
        let root = match self.model.answers.first() {
            Some(Ok(root)) => *root,
            Some(Err(error)) => return Err(error.clone()),
            None => return Err(EvalError::shape("there is no answer")),
        };
        self.plain.set_inputs(point.inputs.clone());
        let shape = self.arrangement(truth).map_or_else(|| truth.shape().to_vec(), |arrangement| arrangement.shape);
        let array = match self.plain.eval(root)? {
            Value::Dense(array) => array.clone(),
            constant => constant.with_shape(&shape)?,
        };
        if array.is_finite() { Ok(array) } else { Err(EvalError::domain("the answer is not finite there")) }
    }

    fn arrangement(&self, truth: &Array) -> Option<Arrangement> {
        arrangement(self.answer.layout, self.answer.order, truth.shape(), &self.model.wrt_shape())
    }

    /// What the answer says in these directions, and the size of what was summed for it.
    fn contracted(
        &self,
        arranged: &Array,
        truth: &Array,
        directions: &[Direction],
    ) -> std::result::Result<(Vec<f64>, f64), Mismatch> {
        if self.answer.layout == Layout::Differential && self.answer.order == 1 {
            if arranged.shape() != truth.shape() {
                return Err(shape_mismatch(arranged, &show(truth.shape())));
            }
            return Ok((arranged.data().to_vec(), 0.0));
        }
        let Some(arrangement) = self.arrangement(truth) else {
            let layout = self.answer.layout.name();
            return Err(plain_mismatch(format!("the layout {layout} does not apply to these shapes")));
        };
        let Some(tensor) = arrangement.tensor(arranged) else {
            return Err(shape_mismatch(arranged, &arrangement.show()));
        };
        let weights: Vec<&[f64]> = directions.iter().map(|direction| direction.weights.as_slice()).collect();
        Ok(contract(&tensor, truth.len(), &weights))
    }

    fn directions(&mut self, point: &Point, order: usize) -> Result<Vec<Direction>> {
        let input = &self.model.inputs[self.model.wrt];
        let x = &point.inputs[self.model.wrt];
        (0..order)
            .map(|_| {
                let free: Vec<f64> = (0..x.len()).map(|_| self.rng.normal()).collect();
                Ok(structured(self.options.convention, &input.attributes, x, free))
            })
            .collect()
    }

    /// Makes the directions symmetric where the variable is; false where that is not possible.
    fn symmetrise(&self, point: &Point, directions: &mut [Direction]) -> bool {
        let x = &point.inputs[self.model.wrt];
        if !is_symmetric(x) || self.options.convention != Convention::Free {
            return false;
        }
        for direction in directions {
            symmetric_part(x.rows(), &mut direction.step);
            direction.weights.clone_from(&direction.step);
        }
        true
    }

    /// The first entry that is wrong, found in all unit directions.
    fn first_difference(&mut self, found: &Compared) -> Mismatch {
        self.entry_difference(&found.point, &found.value).unwrap_or_else(|| {
            let pairs = found.worst.got.iter().zip(&found.worst.want);
            let (got, want) = pairs.fold((0.0, 0.0), |worst: (f64, f64), (x, y)| {
                let further = (x - y).abs() > (worst.0 - worst.1).abs() || x.is_nan();
                if further { (*x, *y) } else { worst }
            });
            number_mismatch(got, want)
        })
    }

    fn entry_difference(&mut self, point: &Point, value: &Array) -> Option<Mismatch> {
        if self.answer.layout == Layout::Differential {
            let step = point.inputs.get(self.model.step)?.data().to_vec();
            let steps = vec![step.as_slice(); self.answer.order];
            let truth = self.truth.at(&point.inputs, &steps).ok()?;
            return first_entry(value, &truth, self.options.tolerance);
        }
        let tensor = full_tensor(&mut self.truth, self.model, point, self.answer.order, self.symmetric).ok()?;
        let arrangement = arrangement(self.answer.layout, self.answer.order, &tensor.0, &self.model.wrt_shape())?;
        let want = arrangement.arrange(tensor.1)?;
        let value = if arrangement.tensor { value.reshaped(want.shape()) } else { value.clone() };
        first_entry(&value, &want, self.options.tolerance)
    }
}
