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
    """

    n_rows: int
    n_columns: int
    n_numeric: int
    missing_share: float
    class_counts: dict[str, int]

    @classmethod
    def of(cls, X, y):
        """The facts of a table X of shape (n, n_columns) with the labels y of shape (n,)."""
        X = pd.DataFrame(X)
        classes, counts = np.unique(y, return_counts=True)
        return cls(
            n_rows=len(X),
            n_columns=X.shape[1],
            n_numeric=sum(is_numeric_dtype(dtype) for dtype in X.dtypes),
            missing_share=float(X.isna().to_numpy().mean()),
            class_counts={str(label): int(count) for label, count in zip(classes, counts, strict=True)},
        )
