//! Is a claimed derivative right, in which layouts, and if not: what is wrong with it?

use std::collections::BTreeMap;

use matgrad_syntax::Name;

use crate::abstracts::Body;
use crate::budget::Budget;
use crate::compare::{Mismatch, first_entry, relative_error};
use crate::derivative::{Directional, Lift};
use crate::direction::is_symmetric;
use crate::error::{ErrorKind, EvalError, Result};
use crate::extent::turned;
use crate::layout::{Layout, arrangement};
use crate::machine::Machine;
use crate::point::{Point, bodies, draw_inputs, full_tensor};
use crate::problem::{Answer, Model, Problem};
use crate::rng::Rng;
use crate::sample::Family;
use crate::scalar::Dual;
use crate::value::{Array, Value, show};
use crate::verify::Options;

/// How a claim relates to the truth.
#[derive(Clone, Debug, PartialEq)]
pub enum Relation {
    /// Right in the layouts listed.
    Right,
    /// Its transpose is right in this layout.
    Transposed(Layout),
    /// Right in this layout but for the sign.
    Sign(Layout),
    /// This number times the derivative in this layout.
    Factor(Layout, f64),
    /// Right in this layout up to a scalar that differs from point to point.
    VaryingFactor(Layout),
    /// A symmetrised gradient; the text says how.
    Symmetrised(&'static str),
    /// Summed over its entries, rows or columns it is right in this layout.
    MissingSum(Layout),
    /// The right number where every entry of the derivative in this layout is that number.
    Broadcast(Layout),
    /// None of these.
    Wrong,
}

/// What the check of a claim found.
#[derive(Clone, Debug, PartialEq)]
pub struct ClaimReport {
    /// The layouts in which the claim is right.
    pub layouts: Vec<Layout>,
    /// What it is otherwise.
    pub relation: Relation,
    /// The first entry that differs, in the layout whose shape fits.
    pub mismatch: Option<Mismatch>,
    /// At how many points it was compared.
    pub points: usize,
    /// The largest relative error in the layouts where it is right.
    pub max_relative_error: f64,
    /// The sizes used.
    pub dims: BTreeMap<Name, usize>,
    /// The finding in words.
    pub sentence: String,
    /// Why there was nothing to compare.
    pub error: Option<EvalError>,
    /// Where it is wrong: the values of the names that function and claim need, at the point of the mismatch.
    pub point: Vec<(Name, Array)>,
}

impl ClaimReport {
    /// The report on a claim whose shapes do not fit together.
    pub fn misshapen(sentence: String) -> Self {
        Self { sentence, error: None, ..Self::failed(EvalError::shape("the shapes do not fit")) }
    }

    /// Whether the claim is right in some layout.
    pub fn is_right(&self) -> bool {
        !self.layouts.is_empty()
    }

    /// What is right at some sizes has to be right at others.
    fn also(self, other: Self) -> Self {
        if other.is_right() {
            let layouts: Vec<Layout> =
                self.layouts.iter().copied().filter(|layout| other.layouts.contains(layout)).collect();
            return match layouts.is_empty() {
                true => self,
                false => Self { sentence: format!("the claim is right in {}", list(&layouts)), layouts, ..self },
            };
        }
        let sizes = |dims: &BTreeMap<Name, usize>| {
            dims.iter().map(|(name, n)| format!("{name} = {n}")).collect::<Vec<_>>().join(", ")
        };
        let reason = other.sentence.strip_prefix("the claim is ").unwrap_or(&other.sentence);
        let sentence =
            format!("the claim is right for {}, but for {} it is {reason}", sizes(&self.dims), sizes(&other.dims));
        Self { sentence, ..other }
    }

