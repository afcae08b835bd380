//! Matrix exponential, logarithm and square root: the derivative is the Fréchet derivative, a linear map L(X, ·) whose
//! transpose is L(X', ·).
//!
//! Higham, *Functions of Matrices*, ch. 3. Second derivatives follow from `f([X, E; 0, X]) = [f(X), L(X, E); 0, f(X)]`
//! (§3.2), and for the square root from its Sylvester equation `L*S + S*L = E`.

use matgrad_syntax::Rational;
use rustc_hash::FxHashMap;

use crate::graph::{Dim, Graph, Labels, MatrixOp, NodeId, Part, ProductBuilder};

use super::rules::Rule;
use super::{Options, half_sum};

const HIGHAM: &str = "Higham, Functions of Matrices, ch. 3";
const EXPM: Rule = Rule {
    name: "matrix exponential",
    chinese: "矩阵指数",
    statement: "d expm(X) = expm_frechet(X, dX), its transpose expm_frechet(X', .); expm(X)*dX where X*dX = dX*X",
    source: "Higham, Functions of Matrices, ch. 10",
};
const LOGM: Rule = Rule {
    name: "matrix logarithm",
    chinese: "矩阵对数",
    statement: "d logm(X) = logm_frechet(X, dX), its transpose logm_frechet(X', .); inv(X)*dX where X*dX = dX*X",
    source: "Higham, Functions of Matrices, ch. 11",
};
const SQRTM: Rule = Rule {
    name: "matrix square root",
    chinese: "矩阵平方根",
    statement: "d sqrtm(X) = sqrtm_frechet(X, dX), which solves L*S + S*L = dX where S = sqrtm(X)",
    source: "Higham, Functions of Matrices, ch. 6",
};
const EXPM_FRECHET: Rule = Rule {
    name: "derivative of the matrix exponential",
    chinese: "矩阵指数的导数",
    statement: "d expm_frechet(X, E) = expm_frechet(X, dE) + the upper right block of expm_frechet([X, E; 0, X], [dX, 0; 0, dX])",
    source: HIGHAM,
};
const LOGM_FRECHET: Rule = Rule {
    name: "derivative of the matrix logarithm",
    chinese: "矩阵对数的导数",
    statement: "d logm_frechet(X, E) = logm_frechet(X, dE) + the upper right block of logm_frechet([X, E; 0, X], [dX, 0; 0, dX])",
    source: HIGHAM,
};
const SQRTM_FRECHET: Rule = Rule {
    name: "derivative of the matrix square root",
    chinese: "矩阵平方根的导数",
    statement: "d L = sqrtm_frechet(X, dE - L*dS - dS*L) where L = sqrtm_frechet(X, E), dS = sqrtm_frechet(X, dX)",
    source: HIGHAM,
};

pub(super) fn rule(op: MatrixOp) -> &'static Rule {
    match op {
        MatrixOp::Logm => &LOGM,
        MatrixOp::Sqrtm => &SQRTM,
        MatrixOp::ExpmFrechet => &EXPM_FRECHET,
        MatrixOp::LogmFrechet => &LOGM_FRECHET,
        MatrixOp::SqrtmFrechet => &SQRTM_FRECHET,
        _ => &EXPM,
    }
}

/// A linear map from steps of a matrix (in its last two axes) to steps of a matrix.
pub(super) struct Functional {
    kind: Kind,
    x: NodeId,
    /// How many axes the child has.
    rank: usize,
    /// Whether only symmetric steps exist.
    symmetric: bool,
}

enum Kind {
    /// `dX -> L(x, dX)`.
    Along(MatrixOp),
    /// `dX -> ` the derivative of `L(X, e)` at `x`, for exponential and logarithm.
    Block(MatrixOp, NodeId),
    /// The same for the square root, of which the value `L(x, e)` is given.
    Sylvester(NodeId),
}

pub(super) fn functional(
    g: &mut Graph,
    id: NodeId,
    op: MatrixOp,
    args: &[NodeId],
    slot: usize,
    options: &Options,
    wrt: NodeId,
) -> Functional {
    let x = args[0];
    let kind = match op {
        MatrixOp::Expm => Kind::Along(MatrixOp::ExpmFrechet),
        MatrixOp::Logm => Kind::Along(MatrixOp::LogmFrechet),
        MatrixOp::Sqrtm => Kind::Along(MatrixOp::SqrtmFrechet),
        _ if slot == 1 => Kind::Along(op),
        MatrixOp::SqrtmFrechet => Kind::Sylvester(id),
        _ => Kind::Block(op, args[1]),
    };
    let root = matches!(op, MatrixOp::Sqrtm | MatrixOp::SqrtmFrechet);
    let symmetric = root && slot == 0 && is_symmetric(g, x, options, wrt);
    Functional { kind, x, rank: g.rank(args[slot]), symmetric }
}

