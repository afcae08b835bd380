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
        if let Some(node) = self.constant_stack(&parts, &dims) {
            return node;
        }
        self.intern(Node::Stack(axis, parts), dims)
    }

    /// Literals that have a name: equal numbers everywhere, a unit vector, an identity matrix.
    fn constant_stack(&mut self, parts: &[Part], dims: &Dims) -> Option<NodeId> {
        if parts.iter().any(|p| p.extent.is_some()) || parts.len() < 2 {
            return None;
        }
        match dims.as_slice() {
            [n] => {
                let values: Vec<Rational> = parts.iter().map(|p| self.constant(p.node)).collect::<Option<_>>()?;
                if values.iter().all(|v| *v == values[0]) {
                    return Some(self.full(&[*n], values[0].clone()));
                }
                let mut nonzero = values.iter().enumerate().filter(|(_, v)| !v.is_zero());
                let (first, second) = (nonzero.next()?, nonzero.next());
                let (position, value) = (first.0 as i64 + 1, first.1.clone());
                if second.is_some() {
                    return None;
                }
                let at = self.sizes.constant(position);
                let unit = self.one_hot(at, *n);
                Some(self.scale(unit, &value))
            }
            [m, n] if m == n => {
                let identity = parts.iter().enumerate().all(|(k, p)| match self.node(p.node) {
                    Node::OneHot { at, .. } => self.sizes.value(*at) == Some(k as i64 + 1),
                    _ => false,
                });
                identity.then(|| self.identity(*n))
            }
            _ => None,
        }
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
        if !terms.iter().all(|(_, n)| self.is_literal(*n)) {
            return None;
        }
        let mut scalars = Vec::with_capacity(total as usize);
        for position in 0..total {
            let at: SmallVec<[i64; 2]> = match lengths.as_slice() {
                [_, n] => SmallVec::from_slice(&[position / n + 1, position % n + 1]),
                _ => SmallVec::from_slice(&[position + 1]),
            };
            let entries: Vec<(Rational, NodeId)> =
                terms.iter().map(|(c, n)| (c.clone(), self.entry(*n, &at))).collect();
            scalars.push(self.sum(&entries, &[]));
        }
        if dims.len() == 1 {
            return Some(self.column(&scalars));
        }
        let width = lengths[1] as usize;
        let rows: Vec<NodeId> = scalars.chunks(width).map(|row| self.column(row)).collect();
        Some(self.stack(0, rows.into_iter().map(|node| Part { node, extent: None }).collect()))
    }

    /// Whether all entries are known one by one: only literals and unit vectors lie on the axes of the result.
    fn is_literal(&self, node: NodeId) -> bool {
        let thin = |id: NodeId| match self.node(id) {
            Node::OneHot { at, .. } => self.sizes.value(*at).is_some(),
            Node::Stack(_, parts) => parts.iter().all(|p| p.extent.is_none()),
            _ => false,
        };
        match self.node(node) {
            Node::Product(p) => {
                let on_axis = |l: &super::Label| p.out.contains(l);
                let literal = |f: &Factor| !f.labels.iter().any(on_axis) || thin(f.node) && f.exponent.is_one();
                p.factors.iter().all(literal)
            }
            _ => thin(node),
        }
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

    /// Blocks cut at the same places along a label, one of which is 0 but for one piece: only that piece is left.
    pub(super) fn only_piece(&mut self, g: &mut Graph) -> Option<Vec<Factor>> {
        for k in 0..self.factors.len() {
            let Node::Stack(axis, parts) = g.node(self.factors[k].node) else { continue };
            let (label, parts) = (self.factors[k].labels[*axis as usize], parts.clone());
            if self.factors[k].exponent.is_negative() || parts.iter().all(|p| p.extent.is_none()) {
                continue;
            }
            let mut there = (0..parts.len()).filter(|at| !g.is_zero(parts[*at].node));
            let (Some(at), None) = (there.next(), there.next()) else { continue };
            let on: Vec<usize> = (0..self.factors.len()).filter(|j| self.factors[*j].labels.contains(&label)).collect();
            let summed = self.summed(label);
            if !summed && on.len() < 2 {
                continue;
            }
            let extents: Vec<Option<Dim>> = parts.iter().map(|p| p.extent).collect();
            let mut pieces = Vec::with_capacity(on.len());
            for j in &on {
                let f = &self.factors[*j];
                let Node::Stack(axis, own) = g.node(f.node) else { break };
                let alone = f.labels.iter().filter(|l| **l == label).count() == 1;
                let same = own.len() == extents.len() && own.iter().zip(&extents).all(|(p, e)| p.extent == *e);
                if f.labels[*axis as usize] != label || !alone || !same {
                    break;
                }
                pieces.push((own[at].node, *axis as usize));
            }
            if pieces.len() < on.len() {
                continue;
            }
            // the piece has a shorter axis in place of the label, or none
            let short = extents[at].map(|extent| {
                self.dims.push(extent);
                self.dims.len() as super::Label - 1
            });
            for (j, (node, axis)) in on.iter().zip(pieces) {
                let f = &mut self.factors[*j];
                f.node = node;
                match short {
                    Some(short) => f.labels[axis] = short,
                    None => drop(f.labels.remove(axis)),
                }
            }
            if summed {
                self.kill(label);
                return Some(std::mem::take(&mut self.factors));
            }
            let (mut builder, mut out) = (ProductBuilder::new(), Labels::new());
            builder.dims = self.dims.clone();
            for j in on.iter().rev() {
                let f = self.factors.swap_remove(*j);
                out.extend(f.labels.iter().filter(|l| Some(**l) != short).copied());
                builder.power(f.node, &f.labels, f.exponent);
            }
            out.sort_unstable();
            out.dedup();
            let rest = out.clone();
            if let Some(short) = short {
                out.insert(0, short);
            }
            builder.forget_unused(&out);
            let piece = builder.build(g, &out);
            let parts = extents.iter().enumerate().map(|(j, extent)| {
                let node = if j == at {
                    piece
                } else {
                    let dims: Dims =
                        extent.iter().copied().chain(rest.iter().map(|l| self.dims[*l as usize])).collect();
                    g.zeros(&dims)
                };
                Part { node, extent: *extent }
            });
            let parts = parts.collect();
            let node = g.stack(0, parts);
            if let Some(short) = short {
                self.kill(short);
            }
            let labels = std::iter::once(label).chain(rest).collect();
            self.factors.push(Factor { node, labels, exponent: Rational::ONE });
            return Some(std::mem::take(&mut self.factors));
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
