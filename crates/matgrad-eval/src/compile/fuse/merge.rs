//! Fused loops over the same places become one, with several results: what one computes the other takes from a register,
//! and what nobody else reads is not stored.

use rustc_hash::FxHashSet;
use smallvec::SmallVec;

use super::MOST_CODE;
use super::statement::{Access, Statement};
use crate::code::{Builder, Code, Inst, Reg};
use crate::fused::{Fold, FusedLoop, Output, Stream};
use crate::program::{Op, Slot, Step};

/// A step that is done, or a loop that may be joined with others.
pub(super) enum Entry {
    Step(Step),
    Loop(Group),
}

/// Where a value of a loop goes.
#[derive(Clone, Debug)]
struct Target {
    place: Access,
    value: Reg,
    fold: Option<Fold>,
    add: bool,
}

/// A loop with several results.
#[derive(Clone, Debug)]
pub(super) struct Group {
    extents: SmallVec<[usize; 4]>,
    loads: Vec<Access>,
    code: Code,
    targets: Vec<Target>,
}

impl From<Statement> for Entry {
    fn from(mut statement: Statement) -> Self {
        statement.arrange();
        let Statement { extents, loads, code, value, out, fold, add } = statement;
        Self::Loop(Group { extents, loads, code, targets: vec![Target { place: out, value, fold, add }] })
    }
}

impl Entry {
    fn reads(&self, slot: Slot) -> bool {
        match self {
            Self::Step(step) => step.args.contains(&slot),
            Self::Loop(group) => group.reads(slot),
        }
    }

    fn writes(&self, slot: Slot) -> bool {
        match self {
            Self::Step(step) => step.outs().any(|out| out == slot),
            Self::Loop(group) => group.writes(slot),
        }
    }
}

/// The steps, with loops joined.
pub(super) fn merge(entries: Vec<Entry>, kept: &FxHashSet<Slot>) -> Vec<Step> {
    let mut done: Vec<Entry> = Vec::with_capacity(entries.len());
    for entry in entries {
        match entry {
            Entry::Step(_) => done.push(entry),
            Entry::Loop(group) => {
                if let Some(group) = join(&mut done, group) {
                    done.push(Entry::Loop(group));
                }
            }
        }
    }
    let mut read = kept.clone();
    // from the last to the first, so that what only an unused loop reads is unused too
    let mut steps = Vec::with_capacity(done.len());
    for entry in done.into_iter().rev() {
        match entry {
            Entry::Step(step) => {
                read.extend(step.args.iter().copied());
                read.extend(step.outs());
                steps.push(step);
            }
            Entry::Loop(mut group) => {
                group.targets.retain(|t| read.contains(&t.place.slot));
                if group.targets.is_empty() {
                    continue;
                }
                group.tidy();
                read.extend(group.loads.iter().map(|l| l.slot));
                steps.push(group.step());
            }
        }
    }
    steps.reverse();
    steps
}

/// How far back a loop to join is looked for.
const WINDOW: usize = 24;

/// Joins a loop with one before it; the loop comes back where there is none.
fn join(done: &mut [Entry], group: Group) -> Option<Group> {
    let first = done.len().saturating_sub(WINDOW);
    for k in (first..done.len()).rev() {
        if let Entry::Loop(earlier) = &done[k]
            && let Some(joined) = earlier.with(&group)
        {
            done[k] = Entry::Loop(joined);
            return None;
        }
        // it cannot move before this one
        let entry = &done[k];
        let stays = group.loads.iter().any(|l| entry.writes(l.slot))
            || group.targets.iter().any(|t| entry.writes(t.place.slot) || entry.reads(t.place.slot));
        if stays {
            return Some(group);
        }
    }
    Some(group)
}

impl Group {
    fn reads(&self, slot: Slot) -> bool {
        self.loads.iter().any(|l| l.slot == slot)
    }

    fn writes(&self, slot: Slot) -> bool {
        self.targets.iter().any(|t| t.place.slot == slot)
    }

    fn turns(&self) -> usize {
        self.extents.iter().copied().fold(1, usize::saturating_mul)
    }

    fn accesses(&mut self) -> impl Iterator<Item = &mut Access> {
        self.loads.iter_mut().chain(self.targets.iter_mut().map(|t| &mut t.place))
    }

    fn split_loop(&mut self, v: usize, inner: usize) {
        self.extents[v] /= inner;
        self.extents.insert(v + 1, inner);
        for access in self.accesses() {
            let s = access.strides[v];
            access.strides[v] = s * inner;
            access.strides.insert(v + 1, s);
        }
    }

    /// Both loops as one, where they run over the same places and share an operand.
    fn with(&self, later: &Self) -> Option<Self> {
        if self.turns() != later.turns()
            || self.extents.contains(&0)
            || self.code.insts.len() + later.code.insts.len() > MOST_CODE
            || later.targets.iter().any(|t| self.reads(t.place.slot) || self.writes(t.place.slot))
        {
            return None;
        }
        // a result that the later one reads, or an operand of both
        let mut pairs: Vec<(&Access, &Access)> = Vec::new();
        for load in &later.loads {
            let results = self.targets.iter().filter(|t| t.place.slot == load.slot);
            pairs.extend(results.map(|t| (&t.place, load)));
        }
        if pairs.is_empty() {
            for load in &later.loads {
                pairs.extend(self.loads.iter().filter(|l| l.slot == load.slot).map(|l| (l, load)));
            }
        }
        pairs.iter().find_map(|(one, other)| self.joined(later, one, other))
    }

