//! Functions that Julia or MATLAB do not have, written beside the function that needs them.

use std::collections::BTreeSet;

/// Packages of Julia beside LinearAlgebra.
pub(super) fn imports(helpers: &BTreeSet<&'static str>) -> Vec<&'static str> {
    ["SpecialFunctions", "Statistics"].into_iter().filter(|name| helpers.contains(name)).collect()
}

fn chosen(helpers: &BTreeSet<&'static str>, table: &[(&'static str, &'static str)]) -> Vec<&'static str> {
    table.iter().filter(|(name, _)| helpers.contains(name)).map(|(_, source)| *source).collect()
}

/// Definitions in Julia.
pub(super) fn julia(helpers: &BTreeSet<&'static str>) -> Vec<&'static str> {
    chosen(
        helpers,
        &[
            ("sigmoid", "sigmoid_(x) = (1 + tanh(x / 2)) / 2"),
            ("softplus", "softplus_(x) = max(x, 0) + log1p(exp(-abs(x)))"),
            ("lgamma", "lgamma_(x) = logabsgamma(x)[1]"),
            (
                "logsumexp",
                "function logsumexp_(x)\n    m = maximum(x)\n    return isfinite(m) ? m + log(sum(exp.(x .- m))) : m\nend",
            ),
            (
                "softmax",
                "function softmax_(x, axis)\n    m = axis == 0 ? maximum(x) : maximum(x, dims=axis)\n    p = exp.(x .- m)\n    return p ./ (axis == 0 ? sum(p) : sum(p, dims=axis))\nend",
            ),
            (
                "adjugate",
                "function adjugate_(x)\n    u, s, v = svd(x)\n    others = [prod(s[1:end .!= k]) for k in eachindex(s)]\n    return det(u) * det(v) .* (v * Diagonal(others) * u')\nend",
            ),
            (
                "commutation",
                "# K with K vec(A) = vec(A') for A of m x n\nfunction commutation_(m, n)\n    K = zeros(m * n, m * n)\n    for i = 1:m, j = 1:n\n        K[(i - 1) * n + j, (j - 1) * m + i] = 1.0\n    end\n    return K\nend",
            ),
            (
                "duplication",
                "# D with D vech(A) = vec(A) for symmetric A of n x n\nfunction duplication_(n)\n    D = zeros(n^2, div(n * (n + 1), 2))\n    k = 0\n    for j = 1:n, i = j:n\n        k += 1\n        D[(j - 1) * n + i, k] = 1.0\n        D[(i - 1) * n + j, k] = 1.0\n    end\n    return D\nend",
            ),
            (
                "elimination",
                "# L with L vec(A) = vech(A) for A of n x n\nfunction elimination_(n)\n    L = zeros(div(n * (n + 1), 2), n^2)\n    k = 0\n    for j = 1:n, i = j:n\n        k += 1\n        L[k, (j - 1) * n + i] = 1.0\n    end\n    return L\nend",
            ),
            (
                "levi_civita",
                "levi_civita_(p) = Float64(prod(sign(p[b] - p[a]) for a in eachindex(p) for b in a+1:length(p)))",
            ),
            ("expm_frechet", "expm_frechet_(x, e) = exp([x e; zero(x) x])[1:size(x, 1), size(x, 1)+1:end]"),
            ("logm_frechet", "logm_frechet_(x, e) = real(log([x e; zero(x) x]))[1:size(x, 1), size(x, 1)+1:end]"),
            ("sqrtm_frechet", "sqrtm_frechet_(x, e) = real(sqrt([x e; zero(x) x]))[1:size(x, 1), size(x, 1)+1:end]"),
        ],
    )
}

/// Definitions in MATLAB, which Octave reads as well.
pub(super) fn matlab(helpers: &BTreeSet<&'static str>) -> Vec<&'static str> {
    chosen(
        helpers,
        &[
            ("sigmoid", "function y = sigmoid_(x)\n    y = (1 + tanh(x / 2)) / 2;\nend"),
            ("softplus", "function y = softplus_(x)\n    y = max(x, 0) + log1p(exp(-abs(x)));\nend"),
            ("cbrt", "function y = cbrt_(x)\n    y = sign(x) .* abs(x) .^ (1 / 3);\nend"),
            (
                "where",
                "function y = where_(condition, a, b)\n    y = zeros(size(condition)) + 0 * a + 0 * b;\n    a = a + zeros(size(y));\n    b = b + zeros(size(y));\n    condition = condition | false(size(y));\n    y(condition) = a(condition);\n    y(~condition) = b(~condition);\nend",
            ),
            (
                "logsumexp",
                "function y = logsumexp_(x, axis)\n    if nargin < 2\n        x = x(:);\n        axis = 1;\n    end\n    m = max(x, [], axis);\n    y = m + log(sum(exp(x - m), axis));\n    y(isinf(m)) = m(isinf(m));\nend",
            ),
            (
                "softmax",
                "function y = softmax_(x, axis)\n    if axis == 0\n        p = exp(x - max(x(:)));\n        y = p / sum(p(:));\n    else\n        p = exp(x - max(x, [], axis));\n        y = p ./ sum(p, axis);\n    end\nend",
            ),
            ("logdet", "function y = logdet_(x)\n    [~, u, ~] = lu(x);\n    y = sum(log(abs(diag(u))));\nend"),
            (
                "adjugate",
                "function y = adjugate_(x)\n    [u, s, v] = svd(x);\n    s = diag(s);\n    others = zeros(size(s));\n    for k = 1:numel(s)\n        others(k) = prod(s([1:k-1, k+1:end]));\n    end\n    y = det(u) * det(v) * (v * diag(others) * u');\nend",
            ),
            (
                "eigvecs",
                "function q = eigvecs_(x)\n    [q, d] = eig((x + x') / 2);\n    [~, order] = sort(diag(d));\n    q = q(:, order);\nend",
            ),
            ("svdu", "function u = svdu_(x)\n    [u, ~, ~] = svd(x, \"econ\");\nend"),
            ("svdv", "function v = svdv_(x)\n    [~, ~, v] = svd(x, \"econ\");\nend"),
            (
                "commutation",
                "% K with K vec(A) = vec(A') for A of m x n\nfunction K = commutation_(m, n)\n    order = reshape(1:m*n, m, n)';\n    K = eye(m * n);\n    K = K(order(:), :);\nend",
            ),
            (
                "duplication",
                "% D with D vech(A) = vec(A) for symmetric A of n x n\nfunction D = duplication_(n)\n    D = zeros(n^2, n * (n + 1) / 2);\n    k = 0;\n    for q = 1:n\n        for p = q:n\n            k = k + 1;\n            D((q - 1) * n + p, k) = 1;\n            D((p - 1) * n + q, k) = 1;\n        end\n    end\nend",
            ),
            (
                "elimination",
                "% L with L vec(A) = vech(A) for A of n x n\nfunction L = elimination_(n)\n    L = eye(n^2);\n    L = L(tril(true(n)), :);\nend",
            ),
            (
                "levi_civita",
                "function s = levi_civita_(p)\n    s = 1;\n    for a = 1:numel(p)\n        for b = a+1:numel(p)\n            s = s * sign(p(b) - p(a));\n        end\n    end\nend",
            ),
            (
                "expm_frechet",
                "function y = expm_frechet_(x, e)\n    n = size(x, 1);\n    y = expm([x, e; zeros(n), x]);\n    y = y(1:n, n+1:end);\nend",
            ),
            (
                "logm_frechet",
                "function y = logm_frechet_(x, e)\n    n = size(x, 1);\n    y = real(logm([x, e; zeros(n), x]));\n    y = y(1:n, n+1:end);\nend",
            ),
            (
                "sqrtm_frechet",
                "function y = sqrtm_frechet_(x, e)\n    n = size(x, 1);\n    y = real(sqrtm([x, e; zeros(n), x]));\n    y = y(1:n, n+1:end);\nend",
            ),
        ],
    )
}
