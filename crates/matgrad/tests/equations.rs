//! Implicit definitions and equations to be solved: what is printed, what is refused, and the numbers against differences.
//!
//! `MATGRAD_BLESS=1 cargo test -p matgrad --test equations` writes the texts anew; read the difference before you commit it.

use std::fs;
use std::path::PathBuf;

use matgrad::{Array, Evaluation, Inputs, Layout, Reply, Request, Text, TextOptions, answer_queries, derive};
use matgrad_calculus::infer::{self, analyze};

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite").join(name)
}

/// The cases of a file; each is renewed by `run`, which returns the whole line and what is wrong with the case.
fn cases(name: &str, run: impl Fn(&[&str]) -> (String, Vec<String>)) {
    let text = fs::read_to_string(file(name)).expect("the suite is part of the repository");
    let (mut lines, mut problems) = (Vec::new(), Vec::new());
    for line in text.lines() {
        if line.starts_with('#') {
            lines.push(line.to_owned());
            continue;
        }
        let (renewed, wrong) = run(&line.split('\t').collect::<Vec<_>>());
        problems.extend(wrong);
        if renewed != line && std::env::var_os("MATGRAD_BLESS").is_none() {
            problems.push(format!("now {renewed}\ninstead of {line}"));
        }
        lines.push(renewed);
    }
    if std::env::var_os("MATGRAD_BLESS").is_some() {
        fs::write(file(name), lines.join("\n") + "\n").expect("the suite can be written");
    }
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

#[test]
fn derivatives_go_through_implicit_definitions() {
    cases("implicit.tsv", |fields| {
        let [script, wrt, order, layout, _] = fields else { panic!("{fields:?}") };
        let mut request = Request::new(Text::script("case", *script), *wrt).order(order.parse().expect("an order"));
        request.layout = Layout::parse(layout).expect("a layout");
        match derive(&request) {
            Ok(answer) => {
                let right = answer.verified.as_ref().is_some_and(|verdict| verdict.is_right());
                let wrong = format!("{script}: {} is not verified: {:?}", answer.text(), answer.verified);
                let line = [&fields[..4], &[answer.text().as_str()]].concat().join("\t");
                (line, if right { Vec::new() } else { vec![wrong] })
            }
            Err(failure) => (fields.join("\t"), vec![format!("{script}: {failure}")]),
        }
    });
}

#[test]
fn queries_go_through_implicit_definitions() {
    cases("implicit-queries.tsv", |fields| {
        let script = fields[0];
        let replies = answer_queries(&Request::new(Text::script("case", script), ""));
        let replies = replies.unwrap_or_else(|failure| panic!("{script}: {failure}"));
        let [Reply::Answer(answer)] = replies.as_slice() else { panic!("{script}: {replies:?}") };
        let right = answer.verified.as_ref().is_some_and(|verdict| verdict.is_right());
        let wrong = format!("{script}: {} is not verified: {:?}", answer.text(), answer.verified);
        ([script, &answer.text()].join("\t"), if right { Vec::new() } else { vec![wrong] })
    });
}

#[test]
fn affine_equations_are_solved() {
    cases("solve.tsv", |fields| {
        let script = fields[0];
        match answer_queries(&Request::new(Text::script("case", script), "")) {
            Ok(replies) => {
                let [Reply::Solution(solution)] = replies.as_slice() else { panic!("{script}: {replies:?}") };
                let right = solution.verified.as_ref().is_some_and(|verdict| verdict.is_right());
                let text = solution.text(TextOptions::PLAIN);
                let wrong = format!("{script}: {text} is not verified: {:?}", solution.verified);
                // what is printed is in the language
                assert!(matgrad_syntax::parse(&text).is_ok(), "{text}");
                assert!(!solution.latex().is_empty() && solution.json()["text"] == text.as_str());
                let line = [script, &text, &solution.unique.join("; ")].join("\t");
                (line, if right { Vec::new() } else { vec![wrong] })
            }
            Err(failure) => (fields.join("\t"), vec![format!("{script}: {failure}")]),
        }
    });
}

#[test]
fn what_has_no_solution_is_refused_by_name() {
    cases("equation-errors.tsv", |fields| {
        let [script, wrt, message] = fields else { panic!("{fields:?}") };
        let text = Text::script("case", *script);
        let error = match *wrt {
            "-" => answer_queries(&Request::new(text, "")).map(|replies| format!("{replies:?}")),
            wrt => derive(&Request::new(text, wrt)).map(|answer| answer.text()),
        };
        let problem = match error {
            Ok(answer) => Some(format!("{script}: {answer}")),
            Err(failure) => {
                let found = failure.to_string();
                (!found.contains(message)).then(|| format!("{script}: `{message}` is not in\n{found}"))
            }
        };
        (fields.join("\t"), problem.into_iter().collect())
    });
}

/// Random data for the variables of a script that nothing defines, all dimensions different.
fn data(script: &str, seed: u64) -> Inputs {
    let parsed = matgrad_syntax::parse(script);
    let analysis = analyze(&parsed.script, &infer::Options::default()).expect("a case");
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        (state >> 11) as f64 / (1u64 << 53) as f64
    };
    let sizes = [("n", 3), ("m", 2), ("N", 5), ("D", 3), ("M", 4)].map(|(name, size)| (name.into(), size)).into();
    let mut inputs = Inputs::new();
    for variable in &analysis.variables {
        if analysis.implicits.iter().any(|implicit| implicit.name == variable.name) {
            continue;
        }
        let shape: Vec<usize> = variable
            .dims
            .iter()
            .map(|dim| analysis.graph.sizes.evaluate(*dim, &sizes).expect("a size") as usize)
            .collect();
        let mut array = Array::from_fn(&shape, |_| 0.2 + 0.6 * next());
        if shape.len() == 2 && shape[0] == shape[1] {
            // well away from singular
            let n = shape[0];
            (0..n).for_each(|k| array.data_mut()[k * n + k] += 0.3);
            use matgrad_syntax::Attribute::{Pd, Symmetric};
            if variable.attributes.iter().any(|a| matches!(a, Symmetric | Pd)) {
                let old = array.clone();
                array =
                    Array::from_fn(&shape, |at| (old.data()[at[0] * n + at[1]] + old.data()[at[1] * n + at[0]]) / 2.0);
            }
        }
        inputs.insert(&variable.name, array);
    }
    inputs
}

