"""What NumPy's functions are called in the language."""

from __future__ import annotations

import numpy as np

from . import _matgrad
from ._matgrad import Expr, call, column, literal, own_name, rows

# what needs no function of its own: operators, and functions of other arguments
_UFUNCS = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a / b,
    "true_divide": lambda a, b: a / b,
    "matmul": lambda a, b: a @ b,
    "power": lambda a, b: a**b,
    "float_power": lambda a, b: a**b,
    "negative": lambda a: -a,
    "positive": lambda a: a,
    "square": lambda a: a**2,
    "reciprocal": lambda a: 1 / a,
    "less": lambda a, b: a < b,
    "less_equal": lambda a, b: a <= b,
    "greater": lambda a, b: a > b,
    "greater_equal": lambda a, b: a >= b,
    "exp2": lambda a: _expr(2) ** a,
    "log2": lambda a: call("log", a) / call("log", 2),
    "log10": lambda a: call("log", a) / call("log", 10),
    "logaddexp": lambda a, b: call("log", call("exp", a) + call("exp", b)),
    "hypot": lambda a, b: call("sqrt", a**2 + b**2),
    "vecdot": lambda a, b: call("dot", a, b),
}


def _expr(value):
    """A number or a small array as an expression."""
    return value if isinstance(value, Expr) else literal(value)


def ufunc(function, method, inputs, kwargs):
    """``np.exp(x)``, ``array * x``."""
    name = function.__name__
    if kwargs.get("out") is not None or kwargs.get("where", True) is not True:
        raise TypeError(f"np.{name} of an expression takes no `out` or `where`")
    if method == "reduce" and name in ("add", "multiply", "maximum", "minimum"):
        kind = {"add": "sum", "multiply": "prod", "maximum": "max", "minimum": "min"}[name]
        return reduced(kind, inputs[0], kwargs.get("axis"))
    if method != "__call__":
        return NotImplemented
    if name in _UFUNCS:
        inputs = [_expr(value) for value in inputs]
        return _UFUNCS[name](*inputs)
    own = own_name(name)
    if own is None:
        raise TypeError(f"np.{name} is no function of the language")
    return call(own, *inputs)


def reduced(name, x, axis=None):
    """A reduction over all entries, down the columns or along the rows."""
    x = _expr(x)
    if axis is None or (x.ndim == 1 and axis in (0, -1)):
        return call(name, x)
    if isinstance(axis, tuple) and sorted(a % x.ndim for a in axis) == list(range(x.ndim)):
        return call(name, x)
    if x.ndim == 2 and axis in (0, 1, -1, -2):
        return call(name, x, axis % 2 + 1)
    raise _matgrad.MatgradError(f"there is no axis {axis} of an expression with {x.ndim} axes")


_TABLE = {}


def _is(*functions):
    def register(implementation):
        for function in functions:
            _TABLE[function] = implementation
        return implementation

    return register


for _name in ("sum", "mean", "prod", "max", "min", "amax", "amin"):
    _own = {"amax": "max", "amin": "min"}.get(_name, _name)
    _TABLE[getattr(np, _name)] = (lambda own: lambda x, axis=None: reduced(own, x, axis))(_own)

for _function, _own in {
    np.trace: "tr",
    np.diag: "diag",
    np.diagonal: "diag",
    np.tril: "tril",
    np.triu: "triu",
    np.kron: "kron",
    np.cross: "cross",
    np.cumsum: "cumsum",
    np.linalg.inv: "inv",
    np.linalg.pinv: "pinv",
    np.linalg.det: "det",
    np.linalg.cholesky: "chol",
    np.linalg.eigvalsh: "eigvals",
}.items():
    _TABLE[_function] = (lambda own: lambda *args: call(own, *args))(_own)


@_is(np.transpose)
def _transpose(x, axes=None):
    return x.T


@_is(np.dot)
def _dot(a, b):
    a, b = _expr(a), _expr(b)
    return a * b if 0 in (a.ndim, b.ndim) else a @ b


@_is(np.inner, np.vdot)
def _inner(a, b):
    return call("dot", a, b)


@_is(np.outer)
def _outer(a, b):
    return _expr(a) @ _expr(b).T


@_is(np.linalg.norm)
def _norm(x, ord=None, axis=None):
    if axis is not None:
        raise TypeError("the norm of an expression is that of all its entries")
    if ord in (None, "fro") or (ord == 2 and x.ndim == 1):
        return call("norm", x)
    if ord == 2:
        return call("normspec", x)
    if ord == "nuc":
        return call("normnuc", x)
    if x.ndim == 1 and ord == 1:
        return call("norm1", x)
    if x.ndim == 1 and ord == np.inf:
        return call("norminf", x)
    raise TypeError(f"the norm of order {ord!r} is no function of the language")


@_is(np.linalg.solve)
def _solve(a, b):
    return _matgrad.solve(_expr(a), _expr(b))


@_is(np.linalg.matrix_power)
def _matrix_power(a, n):
    return _matgrad.matrix_power(a, n)


@_is(np.linalg.slogdet)
def _slogdet(a):
    return call("sign", call("det", a)), call("logdet", a)


@_is(np.where)
def _where(condition, a, b):
    return call("where", condition, a, b)


@_is(np.concatenate)
def _concatenate(parts, axis=0):
    parts = [_expr(part) for part in parts]
    return rows([[part] for part in parts]) if axis == 0 else rows([parts])


@_is(np.stack)
def _stack(parts, axis=0):
    parts = [_expr(part) for part in parts]
    if all(part.ndim == 0 for part in parts):
        return column(parts)
    return rows([[part.T] for part in parts]) if axis == 0 else column(parts)


@_is(np.ravel)
def _ravel(x, order="C"):
    return call("vec", x if order == "F" else x.T)


@_is(np.shape)
def _shape(x):
    return x.shape


@_is(np.ndim)
def _ndim(x):
    return x.ndim


def function(function, args, kwargs):
    """``np.linalg.det(A)``."""
    implementation = _TABLE.get(function)
    if implementation is None:
        name = getattr(function, "__name__", str(function))
        raise TypeError(f"np.{name} is no function of the language")
    kwargs = {key: value for key, value in kwargs.items() if value is not None}
    return implementation(*args, **kwargs)
