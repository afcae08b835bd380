//! The command line.

use clap::{Args, Parser, Subcommand, ValueEnum};
use matgrad::{Convention, Engine, Language, Layout, Precision, Style, Target};

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
    #[command(after_help = "Examples:\n\
        \x20 matgrad diff 'norm(y - Phi*theta)^2' --wrt theta --steps\n\
        \x20 matgrad diff \"x'*A*x\" --wrt x --declare 'A in R^(n x n) symmetric' --order 2\n\
        \x20 matgrad diff examples/least-squares.mg --format latex")]
    Diff(DiffArgs),
    /// Is a claimed derivative right, in which layout, and if not: where does it first differ?
    #[command(after_help = "Examples:\n\
        \x20 matgrad check \"a'*X*b\" --wrt X --claim \"a*b'\"\n\
        \x20 matgrad check examples/checked-steps.mg\n\
        \x20 matgrad check examples/curves.mg examples/directions.mg")]
    Check(CheckArgs),
    /// Is a scalar function convex or concave? With a proof, or with points that refute both
    #[command(after_help = "Examples:\n\
        \x20 matgrad curvature 'logsumexp(A*x)' --wrt x")]
    Curvature(CurvatureArgs),
    /// Show the same partial derivatives in every layout: shapes, how one becomes another, who prints which
    #[command(after_help = "Examples:\n\
        \x20 matgrad layouts \"a'*X*b\" --wrt X\n\
        \x20 matgrad layouts 'A*x' --wrt x --format svg > layouts.svg")]
    Layouts(LayoutsArgs),
    /// Compute values and derivatives on data
    #[command(after_help = "Examples:\n\
        \x20 matgrad eval \"x'*A*x\" --wrt x --order 0..2 --data in.npz --out out.npz\n\
        \x20 matgrad eval 'sum(log(1 + exp(-y .* (X*w))))' --wrt w --data in.npz --plan")]
    Eval(Box<EvalArgs>),
    /// Write a function and its derivatives as a program in another language
    #[command(after_help = "Examples:\n\
        \x20 matgrad code 'norm(y - Phi*theta)^2' --wrt theta --target numpy --order 2")]
    Code(CodeArgs),
    /// Open the page: formulas in, derivatives out as you type, on this machine alone
    #[command(after_help = "Example: matgrad serve, then open http://127.0.0.1:7373 in a browser.\n\
        The page needs no network; the server answers to this machine only. Ctrl-C ends it.")]
    Serve(ServeArgs),
    /// Talk: declarations and definitions stay, queries are answered at once
    #[command(after_help = "Examples:\n\
        \x20 matgrad repl examples/least-squares.mg\n\
        \x20 echo 'grad norm(x)^2 wrt x' | matgrad repl")]
    Repl(ReplArgs),
    /// Time compiled functions on random data: those that come with the program, or one of your own
    Bench(BenchArgs),
    /// Write what a shell needs to complete this command
    #[command(after_help = "Example: matgrad completions bash > ~/.local/share/bash-completion/completions/matgrad")]
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Write the manual page, or with a folder one for each command
    #[command(after_help = "Example: matgrad man > matgrad.1 && man ./matgrad.1")]
    Man {
        /// Write a page for each command into this folder
        #[arg(long, value_name = "FOLDER")]
        dir: Option<std::path::PathBuf>,
    },
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
    /// Show the derivation too, every line of it checked
    #[arg(long)]
    pub steps: bool,
    /// The derivation by the chain rule with the shape of every factor, or by differentials
    #[arg(long, value_name = "STYLE", value_parser = style_parser(), default_value = "chain")]
    pub style: String,
    /// The language of the words in a derivation
    #[arg(long, value_name = "LANG", value_parser = language_parser(), default_value = "en")]
    pub lang: String,
    /// Put definitions of the script in where the answer could have their names
    #[arg(long)]
    pub expand: bool,
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
    /// More files to check: scripts with their steps, claims and queries, corpora (.jsonl) with their cases
    #[arg(value_name = "FILE")]
    pub more: Vec<String>,
    /// The variable; without it and a claim, the steps of a script (lines that start with `=`) are checked, or its queries
    #[arg(long, value_name = "X")]
    pub wrt: Option<String>,
    /// The derivative as somebody has it
    #[arg(long, value_name = "CLAIM", allow_hyphen_values = true)]
    pub claim: Option<String>,
    /// 1, 2 or 3
    #[arg(long, value_name = "K", default_value_t = 1)]
    pub order: usize,
    /// The layout the claim is meant in; without it, every layout is tried
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser())]
    pub layout: Option<String>,
    /// What the structure of a variable (symmetric, say) means
    #[arg(long, value_name = "CONVENTION", value_parser = ["free", "constrained"], default_value = "free")]
    pub convention: String,
    /// How the finding is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
}

