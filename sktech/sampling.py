"""Who is in the next epoch: the rows of each member, in a new random order."""

from typing import NamedTuple

import numpy as np
import torch

from sktech._validation import check_choice, check_number

SAMPLINGS = ("instance", "class_balanced", "square_root", "progressive")


class Drawn(NamedTuple):
    """Who is in an epoch.

    Attributes
    ----------
    rows : Tensor of shape (n,) or (n_members, n), int64
        Row numbers.
    weight : Tensor of that shape, default=None
        Multiplies what a row's label says; None for ones.
    copies : Tensor of that shape, default=None
        How often a row counts where no label is asked for; None for ones.
    """

    rows: torch.Tensor
    weight: torch.Tensor = None
    copies: torch.Tensor = None


class MemberRows:
    """The rows that a net learns from, or those that each member of a committee does, with their weights.

    A sampler for :class:`sktech.training.TensorBatches`. Where members have different numbers of rows, the shorter
    ones are filled up with rows that weigh nothing.

    Parameters
    ----------
    copies : ndarray of shape (n,) or (n_members, n)
        How often each row of the table counts; 0 for those that are not among the rows.
    label_weight : ndarray of shape (n,), default=None
        What a row's label weighs besides, such as the weight of its class, or 0 where it has none; None for ones.
    dtype : torch.dtype, default=torch.float32
        Of the weights.
    shuffle : bool, default=True
        Whether each call gives another order, for each member its own.
    length : int, default=None
        Rows of an epoch; None for those of the member that has most.

    Attributes
    ----------
    rows : Tensor of shape (n_rows,) or (n_members, n_rows), int64
    weight : Tensor of that shape, or None
        Of the labels: copies times label weights, with mean 1 for each member; None if all are 1.
    copies : Tensor of that shape, or None
        With mean 1 for each member; None if all are 1.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.sampling import MemberRows
    >>> drawn = MemberRows(np.array([[1, 1, 0, 1], [1, 0, 1, 0]]), shuffle=False)(0.0, None)
    >>> drawn.rows.tolist(), drawn.weight.tolist()
    ([[0, 1, 3], [0, 2, 0]], [[1.0, 1.0, 1.0], [1.5, 1.5, 0.0]])
    """

    def __init__(self, copies, label_weight=None, dtype=torch.float32, shuffle=True, length=None):
        members = np.atleast_2d(copies)
        own = [np.flatnonzero(member) for member in members]
        length = max(map(len, own)) if length is None else length
        rows = np.stack([np.resize(r, length) for r in own])
        shares = np.take_along_axis(members, rows, axis=1).astype(np.float64)
        for share, r in zip(shares, own, strict=True):
            share[len(r) :] = 0
        shares /= shares.max(axis=1, keepdims=True)
        parts = [torch.from_numpy(rows), _mean_one(shares, dtype)]
        parts.append(parts[1] if label_weight is None else _mean_one(shares * label_weight[rows], dtype))
        self.rows, self.copies, self.weight = (
            part[0] if part is not None and copies.ndim == 1 else part for part in parts
        )
        self.dtype = dtype
        self.shuffle = shuffle

    def __len__(self):
        return self.rows.shape[-1]

    def __call__(self, progress, generator):
        """Rows and weights of the next epoch; see :class:`sktech.training.TensorBatches`."""
        if not self.shuffle:
            return Drawn(self.rows, self.weight, self.copies)
        if self.rows.ndim == 1:
            order = torch.randperm(len(self), generator=generator)
        else:
            order = torch.stack([torch.randperm(len(self), generator=generator) for _ in self.rows])
        parts = (self.rows, self.weight, self.copies)
        return Drawn(*(None if part is None else part.gather(-1, order) for part in parts))


