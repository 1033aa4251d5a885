"""Which number of a net's answer is looked at: a class of each row, as a logit or as a probability."""

import numpy as np
import torch

from sktech._validation import check_choice, check_same_kind

# Rows of a net per pass, of all members together, forth and back: more fall out of the cache.
ROWS_PER_PASS = 2048


class Answer:
    """One number per row, as a function of points.

    Parameters
    ----------
    net : ReadNet
    points : list of Tensor of shape (..., n, width)
        Of the rows.
    target : label, int, array-like of shape (n,), or None
        The class of all rows or of each; the number of an output where there are no labels. None is what is predicted.
    output : {"logit", "probability"}

    Attributes
    ----------
    codes : Tensor of shape (n,)
        The output looked at, by number.
    target : ndarray of shape (n,)
        The labels, or these numbers.

    Raises
    ------
    ValueError
        If the target is no class of the net's, or one that had no weight in training.
    """

    def __init__(self, net, points, target, output):
        check_choice("output", output, ["logit", "probability"])
        self._net, self._output = net, output
        n = points[0].shape[-2]
        with torch.no_grad():
            logits = [self._members(rows) for rows in chunks(net, points)]
        outputs = torch.cat([self._joint(part) for part in logits])
        labels = np.arange(outputs.shape[1]) if net.classes is None else net.classes
        if target is None:
            self.codes = outputs.argmax(dim=1)
        else:
            self.codes = torch.from_numpy(_numbers(target, labels, n)).to(outputs.device)
        self.target = labels[self.codes.cpu().numpy()]
        if not torch.isfinite(outputs.gather(1, self.codes[:, None])).all() and target is not None:
            raise ValueError(f"target: expected a class that had a weight in training, got {target!r}")

    def __call__(self, points, rows=slice(None), times=1):
        """The answer for some rows, each of which comes ``times`` times, (times * n,)."""
        codes = self.codes[rows].repeat(times)
        logits = self._members(points)
        if self._output == "logit":
            return self._joint(logits).gather(1, codes[:, None])[:, 0]
        proba = torch.sigmoid(logits) if logits.shape[-1] == 1 else torch.softmax(logits, dim=-1)
        proba = proba.gather(-1, codes.expand(len(proba), -1)[..., None])[..., 0]
        return self._weights(proba) @ proba

    def _members(self, points):
        return self._net.logits(points)

    def _joint(self, logits):
        """Logits (n, n_outputs): those of one net as they are, of several the logarithms of their mean probability."""
        if len(logits) == 1:
            return logits[0]
        return torch.logsumexp(torch.log_softmax(logits, dim=-1) + self._weights(logits).log()[:, None, None], dim=0)

    def _weights(self, like):
        return self._net.weights.to(like)


def _numbers(target, labels, n):
    """Positions of labels, (n,)."""
    target = np.asarray(target)
    if target.ndim == 0:
        target = np.repeat(target, n)
    if target.shape != (n,):
        raise ValueError(f"target: expected None, one label, or one for each of {n} rows, got shape {target.shape}")
    check_same_kind(target=target, classes=labels)
    known = np.isin(target, labels)
    if not known.all():
        raise ValueError(f"target: expected labels among {labels.tolist()}, got {target[~known][0]!r}")
    return np.searchsorted(labels, target)


def chunks(net, points):
    """Points of a few rows at a time, as many as fit into a pass."""
    size = max(ROWS_PER_PASS // len(net.weights), 1)
    for start in range(0, points[0].shape[-2], size):
        yield [point[..., start : start + size, :] for point in points]
