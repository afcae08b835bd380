//! The chapter on misprints: every identity of the texts runs, and what the sources print wrongly is shown to be wrong.
//! `UPDATE=1 cargo test -p matgrad --test misprints` writes `docs/misprints.md` anew.

use std::fmt::Write;
use std::path::{Path, PathBuf};

use matgrad::{Claim, Layout, Request, Text, TextOptions, check, derive};
use serde_json::Value;

/// Case, function, declarations, variable, layout and formula.
type Printed = (&'static str, &'static str, &'static [&'static str], &'static str, &'static str, &'static str);

/// What a source prints, as far as a formula says it: function, declarations, variable, layout, order and the formula.
const PRINTED: &[Printed] = &[
    ("text-vec-axb-num", "a'*X*b", &["X in R^(m x n)"], "X", "numerator", "a*b'"),
    ("text-vec-directional", "norm(x + t*u)^2", &["x, u in R^n", "t in R"], "t", "numerator", "(2*(x + t*u)')'*u"),
    ("text-54-ex512-tensor", "A*x", &["A in R^(M x N)", "x in R^N"], "A", "tensor", "G[i:M,j:M,q] = x[q]"),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn cases() -> Vec<Value> {
    let text = std::fs::read_to_string(root().join("tests/corpus/texts.jsonl")).expect("the corpus of the texts");
    text.lines()
        .filter(|line| !line.trim().is_empty())
        .map(|line| serde_json::from_str(line).expect("a case"))
        .collect()
}

fn request(case: &Value) -> Request {
    let field = |name: &str| case[name].as_str();
    let mut text = match field("script") {
        Some(script) => Text::script("text", script),
        None => Text::expression(field("expr").unwrap_or("")),
    };
    for declaration in case["declare"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        text = text.declare(declaration);
    }
    let layout = Layout::parse(field("layout").unwrap_or("")).expect("a layout");
    Request::new(text, field("wrt").unwrap_or("")).layout(layout).order(case["order"].as_u64().unwrap_or(1) as usize)
}

fn chapter() -> String {
    let mut out = String::from(
        "# Misprints in the sources\n\n\
         Every identity of the texts that matgrad was tested with: derived, checked at random points, and compared with the\n\
         form of the text. What is misprinted or imprecise there is listed with the identities it concerns; where the misprint is\n\
         a formula, `matgrad check` says what is wrong with it. This chapter is written by\n\
         `UPDATE=1 cargo test -p matgrad --test misprints`, which fails where it is out of date.\n",
    );
    let cases = cases();
    let mut right = 0;
    let mut notes: Vec<(String, Vec<String>)> = Vec::new();
    let mut table = String::new();
    for case in &cases {
        let id = case["id"].as_str().unwrap_or("");
        let request = request(case);
        let answer = derive(&request).unwrap_or_else(|failure| panic!("{id}: {failure}"));
        assert!(answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()), "{id}");
        let mut agrees = "no closed form there";
        if let Some(expected) = case["expected"].as_str() {
            let claim = Claim { text: expected.into(), any_layout: false };
            let finding = check(&request, &claim).unwrap_or_else(|failure| panic!("{id}: {failure}"));
            assert!(finding.right, "{id}: {}", finding.sentence);
            agrees = "right";
        }
        right += 1;
        let source = case["source"].as_str().unwrap_or("").trim_start_matches("text: ");
        let text = answer.derivative.text(TextOptions::PLAIN).replace('|', "\\|");
        let function = answer.expression.replace('|', "\\|");
        let _ = writeln!(
            table,
            "| {source} | `{function}` by `{}` | {} | `{text}` | {agrees} |",
            answer.wrt,
            answer.layout.name()
        );
        let note = case["note"].as_str().unwrap_or("");
        if note.starts_with("Misprint") || note.contains("imprecision") {
            let place = format!("{source}: `{function}` by `{}`, {}", answer.wrt, answer.layout.name());
            match notes.iter_mut().find(|(own, _)| own == note) {
                Some((_, places)) => places.push(place),
                None => notes.push((note.to_owned(), vec![place])),
            }
        }
    }
    let _ = writeln!(out, "\n## What is misprinted\n");
    for (note, places) in &notes {
        let note = note.trim_start_matches("Misprint: ").trim_start_matches("text imprecision: ");
        let _ = writeln!(out, "- {note}");
        for place in places {
            let _ = writeln!(out, "  - {place}");
        }
    }
    let _ = writeln!(out, "\n## What the check says of the printed formulas\n");
    for (id, function, declarations, wrt, layout, printed) in PRINTED {
        let text = declarations.iter().fold(Text::expression(*function), |text, line| text.declare(*line));
        let layout = Layout::parse(layout).expect("a layout");
        let request = Request::new(text, *wrt).layout(layout);
        let said = match check(&request, &Claim { text: (*printed).into(), any_layout: false }) {
            Ok(finding) => {
                assert!(!finding.right, "{id}: {printed} is right");
                let mut said = finding.sentence.clone();
                for diagnosis in finding
                    .diagnoses
                    .iter()
                    .filter(|d| !said.contains(&d.said))
                    .map(|d| d.said.clone())
                    .collect::<Vec<_>>()
                {
                    said = format!("{said}; {diagnosis}");
                }
                said
            }
            Err(failure) => failure.diagnostics.first().map(|d| d.message.clone()).unwrap_or_default(),
        };
        let _ = writeln!(out, "- `{function}` by `{wrt}`, {} layout, is said to be `{printed}`: {said}", layout.name());
    }
    let _ = writeln!(
        out,
        "\n## All {right} identities\n\n| place | function | layout | derivative | printed form |\n|---|---|---|---|---|"
    );
    out + &table
}

#[test]
fn the_chapter_on_misprints_is_what_the_check_finds() {
    let path = root().join("docs/misprints.md");
    let found = chapter();
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &found).expect("the chapter is written");
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == found, "docs/misprints.md is out of date: run with UPDATE=1");
}
