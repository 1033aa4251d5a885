"""From what a user gives as ``net`` (nothing, a module class, a skorch net) to the TensorNet that will be trained."""

import inspect
from contextlib import contextmanager

import numpy as np
import skorch.dataset
import torch
from sklearn.base import clone
from skorch import NeuralNet, NeuralNetClassifier
from skorch.callbacks import LRScheduler
from skorch.helper import predefined_split
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.data import DataLoader

from sktech._validation import check_number, check_sequence
from sktech.modules import Members, TableNet
from sktech.training import TensorBatches, TensorNet

# What a skorch net brings along, and so do not the parameters of the estimator around it.
_OF_THE_MODULE = ("hidden_layer_sizes", "dropout", "numeric_embedding")
_OF_THE_NET = ("lr", "lr_schedule", "weight_decay", "max_epochs", "batch_size", "optimizer", "device", *_OF_THE_MODULE)
# Steps that an objective takes over: a net that overrides one would not be trained as its author meant.
_OWN_STEPS = ("get_loss", "train_step_single", "validation_step", "infer")
# Rows per pass of the validation, of all members together.
_VALIDATED_ROWS = 4096


def check_net(estimator):
    """Refuses what cannot be trained, with the reason.

    Parameters
    ----------
    estimator : NetClassifier

    Raises
    ------
    TypeError
        If ``net`` is neither None, a callable that makes a module, nor a skorch classifier; or if the optimiser or a
        callback is none.
    ValueError
        If ``net`` and the estimator's own parameters, or the net and its criterion, contradict each other.
    """
    net = estimator.net
    _check_optimizer_and_device(estimator)
    _check_callbacks(estimator.callbacks)
    scheduled = estimator.lr_schedule is not None and not isinstance(net, NeuralNetClassifier)
    if scheduled and any(isinstance(_callback(entry), LRScheduler) for entry in estimator.callbacks or []):
        raise ValueError(
            f"callbacks: an LRScheduler sets the learning rate, and so does lr_schedule={estimator.lr_schedule!r}: "
            "set lr_schedule=None"
        )
    if isinstance(net, NeuralNetClassifier):
        _refuse_own(estimator, _OF_THE_NET, "belongs to the skorch net: set net__{} instead")
        _check_skorch_net(net)
    elif isinstance(net, torch.nn.Module):
        raise TypeError(
            f"net: expected None, a module class or a skorch net, got an instance of {type(net).__name__}: give the "
            "class, so that each fit starts from a new module"
        )
    elif isinstance(net, type) and issubclass(net, NeuralNet):
        raise TypeError(f"net: expected a skorch net as an instance, {net.__name__}(...), got the class")
    elif net is not None and not callable(net):
        raise TypeError(
            f"net: expected None, a module class, or a skorch.NeuralNetClassifier, got {type(net).__name__}"
        )
    elif net is not None:
        _refuse_own(estimator, _OF_THE_MODULE, "belongs to the built-in module, and net is one of yours")


def _check_optimizer_and_device(params):
    if not isinstance(params.optimizer, type) or not issubclass(params.optimizer, torch.optim.Optimizer):
        raise TypeError(f"optimizer: expected a class such as torch.optim.AdamW, got {params.optimizer!r}")
    try:
        device = torch.device(params.device)
    except (RuntimeError, TypeError):
        raise ValueError(f"device: expected a device such as 'cpu' or 'cuda', got {params.device!r}") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device: expected 'cpu', as torch sees no CUDA device here, got {params.device!r}")


def _check_callbacks(callbacks):
    if callbacks is None:
        return
    check_sequence("callbacks", callbacks)
    for callback in callbacks:
        if not hasattr(_callback(callback), "on_epoch_end"):
            raise TypeError(f"callbacks: expected skorch callbacks, or pairs of a name and one, got {callback!r}")


def _callback(entry):
    return entry[-1] if isinstance(entry, tuple) and entry else entry


def _refuse_own(estimator, names, reason):
    defaults = {name: value.default for name, value in inspect.signature(type(estimator)).parameters.items()}
    for name in names:
        if not np.array_equal(getattr(estimator, name), defaults[name]):
            raise ValueError(f"{name}={getattr(estimator, name)!r}: {reason.format(name)}")


