//! How long it takes from text to printed derivative: medians over the corpora and some large inputs.
//!
//!     cargo bench -p matgrad --bench derive

#[path = "../tests/support/mod.rs"]
mod support;

use std::time::{Duration, Instant};

use matgrad::{Request, Text, derive};

/// The shortest time of `runs` runs.
fn shortest(runs: usize, request: &Request) -> Duration {
    (0..runs)
        .map(|_| {
            let start = Instant::now();
            let answer = derive(request).map(|answer| answer.text().len());
            let time = start.elapsed();
            assert!(answer.is_ok(), "{}", answer.err().map(|failure| failure.to_string()).unwrap_or_default());
            time
        })
        .min()
        .unwrap_or_default()
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

fn corpus() {
    let mut bare = Vec::new();
    let mut checked = Vec::new();
    for case in support::cases() {
        let request = case.request();
        checked.push((shortest(5, &request), case.id().to_owned()));
        bare.push((shortest(5, &request.unverified()), case.id().to_owned()));
    }
    for (what, mut times) in [("without the check", bare), ("with the check", checked)] {
        times.sort();
        let at = |share: f64| &times[((times.len() - 1) as f64 * share) as usize];
        println!(
            "corpus, {} cases, {what}: median {:.3} ms, 95 % {:.3} ms, worst {:.3} ms ({})",
            times.len(),
            ms(at(0.5).0),
            ms(at(0.95).0),
            ms(at(1.0).0),
            at(1.0).1
        );
    }
}

fn one(name: &str, request: &Request) {
    println!("{name}: {:.3} ms", ms(shortest(5, request)));
}

/// `sin(1.01*sin(1.01*… x))`, so many operations.
fn chain(count: usize) -> Request {
    let mut text = String::from("x");
    for k in 0..count / 2 {
        text = format!("{}({text})", if k % 2 == 0 { "sin" } else { "tanh" });
        text.push_str(" + x");
        text = format!("({text})");
    }
    Request::new(Text::expression(text).declare("x in R"), "x").unverified()
}

/// `norm(tanh(W_k*… tanh(W_1*x)) - y)^2` by `W1`.
fn network(layers: usize) -> Request {
    let mut script = String::from("x in R^n\ny in R^n\n");
    for k in 1..=layers {
        script.push_str(&format!("W{k} in R^(n x n)\nb{k} in R^n\n"));
    }
    let mut state = "x".to_owned();
    for k in 1..=layers {
        script.push_str(&format!("h{k} = tanh(W{k}*{state} + b{k})\n"));
        state = format!("h{k}");
    }
    script.push_str(&format!("L = norm({state} - y)^2\n"));
    Request::new(Text::script("network", script), "W1").unverified()
}

fn main() {
    // cargo passes --bench; names after it choose
    let wanted: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    let runs = |name: &str| wanted.is_empty() || wanted.iter().any(|w| name.contains(w.as_str()));
    if runs("corpus") {
        corpus();
    }
    if runs("power") {
        let trace = Text::expression("tr((A*X)^12)").declare("A in R^(n x m)").declare("X in R^(m x n)");
        one("gradient of tr((A*X)^12)", &Request::new(trace, "X").unverified());
    }
    for count in [2_500, 5_000, 10_000] {
        if runs("chain") {
            one(&format!("chain of {count} elementwise operations"), &chain(count));
        }
    }
    for layers in [25, 50, 100, 200, 400] {
        if runs("network") {
            one(&format!("gradient of a network with {layers} layers"), &network(layers));
        }
    }
}
