//! Index sums and tables without loops: every index is an axis of its own.
//!
//! In a region all arrays have one axis for each index, in a fixed order and of length 1 where they do not depend on it,
//! and their own axes behind. A sum keeps its axis with length 1, so that everything goes on fitting. Products of entries
//! alone are one `einsum`.

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Dim, MapOp};
use matgrad_syntax::{Rational, Reducer};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use super::einsum::einsum;
use super::{Python, alone, names, signed_sum};
use crate::CodeError;
use crate::emit::{Text, Writer, level};
use crate::program::{Binder, Entry, Id, Op, Sub, Whole};

/// The region of a sum or a table.
struct Region {
    dialect: Python,
    /// The axis of each index.
    axes: BTreeMap<u32, usize>,
    /// How many axes there are.
    depth: usize,
    texts: FxHashMap<Id, Text>,
    names: BTreeMap<u32, String>,
    /// Whether conditions leave entries out, of which some may lie outside of an array.
    guarded: bool,
}

/// A region as one expression, where everything in it can be done without loops.
pub(super) fn region(dialect: Python, w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
    if let Some(text) = einsum(dialect, w, id) {
        return Ok(Some(text));
    }
    let Some((axes, depth, nodes)) = plan(w, id) else { return Ok(None) };
    let guards = |id: &Id| match w.program.op(*id) {
        Op::ReduceIndex(..) => w.program.args(*id).len() > 1,
        Op::Entry(Entry::Map(MapOp::Where)) => true,
        _ => false,
    };
    let guarded = guards(&id) || nodes.iter().any(guards);
    let mut region = Region { dialect, axes, depth, texts: FxHashMap::default(), names: BTreeMap::new(), guarded };
    let lines = w.lines.len();
    let helpers = w.helpers.clone();
    let mut uses: FxHashMap<Id, usize> = FxHashMap::default();
    for node in &nodes {
        for arg in w.program.args(*node) {
            *uses.entry(*arg).or_default() += 1;
        }
    }
    let body = w.program.args(id)[0];
    for node in nodes {
        match region.node(w, node)? {
            Some(text) => {
                let many = uses.get(&node).is_some_and(|count| *count > 1) && text.code.len() > 12;
                let text = if many || (text.code.len() > 80 && node != body) {
                    let name = w.temporary();
                    w.line(format!("{name} = {}", text.code));
                    Text::atom(name)
                } else {
                    text
                };
                region.texts.insert(node, text);
            }
            None => {
                // nothing of it stays
                w.lines.truncate(lines);
                w.helpers = helpers;
                return Ok(None);
            }
        }
    }
    match region.root(w, id)? {
        Some(text) => Ok(Some(text)),
        None => {
            w.lines.truncate(lines);
            w.helpers = helpers;
            Ok(None)
        }
    }
}

pub(super) fn own_indices(w: &Writer<'_>, id: Id) -> SmallVec<[u32; 4]> {
    match w.program.op(id) {
        Op::ReduceIndex(_, indices) => indices.iter().copied().collect(),
        Op::Tabulate(indices) => indices.clone(),
        Op::Rows(index) => SmallVec::from_slice(&[*index]),
        _ => SmallVec::new(),
    }
}

