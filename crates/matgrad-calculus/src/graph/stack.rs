//! Literals and blocks: pieces side by side along an axis, entries of them, and their arithmetic.

use matgrad_syntax::Rational;
use smallvec::{SmallVec, smallvec};

use super::product::Work;
use super::{Dim, Dims, Factor, Graph, Labels, Node, NodeId, Part, ProductBuilder};

/// Literals up to this many entries are worked out entry by entry.
const ENTRY_LIMIT: i64 = 16;

impl Graph {
    /// Pieces side by side along `axis`. A piece without an extent lacks that axis and takes one place.
    pub fn stack(&mut self, axis: u8, parts: Vec<Part>) -> NodeId {
        let Some(first) = parts.first() else { return self.zeros(&[]) };
        let mut dims = self.axes(first.node).clone();
        if first.extent.is_some() && dims.len() > axis as usize {
            dims.remove(axis as usize);
        }
        let mut length = self.sizes.constant(0);
        for part in &parts {
            let one = self.sizes.constant(1);
            length = self.sizes.add(length, part.extent.unwrap_or(one));
        }
        dims.insert((axis as usize).min(dims.len()), length);
        if parts.iter().all(|p| self.is_zero(p.node)) {
            return self.zeros(&dims);
        }
        if let [Part { node, extent: Some(_) }] = parts.as_slice() {
            return *node;
        }
        self.intern(Node::Stack(axis, parts), dims)
    }

    /// A vector of scalars.
    pub fn column(&mut self, entries: &[NodeId]) -> NodeId {
        self.stack(0, entries.iter().map(|node| Part { node: *node, extent: None }).collect())
    }

    /// The piece at a position along the stacked axis, and for a thick piece the position inside it and its extent.
    pub(super) fn stack_entry(&mut self, parts: &[Part], at: Dim) -> Option<(NodeId, Option<(Dim, Dim)>)> {
        let mut before = self.sizes.constant(0);
        for part in parts {
            let one = self.sizes.constant(1);
            let extent = part.extent.unwrap_or(one);
            let inside = self.sizes.sub(at, before);
            let beyond = self.sizes.sub(inside, extent);
            // both differences must be numbers: the position is then certain
            let (Some(inside_value), beyond_value) = (self.sizes.value(inside), self.sizes.value(beyond)) else {
                // a symbolic position inside a symbolic extent: only the first piece can be told
                return None;
            };
            let fits = match beyond_value {
                Some(v) => v <= 0,
                None => inside_value == 1, // a symbolic extent is at least 1
            };
            if inside_value >= 1 && fits {
                return Some((part.node, part.extent.map(|extent| (inside, extent))));
            }
            beyond_value?;
            before = self.sizes.add(before, extent);
        }
        None
    }

