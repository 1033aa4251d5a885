"""Tables some of whose values are deleted: replaced by those of a baseline, in the columns that the user knows."""

import numpy as np
from sklearn.utils import _safe_indexing, check_array, check_random_state

from sktech.table import TableReader, is_frame

RANDOM = "random"
# The code of a missing category.
MISSING = -2


class Deletion:
    """Tables like X in which the first columns by attribution have the values of a baseline.

    Parameters
    ----------
    X : data frame or array-like of shape (n, n_features)
    attribution : GradientAttribution, array-like of shape (n, n_features), or "random"
        The largest values go first, equal ones in random order.
    baseline : array-like of shape (n_features,), table of one row or of n rows, or None
        None is the median of each column of X, or its most frequent value.
    random_state : int, RandomState instance or None

    Attributes
    ----------
    X : data frame or ndarray of shape (n, n_features)
    shape : tuple of int
    n_positive : ndarray of shape (n,), int
        Columns with a positive attribution; all for "random".

    Raises
    ------
    ValueError
        If the attribution or the baseline does not fit X.
    """

    def __init__(self, X, attribution, baseline, random_state):
        if not is_frame(X):
            X = check_array(X, dtype=None, ensure_all_finite=False)
        self.X, self.shape = X, tuple(X.shape)
        values = self._values(attribution)
        self.n_positive = (values > 0).sum(axis=1)
        random = check_random_state(random_state).uniform(size=self.shape)
        order = np.lexsort((random, -values), axis=1)
        self._rank = np.argsort(order, axis=1)  # when each column goes
        self._baseline, self._rows = self._filling(baseline)

    def table(self, k):
        """With the first columns of each row deleted.

        Parameters
        ----------
        k : int or ndarray of shape (n,), int
        """
        keep = self._rank >= np.reshape(k, (-1, 1))
        if keep.all():
            return self.X
        if not is_frame(self.X):
            filling = self._baseline[self._rows, np.arange(self.shape[1])]
            return np.where(keep, self.X, filling)
        columns = [self._column(j, keep[:, j]) for j in range(self.shape[1])]
        if not hasattr(self.X, "iloc"):
            return self.X.with_columns(columns)
        table = self.X.copy()
        for j, column in enumerate(columns):
            table.isetitem(j, column)
        return table

    def _column(self, j, keep):
        column, rows = _safe_indexing(self.X, j, axis=1), self._rows[:, j]
        filling = _safe_indexing(_safe_indexing(self._baseline, j, axis=1), rows)
        if hasattr(column, "iloc"):  # pandas
            if hasattr(column.dtype, "categories"):
                filling = filling.astype(column.dtype)
            return column.where(keep, filling.set_axis(column.index))
        if filling.dtype.is_numeric() and column.dtype.is_numeric():  # polars: of whole numbers, a median may be none
            return column.cast(float).zip_with(type(column)(keep), filling.cast(float))
        return column.zip_with(type(column)(keep), filling.cast(column.dtype))

    def _values(self, attribution):
        if isinstance(attribution, str):
            if attribution != RANDOM:
                raise ValueError(f"attribution: expected values or {RANDOM!r}, got {attribution!r}")
            return np.ones(self.shape)
        named = getattr(attribution, "feature_names", getattr(attribution, "columns", None))
        values = np.asarray(getattr(attribution, "values", attribution), dtype=np.float64)
        if named is not None and is_frame(self.X) and list(map(str, named)) != list(map(str, self.X.columns)):
            raise ValueError(
                f"attribution: expected values of the columns {list(self.X.columns)} in this order, got those of "
                f"{list(named)}"
            )
        if values.shape != self.shape or not np.isfinite(values).all():
            raise ValueError(
                f"attribution: expected a finite number for each value of X, {self.shape}, got "
                + ("NaN or infinity" if values.shape == self.shape else f"shape {values.shape}")
            )
        return values

    def _filling(self, baseline):
        """A table and, for each value of X, the row of it that fills the gap, (n, n_features)."""
        n, n_features = self.shape
        if baseline is None:
            return self.X, np.tile(_middle_rows(self.X), (n, 1))
        if not is_frame(self.X):
            baseline = np.atleast_2d(np.asarray(baseline))
            if self.X.dtype.kind == "f" and baseline.dtype.kind in "fiub":
                baseline = baseline.astype(self.X.dtype)
        else:
            baseline = self._frame(baseline)
        shape = np.shape(baseline)
        if len(shape) != 2 or shape[0] not in (1, n) or shape[1] != n_features:
            raise ValueError(f"baseline: expected one row or {n} rows with the columns of X, got shape {shape}")
        rows = np.zeros(n, dtype=int) if shape[0] == 1 else np.arange(n)
        return baseline, np.tile(rows[:, None], (1, n_features))

    def _frame(self, baseline):
        names = list(self.X.columns)
        if is_frame(baseline):
            if set(names) <= set(baseline.columns):
                return baseline[names]
        elif hasattr(baseline, "reindex"):  # a row with names of its own
            if set(names) <= set(baseline.index):
                return type(self.X)({name: [baseline[name]] for name in names})
        elif np.shape(baseline) == (len(names),):
            return type(self.X)({name: [value] for name, value in zip(names, baseline, strict=True)})
        raise ValueError(f"baseline: expected values for the columns {names}, got {type(baseline).__name__} without")


def _middle_rows(X):
    """For each column a row that has the median, the lower of two, or the most frequent level, (n_features,)."""
    categories = "from_dtype"
    if not is_frame(X):
        categories = [any(isinstance(value, str) for value in column) for column in X.T] if X.dtype == object else None
    reader = TableReader(categories).fit(X)
    Z, rows = reader.transform(X), np.zeros(X.shape[1], dtype=int)
    for k, (j, column) in enumerate(zip(reader.origin_, Z.T, strict=True)):
        if k >= reader.n_numbers_:
            levels, first, counts = np.unique(column, return_index=True, return_counts=True)
            counts[levels == MISSING] = 0
            rows[j] = first[counts.argmax()]
        elif not np.isnan(column).all():
            order = np.argsort(column, kind="stable")  # NaN last
            rows[j] = order[(np.count_nonzero(~np.isnan(column)) - 1) // 2]
    return rows


def responses(estimator, X, method):
    """Answers by class, (n, n_classes); for two classes a decision function is the score of the second, and its
    negative that of the first.

    Parameters
    ----------
    estimator : classifier
    X : data frame or ndarray of shape (n, n_features)
    method : {"predict_proba", "decision_function"}

    Raises
    ------
    TypeError
        If the estimator has no such method.
    ValueError
        If it does not return a number for each class.
    """
    if not hasattr(estimator, method) or not hasattr(estimator, "classes_"):
        raise TypeError(f"estimator: expected a classifier with {method}, got {type(estimator).__name__} without")
    answers, n_classes = np.asarray(getattr(estimator, method)(X), dtype=np.float64), len(estimator.classes_)
    if answers.ndim == 1 and n_classes == 2:
        return np.column_stack([-answers, answers])
    if answers.shape != (len(answers), n_classes):
        raise ValueError(f"estimator: expected a {method} of each of {n_classes} classes, got shape {answers.shape}")
    return answers
