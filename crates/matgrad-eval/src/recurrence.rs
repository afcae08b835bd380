//! Runs a loop: the program of its step, once a step.

use smallvec::SmallVec;

use crate::kernel::Loop;
use crate::kernel::number::Number;
use crate::program::{Program, View, Workspace};

/// Where the step finds an argument.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A state before the step.
    State(usize),
    /// The item of a sequence, which starts at `start` of an argument of the loop.
    Item { arg: usize, start: usize, len: usize },
    /// A state before the same step of the loop that is run again.
    Replayed(usize),
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
    /// A loop in the other direction whose states are needed and not kept: they are computed again, some steps at once.
    pub replay: Option<Box<LoopProgram>>,
    /// Its place in the workspace.
    pub workspace: usize,
}

/// The memory of a loop.
#[derive(Clone, Debug, Default)]
pub(crate) struct LoopMemory<T> {
    body: Workspace<T>,
    states: Vec<Vec<T>>,
    /// The states after the step.
    next: Vec<Vec<T>>,
    /// What a step adds to the sums over all steps.
    sums: Vec<T>,
    replay: Option<Box<Replay<T>>>,
}

/// The states of a loop that is run again: every so many kept, and those of one stretch between.
#[derive(Clone, Debug, Default)]
struct Replay<T> {
    memory: LoopMemory<T>,
    /// How many steps a stretch has.
    stretch: usize,
    /// The states at the start of each stretch.
    starts: Vec<Vec<Vec<T>>>,
    /// The states before each step of one stretch, and which one it is.
    states: Vec<Vec<Vec<T>>>,
    current: usize,
}

/// A part of an argument.
fn part<'a, T>(args: &[&'a [T]], arg: usize, start: usize, len: usize) -> &'a [T] {
    args.get(arg).and_then(|a| a.get(start..start + len)).unwrap_or(&[])
}

impl LoopProgram {
    /// Runs all steps; `args` are whole slots.
    pub fn run<T: Number>(&self, args: &[&[T]], out: &mut [T], memory: &mut LoopMemory<T>) {
        self.start(args, memory);
        for gather in &self.gathers {
            if let Gather::Total { at, len, .. } = gather
                && let Some(sum) = out.get_mut(*at..*at + *len)
            {
                sum.fill(T::zero());
            }
        }
        let mut replay = memory.replay.take();
        if let Some(of) = &self.replay {
            of.keep(args, replay.get_or_insert_default());
        }
        for turn in 0..self.steps {
            let replayed: &[Vec<T>] = match (&self.replay, &mut replay) {
                (Some(of), Some(replay)) => of.states_before(args, self.steps - 1 - turn, replay),
                _ => &[],
            };
            self.step(args, turn, replayed, memory, out);
        }
        memory.replay = replay;
        for gather in &self.gathers {
            if let Gather::Last { state, at, len } = gather
                && let (Some(state), Some(to)) = (memory.states.get(*state), out.get_mut(*at..*at + *len))
            {
                to.copy_from_slice(state);
            }
        }
    }

    /// Puts the states at their start.
    fn start<T: Number>(&self, args: &[&[T]], memory: &mut LoopMemory<T>) {
        let LoopMemory { body, states, next, sums, .. } = memory;
        states.resize_with(self.init.len(), Vec::new);
        next.resize_with(self.init.len(), Vec::new);
        for ((state, after), (arg, start, len)) in states.iter_mut().zip(next.iter_mut()).zip(&self.init) {
            state.clear();
            state.extend_from_slice(part(args, *arg, *start, *len));
            after.resize(*len, T::zero());
        }
        let summed = |gather: &Gather| if let Gather::Total { len, .. } = gather { *len } else { 0 };
        sums.resize(self.gathers.iter().map(summed).sum(), T::zero());
        body.prepare(&self.body);
    }

    /// The step of a turn: the states before it go to those after it, and what is gathered to `out`.
    fn step<T: Number>(
        &self,
        args: &[&[T]],
        turn: usize,
        replayed: &[Vec<T>],
        memory: &mut LoopMemory<T>,
        out: &mut [T],
    ) {
        let LoopMemory { body, states, next, sums, .. } = memory;
        let step = if self.backward { self.steps - 1 - turn } else { turn };
        let find = |source: &Source| match source {
            Source::State(k) => states.get(*k).map_or(&[] as &[T], Vec::as_slice),
            Source::Replayed(k) => replayed.get(*k).map_or(&[] as &[T], Vec::as_slice),
            Source::Item { arg, start, len } => part(args, *arg, start + step * len, *len),
            Source::Outer { arg, start, len } => part(args, *arg, *start, *len),
        };
        let data: SmallVec<[&[T]; 16]> = self.sources.iter().map(find).collect();
        if self.body.writes_at_once() {
            self.step_at_once(step, &data, body, (next, sums), out);
        } else {
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
        }
        drop(data);
        std::mem::swap(states, next);
    }

