//! Files to be judged: what they claim, one thing after the other.
//!
//! A script is judged by its steps (lines that start with `=`) where it has some, otherwise by its queries: every answer has
//! to pass its check, every claim to be right. A corpus is a file with a JSON object in each line: `id`, `expr` or `script`,
//! `declare`, `wrt`, `order`, `layout`, `convention`, and `expected`, the derivative as somebody has it; other fields are not
//! looked at.

use matgrad_syntax::StatementKind;
use serde_json::Value;

use crate::claim::{Claim, Finding, check};
use crate::claimed_steps::{ClaimedStep, claimed_steps, has_steps};
use crate::derive::derive;
use crate::queries::{Reply, answer_queries};
use crate::{Answer, Convention, Failure, Layout, Limits, Request, Text};

/// Something to be judged.
#[derive(Clone, Debug)]
pub struct Exercise {
    /// What it is called: the name of a case, `line 7`, or the name of the file.
    pub name: String,
    task: Task,
}

#[derive(Clone, Debug)]
enum Task {
    Case { request: Box<Request>, expected: Option<String> },
    Step(Box<ClaimedStep>),
    Queries(Box<Request>),
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Judgement {
    /// How many answers and claims were looked at.
    pub count: usize,
    /// What is wrong, in sentences.
    pub wrong: Vec<String>,
}

impl Judgement {
    fn of(finding: &Finding) -> Self {
        let mut found = Self { count: 1, wrong: Vec::new() };
        found.finding(finding);
        found
    }

    fn finding(&mut self, finding: &Finding) {
        if finding.right {
            return;
        }
        self.wrong.push(match finding.diagnoses.first() {
            Some(diagnosis) if !finding.sentence.contains(&diagnosis.said) => {
                format!("{}; {}", finding.sentence, diagnosis.said)
            }
            _ => finding.sentence.clone(),
        });
    }

