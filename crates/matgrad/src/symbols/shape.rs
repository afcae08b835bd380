//! Shapes of expressions: what inference says of one operation whose operands have the shapes that they have.

use std::fmt;
use std::sync::Arc;

use matgrad_calculus::graph::{Dim, DimTable};
use matgrad_calculus::infer;

use super::expr::{Expr, Kind};
use crate::{Failure, Text};

/// The shape of a value, in dimensions as text of the language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// No axes.
    Scalar,
    /// n × 1
    Column(String),
    /// 1 × n
    Row(String),
    /// m × n
    Matrix(String, String),
    /// Three axes or more.
    Tensor(Vec<String>),
}

impl Shape {
    pub(crate) fn of(shape: &infer::Shape, table: &DimTable) -> Self {
        let text = |dim: &Dim| table.text(*dim);
        match shape {
            infer::Shape::Scalar => Shape::Scalar,
            infer::Shape::Column(n) => Shape::Column(text(n)),
            infer::Shape::Row(n) => Shape::Row(text(n)),
            infer::Shape::Matrix(m, n) => Shape::Matrix(text(m), text(n)),
            infer::Shape::Tensor(dims) => Shape::Tensor(dims.iter().map(text).collect()),
        }
    }

    /// The lengths of the axes that an array of this shape has: none of a scalar, one of a column, two of a row.
    pub fn axes(&self) -> Vec<String> {
        match self {
            Shape::Scalar => Vec::new(),
            Shape::Column(n) => vec![n.clone()],
            Shape::Row(n) => vec!["1".into(), n.clone()],
            Shape::Matrix(m, n) => vec![m.clone(), n.clone()],
            Shape::Tensor(dims) => dims.clone(),
        }
    }
}

/// The space, as a declaration has it.
impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.axes().as_slice() {
            [] => f.write_str("R"),
            [n] if n.chars().all(char::is_alphanumeric) => write!(f, "R^{n}"),
            dims => write!(f, "R^({})", dims.join(" x ")),
        }
    }
}

impl Expr {
    /// The shape, or what is wrong with the expression: shapes that do not fit are both named, and underlined in its text.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// let sum = vector("x", "n") + matrix("A", "n", "n");
    /// let failure = sum.shape().unwrap_err();
    /// assert!(failure.to_string().contains("different shapes: R^n and R^(n x n)"), "{failure}");
    /// ```
    ///
    /// # Errors
    /// The first operation whose operands do not fit.
    pub fn shape(&self) -> Result<Shape, Failure> {
        self.known_shape().map_err(|failure| Failure::clone(&failure))
    }

    pub(super) fn known_shape(&self) -> Result<Shape, Arc<Failure>> {
        let mut todo = vec![self.clone()];
        while let Some(expr) = todo.last().cloned() {
            if expr.node.shape.get().is_some() {
                todo.pop();
                continue;
            }
            let unknown = expr.node.children.iter().filter(|child| child.node.shape.get().is_none());
            let before = todo.len();
            todo.extend(unknown.cloned());
            if todo.len() == before {
                todo.pop();
                expr.node.shape.get_or_init(|| expr.infer());
            }
        }
        self.node.shape.get().cloned().unwrap_or(Ok(Shape::Scalar))
    }

    /// The shape, where those of the operands are known.
    fn infer(&self) -> Result<Shape, Arc<Failure>> {
        if self.node.size {
            return Ok(Shape::Scalar);
        }
        if let Kind::Read(read) = &self.node.kind {
            return read.shape();
        }
        if let Kind::Derived(derived) = &self.node.kind {
            return derived.expression().known_shape();
        }
        let mut text = String::new();
        let mut operands: Vec<Expr> = Vec::new();
        for (k, child) in self.node.children.iter().enumerate() {
            let shape = match child.node.shape.get() {
                Some(Ok(shape)) => shape.clone(),
                Some(Err(failure)) => return Err(failure.clone()),
                None => Shape::Scalar,
            };
            operands.push(match &child.node.kind {
                Kind::Number(_) | Kind::Symbol(_) => child.clone(),
                _ if child.node.size => {
                    // a vector makes its names dimensions
                    text.push_str(&format!("size{k}_ in R^({})\n", child.text()));
                    child.clone()
                }
                _ => super::tensor(&format!("operand{k}_"), shape.axes()),
            });
        }
        let one = Expr::of(self.node.kind.bare(), operands);
        let context = if text.is_empty() { None } else { Some(text) };
        match shape_of(&one.as_text(context.as_deref())) {
            Ok(shape) => Ok(shape),
            // the same fault in the whole expression, where it can be read
            Err(failure) => Err(Arc::new(shape_of(&self.as_text(context.as_deref())).err().unwrap_or(failure))),
        }
    }
}

/// The shape of the value of a text.
pub(super) fn shape_of(text: &Text) -> Result<Shape, Failure> {
    let (source, script) = text.read()?;
    let analysis = infer::analyze(&script, &infer::Options::default());
    let analysis = analysis.map_err(|diagnostics| Failure { source, diagnostics })?;
    Ok(Shape::of(&analysis.target.shape, &analysis.graph.sizes))
}
