//! Matrix functions of matrix functions, of directions that commute, and of all eigenvalues at once.

use matgrad_syntax::Rational;

use super::{Factor, Graph, Labels, MapOp, MatrixOp, Node, NodeId, ProductBuilder, ReduceOp};

/// Longer directions are not searched for what commutes.
const MAX_PARTS: usize = 64;

impl Graph {
    /// `logdet(expm(X)) = tr(X)`, `det(chol(X)) = sqrt(det(X))`, `expm(logm(X)) = X` and their like.
    pub(super) fn function_of_function(&mut self, op: MatrixOp, arg: NodeId) -> Option<NodeId> {
        let (inner, x) = match self.node(arg) {
            Node::Matrix(inner @ (MatrixOp::Expm | MatrixOp::Logm | MatrixOp::Sqrtm | MatrixOp::Cholesky), args) => {
                (*inner, args[0])
            }
            _ => return None,
        };
        let half = Rational::new(1, 2);
        match (op, inner) {
            (MatrixOp::Det, MatrixOp::Expm) => {
                let trace = self.trace(x);
                Some(self.map(MapOp::Exp, &[trace]))
            }
            (MatrixOp::LogDet, MatrixOp::Expm) => Some(self.trace(x)),
            (MatrixOp::Det, MatrixOp::Sqrtm | MatrixOp::Cholesky) => {
                let det = self.matrix(MatrixOp::Det, &[x]);
                Some(self.power(det, &half))
            }
            (MatrixOp::LogDet, MatrixOp::Sqrtm | MatrixOp::Cholesky) => {
                let value = self.matrix(MatrixOp::LogDet, &[x]);
                Some(self.scale(value, &half))
            }
            (MatrixOp::Expm, MatrixOp::Logm) => Some(x),
            _ => None,
        }
    }

    /// Along a direction that commutes with X, the derivative of f at X is f'(X) times it, and `L(X', E') = L(X, E)'`
    /// (Higham, *Functions of Matrices*, §3.2).
    pub(super) fn frechet_value(&mut self, op: MatrixOp, x: NodeId, e: NodeId) -> Option<NodeId> {
        if self.is_zero(e) {
            return Some(e);
        }
        if self.rank(e) == 2 && self.commutes(x, e) {
            let f = match op {
                MatrixOp::ExpmFrechet => self.matrix(MatrixOp::Expm, &[x]),
                MatrixOp::LogmFrechet => self.matrix(MatrixOp::Inverse, &[x]),
                _ => {
                    let root = self.matrix(MatrixOp::Sqrtm, &[x]);
                    let inverse = self.matrix(MatrixOp::Inverse, &[root]);
                    self.scale(inverse, &Rational::new(1, 2))
                }
            };
            return Some(self.matmul(e, f));
        }
        let (turned, back) = (self.transpose(x), self.transposed_last(e));
        if turned < x || turned == x && self.rank(e) == 2 && back < e {
            let value = self.intern_matrix(op, &[turned, back]);
            return Some(self.transposed_last(value));
        }
        None
    }

    /// The transpose in the last two axes.
    pub fn transposed_last(&mut self, node: NodeId) -> NodeId {
        let rank = self.rank(node);
        let mut order: Vec<usize> = (0..rank).collect();
        if rank >= 2 {
            order.swap(rank - 2, rank - 1);
        }
        self.permute(node, &order)
    }

    /// Whether `e` is seen to commute with `x`: their products are the same, or `e` is made of functions of `x`.
    fn commutes(&mut self, x: NodeId, e: NodeId) -> bool {
        let same = |g: &mut Self, part: NodeId| g.matmul(x, part) == g.matmul(part, x);
        if same(self, e) {
            return true;
        }
        let turned = self.transpose(x);
        let mut todo = vec![(e, false)];
        let mut count = 0;
        while let Some((part, transposed)) = todo.pop() {
            count += 1;
            let own = if transposed { turned } else { x };
            if part == own || self.is_identity(part) {
                continue;
            }
            if count > MAX_PARTS {
                return false;
            }
            match self.node(part).clone() {
                Node::Sum(terms, _) => todo.extend(terms.iter().map(|(_, n)| (*n, transposed))),
                Node::Matrix(
                    MatrixOp::Inverse | MatrixOp::Adjugate | MatrixOp::Expm | MatrixOp::Logm | MatrixOp::Sqrtm,
                    args,
                ) => todo.push((args[0], transposed)),
                Node::Product(p) => {
                    let Some(chain) = self.square_chain(&p) else { return false };
                    if chain.links.iter().any(|link| self.rank(link.node) != 2) {
                        return false;
                    }
                    todo.extend(chain.links.iter().map(|link| (link.node, transposed != link.transposed)));
                }
                _ => return false,
            }
        }
        true
    }