    fn failed(error: EvalError) -> Self {
        Self {
            layouts: Vec::new(),
            relation: Relation::Wrong,
            mismatch: None,
            points: 0,
            max_relative_error: 0.0,
            dims: BTreeMap::new(),
            sentence: format!("the claim could not be checked: {error}"),
            error: Some(error),
            point: Vec::new(),
        }
    }
}

/// Compares a claim with the true derivative in every layout; `claim.layout` is the one asked about.
pub fn check_claim(problem: &Problem, claim: &Answer, options: &Options) -> ClaimReport {
    match claim.order {
        1 => check_order::<Dual<f64>>(problem, claim, options),
        2 => check_order::<Dual<Dual<f64>>>(problem, claim, options),
        3 => check_order::<Dual<Dual<Dual<f64>>>>(problem, claim, options),
        _ => ClaimReport::failed(EvalError::new(ErrorKind::Limit, "only orders 1, 2 and 3 are checked")),
    }
}

fn check_order<T: Lift>(problem: &Problem, claim: &Answer, options: &Options) -> ClaimReport {
    let mut last = EvalError::new(ErrorKind::Unknown, "the dimensions have no sizes that fit");
    let budget = Budget::new();
    let assignments = problem.assignments();
    let gather_at = |dims: &BTreeMap<Name, usize>| {
        Model::new(problem, dims, std::slice::from_ref(claim)).and_then(|model| {
            let mut result = Err(EvalError::domain("no point of the domain was found"));
            for offset in [0.5, 4.0] {
                let bodies = bodies(&model, offset, options.seed);
                result = gather::<T>(&model, &bodies, claim, options, &budget);
                if result.is_ok() || model.functions.is_empty() {
                    break;
                }
            }
            Ok((model.wrt_shape(), result?))
        })
    };
    for (place, dims) in assignments.iter().take(16).enumerate() {
        match gather_at(dims) {
            Ok((x_shape, samples)) => {
                let report = ClaimReport { dims: dims.clone(), ..judge(&samples, &x_shape, claim, options.tolerance) };
                let turned = turned(&assignments).filter(|_| place == 0 && report.is_right());
                let other = turned.and_then(|dims| Some((dims, gather_at(dims).ok()?)));
                return match other {
                    Some((turned, (x_shape, samples))) => {
                        let other = judge(&samples, &x_shape, claim, options.tolerance);
                        report.also(ClaimReport { dims: turned.clone(), ..other })
                    }
                    None => report,
                };
            }
            Err(error) => {
                let retry = error.depends_on_numbers() || error.kind == ErrorKind::Subscript;
                last = error;
                if !retry {
                    break;
                }
            }
        }
    }
    ClaimReport::failed(last)
}

/// The truth and the claim at one point.
struct Sample {
    f_shape: Vec<usize>,
    tensor: Vec<f64>,
    /// The derivative in the direction `dX`.
    differential: Array,
    claim: Array,
    point: Vec<(Name, Array)>,
}

fn gather<T: Lift>(
    model: &Model,
    bodies: &[Body],
    claim: &Answer,
    options: &Options,
    budget: &Budget,
) -> Result<Vec<Sample>> {
    let root = match model.answers.first() {
        Some(Ok(root)) => *root,
        Some(Err(error)) => return Err(error.clone()),
        None => return Err(EvalError::shape("there is no claim")),
    };
    let mut truth = Directional::<T>::new(model, bodies, budget);
    let mut plain = Machine::new(&model.program, bodies, budget);
    let mut rng = Rng::new(options.seed);
    let mut samples = Vec::new();
    let mut family = Family::General;
    let mut last = EvalError::domain("no point of the domain was found");
    for _ in 0..options.points.clamp(2, 5) {
        let mut found = false;
        'families: for (tried, attempts) in std::iter::once((family, 3)).chain(Family::TRIED) {
            for _ in 0..attempts {
                let mut point = Point { inputs: draw_inputs(model, tried, &mut rng, budget)? };
                if let Err(error) = truth.settle(&mut point.inputs) {
                    if !error.depends_on_numbers() {
                        return Err(error);
                    }
                    last = error;
                    continue;
                }
                match sample(model, &mut truth, &mut plain, &point, root, claim) {
                    Ok(sample) => {
                        samples.push(sample);
                        (family, found) = (tried, true);
                        break 'families;
                    }
                    Err(error) if error.depends_on_numbers() => last = error,
                    Err(error) => return Err(error),
                }
            }
        }
        if !found {
            return Err(last);
        }
    }
    Ok(samples)
}

