"""Parameters that are chosen on the training rows alone, with the same number of candidates for every model."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.model_selection import ParameterSampler, cross_val_score
from sklearn.utils.metaestimators import available_if

from sktech.experiment.errors import InputError
from sktech.experiment.spaces import search_space

_EPS = np.finfo(np.float64).eps
_TRIES = 100  # draws for each candidate, where what is drawn has been drawn before


def tuned(estimator, n_candidates, inner, seed):
    """A model that chooses its parameters when it is fitted.

    Parameters
    ----------
    estimator : classifier
        Unfitted.
    n_candidates : int
        How many sets of parameters are tried, at least 2. The first is the estimator as it is, the others are drawn
        from :func:`sktech.experiment.spaces.search_space`, all different.
    inner : list of (train, test)
        Positions among the rows that it will be fitted to, as :func:`sktech.experiment.folds.inner_folds` draws them.
    seed : int
        Of the drawing.

    Returns
    -------
    model : TunedClassifier
        Or the estimator itself, where there is nothing to search.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktech.experiment.folds import inner_folds
    >>> from sktech.experiment.tuning import chosen, tuned
    >>> X, y = load_iris(return_X_y=True)
    >>> model = tuned(LogisticRegression(max_iter=1000), 5, inner_folds(y, seed=0), seed=0).fit(X, y)
    >>> len(model.scores_), list(chosen(model))
    (5, ['C'])
    """
    if n_candidates < 2:
        raise InputError(f"expected at least 2 candidates to choose from, got {n_candidates}")
    space = search_space(estimator)
    if not space:
        return estimator
    return TunedClassifier(estimator, _candidates(estimator, space, n_candidates, seed), inner)


def chosen(estimator):
    """The parameters that a fitted model has chosen, as texts.

    Parameters
    ----------
    estimator : classifier

    Returns
    -------
    params : dict of str to str
        By the names that ``set_params`` knows. Empty where the model as it was did best, or has nothing to choose.
    """
    params = estimator.best_params_ if isinstance(estimator, TunedClassifier) else {}
    return {name: value if isinstance(value, str) else " ".join(repr(value).split()) for name, value in params.items()}


class TunedClassifier(ClassifierMixin, BaseEstimator):
    """Tries sets of parameters on folds of its training rows, and fits the best to all of them.

    The best has the lowest mean log-loss over the folds, or the highest accuracy where a model has no probabilities. A
    set of parameters that fails in a fold is the worst. What models warn of while they are tried is not shown.

    Parameters
    ----------
    estimator : classifier
        Cloned for each fit.
    candidates : list of dict
        Parameters of the estimator that differ from what it has; the first of equals wins.
    inner : list of (train, test)
        Positions among the rows given to ``fit``.

    Attributes
    ----------
    best_params_ : dict
        The chosen candidate.
    best_estimator_ : classifier
        Fitted with these to all rows.
    scores_ : list of float
        Of each candidate: minus the mean log-loss (nats), or the mean accuracy; -inf where it failed.
    classes_ : ndarray of shape (n_classes,)
        The labels.

    Raises
    ------
    Exception
        From ``fit``, if all candidates fail: what the first one raised.
    """

    def __init__(self, estimator, candidates, inner):
        self.estimator = estimator
        self.candidates = candidates
        self.inner = inner

    def fit(self, X, y):
        """Try all candidates with X of shape (n, n_columns) and the labels y of shape (n,), and fit the best."""
        self.scores_, failures = [], []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for candidate in self.candidates:
                try:
                    self.scores_.append(self._score(candidate, X, y))
                except Exception as error:  # any failure is the candidate's own, as in the comparison it is a model's
                    failures.append(error)
                    self.scores_.append(-np.inf)
        if len(failures) == len(self.candidates):
            raise failures[0]
        self.best_params_ = self.candidates[int(np.argmax(self.scores_))]
        self.best_estimator_ = self._with(self.best_params_).fit(X, y)
        self.classes_ = self.best_estimator_.classes_
        return self

    @available_if(lambda self: hasattr(getattr(self, "best_estimator_", self.estimator), "predict_proba"))
    def predict_proba(self, X):
        """Probabilities of shape (n, K), columns as in ``classes_``."""
        return self.best_estimator_.predict_proba(X)

    def predict(self, X):
        """The labels that the chosen model predicts, shape (n,)."""
        return self.best_estimator_.predict(X)

    def _with(self, params):
        return clone(self.estimator).set_params(**clone(params, safe=False))

    def _score(self, params, X, y):
        model = self._with(params)
        return float(cross_val_score(model, X, y, cv=self.inner, scoring=_score, n_jobs=1, error_score="raise").mean())


def _score(model, X, y):
    """Minus the log-loss, or the accuracy; a class that the model has not met has the probability 0."""
    if not hasattr(model, "predict_proba"):
        return float(np.mean(np.ravel(model.predict(X)) == y))
    proba = np.asarray(model.predict_proba(X), dtype=np.float64)
    if not np.all(np.isfinite(proba)):
        raise ValueError("predict_proba: expected probabilities, got NaN or infinite values")
    of_label = np.sum(proba * (y[:, None] == model.classes_), axis=1) / proba.sum(axis=1)
    return float(np.log(np.clip(of_label, _EPS, 1)).mean())


def _candidates(estimator, space, n_candidates, seed):
    """The estimator as it is, and others that are drawn; fewer only where the space has fewer."""
    random = np.random.RandomState(seed)
    present = estimator.get_params()
    different = [{name: present.get(name) for name in space}]
    for _ in range(_TRIES * n_candidates):
        if len(different) < n_candidates:
            (drawn,) = ParameterSampler(space, 1, random_state=random)
            different += [drawn] if drawn not in different else []
    return [{}, *different[1:]]
