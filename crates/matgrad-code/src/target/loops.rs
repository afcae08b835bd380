//! C and Rust: arrays row by row in memory that is asked for once, and loops over their entries.
//!
//! The text of an array is the text of an entry: `@k` stands for its place in memory, `@i` and `@j` for its row and column.
//! What works entry by entry is put into the loop of its reader; a transpose, a diagonal or an outer product is a way of
//! counting. Everything else has a name.

mod helpers;

use matgrad_calculus::graph::{Dim, MapOp, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::{Rational, Reducer};
use rustc_hash::FxHashSet;

use crate::emit::{Language, Text, Writer, decimal, level, zero_based};
use crate::program::{Entry, Id, Op, Program, Sub};
use crate::signature::{Described, Head};
use crate::{CodeError, Function};

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    C,
    Rust,
}

use Kind::{C, Rust};

const C_RESERVED: &[&str] = &[
    "auto", "break", "case", "char", "const", "continue", "default", "do", "double", "else", "enum", "extern", "float",
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof", "static",
    "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "exp", "log", "sin", "cos", "tan",
    "sqrt", "fabs", "pow", "gamma", "erf", "y0", "y1", "yn", "j0", "j1", "jn", "size_t", "calloc", "free", "ok", "inverse",
    "index", "abs", "fmax", "fmin", "main", "i_", "j_", "k_", "I", "signbit", "div", "time",
];

const RUST_RESERVED: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn", "for",
    "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self", "static",
    "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", "abstract", "become", "box", "do", "final",
    "macro", "override", "priv", "try", "typeof", "unsized", "virtual", "yield", "gen", "i_", "j_", "k_", "f64", "usize",
    "vec", "std", "main", "Vec", "union", "_",
];

/// Writes one of the two.
pub(crate) struct Loops {
    kind: Kind,
    /// Nodes that have to be arrays in memory.
    stored: FxHashSet<Id>,
}

/// Writes a function.
pub(crate) fn write(mut function: Function, kind: Kind) -> Result<String, CodeError> {
    let head = Head::of(&mut function);
    let stored = stored(&function.program);
    let language = Loops { kind, stored };
    let mut w = Writer::new(&mut function.program, &language);
    let mut names = Vec::new();
    for output in w.program.outputs.clone() {
        names.push(w.fresh(&output.name));
    }
    // every dimension is an argument
    for k in 0..w.program.inputs.len() {
        for dim in w.program.inputs[k].shape.axes() {
            w.dim(dim);
        }
    }
    w.run()?;
    let outputs = w.program.outputs.clone();
    for (output, name) in outputs.iter().zip(&names) {
        let (code, shape) = (w.text(output.id).code, w.program.shape(output.id).clone());
        match (&shape, kind) {
            (Shape::Scalar, C) => w.line(format!("*{name} = {code};")),
            (Shape::Scalar, Rust) => w.line(format!("let {name} = {code};")),
            _ => {
                if kind == Rust {
                    let count = language.count(&mut w, &shape);
                    w.line(format!("let mut {name} = vec![0.0_f64; {count}];"));
                }
                language.fill(&mut w, name, "=", &code, &shape);
            }
        }
    }
    let symbols: Vec<String> = w.symbols.clone().into_iter().map(|s| w.symbol(s)).collect();
    let (prologue, body) = (std::mem::take(&mut w.prologue), std::mem::take(&mut w.lines));
    let helpers = std::mem::take(&mut w.helpers);
    let mut out = String::new();
    for line in &head.title {
        out.push_str(&format!("// {line}\n"));
    }
    let describe = |d: &Described| match d.shape.as_slice() {
        [] => "scalar".to_owned(),
        [n] => format!("{n} entries"),
        many => format!("{}, row by row", many.join(" x ")),
    };
    let input_shapes: Vec<Shape> = w.program.inputs.iter().map(|i| i.shape.clone()).collect();
    let mut arguments: Vec<String> = Vec::new();
    for symbol in &symbols {
        arguments.push(if kind == C { format!("size_t {symbol}") } else { format!("{symbol}: usize") });
    }
    for (name, shape) in w.input_names.iter().zip(&input_shapes) {
        arguments.push(match (kind, shape) {
            (C, Shape::Scalar) => format!("double {name}"),
            (C, _) => format!("const double *{name}"),
            (Rust, Shape::Scalar) => format!("{name}: f64"),
            (Rust, _) => format!("{name}: &[f64]"),
        });
    }
    let scalars: Vec<bool> = outputs.iter().map(|o| w.program.is_scalar(o.id)).collect();
    let memory: Vec<String> = prologue.iter().filter_map(|line| line.split_once('\u{1}').map(|(name, _)| name.to_owned())).collect();
    let prologue: Vec<String> =
        prologue.iter().map(|line| line.split_once('\u{1}').map_or(line.clone(), |(_, code)| code.to_owned())).collect();
    match kind {
        C => {
            out.push_str("\n#include <math.h>\n#include <stddef.h>\n#include <stdlib.h>\n#include <string.h>\n");
            for source in helpers::c(&helpers) {
                out.push_str(&format!("\n{source}\n"));
            }
            for name in &names {
                arguments.push(format!("double *{name}"));
            }
            out.push_str(&format!("\n/* {}\n", head.summary));
            for (name, input) in w.input_names.iter().zip(&head.inputs) {
                out.push_str(&format!(" * {name}: {}\n", describe(input)));
            }
            for (name, output) in names.iter().zip(&head.outputs) {
                out.push_str(&format!(" * {name}: {}, {}\n", describe(output), output.comment));
            }
            out.push_str(" * Returns 0, or 1 where memory runs out. */\n");
            out.push_str(&format!("int {}({})\n{{\n", head.name, arguments.join(", ")));
            for line in &prologue {
                out.push_str(&format!("    {line}\n"));
            }
            if !memory.is_empty() {
                let missing: Vec<String> = memory.iter().map(|name| format!("!{name}")).collect();
                out.push_str(&format!("    int failed = {};\n    if (failed) goto done;\n", missing.join(" || ")));
                // nothing may be declared after the jump that the jump passes over
                out.push_str("    {\n");
            }
            let shift = usize::from(!memory.is_empty());
            for (depth, line) in body {
                out.push_str(&"    ".repeat(depth + shift));
                out.push_str(&line);
                out.push('\n');
            }
            if memory.is_empty() {
                out.push_str("    return 0;\n}\n");
            } else {
                out.push_str("    }\ndone:\n");
                for name in &memory {
                    out.push_str(&format!("    free({name});\n"));
                }
                out.push_str("    return failed;\n}\n");
            }
        }
        Rust => {
            for source in helpers::rust(&helpers) {
                out.push_str(&format!("\n{source}\n"));
            }
            out.push_str(&format!("\n/// {}\n///\n", head.summary));
            for (name, input) in w.input_names.iter().zip(&head.inputs) {
                out.push_str(&format!("/// - `{name}`: {}\n", describe(input)));
            }
            out.push_str("///\n/// Returns\n");
            for (name, output) in names.iter().zip(&head.outputs) {
                out.push_str(&format!("/// - `{name}`: {}, `{}`\n", describe(output), output.comment));
            }
            let types: Vec<&str> = scalars.iter().map(|scalar| if *scalar { "f64" } else { "Vec<f64>" }).collect();
            let (result, back) = match types.as_slice() {
                [one] => ((*one).to_owned(), names[0].clone()),
                many => (format!("({})", many.join(", ")), format!("({})", names.join(", "))),
            };
            out.push_str("#[allow(non_snake_case, unused_parens, unused_mut, unused_assignments, clippy::all)]\n");
            out.push_str(&format!("pub fn {}({}) -> {result} {{\n", head.name, arguments.join(", ")));
            for line in &prologue {
                out.push_str(&format!("    {line}\n"));
            }
            for (depth, line) in body {
                out.push_str(&"    ".repeat(depth));
                out.push_str(&line);
                out.push('\n');
            }
            out.push_str(&format!("    {back}\n}}\n"));
        }
    }
    Ok(out)
}

