//! The one pipeline that every front calls: text, graph, derivative, small derivative, notation, check.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dim, Dims, Graph, NodeId};
use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{self, Arranged, Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Formula, Memory};
use matgrad_calculus::simplify::simplify;
use matgrad_calculus::structure;
use matgrad_check::{Problem, Target, Verdict};
use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Attribute, Name, Script, Source, StatementKind};
use rustc_hash::FxHashMap;

use crate::answer::{Answer, Written};
use crate::domain;
use crate::proof;
use crate::{Convention, Failure, Limits, Request};

/// Finds a derivative, writes it as a textbook would, and checks it.
///
/// ```
/// use matgrad::{Request, Text};
/// let request = Request::new(Text::expression("norm(y - Phi*theta)^2"), "theta");
/// let answer = matgrad::derive(&request)?;
/// assert_eq!(answer.text(), "-2*(y - Phi*theta)'*Phi");
/// assert_eq!(answer.verified.map(|verdict| verdict.points), Some(3));
/// # Ok::<(), matgrad::Failure>(())
/// ```
///
/// # Errors
/// What is wrong with the request, with the place.
pub fn derive(request: &Request) -> Result<Answer, Failure> {
    let (source, script) = request.text.read()?;
    derive_script(&source, &script, request)
}

/// [`derive`] for a script that is read already.
pub(crate) fn derive_script(source: &Source, script: &Script, request: &Request) -> Result<Answer, Failure> {
    let mut work = Work::new(source, script, request)?;
    work.derive()
}

/// The variable that is differentiated by.
#[derive(Clone, Debug)]
pub(crate) struct Variable {
    pub name: Name,
    pub attributes: Vec<Attribute>,
    pub shape: Shape,
    /// The input whose entries are free.
    pub node: NodeId,
    /// The input as it was declared.
    pub structured: NodeId,
}

impl Variable {
    pub fn of(variable: &infer::Variable) -> Self {
        Self {
            name: variable.name.clone(),
            attributes: variable.attributes.clone(),
            shape: shape(&variable.shape),
            node: variable.node,
            structured: variable.structured.unwrap_or(variable.node),
        }
    }
}

/// The shape of a value, as layouts know it.
pub(crate) fn shape(shape: &infer::Shape) -> Shape {
    match shape {
        infer::Shape::Scalar => Shape::Scalar,
        infer::Shape::Column(n) => Shape::Column(*n),
        infer::Shape::Row(n) => Shape::Row(*n),
        infer::Shape::Matrix(m, n) => Shape::Matrix(*m, *n),
        infer::Shape::Tensor(dims) => Shape::Tensor(Dims::from_slice(dims)),
    }
}

/// A problem on its way through the pipeline.
pub(crate) struct Work<'a> {
    pub source: &'a Source,
    pub script: &'a Script,
    pub request: &'a Request,
    pub analysis: Analysis,
    pub variable: Variable,
    memory: Memory,
    taken: BTreeSet<Name>,
}

impl<'a> Work<'a> {
    pub fn new(source: &'a Source, script: &'a Script, request: &'a Request) -> Result<Self, Failure> {
        let fail = |diagnostics| Failure { source: source.clone(), diagnostics };
        if !(1..=3).contains(&request.order) {
            let message = format!("the order is 1, 2 or 3, not {}", request.order);
            return Err(Failure::whole(source.clone(), "order", message));
        }
        let wrt = matgrad_syntax::normalize_name(&request.wrt);
        let options = infer::Options { wrt: &[&wrt], of: request.of.as_deref() };
        let mut analysis = infer::analyze(script, &options).map_err(fail)?;
        analysis.graph.set_node_limit(Some(request.limits.nodes));
        let Some(variable) = analysis.variables.iter().find(|v| v.name == wrt).map(Variable::of) else {
            return Err(Failure::whole(source.clone(), "unknown-variable", format!("there is no variable `{wrt}`")));
        };
        let taken = taken(script, &analysis);
        let work = Self { source, script, request, analysis, variable, memory: Memory::default(), taken };
        work.within_limits()?;
        Ok(work)
    }

    fn graph(&mut self) -> &mut Graph {
        &mut self.analysis.graph
    }

