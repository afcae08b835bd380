//! Expressions as values: shared nodes, each the same construct that the parser would make.

use std::fmt;
use std::sync::{Arc, OnceLock};

use matgrad_render::TextOptions;
use matgrad_syntax::{Attribute, BinaryOp, Name, Rational, normalize_name};

use super::derivative::Derived;
use super::read::Read;
use super::shape::{Shape, shape_of};
use crate::{Failure, Text};

/// An expression over symbols. Cloning one is cheap, and parts that are used several times are shared.
///
/// What is wrong with an expression, operands whose shapes do not fit above all, is found when its [`shape`](Expr::shape)
/// or a derivative is asked for: operators give expressions, never an error of their own.
///
/// ```
/// use matgrad::symbols::{matrix, vector};
/// let (x, a) = (vector("x", "n"), matrix("A", "n", "n"));
/// let f = x.t() * &a * &x;
/// assert_eq!(f.text(), "x'*A*x");
/// assert_eq!(f.diff(&x)?.text(), "x'*(A + A')");
/// # Ok::<(), matgrad::Failure>(())
/// ```
#[derive(Clone)]
pub struct Expr {
    pub(super) node: Arc<Node>,
}

pub(super) struct Node {
    pub kind: Kind,
    pub children: Vec<Expr>,
    /// Whether it is made of dimensions and numbers only.
    pub size: bool,
    pub shape: OnceLock<Result<Shape, Arc<Failure>>>,
}

/// A declared name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Symbol {
    pub name: Name,
    pub dims: Vec<String>,
    pub attributes: Vec<Attribute>,
}

/// Which part of an axis a subscript takes; the numbers are children of the node, in their order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Part {
    All,
    At,
    Range,
}

/// What a node is, but for its children.
pub(super) enum Kind {
    Symbol(Arc<Symbol>),
    Number(Rational),
    /// A dimension, as text of the language.
    Dimension(String),
    Neg,
    Transpose,
    Binary(BinaryOp),
    Call(Name),
    Index(Vec<Part>),
    Column,
    /// How many entries each row has.
    Rows(Vec<usize>),
    /// A text of the language.
    Read(Arc<Read>),
    /// A derivative that was found.
    Derived(Arc<Derived>),
}

impl Drop for Node {
    // a chain of operations may be longer than the call stack is deep
    fn drop(&mut self) {
        let mut rest: Vec<Expr> = std::mem::take(&mut self.children);
        while let Some(expr) = rest.pop() {
            if let Some(mut node) = Arc::into_inner(expr.node) {
                rest.append(&mut node.children);
            }
        }
    }
}

impl Symbol {
    /// Whether the sizes are those of another symbol, however they are written: `1 + n` is `n+1`.
    pub fn has_shape_of(&self, other: &Symbol) -> bool {
        let shape = |symbol: &Symbol| shape_of(&Text::expression(&*symbol.name).declare(symbol.text())).ok();
        self.dims == other.dims || shape(self).is_some_and(|own| Some(own) == shape(other))
    }

    /// The declaration.
    pub fn text(&self) -> String {
        let mut text = match self.dims.as_slice() {
            [] => format!("{} in R", self.name),
            [n] if n.chars().all(char::is_alphanumeric) => format!("{} in R^{n}", self.name),
            dims => format!("{} in R^({})", self.name, dims.join(" x ")),
        };
        for attribute in &self.attributes {
            text.push(' ');
            text.push_str(attribute.name());
        }
        text
    }
}

/// A dimension: a whole number, a name, or an expression of names such as `n+1`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size(pub(super) String);

impl From<usize> for Size {
    fn from(n: usize) -> Self {
        Size(n.to_string())
    }
}

impl From<&str> for Size {
    fn from(text: &str) -> Self {
        Size(text.to_owned())
    }
}

impl From<String> for Size {
    fn from(text: String) -> Self {
        Size(text)
    }
}

/// A scalar.
pub fn scalar(name: &str) -> Expr {
    tensor::<Size>(name, [])
}

/// A column vector.
///
/// ```
/// let x = matgrad::symbols::vector("x", "n");
/// assert_eq!(x.shape()?.to_string(), "R^n");
/// # Ok::<(), matgrad::Failure>(())
/// ```
pub fn vector(name: &str, size: impl Into<Size>) -> Expr {
    tensor(name, [size.into()])
}

