//! `matgrad curvature`: convex, concave, or neither?

use std::fmt::Write;

use matgrad::{Curvature, CurvatureKind, Limits, Reply, Request, Typesetting};

use crate::args::{CurvatureArgs, Format};
use crate::human::Page;
use crate::style::{self, paint};
use crate::{DONE, Trouble, diff, print, source, within};

pub fn run(args: CurvatureArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, args.wrt.clone());
    request.of = args.function.of.clone();
    let (page, format) = (Page::for_stdout(args.ascii), args.format);
    let (shown, defect) = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        let found = matgrad::curvature(&request)?;
        let defect = found.contradicted.then(|| found.notes.clone());
        let shown = match format {
            Format::Json => format!("{:#}\n", found.json()),
            Format::Latex => typeset(&found, Typesetting::Latex),
            Format::Mathml => typeset(&found, Typesetting::Mathml),
            Format::Typst => typeset(&found, Typesetting::Typst),
            Format::Text => page.replies(&[Reply::Curvature(Box::new(found))]),
            Format::Pretty => page.in_rows().replies(&[Reply::Curvature(Box::new(found))]),
        };
        Ok((shown, defect))
    })?;
    print(&shown);
    if let Some(notes) = defect {
        diff::refuted(&notes);
    }
    Ok(DONE)
}

/// The proof as mathematics, with the reasons as comments.
pub fn typeset(found: &Curvature, language: Typesetting) -> String {
    let mut out = diff::remark(&format!("{} in {}", found.kind.name(), found.wrt.join(", ")), language);
    if let Some(hessian) = &found.hessian {
        let name = if found.kind == CurvatureKind::Concave { "the negative of the Hessian" } else { "the Hessian" };
        out += &diff::remark(name, language);
        let _ = writeln!(out, "{}", hessian.markup().write(language));
    }
    for line in &found.proof {
        let what = line.curvature.map(|c| format!("{c}: ")).unwrap_or_default();
        out += &diff::remark(&format!("{what}{}", line.why), language);
        let _ = writeln!(out, "{}", line.formula.markup().write(language));
    }
    out
}

impl Page {
    /// What is known of the curvature of a function.
    pub fn curvature(self, found: &Curvature, out: &mut String) {
        let query = match &found.query {
            Some(query) => query.clone(),
            None => format!("curvature {} wrt {}", found.expression, found.wrt.join(", ")),
        };
        let _ = writeln!(out, "{}", self.statement(&query));
        let style = if found.kind == CurvatureKind::Unknown { style::WARNING } else { style::GOOD };
        let together = if found.wrt.len() > 1 { " together" } else { "" };
        let names: Vec<String> = found.wrt.iter().map(|name| matgrad::respell(name, self.options())).collect();
        let verdict = match found.kind {
            CurvatureKind::Neither => "neither convex nor concave",
            CurvatureKind::Unknown => "unknown: no proof was found",
            kind => kind.name(),
        };
        let _ =
            writeln!(out, "{}", paint(self.color, style, &format!("# {verdict} in {}{together}", names.join(", "))));
        if !found.domain.is_empty() {
            let _ = writeln!(out, "{}", self.remark(&format!("defined where {}", found.domain.join("; "))));
        }
        let concave = found.kind == CurvatureKind::Concave;
        if let Some(hessian) = &found.hessian {
            let name = if concave { "minus_hessian" } else { "hessian" };
            let _ = writeln!(out);
            self.formulas(&[(name.to_owned(), hessian, String::new())], out);
            let what = if found.proof.len() == 1 { "it is" } else { "the sum of" };
            let _ = writeln!(out, "{}", self.remark(what));
        } else if !found.proof.is_empty() {
            let _ = writeln!(out);
        }
        let width = |text: &str| text.chars().count();
        let lines: Vec<(String, String)> = found
            .proof
            .iter()
            .map(|line| {
                let said = line.curvature.filter(|c| !line.why.starts_with(c));
                let what = said.map(|c| format!("{c}: ")).unwrap_or_default();
                (line.formula.text(self.options()), format!("{what}{}", line.why))
            })
            .collect();
        let margin = lines.iter().map(|(text, _)| width(text)).max().unwrap_or(0).min(60);
        for (text, why) in &lines {
            let gap = " ".repeat(margin.saturating_sub(width(text)));
            let _ = writeln!(out, "{}", self.remark(&format!("  {text}{gap}   {why}")));
        }
        for refutation in &found.refutations {
            let pairs = |list: &[(String, String)], step: &str| -> String {
                let part = |(name, value): &(String, String)| {
                    let name = matgrad::respell(&format!("{step}{name}"), self.options());
                    format!("{name} = {value}")
                };
                list.iter().map(part).collect::<Vec<_>>().join("; ")
            };
            let (point, direction) = (pairs(&refutation.point, ""), pairs(&refutation.direction, "d"));
            let bound = if refutation.of == "convex" { "< 0" } else { "> 0" };
            let what = if refutation.chord {
                "the middle of the chord from the point less the step to the point plus the step is above the function by"
            } else {
                "the second derivative along the step is"
            };
            let _ = writeln!(out);
            let _ = writeln!(out, "{}", self.remark(&format!("not {}: at {point}", refutation.of)));
            let _ = writeln!(out, "{}", self.remark(&format!("  along {direction}")));
            let _ = writeln!(out, "{}", self.remark(&format!("  {what} {:.6} {bound}", refutation.value)));
        }
        for note in &found.notes {
            let _ = writeln!(out, "{}", self.remark(note));
        }
        if found.contradicted {
            let _ = writeln!(out, "{}", paint(self.color, style::ERROR, "# THE CHECK FAILED"));
        } else if found.lines > 0 && !matches!(found.kind, CurvatureKind::Neither | CurvatureKind::Unknown) {
            let text = format!("# checked along {} random lines", found.lines);
            let _ = writeln!(out, "{}", paint(self.color, style::GOOD, &text));
        }
    }
}
