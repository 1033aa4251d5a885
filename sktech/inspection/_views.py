"""What measures of similarity are given: activations of the same rows in two places, or in many."""

import numpy as np


def check_views(views):
    """Activations by name as float arrays, left in their own precision.

    Parameters
    ----------
    views : dict of str to array-like of shape (n, n_units)

    Returns
    -------
    views : list of ndarray of shape (n, n_units)

    Raises
    ------
    ValueError
        If one is not finite or not of two dimensions, if their rows differ in number, or are fewer than two.
    """
    checked = []
    for name, X in views.items():
        X = np.asarray(X)
        X = X if X.dtype.kind == "f" else X.astype(np.float64)
        if X.ndim != 2 or X.shape[1] == 0:
            raise ValueError(f"{name}: expected activations of shape (n, n_units), got shape {X.shape}")
        if checked and len(X) != len(checked[0]):
            first = next(iter(views))
            raise ValueError(f"{name}: expected the same {len(checked[0])} rows as {first}, got {len(X)}")
        if len(X) < 2:
            raise ValueError(f"{name}: expected at least 2 rows, got {len(X)}")
        if not np.isfinite(X).all():
            raise ValueError(f"{name}: expected finite activations, got NaN or infinity")
        checked.append(X)
    return checked


def centred(X):
    """Activations minus the mean of each unit, float64; exactly 0 for a unit that is the same in all rows."""
    values = X.astype(np.float64)
    values -= values.mean(axis=0)
    values[:, X.min(axis=0) == X.max(axis=0)] = 0
    return values
