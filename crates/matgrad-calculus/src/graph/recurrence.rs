//! Loops: states that go through steps, over sequences, with what is read off on the way.
//!
//! The step is written in the same graph, over placeholders for the states before the step and for the items of the
//! sequences. A placeholder belongs to a level: 1 for a loop without loops in its step, otherwise one more than the
//! highest level in there, so that loops that differ in the names of their placeholders only are one node, and no two
//! loops inside each other share a level.

use std::sync::Arc;

use matgrad_syntax::Rational;
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::{Dim, Dims, Graph, Node, NodeId, ProductBuilder};

/// Levels from here on belong to loops that are being made.
const FIRST_OPEN_LEVEL: u8 = 40;

/// Loops inside loops beyond this depth are refused.
pub(crate) const NESTING_LIMIT: usize = 16;

/// What a placeholder in a step stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// A state before the step.
    State(u32),
    /// The item of a sequence at this step.
    Item(u32),
}

/// A loop.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recurrence {
    /// The level of its placeholders.
    pub level: u8,
    /// How many steps.
    pub length: Dim,
    /// The states before the first step.
    pub init: Vec<NodeId>,
    /// The sequences: the first axis counts the steps.
    pub items: Vec<NodeId>,
    /// The states after a step.
    pub next: Vec<NodeId>,
    /// Whether the sequences are gone through from the last item to the first.
    pub backward: bool,
}

/// What is read off a loop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Reading {
    /// A state after the last step.
    Last(u32),
    /// The value in each step, of an expression of the step; the first axis counts along the sequences.
    Each(NodeId),
    /// The sum of the values of an expression of the step.
    Total(NodeId),
}

impl Reading {
    /// The expression of the step that is read.
    pub fn expression(self) -> Option<NodeId> {
        match self {
            Reading::Last(_) => None,
            Reading::Each(e) | Reading::Total(e) => Some(e),
        }
    }

    /// The same reading of another expression.
    pub(crate) fn of(self, expression: NodeId) -> Self {
        match self {
            Reading::Last(k) => Reading::Last(k),
            Reading::Each(_) => Reading::Each(expression),
            Reading::Total(_) => Reading::Total(expression),
        }
    }
}

impl Recurrence {
    /// The expressions of the step: the next states, then what is read.
    pub(crate) fn body(&self, reading: Reading) -> SmallVec<[NodeId; 8]> {
        self.next.iter().copied().chain(reading.expression()).collect()
    }
}

impl Graph {
    /// A placeholder for a state or an item.
    pub fn placeholder(&mut self, level: u8, slot: Slot, dims: &[Dim]) -> NodeId {
        let dims = Dims::from_slice(dims);
        self.intern(Node::Placeholder { level, slot, dims: dims.clone() }, dims)
    }

    /// A level for the placeholders of a loop that is being made; `None` where loops are nested too deeply.
    pub(crate) fn open_level(&mut self) -> Option<u8> {
        if self.open_levels >= NESTING_LIMIT {
            return None;
        }
        self.open_levels += 1;
        Some(FIRST_OPEN_LEVEL + self.open_levels as u8 - 1)
    }

    /// The loop of the last [`Graph::open_level`] is made.
    pub(crate) fn close_level(&mut self) {
        self.open_levels = self.open_levels.saturating_sub(1);
    }

    /// How many levels are open, for [`Graph::close_levels`].
    pub(crate) fn open_levels(&self) -> usize {
        self.open_levels
    }

    /// Closes the levels that were opened since.
    pub(crate) fn close_levels(&mut self, open: usize) {
        self.open_levels = open.min(self.open_levels);
    }

    /// The levels whose placeholders the node depends on, one bit each.
    pub fn open_in(&self, id: NodeId) -> u64 {
        self.open.get(id.0 as usize).copied().unwrap_or(0)
    }

    /// Whether the node depends on the placeholders of a level.
    pub fn is_open(&self, id: NodeId, level: u8) -> bool {
        self.open_in(id) >> level & 1 == 1
    }

