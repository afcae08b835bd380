//! Arguments that lie in parts: which axis of which, asked for and inferred from the names of dimensions.

use matgrad_calculus::graph::Dim;
use matgrad_calculus::infer::Shape;

use crate::program::{Id, Program};

/// An axis of an argument that lies in parts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shard {
    /// The argument.
    pub name: String,
    /// Its axis as an array, from 0.
    pub axis: usize,
}

/// An argument of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Argument {
    /// Its name in the text.
    pub name: String,
    /// Its axes as an array, by the names of their lengths.
    pub axes: Vec<String>,
    /// Whether it is a row, whose axis runs along its columns.
    pub row: bool,
}

/// Where the arguments of a program lie.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sharding {
    /// For each input the axis that lies in parts; none where nothing was asked for.
    axes: Vec<Option<usize>>,
    /// For each input whether its axis was asked for.
    asked: Vec<bool>,
    /// The lengths of these axes.
    pub lengths: Vec<Dim>,
}

impl Sharding {
    /// What was asked for, and the same for all axes that share the name of their length.
    pub fn of(program: &Program, shards: &[Shard]) -> Sharding {
        let count = program.inputs.len();
        let mut own = Sharding { axes: vec![None; count], asked: vec![false; count], lengths: Vec::new() };
        for shard in shards {
            let Some(k) = program.inputs.iter().position(|input| *input.name == *shard.name) else { continue };
            let Some(length) = program.inputs[k].shape.axes().get(shard.axis).copied() else { continue };
            (own.axes[k], own.asked[k]) = (Some(shard.axis), true);
            if !own.lengths.contains(&length) {
                own.lengths.push(length);
            }
        }
        for (k, input) in program.inputs.iter().enumerate() {
            if !own.asked[k] {
                own.axes[k] = own.axis(program, &input.shape);
            }
        }
        own
    }

    /// The axis of an input that lies in parts.
    pub fn along(&self, input: usize) -> Option<usize> {
        self.axes.get(input).copied().flatten()
    }

    /// Whether the axis of an input was asked for.
    pub fn is_asked(&self, input: usize) -> bool {
        self.asked.get(input).is_some_and(|asked| *asked)
    }

    /// The first axis of a shape that has a name in common with an axis in parts: equal numbers mean nothing.
    pub fn axis(&self, program: &Program, shape: &Shape) -> Option<usize> {
        let shared = |d: &Dim| program.sizes.value(*d).is_none() && self.lengths.contains(d);
        shape.axes().iter().position(shared)
    }

    /// Whether an array has an axis whose length depends on one that lies in parts.
    pub fn is_spread(&self, program: &Program, id: Id) -> bool {
        program.shape(id).axes().iter().any(|d| self.is_long(program, *d))
    }

    /// Whether a length depends on that of an axis in parts.
    pub fn is_long(&self, program: &Program, dim: Dim) -> bool {
        if self.lengths.contains(&dim) {
            return true;
        }
        let symbols = |d: Dim| program.sizes.poly(d).0.iter().flat_map(|(m, _)| m.iter().map(|(s, _)| *s));
        symbols(dim).any(|s| self.lengths.iter().any(|length| symbols(*length).any(|other| other == s)))
    }

    /// What lies in parts and why, for the reader.
    pub fn words(&self, program: &Program, names: &[String]) -> Vec<String> {
        let mut lines = Vec::new();
        for (k, input) in program.inputs.iter().enumerate() {
            let Some(axis) = self.along(k) else { continue };
            let Some(length) = input.shape.axes().get(axis).copied() else { continue };
            let what = match (&input.shape, axis) {
                (Shape::Column(_) | Shape::Row(_), _) => "the entries",
                (Shape::Matrix(..), 0) => "the rows",
                (Shape::Matrix(..), 1) => "the columns",
                _ => "slices",
            };
            let why = if self.is_asked(k) {
                String::new()
            } else {
                let leader = self.leader(program, length).map_or("", |k| names[k].as_str());
                format!(": {} counts them as it does those of {leader}", program.sizes.text(length))
            };
            lines.push(format!("{} lies in parts by {what}{why}", names[k]));
        }
        lines
    }

    /// The input whose axis of this length was asked for.
    pub fn leader(&self, program: &Program, length: Dim) -> Option<usize> {
        (0..self.axes.len()).find(|k| {
            let own = self.along(*k).and_then(|axis| program.inputs[*k].shape.axes().get(axis).copied());
            self.is_asked(*k) && own == Some(length)
        })
    }
}
