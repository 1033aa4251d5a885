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
    content : ndarray of shape (n_copies,), int
        The same number for copies of the same row, and of identical rows.
    """
    counts = np.flatnonzero(weight)
    X, keys = _safe_indexing(X, counts), keys[counts]
    try:
        order, content = content_order(TableReader(categorical_features).fit(X).transform(X), keys, weight[counts])
    except (TypeError, ValueError):  # a table that only the members can read keeps its order
        order, content = np.arange(len(counts)), np.arange(len(counts))
    order, content = counts[order].astype(np.int32), content.astype(np.int32)
    own = weight[order]
    if (own == np.round(own)).all() and own.sum() <= MOST_COPIES * len(own):
        times = own.astype(int)
        order, content, own = np.repeat(order, times), np.repeat(content, times), np.ones(times.sum())
    return order, own, content


@dataclass(eq=False)
class Resampling:
    """The copies of rows that each member learns from; drawn anew from the seed whenever asked for.

    Parameters
    ----------
    rows, weight, content : ndarray of shape (n_copies,)
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
    content: np.ndarray
    n_rows: int
    n_drawn: int
    replace: bool
    seed: int

    @property
    def gives_all(self):
        """Whether each member gets all copies."""
        return self.n_drawn == len(self.rows) and not self.replace

    def drawn(self, k):
        """Positions of the copies of member k, ascending."""
        n = len(self.rows)
        if self.gives_all:
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
        """The weight of each row, (n_rows,); 0 if member k has got a copy of it, or of an identical row."""
        seen = np.zeros(self.content.max() + 1, dtype=bool)
        seen[self.content[self.drawn(k)]] = True
        rest = ~seen[self.content]
        return np.bincount(self.rows[rest], self.weight[rest], self.n_rows)


class LeftOutFolds(Resampling):
    """Cross-validated committees: member k gets all copies but those of fold k. Copies of a row are in one fold.

    Parameters
    ----------
    codes : ndarray of shape (n_rows,), int
        Class numbers; folds have equal shares of each class.
    n_folds : int

    Raises
    ------
    ValueError
        If there are more folds than different rows of the most frequent class.
    """

    def __init__(self, rows, weight, content, codes, n_folds, seed):
        super().__init__(rows, weight, content, len(codes), len(rows), False, seed)
        _, first, which = np.unique(content, return_index=True, return_inverse=True)
        own = codes[rows[first]]
        most = np.unique(own, return_counts=True)[1].max()
        if n_folds > most:
            raise ValueError(
                f"n_estimators: expected at most {most} folds, as the most frequent class has so many different rows "
                f"(n_samples = {len(codes)}), got {n_folds}"
            )
        self.folds = stratified_folds(own, n_folds, seed).astype(np.int32)[which]

    gives_all = False

    def drawn(self, k):
        return np.flatnonzero(self.folds != k)
