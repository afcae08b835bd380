//! Contractions of matrices that cancel or combine.

use matgrad_syntax::{Attribute, Rational};
use smallvec::SmallVec;

use crate::graph::product::Work;
use crate::graph::{Dim, Factor, Graph, Label, Labels, MatrixOp, Node, NodeId, ProductBuilder};

impl Work {
    /// Joins the ends of two factors whose contraction is the identity.
    pub(super) fn join(&mut self, a: usize, b: usize, bond: Label, end_a: Label, end_b: Label) -> Vec<Factor> {
        let (low, high) = (a.min(b), a.max(b));
        self.factors.swap_remove(high);
        self.factors.swap_remove(low);
        self.kill(bond);
        self.unify(end_a, end_b, &mut []);
        std::mem::take(&mut self.factors)
    }

    pub(super) fn cancel_inverse(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let symmetric = g.is_symmetric(arg);
        let inverse = self.factors[k].labels.clone();
        for (j, f) in self.factors.iter().enumerate() {
            if f.node != arg || !f.exponent.is_one() || f.labels.len() != 2 || inverse.len() != 2 {
                continue;
            }
            for (i_axis, x_axis) in [(1, 0), (0, 1), (0, 0), (1, 1)] {
                if (i_axis == x_axis && !symmetric)
                    || inverse[i_axis] != f.labels[x_axis]
                    || !self.bond(inverse[i_axis])
                {
                    continue;
                }
                let (bond, a, b) = (inverse[i_axis], inverse[1 - i_axis], f.labels[1 - x_axis]);
                return Some(self.join(k, j, bond, a, b));
            }
        }
        None
    }

    pub(super) fn cancel_orthogonal(&mut self, g: &Graph, k: usize) -> Option<Vec<Factor>> {
        let node = self.factors[k].node;
        let info = g.as_input(node)?;
        if !info.attributes.contains(&Attribute::Orthogonal) || info.dims.len() != 2 {
            return None;
        }
        let square = info.dims[0] == info.dims[1];
        let mine = self.factors[k].labels.clone();
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.node != node || !f.exponent.is_one() {
                continue;
            }
            for axis in 0..=usize::from(square) {
                if mine[axis] == f.labels[axis] && self.bond(mine[axis]) {
                    let (bond, a, b) = (mine[axis], mine[1 - axis], f.labels[1 - axis]);
                    return Some(self.join(k, j, bond, a, b));
                }
            }
        }
        None
    }

    /// pinv(P)'·pinv(P) = pinv(P·P') and pinv(P)·pinv(P)' = pinv(P'·P) (Magnus & Neudecker, ch. 2, §5).
    pub(super) fn pinv_pair(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let node = self.factors[k].node;
        let Node::Matrix(_, args) = g.node(node) else { return None };
        let (inner, mine) = (args[0], self.factors[k].labels.clone());
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.node != node || !f.exponent.is_one() {
                continue;
            }
            for axis in 0..2 {
                if mine[axis] == f.labels[axis] && self.bond(mine[axis]) {
                    let ends = SmallVec::from_slice(&[mine[1 - axis], f.labels[1 - axis]]);
                    let transposed = g.transpose(inner);
                    let gram = if axis == 0 { g.matmul(inner, transposed) } else { g.matmul(transposed, inner) };
                    let node = g.matrix(MatrixOp::Pinv, &[gram]);
                    self.kill(mine[axis]);
                    self.factors.swap_remove(j);
                    self.factors.swap_remove(k);
                    self.factors.push(Factor { node, labels: ends, exponent: Rational::ONE });
                    return Some(std::mem::take(&mut self.factors));
                }
            }
        }
        None
    }

    /// pinv(X·X')·X = pinv(X)' and pinv(X'·X)·X' = pinv(X) (Magnus & Neudecker, ch. 2, §5).
    pub(super) fn pinv_of_gram(&mut self, g: &mut Graph, k: usize, gram: NodeId) -> Option<Vec<Factor>> {
        let Node::Product(p) = g.node(gram) else { return None };
        let [a, b] = p.factors.as_slice() else { return None };
        let x = a.node;
        if b.node != x || [a, b].iter().any(|f| f.labels.len() != 2 || !f.exponent.is_one()) || p.out.len() != 2 {
            return None;
        }
        // the axis of X that the Gram matrix keeps
        let axis = (0..2).find(|axis| {
            let ends = [a.labels[*axis], b.labels[*axis]];
            a.labels[1 - axis] == b.labels[1 - axis] && ends[0] != ends[1] && ends.iter().all(|end| p.out.contains(end))
        })?;
        let Factor { node: inverse, labels: mine, .. } = self.factors[k].clone();
        // a power of it stays in sight
        if self.factors.iter().filter(|f| f.node == inverse).count() > 1 {
            return None;
        }
        for j in 0..self.factors.len() {
            let f = &self.factors[j];
            if j == k || f.node != x || !f.exponent.is_one() || f.labels[0] == f.labels[1] {
                continue;
            }
            let bond = f.labels[axis];
            let Some(own) = mine.iter().position(|label| *label == bond && self.bond(bond)) else { continue };
            let (outer, inner) = (mine[1 - own], f.labels[1 - axis]);
            let ends = if axis == 0 { [inner, outer] } else { [outer, inner] };
            let node = g.matrix(MatrixOp::Pinv, &[x]);
            self.kill(bond);
            self.factors[k] = Factor { node, labels: SmallVec::from_slice(&ends), exponent: Rational::ONE };
            self.factors.swap_remove(j);
            return Some(std::mem::take(&mut self.factors));
        }
        None
    }

    /// The Levi-Civita symbol contracted with what is symmetric in two of its indices is 0: `cross(a, a)`.
    pub(super) fn antisymmetric(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let labels = self.factors[k].labels.clone();
        let on = |this: &Self, l: Label| -> Option<usize> {
            let mut others = (0..this.factors.len()).filter(|j| *j != k && this.factors[*j].labels.contains(&l));
            others.next().filter(|_| this.bond(l))
        };
        for (at, a) in labels.iter().enumerate() {
            for b in &labels[at + 1..] {
                let (Some(i), Some(j)) = (on(self, *a), on(self, *b)) else { continue };
                let (f, h) = (&self.factors[i], &self.factors[j]);
                let twice = i != j && f.node == h.node && f.exponent == h.exponent && f.labels.len() == 1;
                let symmetric = i == j && f.labels.len() == 2 && f.exponent.is_one() && g.is_symmetric(f.node);
                if twice || symmetric {
                    self.coefficient = Rational::ZERO;
                    return Some(std::mem::take(&mut self.factors));
                }
            }
        }
        None
    }

    /// A Fréchet derivative is linear: what is contracted with the axes before its direction's last two goes inside.
    pub(super) fn move_into_direction(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let Factor { node, labels, .. } = self.factors[k].clone();
        let Node::Matrix(op, args) = g.node(node).clone() else { return None };
        let batch = labels.len().checked_sub(2)?;
        let distinct = labels.iter().enumerate().all(|(k, l)| !labels[..k].contains(l));
        if g.rank(args[0]) != 2 || !distinct {
            return None; // only the direction may have the axes, and no diagonal is taken afterwards
        }
        let inner: Labels = labels[..batch].iter().filter(|l| self.summed(**l)).copied().collect();
        let touches = |f: &Factor| f.labels.iter().any(|l| inner.contains(l));
        let matrix_axes = &labels[batch..];
        let (mut others, mut rest) = (Vec::new(), Vec::new());
        for (j, f) in self.factors.iter().enumerate() {
            if j != k {
                if touches(f) { others.push(f.clone()) } else { rest.push(f.clone()) }
            }
        }
        let apart = others.iter().all(|f| !f.labels.iter().any(|l| matrix_axes.contains(l)));
        let shared = rest.iter().any(touches);
        if inner.is_empty() || others.is_empty() || !apart || shared {
            return None;
        }
        let mut out = Labels::new();
        for l in labels[..batch].iter().chain(others.iter().flat_map(|f| &f.labels)) {
            let elsewhere = self.out.contains(l) || rest.iter().any(|f| f.labels.contains(l));
            if !out.contains(l) && (elsewhere || !inner.contains(l) && labels.contains(l)) {
                out.push(*l);
            }
        }
        out.extend(matrix_axes.iter().copied());
        let mut builder = ProductBuilder { coefficient: None, factors: others, dims: self.dims.clone() };
        builder.factor(args[1], &labels);
        for l in 0..builder.dims.len() as Label {
            if !builder.factors.iter().any(|f| f.labels.contains(&l)) {
                builder.dims[l as usize] = Dim::NONE;
            }
        }
        let used: Labels = builder.factors.iter().flat_map(|f| f.labels.iter().copied()).collect();
        let direction = builder.build(g, &out);
        let direction = g.distribute_all(direction);
        let node = g.matrix(op, &[args[0], direction]);
        for l in used {
            if !out.contains(&l) {
                self.kill(l);
            }
        }
        rest.push(Factor { node, labels: out, exponent: Rational::ONE });
        self.factors.clear();
        Some(rest)
    }
}

