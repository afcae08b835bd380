//! Curvature: what is decided is right, and most is decided.

use matgrad::{Curvature, CurvatureKind, Request, Text, TextOptions, curvature};

struct Case {
    title: String,
    truth: String,
    found: Curvature,
}

fn cases() -> Vec<Case> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suite/curvature.tsv");
    let file = std::fs::read_to_string(path).unwrap();
    let lines = file.lines().filter(|line| !line.starts_with('#') && !line.is_empty());
    let case = |line: &str| {
        let fields: Vec<&str> = line.split('\t').collect();
        let [function, declarations, wrt, truth] = fields[..] else { panic!("four fields: {line}") };
        let declare = |text: Text, line: &str| if line.trim().is_empty() { text } else { text.declare(line.trim()) };
        let text = declarations.split(';').fold(Text::expression(function), declare);
        let found = curvature(&Request::new(text, wrt)).unwrap_or_else(|failure| panic!("{line}: {failure}"));
        Case { title: format!("{function} by {wrt}"), truth: truth.to_owned(), found }
    };
    lines.map(case).collect()
}

#[test]
fn what_is_decided_is_right() {
    let cases = cases();
    let (mut wrong, mut open) = (Vec::new(), Vec::new());
    for Case { title, truth, found } in &cases {
        let kind = found.kind.name();
        if found.contradicted {
            wrong.push(format!("{title}: the proof is contradicted"));
        }
        if kind == "unknown" {
            if truth != "unknown" {
                open.push(format!("{title}: {truth}"));
            }
        } else if kind != truth && truth != "unknown" {
            wrong.push(format!("{title}: {kind}, it is {truth}"));
        }
    }
    println!("{} of {} decided; open:\n{}", cases.len() - open.len(), cases.len(), open.join("\n"));
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    let asked = cases.iter().filter(|case| case.truth != "unknown").count();
    assert!(asked >= 80 && asked - open.len() >= asked * 9 / 10, "{} of {asked} are open", open.len());
}

#[test]
fn every_finding_has_its_reasons() {
    for Case { title, found, .. } in cases() {
        match found.kind {
            CurvatureKind::Affine | CurvatureKind::Convex | CurvatureKind::Concave => {
                assert!(!found.proof.is_empty(), "{title}");
                assert!(found.proof.iter().all(|line| !line.why.is_empty()), "{title}");
                assert!(found.refutations.is_empty() && found.lines > 0, "{title}");
            }
            CurvatureKind::Neither => {
                let of: Vec<&str> = found.refutations.iter().map(|r| r.of).collect();
                assert_eq!(of, ["convex", "concave"], "{title}");
                assert!(found.refutations[0].value < 0.0 && found.refutations[1].value > 0.0, "{title}");
            }
            CurvatureKind::Unknown => {}
        }
    }
}

fn of(function: &str, declarations: &[&str], wrt: &str) -> Curvature {
    let text = declarations.iter().fold(Text::expression(function), |text, line| text.declare(*line));
    curvature(&Request::new(text, wrt)).unwrap()
}

#[test]
fn a_hessian_is_a_sum_of_terms_that_are_semidefinite() {
    let found = of("norm(y - Phi*w)^2/2 + c/2*norm(w)^2", &["c in R nonneg"], "w");
    let lines: Vec<String> =
        found.proof.iter().map(|line| format!("{}: {}", line.formula.text(TextOptions::PLAIN), line.why)).collect();
    assert_eq!(found.hessian.unwrap().text(TextOptions::PLAIN), "c*eye(n) + Phi'*Phi");
    assert_eq!(lines, ["c*eye(n): psd: diagonal with entries >= 0, times a number >= 0", "Phi'*Phi: psd: C'*C"]);
}

#[test]
fn only_scalars_bend() {
    let request = Request::new(Text::expression("A*x").declare("A in R^(m x n)"), "x");
    assert_eq!(curvature(&request).unwrap_err().diagnostics[0].code, "shape");
}
