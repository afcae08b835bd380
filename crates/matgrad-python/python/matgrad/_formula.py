"""Python functions as formulas."""

from __future__ import annotations

import inspect

from . import _matgrad
from ._matgrad import Expr
from ._symbols import tensor

_KINDS = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


def _symbol(name, shape):
    if isinstance(shape, Expr):
        return shape
    return tensor(name, *(shape if isinstance(shape, (tuple, list)) else (shape,)))


def _names(function, count):
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        parameters = ()
    names = [parameter.name for parameter in parameters if parameter.kind in _KINDS]
    if len(names) < count:
        raise TypeError(f"{count} shapes are given, and the function has {len(names)} parameters with names")
    return names[:count]


def _value(result):
    if isinstance(result, Expr):
        return result
    if hasattr(result, "tolist"):
        result = result.tolist()
        if isinstance(result, Expr):
            return result
    if isinstance(result, (list, tuple)):
        if result and all(isinstance(row, (list, tuple)) for row in result):
            return _matgrad.rows([list(row) for row in result])
        return _matgrad.column(list(result))
    return _matgrad.literal(result)


def formula(function, *shapes):
    """The formula of an ordinary Python function: it is called on symbols named like its parameters.

    A shape is the size of a vector, a tuple of sizes (``()`` for a scalar), or a symbol. Loops run and branches on
    other things than symbols are taken; what depends on the values of symbols is refused, with ``mg.where`` as the remedy.
    A list of results becomes a column, a list of lists a matrix.
    """
    return _value(function(*map(_symbol, _names(function, len(shapes)), shapes)))


def entries(expression):
    """The entries of a vector, or the rows of a matrix, whose number is known."""
    shape = expression.shape
    if not shape:
        raise TypeError("a scalar cannot be iterated over")
    if not isinstance(shape[0], int):
        raise TypeError(f"an expression with {shape[0]} entries cannot be iterated over: the number is not known")
    return (expression[k] for k in range(shape[0]))