impl Graph {
    /// A product with `Σ_k eps[k,a,b]*eps[k,c,d] = delta[a,c]*delta[b,d] - delta[a,d]*delta[b,c]` put in.
    pub fn without_symbol_pairs(&mut self, node: NodeId) -> NodeId {
        let (scale, bare) = self.split(node);
        let Node::Product(p) = self.node(bare).clone() else { return node };
        let symbols: Vec<usize> = (0..p.factors.len())
            .filter(|k| {
                let f = &p.factors[*k];
                matches!(self.node(f.node), Node::LeviCivita(3)) && f.exponent.is_one() && f.labels.len() == 3
            })
            .collect();
        let [first, second, ..] = symbols[..] else { return node };
        let (one, other) = (p.factors[first].labels.clone(), p.factors[second].labels.clone());
        let uses = |l: &Label| p.factors.iter().flat_map(|f| &f.labels).filter(|own| *own == l).count();
        let common = one.iter().find(|l| other.contains(l) && !p.out.contains(l) && uses(l) == 2).copied();
        let Some(common) = common else { return node };
        let after = |labels: &Labels| {
            let at = labels.iter().position(|l| *l == common).unwrap_or(0);
            [labels[(at + 1) % 3], labels[(at + 2) % 3]]
        };
        let ([a, b], [c, d]) = (after(&one), after(&other));
        let identity = self.identity(p.dims[common as usize]);
        let mut terms = Vec::new();
        for (sign, pairs) in [(1, [[a, c], [b, d]]), (-1, [[a, d], [b, c]])] {
            let mut dims = p.dims.clone();
            dims[common as usize] = crate::graph::Dim::NONE;
            let rest = p.factors.iter().enumerate().filter(|(k, _)| *k != first && *k != second);
            let factors = rest.map(|(_, f)| f.clone()).collect();
            let mut builder = ProductBuilder { coefficient: None, factors, dims };
            for pair in pairs {
                builder.factor(identity, &pair);
            }
            terms.push((Rational::int(sign), builder.build(self, &p.out)));
        }
        let dims = self.axes(node).clone();
        let sum = self.sum(&terms, &dims);
        self.scale(sum, &scale)
    }
}
