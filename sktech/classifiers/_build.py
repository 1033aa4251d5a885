"""From what a user gives as ``net`` (nothing, a module class, a skorch net) to the TensorNet that will be trained."""

import inspect

import torch
from sklearn.base import clone
from skorch import NeuralNetClassifier
from skorch.helper import predefined_split
from torch.utils.data import DataLoader

from sktech.modules import MLP
from sktech.training import TensorBatches, TensorNet

# What a skorch net brings along, and so do not the parameters of the estimator around it.
_OF_THE_NET = ("lr", "weight_decay", "max_epochs", "batch_size", "optimizer", "device", "hidden_layer_sizes", "dropout")
_OF_THE_MODULE = ("hidden_layer_sizes", "dropout")
# Steps that an objective takes over: a net that overrides one would not be trained as its author meant.
_OWN_STEPS = ("get_loss", "train_step_single", "validation_step", "infer")
# Rows per pass of the validation.
_VALIDATED_ROWS = 4096


def check_net(estimator):
    """Refuses what cannot be trained, with the reason.

    Parameters
    ----------
    estimator : NetClassifier

    Raises
    ------
    TypeError
        If ``net`` is neither None, a callable that makes a module, nor a skorch classifier.
    ValueError
        If ``net`` and the estimator's own parameters, or the net and its criterion, contradict each other.
    """
    net = estimator.net
    if net is None:
        return
    if isinstance(net, torch.nn.Module):
        raise TypeError(
            f"net: expected None, a module class or a skorch net, got an instance of {type(net).__name__}: give the "
            "class, so that each fit starts from a new module"
        )
    if isinstance(net, NeuralNetClassifier):
        _refuse_own(estimator, _OF_THE_NET, "belongs to the skorch net: set net__{} instead")
        _check_skorch_net(net)
    elif callable(net):
        _refuse_own(estimator, _OF_THE_MODULE, "belongs to the built-in module, and net is one of yours")
    else:
        raise TypeError(
            f"net: expected None, a module class, or a skorch.NeuralNetClassifier, got {type(net).__name__}"
        )


def _refuse_own(estimator, names, reason):
    defaults = {name: value.default for name, value in inspect.signature(type(estimator)).parameters.items()}
    for name in names:
        if getattr(estimator, name) != defaults[name]:
            raise ValueError(f"{name}={getattr(estimator, name)!r}: {reason.format(name)}")


def _check_skorch_net(net):
    kind = type(net)
    if kind is not NeuralNetClassifier and not isinstance(net, TensorNet):
        raise TypeError(
            f"net: expected a skorch.NeuralNetClassifier or an sktech.TensorNet, got their subclass {kind.__name__}: "
            "derive it from sktech.TensorNet instead"
        )
    changed = [name for name in _OWN_STEPS if getattr(kind, name) is not getattr(_stock_class(kind), name)]
    if changed:
        raise TypeError(
            f"net: {kind.__name__} overrides {', '.join(changed)}, which an objective replaces: write it as an "
            "sktech.training.Objective, or train the net by itself"
        )
    params = net.get_params(deep=False)
    criteria = (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss)
    if net.criterion not in criteria:
        raise ValueError(
            f"net: expected criterion CrossEntropyLoss or NLLLoss, got {net.criterion!r}, which gives no probabilities"
        )
    if net.predict_nonlinearity != "auto":
        raise ValueError(f"net: expected predict_nonlinearity='auto', got {net.predict_nonlinearity!r}")
    if net.iterator_train not in (DataLoader, TensorBatches):
        raise ValueError(f"net: expected no iterator of its own, got iterator_train={net.iterator_train!r}")
    fixed = [name for name in params if name.startswith(("criterion__", "iterator_train__", "iterator_valid__"))]
    fixed = [name for name in fixed if name != "iterator_train__batch_size"]
    if fixed:
        raise ValueError(f"net: expected criterion and iterators without arguments, got {', '.join(sorted(fixed))}")


def _stock_class(kind):
    return TensorNet if issubclass(kind, TensorNet) else NeuralNetClassifier


def make_net(estimator, n_features_in, n_classes):
    """A TensorNet, initialised, that predicts ``n_classes`` classes from ``n_features_in`` inputs.

    Parameters
    ----------
    estimator : NetClassifier
    n_features_in, n_classes : int
        Passed to the module if its signature names them.

    Returns
    -------
    net : TensorNet
    """
    sizes = {"n_features_in": n_features_in, "n_classes": n_classes}
    feeding = {
        "iterator_train": TensorBatches,
        "iterator_train__shuffle": True,
        "iterator_train__smallest_batch": 2,
        "iterator_valid": TensorBatches,
        "iterator_valid__batch_size": _VALIDATED_ROWS,
        "classes": list(range(n_classes)),
        "callbacks__valid_acc": None,
    }
    own_callbacks = list(estimator.callbacks or [])
    if isinstance(estimator.net, NeuralNetClassifier):
        kind = type(estimator.net) if isinstance(estimator.net, TensorNet) else TensorNet
        params = clone(estimator.net).get_params(deep=False)
        asked = _asked_for(params["module"], sizes)
        params = {name: value for name, value in params.items() if not name.startswith("_")}
        params = asked | params | feeding | {"callbacks": [*(params["callbacks"] or []), *own_callbacks]}
        net = kind(**params | {"verbose": estimator.verbose})
    else:
        net = TensorNet(
            MLP if estimator.net is None else estimator.net,
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=estimator.optimizer,
            lr=estimator.lr,
            max_epochs=estimator.max_epochs,
            batch_size=estimator.batch_size,
            device=estimator.device,
            callbacks=own_callbacks,
            verbose=estimator.verbose,
            **feeding,
            **_module_and_optimizer(estimator, sizes),
        )
    net.initialize()
    net.module_.to(getattr(torch, estimator.dtype))
    return net


def _module_and_optimizer(estimator, sizes):
    if estimator.net is None:
        units = tuple(estimator.hidden_layer_sizes)
        params = _asked_for(MLP, sizes | {"hidden_layer_sizes": units, "dropout": estimator.dropout})
    else:
        params = _asked_for(estimator.net, sizes)
    if "weight_decay" in inspect.signature(estimator.optimizer).parameters:
        params["optimizer__weight_decay"] = estimator.weight_decay
    return params


def _asked_for(module, values):
    names = inspect.signature(module).parameters
    return {f"module__{name}": value for name, value in values.items() if name in names}


def feed(net, train, valid, *, objective, seed, callbacks, n_epochs):
    """Trains a net on one data set and validates it on another.

    What belongs to this training alone (data, objective, callbacks) is not kept in the net.

    Parameters
    ----------
    net : TensorNet
        Initialised.
    train : WeightedRows
    valid : WeightedRows or None
    objective : callable
        Makes the objective.
    seed : int
        Of the order of the batches.
    callbacks : list of skorch callbacks
        Called after the net's own.
    n_epochs : int
    """
    only_now = {
        "train_split": None if valid is None else predefined_split(valid),
        "objective": objective,
        "iterator_train__seed": seed,
        "max_epochs": n_epochs,
        "callbacks_": [*net.callbacks_, *((type(callback).__name__, callback) for callback in callbacks)],
    }
    before = {name: getattr(net, name, None) for name in only_now}
    vars(net).update(only_now)
    try:
        net.partial_fit(train, None)
    finally:
        vars(net).update(before)
        for record in net.history:
            record["batches"] = []
