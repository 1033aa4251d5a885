"""Laws of early stopping, for one net and for each member by itself."""

import copy
from types import SimpleNamespace

import numpy as np
import pytest
import skorch.dataset
import torch
from skorch.callbacks import Callback, EarlyStopping
from skorch.helper import predefined_split
from torch import nn

from sktech import TensorNet
from sktech.classifiers._best import BestEpochs
from sktech.modules import MLP, Members, TableNet
from sktech.sampling import MemberRows
from sktech.training import Objective, StopTraining, TensorBatches, WeightedRows, cross_entropy

K = 3


class Normed(nn.Module):
    """Training changes its buffers too."""

    def __init__(self):
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(4, 8), nn.BatchNorm1d(8), nn.Linear(8, 2)

    def forward(self, X):
        return self.head(self.norm(self.body(X)).relu())


class Stacked(MLP):
    """A committee that says so, as the built-in net does."""

    def __init__(self, n_members=None):
        super().__init__(4, 2, (8,), n_members=n_members)
        self.n_members = n_members


def make_single(kind):
    return {"stacked": Stacked, "normed": Normed}[kind]()


def make_committee(kind, n_members=K):
    if kind == "tables":
        return TableNet([[-1.0, 0, 1]] * 2, 1, [9], 2, (4,), n_members=n_members)
    return Stacked(n_members) if kind == "stacked" else Members(Normed, n_members)


def learned_state(module):
    """What a training changes, as copies."""
    values = dict(module.named_parameters()) | dict(module.named_buffers())
    return {
        name: value.detach().clone()
        for name, value in values.items()
        if not name.endswith(("slope", "start", "starts"))
    }


# ------------------------------------------------------------ any losses


def run(callback, module, losses):
    """The states of a pretended training with these validation losses, (n_epochs, n_members) or (n_epochs,)."""
    net, states = SimpleNamespace(history=[], module_=module, device="cpu"), []
    callback.on_train_begin(net)
    for epoch, loss in enumerate(losses):
        with torch.no_grad():
            for name, value in [*module.named_parameters(), *module.named_buffers()]:
                if name in learned_state(module):
                    value.normal_() if value.is_floating_point() else value.fill_(epoch)
        states.append(learned_state(module))
        record = {"valid_loss": float(np.mean(loss))}
        if np.ndim(loss):
            record["valid_losses"] = list(loss)
        net.history.append(record)
        try:
            callback.on_epoch_end(net)
        except StopTraining:
            break
    callback.on_train_end(net)
    return states


def expected_epochs(losses, patience):
    """(epochs run, best epoch of each member), by looking back from each epoch."""
    losses = np.asarray(losses).reshape(len(losses), -1)
    for n in range(1, len(losses) + 1):
        best = losses[:n].argmin(axis=0)
        if (n - 1 - best >= patience).all():
            break
    return n, best


@pytest.mark.parametrize("kind", ["stacked", "normed", "tables"])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_each_member_gets_its_own_best_epoch_back(kind, patience):
    lengths = set()
    for seed in range(10):
        torch.manual_seed(seed)
        module, losses = make_committee(kind), np.random.default_rng(seed).integers(0, 30, (25, K)).astype(float)
        states = run(BestEpochs(patience), module, losses)
        n, best = expected_epochs(losses, patience)
        assert len(states) == n
        lengths.add(n)
        for name, value in learned_state(module).items():
            assert value.shape[0] == K
            for m in range(K):
                assert torch.equal(value[m], states[best[m]][name][m]), name
    assert len(lengths) > 1


@pytest.mark.parametrize("kind", ["stacked", "normed"])
@pytest.mark.parametrize("patience", [1, 3])
def test_a_net_is_its_own_only_member(kind, patience):
    for seed in range(10):
        torch.manual_seed(seed)
        module, losses = make_single(kind), np.random.default_rng(seed).integers(0, 30, 25).astype(float)
        states = run(BestEpochs(patience), module, losses)
        n, (best,) = expected_epochs(losses, patience)
        assert len(states) == n
        for name, value in learned_state(module).items():
            assert torch.equal(value, states[best][name]), name


@pytest.mark.parametrize("kind", ["stacked", "normed"])
def test_a_committee_of_one_is_a_net(kind):
    module, losses = make_committee(kind, 1), [[3.0], [1.0], [2.0], [2.0], [0.0]]
    states = run(BestEpochs(2), module, losses)
    assert len(states) == 4
    for name, value in learned_state(module).items():
        assert torch.equal(value, states[1][name]), name


def test_a_member_that_has_waited_may_still_improve_while_another_goes_on():
    losses = np.array([[1.0, 9], [2, 8], [2, 7], [2, 6], [0, 7], [2, 7], [0, 0]])
    module = make_committee("stacked", 2)
    states = run(BestEpochs(2), module, losses)
    assert len(states) == 7, "in no epoch have both waited two"
    assert all(torch.equal(value[0], states[4][name][0]) for name, value in learned_state(module).items())


