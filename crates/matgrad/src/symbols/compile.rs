//! Expressions and their derivatives as one function of arrays.

use std::sync::{Arc, Mutex, PoisonError};

use matgrad_calculus::infer::{self, Analysis};
use matgrad_calculus::layout::{self, Kind as Written, Layout};
use matgrad_calculus::notation::Arrangement;
use matgrad_eval::{Array, Inputs};
use matgrad_render::TextOptions;
use matgrad_syntax::{Name, Source, normalize_name};
use smallvec::SmallVec;

use super::compiled::{Compiled, Pools};
use super::derivative::Derived;
use super::expr::Expr;
use super::text::Tree;
use super::view::View;
use crate::evaluate::Planner;
use crate::work::{Variable, define_implicits, derivative_in_mode, shape};
use crate::{Evaluation, Failure, Text};

/// How the entries of a matrix lie in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Order {
    /// Row by row, as in C. Vectors and scalars are so.
    Rows,
    /// Column by column, as in Fortran.
    Columns,
}

/// One result of a function.
struct Output {
    /// Which of the functions it is, or which one is differentiated.
    function: usize,
    derived: Option<Arc<Derived>>,
}

/// Some expressions as one function of the arrays that its symbols stand for. It is planned once for each combination of
/// shapes that it is called with.
pub struct Function {
    text: Text,
    names: Vec<Name>,
    outputs: Vec<Output>,
    arguments: Vec<String>,
    plans: Mutex<Vec<Planned>>,
}

/// A plan with what it was made for.
type Planned = (Vec<(Vec<usize>, Order)>, Arc<Compiled>);

/// How many plans a function keeps.
const KEPT: usize = 64;

/// One function that gives the values of all these expressions; what they share is computed once. A derivative that was
/// found by [`Expr::diff`] and its kin is computed with the function that it belongs to.
///
/// The arguments are the symbols in the order in which they occur.
///
/// # Errors
/// What is wrong with the expressions.
pub fn compile(expressions: &[&Expr]) -> Result<Function, Failure> {
    let mut functions: Vec<Expr> = Vec::new();
    let mut outputs = Vec::new();
    for expr in expressions {
        let derived = expr.derived().cloned();
        let function = derived.as_ref().map_or((*expr).clone(), |derived| derived.function.clone());
        let known = functions.iter().position(|known| Arc::ptr_eq(&known.node, &function.node));
        let at = known.unwrap_or_else(|| {
            functions.push(function);
            functions.len() - 1
        });
        outputs.push(Output { function: at, derived });
    }
    let (mut tree, roots) = Tree::of(&functions);
    for output in &outputs {
        if let Some(symbol) = output.derived.as_ref().and_then(|derived| derived.wrt.symbol.as_ref()) {
            tree.declare(symbol);
        }
    }
    let mut lines = tree.preamble();
    let mut names = Vec::new();
    for root in roots {
        let name = tree.fresh("result");
        lines.push(format!("{name} = {}", matgrad_render::text(&tree.ast, root, TextOptions::ASCII)));
        names.push(name);
    }
    let text = Text::script("the function", lines.join("\n"));
    let arguments = tree.symbols.iter().map(|symbol| symbol.name.to_string()).collect();
    let function = Function { text, names, outputs, arguments, plans: Mutex::new(Vec::new()) };
    function.analyze()?;
    Ok(function)
}

impl Function {
    /// The names of the arguments.
    pub fn arguments(&self) -> &[String] {
        &self.arguments
    }

    /// The same function with its arguments in another order.
    ///
    /// # Errors
    /// Names that are not those of the arguments.
    pub fn with_arguments<T: AsRef<str>>(mut self, names: &[T]) -> Result<Self, Failure> {
        let names: Vec<String> = names.iter().map(|name| normalize_name(name.as_ref()).to_string()).collect();
        let (mut one, mut other) = (names.clone(), self.arguments.clone());
        one.sort();
        other.sort();
        if one != other {
            let (given, own) = (names.join(", "), self.arguments.join(", "));
            return Err(self.refuse(format!("the arguments are {own}, not {given}")));
        }
        self.arguments = names;
        Ok(self)
    }

