//! The tutor: wrong claims made of the corpora are judged wrong and the fault is named; right claims in other forms pass.

mod support;

use matgrad::{Claim, Fault, Finding, Layout, Request, Text, check, check_steps, derive};
use matgrad_check::{Options, Problem, verify};
use support::cases;

/// A slip that was made on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slip {
    Factor,
    Sign,
    Transpose,
    Symmetrisation,
    Term,
    Layout,
}

impl Slip {
    /// Whether a diagnosis names the slip, or another repair of the same claim that numbers bear out.
    fn explained(self, finding: &Finding) -> bool {
        let has = |faults: &[Fault]| finding.diagnoses.iter().any(|d| faults.contains(&d.fault));
        use Fault::{Assumption, Factor, MissingFactor, MissingTerm, Product, Sign, Symmetrisation, Transpose};
        match self {
            Slip::Factor => has(&[Factor, MissingFactor]),
            Slip::Sign => has(&[Sign, MissingTerm, Factor]),
            // A'*x for A*x is half of a symmetrisation as well; the prime of r'(t) is a derivative
            Slip::Transpose => {
                has(&[Transpose, Fault::Derivative, Symmetrisation, Assumption, Product, MissingTerm, Fault::Layout])
            }
            Slip::Symmetrisation => has(&[Symmetrisation, MissingTerm, Assumption, Factor]),
            Slip::Term => has(&[MissingTerm, Symmetrisation, Factor, MissingFactor]),
            Slip::Layout => has(&[Fault::Layout, Transpose]),
        }
    }
}

/// The parts of a sum, each with its sign.
fn summands(text: &str) -> Vec<(char, String)> {
    let (mut depth, mut parts, mut own, mut sign) = (0, Vec::new(), String::new(), '+');
    let chars: Vec<char> = text.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        match chars[at] {
            '(' | '[' => depth += 1,
            ')' | ']' => depth -= 1,
            c @ ('+' | '-') if depth == 0 && at > 0 && chars[at - 1] == ' ' && chars.get(at + 1) == Some(&' ') => {
                parts.push((sign, std::mem::take(&mut own).trim().to_owned()));
                sign = c;
                at += 1;
                continue;
            }
            _ => {}
        }
        own.push(chars[at]);
        at += 1;
    }
    parts.push((sign, own.trim().to_owned()));
    parts
}

/// A sum of summands.
fn summed(parts: &[(char, String)]) -> String {
    let mut out = String::new();
    for (at, (sign, part)) in parts.iter().enumerate() {
        match (at, sign) {
            (0, '+') => {}
            (0, _) => out.push('-'),
            _ => out.push_str(&format!(" {sign} ")),
        }
        out.push_str(part);
    }
    out
}

/// Wrong claims that one slip makes of an answer.
fn slips(text: &str) -> Vec<(Slip, String)> {
    let mut found = vec![(Slip::Factor, format!("2*({text})")), (Slip::Sign, format!("-({text})"))];
    if let Some(rest) = text.strip_prefix("2*") {
        found.push((Slip::Factor, rest.to_owned()));
    }
    for (at, _) in text.match_indices('\'').take(3) {
        found.push((Slip::Transpose, format!("{}{}", &text[..at], &text[at + 1..])));
    }
    let parts = summands(text);
    if parts.len() > 1 {
        for at in 0..parts.len().min(3) {
            let mut fewer = parts.clone();
            fewer.remove(at);
            found.push((Slip::Term, summed(&fewer)));
            let mut turned = parts.clone();
            turned[at].0 = if turned[at].0 == '+' { '-' } else { '+' };
            found.push((Slip::Sign, summed(&turned)));
            let mut doubled = parts.clone();
            doubled[at].1 = format!("2*({})", doubled[at].1);
            found.push((Slip::Factor, summed(&doubled)));
        }
    }
    // (A + A') and its kin
    for (at, _) in text.match_indices('(') {
        let mut depth = 0;
        let end = text[at..].char_indices().find(|(_, c)| {
            depth += i32::from(*c == '(') - i32::from(*c == ')');
            depth == 0
        });
        let Some((end, _)) = end else { continue };
        if let [(_, a), (_, b)] = summands(&text[at + 1..at + end]).as_slice()
            && (format!("{a}'") == *b || format!("{b}'") == *a)
        {
            found.push((Slip::Symmetrisation, format!("{}{a}{}", &text[..at], &text[at + end + 1..])));
        }
    }
    found
}

