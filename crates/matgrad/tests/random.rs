//! Random well-typed expressions over all functions and attributes, differentiated in random layouts and checked by the
//! oracle; a part of them in numbers too.
//!
//! `MATGRAD_ROUNDS=1000000 cargo test --release -p matgrad --test random` makes it a long run, `MATGRAD_SEED` another one.

mod support;

use std::collections::BTreeMap;

use matgrad::{Convention, Layout, Request, Text, derive};
use support::agree::agree;
use support::draw::{Random, data};
use support::generate::{Generator, Shape, VARIABLES};

/// One round: a function, a variable, an order, a layout, a convention.
fn request(seed: u64, round: u64, order: usize) -> (Request, String) {
    let mut g = Generator::new(seed, round);
    let shape = g.shape();
    let depth = if order == 1 { 1 + g.below(3) } else { 1 + g.below(2) };
    let expression = g.expression(shape, depth);
    let used: Vec<&(&str, &str, &str)> = VARIABLES.iter().filter(|(name, ..)| mentions(&expression, name)).collect();
    let any = VARIABLES[g.below(VARIABLES.len())];
    let (wrt, shape_of, _) = match used.as_slice() {
        _ if g.below(50) == 0 => any, // a constant
        [] => any,
        used => **g.pick(&used.iter().collect::<Vec<_>>()),
    };
    let layout = match (order, shape) {
        (1, _) => g.pick(&Layout::ALL),
        (_, Shape::Scalar) => g.pick(&[Layout::Numerator, Layout::Tensor, Layout::Gradient, Layout::Jacobian]),
        _ => Layout::Tensor,
    };
    let structured = shape_of.split(' ').nth_back(0).is_some_and(|word| word.chars().all(char::is_alphabetic));
    let convention =
        if structured && order == 1 && g.below(3) == 0 { Convention::Constrained } else { Convention::Free };
    let text = VARIABLES
        .iter()
        // the sizes of x and y are those of all others
        .filter(|(name, ..)| [wrt, "x", "y"].contains(name) || mentions(&expression, name))
        .fold(Text::expression(format!("({expression})")), |t, (name, shape, _)| {
            t.declare(format!("{name} in {shape}"))
        });
    let title = format!("{expression} by {wrt}, order {order}, {}, {}", layout.name(), convention.name());
    (Request { order, layout, convention, ..Request::new(text, wrt) }, title)
}

/// Whether a name occurs as a word.
fn mentions(expression: &str, name: &str) -> bool {
    let word = |c: char| c.is_alphanumeric() || c == '_';
    expression.match_indices(name).any(|(at, _)| {
        !expression[..at].ends_with(word) && !expression[at + name.len()..].starts_with(word)
            || name == "n" && expression[..at].ends_with(' ')
    })
}

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
    agree(&request, &dims, inputs, 1e-6).err().map(|problem| format!("{title}: {problem}"))
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