/// Whether a node is computed entry by entry, in the loop of its reader.
fn is_entrywise(program: &Program, id: Id) -> bool {
    matches!(
        program.op(id),
        Op::Full(_)
            | Op::Eye
            | Op::Unit(_)
            | Op::Commutation(..)
            | Op::Sum(_)
            | Op::Mul
            | Op::Div
            | Op::Neg
            | Op::Pow
            | Op::Entry(_)
            | Op::Outer
            | Op::ScaleRows
            | Op::ScaleCols
            | Op::Transpose
            | Op::DiagMatrix
            | Op::DiagPart
            | Op::Vec
            | Op::Reshape
            | Op::Triangle { .. }
            | Op::Subscript(_)
            | Op::Kron
    )
}

/// The nodes that readers need as arrays in memory.
fn stored(program: &Program) -> FxHashSet<Id> {
    let mut stored = FxHashSet::default();
    for node in &program.nodes {
        let needs: &[Id] = match &node.op {
            Op::MatMul | Op::Solve | Op::Matrix(_) | Op::Cross | Op::Item(..) | Op::Cumulate { .. } | Op::Softmax(_) => {
                &node.args
            }
            // read at several places each
            Op::Kron => &node.args,
            Op::Subscript(_) => &node.args[..1],
            Op::Loop { .. } => &node.args,
            _ => &[],
        };
        for arg in needs {
            if *program.shape(*arg) == Shape::Scalar {
                continue;
            }
            let through = match (&node.op, program.op(*arg)) {
                // a product reads its factors either way
                (Op::MatMul, Op::Transpose) => program.args(*arg)[0],
                _ => *arg,
            };
            stored.insert(through);
        }
    }
    stored
}

impl Loops {
    fn count(&self, w: &mut Writer<'_>, shape: &Shape) -> String {
        let axes = shape.axes();
        let mut all = w.program.sizes.constant(1);
        for dim in axes {
            all = w.program.sizes.mul(all, dim);
        }
        w.dim_text(all).code
    }

    /// Memory for an array, asked for before everything else.
    fn ask(&self, w: &mut Writer<'_>, name: &str, shape: &Shape) {
        let count = self.count(w, shape);
        let line = match self.kind {
            // one entry more: memory of no size may be no memory
            C => format!("{name}\u{1}double *{name} = calloc({count} + 1, sizeof(double));"),
            Rust => format!("let mut {name} = vec![0.0_f64; {count}];"),
        };
        w.prologue.push(line);
    }

    fn declare(&self, name: &str, code: &str, changes: bool) -> String {
        match (self.kind, changes) {
            (C, _) => format!("double {name} = {code};"),
            (Rust, true) => format!("let mut {name}: f64 = {code};"),
            (Rust, false) => format!("let {name}: f64 = {code};"),
        }
    }

    fn open(&self, w: &mut Writer<'_>, var: &str, from: &str, below: &str) {
        w.line(match self.kind {
            C => format!("for (size_t {var} = {from}; {var} < {below}; {var}++) {{"),
            Rust => format!("for {var} in {from}..{below} {{"),
        });
        w.depth += 1;
    }

    fn shut(&self, w: &mut Writer<'_>) {
        w.depth -= 1;
        w.line("}");
    }

    /// Loops over the entries of a shape around what `inner` makes of the text of an entry.
    fn over(&self, w: &mut Writer<'_>, shape: &Shape, code: &str, inner: impl Fn(&str, &str) -> String) {
        let byes = code.contains("@i") || code.contains("@j");
        match (shape, byes) {
            (Shape::Matrix(m, n), true) => {
                let (m, n) = (w.dim(*m), w.dim_text(*n).at(level::UNARY));
                self.open(w, "i_", "0", &m);
                self.open(w, "j_", "0", &n);
                let place = format!("i_ * {n} + j_");
                let line = inner(&place, &at(code, &place, "i_", "j_"));
                w.line(line);
                self.shut(w);
                self.shut(w);
            }
            (Shape::Scalar, _) => {
                let line = inner("0", code);
                w.line(line);
            }
            _ => {
                let count = self.count(w, shape);
                self.open(w, "k_", "0", &count);
                let line = inner("k_", &at(code, "k_", "k_", "0"));
                w.line(line);
                self.shut(w);
            }
        }
    }

    /// Puts entries into memory, by `=` or `+=`.
    fn fill(&self, w: &mut Writer<'_>, name: &str, operator: &str, code: &str, shape: &Shape) {
        self.over(w, shape, code, |place, value| format!("{name}[{place}] {operator} {value};"));
    }

    /// A name in memory for a node that is computed by statements.
    fn memory(&self, w: &mut Writer<'_>, id: Id) -> String {
        let name = w.name_of(id);
        let shape = w.program.shape(id).clone();
        self.ask(w, &name, &shape);
        name
    }

