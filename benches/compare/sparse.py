"""Large sparse derivatives: chained Rosenbrock, Broyden's tridiagonal system, the stencil of Bratu's equation."""

from harness import Row, blocked, derivative, np, optional

jax, casadi, numba = optional("jax"), optional("casadi"), optional("numba")
if jax:
    jnp = jax.numpy


def data(answer):
    """The values of a sparse derivative."""
    return answer["data"]


def buffered(function, x):
    """A function of casadi, called on memory of ours."""
    out = np.zeros(function.nnz_out(0))
    buffer, trigger = function.buffer()
    buffer.set_arg(0, memoryview(x))
    buffer.set_res(0, memoryview(out))

    def call():
        trigger()
        return out

    call.keep = (buffer, function)
    return call


def tridiagonal(below, middle, above):
    """The values of a tridiagonal matrix row by row."""
    values = np.zeros((middle.size, 3))
    values[1:, 0], values[:, 1], values[:-1, 2] = below, middle, above
    return values.ravel()[1:-1]


def rosenbrock(n):
    x = np.random.default_rng(60).standard_normal(n)
    inputs = {"x": x}

    def gradient():
        t = x[1:] - x[:-1] ** 2
        found = np.zeros(n)
        found[:-1] = -400 * x[:-1] * t - 2 * (1 - x[:-1])
        found[1:] += 200 * t
        return found

    def hessian():
        middle = np.zeros(n)
        middle[:-1] = 1200 * x[:-1] ** 2 - 400 * x[1:] + 2
        middle[1:] += 200
        return tridiagonal(-400 * x[:-1], middle, -400 * x[:-1])

    first, second = {}, {}
    if numba:
        @numba.njit(fastmath=True)
        def loop(x, g):
            n = x.size
            g[0] = -400 * x[0] * (x[1] - x[0] * x[0]) - 2 * (1 - x[0])
            for i in range(1, n - 1):
                g[i] = -400 * x[i] * (x[i + 1] - x[i] * x[i]) - 2 * (1 - x[i]) + 200 * (x[i] - x[i - 1] * x[i - 1])
            g[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2])

        @numba.njit(fastmath=True)
        def values(x, v):
            n = x.size
            v[0] = 1200 * x[0] * x[0] - 400 * x[1] + 2
            v[1] = -400 * x[0]
            for i in range(1, n - 1):
                v[3 * i - 1] = -400 * x[i - 1]
                v[3 * i] = 1200 * x[i] * x[i] - 400 * x[i + 1] + 202
                v[3 * i + 1] = -400 * x[i]
            v[3 * n - 4] = -400 * x[n - 2]
            v[3 * n - 3] = 200

        g, v = np.zeros(n), np.zeros(3 * n - 2)
        first["numba"] = lambda: (loop(x, g), g)[1]
        second["numba"] = lambda: (values(x, v), v)[1]
    if jax:
        first["jax"] = blocked(jax, jax.grad(lambda x: 100 * jnp.sum((x[1:] - x[:-1] ** 2) ** 2) + jnp.sum((1 - x[:-1]) ** 2)),
                               jnp.asarray(x))
    if casadi and n <= 20_000:
        s = casadi.SX.sym("x", n)
        e = casadi.sumsqr(10 * (s[1:] - s[:-1] ** 2)) + casadi.sumsqr(1 - s[:-1])
        first["casadi"] = buffered(casadi.Function("g", [s], [casadi.gradient(e, s)]), x)
        second["casadi"] = buffered(casadi.Function("h", [s], [casadi.hessian(e, s)[0]]), x)
    yield Row(f"Rosenbrock gradient, n = {n}", "rosenbrock.mg", ["--wrt", "x", "--order", "1..1", "--layout", "gradient"], inputs, gradient,
              first, derivative, closed=["numba"], target="≤ 1.3× numba")
    yield Row(f"Rosenbrock sparse Hessian, n = {n}", "rosenbrock.mg", ["--wrt", "x", "--order", "2..2", "--sparse"], inputs,
              hessian, second, data, closed=["numba"], target="≤ 1.3× numba")


def broyden(n):
    x = np.random.default_rng(61).standard_normal(n)

    def jacobian():
        return tridiagonal(np.full(n - 1, -1.0), 3 - 4 * x, np.full(n - 1, -2.0))

    peers = {"numpy": jacobian}
    if numba:
        @numba.njit(fastmath=True)
        def values(x, v):
            n = x.size
            for i in range(n):
                if i > 0:
                    v[3 * i - 1] = -1
                v[3 * i] = 3 - 4 * x[i]
                if i < n - 1:
                    v[3 * i + 1] = -2

        v = np.zeros(3 * n - 2)
        peers["numba"] = lambda: (values(x, v), v)[1]
    if casadi and n <= 20_000:
        s = casadi.SX.sym("x", n)
        F = (3 - 2 * s) * s - casadi.vertcat(0, s[:-1]) - 2 * casadi.vertcat(s[1:], 0) + 1
        # casadi stores columns: the transpose has the rows
        peers["casadi"] = buffered(casadi.Function("j", [s], [casadi.jacobian(F, s).T]), x)
    yield Row(f"Broyden sparse Jacobian, n = {n}", "broyden.mg", ["--wrt", "x", "--order", "1..1", "--sparse"], {"x": x}, jacobian, peers, data,
              closed=["numpy", "numba"], target="≤ 1.3× numba")


def bratu(k):
    n = k * k
    u, lam = np.random.default_rng(62).standard_normal((k, k)), 5 / (k + 1) ** 2
    at = np.arange(n).reshape(k, k, order="F")
    rows, columns = [], []
    for down, right in ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1)):
        i, j = slice(max(0, -down), k - max(0, down)), slice(max(0, -right), k - max(0, right))
        to_i, to_j = slice(i.start + down, i.stop + down), slice(j.start + right, j.stop + right)
        rows.append(at[i, j].ravel())
        columns.append(at[to_i, to_j].ravel())
    rows, columns = np.concatenate(rows), np.concatenate(columns)
    order = np.lexsort((columns, rows))
    rows, columns = rows[order], columns[order]
    diagonal = rows == columns

    def jacobian():
        values = np.full(rows.size, -1.0)
        values[diagonal] = 4 - lam * np.exp(u.ravel(order="F"))
        return values

    peers = {"numpy": jacobian}
    if casadi and k <= 150:
        s = casadi.SX.sym("u", n)
        v = casadi.reshape(s, k, k)
        across, down = casadi.SX.zeros(1, k), casadi.SX.zeros(k, 1)
        R = casadi.vec(4 * v - lam * casadi.exp(v) - casadi.vertcat(across, v[:-1, :]) - casadi.vertcat(v[1:, :], across)
                       - casadi.horzcat(down, v[:, :-1]) - casadi.horzcat(v[:, 1:], down))
        peers["casadi"] = buffered(casadi.Function("j", [s], [casadi.jacobian(R, s).T]), np.ascontiguousarray(u.ravel(order="F")))
    yield Row(f"Bratu sparse Jacobian, {k} × {k}", "bratu.mg", ["--wrt", "u", "--order", "1..1", "--sparse"], {"u": u, "lam": lam}, jacobian,
              peers, data, closed=["numpy"], target="≤ 1.3× a compiled loop")


def rows(quick):
    for n in (1000,) if quick else (10_000, 100_000):
        yield from rosenbrock(n)
        yield from broyden(n)
    for k in (20,) if quick else (100, 300):
        yield from bratu(k)
