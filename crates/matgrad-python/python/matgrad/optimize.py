"""Objectives for ``scipy.optimize``: value, gradient, Hessian and its products from one formula."""

from __future__ import annotations

import numpy as np

from . import _matgrad
from ._symbols import compile, vector


class Objective:
    """The function of one flat array that SciPy's minimizers take.

    ``minimize(o.fun, x0, jac=o.jac, hess=o.hess)`` or ``minimize(o.value_and_grad, x0, jac=True)``. A matrix variable is
    flattened column by column (``X.ravel(order="F")``), as ``vec`` is.
    """

    def __init__(self, f, x, data=None):
        if isinstance(f, str):
            f = _matgrad.parse(f, [])
        if f.ndim:
            raise _matgrad.MatgradError(f"an objective is a scalar, not of shape {f.shape}")
        self.f, self.x = f, x
        self._name = x if isinstance(x, str) else x.name
        self._data = {key: np.asarray(value, dtype=float) for key, value in (data or {}).items()}
        self._first = self._function([f, f.grad(x)])
        self._value = self._function([f])
        self._second = self._product = None
        self._shape = None

    def _function(self, expressions):
        function = compile(expressions)
        missing = [n for n in function.arguments if n != self._name and n not in self._data]
        if missing:
            raise _matgrad.MatgradError(f"the data has no array for {', '.join(missing)}")
        return function

    def _point(self, x):
        x = np.asarray(x, dtype=float)
        if self._shape is None:
            self._shape = self._find_shape(x.size)
        return x.reshape(self._shape, order="F")

    def _find_shape(self, size):
        """The shape of the variable, whose sizes the data settle."""
        from ._symbols import parse

        declarations = self.f.declarations
        declared = next((d for d in declarations if d.split(" ")[0] == self._name), None)
        shape = parse(self._name, declared).shape if declared else (size,)
        if len(shape) < 2:
            return shape and (size,)
        known = {}
        for line in declarations:
            name = line.split(" ")[0]
            if name in self._data:
                for dim, n in zip(parse(name, line).shape, self._data[name].shape):
                    known[dim] = n
        sizes = [n if isinstance(n, int) else known.get(n, -1) for n in shape]
        if sizes.count(-1) > 1:
            raise _matgrad.MatgradError(f"the data do not settle the shape {shape} of `{self._name}`")
        if -1 in sizes:
            sizes[sizes.index(-1)] = size // max(1, -int(np.prod(sizes)))
        return tuple(sizes)

    def _call(self, function, x, **more):
        arguments = {self._name: self._point(x), **more}
        return function(*[arguments[n] if n in arguments else self._data[n] for n in function.arguments])

    def fun(self, x, *_):
        """The value."""
        return self._call(self._value, x)[0]

    def jac(self, x, *_):
        """The gradient."""
        return np.ravel(self._call(self._first, x)[1], order="F")

    def value_and_grad(self, x, *_):
        """Value and gradient, which share their work: for ``jac=True``."""
        value, gradient = self._call(self._first, x)
        return value, np.ravel(gradient, order="F")

    def hess(self, x, *_):
        """The Hessian."""
        if self._second is None:
            self._second = self._function([self.f.hessian(self.x)])
        hessian = self._call(self._second, x)[0]
        return np.atleast_2d(hessian)

    def hessp(self, x, p, *_):
        """The Hessian times a vector, without the Hessian."""
        if self._product is None:
            self._product = self._hessian_product()
        p = np.asarray(p, dtype=float).reshape(self._point(x).shape, order="F")
        return np.ravel(self._call(self._product, x, step_=p)[0], order="F")

    def _hessian_product(self):
        gradient = self.f.grad(self.x)
        step = _matgrad.symbol("step_", list(gradient.shape), [])
        along = _matgrad.inner(gradient, step)
        function = compile([along.grad(self.x)])
        if "step_" not in function.arguments:
            return lambda *args: (np.zeros_like(args[0]),)
        return function


def scipy_objective(f, x, data=None) -> Objective:
    """The objective of ``scipy.optimize`` for a scalar expression ``f`` of the variable ``x``, with fixed data."""
    return Objective(f, x, data)
