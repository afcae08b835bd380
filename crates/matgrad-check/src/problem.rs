//! What is checked: a function of a script, the variable, and an answer.

use std::collections::BTreeMap;

use matgrad_syntax::{
    Ast, Attribute, BinaryOp, ExprId, ImplicitRule, IndexBinder, Name, Parameters, Script, Statement, StatementKind,
};

use crate::compile::Compiler;
use crate::error::{ErrorKind, EvalError, Result};
use crate::extent::{Extent, assignments};
use crate::implicit::{Rule, Unknown};
use crate::layout::Layout;
use crate::program::{Id, Op, Program};
use crate::value::{Array, checked, show, two_axes};

/// A variable, declared or inferred.
#[derive(Clone, Debug, PartialEq)]
pub struct Variable {
    /// Its name.
    pub name: Name,
    /// The sizes of its axes: none for a scalar, one for a column.
    pub shape: Vec<Extent>,
    /// Its structure.
    pub attributes: Vec<Attribute>,
}

/// An abstract function.
#[derive(Clone, Debug, PartialEq)]
pub struct Signature {
    /// Its name.
    pub name: Name,
    /// The sizes of its argument; none for a scalar.
    pub domain: Vec<Extent>,
    /// The sizes of its value.
    pub codomain: Vec<Extent>,
}

/// Which expression of the script is the function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// The definition or bare expression at this place among the statements.
    Statement(usize),
    /// An expression of the script's tree, after all its definitions.
    Expr(ExprId),
}

/// A function and the variable it is differentiated by.
#[derive(Clone, Debug)]
pub struct Problem<'a> {
    /// Declarations and definitions.
    pub script: &'a Script,
    /// The function.
    pub target: Target,
    /// The variable.
    pub wrt: Name,
    /// Sizes of dimension names that are fixed; the others are chosen small and distinct.
    pub dims: BTreeMap<Name, usize>,
    /// Dimension names that no shape has, only the expression.
    pub sizes: Vec<Name>,
    /// All variables. One of them may have the name of a definition, which it then hides.
    pub variables: Vec<Variable>,
    /// The abstract functions.
    pub functions: Vec<Signature>,
}

impl<'a> Problem<'a> {
    /// The problem as the declarations of a script state it; inferred variables are added by the caller.
    pub fn new(script: &'a Script, target: Target, wrt: Name) -> Self {
        let mut problem = Self {
            script,
            target,
            wrt,
            dims: BTreeMap::new(),
            sizes: Vec::new(),
            variables: Vec::new(),
            functions: Vec::new(),
        };
        let extents =
            |ids: &[ExprId]| ids.iter().map(|id| Extent::from_expr(&script.ast, *id)).collect::<Option<Vec<_>>>();
        for statement in &script.statements {
            match &statement.kind {
                StatementKind::Declaration { names, shape, attributes } => {
                    let Some(shape) = extents(shape) else { continue };
                    let attributes: Vec<Attribute> = attributes.iter().map(|(attribute, _)| *attribute).collect();
                    for ident in names {
                        let (name, shape, attributes) = (ident.name.clone(), shape.clone(), attributes.clone());
                        problem.variables.push(Variable { name, shape, attributes });
                    }
                }
                StatementKind::Abstract { name, domain, codomain } => {
                    if let (Some(domain), Some(codomain)) = (extents(domain), extents(codomain)) {
                        problem.functions.push(Signature { name: name.name.clone(), domain, codomain });
                    }
                }
                _ => {}
            }
        }
        problem
    }

    /// The last definition or expression of a script as target; `None` where it has none.
    pub fn of_script(script: &'a Script, wrt: Name) -> Option<Self> {
        let last = script.statements.iter().rposition(|statement| {
            matches!(
                statement.kind,
                StatementKind::Definition { .. } | StatementKind::Expression(_) | StatementKind::Implicit { .. }
            )
        })?;
        Some(Self::new(script, Target::Statement(last), wrt))
    }

    fn extents(&self) -> impl Iterator<Item = &Extent> {
        let functions = self.functions.iter().flat_map(|f| f.domain.iter().chain(&f.codomain));
        self.variables.iter().flat_map(|variable| &variable.shape).chain(functions)
    }

