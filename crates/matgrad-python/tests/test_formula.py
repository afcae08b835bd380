"""Ordinary Python functions, called on symbols, are formulas."""

import matgrad as mg
import numpy as np
import pytest


def rosenbrock(x):
    total = 0.0
    for a, b in zip(list(x)[:-1], list(x)[1:]):
        total += 100 * (b - a**2) ** 2 + (1 - a) ** 2
    return total


def test_a_loop_over_entries():
    f = mg.formula(rosenbrock, 4)
    assert f.shape == ()
    at = np.array([0.3, -0.2, 0.8, 1.1])
    function = mg.compile([f, f.grad("x"), f.hessian("x")], arguments=["x"])
    value, gradient, hessian = function(at)
    assert value == pytest.approx(rosenbrock(at))
    step = 1e-6 * np.eye(4)
    differences = [(rosenbrock(at + h) - rosenbrock(at - h)) / 2e-6 for h in step]
    assert gradient == pytest.approx(np.array(differences), rel=1e-6)
    assert hessian == pytest.approx(hessian.T)


def test_whole_arrays():
    def deep(W, x, steps=3):
        for _ in range(steps):
            x = np.tanh(W @ x)
        return np.sum(x**2)

    f = mg.formula(deep, ("n", "n"), "n")
    assert str(f) == "sum(tanh(W*tanh(W*tanh(W*x))).^2)"
    gradient = mg.compile([f.grad("x")], arguments=["W", "x"])
    W, x = np.random.default_rng(0).normal(size=(4, 4)) / 2, np.ones(4)
    h = 1e-6 * np.eye(4)
    differences = [(deep(W, x + e) - deep(W, x - e)) / 2e-6 for e in h]
    assert gradient(W, x)[0] == pytest.approx(np.array(differences), abs=1e-8)


def test_several_results():
    assert str(mg.formula(lambda r, t: [r * np.cos(t), r * np.sin(t)], (), ())) == "[r*cos(t), r*sin(t)]"
    assert mg.formula(lambda x: [[x[0], x[1]], [0.0, 1.0]], 2).shape == (2, 2)
    assert str(mg.formula(lambda x: np.array([x[0] * x[1], 2.0]), 2)) == "[x[1]*x[2], 2]"
    # the printed text is the formula
    f = mg.formula(rosenbrock, 3)
    again = mg.parse(str(f), "x in R^3")
    assert str(again.grad("x")) == str(f.grad("x"))


def test_what_depends_on_values_is_refused():
    with pytest.raises(TypeError, match="where"):
        mg.formula(lambda x: x[0] if x[0] > 0 else x[1], 2)
    with pytest.raises(TypeError, match="cannot be iterated"):
        mg.formula(lambda x: sum(x), "n")
    with pytest.raises(TypeError, match="2 shapes"):
        mg.formula(lambda x: x, 1, 2)
    f = mg.formula(lambda x: mg.where(x[0] > 0, x[0], x[1]), 2)
    assert "where" in str(f)
