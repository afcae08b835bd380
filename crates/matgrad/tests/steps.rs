//! Derivations: every line of every case of the corpora is checked again, in both styles and both languages.

mod support;

use matgrad::{Claim, Language, Layout, Request, Step, Style, Text, check, derive};
use support::{Case, cases};

/// The left side and the right side of each statement of a step.
fn statements(step: &Step) -> Vec<(String, String)> {
    let halves = |text: &str| text.split_once(" = ").map(|(a, b)| (a.to_owned(), b.to_owned()));
    step.equations.iter().filter_map(|equation| halves(&equation.text)).collect()
}

/// Compares the lines of a derivation with independent derivatives of the original function; what is wrong with them.
fn recheck(request: &Request, steps: &[Step]) -> Vec<String> {
    let mut problems = Vec::new();
    let step_of = |key: &str| steps.iter().find(|step| step.key == key);
    // the names of the stages, and the script that has them
    let mut text = request.text.clone();
    let mut names: Vec<String> = Vec::new();
    if let Some(naming) = step_of("name the parts") {
        for (left, right) in statements(naming) {
            let known = text.read().is_ok_and(|(_, script)| {
                script.statements.iter().any(|statement| match &statement.kind {
                    matgrad_syntax::StatementKind::Definition { name, .. }
                    | matgrad_syntax::StatementKind::Implicit { name, .. } => *name.name == *left,
                    _ => false,
                })
            });
            if !known && !left.contains('[') && !left.starts_with("define") {
                text = text.after("steps", format!("{left} = {right}"));
            }
            names.push(left.split('[').next().unwrap_or("").trim_start_matches("define ").to_owned());
        }
    }
    let target = names.last().cloned();
    let judge = |of: Option<&str>, layout: Layout, claim: String, problems: &mut Vec<String>| {
        let mut asked = request.clone().layout(layout);
        asked.order = 1;
        asked.steps = None;
        asked.text = text.clone();
        asked.of = of.map(str::to_owned).or_else(|| request.of.clone());
        match check(&asked, &Claim { text: claim.clone(), any_layout: false }) {
            Ok(finding) if finding.right => {}
            Ok(finding) => problems.push(format!("{claim}: {}", finding.sentence)),
            Err(failure) => problems.push(format!("{claim}: {failure}")),
        }
    };
    // differentials, inner ones first
    let is_line = |step: &&Step| !["name the parts", "write out the entries"].contains(&step.key.as_str());
    let lines: Vec<&Step> = steps.iter().filter(is_line).collect();
    let differentials: Vec<&&Step> = lines
        .iter()
        .filter(|step| {
            statements(step).last().is_some_and(|(left, _)| names.iter().any(|name| *left == format!("d{name}")))
        })
        .collect();
    let mut inner: Vec<String> = Vec::new();
    for name in &names {
        for step in differentials
            .iter()
            .filter(|step| statements(step).last().is_some_and(|(left, _)| *left == format!("d{name}")))
        {
            let claim = inner.iter().cloned().chain([step.text.clone()]).collect::<Vec<_>>().join("; ");
            judge(Some(name), Layout::Differential, claim, &mut problems);
        }
        if let Some(first) = differentials
            .iter()
            .find(|step| statements(step).last().is_some_and(|(left, _)| *left == format!("d{name}")))
        {
            inner.push(first.text.clone());
        }
    }
    // of a function without parts
    for step in lines.iter().filter(|_| names.is_empty() && request.order == 1) {
        let left = statements(step).last().map(|(left, _)| left.clone()).unwrap_or_default();
        if left.starts_with('d') && !left.contains('_') {
            judge(None, Layout::Differential, step.text.clone(), &mut problems);
        }
    }
    // the chain rule with its factors
    if let Some(chain) = step_of("chain rule for vectors") {
        let whole = &statements(chain)[0].0;
        let factors = lines.iter().filter(|step| {
            let left = statements(step).last().map(|(left, _)| left.clone()).unwrap_or_default();
            let factor = left.split('[').next().unwrap_or("");
            factor != *whole && factor.contains("_d") && !left.starts_with("grad_") && chain.text.contains(factor)
        });
        let claim = factors.map(|step| step.text.clone()).chain([chain.text.clone()]).collect::<Vec<_>>().join("; ");
        let layouts = [Layout::Numerator, Layout::Jacobian];
        let mut trials: Vec<Vec<String>> = Vec::new();
        for layout in layouts {
            let mut found = Vec::new();
            judge(target.as_deref(), layout, claim.clone(), &mut found);
            trials.push(found);
        }
        if trials.iter().all(|found| !found.is_empty()) {
            problems.extend(trials.into_iter().flatten());
        }
    }
    // derivatives handed from stage to stage
    if let (Some(target), None, 1) = (&target, step_of("chain rule for vectors"), request.order) {
        let own = format!("d{target}_d");
        let whole = format!("{own}{}", matgrad_syntax::normalize_name(&request.wrt));
        let mut before: Vec<String> = Vec::new();
        for step in &lines {
            let left = statements(step).last().map(|(left, _)| left.clone()).unwrap_or_default();
            if left == whole && !before.is_empty() {
                before.push(step.text.clone());
                judge(Some(target), Layout::Numerator, before.join("; "), &mut problems);
                break;
            }
            if left.starts_with(&own) && left != whole {
                before.push(step.text.clone());
            }
        }
    }
    // what is said of the function's own derivative; of a second derivative these are several functions
    for step in lines.iter().filter(|_| request.order == 1) {
        let all = statements(step);
        let Some((left, _)) = all.last() else { continue };
        match step.key.as_str() {
            "partial derivatives" => judge(target.as_deref(), Layout::Tensor, step.text.clone(), &mut problems),
            "trace trick" => judge(target.as_deref(), Layout::Differential, step.text.clone(), &mut problems),
            "transpose" if left.starts_with("grad_") => {
                judge(target.as_deref(), Layout::Gradient, step.text.clone(), &mut problems);
            }
            "multiply the factors" | "read off" | "collect the entries" | "substitute back" => {
                // the same partial derivatives, in some layout
                let claim = Claim { text: step.text.clone(), any_layout: true };
                let mut asked = request.clone();
                asked.text = text.clone();
                asked.of = target.clone().or_else(|| request.of.clone());
                match check(&asked, &claim) {
                    Ok(finding) if finding.right => {}
                    Ok(finding) => problems.push(format!("{}: {}", step.text, finding.sentence)),
                    Err(failure) => problems.push(format!("{}: {failure}", step.text)),
                }
            }
            _ => {}
        }
    }
    for step in steps {
        // the declarations decide between transposes and derivatives
        if let Err(failure) = text.clone().after("line", step.text.as_str()).read() {
            problems.push(format!("{} is not in the language: {failure}", step.text));
        }
        if !step.verified.as_ref().is_some_and(|verdict| verdict.points > 0 && verdict.failure.is_none()) {
            problems.push(format!("not verified: {} {:?}", step.text, step.verified));
        }
    }
    problems
}

