//! Derivatives by directions: what a loop gives along a step of its variable has the axes of the loop's own states, so
//! it can be written where the derivative by all entries at once would need more. It is a function of the step, defined
//! before the answer, and the answer is made of its values along unit vectors.

use std::collections::BTreeSet;

use matgrad_syntax::{Name, Rational};
use smallvec::SmallVec;

use super::atoms::form_of;
use super::expr::{Arena, Form, Kind, M};
use super::recurrence::Role;
use super::{Formula, Memory, Notation, Printer};
use crate::graph::{Dim, Graph, NodeId};

/// What a call of a defined function is called until it has a name.
pub(super) const APPLY: &str = "apply()";

/// What is made of the values along unit vectors.
#[derive(Clone, Copy, Debug)]
pub enum Gathered<'a> {
    /// A matrix with a row for each unit vector.
    Rows,
    /// Its transpose.
    Columns,
    /// An entry at these axes, the function's first.
    Entries(&'a [(Name, Dim)]),
}

/// A step of the variable, under a name that is chosen when it is printed. The printer has room for several.
pub fn direction(g: &mut Graph, dims: &[Dim], number: usize) -> NodeId {
    let role = if dims.len() == 2 { Role::DirectionMatrix } else { Role::Direction };
    g.input(&role.hidden(0, number), dims, false, &[])
}

/// Writes a derivative by its values along `directions`, in which `node` is linear; `None` where no notation shows it.
pub fn write_along(
    g: &mut Graph,
    memory: &mut Memory,
    node: NodeId,
    directions: &[NodeId],
    gathered: Gathered<'_>,
    taken: &BTreeSet<Name>,
) -> Option<Formula> {
    let mut printer = Printer::new(g, std::mem::take(memory), taken.clone());
    let formula = match gathered {
        Gathered::Entries(axes) => printer.entries_along(node, directions, axes),
        Gathered::Rows | Gathered::Columns => match directions {
            [direction] => printer.matrix_along(node, *direction, matches!(gathered, Gathered::Columns)),
            _ => None,
        },
    };
    *memory = printer.into_memory();
    formula
}

impl Printer<'_> {
    /// The value as a function of the directions.
    fn function_of(&mut self, node: NodeId, directions: &[NodeId]) -> Option<M> {
        let body = if self.g.rank(node) == 3 { self.sequence(node)? } else { self.expr(node)? };
        let name = |d: &NodeId| self.g.as_input(*d).map(|input| input.name.clone());
        let parameters: Vec<Name> = directions.iter().map(name).collect::<Option<_>>()?;
        Some(self.arena.raw(Kind::Function { body, parameters, given: Vec::new() }, Form::Scalar))
    }

    fn matrix_along(&mut self, node: NodeId, direction: NodeId, transposed: bool) -> Option<Formula> {
        let along = self.function_of(node, &[direction])?;
        let block = self.g.axes(direction).clone();
        let one = self.g.sizes.constant(1);
        let all = block.iter().fold(one, |product, dim| self.g.sizes.mul(product, *dim));
        let rank = self.g.rank(node);
        let mapped = if block.len() == 1 && rank == 1 {
            along
        } else {
            // a column of the whole: the direction from its vec, the value as its vec
            let name = Role::Direction.hidden(0, 9);
            let position = self.arena.name(&name, Form::Column);
            let step = match block.as_slice() {
                [_] => position,
                [rows, cols] => {
                    let args = [*rows, *cols].map(|dim| self.arena.size_or_number(self.g, dim));
                    self.arena.call("reshape", &[position, args[0], args[1]], Form::Matrix)
                }
                _ => return None,
            };
            let value = self.arena.apply(along, &[step], form_of(rank));
            let body = if rank == 2 { self.arena.vec(value) } else { value };
            let (parameters, given) = (vec![name], Vec::new());
            self.arena.raw(Kind::Function { body, parameters, given }, Form::Scalar)
        };
        let size = self.arena.size_or_number(self.g, all);
        let eye = self.arena.call("eye", &[size], Form::Matrix);
        let mut m = self.arena.raw(Kind::Call("map".into(), SmallVec::new(), vec![mapped, eye]), Form::Matrix);
        if transposed {
            m = self.arena.transpose(m);
        }
        self.finish(m, None, Notation::Matrix)
    }

    fn entries_along(&mut self, node: NodeId, directions: &[NodeId], axes: &[(Name, Dim)]) -> Option<Formula> {
        let own = self.g.rank(node);
        self.bound = axes.iter().map(|(name, _)| name.clone()).collect();
        let along = self.function_of(node, directions)?;
        let mut rest = axes.get(own..)?;
        let mut steps = Vec::new();
        for direction in directions {
            let rank = self.g.rank(*direction);
            let (here, later) = rest.split_at_checked(rank)?;
            rest = later;
            let mut units = Vec::new();
            for (name, dim) in here {
                let (position, size) = (self.arena.name(name, Form::Scalar), self.arena.size_or_number(self.g, *dim));
                units.push(self.arena.call("unit", &[position, size], Form::Column));
            }
            steps.push(match units.as_slice() {
                [unit] => *unit,
                [row, col] => {
                    let across = self.arena.transpose(*col);
                    self.arena.product(Rational::ONE, Vec::new(), vec![*row, across])
                }
                _ => return None,
            });
        }
        let value = self.arena.apply(along, &steps, form_of(own));
        let at: Vec<M> = axes[..own].iter().map(|(name, _)| self.arena.name(name, Form::Scalar)).collect();
        let entry = if own == 0 { value } else { self.subscript(value, &at) };
        self.finish(entry, Some(axes), Notation::Index)
    }
}

impl Arena {
    /// The value of a function that is defined before the answer.
    fn apply(&mut self, function: M, args: &[M], form: Form) -> M {
        let all: Vec<M> = std::iter::once(function).chain(args.iter().copied()).collect();
        self.raw(Kind::Call(APPLY.into(), SmallVec::new(), all), form)
    }
}