/// Whether the check behind every answer, which the judge does not use, refutes a claim in a layout.
fn refuted(request: &Request, text: &str, layout: Layout) -> Option<bool> {
    let (_, known) = request.text.read().ok()?;
    let (_, full) = request.text.clone().after("claim", text).read().ok()?;
    let problem = Problem::of_script(&known, request.wrt.as_str().into())?;
    let layout = matgrad_check::Layout::ALL.into_iter().find(|own| own.name() == layout.name())?;
    let answer = matgrad_check::Answer::of_script(&full, layout, request.order)?;
    let own = full.statements.len().checked_sub(1)?;
    let answer = matgrad_check::Answer { definitions: full.statements.get(known.statements.len()..own)?, ..answer };
    let verdict = verify(&problem, &answer, &Options::default());
    if verdict.is_right() { Some(false) } else { verdict.failure.map(|_| true) }
}

#[test]
fn wrong_claims_are_refused_and_the_fault_is_named() {
    let (mut tried, mut unexplained, mut problems) = ([0usize; 6], Vec::new(), Vec::new());
    for case in cases() {
        let request = case.request();
        if request.order != 1 || matches!(request.layout, Layout::Tensor | Layout::Differential) {
            continue;
        }
        let Ok(answer) = derive(&request.clone().unverified()) else { continue };
        let text = answer.text();
        if text.contains(" = ") || text.len() > 60 {
            continue;
        }
        let mut wrong: Vec<(Slip, String)> = slips(&text);
        let other = if request.layout == Layout::Numerator { Layout::Denominator } else { Layout::Numerator };
        if let Ok(swapped) = derive(&request.clone().unverified().layout(other)) {
            wrong.push((Slip::Layout, swapped.text()));
        }
        for (slip, claim) in wrong {
            if tried[slip as usize] >= 60 || refuted(&request, &claim, request.layout) != Some(true) {
                continue; // still right, as of a symmetric matrix, or no expression any more
            }
            let Ok(finding) = check(&request, &Claim { text: claim.clone(), any_layout: false }) else { continue };
            tried[slip as usize] += 1;
            if finding.right {
                problems.push(format!("{}: {claim} passes for {text}", case.id()));
            } else if !slip.explained(&finding) {
                unexplained.push(format!("{} {slip:?}: {claim} for {text}: {:?}", case.id(), finding.diagnoses));
            }
        }
    }
    let all: usize = tried.iter().sum();
    println!("{all} wrong claims {tried:?}; not explained:\n{}", unexplained.join("\n"));
    assert!(problems.is_empty(), "{}", problems.join("\n"));
    assert!(all >= 200 && tried.iter().all(|n| *n >= 4), "{tried:?}");
    assert!(unexplained.is_empty(), "{} of {all} are not explained", unexplained.len());
}

#[test]
fn right_claims_in_other_forms_pass() {
    let (mut passed, mut refused) = (0, Vec::new());
    for case in cases() {
        let request = case.request().unverified();
        let mut forms: Vec<String> = case.expected().map(str::to_owned).into_iter().collect();
        if let Ok(answer) = derive(&request) {
            let text = answer.text();
            if !text.contains(" = ") {
                forms.extend([format!("2*({text})/2"), format!("({text}) + ({text}) - ({text})")]);
                if answer.derivative.shape.len() == 2 {
                    forms.push(format!("(({text})')'"));
                }
            }
        }
        for form in forms {
            match check(&request, &Claim { text: form.clone(), any_layout: false }) {
                Ok(finding) if finding.right => passed += 1,
                Ok(finding) => refused.push(format!("{}: {form}: {}", case.id(), finding.sentence)),
                Err(failure) => refused.push(format!("{}: {form}: {failure}", case.id())),
            }
        }
    }
    println!("{passed} right claims pass");
    assert!(refused.is_empty(), "{}", refused.join("\n"));
    assert!(passed >= 200);
}

