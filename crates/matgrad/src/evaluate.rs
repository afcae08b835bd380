//! Values and derivatives on data: planned once, run as often as wanted.

use std::collections::BTreeMap;

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dims, Graph, Input, NodeId};
use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{Kind as Shape, Layout};
use matgrad_eval::{Array, Inputs, Program, System, Workspace, arrange, compile, infer_sizes};
use matgrad_syntax::{Name, Source};
use rustc_hash::FxHashMap;

use crate::implicit::Solving;
use crate::work::{Variable, define_implicits, derivative_in_mode, shape};
use crate::{Convention, Failure, Limits, Text};

/// A product with a derivative instead of the derivative itself; each names an array of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Product {
    /// The derivative along a step of the variable.
    Jvp(String),
    /// The transposed derivative applied to an array shaped like the function.
    Vjp(String),
    /// The Hessian of a scalar function along a step of the variable.
    Hvp(String),
}

/// What is to be computed.
///
/// ```
/// use matgrad::{Array, Evaluation, Inputs, Text};
/// let mut data = Inputs::new();
/// data.insert("x", Array::vector(vec![3.0, 4.0]));
/// let plan = Evaluation::new(Text::expression("norm(x)^2")).by("x", 0..=1).plan(&data)?;
/// let results = plan.run(&data)?;
/// assert_eq!(results[0], ("value".into(), Array::scalar(25.0)));
/// assert_eq!(results[1].1.data(), [6.0, 8.0]);
/// # Ok::<(), matgrad::Failure>(())
/// ```
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Declarations and the function.
    pub text: Text,
    /// The definition that is meant; by default the last.
    pub of: Option<String>,
    /// The variables to differentiate by.
    pub wrt: Vec<String>,
    /// The orders of the derivatives; the value, order 0, is always computed.
    pub orders: Vec<usize>,
    /// How derivatives are arranged.
    pub layout: Layout,
    /// What structure of a variable means.
    pub convention: Convention,
    /// A product instead of derivatives.
    pub product: Option<Product>,
    /// What it may use up.
    pub limits: Limits,
}

impl Evaluation {
    /// The value of a function.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            of: None,
            wrt: Vec::new(),
            orders: vec![0],
            layout: Layout::Numerator,
            convention: Convention::Free,
            product: None,
            limits: Limits::default(),
        }
    }

    /// Asks for derivatives by a variable.
    #[must_use]
    pub fn by(mut self, variable: impl Into<String>, orders: impl IntoIterator<Item = usize>) -> Self {
        self.wrt.push(variable.into());
        self.orders = orders.into_iter().collect();
        self
    }

    /// The program for data of these shapes.
    ///
    /// # Errors
    /// What is wrong with the text, or how the data does not fit it.
    pub fn plan(&self, data: &Inputs) -> Result<Plan, Failure> {
        let (source, script) = self.text.read()?;
        let planner = Planner::new(self, &source, &script)?;
        planner.plan(data)
    }
}

/// One array of the results.
#[derive(Clone, Debug)]
struct Output {
    name: String,
    function: Shape,
    /// The variable and the order, for a derivative that a layout arranges.
    arranged: Option<(Shape, usize)>,
}

/// What a run writes to, kept for the next one.
#[derive(Clone, Debug)]
pub struct Memory {
    workspace: Workspace,
    /// The bare results of the last run.
    pub results: Vec<Array>,
}

/// A compiled evaluation.
#[derive(Clone, Debug)]
pub struct Plan {
    source: Source,
    program: Program,
    /// What finds the unknowns that are defined implicitly, in this order.
    systems: Vec<System>,
    outputs: Vec<Output>,
    layout: Layout,
}

impl Plan {
    /// The results by name: `value`, `derivative`, `derivative2`, or `derivative_X` where there are several variables.
    ///
    /// # Errors
    /// Data that is missing or has another shape than that of the plan.
    pub fn run(&self, data: &Inputs) -> Result<Vec<(String, Array)>, Failure> {
        let mut memory = self.memory();
        self.execute(data, &mut memory)?;
        let arrays = memory.results;
        let named = self
            .outputs
            .iter()
            .zip(arrays)
            .map(|(output, array)| Ok((output.name.clone(), self.finish(output, array)?)));
        named.collect()
    }

    /// Memory for runs of this plan.
    pub fn memory(&self) -> Memory {
        Memory { workspace: Workspace::default(), results: self.program.results() }
    }