    /// The levels a new node depends on.
    pub(super) fn find_open(&self, node: &Node) -> u64 {
        let mut open = 0;
        match node {
            Node::Placeholder { level, .. } => open = 1 << level,
            Node::Loop(r, reading) => {
                for id in r.body(*reading) {
                    open |= self.open_in(id);
                }
                open &= !(1 << r.level);
                for id in r.init.iter().chain(&r.items) {
                    open |= self.open_in(*id);
                }
            }
            Node::Product(p) => p.factors.iter().for_each(|f| open |= self.open_in(f.node)),
            Node::Sum(terms, _) => terms.iter().for_each(|(_, n)| open |= self.open_in(*n)),
            Node::Map(_, args) | Node::Matrix(_, args) => args.iter().for_each(|a| open |= self.open_in(*a)),
            Node::Reduce(_, arg, _) => open = self.open_in(*arg),
            Node::Stack(_, parts) => parts.iter().for_each(|p| open |= self.open_in(p.node)),
            Node::Call(_, _, args) => args.iter().for_each(|a| open |= self.open_in(*a)),
            _ => {}
        }
        open
    }

    /// What is read off a loop, in normal form: without states and sequences that do not matter.
    pub fn recurrence(&mut self, mut r: Recurrence, mut reading: Reading) -> NodeId {
        if let Some(e) = reading.expression() {
            let (content, rest) = self.split(e);
            if !content.is_one() {
                let node = self.recurrence(r, reading.of(rest));
                return self.scale(node, &content);
            }
        }
        loop {
            self.prune(&mut r, &mut reading);
            match self.settled(&r) {
                Some((k, value)) if reading == Reading::Last(k as u32) => return value,
                Some((k, value)) => self.fix(&mut r, &mut reading, k, value),
                None => break,
            }
        }
        if let Some(node) = self.trivial(&r, reading) {
            return node;
        }
        self.renumber(&mut r, &mut reading);
        let dims = match reading {
            Reading::Last(k) => self.axes(r.init[k as usize]).clone(),
            Reading::Total(e) => self.axes(e).clone(),
            Reading::Each(e) => std::iter::once(r.length).chain(self.axes(e).iter().copied()).collect(),
        };
        self.loops = true;
        self.intern(Node::Loop(Arc::new(r), reading), dims)
    }

    /// Keeps the states and sequences that the reading needs.
    fn prune(&mut self, r: &mut Recurrence, reading: &mut Reading) {
        let (mut states, mut items) = (vec![false; r.init.len()], vec![false; r.items.len()]);
        let mut todo: Vec<NodeId> = reading.expression().into_iter().collect();
        if let Reading::Last(k) = *reading {
            states[k as usize] = true;
            todo.push(r.next[k as usize]);
        }
        while let Some(root) = todo.pop() {
            for slot in self.slots_of(root, r.level) {
                match slot {
                    Slot::State(k) => {
                        if let Some(seen) = states.get_mut(k as usize)
                            && !std::mem::replace(seen, true)
                        {
                            todo.push(r.next[k as usize]);
                        }
                    }
                    Slot::Item(k) => {
                        if let Some(seen) = items.get_mut(k as usize) {
                            *seen = true;
                        }
                    }
                }
            }
        }
        if states.iter().chain(&items).all(|used| *used) {
            return;
        }
        let mut map = FxHashMap::default();
        let level = r.level;
        let mut keep = |g: &mut Graph, used: &[bool], from: &[NodeId], state: bool| -> Vec<NodeId> {
            let mut kept = Vec::new();
            for (k, node) in from.iter().enumerate() {
                if !used[k] {
                    continue;
                }
                let at = kept.len() as u32;
                kept.push(*node);
                if at as usize != k {
                    let (dims, slot) = slot_of(g, *node, k as u32, state);
                    let old = g.placeholder(level, slot(k as u32), &dims);
                    let new = g.placeholder(level, slot(at), &dims);
                    map.insert(old, new);
                }
            }
            kept
        };
        let init = keep(self, &states, &r.init, true);
        r.items = keep(self, &items, &r.items, false);
        let next: Vec<NodeId> = r.next.iter().enumerate().filter(|(k, _)| states[*k]).map(|(_, n)| *n).collect();
        if let Reading::Last(k) = reading {
            *k = states[..*k as usize].iter().filter(|used| **used).count() as u32;
        }
        r.init = init;
        r.next = next;
        self.replace_in_step(r, reading, &map);
    }

    fn replace_in_step(&mut self, r: &mut Recurrence, reading: &mut Reading, map: &FxHashMap<NodeId, NodeId>) {
        if map.is_empty() {
            return;
        }
        for next in &mut r.next {
            *next = self.replace_open(*next, r.level, map);
        }
        if let Some(e) = reading.expression() {
            *reading = reading.of(self.replace_open(e, r.level, map));
        }
    }

