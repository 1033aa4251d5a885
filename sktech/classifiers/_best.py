"""Early stopping for one net, or for each member of a committee by itself."""

import numpy as np
import torch
from skorch.callbacks import Callback

from sktech.modules import count_members
from sktech.training import StopTraining


class BestEpochs(Callback):
    """Keeps, for each member, the weights of the epoch with its lowest validation loss; a net is its own only member.

    The training ends when no member has improved for ``patience`` epochs, and each gets its best weights back.

    Parameters
    ----------
    patience : int
    """

    def __init__(self, patience):
        self.patience = patience

    def on_train_begin(self, net, **kwargs):
        self.best_losses = self.best = None

    def on_epoch_end(self, net, **kwargs):
        record = net.history[-1]
        losses = np.atleast_1d(record.get("valid_losses", record["valid_loss"]))
        if self.best is None:
            self.best_losses, self.waited = np.full(len(losses), np.inf), np.zeros(len(losses), dtype=int)
            self.best = [value.clone() for value in self._values(net)]
        better = losses < self.best_losses
        self.best_losses = np.where(better, losses, self.best_losses)
        self.waited = np.where(better, 0, self.waited + 1)
        if better.any():
            which = torch.from_numpy(np.flatnonzero(better)).to(net.device) if len(losses) > 1 else ...
            for best, value in zip(self.best, self._values(net), strict=True):
                best[which] = value[which]
        if self.waited.min() >= self.patience:
            raise StopTraining

    def on_train_end(self, net, **kwargs):
        if self.best is not None:
            for best, value in zip(self.best, self._values(net), strict=True):
                value.copy_(best)

    @staticmethod
    def _values(net):
        """What training changes; with members, tensors with a leading member axis."""
        if count_members(net.module_) is not None:
            return net.module_.member_tensors()
        return [*(parameter.detach() for parameter in net.module_.parameters()), *net.module_.buffers()]
