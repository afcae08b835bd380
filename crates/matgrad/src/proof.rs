//! The check behind an answer: the printed tree against an independent derivative of the original function.

use matgrad_calculus::graph::{Dim, DimTable};
use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{Kind, Layout};
use matgrad_calculus::notation::Formula;
use matgrad_check::{Answer as Claimed, Extent, Options, Problem, Target, Variable, Verdict, verify};
use matgrad_syntax::{ExprId, ExprKind, Ident, IndexBinder, Name, Parameters, Script, Span, Statement, StatementKind};

use crate::Convention;
use crate::answer::Written;

/// The function as the checker reads it: the script's own text, with the shapes that were inferred.
pub(crate) fn problem<'a>(script: &'a Script, target: Target, wrt: &str, analysis: &Analysis) -> Problem<'a> {
    let sizes = &analysis.graph.sizes;
    let mut problem = Problem::new(script, target, wrt.into());
    for variable in &analysis.variables {
        if problem.variables.iter().any(|known| known.name == variable.name) {
            continue;
        }
        let mut shape: Vec<Extent> = variable.dims.iter().map(|dim| extent(sizes, *dim)).collect();
        if matches!(variable.shape, infer::Shape::Row(_)) {
            shape.insert(0, Extent::number(1));
        }
        let attributes = variable.attributes.clone();
        problem.variables.push(Variable { name: variable.name.clone(), shape, attributes });
    }
    for k in 0..script.ast.len() {
        if let ExprKind::Name(name) = script.ast.kind(ExprId(k as u32))
            && sizes.has_symbol(name)
            && !problem.sizes.contains(name)
        {
            problem.sizes.push(name.clone());
        }
    }
    problem
}

fn extent(sizes: &DimTable, dim: Dim) -> Extent {
    Extent::from_terms(sizes.poly(dim).0.iter().map(|(monomial, coefficient)| {
        let names = monomial
            .iter()
            .flat_map(|(symbol, power)| std::iter::repeat_n(sizes.name(*symbol).clone(), *power as usize))
            .collect();
        (coefficient.clone(), names)
    }))
}

/// The layout of the checker, which shares no code with ours.
pub(crate) fn layout(layout: Layout) -> matgrad_check::Layout {
    match layout {
        Layout::Numerator => matgrad_check::Layout::Numerator,
        Layout::Denominator => matgrad_check::Layout::Denominator,
        Layout::Jacobian => matgrad_check::Layout::Jacobian,
        Layout::Gradient => matgrad_check::Layout::Gradient,
        Layout::Rowvec => matgrad_check::Layout::Rowvec,
        Layout::Tensor => matgrad_check::Layout::Tensor,
        Layout::Differential => matgrad_check::Layout::Differential,
        Layout::Blocks => matgrad_check::Layout::Blocks,
    }
}

/// A variable of this shape.
pub(crate) fn variable(analysis: &Analysis, name: &Name, shape: &Kind) -> Variable {
    let sizes = &analysis.graph.sizes;
    let extent = |dim: &Dim| extent(sizes, *dim);
    let shape = match shape {
        Kind::Scalar => Vec::new(),
        Kind::Column(n) => vec![extent(n)],
        Kind::Row(n) => vec![Extent::number(1), extent(n)],
        Kind::Matrix(m, n) => vec![extent(m), extent(n)],
        Kind::Tensor(dims) => dims.iter().map(extent).collect(),
    };
    Variable { name: name.clone(), shape, attributes: Vec::new() }
}

/// How thorough checks are.
pub(crate) fn options(convention: Convention) -> Options {
    Options { convention: self::convention(convention), ..Options::default() }
}

/// Compares a formula with the truth.
pub(crate) fn prove(problem: &Problem, formula: &Formula, at: Layout, order: usize, convention: Convention) -> Verdict {
    with_claim(formula, at, order, |claimed| verify(problem, claimed, &options(convention)))
}

/// Hands a formula to the checker.
pub(crate) fn with_claim<R>(formula: &Formula, at: Layout, order: usize, check: impl FnOnce(&Claimed) -> R) -> R {
    let definitions = definitions(formula);
    let axes = axes(formula);
    let claimed = Claimed {
        ast: &formula.ast,
        definitions: &definitions,
        axes: axes.as_deref(),
        root: formula.root,
        layout: layout(at),
        order,
    };
    check(&claimed)
}

/// Hands the values of unknowns to the checker.
pub(crate) fn with_values<R>(values: &[(Name, Written)], check: impl FnOnce(&[(Name, Claimed)]) -> R) -> R {
    let definitions: Vec<Vec<Statement>> = values.iter().map(|(_, written)| definitions(&written.formula)).collect();
    let axes: Vec<Option<Vec<IndexBinder>>> = values.iter().map(|(_, written)| axes(&written.formula)).collect();
    let claims: Vec<(Name, Claimed)> = values
        .iter()
        .zip(definitions.iter().zip(&axes))
        .map(|((name, written), (definitions, axes))| {
            let formula = &written.formula;
            let claim = Claimed {
                ast: &formula.ast,
                definitions,
                axes: axes.as_deref(),
                root: formula.root,
                layout: matgrad_check::Layout::Differential,
                order: 1,
            };
            (name.clone(), claim)
        })
        .collect();
    check(&claims)
}

fn definitions(formula: &Formula) -> Vec<Statement> {
    let list = formula.definitions.iter().map(|helper| {
        let parameters = match helper.parameters.as_slice() {
            [] => Parameters::None,
            names => Parameters::Function(names.iter().map(ident).collect()),
        };
        let kind = StatementKind::Definition { name: ident(&helper.name), parameters, body: helper.body };
        Statement { kind, span: Span::default() }
    });
    list.collect()
}

fn axes(formula: &Formula) -> Option<Vec<IndexBinder>> {
    formula.axes.as_ref().map(|axes| {
        axes.iter()
            .map(|(name, range)| IndexBinder { name: name.clone(), span: Span::default(), range: *range })
            .collect()
    })
}

/// The convention of the checker.
pub(crate) fn convention(convention: Convention) -> matgrad_check::Convention {
    match convention {
        Convention::Free => matgrad_check::Convention::Free,
        Convention::Constrained => matgrad_check::Convention::Entries,
    }
}

fn ident(name: &Name) -> Ident {
    Ident { name: name.clone(), span: Span::default() }
}
