//! Syntax tree to [`Program`]: resolves names, instantiates defined functions, binds indices.
//!
//! Works on an explicit stack: an expression nested 100,000 deep is ordinary input.

use std::collections::BTreeMap;

use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, IndexBinder, Name, Reducer, Subscript};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use crate::builtin::{Axis, Builtin};
use crate::error::{ErrorKind, EvalError, Result};
use crate::program::{Id, Loop, LoopKind, Op, Program, Sub};

/// Nested calls of defined functions and nested sums.
const MAX_DEPTH: u32 = 2_000;

/// What a name of the script or of an answer stands for.
#[derive(Clone, Debug)]
enum Global {
    Value(Id),
    /// A definition that could not be understood; an error only where it is used.
    Broken(EvalError),
}

#[derive(Clone, Debug)]
enum Function {
    Defined { ast: u8, parameters: Vec<Name>, body: ExprId },
    Abstract { index: u32 },
}

struct Scope {
    parent: u32,
    depth: u32,
    names: SmallVec<[(Name, Id); 2]>,
}

const OUTSIDE: u32 = 0;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct Place {
    ast: u8,
    id: ExprId,
    scope: u32,
    /// Whether a size is expected, where dimension names go before variables.
    size: bool,
}

enum Task {
    Visit(Place),
    Build(Place),
    /// Ranges are done: bind the indices and go on with condition and body.
    EnterReduce(Place),
    LeaveReduce(Place, SmallVec<[u32; 4]>),
    /// `fold`, `scan`, `map` or one of their kin: the arguments are done.
    EnterRecurrence(Place),
    LeaveRecurrence(Box<Loop>),
    LeaveCall(Name, SmallVec<[Id; 4]>),
}