    /// The nodes that depend on the placeholders of a level, from the roots down to these, children first.
    pub fn open_order(&self, roots: &[NodeId], level: u8) -> Vec<NodeId> {
        let mut seen = FxHashSet::default();
        let mut found = Vec::new();
        let mut todo = roots.to_vec();
        while let Some(id) = todo.pop() {
            if self.is_open(id, level) && seen.insert(id) {
                found.push(id);
                self.for_each_child(id, |child| todo.push(child));
            }
        }
        found.sort_unstable();
        found
    }

    /// What a node is made of, seen from outside: of a loop the first states, the sequences, and what its step takes from
    /// around it.
    pub fn outer_children(&self, id: NodeId) -> SmallVec<[NodeId; 8]> {
        let mut found = SmallVec::new();
        let Node::Loop(r, reading) = self.node(id) else {
            self.for_each_child(id, |child| found.push(child));
            return found;
        };
        found.extend(r.init.iter().chain(&r.items).copied());
        let mut todo: Vec<NodeId> = r.body(*reading).into_vec();
        let mut seen = FxHashSet::default();
        while let Some(id) = todo.pop() {
            if !seen.insert(id) {
                continue;
            }
            if self.is_open(id, r.level) {
                // recursion as deep as loops are nested, see NESTING_LIMIT
                todo.extend(self.outer_children(id));
            } else {
                found.push(id);
            }
        }
        found.sort_unstable();
        found.dedup();
        found
    }

    /// As [`Graph::replace`] for placeholders of a level: other loops, whose placeholders may be the same, stay as they
    /// are.
    pub(crate) fn replace_open(&mut self, root: NodeId, level: u8, map: &FxHashMap<NodeId, NodeId>) -> NodeId {
        let mut new: FxHashMap<NodeId, NodeId> = FxHashMap::default();
        for id in self.open_order(&[root], level) {
            let rebuilt = match map.get(&id) {
                Some(&to) => to,
                None => self.rebuild(id, &|child| new.get(&child).copied().unwrap_or(child)),
            };
            new.insert(id, rebuilt);
        }
        new.get(&root).copied().unwrap_or(root)
    }

    /// The placeholders of a level that a node depends on.
    fn slots_of(&self, root: NodeId, level: u8) -> Vec<Slot> {
        let mut found = Vec::new();
        for id in self.open_order(&[root], level) {
            if let Node::Placeholder { level: own, slot, .. } = self.node(id)
                && *own == level
            {
                found.push(*slot);
            }
        }
        found
    }

    /// The states of a loop that a node of its step depends on, by their numbers.
    pub(crate) fn states_of(&self, root: NodeId, level: u8) -> Vec<usize> {
        let slots = self.slots_of(root, level).into_iter();
        slots.filter_map(|slot| if let Slot::State(k) = slot { Some(k as usize) } else { None }).collect()
    }

    /// The sequences of a loop that a node of its step depends on, by their numbers.
    pub(crate) fn items_of(&self, root: NodeId, level: u8) -> Vec<usize> {
        let slots = self.slots_of(root, level).into_iter();
        slots.filter_map(|slot| if let Slot::Item(k) = slot { Some(k as usize) } else { None }).collect()
    }

    /// A state that has the same value in all steps.
    fn settled(&mut self, r: &Recurrence) -> Option<(usize, NodeId)> {
        for (k, (first, next)) in r.init.iter().zip(&r.next).enumerate() {
            let stays = match self.node(*next) {
                Node::Placeholder { level, slot, .. } => *level == r.level && *slot == Slot::State(k as u32),
                _ => next == first,
            };
            if stays {
                return Some((k, *first));
            }
        }
        None
    }

    /// Puts the value of a state in its place; the state itself goes with the next pruning.
    fn fix(&mut self, r: &mut Recurrence, reading: &mut Reading, k: usize, value: NodeId) {
        let dims = self.axes(value).clone();
        let state = self.placeholder(r.level, Slot::State(k as u32), &dims);
        let map: FxHashMap<NodeId, NodeId> = [(state, value)].into_iter().collect();
        self.replace_in_step(r, reading, &map);
        r.next[k] = value;
    }