/// `matgrad repl`
#[derive(Debug, Args)]
pub struct ReplArgs {
    /// Scripts to begin with
    #[arg(value_name = "FILE.mg")]
    pub files: Vec<String>,
    /// Give an answer up after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub deadline: f64,
    /// Plain ASCII on a terminal too
    #[arg(long)]
    pub ascii: bool,
}

/// `matgrad curvature`
#[derive(Debug, Args)]
pub struct CurvatureArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variable, or several together
    #[arg(long, value_name = "X[,Y]")]
    pub wrt: String,
    /// How the finding is written
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Plain ASCII on a terminal too
    #[arg(long)]
    pub ascii: bool,
}

/// `matgrad layouts`
#[derive(Debug, Args)]
pub struct LayoutsArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variable to differentiate by
    #[arg(long, value_name = "X")]
    pub wrt: String,
    /// What the structure of a variable (symmetric, say) means
    #[arg(long, value_name = "CONVENTION", value_parser = ["free", "constrained"], default_value = "free")]
    pub convention: String,
    /// How the layouts are written
    #[arg(long, value_enum, default_value_t = Drawn::Text)]
    pub format: Drawn,
    /// Plain ASCII on a terminal too
    #[arg(long)]
    pub ascii: bool,
}

/// `matgrad eval`
#[derive(Debug, Args)]
pub struct EvalArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variables to differentiate by; without any, only the value is computed
    #[arg(long, value_name = "X[,Y]", value_delimiter = ',')]
    pub wrt: Vec<String>,
    /// The order of the derivative, which comes with the value, or a range such as 0..2 or, without the value, 2..2
    #[arg(long, value_name = "K|K..L", value_parser = orders, default_value = "1")]
    pub order: Orders,
    /// How the partial derivatives are arranged
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser(), default_value = "numerator")]
    pub layout: String,
    /// What the structure of a variable (symmetric, say) means
    #[arg(long, value_name = "CONVENTION", value_parser = ["free", "constrained"], default_value = "free")]
    pub convention: String,
    /// The derivative along V, an array of the data shaped like the variable, or V=FILE; for several variables V,W
    #[arg(long, value_name = "V", conflicts_with_all = ["vjp", "hvp", "gnvp"], requires = "wrt")]
    pub jvp: Option<String>,
    /// The transposed derivative applied to U, an array of the data shaped like the function, or U=FILE
    #[arg(long, value_name = "U", conflicts_with_all = ["hvp", "gnvp"], requires = "wrt")]
    pub vjp: Option<String>,
    /// The Hessian of a scalar function along V, an array of the data, or V=FILE; for several variables V,W
    #[arg(long, value_name = "V", conflicts_with = "gnvp", requires = "wrt")]
    pub hvp: Option<String>,
    /// The Gauss-Newton product J'*J*V, J being the derivative; for several variables V,W
    #[arg(long, value_name = "V", requires = "wrt")]
    pub gnvp: Option<String>,
    /// Data: FILE.npz, FILE.json, or NAME=FILE.npy, NAME=FILE.csv, NAME=FILE.mtx; may be repeated
    #[arg(long, value_name = "FILE")]
    pub data: Vec<String>,
    /// Derivatives as sparse matrices by rows; those by several variables side by side
    #[arg(long, requires = "wrt", conflicts_with_all = ["jvp", "vjp", "hvp", "gnvp"])]
    pub sparse: bool,
    /// The diagonal of the Hessian of a scalar function, shaped like the variable, instead of a derivative
    #[arg(long, requires = "wrt", conflicts_with_all = ["jvp", "vjp", "hvp", "gnvp", "sparse"])]
    pub diagonal: bool,
    /// Where the results go, a .npz or .json file (of one sparse matrix also .mtx); without it they are printed
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
    /// Print the compiled program with its costs, and compute nothing
    #[arg(long)]
    pub plan: bool,
    /// What carries the program out: array by array (steps), small programs and loops as code that is interpreted (vm), as
    /// machine code (native), or compiled by the C compiler of this machine (cc); auto takes the fastest that is there
    #[arg(long, value_name = "ENGINE", value_parser = engine_parser(), default_value = "auto")]
    pub engine: String,
    /// The numbers to compute with: f64 has some 16 digits, f32 some 7 in half the memory
    #[arg(long, value_name = "TYPE", value_parser = precision_parser(), default_value = "f64")]
    pub dtype: String,
    /// Inputs that stay as they are from run to run: what depends on nothing else is computed once
    #[arg(long, value_name = "X[,Y]", value_delimiter = ',')]
    pub constant: Vec<String>,
    /// Inputs with an axis more, first, that counts problems: all are computed, and the results have that axis too
    #[arg(long, value_name = "X[,Y]", value_delimiter = ',', conflicts_with_all = ["sparse", "diagonal"])]
    pub batch: Vec<String>,
    /// How many threads the products and factors of large matrices, or the problems of a batch, may use
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// Run the program N times more and print what a run costs to standard error, as one line of JSON
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub time: Option<u32>,
}

