"""Formulas as functions of PyTorch tensors, differentiated by their closed-form derivatives."""

from __future__ import annotations

import numpy as np

from ._vjp import forward_and_backward


def function(f, arguments=None):
    """A function of tensors for an expression, an ``autograd.Function`` whose backward pass calls the compiled derivative."""
    import torch

    forward, backward, names = forward_and_backward(f, arguments)

    def numbers(tensor):
        return tensor.detach().cpu().numpy().astype(float, copy=False)

    class Formula(torch.autograd.Function):
        @staticmethod
        def forward(ctx, *tensors):
            ctx.save_for_backward(*tensors)
            value = forward(*[numbers(t) for t in tensors])
            return torch.as_tensor(np.asarray(value), dtype=tensors[0].dtype, device=tensors[0].device)

        @staticmethod
        def backward(ctx, cotangent):
            tensors = ctx.saved_tensors
            found = backward(numbers(cotangent), *[numbers(t) for t in tensors])
            return tuple(
                torch.as_tensor(np.asarray(g), dtype=t.dtype, device=t.device).reshape(t.shape)
                for g, t in zip(found, tensors)
            )

    def call(*tensors):
        return Formula.apply(*tensors)

    call.arguments = names
    return call