/// Whether the argument is symmetric when the variable is what it stands for.
fn is_symmetric(g: &mut Graph, x: NodeId, options: &Options, wrt: NodeId) -> bool {
    let declared = match options.stands_for {
        Some(input) if input != wrt && g.rank(x) == 2 => {
            let map: FxHashMap<NodeId, NodeId> = [(wrt, input)].into_iter().collect();
            g.replace(x, &map)
        }
        _ => x,
    };
    g.is_symmetric(declared)
}

impl Functional {
    /// The step of the function: axes `(child…, extra…)` to `(function…, extra…)`.
    pub(super) fn push(&self, g: &mut Graph, tangent: NodeId) -> NodeId {
        let extra = g.rank(tangent) - self.rank;
        let step = rotate(g, tangent, self.rank);
        let step = self.symmetric_part(g, step);
        let value = match self.kind {
            Kind::Along(op) => g.matrix(op, &[self.x, step]),
            Kind::Block(op, e) => {
                let m = self.block_matrix(g, e);
                let step = widen(g, step, e, extra, self.rank);
                let zero = zeros_like(g, step);
                let direction = blocks(g, [step, zero, zero, step]);
                let value = g.matrix(op, &[m, direction]);
                block(g, value, self.size(g), 0, 1)
            }
            Kind::Sylvester(value) => {
                let root = g.matrix(MatrixOp::SqrtmFrechet, &[self.x, step]);
                let steps = [true, false].map(|value_first| {
                    let mut p = ProductBuilder::new();
                    let whole = p.labels_of(g, value);
                    let more: Labels = g.axes(root).clone()[..extra].iter().map(|d| p.label(*d)).collect();
                    let (lead, own) = whole.split_at(whole.len() - self.rank);
                    let (batch, ends) = own.split_at(self.rank - 2);
                    let inner = p.label(self.size(g));
                    let (left, right) = ([ends[0], inner], [inner, ends[1]]);
                    let (own, its) = if value_first { (left, right) } else { (right, left) };
                    p.factor(value, &[lead, batch, &own].concat());
                    p.factor(root, &[&more, batch, &its].concat());
                    p.build(g, &[&more, lead, batch, ends].concat())
                });
                let dims = g.axes(steps[0]).clone();
                let minus = Rational::int(-1);
                let total = g.sum(&[(minus.clone(), steps[0]), (minus, steps[1])], &dims);
                g.matrix(MatrixOp::SqrtmFrechet, &[self.x, total])
            }
        };
        rotate(g, value, extra)
    }

    /// The adjoint of the child: axes `(lead…, function…)` to `(lead…, child…)`.
    pub(super) fn pull(&self, g: &mut Graph, adjoint: NodeId) -> NodeId {
        // a symmetric matrix is its transpose
        let x = if self.symmetric { self.x } else { g.transposed_last(self.x) };
        match self.kind {
            // for symmetric x, L of the symmetric part is the symmetric part of L
            Kind::Along(op) => {
                let adjoint = self.symmetric_part(g, adjoint);
                g.matrix(op, &[x, adjoint])
            }
            Kind::Block(op, e) => {
                // L of the transpose is the transpose of L
                let m = self.block_matrix(g, e);
                let zero = zeros_like(g, adjoint);
                let adjoint = g.transposed_last(adjoint);
                let direction = blocks(g, [zero, zero, adjoint, zero]);
                let value = g.matrix(op, &[m, direction]);
                let size = self.size(g);
                let (first, second) = (block(g, value, size, 0, 0), block(g, value, size, 1, 1));
                let sum = g.add(first, second);
                let sum = g.transposed_last(sum);
                self.sum_batch_of(g, sum, e)
            }
            Kind::Sylvester(value) => {
                let v = g.matrix(MatrixOp::SqrtmFrechet, &[x, adjoint]);
                let mut p = ProductBuilder::new();
                let all = p.labels_of(g, v);
                let inner = p.label(self.size(g));
                let count = all.len() - g.rank(value);
                let (front, own) = all.split_at(count);
                let (batch, ends) = own.split_at(own.len() - 2);
                let kept = &batch[batch.len() + 2 - self.rank..];
                let out = [front, kept, ends].concat();
                let mut q = p.clone();
                p.factor(value, &[batch, &[inner, ends[0]]].concat());
                p.factor(v, &[front, batch, &[inner, ends[1]]].concat());
                q.factor(v, &[front, batch, &[ends[0], inner]].concat());
                q.factor(value, &[batch, &[ends[1], inner]].concat());
                let (left, right) = (p.build(g, &out), q.build(g, &out));
                let dims = g.axes(left).clone();
                let minus = Rational::int(-1);
                let total = g.sum(&[(minus.clone(), left), (minus, right)], &dims);
                let total = self.symmetric_part(g, total);
                g.matrix(MatrixOp::SqrtmFrechet, &[x, total])
            }
        }
    }

