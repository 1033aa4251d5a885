"""Teacher, student, and a student of bare labels, side by side."""

import pickle
import time

import numpy as np
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split

from sktech.classifiers._others import mean_proba
from sktech.metrics import expected_calibration_error

_TEST_SHARE = 0.2


def held_out(codes, seed):
    """Positions of rows to fit models on, and of others to compare them on.

    Raises
    ------
    ValueError
        If there are fewer than ten rows.
    """
    if len(codes) < 10:
        raise ValueError(
            f"compression_report: expected at least ten rows to hold a fifth of them out, got {len(codes)}"
        )
    counts = np.unique(codes, return_counts=True)[1]
    stratify = codes if counts.min() > 1 and len(counts) <= _TEST_SHARE * len(codes) else None
    return train_test_split(np.arange(len(codes)), test_size=_TEST_SHARE, stratify=stratify, random_state=seed)


def measured(models, X, codes, classes):
    """Scores and costs of the mean of some models.

    Parameters
    ----------
    models : list of classifier
        Fitted.
    X : ndarray or data frame of shape (n, n_features)
    codes : ndarray of shape (n,), int
        Positions of the labels among the classes.
    classes : ndarray of shape (n_classes,)

    Returns
    -------
    row : dict of str to float
    """
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        proba = mean_proba(models, X, classes)
        seconds.append(time.perf_counter() - start)
    columns = np.arange(len(classes))
    return {
        "accuracy": float(np.mean(proba.argmax(axis=1) == codes)),
        "log_loss": float(log_loss(codes, proba, labels=columns)) if len(classes) > 1 else 0.0,
        "calibration_error": expected_calibration_error(codes, proba, classes=columns),
        "predict_seconds_per_row": min(seconds) / len(codes),
        "bytes": len(pickle.dumps(models)),
    }
