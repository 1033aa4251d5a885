"""Columns -> numbers that a net can learn from, with scikit-learn's own parts.

Two steps, because rows are merged and split between them: :class:`TableReader` turns a data frame (pandas, polars) or
an array into one float array, numbers as they are and categories as codes; :class:`TableEncoder` scales the numbers
and spreads the codes out, and learns from the training rows only.
"""

from numbers import Number

import numpy as np
from sklearn.preprocessing import OrdinalEncoder
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import assert_all_finite

# Levels of one category column that are told apart; rarer ones are treated like unknown ones.
MAX_LEVELS = 255
# Up to so many levels get an input each where a net embeds columns with more.
MAX_SPREAD_LEVELS = 8
# Bins of a number's piecewise linear embedding.
N_BINS = 16
# In tables with more numbers than this none is embedded: it would cost more than it brings.
MAX_EMBEDDED = 256
# Rows that medians, quartiles and bins are taken from, at most about twice as many.
SUMMARISED_ROWS = 20_000
# Codes are at least this: -1 is an unknown level, -2 a missing value.
FIRST_CODE = -2


def is_frame(X):
    """Whether X is a data frame with named and typed columns (pandas, polars)."""
    return hasattr(X, "columns") and hasattr(X, "dtypes") and hasattr(X, "shape")


def some_columns(X, columns):
    """Columns of a table by their numbers; in a frame one that comes again gets a name of its own.

    Parameters
    ----------
    X : data frame or ndarray of shape (n, n_features)
    columns : ndarray of shape (n_columns,), int
    """
    if np.array_equal(columns, np.arange(X.shape[1])):
        return X
    if not is_frame(X) or len(np.unique(columns)) == len(columns):
        return _safe_indexing(X, columns, axis=1)
    names = [f"{X.columns[c]}, {i}" for i, c in enumerate(columns)]
    return type(X)({name: _safe_indexing(X, int(c), axis=1) for name, c in zip(names, columns, strict=True)})


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
    origin_ : ndarray of shape (n_features,), int
        Which column of the table each column of what ``transform`` returns is.
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
        self.origin_ = np.argsort(self.is_category_, kind="stable")
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
        with np.errstate(over="ignore", invalid="ignore"):  # of sums of large numbers
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
    if kind.startswith("object"):  # numbers, unless there is anything else, or nothing that could tell
        given = [value for value in column.to_list() if not is_missing(value)]
        return not given or not all(isinstance(value, Number | np.bool_) for value in given)
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
    except ValueError:  # an array
        return False


def _level_name(value):
    """1, 1.0 and "1" are one level: a column of integers becomes one of floats when a value goes missing."""
    if is_missing(value):
        return None
    if isinstance(value, float | np.floating) and float(value).is_integer():
        value = int(value)
    return str(value)