    /// Runs the program in memory that may be used again; the bare results, before a layout arranges them, are left in it.
    ///
    /// # Errors
    /// As [`Plan::run`].
    pub fn execute(&self, data: &Inputs, memory: &mut Memory) -> Result<(), Failure> {
        let solved;
        let data = if self.systems.is_empty() {
            data
        } else {
            let mut with = data.clone();
            for system in &self.systems {
                let found = system.solve(&mut with, &mut Workspace::default());
                found.map_err(|error| Failure::whole(self.source.clone(), "implicit", error.to_string()))?;
            }
            solved = with;
            &solved
        };
        let result = self.program.run_into(data, &mut memory.workspace, &mut memory.results);
        result.map_err(|error| Failure::whole(self.source.clone(), "data", error.to_string()))
    }

    /// The steps of the program with their costs.
    pub fn listing(&self) -> String {
        self.program.listing()
    }

    /// The program itself.
    pub fn program(&self) -> &Program {
        &self.program
    }

    fn finish(&self, output: &Output, array: Array) -> Result<Array, Failure> {
        match &output.arranged {
            Some((variable, order)) => arrange(&array, &output.function, variable, *order, self.layout)
                .map_err(|error| Failure::whole(self.source.clone(), "layout", error.to_string())),
            // a row is a matrix with one row, and a scalar has no axes
            None => Ok(match output.function {
                Shape::Row(_) => {
                    let n = array.data().len();
                    Array::new(vec![1, n], array.into_data()).unwrap_or_default()
                }
                _ => array,
            }),
        }
    }
}

struct Planner<'a> {
    request: &'a Evaluation,
    source: &'a Source,
    analysis: Analysis,
    variables: Vec<Variable>,
    roots: Vec<NodeId>,
    outputs: Vec<Output>,
}

impl<'a> Planner<'a> {
    fn new(request: &'a Evaluation, source: &'a Source, script: &matgrad_syntax::Script) -> Result<Self, Failure> {
        let names: Vec<Name> = request.wrt.iter().map(|name| matgrad_syntax::normalize_name(name)).collect();
        let wrt: Vec<&str> = names.iter().map(|name| &**name).collect();
        let options = infer::Options { wrt: &wrt, of: request.of.as_deref() };
        let mut analysis =
            infer::analyze(script, &options).map_err(|diagnostics| Failure { source: source.clone(), diagnostics })?;
        analysis.graph.set_node_limit(Some(request.limits.nodes));
        define_implicits(source, &mut analysis)?;
        let variables = names.iter().map(|name| Variable::find(name, source, &analysis));
        let variables = variables.collect::<Result<Vec<Variable>, Failure>>()?;
        Ok(Self { request, source, analysis, variables, roots: Vec::new(), outputs: Vec::new() })
    }

    fn refuse(&self, code: &'static str, message: impl Into<String>) -> Failure {
        Failure::whole(self.source.clone(), code, message)
    }

    fn plan(mut self, data: &Inputs) -> Result<Plan, Failure> {
        let function = shape(&self.analysis.target.shape);
        let target = self.analysis.target.node;
        self.output("value".into(), target, function.clone(), None);
        for variable in self.variables.clone() {
            match self.request.product.clone() {
                Some(product) => self.product(target, &function, &variable, &product)?,
                None => self.derivatives(target, &function, &variable)?,
            }
        }
        let mut solving =
            Solving::new(&mut self.analysis, &self.roots).map_err(|error| self.refuse("implicit", error))?;
        let map: FxHashMap<NodeId, NodeId> = self
            .variables
            .iter()
            .filter(|variable| variable.node != variable.structured)
            .map(|variable| (variable.node, variable.structured))
            .collect();
        if !map.is_empty() {
            let g = &mut self.analysis.graph;
            for root in self.roots.iter_mut().chain(solving.roots()) {
                *root = g.replace(*root, &map);
            }
        }
        if self.analysis.graph.exhausted() {
            let nodes = self.request.limits.nodes;
            return Err(self.refuse("limit", format!("the computation needs more than {nodes} tensors, the limit")));
        }
        let sizes = self.sizes(data, &mut solving)?;
        let regular = self.outputs.len() > 1;
        let systems = solving.compile(&self.analysis.graph, &sizes, regular);
        let systems = systems.map_err(|error| self.refuse("plan", error.to_string()))?;
        let program = compile(&self.analysis.graph, &self.roots, &sizes)
            .map_err(|error| self.refuse("plan", error.to_string()))?;
        let source = self.source.clone();
        Ok(Plan { source, program, systems, outputs: self.outputs, layout: self.request.layout })
    }

