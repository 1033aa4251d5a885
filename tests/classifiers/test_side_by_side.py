"""Laws of nets that train side by side: each is what it would be if it had been trained alone."""

import copy
import pickle
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.tree import DecisionTreeClassifier
from skorch import NeuralNetClassifier
from skorch.callbacks import EpochScoring
from torch import nn

from sktech import BaggingVoteEnsemble, DistilledClassifier, NetClassifier, SmoothedNetClassifier, TensorNet
from sktech._random import seeded_torch, spawn_seed
from sktech._rows import merge_identical_rows
from sktech.classifiers import _members
from sktech.classifiers._best import BestEpochs
from sktech.classifiers._members import ROWS_PER_STEP, fit_members, members_proba
from sktech.classifiers.net import BATCHES, TRAINING
from sktech.labels import Labels
from sktech.modules import MLP, Dropout, Jumpout, Members, member_tensors
from sktech.sampling import MemberRows, SideBySide
from sktech.smoothing import (
    Bootstrapping,
    ConfidencePenalty,
    DisturbLabel,
    LabelSmoothing,
    VirtualAdversarial,
)
from sktech.training import Objective, StopTraining, TensorBatches, WeightedRows
from sktech.training._optimizers import ELEMENTWISE_OPTIMIZERS

N = 80
# Training on: members improve for different times.
LONG = {"max_epochs": 16, "lr": 0.05, "patience": 2}


@pytest.fixture(scope="module")
def table():
    """Numbers, missing ones, indicators, levels to embed, and labels that are wrong now and then."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(N, 3)), columns=list("abc"))
    X["colour"] = rng.choice(["red", "green", "blue"], N)
    X["town"] = rng.choice([f"town {i}" for i in range(12)], N)
    X.loc[::7, "a"] = np.nan
    y = np.where(X["b"] + (X["colour"] == "red") > 0.5, "yes", "no").astype(object)
    y[rng.random(N) < 0.2] = "maybe"
    return X, y


@pytest.fixture(scope="module")
def numbers():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(N, 4))
    return X, (X[:, 0] + 0.7 * rng.normal(size=N) > 0).astype(int)


class Normed(nn.Module):
    """BatchNorm has statistics of its own, and Dropout draws from torch's global generator."""

    def __init__(self, n_features_in, n_classes, units=8):
        super().__init__()
        # A bias in front of BatchNorm has no gradient but rounding, which Adam would blow up.
        self.body, self.norm = nn.Linear(n_features_in, units, bias=False), nn.BatchNorm1d(units)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(units, n_classes)

    def forward(self, X):
        return self.head(self.drop(self.norm(self.body(X)).relu()))


class Plain(nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.body, self.drop, self.head = nn.Linear(n_features_in, 8), nn.Dropout(0.3), nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(self.drop(self.body(X).relu()))


class OurDropout(Plain):
    """sktech's layers draw by other ways than torch's."""

    layer = Dropout

    def __init__(self, n_features_in, n_classes):
        super().__init__(n_features_in, n_classes)
        self.drop = self.layer()


class OurJumpout(OurDropout):
    layer = Jumpout


class Quiet(nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features_in, 8), nn.Tanh(), nn.Linear(8, n_classes))

    def forward(self, X):
        return self.layers(X)


class Branching(Plain):
    """``vmap`` cannot look at a value to decide what to do."""

    def forward(self, X):
        h = self.drop(self.body(X).relu())
        return self.head(1.1 * h if h.mean() > 0.3 else h)


class BranchingInTraining(Plain):
    """The same, but only while it learns, and after random numbers were drawn."""

    def forward(self, X):
        h = self.drop(self.body(X).relu())
        return self.head(1.1 * h if self.training and h.mean() > 0 else h)


class Restless(Quiet):
    """Draws random numbers also when it does not learn."""

    def forward(self, X):
        return super().forward(X + 0.1 * torch.randn_like(X))


class Lazy(nn.Module):
    """Its first layer gets its weights from the first rows that it sees."""

    def __init__(self, n_classes):
        super().__init__()
        self.layers = nn.Sequential(nn.LazyLinear(8), nn.Tanh(), nn.Linear(8, n_classes))

    def forward(self, X):
        return self.layers(X)


def net(kind=NetClassifier, **params):
    small = {"n_members": 1, "max_epochs": 3, "batch_size": 32, "dtype": "float64", "random_state": 0}
    if params.get("net") is None:
        small["hidden_layer_sizes"] = (8,)
    return kind(**small | params)


def skorch_net(module=Normed, optimizer=torch.optim.Adam, **params):
    inside = NeuralNetClassifier(
        module,
        criterion=nn.CrossEntropyLoss,
        optimizer=optimizer,
        lr=0.05,
        max_epochs=3,
        batch_size=32,
        verbose=0,
        **params,
    )
    return NetClassifier(inside, n_members=1, dtype="float64")


@pytest.fixture
def trained_together(monkeypatch):
    """How many nets were trained side by side, at each time."""
    sizes, original = [], _members.train_side_by_side

    def counted(parts, *args):
        sizes.append(len(parts))
        return original(parts, *args)

    monkeypatch.setattr(_members, "train_side_by_side", counted)
    return sizes


@pytest.fixture
def both_ways(trained_together):
    """An ensemble whose nets were trained side by side, and the same with one after the other."""

    def fit(estimator, X, y, n_estimators=2, sample_weight=None, **params):
        ensembles = []
        for stacked, sizes in [(True, [n_estimators]), (False, [])]:
            trained_together.clear()
            ensemble = BaggingVoteEnsemble(clone(estimator), n_estimators, stacked=stacked, random_state=0, **params)
            ensembles.append(ensemble.fit(X, y, sample_weight))
            assert trained_together == sizes
        return ensembles

    return fit


