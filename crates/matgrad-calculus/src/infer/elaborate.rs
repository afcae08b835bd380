//! From syntax to typed terms: one explicit stack of work, so that neither depth nor length of the input matters.

use matgrad_syntax::functions::Function;
use matgrad_syntax::patience;
use matgrad_syntax::{
    Ast, BinaryOp, Diagnostic, ExprId, ExprKind, IndexBinder, Name, Rational, Reducer, Script, Span, Subscript,
};
use rustc_hash::FxHashMap;
use smallvec::{SmallVec, smallvec};

use super::affine::{Place, Whole};
use super::dims::{Dimensions, Origin};
use super::recurrence::{FoldState, OpenLoop};
use super::term::{
    AbstractId, AbstractInfo, Affine, Constant, Index, IndexId, Operation, Sub, Term, TermId, TermKind, Type,
    VariableId, VariableInfo,
};

/// More terms than this beyond those of the text are refused: calls of functions that call functions can multiply without
/// end.
const MAX_TERMS: usize = 300_000;
/// More names bound at one place are refused.
const MAX_BINDINGS: usize = 256;

/// What a name is outside all binders.
#[derive(Clone, Debug)]
pub(super) enum Global {
    /// A variable or a definition.
    Value(TermId),
    /// A function with its number in `functions`.
    Function(usize),
    Abstract(AbstractId),
}

/// What a binder makes of a name.
#[derive(Clone, Copy, Debug)]
pub(super) enum Binding {
    Index(IndexId),
    Value(TermId),
}

/// A function that is defined.
#[derive(Clone, Debug)]
pub(super) struct FunctionInfo {
    pub name: Name,
    pub parameters: Vec<Name>,
    pub body: ExprId,
    pub active: bool,
}

/// A call that is being put in place.
#[derive(Clone, Copy, Debug)]
pub(super) struct CallSite {
    pub span: Span,
}

/// The state of one inference, under one reading of the undeclared names.
pub(super) struct Elaborator<'a> {
    pub ast: &'a Ast,
    pub dims: Dimensions,
    pub terms: Vec<Term>,
    pub indices: Vec<Index>,
    pub variables: Vec<VariableInfo>,
    pub abstracts: Vec<AbstractInfo>,
    pub functions: Vec<FunctionInfo>,
    pub globals: FxHashMap<Name, Global>,
    /// Where each definition stands, for those that come too late.
    pub defined: FxHashMap<Name, Span>,
    pub calls: Vec<CallSite>,
    pub diagnostics: Vec<Diagnostic>,
    pub notes: Vec<String>,
    /// Dimensions that literal subscripts need to be large enough.
    pub at_least: Vec<(crate::graph::Dim, crate::graph::Dim)>,
    /// Subscripts to be looked at when the sizes are known.
    pub positions: Vec<super::Position>,
    /// Undeclared names that are read as scalars against the convention.
    pub scalars: &'a [Name],
    pub bindings: Vec<(Name, Binding)>,
    /// Where the bindings of the function that is put in place start.
    pub frame: usize,
    pub memo: FxHashMap<(usize, SmallVec<[TermId; 2]>), TermId>,
    /// How many loops there are, and how many are being read.
    pub loops: u32,
    pub open_loops: usize,
    pub work: Vec<Work>,
    pub operands: Vec<TermId>,
}

/// What is still to be done, last first.
pub(super) enum Work {
    Visit(ExprId),
    Neg(ExprId),
    Transpose(ExprId),
    Binary(BinaryOp, ExprId),
    Sum(ExprId, Vec<(bool, ExprId)>),
    Product(ExprId, Vec<ExprId>),
    Builtin(ExprId, &'static Function, usize),
    Column(ExprId),
    Rows(ExprId),
    Subscript(ExprId, SmallVec<[Option<Sub>; 2]>),
    Reduce { at: ExprId, op: Reducer, indices: SmallVec<[IndexId; 2]>, condition: bool },
    Tabulate { at: ExprId, indices: SmallVec<[IndexId; 4]> },
    Enter { function: usize, at: ExprId, count: usize },
    Leave { frame: usize, function: usize, key: SmallVec<[TermId; 2]> },
    Abstract { id: AbstractId, at: ExprId, derivative: SmallVec<[u8; 2]>, count: usize },
    MapRows { at: ExprId, function: Name, bound: usize, count: usize },
    CollectRows { at: ExprId, index: IndexId },
    Fold(Box<FoldState>),
    EndLoop(Box<OpenLoop>),
}

impl<'a> Elaborator<'a> {
    pub fn new(script: &'a Script, scalars: &'a [Name]) -> Self {
        Elaborator {
            ast: &script.ast,
            dims: Dimensions::default(),
            terms: Vec::with_capacity(script.ast.len()),
            indices: Vec::new(),
            variables: Vec::new(),
            abstracts: Vec::new(),
            functions: Vec::new(),
            globals: FxHashMap::default(),
            defined: FxHashMap::default(),
            calls: Vec::new(),
            diagnostics: Vec::new(),
            notes: Vec::new(),
            at_least: Vec::new(),
            positions: Vec::new(),
            scalars,
            bindings: Vec::new(),
            frame: 0,
            memo: FxHashMap::default(),
            loops: 0,
            open_loops: 0,
            work: Vec::new(),
            operands: Vec::new(),
        }
    }

