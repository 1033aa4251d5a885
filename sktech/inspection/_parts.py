"""A net of a model that is read: from what it sees of a table to logits."""

from itertools import chain

import numpy as np
import torch

from sktech._validation import check_table
from sktech.modules import TableNet, count_members
from sktech.table import some_columns


class Bare:
    """A module that sees rows as they are, floats of any shape."""

    n_points, weight, columns, places = 1, 1.0, None, None

    def __init__(self, module, to_logits=None):
        self.module = module
        self.n_members = count_members(module) or 1
        self._to_logits = to_logits

    def origins(self):
        return [np.arange(int(np.prod(self.shape)))]

    def points(self, X):
        X = X if isinstance(X, torch.Tensor) else torch.from_numpy(np.array(X, dtype=np.float64))
        if not torch.isfinite(X).all():
            raise ValueError("X: expected finite numbers, as the module has no encoder, got NaN or infinity")
        return [X.detach().flatten(1).to(**_like(self.module), copy=True)]  # the module may change it

    def neutral(self):
        return [torch.zeros(1, int(np.prod(self.shape)), **_like(self.module))]

    def embed(self, points):
        return points[0]

    def embedded_origins(self, origins):
        return origins[0]

    def check(self, X):
        """Refuses a table that it was not made for; a module says that itself."""

    def run(self, rows):
        """What the module returns."""
        return self.module(rows.unflatten(1, self.shape) if len(self.shape) > 1 else rows)

    def answers(self, rows):
        output = self.run(rows)
        output = output if self._to_logits is None else self._to_logits(output)
        members = () if count_members(self.module) is None else (self.n_members,)
        shape = tuple(output.shape) if isinstance(output, torch.Tensor) else None
        if shape == (len(rows),) and not members:
            return output[None, :, None]
        if shape is None or shape[:-1] != (*members, len(rows)):
            got = type(output).__name__ if shape is None else shape
            raise ValueError(f"estimator: expected a module that returns (n, n_outputs) or (n,), got {got}")
        return output if members else output.unsqueeze(0)

    def spread(self, output):
        """Its own outputs among those of the model."""
        return output


def _like(module):
    tensors = chain(module.parameters(), module.buffers(), [torch.zeros(())])
    first = next(tensor for tensor in tensors if tensor.is_floating_point())
    return {"dtype": first.dtype, "device": first.device}


class OnTable:
    """A NetClassifier, which has an encoder for its table."""

    def __init__(self, net, weight, columns, classes):
        self.net, self.weight, self.columns = net, weight, columns
        self.module = net.net_.module_
        self.n_members = net.n_members_
        self._to_logits = net.net_._to_logits()
        self._n_codes = len(net._encoder.n_levels_)
        if self._n_codes and not isinstance(self.module, TableNet):
            raise TypeError(
                "estimator: expected the built-in module where categories come as codes, which cannot be "
                f"differentiated, got {type(self.module).__name__}"
            )
        self.n_points = 2 if self._n_codes else 1
        self._n_dense = self.module.sizes[:2] if isinstance(self.module, TableNet) else None
        labels = net.classes_[net._trained]
        self.places = None if np.array_equal(labels, classes) else torch.from_numpy(np.searchsorted(classes, labels))
        self._n_classes = len(classes)

    def origins(self):
        column = self.net._reader.origin_[self.net._encoder.origin_]
        if not self._n_codes:
            return [column]
        return [column[: -self._n_codes], np.repeat(column[-self._n_codes :], self.module.categories.weight.shape[-1])]

    def points(self, X):
        X = X if self.columns is None else some_columns(X, self.columns)
        return self._split(torch.cat(list(self.net._inputs(X))))

    def neutral(self):
        encoder = self.net._encoder
        return self._split(torch.zeros(1, encoder.n_outputs_, dtype=_like(self.module)["dtype"]))

    def _split(self, inputs):
        inputs = inputs.to(_like(self.module)["device"])
        if not self._n_codes:
            return [inputs]
        dense, codes = inputs[:, : -self._n_codes], inputs[:, -self._n_codes :]
        return [dense, self.module.categories(codes)]

    def embed(self, points):
        if not isinstance(self.module, TableNet):
            return points[0]
        numbers, plain = points[0].split(self._n_dense, dim=-1)
        return self.module.join(numbers, plain, points[1] if self._n_codes else None)

    def embedded_origins(self, origins):
        if not isinstance(self.module, TableNet):
            return origins[0]
        numbers, plain = np.split(origins[0], self._n_dense[:1])
        vectors = [] if self.module.numbers is None else [np.repeat(numbers, self.module.numbers.size)]
        return np.concatenate([*vectors, numbers, plain, *origins[1:]])

    def check(self, X):
        """Refuses a table of other columns than those of the fit."""
        check_table(self.net, X if self.columns is None else some_columns(X, self.columns), reset=False)

    def run(self, embedded):
        """What the module returns."""
        return self.module.mlp(embedded) if isinstance(self.module, TableNet) else self.module(embedded)

    def answers(self, embedded):
        output = self._to_logits(self.run(embedded))
        return self.spread(output if output.ndim == 3 else output.unsqueeze(0))

    def spread(self, output):
        """Its own outputs among those of the model; classes that it does not know get -inf."""
        if self.places is None:
            return output
        spread = output.new_full((*output.shape[:-1], self._n_classes), -torch.inf)
        return spread.index_copy(-1, self.places.to(output.device), output)
