"""Numbers -> vectors: a net sees where in its column a value stands, and bends its answer there."""

import math

import torch
import torch.nn.functional as F
from torch import nn


class PiecewiseLinearEncoding(nn.Module):
    """PLE(x) of :class:`PiecewiseLinearEmbedding`, which has nothing to learn.

    Parameters
    ----------
    bin_edges : sequence of array-like of shape (T_j + 1,)
        Increasing edges of each column's bins.

    Shape
    -----
    input (..., n, n_columns) -> output (..., n_columns, n_bins, n): numbers of one kind stand next to each other in
    memory
    """

    def __init__(self, bin_edges):
        super().__init__()
        n_columns, n_bins = len(bin_edges), max(len(edges) - 1 for edges in bin_edges)
        # e_t = slope x + start, limited; bins that a column does not have stay at zero.
        slope, start = torch.zeros(2, n_columns, n_bins, 1).unbind()
        for j, edges in enumerate(bin_edges):
            edges = torch.as_tensor(edges, dtype=torch.float64)
            slope[j, : len(edges) - 1, 0] = 1 / edges.diff()
            start[j, : len(edges) - 1, 0] = -edges[:-1] / edges.diff()
        self.register_buffer("slope", slope)
        self.register_buffer("start", start)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = x.transpose(-2, -1).contiguous().unsqueeze(-2)
        # clamp by another name, which vmap knows; in place, as what a step allocates is what it waits for
        return F.hardtanh_((x * self.slope).add_(self.start), 0.0, 1.0)


class PiecewiseLinearEmbedding(nn.Module):
    """Embeds each number by a piecewise linear function, learned between quantiles of its column.

    The encoding of x in a column with bins [b_0, b_1), ..., [b_{T-1}, b_T] is PLE(x) = (e_1, ..., e_T) with
    e_t = (x - b_{t-1}) / (b_t - b_{t-1}), limited to [0, 1]: full up to the bin of x, a part in it, nothing after it.
    The embedding is PLE(x) E without an activation, and x itself stands beside it. E starts at zero: a net starts with
    plain numbers, and bends them where that helps.

    Parameters
    ----------
    bin_edges : sequence of array-like of shape (T_j + 1,)
        Increasing edges of each column's bins; at least two. Columns may differ in their number.
    size : int, default=2
        Numbers per column, without the raw one.
    n_members : int, default=None
        None for one net.

    Shape
    -----
    input (n, n_columns), or (n_members, n, n_columns)
    -> output (n, n_columns * (size + 1)), or (n_members, n, n_columns * (size + 1)): embeddings, then raw numbers

    Notes
    -----
    In the paper the first bin is open downwards and the last upwards. Here the encoding ends with the outer edges, and
    beyond them only x itself goes on: slopes there could not be learned from training rows anyway.

    References
    ----------
    Gorishniy, Rubachev, Babenko (2022). On Embeddings for Numerical Features in Tabular Deep Learning, section 3.2,
    equation 1. https://arxiv.org/abs/2203.05556. The form without activation is that of TabM (Gorishniy, Kotelnikov,
    Babenko, 2025, https://arxiv.org/abs/2410.24210).

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import PiecewiseLinearEmbedding
    >>> PiecewiseLinearEmbedding([[0.0, 1.0, 3.0], [-1.0, 1.0]])(torch.zeros(5, 2)).shape
    torch.Size([5, 6])
    """

    def __init__(self, bin_edges, size=2, n_members=None):
        super().__init__()
        self.size = size
        self.encoding = PiecewiseLinearEncoding(bin_edges)
        n_columns, n_bins, _ = self.encoding.slope.shape
        members = () if n_members is None else (n_members,)
        self.weight = nn.Parameter(torch.zeros(*members, n_columns, size, n_bins))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        encoding, members = self.encoding(x), self.weight.shape[:-3]
        if members and x.ndim == 2:  # rows that all members share: encoded once
            weight = self.weight.transpose(0, 1).flatten(1, 2)
            embedded = (weight @ encoding).unflatten(1, (*members, -1)).transpose(0, 1)
            x = x.expand(*members, *x.shape)
        else:
            embedded = self.weight @ encoding
        return torch.cat([embedded.flatten(-3, -2), x.transpose(-2, -1)], dim=-2).transpose(-2, -1)


class PeriodicEmbedding(nn.Module):
    """Embeds each number by cosines of learned frequencies, followed by a dense layer; the number stands beside it.

    With z = cos(2 pi (f x + phase)), f of shape (n_frequencies,), the embedding of a column is (z W + v, x).

    Parameters
    ----------
    n_columns : int
    size : int, default=4
        Numbers per column, without the raw one.
    n_frequencies : int, default=16
    sigma : float, default=0.1
        Standard deviation of the frequencies' normal initial distribution; phases are uniform in (-0.5, 0.5).
    n_members : int, default=None
        None for one net.

    Shape
    -----
    input (n, n_columns), or (n_members, n, n_columns)
    -> output (n, n_columns * (size + 1)), or (n_members, n, n_columns * (size + 1)): embeddings, then raw numbers

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart (2024). Better by Default: Strong Pre-Tuned MLPs and Boosted Trees on Tabular
    Data, section 3.2 (PBLD). https://arxiv.org/abs/2407.04491; after Gorishniy et al. (2022), section 3.3.

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import PeriodicEmbedding
    >>> PeriodicEmbedding(2)(torch.zeros(5, 2)).shape
    torch.Size([5, 10])
    """

    def __init__(self, n_columns, size=4, n_frequencies=16, sigma=0.1, n_members=None):
        super().__init__()
        self.size = size
        shape = (n_columns, n_frequencies) if n_members is None else (n_members, n_columns, n_frequencies)
        bound = 1 / math.sqrt(n_frequencies)
        self.frequency = nn.Parameter(sigma * torch.randn(shape))
        self.phase = nn.Parameter(torch.rand(shape) - 0.5)
        self.weight = nn.Parameter(torch.empty(*shape, size).uniform_(-bound, bound))
        self.bias = nn.Parameter(torch.empty(*shape[:-1], size).uniform_(-bound, bound))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        angles = x.transpose(-2, -1).unsqueeze(-1) * self.frequency.unsqueeze(-2) + self.phase.unsqueeze(-2)
        embedded = torch.cos(2 * math.pi * angles) @ self.weight + self.bias.unsqueeze(-2)  # (..., d, n, size)
        embedded = embedded.transpose(-3, -2).flatten(-2)
        return torch.cat([embedded, x.expand(*embedded.shape[:-1], x.shape[-1])], dim=-1)
