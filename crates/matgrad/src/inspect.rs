//! What a text says before anything is differentiated: its variables, its shape, its tree; and its derivative on random
//! numbers.

use std::collections::BTreeMap;

use matgrad_calculus::infer;
use matgrad_render::{Kind, Markup, TextOptions};
use matgrad_syntax::{Ast, Attribute, BinaryOp, ExprId, ExprKind, Name, Parameters, Script, StatementKind};

use crate::outline::space;
use crate::{Evaluation, Failure, Layout, Request, draw, kinds};

/// A variable of a text.
#[derive(Clone, Debug)]
pub struct Known {
    /// Its name.
    pub name: String,
    /// Its declaration in the language.
    pub declaration: String,
    /// The sizes of its axes: none of a number, one of a vector.
    pub axes: Vec<String>,
    /// What it is declared to be.
    pub attributes: Vec<&'static str>,
    /// Whether it is declared, or read by the convention.
    pub declared: bool,
}

/// A node of the tree of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// The operation, or the name.
    pub label: String,
    /// Its operands, as places in the list of nodes.
    pub operands: Vec<usize>,
}

/// What a text says.
#[derive(Clone, Debug)]
pub struct Inspection {
    /// The function as a textbook would print it.
    pub markup: Markup,
    /// Its axes: none of a number.
    pub axes: Vec<String>,
    /// The variables, in the order of the text.
    pub variables: Vec<Known>,
    /// The nodes of the expression, operands first, a variable once; none where it is large.
    pub tree: Vec<Branch>,
}

/// More nodes than this are no picture.
const LARGEST_TREE: usize = 120;

/// Reads a text: what the variables are, declared or assumed, and what the function is.
///
/// ```
/// use matgrad::{Request, Text, inspect};
/// let found = inspect(&Request::new(Text::expression("A*x"), ""))?;
/// let names: Vec<&str> = found.variables.iter().map(|variable| variable.declaration.as_str()).collect();
/// assert_eq!(names, ["A in R^(m x n)", "x in R^n"]);
/// assert_eq!(found.axes, ["m"]);
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the text.
pub fn inspect(request: &Request) -> Result<Inspection, Failure> {
    request.limits.hold(&request.text, || read(request))
}

fn read(request: &Request) -> Result<Inspection, Failure> {
    let (source, script) = request.text.read()?;
    let options = infer::Options { of: request.of.as_deref(), ..infer::Options::default() };
    let analysis = infer::analyze(&script, &options).map_err(|diagnostics| Failure { source, diagnostics })?;
    let sizes = &analysis.graph.sizes;
    let mut kinds: BTreeMap<Name, Kind> = BTreeMap::new();
    let mut variables = Vec::new();
    for variable in &analysis.variables {
        let axes: Vec<String> = variable.dims.iter().map(|dim| sizes.text(*dim)).collect();
        kinds.insert(variable.name.clone(), kinds::of_shape(&variable.shape));
        let space = space(&variable.shape, sizes);
        let attributes: Vec<&'static str> = variable.attributes.iter().map(|a: &Attribute| a.name()).collect();
        let mut declaration = format!("{} in {space}", variable.name);
        for attribute in &attributes {
            declaration.push(' ');
            declaration.push_str(attribute);
        }
        let name = variable.name.to_string();
        variables.push(Known { name, declaration, axes, attributes, declared: variable.declared });
    }
    for (name, typed) in &analysis.definitions {
        kinds.insert(name.clone(), kinds::of_shape(&typed.shape));
    }
    for function in &analysis.functions {
        let info = analysis.graph.function_info(*function);
        kinds.insert(info.name.clone(), kinds::of_function(&info.codomain));
    }
    let kind = |name: &str| kinds.get(name).copied().unwrap_or_else(|| matgrad_render::conventional_kind(name));
    let axes = match &analysis.target.shape {
        infer::Shape::Scalar => Vec::new(),
        infer::Shape::Column(n) => vec![sizes.text(*n)],
        infer::Shape::Row(n) => vec!["1".into(), sizes.text(*n)],
        infer::Shape::Matrix(m, n) => vec![sizes.text(*m), sizes.text(*n)],
        infer::Shape::Tensor(dims) => dims.iter().map(|dim| sizes.text(*dim)).collect(),
    };
    let (markup, tree) = shown(&script, request.of.as_deref(), &kind);
    Ok(Inspection { markup, axes, variables, tree })
}

/// The function in print and as a tree: definitions in the order of the script.
fn shown(script: &Script, of: Option<&str>, kind: &dyn Fn(&str) -> Kind) -> (Markup, Vec<Branch>) {
    let ast = &script.ast;
    let (mut formulas, mut tree) = (Vec::new(), Vec::new());
    for statement in &script.statements {
        let last = match &statement.kind {
            StatementKind::Expression(root) => {
                tree = branches(ast, *root);
                formulas.push(Markup::expression(ast, *root, kind));
                false
            }
            StatementKind::Definition { name, parameters, body } => {
                tree = branches(ast, *body);
                let list: Vec<Name> = match parameters {
                    Parameters::None => Vec::new(),
                    Parameters::Index(indices) => indices.iter().map(|index| index.name.clone()).collect(),
                    Parameters::Function(names) => names.iter().map(|ident| ident.name.clone()).collect(),
                };
                formulas.extend(match parameters {
                    Parameters::Function(_) => Markup::definitions(ast, &[(&name.name, &list, *body)], kind),
                    _ => vec![Markup::definition(ast, &name.name, &list, *body, kind)],
                });
                of == Some(&*name.name)
            }
            _ => false,
        };
        if last {
            break;
        }
    }
    (Markup::list(formulas), tree)
}