    fn output(&mut self, name: String, root: NodeId, function: Shape, arranged: Option<(Shape, usize)>) {
        self.roots.push(root);
        self.outputs.push(Output { name, function, arranged });
    }

    /// `derivative`, `derivative2`, and so on, with the variable where there are several.
    fn name(&self, order: usize, variable: &Variable) -> String {
        let many = self.variables.len() > 1;
        let several = self.request.orders.iter().filter(|order| **order > 0).count() > 1;
        let number = if order > 1 && several { order.to_string() } else { String::new() };
        if many { format!("derivative{number}_{}", variable.name) } else { format!("derivative{number}") }
    }

    fn derivatives(&mut self, target: NodeId, function: &Shape, variable: &Variable) -> Result<(), Failure> {
        let highest = self.request.orders.iter().copied().max().unwrap_or(0);
        let mut node = target;
        let mut at = function.rank();
        for order in 1..=highest {
            let g = &mut self.analysis.graph;
            let next = derivative_in_mode(g, node, (function.rank(), at), variable, self.request.convention, None);
            node = next.map_err(|error| self.refuse("no-derivative", error.message))?;
            at += variable.shape.rank();
            if self.request.orders.contains(&order) {
                let name = self.name(order, variable);
                self.output(name, node, function.clone(), Some((variable.shape.clone(), order)));
            }
        }
        Ok(())
    }

    fn product(
        &mut self,
        target: NodeId,
        function: &Shape,
        variable: &Variable,
        product: &Product,
    ) -> Result<(), Failure> {
        let name = self.name(1, variable);
        let no = |this: &Self, error: diff::DiffError| this.refuse("no-derivative", error.message);
        match product {
            Product::Jvp(step) => {
                let step = self.like(step, variable.node, &variable.shape);
                let node = diff::pushforward(&mut self.analysis.graph, target, variable.node, step);
                let node = node.map_err(|error| no(self, error))?;
                self.output(name, node, function.clone(), None);
            }
            Product::Vjp(weight) => {
                let weight = self.like(weight, target, function);
                let node = diff::pullback(&mut self.analysis.graph, target, variable.node, weight);
                let node = node.map_err(|error| no(self, error))?;
                self.output(name, node, variable.shape.clone(), None);
            }
            Product::Hvp(step) => {
                if *function != Shape::Scalar {
                    return Err(self.refuse("product", "a Hessian-vector product is for scalar functions"));
                }
                let step = self.like(step, variable.node, &variable.shape);
                let g = &mut self.analysis.graph;
                let gradient = derivative_in_mode(g, target, (0, 0), variable, Convention::Free, None);
                let gradient = gradient.map_err(|error| no(self, error))?;
                let node = diff::pushforward(&mut self.analysis.graph, gradient, variable.node, step);
                let node = node.map_err(|error| no(self, error))?;
                self.output(name, node, variable.shape.clone(), None);
            }
        }
        Ok(())
    }

    /// An input shaped like a node.
    fn like(&mut self, name: &str, node: NodeId, written: &Shape) -> NodeId {
        let g: &mut Graph = &mut self.analysis.graph;
        let dims: Dims = g.axes(node).clone();
        g.input(&matgrad_syntax::normalize_name(name), &dims, matches!(written, Shape::Row(_)), &[])
    }

    /// The sizes of the dimension names, from the data of all declared variables.
    fn sizes(&self, data: &Inputs, solving: &mut Solving) -> Result<BTreeMap<Name, usize>, Failure> {
        let g = &self.analysis.graph;
        let mut roots = self.roots.clone();
        roots.extend(solving.roots().map(|root| *root));
        let mut inputs: Vec<Input> = Vec::new();
        let mut missing: Vec<String> = Vec::new();
        for variable in &self.analysis.variables {
            inputs.extend(g.as_input(variable.structured.unwrap_or(variable.node)).cloned());
        }
        for id in g.reachable(&roots) {
            let Some(input) = g.as_input(id) else { continue };
            if solving.finds(id) {
                continue;
            }
            if data.get(&input.name).is_none() {
                missing.push(format!("`{}`", input.name));
            }
            if !inputs.iter().any(|known| known.name == input.name) {
                inputs.push(input.clone());
            }
        }
        if !missing.is_empty() {
            return Err(self.refuse("data", format!("the data has no array for {}", missing.join(", "))));
        }
        infer_sizes(&g.sizes, &inputs, data).map_err(|error| self.refuse("data", error.to_string()))
    }
}
