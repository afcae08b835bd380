//! Runs a loop: the program of its step, once a step.

use smallvec::SmallVec;

use crate::kernel::Loop;
use crate::program::{Program, View, Workspace};

/// Where the step finds an argument.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A state before the step.
    State(usize),
    /// The item of a sequence, which starts at `start` of an argument of the loop.
    Item { arg: usize, start: usize, len: usize },
    /// A value that is the same in all steps.
    Outer { arg: usize, start: usize, len: usize },
}

/// What is kept of a run.
#[derive(Clone, Debug)]
pub(crate) enum Gather {
    /// A state after the last step.
    Last { state: usize, at: usize, len: usize },
    /// The value of a root of the step, for each step.
    Each { root: usize, at: usize, len: usize },
    /// The sum of the values of a root of the step.
    Total { root: usize, at: usize, len: usize },
}

/// A compiled loop.
#[derive(Clone, Debug)]
pub(crate) struct LoopProgram {
    /// One step: the next states, then what is gathered.
    pub body: Program,
    pub steps: usize,
    pub backward: bool,
    pub sources: Vec<Source>,
    /// For each state which argument it starts as, where that starts, and how many numbers it has.
    pub init: Vec<(usize, usize, usize)>,
    pub gathers: Vec<Gather>,
    /// Its place in the workspace.
    pub workspace: usize,
}

/// The memory of a loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopMemory {
    body: Workspace,
    states: Vec<Vec<f64>>,
    /// The states after the step.
    next: Vec<Vec<f64>>,
}

/// A part of an argument.
fn part<'a>(args: &[&'a [f64]], arg: usize, start: usize, len: usize) -> &'a [f64] {
    args.get(arg).and_then(|a| a.get(start..start + len)).unwrap_or(&[])
}

impl LoopProgram {
    /// Runs all steps; `args` are whole slots.
    pub fn run(&self, args: &[&[f64]], out: &mut [f64], memory: &mut LoopMemory) {
        let LoopMemory { body, states, next } = memory;
        states.resize_with(self.init.len(), Vec::new);
        next.resize_with(self.init.len(), Vec::new);
        for ((state, after), (arg, start, len)) in states.iter_mut().zip(next.iter_mut()).zip(&self.init) {
            state.clear();
            state.extend_from_slice(part(args, *arg, *start, *len));
            after.resize(*len, 0.0);
        }
        body.prepare(&self.body);
        for gather in &self.gathers {
            if let Gather::Total { at, len, .. } = gather
                && let Some(sum) = out.get_mut(*at..*at + *len)
            {
                sum.fill(0.0);
            }
        }
        for turn in 0..self.steps {
            let step = if self.backward { self.steps - 1 - turn } else { turn };
            let find = |source: &Source| match source {
                Source::State(k) => states.get(*k).map_or(&[] as &[f64], Vec::as_slice),
                Source::Item { arg, start, len } => part(args, *arg, start + step * len, *len),
                Source::Outer { arg, start, len } => part(args, *arg, *start, *len),
            };
            let data: SmallVec<[&[f64]; 16]> = self.sources.iter().map(find).collect();
            self.body.execute_all(&data, body);
            for gather in &self.gathers {
                let (root, at, len, add) = match gather {
                    Gather::Last { .. } => continue,
                    Gather::Each { root, at, len } => (*root, at + step * len, *len, false),
                    Gather::Total { root, at, len } => (*root, *at, *len, true),
                };
                if let (Some(view), Some(to)) = (self.body.roots.get(root), out.get_mut(at..at + len)) {
                    read(&self.body, view, &data, body, to, add);
                }
            }
            for (view, after) in self.body.roots.iter().zip(next.iter_mut()) {
                read(&self.body, view, &data, body, after, false);
            }
            drop(data);
            std::mem::swap(states, next);
        }
        for gather in &self.gathers {
            if let Gather::Last { state, at, len } = gather
                && let (Some(state), Some(to)) = (states.get(*state), out.get_mut(*at..*at + *len))
            {
                to.copy_from_slice(state);
            }
        }
    }

    /// Floating-point operations of all steps.
    pub fn flops(&self) -> f64 {
        self.steps as f64 * self.body.flops()
    }

    /// Bytes that the steps read and write in their own memory.
    pub fn traffic(&self) -> f64 {
        self.steps as f64 * self.body.traffic()
    }
}

/// Copies or adds a root of the step.
fn read(program: &Program, view: &View, data: &[&[f64]], memory: &Workspace, to: &mut [f64], add: bool) {
    let from = program.memory_in(view.slot, data, memory);
    if view.is_dense() {
        let values = from.get(view.offset..view.offset + to.len()).unwrap_or(&[]);
        if add {
            to.iter_mut().zip(values).for_each(|(sum, x)| *sum += x);
        } else {
            to.iter_mut().zip(values).for_each(|(place, x)| *place = *x);
        }
        return;
    }
    let loops: SmallVec<[Loop<1>; 4]> =
        view.shape.iter().zip(&view.strides).map(|(n, s)| Loop { extent: *n, strides: [*s] }).collect();
    let mut places = to.iter_mut();
    crate::kernel::walk(&loops, [view.offset], |[at]| {
        if let (Some(place), Some(x)) = (places.next(), from.get(at)) {
            *place = if add { *place + x } else { *x };
        }
    });
}
