"""Losses and divergences from log-probabilities: pure functions, one value per row, nothing averaged over rows.

All of them take tensors whose last axis holds the classes and whose axis before it holds the rows; leading axes, such
as that of a committee's members, come through. Values are nats. Log-probabilities are finite, as those of a softmax
are, and nothing is checked: for any distributions, with zeros, and for numpy, see :mod:`sktech.information`.
"""

import torch
import torch.nn.functional as F

__all__ = ["agreement", "cross_entropy", "entropy", "kl_divergence", "negative_log_likelihood", "soft_cross_entropy"]


def cross_entropy(logits, target):
    """Cross-entropy of each row with certain labels.

    Parameters
    ----------
    logits : Tensor of shape (..., n, n_classes)
    target : Tensor of shape (n,) or (..., n), int64
        Class numbers; without a member axis they are the same for all members.

    Returns
    -------
    loss : Tensor of shape (..., n)
    """
    return negative_log_likelihood(torch.log_softmax(logits, dim=-1), target)


def negative_log_likelihood(log_proba, target):
    """Minus the log-probability of each row's label.

    Parameters
    ----------
    log_proba : Tensor of shape (..., n, n_classes)
    target : Tensor of shape (n,) or (..., n), int64

    Returns
    -------
    loss : Tensor of shape (..., n)
    """
    if log_proba.ndim == 2:
        return F.nll_loss(log_proba, target, reduction="none")
    target = target.expand(log_proba.shape[:-1])
    return F.nll_loss(log_proba.flatten(0, -2), target.flatten(), reduction="none").view(target.shape)


def soft_cross_entropy(log_proba, target):
    """Cross-entropy of each row with probabilities as labels.

    Parameters
    ----------
    log_proba : Tensor of shape (..., n, n_classes)
    target : Tensor of shape (n_classes,), (n, n_classes) or (..., n, n_classes)
        Probabilities.

    Returns
    -------
    loss : Tensor of shape (..., n)
    """
    return -(log_proba @ target if target.ndim == 1 else (log_proba * target).sum(-1))


def entropy(log_proba):
    """Entropy of each row's probabilities.

    Parameters
    ----------
    log_proba : Tensor of shape (..., n, n_classes)

    Returns
    -------
    entropy : Tensor of shape (..., n)
    """
    return -(log_proba.exp() * log_proba).sum(-1)


def kl_divergence(log_p, log_q):
    """KL(p || q) of each row: how many nats are lost by taking q for the true p.

    Parameters
    ----------
    log_p : Tensor of shape (..., n, n_classes)
    log_q : Tensor of shape (..., n, n_classes)

    Returns
    -------
    divergence : Tensor of shape (..., n)
    """
    return (log_p.exp() * (log_p - log_q)).sum(-1)


def agreement(log_proba, log_other):
    """How far two models agree about each row,

        A = -log(q (1 - p) + (1 - q) p),

    where q is the other model's probability of its most probable class and p this model's probability of that class. 0
    only where both are certain and opposite; where one has p or q = 1/2, it is log 2 whatever the other says.

    Parameters
    ----------
    log_proba : Tensor of shape (..., n, n_classes)
        At least two classes.
    log_other : Tensor of shape (..., n, n_classes)
        The shapes may be any that broadcast.

    Returns
    -------
    agreement : Tensor of shape (..., n)

    Notes
    -----
    With two classes it is symmetric. It is computed from logarithms, where the reference code adds 1e-7 to the argument
    of the logarithm: so it is exact, and has a slope, also where both models are certain of the same.

    References
    ----------
    M. Pagliardini, M. Jaggi, F. Fleuret and S. P. Karimireddy, "Agree to Disagree: Diversity through Disagreement for
    Better Transferability", ICLR 2023, equation 2, https://arxiv.org/abs/2202.04414
    """
    log_proba, log_other = torch.broadcast_tensors(log_proba, log_other)
    favourite = log_other.argmax(dim=-1, keepdim=True)
    (p, not_p), (q, not_q) = (_log_odds_parts(log, favourite) for log in (log_proba, log_other))
    return -torch.logaddexp(q + not_p, not_q + p)


def _log_odds_parts(log_proba, which):
    """Logarithms of the probability of one class, (..., n), and of all others together."""
    others = log_proba.scatter(-1, which, -torch.inf)
    return log_proba.gather(-1, which).squeeze(-1), torch.logsumexp(others, dim=-1)
