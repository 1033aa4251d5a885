"""The gradients of single rows' losses: never formed, but multiplied by a direction and added up with weights.

What learned weights need of the rows' gradients g_i, with respect to all parameters, is their product with a direction,
<d, g_i>, and their sum with weights, sum w_i g_i. Both are exact here, and there are three ways to them:

- For a module whose parameters all act in layers that are linear in them and treat each row by itself, one backward
  pass gives the derivative of each row's loss at each layer's output. The rest are products of matrices.
- For any other module the products are the rows' derivatives in that direction, by forward mode (dual numbers), at the
  cost of another forward pass.
- Where forward mode does not exist, they are derivatives of a backward pass: second order.
"""

import functools
import warnings
from contextlib import contextmanager

import torch
import torch.nn.functional as F
from torch import nn
from torch.autograd import forward_ad
from torch.func import functional_call

from sktech._streams import get_state, replayed
from sktech.modules import CategoryEmbedding, PiecewiseLinearEmbedding, StackedLinear, row_wise_layers
from sktech.training.objective import label_rows

# What a forward pass in dual numbers raises where a module has no forward mode.
_NO_FORWARD_MODE = (NotImplementedError, RuntimeError)


def row_gradients(objective, forward, batch, order="first"):
    """The rows of an objective, with what their gradients say.

    Parameters
    ----------
    objective : Objective
        Whose rows: the value of each depends on the logits of that row alone.
    forward : Forward
    batch : sktech.training.Batch
    order : "first" or "second", default="first"
        "second" does without forward mode, where it is known not to exist.

    Returns
    -------
    gradients : LayerGradients or ModuleGradients
    """
    layers = None if forward.counted or order == "second" else row_wise_layers(forward.module)
    if layers is None:
        return ModuleGradients(objective, forward, batch, order)
    with _watched(layers) as calls:
        forward(batch.X)
    rows = label_rows(objective, forward, batch)
    return LayerGradients(rows, [_KINDS[type(layer)](layer, **call) for layer, call in zip(layers, calls, strict=True)])


@contextmanager
def _watched(layers):
    """Of each layer's only call, what its parameters act on and the output."""
    calls, hooks = [], []

    def watch(layer):
        call = {}
        calls.append(call)

        def put_out(_, inputs, output):
            call.setdefault("given", inputs[0])
            call["output"] = output

        def encoded(_, inputs, output):
            call["given"] = output

        hooks.append(layer.register_forward_hook(put_out))
        if isinstance(layer, PiecewiseLinearEmbedding):
            hooks.append(layer.encoding.register_forward_hook(encoded))

    for layer in layers:
        watch(layer)
    try:
        yield calls
    finally:
        for hook in hooks:
            hook.remove()


class ModuleGradients:
    """Of any module.

    Attributes
    ----------
    rows : Tensor of shape (..., n)
        The rows of the objective.
    order : "first" or "second"
        Whether forward mode is there, as far as is known.
    """

    def __init__(self, objective, forward, batch, order):
        forward(batch.X)
        self._state = get_state(batch.X.device)  # what the objective draws is drawn again
        self.rows = label_rows(objective, forward, batch)
        self.order = order
        self._asked = objective, forward, batch

    def rows_of(self, which):
        """Some of the rows, for a backward pass; which : slice."""
        return self.rows[..., which]

    def sum(self, weights, which=slice(None)):
        """sum w_i g_i over some rows, for each parameter.

        Parameters
        ----------
        weights : Tensor of shape (..., n_some)
        which : slice, default=slice(None)
            Of the rows.

        Returns
        -------
        gradient : dict of Parameter to Tensor
        """
        params = list(self._asked[1].params.values())
        gradients = torch.autograd.grad(
            self.rows[..., which], params, weights, retain_graph=True, materialize_grads=True
        )
        return dict(zip(params, gradients, strict=True))

    def products(self, direction, which=slice(None)):
        """<d, g_i> of some rows.

        Parameters
        ----------
        direction : dict of Parameter to Tensor
        which : slice, default=slice(None)
            Of the rows.

        Returns
        -------
        products : Tensor of shape (..., n_some)
        """
        if self.order == "first":
            try:
                return self._in_dual_numbers(direction)[..., which]
            except _NO_FORWARD_MODE:
                self.order = "second"
        return self._twice_backward(direction)[..., which]

    def _in_dual_numbers(self, direction):
        objective, forward, batch = self._asked
        _load_forward_mode()
        with torch.no_grad(), forward_ad.dual_level(), replayed(self._state, batch.X.device):
            dual = {
                name: forward_ad.make_dual(param.detach(), direction[param]) for name, param in forward.params.items()
            }
            rows = label_rows(objective, forward.at(dual), batch)
            tangent = forward_ad.unpack_dual(rows).tangent
        return torch.zeros_like(self.rows) if tangent is None else tangent

    def _twice_backward(self, direction):
        params = list(self._asked[1].params.values())
        weights = torch.ones_like(self.rows).requires_grad_()
        gradients = torch.autograd.grad(
            self.rows, params, weights, create_graph=True, retain_graph=True, materialize_grads=True
        )
        product = sum((gradient * direction[param]).sum() for param, gradient in zip(params, gradients, strict=True))
        return torch.autograd.grad(product, weights, retain_graph=True)[0]