    pub fn term(&self, id: TermId) -> &Term {
        &self.terms[id.0 as usize]
    }

    pub fn push(&mut self, kind: TermKind, ty: Type, at: ExprId) -> TermId {
        patience::look();
        self.terms.push(Term { kind, ty, at });
        TermId(self.terms.len() as u32 - 1)
    }

    /// The shape of a scalar.
    pub fn scalar(&mut self) -> Type {
        let one = self.dims.number(1);
        Type::Grid(one, one)
    }

    pub fn is_scalar(&mut self, ty: &Type) -> bool {
        match ty {
            Type::Grid(r, c) => self.dims.is_one(*r) && self.dims.is_one(*c),
            _ => false,
        }
    }

    pub fn number(&mut self, value: Rational, at: ExprId) -> TermId {
        let ty = self.scalar();
        self.push(TermKind::Number(value), ty, at)
    }

    /// The number that a term is, where it is a literal.
    pub fn literal(&self, id: TermId) -> Option<&Rational> {
        match &self.term(id).kind {
            TermKind::Number(value) => Some(value),
            _ => None,
        }
    }

    /// What a binder around this place makes of a name.
    pub fn lookup(&self, name: &str) -> Option<Binding> {
        self.bindings.get(self.frame..)?.iter().rev().find(|(n, _)| &**n == name).map(|(_, b)| *b)
    }

    pub fn bind(&mut self, name: Name, binding: Binding, span: Span) {
        if self.bindings.len() - self.frame >= MAX_BINDINGS {
            let message = format!("more than {MAX_BINDINGS} indices are bound here");
            self.report(Diagnostic::error("limit", span, message));
        }
        self.bindings.push((name, binding));
    }

    /// A new index.
    pub fn index(&mut self, binder: &IndexBinder) -> IndexId {
        let id = IndexId(self.indices.len() as u32);
        let range = binder.range.and_then(|range| match self.dimension(range) {
            Ok(dim) => Some(dim),
            Err(diagnostic) => {
                self.report(*diagnostic);
                None
            }
        });
        let length = range.unwrap_or_else(|| self.dims.unknown(Origin::Index(id)));
        self.indices.push(Index {
            name: binder.name.clone(),
            span: binder.span,
            length,
            start: 1,
            explicit: range.is_some(),
            solved: range.is_some(),
            uses: Vec::new(),
            links: SmallVec::new(),
        });
        id
    }

    /// The value of an expression outside all binders.
    pub fn expression(&mut self, at: ExprId) -> TermId {
        self.work.push(Work::Visit(at));
        self.run(at)
    }

    /// The value of `K[i,j] = …`.
    pub fn tabulated(&mut self, binders: &[IndexBinder], body: ExprId) -> TermId {
        let indices: SmallVec<[IndexId; 4]> = binders.iter().map(|b| self.index(b)).collect();
        for (binder, index) in binders.iter().zip(&indices) {
            self.bind(binder.name.clone(), Binding::Index(*index), binder.span);
        }
        self.work.push(Work::Tabulate { at: body, indices });
        self.work.push(Work::Visit(body));
        self.run(body)
    }

    fn run(&mut self, at: ExprId) -> TermId {
        while let Some(work) = self.work.pop() {
            let limit = MAX_TERMS + 2 * self.ast.len();
            if self.terms.len() > limit {
                let message = format!("the expression has more than {limit} terms once all calls are put in place");
                self.report(Diagnostic::error("limit", self.span(at), message));
                self.work.clear();
                break;
            }
            self.step(work);
        }
        self.frame = 0;
        self.bindings.clear();
        let result = self.operands.pop();
        self.operands.clear();
        result.unwrap_or_else(|| self.push(TermKind::Poison, Type::Poison, at))
    }

    pub fn pop(&mut self) -> TermId {
        match self.operands.pop() {
            Some(term) => term,
            None => self.push(TermKind::Poison, Type::Poison, ExprId(0)),
        }
    }

    pub fn pop_many(&mut self, count: usize) -> SmallVec<[TermId; 2]> {
        let from = self.operands.len().saturating_sub(count);
        self.operands.drain(from..).collect()
    }

