"""Identical rows become one row with their weights added, and all rows get an order that depends on content alone.

With this in front of a stochastic training, a row of weight k and k copies of it are the same thing to the last bit,
and so are a table and its shuffled self: what follows (validation split, order of batches, rounding) sees the same
rows in the same order.
"""

import warnings

import numpy as np
from sklearn.model_selection import StratifiedKFold


def merge_identical_rows(X, y, weight, others=None):
    """Positions of one representative per distinct row, ordered by content, and the added weights.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns), float
        NaN equals NaN here, and -0.0 equals 0.0.
    y : ndarray of shape (n,) or (n, k)
        Numbers that keep rows apart too: the class, and whatever else a technique knows of a row.
    weight : ndarray of shape (n,)
        Non-negative weights.
    others : ndarray of shape (k, n), default=None
        More numbers of each row, to be added up likewise.

    Returns
    -------
    index : ndarray of shape (n_distinct,), int
        Row numbers into X.
    weight : ndarray of shape (n_distinct,), float64
        For each of them the weight of all rows that equal it.
    place : ndarray of shape (n,), int
        For each row the position of its representative in ``index``.
    others : ndarray of shape (k, n_distinct)
        Only if there are any.
    """
    weight = np.asarray(weight, dtype=np.float64)
    order, is_first = _by_hash(_keys(X, y), weight)
    first, place = np.flatnonzero(is_first), np.empty(len(order), dtype=int)
    place[order] = np.cumsum(is_first) - 1
    merged = order[first], np.add.reduceat(weight[order], first), place
    return merged if others is None else (*merged, np.stack([np.add.reduceat(row[order], first) for row in others]))


def content_order(X, y, weight):
    """Row numbers in an order that depends on the rows' content alone, (n,), and for each the number of its content.

    Parameters are those of :func:`merge_identical_rows`.
    """
    order, is_first = _by_hash(_keys(X, y), np.asarray(weight, dtype=np.float64))
    return order, np.cumsum(is_first) - 1


def _keys(X, y):
    """What tells rows apart, (n, n_columns + k), with one form for each number."""
    y = np.reshape(y, (len(X), -1))
    keys = np.empty((len(X), X.shape[1] + y.shape[1]))
    np.add(X, 0.0, out=keys[:, : X.shape[1]])
    np.add(y, 0.0, out=keys[:, X.shape[1] :])
    keys[np.isnan(keys)] = np.nan
    return keys


def _by_hash(keys, weight):
    """An order by content in which equal rows are neighbours, by weight among themselves, and where a new row begins.

    The weights take part so that they are added in the same order however the rows were shuffled.
    """
    bits = keys.view(np.uint64)
    factors = np.random.default_rng(0).integers(2**63, size=keys.shape[1], dtype=np.uint64) | np.uint64(1)
    hashes = (bits ^ (bits >> np.uint64(32))) @ factors
    order = np.argsort(hashes) if np.ptp(weight) == 0 else np.lexsort((weight, hashes))
    hashes = hashes[order]
    is_first = np.concatenate([[True], hashes[1:] != hashes[:-1]])
    same = np.flatnonzero(~is_first)
    if np.array_equal(bits[order[same]], bits[order[same - 1]]):
        return order, is_first
    return _by_bits(bits, weight)


def _by_bits(bits, weight):
    """The same order without hashes, which different rows may share: slower, and exact."""
    rows = bits.view(np.dtype((np.void, bits.itemsize * bits.shape[1]))).ravel()
    by_weight = np.argsort(weight, kind="stable")
    order = by_weight[np.argsort(rows[by_weight], kind="stable")]
    rows = rows[order]
    return order, np.concatenate([[True], rows[1:] != rows[:-1]])


def stratified_folds(codes, n_folds, seed):
    """The fold of each row, (n,), drawn so that each fold has the same share of every class.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        Class numbers; the largest class has at least as many rows as there are folds.
    n_folds, seed : int
    """
    splitter, folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed), np.zeros(len(codes), dtype=int)
    with warnings.catch_warnings():  # classes of fewer rows than folds are no reason to worry
        warnings.filterwarnings("ignore", "The least populated class", UserWarning)
        for fold, (_, rows) in enumerate(splitter.split(folds, codes)):
            folds[rows] = fold
    return folds
