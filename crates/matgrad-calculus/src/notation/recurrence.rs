//! Loops as `fold` and `scan`: all states of a loop in one, a vector or the columns of a matrix, and all sequences side
//! by side, so that the step is a function of the language.

use matgrad_syntax::{ExprKind, Name};
use rustc_hash::{FxHashMap, FxHashSet};

use super::atoms::form_of;
use super::emit::{self, Emitter};
use super::expr::{Form, Kind, M};
use super::{Helper, Printer};
use crate::graph::{
    Dim, Dims, Factor, Graph, Label, Labels, Node, NodeId, Part, Product, ProductBuilder, Reading, Recurrence, Slot,
};
use crate::layout::fuse_axes;

/// The parameters of every step, until their names are chosen.
pub(super) const STATE: &str = "\u{1}state";
pub(super) const ITEM: &str = "\u{1}item";

/// How long a placeholder is while forms of a step are compared: as long as the name of a parameter.
pub(super) fn stand_in(slot: Slot) -> Name {
    let code = match slot {
        Slot::State(k) => 0xE000 + 2 * k,
        Slot::Item(k) => 0xE001 + 2 * k,
    };
    Name::from(char::from_u32(code).unwrap_or('\u{E000}').to_string())
}

/// One of several things that are packed into one: what it is before the first step and after each, and what stands for
/// it before a step.
struct Piece {
    placeholder: Option<NodeId>,
    init: NodeId,
    next: NodeId,
}

/// Where a piece lies in the whole.
#[derive(Clone, Copy)]
enum Place {
    /// The whole is the piece.
    All,
    /// One position along the packed axis.
    Thin(Dim),
    /// Positions from an offset on; its own axes from `Dims` on are fused.
    Thick(Dim, Dim),
}

/// How several tensors lie in one, along its last axis: as the columns of a matrix, with first axes that all of them
/// have fused as its rows, or as vectors.
struct Packing {
    /// How many first axes all of them have.
    rows: usize,
    places: Vec<Place>,
    /// The length of the packed axis; `None` where there is one piece, as it is.
    total: Option<Dim>,
}

impl Packing {
    /// How tensors with these axes are packed behind `rows` axes that all of them have.
    fn new(g: &mut Graph, shapes: &[Dims], rows: usize, alone: bool) -> Self {
        if let ([_], true) = (shapes, alone) {
            return Self { rows, places: vec![Place::All], total: None };
        }
        let mut at = g.sizes.constant(0);
        let mut places = Vec::new();
        for shape in shapes {
            let one = g.sizes.constant(1);
            let own = &shape[rows..];
            if own.is_empty() {
                at = g.sizes.add(at, one);
                places.push(Place::Thin(at));
            } else {
                let extent = own.iter().fold(one, |product, dim| g.sizes.mul(product, *dim));
                places.push(Place::Thick(at, extent));
                at = g.sizes.add(at, extent);
            }
        }
        Self { rows, places, total: Some(at) }
    }

    /// The tensors in one; `first` axes of their own come before.
    fn pack(&self, g: &mut Graph, nodes: &[NodeId], first: usize) -> NodeId {
        if let (None, [node]) = (self.total, nodes) {
            return *node;
        }
        let kept = first + self.rows;
        let parts: Vec<Part> = nodes
            .iter()
            .zip(&self.places)
            .map(|(node, place)| {
                let mut groups: Vec<Vec<usize>> = (0..first).map(|k| vec![k]).collect();
                groups.push((first..kept).collect());
                groups.push((kept..g.rank(*node)).collect());
                let groups: Vec<&[usize]> = groups.iter().map(Vec::as_slice).collect();
                let node = fuse_axes(g, *node, &groups);
                match place {
                    Place::All | Place::Thin(_) => Part { node, extent: None },
                    Place::Thick(_, extent) => Part { node, extent: Some(*extent) },
                }
            })
            .collect();
        g.stack((first + usize::from(self.rows > 0)) as u8, parts)
    }

    /// A piece of the whole, with these axes; `first` axes of their own come before.
    fn piece(&self, g: &mut Graph, whole: NodeId, k: usize, dims: &[Dim], first: usize) -> NodeId {
        let (Some(total), Some(place)) = (self.total, self.places.get(k)) else { return whole };
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(g, whole);
        p.factor(whole, &labels);
        let mut out: Labels = labels[..first].iter().copied().collect();
        if self.rows > 0 {
            out.extend(split(g, &mut p, labels[first], &dims[..self.rows]));
        }
        let Some(&axis) = labels.last() else { return whole };
        match place {
            Place::All => return whole,
            Place::Thin(at) => {
                let hot = g.one_hot(*at, total);
                p.factor(hot, &[axis]);
            }
            Place::Thick(offset, extent) => {
                let inside = p.label(*extent);
                let shift = g.shift(*offset, *extent, total);
                p.factor(shift, &[inside, axis]);
                out.extend(split(g, &mut p, inside, &dims[self.rows..]));
            }
        }
        p.build(g, &out)
    }
}