    /// Numbers for the dimension names, several ways, most useful first.
    pub(crate) fn assignments(&self) -> Vec<BTreeMap<Name, usize>> {
        let mut names: Vec<Name> = Vec::new();
        for name in self.extents().flat_map(Extent::names).chain(&self.sizes) {
            if !names.contains(name) {
                names.push(name.clone());
            }
        }
        assignments(&names, &self.extents().collect::<Vec<_>>(), &self.dims)
    }

    /// The dimension names as the shapes of data settle them.
    pub(crate) fn dims_of(&self, data: &BTreeMap<Name, Array>) -> Result<BTreeMap<Name, usize>> {
        let mut dims = self.dims.clone();
        for variable in &self.variables {
            let Some(array) = data.get(&variable.name) else { continue };
            for (extent, size) in variable.shape.iter().zip(array.shape()) {
                if let Some(name) = extent.as_name() {
                    dims.entry(name.clone()).or_insert(*size);
                }
            }
        }
        for variable in &self.variables {
            let Some(array) = data.get(&variable.name) else { continue };
            let shape = sizes(&variable.shape, &dims, &variable.name)?;
            if two_axes(&shape).as_slice() != array.shape() {
                let message = format!("{} has shape {}, not {}", variable.name, show(array.shape()), show(&shape));
                return Err(EvalError::shape(message));
            }
        }
        Ok(dims)
    }
}

fn sizes(shape: &[Extent], dims: &BTreeMap<Name, usize>, name: &Name) -> Result<Vec<usize>> {
    let sizes: Option<Vec<usize>> = shape.iter().map(|extent| extent.size(dims)).collect();
    let sizes = sizes.ok_or_else(|| EvalError::new(ErrorKind::Unknown, format!("the size of {name} is not known")))?;
    checked(&sizes)?;
    Ok(sizes)
}

/// A derivative as it would be printed.
#[derive(Clone, Copy, Debug)]
pub struct Answer<'a> {
    /// The tree that holds it.
    pub ast: &'a Ast,
    /// Definitions of the same tree that it uses.
    pub definitions: &'a [Statement],
    /// The indices of an index definition `G[i,j] = …`.
    pub axes: Option<&'a [IndexBinder]>,
    /// The expression.
    pub root: ExprId,
    /// How it is arranged.
    pub layout: Layout,
    /// The order of the derivative.
    pub order: usize,
}

impl<'a> Answer<'a> {
    /// A plain expression.
    pub fn expr(ast: &'a Ast, root: ExprId, layout: Layout, order: usize) -> Self {
        Self { ast, definitions: &[], axes: None, root, layout, order }
    }

    /// The last definition or expression of a script, with those before it. `None` where it has none.
    pub fn of_script(script: &'a Script, layout: Layout, order: usize) -> Option<Self> {
        let (last, before) = script.statements.split_last()?;
        let (axes, root) = match &last.kind {
            StatementKind::Expression(root) => (None, *root),
            StatementKind::Definition { parameters: Parameters::None, body, .. } => (None, *body),
            StatementKind::Definition { parameters: Parameters::Index(axes), body, .. } => {
                (Some(axes.as_slice()), *body)
            }
            _ => return None,
        };
        Some(Self { ast: &script.ast, definitions: before, axes, root, layout, order })
    }
}

/// A variable with its numbers of rows and so on.
#[derive(Clone, Debug)]
pub(crate) struct Input {
    pub name: Name,
    pub shape: Vec<usize>,
    pub attributes: Vec<Attribute>,
    /// Whether its entries are subscripts, as those of `pick` in `x[pick[i]]`.
    pub picks: bool,
}

/// The number and shape of the arguments and the value of an abstract function.
#[derive(Clone, Debug)]
pub(crate) struct AbstractShape {
    pub arguments: usize,
    pub codomain: Vec<usize>,
}