fn branches(ast: &Ast, root: ExprId) -> Vec<Branch> {
    let mut nodes: Vec<Branch> = Vec::new();
    let mut known: BTreeMap<ExprId, usize> = BTreeMap::new();
    let mut work = vec![(root, false)];
    while let Some((id, ready)) = work.pop() {
        if known.contains_key(&id) {
            continue;
        }
        if nodes.len() > LARGEST_TREE || work.len() > 4 * LARGEST_TREE {
            return Vec::new();
        }
        let (label, children) = parts(ast, id);
        if !ready {
            work.push((id, true));
            work.extend(children.iter().rev().map(|child| (*child, false)));
            continue;
        }
        let operands: Vec<usize> = children.iter().filter_map(|child| known.get(child).copied()).collect();
        // equal parts are one node
        let branch = Branch { label, operands };
        let at = nodes.iter().position(|node| *node == branch).unwrap_or_else(|| {
            nodes.push(branch);
            nodes.len() - 1
        });
        known.insert(id, at);
    }
    nodes
}

fn parts(ast: &Ast, id: ExprId) -> (String, Vec<ExprId>) {
    match ast.kind(id) {
        ExprKind::Number(_) | ExprKind::Name(_) => (matgrad_render::text(ast, id, TextOptions::UNICODE), Vec::new()),
        ExprKind::Neg(a) => ("−".into(), vec![*a]),
        ExprKind::Transpose(a) => ("ᵀ".into(), vec![*a]),
        ExprKind::Binary(op, a, b) => (sign(*op).into(), vec![*a, *b]),
        ExprKind::Call { function, args, .. } => (function.to_string(), args.clone()),
        ExprKind::Index(base, _) => ("[ ]".into(), vec![*base]),
        ExprKind::Column(entries) => ("[ , ]".into(), entries.clone()),
        ExprKind::Rows(rows) => ("[ ; ]".into(), rows.iter().flatten().copied().collect()),
        ExprKind::Reduce { op, body, .. } => (op.name().to_owned(), vec![*body]),
    }
}

fn sign(op: BinaryOp) -> &'static str {
    match op {
        BinaryOp::Add => "+",
        BinaryOp::Sub => "−",
        BinaryOp::Mul => "·",
        BinaryOp::Div => "/",
        BinaryOp::Pow => "^",
        BinaryOp::ElemPow => ".^",
        BinaryOp::Hadamard => "⊙",
        BinaryOp::ElemDiv => "./",
        BinaryOp::Kron => "⊗",
        BinaryOp::Solve => "\\",
        BinaryOp::Inner => ":",
        _ => "≶",
    }
}

/// A derivative on random numbers.
#[derive(Clone, Debug)]
pub struct Sample {
    /// The sizes of the dimension names.
    pub sizes: Vec<(String, usize)>,
    /// How many rows.
    pub rows: usize,
    /// How many columns.
    pub columns: usize,
    /// The entries, row by row.
    pub entries: Vec<f64>,
}

/// Sizes of dimension names in the order in which they are met.
const SIZES: [usize; 6] = [6, 5, 4, 3, 7, 8];
/// A picture with more entries than this shows nothing.
const LARGEST_SAMPLE: usize = 40_000;

/// The derivative of the request on random data, as a matrix: the Jacobian, or of order 2 the Hessian.
///
/// # Errors
/// What is wrong with the request; that the derivative has no matrix, or a large one.
pub fn sample(request: &Request, seed: u64) -> Result<Sample, Failure> {
    request.limits.hold(&request.text, || tried(request, seed))
}

fn tried(request: &Request, seed: u64) -> Result<Sample, Failure> {
    let found = inspect(request)?;
    let mut sizes: Vec<(String, usize)> = Vec::new();
    for axis in found.variables.iter().flat_map(|variable| &variable.axes) {
        for name in axis.split(|c: char| !c.is_alphanumeric() && c != '_') {
            let named = name.starts_with(|c: char| !c.is_ascii_digit());
            if named && !sizes.iter().any(|(known, _)| known == name) {
                let size = SIZES.get(sizes.len() % SIZES.len()).copied().unwrap_or(4);
                sizes.push((name.to_owned(), size));
            }
        }
    }
    let given: Vec<(&str, usize)> = sizes.iter().map(|(name, size)| (name.as_str(), *size)).collect();
    let data = draw(&request.text, &given, seed)?;
    let mut evaluation = Evaluation::new(request.text.clone()).by(request.wrt.as_str(), [request.order]);
    evaluation.of = request.of.clone();
    evaluation.value = false;
    evaluation.limits = request.limits;
    evaluation.layout = if request.order == 1 { Layout::Jacobian } else { Layout::Numerator };
    let results = evaluation.plan(&data)?.run(&data)?;
    let Some((_, array)) = results.last() else { return Err(no_picture(request, "the derivative has no value")) };
    let (rows, columns) = match *array.shape() {
        [] => (1, 1),
        [n] => (n, 1),
        [rows, columns] => (rows, columns),
        _ => return Err(no_picture(request, "the derivative is no matrix")),
    };
    if rows * columns > LARGEST_SAMPLE {
        return Err(no_picture(request, "the derivative is too large for a picture"));
    }
    Ok(Sample { sizes, rows, columns, entries: array.data().to_vec() })
}

fn no_picture(request: &Request, message: &str) -> Failure {
    match request.text.read() {
        Ok((source, _)) => Failure::whole(source, "picture", message),
        Err(failure) => failure,
    }
}
