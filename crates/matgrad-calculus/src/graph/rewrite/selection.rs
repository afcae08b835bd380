//! One-hots, slices and fusions: labels that are picked, shifted or joined.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use crate::graph::product::Work;
use crate::graph::{Dim, Factor, Graph, Label, Labels, Node};

impl Work {
    /// Two fusions that share the fused label, or both small ones, are one; a fusion that is only summed is 1.
    pub(super) fn join_fuse(&mut self, g: &Graph, k: usize) -> Option<Vec<Factor>> {
        let (node, labels) = (self.factors[k].node, self.factors[k].labels.clone());
        if self.summed(labels[0]) && self.uses(labels[0]) == 1 {
            self.factors.swap_remove(k);
            self.kill(labels[0]);
            return Some(std::mem::take(&mut self.factors));
        }
        let lonely = |w: &Self, l: Label| w.summed(l) && w.uses(l) == 1;
        if labels[1] != labels[2] && lonely(self, labels[1]) && lonely(self, labels[2]) {
            self.factors.swap_remove(k);
            self.kill(labels[1]);
            self.kill(labels[2]);
            return Some(std::mem::take(&mut self.factors));
        }
        for j in 0..self.factors.len() {
            if j == k || !matches!(g.node(self.factors[j].node), Node::Fuse { .. }) {
                continue;
            }
            let other = self.factors[j].labels.clone();
            let same_split = self.factors[j].node == node;
            let pairs: &[(usize, usize)] = if same_split && other[0] == labels[0] {
                &[(1, 1), (2, 2)]
            } else if same_split && other[1] == labels[1] && other[2] == labels[2] {
                &[(0, 0)]
            } else {
                continue;
            };
            self.factors.swap_remove(j);
            let mut current = (labels, other);
            for &(x, y) in pairs {
                let (a, b) = (current.0[x], current.1[y]);
                if a != b {
                    self.unify(a, b, &mut []);
                    let rename = |l: &mut Label| {
                        if *l == a.max(b) {
                            *l = a.min(b);
                        }
                    };
                    current.0.iter_mut().for_each(rename);
                    current.1.iter_mut().for_each(rename);
                }
            }
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// A one-hot against another one-hot, a shift, a count or a stack on the same label.
    pub(super) fn pick(&mut self, g: &mut Graph, k: usize, at: Dim) -> Option<Vec<Factor>> {
        let label = self.factors[k].labels[0];
        self.factors[k].exponent = Rational::ONE;
        for j in 0..self.factors.len() {
            if j == k || !self.factors[j].labels.contains(&label) {
                continue;
            }
            let f = self.factors[j].clone();
            match g.node(f.node).clone() {
                Node::OneHot { at: other, .. } => {
                    let distance = g.sizes.sub(at, other);
                    match g.sizes.value(distance) {
                        Some(0) => {
                            self.factors.swap_remove(j);
                        }
                        Some(_) => self.coefficient = Rational::ZERO,
                        None => continue,
                    }
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Iota(_) if f.exponent.is_integer() => {
                    let node = g.size(at);
                    self.factors[j] = Factor { node, labels: Labels::new(), exponent: f.exponent };
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Shift { offset, rows, cols } if f.labels[0] != f.labels[1] => {
                    let (moved, dim, axis) = if f.labels[0] == label {
                        (g.sizes.add(at, offset), cols, 1)
                    } else {
                        (g.sizes.sub(at, offset), rows, 0)
                    };
                    let outside = |g: &Graph, d: Dim| g.sizes.value(d).is_some_and(|v| v < 1);
                    let beyond = g.sizes.sub(dim, moved);
                    if outside(g, moved) || g.sizes.value(beyond).is_some_and(|v| v < 0) {
                        self.coefficient = Rational::ZERO;
                        return Some(Vec::new());
                    }
                    if !surely_inside(g, axis == 1, at, beyond, (offset, rows, cols)) {
                        continue;
                    }
                    let node = g.one_hot(moved, dim);
                    let other = f.labels[axis];
                    self.factors[j] = Factor { node, labels: SmallVec::from_slice(&[other]), exponent: Rational::ONE };
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Stack(axis, parts) if f.labels.iter().filter(|l| **l == label).count() == 1 => {
                    if f.labels[axis as usize] != label || f.exponent.is_negative() && !f.exponent.is_integer() {
                        continue;
                    }
                    let Some((part, thick)) = g.stack_entry(&parts, at) else { continue };
                    let mut labels = f.labels.clone();
                    match thick {
                        None => {
                            labels.remove(axis as usize);
                            self.factors[j] = Factor { node: part, labels, exponent: f.exponent };
                        }
                        Some((position, extent)) => {
                            let fresh = self.dims.len() as Label;
                            self.dims.push(extent);
                            labels[axis as usize] = fresh;
                            let node = g.one_hot(position, extent);
                            self.factors[j] = Factor { node: part, labels, exponent: f.exponent };
                            let labels = SmallVec::from_slice(&[fresh]);
                            self.factors.push(Factor { node, labels, exponent: Rational::ONE });
                        }
                    }
                    return Some(std::mem::take(&mut self.factors));
                }
                _ => {}
            }
        }
        // alone on its label: Σ_i e_i = 1
        if self.summed(label) && self.uses(label) == 1 {
            self.factors.swap_remove(k);
            self.kill(label);
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// A slice of a slice, a slice of a block, the same slice twice.
    pub(super) fn slice(&mut self, g: &mut Graph, k: usize, offset: Dim, rows: Dim, cols: Dim) -> Option<Vec<Factor>> {
        let (node, labels) = (self.factors[k].node, self.factors[k].labels.clone());
        let (row, col) = (labels[0], labels[1]);
        let last = g.sizes.add(offset, rows);
        let room = g.sizes.sub(cols, last);
        let inside = |d: Dim, g: &Graph| g.sizes.value(d).is_none_or(|v| v >= 0);
        if row == col || !inside(offset, g) || !inside(room, g) {
            return None;
        }
        self.factors[k].exponent = Rational::ONE;
        for j in 0..self.factors.len() {
            let other = self.factors[j].clone();
            if j == k || !other.labels.contains(&col) || !other.exponent.is_one() {
                continue;
            }
            match g.node(other.node).clone() {
                // the same rows of the identity twice: their numbers are equal
                Node::Shift { .. } if other.node == node && other.labels[1] == col && other.labels[0] != row => {
                    self.factors.swap_remove(j);
                    self.unify(row, other.labels[0], &mut []);
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Shift { offset: next, cols: end, .. }
                    if other.labels[0] == col && other.labels[1] != col && self.bond(col) =>
                {
                    let total = g.sizes.add(offset, next);
                    let node = g.shift(total, rows, end);
                    let labels = SmallVec::from_slice(&[row, other.labels[1]]);
                    self.factors[j] = Factor { node, labels, exponent: Rational::ONE };
                    self.factors.swap_remove(k);
                    self.kill(col);
                    return Some(std::mem::take(&mut self.factors));
                }
                Node::Stack(axis, parts) if other.labels[axis as usize] == col && self.bond(col) => {
                    let mut before = g.sizes.constant(0);
                    for part in parts {
                        let one = g.sizes.constant(1);
                        if before == offset && part.extent == Some(rows) {
                            let mut labels = other.labels.clone();
                            labels[axis as usize] = row;
                            self.factors[j] = Factor { node: part.node, labels, exponent: Rational::ONE };
                            self.factors.swap_remove(k);
                            self.kill(col);
                            return Some(std::mem::take(&mut self.factors));
                        }
                        before = g.sizes.add(before, part.extent.unwrap_or(one));
                    }
                }
                _ => {}
            }
        }
        // a row of the identity sums to 1
        if self.summed(col) && self.uses(col) == 1 {
            self.factors.swap_remove(k);
            self.kill(col);
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }
}

/// Whether a place stays inside the axis that a shift moves it to, whatever the sizes are, from 2 on: `unit(2, n)[1:n-1]` has
/// a 1 from n = 3 on only, and an index may run over the edge.
fn surely_inside(g: &mut Graph, from_row: bool, at: Dim, beyond: Dim, (offset, rows, cols): (Dim, Dim, Dim)) -> bool {
    if g.sizes.value(beyond).is_some() {
        return true;
    }
    let one = g.sizes.constant(1);
    let more = g.sizes.add(beyond, one);
    if g.sizes.value(at).is_some() && g.sizes.is_nonnegative(more) {
        return true;
    }
    // a row of a slice is a place of the whole
    let end = g.sizes.add(offset, rows);
    let room = g.sizes.sub(cols, end);
    let known = |d: Dim| g.sizes.value(d).is_some_and(|v| v >= 0);
    from_row && known(offset) && known(room)
}
