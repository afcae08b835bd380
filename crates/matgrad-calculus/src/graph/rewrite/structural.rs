//! Duplication and elimination matrices (Magnus & Neudecker, ch. 3 §8; Magnus, *Linear Structures*).

use matgrad_syntax::Rational;

use crate::graph::product::Work;
use crate::graph::{Factor, Graph, Label, Labels, Node, Structural};

impl Work {
    /// L·D = I, L·L' = I, K·D = D, D'·vec(X') = D'·vec(X), and D·L·vec(S) = vec(S) for symmetric S.
    pub(super) fn structural(&mut self, g: &mut Graph, k: usize, kind: Structural) -> Option<Vec<Factor>> {
        if !self.factors[k].exponent.is_one() {
            return None;
        }
        let labels = self.factors[k].labels.clone();
        let (square, half) = match kind {
            Structural::Duplication => (labels[0], labels[1]),
            Structural::Elimination => (labels[1], labels[0]),
        };
        if square == half {
            return None;
        }
        if let Some(found) = self.join_halves(g, k, kind, (square, half)) {
            return Some(found);
        }
        match kind {
            Structural::Duplication => self.turn_under_duplication(g, square),
            Structural::Elimination => self.restore_symmetric(g, k, (square, half)),
        }
    }

    /// L·D and L·L' are identities.
    fn join_halves(
        &mut self,
        g: &Graph,
        k: usize,
        kind: Structural,
        (square, half): (Label, Label),
    ) -> Option<Vec<Factor>> {
        if kind != Structural::Elimination || !self.bond(square) {
            return None;
        }
        let j = (0..self.factors.len()).find(|j| *j != k && self.factors[*j].labels.contains(&square))?;
        let other = self.factors[j].clone();
        let at = match g.node(other.node) {
            Node::Structural(Structural::Duplication, _) if other.labels[0] == square => other.labels[1],
            Node::Structural(Structural::Elimination, _) if other.labels[1] == square => other.labels[0],
            _ => return None,
        };
        if !other.exponent.is_one() || at == square {
            return None;
        }
        self.factors.remove(j.max(k));
        self.factors.remove(j.min(k));
        self.kill(square);
        self.unify(at, half, &mut []);
        Some(std::mem::take(&mut self.factors))
    }

    /// The split of the long axis whose small legs may be exchanged, because D has equal rows for both orders.
    fn turn_under_duplication(&mut self, g: &Graph, square: Label) -> Option<Vec<Factor>> {
        let at = self.split_of(g, square)?;
        let [all, fast, slow] = *self.factors[at].labels.as_slice() else { return None };
        if fast == slow {
            return None;
        }
        let others = || self.factors.iter().enumerate().filter(|(j, _)| *j != at).map(|(_, f)| f);
        let split = |f: &Factor| matches!(g.node(f.node), Node::Fuse { .. });
        // another split with its legs the other way round, or a matrix that is transposed there
        let crossed = others().any(|f| split(f) && f.labels[1..] == [slow, fast])
            && !others().any(|f| split(f) && f.labels[1..] == [fast, slow]);
        let lonely = |l: Label| self.summed(l) && self.uses(l) == 2;
        let turned = lonely(fast) && lonely(slow) && others().any(|f| !split(f) && f.labels.as_slice() == [slow, fast]);
        if !crossed && !turned {
            return None;
        }
        self.factors[at].labels = Labels::from_slice(&[all, slow, fast]);
        Some(std::mem::take(&mut self.factors))
    }

    fn split_of(&self, g: &Graph, long: Label) -> Option<usize> {
        if !self.bond(long) {
            return None;
        }
        self.factors.iter().position(|f| {
            matches!(g.node(f.node), Node::Fuse { fast, slow } if fast == slow)
                && f.labels[0] == long
                && f.exponent.is_one()
        })
    }

    /// D·L·vec(S) = vec(S).
    fn restore_symmetric(&mut self, g: &mut Graph, k: usize, (square, half): (Label, Label)) -> Option<Vec<Factor>> {
        if !self.bond(half) {
            return None;
        }
        let d = self.factors.iter().position(|f| {
            matches!(g.node(f.node), Node::Structural(Structural::Duplication, _))
                && f.labels[1] == half
                && f.exponent.is_one()
        })?;
        let split = self.split_of(g, square)?;
        let (fast, slow) = (self.factors[split].labels[1], self.factors[split].labels[2]);
        let lonely = |w: &Self, l: Label| w.summed(l) && w.uses(l) == 2;
        let matrix = self
            .factors
            .iter()
            .position(|f| f.labels.len() == 2 && f.labels.contains(&fast) && f.labels.contains(&slow))?;
        let node = self.factors[matrix].node;
        if fast == slow || !lonely(self, fast) || !lonely(self, slow) || !g.is_symmetric(node) {
            return None;
        }
        self.factors[split].labels[0] = self.factors[d].labels[0];
        self.factors[split].exponent = Rational::ONE;
        self.factors.remove(d.max(k));
        self.factors.remove(d.min(k));
        self.kill(half);
        self.kill(square);
        Some(std::mem::take(&mut self.factors))
    }
}
