"""A thin coat over a library that almost has scikit-learn's manners."""

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone


class TextCategories(ClassifierMixin, BaseEstimator):
    """A classifier that must be told its category columns and knows no missing category (CatBoost) takes a tidy frame.

    Parameters
    ----------
    estimator : classifier with ``fit(X, y, cat_features=names)``
        It is cloned and fitted to a frame where a missing category is the text "(missing)".

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    estimator_ : classifier
        The fitted clone.
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        """Fit a clone of the estimator, with the columns of dtype category as ``cat_features``."""
        categories = list(X.columns[X.dtypes == "category"])
        self.estimator_ = clone(self.estimator).fit(_with_texts(X), y, cat_features=categories)
        self.classes_ = np.asarray(self.estimator_.classes_)
        return self

    def predict_proba(self, X):
        """Probabilities of shape (n, K), columns as in ``classes_``."""
        return self.estimator_.predict_proba(_with_texts(X))

    def predict(self, X):
        """The most probable labels, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def _with_texts(X):
    texts = {
        name: column.astype(object).where(column.notna(), "(missing)")
        for name, column in X.items()
        if column.dtype == "category"
    }
    return X.assign(**texts)
