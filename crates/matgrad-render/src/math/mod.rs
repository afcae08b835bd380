//! Expressions as a textbook would print them: marks on the page ([`Markup`]), which LaTeX, MathML and Typst spell.

mod calls;
mod kinds;
mod latex;
mod mark;
mod mathml;
mod names;
mod node;
mod plane;
mod shapes;
mod typst;

use std::collections::BTreeSet;

use matgrad_syntax::{Ast, ExprId, ExprKind, Name};

use kinds::Value;
pub use mark::{Markup, Typesetting};

use mark::{COMMA, DOTS, EQUAL, Group, Mark, NOTHING, TIGHT_COMMA};
use names::{entry_parts, push_name};

/// What a name stands for, as far as its print depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Italic.
    Scalar,
    /// Bold.
    Vector,
    /// Bold.
    Matrix,
    /// Bold script.
    Tensor,
    /// The step `dX` of the variable `X`: an upright d before it.
    Step,
}

/// The kind that a name has when nobody declared it.
pub fn conventional_kind(name: &str) -> Kind {
    let capital = name.chars().next().is_some_and(char::is_uppercase);
    let greek = matgrad_syntax::split_greek(name).filter(|split| split.before.is_empty());
    match greek.map(|split| split.spelling) {
        _ if capital => Kind::Matrix,
        Some("theta" | "beta" | "mu") => Kind::Vector,
        Some(_) => Kind::Scalar,
        None if name == "t" => Kind::Scalar,
        None => Kind::Vector,
    }
}

/// The longest formula that is written.
const MAX_MARKS: usize = 4 << 20;

/// An expression in LaTeX; `kind` tells what each name stands for.
///
/// ```
/// use matgrad_render::{Kind, latex};
/// use matgrad_syntax::{StatementKind, parse};
/// let script = parse("-2*(y - Phi*theta)'*Phi").script;
/// let StatementKind::Expression(root) = script.statements[0].kind else { panic!() };
/// let kind = |name: &str| if name == "Phi" { Kind::Matrix } else { Kind::Vector };
/// assert_eq!(
///     latex(&script.ast, root, &kind),
///     r"-2 \left(\mathbf{y} - \boldsymbol{\Phi} \boldsymbol{\theta}\right)^{\top} \boldsymbol{\Phi}"
/// );
/// ```
pub fn latex(ast: &Ast, root: ExprId, kind: &dyn Fn(&str) -> Kind) -> String {
    Markup::expression(ast, root, kind).write(Typesetting::Latex)
}

impl Markup {
    /// An expression; `kind` tells what each name stands for.
    pub fn expression(ast: &Ast, root: ExprId, kind: &dyn Fn(&str) -> Kind) -> Markup {
        let mut printer = Printer::new(ast, root, kind);
        printer.expression(root);
        Markup { marks: printer.out }
    }

    /// A definition, by indices where there are any.
    pub fn definition(ast: &Ast, name: &str, indices: &[Name], body: ExprId, kind: &dyn Fn(&str) -> Kind) -> Markup {
        let mut printer = Printer::new(ast, body, kind);
        printer.definition(name, indices, body);
        Markup { marks: printer.out }
    }

    /// Definitions of one tree, each with its parameters where it is a function, in time that grows with the tree and
    /// not with their number.
    pub fn definitions(
        ast: &Ast,
        definitions: &[(&Name, &[Name], ExprId)],
        kind: &dyn Fn(&str) -> Kind,
    ) -> Vec<Markup> {
        let Some(last) = definitions.iter().map(|(_, _, body)| *body).max() else { return Vec::new() };
        let mut printer = Printer::new(ast, last, kind);
        let written = definitions.iter().map(|(name, parameters, body)| {
            if parameters.is_empty() {
                printer.definition(name, &[], *body);
            } else {
                let out = &mut printer.out;
                out.extend([Mark::Function(name.to_string().into()), Mark::Open(Group::Round)]);
                for (at, parameter) in parameters.iter().enumerate() {
                    if at > 0 {
                        out.push(Mark::Sign(&COMMA));
                    }
                    push_name(out, parameter, kind);
                }
                out.extend([Mark::Close(Group::Round), Mark::Sign(&EQUAL)]);
                printer.expression(*body);
            }
            Markup { marks: std::mem::take(&mut printer.out) }
        });
        written.collect()
    }
}

