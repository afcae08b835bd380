//! Runs fused loops.

use smallvec::SmallVec;

use super::lanes::{self, Operand};
use super::tape::{Pass, Source, Target};
use super::{FusedLoop, Output, Scratch};
use crate::code::Inst;
use crate::kernel::number::Number;
use crate::kernel::{Loop, walk};

impl<T: Number> Scratch<T> {
    fn prepare(&mut self, registers: usize, block: usize, uniforms: usize) {
        if self.blocks.len() < registers {
            self.blocks.resize_with(registers, Vec::new);
        }
        for register in self.blocks.iter_mut().take(registers) {
            if register.len() < block {
                register.resize(block, T::zero());
            }
        }
        if self.uniforms.len() < uniforms {
            self.uniforms.resize(uniforms, T::zero());
        }
    }
}

/// Where the streams and the outputs are in this row.
type Offsets = SmallVec<[usize; 16]>;

impl FusedLoop {
    /// Runs the loop on whole slots.
    pub fn run<T: Number>(&self, args: &[&[T]], outs: &mut [&mut [T]], scratch: &mut Scratch<T>) {
        self.start_folds(outs);
        if self.extents.contains(&0) {
            return;
        }
        if self.sum.as_ref().is_some_and(|sum| sum.run(args, outs)) {
            return;
        }
        #[cfg(target_arch = "x86_64")]
        if let Some(native) = &self.native
            && let (Some(args), Some(outs)) = (T::doubles(args), T::doubles_mut(outs))
            && native.run(self, args, outs, &mut scratch.cells)
        {
            return;
        }
        #[cfg(any(unix, windows))]
        if let Some(compiled) = &self.compiled
            && let (Some(args), Some(outs)) = (T::doubles(args), T::doubles_mut(outs))
            && compiled.run(self, args, outs)
        {
            return;
        }
        scratch.prepare(self.tape.registers, self.tape.block, self.tape.uniform.len());
        let (inner, outer) = match self.extents.split_last() {
            Some((n, outer)) => (*n, outer),
            None => (1, &[] as &[usize]),
        };
        let memory: SmallVec<[&[T]; 16]> =
            self.streams.iter().map(|s| args.get(s.arg).copied().unwrap_or(&[])).collect();
        let starts = self.streams.iter().map(|s| s.start).chain(self.outputs.iter().map(|o| o.start));
        let mut at: Offsets = starts.collect();
        let steps = |which: usize| {
            let stride = move |s: &[usize]| s.get(which).copied().unwrap_or(0);
            let streams = self.streams.iter().map(move |s| stride(&s.strides));
            streams.chain(self.outputs.iter().map(move |o| stride(&o.strides)))
        };
        let mut turn: SmallVec<[usize; 8]> = SmallVec::from_elem(0, outer.len());
        let block = self.tape.block;
        let mut tile = if self.tape.tiled { (0, block.min(inner)) } else { (0, inner) };
        loop {
            self.uniforms(&memory, &at, scratch);
            let mut from = tile.0;
            while from < tile.1 {
                let length = block.min(tile.1 - from);
                self.block((from, length), &memory, &at, outs, scratch);
                from += length;
            }
            let mut k = outer.len();
            loop {
                if k == 0 {
                    if tile.1 == inner {
                        return;
                    }
                    // all offsets are back where they started
                    tile = (tile.1, (tile.1 + block).min(inner));
                    break;
                }
                k -= 1;
                turn[k] += 1;
                if turn[k] < outer[k] {
                    at.iter_mut().zip(steps(k)).for_each(|(a, s)| *a += s);
                    break;
                }
                turn[k] = 0;
                at.iter_mut().zip(steps(k)).for_each(|(a, s)| *a -= s * (outer[k] - 1));
            }
        }
    }

    /// Places that values are put together in start with what changes nothing.
    fn start_folds<T: Number>(&self, outs: &mut [&mut [T]]) {
        for output in &self.outputs {
            let (Some(fold), false, Some(out)) = (output.fold, output.add, outs.get_mut(output.out)) else { continue };
            let loops: SmallVec<[Loop<1>; 4]> = self
                .extents
                .iter()
                .zip(&output.strides)
                .filter(|(_, s)| **s != 0)
                .map(|(n, s)| Loop { extent: *n, strides: [*s] })
                .collect();
            walk(&loops, [output.start], |[at]| {
                if let Some(place) = out.get_mut(at) {
                    *place = T::of(fold.neutral());
                }
            });
        }
    }

    /// Computes what is the same along a row.
    fn uniforms<T: Number>(&self, memory: &[&[T]], at: &[usize], scratch: &mut Scratch<T>) {
        let uniforms = &mut scratch.uniforms;
        for (k, inst) in self.tape.uniform.iter().enumerate() {
            let load = |s: u32| {
                let (memory, at) = (memory.get(s as usize), at.get(s as usize));
                memory.zip(at).and_then(|(m, at)| m.get(*at)).copied().unwrap_or(T::nan())
            };
            let value = match inst {
                Inst::Constant(x) => T::of(*x),
                _ => inst.value(|a| uniforms.get(a.0 as usize).copied().unwrap_or(T::nan()), load),
            };
            uniforms[k] = value;
        }
    }

