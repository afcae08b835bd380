//! Values and derivatives on data: planned once, run as often as wanted.

use std::collections::BTreeMap;

use matgrad_calculus::diff;
use matgrad_calculus::graph::{Dims, Graph, Input, NodeId, Products};
use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{self, Kind as Shape, Layout};
use matgrad_calculus::structure;
use matgrad_eval::{
    Block, CompileError, Engine, Grid, Inputs, LayoutError, Options, Precision, SparseRequest, compile_sparse,
    infer_sizes,
};
use matgrad_syntax::{Diagnostic, Name, Source};
use rustc_hash::FxHashMap;

use crate::batch;
use crate::implicit::Solving;
use crate::plan::{Output, Plan};
use crate::work::{Variable, define_implicits, derivative_in_mode, shape};
use crate::{Convention, Failure, Limits, Text, turned};

/// Products over so many entries are not differentiated twice pair by pair.
const MANY_ENTRIES: usize = 256;

/// A product with a derivative instead of the derivative itself; each names an array of the data.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Product {
    /// The derivative along a step of the variable.
    Jvp(String),
    /// The transposed derivative applied to an array shaped like the function.
    Vjp(String),
    /// The Hessian of a scalar function along a step of the variable.
    Hvp(String),
    /// The Gauss-Newton product `J'*J*v`: the derivative along a step, and the transposed derivative applied to that.
    Gnvp(String),
}

impl Product {
    /// The names of its arrays: one, or one for each variable, separated by commas.
    fn arrays(&self) -> Vec<&str> {
        let (Self::Jvp(names) | Self::Vjp(names) | Self::Hvp(names) | Self::Gnvp(names)) = self;
        names.split(',').map(str::trim).collect()
    }
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
    /// The orders of the derivatives.
    pub orders: Vec<usize>,
    /// Whether the value is computed beside them.
    pub value: bool,
    /// How derivatives are arranged.
    pub layout: Layout,
    /// What structure of a variable means.
    pub convention: Convention,
    /// A product instead of derivatives.
    pub product: Option<Product>,
    /// Whether derivatives are sparse matrices. Those by several variables are one matrix, side by side.
    pub sparse: bool,
    /// Whether the diagonal of the Hessian is asked for instead of derivatives, shaped like the variable.
    pub diagonal: bool,
    /// What it may use up.
    pub limits: Limits,
    /// What carries the program out.
    pub engine: Engine,
    /// What numbers it runs on.
    pub precision: Precision,
    /// Inputs whose data stay as they are from run to run: what depends on nothing else is computed once.
    pub constant: Vec<String>,
    /// Inputs that have an axis more, first, which counts problems: results have it too.
    pub batch: Vec<String>,
}

impl Evaluation {
    /// The value of a function.
    pub fn new(text: Text) -> Self {
        Self {
            text,
            of: None,
            wrt: Vec::new(),
            orders: vec![0],
            value: true,
            layout: Layout::Numerator,
            convention: Convention::Free,
            product: None,
            sparse: false,
            diagonal: false,
            limits: Limits::default(),
            engine: Engine::Auto,
            precision: Precision::Double,
            constant: Vec::new(),
            batch: Vec::new(),
        }
    }

    /// Asks for the diagonal of the Hessian, which is never formed.
    ///
    /// ```
    /// use matgrad::{Array, Evaluation, Inputs, Text};
    /// let mut data = Inputs::new();
    /// data.insert("x", Array::vector(vec![1.0, 2.0, 3.0]));
    /// let text = Text::expression("norm(x)^4");
    /// let results = Evaluation::new(text).by("x", [2]).diagonal().plan(&data)?.run(&data)?;
    /// assert_eq!(results[1].1.data(), [64.0, 88.0, 128.0]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    #[must_use]
    pub fn diagonal(mut self) -> Self {
        self.diagonal = true;
        self
    }