    /// What is no loop after all.
    fn trivial(&mut self, r: &Recurrence, reading: Reading) -> Option<NodeId> {
        match reading {
            Reading::Last(k) => {
                if self.sizes.value(r.length) == Some(0) {
                    return Some(r.init[k as usize]);
                }
            }
            Reading::Each(e) => {
                if !self.is_open(e, r.level) {
                    let mut p = ProductBuilder::new();
                    let step = p.label(r.length);
                    let labels = p.labels_of(self, e);
                    p.factor(e, &labels);
                    let out: Vec<_> = std::iter::once(step).chain(labels).collect();
                    return Some(p.build(self, &out));
                }
                if let Node::Placeholder { level, slot: Slot::Item(k), .. } = self.node(e)
                    && *level == r.level
                {
                    return r.items.get(*k as usize).copied();
                }
            }
            Reading::Total(e) => {
                if !self.is_open(e, r.level) {
                    return Some(self.times(e, r.length));
                }
            }
        }
        if self.sizes.is_one(r.length) { Some(self.only_step(r, reading)) } else { None }
    }

    /// A loop of one step, put in place.
    fn only_step(&mut self, r: &Recurrence, reading: Reading) -> NodeId {
        let mut map = FxHashMap::default();
        for (k, node) in r.init.iter().enumerate() {
            let dims = self.axes(*node).clone();
            map.insert(self.placeholder(r.level, Slot::State(k as u32), &dims), *node);
        }
        for (k, node) in r.items.iter().enumerate() {
            let dims: Dims = self.axes(*node)[1..].iter().copied().collect();
            let mut p = ProductBuilder::new();
            let labels = p.labels_of(self, *node);
            p.factor(*node, &labels);
            let item = p.build(self, &labels[1..]);
            map.insert(self.placeholder(r.level, Slot::Item(k as u32), &dims), item);
        }
        match reading {
            Reading::Last(k) => self.replace_open(r.next[k as usize], r.level, &map),
            Reading::Total(e) => self.replace_open(e, r.level, &map),
            Reading::Each(e) => {
                let value = self.replace_open(e, r.level, &map);
                let mut p = ProductBuilder::new();
                let step = p.label(r.length);
                let labels = p.labels_of(self, value);
                p.factor(value, &labels);
                let out: Vec<_> = std::iter::once(step).chain(labels).collect();
                p.build(self, &out)
            }
        }
    }

    /// Gives the placeholders the level that belongs to them.
    fn renumber(&mut self, r: &mut Recurrence, reading: &mut Reading) {
        let body = r.body(*reading);
        let highest = self
            .open_order(&body, r.level)
            .into_iter()
            .filter_map(|id| match self.node(id) {
                Node::Loop(inner, _) => Some(inner.level),
                _ => None,
            })
            .max();
        let level = highest.map_or(1, |inner| inner + 1);
        if level == r.level {
            return;
        }
        let mut map = FxHashMap::default();
        for (k, node) in r.init.clone().into_iter().enumerate() {
            let (dims, slot) = slot_of(self, node, k as u32, true);
            map.insert(
                self.placeholder(r.level, slot(k as u32), &dims),
                self.placeholder(level, slot(k as u32), &dims),
            );
        }
        for (k, node) in r.items.clone().into_iter().enumerate() {
            let (dims, slot) = slot_of(self, node, k as u32, false);
            map.insert(
                self.placeholder(r.level, slot(k as u32), &dims),
                self.placeholder(level, slot(k as u32), &dims),
            );
        }
        self.replace_in_step(r, reading, &map);
        r.level = level;
    }

    /// A loop with its parts replaced.
    pub(super) fn rebuild_loop(
        &mut self,
        r: &Recurrence,
        reading: Reading,
        child: &dyn Fn(NodeId) -> NodeId,
    ) -> NodeId {
        let all = |ids: &[NodeId]| ids.iter().map(|id| child(*id)).collect();
        let rebuilt = Recurrence {
            level: r.level,
            length: r.length,
            init: all(&r.init),
            items: all(&r.items),
            next: all(&r.next),
            backward: r.backward,
        };
        let reading = match reading.expression() {
            Some(e) => reading.of(child(e)),
            None => reading,
        };
        self.recurrence(rebuilt, reading)
    }

    /// The sum of `count` equal steps.
    fn times(&mut self, node: NodeId, count: Dim) -> NodeId {
        let size = match self.sizes.value(count) {
            Some(value) => return self.scale(node, &Rational::int(value)),
            None => self.size(count),
        };
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.factor(node, &labels);
        p.factor(size, &[]);
        p.build(self, &labels)
    }
}

/// The dimensions of the placeholder that stands for a state with this first value, or for an item of this sequence,
/// and how to name its slot.
fn slot_of(g: &Graph, node: NodeId, _k: u32, state: bool) -> (Dims, fn(u32) -> Slot) {
    let axes = g.axes(node);
    if state { (axes.clone(), Slot::State) } else { (axes[1..].iter().copied().collect(), Slot::Item) }
}
