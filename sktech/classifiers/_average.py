"""From logits, (n, n_classes) of one net or (n_members, n, n_classes) of a committee, to what a classifier answers."""

import math

import torch


def probabilities(logits):
    """Those of the classes, (n, n_classes), averaged over members."""
    if logits.ndim == 2:
        return torch.softmax(logits, dim=-1)
    # In float64, where the place of a row in the batch does not show: vectorised exponentials round by place.
    return torch.softmax(logits.double(), dim=-1).mean(dim=0).to(logits.dtype)


def scores(logits):
    """Logits of one net; of a committee the logarithms of its probabilities."""
    return logits.contiguous() if logits.ndim == 2 else log_probabilities(logits)


def log_probabilities(logits):
    """Of large probabilities as they are rounded; of small ones also where these round to 0."""
    if logits.ndim == 2:
        return torch.log_softmax(logits, dim=-1)
    proba = probabilities(logits).double()
    exact = torch.logsumexp(torch.log_softmax(logits.double(), dim=-1), dim=0) - math.log(len(logits))
    return torch.where(proba > 0.5, proba.log(), exact).to(logits.dtype)
