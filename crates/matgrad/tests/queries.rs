//! Queries of vector calculus, Jacobian determinants, densities and abstract functions, as data: each answer is checked
//! against independent derivatives, parses again, and is what `tests/suite/queries.tsv` says. `MATGRAD_BLESS=1` renews it.

use std::collections::BTreeMap;
use std::fmt::Write;

use matgrad::{Array, Convention, Evaluation, Inputs, Reply, Request, Text, answer_queries};

mod support;
use support::difference;
use support::draw::{data, sequence};

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

/// The domains that attributes stand for, and for other matrices one where all functions of matrices exist.
fn domains(declarations: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for declaration in declarations.split("; ") {
        let Some((names, space)) = declaration.split_once(" in ") else { continue };
        let domain = [
            ("symmetric", "sym"),
            ("pd", "spd"),
            ("skew", "skew"),
            ("lower", "lower"),
            ("upper", "upper"),
            ("diagonal", "diagonal"),
        ];
        let domain = domain.iter().find(|(attribute, _)| space.ends_with(attribute)).map(|(_, domain)| *domain);
        let square = space.contains("(n x n)") || space.contains("(m x m)");
        let domain = domain.unwrap_or(if square { "invertible" } else { "positive" });
        found.extend(names.split(", ").map(|name| (name.to_owned(), domain.to_owned())));
    }
    found
}

/// What `eval` computes of a query against the number in its printed answer.
#[test]
fn queries_have_the_numbers_of_their_answers() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/queries.tsv");
    let dims: BTreeMap<String, usize> = [("n", 2), ("m", 3)].map(|(name, size)| (name.to_owned(), size)).into();
    let (mut count, mut wrong) = (0, Vec::new());
    for line in std::fs::read_to_string(path).unwrap().lines().filter(|line| !line.starts_with('#')) {
        let cells: Vec<&str> = line.split('\t').collect();
        let [declarations, query, convention, _] = cells[..] else { continue };
        let kinds = ["jacdet ", "div ", "curl ", "laplacian ", "grad ", "directional "];
        if !kinds.iter().any(|kind| query.starts_with(kind)) || declarations.contains(" : ") {
            continue;
        }
        let script = |last: &str| Text::script("case", format!("{}\n{last}", declarations.replace("; ", "\n")));
        let convention = Convention::parse(convention).unwrap_or_default();
        let replies = answer_queries(&Request::new(script(query), "").convention(convention)).unwrap();
        let Some(Reply::Answer(answer)) = replies.first() else { continue };
        let mut inputs: Inputs = data(&script("0"), &dims, &domains(declarations), &mut sequence(query));
        for name in ["theta", "phi", "r"] {
            if inputs.get(name).is_some_and(|array| array.shape().is_empty()) {
                inputs.insert(name, Array::scalar(0.7));
            }
        }
        // a direction that nobody declared has the shape of its variable
        if let Some((variable, along)) =
            query.rsplit_once(" along ").and_then(|(head, along)| Some((head.rsplit_once(' ')?.1, along)))
            && inputs.get(along).is_none()
            && let Some(like) = inputs.get(variable).cloned()
        {
            inputs.insert(along, like);
        }
        let mut asked = Evaluation::new(script(query));
        asked.convention = convention;
        let values = |evaluation: &Evaluation| evaluation.plan(&inputs).and_then(|plan| plan.run(&inputs));
        let found = values(&asked).unwrap_or_else(|error| panic!("{query}: {error}"));
        let printed =
            values(&Evaluation::new(script(&answer.text()))).unwrap_or_else(|error| panic!("{query}: {error}"));
        let (found, printed) = (&found[found.len() - 1].1, &printed[0].1);
        let printed = Array::new(found.shape().to_vec(), printed.data().to_vec()).unwrap_or_default();
        let gap = difference(found, &printed);
        count += 1;
        if gap > 1e-8 {
            wrong.push(format!("{query}: the printed answer differs from the numbers by {gap:.1e}"));
        }
    }
    assert!(count > 60, "only {count} queries");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
