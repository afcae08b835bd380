//! `fold`, `scan` and their kin: loops; a few steps are put in place instead.

use matgrad_syntax::{Diagnostic, ExprId, ExprKind};
use smallvec::{SmallVec, smallvec};

use super::Shape;
use super::elaborate::{Elaborator, Work};
use super::lower::{Aligned, Lower, Value};
use super::term::{Affine, LoopId, Operation, Read, Run, Sub, TermId, TermKind, Type};
use crate::graph::{Dim, Dims, Labels, NESTING_LIMIT, Reading, Recurrence, Slot};

/// Recurrences of up to this many steps are put in place: short ones read better so.
const UNROLL_LIMIT: i64 = 8;

/// A recurrence whose steps are being put in place.
pub(super) struct FoldState {
    at: ExprId,
    function: usize,
    /// What the first parameters of the step are.
    given: SmallVec<[TermId; 2]>,
    next: i64,
    length: i64,
    xs: SmallVec<[TermId; 2]>,
    states: Vec<TermId>,
    run: Run,
    started: bool,
}

/// A loop whose step is being read.
pub(super) struct OpenLoop {
    at: ExprId,
    /// Where the step and the first state are written.
    step: ExprId,
    loop_id: LoopId,
    init: TermId,
    xs: SmallVec<[TermId; 2]>,
    length: Dim,
    run: Run,
}

