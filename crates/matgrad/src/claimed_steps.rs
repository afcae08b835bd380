//! A claimed list of steps: which line is the first that does not follow?
//!
//! A line that starts with `=` goes on from the line above: from a query (`grad L wrt x`), whose answer it claims to be, or
//! from an expression or a definition, whose value it claims to have. `A = B = C` in one line is the same.

use matgrad_syntax::{Script, StatementKind};
use serde_json::{Value, json};

use crate::claim::{Claim, Finding, check};
use crate::{Failure, Layout, Request, Text};

/// One line of a list.
#[derive(Clone, Debug)]
pub struct CheckedStep {
    /// The line of the script, from 1.
    pub line: usize,
    /// What it claims.
    pub text: String,
    /// What it goes on from.
    pub anchor: String,
    /// The finding.
    pub finding: Finding,
}

/// What was found about the steps of a script.
#[derive(Clone, Debug)]
pub struct CheckedSteps {
    /// All steps in their order.
    pub steps: Vec<CheckedStep>,
}

impl CheckedSteps {
    /// The first wrong step.
    pub fn first_wrong(&self) -> Option<&CheckedStep> {
        self.steps.iter().find(|step| !step.finding.right)
    }

    /// The findings as JSON.
    pub fn json(&self) -> Value {
        let step = |step: &CheckedStep| json!({"line": step.line, "text": step.text, "anchor": step.anchor, "finding": step.finding.json()});
        json!({
            "right": self.first_wrong().is_none(),
            "first_wrong": self.first_wrong().map(|step| step.line),
            "steps": self.steps.iter().map(step).collect::<Vec<_>>(),
        })
    }
}

/// A claimed step and what it goes on from.
#[derive(Clone, Debug)]
struct Given {
    line: usize,
    text: String,
    anchor: String,
}

/// Takes the steps out of a script, leaving its lines where they are.
fn taken_out(text: &str) -> (String, Vec<Given>) {
    let mut rest = String::new();
    let mut steps = Vec::new();
    let mut anchor = String::new();
    for (at, line) in text.lines().enumerate() {
        let bare = line.split('#').next().unwrap_or("").trim();
        let parts = equated(bare);
        if bare.starts_with('=') && !bare.starts_with("==") {
            for part in parts.iter().filter(|part| !part.is_empty()) {
                steps.push(Given { line: at + 1, text: part.clone(), anchor: anchor.clone() });
            }
        } else {
            let head = if parts.len() > 2 { format!("{} = {}", parts[0], parts[1]) } else { line.to_owned() };
            if !bare.is_empty() {
                anchor = if parts.len() > 2 { head.clone() } else { bare.to_owned() };
            }
            for part in parts.iter().skip(2) {
                steps.push(Given { line: at + 1, text: part.clone(), anchor: anchor.clone() });
            }
            rest.push_str(&head);
        }
        rest.push('\n');
    }
    (rest, steps)
}

/// The sides of the equations in a line, where `=` stands outside brackets and is no part of a comparison.
fn equated(line: &str) -> Vec<String> {
    let words = ["define ", "assume ", "solve ", "check "];
    if words.iter().any(|word| line.starts_with(word)) || line.contains(';') {
        return vec![line.to_owned()];
    }
    let bytes = line.as_bytes();
    let (mut depth, mut start, mut parts) = (0i32, 0, Vec::new());
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            b'(' | b'[' => depth += 1,
            b')' | b']' => depth -= 1,
            b'=' if depth == 0 => {
                let before = at.checked_sub(1).and_then(|k| bytes.get(k));
                let compares = matches!(before, Some(b'=' | b'<' | b'>' | b'!')) || bytes.get(at + 1) == Some(&b'=');
                if !compares {
                    parts.push(line.get(start..at).unwrap_or("").trim().to_owned());
                    start = at + 1;
                }
            }
            _ => {}
        }
    }
    parts.push(line.get(start..).unwrap_or("").trim().to_owned());
    parts
}

/// Whether a script has claimed steps.
pub fn has_steps(text: &str) -> bool {
    !taken_out(text).1.is_empty()
}

/// Checks the steps of a script one after the other.
///
/// ```
/// let script = "x in R^n\nA in R^(n x n)\ngrad x'*A*x wrt x\n= A*x + A'*x\n= 2*A*x";
/// let found = matgrad::check_steps("steps.mg", script)?;
/// let wrong = found.first_wrong().unwrap();
/// assert_eq!(wrong.line, 5);
/// assert!(wrong.finding.diagnoses.iter().any(|d| d.said.contains("A is symmetric")));
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the script or with a step.
pub fn check_steps(origin: &str, text: &str) -> Result<CheckedSteps, Failure> {
    let steps = claimed_steps(origin, text)?.iter().map(ClaimedStep::check).collect::<Result<_, _>>()?;
    Ok(CheckedSteps { steps })
}