    fn refuse(&self, code: &'static str, message: impl Into<String>) -> Failure {
        Failure::whole(self.source.clone(), code, message)
    }

    fn within_limits(&self) -> Result<(), Failure> {
        let Limits { nodes, deadline } = self.request.limits;
        if self.analysis.graph.exhausted() {
            return Err(self.refuse("limit", format!("the computation needs more than {nodes} tensors, the limit")));
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(self.refuse("limit", "the time for this request is over"));
        }
        Ok(())
    }

    fn derive(&mut self) -> Result<Answer, Failure> {
        // the function as it is shown: its own subexpressions are not to be rewritten
        let root = matgrad_calculus::simplify::reroll(&mut self.analysis.graph, self.analysis.target.node);
        let shown = self.with_structure(root);
        let keep = NodeId(self.analysis.graph.len() as u32);
        let function = shape(&self.analysis.target.shape);
        let derivative = self.derivative(root, &function, self.request.order)?;
        let mut node = self.with_structure(derivative);
        self.within_limits()?;
        let plain = node;
        // what a Kronecker product will show is simplified once it is one
        if self.analysis.graph.rank(node) <= 2 || self.request.layout == Layout::Tensor {
            node = simplify(&mut self.analysis.graph, &mut self.memory, node, keep);
            self.within_limits()?;
        }

        let order = self.request.order;
        let both = self.request.layout == Layout::Numerator && order == 1 && function == Shape::Scalar;
        let layout = self.request.layout;
        let mut derivative = self.write(node, &function, layout, keep)?;
        let gradient = if both { Some(self.write(node, &function, Layout::Gradient, keep)?) } else { None };
        self.within_limits()?;

        let mut notes = self.notes();
        let verified = self.request.verify.then(|| self.prove(&derivative.formula, layout));
        let verified = match verified {
            Some(verdict) if is_refuted(&verdict) => {
                // an answer that may be long is better than a short one that is wrong
                let (formula, verdict, note) = self.fall_back(plain, &function, verdict)?;
                notes.push(note);
                if let Some(formula) = formula {
                    derivative = formula;
                }
                Some(verdict)
            }
            other => other,
        };
        Ok(Answer {
            expression: self.expression(),
            wrt: self.variable.name.to_string(),
            order,
            layout,
            convention: self.request.convention,
            derivative,
            gradient,
            declared: self.declared(),
            assumptions: self.analysis.assumptions.clone(),
            domain: self.domain(shown, node),
            notes,
            verified,
            steps: Vec::new(),
        })
    }

    /// The derivative of a node, with the axes of the function followed by the variable's, `order` times.
    pub fn derivative(&mut self, root: NodeId, function: &Shape, order: usize) -> Result<NodeId, Failure> {
        let variable = self.variable.clone();
        if self.request.layout == Layout::Differential {
            let step = self.step();
            return diff::pushforward(self.graph(), root, variable.node, step).map_err(|error| self.no_derivative(&error));
        }
        let mut node = root;
        let mut at = function.rank();
        for _ in 0..order {
            let g = &mut self.analysis.graph;
            node = constrained_derivative(g, node, at, &variable, self.request.convention)
                .map_err(|error| self.no_derivative(&error))?;
            at += variable.shape.rank();
            self.within_limits()?;
        }
        Ok(node)
    }

    /// The step `dX` of the variable.
    fn step(&mut self) -> NodeId {
        let name = format!("d{}", self.variable.name);
        let dims: Dims = self.analysis.graph.axes(self.variable.node).clone();
        let row = matches!(self.variable.shape, Shape::Row(_));
        self.graph().input(&name, &dims, row, &[])
    }

    fn no_derivative(&self, error: &diff::DiffError) -> Failure {
        self.refuse("no-derivative", error.message.clone())
    }

    /// The node in terms of the variable as it was declared.
    pub fn with_structure(&mut self, node: NodeId) -> NodeId {
        let Variable { node: free, structured, .. } = self.variable;
        if free == structured {
            return node;
        }
        let mut map = FxHashMap::default();
        map.insert(free, structured);
        self.graph().replace(node, &map)
    }

    fn arrange(&mut self, node: NodeId, function: &Shape, at: Layout) -> Result<Arranged, Failure> {
        let (shape, order) = (self.variable.shape.clone(), self.request.order);
        let arranged = layout::arrange(self.graph(), node, function, &shape, order, at);
        arranged.map_err(|error| self.refuse("layout", error.0))
    }

