"""Making expressions."""

from __future__ import annotations

import numpy as np

from . import _matgrad


def _symbol(name, sizes, attributes):
    unknown = [word for word, wanted in attributes.items() if not isinstance(wanted, bool)]
    if unknown:
        raise TypeError(f"the attribute {unknown[0]} is True or False")
    return _matgrad.symbol(name, list(sizes), [word for word, wanted in attributes.items() if wanted])


def scalar(name, **attributes):
    """A scalar: ``mg.scalar("c", positive=True)``."""
    return _symbol(name, [], attributes)


def vector(name, size, **attributes):
    """A column vector; its size is a number, a name, or an expression of names such as ``"n+1"``."""
    return _symbol(name, [size], attributes)


def matrix(name, rows, columns, **attributes):
    """A matrix: ``mg.matrix("A", "n", "n", symmetric=True)``."""
    return _symbol(name, [rows, columns], attributes)


def tensor(name, *sizes, **attributes):
    """A symbol with any number of axes."""
    return _symbol(name, sizes, attributes)


def parse(text, *declarations):
    """An expression, or a script, from text. Names that are not declared are read by the convention of the language."""
    return _matgrad.parse(text, list(declarations))


def diff(f, x, *declarations, layout=None, order=1, convention=None, verify=True):
    """The derivative of a text or an expression."""
    f = f if isinstance(f, _matgrad.Expr) else parse(f, *declarations)
    return f.diff(x, layout=layout, order=order, convention=convention, verify=verify)


def compile(expressions, arguments=None, dtype=float):
    """One function of NumPy arrays that gives the values of these expressions, of which shared parts are computed once.

    Arrays of doubles, row by row or column by column, are read where they are; other arrays are converted. The arguments
    are the symbols in the order in which they occur, or in the order that is given. With ``dtype="float32"`` all of it is
    in single precision: half the memory, some 7 digits.
    """
    single = isinstance(expressions, _matgrad.Expr)
    if arguments is not None:
        arguments = [argument if isinstance(argument, str) else argument.name for argument in arguments]
    return _matgrad.compile([expressions] if single else list(expressions), arguments, single, np.dtype(dtype).name)


def code(f, wrt=(), target="numpy", order=1, layout=None, name=None):
    """Value and derivatives as a program: ``numpy jax torch julia matlab rust c``."""
    f = f if isinstance(f, _matgrad.Expr) else parse(f)
    wrt = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    return _matgrad.write_code(f, wrt, target, order, layout, name)