/// A problem at fixed sizes, ready to be evaluated.
#[derive(Debug)]
pub(crate) struct Model {
    pub program: Program,
    pub inputs: Vec<Input>,
    pub functions: Vec<AbstractShape>,
    /// The input that is differentiated by.
    pub wrt: usize,
    /// The input `dX`.
    pub step: usize,
    pub target: Id,
    /// The inputs that are defined implicitly, as far as target and answers need them.
    pub unknowns: Vec<Unknown>,
    /// The differences of both sides of the equations that are checked.
    pub differences: Vec<Id>,
    /// The answers, in the order they were given.
    pub answers: Vec<Result<Id>>,
}

impl Model {
    pub(crate) fn new(problem: &Problem, dims: &BTreeMap<Name, usize>, answers: &[Answer]) -> Result<Self> {
        Self::with_equations(problem, dims, answers, &[])
    }

    /// The same with the differences of both sides of equations of the script.
    pub(crate) fn with_equations(
        problem: &Problem,
        dims: &BTreeMap<Name, usize>,
        answers: &[Answer],
        equations: &[(ExprId, ExprId)],
    ) -> Result<Self> {
        let mut compiler = Compiler::new(dims);
        let mut inputs: Vec<Input> = Vec::with_capacity(problem.variables.len() + 1);
        for variable in &problem.variables {
            let shape = sizes(&variable.shape, dims, &variable.name)?;
            compiler.input(&variable.name, inputs.len() as u32)?;
            let (name, attributes) = (variable.name.clone(), variable.attributes.clone());
            inputs.push(Input { name, shape, attributes, picks: false });
        }
        let Some(wrt) = inputs.iter().position(|input| input.name == problem.wrt) else {
            return Err(EvalError::new(ErrorKind::Unknown, format!("unknown variable {}", problem.wrt)));
        };
        let step_name: Name = format!("d{}", problem.wrt).into();
        let step = match inputs.iter().position(|input| input.name == step_name) {
            Some(step) => step,
            None => {
                compiler.input(&step_name, inputs.len() as u32)?;
                let shape = inputs[wrt].shape.clone();
                inputs.push(Input { name: step_name, shape, attributes: Vec::new(), picks: false });
                inputs.len() - 1
            }
        };
        let mut functions = Vec::new();
        for function in &problem.functions {
            let domain = sizes(&function.domain, dims, &function.name)?;
            let codomain = sizes(&function.codomain, dims, &function.name)?;
            compiler.define_abstract(&function.name, functions.len() as u32);
            functions.push(AbstractShape { arguments: domain.iter().product(), codomain });
        }
        let hidden = |name: &Name| problem.variables.iter().any(|variable| variable.name == *name);
        let script = compiler.add_ast(&problem.script.ast);
        let end = match problem.target {
            Target::Statement(at) => at,
            Target::Expr(_) => problem.script.statements.len(),
        };
        let before = problem.script.statements.get(..end).unwrap_or(&[]);
        define_all(&mut compiler, script, before, &hidden);
        let mut implicit = Vec::new();
        take_implicit(&mut compiler, script, before, &inputs, &mut implicit)?;
        let target = match problem.target {
            Target::Expr(root) => compiler.root(script, None, root)?,
            Target::Statement(at) => match problem.script.statements.get(at).map(|statement| &statement.kind) {
                Some(StatementKind::Expression(root)) => compiler.root(script, None, *root)?,
                Some(StatementKind::Definition { name, parameters, body }) => {
                    let indices = match parameters {
                        Parameters::Index(indices) => Some(indices.as_slice()),
                        _ => None,
                    };
                    if !hidden(&name.name) {
                        compiler.define(&name.name, script, indices, *body);
                        compiler.global(&name.name)?
                    } else {
                        compiler.root(script, indices, *body)?
                    }
                }
                Some(StatementKind::Implicit { name, .. }) => compiler.global(&name.name)?,
                _ => return Err(EvalError::new(ErrorKind::Unknown, "the script has no such function")),
            },
        };
        // an answer may need what is defined later, an unknown may be used before the statement that defines it
        let after = problem.script.statements.get(end..).unwrap_or(&[]);
        if !after.is_empty() {
            define_all(&mut compiler, script, after, &hidden);
            take_implicit(&mut compiler, script, after, &inputs, &mut implicit)?;
        }
        let mut differences = Vec::with_capacity(equations.len());
        for (left, right) in equations {
            if left == right {
                // the value itself
                differences.push(compiler.root(script, None, *left)?);
                continue;
            }
            let sides = [compiler.root(script, None, *left)?, compiler.root(script, None, *right)?];
            differences.push(compiler.program.add(Op::Binary(BinaryOp::Sub), &sides)?);
        }
        let answers: Vec<Result<Id>> = answers
            .iter()
            .map(|answer| {
                let ast = compiler.add_ast(answer.ast);
                define_all(&mut compiler, ast, answer.definitions, &hidden);
                compiler.root(ast, answer.axes, answer.root)
            })
            .collect();
        let roots = std::iter::once(target)
            .chain(differences.iter().copied())
            .chain(answers.iter().filter_map(|answer| answer.as_ref().ok().copied()));
        let unknowns = needed(&compiler, implicit, roots.collect())?;
        for (at, input) in inputs.iter_mut().enumerate() {
            input.picks = at != wrt && compiler.picking.contains(&(at as u32));
        }
        Ok(Self { program: compiler.program, inputs, functions, wrt, step, target, unknowns, differences, answers })
    }

