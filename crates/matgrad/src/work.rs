//! A problem on its way through the pipeline: a function in the graph, its variable, and how to write results.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use matgrad_calculus::diff::{self, DiffError, Mode};
use matgrad_calculus::graph::{Dim, Dims, Graph, Node, NodeId};
use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{self, Arranged, Kind as Shape, Layout};
use matgrad_calculus::notation::{self, Formula, Memory};
use matgrad_calculus::simplify::simplify;
use matgrad_calculus::structure;
use matgrad_check::{Target, Verdict};
use matgrad_render::{Kind, TextOptions};
use matgrad_syntax::{Attribute, Diagnostic, Name, QueryKind, Script, Source, StatementKind, suggest};
use rustc_hash::FxHashMap;

use crate::answer::Written;
use crate::{Convention, Failure, Limits, Request, domain, kinds, proof};

/// The code of what nothing in the language shows.
pub(crate) const NO_NOTATION: &str = "no-notation";

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
    /// The dimensions of its axes.
    pub fn shape_dims(&self) -> Dims {
        match &self.shape {
            Shape::Scalar => Dims::new(),
            Shape::Column(n) | Shape::Row(n) => Dims::from_slice(&[*n]),
            Shape::Matrix(m, n) => Dims::from_slice(&[*m, *n]),
            Shape::Tensor(dims) => dims.clone(),
        }
    }

    pub fn of(variable: &infer::Variable) -> Self {
        Self {
            name: variable.name.clone(),
            attributes: variable.attributes.clone(),
            shape: shape(&variable.shape),
            node: variable.node,
            structured: variable.structured.unwrap_or(variable.node),
        }
    }

    /// The variable of this name, or a diagnostic that says what the name is instead.
    pub fn find(name: &str, source: &Source, analysis: &Analysis) -> Result<Self, Failure> {
        if let Some(implicit) = analysis.implicits.iter().find(|implicit| &*implicit.name == name) {
            let message = format!("`{name}` is defined implicitly, as a function of other variables");
            let diagnostic = Diagnostic::error("unknown-variable", implicit.span, message);
            let help = "differentiate by one of the variables that it depends on";
            return Err(Failure { source: source.clone(), diagnostics: vec![diagnostic.help(help)] });
        }
        if let Some(found) = analysis.variables.iter().find(|variable| &*variable.name == name) {
            return Ok(Self::of(found));
        }
        let mut failure = Failure::whole(source.clone(), "unknown-variable", format!("there is no variable `{name}`"));
        let defined = analysis.definitions.iter().any(|(own, _)| &**own == name);
        let names = analysis.variables.iter().map(|variable| &*variable.name);
        let help = if defined {
            Some(format!("`{name}` is a definition; declare it as a variable to differentiate by it"))
        } else {
            suggest::nearest(name, names.clone()).map(|meant| format!("did you mean `{meant}`?")).or_else(|| {
                let list: Vec<&str> = names.take(12).collect();
                (!list.is_empty()).then(|| format!("the variables are {}", list.join(", ")))
            })
        };
        if let (Some(help), Some(diagnostic)) = (help, failure.diagnostics.first_mut()) {
            diagnostic.help.push(help);
        }
        Err(failure)
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

/// A function that is differentiated.
#[derive(Clone, Debug)]
pub(crate) struct Function {
    pub node: NodeId,
    pub shape: Shape,
    /// Where it stands in the script.
    pub target: Target,
}

/// Where a function stands that is not the request's own.
#[derive(Clone, Copy)]
enum Place {
    /// Among the queries.
    Query(usize),
    /// Among the `solve` statements.
    Solve(usize),
}

pub(crate) struct Work<'a> {
    pub source: &'a Source,
    pub script: &'a Script,
    pub request: &'a Request,
    pub analysis: Analysis,
    pub variable: Variable,
    /// The variables whose entries `variable` lists one after the other, where there are several.
    pub joined: Vec<Variable>,
    /// Names that only the answer has, for the check.
    pub extra: Vec<(Name, Shape)>,
    pub function: Function,
    pub memory: Memory,
    pub taken: BTreeSet<Name>,
    /// Nodes below this one are the function as it was written.
    pub keep: NodeId,
    /// Whether the script has loops, or functions of each row of something.
    pub row_by_row: bool,
}

