"""DisturbLabel: now and then a random label, in each step anew."""

from functools import partial

import torch

from sktech._streams import draw
from sktech._validation import check_number
from sktech.losses import negative_log_likelihood
from sktech.smoothing.term import SmoothingTerm
from sktech.training import Objective


class DisturbLabel(SmoothingTerm):
    """In each step each row's label is replaced, with probability ``rate``, by one drawn from all classes alike.

    The drawn class may be the true one, which keeps a probability of 1 - rate (K - 1) / K for K classes. In expectation
    the loss is that of :class:`LabelSmoothing` with the same amount.

    Parameters
    ----------
    rate : float, default=0.1
        alpha of the paper, in [0, 1).

    References
    ----------
    L. Xie, J. Wang, Z. Wei, M. Wang and Q. Tian, "DisturbLabel: Regularizing CNN on the Loss Layer", CVPR 2016,
    equation 2, https://arxiv.org/abs/1605.00055

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import DisturbLabel
    >>> X, y = load_iris(return_X_y=True)
    >>> SmoothedNetClassifier(DisturbLabel(rate=0.2), random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(self, rate=0.1):
        self.rate = rate

    def check(self):
        check_number("rate", self.rate, float, 0, 1, open_high=True)

    def make(self, table):
        return _DisturbLabel(self.rate)


class _DisturbLabel(Objective):
    def __init__(self, rate):
        super().__init__()
        self.rate = rate

    def rows(self, forward, batch):
        log_proba = forward.log_proba(batch.X)
        *rows, n_classes = log_proba.shape
        drawn = draw(partial(torch.randint, n_classes), rows, log_proba.device)
        disturbed = draw(torch.rand, rows, log_proba.device) < self.rate
        return disturbed * (negative_log_likelihood(log_proba, drawn) - forward.label_loss(batch))
