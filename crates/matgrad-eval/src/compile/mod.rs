//! From a graph and sizes to a program.
//!
//! Nodes are met in the order of their ids, children before parents. A value is a [`View`] of a slot: slices, transposes,
//! diagonals and repetitions cost nothing. A product that only one sum or stack uses is written straight into it.

pub(crate) mod affine;
mod contraction;
mod demand;
mod fuse;
mod hold;
mod matrix;
mod memory;
mod order;
mod outer;
mod pick;
mod product;
mod recurrence;
mod solve;
mod symmetry;
mod tile;
mod triangle;

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Dim, Graph, InputId, MapOp, Node, NodeId, Part, ReduceOp, Structural};
use matgrad_syntax::{Name, Rational, patience};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::array::{count, strides};
use crate::engine::Engine;
use crate::error::CompileError;
use crate::kernel::contract::Contract;
use crate::kernel::{Loop, merge};
use crate::linalg::Linalg;
use crate::program::{Op, Place, Program, ProgramInput, Slot, SlotInfo, Step, View};
use contraction::Known;
use demand::Demand;
use solve::Solution;

/// How a plan is made, and its limits.
#[derive(Clone, Debug)]
pub struct Options {
    /// How many bytes intermediate results and results may take.
    pub memory_limit: u64,
    /// How many bytes the states of a loop may take that a reverse loop needs; of longer ones only every √n-th is kept,
    /// and those between are computed again.
    pub state_limit: u64,
    /// What carries the program out.
    pub engine: Engine,
    /// Whether steps entry by entry are joined to loops.
    pub fuse: bool,
    /// Inputs whose data are taken to stay as they are while a [`Workspace`](crate::Workspace) is used: what depends on
    /// them and on nothing else is computed once, in its first run. See [`Workspace::forget`](crate::Workspace::forget).
    pub held: Vec<Name>,
}

impl Default for Options {
    fn default() -> Self {
        Self { memory_limit: 8 << 30, state_limit: 256 << 20, engine: Engine::Auto, fuse: true, held: Vec::new() }
    }
}

/// No axis is longer than this, whatever the memory.
const LONGEST_AXIS: usize = 1 << 40;

/// A program that computes the roots for dimension names of these sizes.
pub fn compile(graph: &Graph, roots: &[NodeId], sizes: &BTreeMap<Name, usize>) -> Result<Program, CompileError> {
    compile_with(graph, roots, sizes, &Options::default())
}

/// A program within limits.
pub fn compile_with(
    graph: &Graph,
    roots: &[NodeId],
    sizes: &BTreeMap<Name, usize>,
    options: &Options,
) -> Result<Program, CompileError> {
    let mut compiler = Compiler::new(graph, sizes, options.clone(), Demand::new(graph, roots), None);
    let roots = compiler.all(roots)?;
    compiler.finish(roots)
}

/// A place to write a tensor to.
#[derive(Clone, Debug)]
struct Dest {
    /// Where.
    view: View,
    /// Whether the tensor is all there is in the slot.
    whole: bool,
    /// Whether to add to what is there.
    accumulate: bool,
    /// A factor.
    alpha: f64,
}

impl Dest {
    fn fresh(slot: Slot, shape: &[usize]) -> Self {
        Self { view: dense_view(slot, shape), whole: true, accumulate: false, alpha: 1.0 }
    }
}

fn dense_view(slot: Slot, shape: &[usize]) -> View {
    View { slot, offset: 0, shape: SmallVec::from_slice(shape), strides: SmallVec::from_vec(strides(shape)) }
}

/// Loops over a shape with the strides of several views of it.
fn loops_over<const N: usize>(shape: &[usize], strides: [&[usize]; N]) -> Vec<Loop<N>> {
    let at = |s: &[usize], k: usize| s.get(k).copied().unwrap_or(0);
    shape.iter().enumerate().map(|(k, n)| Loop { extent: *n, strides: strides.map(|s| at(s, k)) }).collect()
}

