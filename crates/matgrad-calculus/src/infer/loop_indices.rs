//! Which indices the states of a loop depend on: those of its first state and its sequences, and those that its step
//! takes from around the loop, as `fold(f(w[i]), 0, x)` does. They are known before anything is lowered, since the
//! placeholder of a state has an axis for each.

use rustc_hash::FxHashMap;

use super::lower::IndexSet;
use super::term::{Affine, IndexId, LoopId, Sub, Term, TermId, TermKind};

fn add(set: &mut IndexSet, index: IndexId) {
    if let Err(at) = set.binary_search(&index) {
        set.insert(at, index);
    }
}

fn add_affine(set: &mut IndexSet, affine: &Affine) {
    affine.indices.iter().for_each(|(index, _)| add(set, *index));
}

/// The indices that a term has of its own, beside those of its children, and those that it binds.
fn own(kind: &TermKind, set: &mut IndexSet) {
    match kind {
        TermKind::Index(index) => add(set, *index),
        TermKind::Subscript(_, subs) => {
            for sub in subs {
                if let Sub::At(affine) = sub {
                    add_affine(set, affine);
                }
            }
        }
        TermKind::Delta(a, b) => [a, b].into_iter().for_each(|affine| add_affine(set, affine)),
        TermKind::Epsilon(subs) => subs.iter().for_each(|affine| add_affine(set, affine)),
        _ => {}
    }
}

fn bound(kind: &TermKind) -> &[IndexId] {
    match kind {
        TermKind::Reduce { indices, .. } => indices,
        TermKind::Tabulate(indices, _) => indices,
        TermKind::Rows(index, _) => std::slice::from_ref(index),
        _ => &[],
    }
}

/// The indices of the states of each loop.
pub(super) fn of_loops(terms: &[Term]) -> FxHashMap<LoopId, IndexSet> {
    let mut loops: FxHashMap<LoopId, IndexSet> = FxHashMap::default();
    if !terms.iter().any(|term| matches!(term.kind, TermKind::Loop { .. })) {
        return loops;
    }
    loop {
        let mut free: Vec<IndexSet> = Vec::with_capacity(terms.len());
        let mut grown = false;
        for term in terms {
            let mut set = IndexSet::new();
            own(&term.kind, &mut set);
            let of = |id: TermId| free.get(id.0 as usize).into_iter().flatten().copied();
            match &term.kind {
                TermKind::Placeholder { item: Some(k), xs, .. } => {
                    xs.get(*k).into_iter().flat_map(|xs| of(*xs)).for_each(|index| add(&mut set, index));
                }
                TermKind::Placeholder { loop_id, .. } => {
                    term.for_each_child(|child| of(child).for_each(|index| add(&mut set, index)));
                    loops.get(loop_id).into_iter().flatten().for_each(|index| add(&mut set, *index));
                }
                kind => {
                    term.for_each_child(|child| of(child).for_each(|index| add(&mut set, index)));
                    set.retain(|index| !bound(kind).contains(index));
                }
            }
            if let TermKind::Loop { loop_id, .. } = term.kind
                && loops.get(&loop_id) != Some(&set)
            {
                grown = true;
                loops.insert(loop_id, set.clone());
            }
            free.push(set);
        }
        // sets only grow
        if !grown {
            return loops;
        }
    }
}
