//! Julia and MATLAB (with Octave): arrays from 1, columns that are columns, loops where there are indices.

mod helpers;
mod language;

use matgrad_calculus::graph::{MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Rational, Reducer};

use crate::emit::{Text, Writer, decimal, level};
use crate::program::{Entry, Id, Op, Sub};
use crate::signature::{self, Head};
use crate::{CodeError, Function};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Matrices {
    Julia,
    Matlab,
}

use Matrices::{Julia, Matlab};

const JULIA_RESERVED: &[&str] = &[
    "baremodule",
    "begin",
    "break",
    "catch",
    "const",
    "continue",
    "do",
    "else",
    "elseif",
    "end",
    "export",
    "false",
    "finally",
    "for",
    "function",
    "global",
    "if",
    "import",
    "in",
    "let",
    "local",
    "macro",
    "module",
    "quote",
    "return",
    "struct",
    "true",
    "try",
    "using",
    "while",
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "sqrt",
    "abs",
    "sum",
    "prod",
    "maximum",
    "minimum",
    "norm",
    "dot",
    "det",
    "inv",
    "tr",
    "diag",
    "kron",
    "cross",
    "vec",
    "size",
    "zeros",
    "ones",
    "fill",
    "pi",
    "I",
    "length",
    "min",
    "max",
    "sign",
    "reshape",
    "reverse",
    "cumsum",
    "Symmetric",
    "Diagonal",
    "Matrix",
    "pinv",
    "svd",
    "div",
    "isodd",
    "float",
    "Int",
    "round",
];

const MATLAB_RESERVED: &[&str] = &[
    "break",
    "case",
    "catch",
    "classdef",
    "continue",
    "else",
    "elseif",
    "end",
    "for",
    "function",
    "global",
    "if",
    "otherwise",
    "parfor",
    "persistent",
    "return",
    "spmd",
    "switch",
    "try",
    "while",
    "exp",
    "log",
    "sin",
    "cos",
    "tan",
    "sqrt",
    "abs",
    "sum",
    "prod",
    "max",
    "min",
    "norm",
    "dot",
    "det",
    "inv",
    "trace",
    "diag",
    "kron",
    "cross",
    "size",
    "zeros",
    "ones",
    "pi",
    "eye",
    "numel",
    "length",
    "sign",
    "reshape",
    "cumsum",
    "pinv",
    "svd",
    "eig",
    "chol",
    "lu",
    "expm",
    "logm",
    "sqrtm",
    "real",
    "e",
    "i",
    "j",
    "inf",
    "Inf",
    "eps",
    "mean",
    "flip",
    "double",
    "gamma",
    "beta",
];

/// Writes a function.
pub(crate) fn write(mut function: Function, dialect: Matrices) -> Result<String, CodeError> {
    let head = Head::of(&mut function);
    let mut w = Writer::new(&mut function.program, &dialect);
    w.run()?;
    let mut results = Vec::new();
    for output in w.program.outputs.clone() {
        let code = w.text(output.id).code;
        if code == output.name {
            results.push(code);
            continue;
        }
        let name = w.fresh(&output.name);
        w.line(dialect.statement(format!("{name} = {code}")));
        results.push(name);
    }
    let axis = |input: &str, axis: usize| format!("size({input}, {})", axis + 1);
    let quotient = |a: &str, b: &str| dialect.exact(a, b);
    let sizes = signature::sizes(&mut w, axis, quotient)?;
    let body = std::mem::take(&mut w.lines);
    let helpers = std::mem::take(&mut w.helpers);
    let arguments: Vec<String> = w.input_names.iter().cloned().chain(sizes.parameters.iter().cloned()).collect();
    let comment = if dialect == Julia { "#" } else { "%" };
    let mut out = String::new();
    for line in &head.title {
        out.push_str(&format!("{comment} {line}\n"));
    }
    let describe = |out: &mut String, indent: &str| {
        for (own, input) in w.input_names.iter().zip(&head.inputs) {
            out.push_str(&format!("{indent}{comment} {own}: {}\n", dialect.shape(&input.shape)));
        }
        for (own, output) in results.iter().zip(&head.outputs) {
            out.push_str(&format!(
                "{indent}{comment} returns {own}: {}, {}\n",
                dialect.shape(&output.shape),
                output.comment
            ));
        }
    };
    let name = &head.name;
    match dialect {
        Julia => {
            out.push_str("\nusing LinearAlgebra\n");
            for import in helpers::imports(&helpers) {
                out.push_str(&format!("using {import}\n"));
            }
            for source in helpers::julia(&helpers) {
                out.push_str(&format!("\n{source}\n"));
            }
            out.push_str(&format!("\nfunction {name}({})\n", arguments.join(", ")));
        }
        Matlab => {
            out.push_str(&format!("\nfunction [{}] = {name}({})\n", results.join(", "), arguments.join(", ")));
        }
    }
    describe(&mut out, "    ");
    for line in sizes.lines {
        out.push_str(&format!("    {}\n", dialect.statement(line)));
    }
    for (depth, line) in body {
        out.push_str(&"    ".repeat(depth));
        out.push_str(&line);
        out.push('\n');
    }
    if dialect == Julia {
        out.push_str(&format!("    return {}\n", results.join(", ")));
    }
    out.push_str("end\n");
    if dialect == Matlab {
        for source in helpers::matlab(&helpers) {
            out.push_str(&format!("\n{source}\n"));
        }
    }
    Ok(out)
}