def assert_same_net(one, other, X, atol):
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=0, atol=atol)
    for own, expected in zip(member_tensors(one.net_.module_), member_tensors(other.net_.module_), strict=True):
        assert own.shape == expected.shape
        assert_allclose(own, expected, rtol=atol, atol=atol)
    assert one.n_iter_ == other.n_iter_ == len(one.history_)
    for own, expected in zip(one.history_, other.history_, strict=True):
        assert own.keys() == expected.keys()
        for name in expected.keys() - {"dur", "epoch"}:
            assert_allclose(own[name], expected[name], rtol=atol, atol=atol, err_msg=name)
        assert own["epoch"] == expected["epoch"]


def assert_same(one, other, X, atol):
    """Member by member the same, and members differ."""
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        assert_same_net(own, expected, X, atol)
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=0, atol=atol)
    assert_different(other.estimators_, X)


def assert_different(estimators, X):
    proba = [estimator.predict_proba(X) for estimator in estimators]
    for i, own in enumerate(proba):
        assert all(np.abs(own - other).max() > 1e-3 for other in proba[:i])


# ------------------------------------------------------------ side by side is one by one

BUILT_IN = {
    "plain": {"dropout": 0},
    "dropout": {"dropout": 0.5},
    "jumpout": {"dropout": "jumpout"},
    "early stopping": LONG,
    "no early stopping": {"early_stopping": False},
    "balanced": {"class_weight": "balanced"},
    "given class weights": {"class_weight": {"yes": 2.0, "no": 0.5, "maybe": 1.0}},
    "committees": {"n_members": 2},
    "committees, early stopping": {"n_members": 2, **LONG},
    "periodic": {"numeric_embedding": "periodic"},
    "numbers as they are": {"numeric_embedding": None},
    "a constant rate": {"lr_schedule": None},
    "whole batches": {"batch_size": -1},
    "automatic batches": {"batch_size": "auto"},
    "rows as they come": {"merge_identical_rows": False},
}
TERMS = {
    "confidence_penalty": ConfidencePenalty(0.3),
    "annealed confidence_penalty": ConfidencePenalty(2.0, anneal="linear"),
    "label_smoothing": LabelSmoothing(0.2),
    "bootstrapping": Bootstrapping(),
    "disturb_label": DisturbLabel(0.4),
    "virtual_adversarial": VirtualAdversarial(0.5),
    "three of them": ["disturb_label", "virtual_adversarial", "confidence_penalty"],
}
EXACT = {"float64": 1e-12, "float32": 1e-5}


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("params", BUILT_IN.values(), ids=BUILT_IN)
def test_the_built_in_net(params, dtype, table, both_ways):
    X, y = table
    assert_same(*both_ways(net(**params, dtype=dtype), X, y), X, EXACT[dtype])


@pytest.fixture(scope="module")
def without_terms(table):
    X, y = table
    return BaggingVoteEnsemble(net(), 3, random_state=0).fit(X, y).predict_proba(X)


@pytest.mark.parametrize("dtype", EXACT)
@pytest.mark.parametrize("term", TERMS.values(), ids=TERMS)
def test_every_smoothing_term(term, dtype, table, without_terms, both_ways):
    X, y = table
    one, other = both_ways(net(SmoothedNetClassifier, smoothing=term, dtype=dtype), X, y)
    assert_same(one, other, X, EXACT[dtype])
    assert np.abs(without_terms - one.predict_proba(X)).max() > 1e-3, "the term does something"


@pytest.mark.parametrize("n_members", [1, 2])
def test_each_stops_by_itself_and_gets_its_own_best_epoch(n_members, table, both_ways):
    X, y = table
    one, other = both_ways(net(n_members=n_members, **LONG), X, y, n_estimators=4)
    assert_same(one, other, X, 1e-11)
    lengths = [member.n_iter_ for member in one.estimators_]
    assert len(set(lengths)) > 1
    assert min(lengths) < LONG["max_epochs"]
    for member in one.estimators_:
        losses = np.array([record.get("valid_losses", [record["valid_loss"]]) for record in member.history_])
        waited = len(losses) - 1 - losses.argmin(axis=0)
        assert waited.min() == LONG["patience"] or len(losses) == LONG["max_epochs"]


@pytest.mark.parametrize("n_members", [1, 2])
def test_the_history_is_the_members_own(n_members, table, both_ways):
    X, y = table
    one, _ = both_ways(net(n_members=n_members), X, y)
    for record in [record for member in one.estimators_ for record in member.history_]:
        for kind in ("train", "valid"):
            assert (f"{kind}_losses" in record) is (n_members > 1)
            if n_members > 1:
                assert len(record[f"{kind}_losses"]) == n_members
                assert record[f"{kind}_loss"] == pytest.approx(np.mean(record[f"{kind}_losses"]), rel=1e-12)
    assert len({member.history_[-1]["valid_loss"] for member in one.estimators_}) == 2
    assert [record["epoch"] for record in one.estimators_[1].history_] == [1, 2, 3]


@pytest.mark.parametrize("early_stopping", [True, False])
def test_probabilities_as_labels(early_stopping, table, both_ways):
    X, _ = table
    y = np.random.default_rng(0).dirichlet(np.ones(3), N)
    assert_same(*both_ways(net(early_stopping=early_stopping), X, y), X, 1e-12)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