/// A matrix.
///
/// ```
/// use matgrad::symbols::{matrix, vector};
/// let (a, x) = (matrix("A", "m", "n"), vector("x", "n"));
/// assert_eq!((a * x).shape()?.to_string(), "R^m");
/// # Ok::<(), matgrad::Failure>(())
/// ```
pub fn matrix(name: &str, rows: impl Into<Size>, columns: impl Into<Size>) -> Expr {
    tensor(name, [rows.into(), columns.into()])
}

/// A symbol with any number of axes.
pub fn tensor<T: Into<Size>>(name: &str, sizes: impl IntoIterator<Item = T>) -> Expr {
    let dims = sizes.into_iter().map(|size| size.into().0).collect();
    let symbol = Symbol { name: normalize_name(name), dims, attributes: Vec::new() };
    Expr::leaf(Kind::Symbol(Arc::new(symbol)))
}

/// A dimension as a number: `sum(x)/size("n")`.
///
/// ```
/// use matgrad::symbols::{size, vector};
/// let x = vector("x", "n");
/// assert_eq!((x.sum() / size("n")).gradient(&x)?.text(), "ones(n)/n");
/// # Ok::<(), matgrad::Failure>(())
/// ```
pub fn size(dimension: impl Into<Size>) -> Expr {
    let text = dimension.into().0;
    match Rational::parse_decimal(&text) {
        Some(number) => Expr::leaf(Kind::Number(number)),
        None => Expr::leaf(Kind::Dimension(text)),
    }
}

impl Expr {
    pub(super) fn leaf(kind: Kind) -> Self {
        Self::of(kind, Vec::new())
    }

    pub(super) fn of(kind: Kind, children: Vec<Expr>) -> Self {
        let size = match &kind {
            Kind::Number(_) | Kind::Dimension(_) => true,
            Kind::Neg | Kind::Binary(_) => children.iter().all(|child| child.node.size),
            _ => false,
        };
        Self { node: Arc::new(Node { kind, children, size, shape: OnceLock::new() }) }
    }

    pub(super) fn binary(op: BinaryOp, left: &Expr, right: &Expr) -> Self {
        Self::of(Kind::Binary(op), vec![left.clone(), right.clone()])
    }

    pub(super) fn symbol(&self) -> Option<&Arc<Symbol>> {
        if let Kind::Symbol(symbol) = &self.node.kind { Some(symbol) } else { None }
    }

    /// The symbol with an attribute more, such as `symmetric`; of anything else the same expression.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// use matgrad::Attribute;
    /// let (x, a) = (vector("x", "n"), matrix("A", "n", "n").with(Attribute::Symmetric));
    /// assert_eq!((x.t() * a * &x).diff(&x)?.text(), "2*x'*A");
    /// # Ok::<(), matgrad::Failure>(())
    /// ```
    #[must_use]
    pub fn with(&self, attribute: Attribute) -> Expr {
        let Some(symbol) = self.symbol() else { return self.clone() };
        let mut symbol = Symbol::clone(symbol);
        symbol.attributes.push(attribute);
        Expr::leaf(Kind::Symbol(Arc::new(symbol)))
    }

    /// The name, of a symbol.
    pub fn name(&self) -> Option<&str> {
        self.symbol().map(|symbol| &*symbol.name)
    }

    /// Whether it is a number.
    pub fn is_number(&self) -> bool {
        matches!(self.node.kind, Kind::Number(_))
    }

    /// Whether it is known to be a scalar: a number, a dimension, or of that shape.
    pub(super) fn is_scalar(&self) -> bool {
        self.node.size || self.shape().is_ok_and(|shape| shape == Shape::Scalar)
    }
}

/// A number; what is no finite number is an error of the expression that it is part of.
impl From<f64> for Expr {
    fn from(value: f64) -> Self {
        let magnitude = Rational::parse_decimal(&format!("{:e}", value.abs()));
        match magnitude {
            Some(number) if value.is_sign_negative() && value != 0.0 => Expr::leaf(Kind::Number(-number)),
            Some(number) => Expr::leaf(Kind::Number(number)),
            None => Expr::read(&format!("{value}")),
        }
    }
}

impl From<i64> for Expr {
    fn from(value: i64) -> Self {
        Expr::leaf(Kind::Number(Rational::from(value)))
    }
}

impl From<i32> for Expr {
    fn from(value: i32) -> Self {
        Expr::from(i64::from(value))
    }
}

impl From<&Expr> for Expr {
    fn from(expr: &Expr) -> Self {
        expr.clone()
    }
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text())
    }
}

impl fmt::Debug for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let options = TextOptions { max_bytes: 400, ..TextOptions::PLAIN };
        write!(f, "Expr({})", self.text_with(options))
    }
}
