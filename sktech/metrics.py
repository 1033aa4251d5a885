"""Scores of predicted class probabilities that scikit-learn does not have in this form.

    >>> from sktech.metrics import expected_calibration_error
    >>> expected_calibration_error(["no", "yes"], [[0.75, 0.25], [0.25, 0.75]])
    0.25

All of them take the true labels, a matrix of probabilities and the classes that name its columns.
"""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_consistent_length, column_or_1d

__all__ = ["brier_score", "calibration_bins", "expected_calibration_error", "macro_roc_auc"]

# How far the probabilities of a row may add up from one: float16 stays below it, forgotten classes do not.
_SUM_TOLERANCE = 1e-2


def expected_calibration_error(y_true, y_proba, *, classes=None, n_bins=15):
    """How far the confidence of a classifier is from its accuracy, on average over the rows.

    The confidence of a row is the probability of its predicted (most probable) class. Rows are sorted into bins of
    equal width by their confidence; with n rows and B_m those of bin m,

        ECE = sum over m of |B_m| / n * |acc(B_m) - conf(B_m)|      (equation 3 of the paper).

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    y_proba : array-like of shape (n, n_classes)
        Predicted probabilities, one column per class.
    classes : array-like of shape (n_classes,), default=None
        The label of each column. None means the sorted distinct labels in ``y_true``.
    n_bins : int, default=15
        The number of bins, M in the paper. Bin m holds confidences in ((m - 1) / M, m / M].

    Returns
    -------
    error : float
        In [0, 1]; 0 if the confidence equals the accuracy in every bin.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is not among the classes, a value is no probability, or ``n_bins`` < 1.

    References
    ----------
    C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.

    Examples
    --------
    Four rows with confidence 0.75, three of them right:

    >>> from sktech.metrics import expected_calibration_error
    >>> expected_calibration_error([0, 0, 0, 1], [[0.75, 0.25]] * 4)
    0.0
    """
    count, hits, confidence = calibration_bins(y_true, y_proba, classes=classes, n_bins=n_bins)
    return float(np.abs(hits - confidence).sum() / count.sum())


def calibration_bins(y_true, y_proba, *, classes=None, n_bins=15):
    """The sums a reliability diagram is drawn from; those of several folds may be added up.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    y_proba : array-like of shape (n, n_classes)
        Predicted probabilities, one column per class.
    classes : array-like of shape (n_classes,), default=None
        The label of each column. None means the sorted distinct labels in ``y_true``.
    n_bins : int, default=15
        The number of bins of equal width over [0, 1].

    Returns
    -------
    bins : ndarray of shape (3, n_bins), float64
        Per bin of confidence: the number of rows, how many of them are predicted rightly, their summed confidence.

    Raises
    ------
    ValueError
        As :func:`expected_calibration_error`.
    """
    if n_bins < 1:
        raise ValueError(f"n_bins must be at least 1, got {n_bins}")
    target, proba = _check(y_true, y_proba, classes)
    confidence = proba.max(axis=1)
    inner_edges = np.linspace(0, 1, n_bins + 1)[1:-1]
    bin_of_row = np.searchsorted(inner_edges, confidence, side="left")
    per_row = np.stack([np.ones(len(target)), proba.argmax(axis=1) == target, confidence])
    return np.stack([np.bincount(bin_of_row, weights=values, minlength=n_bins) for values in per_row])


def brier_score(y_true, y_proba, *, classes=None):
    """Mean over the rows of the squared distance between the probabilities and the truth.

    With two classes this is twice the score that looks at one column only.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    y_proba : array-like of shape (n, n_classes)
        Predicted probabilities, one column per class.
    classes : array-like of shape (n_classes,), default=None
        The label of each column. None means the sorted distinct labels in ``y_true``.

    Returns
    -------
    score : float
        In [0, 2], lower is better.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is not among the classes, or a value is no probability.

    References
    ----------
    G. W. Brier, "Verification of forecasts expressed in terms of probability", Monthly Weather Review 78, 1950.

    Examples
    --------
    >>> from sktech.metrics import brier_score
    >>> brier_score(["a", "b"], [[1.0, 0.0], [0.5, 0.5]])
    0.25
    """
    target, proba = _check(y_true, y_proba, classes)
    truth = np.eye(proba.shape[1])[target]
    return float(np.square(proba - truth).sum(axis=1).mean())


def macro_roc_auc(y_true, y_proba, *, classes=None):
    """Area under the ROC curve of each class against the rest, averaged over the classes with equal weight.

    A class that is missing in ``y_true``, or alone in it, has no curve and is left out.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    y_proba : array-like of shape (n, n_classes)
        Predicted probabilities, one column per class.
    classes : array-like of shape (n_classes,), default=None
        The label of each column. None means the sorted distinct labels in ``y_true``.

    Returns
    -------
    area : float
        In [0, 1]; 0.5 for probabilities that say nothing, NaN if ``y_true`` holds a single class.

    Raises
    ------
    ValueError
        If shapes do not fit, a label is not among the classes, or a value is no probability.

    Examples
    --------
    >>> from sktech.metrics import macro_roc_auc
    >>> macro_roc_auc(["a", "b", "b"], [[0.8, 0.2], [0.3, 0.7], [0.4, 0.6]])
    1.0
    """
    target, proba = _check(y_true, y_proba, classes)
    present = np.unique(target)
    if len(present) < 2:
        return float("nan")
    return float(np.mean([roc_auc_score(target == k, proba[:, k]) for k in present]))


def _check(y_true, y_proba, classes):
    """Column numbers of the true labels, shape (n,), and float64 probabilities, shape (n, n_classes)."""
    y_true = column_or_1d(y_true)
    proba = np.asarray(y_proba, dtype=np.float64)
    classes = np.unique(y_true) if classes is None else column_or_1d(classes)
    if proba.ndim != 2 or proba.shape[1] != len(classes):
        raise ValueError(f"y_proba must have shape (n, {len(classes)}) for {len(classes)} classes, got {proba.shape}")
    check_consistent_length(y_true, proba)
    if len(y_true) == 0:
        raise ValueError("expected at least one row, got none")
    if not (np.all(proba >= 0) and np.all(np.abs(proba.sum(axis=1) - 1) <= _SUM_TOLERANCE)):
        raise ValueError("y_proba must hold probabilities that sum to 1 in each row, got other values")
    order = np.argsort(classes)
    target = order[np.clip(np.searchsorted(classes, y_true, sorter=order), 0, len(classes) - 1)]
    strangers = np.unique(y_true[classes[target] != y_true])
    if len(strangers):
        raise ValueError(f"expected labels among the classes {classes.tolist()}, got also {strangers.tolist()}")
    return target, proba
