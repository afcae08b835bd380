//! dask: arrays in chunks. What works chunk by chunk is written as for NumPy; functions of whole matrices are one task of
//! NumPy's each, where their arguments are in one piece, and refused where they are not.

use matgrad_calculus::graph::{Dim, MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;

use super::{Python, names};
use crate::CodeError;
use crate::emit::{Text, Writer, level};
use crate::program::{Entry, Id, Op, Sub};

/// What the function that computes nothing yet says of itself.
pub(super) const LAZY: &str = "The same as arrays of dask, nothing of which is computed yet.";

/// Each argument with its chunks: in parts along one axis, in one piece along the others.
pub(super) fn lay(w: &Writer<'_>, names: &[String]) -> Vec<String> {
    let program = &*w.program;
    let sharding = &program.sharding;
    let rank = |k: usize| program.inputs[k].shape.axes().len();
    // those that others follow come first
    let mut order: Vec<usize> = (0..names.len()).filter(|k| rank(*k) > 0).collect();
    order.sort_by_key(|k| !sharding.is_asked(*k));
    let mut lines = Vec::new();
    for k in order {
        let name = &names[k];
        let Some(axis) = sharding.along(k) else {
            lines.push(format!("{name} = _lay({name})"));
            continue;
        };
        let leader = program.inputs[k].shape.axes().get(axis).and_then(|d| sharding.leader(program, *d));
        match leader.filter(|leader| *leader != k) {
            Some(leader) => {
                let along = sharding.along(leader).unwrap_or(0);
                lines.push(format!("{name} = _lay({name}, {axis}, {}.chunks[{along}])", names[leader]));
            }
            None => lines.push(format!("{name} = _lay({name}, {axis})")),
        }
    }
    lines
}

/// What dask says otherwise than NumPy, or not at all.
pub(super) fn node(w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
    let node = w.program.node(id).clone();
    let args = node.args.clone();
    let spread = |w: &Writer<'_>, id: Id| w.program.sharding.is_spread(w.program, id);
    let any = args.iter().any(|a| spread(w, *a));
    let code = |w: &Writer<'_>, k: usize| w.code(args[k], level::TERNARY);
    Ok(Some(match &node.op {
        Op::Unit(at) => {
            let (n, at) = (code(w, 0), w.dim_plus(*at, -1));
            Text::atom(format!("da.where(da.arange({n}) == {at}, 1.0, 0.0)"))
        }
        Op::Commutation(a, b) => {
            let sizes = format!("{}, {}", w.dim_text(*a).code, w.dim_text(*b).code);
            constant(w, id, "_commutation", &sizes)?
        }
        Op::Duplication(n) => {
            let n = w.dim_text(*n).code;
            constant(w, id, "_duplication", &n)?
        }
        Op::Elimination(n) => {
            let n = w.dim_text(*n).code;
            constant(w, id, "_elimination", &n)?
        }
        Op::Kron if any => return Err(in_parts("a Kronecker product")),
        Op::Kron => {
            let flat = args.iter().all(|a| matches!(w.program.shape(*a), Shape::Column(_)));
            let piece = |w: &Writer<'_>, a: Id| match flat {
                true => w.code(a, level::TERNARY),
                false => Python::Dask.two_dimensional(w, a),
            };
            let both = [piece(w, args[0]), piece(w, args[1])];
            whole(w, id, "np.kron", &both)
        }
        Op::Cross => whole(w, id, "np.cross", &[code(w, 0), code(w, 1)]),
        Op::Solve if spread(w, args[0]) => return Err(in_parts("the solution of a linear system")),
        Op::Solve if any => {
            w.helpers.insert("_solve");
            Text::atom(format!("_solve({}, {})", code(w, 0), code(w, 1)))
        }
        Op::Solve => whole(w, id, "np.linalg.solve", &[code(w, 0), code(w, 1)]),
        Op::Matrix(op) => matrix(w, id, *op, &args, any)?,
        Op::Softmax(axis) => {
            w.helpers.insert("_softmax");
            let axis = axis.map_or(String::new(), |axis| format!(", axis={axis}"));
            Text::atom(format!("_softmax({}{axis})", code(w, 0)))
        }
        Op::Blocks(plan) => blocks(w, plan, id),
        Op::Subscript(subs) if subs.iter().any(|sub| matches!(sub, Sub::Value(_))) => {
            return Err(CodeError::new("dask takes no entry at a place that is a value itself"));
        }
        Op::Entry(Entry::Map(MapOp::Polygamma(k))) if *k > 0 => {
            w.helpers.insert("special");
            let x = code(w, 0);
            Text::atom(format!("da.map_blocks(lambda t: special.polygamma({k}, t), da.asarray({x}), dtype=float)"))
        }
        Op::Loop { .. } => return Err(CodeError::new("dask has no loop over steps (`fold`, `scan`)")),
        _ => return Ok(None),
    }))
}