    /// A step whose results are all written where they belong: the next states, then what is gathered.
    fn step_at_once<T: Number>(
        &self,
        step: usize,
        data: &[&[T]],
        body: &mut Workspace<T>,
        (next, sums): (&mut [Vec<T>], &mut [T]),
        out: &mut [T],
    ) {
        let mut results: SmallVec<[&mut [T]; 16]> = next.iter_mut().map(Vec::as_mut_slice).collect();
        let (mut rest, mut passed, mut parts) = (&mut *out, 0, &mut *sums);
        for gather in &self.gathers {
            match gather {
                Gather::Last { .. } => {}
                Gather::Each { at, len, .. } => {
                    // results lie in `out` one after the other
                    let start = (at + step * len).saturating_sub(passed).min(rest.len());
                    let (_, tail) = std::mem::take(&mut rest).split_at_mut(start);
                    let (place, tail) = tail.split_at_mut((*len).min(tail.len()));
                    passed = at + step * len + len;
                    results.push(place);
                    rest = tail;
                }
                Gather::Total { len, .. } => {
                    let end = (*len).min(parts.len());
                    let (place, tail) = std::mem::take(&mut parts).split_at_mut(end);
                    results.push(place);
                    parts = tail;
                }
            }
        }
        self.body.run_prepared(data, body, &mut results);
        drop(results);
        let mut parts = &*sums;
        for gather in &self.gathers {
            if let Gather::Total { at, len, .. } = gather
                && let Some(to) = out.get_mut(*at..*at + *len)
            {
                let (from, tail) = parts.split_at((*len).min(parts.len()));
                to.iter_mut().zip(from).for_each(|(sum, x)| *sum += *x);
                parts = tail;
            }
        }
    }

    /// Runs the loop and keeps its states at the start of each stretch.
    fn keep<T: Number>(&self, args: &[&[T]], replay: &mut Replay<T>) {
        replay.stretch = (self.steps as f64).sqrt().ceil().max(1.0) as usize;
        replay.current = usize::MAX;
        self.start(args, &mut replay.memory);
        for turn in 0..self.steps {
            if turn % replay.stretch == 0 {
                copy_to(&mut replay.starts, turn / replay.stretch, &replay.memory.states);
            }
            self.step(args, turn, &[], &mut replay.memory, &mut []);
        }
    }

    /// The states before a turn, the stretch around it computed again where it is another one.
    fn states_before<'r, T: Number>(&self, args: &[&[T]], turn: usize, replay: &'r mut Replay<T>) -> &'r [Vec<T>] {
        let wanted = turn / replay.stretch.max(1);
        if replay.current != wanted {
            replay.current = wanted;
            if let Some(start) = replay.starts.get(wanted) {
                replay.memory.states.clone_from(start);
            }
            let first = wanted * replay.stretch;
            for turn in first..(first + replay.stretch).min(self.steps) {
                copy_to(&mut replay.states, turn - first, &replay.memory.states);
                self.step(args, turn, &[], &mut replay.memory, &mut []);
            }
        }
        replay.states.get(turn - wanted * replay.stretch).map_or(&[], Vec::as_slice)
    }

    /// Floating-point operations of all steps.
    pub fn flops(&self) -> f64 {
        let again = self.replay.as_ref().map_or(0.0, |of| 2.0 * of.flops());
        self.steps as f64 * self.body.flops() + again
    }

    /// Bytes that the steps read and write in their own memory.
    pub fn traffic(&self) -> f64 {
        let again = self.replay.as_ref().map_or(0.0, |of| 2.0 * of.traffic());
        self.steps as f64 * self.body.traffic() + again
    }
}

/// Puts states into a place of a list that grows as needed.
fn copy_to<T: Number>(list: &mut Vec<Vec<Vec<T>>>, at: usize, states: &[Vec<T>]) {
    if list.len() <= at {
        list.resize_with(at + 1, Vec::new);
    }
    if let Some(place) = list.get_mut(at) {
        place.resize_with(states.len(), Vec::new);
        place.iter_mut().zip(states).for_each(|(to, from)| to.clone_from(from));
    }
}

/// Copies or adds a root of the step.
fn read<T: Number>(program: &Program, view: &View, data: &[&[T]], memory: &Workspace<T>, to: &mut [T], add: bool) {
    let from = program.memory_in(view.slot, data, memory);
    if view.is_dense() {
        let values = from.get(view.offset..view.offset + to.len()).unwrap_or(&[]);
        if add {
            to.iter_mut().zip(values).for_each(|(sum, x)| *sum += *x);
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
            *place = if add { *place + *x } else { *x };
        }
    });
}
