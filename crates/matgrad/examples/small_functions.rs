//! A small function in a loop: planned once, then called with slices, without allocations.
//!
//! `cargo run --release --example small_functions` prints what a call costs.

use std::time::Instant;

use matgrad::{Array, Engine, Evaluation, Failure, Inputs, Text, Workspace};

/// Nanoseconds of a call: the best of some rounds.
fn time(evaluation: &Evaluation, data: &Inputs) -> Result<(f64, f64), Failure> {
    let start = Instant::now();
    let plan = evaluation.plan(data)?;
    let program = plan.program();
    let inputs = program.bind(data).expect("all inputs are there");
    let mut workspace = Workspace::default();
    let mut results: Vec<Vec<f64>> = program.results().into_iter().map(Array::into_data).collect();
    let mut places: Vec<&mut [f64]> = results.iter_mut().map(Vec::as_mut_slice).collect();
    let mut call = || program.run_slices(&inputs, &mut workspace, &mut places).expect("lengths as planned");
    call();
    let first = start.elapsed().as_secs_f64();
    let mut best = f64::INFINITY;
    for _ in 0..20 {
        let start = Instant::now();
        for _ in 0..500 {
            call();
        }
        best = best.min(start.elapsed().as_secs_f64() / 500.0);
    }
    Ok((first * 1e3, best * 1e9))
}

/// The position of the hand of an arm with six joints, by Denavit and Hartenberg's parameters.
const ARM: &str = "\
q, d, a, alpha in R^6
rot(c, s) = [c, -s, 0; s, c, 0; 0, 0, 1]
tilt(c, s) = [1, 0, 0; 0, c, -s; 0, s, c]
turn(i) = rot(cos(q[i]), sin(q[i]))*tilt(cos(alpha[i]), sin(alpha[i]))
reach(i) = rot(cos(q[i]), sin(q[i]))*[a[i], 0, d[i]]
p = reach(1) + turn(1)*(reach(2) + turn(2)*(reach(3) + turn(3)*(reach(4) + turn(4)*(reach(5) + turn(5)*reach(6)))))";

fn main() -> Result<(), Failure> {
    let numbers = |n: usize| Array::vector((0..n).map(|k| 0.3 + (k as f64 * 0.7).sin()).collect());
    let mut functions: Vec<(String, Evaluation, Inputs)> = Vec::new();
    let mut add =
        |name: String, text: Text, by: &str, orders: std::ops::RangeInclusive<usize>, data: &[(&str, usize)]| {
            let mut inputs = Inputs::new();
            for (name, n) in data {
                inputs.insert(name, numbers(*n));
            }
            functions.push((name, Evaluation::new(text).by(by, orders), inputs));
        };
    let exponential = Text::expression("exp(x[1]*x[2]^2)").declare("x in R^2");
    add("exp(x1*x2^2), value, gradient, Hessian".into(), exponential, "x", 0..=2, &[("x", 2)]);
    add(
        "arm of six joints, Jacobian".into(),
        Text::script("arm.mg", ARM),
        "q",
        0..=1,
        &[("q", 6), ("d", 6), ("a", 6), ("alpha", 6)],
    );
    for n in [10, 100, 1000] {
        let text = Text::expression("sum[i](100*(x[i+1] - x[i]^2)^2 + (1 - x[i])^2)").declare("x in R^n");
        add(format!("Rosenbrock, n = {n}, gradient"), text, "x", 0..=1, &[("x", n)]);
    }
    for (name, mut evaluation, data) in functions {
        for engine in Engine::ALL.into_iter().filter(|engine| *engine != Engine::Auto) {
            evaluation.engine = engine;
            match time(&evaluation, &data) {
                Ok((first, call)) => {
                    println!("{name:<42} {:<7} first {first:>7.2} ms, then {call:>9.0} ns", engine.name());
                }
                Err(failure) => println!("{name:<42} {:<7} {}", engine.name(), failure.diagnostics[0].message),
            }
        }
    }
    Ok(())
}
