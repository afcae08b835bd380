//! Reductions that are no sums.

use matgrad_syntax::Rational;

use crate::graph::{Factor, Graph, Label, Labels, MapOp, NodeId, ReduceOp};

use super::linear::{Linear, Term};
use super::rules::Rule;

const MAX: Rule = Rule {
    name: "maximum",
    statement: "d max(X) = sum(dX where X = max(X)); every entry that attains it counts, of a symmetric X their mean",
    source: "Clarke, Optimization and Nonsmooth Analysis, §2.3",
};
const MIN: Rule = Rule {
    name: "minimum",
    statement: "d min(X) = sum(dX where X = min(X)); every entry that attains it counts, of a symmetric X their mean",
    source: "Clarke, Optimization and Nonsmooth Analysis, §2.3",
};
const PROD: Rule =
    Rule { name: "product of entries", statement: "d prod(x) = prod(x)*sum(dx./x)", source: "the product rule" };
const LOGSUMEXP: Rule = Rule {
    name: "log-sum-exp",
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
            if axes.len() == 2 && g.is_symmetric(arg) {
                // entries off the diagonal come in pairs, of which half counts each
                let all = g.sum_axes(mask, axes);
                factors.push(factor(all, &Labels::new(), Rational::int(-1)));
            }
            factors
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
