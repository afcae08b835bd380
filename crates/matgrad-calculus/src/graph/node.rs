//! The nodes of the one graph: tensors in Einstein form, by ordered axes.

use std::sync::Arc;

use matgrad_syntax::{Attribute, Name, Rational};
use smallvec::SmallVec;

use super::{Dim, Reading, Recurrence, Slot};

/// A node of a [`super::Graph`]; children have smaller ids than their parents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub u32);

/// An input of a [`super::Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InputId(pub u32);

/// An abstract function of a [`super::Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FunctionId(pub u32);

/// A contraction label, local to one product.
pub type Label = u16;

/// Labels of the axes of a factor or of a result.
pub type Labels = SmallVec<[Label; 4]>;

/// Dimensions of the axes of a node.
pub type Dims = SmallVec<[Dim; 4]>;

/// What is known of an input.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name.
    pub name: Name,
    /// Dimensions of its axes: none for a scalar, one for a vector (row or column), two for a matrix.
    pub dims: Dims,
    /// Whether a vector is written as a row.
    pub row: bool,
    /// What it is declared to be.
    pub attributes: Vec<Attribute>,
}

/// A function whose value is unknown.
#[derive(Clone, Debug)]
pub struct AbstractFunction {
    /// Its name.
    pub name: Name,
    /// How many scalars it takes.
    pub arity: usize,
    /// Dimensions of its value.
    pub codomain: Dims,
    /// Whether it is called with one vector instead of as many scalars.
    pub vector_argument: bool,
    /// Dimensions of its one argument where that is taken as a whole, because its length is no number. Derivatives by it
    /// have these axes after those of the value.
    pub domain: Option<Dims>,
}

/// One factor of a product: entry `labels` of `node`, to the power `exponent` (of the entry).
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Factor {
    /// The tensor.
    pub node: NodeId,
    /// One label an axis.
    pub labels: Labels,
    /// The power of the entry.
    pub exponent: Rational,
}

/// `out` = the sum over all labels that are not in `out` of the product of the factors.
///
/// A label that occurs twice in `out` makes a diagonal, one that occurs in no factor repeats the value along its axis:
/// `ones(n)` has no factors and `out = [0]`, `eye(n)` has no factors and `out = [0, 0]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Product {
    /// The factors, in canonical order.
    pub factors: Vec<Factor>,
    /// Labels of the result's axes.
    pub out: Labels,
    /// The dimension of each label.
    pub dims: Dims,
}

/// A function of one entry (or of entries of same-shaped operands).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MapOp {
    Exp,
    Log,
    Abs,
    Sign,
    Cbrt,
    Sin,
    Cos,
    Tan,
    Asin,
    Acos,
    Atan,
    Sinh,
    Cosh,
    Tanh,
    Asinh,
    Acosh,
    Atanh,
    Sigmoid,
    Softplus,
    Relu,
    Erf,
    Gamma,
    Lgamma,
    /// `polygamma(k, x)`; 0 is digamma, 1 is trigamma
    Polygamma(u32),
    /// Two operands from here on.
    Max,
    Min,
    Atan2,
    /// base and exponent
    Pow,
    /// 1 where the comparison holds, else 0
    Less,
    LessEq,
    Equal,
    NotEqual,
    /// Three operands: condition (not 0), value if so, value if not.
    Where,
}

impl MapOp {
    /// Whether values are chosen: different operands may have equal results.
    pub const fn chooses(self) -> bool {
        use MapOp::{Equal, Less, LessEq, Max, Min, NotEqual, Relu, Sign, Where};
        matches!(self, Relu | Sign | Max | Min | Less | LessEq | Equal | NotEqual | Where)
    }
}

/// A reduction along axes that is no sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum ReduceOp {
    Max,
    Min,
    Prod,
    LogSumExp,
}

