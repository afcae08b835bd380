//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use matgrad::{Convention, Layout};

/// Derivatives of vector, matrix and tensor functions, written as a textbook would and checked.
#[derive(Debug, Parser)]
#[command(name = "matgrad", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Differentiate an expression or the last definition of a script, and check the answer
    Diff(DiffArgs),
    /// Is a claimed derivative right, in which layout, and if not: where does it first differ?
    Check(CheckArgs),
}

/// The function and its variable.
#[derive(Debug, Args)]
pub struct FunctionArgs {
    /// An expression, a script (FILE.mg), or `-` for standard input
    #[arg(value_name = "EXPR|FILE.mg", allow_hyphen_values = true)]
    pub function: String,
    /// A declaration, such as 'A in R^(m x n) symmetric'; may be repeated
    #[arg(long, value_name = "DECLARATION")]
    pub declare: Vec<String>,
    /// The definition of the script to take, instead of the last
    #[arg(long, value_name = "NAME")]
    pub of: Option<String>,
    /// Give up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub deadline: f64,
}

/// `matgrad diff`
#[derive(Debug, Args)]
pub struct DiffArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variable to differentiate by; without it, the queries of the script are answered
    #[arg(long, value_name = "X")]
    pub wrt: Option<String>,
    /// 1, 2 or 3
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub order: usize,
    /// How the partial derivatives are arranged
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser(), default_value = "numerator")]
    pub layout: String,
    /// What the structure of a variable (symmetric, say) means
    #[arg(long, value_name = "CONVENTION", value_parser = ["free", "constrained"], default_value = "free")]
    pub convention: String,
    /// How the answer is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Plain ASCII on a terminal too
    #[arg(long)]
    pub ascii: bool,
}

/// `matgrad check`
#[derive(Debug, Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variable
    #[arg(long, value_name = "X")]
    pub wrt: String,
    /// The derivative as somebody has it
    #[arg(long, value_name = "CLAIM", allow_hyphen_values = true)]
    pub claim: String,
    /// 1, 2 or 3
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub order: usize,
    /// The layout the claim is meant in; without it, every layout is tried
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser())]
    pub layout: Option<String>,
    /// How the finding is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A script in the language, with remarks
    Text,
    /// JSON
    Json,
    /// LaTeX
    Latex,
}

fn layout_parser() -> clap::builder::PossibleValuesParser {
    Layout::ALL.map(Layout::name).into()
}

/// The layout of a value that clap has let through.
pub fn layout(name: &str) -> Layout {
    Layout::parse(name).unwrap_or(Layout::Numerator)
}

/// The convention of a value that clap has let through.
pub fn convention(name: &str) -> Convention {
    Convention::parse(name).unwrap_or_default()
}
