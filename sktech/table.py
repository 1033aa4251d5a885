"""Columns -> numbers that a net can learn from, with scikit-learn's own parts.

Two steps, because rows are merged and split between them: :class:`TableReader` turns a data frame (pandas, polars) or
an array into one float array, numbers as they are and categories as codes; :class:`TableEncoder` scales the numbers
and spreads the codes out, and learns from the training rows only.
"""

from numbers import Number

import numpy as np
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler
from sklearn.utils.validation import assert_all_finite

# Levels of one category column that get an input of their own; rarer ones are treated like unknown ones.
MAX_LEVELS = 255


def is_frame(X):
    """Whether X is a data frame with named and typed columns (pandas, polars)."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and hasattr(X, "shape")


class TableReader:
    """Reads tables with the columns of the one it was fitted on.

    Parameters
    ----------
    categorical_features : "from_dtype", None, or array-like of bool, int or str, default="from_dtype"
        Which columns are categories: those of a data frame that hold strings, categories or objects; none; or the
        given ones, as a mask, by position or by name.

    Attributes
    ----------
    is_category_ : ndarray of shape (n_features,), bool
    n_numbers_ : int
        The first columns of what ``transform`` returns are numbers; the others are codes.
    """

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

    def fit(self, X):
        """Learns which columns are categories and what their levels are.

        Parameters
        ----------
        X : data frame or ndarray of shape (n, n_features)

        Raises
        ------
        ValueError, TypeError
            If ``categorical_features`` does not fit X, or a column is neither numbers nor categories.
        """
        self.is_category_ = self._find_categories(X)
        self.n_numbers_ = int((~self.is_category_).sum())
        self.levels_ = None
        if self.is_category_.any():
            self.levels_ = OrdinalEncoder(
                handle_unknown="use_encoded_value", unknown_value=-1, encoded_missing_value=-2
            )
            self.levels_.fit(self._read_categories(X))
        return self

    def transform(self, X):
        """Numbers and codes.

        Parameters
        ----------
        X : data frame or ndarray of shape (n, n_features)

        Returns
        -------
        Z : ndarray of shape (n, n_features), float
            NaN for missing numbers; -1 for an unknown level.
        """
        if self.levels_ is None and isinstance(X, np.ndarray) and X.dtype != object:
            return X
        numbers = [self._read_number(X, j) for j in np.flatnonzero(~self.is_category_)]
        parts = [np.column_stack(numbers)] if numbers else []
        if self.levels_ is not None:
            parts.append(self.levels_.transform(self._read_categories(X)))
        return np.hstack(parts)

    def _find_categories(self, X):
        n_features, chosen = X.shape[1], self.categorical_features
        mask = np.zeros(n_features, dtype=bool)
        if isinstance(chosen, str) and chosen == "from_dtype":
            if is_frame(X):
                mask[:] = [_holds_categories(_column(X, j), _name(X, j)) for j in range(n_features)]
            return mask
        chosen = np.asarray([] if chosen is None else chosen)
        if chosen.size == 0 and chosen.ndim == 1:
            return mask
        if chosen.dtype.kind == "b" and chosen.shape == mask.shape:
            return chosen.copy()
        names = [str(name) for name in X.columns] if is_frame(X) else []
        if chosen.ndim == 1 and chosen.dtype.kind in "UO" and set(chosen) <= set(names):
            return np.isin(names, chosen)
        if chosen.ndim == 1 and chosen.dtype.kind in "iu" and chosen.min() >= 0 and chosen.max() < n_features:
            mask[chosen] = True
            return mask
        raise ValueError(
            "categorical_features: expected 'from_dtype', None, or names or positions of the table's "
            f"{n_features} columns, or a mask of that length, got {self.categorical_features!r}"
        )

    def _read_number(self, X, j):
        column, name = _column(X, j), _name(X, j)
        if is_frame(X):
            _holds_categories(column, name)  # refuses what is neither number nor category
        try:
            if hasattr(column, "isna"):  # pandas
                values = column.to_numpy(dtype=np.float64, na_value=np.nan)
            elif hasattr(column, "cast"):  # polars
                values = column.cast(float).to_numpy()
            else:
                values = np.array([np.nan if is_missing(value) else value for value in column], dtype=np.float64)
        except Exception as error:
            raise ValueError(f"column {name!r}: expected numbers, got {column.dtype}: {error}") from error
        assert_all_finite(values, allow_nan=True, input_name=f"column {name!r}")
        return values

    def _read_categories(self, X):
        """Levels as text in an object array, None where missing: whatever the frame's library calls them."""
        columns = [_as_text(_column(X, j), _name(X, j)) for j in np.flatnonzero(self.is_category_)]
        return np.column_stack(columns)


def _column(X, j):
    return X.iloc[:, j] if hasattr(X, "iloc") else X[:, int(j)]


def _name(X, j):
    return str(X.columns[j]) if is_frame(X) else int(j)


