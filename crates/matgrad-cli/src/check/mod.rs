//! `matgrad check`: is a derivative that somebody claims right, a list of steps, or all that files claim?

mod files;

use std::fmt::Write;

use matgrad::{CheckedSteps, Claim, Finding, Limits, Request};

use crate::args::{CheckArgs, Format, convention, layout};
use crate::progress::Progress;
use crate::{DONE, Trouble, WRONG, print, source, style, within};

pub fn run(args: CheckArgs) -> Result<u8, Trouble> {
    let (wrt, claimed) = match (&args.wrt, &args.claim) {
        (Some(wrt), Some(claim)) => (wrt.clone(), claim.clone()),
        (None, None) => return given(args),
        (Some(_), None) => return Err(Trouble::plain("a claim is needed: --claim 'a*b''")),
        (None, Some(_)) => return Err(Trouble::plain("a variable is needed: --wrt X")),
    };
    if let Some(other) = args.more.first() {
        return Err(Trouble::plain(format!("a claim is about one function, so `{other}` is too much")));
    }
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, wrt).order(args.order).convention(convention(&args.convention));
    request.of = args.function.of.clone();
    if let Some(name) = &args.layout {
        request = request.layout(layout(name));
    }
    let claim = Claim { text: claimed, any_layout: args.layout.is_none() };
    let finding = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        Ok(matgrad::check(&request, &claim)?)
    })?;
    if let Some(clash) = finding.clash {
        return Err(clash.into());
    }
    match args.format {
        Format::Json => print(&format!("{:#}\n", finding.json())),
        _ => print(&told(&finding)),
    }
    Ok(if finding.right { DONE } else { WRONG })
}

/// A finding with what is wrong and where.
pub fn told(finding: &Finding) -> String {
    let color = style::color(&std::io::stdout());
    let mut out = String::new();
    if finding.right {
        let _ = writeln!(out, "{}: {}", style::paint(color, style::GOOD, "right"), finding.sentence);
        return out;
    }
    let _ = writeln!(out, "{}: {}", style::paint(color, style::ERROR, "wrong"), finding.sentence);
    for diagnosis in finding.diagnoses.iter().filter(|d| !finding.sentence.contains(&d.said)) {
        let _ = writeln!(out, "  {}", diagnosis.said);
    }
    if let Some(place) = counterexample(finding) {
        let _ = writeln!(out, "{}", style::paint(color, style::DIM, &format!("  {place}")));
    }
    out
}

/// Where a claim differs, with the numbers of that point.
fn counterexample(finding: &Finding) -> Option<String> {
    let mismatch = finding.report.mismatch.as_ref().filter(|mismatch| mismatch.got.is_finite())?;
    let values: Vec<String> = finding.point().into_iter().map(|(name, value)| format!("{name} = {value}")).collect();
    if values.is_empty() {
        return None;
    }
    Some(format!("at {}: {}", values.join("; "), mismatch.message))
}

/// Without a claim: the steps of a script, or whatever files claim.
fn given(args: CheckArgs) -> Result<u8, Trouble> {
    let first = &args.function.function;
    if !args.more.is_empty() || first.ends_with(".jsonl") {
        return files::run(&args);
    }
    let (origin, text) = source::raw(&args.function)?;
    if matgrad::has_steps(&text) {
        return steps(&args, &origin, &text);
    }
    if files::is_file(first) {
        return files::run(&args);
    }
    Err(Trouble::plain("a claim is needed: --wrt X --claim 'a*b'', or a script with lines that start with `=`"))
}

fn steps(args: &CheckArgs, origin: &str, text: &str) -> Result<u8, Trouble> {
    let claimed = matgrad::claimed_steps(origin, text)?;
    let progress = Progress::new(claimed.len());
    let start = std::time::Instant::now();
    let mut found = CheckedSteps { steps: Vec::new() };
    for step in claimed {
        progress.begin(&format!("line {}", step.line()));
        let left = (args.function.deadline - start.elapsed().as_secs_f64()).max(0.0);
        found.steps.push(within::quietly(left, move |_| Ok(step.check()?))?);
        progress.done();
    }
    drop(progress);
    match args.format {
        Format::Json => print(&format!("{:#}\n", found.json())),
        _ => print(&listed(&found)),
    }
    Ok(if found.first_wrong().is_none() { DONE } else { WRONG })
}

/// Every step with its finding, up to the first that is wrong.
fn listed(found: &CheckedSteps) -> String {
    let mut out = String::new();
    let mut anchor = "";
    for step in &found.steps {
        if step.anchor != anchor {
            anchor = &step.anchor;
            let _ = writeln!(out, "{anchor}");
        }
        let _ = write!(out, "line {}: = {}\n  {}", step.line, step.text, told(&step.finding).replace("\n  ", "\n    "));
        if !step.finding.right {
            break;
        }
    }
    let rest = found.steps.iter().position(|step| !step.finding.right).map(|at| found.steps.len() - at - 1);
    match rest {
        None => {
            let _ = writeln!(out, "all {} steps are right", found.steps.len());
        }
        Some(0) => {}
        Some(more) => {
            let _ = writeln!(out, "({more} more after the first wrong one)");
        }
    }
    out
}