/// A step that has not been looked at yet.
#[derive(Clone, Debug)]
pub struct ClaimedStep {
    origin: String,
    base: Text,
    given: Given,
}

impl ClaimedStep {
    /// The line of the script, from 1.
    pub fn line(&self) -> usize {
        self.given.line
    }

    /// Is it right?
    ///
    /// # Errors
    /// What is wrong with the text of the step.
    pub fn check(&self) -> Result<CheckedStep, Failure> {
        let Given { line, text, anchor } = self.given.clone();
        let finding = step(&self.origin, &self.base, &anchor, &text)?;
        Ok(CheckedStep { line, text, anchor, finding })
    }
}

/// The steps of a script, to be checked one by one.
///
/// # Errors
/// What is wrong with the script, or that it claims no steps.
pub fn claimed_steps(origin: &str, text: &str) -> Result<Vec<ClaimedStep>, Failure> {
    let (rest, given) = taken_out(text);
    let base = Text::script(origin, rest);
    let (source, _) = base.read()?;
    if given.is_empty() {
        let mut failure = Failure::whole(source, "nothing-to-do", "the script claims no steps");
        if let Some(diagnostic) = failure.diagnostics.first_mut() {
            diagnostic.help.push("a step is a line that starts with `=`, below a query or an expression".into());
        }
        return Err(failure);
    }
    let claimed = |given| ClaimedStep { origin: origin.to_owned(), base: base.clone(), given };
    Ok(given.into_iter().map(claimed).collect())
}

/// The finding about one step.
fn step(origin: &str, base: &Text, anchor: &str, text: &str) -> Result<Finding, Failure> {
    let (_, read) = Text::script(origin, anchor).read()?;
    let queries = |kind: &StatementKind| matches!(kind, StatementKind::Query { .. });
    let (source, script) = base.read()?;
    match read.statements.first().map(|statement| &statement.kind) {
        Some(StatementKind::Query { kind, function, wrt, order, .. }) => {
            use matgrad_syntax::QueryKind::{Diff, Differential, Grad, Hessian, Jacobian};
            let [variable] = wrt.as_slice() else {
                return Err(Failure::whole(source, "claim", "a step goes on from a query by one variable"));
            };
            let layout = match kind {
                Diff | Hessian => Layout::Numerator,
                Grad => Layout::Gradient,
                Jacobian => Layout::Jacobian,
                Differential => Layout::Differential,
                _ => {
                    let message = format!(
                        "steps go on from diff, grad, jacobian, hessian or differential, not from {}",
                        kind.name()
                    );
                    return Err(Failure::whole(source, "claim", message));
                }
            };
            let function = matgrad_render::text(&read.ast, *function, matgrad_render::TextOptions::PLAIN);
            let text_of = without_queries(&script).after("query", function);
            let mut request = Request::new(text_of, &*variable.name).layout(layout);
            request.order = if *kind == Hessian { 2 } else { order.map_or(1, usize::from) };
            check(&request, &Claim { text: text.to_owned(), any_layout: *kind == Diff })
        }
        Some(StatementKind::Definition { body, .. } | StatementKind::Expression(body))
            if !read.statements.iter().any(|s| queries(&s.kind)) =>
        {
            // the value is the derivative of a multiple of it by the number in front
            let value = matgrad_render::text(&read.ast, *body, matgrad_render::TextOptions::PLAIN);
            let free =
                ["unit_", "step_", "multiple_"].into_iter().find(|name| !anchor.contains(name) && !text.contains(name));
            let name = free.unwrap_or("of_one_");
            let text_of =
                without_queries(&script).declare(format!("{name} in R")).after("step", format!("{name}*({value})"));
            let request = Request::new(text_of, name);
            let mut finding = check(&request, &Claim { text: text.to_owned(), any_layout: false })?;
            if finding.right {
                finding.sentence = "it has the same value".into();
            }
            Ok(finding)
        }
        _ => Err(Failure::whole(source, "claim", format!("a step cannot go on from `{anchor}`"))),
    }
}

/// The declarations and definitions of a script.
fn without_queries(script: &Script) -> Text {
    let keep = script.statements.iter().filter(|statement| {
        !matches!(
            statement.kind,
            StatementKind::Query { .. } | StatementKind::Solve { .. } | StatementKind::Expression(_)
        )
    });
    let lines: Vec<String> = keep
        .map(|s| matgrad_render::statement_text(&script.ast, &s.kind, matgrad_render::TextOptions::PLAIN))
        .collect();
    Text::script("script", lines.join("\n"))
}
