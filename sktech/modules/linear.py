"""Dense layers, of one net or of many nets at once."""

import math

import torch
from torch import nn


class StackedLinear(nn.Module):
    """``n_members`` linear layers side by side: one batched product instead of many products.

    Member m computes ``X[m] @ weight[m].T + bias[m]``, as a ``torch.nn.Linear`` with these weights would.

    Parameters
    ----------
    n_members, in_features, out_features : int

    Shape
    -----
    input (n_members, n, in_features), or (n, in_features) for rows that all members share
    -> output (n_members, n, out_features)

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import StackedLinear
    >>> StackedLinear(4, 5, 3)(torch.zeros(7, 5)).shape
    torch.Size([4, 7, 3])
    """

    def __init__(self, n_members, in_features, out_features):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(n_members, out_features, in_features))
        self.bias = nn.Parameter(torch.empty(n_members, out_features))
        _draw(self, 1 / math.sqrt(max(in_features, 1)))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        if X.ndim == 2:
            X = X.expand(len(self.weight), *X.shape)
        return torch.baddbmm(self.bias.unsqueeze(-2), X, self.weight.mT)


def dense(in_features, out_features, n_members=None, *, bound=None):
    """A linear layer, or one for each of many members, with uniform weights and biases.

    Parameters
    ----------
    in_features, out_features : int
    n_members : int, default=None
        None for a plain ``torch.nn.Linear``.
    bound : float, default=None
        Weights are drawn from U(-bound, bound); None for 1 / sqrt(in_features), which is the biases' bound too.

    Returns
    -------
    layer : torch.nn.Linear or StackedLinear
    """
    if n_members is None:
        layer = nn.Linear(in_features, out_features)
    else:
        layer = StackedLinear(n_members, in_features, out_features)
    _draw(layer, 1 / math.sqrt(max(in_features, 1)))
    if bound is not None:
        nn.init.uniform_(layer.weight, -bound, bound)
    return layer


def _draw(layer, bound):
    nn.init.uniform_(layer.weight, -bound, bound)
    nn.init.uniform_(layer.bias, -bound, bound)
