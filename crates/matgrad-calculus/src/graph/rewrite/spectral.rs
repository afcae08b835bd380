//! Products of eigenvectors and singular vectors, and pairs of matrix functions that combine.

use matgrad_syntax::Rational;
use smallvec::SmallVec;

use crate::graph::product::Work;
use crate::graph::{Factor, Graph, Label, Labels, MapOp, MatrixOp, Node, NodeId};

/// Higher powers of eigenvalues are kept as they are.
const MAX_POWER: i64 = 8;

/// A matrix with two labels.
type Link = (NodeId, [Label; 2]);

impl Work {
    /// Columns of eigenvectors and singular vectors are orthonormal, and `V·f(Λ)·V'` is a function of the matrix.
    pub(super) fn join_vectors(
        &mut self,
        g: &mut Graph,
        k: usize,
        op: MatrixOp,
        matrix: NodeId,
    ) -> Option<Vec<Factor>> {
        let Factor { node, labels, exponent } = self.factors[k].clone();
        if g.rank(matrix) != 2 || !exponent.is_one() || labels[0] == labels[1] {
            return None;
        }
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.node == node && f.exponent.is_one() && f.labels[0] == labels[0] && self.bond(labels[0]) {
                let (a, b) = (labels[1], f.labels[1]);
                return Some(self.join(k, j, labels[0], a, b));
            }
        }
        self.function_of_vectors(g, k, op, matrix)
    }

    fn function_of_vectors(&mut self, g: &mut Graph, k: usize, op: MatrixOp, matrix: NodeId) -> Option<Vec<Factor>> {
        let column = self.factors[k].labels[1];
        if !self.summed(column) {
            return None;
        }
        let (mut vectors, mut values) = (Vec::new(), Vec::new());
        for (j, f) in self.factors.iter().enumerate().filter(|(_, f)| f.labels.contains(&column)) {
            match g.node(f.node) {
                Node::Matrix(MatrixOp::Eigvecs | MatrixOp::SvdU | MatrixOp::SvdV, args)
                    if args[0] == matrix && f.exponent.is_one() && f.labels[1] == column && f.labels[0] != column =>
                {
                    vectors.push(j);
                }
                _ if f.labels.len() == 1 => values.push(j),
                _ => return None,
            }
        }
        let &[first, second] = vectors.as_slice() else { return None };
        let side = |w: &Self, j: usize| matches!(g.node(w.factors[j].node), Node::Matrix(MatrixOp::SvdV, _));
        let ends = [self.factors[first].labels[0], self.factors[second].labels[0]];
        let links = match (op, values.as_slice()) {
            (MatrixOp::Eigvecs, []) => {
                self.factors.retain(|f| !f.labels.contains(&column));
                self.kill(column);
                self.unify(ends[0], ends[1], &mut []);
                return Some(std::mem::take(&mut self.factors));
            }
            (MatrixOp::Eigvecs, &[value]) => {
                let node = function_of_eigenvalues(g, &self.factors[value], matrix)?;
                vec![(node, ends)]
            }
            (_, &[value]) => {
                let (right_first, right_second) = (side(self, first), side(self, second));
                let Factor { node, exponent, .. } = self.factors[value].clone();
                let power = exponent.to_i64().filter(|p| p.abs() <= MAX_POWER)?;
                if !matches!(g.node(node), Node::Matrix(MatrixOp::Singvals, args) if args[0] == matrix) {
                    return None;
                }
                let node = power_of_singular(g, matrix, power, right_first, right_second)?;
                vec![(node, ends)]
            }
            _ => return None,
        };
        Some(self.replace_at(column, links))
    }

    /// Puts links in place of all factors that carry `label`.
    fn replace_at(&mut self, label: Label, links: Vec<Link>) -> Vec<Factor> {
        self.factors.retain(|f| !f.labels.contains(&label));
        self.kill(label);
        for (node, ends) in links {
            self.factors.push(Factor { node, labels: Labels::from_slice(&ends), exponent: Rational::ONE });
        }
        std::mem::take(&mut self.factors)
    }

    /// `expm(a*X)*expm(b*X) = expm((a+b)*X)`, `sqrtm(X)^2 = X`, `L*L' = X` for the Cholesky factor, and their inverses.
    pub(super) fn join_functions(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let mine = self.factors[k].labels.clone();
        if mine.len() != 2 || g.rank(self.factors[k].node) != 2 || !self.factors[k].exponent.is_one() {
            return None;
        }
        let first = Kin::of(g, self.factors[k].node)?;
        for j in k + 1..self.factors.len() {
            let f = &self.factors[j];
            if f.labels.len() != 2 || !f.exponent.is_one() || Kin::of(g, f.node).is_none_or(|kin| kin.op != first.op) {
                continue;
            }
            let (theirs, node) = (f.labels.clone(), f.node);
            for (a, b) in [(1, 0), (0, 1), (0, 0), (1, 1)] {
                if mine[a] != theirs[b] || !self.bond(mine[a]) {
                    continue;
                }
                let Some(value) = first.times(g, node, a, b) else { continue };
                let (x, y) = (mine[1 - a], theirs[1 - b]);
                // the value is oriented as the first factor stands
                let ends = if a == 1 { [x, y] } else { [y, x] };
                self.factors.swap_remove(j);
                self.factors.swap_remove(k);
                self.kill(mine[a]);
                self.factors.push(Factor { node: value, labels: SmallVec::from_slice(&ends), exponent: Rational::ONE });
                return Some(std::mem::take(&mut self.factors));
            }
        }
        None
    }

    /// `P*X*P = P` and `X*P*X = X` for the pseudo-inverse P, and `P*X*pinv(X'*X) = pinv(X'*X)` (Penrose).
    pub(super) fn penrose(&mut self, g: &mut Graph, k: usize, x: NodeId) -> Option<Vec<Factor>> {
        let inverse = self.factors[k].labels.clone();
        let node = self.factors[k].node;
        for j in 0..self.factors.len() {
            let f = &self.factors[j];
            if j == k || f.node != x || f.labels.len() != 2 || !f.exponent.is_one() {
                continue;
            }
            let theirs = f.labels.clone();
            // P*X has free ends P[0] and X[1], X*P has X[0] and P[1]; both are symmetric projections
            for (p_axis, x_axis) in [(1, 0), (0, 1)] {
                let bond = inverse[p_axis];
                if bond != theirs[x_axis] || !self.bond(bond) {
                    continue;
                }
                let ends = [inverse[1 - p_axis], theirs[1 - x_axis]];
                let turned = g.transpose(x);
                let gram = if p_axis == 1 { g.matmul(turned, x) } else { g.matmul(x, turned) };
                for (end, other) in [(ends[0], ends[1]), (ends[1], ends[0])] {
                    if end == other || !self.bond(end) {
                        continue;
                    }
                    let kept = (0..self.factors.len()).any(|l| {
                        let f = &self.factors[l];
                        if l == j || l == k || f.labels.len() != 2 || !f.exponent.is_one() {
                            return false;
                        }
                        let at = f.labels.iter().position(|l| *l == end);
                        let own = at == Some(1 - p_axis) && f.node == node || at == Some(1 - x_axis) && f.node == x;
                        own || at.is_some()
                            && matches!(g.node(f.node), Node::Matrix(MatrixOp::Pinv, args) if args[0] == gram)
                    });
                    if kept {
                        return Some(self.join(k, j, bond, ends[0], ends[1]));
                    }
                }
            }
        }
        None
    }

    /// Sums over all eigenvalues or singular values that are traces or determinants.
    pub(super) fn spectral_sum(&mut self, g: &mut Graph, k: usize) -> Option<Vec<Factor>> {
        let Factor { node, labels, exponent } = self.factors[k].clone();
        let &[label] = labels.as_slice() else { return None };
        if !self.summed(label) || self.uses(label) != 1 {
            return None;
        }
        let value = match g.node(node).clone() {
            Node::Matrix(MatrixOp::Singvals, args) if g.rank(args[0]) == 2 => {
                let power = exponent.to_i64().filter(|p| (2..=MAX_POWER).contains(p) && p % 2 == 0)?;
                let node = power_of_singular(g, args[0], power, true, true)?;
                g.trace(node)
            }
            Node::Matrix(MatrixOp::Eigvals, args) if g.rank(args[0]) == 2 => {
                let node = function_of_eigenvalues(g, &self.factors[k], args[0])?;
                g.trace(node)
            }
            Node::Map(MapOp::Exp, args) => {
                let Node::Matrix(MatrixOp::Eigvals, inner) = g.node(args[0]) else { return None };
                let matrix = inner[0];
                if g.rank(matrix) != 2 {
                    return None;
                }
                let node = function_of_eigenvalues(g, &self.factors[k], matrix)?;
                g.trace(node)
            }
            Node::Map(MapOp::Log, args) if exponent.is_one() => {
                let (matrix, by) = match g.node(args[0]) {
                    Node::Matrix(MatrixOp::Eigvals, inner) => (inner[0], Rational::ONE),
                    _ => (g.matrix_of_pivots(args[0])?, Rational::new(1, 2)),
                };
                if g.rank(matrix) != 2 {
                    return None;
                }
                self.coefficient = &self.coefficient * &by;
                g.matrix(MatrixOp::LogDet, &[matrix])
            }
            _ => return None,
        };
        self.replace_scalar(k, label, value)
    }
}

