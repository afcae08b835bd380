//! The rules by name: what each says and where it is proved. The derivation steps and the documentation read them here.

use crate::graph::{Graph, MapOp, MatrixOp, Node, NodeId, ReduceOp};

use super::{elementwise, matrix, partial, products, recurrence, reduce};

/// A rule of differentiation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rule {
    /// What it is called.
    pub name: &'static str,
    /// What it is called in Chinese.
    pub chinese: &'static str,
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

/// The rule by which a node is differentiated of which some children move.
pub fn rule_of_node(g: &Graph, id: NodeId, moves: impl Fn(NodeId) -> bool) -> &'static Rule {
    match g.node(id) {
        Node::Product(p) => products::rule(p, moves),
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
    let path = super::Path::find(g, root, wrt);
    for &id in path.order.iter().rev() {
        let rule = rule_of_node(g, id, |child| path.dependent.get(child.0 as usize) == Some(&true));
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
    all.extend(products::NAMED);
    all.extend(elementwise::RULES);
    all.extend(ALL_REDUCTIONS.iter().map(|op| rule_of_reduce(*op)));
    all.extend(ALL_MATRIX_FUNCTIONS.iter().map(|op| rule_of_matrix(*op)));
    all.extend(STEPS);
    all
}

/// What a derivation does beside differentiating primitives.
const STEPS: &[&Rule] = &[
    &steps::NAMES,
    &steps::LINEAR,
    &steps::CHAIN,
    &steps::MULTIPLY,
    &steps::INSERT,
    &steps::TRACE,
    &steps::READ_OFF,
    &steps::VEC,
    &steps::ENTRIES,
    &steps::PARTIALS,
    &steps::COLLECT,
    &steps::SUBSTITUTE,
    &steps::TRANSPOSE,
    &steps::IMPLICIT,
    &steps::AGAIN,
    &steps::EXTREMUM,
    &steps::STRUCTURE,
];

/// The rules of a derivation: how what the primitives give is put together.
pub mod steps {
    use super::Rule;

    const CALCULUS: &str = "elementary calculus";
    const MAGNUS: &str = "Magnus & Neudecker, Matrix Differential Calculus, ch. 9";

    /// Intermediate quantities get names.
    pub const NAMES: Rule = Rule {
        name: "name the parts",
        chinese: "引入中间变量",
        statement: "f(g(x)) = f(u) where u = g(x)",
        source: "definition",
    };
    /// What is linear is its own derivative.
    pub const LINEAR: Rule =
        Rule { name: "linearity", chinese: "线性", statement: "d (A*X*B + C) = A*dX*B", source: CALCULUS };
    /// The chain rule with its factors.
    pub const CHAIN: Rule = Rule {
        name: "chain rule for vectors",
        chinese: "链式法则",
        statement: "df_dx = df_du*du_dx + df_dv*dv_dx",
        source: "Magnus & Neudecker, Matrix Differential Calculus, ch. 5, §11",
    };
    /// The factors of the chain rule are inserted.
    pub const MULTIPLY: Rule = Rule {
        name: "multiply the factors",
        chinese: "代入并相乘",
        statement: "df_dx = df_du*du_dx, (p x m) = (p x k)*(k x m)",
        source: CALCULUS,
    };
    /// One differential is put into another.
    pub const INSERT: Rule = Rule {
        name: "insert the differentials",
        chinese: "代入微分",
        statement: "df = A*du and du = B*dx give df = A*B*dx",
        source: "Cauchy's rule of invariance: Magnus & Neudecker, ch. 5, §13",
    };
    /// Factors are permuted under a trace.
    pub const TRACE: Rule =
        Rule {
            name: "trace trick", chinese: "迹技巧", statement: "tr(A*B) = tr(B*A), tr(A) = tr(A')", source: MAGNUS
        };
    /// From the differential to the derivative.
    pub const READ_OFF: Rule = Rule {
        name: "read off",
        chinese: "读出导数",
        statement: "df = tr(G'*dX) gives the gradient G; dF = J*dx gives the derivative J",
        source: "first identification theorem: Magnus & Neudecker, ch. 5, §10 and ch. 9, §5",
    };
    /// The same for matrices.
    pub const VEC: Rule = Rule {
        name: "vectorise",
        chinese: "向量化",
        statement: "vec(A*X*B) = kron(B', A)*vec(X)",
        source: "Magnus & Neudecker, ch. 2, §4",
    };
    /// A function written by its entries.
    pub const ENTRIES: Rule = Rule {
        name: "write out the entries",
        chinese: "按分量展开",
        statement: "(A*x)[i] = sum[j](A[i,j]*x[j])",
        source: "definition",
    };
    /// The partial derivatives of the entries.
    pub const PARTIALS: Rule = Rule {
        name: "partial derivatives",
        chinese: "求偏导数",
        statement: "the derivative of x[j] by x[k] is delta[j,k]",
        source: CALCULUS,
    };
    /// The partial derivatives are put together.
    pub const COLLECT: Rule = Rule {
        name: "collect the entries",
        chinese: "合并各分量",
        statement: "J[i,k] stands in row i, column k",
        source: "definition",
    };
    /// Names are replaced by what they stand for.
    pub const SUBSTITUTE: Rule =
        Rule {
            name: "substitute back", chinese: "代回原变量", statement: "u = g(x) in f'(u)", source: "definition"
        };
    /// The gradient is the transpose.
    pub const TRANSPOSE: Rule = Rule {
        name: "transpose",
        chinese: "转置得梯度",
        statement: "the gradient, shaped like X, is the transpose of the derivative in numerator layout",
        source: "definition",
    };
    /// Functions that equations define.
    pub const IMPLICIT: Rule = Rule {
        name: "implicit function",
        chinese: "隐函数定理",
        statement: "F(z, x) = 0 gives dz = -F_z\\(F_x*dx)",
        source: "implicit function theorem: Magnus & Neudecker, ch. 7, §2",
    };
    /// The derivative is differentiated.
    pub const AGAIN: Rule = Rule {
        name: "differentiate once more",
        chinese: "再次求导",
        statement: "the second derivative is the derivative of the first",
        source: "definition",
    };
    /// Entries that move together.
    pub const STRUCTURE: Rule = Rule {
        name: "respect the structure",
        chinese: "考虑结构约束",
        statement: "for symmetric X, G by free entries becomes G + G' - G .* eye(n)",
        source: "Petersen & Pedersen, The Matrix Cookbook, §2.8",
    };
    /// What minimises makes the gradient vanish.
    pub const EXTREMUM: Rule = Rule {
        name: "stationary point",
        chinese: "驻点条件",
        statement: "z = argmin[w] f(w, x) satisfies f_z(z, x) = 0",
        source: CALCULUS,
    };
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
            let Rule { name, chinese, statement, source } = rule;
            assert!([name, chinese, statement, source].iter().all(|text| !text.is_empty()), "{rule:?}");
            assert!(all[..k].iter().all(|r| r.name != rule.name), "{} twice", rule.name);
        }
        // the match over the operators is exhaustive, so every operator has a rule; each must also be listed
        assert_eq!(all.len(), 7 + products::NAMED.len() + 33 + 4 + 19 + STEPS.len());
    }
}
