//! Which slots share a buffer: those that do not live at the same time.

use std::collections::BTreeSet;

use super::Compiler;
use crate::array::count;
use crate::engine::Whole;
use crate::error::CompileError;
use crate::program::{Place, Program, View};

impl Compiler<'_> {
    /// Lays out the memory and hands over the program.
    pub(super) fn finish(mut self, roots: Vec<View>) -> Result<Program, CompileError> {
        let forever = self.steps.len();
        let mut last = vec![None; self.slots.len()];
        for (at, step) in self.steps.iter().enumerate() {
            for slot in step.args.iter().chain([&step.out]) {
                last[slot.0 as usize] = Some(at);
            }
        }
        roots.iter().for_each(|view| last[view.slot.0 as usize] = Some(forever));
        let mut buffers: Vec<usize> = Vec::new();
        let mut free: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut placed = vec![false; self.slots.len()];
        for (at, step) in self.steps.iter().enumerate() {
            let out = step.out.0 as usize;
            if !std::mem::replace(&mut placed[out], true) {
                let len = self.slots[out].len;
                // the smallest that is large enough, else the largest, grown
                let fit = free.range((len, 0)..).next().or(free.last()).copied();
                let buffer = match fit {
                    Some(found) => {
                        free.remove(&found);
                        found.1
                    }
                    None => {
                        buffers.push(0);
                        buffers.len() - 1
                    }
                };
                buffers[buffer] = buffers[buffer].max(len);
                self.slots[out].place = Place::Buffer(buffer);
            }
            let mut ended: Vec<usize> = step.args.iter().chain([&step.out]).map(|s| s.0 as usize).collect();
            ended.sort_unstable();
            ended.dedup();
            for slot in ended {
                if last[slot] == Some(at)
                    && let Place::Buffer(buffer) = self.slots[slot].place
                {
                    free.insert((buffers[buffer], buffer));
                }
            }
        }
        let results = roots.iter().map(|v| count(&v.shape).unwrap_or(usize::MAX) as u64);
        let numbers = buffers.iter().map(|n| *n as u64).chain(results).fold(0u64, u64::saturating_add);
        let bytes = numbers.saturating_mul(8);
        if bytes > self.options.memory_limit {
            let shapes = self.slots.iter().map(|s| s.shape.to_vec()).chain(roots.iter().map(|v| v.shape.to_vec()));
            let largest = shapes.max_by_key(|s| count(s).unwrap_or(usize::MAX)).unwrap_or_default();
            return Err(CompileError::TooLarge { bytes, limit: self.options.memory_limit, largest });
        }
        let mut program = Program {
            inputs: self.inputs,
            constants: self.constants,
            slots: self.slots,
            steps: self.steps,
            roots,
            buffers,
            loops: self.loops,
            whole: None,
        };
        program.whole = Whole::new(&program, self.options.engine)?;
        Ok(program)
    }
}
