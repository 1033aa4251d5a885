"""Columns that give the target away."""

from math import lgamma, log
from typing import NamedTuple

import numpy as np
import pandas as pd
from pandas.api.types import is_integer_dtype

from sktech.experiment.errors import shortened

# Rows that are looked at, at most.
_ROWS = 10_000
# A column gives the whole target away if it leaves at most this share of errors, and one class if it leaves that. So
# many errors count as seen in addition: none among m rows says, with 95 % confidence, that there are fewer than 3 / m.
_REFUSED, _TOLD, _UNSEEN = 0.02, 0.05, 3
# An unrelated column may agree with the target by this chance.
_CHANCE = 1e-6
# Numbers of rows: changes of the class from one to the next, per row outside the largest class, and such rows.
_CHANGES = 0.1
_LEAST = 10


class Leak(NamedTuple):
    """A column that seems to give the target away.

    Parameters
    ----------
    column : str
    reason : str
        What speaks for it; a sentence without its subject, the column.
    whole : bool
        Whether all classes are given away, or only the ones that the reason names.
    """

    column: str
    reason: str
    whole: bool


def find_leaks(X, y):
    """Find columns that alone say what the target is.

    Such a column is often known only after the target is (the day of a cancellation), or is the target under another
    name; a model that learns from it looks perfect, and is useless. Statistics cannot tell this from a feature that is
    truly that good, so the bounds are such that good features of real tables stay well below them, and a person
    decides.

    A column gives the whole target away if

    - it has one value per class, or is empty exactly in the rows of one of two classes, and a column with the same
      counts that has nothing to do with the target would agree by a chance below one in a million (for two even
      classes: from 24 rows on);
    - or it numbers the rows (distinct integers that fill at least half of their range), and from one number to the
      next the class changes at most once per ten rows outside the largest class: rows sorted by class. Shuffled rows
      change at least ten times as often;
    - or its values leave next to no error. Up to 10,000 rows, drawn evenly from the classes as far as they have rows,
      are split into halves, and each row is given the commonest class among the rows of the other half with the
      nearest value. With e errors among m rows outside the largest class, (e + 3) / m must not exceed 0.02: where two
      classes are even, 99 % of the rows are right. The 3 stands for what was not seen (no error among m rows says,
      with 95 % confidence, that there are fewer than 3 / m), so that this needs m >= 150: in a smaller table a feature
      may separate the rows by luck. The best columns of iris, breast_cancer, wine and digits come to 0.09, 0.32, 0.41
      and 0.82.

    It gives single classes away if (e + 3) / m, with e rows that are wrongly in or out of the class and m rows of it or
    not of it, whichever are fewer (a column that calls every row by a class of 99 % knows nothing of it), does not
    exceed 0.05. This bound is looser, because it is a hint and refuses nothing, and because features of honest
    tables do reach it: the brightness of a pixel says what is sky.

    Parameters
    ----------
    X : DataFrame of shape (n, n_columns)
    y : array-like of shape (n,)
        Labels.

    Returns
    -------
    leaks : list of Leak
        ``(column, reason, whole)``, in the order of the columns.

    Examples
    --------
    >>> import numpy as np
    >>> import pandas as pd
    >>> from sktech.experiment.leaks import find_leaks
    >>> stayed = np.arange(100) % 3 > 0
    >>> X = pd.DataFrame({"age": np.arange(100) % 7, "cancelled": np.where(stayed, np.nan, np.arange(100))})
    >>> find_leaks(X, np.where(stayed, "stayed", "left"))
    [Leak(column='cancelled', reason="is empty exactly where the class is 'stayed'", whole=True)]
    """
    classes, labels = np.unique(y, return_inverse=True)
    sample = _Sample(labels, classes)
    leaks = []
    for (name, column), (_, some) in zip(X.items(), X.iloc[sample.rows].items(), strict=True):
        if _numbers_sorted_rows(column, labels):
            leaks.append(Leak(name, "numbers the rows, which are sorted by class", whole=True))
        elif found := sample.verdict(pd.factorize(some, sort=True)[0]):
            leaks.append(Leak(name, *found))
    return leaks


def _numbers_sorted_rows(column, labels):
    if not is_integer_dtype(column.dtype) or column.isna().any():
        return False
    if int(column.max()) - int(column.min()) >= 2 * len(column) or not column.is_unique:
        return False
    others = len(labels) - np.bincount(labels).max()
    changes = np.count_nonzero(np.diff(labels[np.argsort(column.to_numpy())]))
    return others >= _LEAST and changes <= _CHANGES * others


class _Sample:
    """Rows, drawn evenly from the classes, in two halves; what the values of a column say about their classes.

    Values are codes, sorted as the values are, with -1 for a missing one.
    """

    def __init__(self, labels, classes):
        order = np.random.default_rng(0).permutation(len(labels))
        order = order[np.argsort(labels[order], kind="stable")]
        counts = np.bincount(labels)
        place = np.arange(len(labels)) - np.repeat(np.cumsum(counts) - counts, counts)  # within its class
        first = np.argsort(place, kind="stable")[:_ROWS]
        self.rows = order[first]
        self.classes = classes
        self._labels = labels[self.rows]
        self._half = (place[first] + self._labels) % 2  # neither is empty, even where each class has one row
        self._counts = np.bincount(self._labels, minlength=len(classes))

    def verdict(self, values):
        """(reason, whole), or None."""
        if self._mirrors(values):
            return "has one value per class: it is the target under another name", True
        if self._mirrors(values == -1):
            empty = self.classes[self._labels[values == -1][0]]
            return f"is empty exactly where the class is {str(empty)!r}", True
        guess = self._guess(values)
        right = np.bincount(self._labels[guess == self._labels], minlength=len(self.classes))
        n_rows, n_right = len(guess), right.sum()
        if _errors(n_rows - n_right, n_rows - self._counts.max()) <= _REFUSED:
            return f"alone tells the class of {n_right / n_rows:.1%} of the rows", True
        errors = self._counts + np.bincount(guess, minlength=len(self.classes)) - 2 * right
        fewer = np.minimum(self._counts, n_rows - self._counts)  # in the class or not in it
        given = [str(label) for label in self.classes[_errors(errors, fewer) <= _TOLD]]
        if given:
            return f"alone tells which rows are of class {shortened(given, limit=5)}", False
        return None

    def _mirrors(self, values):
        """Whether values and classes are one to one, and not by chance: one over the number of ways to arrange them."""
        distinct, position = np.unique(values, return_inverse=True)
        n_classes = len(self.classes)
        if len(distinct) != n_classes or len(np.unique(position * n_classes + self._labels)) != n_classes:
            return False
        return lgamma(len(values) + 1) - sum(lgamma(count + 1) for count in self._counts) >= -log(_CHANCE)

    def _guess(self, values):
        """For each row the commonest class among the rows of the other half with the nearest value."""
        n_classes = len(self.classes)
        guess = np.empty_like(self._labels)
        for half in (0, 1):
            known, asked = self._half == half, self._half != half
            distinct, position = np.unique(values[known], return_inverse=True)
            pairs, counts = np.unique(position * n_classes + self._labels[known], return_counts=True)
            pairs = pairs[np.lexsort([counts, pairs // n_classes])]
            commonest = pairs[np.diff(pairs // n_classes, append=-1) != 0] % n_classes  # the last pair of each value
            nearest = np.searchsorted((distinct[1:] + distinct[:-1]) / 2, values[asked])
            guess[asked] = commonest[nearest]
        return guess


def _errors(errors, rows):
    return (errors + _UNSEEN) / np.maximum(rows, 1)
