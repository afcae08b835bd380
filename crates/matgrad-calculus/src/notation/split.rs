//! Loops as the language has them: one state each, and sequences it goes through.
//!
//! The states of a derivative's loop depend on one another one way only: tangents on the states they belong to, adjoints
//! on adjoints that come before. Each then has a loop of its own, and is a sequence for those that need it: the states
//! before each step, or after it where a step has that value. A sum over the steps is a product of sequences where
//! there is one, and a loop with the sum as its state otherwise.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{
    Dim, Dims, Graph, Label, Labels, Node, NodeId, Part, Product, ProductBuilder, Reading, Recurrence, Slot,
};
use crate::layout::fuse_axes;

/// The node with its loops split into such with one state.
pub fn split_loops(g: &mut Graph, root: NodeId) -> NodeId {
    if !g.has_loops() {
        return root;
    }
    let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    for id in g.reachable(&[root]) {
        if g.open_in(id) != 0 {
            continue; // inside a step, which is split when it is written
        }
        let mut rebuilt = g.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child));
        rebuilt = match g.node(rebuilt) {
            Node::Loop(r, reading) => {
                let (r, reading) = (r.clone(), *reading);
                split(g, &r, reading).unwrap_or(rebuilt)
            }
            Node::Product(p) => {
                let p = p.clone();
                total_of(g, &p).and_then(|total| shape_total(g, total)).unwrap_or(rebuilt)
            }
            _ => rebuilt,
        };
        if rebuilt != id {
            new.insert(id, rebuilt);
        }
    }
    new.get(&root).copied().unwrap_or(root)
}

/// One loop split, for [`split_loops`]; `None` where it is as the language has it.
pub(super) fn split_one(g: &mut Graph, r: &Recurrence, reading: Reading) -> Option<NodeId> {
    split(g, r, reading)
}

/// Whether the language has this loop.
fn is_plain(g: &mut Graph, r: &Recurrence, reading: Reading) -> bool {
    if r.items.iter().any(|items| g.rank(*items) > 3) {
        return false;
    }
    match (r.init.as_slice(), reading) {
        ([init], Reading::Last(_)) => g.rank(*init) <= 2,
        ([init], Reading::Each(e)) => g.rank(*init) <= 2 && (e == r.next[0] || state_of(g, r.level, e) == Some(0)),
        ([], Reading::Each(e)) => g.rank(e) <= 2,
        _ => false,
    }
}

/// Which state a node is the placeholder of.
fn state_of(g: &Graph, at: u8, node: NodeId) -> Option<usize> {
    match g.node(node) {
        Node::Placeholder { level, slot: Slot::State(k), .. } if *level == at => Some(*k as usize),
        _ => None,
    }
}

/// What is read off a loop, by loops with one state; `None` where it is one, or cannot be had.
fn split(g: &mut Graph, r: &Recurrence, reading: Reading) -> Option<NodeId> {
    let mut parts = Parts { r: r.clone(), before: vec![None; r.init.len()], after: vec![None; r.init.len()] };
    if is_plain(g, r, reading) {
        let body = r.body(reading);
        let open = g.open_order(&body, r.level);
        let steps = parts.steps_of_items(g);
        if !steps.iter().any(|(value, _)| open.contains(value)) {
            return None;
        }
    }
    let order = order_of(g, r)?;
    let read = match reading {
        Reading::Last(k) => vec![g.placeholder(r.level, Slot::State(k), &g.axes(r.init[k as usize]).clone())],
        Reading::Each(e) | Reading::Total(e) => vec![e],
    };
    let whole = match reading {
        Reading::Last(k) => Some(k as usize),
        Reading::Each(e) => state_of(g, r.level, e).or_else(|| r.next.iter().position(|next| *next == e)),
        Reading::Total(_) => None,
    };
    // what the states that matter need of one another
    let mut needed = vec![false; r.init.len()];
    for root in &read {
        g.states_of(*root, r.level).into_iter().for_each(|k| needed[k] = true);
    }
    if let Some(k) = whole {
        needed[k] = true;
    }
    for &k in order.iter().rev() {
        if needed[k] {
            g.states_of(r.next[k], r.level).into_iter().for_each(|j| needed[j] = true);
        }
    }
    for &k in order.iter().filter(|k| needed[**k]) {
        if whole == Some(k) {
            let (one, _) = parts.loop_of(g, k);
            let reading = match reading {
                Reading::Each(e) if e == r.next[k] => Reading::Each(one.next[0]),
                Reading::Each(_) => Reading::Each(g.placeholder(one.level, Slot::State(0), &g.axes(r.init[k]).clone())),
                _ => Reading::Last(0),
            };
            return Some(narrow(g, one, reading));
        }
        let (one, state) = parts.loop_of(g, k);
        let after = Reading::Each(one.next[0]);
        parts.before[k] = Some(narrow(g, one.clone(), Reading::Each(state)));
        parts.after[k] = Some(narrow(g, one, after));
    }
    let e = reading.expression()?;
    let (each, e) = parts.stateless(g, e);
    match reading {
        Reading::Total(_) => {
            if let Some(product) = by_sequences(g, &each, e, true) {
                return Some(product);
            }
            let dims = g.axes(e).clone();
            let sum = g.placeholder(each.level, Slot::State(0), &dims);
            let (init, next) = (g.zeros(&dims), g.add(sum, e));
            let all = Recurrence { init: vec![init], next: vec![next], ..each };
            Some(narrow(g, all, Reading::Last(0)))
        }
        _ => match by_sequences(g, &each, e, false) {
            Some(product) => Some(product),
            None => Some(narrow(g, each, Reading::Each(e))),
        },
    }
}

