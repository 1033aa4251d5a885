"""Categories -> vectors that are learned."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class CategoryEmbedding(nn.Module):
    """A learned vector for each level of each category column.

    Level 0 of a column stands for whatever is unknown or rare; it starts at zero, and stays there unless training rows
    have it. The others are drawn from N(0, 1 / size).

    Parameters
    ----------
    n_levels : sequence of int
        Levels of each column, not counting level 0.
    size : int, default=8
        Numbers per column.
    n_members : int, default=None
        None for one net.

    Shape
    -----
    input (n, n_columns), or (n_members, n, n_columns): codes 0, ..., n_levels[j], in any dtype
    -> output (n, n_columns * size), or (n_members, n, n_columns * size)

    References
    ----------
    Guo, Berkhahn (2016). Entity Embeddings of Categorical Variables. https://arxiv.org/abs/1604.06737

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import CategoryEmbedding
    >>> CategoryEmbedding([20, 50])(torch.tensor([[0, 7], [20, 50]])).shape
    torch.Size([2, 16])
    """

    def __init__(self, n_levels, size=8, n_members=None):
        super().__init__()
        starts = [0]
        for n in n_levels:
            starts.append(starts[-1] + n + 1)
        members = () if n_members is None else (n_members,)
        self.n_rows = starts.pop()
        self.register_buffer("starts", torch.tensor(starts), persistent=False)
        self.weight = nn.Parameter(torch.randn(*members, self.n_rows, size) / math.sqrt(size))
        with torch.no_grad():
            self.weight[..., self.starts, :] = 0

    def forward(self, codes: torch.Tensor) -> torch.Tensor:
        rows = codes.long() + self.starts
        if self.weight.ndim == 3:
            rows = rows + self.n_rows * torch.arange(len(self.weight), device=rows.device)[:, None, None]
        return F.embedding(rows, self.weight.flatten(0, -2)).flatten(-2)
