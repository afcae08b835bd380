//! Names: declarations, definitions, and the convention for what nobody declared.

use matgrad_syntax::{
    Attribute, Diagnostic, Equation, ExprId, ExprKind, Ident, Name, Parameters, QueryKind, Script, Span, Statement,
    StatementKind, split_greek,
};
use smallvec::smallvec;

use super::dims::Origin;
use super::elaborate::{Elaborator, FunctionInfo, Global};
use super::implicit::{RawImplicit, RawSolve};
use super::term::{AbstractId, AbstractInfo, TermId, TermKind, Type, VariableId, VariableInfo};
use crate::graph::Dims;

/// What the convention makes of a name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Scalar,
    Column,
    Matrix,
}

/// The convention: capitals are matrices, lower-case Latin names columns (but `t`), lower-case Greek names scalars (but
/// the parameters of statistics).
pub(super) fn convention(name: &str) -> Kind {
    if name.chars().next().is_some_and(char::is_uppercase) {
        return Kind::Matrix;
    }
    if let Some(greek) = split_greek(name).filter(|g| g.before.is_empty()) {
        return if matches!(greek.spelling, "theta" | "beta" | "mu") { Kind::Column } else { Kind::Scalar };
    }
    if name == "t" { Kind::Scalar } else { Kind::Column }
}

/// Whether the name is a parameter of statistics.
pub(super) fn is_parameter(name: &str) -> bool {
    split_greek(name).is_some_and(|g| g.before.is_empty() && matches!(g.spelling, "theta" | "beta" | "mu"))
}

