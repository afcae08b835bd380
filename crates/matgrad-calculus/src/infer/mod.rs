//! Inference: from a syntax tree to a typed tensor expression in the graph.
//!
//! 1. *Names* (`names`): declarations first, then the statements in their order; undeclared names by the convention.
//! 2. *Shapes* (`elaborate`, `arithmetic`, `functions`, `blocks`, `indexing`): one pass with an explicit stack;
//!    dimensions are unified over integer polynomials (`dims`), ranges of indices follow from use (`ranges`).
//! 3. *Readings* (`readings`): where the convention does not type-check, the fewest undeclared names become scalars.
//! 4. *Lowering* (`lower`): every operator by its definition in the graph.

mod affine;
mod arithmetic;
mod blocks;
mod calls;
mod dims;
mod elaborate;
mod errors;
mod fresh;
mod functions;
mod implicit;
mod indexing;
mod loop_indices;
mod lower;
mod lower_arithmetic;
mod lower_blocks;
mod lower_functions;
mod lower_index;
mod names;
mod ranges;
mod readings;
mod recurrence;
pub mod term;
#[cfg(test)]
mod tests;
pub mod typed;

use std::collections::BTreeMap;

use matgrad_syntax::suggest::nearest;
use matgrad_syntax::{Attribute, Diagnostic, Ident, Name, QueryKind, Script, Span};

use crate::graph::{Dim, DimTable, Dims, FunctionId, Graph, NodeId};
use elaborate::Elaborator;
use lower::Lower;
use readings::Reading;
use term::{TermId, VariableId};

/// What inference is asked for beyond the script.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options<'a> {
    /// Variables that are differentiated: their attributes say nothing about the entries, which are free.
    pub wrt: &'a [&'a str],
    /// The definition that is meant; the last one where this is `None`.
    pub of: Option<&'a str>,
}

/// The shape of a value, as it is written. Axes of size 1 are dropped in the graph: a row and a column have one axis.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Shape {
    /// No axes.
    Scalar,
    /// n × 1
    Column(Dim),
    /// 1 × n
    Row(Dim),
    /// m × n
    Matrix(Dim, Dim),
    /// Three axes or more.
    Tensor(Vec<Dim>),
}

impl Shape {
    /// The axes in the graph.
    pub fn axes(&self) -> Dims {
        match self {
            Shape::Scalar => Dims::new(),
            Shape::Column(n) | Shape::Row(n) => Dims::from_slice(&[*n]),
            Shape::Matrix(m, n) => Dims::from_slice(&[*m, *n]),
            Shape::Tensor(dims) => Dims::from_slice(dims),
        }
    }

    /// Rows and columns where they are not 1.
    fn grid(&self) -> (Option<Dim>, Option<Dim>) {
        match self {
            Shape::Column(m) => (Some(*m), None),
            Shape::Row(n) => (None, Some(*n)),
            Shape::Matrix(m, n) => (Some(*m), Some(*n)),
            Shape::Scalar | Shape::Tensor(_) => (None, None),
        }
    }
}

/// A node with its shape.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Typed {
    /// The tensor.
    pub node: NodeId,
    /// How it is written.
    pub shape: Shape,
}

/// A variable of the script.
#[derive(Clone, Debug)]
pub struct Variable {
    /// Its name.
    pub name: Name,
    /// The dimensions of its axes in the graph.
    pub dims: Vec<Dim>,
    /// Its shape.
    pub shape: Shape,
    /// What it is declared to be.
    pub attributes: Vec<Attribute>,
    /// Whether it is declared, or read by the convention.
    pub declared: bool,
    /// Where it is declared, or met first.
    pub span: Span,
    /// The input that the expressions use.
    pub node: NodeId,
    /// The input with all attributes, where the variable is differentiated and `node` has its entries free.
    pub structured: Option<NodeId>,
}

/// A query of the script.
#[derive(Clone, Debug)]
pub struct Query {
    /// The verb.
    pub kind: QueryKind,
    /// The function.
    pub function: Typed,
    /// The variables.
    pub wrt: Vec<Ident>,
    /// `along U`, `at X0`, `is CLAIM`.
    pub argument: Option<Typed>,
    /// Where it stands.
    pub span: Span,
}

/// An implicit definition of the script.
#[derive(Clone, Debug)]
pub struct Implicit {
    /// The unknown's name.
    pub name: Name,
    /// The unknown, an input of the graph.
    pub unknown: Typed,
    /// What it is defined by.
    pub rule: Rule,
    /// Where it stands.
    pub span: Span,
}

