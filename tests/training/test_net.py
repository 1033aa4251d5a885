"""TensorNet keeps skorch's promises, and its own."""

import copy
import pickle

import numpy as np
import pytest
import skorch
import torch
from scipy import sparse
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.model_selection import GridSearchCV
from skorch.callbacks import BatchScoring, Callback, EarlyStopping, EpochScoring, GradientNormClipping, LRScheduler
from skorch.dataset import ValidSplit
from torch import nn

from sktech import TensorNet
from sktech.training import StopTraining, TensorBatches


class Net(nn.Module):
    """Dropout and BatchNorm: whatever differs in random numbers or modes shows."""

    def __init__(self, width=16):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(20, width), nn.BatchNorm1d(width), nn.ReLU(), nn.Dropout(0.3))
        self.head = nn.Linear(width, 3)

    def forward(self, X):
        return self.head(self.body(X))


class Probabilities(Net):
    def forward(self, X):
        return super().forward(X).softmax(-1)


@pytest.fixture(scope="module")
def data():
    X, y = make_classification(303, 20, n_informative=10, n_classes=3, random_state=0)
    return X.astype(np.float32), y


def fitted(kind, X, y, **params):
    """A net fitted from a fixed seed, and the random number drawn after it."""
    defaults = {
        "module": Net,
        "criterion": nn.CrossEntropyLoss,
        "lr": 0.01,
        "max_epochs": 3,
        "batch_size": 32,
        "verbose": 0,
    }
    params = defaults | params | {"callbacks": copy.deepcopy(params.get("callbacks"))}
    torch.manual_seed(1)
    net = kind(**params).fit(X, y)
    return net, torch.rand(1).item()


def without_times(history):
    return [{key: value for key, value in record.items() if key != "dur"} for record in history]


def assert_same_training(X, y, **params):
    stock, stock_draw = fitted(skorch.NeuralNetClassifier, X, y, **params)
    net, draw = fitted(TensorNet, X, y, **params)
    for name, value in stock.module_.state_dict().items():
        assert torch.equal(net.module_.state_dict()[name], value), name
    assert without_times(net.history) == without_times(stock.history)
    assert draw == stock_draw, "another number of random numbers was drawn"
    return stock, net


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"iterator_train__shuffle": True},
        {"optimizer__momentum": 0.9, "optimizer__fused": False, "iterator_train__shuffle": True},
        {"optimizer": torch.optim.AdamW, "optimizer__fused": True, "iterator_train__shuffle": True},
        {"optimizer": torch.optim.Adam, "optimizer__fused": False},
        {"optimizer": torch.optim.RMSprop},
        {"optimizer": torch.optim.LBFGS, "batch_size": -1},
        {"module": Probabilities, "criterion": nn.NLLLoss},
        {"criterion": nn.CrossEntropyLoss, "criterion__label_smoothing": 0.1},
        {"train_split": None, "batch_size": 50, "iterator_train__drop_last": True},
        {"train_split": ValidSplit(0.3, stratified=True, random_state=3), "iterator_valid__batch_size": 7},
        {"callbacks": [EpochScoring("accuracy", on_train=True), BatchScoring("accuracy", name="batch_accuracy")]},
        {"callbacks": [EpochScoring("neg_log_loss", lower_is_better=False, use_caching=False)]},
        {"callbacks": [GradientNormClipping(0.1), LRScheduler(torch.optim.lr_scheduler.StepLR, step_size=1)]},
        {"callbacks": [EarlyStopping(patience=1, threshold=0.5, sink=str)], "max_epochs": 20},
        {"callbacks": "disable"},
        {"optimizer__param_groups": [("head*", {"lr": 0.1})]},
    ],
    ids=lambda params: ",".join(params) or "defaults",
)
def test_trains_like_skorch_to_the_last_bit(data, params):
    assert_same_training(*data, **params)


def test_draws_from_a_given_generator_like_a_data_loader(data):
    def generator():
        return torch.Generator().manual_seed(5)

    stock, _ = fitted(
        skorch.NeuralNetClassifier, *data, iterator_train__shuffle=True, iterator_train__generator=generator()
    )
    net, _ = fitted(TensorNet, *data, iterator_train__shuffle=True, iterator_train__generator=generator())
    assert torch.equal(net.module_.head.weight, stock.module_.head.weight)


def test_takes_a_torch_sampler(data):
    X, y = data
    sampler = torch.utils.data.SubsetRandomSampler(range(0, 300, 2))
    assert_same_training(X, y, train_split=None, iterator_train__sampler=sampler)


