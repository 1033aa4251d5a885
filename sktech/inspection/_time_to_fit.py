"""How long a classifier trains until it has its training rows right."""

from copy import copy

import numpy as np
from sklearn.pipeline import Pipeline
from skorch.callbacks import Callback

from sktech.classifiers import NetClassifier


def fit_timed(estimator, X, y, threshold):
    """Fits a classifier, and says after how many epochs, and steps, its accuracy on the training rows was enough.

    Parameters
    ----------
    estimator : classifier
        Not fitted; a net of sktech's, or one with ``staged_predict``, alone or as the last step of a Pipeline, for
        something to be known.
    X : data frame or ndarray of shape (n, n_features)
    y : ndarray of shape (n,)
    threshold : float
        The accuracy that is enough.

    Returns
    -------
    epochs, steps : float
        infinity if it never was; NaN if that is not known. A stage of boosting is one step and one epoch.
    """
    last = estimator.steps[-1][1] if isinstance(estimator, Pipeline) else estimator

    def inputs():  # of the last step, once those before it are fitted
        return estimator[:-1].transform(X) if last is not estimator and len(estimator) > 1 else X

    if isinstance(last, NetClassifier):
        watch = _Accuracies(last, inputs, y, threshold)
        before = last.callbacks
        last.callbacks = [*(before or []), watch]
        try:
            estimator.fit(X, y)
        finally:
            last.callbacks = before
        return watch.epochs, watch.steps
    estimator.fit(X, y)
    if not hasattr(last, "staged_predict"):
        return np.nan, np.nan
    accuracies = (np.mean(labels == y) for labels in last.staged_predict(inputs()))
    stages = next((k for k, accuracy in enumerate(accuracies, 1) if accuracy >= threshold), np.inf)
    return float(stages), float(stages)


class _Accuracies(Callback):
    """Looks at the accuracy after each epoch, until it is enough."""

    def __init__(self, estimator, inputs, y, threshold):
        self.estimator = estimator
        self.inputs = inputs
        self.y = y
        self.threshold = threshold
        self.epochs = self.steps = np.inf

    def on_train_begin(self, net, **kwargs):
        self.X = self.inputs()

    def on_epoch_end(self, net, **kwargs):
        if np.isfinite(self.epochs):
            return
        now = copy(self.estimator)
        now.net_ = net
        if np.mean(now.predict(self.X) == self.y) >= self.threshold:
            self.epochs = float(len(net.history))
            self.steps = float(sum(net.history[:, "train_batch_count"]))
