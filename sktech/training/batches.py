"""Whole-tensor batches: one gather for many rows instead of one Python call per row, and each batch knows its rows.

:class:`TensorBatches` takes the place of torch's ``DataLoader`` where the data are plain arrays. It yields
:class:`Batch`, which is skorch's ``(X, y)`` tuple that also carries row numbers, weights and the progress of the
training.
"""

import numpy as np
import skorch.dataset
import torch
from torch.utils.data import Dataset, Subset

from sktech.sampling import Drawn

# Rows, of all members together, gathered at once while an epoch in random order is cut into batches.
GATHERED_ROWS = 2**15


class Batch(tuple):
    """``(X, y)``, as skorch knows it, and what a technique needs besides.

    Attributes
    ----------
    X : Tensor of shape (n, ...) or (n_members, n, ...)
        Inputs; with a leading member axis where each member sees rows of its own.
    y : Tensor of shape (n,) or (n_members, n)
        Targets. Plain class numbers in a classifier.
    rows : Tensor of shape (n,) or (n_members, n), int64
        Positions of the rows in the training data: where to look up what is kept per row.
    weight : Tensor of shape (..., n) or None
        Weights of what the labels of the rows say, with mean 1 over the training data. None means that all are 1.
    copies : Tensor of shape (..., n) or None
        How often each row counts where no label is asked for, with mean 1; the weights without those of labels and
        classes. None means that all are 1.
    soft : SoftTargets or None
        Of the batch's rows, targets that are no plain class numbers; None where ``y`` says it all.
    progress : float
        Steps done / steps planned, in [0, 1); schedules are functions of it.
    log : dict of str to float or scalar Tensor
        What an objective wants to see in the history; the engine records it per batch and its mean per epoch.
    """

    def __new__(cls, pair, rows=None, weight=None, progress=0.0, copies=None, soft=None):
        batch = super().__new__(cls, pair)
        batch.rows = rows
        batch.weight = weight
        batch.copies = copies
        batch.soft = None if soft is None else soft[rows]
        batch.progress = progress
        batch.log = {}
        return batch

    @property
    def X(self):
        return self[0]

    @property
    def y(self):
        return self[1]

    @property
    def n_rows(self):
        """Rows per member."""
        return self.rows.shape[-1]

    def part(self, which):
        """The batch of some of the rows.

        Parameters
        ----------
        which : slice
        """
        place = (slice(None),) * (self.rows.ndim - 1) + (which,)
        weight, copies = (None if values is None else values[..., which] for values in (self.weight, self.copies))
        part = Batch((self.X[place], self.y[place]), self.rows[place], weight, self.progress, copies)
        part.soft = None if self.soft is None else self.soft.part(which)
        return part

    def mean(self, values):
        """Mean over the rows, (...), of values (..., n), each as often as its row counts."""
        share = values.new_full((self.n_rows,), 1 / self.n_rows) if self.copies is None else self.copies / self.n_rows
        return values @ share if share.ndim == 1 else (values * share).sum(-1)


class WeightedRows(Dataset):
    """A data set of tensors whose rows may carry weights.

    Parameters
    ----------
    X : Tensor of shape (n, ...)
    y : Tensor of shape (n, ...)
    weight : Tensor of shape (n,), default=None
    soft : SoftTargets, default=None
        Where the targets are no plain class numbers.
    numbers : Tensor of shape (n_members, n_classes), int64, default=None
        What each member of a committee takes each class for, such as a bit of a code; None for the class itself.
    """

    def __init__(self, X, y, weight=None, soft=None, numbers=None):
        self.X = X
        self.y = y
        self.weight = weight
        self.soft = soft
        self.numbers = numbers

    def map(self, function):
        """The data set whose tensors, of rows, are a function of these."""
        parts = (self.X, self.y, self.weight, self.soft)
        return WeightedRows(*(None if part is None else function(part) for part in parts), self.numbers)

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


