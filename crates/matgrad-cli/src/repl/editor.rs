//! The line editor: history, completion, colours and underlined errors while typing.

use std::borrow::Cow;
use std::path::PathBuf;

use matgrad_syntax::functions::FUNCTIONS;
use rustyline::completion::{Completer, Pair};
use rustyline::error::ReadlineError;
use rustyline::highlight::{CmdKind, Highlighter};
use rustyline::hint::Hinter;
use rustyline::history::DefaultHistory;
use rustyline::validate::{ValidationContext, ValidationResult, Validator};
use rustyline::{CompletionType, Config, Context, Editor};

use super::Outcome;
use super::commands::COMMANDS;
use super::session::{Session, is_open};
use crate::style::{self, paint};
use crate::{Trouble, print};

/// Words that start statements or stand in them.
const WORDS: &[&str] = &[
    "diff",
    "grad",
    "jacobian",
    "hessian",
    "differential",
    "directional",
    "jacdet",
    "linearize",
    "check",
    "curvature",
    "taylor",
    "pushforward",
    "div",
    "curl",
    "laplacian",
    "solve",
    "define",
    "assume",
    "argmin",
    "wrt",
    "along",
    "at",
    "order",
    "is",
    "in",
    "by",
    "for",
];

/// Reads inputs until the end of the conversation.
pub fn converse(mut session: Session) -> Result<(), Trouble> {
    let trouble = |error: ReadlineError| Trouble::plain(format!("the terminal cannot be used: {error}"));
    let config = Config::builder().completion_type(CompletionType::List).auto_add_history(true).build();
    let mut editor: Editor<Helper, DefaultHistory> = Editor::with_config(config).map_err(trouble)?;
    editor.set_helper(Some(Helper { color: session.page.color, names: Vec::new() }));
    let history = history_file();
    if let Some(path) = &history {
        let _ = editor.load_history(path);
    }
    crate::interrupt::stay();
    let prompt = paint(session.page.color, style::GOOD, "mg> ");
    loop {
        if let Some(helper) = editor.helper_mut() {
            helper.names = session.names().map(str::to_owned).collect();
        }
        match editor.readline(&prompt) {
            Ok(input) => match session.enter(&input) {
                Outcome::Text(text) => print(&text),
                Outcome::Refused(text) => eprint!("{text}"),
                Outcome::End => break,
            },
            // the line is given up, the conversation goes on
            Err(ReadlineError::Interrupted) => {}
            Err(ReadlineError::Eof) => break,
            Err(error) => return Err(trouble(error)),
        }
    }
    if let Some(path) = &history {
        if let Some(folder) = path.parent() {
            let _ = std::fs::create_dir_all(folder);
        }
        // another name first: an end in the middle leaves the history as it was
        let part = path.with_extension("part");
        if editor.save_history(&part).is_ok() {
            let _ = std::fs::rename(&part, path);
        }
    }
    Ok(())
}

/// Where former inputs are kept.
fn history_file() -> Option<PathBuf> {
    let state = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
    let home = || std::env::var_os("HOME").map(|home| PathBuf::from(home).join(".local/state"));
    Some(state.or_else(home)?.join("matgrad/history"))
}

struct Helper {
    color: bool,
    names: Vec<String>,
}

impl rustyline::Helper for Helper {}

/// Where the word under the cursor starts.
fn word_start(line: &str, at: usize) -> usize {
    let inside = |c: char| c.is_alphanumeric() || matches!(c, '_' | '\\' | ':');
    line[..at].char_indices().rev().take_while(|(_, c)| inside(*c)).last().map_or(at, |(k, _)| k)
}

impl Completer for Helper {
    type Candidate = Pair;

