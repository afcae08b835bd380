//! Numbers of one case got in several ways: the evaluator, the printed text, the evaluator of the check.

use std::collections::BTreeMap;

use matgrad::{Array, Convention, Evaluation, Inputs, Layout, Product, Request, derive};

use matgrad_syntax::Name;

use super::difference;

/// One result of an evaluation.
pub fn result(evaluation: &Evaluation, inputs: &Inputs, name: &str) -> Result<Array, String> {
    let results = evaluation.plan(inputs).and_then(|plan| plan.run(inputs)).map_err(|failure| failure.to_string())?;
    results.into_iter().find(|(own, _)| own == name).map(|(_, array)| array).ok_or(format!("no {name}"))
}

/// An array as the check has it: column-major, with two axes at least.
fn for_check(array: &Array, row: bool) -> Result<matgrad_check::Array, String> {
    let axes: Vec<usize> = (0..array.shape().len()).rev().collect();
    let columns = array.permuted(&axes).ok_or("axes")?;
    let shape = match array.shape() {
        [] => vec![1, 1],
        [n] if row => vec![1, *n],
        [n] => vec![*n, 1],
        shape => shape.to_vec(),
    };
    matgrad_check::Array::new(&shape, columns.into_data()).ok_or("shape".into())
}

/// A function as the check evaluates it, without our compiled program.
fn with_problem<R>(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    run: impl FnOnce(&matgrad_check::Problem<'_>) -> Result<R, String>,
) -> Result<R, String> {
    let (_, script) = request.text.read().map_err(|failure| failure.to_string())?;
    let mut problem =
        matgrad_check::Problem::of_script(&script, request.wrt.as_str().into()).ok_or("nothing is defined")?;
    problem.dims = dims.iter().map(|(name, size)| (name.as_str().into(), *size)).collect();
    run(&problem)
}

/// The data as the check takes them.
fn arrays(
    problem: &matgrad_check::Problem<'_>,
    inputs: &Inputs,
) -> Result<BTreeMap<Name, matgrad_check::Array>, String> {
    let mut arrays = BTreeMap::new();
    for (name, array) in inputs.iter() {
        let row = problem.variables.iter().any(|v| v.name == *name && v.shape.len() == 2 && array.shape().len() == 1);
        arrays.insert(name.clone(), for_check(array, row)?);
    }
    Ok(arrays)
}

/// An array of the check as one of ours.
fn from_check(value: &matgrad_check::Array) -> Result<Array, String> {
    let turned: Vec<usize> = value.shape().iter().rev().copied().collect();
    let axes: Vec<usize> = (0..turned.len()).rev().collect();
    Array::new(turned, value.data().to_vec()).and_then(|array| array.permuted(&axes)).ok_or("shape".into())
}

/// The values of the function at several points by the evaluator of the check.
pub fn values(request: &Request, dims: &BTreeMap<String, usize>, points: &[Inputs]) -> Result<Vec<Array>, String> {
    with_problem(request, dims, |problem| {
        let mut found = Vec::new();
        for inputs in points {
            let value = matgrad_check::evaluate(problem, &arrays(problem, inputs)?).map_err(|e| e.to_string())?;
            found.push(from_check(&value)?);
        }
        Ok(found)
    })
}

/// The value of the function by the evaluator of the check, which shares no code with the compiled program.
pub fn plain_value(request: &Request, dims: &BTreeMap<String, usize>, inputs: &Inputs) -> Result<Array, String> {
    with_problem(request, dims, |problem| {
        let arrays = arrays(problem, inputs)?;
        let value = matgrad_check::evaluate(problem, &arrays).map_err(|error| error.to_string())?;
        let doubt = matgrad_check::uncertainty(problem, &arrays).map_err(|error| error.to_string())?;
        let magnitude = |array: &matgrad_check::Array| array.data().iter().fold(0.0f64, |most, x| most.max(x.abs()));
        if magnitude(&doubt) > 1e-8 * magnitude(&value).max(1e-3) {
            return Err("rounding drowns the value there".into());
        }
        from_check(&value)
    })
}

/// The same numbers but for their last digits, each by another bit.
pub fn nearby(x: &Array) -> Array {
    let mut next = 0.3;
    let moved = x.data().iter().map(|x| {
        next = (next * 1.7 + 0.1) % 1.0;
        x * (1.0 + 1e-14 * next)
    });
    Array::new(x.shape().to_vec(), moved.collect()).expect("the same shape")
}

/// Why the numbers of a case do not agree.
#[derive(Clone, Debug, PartialEq)]
pub enum Disagreement {
    /// They differ, or one way has none.
    Wrong(String),
    /// The derivative has no numbers at the point.
    Infinite(String),
    /// The function has no value there by the evaluator of the check.
    NoValue(String),
    /// Rounding drowns the value at the point.
    Drowned,
}

impl From<String> for Disagreement {
    fn from(problem: String) -> Self {
        let nowhere = ["no derivative", "equal eigenvalues", "is not finite", "singular"];
        match problem.as_str() {
            text if text.contains("rounding drowns") => Self::Drowned,
            text if nowhere.iter().any(|words| text.contains(words)) => Self::Infinite(problem),
            _ => Self::Wrong(problem),
        }
    }
}

impl std::fmt::Display for Disagreement {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Wrong(problem) | Self::Infinite(problem) | Self::NoValue(problem) => f.write_str(problem),
            Self::Drowned => f.write_str("rounding drowns the value"),
        }
    }
}

