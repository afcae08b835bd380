//! Evaluates a [`Program`] at one point, over any [`Scalar`], on an explicit stack.

use matgrad_syntax::{BinaryOp, Reducer};
use smallvec::{SmallVec, smallvec};

use crate::abstracts::Body;
use crate::budget::{Budget, cost};
use crate::error::{ErrorKind, EvalError, Result};
use crate::functions;
use crate::operators;
use crate::program::{Id, Loop, LoopKind, Op, Program, Source, Use};
use crate::scalar::Scalar;
use crate::value::{Array, MAX_ENTRIES, Value};

enum Task {
    /// Make the value of a node known.
    Eval(Id),
    /// Its arguments are known.
    Compute(Id),
    /// A loop: find its ranges.
    Start(Id),
    /// What the ranges need is known.
    Begin(Id),
    /// The condition of the running loop is known.
    Test,
    /// The body of the running loop is known.
    Take,
}

/// A loop under way.
struct Running<T> {
    id: Id,
    index: u32,
    low: SmallVec<[i64; 4]>,
    high: SmallVec<[i64; 4]>,
    at: SmallVec<[i64; 4]>,
    sum: Option<Value<T>>,
    terms: Vec<Value<T>>,
    /// What `fold` and `map` run over, the items of a step side by side.
    items: Vec<SmallVec<[Value<T>; 2]>>,
    step: usize,
}

/// The values of a program's nodes at one point.
pub(crate) struct Machine<'p, T> {
    program: &'p Program,
    bodies: &'p [Body],
    inputs: Vec<Array<T>>,
    cells: Vec<Value<T>>,
    /// When each cell was computed: good while it equals the stamp of the node's innermost binder.
    stamps: Vec<u64>,
    binder_stamps: Vec<u64>,
    active: Vec<bool>,
    /// Loops whose ranges are being found or that run.
    busy: Vec<bool>,
    clock: u64,
    budget: &'p Budget,
    /// Entries in all cells.
    kept: usize,
    tasks: Vec<Task>,
    loops: Vec<Running<T>>,
}

impl<'p, T: Scalar> Machine<'p, T> {
    /// A machine without a point yet.
    pub(crate) fn new(program: &'p Program, bodies: &'p [Body], budget: &'p Budget) -> Self {
        let binders = program.binders.len();
        Self {
            program,
            bodies,
            inputs: Vec::new(),
            cells: vec![Value::Eye(T::ZERO); program.len()],
            stamps: vec![0; program.len()],
            binder_stamps: vec![1; binders],
            active: vec![false; binders],
            busy: vec![false; program.loops.len()],
            clock: 1,
            budget,
            kept: 0,
            tasks: Vec::new(),
            loops: Vec::new(),
        }
    }

    /// Moves to the point where input `k` has the value `inputs[k]`.
    pub(crate) fn set_inputs(&mut self, inputs: Vec<Array<T>>) {
        self.inputs = inputs;
        self.clock += 1;
        self.binder_stamps[0] = self.clock;
    }