/// The axes of the indices in a region, how many there are, and the nodes that depend on them, arguments first.
#[allow(clippy::type_complexity)]
fn plan(w: &Writer<'_>, root: Id) -> Option<(BTreeMap<u32, usize>, usize, Vec<Id>)> {
    let mut axes: BTreeMap<u32, usize> = own_indices(w, root).iter().enumerate().map(|(k, i)| (*i, k)).collect();
    let mut depth = axes.len();
    // nodes from the root downwards; binders come before what they bind
    let mut heap = std::collections::BinaryHeap::new();
    let mut inside = std::collections::BTreeSet::new();
    heap.extend(w.program.args(root).iter().copied());
    while let Some(id) = heap.pop() {
        let node = w.program.node(id);
        let depends = node.scope.iter().any(|b| matches!(b, Binder::Index(i) if axes.contains_key(i)));
        if !depends || !inside.insert(id) {
            continue;
        }
        match &node.op {
            Op::ReduceIndex(..) => {
                let taken: Vec<usize> = node
                    .scope
                    .iter()
                    .filter_map(|b| match b {
                        Binder::Index(i) => axes.get(i).copied(),
                        Binder::Loop(_) => None,
                    })
                    .collect();
                let mut next = 0;
                for index in own_indices(w, id) {
                    while taken.contains(&next) {
                        next += 1;
                    }
                    axes.insert(index, next);
                    next += 1;
                    depth = depth.max(next);
                }
            }
            Op::Tabulate(_) | Op::Rows(_) | Op::Loop { .. } => return None,
            _ => {}
        }
        heap.extend(node.args.iter().copied());
    }
    if depth > 12 {
        return None;
    }
    Some((axes, depth, inside.into_iter().collect()))
}

impl Region {
    fn is_inside(&self, w: &Writer<'_>, id: Id) -> bool {
        w.program.node(id).scope.iter().any(|b| matches!(b, Binder::Index(i) if self.axes.contains_key(i)))
    }

    fn text(&self, w: &Writer<'_>, id: Id) -> Text {
        match self.texts.get(&id) {
            Some(text) => text.clone(),
            None => w.text(id),
        }
    }

    fn is_host(&self, w: &Writer<'_>, id: Id) -> bool {
        !self.is_inside(w, id) && self.dialect.is_host(w, id)
    }

    /// The text of an argument that works entry by entry with arrays of this many own axes.
    fn aligned(&self, w: &Writer<'_>, id: Id, own: usize) -> Text {
        let text = self.text(w, id);
        let rank = w.program.shape(id).axes().len();
        if !self.is_inside(w, id) || rank == own {
            return text;
        }
        let more = vec!["None"; own].join(", ");
        Text::atom(format!("{}[..., {more}]", text.at(level::ATOM)))
    }

    /// The values of an index, along its axis.
    fn index(&mut self, w: &mut Writer<'_>, index: u32) -> String {
        if let Some(known) = self.names.get(&index) {
            return known.clone();
        }
        let own = w.program.indices[index as usize].clone();
        let wish = own.name.clone();
        let name = w.fresh(&wish);
        let length = w.dim_text(own.length).code;
        let end = match length.parse::<i64>() {
            Ok(value) => (value + own.start).to_string(),
            Err(_) if own.start == 0 => length,
            Err(_) => format!("{length} + {}", own.start),
        };
        let range = format!("{}.arange({}, {end})", self.dialect.module(), own.start);
        let axis = self.axes.get(&index).copied().unwrap_or(0);
        let code = if self.depth == 1 { range } else { format!("{range}[{}]", self.brackets(axis)) };
        w.line(format!("{name} = {code}"));
        self.names.insert(index, name.clone());
        name
    }

    /// What puts a single axis in its place.
    fn brackets(&self, axis: usize) -> String {
        let parts: Vec<&str> = (0..self.depth).map(|k| if k == axis { ":" } else { "None" }).collect();
        parts.join(", ")
    }

    /// A whole number of indices, as an array.
    fn whole(&mut self, w: &mut Writer<'_>, whole: &Whole, shift: i64) -> Text {
        let mut saved: Vec<(u32, Option<String>)> = Vec::new();
        for (index, _) in &whole.indices {
            if self.axes.contains_key(index) {
                let name = self.index(w, *index);
                saved.push((*index, w.index_names.insert(*index, name)));
            }
        }
        let text = w.whole(whole, shift);
        for (index, before) in saved {
            match before {
                Some(name) => w.index_names.insert(index, name),
                None => w.index_names.remove(&index),
            };
        }
        text
    }

