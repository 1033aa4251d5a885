"""A thin coat over classifiers that almost have scikit-learn's manners."""

from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.preprocessing import LabelEncoder


class IntegerLabels(ClassifierMixin, BaseEstimator):
    """A classifier that wants the labels 0, 1, ..., K - 1 (XGBoost) takes any labels.

    Parameters
    ----------
    estimator : classifier with ``predict_proba``
        It is cloned and fitted to label numbers.

    Attributes
    ----------
    classes_ : ndarray of shape (K,)
        The labels.
    estimator_ : classifier
        The fitted clone.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sktech._integer_labels import IntegerLabels
    >>> model = IntegerLabels(GaussianNB()).fit([[0.0], [0.1], [1.0], [1.1]], ["no", "no", "yes", "yes"])
    >>> model.predict([[0.9]]).tolist()
    ['yes']
    """

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y, **params):
        """Fit a clone of the estimator to the label numbers of y."""
        encoder = LabelEncoder().fit(y)
        self.classes_ = encoder.classes_
        self.estimator_ = clone(self.estimator).fit(X, encoder.transform(y), **params)
        return self

    def predict_proba(self, X):
        """Probabilities of shape (n, K), columns as in ``classes_``."""
        return self.estimator_.predict_proba(X)

    def predict(self, X):
        """The most probable labels, shape (n,)."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]
