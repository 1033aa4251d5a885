"""Outputs of a transformer that are made of several columns: what each column has to do with their change.

Between a baseline and a row, an output such as a principal component changes by what each column changes it, if the
transformer adds up over columns. Whether it does is tried out, by exchanging one column at a time.
"""

from dataclasses import replace

import numpy as np
from sklearn.utils import _safe_indexing

from sktech.inspection._columns import MIXED
from sktech.inspection._nets import as_table
from sktech.table import is_frame

# As a share of what the columns change an output by, one by one: rounding that is forgiven, and the change of it that
# is nothing but rounding.
ROUNDING, NOTHING = 1e-5, 1e-4
# Numbers in memory at a time.
NUMBERS = 2**24


def through_steps(method, net, X, baseline, **options):
    """What answers of a pipeline owe to columns of its table, where its steps make outputs of several columns.

    Parameters
    ----------
    method : callable
        ``method(estimator, X, baseline=baseline, **options)`` returns a GradientAttribution; asked for the pipeline's
        last step.
    net : ReadNet
    X : data frame or array-like of shape (n, n_features)
    baseline : table of one row or of n rows, or array-like of shape (n_features,)
    **options

    Returns
    -------
    attribution : GradientAttribution
        What an output gets is shared by the columns that it is made of as its change is.

    Raises
    ------
    ValueError
        If there is no baseline, or from ``shares``.
    """
    names = ", ".join(type(step).__name__ for step in net.steps)
    if baseline is None:
        raise ValueError(
            f"baseline: expected a row to compare with, as some of the pipeline's steps ({names}) make outputs of "
            "several columns, got None"
        )
    X = as_table(X)
    n = X.shape[0]
    baseline = net.rows(baseline, n)
    if baseline.shape[0] != n:
        baseline = _safe_indexing(baseline, np.zeros(n, dtype=int))
    told = method(net.last, net.transformed(X), baseline=net.transformed(baseline), **options)
    known, mixed = np.flatnonzero(net.columns != MIXED), np.flatnonzero(net.columns == MIXED)
    values = np.zeros((n, len(net.feature_names)))
    np.add.at(values.T, net.columns[known], told.values[:, known].T)
    size = max(NUMBERS // (values.shape[1] * len(mixed)), 1)
    for first in range(0, n, size):
        rows = np.arange(first, min(first + size, n))
        some, others = _safe_indexing(X, rows), _safe_indexing(baseline, rows)
        values[rows] += np.einsum(
            "nk,jnk->nj", told.values[rows][:, mixed], shares(net.transformed, some, others, mixed)
        )
    return replace(told, values=values, feature_names=net.feature_names)


def shares(transform, X, baseline, outputs):
    """The share of each column in the change of outputs between a baseline and rows.

    Parameters
    ----------
    transform : callable
        From a table like X to an array or data frame (n, n_outputs), row by row.
    X, baseline : data frame or ndarray of shape (n, n_features)
    outputs : ndarray of int
        Numbers of the outputs that are asked about.

    Returns
    -------
    shares : ndarray of shape (n_features, n, n_outputs)
        They sum to 1 over the columns, or are 0 where an output does not change.

    Raises
    ------
    ValueError
        If the outputs are no numbers, or their changes by single columns do not add up to the whole.
    """

    def asked(table):
        return np.asarray(_safe_indexing(transform(table), outputs, axis=1), dtype=np.float64)

    begin = asked(baseline)
    change = asked(X) - begin
    by_column = np.stack([asked(_exchanged(baseline, X, j)) - begin for j in range(X.shape[1])])
    size = np.abs(by_column).sum(axis=0)
    if not (np.abs(by_column.sum(axis=0) - change) <= ROUNDING * size).all():
        raise ValueError(
            "estimator: expected steps of the pipeline whose outputs are made of one column each, or are sums over "
            "columns, got others: hand in the pipeline's last step, and the table as that step sees it"
        )
    changes = np.abs(change) > NOTHING * size
    return np.where(changes, by_column / np.where(changes, change, 1.0), 0.0)


def _exchanged(baseline, X, j):
    """The baseline with column j of X."""
    if not is_frame(X):
        table = baseline.copy()
        table[:, j] = X[:, j]
        return table
    if hasattr(X, "iloc"):
        table = baseline.set_index(X.index)
        table[X.columns[j]] = X.iloc[:, j]
        return table
    return baseline.with_columns(X[X.columns[j]])
