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
        if number.is_zero() || self.arena.is_call(only, "zeros") {
            let dims = self.g.axes(node).clone();
            let zeros = self.g.zeros(&dims);
            let m = self.expr(zeros)?;
            return self.finish(m, None, self.notation(m));
        }
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
            let m = self.arena.product(Rational::ONE, Vec::new(), chain);
            if tie == Tie::Symmetric { self.without_symmetrizers(m) } else { m }
        };
        let notation = self.notation(m);
        if notation == Notation::Index {
            return None;
        }
        self.finish(m, None, notation)
    }

    /// (I + K)·M·D = 2M·D, where M commutes with K.
    fn without_symmetrizers(&mut self, m: M) -> M {
        let Kind::Product { mut number, scalars, mut chain } = self.arena.kind(m).clone() else { return m };
        let mut k = chain.len();
        while k > 0 {
            k -= 1;
            let next = chain[k + 1..].iter().find(|m| !self.commutes(**m));
            let before_d = next.is_some_and(|m| self.arena.is_call(*m, "duplication"));
            if before_d && self.is_symmetrizer(chain[k]) {
                chain.remove(k);
                number = &number * &Rational::int(2);
            }
        }
        self.arena.product(number, scalars, chain)
    }

    fn is_symmetrizer(&self, m: M) -> bool {
        let Kind::Sum(terms) = self.arena.kind(m) else { return false };
        let [(a, x), (b, y)] = terms.as_slice() else { return false };
        let pair = |x, y| self.arena.is_call(x, "eye") && self.arena.is_call(y, "commutation");
        a.is_one() && b.is_one() && (pair(*x, *y) || pair(*y, *x))
    }

    /// Whether a matrix is known to commute with K: A ⊗ A, A ⊗ B + B ⊗ A, and their powers.
    fn commutes(&self, m: M) -> bool {
        let mut m = m;
        while let Kind::Power(inner, _) | Kind::Transpose(inner) = self.arena.kind(m) {
            m = *inner;
        }
        let slots = |m: M| match self.arena.kind(m) {
            Kind::Kron(a, b) => {
                self.arena.extent(*a).zip(self.arena.extent(*b)).filter(|(x, y)| x == y).map(|_| (*a, *b))
            }
            _ => None,
        };
        match self.arena.kind(m) {
            Kind::Kron(..) => slots(m).is_some_and(|(a, b)| a == b),
            Kind::Sum(terms) => terms.iter().all(|(c, x)| {
                slots(*x).is_some_and(|(a, b)| terms.iter().any(|(d, y)| c == d && slots(*y) == Some((b, a))))
            }),
            _ => false,
        }
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
