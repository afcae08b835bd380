//! How Python says what all targets say.

use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use super::{Python, RESERVED, dask, signed_sum, wide};
use crate::CodeError;
use crate::emit::{Language, Text, Writer, decimal, level, zero_based};
use crate::program::{Binder, Id, Op, Read, Sub};

/// A column repeated side by side (`true`), or a row repeated downwards: the vector.
fn repeated(w: &Writer<'_>, id: Id) -> Option<(Id, bool)> {
    let is_one = |id: Id| matches!(w.program.op(id), Op::Full(value) if value.is_one());
    match (w.program.op(id), w.program.args(id)) {
        (Op::Outer, [a, b]) if is_one(*b) => Some((*a, true)),
        (Op::Outer, [a, b]) if is_one(*a) => Some((*b, false)),
        _ => None,
    }
}

impl Python {
    /// The operands of what works entry by entry: where others have all rows and columns, a vector need not be repeated.
    fn broadcast(self, w: &Writer<'_>, args: &[Id]) -> Vec<Text> {
        let kinds: Vec<Option<(Id, bool)>> = args.iter().map(|a| repeated(w, *a)).collect();
        let whole =
            args.iter().zip(&kinds).any(|(a, k)| k.is_none() && matches!(w.program.shape(*a), Shape::Matrix(..)));
        let columns = kinds.iter().flatten().any(|(_, column)| *column);
        let rows = kinds.iter().flatten().any(|(_, column)| !*column);
        let covered = whole || (columns && rows);
        if !covered {
            return args.iter().map(|a| w.text(*a)).collect();
        }
        args.iter()
            .zip(kinds)
            .map(|(a, kind)| match kind {
                Some((v, true)) => Text::atom(format!("{}[:, None]", w.code(v, level::ATOM))),
                Some((v, false)) => w.text(v),
                None => w.text(*a),
            })
            .collect()
    }
}