def class_probabilities(sizes, sampling, progress=0.0):
    """How likely the next row is to be of each class.

    With n_j for the size of class j, n for all rows and K for the number of classes that have any, p_j is proportional
    to n_j^q: q = 1 for "instance", 1/2 for "square_root", 0 for "class_balanced". "progressive" goes from the first to
    the last, p_j = (1 - t) n_j / n + t / K with t for the progress.

    Parameters
    ----------
    sizes : array-like of shape (..., n_classes)
        Non-negative: rows of each class, or sums of their weights. Some are positive.
    sampling : "instance", "class_balanced", "square_root" or "progressive"
    progress : float, default=0.0
        Of the training, in [0, 1].

    Returns
    -------
    p : ndarray of shape (..., n_classes)
        Sums to one; 0 for classes of size 0.

    Raises
    ------
    ValueError
        If ``sampling`` is none of these, the progress is outside, or the sizes are not as described.

    References
    ----------
    B. Kang, S. Xie, M. Rohrbach, Z. Yan, A. Gordo, J. Feng and Y. Kalantidis, "Decoupling Representation and Classifier
    for Long-Tailed Recognition", ICLR 2020, section 3, https://arxiv.org/abs/1910.09217

    Examples
    --------
    >>> from sktech.sampling import class_probabilities
    >>> class_probabilities([90, 10], "square_root").tolist()
    [0.75, 0.25]
    """
    check_choice("sampling", sampling, SAMPLINGS)
    check_number("progress", progress, float, 0, 1)
    sizes = np.asarray(sizes, dtype=np.float64)
    if not (np.isfinite(sizes) & (sizes >= 0)).all() or not (sizes > 0).any(axis=-1).all():
        raise ValueError(f"sizes: expected finite numbers of at least 0, not all of them 0, got {sizes}")
    if sampling == "progressive":
        first, last = class_probabilities(sizes, "instance"), class_probabilities(sizes, "class_balanced")
        return (1 - progress) * first + progress * last
    power = {"instance": 1.0, "square_root": 0.5, "class_balanced": 0.0}[sampling]
    shares = np.where(sizes > 0, sizes**power, 0.0)
    return shares / shares.sum(axis=-1, keepdims=True)