/// Why index notation stays without a program.
pub(super) fn no_region() -> CodeError {
    CodeError::new("an index sum or table here is no operation on whole arrays, and dask has no loop over entries")
}

fn in_parts(what: &str) -> CodeError {
    CodeError::new(format!("dask cannot compute {what} of an array that lies in parts"))
}

/// A constant matrix of the language.
fn constant(w: &mut Writer<'_>, id: Id, helper: &'static str, sizes: &str) -> Result<Text, CodeError> {
    if w.program.sharding.is_spread(w.program, id) {
        return Err(in_parts("the commutation, duplication or elimination matrix"));
    }
    w.helpers.insert(helper);
    Ok(Text::atom(format!("da.from_array({helper}({sizes}))")))
}

/// A function of NumPy's as one task.
fn whole(w: &mut Writer<'_>, id: Id, function: &str, args: &[String]) -> Text {
    w.helpers.insert("_whole");
    let dims: Vec<Dim> = w.program.shape(id).axes().to_vec();
    let dims: Vec<String> = dims.into_iter().map(|d| w.dim_text(d).code).collect();
    let shape = match dims.as_slice() {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(", ")),
    };
    Text::atom(format!("_whole({function}, {shape}, {})", args.join(", ")))
}

/// A function of a matrix.
fn matrix(w: &mut Writer<'_>, id: Id, op: MatrixOp, args: &[Id], spread: bool) -> Result<Text, CodeError> {
    let codes: Vec<String> = args.iter().map(|a| w.code(*a, level::TERNARY)).collect();
    let x = codes.first().cloned().unwrap_or_default();
    if spread {
        // a tall or wide matrix in parts has a thin decomposition
        return Ok(Text::atom(match op {
            MatrixOp::Singvals => format!("da.linalg.svd({x})[1]"),
            MatrixOp::SvdU => format!("da.linalg.svd({x})[0]"),
            MatrixOp::SvdV => format!("da.linalg.svd({x})[2].T"),
            MatrixOp::NormSpec => format!("da.max(da.linalg.svd({x})[1])"),
            MatrixOp::NormNuc => format!("da.sum(da.linalg.svd({x})[1])"),
            _ => return Err(in_parts(&format!("`{}`", name(op)))),
        }));
    }
    // NumPy's word for it, of arguments that are named
    let names = ["x", "e"];
    let before: Vec<Option<Text>> =
        args.iter().zip(names).map(|(a, name)| w.texts.insert(*a, Text::atom(name))).collect();
    let written = names::matrix(Python::Numpy, w, op, args);
    for (arg, text) in args.iter().zip(before) {
        if let Some(text) = text {
            w.texts.insert(*arg, text);
        }
    }
    let words = &names[..args.len().min(2)];
    let function = format!("lambda {}: {}", words.join(", "), written?.code);
    let plain = function.strip_prefix("lambda x: ").and_then(|call| call.strip_suffix("(x)"));
    let function = plain.filter(|name| !name.contains('(')).map_or(function.clone(), str::to_owned);
    Ok(whole(w, id, &function, &codes))
}

