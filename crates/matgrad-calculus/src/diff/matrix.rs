//! Functions of a matrix whose derivative is a product: inverse, determinant, pseudo-inverse, Cholesky factor.
//!
//! Giles, *Collected Matrix Derivative Results for Forward and Reverse Mode AD* (2008); Magnus & Neudecker, *Matrix
//! Differential Calculus*, ch. 8.

use matgrad_syntax::Rational;

use crate::graph::{Dim, Factor, Graph, Label, Labels, MapOp, MatrixOp, NodeId, ProductBuilder};

use super::linear::{Linear, Term};
use super::rules::Rule;
use super::{Options, frechet, spectral};

const GILES: &str = "Giles, Collected Matrix Derivative Results (2008), §2";
const INVERSE: Rule = Rule {
    name: "inverse",
    chinese: "逆矩阵",
    statement: "d inv(X) = -inv(X)*dX*inv(X)",
    source: "Magnus & Neudecker, ch. 8, §4",
};
const DET: Rule = Rule {
    name: "determinant",
    chinese: "行列式",
    statement: "d det(X) = det(X)*tr(inv(X)*dX)",
    source: "Magnus & Neudecker, ch. 8, §3",
};
const LOGDET: Rule = Rule {
    name: "log-determinant",
    chinese: "对数行列式",
    statement: "d logdet(X) = tr(inv(X)*dX)",
    source: "Magnus & Neudecker, ch. 8, §3",
};
const ADJUGATE: Rule = Rule {
    name: "adjugate",
    chinese: "伴随矩阵",
    statement: "d adj(X) = d (det(X)*inv(X)) = adj(X)*tr(inv(X)*dX) - adj(X)*dX*inv(X)",
    source: "Magnus & Neudecker, ch. 8, §6",
};
const PINV: Rule = Rule {
    name: "pseudo-inverse",
    chinese: "伪逆",
    statement: "d P = -P*dX*P + P*P'*dX'*(I - X*P) + (I - P*X)*dX'*P'*P where P = pinv(X)",
    source: "Golub & Pereyra, The Differentiation of Pseudo-Inverses (1973)",
};
const CHOLESKY: Rule = Rule {
    name: "Cholesky factor",
    chinese: "Cholesky 因子",
    statement: "d L = L*Phi(inv(L)*dX*inv(L)') where L = chol(X), Phi takes the lower triangle with half the diagonal",
    source: "Giles (2008), §2; Murray, Differentiation of the Cholesky decomposition (2016)",
};
const SPECTRAL: Rule = Rule {
    name: "spectral norm",
    chinese: "谱范数",
    statement: "d normspec(X) = u'*dX*v for the first singular vectors u, v",
    source: GILES,
};
const NUCLEAR: Rule = Rule {
    name: "nuclear norm",
    chinese: "核范数",
    statement: "d normnuc(X) = tr((U*V')'*dX) where X = U*S*V'",
    source: GILES,
};

pub(super) fn rule(op: MatrixOp) -> &'static Rule {
    match op {
        MatrixOp::Inverse => &INVERSE,
        MatrixOp::Det => &DET,
        MatrixOp::LogDet => &LOGDET,
        MatrixOp::Adjugate => &ADJUGATE,
        MatrixOp::Pinv => &PINV,
        MatrixOp::Cholesky => &CHOLESKY,
        MatrixOp::NormSpec => &SPECTRAL,
        MatrixOp::NormNuc => &NUCLEAR,
        MatrixOp::Eigvals | MatrixOp::Eigvecs | MatrixOp::Singvals | MatrixOp::SvdU | MatrixOp::SvdV => {
            spectral::rule(op)
        }
        MatrixOp::Expm
        | MatrixOp::Logm
        | MatrixOp::Sqrtm
        | MatrixOp::ExpmFrechet
        | MatrixOp::LogmFrechet
        | MatrixOp::SqrtmFrechet => frechet::rule(op),
    }
}

