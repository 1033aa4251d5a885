"""The multilayer perceptron: dense layers with ReLU between them."""

import math

import torch
from torch import nn


class MLP(nn.Module):
    """Dense layers with ReLU, dropout after each, and a linear head: ``forward(X) == head(features(X))``.

    Weights are drawn from U(-sqrt(6 / fan_in), sqrt(6 / fan_in)) (He et al., 2015, section 2.2, as a uniform law),
    the head's from U(-1 / sqrt(fan_in), 1 / sqrt(fan_in)), so that the first predictions are close to even; biases
    start at zero.

    Parameters
    ----------
    n_features_in : int
        Columns of the input.
    n_classes : int
        Logits of the output.
    hidden_layer_sizes : sequence of int, default=(128, 128)
        Units of each hidden layer; empty for a linear model.
    dropout : float, default=0.0
        Share of the hidden units that is silenced in each training step.

    Shape
    -----
    input (n, n_features_in) -> logits (n, n_classes)

    References
    ----------
    He, Zhang, Ren, Sun (2015). Delving Deep into Rectifiers. https://arxiv.org/abs/1502.01852

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import MLP
    >>> MLP(n_features_in=5, n_classes=3)(torch.zeros(7, 5)).shape
    torch.Size([7, 3])
    """

    def __init__(self, n_features_in, n_classes, hidden_layer_sizes=(128, 128), dropout=0.0):
        super().__init__()
        layers, width = [], n_features_in
        for units in hidden_layer_sizes:
            dense = nn.Linear(width, units)
            nn.init.kaiming_uniform_(dense.weight, nonlinearity="relu")
            nn.init.zeros_(dense.bias)
            layers += [dense, nn.ReLU()]
            if dropout:
                layers.append(nn.Dropout(dropout))
            width = units
        self.hidden = nn.Sequential(*layers)
        self.head = nn.Linear(width, n_classes)
        nn.init.uniform_(self.head.weight, -1 / math.sqrt(width), 1 / math.sqrt(width))
        nn.init.zeros_(self.head.bias)

    def features(self, X: torch.Tensor) -> torch.Tensor:
        """What the head sees, (n, hidden_layer_sizes[-1])."""
        return self.hidden(X)

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.head(self.hidden(X))