def test_of_equal_epochs_the_first_counts():
    module = make_committee("stacked")
    states = run(BestEpochs(3), module, np.ones((20, K)))
    assert len(states) == 4
    assert all(torch.equal(value, states[0][name]) for name, value in learned_state(module).items())


def test_a_training_that_ends_early_has_its_best_epochs_too():
    module = make_committee("normed")
    losses = np.array([[1.0, 3, 2], [2, 1, 3], [3, 2, 1]])
    states = run(BestEpochs(10), module, losses)
    assert len(states) == 3
    for name, value in learned_state(module).items():
        assert torch.equal(value, torch.stack([states[m][name][m] for m in range(K)])), name


def test_each_training_starts_afresh():
    callback, module = BestEpochs(2), make_committee("stacked")
    run(callback, module, np.zeros((9, K)))
    states = run(callback, module, 5 - np.arange(4.0)[:, None] * np.ones(K))
    assert len(states) == 4
    assert all(torch.equal(value, states[3][name]) for name, value in learned_state(module).items())


def test_a_training_without_epochs_leaves_the_net_as_it_is():
    callback, module = BestEpochs(2), make_committee("stacked")
    run(callback, module, np.zeros((9, K)))
    before = learned_state(module)
    run(callback, module, [])
    assert all(torch.equal(value, before[name]) for name, value in learned_state(module).items())


# ------------------------------------------------------------ a training


class Recorder(Callback):
    """States and validation losses at the end of each epoch."""

    def on_train_begin(self, net, **kwargs):
        self.states, self.losses = [], []

    def on_epoch_end(self, net, **kwargs):
        record = net.history[-1]
        self.states.append(copy.deepcopy(net.module_.state_dict()))
        self.losses.append(np.atleast_1d(record.get("valid_losses", record["valid_loss"])))


@pytest.fixture(scope="module")
def data():
    """Labels of which a third is wrong: a net gets worse soon."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(90, 4)).astype(np.float32)
    y = np.where(rng.random(90) < 0.33, rng.integers(0, 2, 90), X[:, 0] > 0).astype(np.int64)
    return X, y


def net_with(module, callback, **params):
    settings = {"criterion": nn.CrossEntropyLoss, "optimizer": torch.optim.AdamW, "lr": 0.05, "max_epochs": 40}
    settings |= {"batch_size": 16, "verbose": 0, "callbacks__valid_acc": None}
    return TensorNet(module, callbacks=[Recorder(), callback], **settings | params)


@pytest.mark.parametrize("kind", ["stacked", "normed"])
@pytest.mark.parametrize("seed", range(3))
def test_a_plain_net_stops_and_is_restored_as_by_skorchs_early_stopping(kind, seed, data):
    X, y = data
    split = predefined_split(skorch.dataset.Dataset(X[60:], y[60:]))
    nets = []
    for callback in (BestEpochs(3), EarlyStopping(patience=3, load_best=True, threshold=0, sink=lambda *_: None)):
        torch.manual_seed(seed)
        net = net_with({"stacked": Stacked, "normed": Normed}[kind], callback, train_split=split)
        nets.append(net.fit(X[:60], y[:60]))
    ours, skorchs = nets
    assert 4 <= len(ours.history) < 40
    assert ours.history[:, "valid_loss"] == skorchs.history[:, "valid_loss"]
    for name, value in skorchs.module_.state_dict().items():
        assert torch.equal(ours.module_.state_dict()[name], value), name


@pytest.mark.parametrize("kind", ["stacked", "normed"])
def test_members_are_trained_until_all_have_waited_and_get_their_best_epochs(kind, data):
    X, y = (torch.from_numpy(part) for part in data)
    held_out = np.eye(K)[np.arange(90) % K].T * np.random.default_rng(1).integers(1, 4, 90)
    valid = MemberRows(held_out, shuffle=False)
    rows = WeightedRows(X, y)
    module = {"stacked": {"module": Stacked}, "normed": {"module": Members, "module__module": Normed}}[kind]
    torch.manual_seed(0)
    net = net_with(
        callback=BestEpochs(3),
        objective=Objective,
        train_split=predefined_split(rows),
        iterator_train=TensorBatches,
        iterator_train__sampler=MemberRows((held_out == 0).astype(float)),
        iterator_train__seed=0,
        iterator_valid=TensorBatches,
        iterator_valid__sampler=valid,
        iterator_valid__batch_size=7,
        module__n_members=K,
        **module,
    ).fit(rows, None)
    recorder = net.callbacks[0]
    losses = np.array(recorder.losses)
    n, best = expected_epochs(losses, 3)
    assert len(recorder.states) == n < 40
    assert len(set(best)) > 1, "members are best at different times"
    for name, value in net.module_.state_dict().items():
        for m in range(K):
            assert torch.equal(value[m], recorder.states[best[m]][name][m]), name
    with torch.no_grad():
        again = cross_entropy(net.module_.eval()(X[valid.rows]), y[valid.rows])
    np.testing.assert_allclose((again * valid.weight).mean(-1), losses.min(axis=0), rtol=1e-5)