/// What an unknown is defined by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// This is 0, in the shape of the unknown.
    Vanishes(NodeId),
    /// This scalar is extreme.
    Extremum {
        /// Whether it is a minimum, not a maximum.
        minimum: bool,
        /// The scalar.
        objective: NodeId,
    },
}

/// Equations of the script that are to be solved.
#[derive(Clone, Debug)]
pub struct Solve {
    /// The equations.
    pub equations: Vec<Equation>,
    /// The unknowns.
    pub unknowns: Vec<Ident>,
    /// Where they stand.
    pub span: Span,
}

/// An equation to be solved.
#[derive(Clone, Debug)]
pub enum Equation {
    /// The gradient of the function by all unknowns is the right side.
    Gradient {
        /// The function.
        function: Typed,
        /// The right side.
        right: Typed,
    },
    /// Both sides are equal.
    Equal {
        /// The left side.
        left: Typed,
        /// The right side.
        right: Typed,
    },
}

impl Equation {
    /// The function or the left side, and the right side.
    pub fn sides(&self) -> [&Typed; 2] {
        match self {
            Equation::Gradient { function, right } => [function, right],
            Equation::Equal { left, right } => [left, right],
        }
    }

    /// The function, or the left side.
    pub fn left(&self) -> &Typed {
        match self {
            Equation::Gradient { function, .. } => function,
            Equation::Equal { left, .. } => left,
        }
    }
}

/// A written subscript without an index, or a written range: whether it is inside depends on the sizes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Where the range starts.
    pub from: Option<Dim>,
    /// The position, or where the range ends.
    pub to: Dim,
    /// How long the axis is.
    pub length: Dim,
    /// Where it is written.
    pub span: Span,
}

impl Position {
    /// For known sizes: the position that is outside, and the length of its axis. A range without entries is inside.
    pub fn outside(&self, table: &mut DimTable, sizes: &BTreeMap<Name, usize>) -> Option<(i64, i64)> {
        // lengths are not negative, positions may be
        const SHIFT: i64 = 1 << 40;
        let mut value = |dim: Dim| {
            let shift = table.constant(SHIFT);
            let shifted = table.add(dim, shift);
            i64::try_from(table.evaluate(shifted, sizes)?).ok().map(|value| value - SHIFT)
        };
        let (to, length) = (value(self.to)?, value(self.length)?);
        let first = match self.from {
            Some(from) => value(from)?,
            None => to,
        };
        if first > to {
            return None;
        }
        [first, to].into_iter().find(|k| !(1..=length).contains(k)).map(|k| (k, length))
    }
}

/// What inference finds out.
#[derive(Clone)]
pub struct Analysis {
    /// The graph with everything below.
    pub graph: Graph,
    /// The value that is meant.
    pub target: Typed,
    /// The name of the target, where it is a definition.
    pub target_name: Option<Name>,
    /// Definitions that are values, in their order.
    pub definitions: Vec<(Name, Typed)>,
    /// Variables: declared ones in the order of their declarations, then the others as they are met.
    pub variables: Vec<Variable>,
    /// What was assumed, such as `y in R^m`.
    pub assumptions: Vec<String>,
    /// Dimensions that literal subscripts need to be at least that large.
    pub at_least: Vec<(Dim, Dim)>,
    /// Subscripts that are inside for some sizes only.
    pub positions: Vec<Position>,
    /// Queries in their order.
    pub queries: Vec<Query>,
    /// Implicit definitions in their order.
    pub implicits: Vec<Implicit>,
    /// Equations to be solved, in their order.
    pub solves: Vec<Solve>,
    /// Equations that are assumed to hold, in their order.
    pub relations: Vec<Solve>,
    /// Abstract functions that are called.
    pub functions: Vec<FunctionId>,
    /// Remarks for the reader.
    pub notes: Vec<String>,
}