/// `V·f(Λ)·V'` where the factor holds `f` of the eigenvalues of `matrix`.
fn function_of_eigenvalues(g: &mut Graph, value: &Factor, matrix: NodeId) -> Option<NodeId> {
    let of =
        |g: &Graph, node: NodeId| matches!(g.node(node), Node::Matrix(MatrixOp::Eigvals, args) if args[0] == matrix);
    match g.node(value.node).clone() {
        Node::Matrix(..) if of(g, value.node) => {
            let doubled = &value.exponent * &Rational::int(2);
            if doubled.abs().is_one() {
                let root = g.matrix(MatrixOp::Sqrtm, &[matrix]);
                return Some(if doubled.is_negative() { g.matrix(MatrixOp::Inverse, &[root]) } else { root });
            }
            let power = value.exponent.to_i64().filter(|p| *p != 0 && p.abs() <= MAX_POWER)?;
            let base = if power < 0 { g.matrix(MatrixOp::Inverse, &[matrix]) } else { matrix };
            Some((1..power.abs()).fold(base, |p, _| g.matmul(p, base)))
        }
        Node::Map(MapOp::Exp, args) if of(g, args[0]) => {
            let scaled = g.scale(matrix, &value.exponent);
            Some(g.matrix(MatrixOp::Expm, &[scaled]))
        }
        Node::Map(MapOp::Log, args) if of(g, args[0]) && value.exponent.is_one() => {
            Some(g.matrix(MatrixOp::Logm, &[matrix]))
        }
        _ => None,
    }
}

