//! What a shape error says: both shapes, where each comes from, and what would fit.

use matgrad_syntax::{Ast, Diagnostic, ExprId, ExprKind, Severity, Span};

use super::elaborate::Elaborator;
use super::names::{Kind, convention};
use super::term::{Term, TermId, TermKind, Type, VariableId};
use crate::graph::Dim;

/// What a label says of a variable that nobody declared.
pub(super) const NOT_DECLARED: &str = "not declared; read like this";

/// How many terms of an operand are searched for the variables that its shape comes from.
const SEARCH: usize = 200;

impl Elaborator<'_> {
    /// A shape as it is declared: `R`, `R^n`, `R^(m x n)`.
    pub fn shape_text(&mut self, ty: &Type) -> String {
        match ty {
            Type::Grid(r, c) => {
                let (rows, cols) = (self.dims.text(*r), self.dims.text(*c));
                match (rows.as_str(), cols.as_str()) {
                    ("1", "1") => "R".into(),
                    (_, "1") if rows.chars().all(|c| c.is_alphanumeric() || c == '_') => format!("R^{rows}"),
                    (_, "1") => format!("R^({rows})"),
                    _ => format!("R^({rows} x {cols})"),
                }
            }
            Type::Tensor(dims) => {
                let parts: Vec<String> = dims.iter().map(|d| self.dims.text(*d)).collect();
                format!("R^({})", parts.join(" x "))
            }
            Type::Poison => "_".into(),
        }
    }

    /// An error of shapes, with the two operands labelled.
    pub fn mismatch(
        &mut self,
        at: Span,
        message: impl Into<String>,
        operands: &[(Span, &Type, Option<TermId>)],
    ) -> Diagnostic {
        let mut diagnostic = Diagnostic::error("shape-mismatch", at, message);
        for (span, ty, _) in operands {
            let shape = self.shape_text(ty);
            diagnostic = diagnostic.label(*span, format!("this is {shape}"));
        }
        let mut told: Vec<VariableId> = Vec::new();
        for (_, ty, term) in operands {
            let Some(term) = term else { continue };
            for variable in self.sources(*term, ty) {
                if told.contains(&variable) || told.len() >= 4 {
                    continue;
                }
                told.push(variable);
                let info = self.variables[variable.0 as usize].clone();
                let shape = self.shape_text(&info.ty);
                let how = if info.declared { "declared here" } else { NOT_DECLARED };
                diagnostic = diagnostic.label(info.span, format!("`{}` is {shape}, {how}", info.name));
            }
        }
        if let Some(span) = self.calls.last().map(|c| c.span) {
            diagnostic = diagnostic.label(span, "in this call");
        }
        diagnostic
    }

    /// Variables in a term that have one of the dimensions of its shape.
    fn sources(&mut self, term: TermId, ty: &Type) -> Vec<VariableId> {
        let wanted: Vec<Dim> = match ty {
            Type::Grid(r, c) => [*r, *c].to_vec(),
            Type::Tensor(dims) => dims.to_vec(),
            Type::Poison => Vec::new(),
        };
        let wanted: Vec<Dim> = wanted.into_iter().map(|d| self.dims.resolve(d)).collect();
        let one = self.dims.number(1);
        let mut todo = vec![term];
        let mut found = Vec::new();
        let mut seen = 0;
        while let Some(id) = todo.pop() {
            seen += 1;
            if seen > SEARCH {
                break;
            }
            if let TermKind::Variable(v) = self.term(id).kind {
                let dims: Vec<Dim> = match &self.variables[v.0 as usize].ty {
                    Type::Grid(r, c) => vec![*r, *c],
                    Type::Tensor(dims) => dims.to_vec(),
                    Type::Poison => Vec::new(),
                };
                let fits = dims.into_iter().any(|d| {
                    let d = self.dims.resolve(d);
                    d != one && wanted.contains(&d)
                });
                if (fits || id == term) && !found.contains(&v) {
                    found.push(v);
                }
            }
            let mut children = Vec::new();
            self.term(id).for_each_child(|c| children.push(c));
            todo.extend(children.into_iter().rev());
        }
        found
    }

    /// The statement that declares what nobody declared, for a help line.
    pub fn declare_help(&self) -> Option<String> {
        let example = |name: &str| match convention(name) {
            Kind::Scalar => format!("--declare '{name} in R'"),
            Kind::Column => format!("--declare '{name} in R^n'"),
            Kind::Matrix => format!("--declare '{name} in R^(m x n)'"),
        };
        let names: Vec<&str> = self.variables.iter().filter(|v| !v.declared).map(|v| &*v.name).collect();
        let first = example(names.first()?);
        Some(match names.len() {
            1 => format!("declare its shape: {first}"),
            _ => format!("declare the shapes, such as {first}"),
        })
    }

    /// An expression's place.
    pub fn span(&self, at: ExprId) -> Span {
        self.ast.span(at)
    }

    /// Reports an error and stands for its value.
    pub fn poison(&mut self, diagnostic: Diagnostic, at: ExprId) -> TermId {
        self.report(diagnostic);
        self.push(TermKind::Poison, Type::Poison, at)
    }

    /// Keeps a diagnostic; the same one is not repeated.
    pub fn report(&mut self, diagnostic: Diagnostic) {
        if self.diagnostics.len() < 100 && !self.diagnostics.contains(&diagnostic) {
            self.diagnostics.push(diagnostic);
        }
    }

    /// Whether anything found so far is an error.
    pub fn failed(&self) -> bool {
        self.diagnostics.iter().any(|d| d.severity == Severity::Error)
    }
}

