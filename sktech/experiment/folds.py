"""Who trains and who tests: stratified folds, folds that keep groups together, folds in the order of time."""

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedKFold

from sktech.experiment.errors import InputError, shortened
from sktech.experiment.partition import deal_out_groups, time_blocks
from sktech.experiment.target import check_class_sizes

_INNER_FOLDS = 3


@dataclass(frozen=True, eq=False)
class Fold:
    """One division of the rows.

    Parameters
    ----------
    repeat, number : int
        Which drawing of the folds, and which fold of that drawing, both from 0.
    train, test : ndarray of int64
        Row numbers, in ascending order.
    """

    repeat: int
    number: int
    train: np.ndarray
    test: np.ndarray


def draw_folds(y, *, n_folds, n_repeats=1, seed, groups=None, time=None, option="cv=", target="y"):
    """The folds of a comparison, one repeat after the other.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels.
    n_folds : int
        Folds of each repeat, at least 2.
    n_repeats : int, default=1
        How often the folds are drawn.
    seed : int
        Of the drawing; folds in the order of time do not depend on it.
    groups : array-like of shape (n,), default=None
        Rows of one value stay together: no group is in both parts of a fold. Classes are spread over the folds about
        as evenly as that allows.
    time : array-like of shape (n,), default=None
        Anything that can be sorted. The rows are cut into ``n_folds + 1`` blocks of about the same size, one after the
        other in time. Fold k, from 0, trains on the first k + 1 of them and tests on the next, so that every test row
        is later than every training row. Rows of the same moment stay together.
    option : str, default="cv="
        How the caller's user sets the number of folds, such as "--folds ".
    target : str, default="y"
        What to call the labels in messages.

    Returns
    -------
    folds : list of Fold
        Without ``groups`` and ``time`` those of scikit-learn's ``RepeatedStratifiedKFold``.

    Raises
    ------
    InputError
        If both ``groups`` and ``time`` are given, folds in the order of time are to be repeated, a value is missing,
        there are too few rows of a class, groups or moments, or all training rows of a fold are of one class.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.experiment.folds import draw_folds
    >>> day = np.array([3, 1, 2, 2, 4, 1])
    >>> for fold in draw_folds(np.array(list("abbaaa")), n_folds=2, seed=0, time=day):
    ...     print(day[fold.train], day[fold.test])
    [1 1] [2 2]
    [1 2 2 1] [3 4]
    """
    if n_folds < 2:
        raise InputError(f"expected at least 2 folds, got {n_folds}")
    if groups is not None and time is not None:
        raise InputError("expected folds by groups or in the order of time, got both; leave one of them out")
    if time is not None:
        time = _numbered(time, y, "time")
        _check_moments(time, n_folds, n_repeats)
    elif groups is not None:
        groups = _numbered(groups, y, "groups")
        _check_groups(groups, y, n_folds, option, target)
    else:
        check_class_sizes(y, n_folds, option, target)
    random = np.random.RandomState(seed)
    folds = [
        Fold(repeat, number, train, test)
        for repeat in range(n_repeats)
        for number, (train, test) in enumerate(_split(y, n_folds, random, groups, time))
    ]
    for fold in folds:
        if not _has_classes(y[fold.train]):
            raise InputError(
                f"target {target!r}: expected two classes among the training rows of each fold, but in fold "
                f"{fold.number + 1} of {n_folds} all {len(fold.train):,} are {str(y[fold.train[0]])!r}; use fewer folds"
            )
    return folds


def inner_folds(y, *, seed, groups=None, time=None):
    """Folds within the training rows of a fold, to choose parameters by; of the same kind as the fold itself.

    There are three, or as many as the largest class, the groups or the moments allow. A class may have fewer rows.
    Rows of one group or one moment only are divided as if they had none, and a fold whose training rows are all of one
    class is left out.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of the training rows.
    seed : int
        Of the drawing.
    groups, time : array-like of shape (n,), default=None
        Of the training rows, as in :func:`draw_folds`; not both.

    Returns
    -------
    folds : list of (train, test)
        Positions among the training rows, ndarrays of int64.

    Raises
    ------
    InputError
        If no fold is left.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.experiment.folds import inner_folds
    >>> [len(test) for _, test in inner_folds(np.array([0] * 7 + [1] * 2 + [2]), seed=0)]
    [4, 3, 3]
    """
    groups, time = (
        numbers if values is not None and (numbers := _numbered(values, y, what)).any() else None
        for values, what in ((groups, "groups"), (time, "time"))
    )
    if time is not None:
        possible = time.max()
    elif groups is not None:
        possible = groups.max() + 1
    else:
        possible = np.unique(y, return_counts=True)[1].max()
    folds = []
    if possible > 1 or time is not None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            folds = _split(y, min(_INNER_FOLDS, possible), np.random.RandomState(seed), groups, time)
    folds = [(train, test) for train, test in folds if _has_classes(y[train])]
    if not folds:
        raise InputError(
            "to choose parameters takes a part of the training rows that has two classes, and other rows to try them "
            f"on; the {len(y):,} training rows cannot be divided so"
        )
    return folds


def _split(y, n_folds, random, groups, time):
    """Pairs (train, test) of one repeat, with groups and time as numbers from 0."""
    if time is not None:
        block = time_blocks(time, n_folds + 1)
        return [(np.flatnonzero(block < k), np.flatnonzero(block == k)) for k in range(1, n_folds + 1)]
    if groups is not None:
        fold = deal_out_groups(groups, y, n_folds, random)
        return [(np.flatnonzero(fold != k), np.flatnonzero(fold == k)) for k in range(n_folds)]
    return list(StratifiedKFold(n_folds, shuffle=True, random_state=random).split(y, y))


def _numbered(values, y, what):
    """Values as numbers from 0, in their order."""
    numbers, _ = pd.factorize(pd.Series(values), sort=True)
    if len(numbers) != len(y):
        raise InputError(f"{what}: expected a value for each of {len(y):,} rows, got {len(numbers):,}")
    if missing := int(np.sum(numbers < 0)):
        raise InputError(f"{what}: expected a value in every row, but {missing:,} of {len(y):,} are missing")
    return numbers


def _check_moments(time, n_folds, n_repeats):
    if n_repeats != 1:
        raise InputError(
            f"folds in the order of time are the same however often they are drawn: expected 1 repeat, got {n_repeats}"
        )
    if (n_moments := time.max() + 1) <= n_folds:
        raise InputError(f"time: {n_folds} folds take {n_folds + 1} distinct moments or more, got {n_moments}")


def _check_groups(groups, y, n_folds, option, target):
    if (n_groups := groups.max() + 1) < n_folds:
        advice = f"; use {option}{n_groups}" if n_groups > 1 else ""
        raise InputError(f"groups: expected at least as many as the {n_folds} folds, got {n_groups}{advice}")
    lonely = [str(label) for label in np.unique(y) if len(np.unique(groups[y == label])) == 1]
    if lonely:
        raise InputError(
            f"target {target!r}: the rows of {shortened(lonely, limit=5)} are of one group each, so that no model "
            "could learn these classes when their group tests; drop or merge them"
        )


def _has_classes(y):
    """Whether there are at least two."""
    return bool(np.any(y != y[0]))
