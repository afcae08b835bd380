//! Loops are differentiated as loops.
//!
//! Forward, the states go along with their steps: `(s, ds)` is the state of a loop of the same direction. In reverse a
//! loop over the same steps in the other direction takes the adjoint of the state after a step to that of the state
//! before it; what the step is made of besides collects its adjoint over all steps. The states of the first loop, which
//! the reverse loop needs, are one of its sequences. Griewank & Walther, *Evaluating Derivatives*, ch. 3 and 12.

use matgrad_syntax::Rational;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::graph::{Dim, Dims, Graph, Labels, Node, NodeId, Part, ProductBuilder, Reading, Recurrence, Slot};

use super::rules::Rule;
use super::{DiffError, Mode, Scope};

pub(super) const LOOP: Rule = Rule {
    name: "recurrence",
    chinese: "递推",
    statement: "s = step(s, x) gives ds = (d step/d s)*ds + (d step/d x)*dx; adjoints go through the steps in reverse",
    source: "Griewank, Walther, Evaluating Derivatives, ch. 3",
};

/// The direction in which the derivative of a function with loops reads best: adjoints where the function has fewer axes
/// than the variable, or as many and the variable is gone through item by item.
pub fn readable_mode(g: &Graph, root: NodeId, wrt: NodeId) -> Mode {
    let (to, from) = (g.rank(root), g.rank(wrt));
    if to != from || to == 0 {
        return if to < from { Mode::Reverse } else { Mode::Forward };
    }
    let order = g.reachable(&[root]);
    let mut dependent: FxHashSet<NodeId> = FxHashSet::default();
    for &id in &order {
        let mut depends = id == wrt;
        // what goes through another loop is no item of the data
        if !matches!(g.node(id), Node::Loop(..)) {
            g.for_each_child(id, |child| depends |= dependent.contains(&child));
        }
        if depends {
            dependent.insert(id);
        }
    }
    let itemwise = |id: &NodeId| match g.node(*id) {
        Node::Loop(r, _) => r.items.iter().any(|items| dependent.contains(items)) && !g.axes(root).contains(&r.length),
        _ => false,
    };
    if order.iter().any(itemwise) { Mode::Reverse } else { Mode::Forward }
}

/// What of a loop varies.
struct Activity {
    states: Vec<bool>,
    items: Vec<bool>,
}

/// Which states and items vary when some closed nodes do.
fn activity(g: &Graph, r: &Recurrence, reading: Reading, varies: &dyn Fn(NodeId) -> bool) -> Activity {
    let items: Vec<bool> = r.items.iter().map(|id| varies(*id)).collect();
    let mut states: Vec<bool> = r.init.iter().map(|id| varies(*id)).collect();
    let order = g.open_order(&r.body(reading), r.level);
    loop {
        let mut moving: FxHashSet<NodeId> = FxHashSet::default();
        for &id in &order {
            let here = match g.node(id) {
                Node::Placeholder { slot: Slot::State(k), level, .. } if *level == r.level => {
                    states.get(*k as usize).copied().unwrap_or(false)
                }
                Node::Placeholder { slot: Slot::Item(k), level, .. } if *level == r.level => {
                    items.get(*k as usize).copied().unwrap_or(false)
                }
                _ => {
                    let children = g.outer_children(id);
                    children.into_iter().any(|id| moving.contains(&id) || !g.is_open(id, r.level) && varies(id))
                }
            };
            if here {
                moving.insert(id);
            }
        }
        let grown: Vec<bool> = states
            .iter()
            .zip(&r.next)
            .map(|(old, next)| *old || moving.contains(next) || !g.is_open(*next, r.level) && varies(*next))
            .collect();
        if grown == states {
            return Activity { states, items };
        }
        states = grown;
    }
}

/// A sum of what belongs to different parts of a vector, as these parts one above the other.
fn gathered(g: &mut Graph, node: NodeId) -> NodeId {
    stacked(g, node).unwrap_or(node)
}

