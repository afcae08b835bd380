//! Reductions that are no sums.

use matgrad_syntax::Rational;

use crate::graph::{Factor, Graph, Label, Labels, MapOp, NodeId, ProductBuilder, Products, ReduceOp};

use super::linear::{Linear, Term};
use super::rules::Rule;

const MAX: Rule = Rule {
    name: "maximum",
    chinese: "最大值",
    statement: "d max(X) = sum(dX where X = max(X)), the mean where entries of X are equal by structure",
    source: "Clarke, Optimization and Nonsmooth Analysis, §2.3",
};
const MIN: Rule = Rule {
    name: "minimum",
    chinese: "最小值",
    statement: "d min(X) = sum(dX where X = min(X)), the mean where entries of X are equal by structure",
    source: "Clarke, Optimization and Nonsmooth Analysis, §2.3",
};
const PROD: Rule = Rule {
    name: "product of entries",
    chinese: "元素之积",
    statement: "d prod(x) = prod(x)*sum(dx./x); where entries are 0 by structure, the sum of dx[i]*prod[j; j != i](x[j])",
    source: "the product rule",
};
const LOGSUMEXP: Rule = Rule {
    name: "log-sum-exp",
    chinese: "对数指数和",
    statement: "d logsumexp(x) = softmax(x)'*dx",
    source: "Boyd, Vandenberghe, Convex Optimization, §3.1.5",
};

pub(super) fn rule(op: ReduceOp) -> &'static Rule {
    match op {
        ReduceOp::Max => &MAX,
        ReduceOp::Min => &MIN,
        ReduceOp::Prod => &PROD,
        ReduceOp::LogSumExp => &LOGSUMEXP,
    }
}

pub(super) fn partial(g: &mut Graph, id: NodeId, op: ReduceOp, arg: NodeId, axes: &[u8]) -> Linear {
    let dims = g.axes(arg).clone();
    let child: Labels = (0..dims.len() as Label).collect();
    let out: Labels = child.iter().filter(|l| !axes.contains(&(**l as u8))).copied().collect();
    let factor = |node, labels: &Labels, exponent| Factor { node, labels: labels.clone(), exponent };
    let factors = match op {
        ReduceOp::Max | ReduceOp::Min => {
            let wide = g.broadcast_except(id, arg, axes);
            let mask = g.map(MapOp::Equal, &[arg, wide]);
            let mut factors = vec![factor(mask, &child, Rational::ONE)];
            if g.coincidence(arg).ties() {
                // entries that are always equal count as one
                let all = g.sum_axes(mask, axes);
                factors.push(factor(all, &out, Rational::int(-1)));
            }
            factors
        }
        ReduceOp::Prod if g.products == Products::Others || g.coincidence(arg).zeros => {
            vec![factor(product_of_others(g, arg, axes), &child, Rational::ONE)]
        }
        ReduceOp::Prod if g.products == Products::Counted => {
            let (product, others, alone) = zeros_taken_out(g, arg, axes);
            vec![
                factor(product, &out, Rational::ONE),
                factor(others, &child, Rational::int(-1)),
                factor(alone, &child, Rational::ONE),
            ]
        }
        ReduceOp::Prod => vec![factor(id, &out, Rational::ONE), factor(arg, &child, Rational::int(-1))],
        ReduceOp::LogSumExp => {
            let wide = g.broadcast_except(id, arg, axes);
            let difference = g.subtract(arg, wide);
            vec![factor(g.map(MapOp::Exp, &[difference]), &child, Rational::ONE)]
        }
    };
    Linear::Terms(vec![Term::new(Rational::ONE, factors, &dims, out, child)])
}

/// The product of the entries that are not 0, the entries with 1 for 0, and where no other entry is 0.
fn zeros_taken_out(g: &mut Graph, arg: NodeId, axes: &[u8]) -> (NodeId, NodeId, NodeId) {
    let dims = g.axes(arg).clone();
    let nothing = g.zeros(&dims);
    let zeros = g.map(MapOp::Equal, &[arg, nothing]);
    let others = g.sum(&[(Rational::ONE, arg), (Rational::ONE, zeros)], &dims);
    let product = g.reduce(ReduceOp::Prod, others, axes);
    let count = g.sum_axes(zeros, axes);
    let count = g.broadcast_except(count, arg, axes);
    let elsewhere = g.subtract(count, zeros);
    let alone = g.map(MapOp::Equal, &[elsewhere, nothing]);
    (product, others, alone)
}

/// For each entry the product of all others along the axes, without division, so that it is right beside zeros.
fn product_of_others(g: &mut Graph, arg: NodeId, axes: &[u8]) -> NodeId {
    let dims = g.axes(arg).clone();
    // the places of the others get labels of their own along the axes
    let mut wide = ProductBuilder::new();
    let mut all: Labels = wide.labels_of(g, arg);
    let mut places = all.clone();
    for k in axes {
        let label = wide.label(dims[*k as usize]);
        places[*k as usize] = label;
        all.push(label);
    }
    wide.factor(arg, &places);
    let wide = wide.build(g, &all);
    // the factor at the entry's own place becomes 1
    let mut own = ProductBuilder::new();
    let labels = own.labels_of(g, arg);
    let same: Labels = labels.iter().copied().chain(axes.iter().map(|k| labels[*k as usize])).collect();
    let ones = own.clone().build(g, &same);
    own.factor(arg, &labels);
    let own = own.build(g, &same);
    let shape = g.axes(wide).clone();
    let factors = g.sum(&[(Rational::ONE, wide), (Rational::int(-1), own), (Rational::ONE, ones)], &shape);
    let last: Vec<u8> = (dims.len() as u8..shape.len() as u8).collect();
    g.reduce(ReduceOp::Prod, factors, &last)
}
