//! The functions of the language, as the evaluator knows them.

use matgrad_syntax::Reducer;

use crate::scalar::Elementary;

/// What a reduction runs over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Axis {
    All,
    /// Down the columns: the result is a row.
    Down,
    /// Along the rows: the result is a column.
    Along,
}

/// A function applied to evaluated arguments.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Builtin {
    Elementary(Elementary),
    Reduce(Reducer, Axis),
    Softmax(Axis),
    Max,
    Min,
    Polygamma,
    Atan2,
    Pow,
    Where,
    Tr,
    Det,
    Logdet,
    Inv,
    Pinv,
    Adj,
    Cof,
    Diag,
    Vec,
    Rvec,
    Kron,
    Dot,
    Cross,
    Chol,
    Expm,
    Logm,
    Sqrtm,
    Eigvals,
    Eigvecs,
    Singvals,
    SvdU,
    SvdV,
    Transpose,
    Norm,
    /// The square of `Norm`, smooth at 0.
    SquaredNorm,
    Norm1,
    NormInf,
    NormSpec,
    NormNuc,
    Cumsum,
    RevCumsum,
    Tril,
    Triu,
    Reshape,
    Size,
    Vector,
    Matrix,
    ExpmFrechet,
    LogmFrechet,
    SqrtmFrechet,
    Eye,
    Ones,
    Zeros,
    Unit,
    Commutation,
    Duplication,
    Elimination,
}

impl Builtin {
    /// The function of that name with the fewest and most arguments. Reductions start out over all entries.
    pub(crate) fn find(name: &str) -> Option<(Builtin, usize, usize)> {
        use crate::scalar::Elementary as E;
        use Builtin::*;
        if let Some(reducer) = Reducer::find(name) {
            return Some((Reduce(reducer, Axis::All), 1, 2));
        }
        let elementary = match name {
            "exp" => Some(E::Exp),
            "log" => Some(E::Log),
            "log1p" => Some(E::Log1p),
            "expm1" => Some(E::Expm1),
            "sqrt" => Some(E::Sqrt),
            "cbrt" => Some(E::Cbrt),
            "abs" => Some(E::Abs),
            "sign" => Some(E::Sign),
            "sin" => Some(E::Sin),
            "cos" => Some(E::Cos),
            "tan" => Some(E::Tan),
            "asin" => Some(E::Asin),
            "acos" => Some(E::Acos),
            "atan" => Some(E::Atan),
            "sinh" => Some(E::Sinh),
            "cosh" => Some(E::Cosh),
            "tanh" => Some(E::Tanh),
            "asinh" => Some(E::Asinh),
            "acosh" => Some(E::Acosh),
            "atanh" => Some(E::Atanh),
            "sigmoid" => Some(E::Sigmoid),
            "softplus" => Some(E::Softplus),
            "relu" => Some(E::Relu),
            "erf" => Some(E::Erf),
            "gamma" => Some(E::Gamma),
            "lgamma" => Some(E::Lgamma),
            "digamma" => Some(E::Polygamma(0)),
            "trigamma" => Some(E::Polygamma(1)),
            _ => None,
        };
        if let Some(function) = elementary {
            return Some((Elementary(function), 1, 1));
        }
        let (function, fewest, most) = match name {
            "softmax" => (Softmax(Axis::All), 1, 2),
            "polygamma" => (Polygamma, 2, 2),
            "atan2" => (Atan2, 2, 2),
            "pow" => (Pow, 2, 2),
            "where" => (Where, 3, 3),
            "tr" => (Tr, 1, 1),
            "det" => (Det, 1, 1),
            "logdet" => (Logdet, 1, 1),
            "inv" => (Inv, 1, 1),
            "pinv" => (Pinv, 1, 1),
            "adj" => (Adj, 1, 1),
            "cof" => (Cof, 1, 1),
            "diag" => (Diag, 1, 1),
            "vec" => (Vec, 1, 1),
            "rvec" => (Rvec, 1, 1),
            "kron" => (Kron, 2, 2),
            "dot" => (Dot, 2, 2),
            "cross" => (Cross, 2, 2),
            "chol" => (Chol, 1, 1),
            "expm" => (Expm, 1, 1),
            "logm" => (Logm, 1, 1),
            "sqrtm" => (Sqrtm, 1, 1),
            "eigvals" => (Eigvals, 1, 1),
            "eigvecs" => (Eigvecs, 1, 1),
            "singvals" => (Singvals, 1, 1),
            "svdU" => (SvdU, 1, 1),
            "svdV" => (SvdV, 1, 1),
            "transpose" => (Transpose, 1, 1),
            "norm" | "norm2" | "normF" => (Norm, 1, 1),
            "norm1" => (Norm1, 1, 1),
            "norminf" => (NormInf, 1, 1),
            "normspec" => (NormSpec, 1, 1),
            "normnuc" => (NormNuc, 1, 1),
            "cumsum" => (Cumsum, 1, 1),
            "revcumsum" => (RevCumsum, 1, 1),
            "tril" => (Tril, 1, 1),
            "triu" => (Triu, 1, 1),
            "reshape" => (Reshape, 3, 3),
            "size" => (Size, 2, 2),
            "vector" => (Vector, 1, 1),
            "matrix" => (Matrix, 1, 1),
            "expm_frechet" => (ExpmFrechet, 2, 2),
            "logm_frechet" => (LogmFrechet, 2, 2),
            "sqrtm_frechet" => (SqrtmFrechet, 2, 2),
            "eye" => (Eye, 1, 1),
            "ones" => (Ones, 1, 2),
            "zeros" => (Zeros, 1, 2),
            "unit" => (Unit, 2, 2),
            "commutation" => (Commutation, 2, 2),
            "duplication" => (Duplication, 1, 1),
            "elimination" => (Elimination, 1, 1),
            _ => return None,
        };
        Some((function, fewest, most))
    }

    /// Whether argument `position` (from 0) is a size, where dimension names go before variables.
    pub(crate) fn takes_size(self, position: usize) -> bool {
        use Builtin::*;
        match self {
            Eye | Ones | Zeros | Unit | Commutation | Duplication | Elimination => true,
            Reshape | Size => position > 0,
            Polygamma => position == 0,
            _ => false,
        }
    }
}