def _check_skorch_net(net):
    kind = type(net)
    if kind is not NeuralNetClassifier and not isinstance(net, TensorNet):
        raise TypeError(
            f"net: expected a skorch.NeuralNetClassifier or an sktech.TensorNet, got their subclass {kind.__name__}: "
            "derive it from sktech.TensorNet instead"
        )
    stock = TensorNet if isinstance(net, TensorNet) else NeuralNetClassifier
    changed = [name for name in _OWN_STEPS if getattr(kind, name) is not getattr(stock, name)]
    if changed:
        raise TypeError(
            f"net: {kind.__name__} overrides {', '.join(changed)}, which an objective replaces: write it as an "
            "sktech.training.Objective, or train the net by itself"
        )
    _check_optimizer_and_device(net)
    check_number("net__max_epochs", net.max_epochs, int, 1)
    if net.criterion not in (torch.nn.CrossEntropyLoss, torch.nn.NLLLoss):
        raise ValueError(
            f"net: expected criterion CrossEntropyLoss or NLLLoss, got {net.criterion!r}, which gives no probabilities"
        )
    expected = {"predict_nonlinearity": "auto", "iterator_train": DataLoader, "iterator_valid": DataLoader}
    expected |= {"dataset": skorch.dataset.Dataset, "objective": None}
    for name, value in expected.items():
        if getattr(net, name, value) != value:
            raise ValueError(
                f"net: expected {name}={value!r}, got {getattr(net, name)!r}: NetClassifier sets it itself"
            )
    fixed = ("criterion__", "iterator_train__", "iterator_valid__", "dataset__")
    fixed = [name for name in net.get_params(deep=False) if name.startswith(fixed)]
    if fixed:
        raise ValueError(
            f"net: expected criterion, iterators and dataset without arguments, got {', '.join(sorted(fixed))}"
        )


def embeds(net):
    """Whether what the user gave as ``net`` wants columns to embed: the built-in module, and those like it.

    Parameters
    ----------
    net : None, callable or skorch.NeuralNetClassifier
    """
    module = getattr(net, "module", net)
    return module is None or {"bin_edges", "n_plain", "n_levels"} <= inspect.signature(module).parameters.keys()


