"""The objectives of ADBench: Gaussian mixture, bundle adjustment, LSTM; inputs are seeded random data of its sizes."""

import ctypes
import pathlib
import shutil
import subprocess
import tempfile

from harness import Row, blocked, np, optional

jax, casadi, numba, torch = optional("jax"), optional("casadi"), optional("numba"), optional("torch")
if jax:
    jnp = jax.numpy
if torch:
    torch.set_num_threads(1)
    torch.set_default_dtype(torch.float64)


# The gradient of a Gaussian mixture: every peer has the one product Q·x written as a matrix product.
def mixture(n, d, K):
    r = np.random.default_rng(10 + d * 1000 + K)
    al, mu, x = r.standard_normal(K), r.random((K, d)), r.standard_normal((n, d))
    D, L = r.standard_normal((K, d)), r.standard_normal((K, d, d))
    g, w = 1.0, 0.0
    lower, diagonal = np.tril(np.ones((d, d)), -1), np.arange(d)
    block = max(16, min(n, 131_072 // (K * d)))

    def closed():
        Q = L * lower
        Q[:, diagonal, diagonal] = np.exp(D)
        sq, Qc, off = D.sum(1), Q.reshape(K * d, d), np.einsum("kij,kj->ki", Q, mu).reshape(-1)
        dal, dW, dQ = np.zeros(K), np.zeros(K * d), np.zeros((K * d, d))
        for b in range(0, n, block):
            xb = x[b:b + block]
            Z = xb @ Qc.T
            Z -= off
            Z3 = Z.reshape(-1, K, d)
            M = al + sq - 0.5 * np.einsum("nki,nki->nk", Z3, Z3)
            M -= M.max(1)[:, None]
            R = np.exp(M, out=M)
            R /= R.sum(1)[:, None]
            Z3 *= R[:, :, None]
            dal += R.sum(0)
            dW += Z.sum(0)
            dQ += Z.T @ xb
        W, dQ = dW.reshape(K, d), dQ.reshape(K, d, d) - dW.reshape(K, d)[:, :, None] * mu[:, None, :]
        q = Q[:, diagonal, diagonal]
        e = np.exp(al - al.max())
        dD = dal[:, None] - dQ[:, diagonal, diagonal] * q + g**2 * q**2 - w
        return dal - n * e / e.sum(), np.einsum("kij,ki->kj", Q, W), dD, lower * (g**2 * L - dQ)

    peers = {"numpy": closed}
    if jax:
        def objective(al, mu, D, L, x):
            Q = L * lower + jnp.exp(D)[:, :, None] * jnp.eye(d)
            sq = D.sum(1)
            Z = x @ Q.reshape(K * d, d).T - jnp.einsum("kij,kj->ki", Q, mu).reshape(-1)
            M = al + sq - 0.5 * jnp.sum(Z.reshape(-1, K, d) ** 2, 2)
            return (jnp.sum(jax.nn.logsumexp(M, axis=1)) - n * jax.nn.logsumexp(al) + 0.5 * g**2 * jnp.sum(Q**2)
                    - w * jnp.sum(sq))

        peers["jax"] = blocked(jax, jax.grad(objective, (0, 1, 2, 3)), *map(jnp.asarray, (al, mu, D, L, x)))
    if torch:
        T = [torch.from_numpy(v) for v in (al, mu, D, L)]
        tx, tlower, teye = torch.from_numpy(x), torch.from_numpy(lower), torch.eye(d)

        def by_torch():
            al, mu, D, L = (t.detach().requires_grad_(True) for t in T)
            Q = L * tlower + torch.exp(D)[:, :, None] * teye
            sq = D.sum(1)
            Z = tx @ Q.reshape(K * d, d).T - torch.einsum("kij,kj->ki", Q, mu).reshape(-1)
            M = al + sq - 0.5 * torch.sum(Z.reshape(-1, K, d) ** 2, 2)
            f = (torch.sum(torch.logsumexp(M, 1)) - n * torch.logsumexp(al, 0) + 0.5 * g**2 * torch.sum(Q**2)
                 - w * torch.sum(sq))
            return [t.numpy() for t in torch.autograd.grad(f, (al, mu, D, L))]

        peers["torch"] = by_torch
    inputs = dict(al=al, mu=mu, D=D, L=L, x=x, g=g, w=w)
    arguments = ["--wrt", "al,mu,D,L", "--order", "1..1", "--layout", "tensor"]
    yield Row(f"Gaussian mixture gradient, {n} points, d = {d}, K = {K}", "gmm.mg", arguments, inputs, closed, peers,
              lambda a: tuple(a[f"derivative_{name}"] for name in ("al", "mu", "D", "L")), closed=["numpy"],
              target="≥ 2× jax, torch")


GATHER = r"""
void all(long p, const double* cams, const double* X, const double* w, const long* cam, const long* pt, const double* feats,
         double* out, casadi_int* iw, double* ww) {
  for (long i = 0; i < p; i++) {
    double v[15]; const double* c = cams + 11*cam[i]; const double* x = X + 3*pt[i];
    for (int k = 0; k < 11; k++) v[k] = c[k];
    for (int k = 0; k < 3; k++) v[11+k] = x[k];
    v[14] = w[i];
    const double* arg[8] = {v, feats + 2*i}; double* res[8] = {out + 28*i};
    one(arg, res, iw, ww, 0);
  }
}
"""


def in_c(function):
    """Generated C with a loop around it, compiled; nothing where there is no compiler."""
    compiler = shutil.which("cc")
    if not compiler:
        return None
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        code = casadi.CodeGenerator("one.c")
        code.add(function)
        code.generate(f"{folder}/")
        text = (folder / "one.c").read_text() + GATHER
        (folder / "all.c").write_text(text)
        command = [compiler, "-O3", "-march=native", "-shared", "-fPIC", "all.c", "-o", "all.so", "-lm"]
        if subprocess.run(command, cwd=folder, capture_output=True, check=False).returncode:
            return None
        return ctypes.CDLL(str(folder / "all.so"))


# The Jacobian of the reprojection errors: 28 entries an observation, where each of them is known beforehand.
def bundle(cameras, points, p):
    r = np.random.default_rng(20)
    camera = np.array([-0.758453, -1.109613, -0.845551, 34.556073, 39.676747, 53.881673,
                       419.194514, 5.864426, -8.518870, 0.087812, 0.002739])
    cams = camera * (1 + 1e-3 * r.standard_normal((cameras, 11)))
    X = np.array([7.203245, 0.001144, 3.023326]) + 0.1 * r.standard_normal((points, 3))
    w = 0.417022 + 0.01 * r.standard_normal(p)
    feats = np.array([271.760969, 834.209256]) + r.standard_normal((p, 2))
    cam, pt = np.arange(p) % cameras, np.arange(p) % points
    # which of the 15 columns each of the two rows of an observation has
    columns = [[k for k in range(15) if k != 8], [k for k in range(15) if k != 7]]

    def closed():
        c, x = cams[cam], X[pt]
        rot, f, k1, k2 = c[:, :3], c[:, 6], c[:, 9], c[:, 10]
        q = x - c[:, 3:6]
        th = np.sqrt(np.einsum("ij,ij->i", rot, rot))
        it, cs, sn = 1 / th, np.cos(th), np.sin(th)
        u = rot * it[:, None]
        uxq, uq = np.cross(u, q), np.einsum("ij,ij->i", u, q)
        y = q * cs[:, None] + uxq * sn[:, None] + u * (uq * (1 - cs))[:, None]
        iz = 1 / y[:, 2]
        e = y[:, :2] * iz[:, None]
        r2 = np.einsum("ij,ij->i", e, e)
        distorted = e * (1 + k1 * r2 + k2 * r2 * r2)[:, None]
        J, wf = np.zeros((p, 2, 15)), w * f
        De = 2 * (k1 + 2 * k2 * r2)[:, None, None] * e[:, :, None] * e[:, None, :]
        for k in range(2):
            De[:, k, k] += 1 + k1 * r2 + k2 * r2 * r2
        De *= wf[:, None, None]
        Dy = np.empty((p, 2, 3))
        Dy[:, :, :2] = De * iz[:, None, None]
        Dy[:, :, 2] = -np.einsum("nij,nj->ni", De, e) * iz[:, None]

        def cross(v):
            M = np.zeros((p, 3, 3))
            M[:, 0, 1], M[:, 0, 2], M[:, 1, 2] = -v[:, 2], v[:, 1], -v[:, 0]
            return M - M.transpose(0, 2, 1)

        one = np.eye(3)
        R = cs[:, None, None] * one + (1 - cs)[:, None, None] * u[:, :, None] * u[:, None, :] + cross(sn[:, None] * u)
        along = -sn[:, None] * q + cs[:, None] * uxq + (uq * sn)[:, None] * u
        Yu = (1 - cs)[:, None, None] * (u[:, :, None] * q[:, None, :] + uq[:, None, None] * one) - cross(sn[:, None] * q)
        Yu = it[:, None, None] * (Yu - np.einsum("nij,nj->ni", Yu, u)[:, :, None] * u[:, None, :])
        J[:, :, 0:3] = Dy @ (Yu + along[:, :, None] * u[:, None, :])
        J[:, :, 11:14] = Dy @ R
        J[:, :, 3:6] = -J[:, :, 11:14]
        J[:, :, 6] = w[:, None] * distorted
        J[:, 0, 7] = J[:, 1, 8] = w
        J[:, :, 9], J[:, :, 10] = (wf * r2)[:, None] * e, (wf * r2 * r2)[:, None] * e
        J[:, :, 14] = distorted * f[:, None] + c[:, 7:9] - feats
        return np.stack([J[:, k, columns[k]] for k in range(2)])

    peers = {"numpy": closed}

    def model(xp, cross, v, ft):
        rot, C, f, u0, kappa, x, wt = v[0:3], v[3:6], v[6], v[7:9], v[9:11], v[11:14], v[14]
        q = x - C
        th = xp.sqrt(xp.sum(rot * rot))
        u = rot / th
        cs, sn = xp.cos(th), xp.sin(th)
        y = q * cs + cross(u, q) * sn + u * (xp.sum(u * q) * (1 - cs))
        e = y[:2] / y[2]
        r2 = xp.sum(e * e)
        return wt * (e * (1 + kappa[0] * r2 + kappa[1] * r2 * r2) * f + u0 - ft)

    if jax:
        def jacobian(cams, X, w, cam, pt, feats):
            v = jnp.concatenate([cams[cam], X[pt], w[:, None]], 1)
            J = jax.vmap(jax.jacrev(lambda v, ft: model(jnp, jnp.cross, v, ft)))(v, feats)
            return jnp.stack([J[:, k, np.array(columns[k])] for k in range(2)])

        peers["jax"] = blocked(jax, jacobian, *map(jnp.asarray, (cams, X, w, cam, pt, feats)))
    if casadi:
        v, ft = casadi.SX.sym("v", 15), casadi.SX.sym("ft", 2)

        class Symbols:
            sqrt, cos, sin, sum = casadi.sqrt, casadi.cos, casadi.sin, staticmethod(lambda x: casadi.sum1(x))

        er = model(Symbols, casadi.cross, v, ft)
        J = casadi.jacobian(er, v)
        entries = casadi.vertcat(*[J[k, c] for k in range(2) for c in columns[k]])
        one = casadi.Function("one", [v, ft], [casadi.densify(entries)])
        library = in_c(one)
        if library:
            out = np.empty((p, 2, 14))
            sizes = [ctypes.c_longlong() for _ in range(4)]
            library.one_work(*map(ctypes.byref, sizes))
            iw, ww = np.zeros(sizes[2].value + 1, dtype=np.int64), np.zeros(sizes[3].value + 1)
            wide = [cam.astype(np.int64), pt.astype(np.int64)]
            pointer = lambda array: array.ctypes.data_as(ctypes.c_void_p)  # noqa: E731
            given = [pointer(a) for a in (cams, X, w, *wide, feats, out, iw, ww)]

            def by_casadi():
                library.all(ctypes.c_long(p), *given)
                return out.transpose(1, 0, 2)

            by_casadi.keep = (library, wide, iw, ww)
            peers["casadi in C"] = by_casadi
    inputs = dict(cams=cams, X=X, w=w, feats=feats, cam=cam + 1.0, pt=pt + 1.0)
    yield Row(f"bundle adjustment Jacobian, {p} observations", "bundle.mg",
              ["--wrt", "cams,X,w", "--order", "1..1", "--sparse"], inputs, closed, peers, lambda a: a["data"],
              closed=["numpy"], target="≥ 3× casadi in C")


def lstm(steps, b=14):
    r = np.random.default_rng(30)
    main, extra, state = r.random((2, 2, 4, b)), r.random((3, b)), r.random((2, 2, b))
    sequence = (r.random((steps, b)) < 0.5).astype(float)
    N = (steps - 1) * b
    sigmoid = lambda z: 1 / (1 + np.exp(-z))  # noqa: E731

    def closed():
        h, c, tape = [state[i, 0] for i in range(2)], [state[i, 1] for i in range(2)], []
        for t in range(steps - 1):
            v, layers = sequence[t] * extra[0], []
            for i in range(2):
                W, B = main[i]
                fg, ig = sigmoid(v * W[0] + B[0]), sigmoid(h[i] * W[1] + B[1])
                og, ch = sigmoid(v * W[2] + B[2]), np.tanh(h[i] * W[3] + B[3])
                now = c[i] * fg + ig * ch
                layers.append((v, h[i], c[i], fg, ig, og, ch, np.tanh(now)))
                c[i], h[i] = now, og * np.tanh(now)
                v = h[i]
            e = np.exp(v * extra[1] + extra[2])
            tape.append((layers, v, e / (e.sum() + 2)))
        dm, de, dh, dc = np.zeros_like(main), np.zeros_like(extra), np.zeros((2, b)), np.zeros((2, b))
        for t in range(steps - 2, -1, -1):
            layers, v, share = tape[t]
            dy = -(sequence[t + 1] - share * sequence[t + 1].sum()) / N
            de[1] += dy * v
            de[2] += dy
            dv = dy * extra[1]
            for i in (1, 0):
                x, h0, c0, fg, ig, og, ch, tc = layers[i]
                W, dhi = main[i, 0], dh[i] + dv
                dci = dc[i] + dhi * og * (1 - tc * tc)
                z = (dci * c0 * fg * (1 - fg), dci * ch * ig * (1 - ig), dhi * tc * og * (1 - og), dci * ig * (1 - ch * ch))
                for k, along in enumerate((x, h0, x, h0)):
                    dm[i, 0, k] += z[k] * along
                    dm[i, 1, k] += z[k]
                dc[i], dh[i] = dci * fg, z[1] * W[1] + z[3] * W[3]
                dv = z[0] * W[0] + z[2] * W[2]
            de[0] += dv * sequence[t]
        return dm, de

    peers = {"numpy": closed}
    if jax:
        def objective(main, extra, state, sequence):
            def step(s, xy):
                x, y = xy
                v, new = x * extra[0], []
                for i in range(2):
                    W, B = main[i, 0], main[i, 1]
                    h, c = s[i, 0], s[i, 1]
                    c = c * jax.nn.sigmoid(v * W[0] + B[0]) + jax.nn.sigmoid(h * W[1] + B[1]) * jnp.tanh(h * W[3] + B[3])
                    v = jax.nn.sigmoid(v * W[2] + B[2]) * jnp.tanh(c)
                    new.append(jnp.stack([v, c]))
                p = v * extra[1] + extra[2]
                return jnp.stack(new), y @ (p - jnp.log(jnp.sum(jnp.exp(p)) + 2))

            _, parts = jax.lax.scan(step, state, (sequence[:-1], sequence[1:]))
            return -jnp.sum(parts) / N

        peers["jax"] = blocked(jax, jax.grad(objective, (0, 1)), *map(jnp.asarray, (main, extra, state, sequence)))
    inputs = dict(W1=main[0, 0], B1=main[0, 1], W2=main[1, 0], B2=main[1, 1], E=extra, s0=state.reshape(-1),
                  X=sequence[:-1], Y=sequence[1:])
    yield Row(f"LSTM gradient, 2 layers, {steps} steps", "lstm.mg",
              ["--wrt", "W1,B1,W2,B2,E", "--order", "1..1", "--layout", "gradient"], inputs, closed, peers,
              lambda a: tuple(a[f"derivative_{name}"] for name in ("W1", "B1", "W2", "B2", "E")), closed=["numpy"],
              target="≥ 3× jax")


def rows(quick):
    for n, d, K in ((100, 2, 5), (100, 10, 5)) if quick else ((1000, 2, 5), (1000, 10, 25), (1000, 32, 50), (1000, 64, 25),
                                                            (1000, 128, 10), (10_000, 10, 25), (10_000, 32, 25)):
        yield from mixture(n, d, K)
    for cameras, points, p in ((5, 60, 400),) if quick else ((49, 7776, 31_843), (93, 61_203, 287_451), (1197, 126_327, 563_734)):
        yield from bundle(cameras, points, p)
    for steps in (50,) if quick else (1024, 4096):
        yield from lstm(steps)
