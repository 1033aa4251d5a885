"""Laws of the committee: what n_members nets in one NetClassifier have to do with one."""

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from skorch import NeuralNetClassifier
from skorch.callbacks import Callback, EpochScoring, LRScheduler
from torch import nn

from sktech import NetClassifier, TensorNet, presets
from sktech.modules import MLP, Members, TableNet, member_tensors


def learner(**params):
    small = {"n_members": 3, "hidden_layer_sizes": (8,), "max_epochs": 4, "batch_size": 32, "random_state": 0}
    return NetClassifier(**small | params)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = pd.DataFrame(rng.normal(size=(150, 3)), columns=list("abc"))
    X["colour"] = rng.choice(["red", "green", "blue"], 150)
    X["town"] = rng.choice([f"town {i}" for i in range(12)], 150)
    X.loc[::7, "a"] = np.nan
    y = np.where(X["b"] + (X["colour"] == "red") > 0.5, "yes", "no").astype(object)
    y[::11] = "maybe"
    return X, y


class Plain(nn.Module):
    def __init__(self, n_features_in, n_classes, units=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features_in, units), nn.BatchNorm1d(units), nn.ReLU(), nn.Linear(units, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


def test_the_committees_probabilities_are_the_mean_of_its_members(table):
    X, y = table
    model = learner(dtype="float64").fit(X, y)
    encoded = torch.from_numpy(model._encoder.transform(model._reader.transform(X), "float64"))
    proba = torch.softmax(model.net_.logits(encoded), dim=-1)
    assert proba.shape == (3, 150, 3)
    assert_allclose(model.predict_proba(X), proba.mean(dim=0), rtol=1e-12)
    assert_allclose(model.predict_log_proba(X), proba.mean(dim=0).log(), rtol=1e-9)
    assert_allclose(model.decision_function(X), model.predict_log_proba(X), rtol=1e-9)
    assert_allclose(model.net_.predict_proba(encoded), proba.mean(dim=0), rtol=1e-12)
    assert not np.allclose(proba[0], proba[1])


@pytest.mark.parametrize("net", [None, Plain, TableNet], ids=["built-in", "module", "TableNet"])
@pytest.mark.parametrize("n_members", [1, 2, 5])
def test_any_net_can_have_members(net, n_members, table):
    X, y = table
    own = {} if net is None else {"hidden_layer_sizes": (128, 128)}
    model = learner(net=net, n_members=n_members, **own).fit(X, y)
    assert model.n_members_ == n_members
    assert isinstance(model.net_.module_, Members) is (net is not None and n_members > 1)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)


def test_a_skorch_net_can_have_members(table):
    X, y = table
    inside = NeuralNetClassifier(
        Plain, module__units=5, criterion=nn.CrossEntropyLoss, optimizer=torch.optim.Adam, max_epochs=2, verbose=0
    )
    model = NetClassifier(inside, n_members=3, random_state=0).fit(X, y)
    assert model.net_.module_.module.layers[0].weight.shape[:2] == (3, 5)
    assert model.predict_proba(X).shape == (150, 3)


def test_auto_means_few_members_for_many_rows_and_one_for_a_net_of_yours():
    for n_rows, expected in [(900, 8), (1000, 4)]:
        X = np.random.default_rng(0).normal(size=(n_rows, 2))
        assert learner(n_members="auto", max_epochs=1).fit(X, X[:, 0] > 0).n_members_ == expected
    own = learner(net=Plain, n_members="auto", hidden_layer_sizes=(128, 128), max_epochs=1)
    assert own.fit(X, X[:, 0] > 0).n_members_ == 1


@pytest.mark.parametrize("n_rows", [30, 200, 700, 1500, 5000, 40_000, 90_000, 500_000])
def test_auto_batches_make_20_steps_of_a_small_table_and_400_of_a_large_one(n_rows):
    size = NetClassifier()._choose_batch(n_rows)
    assert size in {8, 16, 32, 64, 128, 256, 512}
    if 8 < size < 128:
        assert 20 / 2**0.5 <= n_rows / size <= 20 * 2**0.5
    elif size == 256:
        assert 400 / 2**0.5 <= n_rows / size <= 400 * 2**0.5
    assert NetClassifier(batch_size=77)._choose_batch(n_rows) == 77


def test_the_batch_size_in_use_is_that_of_the_net(table):
    assert learner(batch_size="auto", max_epochs=1, early_stopping=False).fit(*table).net_.batch_size == 8
    assert learner(batch_size=50, max_epochs=1).fit(*table).net_.batch_size == 50


