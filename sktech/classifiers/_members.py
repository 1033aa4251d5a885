"""Many classifiers that differ in their seeds and in their share of the rows, trained side by side or one by one.

Both ways give the same. Each classifier starts from its own seed, learns from its own rows in its own order, draws its
own random numbers, stops by itself, and is an ordinary fitted classifier afterwards. What is read off the table before
a training (columns, scales, bins, levels, the weights of classes, how many rows make an epoch) is the same for all.
"""

from dataclasses import dataclass, replace

import numpy as np
import torch
from joblib import effective_n_jobs
from sklearn.utils.parallel import Parallel, delayed
from skorch import NeuralNetClassifier

from sktech._random import draw_seed
from sktech._undo import noting
from sktech.classifiers._build import embeds
from sktech.classifiers._read import read_rows
from sktech.classifiers._side_by_side import train_side_by_side
from sktech.classifiers.net import NetClassifier
from sktech.table import TableEncoder
from sktech.training import Objective, TensorNet
from sktech.training._optimizers import ELEMENTWISE_OPTIMIZERS

# Rows per step, of all nets side by side, up to which it is cheaper to train them so than one by one; beyond, what a
# step has to remember falls out of the cache (``benchmarks/ensembles.py`` measures it). A GPU has no such limit nearby.
ROWS_PER_STEP = {"cpu": 2560, "cuda": 2**17}


