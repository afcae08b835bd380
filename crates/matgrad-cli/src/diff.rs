//! `matgrad diff`: a derivative and what a reader has to know about it, or the answers to a script's queries.

use matgrad::{Answer, Limits, Reply, Request, Typesetting};

use crate::args::{self, DiffArgs, Format, convention, layout};
use crate::human::Page;
use crate::{DONE, Trouble, WRONG, print, source, steps, style, within};

pub fn run(args: DiffArgs) -> Result<u8, Trouble> {
    let text = source::text(&args.function)?;
    let mut request = Request::new(text, args.wrt.clone().unwrap_or_default())
        .order(args.order)
        .layout(layout(&args.layout))
        .convention(convention(&args.convention));
    request.of = args.function.of.clone();
    request.expand = args.expand;
    if args.steps {
        request = request.steps(args::style(&args.style), args::language(&args.lang));
    }
    let queries = args.wrt.is_none();
    let (page, format) = (Page::for_stdout(args.ascii), args.format);
    let (replies, shown) = within::deadline(args.function.deadline, move |deadline| {
        let request = request.limits(Limits { deadline, ..Limits::default() });
        let replies = if queries {
            matgrad::answer_queries(&request)?
        } else {
            vec![Reply::Answer(Box::new(matgrad::derive(&request)?))]
        };
        let shown = match format {
            Format::Text => page.replies(&replies),
            Format::Pretty => page.in_rows().replies(&replies),
            Format::Json => {
                let mut values: Vec<serde_json::Value> = replies.iter().map(json).collect();
                let whole = if queries { values.into() } else { values.swap_remove(0) };
                format!("{whole:#}\n")
            }
            Format::Latex => replies.iter().map(|reply| typeset(reply, Typesetting::Latex)).collect(),
            Format::Mathml => replies.iter().map(|reply| typeset(reply, Typesetting::Mathml)).collect(),
            Format::Typst => replies.iter().map(|reply| typeset(reply, Typesetting::Typst)).collect(),
        };
        Ok((replies, shown))
    })?;
    print(&shown);
    let mut status = DONE;
    for reply in &replies {
        match reply {
            Reply::Answer(answer) => warn(answer),
            Reply::Finding(_, finding) if !finding.right => status = WRONG,
            Reply::Solution(solution) if solution.is_refuted() => refuted(&solution.notes),
            Reply::Curvature(found) if found.contradicted => refuted(&found.notes),
            Reply::Finding(..) | Reply::Solution(_) | Reply::Curvature(_) => {}
        }
    }
    Ok(status)
}

fn typeset(reply: &Reply, language: Typesetting) -> String {
    match reply {
        Reply::Answer(answer) => {
            let structure = answer.structure.iter().map(|note| remark(note, language)).collect::<String>();
            if language == Typesetting::Latex && !answer.steps.is_empty() {
                structure + &steps::latex(&answer.steps)
            } else {
                structure + &answer.markup().write(language) + "\n"
            }
        }
        Reply::Solution(solution) => solution.markup().write(language) + "\n",
        Reply::Curvature(found) => crate::curvature::typeset(found, language),
        Reply::Finding(query, finding) => remark(&format!("{query}: {}", finding.sentence), language),
    }
}

/// A comment on a line of its own.
pub fn remark(text: &str, language: Typesetting) -> String {
    match language {
        Typesetting::Latex => format!("% {text}\n"),
        Typesetting::Mathml => format!("<!-- {} -->\n", text.replace("--", "- -")),
        Typesetting::Typst => format!("// {text}\n"),
    }
}

fn json(reply: &Reply) -> serde_json::Value {
    match reply {
        Reply::Answer(answer) => answer.json(),
        Reply::Solution(solution) => solution.json(),
        Reply::Curvature(found) => found.json(),
        Reply::Finding(query, finding) => {
            let mut out = serde_json::Map::new();
            out.insert("query".into(), query.as_str().into());
            if let serde_json::Value::Object(rest) = finding.json() {
                out.extend(rest);
            }
            out.into()
        }
    }
}

/// Says loudly that an answer is wrong.
fn warn(answer: &Answer) {
    if answer.is_refuted() {
        refuted(&answer.notes);
    }
}

pub fn refuted(notes: &[String]) {
    let color = style::color(&std::io::stderr());
    eprintln!("{}: {}", style::paint(color, style::ERROR, "CHECK FAILED"), notes.join("; "));
}
