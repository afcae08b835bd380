//! Declarations, definitions and queries as text.

use matgrad_syntax::{
    Ast, Attribute, BinaryOp, Equation, ExprId, ExprKind, Ident, ImplicitRule, IndexBinder, Name, Parameters,
    QueryKind, Span, StatementKind,
};

use super::{COMPARISON, Printer, SUM, TextOptions};

/// `G[p,q,i:m,j:n] = …`: a definition by indices.
pub fn definition_text(
    ast: &Ast,
    name: &str,
    indices: &[(Name, Option<ExprId>)],
    body: ExprId,
    options: TextOptions,
) -> String {
    let binders = indices
        .iter()
        .map(|(name, range)| IndexBinder { name: name.clone(), span: Span::default(), range: *range })
        .collect();
    let mut printer = Printer::new(ast, options);
    printer.definition(name, &Parameters::Index(binders), body);
    printer.out
}

/// `A, B in R^(m x n) symmetric`; no dimensions for a scalar, one for a column.
pub fn declaration_text(
    ast: &Ast,
    names: &[&str],
    shape: &[ExprId],
    attributes: &[Attribute],
    options: TextOptions,
) -> String {
    let mut printer = Printer::new(ast, options);
    printer.declaration(names.iter().copied(), shape, attributes.iter().copied());
    printer.out
}

/// Any statement as text.
pub fn statement_text(ast: &Ast, statement: &StatementKind, options: TextOptions) -> String {
    let mut printer = Printer::new(ast, options);
    match statement {
        StatementKind::Declaration { names, shape, attributes } => {
            let names = names.iter().map(|ident| &*ident.name);
            printer.declaration(names, shape, attributes.iter().map(|(attribute, _)| *attribute));
        }
        StatementKind::Abstract { name, domain, codomain } => {
            printer.name(&name.name);
            printer.out.push_str(" : ");
            printer.space(domain);
            printer.out.push_str(if options.unicode { " → " } else { " -> " });
            printer.space(codomain);
        }
        StatementKind::Definition { name, parameters, body } => printer.definition(&name.name, parameters, *body),
        StatementKind::Query { kind, inner, function, wrt, argument, order } => {
            for kind in std::iter::once(kind).chain(inner) {
                printer.out.push_str(kind.name());
                printer.out.push(' ');
            }
            let mut argument = argument.zip(kind.argument_word());
            if *kind == QueryKind::Pushforward
                && let Some((density, word)) = argument.take()
            {
                printer.expression(density, COMPARISON);
                printer.out.push_str(&format!(" {word} "));
            }
            printer.expression(*function, COMPARISON);
            printer.out.push_str(" wrt ");
            printer.names(wrt.iter().map(|ident| &*ident.name), ", ");
            if let Some((argument, word)) = argument {
                printer.out.push_str(&format!(" {word} "));
                printer.expression(argument, COMPARISON);
            }
            if let Some(order) = order {
                printer.out.push_str(&format!(" order {order}"));
            }
        }
        StatementKind::Implicit { name, rule } => printer.implicit(&name.name, rule),
        StatementKind::Solve { equations, unknowns } => printer.solve(equations, unknowns),
        StatementKind::Assume { left, right } => {
            printer.out.push_str("assume ");
            printer.expression(*left, COMPARISON);
            printer.out.push_str(" = ");
            printer.expression(*right, COMPARISON);
        }
        StatementKind::Expression(id) => {
            // a comparison with a name on its left would read as a slip for a definition
            let equality = matches!(ast.kind(*id), ExprKind::Binary(BinaryOp::Equal, ..));
            printer.expression(*id, if equality { SUM } else { COMPARISON });
        }
    }
    printer.out
}

