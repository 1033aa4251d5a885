"""What is to be predicted: labels that a classifier can learn, or a refusal that says how to go on."""

import numpy as np
import pandas as pd

from sktech.experiment.errors import InputError, shortened

# More distinct numbers than this, and more than this share of the rows, and it is a quantity rather than a class.
_MANY_NUMBERS = 20
_MANY_PER_ROW = 0.05


def check_target(y, name="y"):
    """Labels as an array of int or str.

    Integers stay integers, also where they are written as text; everything else becomes text.

    Parameters
    ----------
    y : array-like of shape (n,)
        Labels as they were read.
    name : str, default="y"
        What to call the target in messages.

    Returns
    -------
    y : ndarray of shape (n,), int64 or str

    Raises
    ------
    InputError
        If there are no rows, values are missing, the values look like a quantity, or there is one class only.

    Examples
    --------
    >>> from sktech.experiment.target import check_target
    >>> check_target(["1", "2", "1"]).tolist(), check_target([True, False]).tolist()
    ([1, 2, 1], ['True', 'False'])
    """
    y = pd.Series(y).reset_index(drop=True)
    if len(y) == 0:
        raise InputError(f"target {name!r}: expected rows, got none")
    if missing := int(y.isna().sum()):
        raise InputError(
            f"target {name!r}: {missing:,} of {len(y):,} values are missing; a label is needed in every row, "
            "so remove these rows or give them a class of their own"
        )
    labels = y.map(str)
    as_numbers = pd.to_numeric(labels, errors="coerce")
    n_distinct = labels.nunique()
    if n_distinct < 2:
        raise InputError(f"target {name!r}: expected at least two classes, got only {labels.iloc[0]!r}")
    if as_numbers.notna().all() and n_distinct > max(_MANY_NUMBERS, _MANY_PER_ROW * len(y)):
        raise InputError(
            f"target {name!r}: expected classes, got a quantity ({n_distinct:,} distinct numbers in {len(y):,} rows); "
            "choose another target, or cut it into ranges first"
        )
    if labels.str.fullmatch(r"0|-?[1-9]\d{0,17}").all():
        return labels.astype("int64").to_numpy()
    return np.array(labels.to_list(), dtype=str)


def check_class_sizes(y, n_folds, option, name="y"):
    """Refuse a class that cannot be in every fold.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    n_folds : int
        Number of folds.
    option : str
        How the caller's user sets the number of folds, such as "--folds".
    name : str, default="y"
        What to call the target in messages.

    Raises
    ------
    InputError
        If a class has fewer rows than there are folds.
    """
    classes, counts = np.unique(y, return_counts=True)
    small = np.flatnonzero(counts < n_folds)
    if not len(small):
        return
    small = small[np.argsort(counts[small], kind="stable")]
    sizes = shortened([f"{str(classes[k])!r} ({_rows(counts[k])})" for k in small], limit=5)
    fewest = int(counts.min())
    advice = f"use {option}{fewest}, or drop or merge" if fewest >= 2 else "drop or merge"
    which, has = ("class", "has") if len(small) == 1 else ("classes", "have")
    raise InputError(
        f"target {name!r}: {which} {sizes} {has} fewer rows than the {n_folds} folds; "
        f"{advice} {'it' if len(small) == 1 else 'them'}"
    )


def _rows(count):
    return "1 row" if count == 1 else f"{count} rows"
