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

    def member_tensors(self):
        """What training changes, a list of tensors; with members all have a leading member axis."""
        return [parameter.detach() for parameter in self.parameters()]


def count_members(module):
    """How many nets stand side by side in a module; None for one net, as any module is that is no :class:`Committee`.

    Parameters
    ----------
    module : torch.nn.Module
    """
    return module.n_members if isinstance(module, Committee) else None