    /// Asks for a run in this precision.
    ///
    /// ```
    /// use matgrad::{Array, Evaluation, Inputs, Precision, Text};
    /// let mut data = Inputs::new();
    /// data.insert("x", Array::vector(vec![1.0, 3.0]));
    /// let evaluation = Evaluation::new(Text::expression("1/sum(x)")).in_precision(Precision::Single);
    /// assert_eq!(evaluation.plan(&data)?.run(&data)?[0].1.data(), [0.25]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    #[must_use]
    pub fn in_precision(mut self, precision: Precision) -> Self {
        self.precision = precision;
        self
    }

    /// Names the inputs that hold a batch of problems, along a first axis that all of them have.
    ///
    /// ```
    /// use matgrad::{Array, Evaluation, Inputs, Text};
    /// let mut data = Inputs::new();
    /// data.insert("x", Array::new(vec![2, 3], vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0]).unwrap());
    /// let text = Text::expression("x'*x").declare("x in R^n");
    /// let results = Evaluation::new(text).by("x", 0..=1).batch(["x"]).plan(&data)?.run(&data)?;
    /// assert_eq!(results[0].1.data(), [14.0, 77.0]);
    /// assert_eq!(results[1].1.shape(), [2, 1, 3]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    #[must_use]
    pub fn batch<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.batch = names.into_iter().map(Into::into).collect();
        self
    }

    /// Names the inputs whose data stay as they are from run to run.
    #[must_use]
    pub fn constant<T: Into<String>>(mut self, names: impl IntoIterator<Item = T>) -> Self {
        self.constant = names.into_iter().map(Into::into).collect();
        self
    }

    /// Asks for derivatives as sparse matrices: [`Plan::run_sparse`] gives them.
    ///
    /// ```
    /// use matgrad::{Array, Evaluation, Inputs, Text};
    /// let mut data = Inputs::new();
    /// data.insert("x", Array::vector(vec![1.0, 2.0, 3.0]));
    /// let text = Text::script("example.mg", "x in R^n\nf = sum[i]((x[i+1] - x[i]^2)^2)");
    /// let plan = Evaluation::new(text).by("x", [2]).sparse().plan(&data)?;
    /// let (_, matrices) = plan.run_sparse(&data)?;
    /// let (name, hessian) = &matrices[0];
    /// assert_eq!(name, "derivative");
    /// assert_eq!(hessian.indptr(), [0, 2, 5, 7]);
    /// assert_eq!(hessian.indices(), [0, 1, 0, 1, 2, 1, 2]);
    /// assert_eq!(hessian.data(), [4.0, -4.0, -4.0, 38.0, -8.0, -8.0, 2.0]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    #[must_use]
    pub fn sparse(mut self) -> Self {
        self.sparse = true;
        self
    }

    /// Asks for derivatives by a variable.
    #[must_use]
    pub fn by(mut self, variable: impl Into<String>, orders: impl IntoIterator<Item = usize>) -> Self {
        self.wrt.push(variable.into());
        self.orders = orders.into_iter().collect();
        self
    }

    /// The program for data of these shapes. Without a variable and a definition by name, what the queries of a script ask
    /// for is computed as well.
    ///
    /// # Errors
    /// What is wrong with the text, or how the data does not fit it.
    pub fn plan(&self, data: &Inputs) -> Result<Plan, Failure> {
        self.limits.hold(&self.text, || self.planned(data))
    }

    fn planned(&self, data: &Inputs) -> Result<Plan, Failure> {
        let (source, script) = self.text.read()?;
        if !self.batch.is_empty() {
            return self.plan_of_batch(&source, &script, data);
        }
        if self.wrt.is_empty() && self.of.is_none() {
            let asked = crate::queries::numbers(self, &source, &script, data)?;
            if !asked.is_empty() {
                let mut parts = asked;
                if crate::work::target(&script, None).is_some() {
                    parts.insert(0, Planner::new(self, &source, &script)?.plan(data)?);
                }
                let mut parts = parts.into_iter();
                let first =
                    parts.next().ok_or_else(|| Failure::whole(source, "nothing-to-do", "nothing is asked for"))?;
                return Ok(Plan { more: parts.collect(), ..first });
            }
        }
        Planner::new(self, &source, &script)?.plan(data)
    }

    fn plan_of_batch(&self, source: &Source, script: &matgrad_syntax::Script, data: &Inputs) -> Result<Plan, Failure> {
        let names: Vec<Name> = self.batch.iter().map(|name| matgrad_syntax::normalize_name(name)).collect();
        let fail = |message: String| Failure::whole(source.clone(), "batch", message);
        if self.sparse || self.diagonal {
            return Err(fail("the results of a batch are dense".into()));
        }
        let problems = batch::count(data, &names).map_err(fail)?;
        let plan = Planner::new(self, source, script)?.plan(&batch::problem(data, &names, 0))?;
        if let Some(name) = names.iter().find(|name| !plan.program().inputs().iter().any(|i| i.name == **name)) {
            return Err(fail(format!("nothing that is computed depends on `{name}`")));
        }
        Ok(Plan { batch: names, problems, ..plan })
    }
}

