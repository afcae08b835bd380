//! What starts with a colon.

use std::fmt::Write;

use matgrad::Convention;
use matgrad_syntax::functions::FUNCTIONS;
use matgrad_syntax::suggest;

use super::Outcome;
use super::session::Session;
use crate::Trouble;
use crate::style::{self, paint};

/// The commands: name, argument, meaning.
pub const COMMANDS: &[(&str, &str, &str)] = &[
    ("help", "[NAME]", "this list, or what a function is"),
    ("names", "", "the names of the conversation and their shapes"),
    ("layout", "[LAYOUT]", "how partial derivatives are arranged"),
    ("convention", "[free|constrained]", "what the structure of a variable means"),
    ("steps", "[on|off|chain|differential|en|zh]", "show derivations"),
    ("rows", "[on|off]", "fractions, matrices and sums in rows, or formulas as they are typed"),
    ("list", "", "the statements that stay"),
    ("forget", "[NAME]", "forget a name, or all"),
    ("load", "FILE.mg", "read a script; its queries are answered"),
    ("save", "FILE.mg", "write the statements that stay"),
    ("quit", "", "end"),
];

pub fn run(session: &mut Session, command: &str) -> Outcome {
    let (name, argument) = command.split_once(char::is_whitespace).unwrap_or((command, ""));
    let argument = argument.trim();
    let said = |text: String| Outcome::Text(text);
    match (name, argument) {
        ("help" | "h" | "?", "") => said(overview(session)),
        ("help" | "h" | "?", name) => function(session, name),
        ("names", _) => match matgrad::outline(&matgrad::Text::script("session", session.script())) {
            Ok(outline) => said(outline.names.iter().fold(String::new(), |mut out, (name, space)| {
                let _ = writeln!(out, "{name} in {space}");
                out
            })),
            Err(failure) => Trouble::from(failure).into(),
        },
        ("layout", "") => said(format!("{}\n", session.layout)),
        ("layout", name) => match crate::args::layout_names().find(|known| *known == name) {
            Some(known) => {
                session.layout = known.to_owned();
                said(String::new())
            }
            None => unknown("layout", name, crate::args::layout_names()),
        },
        ("convention", "free") => set(&mut session.convention, Convention::Free),
        ("convention", "constrained") => set(&mut session.convention, Convention::Constrained),
        ("convention", "") => said(format!("{:?}\n", session.convention).to_lowercase()),
        ("convention", other) => unknown("convention", other, ["free", "constrained"].into_iter()),
        ("steps", choice) => steps(session, choice),
        ("rows", "") => said(format!("{}\n", if session.page.rows { "on" } else { "off" })),
        ("rows", "on") => {
            session.page = session.page.in_rows();
            said(String::new())
        }
        ("rows", "off") => set(&mut session.page.rows, false),
        ("rows", other) => unknown("choice", other, ["on", "off"].into_iter()),
        ("list", _) => said(session.script()),
        ("forget", "") => {
            session.forget();
            said(String::new())
        }
        ("forget", name) if session.forget_name(name) => said(String::new()),
        ("forget", name) => {
            let names: Vec<String> = session.names().map(str::to_owned).collect();
            unknown("name", name, names.iter().map(String::as_str))
        }
        ("load", "") | ("save", "") => Outcome::Refused(format!("error: `:{name}` wants a file\n")),
        ("load", path) => match session.load(path) {
            Ok(text) => said(text),
            Err(trouble) => trouble.into(),
        },
        ("save", path) => match matgrad::data::write_whole(path, session.script().as_bytes()) {
            Ok(()) => said(String::new()),
            Err(error) => Outcome::Refused(format!("error: `{path}` cannot be written: {error}\n")),
        },
        ("quit" | "q" | "exit", _) => Outcome::End,
        _ => unknown("command", name, COMMANDS.iter().map(|(name, ..)| *name)),
    }
}

fn set<T>(place: &mut T, value: T) -> Outcome {
    *place = value;
    Outcome::Text(String::new())
}

