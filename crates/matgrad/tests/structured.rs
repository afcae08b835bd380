//! Variables with structure and vec calculus: a line of `tests/suite/structured.tsv` each, checked along steps of the
//! structure, and by the numbers of the compiled program, which finds them without vec forms.
//!
//! `MATGRAD_BLESS=1 cargo test -p matgrad --test structured` writes the texts anew.

mod support;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use matgrad::{Answer, Convention, Evaluation, Layout, Request, Text, derive};
use support::difference;
use support::draw::{data, sequence};

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite/structured.tsv")
}

/// From which domain data for a declaration are drawn.
fn domains(declarations: &[&str]) -> BTreeMap<String, String> {
    let known = [
        ("diagonal positive", "positivediagonal"),
        ("symmetric", "sym"),
        ("pd", "spd"),
        ("psd", "spd"),
        ("skew", "skew"),
        ("lower", "lower"),
        ("upper", "upper"),
        ("diagonal", "diagonal"),
        ("orthogonal", "orthogonal"),
        ("positive", "positive"),
    ];
    let mut found = BTreeMap::new();
    for declaration in declarations {
        let Some((names, rest)) = declaration.split_once(" in ") else { continue };
        let Some((_, domain)) = known.iter().find(|(attribute, _)| rest.ends_with(&format!(" {attribute}"))) else {
            continue;
        };
        found.extend(names.split(',').map(|name| (name.trim().to_owned(), (*domain).to_owned())));
    }
    found
}

/// The printed text against the derivative of the compiled program.
fn compare(request: &Request, answer: &Answer, domains: &BTreeMap<String, String>) -> Result<(), String> {
    let text = answer.text();
    let whole = answer.assumptions.iter().fold(request.text.clone(), |whole, line| whole.declare(line));
    let sizes = [("m", 4), ("n", 3), ("p", 2), ("q", 5), ("k", 2), ("l", 3)];
    let dims = sizes.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect();
    let inputs = data(&whole, &dims, domains, &mut sequence(&text));
    let mut evaluation = Evaluation::new(whole.clone()).by(request.wrt.as_str(), [request.order]);
    evaluation.convention = request.convention;
    evaluation.layout = request.layout;
    let value = |evaluation: &Evaluation, name: &str| {
        let results =
            evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs)).map_err(|failure| failure.to_string())?;
        results.into_iter().find(|(own, _)| own == name).map(|(_, array)| array).ok_or(format!("no {name}"))
    };
    let truth = value(&evaluation, "derivative")?;
    let printed = value(&Evaluation::new(whole.after("answer", text.as_str())), "value")?;
    let gap = difference(&printed, &truth);
    if gap < 1e-8 { Ok(()) } else { Err(format!("{text} differs from the numbers by {gap:.1e}")) }
}

#[test]
fn structure_is_respected_in_print_and_in_numbers() {
    let text = fs::read_to_string(file()).expect("the suite is part of the repository");
    let (mut problems, mut written, mut count) = (Vec::new(), Vec::new(), 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let ([expression, declarations, wrt, order, layout, convention, expected], false) =
            (fields.as_slice(), line.starts_with('#'))
        else {
            written.push(line.to_owned());
            continue;
        };
        count += 1;
        let declarations: Vec<&str> = declarations.split("; ").filter(|d| !d.is_empty()).collect();
        let text = declarations.iter().fold(Text::expression(*expression), |text, d| text.declare(*d));
        let request = Request::new(text, *wrt)
            .order(order.parse().expect("an order"))
            .layout(Layout::parse(layout).expect("a layout"))
            .convention(Convention::parse(convention).expect("a convention"));
        let answer = match derive(&request) {
            Ok(answer) => answer,
            Err(failure) => {
                problems.push(format!("{expression}: {failure}"));
                written.push(line.to_owned());
                continue;
            }
        };
        if !answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()) {
            problems.push(format!("{expression}: {} is not verified: {:?}", answer.text(), answer.verified));
        }
        if answer.notes.iter().any(|note| note.contains("defect")) {
            problems.push(format!("{expression}: {:?}", answer.notes));
        }
        if answer.text() != *expected {
            problems.push(format!("{expression} by {wrt}, {layout}: {} instead of {expected}", answer.text()));
        }
        if request.layout != Layout::Differential
            && let Err(problem) = compare(&request, &answer, &domains(&declarations))
        {
            problems.push(format!("{expression} by {wrt}, {layout}: {problem}"));
        }
        written.push([&fields[..6], &[answer.text().as_str()]].concat().join("\t"));
    }
    assert!(count > 60, "only {count} lines");
    if std::env::var_os("MATGRAD_BLESS").is_some() {
        fs::write(file(), written.join("\n") + "\n").expect("the suite can be written");
        problems.retain(|problem| !problem.contains(" instead of "));
    }
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}
