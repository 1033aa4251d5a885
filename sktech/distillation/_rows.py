"""The rows that a student sees: labelled ones, made-up ones and unlabelled ones, each with the fold it belongs to."""

import sys
from dataclasses import dataclass, replace

import numpy as np
from sklearn.model_selection import check_cv
from sklearn.utils import _safe_indexing

from sktech._random import spawn_seed
from sktech._rows import merge_identical_rows, stratified_folds
from sktech.augmentation import munge
from sktech.labels import UNLABELED
from sktech.table import TableReader, is_frame

# The fold of rows that no model is fitted on.
NO_FOLD = -1
# Whole weights are copies as long as these are at most so many times the rows.
MOST_COPIES = 10


@dataclass
class Rows:
    """Rows of a distillation.

    Parameters
    ----------
    X : ndarray or data frame of shape (n, n_features)
    codes : ndarray of shape (n,), int
        Positions of the labels among the classes; UNLABELED for rows without one.
    weight : ndarray of shape (n,)
    folds : ndarray of shape (n,), int
        Rows of a fold are labelled by models that were fitted on the others. Rows in NO_FOLD have no label, and are
        labelled by all.
    categorical_features : "from_dtype", None or array-like
        Which columns are categories.
    """

    X: object
    codes: np.ndarray
    weight: np.ndarray
    folds: np.ndarray
    categorical_features: object

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, rows):
        parts = {"codes": self.codes[rows], "weight": self.weight[rows], "folds": self.folds[rows]}
        return replace(self, X=_safe_indexing(self.X, rows), **parts)

    @property
    def n_folds(self):
        return self.folds.max() + 1

    def counted(self):
        """In an order that depends on the rows' content alone, each as often as its weight says if all are whole.

        Weights that are no whole numbers, or large ones, stay, added up for identical rows. Which columns are
        categories is settled: whether a column of objects is numbers may look otherwise in some of the rows.
        """
        try:
            reader = TableReader(self.categorical_features).fit(self.X)
            Z = reader.transform(self.X)
        except (TypeError, ValueError):  # a table that only pipelines of the user's can read keeps its order
            return self
        own, weight, _ = merge_identical_rows(Z, np.column_stack([self.codes, self.folds]), self.weight)
        if (weight == np.round(weight)).all() and weight.sum() <= MOST_COPIES * len(self):
            own, weight = np.repeat(own, weight.astype(int)), np.ones(int(weight.sum()))
        named = reader.is_category_ if is_frame(self.X) else self.categorical_features
        return replace(self[own], weight=weight, categorical_features=named)

    def with_stratified_folds(self, n_folds, seed):
        """In random folds that each have the same share of every class, at most as many as the largest class has rows.

        Raises
        ------
        ValueError
            If no class has two rows.
        """
        n_folds = min(n_folds, np.bincount(self.codes).max())
        if n_folds < 2:
            raise ValueError(
                "cv: expected a class of at least two distinct rows, so that one is left to learn from, got "
                f"n_samples = {len(self)} distinct row(s) of as many classes; set cv=None"
            )
        return replace(self, folds=stratified_folds(self.codes, n_folds, seed))

    def with_munged(self, n_more, seed):
        """And made-up ones: each from rows of one fold, so that it is as new to the fold's teacher as these."""
        rows = self
        numbers = np.unique(self.folds)
        ends = np.round(np.cumsum([(self.folds == fold).mean() for fold in numbers]) * n_more).astype(int)
        for fold, n in zip(numbers, np.diff(ends, prepend=0), strict=True):
            own = np.flatnonzero(self.folds == fold)
            if len(own) >= 2 and n:
                params = {"categorical_features": self.categorical_features, "random_state": spawn_seed(seed, fold)}
                rows = rows.with_unlabeled(munge(_safe_indexing(self.X, own), int(n), **params), fold)
        return rows

    def with_unlabeled(self, X, fold=NO_FOLD):
        """And rows without a label, of the mean weight of those with one."""
        n, X = X.shape[0], like(X, self.X)
        library = library_of(self.X)
        return replace(
            self,
            X=(library.concatenate if library is np else library.concat)([self.X, X]),
            codes=np.append(self.codes, np.full(n, UNLABELED)),
            weight=np.append(self.weight, np.full(n, self.weight[self.codes != UNLABELED].mean())),
            folds=np.append(self.folds, np.full(n, fold)),
        )


def library_of(X):
    """numpy, pandas or polars."""
    roots = [kind.__module__.partition(".")[0] for kind in type(X).__mro__]
    return sys.modules[next(root for root in roots if root in ("numpy", "pandas", "polars"))]


def like(X, model):
    """A table with the column types of another: a level that this one does not have is missing.

    Raises
    ------
    TypeError
        If they are tables of different libraries, or values do not fit the types.
    """
    if library_of(X) is not library_of(model):
        names = [library_of(table).__name__ for table in (model, X)]
        raise TypeError(f"X_unlabeled: expected a table of the kind of X, {names[0]}, got {names[1]}")
    if library_of(X) is np:
        return X
    try:
        if not hasattr(X, "iloc"):
            return X.select(model.columns).cast(dict(zip(model.columns, model.dtypes, strict=True)), strict=False)
        X = X.set_axis(model.columns, axis=1)
        for j, dtype in enumerate(model.dtypes):  # by position, as names may be of any kind
            column = X.iloc[:, j]
            if column.dtype.kind == "c":  # which would lose its imaginary part
                raise TypeError(f"column {j} is {column.dtype}")
            if hasattr(dtype, "categories"):
                column = column.astype(object).where(column.isin(dtype.categories))
            X.isetitem(j, column.astype(dtype))
        return X
    except Exception as error:  # polars has its own
        raise TypeError(
            f"X_unlabeled: expected the column types of X, {list(map(str, model.dtypes))}, got others: {error}"
        ) from error


def folds_of(cv, X, codes):
    """The fold of each row, (n,), as a splitter or its splits say it.

    Raises
    ------
    ValueError
        If a row is tested more or less than once.
    """
    folds, tested = np.zeros(len(codes), dtype=int), np.zeros(len(codes), dtype=int)
    try:
        splits = [(train, test) for train, test in check_cv(cv, codes, classifier=True).split(X, codes)]
    except TypeError as error:
        raise TypeError(f"cv: expected a number of folds, a splitter, or pairs (train, test), got {cv!r}") from error
    for fold, (_, rows) in enumerate(splits):
        folds[rows] = fold
        tested[rows] += 1
    if (tested != 1).any():
        n_others = int((tested != 1).sum())
        raise ValueError(f"cv: expected splits that test each row once, got {n_others} of {len(codes)} rows otherwise")
    return folds
