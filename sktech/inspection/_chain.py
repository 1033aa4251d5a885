"""A net as a chain of dense layers and of functions of single units, which a row passes one after the other.

Chains are read from what a module does (``torch.fx``), however it is written down; that they compute what the module
computes is checked on rows.
"""

import threading
from functools import partial

import torch
from torch import fx, nn

from sktech.modules import (
    Dropout,
    Jumpout,
    Members,
    PeriodicEmbedding,
    StackedLinear,
    TableNet,
)
from sktech.modules.members import BORROWED

DENSE = (nn.Linear, StackedLinear)
# Functions of single units, each a slope and an offset wherever it is.
BENT = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.RReLU,
    nn.ReLU6,
    nn.Hardtanh,
    nn.Hardsigmoid,
    nn.Hardshrink,
    nn.Softshrink,
    nn.Threshold,
)
BENT_FUNCTIONS = {
    "abs",
    "clamp",
    "clip",
    "hardshrink",
    "hardsigmoid",
    "hardtanh",
    "leaky_relu",
    "relu",
    "relu6",
    "rrelu",
    "softshrink",
    "threshold",
}
# What leaves numbers as they are, in evaluation mode.
IDLE = (nn.Identity, nn.Flatten, nn.Dropout, nn.AlphaDropout, nn.FeatureAlphaDropout, Dropout, Jumpout)
IDLE_FUNCTIONS = {"dropout", "flatten", "getitem", "reshape", "squeeze", "view"}


class Dense:
    """A dense layer of each member.

    Attributes
    ----------
    weight : Tensor of shape (n_members or 1, n_outputs, n_inputs)
    bias : Tensor of shape (n_members or 1, 1, n_outputs)
    """

    def __init__(self, name, layer):
        self.name = name
        self.weight = _with_members(layer.weight, 2)
        zeros = layer.weight.new_zeros(layer.weight.shape[:-1])
        self.bias = _with_members(zeros if layer.bias is None else layer.bias, 1).unsqueeze(-2)

    def __call__(self, h):
        if h.shape[-1] != self.weight.shape[-1]:
            raise refusal(f"one that sees rows of {h.shape[-1]} numbers {self.weight.shape[-1]} at a time")
        return h @ self.weight.mT + self.bias


class Unitwise:
    """A function of single units that is linear but for bends.

    Parameters
    ----------
    name : str
    function : callable
    """

    def __init__(self, name, function):
        self.name, self.function = name, function

    def __call__(self, h):
        return self.function(h.clone())  # it may work in place

    def local(self, h):
        """Slope and offset of each unit at h, of the shape of h."""
        h = h.detach().requires_grad_()
        with torch.enable_grad():
            out = self(h)
            (slope,) = torch.autograd.grad(out.sum(), h)
        return slope, out.detach() - slope * h.detach()


class Chain:
    """The layers of a net, behind its embeddings.

    Parameters
    ----------
    part : Bare or OnTable
        In evaluation mode; see ``_parts.py``.

    Attributes
    ----------
    layers : list of Dense or Unitwise

    Raises
    ------
    TypeError
        If the net is not a chain of such layers.
    """

    def __init__(self, part):
        self._part, module = part, part.module
        self._embedding = None
        if isinstance(module, TableNet):
            self._embedding, self._n_numbers = module.numbers, module.sizes[0]
            if isinstance(self._embedding, PeriodicEmbedding):
                raise refusal("PeriodicEmbedding, which is smooth")
            module = module.mlp
        # One of the members holds the parameters of all.
        self.layers = layers_of(module.module if isinstance(module, Members) else module)

    def offsets(self, gradient, points):
        """What the bends of embedded numbers add to an answer, beside slopes, summed over members, (n, width).

        Parameters
        ----------
        gradient : Tensor of shape (n_members, n, width)
            Of the answer, with respect to embedded points.
        points : list of Tensor of shape (..., n, width)
            Of this net alone.
        """
        offsets = torch.zeros_like(gradient[0])
        if self._embedding is not None:
            x = points[0][..., : self._n_numbers].detach().requires_grad_()
            width = self._n_numbers * self._embedding.size
            with torch.enable_grad():
                told = gradient[..., :width] * self._embedding(x)[..., :width]
                told = told.unflatten(-1, (self._n_numbers, -1)).sum(dim=(0, -1))
                (slope,) = torch.autograd.grad(told.sum(), x)
            # Behind the embeddings stand the numbers themselves, of the same columns.
            offsets[:, width : width + self._n_numbers] = (told - slope * x).detach()
        return offsets

    def passes(self, embedded):
        """What each layer sees and, at last, what the net returns, (n_members, n, n_units).

        Parameters
        ----------
        embedded : Tensor of shape (..., n, width)
        """
        seen = [embedded.expand(self._part.n_members, *embedded.shape[-2:])]
        for layer in self.layers:
            seen.append(layer(seen[-1]))
        return seen

    def check(self, embedded):
        """Refuses a module that computes something else than the chain for rows.

        Parameters
        ----------
        embedded : Tensor of shape (..., n, width)
        """
        output, expected = self.passes(embedded)[-1], self._part.answers(embedded)
        if self._part.places is not None:
            expected = expected[..., self._part.places]
        rounding = torch.finfo(output.dtype).eps ** 0.75 * output.abs().max()
        if output.shape != expected.shape or not torch.allclose(output, expected, 0, float(rounding)):
            raise refusal(f"{type(self._part.module).__name__}, which returns something else than its last layer")

    def place(self, layer):
        """Where in ``layers`` that one stands which sees the units of a hidden layer.

        Parameters
        ----------
        layer : int or str
            The number of a hidden layer, or the name of a module, whose output is meant.

        Raises
        ------
        ValueError
            If there is none.
        """
        hidden = [k for k, own in enumerate(self.layers) if isinstance(own, Dense)][1:]
        if isinstance(layer, str):
            named = {own.name: k + 1 for k, own in enumerate(self.layers[:-1])}
            if layer in named:
                return named[layer]
        elif -len(hidden) <= layer < len(hidden):
            return hidden[layer]
        names = ", ".join(repr(own.name) for own in self.layers[:-1])
        raise ValueError(
            f"layer: expected None, the number of one of {len(hidden)} hidden layers, or a name among {names}, got "
            f"{layer!r}"
        )


