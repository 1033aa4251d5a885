"""From the table, labels and weights that a user hands in to the rows that a net learns from."""

from dataclasses import dataclass

import numpy as np
import torch
from sklearn.utils import _safe_indexing

from sktech._rows import merge_identical_rows
from sktech._validation import check_table, check_targets, check_weights
from sktech.labels import Labels
from sktech.table import TableReader
from sktech.training import SoftTargets, WeightedRows


@dataclass
class Rows:
    """Rows as numbers.

    Parameters
    ----------
    Z : ndarray of shape (n, n_features)
        As the estimator's TableReader gives them.
    labels : Labels
        In the net's class numbers.
    copies : ndarray of shape (n,)
        How many rows each stands for: sample weights.
    label_weight : ndarray of shape (n,), or None
        What its label weighs besides: class weights, and 0 for rows without a label; None if all are alike.
    shares : ndarray of shape (n_estimators, n), default=None
        How many rows each stands for in the training of each of several estimators.
    numbers : ndarray of shape (n_classes,) or (n_members, n_classes), int, default=None
        0 or 1, what an estimator, or each member, takes each class for; None leaves the classes as they are.
    marks : ndarray of shape (n,), default=None
        What a technique told about each row.
    origin : ndarray of shape (n_given,), int, default=None
        For each row that was handed in which of these it became, -1 for none; None where several estimators are trained
        together.
    data : WeightedRows, default=None
        The rows as tensors, once they are encoded.
    learned : ndarray of shape (n_members, n), default=None
        How often each row counts in the training of each member of one estimator, once that is known.
    """

    Z: np.ndarray
    labels: Labels
    copies: np.ndarray
    label_weight: np.ndarray
    shares: np.ndarray = None
    numbers: np.ndarray = None
    marks: np.ndarray = None
    origin: np.ndarray = None
    data: WeightedRows = None
    learned: np.ndarray = None

    def totals(self):
        """The weight of each class, (n_classes,), or of each member's own, (n_members, 1, n_classes)."""
        totals = self.labels.totals(self.importance(self.copies))
        if self.numbers is None:
            return totals
        own = np.stack([np.bincount(numbers, totals, 2) for numbers in np.atleast_2d(self.numbers)])
        return own[0] if self.numbers.ndim == 1 else own[:, None]

    def importance(self, copies):
        """How much each row matters to the scales and bins of columns, (n,), given how often it counts, (n,)."""
        if self.label_weight is None:
            return copies
        return copies * np.where(self.label_weight > 0, self.label_weight, 1.0)

    def tensors(self, inputs):
        """As a data set, with these inputs, an array."""
        inputs, soft = torch.from_numpy(inputs), None
        if self.labels.proba is not None:
            soft = SoftTargets.of(self.labels, inputs.dtype)
        # A row without a label has weight 0, or a hard_weight of 0: any class will do.
        codes = torch.from_numpy(np.maximum(self.labels.codes, 0))
        numbers = None if self.numbers is None else torch.from_numpy(self.numbers)
        if numbers is not None and numbers.ndim == 1:
            codes, numbers = numbers[codes], None
        return WeightedRows(inputs, codes, soft=soft, numbers=numbers)


def read_rows(estimator, X, y, sample_weight, *, fresh, classes=None, shares=None, marks=None):
    """Checked, as numbers, without rows that weigh nothing, and with identical rows merged.

    Parameters
    ----------
    estimator : NetClassifier
        If ``fresh``, it gets ``classes_``, ``n_features_in_``, ``feature_names_in_``, the reader of its columns, and
        ``_trained``, the positions of the classes that its net knows; otherwise these are what is expected.
    X, y, sample_weight
        As ``fit`` takes them.
    fresh : bool
        Whether a new model is being made.
    classes : array-like, default=None
        As ``partial_fit`` takes them.
    shares : ndarray of shape (n_estimators, n), default=None
        Weights of the rows in the training of each of several estimators, to be treated alike.
    marks : callable, default=None
        Takes the checked X, gives numbers (n,) that keep rows apart, besides their content and their label.

    Returns
    -------
    rows : Rows
    """
    X = check_table(estimator, X, reset=fresh)
    known = classes if classes is not None or fresh else estimator.classes_
    labels = check_targets(estimator, X, y, unlabeled=estimator._learns_unlabeled(), known_classes=known)
    copies = check_weights(X, sample_weight)
    marks = None if marks is None else marks(X)
    weighted, factor = labels.weighted(estimator.class_weight, copies)
    if estimator.class_weight is None and not (copies * factor).any():
        raise ValueError("y: expected a row with a label and a positive weight, got none")
    if not (copies * factor).any():
        raise ValueError("class_weight: expected a positive one for a class whose rows have weight, got zeros only")
    weighs = weighted.totals(copies * factor) > 0
    # Rows of a class that weighs nothing are no rows; those without a label may still serve.
    counts = (copies > 0) & ((factor > 0) | (~labels.labeled & (labels.proba is None)))
    if not counts.all():
        X, labels, copies = _safe_indexing(X, np.flatnonzero(counts)), labels[counts], copies[counts]
        shares = None if shares is None else shares[:, counts]
        marks = None if marks is None else marks[counts]
    if fresh:
        estimator.classes_ = labels.classes if classes is None else np.unique(classes)
        # A class without weight is no class of the net's; partial_fit knows better what will come.
        estimator._trained = np.flatnonzero(weighs) if classes is None else np.arange(len(estimator.classes_))
        estimator._reader = TableReader(estimator.categorical_features).fit(X)
    elif classes is not None and not np.array_equal(np.unique(classes), estimator.classes_):
        expected = estimator.classes_.tolist()
        raise ValueError(f"classes: expected those of the first call, {expected}, got {classes!r}")
    numbers = _class_numbers(estimator, labels.classes)
    Z = estimator._reader.transform(X)
    place = np.arange(len(Z))
    if estimator.merge_identical_rows:
        keys = labels.simplified().keys(numbers)
        keys = keys if marks is None else np.column_stack([keys, marks])
        distinct, copies, place, *merged = merge_identical_rows(Z, keys, copies, shares)
        Z, labels, shares = Z[distinct], labels[distinct], merged[0] if merged else None
        marks = None if marks is None else marks[distinct]
    # Once more, as "balanced" adds up weights: now in an order that depends on the rows' content alone.
    labels, factor = labels.weighted(estimator.class_weight, copies)
    labels = labels.numbered(numbers, len(estimator._trained)).simplified()
    origin = np.full(len(counts), -1)
    origin[counts] = place
    return Rows(Z, labels, copies, None if np.ptp(factor) == 0 else factor, shares, marks=marks, origin=origin)


def _class_numbers(estimator, labels):
    """The numbers that the net knows these labels by, -1 for those that had no weight."""
    position = np.minimum(np.searchsorted(estimator.classes_, labels), len(estimator.classes_) - 1)
    known = estimator.classes_[position] == labels
    if not np.all(known):
        raise ValueError(f"y: expected labels among {estimator.classes_.tolist()}, got {labels[~known].tolist()}")
    numbers = np.full(len(estimator.classes_), -1)
    numbers[estimator._trained] = np.arange(len(estimator._trained))
    return numbers[position]