pub(super) fn partial(
    g: &mut Graph,
    id: NodeId,
    op: MatrixOp,
    args: &[NodeId],
    slot: usize,
    options: &Options,
    wrt: NodeId,
) -> Linear {
    let x = args[0];
    let mut frame = Frame::new(g, x);
    let terms = match op {
        MatrixOp::Inverse => inverse(id, &mut frame),
        MatrixOp::Det => {
            let inverse = g.matrix(MatrixOp::Inverse, &[x]);
            let (p, q) = (frame.row, frame.column);
            vec![frame.term(Rational::ONE, &[(id, &[]), (inverse, &[q, p])], &[])]
        }
        MatrixOp::LogDet => {
            let inverse = g.matrix(MatrixOp::Inverse, &[x]);
            let (p, q) = (frame.row, frame.column);
            vec![frame.term(Rational::ONE, &[(inverse, &[q, p])], &[])]
        }
        MatrixOp::Adjugate => adjugate(g, id, x, &mut frame),
        MatrixOp::Pinv => pseudo_inverse(g, id, x, &mut frame),
        MatrixOp::Cholesky => cholesky(g, id, &mut frame),
        MatrixOp::Expm
        | MatrixOp::Logm
        | MatrixOp::Sqrtm
        | MatrixOp::ExpmFrechet
        | MatrixOp::LogmFrechet
        | MatrixOp::SqrtmFrechet => {
            return Linear::Functional(frechet::functional(g, id, op, args, slot, options, wrt));
        }
        _ => spectral::terms(g, id, op, x, &mut frame),
    };
    Linear::Terms(terms)
}

/// Labels for rules about a matrix, under the labels of a batch that all nodes carry first.
pub(super) struct Frame {
    batch: Labels,
    dims: Vec<Dim>,
    /// First axis of the argument.
    pub row: Label,
    /// Second axis of the argument.
    pub column: Label,
}

impl Frame {
    fn new(g: &Graph, arg: NodeId) -> Self {
        let dims = g.axes(arg).to_vec();
        let count = dims.len().saturating_sub(2) as Label;
        Self { batch: (0..count).collect(), dims, row: count, column: count + 1 }
    }

    /// A fresh label.
    pub fn label(&mut self, dim: Dim) -> Label {
        self.dims.push(dim);
        self.dims.len() as Label - 1
    }

    /// The dimension of a label.
    pub fn dim(&self, label: Label) -> Dim {
        self.dims[label as usize]
    }

    fn labels(&self, own: &[Label]) -> Labels {
        self.batch.iter().chain(own).copied().collect()
    }

    /// The term `coefficient·Π factors` with the batch and `out` as axes of the function.
    pub fn term(&self, coefficient: Rational, factors: &[(NodeId, &[Label])], out: &[Label]) -> Term {
        let powers: Vec<(NodeId, &[Label], i64)> = factors.iter().map(|(n, l)| (*n, *l, 1)).collect();
        self.powers(coefficient, &powers, out)
    }

    /// A term with whole powers of the factors' entries.
    pub fn powers(&self, coefficient: Rational, factors: &[(NodeId, &[Label], i64)], out: &[Label]) -> Term {
        let factors = factors.iter().map(|(node, own, exponent)| Factor {
            node: *node,
            labels: self.labels(own),
            exponent: Rational::int(*exponent),
        });
        let child = self.labels(&[self.row, self.column]);
        Term::new(coefficient, factors.collect(), &self.dims, self.labels(out), child)
    }

    /// A node with the batch and `out` as axes.
    pub fn node(&self, g: &mut Graph, factors: &[(NodeId, &[Label])], out: &[Label]) -> NodeId {
        let mut p =
            ProductBuilder { coefficient: None, factors: Vec::new(), dims: self.dims.iter().copied().collect() };
        let out = self.labels(out);
        for (node, own) in factors {
            p.factor(*node, &self.labels(own));
        }
        for label in 0..self.dims.len() as Label {
            if !out.contains(&label) && !p.factors.iter().any(|f| f.labels.contains(&label)) {
                p.dims[label as usize] = Dim(u32::MAX);
            }
        }
        p.build(g, &out)
    }

    /// A constant matrix without batch axes, repeated along the batch.
    pub fn repeat(&self, g: &mut Graph, node: NodeId, labels: &[Label]) -> NodeId {
        let mut p =
            ProductBuilder { coefficient: None, factors: Vec::new(), dims: self.dims.iter().copied().collect() };
        let out = self.labels(labels);
        p.factor(node, labels);
        for label in 0..self.dims.len() as Label {
            if !out.contains(&label) {
                p.dims[label as usize] = Dim(u32::MAX);
            }
        }
        p.build(g, &out)
    }
}