def make_net(estimator, encoder, n_classes, n_members, batch_size):
    """A TensorNet, initialised.

    Parameters
    ----------
    estimator : NetClassifier
    encoder : TableEncoder
        Fitted; what it says of the inputs is passed to the module if its signature names it.
    n_classes : int
    n_members : int
    batch_size : int
        For a net that does not bring its own.

    Returns
    -------
    net : TensorNet
    """
    sizes = {
        "n_features_in": encoder.n_outputs_,
        "bin_edges": encoder.bin_edges_,
        "n_plain": encoder.n_plain_,
        "n_levels": encoder.n_levels_,
        "n_classes": n_classes,
    }
    feeding = {
        "iterator_train": TensorBatches,
        "iterator_train__shuffle": True,
        "iterator_train__smallest_batch": 2,
        "iterator_valid": TensorBatches,
        "iterator_valid__seed": 0,  # it draws nothing from torch's generator, which is the nets' own stream
        "iterator_valid__batch_size": max(_VALIDATED_ROWS // n_members, 64),
        "classes": list(range(n_classes)),
        "callbacks__valid_acc": None,
    }
    if not estimator.verbose:
        feeding["callbacks__print_log"] = None  # it lays out its table even where it prints none
    own_callbacks = list(estimator.callbacks or [])
    if isinstance(estimator.net, NeuralNetClassifier):
        kind = type(estimator.net) if isinstance(estimator.net, TensorNet) else TensorNet
        params = clone(estimator.net).get_params(deep=False)
        asked = _asked_for(params["module"], sizes)
        params = {name: value for name, value in params.items() if not name.startswith("_")}
        callbacks = [] if params["callbacks"] in (None, "disable") else params["callbacks"]
        params = asked | params | feeding | {"callbacks": [*callbacks, *own_callbacks]}
        net = kind(**_many(params, n_members) | {"verbose": estimator.verbose})
    else:
        params = {
            "criterion": torch.nn.CrossEntropyLoss,
            "optimizer": estimator.optimizer,
            "lr": estimator.lr,
            "max_epochs": estimator.max_epochs,
            "batch_size": batch_size,
            "device": estimator.device,
            "callbacks": own_callbacks,
            "verbose": estimator.verbose,
        }
        if "weight_decay" in inspect.signature(estimator.optimizer).parameters:
            params["optimizer__weight_decay"] = estimator.weight_decay
        if estimator.net is None:
            own = {name: getattr(estimator, name) for name in _OF_THE_MODULE}
            own["n_members"] = None if n_members == 1 else n_members
            module = {"module": TableNet} | _asked_for(TableNet, sizes | own)
        else:
            module = _many({"module": estimator.net} | _asked_for(estimator.net, sizes), n_members)
        if estimator.verbose:
            # They would be as many columns as members.
            feeding["callbacks__print_log__keys_ignored"] = ["train_losses", "valid_losses"]
        net = TensorNet(**params, **feeding, **module)
    try:
        net.initialize()
    except ValueError:  # of the optimiser, perhaps, which found no parameters
        made = getattr(net, "module_", None)
        if made is None or (isinstance(made, torch.nn.Module) and any(True for _ in made.parameters())):
            raise
        if isinstance(made, torch.nn.Module):
            raise ValueError("net: expected a module with parameters to train, got one without any") from None
        raise TypeError(
            f"net: expected a callable that makes a torch module, got one that makes {type(made).__name__}"
        ) from None
    dtype = getattr(torch, estimator.dtype)
    if any(parameter.dtype != dtype for parameter in net.module_.parameters()):
        net.module_.to(dtype)
        net.initialize_optimizer()  # an optimiser may have made its state in the other type
    return net


def _many(params, n_members):
    """Parameters of a net whose module is a committee of the module they name."""
    if n_members == 1:
        return params
    return params | {"module": Members, "module__module": params["module"], "module__n_members": n_members}


def _asked_for(module, values):
    names = inspect.signature(module).parameters
    return {f"module__{name}": value for name, value in values.items() if name in names}


def check_module(net, data, n_rows, n_classes, n_members):
    """Refuses a module that does not fit the table.

    Parameters
    ----------
    net : TensorNet
        Initialised.
    data : WeightedRows
    n_rows : int
        How many rows it trains on.
    n_classes, n_members : int

    Raises
    ------
    ValueError
        If it returns anything but one number per row and class, or no probabilities where its criterion expects them,
        or if BatchNorm would see a single row.
    """
    module = net.module_.eval()
    few = data.X[:2]
    with torch.no_grad():
        output = module(few.to(net.device))
    members = () if n_members == 1 else (n_members,)
    shape = tuple(output.shape) if isinstance(output, torch.Tensor) else type(output).__name__
    if shape != (*members, len(few), n_classes):
        shape = shape if isinstance(shape, str) else shape[len(members) :]
        raise ValueError(
            f"net: expected a module that returns a tensor of shape (n, {n_classes}), one column per class, got "
            f"{shape} for {len(few)} rows of {data.X.shape[1]} inputs"
        )
    if net.criterion is torch.nn.NLLLoss and not torch.allclose(output.abs().sum(-1), torch.ones_like(output[..., 0])):
        raise ValueError(
            "net: NLLLoss expects a module that returns probabilities, got others: end it with a softmax, or use "
            "criterion=torch.nn.CrossEntropyLoss"
        )
    if n_rows == 1 and any(isinstance(part, _BatchNorm) for part in module.modules()):
        raise ValueError("X: BatchNorm cannot be trained on 1 sample: expected two distinct rows to learn from")


@contextmanager
def learning():
    """Gradients inside the block, whatever mode the caller is in."""
    with torch.inference_mode(False), torch.enable_grad():
        yield


def feed(net, data, train, valid, *, objective, seed, callbacks, n_epochs):
    """Trains a net on some rows and validates it on others.

    What belongs to this training alone (data, objective, callbacks) is not kept in the net.

    Parameters
    ----------
    net : TensorNet
        Initialised.
    data : WeightedRows
        All rows.
    train : MemberRows
        Those to learn from.
    valid : MemberRows or None
        Those to validate on.
    objective : callable
        Makes the objective.
    seed : int
        Of the order of the batches.
    callbacks : list of skorch callbacks
        Called after the net's own.
    n_epochs : int
    """
    only_now = {
        "train_split": None if valid is None else predefined_split(data),
        "iterator_train__shuffle": False,
        "iterator_train__sampler": train,
        "iterator_valid__sampler": valid,
        "objective": objective,
        "iterator_train__seed": seed,
        "max_epochs": n_epochs,
        "callbacks_": [*net.callbacks_, *((type(callback).__name__, callback) for callback in callbacks)],
    }
    before = {name: getattr(net, name, None) for name in only_now}
    vars(net).update(only_now)
    try:
        net.partial_fit(data, None)
    except KeyError as error:
        _refuse_callback_that_misses(net, error, valid)
        raise
    finally:
        vars(net).update(before)
        for record in net.history:
            record["batches"] = []


def _refuse_callback_that_misses(net, error, valid):
    """Names the callback that looked for what the history does not hold, if that is what the error says."""
    recorded = dict(list.__getitem__(net.history, -1)) if net.history else {}
    for _, callback in net.callbacks_:
        name = getattr(callback, "monitor", None)
        if isinstance(name, str) and name not in recorded and repr(name) in str(error):
            known = ", ".join(sorted(key for key, value in recorded.items() if isinstance(value, float)))
            reason = "" if valid is not None else ", as no rows are held out; early_stopping=True in fit holds out some"
            raise ValueError(
                f"callbacks: expected {type(callback).__name__} to monitor what is recorded ({known}), got "
                f"{name!r}{reason}"
            ) from error
