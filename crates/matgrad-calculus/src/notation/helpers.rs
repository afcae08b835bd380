//! What is defined before an answer: the steps of its recurrences, sequences that others go through, and what is long
//! and occurs more than once.

use matgrad_syntax::{ExprId, ExprKind, Name};
use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;

use super::emit::{self, Emitter};
use super::expr::{Arena, Form, Kind, M};
use super::recurrence::{HIDDEN, Role};
use super::{Helper, SHARE_ABOVE};

/// Parts of at least this length get a name where they occur more than once, in answers with recurrences.
const SHARE_IN_LOOPS: u32 = 16;

/// Names for what is defined, none of them used otherwise.
struct Names<'a> {
    taken: &'a dyn Fn(&Name) -> bool,
    used: FxHashSet<Name>,
}

impl Names<'_> {
    /// The first free name of a list, then its first name numbered.
    fn free(&mut self, names: &[&str]) -> Name {
        let numbered = (1..).map(|k| format!("{}{k}", names[0]));
        let mut all = names.iter().map(|name| (*name).to_owned()).chain(numbered).map(Name::from);
        let name = all.find(|name| !(self.taken)(name) && !self.used.contains(name));
        let name = name.unwrap_or_else(|| names[0].into());
        self.used.insert(name.clone());
        name
    }

    fn numbered(&mut self, letter: &str) -> Name {
        let mut all = (1..).map(|k| Name::from(format!("{letter}{k}")));
        let name = all.find(|name| !(self.taken)(name) && !self.used.contains(name));
        let name = name.unwrap_or_else(|| letter.into());
        self.used.insert(name.clone());
        name
    }
}

/// What is to be defined.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Wanted {
    Part,
    Step(M),
}

/// What the parts of an expression are.
struct Survey {
    /// All parts, those in the bodies of steps too, in their order: parts before wholes.
    order: Vec<M>,
    uses: FxHashMap<M, u32>,
    /// Which hidden names a part needs.
    open: FxHashMap<M, SmallVec<[Name; 2]>>,
    /// What has an index of its surroundings in it.
    indexed: FxHashSet<M>,
    loops: bool,
}

fn parts(arena: &Arena, m: M, mut visit: impl FnMut(M)) {
    emit::children(arena.kind(m), &mut visit);
    if let Kind::Function { body, .. } = arena.kind(m) {
        visit(*body);
    }
}

fn survey(emitter: &Emitter<'_>, root: M, axes: &[Name]) -> Survey {
    let arena = emitter.arena;
    let mut uses: FxHashMap<M, u32> = FxHashMap::default();
    uses.insert(root, 1);
    let mut order = vec![root];
    let mut todo = vec![root];
    let mut bound: FxHashSet<Name> = axes.iter().cloned().collect();
    let mut loops = false;
    while let Some(m) = todo.pop() {
        // what has a name is not written out
        if emitter.done.contains_key(&m) {
            continue;
        }
        match arena.kind(m) {
            Kind::Function { .. } => loops = true,
            Kind::Call(name, _, args) if matches!(&**name, "sum[]" | "prod[]" | "sum[;]" | "prod[;]") => {
                let first = if name.ends_with("[;]") { 2 } else { 1 };
                for index in args.get(first..).unwrap_or(&[]).iter().step_by(2) {
                    if let Kind::Name(index) = arena.kind(*index) {
                        bound.insert(index.clone());
                    }
                }
            }
            _ => {}
        }
        parts(arena, m, |c| {
            let count = uses.entry(c).or_insert(0);
            *count += 1;
            if *count == 1 {
                todo.push(c);
                order.push(c);
            }
        });
    }
    order.sort_unstable();
    let mut open: FxHashMap<M, SmallVec<[Name; 2]>> = FxHashMap::default();
    let mut indexed: FxHashSet<M> = FxHashSet::default();
    if loops || !bound.is_empty() {
        for &m in &order {
            let mut own: SmallVec<[Name; 2]> = SmallVec::new();
            let mut inside = false;
            match arena.kind(m) {
                Kind::Name(name) if name.starts_with(HIDDEN) => own.push(name.clone()),
                Kind::Name(name) => inside = bound.contains(name),
                _ => {}
            }
            emit::children(arena.kind(m), |c| {
                own.extend(open.get(&c).into_iter().flatten().cloned());
                inside |= indexed.contains(&c);
            });
            if !own.is_empty() {
                own.sort_by(|a, b| (Role::of(a), a).cmp(&(Role::of(b), b)));
                own.dedup();
                open.insert(m, own);
            }
            if inside {
                indexed.insert(m);
            }
        }
    }
    Survey { order, uses, open, indexed, loops }
}

