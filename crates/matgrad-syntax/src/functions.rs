//! The functions of the language: one table that the parser, the documentation and the suggestions read.

/// What a function belongs to, as the reference groups them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Group {
    /// `tr det inv …`
    LinearAlgebra,
    /// `norm norm1 …`
    Norms,
    /// `sum mean …`: over all entries, or along an axis with 1 or 2 as second argument
    Reductions,
    /// `exp log …`: entry by entry
    Elementwise,
    /// `softmax cumsum …`
    Rowwise,
    /// `tril reshape …`
    Shapes,
    /// `eigvecs svdU …`
    Derivatives,
    /// `eye ones …`: arguments are sizes
    Constants,
    /// `fold scan map`: the first argument names a function
    Recurrences,
}

/// A function of the language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name.
    pub name: &'static str,
    /// The name it is an alias of; its own where it is none.
    pub canonical: &'static str,
    /// Its group.
    pub group: Group,
    /// The fewest arguments.
    pub min_args: usize,
    /// The most arguments.
    pub max_args: usize,
    /// What it is, in one line.
    pub meaning: &'static str,
}

const fn function(name: &'static str, group: Group, args: (usize, usize), meaning: &'static str) -> Function {
    Function { name, canonical: name, group, min_args: args.0, max_args: args.1, meaning }
}

const fn alias(name: &'static str, canonical: &'static str, group: Group, meaning: &'static str) -> Function {
    Function { name, canonical, group, min_args: 1, max_args: 1, meaning }
}

use Group::{Constants, Derivatives, Elementwise, LinearAlgebra, Norms, Recurrences, Reductions, Rowwise, Shapes};