    /// The scalar at 1-based positions.
    pub fn entry(&mut self, node: NodeId, at: &[i64]) -> NodeId {
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, node);
        p.factor(node, &labels);
        for (k, position) in at.iter().enumerate() {
            let (at, dim) = (self.sizes.constant(*position), self.axes(node)[k]);
            let hot = self.one_hot(at, dim);
            p.factor(hot, &[labels[k]]);
        }
        p.build(self, &[])
    }

    /// The vector product of two vectors of length 3: entries where one is a literal, the Levi-Civita symbol otherwise.
    pub fn cross(&mut self, a: NodeId, b: NodeId) -> NodeId {
        if matches!(self.node(a), Node::Stack(..)) || matches!(self.node(b), Node::Stack(..)) {
            let entries: Vec<NodeId> = [(2, 3), (3, 1), (1, 2)]
                .iter()
                .map(|&(j, k)| {
                    let (aj, bk) = (self.entry(a, &[j]), self.entry(b, &[k]));
                    let (ak, bj) = (self.entry(a, &[k]), self.entry(b, &[j]));
                    let (plus, minus) = (self.hadamard(aj, bk), self.hadamard(ak, bj));
                    self.subtract(plus, minus)
                })
                .collect();
            return self.column(&entries);
        }
        let eps = self.levi_civita(3);
        let mut p = ProductBuilder::new();
        let labels = p.labels_of(self, eps);
        p.factor(eps, &labels);
        p.factor(a, &labels[1..2]);
        p.factor(b, &labels[2..3]);
        p.build(self, &labels[..1])
    }

    /// A sum of literals, or of multiples of unit vectors of a known small length, as one literal.
    pub(super) fn sum_of_stacks(&mut self, terms: &[(Rational, NodeId)], dims: &[Dim]) -> Option<NodeId> {
        if let Node::Stack(axis, first) = self.node(terms[0].1) {
            let (axis, first) = (*axis, first.clone());
            let alike = terms.iter().all(|(_, n)| match self.node(*n) {
                Node::Stack(a, parts) => {
                    *a == axis
                        && parts.len() == first.len()
                        && parts.iter().zip(&first).all(|(p, q)| p.extent == q.extent)
                }
                _ => false,
            });
            if alike {
                let parts = (0..first.len())
                    .map(|k| {
                        let pieces: Vec<(Rational, NodeId)> = terms
                            .iter()
                            .filter_map(|(c, n)| match self.node(*n) {
                                Node::Stack(_, parts) => Some((c.clone(), parts[k].node)),
                                _ => None,
                            })
                            .collect();
                        let dims = self.axes(first[k].node).clone();
                        Part { node: self.sum(&pieces, &dims), extent: first[k].extent }
                    })
                    .collect();
                return Some(self.stack(axis, parts));
            }
        }
        let lengths: SmallVec<[i64; 4]> = dims.iter().filter_map(|d| self.sizes.value(*d)).collect();
        let total: i64 = lengths.iter().try_fold(1i64, |a, b| a.checked_mul(*b))?;
        if dims.is_empty() || dims.len() > 2 || lengths.len() != dims.len() || total > ENTRY_LIMIT {
            return None;
        }
        let mut entries: Vec<Vec<(Rational, NodeId)>> = vec![Vec::new(); total as usize];
        for (c, node) in terms {
            if let (Node::Stack(0, parts), 1) = (self.node(*node), dims.len()) {
                if parts.iter().any(|p| p.extent.is_some()) {
                    return None;
                }
                for (k, part) in parts.iter().enumerate() {
                    entries[k].push((c.clone(), part.node));
                }
                continue;
            }
            let (position, scalar) = self.at_one_entry(*node, dims)?;
            entries.get_mut(position)?.push((c.clone(), scalar));
        }
        let scalars: Vec<NodeId> = entries.iter().map(|terms| self.sum(terms, &[])).collect();
        if dims.len() == 1 {
            return Some(self.column(&scalars));
        }
        let width = lengths[1] as usize;
        let rows: Vec<NodeId> = scalars.chunks(width).map(|row| self.column(row)).collect();
        Some(self.stack(0, rows.into_iter().map(|node| Part { node, extent: None }).collect()))
    }

    /// Row-major position and value of a tensor that is 0 but at one known entry.
    fn at_one_entry(&mut self, node: NodeId, dims: &[Dim]) -> Option<(usize, NodeId)> {
        if let Node::OneHot { at, .. } = self.node(node) {
            let position = usize::try_from(self.sizes.value(*at)? - 1).ok()?;
            return Some((position, self.number(Rational::ONE)));
        }
        let Node::Product(p) = self.node(node) else { return None };
        let p = p.clone();
        let mut position = 0usize;
        let mut rest: Vec<Factor> = p.factors.clone();
        for (k, label) in p.out.iter().enumerate() {
            let on: Vec<usize> = (0..rest.len()).filter(|j| rest[*j].labels.contains(label)).collect();
            let [j] = on.as_slice() else { return None };
            let Node::OneHot { at, .. } = self.node(rest[*j].node) else { return None };
            let value = usize::try_from(self.sizes.value(*at)? - 1).ok()?;
            let length = usize::try_from(self.sizes.value(dims[k])?).ok()?;
            position = position * length + value;
            rest.remove(*j);
        }
        let mut builder = ProductBuilder { coefficient: None, factors: rest, dims: p.dims };
        for label in &p.out {
            builder.dims[*label as usize] = Dim(u32::MAX);
        }
        Some((position, builder.build(self, &[])))
    }

    /// The entries of a literal matrix, row by row; `None` where it is none or larger than some entries.
    pub(super) fn literal_entries(&mut self, node: NodeId) -> Option<Vec<Vec<NodeId>>> {
        if !matches!(self.node(node), Node::Stack(..)) || self.rank(node) != 2 {
            return None;
        }
        let dims = self.axes(node).clone();
        let (rows, cols) = (self.sizes.value(dims[0])?, self.sizes.value(dims[1])?);
        if rows.checked_mul(cols)? > ENTRY_LIMIT {
            return None;
        }
        Some((1..=rows).map(|i| (1..=cols).map(|j| self.entry(node, &[i, j])).collect()).collect())
    }
}

