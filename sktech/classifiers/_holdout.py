"""Rows set aside to watch a training: a random part of each class, and of every class something stays to learn
from."""

import numpy as np


def stratified_holdout(codes, fraction, seed):
    """Which rows are held out.

    scikit-learn's ``StratifiedShuffleSplit`` refuses classes of one row; here they stay with the training rows.

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        Class numbers.
    fraction : float
        Share of each class, in (0, 1); rounded at random, so that the expected share is exact for small classes too.
    seed : int

    Returns
    -------
    held_out : ndarray of shape (n,), bool
        At least one row is True.

    Raises
    ------
    ValueError
        If no class has two rows, so that nothing can be held out.
    """
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(codes))
    held_out = np.zeros(len(codes), dtype=bool)
    members = {code: order[codes[order] == code] for code in np.unique(codes)}
    for rows in members.values():
        n_out = min(int(fraction * len(rows) + rng.random()), len(rows) - 1)
        held_out[rows[:n_out]] = True
    if not held_out.any():
        largest = max(members.values(), key=len)
        if len(largest) == 1:
            raise ValueError(
                "early_stopping holds out rows of classes with at least two distinct rows: expected one such class, "
                f"got {len(codes)} distinct row(s) of as many classes (n_samples = {len(codes)}); "
                "set early_stopping=False"
            )
        held_out[largest[0]] = True
    return held_out