    /// Some places of a row.
    fn block<T: Number>(
        &self,
        (from, length): (usize, usize),
        memory: &[&[T]],
        at: &[usize],
        outs: &mut [&mut [T]],
        scratch: &mut Scratch<T>,
    ) {
        let Scratch { blocks, uniforms, .. } = scratch;
        let places = at.get(self.streams.len()..).unwrap_or(&[]);
        for step in &self.tape.steps {
            match step.to {
                Target::Block(register) => {
                    let Some(slot) = blocks.get_mut(usize::from(register)) else { continue };
                    let mut taken = std::mem::take(slot);
                    if let Some(out) = taken.get_mut(..length) {
                        self.pass(step, (from, length), memory, at, (blocks, uniforms), out);
                    }
                    blocks[usize::from(register)] = taken;
                }
                Target::Output(o) => {
                    let o = usize::from(o);
                    let (Some(place), Some(output)) = (places.get(o), self.outputs.get(o)) else { continue };
                    let start = place + from;
                    if let Some(out) = outs.get_mut(output.out).and_then(|m| m.get_mut(start..start + length)) {
                        self.pass(step, (from, length), memory, at, (blocks, uniforms), out);
                    }
                }
            }
        }
        for ((output, value), place) in self.outputs.iter().zip(&self.tape.values).zip(places) {
            let Some(value) = value else { continue };
            let value = self.operand(*value, (from, length), memory, at, (blocks, uniforms));
            if let Some(out) = outs.get_mut(output.out) {
                put(output, value, (from, length), *place, out);
            }
        }
    }

    fn operand<'a, T: Number>(
        &self,
        source: Source,
        (from, length): (usize, usize),
        memory: &[&'a [T]],
        at: &[usize],
        (blocks, uniforms): (&'a [Vec<T>], &[T]),
    ) -> Operand<'a, T> {
        let block = match source {
            Source::Block(k) => blocks.get(usize::from(k)).and_then(|b| b.get(..length)),
            Source::Stream(k) => {
                let start = at.get(usize::from(k)).map_or(0, |s| s + from);
                memory.get(usize::from(k)).and_then(|m| m.get(start..start + length))
            }
            Source::Uniform(k) => {
                return Operand::Uniform(uniforms.get(usize::from(k)).copied().unwrap_or(T::nan()));
            }
        };
        Operand::Block(block.unwrap_or(&[]))
    }

    fn pass<T: Number>(
        &self,
        step: &super::tape::Step,
        (from, length): (usize, usize),
        memory: &[&[T]],
        at: &[usize],
        (blocks, uniforms): (&[Vec<T>], &[T]),
        out: &mut [T],
    ) {
        if let Pass::Gather(k) = step.pass {
            let k = usize::from(k);
            let stride = self.streams.get(k).and_then(|s| s.strides.last()).copied().unwrap_or(0);
            let start = at.get(k).map_or(0, |s| s + from * stride);
            let from = memory.get(k).and_then(|m| m.get(start..)).unwrap_or(&[]);
            out.iter_mut().zip(from.iter().step_by(stride.max(1))).for_each(|(o, x)| *o = *x);
            return;
        }
        let operand = |s: Source| self.operand(s, (from, length), memory, at, (blocks, uniforms));
        lanes::pass(step.pass, step.from.map(operand), out);
    }
}

/// Stores a block of values, or puts it to what is there.
fn put<T: Number>(output: &Output, value: Operand<T>, (from, length): (usize, usize), place: usize, out: &mut [T]) {
    let stride = output.strides.last().copied().unwrap_or(0);
    let fold = match (output.fold, output.add) {
        (Some(fold), _) => Some(fold),
        (None, true) => Some(super::Fold::Sum),
        (None, false) => None,
    };
    match (stride, fold) {
        (0, Some(fold)) => {
            let Some(place) = out.get_mut(place) else { return };
            let one = match value {
                Operand::Block(x) => lanes::reduce(fold, x),
                Operand::Uniform(x) => match fold {
                    super::Fold::Sum => x * T::of(length as f64),
                    super::Fold::Product => x.powf(T::of(length as f64)),
                    super::Fold::Max | super::Fold::Min => x,
                },
            };
            lanes::accumulate(fold, Operand::Uniform(one), std::slice::from_mut(place));
        }
        (0, None) => {
            if let (Some(place), Operand::Block(&[.., x]) | Operand::Uniform(x)) = (out.get_mut(place), value) {
                *place = x;
            }
        }
        (1, fold) => {
            let Some(out) = out.get_mut(place + from..place + from + length) else { return };
            match (fold, value) {
                (Some(fold), value) => lanes::accumulate(fold, value, out),
                (None, Operand::Block(x)) => out.iter_mut().zip(x).for_each(|(o, x)| *o = *x),
                (None, Operand::Uniform(x)) => out.fill(x),
            }
        }
        (stride, fold) => {
            let Some(out) = out.get_mut(place + from * stride..) else { return };
            let places = out.iter_mut().step_by(stride).take(length).enumerate();
            for (k, place) in places {
                let x = match value {
                    Operand::Block(x) => x.get(k).copied().unwrap_or(T::nan()),
                    Operand::Uniform(x) => x,
                };
                match fold {
                    None => *place = x,
                    Some(super::Fold::Sum) => *place += x,
                    Some(fold) => lanes::accumulate(fold, Operand::Uniform(x), std::slice::from_mut(place)),
                }
            }
        }
    }
}
