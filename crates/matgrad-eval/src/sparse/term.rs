//! A derivative as a sum of products with their structure in the open.
//!
//! Deltas, shifts, one-hots, fusions and gathers say where the entries of a product are; they may be inside further sums,
//! products and stacks. A factor is opened only where that makes entries vanish: the arithmetic stays as it was written.

use std::collections::BTreeMap;

use matgrad_calculus::graph::{Dim, Dims, Factor, Graph, Label, Labels, MapOp, Node, NodeId, Part, Product};
use matgrad_syntax::{Name, Rational};
use rustc_hash::FxHashMap;

use crate::compile::affine::{Absorbed, Space};
use crate::error::CompileError;

/// More terms than this are not written out: what is left closed counts as dense.
const TERM_LIMIT: usize = 4096;

/// A product with its coefficient. A label that is in no factor and in `out` repeats the value.
#[derive(Clone, Debug)]
pub(super) struct Term {
    pub coefficient: Rational,
    pub factors: Vec<Factor>,
    /// The dimension of each label.
    pub dims: Dims,
    /// Labels of the axes.
    pub out: Labels,
}

impl Term {
    fn of(g: &Graph, node: NodeId) -> Self {
        let dims = g.axes(node).clone();
        let out: Labels = (0..dims.len() as Label).collect();
        let factor = Factor { node, labels: out.clone(), exponent: Rational::ONE };
        Self { coefficient: Rational::ONE, factors: vec![factor], dims, out }
    }

    fn label(&mut self, dim: Dim) -> Label {
        self.dims.push(dim);
        (self.dims.len() - 1) as Label
    }

    /// Takes the first axes equal to those after them.
    pub fn equate(&mut self, axes: usize) {
        for k in 0..axes {
            if let (Some(&keep), Some(&drop)) = (self.out.get(k), self.out.get(k + axes)) {
                self.unify(keep, drop);
            }
        }
        if axes > 0 {
            self.out.truncate(axes);
        }
    }

    fn unify(&mut self, keep: Label, drop: Label) {
        let lists = self.factors.iter_mut().map(|f| &mut f.labels);
        lists.flatten().chain(&mut self.out).filter(|l| **l == drop).for_each(|l| *l = keep);
    }

    /// Puts the factors of a product in the place of the product.
    fn inline(&mut self, p: &Product, mut labels: Labels) {
        let mut map: Vec<Option<Label>> = vec![None; p.dims.len()];
        for axis in 0..p.out.len() {
            let (inner, outer) = (usize::from(p.out[axis]), labels[axis]);
            match map[inner] {
                None => map[inner] = Some(outer),
                Some(keep) if keep == outer => {}
                Some(keep) => {
                    self.unify(keep, outer);
                    map.iter_mut().flatten().chain(&mut labels).filter(|l| **l == outer).for_each(|l| *l = keep);
                }
            }
        }
        for (inner, slot) in map.iter_mut().enumerate() {
            let used = p.factors.iter().any(|f| f.labels.contains(&(inner as Label)));
            if slot.is_none() && used {
                *slot = Some(self.label(p.dims[inner]));
            }
        }
        for f in &p.factors {
            let labels = f.labels.iter().map(|l| map[usize::from(*l)].unwrap_or(0)).collect();
            self.factors.push(Factor { node: f.node, labels, exponent: f.exponent.clone() });
        }
    }
}

/// Finds structure in the nodes of a graph for given sizes.
pub(super) struct Opener<'g> {
    pub graph: &'g mut Graph,
    sizes: &'g BTreeMap<Name, usize>,
    structured: FxHashMap<NodeId, bool>,
}

impl<'g> Opener<'g> {
    pub fn new(graph: &'g mut Graph, sizes: &'g BTreeMap<Name, usize>) -> Self {
        Self { graph, sizes, structured: FxHashMap::default() }
    }

    /// The size of a dimension.
    pub fn length(&self, dim: Dim) -> Result<usize, CompileError> {
        let found = self.graph.sizes.evaluate(dim, self.sizes);
        found.ok_or_else(|| CompileError::Size { dimension: self.graph.sizes.text(dim) })
    }

