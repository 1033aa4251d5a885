"""A table that models are compared on."""

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, eq=False)
class Table:
    """A table, what is to be predicted, and what the folds must respect.

    Parameters
    ----------
    name : str
    X : DataFrame or ndarray of shape (n, n_columns)
    y : ndarray of shape (n,), int64 or str
        Labels.
    groups : ndarray of shape (n,) or None, default=None
        Numbers of groups that a fold must not divide.
    time : ndarray of shape (n,) or None, default=None
        Moments: what is learned from must lie before what is predicted.
    target : str, default="y"
        What the labels are called.
    leaks : tuple of (str, str), default=()
        Columns that may give the labels away, with the reason.
    """

    name: str
    X: object
    y: np.ndarray
    groups: np.ndarray | None = None
    time: np.ndarray | None = None
    target: str = "y"
    leaks: tuple = ()
