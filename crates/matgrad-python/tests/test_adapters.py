"""Closed forms inside of other libraries."""

import pathlib
import subprocess
import sys

import matgrad as mg
import numpy as np
import pytest

random = np.random.default_rng(3)


def test_scipy_fit():
    optimize = pytest.importorskip("scipy.optimize")
    # logistic regression, as a user writes it
    X, w, y, r = mg.matrix("X", "N", "D"), mg.vector("w", "D"), mg.vector("y", "N"), mg.scalar("r")
    loss = np.sum(np.log1p(np.exp(-y * (X @ w)))) + r * w.T @ w
    data = {"X": random.normal(size=(200, 5)), "r": 0.1}
    data["y"] = np.sign(data["X"] @ np.arange(5.0) + random.normal(size=200))
    objective = mg.scipy_objective(loss, w, data)
    fit = optimize.minimize(objective.value_and_grad, np.zeros(5), jac=True, method="L-BFGS-B")
    newton = optimize.minimize(objective.fun, np.zeros(5), jac=objective.jac, hess=objective.hess, method="trust-exact")
    krylov = optimize.minimize(objective.fun, np.zeros(5), jac=objective.jac, hessp=objective.hessp, method="trust-ncg")
    assert newton.success and np.allclose(fit.x, newton.x, atol=1e-3) and np.allclose(krylov.x, newton.x, atol=1e-4)
    assert optimize.check_grad(objective.fun, objective.jac, newton.x + 0.1) < 1e-4


def test_the_fit_of_the_documentation_is_short():
    # what the chapter shows as a fit with SciPy, as a program of its own
    pytest.importorskip("scipy.optimize")
    chapter = (pathlib.Path(__file__).parents[3] / "docs" / "python.md").read_text(encoding="utf-8")
    shown = chapter.split("A fit with SciPy")[1].split("```")[1]
    lines = ["import numpy as np", "import matgrad as mg"]
    lines += [line[4:] for line in shown.splitlines() if line.startswith((">>> ", "... "))]
    assert len(lines) < 20
    result = subprocess.run([sys.executable, "-c", "\n".join([*lines, "print(fit.success, *fit.x.round(1))"])],
                            capture_output=True, text=True, timeout=120)
    assert result.returncode == 0, result.stderr
    success, *found = result.stdout.split()
    assert success == "True" and np.all(np.sign(np.float64(found)) == [1, -1, 1])


def test_scipy_with_a_matrix():
    optimize = pytest.importorskip("scipy.optimize")
    A, B = random.normal(size=(8, 3)), random.normal(size=(8, 2))
    objective = mg.scipy_objective("norm(B - A*X)^2", "X", {"A": A, "B": B})
    fit = optimize.minimize(objective.fun, np.zeros(6), jac=objective.jac, hessp=objective.hessp, method="Newton-CG")
    assert np.allclose(fit.x.reshape((3, 2), order="F"), np.linalg.lstsq(A, B, rcond=None)[0], atol=1e-5)
    assert objective.hess(np.zeros(6)).shape == (6, 6)
    with pytest.raises(mg.MatgradError, match="no array for A"):
        mg.scipy_objective("norm(B - A*X)^2", "X", {"B": B})
    with pytest.raises(mg.MatgradError, match="scalar"):
        mg.scipy_objective("A*x", "x", {"A": A})


def test_jax():
    jax = pytest.importorskip("jax")
    import matgrad.jax

    jax.config.update("jax_enable_x64", True)
    x, A = mg.vector("x", "n"), mg.matrix("A", "m", "n")
    f = matgrad.jax.function(np.sum(np.exp(A @ x)), ["A", "x"])
    a, v = random.normal(size=(3, 2)), random.normal(size=2)
    reference = lambda a, v: jax.numpy.exp(a @ v).sum()  # noqa: E731
    assert np.isclose(jax.jit(f)(a, v), reference(a, v))
    for k in (0, 1):
        found, wanted = jax.jit(jax.grad(f, k))(a, v), jax.grad(reference, k)(a, v)
        assert np.allclose(found, wanted)
    # inside of a larger program, and batched
    assert np.allclose(jax.grad(lambda v: jax.numpy.sin(f(a, v)))(v), jax.grad(lambda v: jax.numpy.sin(reference(a, v)))(v))
    many = random.normal(size=(4, 2))
    assert np.allclose(jax.vmap(lambda v: f(a, v))(many), [reference(a, v) for v in many])
    g = matgrad.jax.function(A @ x, ["A", "x"])
    assert np.allclose(jax.jacrev(g, 1)(a, v), a)


def test_torch():
    torch = pytest.importorskip("torch")
    import matgrad.torch

    x, A = mg.vector("x", "n"), mg.matrix("A", "m", "n")
    f = matgrad.torch.function(np.exp(A @ x), ["A", "x"])
    a = torch.tensor(random.normal(size=(3, 2)), requires_grad=True)
    v = torch.tensor(random.normal(size=2), requires_grad=True)
    assert torch.autograd.gradcheck(f, (a, v))
    f(a, v).sum().backward()
    assert torch.allclose(v.grad, (a.T @ torch.exp(a @ v)))
