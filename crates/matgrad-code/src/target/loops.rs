//! C and Rust: arrays row by row in memory that is asked for once, and loops over their entries.
//!
//! The text of an array is the text of an entry: `@k` stands for its place in memory, `@i` and `@j` for its row and column.
//! What works entry by entry is put into the loop of its reader; a transpose, a diagonal or an outer product is a way of
//! counting. Everything else has a name.

mod arrays;
mod entries;
mod helpers;
mod language;

use matgrad_calculus::infer::Shape;
use rustc_hash::FxHashSet;

use crate::emit::{Text, Writer, level};
use crate::program::{Id, Op, Program};
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
    "for", "goto", "if", "inline", "int", "long", "register", "restrict", "return", "short", "signed", "sizeof",
    "static", "struct", "switch", "typedef", "union", "unsigned", "void", "volatile", "while", "exp", "log", "sin",
    "cos", "tan", "sqrt", "fabs", "pow", "gamma", "erf", "y0", "y1", "yn", "j0", "j1", "jn", "size_t", "calloc",
    "free", "ok", "inverse", "index", "abs", "fmax", "fmin", "main", "i_", "j_", "k_", "I", "signbit", "div", "time",
];

const RUST_RESERVED: &[&str] = &[
    "as", "async", "await", "break", "const", "continue", "crate", "dyn", "else", "enum", "extern", "false", "fn",
    "for", "if", "impl", "in", "let", "loop", "match", "mod", "move", "mut", "pub", "ref", "return", "self", "Self",
    "static", "struct", "super", "trait", "true", "type", "unsafe", "use", "where", "while", "abstract", "become",
    "box", "do", "final", "macro", "override", "priv", "try", "typeof", "unsized", "virtual", "yield", "gen", "i_",
    "j_", "k_", "f64", "usize", "vec", "std", "main", "Vec", "union", "_",
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
    let memory: Vec<String> =
        prologue.iter().filter_map(|line| line.split_once('\u{1}').map(|(name, _)| name.to_owned())).collect();
    let prologue: Vec<String> = prologue
        .iter()
        .map(|line| line.split_once('\u{1}').map_or(line.clone(), |(_, code)| code.to_owned()))
        .collect();
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
            out.push_str("#[allow(non_snake_case, unused_parens, unused_mut, unused_assignments, unused_variables, clippy::all)]\n");
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
            Op::MatMul
            | Op::Solve
            | Op::Matrix(_)
            | Op::Cross
            | Op::Item(..)
            | Op::Cumulate { .. }
            | Op::Softmax(_) => &node.args,
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

    fn binary(&self, w: &Writer<'_>, id: Id) -> Vec<Text> {
        w.program.args(id).iter().map(|a| w.text(*a)).collect()
    }
}

/// The text of an entry at a place, a row and a column.
fn at(code: &str, place: &str, row: &str, column: &str) -> String {
    let code = &if row == column { same_place(code) } else { code.to_owned() };
    // inside brackets a sum needs no parentheses of its own, as a factor it does
    let place = if place.contains(' ') && needs(code, "@k") { format!("({place})") } else { place.to_owned() };
    let row = if row.contains(' ') && needs(code, "@i") { format!("({row})") } else { row.to_owned() };
    let column = if column.contains(' ') && needs(code, "@j") { format!("({column})") } else { column.to_owned() };
    code.replace("@k", &place).replace("@i", &row).replace("@j", &column)
}

/// The text of an entry on the diagonal: row and column need no comparison there.
fn same_place(code: &str) -> String {
    ["@i == @j", "@i >= @j", "@i <= @j"].into_iter().fold(code.to_owned(), |code, test| code.replace(test, "0 == 0"))
}

/// Whether a marker stands anywhere but alone in brackets.
fn needs(code: &str, marker: &str) -> bool {
    code.matches(marker).count() != code.matches(&format!("[{marker}]")).count()
}
