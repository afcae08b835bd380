//! Expressions with all names resolved: a graph of shared nodes, arguments always before their users.
//!
//! A node inside a loop (`sum[i](…)`, `fold(…)`, an index definition) depends on the loop's binders. Its value stays
//! good until the innermost of them changes, so what does not depend on an index is computed once.

use std::hash::{Hash, Hasher};

use matgrad_syntax::{BinaryOp, Name, Reducer};
use rustc_hash::{FxHashMap, FxHashSet, FxHasher};
use smallvec::SmallVec;

use crate::builtin::Builtin;
use crate::error::{ErrorKind, EvalError, Result};

/// A node of a [`Program`].
pub(crate) type Id = u32;

const MAX_NODES: usize = 4_000_000;

/// One entry between the brackets of a subscript; its expressions are arguments of the node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Sub {
    All,
    At,
    Range,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Op {
    /// The bits of a double.
    Number(u64),
    /// The undeclared `I`.
    Identity,
    Input(u32),
    Binder(u32),
    Neg,
    Transpose,
    Binary(BinaryOp),
    Call(Builtin),
    Abstract {
        function: u32,
        derivative: SmallVec<[u8; 4]>,
    },
    Subscript(SmallVec<[Sub; 4]>),
    Delta,
    Eps,
    Column,
    /// How many blocks each row has.
    Rows(SmallVec<[u32; 4]>),
    Loop(u32),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub op: Op,
    first: u32,
    count: u32,
    /// The set of binders it depends on.
    pub deps: u32,
    /// The innermost of them; 0 for none.
    pub level: u32,
}

/// Where the range of an index comes from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// It subscripts an axis as `coefficient*index + offset`.
    Axis(Use),
    /// The end is written, `i:n`.
    End(Id),
    /// It stands in `eps[…]` with so many subscripts.
    Count(i64),
    /// The same range as another index that is running.
    Same(u32),
}

#[derive(Clone, Copy, Debug)]
pub(crate) struct Use {
    pub base: Id,
    pub axis: usize,
    pub subscripts: usize,
    pub coefficient: f64,
    pub offset: f64,
}

/// A name that a loop binds.
#[derive(Clone, Debug)]
pub(crate) struct Binder {
    pub name: Name,
    pub node: Id,
    depth: u32,
    range: Option<Id>,
    uses: Vec<Use>,
    links: Vec<u32>,
    count: Option<i64>,
    /// Filled by [`Program::finish`]; empty for what is no index.
    pub sources: Vec<Source>,
    /// Whether it is an index, not a state of `fold`.
    pub is_index: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LoopKind {
    Reduce(Reducer),
    /// An index definition: an array of the values of the body.
    Tabulate,
    Fold,
    /// The states after each step.
    Scan,
    /// The states before each step.
    ExclusiveScan,
    Map,
}

#[derive(Clone, Debug)]
pub(crate) struct Loop {
    pub kind: LoopKind,
    pub binders: SmallVec<[u32; 4]>,
    pub condition: Option<Id>,
    pub body: Id,
    /// The first state of `fold`.
    pub init: Option<Id>,
    /// What `fold` and `map` run over.
    pub over: SmallVec<[Id; 2]>,
    /// Whether from the last item to the first.
    pub backward: bool,
}

/// `coefficient*binder + offset`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Affine {
    pub coefficient: f64,
    pub binder: u32,
    pub offset: f64,
}

#[derive(Debug)]
pub(crate) struct Program {
    nodes: Vec<Node>,
    args: Vec<Id>,
    known: FxHashMap<u64, Id>,
    dep_sets: Vec<SmallVec<[u32; 4]>>,
    dep_ids: FxHashMap<SmallVec<[u32; 4]>, u32>,
    affine: FxHashMap<Id, Affine>,
    pub binders: Vec<Binder>,
    pub loops: Vec<Loop>,
    finished: usize,
}