    fn node(&mut self, w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
        let node = w.program.node(id).clone();
        let own = node.shape.axes().len();
        if own > 2 {
            return Ok(None);
        }
        let args = node.args.clone();
        let m = self.dialect.module();
        let at = |me: &Self, w: &Writer<'_>, k: usize, level: u8| me.aligned(w, args[k], own).at(level);
        Ok(Some(match &node.op {
            Op::Index(index) => {
                let name = self.index(w, *index);
                Text::atom(if self.dialect == Python::Torch { format!("{name}.double()") } else { name })
            }
            Op::Sum(signs) => {
                let texts: Vec<Text> = args.iter().map(|a| self.aligned(w, *a, own)).collect();
                signed_sum(signs, &texts)
            }
            Op::Mul => {
                let parts: Vec<String> = (0..args.len())
                    .map(|k| {
                        let product = matches!(w.program.op(args[k]), Op::MatMul | Op::Div);
                        at(self, w, k, if k == 0 && !product { level::PRODUCT } else { level::UNARY })
                    })
                    .collect();
                Text::new(parts.join(" * "), level::PRODUCT)
            }
            Op::Div => Text::new(
                format!("{} / {}", at(self, w, 0, level::UNARY), at(self, w, 1, level::UNARY)),
                level::PRODUCT,
            ),
            Op::Neg => Text::new(format!("-{}", at(self, w, 0, level::PRODUCT)), level::PRODUCT),
            Op::Pow => {
                // negative powers of whole numbers are not whole
                let base = at(self, w, 0, level::ATOM);
                let base = if matches!(w.program.op(args[0]), Op::Index(_)) && self.dialect != Python::Torch {
                    format!("{base}.astype(float)")
                } else {
                    base
                };
                Text::new(format!("{base} ** {}", at(self, w, 1, level::UNARY)), level::POWER)
            }
            Op::Entry(function) => return self.entry(w, *function, &args, own).map(Some),
            Op::Subscript(subs) => return Ok(self.subscript(w, subs, &args)),
            Op::Delta(a, b) => {
                let (a, b) = (self.whole(w, a, 0).at(level::SUM), self.whole(w, b, 0).at(level::SUM));
                names::indicator(self.dialect, &format!("{a} == {b}"), false)
            }
            Op::Epsilon(_) if self.dialect == Python::Dask => return Ok(None),
            Op::Epsilon(places) => {
                w.helpers.insert("_levi_civita");
                let codes: Vec<String> = places.iter().map(|p| self.whole(w, p, -1).code).collect();
                Text::atom(format!("_levi_civita({})[{}]", codes.len(), codes.join(", ")))
            }
            Op::Dot => {
                let rank = w.program.shape(args[0]).axes().len();
                if rank > 2 {
                    return Ok(None);
                }
                let (a, b) = (self.aligned(w, args[0], rank), self.aligned(w, args[1], rank));
                let product = if args[0] == args[1] {
                    format!("{} ** 2", a.at(level::ATOM))
                } else {
                    format!("{} * {}", a.at(level::UNARY), b.at(level::UNARY))
                };
                Text::atom(format!("{m}.sum({product}, {}={})", self.dialect.axis_word(), last_axes(rank)))
            }
            Op::Norm => {
                let rank = w.program.shape(args[0]).axes().len();
                let a = self.text(w, args[0]).at(level::ATOM);
                let axes = last_axes(rank);
                Text::atom(format!("{m}.sqrt({m}.sum({a} ** 2, {}={axes}))", self.dialect.axis_word()))
            }
            Op::MatMul if own == 1 && !self.is_inside(w, args[0]) => {
                let (a, x) = (self.text(w, args[0]).at(level::ATOM), self.text(w, args[1]).at(level::UNARY));
                Text::new(format!("{x} @ {a}.T"), level::PRODUCT)
            }
            Op::Transpose if own == 1 => self.text(w, args[0]),
            Op::Reduce(op, None) => {
                let rank = w.program.shape(args[0]).axes().len();
                let x = self.text(w, args[0]).code;
                return Ok(self.along(w, *op, &x, &last_axes(rank), false));
            }
            Op::ReduceIndex(..) => return self.reduction(w, id, true),
            _ => return Ok(None),
        }))
    }