class FromDict(Net):
    def forward(self, numbers):
        return super().forward(numbers)


class Custom(torch.utils.data.Dataset):
    def __init__(self, X, y):
        self.X, self.y = X, y

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], self.y[i]


class OtherLoader(torch.utils.data.DataLoader):
    pass


def is_whole(net, X, y):
    return isinstance(net.get_iterator(net.get_dataset(X, y), training=True), TensorBatches)


def test_what_is_no_plain_array_goes_through_the_data_loader(data):
    X, y = data
    _, net = assert_same_training({"numbers": X}, y, module=FromDict)
    assert not is_whole(net, {"numbers": X}, y)
    _, net = assert_same_training(sparse.csr_matrix(X), y)
    assert not is_whole(net, sparse.csr_matrix(X), y)
    _, net = assert_same_training(X, y, iterator_train=OtherLoader)
    assert not is_whole(net, X, y)
    _, net = assert_same_training(X, y, dataset=Custom)
    assert not is_whole(net, X, y)


@pytest.mark.parametrize("convert", [torch.from_numpy, np.asfortranarray, lambda X: X[::-1]])
def test_arrays_and_tensors_become_whole_tensor_batches(data, convert):
    X, y = data
    _, net = assert_same_training(convert(X), y)
    assert is_whole(net, convert(X), y)


def test_uses_the_fused_optimiser_unless_told_otherwise(data):
    assert fitted(TensorNet, *data, optimizer=torch.optim.AdamW)[0].optimizer_.defaults["fused"] is True
    assert (
        fitted(TensorNet, *data, optimizer=torch.optim.AdamW, optimizer__foreach=True)[0].optimizer_.defaults["fused"]
        is None
    )
    assert "fused" not in fitted(TensorNet, *data, optimizer=torch.optim.RMSprop)[0].optimizer_.defaults


def test_a_module_with_sparse_gradients_keeps_the_default_optimiser():
    class Bag(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = nn.EmbeddingBag(10, 2, sparse=True)

        def forward(self, X):
            return self.table(X)

    X = np.random.RandomState(0).randint(10, size=(60, 4))
    assert_same_training(X, X[:, 0] % 2, module=Bag)


class Recorder(Callback):
    """Remembers which hooks were called, and with what kind of batch."""

    def __init__(self):
        self.calls = []

    def on_batch_begin(self, net, batch=None, training=None, **kwargs):
        self.calls.append(("begin", training, len(batch[0])))

    def on_batch_end(self, net, batch=None, training=None, **kwargs):
        self.calls.append(
            ("end", training, net.history[-1, "batches", -1, ("train_loss" if training else "valid_loss")])
        )

    def on_grad_computed(self, net, named_parameters, **kwargs):
        self.calls.append(("grad", [name for name, parameter in named_parameters if parameter.grad is not None]))


def test_batch_hooks_are_called_where_someone_listens(data):
    stock = Recorder()
    stock_net = skorch.NeuralNetClassifier(
        Net, criterion=nn.CrossEntropyLoss, callbacks=[stock], max_epochs=2, verbose=0
    )
    ours = Recorder()
    net = TensorNet(Net, criterion=nn.CrossEntropyLoss, callbacks=[ours], max_epochs=2, verbose=0)
    for each in (stock_net, net):
        torch.manual_seed(0)
        each.fit(*data)
    assert ours.calls == stock.calls
    assert {call[0] for call in ours.calls} == {"begin", "end", "grad"}


@pytest.mark.parametrize(
    "hook",
    [
        "notify",
        "on_batch_begin",
        "on_batch_end",
        "on_grad_computed",
        "infer",
        "get_loss",
        "train_step",
        "train_step_single",
        "validation_step",
        "get_iterator",
        "evaluation_step",
        "run_single_epoch",
        "get_train_step_accumulator",
        "_zero_grad_optimizer",
        "_step_optimizer",
    ],
)
def test_what_a_subclass_overrides_is_called(data, hook):
    calls = []

    def override(base):
        def method(self, *args, **kwargs):
            calls.append(hook)
            return getattr(super(overriding[base], self), hook)(*args, **kwargs)

        return method

    overriding = {}
    for base in (skorch.NeuralNetClassifier, TensorNet):
        overriding[base] = type("Sub", (base,), {hook: override(base)})
    counts = []
    for kind in overriding.values():
        calls.clear()
        net, _ = fitted(kind, *data, max_epochs=2)
        net.predict_proba(data[0][:20])
        counts.append(len(calls))
    assert counts[0] == counts[1] > 0


def test_a_train_step_may_record_into_the_history(data):
    class Norms(TensorNet):
        def train_step(self, batch, **fit_params):
            self.history.record_batch("mean_input", float(batch[0].mean()))
            return super().train_step(batch, **fit_params)

    net, _ = fitted(Norms, *data)
    batches = net.history[-1, "batches"]
    assert all(("mean_input" in record) == ("train_loss" in record) for record in batches)


class Raising(Callback):
    def __init__(self, what, hook="on_epoch_end", at=2):
        self.what, self.hook, self.at = what, hook, at

    def _raise(self, net, hook):
        if hook == self.hook and len(net.history) == self.at:
            raise self.what

    def on_epoch_end(self, net, **kwargs):
        self._raise(net, "on_epoch_end")

    def on_batch_end(self, net, **kwargs):
        self._raise(net, "on_batch_end")


@pytest.mark.parametrize("hook", ["on_epoch_end", "on_batch_end"])
def test_an_interruption_leaves_fit_and_partial_fit_goes_on(data, hook):
    net = TensorNet(
        Net, criterion=nn.CrossEntropyLoss, callbacks=[Raising(KeyboardInterrupt, hook)], max_epochs=5, verbose=0
    )
    with pytest.raises(KeyboardInterrupt):
        net.fit(*data)
    assert net.initialized_
    assert len(net.history) == 2
    net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if not isinstance(callback, Raising)]
    net.partial_fit(*data)
    assert len(net.history) == 7


