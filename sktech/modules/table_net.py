"""The net behind NetClassifier: embeddings for a table's columns, and a perceptron on top."""

import torch

from sktech.modules.categories import CategoryEmbedding
from sktech.modules.committee import Committee
from sktech.modules.mlp import MLP
from sktech.modules.numbers import PeriodicEmbedding, PiecewiseLinearEmbedding


class TableNet(Committee):
    """Numbers and categories are embedded, other inputs pass as they are, and an :class:`MLP` sees them all.

    The input's columns are numbers to embed (one for each entry of ``bin_edges``), then plain ones, then codes of
    categories (one for each entry of ``n_levels``), as :class:`sktech.table.TableEncoder` makes them.

    Parameters
    ----------
    bin_edges : sequence of array-like
        Edges of the bins of each number column; see :class:`PiecewiseLinearEmbedding`.
    n_plain : int
        Columns that are not embedded.
    n_levels : sequence of int
        Levels of each category column; see :class:`CategoryEmbedding`.
    n_classes : int
        Logits of the output.
    hidden_layer_sizes : sequence of int, default=(128, 128)
    dropout : float or "jumpout", default=0.1
    numeric_embedding : "piecewise_linear", "periodic" or None, default="piecewise_linear"
        None lets numbers pass as they are.
    n_members : int, default=None
        How many such nets stand side by side; None for one.

    Shape
    -----
    input (n, n_columns) -> logits (n, n_classes). With members: input (n_members, n, n_columns), or (n, n_columns) for
    rows that all share -> logits (n_members, n, n_classes)

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import TableNet
    >>> net = TableNet(bin_edges=[[-1.0, 0.0, 1.0]], n_plain=2, n_levels=[30], n_classes=3)
    >>> net(torch.zeros(7, 4)).shape
    torch.Size([7, 3])
    """

    def __init__(
        self,
        bin_edges,
        n_plain,
        n_levels,
        n_classes,
        hidden_layer_sizes=(128, 128),
        dropout=0.1,
        numeric_embedding="piecewise_linear",
        n_members=None,
    ):
        super().__init__()
        self.sizes = [len(bin_edges), n_plain, len(n_levels)]
        self.n_members = n_members
        self.numbers = self.categories = None
        width = len(bin_edges) + n_plain
        if bin_edges and numeric_embedding is not None:
            if numeric_embedding == "periodic":
                self.numbers = PeriodicEmbedding(len(bin_edges), n_members=n_members)
            else:
                self.numbers = PiecewiseLinearEmbedding(bin_edges, n_members=n_members)
            width += self.numbers.size * len(bin_edges)
        if n_levels:
            self.categories = CategoryEmbedding(n_levels, n_members=n_members)
            width += 8 * len(n_levels)
        self.mlp = MLP(width, n_classes, hidden_layer_sizes, dropout, n_members)

    @property
    def head(self):
        """The last layer."""
        return self.mlp.head

    def embed(self, X: torch.Tensor) -> torch.Tensor:
        """The perceptron's inputs, (..., n, width)."""
        if self.numbers is None and self.categories is None:
            return X
        numbers, plain, codes = X.split(self.sizes, dim=-1)
        return self.join(numbers, plain, None if self.categories is None else self.categories(codes))

    def join(self, numbers: torch.Tensor, plain: torch.Tensor, categories: torch.Tensor | None) -> torch.Tensor:
        """The perceptron's inputs, (..., n, width), from those of the net, of which categories are embedded already."""
        parts = [numbers if self.numbers is None else self.numbers(numbers), plain]
        if categories is not None:
            parts.append(categories)
        parts = [part for part in parts if part.shape[-1]]
        if len(parts) == 1:
            return parts[0]
        shape = max((part.shape[:-1] for part in parts), key=len)
        return torch.cat([part.expand(*shape, part.shape[-1]) for part in parts], dim=-1)

    def features(self, X: torch.Tensor) -> torch.Tensor:
        """What the head sees, (..., n, hidden_layer_sizes[-1])."""
        return self.mlp.features(self.embed(X))

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        return self.mlp(self.embed(X))
