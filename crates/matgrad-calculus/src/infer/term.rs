//! Typed terms: the syntax tree with names resolved, defined functions put in place and chains flattened.
//!
//! An arena, children before parents. Every value has two axes until it is lowered (a scalar is 1×1, a column n×1), so
//! that an unknown size may still turn out to be 1.

use matgrad_syntax::{Attribute, ExprId, Name, Rational, Reducer, Span};
use smallvec::SmallVec;

use crate::graph::{Dim, Dims, MapOp, MatrixOp};

/// A term.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TermId(pub u32);

/// A bound index, one for each time its binder is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IndexId(pub u32);

/// A variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct VariableId(pub u32);

/// An abstract function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AbstractId(pub u32);

/// What is read off a recurrence, and which way it goes.
#[allow(missing_docs)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Run {
    pub read: Read,
    pub backward: bool,
}

/// What is read off a recurrence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// The last state.
    Last,
    /// The states after each step.
    After,
    /// The states before each step.
    Before,
}

impl Run {
    /// What a function of the language does.
    pub fn of(function: &str) -> Option<Self> {
        let (read, backward) = match function {
            "fold" => (Read::Last, false),
            "scan" => (Read::After, false),
            "exscan" => (Read::Before, false),
            "foldr" => (Read::Last, true),
            "scanr" => (Read::After, true),
            "exscanr" => (Read::Before, true),
            _ => return None,
        };
        Some(Run { read, backward })
    }
}

/// A loop, one for each time `fold` or `scan` is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LoopId(pub u32);

/// The shape of a term while dimensions may be unknown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Type {
    /// Rows and columns.
    Grid(Dim, Dim),
    /// Three axes or more (or none to speak of).
    Tensor(Dims),
    /// An error was reported here; what follows from it is not.
    Poison,
}

/// A whole number in terms of indices: `i + 1`, `n - i`, `3`.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Indices with their coefficients, none of them 0.
    pub indices: SmallVec<[(IndexId, i64); 2]>,
    /// The rest.
    pub constant: Dim,
}

impl Affine {
    /// The index, where this is one plus a constant.
    pub fn shifted_index(&self) -> Option<IndexId> {
        match self.indices.as_slice() {
            [(index, 1)] => Some(*index),
            _ => None,
        }
    }
}

/// A subscript.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub enum Sub {
    All,
    At(Affine),
    /// From and to, ends included.
    Range(Dim, Dim),
    /// Any other number, worked out entry by entry.
    Value(TermId),
}

/// What a function call is, once its name and literal arguments are known.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Operation {
    Map(MapOp),
    Log1p,
    Expm1,
    Sqrt,
    Norm,
    Norm1,
    NormInf,
    NormSpec,
    NormNuc,
    /// `tr det inv chol …` of one matrix, or a Fréchet derivative
    Matrix(MatrixOp),
    Trace,
    Cofactor,
    Transpose,
    Diag,
    Vec,
    RowVec,
    Kron,
    Dot,
    Cross,
    Solve,
    Inner,
    /// Over all entries, or down the columns (1) or along the rows (2).
    Reduce(Reducer, Option<u8>),
    Softmax(Option<u8>),
    Cumulate {
        reverse: bool,
    },
    Triangle {
        lower: bool,
    },
    Reshape,
    Compare {
        op: MapOp,
        swap: bool,
    },
    Hadamard,
    Divide,
    Power,
    ElemPower,
    MatrixPower(i64),
    Neg,
}

/// A constant array.
#[allow(missing_docs)]
#[derive(Clone, Debug, PartialEq)]
pub enum Constant {
    Eye,
    Full(Rational),
    Unit(Dim),
    Commutation(Dim, Dim),
    Duplication(Dim),
    Elimination(Dim),
}

/// What a term is.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub enum TermKind {
    Number(Rational),
    Pi,
    /// A dimension as a scalar.
    Dimension(Dim),
    /// An index as a scalar.
    Index(IndexId),
    Variable(VariableId),
    Constant(Constant),
    /// The sum of these, each negated or not.
    Sum(Vec<(bool, TermId)>),
    /// From left to right.
    Product(Vec<TermId>),
    Apply(Operation, SmallVec<[TermId; 2]>),
    /// Blocks by rows, each with its number of rows and columns.
    Blocks(Vec<Vec<(TermId, Dim, Dim)>>),
    Subscript(TermId, SmallVec<[Sub; 2]>),
    Delta(Affine, Affine),
    Epsilon(SmallVec<[Affine; 4]>),
    Reduce {
        op: Reducer,
        indices: SmallVec<[IndexId; 2]>,
        condition: Option<TermId>,
        body: TermId,
    },
    /// `K[p,q] = …`
    Tabulate(SmallVec<[IndexId; 4]>, TermId),
    /// The values for each index, as rows.
    Rows(IndexId, TermId),
    Call(AbstractId, SmallVec<[u8; 2]>, SmallVec<[TermId; 2]>),
    /// The state before a step of a loop, or the item of this step, in place of the parameter.
    Placeholder {
        loop_id: LoopId,
        /// Of which sequence it is the item; the state otherwise.
        item: Option<usize>,
        init: TermId,
        xs: SmallVec<[TermId; 2]>,
    },
    /// What is read off a loop; the body is the state after a step.
    Loop {
        loop_id: LoopId,
        init: TermId,
        xs: SmallVec<[TermId; 2]>,
        body: TermId,
        run: Run,
    },
    Poison,
}

/// A typed term.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct Term {
    pub kind: TermKind,
    pub ty: Type,
    /// The expression it was made of.
    pub at: ExprId,
}

/// One use of an index as a subscript: `sign*index + offset` along an axis.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct Use {
    pub sign: i8,
    pub offset: Dim,
    pub dim: Dim,
    pub at: ExprId,
    /// It stands under a condition on the index.
    pub guarded: bool,
}

/// What is known of an index.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct Index {
    pub name: Name,
    pub span: Span,
    pub length: Dim,
    /// Its first value.
    pub start: i64,
    pub explicit: bool,
    pub solved: bool,
    pub uses: Vec<Use>,
    /// Indices that a delta sets equal to it.
    pub links: SmallVec<[IndexId; 2]>,
}

/// A variable, declared or not.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct VariableInfo {
    pub name: Name,
    pub ty: Type,
    pub attributes: Vec<Attribute>,
    pub declared: bool,
    /// Its declaration, or where it is met first.
    pub span: Span,
}

/// An abstract function.
#[allow(missing_docs)]
#[derive(Clone, Debug)]
pub struct AbstractInfo {
    pub name: Name,
    pub domain: Vec<Dim>,
    pub codomain: Vec<Dim>,
    pub span: Span,
}