fn stacked(g: &mut Graph, node: NodeId) -> Option<NodeId> {
    let axis = g.rank(node).checked_sub(1)?;
    let whole = *g.axes(node).last()?;
    let (terms, dims) = g.terms(node);
    let own: Dims = dims[..axis].iter().copied().collect();
    /// Where a part starts, how long it is (an entry has no length), and its terms.
    type Stretch = (Dim, Option<Dim>, Vec<(Rational, NodeId)>);
    let mut parts: Vec<Stretch> = Vec::new();
    for (c, term) in terms {
        let Node::Product(p) = g.node(term) else { return None };
        let p = p.clone();
        let last = *p.out.last()?;
        let mut with = p.factors.iter().enumerate().filter(|(_, f)| f.labels.contains(&last));
        let (k, place) = with.next()?;
        if with.next().is_some() || !place.exponent.is_one() || p.out[..axis].contains(&last) {
            return None;
        }
        let mut rest = ProductBuilder { coefficient: None, factors: Vec::new(), dims: p.dims.clone() };
        rest.factors.extend(p.factors.iter().enumerate().filter(|(j, _)| *j != k).map(|(_, f)| f.clone()));
        let mut out: Labels = p.out[..axis].iter().copied().collect();
        let (start, extent) = match g.node(place.node).clone() {
            Node::Shift { offset, rows, .. } if place.labels.len() == 2 && place.labels[1] == last => {
                let row = place.labels[0];
                if p.out.contains(&row) {
                    return None;
                }
                out.push(row);
                (offset, Some(rows))
            }
            Node::OneHot { at, .. } => {
                let one = g.sizes.constant(1);
                (g.sizes.sub(at, one), None)
            }
            _ => return None,
        };
        rest.forget_unused(&out);
        let piece = rest.build(g, &out);
        match parts.iter_mut().find(|(own, length, _)| *own == start && *length == extent) {
            Some((.., terms)) => terms.push((c, piece)),
            None => parts.push((start, extent, vec![(c, piece)])),
        }
    }
    let mut at = g.sizes.constant(0);
    let mut pieces = Vec::new();
    while !parts.is_empty() {
        let k = parts.iter().position(|(start, ..)| *start == at)?;
        let (_, extent, terms) = parts.swap_remove(k);
        let length = extent.unwrap_or_else(|| g.sizes.constant(1));
        let dims: Dims = own.iter().copied().chain(extent).collect();
        let node = g.sum(&terms, &dims);
        pieces.push(Part { node, extent });
        at = g.sizes.add(at, length);
    }
    (at == whole && pieces.len() > 1).then(|| g.stack(axis as u8, pieces))
}

/// The number among the varying ones.
fn rank_of(flags: &[bool], k: usize) -> u32 {
    flags[..k].iter().filter(|f| **f).count() as u32
}

/// The step of what is read off a loop; the steps of what it is made of are in `tangents`.
pub(super) fn push(
    g: &mut Graph,
    scope: &Scope,
    (r, reading): (&Recurrence, Reading),
    tangents: &FxHashMap<NodeId, NodeId>,
    extra: &[Dim],
) -> Result<Option<NodeId>, DiffError> {
    let active = activity(g, r, reading, &|id| tangents.contains_key(&id));
    let body = r.body(reading);
    let mut inner: FxHashMap<NodeId, NodeId> = FxHashMap::default();
    let mut enter = |id: NodeId| {
        if let Some(&tangent) = tangents.get(&id).filter(|_| !g.is_open(id, r.level)) {
            inner.insert(id, tangent);
        }
    };
    body.iter().copied().for_each(&mut enter);
    for id in g.open_order(&body, r.level) {
        g.outer_children(id).into_iter().for_each(&mut enter);
    }
    let (states, items) = (r.init.len() as u32, r.items.len() as u32);
    let mut wide = r.clone();
    for (k, id) in r.init.iter().enumerate().filter(|(k, _)| active.states[*k]) {
        let own = g.axes(*id).clone();
        let dims: Dims = own.iter().chain(extra).copied().collect();
        let old = g.placeholder(r.level, Slot::State(k as u32), &own);
        let new = g.placeholder(r.level, Slot::State(states + rank_of(&active.states, k)), &dims);
        inner.insert(old, new);
        let first = tangents.get(id).copied().unwrap_or_else(|| g.zeros(&dims));
        wide.init.push(first);
    }
    for (k, id) in r.items.iter().enumerate().filter(|(k, _)| active.items[*k]) {
        let Some(&tangent) = tangents.get(id) else { continue };
        let (own, dims): (Dims, Dims) =
            (g.axes(*id)[1..].iter().copied().collect(), g.axes(tangent)[1..].iter().copied().collect());
        let old = g.placeholder(r.level, Slot::Item(k as u32), &own);
        let new = g.placeholder(r.level, Slot::Item(items + rank_of(&active.items, k)), &dims);
        inner.insert(old, new);
        wide.items.push(tangent);
    }
    let seeds: FxHashSet<NodeId> = inner.keys().copied().collect();
    let order = super::between(g, &body, r.level, &|id| seeds.contains(&id));
    super::push_through(g, scope, &order, &mut inner, extra)?;
    let of = |g: &mut Graph, id: NodeId| {
        inner.get(&id).copied().unwrap_or_else(|| {
            let dims: Dims = g.axes(id).iter().chain(extra).copied().collect();
            g.zeros(&dims)
        })
    };
    for (k, next) in r.next.iter().enumerate().filter(|(k, _)| active.states[*k]) {
        let _ = k;
        let tangent = of(g, *next);
        wide.next.push(tangent);
    }
    let wide_reading = match reading {
        Reading::Last(k) if active.states[k as usize] => Reading::Last(states + rank_of(&active.states, k as usize)),
        Reading::Last(_) => return Ok(None),
        Reading::Each(e) | Reading::Total(e) => reading.of(of(g, e)),
    };
    if let Some(e) = wide_reading.expression()
        && g.is_zero(e)
    {
        return Ok(None);
    }
    Ok(Some(g.recurrence(wide, wide_reading)))
}