/// `matgrad code`
#[derive(Debug, Args)]
pub struct CodeArgs {
    #[command(flatten)]
    pub function: FunctionArgs,
    /// The variables to differentiate by; without any, only the value is computed
    #[arg(long, value_name = "X[,Y]", value_delimiter = ',')]
    pub wrt: Vec<String>,
    /// The language, or the library of Python
    #[arg(long, value_name = "TARGET", value_parser = target_parser())]
    pub target: String,
    /// The order of the derivative; those below come with it
    #[arg(long, value_name = "K", default_value_t = 1, value_parser = clap::value_parser!(u8).range(0..=3))]
    pub order: u8,
    /// How derivatives are arranged; by default, of a scalar function as gradients shaped like the variable, else in
    /// numerator layout
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser())]
    pub layout: Option<String>,
    /// What the structure of a variable (symmetric, say) means
    #[arg(long, value_name = "CONVENTION", value_parser = ["free", "constrained"], default_value = "free")]
    pub convention: String,
    /// An argument that lies in parts, and along which axis: `Phi: rows`, `A: columns` or the number of the axis; jax
    /// cuts it into one part a device, dask into chunks (may be repeated)
    #[arg(long, value_name = "NAME: AXIS")]
    pub shard: Vec<String>,
    /// The name of the function that is written
    #[arg(long, value_name = "NAME")]
    pub name: Option<String>,
    /// Where the program goes; without it, it is printed
    #[arg(long, value_name = "FILE")]
    pub out: Option<String>,
}

/// `matgrad serve`
#[derive(Debug, Args)]
pub struct ServeArgs {
    /// The port on the loopback interface; 0 takes any that is free
    #[arg(long, value_name = "P", default_value_t = 7373)]
    pub port: u16,
}

/// `matgrad bench`
#[derive(Debug, Args)]
pub struct BenchArgs {
    /// An expression or a script (FILE.mg) to be timed instead of those that come with the program
    #[arg(value_name = "EXPR|FILE.mg", allow_hyphen_values = true, conflicts_with_all = ["only", "quick"])]
    pub function: Option<String>,
    /// A declaration, such as 'A in R^(m x n) symmetric'; may be repeated
    #[arg(long, value_name = "DECLARATION", requires = "function")]
    pub declare: Vec<String>,
    /// The variables to differentiate by
    #[arg(long, value_name = "X[,Y]", value_delimiter = ',', requires = "function")]
    pub wrt: Vec<String>,
    /// The order of the derivative; those below come with it
    #[arg(long, value_name = "K", default_value_t = 1, requires = "function", value_parser = clap::value_parser!(u8).range(0..=3))]
    pub order: u8,
    /// How derivatives are arranged
    #[arg(long, value_name = "LAYOUT", value_parser = layout_parser(), default_value = "gradient", requires = "function")]
    pub layout: String,
    /// Derivatives as sparse matrices
    #[arg(long, requires = "function")]
    pub sparse: bool,
    /// The size of a dimension name; may be repeated
    #[arg(long, value_name = "N=SIZE", value_parser = size, requires = "function")]
    pub size: Vec<(String, usize)>,
    /// Only those whose name contains this
    #[arg(long, value_name = "TEXT")]
    pub only: Option<String>,
    /// Small sizes and few runs
    #[arg(long)]
    pub quick: bool,
    /// What the random data start from
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    pub seed: u64,
    /// What carries the programs out
    #[arg(long, value_name = "ENGINE", value_parser = engine_parser(), default_value = "auto")]
    pub engine: String,
    /// The numbers to compute with
    #[arg(long, value_name = "TYPE", value_parser = precision_parser(), default_value = "f64")]
    pub dtype: String,
    /// How many threads the products and factors of large matrices may use
    #[arg(long, value_name = "K", default_value = "1", value_parser = clap::value_parser!(u32).range(1..=256))]
    pub threads: u32,
    /// One JSON array instead of a table
    #[arg(long)]
    pub json: bool,
    /// Give up after this many seconds for one function
    #[arg(long, value_name = "SECONDS", default_value_t = 60.0)]
    pub deadline: f64,
}