impl Elaborator<'_> {
    /// The start of a recurrence: of which function, over how many steps. The arguments are what the first parameters of
    /// the step are given, the first state, and the sequences.
    pub fn start_fold(&mut self, run: Run, args: &[TermId], at: ExprId) -> TermId {
        let ExprKind::Call { args: written, .. } = self.ast.kind(at) else {
            return self.push(TermKind::Poison, Type::Poison, at);
        };
        let step = written[0];
        let name = match self.ast.kind(step) {
            ExprKind::Name(name) => Some((name, 0)),
            ExprKind::Call { function, args, .. } => Some((function, args.len())),
            _ => None,
        };
        let function = name.and_then(|(name, given)| match self.globals.get(name) {
            Some(super::elaborate::Global::Function(function)) => Some((*function, given)),
            _ => None,
        });
        let (Some((function, given)), false) = (function, args.is_empty()) else {
            let diagnostic = Diagnostic::error("arguments", self.span(step), "expected the name of a defined function");
            return self.poison(diagnostic.help("define the step first: `step(state, x) = …`"), at);
        };
        let (given, rest) = args.split_at(given.min(args.len() - 1));
        let (init, xs) = (rest[0], SmallVec::<[TermId; 2]>::from_slice(&rest[1..]));
        let length = match self.common_length(&xs, false, at) {
            Ok(length) => length,
            Err(diagnostic) => return self.poison(*diagnostic, at),
        };
        let first = self.term(init).ty.clone();
        let given = SmallVec::<[TermId; 2]>::from_slice(given);
        let tensors = xs.iter().any(|xs| matches!(self.term(*xs).ty, Type::Tensor(_)))
            || run.read != Read::Last && self.along(&first).is_none();
        if let Some(length) = self.dims.value(length).filter(|n| *n <= UNROLL_LIMIT && !tensors) {
            let state = FoldState { at, function, given, next: 1, length, xs, states: vec![init], run, started: false };
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
        let mut operands = given.clone();
        operands.push(self.push(TermKind::Placeholder { loop_id, item: None, init, xs: xs.clone() }, first, at));
        for (k, sequence) in xs.iter().enumerate() {
            let ty = self.item_type(*sequence, false);
            operands.push(self.push(TermKind::Placeholder { loop_id, item: Some(k), init, xs: xs.clone() }, ty, at));
        }
        let open = OpenLoop { at, step, loop_id, init, xs, length, run };
        let count = operands.len();
        self.work.extend([Work::EndLoop(Box::new(open)), Work::Enter { function, at, count }]);
        // the caller puts what this returns on the operands
        let last = operands.pop().unwrap_or(init);
        self.operands.extend(operands);
        last
    }

    /// How many items each of some sequences has; the rows of `map` are rows, also of a row vector.
    pub fn common_length(&mut self, xs: &[TermId], rows: bool, at: ExprId) -> Result<Dim, Box<Diagnostic>> {
        let mut common: Option<Dim> = None;
        for (k, sequence) in xs.iter().enumerate() {
            let ty = self.term(*sequence).ty.clone();
            let written = match self.ast.kind(at) {
                ExprKind::Call { args, .. } => args.get(args.len() - xs.len() + k).copied().unwrap_or(at),
                _ => at,
            };
            let length = match &ty {
                Type::Grid(r, c) => {
                    if self.dims.is_one(*r) && !rows {
                        *c
                    } else {
                        *r
                    }
                }
                Type::Tensor(dims) if dims.len() == 3 => dims[0],
                _ => {
                    let shape = self.shape_text(&ty);
                    let message = format!(
                        "a recurrence runs over a vector, the rows of a matrix or the matrices of a tensor, this is {shape}"
                    );
                    return Err(Box::new(Diagnostic::error("shape-mismatch", self.span(written), message)));
                }
            };
            match common {
                Some(common) if self.dims.unify(common, length, at).is_err() => {
                    let message = "the sequences of a recurrence have different lengths";
                    return Err(Box::new(Diagnostic::error("shape-mismatch", self.span(written), message)));
                }
                Some(_) => {}
                None => common = Some(length),
            }
        }
        Ok(common.unwrap_or_else(|| self.dims.number(0)))
    }

    /// What an item of a sequence is.
    fn item_type(&mut self, xs: TermId, rows: bool) -> Type {
        let one = self.dims.number(1);
        match self.term(xs).ty.clone() {
            Type::Grid(r, _) if self.dims.is_one(r) && !rows => Type::Grid(one, one),
            Type::Grid(_, c) => Type::Grid(c, one),
            Type::Tensor(dims) if dims.len() == 3 => Type::Grid(dims[1], dims[2]),
            other => other,
        }
    }

    /// An item of a sequence: an entry, a row as a column, a matrix.
    pub fn item(&mut self, xs: TermId, here: Sub, rows: bool, at: ExprId) -> TermId {
        match self.term(xs).ty.clone() {
            Type::Grid(r, c) if (rows || !self.dims.is_one(r)) && !self.dims.is_one(c) => {
                let row = self.subscript(xs, smallvec![here, Sub::All], at);
                self.apply(Operation::Transpose, smallvec![row], at)
            }
            Type::Tensor(_) => self.subscript(xs, smallvec![here, Sub::All, Sub::All], at),
            _ => self.subscript(xs, smallvec![here], at),
        }
    }

    /// The end of a loop: the step gives what it takes.
    pub fn end_loop(&mut self, open: &OpenLoop, body: TermId) -> TermId {
        self.open_loops = self.open_loops.saturating_sub(1);
        let OpenLoop { at, step, loop_id, init, ref xs, length, run } = *open;
        if let Some(poison) = self.poisoned(&[init, body], at).or_else(|| self.poisoned(xs, at)) {
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
        let ty = match (run.read, self.along(&after), &after) {
            (Read::Last, ..) => after,
            (_, Some(cols), _) => Type::Grid(length, cols),
            (_, None, Type::Grid(r, c)) => Type::Tensor(Dims::from_slice(&[length, *r, *c])),
            _ => {
                let shape = self.shape_text(&after);
                let message = format!("`scan` stacks scalars, vectors and matrices, the states are {shape}");
                return self.poison(Diagnostic::error("shape-mismatch", self.span(at), message), at);
            }
        };
        self.push(TermKind::Loop { loop_id, init, xs: xs.clone(), body, run }, ty, at)
    }

    /// One more step put in place.
    pub fn fold(&mut self, mut state: Box<FoldState>) -> Option<TermId> {
        let last = self.pop();
        if state.started {
            state.states.push(last);
        }
        state.started = true;
        if state.next > state.length {
            let at = state.at;
            let shown = match state.run.read {
                Read::Last => return Some(last),
                Read::After => &state.states[1..],
                Read::Before => &state.states[..state.states.len() - 1],
            };
            let mut shown: Vec<TermId> = shown.to_vec();
            if state.run.backward {
                shown.reverse();
            }
            let rows: Vec<Vec<ExprId>> = vec![vec![at]; shown.len()];
            let terms: Vec<TermId> =
                shown.into_iter().map(|t| self.apply(Operation::Transpose, smallvec![t], at)).collect();
            return Some(self.blocks(&rows, &terms, false, at));
        }
        let place = if state.run.backward { state.length + 1 - state.next } else { state.next };
        let (at, k) = (state.at, self.dims.number(place));
        let here = Sub::At(Affine { indices: SmallVec::new(), constant: k });
        let items: SmallVec<[TermId; 2]> = state.xs.iter().map(|xs| self.item(*xs, here.clone(), false, at)).collect();
        state.next += 1;
        let function = state.function;
        let count = state.given.len() + 1 + items.len();
        self.operands.extend(state.given.iter().copied().chain([last]).chain(items));
        self.work.extend([Work::Fold(state), Work::Enter { function, at, count }]);
        None
    }
}

impl Lower<'_, '_> {
    /// The sequence of a loop: the axis of the steps, then indices, then the axes of an item; and the number of steps.
    fn sequence(&mut self, xs: TermId) -> (crate::graph::NodeId, Dim) {
        let (value, shape) = (self.value(xs), self.shape_of(xs));
        let mut b = Aligned::new();
        let leading: Labels = value.indices.iter().map(|i| b.index(self, *i)).collect();
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
    pub fn lower_placeholder(&mut self, id: LoopId, item: Option<usize>, init: TermId, xs: &[TermId]) -> Value {
        let level = match self.levels.get(&id).copied() {
            Some(level) => level,
            None => {
                let level = self.g.open_level().unwrap_or(0);
                self.levels.insert(id, level);
                level
            }
        };
        if let Some((k, xs)) = item.and_then(|k| Some((k, *xs.get(k)?))) {
            let (sequence, _) = self.sequence(xs);
            let dims: Vec<Dim> = self.g.axes(sequence)[1..].to_vec();
            let node = self.g.placeholder(level, Slot::Item(k as u32), &dims);
            return Value { node, indices: self.value(xs).indices };
        }
        let indices = self.loop_indices.get(&id).cloned().unwrap_or_default();
        let shape = self.shape_of(init);
        let dims = self.all_axes(&indices, &shape.axes());
        Value { node: self.g.placeholder(level, Slot::State(0), &dims), indices }
    }

    /// A recurrence.
    pub fn lower_loop(&mut self, id: LoopId, init: TermId, xs: &[TermId], body: TermId, run: Run) -> Value {
        let indices = self.loop_indices.get(&id).cloned().unwrap_or_default();
        let level = self.levels.get(&id).copied().unwrap_or(0);
        let mut items = Vec::with_capacity(xs.len());
        let mut length = self.g.sizes.constant(1);
        for xs in xs {
            let (sequence, own) = self.sequence(*xs);
            items.push(sequence);
            length = own;
        }
        let axes = self.shape_of(init).axes();
        let mut aligned = |term: TermId| {
            let value = self.value(term);
            let own = self.own_axes(&value);
            self.align(&value, own, &indices, &axes)
        };
        let (first, next) = (aligned(init), aligned(body));
        self.g.close_level();
        let r = Recurrence { level, length, init: vec![first], items, next: vec![next], backward: run.backward };
        let reading = match run.read {
            Read::Last => Reading::Last(0),
            Read::After => Reading::Each(next),
            Read::Before => {
                let dims = self.g.axes(first).clone();
                Reading::Each(self.g.placeholder(level, Slot::State(0), &dims))
            }
        };
        let all = self.g.recurrence(r, reading);
        if run.read == Read::Last {
            return Value { node: all, indices };
        }
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
