//! Is a function really without a derivative at a point? Judged by its values alone, on both sides along a line.

use std::collections::BTreeMap;

use matgrad::{Array, Convention, Evaluation, Inputs, Product, Random, Request};

use super::agree::{nearby, plain_value, result, values};
use super::draw::{data, member, sequence};

/// What the values of a function say about its derivative.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Local {
    /// The function has no value there.
    NoValue,
    /// Its derivatives from both sides, or at two step widths, are not one number.
    Rough,
    /// It has the derivative.
    Smooth,
}

/// Weights of f(0), f(h), f(2h), … for the first derivative at 0, times 12h.
const FIRST: [f64; 5] = [-25.0, 48.0, -36.0, 16.0, -3.0];
/// The same for the second derivative, times 12h².
const SECOND: [f64; 6] = [45.0, -154.0, 214.0, -156.0, 61.0, -10.0];

/// How many steps are tried: by chance, one pair may not notice that a second derivative is none.
const STEPS: usize = 5;

/// Steps of a kind.
fn steps(shape: &[usize], kind: &str, random: &mut Random) -> Vec<Array> {
    (0..STEPS).map(|_| member(shape, kind, random)).collect()
}

/// Whether all derivatives up to the order exist along the steps.
fn along(request: &Request, dims: &BTreeMap<String, usize>, inputs: &Inputs, steps: &[Array]) -> Local {
    quadratic(request, dims, inputs, steps).map_or_else(|local| local, |_| Local::Smooth)
}

/// The derivative along the first step. Of order 2 it has to be a quadratic form of the step, as second derivatives along
/// lines need not be: the least of several squares has them along every line.
fn quadratic(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    inputs: &Inputs,
    steps: &[Array],
) -> Result<Vec<f64>, Local> {
    let (step, others) = steps.split_first().expect("steps");
    let first = slopes(request, dims, inputs, step)?;
    for other in others.iter().filter(|_| request.order == 2) {
        let joined = |sign: f64| {
            let data = step.data().iter().zip(other.data()).map(|(x, y)| x + sign * y).collect();
            Array::new(step.shape().to_vec(), data).expect("a shape")
        };
        let second = slopes(request, dims, inputs, other)?;
        let sum = slopes(request, dims, inputs, &joined(1.0))?;
        let difference = slopes(request, dims, inputs, &joined(-1.0))?;
        let most =
            [&first, &second, &sum, &difference].into_iter().flatten().fold(1e-6f64, |most, x| most.max(x.abs()));
        let apart =
            (0..first.len()).any(|k| (sum[k] + difference[k] - 2.0 * (first[k] + second[k])).abs() > 5e-2 * most);
        if apart {
            return Err(Local::Rough);
        }
    }
    Ok(first)
}

/// The derivative of the order along a step by one-sided differences of values, where all up to it exist.
fn slopes(request: &Request, dims: &BTreeMap<String, usize>, inputs: &Inputs, step: &Array) -> Result<Vec<f64>, Local> {
    let Some(x) = inputs.get(&request.wrt).cloned() else { return Err(Local::NoValue) };
    let mut last = Vec::new();
    for order in 1..=request.order {
        let (weights, width): (&[f64], f64) = if order == 1 { (&FIRST, 1e-3) } else { (&SECOND, 4e-3) };
        let mut estimates: Vec<Vec<f64>> = Vec::new();
        let mut size = 0.0f64;
        for h in [width, width / 2.0, -width, -width / 2.0] {
            let points = (0..weights.len()).map(|k| {
                let by = h * k as f64;
                let moved = x.data().iter().zip(step.data()).map(|(x, d)| x + by * d).collect();
                let mut inputs = inputs.clone();
                inputs.insert(&request.wrt, Array::new(x.shape().to_vec(), moved).expect("a shape"));
                inputs
            });
            let Ok(found) = values(request, dims, &points.collect::<Vec<_>>()) else {
                return Err(Local::NoValue);
            };
            let mut estimate = vec![0.0; found[0].data().len()];
            for (weight, value) in weights.iter().zip(&found) {
                for (sum, y) in estimate.iter_mut().zip(value.data()) {
                    *sum += weight * y / (12.0 * h.powi(order as i32));
                    size = size.max(y.abs());
                }
            }
            estimates.push(estimate);
        }
        if !estimates.iter().flatten().all(|x| x.is_finite()) {
            return Err(Local::NoValue);
        }
        let most = estimates.iter().flatten().fold(0.0f64, |most, x| most.max(x.abs()));
        let noise = 1e-12 * size / width.powi(order as i32);
        let apart = estimates
            .iter()
            .any(|other| other.iter().zip(&estimates[0]).any(|(x, y)| (x - y).abs() > 1e-2 * most + noise));
        if apart {
            return Err(Local::Rough);
        }
        last = estimates.swap_remove(1);
    }
    Ok(last)
}

