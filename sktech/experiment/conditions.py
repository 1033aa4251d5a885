"""Harder training rows: fewer of them, rare classes, wrong labels. Test rows stay as they are."""

from dataclasses import dataclass

import numpy as np

from sktech._random import spawn_seed
from sktech.experiment.errors import InputError

# What a seed is spawned for.
_ROWS, _NOISE = range(2)


@dataclass(frozen=True)
class Conditions:
    """What is done to the training rows of each fold, in the order fraction, tail, noise.

    Parameters
    ----------
    noise : float, default=0.0
        Share of the training labels that are exchanged for another class, in [0, 1): exactly ``round(noise * n)``
        rows, chosen at random, each with a class drawn uniformly from the others among the training rows (symmetric
        noise).
    tail : float, default=1.0
        How many times as many rows the largest class has as the smallest, at least 1: with K classes from the most
        frequent on, class k = 0, ..., K - 1 keeps n_0 tail^(-k / (K - 1)) rows, but at least one and at most those it
        has.
    fraction : float, default=1.0
        Share of the rows of each class that train, in (0, 1], but at least one row.

    Raises
    ------
    InputError
        If a number is not as described; it is called as the options of ``sktech compare`` are.

    Notes
    -----
    Everything is decided by the training rows alone. Where classes are about as frequent as each other, it is up to the
    rows of a fold which of them become rare. With the same seed, the rows of a smaller fraction are among those of a
    larger one, and of the same fraction those of a longer tail among those of a shorter one; and of the same rows those
    that are wrong with little noise are wrong with more, too.

    References
    ----------
    Profile of the tail: Y. Cui, M. Jia, T.-Y. Lin, Y. Song and S. Belongie, "Class-Balanced Loss Based on Effective
    Number of Samples", CVPR 2019, section 5.1, https://arxiv.org/abs/1901.05555

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.experiment.conditions import Conditions
    >>> y = np.repeat(["a", "b", "c"], 100)
    >>> harder = Conditions(tail=100)
    >>> rows, y_rows = harder.apply(y, np.arange(300), seed=0)
    >>> np.unique(y_rows, return_counts=True)[1].tolist(), harder.describe()
    ([100, 10, 1], 'tail 1:100')
    """

    noise: float = 0.0
    tail: float = 1.0
    fraction: float = 1.0

    def __post_init__(self):
        if not 0 <= self.noise < 1:
            raise InputError(f"noise: expected a share of at least 0 and less than 1, got {self.noise}")
        if not 1 <= self.tail < np.inf:
            raise InputError(f"tail: expected a ratio of at least 1, got {self.tail}")
        if not 0 < self.fraction <= 1:
            raise InputError(f"fraction: expected a share of more than 0 and at most 1, got {self.fraction}")

    def apply(self, y, train, seed):
        """The rows that train, and their labels.

        Parameters
        ----------
        y : ndarray of shape (n,)
            Labels of all rows; only those of ``train`` are looked at.
        train : ndarray of int
            Row numbers.
        seed : int
            The same for all models, so that they see the same rows and labels.

        Returns
        -------
        rows : ndarray of int
            Those of ``train`` that are left, in their order.
        y_rows : ndarray of shape (n_rows,)
            Their labels, some of them wrong.
        """
        classes, codes = np.unique(y[train], return_inverse=True)
        kept = _some_of_each(codes, self._sizes(np.bincount(codes)), spawn_seed(seed, _ROWS))
        codes = codes[kept]
        if self.noise > 0 and len(classes) > 1:
            codes = self._with_errors(codes, len(classes), spawn_seed(seed, _NOISE))
        return train[kept], classes[codes]

    def describe(self):
        """What is done in words, such as "40 % of the training labels wrong, tail 1:100"; "" if nothing is."""
        words = [
            f"{100 * self.noise:g} % of the training labels wrong" if self.noise > 0 else "",
            f"tail 1:{self.tail:g}" if self.tail > 1 else "",
            f"{100 * self.fraction:g} % of the training rows" if self.fraction < 1 else "",
        ]
        return ", ".join(filter(None, words))

    def _sizes(self, counts):
        """How many rows of each class are kept."""
        counts = np.maximum(np.rint(self.fraction * counts), 1)
        profile = np.empty(len(counts))
        profile[np.argsort(-counts, kind="stable")] = counts.max() * self.tail ** -np.linspace(0, 1, len(counts))
        return np.clip(np.rint(profile), 1, counts).astype(int)

    def _with_errors(self, codes, n_classes, seed):
        random = np.random.default_rng(seed)
        wrong = random.permutation(len(codes))[: round(self.noise * len(codes))]
        steps = random.integers(1, n_classes, size=len(codes))  # for all rows, so that more noise keeps these errors
        codes = codes.copy()
        codes[wrong] = (codes[wrong] + steps[wrong]) % n_classes
        return codes


def _some_of_each(codes, sizes, seed):
    """Positions, in ascending order, of so many rows of each class, drawn at random."""
    order = np.random.default_rng(seed).permutation(len(codes))
    return np.sort(np.concatenate([order[codes[order] == k][:size] for k, size in enumerate(sizes)]))
