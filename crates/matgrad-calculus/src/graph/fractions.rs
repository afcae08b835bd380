//! Sums without fractions.

use matgrad_syntax::Rational;

use super::{Graph, Labels, Node, NodeId, ProductBuilder};

/// The largest number that a sum is multiplied by.
const LARGEST: i64 = 1000;

/// A sum times what its terms are divided by.
pub(crate) struct Whole {
    /// The terms without fractions, added up.
    pub node: NodeId,
    /// The number by which the sum was multiplied.
    pub number: Rational,
    /// The scalars by whose powers it was multiplied.
    pub divisors: Vec<(NodeId, Rational)>,
}

impl Graph {
    /// A sum of several terms times what its terms are divided by; `None` where they are divided by nothing.
    pub(crate) fn without_fractions(&mut self, sum: NodeId) -> Option<Whole> {
        let Node::Sum(terms, _) = self.node(sum).clone() else { return None };
        if terms.len() < 2 {
            return None;
        }
        let mut number = Rational::ONE;
        let mut divisors: Vec<(NodeId, Rational)> = Vec::new();
        for (c, term) in &terms {
            // the least common multiple, a denominator at a time
            let left = &number * c;
            number = &number * &left.denominator();
            let Node::Product(p) = self.node(*term) else { continue };
            for f in &p.factors {
                if !f.labels.is_empty() || !f.exponent.is_integer() || !f.exponent.is_negative() {
                    continue;
                }
                let times = f.exponent.abs();
                match divisors.iter_mut().find(|(known, _)| *known == f.node) {
                    Some((_, most)) if *most < times => *most = times,
                    Some(_) => {}
                    None => divisors.push((f.node, times)),
                }
            }
        }
        if divisors.is_empty() && number.is_one() || number > Rational::int(LARGEST) {
            return None;
        }
        let dims = self.axes(sum).clone();
        let mut all = Vec::with_capacity(terms.len());
        for (c, term) in terms {
            let mut p = ProductBuilder::new();
            let labels: Labels = p.labels_of(self, term);
            p.factor(term, &labels);
            for (divisor, times) in &divisors {
                p.power(*divisor, &[], times.clone());
            }
            let scaled = p.build(self, &labels);
            let (d, scaled) = self.split(scaled);
            all.push((&(&c * &number) * &d, scaled));
        }
        Some(Whole { node: self.sum(&all, &dims), number, divisors })
    }
}