/// How tight an expression binds on the page.
mod level {
    pub const COMPARISON: u8 = 1;
    pub const INNER: u8 = 2;
    pub const SUM: u8 = 3;
    /// `⊙ ⊗ ⊘`
    pub const CIRCLED: u8 = 4;
    pub const PRODUCT: u8 = 5;
    /// Fractions and powers, which stand in products as they are.
    pub const POWER: u8 = 6;
    pub const POSTFIX: u8 = 7;
}

/// What is still to be written.
enum Piece<'a> {
    Mark(Mark),
    Name(&'a str),
    /// An expression at a place that needs at least `min`; `strip` where its sign is already written, `open` where no
    /// factor follows on the right.
    Expr {
        id: ExprId,
        min: u8,
        strip: bool,
        open: bool,
    },
}

struct Printer<'a> {
    ast: &'a Ast,
    kind: &'a dyn Fn(&str) -> Kind,
    values: Vec<Value>,
    negative: Vec<bool>,
    /// Names that are positions here, whatever else they stand for.
    indices: BTreeSet<Name>,
    out: Vec<Mark>,
}

impl<'a> Printer<'a> {
    fn new(ast: &'a Ast, root: ExprId, kind: &'a dyn Fn(&str) -> Kind) -> Self {
        let values = kinds::values(ast, root, kind);
        let bound = |id: u32| match ast.kind(ExprId(id)) {
            ExprKind::Reduce { indices, .. } => indices.as_slice(),
            _ => &[],
        };
        let indices = (0..=root.0).flat_map(bound).map(|index| index.name.clone()).collect();
        Self { ast, kind, values, negative: node::leading_signs(ast, root), indices, out: Vec::new() }
    }

    /// What a name stands for.
    fn kind_of(&self, name: &str) -> Kind {
        if self.indices.contains(name) { Kind::Scalar } else { (self.kind)(name) }
    }

    fn push_name(&mut self, name: &str) {
        let mut marks = std::mem::take(&mut self.out);
        push_name(&mut marks, name, &|name| self.kind_of(name));
        self.out = marks;
    }

    fn definition(&mut self, name: &str, indices: &[Name], body: ExprId) {
        if indices.is_empty() {
            self.push_name(name);
        } else {
            self.indices.extend(indices.iter().cloned());
            let parts = entry_parts(name);
            let tight = indices.iter().all(|index| index.chars().count() == 1);
            self.out.extend(parts.base);
            self.out.push(Mark::Open(Group::Below));
            if !parts.subscript.is_empty() {
                self.out.extend(parts.subscript);
                self.out.push(Mark::Sign(&TIGHT_COMMA));
            }
            for (at, index) in indices.iter().enumerate() {
                if at > 0 {
                    self.out.push(Mark::Sign(if tight { &NOTHING } else { &TIGHT_COMMA }));
                }
                push_name(&mut self.out, index, &|_| Kind::Scalar);
            }
            self.out.push(Mark::Close(Group::Below));
        }
        self.out.push(Mark::Sign(&EQUAL));
        self.expression(body);
    }

    fn value(&self, id: ExprId) -> Value {
        self.values.get(id.0 as usize).copied().unwrap_or(Value::Unknown)
    }

    fn expression(&mut self, root: ExprId) {
        self.within(root, level::COMPARISON);
    }

    /// An expression at a place that needs at least `min`.
    fn within(&mut self, root: ExprId, min: u8) {
        let mut work = vec![Piece::Expr { id: root, min, strip: false, open: true }];
        let mut pending = Vec::new();
        while let Some(piece) = work.pop() {
            if self.out.len() > MAX_MARKS {
                self.out.push(Mark::Sign(&DOTS));
                return;
            }
            match piece {
                Piece::Mark(mark) => self.out.push(mark),
                Piece::Name(name) => self.push_name(name),
                Piece::Expr { id, min, strip, open } => {
                    self.node(id, min, strip, open, &mut pending);
                    work.extend(pending.drain(..).rev());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
