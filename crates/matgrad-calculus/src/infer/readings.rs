//! Readings of undeclared names: the convention, or the fewest scalars with which the script type-checks.

use matgrad_syntax::suggest::nearest;
use matgrad_syntax::{Diagnostic, Ident, Name, QueryKind, Script, Span, StatementKind};

use super::dims::Origin;
use super::elaborate::{Elaborator, Global};
use super::errors::NOT_DECLARED;
use super::implicit::{RawImplicit, RawSolve};
use super::names::{Kind, Outcome, convention};
use super::term::{IndexId, TermId};

/// More readings than this are not tried.
const MAX_READINGS: usize = 2000;
/// Nor more terms than this, in all of them together.
const MAX_WORK: usize = 2_000_000;

/// A query before lowering.
pub(super) struct RawQuery {
    pub kind: QueryKind,
    pub function: TermId,
    pub wrt: Vec<Ident>,
    pub argument: Option<TermId>,
    pub span: Span,
}

/// A script under one reading.
pub(super) struct Reading<'a> {
    pub elaborator: Elaborator<'a>,
    /// Definitions and expressions.
    pub values: Vec<(Option<Name>, TermId)>,
    pub queries: Vec<RawQuery>,
    pub implicits: Vec<RawImplicit>,
    pub solves: Vec<RawSolve>,
    pub relations: Vec<RawSolve>,
    /// The body of the function that is meant, where it is one.
    pub function: Option<(Name, TermId)>,
}

/// Reads a script with these names as scalars; `of` is the definition that is asked for.
pub(super) fn attempt<'a>(script: &'a Script, scalars: &'a [Name], of: Option<&str>) -> Reading<'a> {
    let mut e = Elaborator::new(script, scalars);
    e.declare(script);
    let (mut values, mut queries, mut function) = (Vec::new(), Vec::new(), None);
    let (mut implicits, mut solves, mut relations) = (Vec::new(), Vec::new(), Vec::new());
    for statement in &script.statements {
        match e.statement(statement) {
            Outcome::Nothing => {}
            Outcome::Function(name) => function = Some(name),
            Outcome::Value(name, term) => {
                function = None;
                values.push((name, term));
            }
            Outcome::Implicit(implicit) => {
                function = None;
                values.push((Some(implicit.name.clone()), implicit.unknown));
                implicits.push(implicit);
            }
            Outcome::Solve(solve) => solves.push(solve),
            Outcome::Assume(relation) => relations.push(relation),
            Outcome::Query(kind, value, wrt, argument) => {
                queries.push(RawQuery { kind, function: value, wrt, argument, span: statement.span });
            }
        }
    }
    // a script that ends with `f(x) = …` is about f, its parameters being variables
    let function = match of {
        Some(of) => Some(Name::from(of)).filter(|n| matches!(e.globals.get(n), Some(Global::Function(_)))),
        None => function.filter(|_| queries.is_empty() && solves.is_empty()),
    };
    let function = function.and_then(|name: Name| match e.globals.get(&name) {
        Some(Global::Function(k)) => {
            let body = e.functions[*k].body;
            Some((name, e.expression(body)))
        }
        _ => None,
    });
    for implicit in &implicits {
        e.settle_size(implicit.unknown);
    }
    e.finish();
    Reading { elaborator: e, values, queries, implicits, solves, relations, function }
}

/// The names that have to be scalars against the convention, which failed.
pub(super) fn search(script: &Script, e: Elaborator, of: Option<&str>) -> Result<Vec<Name>, Vec<Diagnostic>> {
    let about_shapes = |d: &Diagnostic| {
        matches!(d.code, "shape-mismatch" | "power" | "unresolved-size" | "condition" | "subscript" | "attribute")
    };
    let names: Vec<Name> = {
        let mut list: Vec<_> = e.variables.iter().filter(|v| !v.declared).collect();
        list.sort_by_key(|v| v.span.start);
        list.into_iter().filter(|v| convention(&v.name) != Kind::Scalar).map(|v| v.name.clone()).collect()
    };
    if names.is_empty() || !e.diagnostics.iter().any(about_shapes) {
        return Err(e.diagnostics);
    }
    let (mut tried, cost) = (0, e.terms.len().max(1));
    for count in 1..=names.len() {
        let mut found: Vec<Vec<Name>> = Vec::new();
        let mut chosen: Vec<usize> = (0..count).collect();
        loop {
            tried += 1;
            if tried > MAX_READINGS || tried * cost > MAX_WORK {
                return Err(unreadable(e, &names));
            }
            let scalars: Vec<Name> = chosen.iter().map(|k| names[*k].clone()).collect();
            if !attempt(script, &scalars, of).elaborator.failed() {
                found.push(scalars);
            }
            if found.len() > 3 || !next_choice(&mut chosen, names.len()) {
                break;
            }
        }
        match found.len() {
            0 => {}
            1 => return Ok(found.swap_remove(0)),
            _ => return Err(vec![tie(script, &e, &found)]),
        }
    }
    Err(unreadable(e, &names))
}

/// The next subset of the same size, in lexicographic order.
fn next_choice(chosen: &mut [usize], count: usize) -> bool {
    let size = chosen.len();
    for k in (0..size).rev() {
        if chosen[k] + size < count + k {
            chosen[k] += 1;
            for j in k + 1..size {
                chosen[j] = chosen[j - 1] + 1;
            }
            return true;
        }
    }
    false
}

