//! Random well-typed expressions over all functions and attributes, differentiated in random layouts and checked by the
//! oracle; a part of them in numbers too.
//!
//! `MATGRAD_ROUNDS=1000000 cargo test --release -p matgrad --test random` makes it a long run, `MATGRAD_SEED` another one.

mod support;

use std::collections::BTreeMap;

use matgrad::{Layout, derive};
use support::agree::{Disagreement, agree};
use support::draw::{data, sequence};
use support::generate::{FUNCTIONS, VARIABLES};
use support::round::{calls, request};
use support::smooth::{Local, at, census, compare};

/// What came of a round.
#[derive(Clone, Debug, PartialEq)]
enum Outcome {
    /// The answer was compared and is right.
    Right,
    /// The layout does not apply to the shape.
    NoLayout,
    /// More work than a check may take, which is said.
    TooLarge,
    /// The function itself has no derivative where it was tried, by its values alone.
    Singular,
    /// What is shown is right, after a shorter form failed its check.
    Withdrawn(String),
    /// The check said that it could not compare; the computed numbers agree with differences of values.
    ByDifferences,
    /// The function has a derivative where it was tried, but what is shown divides by 0 everywhere, which is said.
    Degenerate(String),
    /// The numbers at the point of the evaluator mean nothing: no derivative there, or rounding drowns it.
    Rough,
    /// Right, and without a value at the sizes of the evaluator: a second entry where there is one, say.
    NoValue(String),
    /// A mismatch.
    Wrong(String),
}

/// Sizes for numbers of its own, now and then 1.
fn dims(round: u64) -> BTreeMap<String, usize> {
    let sizes = [(3, 2), (2, 3), (3, 2), (1, 1), (3, 2), (1, 2), (3, 1), (3, 2)];
    let (m, n) = sizes[(round / 4 % sizes.len() as u64) as usize];
    [("m".to_owned(), m), ("n".to_owned(), n)].into()
}

fn domains() -> BTreeMap<String, String> {
    VARIABLES.iter().map(|(name, _, domain)| ((*name).to_owned(), (*domain).to_owned())).collect()
}

fn outcome(seed: u64, round: u64, order: usize) -> Outcome {
    let (request, title) = request(seed, round, order);
    let answer = match derive(&request) {
        Ok(answer) => answer,
        Err(failure) if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == "layout") => {
            return Outcome::NoLayout;
        }
        // that is for the values of the function to say
        Err(failure)
            if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == "no-derivative")
                && census(&request, &dims(0), &domains(), &format!("{seed} {round}"))[2] == 0 =>
        {
            return Outcome::Singular;
        }
        Err(failure) => return Outcome::Wrong(format!("{title}: {failure}")),
    };
    let verdict = answer.verified.clone().unwrap_or_default();
    let own = format!("{seed} {round}");
    let no_value = verdict.singular && verdict.failure.is_none();
    if let Some(note) = answer.notes.iter().find(|note| note.contains("defect") && !no_value) {
        let problem = format!("{title}: {}: {note}", answer.text());
        return if verdict.is_right() { Outcome::Withdrawn(problem) } else { Outcome::Wrong(problem) };
    }
    if let Some(note) = answer.notes.iter().find(|note| note.contains("withdrawn"))
        && verdict.is_right()
    {
        return Outcome::Withdrawn(format!("{title}: {}: {note}", answer.text()));
    }
    if !verdict.is_right() {
        let wrong = |why: &str| Outcome::Wrong(format!("{title}: {} {why} {verdict:?}", answer.text()));
        return match &verdict.error {
            _ if verdict.failure.is_some() => wrong("refuted"),
            Some(error) if error.message.contains("too long") => Outcome::TooLarge,
            None if !verdict.singular => wrong("unchecked"),
            // the answer has no value, or the function no derivative: that is for the values of the function to say
            _ => match census(&request, &dims(0), &domains(), &own) {
                [_, _, 0] => Outcome::Singular,
                _ if no_value => Outcome::Degenerate(format!("{title}: {}", answer.text())),
                found => match compare(&request, &dims(0), &domains(), &own) {
                    Ok((0, 0)) => wrong(&format!("{found:?}")),
                    Ok((0, _)) => Outcome::Degenerate(format!("{title}: {}", answer.text())),
                    Ok(_) => Outcome::ByDifferences,
                    Err(problem) => wrong(&problem),
                },
            },
        };
    }
    // with numbers of its own only where any point will do; numbers by a tensor have one layout
    let by_tensor = request.wrt == "H" && request.layout != Layout::Tensor;
    let is_abstract = FUNCTIONS.iter().any(|(name, _)| calls(&title, name));
    if !round.is_multiple_of(4) || !verdict.note.is_empty() || by_tensor || is_abstract {
        return Outcome::Right;
    }
    // a matrix of one row is a sequence of numbers to the evaluator of the check
    let dims = dims(if title.contains("q) = ") { 0 } else { round });
    let mut random = sequence(&own);
    let inputs = data(&request.text, &dims, &domains(), &mut random);
    match agree(&request, &dims, inputs.clone(), 1e-6) {
        Ok(()) => Outcome::Right,
        Err(Disagreement::Drowned) => Outcome::Rough,
        Err(Disagreement::NoValue(why)) => Outcome::NoValue(why),
        Err(Disagreement::Wrong(problem)) => Outcome::Wrong(format!("{title}: {problem}")),
        Err(Disagreement::Infinite(problem)) => {
            let domain = domains().get(&request.wrt).cloned().unwrap_or_default();
            match at(&request, &dims, &inputs, &domain, &mut random) {
                Local::Smooth => Outcome::Degenerate(format!("{title}: {problem}, but the function is smooth there")),
                _ => Outcome::Rough,
            }
        }
    }
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|r| r.parse().ok()).unwrap_or(default)
}

