//! Every case of the corpora in numbers: values, derivatives, printed texts and layouts agree.

mod support;

use matgrad::{Layout, derive};
use support::agree::agree;
use support::draw::{Random, data};
use support::{Case, cases};

fn compare(case: &Case) -> Result<(), String> {
    let request = case.request();
    let inputs = data(&request.text, &case.dims(), &case.domains(), &mut Random::new(case.id()));
    agree(&request, &case.dims(), inputs, 1e-9)
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