class TableEncoder:
    """What :class:`TableReader` returns, as inputs of a net.

    Numbers are centred at their median, divided by the distance between their quartiles (half their range where that is
    zero) and bent, z / sqrt(1 + (z / 3)^2), so that an outlier is at most 3; a missing one becomes 0, the median, and
    raises a flag in a column of its own. Each level of a category has an input that is 1 where it applies; unknown,
    rare and, unless seen in training, missing ones have none. All statistics are weighted: a weight of k is k copies.

    Parameters
    ----------
    n_numbers : int
        How many columns are numbers.
    embeds : bool, default=False
        Prepare for a net that embeds columns, such as :class:`sktech.modules.TableNet`: outputs are then numbers with
        three and more values, described by ``bin_edges_``; ``n_plain_`` plain inputs (numbers of two values, flags,
        categories of up to eight levels, of which one of two is a single input of -1 or 1); and the codes of the
        other categories, described by ``n_levels_``, 0 for an unknown or rare level.

    Attributes
    ----------
    n_outputs_ : int
        Columns of what ``transform`` returns.
    bin_edges_ : list of ndarray
        Edges of up to 16 bins for each number to embed, as ``transform`` scales it: quantiles of the training rows, or
        the values themselves where there are up to 17.
    n_plain_ : int
    n_levels_ : list of int
    origin_ : ndarray of shape (n_outputs_,), int
        Which column of Z each output tells of.

    References
    ----------
    Holzmüller, Grinsztajn, Steinwart (2024). Better by Default, section 3.1: robust scaling and smooth clipping.
    https://arxiv.org/abs/2407.04491
    """

    def __init__(self, n_numbers, embeds=False):
        self.n_numbers = n_numbers
        self.embeds = embeds

    def fit(self, Z, weight):
        """Learns scales, bins and levels.

        Parameters
        ----------
        Z : ndarray of shape (n, n_features)
        weight : ndarray of shape (n,)
            Rows that weigh nothing are not looked at.
        """
        if not weight.all():
            Z, weight = Z[weight > 0], weight[weight > 0]
        numbers, codes = Z[:, : self.n_numbers], Z[:, self.n_numbers :]
        self.flagged_ = np.flatnonzero(np.isnan(numbers).any(axis=0))
        # Statistics are taken from evenly spaced rows: more than these would not change them by much.
        some = slice(None, None, max(len(Z) // SUMMARISED_ROWS, 1))
        columns = [_Column(column, weight[some]) for column in numbers[some].T.astype(np.float64)]
        self.center_ = np.array([column.center for column in columns])
        self.scale_ = np.array([column.scale for column in columns])
        embedded = np.array([self.embeds and len(column.values) > 2 for column in columns], dtype=bool)
        if embedded.sum() > MAX_EMBEDDED:
            embedded[:] = False
        self.order_ = np.argsort(~embedded, kind="stable")
        self.n_embedded_ = int(embedded.sum())
        self.bin_edges_ = [self._scaled_edges(columns[j], j) for j in self.order_[: self.n_embedded_]]
        inputs = [_level_inputs(column, weight, self.embeds) for column in codes.T]
        # One input for each level stands before the codes of the columns that have too many.
        self.categories_ = [(j, table) for j, table in enumerate(inputs) if table.ndim == 2]
        self.categories_ += [(j, table[:, None]) for j, table in enumerate(inputs) if table.ndim == 1]
        self.n_levels_ = [int(table.max()) for table in inputs if table.ndim == 1]
        spread = [np.repeat(self.n_numbers + j, table.shape[1]) for j, table in self.categories_]
        self.origin_ = np.concatenate([self.order_, self.flagged_, *spread]).astype(np.intp)
        self.n_outputs_ = len(self.origin_)
        self.n_plain_ = self.n_outputs_ - self.n_embedded_ - len(self.n_levels_)
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
        if 0 < self.n_embedded_ < self.n_numbers:
            numbers = numbers[:, self.order_]
        scaled = self._scale(numbers, self.order_, dtype)
        if self.n_outputs_ == self.n_numbers:
            return scaled
        inputs = np.empty((len(Z), self.n_outputs_), dtype=dtype)
        inputs[:, : self.n_numbers] = scaled
        stop = self.n_numbers + len(self.flagged_)
        inputs[:, self.n_numbers : stop] = np.isnan(Z[:, self.flagged_])
        for j, table in self.categories_:
            start, stop = stop, stop + table.shape[1]
            known = np.minimum(Z[:, self.n_numbers + j].astype(np.intp) - FIRST_CODE, len(table) - 1)
            inputs[:, start:stop] = table[known]
        return inputs

    def _scale(self, numbers, columns, dtype):
        """3 u / sqrt(1 + u^2) with u a third of the scaled number; in place, for this is most of a prediction."""
        with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
            factor = np.nan_to_num(1 / (3 * self.scale_[columns]), posinf=0.0)
            u = numbers - self.center_[columns].astype(numbers.dtype)
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

    def _scaled_edges(self, column, j):
        edges = self._scale(column.edges()[:, None], [j], np.float64)[:, 0]
        apart = np.diff(edges) > 1e-5  # closer ones, far out or by rounding, are one
        return edges[np.append(apart, True)] if apart.any() else np.array([-1.0, 1.0])


class _Column:
    """What the encoder needs to know of a column of numbers, NaN left out.

    values: its distinct values; center and scale.
    """

    def __init__(self, column, weight):
        given = ~np.isnan(column)
        if np.ptp(weight) == 0:  # several times as fast
            self.values, mass = np.unique(column[given], return_counts=True)
        else:
            self.values, position = np.unique(column[given], return_inverse=True)
            mass = np.bincount(position, weights=weight[given])
        self._share = np.cumsum(mass) / np.sum(mass)
        if len(self.values) <= 2:
            ends = self.values[[0, -1]] if len(self.values) else np.zeros(2)
            with np.errstate(over="ignore"):
                self.center, self.scale = ends[0] / 2 + ends[1] / 2, ends[1] / 2 - ends[0] / 2
            return
        low, self.center, high = self._quantiles([0.25, 0.5, 0.75])
        with np.errstate(over="ignore"):
            self.scale = (high - low) if high > low else self.values[-1] / 2 - self.values[0] / 2

    def edges(self):
        """Of the bins of a column of more than two values."""
        if len(self.values) <= N_BINS + 1:
            return self.values
        steps = np.linspace(0, 1, N_BINS + 1)
        edges = np.unique(self._quantiles(steps))
        if len(edges) <= N_BINS:  # ties: some bins are empty, and split the others where values are distinct
            spread = self.values[np.round(steps * (len(self.values) - 1)).astype(int)]
            more = np.setdiff1d(spread, edges)
            edges = np.union1d(edges, more[np.linspace(0, len(more) - 1, N_BINS + 1 - len(edges)).round().astype(int)])
        return edges

    def _quantiles(self, q):
        """The smallest values that at least a share q of the weight does not exceed."""
        return self.values[np.searchsorted(self._share, np.asarray(q) - 1e-9)]


def _level_inputs(codes, weight, embeds):
    """Inputs of each code, counted from FIRST_CODE: (n_codes, n_inputs), or (n_codes,) numbers of levels."""
    levels, position = np.unique(codes, return_inverse=True)
    heaviest = np.argsort(-np.bincount(position, weights=weight), kind="stable")[:MAX_LEVELS]
    levels = np.sort(levels[heaviest]).astype(int)
    places = levels - FIRST_CODE
    # One more row, without inputs, for codes above those of the training rows.
    if embeds and len(levels) > MAX_SPREAD_LEVELS:
        table = np.zeros(places.max() + 2)
        table[places] = np.arange(1, len(levels) + 1)
    elif embeds and len(levels) == 2:
        table = np.zeros((places.max() + 2, 1))
        table[places, 0] = [-1, 1]
    else:
        table = np.zeros((places.max() + 2, len(levels)))
        table[places, np.arange(len(levels))] = 1
    return table
