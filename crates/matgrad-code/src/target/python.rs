//! NumPy, JAX, PyTorch and dask: one way of writing, four vocabularies.

mod dask;
mod einsum;
mod helpers;
mod language;
mod mesh;
mod module;
mod names;
mod wide;

pub(crate) use module::write;

use matgrad_calculus::graph::MatrixOp;
use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use crate::CodeError;
use crate::emit::{Text, Writer, decimal, level};
use crate::program::{Entry, Id, Op, Sub, Whole};

/// Which library computes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Python {
    Numpy,
    Jax,
    Torch,
    Dask,
}

const RESERVED: &[&str] = &[
    "False",
    "None",
    "True",
    "and",
    "as",
    "assert",
    "async",
    "await",
    "break",
    "class",
    "continue",
    "def",
    "del",
    "elif",
    "else",
    "except",
    "finally",
    "for",
    "from",
    "global",
    "if",
    "import",
    "in",
    "is",
    "lambda",
    "nonlocal",
    "not",
    "or",
    "pass",
    "raise",
    "return",
    "try",
    "while",
    "with",
    "yield",
    "np",
    "jnp",
    "jax",
    "torch",
    "scipy",
    "math",
    "range",
    "min",
    "max",
    "len",
    "sum",
    "print",
    "float",
    "int",
    "list",
    "reversed",
    "numpy",
    "special",
    "linalg",
    "dask",
    "da",
    "functools",
    "mesh",
    "place",
];

