//! What depends only on inputs that stay as they are comes first, and once.

use matgrad_syntax::Name;
use rustc_hash::FxHashSet;

use crate::program::{Place, Program, Slot, Step};

/// Brings the steps to the front that need nothing but held inputs and numbers, and counts them.
pub(super) fn hold(program: &mut Program, held: &[Name]) {
    if held.is_empty() {
        return;
    }
    let Program { inputs, slots, steps, .. } = &*program;
    let is_held = |k: usize| inputs.get(k).is_some_and(|input| held.contains(&input.name));
    let moves = |slot: Slot, moving: &FxHashSet<Slot>| match slots.get(slot.0 as usize).map(|s| s.place) {
        Some(Place::Input(k)) => !is_held(k),
        Some(Place::Constant(_)) => false,
        _ => moving.contains(&slot),
    };
    // a slot moves with any of the steps that write it
    let mut moving: FxHashSet<Slot> = FxHashSet::default();
    loop {
        let before = moving.len();
        for step in steps {
            if step.args.iter().any(|arg| moves(*arg, &moving)) || step.outs().any(|out| moving.contains(&out)) {
                moving.extend(step.outs());
            }
        }
        if moving.len() == before {
            break;
        }
    }
    let (rest, first): (Vec<Step>, Vec<Step>) =
        program.steps.drain(..).partition(|step| step.outs().any(|out| moving.contains(&out)));
    program.held = first.len();
    program.steps = first;
    program.steps.extend(rest);
}

/// The slots that the held steps write and others, or the results, read: they keep their memory.
pub(super) fn kept(program: &Program) -> FxHashSet<Slot> {
    let (first, rest) = program.steps.split_at(program.held.min(program.steps.len()));
    let written: FxHashSet<Slot> = first.iter().flat_map(Step::outs).collect();
    let read = rest.iter().flat_map(|step| step.args.iter().copied()).chain(program.roots.iter().map(|v| v.slot));
    read.filter(|slot| written.contains(slot)).collect()
}
