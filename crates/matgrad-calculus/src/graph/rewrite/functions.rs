//! Relations between functions of entries.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use crate::graph::product::Work;
use crate::graph::{Factor, Graph, Label, Labels, MapOp, Node, NodeId, Product, ReduceOp};

impl Work {
    /// sigmoid(a)·exp(-a) = sigmoid(-a).
    pub(super) fn flip_sigmoid(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let (scale, base) = g.primitive(arg);
        let labels = self.factors[k].labels.clone();
        let j = self.factors.iter().position(|f| {
            f.labels == labels && matches!(g.node(f.node), Node::Map(MapOp::Exp, args) if args[0] == base)
        })?;
        let times = &self.factors[j].exponent * &(-scale.clone()).recip()?;
        let sigmoids = self.factors[k].exponent.clone();
        let count = times.to_i64()?.min(sigmoids.to_i64()?);
        if count < 1 {
            return None;
        }
        let count = Rational::int(count);
        self.factors[j].exponent = &self.factors[j].exponent + &(&count * &scale);
        self.factors[k].exponent = &sigmoids + &-count.clone();
        let flipped = g.negate(arg);
        let node = g.map(MapOp::Sigmoid, &[flipped]);
        self.factors.push(Factor { node, labels, exponent: count });
        Some(std::mem::take(&mut self.factors))
    }

    /// sign(u)/|u| = 1/u and sign(u)^2/u = 1/u, where u is divided by and so is not 0.
    pub(super) fn sign_of_divisor(&mut self, g: &mut Graph, k: usize, u: NodeId) -> Option<Vec<Factor>> {
        let labels = self.factors[k].labels.clone();
        let is_even = self.factors[k].exponent.is_even();
        if self.factors[k].exponent.is_negative() {
            return None;
        }
        let j = self.factors.iter().position(|f| {
            f.labels == labels
                && f.exponent.is_negative()
                && f.exponent.is_integer()
                && (f.node == u && is_even
                    || (is_even || !f.exponent.is_even())
                        && matches!(g.node(f.node), Node::Map(MapOp::Abs, args) if args[0] == u))
        })?;
        if !is_even {
            // of an even power of |u| nothing but u is left before
            self.factors[j].node = u;
        }
        self.factors.swap_remove(k);
        Some(std::mem::take(&mut self.factors))
    }

    /// The places off the diagonal are all that count of differences `x[i] - x[j]`.
    pub(super) fn off_diagonal(&mut self, g: &mut Graph, k: usize, args: &[NodeId]) -> Option<Vec<Factor>> {
        let counts = |id: NodeId| match g.node(id) {
            Node::Product(p) => matches!(&p.factors[..], [only] if matches!(g.node(only.node), Node::Iota(_))),
            _ => false,
        };
        if !args.iter().all(|arg| counts(*arg)) || g.transpose(args[0]) != args[1] {
            return None;
        }
        let labels = self.factors[k].labels.clone();
        let vanishes = (0..self.factors.len()).any(|j| {
            let f = self.factors[j].clone();
            let same = f.labels.len() == 2 && labels.iter().all(|l| f.labels.contains(l)) && labels[0] != labels[1];
            same && f.exponent.is_integer() && !f.exponent.is_negative() && g.is_skew(f.node)
        });
        // 0 times a function that has no value there is not 0
        let has_value = (0..self.factors.len()).filter(|j| *j != k).all(|j| {
            let f = self.factors[j].clone();
            let positive = f.exponent.is_integer() && !f.exponent.is_negative();
            !labels.iter().all(|l| f.labels.contains(l))
                || positive && (g.is_skew(f.node) || matches!(g.node(f.node), Node::Input(_)))
        });
        if !vanishes || !has_value {
            return None;
        }
        self.factors.swap_remove(k);
        Some(std::mem::take(&mut self.factors))
    }