/// Turns expressions of up to 255 trees into one [`Program`].
pub(crate) struct Compiler<'a> {
    pub program: Program,
    asts: Vec<&'a Ast>,
    dims: &'a BTreeMap<Name, usize>,
    globals: FxHashMap<Name, Global>,
    functions: FxHashMap<Name, Function>,
    scopes: Vec<Scope>,
    memo: FxHashMap<Place, Id>,
    calls: FxHashMap<(Name, SmallVec<[Id; 4]>), Id>,
    call_depth: u32,
    /// The inputs whose entries are subscripts, as those of `pick` in `x[pick[i]]`.
    pub picking: FxHashSet<u32>,
    tasks: Vec<Task>,
    done: Vec<Id>,
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(dims: &'a BTreeMap<Name, usize>) -> Self {
        Self {
            program: Program::new(),
            asts: Vec::new(),
            dims,
            globals: FxHashMap::default(),
            functions: FxHashMap::default(),
            scopes: vec![Scope { parent: OUTSIDE, depth: 0, names: SmallVec::new() }],
            memo: FxHashMap::default(),
            calls: FxHashMap::default(),
            call_depth: 0,
            picking: FxHashSet::default(),
            tasks: Vec::new(),
            done: Vec::new(),
        }
    }

    /// Makes a tree known; the number is used in the other calls.
    pub(crate) fn add_ast(&mut self, ast: &'a Ast) -> u8 {
        self.asts.push(ast);
        (self.asts.len() - 1) as u8
    }

    /// A variable whose value the machine is given.
    pub(crate) fn input(&mut self, name: &Name, index: u32) -> Result<Id> {
        let id = self.program.add(Op::Input(index), &[])?;
        self.globals.insert(name.clone(), Global::Value(id));
        Ok(id)
    }

    pub(crate) fn define_function(&mut self, name: &Name, ast: u8, parameters: Vec<Name>, body: ExprId) {
        self.functions.insert(name.clone(), Function::Defined { ast, parameters, body });
        self.calls.clear();
    }

    pub(crate) fn define_abstract(&mut self, name: &Name, index: u32) {
        self.functions.insert(name.clone(), Function::Abstract { index });
    }

    /// Takes `name = …` or, with indices, `name[i, j] = …`.
    pub(crate) fn define(&mut self, name: &Name, ast: u8, indices: Option<&[IndexBinder]>, body: ExprId) {
        let global = match self.root(ast, indices, body) {
            Ok(id) => Global::Value(id),
            Err(error) => Global::Broken(error),
        };
        self.globals.insert(name.clone(), global);
    }

    /// The node of a defined name.
    pub(crate) fn global(&self, name: &str) -> Result<Id> {
        match self.globals.get(name) {
            Some(Global::Value(id)) => Ok(*id),
            Some(Global::Broken(error)) => Err(error.clone()),
            None => Err(EvalError::new(ErrorKind::Unknown, format!("unknown name {name}"))),
        }
    }

    /// The node of an expression, or of the array that an index definition makes of it.
    pub(crate) fn root(&mut self, ast: u8, indices: Option<&[IndexBinder]>, body: ExprId) -> Result<Id> {
        self.tasks.clear();
        self.done.clear();
        self.call_depth = 0;
        let result = match indices {
            None => {
                self.visit(ast, body, OUTSIDE, false);
                self.run()
            }
            Some(indices) => self.tabulate(ast, indices, body),
        };
        self.program.finish();
        result
    }

    /// The node of an expression in which a name stands for a node.
    pub(crate) fn root_with(&mut self, ast: u8, name: &Name, value: Id, body: ExprId) -> Result<Id> {
        self.tasks.clear();
        self.done.clear();
        self.call_depth = 0;
        let mut names = SmallVec::new();
        names.push((name.clone(), value));
        self.scopes.push(Scope { parent: OUTSIDE, depth: 0, names });
        self.visit(ast, body, self.scopes.len() as u32 - 1, false);
        let result = self.run();
        self.program.finish();
        result
    }

    fn tabulate(&mut self, ast: u8, indices: &[IndexBinder], body: ExprId) -> Result<Id> {
        let mut ranges: SmallVec<[Option<Id>; 4]> = SmallVec::new();
        for index in indices {
            ranges.push(match index.range {
                None => None,
                Some(range) => {
                    self.visit(ast, range, OUTSIDE, true);
                    Some(self.run()?)
                }
            });
        }
        let (scope, binders) = self.bind(OUTSIDE, indices, &ranges)?;
        self.visit(ast, body, scope, false);
        let body = self.run()?;
        let kind = LoopKind::Tabulate;
        self.program.add_loop(Loop {
            kind,
            binders,
            condition: None,
            body,
            init: None,
            over: SmallVec::new(),
            backward: false,
        })
    }

    fn bind(
        &mut self,
        parent: u32,
        indices: &[IndexBinder],
        ranges: &[Option<Id>],
    ) -> Result<(u32, SmallVec<[u32; 4]>)> {
        let mut depth = self.scope_depth(parent)?;
        let mut binders = SmallVec::new();
        let mut names = SmallVec::new();
        for (index, range) in indices.iter().zip(ranges) {
            depth += 1;
            let binder = self.program.new_binder(index.name.clone(), depth, *range, true);
            names.push((index.name.clone(), self.program.binders[binder as usize].node));
            binders.push(binder);
        }
        self.scopes.push(Scope { parent, depth, names });
        Ok((self.scopes.len() as u32 - 1, binders))
    }

    fn scope_depth(&self, scope: u32) -> Result<u32> {
        let depth = self.scopes[scope as usize].depth;
        if depth > MAX_DEPTH {
            return Err(EvalError::new(ErrorKind::Limit, "indices are nested too deeply to check"));
        }
        Ok(depth)
    }

    fn visit(&mut self, ast: u8, id: ExprId, scope: u32, size: bool) {
        self.tasks.push(Task::Visit(Place { ast, id, scope, size }));
    }

    fn run(&mut self) -> Result<Id> {
        while let Some(task) = self.tasks.pop() {
            match task {
                Task::Visit(place) => self.step(place)?,
                Task::Build(place) => {
                    let id = self.build(place)?;
                    if let Some(id) = id {
                        self.memo.insert(place, id);
                        self.done.push(id);
                    }
                }
                Task::EnterReduce(place) => self.enter_reduce(place)?,
                Task::LeaveReduce(place, binders) => self.leave_reduce(place, binders)?,
                Task::EnterRecurrence(place) => self.enter_recurrence(place)?,
                Task::LeaveRecurrence(mut item) => {
                    item.body = self.pop()?;
                    let id = self.program.add_loop(*item)?;
                    self.done.push(id);
                }
                Task::LeaveCall(name, args) => {
                    self.call_depth -= 1;
                    let id = self.pop()?;
                    self.calls.insert((name, args), id);
                    self.done.push(id);
                }
            }
        }
        self.pop()
    }

    fn pop(&mut self) -> Result<Id> {
        self.done.pop().ok_or_else(|| EvalError::shape("an expression is incomplete"))
    }

    fn take(&mut self, count: usize) -> SmallVec<[Id; 4]> {
        let at = self.done.len().saturating_sub(count);
        self.done.drain(at..).collect()
    }

    /// Leaves become nodes at once; of others the children are visited first.
    fn step(&mut self, place: Place) -> Result<()> {
        let ast = self.asts[place.ast as usize];
        match ast.kind(place.id) {
            ExprKind::Number(value) => {
                let id = self.program.number(value.to_f64())?;
                self.done.push(id);
                return Ok(());
            }
            ExprKind::Name(name) => {
                let id = self.resolve(name, place)?;
                self.done.push(id);
                return Ok(());
            }
            _ => {}
        }
        if let Some(&id) = self.memo.get(&place) {
            self.done.push(id);
            return Ok(());
        }
        match ast.kind(place.id) {
            ExprKind::Reduce { indices, .. } => {
                self.tasks.push(Task::EnterReduce(place));
                for range in indices.iter().rev().filter_map(|index| index.range) {
                    self.visit(place.ast, range, place.scope, true);
                }
            }
            ExprKind::Call { function, args, .. } => self.step_call(place, function, args)?,
            ExprKind::Index(base, subscripts) => {
                self.tasks.push(Task::Build(place));
                for subscript in subscripts.iter().rev() {
                    match subscript {
                        Subscript::All => {}
                        Subscript::At(a) => self.visit(place.ast, *a, place.scope, true),
                        Subscript::Range(a, b) => {
                            self.visit(place.ast, *b, place.scope, true);
                            self.visit(place.ast, *a, place.scope, true);
                        }
                    }
                }
                if self.structural(place, *base).is_none() {
                    self.visit(place.ast, *base, place.scope, false);
                }
            }
            _ => {
                self.tasks.push(Task::Build(place));
                let mut children: SmallVec<[ExprId; 8]> = SmallVec::new();
                ast.for_each_child(place.id, |child| children.push(child));
                for child in children.into_iter().rev() {
                    self.visit(place.ast, child, place.scope, place.size);
                }
            }
        }
        Ok(())
    }

    fn step_call(&mut self, place: Place, function: &Name, args: &'a [ExprId]) -> Result<()> {
        let known = self.functions.contains_key(function);
        if !known && recurrence(function).is_some() {
            self.tasks.push(Task::EnterRecurrence(place));
            let bound = match args.first().map(|step| self.asts[place.ast as usize].kind(*step)) {
                Some(ExprKind::Call { args, .. }) => args.as_slice(),
                _ => &[],
            };
            for arg in bound.iter().chain(args.iter().skip(1)).rev() {
                self.visit(place.ast, *arg, place.scope, false);
            }
            return Ok(());
        }
        self.tasks.push(Task::Build(place));
        let builtin = if known { None } else { Builtin::find(function) };
        for (k, arg) in args.iter().enumerate().rev() {
            let size = builtin.is_some_and(|(builtin, ..)| builtin.takes_size(k));
            self.visit(place.ast, *arg, place.scope, size);
        }
        Ok(())
    }

    /// Whether the base of a subscript is `delta` or `eps`.
    fn structural(&self, place: Place, base: ExprId) -> Option<bool> {
        let ExprKind::Name(name) = self.asts[place.ast as usize].kind(base) else { return None };
        let is_delta = match &**name {
            "delta" => true,
            "eps" => false,
            _ => return None,
        };
        let free = self.bound(name, place.scope).is_none() && !self.globals.contains_key(name);
        free.then_some(is_delta)
    }

    /// Keeps which inputs stand, themselves or with subscripts of their own, as subscripts.
    fn note_subscripts(&mut self, subscripts: &[Id]) {
        for id in subscripts {
            let node = self.program.node(*id);
            let base = match (&node.op, self.program.args(*id)) {
                (Op::Subscript(_), [base, ..]) => *base,
                _ => *id,
            };
            if let Op::Input(input) = self.program.node(base).op {
                self.picking.insert(input);
            }
        }
    }

    fn bound(&self, name: &Name, mut scope: u32) -> Option<Id> {
        while scope != OUTSIDE {
            let frame = &self.scopes[scope as usize];
            if let Some((_, id)) = frame.names.iter().rev().find(|(bound, _)| bound == name) {
                return Some(*id);
            }
            scope = frame.parent;
        }
        None
    }

    fn resolve(&mut self, name: &Name, place: Place) -> Result<Id> {
        if let Some(id) = self.bound(name, place.scope) {
            return Ok(id);
        }
        let dimension = self.dims.get(name).map(|n| *n as f64);
        if let (true, Some(n)) = (place.size, dimension) {
            return self.program.number(n);
        }
        match (self.globals.get(name), dimension) {
            (Some(Global::Value(id)), _) => Ok(*id),
            (Some(Global::Broken(error)), _) => Err(error.clone()),
            (None, Some(n)) => self.program.number(n),
            (None, None) if &**name == "I" => self.program.add(Op::Identity, &[]),
            (None, None) if &**name == "pi" => self.program.number(std::f64::consts::PI),
            (None, None) => Err(EvalError::new(ErrorKind::Unknown, format!("unknown name {name}"))),
        }
    }

    /// The node of an expression whose children are done; `None` where further work was put on the stack.
    fn build(&mut self, place: Place) -> Result<Option<Id>> {
        let ast = self.asts[place.ast as usize];
        let id = match ast.kind(place.id) {
            ExprKind::Neg(_) => {
                let a = self.pop()?;
                self.program.add(Op::Neg, &[a])
            }
            ExprKind::Transpose(_) => {
                let a = self.pop()?;
                self.program.add(Op::Transpose, &[a])
            }
            ExprKind::Binary(op, ..) => {
                let b = self.pop()?;
                let a = self.pop()?;
                match op {
                    BinaryOp::Pow | BinaryOp::ElemPow => self.program.power(*op, a, b),
                    _ => self.program.add(Op::Binary(*op), &[a, b]),
                }
            }
            ExprKind::Index(base, subscripts) => {
                let structural = self.structural(place, *base);
                let mut subs: SmallVec<[Sub; 4]> = SmallVec::new();
                let mut count = 0;
                for subscript in subscripts {
                    let (sub, args) = match subscript {
                        Subscript::All => (Sub::All, 0),
                        Subscript::At(_) => (Sub::At, 1),
                        Subscript::Range(..) => (Sub::Range, 2),
                    };
                    subs.push(sub);
                    count += args;
                }
                let args = self.take(count);
                self.note_subscripts(&args);
                match structural {
                    None => {
                        let base = self.pop()?;
                        self.program.subscript(base, subs, &args)
                    }
                    Some(_) if subs.iter().any(|sub| *sub != Sub::At) => {
                        Err(EvalError::shape("delta and eps take single subscripts"))
                    }
                    Some(true) => self.program.delta(&args),
                    Some(false) => self.program.eps(&args),
                }
            }
            ExprKind::Column(entries) => {
                let args = self.take(entries.len());
                self.program.add(Op::Column, &args)
            }
            ExprKind::Rows(rows) => {
                let lengths: SmallVec<[u32; 4]> = rows.iter().map(|row| row.len() as u32).collect();
                let args = self.take(lengths.iter().sum::<u32>() as usize);
                self.program.add(Op::Rows(lengths), &args)
            }
            ExprKind::Call { function, derivative, args: children, .. } => {
                let args = self.take(children.len());
                return self.call(place, function, derivative, args, children);
            }
            ExprKind::Number(_) | ExprKind::Name(_) | ExprKind::Reduce { .. } => self.pop(),
        };
        id.map(Some)
    }

    fn call(
        &mut self,
        place: Place,
        function: &Name,
        derivative: &[u8],
        args: SmallVec<[Id; 4]>,
        children: &[ExprId],
    ) -> Result<Option<Id>> {
        match self.functions.get(function) {
            Some(Function::Abstract { index }) => {
                let op = Op::Abstract { function: *index, derivative: SmallVec::from_slice(derivative) };
                return self.program.add(op, &args).map(Some);
            }
            Some(Function::Defined { ast, parameters, body }) if derivative.is_empty() => {
                if parameters.len() != args.len() {
                    let message = format!("{function} takes {} arguments, got {}", parameters.len(), args.len());
                    return Err(EvalError::shape(message));
                }
                if let Some(id) = self.calls.get(&(function.clone(), args.clone())) {
                    return Ok(Some(*id));
                }
                let (ast, body) = (*ast, *body);
                let names = parameters.iter().cloned().zip(args.iter().copied()).collect();
                self.call_depth += 1;
                if self.call_depth > MAX_DEPTH {
                    let message = format!("the calls of {function} are nested too deeply to check");
                    return Err(EvalError::new(ErrorKind::Limit, message));
                }
                let depth = self.scope_depth(place.scope)?;
                self.scopes.push(Scope { parent: OUTSIDE, depth, names });
                let scope = self.scopes.len() as u32 - 1;
                self.tasks.push(Task::LeaveCall(function.clone(), args));
                self.visit(ast, body, scope, false);
                return Ok(None);
            }
            _ => {}
        }
        let Some((builtin, fewest, most)) = Builtin::find(function) else {
            return Err(EvalError::new(ErrorKind::Unknown, format!("unknown function {function}")));
        };
        if args.len() < fewest || args.len() > most || !derivative.is_empty() {
            return Err(EvalError::shape(format!("{function} does not take {} arguments", args.len())));
        }
        if let (Some(axis), [_, second]) = (builtin.axis(), children) {
            return match (self.axis_literal(place.ast, *second), axis) {
                (Some(axis), _) => self.program.add(Op::Call(builtin.with_axis(axis)), &args[..1]).map(Some),
                (None, Some(elementwise)) => self.program.add(Op::Call(elementwise), &args).map(Some),
                (None, None) => Err(EvalError::shape(format!("the second argument of {function} is 1 or 2"))),
            };
        }
        self.program.add(Op::Call(builtin), &args).map(Some)
    }

    /// The literal 1 or 2 names an axis; `1.0`, which is longer, does not.
    fn axis_literal(&self, ast: u8, id: ExprId) -> Option<Axis> {
        let ast = self.asts[ast as usize];
        let ExprKind::Number(value) = ast.kind(id) else { return None };
        let span = ast.span(id);
        match value.to_i64() {
            _ if span.end.saturating_sub(span.start) > 1 => None,
            Some(1) => Some(Axis::Down),
            Some(2) => Some(Axis::Along),
            _ => None,
        }
    }

    fn enter_reduce(&mut self, place: Place) -> Result<()> {
        let ast = self.asts[place.ast as usize];
        let ExprKind::Reduce { indices, condition, body, .. } = ast.kind(place.id) else { return Ok(()) };
        let given = indices.iter().filter(|index| index.range.is_some()).count();
        let mut done = self.take(given).into_iter();
        let ranges: SmallVec<[Option<Id>; 4]> =
            indices.iter().map(|index| index.range.and_then(|_| done.next())).collect();
        let (scope, binders) = self.bind(place.scope, indices, &ranges)?;
        self.tasks.push(Task::LeaveReduce(place, binders));
        self.visit(place.ast, *body, scope, place.size);
        if let Some(condition) = condition {
            self.visit(place.ast, *condition, scope, true);
        }
        Ok(())
    }

    fn leave_reduce(&mut self, place: Place, binders: SmallVec<[u32; 4]>) -> Result<()> {
        let ast = self.asts[place.ast as usize];
        let ExprKind::Reduce { op, condition, .. } = ast.kind(place.id) else { return Ok(()) };
        let body = self.pop()?;
        let condition = if condition.is_some() { Some(self.pop()?) } else { None };
        let kind = LoopKind::Reduce(*op);
        let id = self.program.add_loop(Loop {
            kind,
            binders,
            condition,
            body,
            init: None,
            over: SmallVec::new(),
            backward: false,
        })?;
        self.memo.insert(place, id);
        self.done.push(id);
        Ok(())
    }

    fn enter_recurrence(&mut self, place: Place) -> Result<()> {
        let ast = self.asts[place.ast as usize];
        let ExprKind::Call { function, args, .. } = ast.kind(place.id) else { return Ok(()) };
        let Some((kind, backward)) = recurrence(function) else { return Ok(()) };
        let first = if kind == LoopKind::Map { 1 } else { 2 };
        if args.len() <= first {
            let wanted = first + 1;
            return Err(EvalError::shape(format!("{function} takes at least {wanted} arguments, got {}", args.len())));
        }
        let (step, bound) = match ast.kind(args[0]) {
            ExprKind::Name(step) => (step, 0),
            ExprKind::Call { function, args, derivative, .. } if derivative.is_empty() => (function, args.len()),
            _ => return Err(EvalError::shape(format!("the first argument of {function} is the name of a function"))),
        };
        let over: SmallVec<[Id; 2]> = self.take(args.len() - first).into_iter().collect();
        let init = if kind == LoopKind::Map { None } else { Some(self.pop()?) };
        let bound = self.take(bound);
        let depth = self.scope_depth(place.scope)?;
        let mut binders: SmallVec<[u32; 4]> = SmallVec::new();
        if init.is_some() {
            binders.push(self.program.new_binder("state".into(), depth + 1, None, false));
        }
        for k in 0..over.len() as u32 {
            binders.push(self.program.new_binder("x".into(), depth + 2 + k, None, false));
        }
        let nodes = bound.into_iter().chain(binders.iter().map(|b| self.program.binders[*b as usize].node)).collect();
        let depth = depth + 1 + over.len() as u32;
        self.scopes.push(Scope { parent: OUTSIDE, depth, names: SmallVec::new() });
        let inside = Place { scope: self.scopes.len() as u32 - 1, ..place };
        let item = Loop { kind, binders, condition: None, body: 0, init, over, backward };
        self.tasks.push(Task::LeaveRecurrence(Box::new(item)));
        if let Some(id) = self.call(inside, step, &[], nodes, &[])? {
            self.done.push(id);
        }
        Ok(())
    }
}