/// All functions, in the order of the reference.
pub const FUNCTIONS: &[Function] = &[
    function("tr", LinearAlgebra, (1, 1), "trace of a square matrix"),
    function("det", LinearAlgebra, (1, 1), "determinant"),
    function("logdet", LinearAlgebra, (1, 1), "logarithm of a positive determinant"),
    function("inv", LinearAlgebra, (1, 1), "inverse, also written A^-1"),
    function("pinv", LinearAlgebra, (1, 1), "pseudo-inverse"),
    function("adj", LinearAlgebra, (1, 1), "adjugate, the transposed cofactor matrix"),
    function("cof", LinearAlgebra, (1, 1), "cofactor matrix"),
    function("diag", LinearAlgebra, (1, 1), "diagonal matrix of a vector, or diagonal of a matrix as a vector"),
    function("vec", LinearAlgebra, (1, 1), "columns stacked into one column"),
    function("rvec", LinearAlgebra, (1, 1), "rows side by side in one row: vec(A')'"),
    function("kron", LinearAlgebra, (2, 2), "Kronecker product"),
    function("dot", LinearAlgebra, (2, 2), "inner product of two vectors"),
    function("cross", LinearAlgebra, (2, 2), "cross product of two vectors of R^3"),
    function("chol", LinearAlgebra, (1, 1), "lower Cholesky factor of a positive definite matrix"),
    function("expm", LinearAlgebra, (1, 1), "matrix exponential"),
    function("logm", LinearAlgebra, (1, 1), "matrix logarithm"),
    function("sqrtm", LinearAlgebra, (1, 1), "matrix square root"),
    function("eigvals", LinearAlgebra, (1, 1), "eigenvalues of a symmetric matrix, ascending"),
    function("transpose", LinearAlgebra, (1, 1), "transpose, also written A'"),
    function("norm", Norms, (1, 1), "2-norm of a vector, Frobenius norm of a matrix"),
    alias("norm2", "norm", Norms, "the same as norm"),
    alias("normF", "norm", Norms, "the same as norm"),
    function("norm1", Norms, (1, 1), "sum of the absolute values of all entries"),
    function("norminf", Norms, (1, 1), "largest absolute value of all entries"),
    function("normspec", Norms, (1, 1), "spectral norm, the largest singular value"),
    function("normnuc", Norms, (1, 1), "nuclear norm, the sum of the singular values"),
    function("sum", Reductions, (1, 2), "sum of all entries; of each column with 1, of each row with 2"),
    function("mean", Reductions, (1, 2), "mean of all entries; of each column with 1, of each row with 2"),
    function("prod", Reductions, (1, 2), "product of all entries; of each column with 1, of each row with 2"),
    function("max", Reductions, (1, 2), "largest entry, along an axis with the literal 1 or 2; else the larger of two"),
    function(
        "min",
        Reductions,
        (1, 2),
        "smallest entry, along an axis with the literal 1 or 2; else the smaller of two",
    ),
    function(
        "logsumexp",
        Reductions,
        (1, 2),
        "logarithm of the sum of exponentials; by columns with 1, by rows with 2",
    ),
    function("exp", Elementwise, (1, 1), "exponential of every entry"),
    function("log", Elementwise, (1, 1), "natural logarithm"),
    function("log1p", Elementwise, (1, 1), "log(1 + x)"),
    function("expm1", Elementwise, (1, 1), "exp(x) - 1"),
    function("sqrt", Elementwise, (1, 1), "square root"),
    function("cbrt", Elementwise, (1, 1), "cube root"),
    function("abs", Elementwise, (1, 1), "absolute value"),
    function("sign", Elementwise, (1, 1), "-1, 0 or 1"),
    function("sin", Elementwise, (1, 1), "sine"),
    function("cos", Elementwise, (1, 1), "cosine"),
    function("tan", Elementwise, (1, 1), "tangent"),
    function("asin", Elementwise, (1, 1), "inverse sine"),
    function("acos", Elementwise, (1, 1), "inverse cosine"),
    function("atan", Elementwise, (1, 1), "inverse tangent"),
    function("sinh", Elementwise, (1, 1), "hyperbolic sine"),
    function("cosh", Elementwise, (1, 1), "hyperbolic cosine"),
    function("tanh", Elementwise, (1, 1), "hyperbolic tangent"),
    function("asinh", Elementwise, (1, 1), "inverse hyperbolic sine"),
    function("acosh", Elementwise, (1, 1), "inverse hyperbolic cosine"),
    function("atanh", Elementwise, (1, 1), "inverse hyperbolic tangent"),
    function("sigmoid", Elementwise, (1, 1), "1/(1 + exp(-x))"),
    function("softplus", Elementwise, (1, 1), "log(1 + exp(x))"),
    function("relu", Elementwise, (1, 1), "x where it is positive, else 0"),
    function("erf", Elementwise, (1, 1), "error function"),
    function("gamma", Elementwise, (1, 1), "gamma function"),
    function("lgamma", Elementwise, (1, 1), "logarithm of the gamma function"),
    function("digamma", Elementwise, (1, 1), "derivative of lgamma"),
    function("trigamma", Elementwise, (1, 1), "derivative of digamma"),
    function("polygamma", Elementwise, (2, 2), "polygamma(k, x), the k-th derivative of digamma"),
    function("atan2", Elementwise, (2, 2), "atan2(y, x), the angle of the point (x, y)"),
    function("pow", Elementwise, (2, 2), "pow(x, p), also written x.^p"),
    function("where", Elementwise, (3, 3), "where(x > 0, a, b): a where the condition holds, else b"),
    function("softmax", Rowwise, (1, 2), "exp(x)/sum(exp(x)); of each column with 1, of each row with 2"),
    function("cumsum", Rowwise, (1, 1), "sums of the first entries"),
    function("revcumsum", Rowwise, (1, 1), "sums of the last entries"),
    function("tril", Shapes, (1, 1), "lower triangle with the diagonal"),
    function("triu", Shapes, (1, 1), "upper triangle with the diagonal"),
    function("reshape", Shapes, (3, 3), "reshape(x, m, n): the entries by columns as an m x n matrix"),
    function("size", Shapes, (2, 2), "size(X, 1) rows, size(X, 2) columns"),
    function("vector", Shapes, (1, 1), "a vector of one repeated number, its size from its surroundings"),
    function("matrix", Shapes, (1, 1), "a matrix of one repeated number, its size from its surroundings"),
    function("eigvecs", Derivatives, (1, 1), "eigenvectors of a symmetric matrix as columns, in the order of eigvals"),
    function("singvals", Derivatives, (1, 1), "singular values, descending"),
    function("svdU", Derivatives, (1, 1), "left singular vectors as columns"),
    function("svdV", Derivatives, (1, 1), "right singular vectors as columns"),
    function("expm_frechet", Derivatives, (2, 2), "derivative of expm at X in the direction E"),
    function("logm_frechet", Derivatives, (2, 2), "derivative of logm at X in the direction E"),
    function("sqrtm_frechet", Derivatives, (2, 2), "derivative of sqrtm at X in the direction E"),
    function("eye", Constants, (1, 1), "identity of size n"),
    function("ones", Constants, (1, 2), "vector or matrix of ones"),
    function("zeros", Constants, (1, 2), "vector or matrix of zeros"),
    function("unit", Constants, (2, 2), "unit(i, n), the i-th unit vector of R^n"),
    function("commutation", Constants, (2, 2), "K with K*vec(A) = vec(A') for A of shape m x n"),
    function("duplication", Constants, (1, 1), "D with D*vech(A) = vec(A) for symmetric A"),
    function("elimination", Constants, (1, 1), "L with L*vec(A) = vech(A)"),
    function("fold", Recurrences, (3, 64), "fold(step, init, xs): the last state of state = step(state, x)"),
    function("scan", Recurrences, (3, 64), "scan(step, init, xs): the state after each step as a row"),
    function("exscan", Recurrences, (3, 64), "exscan(step, init, xs): the state before each step as a row"),
    function("foldr", Recurrences, (3, 64), "foldr(step, init, xs): as fold, from the last item to the first"),
    function("scanr", Recurrences, (3, 64), "scanr(step, init, xs): as scan, from the last item to the first"),
    function("exscanr", Recurrences, (3, 64), "exscanr(step, init, xs): as exscan, from the last item to the first"),
    function("map", Recurrences, (2, 64), "map(g, X): g of every row, as rows"),
];

