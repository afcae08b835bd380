//! What kind of value an expression is, as far as its notation depends on it.

use matgrad_syntax::functions::{self, Group};
use matgrad_syntax::{Ast, BinaryOp, ExprId, ExprKind, Subscript};

use super::Kind;

/// The kind of a value, rows told from columns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value {
    Scalar,
    Column,
    Row,
    Matrix,
    Unknown,
}

use Value::*;

/// The values of all expressions up to the root.
pub(super) fn values(ast: &Ast, root: ExprId, kind: &dyn Fn(&str) -> Kind) -> Vec<Value> {
    let mut values: Vec<Value> = Vec::with_capacity(root.0 as usize + 1);
    for id in 0..=root.0 {
        let value = {
            let get = |id: &ExprId| values.get(id.0 as usize).copied().unwrap_or(Unknown);
            value(ast.kind(ExprId(id)), &get, kind)
        };
        values.push(value);
    }
    values
}

fn value(node: &ExprKind, get: &dyn Fn(&ExprId) -> Value, kind: &dyn Fn(&str) -> Kind) -> Value {
    match node {
        ExprKind::Number(_) | ExprKind::Reduce { .. } => Scalar,
        ExprKind::Name(name) => {
            let named = match kind(name) {
                Kind::Step => kind(name.get(1..).unwrap_or("")),
                named => named,
            };
            match named {
                Kind::Scalar => Scalar,
                Kind::Vector => Column,
                Kind::Matrix => Matrix,
                _ => Unknown,
            }
        }
        ExprKind::Neg(a) => get(a),
        ExprKind::Transpose(a) => transposed(get(a)),
        ExprKind::Binary(op, a, b) => binary(*op, get(a), get(b)),
        ExprKind::Call { function, args, .. } => call(function, args, get),
        ExprKind::Index(_, subscripts) => indexed(subscripts),
        ExprKind::Column(entries) if entries.iter().all(|entry| get(entry) == Scalar) => Column,
        ExprKind::Column(_) | ExprKind::Rows(_) => Matrix,
    }
}

fn transposed(value: Value) -> Value {
    match value {
        Column => Row,
        Row => Column,
        other => other,
    }
}

fn binary(op: BinaryOp, a: Value, b: Value) -> Value {
    match op {
        BinaryOp::Inner => Scalar,
        BinaryOp::Mul => match (a, b) {
            (Scalar, other) | (other, Scalar) => other,
            (Row, Column) => Scalar,
            (Column, Row) => Matrix,
            (Matrix, Column) => Column,
            (Row, Matrix) => Row,
            (Matrix, Matrix) => Matrix,
            _ => Unknown,
        },
        BinaryOp::Div | BinaryOp::Pow => a,
        BinaryOp::Solve => b,
        BinaryOp::Kron => match (a, b) {
            (Column, Column) => Column,
            (Row, Row) => Row,
            _ => Matrix,
        },
        _ => match (a, b) {
            (Scalar, other) | (other, Scalar) => other,
            (Unknown, other) => other,
            (known, _) => known,
        },
    }
}

fn call(function: &str, args: &[ExprId], get: &dyn Fn(&ExprId) -> Value) -> Value {
    let first = args.first().map_or(Unknown, get);
    let Some(known) = functions::find(function) else { return Unknown };
    match (known.group, known.canonical) {
        (_, "tr" | "det" | "logdet" | "dot") | (Group::Norms, _) => Scalar,
        (Group::Reductions, _) if args.len() == 1 => Scalar,
        (Group::Elementwise, _) => first,
        (_, "diag") => match first {
            Matrix => Column,
            Column => Matrix,
            _ => Unknown,
        },
        (_, "vec" | "eigvals" | "singvals" | "cross" | "unit" | "vector") => Column,
        (_, "rvec") => Row,
        (_, "transpose") => transposed(first),
        (_, "ones" | "zeros") if args.len() == 1 => Column,
        (Group::Constants | Group::LinearAlgebra | Group::Derivatives | Group::Shapes, _) => Matrix,
        _ => first,
    }
}

fn indexed(subscripts: &[Subscript]) -> Value {
    let kept = |subscript: Option<&Subscript>| !matches!(subscript, Some(Subscript::At(_)) | None);
    match (kept(subscripts.first()), kept(subscripts.get(1))) {
        (false, false) => Scalar,
        (true, false) => Column,
        (false, true) => Row,
        (true, true) => Matrix,
    }
}
