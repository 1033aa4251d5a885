"""How many of many classifiers are right about each row, how many give the same answer, and whether that is chance.

    >>> from sktech.inspection import consensus, consistency
    >>> predictions = [["no", "no", "no"], ["no", "yes", "yes"]]  # of two classifiers for three rows
    >>> consistency(predictions, ["no", "no", "no"])
    array([1. , 0.5, 0.5])
    >>> consensus(predictions)
    array([1. , 0.5, 0.5])

:func:`sktech.inspection.learning_order` trains nets and gives both for every epoch.

References
----------
G. Hacohen, L. Choshen and D. Weinshall, "Let's Agree to Agree: Neural Networks Share Classification Order on Real
Datasets", ICML 2020, https://arxiv.org/abs/1905.10854, where consistency is called TP-agreement, and consensus
agreement. (In an earlier version, "All Neural Networks are Created Equal", they have the names used here.)
"""

import numpy as np
from sklearn.utils import column_or_1d

from sktech._validation import check_number, check_same_kind


def consistency(predictions, y):
    """The share of classifiers that are right about each row: TA(x, y) = (1 / N) sum over i of 1[f_i(x) = y].

    Its mean over the rows is the mean accuracy of the classifiers.

    Parameters
    ----------
    predictions : array-like of shape (n_estimators, ..., n)
        Labels that the classifiers predict: for n rows, or for these in each of several epochs.
    y : array-like of shape (n,)
        The labels.

    Returns
    -------
    consistency : ndarray of shape (..., n)
        In [0, 1], in steps of 1 / n_estimators.

    Raises
    ------
    ValueError
        If shapes do not fit, or labels and predictions cannot be equal at all.
    """
    predictions, y = _check_predictions(predictions), column_or_1d(y)
    if predictions.shape[-1] != len(y):
        raise ValueError(f"y: expected a label for each of {predictions.shape[-1]} rows, got {len(y)}")
    check_same_kind(predictions=predictions.ravel(), y=y)
    return (predictions == y).mean(axis=0)


def consensus(predictions):
    """The share of classifiers that give the most frequent answer: A(x) = max over k of (1 / N) sum of 1[f_i(x) = k].

    It needs no label, and is nowhere below the consistency, nor below 1 / n_classes.

    Parameters
    ----------
    predictions : array-like of shape (n_estimators, ..., n)
        Labels that the classifiers predict: for n rows, or for these in each of several epochs.

    Returns
    -------
    consensus : ndarray of shape (..., n)
        In (0, 1], in steps of 1 / n_estimators.

    Raises
    ------
    ValueError
        If there is no axis of classifiers beside that of rows.
    """
    predictions = _check_predictions(predictions)
    most = np.zeros(predictions.shape[1:])
    for label in np.unique(predictions):
        np.maximum(most, (predictions == label).mean(axis=0), out=most)
    return most


def accessibility(consistency):
    """How early, and by how many, each row is learned: the mean of its consistency over the epochs.

    Parameters
    ----------
    consistency : array-like of shape (n_epochs, n)

    Returns
    -------
    accessibility : ndarray of shape (n,)
        In [0, 1].

    Raises
    ------
    ValueError
        If the shape is another.
    """
    consistency = np.asarray(consistency, dtype=np.float64)
    if consistency.ndim != 2 or not len(consistency):
        raise ValueError(f"consistency: expected shape (n_epochs, n), got {consistency.shape}")
    return consistency.mean(axis=0)


def overdispersion(consistency, n_estimators):
    """How much more consistencies vary than those of independent classifiers would: var(TA) / (p (1 - p) / N).

    p is the mean of the consistency TA over the rows. Of N classifiers that are right with probability p each, about
    every row and independently of each other, N TA is binomial and the ratio about 1. It is N, the most, where each row
    is known by all of them or by none: a histogram of the consistency then has two bars, at 0 and at 1. Of classifiers
    of the same accuracy it is 1 + (N - 1) r, with r the correlation of two of them in being right, averaged over pairs.

    Parameters
    ----------
    consistency : array-like of shape (..., n)
        Of one epoch, or of each of several.
    n_estimators : int
        N.

    Returns
    -------
    ratio : ndarray of shape (...), or float
        In [0, n_estimators]; NaN where all are right about all rows, or wrong.
    """
    check_number("n_estimators", n_estimators, int, 1)
    consistency = np.asarray(consistency, dtype=np.float64)
    mean = consistency.mean(axis=-1)
    with np.errstate(invalid="ignore"):
        return consistency.var(axis=-1) / (mean * (1 - mean) / n_estimators)


def _check_predictions(predictions):
    predictions = np.asarray(predictions)
    if predictions.ndim < 2 or not len(predictions):
        raise ValueError(f"predictions: expected shape (n_estimators, ..., n), got {predictions.shape}")
    return predictions