/// Hands the adjoint of what is read off a loop on to what it is made of.
pub(super) fn pull(
    g: &mut Graph,
    scope: &Scope,
    (r, reading): (&Recurrence, Reading),
    adjoint: NodeId,
    varies: &dyn Fn(NodeId) -> bool,
    found: &mut FxHashMap<NodeId, Vec<(Rational, NodeId)>>,
    node: NodeId,
) -> Result<(), DiffError> {
    let own = match reading {
        Reading::Last(k) => g.rank(r.init[k as usize]),
        Reading::Total(e) => g.rank(e),
        Reading::Each(e) => g.rank(e) + 1,
    };
    let lead: Dims = g.axes(adjoint)[..g.rank(adjoint) - own].iter().copied().collect();
    let Some(level) = g.open_level() else {
        return Err(DiffError { message: "recurrences are nested too deeply to be differentiated".into(), node });
    };
    let result = pull_at(g, scope, (r, reading), adjoint, &lead, level, varies, found);
    g.close_level();
    result
}

#[allow(clippy::too_many_arguments)]
fn pull_at(
    g: &mut Graph,
    scope: &Scope,
    (r, reading): (&Recurrence, Reading),
    adjoint: NodeId,
    lead: &Dims,
    level: u8,
    varies: &dyn Fn(NodeId) -> bool,
    found: &mut FxHashMap<NodeId, Vec<(Rational, NodeId)>>,
) -> Result<(), DiffError> {
    let active = activity(g, r, reading, varies);
    let (states, items) = (r.init.len(), r.items.len());
    let wide = |dims: &[Dim]| -> Dims { lead.iter().chain(dims).copied().collect() };
    // the states before each step are a sequence of the reverse loop, after the sequences of this one
    let mut reverse = Recurrence {
        level,
        length: r.length,
        init: Vec::new(),
        items: r.items.clone(),
        next: Vec::new(),
        backward: !r.backward,
    };
    let mut map = FxHashMap::default();
    let (mut state_items, mut item_items) = (Vec::new(), Vec::new());
    for (k, id) in r.items.iter().enumerate() {
        let dims: Dims = g.axes(*id)[1..].iter().copied().collect();
        let new = g.placeholder(level, Slot::Item(k as u32), &dims);
        map.insert(g.placeholder(r.level, Slot::Item(k as u32), &dims), new);
        item_items.push(new);
    }
    for (k, id) in r.init.iter().enumerate() {
        let dims = g.axes(*id).clone();
        let old = g.placeholder(r.level, Slot::State(k as u32), &dims);
        let new = g.placeholder(level, Slot::Item((items + k) as u32), &dims);
        map.insert(old, new);
        state_items.push(new);
        reverse.items.push(g.recurrence(r.clone(), Reading::Each(old)));
    }
    let mut local: FxHashMap<NodeId, Vec<(Rational, NodeId)>> = FxHashMap::default();
    let mut body = Vec::new();
    for (k, next) in r.next.iter().enumerate().filter(|(k, _)| active.states[*k]) {
        let dims = wide(&g.axes(r.init[k]).clone());
        let state = g.placeholder(level, Slot::State(rank_of(&active.states, k)), &dims);
        let next = g.replace_open(*next, r.level, &map);
        local.entry(next).or_default().push((Rational::ONE, state));
        body.push(next);
        let first = match reading {
            Reading::Last(read) if read as usize == k => adjoint,
            _ => g.zeros(&dims),
        };
        reverse.init.push(first);
    }
    match reading {
        Reading::Last(_) => {}
        Reading::Total(e) => {
            let e = g.replace_open(e, r.level, &map);
            local.entry(e).or_default().push((Rational::ONE, adjoint));
            body.push(e);
        }
        Reading::Each(e) => {
            // (lead, step, e) to (step, lead, e)
            let mut order: Vec<usize> = (0..g.rank(adjoint)).collect();
            order[..=lead.len()].rotate_right(1);
            let sequence = g.permute(adjoint, &order);
            let dims = wide(&g.axes(e).clone());
            let item = g.placeholder(level, Slot::Item((items + states) as u32), &dims);
            reverse.items.push(sequence);
            let e = g.replace_open(e, r.level, &map);
            local.entry(e).or_default().push((Rational::ONE, item));
            body.push(e);
        }
    }
    let mut seeds: FxHashSet<NodeId> = FxHashSet::default();
    seeds.extend(item_items.iter().zip(&active.items).filter(|(_, a)| **a).map(|(id, _)| *id));
    seeds.extend(state_items.iter().zip(&active.states).filter(|(_, a)| **a).map(|(id, _)| *id));
    let mut order = super::between(g, &body, level, &|id| seeds.contains(&id) || !g.is_open(id, level) && varies(id));
    let inside: FxHashSet<NodeId> = order.iter().copied().collect();
    order.retain(|id| g.is_open(*id, level) && !seeds.contains(id));
    super::pull_through(g, scope, &order, &mut local, lead, &|id| inside.contains(&id))?;
    let mut total = |g: &mut Graph, id: NodeId| {
        let dims = wide(&g.axes(id).clone());
        let terms = local.remove(&id).unwrap_or_default();
        g.sum(&terms, &dims)
    };
    for (_, item) in state_items.iter().enumerate().filter(|(k, _)| active.states[*k]) {
        let before = total(g, *item);
        let before = gathered(g, before);
        reverse.next.push(before);
    }
    for (k, item) in item_items.iter().enumerate().filter(|(k, _)| active.items[*k]) {
        let each = total(g, *item);
        if g.is_zero(each) {
            continue;
        }
        let sequence = g.recurrence(reverse.clone(), Reading::Each(each));
        // (step, lead, item) to (lead, step, item)
        let mut order: Vec<usize> = (0..g.rank(sequence)).collect();
        order[..=lead.len()].rotate_left(1);
        let sequence = g.permute(sequence, &order);
        found.entry(r.items[k]).or_default().push((Rational::ONE, sequence));
    }
    let mut captured: Vec<NodeId> = local.keys().copied().filter(|id| !g.is_open(*id, level)).collect();
    captured.sort_unstable();
    for id in captured {
        if !varies(id) {
            continue;
        }
        let dims = wide(&g.axes(id).clone());
        let terms = local.remove(&id).unwrap_or_default();
        let step = g.sum(&terms, &dims);
        if !g.is_zero(step) {
            let sum = g.recurrence(reverse.clone(), Reading::Total(step));
            found.entry(id).or_default().push((Rational::ONE, sum));
        }
    }
    for (k, id) in r.init.iter().enumerate().filter(|(k, _)| active.states[*k]) {
        if varies(*id) {
            let first = g.recurrence(reverse.clone(), Reading::Last(rank_of(&active.states, k)));
            found.entry(*id).or_default().push((Rational::ONE, first));
        }
    }
    Ok(())
}
