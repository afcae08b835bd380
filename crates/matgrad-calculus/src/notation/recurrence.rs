//! Loops as `fold`, `scan` and their kin over functions that are defined before the answer.
//!
//! While forms are compared, the parameters of a step have hidden names: by their role (a state, an adjoint, an item), by
//! the level of their loop, by their number. `helpers` chooses the names that are shown.

use matgrad_syntax::Name;
use rustc_hash::FxHashMap;

use super::Printer;
use super::along::APPLY;
use super::atoms::form_of;
use super::expr::{Arena, Form, Kind, M};
use super::split::{split_loops, split_one};
use crate::graph::{Dims, Graph, Node, NodeId, Reading, Recurrence, Slot};

/// What all hidden names begin with.
pub(super) const HIDDEN: char = '\u{1}';

/// What a state or a sequence is for the reader.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Role {
    /// A step of the variable, a vector.
    Direction,
    /// A step of the variable, a matrix.
    DirectionMatrix,
    /// A state before a step.
    State,
    /// A state after a step.
    After,
    /// The step of a state.
    Tangent,
    /// The adjoint of a state after a step.
    Adjoint,
    /// The same before it.
    Earlier,
    /// The step of an adjoint.
    Second,
    /// A sum that grows.
    Sum,
    /// A state that the step does not need: it is there for `scan` to have one.
    Unused,
    /// An item of the data.
    Item,
}

impl Role {
    const ALL: [(Role, char); 11] = [
        (Role::Direction, 'v'),
        (Role::DirectionMatrix, 'V'),
        (Role::State, 's'),
        (Role::After, 'h'),
        (Role::Tangent, 'd'),
        (Role::Adjoint, 'l'),
        (Role::Earlier, 'm'),
        (Role::Second, 'e'),
        (Role::Sum, 'g'),
        (Role::Unused, 'u'),
        (Role::Item, 'x'),
    ];

    fn letter(self) -> char {
        Self::ALL.iter().find(|(role, _)| *role == self).map_or('x', |(_, letter)| *letter)
    }

    /// A name until one is shown: of the number-th parameter of this role at a level.
    pub fn hidden(self, level: u8, number: usize) -> Name {
        Name::from(format!("{HIDDEN}{}{level}-{number}", self.letter()))
    }

    /// The role that a hidden name tells.
    pub fn of(hidden: &str) -> Self {
        let letter = hidden.chars().nth(1);
        Self::ALL.iter().find(|(_, own)| Some(*own) == letter).map_or(Role::Item, |(role, _)| *role)
    }
}

/// How long a placeholder is while forms of a step are compared: as long as the name of a parameter.
pub(super) fn stand_in(slot: Slot) -> Name {
    let code = match slot {
        Slot::State(k) => 0xE000 + 2 * k,
        Slot::Item(k) => 0xE001 + 2 * k,
    };
    Name::from(char::from_u32(code).unwrap_or('\u{E000}').to_string())
}

/// What the state of a loop is.
fn role_of(g: &Graph, r: &Recurrence) -> Role {
    let (mut states, mut adjoints) = (false, false);
    for items in &r.items {
        if let Node::Loop(of, _) = g.node(*items) {
            states |= !of.backward;
            adjoints |= of.backward;
        }
    }
    let next = r.next.first().map(|next| g.node(*next));
    let sum = matches!(next, Some(Node::Sum(terms, _)) if terms.iter().any(|(_, term)| {
        matches!(g.node(*term), Node::Placeholder { level, slot: Slot::State(_), .. } if *level == r.level)
    }));
    // a tangent starts from 0, from an identity or from a step of the variable
    let given = |id: &NodeId| g.as_input(*id).is_some_and(|input| !input.name.starts_with(HIDDEN));
    states &= !r.init.first().is_some_and(given);
    match (r.backward, states, adjoints) {
        (true, _, true) => Role::Second,
        (true, ..) => Role::Adjoint,
        (false, _, true) if sum => Role::Sum,
        (false, true, _) => Role::Tangent,
        _ => Role::State,
    }
}

/// What an item of a sequence is.
fn role_of_item(g: &Graph, items: NodeId) -> Role {
    let Node::Loop(of, Reading::Each(e)) = g.node(items) else { return Role::Item };
    let before = matches!(g.node(*e), Node::Placeholder { slot: Slot::State(_), .. });
    match (of.init.is_empty(), role_of(g, of), before) {
        (true, ..) => Role::Item,
        (_, role, true) => role,
        (_, Role::State, false) => Role::After,
        (_, Role::Adjoint, false) => Role::Earlier,
        (_, role, false) => role,
    }
}