impl Matrices {
    fn statement(self, code: String) -> String {
        if self == Matlab { code + ";" } else { code }
    }

    fn exact(self, a: &str, b: &str) -> String {
        match self {
            Julia => format!("div({a}, {b})"),
            Matlab => format!("{a} / {b}"),
        }
    }

    fn shape(self, shape: &[String]) -> String {
        match (shape, self) {
            ([], _) => "scalar".to_owned(),
            ([n], Julia) => format!("vector of length {n}"),
            ([n], Matlab) => format!("column of {n} entries"),
            (many, _) => format!("{} array", many.join(" x ")),
        }
    }

    /// The operator that works entry by entry, where one side is an array.
    fn dotted(self, w: &Writer<'_>, operator: &str, id: Id) -> String {
        if w.program.is_scalar(id) { format!(" {operator} ") } else { format!(" .{operator} ") }
    }

    /// A function of the entries.
    fn broadcast(self, w: &Writer<'_>, name: &str, id: Id, args: &[String]) -> Text {
        let dot = if self == Julia && !w.program.is_scalar(id) { "." } else { "" };
        Text::atom(format!("{name}{dot}({})", args.join(", ")))
    }

    fn full(self, w: &mut Writer<'_>, value: &Rational, shape: &Shape) -> String {
        let mut dims: Vec<String> = shape.axes().iter().map(|d| w.dim_text(*d).code).collect();
        if self == Matlab && dims.len() == 1 {
            dims.push("1".to_owned());
        }
        let dims = dims.join(", ");
        match (self, value.is_zero(), value.is_one()) {
            (_, true, _) => format!("zeros({dims})"),
            (_, _, true) => format!("ones({dims})"),
            (Julia, ..) => format!("fill({}, {dims})", decimal(value, true).code),
            (Matlab, ..) => format!("{} * ones({dims})", decimal(value, false).at(level::UNARY)),
        }
    }

