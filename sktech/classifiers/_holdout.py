"""Rows set aside to watch a training: a random part of each class; of every class something stays to learn from."""

import numpy as np


def stratified_holdout(codes, weight, fraction, seed, n_members=1):
    """How much of each row's weight each member of a committee holds out.

    Members hold out other rows, as evenly spread as can be: with ``fraction = 1 / n_members`` they are folds.

    A row that stands for several copies is divided as they would be, so that a table of few distinct rows can be
    learned from and validated on; any other row goes to one side whole. (scikit-learn's ``StratifiedShuffleSplit``
    knows no weights, and refuses classes of one row; here they stay with the training rows.)

    Parameters
    ----------
    codes : ndarray of shape (n,), int
        Class numbers.
    weight : ndarray of shape (n,)
        Positive weights. If all are whole numbers, or multiples of the smallest, they count copies, as far as float64
        can tell (2^53). Otherwise only rows that alone outweigh the fraction of their class are taken for several.
    fraction : float or ndarray of shape (n_classes,)
        Share of each class's copies, in (0, 1): rounded up or down at random, and exact in expectation.
    seed : int
    n_members : int, default=1

    Returns
    -------
    held_out : ndarray of shape (n_members, n)
        Between 0 and the row's weight; positive for at least one row of each member.

    Raises
    ------
    ValueError
        If each class is a single row, so that nothing can be held out.
    """
    if len(codes) == 0:
        raise ValueError("early_stopping holds out rows with labels: expected some, got none; set early_stopping=False")
    rng = np.random.default_rng(seed)
    fraction = np.broadcast_to(fraction, codes.max() + 1)
    copies = _copies(codes, weight, fraction[codes])
    order = rng.permutation(len(codes))
    offsets = np.arange(n_members)[:, None] / n_members
    held_out = np.zeros((n_members, len(codes)))
    for code in np.unique(codes):
        rows = order[codes[order] == code]
        # Systematic sampling: each row gives its share, rounded so that the class gives its own.
        steps = np.floor(np.cumsum(fraction[code] * copies[rows]) + (rng.uniform() + offsets) % 1)
        held_out[:, rows] = np.diff(steps, prepend=0)
        held_out[held_out[:, rows].sum(axis=1) >= copies[rows].sum(), rows[-1]] -= 1
    nothing = np.flatnonzero(~held_out.any(axis=1))
    if len(nothing):
        totals = np.bincount(codes, weights=copies)
        if totals.max() < 2:
            raise ValueError(
                "early_stopping holds out rows of classes with at least two rows: expected one such class, "
                f"got {len(codes)} distinct row(s) of as many classes (n_samples = {len(codes)}); "
                "set early_stopping=False"
            )
        rows = order[codes[order] == np.argmax(totals)]
        held_out[nothing, rows[nothing % len(rows)]] = 1
    return held_out / copies * weight


def _copies(codes, weight, fraction):
    """How many copies each row stands for, (n,)."""
    for unit in (1.0, weight.min()):
        counts = np.round(weight / unit)
        if counts.min() >= 1 and counts.max() < 2**53 and np.allclose(weight / unit, counts, rtol=0, atol=1e-6):
            return counts
    share = fraction * np.bincount(codes, weights=weight)[codes]
    return np.maximum(np.round(weight / share), 1)