@pytest.mark.parametrize("net", [None, Plain], ids=["built-in", "module"])
def test_stacked_training_equals_training_one_by_one(net, table):
    """Each member on its own: the same start, the same rows in the same order, in a net without a member axis."""
    X, y = table
    recorded = []

    class Watch(EpochScoring):
        def __init__(self):
            super().__init__("accuracy", name="right")

        def on_train_begin(self, net, **kwargs):
            recorded.append({name: value.clone() for name, value in net.module_.state_dict().items()})

        def on_batch_begin(self, net, batch, training, **kwargs):
            if training:
                recorded.append(batch)

        def on_batch_end(self, *args, **kwargs):
            pass

        def on_epoch_end(self, *args, **kwargs):
            pass

    own = {"dropout": 0} if net is None else {"hidden_layer_sizes": (128, 128)}
    exact = {"dtype": "float64", "early_stopping": False, "lr_schedule": None}
    model = learner(net=net, callbacks=[Watch()], **own, **exact).fit(X, y)
    start, *batches = recorded
    for m in range(3):
        single = learner(net=net, n_members=1, max_epochs=1, **own, **exact).fit(X, y).net_.module_
        prefix = "" if net is None else "module."
        shared = {"numbers.encoding.slope", "numbers.encoding.start"}
        own_start = {name: value if name in shared else value[m] for name, value in start.items()}
        single.load_state_dict({name.removeprefix(prefix): value for name, value in own_start.items()})
        optimizer = torch.optim.AdamW(
            single.train().parameters(), lr=model.lr, weight_decay=model.weight_decay, fused=True
        )
        for batch in batches:
            optimizer.zero_grad()
            nn.functional.cross_entropy(single(batch.X[m]), batch.y[m]).backward()
            optimizer.step()
        for name, value in single.named_parameters():
            trained = model.net_.module_.get_parameter(prefix + name)[m]
            assert_allclose(value.detach(), trained.detach(), atol=1e-12)


def test_members_hold_out_different_rows_and_see_all_of_them_together(table, monkeypatch):
    X, y = table
    module, held = __import__("sktech.classifiers.net", fromlist=["net"]), []
    original = module.stratified_holdout
    monkeypatch.setattr(module, "stratified_holdout", lambda *args: held.append(original(*args)) or held[-1])
    learner(n_members=4, validation_fraction=0.25, max_epochs=1).fit(X, y)
    assert_array_equal(held[0].sum(axis=0), np.ones(150))


@pytest.mark.parametrize("early_stopping", [True, False])
def test_a_weight_is_so_many_copies_for_a_committee_too(table, early_stopping):
    X, y = table
    weight = np.random.default_rng(1).integers(0, 4, 150)
    copies = np.repeat(np.arange(150), weight)
    one = learner(early_stopping=early_stopping).fit(X, y, sample_weight=weight)
    other = learner(early_stopping=early_stopping).fit(X.iloc[copies], y[copies])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_history_tells_of_every_member(table):
    for record in learner().fit(*table).history_:
        assert len(record["valid_losses"]) == 3
        assert record["valid_loss"] == pytest.approx(np.mean(record["valid_losses"]))
    assert "valid_losses" not in learner(n_members=1).fit(*table).history_[0]


def test_callbacks_score_the_rows_of_all_members(table):
    scores = [
        EpochScoring("accuracy", name=name, on_train=name == "seen", lower_is_better=False) for name in ("seen", "held")
    ]
    model = learner(callbacks=scores, max_epochs=10).fit(*table)
    assert all(0 < record[name] <= 1 for record in model.history_ for name in ("seen", "held"))
    assert model.history_[-1]["seen"] > 0.5


def test_a_committee_goes_on_where_it_stopped(table):
    X, y = table
    model = learner(warm_start=True).fit(X, y)
    first = model.predict_proba(X)
    assert model.fit(X, y).n_iter_ == 8
    assert not np.array_equal(model.predict_proba(X), first)
    stream = learner(n_members="auto")
    for _ in range(3):
        stream.partial_fit(X.iloc[:40], y[:40], classes=["maybe", "no", "yes"])
    assert stream.n_iter_ == 3
    assert stream.n_members_ == 8


@pytest.mark.parametrize("name", ["FAST", "STRONG"])
def test_presets_are_parameters(name, table):
    preset = getattr(presets, name)
    assert set(preset) <= set(NetClassifier().get_params())
    assert NetClassifier(**preset | {"max_epochs": 1, "random_state": 0}).fit(*table).score(*table) > 0.3


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_members": 0}, "n_members: expected"),
        ({"n_members": "many"}, "n_members: expected"),
        ({"numeric_embedding": "fourier"}, "numeric_embedding: expected"),
        ({"dropout": "jump"}, "dropout: expected"),
        ({"dropout": 1.0}, "dropout: expected"),
        ({"batch_size": "large"}, "batch_size: expected"),
        ({"lr_schedule": "cosine"}, "lr_schedule: expected"),
    ],
    ids=str,
)
def test_a_wrong_parameter_is_named(params, message, table):
    with pytest.raises((ValueError, TypeError), match=message):
        learner(**params).fit(*table)


