//! What a conversation remembers, and what it does with an input.

use std::collections::BTreeSet;

use matgrad::{Convention, Evaluation, Failure, Inputs, Limits, Reply, Request, Text};
use matgrad_syntax::{Parameters, Source, Span, StatementKind};

use super::{Outcome, commands};
use crate::human::Page;
use crate::{Trouble, arrays, numbers, style, within};

/// A statement that stays.
#[derive(Clone, Debug)]
struct Kept {
    /// The names that it declares or defines.
    names: Vec<String>,
    text: String,
}

/// A conversation.
pub struct Session {
    kept: Vec<Kept>,
    /// Assumptions that have been shown.
    assumed: BTreeSet<String>,
    pub page: Page,
    pub deadline: f64,
    pub layout: String,
    pub convention: Convention,
    /// Style and language of derivations, where they are shown.
    pub steps: Option<(String, String)>,
}

impl Session {
    pub fn new(page: Page, deadline: f64) -> Self {
        let (layout, convention) = ("numerator".to_owned(), Convention::Free);
        Self { kept: Vec::new(), assumed: BTreeSet::new(), page, deadline, layout, convention, steps: None }
    }

    /// Carries an input out: a command, or statements of the language.
    pub fn enter(&mut self, input: &str) -> Outcome {
        let input = input.trim();
        if input.is_empty() || input.starts_with('#') {
            return Outcome::Text(String::new());
        }
        if let Some(command) = input.strip_prefix(':') {
            return commands::run(self, command);
        }
        match self.statements(input) {
            Ok(text) => Outcome::Text(text),
            Err(trouble) => trouble.into(),
        }
    }

    /// The statements that stay, one a line.
    pub fn script(&self) -> String {
        script_of(&self.kept)
    }