struct Compiler<'g> {
    graph: &'g Graph,
    sizes: &'g BTreeMap<Name, usize>,
    options: Options,
    demand: Demand,
    lengths: FxHashMap<Dim, usize>,
    values: FxHashMap<NodeId, View>,
    powers: FxHashMap<(NodeId, Rational), View>,
    contractions: FxHashMap<Known, Slot>,
    /// Factorisations by the slot and offset of the first matrix and how many there are.
    factors: FxHashMap<(Linalg, Slot, usize, usize), Slot>,
    scalars: FxHashMap<u64, Slot>,
    /// Inverses that nobody needed as a matrix so far, by the slot that waits for them.
    pending: FxHashMap<Slot, NodeId>,
    solutions: FxHashMap<Solution, Slot>,
    /// Sums that are kept in parts.
    splits: FxHashMap<NodeId, outer::Split>,
    /// Slots that hold a symmetric matrix, row after row.
    symmetric: FxHashSet<Slot>,
    /// Two variables that may change places in the contraction at hand.
    swapped: Option<(affine::Var, affine::Var)>,
    inputs: Vec<ProgramInput>,
    constants: Vec<Vec<f64>>,
    slots: Vec<SlotInfo>,
    steps: Vec<Step>,
    /// The loop whose step this is, where it is one.
    step: Option<recurrence::Step>,
    /// How many loops there are.
    loops: usize,
}

impl<'g> Compiler<'g> {
    fn new(
        graph: &'g Graph,
        sizes: &'g BTreeMap<Name, usize>,
        options: Options,
        demand: Demand,
        step: Option<recurrence::Step>,
    ) -> Self {
        Compiler {
            graph,
            sizes,
            options,
            demand,
            lengths: FxHashMap::default(),
            values: FxHashMap::default(),
            powers: FxHashMap::default(),
            contractions: FxHashMap::default(),
            factors: FxHashMap::default(),
            scalars: FxHashMap::default(),
            pending: FxHashMap::default(),
            solutions: FxHashMap::default(),
            splits: FxHashMap::default(),
            symmetric: FxHashSet::default(),
            swapped: None,
            inputs: Vec::new(),
            constants: Vec::new(),
            slots: Vec::new(),
            steps: Vec::new(),
            step,
            loops: 0,
        }
    }

    /// The values of the roots and of all that they need.
    fn all(&mut self, roots: &[NodeId]) -> Result<Vec<View>, CompileError> {
        for id in self.demand.order.clone() {
            if !self.values.contains_key(&id) && !self.is_split(id) {
                let view = self.node(id)?;
                self.values.insert(id, view);
            }
        }
        roots.iter().map(|id| self.value(*id)).collect()
    }
}

