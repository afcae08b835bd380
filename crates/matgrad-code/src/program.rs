//! What is written down: arrays and how each follows from others, without any language's way of saying so.
//!
//! One arena, equal operations interned once, arguments before results. A row is the transpose of a column: besides inputs
//! no other row exists, so that `x'*A'` and `(A*x)'` are one node.

use matgrad_calculus::graph::{Dim, DimPoly, DimTable, MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Name, Rational, Reducer};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::shard::Sharding;

/// An array of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Id(pub u32);

/// The arguments of an operation.
pub type Args = SmallVec<[Id; 3]>;

/// What a node depends on besides inputs: the index of a sum, the state of a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Binder {
    /// An index, by its place in [`Program::indices`].
    Index(u32),
    /// A loop, by its number.
    Loop(u32),
}

/// The open binders of a node, ascending.
pub type Scope = SmallVec<[Binder; 2]>;

/// A whole number in terms of indices.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Whole {
    /// Indices with their coefficients.
    pub indices: SmallVec<[(u32, i64); 2]>,
    /// The rest.
    pub constant: Dim,
}

/// A subscript, from 1.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Sub {
    /// `:`
    All,
    /// A place.
    At(Whole),
    /// From and to, ends included.
    Range(Dim, Dim),
    /// The place is the value of this argument.
    Value(usize),
}

/// A function that works entry by entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Entry {
    /// One of the functions of the graph.
    Map(MapOp),
    /// `log(1 + x)`
    Log1p,
    /// `exp(x) - 1`
    Expm1,
    /// `√x`
    Sqrt,
}

/// What a loop leaves behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Read {
    /// The last state.
    Last,
    /// The states after each step, as rows.
    After,
    /// The states before each step, as rows.
    Before,
}

/// An operation.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[allow(missing_docs)]
pub enum Op {
    Number(Rational),
    Pi,
    /// A dimension as a number.
    Size(Dim),
    /// An index as a number.
    Index(u32),
    Input(u32),
    /// All entries alike.
    Full(Rational),
    Eye,
    /// 1 at this place, from 1.
    Unit(Dim),
    Commutation(Dim, Dim),
    Duplication(Dim),
    Elimination(Dim),
    /// The sum, those marked taken off; scalars are added to every entry.
    Sum(SmallVec<[bool; 4]>),
    /// The product of the entries; scalars go to every entry.
    Mul,
    Div,
    Neg,
    Pow,
    Entry(Entry),
    /// The matrix product of two matrices, or of a matrix and a column.
    MatMul,
    /// A column times a row: the arguments are two columns.
    Outer,
    /// The sum of the products of the entries of two arrays of one shape.
    Dot,
    /// `diag(v)*A`
    ScaleRows,
    /// `A*diag(v)`: the arguments are v, A
    ScaleCols,
    Transpose,
    DiagMatrix,
    DiagPart,
    Trace,
    /// By columns.
    Vec,
    /// From the entries by columns.
    Reshape,
    Kron,
    Cross,
    /// `A\B`
    Solve,
    Norm,
    Matrix(MatrixOp),
    /// Over everything, or along this axis (0 or 1) of a matrix.
    Reduce(Reducer, Option<u8>),
    Softmax(Option<u8>),
    Cumulate {
        reverse: bool,
    },
    Triangle {
        lower: bool,
    },
    /// Blocks by rows: how many in each; with their sizes.
    Blocks(Vec<Vec<(Dim, Dim)>>),
    Subscript(SmallVec<[Sub; 2]>),
    Delta(Whole, Whole),
    Epsilon(Vec<Whole>),
    /// Over indices; the arguments are the body and, where there is one, the condition.
    ReduceIndex(Reducer, SmallVec<[u32; 2]>),
    Tabulate(SmallVec<[u32; 4]>),
    /// The columns for each index, as rows.
    Rows(u32),
    State(u32),
    /// An item of a sequence of a loop; the argument is the sequence.
    Item(u32, u32),
    /// Arguments: the first state, the sequences, the state after a step.
    Loop {
        id: u32,
        read: Read,
        backward: bool,
    },
}

/// A node.
#[derive(Clone, Debug)]
pub struct Node {
    /// What is done.
    pub op: Op,
    /// To what.
    pub args: Args,
    /// What comes out.
    pub shape: Shape,
    /// The binders that are open.
    pub scope: Scope,
}

/// An index of sums and tables.
#[derive(Clone, Debug)]
pub struct Index {
    /// Its name.
    pub name: Name,
    /// How many values it takes.
    pub length: Dim,
    /// The first.
    pub start: i64,
}

/// An input.
#[derive(Clone, Debug)]
pub struct Input {
    /// Its name in the language.
    pub name: Name,
    /// Its shape.
    pub shape: Shape,
}

/// A result.
#[derive(Clone, Debug)]
pub struct Output {
    /// What it is called.
    pub name: String,
    /// What it is, for the reader.
    pub comment: String,
    /// The array.
    pub id: Id,
}

/// A program.
#[derive(Clone, Debug, Default)]
pub struct Program {
    /// All nodes.
    pub nodes: Vec<Node>,
    interned: FxHashMap<(Op, Args), Id>,
    /// All dimensions.
    pub sizes: DimTable,
    /// All inputs.
    pub inputs: Vec<Input>,
    /// All indices.
    pub indices: Vec<Index>,
    /// How many loops there are.
    pub loops: u32,
    /// Their numbers by their first state, their sequences and which way they go.
    pub loop_keys: FxHashMap<(Args, bool), u32>,
    /// Names that the reader knows a node by.
    pub names: FxHashMap<Id, Name>,
    /// The results.
    pub outputs: Vec<Output>,
    /// Which arguments lie in parts.
    pub sharding: Sharding,
}

