"""Laws of fits that are interrupted or fail, anywhere: old or unfitted, never half-trained; and the world as it was."""

import os
import pickle
import signal
import sys
import threading
import warnings
from contextlib import contextmanager
from inspect import CO_GENERATOR, isclass
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import skorch
import torch
from joblib import parallel_config
from numpy.testing import assert_array_equal
from sklearn.base import clone, is_classifier
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import Callback, EarlyStopping
from small_fits import CASES, UserModule, answer, digest, nets, single, state
from torch import nn

import sktech
from sktech import (
    BaggingVoteEnsemble,
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    DistilledClassifier,
    NetClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    TensorNet,
)
from sktech.inspection import Memorizer

# No RuntimeError: after one of these the members of a user's module are tried one by one. And no KeyError: from one
# skorch's history concludes that it does not hold something.
ERRORS = [KeyboardInterrupt, MemoryError, OSError, ZeroDivisionError, FloatingPointError]
WATCHED = tuple(str(Path(package.__file__).parent) for package in (sktech, skorch))


class Fault:
    """Raises an error when functions of sktech and skorch have been entered for the k-th time, which is where Python
    looks for interruptions; or one of them. Generators do not count, as errors get lost where they are closed."""

    def __init__(self, error=None, k=0, into=None):
        self.error, self.k, self.into, self.n_calls = error, k, into, 0

    def _trace(self, frame, event, arg):
        code = frame.f_code
        watched = code.co_filename.startswith(WATCHED) and not code.co_flags & CO_GENERATOR
        if watched and (self.into is None or code is self.into.__code__):
            self.n_calls += 1
            if self.n_calls == self.k:
                raise self.error

    def __enter__(self):
        sys.settrace(self._trace)
        return self

    def __exit__(self, *error):
        sys.settrace(None)


def world():
    numpy_state = pickle.dumps(np.random.get_state())  # noqa: NPY002
    modes = torch.get_default_dtype(), torch.is_grad_enabled(), torch.is_inference_mode_enabled()
    counts = torch.get_num_threads(), threading.active_count()
    return torch.get_rng_state().tolist(), numpy_state, modes, counts, repr(warnings.filters)


@contextmanager
def untouched(model, X):
    """What the model is and answers, and what is global, are the same after the block."""
    fitted = [name for name in vars(model) if name.endswith("_")]
    before = answer(model, X) if fitted else None
    held, around = state(model), world()
    yield
    assert world() == around
    assert state(model) == held
    if fitted:
        assert_array_equal(answer(model, X), before)
    else:
        with pytest.raises(NotFittedError):
            model.predict(X)


def failing(call, error, k):
    """Calls with a fault, which has to come out as it went in."""
    with pytest.raises(type(error)) as caught, Fault(error, k):
        call()
    assert caught.value is error


def number_of_calls(call):
    with Fault() as fault:
        call()
    return fault.n_calls


def test_every_public_estimator_is_here():
    public = [getattr(sktech, name) for name in sktech.__all__]
    public = {kind for kind in public if isclass(kind) and kind is not TensorNet and is_classifier(kind())}
    assert {type(make()) for make in CASES.values()} == public | {Memorizer}


# ------------------------------------------------------------ anywhere


@pytest.mark.parametrize("n_places", [6, pytest.param(60, marks=pytest.mark.slow)])
@pytest.mark.parametrize("n_fits", [0, 1])
def test_an_error_anywhere_leaves_what_was_there(n_fits, n_places, case, data):
    X, y = data
    model = case()
    for _ in range(n_fits):
        model.fit(X[:30], y[:30])
    other = case().fit(X, y)  # what is found out once in a process is known now
    n = number_of_calls(lambda: other.fit(X, y))
    # The last call is the end of a fit that is done.
    places = np.unique([1, *np.linspace(2, n - 1, n_places).astype(int)])
    for i, k in enumerate(places):
        with untouched(model, X):
            failing(lambda: model.fit(X, y), ERRORS[i % len(ERRORS)]("injected"), k)
    assert digest(model.fit(X, y), X) == digest(other, X), "and no trace is found later"