fn sample<T: Lift>(
    model: &Model,
    truth: &mut Directional<'_, T>,
    plain: &mut Machine<'_, f64>,
    point: &Point,
    root: u32,
    claim: &Answer,
) -> Result<Sample> {
    let (f_shape, tensor) = match full_tensor(truth, model, point, claim.order, false) {
        Err(error) if error.kind == ErrorKind::Asymmetric && is_symmetric(&point.inputs[model.wrt]) => {
            full_tensor(truth, model, point, claim.order, true)?
        }
        result => result?,
    };
    let rows: usize = f_shape.iter().product();
    let step = point.inputs[model.step].data();
    let differential: Vec<f64> = (0..rows)
        .map(|i| step.iter().enumerate().map(|(k, d)| tensor.get(i + rows * k).unwrap_or(&0.0) * d).sum())
        .collect();
    plain.set_inputs(point.inputs.clone());
    let value = match plain.eval(root)? {
        Value::Dense(array) => array.clone(),
        constant => {
            let shape = arrangement(claim.layout, claim.order, &f_shape, &model.wrt_shape());
            constant.with_shape(&shape.map_or_else(|| f_shape.clone(), |arrangement| arrangement.shape))?
        }
    };
    if !value.is_finite() {
        return Err(EvalError::domain("the claim is not finite there"));
    }
    let differential = Array::new(&f_shape, differential).ok_or_else(|| EvalError::shape("nothing to compare"))?;
    let used = model.program.inputs_of([model.target, root]);
    let inputs = model.inputs.iter().zip(&point.inputs).enumerate();
    let inputs = inputs.filter(|(k, _)| used.contains(&(*k as u32)));
    let point = inputs.map(|(_, (input, value))| (input.name.clone(), value.clone())).collect();
    Ok(Sample { f_shape, tensor, differential, claim: value, point })
}

/// The truth of a sample in a layout, if it applies; axes of size 1 as the claim has them.
fn arranged(sample: &Sample, layout: Layout, order: usize, x_shape: &[usize]) -> Option<Array> {
    if layout == Layout::Differential {
        return (order == 1).then(|| sample.differential.clone());
    }
    let arrangement = arrangement(layout, order, &sample.f_shape, x_shape)?;
    let fits = arrangement.fits(&sample.claim);
    let array = arrangement.arrange(sample.tensor.clone())?;
    Some(if fits { array.reshaped(sample.claim.shape()) } else { array })
}

/// The largest relative error of `got` against `want` over all samples; infinite where shapes differ.
fn error_over(pairs: &[(Array, Array)]) -> f64 {
    pairs.iter().fold(0.0, |most: f64, (got, want)| {
        let error =
            if got.shape() == want.shape() { relative_error(got.data(), want.data(), 1e-3) } else { f64::INFINITY };
        if error.is_nan() { f64::INFINITY } else { most.max(error) }
    })
}

