"""The multilayer perceptron: dense layers with ReLU between them, for one net or for many at once."""

import math

import torch
from torch import nn

from sktech.modules.committee import Committee
from sktech.modules.dropout import Dropout
from sktech.modules.jumpout import Jumpout
from sktech.modules.linear import dense


class MLP(Committee):
    """Dense layers with ReLU, dropout after each, and a linear head: ``forward(X) == head(features(X))``.

    Weights are drawn from U(-sqrt(6 / fan_in), sqrt(6 / fan_in)) (He et al., 2015, section 2.2, as a uniform law);
    the head's, and all biases, from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), so that the first predictions are close to
    even.

    Parameters
    ----------
    n_features_in : int
        Columns of the input.
    n_classes : int
        Logits of the output.
    hidden_layer_sizes : sequence of int, default=(128, 128)
        Units of each hidden layer; empty for a linear model.
    dropout : float or "jumpout", default=0.0
        Share of the hidden units that is silenced in each training step, or :class:`Jumpout`.
    n_members : int, default=None
        How many such nets stand side by side, with weights of their own and a leading member axis; None for one.

    Shape
    -----
    input (n, n_features_in) -> logits (n, n_classes). With members: input (n_members, n, n_features_in), or
    (n, n_features_in) for rows that all share -> logits (n_members, n, n_classes)

    References
    ----------
    He, Zhang, Ren, Sun (2015). Delving Deep into Rectifiers. https://arxiv.org/abs/1502.01852

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import MLP
    >>> MLP(n_features_in=5, n_classes=3)(torch.zeros(7, 5)).shape
    torch.Size([7, 3])
    >>> MLP(n_features_in=5, n_classes=3, n_members=4)(torch.zeros(7, 5)).shape
    torch.Size([4, 7, 3])
    """

    def __init__(self, n_features_in, n_classes, hidden_layer_sizes=(128, 128), dropout=0.0, n_members=None):
        super().__init__()
        self.n_members = n_members
        layers, width = [], n_features_in
        for units in hidden_layer_sizes:
            layers += [dense(width, units, n_members, bound=math.sqrt(6 / max(width, 1))), nn.ReLU()]
            if dropout == "jumpout":
                layers.append(Jumpout())
            elif dropout:
                layers.append(Dropout(dropout))
            width = units
        self.hidden = nn.Sequential(*layers)
        self.head = dense(width, n_classes, n_members)

    def features(self, X: torch.Tensor) -> torch.Tensor:
        """What the head sees, (..., n, hidden_layer_sizes[-1])."""
        return self.hidden(X)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(X))
