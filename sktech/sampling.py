"""Who is in the next epoch: the rows of each member, in a new random order."""

import numpy as np
import torch


class MemberRows:
    """The rows that a net learns from, or those that each member of a committee does, with their weights.

    A sampler for :class:`sktech.training.TensorBatches`. Where members have different numbers of rows, the shorter
    ones are filled up with rows that weigh nothing.

    Parameters
    ----------
    weight : ndarray of shape (n,) or (n_members, n)
        Weight of each row of the table; 0 for those that are not among the rows.
    dtype : torch.dtype, default=torch.float32
        Of the weights.
    shuffle : bool, default=True
        Whether each call gives another order, for each member its own.

    Attributes
    ----------
    rows : Tensor of shape (n_rows,) or (n_members, n_rows), int64
    weight : Tensor of that shape, or None
        With mean 1 for each member; None if all are 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.sampling import MemberRows
    >>> rows, weight = MemberRows(np.array([[1, 1, 0, 1], [1, 0, 1, 0]]), shuffle=False)(0.0, None)
    >>> rows.tolist(), weight.tolist()
    ([[0, 1, 3], [0, 2, 0]], [[1.0, 1.0, 1.0], [1.5, 1.5, 0.0]])
    """

    def __init__(self, weight, dtype=torch.float32, shuffle=True):
        members = np.atleast_2d(weight)
        own = [np.flatnonzero(member) for member in members]
        length = max(map(len, own))
        rows = np.stack([np.resize(r, length) for r in own])
        shares = np.take_along_axis(members, rows, axis=1).astype(np.float64)
        for share, r in zip(shares, own, strict=True):
            share[len(r) :] = 0
        self.rows, self.weight, self.shuffle = torch.from_numpy(rows), None, shuffle
        if (shares != shares[:, :1]).any():
            shares /= shares.max(axis=1, keepdims=True)
            shares /= shares.mean(axis=1, keepdims=True)
            self.weight = torch.from_numpy(shares).to(dtype)
        if weight.ndim == 1:
            self.rows, self.weight = self.rows[0], None if self.weight is None else self.weight[0]

    def __len__(self):
        return self.rows.shape[-1]

    def __call__(self, progress, generator):
        """Rows and weights of the next epoch; see :class:`sktech.training.TensorBatches`."""
        if not self.shuffle:
            return self.rows, self.weight
        if self.rows.ndim == 1:
            order = torch.randperm(len(self), generator=generator)
        else:
            order = torch.stack([torch.randperm(len(self), generator=generator) for _ in self.rows])
        return self.rows.gather(-1, order), None if self.weight is None else self.weight.gather(-1, order)
