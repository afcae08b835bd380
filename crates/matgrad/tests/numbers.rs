//! Every case of the corpora in numbers: values, derivatives, printed texts and layouts agree.

mod support;

use std::collections::BTreeMap;

use matgrad::{Array, Evaluation, Inputs, Layout, Product, derive};
use support::draw::{Random, data};
use support::{Case, cases, difference};

fn result(evaluation: &Evaluation, inputs: &Inputs, name: &str) -> Result<Array, String> {
    let results = evaluation.plan(inputs).and_then(|plan| plan.run(inputs)).map_err(|failure| failure.to_string())?;
    results.into_iter().find(|(own, _)| own == name).map(|(_, array)| array).ok_or(format!("no {name}"))
}

/// The value of the function by the evaluator of the check, which shares no code with the compiled program.
fn plain_value(case: &Case, inputs: &Inputs) -> Result<Array, String> {
    let request = case.request();
    let (_, script) = request.text.read().map_err(|failure| failure.to_string())?;
    let mut problem =
        matgrad_check::Problem::of_script(&script, request.wrt.as_str().into()).ok_or("nothing is defined")?;
    problem.dims = case.dims().into_iter().map(|(name, size)| (name.as_str().into(), size)).collect();
    let mut arrays = BTreeMap::new();
    for (name, array) in inputs.iter() {
        // the checker's arrays are column-major
        let axes: Vec<usize> = (0..array.shape().len()).rev().collect();
        let columns = array.permuted(&axes).ok_or("axes")?;
        let shape = match array.shape() {
            [] => vec![1, 1],
            [n] => vec![*n, 1],
            shape => shape.to_vec(),
        };
        arrays.insert(name.clone(), matgrad_check::Array::new(&shape, columns.into_data()).ok_or("shape")?);
    }
    let value = matgrad_check::evaluate(&problem, &arrays).map_err(|error| error.to_string())?;
    let turned: Vec<usize> = value.shape().iter().rev().copied().collect();
    let axes: Vec<usize> = (0..turned.len()).rev().collect();
    Array::new(turned, value.data().to_vec()).and_then(|array| array.permuted(&axes)).ok_or("shape".into())
}

fn compare(case: &Case) -> Result<(), String> {
    let request = case.request().unverified();
    let mut inputs = data(&request.text, &case.dims(), &case.domains(), &mut Random::new(case.id()));
    let answer = derive(&request).map_err(|failure| failure.to_string())?;
    let mut evaluation = Evaluation::new(request.text.clone()).by(request.wrt.as_str(), [0, request.order]);
    evaluation.convention = request.convention;

    let value = result(&evaluation, &inputs, "value")?;
    let gap = difference(&value, &plain_value(case, &inputs)?);
    if gap > 1e-9 {
        return Err(format!("the value differs by {gap:.1e}"));
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
        result(&evaluation, &inputs, "derivative")?
    } else {
        evaluation.layout = request.layout;
        result(&evaluation, &inputs, "derivative")?
    };
    let printed = Evaluation::new(request.text.after("answer", answer.text()));
    let again = result(&printed, &inputs, "value")?;
    let gap = difference(&again, &truth);
    if gap > 1e-9 {
        return Err(format!("the printed text {} differs by {gap:.1e} from the derivative", answer.text()));
    }
    Ok(())
}

#[test]
fn values_derivatives_and_texts_agree() {
    let problems: Vec<String> = cases()
        .iter()
        .filter(|case| !case.has_abstract_functions())
        .filter_map(|case| compare(case).err().map(|problem| format!("{}: {problem}", case.id())))
        .collect();
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn every_layout_is_verified() {
    let mut problems = Vec::new();
    let mut derived = 0;
    for case in cases() {
        for layout in Layout::ALL {
            let request = case.request().layout(layout);
            match derive(&request) {
                Ok(answer) => {
                    derived += 1;
                    if !answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()) {
                        problems.push(format!("{} {layout:?}: {} {:?}", case.id(), answer.text(), answer.verified));
                    }
                }
                Err(failure) if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == "layout") => {}
                Err(failure) => problems.push(format!("{} {layout:?}: {failure}", case.id())),
            }
        }
    }
    assert!(derived > 6 * cases().len(), "only {derived} layouts apply");
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