fn unknown<'a>(what: &str, name: &str, known: impl Iterator<Item = &'a str>) -> Outcome {
    let known: Vec<&str> = known.collect();
    let meant = suggest::nearest(name, known.iter().copied());
    let help = match meant {
        Some(meant) => format!("did you mean `{meant}`?"),
        None => format!("there are: {}", known.join(", ")),
    };
    Outcome::Refused(format!("error: there is no {what} `{name}`\n  = help: {help}\n"))
}

fn steps(session: &mut Session, choice: &str) -> Outcome {
    let (style, language) = session.steps.clone().unwrap_or(("chain".into(), "en".into()));
    session.steps = match choice {
        "" if session.steps.is_some() => None,
        "" | "on" => Some((style, language)),
        "off" => None,
        "chain" | "differential" => Some((choice.into(), language)),
        "en" | "zh" => Some((style, choice.into())),
        other => return unknown("way of steps", other, ["on", "off", "chain", "differential", "en", "zh"].into_iter()),
    };
    Outcome::Text(String::new())
}

fn overview(session: &Session) -> String {
    let color = session.page.color;
    let mut out = String::from("Type statements of the language:\n\n");
    for (example, meaning) in [
        ("A in R^(m x n)", "a declaration; names that nobody declared are read by convention"),
        ("L = norm(y - A*x)^2", "a definition; it stays, and another one takes its place"),
        ("diff L wrt x", "a query: diff, grad, jacobian, hessian, check, solve, curvature …"),
        ("norm(A*x)", "an expression; its shape is shown"),
    ] {
        let _ = writeln!(out, "  {}  {meaning}", paint(color, style::STRONG, &format!("{example:<20}")));
    }
    out.push_str("\nor a command:\n\n");
    for (name, argument, meaning) in COMMANDS {
        let usage = format!(":{name} {argument}");
        let _ = writeln!(out, "  {}  {meaning}", paint(color, style::STRONG, &format!("{usage:<42}")));
    }
    out
}

/// What a function of the language is, with its derivative.
fn function(session: &Session, name: &str) -> Outcome {
    if let Some((name, argument, meaning)) = COMMANDS.iter().find(|(known, ..)| *known == name.trim_start_matches(':'))
    {
        return Outcome::Text(format!(":{name} {argument}: {meaning}\n"));
    }
    let Some(found) = FUNCTIONS.iter().find(|function| function.name == name) else {
        return unknown("function", name, FUNCTIONS.iter().map(|function| function.name));
    };
    let facts = match matgrad::function_facts(found.name) {
        Some(Ok(facts)) => facts,
        Some(Err(failure)) => return Trouble::from(failure).into(),
        None => return unknown("function", name, matgrad::function_names()),
    };
    let (color, options) = (session.page.color, session.page.options());
    let mut out = format!("{}: {} ({})\n", paint(color, style::STRONG, found.name), found.meaning, facts.arguments());
    let mut line = |text: &str| {
        let _ = writeln!(out, "  {text}");
    };
    line(&session.page.remark(&session.page.statement(facts.sample.declared)));
    // a space is respelled as part of a declaration
    let space = session.page.statement(&format!("v in {}", facts.space));
    let (value, space) = (session.page.statement(facts.sample.expression), space.trim_start_matches("v "));
    line(&format!("{value} {space}"));
    if let Some(answer) = &facts.differential {
        let (before, (left, right)) = answer.derivative.statements("differential", options);
        before.iter().for_each(|part| line(part));
        line(&format!("{left} = {right}"));
    }
    if !facts.domain.is_empty() {
        line(&session.page.remark(&format!("holds where {}", facts.domain.join("; "))));
    }
    // sums and products are nothing to look up
    if let Some(rule) = facts.rules.iter().find(|rule| !matches!(rule.name, "product" | "sum" | "constant")) {
        line(&session.page.remark(&format!("{}: {} ({})", rule.name, rule.statement, rule.source)));
    }
    Outcome::Text(out)
}
