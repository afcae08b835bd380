//! Functions that the libraries do not have, written before the function that needs them.

use std::collections::BTreeSet;

use super::{Python, dask};

/// Imports and definitions of these helpers, those first that others need.
pub(super) fn sources(dialect: Python, wanted: &BTreeSet<&'static str>) -> (Vec<String>, Vec<String>) {
    let mut all: BTreeSet<&'static str> = wanted.clone();
    // what helpers need themselves
    for (name, needs) in [
        ("_expm_frechet", "_expm"),
        ("_logm_frechet", "_logm"),
        ("_sqrtm_frechet", "_sqrtm"),
        ("_logm", "_sqrtm"),
        ("_elimination", "_lower"),
        ("_duplication", "_lower"),
        ("_softmax", "_logsumexp"),
    ] {
        if all.contains(name) {
            all.insert(needs);
        }
    }
    // what dask does not do is done by NumPy
    let in_numpy = matches!(dialect, Python::Numpy | Python::Dask);
    let numpy_scipy = in_numpy && ["_expm", "_logm", "_sqrtm"].iter().any(|h| all.contains(h));
    let mut scipy: Vec<&str> = Vec::new();
    if in_numpy && (all.contains("linalg") || numpy_scipy) {
        scipy.push("linalg");
    }
    if in_numpy && (all.contains("special") || all.contains("_logsumexp")) {
        scipy.push("special");
    }
    let mut imports = Vec::new();
    if !scipy.is_empty() {
        imports.push(format!("from scipy import {}", scipy.join(", ")));
    }
    if dialect == Python::Jax && (all.contains("jax.scipy.linalg") || all.contains("_expm")) {
        imports.push("import jax.scipy.linalg".to_owned());
    }
    let order = [
        "_lay",
        "_whole",
        "_solve",
        "_logsumexp",
        "_softmax",
        "_expm",
        "_sqrtm",
        "_logm",
        "_lower",
        "_commutation",
        "_duplication",
        "_elimination",
        "_levi_civita",
        "_adjugate",
        "_gamma",
        "_expm_frechet",
        "_logm_frechet",
        "_sqrtm_frechet",
    ];
    let definitions = order.iter().filter(|name| all.contains(**name)).map(|name| source(dialect, name)).collect();
    (imports, definitions)
}

