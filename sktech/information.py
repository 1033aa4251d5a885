"""Information theory of categorical distributions, for numpy arrays and torch tensors alike.

    >>> from sktech.information import entropy
    >>> float(entropy([0.5, 0.25, 0.25], base=2))
    1.5

All of them take probabilities, not logits or logarithms, along one axis; the other axes are a batch and broadcast.
Distributions are checked, not normalised: sums of one may be off by the square root of the machine precision, 3e-4 for
float64 and float32 (probabilities of a net in float32 are often handed on in float64), 3e-2 for float16, 9e-2 for
bfloat16. On a GPU the check waits for the values, and ``torch.func.vmap`` cannot look into them: use a batch axis.

In comes an array or an array-like and out comes an array, float64 unless a float32 or float16 came in, or a numpy
scalar for a single distribution. In comes a tensor and out comes a tensor of its dtype (torch's default dtype for
integers) on its device, which can be differentiated; array-likes beside a tensor become like it.

Gradients. The derivative of x log x is infinite at x = 0; its gradient is 0 there, as of an outcome that is left out.
It stays finite thereby, and the gradient with respect to logits is right also where their softmax underflows to 0.
"""

import math

import numpy as np
import torch

__all__ = ["cross_entropy", "entropy", "jensen_shannon_divergence", "kl_divergence", "mutual_information"]


def entropy(p, *, base=None, axis=-1):
    """The uncertainty of an outcome drawn from p,

        H(p) = - sum over k of p_k log p_k,      with 0 log 0 = 0.

    ``scipy.stats.entropy`` has the same formula but divides its argument by its sum first.

    Parameters
    ----------
    p : array-like or Tensor of shape (..., n_outcomes)
        Probabilities.
    base : float, default=None
        Of the logarithm, and so the unit: None is e, for nats; 2 is for bits.
    axis : int or tuple of int, default=-1
        The axis that sums to one; several are for a joint distribution.

    Returns
    -------
    entropy : ndarray, numpy scalar or Tensor of shape (...)
        In [0, log n_outcomes]; 0 for a sure outcome.

    Raises
    ------
    ValueError
        If a value is negative or NaN, sums are not 1, there is no such axis, or ``base`` is not a positive number
        other than 1.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley 2006, section 2.1.

    Examples
    --------
    >>> from sktech.information import entropy
    >>> entropy([[0.5, 0.5], [1.0, 0.0]], base=2)
    array([1., 0.])
    """
    return _sum(lambda p: -_x_log_y(p, p), base, axis, p=p)


def cross_entropy(p, q, *, base=None, axis=-1):
    """The mean surprise of who expects q while outcomes are drawn from p,

        H(p, q) = - sum over k of p_k log q_k = H(p) + KL(p || q),      with 0 log 0 = 0.

    The first argument is the truth, the second the forecast, as in the formula; ``torch.nn.functional.cross_entropy``
    takes them the other way round, and logits for the forecast.

    Parameters
    ----------
    p : array-like or Tensor of shape (..., n_outcomes)
        Probabilities that the outcomes have, the true or reference distribution.
    q : array-like or Tensor of shape (..., n_outcomes)
        Probabilities that are claimed; both shapes may be any that broadcast.
    base : float, default=None
        Of the logarithm, and so the unit: None is e, for nats; 2 is for bits.
    axis : int or tuple of int, default=-1
        The axis, of the shapes broadcast, that sums to one; several are for a joint distribution.

    Returns
    -------
    cross_entropy : ndarray, numpy scalar or Tensor of shape (...)
        In [H(p), inf]; infinite where q excludes an outcome that p allows.

    Raises
    ------
    ValueError
        As :func:`entropy`, or if shapes do not broadcast.

    References
    ----------
    I. Goodfellow, Y. Bengio and A. Courville, "Deep Learning", MIT Press 2016, section 3.13.

    Examples
    --------
    >>> from sktech.information import cross_entropy
    >>> float(cross_entropy([0.5, 0.5], [0.25, 0.75])) > float(cross_entropy([0.5, 0.5], [0.5, 0.5]))
    True
    >>> cross_entropy([[0.5, 0.5], [1.0, 0.0]], [1.0, 0.0], base=2)
    array([inf,  0.])
    """
    return _sum(lambda p, q: -_x_log_y(p, q), base, axis, p=p, q=q)


