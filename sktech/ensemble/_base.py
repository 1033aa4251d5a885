"""What ensembles have in common: a fit that succeeds or leaves no trace, and predictions from those of the members."""

from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone, is_clusterer, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing, get_tags
from sklearn.utils.validation import assert_all_finite, check_is_fitted

from sktech._random import spawn_seed
from sktech._undo import all_or_nothing, noting
from sktech._validation import check_choice, check_labels, check_table, check_targets, naming
from sktech.classifiers import NetClassifier
from sktech.classifiers._nets import nets_of
from sktech.classifiers._others import fitted, probabilities
from sktech.ensemble._resampling import copies_of
from sktech.ensemble._vote import vote
from sktech.information import entropy, mutual_information
from sktech.labels import Labels
from sktech.table import is_frame

# What a seed is spawned for; subclasses go on counting.
MEMBERS = 0
# Rows whose predictions by all members are held at the same time.
_CHUNK = 2**14


class Ensemble(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """Classifiers as one. A subclass has ``_fit(X, y, ...)``, ``_member_proba(X)`` and ``predict_proba(X)``."""

    def _fit_all_or_nothing(self, *data):
        """A fit that fails or is interrupted leaves the estimator as it was."""
        self._check_params()
        with all_or_nothing(self):
            self.estimator_ = self._member()
            self._fit(*data)
            return self

    def _check_params(self):
        member = self._member()
        fits = not isinstance(member, type) and hasattr(member, "fit") and hasattr(member, "predict")
        if not fits or is_regressor(member) or is_clusterer(member):
            raise TypeError(f"estimator: expected None or a classifier, got {member!r}")

    def _check_stacked(self):
        check_choice("stacked", self.stacked, [True, False, "auto"])
        if self.stacked is True and not self._is_one_net():
            raise ValueError(
                "stacked: expected 'auto' or False, as only nets of sktech's that see the same columns can be trained "
                "side by side, got True"
            )

    def _member(self):
        """What members are clones of."""
        return NetClassifier(n_members=1) if self.estimator is None else self.estimator

    def _is_one_net(self):
        """Whether members are nets of sktech's that all see the same columns."""
        return isinstance(self._member(), NetClassifier)

    def _are_nets(self):
        """Whether the fitted members are nets of sktech's."""
        return all(isinstance(member, NetClassifier) for member in self.estimators_)

    def _categorical_features(self):
        """Which columns are categories; () lets arrays of objects pass as they are, to members that read them."""
        return getattr(self.estimator_, "categorical_features", ())

    def _copies(self, X, keys, weight):
        """Copies of rows in the order of their content, and what they weigh; see ``copies_of``."""
        named = self._categorical_features()
        return copies_of(X, keys, weight, "from_dtype" if is_frame(X) and isinstance(named, tuple) else named)

    def _table(self, X, *, reset):
        X = check_table(self, X, reset=reset, categorical_features=self._categorical_features())
        if not is_frame(X) and not takes_missing(self.estimator_):
            with naming("X"):
                assert_all_finite(X, input_name="X")  # which a member that draws other rows might not see
        return X

    def _labels(self, X, y):
        """y as labels; nets of sktech's say what else it may be."""
        if isinstance(self.estimator_, NetClassifier):
            return check_targets(self, X, y, unlabeled=self.estimator_._learns_unlabeled())
        return Labels(*check_labels(self, X, y))

    def _certain_labels(self, X, y):
        """Classes, and the number of each row's."""
        classes, codes = check_labels(self, X, y)
        unlabeled = isinstance(self.estimator_, NetClassifier) and self.estimator_._learns_unlabeled()
        if unlabeled and len(classes) > 2 and -1 in classes.tolist():
            raise ValueError("y: expected a label for each row, got -1, which is a row without one")
        return classes, codes

    def _chunks(self, X):
        """Slices of rows and all members' probabilities of them."""
        check_is_fitted(self)
        X = self._table(X, reset=False)
        n = X.shape[0]
        for start in range(0, n, _CHUNK):
            rows = slice(start, start + _CHUNK)
            yield rows, self._member_proba(X if n <= _CHUNK else _safe_indexing(X, rows))

    def predict_log_proba(self, X):
        """Logarithms of the probabilities, in nats.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n, n_classes)
            -inf where a probability is 0.
        """
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        best = self.predict_proba(X).argmax(axis=1)
        return self.classes_[best]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimators_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = takes_missing(self._member())
        return tags


def takes_missing(member):
    """Whether missing numbers are left to a classifier: it says so, or it holds a pipeline, which may fill them in and
    does not say."""
    parts = (member, *member.get_params().values())
    return get_tags(member).input_tags.allow_nan or any(isinstance(part, Pipeline) for part in parts)


def fitted_member(name, *args, **kwargs):
    """A fitted classifier with all its random states set; see ``fitted``."""
    with noting(f"while fitting {name}"):
        return fitted(*args, every_state=True, **kwargs)


def asked_member(name, *args):
    """A member's probabilities (n, n_classes), not normalised; see ``probabilities``."""
    with noting(f"while asking {name}"):
        return probabilities(*args)


class Uncertainty(NamedTuple):
    """What members do not know about rows, in nats; ``total`` is the sum of the other two.

    Attributes
    ----------
    total : ndarray of shape (n,)
        Entropy of the mean of the members' probabilities.
    expected : ndarray of shape (n,)
        Mean of the entropies of the members' probabilities: what they agree not to know.
    mutual_information : ndarray of shape (n,)
        Between the class and the member that is asked: how far members disagree. At least 0, and 0 only where all say
        the same.
    """

    total: np.ndarray
    expected: np.ndarray
    mutual_information: np.ndarray


class VotingEnsemble(Ensemble):
    """Members that know the same classes and vote with ``member_weights_``; their seeds come from ``_seed``."""

    voting = "soft"

    def _new_nets(self, numbers):
        """Members of these numbers, not fitted yet."""
        return [clone(self._member()).set_params(random_state=self._member_seed(k)) for k in numbers]

    def _name(self, k):
        return f"member {k + 1} of {self.n_estimators}"

    def _member_seed(self, k):
        return spawn_seed(self._seed, MEMBERS, k)

    def _nets(self):
        check_is_fitted(self)
        if self.voting != "soft":
            raise TypeError("voting: expected 'soft' votes, which change with the inputs by and by, got 'hard'")
        columns = getattr(self, "estimators_features_", None)
        return nets_of(self.estimators_, self.member_weights_ / self.member_weights_.sum(), columns)

    def predict_proba(self, X):
        """Shares of the votes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``.
        """
        return np.concatenate([vote(proba, self.member_weights_, self.voting) for _, proba in self._chunks(X)])

    def uncertainty(self, X):
        """How uncertain the prediction of each row is, and how much of that is disagreement among the members.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        uncertainty : Uncertainty
            ``total``, ``expected`` and ``mutual_information``, each of shape (n,), in nats; members count as their
            votes do.
        """
        parts = [_uncertainty(proba, self.member_weights_) for _, proba in self._chunks(X)]
        return Uncertainty(*map(np.concatenate, zip(*parts, strict=True)))

    def disagreement(self, X):
        """How far the members disagree about each row: the mutual information of class and member.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        disagreement : ndarray of shape (n,)
            In nats; see :meth:`uncertainty`.
        """
        return self.uncertainty(X).mutual_information


def _uncertainty(proba, weights):
    """Parts of the uncertainty of rows, given probabilities (n_members, n, n_classes)."""
    total = entropy(np.einsum("k,knc->nc", weights, proba))
    between = np.maximum(mutual_information((weights[:, None, None] * proba).transpose(1, 0, 2)), 0)
    return total, total - between, between
