"""One model, one fold -> one record."""

import json
import time
import warnings
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache

import numpy as np
import torch
from sklearn.base import clone
from sklearn.metrics import confusion_matrix, log_loss
from threadpoolctl import threadpool_limits

from sktech.experiment.conditions import Conditions
from sktech.experiment.errors import one_line
from sktech.experiment.folds import Fold, inner_folds
from sktech.experiment.models import Model
from sktech.experiment.records import FoldRecord
from sktech.experiment.table import Table
from sktech.experiment.tuning import chosen, tuned
from sktech.metrics import brier_score, calibration_bins, expected_calibration_error, macro_roc_auc


@dataclass(frozen=True, eq=False)
class Task:
    """One model on one fold of one table, as it travels to a process.

    Parameters
    ----------
    table : Table
        None while the task is on its way and the table goes another.
    model : Model
        The participant.
    fold : Fold
        Training and test rows.
    seed : int
        Becomes every ``random_state`` of the model.
    conditions : Conditions
        What is done to the training rows.
    n_candidates : int
        Candidates that tuning may try on the training rows; 0 tunes nothing.
    """

    table: Table | None
    model: Model
    fold: Fold
    seed: int
    conditions: Conditions
    n_candidates: int


def score_fold(task):
    """Fit a clone of the model to the training rows and score it on the test rows, with one thread.

    Parameters
    ----------
    task : Task

    Returns
    -------
    record : FoldRecord
        Of a model that raised, it says why.
    """
    if task.model.family != "baseline":
        _load_what_torch_postpones()
    # What a model warns of belongs into its record, not between the lines of the progress display.
    with _one_thread(), warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            results = _fit_and_score(task)
        except Exception as error:  # any failure of one model is a row of the table, not the end of the others
            results = {"status": one_line(f"{type(error).__name__}: {error}")}
    return record_of(task, **results, warnings=_summarised(caught))


def record_of(task, **results):
    """The record of a task.

    Parameters
    ----------
    task : Task
    **results
        Fields of :class:`FoldRecord`.

    Returns
    -------
    record : FoldRecord
    """
    facts = {"table": task.table.name, "model": task.model.name, "family": task.model.family}
    facts |= {"repeat": task.fold.repeat, "fold": task.fold.number, "seed": task.seed}
    facts |= {"n_train": len(task.fold.train), "n_test": len(task.fold.test)}
    return FoldRecord(**facts | results)


def _fit_and_score(task):
    table = task.table
    classes = np.unique(table.y)
    rows, y_train = task.conditions.apply(table.y, task.fold.train, task.seed)
    X_train, X_test = _rows(table.X, rows), _rows(table.X, task.fold.test)
    y_test = table.y[task.fold.test]
    estimator = _seeded(task.model.estimator, task.seed)
    if task.n_candidates:
        groups, moments = (None if part is None else part[rows] for part in (table.groups, table.time))
        inner = inner_folds(y_train, groups=groups, time=moments, seed=task.seed)
        estimator = tuned(estimator, task.n_candidates, inner, task.seed)

    start = time.perf_counter()
    estimator.fit(X_train, y_train)
    fitted = time.perf_counter()
    proba = estimator.predict_proba(X_test) if hasattr(estimator, "predict_proba") else None
    predicted = np.ravel(estimator.predict(X_test)) if proba is None else None
    done = time.perf_counter()
    if predicted is None:  # the labels are what the estimator says, not always the most probable class
        predicted = np.ravel(estimator.predict(X_test))

    confusion = confusion_matrix(y_test, predicted, labels=classes)
    in_test = confusion.sum(axis=1) > 0
    recall = confusion.diagonal()[in_test] / confusion.sum(axis=1)[in_test]
    results = {
        "n_train": len(rows),
        "tuned": json.dumps(chosen(estimator)) if task.n_candidates else "",
        "fit_seconds": fitted - start,
        "predict_seconds": done - fitted,
        "confusion": confusion,
        "accuracy": float(np.mean(predicted == y_test)),
        "balanced_accuracy": float(recall.mean()),
    }
    if proba is not None:
        results |= _probability_scores(y_test, _for_all_classes(proba, estimator.classes_, classes), classes)
    return results


def _seeded(estimator, seed):
    estimator = clone(estimator)
    random_states = [name for name in estimator.get_params() if name.rpartition("__")[2] == "random_state"]
    return estimator.set_params(**dict.fromkeys(random_states, seed))


def _rows(X, rows):
    return X.iloc[rows] if hasattr(X, "iloc") else X[rows]


def _probability_scores(y, proba, classes):
    """`proba` in float64 with rows that sum to one, so that no model gains or loses by its precision."""
    return {
        "log_loss": float(log_loss(y, proba, labels=classes)),
        "brier": brier_score(y, proba, classes=classes),
        "calibration_error": expected_calibration_error(y, proba, classes=classes),
        "roc_auc": macro_roc_auc(y, proba, classes=classes),
        "bins": calibration_bins(y, proba, classes=classes),
    }


def _for_all_classes(proba, known, classes):
    """Probabilities of shape (n, n_classes): a class that the model has not met gets zero."""
    proba = np.asarray(proba, dtype=np.float64)
    if proba.ndim != 2 or proba.shape[1] != len(known):
        raise ValueError(f"predict_proba: expected {len(known)} columns, got an array of shape {proba.shape}")
    if not np.all(np.isfinite(proba)):
        raise ValueError("predict_proba: expected probabilities, got NaN or infinite values")
    scattered = np.zeros((len(proba), len(classes)))
    scattered[:, np.searchsorted(classes, known)] = proba
    total = scattered.sum(axis=1, keepdims=True)
    if np.any(scattered < 0) or np.any(np.abs(total - 1) > 1e-2):
        raise ValueError(
            f"predict_proba: expected rows that sum to 1, got sums from {total.min():.3g} to "
            f"{total.max():.3g} and a smallest value of {proba.min():.3g}"
        )
    return scattered / total


@contextmanager
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(limits=1):
            yield
    finally:
        torch.set_num_threads(before)


@cache
def _load_what_torch_postpones():
    """torch imports much, for more than a second, at the first step of a process; no model's fit should pay for it."""
    parameter = torch.nn.Parameter(torch.zeros(1))
    parameter.sum().backward()
    torch.optim.AdamW([parameter]).step()


def _summarised(caught):
    """One line per kind of warning; those that address the developers of a library are left out."""
    for_people = [
        w for w in caught if not issubclass(w.category, DeprecationWarning | FutureWarning | PendingDeprecationWarning)
    ]
    return "; ".join(dict.fromkeys(one_line(f"{w.category.__name__}: {w.message}") for w in for_people))