fn derived(case: &Case, style: Style, language: Language) -> Vec<Step> {
    derive(&case.request().steps(style, language)).map(|answer| answer.steps).unwrap_or_default()
}

#[test]
fn every_line_of_every_case_holds() {
    let mut problems = Vec::new();
    let mut lengths: Vec<usize> = Vec::new();
    for case in cases() {
        for style in Style::ALL {
            let request = case.request().steps(style, Language::English);
            let Ok(answer) = derive(&request) else {
                problems.push(format!("{}: no answer", case.id()));
                continue;
            };
            let steps = &answer.steps;
            lengths.push(steps.len());
            let last = |from: usize| steps.iter().rev().nth(from).map(|step| step.after.clone());
            let printed = answer.text();
            let ends = [last(0), last(1)]
                .into_iter()
                .flatten()
                .any(|after| printed == after || printed.ends_with(&format!(" = {after}")));
            if !ends {
                problems.push(format!("{} {style:?}: does not end with {printed}", case.id()));
            }
            if steps.iter().flat_map(|step| &step.equations).any(|line| line.latex.is_empty() || line.mathml.is_empty())
            {
                problems.push(format!("{} {style:?}: a line that is not set", case.id()));
            }
            for problem in recheck(&case.request(), steps) {
                problems.push(format!("{} {style:?}: {problem}", case.id()));
            }
            let chinese = derived(&case, style, Language::Chinese);
            let same = steps.len() == chinese.len()
                && steps.iter().zip(&chinese).all(|(a, b)| a.text == b.text && a.key == b.key && a.rule != b.rule);
            if !same {
                problems.push(format!("{} {style:?}: other steps in Chinese", case.id()));
            }
        }
    }
    let most = lengths.iter().copied().max().unwrap_or(0);
    println!("steps: {} derivations, at most {most} lines", lengths.len());
    assert!(most <= 14, "a derivation has {most} lines");
    assert!(problems.is_empty(), "{} problems:\n{}", problems.len(), problems.join("\n"));
}