#[test]
fn numbers_agree_with_differences() {
    let text = fs::read_to_string(file("implicit.tsv")).expect("the suite is part of the repository");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        if fields[2] != "1" {
            continue;
        }
        let (script, wrt) = (fields[0], fields[1]);
        let inputs = data(script, 7);
        let mut evaluation = Evaluation::new(Text::script("case", script)).by(wrt, 0..=1);
        evaluation.layout = Layout::Tensor;
        let results = evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs));
        let results = results.unwrap_or_else(|failure| panic!("{script}: {failure}"));
        let derivative = results[1].1.data();
        let plan = Evaluation::new(Text::script("case", script)).plan(&inputs).expect("a plan");
        let value = |inputs: &Inputs| plan.run(inputs).expect("a value")[0].1.data().to_vec();
        let x = inputs.get(wrt).expect("the variable").clone();
        for k in 0..x.data().len() {
            let step = 1e-5;
            let moved = |by: f64| {
                let (mut inputs, mut x) = (inputs.clone(), x.clone());
                x.data_mut()[k] += by;
                inputs.insert(wrt, x);
                value(&inputs)
            };
            for (row, (after, before)) in moved(step).into_iter().zip(moved(-step)).enumerate() {
                let (want, got) = ((after - before) / (2.0 * step), derivative[row * x.data().len() + k]);
                assert!((want - got).abs() <= 1e-6 * (1.0 + want.abs()), "{script} by {wrt}: {got} instead of {want}");
            }
        }
    }
}

#[test]
fn solving_says_what_fails() {
    let run = |script: &str, x: f64, start: Option<f64>| {
        let mut inputs = Inputs::new();
        inputs.insert("x", Array::scalar(x));
        if let Some(start) = start {
            inputs.insert("z", Array::scalar(start));
        }
        let plan = Evaluation::new(Text::script("case", script)).by("x", 0..=1).plan(&inputs);
        plan.and_then(|plan| plan.run(&inputs)).map_err(|failure| failure.to_string())
    };
    let root = "x in R; define z by z^2 = x; z";
    assert!(run(root, -1.0, None).unwrap_err().contains("the smallest residual is 1.0"));
    assert!(run(root, 0.0, None).unwrap_err().contains("singular at the solution"));
    let negative = run(root, 4.0, Some(-1.0)).expect("a root")[0].1.data()[0];
    assert!((negative + 2.0).abs() < 1e-12, "{negative}");
    assert!(run("x in R; z = argmin[z](-z^2*x); z", 1.0, None).unwrap_err().contains("the other extremum"));
    assert!(run("x in R; z = argmin[z](exp(z)*x); z", 1.0, None).unwrap_err().contains("no extremum"));
}