/// The clash, with what the names were taken for.
fn unreadable(mut e: Elaborator, names: &[Name]) -> Vec<Diagnostic> {
    let mut read: Vec<String> = Vec::new();
    for k in 0..e.variables.len() {
        let info = e.variables[k].clone();
        if !info.declared {
            let kind = match convention(&info.name) {
                Kind::Scalar => "a scalar",
                Kind::Column => "a column vector",
                Kind::Matrix => "a matrix",
            };
            read.push(format!("`{}` as {kind}", info.name));
        }
    }
    let help = e.declare_help();
    let suggestion = e.misspelt(names);
    let mut diagnostics = std::mem::take(&mut e.diagnostics);
    if let Some(first) = diagnostics.first_mut() {
        first.help.extend(suggestion);
        if first.labels.iter().any(|(_, text)| text.ends_with(NOT_DECLARED)) {
            first
                .help
                .push(format!("these names are not declared and were read by the convention: {}", read.join(", ")));
            first.help.extend(help);
        }
    }
    diagnostics
}

/// Two readings with as few scalars as each other.
fn tie(script: &Script, e: &Elaborator, found: &[Vec<Name>]) -> Diagnostic {
    let span = script.statements.iter().rev().find_map(|s| match s.kind {
        StatementKind::Declaration { .. } | StatementKind::Abstract { .. } => None,
        _ => Some(s.span),
    });
    let mut diagnostic = Diagnostic::error(
        "ambiguous-names",
        span.unwrap_or_default(),
        "the names that nobody declared can be read in more than one way",
    );
    for variable in e.variables.iter().filter(|v| !v.declared) {
        if found.iter().flatten().any(|n| *n == variable.name) {
            diagnostic = diagnostic.label(variable.span, format!("`{}` is not declared", variable.name));
        }
    }
    for scalars in found {
        let list: Vec<String> = scalars.iter().map(|n| n.to_string()).collect();
        let verb = if list.len() == 1 { "is a scalar" } else { "are scalars" };
        diagnostic = diagnostic.help(format!("{} {verb}: --declare '{} in R'", list.join(", "), list.join(", ")));
    }
    diagnostic
}

impl Elaborator<'_> {
    /// After the last statement: what waited is settled, and what nothing fixed is reported.
    pub fn finish(&mut self) {
        self.settle_links();
        let mut clashes = self.dims.settle();
        for (unknown, origin) in self.dims.unsolved() {
            if origin == Origin::Zero {
                let one = self.dims.number(1);
                self.dims.assign(unknown, one);
            }
        }
        clashes.extend(self.dims.settle());
        for (a, b, at) in clashes {
            let (x, y) = (self.dims.text(a), self.dims.text(b));
            let message = format!("the dimensions {x} and {y} would have to be equal");
            let mut diagnostic = Diagnostic::error("shape-mismatch", self.span(at), message);
            if let Some(help) = self.declare_help() {
                diagnostic = diagnostic.help(help);
            }
            self.report(diagnostic);
        }
        if self.failed() {
            return; // what is open then is open because of these errors
        }
        for (_, origin) in self.dims.unsolved() {
            self.unresolved(origin);
        }
    }

    fn unresolved(&mut self, origin: Origin) {
        let diagnostic = match origin {
            Origin::Identity(at) => {
                Diagnostic::error("unresolved-size", self.span(at), "nothing here fixes the size of `I`")
                    .help("write `eye(n)`")
            }
            Origin::Filler(at) => {
                let diagnostic =
                    Diagnostic::error("unresolved-size", self.span(at), "nothing here fixes the size of this");
                diagnostic.help("write `ones(n)`, `ones(m,n)` or a multiple of them")
            }
            Origin::Index(IndexId(index)) => {
                let index = &self.indices[index as usize];
                let message = format!("the range of the index `{}` does not follow from use", index.name);
                Diagnostic::error("unresolved-size", index.span, message)
                    .help(format!("write its range: `{}:n`", index.name))
            }
            Origin::Variable(_) | Origin::Zero => return,
        };
        self.report(diagnostic);
    }

    /// What is assumed of each undeclared name.
    pub fn assumptions(&mut self) -> Vec<String> {
        let mut order: Vec<usize> = (0..self.variables.len()).filter(|k| !self.variables[*k].declared).collect();
        order.sort_by_key(|k| self.variables[*k].span.start);
        let mut out = Vec::with_capacity(order.len());
        for k in order {
            let info = self.variables[k].clone();
            out.push(format!("{} in {}", info.name, self.shape_text(&info.ty)));
        }
        out
    }

    /// A declared name that one of these may be a misspelling of.
    pub fn misspelt(&self, names: &[Name]) -> Option<String> {
        let undeclared = self.variables.iter().filter(|v| !v.declared).count();
        let declared: Vec<&str> = self.variables.iter().filter(|v| v.declared).map(|v| &*v.name).collect();
        let [name] = names else { return None };
        if undeclared != 1 || declared.is_empty() {
            return None;
        }
        nearest(name, declared).map(|meant| format!("`{name}` is not declared; did you mean `{meant}`?"))
    }

    /// Notes on names that look like a misspelling of a declared one.
    pub fn doubtful_names(&self) -> Vec<String> {
        let undeclared: Vec<Name> = self.variables.iter().filter(|v| !v.declared).map(|v| v.name.clone()).collect();
        self.misspelt(&undeclared).into_iter().collect()
    }
}