impl Printer<'_> {
    /// A recurrence of the language, or what is made of such.
    pub(super) fn loop_expr(&mut self, r: &Recurrence, reading: Reading, id: NodeId) -> Option<M> {
        if let Some(other) = split_one(self.g, r, reading).filter(|other| *other != id) {
            return self.sequence(other);
        }
        if let Some((r, reading)) = self.inlined(r, reading) {
            return self.loop_expr(&r, reading, id);
        }
        let (kind, body) = match (r.next.first(), reading) {
            (Some(next), Reading::Last(_)) => ("fold", *next),
            (Some(next), Reading::Each(e)) if e == *next => ("scan", e),
            (Some(next), Reading::Each(_)) => ("exscan", *next),
            (None, Reading::Each(e)) if self.g.rank(e) <= 1 => ("map", e),
            (None, Reading::Each(e)) => ("scan", e),
            _ => return None,
        };
        let mut parameters: Vec<Name> = Vec::new();
        let mut map = FxHashMap::default();
        let mut parameter = |g: &mut Graph, role: Role, slot: Slot, dims: &[crate::graph::Dim]| {
            let of_role = |name: &&Name| Role::of(name) == role;
            let k = parameters.iter().filter(of_role).count();
            let name = role.hidden(r.level, k);
            map.insert(g.placeholder(r.level, slot, dims), g.input(&name, dims, false, &[]));
            parameters.push(name);
        };
        let mut args = Vec::new();
        if kind != "map" {
            let init = match r.init.first() {
                Some(init) => *init,
                None => {
                    let dims = self.g.axes(body).clone();
                    self.g.zeros(&dims)
                }
            };
            let role = if r.init.is_empty() { Role::Unused } else { role_of(self.g, r) };
            let dims = self.g.axes(init).clone();
            parameter(self.g, role, Slot::State(0), &dims);
            args.push(self.expr(init)?);
        }
        for (k, items) in r.items.iter().enumerate() {
            let role = role_of_item(self.g, *items);
            let dims: Dims = self.g.axes(*items)[1..].iter().copied().collect();
            parameter(self.g, role, Slot::Item(k as u32), &dims);
        }
        for items in &r.items {
            args.push(self.sequence(*items)?);
        }
        if r.items.is_empty() {
            // steps alone are counted by a sequence all the same
            parameter(self.g, Role::Item, Slot::Item(0), &[]);
            args.push(self.ones(r.length));
        }
        let body = self.g.replace_open(body, r.level, &map);
        let body = split_loops(self.g, body);
        // what belongs to a loop around this one
        let mut bound: Vec<(Name, NodeId)> = Vec::new();
        for id in self.g.reachable(&[body]) {
            if let Some(input) = self.g.as_input(id)
                && input.name.starts_with(HIDDEN)
                && !parameters.contains(&input.name)
            {
                bound.push((input.name.clone(), id));
            }
        }
        bound.sort();
        let given: Vec<M> = bound.iter().map(|(_, id)| self.expr(*id)).collect::<Option<_>>()?;
        let parameters: Vec<Name> = bound.into_iter().map(|(name, _)| name).chain(parameters).collect();
        let body = self.expr(body)?;
        let step = self.arena.raw(Kind::Function { body, parameters, given }, Form::Scalar);
        args.insert(0, step);
        let name = match (kind, r.backward) {
            ("map", _) | (_, false) => kind.to_owned(),
            (kind, true) => format!("{kind}r"),
        };
        let form = form_of(self.g.rank(id));
        Some(self.arena.call(&name, &args, form))
    }

    /// What a recurrence goes through: a vector, a matrix or, of matrices, what has three axes.
    pub(super) fn sequence(&mut self, items: NodeId) -> Option<M> {
        if self.g.rank(items) <= 2 {
            return self.expr(items);
        }
        match self.g.node(items).clone() {
            Node::Loop(r, reading) => self.loop_expr(&r, reading, items),
            Node::Input(_) => {
                let name = self.g.as_input(items)?.name.clone();
                Some(self.arena.name(&name, Form::Matrix))
            }
            _ => self.by_rows(items),
        }
    }
}

impl Arena {
    /// Whether an expression is a recurrence, and whether it is a sequence.
    pub(super) fn is_loop(&self, m: M) -> Option<bool> {
        match self.kind(m) {
            Kind::Call(name, _, args)
                if &**name != APPLY && args.first().is_some_and(|a| matches!(self.kind(*a), Kind::Function { .. })) =>
            {
                Some(!name.starts_with("fold"))
            }
            _ => None,
        }
    }
}