def layers_of(module):
    """Layers of a module that passes its input from one to the next.

    Parameters
    ----------
    module : torch.nn.Module
        For one net, or with parameters that all have a leading member axis.

    Returns
    -------
    layers : list of Dense or Unitwise

    Raises
    ------
    TypeError
        If it does anything else.
    """
    with BORROWED:  # nobody else is in the midst of a pass, or of a trace, which torch puts back when it is done
        return _traced_layers(module)


def _traced_layers(module):
    try:
        graph = _Tracer().trace(nn.Sequential(module))  # in a Sequential, a single layer is a layer too
    except Exception as error:  # whatever a forward of one's own runs into
        raise refusal(f"{type(module).__name__}, whose forward cannot be traced: {error}") from error
    (node,) = (node for node in graph.nodes if node.op == "output")
    layers, node = [], node.args[0]
    while isinstance(node, fx.Node) and node.op != "placeholder":
        layers.append(_layer(node, module))
        node = node.args[0] if node.args else None
    if not isinstance(node, fx.Node):
        raise refusal(f"{type(module).__name__}, which does not pass one tensor from layer to layer")
    return [layer for layer in reversed(layers) if layer is not None]


class _Tracer(fx.Tracer):
    """Of one thread: the calls of modules in others, which torch puts before it too, go by."""

    def __init__(self):
        super().__init__()
        self._thread = threading.get_ident()

    def call_module(self, module, forward, args, kwargs):
        if threading.get_ident() != self._thread:
            return forward(*args, **kwargs)
        return super().call_module(module, forward, args, kwargs)

    def getattr(self, name, value, cache):
        return value if threading.get_ident() != self._thread else super().getattr(name, value, cache)

    def is_leaf_module(self, module, name):
        return isinstance(module, (*DENSE, *IDLE)) or super().is_leaf_module(module, name)


def _layer(node, module):
    """The layer of one step of a forward; None for one that leaves numbers as they are."""
    if node.op == "call_module":
        name = node.target.partition(".")[2]
        layer = module.get_submodule(name)
        if isinstance(layer, DENSE):
            return Dense(name, layer)
        if isinstance(layer, IDLE):
            return None
        if isinstance(layer, BENT):
            return Unitwise(name, layer)
        if isinstance(layer, nn.PReLU):
            return Unitwise(name, partial(_leaky, _with_members(layer.weight, 1).unsqueeze(-2)))
        if isinstance(layer, nn.BatchNorm1d) and layer.running_mean is not None:
            return Unitwise(name, partial(_affine, *_slope_and_offset(layer)))
        raise refusal(type(layer).__name__)
    if node.op in ("call_function", "call_method"):
        name = node.target if node.op == "call_method" else getattr(node.target, "__name__", str(node.target))
        if name in IDLE_FUNCTIONS:
            return None
        if name.rstrip("_") in BENT_FUNCTIONS and len(node.all_input_nodes) == 1:
            function = getattr(torch.Tensor, name) if node.op == "call_method" else node.target
            return Unitwise(node.name, lambda h: function(h, *node.args[1:], **node.kwargs))
        raise refusal(name)
    raise refusal(f"{node.op} {node.target}")


def refusal(got):
    """The error for a net that is no chain, or not linear but for bends."""
    return TypeError(
        "estimator: expected a net that is linear but for bends, a chain of dense layers and functions of single units "
        "(ReLU, LeakyReLU, PReLU, Hardtanh and their like; dropout and BatchNorm1d in evaluation mode), as only there "
        f"slopes and biases make the answer, got {got}"
    )


def _with_members(tensor, ndim):
    tensor = tensor.detach()
    return tensor if tensor.ndim > ndim else tensor.unsqueeze(0)


def _leaky(slope, h):
    return torch.where(h > 0, h, slope * h)


def _affine(slope, offset, h):
    return slope * h + offset


def _slope_and_offset(norm):
    """Of BatchNorm in evaluation mode, both (n_members or 1, 1, n_units)."""
    slope = 1 / torch.sqrt(norm.running_var + norm.eps)
    if norm.weight is not None:
        slope = slope * norm.weight
    offset = -slope * norm.running_mean
    if norm.bias is not None:
        offset = offset + norm.bias
    return tuple(_with_members(tensor, 1).unsqueeze(-2) for tensor in (slope, offset))