    /// The memory of a node that is stored.
    fn pointer(&self, w: &Writer<'_>, id: Id) -> String {
        let code = w.text(id).code;
        if let Some(plain) = code.strip_suffix("[@k]") {
            return plain.to_owned();
        }
        // a row of a matrix starts further on
        match code.strip_suffix(" + @k]").and_then(|rest| rest.split_once('[')) {
            Some((base, place)) if self.kind == C => format!("({base} + {place})"),
            Some((base, place)) => format!("{base}[{place}..]"),
            None => code,
        }
    }

    fn reference(&self, w: &Writer<'_>, id: Id) -> String {
        let pointer = self.pointer(w, id);
        let input = matches!(w.program.op(id), Op::Input(_));
        if self.kind == Rust && (!input || pointer.contains('[')) { format!("&{pointer}") } else { pointer }
    }

    fn out(&self, name: &str) -> String {
        if self.kind == Rust { format!("&mut {name}") } else { name.to_owned() }
    }

    /// A whole number of the program as a number to compute with.
    fn float(&self, text: &Text) -> Text {
        if text.code.chars().all(|c| c.is_ascii_digit()) {
            return Text::atom(format!("{}.0", text.code));
        }
        match self.kind {
            C => Text::new(format!("(double){}", text.at(level::ATOM)), level::UNARY),
            // a sign binds more tightly than a cast, and so does nearly everything
            Rust => Text::new(format!("{} as f64", text.at(level::ATOM)), level::TERNARY),
        }
    }

    fn choice(&self, condition: &str, yes: &str, no: &str) -> Text {
        match self.kind {
            C => Text::new(format!("{condition} ? {yes} : {no}"), level::TERNARY),
            Rust => Text::new(format!("if {condition} {{ {yes} }} else {{ {no} }}"), level::TERNARY),
        }
    }

    fn call(&self, c: &str, rust: &str, x: &Text, more: &[String]) -> Text {
        match self.kind {
            C => {
                let all: Vec<String> = std::iter::once(x.code.clone()).chain(more.iter().cloned()).collect();
                Text::atom(format!("{c}({})", all.join(", ")))
            }
            Rust => {
                let mut receiver = x.at(level::ATOM);
                // a method of a literal needs its type
                if !receiver.contains(|c: char| c.is_alphabetic() && c != 'e')
                    && let Some(start) = receiver.find(|c: char| c.is_ascii_digit())
                {
                    let rest = &receiver[start..];
                    let end = rest.find(|c: char| !(c.is_ascii_digit() || c == '.')).unwrap_or(rest.len());
                    receiver.insert_str(start + end, "_f64");
                }
                Text::atom(format!("{receiver}.{rust}({})", more.join(", ")))
            }
        }
    }

    fn entry(&self, w: &mut Writer<'_>, function: Entry, args: &[Id]) -> Result<Text, CodeError> {
        let texts: Vec<Text> = args.iter().map(|a| w.text(*a)).collect();
        let x = texts.first().cloned().unwrap_or_else(|| Text::atom("0.0"));
        let simple = |c: &str, rust: &str| self.call(c, rust, &x, &[]);
        let helper = |w: &mut Writer<'_>, name: &'static str| {
            w.helpers.insert(name);
            Text::atom(format!("{name}({})", x.code))
        };
        let op = match function {
            Entry::Log1p => return Ok(simple("log1p", "ln_1p")),
            Entry::Expm1 => return Ok(simple("expm1", "exp_m1")),
            Entry::Sqrt => return Ok(simple("sqrt", "sqrt")),
            Entry::Map(op) => op,
        };
        Ok(match op {
            MapOp::Exp => simple("exp", "exp"),
            MapOp::Log => simple("log", "ln"),
            MapOp::Abs => simple("fabs", "abs"),
            MapOp::Sign => helper(w, "mg_sign"),
            MapOp::Cbrt => simple("cbrt", "cbrt"),
            MapOp::Sin => simple("sin", "sin"),
            MapOp::Cos => simple("cos", "cos"),
            MapOp::Tan => simple("tan", "tan"),
            MapOp::Asin => simple("asin", "asin"),
            MapOp::Acos => simple("acos", "acos"),
            MapOp::Atan => simple("atan", "atan"),
            MapOp::Sinh => simple("sinh", "sinh"),
            MapOp::Cosh => simple("cosh", "cosh"),
            MapOp::Tanh => simple("tanh", "tanh"),
            MapOp::Asinh => simple("asinh", "asinh"),
            MapOp::Acosh => simple("acosh", "acosh"),
            MapOp::Atanh => simple("atanh", "atanh"),
            MapOp::Sigmoid => helper(w, "mg_sigmoid"),
            MapOp::Softplus => helper(w, "mg_softplus"),
            MapOp::Relu => self.call("fmax", "max", &x, &["0.0".to_owned()]),
            MapOp::Erf if self.kind == C => simple("erf", ""),
            MapOp::Gamma if self.kind == C => simple("tgamma", ""),
            MapOp::Lgamma if self.kind == C => simple("lgamma", ""),
            MapOp::Erf => helper(w, "mg_erf"),
            MapOp::Gamma => helper(w, "mg_gamma"),
            MapOp::Lgamma => helper(w, "mg_lgamma"),
            MapOp::Polygamma(k) => {
                w.helpers.insert("mg_polygamma");
                Text::atom(format!("mg_polygamma({k}, {})", x.code))
            }
            MapOp::Max => self.call("fmax", "max", &x, &[texts[1].code.clone()]),
            MapOp::Min => self.call("fmin", "min", &x, &[texts[1].code.clone()]),
            MapOp::Atan2 => self.call("atan2", "atan2", &x, &[texts[1].code.clone()]),
            MapOp::Pow => self.call("pow", "powf", &x, &[texts[1].code.clone()]),
            MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual => {
                let condition = self.compare(w, op, args);
                self.choice(&condition, "1.0", "0.0")
            }
            MapOp::Where => {
                let condition = self.truth(w, args[0]);
                self.choice(&condition, &texts[1].code, &texts[2].code)
            }
        })
    }

    fn compare(&self, w: &Writer<'_>, op: MapOp, args: &[Id]) -> String {
        let symbol = match op {
            MapOp::Less => "<",
            MapOp::LessEq => "<=",
            MapOp::NotEqual => "!=",
            _ => "==",
        };
        format!("{} {symbol} {}", w.code(args[0], level::SUM), w.code(args[1], level::SUM))
    }