/// Labels for the axes that a fused one stands for, the first of them fastest.
fn split(g: &mut Graph, p: &mut ProductBuilder, mut fused: Label, dims: &[Dim]) -> Labels {
    let mut out = Labels::new();
    for k in (1..dims.len()).rev() {
        let one = g.sizes.constant(1);
        let fast = dims[..k].iter().fold(one, |product, dim| g.sizes.mul(product, *dim));
        let (inner, slow) = (p.label(fast), p.label(dims[k]));
        let fuse = g.fuse(fast, dims[k]);
        p.factor(fuse, &[fused, inner, slow]);
        out.push(slow);
        fused = inner;
    }
    out.push(fused);
    out.reverse();
    out
}

impl Printer<'_> {
    /// `fold(step, init, xs)` or `scan(step, init, xs)`.
    pub(super) fn loop_expr(&mut self, r: &Recurrence, reading: Reading, id: NodeId) -> Option<M> {
        let whole = packed(self.g, r, reading)?;
        if whole != id {
            return self.expr(whole);
        }
        let scan = match reading {
            Reading::Last(_) => false,
            Reading::Each(e) if r.next.first() == Some(&e) => true,
            _ => return None,
        };
        let (init, next) = (*r.init.first()?, *r.next.first()?);
        let dims = self.g.axes(init).clone();
        let mut map = FxHashMap::default();
        let state = self.g.input(STATE, &dims, false, &[]);
        map.insert(self.g.placeholder(r.level, Slot::State(0), &dims), state);
        let xs = match r.items.first() {
            Some(items) => {
                let dims: Dims = self.g.axes(*items)[1..].iter().copied().collect();
                let item = self.g.input(ITEM, &dims, false, &[]);
                map.insert(self.g.placeholder(r.level, Slot::Item(0), &dims), item);
                *items
            }
            None => self.g.ones(&[r.length]),
        };
        let body = self.g.replace_open(next, r.level, &map);
        let body = pack_loops(self.g, body);
        let (body, init, xs) = (self.expr(body)?, self.expr(init)?, self.expr(xs)?);
        let step = self.arena.function(body);
        let form = form_of(self.g.rank(id));
        let name = if scan { "scan" } else { "fold" };
        Some(self.arena.call(name, &[step, init, xs], form))
    }

    /// Defines the steps that an expression uses, inner ones first.
    pub(super) fn define_steps(&self, root: M, emitter: &mut Emitter<'_>, definitions: &mut Vec<Helper>) {
        let mut steps: Vec<(M, M)> = Vec::new();
        let mut seen: FxHashSet<M> = FxHashSet::default();
        let mut todo = vec![root];
        while let Some(m) = todo.pop() {
            // what has a name is not written out
            if emitter.done.contains_key(&m) || !seen.insert(m) {
                continue;
            }
            if let Kind::Function(body) = self.arena.kind(m) {
                steps.push((m, *body));
                todo.push(*body);
            }
            emit::children(self.arena.kind(m), |c| todo.push(c));
        }
        if steps.is_empty() {
            return;
        }
        steps.sort_unstable();
        let free = |names: &[&str], used: &[Name]| -> Name {
            let numbered = (1..).map(|k| format!("{}{k}", names[0]));
            let mut all = names.iter().map(|name| (*name).to_owned()).chain(numbered).map(Name::from);
            all.find(|name| !self.taken.contains(name) && !used.contains(name)).unwrap_or_else(|| names[0].into())
        };
        let state = free(&["s", "z", "h"], &[]);
        let item = free(&["x", "u", "v"], &[]);
        for (hidden, shown) in [(STATE, &state), (ITEM, &item)] {
            let id = emitter.ast.add(ExprKind::Name(shown.clone()));
            for form in [Form::Scalar, Form::Column, Form::Matrix] {
                if let Some(m) = self.arena.find(&Kind::Name(hidden.into()), form) {
                    emitter.done.insert(m, id);
                }
            }
        }
        let mut used: Vec<Name> = vec![state.clone(), item.clone()];
        for (function, body) in steps {
            let body = emitter.emit(body);
            let name = free(&["step"], &used);
            used.push(name.clone());
            let id = emitter.ast.add(ExprKind::Name(name.clone()));
            emitter.done.insert(function, id);
            definitions.push(Helper { name, parameters: vec![state.clone(), item.clone()], body });
        }
    }
}

