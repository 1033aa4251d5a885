"""Other people's classifiers: fitted with weights and seeds as far as they take them, and asked for probabilities."""

import numpy as np
from sklearn.base import clone
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import has_fit_parameter

from sktech._integer_labels import IntegerLabels
from sktech._random import spawn_seed
from sktech._validation import naming


def last_step(estimator):
    """The estimator itself, or what a pipeline ends in."""
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def fitted(estimator, X, y, weight, seed, *, role="estimator", every_state=False):
    """A fitted clone, with weights if they differ from 1, and its open random states set.

    Where there is a single class it is a ``DummyClassifier``: many classifiers refuse that.

    Parameters
    ----------
    estimator : classifier or pipeline
    X : ndarray or data frame of shape (n, n_features)
    y : ndarray of shape (n,), or Labels
    weight : ndarray of shape (n,)
    seed : int
    role : str, default="estimator"
        The parameter that it came in by, which errors name.
    every_state : bool, default=False
        Whether to set the random states that are not open, too.

    Raises
    ------
    ValueError, TypeError
        If there are weights and it takes none, or as it refuses the data.
    """
    estimator = clone(estimator)
    open_states = [
        name
        for name, value in sorted(estimator.get_params().items())
        if (every_state or value is None) and (name == "random_state" or name.endswith("__random_state"))
    ]
    estimator.set_params(**{name: spawn_seed(seed, i) for i, name in enumerate(open_states)})
    if type(last_step(estimator)).__module__.startswith("xgboost"):  # which takes no labels but 0, 1, ..., without gaps
        estimator = IntegerLabels(estimator)
    if isinstance(y, np.ndarray) and (y == y[0]).all():
        estimator = DummyClassifier(strategy="prior")
    weights = {} if (weight == 1).all() else {_weights_of(estimator): weight}
    with naming(role):
        return estimator.fit(X, y, **weights)


def _weights_of(estimator):
    """The name by which its ``fit`` takes weights of rows."""
    inner = estimator.estimator if isinstance(estimator, IntegerLabels) else estimator
    if not has_fit_parameter(last_step(inner), "sample_weight"):
        raise ValueError(
            f"sample_weight: expected None or whole numbers, as {type(last_step(inner)).__name__}.fit does not take "
            "weights, got others"
        )
    return f"{inner.steps[-1][0]}__sample_weight" if isinstance(inner, Pipeline) else "sample_weight"


def probabilities(model, X, classes, role="estimator"):
    """Probabilities (n, n_classes) of a model that may know only some of the classes, not normalised.

    Those of a model that knows no probabilities are 0 and 1.
    """
    X = X.copy() if hasattr(X, "copy") else X  # some write into it
    spread = np.zeros((X.shape[0], len(classes)))
    knows_none = not hasattr(model, "predict_proba")
    with naming(role):
        told = model.predict(X) if knows_none else np.asarray(model.predict_proba(X), dtype=np.float64)
    if knows_none:
        spread[np.arange(len(spread)), _places(model, told, classes, role)] = 1
        return spread
    if told.shape != (len(spread), len(model.classes_)) or not (told >= 0).all() or not (told.sum(axis=1) > 0).all():
        raise ValueError(
            f"{role}: expected probabilities of {len(model.classes_)} classes from {type(model).__name__}, got "
            f"{told[:1]}, ..., of shape {told.shape}"
        )
    spread[:, _places(model, model.classes_, classes, role)] = told
    return spread


def _places(model, labels, classes, role):
    """Where labels that a model knows stand among the classes."""
    known = np.unique(labels).tolist()
    if not set(known) <= set(classes.tolist()):
        raise ValueError(
            f"{role}: expected one that knows none but the classes {classes.tolist()}, got {type(model).__name__}, "
            f"which answers {known}"
        )
    return np.searchsorted(classes, labels)


def mean_proba(models, X, classes, role="teacher"):
    """Probabilities (n, n_classes), averaged over models that may each know only some of the classes."""
    proba = sum(probabilities(model, X, classes, role) for model in models)
    return proba / proba.sum(axis=1, keepdims=True)
