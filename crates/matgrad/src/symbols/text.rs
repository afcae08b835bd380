//! Expressions to the syntax tree, and to text with its declarations.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use matgrad_render::{Kind as Printed, TextOptions};
use matgrad_syntax::{
    Ast, ExprId, ExprKind, Ident, IndexBinder, Name, Parameters, Rational, Span, StatementKind, Subscript,
    normalize_name,
};
use rustc_hash::FxHashMap;

use super::expr::{Expr, Kind, Node, Part, Symbol};
use super::read::Read;
use crate::Text;

/// Shared parts get names of their own where writing them out made a text longer than this many operations.
const LONG: f64 = 2000.0;

impl Kind {
    /// The same construct.
    pub fn bare(&self) -> Kind {
        match self {
            Kind::Symbol(symbol) => Kind::Symbol(symbol.clone()),
            Kind::Number(value) => Kind::Number(value.clone()),
            Kind::Dimension(text) => Kind::Dimension(text.clone()),
            Kind::Neg => Kind::Neg,
            Kind::Transpose => Kind::Transpose,
            Kind::Binary(op) => Kind::Binary(*op),
            Kind::Call(name) => Kind::Call(name.clone()),
            Kind::Index(parts) => Kind::Index(parts.clone()),
            Kind::Column => Kind::Column,
            Kind::Rows(lengths) => Kind::Rows(lengths.clone()),
            Kind::Read(read) => Kind::Read(read.clone()),
            Kind::Derived(derived) => Kind::Derived(derived.clone()),
        }
    }
}

/// Some expressions as one syntax tree.
#[derive(Default)]
pub(super) struct Tree {
    pub ast: Ast,
    /// Declarations, abstract functions and definitions that the expressions need, in their order.
    pub statements: Vec<String>,
    /// The symbols in the order in which they are met.
    pub symbols: Vec<Arc<Symbol>>,
    /// What the names stand for.
    kinds: BTreeMap<Name, Printed>,
    taken: BTreeSet<Name>,
    done: FxHashMap<*const Node, ExprId>,
    size: FxHashMap<*const Node, f64>,
}

impl Tree {
    /// The tree of some expressions, and where each is in it.
    pub fn of(roots: &[Expr]) -> (Self, Vec<ExprId>) {
        let mut tree = Self::default();
        let order = post_order(roots);
        for expr in &order {
            tree.meet(expr);
        }
        let sizes: Vec<f64> = roots.iter().map(|root| tree.measure(&order, root)).collect();
        let long = sizes.iter().sum::<f64>() > LONG;
        let mut uses: FxHashMap<*const Node, usize> = FxHashMap::default();
        if long {
            for child in order.iter().flat_map(|expr| &expr.node.children) {
                *uses.entry(Arc::as_ptr(&child.node)).or_default() += 1;
            }
        }
        for expr in &order {
            let mut id = tree.build(expr);
            let at = Arc::as_ptr(&expr.node);
            if !expr.node.children.is_empty() && uses.get(&at).is_some_and(|count| *count > 1) {
                let name = tree.fresh("part");
                let body = matgrad_render::text(&tree.ast, id, TextOptions::ASCII);
                tree.statements.push(format!("{name} = {body}"));
                id = tree.ast.add(ExprKind::Name(name));
            }
            tree.done.insert(at, id);
        }
        let ids = roots.iter().filter_map(|root| tree.done.get(&Arc::as_ptr(&root.node)).copied()).collect();
        (tree, ids)
    }

    /// How many operations an expression has that is written out.
    fn measure(&mut self, order: &[Expr], root: &Expr) -> f64 {
        if self.size.is_empty() {
            for expr in order {
                let children = expr.node.children.iter();
                let sum: f64 = children.filter_map(|child| self.size.get(&Arc::as_ptr(&child.node))).sum();
                self.size.insert(Arc::as_ptr(&expr.node), sum + 1.0);
            }
        }
        self.size.get(&Arc::as_ptr(&root.node)).copied().unwrap_or(1.0)
    }

    /// Takes note of the names of a leaf.
    fn meet(&mut self, expr: &Expr) {
        match &expr.node.kind {
            Kind::Symbol(symbol) => self.declare(symbol),
            Kind::Read(read) => read.symbols().iter().for_each(|symbol| self.declare(symbol)),
            Kind::Derived(derived) => {
                if let Kind::Read(read) = &derived.expression().node.kind {
                    read.symbols().iter().for_each(|symbol| self.declare(symbol));
                }
            }
            _ => {}
        }
    }

    /// Adds a declaration; one that contradicts an earlier one is added, too, so that reading the text says so.
    pub fn declare(&mut self, symbol: &Arc<Symbol>) {
        if self.symbols.iter().any(|known| known.name == symbol.name && known.has_shape_of(symbol)) {
            // what one use says of a symbol holds for all
            if let Some(known) = self.symbols.iter_mut().find(|known| known.name == symbol.name) {
                let more: Vec<_> =
                    symbol.attributes.iter().filter(|a| !known.attributes.contains(a)).copied().collect();
                if !more.is_empty() {
                    Arc::make_mut(known).attributes.extend(more);
                }
            }
            return;
        }
        let kind = match symbol.dims.as_slice() {
            [] => Printed::Scalar,
            [_] => Printed::Vector,
            [_, _] => Printed::Matrix,
            _ => Printed::Tensor,
        };
        self.kinds.insert(symbol.name.clone(), kind);
        self.taken.insert(symbol.name.clone());
        for dim in &symbol.dims {
            let words = dim.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty());
            self.taken.extend(words.map(Name::from));
        }
        self.symbols.push(symbol.clone());
    }

    /// A name that nothing else has.
    pub fn fresh(&mut self, stem: &str) -> Name {
        let mut names = (1..).map(|k| Name::from(format!("{stem}{k}")));
        let name = names.find(|name| !self.taken.contains(name)).unwrap_or_else(|| stem.into());
        self.taken.insert(name.clone());
        name
    }

    fn build(&mut self, expr: &Expr) -> ExprId {
        let node = &expr.node;
        let children: Vec<ExprId> =
            node.children.iter().filter_map(|child| self.done.get(&Arc::as_ptr(&child.node)).copied()).collect();
        let zero = ExprId(0);
        let at = |k: usize| children.get(k).copied().unwrap_or(zero);
        let kind = match &node.kind {
            Kind::Symbol(symbol) => ExprKind::Name(symbol.name.clone()),
            Kind::Number(value) if value.is_negative() => {
                let positive = self.ast.add(ExprKind::Number(value.abs()));
                ExprKind::Neg(positive)
            }
            Kind::Number(value) => ExprKind::Number(value.clone()),
            Kind::Dimension(text) => return self.copy(&Read::new(text)),
            Kind::Read(read) => return self.copy(read),
            Kind::Derived(derived) => match &derived.expression().node.kind {
                Kind::Read(read) => return self.copy(read),
                _ => ExprKind::Number(Rational::ZERO),
            },
            Kind::Neg => ExprKind::Neg(at(0)),
            Kind::Transpose => ExprKind::Transpose(at(0)),
            Kind::Binary(op) => ExprKind::Binary(*op, at(0), at(1)),
            Kind::Call(function) => ExprKind::Call {
                function: function.clone(),
                function_span: Span::default(),
                derivative: Vec::new(),
                args: children,
            },
            Kind::Index(parts) => {
                let mut next = children.iter().skip(1).copied();
                let mut subscripts = Vec::new();
                for part in parts {
                    subscripts.push(match part {
                        Part::All => Subscript::All,
                        Part::At => Subscript::At(next.next().unwrap_or(zero)),
                        Part::Range => Subscript::Range(next.next().unwrap_or(zero), next.next().unwrap_or(zero)),
                    });
                }
                ExprKind::Index(at(0), subscripts)
            }
            Kind::Column => ExprKind::Column(children),
            Kind::Rows(lengths) => {
                let mut rest = children.into_iter();
                ExprKind::Rows(lengths.iter().map(|n| rest.by_ref().take(*n).collect()).collect())
            }
        };
        self.ast.add(kind)
    }

    /// Puts a text that was read into this tree: what it defines gets another name where the name is taken.
    fn copy(&mut self, read: &Read) -> ExprId {
        let Some((script, root)) = read.tree() else {
            // what is wrong with it is said when the text is read
            return self.ast.add(ExprKind::Name(read.text().into()));
        };
        let mut renamed: FxHashMap<Name, Name> = FxHashMap::default();
        let mut lines: Vec<(Option<Ident>, &StatementKind)> = Vec::new();
        for statement in &script.statements {
            let own = match &statement.kind {
                StatementKind::Definition { name, body, .. } if *body != root => Some(name),
                StatementKind::Implicit { name, .. } | StatementKind::Abstract { name, .. } => Some(name),
                StatementKind::Assume { .. } => None,
                _ => continue,
            };
            if let Some(name) = own {
                let whole = matgrad_render::statement_text(&script.ast, &statement.kind, TextOptions::ASCII);
                if self.statements.contains(&whole) {
                    continue;
                }
                if self.taken.contains(&name.name) && matches!(statement.kind, StatementKind::Definition { .. }) {
                    let other = self.fresh(&name.name);
                    renamed.insert(name.name.clone(), other);
                } else {
                    self.taken.insert(name.name.clone());
                }
            }
            lines.push((own.cloned(), &statement.kind));
        }
        let first = self.ast.len() as u32;
        let moved = |id: ExprId| ExprId(id.0 + first);
        for id in 0..script.ast.len() as u32 {
            let kind = shifted(script.ast.kind(ExprId(id)), &moved, &renamed);
            self.ast.add(kind);
        }
        for (own, kind) in lines {
            let mut kind = kind.clone();
            shift_statement(&mut kind, &moved);
            if let (StatementKind::Definition { name, .. }, Some(own)) = (&mut kind, own) {
                name.name = renamed.get(&own.name).cloned().unwrap_or(own.name);
            }
            self.statements.push(matgrad_render::statement_text(&self.ast, &kind, TextOptions::ASCII));
        }
        moved(root)
    }

    /// The declarations and definitions, a line each.
    pub fn preamble(&self) -> Vec<String> {
        self.symbols.iter().map(|symbol| symbol.text()).chain(self.statements.iter().cloned()).collect()
    }

    pub fn kind(&self, name: &str) -> Printed {
        self.kinds.get(name).copied().unwrap_or_else(|| matgrad_render::conventional_kind(name))
    }
}