fn size(text: &str) -> Result<(String, usize), String> {
    let parsed =
        text.split_once('=').and_then(|(name, size)| Some((name.trim().to_owned(), size.trim().parse().ok()?)));
    parsed.ok_or_else(|| "a size is a name and a number, such as n=1000".to_owned())
}

/// Orders of derivatives, 0 being the value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orders(pub Vec<usize>);

fn orders(text: &str) -> Result<Orders, String> {
    let number = |part: &str| part.trim().parse::<usize>().ok().filter(|order| *order <= 3);
    let range = match text.split_once("..") {
        Some((from, to)) => number(from).zip(number(to)).filter(|(from, to)| from <= to),
        // the value comes with every derivative
        None => return number(text).map(|order| Orders(vec![0, order])).ok_or_else(|| ORDERS.to_owned()),
    };
    range.map(|(from, to)| Orders((from..=to).collect())).ok_or_else(|| ORDERS.to_owned())
}

const ORDERS: &str = "an order is 0, 1, 2 or 3, or a range of them such as 0..2";

/// How an answer is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A script in the language, with remarks
    Text,
    /// In rows: fractions with bars, matrices in tall brackets, sums with their ranges under them
    Pretty,
    /// JSON
    Json,
    /// LaTeX
    Latex,
    /// MathML, the mathematics of web pages
    Mathml,
    /// The mathematics of Typst
    Typst,
}

/// How layouts are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Drawn {
    /// With remarks and pictures of letters
    Text,
    /// JSON
    Json,
    /// LaTeX
    Latex,
    /// MathML, the mathematics of web pages
    Mathml,
    /// The mathematics of Typst
    Typst,
    /// A drawing
    Svg,
}

fn layout_parser() -> clap::builder::PossibleValuesParser {
    clap::builder::PossibleValuesParser::new(layout_names())
}

/// The names of all layouts.
pub fn layout_names() -> impl Iterator<Item = &'static str> {
    Layout::ALL.into_iter().chain([Layout::Blocks]).map(Layout::name)
}

fn style_parser() -> clap::builder::PossibleValuesParser {
    Style::ALL.map(Style::name).into()
}

fn language_parser() -> clap::builder::PossibleValuesParser {
    Language::ALL.map(Language::name).into()
}

/// The style of a derivation that clap has let through.
pub fn style(name: &str) -> Style {
    Style::parse(name).unwrap_or(Style::Chain)
}

/// The language of a code that clap has let through.
pub fn language(name: &str) -> Language {
    Language::parse(name).unwrap_or_default()
}

fn engine_parser() -> clap::builder::PossibleValuesParser {
    Engine::ALL.map(Engine::name).into()
}

fn precision_parser() -> clap::builder::PossibleValuesParser {
    Precision::ALL.map(Precision::name).into()
}

/// The precision of a value that clap has let through.
pub fn precision(name: &str) -> Precision {
    Precision::parse(name).unwrap_or_default()
}

/// The engine of a value that clap has let through.
pub fn engine(name: &str) -> Engine {
    Engine::parse(name).unwrap_or_default()
}

fn target_parser() -> clap::builder::PossibleValuesParser {
    Target::ALL.map(Target::name).into()
}

/// The target of a value that clap has let through.
pub fn target(name: &str) -> Target {
    Target::find(name).unwrap_or(Target::Numpy)
}

/// The layout of a value that clap has let through.
pub fn layout(name: &str) -> Layout {
    Layout::parse(name).unwrap_or(Layout::Numerator)
}

/// The convention of a value that clap has let through.
pub fn convention(name: &str) -> Convention {
    Convention::parse(name).unwrap_or_default()
}
