"""What is recorded of many nets is what each answers after each epoch, and nothing changes in their training."""

from functools import partial

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import AdaBoostClassifier, GradientBoostingClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from skorch.callbacks import Callback
from torch import nn

from sktech import (
    BaggingVoteEnsemble,
    DecoupledLongTailClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
    TensorNet,
)
from sktech._random import draw_seed, spawn_seed
from sktech.classifiers._members import fit_members
from sktech.inspection import (
    LearningOrder,
    LearningOrderDisplay,
    consensus,
    consistency,
    learning_order,
    overdispersion,
)
from sktech.inspection.learning_order import _Recorder, _Votes
from sktech.modules import member_tensors
from sktech.smoothing import VirtualAdversarial
from sktech.training import StopTraining

N, N_NETS, N_EPOCHS = 90, 4, 3


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 4))
    y = (X[:, 0] + X[:, 1] * X[:, 2] + rng.normal(size=N) > 0).astype(int) + (X[:, 3] > 1)
    return X, y


class Normed(nn.Module):
    """BatchNorm has statistics of its own, dropout draws, and one part never trains."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.body, self.norm = nn.Linear(n_features_in, 8, bias=False), nn.BatchNorm1d(8)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(self.drop(self.norm(self.body(X)).relu()))


class Unsteady(nn.Module):
    """Draws random numbers in evaluation mode, too."""

    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.head = nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        return self.head(X + 0.1 * torch.randn_like(X))


class Probabilities(nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.head = nn.Linear(n_features_in, n_classes)

    def forward(self, X):
        return torch.softmax(self.head(X), dim=-1)


def skorch_net(**params):
    return TensorNet(Probabilities, criterion=nn.NLLLoss, max_epochs=N_EPOCHS, verbose=0, lr=0.3, **params)


PLAIN = NetClassifier(n_members=1, max_epochs=N_EPOCHS)
ESTIMATORS = {
    "one net": PLAIN,
    "deep, jumpout": clone(PLAIN).set_params(hidden_layer_sizes=(16, 16), dropout="jumpout", dtype="float64"),
    "committee": clone(PLAIN).set_params(n_members=3),
    "BatchNorm": NetClassifier(Normed, max_epochs=N_EPOCHS),
    "committee of BatchNorm": NetClassifier(Normed, n_members=2, max_epochs=N_EPOCHS),
    "skorch": NetClassifier(skorch_net()),
    "committee of skorch": NetClassifier(skorch_net(), n_members=2),
    "smoothed": SmoothedNetClassifier(VirtualAdversarial(), n_members=1, max_epochs=N_EPOCHS),
    "prototypes": PrototypeClassifier(n_members=2, max_epochs=N_EPOCHS),
    "noise tolerant": NoiseTolerantClassifier(n_members=1, max_epochs=N_EPOCHS),
    "weighted classes": clone(PLAIN).set_params(class_weight="balanced", merge_identical_rows=False),
}


def seeds(n_estimators=N_NETS, seed=0):
    return [spawn_seed(draw_seed(seed), k) for k in range(n_estimators)]


class Watcher(Callback):
    """Keeps what a single net answers after each epoch."""

    def __init__(self, inputs):
        self.inputs, self.answers = inputs, []

    def on_epoch_end(self, net, **kwargs):
        proba = softmax(net.logits(self.inputs).numpy().astype(np.float64), axis=-1)
        self.answers.append((proba if proba.ndim == 2 else proba.mean(axis=0)).argmax(axis=-1))


def alone(estimator, X, y):
    """Nets, each fitted by itself."""
    for seed in seeds():
        yield clone(estimator).set_params(random_state=seed, early_stopping=False).fit(X, y)


def answers_of_nets_alone(estimator, X, y, X_watched):
    """Labels that nets predict after each epoch, (n_nets, n_epochs, n), and in the end, each fitted by itself."""
    kept, last = [], []
    for net in alone(estimator, X, y):
        last.append(net.predict(X_watched))
        watcher = Watcher(torch.cat(list(net._inputs(X_watched))))
        net.set_params(callbacks=[watcher]).fit(X, y)
        kept.append(net.classes_[watcher.answers])
    return np.array(kept), last


@pytest.mark.parametrize("name", ESTIMATORS)
def test_what_is_recorded_is_what_each_net_answers_by_itself(name, table):
    X, y = table
    rng = np.random.default_rng(1)
    X_test, y_test = rng.normal(size=(300, 4)), rng.integers(3, size=300)
    for watched in ({}, {"X_test": X_test, "y_test": y_test}):
        X_watched, y_watched = watched.get("X_test", X), watched.get("y_test", y)
        predictions, last = answers_of_nets_alone(ESTIMATORS[name], X, y, X_watched)
        order = learning_order(ESTIMATORS[name], X, y, N_NETS, random_state=0, **watched)
        assert order.consistency.shape == order.consensus.shape == (N_EPOCHS, len(y_watched))
        assert_array_equal(order.consistency, consistency(predictions, y_watched))
        assert_array_equal(order.consensus, consensus(predictions))
        assert_allclose(order.accuracy, (predictions == y_watched).mean(axis=(0, 2)), rtol=1e-12)
        assert_allclose(order.accessibility, (predictions == y_watched).mean(axis=(0, 1)), rtol=1e-12)
        assert_array_equal(order.overdispersion, overdispersion(order.consistency, N_NETS))
        assert_array_equal(order.consistency[-1], consistency(last, y_watched))


WATCHED = [*ESTIMATORS.values(), NetClassifier(Unsteady, max_epochs=N_EPOCHS)]
WAYS = [(net, stacked) for net in WATCHED for stacked in (False, True) if not (stacked and net._draws_its_own_rows)]


@pytest.mark.parametrize(("estimator", "stacked"), WAYS)
def test_recording_changes_nothing_in_the_training(estimator, stacked, table):
    X, y = table
    found = []
    for recorded in (False, True):
        nets = [clone(estimator).set_params(random_state=seed, early_stopping=False) for seed in seeds()]
        votes = _Votes(3, y, np.arange(N_NETS), N_NETS, 0)
        extra = {"extra": partial(_Recorder, nets[0], X, votes)} if recorded else {}
        fit_members(nets, X, y, None, np.ones((N_NETS, N)), stacked=stacked, **extra)
        found.append(nets)
    for without, with_recorder in zip(*found, strict=True):
        for one, other in zip(*(member_tensors(net.net_.module_) for net in (without, with_recorder)), strict=True):
            assert torch.equal(one, other)
        assert [record["train_loss"] for record in without.history_] == [
            record["train_loss"] for record in with_recorder.history_
        ]


def test_each_part_of_a_module_keeps_its_mode(table):
    X, y = table
    net = NetClassifier(Normed, max_epochs=1, early_stopping=False, random_state=0).fit(X, y)
    module, votes = net.net_.module_.train(), _Votes(3, y, np.arange(1), 1, 0)
    module.norm.eval()
    before, state = [part.training for part in module.modules()], torch.get_rng_state()
    _Recorder(net, X, votes).end_epoch(module)
    assert [part.training for part in module.modules()] == before == [True, True, False, True, True]
    assert torch.equal(torch.get_rng_state(), state)
    assert_array_equal(votes.counts[0].argmax(axis=1), net.predict(X))


def test_torchs_generator_is_left_alone(table):
    before = torch.get_rng_state()
    learning_order(PLAIN, *table, 2)
    assert torch.equal(before, torch.get_rng_state())


def test_the_same_seed_gives_the_same(table):
    order, same = (learning_order(PLAIN, *table, 3, random_state=4) for _ in range(2))
    assert_array_equal(order.consistency, same.consistency)
    assert_array_equal(order.consensus, same.consensus)
    other = learning_order(PLAIN, *table, 3, random_state=5)
    assert (other.consistency != order.consistency).any()


@pytest.mark.parametrize("seed", range(3))
def test_names_of_labels_and_forms_of_tables_do_not_matter(seed, table):
    X, y = table
    order = learning_order(PLAIN, X, y, 3, random_state=seed)
    frame = pd.DataFrame(X, columns=list("abcd"))
    named = learning_order(PLAIN, frame, np.array(["no", "perhaps", "yes"])[y], 3, random_state=seed)
    assert_array_equal(named.consistency, order.consistency)
    assert_array_equal(named.consensus, order.consensus)


def test_a_label_that_nets_do_not_know_is_never_answered(table):
    X, y = table
    order = learning_order(PLAIN, X, y, 3, X_test=X, y_test=np.where(y == 1, 7, y), random_state=0)
    known = learning_order(PLAIN, X, y, 3, random_state=0)
    assert_array_equal(order.consistency[:, y != 1], known.consistency[:, y != 1])
    assert (order.consistency[:, y == 1] == 0).all()
    assert_array_equal(order.consensus, known.consensus)


def test_rows_that_weigh_nothing_are_recorded_and_not_learned(table):
    X, y = table
    learned = np.arange(N) % 2 == 0
    order = learning_order(PLAIN, X, y, 3, sample_weight=learned.astype(float), random_state=0)
    other = learning_order(PLAIN, X[learned], y[learned], 3, X_test=X, y_test=y, random_state=0)
    assert_array_equal(order.consistency, other.consistency)
    # A class without any weight is none of the net's.
    order = learning_order(PLAIN, X, y, 3, sample_weight=np.where(y == 0, 0.0, 1.0), random_state=0)
    assert (order.consistency[:, y == 0] == 0).all()
    assert (order.accuracy > 0.3).all()


def test_what_comes_before_in_a_pipeline_is_fitted_once(table):
    X, y = table
    scaled = StandardScaler().fit(X)
    order = learning_order(make_pipeline(StandardScaler(), PLAIN), X, y, 2, X_test=X[:9], y_test=y[:9], random_state=0)
    other = learning_order(
        PLAIN, scaled.transform(X), y, 2, X_test=scaled.transform(X[:9]), y_test=y[:9], random_state=0
    )
    assert_array_equal(order.consistency, other.consistency)
    alone = learning_order(make_pipeline(PLAIN), X, y, 2, random_state=0)
    assert_array_equal(alone.consistency, learning_order(PLAIN, X, y, 2, random_state=0).consistency)


class Stop(Callback):
    """Ends the training of some nets after their second epoch."""

    def on_epoch_end(self, net, **kwargs):
        if len(net.history) == 2 and net.module_.body.weight.sum() > 0:
            raise StopTraining


def test_nets_that_end_early_keep_their_last_answers_in_any_number_of_processes(table):
    X, y = table
    estimator = NetClassifier(Normed, max_epochs=4, lr_schedule=None, callbacks=[Stop()])
    predictions = []
    for n_epochs in range(1, 5):
        nets = list(alone(clone(estimator).set_params(max_epochs=n_epochs), X, y))
        predictions.append([net.predict(X) for net in nets])
    assert {net.n_iter_ for net in nets} == {2, 4}
    predictions = np.swapaxes(predictions, 0, 1)
    for n_jobs in (None, 2):
        order = learning_order(estimator, X, y, N_NETS, random_state=0, n_jobs=n_jobs)
        assert_array_equal(order.consistency, consistency(predictions, y))
        assert_array_equal(order.consensus, consensus(predictions))


STAGED = [
    AdaBoostClassifier(DecisionTreeClassifier(max_depth=2, max_features=1), n_estimators=6),
    GradientBoostingClassifier(n_estimators=5, subsample=0.5, max_depth=2),
]


def fitted_in_stages(estimator, X, y, n_estimators, weight=None):
    names = sorted(name for name in estimator.get_params() if name.endswith("random_state"))
    for seed in seeds(n_estimators):
        states = {name: spawn_seed(seed, i) for i, name in enumerate(names)}
        yield clone(estimator).set_params(**states).fit(X, y, sample_weight=weight)


@pytest.mark.parametrize("estimator", STAGED)
@pytest.mark.parametrize("weighted", [False, True])
def test_stages_are_epochs(estimator, weighted, table):
    X, y = table
    names = np.array(["no", "perhaps", "yes"])[y]
    weight = np.arange(N) % 3 + 1.0 if weighted else None
    order = learning_order(estimator, X, names, 3, sample_weight=weight, random_state=0)
    assert len(np.unique(order.consistency)) == 4  # they differ
    fits = fitted_in_stages(estimator, X, names, 3, weight)
    predictions = [list(fit.staged_predict(X)) for fit in fits]
    assert_array_equal(order.consistency, consistency(predictions, names))
    assert_array_equal(order.consensus, consensus(predictions))


def test_a_boosting_without_errors_left_keeps_its_last_answers():
    X, y = load_iris(return_X_y=True)
    X, y = X[::3], y[::3]
    boosting = AdaBoostClassifier(
        DecisionTreeClassifier(max_depth=5, max_features=1, splitter="random"), n_estimators=9
    )
    order = learning_order(boosting, X, y, 6, random_state=0)
    predictions = [list(fit.staged_predict(X)) for fit in fitted_in_stages(boosting, X, y, 6)]
    lengths = [len(own) for own in predictions]
    assert len(set(lengths)) > 1
    filled = [own + [own[-1]] * (max(lengths) - len(own)) for own in predictions]
    assert_array_equal(order.consistency, consistency(filled, y))


@pytest.mark.parametrize("seed", range(3))
def test_easy_rows_are_learned_first(seed):
    rng = np.random.default_rng(seed)
    x = np.linspace(-1, 1, 200)
    y = (x > 0).astype(int)
    wrong = rng.choice(200, 20, replace=False)
    y[wrong] = 1 - y[wrong]
    order = learning_order(PLAIN, x[:, None], y, 5, random_state=seed)
    right = np.setdiff1d(np.arange(200), wrong)
    assert order.accessibility[wrong].mean() < order.accessibility[right].mean() - 0.5


@pytest.mark.parametrize(
    "estimator",
    [
        ReweightedClassifier(),
        DecoupledLongTailClassifier(),
        BaggingVoteEnsemble(),
        DecisionTreeClassifier(),
        make_pipeline(StandardScaler(), DecisionTreeClassifier()),
        NetClassifier,
    ],
)
def test_what_has_no_epochs_is_refused(estimator, table):
    with pytest.raises(TypeError, match=r"estimator: expected a net of sktech's, .* a classifier with staged_predict"):
        learning_order(estimator, *table)


def test_what_makes_no_sense_is_refused(table):
    X, y = table
    with pytest.raises(ValueError, match="n_estimators: expected an integer in"):
        learning_order(PLAIN, X, y, 0)
    with pytest.raises(ValueError, match="y_test: expected what belongs to X_test, got None"):
        learning_order(PLAIN, X, y, 2, X_test=X)
    with pytest.raises(ValueError, match="X_test: expected what belongs to y_test, got None"):
        learning_order(PLAIN, X, y, 2, y_test=y)
    with pytest.raises(ValueError, match="y and y_test: expected labels of one kind"):
        learning_order(PLAIN, X, y, 2, X_test=X, y_test=y.astype(str))
    with pytest.raises(ValueError, match="X has 3 features, but NetClassifier is expecting 4"):
        learning_order(PLAIN, X, y, 2, X_test=X[:, :3], y_test=y)
    with pytest.raises(ValueError, match="expected a label for each row that is recorded, got -1"):
        learning_order(ESTIMATORS["smoothed"], X, np.where(np.arange(N) % 3 == 0, -1, y), 2)
    with pytest.raises(ValueError, match=r"y: expected labels of at least two classes, got \[0.0\]"):
        learning_order(STAGED[0], X, np.zeros(N), 2)
    with pytest.raises(ValueError, match="lr: expected a number in"):
        learning_order(NetClassifier(lr=-1.0), X, y, 2)


def test_rows_without_a_label_are_learned_from_where_others_are_recorded(table):
    X, y = table
    partly = np.where(np.arange(N) % 3 == 0, -1, y)
    order = learning_order(ESTIMATORS["smoothed"], X, partly, 2, X_test=X, y_test=y, random_state=0)
    assert order.consistency.shape == (N_EPOCHS, N)


def test_progress_is_told_where_it_is_asked_for(table, capsys):
    order = learning_order(PLAIN, *table, 2, random_state=0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == N_EPOCHS
    assert lines[-1] == f"learning order of 1 to 2 of 2: epoch 3, accuracy {order.accuracy[-1]:.4f}"
    learning_order(STAGED[0], *table, 2, random_state=0, verbose=1)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines] == ["learning order of 1 to 1 of 2", "learning order of 2 to 2 of 2"]
    learning_order(PLAIN, *table, 2)
    assert not capsys.readouterr().out


# ---------------------------------------------------------------- the display


@pytest.fixture(scope="module")
def order():
    rng = np.random.default_rng(0)
    right = rng.uniform(size=(6, 8, 50)) < np.linspace(0.2, 0.9, 8)[:, None]
    return LearningOrder(right.mean(axis=0), np.maximum(right.mean(axis=0), 0.5), 6)


def test_histograms_count_rows(order):
    display = LearningOrderDisplay(order)
    assert display.histograms.shape == (8, 7)
    for epoch, k in np.ndindex(8, 7):
        expected = np.mean([abs(value - k / 6) < 1e-9 for value in order.consistency[epoch]])
        assert_allclose(display.histograms[epoch, k], expected)
    assert_allclose(display.histograms @ np.arange(7) / 6, order.accuracy)
    assert_allclose(display.histograms.sum(axis=1), 1)


def test_phases_divide_the_way_of_the_accuracy(order):
    phases, accuracy = LearningOrderDisplay(order).phases, order.accuracy
    assert phases[0] == 0
    assert phases[-1] == accuracy.argmax()
    for phase, share in zip(phases[1:3], (1 / 3, 2 / 3), strict=True):
        goal = accuracy[0] + share * (accuracy.max() - accuracy[0])
        assert (accuracy[:phase] < goal).all()
        assert accuracy[phase] >= goal


def test_the_pictures_show_the_histograms(order):
    figure, ax = plt.subplots()
    display = LearningOrderDisplay(order).plot(ax)
    assert display.figure_ is figure
    drawn = [patch.get_data().values for patch in ax.patches[::2]]
    assert_array_equal(drawn, display.histograms[display.phases])
    display.plot(kind="epochs")
    (image,) = display.ax_.collections
    assert_array_equal(image.get_array().filled(0).reshape(7, 8), display.histograms.T)
    assert_array_equal(display.ax_.lines[0].get_ydata(), order.accuracy)
    display.figure_.canvas.draw()


def test_a_display_from_an_estimator_is_that_of_its_order(table):
    X, y = table
    display = LearningOrderDisplay.from_estimator(PLAIN, X, y, n_estimators=3, random_state=0, kind="epochs")
    order = learning_order(PLAIN, X, y, 3, random_state=0)
    assert_array_equal(display.order.consistency, order.consistency)
    assert_array_equal(display.histograms, LearningOrderDisplay(order).histograms)
    for draw in (partial(LearningOrderDisplay.from_estimator, PLAIN, X, y), display.plot):
        with pytest.raises(ValueError, match="kind: expected one of 'phases', 'epochs', got 'both'"):
            draw(kind="both")


def test_a_single_epoch_can_be_drawn():
    order = LearningOrder(np.array([[0.0, 1.0]]), np.ones((1, 2)), 1)
    for kind in ("phases", "epochs"):
        LearningOrderDisplay(order).plot(kind=kind).figure_.canvas.draw()