impl Work {
    /// Products of literals: entry by entry along a label they share.
    pub(super) fn contract_stacks(&mut self, g: &mut Graph) -> Option<Vec<Factor>> {
        for k in 0..self.factors.len() {
            let Node::Stack(axis, parts) = g.node(self.factors[k].node) else { continue };
            let (axis, parts) = (*axis, parts.clone());
            let mine = self.factors[k].clone();
            if !mine.exponent.is_one() || parts.iter().any(|p| p.extent.is_some()) {
                continue;
            }
            let label = mine.labels[axis as usize];
            if mine.labels.iter().filter(|l| **l == label).count() > 1 {
                continue;
            }
            for j in 0..self.factors.len() {
                let other = &self.factors[j];
                let Node::Stack(axis2, parts2) = g.node(other.node) else { continue };
                if j == k || !other.exponent.is_one() || parts2.iter().any(|p| p.extent.is_some()) {
                    continue;
                }
                let (other, axis2, parts2) = (other.clone(), *axis2, parts2.clone());
                let label2 = other.labels[axis2 as usize];
                if label2 == label && other.labels.iter().filter(|l| **l == label).count() == 1 {
                    return Some(self.zip_stacks(g, k, j, (&mine, axis, &parts), (&other, axis2, &parts2)));
                }
                let bond = self.summed(label2) && self.uses(label2) == 2 && mine.labels.contains(&label2);
                if bond && mine.labels.iter().filter(|l| **l == label2).count() == 1 {
                    return Some(self.push_into_stack(g, k, j, &mine, axis, &parts, &other));
                }
            }
            // summed with nothing else on the label: the sum of the pieces
            if self.summed(label) && self.uses(label) == 1 {
                let mut labels = mine.labels.clone();
                labels.remove(axis as usize);
                let dims: Dims = labels.iter().map(|l| self.dims[*l as usize]).collect();
                let terms: Vec<_> = parts.iter().map(|p| (Rational::ONE, p.node)).collect();
                let node = g.sum(&terms, &dims);
                self.factors.swap_remove(k);
                self.kill(label);
                self.factors.push(Factor { node, labels, exponent: Rational::ONE });
                return Some(std::mem::take(&mut self.factors));
            }
        }
        None
    }

    fn zip_stacks(
        &mut self,
        g: &mut Graph,
        k: usize,
        j: usize,
        (a, axis_a, parts_a): (&Factor, u8, &[Part]),
        (b, axis_b, parts_b): (&Factor, u8, &[Part]),
    ) -> Vec<Factor> {
        let label = a.labels[axis_a as usize];
        let (mut la, mut lb) = (a.labels.clone(), b.labels.clone());
        la.remove(axis_a as usize);
        lb.remove(axis_b as usize);
        let mut out: Labels = smallvec![];
        for l in la.iter().chain(&lb) {
            if !out.contains(l) {
                out.push(*l);
            }
        }
        let pieces: Vec<NodeId> = parts_a
            .iter()
            .zip(parts_b)
            .map(|(p, q)| self.piece(g, &[(p.node, la.as_slice()), (q.node, lb.as_slice())], &out))
            .collect();
        let (low, high) = (k.min(j), k.max(j));
        self.factors.swap_remove(high);
        self.factors.swap_remove(low);
        if self.summed(label) && self.uses(label) == 0 {
            self.kill(label);
            let dims: Dims = out.iter().map(|l| self.dims[*l as usize]).collect();
            let terms: Vec<_> = pieces.into_iter().map(|n| (Rational::ONE, n)).collect();
            let node = g.sum(&terms, &dims);
            self.factors.push(Factor { node, labels: out, exponent: Rational::ONE });
        } else {
            let node = g.stack(0, pieces.into_iter().map(|node| Part { node, extent: None }).collect());
            out.insert(0, label);
            self.factors.push(Factor { node, labels: out, exponent: Rational::ONE });
        }
        std::mem::take(&mut self.factors)
    }

    /// A literal matrix times a literal vector: row by row.
    #[allow(clippy::too_many_arguments)]
    fn push_into_stack(
        &mut self,
        g: &mut Graph,
        k: usize,
        j: usize,
        a: &Factor,
        axis: u8,
        parts: &[Part],
        b: &Factor,
    ) -> Vec<Factor> {
        let mut inner = a.labels.clone();
        let label = inner.remove(axis as usize);
        let mut out: Labels = smallvec![];
        for l in inner.iter().chain(&b.labels) {
            let contracted = inner.contains(l) && b.labels.contains(l) && self.summed(*l);
            if !out.contains(l) && !contracted {
                out.push(*l);
            }
        }
        let contracted: Labels = inner.iter().filter(|l| b.labels.contains(l) && self.summed(**l)).copied().collect();
        let pieces: Vec<Part> = parts
            .iter()
            .map(|p| {
                let node = self.piece(g, &[(p.node, inner.as_slice()), (b.node, b.labels.as_slice())], &out);
                Part { node, extent: None }
            })
            .collect();
        let (low, high) = (k.min(j), k.max(j));
        self.factors.swap_remove(high);
        self.factors.swap_remove(low);
        contracted.iter().for_each(|l| self.kill(*l));
        let node = g.stack(0, pieces);
        out.insert(0, label);
        self.factors.push(Factor { node, labels: out, exponent: Rational::ONE });
        std::mem::take(&mut self.factors)
    }

    /// A product of a few factors under the labels of this one.
    fn piece(&self, g: &mut Graph, factors: &[(NodeId, &[super::Label])], out: &[super::Label]) -> NodeId {
        let mut builder = ProductBuilder::new();
        builder.dims = self.dims.clone();
        for (label, dim) in builder.dims.iter_mut().enumerate() {
            let here = factors.iter().any(|(_, ls)| ls.contains(&(label as super::Label)));
            if !here {
                *dim = Dim(u32::MAX);
            }
        }
        for (node, labels) in factors {
            builder.factor(*node, labels);
        }
        builder.build(g, out)
    }
}