    /// The value of a node.
    pub(crate) fn eval(&mut self, root: Id) -> Result<&Value<T>> {
        self.tasks.clear();
        self.loops.clear();
        self.active.fill(false);
        self.busy.fill(false);
        self.tasks.push(Task::Eval(root));
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Eval(id) => self.visit(id)?,
                Task::Compute(id) => self.compute(id)?,
                Task::Start(id) => self.start(id)?,
                Task::Begin(id) => self.begin(id)?,
                Task::Test => self.test()?,
                Task::Take => self.take()?,
            }
        }
        Ok(&self.cells[root as usize])
    }

    fn is_known(&self, id: Id) -> bool {
        self.stamps[id as usize] == self.binder_stamps[self.program.node(id).level as usize]
    }

    fn store(&mut self, id: Id, value: Value<T>) -> Result<()> {
        let cell = &mut self.cells[id as usize];
        self.kept = self.kept.saturating_sub(entries(cell)) + entries(&value);
        *cell = value;
        self.stamps[id as usize] = self.binder_stamps[self.program.node(id).level as usize];
        Budget::keep::<T>(self.kept)
    }

    fn visit(&mut self, id: Id) -> Result<()> {
        if self.is_known(id) {
            return Ok(());
        }
        if let Op::Loop(index) = self.program.node(id).op {
            if std::mem::replace(&mut self.busy[index as usize], true) {
                return Err(EvalError::shape("the range of an index follows from itself"));
            }
            self.tasks.push(Task::Start(id));
            return Ok(());
        }
        let args = self.program.args(id);
        if args.is_empty() {
            return self.compute(id);
        }
        self.tasks.push(Task::Compute(id));
        for arg in args.iter().rev() {
            if !self.is_known(*arg) {
                self.tasks.push(Task::Eval(*arg));
            }
        }
        Ok(())
    }

    fn compute(&mut self, id: Id) -> Result<()> {
        let value = self.value_of(id)?;
        self.store(id, value)
    }

    fn value_of(&self, id: Id) -> Result<Value<T>> {
        let program = self.program;
        let args: SmallVec<[&Value<T>; 4]> = program.args(id).iter().map(|arg| &self.cells[*arg as usize]).collect();
        let op = &program.node(id).op;
        self.budget.spend(cost(op, &args))?;
        Ok(match (op, args.as_slice()) {
            (Op::Number(bits), _) => Value::number(f64::from_bits(*bits)),
            (Op::Identity, _) => Value::Eye(T::ONE),
            (Op::Input(k), _) => match self.inputs.get(*k as usize) {
                Some(input) => Value::Dense(input.clone()),
                None => return Err(EvalError::new(ErrorKind::Unknown, "a variable has no value")),
            },
            (Op::Neg, [a]) => match a {
                Value::Dense(array) => Value::Dense(array.map(|x| -x)),
                Value::Eye(x) => Value::Eye(-*x),
                Value::Fill(x, form) => Value::Fill(-*x, *form),
            },
            (Op::Transpose, [a]) => operators::transpose(a)?,
            (Op::Binary(op), [a, b]) => operators::binary(*op, a, b)?,
            (Op::Call(function), [Value::Dense(a)])
                if self.budget.any_matrix()
                    && let Some(value) = functions::of_any_matrix(*function, a) =>
            {
                Value::Dense(value?)
            }
            (Op::Call(function), args) => functions::call(*function, args)?,
            (Op::Abstract { function, derivative }, args) => match self.bodies.get(*function as usize) {
                Some(body) => Value::Dense(body.value(derivative, args)?),
                None => return Err(EvalError::new(ErrorKind::Unknown, "an abstract function has no body")),
            },
            (Op::Subscript(subs), [base, args @ ..]) => operators::subscript(base, subs, args)?,
            (Op::Delta, args) => operators::delta(args)?,
            (Op::Eps, args) => operators::levi_civita(args)?,
            (Op::Column, args) => operators::column(args)?,
            (Op::Rows(lengths), args) => operators::rows(lengths, args)?,
            (Op::Binder(binder), _) => {
                let name = &program.binders[*binder as usize].name;
                return Err(EvalError::shape(format!("index {name} is used where it has no value")));
            }
            _ => return Err(EvalError::shape("wrong number of arguments")),
        })
    }

    fn running_loop(&self, id: Id) -> Option<&'p Loop> {
        match self.program.node(id).op {
            Op::Loop(index) => self.program.loops.get(index as usize),
            _ => None,
        }
    }

    fn bind(&mut self, binder: u32, value: Value<T>) {
        self.clock += 1;
        self.binder_stamps[binder as usize] = self.clock;
        let node = self.program.binders[binder as usize].node as usize;
        self.cells[node] = value;
        self.stamps[node] = self.clock;
    }

    /// Whether a base may be evaluated now; an index that does not run yet is set to 1, which shapes do not notice.
    fn prepare(&mut self, base: Id) -> bool {
        for dep in self.program.deps(base) {
            if !self.active[*dep as usize] {
                if !self.program.binders[*dep as usize].is_index {
                    return false;
                }
                self.bind(*dep, Value::number(1.0));
            }
        }
        true
    }

    fn start(&mut self, id: Id) -> Result<()> {
        let Some(item) = self.running_loop(id) else { return Ok(()) };
        self.tasks.push(Task::Begin(id));
        for arg in self.program.args(id) {
            self.tasks.push(Task::Eval(*arg));
        }
        for binder in &item.binders {
            for source in &self.program.binders[*binder as usize].sources {
                let needed = match source {
                    Source::Axis(usage) => usage.base,
                    Source::End(end) => *end,
                    Source::Count(_) | Source::Same(_) => continue,
                };
                if self.prepare(needed) {
                    self.tasks.push(Task::Eval(needed));
                }
            }
        }
        Ok(())
    }

    /// First and last value of an index.
    fn range(&self, binder: u32) -> Result<(i64, i64)> {
        let name = &self.program.binders[binder as usize].name;
        let mut found: Option<(i64, i64)> = None;
        let mut plain: Option<i64> = None;
        let mut shifted = false;
        let mut clash = None;
        for source in &self.program.binders[binder as usize].sources {
            match source {
                Source::Axis(usage) => {
                    let Some((low, high)) = self.axis_range(usage) else { continue };
                    if usage.coefficient == 1.0 && usage.offset == 0.0 {
                        clash = plain.filter(|other| *other != high).map(|other| (other, high)).or(clash);
                        plain = Some(high);
                    } else {
                        shifted = true;
                    }
                    let (l, h) = found.unwrap_or((1, i64::MAX));
                    found = Some((l.max(low), h.min(high)));
                }
                _ if found.is_some() => break,
                Source::End(end) => {
                    if self.is_known(*end) {
                        found = Some((1, operators::whole(&self.cells[*end as usize])?));
                    }
                }
                Source::Count(count) => found = Some((1, *count)),
                Source::Same(other) => found = self.running_range(*other),
            }
        }
        // beside `u[i + 1]` the axes may have different lengths: the index stays inside them all
        if let (Some((one, other)), false) = (clash, shifted) {
            return Err(EvalError::shape(format!("index {name} has ranges {one} and {other}")));
        }
        found.ok_or_else(|| EvalError::shape(format!("the range of index {name} does not follow from use")))
    }

    fn axis_range(&self, usage: &Use) -> Option<(i64, i64)> {
        if !self.is_known(usage.base) {
            return None;
        }
        let base = self.cells[usage.base as usize].dense().ok()?;
        let size =
            if usage.subscripts == 1 && base.rank() == 2 { base.len() } else { *base.shape().get(usage.axis)? };
        let (a, c) = (usage.coefficient, usage.offset);
        if a == 0.0 {
            return None;
        }
        let (first, last) = ((1.0 - c) / a, (size as f64 - c) / a);
        let (low, high) = if a > 0.0 { (first, last) } else { (last, first) };
        Some((((low - 1e-9).ceil() as i64).max(1), (high + 1e-9).floor() as i64))
    }

    fn running_range(&self, binder: u32) -> Option<(i64, i64)> {
        self.loops.iter().rev().find_map(|running| {
            let item = self.running_loop(running.id)?;
            let k = item.binders.iter().position(|b| *b == binder)?;
            Some((*running.low.get(k)?, *running.high.get(k)?))
        })
    }

    fn begin(&mut self, id: Id) -> Result<()> {
        let (Some(item), Op::Loop(index)) = (self.running_loop(id), &self.program.node(id).op) else { return Ok(()) };
        let mut running = Running {
            id,
            index: *index,
            low: SmallVec::new(),
            high: SmallVec::new(),
            at: SmallVec::new(),
            sum: None,
            terms: Vec::new(),
            items: Vec::new(),
            step: 0,
        };
        match item.kind {
            LoopKind::Reduce(_) | LoopKind::Tabulate => {
                let mut count: usize = 1;
                for binder in &item.binders {
                    let (low, high) = self.range(*binder)?;
                    let name = &self.program.binders[*binder as usize].name;
                    if item.kind == LoopKind::Tabulate && low != 1 {
                        return Err(EvalError::shape(format!("index {name} of a definition does not start at 1")));
                    }
                    count = count.saturating_mul(usize::try_from(high - low + 1).unwrap_or(0));
                    running.low.push(low);
                    running.high.push(high);
                }
                if count > MAX_ENTRIES {
                    return Err(EvalError::new(ErrorKind::Limit, "an index runs too far to check"));
                }
                running.at = running.low.clone();
                self.loops.push(running);
                if count == 0 {
                    return self.finish();
                }
            }
            LoopKind::Fold | LoopKind::Scan | LoopKind::ExclusiveScan | LoopKind::Map => {
                for (k, over) in item.over.iter().enumerate() {
                    let items = items_of(self.cells[*over as usize].dense()?, item.kind)?;
                    if k == 0 {
                        running.items = items.into_iter().map(|x| smallvec![x]).collect();
                        continue;
                    }
                    if items.len() != running.items.len() {
                        return Err(EvalError::shape("the sequences of a recurrence have different lengths"));
                    }
                    running.items.iter_mut().zip(items).for_each(|(all, x)| all.push(x));
                }
                running.sum = item.init.map(|init| self.cells[init as usize].clone());
                let empty = running.items.is_empty();
                self.loops.push(running);
                if empty {
                    return self.finish();
                }
            }
        }
        for binder in &item.binders {
            self.active[*binder as usize] = true;
        }
        self.round(0)
    }

    /// Binds what changed, from binder `from` on, and evaluates condition and body.
    fn round(&mut self, from: usize) -> Result<()> {
        let Some(running) = self.loops.last() else { return Ok(()) };
        let item = &self.program.loops[running.index as usize];
        match item.kind {
            LoopKind::Reduce(_) | LoopKind::Tabulate => {
                for k in from..item.binders.len() {
                    let at = self.loops.last().map_or(1, |running| running.at[k]);
                    self.bind(item.binders[k], Value::number(at as f64));
                }
            }
            LoopKind::Fold | LoopKind::Scan | LoopKind::ExclusiveScan | LoopKind::Map => {
                let at =
                    if item.backward { running.items.len().saturating_sub(1 + running.step) } else { running.step };
                let (state, x) = (running.sum.clone(), running.items.get(at).cloned());
                let values = state.into_iter().chain(x.into_iter().flatten());
                for (binder, value) in item.binders.iter().zip(values) {
                    self.bind(*binder, value);
                }
            }
        }
        match item.condition {
            Some(condition) => {
                self.tasks.push(Task::Test);
                self.tasks.push(Task::Eval(condition));
            }
            None => {
                self.tasks.push(Task::Take);
                self.tasks.push(Task::Eval(item.body));
            }
        }
        Ok(())
    }

    fn test(&mut self) -> Result<()> {
        let Some(running) = self.loops.last() else { return Ok(()) };
        let item = &self.program.loops[running.index as usize];
        let Some(condition) = item.condition else { return Ok(()) };
        if self.cells[condition as usize].need_scalar()?.re() == 0.0 {
            return self.advance();
        }
        self.tasks.push(Task::Take);
        self.tasks.push(Task::Eval(item.body));
        Ok(())
    }

    fn take(&mut self) -> Result<()> {
        let Some(running) = self.loops.last_mut() else { return Ok(()) };
        let item = &self.program.loops[running.index as usize];
        let value = &self.cells[item.body as usize];
        match item.kind {
            LoopKind::Reduce(Reducer::Sum) => {
                running.sum = Some(match running.sum.take() {
                    Some(sum) => operators::binary(BinaryOp::Add, &sum, value)?,
                    None => value.clone(),
                });
            }
            LoopKind::Reduce(_) | LoopKind::Map => running.terms.push(value.clone()),
            LoopKind::Tabulate => running.terms.push(Value::scalar(value.need_scalar()?)),
            LoopKind::Fold => running.sum = Some(value.clone()),
            LoopKind::Scan => {
                running.terms.push(value.clone());
                running.sum = Some(value.clone());
            }
            LoopKind::ExclusiveScan => running.terms.extend(running.sum.replace(value.clone())),
        }
        self.advance()
    }

    fn advance(&mut self) -> Result<()> {
        let Some(running) = self.loops.last_mut() else { return Ok(()) };
        let item = &self.program.loops[running.index as usize];
        match item.kind {
            LoopKind::Tabulate => {
                // the first index fastest, as entries are stored; the outer ones then restart the inner
                for k in 0..running.at.len() {
                    if running.at[k] < running.high[k] {
                        running.at[k] += 1;
                        return self.round(0);
                    }
                    running.at[k] = running.low[k];
                }
                self.finish()
            }
            LoopKind::Reduce(_) => {
                for k in (0..running.at.len()).rev() {
                    if running.at[k] < running.high[k] {
                        running.at[k] += 1;
                        return self.round(k);
                    }
                    running.at[k] = running.low[k];
                }
                self.finish()
            }
            LoopKind::Fold | LoopKind::Scan | LoopKind::ExclusiveScan | LoopKind::Map => {
                running.step += 1;
                if running.step < running.items.len() { self.round(0) } else { self.finish() }
            }
        }
    }

    fn finish(&mut self) -> Result<()> {
        let Some(mut running) = self.loops.pop() else { return Ok(()) };
        let item = &self.program.loops[running.index as usize];
        self.busy[running.index as usize] = false;
        for binder in &item.binders {
            self.active[*binder as usize] = false;
        }
        let value = match item.kind {
            LoopKind::Reduce(Reducer::Sum) => running.sum.unwrap_or_else(|| Value::number(0.0)),
            LoopKind::Reduce(reducer) => functions::reduce_terms(reducer, &running.terms)?,
            LoopKind::Tabulate => {
                let shape: SmallVec<[usize; 4]> =
                    running.high.iter().map(|high| usize::try_from(*high).unwrap_or(0)).collect();
                let data: Vec<T> = running.terms.iter().filter_map(Value::as_scalar).collect();
                match Array::new(&shape, data) {
                    Some(array) => Value::Dense(array),
                    None => return Err(EvalError::shape("an index definition has no entries")),
                }
            }
            LoopKind::Fold => running.sum.unwrap_or_else(|| Value::number(0.0)),
            LoopKind::Scan | LoopKind::ExclusiveScan | LoopKind::Map => {
                if item.backward {
                    running.terms.reverse();
                }
                Value::Dense(stacked(&running.terms)?)
            }
        };
        self.store(running.id, value)
    }
}

