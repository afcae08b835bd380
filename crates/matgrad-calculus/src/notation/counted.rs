//! Products and sums over indices that only index notation can show.

use matgrad_syntax::Name;

use super::Printer;
use super::expr::{Form, M};
use crate::graph::{MapOp, Node, NodeId};

impl Printer<'_> {
    /// `prod[i](L[i,i]^(n - i + 1))`: powers that count need an index.
    pub(super) fn counted_product(&mut self, arg: NodeId) -> Option<M> {
        let Node::Map(MapOp::Pow, args) = self.g.node(arg).clone() else { return None };
        let counts = match self.g.node(args[1]) {
            Node::Iota(_) => true,
            Node::Sum(terms, _) => terms.iter().any(|(_, n)| matches!(self.g.node(*n), Node::Iota(_))),
            _ => false,
        };
        if !counts {
            return None;
        }
        let dim = self.g.axes(arg)[0];
        let name = self.index_names(2, 0).into_iter().find(|name| !self.bound.contains(name))?;
        let index = self.arena.name(&name, Form::Scalar);
        let (base, power) = (self.entry_at(args[0], &[index], 0)?, self.entry_at(args[1], &[index], 0)?);
        let body = self.map_of_entries(MapOp::Pow, vec![base, power])?;
        let length = self.arena.size_or_number(self.g, dim);
        Some(self.arena.call("prod[]", &[body, index, length], Form::Scalar))
    }

    /// `prod[i:n,j:n; i < j](…)`, of a matrix that is 1 elsewhere, or the sum of one that is 0 elsewhere.
    pub(super) fn over_pairs(&mut self, sum: bool, arg: NodeId) -> Option<M> {
        let Node::Map(MapOp::Where, args) = self.g.node(arg).clone() else { return None };
        let [condition, body, other] = args[..] else { return None };
        let neutral = self.g.constant(other).is_some_and(|c| if sum { c.is_zero() } else { c.is_one() });
        if !neutral || !matches!(self.g.node(condition), Node::Map(MapOp::Less | MapOp::LessEq, _)) {
            return None;
        }
        let pool = ["i", "j", "k", "l", "p", "q", "r", "s"].map(Name::from);
        let mut free = pool.into_iter().filter(|n| !self.taken.contains(n) && !self.bound.contains(n));
        let names = [free.next()?, free.next()?];
        let dims = self.g.axes(arg).clone();
        let at = [0, 1].map(|k| self.arena.name(&names[k], Form::Scalar));
        let condition = self.entry_inside(condition, &at, 0)?;
        let body = self.entry_inside(body, &at, 0)?;
        let mut args = vec![body, condition];
        for (name, dim) in at.iter().zip(&dims) {
            args.push(*name);
            args.push(self.arena.size_or_number(self.g, *dim));
        }
        Some(self.arena.call(if sum { "sum[;]" } else { "prod[;]" }, &args, Form::Scalar))
    }
}
