"""Any module, many times: members of a committee that were never written for it."""

import torch
from torch import nn
from torch.func import functional_call, stack_module_state, vmap


class Members(nn.Module):
    """``n_members`` modules with weights of their own, run side by side with ``torch.vmap``.

    A module that ``vmap`` cannot run (control flow that depends on values, some recurrent layers) is run member by
    member, with the same result.

    Parameters
    ----------
    module : callable
        Makes one member, a module that returns logits of shape (n, n_classes); called ``n_members`` times.
    n_members : int
    **kwargs
        Passed to ``module``.

    Shape
    -----
    input (n_members, n, ...), or (n, ...) for rows that all members share -> output (n_members, n, ...)

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
        parameters, buffers = stack_module_state(members)
        self.n_members = n_members
        # The structure of one member, holding the parameters of all: only functional_call makes sense of it.
        self.module = members[0]
        for name, value in parameters.items():
            part, leaf = self._place(name)
            part.register_parameter(leaf, nn.Parameter(value.detach(), requires_grad=value.requires_grad))
        for name, value in buffers.items():
            part, leaf = self._place(name)
            part.register_buffer(leaf, value, persistent=leaf not in part._non_persistent_buffers_set)
        self._one_by_one = False

    def _place(self, name):
        path, _, leaf = name.rpartition(".")
        return self.module.get_submodule(path), leaf

    def forward(self, X: torch.Tensor) -> torch.Tensor:
        state = dict(self.module.named_parameters()) | dict(self.module.named_buffers())
        shared = X.ndim == 2
        if not self._one_by_one:
            try:
                axes = (0, None if shared else 0)
                return vmap(self._run, in_dims=axes, randomness="different")(state, X)
            except (RuntimeError, ValueError, NotImplementedError):
                self._one_by_one = True  # if the module itself is at fault, it says so now
        members = ({name: value[m] for name, value in state.items()} for m in range(self.n_members))
        return torch.stack([self._run(member, X if shared else X[m]) for m, member in enumerate(members)])

    def _run(self, state, X):
        return functional_call(self.module, state, (X,))
