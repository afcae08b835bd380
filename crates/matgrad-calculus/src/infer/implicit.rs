//! Implicit definitions and equations to be solved: their unknowns, and what has to vanish.

use matgrad_syntax::{Diagnostic, Equation, ExprId, ExprKind, Ident, ImplicitRule, Name, Span};

use super::elaborate::{Binding, Elaborator, Global};
use super::lower::Lower;
use super::term::{TermId, TermKind, Type, VariableInfo};
use super::{Implicit, Rule, Solve};
use crate::graph::Dim;

/// An implicit definition before lowering.
pub(super) struct RawImplicit {
    pub name: Name,
    pub span: Span,
    /// The unknown as a variable.
    pub unknown: TermId,
    pub rule: RawRule,
}

/// What an unknown is defined by.
#[derive(Clone, Copy)]
pub(super) enum RawRule {
    /// The difference of both sides.
    Vanishes(TermId),
    Extremum {
        minimum: bool,
        objective: TermId,
    },
}

/// Equations to be solved, before lowering.
pub(super) struct RawSolve {
    pub equations: Vec<RawEquation>,
    pub unknowns: Vec<Ident>,
    pub span: Span,
}

/// One of them.
#[derive(Clone, Copy)]
pub(super) enum RawEquation {
    Gradient { function: TermId, right: TermId },
    Equal { left: TermId, right: TermId },
}

impl Elaborator<'_> {
    /// Takes `define z by …` and `z = argmin[w] …`; the value is the unknown.
    pub fn implicit(&mut self, name: &Ident, rule: &ImplicitRule, span: Span) -> RawImplicit {
        let bound = match rule {
            ImplicitRule::Extremum { bound, .. } => bound,
            ImplicitRule::Equation { .. } => name,
        };
        let unknown = self.unknown(name, bound);
        let raw = match rule {
            ImplicitRule::Equation { left, right } => {
                let terms = [self.expression(*left), self.expression(*right)];
                let residual = self.sum(&[(false, *left), (true, *right)], &terms, *left);
                let (ty, wanted) = (self.term(residual).ty.clone(), self.term(unknown).ty.clone());
                if !matches!(ty, Type::Poison)
                    && !matches!(wanted, Type::Poison)
                    && !self.same_shape(&wanted, &ty, *left)
                {
                    let (found, needed) = (self.shape_text(&ty), self.shape_text(&wanted));
                    let message = format!("the equation is in {found}, but the unknown `{}` is in {needed}", name.name);
                    let operands = [(self.span(*left), &ty, Some(residual)), (name.span, &wanted, Some(unknown))];
                    let diagnostic = self.mismatch(span, message, &operands);
                    self.report(diagnostic.help("there have to be as many equations as unknowns, in the same shape"));
                }
                RawRule::Vanishes(residual)
            }
            ImplicitRule::Extremum { minimum, bound, objective } => {
                if bound.name != name.name {
                    self.bind(bound.name.clone(), Binding::Value(unknown), bound.span);
                }
                let at = *objective;
                let objective = self.expression(at);
                let ty = self.term(objective).ty.clone();
                if !matches!(ty, Type::Poison) && !self.is_scalar(&ty) {
                    let scalar = self.scalar();
                    if !self.same_shape(&ty, &scalar, at) {
                        let message = format!("the objective is in {}, not a scalar", self.shape_text(&ty));
                        let operands = [(self.span(at), &ty, Some(objective))];
                        let diagnostic = self.mismatch(self.span(at), message, &operands);
                        self.report(diagnostic);
                    }
                }
                RawRule::Extremum { minimum: *minimum, objective }
            }
        };
        RawImplicit { name: name.name.clone(), span, unknown, rule: raw }
    }

    /// The variable that is defined: declared, or shaped like the declared variable of the extremum, or by the convention.
    fn unknown(&mut self, name: &Ident, bound: &Ident) -> TermId {
        let at = ExprId(0);
        if let Some(first) = self.defined.insert(name.name.clone(), name.span) {
            let message = format!("`{}` is defined twice", name.name);
            let diagnostic = Diagnostic::error("duplicate-name", name.span, message);
            return self.poison(diagnostic.label(first, "the first time"), at);
        }
        match self.globals.get(&name.name) {
            Some(Global::Value(term)) if matches!(self.term(*term).kind, TermKind::Variable(_)) => *term,
            Some(_) => {
                let message = format!("`{}` is defined already", name.name);
                self.poison(Diagnostic::error("duplicate-name", name.span, message), at)
            }
            None => {
                let like = match self.globals.get(&bound.name) {
                    Some(Global::Value(term)) => match self.term(*term).kind {
                        TermKind::Variable(v) => Some(self.variables[v.0 as usize].clone()),
                        _ => None,
                    },
                    _ => None,
                };
                match like {
                    Some(info) => {
                        self.add_variable(VariableInfo { name: name.name.clone(), span: name.span, ..info }, at)
                    }
                    None => self.undeclared_at(&name.name, name.span),
                }
            }
        }
    }

    /// Takes `solve …`.
    pub fn equations(&mut self, equations: &[Equation], unknowns: &[Ident], span: Span) -> RawSolve {
        let equations = equations
            .iter()
            .map(|equation| match equation {
                Equation::Gradient { function, right } => {
                    let value = match self.function_body(*function) {
                        Some(term) => term,
                        None => self.expression(*function),
                    };
                    let right_term = self.expression(*right);
                    // what nobody declared fits the unknown
                    if let [unknown] = unknowns
                        && let Some(Global::Value(term)) = self.globals.get(&unknown.name)
                    {
                        let (wanted, ty) = (self.term(*term).ty.clone(), self.term(right_term).ty.clone());
                        if !self.is_scalar(&ty) && !matches!(ty, Type::Poison) {
                            self.same_shape(&wanted, &ty, *right);
                        }
                    }
                    RawEquation::Gradient { function: value, right: right_term }
                }
                Equation::Equal { left, right } => {
                    let (l, r) = (self.expression(*left), self.expression(*right));
                    // both sides have to fit each other
                    let difference = self.sum(&[(false, *left), (true, *right)], &[l, r], *left);
                    if let ([_], [unknown]) = (equations, unknowns) {
                        self.as_many(difference, &unknown.name, *left);
                    }
                    RawEquation::Equal { left: l, right: r }
                }
            })
            .collect();
        RawSolve { equations, unknowns: unknowns.to_vec(), span }
    }
}

