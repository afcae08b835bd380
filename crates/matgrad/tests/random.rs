//! Random well-typed expressions over all functions and attributes, differentiated in random layouts and checked by the
//! oracle; a part of them in numbers too.
//!
//! `MATGRAD_ROUNDS=1000000 cargo test --release -p matgrad --test random` makes it a long run, `MATGRAD_SEED` another one.

mod support;

use std::collections::BTreeMap;

use matgrad::{Layout, Request, derive};
use support::agree::agree;
use support::draw::{Random, data};
use support::generate::VARIABLES;
use support::round::request;

/// What went wrong in one round.
fn problem(seed: u64, round: u64, order: usize) -> Option<String> {
    let (request, title) = request(seed, round, order);
    let answer = match derive(&request) {
        Ok(answer) => answer,
        // not every layout applies to every shape
        Err(failure) if failure.diagnostics.iter().all(|diagnostic| diagnostic.code == "layout") => return None,
        Err(failure) => return Some(format!("{title}: {failure}")),
    };
    // some functions have no derivative anywhere: an eigenvalue of a matrix of rank one, say
    let nowhere = |message: &str| {
        ["no derivative", "drowns", "equal eigenvalues", "is not finite", "too long", "too far"]
            .iter()
            .any(|words| message.contains(words))
    };
    let singular = |v: &matgrad::Verdict| v.singular || v.error.as_ref().is_some_and(|e| nowhere(&e.message));
    if !answer.verified.as_ref().is_some_and(|v| v.is_right() || singular(v)) {
        return Some(format!("{title}: {} {:?}", answer.text(), answer.verified));
    }
    if !round.is_multiple_of(4) || answer.verified.is_some_and(|v| singular(&v) || !v.note.is_empty()) {
        return None; // with numbers of its own only where any point will do
    }
    let dims: BTreeMap<String, usize> = [("m".to_owned(), 3), ("n".to_owned(), 2)].into();
    let domains = VARIABLES.iter().map(|(name, _, domain)| ((*name).to_owned(), (*domain).to_owned())).collect();
    if wrt_is_tensor(&request) {
        return None; // numbers by a tensor have one layout
    }
    let inputs = data(&request.text, &dims, &domains, &mut Random::new(&format!("{seed} {round}")));
    let problem = agree(&request, &dims, inputs, 1e-6).err().filter(|problem| !nowhere(problem));
    problem.map(|problem| format!("{title}: {problem}"))
}

fn wrt_is_tensor(request: &Request) -> bool {
    request.wrt == "H" && request.layout != Layout::Tensor
}

fn number(variable: &str, default: u64) -> u64 {
    std::env::var(variable).ok().and_then(|r| r.parse().ok()).unwrap_or(default)
}

/// Differentiates random expressions; fails with what went wrong.
fn run(rounds: u64, order: usize) {
    let seed = number("MATGRAD_SEED", 1).wrapping_mul(4).wrapping_add(order as u64);
    let mut problems = Vec::new();
    for round in 0..rounds {
        if let Some(problem) = problem(seed, round, order) {
            println!("[{round}] {problem}");
            problems.push(problem);
        }
    }
    assert!(problems.is_empty(), "{} of {rounds} wrong, see above", problems.len());
}

#[test]
fn first_derivatives_of_random_expressions_are_right() {
    run(number("MATGRAD_ROUNDS", 20_000) / 5 * 4, 1);
}

#[test]
fn second_derivatives_of_random_expressions_are_right() {
    run(number("MATGRAD_ROUNDS", 20_000) / 5, 2);
}