def fit_members(
    estimators,
    X,
    y,
    sample_weight,
    shares,
    *,
    names=None,
    stacked="auto",
    n_jobs=None,
    verbose=0,
    numbers=None,
    extra=Objective,
):
    """Fits classifiers that differ in ``random_state`` alone, each on its own share of the rows.

    Parameters
    ----------
    estimators : list of NetClassifier
        Not fitted yet.
    X, y, sample_weight
        As ``fit`` takes them: the rows that columns, classes and their weights are read off.
    shares : ndarray of shape (n_estimators, n)
        Weights of the rows in the training of each estimator.
    names : list of str, default=None
        What each estimator is called if its training fails; None is "net 1 of 10" and so on.
    stacked : bool or "auto", default="auto"
        Whether they train side by side; "auto" does so while that is the faster way.
    n_jobs : None or int, default=None
        Processes that share the work.
    verbose : int, default=0
        As joblib has it.
    numbers : ndarray of shape (n_estimators, n_classes), int, default=None
        0 or 1, what each estimator takes each class for; None leaves the classes as they are.
    extra : callable, default=Objective
        Makes an objective that is added to the estimators' own.

    Raises
    ------
    ValueError
        If ``stacked`` is True and they cannot be trained side by side.
    """
    first = estimators[0]
    first._check_params()
    obstacle = _obstacle(first)
    if stacked is True and obstacle:
        raise ValueError(f"stacked: expected 'auto' or False, as {obstacle}, got True")
    rows = read_rows(first, X, y, sample_weight, fresh=True, shares=shares)
    first.n_members_ = first._choose_members(len(rows.copies))
    first._encoder = TableEncoder(first._reader.n_numbers_, embeds(first.net))
    first._encoder.fit(rows.Z, rows.importance(rows.copies))
    common = {name: value for name, value in vars(first).items() if name not in first.get_params(deep=False)}
    if numbers is not None:
        numbers = numbers[:, first._trained]
        common |= {"classes_": np.arange(2), "_trained": np.arange(2)}
    shares, rows.shares, rows.origin = rows.shares, None, None
    parts, n = [], len(estimators)
    names = [f"net {k + 1} of {n}" for k in range(n)] if names is None else names
    for k, (estimator, name) in enumerate(zip(estimators, names, strict=True)):
        vars(estimator).update(common)
        seed = draw_seed(estimator.random_state)
        with noting(f"while fitting {name}"):
            held_out = estimator._held_out(rows, shares[k], seed, estimator.early_stopping)
        own = None if numbers is None else numbers[k]
        parts.append(_Part(estimator, name, seed, shares[k] - held_out, held_out, own))
    lengths = [max(np.count_nonzero(part, axis=-1).max() for part in kind) for kind in _samples(parts)]

    size = _size(first, lengths[0]) if stacked == "auto" else len(parts)
    size = 1 if obstacle or not stacked else max(size, 1)
    n_groups = min(len(parts), max(-(-len(parts) // size), effective_n_jobs(n_jobs)))
    groups = [parts[group[0] : group[-1] + 1] for group in np.array_split(np.arange(len(parts)), n_groups)]
    inputs = first._encoder.transform(rows.Z, first.dtype)
    trained = Parallel(n_jobs=n_jobs, verbose=verbose)(
        delayed(_train)(group, rows, inputs, lengths, extra) for group in groups
    )
    for estimator, net in zip(estimators, (net for group in trained for net in group), strict=True):
        estimator._keep(net)


def members_proba(estimators, X):
    """Each classifier's probabilities, (n_estimators, n, n_classes); those fitted together read the table but once.

    Parameters
    ----------
    estimators : list of NetClassifier
        Fitted, and with the same classes.
    X : data frame or array-like of shape (n, n_features)
    """
    first = estimators[0]
    if any(estimator._encoder is not first._encoder for estimator in estimators):
        proba = [estimator.predict_proba(X) for estimator in estimators]
    else:
        chunks = list(first._inputs(X))
        proba = [estimator._proba(chunks) for estimator in estimators]
    proba = np.stack(proba).astype(np.float64)
    return proba / proba.sum(axis=-1, keepdims=True)


@dataclass
class _Part:
    """What is one estimator's own in a training."""

    estimator: NetClassifier
    name: str
    seed: int
    learned: np.ndarray  # (n_members, n): how often each row counts
    held_out: np.ndarray
    numbers: np.ndarray  # (n_classes,): what it takes each class for, or None

    def samplers(self, rows, lengths):
        """Those to learn from and those to validate on, or None."""
        train = self.estimator._training_sampler(self.learned, rows, length=lengths[0])
        return train, self.estimator._sampler(self.held_out, rows, shuffle=False, length=lengths[1])


def _samples(parts):
    return [part.learned for part in parts], [part.held_out for part in parts]


def _obstacle(estimator):
    """A reason why such estimators cannot be trained side by side, or None."""
    net, optimizer = estimator.net, estimator.optimizer
    callbacks = estimator.callbacks
    if estimator._draws_its_own_rows:
        return f"{type(estimator).__name__} decides which rows are in a step"
    if isinstance(net, NeuralNetClassifier):
        if type(net) not in (NeuralNetClassifier, TensorNet):
            return f"{type(net).__name__} may do what only a single net can"
        if isinstance(net.module, torch.nn.Module):
            return "the module of the skorch net is an instance"
        if any("param_groups" in name for name in net.get_params(deep=False)):
            return "groups of parameters are named after those of a single net"
        optimizer = net.optimizer
        callbacks = callbacks or (None if net.callbacks == "disable" else net.callbacks)
    if callbacks:
        return "callbacks watch the training of a single net"
    if optimizer not in ELEMENTWISE_OPTIMIZERS:
        return f"{optimizer.__name__} does not treat each number of a net by itself"
    return None


def _size(estimator, n_rows):
    """How many estimators to train side by side."""
    rows_per_step = ROWS_PER_STEP.get(torch.device(estimator._device()).type, ROWS_PER_STEP["cuda"])
    return rows_per_step // (estimator._rows_per_step(n_rows) * estimator.n_members_)


def _train(parts, *how):
    """The trained nets of some estimators."""
    names = parts[0].name if len(parts) == 1 else f"{parts[0].name} to {parts[-1].name}, side by side"
    with noting(f"while fitting {names}"):
        return _trained(parts, *how)


def _trained(parts, rows, inputs, lengths, extra):
    first = parts[0].estimator
    own = [part.numbers for part in parts]
    own = None if own[0] is None else own[0] if len(own) == 1 else np.repeat(own, first.n_members_, axis=0)
    rows = replace(rows, numbers=own)
    # What comes to another process may be a map of a file that nobody writes to, which torch does not like.
    data = rows.data = rows.tensors(inputs if inputs.flags.writeable else inputs.copy())

    def objective():
        return first._make_objective(rows) + extra()

    if len(parts) > 1:
        train, valid = zip(*(part.samplers(rows, lengths) for part in parts), strict=True)
        estimators, seeds = [part.estimator for part in parts], [part.seed for part in parts]
        return train_side_by_side(estimators, seeds, data, train, valid, objective)
    rows.learned = parts[0].learned
    train, valid = parts[0].samplers(rows, lengths)
    first._learn(data, train, valid, objective, parts[0].seed, watchers=first._watchers())
    return [first.net_]