def test_an_error_anywhere_in_partial_fit_leaves_what_was_there(net_case, data):
    X, y = data
    model, other = net_case(), net_case()
    for n_calls in range(2):
        n = number_of_calls(lambda: net_case().partial_fit(X, y, classes=[0, 1, 2]))
        for i, k in enumerate(np.linspace(1, 0.9 * n, 5).astype(int)):
            with untouched(model, X):
                failing(lambda: model.partial_fit(X, y, classes=[0, 1, 2]), ERRORS[i](f"in call {n_calls}"), k)
        for each in (model, other):
            each.partial_fit(X, y, classes=[0, 1, 2])
        assert digest(model, X) == digest(other, X), "neither the weights nor the optimiser's momentum"


def test_an_error_while_a_warm_start_goes_on_leaves_what_was_there(net_case, data):
    X, y = data
    model, other = (net_case(warm_start=True).fit(X, y) for _ in range(2))
    n = number_of_calls(lambda: net_case().fit(X, y))
    for i, k in enumerate(np.linspace(1, 0.9 * n, 5).astype(int)):
        error = ERRORS[1 + i % 4]("injected")  # but for KeyboardInterrupt, see below
        with untouched(model, X):
            failing(lambda error=error, k=k: model.fit(X, y), error, k)
    assert digest(model.fit(X, y), X) == digest(other.fit(X, y), X)


def test_an_interrupted_warm_start_without_a_finished_epoch_leaves_what_was_there(net_case, data):
    X, y = data
    model = net_case(warm_start=True, callbacks=[Raising("never", KeyboardInterrupt)]).fit(X, y)
    model.callbacks[0].hook = "on_batch_end"
    with untouched(model, X), pytest.raises(KeyboardInterrupt):
        model.fit(X, y)


def test_an_interruption_on_the_way_into_the_loop_is_not_lost(data):
    model, fault = nets(), Fault(KeyboardInterrupt(), 1, into=TensorNet.fit_loop)
    with untouched(model, data[0]), pytest.raises(KeyboardInterrupt), fault:
        model.fit(*data)


def test_an_error_while_members_are_added_leaves_those_that_were_there(data):
    X, y = data
    model, other = (BaggingVoteEnsemble(single(), 2, warm_start=True, random_state=0).fit(X, y) for _ in range(2))
    model.set_params(n_estimators=4)
    n = number_of_calls(lambda: BaggingVoteEnsemble(single(), 2, random_state=0).fit(X, y))
    for i, k in enumerate(np.linspace(1, 0.9 * n, 6).astype(int)):
        with untouched(model, X):
            failing(lambda: model.fit(X, y), ERRORS[i % len(ERRORS)]("injected"), k)
    assert digest(model.fit(X, y), X) == digest(other.set_params(n_estimators=4).fit(X, y), X)


