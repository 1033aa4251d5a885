"""Who learns from which rows: bootstraps, subsets, and folds to leave out, drawn among copies of rows."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import _safe_indexing

from sktech._random import spawn_seed
from sktech._rows import content_order, stratified_folds
from sktech.table import TableReader

# Whole weights are copies as long as these are at most so many times the rows.
MOST_COPIES = 10


def copies_of(X, keys, weight, categorical_features):
    """Rows in an order that depends on their content alone, each as often as it weighs if all weights are whole.

    Parameters
    ----------
    X : ndarray or data frame of shape (n, n_features)
    keys : ndarray of shape (n,) or (n, k)
        Numbers that tell rows apart besides: the class, or all that is known of it.
    weight : ndarray of shape (n,)
    categorical_features
        As ``NetClassifier`` takes them.

    Returns
    -------
    rows : ndarray of shape (n_copies,), int
        The row that each is a copy of.
    weight : ndarray of shape (n_copies,)
        What each weighs: 1, or the row's weight if weights are no whole numbers.
    """
    counts = np.flatnonzero(weight)
    X, keys = _safe_indexing(X, counts), keys[counts]
    try:
        order = content_order(TableReader(categorical_features).fit(X).transform(X), keys, weight[counts])
    except (TypeError, ValueError):  # a table that only the members can read keeps its order
        order = np.arange(len(counts))
    order = counts[order].astype(np.int32)
    own = weight[order]
    if (own == np.round(own)).all() and own.sum() <= MOST_COPIES * len(own):
        order, own = np.repeat(order, own.astype(int)), np.ones(int(own.sum()))
    return order, own


@dataclass(eq=False)
class Resampling:
    """The copies of rows that each member learns from; drawn anew from the seed whenever asked for.

    Parameters
    ----------
    rows, weight : ndarray of shape (n_copies,)
        As :func:`copies_of` gives them.
    n_rows : int
        Rows of the table.
    n_drawn : int
        Copies that each member gets.
    replace : bool
        Whether they are drawn with replacement, and then as often as they weigh.
    seed : int
    """

    rows: np.ndarray
    weight: np.ndarray
    n_rows: int
    n_drawn: int
    replace: bool
    seed: int

    def drawn(self, k):
        """Positions of the copies of member k, ascending."""
        n = len(self.rows)
        if self.n_drawn == n and not self.replace:
            return np.arange(n)
        p = self.weight / self.weight.sum() if self.replace else None
        rng = np.random.default_rng(spawn_seed(self.seed, k))
        return np.sort(rng.choice(n, self.n_drawn, replace=self.replace, p=p))

    def samples(self, k):
        """The rows of member k, (n_drawn,), and what they weigh."""
        own = self.drawn(k)
        return self.rows[own], np.ones(len(own)) if self.replace else self.weight[own]

    def share(self, k):
        """What each row weighs for member k, (n_rows,)."""
        return np.bincount(*self.samples(k), self.n_rows)

    def unseen(self, k):
        """The weight of each copy, (n_copies,); 0 for those that member k has got."""
        weight = self.weight.copy()
        weight[self.drawn(k)] = 0
        return weight


class LeftOutFolds(Resampling):
    """Cross-validated committees: member k gets all copies but those of fold k.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int
        Class numbers; folds have equal shares of each class.
    n_folds : int

    Raises
    ------
    ValueError
        If there are more folds than copies of the most frequent class.
    """

    def __init__(self, rows, weight, codes, n_folds, seed):
        super().__init__(rows, weight, len(codes), len(rows), False, seed)
        most = np.unique(codes[rows], return_counts=True)[1].max()
        if n_folds > most:
            raise ValueError(
                f"n_estimators: expected at most {most} folds, as the most frequent class has so many rows "
                f"(n_samples = {len(codes)}), got {n_folds}"
            )
        self.folds = stratified_folds(codes[rows], n_folds, seed).astype(np.int32)

    def drawn(self, k):
        return np.flatnonzero(self.folds != k)