/// The node with its loops as the language has them: one state, at most one sequence. What is read of them is taken out
/// of the state as the rest of the expression needs it.
pub fn pack_loops(g: &mut Graph, root: NodeId) -> NodeId {
    if !g.has_loops() {
        return root;
    }
    let root = sum_in_steps(g, root);
    let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in g.reachable(&[root]) {
        if g.open_in(id) != 0 {
            continue; // inside a step, which is packed with its loop
        }
        let mut rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
        if let Node::Loop(r, reading) = g.node(rebuilt) {
            let (r, reading) = (r.clone(), *reading);
            rebuilt = packed(g, &r, reading).unwrap_or(rebuilt);
        }
        new.insert(id, rebuilt);
    }
    new.get(&root).copied().unwrap_or(root)
}

/// The loop with one state and at most one sequence, and out of it what is read.
fn packed(g: &mut Graph, r: &Recurrence, reading: Reading) -> Option<NodeId> {
    if r.backward {
        return None; // the language has loops from the first item to the last
    }
    let mut pieces: Vec<Piece> = Vec::new();
    for (k, (init, next)) in r.init.iter().zip(&r.next).enumerate() {
        let dims = g.axes(*init).clone();
        let placeholder = g.placeholder(r.level, Slot::State(k as u32), &dims);
        pieces.push(Piece { placeholder: Some(placeholder), init: *init, next: *next });
    }
    // what is read, as a state
    let read = match reading {
        Reading::Last(k) => k as usize,
        Reading::Each(e) => match r.next.iter().position(|next| *next == e) {
            Some(k) => k,
            None => {
                let dims = g.axes(e).clone();
                let init = g.zeros(&dims);
                pieces.push(Piece { placeholder: None, init, next: e });
                pieces.len() - 1
            }
        },
        Reading::Total(e) => {
            let dims = g.axes(e).clone();
            let (init, k) = (g.zeros(&dims), pieces.len());
            let sum = g.placeholder(r.level, Slot::State(k as u32), &dims);
            let next = g.add(sum, e);
            pieces.push(Piece { placeholder: Some(sum), init, next });
            k
        }
    };
    // a function of the language sees no placeholders of the loops around it: they go along as states
    let body: Vec<NodeId> = pieces.iter().map(|piece| piece.next).collect();
    let mut outer: Vec<NodeId> = Vec::new();
    for id in g.open_order(&body, r.level) {
        let children = g.outer_children(id);
        outer.extend(children.into_iter().filter(|child| !g.is_open(*child, r.level) && g.open_in(*child) != 0));
    }
    outer.extend(body.into_iter().filter(|id| !g.is_open(*id, r.level) && g.open_in(*id) != 0));
    outer.sort_unstable();
    outer.dedup();
    for id in outer {
        pieces.push(Piece { placeholder: Some(id), init: id, next: id });
    }
    let scan = matches!(reading, Reading::Each(_));
    let printable = pieces.len() == 1
        && r.items.len() <= 1
        && g.rank(pieces[0].init) <= if scan { 1 } else { 2 }
        && r.items.first().is_none_or(|items| g.rank(*items) <= 2)
        && !matches!(reading, Reading::Total(_));
    if printable {
        return Some(g.recurrence(r.clone(), reading));
    }
    let shapes: Vec<Dims> = pieces.iter().map(|piece| g.axes(piece.init).clone()).collect();
    let shortest = shapes.iter().min_by_key(|shape| shape.len()).cloned().unwrap_or_default();
    let alike = shapes.len() > 1 && shapes.iter().all(|shape| shape.starts_with(&shortest));
    let longer = shapes.iter().any(|shape| shape.len() > shortest.len());
    let rows = if alike && longer && matches!(reading, Reading::Last(_)) { shortest.len() } else { 0 };
    let alone = shapes[0].len() <= if scan { 1 } else { 2 };
    let packing = Packing::new(g, &shapes, rows, alone);
    let item_shapes: Vec<Dims> = r.items.iter().map(|id| g.axes(*id)[1..].iter().copied().collect()).collect();
    let alone = item_shapes.first().is_some_and(|s| s.len() <= 1);
    let item_packing = Packing::new(g, &item_shapes, 0, alone);
    let inits: Vec<NodeId> = pieces.iter().map(|piece| piece.init).collect();
    let init = packing.pack(g, &inits, 0);
    let items: Vec<NodeId> = if r.items.is_empty() { Vec::new() } else { vec![item_packing.pack(g, &r.items, 1)] };
    // a level of its own, so that the new placeholders do not meet the old ones
    let level = g.open_level()?;
    let dims = g.axes(init).clone();
    let state = g.placeholder(level, Slot::State(0), &dims);
    let mut map = FxHashMap::default();
    for (k, piece) in pieces.iter().enumerate() {
        if let Some(old) = piece.placeholder {
            map.insert(old, packing.piece(g, state, k, &shapes[k], 0));
        }
    }
    if let Some(sequence) = items.first() {
        let dims: Dims = g.axes(*sequence)[1..].iter().copied().collect();
        let item = g.placeholder(level, Slot::Item(0), &dims);
        for (k, shape) in item_shapes.iter().enumerate() {
            let old = g.placeholder(r.level, Slot::Item(k as u32), shape);
            map.insert(old, item_packing.piece(g, item, k, shape, 0));
        }
    }
    let next: Vec<NodeId> = pieces.iter().map(|piece| replace_within(g, piece.next, r.level, &map)).collect();
    let next = packing.pack(g, &next, 0);
    let one = Recurrence { level, length: r.length, init: vec![init], items, next: vec![next], backward: false };
    let node = match reading {
        Reading::Each(_) => g.recurrence(one, Reading::Each(next)),
        _ => g.recurrence(one, Reading::Last(0)),
    };
    g.close_level();
    let node = packing.piece(g, node, read, &shapes[read], usize::from(scan));
    Some(node)
}

