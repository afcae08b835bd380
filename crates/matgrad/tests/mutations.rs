//! Wrong answers are refuted: right ones with a sign, a factor, a transposition or a term too much.

mod support;

use matgrad::{Claim, Convention, Layout, Request, Text, check, derive};
use matgrad_check::{Answer, Options, Problem, verify};
use support::round::request;

/// A claim made of an answer: of an index definition what stands on its right side is changed.
fn changed(text: &str, change: &dyn Fn(&str) -> String) -> Option<String> {
    let (before, last) = match text.rsplit_once("; ") {
        Some((before, last)) => (format!("{before}; "), last),
        None => (String::new(), text),
    };
    if before.contains('[') && before.contains(" = ") || text.contains('\n') {
        return None; // helpers before it
    }
    Some(match last.split_once(" = ") {
        Some((left, right)) if left.starts_with("G[") => format!("{before}{left} = {}", change(right)),
        _ => format!("{before}{}", change(last)),
    })
}

/// Whether the check behind every answer lets a text pass; `None` where there is nothing to compare.
fn accepted(request: &Request, text: Option<String>) -> Option<bool> {
    let (_, known) = request.text.read().ok()?;
    let (_, full) = request.text.clone().after("claim", text?).read().ok()?;
    let problem = Problem::of_script(&known, request.wrt.as_str().into())?;
    let layout = match request.layout {
        Layout::Numerator => matgrad_check::Layout::Numerator,
        Layout::Denominator => matgrad_check::Layout::Denominator,
        Layout::Jacobian => matgrad_check::Layout::Jacobian,
        Layout::Gradient => matgrad_check::Layout::Gradient,
        Layout::Rowvec => matgrad_check::Layout::Rowvec,
        Layout::Tensor => matgrad_check::Layout::Tensor,
        Layout::Differential => matgrad_check::Layout::Differential,
        Layout::Blocks => matgrad_check::Layout::Blocks,
    };
    let answer = Answer::of_script(&full, layout, request.order)?;
    let own = full.statements.len().checked_sub(1)?;
    let answer = Answer { definitions: full.statements.get(known.statements.len()..own)?, ..answer };
    let convention = match request.convention {
        Convention::Free => matgrad_check::Convention::Free,
        Convention::Constrained => matgrad_check::Convention::Entries,
    };
    let verdict = verify(&problem, &answer, &Options { convention, ..Options::default() });
    if verdict.is_right() {
        return Some(true);
    }
    verdict.failure.map(|_| false)
}

fn run(rounds: u64, order: usize) -> (usize, Vec<String>) {
    let (mut refuted, mut problems) = (0, Vec::new());
    for round in 0..rounds {
        let (request, title) = request(77, round, order);
        if request.layout == Layout::Differential {
            continue;
        }
        let Ok(answer) = derive(&request) else { continue };
        let text = answer.text();
        if !answer.verified.as_ref().is_some_and(|verdict| verdict.is_right()) {
            continue;
        }
        let claim = |change: &dyn Fn(&str) -> String| accepted(&request, changed(&text, change));
        // what is 0 stays right, and so does what is not taken for a claim at all
        if claim(&|t| format!("3*({t})")) != Some(false) && claim(&|t| format!("0*({t})")) != Some(false) {
            continue;
        }
        type Change<'a> = (&'a str, &'a dyn Fn(&str) -> String);
        let changes: [Change<'_>; 4] = [
            ("sign", &|t| format!("-({t})")),
            ("factor", &|t| format!("2*({t})")),
            ("small factor", &|t| format!("1.001*({t})")),
            ("term", &|t| format!("({t}) + ({t})/1000")),
        ];
        for (name, change) in changes {
            match claim(change) {
                Some(true) => problems.push(format!("[{round}] {name}: {title}: {text}")),
                Some(false) => refuted += 1,
                None => {}
            }
        }
        // a transposition is right where the answer is symmetric, and then so is the mean of both
        let turned = claim(&|t| format!("({t})'"));
        if turned == Some(true) && claim(&|t| format!("({t}) + 7*(({t})' - ({t}))")) == Some(false) {
            problems.push(format!("[{round}] transposition: {title}: {text}"));
        }
        refuted += usize::from(turned == Some(false));
    }
    (refuted, problems)
}

#[test]
fn wrong_answers_are_refuted() {
    for (rounds, order, least) in [(300, 1, 600), (30, 2, 40)] {
        let (refuted, problems) = run(rounds, order);
        println!("order {order}: {refuted} wrong answers refuted");
        assert!(problems.is_empty(), "{} wrong answers pass:\n{}", problems.len(), problems.join("\n"));
        assert!(refuted >= least, "only {refuted} wrong answers were tried");
    }
}

#[test]
fn what_holds_of_tall_matrices_only_is_wrong() {
    let text = Text::expression("tr(C*pinv(A)*A)").declare("A in R^(m x n)");
    let request = Request::new(text, "C").layout(Layout::Numerator);
    let judge = |claim: &str| check(&request, &Claim { text: claim.into(), any_layout: false }).expect("a finding");
    assert!(judge("pinv(A)*A").right);
    let finding = judge("eye(n)");
    assert!(!finding.right, "{}", finding.sentence);
    assert!(
        finding.sentence.contains("right for m = 3, n = 2, but for m = 2, n = 3 it is wrong"),
        "{}",
        finding.sentence
    );
    // without a value for wide matrices there is nothing to say of them
    let text = Text::expression("tr(C*pinv(A))").declare("A in R^(m x n)");
    let request = Request::new(text, "C").layout(Layout::Numerator);
    assert!(check(&request, &Claim { text: "inv(A'*A)*A'".into(), any_layout: false }).expect("a finding").right);
}
