"""Closed forms on dense matrices: quadratic form, logistic regression, matrix factorisation, a network of ten layers."""

from harness import Row, blocked, derivative, np, optional

jax = optional("jax")
if jax:
    jnp = jax.numpy


def quadratic(n):
    draw = np.random.default_rng(1)
    A, x = draw.standard_normal((n, n)), draw.standard_normal(n)

    def closed():
        return A + A.T

    peers = {"numpy": closed}
    if jax:
        peers["jax"] = blocked(jax, jax.hessian(lambda x, A: x @ (A @ x)), jnp.asarray(x), jnp.asarray(A))
    yield Row(f"Hessian of x'Ax, n = {n}", "quadratic.mg", ["--wrt", "x", "--order", "2..2"], {"A": A, "x": x}, closed, peers,
              derivative, closed=["numpy"], target="≥ 20× jax, ≤ 1.3× numpy")


def logistic(n):
    from scipy.linalg.blas import dsyrk

    draw = np.random.default_rng(2)
    X, y = draw.standard_normal((2 * n, n)), np.sign(draw.standard_normal(2 * n))
    w = draw.standard_normal(n) / np.sqrt(n)
    inputs = {"X": X, "y": y, "w": w}

    def gradient():
        t = np.exp(-y * (X @ w))
        return X.T @ (-y * t / (1 + t))

    def hessian():
        t = np.exp(-y * (X @ w))
        half = dsyrk(1.0, ((np.sqrt(t) / (1 + t))[:, None] * X).T, trans=0, lower=0)
        below = np.tril_indices(n, -1)
        half[below] = half.T[below]
        return half

    first, second = {"numpy": gradient}, {"numpy-syrk": hessian}
    if jax:
        data = [jnp.asarray(v) for v in (w, X, y)]

        def f(w, X, y):
            return jnp.sum(jnp.log(jnp.exp(-y * (X @ w)) + 1))

        first["jax"] = blocked(jax, jax.grad(f), *data)
        second["jax"] = blocked(jax, jax.hessian(f), *data)
    yield Row(f"logistic gradient, n = {n}", "logistic.mg", ["--wrt", "w", "--order", "1..1", "--layout", "gradient"], inputs, gradient, first,
              derivative, closed=["numpy"], target="≥ 1.5× jax")
    yield Row(f"logistic Hessian, n = {n}", "logistic.mg", ["--wrt", "w", "--order", "2..2"], inputs, hessian, second,
              derivative, closed=["numpy-syrk"], target="≥ 4× jax, ≤ 1.2× numpy-syrk")


def factorisation(n, k=5):
    draw = np.random.default_rng(3)
    T, U, V = draw.standard_normal((n, n)), draw.standard_normal((n, k)), draw.standard_normal((n, k))
    inputs = {"T": T, "U": U, "V": V}

    def gradient():
        return 2 * (U @ (V.T @ V) - T @ V)

    def dense():
        found, each = np.zeros((n, k, n, k)), np.arange(n)
        found[each, :, each, :] = 2 * (V.T @ V)
        return found

    first, second = {"numpy": gradient}, {"numpy": dense}
    if jax:
        data = [jnp.asarray(v) for v in (U, V, T)]

        def f(U, V, T):
            return jnp.sum((T - U @ V.T) ** 2)

        first["jax"] = blocked(jax, jax.grad(f), *data)
        if n <= 200:
            second["jax"] = blocked(jax, jax.hessian(f), *data)
    yield Row(f"factorisation gradient, n = {n}", "factorisation.mg", ["--wrt", "U", "--order", "1..1", "--layout", "gradient"], inputs,
              gradient, first, derivative, closed=["numpy"], target="≥ 1.5× jax")
    if n <= 200:
        yield Row(f"factorisation dense Hessian, n = {n}", "factorisation.mg",
                  ["--wrt", "U", "--order", "2..2", "--layout", "tensor"], inputs, dense, second, derivative, closed=["numpy"],
                  target="≥ 300× jax")


def network(n, layers=10):
    draw = np.random.default_rng(4)
    W = [draw.standard_normal((n, n)) * np.sqrt(2 / n) for _ in range(layers)]
    x, y = draw.standard_normal(n), np.eye(n)[0]
    inputs = {"x": x, "y": y} | {f"W{k + 1}": M for k, M in enumerate(W)}

    def forward():
        before, v = [], x
        for M in W:
            before.append(M @ v)
            v = np.maximum(before[-1], 0)
        e = np.exp(before[-1] - before[-1].max())
        return before, e / e.sum()

    def gradient():
        before, p = forward()
        d = p - y
        for k in range(layers - 1, 0, -1):
            d = (W[k].T @ d) * (before[k - 1] > 0)
        return np.outer(d, x)

    def hessian():
        before, p = forward()
        J = np.diag((before[0] > 0).astype(float))
        for k in range(1, layers):
            J = W[k] @ J
            if k < layers - 1:
                J *= (before[k] > 0)[:, None]
        q = J.T @ p
        return np.einsum("ik,j,l->ijkl", J.T @ (p[:, None] * J) - np.outer(q, q), x, x)

    first, second = {"numpy": gradient}, {"numpy": hessian}
    if jax:
        data = [jnp.asarray(W[0]), [jnp.asarray(M) for M in W[1:]], jnp.asarray(x), jnp.asarray(y)]

        def f(W1, rest, x, y):
            v = jax.nn.relu(W1 @ x)
            for M in rest[:-1]:
                v = jax.nn.relu(M @ v)
            z = rest[-1] @ v
            return jax.nn.logsumexp(z) - y @ z

        first["jax"] = blocked(jax, jax.grad(f), *data)
        second["jax"] = blocked(jax, jax.hessian(f), *data)
    if n > 50:
        yield Row(f"network gradient, n = {n}", "network.mg", ["--wrt", "W1", "--order", "1..1", "--layout", "gradient"], inputs, gradient, first,
                  derivative, closed=["numpy"], target="≥ 1.2× jax")
    else:
        yield Row(f"network Hessian, n = {n}", "network.mg", ["--wrt", "W1", "--order", "2..2", "--layout", "tensor"], inputs,
                  hessian, second, derivative, closed=["numpy"], target="≥ 4× jax")


def rows(quick):
    for n in (300,) if quick else (500, 1000, 2000):
        yield from quadratic(n)
    for n in (200,) if quick else (500, 1000, 2000):
        yield from logistic(n)
    for n in (100,) if quick else (200, 2000):
        yield from factorisation(n)
    for n in (20, 100) if quick else (50, 1000):
        yield from network(n)