impl Program {
    pub(crate) fn new() -> Self {
        let mut program = Self {
            nodes: Vec::new(),
            args: Vec::new(),
            known: FxHashMap::default(),
            dep_sets: vec![SmallVec::new()],
            dep_ids: FxHashMap::default(),
            affine: FxHashMap::default(),
            binders: Vec::new(),
            loops: Vec::new(),
            finished: 0,
        };
        // binder 0 stands for "none" and never runs
        program.new_binder("".into(), 0, None, false);
        program
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(crate) fn node(&self, id: Id) -> &Node {
        &self.nodes[id as usize]
    }

    pub(crate) fn args(&self, id: Id) -> &[Id] {
        let node = &self.nodes[id as usize];
        &self.args[node.first as usize..(node.first + node.count) as usize]
    }

    pub(crate) fn deps(&self, id: Id) -> &[u32] {
        &self.dep_sets[self.nodes[id as usize].deps as usize]
    }

    pub(crate) fn affine(&self, id: Id) -> Option<Affine> {
        self.affine.get(&id).copied()
    }

    /// The node with this operation and these arguments, new or known.
    pub(crate) fn add(&mut self, op: Op, args: &[Id]) -> Result<Id> {
        match self.folded(&op, args) {
            Some(value) => self.add_with(Op::Number(value.to_bits()), &[], 0),
            None => self.add_with(op, args, 0),
        }
    }

    /// The value of arithmetic between numbers, so that `i + (n - 1)` is seen to be an index with an offset.
    fn folded(&self, op: &Op, args: &[Id]) -> Option<f64> {
        let number = |k: usize| args.get(k).and_then(|arg| self.constant(*arg));
        match op {
            Op::Neg => Some(-number(0)?),
            Op::Binary(BinaryOp::Add) => Some(number(0)? + number(1)?),
            Op::Binary(BinaryOp::Sub) => Some(number(0)? - number(1)?),
            Op::Binary(BinaryOp::Mul) => Some(number(0)? * number(1)?),
            Op::Binary(BinaryOp::Div) => Some(number(0)? / number(1)?),
            _ => None,
        }
    }

    /// As [`Program::add`], with further dependencies beside those of the arguments.
    fn add_with(&mut self, op: Op, args: &[Id], deps: u32) -> Result<Id> {
        let mut hasher = FxHasher::default();
        op.hash(&mut hasher);
        args.hash(&mut hasher);
        let mut key = hasher.finish();
        while let Some(&id) = self.known.get(&key) {
            if self.node(id).op == op && self.args(id) == args {
                return Ok(id);
            }
            key = key.wrapping_add(0x9e37_79b9_7f4a_7c15);
        }
        if self.nodes.len() >= MAX_NODES {
            return Err(EvalError::new(ErrorKind::Limit, "the expression is too large to check"));
        }
        let mut deps = deps;
        for arg in args {
            deps = self.union(deps, self.node(*arg).deps);
        }
        let id = self.nodes.len() as Id;
        self.note_affine(id, &op, args);
        let first = self.args.len() as u32;
        self.args.extend_from_slice(args);
        let level = self.innermost(deps);
        self.nodes.push(Node { op, first, count: args.len() as u32, deps, level });
        self.known.insert(key, id);
        Ok(id)
    }

    pub(crate) fn number(&mut self, value: f64) -> Result<Id> {
        self.add(Op::Number(value.to_bits()), &[])
    }

    /// A power. Even powers of a norm are polynomials, which have derivatives where the norm is 0 and has none.
    pub(crate) fn power(&mut self, op: BinaryOp, base: Id, exponent: Id) -> Result<Id> {
        let half = self.constant(exponent).map(|k| k / 2.0).filter(|half| *half >= 1.0 && *half == half.round());
        match (&self.node(base).op, self.args(base), half) {
            (Op::Call(Builtin::Norm), &[of], Some(half)) => {
                let square = self.add(Op::Call(Builtin::SquaredNorm), &[of])?;
                if half == 1.0 {
                    return Ok(square);
                }
                let half = self.number(half)?;
                self.add(Op::Binary(op), &[square, half])
            }
            _ => self.add(Op::Binary(op), &[base, exponent]),
        }
    }

    fn constant(&self, id: Id) -> Option<f64> {
        match self.node(id).op {
            Op::Number(bits) => Some(f64::from_bits(bits)),
            _ => None,
        }
    }

    fn note_affine(&mut self, id: Id, op: &Op, args: &[Id]) {
        if self.affine.is_empty() {
            return;
        }
        let affine = |k: usize| self.affine.get(&args[k]).copied();
        let scaled = |a: Affine, c: f64| Affine { coefficient: a.coefficient * c, offset: a.offset * c, ..a };
        let moved = |a: Affine, c: f64| Affine { offset: a.offset + c, ..a };
        let result = match op {
            Op::Neg => affine(0).map(|a| scaled(a, -1.0)),
            Op::Binary(op) => match (op, affine(0), self.constant(args[0]), affine(1), self.constant(args[1])) {
                (BinaryOp::Add, Some(a), _, _, Some(c)) | (BinaryOp::Add, _, Some(c), Some(a), _) => Some(moved(a, c)),
                (BinaryOp::Sub, Some(a), _, _, Some(c)) => Some(moved(a, -c)),
                (BinaryOp::Sub, _, Some(c), Some(a), _) => Some(moved(scaled(a, -1.0), c)),
                (BinaryOp::Mul, Some(a), _, _, Some(c)) | (BinaryOp::Mul, _, Some(c), Some(a), _) => Some(scaled(a, c)),
                _ => None,
            },
            _ => None,
        };
        if let Some(result) = result {
            self.affine.insert(id, result);
        }
    }

    fn union(&mut self, a: u32, b: u32) -> u32 {
        if a == b || b == 0 {
            return a;
        }
        if a == 0 {
            return b;
        }
        let mut set = self.dep_sets[a as usize].clone();
        for binder in &self.dep_sets[b as usize] {
            if let Err(at) = set.binary_search(binder) {
                set.insert(at, *binder);
            }
        }
        self.intern(set)
    }

    fn without(&mut self, a: u32, gone: &[u32]) -> u32 {
        let set = self.dep_sets[a as usize].iter().copied().filter(|b| !gone.contains(b)).collect();
        self.intern(set)
    }

    fn intern(&mut self, set: SmallVec<[u32; 4]>) -> u32 {
        if set.is_empty() {
            return 0;
        }
        if let Some(&id) = self.dep_ids.get(&set) {
            return id;
        }
        let id = self.dep_sets.len() as u32;
        self.dep_sets.push(set.clone());
        self.dep_ids.insert(set, id);
        id
    }

    fn innermost(&self, deps: u32) -> u32 {
        let set = &self.dep_sets[deps as usize];
        set.iter().copied().max_by_key(|b| self.binders[*b as usize].depth).unwrap_or(0)
    }

    /// A binder inside `depth` others.
    pub(crate) fn new_binder(&mut self, name: Name, depth: u32, range: Option<Id>, is_index: bool) -> u32 {
        let binder = self.binders.len() as u32;
        let node = self.nodes.len() as Id;
        self.binders.push(Binder {
            name,
            node,
            depth,
            range,
            uses: Vec::new(),
            links: Vec::new(),
            count: None,
            sources: Vec::new(),
            is_index,
        });
        let deps = if binder == 0 { 0 } else { self.intern(SmallVec::from_slice(&[binder])) };
        let first = self.args.len() as u32;
        self.nodes.push(Node { op: Op::Binder(binder), first, count: 0, deps, level: binder });
        if is_index {
            self.affine.insert(node, Affine { coefficient: 1.0, binder, offset: 0.0 });
        }
        binder
    }

    /// `base[subscripts]`; notes what it says about ranges. `args` are the expressions of the subscripts in order.
    pub(crate) fn subscript(&mut self, base: Id, subs: SmallVec<[Sub; 4]>, args: &[Id]) -> Result<Id> {
        if self.node(base).op == Op::Identity {
            return self.delta(args);
        }
        let mut next = 0;
        for (axis, sub) in subs.iter().enumerate() {
            let count = match sub {
                Sub::All => 0,
                Sub::At => 1,
                Sub::Range => 2,
            };
            for arg in args.iter().skip(next).take(count) {
                if let Some(Affine { coefficient, binder, offset }) = self.affine(*arg) {
                    let usage = Use { base, axis, subscripts: subs.len(), coefficient, offset };
                    self.binders[binder as usize].uses.push(usage);
                }
            }
            next += count;
        }
        let mut all: SmallVec<[Id; 8]> = SmallVec::from_slice(&[base]);
        all.extend_from_slice(args);
        self.add(Op::Subscript(subs), &all)
    }

    /// `delta[i, j]`: two plain indices have one range.
    pub(crate) fn delta(&mut self, args: &[Id]) -> Result<Id> {
        let plain: SmallVec<[u32; 4]> = args
            .iter()
            .filter_map(|arg| self.affine(*arg))
            .filter(|a| a.coefficient == 1.0 && a.offset == 0.0)
            .map(|a| a.binder)
            .collect();
        for a in &plain {
            for b in plain.iter().filter(|b| *b != a) {
                self.binders[*a as usize].links.push(*b);
            }
        }
        self.add(Op::Delta, args)
    }

    /// `eps[i, j, k]`
    pub(crate) fn eps(&mut self, args: &[Id]) -> Result<Id> {
        for arg in args {
            if let Some(a) = self.affine(*arg) {
                self.binders[a.binder as usize].count = Some(args.len() as i64);
            }
        }
        self.add(Op::Eps, args)
    }

    pub(crate) fn add_loop(&mut self, body: Loop) -> Result<Id> {
        let mut deps = self.node(body.body).deps;
        for id in [body.condition, body.init].into_iter().flatten().chain(body.over.iter().copied()) {
            deps = self.union(deps, self.node(id).deps);
        }
        for binder in &body.binders {
            if let Some(range) = self.binders[*binder as usize].range {
                deps = self.union(deps, self.node(range).deps);
            }
        }
        let deps = self.without(deps, &body.binders);
        let args: SmallVec<[Id; 2]> = body.init.into_iter().chain(body.over.iter().copied()).collect();
        let id = self.loops.len() as u32;
        self.loops.push(body);
        self.add_with(Op::Loop(id), &args, deps)
    }

    /// Whether the loop that binds `binder` is part of a node: its range cannot come from there.
    fn contains(&self, node: Id, binder: u32) -> bool {
        let own = self.binders[binder as usize].node;
        let mut stack: SmallVec<[Id; 16]> = SmallVec::new();
        stack.push(node);
        let mut seen = FxHashSet::default();
        while let Some(id) = stack.pop() {
            // what was built before the binder cannot mention it
            if id < own || !seen.insert(id) {
                continue;
            }
            stack.extend_from_slice(self.args(id));
            if let Op::Loop(index) = self.node(id).op {
                let item = &self.loops[index as usize];
                if item.binders.contains(&binder) {
                    return true;
                }
                stack.push(item.body);
                stack.extend(item.condition);
            }
        }
        false
    }

    /// The inputs that nodes need.
    pub(crate) fn inputs_of(&self, roots: impl IntoIterator<Item = Id>) -> FxHashSet<u32> {
        let mut stack: Vec<Id> = roots.into_iter().collect();
        let mut seen = FxHashSet::default();
        let mut inputs = FxHashSet::default();
        while let Some(id) = stack.pop() {
            if !seen.insert(id) {
                continue;
            }
            stack.extend_from_slice(self.args(id));
            match self.node(id).op {
                Op::Input(input) => {
                    inputs.insert(input);
                }
                Op::Loop(index) => {
                    let item = &self.loops[index as usize];
                    stack.push(item.body);
                    stack.extend(item.condition);
                    stack.extend(item.binders.iter().filter_map(|binder| self.binders[*binder as usize].range));
                }
                _ => {}
            }
        }
        inputs
    }

    /// Settles where the ranges of the new indices come from; called when a root is complete.
    pub(crate) fn finish(&mut self) {
        for b in self.finished.max(1)..self.binders.len() {
            if !self.binders[b].is_index {
                continue;
            }
            if let Some(range) = self.binders[b].range {
                self.binders[b].sources = vec![Source::End(range)];
                continue;
            }
            let mut linked = vec![b as u32];
            let mut at = 0;
            let own_uses = self.binders[b].uses.len();
            let (mut axes, mut others, mut weak) = (Vec::new(), Vec::new(), Vec::new());
            while at < linked.len() {
                let binder = &self.binders[linked[at] as usize];
                if at > 0 {
                    weak.push(Source::Same(linked[at]));
                    others.extend(binder.range.map(Source::End));
                }
                let uses = binder.uses.iter().filter(|usage| at == 0 || !self.contains(usage.base, b as u32));
                // what an index subscripts itself settles its range; a delta between unlike ranges is 0 beyond the shorter
                if at == 0 || own_uses == 0 {
                    axes.extend(uses.map(|usage| Source::Axis(*usage)));
                }
                weak.extend(binder.count.map(Source::Count));
                for link in &binder.links {
                    if !linked.contains(link) {
                        linked.push(*link);
                    }
                }
                at += 1;
            }
            // the strongest first: what subscripts an axis, then a linked index with a written end, then the rest
            axes.extend(others);
            axes.extend(weak);
            self.binders[b].sources = axes;
        }
        self.finished = self.binders.len();
    }
}
