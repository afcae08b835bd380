//! Functions and their derivatives as programs in other languages.
//!
//! Typed terms become a program of array operations, in which equal work is one node, inverses are solutions and products
//! go in the cheapest order; a target writes it down. No target holds mathematics of its own.

mod algebra;
mod chain;
mod emit;
mod lower;
mod program;
mod shard;
mod signature;
mod target;

use matgrad_calculus::infer::term::TermId;
use matgrad_calculus::infer::typed::Terms;

use lower::Lower;
use program::{Output, Program};
pub use shard::{Argument, Shard};

/// Why a program cannot be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeError {
    /// What is in the way, in words.
    pub message: String,
    /// What to do instead, where that is not to let matgrad compute it.
    pub help: Option<String>,
}

impl CodeError {
    pub(crate) fn new(message: impl Into<String>) -> Self {
        CodeError { message: message.into(), help: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }
}

impl std::fmt::Display for CodeError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for CodeError {}

/// The languages that functions are written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs)]
pub enum Target {
    Numpy,
    Jax,
    Torch,
    Dask,
    Julia,
    Matlab,
    Rust,
    C,
    Latex,
    Typst,
}

impl Target {
    /// All of them, in the order of the reference.
    pub const ALL: [Target; 10] = [
        Target::Numpy,
        Target::Jax,
        Target::Torch,
        Target::Dask,
        Target::Julia,
        Target::Matlab,
        Target::Rust,
        Target::C,
        Target::Latex,
        Target::Typst,
    ];

    /// Those that can compute on arrays in parts.
    pub const DISTRIBUTED: [Target; 2] = [Target::Jax, Target::Dask];

    /// The word on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Target::Numpy => "numpy",
            Target::Jax => "jax",
            Target::Torch => "torch",
            Target::Dask => "dask",
            Target::Julia => "julia",
            Target::Matlab => "matlab",
            Target::Rust => "rust",
            Target::C => "c",
            Target::Latex => "latex",
            Target::Typst => "typst",
        }
    }

    /// The target of this name.
    pub fn find(name: &str) -> Option<Target> {
        Self::ALL.into_iter().find(|target| target.name() == name)
    }
}

/// A function of several results that share their work.
///
/// ```
/// use matgrad_calculus::infer::{Options, typed::elaborate};
/// use matgrad_code::{Function, Target};
/// let parsed = matgrad_syntax::parse("x in R^n; A in R^(n x n); x'*A*x");
/// let terms = elaborate(&parsed.script, &Options::default()).unwrap();
/// let mut function = Function::new("quadratic_form");
/// function.result("value", "x'*A*x", &terms, terms.target).unwrap();
/// let code = function.write(Target::Numpy).unwrap();
/// assert!(code.contains("return "), "{code}");
/// ```
#[derive(Clone, Debug)]
pub struct Function {
    pub(crate) program: Program,
    pub(crate) name: String,
    pub(crate) title: Vec<String>,
    pub(crate) summary: String,
}

impl Function {
    /// A function without results.
    pub fn new(name: impl Into<String>) -> Self {
        Function { program: Program::default(), name: name.into(), title: Vec::new(), summary: String::new() }
    }

    /// Lines for the reader above the code, and what the function computes in one line.
    pub fn describe(&mut self, title: Vec<String>, summary: impl Into<String>) {
        self.title = title;
        self.summary = summary.into();
    }

    /// Adds a result; variables of the same name are one argument.
    ///
    /// # Errors
    /// What no program can compute: abstract functions, unknowns of equations.
    pub fn result(
        &mut self,
        name: impl Into<String>,
        comment: impl Into<String>,
        terms: &Terms,
        target: TermId,
    ) -> Result<(), CodeError> {
        let mut lower = Lower::new(terms, &mut self.program);
        let id = lower.run(target)?;
        let known: Vec<_> =
            terms.definitions.iter().filter_map(|(name, term)| Some((lower.known(*term)?, name.clone()))).collect();
        for (node, name) in known {
            self.program.names.entry(node).or_insert(name);
        }
        let name = name.into();
        // a result that is a row is handed out as what it is the transpose of: both are arrays of one axis
        self.program.names.insert(id, name.as_str().into());
        self.program.outputs.push(Output { name, comment: comment.into(), id });
        Ok(())
    }

    /// The arguments, in their order.
    pub fn arguments(&self) -> Vec<Argument> {
        let describe = |input: &program::Input| Argument {
            name: input.name.to_string(),
            axes: input.shape.axes().iter().map(|d| self.program.sizes.text(*d)).collect(),
            row: matches!(input.shape, matgrad_calculus::infer::Shape::Row(_)),
        };
        self.program.inputs.iter().map(describe).collect()
    }

    /// Axes of arguments lie in parts, and with them those that share the names of their lengths. JAX cuts them into one
    /// part a device, dask into chunks.
    pub fn shard(&mut self, shards: &[Shard]) {
        self.program.sharding = shard::Sharding::of(&self.program, shards);
    }

    /// The program in a language.
    ///
    /// # Errors
    /// What the language has no means for.
    pub fn write(&self, target: Target) -> Result<String, CodeError> {
        target::write(self.clone(), target)
    }
}
