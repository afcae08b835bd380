//! Every case of the corpora: the expected derivative passes the check, a perturbed one does not.

use std::path::Path;

use matgrad_check::{Answer, Layout, Options, Problem, Verdict, verify};
use matgrad_syntax::parse;
use serde_json::Value;

struct Case {
    fields: Value,
}

impl Case {
    fn text(&self, name: &str) -> &str {
        self.fields[name].as_str().unwrap_or("")
    }

    fn declarations(&self) -> Vec<&str> {
        self.fields["declare"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn layout(&self) -> Layout {
        Layout::ALL.into_iter().find(|layout| layout.name() == self.text("layout")).expect("a layout")
    }

    /// The verdict on a text in the layout of the case.
    fn verify(&self, answer: &str) -> Verdict {
        let mut lines = self.declarations();
        lines.push(if self.fields["script"].is_null() { self.text("expr") } else { self.text("script") });
        let script = parse(&lines.join("\n")).script;
        let mut lines = self.declarations();
        lines.push(answer);
        let answer = parse(&lines.join("\n")).script;
        let problem = Problem::of_script(&script, self.text("wrt").into()).expect("a function");
        let order = self.fields["order"].as_u64().expect("an order") as usize;
        let answer = Answer::of_script(&answer, self.layout(), order).expect("an answer");
        verify(&problem, &answer, &Options::default())
    }

    /// The expected text with something added to every entry.
    fn perturbed(&self) -> String {
        let expected = self.text("expected");
        match expected.split_once(" = ") {
            Some((left, right)) => format!("{left} = ({right}) + 0.1"),
            None => format!("({expected}) + 0.1"),
        }
    }
}

fn cases() -> Vec<Case> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/corpus");
    let mut files: Vec<_> =
        std::fs::read_dir(folder).expect("the corpora").map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = Vec::new();
    for file in files.iter().filter(|file| file.extension().is_some_and(|e| e == "jsonl")) {
        for line in std::fs::read_to_string(file).unwrap().lines().filter(|line| !line.trim().is_empty()) {
            cases.push(Case { fields: serde_json::from_str(line).expect("a case") });
        }
    }
    cases
}

#[test]
fn expected_derivatives_pass() {
    let mut failed = Vec::new();
    let all = cases();
    assert!(all.len() >= 355);
    for case in all.iter().filter(|case| !case.fields["expected"].is_null()) {
        let verdict = case.verify(case.text("expected"));
        if !verdict.is_right() || verdict.points != 3 {
            failed.push(format!("{}: {verdict:?}", case.text("id")));
        }
    }
    assert!(failed.is_empty(), "{} cases fail:\n{}", failed.len(), failed.join("\n"));
}

#[test]
fn perturbed_derivatives_fail() {
    let mut passed = Vec::new();
    for case in cases().iter().filter(|case| !case.fields["expected"].is_null()) {
        let verdict = case.verify(&case.perturbed());
        if verdict.failure.is_none() {
            passed.push(format!("{}: {verdict:?}", case.text("id")));
        }
    }
    assert!(passed.is_empty(), "{} cases pass:\n{}", passed.len(), passed.join("\n"));
}