impl Compiler<'_> {
    /// The size of a dimension.
    fn length(&mut self, dim: Dim) -> Result<usize, CompileError> {
        if let Some(&known) = self.lengths.get(&dim) {
            return Ok(known);
        }
        let found = self.graph.sizes.evaluate(dim, self.sizes).filter(|n| *n <= LONGEST_AXIS);
        let length = found.ok_or_else(|| CompileError::Size { dimension: self.graph.sizes.text(dim) })?;
        self.lengths.insert(dim, length);
        Ok(length)
    }

    /// The value of a dimension that may be negative, such as an offset.
    fn signed(&mut self, dim: Dim) -> Result<i64, CompileError> {
        if let Ok(length) = self.length(dim) {
            return Ok(length as i64);
        }
        let mut table = self.graph.sizes.clone();
        let minus = table.scale(dim, &Rational::int(-1));
        match table.evaluate(minus, self.sizes).filter(|n| *n <= LONGEST_AXIS) {
            Some(value) => Ok(-(value as i64)),
            None => Err(CompileError::Size { dimension: table.text(dim) }),
        }
    }

    fn shape(&mut self, dims: &[Dim]) -> Result<SmallVec<[usize; 4]>, CompileError> {
        dims.iter().map(|d| self.length(*d)).collect()
    }

    fn shape_of(&mut self, id: NodeId) -> Result<SmallVec<[usize; 4]>, CompileError> {
        let dims = self.graph.axes(id).clone();
        self.shape(&dims)
    }

    fn check_size(&self, shape: &[usize]) -> Result<usize, CompileError> {
        let len = count(shape);
        match len.and_then(|n| n.checked_mul(8)) {
            Some(bytes) if bytes as u64 <= self.options.memory_limit => Ok(bytes / 8),
            bytes => Err(CompileError::TooLarge {
                bytes: bytes.map_or(u64::MAX, |b| b as u64),
                limit: self.options.memory_limit,
                largest: shape.to_vec(),
            }),
        }
    }

    /// A new slot in a buffer.
    fn allocate(&mut self, shape: &[usize]) -> Result<Slot, CompileError> {
        let len = self.check_size(shape)?;
        Ok(self.new_slot(Place::Buffer(0), len, shape))
    }

    fn new_slot(&mut self, place: Place, len: usize, shape: &[usize]) -> Slot {
        self.slots.push(SlotInfo { place, len, shape: SmallVec::from_slice(shape) });
        Slot(self.slots.len() as u32 - 1)
    }

    /// Numbers known now.
    fn constant(&mut self, data: Vec<f64>) -> Result<Slot, CompileError> {
        let single = (data.len() == 1).then(|| data[0].to_bits());
        if let Some(&known) = single.and_then(|bits| self.scalars.get(&bits)) {
            return Ok(known);
        }
        let len = data.len();
        let place = Place::Constant(self.constants.len());
        self.constants.push(data);
        let slot = self.new_slot(place, len, &[len]);
        if let Some(bits) = single {
            self.scalars.insert(bits, slot);
        }
        Ok(slot)
    }

    /// A shape filled with one number.
    fn full(&mut self, value: f64, shape: &[usize]) -> Result<View, CompileError> {
        let slot = self.constant(vec![value])?;
        let strides = SmallVec::from_elem(0, shape.len());
        Ok(View { slot, offset: 0, shape: SmallVec::from_slice(shape), strides })
    }

    /// The number behind a view, where it is a constant everywhere.
    fn known_number(&self, view: &View) -> Option<f64> {
        match self.slots.get(view.slot.0 as usize)?.place {
            Place::Constant(k) => match self.constants.get(k)?.as_slice() {
                [value] => Some(*value),
                _ => None,
            },
            _ => None,
        }
    }

    fn emit(&mut self, op: Op, out: Slot, args: SmallVec<[Slot; 3]>) {
        patience::look();
        self.steps.push(Step { op, out, more: SmallVec::new(), args });
    }

    /// Sets a place to 0.
    fn zero(&mut self, dest: &Dest) -> Result<(), CompileError> {
        if dest.whole {
            self.emit(Op::Fill(0.0), dest.view.slot, SmallVec::new());
            return Ok(());
        }
        let zeros = self.full(0.0, &dest.view.shape)?;
        self.copy(&zeros, &Dest { accumulate: false, alpha: 1.0, ..dest.clone() });
        Ok(())
    }

    /// Copies (or adds) a view to a place of the same shape.
    fn copy(&mut self, from: &View, dest: &Dest) {
        let zeros = SmallVec::<[usize; 4]>::from_elem(0, from.shape.len());
        let mut loops = loops_over(&from.shape, [&from.strides, &zeros, &dest.view.strides]);
        merge(&mut loops);
        let contract = Contract::new(loops, [from.offset, 0, dest.view.offset], dest.alpha, dest.accumulate, false);
        self.emit(Op::Contract(contract), dest.view.slot, SmallVec::from_slice(&[from.slot]));
    }

    /// The view, copied where its entries do not lie in row-major order.
    fn dense(&mut self, view: View) -> Result<View, CompileError> {
        if view.is_dense() {
            return Ok(view);
        }
        let dest = Dest::fresh(self.allocate(&view.shape)?, &view.shape);
        self.copy(&view, &dest);
        Ok(dest.view)
    }

    /// The value of a node that was met before.
    fn value(&mut self, id: NodeId) -> Result<View, CompileError> {
        match self.values.get(&id) {
            Some(view) => Ok(view.clone()),
            None => {
                // not demanded as a value until now: a leaf, or a product that was to be written in place
                let view =
                    if self.is_outside(id) { self.leaf(id, recurrence::Leaf::Captured(id))? } else { self.node(id)? };
                self.values.insert(id, view.clone());
                Ok(view)
            }
        }
    }

    fn node(&mut self, id: NodeId) -> Result<View, CompileError> {
        let graph = self.graph;
        match graph.node(id) {
            Node::Input(input) => self.input(*input),
            Node::Size(dim) => {
                let value = self.signed(*dim)? as f64;
                self.full(value, &[])
            }
            Node::Pi => self.full(std::f64::consts::PI, &[]),
            Node::Iota(dim) => {
                let n = self.length(*dim)?;
                self.check_size(&[n])?;
                self.constant_array(&[n], |index| (index[0] + 1) as f64)
            }
            Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. } => self.dense_structure(id),
            Node::LeviCivita(rank) => {
                let shape = vec![usize::from(*rank); usize::from(*rank)];
                self.constant_array(&shape, levi_civita)
            }
            Node::Structural(kind, dim) => self.structural(*kind, *dim),
            Node::Product(p) => self.product(p, None),
            Node::Sum(terms, dims) => self.sum(terms, dims),
            Node::Map(op, args) => self.map(*op, args, 1.0),
            Node::Reduce(op, arg, axes) => self.reduce(*op, *arg, axes),
            Node::Matrix(op, args) => self.matrix(*op, args),
            Node::Stack(axis, parts) => self.stack(id, *axis, parts),
            Node::Placeholder { level, slot, .. } => match &self.step {
                Some(step) if step.level == *level => self.leaf(id, recurrence::Leaf::Own(*slot)),
                _ => Err(CompileError::Shapes { what: "a recurrence" }),
            },
            Node::Loop(r, reading) => self.recurrence(id, r, *reading),
            Node::Call(function, ..) => {
                Err(CompileError::Abstract { name: graph.function_info(*function).name.clone() })
            }
        }
    }

    fn input(&mut self, id: InputId) -> Result<View, CompileError> {
        let info = self.graph.input_info(id);
        let shape = self.shape(&info.dims)?;
        let len = self.check_size(&shape)?;
        let known = ProgramInput { name: info.name.clone(), shape: shape.to_vec(), row: info.row };
        let index = self.inputs.iter().position(|i| *i == known).unwrap_or_else(|| {
            self.inputs.push(known);
            self.inputs.len() - 1
        });
        let slot = self.new_slot(Place::Input(index), len, &shape);
        Ok(dense_view(slot, &shape))
    }

    fn constant_array(&mut self, shape: &[usize], entry: impl FnMut(&[usize]) -> f64) -> Result<View, CompileError> {
        self.check_size(shape)?;
        let data = crate::Array::from_fn(shape, entry).into_data();
        let slot = self.constant(data)?;
        Ok(dense_view(slot, shape))
    }

    fn structural(&mut self, kind: Structural, dim: Dim) -> Result<View, CompileError> {
        let n = self.length(dim)?;
        let too_long = || CompileError::TooLarge { bytes: u64::MAX, limit: 0, largest: vec![n, n] };
        let square = n.checked_mul(n).ok_or_else(too_long)?;
        let half = n + (square - n) / 2;
        // place in the lower half, column by column, of a row and a column of it
        let place = |i: usize, j: usize| {
            let (i, j) = (i.max(j), i.min(j));
            (j * (2 * n + 1 - j)) / 2 + i - j
        };
        match kind {
            Structural::Duplication => {
                self.constant_array(&[square, half], |at| f64::from(u8::from(place(at[0] % n, at[0] / n) == at[1])))
            }
            Structural::Elimination => self.constant_array(&[half, square], |at| {
                let (i, j) = (at[1] % n, at[1] / n);
                f64::from(u8::from(i >= j && place(i, j) == at[0]))
            }),
        }
    }

    fn sum(&mut self, terms: &[(Rational, NodeId)], dims: &[Dim]) -> Result<View, CompileError> {
        let shape = self.shape(dims)?;
        let total = count(&shape).unwrap_or(usize::MAX);
        let (mut constant, mut dense, mut rest) = (0.0, Vec::new(), Vec::new());
        let mut later = Vec::new();
        for (c, id) in terms {
            let c = c.to_f64();
            if self.demand.is_inline(*id) {
                later.push((c, *id));
                continue;
            }
            let view = self.value(*id)?;
            match self.known_number(&view) {
                Some(value) => constant += c * value,
                None if view.is_dense() && total > 0 => dense.push((c, view)),
                None => rest.push((c, view)),
            }
        }
        if dense.is_empty() && rest.is_empty() && later.is_empty() {
            return self.full(constant, &shape);
        }
        let slot = self.allocate(&shape)?;
        let mut dest = Dest::fresh(slot, &shape);
        if !dense.is_empty() || constant != 0.0 {
            let args = dense.iter().map(|(_, v)| v.slot).collect();
            let terms = dense.iter().map(|(c, v)| (*c, v.offset)).collect();
            self.emit(Op::Combine { terms, constant }, slot, args);
            dest.accumulate = true;
        }
        for (c, view) in rest {
            dest.alpha = c;
            self.copy(&view, &dest);
            dest.accumulate = true;
        }
        for (c, id) in later {
            dest.alpha = c;
            let graph = self.graph;
            if let Node::Product(p) = graph.node(id) {
                self.product(p, Some(&dest))?;
            }
            dest.accumulate = true;
        }
        Ok(dest.view)
    }

    /// A function entry by entry, of `scale` times its operand where it has one.
    fn map(&mut self, op: MapOp, args: &[NodeId], scale: f64) -> Result<View, CompileError> {
        let views = args.iter().map(|a| self.value(*a)).collect::<Result<SmallVec<[View; 3]>, _>>()?;
        let Some(first) = views.first() else { return Err(CompileError::Shapes { what: "a function" }) };
        let shape = first.shape.clone();
        if views.iter().any(|v| v.shape != shape) {
            return Err(CompileError::Shapes { what: "a function entry by entry" });
        }
        let out = Dest::fresh(self.allocate(&shape)?, &shape).view;
        let slots = views.iter().map(|v| v.slot).collect();
        let op = match views.as_slice() {
            [x] => {
                let mut loops = loops_over(&shape, [&x.strides, &out.strides]);
                merge(&mut loops);
                Op::Unary { op, scale, start: x.offset, loops }
            }
            [x, y] => {
                let mut loops = loops_over(&shape, [&x.strides, &y.strides, &out.strides]);
                merge(&mut loops);
                Op::Binary { op, start: [x.offset, y.offset], loops }
            }
            [c, x, y] => {
                let mut loops = loops_over(&shape, [&c.strides, &x.strides, &y.strides, &out.strides]);
                merge(&mut loops);
                Op::Select { start: [c.offset, x.offset, y.offset], loops }
            }
            _ => return Err(CompileError::Shapes { what: "a function" }),
        };
        self.emit(op, out.slot, slots);
        Ok(out)
    }

    fn reduce(&mut self, op: ReduceOp, arg: NodeId, axes: &[u8]) -> Result<View, CompileError> {
        let x = self.value(arg)?;
        let all = loops_over(&x.shape, [&x.strides]);
        let reduced = |k: usize| axes.iter().any(|a| usize::from(*a) == k);
        let outer: Vec<Loop<1>> = all.iter().enumerate().filter(|(k, _)| !reduced(*k)).map(|(_, l)| *l).collect();
        let mut inner: Vec<Loop<1>> = all.iter().enumerate().filter(|(k, _)| reduced(*k)).map(|(_, l)| *l).collect();
        merge(&mut inner);
        let shape: Vec<usize> = outer.iter().map(|l| l.extent).collect();
        let out = dense_view(self.allocate(&shape)?, &shape);
        self.emit(Op::Reduce { op, start: x.offset, outer, inner }, out.slot, SmallVec::from_slice(&[x.slot]));
        Ok(out)
    }

    fn stack(&mut self, id: NodeId, axis: u8, parts: &[Part]) -> Result<View, CompileError> {
        let shape = self.shape_of(id)?;
        let whole = dense_view(self.allocate(&shape)?, &shape);
        let axis = usize::from(axis);
        let (Some(step), Some(total)) = (whole.strides.get(axis).copied(), shape.get(axis).copied()) else {
            return Err(CompileError::Shapes { what: "a stack" });
        };
        let mut at = 0;
        for part in parts {
            let mut view = View { offset: at * step, ..whole.clone() };
            match part.extent {
                Some(extent) => {
                    view.shape[axis] = self.length(extent)?;
                    at += view.shape[axis];
                }
                None => {
                    view.shape.remove(axis);
                    view.strides.remove(axis);
                    at += 1;
                }
            }
            if at > total || self.shape_of(part.node)? != view.shape {
                return Err(CompileError::Shapes { what: "a stack" });
            }
            let dest = Dest { view, whole: false, accumulate: false, alpha: 1.0 };
            let graph = self.graph;
            match graph.node(part.node) {
                Node::Product(p) if self.demand.is_inline(part.node) => {
                    self.product(p, Some(&dest))?;
                }
                _ => {
                    let from = self.value(part.node)?;
                    self.copy(&from, &dest);
                }
            }
        }
        if at != total {
            return Err(CompileError::Shapes { what: "a stack" });
        }
        Ok(whole)
    }
}

pub(crate) fn levi_civita(index: &[usize]) -> f64 {
    let mut sign = 1.0;
    for (k, a) in index.iter().enumerate() {
        for b in &index[k + 1..] {
            match a.cmp(b) {
                std::cmp::Ordering::Less => {}
                std::cmp::Ordering::Equal => return 0.0,
                std::cmp::Ordering::Greater => sign = -sign,
            }
        }
    }
    sign
}