/// The states, each after those it needs; `None` where they go in a circle.
fn order_of(g: &Graph, r: &Recurrence) -> Option<Vec<usize>> {
    let needs: Vec<Vec<usize>> = r.next.iter().map(|next| g.states_of(*next, r.level)).collect();
    let mut order: Vec<usize> = Vec::new();
    while order.len() < r.init.len() {
        let ready = |k: &usize| !order.contains(k) && needs[*k].iter().all(|j| j == k || order.contains(j));
        let next = (0..r.init.len()).find(ready)?;
        order.push(next);
    }
    Some(order)
}

/// A loop on its way to several.
struct Parts {
    r: Recurrence,
    /// The states before and after each step, as sequences.
    before: Vec<Option<NodeId>>,
    after: Vec<Option<NodeId>>,
}

impl Parts {
    /// The loop of one state alone, and its placeholder.
    fn loop_of(&self, g: &mut Graph, k: usize) -> (Recurrence, NodeId) {
        let level = self.r.level;
        let dims = g.axes(self.r.init[k]).clone();
        let old = g.placeholder(level, Slot::State(k as u32), &dims);
        let new = g.placeholder(level, Slot::State(0), &dims);
        let (mut one, mut map) = self.with_sequences(g, self.r.next[k], Some(k));
        map.insert(old, new);
        one.next = vec![g.replace_open(self.r.next[k], level, &map)];
        one.init = vec![self.r.init[k]];
        (one, new)
    }

    /// A loop without states, for an expression of the step.
    fn stateless(&self, g: &mut Graph, e: NodeId) -> (Recurrence, NodeId) {
        let (one, map) = self.with_sequences(g, e, None);
        let e = g.replace_open(e, one.level, &map);
        (one, e)
    }

    /// The loop with the states that an expression needs as sequences, and what stands for them.
    fn with_sequences(&self, g: &mut Graph, e: NodeId, own: Option<usize>) -> (Recurrence, FxHashMap<NodeId, NodeId>) {
        let r = &self.r;
        let backward = own.is_some() && r.backward;
        let mut one = Recurrence { init: Vec::new(), next: Vec::new(), backward, ..r.clone() };
        let mut map = FxHashMap::default();
        let order = g.open_order(&[e], r.level);
        // what a state is after the step
        let mut known: Vec<(NodeId, NodeId)> = Vec::new();
        for (next, after) in r.next.iter().zip(&self.after) {
            let placeholder = matches!(g.node(*next), Node::Placeholder { .. });
            known.extend(after.filter(|_| !placeholder).map(|after| (*next, after)));
        }
        known.extend(self.steps_of_items(g));
        for (value, sequence) in known {
            if order.contains(&value) {
                let item = add_item(g, &mut one, sequence);
                map.insert(value, item);
            }
        }
        for k in g.states_of(e, r.level) {
            if let (true, Some(before)) = (own != Some(k), self.before[k]) {
                let dims = g.axes(r.init[k]).clone();
                let old = g.placeholder(r.level, Slot::State(k as u32), &dims);
                let item = add_item(g, &mut one, before);
                map.insert(old, item);
            }
        }
        (one, map)
    }