    fn answer(&mut self, answer: &Answer) {
        match &answer.verified {
            Some(verdict) if verdict.is_right() => {}
            Some(verdict) if verdict.failure.is_some() => {
                self.wrong.push(format!("the answer `{}` fails its check; this is a defect", answer.text()));
            }
            _ => self.wrong.push(format!("the answer `{}` was not checked", answer.text())),
        }
    }
}

/// What a file asks to be judged; nothing where a script neither asks nor claims.
///
/// ```
/// let corpus = r#"{"id": "a", "expr": "a'*X*b", "wrt": "X", "layout": "gradient", "expected": "b*a'"}"#;
/// let found = matgrad::exercises("corpus.jsonl", corpus)?[0].judge(None)?;
/// assert!(found.wrong[0].contains("numerator"));
/// let script = "x in R^n\ngrad x'*x wrt x\n= 2*x";
/// assert!(matgrad::exercises("a.mg", script)?[0].judge(None)?.wrong.is_empty());
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What cannot be read in the file.
pub fn exercises(origin: &str, text: &str) -> Result<Vec<Exercise>, Failure> {
    let lines = || text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    if lines().next().is_some_and(|(_, line)| line.trim_start().starts_with('{')) {
        return lines().map(|(at, line)| case(origin, at + 1, line)).collect();
    }
    if has_steps(text) {
        let exercise =
            |step: ClaimedStep| Exercise { name: format!("line {}", step.line()), task: Task::Step(Box::new(step)) };
        return Ok(claimed_steps(origin, text)?.into_iter().map(exercise).collect());
    }
    let request = Request::new(Text::script(origin, text), "");
    let (_, script) = request.text.read()?;
    let asks = |kind: &StatementKind| matches!(kind, StatementKind::Query { .. } | StatementKind::Solve { .. });
    if !script.statements.iter().any(|statement| asks(&statement.kind)) {
        return Ok(Vec::new());
    }
    Ok(vec![Exercise { name: origin.to_owned(), task: Task::Queries(Box::new(request)) }])
}

/// A line of a corpus.
fn case(origin: &str, line: usize, text: &str) -> Result<Exercise, Failure> {
    let refuse = |message: String| {
        let (source, _) = Text::script(format!("{origin}, line {line}"), "").read()?;
        Err(Failure::whole(source, "corpus", message))
    };
    let fields: Value = match serde_json::from_str(text) {
        Ok(fields) => fields,
        Err(error) => return refuse(format!("this is no JSON object: {error}")),
    };
    let word = |field: &str| fields[field].as_str().unwrap_or("");
    let name = if word("id").is_empty() { format!("line {line}") } else { word("id").to_owned() };
    let mut given = match (fields["expr"].as_str(), fields["script"].as_str()) {
        (_, Some(script)) => Text::script(name.clone(), script),
        (Some(expression), _) => Text::expression(expression),
        _ => return refuse("the case has neither `expr` nor `script`".into()),
    };
    for declaration in fields["declare"].as_array().into_iter().flatten().filter_map(Value::as_str) {
        given = given.declare(declaration);
    }
    let mut request = Request::new(given, word("wrt"));
    request.order = fields["order"].as_u64().map_or(1, |order| order.min(9) as usize);
    match (word("layout"), Layout::parse(word("layout"))) {
        ("", _) => {}
        (_, Some(layout)) => request.layout = layout,
        (other, None) => return refuse(format!("there is no layout `{other}`")),
    }
    request.convention = Convention::parse(word("convention")).unwrap_or_default();
    let expected = fields["expected"].as_str().map(str::to_owned);
    Ok(Exercise { name, task: Task::Case { request: Box::new(request), expected } })
}

impl Exercise {
    /// Is it right?
    ///
    /// # Errors
    /// What is wrong with its text.
    pub fn judge(&self, deadline: Option<std::time::Instant>) -> Result<Judgement, Failure> {
        let limited = |request: &Request| request.clone().limits(Limits { deadline, ..Limits::default() });
        match &self.task {
            Task::Step(step) => {
                let limits = Limits { deadline, ..Limits::default() };
                let found = limits.hold(&Text::script("step", ""), || step.check())?;
                Ok(Judgement::of(&found.finding))
            }
            Task::Case { request, expected } => {
                let request = limited(request);
                let mut found = Judgement { count: 1, wrong: Vec::new() };
                found.answer(&derive(&request)?);
                if let Some(text) = expected {
                    found.finding(&check(&request, &Claim { text: text.clone(), any_layout: false })?);
                }
                Ok(found)
            }
            Task::Queries(request) => {
                let replies = answer_queries(&limited(request))?;
                let mut found = Judgement { count: replies.len(), wrong: Vec::new() };
                for reply in &replies {
                    match reply {
                        Reply::Answer(answer) => found.answer(answer),
                        Reply::Finding(_, finding) => found.finding(finding),
                        Reply::Solution(solution) if solution.is_refuted() => {
                            found.wrong.push(format!("the solution of `{}` fails its check", solution.query));
                        }
                        Reply::Curvature(curvature) if curvature.contradicted => {
                            found.wrong.push("numbers contradict the proof of curvature; this is a defect".into());
                        }
                        Reply::Solution(_) | Reply::Curvature(_) => {}
                    }
                }
                Ok(found)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(origin: &str, text: &str) -> Vec<String> {
        let all = exercises(origin, text).unwrap_or_else(|failure| panic!("{}", failure.render(false)));
        all.iter().flat_map(|exercise| exercise.judge(None).expect("a judgement").wrong).collect()
    }

    #[test]
    fn scripts_are_judged_by_their_queries_or_steps() {
        assert!(wrong("a.mg", "x in R^n; grad x'*x wrt x; check x'*x wrt x is 2*x'").is_empty());
        assert_eq!(wrong("a.mg", "x in R^n; check x'*x wrt x is 3*x'").len(), 1);
        assert_eq!(wrong("a.mg", "x in R^n\ngrad x'*x wrt x\n= 2*x\n= 3*x").len(), 1);
    }

    #[test]
    fn corpora_are_judged_case_by_case() {
        let text = "{\"expr\": \"A*x\", \"wrt\": \"x\", \"expected\": \"A\"}\n\n{\"expr\": \"A*x\", \"wrt\": \"x\", \"expected\": \"A'\"}";
        let found = wrong("a.jsonl", text);
        assert!(found.len() == 1 && found[0].contains("denominator"), "{found:?}");
        for bad in ["{", "{}", "{\"expr\": \"x\", \"layout\": \"sideways\"}"] {
            let failure = exercises("a.jsonl", bad).expect_err("no case");
            assert_eq!(failure.diagnostics[0].code, "corpus", "{bad}");
        }
    }
}
