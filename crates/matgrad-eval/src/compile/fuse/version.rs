//! Sums that start with a product of matrices: what the product leaves is a slot of its own, so that the terms after it
//! may be added where the sum is read.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::statement::Statement;
use crate::kernel::Loop;
use crate::kernel::contract::{Contract, Kind};
use crate::program::{Op, Slot, SlotInfo, Step};

/// The same steps with such sums taken apart. `kept` are slots that are read afterwards.
pub(super) fn take_apart(
    steps: Vec<Step>,
    slots: &mut Vec<SlotInfo>,
    constants: &[Vec<f64>],
    kept: &FxHashSet<Slot>,
) -> Vec<Step> {
    let mut last = vec![None; slots.len()]; // the last write that is no statement
    let mut after = vec![0usize; slots.len()];
    let mut out_of_order: Vec<bool> = vec![false; slots.len()];
    let mut read = vec![false; slots.len()];
    for (at, step) in steps.iter().enumerate() {
        let statement = Statement::of(step, slots, constants);
        for arg in &step.args {
            let k = arg.0 as usize;
            read[k] = true;
            // read by something that needs it in memory
            out_of_order[k] |= statement.is_none();
        }
        for out in step.outs() {
            let k = out.0 as usize;
            out_of_order[k] |= read[k];
            if statement.as_ref().is_some_and(|s| s.fold.is_none() && (s.add || last[k].is_none())) {
                after[k] += 1;
            } else {
                last[k] = Some(at);
                after[k] = 0;
            }
        }
    }
    let mut copies: Vec<(usize, Slot, Slot)> = Vec::new();
    for k in 0..last.len() {
        let slot = Slot(k as u32);
        let Some(at) = last[k] else { continue };
        let matrix = matches!(&steps[at].op, Op::Contract(c) if c.kind != Kind::Loops);
        if matrix && (1..=4).contains(&after[k]) && !out_of_order[k] && !kept.contains(&slot) {
            slots.push(slots[k].clone());
            copies.push((at, slot, Slot(slots.len() as u32 - 1)));
        }
    }
    if copies.is_empty() {
        return steps;
    }
    let mut all = Vec::with_capacity(steps.len() + copies.len());
    for (at, mut step) in steps.into_iter().enumerate() {
        for (_, old, new) in copies.iter().filter(|(end, ..)| at <= *end) {
            if step.out == *old {
                step.out = *new;
            }
        }
        all.push(step);
        for (_, old, new) in copies.iter().filter(|(end, ..)| *end == at) {
            let len = slots.get(old.0 as usize).map_or(0, |s| s.len);
            let loops = vec![Loop { extent: len, strides: [1, 0, 1] }];
            let op = Op::Contract(Contract::new(loops, [0; 3], 1.0, false, false));
            all.push(Step { op, out: *old, more: SmallVec::new(), args: SmallVec::from_slice(&[*new]) });
        }
    }
    all
}
