//! What a product is called when it is one of those that have a name: one rule differentiates them all.

use matgrad_syntax::Rational;

use crate::graph::{Factor, NodeId, Product};

use super::partial::PRODUCT;
use super::rules::Rule;

const SQUARED_NORM: Rule = Rule {
    name: "squared norm",
    chinese: "范数的平方",
    statement: "d norm(u)^2 = 2*u'*du",
    source: "Magnus & Neudecker, Matrix Differential Calculus, ch. 9, §9",
};
const QUADRATIC_FORM: Rule = Rule {
    name: "quadratic form",
    chinese: "二次型",
    statement: "d (u'*A*u) = u'*(A + A')*du",
    source: "Magnus & Neudecker, Matrix Differential Calculus, ch. 9, §9",
};
const POWER: Rule =
    Rule {
        name: "power rule", chinese: "幂函数", statement: "d u^k = k*u^(k - 1)*du", source: "elementary calculus"
    };
const QUOTIENT: Rule =
    Rule {
        name: "quotient", chinese: "商法则", statement: "d (u/v) = du/v - u*dv/v^2", source: "elementary calculus"
    };

/// The products that have a name of their own.
pub(super) const NAMED: &[&Rule] = &[&SQUARED_NORM, &QUADRATIC_FORM, &POWER, &QUOTIENT];

/// The name of a product of which these nodes move.
pub(super) fn rule(p: &Product, moves: impl Fn(NodeId) -> bool) -> &'static Rule {
    let moving: Vec<&Factor> = p.factors.iter().filter(|f| moves(f.node)).collect();
    let summed = p.out.is_empty();
    match moving.as_slice() {
        [f] if f.exponent.is_negative() && p.factors.len() > 1 => &QUOTIENT,
        [f] if f.exponent == Rational::int(2) && summed && !f.labels.is_empty() => &SQUARED_NORM,
        [f] if !f.exponent.is_one() => &POWER,
        [f, g] if f.exponent.is_negative() != g.exponent.is_negative() => &QUOTIENT,
        // u[i] A[i,j] u[j], and nothing else but numbers
        [f, g] if f.node == g.node && summed && f.labels.len() == 1 && g.labels.len() == 1 => {
            let others: Vec<&Factor> = p.factors.iter().filter(|o| !moves(o.node) && !o.labels.is_empty()).collect();
            let ends = [f.labels[0], g.labels[0]];
            let joins = |o: &Factor| o.labels.len() == 2 && ends.iter().all(|end| o.labels.contains(end));
            match others.as_slice() {
                [only] if f.labels != g.labels && joins(only) => &QUADRATIC_FORM,
                _ => &PRODUCT,
            }
        }
        _ => &PRODUCT,
    }
}
