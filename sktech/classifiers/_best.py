"""Early stopping for one net, for each member of a committee by itself, and for several trainings that run in step."""

import numpy as np
import torch
from skorch.callbacks import Callback

from sktech.modules import member_tensors
from sktech.training import StopTraining


class BestEpochs(Callback):
    """Keeps, for each member, the weights of the epoch with its lowest validation loss; a net is its own only member.

    A training ends when none of its members has improved for ``patience`` epochs, and each gets its best weights back.

    Parameters
    ----------
    patience : int
    n_trainings : int, default=1
        How many trainings run in step; each has as many members. The last to end ends them all.

    Attributes
    ----------
    n_epochs : ndarray of shape (n_trainings,), int
        After how many epochs each training ended.
    """

    def __init__(self, patience, n_trainings=1):
        self.patience = patience
        self.n_trainings = n_trainings

    def on_train_begin(self, net, **kwargs):
        self.best_losses = self.best = None
        self.n_epochs = np.zeros(self.n_trainings, dtype=int)

    def on_epoch_end(self, net, **kwargs):
        record = net.history[-1]
        losses = np.atleast_1d(record.get("valid_losses", record["valid_loss"]))
        if self.best is None:
            self.best_losses, self.waited = np.full(len(losses), np.inf), np.zeros(len(losses), dtype=int)
            self.best = [value.clone() for value in member_tensors(net.module_)]
        goes_on = self._waited().min(axis=1) < self.patience
        self.n_epochs += goes_on
        better = (losses < self.best_losses) & goes_on.repeat(len(losses) // self.n_trainings)
        self.best_losses = np.where(better, losses, self.best_losses)
        self.waited = np.where(better, 0, self.waited + 1)
        if better.any():
            which = ... if better.all() else torch.from_numpy(np.flatnonzero(better)).to(net.device)
            for best, value in zip(self.best, member_tensors(net.module_), strict=True):
                best[which] = value[which]
        over = self._waited().min(axis=1) >= self.patience
        for training in np.flatnonzero(over & goes_on):
            self.on_training_end(net, training)
        if over.all():
            raise StopTraining

    def on_training_end(self, net, training):
        """Called when one of the trainings has ended, for what the others will change."""

    def _waited(self):
        return self.waited.reshape(self.n_trainings, -1)

    def on_train_end(self, net, **kwargs):
        if self.best is not None:
            for best, value in zip(self.best, member_tensors(net.module_), strict=True):
                value.copy_(best)
