"""Which modules treat each row by itself, with parameters that act linearly: what fast gradients of rows rely on."""

from torch import nn

from sktech.modules.mlp import MLP
from sktech.modules.numbers import PeriodicEmbedding
from sktech.modules.table_net import TableNet

_WITHOUT_PARAMETERS = (
    nn.ReLU,
    nn.LeakyReLU,
    nn.ELU,
    nn.SELU,
    nn.GELU,
    nn.SiLU,
    nn.Tanh,
    nn.Sigmoid,
    nn.Softplus,
    nn.Dropout,
    nn.Identity,
)


def row_wise_layers(module):
    """The layers in which a module's parameters act, each linear in them, called once, and row by row.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    layers : list of torch.nn.Module, or None
        In the order of their calls: of an :class:`MLP`, a :class:`TableNet` without periodic embeddings, a ``Linear``
        or a ``Sequential`` of these and activations. None for any other module, of which nothing is known.
    """
    if type(module) is TableNet:
        embeddings = [part for part in (module.numbers, module.categories) if part is not None]
        if any(isinstance(part, PeriodicEmbedding) for part in embeddings):
            return None
        return [*embeddings, *row_wise_layers(module.mlp)]
    if type(module) is MLP:
        return [*(part for part in module.hidden if next(part.parameters(), None) is not None), module.head]
    parts = list(module) if type(module) is nn.Sequential else [module]
    layers = [part for part in parts if type(part) is nn.Linear]
    others = all(type(part) in (nn.Linear, *_WITHOUT_PARAMETERS) for part in parts)
    params = [param for layer in layers for param in layer.parameters()]
    apart = len(set(layers)) == len(layers) and len(set(params)) == len(params)
    return layers if layers and others and apart and all(param.requires_grad for param in params) else None
