"""Confidence penalty: predictions of low entropy cost something."""

import math

import torch

from sktech._validation import check_choice, check_number
from sktech.losses import entropy
from sktech.smoothing.term import SmoothingTerm
from sktech.training import Objective

# Factor of the strength by the progress of the training in [0, 1): weak early, strong late.
_SCHEDULES = {
    None: lambda progress: 1.0,
    "linear": lambda progress: progress,
    "cosine": lambda progress: (1 - math.cos(math.pi * progress)) / 2,
}


class ConfidencePenalty(SmoothingTerm):
    """Adds -strength H(p) to the loss, or strength max(0, threshold - H(p)) with a threshold.

    As -H(p) = KL(p || u) - log n_classes, it is the reverse divergence from the uniform distribution, where
    :class:`LabelSmoothing` has the forward one. It looks at no label: class weights do not weigh it.

    Parameters
    ----------
    strength : float, default=0.1
        beta of the paper, at least 0.
    threshold : float, default=None
        Gamma of the paper, in nats: predictions of at least this entropy cost nothing. None penalises all.
    anneal : None, "linear", "cosine" or callable, default=None
        How the strength grows while the net trains: a callable maps the progress in [0, 1) to a factor; "linear" is the
        progress itself, "cosine" half a cosine wave. None is the full strength throughout.

    Notes
    -----
    Departures from the paper: the threshold is a hinge *penalty*, with the sign that makes low entropy cost; and the
    annealed strength follows the progress of the training, as the paper does not say how it grows.

    References
    ----------
    G. Pereyra, G. Tucker, J. Chorowski, L. Kaiser and G. Hinton, "Regularizing Neural Networks by Penalizing Confident
    Output Distributions", 2017, section 3, https://arxiv.org/abs/1701.06548

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import ConfidencePenalty
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedNetClassifier(ConfidencePenalty(strength=1.0), random_state=0).fit(X, y)
    >>> bool(clf.predict_proba(X).max() < 0.9)
    True
    """

    def __init__(self, strength=0.1, threshold=None, anneal=None):
        self.strength = strength
        self.threshold = threshold
        self.anneal = anneal

    def check(self):
        check_number("strength", self.strength, float, 0, math.inf, open_high=True)
        if self.threshold is not None:
            check_number("threshold", self.threshold, float, 0, math.inf, open_high=True)
        if not callable(self.anneal):
            check_choice("anneal", self.anneal, list(_SCHEDULES))

    def make(self, table):
        schedule = self.anneal if callable(self.anneal) else _SCHEDULES[self.anneal]
        return _ConfidencePenalty(self.strength, self.threshold, schedule)


class _ConfidencePenalty(Objective):
    def __init__(self, strength, threshold, schedule):
        super().__init__()
        self.strength = strength
        self.threshold = threshold
        self.schedule = schedule

    def penalty(self, forward, batch):
        strength, spread = self.strength * self.schedule(batch.progress), entropy(forward.log_proba(batch.X))
        if self.threshold is None:
            return -strength * batch.mean(spread)
        return strength * batch.mean(torch.relu(self.threshold - spread))