/// What a recurrence reads off, and whether it goes backward.
fn recurrence(function: &str) -> Option<(LoopKind, bool)> {
    Some(match function {
        "fold" => (LoopKind::Fold, false),
        "scan" => (LoopKind::Scan, false),
        "exscan" => (LoopKind::ExclusiveScan, false),
        "foldr" => (LoopKind::Fold, true),
        "scanr" => (LoopKind::Scan, true),
        "exscanr" => (LoopKind::ExclusiveScan, true),
        "map" => (LoopKind::Map, false),
        _ => return None,
    })
}

impl Builtin {
    /// For functions with an axis as second argument: what else two arguments mean.
    fn axis(self) -> Option<Option<Builtin>> {
        match self {
            Builtin::Reduce(Reducer::Max, _) => Some(Some(Builtin::Max)),
            Builtin::Reduce(Reducer::Min, _) => Some(Some(Builtin::Min)),
            Builtin::Reduce(..) | Builtin::Softmax(_) => Some(None),
            _ => None,
        }
    }

    fn with_axis(self, axis: Axis) -> Builtin {
        match self {
            Builtin::Reduce(reducer, _) => Builtin::Reduce(reducer, axis),
            Builtin::Softmax(_) => Builtin::Softmax(axis),
            other => other,
        }
    }
}