def test_targets_of_a_teacher(temperature, table, both_ways):
    X, y = table
    rng = np.random.default_rng(0)
    classes, codes = np.unique(y, return_inverse=True)
    codes[::6] = -1
    y = Labels(classes, codes, rng.dirichlet(np.ones(3), N), rng.random(N), temperature)
    for kind in (NetClassifier, SmoothedNetClassifier):
        assert_same(*both_ways(net(kind, early_stopping=True), X, y), X, 1e-12)


def test_sample_weights(table, both_ways):
    X, y = table
    rng = np.random.default_rng(0)
    weights = [rng.integers(0, 4, N), rng.random(N) * (np.arange(N) % 5 > 0)]
    for weight in weights:
        for params in ({"bootstrap": False}, {"max_samples": 0.5}):
            ensembles = both_ways(net(class_weight="balanced"), X, y, sample_weight=weight, **params)
            assert_same(*ensembles, X, 1e-12)


@pytest.mark.parametrize("n_members", [1, 2])
def test_rows_without_a_label(n_members, table, both_ways):
    X, y = table
    y = y.copy()
    y[::2] = -1
    estimator = net(SmoothedNetClassifier, smoothing=VirtualAdversarial(), n_members=n_members)
    one, other = both_ways(estimator, X, y)
    assert one.classes_.tolist() == ["maybe", "no", "yes"]
    assert_same(one, other, X, 1e-12)


@pytest.mark.parametrize("resampling", ["bagging", "cross_validation"])
def test_members_with_different_numbers_of_rows(resampling, numbers, both_ways):
    X, y = numbers
    one, other = both_ways(net(class_weight="balanced"), X, y, 3, resampling=resampling)
    lengths = {len(np.unique(rows)) for rows in one.estimators_samples_}
    assert len(lengths) > 1
    assert_same(one, other, X, 1e-12)


@pytest.mark.parametrize("optimizer", sorted(ELEMENTWISE_OPTIMIZERS, key=str), ids=lambda kind: kind.__name__)
def test_every_optimizer_that_treats_each_number_by_itself(optimizer, numbers, both_ways):
    X, y = numbers
    one, other = both_ways(net(optimizer=optimizer, early_stopping=False, max_epochs=2), X, y)
    assert_same(one, other, X, 1e-12)
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        assert_same_net(own.partial_fit(X, y), expected.partial_fit(X, y), X, 1e-12)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize(
    ("module", "atol"),
    [(Plain, 1e-12), (OurDropout, 1e-12), (OurJumpout, 1e-12), (Quiet, 1e-12), (Normed, 1e-9), (Branching, 1e-12)],
    ids=lambda value: str(value),
)
def test_a_module_of_yours(module, atol, n_members, table, both_ways):
    X, y = table
    estimator = net(net=module, n_members=n_members)
    one, other = both_ways(estimator, X, y)
    assert_same(one, other, X, atol)
    if module is Normed:
        statistics = [member.net_.module_.state_dict() for member in one.estimators_]
        names = [name for name in statistics[0] if name.endswith(("running_mean", "running_var"))]
        assert len(names) == 2
        assert all(not torch.equal(statistics[0][name], statistics[1][name]) for name in names)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("module", [Normed, Plain], ids=["normed", "plain"])
def test_a_module_of_yours_with_early_stopping(module, n_members, numbers, both_ways):
    X, y = numbers
    one, other = both_ways(net(net=module, n_members=n_members, **LONG | {"lr": 0.2}), X, y)
    assert len({member.n_iter_ for member in one.estimators_}) > 1
    assert_same(one, other, X, 1e-9)


@pytest.mark.parametrize("n_members", [1, 2])
def test_a_module_that_vmap_cannot_run_only_in_training(n_members, numbers, both_ways):
    X, y = numbers
    assert_same(*both_ways(net(net=BranchingInTraining, n_members=n_members), X, y), X, 1e-12)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("n_members", [1, 2])
def test_a_module_that_draws_random_numbers_at_all_times(n_members, early_stopping, numbers, both_ways):
    X, y = numbers
    torch.manual_seed(0)
    before = torch.get_rng_state()
    one, other = both_ways(net(net=Restless, n_members=n_members, early_stopping=early_stopping), X, y)
    assert torch.equal(torch.get_rng_state(), before)
    for a, b in zip(one.estimators_, other.estimators_, strict=True):
        for mine, alone in zip(a.net_.module_.parameters(), b.net_.module_.parameters(), strict=True):
            assert_allclose(mine.detach(), alone.detach(), atol=1e-12)


@pytest.mark.parametrize("dtype", EXACT)
def test_lazy_layers_are_for_nets_that_train_alone(dtype, numbers):
    X, y = numbers
    before = torch.get_rng_state()
    alone = BaggingVoteEnsemble(net(net=Lazy, dtype=dtype, **LONG), 2, stacked=False, random_state=0).fit(X, y)
    assert alone.score(X, y) > 0.5
    for estimator in (net(net=Lazy, dtype=dtype, n_members=2), BaggingVoteEnsemble(net(net=Lazy, dtype=dtype), 2)):
        with pytest.raises(ValueError, match=r"net: expected layers that know their sizes.*, got lazy ones in Lazy"):
            estimator.fit(X, y)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("smoothing", ["virtual_adversarial", "disturb_label"])
@pytest.mark.parametrize("module", [Plain, Normed], ids=["plain", "normed"])
def test_a_module_of_yours_with_terms_that_draw_random_numbers(module, smoothing, numbers, both_ways):
    X, y = numbers
    assert_same(*both_ways(net(SmoothedNetClassifier, net=module, smoothing=smoothing), X, y), X, 1e-9)


