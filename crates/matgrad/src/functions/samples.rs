//! An example of each function, as small as it can be while it shows the shapes.

/// A function with arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FunctionSample {
    /// The function.
    pub name: &'static str,
    /// Declarations and definitions, separated by `;`.
    pub declared: &'static str,
    /// The function of what is declared.
    pub expression: &'static str,
    /// The variables that it is differentiated by, separated by commas; none where nothing can move.
    pub wrt: &'static str,
}

const fn sample(
    name: &'static str,
    declared: &'static str,
    expression: &'static str,
    wrt: &'static str,
) -> FunctionSample {
    FunctionSample { name, declared, expression, wrt }
}

const SQUARE: &str = "X in R^(n x n)";
const ANY: &str = "X in R^(m x n)";
const SYMMETRIC: &str = "S in R^(n x n) symmetric";
const VECTOR: &str = "x in R^n";
const RECURRENCE: &str = "h in R^n; X in R^(N x n); step(s, x) = tanh(s + x)";

/// The examples, in the order of the table of functions.
pub(super) const SAMPLES: &[FunctionSample] = &[
    sample("tr", SQUARE, "tr(X)", "X"),
    sample("det", SQUARE, "det(X)", "X"),
    sample("logdet", SQUARE, "logdet(X)", "X"),
    sample("inv", SQUARE, "inv(X)", "X"),
    sample("pinv", ANY, "pinv(X)", "X"),
    sample("adj", SQUARE, "adj(X)", "X"),
    sample("cof", SQUARE, "cof(X)", "X"),
    sample("diag", VECTOR, "diag(x)", "x"),
    sample("vec", ANY, "vec(X)", "X"),
    sample("rvec", ANY, "rvec(X)", "X"),
    sample("kron", "A in R^(m x n); B in R^(p x q)", "kron(A, B)", "A, B"),
    sample("dot", "a, b in R^n", "dot(a, b)", "a, b"),
    sample("cross", "a, b in R^3", "cross(a, b)", "a, b"),
    sample("chol", "S in R^(n x n) pd", "chol(S)", "S"),
    sample("expm", SQUARE, "expm(X)", "X"),
    sample("logm", SQUARE, "logm(X)", "X"),
    sample("sqrtm", SQUARE, "sqrtm(X)", "X"),
    sample("eigvals", SYMMETRIC, "eigvals(S)", "S"),
    sample("transpose", ANY, "transpose(X)", "X"),
    sample("norm", VECTOR, "norm(x)", "x"),
    sample("norm1", VECTOR, "norm1(x)", "x"),
    sample("norminf", VECTOR, "norminf(x)", "x"),
    sample("normspec", ANY, "normspec(X)", "X"),
    sample("normnuc", ANY, "normnuc(X)", "X"),
    sample("sum", ANY, "sum(X, 1)", "X"),
    sample("mean", ANY, "mean(X, 2)", "X"),
    sample("prod", VECTOR, "prod(x)", "x"),
    sample("max", VECTOR, "max(x)", "x"),
    sample("min", VECTOR, "min(x)", "x"),
    sample("logsumexp", VECTOR, "logsumexp(x)", "x"),
    sample("exp", VECTOR, "exp(x)", "x"),
    sample("log", VECTOR, "log(x)", "x"),
    sample("log1p", VECTOR, "log1p(x)", "x"),
    sample("expm1", VECTOR, "expm1(x)", "x"),
    sample("sqrt", VECTOR, "sqrt(x)", "x"),
    sample("cbrt", VECTOR, "cbrt(x)", "x"),
    sample("abs", VECTOR, "abs(x)", "x"),
    sample("sign", VECTOR, "sign(x)", "x"),
    sample("sin", VECTOR, "sin(x)", "x"),
    sample("cos", VECTOR, "cos(x)", "x"),
    sample("tan", VECTOR, "tan(x)", "x"),
    sample("asin", VECTOR, "asin(x)", "x"),
    sample("acos", VECTOR, "acos(x)", "x"),
    sample("atan", VECTOR, "atan(x)", "x"),
    sample("sinh", VECTOR, "sinh(x)", "x"),
    sample("cosh", VECTOR, "cosh(x)", "x"),
    sample("tanh", VECTOR, "tanh(x)", "x"),
    sample("asinh", VECTOR, "asinh(x)", "x"),
    sample("acosh", VECTOR, "acosh(x)", "x"),
    sample("atanh", VECTOR, "atanh(x)", "x"),
    sample("sigmoid", VECTOR, "sigmoid(x)", "x"),
    sample("softplus", VECTOR, "softplus(x)", "x"),
    sample("relu", VECTOR, "relu(x)", "x"),
    sample("erf", VECTOR, "erf(x)", "x"),
    sample("gamma", VECTOR, "gamma(x)", "x"),
    sample("lgamma", VECTOR, "lgamma(x)", "x"),
    sample("digamma", VECTOR, "digamma(x)", "x"),
    sample("trigamma", VECTOR, "trigamma(x)", "x"),
    sample("polygamma", VECTOR, "polygamma(2, x)", "x"),
    sample("atan2", "x, y in R^n", "atan2(y, x)", "y, x"),
    sample("pow", "x in R^n positive; p in R", "pow(x, p)", "x, p"),
    sample("where", "x, a, b in R^n", "where(x > 0, a, b)", "a, b"),
    sample("softmax", VECTOR, "softmax(x)", "x"),
    sample("cumsum", VECTOR, "cumsum(x)", "x"),
    sample("revcumsum", VECTOR, "revcumsum(x)", "x"),
    sample("tril", SQUARE, "tril(X)", "X"),
    sample("triu", SQUARE, "triu(X)", "X"),
    sample("reshape", ANY, "reshape(X, n, m)", "X"),
    sample("size", "X in R^(m x n); x in R^n", "x/size(X, 1)", "x"),
    sample("vector", VECTOR, "x + vector(1)", "x"),
    sample("matrix", ANY, "X + matrix(1)", "X"),
    sample("eigvecs", SYMMETRIC, "eigvecs(S)", "S"),
    sample("singvals", ANY, "singvals(X)", "X"),
    sample("svdU", ANY, "svdU(X)", "X"),
    sample("svdV", ANY, "svdV(X)", "X"),
    sample("expm_frechet", "X, E in R^(n x n)", "expm_frechet(X, E)", "E"),
    sample("logm_frechet", "X, E in R^(n x n)", "logm_frechet(X, E)", "E"),
    sample("sqrtm_frechet", "X, E in R^(n x n)", "sqrtm_frechet(X, E)", "E"),
    sample("eye", SQUARE, "eye(n) + X", ""),
    sample("ones", ANY, "ones(m)'*X", ""),
    sample("zeros", "u in R^n", "[u; zeros(p)]", ""),
    sample("unit", SQUARE, "unit(2, n)'*X", ""),
    sample("commutation", ANY, "commutation(m, n)*vec(X)", ""),
    sample("duplication", "v in R^6", "duplication(3)*v", ""),
    sample("elimination", "S in R^(3 x 3) symmetric", "elimination(3)*vec(S)", ""),
    sample("fold", RECURRENCE, "fold(step, h, X)", "h"),
    sample("scan", RECURRENCE, "scan(step, h, X)", "h"),
    sample("exscan", RECURRENCE, "exscan(step, h, X)", "h"),
    sample("foldr", RECURRENCE, "foldr(step, h, X)", "h"),
    sample("scanr", RECURRENCE, "scanr(step, h, X)", "h"),
    sample("exscanr", RECURRENCE, "exscanr(step, h, X)", "h"),
    sample("map", "X in R^(m x n); g(x) = norm(x)^2*x", "map(g, X)", "X"),
];
