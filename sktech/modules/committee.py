"""What the training loop needs to know of a module that is many nets."""

from torch import nn


class Committee(nn.Module):
    """A module that may be several nets side by side, whose outputs then have a leading member axis.

    A module of one's own that is written for members derives from it and sets ``n_members``.

    Attributes
    ----------
    n_members : int or None
        None for one net, without a member axis.
    """

    n_members = None

    def trained_tensors(self):
        """What training changes, a list of tensors; with members all have a leading member axis."""
        return [parameter.detach() for parameter in self.parameters()]


def count_members(module):
    """How many nets stand side by side in a module; None for one net, as any module is that is no :class:`Committee`.

    Parameters
    ----------
    module : torch.nn.Module
    """
    return module.n_members if isinstance(module, Committee) else None


def member_tensors(module):
    """What training changes in a module: tensors that share its memory, with a leading member axis, of 1 for one net.

    Modules for one net, for several and for many of the same kind give theirs in the same order.

    Parameters
    ----------
    module : torch.nn.Module

    Returns
    -------
    tensors : list of Tensor of shape (n_members, ...)
    """
    if isinstance(module, Committee):
        tensors = module.trained_tensors()
    else:
        tensors = [*(parameter.detach() for parameter in module.parameters()), *module.buffers()]
    return tensors if count_members(module) is not None else [tensor.unsqueeze(0) for tensor in tensors]