impl<'a> Work<'a> {
    /// The function that the request means.
    pub fn new(source: &'a Source, script: &'a Script, request: &'a Request) -> Result<Self, Failure> {
        let wrt = matgrad_syntax::normalize_name(&request.wrt);
        Self::build(source, script, request, None, &[wrt])
    }

    /// The function that the request means, by several variables together, each with its own shape.
    pub fn of_several(
        source: &'a Source,
        script: &'a Script,
        request: &'a Request,
        wrt: &[Name],
    ) -> Result<Self, Failure> {
        let mut work = Self::build(source, script, request, None, wrt)?;
        if wrt.len() > 1 {
            let found: Result<Vec<Variable>, Failure> =
                wrt.iter().map(|name| Variable::find(name, source, &work.analysis)).collect();
            work.joined = found?;
        }
        Ok(work)
    }

    /// The function of a query of the script, which stands at this place among all queries.
    pub fn of_query(
        source: &'a Source,
        script: &'a Script,
        request: &'a Request,
        query: usize,
        target: Target,
        wrt: &[Name],
    ) -> Result<Self, Failure> {
        let mut work = Self::build(source, script, request, Some((Place::Query(query), target)), wrt)?;
        if wrt.len() > 1 {
            let found: Result<Vec<Variable>, Failure> =
                wrt.iter().map(|name| Variable::find(name, source, &work.analysis)).collect();
            match script.statements.iter().filter_map(|s| query_kind(&s.kind)).nth(query) {
                // a step for each, whatever its shape
                Some(QueryKind::Differential | QueryKind::Curvature) => {
                    work.joined = found?;
                    let names: Vec<&str> = wrt.iter().map(|name| &**name).collect();
                    work.variable.name = names.join(", ").into();
                }
                _ => work.join(&found?)?,
            }
        }
        Ok(work)
    }

    /// The equations of a `solve` statement, which stands at this place among all of them.
    pub fn of_solve(
        source: &'a Source,
        script: &'a Script,
        request: &'a Request,
        at: usize,
        target: Target,
        unknowns: &[Name],
    ) -> Result<Self, Failure> {
        Self::build(source, script, request, Some((Place::Solve(at), target)), unknowns)
    }

    fn build(
        source: &'a Source,
        script: &'a Script,
        request: &'a Request,
        query: Option<(Place, Target)>,
        wrt: &[Name],
    ) -> Result<Self, Failure> {
        let fail = |diagnostics| Failure { source: source.clone(), diagnostics };
        if !(1..=3).contains(&request.order) {
            let message = format!("the order is 1, 2 or 3, not {}", request.order);
            return Err(Failure::whole(source.clone(), "order", message));
        }
        let names: Vec<&str> = wrt.iter().map(|name| &**name).collect();
        // an unknown keeps its structure, a variable that is differentiated by does not
        let free = if matches!(query, Some((Place::Solve(_), _))) { &[][..] } else { &names[..] };
        let options = infer::Options { wrt: free, of: request.of.as_deref() };
        let mut analysis = infer::analyze(script, &options).map_err(fail)?;
        let row_by_row = analysis.graph.goes_row_by_row();
        analysis.graph.functions_are_read();
        analysis.graph.set_node_limit(Some(request.limits.nodes));
        define_implicits(source, &mut analysis)?;
        let variable = Variable::find(names.first().copied().unwrap_or(""), source, &analysis)?;
        let found = match query {
            Some((Place::Query(at), target)) => analysis.queries.get(at).map(|query| (query.function.clone(), target)),
            Some((Place::Solve(at), target)) => {
                let equation = analysis.solves.get(at).and_then(|solve| solve.equations.first());
                equation.map(|equation| (equation.left().clone(), target))
            }
            None => target(script, request.of.as_deref()).map(|target| (analysis.target.clone(), target)),
        };
        let Some((typed, target)) = found else {
            return Err(Failure::whole(source.clone(), "nothing-to-do", "the script defines no function"));
        };
        // the function as it is shown: its own subexpressions are not to be rewritten
        let node = matgrad_calculus::simplify::reroll(&mut analysis.graph, typed.node);
        let function = Function { node, shape: shape(&typed.shape), target };
        let taken = taken(script, &analysis);
        let memory = match request.convention {
            Convention::Free => Memory::default(),
            Convention::Constrained => Memory::with_diagonals(),
        };
        let keep = NodeId(0);
        let (joined, extra) = (Vec::new(), Vec::new());
        let mut work = Self {
            source,
            script,
            request,
            analysis,
            variable,
            joined,
            extra,
            function,
            memory,
            taken,
            keep,
            row_by_row,
        };
        work.with_structure(node);
        work.name_parts();
        let rank = work.variable.shape.rank();
        work.graph().set_variable_rank(rank);
        work.keep = NodeId(work.analysis.graph.len() as u32);
        work.within_limits()?;
        Ok(work)
    }

