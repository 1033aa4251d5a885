"""Nets of several classifiers, trained in one module with a leading member axis, as if each were alone.

Each draws its random numbers from a stream of its own (:mod:`sktech._streams`), keeps its own best epochs and ends by
itself, and its weights, its history and the state of its optimiser are its own afterwards.
"""

import numpy as np
import torch
from skorch.history import History

from sktech._random import seeded_torch, spawn_seed
from sktech._streams import get_global_state, streams
from sktech._threads import suitable_threads
from sktech.classifiers._best import BestEpochs
from sktech.classifiers._build import check_module, feed, learning, make_net
from sktech.classifiers.net import BATCHES, TRAINING
from sktech.modules import member_tensors
from sktech.sampling import SideBySide


def train_side_by_side(estimators, seeds, data, train, valid, objective):
    """Trains the nets of several classifiers in one module with a leading member axis.

    Parameters
    ----------
    estimators : list of NetClassifier
        Which have read the table, and differ in nothing that concerns a training.
    seeds : list of int
    data : WeightedRows
    train, valid : list of MemberRows
        Of equal length; ``valid`` of None where nothing is held out.
    objective : callable
        Makes the objective.

    Returns
    -------
    nets : list of TensorNet
        As if each had been trained by itself.
    """
    first = estimators[0]
    n_each, n_classes, device = first.n_members_, len(first._trained), torch.device(first._device())
    n_rows = len(train[0])
    batch_size = first._choose_batch(n_rows)
    nets, generators = [], []
    with learning():
        for estimator, seed in zip(estimators, seeds, strict=True):
            with seeded_torch(spawn_seed(seed, TRAINING, 0), device):
                nets.append(make_net(estimator, first._encoder, n_classes, n_each, batch_size))
                check_module(nets[-1], data, n_rows, n_classes, n_each)
                generators.append(torch.Generator(device))
                generators[-1].set_state(get_global_state(device))
        with seeded_torch(seeds[0], device):
            stack = make_net(first, first._encoder, n_classes, n_each * len(nets), batch_size)
            places = [slice(i * n_each, (i + 1) * n_each) for i in range(len(nets))]
            for net, place in zip(nets, places, strict=True):
                for own, shared in _tensors(net, stack):
                    shared[place] = own
            watchers = first._watchers()
            best = next((watcher for watcher in watchers if isinstance(watcher, BestEpochs)), None)
            if best is not None:
                watchers[watchers.index(best)] = best = _BestEpochs(best.patience, places)
            with suitable_threads(stack.module_, stack.batch_size), streams(generators):
                feed(
                    stack,
                    data,
                    SideBySide(train, [spawn_seed(seed, BATCHES, 0) for seed in seeds]),
                    None if valid[0] is None else SideBySide(valid),
                    objective=objective,
                    seed=0,
                    callbacks=watchers,
                    n_epochs=stack.max_epochs,
                )
        for i, (net, place) in enumerate(zip(nets, places, strict=True)):
            for own, shared in _tensors(net, stack):
                own.copy_(shared[place])
            ended = None if best is None else best.optimizer_states.get(i)
            for parameter, state in zip(_parameters(net), ended or _optimizer_state(stack, place), strict=True):
                net.optimizer_.state[parameter] = {
                    name: value.reshape(parameter.shape) if value.ndim else value for name, value in state.items()
                }
            records = stack.history[: len(stack.history) if best is None else best.n_epochs[i]]
            net.history_ = History(_own_record(record, place) for record in records)
    return nets


def _tensors(net, stack):
    return zip(member_tensors(net.module_), member_tensors(stack.module_), strict=True)


def _parameters(net):
    return [parameter for group in net.optimizer_.param_groups for parameter in group["params"]]


def _optimizer_state(stack, place):
    """What the optimiser remembers of some members' parameters, such as their momentum: a dictionary for each."""
    return [
        {
            name: (value[place] if value.shape == parameter.shape else value).clone()
            for name, value in stack.optimizer_.state[parameter].items()
        }
        for parameter in _parameters(stack)
    ]


class _BestEpochs(BestEpochs):
    """Early stopping of trainings that run in step, which remembers the optimiser's state at the end of each."""

    def __init__(self, patience, places):
        super().__init__(patience, len(places))
        self.places = places
        self.optimizer_states = {}

    def on_training_end(self, net, training):
        self.optimizer_states[training] = _optimizer_state(net, self.places[training])


def _own_record(record, place):
    """An epoch's record of one of the estimators."""
    record = dict(record, batches=[])
    for losses, loss in (("train_losses", "train_loss"), ("valid_losses", "valid_loss")):
        if losses in record:
            own = record.pop(losses)[place]
            record[loss] = np.mean(own)
            if len(own) > 1:
                record[losses] = own
    return record