    /// The value of a dimension that may be negative.
    pub fn signed(&mut self, dim: Dim) -> Result<i64, CompileError> {
        if let Some(value) = self.graph.sizes.evaluate(dim, self.sizes) {
            return Ok(value as i64);
        }
        let minus = self.graph.sizes.scale(dim, &Rational::int(-1));
        self.length(minus).map(|value| -(value as i64))
    }

    /// The terms of a derivative.
    pub fn terms(&mut self, root: NodeId) -> Result<Vec<Term>, CompileError> {
        let mut todo = vec![Term::of(self.graph, root)];
        let mut done = Vec::new();
        while let Some(mut term) = todo.pop() {
            let room = done.len() + todo.len() < TERM_LIMIT;
            let alone = term.factors.len() == 1;
            let mut found = None;
            for (k, f) in term.factors.iter().enumerate() {
                if room && f.exponent.is_one() && self.opens(f.node, alone)? {
                    found = Some(k);
                    break;
                }
            }
            let Some(k) = found else {
                done.push(term);
                continue;
            };
            let Factor { node, labels, exponent } = term.factors.remove(k);
            match self.graph.node(node) {
                Node::Product(p) => {
                    let p = p.clone();
                    for (label, dim) in p.dims.iter().enumerate() {
                        let label = label as Label;
                        if !p.out.contains(&label) && !p.factors.iter().any(|f| f.labels.contains(&label)) {
                            // a sum of equal terms
                            let times = Rational::int(self.length(*dim)? as i64);
                            term.coefficient = &term.coefficient * &times;
                        }
                    }
                    term.inline(&p, labels);
                    todo.push(term);
                }
                Node::Sum(terms, _) => {
                    // the first is taken from the end of the list
                    for (c, inner) in terms.clone().into_iter().rev() {
                        let mut term = term.clone();
                        term.coefficient = &term.coefficient * &c;
                        term.factors.push(Factor { node: inner, labels: labels.clone(), exponent: Rational::ONE });
                        todo.push(term);
                    }
                }
                Node::Stack(axis, parts) => {
                    let (axis, parts) = (usize::from(*axis), parts.clone());
                    self.unstack(&term, (node, axis), &parts, &labels, &mut todo);
                }
                _ => {
                    term.factors.push(Factor { node, labels, exponent });
                    done.push(term);
                }
            }
        }
        Ok(done)
    }

    /// A stack is the sum of its parts, each moved to its place.
    fn unstack(
        &mut self,
        term: &Term,
        (node, axis): (NodeId, usize),
        parts: &[Part],
        labels: &Labels,
        todo: &mut Vec<Term>,
    ) {
        let g = &mut *self.graph;
        let (Some(&total), Some(&along)) = (g.axes(node).get(axis), labels.get(axis)) else { return };
        let one = g.sizes.constant(1);
        let mut at = g.sizes.constant(0);
        for part in parts {
            let mut term = term.clone();
            let mut own = labels.clone();
            let selector = match part.extent {
                Some(extent) => {
                    let label = term.label(extent);
                    own[axis] = label;
                    let shift = g.shift(at, extent, total);
                    Factor { node: shift, labels: Labels::from_slice(&[label, along]), exponent: Rational::ONE }
                }
                None => {
                    own.remove(axis);
                    let position = g.sizes.add(at, one);
                    let hot = g.one_hot(position, total);
                    Factor { node: hot, labels: Labels::from_slice(&[along]), exponent: Rational::ONE }
                }
            };
            at = g.sizes.add(at, part.extent.unwrap_or(one));
            if g.is_zero(part.node) {
                continue;
            }
            term.factors.push(selector);
            term.factors.push(Factor { node: part.node, labels: own, exponent: Rational::ONE });
            todo.push(term);
        }
    }

    /// Whether a factor has to be taken apart for its structure to be seen.
    fn opens(&mut self, node: NodeId, alone: bool) -> Result<bool, CompileError> {
        let composite = matches!(self.graph.node(node), Node::Product(_) | Node::Sum(..) | Node::Stack(..));
        Ok(composite && (alone || self.is_structured(node)?))
    }

    /// Whether some entries of a node vanish by its structure.
    fn is_structured(&mut self, root: NodeId) -> Result<bool, CompileError> {
        if let Some(&known) = self.structured.get(&root) {
            return Ok(known);
        }
        for id in self.graph.reachable(&[root]) {
            if !self.structured.contains_key(&id) {
                let known = self.judge(id)?;
                self.structured.insert(id, known);
            }
        }
        Ok(self.structured.get(&root).copied().unwrap_or(false))
    }