class ClassSampler:
    """Draws rows so that each class comes as often as it should: rare classes more often than they are.

    It is a sampler for a net of sktech's (``TensorBatches`` is in :mod:`sktech.training`) and for torch's
    ``DataLoader``. Its row numbers are those of ``labels``, so that a net must not set rows aside by itself::

        sampler = ClassSampler(y, "square_root")
        TensorNet(Module, iterator_train=TensorBatches, iterator_train__sampler=sampler, train_split=None).fit(X, y)
        DataLoader(dataset, sampler=ClassSampler(y, "class_balanced"))

    Parameters
    ----------
    labels : array-like of shape (n,), int
        Class numbers 0, 1, ...; -1 for rows without a label, which together keep their share of all rows.
    sampling : "instance", "class_balanced", "square_root" or "progressive", default="class_balanced"
        See :func:`class_probabilities`.
    copies : array-like of shape (n,) or (n_members, n), default=None
        How often each row counts, for each member of a committee (which only a net can use); within its class a row
        comes in proportion. The size of a class is the sum over its rows. None for once each.
    label_weight : array-like of shape (n,), default=None
        What a row's label weighs besides, whoever is drawn, such as the weight of its class, for a net; a
        ``DataLoader`` does not know it. None for ones.
    generator : torch.Generator, default=None
        Of the rows, when the sampler is iterated over; None for torch's global one.
    dtype : torch.dtype, default=torch.float32
        Of the weights.

    Attributes
    ----------
    progress : float
        Of the training, in [0, 1], when the sampler is iterated over: set it in each epoch of "progressive". It is 0.0
        at first. A net of sktech's, which calls the sampler, knows the progress by itself.

    Notes
    -----
    An epoch has as many rows as there are (of the member that has most), in a random order. They are drawn
    systematically: each row and each class comes as often as is expected of it, rounded up or down at random. So
    "instance" is all rows once, where they count alike. Departures from the reference code: it draws with replacement,
    and its class-balanced epochs are K times as long as the largest class has rows.

    Examples
    --------
    >>> import torch
    >>> from sktech.sampling import ClassSampler
    >>> sampler = ClassSampler([0, 0, 0, 0, 0, 0, 0, 1], generator=torch.Generator().manual_seed(0))
    >>> sorted(sampler).count(7)
    4
    """

    def __init__(
        self, labels, sampling="class_balanced", copies=None, label_weight=None, generator=None, dtype=torch.float32
    ):
        labels = np.asarray(labels)
        check_choice("sampling", sampling, SAMPLINGS)
        if labels.ndim != 1 or labels.dtype.kind not in "iu" or not len(labels) or labels.min() < -1:
            raise ValueError(
                "labels: expected class numbers 0, 1, ... of shape (n,), and -1 for none, got "
                f"{labels.dtype} of shape {labels.shape}"
            )
        copies = np.ones(len(labels)) if copies is None else np.asarray(copies, dtype=np.float64)
        if copies.ndim not in (1, 2) or copies.shape[-1] != len(labels) or not _are_weights(copies):
            raise ValueError(
                f"copies: expected finite, non-negative numbers of shape ({len(labels)},) or (n_members, "
                f"{len(labels)}), got others, of shape {copies.shape}"
            )
        if label_weight is not None:
            label_weight = np.asarray(label_weight, dtype=np.float64)
            if label_weight.shape != labels.shape or not _are_weights(label_weight):
                raise ValueError(
                    f"label_weight: expected finite, non-negative numbers of shape ({len(labels)},), got others, of "
                    f"shape {label_weight.shape}"
                )
        members = np.atleast_2d(copies)
        # Numbers without gaps, 0 for no label.
        labels = np.unique(np.append(labels, -1), return_inverse=True)[1][:-1] - 1
        sizes = np.stack([np.bincount(labels + 1, own, max(labels.max() + 2, 2)) for own in members])
        if not sizes.any(axis=1).all():
            raise ValueError("copies: expected a positive number for at least one row of each member, got zeros only")
        self.sampling = sampling
        self.generator = generator
        self.progress = 0.0
        self._is_committee = copies.ndim == 2
        self._labels = torch.from_numpy(labels.astype(np.int64))
        self._sizes = sizes
        self._copies = torch.from_numpy(members)
        self._label_weight = None if label_weight is None else torch.as_tensor(label_weight, dtype=dtype)
        self._length = int((members > 0).sum(axis=1).max())

    def __len__(self):
        return self._length

    def probabilities(self, progress=0.0):
        """How likely each row is to be the next one.

        Parameters
        ----------
        progress : float, default=0.0

        Returns
        -------
        p : Tensor of shape (n,) or (n_members, n), float64
        """
        p = self._probabilities(progress)
        return p if self._is_committee else p[0]

    def _probabilities(self, progress):
        """(n_members, n)"""
        shares, known = self._sizes / self._sizes.sum(axis=1, keepdims=True), self._sizes[:, 1:]
        some = known.any(axis=1)
        shares[some, 1:] = (1 - shares[some, :1]) * class_probabilities(known[some], self.sampling, progress)
        of_each_copy = torch.from_numpy(
            np.divide(shares, self._sizes, where=self._sizes > 0, out=np.zeros_like(shares))
        )
        return of_each_copy[:, self._labels + 1] * self._copies

    def __call__(self, progress, generator):
        """Rows and weights of the next epoch; see :class:`sktech.training.TensorBatches`."""
        p = self._probabilities(progress)
        members, n = p.shape

        def uniform(*shape):
            return torch.rand(shape, generator=generator, dtype=torch.float64)

        # Class by class, and in a random order within each; those that never come are the first.
        order = torch.where(p > 0, self._labels + uniform(members, n), -2.0).argsort(dim=-1)
        ends = p.gather(-1, order).cumsum(dim=-1)
        ends *= self._length / ends[:, -1:]
        places = uniform(members, 1) + torch.arange(self._length)
        rows = order.gather(-1, torch.searchsorted(ends, places, right=True).clamp_(max=n - 1))
        rows = rows.gather(-1, uniform(members, self._length).argsort(dim=-1))
        weight = None
        if self._label_weight is not None:
            weight = self._label_weight[rows]
            # An epoch may happen to have no row whose label weighs anything.
            weight = weight / weight.mean(dim=-1, keepdim=True).clamp_min(torch.finfo(weight.dtype).tiny)
        return Drawn(rows, weight) if self._is_committee else Drawn(rows[0], None if weight is None else weight[0])

    def __iter__(self):
        """Row numbers of the next epoch, of one net."""
        if self._is_committee:
            raise ValueError("copies: expected shape (n,) to iterate over rows, got those of several members")
        return iter(self(self.progress, self.generator).rows.tolist())