impl Elaborator<'_> {
    /// An unknown vector that nobody declared and whose length nothing else has is a scalar.
    pub fn settle_size(&mut self, unknown: TermId) {
        let TermKind::Variable(own) = self.term(unknown).kind else { return };
        let (declared, ty) = {
            let info = &self.variables[own.0 as usize];
            (info.declared, info.ty.clone())
        };
        let Type::Grid(rows, cols) = ty else { return };
        if declared || !self.dims.is_one(cols) || !self.dims.is_open(rows) {
            return;
        }
        let rows = self.dims.resolve(rows);
        let open = self.dims.unknowns_of(rows);
        for k in 0..self.variables.len() {
            let dims: Vec<Dim> = match &self.variables[k].ty {
                Type::Grid(r, c) => vec![*r, *c],
                Type::Tensor(dims) => dims.to_vec(),
                Type::Poison => Vec::new(),
            };
            let shares = dims.into_iter().any(|dim| {
                let dim = self.dims.resolve(dim);
                self.dims.unknowns_of(dim).iter().any(|unknown| open.contains(unknown))
            });
            if shares && k != own.0 as usize {
                return;
            }
        }
        if let [unknown] = open[..] {
            let one = self.dims.number(1);
            self.dims.assign(unknown, one);
        }
    }

    /// As many equations as unknowns, where dimensions that nobody declared leave that open.
    fn as_many(&mut self, difference: TermId, unknown: &Name, at: ExprId) {
        let Some(Global::Value(term)) = self.globals.get(unknown) else { return };
        let (found, mut wanted) = (self.term(difference).ty.clone(), self.term(*term).ty.clone());
        let is_unknown = |id: ExprId| matches!(self.ast.kind(id), ExprKind::Name(name) if name == unknown);
        let ids = || (0..self.ast.len() as u32).map(ExprId);
        let turned = ids().filter(|id| matches!(self.ast.kind(*id), ExprKind::Transpose(inner) if is_unknown(*inner)));
        let (turned, all) = (turned.count(), ids().filter(|id| is_unknown(*id)).count());
        if turned > 0 && turned < all || self.is_scalar(&found) || matches!(found, Type::Poison) {
            return;
        }
        if let (true, Type::Grid(rows, cols)) = (turned > 0, &wanted) {
            wanted = Type::Grid(*cols, *rows);
        }
        // a clash is told by the solver, which knows more
        self.same_shape(&wanted, &found, at);
    }
}

impl RawEquation {
    /// The function, or the left side.
    pub fn left(self) -> TermId {
        match self {
            RawEquation::Gradient { function, .. } => function,
            RawEquation::Equal { left, .. } => left,
        }
    }
}

pub(super) fn lowered(lower: &mut Lower, raw: &RawImplicit) -> Implicit {
    let rule = match raw.rule {
        RawRule::Vanishes(residual) => Rule::Vanishes(lower.typed(residual).node),
        RawRule::Extremum { minimum, objective } => Rule::Extremum { minimum, objective: lower.typed(objective).node },
    };
    Implicit { name: raw.name.clone(), unknown: lower.typed(raw.unknown), rule, span: raw.span }
}

pub(super) fn lowered_solve(lower: &mut Lower, raw: &RawSolve) -> Solve {
    let equations = raw.equations.iter().map(|equation| match *equation {
        RawEquation::Gradient { function, right } => {
            super::Equation::Gradient { function: lower.typed(function), right: lower.typed(right) }
        }
        RawEquation::Equal { left, right } => {
            super::Equation::Equal { left: lower.typed(left), right: lower.typed(right) }
        }
    });
    let equations = equations.collect();
    Solve { equations, unknowns: raw.unknowns.clone(), span: raw.span }
}