fn finding(function: &str, declarations: &[&str], wrt: &str, claim: &str) -> Finding {
    let text = declarations.iter().fold(Text::expression(function), |text, line| text.declare(*line));
    check(&Request::new(text, wrt), &Claim { text: claim.into(), any_layout: true }).unwrap()
}

#[test]
fn what_is_wrong_is_said() {
    let square: &[&str] = &["A in R^(n x n)", "x in R^n"];
    type Example<'a> = (&'a str, &'a [&'a str], &'a str, &'a str, Fault, &'a str);
    let cases: &[Example<'_>] = &[
        ("x'*A*x", square, "x", "2*A*x", Fault::Assumption, "A is symmetric"),
        ("x'*A*x", square, "x", "A*x", Fault::MissingTerm, "A'*x"),
        ("x'*A*x", square, "x", "(A + A')*x/3", Fault::Factor, "1/3"),
        ("x'*A*x", square, "x", "-(A + A')*x", Fault::Sign, "sign"),
        ("x'*A*x", square, "x", "A*x - A'*x", Fault::Sign, "sign"),
        ("norm(x)^2", &["x in R^n"], "x", "x/norm(x)", Fault::OtherFunction, "`norm(x)`"),
        ("sum(exp(x))", &["x in R^n"], "x", "exp(x)/2", Fault::Factor, "1/2"),
        ("a'*X*b", &["X in R^(m x n)"], "X", "a'*b", Fault::Product, "order"),
        ("tr(expm(X))", &["X in R^(n x n)"], "X", "exp(X)", Fault::Function, "expm"),
        ("norm(A*x - b)^2", &["A in R^(m x n)", "x in R^n"], "x", "2*A*(A*x - b)", Fault::Transpose, "A'"),
        ("x'*A*y", &["A in R^(n x n)", "x, y in R^n"], "x", "A'*x", Fault::Variable, "by y"),
    ];
    for (function, declarations, wrt, claim, fault, word) in cases {
        let found = finding(function, declarations, wrt, claim);
        assert!(!found.right, "{function}: {claim}");
        let said = found.diagnoses.iter().find(|d| d.fault == *fault);
        assert!(said.is_some_and(|d| d.said.contains(word)), "{function}: {claim}: {:?}", found.diagnoses);
    }
}

#[test]
fn the_first_wrong_line_is_named() {
    let script = "y in R^N\nPhi in R^(N x D)\ntheta in R^D\ne = y - Phi*theta\nL = e'*e\n= y'*y - 2*y'*Phi*theta + theta'*Phi'*Phi*theta\n\
                  grad L wrt theta\n= -2*Phi'*e\n= -2*Phi'*y + Phi'*Phi*theta\n= 2*Phi'*(Phi*theta - y)";
    let found = check_steps("steps.mg", script).unwrap();
    let lines: Vec<(usize, bool)> = found.steps.iter().map(|step| (step.line, step.finding.right)).collect();
    assert_eq!(lines, [(6, true), (8, true), (9, false), (10, true)]);
    let wrong = found.first_wrong().unwrap();
    assert_eq!(wrong.line, 9);
    assert!(!wrong.finding.point().is_empty());
    assert!(wrong.finding.report.mismatch.is_some());
    assert!(wrong.finding.diagnoses.iter().any(|d| d.fault == Fault::Factor), "{:?}", wrong.finding.diagnoses);
    let chain = check_steps("chain.mg", "A in R^(n x n)\nf = tr(A*A') = norm(A)^2 = tr(A'*A) = tr(A*A)").unwrap();
    assert_eq!(chain.steps.iter().map(|step| step.finding.right).collect::<Vec<_>>(), [true, true, false]);
    assert!(check_steps("none.mg", "x in R^n\nL = x'*x").is_err());
}
