"""Outputs of a transformer that are made of several columns: what each column has to do with their change.

Between a baseline and a row, an output such as a principal component changes by what each column changes it, if the
transformer adds up over columns. Whether it does is tried out, by exchanging one column at a time.
"""

import numpy as np
from sklearn.utils import _safe_indexing

from sktech.table import is_frame

# As a share of what the columns change an output by, one by one: rounding that is forgiven, and the change of it that
# is nothing but rounding.
ROUNDING, NOTHING = 1e-5, 1e-4


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
            "columns, got others: look at the pipeline's last step, and hand in the table as that step sees it"
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