fn entries<T: Scalar>(value: &Value<T>) -> usize {
    value.dense().map_or(1, Array::len)
}

/// What a recurrence goes through: entries, rows as columns, or the matrices of a tensor.
fn items_of<T: Scalar>(over: &Array<T>, kind: LoopKind) -> Result<Vec<Value<T>>> {
    if let [count, rows, cols] = *over.shape() {
        let slice = |k: usize| {
            let entries = (0..rows * cols).map(|at| over.data()[k + count * at]);
            Value::Dense(Array::matrix(rows, cols, entries))
        };
        return Ok((0..count).map(slice).collect());
    }
    if over.rank() != 2 {
        return Err(EvalError::shape(
            "a recurrence runs over a vector, the rows of a matrix or the matrices of a tensor",
        ));
    }
    if over.is_vector() && kind != LoopKind::Map || over.cols() == 1 {
        return Ok(over.data().iter().map(|x| Value::scalar(*x)).collect());
    }
    let row = |i: usize| (0..over.cols()).map(|j| over.at(i, j)).collect();
    Ok((0..over.rows()).map(|i| Value::Dense(Array::column(row(i)))).collect())
}

/// Vectors as the rows of a matrix, matrices as those of a tensor.
fn stacked<T: Scalar>(terms: &[Value<T>]) -> Result<Array<T>> {
    let matrices: Option<Vec<&Array<T>>> =
        terms.iter().map(|term| term.dense().ok().filter(|a| a.rank() == 2 && !a.is_vector())).collect();
    if let Some((first, rest)) = matrices.as_deref().and_then(<[_]>::split_first)
        && rest.iter().all(|term| term.shape() == first.shape())
    {
        let entries =
            (0..first.len()).flat_map(|at| terms.iter().filter_map(move |term| Some(term.dense().ok()?.data()[at])));
        let shape = [terms.len(), first.rows(), first.cols()];
        return Array::new(&shape, entries.collect())
            .ok_or_else(|| EvalError::shape("the states of a scan are too many"));
    }
    let mut rows = Vec::with_capacity(terms.len());
    for term in terms {
        let row = term.dense()?;
        if !row.is_vector() {
            return Err(EvalError::shape("the states that scan or map stacks are scalars or vectors"));
        }
        rows.push(row);
    }
    let width = rows.first().map_or(0, |row| row.len());
    if rows.iter().any(|row| row.len() != width) {
        return Err(EvalError::shape("the states that scan or map stacks have different lengths"));
    }
    let entries = (0..width).flat_map(|j| rows.iter().map(move |row| row.data()[j]));
    Ok(Array::matrix(rows.len(), width, entries))
}
