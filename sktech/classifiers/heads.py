"""Last layers made anew for features that stay as they are: pure functions of features, labels and weights.

A linear head gives the logits ``features @ weight.T + bias``. All tensors are float64, of one net. Weights of rows say
how much each counts, as copies of it would.
"""

import numpy as np
import torch
from scipy.optimize import minimize_scalar

from sktech.losses import cross_entropy, negative_log_likelihood

__all__ = ["logit_temperature", "nearest_mean_head", "retrained_head", "row_scales", "tau_normalized"]

# How large logits may become, as a root mean square around their mean over the classes; its inverse is how small.
_LARGEST = 64.0


def tau_normalized(weight, tau):
    """The rows of a head divided by their norms to the power tau, w_j / ||w_j||^tau.

    Parameters
    ----------
    weight : Tensor of shape (..., n_classes, n_features)
    tau : float
        0 leaves them as they are, 1 gives all rows the norm 1.

    Returns
    -------
    weight : Tensor of shape (..., n_classes, n_features)
        A row of zeros stays one.

    References
    ----------
    B. Kang et al., "Decoupling Representation and Classifier for Long-Tailed Recognition", ICLR 2020, section 4,
    https://arxiv.org/abs/1910.09217

    Examples
    --------
    >>> import torch
    >>> from sktech.classifiers.heads import tau_normalized
    >>> tau_normalized(torch.tensor([[3.0, 4.0], [0.0, 2.0]]), 1.0).norm(dim=-1).tolist()
    [1.0, 1.0]
    """
    norms = weight.norm(dim=-1, keepdim=True)
    return weight / torch.where(norms > 0, norms, 1.0) ** tau


def nearest_mean_head(features, labels, row_weight, n_classes):
    """The head whose most probable class is that with the nearest mean: 2 mu_j f - ||mu_j||^2 is -||f - mu_j||^2 up to
    what all classes share.

    Parameters
    ----------
    features : Tensor of shape (n, n_features)
    labels : Tensor of shape (n,), int64
        Class numbers; of each class some row has weight.
    row_weight : Tensor of shape (n,)
    n_classes : int

    Returns
    -------
    weight : Tensor of shape (n_classes, n_features)
    bias : Tensor of shape (n_classes,)
    """
    of_class = torch.nn.functional.one_hot(labels, n_classes) * row_weight[:, None]
    means = (of_class / of_class.sum(dim=0)).mT @ features
    return 2 * means, -means.square().sum(dim=-1)


def retrained_head(features, labels, row_weight, n_classes, ridge):
    """The head that minimises the weighted log-loss and a ridge: multinomial logistic regression.

    Minimises sum(row_weight * loss) + ridge / 2 * ||weight||^2 for features that are centred, and scaled to a root mean
    square of 1 all together; the bias is free.

    Parameters
    ----------
    features : Tensor of shape (n, n_features)
    labels : Tensor of shape (n,), int64
    row_weight : Tensor of shape (n,)
        With sum 1.
    n_classes : int
    ridge : float
        Positive.

    Returns
    -------
    weight : Tensor of shape (n_classes, n_features)
    bias : Tensor of shape (n_classes,)
    """
    centre = row_weight @ features
    features = features - centre
    scale = (row_weight @ features.square()).mean().sqrt()
    scale = torch.where(scale > 0, scale, 1.0)
    features = features / scale

    def loss(weight, bias):
        rows = cross_entropy(features @ weight.mT + bias, labels)
        return row_weight @ rows + ridge / 2 * weight.square().sum()

    weight, bias = _minimum(loss, features.new_zeros(n_classes, features.shape[1]), features.new_zeros(n_classes))
    weight = weight / scale
    return weight, bias - bias.mean() - weight @ centre


def row_scales(features, labels, row_weight, weight, ridge):
    """A factor f_j for each row of a head, so that f_j w_j minimises the weighted log-loss and ridge / 2 * sum((f_j -
    1)^2); there is no bias.

    Parameters
    ----------
    features : Tensor of shape (n, n_features)
    labels : Tensor of shape (n,), int64
    row_weight : Tensor of shape (n,)
        With sum 1.
    weight : Tensor of shape (n_classes, n_features)
    ridge : float

    Returns
    -------
    scales : Tensor of shape (n_classes,)
    """
    logits = features @ weight.mT

    def loss(scales):
        return row_weight @ cross_entropy(scales * logits, labels) + ridge / 2 * (scales - 1).square().sum()

    return _minimum(loss, logits.new_ones(len(weight)))[0]


def logit_temperature(logits, labels, row_weight):
    """The factor of all logits that minimises the weighted log-loss, and that log-loss.

    Where all rows are predicted rightly, no factor would be too large. So among the n rows one more is counted, of
    average weight, that could be of any class: the labels are smoothed by 1 / (n + 1).

    Parameters
    ----------
    logits : Tensor of shape (n, n_classes)
    labels : Tensor of shape (n,), int64
    row_weight : Tensor of shape (n,)
        With sum 1.

    Returns
    -------
    factor : float
        Positive: the inverse of what is called the temperature. Logits keep a root mean square, around their mean over
        the classes, between 1 / 64 and 64.
    loss : float
        In nats, with the smoothed labels.
    """
    spread = (row_weight @ (logits - logits.mean(dim=1, keepdim=True)).square()).mean().sqrt().item()
    logits = logits / spread if spread > 0 else logits
    any_class = 1 / (len(labels) + 1)

    def loss(log_factor):
        log_proba = torch.log_softmax(logits * np.exp(log_factor), dim=1)
        rows = (1 - any_class) * negative_log_likelihood(log_proba, labels) - any_class * log_proba.mean(dim=1)
        return (row_weight @ rows).item()

    bounds = (-np.log(_LARGEST), np.log(_LARGEST))
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x) / (spread if spread > 0 else 1)), float(found.fun)


def _minimum(loss, *start):
    """Where a convex function of some tensors is smallest."""
    with torch.inference_mode(False), torch.enable_grad():
        place = [tensor.clone().requires_grad_() for tensor in start]
        optimizer = torch.optim.LBFGS(
            place,
            max_iter=200,
            history_size=10,
            tolerance_grad=1e-6,
            tolerance_change=1e-9,
            line_search_fn="strong_wolfe",
        )

        def closure():
            optimizer.zero_grad()
            value = loss(*place)
            value.backward()
            return value

        optimizer.step(closure)
    return [tensor.detach() for tensor in place]
