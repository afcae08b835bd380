//! The `matgrad` binary: reads the command line, calls the library, shows what comes back.

mod args;
mod arrays;
mod bench;
mod check;
mod code;
mod curvature;
mod diff;
mod eval;
mod human;
mod interrupt;
mod layouts;
mod manual;
mod numbers;
mod progress;
mod repl;
mod serve;
mod source;
mod steps;
mod style;
mod timing;
mod within;

use std::process::ExitCode;

use clap::Parser;
use matgrad::Failure;

use args::{Cli, Command};

/// Exit status where everything is as asked.
const DONE: u8 = 0;
/// Exit status where the claim that was checked is wrong.
const WRONG: u8 = 1;
/// Exit status where the input is wrong.
const REFUSED: u8 = 2;

/// Why a command ends without an answer.
pub enum Trouble {
    /// Something about the text, with its place.
    Failure(Box<Failure>),
    /// Something else, in words.
    Plain(String),
}

impl Trouble {
    fn plain(message: impl Into<String>) -> Self {
        Trouble::Plain(message.into())
    }
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Trouble::Failure(Box::new(failure))
    }
}

/// Writes to standard output. Nobody to read it is no failure of ours: `matgrad … | head` ends quietly.
fn print(text: &str) {
    use std::io::Write;
    let mut stdout = std::io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    interrupt::listen();
    let outcome = match cli.command {
        Command::Diff(args) => diff::run(args),
        Command::Check(args) => check::run(args),
        Command::Curvature(args) => curvature::run(args),
        Command::Layouts(args) => layouts::run(args),
        Command::Eval(args) => eval::run(*args),
        Command::Code(args) => code::run(args),
        Command::Serve(args) => serve::run(args),
        Command::Bench(args) => bench::run(args),
        Command::Completions { shell } => manual::completions(shell),
        Command::Man { dir } => manual::pages(dir.as_deref()),
        Command::Repl(args) => repl::run(args),
    };
    ExitCode::from(match outcome {
        Ok(status) => status,
        Err(trouble) => {
            let color = style::color(&std::io::stderr());
            let text = match trouble {
                Trouble::Failure(failure) => failure.render(color),
                Trouble::Plain(message) => format!("{}: {message}\n", style::paint(color, style::ERROR, "error")),
            };
            use std::io::Write;
            let _ = std::io::stderr().write_all(text.as_bytes());
            REFUSED
        }
    })
}