def _are_weights(values):
    return bool((np.isfinite(values) & (values >= 0)).all())


class SideBySide:
    """The rows of several trainings that run in step: the members of one after those of the other.

    Parameters
    ----------
    samplers : list of MemberRows
        Of equal length.
    seeds : list of int, default=None
        Of the order of each one's rows, which are then as if it were alone; None where nobody shuffles.
    """

    def __init__(self, samplers, seeds=None):
        self.samplers = samplers
        seeds = [None] * len(samplers) if seeds is None else seeds
        self.generators = [None if seed is None else torch.Generator().manual_seed(seed) for seed in seeds]

    def __len__(self):
        return len(self.samplers[0])

    def __call__(self, progress, generator):
        """Rows and weights of the next epoch, (n_members, n) each."""
        drawn = [sampler(progress, own) for sampler, own in zip(self.samplers, self.generators, strict=True)]
        rows = [torch.atleast_2d(one.rows) for one in drawn]
        parts = [rows]
        for name in ("weight", "copies"):
            given = [getattr(one, name) for one in drawn]
            dtype = next((part.dtype for part in given if part is not None), None)
            ones = [torch.ones_like(own, dtype=dtype) for own in rows]
            given = [one if part is None else torch.atleast_2d(part) for one, part in zip(ones, given, strict=True)]
            parts.append(None if dtype is None else given)
        return Drawn(*(None if part is None else torch.cat(part) for part in parts))


class WithTrusted:
    """Adds trusted rows to each step: the last ones of its batch, which weigh nothing there.

    A technique that learns from them knows them by their place; to all others they are not there.

    Parameters
    ----------
    learned : MemberRows
        The rows to learn from.
    trusted : MemberRows
        Drawn in an order of their own, which begins anew when all had their turn.
    batch_size : int
        Rows to learn from in a step.
    n_trusted : int
        Trusted rows in a step.

    Attributes
    ----------
    sizes : list of int
        Rows of each step of an epoch.
    """

    def __init__(self, learned, trusted, batch_size, n_trusted):
        self.learned = learned
        self.trusted = trusted
        self.n_trusted = n_trusted
        first, *others = torch.arange(len(learned)).split(batch_size)
        self._sizes = [len(first), *map(len, others)]
        self.sizes = [size + n_trusted for size in self._sizes]
        self._waiting = torch.empty(*trusted.rows.shape[:-1], 0, dtype=torch.int64)

    def __len__(self):
        return sum(self.sizes)

    def __call__(self, progress, generator):
        """Rows and weights of the next epoch."""
        drawn = self.learned(progress, generator)
        parts = []
        for part in (drawn.weight, drawn.copies):
            part = torch.ones(drawn.rows.shape, dtype=self.learned.dtype) if part is None else part
            steps = [
                torch.cat([own * (1 + self.n_trusted / size), own.new_zeros(*own.shape[:-1], self.n_trusted)], dim=-1)
                for own, size in zip(part.split(self._sizes, dim=-1), self._sizes, strict=True)
            ]
            parts.append(torch.cat(steps, dim=-1))
        steps = [
            torch.cat([own, self._next_trusted(generator)], dim=-1) for own in drawn.rows.split(self._sizes, dim=-1)
        ]
        return Drawn(torch.cat(steps, dim=-1), *parts)

    def _next_trusted(self, generator):
        while self._waiting.shape[-1] < self.n_trusted:
            self._waiting = torch.cat([self._waiting, self.trusted(0.0, generator).rows], dim=-1)
        own, self._waiting = self._waiting.split([self.n_trusted, self._waiting.shape[-1] - self.n_trusted], dim=-1)
        return own


def _mean_one(shares, dtype):
    """Weights (n_members, n) with mean 1 for each member; None if all are alike."""
    if (shares == shares[:, :1]).all():
        return None
    shares = shares / shares.max(axis=1, keepdims=True)
    return torch.from_numpy(shares / shares.mean(axis=1, keepdims=True)).to(dtype)


