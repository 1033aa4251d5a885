"""Other people's classifiers: fitted with weights and seeds as far as they take them, and asked for probabilities."""

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sktech._integer_labels import IntegerLabels
from sktech._random import spawn_seed
from sktech.table import TableReader


def last_step(estimator):
    """The estimator itself, or what a pipeline ends in."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def fitted(estimator, X, y, weight, seed):
    """A fitted clone, with weights if they differ from 1, and its open random states set.

    Where there is a single class it is a ``DummyClassifier``: many classifiers refuse that.

    Parameters
    ----------
    estimator : classifier or pipeline
    X : ndarray or data frame of shape (n, n_features)
    y : ndarray of shape (n,), or Labels
    weight : ndarray of shape (n,)
    seed : int

    Raises
    ------
    ValueError
        If there are weights and it takes none.
    """
    estimator = clone(estimator)
    open_states = [
        name
        for name, value in sorted(estimator.get_params().items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    estimator.set_params(**{name: spawn_seed(seed, i) for i, name in enumerate(open_states)})
    if type(last_step(estimator)).__module__.startswith("xgboost"):  # which takes no labels but 0, 1, ..., without gaps
        estimator = IntegerLabels(estimator)
    if isinstance(y, np.ndarray) and (y == y[0]).all():
        estimator = DummyClassifier(strategy="prior")
    if (weight == 1).all():
        return estimator.fit(X, y)
    inner = estimator.estimator if isinstance(estimator, IntegerLabels) else estimator
    if not has_fit_parameter(last_step(inner), "sample_weight"):
        raise ValueError(
            f"sample_weight: expected None or whole numbers, as {type(last_step(inner)).__name__}.fit does not take "
            "weights, got others"
        )
    name = f"{inner.steps[-1][0]}__sample_weight" if isinstance(inner, Pipeline) else "sample_weight"
    return estimator.fit(X, y, **{name: weight})


def mean_proba(models, X, classes):
    """Probabilities (n, n_classes), averaged over models that may each know only some of the classes."""
    proba = np.zeros((X.shape[0], len(classes)))
    for model in models:
        own = np.asarray(model.predict_proba(X), dtype=np.float64)
        if own.shape != (len(proba), len(model.classes_)) or not (own >= 0).all() or not (own.sum(axis=1) > 0).all():
            raise ValueError(
                f"teacher: expected probabilities of {len(model.classes_)} classes from {type(model).__name__}, got "
                f"{own[:1]}, ..., of shape {own.shape}"
            )
        proba[:, np.searchsorted(classes, model.classes_)] += own
    return proba / proba.sum(axis=1, keepdims=True)


class AsNumbers(TransformerMixin, BaseEstimator):
    """Tables of any columns as floats: categories are numbered, missing numbers stay NaN."""

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

    def fit(self, X, y=None):
        self.reader_ = TableReader(self.categorical_features).fit(X)
        return self

    def transform(self, X):
        return self.reader_.transform(X)
