"""An expression and the product with its transposed derivative, compiled: what reverse modes of other libraries call."""

from __future__ import annotations

from . import _matgrad
from ._symbols import compile


def forward_and_backward(f, arguments=None):
    """The function, the function of a cotangent and the arguments that gives a derivative for each, and their names."""
    if isinstance(f, str):
        f = _matgrad.parse(f, [])
    forward = compile(f, arguments)
    names = forward.arguments
    rows = [1, f.shape[1]] if f.is_row else list(f.shape)
    cotangent = _matgrad.symbol("cotangent_", rows, [])
    weighted = _matgrad.inner(cotangent, f)
    backward = compile([weighted.grad(name) for name in names])
    order = [["cotangent_", *names].index(name) for name in backward.arguments]

    def products(u, *arrays):
        given = (u, *arrays)
        return backward(*[given[k] for k in order])

    return forward, products, names
