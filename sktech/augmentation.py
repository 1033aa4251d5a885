"""Rows that are made up: where a teacher can be asked for labels, more rows to ask about."""

import numpy as np
from sklearn.neighbors import NearestNeighbors
from sklearn.utils import _safe_indexing

from sktech._validation import check_number
from sktech.table import TableEncoder, TableReader, is_frame

__all__ = ["munge"]


def munge(X, n_rows, *, swap_probability=0.5, local_variance=1.0, categorical_features="from_dtype", random_state=None):
    """Rows that look like those of a table: each is one of its rows with some values from near its nearest neighbour.

    A number is drawn from a normal distribution around the neighbour's value, whose standard deviation is the
    difference of the two values over ``local_variance``; a category is the neighbour's. So is a number with two
    distinct values in the table, one that either row lacks, or one of a column whose range is beyond float64's, or of
    whole numbers beyond 2^53. Columns stay within their range, and whole where they hold whole numbers.

    Parameters
    ----------
    X : ndarray or data frame of shape (n, n_features)
        At least two rows.
    n_rows : int
        How many rows to make.
    swap_probability : float, default=0.5
        p of the paper: of each value to be changed, in [0, 1].
    local_variance : float, default=1.0
        s of the paper, positive: the larger, the closer to the neighbour's value.
    categorical_features : "from_dtype", None, or array-like of bool, int or str, default="from_dtype"
        Which columns are categories, as in :class:`sktech.NetClassifier`.
    random_state : None, int or numpy.random.Generator, default=None

    Returns
    -------
    X_new : ndarray or data frame of shape (n_rows, n_features)
        With the columns and types of X. The neighbour of a row is the nearest one that differs from it.

    Raises
    ------
    ValueError, TypeError
        If X has fewer than two rows, or a parameter is not as described.

    Notes
    -----
    Departures from the paper: there a pass over the table changes both rows of a pair, and several passes follow on
    each other's results; here each new row is made from the given ones. There numbers may leave the column's range.

    References
    ----------
    C. Bucila, R. Caruana and A. Niculescu-Mizil, "Model Compression", KDD 2006, algorithm 1.

    Examples
    --------
    >>> import pandas as pd
    >>> from sktech.augmentation import munge
    >>> X = pd.DataFrame({"size": [1.0, 2.0, 9.0, 8.0], "colour": ["red", "red", "blue", "green"]})
    >>> X_new = munge(X, 3, random_state=0)
    >>> X_new.shape, bool(X_new["colour"].isin(X["colour"]).all())
    ((3, 2), True)
    """
    check_number("n_rows", n_rows, int, 1)
    check_number("swap_probability", swap_probability, float, 0, 1)
    check_number("local_variance", local_variance, float, 0, np.inf, open_low=True, open_high=True)
    if not hasattr(X, "shape") or len(X.shape) != 2 or X.shape[0] < 2:
        raise ValueError(
            "munge: expected an array or a data frame of at least two rows to mix, got "
            f"{getattr(X, 'shape', type(X).__name__)} (n_samples)"
        )
    rng = np.random.default_rng(random_state)
    reader = TableReader(categorical_features).fit(X)
    Z = reader.transform(X).astype(np.float64)
    inputs = TableEncoder(reader.n_numbers_).fit(Z, np.ones(len(Z))).transform(Z, np.float64)
    distinct, first, position = np.unique(inputs, axis=0, return_index=True, return_inverse=True)
    nearest = np.zeros(1, dtype=int)  # of a single distinct row
    if len(distinct) > 1:
        nearest = NearestNeighbors(n_neighbors=1).fit(distinct).kneighbors(return_distance=False)[:, 0]
    own = np.concatenate([rng.permutation(X.shape[0]) for _ in range(-(-n_rows // X.shape[0]))])[:n_rows]
    other = first[nearest[position.ravel()[own]]]
    columns, numbers = [], iter(Z[:, : reader.n_numbers_].T)
    for is_category in reader.is_category_:
        swapped = rng.random(n_rows) < swap_probability
        rows, noise = np.where(swapped, other, own), None
        values = None if is_category else next(numbers)
        if values is not None and _has_room(values):
            with np.errstate(over="ignore"):
                noise = rng.normal(size=n_rows) * np.abs(values[own] - values[other]) / local_variance
            room = np.nanmin(values) - values[other], np.nanmax(values) - values[other]
            noise = np.where(swapped, np.nan_to_num(np.clip(noise, *room)), 0.0)
            if _are_whole(values):
                noise = np.round(noise)
        columns.append((rows, noise))
    return _assembled(X, columns)


def _has_room(values):
    """Whether a column has more than two values, and float64 can tell what lies between them."""
    known = np.unique(values[~np.isnan(values)])
    if len(known) <= 2:
        return False
    if _are_whole(known):
        return np.abs(known[[0, -1]]).max() < 2**53
    with np.errstate(over="ignore"):
        return known[-1] - known[0] < np.inf


def _are_whole(values):
    return np.array_equal(values, np.round(values), equal_nan=True)


def _assembled(X, columns):
    """A table of X's kind from the rows that each column's values are taken from, and what is added to them."""
    if not is_frame(X):
        picked = [X[rows, j] if noise is None else X[rows, j] + noise for j, (rows, noise) in enumerate(columns)]
        return np.column_stack(picked).astype(X.dtype, copy=False)
    new = _safe_indexing(X, columns[0][0])
    if hasattr(new, "iloc"):
        new = new.reset_index(drop=True)
    for j, (rows, noise) in enumerate(columns):
        old = X.iloc[:, j] if hasattr(X, "iloc") else X[:, j]
        column = _safe_indexing(old, rows)
        if noise is not None:
            if old.dtype == object:
                column = column.astype(object).where(column.notna(), np.nan).astype(np.float64)
            whole = str(old.dtype).lower().startswith(("int", "uint"))
            column = column + (noise.astype(int) if whole else noise)
        if hasattr(new, "iloc"):
            new.isetitem(j, column.astype(old.dtype).array)
        else:
            new.replace_column(j, column.cast(old.dtype))
    return new
