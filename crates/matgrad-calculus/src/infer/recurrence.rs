//! `fold` and `scan`: loops; a few steps are put in place instead.

use matgrad_syntax::{Diagnostic, ExprId, ExprKind};
use smallvec::{SmallVec, smallvec};

use super::Shape;
use super::elaborate::{Elaborator, Work};
use super::lower::{Aligned, IndexSet, Lower, Value, union};
use super::term::{Affine, LoopId, Operation, Sub, TermId, TermKind, Type};
use crate::graph::{Dim, Labels, NESTING_LIMIT, Reading, Recurrence, Slot};

/// Recurrences of up to this many steps are put in place: short ones read better so.
const UNROLL_LIMIT: i64 = 8;

/// A recurrence whose steps are being put in place.
pub(super) struct FoldState {
    at: ExprId,
    function: usize,
    next: i64,
    length: i64,
    xs: TermId,
    states: Vec<TermId>,
    scan: bool,
    started: bool,
}

/// A loop whose step is being read.
pub(super) struct OpenLoop {
    at: ExprId,
    /// Where the step and the first state are written.
    step: ExprId,
    loop_id: LoopId,
    init: TermId,
    xs: TermId,
    length: Dim,
    scan: bool,
}

impl Elaborator<'_> {
    /// The start of `fold` and `scan`: of which function, over how many steps.
    pub fn start_fold(&mut self, scan: bool, init: TermId, xs: TermId, at: ExprId) -> TermId {
        let ExprKind::Call { args, .. } = self.ast.kind(at) else { return init };
        let (step, ty) = (args[0], self.term(xs).ty.clone());
        let function = match self.ast.kind(step) {
            ExprKind::Name(name) => match self.globals.get(name) {
                Some(super::elaborate::Global::Function(function)) => Some(*function),
                _ => None,
            },
            _ => None,
        };
        let Some(function) = function else {
            let diagnostic = Diagnostic::error("arguments", self.span(step), "expected the name of a defined function");
            return self.poison(diagnostic.help("define the step first: `step(state, x) = …`"), at);
        };
        let (length, item) = match &ty {
            Type::Grid(r, c) => {
                let one = self.dims.number(1);
                if self.dims.is_one(*r) { (*c, Type::Grid(one, one)) } else { (*r, Type::Grid(*c, one)) }
            }
            Type::Poison => return self.push(TermKind::Poison, Type::Poison, at),
            Type::Tensor(_) => {
                let shape = self.shape_text(&ty);
                let message = format!("a recurrence runs over a vector or the rows of a matrix, this is {shape}");
                return self.poison(Diagnostic::error("shape-mismatch", self.span(args[2]), message), at);
            }
        };
        if let Some(length) = self.dims.value(length).filter(|n| *n <= UNROLL_LIMIT) {
            let state = FoldState { at, function, next: 1, length, xs, states: vec![init], scan, started: false };
            self.work.push(Work::Fold(Box::new(state)));
            return init;
        }
        if self.open_loops >= NESTING_LIMIT {
            let message = format!("recurrences are nested more than {NESTING_LIMIT} deep");
            return self.poison(Diagnostic::error("limit", self.span(at), message), at);
        }
        let loop_id = LoopId(self.loops);
        self.loops += 1;
        self.open_loops += 1;
        let first = self.term(init).ty.clone();
        let state = self.push(TermKind::Placeholder { loop_id, item: false, init, xs }, first, at);
        let x = self.push(TermKind::Placeholder { loop_id, item: true, init, xs }, item, at);
        let open = OpenLoop { at, step, loop_id, init, xs, length, scan };
        self.operands.push(state);
        self.work.extend([Work::EndLoop(Box::new(open)), Work::Enter { function, at, count: 2 }]);
        // the caller puts what this returns on the operands
        x
    }

    /// The end of a loop: the step gives what it takes.
    pub fn end_loop(&mut self, open: &OpenLoop, body: TermId) -> TermId {
        self.open_loops = self.open_loops.saturating_sub(1);
        let OpenLoop { at, step, loop_id, init, xs, length, scan } = *open;
        if let Some(poison) = self.poisoned(&[init, xs, body], at) {
            return poison;
        }
        let (before, after) = (self.term(init).ty.clone(), self.term(body).ty.clone());
        if !self.same_shape(&before, &after, at) {
            let (x, y) = (self.shape_text(&before), self.shape_text(&after));
            let message = format!("the state is {x} before a step and {y} after it");
            let mut diagnostic = Diagnostic::error("shape-mismatch", self.span(at), message)
                .label(self.span(step), format!("this step gives {y}"));
            if self.is_scalar(&before) {
                diagnostic = diagnostic.help("the first state has the shape of the others, such as `zeros(n)`");
            }
            return self.poison(diagnostic, at);
        }
        let ty = match (scan, self.along(&after)) {
            (false, _) => after,
            (true, Some(cols)) => Type::Grid(length, cols),
            (true, None) => {
                let shape = self.shape_text(&after);
                let message = format!("`scan` stacks vectors and scalars, the states are {shape}");
                let diagnostic = Diagnostic::error("shape-mismatch", self.span(at), message);
                return self.poison(diagnostic.help("the step may give `vec` of a matrix"), at);
            }
        };
        self.push(TermKind::Loop { loop_id, init, xs, body, scan }, ty, at)
    }

    /// One more step put in place.
    pub fn fold(&mut self, mut state: Box<FoldState>) -> Option<TermId> {
        let last = self.pop();
        if state.started {
            state.states.push(last);
        }
        state.started = true;
        if state.next > state.length {
            if !state.scan {
                return Some(last);
            }
            let at = state.at;
            let rows: Vec<Vec<ExprId>> = vec![vec![at]; state.states.len() - 1];
            let rows_terms: Vec<TermId> = state.states[1..].to_vec();
            let terms: Vec<TermId> =
                rows_terms.into_iter().map(|t| self.apply(Operation::Transpose, smallvec![t], at)).collect();
            return Some(self.blocks(&rows, &terms, false, at));
        }
        let (at, xs, k) = (state.at, state.xs, self.dims.number(state.next));
        let here = Sub::At(Affine { indices: SmallVec::new(), constant: k });
        let x = match self.term(xs).ty.clone() {
            Type::Grid(r, c) if !self.dims.is_one(r) && !self.dims.is_one(c) => {
                let row = self.subscript(xs, smallvec![here, Sub::All], at);
                self.apply(Operation::Transpose, smallvec![row], at)
            }
            _ => self.subscript(xs, smallvec![here], at),
        };
        state.next += 1;
        let function = state.function;
        self.operands.extend([last, x]);
        self.work.extend([Work::Fold(state), Work::Enter { function, at, count: 2 }]);
        None
    }
}

