"""Whether attributions tell two classes apart: how far the odds turn when what speaks for one of them is deleted."""

import numpy as np
from sklearn.utils.validation import check_is_fitted

from sktech._validation import check_number
from sktech.inspection._answers import label_numbers
from sktech.inspection._deleted import Deletion, responses

# The logarithm of a probability that is 0.
LEAST_LOG = np.log(1e-15)


def class_flip_score(estimator, X, attribution, origin, target, *, baseline=None, max_share=0.2, random_state=None):
    """How far the odds turn from one class to another when the columns that speak for the first are deleted.

    In each row those columns are deleted that have the largest positive attribution to the class ``origin`` beyond that
    to ``target``, up to a fifth of all. The more the log-odds of the target against the origin rise, the better the
    attributions have told the two apart. On images of digits this is the test by which DeepLIFT was introduced. ::

        apart = integrated_gradients(clf, X, target=8).values - integrated_gradients(clf, X, target=3).values
        class_flip_score(clf, X, apart, origin=8, target=3).mean()  # in nats

    Parameters
    ----------
    estimator : classifier
        Fitted; any with ``predict_proba`` or ``decision_function``.
    X : data frame or array-like of shape (n, n_features)
    attribution : array-like of shape (n, n_features) or "random"
        What the columns give to the origin beyond what they give to the target: the difference of the two attributions.
        Columns without a positive value stay. "random" deletes as many as allowed.
    origin, target : label or array-like of shape (n,)
        The classes o and t, of all rows or of each.
    baseline : array-like of shape (n_features,), or table of one row or of n rows, default=None
        As for :func:`deletion_score`.
    max_share : float, default=0.2
        Of the columns, rounded down, but at least one.
    random_state : int, RandomState instance or None, default=None
        Of the order of columns with equal values.

    Returns
    -------
    increase : ndarray of shape (n,)
        Of log p_t - log p_o, in nats. For a classifier without probabilities it is the increase of the target's score
        beyond that of the origin; for two classes that of the decision function, in the target's direction.

    Raises
    ------
    TypeError
        If the estimator has neither method.
    ValueError
        If the attribution or the baseline does not fit X, or a label is no class.

    Notes
    -----
    A probability of 0 counts as one of 1e-15. The paper erases up to 157 of 784 pixels, which are set to zero.

    References
    ----------
    Shrikumar, Greenside, Kundaje (2017). Learning Important Features Through Propagating Activation Differences,
    section 4.1. https://arxiv.org/abs/1704.02685

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktech.inspection import class_flip_score
    >>> X, y = load_digits(return_X_y=True)
    >>> clf = LogisticRegression(max_iter=5000).fit(X, y)
    >>> eights = X[y == 8]
    >>> apart = (clf.coef_[8] - clf.coef_[3]) * eights
    >>> exact = class_flip_score(clf, eights, apart, 8, 3, baseline=[0] * 64)
    >>> bool(exact.mean() > class_flip_score(clf, eights, "random", 8, 3, baseline=[0] * 64, random_state=0).mean())
    True
    """
    check_is_fitted(estimator)
    check_number("max_share", max_share, float, 0, 1, open_low=True)
    deletion = Deletion(X, attribution, baseline, random_state)
    n, n_features = deletion.shape
    o, t = (
        label_numbers(name, label, estimator.classes_, n) for name, label in (("origin", origin), ("target", target))
    )
    allowed = np.minimum(deletion.n_positive, max(int(max_share * n_features), 1))
    before, after = (_logarithms(estimator, table) for table in (deletion.X, deletion.table(allowed)))
    increase = after - before
    return increase[np.arange(n), t] - increase[np.arange(n), o]


def _logarithms(estimator, X):
    """Of the probabilities of the classes, but for a number of each row; or scores, (n, n_classes)."""
    if not hasattr(estimator, "predict_log_proba") and not hasattr(estimator, "predict_proba"):
        scores = responses(estimator, X, "decision_function")
        return scores / 2 if scores.shape[1] == 2 else scores
    with np.errstate(divide="ignore"):
        if hasattr(estimator, "predict_log_proba"):  # that of nets is exact
            logarithms = estimator.predict_log_proba(X)
        else:
            logarithms = np.log(estimator.predict_proba(X))
    return np.where(np.isneginf(logarithms), LEAST_LOG, logarithms)