/// Differentiates random expressions; fails with what went wrong.
fn run(rounds: u64, order: usize) {
    let seed = number("MATGRAD_SEED", 1).wrapping_mul(4).wrapping_add(order as u64);
    let (mut right, mut no_layout, mut too_large, mut singular) = (0, 0, 0, 0);
    let (mut rough, mut no_value, mut degenerate, mut by_differences, mut withdrawn) = (0, 0, 0, 0, 0);
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    let mut problems = Vec::new();
    for round in number("MATGRAD_FIRST", 0)..rounds {
        // a panic is a finding like others, and the rounds go on
        let found = std::panic::catch_unwind(|| outcome(seed, round, order))
            .unwrap_or_else(|_| Outcome::Wrong(format!("{}: panics", request(seed, round, order).1)));
        let counter = match found {
            Outcome::Right => &mut right,
            Outcome::NoLayout => &mut no_layout,
            Outcome::TooLarge => &mut too_large,
            Outcome::Singular => &mut singular,
            Outcome::ByDifferences => &mut by_differences,
            Outcome::Withdrawn(title) => {
                println!("[{round}] withdrawn: {title}");
                &mut withdrawn
            }
            Outcome::Rough => &mut rough,
            Outcome::NoValue(why) => {
                *reasons.entry(why).or_insert(0) += 1;
                &mut no_value
            }
            Outcome::Degenerate(title) => {
                println!("[{round}] degenerate: {title}");
                &mut degenerate
            }
            Outcome::Wrong(problem) => {
                println!("[{round}] {problem}");
                problems.push(problem);
                continue;
            }
        };
        *counter += 1;
    }
    println!(
        "order {order}, seed {}: {right} right, {singular} of functions without a derivative, {degenerate} that divide by \
         0 everywhere and say so, {by_differences} compared with differences only, {withdrawn} after a shorter form was \
         withdrawn, {rough} right but without numbers at one point, {no_value} right but without a value at small \
         sizes, {no_layout} in layouts that do not apply, {too_large} too large to check, {} wrong",
        number("MATGRAD_SEED", 1),
        problems.len()
    );
    for (why, times) in reasons.iter().filter(|(_, times)| **times * 20 > no_value as usize) {
        println!("no value at small sizes, {times} times: {why}");
    }
    assert!(problems.is_empty(), "{} of {rounds} wrong, see above", problems.len());
    // what is accepted without a comparison has to stay rare
    let counts = [
        ("functions without a derivative", singular, 5),
        ("answers that divide by 0", degenerate, 3),
        ("forms withdrawn", withdrawn, 1),
        ("compared with differences only", by_differences, 2),
        ("rough points", rough, 3),
        ("without a value", no_value, 10),
        ("too large to check", too_large, 10),
    ];
    for (what, count, in_a_thousand) in counts {
        assert!(count * 1000 <= rounds.max(1000) * in_a_thousand, "{count} {what}");
    }
}

#[test]
fn first_derivatives_of_random_expressions_are_right() {
    run(number("MATGRAD_ROUNDS", 20_000) / 5 * 4, 1);
}

#[test]
fn second_derivatives_of_random_expressions_are_right() {
    run(number("MATGRAD_ROUNDS", 20_000) / 5, 2);
}
