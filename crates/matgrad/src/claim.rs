//! Is a derivative that somebody claims right?

use matgrad_check::{Answer as Claimed, ClaimReport, Options, check_claim};
use matgrad_syntax::{Parameters, Script, StatementKind};
use serde_json::{Value, json};

use crate::proof;
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
    /// The finding in detail.
    pub report: ClaimReport,
}

impl Finding {
    /// The finding as JSON.
    pub fn json(&self) -> Value {
        let layouts: Vec<&str> = self.report.layouts.iter().map(|layout| layout.name()).collect();
        let mut out = json!({
            "right": self.right,
            "layouts": layouts,
            "sentence": self.sentence,
            "points": self.report.points,
            "max_relative_error": self.report.max_relative_error,
        });
        if let (Some(mismatch), Value::Object(out)) = (&self.report.mismatch, &mut out) {
            out.insert(
                "mismatch".into(),
                json!({"index": mismatch.index, "claim": mismatch.got, "truth": mismatch.want}),
            );
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
    let (source, script) = request.text.read()?;
    let work = Work::new(&source, &script, request)?;
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
    work.accepts(&claim_source, &full)?;

    let problem = proof::problem(&script, work.function.target, &work.variable.name, &work.analysis);
    let options = Options { convention: proof::convention(request.convention), ..Options::default() };
    let report = check_claim(&problem, &claimed, &options);
    if let Some(error) = &report.error {
        return Err(Failure::whole(claim_source, "claim", format!("the claim cannot be checked: {error}")));
    }
    let asked = proof::layout(request.layout);
    let right = if claim.any_layout { report.is_right() } else { report.layouts.contains(&asked) };
    let mut sentence = report.sentence.clone();
    if !right && report.is_right() {
        sentence.push_str(&format!(", not in the {} layout", request.layout.name()));
    }
    Ok(Finding { right, sentence, report })
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