    /// For items that are the states of a loop before its steps: the states after them, in terms of the items here.
    fn steps_of_items(&self, g: &mut Graph) -> Vec<(NodeId, NodeId)> {
        let r = &self.r;
        let mut found = Vec::new();
        for (k, items) in r.items.iter().enumerate() {
            let Node::Loop(of, Reading::Each(e)) = g.node(*items) else { continue };
            let (of, e) = (of.clone(), *e);
            if of.init.len() != 1 || state_of(g, of.level, e) != Some(0) {
                continue;
            }
            let mut map = FxHashMap::default();
            let mut all = true;
            for (j, own) in of.items.iter().enumerate() {
                let dims: Dims = g.axes(*own)[1..].iter().copied().collect();
                match r.items.iter().position(|items| items == own) {
                    Some(at) => {
                        let here = g.placeholder(r.level, Slot::Item(at as u32), &dims);
                        map.insert(g.placeholder(of.level, Slot::Item(j as u32), &dims), here);
                    }
                    None => all = !g.items_of(of.next[0], of.level).contains(&j) && all,
                }
            }
            if all {
                let dims = g.axes(of.init[0]).clone();
                map.insert(e, g.placeholder(r.level, Slot::Item(k as u32), &dims));
                let value = g.replace_open(of.next[0], of.level, &map);
                if matches!(g.node(value), Node::Placeholder { .. }) {
                    continue;
                }
                let next = of.next[0];
                let after = g.recurrence(Recurrence::clone(&of), Reading::Each(next));
                found.push((value, after));
            }
        }
        found
    }
}

/// One more sequence of a loop, and its placeholder.
fn add_item(g: &mut Graph, r: &mut Recurrence, sequence: NodeId) -> NodeId {
    let dims: Dims = g.axes(sequence)[1..].iter().copied().collect();
    let at = r.items.iter().position(|items| *items == sequence).unwrap_or_else(|| {
        r.items.push(sequence);
        r.items.len() - 1
    });
    g.placeholder(r.level, Slot::Item(at as u32), &dims)
}

/// What is read off a loop with one state or none, with states and items of at most two axes: others have theirs fused.
fn narrow(g: &mut Graph, mut r: Recurrence, reading: Reading) -> NodeId {
    let mut map = FxHashMap::default();
    for k in 0..r.items.len() {
        let dims: Dims = g.axes(r.items[k])[1..].iter().copied().collect();
        if dims.len() > 2 {
            let cut = cut_of(g, &dims);
            let old = g.placeholder(r.level, Slot::Item(k as u32), &dims);
            r.items[k] = fused(g, r.items[k], 1, cut);
            let own: Dims = g.axes(r.items[k])[1..].iter().copied().collect();
            let new = g.placeholder(r.level, Slot::Item(k as u32), &own);
            map.insert(old, unfused(g, new, 0, &dims, cut));
        }
    }
    let mut state = None;
    if let Some(init) = r.init.first().copied()
        && g.rank(init) > 2
    {
        let dims = g.axes(init).clone();
        let cut = cut_of(g, &dims);
        let old = g.placeholder(r.level, Slot::State(0), &dims);
        r.init[0] = fused(g, init, 0, cut);
        let own = g.axes(r.init[0]).clone();
        let new = g.placeholder(r.level, Slot::State(0), &own);
        map.insert(old, unfused(g, new, 0, &dims, cut));
        state = Some((dims, cut, old, new));
    }
    let level = r.level;
    let old_next = r.next.first().copied();
    for next in &mut r.next {
        *next = replace_within(g, *next, level, &map);
        if let Some((_, cut, ..)) = &state {
            *next = fused(g, *next, 0, *cut);
        }
    }
    let (wide, reading) = match reading {
        Reading::Last(_) => (state.map(|(dims, cut, ..)| (0, dims, cut)), reading),
        Reading::Each(e) | Reading::Total(e) => {
            let first = usize::from(matches!(reading, Reading::Each(_)));
            match &state {
                Some((dims, cut, old, new)) if e == *old => (Some((first, dims.clone(), *cut)), reading.of(*new)),
                Some((dims, cut, ..)) if Some(e) == old_next => {
                    (Some((first, dims.clone(), *cut)), reading.of(r.next[0]))
                }
                _ if Some(e) == old_next => (None, reading.of(r.next[0])),
                _ => {
                    let dims = g.axes(e).clone();
                    let mut e = replace_within(g, e, level, &map);
                    let mut wide = None;
                    if dims.len() > 2 {
                        let cut = cut_of(g, &dims);
                        e = fused(g, e, 0, cut);
                        wide = Some((first, dims, cut));
                    }
                    (wide, reading.of(e))
                }
            }
        }
    };
    let node = g.recurrence(r, reading);
    match wide {
        Some((first, dims, cut)) => unfused(g, node, first, &dims, cut),
        None => node,
    }
}