    /// Names of what stays.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.kept.iter().flat_map(|kept| kept.names.iter().map(String::as_str))
    }

    pub fn forget(&mut self) {
        self.kept.clear();
    }

    /// Forgets what declares or defines a name; says whether there was such.
    pub fn forget_name(&mut self, name: &str) -> bool {
        let before = self.kept.len();
        self.kept.retain(|kept| !kept.names.iter().any(|known| known == name));
        self.kept.len() < before
    }

    /// The text of the conversation so far, with an input behind it.
    fn text(&self, kept: &[Kept], input: &str) -> Text {
        Text::script("session", script_of(kept)).after("input", input)
    }

    /// Carries statements out, one after the other. They are read after what stays: only then `f(x)` is a call.
    fn statements(&mut self, input: &str) -> Result<String, Trouble> {
        let known = matgrad_syntax::parse(&self.script()).script.statements.len();
        let (source, script) = self.text(&self.kept, input).read()?;
        let new = script.statements.get(known..).unwrap_or_default();
        let mut out = String::new();
        for statement in new {
            let line = part(&source, statement.span);
            out.push_str(&self.statement(&line, &statement.kind, new.len() > 1)?);
        }
        Ok(out)
    }

    /// Carries a statement out; one of several says the name of what it defines.
    fn statement(&mut self, line: &str, kind: &StatementKind, named: bool) -> Result<String, Trouble> {
        match kind {
            StatementKind::Query { .. } | StatementKind::Solve { .. } => self.ask(line),
            StatementKind::Expression(_) => {
                let text = self.text(&self.kept, line);
                let found = matgrad::outline(&text)?;
                let facts = self.facts(&found.assumptions, found.value.as_deref().map(|space| ("", space)));
                Ok(facts + &self.number(text).unwrap_or_default())
            }
            kind => {
                let names = defined(kind);
                let new = Kept { names, text: line.to_owned() };
                let mut kept = self.kept.clone();
                // another value of a name takes the place of the first, so that what reads it still follows
                let text = match kept.iter_mut().find(|old| !new.names.is_empty() && old.names == new.names) {
                    Some(old) => {
                        *old = new.clone();
                        Text::script("session", script_of(&kept))
                    }
                    None => {
                        let text = self.text(&kept, line);
                        kept.push(new.clone());
                        text
                    }
                };
                let found = matgrad::outline(&text)?;
                self.kept = kept;
                let value = match kind {
                    StatementKind::Definition { .. } | StatementKind::Implicit { .. } => {
                        let of = |name: &String| found.names.iter().rev().find(|(known, _)| known == name);
                        let shown = |(name, space)| (if named { name } else { "" }, space);
                        new.names.first().and_then(of).map(|(name, space)| shown((name.as_str(), space.as_str())))
                    }
                    _ => None,
                };
                // what a parameter is, calls decide
                let of_parameters =
                    matches!(kind, StatementKind::Definition { parameters, .. } if *parameters != Parameters::None);
                let assumptions = if of_parameters { &[][..] } else { &found.assumptions };
                Ok(self.facts(assumptions, value))
            }
        }
    }

    /// The value of an expression that needs no data.
    fn number(&self, text: Text) -> Option<String> {
        let results = within::deadline(self.deadline, move |deadline| {
            let mut evaluation = Evaluation::new(text);
            evaluation.limits = Limits { deadline, ..Limits::default() };
            Ok(evaluation.plan(&Inputs::new())?.run(&Inputs::new())?)
        });
        let (name, array) = results.ok()?.into_iter().next()?;
        let page = self.page;
        Some(if page.rows { numbers::text(&name, &array, page.width) } else { arrays::text(&name, &array) } + "\n")
    }

    /// Remarks on what was entered; its value has a name, or none, and a space.
    fn facts(&mut self, assumptions: &[String], value: Option<(&str, &str)>) -> String {
        let mut out = String::new();
        let (page, assumed) = (self.page, &mut self.assumed);
        let new = assumptions.iter().filter(|known| assumed.insert((*known).clone()));
        let new: Vec<String> = new.map(|line| matgrad::respell(line, page.options())).collect();
        if let Some((name, space)) = value {
            let spelt = |name: &str| matgrad::respell(&format!("{name} in {space}"), page.options());
            let spelt = if name.is_empty() { spelt("x").trim_start_matches("x ").to_owned() } else { spelt(name) };
            out.push_str(&page.remark(&spelt));
            out.push('\n');
        }
        if !new.is_empty() {
            out.push_str(&self.page.remark(&format!("assumed: {}", new.join("; "))));
            out.push('\n');
        }
        out
    }

    /// Answers a query.
    fn ask(&mut self, line: &str) -> Result<String, Trouble> {
        let mut request = Request::new(self.text(&self.kept, line), "")
            .layout(crate::args::layout(&self.layout))
            .convention(self.convention);
        if let Some((style, language)) = &self.steps {
            request = request.steps(crate::args::style(style), crate::args::language(language));
        }
        let page = self.page;
        let replies: Vec<Reply> = within::deadline(self.deadline, move |deadline| {
            let request = request.limits(Limits { deadline, ..Limits::default() });
            Ok(matgrad::answer_queries(&request)?)
        })?;
        let assumed = |reply: &Reply| match reply {
            Reply::Answer(answer) => answer.assumptions.clone(),
            Reply::Solution(solution) => solution.assumptions.clone(),
            Reply::Curvature(found) => found.assumptions.clone(),
            Reply::Finding(..) => Vec::new(),
        };
        let assumed: Vec<String> = replies.iter().flat_map(assumed).collect();
        let mut out = self.facts(&assumed, None);
        page.answers(&replies, &mut out);
        Ok(out + "\n")
    }

    /// Reads a script into the conversation; its queries are answered.
    pub fn load(&mut self, path: &str) -> Result<String, Trouble> {
        let text = crate::source::read(std::path::Path::new(path))?;
        self.statements(&text)
    }
}

/// Statements, one a line.
fn script_of(kept: &[Kept]) -> String {
    kept.iter().map(|kept| format!("{}\n", kept.text)).collect()
}

/// The text of a statement.
fn part(source: &Source, span: Span) -> String {
    source.text().get(span.start as usize..span.end as usize).unwrap_or("").trim().to_owned()
}

/// The names that a statement declares or defines.
fn defined(kind: &StatementKind) -> Vec<String> {
    match kind {
        StatementKind::Declaration { names, .. } => names.iter().map(|ident| ident.name.to_string()).collect(),
        StatementKind::Abstract { name, .. }
        | StatementKind::Definition { name, .. }
        | StatementKind::Implicit { name, .. } => vec![name.name.to_string()],
        _ => Vec::new(),
    }
}

/// Whether more has to follow: a bracket is open.
pub fn is_open(input: &str) -> bool {
    let mut depth = 0i32;
    for line in input.lines() {
        for c in line.split('#').next().unwrap_or("").chars() {
            match c {
                '(' | '[' | '{' => depth += 1,
                ')' | ']' | '}' => depth -= 1,
                _ => {}
            }
        }
    }
    depth > 0 && !input.trim_start().starts_with(':')
}

impl From<Trouble> for Outcome {
    fn from(trouble: Trouble) -> Self {
        Outcome::Refused(match trouble {
            Trouble::Failure(failure) => Failure::render(&failure, style::color(&std::io::stderr())),
            Trouble::Plain(message) => format!("error: {message}\n"),
        })
    }
}
