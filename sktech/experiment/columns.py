"""Mixed columns -> two kinds only: float numbers and categories known from training.

Every baseline starts with this, so that all of them see the same table::

    make_pipeline(TidyColumns(), HistGradientBoostingClassifier(categorical_features="from_dtype"))
"""

import numpy as np
import pandas as pd
from pandas.api.types import is_bool_dtype, is_numeric_dtype
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted


class TidyColumns(TransformerMixin, BaseEstimator):
    """Numbers and truth values become float64, everything else a pandas category.

    Categories are those of the training rows; what is seen later for the first time counts as missing (NaN). Columns
    without a value in the training rows are dropped: nothing can be learned from them, and some models refuse them.
    Columns are renamed to ``x0``, ``x1``, ..., because XGBoost and LightGBM refuse some characters in names.

    Parameters
    ----------
    max_categories : int, default=None
        Keep only so many categories per column, the most frequent ones; rarer ones count as missing. None keeps all.

    Attributes
    ----------
    categories_ : dict of int to list or None
        Per column that is kept its sorted categories, or None for a column of numbers.
    n_columns_ : int
        Columns of the training rows.

    Examples
    --------
    >>> import pandas as pd
    >>> from sktech.experiment.columns import TidyColumns
    >>> train = pd.DataFrame({"size": [1, 2], "colour": ["red", "blue"]})
    >>> later = pd.DataFrame({"size": [3, None], "colour": ["blue", "green"]})
    >>> TidyColumns().fit(train).transform(later)
        x0    x1
    0  3.0  blue
    1  NaN   NaN
    """

    def __init__(self, max_categories=None):
        self.max_categories = max_categories

    def fit(self, X, y=None):
        """Learn which columns are categories and which categories there are.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, n_columns)
            The training rows.
        y : ignored

        Returns
        -------
        self : TidyColumns
        """
        columns = pd.DataFrame(X)
        self.n_columns_ = columns.shape[1]
        self.categories_ = {
            i: self._categories(column) for i, (_, column) in enumerate(columns.items()) if column.notna().any()
        }
        return self

    def transform(self, X):
        """The same rows in the two kinds of columns.

        Parameters
        ----------
        X : DataFrame or array-like of shape (n, n_columns)
            Rows with the columns of the training rows, in their order.

        Returns
        -------
        X_tidy : DataFrame of shape (n, n_kept)
            Columns of dtype float64 or category.
        """
        check_is_fitted(self)
        columns = [column for _, column in pd.DataFrame(X).items()]
        if len(columns) != self.n_columns_:
            raise ValueError(f"expected {self.n_columns_} columns as in training, got {len(columns)}")
        tidy = {
            f"x{i}": _numbers(columns[i]) if known is None else _categorical(columns[i], known)
            for i, known in self.categories_.items()
        }
        return pd.DataFrame(tidy)

    def _categories(self, column):
        if is_numeric_dtype(column.dtype):  # truth values are numbers to pandas
            return None
        counts = pd.Series(_texts(column)).value_counts()
        return sorted(counts.index[: self.max_categories])


def _numbers(column):
    if is_bool_dtype(column.dtype):
        column = column.astype("boolean").astype("Float64")
    return column.to_numpy(dtype=np.float64, na_value=np.nan)


def _categorical(column, known):
    known = pd.Index(known, dtype=object)
    return pd.Categorical.from_codes(known.get_indexer(_texts(column)), known)  # -1 is missing


def _texts(column):
    """Strings, and None where the value is missing."""
    values = column.astype(object)
    return np.array(
        [None if missing else str(v) for v, missing in zip(values, values.isna(), strict=True)], dtype=object
    )
