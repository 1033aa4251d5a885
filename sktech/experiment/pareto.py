"""Which models give the most for their time."""

import numpy as np


def pareto_front(seconds, loss):
    """Which models no other one beats: none is both faster and better, or one of the two and equal in the other.

    Parameters
    ----------
    seconds, loss : array-like of shape (n,)
        Less is better in both. NaN is never on the front.

    Returns
    -------
    on_front : ndarray of shape (n,) of bool

    Examples
    --------
    >>> from sktech.experiment.pareto import pareto_front
    >>> pareto_front([1, 2, 3], [0.5, 0.6, 0.4]).tolist()
    [True, False, True]
    """
    points = np.column_stack([seconds, loss]).astype(float)
    no_worse = (points[:, None] <= points).all(axis=2)  # row i than column j
    better = (points[:, None] < points).any(axis=2)
    return ~(no_worse & better).any(axis=0) & np.isfinite(points).all(axis=1)
