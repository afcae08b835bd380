//! The entries of a tape, and the sweeps over them.

use std::cell::{Cell, RefCell};

use crate::{Error, Number};

/// An operation of two numbers: the nodes that it used, and the derivatives by them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry<T> {
    pub nodes: [u32; 2],
    pub partials: [T; 2],
}

/// The operations of one run. Inputs are the nodes before the first entry.
#[derive(Debug)]
pub(crate) struct Record<T> {
    entries: RefCell<Vec<Entry<T>>>,
    inputs: Cell<u32>,
    full: Cell<bool>,
}

impl<T: Number> Record<T> {
    pub fn new() -> Self {
        Self { entries: RefCell::new(Vec::new()), inputs: Cell::new(0), full: Cell::new(false) }
    }

    /// Forgets the last run, but keeps its memory.
    pub fn restart(&mut self, inputs: usize) -> Result<(), Error> {
        self.entries.get_mut().clear();
        self.full.set(false);
        let count = u32::try_from(inputs).map_err(|_| too_long())?;
        self.inputs.set(count);
        Ok(())
    }

    #[inline]
    pub fn push(&self, nodes: [u32; 2], partials: [T; 2]) -> u32 {
        let mut entries = self.entries.borrow_mut();
        let node = u32::try_from(entries.len()).ok().and_then(|at| at.checked_add(self.inputs.get()));
        match node {
            Some(node) => {
                entries.push(Entry { nodes, partials });
                node
            }
            None => {
                self.full.set(true);
                0
            }
        }
    }

    /// Whether every operation had its place.
    pub fn finish(&self) -> Result<(), Error> {
        if self.full.get() { Err(too_long()) } else { Ok(()) }
    }

    pub fn entries(&mut self) -> &[Entry<T>] {
        self.entries.get_mut()
    }

    /// Inputs and entries.
    pub fn nodes(&mut self) -> usize {
        self.inputs.get() as usize + self.entries.get_mut().len()
    }

    /// Carries the adjoints of all nodes back to the inputs, for N weights of the outputs at once. Nodes above `top` have
    /// none.
    pub fn reverse<const N: usize>(&mut self, top: usize, adjoints: &mut [[T; N]]) {
        let inputs = self.inputs.get() as usize;
        let entries = self.entries.get_mut();
        let count = (top + 1).saturating_sub(inputs).min(entries.len());
        for (k, entry) in entries[..count].iter().enumerate().rev() {
            let above = adjoints[inputs + k];
            let [a, b] = entry.nodes.map(|node| node as usize);
            let [by_a, by_b] = entry.partials;
            for (below, w) in adjoints[a].iter_mut().zip(above) {
                *below += by_a * w;
            }
            for (below, w) in adjoints[b].iter_mut().zip(above) {
                *below += by_b * w;
            }
        }
    }

    /// Carries N tangents of the inputs, which come first in `tangents`, to all nodes.
    pub fn forward<const N: usize>(&mut self, tangents: &mut Vec<[T; N]>) {
        for entry in self.entries.get_mut().iter() {
            let [a, b] = entry.nodes.map(|node| tangents[node as usize]);
            let [by_a, by_b] = entry.partials;
            tangents.push(std::array::from_fn(|k| by_a * a[k] + by_b * b[k]));
        }
    }
}

fn too_long() -> Error {
    Error::new("program-too-long", "the program has more operations of two numbers than a tape has numbers for")
}
