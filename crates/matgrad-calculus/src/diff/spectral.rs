//! Eigenvalues and singular values with their vectors.
//!
//! Magnus & Neudecker, ch. 9; Giles (2008), §3; Townsend, *Differentiating the Singular Value Decomposition* (2016).

use matgrad_syntax::Rational;

use crate::graph::{Graph, Label, MatrixOp, NodeId};

use super::linear::Term;
use super::matrix::Frame;
use super::rules::Rule;

const EIGVALS: Rule = Rule {
    name: "eigenvalues",
    chinese: "特征值",
    statement: "d eigvals(A) = diag(V'*dA*V) where V = eigvecs(A), A symmetric",
    source: "Magnus & Neudecker, ch. 9, §8",
};
const EIGVECS: Rule = Rule {
    name: "eigenvectors",
    chinese: "特征向量",
    statement: "d V = V*(F.*(V'*dA*V)) where V = eigvecs(A), F[i,j] = 1/(lambda[j] - lambda[i]) off the diagonal, A symmetric",
    source: "Magnus & Neudecker, ch. 9, §8; Giles (2008), §3.1",
};
const SINGVALS: Rule = Rule {
    name: "singular values",
    chinese: "奇异值",
    statement: "d singvals(X) = diag(U'*dX*V) where X = U*diag(s)*V'",
    source: "Giles (2008), §3.2",
};
const SVDU: Rule = Rule {
    name: "left singular vectors",
    chinese: "左奇异向量",
    statement: "d U = U*(F.*(U'*dX*V*S + S*V'*dX'*U)) + (I - U*U')*dX*V*inv(S), F[i,j] = 1/(s[j]^2 - s[i]^2) off the diagonal",
    source: "Townsend, Differentiating the Singular Value Decomposition (2016)",
};
const SVDV: Rule = Rule {
    name: "right singular vectors",
    chinese: "右奇异向量",
    statement: "d V = V*(F.*(S*U'*dX*V + V'*dX'*U*S)) + (I - V*V')*dX'*U*inv(S), F[i,j] = 1/(s[j]^2 - s[i]^2) off the diagonal",
    source: "Townsend, Differentiating the Singular Value Decomposition (2016)",
};

pub(super) fn rule(op: MatrixOp) -> &'static Rule {
    match op {
        MatrixOp::Eigvecs => &EIGVECS,
        MatrixOp::Singvals => &SINGVALS,
        MatrixOp::SvdU => &SVDU,
        MatrixOp::SvdV => &SVDV,
        _ => &EIGVALS,
    }
}

pub(super) fn terms(g: &mut Graph, id: NodeId, op: MatrixOp, x: NodeId, frame: &mut Frame) -> Vec<Term> {
    match op {
        MatrixOp::Eigvals => {
            let v = g.matrix(MatrixOp::Eigvecs, &[x]);
            let (p, q) = (frame.row, frame.column);
            let k = frame.label(frame.dim(p));
            vec![frame.term(Rational::ONE, &[(v, &[p, k]), (v, &[q, k])], &[k])]
        }
        MatrixOp::Eigvecs => eigenvectors(g, id, x, frame),
        _ => singular(g, id, op, x, frame),
    }
}

/// `dV_ic = V_ia F_ac V_pa V_qc dX_pq`, symmetrised in p and q, since X is symmetric.
fn eigenvectors(g: &mut Graph, v: NodeId, x: NodeId, frame: &mut Frame) -> Vec<Term> {
    let values = g.matrix(MatrixOp::Eigvals, &[x]);
    let (p, q) = (frame.row, frame.column);
    let n = frame.dim(p);
    let (i, a, c) = (frame.label(n), frame.label(n), frame.label(n));
    let f = quotients(g, values, a, c, frame);
    [(p, q), (q, p)]
        .into_iter()
        .map(|(p, q)| {
            let factors: &[(NodeId, &[Label], i64)] =
                &[(v, &[i, a], 1), (f, &[a, c], 1), (v, &[p, a], 1), (v, &[q, c], 1)];
            frame.powers(Rational::new(1, 2), factors, &[i, c])
        })
        .collect()
}

fn singular(g: &mut Graph, id: NodeId, op: MatrixOp, x: NodeId, frame: &mut Frame) -> Vec<Term> {
    let (s, u, v) =
        (g.matrix(MatrixOp::Singvals, &[x]), g.matrix(MatrixOp::SvdU, &[x]), g.matrix(MatrixOp::SvdV, &[x]));
    let (p, q) = (frame.row, frame.column);
    let rank = g.axes(s).last().copied().unwrap_or(frame.dim(p));
    let c = frame.label(rank);
    let one = Rational::ONE;
    match op {
        MatrixOp::Singvals => return vec![frame.term(one, &[(u, &[p, c]), (v, &[q, c])], &[c])],
        MatrixOp::NormNuc => return vec![frame.term(one, &[(u, &[p, c]), (v, &[q, c])], &[])],
        MatrixOp::NormSpec => {
            let first = g.sizes.constant(1);
            let first = g.one_hot(first, rank);
            let first = frame.repeat(g, first, &[c]);
            return vec![frame.term(one, &[(u, &[p, c]), (v, &[q, c]), (first, &[c])], &[])];
        }
        _ => {}
    }
    // the rule of V is that of U for the transpose
    let left = op == MatrixOp::SvdU;
    let (own, other, mine, its) = if left { (u, v, p, q) } else { (v, u, q, p) };
    let (size, a) = (frame.dim(mine), frame.label(rank));
    let i = frame.label(size);
    let square = g.power(s, &Rational::int(2));
    let f = quotients(g, square, a, c, frame);
    let mut terms = vec![
        frame.powers(
            one.clone(),
            &[(own, &[i, a], 1), (f, &[a, c], 1), (own, &[mine, a], 1), (other, &[its, c], 1), (s, &[c], 1)],
            &[i, c],
        ),
        frame.powers(
            one.clone(),
            &[(own, &[i, a], 1), (f, &[a, c], 1), (s, &[a], 1), (other, &[its, a], 1), (own, &[mine, c], 1)],
            &[i, c],
        ),
    ];
    if size != rank {
        // the part of the step outside the span of the vectors
        let (whole, inside) =
            (frame.node(g, &[], &[i, i]), frame.node(g, &[(id, &[i, a]), (id, &[mine, a])], &[i, mine]));
        let outside = g.subtract(whole, inside);
        terms.push(frame.powers(one, &[(outside, &[i, mine], 1), (other, &[its, c], 1), (s, &[c], -1)], &[i, c]));
    }
    terms
}

/// `F[a, c] = 1/(values[c] - values[a])` off the diagonal, 0 on it: `1/(values[c] - values[a] + I) - I` has no 0/0.
fn quotients(g: &mut Graph, values: NodeId, a: Label, c: Label, frame: &Frame) -> NodeId {
    let (first, second) = (frame.node(g, &[(values, &[c])], &[a, c]), frame.node(g, &[(values, &[a])], &[a, c]));
    let identity = frame.node(g, &[], &[a, a]);
    let dims = g.axes(first).clone();
    let (one, minus) = (Rational::ONE, Rational::int(-1));
    let gap = g.sum(&[(one.clone(), first), (minus.clone(), second), (one, identity)], &dims);
    let quotient = g.power(gap, &minus);
    g.subtract(quotient, identity)
}