    /// Lets long answers use the names that the script has for their parts.
    fn name_parts(&mut self) {
        let function = self.function.node;
        let g = &self.analysis.graph;
        let own = |(_, typed): &&(Name, infer::Typed)| {
            let below = g.reachable(&[typed.node]);
            let is = |found: fn(&Node) -> bool| below.iter().any(|id| found(g.node(*id)));
            // who evaluates an abstract function has no script
            typed.node != function && is(|n| matches!(n, Node::Input(_))) && !is(|n| matches!(n, Node::Call(..)))
        };
        let names: Vec<(Name, NodeId)> =
            self.analysis.definitions.iter().filter(own).map(|(name, typed)| (name.clone(), typed.node)).collect();
        self.memory.name_parts(names);
    }

    pub fn graph(&mut self) -> &mut Graph {
        &mut self.analysis.graph
    }

    pub fn refuse(&self, code: &'static str, message: impl Into<String>) -> Failure {
        Failure::whole(self.source.clone(), code, message)
    }

    pub fn within_limits(&self) -> Result<(), Failure> {
        let Limits { nodes, deadline } = self.request.limits;
        if self.analysis.graph.exhausted() {
            return Err(self.refuse("limit", format!("the computation needs more than {nodes} tensors, the limit")));
        }
        if deadline.is_some_and(|deadline| Instant::now() > deadline) {
            return Err(self.refuse("limit", crate::request::OVER));
        }
        Ok(())
    }

    /// The derivative, with the axes of the function followed by the variable's, `order` times.
    pub fn derivative(&mut self, order: usize) -> Result<NodeId, Failure> {
        let mut node = self.function.node;
        let mut at = self.function.shape.rank();
        for _ in 0..order {
            let g = &mut self.analysis.graph;
            let first = self.function.shape.rank();
            let next = derivative_under(g, node, (first, at), &self.variable, self.request.convention);
            node = next.map_err(|error| self.no_derivative(&error))?;
            at += self.variable.shape.rank();
            self.within_limits()?;
        }
        Ok(node)
    }

    /// The derivative along a step of the variable.
    pub fn along(&mut self, step: NodeId) -> Result<NodeId, Failure> {
        let (function, variable) = (self.function.node, self.variable.node);
        let along = diff::pushforward(self.graph(), function, variable, step);
        along.map_err(|error| self.no_derivative(&error))
    }

    /// The step `dX` of the variable.
    pub fn step(&mut self) -> NodeId {
        let name = format!("d{}", self.variable.name);
        let dims: Dims = self.analysis.graph.axes(self.variable.node).clone();
        let row = matches!(self.variable.shape, Shape::Row(_));
        self.graph().input(&name, &dims, row, &[])
    }

    pub fn no_derivative(&self, error: &DiffError) -> Failure {
        self.refuse("no-derivative", error.message.clone())
    }