def test_an_interruption_inside_the_module_leaves_fit(data):
    class Interrupted(Net):
        def forward(self, X):
            if self.training:
                raise KeyboardInterrupt
            return super().forward(X)

    with pytest.raises(KeyboardInterrupt):
        fitted(TensorNet, *data, module=Interrupted)


def test_an_interruption_tells_callbacks_that_training_ended(data):
    class Closing(Callback):
        closed_ = 0

        def on_train_end(self, net, **kwargs):
            self.closed_ += 1

    closing = Closing()
    net = TensorNet(
        Net, criterion=nn.CrossEntropyLoss, callbacks=[closing, Raising(KeyboardInterrupt)], max_epochs=5, verbose=0
    )
    with pytest.raises(KeyboardInterrupt):
        net.fit(*data)
    assert closing.closed_ == 1


def test_stop_training_ends_it_quietly(data):
    net, _ = fitted(TensorNet, *data, callbacks=[Raising(StopTraining)], max_epochs=5)
    assert len(net.history) == 2


def diverging(**params):
    return {
        "lr": 1e38,
        "max_epochs": 4,
        "batch_size": 32,
        "module": nn.Linear,
        "module__in_features": 20,
        "module__out_features": 3,
        **params,
    }


def test_a_diverging_loss_names_the_place_and_the_remedy(data):
    net = TensorNet(criterion=nn.CrossEntropyLoss, verbose=0, **diverging())
    with pytest.raises(
        FloatingPointError, match=r"epoch \d+, batch \d+.*learning rate \(lr=1e\+38 now\).*scale"
    ) as caught:
        net.fit(*data)
    assert "epoch 1" in str(caught.value)
    assert not net.initialized_
    with pytest.raises(skorch.exceptions.NotInitializedError):
        net.predict(data[0])
    net.set_params(lr=0.01).fit(*data)
    assert np.isfinite(net.predict_proba(data[0])).all()


def test_after_a_diverging_partial_fit_the_net_is_what_it_was(data):
    X, y = data
    net, _ = fitted(TensorNet, X, y, optimizer=torch.optim.AdamW)
    before, n_epochs = net.predict_proba(X), len(net.history)
    broken = X.copy()
    broken[100] = np.nan
    with pytest.raises(FloatingPointError, match=f"epoch {n_epochs + 1}, batch"):
        net.partial_fit(broken, y)
    assert np.array_equal(net.predict_proba(X), before)
    assert len(net.history) == n_epochs
    assert all(torch.isfinite(value).all() for state in net.optimizer_.state.values() for value in state.values())


def test_weights_that_overflow_in_the_very_last_step_do_not_look_fitted(data):
    net = TensorNet(
        criterion=nn.CrossEntropyLoss, verbose=0, train_split=None, **diverging(lr=1e45, max_epochs=1, batch_size=-1)
    )
    with pytest.raises(FloatingPointError):
        net.fit(*data)
    assert not net.initialized_