class ClassGroups:
    """Steps that consist of groups of rows, each group of one class: for prototypes and episodes.

    A sampler for :class:`sktech.training.TensorBatches`. The rows of a group stand one after the other. How often a
    row of a class comes is in proportion to its copies, up to rounding; within a group a row comes twice only if the
    class has fewer rows than the group, or if it outweighs the others so much; its copies are then neighbours.

    Parameters
    ----------
    copies : ndarray of shape (n,) or (n_members, n)
        How often each row of the table counts; 0 for those that are not among the rows.
    codes : ndarray of shape (n,), int
        The class of each row.
    group_size : int
        Rows of a group.
    groups_per_step : int
        With ``distinct`` no more than there are classes.
    n_steps : int
        Steps of an epoch.
    class_weight : ndarray of shape (n,), default=None
        What a row's copies count besides where classes are drawn; None for ones.
    distinct : bool, default=False
        Whether the classes of a step are different ones, each as likely as any other. Otherwise a class comes in
        proportion to its weight.

    Attributes
    ----------
    sizes : list of int
        Rows of each step of an epoch.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from sktech.sampling import ClassGroups
    >>> codes = np.array([0, 1, 0, 1, 0, 1])
    >>> sampler = ClassGroups(np.ones(6), codes, group_size=3, groups_per_step=2, n_steps=1)
    >>> rows = sampler(0.0, torch.Generator().manual_seed(0)).rows
    >>> sorted(codes[rows].reshape(2, 3).tolist())
    [[0, 0, 0], [1, 1, 1]]
    """

    def __init__(self, copies, codes, group_size, groups_per_step, n_steps, class_weight=None, distinct=False):
        self.sizes = [group_size * groups_per_step] * n_steps
        self.group_size, self.groups_per_step, self.n_steps = group_size, groups_per_step, n_steps
        self.distinct, self.n_axes = distinct, np.ndim(copies)
        class_weight = np.ones(len(codes)) if class_weight is None else class_weight
        self.members = []  # of each the rows of its classes, what they count, and the weights of the classes
        for member in np.atleast_2d(copies):
            own = [np.flatnonzero((member > 0) & (codes == code)) for code in np.unique(codes)]
            own = [rows for rows in own if len(rows)]
            totals = [(member[rows] * class_weight[rows]).sum() for rows in own]
            groups = [(torch.from_numpy(rows), torch.from_numpy(member[rows].astype(np.float64))) for rows in own]
            self.members.append((groups, torch.tensor(totals, dtype=torch.float64)))

    def __len__(self):
        return sum(self.sizes)

    def __call__(self, progress, generator):
        """Rows of the next epoch; see :class:`sktech.training.TensorBatches`."""
        rows = torch.stack([self._member_rows(*member, generator) for member in self.members])
        return Drawn(rows if self.n_axes == 2 else rows[0])

    def _member_rows(self, groups, totals, generator):
        classes = self._classes(totals, generator)
        rows = torch.empty(len(classes), self.group_size, dtype=torch.int64)
        for code, (own, copies) in enumerate(groups):
            where = (classes == code).nonzero().squeeze(1)
            order = torch.randperm(len(own), generator=generator)
            # Row i of `picked` spans the i-th part of the order: groups are its columns.
            picked = own[order][_evenly(copies[order], self.group_size * len(where), generator)]
            shuffled = torch.randperm(len(where), generator=generator)
            rows[where] = picked.view(self.group_size, len(where))[:, shuffled].T
        return rows.flatten()

    def _classes(self, totals, generator):
        """The class of each group, (n_steps * groups_per_step,)."""
        if self.distinct:
            order = torch.rand(self.n_steps, len(totals), generator=generator).argsort(dim=1)
            return order[:, : self.groups_per_step].flatten()
        n_groups = self.n_steps * self.groups_per_step
        classes = _evenly(totals, n_groups, generator)
        return classes[torch.randperm(n_groups, generator=generator)]


def _evenly(weights, n, generator):
    """Systematic sampling: n positions, in order, each as often as its share of the weights says, rounded at random."""
    edges = torch.cumsum(weights, 0)
    points = (torch.arange(n, dtype=torch.float64) + torch.rand((), generator=generator)) * (edges[-1] / max(n, 1))
    return torch.searchsorted(edges, points, right=True).clamp(max=len(weights) - 1)
