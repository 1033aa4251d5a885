"""Bias attribution: what the constant part of a piecewise linear net's answer owes to each column."""

from functools import partial

import numpy as np
import torch
from tqdm import tqdm

from sktech._validation import check_number
from sktech.inspection._answers import Answer, chunks
from sktech.inspection._chain import Chain, Dense
from sktech.inspection._nets import read_net
from sktech.inspection.attribution import GradientAttribution

# Contributions that cancel each other out to less than this share of their magnitudes are no proportions.
CANCELLED = 0.01
# Shares of a layer's inputs in its outputs that are in memory at a time.
SHARES_PER_PASS = 2**18


def bias_attribution(
    estimator, X, *, alpha="softmax", temperature=1.0, target=None, layer=None, with_gradient=False, verbose=0
):
    """What the constant part of a net's answer to each row owes to each column, as shares of the biases of all layers.

    A net of dense layers and of ReLUs and their like is linear around a row x: f(x) = gradient . x + b(x). The second
    part, which gradients do not see, comes from the biases b_l of the layers. Each is shared among the inputs of its
    layer, with what the layers above have handed down, and so on down to the columns. With g_l the gradient of f with
    respect to what layer l returns, before its activation, and beta_L = g_L b_L ::

        beta_(l-1)[q] = sum over p of alpha_l[p, q] beta_l[p] + g_(l-1)[q] b_(l-1)[q]
        sum over q of alpha_l[p, q] = 1

    so that the last shares, those of the columns, sum to b(x), whatever alpha is. ::

        attribution = bias_attribution(clf, X_test[:100])
        attribution.values  # (100, n_features), in units of logits, summing in each row to attribution.explained

    f is the logit of a class. Of a committee or an ensemble it is the mean of the members' logits: the logarithm of
    their mean probability, which other functions look at, bends everywhere.

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        As for :func:`integrated_gradients`, if its nets are chains of dense layers and of piecewise linear functions of
        single units: ReLU, LeakyReLU, PReLU, Hardtanh, ReLU6 and their like. Dropout and BatchNorm1d are taken as they
        are in evaluation mode.
    X : data frame or array-like of shape (n, n_features)
        For a skorch net or a module floats of any shape (n, ...), also as a tensor.
    alpha : {"softmax", "uniform", "proportional"} or callable, default="softmax"
        How a unit p with the weights W[p, q] shares what it has among those units q below, of values h, that are not
        flat: those whose activation has a slope at x; among all inputs in the first layer, and among all where there
        are none others.

        - "softmax": the more, the larger the magnitude of the contribution is; the softmax over q of
          abs(W[p, q] h[q]) / (temperature * mean over q of abs(W[p, q] h[q])).
        - "uniform": alike. In the first layer all inputs then get the same: a control.
        - "proportional": W[p, q] h[q] / (sum over q of W[p, q] h[q]), which may be negative and large. Where
          contributions cancel each other out to less than 1 % of the sum of their magnitudes, alike.
        - ``alpha(weight, h, active)`` returns the shares (n, n_outputs, n_inputs) for a few rows of one net, with sum 1
          over the last axis, from the layer's weight (n_outputs, n_inputs), its inputs h (n, n_inputs) and which of
          them are not flat (n, n_inputs), as tensors.
    temperature : float, default=1.0
        T of "softmax": small for the largest contribution alone, large for "uniform".
    target : label or array-like of shape (n,), default=None
        The class that is asked about, of all rows or of each; None for the predicted one. For a module the number of
        an output.
    layer : int or str, default=None
        Where the shares end: None at the columns; a number at the units of that hidden layer, from 0, or from the last
        for negative ones; a name at the outputs of the module of that name within the net (within the perceptron
        behind embeddings: "hidden.1" is the first ReLU).
    with_gradient : bool, default=False
        Whether to add gradient x input, so that the values sum to f(x).
    verbose : int, default=0
        Whether to show the progress.

    Returns
    -------
    attribution : GradientAttribution
        Its ``answer`` is f(x) and its ``explained`` is b(x) = f(x) - gradient . x, where x is what the net sees of the
        row: scaled numbers, indicators, levels of a category one by one. With a ``layer`` there are values of its units
        instead, those of each member in turn, and ``explained`` is f(x) - gradient . h with h its values: what the
        layers above add. With ``with_gradient`` it is f(x).

    Raises
    ------
    TypeError
        If the estimator is no such net: smooth activations and embeddings have no linear pieces, and nets that are no
        chains have no layer to hand a bias down to.
    ValueError
        If the target is no class of all nets', there is no such layer, shares of a callable do not sum to one, or a
        step of the pipeline makes an output of several columns.

    Notes
    -----
    The paper has three ways to share, with a softmax and without; these here have names of their own, as they are not
    claimed to be the same. The scale of "softmax" is relative to the unit's mean contribution, so that it means the
    same in every layer and does not change where the weights of a unit are multiplied, and those that look at it
    divided, by a number.

    The shares complete gradient x input rather than stand for it: alone they tell less of what an answer rests on, and
    on some tables nothing (``benchmarks/claims/attributed_columns.py``, where "proportional" tells most of them).

    An input without weight (a dummy) gets nothing from "proportional", unless contributions cancel out. From "softmax"
    it gets the smallest share of each unit, from "uniform" the same as all.

    Where a function of a unit has an offset of its own (a Hardtanh at its limit, BatchNorm), that is a bias of this
    unit, and is handed down from there. BatchNorm after a dense layer is thereby the same as one folded into it. So are
    the bends of embedded numbers, which belong to their own columns. The vector of a category is a linear function of
    its level: its part is in gradient x input.

    References
    ----------
    Wang, Zhou, Bilmes (2019). Bias Also Matters: Bias Attribution for Deep Neural Network Explanation. ICML (BBp).
    https://proceedings.mlr.press/v97/wang19p.html

    Examples
    --------
    >>> import torch
    >>> from sktech.inspection import bias_attribution
    >>> net = torch.nn.Sequential(torch.nn.Linear(2, 1), torch.nn.ReLU(), torch.nn.Linear(1, 1, bias=False)).double()
    >>> for parameter, value in zip(net.parameters(), ([[1.0, 3.0]], [-2.0], [[0.5]])):
    ...     parameter.data[:] = torch.tensor(value)
    >>> attribution = bias_attribution(net, [[1.0, 1.0]], alpha="proportional")
    >>> attribution.explained  # the gradient is (0.5, 1.5)
    array([-1.])
    >>> attribution.values
    array([[-0.25, -0.75]])
    """
    check_number("temperature", temperature, float, 0, np.inf, open_low=True, open_high=True)
    share = _sharing(alpha, temperature)
    if layer is not None and not isinstance(layer, str):
        check_number("layer", layer, int)
    net = read_net(estimator, X)
    if layer is None:
        net.check_columns()
    found, first = [], 0
    with net.evaluating(), torch.no_grad():
        points = net.points(X)
        chains = [Chain(part) for part in net.parts]
        stops = [0 if layer is None else chain.place(layer) for chain in chains]
        answer = Answer(net, points, target, "logit")
        for chain, embedded in zip(chains, net.embed(next(chunks(net, points))), strict=True):
            chain.check(embedded)
        bar = tqdm(total=len(answer.codes), desc="bias attribution", unit="rows", disable=not verbose)
        for own in chunks(net, points):
            counts = answer.counts(slice(first, first + own[0].shape[-2]))
            found.append(_of_rows(net, chains, stops, own, counts, share, with_gradient))
            first += len(counts)
            bar.update(len(counts))
        bar.close()
    parts, f, explained = zip(*found, strict=True)
    f, explained = np.concatenate(f), np.concatenate(explained)
    if layer is None:
        values = np.concatenate([net.by_column(part, net.embedded_origins) for part in parts]).reshape(
            len(f), *net.shape
        )
        names = net.feature_names
    else:  # (n_members, n, n_units) of each net
        values = np.concatenate([np.hstack([tensor for net in part for tensor in net]) for part in parts])
        units = [tensor.shape[-1] for net in parts[0] for tensor in net]
        names = [f"net {m}, unit {j}" for m, width in enumerate(units) for j in range(width)]
    return GradientAttribution(
        values=values,
        feature_names=names,
        target=answer.target,
        output=answer.mean_name,
        answer=f,
        explained=explained,
        error=np.abs(values.reshape(len(values), -1).sum(axis=1) - explained),
        n_steps=np.ones(len(values), dtype=int),
        method="bias_attribution",
    )