/// The name of a function in the language.
fn name(op: MatrixOp) -> &'static str {
    match op {
        MatrixOp::Inverse => "inv",
        MatrixOp::Det => "det",
        MatrixOp::LogDet => "logdet",
        MatrixOp::Adjugate => "adj",
        MatrixOp::Pinv => "pinv",
        MatrixOp::Cholesky => "chol",
        MatrixOp::Expm => "expm",
        MatrixOp::Logm => "logm",
        MatrixOp::Sqrtm => "sqrtm",
        MatrixOp::Eigvals => "eigvals",
        MatrixOp::Eigvecs => "eigvecs",
        MatrixOp::ExpmFrechet => "expm_frechet",
        MatrixOp::LogmFrechet => "logm_frechet",
        MatrixOp::SqrtmFrechet => "sqrtm_frechet",
        MatrixOp::Singvals | MatrixOp::SvdU | MatrixOp::SvdV => "svd",
        MatrixOp::NormSpec | MatrixOp::NormNuc => "norm",
    }
}

fn blocks(w: &mut Writer<'_>, plan: &[Vec<(Dim, Dim)>], id: Id) -> Text {
    let args = w.program.node(id).args.clone();
    let number = |w: &Writer<'_>, a: Id| format!("da.asarray({}, dtype=float)", w.code(a, level::TERNARY));
    let scalars = args.iter().all(|a| w.program.is_scalar(*a));
    if matches!(w.program.shape(id), Shape::Column(_)) {
        let parts: Vec<String> = args
            .iter()
            .map(|a| match w.program.is_scalar(*a) {
                true if scalars => number(w, *a),
                true => format!("{}.reshape(1)", number(w, *a)),
                false => w.code(*a, level::TERNARY),
            })
            .collect();
        let function = if scalars { "stack" } else { "concatenate" };
        return Text::atom(format!("da.{function}([{}])", parts.join(", ")));
    }
    let mut at = args.iter();
    let rows: Vec<String> = plan
        .iter()
        .map(|row| {
            let parts: Vec<String> = at
                .by_ref()
                .take(row.len())
                .map(|a| match w.program.is_scalar(*a) {
                    true => format!("{}.reshape(1, 1)", number(w, *a)),
                    false => Python::Dask.two_dimensional(w, *a),
                })
                .collect();
            format!("[{}]", parts.join(", "))
        })
        .collect();
    Text::atom(format!("da.block([{}])", rows.join(", ")))
}

/// The helpers that only dask needs.
pub(super) fn source(name: &str) -> Option<&'static str> {
    Some(match name {
        "_lay" => {
            r#"def _lay(array, axis=None, chunks="auto"):
    """An array whose chunks lie along this axis; without one it is a single piece."""
    array = da.asarray(array)
    if axis is not None and chunks == "auto" and len(array.chunks[axis]) > 1:
        chunks = array.chunks[axis]
    return array.rechunk({k: chunks if k == axis else -1 for k in range(array.ndim)})"#
        }
        "_whole" => {
            r#"def _whole(function, shape, *arguments):
    """A function of arrays that are single pieces, as one task."""
    return da.from_delayed(dask.delayed(function, pure=True)(*arguments), shape=shape, dtype=float)"#
        }
        "_solve" => {
            r#"def _solve(a, b):
    """The solutions of linear systems whose right sides lie in chunks side by side."""
    return da.blockwise(np.linalg.solve, "ij", a, "ik", b.rechunk({0: -1}), "kj", concatenate=True, dtype=float)"#
        }
        "_logsumexp" => {
            r#"def _logsumexp(x, axis=None, keepdims=False):
    """log(sum(exp(x))), chunk by chunk: the same of what comes out of the chunks is the result."""
    return da.reduction(da.asarray(x), special.logsumexp, special.logsumexp, axis=axis, keepdims=keepdims, dtype=float)"#
        }
        "_softmax" => {
            r#"def _softmax(x, axis=None):
    """exp(x) with the sum 1."""
    return da.exp(x - _logsumexp(x, axis=axis, keepdims=True))"#
        }
        _ => return None,
    })
}