/// `A·S^power·B'` where A and B hold the left (or right) singular vectors of X.
fn power_of_singular(g: &mut Graph, x: NodeId, power: i64, right_first: bool, right_second: bool) -> Option<NodeId> {
    // even powers belong between vectors of the same side
    if (power % 2 == 0) != (right_first == right_second) || power == 0 {
        return None;
    }
    let turned = g.transpose(x);
    let (one, other) = if right_first { (turned, x) } else { (x, turned) };
    if power < 0 {
        let gram = g.matmul(other, one);
        return match power {
            -1 => Some(g.matrix(MatrixOp::Pinv, &[other])),
            -2 => {
                let outer = g.matmul(one, other);
                Some(g.matrix(MatrixOp::Pinv, &[outer]))
            }
            -3 => {
                let (inner, outer) = (g.matrix(MatrixOp::Pinv, &[gram]), g.matrix(MatrixOp::Pinv, &[other]));
                Some(g.matmul(outer, inner))
            }
            _ => None,
        };
    }
    Some((1..power).fold(one, |p, k| g.matmul(p, if k % 2 == 1 { other } else { one })))
}

/// A matrix function that combines with another of its kind.
struct Kin {
    op: MatrixOp,
    /// Whether it is the inverse of the function.
    inverse: bool,
    arg: NodeId,
}

impl Kin {
    fn of(g: &Graph, node: NodeId) -> Option<Self> {
        let (op, arg) = match g.node(node) {
            Node::Matrix(op, args) => (*op, *args.first()?),
            _ => return None,
        };
        if op == MatrixOp::Inverse {
            let Node::Matrix(op @ (MatrixOp::Sqrtm | MatrixOp::Cholesky), args) = g.node(arg) else { return None };
            return Some(Self { op: *op, inverse: true, arg: *args.first()? });
        }
        matches!(op, MatrixOp::Expm | MatrixOp::Sqrtm | MatrixOp::Cholesky).then_some(Self { op, inverse: false, arg })
    }

    /// The product with another of the kind, contracted over these axes, oriented as this one stands.
    fn times(&self, g: &mut Graph, node: NodeId, mine: usize, theirs: usize) -> Option<NodeId> {
        let other = Self::of(g, node)?;
        match self.op {
            MatrixOp::Expm => {
                let ((a, x), (b, y)) = (g.primitive(self.arg), g.primitive(other.arg));
                let straight = mine != theirs && x == y;
                if !straight {
                    let turned = g.transpose(y);
                    if turned != x || mine != theirs {
                        return None;
                    }
                }
                let sum = g.scale(x, &(&a + &b));
                Some(g.matrix(MatrixOp::Expm, &[sum]))
            }
            _ if self.arg != other.arg || self.inverse != other.inverse => None,
            MatrixOp::Sqrtm if mine != theirs || g.is_symmetric(self.arg) => {
                Some(if self.inverse { g.matrix(MatrixOp::Inverse, &[self.arg]) } else { self.arg })
            }
            MatrixOp::Cholesky if mine == theirs && mine == usize::from(!self.inverse) => {
                Some(if self.inverse { g.matrix(MatrixOp::Inverse, &[self.arg]) } else { self.arg })
            }
            _ => None,
        }
    }
}

impl Graph {
    /// The matrix X where the node is the diagonal of `chol(X)`.
    pub(in crate::graph) fn matrix_of_pivots(&self, node: NodeId) -> Option<NodeId> {
        let Node::Product(p) = self.node(node) else { return None };
        let ([f], [out]) = (p.factors.as_slice(), p.out.as_slice()) else { return None };
        let Node::Matrix(MatrixOp::Cholesky, args) = self.node(f.node) else { return None };
        (f.exponent.is_one() && f.labels.iter().all(|l| l == out)).then(|| args[0])
    }
}