def _of_rows(net, chains, stops, points, counts, share, with_gradient):
    """Values of each net by input behind the embeddings or, for layers, by member; f(x); and what they sum to."""
    values, f, elsewhere = [], 0.0, 0.0
    weights = net.weights.split([part.n_members for part in net.parts])
    for part, own, chain, stop, weight in zip(net.parts, net.by_part(points), chains, stops, weights, strict=True):
        seen = chain.passes(part.embed(own))
        output = part.spread(seen[-1])
        answers = torch.where(counts == 0, 0.0, output.double() * counts).sum(dim=-1)
        if not torch.isfinite(answers).all():
            raise ValueError("target: expected a class that all nets have learned, got one that some have not")
        top = (counts if part.places is None else counts[:, part.places]) * weight.to(output)[:, None, None]
        beta, gradient = hand_down(chain.layers, seen, top, stop, share)
        linear = gradient * seen[stop]
        if not stop:
            offsets = chain.offsets(gradient, own)
            beta, linear = beta.sum(dim=0) + offsets, linear.sum(dim=0) - offsets
        f = f + (weight.to(answers) @ answers).cpu()
        if not with_gradient:
            elsewhere = elsewhere + linear.double().transpose(0, -2).flatten(1).sum(dim=1).cpu()
        values.append((beta + linear if with_gradient else beta).double().cpu())
    return values, f.numpy(), (f - elsewhere).numpy()