    /// exp(z)_i / Σ_j exp(z)_j is softmax, kept as exp(z - logsumexp(z)), which does not overflow.
    pub(super) fn softmax(&mut self, g: &mut Graph, k: usize, p: &Product) -> Option<Vec<Factor>> {
        let [inner] = p.factors.as_slice() else { return None };
        let Node::Map(MapOp::Exp, args) = g.node(inner.node) else { return None };
        let (z, power) = (args[0], inner.exponent.clone());
        if inner.labels.iter().enumerate().any(|(k, l)| inner.labels[..k].contains(l)) {
            return None; // the sum of a diagonal only
        }
        let axes: SmallVec<[u8; 2]> =
            (0..inner.labels.len()).filter(|a| !p.out.contains(&inner.labels[*a])).map(|a| a as u8).collect();
        let position = |l: &Label| p.out.iter().position(|o| o == l);
        let outer = self.factors[k].labels.clone();
        let j = self.factors.iter().position(|f| {
            f.node == inner.node
                && inner.labels.iter().zip(&f.labels).all(|(l, mine)| position(l).is_none_or(|at| outer[at] == *mine))
        })?;
        let times = (&self.factors[j].exponent * &power.recip()?).to_i64()?;
        let count = times.min((-self.factors[k].exponent.clone()).to_i64()?);
        if count < 1 || axes.is_empty() {
            return None;
        }
        let count = Rational::int(count);
        let scaled = g.scale(z, &power);
        let lse = g.reduce(ReduceOp::LogSumExp, scaled, &axes);
        let wide = g.broadcast_except(lse, scaled, &axes);
        let difference = g.subtract(scaled, wide);
        let node = g.map(MapOp::Exp, &[difference]);
        let labels = self.factors[j].labels.clone();
        self.factors[j].exponent = &self.factors[j].exponent + &-(&count * &power);
        self.factors[k].exponent = &self.factors[k].exponent + &count;
        self.factors.push(Factor { node, labels, exponent: count });
        Some(std::mem::take(&mut self.factors))
    }

    /// The entries of a softmax add up to 1.
    pub(super) fn sum_of_softmax(&mut self, g: &mut Graph, k: usize, arg: NodeId) -> Option<Vec<Factor>> {
        let labels = self.factors[k].labels.clone();
        let free = |w: &Self, l: Label| w.summed(l) && w.uses(l) == 1;
        if !labels.iter().any(|l| free(self, *l)) {
            return None;
        }
        let axes = softmax_axes(g, arg)?;
        if !axes.iter().all(|axis| labels.get(*axis as usize).is_some_and(|l| free(self, *l))) {
            return None;
        }
        self.factors.swap_remove(k);
        for axis in axes {
            self.kill(labels[axis as usize]);
        }
        Some(std::mem::take(&mut self.factors))
    }

    pub(super) fn replace_scalar(&mut self, k: usize, label: Label, node: NodeId) -> Option<Vec<Factor>> {
        self.factors.swap_remove(k);
        self.kill(label);
        self.factors.push(Factor { node, labels: Labels::new(), exponent: Rational::ONE });
        Some(std::mem::take(&mut self.factors))
    }
}

/// The axes over which `exp(arg)` adds up to 1: `arg` is z - logsumexp(z) along them.
fn softmax_axes(g: &mut Graph, arg: NodeId) -> Option<SmallVec<[u8; 2]>> {
    let Node::Sum(terms, _) = g.node(arg).clone() else { return None };
    terms.iter().filter(|(c, _)| c.is_minus_one()).find_map(|(_, n)| {
        let inner = match g.node(*n) {
            Node::Product(p) => match p.factors.as_slice() {
                [f] if f.exponent.is_one() => f.node,
                _ => return None,
            },
            _ => *n,
        };
        let Node::Reduce(ReduceOp::LogSumExp, z, axes) = g.node(inner).clone() else { return None };
        let wide = g.broadcast_except(inner, z, &axes);
        (g.subtract(z, wide) == arg).then_some(axes)
    })
}
