//! `matgrad diff`: a derivative and what a reader has to know about it, or the answers to a script's queries.

use matgrad::{Answer, Limits, Reply, Request};

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
            Format::Json => {
                let mut values: Vec<serde_json::Value> = replies.iter().map(json).collect();
                let whole = if queries { values.into() } else { values.swap_remove(0) };
                format!("{whole:#}\n")
            }
            Format::Latex => replies.iter().map(latex).collect(),
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
            Reply::Finding(..) | Reply::Solution(_) => {}
        }
    }
    Ok(status)
}

fn latex(reply: &Reply) -> String {
    match reply {
        Reply::Answer(answer) => {
            let structure = answer.structure.iter().map(|note| format!("% {note}\n")).collect::<String>();
            if answer.steps.is_empty() {
                structure + &answer.latex() + "\n"
            } else {
                structure + &steps::latex(&answer.steps)
            }
        }
        Reply::Solution(solution) => solution.latex() + "\n",
        Reply::Finding(query, finding) => format!("% {query}: {}\n", finding.sentence),
    }
}

fn json(reply: &Reply) -> serde_json::Value {
    match reply {
        Reply::Answer(answer) => answer.json(),
        Reply::Solution(solution) => solution.json(),
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

fn refuted(notes: &[String]) {
    let color = style::color(&std::io::stderr());
    eprintln!("{}: {}", style::paint(color, style::ERROR, "CHECK FAILED"), notes.join("; "));
}
