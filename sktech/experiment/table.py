"""A table that was read: columns to learn from, labels, and what else is known of each row."""

from dataclasses import dataclass

import numpy as np
import pandas as pd


@dataclass(frozen=True, eq=False, repr=False)
class Table:
    """What :func:`sktech.experiment.data.read_table` returns.

    Parameters
    ----------
    name : str
        The file's name without its folder and endings, or the name of the set.
    X : DataFrame of shape (n, n_columns)
        The features: numbers, truth values, and strings for everything else.
    y : ndarray of shape (n,), int64 or str
        Labels.
    target : str
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
    target: str
    groups: np.ndarray | None = None
    time: np.ndarray | None = None
    leaks: tuple[tuple[str, str], ...] = ()

    def __repr__(self):
        return f"Table {self.name}: {len(self.X):,} rows, {self.X.shape[1]} columns, target {self.target!r}"
