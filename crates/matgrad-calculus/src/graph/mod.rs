//! The one graph: a hash-consed arena of tensor nodes in Einstein form.
//!
//! Equal expressions are the same node, whatever order, transposition or index names their author used: that is what the
//! constructors in this module are for. Children have smaller ids than their parents, so every pass is a loop.

mod canonical;
mod coincidence;
mod dim;
mod fractions;
mod kron;
mod map;
mod matrix;
mod node;
mod product;
mod recurrence;
mod rewrite;
mod spectral;
mod stack;
mod sum;

pub use dim::{Dim, DimMonomial, DimPoly, DimSymbol, DimTable};
pub(crate) use fractions::Whole;
pub use node::{
    AbstractFunction, Dims, Factor, FunctionId, Input, InputId, Label, Labels, MapOp, MatrixOp, Node, NodeId, Part,
    Product, ReduceOp, Structural,
};
pub use product::ProductBuilder;
pub(crate) use product::components;
pub(crate) use recurrence::NESTING_LIMIT;
pub use recurrence::{Reading, Recurrence, Slot};

use hashbrown::HashTable;
use matgrad_syntax::{Attribute, Name, Rational, patience};
use rustc_hash::{FxBuildHasher, FxHashMap};
use smallvec::{SmallVec, smallvec};
use std::hash::BuildHasher;

/// All tensors of one problem.
#[derive(Clone, Default)]
pub struct Graph {
    nodes: Vec<Node>,
    dims: Vec<Dims>,
    table: HashTable<NodeId>,
    inputs: Vec<Input>,
    functions: Vec<AbstractFunction>,
    symmetric: FxHashMap<NodeId, bool>,
    /// Inputs that are functions of others: each with what vanishes, in its own shape.
    implicits: Vec<(NodeId, NodeId)>,
    /// For each node the levels of the placeholders it depends on.
    open: Vec<u64>,
    /// Whether there ever was a loop.
    loops: bool,
    /// Whether there ever were functions of each row of something; known for good once the functions are read.
    rows: bool,
    rows_known: bool,
    variable_rank: usize,
    /// How many loops are being made.
    open_levels: usize,
    /// How many nodes there may be: a guard against inputs that grow without end.
    pub(crate) node_limit: Option<usize>,
    /// How products of entries are differentiated.
    pub products: Products,
    /// The dimensions.
    pub sizes: DimTable,
}

/// How the product of the entries of a tensor is differentiated where none of them is known to be 0.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Products {
    /// `prod(x)./x`, for readers: wrong beside a 0.
    #[default]
    Divided,
    /// The same with zeros taken out and counted: right at any x, and not to be differentiated again.
    Counted,
    /// The products of all other entries: right at any x to any order, with as many operations as pairs of entries.
    Others,
}

impl Graph {
    /// An empty graph.
    pub fn new() -> Self {
        Self::default()
    }