    fn entry(&mut self, w: &mut Writer<'_>, function: Entry, args: &[Id], own: usize) -> Result<Text, CodeError> {
        let texts: Vec<Text> = args.iter().map(|a| self.aligned(w, *a, own)).collect();
        let hosts: Vec<bool> = args.iter().map(|a| self.is_host(w, *a)).collect();
        let torch = self.dialect == Python::Torch;
        let arrays: Vec<String> = texts
            .iter()
            .zip(&hosts)
            .map(|(text, host)| {
                if *host && torch {
                    format!("torch.tensor({}, dtype=torch.float64)", text.code)
                } else {
                    text.code.clone()
                }
            })
            .collect();
        let condition = args.first().map(|a| self.truth(w, *a, own));
        names::written(self.dialect, w, function, &texts, &arrays, condition, &hosts)
    }

    /// A node as a condition.
    fn truth(&self, w: &Writer<'_>, id: Id, own: usize) -> Text {
        if let Op::Entry(Entry::Map(op)) = w.program.op(id)
            && let Some(symbol) = names::comparison(*op)
        {
            let args = w.program.args(id);
            let (a, b) = (self.aligned(w, args[0], own).at(level::SUM), self.aligned(w, args[1], own).at(level::SUM));
            return Text::new(format!("{a} {symbol} {b}"), level::COMPARISON);
        }
        Text::new(format!("{} != 0", self.aligned(w, id, own).at(level::SUM)), level::COMPARISON)
    }

    fn along(&self, w: &mut Writer<'_>, op: Reducer, x: &str, axes: &str, keep: bool) -> Option<Text> {
        let m = self.dialect.module();
        let (axis, torch) = (self.dialect.axis_word(), self.dialect == Python::Torch);
        let keep = match (keep, torch) {
            (false, _) => "",
            (true, true) => ", keepdim=True",
            (true, false) => ", keepdims=True",
        };
        let one = !axes.contains(',');
        Some(Text::atom(match op {
            Reducer::Sum => format!("{m}.sum({x}, {axis}={axes}{keep})"),
            Reducer::Mean => format!("{m}.mean({x}, {axis}={axes}{keep})"),
            Reducer::Max if torch => format!("torch.amax({x}, dim={axes}{keep})"),
            Reducer::Min if torch => format!("torch.amin({x}, dim={axes}{keep})"),
            Reducer::Max => format!("{m}.max({x}, axis={axes}{keep})"),
            Reducer::Min => format!("{m}.min({x}, axis={axes}{keep})"),
            Reducer::Prod if torch && !one => return None,
            Reducer::Prod => format!("{m}.prod({x}, {axis}={axes}{keep})"),
            Reducer::LogSumExp => match self.dialect {
                Python::Numpy => {
                    w.helpers.insert("special");
                    format!("special.logsumexp({x}, axis={axes}{keep})")
                }
                Python::Dask => {
                    w.helpers.insert("_logsumexp");
                    format!("_logsumexp({x}, axis={axes}{keep})")
                }
                Python::Jax => format!("jax.nn.logsumexp({x}, axis={axes}{keep})"),
                Python::Torch => format!("torch.logsumexp({x}, dim={axes}{keep})"),
            },
        }))
    }