/// What a query asks for, as a value of its own.
pub(crate) struct Asked {
    pub analysis: Analysis,
    pub variable: Variable,
    pub name: String,
    pub node: NodeId,
    pub shape: Shape,
    /// The variable's shape and the order, where a layout arranges it.
    pub arranged: Option<(Shape, usize)>,
    pub layout: Layout,
}

impl Asked {
    /// The program that computes it.
    pub fn plan(self, request: &Evaluation, source: &Source, data: &Inputs) -> Result<Plan, Failure> {
        let Asked { analysis, variable, name, node, shape, arranged, layout } = self;
        let mut planner = Planner { variables: vec![variable], ..Planner::over(request, source, analysis) };
        let regular = !planner.analysis.implicits.is_empty();
        planner.output(name, node, shape, arranged);
        let plan = planner.compiled(data, regular)?;
        Ok(Plan { layout, ..plan })
    }
}

pub(crate) struct Planner<'a> {
    request: &'a Evaluation,
    pub source: &'a Source,
    pub analysis: Analysis,
    pub variables: Vec<Variable>,
    /// Matrices whose data come column by column.
    pub turned: Vec<Name>,
    roots: Vec<NodeId>,
    outputs: Vec<Output>,
    /// Sparse results: names, and blocks whose nodes follow the dense ones among the roots.
    sparse: Vec<(String, Vec<Part>)>,
}