@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic", None])
@pytest.mark.parametrize("dropout", [0, 0.3, "jumpout"])
def test_every_module_parameter_trains(embedding, dropout, table):
    model = learner(numeric_embedding=embedding, dropout=dropout).fit(*table)
    assert np.isfinite(model.predict_proba(table[0])).all()


class Inside(nn.Module):
    """One net that happens to count members of its own."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.n_members = 4
        self.norm = nn.BatchNorm1d(n_features_in)
        self.layer = nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        return self.layer(self.norm(X))


def test_a_module_of_yours_is_one_net_whatever_its_attributes_are_called(table):
    class Buffers(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(net.module_.norm.running_mean.clone())

    seen, score = [], EpochScoring("accuracy", lower_is_better=False, name="right")
    model = NetClassifier(Inside, max_epochs=30, lr=0.3, patience=3, callbacks=[Buffers(), score], random_state=0)
    model.fit(*table)
    best = np.argmin([record["valid_loss"] for record in model.history_])
    assert best < len(seen) - 1, "the last epoch was the best: nothing was restored"
    assert torch.equal(model.net_.module_.norm.running_mean, seen[best])


@pytest.mark.parametrize("n_members", [1, 3])
def test_an_error_in_a_module_of_yours_is_the_one_that_is_told(n_members, table):
    class Bad(nn.Module):
        def __init__(self, n_features_in, n_classes):
            raise ValueError("width must divide 3")

    with pytest.raises(ValueError, match="width must divide 3"):
        NetClassifier(Bad, n_members=n_members).fit(*table)


def test_a_committee_does_not_change_its_size_on_the_way(table):
    model = learner(warm_start=True).fit(*table)
    with pytest.raises(ValueError, match="warm_start: expected n_members=3 as before, got 2"):
        model.set_params(n_members=2).fit(*table)
    assert model.set_params(n_members="auto").fit(*table).n_members_ == 3


def test_predictions_are_of_the_type_that_was_trained(table):
    model = learner().fit(*table)
    before = model.predict_proba(table[0])
    assert_array_equal(model.set_params(dtype="float64").predict_proba(table[0]), before)


def test_two_that_set_the_learning_rate_are_refused(table):
    scheduler = LRScheduler("StepLR", step_size=1, gamma=1e-6)
    with pytest.raises(ValueError, match="set lr_schedule=None"):
        learner(callbacks=[("rate", scheduler)]).fit(*table)
    alone, plain = (learner(lr_schedule=None, callbacks=given).fit(*table) for given in ([scheduler], None))
    assert not np.array_equal(alone.predict_proba(table[0]), plain.predict_proba(table[0]))


def test_numbers_of_a_very_wide_table_are_not_embedded():
    X = np.random.default_rng(0).normal(size=(40, 257))
    y = np.arange(40) % 2
    assert learner(max_epochs=1).fit(X, y).net_.module_.numbers is None
    assert learner(max_epochs=1).fit(X[:, 1:], y).net_.module_.numbers is not None


class WithAxis(nn.Module):
    """One net that answers as a committee of one, or of two."""

    def __init__(self, n_features_in, n_classes, n=1):
        super().__init__()
        self.n, self.layer = n, nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        return self.layer(X).expand(self.n, len(X), -1)


class Pair(Plain):
    def forward(self, X):
        logits = super().forward(X)
        return logits, logits


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize(
    ("net", "came"), [(WithAxis, r"\(1, 2, 3\)"), (lambda n_features_in, n_classes: Pair(n_features_in, 7), "tuple")]
)
def test_a_module_that_answers_in_another_shape_is_refused(net, came, n_members, table):
    with pytest.raises(ValueError, match=rf"\(n, 3\), one column per class, got {came} for 2 rows"):
        NetClassifier(net, n_members=n_members).fit(*table)


@pytest.mark.parametrize("kind", [MLP, TableNet, Members])
def test_a_committees_probabilities_are_averaged_in_any_tensor_net(kind):
    given = {
        MLP: {"n_features_in": 4, "n_classes": 3, "n_members": 5},
        TableNet: {"bin_edges": [], "n_plain": 4, "n_levels": [], "n_classes": 3, "n_members": 5},
        Members: {"module": nn.Linear, "n_members": 5, "in_features": 4, "out_features": 3},
    }[kind]
    net = TensorNet(kind(**given), criterion=nn.CrossEntropyLoss, verbose=0).initialize()
    X = torch.randn(20, 4)
    expected = net.module_.eval()(X).softmax(-1).mean(0).detach()
    assert_allclose(net.predict_proba(X), expected, rtol=1e-5)
    assert all(len(value) == 5 for value in member_tensors(net.module_))
