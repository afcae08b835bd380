//! From typed terms to the graph. A value inside the scope of an index carries an axis for it, before its own axes;
//! operators align these axes by name.

use matgrad_syntax::{Attribute, Rational};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::elaborate::Elaborator;
use super::term::{IndexId, TermId, TermKind, Type, VariableId};
use super::{Shape, Typed};
use crate::graph::{AbstractFunction, Dim, Dims, FunctionId, Graph, Label, Labels, NodeId, ProductBuilder};

/// Indices a value depends on, ascending.
pub(super) type IndexSet = SmallVec<[IndexId; 4]>;

/// A tensor with the axes of its indices first.
#[derive(Clone, Debug)]
pub(super) struct Value {
    pub node: NodeId,
    pub indices: IndexSet,
}

/// The indices of several values.
pub(super) fn union<'v>(values: impl IntoIterator<Item = &'v Value>) -> IndexSet {
    let mut all = IndexSet::new();
    for value in values {
        for index in &value.indices {
            if let Err(at) = all.binary_search(index) {
                all.insert(at, *index);
            }
        }
    }
    all
}

/// The state of lowering.
pub(super) struct Lower<'e, 'a> {
    pub e: &'e mut Elaborator<'a>,
    pub g: Graph,
    values: Vec<Option<Value>>,
    dims: FxHashMap<Dim, Dim>,
    inputs: Vec<Option<NodeId>>,
    functions: Vec<Option<FunctionId>>,
    wrt: &'e [&'e str],
    /// The levels of the loops that are being made.
    pub levels: FxHashMap<super::term::LoopId, u8>,
    /// The indices that their states depend on.
    pub loop_indices: FxHashMap<super::term::LoopId, IndexSet>,
}

