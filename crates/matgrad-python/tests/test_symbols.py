"""Expressions by operators, NumPy's functions and text."""

import matgrad as mg
import numpy as np
import pytest

x, y, c = mg.vector("x", "n"), mg.vector("y", "n"), mg.scalar("c")
A, X = mg.matrix("A", "n", "n"), mg.matrix("X", "m", "n")


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (x + y - c * x, "x + y - c*x"),
        (2 * x / 3, "2*x/3"),
        (-(x + 1), "-(x + 1)"),
        (x * y, "x .* y"),
        (x / y, "x ./ y"),
        (x**2, "x.^2"),
        (c**2, "c^2"),
        (2**c, "2^c"),
        (x.T @ A @ x, "x'*A*x"),
        (x @ y, "x'*y"),
        (x @ A, "x'*A"),
        (X @ x, "X*x"),
        (abs(x), "abs(x)"),
        (x[0], "x[1]"),
        (x[-1], "x[n]"),
        (x[1:3], "x[2:3]"),
        (X[0], "X[1,:]"),
        (X[:, 1], "X[:,2]"),
        (X[..., 0], "X[:,1]"),
        (np.exp(x), "exp(x)"),
        (np.arctan(x), "atan(x)"),
        (np.maximum(x, y), "max(x, y)"),
        (np.float64(2) * x, "2*x"),
        (np.multiply(x, y), "x .* y"),
        (np.sum(x), "sum(x)"),
        (np.sum(X, axis=0), "sum(X, 1)"),
        (X.mean(axis=1), "mean(X, 2)"),
        (np.add.reduce(x), "sum(x)"),
        (np.linalg.norm(x), "norm(x)"),
        (np.linalg.norm(x, 1), "norm1(x)"),
        (np.linalg.norm(X, "nuc"), "normnuc(X)"),
        (np.linalg.inv(A), "inv(A)"),
        (np.linalg.det(A), "det(A)"),
        (np.linalg.slogdet(A)[1], "logdet(A)"),
        (np.linalg.solve(A, x), "A\\x"),
        (np.linalg.matrix_power(A, 3), "A^3"),
        (np.trace(A), "tr(A)"),
        (np.dot(x, y), "x'*y"),
        (np.outer(x, y), "x*y'"),
        (np.kron(A, X), "kron(A, X)"),
        (np.diag(x), "diag(x)"),
        (np.transpose(X), "X'"),
        (np.where(x > 0, x, 0), "where(x > 0, x, 0)"),
        (np.concatenate([x, y]), "[x; y]"),
        (np.stack([c, 2 * c]), "[c, 2*c]"),
        (np.array([1.0, 2.0]) * mg.vector("u", 2), "[1, 2] .* u"),
        (np.array([[1.0, 2.0], [3.0, -4.0]]) @ mg.vector("u", 2), "[1, 2; 3, -4]*u"),
        (mg.logsumexp(x), "logsumexp(x)"),
        (mg.trace(A), "tr(A)"),
        (x / mg.size("n"), "x/n"),
        (A.logdet(), "logdet(A)"),
        (mg.vector("λ", "n"), "lambda"),
    ],
)
def test_texts(expression, text):
    assert expression.text() == text
    # what is printed is the language
    assert mg.parse(text, *expression.declarations).shape == expression.shape


def test_shapes():
    assert (x.shape, x.T.shape, c.shape, X.shape, (X @ x).shape) == (("n",), (1, "n"), (), ("m", "n"), ("m",))
    assert mg.vector("u", 3).shape == (3,) and x.ndim == 1 and x.T.is_row and not x.is_row
    assert mg.tensor("T", "n", "n", 2).shape == ("n", "n", 2)


def test_every_function_of_the_language_is_there():
    from matgrad._matgrad import functions

    for name, *_ in functions():
        if name not in ("scalar", "vector", "matrix"):
            assert callable(getattr(mg, name)), name
    assert mg.exp(x).text() == "exp(x)" and mg.arctan2(x, y).text() == "atan2(x, y)"
    assert "softmax" in dir(mg)


