//! Index sums, tables and recurrences as loops.

use std::collections::BTreeSet;

use matgrad_calculus::infer::Shape;
use matgrad_syntax::Reducer;

use super::{Text, Writer, level};
use crate::CodeError;
use crate::program::{Binder, Id, Op, Read, Whole};

impl Writer<'_> {
    /// An index sum or a table as loops.
    pub(super) fn block(&mut self, id: Id) -> Result<(), CodeError> {
        let language = self.language;
        let node = self.program.node(id).clone();
        let body = node.args[0];
        let condition = node.args.get(1).copied();
        let name = self.name_of(id);
        let (indices, reducer): (Vec<u32>, Option<Reducer>) = match &node.op {
            Op::ReduceIndex(op, indices) => (indices.to_vec(), Some(*op)),
            Op::Tabulate(indices) => (indices.to_vec(), None),
            Op::Rows(index) => (vec![*index], None),
            _ => return Ok(()),
        };
        match reducer {
            Some(op) => language.start(self, &name, op, body),
            None => language.allocate(self, &name, &node.shape),
        }
        let count = match (reducer, condition) {
            (Some(Reducer::Mean), Some(_)) => {
                let count = self.temporary();
                language.start(self, &count, Reducer::Sum, Id(u32::MAX));
                Some(count)
            }
            (Some(Reducer::Mean), None) => {
                let lengths: Vec<String> = indices
                    .iter()
                    .map(|i| {
                        let length = self.program.indices[*i as usize].length;
                        self.dim(length)
                    })
                    .collect();
                Some(lengths.join(" * "))
            }
            _ => None,
        };
        let before: BTreeSet<Id> = self.texts.keys().copied().collect();
        for index in &indices {
            let (own, var) = (self.program.indices[*index as usize].clone(), self.index_name(*index));
            let length = self.dim_text(own.length).code;
            language.open_index(self, &var, own.start, &length);
            self.depth += 1;
            let binder = Binder::Index(*index);
            if let Err(at) = self.open.binary_search(&binder) {
                self.open.insert(at, binder);
            }
        }
        if let Some(condition) = condition {
            self.scope(&[condition])?;
            let code = language.condition(self, condition)?;
            language.open_if(self, &code);
            self.depth += 1;
        }
        self.scope(&[body])?;
        let code = self.text(body).code;
        match reducer {
            Some(op) => {
                language.accumulate(self, &name, op, &code, body);
                if let (Some(count), Some(_)) = (&count, condition) {
                    language.accumulate(self, count, Reducer::Sum, "1", Id(u32::MAX));
                }
            }
            None => {
                let places: Vec<String> = indices
                    .iter()
                    .map(|index| {
                        let own = self.program.indices[*index as usize].clone();
                        let place = Whole {
                            indices: smallvec::smallvec![(*index, 1)],
                            constant: self.program.sizes.constant(1 - own.start),
                        };
                        let shift = 0;
                        self.whole(&place, shift).code
                    })
                    .collect();
                // axes of length 1 are none of the result
                let rank = node.shape.axes().len();
                let kept: Vec<String> = if matches!(node.op, Op::Tabulate(_)) && rank < places.len() {
                    indices
                        .iter()
                        .zip(&places)
                        .filter(|(i, _)| {
                            let length = self.program.indices[**i as usize].length;
                            !self.program.sizes.is_one(length)
                        })
                        .map(|(_, p)| p.clone())
                        .collect()
                } else {
                    places
                };
                language.store(self, &name, &node.shape, &kept, &code, body);
            }
        }
        if condition.is_some() {
            self.depth -= 1;
            language.close(self);
        }
        for index in indices.iter().rev() {
            self.depth -= 1;
            language.close(self);
            let binder = Binder::Index(*index);
            self.open.retain(|b| *b != binder);
        }
        self.texts.retain(|id, _| before.contains(id));
        if let Some(op) = reducer {
            language.finish(self, &name, op, count.as_deref(), body);
        }
        let named = language.named(self, name, id);
        self.texts.insert(id, named);
        Ok(())
    }

    /// A recurrence as a loop, with everything that is read off it.
    pub(super) fn steps(&mut self, id: Id) -> Result<(), CodeError> {
        let language = self.language;
        let node = self.program.node(id).clone();
        let Op::Loop { id: number, backward, .. } = node.op else { return Ok(()) };
        let (init, body) = (node.args[0], node.args[node.args.len() - 1]);
        let sequences: Vec<Id> = node.args[1..node.args.len() - 1].to_vec();
        let length = match sequences.first().map(|s| self.program.shape(*s).clone()) {
            Some(Shape::Column(n) | Shape::Row(n) | Shape::Matrix(n, _)) => n,
            Some(Shape::Tensor(dims)) if !dims.is_empty() => dims[0],
            _ => self.program.sizes.constant(1),
        };
        let length_code = self.dim_text(length).code;
        let (mut last, mut tables) = (None, Vec::new());
        for reading in self.program.readings(id) {
            if self.uses(reading) == 0 || self.texts.contains_key(&reading) {
                continue;
            }
            let Op::Loop { read, .. } = *self.program.op(reading) else { continue };
            if read == Read::Last {
                last = Some(reading);
                continue;
            }
            let (table, shape) = (self.name_of(reading), self.program.shape(reading).clone());
            language.allocate(self, &table, &shape);
            tables.push((reading, read, table, shape));
        }
        let state = match last {
            Some(last) => self.name_of(last),
            None => self.fresh("state"),
        };
        let first = self.code(init, level::TERNARY);
        language.begin(self, &state, &first, init);
        let before: BTreeSet<Id> = self.texts.keys().copied().collect();
        let place = self.fresh("k");
        language.open_steps(self, &place, &length_code, backward);
        self.depth += 1;
        let binder = Binder::Loop(number);
        if let Err(at) = self.open.binary_search(&binder) {
            self.open.insert(at, binder);
        }
        // the placeholders of this loop
        for k in 0..self.program.nodes.len() {
            let here = Id(k as u32);
            match *self.program.op(here) {
                Op::State(own) if own == number => {
                    let named = language.named(self, state.clone(), here);
                    self.texts.insert(here, named);
                }
                Op::Item(own, which) if own == number => {
                    if let Some(sequence) = sequences.get(which as usize) {
                        let code = language.item(self, *sequence, &place);
                        self.texts.insert(here, Text::atom(code));
                    }
                }
                _ => {}
            }
        }
        let own = language.named(self, state.clone(), init).code;
        let one_based = [self.place_from_one(&place)];
        for (_, _, table, shape) in tables.iter().filter(|(_, read, ..)| *read == Read::Before) {
            language.store(self, table, shape, &one_based, &own, init);
        }
        self.scope(&[body])?;
        let code = self.text(body).code;
        language.update(self, &state, &code, body);
        for (_, _, table, shape) in tables.iter().filter(|(_, read, ..)| *read == Read::After) {
            language.store(self, table, shape, &one_based, &own, init);
        }
        self.depth -= 1;
        language.close(self);
        self.open.retain(|b| *b != binder);
        self.texts.retain(|id, _| before.contains(id));
        for (reading, _, table, _) in tables {
            let named = language.named(self, table, reading);
            self.texts.insert(reading, named);
        }
        if let Some(last) = last {
            let named = language.named(self, state, last);
            self.texts.insert(last, named);
        }
        Ok(())
    }

    /// A place of a loop over steps, counted from 1.
    fn place_from_one(&self, place: &str) -> String {
        // stores take places from 1 and take 1 off where the language counts from 0
        format!("@{place}")
    }
}