impl Program {
    /// The operation of a node.
    pub fn op(&self, id: Id) -> &Op {
        &self.nodes[id.0 as usize].op
    }

    /// A node.
    pub fn node(&self, id: Id) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The arguments of a node.
    pub fn args(&self, id: Id) -> &[Id] {
        &self.nodes[id.0 as usize].args
    }

    /// The shape of a node.
    pub fn shape(&self, id: Id) -> &Shape {
        &self.nodes[id.0 as usize].shape
    }

    /// Whether a node is one number.
    pub fn is_scalar(&self, id: Id) -> bool {
        *self.shape(id) == Shape::Scalar
    }

    /// The number, where a node is a literal.
    pub fn number(&self, id: Id) -> Option<&Rational> {
        match self.op(id) {
            Op::Number(value) => Some(value),
            _ => None,
        }
    }

    /// The node of an operation, without any simplification.
    pub fn intern(&mut self, op: Op, args: Args, shape: Shape) -> Id {
        let key = (op, args);
        if let Some(&known) = self.interned.get(&key) {
            return known;
        }
        let scope = self.scope_of(&key.0, &key.1);
        let id = Id(self.nodes.len() as u32);
        self.nodes.push(Node { op: key.0.clone(), args: key.1.clone(), shape, scope });
        self.interned.insert(key, id);
        id
    }

    fn scope_of(&self, op: &Op, args: &Args) -> Scope {
        let mut scope = Scope::new();
        let add = |scope: &mut Scope, binder: Binder| {
            if let Err(at) = scope.binary_search(&binder) {
                scope.insert(at, binder);
            }
        };
        for arg in args {
            for binder in &self.node(*arg).scope {
                add(&mut scope, *binder);
            }
        }
        let whole = |scope: &mut Scope, whole: &Whole| {
            for (index, _) in &whole.indices {
                add(scope, Binder::Index(*index));
            }
        };
        match op {
            Op::Index(index) => add(&mut scope, Binder::Index(*index)),
            Op::State(id) | Op::Item(id, _) => add(&mut scope, Binder::Loop(*id)),
            Op::Subscript(subs) => {
                for sub in subs {
                    if let Sub::At(at) = sub {
                        whole(&mut scope, at);
                    }
                }
            }
            Op::Delta(a, b) => {
                whole(&mut scope, a);
                whole(&mut scope, b);
            }
            Op::Epsilon(all) => all.iter().for_each(|w| whole(&mut scope, w)),
            _ => {}
        }
        let bound = self.bound(op);
        scope.retain(|binder| !bound.contains(binder));
        scope
    }

    /// All readings of the loop that this node reads, itself first: one loop serves them all.
    pub fn readings(&self, id: Id) -> Vec<Id> {
        let node = self.node(id);
        let Op::Loop { id: number, backward, .. } = node.op else { return vec![id] };
        let mut all = vec![id];
        for read in [Read::Last, Read::After, Read::Before] {
            let key = (Op::Loop { id: number, read, backward }, node.args.clone());
            if let Some(other) = self.interned.get(&key).filter(|other| **other != id) {
                all.push(*other);
            }
        }
        all
    }

    /// The binders that an operation closes.
    pub fn bound(&self, op: &Op) -> Scope {
        match op {
            Op::ReduceIndex(_, indices) => indices.iter().map(|i| Binder::Index(*i)).collect(),
            Op::Tabulate(indices) => indices.iter().map(|i| Binder::Index(*i)).collect(),
            Op::Rows(index) => SmallVec::from_slice(&[Binder::Index(*index)]),
            Op::Loop { id, .. } => SmallVec::from_slice(&[Binder::Loop(*id)]),
            _ => Scope::new(),
        }
    }

    /// A dimension of another table here.
    pub fn import(&mut self, from: &DimTable, dim: Dim) -> Dim {
        if let Some(value) = from.value(dim) {
            return self.sizes.constant(value);
        }
        let DimPoly(terms) = from.poly(dim).clone();
        let mut sum = self.sizes.constant(0);
        for (monomial, coefficient) in terms {
            let one = self.sizes.constant(1);
            let mut product = self.sizes.scale(one, &coefficient);
            for (symbol, power) in monomial {
                let factor = match from.minimum(symbol) {
                    Some((a, b)) => {
                        let (a, b) = (self.import(from, a), self.import(from, b));
                        self.sizes.min(a, b)
                    }
                    None => {
                        let name = from.name(symbol).clone();
                        self.sizes.symbol(&name)
                    }
                };
                for _ in 0..power {
                    product = self.sizes.mul(product, factor);
                }
            }
            sum = self.sizes.add(sum, product);
        }
        sum
    }

    /// A shape of another table here.
    pub fn import_shape(&mut self, from: &DimTable, shape: &Shape) -> Shape {
        match shape {
            Shape::Scalar => Shape::Scalar,
            Shape::Column(n) => Shape::Column(self.import(from, *n)),
            Shape::Row(n) => Shape::Row(self.import(from, *n)),
            Shape::Matrix(m, n) => Shape::Matrix(self.import(from, *m), self.import(from, *n)),
            Shape::Tensor(dims) => Shape::Tensor(dims.iter().map(|d| self.import(from, *d)).collect()),
        }
    }
}
