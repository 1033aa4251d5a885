"""Virtual adversarial training: predictions shall not change where a small step would change them most."""

import math
from functools import partial

import torch

from sktech._streams import draw
from sktech._validation import check_number
from sktech.losses import kl_divergence
from sktech.smoothing.term import SmoothingTerm
from sktech.training import Objective

# Length of the step that finds the direction, over sqrt(n_inputs): smaller ones drown in float32's rounding.
_PROBE = 1e-2


class VirtualAdversarial(SmoothingTerm):
    """Adds strength KL(p(x) || p(x + r)), where r is the step of a given length that changes the prediction most.

    It asks for no label, so that rows without one (label -1) are used too: the net learns not to cut through where rows
    lie densely.

    Parameters
    ----------
    radius : float, default=0.1
        Length of r over the square root of the number of inputs it may change; epsilon of the paper is radius *
        sqrt(n_inputs). Numbers are scaled to about [-3, 3].
    strength : float, default=1.0
        alpha of the paper, at least 0.
    n_power_iterations : int, default=1
        Steps that look for the direction of r.

    Notes
    -----
    Departures from the paper, each for tables: the radius grows with the number of inputs, so that one value serves
    tables of any width; categories that are looked up in an embedding are not moved; the step that finds the direction
    is longer than the paper's 1e-6, which float32 cannot resolve. p(x) is a constant in the divergence, and the other
    passes leave BatchNorm alone and repeat the dropout of the first, as in the authors' code.

    References
    ----------
    T. Miyato, S. Maeda, M. Koyama and S. Ishii, "Virtual Adversarial Training: A Regularization Method for Supervised
    and Semi-Supervised Learning", 2017, equations 5 to 8 and algorithm 1, https://arxiv.org/abs/1704.03976

    Examples
    --------
    >>> from sklearn.datasets import make_moons
    >>> from sktech import SmoothedNetClassifier
    >>> from sktech.smoothing import VirtualAdversarial
    >>> X, y = make_moons(200, noise=0.1, random_state=0)
    >>> y[20:] = -1  # no label
    >>> clf = SmoothedNetClassifier(VirtualAdversarial(), random_state=0).fit(X, y)
    >>> clf.classes_.tolist()
    [0, 1]
    """

    uses_unlabeled = True

    def __init__(self, radius=0.1, strength=1.0, n_power_iterations=1):
        self.radius = radius
        self.strength = strength
        self.n_power_iterations = n_power_iterations

    def check(self):
        check_number("radius", self.radius, float, 0, math.inf, open_low=True, open_high=True)
        check_number("strength", self.strength, float, 0, math.inf, open_high=True)
        check_number("n_power_iterations", self.n_power_iterations, int, 1)

    def make(self, table):
        return _VirtualAdversarial(self.radius, self.strength, self.n_power_iterations, table.n_codes)


class _VirtualAdversarial(Objective):
    def __init__(self, radius, strength, n_power_iterations, n_codes):
        super().__init__()
        self.radius = radius
        self.strength = strength
        self.n_power_iterations = n_power_iterations
        self.n_codes = n_codes

    def penalty(self, forward, batch):
        log_proba = forward.log_proba(batch.X).detach()
        # Where members share their rows, each has its own worst step.
        X = batch.X.expand(*log_proba.shape[:-1], batch.X.shape[-1])
        n_moved = X.shape[-1] - self.n_codes
        if n_moved == 0:
            return log_proba.new_zeros(log_proba.shape[:-2])
        elsewhere = forward.at({})

        def divergence(step):
            moved = torch.cat([X[..., :n_moved] + step, X[..., n_moved:]], dim=-1) if self.n_codes else X + step
            return kl_divergence(log_proba, elsewhere.log_proba(moved))

        direction = _unit(draw(partial(torch.randn, dtype=X.dtype), (*X.shape[:-1], n_moved), X.device))
        for _ in range(self.n_power_iterations):
            step = (_PROBE * math.sqrt(n_moved) * direction).requires_grad_()
            direction = _unit(torch.autograd.grad(divergence(step).sum(), step)[0])
        return self.strength * batch.mean(divergence(self.radius * math.sqrt(n_moved) * direction))


def _unit(steps):
    """Steps of length 1, or 0 where there is no direction."""
    length = steps.abs().amax(-1, keepdim=True)  # before squares, which vanish in float32
    steps = steps / length.clamp(min=torch.finfo(steps.dtype).tiny)
    return steps / steps.norm(dim=-1, keepdim=True).clamp(min=0.5)