impl Language for Python {
    fn reserved(&self) -> &'static [&'static str] {
        RESERVED
    }

    fn node(&self, w: &mut Writer<'_>, id: Id) -> Result<Text, CodeError> {
        if *self == Python::Dask
            && let Some(text) = dask::node(w, id)?
        {
            return Ok(text);
        }
        let node = w.program.node(id).clone();
        let (args, m) = (node.args.clone(), self.module());
        let code = |w: &Writer<'_>, k: usize, level: u8| w.code(args[k], level);
        Ok(match &node.op {
            Op::Number(value) => decimal(value, false),
            Op::Pi => Text::atom(format!("{}.pi", if *self == Python::Torch { "torch" } else { m })),
            Op::Size(dim) => w.dim_text(*dim),
            Op::Index(index) => Text::atom(w.index_name(*index)),
            Op::Input(k) => Text::atom(w.input_names[*k as usize].clone()),
            Op::Full(value) => Text::atom(self.full(w, value, &node.shape)),
            Op::Eye => {
                let n = code(w, 0, level::TERNARY);
                Text::atom(self.new_array("eye", &n))
            }
            Op::Unit(at) => {
                let (n, at) = (code(w, 0, level::TERNARY), w.dim_plus(*at, -1));
                Text::atom(format!("{}[{at}]", self.new_array("eye", &n)))
            }
            Op::Commutation(a, b) => {
                w.helpers.insert("_commutation");
                let (a, b) = (w.dim_text(*a).code, w.dim_text(*b).code);
                Text::atom(format!("_commutation({a}, {b})"))
            }
            Op::Duplication(n) => {
                w.helpers.insert("_duplication");
                Text::atom(format!("_duplication({})", w.dim_text(*n).code))
            }
            Op::Elimination(n) => {
                w.helpers.insert("_elimination");
                Text::atom(format!("_elimination({})", w.dim_text(*n).code))
            }
            Op::Sum(signs) => {
                let texts = self.broadcast(w, &args);
                signed_sum(signs, &texts)
            }
            Op::Mul => {
                let texts = self.broadcast(w, &args);
                let parts: Vec<String> = texts
                    .iter()
                    .zip(&args)
                    .enumerate()
                    .map(|(k, (text, arg))| {
                        let product = matches!(w.program.op(*arg), Op::MatMul | Op::Div);
                        text.at(if k == 0 && !product { level::PRODUCT } else { level::UNARY })
                    })
                    .collect();
                Text::new(parts.join(" * "), level::PRODUCT)
            }
            Op::Div => {
                let (a, b) = (code(w, 0, level::UNARY), code(w, 1, level::UNARY));
                Text::new(format!("{a} / {b}"), level::PRODUCT)
            }
            Op::Neg => Text::new(format!("-{}", code(w, 0, level::PRODUCT)), level::PRODUCT),
            Op::Pow => {
                let (a, b) = (code(w, 0, level::ATOM), code(w, 1, level::UNARY));
                Text::new(format!("{a} ** {b}"), level::POWER)
            }
            Op::Entry(function) => self.entry(w, *function, &args)?,
            Op::MatMul => {
                let (a, b) = (code(w, 0, level::UNARY), code(w, 1, level::UNARY));
                Text::new(format!("{a} @ {b}"), level::PRODUCT)
            }
            Op::Outer => Text::atom(format!("{m}.outer({}, {})", code(w, 0, 0), code(w, 1, 0))),
            Op::Dot => match w.program.shape(args[0]) {
                Shape::Matrix(..) if args[0] == args[1] => {
                    Text::atom(format!("{m}.sum({} ** 2)", code(w, 0, level::ATOM)))
                }
                Shape::Matrix(..) => {
                    Text::atom(format!("{m}.sum({} * {})", code(w, 0, level::UNARY), code(w, 1, level::UNARY)))
                }
                Shape::Tensor(_) => {
                    Text::atom(format!("{m}.sum({} * {})", code(w, 0, level::UNARY), code(w, 1, level::UNARY)))
                }
                _ => Text::new(format!("{} @ {}", code(w, 0, level::UNARY), code(w, 1, level::UNARY)), level::PRODUCT),
            },
            Op::ScaleRows => Text::new(
                format!("{}[:, None] * {}", code(w, 0, level::ATOM), code(w, 1, level::UNARY)),
                level::PRODUCT,
            ),
            Op::ScaleCols => {
                Text::new(format!("{} * {}", code(w, 1, level::UNARY), code(w, 0, level::UNARY)), level::PRODUCT)
            }
            Op::Transpose => self.transposed(w, args[0]),
            Op::DiagMatrix | Op::DiagPart => Text::atom(format!("{m}.diag({})", code(w, 0, 0))),
            Op::Trace => Text::atom(format!("{m}.trace({})", code(w, 0, 0))),
            Op::Vec => {
                let x = code(w, 0, level::ATOM);
                Text::atom(
                    x.strip_suffix(".T")
                        .map_or_else(|| format!("{x}.T.reshape(-1)"), |turned| format!("{turned}.reshape(-1)")),
                )
            }
            Op::Reshape => {
                let Shape::Matrix(rows, cols) = node.shape else { return Ok(w.text(args[0])) };
                let (rows, cols) = (w.dim_text(rows).code, w.dim_text(cols).code);
                Text::atom(format!("{}.reshape({cols}, {rows}).T", code(w, 0, level::ATOM)))
            }
            Op::Kron => {
                let flat = args.iter().all(|a| matches!(w.program.shape(*a), Shape::Column(_)));
                let (a, b) = if flat {
                    (code(w, 0, 0), code(w, 1, 0))
                } else {
                    (self.two_dimensional(w, args[0]), self.two_dimensional(w, args[1]))
                };
                let contiguous = if *self == Python::Torch { ".contiguous()" } else { "" };
                if contiguous.is_empty() {
                    Text::atom(format!("{m}.kron({a}, {b})"))
                } else {
                    let wrap = |c: String| if c.contains(' ') { format!("({c})") } else { c };
                    Text::atom(format!("torch.kron({}{contiguous}, {}{contiguous})", wrap(a), wrap(b)))
                }
            }
            Op::Cross => match self {
                Python::Torch => Text::atom(format!("torch.linalg.cross({}, {})", code(w, 0, 0), code(w, 1, 0))),
                _ => Text::atom(format!("{m}.cross({}, {})", code(w, 0, 0), code(w, 1, 0))),
            },
            Op::Solve => Text::atom(format!("{m}.linalg.solve({}, {})", code(w, 0, 0), code(w, 1, 0))),
            Op::Norm => Text::atom(format!("{m}.linalg.norm({})", code(w, 0, 0))),
            Op::Matrix(op) => self.matrix(w, *op, &args)?,
            Op::Reduce(op, axis) => self.reduce(w, *op, *axis, args[0]),
            Op::Softmax(axis) => {
                let x = code(w, 0, 0);
                match (self, axis) {
                    (Python::Numpy | Python::Dask, None) => {
                        w.helpers.insert("special");
                        Text::atom(format!("special.softmax({x})"))
                    }
                    (Python::Numpy | Python::Dask, Some(axis)) => {
                        w.helpers.insert("special");
                        Text::atom(format!("special.softmax({x}, axis={axis})"))
                    }
                    (Python::Jax, None) if matches!(node.shape, Shape::Matrix(..)) => {
                        Text::atom(format!("jax.nn.softmax({x}, axis=(0, 1))"))
                    }
                    (Python::Jax, axis) => Text::atom(format!("jax.nn.softmax({x}, axis={})", axis.unwrap_or(0))),
                    (Python::Torch, None) if matches!(node.shape, Shape::Matrix(..)) => {
                        let x = code(w, 0, level::ATOM);
                        Text::atom(format!("torch.softmax({x}.reshape(-1), dim=0).reshape({x}.shape)"))
                    }
                    (Python::Torch, axis) => Text::atom(format!("torch.softmax({x}, dim={})", axis.unwrap_or(0))),
                }
            }
            Op::Cumulate { reverse: false } => Text::atom(format!("{m}.cumsum({}, {})", code(w, 0, 0), self.axis(0))),
            Op::Cumulate { reverse: true } => match self {
                Python::Torch => {
                    Text::atom(format!("torch.flip(torch.cumsum(torch.flip({}, [0]), dim=0), [0])", code(w, 0, 0)))
                }
                _ => Text::atom(format!("{m}.cumsum({}[::-1], axis=0)[::-1]", code(w, 0, level::ATOM))),
            },
            Op::Triangle { lower } => {
                Text::atom(format!("{m}.{}({})", if *lower { "tril" } else { "triu" }, code(w, 0, 0)))
            }
            Op::Blocks(plan) => self.blocks(w, plan, id),
            Op::Subscript(subs) => self.subscript(w, subs, &args),
            Op::Delta(a, b) => {
                let (a, b) = (w.whole(a, 0).at(level::SUM), w.whole(b, 0).at(level::SUM));
                Text::atom(format!("float({a} == {b})"))
            }
            Op::Epsilon(places) => {
                w.helpers.insert("_levi_civita");
                let places: Vec<String> = places.iter().map(|p| w.whole(p, -1).code).collect();
                Text::atom(format!("_levi_civita({})[{}]", places.len(), places.join(", ")))
            }
            Op::ReduceIndex(..) | Op::Tabulate(_) | Op::Rows(_) | Op::State(_) | Op::Item(..) | Op::Loop { .. } => {
                Text::atom("0")
            }
        })
    }

    fn region(&self, w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
        match wide::region(*self, w, id)? {
            None if *self == Python::Dask => Err(dask::no_region()),
            text => Ok(text),
        }
    }

    fn assign(&self, w: &mut Writer<'_>, name: &str, code: &str, _id: Id) {
        w.line(format!("{name} = {code}"));
    }

    fn update(&self, w: &mut Writer<'_>, name: &str, code: &str, _id: Id) {
        w.line(format!("{name} = {code}"));
    }

    fn open_index(&self, w: &mut Writer<'_>, name: &str, start: i64, length: &str) {
        let end = match length.parse::<i64>() {
            Ok(value) => (value + start).to_string(),
            Err(_) if start == 0 => length.to_owned(),
            Err(_) => format!("{length} + {start}"),
        };
        w.line(format!("for {name} in range({start}, {end}):"));
    }

    fn open_steps(&self, w: &mut Writer<'_>, place: &str, length: &str, backward: bool) {
        w.line(if backward {
            format!("for {place} in reversed(range({length})):")
        } else {
            format!("for {place} in range({length}):")
        });
    }

    fn close(&self, _w: &mut Writer<'_>) {}

    fn open_if(&self, w: &mut Writer<'_>, condition: &str) {
        w.line(format!("if {condition}:"));
    }

    fn condition(&self, w: &mut Writer<'_>, id: Id) -> Result<String, CodeError> {
        Ok(self.truth(w, id).code)
    }

    fn start(&self, w: &mut Writer<'_>, name: &str, op: Reducer, _body: Id) {
        let first = match op {
            Reducer::Sum | Reducer::Mean => "0.0",
            Reducer::Prod => "1.0",
            Reducer::Max | Reducer::LogSumExp => "-float(\"inf\")",
            Reducer::Min => "float(\"inf\")",
        };
        w.line(format!("{name} = {first}"));
    }

    fn accumulate(&self, w: &mut Writer<'_>, name: &str, op: Reducer, code: &str, body: Id) {
        let m = self.module();
        let code = if *self == Python::Torch && body != Id(u32::MAX) && self.is_host(w, body) {
            format!("torch.tensor({code}, dtype=torch.float64)")
        } else {
            code.to_owned()
        };
        let as_array = |name: &str| {
            if *self == Python::Torch {
                format!("torch.as_tensor({name}, dtype=torch.float64)")
            } else {
                name.to_owned()
            }
        };
        w.line(match op {
            Reducer::Sum | Reducer::Mean => format!("{name} = {name} + {code}"),
            Reducer::Prod => format!("{name} = {name} * ({code})"),
            Reducer::Max => format!("{name} = {m}.maximum({}, {code})", as_array(name)),
            Reducer::Min => format!("{name} = {m}.minimum({}, {code})", as_array(name)),
            Reducer::LogSumExp => format!("{name} = {m}.logaddexp({}, {code})", as_array(name)),
        });
    }

    fn finish(&self, w: &mut Writer<'_>, name: &str, op: Reducer, count: Option<&str>, _body: Id) {
        if let (Reducer::Mean, Some(count)) = (op, count) {
            let count = if count.contains(' ') { format!("({count})") } else { count.to_owned() };
            w.line(format!("{name} = {name} / {count}"));
        }
    }

    fn allocate(&self, w: &mut Writer<'_>, name: &str, shape: &Shape) {
        let zeros = self.full(w, &matgrad_syntax::Rational::ZERO, shape);
        w.line(format!("{name} = {zeros}"));
    }

    fn store(&self, w: &mut Writer<'_>, name: &str, _shape: &Shape, places: &[String], code: &str, _body: Id) {
        let places: Vec<String> = places.iter().map(|p| zero_based(p)).collect();
        let places = places.join(", ");
        w.line(match self {
            Python::Jax => format!("{name} = {name}.at[{places}].set({code})"),
            _ => format!("{name}[{places}] = {code}"),
        });
    }

    fn is_cheap(&self, w: &Writer<'_>, id: Id) -> bool {
        match w.program.op(id) {
            Op::Number(_) | Op::Pi | Op::Size(_) | Op::Index(_) | Op::Input(_) | Op::State(_) | Op::Item(..) => true,
            Op::Transpose => {
                let inner = w.program.args(id)[0];
                let text = w.text(inner);
                text.code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
            }
            Op::Neg => w.program.is_scalar(id) && w.text(id).code.len() < 12,
            Op::Subscript(subs) => subs.iter().all(|s| matches!(s, Sub::At(_))) && w.text(id).code.len() < 16,
            // a vector of ones is for broadcasting, mostly
            Op::Full(_) => matches!(w.program.shape(id), Shape::Column(_)),
            Op::Outer => repeated(w, id).is_some(),
            _ => self.is_host(w, id) && w.text(id).code.len() < 16,
        }
    }

    fn exact_quotient(&self, numerator: &str, denominator: &str) -> String {
        format!("{numerator} // {denominator}")
    }

    fn item(&self, w: &mut Writer<'_>, sequence: Id, place: &str) -> String {
        match w.program.shape(sequence) {
            Shape::Scalar => w.code(sequence, level::ATOM),
            _ => format!("{}[{place}]", w.code(sequence, level::ATOM)),
        }
    }

    fn recurrence(&self, w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
        if *self == Python::Dask {
            return dask::node(w, id);
        }
        if *self != Python::Jax {
            return Ok(None);
        }
        let node = w.program.node(id).clone();
        let Op::Loop { id: number, backward, .. } = node.op else { return Ok(None) };
        let (init, body) = (node.args[0], node.args[node.args.len() - 1]);
        let sequences: Vec<Id> = node.args[1..node.args.len() - 1].to_vec();
        if sequences.iter().any(|s| w.program.is_scalar(*s)) {
            return Ok(None);
        }
        let (step, state, item) = (w.fresh("step"), w.fresh("state"), w.fresh("item"));
        let before: Vec<Id> = w.texts.keys().copied().collect();
        let items: Vec<String> = match sequences.len() {
            1 => vec![item.clone()],
            count => (0..count).map(|k| w.fresh(&format!("{item}{k}"))).collect(),
        };
        w.line(format!("def {step}({state}, {item}):"));
        w.depth += 1;
        if items.len() > 1 {
            w.line(format!("{} = {item}", items.join(", ")));
        }
        for k in 0..w.program.nodes.len() {
            let here = Id(k as u32);
            match *w.program.op(here) {
                Op::State(own) if own == number => {
                    w.texts.insert(here, Text::atom(state.clone()));
                }
                Op::Item(own, which) if own == number => {
                    if let Some(item) = items.get(which as usize) {
                        w.texts.insert(here, Text::atom(item.clone()));
                    }
                }
                _ => {}
            }
        }
        w.within(Binder::Loop(number), &[body])?;
        let mut code = w.text(body).code;
        let readings: Vec<(Id, Read)> = w
            .program
            .readings(id)
            .into_iter()
            .filter(|reading| w.uses(*reading) > 0)
            .filter_map(|reading| match w.program.op(reading) {
                Op::Loop { read, .. } => Some((reading, *read)),
                _ => None,
            })
            .collect();
        let is_name = code.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name && readings.iter().any(|(_, read)| *read == Read::After) {
            let after = w.temporary();
            w.line(format!("{after} = {code}"));
            code = after;
        }
        let tables: Vec<(Id, Read)> = readings.iter().filter(|(_, read)| *read != Read::Last).copied().collect();
        let shown: Vec<String> =
            tables.iter().map(|(_, read)| if *read == Read::After { code.clone() } else { state.clone() }).collect();
        let tuple = |all: &[String]| match all {
            [] => "None".to_owned(),
            [one] => one.clone(),
            many => format!("({})", many.join(", ")),
        };
        w.line(format!("return {code}, {}", tuple(&shown)));
        w.depth -= 1;
        let before: std::collections::BTreeSet<Id> = before.into_iter().collect();
        w.texts.retain(|id, _| before.contains(id));
        let names: Vec<String> = tables.iter().map(|(reading, _)| w.name_of(*reading)).collect();
        let last = readings.iter().find(|(_, read)| *read == Read::Last).map(|(reading, _)| *reading);
        let name = last.map_or("_".to_owned(), |last| w.name_of(last));
        let first = match w.program.shape(init) {
            Shape::Scalar => format!("jnp.asarray({}, dtype=float)", w.code(init, 0)),
            _ => w.code(init, 0),
        };
        let xs: Vec<String> = sequences.iter().map(|s| w.code(*s, 0)).collect();
        let xs = if xs.len() == 1 { xs[0].clone() } else { format!("({})", xs.join(", ")) };
        let backward = if backward { ", reverse=True" } else { "" };
        let target = if names.is_empty() { "_".to_owned() } else { tuple(&names) };
        w.line(format!("{name}, {target} = jax.lax.scan({step}, {first}, {xs}{backward})"));
        for ((reading, _), table) in tables.iter().zip(&names) {
            w.texts.insert(*reading, Text::atom(table.clone()));
        }
        let own = w.texts.get(&id).map_or(name.clone(), |text| text.code.clone());
        if let Some(last) = last {
            w.texts.insert(last, Text::atom(name));
        }
        Ok(Some(Text::atom(own)))
    }
}