    /// The two with their loops matched so that two accesses agree.
    fn joined(&self, later: &Self, one: &Access, other: &Access) -> Option<Self> {
        if one.start != other.start {
            return None;
        }
        let (mut a, mut b) = (self.clone(), later.clone());
        let (mut one, mut other) = (one.clone(), other.clone());
        // the loops of both, those that move furthest first, cut to the same lengths
        let order = loop {
            let by = |access: &Access, extents: &[usize]| {
                let mut order: Vec<usize> = (0..extents.len()).collect();
                order.sort_by_key(|&v| (access.strides[v], extents[v]));
                order
            };
            let (first, second) = (by(&one, &a.extents), by(&other, &b.extents));
            let uneven = first.iter().zip(&second).find(|(v, w)| {
                one.strides[**v] != 0 && (one.strides[**v], a.extents[**v]) != (other.strides[**w], b.extents[**w])
            });
            let Some((&v, &w)) = uneven else {
                if first.len() != second.len() {
                    return None;
                }
                break first.into_iter().zip(second).collect::<Vec<(usize, usize)>>();
            };
            let (n, m) = (a.extents[v], b.extents[w]);
            if one.strides[v] != other.strides[w] || n == 0 || m == 0 {
                return None;
            }
            let cut = |access: &mut Access, v: usize, inner: usize| {
                let s = access.strides[v];
                access.strides[v] = s * inner;
                access.strides.insert(v + 1, s);
            };
            if n > m && n % m == 0 && m > 1 {
                a.split_loop(v, m);
                cut(&mut one, v, m);
            } else if m > n && m % n == 0 && n > 1 {
                b.split_loop(w, n);
                cut(&mut other, w, n);
            } else {
                return None;
            }
        };
        let mut place = vec![0; a.extents.len()];
        for (v, w) in &order {
            if a.extents[*v] != b.extents[*w] {
                return None;
            }
            place[*v] = *w;
        }
        b.accesses().for_each(|access| access.strides = place.iter().map(|w| access.strides[*w]).collect());
        b.extents.clone_from(&a.extents);
        a.followed_by(&b)
    }

    /// The same loops with the code of both, in this order.
    fn followed_by(mut self, later: &Self) -> Option<Self> {
        let shift = self.code.insts.len() as u32;
        let mut names: Vec<Reg> = Vec::with_capacity(later.code.insts.len());
        for inst in &later.code.insts {
            let inst = match inst {
                Inst::Load(k) => {
                    let load = later.loads.get(*k as usize)?;
                    if let Some(result) = self.targets.iter().find(|t| t.place.slot == load.slot) {
                        let same = result.place == *load && result.fold.is_none() && !result.add;
                        names.push(same.then_some(result.value)?);
                        self.code.insts.push(Inst::Constant(0.0)); // keeps the numbers of the others
                        continue;
                    }
                    let known = self.loads.iter().position(|l| l == load).unwrap_or_else(|| {
                        self.loads.push(load.clone());
                        self.loads.len() - 1
                    });
                    Inst::Load(known as u32)
                }
                _ => inst.renamed(|a| names[a.0 as usize]),
            };
            names.push(Reg(shift + names.len() as u32));
            self.code.insts.push(inst);
        }
        for target in &later.targets {
            self.targets.push(Target { value: names[target.value.0 as usize], ..target.clone() });
        }
        self.tidy();
        Some(self)
    }

    /// Drops instructions and loads that nothing needs, makes equal ones one.
    fn tidy(&mut self) {
        let mut build = Builder::default();
        let mut names: Vec<Reg> = Vec::with_capacity(self.code.insts.len());
        for inst in &self.code.insts {
            names.push(build.push(inst.renamed(|a| names[a.0 as usize])));
        }
        let mut values: Vec<Reg> = self.targets.iter().map(|t| names[t.value.0 as usize]).collect();
        self.code = build.finish(&mut values);
        self.targets.iter_mut().zip(values).for_each(|(t, value)| t.value = value);
        let mut kept: Vec<Access> = Vec::new();
        for inst in &mut self.code.insts {
            if let Inst::Load(k) = inst
                && let Some(load) = self.loads.get(*k as usize)
            {
                let at = kept.iter().position(|l| l == load).unwrap_or_else(|| {
                    kept.push(load.clone());
                    kept.len() - 1
                });
                *k = at as u32;
            }
        }
        self.loads = kept;
    }

    fn step(self) -> Step {
        let mut args: SmallVec<[Slot; 3]> = SmallVec::new();
        let mut streams = Vec::with_capacity(self.loads.len());
        for load in self.loads {
            let arg = args.iter().position(|a| *a == load.slot).unwrap_or_else(|| {
                args.push(load.slot);
                args.len() - 1
            });
            streams.push(Stream { arg, start: load.start, strides: load.strides });
        }
        let mut outs: SmallVec<[Slot; 3]> = SmallVec::new();
        let mut outputs = Vec::with_capacity(self.targets.len());
        for Target { place, value, fold, add } in self.targets {
            outputs.push(Output { out: outs.len(), start: place.start, strides: place.strides, value, fold, add });
            outs.push(place.slot);
        }
        let fused = FusedLoop::new(self.extents, streams, self.code, outputs);
        Step { op: Op::Fused(Box::new(fused)), out: outs[0], more: outs[1..].iter().copied().collect(), args }
    }
}