@functools.cache
def _load_forward_mode():
    """torch loads it at its first use, and then warns of a part of its own that is to go."""
    with warnings.catch_warnings(), forward_ad.dual_level():
        warnings.simplefilter("ignore", DeprecationWarning)
        forward_ad.make_dual(torch.zeros(1), torch.zeros(1))


class LayerGradients:
    """Of a module whose parameters act in layers that are linear in them, row by row.

    Attributes
    ----------
    rows : Tensor of shape (..., n), detached
        The rows of the objective.
    order : "first"
    """

    order = "first"

    def __init__(self, rows, layers):
        self._layers = layers
        outputs = [layer.output for layer in layers]
        slopes = torch.autograd.grad(rows, outputs, torch.ones_like(rows), retain_graph=True, materialize_grads=True)
        for layer, slope in zip(layers, slopes, strict=True):
            layer.slope = slope
        self.rows = rows.detach()

    def rows_of(self, which):
        """Some of the rows, from which a backward pass takes the short way to the parameters; which : slice."""
        params = (param for layer in self._layers for param in layer.params)
        return _ShortWay.apply(self.rows[..., which], self, which, *params)

    def sum(self, weights, which=slice(None)):
        """As :meth:`ModuleGradients.sum`."""
        return {
            param: gradient
            for layer in self._layers
            for param, gradient in zip(layer.params, layer.sum(weights.unsqueeze(-1), which), strict=True)
        }

    def products(self, direction, which=slice(None)):
        """As :meth:`ModuleGradients.products`."""
        return sum(layer.products([direction[param] for param in layer.params], which) for layer in self._layers)


class _ShortWay(torch.autograd.Function):
    """Rows, whose gradients need no second pass back through the module."""

    @staticmethod
    def forward(ctx, rows, gradients, which, *params):
        ctx.asked = gradients, which
        return rows.clone()

    @staticmethod
    def backward(ctx, weights):
        gradients, which = ctx.asked
        return None, None, None, *gradients.sum(weights, which).values()


class _Layer:
    """A call of a layer; ``slope`` (..., n, n_outputs) is the derivative of each row's loss at the layer's output."""

    def __init__(self, layer, given, output):
        self.given = given.detach()
        self.output = output
        self.slope = None
        self.params = list(layer.parameters())
        self.layer = layer


class _Dense(_Layer):
    def sum(self, weights, which):
        slope, given = self.slope[..., which, :], self.given[..., which, :]
        bias = (weights.mT @ slope).squeeze(-2)
        if given.shape[-1] < slope.shape[-1]:  # the narrower one is multiplied
            return (slope.mT @ (given * weights), bias)[: len(self.params)]
        return ((slope * weights).mT @ given, bias)[: len(self.params)]

    def products(self, direction, which):
        weight, *bias = direction
        slope, given = self.slope[..., which, :], self.given[..., which, :]
        if weight.ndim == 2:
            return torch.linalg.vecdot(F.linear(given, weight, *bias), slope)
        change = given @ weight.mT
        return torch.linalg.vecdot(change + bias[0].unsqueeze(-2) if bias else change, slope)


class _PiecewiseLinear(_Layer):
    """It acts on encodings (..., n_columns, n_bins, n). Of the outputs the embeddings come first; after them stand raw
    numbers, which no parameter changes."""

    def _slope(self, which):
        n_columns, size, _ = self.layer.weight.shape[-3:]
        return self.slope[..., which, : n_columns * size].mT.unflatten(-2, (n_columns, size))

    def sum(self, weights, which):
        slope = self._slope(which) * weights.mT.unsqueeze(-3)
        return (slope @ self.given[..., which].mT,)

    def products(self, direction, which):
        return ((direction[0] @ self.given[..., which]) * self._slope(which)).sum((-3, -2))


class _Category(_Layer):
    def sum(self, weights, which):
        with torch.enable_grad():
            output = self.layer(self.given[..., which, :])
        return torch.autograd.grad(output, self.params, self.slope[..., which, :] * weights)

    def products(self, direction, which):
        change = functional_call(self.layer, {"weight": direction[0]}, (self.given[..., which, :],))
        return (change * self.slope[..., which, :]).sum(-1)


_KINDS = {
    nn.Linear: _Dense,
    StackedLinear: _Dense,
    PiecewiseLinearEmbedding: _PiecewiseLinear,
    CategoryEmbedding: _Category,
}
