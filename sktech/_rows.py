"""Identical rows become one row with their weights added, and all rows get an order that depends on content alone.

With this in front of a stochastic training, a row of weight k and k copies of it are the same thing to the last bit,
and so are a table and its shuffled self: what follows (validation split, order of batches, rounding) sees the same
rows in the same order.
"""

import numpy as np


def merge_identical_rows(X, y, weight):
    """Positions of one representative per distinct row, ordered by content, and the added weights.

    Parameters
    ----------
    X : ndarray of shape (n, n_columns), float
        NaN equals NaN here, and -0.0 equals 0.0.
    y : ndarray of shape (n,) or (n, k)
        Numbers that keep rows apart too: the class, and whatever else a technique knows of a row.
    weight : ndarray of shape (n,)
        Non-negative weights.

    Returns
    -------
    index : ndarray of shape (n_distinct,), int
        Row numbers into X.
    weight : ndarray of shape (n_distinct,), float64
        For each of them the weight of all rows that equal it.
    """
    y = np.reshape(y, (len(X), -1))
    keys = np.empty((len(X), X.shape[1] + y.shape[1]))
    np.add(X, 0.0, out=keys[:, : X.shape[1]])
    np.add(y, 0.0, out=keys[:, X.shape[1] :])
    keys[np.isnan(keys)] = np.nan
    rows = keys.view(np.dtype((np.void, keys.itemsize * keys.shape[1]))).ravel()
    # Weights join the order, so that they are added in the same order however the rows were shuffled.
    by_weight = np.argsort(weight, kind="stable")
    order = by_weight[np.argsort(rows[by_weight], kind="stable")]
    rows = rows[order]
    first = np.flatnonzero(np.concatenate([[True], rows[1:] != rows[:-1]]))
    return order[first], np.add.reduceat(np.asarray(weight, dtype=np.float64)[order], first)