fn source(dialect: Python, name: &str) -> String {
    if let Some(text) = dask::source(name) {
        return text.to_owned();
    }
    let dialect = if dialect == Python::Dask { Python::Numpy } else { dialect };
    let m = dialect.module();
    let float = if dialect == Python::Torch { ", dtype=torch.float64" } else { "" };
    match name {
        "_expm" => match dialect {
            Python::Numpy | Python::Dask => "def _expm(x):\n    return linalg.expm(x)".to_owned(),
            Python::Jax => "def _expm(x):\n    return jax.scipy.linalg.expm(x)".to_owned(),
            Python::Torch => "def _expm(x):\n    return torch.linalg.matrix_exp(x)".to_owned(),
        },
        "_sqrtm" => match dialect {
            Python::Numpy | Python::Dask => "def _sqrtm(x):\n    return np.real(linalg.sqrtm(x))".to_owned(),
            _ => format!(
                r#"def _sqrtm(x):
    """The principal square root by the scaled iteration of Denman and Beavers (Higham, Functions of Matrices, 6.3)."""
    n = x.shape[0]
    y, z = x, {m}.eye(n{float})
    for k in range(40):
        c = {m}.abs({m}.linalg.det(y) * {m}.linalg.det(z)) ** (-1 / (2 * n)) if k < 12 else 1.0
        y, z = (c * y + {m}.linalg.inv(z) / c) / 2, (c * z + {m}.linalg.inv(y) / c) / 2
    return y"#
            ),
        },
        "_logm" => match dialect {
            Python::Numpy | Python::Dask => "def _logm(x):\n    return np.real(linalg.logm(x))".to_owned(),
            _ => format!(
                r#"def _logm(x):
    """The principal logarithm by inverse scaling and squaring (Higham, Functions of Matrices, 11.5)."""
    roots = 8
    for _ in range(roots):
        x = _sqrtm(x)
    eye = {m}.eye(x.shape[0]{float})
    # log(x) = 2*artanh((x - 1)/(x + 1))
    y = {m}.linalg.solve(x + eye, x - eye)
    square, power, total = y @ y, y, y
    for k in range(1, 12):
        power = power @ square
        total = total + power / (2 * k + 1)
    return 2.0 ** (roots + 1) * total"#
            ),
        },
        "_lower" => r#"def _lower(n):
    """The places of the lower triangle, by columns."""
    return [(i, j) for j in range(n) for i in range(j, n)]"#
            .to_owned(),
        "_commutation" => {
            let body = match dialect {
                Python::Jax => {
                    "k = jnp.eye(m * n)\n    return k.reshape(n, m, m * n).transpose(1, 0, 2).reshape(m * n, m * n)"
                }
                Python::Torch => {
                    "k = torch.eye(m * n, dtype=torch.float64)\n    return k.reshape(n, m, m * n).permute(1, 0, 2).reshape(m * n, m * n)"
                }
                Python::Numpy | Python::Dask => {
                    "k = np.eye(m * n)\n    return k.reshape(n, m, m * n).transpose(1, 0, 2).reshape(m * n, m * n)"
                }
            };
            format!(
                "def _commutation(m, n):\n    \"\"\"K with K vec(A) = vec(A') for A of shape (m, n).\"\"\"\n    {body}"
            )
        }
        "_duplication" | "_elimination" => {
            let duplication = name == "_duplication";
            let fill = if duplication {
                "[1.0 if (i, j) == (a, b) or (j, i) == (a, b) else 0.0 for a, b in _lower(n)] for j in range(n) for i in range(n)"
            } else {
                "[1.0 if (i, j) == (a, b) else 0.0 for j in range(n) for i in range(n)] for a, b in _lower(n)"
            };
            let meaning = if duplication {
                "D with D vech(A) = vec(A) for symmetric A of shape (n, n)."
            } else {
                "L with L vec(A) = vech(A) for A of shape (n, n)."
            };
            let array = if dialect == Python::Torch {
                "torch.tensor"
            } else if dialect == Python::Jax {
                "jnp.array"
            } else {
                "np.array"
            };
            format!("def {name}(n):\n    \"\"\"{meaning}\"\"\"\n    return {array}([{fill}]{float})")
        }
        "_levi_civita" => {
            let array = if dialect == Python::Torch {
                "torch.tensor"
            } else if dialect == Python::Jax {
                "jnp.array"
            } else {
                "np.array"
            };
            format!(
                r#"def _levi_civita(n):
    """The sign of a permutation, 0 where places repeat."""
    def sign(places):
        s = 1.0
        for a in range(n):
            for b in range(a + 1, n):
                s *= (places[b] > places[a]) - (places[b] < places[a])
        return s

    def table(places):
        if len(places) == n:
            return sign(places)
        return [table(places + [k]) for k in range(n)]

    return {array}(table([]){float})"#
            )
        }
        "_adjugate" => {
            let others = match dialect {
                Python::Torch => "torch.stack([torch.prod(torch.cat([s[:k], s[k + 1:]])) for k in range(len(s))])",
                Python::Jax => "jnp.array([jnp.prod(jnp.concatenate([s[:k], s[k + 1:]])) for k in range(len(s))])",
                Python::Numpy | Python::Dask => "np.array([np.prod(np.delete(s, k)) for k in range(len(s))])",
            };
            format!(
                r#"def _adjugate(x):
    """The adjugate, also of singular matrices, by the singular value decomposition."""
    u, s, vt = {m}.linalg.svd(x)
    others = {others}
    return {m}.linalg.det(u) * {m}.linalg.det(vt) * (vt.T * others) @ u.T"#
            )
        }
        "_gamma" => r#"def _gamma(x):
    """The gamma function; of negative numbers by reflection."""
    positive = torch.exp(torch.lgamma(x))
    sign = torch.where((x < 0) & (torch.floor(x) % 2 != 0), -1.0, 1.0)
    return sign * positive"#
            .to_owned(),
        "_expm_frechet" | "_logm_frechet" | "_sqrtm_frechet" => {
            let function = name.trim_end_matches("_frechet");
            let block = match dialect {
                Python::Torch => "torch.cat([torch.cat([x, e], dim=1), torch.cat([0 * x, x], dim=1)])".to_owned(),
                _ => format!("{m}.block([[x, e], [0 * x, x]])"),
            };
            format!(
                "def {name}(x, e):\n    \"\"\"The derivative of {} at x along e: a block of it at [x, e; 0, x] (Mathias 1996).\"\"\"\n    n = x.shape[0]\n    return {function}({block})[:n, n:]",
                function.trim_start_matches('_')
            )
        }
        _ => String::new(),
    }
}
