"""A table to compare models on: columns to learn from, labels, and what else is known of each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """A table, what is to be predicted, and what folds must respect; read by :func:`read_table`, or made by hand.

    Parameters
    ----------
    name : str
        Of a file, its name without folder and endings.
    X : DataFrame or array-like of shape (n, n_columns)
        The features. Those of a file are numbers, truth values, and strings for everything else.
    y : array-like of shape (n,)
        Labels. Those of a file are int64 or str.
    target : str, default="y"
        What the labels are called.
    groups : ndarray of shape (n,), int64, default=None
        Rows with the same number belong together, such as those of one person.
    time : ndarray of shape (n,), int64 or float64, default=None
        Later rows have larger numbers; dates are days since 1970.
    leaks : tuple of (column, reason), default=()
        Columns that seem to give the target away, in whole or for single classes.
    """

    name: str
    X: pd.DataFrame
    y: np.ndarray
    target: str = "y"
    groups: np.ndarray | None = None
    time: np.ndarray | None = None
    leaks: tuple[tuple[str, str], ...] = ()

    def __repr__(self):
        return f"Table {self.name}: {len(self.X):,} rows, {self.X.shape[1]} columns, target {self.target!r}"
