//! Loops: the step is a program of its own, run once a step. What does not depend on the states or the sequences is
//! computed outside, once.

use std::sync::Arc;

use matgrad_calculus::graph::{Node, NodeId, Reading, Recurrence, Slot as Place};
use smallvec::SmallVec;

use super::demand::{Demand, kept_states};
use super::{Compiler, Options, dense_view};
use crate::error::CompileError;
use crate::program::{Op, Program, Slot, View};
use crate::recurrence::{Gather, LoopProgram, Source};

/// What the step of a loop reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    /// A placeholder of the loop.
    Own(Place),
    /// A value from outside.
    Captured(NodeId),
}

/// The loop whose step is being compiled.
pub(super) struct Step {
    pub level: u8,
    pub leaves: Vec<Leaf>,
}

impl Compiler<'_> {
    /// Whether a node is computed outside the step that is being compiled.
    pub(super) fn is_outside(&self, id: NodeId) -> bool {
        let Some(step) = &self.step else { return false };
        let graph = self.graph;
        // numbers and structure are made where they are used
        let made = matches!(
            graph.node(id),
            Node::Size(_) | Node::Pi | Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. }
        ) || graph.constant(id).is_some();
        !made && !graph.is_open(id, step.level)
    }

    /// An argument of the step.
    pub(super) fn leaf(&mut self, id: NodeId, leaf: Leaf) -> Result<View, CompileError> {
        let shape = self.shape_of(id)?;
        let len = self.check_size(&shape)?;
        let Some(step) = &mut self.step else { return Err(CompileError::Shapes { what: "a recurrence" }) };
        let at = step.leaves.iter().position(|known| *known == leaf).unwrap_or_else(|| {
            step.leaves.push(leaf);
            step.leaves.len() - 1
        });
        let slot = self.new_slot(crate::program::Place::Input(at), len, &shape);
        Ok(dense_view(slot, &shape))
    }

    /// All that is read off one loop and can be at once, in one run of it; the view of `id` is returned.
    pub(super) fn recurrence(
        &mut self,
        id: NodeId,
        r: &Arc<Recurrence>,
        reading: Reading,
    ) -> Result<View, CompileError> {
        let graph = self.graph;
        // what else is asked of the same loop, as long as it does not need this result
        let mut readings = vec![(id, reading)];
        let replayed = self.is_replayed(r)?;
        let states = if replayed { &[] } else { self.demand.states.as_slice() };
        for &other in self.demand.order.iter().chain(states) {
            if other == id || self.values.contains_key(&other) || readings.iter().any(|(known, _)| *known == other) {
                continue;
            }
            if let Node::Loop(same, more) = graph.node(other)
                && (Arc::ptr_eq(same, r) || same == r)
                && !self.needs(*more, r, id)
            {
                readings.push((other, *more));
            }
        }
        let expressions: Vec<NodeId> = readings.iter().filter_map(|(_, reading)| reading.expression()).collect();
        let roots: Vec<NodeId> = r.next.iter().copied().chain(expressions).collect();
        let (body, leaves) = self.step_program(r.level, &roots)?;
        let steps = self.length(r.length)?;
        let mut args: SmallVec<[Slot; 3]> = SmallVec::new();
        let mut sources = Vec::with_capacity(leaves.len());
        let mut again: Option<Arc<Recurrence>> = None;
        for leaf in leaves {
            if let Leaf::Own(Place::Item(k)) = leaf
                && let Some(node) = r.items.get(k as usize).filter(|node| !self.is_outside(**node))
                && let Some((of, state)) = kept_states(graph, *node)
                && of.backward != r.backward
                && again.as_ref().is_none_or(|known| known == of)
                && self.is_replayed(of)?
            {
                again = Some(of.clone());
                sources.push(Source::Replayed(state));
                continue;
            }
            sources.push(self.source(r, leaf, &mut args)?);
        }
        let init = self.starts(r, &mut args)?;
        let replay = match again {
            Some(of) => Some(Box::new(self.replay(&of, steps, &mut args)?)),
            None => None,
        };
        // all results lie in one slot, one after the other
        let (mut gathers, mut views, mut at, mut root) = (Vec::new(), Vec::new(), 0usize, r.next.len());
        for (node, reading) in &readings {
            let shape = self.shape_of(*node)?;
            let len = self.check_size(&shape)?;
            gathers.push(match reading {
                Reading::Last(k) => Gather::Last { state: *k as usize, at, len },
                Reading::Each(_) => Gather::Each { root, at, len: shape[1..].iter().product() },
                Reading::Total(_) => Gather::Total { root, at, len },
            });
            root += usize::from(reading.expression().is_some());
            views.push((*node, at, shape));
            at = at.saturating_add(len);
        }
        let slot = self.allocate(&[at])?;
        for (node, offset, shape) in views {
            self.values.insert(node, View { offset, ..dense_view(slot, &shape) });
        }
        let work =
            LoopProgram { body, steps, backward: r.backward, sources, init, gathers, replay, workspace: self.loops };
        self.loops += 1;
        self.emit(Op::Recurrence(Box::new(work)), slot, args);
        self.values.get(&id).cloned().ok_or(CompileError::Shapes { what: "a recurrence" })
    }

    /// Whether the states of a loop are too many to be kept.
    fn is_replayed(&mut self, r: &Recurrence) -> Result<bool, CompileError> {
        let mut numbers = 0u64;
        for node in self.demand.states.clone() {
            if kept_states(self.graph, node).is_some_and(|(of, _)| **of == *r) {
                let shape = self.shape_of(node)?;
                let count = crate::array::count(&shape).unwrap_or(usize::MAX) as u64;
                numbers = numbers.saturating_add(count);
            }
        }
        Ok(numbers.saturating_mul(8) > self.options.state_limit)
    }

    /// A dense operand of a loop: which argument it is, where it starts, its shape.
    fn loop_operand(
        &mut self,
        node: NodeId,
        args: &mut SmallVec<[Slot; 3]>,
    ) -> Result<(usize, usize, SmallVec<[usize; 4]>), CompileError> {
        let view = self.value(node)?;
        let view = self.dense(view)?;
        args.push(view.slot);
        Ok((args.len() - 1, view.offset, view.shape))
    }

    /// Where a step reads a leaf from.
    fn source(&mut self, r: &Recurrence, leaf: Leaf, args: &mut SmallVec<[Slot; 3]>) -> Result<Source, CompileError> {
        Ok(match leaf {
            Leaf::Own(Place::State(k)) => Source::State(k as usize),
            Leaf::Own(Place::Item(k)) => {
                let node = *r.items.get(k as usize).ok_or(CompileError::Shapes { what: "a recurrence" })?;
                let (arg, start, shape) = self.loop_operand(node, args)?;
                Source::Item { arg, start, len: shape[1..].iter().product() }
            }
            Leaf::Captured(node) => {
                let (arg, start, shape) = self.loop_operand(node, args)?;
                Source::Outer { arg, start, len: shape.iter().product() }
            }
        })
    }

    /// The first states: argument, start and length of each.
    fn starts(
        &mut self,
        r: &Recurrence,
        args: &mut SmallVec<[Slot; 3]>,
    ) -> Result<Vec<(usize, usize, usize)>, CompileError> {
        let start = |node: &NodeId| {
            let (arg, start, shape) = self.loop_operand(*node, args)?;
            Ok((arg, start, shape.iter().product()))
        };
        r.init.iter().map(start).collect()
    }

    /// A loop whose states are computed again; its arguments follow those of the loop that needs them.
    fn replay(
        &mut self,
        r: &Recurrence,
        steps: usize,
        args: &mut SmallVec<[Slot; 3]>,
    ) -> Result<LoopProgram, CompileError> {
        let (body, leaves) = self.step_program(r.level, &r.next)?;
        let mut sources = Vec::with_capacity(leaves.len());
        for leaf in leaves {
            sources.push(self.source(r, leaf, args)?);
        }
        let init = self.starts(r, args)?;
        let (gathers, backward) = (Vec::new(), r.backward);
        Ok(LoopProgram { body, steps, backward, sources, init, gathers, replay: None, workspace: 0 })
    }

    /// Whether what is read needs the result of the node.
    fn needs(&self, reading: Reading, r: &Recurrence, node: NodeId) -> bool {
        let Some(e) = reading.expression() else { return false };
        let graph = self.graph;
        let mut outside = Vec::new();
        for id in graph.open_order(&[e], r.level) {
            graph.for_each_child(id, |child| {
                if child >= node && !graph.is_open(child, r.level) {
                    outside.push(child);
                }
            });
        }
        !outside.is_empty() && graph.reachable(&outside).contains(&node)
    }

    /// The program of a step and what it reads.
    fn step_program(&self, level: u8, roots: &[NodeId]) -> Result<(Program, Vec<Leaf>), CompileError> {
        let demand = Demand::of_step(self.graph, roots, level);
        let step = Step { level, leaves: Vec::new() };
        // what a step needs is never held
        let options = Options { held: Vec::new(), ..self.options.clone() };
        let mut inner = Compiler::new(self.graph, self.sizes, options, demand, Some(step));
        let views = inner.all(roots)?;
        let leaves = inner.step.take().map(|step| step.leaves).unwrap_or_default();
        Ok((inner.finish(views)?, leaves))
    }
}
