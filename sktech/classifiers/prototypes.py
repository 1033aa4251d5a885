"""PrototypeClassifier: a class is the mean of its rows where the net has put them (prototypical networks)."""

from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from sklearn.utils.validation import check_is_fitted
from torch import nn

from sktech._threads import suitable_threads
from sktech._validation import check_labels, check_number, check_table, check_weights
from sktech.classifiers._earlier import copied
from sktech.classifiers.net import NetClassifier
from sktech.losses import cross_entropy
from sktech.modules import StackedLinear
from sktech.sampling import ClassGroups
from sktech.training import Objective
from sktech.training.net import PREDICTED_ROWS
from sktech.training.objective import Forward, last_layer

# An epoch has at least so many steps, however small the table.
_MIN_EPISODES = 10


@dataclass(kw_only=True, eq=False, repr=False)
class PrototypeClassifier(NetClassifier):
    """Nets that put the rows of a class close together, so that a class is known by the mean of a few of its rows.

    Each step of the training is an *episode*: some classes, some rows of each whose mean is the class's prototype
    (*support*), and other rows that have to be closest to their own (*queries*). What is learned is a space, the inputs
    of the net's last layer, in which distances tell classes apart; even classes that were not there in training, as
    long as they are of the same kind. Such classes are enrolled afterwards from a handful of rows, without training::

        clf = PrototypeClassifier().fit(X, y)
        clf.add_classes(X_new, y_new)  # now it knows these, too

    Parameters
    ----------
    n_way : int, default=20
        N_C of the paper: classes of an episode, at most; at least 2.
    n_support : int, default=5
        N_S of the paper: rows of each class that make its prototype, at least 1.
    n_query : int, default=5
        N_Q of the paper: rows of each class that are to be classified, at least 1.
    dropout : float or "jumpout", default=0.0
        As in :class:`NetClassifier`, but off: what it silences moves a row away from its class.
    **params
        All other parameters of :class:`NetClassifier`, by name. ``batch_size`` does not apply, as an episode is a step.

    Attributes
    ----------
    classes_, net_, n_members_, history_, n_iter_, n_features_in_, feature_names_in_
        As in :class:`NetClassifier`.

    Raises
    ------
    ValueError, TypeError, FloatingPointError
        As in :class:`NetClassifier`; and from ``fit``, if the net's output is not that of a ``Linear`` with a bias, or
        if ``y`` holds probabilities, as a row of an episode is of one class.

    Notes
    -----
    With f(x) the embedding of a row and c_k the prototype of class k,

        p(y = k | x) is proportional to w_k exp(-|f(x) - c_k|^2),

    with ``class_weight`` w_k. That is a linear classifier in f, with logits 2 c_k f(x) - |c_k|^2 + log w_k, and it
    stands in the last layer of ``net_``. The prototypes there are means, weighted by ``sample_weight``, of the rows
    that a member has learned from. Classes count alike however many rows they have, so that ``class_weight="balanced"``
    changes nothing but what early stopping looks at.

    An epoch has as many episodes as draw each row about once, and at least 10. Each class has the same part in it; a
    class with fewer rows than an episode wants of it gives some of them more than once.

    The embedding keeps what tells the old classes apart, and it may lack what tells new ones apart. It pays where there
    are many old classes and the new ones differ from each other in the same ways, among inputs that say nothing;
    trained on six of the ten digits, it tells the others apart from each other less well than the inputs themselves do
    (``benchmarks/results/unseen_classes.md``). Distances in the features of a plain net were about as good.

    Departures from the paper: the embedding is what the last hidden layer makes, whatever its width; and there is w_k,
    so that ``class_weight`` means something.

    References
    ----------
    J. Snell, K. Swersky and R. Zemel, "Prototypical Networks for Few-shot Learning", NeurIPS 2017, equations 1, 2 and 8
    and algorithm 1, https://arxiv.org/abs/1703.05175

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sktech import PrototypeClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> old, new = y < 7, y >= 7
    >>> clf = PrototypeClassifier(n_members=2, max_epochs=8, random_state=0).fit(X[old], y[old])
    >>> clf.add_classes(X[new][:40], y[new][:40]).classes_.tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]
    >>> clf.score(X, y) > 0.8
    True
    """

    n_way: int = field(default=20, kw_only=False)
    n_support: int = 5
    n_query: int = 5
    dropout: object = 0.0
    net: object = None

    _draws_its_own_rows = True

    def _check_params(self):
        super()._check_params()
        check_number("n_way", self.n_way, int, 2)
        check_number("n_support", self.n_support, int, 1)
        check_number("n_query", self.n_query, int, 1)

    def _training_sampler(self, copies, rows, length=None):
        if rows.labels.proba is not None:
            raise ValueError("y: expected labels, as a row of an episode is of one class, got probabilities")
        members, codes = np.atleast_2d(copies), rows.data.y.numpy()
        n_way = min(self.n_way, *(len(np.unique(codes[member > 0])) for member in members))
        group_size = self.n_support + self.n_query
        n_episodes = max(-(-np.count_nonzero(members, axis=1).max() // (n_way * group_size)), _MIN_EPISODES)
        copies = copies[0] if self.n_members_ == 1 else copies
        return ClassGroups(copies, codes, group_size, n_way, n_episodes, distinct=True)

    def _learn(self, *data, n_done=0, **how):
        self._goes_on = n_done > 0
        try:
            super()._learn(*data, n_done=n_done, **how)
        finally:
            del self._goes_on

    def _make_objective(self, rows):
        weight = None if self.class_weight == "balanced" else rows.label_weight
        return Episodes(self.n_support, self.n_query, rows, weight, self._goes_on)

    def add_classes(self, X, y, sample_weight=None):
        """Enrols further classes: each gets the mean of its embedded rows as its prototype. Nothing is trained.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
            A handful of rows of each class, or more.
        y : array-like of shape (n,)
            Their labels, none of which is known yet.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row.

        Returns
        -------
        self : PrototypeClassifier
            ``classes_`` holds the new labels too, sorted. The prototypes of the others are what they were.

        Raises
        ------
        ValueError
            If a label is among ``classes_``, is of another type than they, or has no weight.
        """
        check_is_fitted(self)
        X = check_table(self, X, reset=False)
        classes, codes = check_labels(self, X, y)
        weight = check_weights(X, sample_weight)
        known, given = (_kind(labels) for labels in (self.classes_, classes))
        if known != given:
            raise ValueError(f"y: expected labels of the type of those that are known, {known}, got {given}")
        known = np.isin(classes, self.classes_)
        if known.any():
            raise ValueError(f"y: expected labels of classes that are not known yet, got {classes[known].tolist()}")
        if not np.bincount(codes, weight).all():
            raise ValueError("sample_weight: expected a positive weight in each new class, got zeros for all its rows")
        # The net that is there is not touched: it is what remains if this fails.
        inputs, net = torch.cat(list(self._inputs(X))), copied(self.net_)
        module = net.module_.eval()
        with torch.no_grad(), suitable_threads(module, PREDICTED_ROWS):
            prototypes, _ = class_means(module, inputs, torch.from_numpy(codes), torch.from_numpy(weight), len(classes))
            given = self.class_weight if isinstance(self.class_weight, dict) else {}
            factors = torch.tensor([given.get(label, 1.0) for label in classes.tolist()], dtype=torch.float64)
            added, layer = linear_head(prototypes, factors), last_layer(module)
            labels = np.concatenate([self.classes_[self._trained], classes])
            order = torch.from_numpy(np.argsort(labels))
            for name, axis in (("weight", -2), ("bias", -1)):
                own = getattr(layer, name)
                both = torch.cat([own, added[name].to(own)], axis).index_select(axis, order.to(own.device))
                setattr(layer, name, nn.Parameter(both, own.requires_grad))
        if isinstance(layer, nn.Linear):
            layer.out_features = len(labels)
        net.classes = list(range(len(labels)))
        classes = np.unique(np.concatenate([self.classes_, classes]))
        vars(self).update(net_=net, classes_=classes, _trained=np.searchsorted(classes, np.sort(labels)))
        return self


def _kind(labels):
    """The type of labels, in a word."""
    names = {"b": "bool", "i": "int", "u": "int", "f": "float", "U": "str", "S": "bytes"}
    return names.get(labels.dtype.kind) or type(labels[0]).__name__


class Episodes(Objective):
    """Queries are to be closest to the prototype of their own class, and the head gets the prototypes of all rows.

    Parameters
    ----------
    n_support, n_query : int
        A step is made of groups of so many rows of one class: first the support, then the queries.
    rows : Rows
    class_weight : ndarray of shape (n,) or None
        Factor of the probability of each row's class.
    goes_on : bool
        Whether a class without rows keeps the prototype it has; otherwise it is never predicted.
    """

    def __init__(self, n_support, n_query, rows, class_weight, goes_on):
        super().__init__()
        self.n_support, self.n_query = n_support, n_query
        self.inputs, self.codes = rows.data.X, rows.data.y
        self.learned = torch.from_numpy(rows.learned if len(rows.learned) > 1 else rows.learned[0])
        self.class_weight = None if class_weight is None else torch.from_numpy(class_weight)
        self.goes_on = goes_on

    def begin_epoch(self, module):
        layer = last_layer(module)
        if not isinstance(layer, nn.Linear | StackedLinear) or layer.bias is None or "weight" not in layer._parameters:
            raise TypeError(f"net: expected a module whose last layer is a Linear with a bias, got {layer}")
        if not self.goes_on:
            with torch.no_grad():
                layer.weight.zero_()
                layer.bias.fill_(torch.finfo(layer.bias.dtype).min)
        self.goes_on = True

    def rows(self, forward, batch):
        groups = forward.features(batch.X).unflatten(-2, (-1, self.n_support + self.n_query))
        support, queries = groups.split([self.n_support, self.n_query], dim=-2)
        prototypes, queries = support.mean(-2), queries.flatten(-3, -2)
        logits = 2 * queries @ prototypes.mT - prototypes.square().sum(-1).unsqueeze(-2)
        target = torch.arange(prototypes.shape[-2], device=logits.device).repeat_interleave(self.n_query)
        loss = cross_entropy(logits, target).unflatten(-1, (-1, self.n_query))
        # One value per row: nothing for the support, and for the queries what makes the mean of all that of theirs.
        return F.pad(loss * (self.n_support / self.n_query + 1), (self.n_support, 0)).flatten(-2)

    def end_epoch(self, module):
        module.eval()
        layer = last_layer(module)
        n_classes = layer.weight.shape[-2]
        with torch.no_grad():
            prototypes, totals = class_means(module, self.inputs, self.codes, self.learned, n_classes)
            factors = torch.ones(n_classes, dtype=torch.float64)
            if self.class_weight is not None:
                factors[self.codes] = self.class_weight
            seen = (totals > 0).to(layer.weight.device)
            for name, value in linear_head(prototypes, factors).items():
                own = getattr(layer, name)
                own.copy_(torch.where(seen.unsqueeze(-1) if name == "weight" else seen, value.to(own), own))


def class_means(module, inputs, codes, weight, n_classes):
    """Weighted means of the embedded rows of each class.

    Parameters
    ----------
    module : torch.nn.Module
        In evaluation mode.
    inputs : Tensor of shape (n, n_inputs)
    codes : Tensor of shape (n,), int64
    weight : Tensor of shape (n,) or (n_members, n), float64
    n_classes : int

    Returns
    -------
    means : Tensor of shape (..., n_classes, n_units), float64
        NaN for a class without weight.
    totals : Tensor of shape (n_classes,) or (n_members, n_classes), float64
        Weights of the classes.
    """
    device, sums, totals = next(module.parameters()).device, 0, 0
    for rows in torch.arange(len(inputs)).split(PREDICTED_ROWS):
        X = inputs[rows].to(device)
        shares = weight[..., None, rows] * F.one_hot(codes[rows], n_classes).T
        sums = sums + shares.to(device) @ Forward(module, X).features(X).double()
        totals = totals + shares.sum(-1)
    return sums / totals.unsqueeze(-1).to(device), totals


def linear_head(prototypes, factors):
    """The linear layer whose logits are log w - |f - c|^2, but for what is the same for all classes.

    Parameters
    ----------
    prototypes : Tensor of shape (..., n_classes, n_units)
        c.
    factors : Tensor of shape (n_classes,)
        w.

    Returns
    -------
    head : dict of str to Tensor
        ``weight`` (..., n_classes, n_units) and ``bias`` (..., n_classes).
    """
    return {"weight": 2 * prototypes, "bias": factors.to(prototypes).log() - prototypes.square().sum(-1)}