/// Finds the shapes of a script and puts it into a graph.
///
/// ```
/// use matgrad_calculus::infer::{Options, Shape, analyze};
/// let parsed = matgrad_syntax::parse("norm(y - Phi*theta)^2");
/// let analysis = analyze(&parsed.script, &Options::default()).unwrap();
/// assert_eq!(analysis.target.shape, Shape::Scalar);
/// assert_eq!(analysis.assumptions, ["y in R^N", "Phi in R^(N x D)", "theta in R^D"]);
/// ```
pub fn analyze(script: &Script, options: &Options) -> Result<Analysis, Vec<Diagnostic>> {
    let first = readings::attempt(script, &[], options.of);
    let scalars;
    let Reading { mut elaborator, values, queries, implicits, solves, relations, function } =
        if first.elaborator.failed() {
            scalars = readings::search(script, first.elaborator, options.of)?;
            readings::attempt(script, &scalars, options.of)
        } else {
            first
        };
    elaborator.name_dimensions();
    let target = choose(&mut elaborator, options, &values, &queries, &solves, function)?;
    if elaborator.failed() {
        return Err(elaborator.diagnostics);
    }
    let (assumptions, mut notes) = (elaborator.assumptions(), std::mem::take(&mut elaborator.notes));
    notes.extend(elaborator.doubtful_names());
    let at_least = std::mem::take(&mut elaborator.at_least);
    let positions = std::mem::take(&mut elaborator.positions);
    // an unknown has all its entries free, as a variable that is differentiated by
    let mut free: Vec<&str> = options.wrt.to_vec();
    free.extend(implicits.iter().map(|implicit| &*implicit.name));
    let mut lower = Lower::new(&mut elaborator, &free);
    lower.run();
    let target_typed = lower.typed(target.1);
    let definitions = values
        .iter()
        .filter_map(|(n, t)| n.as_ref().map(|n| (n.clone(), *t)))
        .map(|(n, t)| (n, lower.typed(t)))
        .collect();
    let queries = queries
        .into_iter()
        .map(|q| Query {
            kind: q.kind,
            function: lower.typed(q.function),
            wrt: q.wrt,
            argument: q.argument.map(|a| lower.typed(a)),
            span: q.span,
        })
        .collect();
    let implicits = implicits.iter().map(|raw| implicit::lowered(&mut lower, raw)).collect();
    let solves = solves.iter().map(|raw| implicit::lowered_solve(&mut lower, raw)).collect();
    let relations = relations.iter().map(|raw| implicit::lowered_solve(&mut lower, raw)).collect();
    let mut variables = Vec::new();
    for k in 0..lower.e.variables.len() {
        let id = VariableId(k as u32);
        let info = lower.e.variables[k].clone();
        let shape = lower.shape(&info.ty);
        variables.push(Variable {
            name: info.name,
            dims: shape.axes().to_vec(),
            shape,
            attributes: info.attributes,
            declared: info.declared,
            span: info.span,
            node: lower.variable(id),
            structured: lower.structured(id),
        });
    }
    let mut bounds = Vec::new();
    for (dim, least) in at_least {
        let pair = (lower.dim(dim), lower.dim(least));
        if lower.g.sizes.value(pair.0).is_none() && !bounds.contains(&pair) {
            bounds.push(pair);
        }
    }
    let positions = positions.into_iter().map(|position| Position {
        from: position.from.map(|from| lower.dim(from)),
        to: lower.dim(position.to),
        length: lower.dim(position.length),
        span: position.span,
    });
    let positions = positions.collect();
    let functions = lower.functions();
    Ok(Analysis {
        graph: lower.g,
        target: target_typed,
        target_name: target.0,
        definitions,
        variables,
        assumptions,
        at_least: bounds,
        positions,
        queries,
        implicits,
        solves,
        relations,
        functions,
        notes,
    })
}

/// The definition that is asked for, or the last one.
fn choose(
    e: &mut Elaborator,
    options: &Options,
    values: &[(Option<Name>, TermId)],
    queries: &[readings::RawQuery],
    solves: &[implicit::RawSolve],
    function: Option<(Name, TermId)>,
) -> Result<(Option<Name>, TermId), Vec<Diagnostic>> {
    if let Some(name) = options.of {
        if let Some((name, term)) = values.iter().rev().find(|(n, _)| n.as_deref() == Some(name)) {
            return Ok((name.clone(), *term));
        }
        if let Some((own, term)) = function.filter(|(own, _)| &**own == name) {
            return Ok((Some(own), term));
        }
        let known = values.iter().filter_map(|(n, _)| n.as_deref());
        let mut diagnostic =
            Diagnostic::error("unknown-definition", Span::default(), format!("nothing named `{name}` is defined"));
        if let Some(meant) = nearest(name, known) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        }
        return Err(vec![diagnostic]);
    }
    if let Some((name, term)) = function {
        return Ok((Some(name), term));
    }
    if let Some((name, term)) = values.last() {
        return Ok((name.clone(), *term));
    }
    if let Some(query) = queries.first() {
        return Ok((None, query.function));
    }
    if let Some(equation) = solves.first().and_then(|solve| solve.equations.first()) {
        return Ok((None, equation.left()));
    }
    if e.failed() {
        return Err(std::mem::take(&mut e.diagnostics));
    }
    Err(vec![
        Diagnostic::error("nothing-to-do", Span::default(), "the script defines nothing")
            .help("add a definition, such as `L = norm(A*x)^2`, or an expression"),
    ])
}