@pytest.mark.parametrize(
    "estimator",
    [
        skorch_net(),
        skorch_net(Plain, torch.optim.SGD),
        skorch_net(Plain, torch.optim.SGD, optimizer__momentum=0.9, optimizer__nesterov=True),
        skorch_net(module__units=5),
    ],
    ids=["Adam", "SGD", "momentum", "units"],
)
def test_a_skorch_net(estimator, table, both_ways):
    X, y = table
    one, other = both_ways(estimator, X, y)
    assert_same(one, other, X, 1e-9)
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        assert_same_net(own.partial_fit(X, y), expected.partial_fit(X, y), X, 1e-9)


def test_a_skorch_net_around_a_module_that_is_made_already(numbers):
    """It can be trained alone, and so it can be here."""
    X, y = numbers
    inside = NeuralNetClassifier(nn.Linear(4, 2), criterion=nn.CrossEntropyLoss, max_epochs=2, verbose=0)
    alone = BaggingVoteEnsemble(NetClassifier(inside, dtype="float64"), 3, stacked=False, random_state=0).fit(X, y)
    auto = BaggingVoteEnsemble(NetClassifier(inside, dtype="float64"), 3, random_state=0).fit(X, y)
    assert_allclose(auto.predict_proba(X), alone.predict_proba(X), atol=1e-12)


def test_students_are_members_like_any_classifier(numbers):
    X, y = numbers
    student = DistilledClassifier(DecisionTreeClassifier(max_depth=3), net(), cv=2, temperature=2.0)
    ensemble = BaggingVoteEnsemble(student, 2, random_state=0).fit(X, y)
    for member, rows in zip(ensemble.estimators_, ensemble.estimators_samples_, strict=True):
        again = clone(member).fit(X[rows], y[rows])
        assert_array_equal(again.predict_proba(X), member.predict_proba(X))
    assert_different(ensemble.estimators_, X)


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_processes_and_threads_make_no_difference(backend, table):
    X, y = table
    estimator = net(SmoothedNetClassifier, smoothing="disturb_label", dropout=0.3)
    for stacked, n_estimators in [(False, 2), (True, 4)]:
        ensemble = BaggingVoteEnsemble(estimator, n_estimators, stacked=stacked, random_state=0)
        one = clone(ensemble).fit(X, y)
        with parallel_config(backend):
            other = ensemble.set_params(n_jobs=2).fit(X, y)
        assert_same(other, one, X, 1e-12)
        if not stacked:
            assert_array_equal(one.predict_proba(X), other.predict_proba(X))


