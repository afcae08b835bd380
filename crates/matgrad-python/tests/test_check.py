"""Claims."""

import matgrad as mg
import numpy as np
import pytest


def test_formulas():
    verdict = mg.check("a'*X*b", "X", claim="a*b'")
    assert verdict and verdict.layouts == ["denominator", "gradient", "tensor"]
    wrong = mg.check("a'*X*b", "X", claim="2*a*b'")
    assert not wrong and np.isclose(wrong.counterexample["claimed"], 2 * wrong.counterexample["true"])
    assert not mg.check("a'*X*b", "X", claim="a*b'", layout="numerator")
    x = mg.vector("x", "n")
    assert mg.check(x.T @ x, x, claim=2 * x) and (x.T @ x).check(x, "2*x'")


def test_python_functions():
    def f(x):
        return np.log(1 + np.exp(x)).sum()

    verdict = mg.check(f, lambda x: 1 / (1 + np.exp(-x)), shape=4)
    assert verdict and verdict.points == 3 and verdict.max_relative_error < 1e-7
    wrong = mg.check(f, lambda x: 1 / (1 + np.exp(x)), shape=4)
    example = wrong.counterexample
    assert not wrong and example["point"].shape == (4,) and abs(example["claimed"] - example["true"]) > example["error"]
    # a Jacobian, matrices, a given point, shapes that are found
    B = np.arange(6.0).reshape(2, 3)
    assert mg.check(lambda x: B @ x, lambda x: B)
    assert not mg.check(lambda x: B @ x, lambda x: B + np.eye(2, 3) * 1e-4)
    assert mg.check(np.linalg.det, lambda X: np.linalg.det(X) * np.linalg.inv(X).T, shape=(3, 3))
    assert mg.check(lambda x: abs(x[0]), lambda x: np.sign(x), at=[0.5])
    with pytest.raises(mg.MatgradError, match="entries"):
        mg.check(lambda x: x, lambda x: x, shape=3)


def test_a_closed_form_for_a_python_function():
    x = mg.vector("x", "n")
    assert mg.check(lambda v: np.tanh(v).sum(), np.sum(np.tanh(x)).grad(x), shape=5)


def test_faults_of_the_function_are_its_own():
    def broken(x):
        raise KeyError("mine")

    with pytest.raises(KeyError, match="mine"):
        mg.check(broken, broken, shape=2)