fn inverse(id: NodeId, frame: &mut Frame) -> Vec<Term> {
    let (p, q) = (frame.row, frame.column);
    let (i, j) = (frame.label(frame.dim(p)), frame.label(frame.dim(q)));
    vec![frame.term(Rational::int(-1), &[(id, &[i, p]), (id, &[q, j])], &[i, j])]
}

fn adjugate(g: &mut Graph, id: NodeId, x: NodeId, frame: &mut Frame) -> Vec<Term> {
    let inverse = g.matrix(MatrixOp::Inverse, &[x]);
    let (p, q) = (frame.row, frame.column);
    let (i, j) = (frame.label(frame.dim(p)), frame.label(frame.dim(q)));
    vec![
        frame.term(Rational::ONE, &[(id, &[i, j]), (inverse, &[q, p])], &[i, j]),
        frame.term(Rational::int(-1), &[(id, &[i, p]), (inverse, &[q, j])], &[i, j]),
    ]
}

fn pseudo_inverse(g: &mut Graph, id: NodeId, x: NodeId, frame: &mut Frame) -> Vec<Term> {
    let (p, q) = (frame.row, frame.column);
    let (m, n) = (frame.dim(p), frame.dim(q));
    let (i, j, s, t) = (frame.label(n), frame.label(m), frame.label(m), frame.label(n));
    // I - X*P and I - P*X
    let ones = (frame.node(g, &[], &[p, p]), frame.node(g, &[], &[q, q]));
    let left = frame.node(g, &[(x, &[p, t]), (id, &[t, j])], &[p, j]);
    let left = g.subtract(ones.0, left);
    let right = frame.node(g, &[(id, &[i, s]), (x, &[s, q])], &[i, q]);
    let right = g.subtract(ones.1, right);
    vec![
        frame.term(Rational::int(-1), &[(id, &[i, p]), (id, &[q, j])], &[i, j]),
        frame.term(Rational::ONE, &[(id, &[i, s]), (id, &[q, s]), (left, &[p, j])], &[i, j]),
        frame.term(Rational::ONE, &[(right, &[i, q]), (id, &[t, p]), (id, &[t, j])], &[i, j]),
    ]
}

/// `dL_ib = L_ia Φ_ab inv(L)_ap inv(L)_bq dX_pq`, symmetrised in p and q, since X is symmetric.
fn cholesky(g: &mut Graph, id: NodeId, frame: &mut Frame) -> Vec<Term> {
    let (p, q) = (frame.row, frame.column);
    let n = frame.dim(p);
    let (i, a, b) = (frame.label(n), frame.label(n), frame.label(n));
    let inverse = g.matrix(MatrixOp::Inverse, &[id]);
    let (mask, identity) = (g.lower_mask(n, n), g.identity(n));
    let phi = g.sum(&[(Rational::ONE, mask), (Rational::new(-1, 2), identity)], &[n, n]);
    let phi = frame.repeat(g, phi, &[a, b]);
    [(p, q), (q, p)]
        .into_iter()
        .map(|(p, q)| {
            let factors: &[(NodeId, &[Label])] =
                &[(id, &[i, a]), (phi, &[a, b]), (inverse, &[a, p]), (inverse, &[b, q])];
            frame.term(Rational::new(1, 2), factors, &[i, b])
        })
        .collect()
}

impl Graph {
    /// `rows × cols`, 1 on and below the diagonal.
    pub fn lower_mask(&mut self, rows: Dim, cols: Dim) -> NodeId {
        let (row, column) = (self.iota(rows), self.iota(cols));
        let wide = |g: &mut Graph, node: NodeId, axis: usize| {
            let mut p = ProductBuilder::new();
            let out = [p.label(rows), p.label(cols)];
            p.factor(node, &out[axis..=axis]);
            p.build(g, &out)
        };
        let (row, column) = (wide(self, row, 0), wide(self, column, 1));
        self.map(MapOp::LessEq, &[column, row])
    }
}
