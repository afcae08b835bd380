//! What needs statements: products, reductions, blocks, functions of matrices.

use matgrad_calculus::graph::{Dim, MatrixOp};
use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use super::Kind::{C, Rust};
use super::{Loops, at};
use crate::CodeError;
use crate::emit::{Language, Text, Writer, level};
use crate::program::{Id, Op, Sub};

impl Loops {
    pub(super) fn size_argument(&self, w: &mut Writer<'_>, dim: Dim) -> String {
        w.dim_text(dim).code
    }

    /// A product of matrices, or of a matrix and a column.
    pub(super) fn matmul(&self, w: &mut Writer<'_>, id: Id) -> Text {
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

    pub(super) fn matrix(&self, w: &mut Writer<'_>, op: MatrixOp, id: Id) -> Result<Text, CodeError> {
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

    pub(super) fn reduce(&self, w: &mut Writer<'_>, op: Reducer, axis: Option<u8>, id: Id) -> Text {
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

    pub(super) fn over_accumulated(&self, w: &mut Writer<'_>, name: &str, op: Reducer, text: &Text, shape: &Shape) {
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
    pub(super) fn subscript(&self, w: &mut Writer<'_>, subs: &[Sub], args: &[Id]) -> Text {
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

    pub(super) fn blocks(&self, w: &mut Writer<'_>, plan: &[Vec<(Dim, Dim)>], id: Id) -> Text {
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
}
