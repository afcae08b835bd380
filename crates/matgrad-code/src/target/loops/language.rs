//! How C and Rust say what all targets say.

use matgrad_calculus::graph::MapOp;
use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use super::Kind::{C, Rust};
use super::{C_RESERVED, Loops, RUST_RESERVED, at, is_entrywise, needs};
use crate::CodeError;
use crate::emit::{Language, Text, Writer, decimal, level, zero_based};
use crate::program::{Entry, Id, Op};

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
                let code = super::same_place(&text.code).replace("@i", "@\u{2}").replace("@j", "@\u{2}");
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
            // read as a condition, or short
            Op::Entry(Entry::Map(MapOp::Less | MapOp::LessEq | MapOp::Equal | MapOp::NotEqual)) => {
                program.is_scalar(id)
            }
            Op::Reduce(..) | Op::Dot | Op::Trace => true,
            _ => !is_entrywise(program, id) && !program.is_scalar(id),
        }
    }

    fn must_name(&self, w: &Writer<'_>, id: Id) -> bool {
        self.stored.contains(&id) && is_entrywise(w.program, id)
    }

    fn smaller(&self, a: &str, b: &str) -> String {
        match self.kind {
            C => format!("({a} < {b} ? {a} : {b})"),
            Rust => format!("({a}).min({b})"),
        }
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