impl Elaborator<'_> {
    /// Takes the declarations of all statements, and the names of all definitions.
    pub fn declare(&mut self, script: &Script) {
        for statement in &script.statements {
            match &statement.kind {
                StatementKind::Declaration { names, shape, attributes } => {
                    self.declaration(names, shape, attributes, statement.span);
                }
                StatementKind::Abstract { name, domain, codomain } => {
                    if let (Some(domain), Some(codomain)) = (self.shape(domain), self.shape(codomain))
                        && self.is_free(name)
                    {
                        let id = AbstractId(self.abstracts.len() as u32);
                        let (name, span) = (name.name.clone(), statement.span);
                        self.abstracts.push(AbstractInfo { name: name.clone(), domain, codomain, span });
                        self.globals.insert(name, Global::Abstract(id));
                    }
                }
                _ => {}
            }
        }
        for statement in &script.statements {
            let StatementKind::Definition { name, parameters, body } = &statement.kind else { continue };
            if matches!(self.globals.get(&name.name), Some(Global::Value(_) | Global::Abstract(_))) {
                self.is_free(name);
                continue;
            }
            self.defined.entry(name.name.clone()).or_insert(name.span);
            if let Parameters::Function(list) = parameters {
                let global = Global::Function(self.functions.len());
                let parameters = list.iter().map(|p| p.name.clone()).collect();
                let info = FunctionInfo { name: name.name.clone(), parameters, body: *body, active: false };
                self.functions.push(info);
                self.globals.insert(name.name.clone(), global);
            }
        }
    }

    /// Whether nothing else has the name; reports it otherwise.
    fn is_free(&mut self, ident: &Ident) -> bool {
        let first = match self.globals.get(&ident.name) {
            None => return true,
            Some(Global::Value(term)) => match self.term(*term).kind {
                TermKind::Variable(v) => self.variables[v.0 as usize].span,
                _ => ident.span,
            },
            Some(Global::Abstract(id)) => self.abstracts[id.0 as usize].span,
            Some(Global::Function(_)) => ident.span,
        };
        let message = format!("`{}` is declared already", ident.name);
        self.report(Diagnostic::error("duplicate-name", ident.span, message).label(first, "declared here"));
        false
    }

    fn shape(&mut self, shape: &[ExprId]) -> Option<Vec<crate::graph::Dim>> {
        let mut dims = Vec::with_capacity(shape.len());
        for at in shape {
            match self.dimension(*at) {
                Ok(dim) => dims.push(dim),
                Err(diagnostic) => {
                    self.report(*diagnostic);
                    return None;
                }
            }
        }
        Some(dims)
    }

    /// The type of declared dimensions.
    pub fn type_of(&mut self, dims: &[crate::graph::Dim]) -> Type {
        let one = self.dims.number(1);
        match dims {
            [] => Type::Grid(one, one),
            [n] => Type::Grid(*n, one),
            [m, n] => Type::Grid(*m, *n),
            _ => Type::Tensor(Dims::from_slice(dims)),
        }
    }

    fn declaration(&mut self, names: &[Ident], shape: &[ExprId], attributes: &[(Attribute, Span)], span: Span) {
        let dims = self.shape(shape);
        for ident in names {
            if !self.is_free(ident) {
                continue;
            }
            let ty = match &dims {
                Some(dims) => self.type_of(dims),
                None => Type::Poison,
            };
            let fits = attributes.iter().all(|(attribute, at)| self.check_attribute(&ident.name, &ty, *attribute, *at));
            let attributes = if fits { attributes.iter().map(|(a, _)| *a).collect() } else { Vec::new() };
            let info = VariableInfo { name: ident.name.clone(), ty, attributes, declared: true, span };
            self.add_variable(info, shape.first().copied().unwrap_or(ExprId(0)));
        }
    }

    fn check_attribute(&mut self, name: &str, ty: &Type, attribute: Attribute, at: Span) -> bool {
        use Attribute::{Diagonal, Lower, Nonneg, Orthogonal, Pd, Positive, Psd, Skew, Symmetric, Upper};
        let fits = match (attribute, ty) {
            (Positive | Nonneg, _) | (_, Type::Poison) => true,
            (Symmetric | Skew | Diagonal | Psd | Pd, Type::Grid(r, c)) => r == c,
            (Lower | Upper | Orthogonal, Type::Grid(r, c)) => r == c || !(self.dims.is_one(*r) || self.dims.is_one(*c)),
            (_, Type::Tensor(_)) => false,
        };
        if !fits {
            let shape = self.shape_text(ty);
            let needs = if matches!(attribute, Lower | Upper | Orthogonal) { "a matrix" } else { "a square matrix" };
            let message = format!("`{name}` is {shape}, but `{}` needs {needs}", attribute.name());
            self.report(Diagnostic::error("attribute", at, message));
        }
        fits
    }

    /// Takes the definitions, queries and expressions in their order.
    pub fn statement(&mut self, statement: &Statement) -> Outcome {
        match &statement.kind {
            StatementKind::Declaration { .. } | StatementKind::Abstract { .. } => Outcome::Nothing,
            StatementKind::Definition { parameters: Parameters::Function(_), name, .. } => {
                Outcome::Function(name.name.clone())
            }
            StatementKind::Definition { name, parameters, body } => {
                let term = match parameters {
                    Parameters::Index(binders) => self.tabulated(binders, *body),
                    _ => self.expression(*body),
                };
                if self.defined.contains_key(&name.name) {
                    self.globals.insert(name.name.clone(), Global::Value(term));
                }
                Outcome::Value(Some(name.name.clone()), term)
            }
            StatementKind::Implicit { name, rule } => Outcome::Implicit(self.implicit(name, rule, statement.span)),
            StatementKind::Solve { equations, unknowns } => {
                Outcome::Solve(self.equations(equations, unknowns, statement.span))
            }
            StatementKind::Assume { left, right } => {
                let equation = Equation::Equal { left: *left, right: *right };
                Outcome::Assume(self.equations(&[equation], &[], statement.span))
            }
            StatementKind::Expression(body) => match self.function_body(*body) {
                Some(term) => Outcome::Value(None, term),
                None => Outcome::Value(None, self.expression(*body)),
            },
            StatementKind::Query { kind, function, wrt, argument, .. } => {
                let value = match self.function_body(*function) {
                    Some(term) => term,
                    None => self.expression(*function),
                };
                let argument = argument.map(|a| match kind {
                    QueryKind::Directional | QueryKind::Linearize => self.step_or_point(a, wrt),
                    _ => self.expression(a),
                });
                Outcome::Query(*kind, value, wrt.clone(), argument)
            }
        }
    }

    /// A direction or a point of the variable: of undeclared names it fixes what the shape of the variable says.
    fn step_or_point(&mut self, at: ExprId, wrt: &[Ident]) -> TermId {
        let variable = match wrt {
            [only] => match self.globals.get(&only.name) {
                Some(Global::Value(term)) => Some(*term),
                _ => None,
            },
            _ => None,
        };
        let Some(wanted) = variable.map(|term| self.term(term).ty.clone()) else { return self.expression(at) };
        if let ExprKind::Name(name) = self.ast.kind(at) {
            let known = self.lookup(name).is_some()
                || self.globals.contains_key(name)
                || self.defined.contains_key(name)
                || self.dims.is_name(name)
                || matches!(&**name, "I" | "pi");
            if !known && !matches!(wanted, Type::Poison) {
                let span = self.span(at);
                let info =
                    VariableInfo { name: name.clone(), ty: wanted, attributes: Vec::new(), declared: false, span };
                return self.add_variable(info, at);
            }
        }
        let value = self.expression(at);
        let found = self.term(value).ty.clone();
        if !matches!(found, Type::Poison) && !matches!(wanted, Type::Poison) && !self.is_scalar(&found) {
            // what does not fit is said where the query is answered
            self.same_shape(&wanted, &found, at);
        }
        value
    }

    /// The value of a bare function name: its body, with its parameters as variables.
    pub fn function_body(&mut self, at: ExprId) -> Option<TermId> {
        let ExprKind::Name(name) = self.ast.kind(at) else { return None };
        match self.globals.get(name) {
            Some(Global::Function(function)) => {
                let body = self.functions[*function].body;
                Some(self.expression(body))
            }
            _ => None,
        }
    }

    /// The value of a name.
    pub fn resolve_name(&mut self, name: &Name, at: ExprId) -> TermId {
        use super::elaborate::Binding;
        match self.lookup(name) {
            Some(Binding::Index(index)) => {
                let ty = self.scalar();
                return self.push(TermKind::Index(index), ty, at);
            }
            Some(Binding::Value(term)) => return term,
            None => {}
        }
        match self.globals.get(name) {
            Some(Global::Value(term)) => {
                let term = *term;
                self.first_use(term, at);
                return term;
            }
            Some(Global::Function(_) | Global::Abstract(_)) => {
                let message = format!("`{name}` is a function");
                let diagnostic = Diagnostic::error("not-a-value", self.span(at), message);
                return self.poison(diagnostic.help(format!("write `{name}(…)` for its value")), at);
            }
            None => {}
        }
        if self.dims.is_name(name) {
            let (dim, ty) = (self.dims.named(name), self.scalar());
            return self.push(TermKind::Dimension(dim), ty, at);
        }
        if let Some(&later) = self.defined.get(name) {
            let message = format!("`{name}` is used before it is defined");
            let diagnostic = Diagnostic::error("order", self.span(at), message);
            return self.poison(diagnostic.label(later, "defined here"), at);
        }
        match &**name {
            "I" => self.flexible_identity(at),
            "pi" => {
                let ty = self.scalar();
                self.push(TermKind::Pi, ty, at)
            }
            _ => self.undeclared(name, at),
        }
    }

    /// An undeclared variable is shown where it is met first in the text, whichever use was read first.
    fn first_use(&mut self, term: TermId, at: ExprId) {
        let span = self.span(at);
        if let TermKind::Variable(v) = self.term(term).kind {
            let info = &mut self.variables[v.0 as usize];
            if !info.declared && span.start < info.span.start {
                info.span = span;
            }
        }
    }

    fn undeclared(&mut self, name: &Name, at: ExprId) -> TermId {
        self.undeclared_at(name, self.span(at))
    }

    /// A variable by the convention.
    pub fn undeclared_at(&mut self, name: &Name, span: Span) -> TermId {
        let at = ExprId(0);
        let ty = match self.step_of(name) {
            Some(ty) => ty,
            None => {
                let id = VariableId(self.variables.len() as u32);
                let kind = if self.scalars.contains(name) { Kind::Scalar } else { convention(name) };
                match kind {
                    Kind::Scalar => self.scalar(),
                    Kind::Column => {
                        let n = self.dims.unknown(Origin::Variable(id));
                        self.type_of(&[n])
                    }
                    Kind::Matrix => {
                        let dims: Dims =
                            smallvec![self.dims.unknown(Origin::Variable(id)), self.dims.unknown(Origin::Variable(id))];
                        self.type_of(&dims)
                    }
                }
            }
        };
        let info = VariableInfo { name: name.clone(), ty, attributes: Vec::new(), declared: false, span };
        self.add_variable(info, at)
    }

    /// The shape of a step: `dX` goes with the variable `X`.
    fn step_of(&mut self, name: &str) -> Option<Type> {
        let of = name.strip_prefix('d')?;
        let letter = of.chars().next().is_some_and(char::is_uppercase) || split_greek(of).is_some();
        if letter && !self.globals.contains_key(of) && !self.defined.contains_key(of) && self.lookup(of).is_none() {
            // the variable itself may be met later
            let ids = (0..self.ast.len() as u32).map(ExprId);
            let mut uses = ids.filter(|id| matches!(self.ast.kind(*id), ExprKind::Name(n) if &**n == of));
            if let Some(at) = uses.next() {
                let of = Name::from(of);
                self.resolve_name(&of, at);
            }
        }
        match self.globals.get(of) {
            Some(Global::Value(term)) if matches!(self.term(*term).kind, TermKind::Variable(_)) => {
                Some(self.term(*term).ty.clone())
            }
            _ => None,
        }
    }
}

/// What a statement gave.
pub(super) enum Outcome {
    Nothing,
    Function(Name),
    Value(Option<Name>, TermId),
    Query(matgrad_syntax::QueryKind, TermId, Vec<Ident>, Option<TermId>),
    Implicit(RawImplicit),
    Solve(RawSolve),
    Assume(RawSolve),
}