    fn write(&mut self, node: NodeId, function: &Shape, at: Layout, keep: NodeId) -> Result<Written, Failure> {
        let mut arranged = self.arrange(node, function, at)?;
        if arranged.node != node {
            arranged.node = simplify(&mut self.analysis.graph, &mut self.memory, arranged.node, keep);
        }
        self.written(&arranged)
    }

    fn written(&mut self, arranged: &Arranged) -> Result<Written, Failure> {
        let Analysis { graph, .. } = &mut self.analysis;
        let formula = notation::write(graph, &mut self.memory, arranged.node, arranged.arrangement, &self.taken);
        let Some(formula) = formula else {
            return Err(self.refuse("no-notation", "the derivative has no notation that could show it"));
        };
        let shape = arranged.shape.iter().map(|dim| self.analysis.graph.sizes.text(*dim)).collect();
        Ok(Written { formula, shape, name: self.definition_name(), kinds: self.kinds() })
    }

    /// A name for an index definition that nothing else has.
    fn definition_name(&self) -> Name {
        let free = ["G", "H", "D", "derivative"].into_iter().find(|name| !self.taken.contains(*name));
        free.map_or_else(|| {
            (1..).map(|k| Name::from(format!("G{k}"))).find(|n| !self.taken.contains(n)).unwrap_or_else(|| "G".into())
        }, Name::from)
    }

    fn kinds(&self) -> BTreeMap<Name, Kind> {
        let mut kinds: BTreeMap<Name, Kind> = self
            .analysis
            .variables
            .iter()
            .map(|variable| {
                let kind = match variable.shape {
                    infer::Shape::Scalar => Kind::Scalar,
                    infer::Shape::Column(_) | infer::Shape::Row(_) => Kind::Vector,
                    infer::Shape::Matrix(..) => Kind::Matrix,
                    infer::Shape::Tensor(_) => Kind::Tensor,
                };
                (variable.name.clone(), kind)
            })
            .collect();
        let dimensions = self.taken.iter().filter(|name| self.analysis.graph.sizes.has_symbol(name));
        for name in dimensions {
            kinds.entry(name.clone()).or_insert(Kind::Scalar);
        }
        if self.request.layout == Layout::Differential {
            kinds.insert(format!("d{}", self.variable.name).into(), Kind::Step);
        }
        kinds
    }