    fn all(self, w: &Writer<'_>, x: Id) -> String {
        match (self, w.program.shape(x)) {
            (Matlab, Shape::Matrix(..) | Shape::Tensor(_)) => {
                let code = w.code(x, level::ATOM);
                if code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
                    format!("{code}(:)")
                } else {
                    format!("reshape({code}, [], 1)")
                }
            }
            _ => w.code(x, 0),
        }
    }

    fn reduce(self, w: &mut Writer<'_>, op: Reducer, axis: Option<u8>, x: Id) -> Text {
        if op == Reducer::Mean && self == Julia {
            w.helpers.insert("Statistics");
        }
        if op == Reducer::LogSumExp {
            w.helpers.insert("logsumexp");
        }
        let name = match (op, self) {
            (Reducer::Sum, _) => "sum",
            (Reducer::Prod, _) => "prod",
            (Reducer::Mean, _) => "mean",
            (Reducer::Max, Julia) => "maximum",
            (Reducer::Min, Julia) => "minimum",
            (Reducer::Max, Matlab) => "max",
            (Reducer::Min, Matlab) => "min",
            (Reducer::LogSumExp, _) => "logsumexp_",
        };
        let Some(axis) = axis else {
            return Text::atom(format!("{name}({})", self.all(w, x)));
        };
        let (code, axis) = (w.code(x, 0), axis + 1);
        Text::atom(match (self, op) {
            (Julia, Reducer::LogSumExp) => {
                let slices = if axis == 1 { "eachcol" } else { "eachrow" };
                format!("[logsumexp_(s) for s in {slices}({code})]")
            }
            (Julia, _) => format!("vec({name}({code}, dims={axis}))"),
            (Matlab, Reducer::Max | Reducer::Min) => format!("reshape({name}({code}, [], {axis}), [], 1)"),
            (Matlab, _) => format!("reshape({name}({code}, {axis}), [], 1)"),
        })
    }

    fn entry(self, w: &mut Writer<'_>, function: Entry, id: Id, args: &[Id]) -> Result<Text, CodeError> {
        let codes: Vec<String> = args.iter().map(|a| w.code(*a, 0)).collect();
        let call = |w: &Writer<'_>, name: &str| self.broadcast(w, name, id, &codes);
        let op = match function {
            Entry::Log1p => return Ok(call(w, "log1p")),
            Entry::Expm1 => return Ok(call(w, "expm1")),
            Entry::Sqrt => return Ok(call(w, "sqrt")),
            Entry::Map(op) => op,
        };
        let special = |w: &mut Writer<'_>, julia: &'static str, matlab: &'static str| {
            if self == Julia {
                w.helpers.insert("SpecialFunctions");
            }
            call(w, if self == Julia { julia } else { matlab })
        };
        let helper = |w: &mut Writer<'_>, key: &'static str, name: &str| {
            w.helpers.insert(key);
            call(w, name)
        };
        Ok(match op {
            MapOp::Exp => call(w, "exp"),
            MapOp::Log => call(w, "log"),
            MapOp::Abs => call(w, "abs"),
            MapOp::Sign => call(w, "sign"),
            MapOp::Cbrt if self == Matlab => helper(w, "cbrt", "cbrt_"),
            MapOp::Cbrt => call(w, "cbrt"),
            MapOp::Sin => call(w, "sin"),
            MapOp::Cos => call(w, "cos"),
            MapOp::Tan => call(w, "tan"),
            MapOp::Asin => call(w, "asin"),
            MapOp::Acos => call(w, "acos"),
            MapOp::Atan => call(w, "atan"),
            MapOp::Sinh => call(w, "sinh"),
            MapOp::Cosh => call(w, "cosh"),
            MapOp::Tanh => call(w, "tanh"),
            MapOp::Asinh => call(w, "asinh"),
            MapOp::Acosh => call(w, "acosh"),
            MapOp::Atanh => call(w, "atanh"),
            MapOp::Sigmoid => helper(w, "sigmoid", "sigmoid_"),
            MapOp::Softplus => helper(w, "softplus", "softplus_"),
            MapOp::Relu => {
                let args = [codes[0].clone(), "0".to_owned()];
                self.broadcast(w, "max", id, &args)
            }
            MapOp::Erf => special(w, "erf", "erf"),
            MapOp::Gamma => special(w, "gamma", "gamma"),
            MapOp::Lgamma if self == Julia => {
                w.helpers.insert("SpecialFunctions");
                helper(w, "lgamma", "lgamma_")
            }
            MapOp::Lgamma => call(w, "gammaln"),
            MapOp::Polygamma(0) => special(w, "digamma", "psi"),
            MapOp::Polygamma(k) => {
                let args = [k.to_string(), codes[0].clone()];
                if self == Julia {
                    w.helpers.insert("SpecialFunctions");
                }
                self.broadcast(w, if self == Julia { "polygamma" } else { "psi" }, id, &args)
            }
            MapOp::Max => call(w, "max"),
            MapOp::Min => call(w, "min"),
            MapOp::Atan2 => call(w, if self == Julia { "atan" } else { "atan2" }),
            MapOp::Pow => {
                let operator = self.dotted(w, "^", id);
                Text::new(
                    format!("{}{operator}{}", w.code(args[0], level::ATOM), w.code(args[1], level::ATOM)),
                    level::POWER,
                )
            }
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => {
                let condition = self.compare(w, op, id, args);
                match (self, w.program.is_scalar(id)) {
                    (Julia, _) => Text::new(
                        format!("1.0 {} ({condition})", if w.program.is_scalar(id) { "*" } else { ".*" }),
                        level::PRODUCT,
                    ),
                    (Matlab, _) => Text::atom(format!("double({condition})")),
                }
            }
            MapOp::Where => {
                let condition = self.truth(w, id, args[0]);
                match self {
                    Julia if w.program.is_scalar(id) => Text::new(
                        format!("{condition} ? {} : {}", w.code(args[1], 1), w.code(args[2], 1)),
                        level::TERNARY,
                    ),
                    Julia => Text::atom(format!("ifelse.({condition}, {}, {})", codes[1], codes[2])),
                    Matlab => {
                        w.helpers.insert("where");
                        Text::atom(format!("where_({condition}, {}, {})", codes[1], codes[2]))
                    }
                }
            }
        })
    }

    fn compare(self, w: &Writer<'_>, op: MapOp, id: Id, args: &[Id]) -> String {
        let symbol = match (op, self) {
            (MapOp::Less, _) => "<",
            (MapOp::LessEq, _) => "<=",
            (MapOp::NotEqual, Matlab) => "~=",
            (MapOp::NotEqual, Julia) => "!=",
            _ => "==",
        };
        let dot = if self == Julia && !w.program.is_scalar(id) { "." } else { "" };
        format!("{} {dot}{symbol} {}", w.code(args[0], level::SUM), w.code(args[1], level::SUM))
    }

    fn truth(self, w: &Writer<'_>, wide: Id, id: Id) -> String {
        if let Op::Entry(Entry::Map(op @ (MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual))) =
            *w.program.op(id)
        {
            let args = w.program.node(id).args.clone();
            return self.compare(w, op, wide, &args);
        }
        let dot = if self == Julia && !w.program.is_scalar(wide) { "." } else { "" };
        let not = if self == Julia { "!=" } else { "~=" };
        format!("{} {dot}{not} 0", w.code(id, level::SUM))
    }

    fn matrix(self, w: &mut Writer<'_>, op: MatrixOp, args: &[Id]) -> Text {
        let x = w.code(args[0], 0);
        let e = args.get(1).map(|e| w.code(*e, 0)).unwrap_or_default();
        let call = |name: &str| Text::atom(format!("{name}({x})"));
        let mut helper = |key: &'static str, more: &str| {
            w.helpers.insert(key);
            Text::atom(format!("{key}_({x}{more})"))
        };
        let both =
            |julia: &str, matlab: &str| Text::atom(if self == Julia { julia.to_owned() } else { matlab.to_owned() });
        match op {
            MatrixOp::Inverse => call("inv"),
            MatrixOp::Det => call("det"),
            MatrixOp::LogDet if self == Julia => Text::atom(format!("logabsdet({x})[1]")),
            MatrixOp::LogDet => helper("logdet", ""),
            MatrixOp::Adjugate => helper("adjugate", ""),
            MatrixOp::Pinv => call("pinv"),
            MatrixOp::Cholesky => {
                both(&format!("Matrix(cholesky(Symmetric({x})).L)"), &format!("chol({x}, \"lower\")"))
            }
            MatrixOp::Expm => both(&format!("exp({x})"), &format!("expm({x})")),
            MatrixOp::Logm => both(&format!("real(log({x}))"), &format!("real(logm({x}))")),
            MatrixOp::Sqrtm => both(&format!("real(sqrt({x}))"), &format!("real(sqrtm({x}))")),
            MatrixOp::Eigvals => both(&format!("eigvals(Symmetric({x}))"), &format!("sort(eig({x}))")),
            MatrixOp::Eigvecs if self == Julia => Text::atom(format!("eigvecs(Symmetric({x}))")),
            MatrixOp::Eigvecs => helper("eigvecs", ""),
            MatrixOp::Singvals => both(&format!("svdvals({x})"), &format!("svd({x})")),
            MatrixOp::SvdU if self == Julia => Text::atom(format!("svd({x}).U")),
            MatrixOp::SvdU => helper("svdu", ""),
            MatrixOp::SvdV if self == Julia => Text::atom(format!("Matrix(svd({x}).V)")),
            MatrixOp::SvdV => helper("svdv", ""),
            MatrixOp::NormSpec => both(&format!("opnorm({x})"), &format!("norm({x}, 2)")),
            MatrixOp::NormNuc => both(&format!("sum(svdvals({x}))"), &format!("sum(svd({x}))")),
            MatrixOp::ExpmFrechet => helper("expm_frechet", &format!(", {e}")),
            MatrixOp::LogmFrechet => helper("logm_frechet", &format!(", {e}")),
            MatrixOp::SqrtmFrechet => helper("sqrtm_frechet", &format!(", {e}")),
        }
    }

    fn subscript(self, w: &mut Writer<'_>, id: Id, subs: &[Sub], args: &[Id]) -> Text {
        let mut base = w.code(args[0], level::ATOM);
        if self == Matlab && !base.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
            // only names can be indexed
            let name = w.temporary();
            w.line(format!("{name} = {};", w.code(args[0], 0)));
            base = name;
        }
        let mut parts: Vec<String> = Vec::new();
        for sub in subs {
            parts.push(match sub {
                Sub::All => ":".to_owned(),
                Sub::At(whole) => w.whole(whole, 0).code,
                Sub::Value(k) => match self {
                    Julia => format!("Int({})", w.code(args[*k], 0)),
                    Matlab => w.code(args[*k], 0),
                },
                Sub::Range(from, to) => {
                    format!("{}:{}", w.dim_text(*from).at(level::SUM), w.dim_text(*to).at(level::SUM))
                }
            });
        }
        let list = parts.join(", ");
        if self == Julia {
            return Text::atom(format!("{base}[{list}]"));
        }
        let tensor = w.program.shape(args[0]).axes().len() > 2;
        let column = matches!(w.program.shape(id), Shape::Column(_));
        let lying = subs.len() == 2 && matches!(subs[0], Sub::At(_) | Sub::Value(_));
        let code = format!("{base}({list})");
        Text::atom(match (tensor, column, lying) {
            (false, true, true) => format!("{code}.'"),
            (true, true, _) => format!("reshape({code}, [], 1)"),
            (true, false, _) => format!("squeeze({code})"),
            _ => code,
        })
    }
}
