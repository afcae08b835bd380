//! A product whose factors meet on a fused axis that is summed: a Kronecker product times a matrix.

use matgrad_syntax::Rational;

use super::Printer;
use super::expr::M;
use crate::graph::{Dim, Factor, Label, Labels, Node, Product, ProductBuilder};

impl Printer<'_> {
    /// `(B' ⊗ A)*F`: what the fused axis joins is written on its own on both sides.
    pub(super) fn split_at_fuse(&mut self, p: &Product) -> Option<M> {
        for (k, fuse) in p.factors.iter().enumerate() {
            let (Node::Fuse { .. }, Some(&bond)) = (self.g.node(fuse.node), fuse.labels.first()) else { continue };
            if p.out.contains(&bond) {
                continue;
            }
            let others: Vec<usize> =
                (0..p.factors.len()).filter(|j| *j != k && p.factors[*j].labels.contains(&bond)).collect();
            let [other] = others.as_slice() else { continue };
            let right = connected(p, *other, bond);
            if right.contains(&k) {
                continue;
            }
            if let Some(m) = self.operator_times(p, &right, bond) {
                return Some(m);
            }
        }
        None
    }

    fn operator_times(&mut self, p: &Product, right: &[usize], bond: Label) -> Option<M> {
        let (mut left, mut inner) = (Vec::new(), Vec::new());
        for (k, factor) in p.factors.iter().enumerate() {
            if right.contains(&k) { inner.push(factor.clone()) } else { left.push(factor.clone()) }
        }
        let uses = |factors: &[Factor], l: &Label| factors.iter().any(|f| f.labels.contains(l));
        let of_left: Labels = p.out.iter().filter(|l| uses(&left, l)).copied().collect();
        let of_right: Labels = p.out.iter().filter(|l| uses(&inner, l)).copied().collect();
        if of_left.len() != 1 || of_left.len() + of_right.len() != p.out.len() || of_right.contains(&of_left[0]) {
            return None;
        }
        let build = |this: &mut Self, factors: Vec<Factor>, out: &[Label]| {
            let mut dims = p.dims.clone();
            for (label, dim) in dims.iter_mut().enumerate() {
                if !factors.iter().any(|f| f.labels.contains(&(label as Label))) {
                    *dim = Dim::NONE;
                }
            }
            ProductBuilder { coefficient: None, factors, dims }.build(this.g, out)
        };
        let operator = build(self, left, &[of_left[0], bond]);
        let labels: Labels = std::iter::once(bond).chain(of_right.iter().copied()).collect();
        let operand = build(self, inner, &labels);
        let (operator, operand) = (self.expr(operator)?, self.expr(operand)?);
        let m = self.arena.product(Rational::ONE, Vec::new(), vec![operator, operand]);
        Some(if p.out.first() == Some(&of_left[0]) { m } else { self.arena.transpose(m) })
    }
}

/// The factors that hang together with one through labels that are summed, other than `bond`.
fn connected(p: &Product, from: usize, bond: Label) -> Vec<usize> {
    let mut found = vec![from];
    let mut next = 0;
    while let Some(&k) = found.get(next) {
        next += 1;
        for l in p.factors[k].labels.iter().filter(|l| **l != bond && !p.out.contains(l)) {
            for (j, other) in p.factors.iter().enumerate() {
                if other.labels.contains(l) && !found.contains(&j) {
                    found.push(j);
                }
            }
        }
    }
    found
}