def test_negative_outputs_under_nll_are_told_from_divergence(data):
    with pytest.warns(UserWarning, match="expected probabilities, got negative numbers"):
        fitted(TensorNet, *data, criterion=nn.NLLLoss, max_epochs=1)


@pytest.mark.parametrize("n_rows", [1, 303, 10000])
def test_predictions_in_large_chunks_equal_predictions_in_batches(data, n_rows):
    net, _ = fitted(TensorNet, *data)
    X = np.resize(data[0], (n_rows, 20))
    in_batches = net.forward(X).softmax(-1).numpy()
    np.testing.assert_allclose(net.predict_proba(X), in_batches, atol=1e-6)
    np.testing.assert_allclose(net.logits(torch.from_numpy(X)).softmax(-1).numpy(), in_batches, atol=1e-6)


def test_logits_of_a_net_with_probabilities_are_their_logarithms(data):
    net, _ = fitted(TensorNet, *data, module=Probabilities, criterion=nn.NLLLoss)
    np.testing.assert_allclose(
        net.logits(torch.from_numpy(data[0])).exp().numpy(), net.predict_proba(data[0]), atol=1e-6
    )


def test_pickles_clones_and_searches(data):
    X, y = data
    net, _ = fitted(TensorNet, X, y)
    assert np.array_equal(pickle.loads(pickle.dumps(net)).predict_proba(X), net.predict_proba(X))
    assert not clone(net).initialized_
    search = GridSearchCV(net, {"module__width": [4, 8], "lr": [0.1]}, cv=2, scoring="accuracy").fit(X, y)
    assert search.best_estimator_.module_.head.in_features in (4, 8)


def test_saves_and_loads_parameters(data, tmp_path):
    net, _ = fitted(TensorNet, *data)
    net.save_params(f_params=tmp_path / "weights.pt", f_optimizer=tmp_path / "optimizer.pt")
    other = clone(net).initialize()
    other.load_params(f_params=tmp_path / "weights.pt", f_optimizer=tmp_path / "optimizer.pt")
    assert np.array_equal(other.predict_proba(data[0]), net.predict_proba(data[0]))


def test_learns_over_several_seeds(data):
    X, y = data
    scores = []
    for seed in range(3):
        torch.manual_seed(seed)
        net = TensorNet(
            Net,
            criterion=nn.CrossEntropyLoss,
            optimizer=torch.optim.AdamW,
            lr=0.01,
            max_epochs=15,
            batch_size=16,
            iterator_train__shuffle=True,
            train_split=None,
            verbose=0,
        )
        scores.append((net.fit(X, y).predict(X) == y).mean())
    assert min(scores) > 0.7  # a third by chance


def test_an_optimiser_that_accumulates_gradients_is_left_to_do_so(data):
    """skorch's recipe: zero_grad and step act only every second time."""

    class EverySecond(torch.optim.SGD):
        calls = 0

        def zero_grad(self, set_to_none=True):
            if self.calls % 2 == 0:
                super().zero_grad(set_to_none)

        def step(self, closure=None):
            loss = None if closure is None else closure()
            self.calls += 1
            if self.calls % 2 == 0:
                super().step()
            return loss

    assert_same_training(*data, optimizer=EverySecond)


def test_a_net_trimmed_for_prediction_predicts_as_before(data):
    # (of a trimmed net skorch forgets the criterion, and with it the softmax that goes with CrossEntropyLoss)
    net, _ = fitted(TensorNet, *data, module=Probabilities, criterion=nn.NLLLoss)
    before = net.predict_proba(data[0])
    net.trim_for_prediction()
    assert np.array_equal(net.predict_proba(data[0]), before)


@pytest.mark.parametrize("every", [1, 2, 3])
def test_a_subclass_may_accumulate_gradients(data, every):
    def accumulating(base):
        class Accumulating(base):
            n_ = 0

            def _zero_grad_optimizer(self, set_to_none=None):
                if self.n_ % every == 0:
                    super()._zero_grad_optimizer(set_to_none)
                self.n_ += 1

        return Accumulating

    stock, _ = fitted(accumulating(skorch.NeuralNetClassifier), *data)
    net, _ = fitted(accumulating(TensorNet), *data)
    assert torch.equal(net.module_.head.weight, stock.module_.head.weight)
