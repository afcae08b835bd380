"""Small functions in a loop, where the cost of a call decides; peers run inside a loop of compiled code."""

import ctypes
import pathlib
import subprocess
import tempfile

from harness import Row, derivative, flat, np, optional

casadi = optional("casadi")
LOOP = 1000

BY_HAND = r"""
#include <math.h>
#define FENCE __asm__ volatile("" ::: "memory")
void exponential(const double *x, double *o, long times) {
  for (long k = 0; k < times; k++) {
    double a = x[0], b = x[1], b2 = b * b, e = exp(a * b2), ab = 2 * a * b;
    o[0] = e; o[1] = e * b2; o[2] = e * ab; o[3] = e * b2 * b2; o[4] = o[5] = e * (2 * b + ab * b2); o[6] = e * (2 * a + ab * ab);
    FENCE;
  }
}
void rosenbrock(const double *restrict x, double *restrict g, long n, long times) {
  for (long k = 0; k < times; k++) {
    g[0] = -400 * x[0] * (x[1] - x[0] * x[0]) - 2 * (1 - x[0]);
    g[n - 1] = 200 * (x[n - 1] - x[n - 2] * x[n - 2]);
    for (long i = 1; i < n - 1; i++)
      g[i] = -400 * x[i] * (x[i + 1] - x[i] * x[i]) - 2 * (1 - x[i]) + 200 * (x[i] - x[i - 1] * x[i - 1]);
    FENCE;
  }
}
"""


def compiled(text, *flags):
    """A shared library from C."""
    folder = pathlib.Path(tempfile.mkdtemp())
    (folder / "code.c").write_text(text, encoding="utf-8")
    library = folder / "code.so"
    subprocess.run(["cc", "-O3", "-march=native", *flags, "-w", "-fPIC", "-shared", folder / "code.c", "-o", library, "-lm"], check=True)
    return ctypes.CDLL(str(library))


def pointer(array):
    return array.ctypes.data_as(ctypes.c_void_p)


def in_c(function, inputs):
    """A function of casadi as C, called in a loop of C."""
    with tempfile.TemporaryDirectory() as folder:
        generator = casadi.CodeGenerator("code")
        generator.add(function)
        generator.generate(folder + "/")
        text = (pathlib.Path(folder) / "code.c").read_text(encoding="utf-8")
    text += (f"\nvoid peer_loop(const double **arg, double **res, casadi_int *iw, double *w, long n)"
             f"{{ for (long i = 0; i < n; i++) {function.name()}(arg, res, iw, w, 0); }}\n")
    library = compiled(text)
    doubles = ctypes.POINTER(ctypes.c_double)
    ins = [np.ascontiguousarray(v, dtype=float).ravel(order="F") for v in inputs]
    outs = [np.zeros(function.nnz_out(k)) for k in range(function.n_out())]
    arg = (doubles * max(1, function.sz_arg()))(*[v.ctypes.data_as(doubles) for v in ins])
    res = (doubles * max(1, function.sz_res()))(*[v.ctypes.data_as(doubles) for v in outs])
    iw, w = (ctypes.c_longlong * max(1, function.sz_iw()))(), (ctypes.c_double * max(1, function.sz_w()))()

    def call():
        library.peer_loop(arg, res, iw, w, ctypes.c_long(LOOP))
        return outs

    call.keep = ins
    return call


def exponential(hand):
    x = np.array([0.3, 1.2])

    def closed():
        a, b = x
        e, mixed = np.exp(a * b * b), 2 * b + 2 * a * b**3
        return np.array([e, e * b * b, e * 2 * a * b, e * b**4, e * mixed, e * mixed, e * (2 * a + 4 * a * a * b * b)])

    out = np.zeros(7)
    peers = {"C by hand": lambda: (hand.exponential(pointer(x), pointer(out), ctypes.c_long(LOOP)), out)[1]}
    per_call = {"C by hand": LOOP}
    if casadi:
        s = casadi.SX.sym("x", 2)
        e = casadi.exp(s[0] * s[1] ** 2)
        H, g = casadi.hessian(e, s)
        peers["casadi-C"] = in_c(casadi.Function("f", [s], [e, g, casadi.densify(H)], {"cse": True}), [x])
        per_call["casadi-C"] = LOOP
    yield Row("exp(x1 x2²): value, gradient, Hessian", "exponential.mg", ["--wrt", "x", "--order", "0..2"], {"x": x}, closed,
              peers, lambda a: flat((a["value"], a["derivative"], a["derivative2"])), closed=["C by hand"],
              target="≤ 1× casadi-C", per_call=per_call)


