"""Label smoothing: a little of each label's certainty is given to the other classes."""

import numpy as np
import torch

from sktech._validation import check_number
from sktech.losses import soft_cross_entropy
from sktech.smoothing.term import SmoothingTerm
from sktech.training import Objective


class LabelSmoothing(SmoothingTerm):
    """The target is (1 - amount) t + amount u instead of the label t, with a prior u over the classes.

    Its loss is (1 - amount) CE(t, p) + amount (KL(u || p) + H(u)): the forward divergence from the prior, where
    :class:`ConfidencePenalty` has the reverse one.

    Parameters
    ----------
    amount : float, default=0.1
        epsilon of the paper, in [0, 1).
    prior : "uniform", "unigram" or array-like of shape (n_classes,), default="uniform"
        u: all classes alike, their shares among the training labels, or numbers in the order of ``classes_`` that are
        scaled to sum 1.

    References
    ----------
    C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception Architecture for Computer
    Vision", CVPR 2016, section 7, https://arxiv.org/abs/1512.00567; unigram: G. Pereyra et al., 2017,
    https://arxiv.org/abs/1701.06548

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import LabelSmoothing
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = SmoothedNetClassifier(LabelSmoothing(amount=0.5), random_state=0).fit(X, y)
    >>> bool(clf.predict_proba(X).max() < 0.9)
    True
    """

    def __init__(self, amount=0.1, prior="uniform"):
        self.amount = amount
        self.prior = prior

    def check(self):
        check_number("amount", self.amount, float, 0, 1, open_high=True)
        if isinstance(self.prior, str):
            if self.prior not in ("uniform", "unigram"):
                raise ValueError(f"prior: expected 'uniform', 'unigram' or numbers, got {self.prior!r}")
            return
        prior = np.asarray(self.prior)
        if prior.ndim != 1 or prior.dtype.kind not in "iuf" or not (prior >= 0).all() or not 0 < prior.sum() < np.inf:
            raise ValueError(f"prior: expected numbers of at least 0, one per class, not all 0, got {self.prior!r}")

    def make(self, table):
        if isinstance(self.prior, str):
            prior = table.class_shares if self.prior == "unigram" else np.ones(table.class_shares.shape[-1])
        else:
            prior = np.asarray(self.prior, dtype=np.float64)
            n_classes = table.class_shares.shape[-1]
            if len(prior) != n_classes:
                raise ValueError(f"prior: expected one number for each of {n_classes} classes, got {len(prior)}")
        prior = prior[..., table.trained]
        if not prior.any():
            raise ValueError("prior: expected a positive number for a class whose rows have weight, got zeros only")
        return _LabelSmoothing(self.amount, torch.from_numpy(prior / prior.sum(axis=-1, keepdims=True)))


class _LabelSmoothing(Objective):
    def __init__(self, amount, prior):
        super().__init__()
        self.amount = amount
        self.register_buffer("prior", prior)

    def rows(self, forward, batch):
        log_proba = forward.log_proba(batch.X)
        prior = self.prior.to(log_proba.dtype)
        return self.amount * (soft_cross_entropy(log_proba, prior) - forward.label_loss(batch))
