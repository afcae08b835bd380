//! How Julia and MATLAB say what all targets say.

use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Rational, Reducer};

use super::Matrices::{self, Julia, Matlab};
use super::{JULIA_RESERVED, MATLAB_RESERVED};
use crate::CodeError;
use crate::emit::{Language, Text, Writer, decimal, level};
use crate::program::{Id, Op, Sub};

impl Language for Matrices {
    fn reserved(&self) -> &'static [&'static str] {
        if *self == Julia { JULIA_RESERVED } else { MATLAB_RESERVED }
    }

    fn node(&self, w: &mut Writer<'_>, id: Id) -> Result<Text, CodeError> {
        let node = w.program.node(id).clone();
        let args = node.args.clone();
        let scalar = node.shape == Shape::Scalar;
        let code = |w: &Writer<'_>, k: usize, level: u8| w.code(args[k], level);
        Ok(match &node.op {
            Op::Number(value) => decimal(value, false),
            Op::Pi => Text::atom("pi"),
            Op::Size(dim) => w.dim_text(*dim),
            Op::Index(index) => Text::atom(w.index_name(*index)),
            Op::Input(k) => Text::atom(w.input_names[*k as usize].clone()),
            Op::Full(value) => Text::new(self.full(w, value, &node.shape), level::PRODUCT),
            Op::Eye => {
                let n = code(w, 0, 0);
                Text::atom(if *self == Julia { format!("Matrix(1.0I, {n}, {n})") } else { format!("eye({n})") })
            }
            Op::Unit(at) => {
                let (n, at) = (code(w, 0, level::SUM), w.dim_text(*at).at(level::SUM));
                Text::new(
                    if *self == Julia {
                        format!("1.0 .* ((1:{n}) .== {at})")
                    } else {
                        format!("double((1:{n})' == {at})")
                    },
                    if *self == Julia { level::PRODUCT } else { level::ATOM },
                )
            }
            Op::Commutation(a, b) => {
                w.helpers.insert("commutation");
                let (a, b) = (w.dim_text(*a).code, w.dim_text(*b).code);
                Text::atom(format!("commutation_({a}, {b})"))
            }
            Op::Duplication(n) => {
                w.helpers.insert("duplication");
                Text::atom(format!("duplication_({})", w.dim_text(*n).code))
            }
            Op::Elimination(n) => {
                w.helpers.insert("elimination");
                Text::atom(format!("elimination_({})", w.dim_text(*n).code))
            }
            Op::Sum(signs) => {
                let mut order: Vec<usize> = (0..args.len()).collect();
                order.sort_by_key(|k| signs[*k]);
                let dot = if *self == Julia && !scalar { "." } else { "" };
                let mut sum = String::new();
                for k in order {
                    let part = code(w, k, level::PRODUCT);
                    match (sum.is_empty(), signs[k]) {
                        (true, false) => sum.push_str(&part),
                        (true, true) => sum.push_str(&format!("-{}", code(w, k, level::UNARY))),
                        (false, minus) => sum.push_str(&format!(" {dot}{} {part}", if minus { "-" } else { "+" })),
                    }
                }
                Text::new(sum, level::SUM)
            }
            Op::Mul => {
                let operator = self.dotted(w, "*", id);
                let parts: Vec<String> = args.iter().map(|a| w.code(*a, level::UNARY)).collect();
                Text::new(parts.join(&operator), level::PRODUCT)
            }
            Op::Div => {
                let operator = self.dotted(w, "/", id);
                Text::new(format!("{}{operator}{}", code(w, 0, level::UNARY), code(w, 1, level::UNARY)), level::PRODUCT)
            }
            Op::Neg => Text::new(format!("-{}", code(w, 0, level::PRODUCT)), level::PRODUCT),
            Op::Pow => {
                let operator = self.dotted(w, "^", id);
                Text::new(format!("{}{operator}{}", code(w, 0, level::ATOM), code(w, 1, level::ATOM)), level::POWER)
            }
            Op::Entry(function) => self.entry(w, *function, id, &args)?,
            Op::MatMul => {
                Text::new(format!("{} * {}", code(w, 0, level::UNARY), code(w, 1, level::UNARY)), level::PRODUCT)
            }
            Op::Outer => {
                Text::new(format!("{} * {}'", code(w, 0, level::UNARY), code(w, 1, level::ATOM)), level::PRODUCT)
            }
            Op::Dot => match (self, w.program.shape(args[0])) {
                (Julia, _) => Text::atom(format!("dot({}, {})", code(w, 0, 0), code(w, 1, 0))),
                (Matlab, Shape::Column(_)) => {
                    Text::new(format!("{}' * {}", code(w, 0, level::ATOM), code(w, 1, level::UNARY)), level::PRODUCT)
                }
                (Matlab, _) => Text::atom(format!(
                    "sum(reshape({} .* {}, [], 1))",
                    code(w, 0, level::UNARY),
                    code(w, 1, level::UNARY)
                )),
            },
            Op::ScaleRows => {
                Text::new(format!("{} .* {}", code(w, 0, level::UNARY), code(w, 1, level::UNARY)), level::PRODUCT)
            }
            Op::ScaleCols => {
                Text::new(format!("{} .* {}'", code(w, 1, level::UNARY), code(w, 0, level::ATOM)), level::PRODUCT)
            }
            Op::Transpose => Text::atom(format!("{}'", code(w, 0, level::ATOM))),
            Op::DiagMatrix if *self == Julia => Text::atom(format!("diagm({})", code(w, 0, 0))),
            Op::DiagMatrix | Op::DiagPart => Text::atom(format!("diag({})", code(w, 0, 0))),
            Op::Trace => Text::atom(format!("{}({})", if *self == Julia { "tr" } else { "trace" }, code(w, 0, 0))),
            Op::Vec => match self {
                Julia => Text::atom(format!("vec({})", code(w, 0, 0))),
                Matlab => Text::atom(format!("reshape({}, [], 1)", code(w, 0, 0))),
            },
            Op::Reshape => {
                let Shape::Matrix(rows, cols) = node.shape else { return Ok(w.text(args[0])) };
                let (rows, cols) = (w.dim_text(rows).code, w.dim_text(cols).code);
                Text::atom(format!("reshape({}, {rows}, {cols})", code(w, 0, 0)))
            }
            Op::Kron => Text::atom(format!("kron({}, {})", code(w, 0, 0), code(w, 1, 0))),
            Op::Cross => Text::atom(format!("cross({}, {})", code(w, 0, 0), code(w, 1, 0))),
            Op::Solve => {
                Text::new(format!("{} \\ {}", code(w, 0, level::ATOM), code(w, 1, level::ATOM)), level::PRODUCT)
            }
            Op::Norm => match (self, w.program.shape(args[0])) {
                (Matlab, Shape::Matrix(..)) => Text::atom(format!("norm({}, \"fro\")", code(w, 0, 0))),
                _ => Text::atom(format!("norm({})", code(w, 0, 0))),
            },
            Op::Matrix(op) => self.matrix(w, *op, &args),
            Op::Reduce(op, axis) => self.reduce(w, *op, *axis, args[0]),
            Op::Softmax(axis) => {
                w.helpers.insert("softmax");
                let axis = axis.map_or("0".to_owned(), |a| (a + 1).to_string());
                Text::atom(format!("softmax_({}, {axis})", code(w, 0, 0)))
            }
            Op::Cumulate { reverse } => {
                let x = code(w, 0, 0);
                Text::atom(match (self, reverse) {
                    (Julia, false) => format!("cumsum({x}, dims=1)"),
                    (Julia, true) => format!("reverse(cumsum(reverse({x}, dims=1), dims=1), dims=1)"),
                    (Matlab, false) => format!("cumsum({x}, 1)"),
                    (Matlab, true) => format!("flip(cumsum(flip({x}, 1), 1), 1)"),
                })
            }
            Op::Triangle { lower } => {
                Text::atom(format!("{}({})", if *lower { "tril" } else { "triu" }, code(w, 0, 0)))
            }
            Op::Blocks(plan) => {
                let mut at = 0;
                let mut rows = Vec::with_capacity(plan.len());
                for row in plan {
                    let parts: Vec<String> = row.iter().enumerate().map(|(k, _)| code(w, at + k, level::SUM)).collect();
                    at += row.len();
                    rows.push(if *self == Julia {
                        parts
                            .iter()
                            .map(|p| if p.contains(' ') { format!("({p})") } else { p.clone() })
                            .collect::<Vec<_>>()
                            .join(" ")
                    } else {
                        parts.join(", ")
                    });
                }
                Text::atom(format!("[{}]", rows.join("; ")))
            }
            Op::Subscript(subs) => self.subscript(w, id, subs, &args),
            Op::Delta(a, b) => {
                let (a, b) = (w.whole(a, 0).at(level::SUM), w.whole(b, 0).at(level::SUM));
                Text::atom(if *self == Julia { format!("Float64({a} == {b})") } else { format!("double({a} == {b})") })
            }
            Op::Epsilon(places) => {
                w.helpers.insert("levi_civita");
                let places: Vec<String> = places.iter().map(|p| w.whole(p, 0).code).collect();
                Text::atom(format!("levi_civita_([{}])", places.join(", ")))
            }
            Op::ReduceIndex(..) | Op::Tabulate(_) | Op::Rows(_) | Op::State(_) | Op::Item(..) | Op::Loop { .. } => {
                Text::atom("0")
            }
        })
    }

    fn assign(&self, w: &mut Writer<'_>, name: &str, code: &str, _id: Id) {
        w.line(self.statement(format!("{name} = {code}")));
    }

    fn update(&self, w: &mut Writer<'_>, name: &str, code: &str, _id: Id) {
        w.line(self.statement(format!("{name} = {code}")));
    }

    fn open_index(&self, w: &mut Writer<'_>, name: &str, start: i64, length: &str) {
        let end = match (length.parse::<i64>(), start) {
            (Ok(value), _) => (value + start - 1).to_string(),
            (Err(_), 1) => length.to_owned(),
            (Err(_), _) => format!("{length} + {}", start - 1).replace("+ -", "- "),
        };
        w.line(format!("for {name} = {start}:{end}"));
    }

    fn open_steps(&self, w: &mut Writer<'_>, place: &str, length: &str, backward: bool) {
        w.line(if backward { format!("for {place} = {length}:-1:1") } else { format!("for {place} = 1:{length}") });
    }

    fn close(&self, w: &mut Writer<'_>) {
        w.line("end");
    }

    fn open_if(&self, w: &mut Writer<'_>, condition: &str) {
        w.line(format!("if {condition}"));
    }

    fn condition(&self, w: &mut Writer<'_>, id: Id) -> Result<String, CodeError> {
        Ok(self.truth(w, id, id))
    }

    fn start(&self, w: &mut Writer<'_>, name: &str, op: Reducer, body: Id) {
        let infinity = "Inf";
        let first = match op {
            Reducer::Sum | Reducer::Mean if body != Id(u32::MAX) && !w.program.is_scalar(body) => {
                let shape = w.program.shape(body).clone();
                let upright = match shape {
                    Shape::Row(n) => Shape::Matrix(w.program.sizes.constant(1), n),
                    other => other,
                };
                self.full(w, &Rational::ZERO, &upright)
            }
            Reducer::Sum | Reducer::Mean => "0.0".to_owned(),
            Reducer::Prod => "1.0".to_owned(),
            Reducer::Max | Reducer::LogSumExp => format!("-{infinity}"),
            Reducer::Min => infinity.to_owned(),
        };
        w.line(self.statement(format!("{name} = {first}")));
    }

    fn accumulate(&self, w: &mut Writer<'_>, name: &str, op: Reducer, code: &str, _body: Id) {
        let line = match op {
            Reducer::Sum | Reducer::Mean => format!("{name} = {name} + {code}"),
            Reducer::Prod => format!("{name} = {name} * ({code})"),
            Reducer::Max => format!("{name} = max({name}, {code})"),
            Reducer::Min => format!("{name} = min({name}, {code})"),
            Reducer::LogSumExp => {
                w.helpers.insert("logsumexp");
                format!("{name} = logsumexp_([{name}; {code}])")
            }
        };
        w.line(self.statement(line));
    }

    fn finish(&self, w: &mut Writer<'_>, name: &str, op: Reducer, count: Option<&str>, _body: Id) {
        if let (Reducer::Mean, Some(count)) = (op, count) {
            w.line(self.statement(format!("{name} = {name} / ({count})")));
        }
    }

    fn allocate(&self, w: &mut Writer<'_>, name: &str, shape: &Shape) {
        let zeros = self.full(w, &Rational::ZERO, shape);
        w.line(self.statement(format!("{name} = {zeros}")));
    }

    fn store(&self, w: &mut Writer<'_>, name: &str, shape: &Shape, places: &[String], code: &str, _body: Id) {
        let mut places: Vec<String> =
            places.iter().map(|p| p.strip_prefix('@').map_or_else(|| p.clone(), str::to_owned)).collect();
        let rank = shape.axes().len();
        places.extend(std::iter::repeat_n(":".to_owned(), rank.saturating_sub(places.len())));
        let list = places.join(", ");
        w.line(if *self == Julia { format!("{name}[{list}] = {code}") } else { format!("{name}({list}) = {code};") });
    }

    fn is_cheap(&self, w: &Writer<'_>, id: Id) -> bool {
        match w.program.op(id) {
            Op::Number(_) | Op::Pi | Op::Size(_) | Op::Index(_) | Op::Input(_) | Op::State(_) | Op::Item(..) => true,
            Op::Transpose => w.text(id).code.len() < 10,
            Op::Neg => w.program.is_scalar(id) && w.text(id).code.len() < 12,
            Op::Subscript(subs) => subs.iter().all(|s| matches!(s, Sub::At(_))) && w.text(id).code.len() < 16,
            _ => false,
        }
    }

    fn exact_quotient(&self, numerator: &str, denominator: &str) -> String {
        self.exact(numerator, denominator)
    }

    fn item(&self, w: &mut Writer<'_>, sequence: Id, place: &str) -> String {
        let base = w.code(sequence, level::ATOM);
        match (w.program.shape(sequence).axes().len(), self) {
            (0, _) => base,
            (1, Julia) => format!("{base}[{place}]"),
            (1, Matlab) => format!("{base}({place})"),
            (2, Julia) => format!("{base}[{place}, :]"),
            (2, Matlab) => format!("{base}({place}, :).'"),
            (_, Julia) => format!("{base}[{place}, :, :]"),
            (_, Matlab) => format!("squeeze({base}({place}, :, :))"),
        }
    }
}
