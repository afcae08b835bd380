//! Linear algebra for languages that bring none: short, plain, double precision, arrays row by row.
//!
//! Eigenvalues and singular values by Jacobi's method (Golub and Van Loan, Matrix Computations, 8.5 and 8.6); exponential,
//! root and logarithm as in Higham, Functions of Matrices, chapters 10, 6 and 11.

use std::collections::BTreeSet;

/// What a helper needs.
const NEEDS: &[(&str, &[&str])] = &[
    ("mg_solve", &["mg_lu"]),
    ("mg_inverse", &["mg_solve", "mg_identity"]),
    ("mg_det", &["mg_lu"]),
    ("mg_logdet", &["mg_lu"]),
    ("mg_eigvals", &["mg_eigen"]),
    ("mg_eigvecs", &["mg_eigen"]),
    ("mg_singvals", &["mg_svd"]),
    ("mg_svdu", &["mg_svd"]),
    ("mg_svdv", &["mg_svd"]),
    ("mg_normspec", &["mg_svd"]),
    ("mg_normnuc", &["mg_svd"]),
    ("mg_pinv", &["mg_svd"]),
    ("mg_adjugate", &["mg_det"]),
    ("mg_expm", &["mg_matmul", "mg_solve"]),
    ("mg_sqrtm", &["mg_inverse", "mg_det"]),
    ("mg_logm", &["mg_sqrtm", "mg_matmul", "mg_solve"]),
    ("mg_expm_frechet", &["mg_expm"]),
    ("mg_logm_frechet", &["mg_logm"]),
    ("mg_sqrtm_frechet", &["mg_sqrtm"]),
    ("mg_gamma", &["mg_lgamma"]),
    ("mg_svd", &[]),
];

fn with_needs(wanted: &BTreeSet<&'static str>) -> BTreeSet<&'static str> {
    let mut all = wanted.clone();
    loop {
        let before = all.len();
        for (name, needs) in NEEDS {
            if all.contains(name) {
                all.extend(needs.iter().copied());
            }
        }
        if all.len() == before {
            return all;
        }
    }
}

/// The definitions in C, those first that others need.
pub(super) fn c(wanted: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let all = with_needs(wanted);
    pieces(include_str!("helpers.c")).into_iter().filter(|(name, _)| all.contains(name)).map(|(_, code)| code).collect()
}

/// The definitions in Rust.
pub(super) fn rust(wanted: &BTreeSet<&'static str>) -> Vec<&'static str> {
    let all = with_needs(wanted);
    pieces(include_str!("helpers.rs.txt"))
        .into_iter()
        .filter(|(name, _)| all.contains(name))
        .map(|(_, code)| code)
        .collect()
}

/// A file of definitions, each behind a line `//// name`.
fn pieces(file: &'static str) -> Vec<(&'static str, &'static str)> {
    file.split("//// ")
        .skip(1)
        .filter_map(|piece| piece.split_once('\n'))
        .map(|(name, code)| (name.trim(), code.trim_end()))
        .collect()
}