def arm():
    n, draw = 6, np.random.default_rng(56)
    q, d, a = draw.uniform(-3, 3, n), draw.uniform(0, 0.5, n), draw.uniform(0, 0.5, n)
    alpha = draw.choice([-np.pi / 2, 0, np.pi / 2], n)
    inputs = {"q": q, "d": d, "a": a, "alpha": alpha}

    def closed():
        T, axes, origins = np.eye(4), [], []
        for i in range(n):
            axes.append(T[:3, 2].copy())
            origins.append(T[:3, 3].copy())
            c, s, k, m = np.cos(q[i]), np.sin(q[i]), np.cos(alpha[i]), np.sin(alpha[i])
            T = T @ np.array([[c, -s * k, s * m, a[i] * c], [s, c * k, -c * m, a[i] * s], [0, m, k, d[i]], [0, 0, 0, 1.0]])
        return np.cross(np.array(axes), T[:3, 3] - np.array(origins)).T

    peers, per_call = {"numpy": closed}, {}
    if casadi:
        s = casadi.SX.sym("q", n)
        X, Y, Z, p = casadi.DM([1, 0, 0]), casadi.DM([0, 1, 0]), casadi.DM([0, 0, 1]), casadi.DM.zeros(3)
        for i in range(n):
            along, across = casadi.cos(s[i]) * X + casadi.sin(s[i]) * Y, casadi.cos(s[i]) * Y - casadi.sin(s[i]) * X
            p = p + a[i] * along + d[i] * Z
            X, Y, Z = (along, np.cos(alpha[i]) * across + np.sin(alpha[i]) * Z, np.cos(alpha[i]) * Z - np.sin(alpha[i]) * across)
        # rows one after the other: casadi stores columns
        function = casadi.Function("j", [s], [casadi.densify(casadi.jacobian(p, s)).T], {"cse": True})
        peers["casadi-C"], per_call["casadi-C"] = in_c(function, [q]), LOOP
    yield Row("arm of 6 joints: Jacobian", "arm.mg", ["--wrt", "q", "--order", "1..1"], inputs, closed, peers, derivative, closed=["numpy"],
              target="≤ 1× casadi-C", per_call=per_call)


def rosenbrock(n, hand):
    x = np.random.default_rng(40 + n).standard_normal(n)

    def closed():
        t = x[1:] - x[:-1] ** 2
        found = np.zeros(n)
        found[:-1] = -400 * x[:-1] * t - 2 * (1 - x[:-1])
        found[1:] += 200 * t
        return found

    out = np.zeros(n)
    peers = {"C by hand": lambda: (hand.rosenbrock(pointer(x), pointer(out), ctypes.c_long(n), ctypes.c_long(LOOP)), out)[1]}
    per_call = {"C by hand": LOOP}
    if casadi:
        s = casadi.SX.sym("x", n)
        e = casadi.sumsqr(10 * (s[1:] - s[:-1] ** 2)) + casadi.sumsqr(1 - s[:-1])
        peers["casadi-C"], per_call["casadi-C"] = in_c(casadi.Function("g", [s], [casadi.gradient(e, s)]), [x]), LOOP
    yield Row(f"Rosenbrock gradient in a loop, n = {n}", "rosenbrock.mg", ["--wrt", "x", "--order", "1..1", "--layout", "gradient"], {"x": x},
              closed, peers, derivative, closed=["C by hand"], target="≤ 1× casadi-C, ≤ 1.5× C by hand", per_call=per_call)


def rows(quick):
    hand = compiled(BY_HAND)
    yield from exponential(hand)
    yield from arm()
    for n in (10,) if quick else (10, 100, 1000):
        yield from rosenbrock(n, hand)
