"""What techniques that wrap a net have in common: they train it otherwise, and it predicts by its own means."""

from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.utils.validation import check_is_fitted

from sktech._random import draw_seed, spawn_seed
from sktech._undo import all_or_nothing
from sktech.classifiers.net import NetClassifier

# What a seed is spawned for; subclasses go on counting.
NET = 0


class NetWrapper(MetaEstimatorMixin, ClassifierMixin, BaseEstimator):
    """A net of sktech's, trained otherwise. A subclass has ``_fit_net(net, seed, X, y, ...)``, which fits the net."""

    def _check_params(self):
        net = self._net()
        if not isinstance(net, NetClassifier):
            raise TypeError(
                f"estimator: expected None or a net of sktech's, such as NetClassifier(), got {self.estimator!r}"
            )
        if net._draws_its_own_rows:
            raise TypeError(
                f"estimator: expected a net that leaves to others which rows are in a step, got {type(net).__name__}"
            )
        net._check_params()

    def _net(self):
        """What the net is a clone of."""
        return NetClassifier() if self.estimator is None else self.estimator

    def _fit_all_or_nothing(self, *data):
        """A fit that fails or is interrupted leaves the estimator as it was."""
        self._check_params()
        seed, net = draw_seed(self.random_state), clone(self._net())
        if net.random_state is None:
            net.random_state = spawn_seed(seed, NET)
        with all_or_nothing(self):
            self._fit_net(net, seed, *data)
            for name in ("classes_", "n_features_in_", "feature_names_in_"):
                vars(self).pop(name, None)
                if hasattr(net, name):
                    setattr(self, name, getattr(net, name))
            self.estimator_ = net
            return self

    def _fitted(self):
        check_is_fitted(self)
        return self.estimator_

    def _nets(self):
        return self._fitted()._nets()

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``; 0 for a class that had no weight.
        """
        return self._fitted().predict_proba(X)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities, in nats.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n, n_classes)
            -inf for a class that had no weight.
        """
        return self._fitted().predict_log_proba(X)

    def decision_function(self, X):
        """Logits, or their difference for two classes; see :meth:`NetClassifier.decision_function`.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        score : ndarray of shape (n, n_classes), or (n,) for two classes
        """
        return self._fitted().decision_function(X)

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        return self._fitted().predict(X)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "estimator_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags
