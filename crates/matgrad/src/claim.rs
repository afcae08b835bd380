//! Is a derivative that somebody claims right?

use matgrad_check::{Answer as Claimed, ClaimReport, Options, check_claim};
use matgrad_syntax::{Parameters, Script, StatementKind};
use serde_json::{Value, json};

use crate::proof;
use crate::tutor::{self, Diagnosis, Patient};
use crate::work::Work;
use crate::{Failure, Layout, Request};

/// A derivative as somebody has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// Its text: an expression, an index definition, or definitions and the expression.
    pub text: String,
    /// Whether it may be right in any layout, not just in that of the request.
    pub any_layout: bool,
}

/// What was found about a claim.
#[derive(Clone, Debug)]
pub struct Finding {
    /// Whether the claim is right (in the layout asked for).
    pub right: bool,
    /// The finding in words.
    pub sentence: String,
    /// What is wrong with it: repairs that numbers bear out, likely ones first.
    pub diagnoses: Vec<Diagnosis>,
    /// Where the shapes in the claim do not fit together, with what would make them fit.
    pub clash: Option<Failure>,
    /// The finding in detail.
    pub report: ClaimReport,
}

impl Finding {
    /// Where the claim is wrong: the values of the names there, in the language.
    pub fn point(&self) -> Vec<(String, String)> {
        self.report.point.iter().map(|(name, array)| (name.to_string(), literal(array))).collect()
    }

    /// The finding as JSON.
    pub fn json(&self) -> Value {
        let layouts: Vec<&str> = self.report.layouts.iter().map(|layout| layout.name()).collect();
        let mut out = json!({
            "right": self.right,
            "layouts": layouts,
            "sentence": self.sentence,
            "points": self.report.points,
            "max_relative_error": self.report.max_relative_error,
            "diagnoses": self.diagnoses.iter().map(|d| json!({"fault": d.fault.name(), "text": d.said})).collect::<Vec<_>>(),
        });
        if let (Some(mismatch), Value::Object(out)) = (&self.report.mismatch, &mut out) {
            out.insert(
                "mismatch".into(),
                json!({"index": mismatch.index, "claim": mismatch.got, "truth": mismatch.want}),
            );
            let point = self.report.point.iter().map(|(name, array)| (name.to_string(), json!(literal(array))));
            out.insert("point".into(), Value::Object(point.collect()));
        }
        out
    }
}

/// Compares a claim with the true derivative: in which layouts it is right, or what is wrong with it.
///
/// ```
/// use matgrad::{Claim, Request, Text, check};
/// let request = Request::new(Text::expression("a'*X*b"), "X");
/// let finding = check(&request, &Claim { text: "a*b'".into(), any_layout: true })?;
/// assert!(finding.right);
/// assert_eq!(finding.sentence, "the claim is right in the layouts denominator, gradient and tensor");
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the function or with the text of the claim.
pub fn check(request: &Request, claim: &Claim) -> Result<Finding, Failure> {
    request.limits.hold(&request.text, || compare(request, claim))
}

fn compare(request: &Request, claim: &Claim) -> Result<Finding, Failure> {
    let (source, script) = request.text.read()?;
    let mut work = Work::new(&source, &script, request)?;
    // the claim is read with the shapes that the function has by itself
    let mut text = request.text.clone();
    for assumption in &work.analysis.assumptions {
        text = text.after("assumption", assumption.as_str());
    }
    let (_, known) = text.read()?;
    if request.layout == Layout::Differential || claim.any_layout {
        text = text.after("assumption", work.step_declaration());
    }
    let (claim_source, full) = text.after("claim", claim.text.as_str()).read()?;
    let first = known.statements.len();
    let claimed = claimed(&full, first, request);
    let Some(claimed) = claimed else {
        return Err(Failure::whole(claim_source, "claim", "the claim is no expression"));
    };
    let problem = proof::problem(&script, work.function.target, &work.variable.name, &work.analysis);
    let options = Options { convention: proof::convention(request.convention), ..Options::default() };
    let patient = Patient { claim: claimed, any_layout: claim.any_layout, problem, options };
    if let Err(failure) = work.accepts(&claim_source, &full) {
        let names_unknown = failure.diagnostics.iter().any(|d| d.code == "unknown-variable");
        let diagnoses = if names_unknown { Vec::new() } else { tutor::misshapen(&patient) };
        let (Some(first), Some(clash)) = (diagnoses.first(), failure.diagnostics.first()) else { return Err(failure) };
        let sentence = format!("the shapes in the claim do not fit ({}): {}", clash.message, first.said);
        let report = ClaimReport::misshapen(sentence.clone());
        let mut clash = failure.clone();
        if let Some(own) = clash.diagnostics.first_mut() {
            own.help.push(first.said.clone());
        }
        return Ok(Finding { right: false, sentence, diagnoses, clash: Some(clash), report });
    }
    let report = check_claim(&patient.problem, &patient.claim, &patient.options);
    if let Some(error) = &report.error {
        return Err(Failure::whole(claim_source, "claim", format!("the claim cannot be checked: {error}")));
    }
    let asked = proof::layout(request.layout);
    let right = if claim.any_layout { report.is_right() } else { report.layouts.contains(&asked) };
    let mut sentence = report.sentence.clone();
    if !right && report.is_right() {
        sentence.push_str(&format!(", not in the {} layout", request.layout.name()));
    }
    let diagnoses = if right { Vec::new() } else { tutor::diagnose(Some(&mut work), &patient, &report) };
    Ok(Finding { right, sentence, diagnoses, clash: None, report })
}

/// Numbers in the language.
pub(crate) fn literal(array: &matgrad_check::Array) -> String {
    let number = |x: f64| {
        let text = format!("{x:.4}");
        let text = text.trim_end_matches('0').trim_end_matches('.');
        if text == "-0" { "0".to_owned() } else { text.to_owned() }
    };
    let (rows, columns) = match array.shape() {
        &[m, n] => (m, n),
        _ => (array.data().len(), 1),
    };
    let entry = |i: usize, j: usize| array.data().get(i + rows * j).map_or_else(String::new, |x| number(*x));
    match (rows, columns) {
        (1, 1) => entry(0, 0),
        (_, 1) => format!("[{}]", (0..rows).map(|i| entry(i, 0)).collect::<Vec<_>>().join(", ")),
        (1, _) => format!("[{}]'", (0..columns).map(|j| entry(0, j)).collect::<Vec<_>>().join(", ")),
        _ => {
            let row = |i: usize| (0..columns).map(|j| entry(i, j)).collect::<Vec<_>>().join(", ");
            format!("[{}]", (0..rows).map(row).collect::<Vec<_>>().join("; "))
        }
    }
}

/// The claim among the statements of the whole script.
pub(crate) fn claimed<'a>(full: &'a Script, first: usize, request: &Request) -> Option<Claimed<'a>> {
    let (last, before) = full.statements.split_last()?;
    let (axes, root) = match &last.kind {
        StatementKind::Expression(root) => (None, *root),
        StatementKind::Definition { parameters: Parameters::None, body, .. } => (None, *body),
        StatementKind::Definition { parameters: Parameters::Index(axes), body, .. } => (Some(axes.as_slice()), *body),
        _ => return None,
    };
    Some(Claimed {
        ast: &full.ast,
        definitions: before.get(first..).unwrap_or(&[]),
        axes,
        root,
        layout: proof::layout(request.layout),
        order: request.order,
    })
}

impl Work<'_> {
    /// `dX in R^(m x n)`
    pub(crate) fn step_declaration(&self) -> String {
        let variable = &self.variable;
        format!("d{} in {}", variable.name, self.space(&variable.shape))
    }
}