/// The node with sums over the steps of what no matrix of all steps can hold taken step by step.
fn sum_in_steps(g: &mut Graph, root: NodeId) -> NodeId {
    let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in g.reachable(&[root]) {
        if g.open_in(id) != 0 {
            continue;
        }
        let rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
        let summed = match g.node(rebuilt) {
            Node::Product(p) => {
                let p = p.clone();
                total_of(g, &p)
            }
            _ => None,
        };
        new.insert(id, summed.unwrap_or(rebuilt));
    }
    new.get(&root).copied().unwrap_or(root)
}

fn total_of(g: &mut Graph, p: &Product) -> Option<NodeId> {
    let long = |f: &Factor| match g.node(f.node) {
        Node::Loop(r, Reading::Each(e)) if f.labels.len() > 2 && f.exponent.is_one() => Some((r.clone(), *e)),
        _ => None,
    };
    let (k, (r, e)) = p.factors.iter().enumerate().find_map(|(k, f)| Some((k, long(f)?)))?;
    let labels = p.factors[k].labels.clone();
    let step = *labels.first()?;
    if p.out.contains(&step) || labels[1..].contains(&step) {
        return None;
    }
    let mut r = Recurrence::clone(&r);
    let mut body = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    body.factor(e, &labels[1..]);
    let mut inside: Labels = labels[1..].iter().copied().collect();
    let mut rest = Vec::new();
    for (j, f) in p.factors.iter().enumerate().filter(|(j, _)| *j != k) {
        if !f.labels.contains(&step) {
            rest.push(f.clone());
            continue;
        }
        if f.labels.iter().filter(|l| **l == step).count() > 1 || j == k {
            return None;
        }
        // the factor as a sequence over the steps
        let own: Labels = f.labels.iter().filter(|l| **l != step).copied().collect();
        let at = f.labels.iter().position(|l| *l == step)?;
        let mut order: Vec<usize> = (0..f.labels.len()).collect();
        order[..=at].rotate_right(1);
        let sequence = g.permute(f.node, &order);
        let dims: Dims = g.axes(sequence)[1..].iter().copied().collect();
        let item = g.placeholder(r.level, Slot::Item(r.items.len() as u32), &dims);
        r.items.push(sequence);
        body.power(item, &own, f.exponent.clone());
        inside.extend(own);
    }
    inside.sort_unstable();
    inside.dedup();
    let needed = |l: &Label| p.out.contains(l) || rest.iter().any(|f| f.labels.contains(l));
    let out: Labels = inside.iter().filter(|l| needed(l)).copied().collect();
    body.forget_unused(&out);
    let value = body.build(g, &out);
    let total = g.recurrence(r, Reading::Total(value));
    let mut whole = ProductBuilder { coefficient: None, factors: rest, dims: p.dims.clone() };
    whole.factor(total, &out);
    whole.forget_unused(&p.out);
    Some(whole.build(g, &p.out))
}

/// Replaces placeholders of the level and nodes from outside.
fn replace_within(g: &mut Graph, root: NodeId, level: u8, map: &FxHashMap<NodeId, NodeId>) -> NodeId {
    if let Some(&to) = map.get(&root) {
        return to;
    }
    let mut new: FxHashMap<NodeId, NodeId> = map.clone();
    for id in g.open_order(&[root], level) {
        if !new.contains_key(&id) {
            let rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
            new.insert(id, rebuilt);
        }
    }
    new.get(&root).copied().unwrap_or(root)
}

impl super::expr::Arena {
    /// A step by its value.
    pub(super) fn function(&mut self, body: M) -> M {
        self.raw(Kind::Function(body), Form::Scalar)
    }
}