    fn complete(&self, line: &str, at: usize, _: &Context<'_>) -> rustyline::Result<(usize, Vec<Pair>)> {
        let start = word_start(line, at);
        let word = &line[start..at];
        let pair = |text: String| Pair { display: text.clone(), replacement: text };
        if let Some(command) = word.strip_prefix(':') {
            let fits = COMMANDS.iter().filter(|(name, ..)| name.starts_with(command));
            return Ok((start, fits.map(|(name, ..)| pair(format!(":{name}"))).collect()));
        }
        if word.is_empty() {
            return Ok((start, Vec::new()));
        }
        let mut known: Vec<&str> = self.names.iter().map(String::as_str).collect();
        if line.starts_with(":layout") {
            known = crate::args::layout_names().collect();
        } else if !line.starts_with(':') {
            known.extend(WORDS);
        }
        known.extend(FUNCTIONS.iter().map(|function| function.name).filter(|_| !line.starts_with(":layout")));
        known.retain(|name| name.starts_with(word) && *name != word);
        known.dedup();
        Ok((start, known.into_iter().map(|name| pair(name.to_owned())).collect()))
    }
}

impl Hinter for Helper {
    type Hint = String;

    /// What the function is whose arguments are being typed.
    fn hint(&self, line: &str, at: usize, _: &Context<'_>) -> Option<String> {
        let name = line[..at].strip_suffix('(').filter(|_| at == line.len())?;
        let name = &name[word_start(name, name.len())..];
        let function = FUNCTIONS.iter().find(|function| function.name == name)?;
        Some(format!("   {}", function.meaning))
    }
}

impl Highlighter for Helper {
    fn highlight<'l>(&self, line: &'l str, _: usize) -> Cow<'l, str> {
        if !self.color || line.starts_with(':') {
            return Cow::Borrowed(line);
        }
        Cow::Owned(coloured(line))
    }

    fn highlight_hint<'h>(&self, hint: &'h str) -> Cow<'h, str> {
        Cow::Owned(paint(self.color, style::DIM, hint))
    }

    fn highlight_char(&self, _: &str, _: usize, _: CmdKind) -> bool {
        self.color
    }
}

impl Validator for Helper {
    fn validate(&self, context: &mut ValidationContext<'_>) -> rustyline::Result<ValidationResult> {
        Ok(if is_open(context.input()) { ValidationResult::Incomplete } else { ValidationResult::Valid(None) })
    }
}

/// The line in colours; what is not in the language is underlined, as long as it is not merely unfinished.
fn coloured(line: &str) -> String {
    let mut wrong = vec![false; line.len() + 1];
    if !is_open(line) {
        for diagnostic in matgrad_syntax::parse(line).diagnostics {
            let (start, end) = (diagnostic.span.start as usize, diagnostic.span.end as usize);
            if start >= line.trim_end().len() {
                continue; // the end is missing
            }
            wrong.iter_mut().take(end.max(start + 1)).skip(start).for_each(|place| *place = true);
        }
    }
    let mut out = String::with_capacity(2 * line.len());
    let mut rest = line;
    while let Some(c) = rest.chars().next() {
        let inside = |d: &char| match c {
            c if c.is_alphabetic() || c == '_' => d.is_alphanumeric() || *d == '_',
            c if c.is_ascii_digit() => d.is_ascii_digit() || *d == '.',
            '#' => true,
            _ => false,
        };
        let length = rest.chars().take_while(inside).map(char::len_utf8).sum::<usize>().max(c.len_utf8());
        let (word, tail) = rest.split_at(length);
        let at = line.len() - rest.len();
        let colour = match c {
            '#' => style::DIM,
            c if c.is_ascii_digit() => "36",
            _ if WORDS.contains(&word) => "35",
            _ if FUNCTIONS.iter().any(|function| function.name == word) => "34",
            _ => "",
        };
        let underline = wrong.get(at..at + length).is_some_and(|places| places.contains(&true));
        let codes = match (colour, underline) {
            ("", true) => "4;31".to_owned(),
            (colour, true) => format!("{colour};4;31"),
            (colour, false) => colour.to_owned(),
        };
        out.push_str(&if codes.is_empty() { word.to_owned() } else { paint(true, &codes, word) });
        rest = tail;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_errors_are_marked() {
        assert_eq!(coloured("x"), "x");
        assert_eq!(coloured("tr(X)"), "\x1b[34mtr\x1b[0m(X)");
        assert!(coloured("x ) y").contains("\x1b[4;31m)"));
        // unfinished, not wrong
        assert!(!coloured("norm(A*").contains("\x1b[4"));
        assert_eq!(word_start("diff nor", 8), 5);
        assert_eq!(word_start(":he", 3), 0);
    }
}