/// Compares the value with that of the check, and the derivative in the layout of the request with the printed text.
pub fn agree(
    request: &Request,
    dims: &BTreeMap<String, usize>,
    mut inputs: Inputs,
    tolerance: f64,
) -> Result<(), Disagreement> {
    let request = request.clone().unverified();
    let answer = derive(&request).map_err(|failure| Disagreement::Wrong(failure.to_string()))?;
    let mut evaluation = Evaluation::new(request.text.clone()).by(request.wrt.as_str(), [0, request.order]);
    evaluation.convention = request.convention;
    if request.layout != Layout::Differential {
        evaluation.layout = request.layout;
    }
    let plain = plain_value(&request, dims, &inputs).map_err(|problem| match Disagreement::from(problem) {
        Disagreement::Wrong(problem) | Disagreement::Infinite(problem) => Disagreement::NoValue(problem),
        drowned => drowned,
    })?;
    if !plain.data().iter().all(|x| x.is_finite()) {
        return Err(Disagreement::NoValue("the value is not finite".into()));
    }
    let value = result(&evaluation, &inputs, "value")?;
    let gap = difference(&value, &plain);
    if gap > tolerance {
        let sides = [&value, &plain].map(|array| format!("{:?}", &array.data()[..array.data().len().min(4)]));
        return Err(Disagreement::Wrong(format!("the value differs by {gap:.1e}: {} and {}", sides[0], sides[1])));
    }
    let truth = if request.layout == Layout::Differential {
        let step = format!("d{}", request.wrt);
        let shape = inputs.get(&request.wrt).map(|array| array.shape().to_vec()).unwrap_or_default();
        let mut next = 0.3;
        let random = Array::from_fn(&shape, |_| {
            next = (next * 1.7 + 0.1) % 1.0;
            next - 0.5
        });
        inputs.insert(&step, random);
        evaluation.product = Some(Product::Jvp(step));
        // the step of a differential is one that the structure allows, and moves no more than it says
        evaluation.convention = Convention::Free;
        result(&evaluation, &inputs, "derivative")?
    } else {
        result(&evaluation, &inputs, "derivative")?
    };
    let printed = Evaluation::new(request.text.after("answer", answer.text()));
    // an entry that is there at larger sizes only
    let again = result(&printed, &inputs, "value").map_err(|problem| match problem.contains("is outside of 1 to") {
        true => Disagreement::NoValue("a subscript of the printed text is outside".into()),
        false => Disagreement::from(problem),
    })?;
    if !truth.data().iter().chain(again.data()).all(|x| x.is_finite()) {
        return Err(Disagreement::Infinite("the derivative is not finite there".into()));
    }
    let gap = difference(&again, &truth);
    if gap > tolerance {
        // numbers that the last digits of the data decide mean nothing: where singular values are equal, say
        if let Some(x) = inputs.get(&request.wrt).map(nearby) {
            inputs.insert(&request.wrt, x);
            let nearby = [result(&printed, &inputs, "value")?, result(&evaluation, &inputs, "derivative")?];
            let moves = |here: &Array, there: &Array| {
                let by = difference(there, here);
                by.is_nan() || by >= gap.min(1.0) / 1e3
            };
            if moves(&again, &nearby[0]) || moves(&truth, &nearby[1]) {
                return Err(Disagreement::Drowned);
            }
        }
        let problem = format!("the printed text {} differs by {gap:.1e} from the derivative", answer.text());
        return Err(Disagreement::Wrong(problem));
    }
    Ok(())
}