    /// The node in terms of the variable as it was declared.
    pub fn with_structure(&mut self, node: NodeId) -> NodeId {
        let Variable { node: free, structured, .. } = self.variable;
        if free == structured { node } else { self.replaced(node, &[(free, structured)]) }
    }

    /// The node with others in place of some nodes.
    pub fn replaced(&mut self, node: NodeId, pairs: &[(NodeId, NodeId)]) -> NodeId {
        let map: FxHashMap<NodeId, NodeId> = pairs.iter().copied().collect();
        self.graph().replace(node, &map)
    }

    /// A shorter form of a node.
    pub fn simplified(&mut self, node: NodeId) -> Result<NodeId, Failure> {
        let simple = simplify(&mut self.analysis.graph, &mut self.memory, node, self.keep);
        self.within_limits()?;
        Ok(simple)
    }

    /// The node with its loops as they are written. Their steps are not to be rewritten after that.
    pub fn packed(&mut self, node: NodeId) -> NodeId {
        let packed = notation::split_loops(&mut self.analysis.graph, node);
        if packed != node {
            self.keep = NodeId(self.analysis.graph.len() as u32);
        }
        packed
    }

    /// A derivative in a layout.
    pub fn arranged(&mut self, node: NodeId, at: Layout) -> Result<Arranged, Failure> {
        let node = self.packed(node);
        let (function, variable, order) = (&self.function.shape, &self.variable.shape, self.request.order);
        let arranged = layout::arrange(&mut self.analysis.graph, node, function, variable, order, at);
        arranged.map_err(|error| self.refuse("layout", error.0))
    }

    /// A derivative in a layout, written in its shortest form.
    pub fn write(&mut self, node: NodeId, at: Layout) -> Result<Written, Failure> {
        let mut arranged = self.arranged(node, at)?;
        if arranged.node != node {
            arranged.node = self.simplified(arranged.node)?;
        }
        let g = &mut self.analysis.graph;
        let formula = notation::write(g, &mut self.memory, arranged.node, arranged.arrangement, &self.taken);
        if let Some(formula) = &formula
            && formula.axes.is_none()
        {
            return Ok(self.shown(formula.clone(), &arranged));
        }
        if let Some(written) = self.with_roots_written_out(&arranged, at)? {
            return Ok(written);
        }
        // values along directions read better than conditions on positions in a vec, and worse than a tensor's entries
        let entries = if matches!(at, Layout::Tensor | Layout::Blocks) { formula.clone() } else { None };
        let formula = match entries {
            Some(entries) => Some(entries),
            None => match self.along_loops(at)?.or(formula) {
                Some(formula) => Some(formula),
                None => self.along_units(at)?,
            },
        };
        let formula = match formula {
            Some(formula) => formula,
            None => self.by_entries(&arranged)?,
        };
        Ok(self.shown(formula, &arranged))
    }

    /// Index notation, where nothing else shows a derivative.
    fn by_entries(&mut self, arranged: &Arranged) -> Result<Formula, Failure> {
        let g = &mut self.analysis.graph;
        let formula = notation::write_by_entries(g, &mut self.memory, arranged.node, arranged.arrangement, &self.taken);
        formula.ok_or_else(|| self.no_notation(arranged.node))
    }

    /// A flattened derivative of matrix square roots with Kronecker products.
    fn with_roots_written_out(&mut self, arranged: &Arranged, at: Layout) -> Result<Option<Written>, Failure> {
        if matches!(at, Layout::Tensor | Layout::Differential | Layout::Blocks) {
            return Ok(None);
        }
        let mut best: Option<(u32, Formula)> = None;
        for (by_rows, turned) in [(false, false), (true, false), (false, true), (true, true)] {
            let node = self.graph().roots_written_out(arranged.node, by_rows, turned);
            if node == arranged.node {
                return Ok(None);
            }
            let node = self.simplified(node)?;
            let g = &mut self.analysis.graph;
            let length = notation::length(g, &mut self.memory, node);
            if best.as_ref().is_some_and(|(shortest, _)| *shortest <= length) {
                continue;
            }
            let formula = notation::write(g, &mut self.memory, node, arranged.arrangement, &self.taken);
            best = formula.filter(|formula| formula.axes.is_none()).map(|formula| (length, formula)).or(best);
        }
        Ok(best.map(|(_, formula)| self.shown(formula, arranged)))
    }

