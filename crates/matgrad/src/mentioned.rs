//! Which definitions of a script an answer is written with.

use std::collections::{BTreeMap, BTreeSet};

use matgrad_render::TextOptions;
use matgrad_syntax::{Ast, ExprId, ExprKind, Name, Parameters, Script, StatementKind};

use crate::answer::Written;

/// The names below an expression.
fn names(ast: &Ast, root: ExprId, found: &mut Vec<Name>) {
    let (mut todo, mut seen) = (vec![root], BTreeSet::new());
    while let Some(id) = todo.pop() {
        if !seen.insert(id) {
            continue;
        }
        if let ExprKind::Name(name) = ast.kind(id) {
            found.push(name.clone());
        }
        ast.for_each_child(id, |child| todo.push(child));
    }
}

/// The definitions of values, as statements in their order, that formulas and texts of conditions mention, and those that
/// these mention in turn.
pub(crate) fn definitions(script: &Script, formulas: &[&Written], conditions: &[String]) -> Vec<String> {
    let value = |statement: &StatementKind| match statement {
        StatementKind::Definition { name, parameters: Parameters::None | Parameters::Index(_), body } => {
            Some((name.name.clone(), *body))
        }
        _ => None,
    };
    let bodies: BTreeMap<Name, ExprId> = script.statements.iter().filter_map(|s| value(&s.kind)).collect();
    if bodies.is_empty() {
        return Vec::new();
    }
    let mut todo = Vec::new();
    for Written { formula, .. } in formulas {
        let helpers = formula.definitions.iter().map(|helper| helper.body);
        helpers.chain([formula.root]).for_each(|root| names(&formula.ast, root, &mut todo));
    }
    for condition in conditions {
        let parsed = matgrad_syntax::parse(condition).script;
        for statement in &parsed.statements {
            if let StatementKind::Expression(root) = statement.kind {
                names(&parsed.ast, root, &mut todo);
            }
        }
    }
    let mut used = BTreeSet::new();
    while let Some(name) = todo.pop() {
        if let Some(body) = bodies.get(&name)
            && used.insert(name)
        {
            names(&script.ast, *body, &mut todo);
        }
    }
    let shown = script.statements.iter().filter(|s| value(&s.kind).is_some_and(|(name, _)| used.contains(&name)));
    shown.map(|s| matgrad_render::statement_text(&script.ast, &s.kind, TextOptions::PLAIN)).collect()
}