impl Python {
    fn import(self) -> &'static str {
        match self {
            Python::Numpy => "import numpy as np",
            Python::Jax => "import jax\nimport jax.numpy as jnp",
            Python::Torch => "import torch",
            Python::Dask => "import dask\nimport dask.array as da\nimport numpy as np",
        }
    }

    pub(super) fn module(self) -> &'static str {
        match self {
            Python::Numpy => "np",
            Python::Jax => "jnp",
            Python::Torch => "torch",
            Python::Dask => "da",
        }
    }

    fn shape(self, shape: &[String]) -> String {
        match shape {
            [] => "scalar".to_owned(),
            [n] => format!("array of shape ({n},)"),
            many => format!("array of shape ({})", many.join(", ")),
        }
    }

    /// Whether a node is a number of Python itself, not an array of the library.
    pub(super) fn is_host(self, w: &Writer<'_>, id: Id) -> bool {
        let mut todo = vec![id];
        while let Some(id) = todo.pop() {
            let node = w.program.node(id);
            if node.shape != Shape::Scalar {
                return false;
            }
            match &node.op {
                Op::Number(_) | Op::Pi | Op::Size(_) | Op::Index(_) => {}
                Op::Sum(_) | Op::Mul | Op::Div | Op::Neg | Op::Pow => todo.extend(node.args.iter().copied()),
                _ => return false,
            }
        }
        true
    }

    /// The code of a node as an array of the library.
    pub(super) fn array(self, w: &Writer<'_>, id: Id) -> String {
        let code = w.code(id, level::TERNARY);
        if self == Python::Torch && self.is_host(w, id) {
            return format!("torch.tensor({code}, dtype=torch.float64)");
        }
        code
    }

    fn axis(self, axis: i32) -> String {
        format!("{}={axis}", self.axis_word())
    }

    pub(super) fn axis_word(self) -> &'static str {
        if self == Python::Torch { "dim" } else { "axis" }
    }

    fn new_array(self, function: &str, args: &str) -> String {
        match self {
            Python::Torch => format!("torch.{function}({args}, dtype=torch.float64)"),
            _ => format!("{}.{function}({args})", self.module()),
        }
    }

    fn full(self, w: &mut Writer<'_>, value: &matgrad_syntax::Rational, shape: &Shape) -> String {
        let dims: Vec<String> = shape.axes().iter().map(|d| w.dim_text(*d).code).collect();
        let tuple = match dims.as_slice() {
            [one] => one.clone(),
            many => format!("({})", many.join(", ")),
        };
        if value.is_zero() {
            return self.new_array("zeros", &tuple);
        }
        if value.is_one() {
            return self.new_array("ones", &tuple);
        }
        let tuple = if let [one] = dims.as_slice() { format!("({one},)") } else { tuple };
        self.new_array("full", &format!("{tuple}, {}", decimal(value, true).code))
    }

    fn transposed(self, w: &Writer<'_>, id: Id) -> Text {
        match w.program.shape(id) {
            Shape::Matrix(..) => Text::atom(format!("{}.T", w.code(id, level::ATOM))),
            _ => w.text(id),
        }
    }

    /// An array as a matrix.
    fn two_dimensional(self, w: &Writer<'_>, id: Id) -> String {
        match w.program.shape(id) {
            Shape::Column(_) => format!("{}[:, None]", w.code(id, level::ATOM)),
            _ if matches!(w.program.op(id), Op::Transpose)
                && matches!(w.program.shape(w.program.args(id)[0]), Shape::Column(_)) =>
            {
                format!("{}[None, :]", w.code(id, level::ATOM))
            }
            Shape::Row(_) => format!("{}[None, :]", w.code(id, level::ATOM)),
            _ => w.code(id, level::TERNARY),
        }
    }

    fn entry(self, w: &mut Writer<'_>, function: Entry, args: &[Id]) -> Result<Text, CodeError> {
        names::entry(self, w, function, args)
    }

    fn matrix(self, w: &mut Writer<'_>, op: MatrixOp, args: &[Id]) -> Result<Text, CodeError> {
        names::matrix(self, w, op, args)
    }

    fn reduce(self, w: &mut Writer<'_>, op: Reducer, axis: Option<u8>, x: Id) -> Text {
        let (code, m) = (w.code(x, level::TERNARY), self.module());
        let name = match op {
            Reducer::Sum => "sum",
            Reducer::Prod => "prod",
            Reducer::Mean => "mean",
            Reducer::Max => "max",
            Reducer::Min => "min",
            Reducer::LogSumExp => return Text::atom(self.logsumexp(w, &code, axis, w.program.shape(x).axes().len())),
        };
        Text::atom(match (axis, self, op) {
            (None, ..) => format!("{m}.{name}({code})"),
            (Some(axis), Python::Torch, Reducer::Max | Reducer::Min) => format!("torch.a{name}({code}, dim={axis})"),
            (Some(axis), ..) => format!("{m}.{name}({code}, {})", self.axis(i32::from(axis))),
        })
    }

    fn logsumexp(self, w: &mut Writer<'_>, code: &str, axis: Option<u8>, rank: usize) -> String {
        match self {
            Python::Numpy => {
                w.helpers.insert("special");
                match axis {
                    None => format!("special.logsumexp({code})"),
                    Some(axis) => format!("special.logsumexp({code}, axis={axis})"),
                }
            }
            Python::Dask => {
                w.helpers.insert("_logsumexp");
                match axis {
                    None => format!("_logsumexp({code})"),
                    Some(axis) => format!("_logsumexp({code}, axis={axis})"),
                }
            }
            Python::Jax => match axis {
                None => format!("jax.nn.logsumexp({code})"),
                Some(axis) => format!("jax.nn.logsumexp({code}, axis={axis})"),
            },
            Python::Torch => match axis {
                Some(axis) => format!("torch.logsumexp({code}, dim={axis})"),
                None if rank == 1 => format!("torch.logsumexp({code}, dim=0)"),
                None => format!("torch.logsumexp({code}, dim=(0, 1))"),
            },
        }
    }

    fn subscript(self, w: &mut Writer<'_>, subs: &[Sub], args: &[Id]) -> Text {
        let base = w.code(args[0], level::ATOM);
        let last = subs.iter().rposition(|sub| *sub != Sub::All).map_or(0, |k| k + 1);
        let mut parts: Vec<String> = Vec::new();
        for sub in &subs[..last] {
            parts.push(match sub {
                Sub::All => ":".to_owned(),
                Sub::At(whole) => w.whole(whole, -1).code,
                // inside `jit` it is no number yet
                Sub::Value(k) if self == Python::Jax => {
                    format!("jnp.asarray({}).astype(int) - 1", w.code(args[*k], level::TERNARY))
                }
                Sub::Value(k) => format!("int({}) - 1", w.code(args[*k], level::TERNARY)),
                Sub::Range(from, to) => {
                    let (from, to) = (w.dim_plus(*from, -1), w.dim_text(*to).code);
                    format!("{}:{to}", if from == "0" { String::new() } else { from })
                }
            });
        }
        Text::atom(format!("{base}[{}]", parts.join(", ")))
    }

    fn blocks(
        self,
        w: &mut Writer<'_>,
        plan: &[Vec<(matgrad_calculus::graph::Dim, matgrad_calculus::graph::Dim)>],
        id: Id,
    ) -> Text {
        let args = w.program.node(id).args.clone();
        let shape = w.program.shape(id).clone();
        let m = self.module();
        let mut at = 0;
        if matches!(shape, Shape::Column(_)) {
            let scalar = args.iter().all(|a| w.program.is_scalar(*a));
            let parts: Vec<String> = args
                .iter()
                .map(|a| match (scalar, w.program.is_scalar(*a)) {
                    (true, _) => self.array_item(w, *a),
                    (false, true) => match self {
                        Python::Torch => format!("{}.reshape(1)", Text::atom(self.array(w, *a)).at(level::ATOM)),
                        _ => format!("[{}]", w.code(*a, level::TERNARY)),
                    },
                    (false, false) => w.code(*a, level::TERNARY),
                })
                .collect();
            let list = parts.join(", ");
            return Text::atom(match (scalar, self) {
                (true, Python::Torch) => format!("torch.stack([{list}])"),
                (true, _) if parts.iter().all(|p| p.chars().all(|c| c.is_ascii_digit() || c == '-')) => {
                    format!("{m}.array([{list}], dtype=float)")
                }
                (true, _) => format!("{m}.array([{list}])"),
                (false, Python::Torch) => format!("torch.cat([{list}])"),
                (false, Python::Numpy) => format!("np.concatenate([{list}])"),
                (false, Python::Dask) => format!("da.concatenate([{list}])"),
                (false, Python::Jax) => {
                    let list: Vec<String> = parts
                        .iter()
                        .map(|p| if p.starts_with('[') { format!("jnp.array({p})") } else { p.clone() })
                        .collect();
                    format!("jnp.concatenate([{}])", list.join(", "))
                }
            });
        }
        let mut rows = Vec::with_capacity(plan.len());
        let scalars = args.iter().all(|a| w.program.is_scalar(*a));
        for row in plan {
            let mut parts = Vec::with_capacity(row.len());
            for _ in row {
                let arg = args[at];
                at += 1;
                parts.push(if scalars {
                    self.array_item(w, arg)
                } else {
                    match w.program.shape(arg) {
                        Shape::Scalar if self == Python::Torch => format!("{}.reshape(1, 1)", self.array(w, arg)),
                        Shape::Scalar => format!("{m}.array([[{}]])", w.code(arg, level::TERNARY)),
                        _ => self.two_dimensional(w, arg),
                    }
                });
            }
            rows.push(if scalars || self != Python::Torch {
                if scalars && self == Python::Torch {
                    format!("torch.stack([{}])", parts.join(", "))
                } else {
                    format!("[{}]", parts.join(", "))
                }
            } else if parts.len() == 1 {
                parts.remove(0)
            } else {
                format!("torch.cat([{}], dim=1)", parts.join(", "))
            });
        }
        let list = rows.join(", ");
        Text::atom(match (scalars, self) {
            (true, Python::Torch) => format!("torch.stack([{list}])"),
            (false, Python::Torch) => format!("torch.cat([{list}])"),
            (true, _) => format!("{m}.array([{list}], dtype=float)"),
            (false, _) => format!("{m}.block([{list}])"),
        })
    }

    /// A scalar among others of a literal array.
    fn array_item(self, w: &Writer<'_>, id: Id) -> String {
        if self == Python::Torch { self.array(w, id) } else { w.code(id, level::TERNARY) }
    }

    /// A comparison as a condition; anything else compared with 0.
    fn truth(self, w: &mut Writer<'_>, id: Id) -> Text {
        if let Op::Entry(Entry::Map(op)) = *w.program.op(id)
            && let Some(symbol) = names::comparison(op)
        {
            let args = w.program.node(id).args.clone();
            let (a, b) = (w.code(args[0], level::SUM), w.code(args[1], level::SUM));
            return Text::new(format!("{a} {symbol} {b}"), level::COMPARISON);
        }
        Text::new(format!("{} != 0", w.code(id, level::SUM)), level::COMPARISON)
    }
}

/// A sum of texts with signs, plus first.
pub(super) fn signed_sum(signs: &[bool], texts: &[Text]) -> Text {
    let mut order: Vec<usize> = (0..texts.len()).collect();
    order.sort_by_key(|k| signs[*k]);
    let mut code = String::new();
    for k in order {
        let part = texts[k].at(level::PRODUCT);
        match (code.is_empty(), signs[k]) {
            (true, false) => code.push_str(&part),
            (true, true) => code.push_str(&format!("-{}", texts[k].at(level::UNARY))),
            (false, minus) => {
                code.push_str(if minus { " - " } else { " + " });
                code.push_str(&part);
            }
        }
    }
    Text::new(code, level::SUM)
}

/// The single index of a subscript that is this index alone, and what is added to it.
pub(super) fn alone(whole: &Whole) -> Option<u32> {
    match whole.indices.as_slice() {
        [(index, 1)] => Some(*index),
        _ => None,
    }
}
