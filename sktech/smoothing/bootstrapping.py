"""Bootstrapping: the net's own prediction is part of its target, against wrong labels."""

from sktech._validation import check_choice, check_number
from sktech.losses import entropy
from sktech.smoothing.term import SmoothingTerm
from sktech.training import Objective


class Bootstrapping(SmoothingTerm):
    """The target is beta t + (1 - beta) p instead of the label t; hard: beta t + (1 - beta) onehot(argmax p).

    A net that contradicts a label is believed a little, so that wrong labels are followed less.

    Parameters
    ----------
    beta : float, default=None
        Share of the label, in (0, 1]. None is the paper's: 0.95, and 0.8 if ``hard``.
    hard : bool, default=False
        Whether the predicted class stands for the prediction.

    Notes
    -----
    In the soft form the gradient flows through the prediction in the target, too: the loss is beta CE(t, p) +
    (1 - beta) H(p). Were it held constant, the gradient would be beta times that of the plain loss, and nothing gained.

    References
    ----------
    S. Reed, H. Lee, D. Anguelov, C. Szegedy, D. Erhan and A. Rabinovich, "Training Deep Neural Networks on Noisy Labels
    with Bootstrapping", 2014, equations 6 and 7, https://arxiv.org/abs/1412.6596

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import Bootstrapping
    >>> X, y = load_iris(return_X_y=True)
    >>> SmoothedNetClassifier(Bootstrapping(hard=True), random_state=0).fit(X, y).score(X, y) > 0.9
    True
    """

    def __init__(self, beta=None, hard=False):
        self.beta = beta
        self.hard = hard

    def check(self):
        if self.beta is not None:
            check_number("beta", self.beta, float, 0, 1, open_low=True)
        check_choice("hard", self.hard, [True, False])

    def make(self, table):
        default = 0.8 if self.hard else 0.95
        return _Bootstrapping(default if self.beta is None else self.beta, self.hard)


class _Bootstrapping(Objective):
    def __init__(self, beta, hard):
        super().__init__()
        self.beta = beta
        self.hard = hard

    def rows(self, forward, batch):
        log_proba = forward.log_proba(batch.X)
        own = -log_proba.amax(-1) if self.hard else entropy(log_proba)
        return (1 - self.beta) * (own - forward.label_loss(batch))
