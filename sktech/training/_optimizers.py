"""What is known of torch's optimisers."""

import functools

import torch

# Optimisers that treat each number of a net by itself, and call their closure exactly once: a step is made without one.
ELEMENTWISE_OPTIMIZERS = frozenset(
    getattr(torch.optim, name)
    for name in ("SGD", "Adam", "AdamW", "NAdam", "RAdam", "Adamax", "Adagrad", "Adadelta", "RMSprop", "Rprop", "ASGD")
)


@functools.cache
def has_fused(optimizer, device, dtype):
    """Whether torch has a fused implementation of this optimiser for parameters there."""
    if not getattr(optimizer, "__module__", "").startswith("torch.optim"):
        return False
    parameter = torch.zeros(1, device=device, dtype=dtype, requires_grad=True)
    parameter.grad = torch.zeros_like(parameter)
    try:
        optimizer([parameter], lr=0.1, fused=True).step()
    except (TypeError, RuntimeError, NotImplementedError):
        return False
    return True