fn judge(samples: &[Sample], x_shape: &[usize], claim: &Answer, tolerance: f64) -> ClaimReport {
    let mut report = ClaimReport {
        layouts: Vec::new(),
        relation: Relation::Wrong,
        mismatch: None,
        points: samples.len(),
        max_relative_error: 0.0,
        dims: BTreeMap::new(),
        sentence: String::new(),
        error: None,
        point: Vec::new(),
    };
    // the layout asked about goes first where several explain the same
    let mut layouts = vec![claim.layout];
    layouts.extend(Layout::ALL.into_iter().filter(|layout| *layout != claim.layout));
    let mut truths: Vec<(Layout, Vec<Array>)> = Vec::new();
    for layout in layouts {
        let all: Option<Vec<Array>> =
            samples.iter().map(|sample| arranged(sample, layout, claim.order, x_shape)).collect();
        truths.extend(all.map(|all| (layout, all)));
    }
    for (layout, truth) in &truths {
        let error = error_over(&pair(samples, truth, |claim, _| Some(claim.clone())));
        if error <= tolerance {
            report.layouts.push(*layout);
            report.max_relative_error = report.max_relative_error.max(error);
        }
    }
    if !report.layouts.is_empty() {
        report.layouts.sort();
        report.relation = Relation::Right;
        report.sentence = format!("the claim is right in {}", list(&report.layouts));
        return report;
    }
    (report.relation, report.sentence) = explain(samples, &truths, tolerance);
    let fitting = truths.iter().find(|(_, truth)| truth[0].shape() == samples[0].claim.shape());
    if let Some((_, truth)) = fitting {
        let first = samples.iter().zip(truth).find_map(|(sample, truth)| {
            first_entry(&sample.claim, truth, tolerance).map(|mismatch| (mismatch, sample.point.clone()))
        });
        if let Some((mismatch, point)) = first {
            (report.mismatch, report.point) = (Some(mismatch), point);
        }
    }
    if report.relation == Relation::Wrong {
        report.sentence = match (&report.mismatch, fitting) {
            (Some(mismatch), Some((layout, _))) => {
                format!("the claim is wrong: compared with the {} layout, {}", layout.name(), mismatch.message)
            }
            _ => {
                let shapes: Vec<String> = truths
                    .iter()
                    .filter(|(layout, _)| *layout != Layout::Differential)
                    .map(|(layout, truth)| format!("{} in the {} layout", show(truth[0].shape()), layout.name()))
                    .collect();
                let got = show(samples[0].claim.shape());
                format!("the claim is wrong: it has shape {got}, the derivative has {}", shapes.join(", "))
            }
        };
    }
    report
}

/// What `change` makes of each claim, beside the truth; an empty array where it does not apply.
fn pair(samples: &[Sample], truth: &[Array], change: impl Fn(&Array, &Array) -> Option<Array>) -> Vec<(Array, Array)> {
    let nothing = || Array::zeros(&[0, 0]);
    samples
        .iter()
        .zip(truth)
        .map(|(sample, truth)| (change(&sample.claim, truth).unwrap_or_else(nothing), truth.clone()))
        .collect()
}

fn explain(samples: &[Sample], truths: &[(Layout, Vec<Array>)], tolerance: f64) -> (Relation, String) {
    for (layout, truth) in truths {
        let turned = error_over(&pair(samples, truth, |claim, _| (claim.rank() == 2).then(|| claim.transposed())));
        if turned <= tolerance {
            let text = format!("the claim is right up to a transpose: its transpose is the {} layout", layout.name());
            return (Relation::Transposed(*layout), text);
        }
    }
    for (layout, truth) in truths {
        if let Some(found) = factor(samples, *layout, truth, tolerance) {
            return found;
        }
    }
    for (layout, truth) in truths.iter().filter(|(layout, _)| matches!(layout, Layout::Gradient | Layout::Numerator)) {
        for (name, change) in SYMMETRISATIONS {
            let pairs: Vec<(Array, Array)> = samples
                .iter()
                .zip(truth)
                .filter(|(_, truth)| truth.is_square() && !truth.is_scalar())
                .map(|(sample, truth)| (sample.claim.clone(), change(truth)))
                .collect();
            if pairs.len() == samples.len() && error_over(&pairs) <= tolerance {
                let text = format!(
                    "the claim is {name}, where G is the {} layout: right for a symmetric variable under that \
                     convention, not for free entries",
                    layout.name()
                );
                return (Relation::Symmetrised(name), text);
            }
        }
    }
    for (layout, truth) in truths {
        if let Some(found) = sums(samples, *layout, truth, tolerance) {
            return found;
        }
    }
    (Relation::Wrong, String::new())
}

type Change = fn(&Array) -> Array;

const SYMMETRISATIONS: [(&str, Change); 3] = [
    ("G + G' - diag(diag(G))", |g| {
        let mut out = g.zip(&g.transposed(), |x, y| x + y);
        for i in 0..g.rows() {
            out.set(i, i, g.at(i, i));
        }
        out
    }),
    ("(G + G')/2", |g| g.zip(&g.transposed(), |x, y| (x + y) / 2.0)),
    ("G + G'", |g| g.zip(&g.transposed(), |x, y| x + y)),
];