    fn size(&self, g: &Graph) -> Dim {
        g.axes(self.x)[self.rank - 1]
    }

    fn symmetric_part(&self, g: &mut Graph, node: NodeId) -> NodeId {
        if self.symmetric { half_sum(g, node, g.rank(node) - 2, 1) } else { node }
    }

    /// `[x, e; 0, x]`, with the batch of `e`.
    fn block_matrix(&self, g: &mut Graph, e: NodeId) -> NodeId {
        let x = widen(g, self.x, e, 0, self.rank);
        let zero = zeros_like(g, x);
        blocks(g, [x, e, zero, x])
    }

    /// Sums over the axes that `like` has before those of the child.
    fn sum_batch_of(&self, g: &mut Graph, node: NodeId, like: NodeId) -> NodeId {
        let (rank, batch) = (g.rank(node), g.rank(like) - self.rank);
        let front = rank - g.rank(like);
        let axes: Vec<u8> = (front..front + batch).map(|k| k as u8).collect();
        if axes.is_empty() { node } else { g.sum_axes(node, &axes) }
    }
}

/// `(front…, own…)` repeated along the axes that `like` has before its own: `(front…, lead…, own…)`.
fn widen(g: &mut Graph, node: NodeId, like: NodeId, front: usize, own: usize) -> NodeId {
    let lead = g.rank(like) - own;
    if lead == 0 {
        return node;
    }
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    p.factor(node, &labels);
    let more: Labels = g.axes(like).clone()[..lead].iter().map(|d| p.label(*d)).collect();
    p.build(g, &[&labels[..front], &more, &labels[front..]].concat())
}

fn zeros_like(g: &mut Graph, node: NodeId) -> NodeId {
    let dims = g.axes(node).clone();
    g.zeros(&dims)
}

/// `[a, b; c, d]` in the last two axes.
fn blocks(g: &mut Graph, [a, b, c, d]: [NodeId; 4]) -> NodeId {
    let rank = g.rank(a);
    let extent = Some(g.axes(a)[rank - 1]);
    let part = |node| Part { node, extent };
    let (top, bottom) =
        (g.stack(rank as u8 - 1, vec![part(a), part(b)]), g.stack(rank as u8 - 1, vec![part(c), part(d)]));
    g.stack(rank as u8 - 2, vec![part(top), part(bottom)])
}

/// The block in that row and column of two by two.
fn block(g: &mut Graph, node: NodeId, size: Dim, row: i64, column: i64) -> NodeId {
    let double = g.sizes.scale(size, &Rational::int(2));
    let mut p = ProductBuilder::new();
    let labels = p.labels_of(g, node);
    let mut out = labels.clone();
    p.factor(node, &labels);
    for (axis, at) in [(labels.len() - 2, row), (labels.len() - 1, column)] {
        let offset = g.sizes.scale(size, &Rational::int(at));
        let shift = g.shift(offset, size, double);
        out[axis] = p.label(size);
        p.factor(shift, &[out[axis], labels[axis]]);
    }
    p.build(g, &out)
}

/// The first `count` axes to the end.
fn rotate(g: &mut Graph, node: NodeId, count: usize) -> NodeId {
    let rank = g.rank(node);
    let order: Vec<usize> = (count..rank).chain(0..count.min(rank)).collect();
    g.permute(node, &order)
}