    fn truth(&self, w: &Writer<'_>, id: Id) -> String {
        if let Op::Entry(Entry::Map(op @ (MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual))) = *w.program.op(id) {
            let args = w.program.node(id).args.clone();
            return self.compare(w, op, &args);
        }
        format!("{} != 0.0", w.code(id, level::SUM))
    }

    fn size_argument(&self, w: &mut Writer<'_>, dim: Dim) -> String {
        w.dim_text(dim).code
    }

    /// A product of matrices, or of a matrix and a column.
    fn matmul(&self, w: &mut Writer<'_>, id: Id) -> Text {
        w.helpers.insert("mg_matmul");
        let args = w.program.node(id).args.clone();
        let name = self.memory(w, id);
        let side = |w: &Writer<'_>, arg: Id| match w.program.op(arg) {
            Op::Transpose => (self.reference(w, w.program.args(arg)[0]), true),
            _ => (self.reference(w, arg), false),
        };
        let ((a, ta), (b, tb)) = (side(w, args[0]), side(w, args[1]));
        let ((m, inner), (_, n)) = (w.program.grid(args[0]), w.program.grid(args[1]));
        let (m, inner, n) = (self.size_argument(w, m), self.size_argument(w, inner), self.size_argument(w, n));
        let flag = |t: bool| match self.kind {
            C => u8::from(t).to_string(),
            Rust => t.to_string(),
        };
        let out = self.out(&name);
        w.line(format!("mg_matmul({m}, {n}, {inner}, {a}, {}, {b}, {}, {out});", flag(ta), flag(tb)));
        Text::atom(format!("{name}[@k]"))
    }

    fn matrix(&self, w: &mut Writer<'_>, op: MatrixOp, id: Id) -> Result<Text, CodeError> {
        let args = w.program.node(id).args.clone();
        let (m, n) = w.program.grid(args[0]);
        let (m, n) = (self.size_argument(w, m), self.size_argument(w, n));
        let x = self.reference(w, args[0]);
        let scalar = |w: &mut Writer<'_>, name: &'static str, list: String| {
            w.helpers.insert(name);
            Text::atom(format!("{name}({list})"))
        };
        let helper: &'static str = match op {
            MatrixOp::Det => return Ok(scalar(w, "mg_det", format!("{n}, {x}"))),
            MatrixOp::LogDet => return Ok(scalar(w, "mg_logdet", format!("{n}, {x}"))),
            MatrixOp::NormSpec => return Ok(scalar(w, "mg_normspec", format!("{m}, {n}, {x}"))),
            MatrixOp::NormNuc => return Ok(scalar(w, "mg_normnuc", format!("{m}, {n}, {x}"))),
            MatrixOp::Inverse => "mg_inverse",
            MatrixOp::Cholesky => "mg_cholesky",
            MatrixOp::Eigvals => "mg_eigvals",
            MatrixOp::Eigvecs => "mg_eigvecs",
            MatrixOp::Adjugate => "mg_adjugate",
            MatrixOp::Expm => "mg_expm",
            MatrixOp::Sqrtm => "mg_sqrtm",
            MatrixOp::Logm => "mg_logm",
            MatrixOp::Pinv => "mg_pinv",
            MatrixOp::Singvals => "mg_singvals",
            MatrixOp::SvdU => "mg_svdu",
            MatrixOp::SvdV => "mg_svdv",
            MatrixOp::ExpmFrechet => "mg_expm_frechet",
            MatrixOp::LogmFrechet => "mg_logm_frechet",
            MatrixOp::SqrtmFrechet => "mg_sqrtm_frechet",
        };
        w.helpers.insert(helper);
        let name = self.memory(w, id);
        let out = self.out(&name);
        let sizes = match op {
            MatrixOp::Pinv | MatrixOp::Singvals | MatrixOp::SvdU | MatrixOp::SvdV => format!("{m}, {n}"),
            _ => n,
        };
        let direction = args.get(1).map(|e| format!(", {}", self.reference(w, *e))).unwrap_or_default();
        w.line(format!("{helper}({sizes}, {x}{direction}, {out});"));
        Ok(Text::atom(format!("{name}[@k]")))
    }

    fn reduce(&self, w: &mut Writer<'_>, op: Reducer, axis: Option<u8>, id: Id) -> Text {
        let x = w.program.args(id)[0];
        let (shape, text) = (w.program.shape(x).clone(), w.text(x));
        let Some(axis) = axis else {
            let name = w.name_of(id);
            self.start(w, &name, op, Id(u32::MAX));
            self.over_accumulated(w, &name, op, &text, &shape);
            let count = self.count(w, &shape);
            self.finish(w, &name, op, Some(&count), Id(u32::MAX));
            return Text::atom(name);
        };
        let Shape::Matrix(m, n) = shape else { return text };
        let name = self.memory(w, id);
        let (m, n) = (w.dim_text(m).code, w.dim_text(n).at(level::UNARY));
        let (outer, inner) = if axis == 1 { (("i_", &m), ("j_", &n)) } else { (("j_", &n), ("i_", &m)) };
        let total = w.temporary();
        self.open(w, outer.0, "0", outer.1);
        self.start(w, &total, op, Id(u32::MAX));
        self.open(w, inner.0, "0", inner.1);
        let entry = at(&text.code, &format!("i_ * {n} + j_"), "i_", "j_");
        self.accumulate(w, &total, op, &entry, Id(u32::MAX));
        self.shut(w);
        self.finish(w, &total, op, Some(inner.1), Id(u32::MAX));
        w.line(format!("{name}[{}] = {total};", outer.0));
        self.shut(w);
        Text::atom(format!("{name}[@k]"))
    }

    fn over_accumulated(&self, w: &mut Writer<'_>, name: &str, op: Reducer, text: &Text, shape: &Shape) {
        let byes = text.code.contains("@i") || text.code.contains("@j");
        match (shape, byes) {
            (Shape::Matrix(m, n), true) => {
                let (m, n) = (w.dim_text(*m).code, w.dim_text(*n).at(level::UNARY));
                self.open(w, "i_", "0", &m);
                self.open(w, "j_", "0", &n);
                let entry = at(&text.code, &format!("i_ * {n} + j_"), "i_", "j_");
                self.accumulate(w, name, op, &entry, Id(u32::MAX));
                self.shut(w);
                self.shut(w);
            }
            _ => {
                let count = self.count(w, shape);
                self.open(w, "k_", "0", &count);
                let entry = at(&text.code, "k_", "k_", "0");
                self.accumulate(w, name, op, &entry, Id(u32::MAX));
                self.shut(w);
            }
        }
    }

    /// The entry of an array in memory at subscripts.
    fn subscript(&self, w: &mut Writer<'_>, subs: &[Sub], args: &[Id]) -> Text {
        let base = self.pointer(w, args[0]);
        let dims = w.program.shape(args[0]).axes();
        let free = subs.iter().filter(|s| matches!(s, Sub::All | Sub::Range(..))).count();
        let mut own = 0;
        let mut place = String::new();
        for (k, sub) in subs.iter().enumerate() {
            let marker = match (free, own) {
                (1, _) => "@k",
                (_, 0) => "@i",
                _ => "@j",
            };
            let part = match sub {
                Sub::All => {
                    own += 1;
                    Text::atom(marker)
                }
                Sub::Range(from, _) => {
                    own += 1;
                    let from = w.dim_plus(*from, -1);
                    if from == "0" { Text::atom(marker) } else { Text::new(format!("{from} + {marker}"), level::SUM) }
                }
                Sub::At(whole) => w.whole(whole, -1),
                Sub::Value(value) => {
                    let text = w.text(args[*value]);
                    match self.kind {
                        C => Text::new(format!("(size_t){} - 1", text.at(level::ATOM)), level::SUM),
                        Rust => Text::new(format!("{} as usize - 1", text.at(level::ATOM)), level::SUM),
                    }
                }
            };
            if k == 0 {
                place = part.code;
                continue;
            }
            let size = w.dim_text(dims[k]).at(level::UNARY);
            let before = if place.contains(' ') { format!("({place})") } else { place };
            place = if before == "0" { part.code } else { format!("{before} * {size} + {}", part.code) };
        }
        Text::atom(format!("{base}[{place}]"))
    }

    fn blocks(&self, w: &mut Writer<'_>, plan: &[Vec<(Dim, Dim)>], id: Id) -> Text {
        let args = w.program.node(id).args.clone();
        let name = self.memory(w, id);
        let (_, width) = w.program.grid(id);
        let width_text = w.dim_text(width).at(level::UNARY);
        let mut at_arg = 0;
        let mut top = w.program.sizes.constant(0);
        for row in plan {
            let mut left = w.program.sizes.constant(0);
            let mut height = w.program.sizes.constant(1);
            for (rows, cols) in row {
                let arg = args[at_arg];
                at_arg += 1;
                height = *rows;
                let (first, across) = (w.dim_text(top).code, w.dim_text(left).code);
                let (m, n) = (w.dim_text(*rows).code, w.dim_text(*cols).at(level::UNARY));
                let text = w.text(arg).code;
                let join = |a: &str, b: &str| if a == "0" { b.to_owned() } else { format!("{a} + {b}") };
                if w.program.is_scalar(arg) {
                    let row = if first.contains(' ') { format!("({first})") } else { first };
                    let place = match (row.as_str(), width_text.as_str()) {
                        ("0", _) => across.clone(),
                        (row, "1") => join(row, &across).trim_end_matches(" + 0").to_owned(),
                        (row, width) => join(&format!("{row} * {width}"), &across).trim_end_matches(" + 0").to_owned(),
                    };
                    w.line(format!("{name}[{place}] = {text};"));
                } else {
                    self.open(w, "i_", "0", &m);
                    self.open(w, "j_", "0", &n);
                    let column = w.program.sizes.is_one(*cols);
                    let entry = match w.program.shape(arg) {
                        Shape::Matrix(..) => at(&text, &format!("i_ * {n} + j_"), "i_", "j_"),
                        _ if column => at(&text, "i_", "i_", "0"),
                        _ => at(&text, "j_", "j_", "0"),
                    };
                    let place = format!("({}) * {width_text} + {}", join(&first, "i_"), join(&across, "j_"));
                    w.line(format!("{name}[{place}] = {entry};"));
                    self.shut(w);
                    self.shut(w);
                }
                left = w.program.sizes.add(left, *cols);
            }
            top = w.program.sizes.add(top, height);
        }
        Text::atom(format!("{name}[@k]"))
    }

    fn binary(&self, w: &Writer<'_>, id: Id) -> Vec<Text> {
        w.program.args(id).iter().map(|a| w.text(*a)).collect()
    }
}