    fn judge(&mut self, id: NodeId) -> Result<bool, CompileError> {
        let known = |id: &NodeId| self.structured.get(id).copied().unwrap_or(false);
        Ok(match self.graph.node(id) {
            Node::OneHot { .. } | Node::Shift { .. } | Node::Fuse { .. } => true,
            Node::Map(MapOp::Equal, _) => self.graph.rank(id) >= 2,
            Node::Sum(terms, dims) => dims.len() >= 2 && terms.iter().all(|(_, n)| known(n)),
            Node::Stack(_, parts) => {
                self.graph.rank(id) >= 2 && parts.iter().any(|p| known(&p.node) || self.graph.is_zero(p.node))
            }
            Node::Product(p) => {
                let inside = |f: &Factor| {
                    matches!(
                        self.graph.node(f.node),
                        Node::Sum(..) | Node::Product(_) | Node::Stack(..) | Node::Map(..)
                    ) && f.exponent.is_one()
                        && known(&f.node)
                        && f.labels.iter().any(|l| p.out.contains(l))
                };
                if p.factors.iter().any(inside) {
                    return Ok(true);
                }
                let p = p.clone();
                self.narrows(&p)?
            }
            _ => false,
        })
    }

    /// Whether the structural factors of a product leave some of its entries 0.
    fn narrows(&mut self, p: &Product) -> Result<bool, CompileError> {
        let lengths = p.dims.iter().map(|d| self.length(*d).unwrap_or(1)).collect::<Vec<_>>();
        let mut space = Space::new(&lengths);
        let (never, _) = self.absorb(&p.factors, &mut space)?;
        let mut seen = Vec::new();
        let free = |label: &Label, seen: &mut Vec<usize>| {
            let Some(affine) = space.labels.get(usize::from(*label)) else { return false };
            match affine.terms.as_slice() {
                [] => lengths[usize::from(*label)] == 1,
                [(var, 1)] => {
                    let new = !seen.contains(var);
                    seen.push(*var);
                    new && affine.constant == 0 && space.extents[*var] == lengths[usize::from(*label)]
                }
                terms => {
                    // a mixed radix that reaches every position
                    let all: usize = terms.iter().map(|(v, _)| space.extents[*v]).product();
                    let new = terms.iter().all(|(v, _)| !seen.contains(v));
                    seen.extend(terms.iter().map(|(v, _)| *v));
                    new && all == lengths[usize::from(*label)]
                }
            }
        };
        Ok(never || !p.out.iter().all(|l| free(l, &mut seen)))
    }

    /// Puts what structural factors say into the labels; whether they contradict one another, and which of them did not
    /// go in.
    pub fn absorb(&mut self, factors: &[Factor], space: &mut Space) -> Result<(bool, Vec<usize>), CompileError> {
        enum Rule {
            At(i64),
            By(i64),
            Count(usize),
        }
        let mut waiting = Vec::new();
        for (k, f) in factors.iter().enumerate() {
            if f.exponent.is_negative() || f.exponent.is_zero() {
                continue;
            }
            let rule = match *self.graph.node(f.node) {
                Node::OneHot { at, .. } => Rule::At(self.signed(at)? - 1),
                Node::Shift { offset, .. } => Rule::By(self.signed(offset)?),
                Node::Fuse { fast, .. } => Rule::Count(self.length(fast)?),
                _ => continue,
            };
            waiting.push((k, rule));
        }
        loop {
            let before = waiting.len();
            let mut never = false;
            waiting.retain(|(k, rule)| {
                let l = |axis: usize| factors[*k].labels.get(axis).map_or(0, |l| usize::from(*l));
                let absorbed = match rule {
                    Rule::At(at) => space.fix(l(0), *at),
                    Rule::By(offset) => space.shift(l(0), l(1), *offset),
                    Rule::Count(length) => space.fuse(l(0), l(1), l(2), *length),
                };
                never |= absorbed == Absorbed::Never;
                absorbed == Absorbed::No
            });
            if never || waiting.is_empty() || waiting.len() == before {
                return Ok((never, waiting.into_iter().map(|(k, _)| k).collect()));
            }
        }
    }
}
