"""Which number of a net's answer is looked at: a class of each row, as a logit or as a probability."""

import numpy as np
import torch

from sktech._validation import check_choice, check_same_kind

# Rows of a net per pass, of all members together, forth and back: more fall out of the cache. Of a wide table they are
# as many as have so many numbers, but not fewer than 512.
ROWS_PER_PASS, NUMBERS_PER_PASS, FEWEST_ROWS = 2048, 2**18, 512
# How many times as many on a GPU, where a pass of few rows is nothing but waiting.
ON_GPU = 32


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
    output : str
    name, mean_name : str
        What the number is; what it would be if the logits of several members were averaged.

    Raises
    ------
    ValueError
        If the target is no class of the net's, or one that had no weight in training.
    """

    def __init__(self, net, points, target, output):
        check_choice("output", output, ["logit", "probability"])
        self._net, self.output = net, output
        several = len(net.weights) > 1
        self.name = output if output == "probability" or not several else "log-probability"
        self.mean_name = "mean logit" if several else "logit"
        n = points[0].shape[-2]
        with torch.no_grad():
            outputs = torch.cat([self._joint(net.logits(rows)) for rows in chunks(net, points)])
        self._n_outputs = outputs.shape[1]
        # One output for two classes is the log-odds of the second.
        self._is_odds = outputs.shape[1] == 1 and net.classes is not None and len(net.classes) == 2
        labels = np.arange(outputs.shape[1]) if net.classes is None else net.classes
        if target is not None:
            self.codes = torch.from_numpy(label_numbers("target", target, labels, n)).to(outputs.device)
        elif self._is_odds:
            self.codes = (outputs[:, 0] > 0).long()
        else:
            self.codes = outputs.argmax(dim=1)
        self.target = labels[self.codes.cpu().numpy()]
        if not self._is_odds and torch.isneginf(outputs.gather(1, self.codes[:, None])).any():
            raise ValueError(f"target: expected a class that had a weight in training, got {target!r}")

    def __call__(self, points, rows=slice(None), times=1):
        """The answer for some rows, each of which comes ``times`` times, (times * n,)."""
        return self.of_embedded(self._net.embed(points), rows, times)

    def of_embedded(self, embedded, rows=slice(None), times=1):
        """The same for points that are embedded already."""
        logits, codes = self._net.answers(embedded), self.codes[rows].repeat(times)
        if self._is_odds:
            logits, codes = logits * (2 * codes - 1)[:, None], torch.zeros_like(codes)
        if self.output == "logit":
            return self._joint(logits, codes)[:, 0]
        is_odds = self._is_odds or (self._net.classes is None and logits.shape[-1] == 1)
        proba = torch.sigmoid(logits) if is_odds else torch.softmax(logits, dim=-1)
        return self._weights(logits) @ _chosen(proba, codes)[..., 0]

    def counts(self, rows=slice(None)):
        """What each output counts in the logit that is looked at, (n, n_outputs): 1 or 0, and -1 for log-odds."""
        if self._is_odds:
            return 2 * self.codes[rows, None] - 1
        return torch.nn.functional.one_hot(self.codes[rows], self._n_outputs)

    def values(self, points):
        """The answers to all rows, (n,)."""
        values, first = [], 0
        with torch.no_grad():
            for part in chunks(self._net, points):
                rows = slice(first, first + part[0].shape[-2])
                values.append(self(part, rows).double().cpu().numpy())
                first = rows.stop
        return np.concatenate(values)

    def gradients(self, points):
        """Of the answers to all rows, with respect to points: list of Tensor of shape (..., n, width), float64."""
        gradients, first = [], 0
        for part in chunks(self._net, points):
            rows, part = slice(first, first + part[0].shape[-2]), [point.clone().requires_grad_() for point in part]
            with torch.enable_grad():
                answers = self(part, rows)
            gradients.append([slope.double().cpu() for slope in slopes(answers, part)])
            first = rows.stop
        return [torch.cat(parts, dim=-2) for parts in zip(*gradients, strict=True)]

    def _joint(self, logits, codes=None):
        """Logits (n, n_outputs), or those of chosen outputs, (n, 1): those of one net as they are, of several the
        logarithms of their mean probability."""
        if len(logits) == 1:
            return _chosen(logits, codes)[0]
        log_proba = _chosen(torch.log_softmax(logits, dim=-1), codes)
        return torch.logsumexp(log_proba + self._weights(logits).log()[:, None, None], dim=0)

    def _weights(self, like):
        return self._net.weights.to(like)


def _chosen(values, codes):
    """One of the outputs of each row: (n_members, n, n_outputs) -> (n_members, n, 1); all if codes is None."""
    return values if codes is None else values.gather(-1, codes.expand(len(values), -1)[..., None])


def label_numbers(name, given, labels, n):
    """Positions of labels among all, (n,).

    Parameters
    ----------
    name : str
        Of the parameter, for errors.
    given : label or array-like of shape (n,)
    labels : ndarray of shape (n_labels,)
        Sorted.
    n : int

    Raises
    ------
    ValueError
        If there is another number of labels, or one that is not among all.
    """
    given = np.asarray(given)
    if given.ndim == 0:
        given = np.repeat(given, n)
    if given.shape != (n,):
        raise ValueError(f"{name}: expected a label, or one for each of {n} rows, got shape {given.shape}")
    check_same_kind(**{name: given, "classes": labels})
    known = np.isin(given, labels)
    if not known.all():
        raise ValueError(f"{name}: expected labels among {labels.tolist()}, got {given[~known].tolist()[0]!r}")
    return np.searchsorted(labels, given)


def chunks(net, points):
    """Points of a few rows at a time, as many as fit into a pass."""
    size = rows_per_pass(net)
    for start in range(0, points[0].shape[-2], size):
        yield [point[..., start : start + size, :] for point in points]


def slopes(answers, points):
    """Gradients of answers (n,), each of which depends on its own row of points alone, with respect to these.

    Raises
    ------
    TypeError
        If the answers do not follow from the points by steps that can be differentiated.
    """
    if not answers.requires_grad:
        raise TypeError("estimator: expected an answer that can be differentiated, got one that is not")
    return torch.autograd.grad(answers.sum(), points, allow_unused=True, materialize_grads=True)


def rows_per_pass(net):
    """Of a ReadNet."""
    rows = min(ROWS_PER_PASS, max(NUMBERS_PER_PASS // len(net.feature_names), FEWEST_ROWS))
    if any(parameter.is_cuda for module in net.modules for parameter in module.parameters()):
        rows *= ON_GPU
    return max(rows // len(net.weights), 1)
