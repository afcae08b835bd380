//! `matgrad repl`: a conversation. Declarations and definitions stay, queries are answered at once.

mod commands;
mod editor;
mod session;

use std::io::{BufRead, IsTerminal, Write};

use crate::args::ReplArgs;
use crate::human::Page;
use crate::style::{self, paint};
use crate::{DONE, REFUSED, Trouble, print};
use session::Session;

/// What comes of an input.
pub enum Outcome {
    /// Something to show.
    Text(String),
    /// The input is refused.
    Refused(String),
    /// The conversation ends.
    End,
}

const WELCOME: &str = "matgrad: declarations and definitions stay, queries are answered. :help says more, :quit ends.";

pub fn run(args: ReplArgs) -> Result<u8, Trouble> {
    let page = Page::for_stdout(args.ascii);
    let mut session = Session::new(page, args.deadline);
    let mut status = DONE;
    for file in &args.files {
        match session.enter(&format!(":load {file}")) {
            Outcome::Text(text) => print(&text),
            Outcome::Refused(text) => {
                eprint!("{text}");
                status = REFUSED;
            }
            Outcome::End => return Ok(status),
        }
    }
    let terminal = std::io::stdin().is_terminal() && std::io::stdout().is_terminal();
    if terminal && !style::dumb() {
        if page.unicode && style::speaks_unicode() {
            session.page = page.in_rows();
        }
        println!("{}", paint(page.color, style::DIM, &format!("# {WELCOME}")));
        return editor::converse(session).map(|()| DONE);
    }
    let prompt = |waiting: bool| {
        if terminal {
            print!("{}", if waiting { "  … " } else { "mg> " });
            let _ = std::io::stdout().flush();
        }
    };
    let mut input = String::new();
    prompt(false);
    for line in std::io::stdin().lock().lines() {
        let line = line.map_err(|error| Trouble::plain(format!("standard input cannot be read: {error}")))?;
        input.push_str(&line);
        input.push('\n');
        if session::is_open(&input) {
            prompt(true);
            continue;
        }
        match session.enter(&std::mem::take(&mut input)) {
            Outcome::Text(text) => print(&text),
            Outcome::Refused(text) => {
                eprint!("{text}");
                status = REFUSED;
            }
            Outcome::End => return Ok(status),
        }
        prompt(false);
    }
    if !input.trim().is_empty()
        && let Outcome::Refused(text) = session.enter(&input)
    {
        eprint!("{text}");
        status = REFUSED;
    }
    Ok(status)
}