impl Printer<'_> {
    fn names<'n>(&mut self, names: impl Iterator<Item = &'n str>, separator: &str) {
        for (at, name) in names.enumerate() {
            if at > 0 {
                self.out.push_str(separator);
            }
            self.name(name);
        }
    }

    fn declaration<'n>(
        &mut self,
        names: impl Iterator<Item = &'n str>,
        shape: &[ExprId],
        attributes: impl Iterator<Item = Attribute>,
    ) {
        self.names(names, ", ");
        self.out.push_str(if self.options.unicode { " ∈ " } else { " in " });
        self.space(shape);
        for attribute in attributes {
            self.out.push(' ');
            self.out.push_str(attribute.name());
        }
    }

    /// `R`, `R^n`, `R^(m x n)`
    fn space(&mut self, shape: &[ExprId]) {
        self.out.push(if self.options.unicode { 'ℝ' } else { 'R' });
        let Some(first) = shape.first() else { return };
        self.out.push('^');
        self.compact = true;
        let plain = match self.ast.kind(*first) {
            ExprKind::Name(_) => true,
            ExprKind::Number(value) => value.is_integer() && !value.is_negative(),
            _ => false,
        };
        if shape.len() == 1 && plain {
            self.expression(*first, COMPARISON);
        } else {
            self.out.push('(');
            for (at, dimension) in shape.iter().enumerate() {
                if at > 0 {
                    self.out.push_str(if self.options.unicode { " × " } else { " x " });
                }
                self.expression(*dimension, SUM);
            }
            self.out.push(')');
        }
        self.compact = false;
    }

    /// `define z by G = 0`, `z = argmin[w](f)`
    fn implicit(&mut self, name: &str, rule: &ImplicitRule) {
        match rule {
            ImplicitRule::Equation { left, right } => {
                self.out.push_str("define ");
                self.name(name);
                self.out.push_str(" by ");
                self.equation(*left, *right);
            }
            ImplicitRule::Extremum { minimum, bound, objective } => {
                self.name(name);
                self.out.push_str(if *minimum { " = argmin[" } else { " = argmax[" });
                self.name(&bound.name);
                self.out.push_str("](");
                self.expression(*objective, COMPARISON);
                self.out.push(')');
            }
        }
    }

    fn solve(&mut self, equations: &[Equation], unknowns: &[Ident]) {
        self.out.push_str("solve ");
        let names = || unknowns.iter().map(|ident| &*ident.name);
        let mut all = false;
        for (at, equation) in equations.iter().enumerate() {
            if at > 0 {
                self.out.push_str(", ");
            }
            match equation {
                Equation::Gradient { function, right } => {
                    self.out.push_str("grad ");
                    self.expression(*function, COMPARISON);
                    self.out.push_str(" wrt ");
                    self.names(names(), ", ");
                    self.out.push_str(" = ");
                    self.expression(*right, SUM);
                    all = true;
                }
                Equation::Equal { left, right } => self.equation(*left, *right),
            }
        }
        if !all {
            self.out.push_str(" for ");
            self.names(names(), ", ");
        }
    }

    fn equation(&mut self, left: ExprId, right: ExprId) {
        self.expression(left, SUM);
        self.out.push_str(" = ");
        self.expression(right, SUM);
    }

    fn definition(&mut self, name: &str, parameters: &Parameters, body: ExprId) {
        self.name(name);
        match parameters {
            Parameters::None => {}
            Parameters::Function(names) => {
                self.out.push('(');
                self.names(names.iter().map(|ident| &*ident.name), ", ");
                self.out.push(')');
            }
            Parameters::Index(indices) => {
                self.out.push('[');
                for (at, index) in indices.iter().enumerate() {
                    if at > 0 {
                        self.out.push(',');
                    }
                    self.name(&index.name);
                    if let Some(range) = index.range {
                        self.out.push(':');
                        self.compact = true;
                        self.expression(range, SUM);
                        self.compact = false;
                    }
                }
                self.out.push(']');
            }
        }
        self.out.push_str(" = ");
        self.expression(body, COMPARISON);
    }
}