def _holds_categories(column, name):
    kind = str(column.dtype).lower()
    if kind.startswith(("category", "categorical", "enum", "str", "utf8", "large_string")):
        return True
    if kind.startswith("object"):
        return not all(isinstance(value, Number | np.bool_) or is_missing(value) for value in column.to_list())
    if kind.startswith(("int", "uint", "float", "bool", "double", "decimal", "null", "halffloat")):
        return False
    raise TypeError(
        f"column {name!r}: expected numbers, booleans, strings or categories, got {column.dtype}: turn it into numbers "
        "first, such as days since a date"
    )


def _as_text(column, name):
    if hasattr(column, "dtypes") or hasattr(column, "cast"):
        _holds_categories(column, name)  # refuses what is neither number nor category
    if hasattr(column, "factorize"):  # pandas: one conversion per level
        try:
            codes, levels = column.factorize()
        except TypeError as error:
            raise TypeError(f"column {name!r}: expected strings, categories or numbers, got {error}") from error
        levels = np.array([*(_level_name(level) for level in levels), None], dtype=object)
        return levels[codes]  # -1, missing, is the last
    values = column.to_list() if hasattr(column, "to_list") else column.tolist()
    return np.array([_level_name(value) for value in values], dtype=object)


def is_missing(value):
    """Whether a value is one of the ways to say that there is none: None, NaN, NaT, pandas.NA."""
    try:
        return value is None or bool(value != value)
    except TypeError:  # pandas.NA, which is not even different from itself
        return True


def _level_name(value):
    """1, 1.0 and "1" are one level: a column of integers becomes one of floats when a value goes missing."""
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value)


class TableEncoder:
    """What :class:`TableReader` returns, as inputs of a net.

    Numbers are standardised (weighted mean 0, weighted variance 1) and bent, z / sqrt(1 + (z / 3)^2), so that an
    outlier is at most 3; a missing one becomes 0, the mean, and raises a flag in a column of its own. Each level of a
    category has an input that is 1 where it applies; unknown, rare and, unless seen in training, missing ones have
    none.

    Parameters
    ----------
    n_numbers : int
        How many columns are numbers.

    Attributes
    ----------
    n_outputs_ : int
        Columns of what ``transform`` returns.
    """

    def __init__(self, n_numbers):
        self.n_numbers = n_numbers

    def fit(self, Z, weight):
        """Learns scales and levels.

        Parameters
        ----------
        Z : ndarray of shape (n, n_features)
        weight : ndarray of shape (n,)
        """
        numbers, codes = Z[:, : self.n_numbers], Z[:, self.n_numbers :]
        missing = np.isnan(numbers)
        self.flagged_ = np.flatnonzero(missing.any(axis=0))
        self.scaler_ = None
        if self.n_numbers:
            if missing.all(axis=0).any():
                numbers = np.where(missing.all(axis=0), 0, numbers)
            relative = None if np.ptp(weight) == 0 else weight / weight.max()
            with np.errstate(over="ignore", invalid="ignore"):
                self.scaler_ = StandardScaler().fit(numbers, sample_weight=relative)
        self.one_hot_ = None
        if codes.shape[1]:
            levels = [_frequent(column, weight) for column in codes.T]
            self.one_hot_ = OneHotEncoder(categories=levels, handle_unknown="ignore", sparse_output=False).fit(
                codes[:1]
            )
        n_levels = 0 if self.one_hot_ is None else sum(map(len, self.one_hot_.categories))
        self.n_outputs_ = self.n_numbers + len(self.flagged_) + n_levels
        return self

    def transform(self, Z, dtype):
        """Inputs of the net.

        Parameters
        ----------
        Z : ndarray of shape (n, n_features)
        dtype : numpy dtype

        Returns
        -------
        inputs : ndarray of shape (n, n_outputs_)
        """
        numbers = Z[:, : self.n_numbers]
        scaled = self._scale(numbers, dtype) if self.scaler_ is not None else numbers
        if self.n_outputs_ == self.n_numbers:
            return scaled
        inputs = np.zeros((len(Z), self.n_outputs_), dtype=dtype)
        inputs[:, : self.n_numbers] = scaled
        if len(self.flagged_):
            stop = self.n_numbers + len(self.flagged_)
            inputs[:, self.n_numbers : stop] = np.isnan(numbers[:, self.flagged_])
        if self.one_hot_ is not None:
            inputs[:, self.n_numbers + len(self.flagged_) :] = self.one_hot_.transform(Z[:, self.n_numbers :])
        return inputs

    def _scale(self, numbers, dtype):
        """3 u / sqrt(1 + u^2) with u a third of the standardised number; in place, for this is most of a prediction."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            factor = np.nan_to_num(1 / (3 * self.scaler_.scale_), posinf=0.0)
            u = numbers - self.scaler_.mean_.astype(numbers.dtype)
            u *= factor.astype(numbers.dtype)
        np.clip(u, -1e9, 1e9, out=u)
        u = u.astype(dtype, copy=False)
        root = np.square(u)
        root += 1
        np.sqrt(root, out=root)
        u /= root
        u *= 3
        if np.isnan(u.sum()):
            u[np.isnan(u)] = 0
        return u


def _frequent(codes, weight):
    """The levels of a column that weigh most, sorted."""
    levels, position = np.unique(codes, return_inverse=True)
    heaviest = np.argsort(-np.bincount(position, weights=weight), kind="stable")[:MAX_LEVELS]
    return np.sort(levels[heaviest])