def kl_divergence(p, q, *, base=None, axis=-1):
    """Kullback-Leibler divergence KL(p || q), or relative entropy: what it costs to expect q while p is true,

        KL(p || q) = sum over k of p_k log (p_k / q_k),      with 0 log (0 / q_k) = 0, also for q_k = 0.

    The first argument is the truth p, over which the mean is taken, as in ``scipy.stats.entropy(p, q)``, which divides
    both by their sums first. ``torch.nn.functional.kl_div`` takes the two the other way round, and a logarithm: the
    same number, for q without zeros, is ``kl_div(q.log(), p, reduction="none").sum(-1)``.

    Parameters
    ----------
    p : array-like or Tensor of shape (..., n_outcomes)
        Probabilities that the outcomes have, the true or reference distribution.
    q : array-like or Tensor of shape (..., n_outcomes)
        Probabilities that are claimed; both shapes may be any that broadcast.
    base : float, default=None
        Of the logarithm, and so the unit: None is e, for nats; 2 is for bits.
    axis : int or tuple of int, default=-1
        The axis, of the shapes broadcast, that sums to one; several are for a joint distribution.

    Returns
    -------
    divergence : ndarray, numpy scalar or Tensor of shape (...)
        In [0, inf]; 0 only for p = q, infinite where q excludes an outcome that p allows. Not symmetric.

    Raises
    ------
    ValueError
        As :func:`cross_entropy`.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley 2006, section 2.3.

    Examples
    --------
    >>> from sktech.information import kl_divergence
    >>> float(kl_divergence([1.0, 0.0], [0.5, 0.5], base=2)), float(kl_divergence([0.5, 0.5], [1.0, 0.0], base=2))
    (1.0, inf)
    """
    return _sum(_kl, base, axis, p=p, q=q)


def jensen_shannon_divergence(p, q, *, base=None, axis=-1):
    """How well an outcome tells which of two distributions it was drawn from; symmetric and finite,

        JSD(p, q) = KL(p || m) / 2 + KL(q || m) / 2 = H(m) - H(p) / 2 - H(q) / 2,      with m = (p + q) / 2.

    Its square root, which is what ``scipy.spatial.distance.jensenshannon`` gives, is a metric (Endres & Schindelin).

    Parameters
    ----------
    p, q : array-like or Tensor of shape (..., n_outcomes)
        Probabilities; the shapes may be any that broadcast.
    base : float, default=None
        Of the logarithm, and so the unit: None is e, for nats; 2 is for bits.
    axis : int or tuple of int, default=-1
        The axis, of the shapes broadcast, that sums to one; several are for a joint distribution.

    Returns
    -------
    divergence : ndarray, numpy scalar or Tensor of shape (...)
        In [0, 1] bit; 0 only for p = q, one bit if no outcome is possible in both.

    Raises
    ------
    ValueError
        As :func:`cross_entropy`.

    References
    ----------
    J. Lin, "Divergence Measures Based on the Shannon Entropy", IEEE Transactions on Information Theory 37(1), 1991.
    D. M. Endres and J. E. Schindelin, "A New Metric for Probability Distributions", IEEE Transactions on Information
    Theory 49(7), 2003.

    Examples
    --------
    >>> from sktech.information import jensen_shannon_divergence
    >>> jensen_shannon_divergence([1.0, 0.0], [[1.0, 0.0], [0.0, 1.0]], base=2)
    array([0., 1.])
    """
    # Twice of everything: half the smallest float is 0, and the divergence from that would be infinite.
    return _sum(lambda p, q: (_kl(2 * p, p + q) + _kl(2 * q, p + q)) / 4, base, axis, p=p, q=q)