    /// A reduction over indices; inside a region its axes stay, with length 1.
    fn reduction(&mut self, w: &mut Writer<'_>, id: Id, keep: bool) -> Result<Option<Text>, CodeError> {
        let node = w.program.node(id).clone();
        let Op::ReduceIndex(op, indices) = node.op else { return Ok(None) };
        let body = node.args[0];
        let own = node.shape.axes().len();
        let condition = node.args.get(1).copied();
        let mut text = self.text(w, body);
        if let Some(condition) = condition {
            if op == Reducer::Mean || own > 0 {
                return Ok(None);
            }
            let neutral = match op {
                Reducer::Sum => "0.0",
                Reducer::Prod => "1.0",
                Reducer::Max | Reducer::LogSumExp => "-float(\"inf\")",
                _ => "float(\"inf\")",
            };
            let truth = self.truth(w, condition, 0).code;
            let code = if self.dialect == Python::Torch && self.is_host(w, body) {
                format!("torch.tensor({}, dtype=torch.float64)", text.code)
            } else {
                text.code
            };
            text = Text::atom(format!("{}.where({truth}, {code}, {neutral})", self.dialect.module()));
        }
        // what does not depend on an index is taken as often as it has values
        let depends = |w: &Writer<'_>, index: u32| {
            std::iter::once(body)
                .chain(condition)
                .any(|part| w.program.node(part).scope.contains(&Binder::Index(index)))
        };
        let (along, absent): (Vec<u32>, Vec<u32>) = indices.iter().partition(|i| depends(w, **i));
        let mut axes: Vec<usize> = along.iter().filter_map(|i| self.axes.get(i).copied()).collect();
        if !keep {
            axes = if along.is_empty() { Vec::new() } else { (0..self.depth).collect() };
        }
        axes.sort_unstable();
        let everything = !keep && own == 0 && !axes.is_empty();
        if everything && matches!(op, Reducer::Sum | Reducer::Mean | Reducer::Prod | Reducer::Max | Reducer::Min) {
            let name = match op {
                Reducer::Sum => "sum",
                Reducer::Mean => "mean",
                Reducer::Prod => "prod",
                Reducer::Max => "max",
                _ => "min",
            };
            text = Text::atom(format!("{}.{name}({})", self.dialect.module(), text.code));
        } else if !axes.is_empty() {
            let list = match axes.as_slice() {
                [one] => one.to_string(),
                many => format!("({})", many.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")),
            };
            match self.along(w, op, &text.code, &list, keep) {
                Some(reduced) => text = reduced,
                None => return Ok(None),
            }
        }
        for index in absent {
            let length = w.program.indices[index as usize].length;
            let length = w.dim(length);
            text = match op {
                Reducer::Sum => Text::new(format!("{length} * {}", text.at(level::UNARY)), level::PRODUCT),
                Reducer::Mean | Reducer::Max | Reducer::Min => text,
                Reducer::Prod => {
                    let length = if length.contains(' ') { format!("({length})") } else { length };
                    Text::new(format!("{} ** {length}", text.at(level::ATOM)), level::POWER)
                }
                Reducer::LogSumExp => return Ok(None),
            };
        }
        Ok(Some(text))
    }

    fn root(&mut self, w: &mut Writer<'_>, id: Id) -> Result<Option<Text>, CodeError> {
        let node = w.program.node(id).clone();
        let body = node.args[0];
        let (indices, rank) = match &node.op {
            Op::ReduceIndex(..) => return self.reduction(w, id, false),
            Op::Tabulate(indices) => (indices.clone(), 0),
            Op::Rows(index) => (SmallVec::from_slice(&[*index]), w.program.shape(body).axes().len()),
            _ => return Ok(None),
        };
        let m = self.dialect.module();
        let mut text = self.text(w, body);
        let all = indices.iter().all(|i| w.program.node(body).scope.contains(&Binder::Index(*i)));
        let own: Vec<String> = w.program.shape(body).axes().iter().map(|d| w.dim_text(*d).code).collect();
        let mut dims: Vec<String> = Vec::new();
        for index in &indices {
            let length = w.program.indices[*index as usize].length;
            dims.push(w.dim_text(length).code);
        }
        if self.depth > indices.len() && self.is_inside(w, body) {
            // inner sums have left axes of length 1
            let kept = vec![":"; indices.len()].join(", ");
            let dropped = vec!["0"; self.depth - indices.len()].join(", ");
            text = Text::atom(format!("{}[{kept}, {dropped}]", text.at(level::ATOM)));
        }
        if !all {
            let code = if self.is_host(w, body) || self.dialect == Python::Torch {
                match self.dialect {
                    Python::Torch => format!("torch.as_tensor({}, dtype=torch.float64)", text.code),
                    _ => format!("{m}.asarray({}, dtype=float)", text.code),
                }
            } else {
                text.code.clone()
            };
            let shape = dims.iter().chain(&own).cloned().collect::<Vec<_>>().join(", ");
            text = Text::atom(format!("{m}.broadcast_to({code}, ({shape},))"));
        }
        let wanted = node.shape.axes();
        if wanted.len() != indices.len() + rank {
            let dims: Vec<String> = wanted.iter().map(|d| w.dim_text(*d).code).collect();
            let dims = if dims.is_empty() { "()".to_owned() } else { format!("({},)", dims.join(", ")) };
            text = Text::atom(format!("{}.reshape({dims})", text.at(level::ATOM)));
        }
        Ok(Some(text))
    }

