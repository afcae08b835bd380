//! Sums of outer products that have a factor in common: `Σ c·P ⊗ x` is kept as `Σ c·P` and `x` where a product asks for it,
//! so that the entries of the outer product are never written down.

use matgrad_calculus::graph::{Factor, Node, NodeId, Product};
use matgrad_syntax::Rational;
use smallvec::SmallVec;

use super::{Compiler, Dest};
use crate::error::CompileError;
use crate::program::View;

/// A factor that all terms of a sum have, and the axes of the sum that it alone counts.
#[derive(Clone, Debug, PartialEq)]
struct Outer {
    node: NodeId,
    exponent: Rational,
    axes: SmallVec<[usize; 4]>,
}

/// The factors of all terms of a sum, and its terms.
type Shared<'g> = (Vec<Outer>, &'g [(Rational, NodeId)]);

/// What is left of a sum without the factors that all its terms have.
#[derive(Clone, Debug)]
pub(super) struct Split {
    pub rest: View,
    /// The axes of the sum that the rest has.
    pub axes: SmallVec<[usize; 4]>,
    /// The factors, with axes of the sum for labels.
    pub outer: Vec<Factor>,
}

/// Factors of a product that share no label with the others, by their index.
fn outer_factors(p: &Product) -> Vec<(usize, Outer)> {
    let once = |label: u16, among: &mut dyn Iterator<Item = &u16>| among.filter(|l| **l == label).count() == 1;
    let mut found = Vec::new();
    for (k, factor) in p.factors.iter().enumerate() {
        let alone = |label: &u16| {
            once(*label, &mut p.out.iter()) && once(*label, &mut p.factors.iter().flat_map(|f| &f.labels))
        };
        if !factor.labels.is_empty() && factor.labels.iter().all(alone) {
            let axes = factor.labels.iter().filter_map(|l| p.out.iter().position(|o| o == l)).collect();
            found.push((k, Outer { node: factor.node, exponent: factor.exponent.clone(), axes }));
        }
    }
    found
}

impl Compiler<'_> {
    /// The factors that all terms of a sum with three axes or more have.
    fn common(&self, id: NodeId) -> Option<Shared<'_>> {
        let graph = self.graph;
        let Node::Sum(terms, dims) = graph.node(id) else { return None };
        if dims.len() < 3 || terms.len() < 2 || self.is_outside(id) {
            return None;
        }
        let mut common: Option<Vec<Outer>> = None;
        for (_, term) in terms {
            let Node::Product(p) = graph.node(*term) else { return None };
            if !self.demand.is_inline(*term) {
                return None;
            }
            let here: Vec<Outer> = outer_factors(p).into_iter().map(|(_, o)| o).collect();
            common = Some(match common {
                None => here,
                Some(known) => known.into_iter().filter(|o| here.contains(o)).collect(),
            });
        }
        common.filter(|common| !common.is_empty()).map(|common| (common, terms.as_slice()))
    }

    /// Whether products take the sum apart.
    pub(super) fn is_split(&self, id: NodeId) -> bool {
        self.common(id).is_some()
    }

    /// The sum in parts.
    pub(super) fn split(&mut self, id: NodeId) -> Result<Option<Split>, CompileError> {
        if let Some(known) = self.splits.get(&id) {
            return Ok(Some(known.clone()));
        }
        let graph = self.graph;
        let Some((common, _)) = self.common(id) else { return Ok(None) };
        let Node::Sum(terms, dims) = graph.node(id) else { return Ok(None) };
        let axes: SmallVec<[usize; 4]> =
            (0..dims.len()).filter(|k| !common.iter().any(|o| o.axes.contains(k))).collect();
        let shape = self.shape(dims)?;
        let shape: Vec<usize> = axes.iter().filter_map(|k| shape.get(*k).copied()).collect();
        let mut dest = Dest::fresh(self.allocate(&shape)?, &shape);
        for (c, term) in terms {
            let Node::Product(p) = graph.node(*term) else { return Ok(None) };
            let mut left = common.clone();
            let skipped: SmallVec<[usize; 4]> = outer_factors(p)
                .into_iter()
                .filter(|(_, o)| left.iter().position(|l| l == o).map(|at| left.remove(at)).is_some())
                .map(|(k, _)| k)
                .collect();
            dest.alpha = c.to_f64();
            self.product_without(p, &skipped, Some(&dest))?;
            dest.accumulate = true;
        }
        let outer = common.into_iter().map(|o| Factor {
            node: o.node,
            labels: o.axes.iter().map(|k| *k as u16).collect(),
            exponent: o.exponent,
        });
        let split = Split { rest: dest.view, axes, outer: outer.collect() };
        self.splits.insert(id, split.clone());
        Ok(Some(split))
    }
}
