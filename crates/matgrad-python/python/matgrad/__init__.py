"""Derivatives of vector, matrix and tensor functions: found as formulas, checked, and compiled for NumPy arrays.

>>> import matgrad as mg
>>> x, A = mg.vector("x", "n"), mg.matrix("A", "n", "n")
>>> f = x.T @ A @ x
>>> print(f.grad(x))
(A + A')*x
"""

from __future__ import annotations

from ._answers import Step
from ._answers import details as _details
from ._answers import html as _html
from ._answers import steps as _steps
from ._check import check
from ._formula import entries as _entries
from ._formula import formula
from ._matgrad import Expr, Function, MatgradError, Verdict, call, column, set_threads, size
from ._matgrad import functions as _functions
from ._matgrad import nearest_function as _nearest
from ._matgrad import own_name as _own_name
from ._matgrad import rows as matrix_of
from ._symbols import code, compile, diff, matrix, parse, scalar, tensor, vector
from .optimize import Objective, scipy_objective

__version__ = "0.1.0"

_TABLE = {name: meaning for name, _, _, meaning in _functions()}


def _function(name: str, meaning: str):
    def function(*args):
        return call(name, *args)

    function.__name__ = function.__qualname__ = name
    function.__doc__ = meaning
    return function


def __getattr__(name: str):
    """Every function of the language, also by the name that NumPy or SciPy has for it."""
    own = _own_name(name)
    if own is None:
        near = _nearest(name)
        hint = f"; did you mean `{near}`?" if near else ""
        raise AttributeError(f"module 'matgrad' has no attribute {name!r}{hint}")
    function = _function(own, _TABLE[own])
    globals()[name] = function
    return function


def __dir__():
    return sorted({*globals(), *_TABLE})


Expr.steps = _steps
Expr.__iter__ = _entries
Expr.details = _details
Expr._repr_html_ = _html
Expr.trace = lambda self: call("tr", self)
for _name in ("inv", "det", "logdet", "norm", "diag", "exp", "log", "sqrt", "tanh"):
    setattr(Expr, _name, (lambda name: lambda self: call(name, self))(_name))


def _reduction(name: str):
    def method(self, axis=None):
        from ._numpy import reduced

        return reduced(name, self, axis)

    method.__name__ = name
    method.__doc__ = _TABLE[name] + "; axis 0 goes down the columns, axis 1 along the rows"
    return method


for _name in ("sum", "mean", "prod", "max", "min"):
    setattr(Expr, _name, _reduction(_name))