/// The text of an entry at a place, a row and a column.
fn at(code: &str, place: &str, row: &str, column: &str) -> String {
    // inside brackets a sum needs no parentheses of its own, as a factor it does
    let place = if place.contains(' ') && needs(code, "@k") { format!("({place})") } else { place.to_owned() };
    let row = if row.contains(' ') && needs(code, "@i") { format!("({row})") } else { row.to_owned() };
    let column = if column.contains(' ') && needs(code, "@j") { format!("({column})") } else { column.to_owned() };
    code.replace("@k", &place).replace("@i", &row).replace("@j", &column)
}

/// Whether a marker stands anywhere but alone in brackets.
fn needs(code: &str, marker: &str) -> bool {
    code.matches(marker).count() != code.matches(&format!("[{marker}]")).count()
}

impl Language for Loops {
    fn reserved(&self) -> &'static [&'static str] {
        if self.kind == C { C_RESERVED } else { RUST_RESERVED }
    }

    fn node(&self, w: &mut Writer<'_>, id: Id) -> Result<Text, CodeError> {
        let node = w.program.node(id).clone();
        let args = node.args.clone();
        Ok(match &node.op {
            Op::Number(value) => decimal(value, true),
            Op::Pi => Text::atom(if self.kind == C { "3.14159265358979323846" } else { "std::f64::consts::PI" }),
            Op::Size(dim) => {
                let text = w.dim_text(*dim);
                self.float(&text)
            }
            Op::Index(index) => {
                let name = Text::atom(w.index_name(*index));
                self.float(&name)
            }
            Op::Input(k) => {
                let name = w.input_names[*k as usize].clone();
                Text::atom(if node.shape == Shape::Scalar { name } else { format!("{name}[@k]") })
            }
            Op::Full(value) => decimal(value, true),
            Op::Eye => self.choice("@i == @j", "1.0", "0.0"),
            Op::Unit(place) => {
                let place = w.dim_plus(*place, -1);
                self.choice(&format!("@k == {place}"), "1.0", "0.0")
            }
            Op::Commutation(m, n) => {
                let (m, n) = (w.dim_text(*m).at(level::UNARY), w.dim_text(*n).at(level::UNARY));
                self.choice(&format!("@j == @i / {n} + {m} * (@i % {n})"), "1.0", "0.0")
            }
            Op::Duplication(n) | Op::Elimination(n) => {
                let helper = if matches!(node.op, Op::Duplication(_)) { "mg_duplication" } else { "mg_elimination" };
                w.helpers.insert(helper);
                let name = self.memory(w, id);
                let (n, out) = (w.dim_text(*n).code, self.out(&name));
                w.line(format!("{helper}({n}, {out});"));
                Text::atom(format!("{name}[@k]"))
            }
            Op::Sum(signs) => {
                let texts = self.binary(w, id);
                let mut order: Vec<usize> = (0..args.len()).collect();
                order.sort_by_key(|k| signs[*k]);
                let mut sum = String::new();
                for k in order {
                    match (sum.is_empty(), signs[k]) {
                        (true, false) => sum.push_str(&texts[k].at(level::PRODUCT)),
                        (true, true) => sum.push_str(&format!("-{}", texts[k].at(level::PRODUCT))),
                        (false, minus) => {
                            sum.push_str(if minus { " - " } else { " + " });
                            sum.push_str(&texts[k].at(level::PRODUCT));
                        }
                    }
                }
                Text::new(sum, level::SUM)
            }
            Op::Mul => {
                let parts: Vec<String> = self.binary(w, id).iter().map(|t| t.at(level::UNARY)).collect();
                Text::new(parts.join(" * "), level::PRODUCT)
            }
            Op::Div => {
                let texts = self.binary(w, id);
                Text::new(format!("{} / {}", texts[0].at(level::UNARY), texts[1].at(level::UNARY)), level::PRODUCT)
            }
            Op::Neg => Text::new(format!("-{}", w.code(args[0], level::PRODUCT)), level::PRODUCT),
            Op::Pow => self.power(w, &args),
            Op::Entry(function) => self.entry(w, *function, &args)?,
            Op::MatMul => self.matmul(w, id),
            Op::Outer => {
                let (a, b) = (w.text(args[0]), w.text(args[1]));
                let (a, b) = (a.at(level::UNARY).replace("@k", "@i"), b.at(level::UNARY).replace("@k", "@j"));
                Text::new(format!("{a} * {b}"), level::PRODUCT)
            }
            Op::Dot => {
                let texts = self.binary(w, id);
                let product = format!("{} * {}", texts[0].at(level::UNARY), texts[1].at(level::UNARY));
                let shape = w.program.shape(args[0]).clone();
                let name = w.name_of(id);
                self.start(w, &name, Reducer::Sum, Id(u32::MAX));
                self.over_accumulated(w, &name, Reducer::Sum, &Text::new(product, level::PRODUCT), &shape);
                Text::atom(name)
            }
            Op::Norm => {
                let x = w.text(args[0]).at(level::UNARY);
                let shape = w.program.shape(args[0]).clone();
                let name = w.temporary();
                self.start(w, &name, Reducer::Sum, Id(u32::MAX));
                self.over_accumulated(w, &name, Reducer::Sum, &Text::new(format!("{x} * {x}"), level::PRODUCT), &shape);
                self.call("sqrt", "sqrt", &Text::atom(name), &[])
            }
            Op::ScaleRows => {
                let v = w.text(args[0]).at(level::UNARY).replace("@k", "@i");
                Text::new(format!("{v} * {}", w.code(args[1], level::UNARY)), level::PRODUCT)
            }
            Op::ScaleCols => {
                let v = w.text(args[0]).at(level::UNARY).replace("@k", "@j");
                Text::new(format!("{} * {v}", w.code(args[1], level::UNARY)), level::PRODUCT)
            }
            Op::Transpose => {
                let text = w.text(args[0]);
                match *w.program.shape(args[0]) {
                    Shape::Matrix(_, n) => {
                        let n = w.dim_text(n).at(level::UNARY);
                        let code = text.code.replace("@i", "@\u{2}").replace("@j", "@i").replace("@\u{2}", "@j");
                        let place = format!("@j * {n} + @i");
                        let place = if needs(&code, "@k") { format!("({place})") } else { place };
                        Text::new(code.replace("@k", &place), text.level)
                    }
                    _ => text,
                }
            }
            Op::DiagMatrix => {
                let v = w.text(args[0]).code.replace("@k", "@i");
                self.choice("@i == @j", &v, "0.0")
            }
            Op::DiagPart => {
                let text = w.text(args[0]);
                let (_, n) = w.program.grid(args[0]);
                let n = w.dim_text(n).at(level::UNARY);
                let code = text.code.replace("@i", "@\u{2}").replace("@j", "@\u{2}");
                let code = code.replace("@k", &format!("@\u{2} * ({n} + 1)")).replace("@\u{2}", "@k");
                Text::new(code, text.level)
            }
            Op::Trace => {
                let text = w.text(args[0]);
                let (n, _) = w.program.grid(args[0]);
                let n = w.dim_text(n).at(level::UNARY);
                let name = w.name_of(id);
                self.start(w, &name, Reducer::Sum, Id(u32::MAX));
                self.open(w, "i_", "0", &n);
                let entry = at(&text.code, &format!("i_ * {n} + i_"), "i_", "i_");
                self.accumulate(w, &name, Reducer::Sum, &entry, Id(u32::MAX));
                self.shut(w);
                Text::atom(name)
            }
            Op::Vec => {
                let (m, n) = w.program.grid(args[0]);
                let (m, n) = (w.dim_text(m).at(level::UNARY), w.dim_text(n).at(level::UNARY));
                let text = w.text(args[0]);
                let code = text.code.replace("@k", &format!("(@\u{2} % {m} * {n} + @\u{2} / {m})"));
                let code = code.replace("@i", &format!("(@\u{2} % {m})")).replace("@j", &format!("(@\u{2} / {m})"));
                Text::new(code.replace("@\u{2}", "@k"), text.level)
            }
            Op::Reshape => {
                let (m, _) = w.program.grid(id);
                let m = w.dim_text(m).at(level::UNARY);
                let text = w.text(args[0]);
                Text::new(text.code.replace("@k", &format!("(@j * {m} + @i)")), text.level)
            }
            Op::Kron => {
                let ((_, c), (r, s)) = (w.program.grid(args[0]), w.program.grid(args[1]));
                let (c, r, s) =
                    (w.dim_text(c).at(level::UNARY), w.dim_text(r).at(level::UNARY), w.dim_text(s).at(level::UNARY));
                let (a, b) = (self.pointer(w, args[0]), self.pointer(w, args[1]));
                match &node.shape {
                    Shape::Column(_) => Text::new(format!("{a}[@k / {r}] * {b}[@k % {r}]"), level::PRODUCT),
                    _ => Text::new(
                        format!("{a}[@i / {r} * {c} + @j / {s}] * {b}[@i % {r} * {s} + @j % {s}]"),
                        level::PRODUCT,
                    ),
                }
            }
            Op::Cross => {
                let (a, b) = (self.pointer(w, args[0]), self.pointer(w, args[1]));
                let name = self.memory(w, id);
                for (k, (p, q)) in [(1, 2), (2, 0), (0, 1)].into_iter().enumerate() {
                    w.line(format!("{name}[{k}] = {a}[{p}] * {b}[{q}] - {a}[{q}] * {b}[{p}];"));
                }
                Text::atom(format!("{name}[@k]"))
            }
            Op::Solve => {
                w.helpers.insert("mg_solve");
                let name = self.memory(w, id);
                let ((n, _), (_, k)) = (w.program.grid(args[0]), w.program.grid(args[1]));
                let (n, k) = (w.dim_text(n).code, w.dim_text(k).code);
                let (a, b, out) = (self.reference(w, args[0]), self.reference(w, args[1]), self.out(&name));
                w.line(format!("mg_solve({n}, {k}, {a}, {b}, {out});"));
                Text::atom(format!("{name}[@k]"))
            }
            Op::Matrix(op) => self.matrix(w, *op, id)?,
            Op::Reduce(op, axis) => self.reduce(w, *op, *axis, id),
            Op::Softmax(axis) => {
                w.helpers.insert("mg_softmax");
                let name = self.memory(w, id);
                let (m, n) = w.program.grid(id);
                let (m, n) = (w.dim_text(m).code, w.dim_text(n).code);
                let (x, out) = (self.reference(w, args[0]), self.out(&name));
                // rows, columns, and over which of them
                let axis = match (axis, &node.shape) {
                    (Some(axis), Shape::Matrix(..)) => axis.to_string(),
                    _ => "2".to_owned(),
                };
                w.line(format!("mg_softmax({m}, {n}, {axis}, {x}, {out});"));
                Text::atom(format!("{name}[@k]"))
            }
            Op::Cumulate { reverse } => {
                w.helpers.insert("mg_cumsum");
                let name = self.memory(w, id);
                let (m, n) = w.program.grid(id);
                let (m, n) = (w.dim_text(m).code, w.dim_text(n).code);
                let (x, out) = (self.reference(w, args[0]), self.out(&name));
                let reverse = if self.kind == C { u8::from(*reverse).to_string() } else { reverse.to_string() };
                w.line(format!("mg_cumsum({m}, {n}, {reverse}, {x}, {out});"));
                Text::atom(format!("{name}[@k]"))
            }
            Op::Triangle { lower } => {
                let x = w.text(args[0]).code;
                self.choice(if *lower { "@i >= @j" } else { "@i <= @j" }, &x, "0.0")
            }
            Op::Blocks(plan) => self.blocks(w, plan, id),
            Op::Subscript(subs) => self.subscript(w, subs, &args),
            Op::Delta(a, b) => {
                let (a, b) = (w.whole(a, 0).at(level::SUM), w.whole(b, 0).at(level::SUM));
                self.choice(&format!("{a} == {b}"), "1.0", "0.0")
            }
            Op::Epsilon(places) => {
                w.helpers.insert("mg_levi_civita");
                let count = places.len();
                let places: Vec<String> = places.iter().map(|p| w.whole(p, 0).code).collect();
                let list = places.join(", ");
                Text::atom(match self.kind {
                    C => format!("mg_levi_civita({count}, (size_t[]){{{list}}})"),
                    Rust => format!("mg_levi_civita(&[{list}])"),
                })
            }
            Op::ReduceIndex(..) | Op::Tabulate(_) | Op::Rows(_) | Op::State(_) | Op::Item(..) | Op::Loop { .. } => {
                Text::atom("0.0")
            }
        })
    }

    fn assign(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id) {
        let shape = w.program.shape(id).clone();
        if shape == Shape::Scalar {
            let line = self.declare(name, code, false);
            w.line(line);
            return;
        }
        self.ask(w, name, &shape);
        self.fill(w, name, "=", code, &shape);
    }

    fn named(&self, w: &Writer<'_>, name: String, id: Id) -> Text {
        if w.program.is_scalar(id) { Text::atom(name) } else { Text::atom(format!("{name}[@k]")) }
    }

    fn begin(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id) {
        let shape = w.program.shape(id).clone();
        if shape == Shape::Scalar {
            let line = self.declare(name, code, true);
            w.line(line);
            return;
        }
        self.ask(w, name, &shape);
        self.fill(w, name, "=", code, &shape);
    }

    fn update(&self, w: &mut Writer<'_>, name: &str, code: &str, id: Id) {
        let shape = w.program.shape(id).clone();
        if shape == Shape::Scalar {
            w.line(format!("{name} = {code};"));
        } else {
            self.fill(w, name, "=", code, &shape);
        }
    }

    fn open_index(&self, w: &mut Writer<'_>, name: &str, start: i64, length: &str) {
        let bound = if length.contains(' ') { format!("({length})") } else { length.to_owned() };
        w.line(match self.kind {
            C => format!("for (size_t {name} = {start}; {name} < {bound} + {start}; {name}++) {{"),
            Rust => format!("for {name} in {start}..{bound} + {start} {{"),
        });
    }

    fn open_steps(&self, w: &mut Writer<'_>, place: &str, length: &str, backward: bool) {
        w.line(match (self.kind, backward) {
            (C, false) => format!("for (size_t {place} = 0; {place} < {length}; {place}++) {{"),
            (C, true) => format!("for (size_t {place} = {length}; {place}-- > 0; ) {{"),
            (Rust, false) => format!("for {place} in 0..{length} {{"),
            (Rust, true) => format!("for {place} in (0..{length}).rev() {{"),
        });
    }

    fn close(&self, w: &mut Writer<'_>) {
        w.line("}");
    }

    fn open_if(&self, w: &mut Writer<'_>, condition: &str) {
        w.line(if self.kind == C { format!("if ({condition}) {{") } else { format!("if {condition} {{") });
    }

    fn condition(&self, w: &mut Writer<'_>, id: Id) -> Result<String, CodeError> {
        Ok(self.truth(w, id))
    }

    fn start(&self, w: &mut Writer<'_>, name: &str, op: Reducer, body: Id) {
        let infinity = if self.kind == C { "INFINITY" } else { "f64::INFINITY" };
        let first = match op {
            Reducer::Sum | Reducer::Mean => "0.0".to_owned(),
            Reducer::Prod => "1.0".to_owned(),
            Reducer::Max | Reducer::LogSumExp => format!("-{infinity}"),
            Reducer::Min => infinity.to_owned(),
        };
        if body != Id(u32::MAX) && !w.program.is_scalar(body) {
            let shape = w.program.shape(body).clone();
            self.ask(w, name, &shape);
            self.fill(w, name, "=", &first, &shape);
            return;
        }
        let line = self.declare(name, &first, true);
        w.line(line);
    }

    fn accumulate(&self, w: &mut Writer<'_>, name: &str, op: Reducer, code: &str, body: Id) {
        if body != Id(u32::MAX) && !w.program.is_scalar(body) {
            let shape = w.program.shape(body).clone();
            self.fill(w, name, "+=", code, &shape);
            return;
        }
        let code = if code == "1" { "1.0" } else { code };
        if op == Reducer::LogSumExp {
            w.helpers.insert("mg_logaddexp");
        }
        w.line(match (op, self.kind) {
            (Reducer::Sum | Reducer::Mean, _) => format!("{name} += {code};"),
            (Reducer::Prod, _) => format!("{name} *= {code};"),
            (Reducer::Max, C) => format!("{name} = fmax({name}, {code});"),
            (Reducer::Min, C) => format!("{name} = fmin({name}, {code});"),
            (Reducer::Max, Rust) => format!("{name} = {name}.max({code});"),
            (Reducer::Min, Rust) => format!("{name} = {name}.min({code});"),
            (Reducer::LogSumExp, _) => format!("{name} = mg_logaddexp({name}, {code});"),
        });
    }

    fn finish(&self, w: &mut Writer<'_>, name: &str, op: Reducer, count: Option<&str>, body: Id) {
        let (Reducer::Mean, Some(count)) = (op, count) else { return };
        let counted = count.starts_with('t') && count[1..].chars().all(|c| c.is_ascii_digit()) && count.len() > 1;
        let number = match (self.kind, counted) {
            (_, true) => count.to_owned(),
            (C, _) => format!("(double)({count})"),
            (Rust, _) => format!("(({count}) as f64)"),
        };
        if body != Id(u32::MAX) && !w.program.is_scalar(body) {
            let shape = w.program.shape(body).clone();
            self.fill(w, name, "/=", &number, &shape);
        } else {
            w.line(format!("{name} /= {number};"));
        }
    }

    fn allocate(&self, w: &mut Writer<'_>, name: &str, shape: &Shape) {
        self.ask(w, name, shape);
    }

    fn store(&self, w: &mut Writer<'_>, name: &str, shape: &Shape, places: &[String], code: &str, body: Id) {
        let dims = shape.axes();
        let mut place = String::new();
        for (k, own) in places.iter().enumerate() {
            let own = zero_based(own);
            if k == 0 {
                place = own;
                continue;
            }
            let size = w.dim_text(dims[k]).at(level::UNARY);
            let before = if place.contains(' ') { format!("({place})") } else { place };
            place = format!("{before} * {size} + {own}");
        }
        let shape = w.program.shape(body).clone();
        if shape == Shape::Scalar {
            if place.is_empty() {
                w.line(format!("{name} = {code};"));
            } else {
                w.line(format!("{name}[{place}] = {code};"));
            }
            return;
        }
        let count = self.count(w, &shape);
        let count = if count.contains(' ') { format!("({count})") } else { count };
        let before = if place.contains(' ') { format!("({place})") } else { place };
        self.over(w, &shape, code, |own, value| format!("{name}[{before} * {count} + {own}] = {value};"));
    }

    fn is_cheap(&self, w: &Writer<'_>, id: Id) -> bool {
        let program = &*w.program;
        if self.stored.contains(&id) {
            return !is_entrywise(program, id);
        }
        match program.op(id) {
            Op::Number(_) | Op::Pi | Op::Size(_) | Op::Index(_) | Op::Input(_) | Op::State(_) | Op::Item(..) => true,
            Op::Transpose | Op::Full(_) | Op::Eye | Op::Unit(_) | Op::Neg | Op::DiagMatrix => true,
            Op::Subscript(_) => true,
            Op::Reduce(..) | Op::Dot | Op::Trace => true,
            _ => !is_entrywise(program, id) && !program.is_scalar(id),
        }
    }

    fn must_name(&self, w: &Writer<'_>, id: Id) -> bool {
        self.stored.contains(&id) && is_entrywise(w.program, id)
    }

    fn exact_quotient(&self, numerator: &str, denominator: &str) -> String {
        format!("{numerator} / {denominator}")
    }

    fn item(&self, w: &mut Writer<'_>, sequence: Id, place: &str) -> String {
        let pointer = self.pointer(w, sequence);
        match w.program.shape(sequence).clone() {
            Shape::Scalar => pointer,
            Shape::Column(_) | Shape::Row(_) => format!("{pointer}[{place}]"),
            Shape::Matrix(_, n) => {
                let n = w.dim_text(n).at(level::UNARY);
                format!("{pointer}[{place} * {n} + @k]")
            }
            Shape::Tensor(dims) => {
                let rest = w.program.sizes.mul(dims[1], dims[2]);
                let rest = w.dim_text(rest).at(level::UNARY);
                format!("{pointer}[{place} * {rest} + @k]")
            }
        }
    }
}

impl Loops {
    fn power(&self, w: &mut Writer<'_>, args: &[Id]) -> Text {
        let base = w.text(args[0]);
        if let Some(k) = w.program.number(args[1]).and_then(Rational::to_i64)
            && (2..=4).contains(&k)
        {
            // a short base is multiplied out
            let plain = base.code.chars().all(|c| c.is_ascii_alphanumeric() || "_[]@".contains(c));
            if plain {
                return Text::new(vec![base.code; k as usize].join(" * "), level::PRODUCT);
            }
            return match self.kind {
                C => self.call("pow", "", &base, &[format!("{k}.0")]),
                Rust => self.call("", "powi", &base, &[k.to_string()]),
            };
        }
        if self.kind == Rust
            && let Some(k) = w.program.number(args[1]).and_then(Rational::to_i64)
            && i32::try_from(k).is_ok()
        {
            return self.call("", "powi", &base, &[k.to_string()]);
        }
        let exponent = w.text(args[1]).code;
        self.call("pow", "powf", &base, &[exponent])
    }
}
