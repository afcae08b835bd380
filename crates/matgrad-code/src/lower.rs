//! From typed terms to the program.

use matgrad_calculus::graph::{MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_calculus::infer::term::{self, Affine, Constant, IndexId, Operation, TermId, TermKind};
use matgrad_calculus::infer::typed::Terms;
use matgrad_syntax::{Rational, Reducer};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use crate::CodeError;
use crate::program::{Args, Entry, Id, Index, Input, Op, Program, Read, Sub, Whole};

/// More terms than this are refused: nobody reads such a function.
const MOST_TERMS: usize = 20_000;

/// Adds what the terms mean to a program.
pub(crate) struct Lower<'t, 'p> {
    terms: &'t Terms,
    program: &'p mut Program,
    made: Vec<Option<Id>>,
    indices: FxHashMap<u32, u32>,
    loops: FxHashMap<u32, u32>,
    backward: FxHashMap<u32, bool>,
    nested: bool,
}

impl<'t, 'p> Lower<'t, 'p> {
    pub fn new(terms: &'t Terms, program: &'p mut Program) -> Self {
        let made = vec![None; terms.terms.len()];
        let mut lower = Lower {
            terms,
            program,
            made,
            indices: FxHashMap::default(),
            loops: FxHashMap::default(),
            backward: FxHashMap::default(),
            nested: false,
        };
        lower.survey();
        lower
    }

    /// The node of a term.
    ///
    /// # Errors
    /// What no program can be written for: abstract functions, unknowns of equations.
    pub fn run(&mut self, target: TermId) -> Result<Id, CodeError> {
        if self.terms.terms.len() > MOST_TERMS {
            return Err(CodeError::new(format!("the function has more than {MOST_TERMS} operations")));
        }
        let mut needed = vec![false; self.made.len()];
        let mut todo = vec![target];
        while let Some(id) = todo.pop() {
            if !std::mem::replace(&mut needed[id.0 as usize], true) {
                children(&self.terms.term(id).kind, |child| todo.push(child));
            }
        }
        // arguments in the order of their declarations
        for (k, variable) in self.terms.variables.iter().enumerate() {
            let used = self
                .terms
                .terms
                .iter()
                .zip(&needed)
                .any(|(term, needed)| *needed && matches!(term.kind, TermKind::Variable(v) if v.0 as usize == k));
            if used && !self.terms.implicit.contains(&variable.name) {
                let shape = self.shape(&variable.shape);
                self.input(&variable.name, shape);
            }
        }
        for (k, needed) in needed.into_iter().enumerate() {
            if needed && self.made[k].is_none() {
                let id = self.lower(TermId(k as u32))?;
                self.made[k] = Some(id);
            }
        }
        Ok(self.get(target))
    }

    /// The node of a term, where it was needed.
    pub fn known(&self, term: TermId) -> Option<Id> {
        self.made.get(term.0 as usize).copied().flatten()
    }

    fn get(&mut self, term: TermId) -> Id {
        match self.known(term) {
            Some(id) => id,
            None => self.program.literal(Rational::ZERO),
        }
    }

    fn all(&mut self, terms: &[TermId]) -> Args {
        terms.iter().map(|t| self.get(*t)).collect()
    }

    fn index(&mut self, id: IndexId) -> u32 {
        if let Some(&known) = self.indices.get(&id.0) {
            return known;
        }
        let own = self.terms.index_of(id);
        let length = self.program.import(&self.terms.sizes, own.length);
        let k = self.program.indices.len() as u32;
        self.program.indices.push(Index { name: own.name.clone(), length, start: own.start });
        self.indices.insert(id.0, k);
        k
    }

    /// The number of a loop. Loops over the same sequences from the same state share it, and with it what their steps have
    /// in common, where no loop stands in another one.
    fn loop_of(&mut self, id: term::LoopId, init: TermId, xs: &[TermId], backward: bool) -> u32 {
        if let Some(&known) = self.loops.get(&id.0) {
            return known;
        }
        let mut key: Args = smallvec![self.get(init)];
        key.extend(xs.iter().map(|x| self.get(*x)));
        let next = self.program.loops;
        let number = if self.nested { next } else { *self.program.loop_keys.entry((key, backward)).or_insert(next) };
        if number == next {
            self.program.loops += 1;
        }
        self.loops.insert(id.0, number);
        number
    }

    /// Which way each loop goes, and whether one stands in another.
    fn survey(&mut self) {
        let mut inside: Vec<bool> = Vec::with_capacity(self.made.len());
        for term in &self.terms.terms {
            let mut has = false;
            if matches!(term.kind, TermKind::Placeholder { .. }) {
                // its sequence stands before the loop
                inside.push(false);
                continue;
            }
            children(&term.kind, |child| has |= inside.get(child.0 as usize).copied().unwrap_or(false));
            match &term.kind {
                TermKind::Loop { loop_id, body, run, .. } => {
                    self.backward.insert(loop_id.0, run.backward);
                    // the sequences of a loop may come from another one
                    self.nested |= inside.get(body.0 as usize).copied().unwrap_or(false);
                    inside.push(true);
                }
                _ => inside.push(has),
            }
        }
    }

    fn whole(&mut self, affine: &Affine) -> Whole {
        let mut indices: SmallVec<[(u32, i64); 2]> =
            affine.indices.iter().map(|(index, c)| (self.index(*index), *c)).collect();
        indices.sort_unstable();
        Whole { indices, constant: self.program.import(&self.terms.sizes, affine.constant) }
    }

    fn shape(&mut self, shape: &Shape) -> Shape {
        self.program.import_shape(&self.terms.sizes, shape)
    }

    fn input(&mut self, name: &matgrad_syntax::Name, shape: Shape) -> Id {
        let known = self.program.inputs.iter().position(|input| input.name == *name);
        let k = known.unwrap_or_else(|| {
            self.program.inputs.push(Input { name: name.clone(), shape: shape.clone() });
            self.program.inputs.len() - 1
        });
        match shape {
            Shape::Row(n) => {
                let column = self.program.intern(Op::Input(k as u32), Args::new(), Shape::Column(n));
                self.program.transpose(column)
            }
            shape => self.program.intern(Op::Input(k as u32), Args::new(), shape),
        }
    }

    fn lower(&mut self, id: TermId) -> Result<Id, CodeError> {
        let term = self.terms.term(id).clone();
        let shape = self.shape(&term.shape);
        Ok(match &term.kind {
            TermKind::Number(value) => self.program.literal(value.clone()),
            TermKind::Pi => self.program.intern(Op::Pi, Args::new(), Shape::Scalar),
            TermKind::Dimension(dim) => {
                let dim = self.program.import(&self.terms.sizes, *dim);
                self.program.size(dim)
            }
            TermKind::Index(index) => {
                let index = self.index(*index);
                self.program.intern(Op::Index(index), Args::new(), Shape::Scalar)
            }
            TermKind::Variable(v) => {
                let name = self.terms.variables[v.0 as usize].name.clone();
                if self.terms.implicit.contains(&name) {
                    let message =
                        format!("`{name}` is defined by an equation, which generated code does not solve yet");
                    return Err(CodeError::new(message));
                }
                self.input(&name, shape)
            }
            TermKind::Constant(constant) => self.constant(constant, shape),
            TermKind::Sum(terms) => {
                let terms: Vec<(bool, Id)> = terms.iter().map(|(minus, t)| (*minus, self.get(*t))).collect();
                self.program.sum(&terms)
            }
            TermKind::Product(factors) => {
                let factors: Vec<Id> = factors.iter().map(|f| self.get(*f)).collect();
                self.program.product(&factors)
            }
            TermKind::Apply(operation, args) => {
                let args = self.all(args);
                self.apply(operation, &args, shape)
            }
            TermKind::Blocks(rows) => self.blocks(rows, shape),
            TermKind::Subscript(base, subs) => self.subscript(*base, subs, shape),
            TermKind::Delta(a, b) => {
                let (a, b) = (self.whole(a), self.whole(b));
                if a == b {
                    return Ok(self.program.literal(Rational::ONE));
                }
                self.program.intern(Op::Delta(a, b), Args::new(), Shape::Scalar)
            }
            TermKind::Epsilon(subs) => {
                let subs = subs.iter().map(|s| self.whole(s)).collect();
                self.program.intern(Op::Epsilon(subs), Args::new(), Shape::Scalar)
            }
            TermKind::Reduce { op, indices, condition, body } => {
                let indices: SmallVec<[u32; 2]> = indices.iter().map(|i| self.index(*i)).collect();
                let mut args: Args = smallvec![self.get(*body)];
                args.extend(condition.map(|c| self.get(c)));
                self.program.intern(Op::ReduceIndex(*op, indices), args, shape)
            }
            TermKind::Tabulate(indices, body) => {
                let indices = indices.iter().map(|i| self.index(*i)).collect();
                let body = self.get(*body);
                match shape {
                    Shape::Row(n) => {
                        let column = self.program.intern(Op::Tabulate(indices), smallvec![body], Shape::Column(n));
                        self.program.transpose(column)
                    }
                    shape => self.program.intern(Op::Tabulate(indices), smallvec![body], shape),
                }
            }
            TermKind::Rows(index, body) => {
                let index = self.index(*index);
                let body = self.get(*body);
                self.program.intern(Op::Rows(index), smallvec![body], shape)
            }
            TermKind::Call(id, ..) => {
                let name = &self.terms.functions[id.0 as usize];
                let message = format!("`{name}` is an abstract function: no code can compute its value");
                return Err(CodeError::new(message).help(format!("define it, as in `{name}(t) = exp(-t^2)`")));
            }
            TermKind::Placeholder { loop_id, item, init, xs } => {
                let backward = self.backward.get(&loop_id.0).copied().unwrap_or(false);
                let id = self.loop_of(*loop_id, *init, xs, backward);
                match item.and_then(|k| Some((k, *xs.get(k)?))) {
                    Some((k, sequence)) => {
                        let sequence = self.get(sequence);
                        self.program.intern(Op::Item(id, k as u32), smallvec![sequence], shape)
                    }
                    None => self.program.intern(Op::State(id), Args::new(), shape),
                }
            }
            TermKind::Loop { loop_id, init, xs, body, run } => {
                let id = self.loop_of(*loop_id, *init, xs, run.backward);
                let mut args: Args = smallvec![self.get(*init)];
                args.extend(xs.iter().map(|x| self.get(*x)));
                args.push(self.get(*body));
                let read = match run.read {
                    term::Read::Last => Read::Last,
                    term::Read::After => Read::After,
                    term::Read::Before => Read::Before,
                };
                self.program.intern(Op::Loop { id, read, backward: run.backward }, args, shape)
            }
            TermKind::Poison => self.program.literal(Rational::ZERO),
        })
    }

    fn constant(&mut self, constant: &Constant, shape: Shape) -> Id {
        let import = |me: &mut Self, dim| me.program.import(&me.terms.sizes, dim);
        match constant {
            Constant::Full(value) => self.program.full(value.clone(), shape),
            Constant::Eye => match shape {
                Shape::Matrix(n, _) => self.program.eye(n),
                _ => self.program.literal(Rational::ONE),
            },
            Constant::Unit(at) => {
                let at = import(self, *at);
                let (Shape::Column(n) | Shape::Row(n)) = shape else { return self.program.literal(Rational::ONE) };
                let size = self.program.size(n);
                self.program.intern(Op::Unit(at), smallvec![size], Shape::Column(n))
            }
            Constant::Commutation(m, n) => {
                let (m, n) = (import(self, *m), import(self, *n));
                self.program.intern(Op::Commutation(m, n), Args::new(), shape)
            }
            Constant::Duplication(n) => {
                let n = import(self, *n);
                self.program.intern(Op::Duplication(n), Args::new(), shape)
            }
            Constant::Elimination(n) => {
                let n = import(self, *n);
                self.program.intern(Op::Elimination(n), Args::new(), shape)
            }
        }
    }

    fn blocks(
        &mut self,
        rows: &[Vec<(TermId, matgrad_calculus::graph::Dim, matgrad_calculus::graph::Dim)>],
        shape: Shape,
    ) -> Id {
        let mut args = Args::new();
        let mut plan = Vec::with_capacity(rows.len());
        for row in rows {
            let mut sizes = Vec::with_capacity(row.len());
            for (term, r, c) in row {
                let (r, c) = (self.program.import(&self.terms.sizes, *r), self.program.import(&self.terms.sizes, *c));
                let mut id = self.get(*term);
                // the number 0 stands for a block of zeros
                if self.program.number(id).is_some() {
                    let whole = match (self.program.sizes.is_one(r), self.program.sizes.is_one(c)) {
                        (true, true) => Shape::Scalar,
                        (false, true) => Shape::Column(r),
                        (true, false) => Shape::Row(c),
                        (false, false) => Shape::Matrix(r, c),
                    };
                    let value = self.program.number(id).cloned().unwrap_or(Rational::ZERO);
                    id = self.program.full(value, whole);
                }
                args.push(id);
                sizes.push((r, c));
            }
            plan.push(sizes);
        }
        match shape {
            Shape::Row(n) => {
                // a row of rows is a column of columns, lying down
                let turned: Args = args.iter().map(|a| self.program.transpose(*a)).collect();
                let plan = plan.into_iter().flatten().map(|(r, c)| vec![(c, r)]).collect();
                let column = self.program.intern(Op::Blocks(plan), turned, Shape::Column(n));
                self.program.transpose(column)
            }
            shape => self.program.intern(Op::Blocks(plan), args, shape),
        }
    }

    fn subscript(&mut self, base: TermId, subs: &[term::Sub], shape: Shape) -> Id {
        let own = self.shape(&self.terms.term(base).shape);
        let base = self.get(base);
        let mut args: Args = smallvec![base];
        // the subscripts of axes that are there
        let present: SmallVec<[&term::Sub; 4]> = match (&own, subs) {
            (Shape::Scalar, _) => SmallVec::new(),
            (Shape::Column(_), [sub] | [sub, _]) => smallvec![sub],
            (Shape::Row(_), [sub] | [_, sub]) => smallvec![sub],
            _ => subs.iter().collect(),
        };
        if present.is_empty() {
            return base;
        }
        if matches!(own, Shape::Row(_)) {
            args[0] = self.program.transpose(base);
        }
        let mut made: SmallVec<[Sub; 2]> = SmallVec::new();
        for sub in present {
            made.push(match sub {
                term::Sub::All => Sub::All,
                term::Sub::At(affine) => Sub::At(self.whole(affine)),
                term::Sub::Value(term) => {
                    let value = self.get(*term);
                    args.push(value);
                    Sub::Value(args.len() - 1)
                }
                term::Sub::Range(from, to) => {
                    let from = self.program.import(&self.terms.sizes, *from);
                    let to = self.program.import(&self.terms.sizes, *to);
                    if from == to {
                        Sub::At(Whole { indices: SmallVec::new(), constant: from })
                    } else {
                        Sub::Range(from, to)
                    }
                }
            });
        }
        if made.iter().all(|sub| *sub == Sub::All) {
            return base;
        }
        match shape {
            Shape::Row(n) => {
                let column = self.program.intern(Op::Subscript(made), args, Shape::Column(n));
                self.program.transpose(column)
            }
            shape => self.program.intern(Op::Subscript(made), args, shape),
        }
    }

    /// Which axis of a matrix the literal 1 (down) or 2 (along) means; `None` where the value stays as it is.
    fn axis(shape: &Shape, axis: u8) -> Option<Option<u8>> {
        match (shape, axis) {
            (Shape::Column(_), 1) | (Shape::Row(_), 2) => Some(None),
            (Shape::Matrix(..), axis) => Some(Some(axis - 1)),
            _ => None,
        }
    }

    fn apply(&mut self, operation: &Operation, args: &[Id], shape: Shape) -> Id {
        let x = args[0];
        let y = args.get(1).copied().unwrap_or(x);
        let own = self.program.shape(x).clone();
        let p = &mut *self.program;
        match operation {
            Operation::Neg => p.neg(x),
            Operation::Map(op) => p.entry(Entry::Map(*op), args),
            Operation::Compare { op, swap } => {
                let ordered = if *swap { [y, x] } else { [x, y] };
                p.entry(Entry::Map(*op), &ordered)
            }
            Operation::Log1p => p.entry(Entry::Log1p, &[x]),
            Operation::Expm1 => p.entry(Entry::Expm1, &[x]),
            Operation::Sqrt => p.entry(Entry::Sqrt, &[x]),
            Operation::Hadamard => p.mul(&[x, y]),
            Operation::Divide => p.div(x, y),
            Operation::Power | Operation::ElemPower => p.pow(x, y),
            Operation::MatrixPower(k) => self.matrix_power(x, *k),
            Operation::Norm => p.norm(x),
            Operation::Norm1 | Operation::NormInf => {
                let op = if *operation == Operation::Norm1 { Reducer::Sum } else { Reducer::Max };
                let abs = p.entry(Entry::Map(MapOp::Abs), &[x]);
                p.reduce(op, None, abs)
            }
            Operation::NormSpec => self.matrix(MatrixOp::NormSpec, args, shape),
            Operation::NormNuc => self.matrix(MatrixOp::NormNuc, args, shape),
            Operation::Matrix(op) => self.matrix(*op, args, shape),
            Operation::Cofactor => {
                let adjugate = self.matrix(MatrixOp::Adjugate, args, shape);
                self.program.transpose(adjugate)
            }
            Operation::Trace => p.trace(x),
            Operation::Transpose => p.transpose(x),
            Operation::Diag => match own {
                Shape::Matrix(..) => p.diag_part(x),
                _ => p.diag_matrix(x),
            },
            Operation::Vec => self.flat(x),
            Operation::RowVec => {
                let turned = p.transpose(x);
                let flat = self.flat(turned);
                self.program.transpose(flat)
            }
            Operation::Reshape => {
                let flat = self.flat(x);
                match shape {
                    Shape::Matrix(..) => self.program.intern(Op::Reshape, smallvec![flat], shape),
                    Shape::Row(_) => self.program.transpose(flat),
                    _ => flat,
                }
            }
            Operation::Kron => self.kron(x, y, shape),
            Operation::Dot | Operation::Inner => p.dot(x, y),
            Operation::Cross => {
                let (x, y) = (self.standing(x), self.standing(y));
                let three = Shape::Column(self.program.sizes.constant(3));
                let made = self.program.intern(Op::Cross, smallvec![x, y], three);
                if matches!(shape, Shape::Row(_)) { self.program.transpose(made) } else { made }
            }
            Operation::Solve => p.solve(x, y),
            Operation::Reduce(op, None) => p.reduce(*op, None, x),
            Operation::Reduce(op, Some(axis)) => match Self::axis(&own, *axis) {
                Some(axis) => p.reduce(*op, axis, x),
                None => x,
            },
            Operation::Softmax(axis) => {
                let axis = match axis {
                    None => Some(None),
                    Some(axis) => Self::axis(&own, *axis),
                };
                match axis {
                    Some(axis) if own != Shape::Scalar => {
                        let x = self.standing(x);
                        let (op, shape) = (Op::Softmax(axis), self.program.shape(x).clone());
                        let made = self.program.intern(op, smallvec![x], shape);
                        if matches!(own, Shape::Row(_)) { self.program.transpose(made) } else { made }
                    }
                    _ => p.full(Rational::ONE, own),
                }
            }
            Operation::Cumulate { reverse } => match own {
                Shape::Column(_) | Shape::Matrix(..) => {
                    p.intern(Op::Cumulate { reverse: *reverse }, smallvec![x], shape)
                }
                _ => x,
            },
            Operation::Triangle { lower } => match own {
                Shape::Matrix(..) => p.intern(Op::Triangle { lower: *lower }, smallvec![x], shape),
                // of a column above the diagonal, and of a row below it, the first entry is left
                Shape::Column(n) if !lower => self.first(x, n),
                Shape::Row(n) if *lower => {
                    let column = p.transpose(x);
                    let first = self.first(column, n);
                    self.program.transpose(first)
                }
                _ => x,
            },
        }
    }

    fn first(&mut self, x: Id, n: matgrad_calculus::graph::Dim) -> Id {
        let (one, size) = (self.program.sizes.constant(1), self.program.size(n));
        let unit = self.program.intern(Op::Unit(one), smallvec![size], Shape::Column(n));
        self.program.mul(&[x, unit])
    }

    fn standing(&mut self, x: Id) -> Id {
        match self.program.shape(x) {
            Shape::Row(_) => self.program.transpose(x),
            _ => x,
        }
    }

    /// The entries by columns.
    fn flat(&mut self, x: Id) -> Id {
        let x = self.standing(x);
        match *self.program.shape(x) {
            Shape::Matrix(m, n) => {
                if *self.program.op(x) == Op::Reshape {
                    return self.program.args(x)[0];
                }
                let all = self.program.sizes.mul(m, n);
                self.program.intern(Op::Vec, smallvec![x], Shape::Column(all))
            }
            _ => x,
        }
    }

    fn kron(&mut self, x: Id, y: Id, shape: Shape) -> Id {
        use Shape::{Column, Row};
        let p = &mut *self.program;
        match (p.shape(x).clone(), p.shape(y).clone()) {
            (Shape::Scalar, _) | (_, Shape::Scalar) => p.mul(&[x, y]),
            (Column(_), Row(_)) => {
                let y = p.transpose(y);
                p.outer(x, y)
            }
            (Row(_), Column(_)) => {
                let x = p.transpose(x);
                p.outer(y, x)
            }
            (Row(_), Row(_)) => {
                let (x, y) = (p.transpose(x), p.transpose(y));
                let Row(all) = shape else { return x };
                let made = p.intern(Op::Kron, smallvec![x, y], Column(all));
                p.transpose(made)
            }
            _ => p.intern(Op::Kron, smallvec![x, y], shape),
        }
    }

    fn matrix_power(&mut self, x: Id, k: i64) -> Id {
        let Shape::Matrix(n, _) = *self.program.shape(x) else {
            let k = self.program.literal(Rational::int(k));
            return self.program.pow(x, k);
        };
        let base = if k < 0 { self.program.inverse(x) } else { x };
        let mut left = k.unsigned_abs();
        // by squares
        let (mut square, mut made): (Id, Option<Id>) = (base, None);
        while left > 0 {
            if left & 1 == 1 {
                made = Some(match made {
                    Some(made) => self.program.times(made, square),
                    None => square,
                });
            }
            left >>= 1;
            if left > 0 {
                square = self.program.times(square, square);
            }
        }
        made.unwrap_or_else(|| self.program.eye(n))
    }

    fn matrix(&mut self, op: MatrixOp, args: &[Id], shape: Shape) -> Id {
        let (x, p) = (args[0], &mut *self.program);
        let y = args.get(1).copied().unwrap_or(x);
        match p.shape(x).clone() {
            Shape::Scalar => {
                let one = p.literal(Rational::ONE);
                match op {
                    MatrixOp::Det | MatrixOp::Eigvals => x,
                    MatrixOp::Adjugate | MatrixOp::Eigvecs | MatrixOp::SvdV => one,
                    MatrixOp::SvdU => p.entry(Entry::Map(MapOp::Sign), &[x]),
                    MatrixOp::LogDet | MatrixOp::Logm => p.entry(Entry::Map(MapOp::Log), &[x]),
                    MatrixOp::Inverse | MatrixOp::Pinv => p.div(one, x),
                    MatrixOp::Cholesky | MatrixOp::Sqrtm => p.entry(Entry::Sqrt, &[x]),
                    MatrixOp::Expm => p.entry(Entry::Map(MapOp::Exp), &[x]),
                    MatrixOp::Singvals | MatrixOp::NormSpec | MatrixOp::NormNuc => p.norm(x),
                    MatrixOp::ExpmFrechet => {
                        let exp = p.entry(Entry::Map(MapOp::Exp), &[x]);
                        p.mul(&[exp, y])
                    }
                    MatrixOp::LogmFrechet => p.div(y, x),
                    MatrixOp::SqrtmFrechet => {
                        let (root, half) = (p.entry(Entry::Sqrt, &[x]), p.literal(Rational::new(1, 2)));
                        let product = p.mul(&[half, y]);
                        p.div(product, root)
                    }
                }
            }
            own @ (Shape::Column(_) | Shape::Row(_)) => {
                let column = matches!(own, Shape::Column(_));
                let norm = p.norm(x);
                match op {
                    MatrixOp::Pinv => {
                        let (turned, square) = (p.transpose(x), p.dot(x, x));
                        p.div(turned, square)
                    }
                    MatrixOp::SvdU if column => p.div(x, norm),
                    MatrixOp::SvdV if !column => {
                        let turned = p.transpose(x);
                        p.div(turned, norm)
                    }
                    MatrixOp::SvdU | MatrixOp::SvdV => p.literal(Rational::ONE),
                    _ => norm,
                }
            }
            _ => match op {
                MatrixOp::Inverse => p.inverse(x),
                MatrixOp::Det | MatrixOp::LogDet | MatrixOp::NormSpec | MatrixOp::NormNuc
                    if *p.op(x) == Op::Transpose =>
                {
                    let inner = p.args(x)[0];
                    p.intern(Op::Matrix(op), smallvec![inner], shape)
                }
                _ => p.intern(Op::Matrix(op), Args::from_slice(args), shape),
            },
        }
    }
}

/// The terms that a term is made of.
fn children(kind: &TermKind, mut visit: impl FnMut(TermId)) {
    match kind {
        TermKind::Sum(terms) => terms.iter().for_each(|(_, t)| visit(*t)),
        TermKind::Product(terms) => terms.iter().copied().for_each(visit),
        TermKind::Apply(_, args) | TermKind::Call(_, _, args) => args.iter().copied().for_each(visit),
        TermKind::Blocks(rows) => rows.iter().flatten().for_each(|(t, _, _)| visit(*t)),
        TermKind::Subscript(base, subs) => {
            visit(*base);
            for sub in subs {
                if let term::Sub::Value(value) = sub {
                    visit(*value);
                }
            }
        }
        TermKind::Reduce { condition, body, .. } => {
            visit(*body);
            condition.iter().copied().for_each(visit);
        }
        TermKind::Tabulate(_, body) | TermKind::Rows(_, body) => visit(*body),
        TermKind::Placeholder { init, xs, .. } => {
            visit(*init);
            xs.iter().copied().for_each(visit);
        }
        TermKind::Loop { init, xs, body, .. } => {
            visit(*init);
            xs.iter().copied().for_each(&mut visit);
            visit(*body);
        }
        _ => {}
    }
}