    fn step(&mut self, work: Work) {
        let term = match work {
            Work::Visit(at) => return self.visit(at),
            Work::Neg(at) => {
                let a = self.pop();
                self.negation(a, at)
            }
            Work::Transpose(at) => {
                let a = self.pop();
                self.apply(Operation::Transpose, smallvec![a], at)
            }
            Work::Binary(op, at) => {
                let (b, a) = (self.pop(), self.pop());
                self.binary(op, a, b, at)
            }
            Work::Sum(at, parts) => {
                let terms = self.pop_many(parts.len());
                self.sum(&parts, &terms, at)
            }
            Work::Product(at, parts) => {
                let terms = self.pop_many(parts.len());
                self.product(&parts, &terms, at)
            }
            Work::Builtin(at, function, count) => {
                let args = self.pop_many(count);
                self.builtin(function, args, at)
            }
            Work::Column(at) => {
                let ExprKind::Column(entries) = self.ast.kind(at) else { return };
                let (ast_rows, terms) = (vec![entries.clone()], self.pop_many(entries.len()));
                self.blocks(&ast_rows, &terms, true, at)
            }
            Work::Rows(at) => {
                let ExprKind::Rows(rows) = self.ast.kind(at) else { return };
                let terms = self.pop_many(rows.iter().map(Vec::len).sum());
                self.blocks(rows, &terms, false, at)
            }
            Work::Subscript(at, subs) => {
                let values = self.pop_many(subs.iter().filter(|s| s.is_none()).count());
                let mut values = values.into_iter();
                let subs = subs.into_iter().filter_map(|s| s.or_else(|| values.next().map(Sub::Value))).collect();
                let base = self.pop();
                self.subscript(base, subs, at)
            }
            Work::Reduce { at, op, indices, condition } => {
                let body = self.pop();
                let condition = condition.then(|| self.pop());
                let bound = self.bindings.len().saturating_sub(indices.len());
                self.bindings.truncate(bound);
                self.reduction(op, indices, condition, body, at)
            }
            Work::Tabulate { at, indices } => {
                let body = self.pop();
                self.tabulate(indices, body, at)
            }
            Work::Enter { function, at, count } => match self.enter(function, at, count) {
                Some(term) => term,
                None => return,
            },
            Work::Leave { frame, function, key } => {
                self.bindings.truncate(self.frame);
                self.frame = frame;
                self.calls.pop();
                self.functions[function].active = false;
                if let Some(&term) = self.operands.last() {
                    self.memo.insert((function, key), term);
                }
                return;
            }
            Work::Abstract { id, at, derivative, count } => {
                let args = self.pop_many(count);
                self.abstract_call(id, derivative, args, at)
            }
            Work::MapRows { at, function, bound, count } => match self.map_rows(at, &function, bound, count) {
                Some(term) => term,
                None => return,
            },
            Work::CollectRows { at, index } => {
                let body = self.pop();
                self.collect_rows(index, body, at)
            }
            Work::EndLoop(open) => {
                let body = self.pop();
                self.end_loop(&open, body)
            }
            Work::Fold(state) => match self.fold(state) {
                Some(term) => term,
                None => return,
            },
        };
        self.operands.push(term);
    }

    fn visit(&mut self, at: ExprId) {
        let ast = self.ast;
        let term = match ast.kind(at) {
            ExprKind::Number(value) => self.number(value.clone(), at),
            ExprKind::Name(name) => self.resolve_name(name, at),
            ExprKind::Neg(a) => {
                self.work.extend([Work::Neg(at), Work::Visit(*a)]);
                return;
            }
            ExprKind::Transpose(a) => {
                self.work.extend([Work::Transpose(at), Work::Visit(*a)]);
                return;
            }
            ExprKind::Binary(BinaryOp::Add | BinaryOp::Sub, ..) => return self.visit_sum(at),
            ExprKind::Binary(BinaryOp::Mul, ..) => return self.visit_product(at),
            ExprKind::Binary(op, a, b) => {
                self.work.extend([Work::Binary(*op, at), Work::Visit(*b), Work::Visit(*a)]);
                return;
            }
            ExprKind::Call { function, function_span, derivative, args } => {
                match self.visit_call(at, function, *function_span, derivative, args) {
                    Some(term) => term,
                    None => return,
                }
            }
            ExprKind::Index(base, subs) => match self.visit_index(at, *base, subs) {
                Some(term) => term,
                None => return,
            },
            ExprKind::Column(entries) => {
                self.work.push(Work::Column(at));
                self.work.extend(entries.iter().rev().map(|e| Work::Visit(*e)));
                return;
            }
            ExprKind::Rows(rows) => {
                self.work.push(Work::Rows(at));
                self.work.extend(rows.iter().flatten().rev().map(|e| Work::Visit(*e)));
                return;
            }
            ExprKind::Reduce { op, indices, condition, body } => {
                let ids: SmallVec<[IndexId; 2]> = indices.iter().map(|b| self.index(b)).collect();
                for (binder, id) in indices.iter().zip(&ids) {
                    self.bind(binder.name.clone(), Binding::Index(*id), binder.span);
                }
                self.work.push(Work::Reduce { at, op: *op, indices: ids, condition: condition.is_some() });
                self.work.push(Work::Visit(*body));
                self.work.extend(condition.map(Work::Visit));
                return;
            }
        };
        self.operands.push(term);
    }

