"""Formulas as functions of JAX arrays, differentiated by their closed-form derivatives."""

from __future__ import annotations

import numpy as np

from ._vjp import forward_and_backward


def function(f, arguments=None):
    """A function of JAX arrays for an expression: it runs the compiled program by ``jax.pure_callback``, and reverse mode
    calls the compiled derivative (``custom_vjp``). It works under ``jit`` and ``vmap`` (call by call)."""
    import jax
    import jax.numpy as jnp

    forward, backward, names = forward_and_backward(f, arguments)

    def run(*arrays):
        dtype = jnp.result_type(float, *arrays)
        shapes = forward.result_shapes([np.shape(a) for a in arrays])
        shape = jax.ShapeDtypeStruct(tuple(shapes[0]), dtype)

        def call(*a):
            return np.asarray(forward(*[np.asarray(v, dtype=float) for v in a]), dtype=dtype)

        return jax.pure_callback(call, shape, *arrays, vmap_method="sequential")

    wrapped = jax.custom_vjp(run)

    def bwd(arrays, cotangent):
        shapes = tuple(jax.ShapeDtypeStruct(np.shape(a), jnp.result_type(a)) for a in arrays)

        def call(u, *a):
            found = backward(np.asarray(u, dtype=float), *[np.asarray(v, dtype=float) for v in a])
            return tuple(np.asarray(g, dtype=s.dtype).reshape(s.shape) for g, s in zip(found, shapes))

        return jax.pure_callback(call, shapes, cotangent, *arrays, vmap_method="sequential")

    wrapped.defvjp(lambda *arrays: (run(*arrays), arrays), bwd)
    wrapped.arguments = names
    return wrapped