/// What the values say at one point, in a step that the variable may take.
pub fn at(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    inputs: &Inputs,
    domain: &str,
    random: &mut Random,
) -> Local {
    if plain_value(request, dims, inputs).is_err() {
        return Local::NoValue; // none, or one that rounding decides on
    }
    let shape = inputs.get(&request.wrt).map(|x| x.shape().to_vec()).unwrap_or_default();
    let kept = match domain {
        "spd" => "sym",
        "sym" | "skew" | "diagonal" | "lower" | "upper" => domain,
        _ => "general",
    };
    let free = steps(&shape, "general", random);
    if request.convention == Convention::Free {
        let found = along(request, dims, inputs, &free);
        if found != Local::NoValue || kept != "sym" {
            return found; // functions of symmetric matrices have symmetric steps only
        }
    }
    along(request, dims, inputs, &steps(&shape, kept, random))
}

/// At how many of some random points the function has no value, no derivative, or one.
pub fn census(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    domains: &BTreeMap<String, String>,
    seed: &str,
) -> [usize; 3] {
    let mut random = sequence(seed);
    let domain = domains.get(&request.wrt).map_or("general", String::as_str).to_owned();
    let mut found = [0; 3];
    for _ in 0..6 {
        let inputs = data(&request.text, dims, domains, &mut random);
        found[at(request, dims, &inputs, &domain, &mut random) as usize] += 1;
    }
    found
}

/// Compares the computed derivative with differences of values at points where the function is smooth: at how many they
/// agree, and at how many nothing finite is computed. For a second derivative the function has to be a number.
pub fn compare(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    domains: &BTreeMap<String, String>,
    seed: &str,
) -> Result<(usize, usize), String> {
    let mut random = sequence(seed);
    let (mut agreed, mut infinite) = (0, 0);
    for _ in 0..6 {
        let mut inputs = data(&request.text, dims, domains, &mut random);
        let shape = inputs.get(&request.wrt).map(|x| x.shape().to_vec()).unwrap_or_default();
        let symmetric = matches!(domains.get(&request.wrt).map(String::as_str), Some("spd" | "sym"));
        let kind = if symmetric { "sym" } else { "general" };
        let steps = steps(&shape, kind, &mut random);
        let Ok(truth) = quadratic(request, dims, &inputs, &steps) else { continue };
        let step = &steps[0];
        inputs.insert("step", step.clone());
        let mut evaluation = Evaluation::new(request.text.clone()).by(request.wrt.as_str(), [0, 1]);
        evaluation.product = Some(match request.order {
            1 => Product::Jvp("step".into()),
            _ if truth.len() == 1 => Product::Hvp("step".into()),
            _ => return Ok((0, 0)),
        });
        let slope = |inputs: &Inputs| {
            let found = result(&evaluation, inputs, "derivative")?;
            Ok::<Vec<f64>, String>(match request.order {
                1 => found.data().to_vec(),
                _ => vec![found.data().iter().zip(step.data()).map(|(x, y)| x * y).sum()],
            })
        };
        let found = slope(&inputs)?;
        if !found.iter().all(|x| x.is_finite()) {
            infinite += 1;
            continue;
        }
        let most = truth.iter().fold(1e-6f64, |most, x| most.max(x.abs()));
        let gap = |other: &[f64]| found.iter().zip(other).fold(0.0f64, |most, (x, y)| most.max((x - y).abs()));
        if found.len() != truth.len() || gap(&truth) > 1e-2 * most {
            // where the last digits decide it is no number: next to equal singular values, say
            let moved = inputs.get(&request.wrt).map(nearby).expect("the variable");
            inputs.insert(&request.wrt, moved);
            let beside = slope(&inputs)?;
            let moves = gap(&beside);
            if found.len() == truth.len() && (moves.is_nan() || moves >= gap(&truth) / 1e3) {
                infinite += 1;
                continue;
            }
            return Err(format!("along a step the derivative is {found:?}, by differences {truth:?}"));
        }
        agreed += 1;
    }
    Ok((agreed, infinite))
}