    /// Entries of an array that the region only reads.
    fn subscript(&mut self, w: &mut Writer<'_>, subs: &[Sub], args: &[Id]) -> Option<Text> {
        let base = args[0];
        if self.is_inside(w, base) {
            // one entry of each array
            let closed = |sub: &Sub| matches!(sub, Sub::At(whole) if whole.indices.iter().all(|(i, _)| !self.axes.contains_key(i)));
            if !subs.iter().all(closed) {
                return None;
            }
            let places: Vec<String> = subs
                .iter()
                .filter_map(|sub| match sub {
                    Sub::At(whole) => Some(w.whole(whole, -1).code),
                    _ => None,
                })
                .collect();
            return Some(Text::atom(format!("{}[..., {}]", self.text(w, base).at(level::ATOM), places.join(", "))));
        }
        let dims = w.program.shape(base).axes();
        let code = self.text(w, base).at(level::ATOM);
        let single = |me: &Self, sub: &Sub| match sub {
            Sub::At(whole) => alone(whole).filter(|i| me.axes.contains_key(i)),
            _ => None,
        };
        let singles: Vec<Option<u32>> = subs.iter().map(|sub| single(self, sub)).collect();
        let outside: Vec<bool> = subs.iter().zip(&dims).map(|(sub, dim)| self.may_lie_outside(w, sub, *dim)).collect();
        let distinct = singles.iter().flatten().collect::<std::collections::BTreeSet<_>>().len()
            == singles.iter().flatten().count();
        let slices = subs.iter().zip(&singles).all(|(sub, single)| match sub {
            Sub::All => true,
            Sub::Range(..) => true,
            Sub::At(whole) => single.is_some() || whole.indices.iter().all(|(i, _)| !self.axes.contains_key(i)),
            Sub::Value(_) => false,
        });
        if distinct && slices && !outside.contains(&true) {
            return self.sliced(w, subs, &singles, &code, &dims);
        }
        if self.dialect == Python::Dask {
            // no array of dask is read at places that are arrays
            return None;
        }
        // places worked out entry by entry
        let mut places: Vec<String> = Vec::new();
        for (k, sub) in subs.iter().enumerate() {
            places.push(match sub {
                Sub::At(whole) if outside[k] => {
                    // what the condition leaves out is read from somewhere inside
                    let place = self.whole(w, whole, -1).code;
                    let clip = if self.dialect == Python::Torch { "clamp" } else { "clip" };
                    format!("{}.{clip}({place}, 0, {})", self.dialect.module(), w.dim_plus(dims[k], -1))
                }
                Sub::At(whole) => self.whole(w, whole, -1).code,
                Sub::Value(k) => {
                    let text = self.text(w, args[*k]);
                    match self.dialect {
                        Python::Torch => format!("{}.long() - 1", text.at(level::ATOM)),
                        _ => format!("{}.asarray({}).astype(int) - 1", self.dialect.module(), text.code),
                    }
                }
                Sub::All | Sub::Range(..) => return None,
            });
        }
        Some(Text::atom(format!("{code}[{}]", places.join(", "))))
    }

