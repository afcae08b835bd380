//! Queries about a function's bare name: `div F wrt x` is about `F(x)`.

use matgrad_syntax::{ExprId, ExprKind, Ident, Name, Parameters, Script, StatementKind};

/// The script with calls in place of the bare names of abstract functions, and of defined ones whose parameters have
/// other names than the variables.
pub(super) fn with_calls(mut script: Script) -> Script {
    for at in 0..script.statements.len() {
        let StatementKind::Query { function, wrt, argument, .. } = script.statements[at].kind.clone() else { continue };
        let called = call(&mut script, function, &wrt, false);
        let argued = argument.and_then(|argument| call(&mut script, argument, &wrt, true));
        if let StatementKind::Query { function, argument, .. } = &mut script.statements[at].kind {
            *function = called.unwrap_or(*function);
            *argument = argued.or(*argument);
        }
    }
    script
}

fn call(script: &mut Script, root: ExprId, wrt: &[Ident], always: bool) -> Option<ExprId> {
    let ExprKind::Name(name) = script.ast.kind(root).clone() else { return None };
    let takes = script.statements.iter().find_map(|statement| match &statement.kind {
        StatementKind::Abstract { name: own, .. } if own.name == name => Some(None),
        StatementKind::Definition { name: own, parameters: Parameters::Function(list), .. } if own.name == name => {
            let names: Vec<Name> = list.iter().map(|ident| ident.name.clone()).collect();
            Some(Some(names))
        }
        _ => None,
    })?;
    if let (Some(parameters), false) = (takes, always)
        && (parameters.len() != wrt.len() || parameters.iter().all(|name| wrt.iter().any(|own| own.name == *name)))
    {
        return None; // the body says it all
    }
    let span = script.ast.span(root);
    let args = wrt.iter().map(|ident| script.ast.push(ExprKind::Name(ident.name.clone()), ident.span)).collect();
    Some(script.ast.push(ExprKind::Call { function: name, function_span: span, derivative: Vec::new(), args }, span))
}