/// A line with a number, a sign or a factor changed.
fn damaged(step: &Step) -> Option<Step> {
    let (left, right) = statements(step).pop()?;
    let wrong = format!("2*({right})");
    let mut step = step.clone();
    let helpers = step.text.strip_suffix(&format!("{left} = {right}"))?.to_owned();
    step.text = format!("{helpers}{left} = {wrong}");
    if let Some(equation) = step.equations.last_mut() {
        equation.text = format!("{left} = {wrong}");
    }
    step.after = wrong;
    Some(step)
}

#[test]
fn wrong_lines_are_found() {
    let texts =
        ["norm(y - Phi*theta)^2", "logdet(A'*theta*A)", "sum(log(1 + exp(theta)))", "A*theta", "theta'*A*theta"];
    let mut seen = 0;
    for text in texts {
        for style in Style::ALL {
            let request = Request::new(Text::expression(text), "theta");
            let request = match text.contains("logdet") {
                true => Request { text: request.text.clone().declare("theta in R^(n x n) pd"), ..request },
                false => request,
            };
            let steps = derive(&request.clone().steps(style, Language::English)).expect("an answer").steps;
            assert_eq!(recheck(&request, &steps), Vec::<String>::new(), "{text}");
            for at in 0..steps.len() {
                if ["name the parts", "write out the entries"].contains(&steps[at].key.as_str()) {
                    continue;
                }
                let mut wrong = steps.clone();
                let Some(line) = damaged(&steps[at]) else { continue };
                wrong[at] = line;
                seen += 1;
                assert!(!recheck(&request, &wrong).is_empty(), "{text}: {} passes", wrong[at].text);
            }
        }
    }
    assert!(seen > 30, "only {seen} lines");
}

/// The derivation of an example as one reads it.
fn shown(script: &str, wrt: &str, style: Style, layout: Layout) -> String {
    let request = Request::new(Text::script("example", script), wrt).layout(layout).steps(style, Language::English);
    let answer = derive(&request).expect("an answer");
    let line = |step: &Step| format!("{}: {} [{}]", step.key, step.text, step.shape.join(" x "));
    answer.steps.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn the_worked_examples_come_in_their_order_of_thought() {
    let found = [
        shown("A in R^(M x N)\nx in R^N\nf = A*x", "x", Style::Chain, Layout::Numerator),
        shown("t in R\nx = [t*cos(t), t*sin(t)]\nh = exp(x[1]*x[2]^2)", "t", Style::Chain, Layout::Numerator),
        shown(
            "y in R^N\nPhi in R^(N x D)\ntheta in R^D\ne = y - Phi*theta\nL = norm(e)^2",
            "theta",
            Style::Chain,
            Layout::Numerator,
        ),
        shown("A in R^(M x N)\nx in R^N\nf = A*x", "A", Style::Chain, Layout::Tensor),
        shown("R in R^(M x N)\nK = R'*R", "R", Style::Chain, Layout::Tensor),
        shown("A in R^(n x n)\nx in R^n\nq = x'*A*x", "x", Style::Chain, Layout::Numerator),
        shown("R in R^(M x N)\nK = R'*R", "R", Style::Differential, Layout::Differential),
        shown("A in R^(n x n)\nx in R^n\nq = x'*A*x", "x", Style::Differential, Layout::Numerator),
    ]
    .join("\n\n")
        + "\n";
    let kept = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite/worked-examples.txt");
    if std::env::var_os("MATGRAD_BLESS").is_some() {
        std::fs::write(&kept, &found).expect("the examples are written");
    }
    assert_eq!(std::fs::read_to_string(&kept).unwrap_or_default(), found);
}

#[test]
fn a_loss_takes_a_dozen_lines() {
    let losses = [
        "norm(y - Phi*theta)^2 + lambda*norm(theta)^2",
        "sum(log(1 + exp(-y.*(X*theta))))/2 + lambda*theta'*theta",
        "-y'*log(sigmoid(X*theta)) - (1 - y)'*log(1 - sigmoid(X*theta))",
        "norm(A*tanh(B*theta + c) - y)^2",
        "log(1 + norm(A*theta - y)^2/s)",
    ];
    for text in losses {
        for style in Style::ALL {
            let request = Request::new(Text::expression(text), "theta").steps(style, Language::English);
            let answer = derive(&request).expect("an answer");
            let count = answer.steps.len();
            assert!((4..=12).contains(&count), "{text}: {count} lines, {style:?}");
        }
    }
}
