"""What a table is like, in a few numbers for the report."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from pandas.api.types import is_numeric_dtype


@dataclass(frozen=True)
class TableFacts:
    """What a table is like.

    Parameters
    ----------
    n_rows, n_columns : int
    n_numeric : int
        Columns of numbers or truth values; the others hold categories.
    missing_share : float
        Share of empty cells, in [0, 1].
    class_counts : dict of str to int
        Rows per class, in the order of the classes.
    n_constant : int
        Columns that have the same value, or none, in every row.
    n_duplicates : int
        Rows that are the same, label included, as an earlier one.
    contradictory_share : float
        Share of the rows that have a twin with another label, in [0, 1]: no model can be right about all of them.
    leaks : tuple of (column, reason), default=()
        Columns that seem to give the target away, in whole or for single classes.

    Examples
    --------
    >>> from sktech.experiment.facts import TableFacts
    >>> facts = TableFacts.of([[1, 5], [1, 5], [2, 5], [1, 5]], ["a", "a", "b", "b"])
    >>> facts.n_constant, facts.n_duplicates, facts.contradictory_share
    (1, 1, 0.75)
    """

    n_rows: int
    n_columns: int
    n_numeric: int
    missing_share: float
    class_counts: dict[str, int]
    n_constant: int
    n_duplicates: int
    contradictory_share: float
    leaks: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of(cls, X, y, leaks=()):
        """The facts of a table X of shape (n, n_columns) with the labels y of shape (n,); leaks as of `find_leaks`."""
        X = pd.DataFrame(X)
        classes, label, counts = np.unique(y, return_inverse=True, return_counts=True)
        # Equal hashes, of 64 bits, stand for equal rows.
        rows = pd.DataFrame({"row": pd.util.hash_pandas_object(X, index=False).to_numpy(), "label": label})
        repeated = rows.duplicated()
        kinds = rows[~repeated]
        contradictory = kinds["row"][kinds["row"].duplicated()]
        return cls(
            n_rows=len(X),
            n_columns=X.shape[1],
            n_numeric=sum(is_numeric_dtype(dtype) for dtype in X.dtypes),
            missing_share=float(sum(column.isna().sum() for _, column in X.items()) / X.size),
            class_counts={str(label): int(count) for label, count in zip(classes, counts, strict=True)},
            n_constant=sum(_is_constant(column) for _, column in X.items()),
            n_duplicates=int(repeated.sum()),
            contradictory_share=float(rows["row"].isin(contradictory).mean()),
            leaks=tuple(leaks),
        )


def _is_constant(column):
    some = column.head(1000)  # most columns show here that they are not
    return some.nunique(dropna=False) == 1 and column.nunique(dropna=False) == 1