/// Defines what an expression needs defined before it. With `axes`, the answer is an entry with these indices.
pub(super) fn define(
    emitter: &mut Emitter<'_>,
    root: M,
    axes: &[Name],
    share: bool,
    taken: &dyn Fn(&Name) -> bool,
) -> Vec<Helper> {
    let arena = emitter.arena;
    let s = survey(emitter, root, axes);
    let long = share && arena.length(root) > SHARE_ABOVE;
    if !s.loops && !long {
        return Vec::new();
    }
    let mut names = Names { taken, used: axes.iter().cloned().collect() };
    for &m in &s.order {
        if let Kind::Name(name) = arena.kind(m) {
            names.used.insert(name.clone());
        }
    }
    let mut wanted: Vec<(M, Wanted)> = Vec::new();
    let mut bodies: FxHashSet<M> = FxHashSet::default();
    let mut sequences: FxHashSet<M> = FxHashSet::default();
    for &m in &s.order {
        if let Kind::Function { body, .. } = arena.kind(m) {
            wanted.push((*body, Wanted::Step(m)));
            bodies.insert(*body);
        }
        let answer = m == root || matches!(arena.kind(root), Kind::Transpose(inner) if *inner == m);
        if arena.is_loop(m) == Some(true) && !answer {
            sequences.insert(m);
        }
    }
    let shortest = if s.loops { SHARE_IN_LOOPS } else { 9 };
    for &m in &s.order {
        let often = s.uses.get(&m).is_some_and(|uses| *uses > 1);
        let simple = emitter.done.contains_key(&m)
            || matches!(arena.kind(m), Kind::Function { .. } | Kind::Name(_) | Kind::Number(_) | Kind::Size(_));
        let worth = often && (arena.length(m) >= shortest || arena.is_loop(m).is_some()) || sequences.contains(&m);
        if worth
            && m != root
            && !simple
            && !bodies.contains(&m)
            && !s.indexed.contains(&m)
            && arena.form(m) != Form::Row
        {
            wanted.push((m, Wanted::Part));
        }
    }
    wanted.sort();
    let mut definitions = Vec::new();
    let mut shown: FxHashMap<Name, Name> = FxHashMap::default();
    for (m, what) in wanted {
        // names for the parameters
        let empty = SmallVec::new();
        let parameters: Vec<Name> = match &what {
            Wanted::Step(f) => match arena.kind(*f) {
                Kind::Function { parameters, .. } => parameters.clone(),
                _ => Vec::new(),
            },
            Wanted::Part => s.open.get(&m).unwrap_or(&empty).to_vec(),
        };
        for hidden in parameters.iter().chain(s.open.get(&m).unwrap_or(&empty)) {
            if !shown.contains_key(hidden) {
                let name = names.free(parameter_names(Role::of(hidden)));
                let id = emitter.ast.add(ExprKind::Name(name.clone()));
                for form in [Form::Scalar, Form::Column, Form::Matrix] {
                    if let Some(m) = arena.find(&Kind::Name(hidden.clone()), form) {
                        emitter.done.insert(m, id);
                    }
                }
                shown.insert(hidden.clone(), name);
            }
        }
        let body = emitter.emit(m);
        let name = match &what {
            Wanted::Step(f) => names.free(step_names(arena, &s.order, *f)),
            Wanted::Part => match arena.is_loop(m) {
                Some(true) => names.free(sequence_names(arena, m)),
                _ => names.numbered("w"),
            },
        };
        let id = emitter.ast.add(ExprKind::Name(name.clone()));
        let visible: Vec<Name> = parameters.iter().filter_map(|hidden| shown.get(hidden).cloned()).collect();
        // with what it is called where it stands
        let needed = s.open.get(&m).unwrap_or(&empty);
        let call = match visible.as_slice() {
            [] => Some(id),
            _ if parameters.iter().all(|hidden| needed.contains(hidden)) => {
                let args: Vec<ExprId> =
                    visible.iter().map(|name| emitter.ast.add(ExprKind::Name(name.clone()))).collect();
                Some(emitter.call(&name, args))
            }
            _ => None,
        };
        if let Wanted::Step(f) = &what {
            let given = match arena.kind(*f) {
                Kind::Function { given, .. } => given.clone(),
                _ => Vec::new(),
            };
            let as_argument = match given.as_slice() {
                [] => id,
                given => {
                    let args = given.iter().map(|m| emitter.emit(*m)).collect();
                    emitter.call(&name, args)
                }
            };
            emitter.done.insert(*f, as_argument);
        }
        // a step that is short reads best as it is
        let replaces = match &what {
            Wanted::Step(_) => arena.length(m) >= SHARE_IN_LOOPS,
            Wanted::Part => true,
        };
        if let (Some(call), true) = (call, replaces) {
            emitter.done.insert(m, call);
            emitter.named.insert(m);
        }
        definitions.push(Helper { name, parameters: visible, body });
    }
    definitions
}

