"""Targets that are no plain class numbers: what a training looks up for each row where labels are probabilities."""

import numpy as np
import torch

from sktech.losses import negative_log_likelihood, soft_cross_entropy

# Smaller probabilities count as this one before a temperature flattens them: a forest's zero means "fewer than I have
# trees", and its logarithm has to be finite.
SMALLEST = 1e-7


class SoftTargets:
    """Probabilities of the classes for each row, to be met at a temperature; see :class:`sktech.labels.Labels`.

    Parameters
    ----------
    target : Tensor of shape (..., n, n_classes)
        What labels and probabilities say together at temperature 1.
    softened : Tensor of shape (..., n, n_classes), default=None
        The probabilities alone, at the temperature; None where that is 1 for all rows, and ``target`` says it all.
    temperature : Tensor of shape (..., n), default=None
    hard_weight : Tensor of shape (..., n), default=None
        Share of the class numbers in the loss; 0 where a row has none.
    """

    def __init__(self, target, softened=None, temperature=None, hard_weight=None):
        self.parts = (target, softened, temperature, hard_weight)

    @property
    def n_bytes(self):
        """The memory that they take."""
        return sum(part.nbytes for part in self.parts if part is not None)

    @classmethod
    def of(cls, labels, dtype):
        """From labels with probabilities.

        Parameters
        ----------
        labels : sktech.labels.Labels
        dtype : torch.dtype
        """
        arrays = [labels.mixture()]
        if (labels.temperature != 1).any():
            scaled = np.log(np.clip(labels.proba, SMALLEST, None)) / labels.temperature[:, None]
            softened = np.exp(scaled - scaled.max(axis=1, keepdims=True))
            arrays += [softened / softened.sum(axis=1, keepdims=True), labels.temperature, labels.hard_weight]
        return cls(*(torch.tensor(array, dtype=dtype) for array in arrays))

    def _map(self, function):
        return SoftTargets(*(None if part is None else function(part) for part in self.parts))

    def __getitem__(self, rows):
        """Those of some rows, on the device of the row numbers."""
        return self._map(lambda part: part[rows.to(part.device)].to(rows.device))

    def part(self, which):
        """Those of a slice of the rows."""
        target, softened, *of_rows = self.parts
        of_classes = [None if values is None else values[..., which, :] for values in (target, softened)]
        return SoftTargets(*of_classes, *(None if values is None else values[..., which] for values in of_rows))

    def to(self, device):
        """On a device."""
        return self._map(lambda part: part.to(device))

    def plain_loss(self, log_proba):
        """Cross-entropy at temperature 1, (..., n), of log-probabilities (..., n, n_classes)."""
        return soft_cross_entropy(log_proba, self.parts[0])

    def loss(self, log_proba, y):
        """What each row's targets say.

        Parameters
        ----------
        log_proba : Tensor of shape (..., n, n_classes)
        y : Tensor of shape (..., n), int64
            Class numbers, looked at where ``hard_weight`` is positive.

        Returns
        -------
        loss : Tensor of shape (..., n)
        """
        _, softened, temperature, hard_weight = self.parts
        if softened is None:
            return self.plain_loss(log_proba)
        at_temperature = torch.log_softmax(log_proba / temperature[..., None], dim=-1)
        soft = temperature.square() * soft_cross_entropy(at_temperature, softened)
        return torch.lerp(soft, negative_log_likelihood(log_proba, y), hard_weight.expand(soft.shape))
