"""The two stages of a decoupled training: first the whole net, then its last layer, as often as one likes.

One training serves all classifiers::

    net, first = NetClassifier(), FirstStage("instance")
    net._fit(X, y, None, first)
    second = SecondStage(net, first)
    for classifier in CLASSIFIERS:
        second.rebuild(classifier)
        print(classifier, net.score(X_test, y_test))
"""

from copy import deepcopy
from dataclasses import replace

import numpy as np
import torch

from sktech._threads import suitable_threads
from sktech.classifiers._recipe import Recipe
from sktech.classifiers.heads import (
    logit_temperature,
    nearest_mean_head,
    retrained_head,
    row_scales,
    tau_normalized,
)
from sktech.modules import StackedLinear, TableNet
from sktech.sampling import ClassSampler, class_probabilities
from sktech.training.net import PREDICTED_ROWS
from sktech.training.objective import last_layer, module_features

CLASSIFIERS = ("crt", "ncm", "tau", "lws", "logit_adjustment", "joint")
# What is tried for tau, as in the reference code.
TAUS = np.linspace(0, 2, 21)
# They were chosen, like the defaults, on tables and seeds of no claim.
RIDGE_OF_RETRAINED, RIDGE_OF_SCALES = 0.1, 0.01


class FirstStage(Recipe):
    """Trains a net on rows that are drawn so, and remembers who learned from which.

    Parameters
    ----------
    sampling : str
        As in :class:`DecoupledLongTailClassifier`.

    Attributes
    ----------
    rows : Rows
    learned, held_out : ndarray of shape (n_members, n)
        How often each row counts in the training of each member, and beside it.
    sizes : ndarray of shape (n_classes,)
        Copies of each class.
    """

    def __init__(self, sampling):
        self.sampling = sampling

    def sampler(self, net, learned, rows):
        if rows.labels.proba is not None:
            raise ValueError("y: expected labels of shape (n,), as classes are counted, got probabilities")
        self.rows, self.learned = rows, learned
        self.sizes = rows.labels.totals(rows.copies)
        if self.sampling == "instance":
            return super().sampler(net, learned, rows)
        copies = learned[0] if net.n_members_ == 1 else learned
        dtype = getattr(torch, net.dtype)
        return ClassSampler(rows.labels.codes, self.sampling, copies, rows.label_weight, dtype=dtype)

    def validation(self, net, held_out, rows):
        self.held_out = held_out
        if self.sampling != "instance":
            # What it aims at in the end: as if the rows had been drawn like those it learns from.
            factor = class_probabilities(self.sizes, self.sampling, progress=1.0) / self.sizes
            own = 1.0 if rows.label_weight is None else rows.label_weight
            rows = replace(rows, label_weight=own * factor[rows.labels.codes])
        return super().validation(net, held_out, rows)

    def prior(self):
        """The class probabilities (n_classes,) that the net has learned with, on average over the training."""
        weight = 1.0 if self.rows.label_weight is None else self.rows.label_weight
        per_copy = self.rows.labels.totals(self.rows.copies * weight) / self.sizes
        prior = class_probabilities(self.sizes, self.sampling, progress=0.5) * per_copy
        return prior / prior.sum()