fn parameter_names(role: Role) -> &'static [&'static str] {
    match role {
        Role::Direction => &["v", "dv"],
        Role::DirectionMatrix => &["V", "dV"],
        Role::State => &["s", "z"],
        Role::After => &["h", "y"],
        Role::Tangent => &["ds", "dz"],
        Role::Adjoint => &["lambda", "mu"],
        Role::Earlier => &["mu", "nu"],
        Role::Second => &["dlambda", "dmu"],
        Role::Sum => &["total", "sums"],
        Role::Unused => &["previous", "before"],
        Role::Item => &["x", "u", "v"],
    }
}

fn role_of_step(arena: &Arena, step: M) -> Role {
    match arena.kind(step) {
        Kind::Function { parameters, given, .. } => {
            parameters.get(given.len()).map_or(Role::Item, |name| Role::of(name))
        }
        _ => Role::Item,
    }
}

/// A step is named by what it does with its state; that of `map` has none.
fn step_names(arena: &Arena, order: &[M], step: M) -> &'static [&'static str] {
    let of_map = |m: &&M| matches!(arena.kind(**m), Kind::Call(name, _, args) if &**name == "map" && args.first() == Some(&step));
    let role = role_of_step(arena, step);
    if !matches!(role, Role::Direction | Role::DirectionMatrix) && order.iter().find(of_map).is_some() {
        return &["each"];
    }
    match role {
        Role::Direction | Role::DirectionMatrix => &["along", "column"],
        Role::State | Role::After | Role::Item => &["step"],
        Role::Tangent => &["tangent"],
        Role::Adjoint | Role::Earlier => &["back"],
        Role::Second => &["second"],
        Role::Sum => &["add"],
        Role::Unused => &["each"],
    }
}

fn sequence_names(arena: &Arena, sequence: M) -> &'static [&'static str] {
    let Kind::Call(name, _, args) = arena.kind(sequence) else { return &["S"] };
    let role = args.first().map_or(Role::Item, |step| role_of_step(arena, *step));
    match (role, name.starts_with("ex")) {
        _ if &**name == "map" => &["Y"],
        (Role::Direction | Role::DirectionMatrix, _) => &["Y"],
        (Role::State, true) => &["S"],
        (Role::State | Role::After, _) => &["H"],
        (Role::Tangent, _) => &["dS"],
        (Role::Adjoint | Role::Earlier, true) => &["Lambda"],
        (Role::Adjoint | Role::Earlier, false) => &["Mu"],
        (Role::Second, _) => &["dLambda"],
        (Role::Sum | Role::Unused | Role::Item, _) => &["Y"],
    }
}
