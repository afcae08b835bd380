//! Where an answer holds, in words and in the language.

use std::collections::BTreeSet;

use matgrad_calculus::diff::{Condition, ConditionKind};
use matgrad_calculus::graph::Graph;
use matgrad_calculus::notation::{Arrangement, Memory, write};
use matgrad_render::{TextOptions, text};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Name, Rational, Span};

/// Longer conditions are told without the tensor they are about.
const MAX_LENGTH: usize = 200;

/// The conditions as text, each once.
pub(crate) fn texts(
    g: &mut Graph,
    memory: &mut Memory,
    conditions: &[Condition],
    taken: &BTreeSet<Name>,
) -> Vec<String> {
    let mut texts: Vec<String> = Vec::new();
    memory.name_wholes(true);
    for condition in conditions {
        let Some(formula) = write(g, memory, condition.node, Arrangement::Plain, taken) else { continue };
        if !formula.definitions.is_empty() {
            continue;
        }
        let mut ast = formula.ast;
        let mut said = sentence(&mut ast, formula.root, condition.kind);
        if let Some(axes) = formula.axes {
            let list: Vec<&str> = axes.iter().map(|(name, _)| &**name).collect();
            said.push_str(&format!(" for all {}", list.join(",")));
        }
        if is_impossible(g, condition) {
            said.push_str(", which is nowhere");
        }
        if said.len() <= MAX_LENGTH && !texts.contains(&said) {
            texts.push(said);
        }
    }
    memory.name_wholes(false);
    texts
}

/// Whether a condition asks of a number what it is not.
fn is_impossible(g: &Graph, condition: &Condition) -> bool {
    let Some(value) = g.constant(condition.node) else { return false };
    match condition.kind {
        ConditionKind::NonZero | ConditionKind::NotAllZero => value.is_zero(),
        ConditionKind::Positive => value.is_zero() || value.is_negative(),
        ConditionKind::NonNegative => value.is_negative(),
        _ => false,
    }
}

fn sentence(ast: &mut Ast, root: ExprId, kind: ConditionKind) -> String {
    use ConditionKind::{
        AboveOne, ConstantRank, DetPositive, DistinctEigenvalues, DistinctSingularValues, FullRank, InsideUnit,
        Invertible, NonNegative, NonZero, NotAllZero, NotAtKink, NotPole, Positive, PositiveDefinite, PositiveSpectrum,
        SimpleEigenvalue, SimpleSingularValue, UniqueExtremum,
    };
    let plain = text(ast, root, TextOptions::ASCII);
    match kind {
        Positive => compare(ast, BinaryOp::Greater, root, 0),
        NonNegative => compare(ast, BinaryOp::GreaterEq, root, 0),
        NonZero => compare(ast, BinaryOp::NotEqual, root, 0),
        NotAllZero => {
            let norm = call(ast, "norm", root);
            compare(ast, BinaryOp::Greater, norm, 0)
        }
        NotAtKink => format!("{}, else a subgradient", compare(ast, BinaryOp::NotEqual, root, 0)),
        AboveOne => compare(ast, BinaryOp::Greater, root, 1),
        InsideUnit => {
            let magnitude = call(ast, "abs", root);
            compare(ast, BinaryOp::Less, magnitude, 1)
        }
        Invertible | DetPositive => {
            let det = call(ast, "det", root);
            let op = if kind == Invertible { BinaryOp::NotEqual } else { BinaryOp::Greater };
            compare(ast, op, det, 0)
        }
        NotPole => format!("{plain} is none of 0, -1, -2, ..."),
        PositiveDefinite => format!("{plain} is positive definite"),
        PositiveSpectrum => format!("{plain} has no eigenvalue that is 0 or negative"),
        ConstantRank => format!("{plain} keeps its rank nearby"),
        DistinctEigenvalues => format!("the eigenvalues of {plain} are distinct"),
        DistinctSingularValues => format!("the singular values of {plain} are distinct and not 0"),
        SimpleEigenvalue => format!("{plain} is a simple eigenvalue"),
        SimpleSingularValue => format!("{plain} is a simple singular value and not 0"),
        FullRank => format!("{plain} has full rank"),
        UniqueExtremum => format!("the extreme entry of {plain} is unique, else a subgradient"),
    }
}

fn compare(ast: &mut Ast, op: BinaryOp, left: ExprId, right: i64) -> String {
    let right = ast.add(ExprKind::Number(Rational::int(right)));
    let whole = ast.add(ExprKind::Binary(op, left, right));
    text(ast, whole, TextOptions::ASCII)
}

fn call(ast: &mut Ast, function: &str, arg: ExprId) -> ExprId {
    let kind = ExprKind::Call {
        function: function.into(),
        function_span: Span::default(),
        derivative: Vec::new(),
        args: vec![arg],
    };
    ast.add(kind)
}
