"""Scores that scikit-learn does not have in this form: of predicted probabilities, and for rare classes.

    >>> from sktech.metrics import expected_calibration_error
    >>> expected_calibration_error(["no", "yes"], [[0.75, 0.25], [0.25, 0.75]])
    0.25

Those of probabilities take the true labels, a matrix of probabilities and the classes that name its columns.
"""

from typing import NamedTuple

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_consistent_length, column_or_1d

from sktech._validation import check_same_kind

__all__ = [
    "ShotAccuracy",
    "brier_score",
    "calibration_bins",
    "expected_calibration_error",
    "macro_roc_auc",
    "shot_accuracy",
]

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


class ShotAccuracy(NamedTuple):
    """Accuracies in [0, 1], each the mean of those of its classes; NaN where there is no class.

    Attributes
    ----------
    many, medium, few : float
        Of the classes with many, a medium number of, and few training rows.
    balanced : float
        Of all classes.
    """

    many: float
    medium: float
    few: float
    balanced: float


def shot_accuracy(y_true, y_pred, y_train, many=100, few=20):
    """How well classes are told that had many, a medium number of, or few training rows.

    The accuracy of a class is the share of its rows that are predicted rightly; each number is the mean over classes of
    those that have rows in ``y_true``. With n_j for the training rows of class j: many is n_j > ``many``, few is
    n_j < ``few``, and medium what lies between, inclusively.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        The true labels.
    y_pred : array-like of shape (n,)
        The predicted ones.
    y_train : array-like of shape (n_train,)
        The training labels.
    many : float, default=100
    few : float, default=20
        At most ``many``.

    Returns
    -------
    accuracy : ShotAccuracy
        The named tuple (many, medium, few, balanced).

    Raises
    ------
    ValueError
        If lengths do not fit, there are no rows, or ``few`` is above ``many``.

    Notes
    -----
    A class that was never seen in training has few rows: none. The reference code has 0 for a group without classes.

    References
    ----------
    B. Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 4.1,
    https://arxiv.org/abs/1910.09217; after Z. Liu et al., "Large-Scale Long-Tailed Recognition in an Open World",
    CVPR 2019.

    Examples
    --------
    >>> from sktech.metrics import shot_accuracy
    >>> shot_accuracy(["a", "a", "b", "b"], ["a", "a", "b", "a"], y_train=["a"] * 200 + ["b"] * 5)
    ShotAccuracy(many=1.0, medium=nan, few=0.5, balanced=0.75)
    """
    y_true, y_pred, y_train = column_or_1d(y_true), column_or_1d(y_pred), column_or_1d(y_train)
    check_consistent_length(y_true, y_pred)
    if len(y_true) == 0:
        raise ValueError("y_true: expected at least one row, got none")
    if not few <= many:
        raise ValueError(f"few: expected at most many={many}, got {few}")
    if len(y_train) == 0:
        raise ValueError("y_train: expected at least one row, got none")
    check_same_kind(y_true=y_true, y_pred=y_pred, y_train=y_train)
    classes, codes = np.unique(y_true, return_inverse=True)
    accuracy = np.bincount(codes, weights=y_pred == y_true) / np.bincount(codes)
    sizes = np.array([np.count_nonzero(y_train == label) for label in classes])
    groups = (sizes > many, (sizes >= few) & (sizes <= many), sizes < few, sizes >= 0)
    return ShotAccuracy(*(float(accuracy[group].mean()) if group.any() else float("nan") for group in groups))


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