    pub fn written(&mut self, arranged: &Arranged) -> Result<Written, Failure> {
        let g = &mut self.analysis.graph;
        let formula = notation::write(g, &mut self.memory, arranged.node, arranged.arrangement, &self.taken);
        let formula = match formula {
            Some(formula) => formula,
            None => self.by_entries(arranged)?,
        };
        Ok(self.shown(formula, arranged))
    }

    fn no_notation(&self, node: NodeId) -> Failure {
        let g = &self.analysis.graph;
        let divides_by_zero = |id: NodeId| match g.node(id) {
            Node::Product(p) => p.factors.iter().any(|f| f.exponent.is_negative() && g.is_zero(f.node)),
            _ => false,
        };
        if g.reachable(&[node]).into_iter().any(divides_by_zero) {
            let message = "the function has no derivative: it would divide by 0 whatever the variables are";
            return self.refuse("no-derivative", message);
        }
        self.refuse(NO_NOTATION, "the derivative has no notation that could show it")
    }

    /// A formula ready to be shown.
    pub fn shown(&self, formula: Formula, arranged: &Arranged) -> Written {
        let shape = arranged.shape.iter().map(|dim| self.analysis.graph.sizes.text(*dim)).collect();
        Written { formula, shape, name: self.definition_name(), kinds: self.kinds(), values: Vec::new() }
    }

    /// A name for an index definition that nothing else has.
    fn definition_name(&self) -> Name {
        let numbered = (1..).map(|k| format!("G{k}"));
        let mut names = ["G", "H", "D"].into_iter().map(str::to_owned).chain(numbered).map(Name::from);
        names.find(|name| !self.taken.contains(name)).unwrap_or_else(|| "G".into())
    }

    /// What the names of a formula stand for.
    fn kinds(&self) -> BTreeMap<Name, Kind> {
        let variables = self.analysis.variables.iter();
        let mut kinds: BTreeMap<Name, Kind> =
            variables.map(|variable| (variable.name.clone(), kinds::of_shape(&variable.shape))).collect();
        for function in &self.analysis.functions {
            let info = self.analysis.graph.function_info(*function);
            kinds.insert(info.name.clone(), kinds::of_function(&info.codomain));
        }
        for name in self.taken.iter().filter(|name| self.analysis.graph.sizes.has_symbol(name)) {
            kinds.entry(name.clone()).or_insert(Kind::Scalar);
        }
        for variable in self.joined.iter().chain([&self.variable]) {
            kinds.entry(format!("d{}", variable.name).into()).or_insert(Kind::Step);
        }
        kinds
    }