@pytest.mark.parametrize("net", [None, UserModule], ids=["built in", "user's"])
def test_an_error_anywhere_while_classes_are_added_leaves_those_that_were_there(net, data):
    X, y = data
    params = {"max_epochs": 2, "n_members": 2, "random_state": 0}
    model, other = (PrototypeClassifier(net=net, **params).fit(X, y) for _ in range(2))
    more = X[:10] + 5, np.repeat([7, 9], 5)
    n = number_of_calls(lambda: other.add_classes(*more))
    for i, k in enumerate(range(1, n + 1, max(n // 12, 1))):
        with untouched(model, X):
            failing(lambda: model.add_classes(*more), ERRORS[i % len(ERRORS)]("injected"), k)
    assert digest(model.add_classes(*more), X) == digest(other, X)


# ------------------------------------------------------------ a loss that diverges, a callback that raises


@pytest.mark.parametrize("n_fits", [0, 1])
def test_a_loss_that_stops_being_finite_leaves_what_was_there(n_fits, with_nets, data):
    X, y = data
    model = with_nets()
    for _ in range(n_fits):
        model.fit(X, y)
    model.set_params(**with_nets(optimizer=torch.optim.SGD, lr=1e30).get_params(deep=False))
    with untouched(model, X), pytest.raises(FloatingPointError, match=r"loss.* became (nan|inf|-inf) in epoch"):
        model.fit(X, y)


class Raising(Callback):
    """Raises in one hook. It holds a class, as some libraries have errors pickled with where they were raised."""

    def __init__(self, hook, error):
        self.hook, self.error = hook, error

    def _raise_in(self, hook):
        if self.hook == hook:
            raise self.error("the callback's")

    def on_train_begin(self, net, X=None, y=None, **kwargs):
        self._raise_in("on_train_begin")

    def on_epoch_begin(self, net, **kwargs):
        self._raise_in("on_epoch_begin")

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self._raise_in("on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self._raise_in("on_epoch_end")

    def on_train_end(self, net, X=None, y=None, **kwargs):
        self._raise_in("on_train_end")


@pytest.mark.parametrize("hook", [name for name in vars(Raising) if name.startswith("on_")])
def test_a_callback_that_raises_leaves_what_was_there(hook, with_nets, data):
    X, y = data
    for error in (KeyboardInterrupt, KeyError):
        model = with_nets(callbacks=[Raising(hook, error)])
        with untouched(model, X), pytest.raises(error, match="the callback's"):
            model.fit(X, y)
    old = with_nets().fit(X, y)
    old.set_params(**model.get_params(deep=False))
    with untouched(old, X), pytest.raises(KeyError, match="the callback's"):
        old.fit(X, y)


@pytest.mark.parametrize("kind", [NetClassifier, CleanPrototypeClassifier])
def test_a_callback_that_monitors_what_is_not_recorded_is_named_with_the_way_out(kind, data):
    for call in ("fit", "partial_fit"):
        model = nets(kind, early_stopping=call == "partial_fit", callbacks=[EarlyStopping()])
        args = data if call == "fit" else (*data, [0, 1, 2])
        with pytest.raises(ValueError, match=r"^callbacks: .*EarlyStopping.*train_loss.*'valid_loss', as no rows are"):
            getattr(model, call)(*args)
    with pytest.raises(ValueError, match=r"EarlyStopping .*train_loss, valid_loss\), got 'valid_acc'$"):
        nets(kind, early_stopping=True, callbacks=[EarlyStopping(monitor="valid_acc")]).fit(*data)
    stopped = nets(kind, early_stopping=True, max_epochs=50, callbacks=[EarlyStopping(patience=2, threshold=1e9)])
    assert stopped.fit(*data).n_iter_ == 3


# ------------------------------------------------------------ who failed


class OutOfMemory(nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.layer = nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        if self.training:
            raise RuntimeError("DefaultCPUAllocator: can't allocate memory")
        return self.layer(X)


BROKEN = NetClassifier(OutOfMemory, max_epochs=1)
PLACES = {
    "one by one": (BaggingVoteEnsemble(BROKEN, 3, stacked=False), "while fitting member 1 of 3"),
    "side by side": (
        BaggingVoteEnsemble(BROKEN, 4, stacked=True),
        "while fitting member 1 of 4 to member 4 of 4, side by side",
    ),
    "columns": (BaggingVoteEnsemble(BROKEN, 2, max_features=2), "while fitting member 1 of 2"),
    "bit": (OutputCodeEnsemble(BROKEN, stacked=False), "while fitting the member of bit 1 of 3"),
    "disagreement": (DisagreementEnsemble(BROKEN), "while fitting member 1 of 2"),
    "student": (DistilledClassifier(None, BROKEN, cv=2), "while fitting student 1"),
    "teacher": (DistilledClassifier(BROKEN, cv=2), "while fitting teacher, fold 1 of 2"),
    "net": (DecoupledLongTailClassifier(BROKEN), "in the first stage, the training of the whole net"),
}


@pytest.mark.parametrize(("model", "note"), PLACES.values(), ids=PLACES)
def test_an_error_says_which_member_or_stage_failed(model, note, data):
    with untouched(model, data[0]), pytest.raises(RuntimeError, match="can't allocate memory") as caught:
        model.fit(*data)
    assert note in caught.value.__notes__


REFUSING = {
    "bagging": (BaggingVoteEnsemble(DecisionTreeClassifier(), 2, random_state=0), "estimator", "member 1 of 2"),
    "bit": (OutputCodeEnsemble(DecisionTreeClassifier(), random_state=0), "estimator", "the member of bit 1 of 3"),
    "teacher": (DistilledClassifier(DecisionTreeClassifier(), single(), cv=2), "teacher", "teacher, fold 1 of 2"),
    "student": (DistilledClassifier(None, make_pipeline(StandardScaler(), single()), cv=2), "student", "student 1"),
}


@pytest.mark.parametrize(("model", "role", "who"), REFUSING.values(), ids=REFUSING)
def test_a_refusal_says_whose_it_is(model, role, who, data):
    X, y = data
    words = pd.DataFrame({"a": X[:, 0], "b": np.where(y == 1, "some", "other"), "c": X[:, 2]})
    numbers = pd.DataFrame(X, columns=["a", "b", "c"])
    with untouched(model, X), pytest.raises(ValueError, match=rf"^{role}: could not convert string") as caught:
        model.fit(words, y)
    assert f"while fitting {who}" in caught.value.__notes__
    model.fit(numbers, y)
    for ask in (model.predict, model.predict_proba, model.predict_log_proba):
        with pytest.raises(ValueError, match=rf"^{role}: could not convert string|column 'b': expected") as caught:
            ask(words)
        assert role != "estimator" or f"while asking {who}" in caught.value.__notes__


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", ["one by one", "side by side", "columns", "bit"])
def test_an_error_in_another_worker_says_which_member_failed(name, backend, data):
    broken = clone(PLACES[name][0])
    fitted = clone(broken).set_params(estimator=single(), random_state=0).fit(*data).set_params(estimator=BROKEN)
    for model in (broken.set_params(n_jobs=2), fitted.set_params(n_jobs=2)):
        held, error = state(model), pytest.raises(RuntimeError, match="can't allocate memory")
        with parallel_config(backend), error as caught:
            model.fit(*data)
        assert caught.value.__notes__[-1].startswith("while fitting")
        assert state(model) == held


def test_the_stage_after_the_training_is_told_from_it(data):
    X, y = data
    model = DecoupledLongTailClassifier(nets(), classifier="tau", random_state=0)
    n = number_of_calls(lambda: model.fit(X, y))
    error = MemoryError()
    failing(lambda: model.fit(X, y), error, n - 20)
    assert "in the second stage, a new last layer by classifier='tau'" in error.__notes__


def test_a_diverging_net_among_several_is_named(data):
    class Diverges(nn.Module):
        n_made = 0

        def __init__(self, n_features_in, n_classes):
            super().__init__()
            self.layer = nn.Linear(n_features_in, n_classes)
            Diverges.n_made += 1
            if Diverges.n_made == 2:
                nn.init.constant_(self.layer.weight, torch.inf)

        def forward(self, X):
            return self.layer(X)

    with pytest.raises(FloatingPointError, match="training loss of net 2 of 3 became nan in epoch 1, batch 1"):
        NetClassifier(Diverges, n_members=3, random_state=0).fit(*data)


# ------------------------------------------------------------ Ctrl-C


@pytest.mark.parametrize("seconds", [0.05, 0.4])
def test_ctrl_c_ends_a_fit_and_leaves_nothing_fitted(seconds, with_nets, data):
    X, y = data
    model = with_nets(max_epochs=10**5, early_stopping=False)
    timer = threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGINT))
    with untouched(model, X):
        timer.start()
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, y)
        timer.join()