impl Term {
    /// Calls `visit` with each direct child.
    pub fn for_each_child(&self, mut visit: impl FnMut(TermId)) {
        match &self.kind {
            TermKind::Sum(terms) => terms.iter().for_each(|(_, t)| visit(*t)),
            TermKind::Product(terms) => terms.iter().copied().for_each(visit),
            TermKind::Apply(_, args) | TermKind::Call(_, _, args) => args.iter().copied().for_each(visit),
            TermKind::Blocks(rows) => rows.iter().flatten().for_each(|(t, _, _)| visit(*t)),
            TermKind::Subscript(base, subs) => {
                visit(*base);
                for sub in subs {
                    if let super::term::Sub::Value(t) = sub {
                        visit(*t);
                    }
                }
            }
            TermKind::Reduce { condition, body, .. } => {
                condition.iter().copied().for_each(&mut visit);
                visit(*body);
            }
            TermKind::Tabulate(_, body) | TermKind::Rows(_, body) => visit(*body),
            TermKind::Loop { init, xs, body, .. } => [*init, *body].iter().chain(xs).copied().for_each(visit),
            TermKind::Placeholder { init, xs, .. } => xs.iter().chain([init]).copied().for_each(visit),
            _ => {}
        }
    }
}

/// An expression as text for a suggestion, where it is short; `None` otherwise.
pub(super) fn short_text(ast: &Ast, id: ExprId) -> Option<String> {
    text_within(ast, id, 3)
}

/// `depth` bounds the recursion.
fn text_within(ast: &Ast, id: ExprId, depth: usize) -> Option<String> {
    let depth = depth.checked_sub(1)?;
    match ast.kind(id) {
        ExprKind::Name(name) => Some(name.to_string()),
        ExprKind::Number(value) => Some(value.to_string()),
        ExprKind::Transpose(a) => {
            let inner = text_within(ast, *a, depth)?;
            let plain = matches!(ast.kind(*a), ExprKind::Name(_) | ExprKind::Transpose(_) | ExprKind::Call { .. });
            Some(if plain { format!("{inner}'") } else { format!("({inner})'") })
        }
        ExprKind::Call { function, args, derivative, .. } if derivative.is_empty() && args.len() <= 2 => {
            let args: Option<Vec<String>> = args.iter().map(|a| text_within(ast, *a, depth)).collect();
            Some(format!("{function}({})", args?.join(", ")))
        }
        _ => None,
    }
}

/// The operand transposed, for a suggestion.
pub(super) fn transposed_text(ast: &Ast, id: ExprId) -> Option<String> {
    match ast.kind(id) {
        ExprKind::Transpose(a) => short_text(ast, *a),
        ExprKind::Name(name) => Some(format!("{name}'")),
        _ => short_text(ast, id).map(|text| format!("{text}'")),
    }
}