/// The function of that name.
///
/// ```
/// use matgrad_syntax::functions::find;
/// assert_eq!(find("normF").unwrap().canonical, "norm");
/// assert!(find("nrom").is_none());
/// ```
pub fn find(name: &str) -> Option<&'static Function> {
    FUNCTIONS.iter().find(|function| function.name == name)
}

/// Names of other tools for functions of the language, for suggestions.
const ELSEWHERE: &[(&str, &str)] = &[
    ("trace", "tr"),
    ("Tr", "tr"),
    ("determinant", "det"),
    ("logabsdet", "logdet"),
    ("slogdet", "logdet"),
    ("inverse", "inv"),
    ("adjugate", "adj"),
    ("adjoint", "adj"),
    ("cofactor", "cof"),
    ("flatten", "vec"),
    ("ravel", "vec"),
    ("cholesky", "chol"),
    ("matexp", "expm"),
    ("eig", "eigvals"),
    ("eigvalsh", "eigvals"),
    ("svd", "singvals"),
    ("svdvals", "singvals"),
    ("frobenius", "normF"),
    ("nuclear", "normnuc"),
    ("average", "mean"),
    ("product", "prod"),
    ("amax", "max"),
    ("maximum", "max"),
    ("amin", "min"),
    ("minimum", "min"),
    ("lse", "logsumexp"),
    ("ln", "log"),
    ("fabs", "abs"),
    ("sgn", "sign"),
    ("arcsin", "asin"),
    ("arccos", "acos"),
    ("arctan", "atan"),
    ("arcsinh", "asinh"),
    ("arccosh", "acosh"),
    ("arctanh", "atanh"),
    ("arctan2", "atan2"),
    ("logistic", "sigmoid"),
    ("expit", "sigmoid"),
    ("gammaln", "lgamma"),
    ("loggamma", "lgamma"),
    ("psi", "digamma"),
    ("power", "pow"),
    ("identity", "eye"),
    ("inner", "dot"),
];

/// What another tool's name for a function is called here.
pub fn from_elsewhere(name: &str) -> Option<&'static str> {
    ELSEWHERE.iter().find(|(other, _)| *other == name).map(|(_, own)| *own)
}

/// What a function is called in other tools.
pub fn elsewhere(name: &str) -> impl Iterator<Item = &'static str> {
    ELSEWHERE.iter().filter(move |(_, own)| *own == name).map(|(other, _)| *other)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_aliases_lead_to_functions() {
        for (at, function) in FUNCTIONS.iter().enumerate() {
            assert!(!FUNCTIONS[..at].iter().any(|other| other.name == function.name), "{}", function.name);
            assert!(function.min_args <= function.max_args && function.min_args > 0);
            let canonical = find(function.canonical).unwrap();
            assert_eq!(canonical.name, canonical.canonical);
        }
    }

    #[test]
    fn other_names_lead_to_functions() {
        for (other, own) in ELSEWHERE {
            assert!(find(own).is_some(), "{own}");
            assert!(find(other).is_none(), "{other}");
        }
    }
}