/// A function of a matrix: the last two axes of the operand; axes before these are a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[allow(missing_docs)]
pub enum MatrixOp {
    /// n×n → n×n
    Inverse,
    /// n×n → scalar
    Det,
    /// n×n → scalar
    LogDet,
    /// n×n → n×n, the adjugate
    Adjugate,
    /// m×n → n×m
    Pinv,
    /// n×n → lower triangular n×n
    Cholesky,
    Expm,
    Logm,
    Sqrtm,
    /// symmetric n×n → n, ascending
    Eigvals,
    /// symmetric n×n → n×n, columns
    Eigvecs,
    /// m×n → its smaller dimension, descending; needs the dimension `min(m, n)`, see [`super::Graph`]
    Singvals,
    SvdU,
    SvdV,
    /// largest singular value → scalar
    NormSpec,
    /// sum of singular values → scalar
    NormNuc,
    /// (X, E) → derivative of expm at X along E; E may have axes before its last two
    ExpmFrechet,
    LogmFrechet,
    SqrtmFrechet,
}

/// One piece of a [`Node::Stack`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The piece.
    pub node: NodeId,
    /// `None`: the piece lacks the stacked axis and takes one place; otherwise its extent along it.
    pub extent: Option<Dim>,
}

/// A constant tensor that only derivatives by structured variables need.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Structural {
    /// n² × n(n+1)/2: vec of a symmetric matrix from its lower half
    Duplication,
    /// n(n+1)/2 × n²: the lower half out of vec
    Elimination,
}

/// A tensor.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Node {
    /// A variable.
    Input(InputId),
    /// The value of a dimension that is no number, as a scalar.
    Size(Dim),
    /// π
    Pi,
    /// Axes `[dim]`: 1 at position `at` (from 1), else 0.
    OneHot {
        /// Which position, from 1.
        at: Dim,
        /// The length.
        dim: Dim,
    },
    /// Axes `[dim]`: 1, 2, 3, …
    Iota(Dim),
    /// Axes `[rows, cols]`: 1 where `col = row + offset`, else 0. Slices and shifted subscripts.
    Shift {
        /// The offset, may be negative.
        offset: Dim,
        /// Length of the first axis.
        rows: Dim,
        /// Length of the second axis.
        cols: Dim,
    },
    /// Axes `[fast*slow, fast, slow]`: 1 where the first index is `fast + |fast|*slow` (from 0). `vec`, `⊗`, `reshape`.
    Fuse {
        /// The axis that varies first.
        fast: Dim,
        /// The other.
        slow: Dim,
    },
    /// Axes `[3, 3, 3]` (or `[2, 2]` …): the Levi-Civita symbol of that rank.
    LeviCivita(u8),
    /// A constant matrix for `n`.
    Structural(Structural, Dim),
    /// A product with contraction.
    Product(Product),
    /// A linear combination of same-shaped nodes, none of them a sum; empty is 0. The dimensions are its axes'.
    Sum(Vec<(Rational, NodeId)>, Dims),
    /// A function entry by entry.
    Map(MapOp, SmallVec<[NodeId; 2]>),
    /// A reduction along the axes listed (ascending).
    Reduce(ReduceOp, NodeId, SmallVec<[u8; 2]>),
    /// A function of a matrix.
    Matrix(MatrixOp, SmallVec<[NodeId; 2]>),
    /// Pieces side by side along one axis.
    Stack(u8, Vec<Part>),
    /// A state or an item of a sequence, inside the step of a loop.
    Placeholder {
        /// Which loop, from the inside out.
        level: u8,
        /// Which of its placeholders.
        slot: Slot,
        /// The axes.
        dims: Dims,
    },
    /// What is read off a loop.
    Loop(Arc<Recurrence>, Reading),
    /// A derivative by arguments (counted from 0), or the value, of an abstract function; axes: those of the arguments, then the codomain's.
    Call(FunctionId, SmallVec<[u8; 4]>, Vec<NodeId>),
}
