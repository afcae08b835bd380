//! Queries of vector calculus, Jacobian determinants, densities and abstract functions, as data: each answer is checked
//! against independent derivatives, parses again, and is what `tests/suite/queries.tsv` says. `MATGRAD_BLESS=1` renews it.

use std::fmt::Write;

use matgrad::{Convention, Reply, Request, Text, answer_queries};

fn answer(declarations: &str, query: &str, convention: &str) -> Result<String, String> {
    let text = Text::script("case", format!("{}\n{query}", declarations.replace("; ", "\n")));
    let convention = Convention::parse(convention).unwrap_or_default();
    let replies = answer_queries(&Request::new(text, "").convention(convention))
        .map_err(|failure| failure.diagnostics.iter().map(|d| d.message.clone()).collect::<Vec<_>>().join("; "))?;
    let Some(Reply::Answer(answer)) = replies.first() else { return Err("no answer".into()) };
    let verdict = answer.verified.as_ref().ok_or("not checked")?;
    if !verdict.is_right() {
        return Err(format!("the check says {verdict:?} of {}", answer.text()));
    }
    let mut forms = vec![answer.text()];
    forms.extend(answer.also.iter().map(|(_, form)| form.text(matgrad::TextOptions::PLAIN)));
    Ok(forms.join(" | "))
}

#[test]
fn queries() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/queries.tsv");
    let cases = std::fs::read_to_string(path).unwrap();
    let (mut renewed, mut wrong) = (String::new(), Vec::new());
    for line in cases.lines() {
        let cells: Vec<&str> = line.split('\t').collect();
        let [declarations, query, convention, expected] = cells[..] else {
            renewed.push_str(line);
            renewed.push('\n');
            continue;
        };
        if line.starts_with('#') {
            renewed.push_str(line);
            renewed.push('\n');
            continue;
        }
        match answer(declarations, query, convention) {
            Ok(found) => {
                if found != expected {
                    wrong.push(format!("{query}: {found}, not {expected}"));
                }
                let _ = writeln!(renewed, "{declarations}\t{query}\t{convention}\t{found}");
            }
            Err(error) => panic!("{query}: {error}"),
        }
    }
    if std::env::var_os("MATGRAD_BLESS").is_some() {
        std::fs::write(path, renewed).unwrap();
    } else {
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }
}

#[test]
fn refusals_are_named() {
    let cases = [
        ("x in R^n; F : R^n -> R", "div F wrt x", "div takes a field"),
        ("x in R^4", "curl x wrt x", "curl takes a field"),
        ("x in R^n; A in R^(m x n)", "jacdet A*x wrt x", "not square"),
        ("x in R^n; A in R^(m x n)", "pushforward exp(-x'*x) along A*x wrt x", "equal spaces"),
        ("x in R^n; b in R^m", "taylor exp(x) wrt x at b order 2", "the point"),
        ("x in R^n", "assume x > 1", "a sign is assumed"),
        ("x in R^n", "diff x wrt x order two", "a whole number"),
    ];
    for (declarations, query, message) in cases {
        let error = answer(declarations, query, "").unwrap_err();
        assert!(error.contains(message), "{query}: {error}");
    }
}
