"""Is a derivative that somebody claims right?"""

from __future__ import annotations

import numpy as np

from . import _matgrad
from ._matgrad import Expr, Verdict


def check(f, wrt_or_claim, claim=None, *, layout=None, order=1, convention=None, at=None, shape=None, points=3, seed=0):
    """Checks a claimed derivative.

    ``check("a'*X*b", "X", claim="a*b'")`` compares formulas at random points; of a text or an expression.
    ``check(f, gradient, shape=(3,))`` compares two Python functions of one array: ``gradient`` with differences of ``f``,
    at random points of that shape, or at the points ``at``. Entries count as wrong where they differ by more than the
    estimated error of the differences.
    """
    if isinstance(f, (str, Expr)):
        if claim is None:
            raise TypeError("check(f, x, claim=...) compares a formula; the claim is missing")
        f = f if isinstance(f, Expr) else _matgrad.parse(f, [])
        claim = claim.text() if isinstance(claim, Expr) else claim
        return _matgrad.check_claim(f, wrt_or_claim, claim, layout, order, convention)
    return _check_numbers(f, wrt_or_claim, at, shape, points, seed)


def _check_numbers(f, claim, at, shape, points, seed) -> Verdict:
    if isinstance(claim, Expr):
        from ._symbols import compile

        claim = compile(claim)
    if at is not None:
        where = np.asarray(at, dtype=float)
        shape = where.shape
        places = [where]
    elif shape is not None:
        random = np.random.default_rng(seed)
        shape = tuple(np.atleast_1d(shape)) if not isinstance(shape, tuple) else shape
        places = [random.normal(size=shape) for _ in range(points)]
    else:
        shape, places = _shape_of(f, claim, points, seed)
    return _matgrad.check_numbers(
        lambda x: f(x.reshape(shape)),
        lambda x: claim(x.reshape(shape)),
        [place.ravel().tolist() for place in places],
        seed,
    )


def _shape_of(f, claim, points, seed):
    """The first shape that both functions take: a number, or a vector of up to 12 numbers."""
    random = np.random.default_rng(seed)
    for shape in [(), *((n,) for n in range(1, 13))]:
        place = random.normal(size=shape)
        try:
            value, derivative = np.asarray(f(place)), np.asarray(claim(place))
        except (ValueError, TypeError, IndexError):
            continue
        if derivative.size == value.size * place.size:
            return shape, [place, *(random.normal(size=shape) for _ in range(points - 1))]
    raise _matgrad.MatgradError("what the functions take is not clear: give shape=(...) or a point at=...")