def test_faults_name_both_shapes_and_underline_the_place():
    with pytest.raises(mg.MatgradError) as caught:
        (X @ x) + x
    text = str(caught.value)
    assert "different shapes: R^m and R^n" in text and "X*x + x" in text and "^^^" in text
    with pytest.raises(ValueError, match="cannot multiply"):
        X @ mg.vector("z", "k")
    with pytest.raises(AttributeError, match="did you mean `norm`"):
        mg.nrom
    with pytest.raises(mg.MatgradError, match="x"):
        mg.parse("x +")
    with pytest.raises(mg.MatgradError, match="there is no attribute `symetric`"):
        mg.matrix("S", "n", "n", symetric=True)
    with pytest.raises(mg.MatgradError, match="too long to be part of a formula"):
        np.ones(5000) * mg.vector("w", 5000)
    with pytest.raises(TypeError, match="np.fft"):
        np.fft.fft(x)
    with pytest.raises(IndexError):
        mg.vector("u", 3)[3]
    with pytest.raises(TypeError):
        x + "text"
    with pytest.raises(TypeError, match="truth value"):
        bool(x > 0)
    with pytest.raises(TypeError):
        list(x)
    with pytest.raises((TypeError, mg.MatgradError)):
        x * float("nan")


def test_derivatives():
    S = mg.matrix("S", "n", "n", symmetric=True)
    f = x.T @ A @ x
    assert f.diff(x).text() == "x'*(A + A')"
    assert f.diff(x, layout="denominator").text() == "(A + A')*x"
    assert str(f.grad(x)) == "(A + A')*x" and f.grad("x") == f.grad(x)
    assert f.hessian(x).text() == "A + A'" == f.diff(x, order=2).text() == f.grad(x).jacobian(x).text()
    assert (x.T @ S @ x).grad(x).text() == "2*S*x"
    assert (A @ x).jacobian(x).text() == "A"
    assert f.grad(A).text() == "x*x'"
    assert mg.diff("x'*A*x", "x").text() == "x'*(A + A')"
    assert mg.diff("x'*A*x", "x", "A in R^(n x n) symmetric").text() == "2*x'*A"
    assert mg.diff("norm(y - Phi*theta)^2", "theta").assumptions == ["y in R^N", "Phi in R^(N x D)", "theta in R^D"]
    known = mg.diff("log(det(S))", "S", "S in R^(n x n)").details()
    assert known["domain"] and known["verified"]["points"] == 3
    assert f.details() is None and f.steps() == []
    steps = f.grad(x).steps()
    assert steps and steps[-1].text and steps[0].rule and f.grad(x).steps("differential", "zh")
    with pytest.raises(mg.MatgradError, match="there are chain, differential"):
        f.grad(x).steps("loud")
    # a derivative is an expression
    step = x - 0.1 * f.grad(x)
    assert step.shape == ("n",) and step.jacobian(x).shape == ("n", "n")
    with pytest.raises(mg.MatgradError, match="the layouts are"):
        f.diff(x, layout="sideways")
    with pytest.raises(mg.MatgradError, match="did you mean"):
        mg.diff("x'*Ab*x", "Abc")


def test_shown_in_a_notebook():
    f = x.T @ A @ x
    assert f._repr_latex_().startswith("$") and "mathbf{x}" in f._repr_latex_()
    assert f._repr_html_() is None
    html = f.grad(x)._repr_html_()
    assert "checked at 3 random points" in html and "frac" in html
    assert repr(f) == "x'*A*x   # R"


def test_programs_in_other_languages():
    program = mg.code("norm(y - Phi*theta)^2", "theta", "numpy")
    names = {}
    exec(program, names)
    Phi, theta = np.arange(6.0).reshape(3, 2), np.array([1.0, -1.0])
    value, gradient = names["value_and_gradient"](np.ones(3), Phi, theta)
    assert np.isclose(value, 12) and np.allclose(gradient, -2 * Phi.T @ (1 - Phi @ theta))


def test_stubs_are_there_and_complete():
    import ast
    import pathlib

    from matgrad._matgrad import functions, own_name

    root = pathlib.Path(mg.__file__).parent
    assert (root / "py.typed").exists()
    tree = ast.parse((root / "__init__.pyi").read_text())
    typed = {node.name for node in tree.body if isinstance(node, (ast.FunctionDef, ast.ClassDef))}
    public = [name for name in vars(mg) if not name.startswith("_") and callable(getattr(mg, name))]
    wanted = {name for name, *_ in functions()} | {name for name in public if own_name(name) in (None, name)}
    assert wanted - typed == set()
    expr = next(part for part in tree.body if isinstance(part, ast.ClassDef) and part.name == "Expr")
    methods = {node.name for node in expr.body if isinstance(node, ast.FunctionDef)}
    assert {name for name in vars(mg.Expr) if not name.startswith("_")} <= methods
