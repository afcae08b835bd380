"""Functions of matrices: logdet, inverses, the marginal likelihood of a Gaussian process."""

import scipy.linalg as linalg
from harness import Row, blocked, derivative, np, optional

jax = optional("jax")
if jax:
    jnp = jax.numpy
    import jax.scipy.linalg as jlinalg


def positive(n, seed):
    B = np.random.default_rng(seed).standard_normal((n, n))
    return B @ B.T / n + np.eye(n)


def mirrored(lower):
    lower = np.tril(lower)
    return lower + np.tril(lower, -1).T


def logdet(n):
    X = positive(n, 70)

    def closed():
        factor, _ = linalg.lapack.dpotrf(X, lower=1, clean=0)
        return mirrored(linalg.lapack.dpotri(factor, lower=1)[0])

    peers = {"numpy-potri": closed}
    if jax:
        peers["jax"] = blocked(jax, jax.grad(lambda X: jnp.linalg.slogdet(X)[1]), jnp.asarray(X))
    yield Row(f"logdet gradient, n = {n}", "logdet.mg", ["--wrt", "X", "--order", "1..1", "--layout", "gradient"], {"X": X}, closed, peers,
              derivative, closed=["numpy-potri"], target="≤ 1.1× numpy-potri")


def inverse(n):
    X, C = positive(n, 71), np.random.default_rng(72).standard_normal((n, n))

    def closed():
        I = np.linalg.inv(X)
        return -I.T @ C @ I.T

    peers = {"numpy": closed}
    if jax:
        f = jax.grad(lambda X, C: jnp.sum(C * jnp.linalg.inv(X)))
        peers["jax"] = blocked(jax, f, jnp.asarray(X), jnp.asarray(C))
    yield Row(f"tr(C'inv(X)) gradient, n = {n}", "inverse.mg", ["--wrt", "X", "--order", "1..1", "--layout", "gradient"], {"X": X, "C": C},
              closed, peers, derivative, closed=["numpy"], target="≤ 1.1× numpy")


def trace_inverse(n):
    X, A = positive(n, 73), positive(n, 74)

    def closed():
        I = np.linalg.inv(A @ X)
        return -(I @ (I @ A)).T

    peers = {"numpy": closed}
    if jax:
        f = jax.grad(lambda X, A: jnp.trace(jnp.linalg.inv(A @ X)))
        peers["jax"] = blocked(jax, f, jnp.asarray(X), jnp.asarray(A))
    yield Row(f"tr(inv(AX)) gradient, n = {n}", "traceinverse.mg", ["--wrt", "X", "--order", "1..1", "--layout", "gradient"],
              {"X": X, "A": A}, closed, peers, derivative, closed=["numpy"], target="≤ 1.1× numpy")


def process(n, d=5):
    draw = np.random.default_rng(75)
    X, y, theta = draw.random((n, d)), draw.standard_normal(n), np.array([-0.5, 0.2, -1.0])

    def closed():
        s = np.einsum("ij,ij->i", X, X)
        D = X @ X.T
        D *= -2
        D += s[:, None]
        D += s
        np.maximum(D, 0, out=D)
        length, signal, noise = np.exp(2 * theta)
        K = np.exp(D * (-0.5 / length))
        K *= signal
        factor, _ = linalg.lapack.dpotrf(K + noise * np.eye(n), lower=1, clean=0)
        a = linalg.cho_solve((factor, True), y, check_finite=False)
        lower = np.tril(linalg.lapack.dpotri(factor, lower=1)[0])
        diagonal, KD = np.diagonal(lower), K * D
        by_signal = 2 * np.vdot(lower, K) - diagonal @ np.diagonal(K)
        return np.array([0.5 * (a @ KD @ a - 2 * np.vdot(lower, KD)) / length, a @ K @ a - by_signal,
                         (a @ a - diagonal.sum()) * noise])

    peers = {"numpy": closed}
    if jax:
        def f(theta, X, y):
            s = jnp.sum(X * X, 1)
            D = jnp.maximum(s[:, None] + s - 2 * X @ X.T, 0)
            K = jnp.exp(2 * theta[1] - 0.5 * D / jnp.exp(2 * theta[0])) + jnp.exp(2 * theta[2]) * jnp.eye(n)
            L = jnp.linalg.cholesky(K)
            v = jlinalg.solve_triangular(L, y, lower=True)
            return -0.5 * v @ v - jnp.sum(jnp.log(jnp.diagonal(L)))

        peers["jax"] = blocked(jax, jax.grad(f), *[jnp.asarray(v) for v in (theta, X, y)])
    yield Row(f"Gaussian process gradient, n = {n}", "gp.mg", ["--wrt", "theta", "--order", "1..1", "--layout", "gradient"],
              {"X": X, "y": y, "theta": theta}, closed, peers, derivative, closed=["numpy"],
              target="≥ 3× jax, ≤ 1.1× numpy")


def rows(quick):
    sizes = (200,) if quick else (500, 1000, 2000)
    for n in sizes:
        yield from logdet(n)
    for n in sizes[:2]:
        yield from inverse(n)
        yield from trace_inverse(n)
    for n in sizes:
        yield from process(n)