    fn problem(&self) -> Option<Problem<'a>> {
        let target = target(self.script, self.request.of.as_deref())?;
        Some(proof::problem(self.script, target, &self.variable.name, &self.analysis))
    }

    fn prove(&self, formula: &Formula, at: Layout) -> Verdict {
        match self.problem() {
            Some(problem) => proof::prove(&problem, formula, at, self.request.order, self.request.convention),
            None => Verdict::default(),
        }
    }

    /// What to show when the check refutes an answer: the unsimplified derivative where that one passes.
    fn fall_back(
        &mut self,
        plain: NodeId,
        function: &Shape,
        verdict: Verdict,
    ) -> Result<(Option<Written>, Verdict, String), Failure> {
        let layout = self.request.layout;
        self.memory = Memory::default();
        let arranged = self.arrange(plain, function, layout)?;
        let written = self.written(&arranged)?;
        let second = self.prove(&written.formula, layout);
        if is_refuted(&second) {
            let what = verdict.failure.as_ref().map_or("it has no value", |failure| failure.message.as_str());
            let note = format!("THE CHECK REFUTES THIS DERIVATIVE, do not use it: {what}; this is a defect of matgrad");
            return Ok((None, verdict, note));
        }
        let note = "a shorter form failed its check and was withdrawn; this is a defect of matgrad".to_owned();
        Ok((Some(written), second, note))
    }

    /// `R^(m x n)`: the space of a shape.
    pub fn space(&self, shape: &Shape) -> String {
        let sizes = &self.analysis.graph.sizes;
        let text = |dim: &Dim| sizes.text(*dim);
        match shape {
            Shape::Scalar => "R".into(),
            Shape::Column(n) => format!("R^({})", text(n)),
            Shape::Row(n) => format!("R^(1 x {})", text(n)),
            Shape::Matrix(m, n) => format!("R^({} x {})", text(m), text(n)),
            Shape::Tensor(dims) => format!("R^({})", dims.iter().map(text).collect::<Vec<_>>().join(" x ")),
        }
    }

    fn notes(&self) -> Vec<String> {
        let mut notes = self.analysis.notes.clone();
        let attributes: Vec<&str> = self
            .variable
            .attributes
            .iter()
            .filter(|attribute| structure::is_structural(**attribute))
            .map(|attribute| attribute.name())
            .collect();
        if !attributes.is_empty() {
            let (name, list) = (&self.variable.name, attributes.join(" "));
            notes.push(match self.request.convention {
                Convention::Free => format!("{name} is {list}; the derivative treats its entries as free"),
                Convention::Constrained => format!("the derivative respects that {name} is {list}"),
            });
        }
        notes
    }

    /// Where the function and its derivative exist.
    fn domain(&mut self, function: NodeId, derivative: NodeId) -> Vec<String> {
        let g = &mut self.analysis.graph;
        let conditions = diff::domain(g, &[function, derivative], Some(self.variable.structured));
        domain::texts(g, &mut self.memory, &conditions, &self.taken)
    }

    fn expression(&self) -> String {
        let statement = target(self.script, self.request.of.as_deref()).and_then(|target| match target {
            Target::Statement(at) => self.script.statements.get(at),
            Target::Expr(_) => None,
        });
        match statement.map(|statement| &statement.kind) {
            Some(StatementKind::Definition { body, .. } | StatementKind::Expression(body)) => {
                matgrad_render::text(&self.script.ast, *body, TextOptions::PLAIN)
            }
            _ => String::new(),
        }
    }

    fn declared(&self) -> Vec<String> {
        let declarations = self.script.statements.iter().filter(|statement| {
            matches!(statement.kind, StatementKind::Declaration { .. } | StatementKind::Abstract { .. })
        });
        let text = |kind| matgrad_render::statement_text(&self.script.ast, kind, TextOptions::PLAIN);
        declarations.map(|statement| text(&statement.kind)).collect()
    }
}

/// The derivative of a node whose first `at` axes are the function's and earlier variables', under a convention.
pub(crate) fn constrained_derivative(
    g: &mut Graph,
    node: NodeId,
    at: usize,
    variable: &Variable,
    convention: Convention,
) -> Result<NodeId, diff::DiffError> {
    let options = diff::Options { stands_for: Some(variable.structured), ..diff::Options::default() };
    let derivative = diff::derivative(g, node, variable.node, options)?;
    Ok(match convention {
        Convention::Free => derivative,
        Convention::Constrained => structure::constrain(g, derivative, at, variable.node, &variable.attributes),
    })
}

fn is_refuted(verdict: &Verdict) -> bool {
    verdict.failure.is_some() || verdict.singular
}

/// The statement that is the function: the definition of that name, or the last definition or expression.
pub(crate) fn target(script: &Script, of: Option<&str>) -> Option<Target> {
    let of = of.map(matgrad_syntax::normalize_name);
    let at = script.statements.iter().rposition(|statement| match &statement.kind {
        StatementKind::Definition { name, .. } => of.as_ref().is_none_or(|of| *of == name.name),
        StatementKind::Expression(_) => of.is_none(),
        _ => false,
    })?;
    Some(Target::Statement(at))
}

/// Names that indices and definitions of the answer must not have.
fn taken(script: &Script, analysis: &Analysis) -> BTreeSet<Name> {
    let mut taken: BTreeSet<Name> = analysis.variables.iter().map(|variable| variable.name.clone()).collect();
    for statement in &script.statements {
        match &statement.kind {
            StatementKind::Definition { name, .. } | StatementKind::Abstract { name, .. } => {
                taken.insert(name.name.clone());
            }
            _ => {}
        }
    }
    let sizes = &analysis.graph.sizes;
    for variable in &analysis.variables {
        for dim in &variable.dims {
            for (monomial, _) in &sizes.poly(*dim).0 {
                taken.extend(monomial.iter().map(|(symbol, _)| sizes.name(*symbol).clone()));
            }
        }
    }
    taken
}