/// A block of a sparse result: the derivative of a function shaped so by a variable.
#[derive(Clone, Debug)]
struct Part {
    /// The derivative, or the function with the variable that it is to be differentiated by.
    node: NodeId,
    by: Option<Variable>,
    function: Shape,
    variable: Shape,
    order: usize,
    layout: Layout,
    /// Whether rows and columns are exchanged.
    turned: bool,
    /// Whether it is the diagonal that is wanted.
    diagonal: bool,
    /// Which block row and column it is in.
    place: [usize; 2],
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
        Ok(Self { variables, ..Self::over(request, source, analysis) })
    }

    /// A planner that has no results yet.
    pub fn over(request: &'a Evaluation, source: &'a Source, analysis: Analysis) -> Self {
        let (variables, turned) = (Vec::new(), Vec::new());
        Self {
            request,
            source,
            analysis,
            variables,
            turned,
            roots: Vec::new(),
            outputs: Vec::new(),
            sparse: Vec::new(),
        }
    }

    pub fn refuse(&self, code: &'static str, message: impl Into<String>) -> Failure {
        Failure::whole(self.source.clone(), code, message)
    }

    fn plan(mut self, data: &Inputs) -> Result<Plan, Failure> {
        let function = shape(&self.analysis.target.shape);
        let target = self.analysis.target.node;
        let order = self.request.orders.iter().copied().max();
        self.choose_products(data, order);
        if self.request.value {
            self.output("value".into(), target, function.clone(), None);
        }
        let sparse = (self.request.sparse || self.request.diagonal) && self.request.product.is_none();
        if sparse && self.request.diagonal {
            self.diagonals(target, &function)?;
        } else if sparse {
            self.sparse_derivatives(target, &function)?;
        }
        match self.request.product.clone() {
            Some(product) => self.product(target, &function, &product)?,
            None => {
                let variables = if sparse { Vec::new() } else { self.variables.clone() };
                for variable in variables {
                    self.derivatives(target, &function, &variable)?;
                }
            }
        }
        let regular = self.outputs.len() > 1 || !self.sparse.is_empty();
        self.compiled(data, regular)
    }

    /// Numbers are right beside an entry that is 0, too.
    pub fn choose_products(&mut self, data: &Inputs, order: Option<usize>) {
        let twice = matches!(self.request.product, Some(Product::Hvp(_))) || self.request.diagonal;
        let entries = data.iter().map(|(_, array)| array.data().len()).max().unwrap_or(0);
        self.analysis.graph.products = match (twice || order.unwrap_or(0) > 1, entries) {
            (false, _) => Products::Counted,
            (true, 0..=MANY_ENTRIES) => Products::Others,
            _ => Products::Divided,
        };
    }

    /// The program for all roots; `regular` asks for solutions of implicit definitions with a derivative.
    pub fn compiled(mut self, data: &Inputs, regular: bool) -> Result<Plan, Failure> {
        let dense = self.roots.len();
        self.roots.extend(self.sparse.iter().flat_map(|(_, parts)| parts).map(|part| part.node));
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
        self.within_limits()?;
        let sizes = self.sizes(data, &mut solving)?;
        self.check_positions(&sizes)?;
        let systems = solving.compile(&self.analysis.graph, &sizes, self.request.engine, regular);
        let systems = systems.map_err(|error| self.refuse("plan", error.to_string()))?;
        if systems.is_empty() {
            turned::read_by_columns(&mut self.analysis.graph, &mut self.roots, &self.turned);
        }
        let nodes = self.roots.split_off(dense);
        for (part, node) in self.sparse.iter_mut().flat_map(|(_, parts)| parts).zip(nodes) {
            part.node = node;
        }
        let free: Vec<Name> = self.variables.iter().map(|variable| variable.name.clone()).collect();
        let held: Vec<Name> = self.request.constant.iter().map(|name| matgrad_syntax::normalize_name(name)).collect();
        if let Some(name) = held.iter().find(|name| data.get(name).is_none()) {
            return Err(self.refuse("constant", format!("the data has no array for `{name}`, which is to be constant")));
        }
        let options = Options { engine: self.request.engine, held, ..Options::default() };
        let program = loop {
            let mut requests = Vec::new();
            for (_, parts) in &self.sparse {
                let request = sparse_request(&self.analysis.graph, parts, &sizes);
                requests.push(request.map_err(|error| self.refuse("layout", error))?);
            }
            let g = &mut self.analysis.graph;
            match compile_sparse(g, &self.roots, &requests, &sizes, (data, &free), &options) {
                Ok(program) => break program,
                Err(CompileError::Derivative) => self.differentiate()?,
                Err(error) => return Err(self.refuse("plan", error.to_string())),
            }
        };
        let source = self.source.clone();
        let mut sparse = Vec::new();
        for (name, parts) in self.sparse {
            let shape = match parts.first() {
                Some(part) if part.diagonal => {
                    let rank = part.variable.rank();
                    let dims = self.analysis.graph.axes(part.node).iter().take(rank);
                    Some(dims.filter_map(|dim| self.analysis.graph.sizes.evaluate(*dim, &sizes)).collect())
                }
                _ => None,
            };
            sparse.push((name, shape));
        }
        Ok(Plan {
            source,
            program,
            systems,
            outputs: self.outputs,
            sparse,
            layout: self.request.layout,
            precision: self.request.precision,
            more: Vec::new(),
            batch: Vec::new(),
            problems: 1,
        })
    }

    /// Derivatives as tensors, for the functions that are no straight-line code.
    fn differentiate(&mut self) -> Result<(), Failure> {
        let mut sparse = std::mem::take(&mut self.sparse);
        for part in sparse.iter_mut().flat_map(|(_, parts)| parts) {
            if let Some(variable) = part.by.take() {
                let rank = part.function.rank();
                part.node = self.partial(part.node, (rank, rank), &variable)?;
            }
        }
        self.sparse = sparse;
        self.within_limits()
    }

    /// Whether the graph is no larger than allowed.
    fn within_limits(&self) -> Result<(), Failure> {
        if !self.analysis.graph.exhausted() {
            return Ok(());
        }
        let nodes = self.request.limits.nodes;
        Err(self.refuse("limit", format!("the computation needs more than {nodes} tensors, the limit")))
    }

    /// The derivatives of all orders as sparse matrices: by several variables side by side, Hessians in blocks.
    fn sparse_derivatives(&mut self, target: NodeId, function: &Shape) -> Result<(), Failure> {
        let orders: Vec<usize> = self.request.orders.iter().copied().filter(|order| *order > 0).collect();
        if self.request.layout == Layout::Blocks {
            return Err(self.refuse("layout", "the blocks layout is a dense array; without it the matrix is sparse"));
        }
        let several = self.variables.len() > 1;
        let turned = several && matches!(self.request.layout, Layout::Denominator | Layout::Gradient);
        for order in orders.iter().copied() {
            let scalar = *function == Shape::Scalar;
            if order > 2 || several && order == 2 && !scalar {
                return Err(self.refuse("layout", "a sparse derivative has rows and columns: this one has more axes"));
            }
            let name = if order > 1 && orders.len() > 1 { format!("derivative{order}") } else { "derivative".into() };
            let mut parts = Vec::new();
            // a function is differentiated as code where it is straight-line code
            let plain = self.analysis.implicits.is_empty()
                && self.variables.iter().all(|variable| variable.node == variable.structured);
            let as_code = order == 1 && !scalar && plain && self.request.convention == Convention::Free;
            for (k, variable) in self.variables.clone().into_iter().enumerate() {
                let first = match as_code {
                    true => target,
                    false => self.partial(target, (function.rank(), function.rank()), &variable)?,
                };
                let layout = if several { Layout::Jacobian } else { self.request.layout };
                let (rank, own) = (function.rank() + variable.shape.rank(), variable.shape.clone());
                if order == 1 || !several {
                    let node =
                        if order == 1 { first } else { self.partial(first, (function.rank(), rank), &variable)? };
                    let place = if turned { [k, 0] } else { [0, k] };
                    parts.push(Part {
                        node,
                        by: as_code.then_some(variable),
                        function: function.clone(),
                        variable: own,
                        order,
                        layout,
                        turned,
                        diagonal: false,
                        place,
                    });
                    continue;
                }
                for (l, other) in self.variables.clone().into_iter().enumerate().skip(k) {
                    let node = self.partial(first, (0, rank), &other)?;
                    let place = [k, l];
                    let part = Part {
                        node,
                        by: None,
                        function: own.clone(),
                        variable: other.shape,
                        order: 1,
                        layout,
                        turned: false,
                        diagonal: false,
                        place,
                    };
                    if l > k {
                        parts.push(Part { turned: true, place: [l, k], ..part.clone() });
                    }
                    parts.push(part);
                }
            }
            self.sparse.push((name, parts));
        }
        Ok(())
    }

    /// The diagonals of the Hessians by each variable.
    fn diagonals(&mut self, target: NodeId, function: &Shape) -> Result<(), Failure> {
        if *function != Shape::Scalar {
            return Err(self.refuse("layout", "the diagonal of a Hessian is for scalar functions"));
        }
        for variable in self.variables.clone() {
            let first = self.partial(target, (0, 0), &variable)?;
            let node = self.partial(first, (0, variable.shape.rank()), &variable)?;
            let part = Part {
                node,
                by: None,
                function: Shape::Scalar,
                variable: variable.shape.clone(),
                order: 2,
                layout: self.request.layout,
                turned: false,
                diagonal: true,
                place: [0, 0],
            };
            self.sparse.push((self.name(1, &variable), vec![part]));
        }
        Ok(())
    }

    fn partial(&mut self, node: NodeId, ranks: (usize, usize), variable: &Variable) -> Result<NodeId, Failure> {
        let g = &mut self.analysis.graph;
        let next = derivative_in_mode(g, node, ranks, variable, self.request.convention, None);
        next.map_err(|error| self.refuse("no-derivative", error.message))
    }

    pub fn output(&mut self, name: String, root: NodeId, function: Shape, arranged: Option<(Shape, usize)>) {
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
                if self.request.layout == Layout::Blocks && *function == Shape::Scalar && order == 1 {
                    // the gradient beside the blocks of the Hessian
                    self.output(name, node, variable.shape.clone(), None);
                    continue;
                }
                if self.request.layout == Layout::Blocks {
                    let g = &mut self.analysis.graph;
                    let blocks = layout::arrange(g, node, function, &variable.shape, order, Layout::Blocks);
                    let blocks = blocks.map_err(|error| self.refuse("layout", error.0))?;
                    self.output(name, blocks.node, function.clone(), None);
                    continue;
                }
                self.output(name, node, function.clone(), Some((variable.shape.clone(), order)));
            }
        }
        Ok(())
    }

    /// A product with the derivative by all variables together: each has its own step. One step for several variables
    /// is a product with each of them.
    fn product(&mut self, target: NodeId, function: &Shape, product: &Product) -> Result<(), Failure> {
        let variables = self.variables.clone();
        let names = product.arrays();
        let cotangent = matches!(product, Product::Vjp(_));
        if cotangent && names.len() > 1 || names.len() > 1 && names.len() != variables.len() {
            let (count, wanted) = (names.len(), if cotangent { 1 } else { variables.len() });
            let message = format!("{count} arrays are given, where the product takes {wanted}");
            return Err(self.refuse("product", message));
        }
        if matches!(product, Product::Hvp(_)) && *function != Shape::Scalar {
            return Err(self.refuse("product", "a Hessian-vector product is for scalar functions"));
        }
        if cotangent {
            let weight = self.like(names[0], target, function);
            for variable in &variables {
                let node = diff::pullback(&mut self.analysis.graph, target, variable.node, weight);
                let node = node.map_err(|error| self.refuse("no-derivative", error.message))?;
                let node = self.constrained(node, variable);
                self.output(self.name(1, variable), node, variable.shape.clone(), None);
            }
            return Ok(());
        }
        // which variables move together
        let groups: Vec<Vec<(Variable, String)>> = if names.len() == variables.len() {
            vec![variables.into_iter().zip(names.iter().map(|name| (*name).to_owned())).collect()]
        } else {
            variables.into_iter().map(|variable| vec![(variable, names[0].to_owned())]).collect()
        };
        let alone = groups.len() == 1;
        for group in groups {
            let mut steps = Vec::new();
            for (variable, name) in &group {
                let mut step = self.like(name, variable.node, &variable.shape);
                if self.request.convention == Convention::Constrained {
                    let g = &mut self.analysis.graph;
                    step = structure::tied(g, step, variable.node, &variable.attributes);
                }
                steps.push((variable.clone(), step));
            }
            if let Product::Jvp(_) = product {
                let node = self.along(target, &steps)?;
                let name = if alone { "derivative".into() } else { self.name(1, &group[0].0) };
                self.output(name, node, function.clone(), None);
                continue;
            }
            let moved = match product {
                Product::Gnvp(_) => Some(self.along(target, &steps)?),
                _ => None,
            };
            for (variable, _) in &group {
                let g = &mut self.analysis.graph;
                let node = match moved {
                    Some(moved) => diff::pullback(g, target, variable.node, moved),
                    None => derivative_in_mode(g, target, (0, 0), variable, self.request.convention, None),
                };
                let mut node = node.map_err(|error| self.refuse("no-derivative", error.message))?;
                if moved.is_some() {
                    node = self.constrained(node, variable);
                } else {
                    node = self.along(node, &steps)?;
                    if self.request.convention == Convention::Constrained {
                        let g = &mut self.analysis.graph;
                        node = structure::project(g, node, &[0], variable.node, &variable.attributes);
                    }
                }
                self.output(self.name(1, variable), node, variable.shape.clone(), None);
            }
        }
        Ok(())
    }

    /// The derivative of a node along steps of several variables at once.
    fn along(&mut self, node: NodeId, steps: &[(Variable, NodeId)]) -> Result<NodeId, Failure> {
        let g = &mut self.analysis.graph;
        let mut total: Option<NodeId> = None;
        for (variable, step) in steps {
            let part = match diff::pushforward(g, node, variable.node, *step) {
                Ok(part) => part,
                Err(error) => return Err(self.refuse("no-derivative", error.message)),
            };
            total = Some(total.map_or(part, |sum| g.add(sum, part)));
        }
        total.ok_or_else(|| self.refuse("product", "a product needs a variable"))
    }

    /// A gradient by a variable under the convention of the request.
    fn constrained(&mut self, node: NodeId, variable: &Variable) -> NodeId {
        match self.request.convention {
            Convention::Free => node,
            Convention::Constrained => {
                structure::constrain(&mut self.analysis.graph, node, 0, variable.node, &variable.attributes)
            }
        }
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

    /// Refuses subscripts that are outside of their axes at these sizes.
    fn check_positions(&mut self, sizes: &BTreeMap<Name, usize>) -> Result<(), Failure> {
        let table = &mut self.analysis.graph.sizes;
        for position in &self.analysis.positions {
            if let Some((k, length)) = position.outside(table, sizes) {
                let message = format!("the subscript {k} is outside of 1 to {length}");
                let diagnostic = Diagnostic::error("out-of-range", position.span, message);
                return Err(Failure::new(self.source.clone(), diagnostic.help("the data make the axis so long")));
            }
        }
        Ok(())
    }
}