/// An expression of a tree that is part of another one.
fn shifted(kind: &ExprKind, moved: &impl Fn(ExprId) -> ExprId, renamed: &FxHashMap<Name, Name>) -> ExprKind {
    let name = |name: &Name| renamed.get(name).unwrap_or(name).clone();
    let all = |ids: &[ExprId]| ids.iter().map(|id| moved(*id)).collect::<Vec<ExprId>>();
    match kind {
        ExprKind::Number(value) => ExprKind::Number(value.clone()),
        ExprKind::Name(own) => ExprKind::Name(name(own)),
        ExprKind::Neg(a) => ExprKind::Neg(moved(*a)),
        ExprKind::Transpose(a) => ExprKind::Transpose(moved(*a)),
        ExprKind::Binary(op, a, b) => ExprKind::Binary(*op, moved(*a), moved(*b)),
        ExprKind::Call { function, function_span, derivative, args } => ExprKind::Call {
            function: name(function),
            function_span: *function_span,
            derivative: derivative.clone(),
            args: all(args),
        },
        ExprKind::Index(base, subscripts) => {
            let subscript = |subscript: &Subscript| match subscript {
                Subscript::All => Subscript::All,
                Subscript::At(a) => Subscript::At(moved(*a)),
                Subscript::Range(a, b) => Subscript::Range(moved(*a), moved(*b)),
            };
            ExprKind::Index(moved(*base), subscripts.iter().map(subscript).collect())
        }
        ExprKind::Column(entries) => ExprKind::Column(all(entries)),
        ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| all(row)).collect()),
        ExprKind::Reduce { op, indices, condition, body } => ExprKind::Reduce {
            op: *op,
            indices: indices.iter().map(|index| shifted_index(index, moved)).collect(),
            condition: condition.map(moved),
            body: moved(*body),
        },
    }
}

fn shifted_index(index: &IndexBinder, moved: &impl Fn(ExprId) -> ExprId) -> IndexBinder {
    IndexBinder { range: index.range.map(moved), ..index.clone() }
}