    /// Whether a place that depends on indices may be none of an axis, at positions that a condition leaves out.
    fn may_lie_outside(&self, w: &mut Writer<'_>, sub: &Sub, dim: Dim) -> bool {
        let Sub::At(whole) = sub else { return false };
        if !self.guarded || !whole.indices.iter().any(|(index, _)| self.axes.contains_key(index)) {
            return false;
        }
        let one = w.program.sizes.constant(1);
        let (mut least, mut most) = (whole.constant, whole.constant);
        for (index, times) in &whole.indices {
            let own = w.program.indices[*index as usize].clone();
            let sizes = &mut w.program.sizes;
            let first = sizes.constant(own.start);
            let last = sizes.add(first, own.length);
            let last = sizes.sub(last, one);
            let (low, high) = if *times > 0 { (first, last) } else { (last, first) };
            let times = Rational::int(*times);
            let (low, high) = (sizes.scale(low, &times), sizes.scale(high, &times));
            (least, most) = (sizes.add(least, low), sizes.add(most, high));
        }
        let sizes = &mut w.program.sizes;
        let (below, above) = (sizes.sub(least, one), sizes.sub(dim, most));
        !sizes.is_nonnegative(below) || !sizes.is_nonnegative(above)
    }

    fn sliced(
        &mut self,
        w: &mut Writer<'_>,
        subs: &[Sub],
        singles: &[Option<u32>],
        code: &str,
        dims: &[Dim],
    ) -> Option<Text> {
        let mut parts: Vec<String> = Vec::new();
        // the axes that are left, by where they go
        let mut left: Vec<usize> = Vec::new();
        let mut own = 0;
        for (k, sub) in subs.iter().enumerate() {
            match (sub, singles[k]) {
                (Sub::At(whole), Some(index)) => {
                    let info = w.program.indices[index as usize].clone();
                    let from = w.program.sizes.constant(info.start - 1);
                    let from = w.program.sizes.add(whole.constant, from);
                    let to = w.program.sizes.add(from, info.length);
                    let full = w.program.sizes.value(from) == Some(0) && to == dims[k];
                    parts.push(if full {
                        ":".to_owned()
                    } else {
                        let (from, to) = (w.dim_text(from).code, w.dim_text(to).code);
                        format!("{}:{to}", if from == "0" { "" } else { &from })
                    });
                    left.push(self.axes.get(&index).copied()?);
                }
                (Sub::At(whole), None) => parts.push(w.whole(whole, -1).code),
                (Sub::All, _) => {
                    parts.push(":".to_owned());
                    left.push(self.depth + own);
                    own += 1;
                }
                (Sub::Range(from, to), _) => {
                    let (from, to) = (w.dim_plus(*from, -1), w.dim_text(*to).code);
                    parts.push(format!("{from}:{to}"));
                    left.push(self.depth + own);
                    own += 1;
                }
                (Sub::Value(_), _) => return None,
            }
        }
        let mut code = code.to_owned();
        if parts.iter().any(|part| part != ":") {
            code = format!("{code}[{}]", parts.join(", "));
        }
        let mut order: Vec<usize> = (0..left.len()).collect();
        order.sort_by_key(|k| left[*k]);
        if order.iter().enumerate().any(|(a, b)| a != *b) {
            code = match (order.len(), self.dialect) {
                (2, _) => format!("{code}.T"),
                (_, Python::Torch) => format!("{code}.permute({})", numbers(&order)),
                _ => format!("{code}.transpose({})", numbers(&order)),
            };
        }
        let places: Vec<&str> =
            (0..self.depth + own).map(|axis| if left.contains(&axis) { ":" } else { "None" }).collect();
        if places.contains(&"None") {
            code = format!("{code}[{}]", places.join(", "));
        }
        Some(Text::atom(code))
    }
}

fn numbers(all: &[usize]) -> String {
    all.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

fn last_axes(rank: usize) -> String {
    match rank {
        2 => "(-2, -1)".to_owned(),
        _ => "-1".to_owned(),
    }
}