/// The number that the claim is times the truth, at one point.
fn ratio(claim: &Array, truth: &Array) -> Option<f64> {
    if claim.shape() != truth.shape() {
        return None;
    }
    let dot: f64 = claim.data().iter().zip(truth.data()).map(|(x, y)| x * y).sum();
    let square: f64 = truth.data().iter().map(|x| x * x).sum();
    let ratio = dot / square;
    (square > 1e-20 && ratio.is_finite() && ratio != 0.0).then_some(ratio)
}

fn factor(samples: &[Sample], layout: Layout, truth: &[Array], tolerance: f64) -> Option<(Relation, String)> {
    let ratios: Vec<f64> =
        samples.iter().zip(truth).map(|(sample, truth)| ratio(&sample.claim, truth)).collect::<Option<_>>()?;
    let scaled: Vec<(Array, Array)> = samples
        .iter()
        .zip(truth)
        .zip(&ratios)
        .map(|((sample, truth), ratio)| (sample.claim.scale(1.0 / ratio), truth.clone()))
        .collect();
    if error_over(&scaled) > tolerance {
        return None;
    }
    let first = ratios[0];
    let name = layout.name();
    let constant = ratios.iter().all(|ratio| (ratio - first).abs() <= 1e-7 * first.abs());
    if constant && (first + 1.0).abs() < 1e-7 {
        let text = format!("the claim has the wrong sign: its negative is right in the {name} layout");
        return Some((Relation::Sign(layout), text));
    }
    if constant {
        let text = format!("the claim is {} times the derivative in the {name} layout", fraction(first));
        return Some((Relation::Factor(layout, first), text));
    }
    // one number always has a ratio: that says nothing
    if truth[0].is_scalar() {
        return None;
    }
    let text = format!("the claim is right in the {name} layout up to a scalar factor that is not constant");
    Some((Relation::VaryingFactor(layout), text))
}

fn total(a: &Array) -> Array {
    Array::scalar(a.data().iter().sum())
}

fn row_sums(a: &Array) -> Array {
    Array::column((0..a.rows()).map(|i| (0..a.cols()).map(|j| a.at(i, j)).sum()).collect())
}

fn sums(samples: &[Sample], layout: Layout, truth: &[Array], tolerance: f64) -> Option<(Relation, String)> {
    let name = layout.name();
    let changes: [(&str, Change); 3] =
        [("all entries", total), ("its rows", |a| row_sums(&a.transposed()).transposed()), ("its columns", row_sums)];
    for (what, change) in changes {
        let pairs = pair(samples, truth, |claim, truth| {
            (claim.rank() == 2 && claim.shape() != truth.shape()).then(|| change(claim))
        });
        if error_over(&pairs) <= tolerance {
            let text = format!("a sum is missing: the claim summed over {what} is right in the {name} layout");
            return Some((Relation::MissingSum(layout), text));
        }
    }
    let spread = pair(samples, truth, |claim, truth| {
        (claim.is_scalar() && !truth.is_scalar()).then(|| Array::filled(truth.shape(), claim.first()))
    });
    if error_over(&spread) <= tolerance {
        let shape = show(truth[0].shape());
        let text = format!("the number is right for every entry, but the {name} layout has shape {shape}");
        return Some((Relation::Broadcast(layout), text));
    }
    None
}

fn list(layouts: &[Layout]) -> String {
    let names: Vec<&str> = layouts.iter().map(|layout| layout.name()).collect();
    match names.as_slice() {
        [one] => format!("the {one} layout"),
        [most @ .., last] => format!("the layouts {} and {last}", most.join(", ")),
        [] => String::new(),
    }
}

/// `3/2` where the number is such, decimals otherwise.
fn fraction(x: f64) -> String {
    for denominator in 1..=24u32 {
        let numerator = x * f64::from(denominator);
        if (numerator - numerator.round()).abs() < 1e-7 * numerator.abs().max(1.0) && numerator.abs() < 1e6 {
            let numerator = numerator.round();
            return if denominator == 1 { format!("{numerator}") } else { format!("{numerator}/{denominator}") };
        }
    }
    format!("{x:.6}")
}