impl<'e, 'a> Lower<'e, 'a> {
    pub fn new(e: &'e mut Elaborator<'a>, wrt: &'e [&'e str]) -> Self {
        let (terms, variables, abstracts) = (e.terms.len(), e.variables.len(), e.abstracts.len());
        let mut lower = Lower {
            e,
            g: Graph::new(),
            values: vec![None; terms],
            dims: FxHashMap::default(),
            inputs: vec![None; variables],
            functions: vec![None; abstracts],
            wrt,
            levels: FxHashMap::default(),
            loop_indices: FxHashMap::default(),
        };
        // dimension names in the order of the declarations, so that products of them read as declared
        for k in 0..variables {
            let ty = lower.e.variables[k].ty.clone();
            lower.shape(&ty);
        }
        lower
    }

    /// A dimension of the graph.
    pub fn dim(&mut self, dim: Dim) -> Dim {
        if let Some(&known) = self.dims.get(&dim) {
            return known;
        }
        let exported = self.e.dims.export(dim, &mut self.g.sizes);
        self.dims.insert(dim, exported);
        exported
    }

    /// The shape of a type, in dimensions of the graph.
    pub fn shape(&mut self, ty: &Type) -> Shape {
        match ty {
            Type::Grid(r, c) => {
                let (r, c) = (self.dim(*r), self.dim(*c));
                match (self.g.sizes.is_one(r), self.g.sizes.is_one(c)) {
                    (true, true) => Shape::Scalar,
                    (false, true) => Shape::Column(r),
                    (true, false) => Shape::Row(c),
                    (false, false) => Shape::Matrix(r, c),
                }
            }
            Type::Tensor(dims) => Shape::Tensor(dims.clone().into_iter().map(|d| self.dim(d)).collect()),
            Type::Poison => Shape::Scalar,
        }
    }

    pub fn shape_of(&mut self, term: TermId) -> Shape {
        let ty = self.e.term(term).ty.clone();
        self.shape(&ty)
    }

    /// The length of an index.
    pub fn length(&mut self, index: IndexId) -> Dim {
        let length = self.e.indices[index.0 as usize].length;
        self.dim(length)
    }

    /// Lowers all terms.
    pub fn run(&mut self) {
        self.loop_indices = super::loop_indices::of_loops(&self.e.terms);
        for k in 0..self.values.len() {
            let term = &mut self.e.terms[k];
            let kind = std::mem::replace(&mut term.kind, TermKind::Poison);
            let shape = self.shape_of(TermId(k as u32));
            let value = self.lower(&kind, &shape);
            self.e.terms[k].kind = kind;
            self.values[k] = Some(value);
        }
        for k in 0..self.inputs.len() {
            self.variable(VariableId(k as u32));
        }
    }

    pub fn value(&mut self, term: TermId) -> Value {
        match self.values.get(term.0 as usize).cloned().flatten() {
            Some(value) => value,
            None => self.constant(Rational::ZERO),
        }
    }

    pub fn typed(&mut self, term: TermId) -> Typed {
        let shape = self.shape_of(term);
        Typed { node: self.value(term).node, shape }
    }

    pub fn constant(&mut self, value: Rational) -> Value {
        Value { node: self.g.number(value), indices: IndexSet::new() }
    }

    /// The input of a variable; one that is differentiated keeps what is known of its entries only.
    pub fn variable(&mut self, id: VariableId) -> NodeId {
        if let Some(node) = self.inputs[id.0 as usize] {
            return node;
        }
        let info = self.e.variables[id.0 as usize].clone();
        let shape = self.shape(&info.ty);
        let free = self.wrt.contains(&&*info.name);
        let entrywise = |a: &Attribute| matches!(a, Attribute::Positive | Attribute::Nonneg);
        let attributes: Vec<Attribute> = info.attributes.iter().filter(|a| !free || entrywise(a)).copied().collect();
        let row = matches!(shape, Shape::Row(_));
        let node = self.g.input(&info.name, &shape.axes(), row, &attributes);
        self.inputs[id.0 as usize] = Some(node);
        node
    }

    /// The input with all its attributes, where that is another one.
    pub fn structured(&mut self, id: VariableId) -> Option<NodeId> {
        let info = self.e.variables[id.0 as usize].clone();
        let shape = self.shape(&info.ty);
        let node = self.variable(id);
        let own = self.g.as_input(node)?.attributes.len();
        if own == info.attributes.len() {
            return None;
        }
        Some(self.g.input(&info.name, &shape.axes(), matches!(shape, Shape::Row(_)), &info.attributes))
    }

    /// The abstract function of the graph.
    pub fn function(&mut self, id: super::term::AbstractId, vector: bool) -> FunctionId {
        if let Some(known) = self.functions[id.0 as usize] {
            return known;
        }
        let info = self.e.abstracts[id.0 as usize].clone();
        let ty = self.e.type_of(&info.codomain);
        let codomain = self.shape(&ty).axes();
        let sizes: Vec<i64> = info.domain.iter().filter_map(|d| self.e.dims.value(*d)).collect();
        let arity = usize::try_from(sizes.iter().product::<i64>()).unwrap_or(1);
        let whole = sizes.len() < info.domain.len();
        let domain = whole.then(|| info.domain.iter().map(|d| self.dim(*d)).collect());
        let function = AbstractFunction { name: info.name, arity, codomain, vector_argument: vector, domain };
        let known = self.g.function(function);
        self.functions[id.0 as usize] = Some(known);
        known
    }

    pub fn functions(&self) -> Vec<FunctionId> {
        self.functions.iter().flatten().copied().collect()
    }

    fn lower(&mut self, kind: &TermKind, shape: &Shape) -> Value {
        match kind {
            TermKind::Number(value) => self.constant(value.clone()),
            TermKind::Pi => self.plain(|g| g.pi()),
            TermKind::Dimension(dim) => {
                let dim = self.dim(*dim);
                self.plain(|g| g.size(dim))
            }
            TermKind::Variable(v) => {
                let node = self.variable(*v);
                Value { node, indices: IndexSet::new() }
            }
            TermKind::Constant(constant) => self.lower_constant(constant, shape),
            TermKind::Sum(terms) => self.lower_sum(terms, shape),
            TermKind::Product(terms) => self.lower_product(terms),
            TermKind::Apply(operation, args) => self.lower_apply(operation, args, shape),
            TermKind::Blocks(rows) => self.lower_blocks(rows),
            TermKind::Index(index) => self.index_value(*index),
            TermKind::Subscript(base, subs) => self.lower_subscript(*base, subs),
            TermKind::Delta(a, b) => self.lower_delta(a, b),
            TermKind::Epsilon(subs) => self.lower_epsilon(subs),
            TermKind::Reduce { op, indices, condition, body } => {
                self.lower_reduction(*op, indices, *condition, *body, shape)
            }
            TermKind::Tabulate(indices, body) => self.lower_tabulate(indices, *body, shape),
            TermKind::Rows(index, body) => self.lower_rows(*index, *body),
            TermKind::Call(id, derivative, args) => self.lower_call(*id, derivative, args),
            TermKind::Placeholder { loop_id, item, init, xs } => self.lower_placeholder(*loop_id, *item, *init, xs),
            TermKind::Loop { loop_id, init, xs, body, run } => self.lower_loop(*loop_id, *init, xs, *body, *run),
            TermKind::Poison => self.constant(Rational::ZERO),
        }
    }

    /// A value without indices.
    pub fn plain(&mut self, make: impl FnOnce(&mut Graph) -> NodeId) -> Value {
        Value { node: make(&mut self.g), indices: IndexSet::new() }
    }

    /// The value with exactly these index axes and own axes: missing ones are repeated.
    pub fn align(&mut self, value: &Value, own: usize, indices: &IndexSet, axes: &[Dim]) -> NodeId {
        if own == axes.len() && value.indices == *indices {
            return value.node;
        }
        if let (Some(c), true) = (self.g.constant(value.node), own == 0) {
            let mut dims: Dims = indices.iter().map(|i| self.length(*i)).collect();
            dims.extend(axes.iter().copied());
            return self.g.full(&dims, c);
        }
        let mut b = Aligned::new();
        for index in indices {
            b.index(self, *index);
        }
        let labels: Labels = axes.iter().map(|d| b.p.label(*d)).collect();
        let used: &[Label] = if own == 0 { &[] } else { &labels };
        b.factor(self, value, used);
        b.build(self, &labels).node
    }

    /// The call of an abstract function.
    fn lower_call(&mut self, id: super::term::AbstractId, derivative: &[u8], args: &[TermId]) -> Value {
        let values: Vec<Value> = args.iter().map(|a| self.value(*a)).collect();
        let vector = match (args, self.e.term(args[0])) {
            ([first, ..], term) if args.len() > 1 => {
                let _ = first;
                matches!(term.kind, TermKind::Subscript(..)) && self.are_entries(args)
            }
            _ => false,
        };
        let function = self.function(id, vector);
        let indices = union(&values);
        if let Some(domain) = self.g.function_info(function).domain.clone() {
            let arg = self.align(&values[0], domain.len(), &indices, &domain);
            let node = self.g.call(function, &SmallVec::<[u8; 4]>::from_elem(0, derivative.len()), &[arg]);
            return Value { node, indices };
        }
        let nodes: Vec<NodeId> = values.iter().map(|v| self.align(v, 0, &indices, &[])).collect();
        // the syntax counts arguments from 1, the graph from 0
        let derivative: Vec<u8> = derivative.iter().map(|position| position.saturating_sub(1)).collect();
        let node = self.g.call(function, &derivative, &nodes);
        Value { node, indices }
    }

    /// Whether arguments are the entries of one value.
    fn are_entries(&self, args: &[TermId]) -> bool {
        let base = |t: &TermId| match &self.e.term(*t).kind {
            TermKind::Subscript(base, _) => Some((*base, self.e.term(*t).at)),
            _ => None,
        };
        let first = args.first().and_then(base);
        first.is_some() && args.iter().all(|a| base(a) == first)
    }
}