@pytest.mark.parametrize("batch_size", [8, 64, -1])
@pytest.mark.parametrize("n_members", [1, 3])
def test_auto_trains_as_many_together_as_a_step_holds(batch_size, n_members, numbers, trained_together):
    X, y = numbers
    X = np.concatenate([X + shift for shift in np.linspace(0, 1, 4)])
    y = np.tile(y, 4)
    estimator = net(batch_size=batch_size, n_members=n_members, max_epochs=1, early_stopping=False)
    ensemble = BaggingVoteEnsemble(estimator, 7, random_state=0, bootstrap=False).fit(X, y)
    rows = n_members * (len(X) if batch_size == -1 else batch_size)
    most = max(ROWS_PER_STEP["cpu"] // rows, 1)
    assert len(ensemble.estimators_) == 7
    sizes = [len(group) for group in np.array_split(np.arange(7), -(-7 // most))]
    assert max(sizes) <= most
    assert trained_together == [size for size in sizes if size > 1]


# ------------------------------------------------------------ by itself


@pytest.mark.parametrize(
    "estimator",
    [
        net(),
        net(n_members=2, class_weight="balanced"),
        net(SmoothedNetClassifier, smoothing="virtual_adversarial"),
        net(net=Normed),
        skorch_net(),
    ],
    ids=["plain", "committee", "smoothed", "module", "skorch"],
)
def test_a_member_of_a_deep_ensemble_is_a_net_that_was_fitted_alone(estimator, table, both_ways):
    X, y = table
    estimator = clone(estimator).set_params(early_stopping=False)
    one, other = both_ways(estimator, X, y, bootstrap=False)
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        alone = clone(estimator).set_params(random_state=expected.random_state).fit(X, y)
        assert_array_equal(expected.predict_proba(X), alone.predict_proba(X))
        assert own.random_state == expected.random_state
        assert_same_net(own, alone, X, 1e-9)
    assert_different(one.estimators_, X)


def test_weights_of_a_deep_ensemble_are_those_of_a_net(table, both_ways):
    X, y = table
    weight = np.random.default_rng(0).random(N) * (np.arange(N) % 6 > 0)
    estimator = net(early_stopping=False)
    one, other = both_ways(estimator, X, y, sample_weight=weight, bootstrap=False)
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        alone = clone(estimator).set_params(random_state=own.random_state).fit(X, y, weight)
        assert_array_equal(expected.predict_proba(X), alone.predict_proba(X))
        assert_same_net(own, alone, X, 1e-12)


@pytest.mark.parametrize("stacked", [True, False])
def test_a_net_on_a_bootstrap_is_a_loop_by_hand(stacked, numbers):
    """Start, order of the rows and steps, written down anew: weighted cross-entropy and AdamW."""
    X, y = numbers
    estimator = net(net=Quiet, early_stopping=False, lr_schedule=None, batch_size=16)
    ensemble = BaggingVoteEnsemble(estimator, 3, stacked=stacked, random_state=0).fit(X, y)
    shares = np.stack([np.bincount(rows, minlength=N) for rows in ensemble.estimators_samples_])
    n_rows = np.count_nonzero(shares, axis=1).max()
    order, _, _ = merge_identical_rows(X, y, np.ones(N))
    for member, share in zip(ensemble.estimators_, shares[:, order], strict=True):
        inputs = torch.from_numpy(member._encoder.transform(member._reader.transform(X[order]), "float64"))
        target = torch.from_numpy(y[order])
        own = np.flatnonzero(share)
        rows = torch.from_numpy(np.resize(own, n_rows))  # filled up with rows that weigh nothing
        weight = torch.from_numpy(np.where(np.arange(n_rows) < len(own), share[rows], 0) * n_rows / share.sum())
        seed = np.random.RandomState(member.random_state).randint(2**31 - 1)
        with seeded_torch(spawn_seed(seed, TRAINING, 0)):
            module = Quiet(4, 2).double()
        optimizer = torch.optim.AdamW(module.parameters(), lr=member.lr, weight_decay=member.weight_decay)
        generator = torch.Generator().manual_seed(spawn_seed(seed, BATCHES, 0))
        for record in member.history_:
            shuffled, total = torch.randperm(n_rows, generator=generator), 0.0
            for batch in shuffled.split(16):
                optimizer.zero_grad()
                losses = nn.functional.cross_entropy(module(inputs[rows[batch]]), target[rows[batch]], reduction="none")
                loss = (losses * weight[batch]).mean()
                loss.backward()
                optimizer.step()
                total += loss.item() * len(batch)
            assert record["train_loss"] == pytest.approx(total / n_rows, rel=1e-10)
        for trained, expected in zip(member.net_.module_.parameters(), module.parameters(), strict=True):
            assert_allclose(trained.detach(), expected.detach(), atol=1e-12)


@pytest.mark.parametrize("dropout", [0.3, "jumpout"])
def test_a_member_does_not_know_how_many_there_are(dropout, table, both_ways):
    X, y = table
    estimator = net(SmoothedNetClassifier, smoothing="disturb_label", dropout=dropout, early_stopping=False)
    few, _ = both_ways(estimator, X, y, n_estimators=3, bootstrap=False)
    many, _ = both_ways(estimator, X, y, n_estimators=5, bootstrap=False)
    for own, expected in zip(few.estimators_, many.estimators_, strict=False):
        assert own.random_state == expected.random_state
        assert_same_net(own, expected, X, 1e-12)


def test_the_global_generators_are_neither_asked_nor_moved(table):
    X, y = table
    estimator = net(SmoothedNetClassifier, smoothing="disturb_label", net=Plain)
    proba = []
    for seed in (1, 2):
        torch.manual_seed(seed)
        np.random.seed(seed)  # noqa: NPY002
        before, numpy_before = torch.get_rng_state(), pickle.dumps(np.random.get_state())  # noqa: NPY002
        proba.append(BaggingVoteEnsemble(estimator, 3, stacked=True, random_state=0).fit(X, y).predict_proba(X))
        assert torch.equal(torch.get_rng_state(), before)
        assert pickle.dumps(np.random.get_state()) == numpy_before  # noqa: NPY002
    assert_array_equal(*proba)


def test_what_is_left_after_a_training_that_failed_is_nothing(table):
    X, y = table
    before = torch.get_rng_state()
    bad = net(lr=1e200, optimizer=torch.optim.SGD)
    ensemble = BaggingVoteEnsemble(bad, 3, stacked=True, random_state=0)
    with pytest.raises(FloatingPointError, match="loss of nets 1, 2, 3 of 3 became"):
        ensemble.fit(X, y)
    assert not hasattr(ensemble, "estimators_")
    assert torch.equal(torch.get_rng_state(), before)
    good = BaggingVoteEnsemble(net(), 2, stacked=True, random_state=0)
    expected = clone(good).fit(X, y).predict_proba(X)
    assert_array_equal(good.fit(X, y).predict_proba(X), expected)


# ------------------------------------------------------------ a member is an ordinary net


@pytest.fixture(scope="module")
def fitted(table):
    X, y = table
    return BaggingVoteEnsemble(net(), 3, stacked=True, random_state=0).fit(X, y)


def test_the_ensembles_predictions_are_those_of_a_loop(table, fitted):
    X, _ = table
    loop = np.mean([member.predict_proba(X) for member in fitted.estimators_], axis=0)
    assert_allclose(fitted.predict_proba(X), loop, rtol=1e-12)
    assert_array_equal(fitted.predict(X), fitted.classes_[loop.argmax(axis=1)])
    assert_allclose(members_proba(fitted.estimators_, X).mean(axis=0), loop, rtol=1e-12)


@pytest.mark.parametrize("how", ["pickle", "copy"])
def test_a_member_can_be_kept_without_the_others(how, table, fitted):
    X, _ = table
    member = fitted.estimators_[1]
    alone = pickle.loads(pickle.dumps(member)) if how == "pickle" else copy.deepcopy(member)
    assert type(alone) is NetClassifier
    assert_array_equal(alone.predict_proba(X), member.predict_proba(X))
    assert_array_equal(alone.predict(X), member.classes_[member.predict_proba(X).argmax(axis=1)])
    assert alone.history_ == member.history_
    together, single = len(pickle.dumps(fitted.estimators_)), len(pickle.dumps(member))
    assert single < 0.8 * together, "it carries nothing of the others"


def test_a_member_has_the_parameters_of_its_ensemble_but_for_its_seed(table, fitted):
    X, y = table
    expected = fitted.estimator_.get_params()
    for member in fitted.estimators_:
        own = member.get_params()
        assert {name for name in expected if own[name] != expected[name]} == {"random_state"}
        assert isinstance(own["random_state"], int)
        assert not hasattr(clone(member), "net_")
        assert not member.net_.module_.training
        assert member.classes_.tolist() == ["maybe", "no", "yes"]
        assert member.feature_names_in_.tolist() == list(X.columns)
        assert member.n_members_ == 1
        assert 0 <= member.score(X, y) <= 1
    assert len({member.random_state for member in fitted.estimators_}) == 3


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("params", [{}, {"early_stopping": False}, LONG], ids=["short", "to the end", "long"])
def test_members_go_on_learning_as_if_they_had_been_trained_alone(params, n_members, table, both_ways):
    X, y = table
    one, other = both_ways(net(n_members=n_members, **params), X, y, n_estimators=4)
    for own, expected in zip(one.estimators_, other.estimators_, strict=True):
        before = own.predict_proba(X)
        for _ in range(2):
            own.partial_fit(X, y)
            expected.partial_fit(X, y)
        assert np.abs(own.predict_proba(X) - before).max() > 1e-6
        assert_same_net(own, expected, X, 1e-11)
        own.set_params(warm_start=True, max_epochs=2).fit(X, y)
        assert own.n_iter_ == expected.n_iter_ + 2


def test_a_member_that_goes_on_learning_leaves_the_others_alone(table):
    X, y = table
    ensemble = BaggingVoteEnsemble(net(), 3, stacked=True, random_state=0).fit(X, y)
    before = [member.predict_proba(X) for member in ensemble.estimators_]
    ensemble.estimators_[1].partial_fit(X, y)
    after = [member.predict_proba(X) for member in ensemble.estimators_]
    assert_array_equal(before[0], after[0])
    assert_array_equal(before[2], after[2])
    assert np.abs(before[1] - after[1]).max() > 1e-6
    assert_allclose(ensemble.predict_proba(X), np.mean(after, axis=0), rtol=1e-12)
    ensemble.estimators_[2].fit(X, y)  # and reads the table in its own way now
    after[2] = ensemble.estimators_[2].predict_proba(X)
    assert_allclose(ensemble.predict_proba(X), np.mean(after, axis=0), rtol=1e-12)


def test_a_member_can_be_a_teacher(table, fitted):
    X, y = table
    teacher = fitted.estimators_[0]
    before = teacher.predict_proba(X)
    student = DistilledClassifier(FrozenEstimator(teacher), net(), cv="prefit", hard_weight=0.0, random_state=0)
    proba = student.fit(X, y).predict_proba(X)
    expected = net(random_state=None)  # the same net, told the same in other words
    expected = DistilledClassifier(FrozenEstimator(pickle.loads(pickle.dumps(teacher))), net(), **_taught(student))
    assert_array_equal(expected.fit(X, y).predict_proba(X), proba)
    assert_array_equal(teacher.predict_proba(X), before)


def _taught(student):
    return {name: getattr(student, name) for name in ("cv", "hard_weight", "random_state")}


# ------------------------------------------------------------ what cannot be stacked


class OwnNet(TensorNet):
    pass


def groups(**params):
    return skorch_net(Quiet, optimizer__param_groups=[("layers.0*", {"lr": 0.1})], **params)


OBSTACLES = {
    "callbacks": net(callbacks=[EpochScoring("accuracy", name="right", lower_is_better=False)]),
    "callbacks of a skorch net": skorch_net(callbacks=[EpochScoring("accuracy", name="right")]),
    "LBFGS": net(optimizer=torch.optim.LBFGS, lr=0.01, max_epochs=1),
    "LBFGS of a skorch net": skorch_net(Quiet, torch.optim.LBFGS).set_params(net__lr=0.01, net__max_epochs=1),
    "groups of parameters": groups(),
    "a net of yours": NetClassifier(
        OwnNet(Quiet, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=2, verbose=0),
        dtype="float64",
    ),
}
REASONS = {
    "callbacks": "callbacks watch",
    "callbacks of a skorch net": "callbacks watch",
    "LBFGS": "LBFGS does not treat each number",
    "LBFGS of a skorch net": "LBFGS does not treat each number",
    "groups of parameters": "groups of parameters",
    "a net of yours": "OwnNet may do",
}


@pytest.mark.parametrize("name", OBSTACLES)
def test_what_cannot_be_stacked_is_refused_or_trained_one_by_one(name, numbers, trained_together):
    X, y = numbers
    ensemble = BaggingVoteEnsemble(clone(OBSTACLES[name]), 2, stacked=True, random_state=0)
    with pytest.raises(ValueError, match=rf"stacked: expected 'auto' or False, as {REASONS[name]}.*got True"):
        ensemble.fit(X, y)
    assert not hasattr(ensemble, "estimators_")
    proba = [clone(ensemble).set_params(stacked=way).fit(X, y).predict_proba(X) for way in ("auto", False)]
    assert_array_equal(*proba)
    assert trained_together == []


@pytest.mark.parametrize(
    ("estimator", "params"),
    [
        (DecisionTreeClassifier(), {}),
        (DistilledClassifier(DecisionTreeClassifier(max_depth=2), net(max_epochs=1), cv=2), {}),
        (net(max_epochs=1), {"max_features": 0.5}),
        (net(max_epochs=1), {"max_features": 3}),
        (net(max_epochs=1), {"bootstrap_features": True}),
    ],
    ids=["tree", "student", "columns", "number of columns", "drawn columns"],
)
def test_who_sees_other_columns_or_is_no_net_is_not_stacked(estimator, params, numbers, trained_together):
    X, y = numbers
    ensemble = BaggingVoteEnsemble(estimator, 2, stacked=True, random_state=0, **params)
    with pytest.raises(ValueError, match=r"stacked: expected 'auto' or False, as only nets.*got True"):
        ensemble.fit(X, y)
    proba = [clone(ensemble).set_params(stacked=way).fit(X, y).predict_proba(X) for way in ("auto", False)]
    assert_array_equal(*proba)
    assert trained_together == []


# ------------------------------------------------------------ the function beneath


def members(n, estimator=None, **params):
    estimator = net(early_stopping=False, **params) if estimator is None else estimator
    return [clone(estimator).set_params(random_state=k) for k in range(n)]


@pytest.mark.parametrize("stacked", [True, False])
def test_members_take_the_classes_for_what_they_are_told(stacked, numbers, trained_together):
    X, _ = numbers
    y = np.random.default_rng(0).integers(0, 4, N)
    bits = np.array([[0, 0, 1, 1], [0, 1, 0, 1], [1, 0, 0, 0]])
    for n_members in (1, 2):
        nets = members(3, merge_identical_rows=False, n_members=n_members)
        fit_members(nets, X, y, None, np.ones((3, N)), stacked=stacked, numbers=bits)
        for k, own in enumerate(nets):
            alone = clone(own).fit(X, bits[k][y])
            assert own.classes_.tolist() == [0, 1]
            assert_same_net(own, alone, X, 1e-12)
    assert trained_together == ([3, 3] if stacked else [])


@pytest.mark.parametrize("early_stopping", [True, False])
def test_members_that_take_the_classes_for_others_are_the_same_both_ways(early_stopping, table):
    X, y = table
    bits = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0], [1, 0, 1]])
    shares = np.random.default_rng(0).integers(0, 3, (4, N)).astype(float)
    ways = []
    for stacked in (True, False):
        nets = members(4, net(early_stopping=early_stopping, n_members=2))
        fit_members(nets, X, y, None, shares, stacked=stacked, numbers=bits)
        ways.append(nets)
    for own, expected in zip(*ways, strict=True):
        assert_same_net(own, expected, X, 1e-12)


class Shrink(Objective):
    """Adds the squared logits, and counts how often it is asked."""

    def penalty(self, forward, batch):
        return 0.3 * forward(batch.X).square().mean(dim=(-2, -1))


class Shrunk(NetClassifier):
    def _make_objective(self, rows):
        return super()._make_objective(rows) + Shrink()


@pytest.mark.parametrize("stacked", [True, False])
def test_an_objective_that_is_added_is_one_that_the_net_has_itself(stacked, table):
    X, y = table
    nets = members(3)
    fit_members(nets, X, y, None, np.ones((3, N)), stacked=stacked, extra=Shrink)
    for own, plain in zip(nets, members(3), strict=True):
        expected = Shrunk(**plain.get_params()).fit(X, y)
        assert_same_net(own, expected, X, 1e-12)
        assert np.abs(plain.fit(X, y).predict_proba(X) - own.predict_proba(X)).max() > 1e-3


def test_each_learns_from_its_share_of_the_rows(numbers, trained_together):
    """A share that is an integer for each row is so many copies, also of a training that has others beside it."""
    X, y = numbers
    rng = np.random.default_rng(0)
    shares = rng.integers(0, 3, (3, N)).astype(float)
    shares[1] = 1
    nets = members(3, net(net=Quiet, early_stopping=False))
    fit_members(nets, X, y, None, shares, stacked=True)
    order = rng.permutation(N)
    shuffled = members(3, net(net=Quiet, early_stopping=False))
    fit_members(shuffled, X[order], y[order], None, shares[:, order], stacked=True)
    scaled = members(3, net(net=Quiet, early_stopping=False))
    fit_members(scaled, X, y, None, shares * np.array([[1.0], [0.125], [8.0]]), stacked=True)
    for own, other, third in zip(nets, shuffled, scaled, strict=True):
        assert_array_equal(other.predict_proba(X), own.predict_proba(X))
        assert_array_equal(third.predict_proba(X), own.predict_proba(X))
    alone = clone(nets[1]).fit(X, y)
    assert_same_net(nets[1], alone, X, 1e-12)
    assert trained_together == [3, 3, 3]


def test_predictions_of_nets_that_were_fitted_apart(numbers):
    X, y = numbers
    nets = [own.fit(X[: 60 + k], y[: 60 + k]) for k, own in enumerate(members(3))]
    expected = np.stack([own.predict_proba(X) for own in nets])
    assert_allclose(members_proba(nets, X), expected, rtol=1e-14)
    assert members_proba(members_of_32_bits(X, y), X).dtype == np.float64


def members_of_32_bits(X, y):
    nets = members(2, dtype="float32", max_epochs=1)
    fit_members(nets, X, y, None, np.ones((2, N)))
    return nets


# ------------------------------------------------------------ early stopping of several trainings


def pretended(callback, module, losses):
    """The states of a pretended training with these validation losses, (n_epochs, n_members)."""
    pretended_net, states = SimpleNamespace(history=[], module_=module, device="cpu"), []
    callback.on_train_begin(pretended_net)
    for epoch, loss in enumerate(losses):
        for value in member_tensors(module):
            value.fill_(epoch)
        states.append(epoch)
        record = {"valid_loss": float(np.mean(loss)), "valid_losses": list(loss)}
        pretended_net.history.append(record)
        try:
            callback.on_epoch_end(pretended_net)
        except StopTraining:
            break
    callback.on_train_end(pretended_net)
    return len(states), [value.flatten(1)[:, 0].tolist() for value in member_tensors(module)]


@pytest.mark.parametrize("n_each", [1, 3])
@pytest.mark.parametrize("patience", [1, 2, 5])
def test_each_of_several_trainings_ends_as_it_would_by_itself(n_each, patience):
    ends = set()
    for seed in range(20):
        losses = np.random.default_rng(seed).integers(0, 30, (25, 4 * n_each)).astype(float)
        together = BestEpochs(patience, n_trainings=4)
        n, restored = pretended(together, Members(nn.Linear, 4 * n_each, in_features=2, out_features=2), losses)
        lengths = []
        for i in range(4):
            place = slice(i * n_each, (i + 1) * n_each)
            module = Members(nn.Linear, n_each, in_features=2, out_features=2)
            own, expected = pretended(BestEpochs(patience), module, losses[:, place])
            lengths.append(own)
            assert [values[place] for values in restored] == expected
        assert together.n_epochs.tolist() == lengths
        assert n == max(lengths), "the last to end ends them all"
        ends.add(tuple(lengths))
    assert any(len(set(lengths)) > 1 for lengths in ends)


def test_one_training_is_the_default():
    callback = BestEpochs(2)
    n, _ = pretended(callback, Members(nn.Linear, 3, in_features=2, out_features=2), np.ones((9, 3)))
    assert n == 3
    assert callback.n_epochs.tolist() == [3]


def test_epochs_are_counted_afresh_in_each_training():
    callback = BestEpochs(1, n_trainings=2)
    for losses in (np.ones((9, 2)), 9 - np.arange(9.0)[:, None] * np.ones(2), np.ones((9, 2))):
        n, _ = pretended(callback, Members(nn.Linear, 2, in_features=2, out_features=2), losses)
        assert callback.n_epochs.tolist() == [n, n]


# ------------------------------------------------------------ who is in an epoch of several trainings

PARTS = {
    "bootstraps": [np.random.default_rng(i).integers(0, 3, 30).astype(float) for i in range(3)],
    "subsets": [(np.arange(30) % 3 != i).astype(float) for i in range(3)],
    "one of ones": [np.ones(30), np.random.default_rng(0).random(30), np.ones(30)],
    "committees": [np.random.default_rng(i).integers(0, 3, (2, 30)).astype(float) for i in range(3)],
}


def samplers(parts, **params):
    length = max(np.count_nonzero(part, axis=-1).max() for part in parts)
    return [MemberRows(part, length=length, dtype=torch.float64, **params) for part in parts]


@pytest.mark.parametrize("label_weight", [None, np.linspace(0.5, 2, 30)], ids=["alike", "weighted"])
@pytest.mark.parametrize("parts", PARTS.values(), ids=PARTS)
def test_an_epoch_of_several_trainings_is_that_of_each(parts, label_weight):
    together = SideBySide(samplers(parts, label_weight=label_weight), seeds=[3, 1, 2])
    alone = samplers(parts, label_weight=label_weight)
    generators = [torch.Generator().manual_seed(seed) for seed in (3, 1, 2)]
    nobodys = torch.Generator().manual_seed(0)
    assert len(together) == len(alone[0])
    for epoch in range(3):
        drawn = together(epoch / 3, nobodys)
        each = [own(epoch / 3, generator) for own, generator in zip(alone, generators, strict=True)]
        assert torch.equal(drawn.rows, torch.cat([torch.atleast_2d(own.rows) for own in each]))
        for name in ("weight", "copies"):
            values = [getattr(own, name) for own in each]
            if all(value is None for value in values):
                assert getattr(drawn, name) is None
                continue
            values = [
                torch.ones(own.rows.shape, dtype=torch.float64) if value is None else value
                for own, value in zip(each, values, strict=True)
            ]
            assert torch.equal(getattr(drawn, name), torch.cat([torch.atleast_2d(value) for value in values]))
    assert torch.equal(nobodys.get_state(), torch.Generator().manual_seed(0).get_state())


def test_rows_to_validate_on_keep_their_order():
    parts = PARTS["bootstraps"]
    together = SideBySide(samplers(parts, shuffle=False))
    drawn = [together(progress, None).rows for progress in (0.0, 0.5)]
    assert torch.equal(*drawn)
    for rows, own in zip(drawn[0], samplers(parts, shuffle=False), strict=True):
        assert torch.equal(rows, own.rows)


def test_members_read_the_classes_of_their_rows_in_their_own_way():
    rng = np.random.default_rng(0)
    y, bits = torch.from_numpy(rng.integers(0, 5, 30)), torch.from_numpy(rng.integers(0, 2, (6, 5)))
    data = WeightedRows(torch.arange(30.0)[:, None], y, numbers=bits)
    sampler = SideBySide(samplers(PARTS["committees"]), seeds=[0, 1, 2])
    n = 0
    for batch in TensorBatches(data, 7, sampler=sampler, seed=0):
        for m in range(6):
            for row, label in zip(batch.rows[m].tolist(), batch.y[m].tolist(), strict=True):
                assert label == bits[m, y[row]]
                n += 1
    assert n == 6 * len(sampler)


def test_a_stack_of_perceptrons_is_each_of_them():
    """What is copied into a stack and out of it is all that training changes."""
    torch.manual_seed(0)
    nets = [MLP(4, 2, (8,)) for _ in range(3)]
    stack = MLP(4, 2, (8,), n_members=3)
    stack_tensors = [value.detach() for value in stack.parameters()]
    for i, own in enumerate(nets):
        for value, shared in zip(own.parameters(), stack_tensors, strict=True):
            shared[i] = value.detach().reshape(shared[i].shape)
    X = torch.rand(3, 9, 4)
    stacked = stack.eval()(X)
    for i, own in enumerate(nets):
        assert_allclose(stacked[i].detach(), own.eval()(X[i]).detach(), atol=1e-6)