    /// Whether the node is `X*P` or `P*X` for the pseudo-inverse P of X, which are symmetric.
    pub(super) fn is_projection(&self, node: NodeId) -> bool {
        let Node::Product(p) = self.node(node) else { return false };
        let [a, b] = p.factors.as_slice() else { return false };
        let inverse_of =
            |f: NodeId, x: NodeId| matches!(self.node(f), Node::Matrix(MatrixOp::Pinv, args) if args[0] == x);
        let plain = a.exponent.is_one() && b.exponent.is_one();
        if !plain || !(inverse_of(a.node, b.node) || inverse_of(b.node, a.node)) || p.out.len() != 2 {
            return false;
        }
        // an axis of the result that neither has repeats one number: `P*X*ones(n)*ones(n)'`
        let crossed = |i: usize, j: usize| {
            let ends = [a.labels[1 - i], b.labels[1 - j]];
            a.labels[i] == b.labels[j] && ends[0] != ends[1] && ends.iter().all(|end| p.out.contains(end))
        };
        a.labels.len() == 2 && b.labels.len() == 2 && (crossed(1, 0) || crossed(0, 1))
    }

    /// The singular values of `u*v'`: `norm(u)*norm(v)`, then zeros.
    pub(super) fn singular_values_of_rank_one(&mut self, matrix: NodeId) -> Option<NodeId> {
        let (c, rest) = self.primitive(matrix);
        let Node::Product(p) = self.node(rest).clone() else { return None };
        let [a, b] = *p.out.as_slice() else { return None };
        let mut side: Labels = Labels::from_slice(&[a]);
        let mut grown = true;
        while grown {
            let touched = p.factors.iter().filter(|f| f.labels.iter().any(|l| side.contains(l)));
            let new: Labels = touched.flat_map(|f| f.labels.iter().copied()).filter(|l| !side.contains(l)).collect();
            grown = !new.is_empty();
            side.extend(new);
        }
        if c.is_zero() || side.contains(&b) {
            return None;
        }
        let (left, right): (Vec<Factor>, Vec<Factor>) =
            p.factors.into_iter().partition(|f| f.labels.iter().any(|l| side.contains(l)));
        let mut norms = ProductBuilder::new();
        for (factors, out) in [(left, a), (right, b)] {
            let mut vector = ProductBuilder { coefficient: None, factors, dims: p.dims.clone() };
            vector.forget_unused(&[out]);
            let vector = vector.build(self, &[out]);
            let mut square = ProductBuilder::new();
            let labels = square.labels_of(self, vector);
            square.power(vector, &labels, Rational::int(2));
            let square = square.build(self, &[]);
            let norm = self.power(square, &Rational::new(1, 2));
            norms.factor(norm, &[]);
        }
        norms.scale(&if c.is_negative() { -c } else { c });
        let axes = self.axes(matrix).clone();
        let (one, size) = (self.sizes.constant(1), self.sizes.min(axes[0], axes[1]));
        let first = self.one_hot(one, size);
        let labels = norms.labels_of(self, first);
        norms.factor(first, &labels);
        Some(norms.build(self, &labels))
    }

    /// What a reduction makes of all eigenvalues or singular values, which are in order.
    pub(super) fn reduced_spectrum(&mut self, op: ReduceOp, arg: NodeId) -> Option<NodeId> {
        if self.rank(arg) != 1 {
            return None;
        }
        if let (ReduceOp::Prod, Some(matrix)) = (op, self.matrix_of_pivots(arg)) {
            let det = self.matrix(MatrixOp::Det, &[matrix]);
            return Some(self.power(det, &Rational::new(1, 2)));
        }
        let (values, matrix) = match self.node(arg) {
            Node::Matrix(values @ (MatrixOp::Eigvals | MatrixOp::Singvals), args) => (*values, args[0]),
            _ => return None,
        };
        let (one, size) = (self.sizes.constant(1), self.axes(arg)[0]);
        let at = match (op, values) {
            (ReduceOp::Prod, MatrixOp::Eigvals) => return Some(self.matrix(MatrixOp::Det, &[matrix])),
            (ReduceOp::Max, MatrixOp::Eigvals) | (ReduceOp::Min, MatrixOp::Singvals) => size,
            (ReduceOp::Min, MatrixOp::Eigvals) | (ReduceOp::Max, MatrixOp::Singvals) => one,
            _ => return None,
        };
        let pick = self.one_hot(at, size);
        Some(self.matmul(arg, pick))
    }
}
