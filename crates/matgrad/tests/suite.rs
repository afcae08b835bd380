//! The suite: expressions with their derivative as it is printed, one a line of `tests/suite/derivatives.tsv`.
//!
//! `MATGRAD_BLESS=1 cargo test -p matgrad --test suite` writes the texts anew; read the difference before you commit it.

use std::fs;
use std::path::PathBuf;

use matgrad::{Layout, Request, Text, derive};

fn file() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../tests/suite/derivatives.tsv")
}

#[test]
fn derivatives_are_printed_as_in_the_suite() {
    let text = fs::read_to_string(file()).expect("the suite is part of the repository");
    let (mut wrong, mut problems, mut written, mut count) = (Vec::new(), Vec::new(), Vec::new(), 0);
    for line in text.lines() {
        let fields: Vec<&str> = line.split('\t').collect();
        let [expression, declarations, wrt, order, layout, notation, expected] = fields.as_slice() else {
            written.push(line.to_owned());
            continue;
        };
        if line.starts_with('#') {
            written.push(line.to_owned());
            continue;
        }
        count += 1;
        let declarations = declarations.split("; ").filter(|d| !d.is_empty());
        let request = Request {
            order: order.parse().expect("an order"),
            layout: Layout::parse(layout).expect("a layout"),
            ..Request::new(declarations.fold(Text::expression(*expression), |t, d| t.declare(d)), *wrt)
        };
        match derive(&request) {
            Ok(answer) => {
                let right = answer.verified.as_ref().is_some_and(|verdict| verdict.is_right());
                if let Some(note) = answer.notes.iter().find(|note| note.contains("defect")) {
                    wrong.push(format!("{expression}: {}: {note}", answer.text()));
                }
                if !right {
                    wrong.push(format!("{expression}: {} is not verified: {:?}", answer.text(), answer.verified));
                }
                if answer.text() != *expected || answer.derivative.notation().name() != *notation {
                    problems.push(format!("{expression} by {wrt}, {layout}: {} instead of {expected}", answer.text()));
                }
                let text = answer.text();
                written.push([&fields[..5], &[answer.derivative.notation().name(), &text]].concat().join("\t"));
            }
            Err(failure) => {
                wrong.push(format!("{expression}: {failure}"));
                written.push(line.to_owned());
            }
        }
    }
    assert!(count > 200, "only {count} lines in the suite");
    if std::env::var_os("MATGRAD_BLESS").is_some() {
        fs::write(file(), written.join("\n") + "\n").expect("the suite can be written");
        problems.clear();
    }
    // what is wrong cannot be blessed
    problems.extend(wrong);
    assert!(problems.is_empty(), "{} of {count}:\n{}", problems.len(), problems.join("\n"));
}