def mutual_information(joint, *, base=None):
    """What knowing one of two variables says about the other,

        I(X; Y) = sum over x, y of p(x, y) log (p(x, y) / (p(x) p(y))) = H(X) + H(Y) - H(X, Y).

    Parameters
    ----------
    joint : array-like or Tensor of shape (..., n_outcomes_x, n_outcomes_y)
        Probabilities of pairs, one over the last two axes together.
    base : float, default=None
        Of the logarithm, and so the unit: None is e, for nats; 2 is for bits.

    Returns
    -------
    information : ndarray, numpy scalar or Tensor of shape (...)
        In [0, min(H(X), H(Y))]; 0 only for independent variables.

    Raises
    ------
    ValueError
        As :func:`entropy`.

    References
    ----------
    T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley 2006, section 2.3.

    Examples
    --------
    One bit, as it was sent, and lost in noise:

    >>> from sktech.information import mutual_information
    >>> mutual_information([[[0.5, 0.0], [0.0, 0.5]], [[0.25, 0.25], [0.25, 0.25]]], base=2)
    array([1., 0.])
    """

    def terms(joint):  # the product of the margins may be too small for a float, their logarithms are not
        x, y = joint.sum(-1, keepdim=True), joint.sum(-2, keepdim=True)
        return _x_log_y(joint, joint) - _x_log_y(joint, x) - _x_log_y(joint, y)

    return _sum(terms, base, (-2, -1), joint=joint)


def _kl(p, q):
    """The terms of KL(p || q)."""
    return _x_log_y(p, p) - _x_log_y(p, q)


def _x_log_y(x, y):
    """x log y, with 0 log 0 = 0 in value and gradient."""
    return x * torch.where((x == 0) & (y == 0), 1, y).log()


def _sum(terms, base, axis, **distributions):
    """The sum over ``axis`` of ``terms(*distributions)``, at least 0, in the unit and the library of the user."""
    if base is not None and not (0 < base < math.inf and base != 1):
        raise ValueError(f"base: expected a positive number other than 1, got {base!r}")
    tensors = [p for p in distributions.values() if isinstance(p, torch.Tensor)]
    total = terms(*_check(distributions, axis, like=_floats(tensors[0]) if tensors else None)).sum(axis)
    total = total - total.detach().clamp(max=0)  # below 0 by rounding only; the gradient stays
    if base is not None:
        total = total / math.log(base)
    return total if tensors else total.numpy()[()]


def _check(distributions, axis, like):
    """The distributions as tensors of one shape, beyond doubt."""
    tensors = [_floats(p, like) for p in distributions.values()]
    shapes = " and ".join(str(tuple(p.shape)) for p in tensors)
    try:
        tensors = torch.broadcast_tensors(*tensors)
    except RuntimeError:
        raise ValueError(f"{' and '.join(distributions)}: expected shapes that broadcast, got {shapes}") from None
    for name, p in zip(distributions, tensors, strict=True):
        axes = axis if isinstance(axis, tuple) else (axis,)
        if not all(-p.ndim <= a < p.ndim for a in axes):
            raise ValueError(f"{name}: expected an array with axis {axis}, got shape {tuple(p.shape)}")
        if len(wrong := p[~(p >= 0)]):
            raise ValueError(f"{name}: expected probabilities of at least 0, got {wrong[0].item()}")
        sums = p.sum(axis)
        tolerance = max(torch.finfo(p.dtype).eps, torch.finfo(torch.float32).eps) ** 0.5
        if len(wrong := sums[~((sums - 1).abs() <= tolerance)]):
            raise ValueError(f"{name}: expected probabilities that sum to 1 along axis {axis}, got {wrong[0].item()}")
    return tensors


def _floats(p, like=None):
    """p as a tensor of floats; one that is none becomes like ``like``, or shares nothing with what the user has."""
    if isinstance(p, torch.Tensor):
        return p.to(torch.result_type(p, 1.0))
    p = np.asarray(p)
    dtype = p.dtype if p.dtype in (np.float32, np.float16) else np.float64
    tensor = torch.from_numpy(p.astype(dtype, casting="same_kind"))
    return tensor if like is None else tensor.to(like)