    /// Compares a formula in a layout with an independent derivative of the function.
    pub fn prove(&self, formula: &Formula, at: Layout) -> Verdict {
        let problem = proof::problem(self.script, self.function.target, &self.variable.name, &self.analysis);
        proof::prove(&problem, formula, at, self.request.order, self.request.convention)
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

    /// What structure of the variable means for the derivative.
    pub fn structure(&self) -> Option<String> {
        let structural = self.variable.attributes.iter().filter(|attribute| structure::is_structural(**attribute));
        let attributes: Vec<&str> = structural.map(|attribute| attribute.name()).collect();
        if attributes.is_empty() {
            return None;
        }
        let (name, list) = (&self.variable.name, attributes.join(" "));
        let tangent = self.variable.attributes.contains(&Attribute::Orthogonal);
        Some(match self.request.convention {
            Convention::Free => format!("{name} is {list}; the derivative treats its entries as free"),
            Convention::Constrained if tangent => format!(
                "the derivative respects that {name} is {list}: G by free entries is projected on the tangent space, \
                 (G - {name}*G'*{name})/2"
            ),
            Convention::Constrained => format!("the derivative respects that {name} is {list}"),
        })
    }

    pub fn notes(&self) -> Vec<String> {
        let mut notes = self.analysis.notes.clone();
        let g = &self.analysis.graph;
        let unknowns = g.implicits_of(&[self.function.node]);
        let names: Vec<&str> = unknowns.iter().filter_map(|(z, _)| g.as_input(*z)).map(|z| &*z.name).collect();
        if !names.is_empty() {
            let list = names.join(" and ");
            notes.push(format!("a solution for {list} is assumed to exist; of several it is the one near the start"));
        }
        notes.extend(self.structure());
        notes
    }

    /// Where the function and its derivative exist.
    pub fn domain(&mut self, derivative: NodeId) -> Vec<String> {
        let function = self.with_structure(self.function.node);
        let g = &mut self.analysis.graph;
        // joined variables are no node of their own
        let wrt = self.joined.is_empty().then_some(self.variable.structured);
        let conditions = diff::domain(g, &[function, derivative], wrt);
        domain::texts(g, &mut self.memory, &conditions, &self.taken)
    }

    /// The function as it was written.
    pub fn expression(&self) -> String {
        let root = match self.function.target {
            Target::Expr(root) => Some(root),
            Target::Statement(at) => match self.script.statements.get(at).map(|statement| &statement.kind) {
                Some(StatementKind::Definition { body, .. } | StatementKind::Expression(body)) => Some(*body),
                Some(StatementKind::Implicit { name, .. }) => return name.name.to_string(),
                _ => None,
            },
        };
        root.map_or_else(String::new, |root| matgrad_render::text(&self.script.ast, root, TextOptions::PLAIN))
    }

    /// The declarations of the variables that the function needs, one a line, and of all abstract functions.
    pub fn declared(&self) -> Vec<String> {
        self.declared_of(&[self.function.node])
    }

    /// The same of all variables that some nodes need.
    pub fn declared_of(&self, nodes: &[NodeId]) -> Vec<String> {
        let g = &self.analysis.graph;
        let mut used: BTreeSet<&str> = [&*self.variable.name].into();
        used.extend(self.joined.iter().map(|variable| &*variable.name));
        let mut roots = nodes.to_vec();
        let assumed = self.analysis.relations.iter().flat_map(|relation| &relation.equations);
        roots.extend(assumed.flat_map(infer::Equation::sides).map(|side| side.node));
        for (unknown, residual) in g.implicits_of(&roots) {
            roots.extend([unknown, residual]);
        }
        used.extend(g.reachable(&roots).into_iter().filter_map(|id| g.as_input(id)).map(|i| &*i.name));
        let mut lines = Vec::new();
        let ast = &self.script.ast;
        for statement in &self.script.statements {
            match &statement.kind {
                StatementKind::Declaration { names, shape, attributes } => {
                    let attributes: Vec<Attribute> = attributes.iter().map(|(attribute, _)| *attribute).collect();
                    let wanted = names.iter().map(|ident| &*ident.name).filter(|name| used.contains(name));
                    lines.extend(wanted.map(|name| {
                        matgrad_render::declaration_text(ast, &[name], shape, &attributes, TextOptions::PLAIN)
                    }));
                }
                StatementKind::Implicit { name, .. } if used.contains(&*name.name) => {
                    lines.push(matgrad_render::statement_text(ast, &statement.kind, TextOptions::PLAIN));
                }
                StatementKind::Abstract { .. } | StatementKind::Assume { .. } => {
                    lines.push(matgrad_render::statement_text(ast, &statement.kind, TextOptions::PLAIN));
                }
                _ => {}
            }
        }
        lines
    }

    /// Whether a whole script that goes on from this one type-checks and knows every name.
    pub fn accepts(&self, source: &Source, script: &Script) -> Result<(), Failure> {
        let fail = |diagnostics| Failure { source: source.clone(), diagnostics };
        let analysis = infer::analyze(script, &infer::Options::default()).map_err(fail)?;
        let Some(unknown) = analysis.variables.iter().find(|variable| !variable.declared) else { return Ok(()) };
        let message = format!("the function has no variable `{}`", unknown.name);
        let mut diagnostic = Diagnostic::error("unknown-variable", unknown.span, message);
        let names = self.analysis.variables.iter().map(|variable| &*variable.name);
        if let Some(meant) = suggest::nearest(&unknown.name, names) {
            diagnostic = diagnostic.help(format!("did you mean `{meant}`?"));
        }
        Err(fail(vec![diagnostic]))
    }
}

/// Makes the implicit definitions of the script known to the graph.
pub(crate) fn define_implicits(source: &Source, analysis: &mut Analysis) -> Result<(), Failure> {
    diff::define_implicits(&mut analysis.graph, &analysis.implicits).map_err(|error| {
        let of = analysis.implicits.iter().find(|implicit| implicit.unknown.node == error.node);
        let span = of.map(|implicit| implicit.span).unwrap_or_default();
        Failure { source: source.clone(), diagnostics: vec![Diagnostic::error("implicit", span, error.message)] }
    })
}

/// The derivative of a node whose axes before `first` are the function's and those before `at` the earlier variables',
/// under a convention.
pub(crate) fn derivative_under(
    g: &mut Graph,
    node: NodeId,
    axes: (usize, usize),
    variable: &Variable,
    convention: Convention,
) -> Result<NodeId, DiffError> {
    let mode = g.has_loops().then(|| diff::readable_mode(g, node, variable.node));
    derivative_in_mode(g, node, axes, variable, convention, mode)
}

/// As [`derivative_under`], in a direction.
pub(crate) fn derivative_in_mode(
    g: &mut Graph,
    node: NodeId,
    (first, at): (usize, usize),
    variable: &Variable,
    convention: Convention,
    mode: Option<Mode>,
) -> Result<NodeId, DiffError> {
    let constrained = convention == Convention::Constrained;
    let earlier: Vec<usize> = (first..at).step_by(variable.shape.rank().max(1)).collect();
    if constrained && earlier.len() > 1 && variable.attributes.contains(&Attribute::Orthogonal) {
        let message = "on the orthogonal matrices there are derivatives of order 1 and 2 only; the free ones have any \
                       order (--convention free)";
        return Err(DiffError { message: message.into(), node });
    }
    if diff::holds_positions(g, node, &[variable.node, variable.structured]) {
        let message = format!(
            "`{}` holds positions, it is used as a subscript: between whole numbers there is no derivative",
            variable.name
        );
        return Err(DiffError { message, node });
    }
    let options = diff::Options { stands_for: Some(variable.structured), mode };
    let derivative = diff::derivative(g, node, variable.node, options)?;
    Ok(match convention {
        Convention::Free => derivative,
        Convention::Constrained => {
            let tied = structure::constrain(g, derivative, at, variable.node, &variable.attributes);
            structure::project(g, tied, &earlier, variable.node, &variable.attributes)
        }
    })
}

/// The statement that is the function: the definition of that name, or the last definition or expression.
pub(crate) fn target(script: &Script, of: Option<&str>) -> Option<Target> {
    let of = of.map(matgrad_syntax::normalize_name);
    let at = script.statements.iter().rposition(|statement| match &statement.kind {
        StatementKind::Definition { name, .. } => of.as_ref().is_none_or(|of| *of == name.name),
        StatementKind::Implicit { name, .. } => of.as_ref().is_none_or(|of| *of == name.name),
        StatementKind::Expression(_) => of.is_none(),
        _ => false,
    })?;
    Some(Target::Statement(at))
}

fn query_kind(statement: &StatementKind) -> Option<QueryKind> {
    if let StatementKind::Query { kind, .. } = statement { Some(*kind) } else { None }
}

/// Names that indices and definitions of the answer must not have.
fn taken(script: &Script, analysis: &Analysis) -> BTreeSet<Name> {
    let mut taken: BTreeSet<Name> = analysis.variables.iter().map(|variable| variable.name.clone()).collect();
    for statement in &script.statements {
        match &statement.kind {
            StatementKind::Definition { name, .. }
            | StatementKind::Abstract { name, .. }
            | StatementKind::Implicit { name, .. } => {
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
