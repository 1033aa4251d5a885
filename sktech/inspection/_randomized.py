"""A table's labels and inputs, randomised in the ways of Zhang et al. (2017)."""

import numpy as np
from sklearn.utils import _safe_indexing

from sktech.table import TableReader, is_frame


def redrawn_labels(codes, n_classes, share, rng):
    """Each label with this probability replaced by one that is drawn uniformly from all classes, its own among them.

    With the generator in the same state those replaced at a smaller share are among those at a larger one, and get the
    same new labels.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
    n_classes : int
    share : float
        In [0, 1]. The share of labels that differ afterwards is ``share * (n_classes - 1) / n_classes``.
    rng : numpy.random.Generator
    """
    new = rng.integers(n_classes, size=len(codes))
    return np.where(rng.uniform(size=len(codes)) < share, new, codes)


class RandomizedInputs:
    """The rows of a table with inputs that tell less, or nothing, of the label.

    Parameters
    ----------
    X : data frame or ndarray of shape (n, n_features)
    train : ndarray of shape (n_train,), int
        Positions of the rows that means, standard deviations and frequencies are taken from.
    categorical_features : "from_dtype", None, or array-like of bool, int or str
        As in ``NetClassifier``.
    """

    def __init__(self, X, train, categorical_features):
        self.X = X
        self.train = train
        self.reader = TableReader(categorical_features).fit(X)
        self.numbers = np.flatnonzero(~self.reader.is_category_)
        self.categories = np.flatnonzero(self.reader.is_category_)

    def check_kinds(self, kinds):
        """Refuses to randomise the table in a way that would change nothing.

        Raises
        ------
        ValueError
            If too few columns can change places.
        """
        n_numbers, n_categories = len(self.numbers), len(self.categories)
        expected = {}
        if max(n_numbers, n_categories) < 2:
            expected["shuffled_columns"] = "two columns of numbers, or two of categories"
        if n_numbers < 2:
            expected["permuted_cells"] = "two columns of numbers"
        for kind in kinds:
            if kind in expected:
                got = f"{n_numbers} of numbers and {n_categories} of categories"
                raise ValueError(f"kinds: {kind!r} needs at least {expected[kind]} that change places, got {got}")

    def shuffled_columns(self, rng):
        """The columns in another order under the old names, the same for all rows: numbers among the numbers,
        categories among the categories."""
        order = np.arange(len(self.reader.is_category_))
        while np.array_equal(order, np.arange(len(order))):
            for places in (self.numbers, self.categories):
                order[places] = rng.permutation(places)
        if hasattr(self.X, "iloc"):
            return self.X.iloc[:, order].set_axis(self.X.columns, axis=1)
        shuffled = self.X[:, order.tolist()]
        if is_frame(self.X):
            shuffled.columns = self.X.columns
        return shuffled

    def permuted_cells(self, rng):
        """The standardised numbers of each row in an order of its own, in the units of the columns that they come to; a
        missing one moves like another, and constant columns stay. Categories, which have no place in each other's
        columns, are drawn."""
        values, mean, std = self._standardised()
        moving = np.flatnonzero(std)
        values[:, moving] = rng.permuted(values[:, moving], axis=1)
        return self._with(values * std + mean, rng)

    def gaussian(self, rng):
        """Numbers drawn from a normal distribution with the mean and the standard deviation of their column, and
        missing as often; categories drawn by their frequencies, missing ones included."""
        values, mean, std = self._standardised()
        missing = np.isnan(values[self.train]).mean(axis=0)
        drawn = rng.normal(mean, std, values.shape)
        return self._with(np.where(rng.uniform(size=values.shape) < missing, np.nan, drawn), rng)

    def _standardised(self):
        """Numbers, (n, n_numbers), with mean 0 and, unless their column is constant, standard deviation 1 over the
        training rows, and what these were."""
        values = self.reader.transform(self.X)
        values = values[:, : self.reader.n_numbers_] if len(self.categories) else values
        values = values.astype(np.float64)
        known = np.ma.masked_invalid(values[self.train])
        mean, std = known.mean(axis=0).filled(0.0), known.std(axis=0).filled(0.0)
        constant = known.min(axis=0).filled(0.0) == known.max(axis=0).filled(0.0)  # the deviation may be rounding
        std[constant], mean[constant] = 0.0, known.max(axis=0).filled(0.0)[constant]
        return np.where(std > 0, (values - mean) / np.where(std > 0, std, 1.0), values * 0.0), mean, std

    def _with(self, numbers, rng):
        """The table with these numbers, and with each category drawn from its column."""
        columns = dict(zip(self.numbers, numbers.T, strict=True))
        for j in self.categories:
            rows = rng.choice(self.train, numbers.shape[0])
            columns[j] = _safe_indexing(self.X.iloc[:, j] if hasattr(self.X, "iloc") else self.X[:, int(j)], rows)
        if hasattr(self.X, "iloc"):
            new = self.X.copy()
            for j, column in columns.items():
                new.isetitem(j, getattr(column, "array", column))
        elif is_frame(self.X):
            new = self.X.clone()
            for j, column in columns.items():
                new.replace_column(int(j), type(self.X[:, int(j)])(self.X.columns[j], column))
        else:
            new = self.X.astype(self.X.dtype if self.X.dtype.kind in "fO" else np.float64)
            for j, column in columns.items():
                new[:, j] = column
        return new