def whole_tensors(dataset):
    """The data of a data set as a WeightedRows, or None where it does not consist of plain arrays.

    Understands :class:`WeightedRows`, skorch's own ``Dataset`` over numpy arrays or torch tensors, and subsets of
    them. Anything else (dictionaries, lists, sparse matrices, data frames, custom data sets) is left to the
    ``DataLoader``.

    Parameters
    ----------
    dataset : torch.utils.data.Dataset

    Returns
    -------
    data : WeightedRows or None
    """
    if type(dataset) is WeightedRows:
        return dataset
    if type(dataset) is Subset:
        whole = whole_tensors(dataset.dataset)
        if whole is None:
            return None
        rows = torch.as_tensor(np.asarray(dataset.indices), dtype=torch.int64, device=whole.X.device)
        return whole.map(lambda part: part[rows])
    if type(dataset) is not skorch.dataset.Dataset:
        return None
    X = _as_tensor(dataset.X)
    # skorch puts one zero per row in the place of a missing target
    y = _as_tensor(dataset.y) if dataset.y is not None or X is None else torch.zeros(len(X), 1)
    if X is None or y is None or len(dataset) != len(X) or len(X) != len(y):
        return None
    return WeightedRows(X, y)


def _as_tensor(array):
    if isinstance(array, torch.Tensor):
        return array if array.layout is torch.strided and array.ndim else None
    if type(array) is not np.ndarray or not array.ndim:
        return None
    if not array.flags.writeable or any(stride < 0 for stride in array.strides):
        array = array.copy()
    try:
        return torch.from_numpy(array)
    except TypeError:  # a dtype that torch does not have
        return None


