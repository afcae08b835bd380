//! Every case of the corpora: derived, checked, in the right shape and notation, as short as the textbook's form.

mod support;

use matgrad::{Notation, derive};
use support::{cases, length};

/// Half of the answers are at most this many times as long as the textbook's.
const MEDIAN: f64 = 1.0;
/// 95 % of them.
const MOST: f64 = 1.25;
/// All of them.
const WORST: f64 = 1.5;

#[test]
fn every_case_is_derived_as_a_textbook_would() {
    let cases = cases();
    assert!(cases.len() >= 355, "only {} cases", cases.len());
    let mut problems = Vec::new();
    let mut ratios: Vec<(f64, &str)> = Vec::new();
    for case in &cases {
        let mut say = |what: String| problems.push(format!("{}: {what}", case.id()));
        let answer = match derive(&case.request()) {
            Ok(answer) => answer,
            Err(failure) => {
                say(failure.to_string());
                continue;
            }
        };
        match &answer.verified {
            Some(verdict) if verdict.is_right() => {}
            verdict => say(format!("{} is not verified: {verdict:?}", answer.text())),
        }
        if let Some(expected) = case.expected() {
            ratios.push((length(&answer.text()) as f64 / length(expected) as f64, case.id()));
            if case.is_closed() && answer.derivative.notation() == Notation::Index {
                say(format!("{} is in index notation, though {expected} is known", answer.text()));
            }
        }
        if answer.derivative.shape.len() != case.shape().len() {
            say(format!("the shape {:?} is not {:?}", answer.derivative.shape, case.shape()));
        }
    }
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let at = |share: f64| ratios[((ratios.len() - 1) as f64 * share) as usize];
    let (median, most, worst) = (at(0.5), at(0.95), at(1.0));
    println!(
        "length against the textbook's: median {:.2}, 95 % {:.2}, worst {:.2} ({})",
        median.0, most.0, worst.0, worst.1
    );
    if median.0 > MEDIAN || most.0 > MOST || worst.0 > WORST {
        problems.push(format!("answers are too long: {median:?} {most:?} {worst:?}"));
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

#[test]
fn what_is_printed_can_be_read_again() {
    let mut problems = Vec::new();
    for case in cases() {
        let request = case.request().unverified();
        let Ok(answer) = derive(&request) else { continue };
        for options in [matgrad::TextOptions::ASCII, matgrad::TextOptions::PLAIN, matgrad::TextOptions::UNICODE] {
            let text = answer.derivative.text(options);
            // the declarations decide between transposes and derivatives
            let whole = request.text.clone().after("answer", text.as_str());
            if let Err(failure) = whole.read() {
                problems.push(format!("{}: {failure}", case.id()));
            }
        }
    }
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}