/// A product whose index axes are labelled by index.
pub(super) struct Aligned {
    pub p: ProductBuilder,
    indices: SmallVec<[(IndexId, Label); 4]>,
    /// Indices that are summed over.
    summed: IndexSet,
}

impl Aligned {
    pub fn new() -> Self {
        Aligned { p: ProductBuilder::new(), indices: SmallVec::new(), summed: IndexSet::new() }
    }

    /// The label of an index.
    pub fn index(&mut self, lower: &mut Lower, index: IndexId) -> Label {
        if let Some((_, label)) = self.indices.iter().find(|(i, _)| *i == index) {
            return *label;
        }
        let length = lower.length(index);
        let label = self.p.label(length);
        self.indices.push((index, label));
        label
    }

    /// Multiplies by an entry of a value.
    pub fn factor(&mut self, lower: &mut Lower, value: &Value, labels: &[Label]) {
        self.power(lower, value, labels, Rational::ONE);
    }

    /// Multiplies by a power of an entry of a value.
    pub fn power(&mut self, lower: &mut Lower, value: &Value, labels: &[Label], exponent: Rational) {
        let mut all: Labels = value.indices.clone().into_iter().map(|i| self.index(lower, i)).collect();
        all.extend(labels.iter().copied());
        self.p.power(value.node, &all, exponent);
    }

    /// Sums over an index.
    pub fn sum(&mut self, lower: &mut Lower, index: IndexId) {
        self.index(lower, index);
        self.summed.push(index);
    }

    /// The value with these own axes.
    pub fn build(mut self, lower: &mut Lower, out: &[Label]) -> Value {
        self.indices.retain(|(i, _)| !self.summed.contains(i));
        self.indices.sort_by_key(|(i, _)| *i);
        let mut labels: Labels = self.indices.iter().map(|(_, l)| *l).collect();
        labels.extend(out.iter().copied());
        let node = self.p.build(&mut lower.g, &labels);
        Value { node, indices: self.indices.iter().map(|(i, _)| *i).collect() }
    }
}