class TensorBatches:
    """Iterates over batches of whole tensors; one pass over it is one epoch.

    Without ``seed`` and with ``shuffle=True`` it draws from torch's generators exactly as a ``DataLoader`` does, so
    that the order of the rows, and all that is random after it, is the same.

    Parameters
    ----------
    data : WeightedRows
    batch_size : int, default=1
        -1 for all rows at once.
    shuffle : bool, default=False
        A new random order in every epoch.
    drop_last : bool, default=False
        Leave out the last batch if it is smaller.
    generator : torch.Generator, default=None
        Source of the random orders; None for torch's global one.
    sampler : iterable of int, or callable, default=None
        Who is in the epoch. An iterable gives the row numbers of an epoch, as torch's samplers do. A callable is
        asked once per epoch, as ``sampler(progress, generator)``, for a :class:`sktech.sampling.Drawn` or a tuple of
        its first parts: row numbers of shape (n,) or, one row for each member, (n_members, n), and weights of that
        shape (or None) that multiply the rows' own. If it has an attribute ``sizes``, a list of the numbers of rows of
        the steps of an epoch, that is how they are cut into batches.
    seed : int, default=None
        Seeds a generator of its own, so that the order of the rows does not depend on what else draws random numbers.
    smallest_batch : int, default=1
        A last batch of fewer rows joins the one before it (BatchNorm cannot train on one row).
    n_epochs : int, default=1
        How many passes are planned; ``batch.progress`` refers to it.
    device : str or torch.device, default=None
        Where the batches are wanted; None for where the data are.
    """

    def __init__(
        self,
        data,
        batch_size=1,
        shuffle=False,
        drop_last=False,
        generator=None,
        sampler=None,
        seed=None,
        smallest_batch=1,
        n_epochs=1,
        device=None,
    ):
        if shuffle and sampler is not None:
            raise ValueError(
                "a sampler decides the order of the rows: expected shuffle=False beside it, got shuffle=True"
            )
        self.data = data
        self.batch_size = len(data) if batch_size == -1 else batch_size
        self.shuffle = shuffle
        self.drop_last = drop_last
        self.generator = torch.Generator().manual_seed(seed) if seed is not None else generator
        self.sampler = sampler
        self.sizes = getattr(sampler, "sizes", None)
        self.own_order = seed is not None
        self.smallest_batch = smallest_batch
        self.n_epochs = n_epochs
        self.device = device
        self.epoch = 0

    @property
    def dataset(self):
        """The data, under DataLoader's name for them."""
        return self.data

    def __len__(self):
        return len(self._bounds(self._epoch_length())) - 1

    def _epoch_length(self):
        return len(self.sampler) if hasattr(self.sampler, "__len__") else len(self.data)

    def _bounds(self, n):
        """Where the batches of an epoch of n rows begin and end."""
        if self.sizes is not None:
            return [0, *np.cumsum(self.sizes).tolist()]
        if self.drop_last:
            return list(range(0, n + 1, self.batch_size))
        bounds = [*range(0, n, self.batch_size), n]
        if len(bounds) > 2 and n - bounds[-2] < self.smallest_batch:
            del bounds[-2]
        return bounds

    def _draw_rows(self, progress):
        """Who is in the next epoch; rows is None for all of them in their order."""
        if not self.own_order:
            # DataLoader draws a seed for its workers at the start of each pass, even without workers
            torch.empty((), dtype=torch.int64).random_(generator=self.generator)
        if callable(self.sampler):
            return Drawn(*self.sampler(progress, self.generator))
        if self.sampler is not None:
            return Drawn(torch.as_tensor(list(self.sampler), dtype=torch.int64))
        if not self.shuffle:
            return Drawn(None)
        generator = self.generator
        if generator is None:
            seed = int(torch.empty((), dtype=torch.int64).random_().item())
            generator = torch.Generator().manual_seed(seed)
        rows = torch.randperm(len(self.data), generator=generator)
        if not self.own_order and self.generator is not None:
            torch.randperm(len(self.data), generator=generator)  # RandomSampler draws one more order than it uses
        return Drawn(rows)

    def __iter__(self):
        drawn = self._draw_rows(self.epoch / self.n_epochs)
        in_order = drawn.rows is None
        rows = torch.arange(len(self.data)) if in_order else drawn.rows
        rows = rows.to(self.data.X.device)
        bounds = self._bounds(rows.shape[-1])
        n_steps = max(len(bounds) - 1, 1)
        largest = self.batch_size if self.sizes is None else max(self.sizes)
        per_block = max(GATHERED_ROWS // (largest * rows.shape[:-1].numel()), 1)
        for first in range(0, len(bounds) - 1, per_block):
            ends = bounds[first : first + per_block + 1]
            span = slice(ends[0], ends[-1])
            weight, copies, block_rows = (
                None if part is None else part[..., span] for part in (drawn.weight, drawn.copies, rows)
            )
            block = self._gather(span if in_order else block_rows, weight, copies, block_rows)
            sizes, axis = np.diff(ends).tolist(), rows.ndim - 1
            parts = [[None] * len(sizes) if part is None else part.split(sizes, axis) for part in block]
            for step, (X, y, step_weight, step_copies, step_rows) in enumerate(zip(*parts, strict=True), first):
                progress = (self.epoch + step / n_steps) / self.n_epochs
                yield Batch((X, y), step_rows, step_weight, progress, step_copies, self.data.soft)
        self.epoch += 1

    def _gather(self, where, weight, copies, rows):
        """[X, y, weight, copies, rows] of many rows at once."""
        data = self.data
        weight = _product(None if data.weight is None else data.weight[where], weight)
        y = data.y[where]
        if data.numbers is not None:
            y = data.numbers.to(y.device).gather(1, y)
        parts = [data.X[where], y, weight, copies, rows]
        return [part if part is None or self.device is None else part.to(self.device) for part in parts]


def _product(one, other):
    """Of weights, where None is ones."""
    if one is None or other is None:
        return other if one is None else one
    return one * other.to(one.device)


def on_device(data, device):
    """The data on a CUDA device where they take at most half of its free memory, else as they are.

    Parameters
    ----------
    data : WeightedRows
    device : str, torch.device or None

    Returns
    -------
    data : WeightedRows
    """
    if device is None or torch.device(device).type != "cuda":
        return data
    parts = [part for part in (data.X, data.y, data.weight) if part is not None]
    free, _ = torch.cuda.mem_get_info(device)
    if sum(part.nbytes for part in parts) + (0 if data.soft is None else data.soft.n_bytes) > free // 2:
        return data
    return data.map(lambda part: part.to(device))
