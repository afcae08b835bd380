//! The rules by name: what each says and where it is proved. The derivation steps and the documentation read them here.

use crate::graph::{Graph, MapOp, MatrixOp, Node, NodeId, ReduceOp};

use super::{elementwise, matrix, partial, recurrence, reduce};

/// A rule of differentiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// What it says, in the language.
    pub statement: &'static str,
    /// Where it comes from.
    pub source: &'static str,
}

/// The rule of an elementwise function.
pub fn rule_of_map(op: MapOp) -> &'static Rule {
    elementwise::rule(op)
}

/// The rule of a reduction.
pub fn rule_of_reduce(op: ReduceOp) -> &'static Rule {
    reduce::rule(op)
}

/// The rule of a function of a matrix.
pub fn rule_of_matrix(op: MatrixOp) -> &'static Rule {
    matrix::rule(op)
}

/// The rule by which a node is differentiated.
pub fn rule_of_node(g: &Graph, id: NodeId) -> &'static Rule {
    match g.node(id) {
        Node::Product(_) => &partial::PRODUCT,
        Node::Sum(..) => &partial::SUM,
        Node::Map(op, _) => rule_of_map(*op),
        Node::Reduce(op, ..) => rule_of_reduce(*op),
        Node::Matrix(op, _) => rule_of_matrix(*op),
        Node::Stack(..) => &partial::STACK,
        Node::Call(..) => &partial::CALL,
        Node::Loop(..) => &recurrence::LOOP,
        Node::Input(_) => &partial::VARIABLE,
        _ => &partial::CONSTANT,
    }
}

/// The rules that the derivative of `root` by `wrt` uses, each once, in the order in which it meets them from `root` on.
pub fn rules_used(g: &Graph, root: NodeId, wrt: NodeId) -> Vec<&'static Rule> {
    let mut used: Vec<&'static Rule> = Vec::new();
    for &id in super::Path::find(g, root, wrt).order.iter().rev() {
        let rule = rule_of_node(g, id);
        if !used.contains(&rule) {
            used.push(rule);
        }
    }
    used
}

/// All rules.
pub fn rules() -> Vec<&'static Rule> {
    use partial::{CALL, CONSTANT, PRODUCT, STACK, SUM, VARIABLE};
    let mut all: Vec<&'static Rule> = vec![&VARIABLE, &CONSTANT, &PRODUCT, &SUM, &STACK, &CALL, &recurrence::LOOP];
    all.extend(elementwise::RULES);
    all.extend(ALL_REDUCTIONS.iter().map(|op| rule_of_reduce(*op)));
    all.extend(ALL_MATRIX_FUNCTIONS.iter().map(|op| rule_of_matrix(*op)));
    all
}

/// Every reduction.
const ALL_REDUCTIONS: &[ReduceOp] = &[ReduceOp::Max, ReduceOp::Min, ReduceOp::Prod, ReduceOp::LogSumExp];

/// Every function of a matrix.
const ALL_MATRIX_FUNCTIONS: &[MatrixOp] = &[
    MatrixOp::Inverse,
    MatrixOp::Det,
    MatrixOp::LogDet,
    MatrixOp::Adjugate,
    MatrixOp::Pinv,
    MatrixOp::Cholesky,
    MatrixOp::Expm,
    MatrixOp::Logm,
    MatrixOp::Sqrtm,
    MatrixOp::Eigvals,
    MatrixOp::Eigvecs,
    MatrixOp::Singvals,
    MatrixOp::SvdU,
    MatrixOp::SvdV,
    MatrixOp::NormSpec,
    MatrixOp::NormNuc,
    MatrixOp::ExpmFrechet,
    MatrixOp::LogmFrechet,
    MatrixOp::SqrtmFrechet,
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_complete() {
        let all = rules();
        for (k, rule) in all.iter().enumerate() {
            assert!(!rule.name.is_empty() && !rule.statement.is_empty() && !rule.source.is_empty(), "{rule:?}");
            assert!(all[..k].iter().all(|r| r.name != rule.name), "{} twice", rule.name);
        }
        // the match over the operators is exhaustive, so every operator has a rule; each must also be listed
        assert_eq!(all.len(), 7 + 33 + 4 + 19);
    }
}