impl Lower<'_, '_> {
    /// The indices that the states of a loop depend on.
    fn loop_indices(&mut self, init: TermId, xs: TermId) -> IndexSet {
        let values = [self.value(init), self.value(xs)];
        union(&values)
    }

    /// The sequence of a loop: the axis of the steps, then indices, then the axes of an item; and the number of steps.
    fn sequence(&mut self, xs: TermId, indices: &IndexSet) -> (crate::graph::NodeId, Dim) {
        let (value, shape) = (self.value(xs), self.shape_of(xs));
        let mut b = Aligned::new();
        let leading: Labels = indices.iter().map(|i| b.index(self, *i)).collect();
        let one = self.g.sizes.constant(1);
        let (own, item): (Labels, Labels) = match &shape {
            Shape::Scalar => (Labels::new(), Labels::new()),
            // a row that is not known to be one goes by its entries all the same, as a vector does
            Shape::Column(n) | Shape::Row(n) => (Labels::from_slice(&[b.p.label(*n)]), Labels::new()),
            _ => {
                let all: Labels = shape.axes().iter().map(|d| b.p.label(*d)).collect();
                (all.clone(), all[1..].iter().copied().collect())
            }
        };
        let (step, length) = match own.first() {
            Some(label) => (*label, b.p.dims[*label as usize]),
            None => (b.p.label(one), one),
        };
        b.factor(self, &value, &own);
        let out: Labels = std::iter::once(step).chain(leading).chain(item).collect();
        let node = b.p.build(&mut self.g, &out);
        (node, length)
    }

    /// A state or an item in the step of a loop.
    pub fn lower_placeholder(&mut self, id: LoopId, item: bool, init: TermId, xs: TermId) -> Value {
        let indices = self.loop_indices(init, xs);
        let level = match self.levels.get(&id).copied() {
            Some(level) => level,
            None => {
                let level = self.g.open_level().unwrap_or(0);
                self.levels.insert(id, level);
                level
            }
        };
        let node = if item {
            let (sequence, _) = self.sequence(xs, &indices);
            let dims: Vec<Dim> = self.g.axes(sequence)[1..].to_vec();
            self.g.placeholder(level, Slot::Item(0), &dims)
        } else {
            let shape = self.shape_of(init);
            let dims = self.all_axes(&indices, &shape.axes());
            self.g.placeholder(level, Slot::State(0), &dims)
        };
        Value { node, indices }
    }

    /// `fold` or `scan`.
    pub fn lower_loop(&mut self, id: LoopId, init: TermId, xs: TermId, body: TermId, scan: bool) -> Value {
        let indices = self.loop_indices(init, xs);
        let level = self.levels.get(&id).copied().unwrap_or(0);
        let (items, length) = self.sequence(xs, &indices);
        let axes = self.shape_of(init).axes();
        let mut aligned = |term: TermId| {
            let value = self.value(term);
            let own = self.own_axes(&value);
            self.align(&value, own, &indices, &axes)
        };
        let (first, next) = (aligned(init), aligned(body));
        self.g.close_level();
        let r = Recurrence { level, length, init: vec![first], items: vec![items], next: vec![next], backward: false };
        if !scan {
            let node = self.g.recurrence(r, Reading::Last(0));
            return Value { node, indices };
        }
        let all = self.g.recurrence(r, Reading::Each(next));
        let mut b = Aligned::new();
        let step = b.p.label(length);
        let leading: Labels = indices.iter().map(|i| b.index(self, *i)).collect();
        let own: Labels = axes.iter().map(|d| b.p.label(*d)).collect();
        let read: Labels = std::iter::once(step).chain(leading).chain(own.iter().copied()).collect();
        b.p.factor(all, &read);
        let steps = (!self.g.sizes.is_one(length)).then_some(step);
        let out: Labels = steps.into_iter().chain(own).collect();
        b.build(self, &out)
    }
}