    pub(crate) fn wrt_shape(&self) -> Vec<usize> {
        two_axes(&self.inputs[self.wrt].shape).to_vec()
    }
}

/// An implicit definition, or why it could not be understood.
type Taken = (usize, Result<Rule>);

fn take_implicit<'a>(
    compiler: &mut Compiler<'a>,
    ast: u8,
    statements: &'a [Statement],
    inputs: &[Input],
    taken: &mut Vec<Taken>,
) -> Result<()> {
    for statement in statements {
        let StatementKind::Implicit { name, rule } = &statement.kind else { continue };
        let Some(input) = inputs.iter().position(|input| input.name == name.name) else {
            return Err(EvalError::new(ErrorKind::Unknown, format!("the shape of {} is not known", name.name)));
        };
        let rule = match rule {
            ImplicitRule::Equation { left, right } => {
                let sides = compiler.root(ast, None, *left).and_then(|l| Ok((l, compiler.root(ast, None, *right)?)));
                sides.and_then(|(l, r)| compiler.program.add(Op::Binary(BinaryOp::Sub), &[l, r])).map(Rule::Vanishes)
            }
            ImplicitRule::Extremum { bound, objective, .. } => {
                let unknown = compiler.global(&name.name)?;
                compiler.root_with(ast, &bound.name, unknown, *objective).map(Rule::Extremum)
            }
        };
        taken.push((input, rule));
    }
    Ok(())
}

/// The implicit definitions that the roots need, directly or through others.
fn needed(compiler: &Compiler, taken: Vec<Taken>, mut roots: Vec<Id>) -> Result<Vec<Unknown>> {
    let mut used = vec![false; taken.len()];
    while !taken.is_empty() {
        let inputs = compiler.program.inputs_of(roots.iter().copied());
        let before = roots.len();
        for (used, (input, rule)) in used.iter_mut().zip(&taken) {
            if !*used && inputs.contains(&(*input as u32)) {
                *used = true;
                roots.push(match rule.clone()? {
                    Rule::Vanishes(id) | Rule::Extremum(id) => id,
                });
            }
        }
        if roots.len() == before {
            break;
        }
    }
    let all = taken.into_iter().zip(used).filter(|(_, used)| *used);
    all.map(|((input, rule), _)| Ok(Unknown { input, rule: rule? })).collect()
}

fn define_all<'a>(compiler: &mut Compiler<'a>, ast: u8, statements: &'a [Statement], hidden: &dyn Fn(&Name) -> bool) {
    for statement in statements {
        let StatementKind::Definition { name, parameters, body } = &statement.kind else { continue };
        if hidden(&name.name) {
            continue;
        }
        match parameters {
            Parameters::None => compiler.define(&name.name, ast, None, *body),
            Parameters::Index(indices) => compiler.define(&name.name, ast, Some(indices), *body),
            Parameters::Function(parameters) => {
                let parameters = parameters.iter().map(|ident| ident.name.clone()).collect();
                compiler.define_function(&name.name, ast, parameters, *body);
            }
        }
    }
}