/// The blocks of a sparse result at their places, for given sizes.
fn sparse_request(g: &Graph, parts: &[Part], sizes: &BTreeMap<Name, usize>) -> Result<SparseRequest, String> {
    let mut placed: Vec<(NodeId, Grid, [usize; 2])> = Vec::new();
    let mut diagonals = Vec::new();
    for part in parts {
        let mut shape = Vec::new();
        let by = part.by.iter().flat_map(|variable| g.axes(variable.node));
        for dim in g.axes(part.node).iter().chain(by) {
            let length = g.sizes.evaluate(*dim, sizes);
            shape.push(length.ok_or_else(|| format!("the size of dimension `{}` is not known", g.sizes.text(*dim)))?);
        }
        diagonals.push(if part.diagonal { part.variable.rank() } else { 0 });
        if part.diagonal {
            let own = shape.get(..part.variable.rank()).unwrap_or(&[]);
            placed.push((part.node, Grid::column(own), part.place));
            continue;
        }
        let grid = Grid::new(&shape, &part.function, &part.variable, part.order, part.layout);
        let grid = grid.map_err(|error: LayoutError| error.to_string())?;
        placed.push((part.node, if part.turned { grid.transposed() } else { grid }, part.place));
    }
    // how far each block row and column reaches
    let length = |axis: usize, k: usize| {
        placed.iter().filter(|(_, _, place)| place[axis] == k).map(|(_, grid, _)| grid.shape[axis]).max().unwrap_or(0)
    };
    let start = |axis: usize, k: usize| (0..k).map(|k| length(axis, k)).sum::<usize>();
    let ends = [0, 1].map(|axis| {
        let last = placed.iter().map(|(_, _, place)| place[axis]).max().map_or(0, |k| k + 1);
        start(axis, last)
    });
    let bys = parts.iter().map(|part| part.by.as_ref().map(|variable| variable.node));
    let blocks = placed.iter().zip(diagonals).zip(bys).map(|(((node, grid, place), diagonal), by)| Block {
        node: *node,
        by,
        grid: grid.clone(),
        at: [start(0, place[0]), start(1, place[1])],
        diagonal,
    });
    Ok(SparseRequest { shape: ends, blocks: blocks.collect() })
}