    /// A tensor.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.0 as usize]
    }

    /// The dimensions of a tensor's axes.
    pub fn axes(&self, id: NodeId) -> &Dims {
        &self.dims[id.0 as usize]
    }

    /// How many axes a tensor has.
    pub fn rank(&self, id: NodeId) -> usize {
        self.axes(id).len()
    }

    /// How many tensors there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// How many axes the variable of a derivative has: the last of the derivative's.
    pub fn variable_rank(&self) -> usize {
        self.variable_rank
    }

    /// Says how many axes the variable has that is differentiated by.
    pub fn set_variable_rank(&mut self, rank: usize) {
        self.variable_rank = rank;
    }

    /// Whether any node is a loop.
    pub fn has_loops(&self) -> bool {
        self.loops
    }

    /// Whether any node is a loop, or a function of matrices or vectors for each row of something.
    pub fn goes_row_by_row(&self) -> bool {
        self.loops || self.rows
    }

    /// Says that something is worked out for each row of something.
    pub(crate) fn note_rows(&mut self) {
        self.rows |= !self.rows_known;
    }

    /// Says that the functions are read: what derivatives work out for each row does not make them go row by row.
    pub fn functions_are_read(&mut self) {
        self.rows_known = true;
    }

    /// Whether the graph has outgrown its limit; long passes stop when it has.
    pub fn exhausted(&self) -> bool {
        self.node_limit.is_some_and(|limit| self.nodes.len() > limit)
    }

    /// Sets how many tensors there may be before [`Graph::exhausted`] says so.
    pub fn set_node_limit(&mut self, limit: Option<usize>) {
        self.node_limit = limit;
    }

    fn intern(&mut self, node: Node, dims: Dims) -> NodeId {
        patience::look();
        let hasher = FxBuildHasher;
        let hash = hasher.hash_one(&node);
        let nodes = &self.nodes;
        if let Some(&id) = self.table.find(hash, |id| nodes[id.0 as usize] == node) {
            return id;
        }
        let id = NodeId(self.nodes.len() as u32);
        let open = self.find_open(&node);
        self.open.push(open);
        self.nodes.push(node);
        self.dims.push(dims);
        let nodes = &self.nodes;
        self.table.insert_unique(hash, id, |id| hasher.hash_one(&nodes[id.0 as usize]));
        id
    }

    /// Declares a variable; the same name twice is the same input only if everything else is equal too.
    pub fn input(&mut self, name: &str, dims: &[Dim], row: bool, attributes: &[Attribute]) -> NodeId {
        let found = self
            .inputs
            .iter()
            .position(|i| &*i.name == name && i.dims.as_slice() == dims && i.row == row && i.attributes == attributes);
        let id = found.unwrap_or_else(|| {
            self.inputs.push(Input {
                name: Name::from(name),
                dims: Dims::from_slice(dims),
                row,
                attributes: attributes.to_vec(),
            });
            self.inputs.len() - 1
        });
        self.intern(Node::Input(InputId(id as u32)), Dims::from_slice(dims))
    }

    /// What is known of an input.
    pub fn input_info(&self, id: InputId) -> &Input {
        &self.inputs[id.0 as usize]
    }

    /// The input behind a node, where it is one.
    pub fn as_input(&self, id: NodeId) -> Option<&Input> {
        match self.node(id) {
            Node::Input(input) => Some(self.input_info(*input)),
            _ => None,
        }
    }

    /// Defines an input as a function of all others in `residual`, which has its shape and vanishes.
    pub fn define_implicit(&mut self, unknown: NodeId, residual: NodeId) {
        self.implicits.retain(|(known, _)| *known != unknown);
        self.implicits.push((unknown, residual));
    }

    /// The inputs that are defined implicitly, with their residuals, in the order of their definitions.
    pub fn implicits(&self) -> &[(NodeId, NodeId)] {
        &self.implicits
    }

    /// Those of the implicit definitions that a node needs, directly or through others.
    pub fn implicits_of(&self, roots: &[NodeId]) -> Vec<(NodeId, NodeId)> {
        if self.implicits.is_empty() {
            return Vec::new();
        }
        let mut needed = vec![false; self.implicits.len()];
        let mut todo = roots.to_vec();
        while !todo.is_empty() {
            let found = self.reachable(&todo);
            todo.clear();
            for (k, (unknown, residual)) in self.implicits.iter().enumerate() {
                if !needed[k] && found.binary_search(unknown).is_ok() {
                    needed[k] = true;
                    todo.push(*residual);
                }
            }
        }
        self.implicits.iter().zip(needed).filter(|(_, needed)| *needed).map(|(implicit, _)| *implicit).collect()
    }

    /// Declares an abstract function.
    pub fn function(&mut self, function: AbstractFunction) -> FunctionId {
        self.functions.push(function);
        FunctionId(self.functions.len() as u32 - 1)
    }

    /// What is known of an abstract function.
    pub fn function_info(&self, id: FunctionId) -> &AbstractFunction {
        &self.functions[id.0 as usize]
    }

    /// An exact number, as a scalar.
    pub fn number(&mut self, value: Rational) -> NodeId {
        self.full(&[], value)
    }

    /// A tensor with the same number everywhere.
    pub fn full(&mut self, dims: &[Dim], value: Rational) -> NodeId {
        let ones = self.ones(dims);
        self.scale(ones, &value)
    }

    /// A tensor of zeros.
    pub fn zeros(&mut self, dims: &[Dim]) -> NodeId {
        self.intern(Node::Sum(Vec::new(), Dims::from_slice(dims)), Dims::from_slice(dims))
    }

    /// A tensor of ones.
    pub fn ones(&mut self, dims: &[Dim]) -> NodeId {
        let out: Labels = (0..dims.len() as Label).collect();
        let dims = Dims::from_slice(dims);
        self.intern(Node::Product(Product { factors: Vec::new(), out, dims: dims.clone() }), dims)
    }

    /// The identity matrix.
    pub fn identity(&mut self, dim: Dim) -> NodeId {
        let product = Product { factors: Vec::new(), out: smallvec![0, 0], dims: smallvec![dim] };
        self.intern(Node::Product(product), smallvec![dim, dim])
    }

    /// The value of a dimension, as a scalar.
    pub fn size(&mut self, dim: Dim) -> NodeId {
        match self.sizes.value(dim) {
            Some(value) => self.number(Rational::int(value)),
            None => self.intern(Node::Size(dim), Dims::new()),
        }
    }

    /// π.
    pub fn pi(&mut self) -> NodeId {
        self.intern(Node::Pi, Dims::new())
    }

    /// The `at`-th unit vector of length `dim` (from 1).
    pub fn one_hot(&mut self, at: Dim, dim: Dim) -> NodeId {
        if self.sizes.is_one(dim) && self.sizes.is_one(at) {
            return self.ones(&[dim]);
        }
        self.intern(Node::OneHot { at, dim }, smallvec![dim])
    }

    /// 1, 2, 3, … `dim`.
    pub fn iota(&mut self, dim: Dim) -> NodeId {
        self.intern(Node::Iota(dim), smallvec![dim])
    }

    /// `rows × cols`, 1 where column = row + offset: contracting it with the second axis takes a slice.
    pub fn shift(&mut self, offset: Dim, rows: Dim, cols: Dim) -> NodeId {
        if rows == cols && self.sizes.value(offset) == Some(0) {
            return self.identity(rows);
        }
        self.intern(Node::Shift { offset, rows, cols }, smallvec![rows, cols])
    }

    /// `fast*slow × fast × slow`: 1 where the first index counts the other two, the fast one first.
    pub fn fuse(&mut self, fast: Dim, slow: Dim) -> NodeId {
        let all = self.sizes.mul(fast, slow);
        self.intern(Node::Fuse { fast, slow }, smallvec![all, fast, slow])
    }

    /// The Levi-Civita symbol with `rank` axes of length `rank`.
    pub fn levi_civita(&mut self, rank: u8) -> NodeId {
        let dim = self.sizes.constant(i64::from(rank));
        self.intern(Node::LeviCivita(rank), SmallVec::from_elem(dim, rank as usize))
    }

    /// A duplication or elimination matrix.
    pub fn structural(&mut self, kind: Structural, n: Dim) -> NodeId {
        let (square, half) = (self.sizes.mul(n, n), self.sizes.triangle(n));
        let dims = match kind {
            Structural::Duplication => smallvec![square, half],
            Structural::Elimination => smallvec![half, square],
        };
        self.intern(Node::Structural(kind, n), dims)
    }

    /// A call of an abstract function with scalar arguments (which may carry the same leading axes).
    pub fn call(&mut self, function: FunctionId, derivative: &[u8], args: &[NodeId]) -> NodeId {
        let mut derivative: SmallVec<[u8; 4]> = derivative.iter().copied().collect();
        derivative.sort_unstable(); // mixed partial derivatives commute
        let mut dims = args.first().map(|a| self.axes(*a).clone()).unwrap_or_default();
        let info = self.function_info(function);
        let domain = info.domain.clone().unwrap_or_default();
        let rows = dims.len() > domain.len();
        dims.truncate(dims.len() - domain.len().min(dims.len()));
        dims.extend(info.codomain.iter().copied());
        derivative.iter().for_each(|_| dims.extend(domain.iter().copied()));
        if rows {
            self.note_rows();
        }
        self.intern(Node::Call(function, derivative, args.to_vec()), dims)
    }

    /// A reduction along axes that is no sum.
    pub fn reduce(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8]) -> NodeId {
        if axes.is_empty() {
            return arg;
        }
        let known = self.reduced_spectrum(op, arg).or_else(|| self.reduced_copies(op, arg, axes));
        if let Some(node) = known.or_else(|| self.reduced_product(op, arg, axes)) {
            return node;
        }
        let mut axes: SmallVec<[u8; 2]> = axes.iter().copied().collect();
        axes.sort_unstable();
        let dims = self.axes(arg).iter().enumerate();
        let dims = dims.filter(|(k, _)| !axes.contains(&(*k as u8))).map(|(_, d)| *d).collect();
        self.intern(Node::Reduce(op, arg, axes), dims)
    }

    /// Whether an input, a function or a dimension has the name.
    pub fn has_name(&self, name: &str) -> bool {
        self.inputs.iter().any(|input| &*input.name == name)
            || self.functions.iter().any(|function| &*function.name == name)
            || self.sizes.has_symbol(name)
    }

    /// Whether the node is 0 everywhere.
    pub fn is_zero(&self, id: NodeId) -> bool {
        matches!(self.node(id), Node::Sum(terms, _) if terms.is_empty())
    }

    /// The number that the node holds everywhere, where it does.
    pub fn constant(&self, id: NodeId) -> Option<Rational> {
        let ones = |id: NodeId| match self.node(id) {
            Node::Product(p) => p.factors.is_empty() && p.out.iter().enumerate().all(|(k, l)| *l as usize == k),
            _ => false,
        };
        match self.node(id) {
            Node::Sum(terms, _) if terms.is_empty() => Some(Rational::ZERO),
            Node::Sum(terms, _) if terms.len() == 1 && ones(terms[0].1) => Some(terms[0].0.clone()),
            _ if ones(id) => Some(Rational::ONE),
            _ => None,
        }
    }

    /// Coefficient and rest: `3*x` is `(3, x)`, anything that is no single multiple `(1, itself)`.
    pub fn split(&self, id: NodeId) -> (Rational, NodeId) {
        match self.node(id) {
            Node::Sum(terms, _) if terms.len() == 1 => terms[0].clone(),
            _ => (Rational::ONE, id),
        }
    }

    /// Whether a square matrix equals its transpose; by structure, for all values of the inputs.
    pub fn is_symmetric(&mut self, id: NodeId) -> bool {
        let axes = self.axes(id);
        if axes.len() != 2 || axes[0] != axes[1] {
            return false;
        }
        if let Some(info) = self.as_input(id) {
            use Attribute::{Diagonal, Pd, Psd, Symmetric};
            return info.attributes.iter().any(|a| matches!(a, Symmetric | Diagonal | Pd | Psd));
        }
        if let Some(&known) = self.symmetric.get(&id) {
            return known;
        }
        let known = match self.node(id).clone() {
            Node::Matrix(MatrixOp::Sqrtm | MatrixOp::Expm | MatrixOp::Logm, args) => self.is_symmetric(args[0]),
            Node::Matrix(MatrixOp::Inverse | MatrixOp::Adjugate | MatrixOp::Pinv, args) => self.is_symmetric(args[0]),
            Node::Matrix(MatrixOp::ExpmFrechet | MatrixOp::LogmFrechet | MatrixOp::SqrtmFrechet, args) => {
                args.iter().all(|a| self.is_symmetric(*a))
            }
            // entries that are equal in exact arithmetic only are told apart by a comparison
            Node::Map(MapOp::Equal | MapOp::NotEqual, args) if args.iter().any(|a| self.rounds_off(*a)) => false,
            // mirrored places are compared the other way round
            Node::Map(MapOp::Equal | MapOp::NotEqual, args)
                if args.len() == 2 && self.transpose(args[0]) == args[1] =>
            {
                true
            }
            Node::Map(MapOp::Abs | MapOp::Cos | MapOp::Cosh, args) if self.is_skew(args[0]) => true,
            Node::Map(MapOp::NotEqual, args) if self.is_zero(args[1]) && self.is_skew(args[0]) => true,
            Node::Map(_, args) => args.iter().all(|a| self.is_symmetric(*a)),
            // a Hessian
            Node::Call(function, derivative, _) => {
                let info = self.function_info(function);
                info.domain.is_some() && info.codomain.is_empty() && derivative.len() == 2
            }
            Node::Product(_) | Node::Sum(..) => {
                self.symmetric.insert(id, false); // while it is being found out
                self.transpose(id) == id || self.is_projection(id)
            }
            _ => false,
        };
        self.symmetric.insert(id, known);
        known
    }

    /// Whether a square matrix is already known to equal its transpose.
    pub fn is_known_symmetric(&self, id: NodeId) -> bool {
        match self.as_input(id) {
            Some(info) => {
                use Attribute::{Diagonal, Pd, Psd, Symmetric};
                info.dims.len() == 2 && info.attributes.iter().any(|a| matches!(a, Symmetric | Diagonal | Pd | Psd))
            }
            None => self.symmetric.get(&id).is_some_and(|known| *known),
        }
    }

    /// Whether entries at mirrored places of a symmetric matrix may be computed in different orders.
    fn rounds_off(&self, id: NodeId) -> bool {
        self.reachable(&[id]).into_iter().any(|child| match self.node(child) {
            Node::Matrix(..) => true,
            Node::Product(p) => p.factors.iter().flat_map(|f| &f.labels).any(|l| !p.out.contains(l)),
            _ => false,
        })
    }

    /// Whether a square matrix is minus its transpose: an input declared `skew`, differences `x[i] - x[j]`, odd functions
    /// of such.
    pub fn is_skew(&mut self, id: NodeId) -> bool {
        let axes = self.axes(id);
        if axes.len() != 2 || axes[0] != axes[1] {
            return false;
        }
        match self.node(id) {
            Node::Input(_) => self.as_input(id).is_some_and(|info| info.attributes.contains(&Attribute::Skew)),
            Node::Map(MapOp::Sign | MapOp::Sin | MapOp::Sinh | MapOp::Tanh | MapOp::Atan | MapOp::Cbrt, args) => {
                let arg = args[0];
                self.is_skew(arg)
            }
            // as many terms as opposite ones, none of them a product of matrices
            Node::Sum(terms, _) if terms.len() == 2 => {
                let ((c, first), (d, second)) = (terms[0].clone(), terms[1].clone());
                let spread = |g: &Self, id: NodeId| match g.node(id) {
                    Node::Product(p) => p.factors.iter().flat_map(|f| &f.labels).all(|l| p.out.contains(l)),
                    _ => false,
                };
                c == -d && spread(self, first) && self.transpose(first) == second
            }
            _ => false,
        }
    }

    /// Whether entries of a matrix at these labels are 0 for all values of the inputs: those of a triangular matrix off
    /// its triangle, those of a skew one on the diagonal.
    pub(crate) fn has_zeros(&mut self, id: NodeId, labels: &[Label]) -> bool {
        use Attribute::{Diagonal, Lower, Upper};
        let &[row, column] = labels else { return false };
        let triangular = |info: &Input| info.attributes.iter().any(|a| matches!(a, Diagonal | Lower | Upper));
        row != column && self.as_input(id).is_some_and(triangular) || self.is_skew(id)
    }

    /// Direct children of a node.
    pub fn for_each_child(&self, id: NodeId, mut visit: impl FnMut(NodeId)) {
        match self.node(id) {
            Node::Product(p) => p.factors.iter().for_each(|f| visit(f.node)),
            Node::Sum(terms, _) => terms.iter().for_each(|(_, n)| visit(*n)),
            Node::Map(_, args) | Node::Matrix(_, args) => args.iter().copied().for_each(visit),
            Node::Reduce(_, arg, _) => visit(*arg),
            Node::Stack(_, parts) => parts.iter().for_each(|p| visit(p.node)),
            Node::Call(_, _, args) => args.iter().copied().for_each(visit),
            Node::Loop(r, reading) => {
                r.init.iter().chain(&r.items).chain(&r.next).copied().for_each(&mut visit);
                reading.expression().into_iter().for_each(visit);
            }
            _ => {}
        }
    }

    /// All nodes the roots need, children before parents.
    pub fn reachable(&self, roots: &[NodeId]) -> Vec<NodeId> {
        let mut seen = vec![false; self.nodes.len()];
        let mut stack: Vec<NodeId> = roots.to_vec();
        let mut found = Vec::new();
        while let Some(id) = stack.pop() {
            if !std::mem::replace(&mut seen[id.0 as usize], true) {
                found.push(id);
                self.for_each_child(id, |child| stack.push(child));
            }
        }
        found.sort_unstable();
        found
    }
}