    /// All terms of a sum, whatever its brackets.
    fn visit_sum(&mut self, at: ExprId) {
        let mut parts: Vec<(bool, ExprId)> = Vec::new();
        let mut todo = vec![(false, at)];
        while let Some((minus, id)) = todo.pop() {
            match self.ast.kind(id) {
                ExprKind::Binary(BinaryOp::Add, a, b) => todo.extend([(minus, *b), (minus, *a)]),
                ExprKind::Binary(BinaryOp::Sub, a, b) => todo.extend([(!minus, *b), (minus, *a)]),
                _ => parts.push((minus, id)),
            }
        }
        let visits: Vec<ExprId> = parts.iter().rev().map(|(_, id)| *id).collect();
        self.work.push(Work::Sum(at, parts));
        self.work.extend(visits.into_iter().map(Work::Visit));
    }

    /// The factors of a product from left to right.
    fn visit_product(&mut self, at: ExprId) {
        let mut parts = Vec::new();
        let mut id = at;
        while let ExprKind::Binary(BinaryOp::Mul, a, b) = self.ast.kind(id) {
            parts.push(*b);
            id = *a;
        }
        parts.push(id);
        let visits = parts.clone();
        parts.reverse();
        self.work.push(Work::Product(at, parts));
        self.work.extend(visits.into_iter().map(Work::Visit));
    }

    fn visit_index(&mut self, at: ExprId, base: ExprId, subs: &[Subscript]) -> Option<TermId> {
        if let ExprKind::Name(name) = self.ast.kind(base)
            && matches!(&**name, "delta" | "eps")
            && self.lookup(name).is_none()
            && !self.globals.contains_key(name)
        {
            return Some(self.symbol(&name.clone(), subs, at));
        }
        let mut known: SmallVec<[Option<Sub>; 2]> = SmallVec::new();
        let mut visits = Vec::new();
        for sub in subs {
            match self.sub(sub) {
                Ok(Some(sub)) => known.push(Some(sub)),
                Ok(None) => {
                    if let Subscript::At(id) = sub {
                        visits.push(*id);
                    }
                    known.push(None);
                }
                Err(diagnostic) => return Some(self.poison(*diagnostic, at)),
            }
        }
        self.work.push(Work::Subscript(at, known));
        self.work.extend(visits.into_iter().rev().map(Work::Visit));
        self.work.push(Work::Visit(base));
        None
    }

    fn sub(&mut self, sub: &Subscript) -> Result<Option<Sub>, Box<Diagnostic>> {
        Ok(match sub {
            Subscript::All => Some(Sub::All),
            Subscript::At(at) => match self.whole(*at, Place::Subscript)? {
                Whole::Affine(affine) => Some(Sub::At(affine)),
                Whole::Other => None,
            },
            Subscript::Range(from, to) => {
                let (from, to) = (self.range_end(*from)?, self.range_end(*to)?);
                Some(Sub::Range(from, to))
            }
        })
    }

    fn range_end(&mut self, at: ExprId) -> Result<crate::graph::Dim, Box<Diagnostic>> {
        match self.whole(at, Place::Subscript)? {
            Whole::Affine(Affine { indices, constant }) if indices.is_empty() => Ok(constant),
            _ => Err(Box::new(
                Diagnostic::error("subscript", self.span(at), "the ends of a range do not depend on an index")
                    .help("sum over a second index instead"),
            )),
        }
    }

    /// An identity of a size that its surroundings give.
    pub fn flexible_identity(&mut self, at: ExprId) -> TermId {
        let n = self.dims.unknown(Origin::Identity(at));
        self.push(TermKind::Constant(Constant::Eye), Type::Grid(n, n), at)
    }

    /// A variable, as a term of its own that all its uses share.
    pub fn add_variable(&mut self, info: VariableInfo, at: ExprId) -> TermId {
        let id = VariableId(self.variables.len() as u32);
        let (name, ty) = (info.name.clone(), info.ty.clone());
        self.variables.push(info);
        let term = self.push(TermKind::Variable(id), ty, at);
        self.globals.insert(name, Global::Value(term));
        term
    }
}