/// How many of the axes of a wide state are the rows of the matrix it becomes: all but those of the variable.
fn cut_of(g: &Graph, dims: &Dims) -> usize {
    dims.len().saturating_sub(g.variable_rank().max(1)).max(1)
}

/// The axes behind the first ones joined to two.
fn fused(g: &mut Graph, node: NodeId, first: usize, cut: usize) -> NodeId {
    let mut groups: Vec<Vec<usize>> = (0..first).map(|k| vec![k]).collect();
    groups.push((first..first + cut).collect());
    groups.push((first + cut..g.rank(node)).collect());
    let groups: Vec<&[usize]> = groups.iter().map(Vec::as_slice).collect();
    fuse_axes(g, node, &groups)
}

/// The axes that the last two stand for.
fn unfused(g: &mut Graph, node: NodeId, first: usize, dims: &[Dim], cut: usize) -> NodeId {
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    let mut out: Labels = labels[..first].iter().copied().collect();
    let (Some(&rows), Some(&cols)) = (labels.get(first), labels.get(first + 1)) else { return node };
    out.extend(split_label(g, &mut p, rows, &dims[..cut]));
    out.extend(split_label(g, &mut p, cols, &dims[cut..]));
    p.build(g, &out)
}

/// Labels for the axes that a fused one stands for, the first of them fastest.
fn split_label(g: &mut Graph, p: &mut ProductBuilder, mut fused: Label, dims: &[Dim]) -> Labels {
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

/// An expression of the step of a loop without states for all steps at once, the steps along a first axis, or summed
/// over them: where all of it are vectors and matrices then.
fn by_sequences(g: &mut Graph, r: &Recurrence, e: NodeId, total: bool) -> Option<NodeId> {
    if !g.is_open(e, r.level) {
        return None;
    }
    let mut all: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    let order = g.open_order(&[e], r.level);
    for &id in &order {
        if let (true, true) = (total, id == e) {
            break;
        }
        let node = over_steps(g, r, id, &all)?;
        all.insert(id, node);
    }
    let node = if total { total_over_steps(g, r, e, &all)? } else { *all.get(&e)? };
    // what is no product has to have a matrix notation of its own
    let wide = |id: &NodeId| {
        g.rank(*id) > 2 && !matches!(g.node(*id), Node::Product(_) | Node::Sum(..) | Node::Fuse { .. } | Node::Input(_))
    };
    let mut todo = vec![node];
    let mut seen = FxHashSet::default();
    while let Some(id) = todo.pop() {
        if !seen.insert(id) || g.open_in(id) != 0 {
            continue;
        }
        if wide(&id) {
            return None;
        }
        if !matches!(g.node(id), Node::Loop(..)) {
            let inside = g.rank(id) > 2 && !matches!(g.node(id), Node::Product(_) | Node::Fuse { .. });
            if inside {
                return None;
            }
            g.for_each_child(id, |child| todo.push(child));
        }
    }
    Some(node)
}

/// A node of the step for all steps, of what its children are for all steps.
fn over_steps(g: &mut Graph, r: &Recurrence, id: NodeId, all: &FxHashMap<NodeId, NodeId>) -> Option<NodeId> {
    let repeat = |g: &mut Graph, id: NodeId| match all.get(&id) {
        Some(&node) => node,
        None => {
            let mut p = ProductBuilder::new();
            let step = p.label(r.length);
            let labels = p.labels_of(g, id);
            p.factor(id, &labels);
            let out: Labels = std::iter::once(step).chain(labels).collect();
            p.build(g, &out)
        }
    };
    Some(match g.node(id).clone() {
        Node::Placeholder { slot: Slot::Item(k), level, .. } if level == r.level => *r.items.get(k as usize)?,
        Node::Product(p) => product_over_steps(g, r, &p, all, false),
        Node::Sum(terms, dims) => {
            let terms: Vec<_> = terms.into_iter().map(|(c, n)| (c, repeat(g, n))).collect();
            let dims: Dims = std::iter::once(r.length).chain(dims).collect();
            g.sum(&terms, &dims)
        }
        Node::Map(op, args) => {
            let args: Vec<NodeId> = args.iter().map(|arg| repeat(g, *arg)).collect();
            g.map(op, &args)
        }
        Node::Reduce(op, arg, axes) => {
            let arg = repeat(g, arg);
            let axes: Vec<u8> = axes.iter().map(|axis| axis + 1).collect();
            g.reduce(op, arg, &axes)
        }
        Node::Stack(axis, parts) => {
            let parts: Vec<Part> =
                parts.iter().map(|part| Part { node: repeat(g, part.node), extent: part.extent }).collect();
            g.stack(axis + 1, parts)
        }
        _ => return None,
    })
}

fn product_over_steps(
    g: &mut Graph,
    r: &Recurrence,
    p: &Product,
    all: &FxHashMap<NodeId, NodeId>,
    total: bool,
) -> NodeId {
    let mut b = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    let step = b.label(r.length);
    for f in &p.factors {
        match all.get(&f.node) {
            Some(&node) => {
                let labels: Labels = std::iter::once(step).chain(f.labels.iter().copied()).collect();
                b.power(node, &labels, f.exponent.clone());
            }
            None => b.power(f.node, &f.labels, f.exponent.clone()),
        }
    }
    let out: Labels = (!total).then_some(step).into_iter().chain(p.out.iter().copied()).collect();
    b.build(g, &out)
}

fn total_over_steps(g: &mut Graph, r: &Recurrence, e: NodeId, all: &FxHashMap<NodeId, NodeId>) -> Option<NodeId> {
    Some(match g.node(e).clone() {
        Node::Product(p) => product_over_steps(g, r, &p, all, true),
        Node::Sum(terms, dims) => {
            let mut totals = Vec::new();
            for (c, term) in terms {
                let one = g.recurrence(Recurrence::clone(r), Reading::Total(term));
                let one = match g.node(one) {
                    Node::Loop(one, Reading::Total(term)) => {
                        let (one, term) = (one.clone(), *term);
                        by_sequences(g, &one, term, true)?
                    }
                    _ => one,
                };
                totals.push((c, one));
            }
            g.sum(&totals, &dims)
        }
        _ => {
            let each = over_steps(g, r, e, all)?;
            g.sum_axes(each, &[0])
        }
    })
}

/// The loop in a product of which a sum over the steps is taken, step by step.
struct Total {
    r: Recurrence,
    value: NodeId,
    rest: ProductBuilder,
    labels: Labels,
    out: Labels,
}

/// A product with what no matrix of all steps can hold summed over the steps one by one.
fn total_of(g: &mut Graph, p: &Product) -> Option<Total> {
    let (k, r, e) = p.factors.iter().enumerate().find_map(|(k, f)| match g.node(f.node) {
        Node::Loop(r, Reading::Each(e)) if f.labels.len() > 2 && f.exponent.is_one() => Some((k, r.clone(), *e)),
        _ => None,
    })?;
    let labels = p.factors[k].labels.clone();
    let step = *labels.first()?;
    if p.out.contains(&step) || labels[1..].contains(&step) {
        return None;
    }
    let whole = p.factors[k].node;
    let mut r = Recurrence::clone(&r);
    let mut body = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
    let e = if r.init.is_empty() {
        e
    } else {
        r = Recurrence { init: Vec::new(), next: Vec::new(), items: vec![whole], ..r };
        let dims: Dims = g.axes(whole)[1..].iter().copied().collect();
        g.placeholder(r.level, Slot::Item(0), &dims)
    };
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
        let item = add_item(g, &mut r, sequence);
        body.power(item, &own, f.exponent.clone());
        inside.extend(own);
    }
    inside.sort_unstable();
    inside.dedup();
    let needed = |l: &Label| p.out.contains(l) || rest.iter().any(|f| f.labels.contains(l));
    let labels: Labels = inside.iter().filter(|l| needed(l)).copied().collect();
    body.forget_unused(&labels);
    let value = body.build(g, &labels);
    let rest = ProductBuilder { coefficient: None, factors: rest, dims: p.dims.clone() };
    Some(Total { r, value, rest, labels, out: p.out.clone() })
}

fn shape_total(g: &mut Graph, total: Total) -> Option<NodeId> {
    let Total { r, value, mut rest, labels, out } = total;
    let node = g.recurrence(r, Reading::Total(value));
    let node = match g.node(node) {
        Node::Loop(r, reading) => {
            let (r, reading) = (r.clone(), *reading);
            split(g, &r, reading).unwrap_or(node)
        }
        _ => node,
    };
    rest.factor(node, &labels);
    rest.forget_unused(&out);
    Some(rest.build(g, &out))
}

/// Replaces placeholders of the level and nodes from outside.
fn replace_within(g: &mut Graph, root: NodeId, level: u8, map: &FxHashMap<NodeId, NodeId>) -> NodeId {
    if map.is_empty() { root } else { g.replace_open(root, level, map) }
}