def hand_down(layers, seen, gradient, stop, share):
    """Shares of the biases of a net's last layers among what one of them sees.

    Parameters
    ----------
    layers : list of Dense or Unitwise
    seen : list of Tensor of shape (n_members, n, n_units)
        What each layer sees, and what the last returns.
    gradient : Tensor of shape (n_members, n, n_outputs)
        Of the answer, with respect to what the last layer returns.
    stop : int
        The layer whose inputs the shares end at.
    share : callable
        ``share(weight, h, active, beta)``; see :func:`_sharing`.

    Returns
    -------
    beta, gradient : Tensor of shape (n_members, n, n_units)
        The shares, and the gradient with respect to the same units.
    """
    bends = [None if isinstance(own, Dense) else own.local(h) for own, h in zip(layers, seen, strict=False)]
    beta = torch.zeros_like(gradient)
    for k in range(len(layers) - 1, stop - 1, -1):
        own, h = layers[k], seen[k]
        if isinstance(own, Dense):
            beta = share(own.weight, h, _active(layers, bends, k, h), beta + gradient * own.bias)
            gradient = gradient @ own.weight
        else:
            slope, offset = bends[k]
            beta, gradient = beta + gradient * offset, gradient * slope
    return beta, gradient


def _active(layers, bends, k, h):
    """Which inputs of a dense layer may get shares, bool of the shape of h: those that are not flat, if there are."""
    dense = [j for j in range(k) if isinstance(layers[j], Dense)]
    active = torch.ones_like(h, dtype=torch.bool)
    if not dense:
        return active
    for slope, _ in bends[dense[-1] + 1 : k]:
        active = active & (slope != 0)
    return active | ~active.any(dim=-1, keepdim=True)


# ---------------------------------------------------------------- shares


def _sharing(alpha, temperature):
    """A function of weight (n_members or 1, n_outputs, n_inputs), h and active (n_members, n, n_inputs) and beta
    (n_members, n, n_outputs) that returns what the inputs get, (n_members, n, n_inputs)."""
    named = {
        "softmax": partial(_by_rows, partial(_softmax, temperature)),
        "uniform": _uniform,
        "proportional": _proportional,
    }
    if callable(alpha):
        return partial(_by_rows, partial(_checked, alpha))
    if not isinstance(alpha, str) or alpha not in named:
        raise ValueError(f"alpha: expected a callable or one of {', '.join(map(repr, named))}, got {alpha!r}")
    return named[alpha]


def _uniform(weight, h, active, beta):
    return active * (beta.sum(dim=-1, keepdim=True) / active.sum(dim=-1, keepdim=True))


def _proportional(weight, h, active, beta):
    h = h * active
    total = h @ weight.mT
    clear = total.abs() > CANCELLED * (h.abs() @ weight.abs().mT)
    ratio = torch.where(clear, beta / torch.where(clear, total, 1.0), 0.0)
    return h * (ratio @ weight) + _uniform(weight, h, active, torch.where(clear, 0.0, beta))


def _by_rows(shares, weight, h, active, beta):
    """Shares (n, n_outputs, n_inputs) of a few rows of one member at a time."""
    n_members, n, _ = h.shape
    weight = weight.expand(n_members, -1, -1)
    size = max(SHARES_PER_PASS // weight[0].numel(), 1)
    handed = torch.empty_like(h)
    for m in range(n_members):
        for first in range(0, n, size):
            rows = slice(first, first + size)
            alpha = shares(weight[m], h[m, rows], active[m, rows])
            handed[m, rows] = (beta[m, rows].unsqueeze(1) @ alpha)[:, 0]
    return handed


def _softmax(temperature, weight, h, active):
    magnitude, h = weight.abs(), h.abs()
    mean = (h * active) @ magnitude.T / active.sum(dim=-1, keepdim=True)
    scores = (h.unsqueeze(1) * magnitude).div_((temperature * mean).clamp_(min=torch.finfo(h.dtype).tiny).unsqueeze(-1))
    return scores.masked_fill_(~active.unsqueeze(1), -torch.inf).softmax(dim=-1)


def _checked(alpha, weight, h, active):
    shares = alpha(weight, h, active)
    expected = (len(h), *weight.shape)
    if not isinstance(shares, torch.Tensor) or shares.shape != expected:
        got = tuple(shares.shape) if isinstance(shares, torch.Tensor) else type(shares).__name__
        raise ValueError(f"alpha: expected a function that returns a tensor of shape {expected}, got {got}")
    worst = (shares.sum(dim=-1) - 1).abs().max()
    if not worst <= torch.finfo(h.dtype).eps ** 0.5 * max(float(shares.abs().sum(dim=-1).max()), 1.0):
        raise ValueError(f"alpha: expected shares that sum to 1 over the inputs, got sums that are {worst:.3g} off")
    return shares.to(h)
