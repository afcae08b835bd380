//! Jacobians and Hessians by a variable whose entries are tied to each other: the free derivative times the matrix that
//! makes tied entries move together (Magnus & Neudecker, ch. 3 §8 and ch. 9 §14).

use std::collections::BTreeSet;

use matgrad_syntax::{Name, Rational};

use super::expr::{Form, Kind, M};
use super::{Formula, Memory, Notation, Printer};
use crate::graph::{Graph, NodeId};
use crate::structure::Tie;

/// On which sides of a free derivative the entries of the variable are tied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sides {
    /// The rows are those of vec X.
    pub left: bool,
    /// The columns are those of vec X.
    pub right: bool,
}

/// Writes `node`, a derivative with free entries, with the matrix of a tie in front, behind or on both sides; `x` is
/// the variable. `None` where the free derivative has no matrix notation.
pub fn write_tied(
    g: &mut Graph,
    memory: &mut Memory,
    node: NodeId,
    (tie, x): (Tie, NodeId),
    sides: Sides,
    taken: &BTreeSet<Name>,
) -> Option<Formula> {
    let mut printer = Printer::new(g, std::mem::take(memory), taken.clone());
    let formula = printer.tied(node, tie, x, sides);
    *memory = printer.into_memory();
    formula
}

impl Printer<'_> {
    fn tied(&mut self, node: NodeId, tie: Tie, x: NodeId, sides: Sides) -> Option<Formula> {
        if !self.has_matrix_notation(node) {
            return None;
        }
        let free = self.expr(node)?;
        let matrix = self.tie_matrix(tie, x)?;
        let (number, only) = match self.arena.kind(free) {
            Kind::Product { number, scalars, chain } if scalars.is_empty() && chain.len() == 1 => {
                (number.clone(), chain[0])
            }
            _ => (Rational::ONE, free),
        };
        let m = if tie == Tie::Skew && sides.left && sides.right && self.arena.is_call(only, "eye") {
            // (I - K)² = 2(I - K)
            self.arena.product(&number * &Rational::int(2), Vec::new(), matrix)
        } else {
            // a projection that stands there already is enough
            let ends = match self.arena.kind(free) {
                Kind::Product { chain, .. } => (chain.first().copied(), chain.last().copied()),
                _ => (None, None),
            };
            let mut chain = Vec::new();
            let projection = matches!(tie, Tie::Diagonal | Tie::Upper);
            if sides.left && !(projection && ends.0 == matrix.first().copied()) {
                chain.extend(&matrix);
            }
            chain.push(free);
            if sides.right && !(projection && ends.1 == matrix.last().copied()) {
                chain.extend(&matrix);
            }
            self.arena.product(Rational::ONE, Vec::new(), chain)
        };
        let notation = self.notation(m);
        if notation == Notation::Index {
            return None;
        }
        self.finish(m, None, notation)
    }

    /// The factors of the matrix that takes vec of a free derivative to that of the tied one.
    fn tie_matrix(&mut self, tie: Tie, x: NodeId) -> Option<Vec<M>> {
        let n = *self.g.axes(x).first()?;
        let size = self.arena.size_or_number(self.g, n);
        Some(match tie {
            Tie::Symmetric => {
                let d = self.arena.call("duplication", &[size], Form::Matrix);
                vec![d, self.arena.transpose(d)]
            }
            Tie::Lower => {
                let e = self.arena.call("elimination", &[size], Form::Matrix);
                vec![self.arena.transpose(e), e]
            }
            Tie::Skew => {
                let square = self.g.sizes.mul(n, n);
                let square = self.arena.size_or_number(self.g, square);
                let eye = self.arena.call("eye", &[square], Form::Matrix);
                let swap = self.arena.call("commutation", &[size, size], Form::Matrix);
                vec![self.arena.sum(vec![(Rational::ONE, eye), (Rational::int(-1), swap)], Form::Matrix)]
            }
            Tie::Orthogonal => {
                let x = self.expr(x)?;
                let square = self.g.sizes.mul(n, n);
                let square = self.arena.size_or_number(self.g, square);
                let eye = self.arena.call("eye", &[square], Form::Matrix);
                let swap = self.arena.call("commutation", &[size, size], Form::Matrix);
                let turned = self.arena.transpose(x);
                let kron = self.arena.kron(turned, x);
                let reflection = self.arena.product(Rational::ONE, Vec::new(), vec![kron, swap]);
                let both = self.arena.sum(vec![(Rational::ONE, eye), (Rational::int(-1), reflection)], Form::Matrix);
                vec![self.arena.product(Rational::new(1, 2), Vec::new(), vec![both])]
            }
            Tie::Diagonal | Tie::Upper => {
                let mask = if tie == Tie::Diagonal {
                    self.arena.call("eye", &[size], Form::Matrix)
                } else {
                    let ones = self.arena.call("ones", &[size, size], Form::Matrix);
                    self.arena.call("triu", &[ones], Form::Matrix)
                };
                let v = self.arena.vec(mask);
                vec![self.arena.diag(v)]
            }
        })
    }
}
