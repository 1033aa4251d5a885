"""Rows -> numbers of folds, where rows belong together or follow each other."""

import numpy as np


def deal_out_groups(groups, y, n_folds, random):
    """Folds that keep groups whole and spread the classes.

    Groups are dealt out from the large to the small, those of about the same size (within a factor of two) in random
    order, each to the fold that has least of its classes so far.

    Parameters
    ----------
    groups : ndarray of shape (n,), int
        Numbers from 0, each of which occurs.
    y : ndarray of shape (n,)
        Labels.
    n_folds : int
        At most as many as there are groups; no fold is empty then.
    random : numpy.random.RandomState

    Returns
    -------
    fold : ndarray of shape (n,), int
        The fold of each row, in [0, n_folds).

    Notes
    -----
    scikit-learn's ``StratifiedGroupKFold`` deals out in the strict order of how unlike their classes are, so that it
    often gives the same folds again whatever its seed. The classes are spread as evenly here.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.experiment.partition import deal_out_groups
    >>> groups = np.array([0, 0, 1, 1, 2, 2, 3, 3])
    >>> fold = deal_out_groups(groups, np.array([0, 0, 0, 0, 1, 1, 1, 1]), 2, np.random.RandomState(0))
    >>> bool(fold[0] != fold[2] and fold[4] != fold[6])
    True
    """
    classes, codes = np.unique(y, return_inverse=True)
    shares = np.zeros((groups.max() + 1, len(classes)))  # of each class, how much is in each group
    np.add.at(shares, (groups, codes), 1 / np.bincount(codes)[codes])
    order = random.permutation(len(shares))
    magnitude = np.floor(np.log2(shares.sum(axis=1)))
    of_group = np.empty(len(shares), dtype=int)
    in_fold = np.zeros((n_folds, len(classes)))
    for group in order[np.argsort(-magnitude[order], kind="stable")]:
        # Among folds that have nothing of its classes the emptiest, so that none remains empty.
        chosen = np.lexsort((in_fold.sum(axis=1), in_fold @ shares[group]))[0]
        in_fold[chosen] += shares[group]
        of_group[group] = chosen
    return of_group[groups]


def time_blocks(time, n_blocks):
    """Blocks of whole moments, one after the other, with as near to the same number of rows as moments allow.

    Parameters
    ----------
    time : ndarray of shape (n,), int
        Numbers from 0, each of which occurs.
    n_blocks : int
        At most as many as there are moments.

    Returns
    -------
    block : ndarray of shape (n,), int
        The block of each row, in [0, n_blocks); none is empty.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.experiment.partition import time_blocks
    >>> time_blocks(np.array([0, 1, 1, 1, 2, 3]), 3).tolist()
    [0, 1, 1, 1, 2, 2]
    """
    ends = np.cumsum(np.bincount(time))  # rows until the end of each moment
    ideal = len(time) * np.arange(1, n_blocks) / n_blocks
    first = 1 + np.abs(ends - ideal[:, None]).argmin(axis=1)  # the first moment of each block but the first
    step = np.arange(n_blocks - 1)
    first = np.maximum.accumulate(first - step) + step
    first = np.minimum(first, len(ends) - n_blocks + 1 + step)
    return np.searchsorted(first, time, side="right")
