//! Terms of the right answer that a claim lacks, or has with another sign or factor.

use matgrad_calculus::layout::Layout;
use matgrad_check::Answer as Claimed;
use matgrad_render::{TextOptions, text};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, IndexBinder, Rational, Subscript};
use rustc_hash::FxHashMap;

use super::{Diagnosis, Fault, Patient};
use crate::work::Work;

/// More terms than these are not told apart.
const MOST_TERMS: usize = 12;

/// What is wrong with one term of the claim.
pub(super) fn term(work: &mut Work, patient: &Patient) -> Option<Diagnosis> {
    if patient.claim.axes.is_some() {
        return None;
    }
    let order = work.request.order;
    let derivative = work.derivative(order).ok()?;
    let plain = work.with_structure(derivative);
    let simple = work.simplified(plain).ok()?;
    for layout in patient.layouts() {
        if layout == Layout::Differential {
            continue;
        }
        for node in [simple, plain] {
            let Ok(arranged) = work.arranged(node, layout) else { continue };
            let near = work.graph().distribute(arranged.node);
            let far = work.graph().distribute_all(arranged.node);
            for whole in [arranged.node, near, far] {
                let (terms, dims) = work.graph().terms(whole);
                if !(2..=MOST_TERMS).contains(&terms.len()) {
                    continue;
                }
                for (c, term) in terms {
                    let term = work.graph().sum(&[(c, term)], &dims);
                    let Ok(written) =
                        work.written(&matgrad_calculus::layout::Arranged { node: term, ..arranged.clone() })
                    else {
                        continue;
                    };
                    let formula = &written.formula;
                    if formula.axes.is_some() || !formula.definitions.is_empty() {
                        continue;
                    }
                    if let Some(found) = repaired(patient, &formula.ast, formula.root) {
                        return Some(found);
                    }
                }
            }
        }
    }
    None
}

/// Whether the claim is right with so much more of a term.
fn repaired(patient: &Patient, own: &Ast, root: ExprId) -> Option<Diagnosis> {
    let said = text(own, root, TextOptions::PLAIN);
    let cases = [
        (1, 1, Fault::MissingTerm, format!("the term `{said}` is missing")),
        (2, 1, Fault::Sign, format!("the term `{said}` has the wrong sign")),
        (1, 2, Fault::Factor, format!("of the term `{said}` there is only half")),
        (-1, 1, Fault::Factor, format!("the term `{said}` is there twice")),
        (2, 3, Fault::Factor, format!("of the term `{said}` there is only a third")),
        (-2, 1, Fault::Factor, format!("the term `{said}` is there three times")),
    ];
    for (p, q, fault, said) in cases {
        let mut ast = patient.claim.ast.clone();
        let term = grafted(&mut ast, own, root);
        let number = ast.add(ExprKind::Number(Rational::new(p, q)));
        let more = ast.add(ExprKind::Binary(BinaryOp::Mul, number, term));
        let sum = ast.add(ExprKind::Binary(BinaryOp::Add, patient.claim.root, more));
        let claim = Claimed { ast: &ast, root: sum, ..patient.claim };
        let report = matgrad_check::check_claim(&patient.problem, &claim, &patient.options);
        if patient.is_right(&report) {
            return Some(Diagnosis { fault, said });
        }
    }
    None
}

/// A copy of an expression in another tree.
pub(super) fn grafted(ast: &mut Ast, from: &Ast, root: ExprId) -> ExprId {
    let mut parts = super::edits::parts(from, root);
    parts.reverse();
    let mut map: FxHashMap<ExprId, ExprId> = FxHashMap::default();
    for id in parts {
        let to = |id: &ExprId| map.get(id).copied().unwrap_or(*id);
        let kind = match from.kind(id).clone() {
            ExprKind::Neg(a) => ExprKind::Neg(to(&a)),
            ExprKind::Transpose(a) => ExprKind::Transpose(to(&a)),
            ExprKind::Binary(op, a, b) => ExprKind::Binary(op, to(&a), to(&b)),
            ExprKind::Call { function, function_span, derivative, args } => {
                ExprKind::Call { function, function_span, derivative, args: args.iter().map(to).collect() }
            }
            ExprKind::Index(base, subs) => {
                let sub = |sub: &Subscript| match sub {
                    Subscript::All => Subscript::All,
                    Subscript::At(a) => Subscript::At(to(a)),
                    Subscript::Range(a, b) => Subscript::Range(to(a), to(b)),
                };
                ExprKind::Index(to(&base), subs.iter().map(sub).collect())
            }
            ExprKind::Column(entries) => ExprKind::Column(entries.iter().map(to).collect()),
            ExprKind::Rows(rows) => ExprKind::Rows(rows.iter().map(|row| row.iter().map(to).collect()).collect()),
            ExprKind::Reduce { op, indices, condition, body } => {
                let indices = indices
                    .into_iter()
                    .map(|binder| IndexBinder { range: binder.range.as_ref().map(to), ..binder })
                    .collect();
                ExprKind::Reduce { op, indices, condition: condition.as_ref().map(to), body: to(&body) }
            }
            other => other,
        };
        let copy = ast.push(kind, from.span(id));
        map.insert(id, copy);
    }
    map.get(&root).copied().unwrap_or(root)
}
