"""Any module, many times: members of a committee that were never written for it."""

import itertools

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn.parameter import is_lazy

from sktech._random import process_lock
from sktech._streams import get_global_state, run_in_streams, set_global_state
from sktech.modules.committee import Committee

# While functional_call runs, a module holds the tensors it was given, and while it is watched, hooks; another thread
# would see them there, and whoever copies a fitted module would take them along.
BORROWED = process_lock()


class Members(Committee):
    """``n_members`` modules with weights of their own, run side by side with ``torch.vmap``.

    A module that ``vmap`` cannot run (control flow that depends on values, some recurrent layers) is run member by
    member, with the same result; what it can run only slowly, torch warns of.

    Parameters
    ----------
    module : callable
        Makes one member, a module that returns logits of shape (n, n_classes); called ``n_members`` times.
    n_members : int
    **kwargs
        Passed to ``module``.

    Raises
    ------
    ValueError
        If a member has lazy layers, which get their weights from the first rows that they see.

    Shape
    -----
    input (n_members, n, ...), or (n, n_features) for rows that all members share -> output (n_members, n, ...)

    Examples
    --------
    >>> import torch
    >>> from sktech.modules import Members
    >>> Members(torch.nn.Linear, 4, in_features=5, out_features=3)(torch.zeros(7, 5)).shape
    torch.Size([4, 7, 3])
    """

    def __init__(self, module, n_members, **kwargs):
        super().__init__()
        members = [module(**kwargs) for _ in range(n_members)]
        if any(map(is_lazy, itertools.chain(members[0].parameters(), members[0].buffers()))):
            raise ValueError(
                "net: expected layers that know their sizes when they are made, as members are stacked then, got lazy "
                f"ones in {type(members[0]).__name__}"
            )
        parameters, buffers = stack_module_state(members)
        self.n_members = n_members
        # The structure of one member, holding the parameters of all: only functional_call makes sense of it.
        self.module = members[0]
        stacked = {
            value: nn.Parameter(parameters[name].detach(), value.requires_grad)
            for name, value in self.module.named_parameters()
        }
        for name, value in tensor_places(self.module)[0].items():
            part, leaf = self._place(name)
            part.register_parameter(leaf, stacked[value])
        for name, value in buffers.items():
            part, leaf = self._place(name)
            part.register_buffer(leaf, value, persistent=leaf not in part._non_persistent_buffers_set)
        self._one_by_one = False
        self._at_once = True

    def trained_tensors(self):
        """Parameters and buffers: all are stacked."""
        return [*super().trained_tensors(), *self.buffers()]

    def _place(self, name):
        path, _, leaf = name.rpartition(".")
        return self.module.get_submodule(path), leaf

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        with BORROWED:
            return self._forward(X)

    def _forward(self, X):
        parameters, buffers = tensor_places(self.module)
        results = run_in_streams(
            lambda members: self._run_some(
                {name: value[members] for name, value in parameters.items()},
                {name: value[members] for name, value in buffers.items()},
                X if X.ndim == 2 else X[members],
            ),
            self.n_members,
            X.device,
            at_once=self._at_once or not self.training,
        )
        # Where there are streams, nets that draw random numbers run one after the other, each with its own.
        self._at_once = self._at_once and len(results) == 1
        with torch.no_grad():
            for name, value in buffers.items():
                value.copy_(torch.cat([after[name] for _, after in results]))
        return results[0][0] if len(results) == 1 else torch.cat([output for output, _ in results])

    def _run_some(self, parameters, buffers, X):
        """The output of some members, and their buffers after the pass, all with a leading member axis."""
        n_members = len(next(iter(parameters.values())))
        if n_members > 1 and not self._one_by_one:
            state = get_global_state(X.device)
            try:
                run = vmap(self._run, in_dims=(0, 0, None if X.ndim == 2 else 0), randomness="different")
                before = {name: value.clone() for name, value in buffers.items()}
                return run(parameters, before, X)
            except (RuntimeError, ValueError, NotImplementedError):
                set_global_state(state, X.device)  # if the module itself is at fault, it says so now
        runs = []
        for m in range(n_members):
            own = {name: value[m] for name, value in parameters.items()}
            before = {name: value[m].clone() for name, value in buffers.items()}
            runs.append(self._run(own, before, X if X.ndim == 2 else X[m]))
        self._one_by_one = self._one_by_one or n_members > 1
        return torch.stack([run[0] for run in runs]), {
            name: torch.stack([run[1][name] for run in runs]) for name in buffers
        }

    def _run(self, parameters, buffers, X):
        """One member's output, and its buffers after the pass, whether they were changed in place or assigned."""
        state = parameters | buffers
        output = functional_call(self.module, state, (X,), tie_weights=False)
        return output, {name: state[name] for name in buffers}


def tensor_places(module):
    """Parameters and buffers by the places that hold them, as ``functional_call(..., tie_weights=False)`` wants them.

    A tied parameter has several places, each with a name of its own; a layer that stands in two places of its parent
    has one. (torch's own handling of ties does not put back a layer that stands in two places.)

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    parameters, buffers : dict of str to Tensor
    """
    parameters, buffers = {}, {}
    for path, part in module.named_modules():
        prefix = path + "." if path else ""
        parameters |= {prefix + leaf: value for leaf, value in part._parameters.items() if value is not None}
        buffers |= {prefix + leaf: value for leaf, value in part._buffers.items() if value is not None}
    return parameters, buffers