class SecondStage:
    """Makes the last layer of a trained net anew, by any classifier and as often as wanted; all else stays.

    Parameters
    ----------
    net : NetClassifier
        Fitted with this recipe.
    first : FirstStage

    Raises
    ------
    TypeError
        If the net's module does not return what a linear layer makes of its features.
    """

    def __init__(self, net, first):
        self.layer, self.n_members = linear_head(net.net_.module_), net.n_members_
        self.weight = self._copy(self.layer.weight)
        biases = self.weight.new_zeros(self.weight.shape[:-1])
        self.bias = biases if self.layer.bias is None else self._copy(self.layer.bias)
        labels = first.rows.labels
        own = torch.from_numpy(np.flatnonzero(labels.labeled))
        self.labels = torch.from_numpy(labels.codes)[own]
        self.features = extracted(net, first.rows.data.X[own].split(PREDICTED_ROWS)).double()
        self.log_prior = torch.from_numpy(np.log(first.prior()))
        self.learned, held_out = (torch.from_numpy(part)[:, own] for part in (first.learned, first.held_out))
        # Class-balanced: for fitting each member's own rows, for choosing those of all members together.
        even = torch.from_numpy(1 / first.sizes)[self.labels]
        self.fitting = self.learned * even
        self.fitting /= self.fitting.sum(dim=1, keepdim=True)
        self.choosing = (held_out if held_out.any() else self.learned) * even
        self.choosing /= self.choosing.sum()

    def _copy(self, parameter):
        """In float64, with a member axis."""
        copy = parameter.detach().to("cpu", torch.float64, copy=True)
        return copy if self.n_members > 1 else copy.unsqueeze(0)

    def rebuild(self, classifier, tau=None):
        """Writes a new last layer into the net.

        Parameters
        ----------
        classifier : str
            As in :class:`DecoupledLongTailClassifier`; "joint" is the layer that was there at first.
        tau : float, default=None
            Of "tau"; None for the one that does best on the rows held out.

        Returns
        -------
        tau : float or None
            That of "tau".

        Raises
        ------
        TypeError
            If the classifier needs a bias and the layer has none.
        """
        if classifier == "joint":
            weight, bias = self.weight, self.bias
        elif classifier == "logit_adjustment":
            weight, bias = self.weight, self.bias - self.log_prior
        elif classifier == "tau":
            taus = TAUS if tau is None else [float(tau)]
            best, weight, bias = self._best([self._without_bias(tau_normalized(self.weight, tau)) for tau in taus])
            tau = float(taus[best])
        else:
            _, weight, bias = self._best([getattr(self, f"_{classifier}")()])
        if self.layer.bias is None and bias.any():
            raise TypeError(
                f"classifier: expected 'tau', 'lws' or 'joint' for a layer without bias, got {classifier!r}"
            )
        with torch.no_grad():
            self.layer.weight.copy_(weight.view_as(self.layer.weight))
            if self.layer.bias is not None:
                self.layer.bias.copy_(bias.view_as(self.layer.bias))
        return tau if classifier == "tau" else None

    def _crt(self):
        n_classes = self.weight.shape[1]
        return self._of_members(
            lambda m: retrained_head(self.features[m], self.labels, self.fitting[m], n_classes, RIDGE_OF_RETRAINED)
        )

    def _ncm(self):
        n_classes = self.weight.shape[1]
        return self._of_members(lambda m: nearest_mean_head(self.features[m], self.labels, self.learned[m], n_classes))

    def _lws(self):
        def scaled(m):
            given = self.features[m], self.labels, self.fitting[m], self.weight[m]
            return self._without_bias(self.weight[m] * row_scales(*given, RIDGE_OF_SCALES).unsqueeze(-1))

        return self._of_members(scaled)

    def _without_bias(self, weight):
        return weight, weight.new_zeros(weight.shape[:-1])

    def _of_members(self, head):
        """One member's head after the other's, stacked."""
        return [torch.stack(parts) for parts in zip(*map(head, range(self.n_members)), strict=True)]

    def _best(self, heads):
        """The number of the head with the highest accuracy on the rows held out (if alike, the lowest log-loss), its
        weight and its bias. All logits are multiplied by the same number, that which makes the log-loss lowest."""
        rows = [weight.nonzero().squeeze(1) for weight in self.choosing]  # of each member
        labels = torch.cat([self.labels[own] for own in rows])
        row_weight = torch.cat([weight[own] for weight, own in zip(self.choosing, rows, strict=True)])
        tried = []
        for number, (weight, bias) in enumerate(heads):
            logits = torch.cat([self.features[m, own] @ weight[m].mT + bias[m] for m, own in enumerate(rows)])
            factor, loss = logit_temperature(logits, labels, row_weight)
            accuracy = (row_weight @ (logits.argmax(dim=1) == labels).double()).item()
            tried.append((-accuracy, loss, number, factor))
        *_, best, factor = min(tried)
        return best, *(factor * part for part in heads[best])


def linear_head(module):
    """The last layer of a module, which makes logits of features.

    Raises
    ------
    TypeError
        If it is no linear layer.
    """
    layer = last_layer(module)
    if not isinstance(layer, torch.nn.Linear | StackedLinear):
        raise TypeError(
            f"estimator: expected a net whose last layer is a Linear, as it is made anew, got {type(layer).__name__}"
        )
    return layer


def extracted(net, chunks):
    """What the last layer of a fitted net sees of rows, (n_members, n, n_last), on the CPU.

    Parameters
    ----------
    net : NetClassifier
    chunks : iterable of Tensor of shape (n, n_inputs)
        The rows as the module sees them.
    """
    module = net.net_.module_
    if isinstance(module, TableNet):  # in float64, where the place of a row in the chunk does not show
        module, chunks = deepcopy(module).double(), (chunk.double() for chunk in chunks)
    with suitable_threads(module, PREDICTED_ROWS), torch.no_grad():
        parts = [module_features(module, chunk.to(net._device())).cpu() for chunk in chunks]
    # Members without hidden layers may all see the same.
    return torch.cat(parts, dim=-2).expand(net.n_members_, -1, -1)
