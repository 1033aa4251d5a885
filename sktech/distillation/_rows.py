"""The rows that a student sees: labelled ones, made-up ones and unlabelled ones, each with the fold it belongs to."""

import sys
import warnings
from dataclasses import dataclass

import numpy as np
from sklearn.model_selection import StratifiedKFold, check_cv
from sklearn.utils import _safe_indexing

from sktech._random import spawn_seed
from sktech._rows import merge_identical_rows
from sktech.augmentation import munge
from sktech.labels import UNLABELED
from sktech.table import TableReader

# The fold of rows that no model is fitted on.
NO_FOLD = -1


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
    """

    X: object
    codes: np.ndarray
    weight: np.ndarray
    folds: np.ndarray

    def __len__(self):
        return len(self.codes)

    def __getitem__(self, rows):
        return Rows(_safe_indexing(self.X, rows), self.codes[rows], self.weight[rows], self.folds[rows])

    @property
    def n_folds(self):
        return self.folds.max() + 1

    def merged(self, categorical_features):
        """Identical rows as one, with their weights added, in an order that depends on their content alone."""
        Z = TableReader(categorical_features).fit(self.X).transform(self.X)
        distinct, weight = merge_identical_rows(Z, np.column_stack([self.codes, self.folds]), self.weight)
        return Rows(_safe_indexing(self.X, distinct), self.codes[distinct], weight, self.folds[distinct])

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
        splitter, folds = StratifiedKFold(n_folds, shuffle=True, random_state=seed), np.zeros(len(self), dtype=int)
        with warnings.catch_warnings():  # classes of fewer rows than folds are no reason to worry
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            for fold, (_, rows) in enumerate(splitter.split(folds, self.codes)):
                folds[rows] = fold
        return Rows(self.X, self.codes, self.weight, folds)

    def with_munged(self, n_more, categorical_features, seed):
        """And made-up ones: each from rows of one fold, so that it is as new to the fold's teacher as these."""
        rows = self
        for fold in np.unique(self.folds):
            own = np.flatnonzero(self.folds == fold)
            n = round(n_more * len(own) / len(self))
            if len(own) >= 2 and n:
                params = {"categorical_features": categorical_features, "random_state": spawn_seed(seed, fold)}
                rows = rows.with_unlabeled(munge(_safe_indexing(self.X, own), n, **params), fold)
        return rows

    def with_unlabeled(self, X, fold=NO_FOLD):
        """And rows without a label, of the mean weight of those with one."""
        n = X.shape[0]
        library = sys.modules[type(X).__module__.partition(".")[0]]  # numpy, pandas or polars
        return Rows(
            (np.concatenate if library is np else library.concat)([self.X, X]),
            np.append(self.codes, np.full(n, UNLABELED)),
            np.append(self.weight, np.full(n, self.weight[self.codes != UNLABELED].mean())),
            np.append(self.folds, np.full(n, fold)),
        )


def folds_of(cv, X, codes):
    """The fold of each row, (n,), as a splitter or its splits say it.

    Raises
    ------
    ValueError
        If a row is tested more or less than once.
    """
    folds, tested = np.zeros(len(codes), dtype=int), np.zeros(len(codes), dtype=int)
    for fold, (_, rows) in enumerate(check_cv(cv, codes, classifier=True).split(X, codes)):
        folds[rows] = fold
        tested[rows] += 1
    if (tested != 1).any():
        n_others = int((tested != 1).sum())
        raise ValueError(f"cv: expected splits that test each row once, got {n_others} of {len(codes)} rows otherwise")
    return folds