    /// How many results a call has.
    pub fn results(&self) -> usize {
        self.outputs.len()
    }

    /// The script behind it.
    pub fn text(&self) -> &Text {
        &self.text
    }

    fn refuse(&self, message: String) -> Failure {
        let source = self.text.read().map_or_else(|failure| failure.source, |(source, _)| source);
        Failure::whole(source, "data", message)
    }

    fn analyze(&self) -> Result<(Source, Analysis), Failure> {
        let (source, script) = self.text.read()?;
        let wrt: Vec<&str> =
            self.outputs.iter().filter_map(|output| Some(output.derived.as_ref()?.wrt.name.as_str())).collect();
        let analysis = infer::analyze(&script, &infer::Options { wrt: &wrt, of: None });
        let mut analysis = analysis.map_err(|diagnostics| Failure { source: source.clone(), diagnostics })?;
        define_implicits(&source, &mut analysis)?;
        Ok((source, analysis))
    }

    /// The program for arguments of these shapes, which is made where it is new.
    ///
    /// # Errors
    /// Shapes that do not fit the declarations.
    pub fn plan(&self, arguments: &[(&[usize], Order)]) -> Result<Arc<Compiled>, Failure> {
        let same = |known: &[(Vec<usize>, Order)]| {
            known.len() == arguments.len() && known.iter().zip(arguments).all(|(a, b)| a.0 == b.0 && a.1 == b.1)
        };
        let mut plans = self.plans.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, compiled)) = plans.iter().find(|(key, _)| same(key)) {
            return Ok(compiled.clone());
        }
        let compiled = Arc::new(self.compile(arguments)?);
        if plans.len() >= KEPT {
            plans.remove(0);
        }
        plans.push((arguments.iter().map(|(shape, order)| (shape.to_vec(), *order)).collect(), compiled.clone()));
        Ok(compiled)
    }

    fn compile(&self, arguments: &[(&[usize], Order)]) -> Result<Compiled, Failure> {
        if arguments.len() != self.arguments.len() {
            let (given, list) = (arguments.len(), self.arguments.join(", "));
            return Err(
                self.refuse(format!("the function takes {}: {list}; it was given {given}", self.arguments.len()))
            );
        }
        let (source, analysis) = self.analyze()?;
        let mut data = Inputs::new();
        for (name, (shape, _)) in self.arguments.iter().zip(arguments) {
            data.insert(name, Array::zeros(shape));
        }
        let request = Evaluation::new(self.text.clone());
        let mut planner = Planner::over(&request, &source, analysis);
        planner
            .choose_products(&data, self.outputs.iter().filter_map(|o| Some(o.derived.as_ref()?.request.order)).max());
        let mut rows = Vec::new();
        for output in &self.outputs {
            rows.push(self.output(&mut planner, output)?);
        }
        for (name, (shape, order)) in self.arguments.iter().zip(arguments) {
            if *order == Order::Columns && shape.len() == 2 {
                planner.turned.push(normalize_name(name));
            }
        }
        let plan = planner.compiled(&data, self.outputs.len() > 1)?;
        let program = plan.program();
        let bare = program.results();
        let shapes = bare.iter().zip(&rows).map(|(array, row)| match (row, array.shape()) {
            (true, [n]) => vec![1, *n],
            (_, shape) => shape.to_vec(),
        });
        let shapes = shapes.collect();
        let inputs = program.inputs().iter().map(|input| {
            let name = input.name.strip_suffix('\'').unwrap_or(&input.name);
            self.arguments.iter().position(|argument| argument == name).unwrap_or(usize::MAX)
        });
        let inputs = inputs.collect();
        let named = self.arguments.iter().cloned().zip(arguments);
        let arguments = named.map(|(name, (shape, order))| (name, shape.to_vec(), *order)).collect();
        Ok(Compiled { plan, source, inputs, arguments, shapes, pools: Pools::default() })
    }

    /// Adds a result to the program; whether it is a row.
    fn output(&self, planner: &mut Planner, output: &Output) -> Result<bool, Failure> {
        let name = self.names.get(output.function);
        let found = planner.analysis.definitions.iter().find(|(own, _)| Some(own) == name);
        let Some((_, typed)) = found.cloned() else {
            return Err(planner.refuse("nothing-to-do", "the script defines no function"));
        };
        let function = shape(&typed.shape);
        let Some(derived) = &output.derived else {
            let row = matches!(function, Written::Row(_));
            planner.output("value".into(), typed.node, Written::Scalar, None);
            return Ok(row);
        };
        let variable = Variable::find(&derived.wrt.name, planner.source, &planner.analysis)?;
        if !planner.variables.iter().any(|known| known.name == variable.name) {
            planner.variables.push(variable.clone());
        }
        let mut node = typed.node;
        let rank = variable.shape.rank();
        for k in 0..derived.request.order {
            let axes = (function.rank(), function.rank() + k * rank);
            let g = &mut planner.analysis.graph;
            let next = derivative_in_mode(g, node, axes, &variable, derived.request.convention, None);
            node = next.map_err(|error| planner.refuse("no-derivative", error.message))?;
        }
        let tensor = |shape: &Written| matches!(shape, Written::Tensor(_));
        let layout = match derived.request.layout {
            Layout::Numerator if tensor(&function) || tensor(&variable.shape) => Layout::Tensor,
            Layout::Differential => {
                return Err(planner.refuse("layout", "the differential is no array; compile another layout"));
            }
            layout => layout,
        };
        let g = &mut planner.analysis.graph;
        let arranged = layout::arrange(g, node, &function, &variable.shape, derived.request.order, layout);
        let arranged = arranged.map_err(|error| planner.refuse("layout", error.0))?;
        let row = arranged.arrangement == Arrangement::Transposed && planner.analysis.graph.rank(arranged.node) == 1;
        planner.output("derivative".into(), arranged.node, Written::Scalar, None);
        Ok(row)
    }

    /// The results for these arrays, in the order of the arguments.
    ///
    /// # Errors
    /// As [`Function::plan`].
    pub fn call(&self, arguments: &[&Array]) -> Result<Vec<Array>, Failure> {
        let views: SmallVec<[View; 8]> = arguments.iter().map(|array| View::from(*array)).collect();
        self.call_views(&views)
    }

    /// The same for numbers that lie anywhere, which are read where they are: slices, and with the features `nalgebra`,
    /// `ndarray` and `faer` the matrices of these libraries, in and, by [`FromArray`](super::FromArray), out.
    ///
    /// ```
    /// use matgrad::symbols::{View, compile, vector};
    /// let x = vector("x", "n");
    /// let function = compile(&[&x.norm().pow(2)])?;
    /// assert_eq!(function.call_views(&[View::from(&[3.0, 4.0][..])])?[0].data(), [25.0]);
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    ///
    /// # Errors
    /// As [`Function::plan`].
    pub fn call_views(&self, arguments: &[View]) -> Result<Vec<Array>, Failure> {
        let shapes: SmallVec<[(&[usize], Order); 8]> = arguments.iter().map(View::shape).collect();
        let compiled = self.plan(&shapes)?;
        let data: SmallVec<[&[f64]; 8]> = arguments.iter().map(View::data).collect();
        let mut results: Vec<Array> = compiled.shapes().iter().map(|shape| Array::zeros(shape)).collect();
        let mut places: SmallVec<[&mut [f64]; 8]> = results.iter_mut().map(Array::data_mut).collect();
        compiled.run(&data, &mut places)?;
        drop(places);
        Ok(results)
    }
}