fn shift_statement(kind: &mut StatementKind, moved: &impl Fn(ExprId) -> ExprId) {
    use matgrad_syntax::ImplicitRule::{Equation, Extremum};
    let shift = |id: &mut ExprId| *id = moved(*id);
    match kind {
        StatementKind::Definition { parameters, body, .. } => {
            shift(body);
            if let Parameters::Index(indices) = parameters {
                indices.iter_mut().filter_map(|index| index.range.as_mut()).for_each(shift);
            }
        }
        StatementKind::Abstract { domain, codomain, .. } => domain.iter_mut().chain(codomain).for_each(shift),
        StatementKind::Implicit { rule: Equation { left, right }, .. } | StatementKind::Assume { left, right } => {
            shift(left);
            shift(right);
        }
        StatementKind::Implicit { rule: Extremum { objective, .. }, .. } => shift(objective),
        _ => {}
    }
}

/// Every node once, operands before what they are part of, from left to right.
pub(super) fn post_order(roots: &[Expr]) -> Vec<Expr> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut order = Vec::new();
    let mut todo: Vec<(Expr, bool)> = roots.iter().rev().map(|root| (root.clone(), false)).collect();
    while let Some((expr, ready)) = todo.pop() {
        if ready {
            order.push(expr);
        } else if seen.insert(Arc::as_ptr(&expr.node)) {
            todo.push((expr.clone(), true));
            todo.extend(expr.node.children.iter().rev().map(|child| (child.clone(), false)));
        }
    }
    order
}

impl Expr {
    /// The expression in the language; of a derivative that was found, the derivative.
    ///
    /// ```
    /// use matgrad::symbols::{matrix, vector};
    /// let (y, phi, theta) = (vector("y", "N"), matrix("Phi", "N", "D"), vector("theta", "D"));
    /// assert_eq!((y - phi * theta).norm().pow(2).text(), "norm(y - Phi*theta)^2");
    /// ```
    pub fn text(&self) -> String {
        self.text_with(TextOptions::PLAIN)
    }

    /// The expression in the language, as the options have it. Parts that would make it very long stand before it, as
    /// definitions.
    pub fn text_with(&self, options: TextOptions) -> String {
        if let Kind::Derived(derived) = &self.node.kind {
            return derived.answer.derivative.text(options);
        }
        let (tree, roots) = Tree::of(std::slice::from_ref(self));
        let Some(root) = roots.first() else { return String::new() };
        let mut parts = tree.statements.clone();
        parts.push(matgrad_render::text(&tree.ast, *root, options));
        parts.join("; ")
    }

    /// The expression in LaTeX.
    pub fn latex(&self) -> String {
        if let Kind::Derived(derived) = &self.node.kind {
            return derived.answer.latex();
        }
        let (tree, roots) = Tree::of(std::slice::from_ref(self));
        let Some(root) = roots.first() else { return String::new() };
        matgrad_render::latex(&tree.ast, *root, &|name| tree.kind(name))
    }

    /// The declarations of the symbols in the expression, in the order in which they occur.
    pub fn declarations(&self) -> Vec<String> {
        Tree::of(std::slice::from_ref(self)).0.symbols.iter().map(|symbol| symbol.text()).collect()
    }

    /// The names of the symbols in the expression, in the order in which they occur.
    pub fn symbols(&self) -> Vec<String> {
        Tree::of(std::slice::from_ref(self)).0.symbols.iter().map(|symbol| symbol.name.to_string()).collect()
    }

    /// The expression with its declarations: what every other function of this library takes.
    pub fn to_text(&self) -> Text {
        self.as_text(None)
    }

    /// As [`Expr::to_text`], with further declarations.
    pub(super) fn as_text(&self, context: Option<&str>) -> Text {
        let (tree, roots) = Tree::of(std::slice::from_ref(self));
        let root = roots.first().map(|root| matgrad_render::text(&tree.ast, *root, TextOptions::ASCII));
        let mut text = Text::expression(root.unwrap_or_default());
        let mut preamble = tree.preamble();
        preamble.extend(context.map(str::to_owned));
        if !preamble.is_empty() {
            text = text.before("symbols", preamble.join("\n"));
        }
        text
    }

    /// The text of the expression with a symbol declared that may not be in it.
    pub(super) fn text_by(&self, wrt: &str, symbol: Option<&Arc<Symbol>>) -> Text {
        let wrt = normalize_name(wrt);
        let missing = symbol.filter(|_| !self.symbols().iter().any(|name| **name == *wrt));
        self.as_text(missing.map(|symbol| symbol.text()).as_deref())
    }
}
