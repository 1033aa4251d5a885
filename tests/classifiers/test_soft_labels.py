"""Laws of training on probabilities: labels, weights and repetition are special cases of them."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from skorch.callbacks import Callback
from torch import nn

from sktech import NetClassifier, SmoothedNetClassifier
from sktech.labels import UNLABELED, Labels
from sktech.smoothing import Bootstrapping, ConfidencePenalty, LabelSmoothing

N, K = 90, 3


def learner(kind=NetClassifier, **params):
    """A small net that is trained for a moment."""
    return kind(**{"hidden_layer_sizes": (8,), "max_epochs": 2, "n_members": 2, "random_state": 0} | params)


def exact(kind=NetClassifier, **params):
    """One net whose every step sees all rows: what is the same in the loss is the same in the net, up to rounding."""
    plain = {"n_members": 1, "batch_size": -1, "early_stopping": False, "dropout": 0, "dtype": "float64"}
    return learner(kind, **plain | {"max_epochs": 20} | params)


class ToTheOptimum(torch.optim.LBFGS):
    def __init__(self, params, lr):
        super().__init__(
            params, lr, max_iter=50, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )


def constant(kind=NetClassifier, **params):
    """A net without inputs to speak of, at its optimum."""
    to_the_end = {"hidden_layer_sizes": (), "optimizer": ToTheOptimum, "lr": 1.0, "lr_schedule": None}
    return exact(kind, **to_the_end | {"max_epochs": 3} | params)


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 3))
    X[::7, 2] = np.nan
    scores = np.c_[X[:, 0], X[:, 1], np.zeros(N)] + rng.normal(scale=0.5, size=(N, K))
    return X, softmax(2 * scores, axis=1)


def assert_same_model(one, other, X):
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    for name, value in one.net_.module_.state_dict().items():
        assert torch.equal(value, other.net_.module_.state_dict()[name]), name


# ------------------------------------------------------------ certain probabilities are labels

SETTINGS = {
    "committee": {},
    "one net": {"n_members": 1},
    "float64": {"dtype": "float64"},
    "no early stopping": {"early_stopping": False},
    "balanced": {"class_weight": "balanced"},
    "class weights": {"class_weight": {0: 0.5, 2: 3}},
    "a class that weighs nothing": {"class_weight": {1: 0}},
    "rows not merged": {"merge_identical_rows": False},
    "full batches": {"batch_size": -1},
    "smoothed": {"kind": SmoothedNetClassifier},
    "smoothed in every way": {
        "kind": SmoothedNetClassifier,
        "smoothing": [LabelSmoothing(prior="unigram"), "confidence_penalty", "bootstrapping", "disturb_label"],
        "class_weight": "balanced",
    },
    "adversarial": {"kind": SmoothedNetClassifier, "smoothing": "virtual_adversarial"},
}


@pytest.mark.parametrize("weighted", [False, True], ids=["", "sample_weight"])
@pytest.mark.parametrize("params", SETTINGS.values(), ids=SETTINGS)
def test_certain_probabilities_make_the_model_of_plain_labels(params, weighted, table):
    X, Y = table
    y = Y.argmax(axis=1)
    weight = np.random.default_rng(1).integers(0, 4, N) if weighted else None
    soft = learner(**params).fit(X, np.eye(K)[y], sample_weight=weight)
    assert_same_model(soft, learner(**params).fit(X, y, sample_weight=weight), X)
    assert soft.history_[-1]["train_loss"] == learner(**params).fit(X, y, weight).history_[-1]["train_loss"]


def test_certain_probabilities_make_the_model_of_plain_labels_in_partial_fit(table):
    X, Y = table
    y = Y.argmax(axis=1)
    soft, hard = learner(), learner()
    for rows in (slice(50), slice(40, N)):
        soft.partial_fit(X[rows], np.eye(K)[y[rows]], classes=[0, 1, 2])
        hard.partial_fit(X[rows], y[rows], classes=[0, 1, 2])
    assert_same_model(soft, hard, X)


def test_probabilities_are_more_than_their_most_probable_class(table):
    X, Y = table
    soft, hard = learner().fit(X, Y), learner().fit(X, Y.argmax(axis=1))
    assert np.abs(soft.predict_proba(X) - hard.predict_proba(X)).max() > 1e-3


# ------------------------------------------------------------ containers and names


@pytest.mark.parametrize(
    "contain",
    [np.ndarray.tolist, pd.DataFrame, lambda Y: Y.astype(object), torch.from_numpy],
    ids=["list", "frame with numbers as names", "objects", "tensor"],
)
def test_the_container_of_the_probabilities_does_not_matter(contain, table):
    X, Y = table
    model = learner().fit(X, contain(Y))
    assert_array_equal(model.classes_, [0, 1, 2])
    assert_same_model(model, learner().fit(X, Y), X)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_columns_of_a_frame_name_the_classes_in_any_order(make, table):
    X, Y = table
    names = ["dog", "ant", "cat"]
    model = learner().fit(X, make(dict(zip(names, Y.T, strict=True))))
    by_number = learner().fit(X, Y[:, [1, 2, 0]])
    assert model.classes_.tolist() == ["ant", "cat", "dog"]
    assert_same_model(model, by_number, X)
    assert_array_equal(model.predict(X), np.array(["ant", "cat", "dog"])[by_number.predict(X)])
    assert model.score(X, np.array(names)[Y.argmax(axis=1)]) == by_number.score(X, Y[:, [1, 2, 0]].argmax(axis=1))


def test_a_class_without_any_probability_is_known_and_never_predicted(table):
    X, Y = table
    model = learner().fit(X, np.insert(Y, 1, 0, axis=1))
    assert_array_equal(model.classes_, [0, 1, 2, 3])
    assert_array_equal(model.predict_proba(X)[:, 1], 0)
    assert_array_equal(np.delete(model.predict_proba(X), 1, axis=1), learner().fit(X, Y).predict_proba(X))


# ------------------------------------------------------------ weights and repetition


TECHNIQUES = {
    "plain": {},
    "label smoothing": {"kind": SmoothedNetClassifier, "smoothing": LabelSmoothing(0.2, prior="unigram")},
    "confidence penalty": {"kind": SmoothedNetClassifier, "smoothing": ConfidencePenalty(0.3)},
    "bootstrapping": {"kind": SmoothedNetClassifier, "smoothing": Bootstrapping(0.8)},
    "class weights": {"class_weight": {0: 1, 1: 4, 2: 0.5}},
    "balanced": {"class_weight": "balanced"},
}


@pytest.mark.parametrize("params", TECHNIQUES.values(), ids=TECHNIQUES)
def test_a_row_of_probabilities_is_a_weighted_row_for_each_class(params, table):
    X, Y = table
    soft = exact(**params).fit(X, Y)
    split = exact(**params).fit(np.repeat(X, K, axis=0), np.tile(np.arange(K), N), sample_weight=Y.ravel())
    assert_allclose(soft.predict_proba(X), split.predict_proba(X), atol=1e-6)


def test_two_classes_are_weighted_rows_too(table):
    X, _ = table
    soft = exact().fit(X, np.tile([0.25, 0.75], (N, 1)))
    split = exact().fit(np.r_[X, X], np.repeat([0, 1], N), sample_weight=np.repeat([0.25, 0.75], N))
    assert_allclose(soft.predict_proba(X), split.predict_proba(X), atol=1e-6)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("class_weight", [None, {0: 2, 2: 0.5}])
def test_a_weight_is_so_many_copies(early_stopping, class_weight, table):
    X, Y = table
    weight = np.random.default_rng(1).integers(0, 4, N)
    copies = np.repeat(np.arange(N), weight)
    params = {"early_stopping": early_stopping, "class_weight": class_weight}
    weighted = learner(**params).fit(X, Y, sample_weight=weight)
    assert_same_model(weighted, learner(**params).fit(X[copies], Y[copies]), X)


@pytest.mark.parametrize("class_weight", [None, {0: 2, 2: 0.5}])
def test_the_order_of_rows_does_not_matter(class_weight, table):
    X, Y = table
    order = np.random.default_rng(1).permutation(N)
    model = learner(class_weight=class_weight).fit(X, Y)
    assert_same_model(model, learner(class_weight=class_weight).fit(X[order], Y[order]), X)


@pytest.mark.parametrize("seed", range(3))
def test_balanced_heeds_neither_the_order_of_rows_nor_whether_they_are_copies(seed, table):
    """Up to the rounding of the class weights, which are sums over rows."""
    X, Y = table
    weight = np.random.default_rng(seed).integers(0, 4, N)
    copies = np.repeat(np.arange(N), weight)
    shuffled = np.random.default_rng(seed).permutation(copies)
    params = {"class_weight": "balanced", "dtype": "float64"}
    expected = learner(**params).fit(X, Y, sample_weight=weight).predict_proba(X)
    for rows in (copies, shuffled):
        assert_allclose(learner(**params).fit(X[rows], Y[rows]).predict_proba(X), expected, atol=1e-6)


def test_rows_that_differ_in_their_probabilities_alone_stay_apart(table):
    same, (_, Y) = np.zeros((N, 2)), table
    model = constant().fit(same, Y)
    assert_allclose(model.predict_proba(same[:1])[0], Y.mean(axis=0), atol=1e-6)


# ------------------------------------------------------------ what is learned


@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_a_table_that_says_nothing_predicts_the_mean_probabilities(n_classes):
    rng = np.random.default_rng(n_classes)
    X, Y, weight = np.ones((20, 1)), rng.dirichlet(np.ones(n_classes), 20), rng.random(20)
    assert_allclose(constant().fit(X, Y).predict_proba(X[:1])[0], Y.mean(axis=0), atol=1e-6)
    weighted = constant().fit(X, Y, sample_weight=weight).predict_proba(X[:1])[0]
    assert_allclose(weighted, np.average(Y, axis=0, weights=weight), atol=1e-6)


@pytest.mark.parametrize("merge", [True, False])
@pytest.mark.parametrize(
    "weights", [[1, 4, 0.25], [1, 0, 2], [0, 3, 0], "balanced"], ids=["positive", "one zero", "two zeros", "balanced"]
)
def test_class_weights_multiply_the_mean_probabilities(weights, merge):
    X, Y = np.zeros((30, 1)), np.random.default_rng(0).dirichlet(np.ones(K), 30)
    # rows that a weight of 0 for class 1 makes proportional to each other
    Y[:4] = [[1, 0, 0], [0.6, 0.4, 0], [0.2, 0.8, 0], [0, 0, 1]]
    given = weights if weights == "balanced" else dict(enumerate(weights))
    w = 1 / Y.mean(axis=0) if weights == "balanced" else np.array(weights)
    model = constant(class_weight=given, merge_identical_rows=merge).fit(X, Y)
    expected = w * Y.mean(axis=0) / (w * Y.mean(axis=0)).sum()
    assert_allclose(model.predict_proba(X[:1])[0], expected, atol=1e-6)


def test_the_validation_loss_is_the_cross_entropy_with_the_probabilities():
    X, Y = np.zeros((40, 1)), np.tile([0.2, 0.3, 0.5], (40, 1))
    model = constant(early_stopping=True).fit(X, Y)
    best = min(record["valid_loss"] for record in model.history_)
    assert best == pytest.approx(-Y[0] @ model.predict_log_proba(X[:1])[0], rel=1e-12)
    assert best == pytest.approx(-Y[0] @ np.log(Y[0]), rel=1e-9)  # at its optimum: no less than the entropy


def test_the_validation_loss_of_a_softened_target_is_the_plain_one():
    X, Y = np.zeros((40, 1)), np.tile([0.2, 0.3, 0.5], (40, 1))
    labels = Labels(np.arange(K), Y.argmax(axis=1), Y, hard_weight=0.5, temperature=3.0)
    model = constant(early_stopping=True).fit(X, labels)
    best = min(record["valid_loss"] for record in model.history_)
    assert best == pytest.approx(-labels.mixture()[0] @ model.predict_log_proba(X[:1])[0], rel=1e-12)


def test_probabilities_teach_more_than_labels_drawn_from_them():
    """Few rows, the truth as probabilities: their net is closer to the truth than one that saw labels alone."""
    gains = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        X, slopes = rng.normal(size=(160, 3)), rng.normal(size=(3, K))
        truth = softmax(X @ slopes, axis=1)
        y = (truth.cumsum(axis=1) < rng.random((160, 1))).sum(axis=1)
        models = [learner(max_epochs=15, random_state=seed).fit(X[:60], given[:60]) for given in (truth, y)]
        far = [np.mean(truth[60:] * (np.log(truth[60:]) - m.predict_log_proba(X[60:]))) for m in models]
        gains.append(far[1] - far[0])
    assert min(gains) > 0


# ------------------------------------------------------------ committees


class Watch(Callback):
    """Keeps the start of a training, and its batches."""

    def __init__(self, recorded):
        self.recorded = recorded

    def on_train_begin(self, net, **kwargs):
        self.recorded.append({name: value.clone() for name, value in net.module_.state_dict().items()})

    def on_batch_begin(self, net, batch, training, **kwargs):
        self.recorded.append(batch)


class Plain(nn.Module):
    def __init__(self, n_features_in, n_classes, units=8):
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(n_features_in, units), nn.BatchNorm1d(units), nn.ReLU(), nn.Linear(units, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


def by_hand(module, batch, m, Y, temperature):
    """The loss of one member on its rows."""
    logits, rows = module(batch.X[m]), batch.rows[m]
    T = temperature
    softened = torch.softmax(Y[rows].log() / T, dim=-1)
    return T**2 * F.cross_entropy(logits / T, softened)


@pytest.mark.parametrize("temperature", [1.0, 3.0])
@pytest.mark.parametrize("net", [None, Plain], ids=["built-in", "module"])
def test_stacked_training_equals_training_one_by_one(net, temperature, table):
    X, Y = table
    recorded = []
    own = {"hidden_layer_sizes": (8,), "dropout": 0} if net is None else {"net": net}
    params = {"dtype": "float64", "early_stopping": False, "lr_schedule": None, "max_epochs": 3, "random_state": 0}
    params |= {"batch_size": 32, "merge_identical_rows": False} | own  # the rows stay where they are
    labels = Labels(np.arange(K), Y.argmax(axis=1), Y, temperature=temperature)
    model = NetClassifier(n_members=3, callbacks=[Watch(recorded)], **params).fit(X, labels)
    start, *batches = recorded
    assert len(batches) == 3 * 3
    for m in range(3):
        single = NetClassifier(n_members=1, **params | {"max_epochs": 1}).fit(X, labels).net_.module_
        prefix = "" if net is None else "module."
        shared = {"numbers.encoding.slope", "numbers.encoding.start"}
        own_start = {name: value if name in shared else value[m] for name, value in start.items()}
        single.load_state_dict({name.removeprefix(prefix): value for name, value in own_start.items()})
        optimizer = torch.optim.AdamW(
            single.train().parameters(), lr=model.lr, weight_decay=model.weight_decay, fused=True
        )
        for batch in batches:
            optimizer.zero_grad()
            by_hand(single, batch, m, torch.from_numpy(Y), temperature).backward()
            optimizer.step()
        for name, value in single.named_parameters():
            trained = model.net_.module_.get_parameter(prefix + name)[m]
            assert_allclose(value.detach(), trained.detach(), atol=1e-11)


# ------------------------------------------------------------ labels that say several things


def test_a_share_of_1_for_the_label_is_the_label(table):
    X, Y = table
    codes = np.random.default_rng(1).integers(0, K, N)
    labels = Labels(np.array(["x", "y", "z"]), codes, Y, hard_weight=1.0, temperature=2.0)
    assert_same_model(learner().fit(X, labels), learner().fit(X, np.array(["x", "y", "z"])[codes]), X)


def test_a_share_for_the_label_is_a_mixture(table):
    X, Y = table
    codes, share = np.random.default_rng(1).integers(0, K, N), np.random.default_rng(2).random(N)
    mixture = share[:, None] * np.eye(K)[codes] + (1 - share[:, None]) * Y
    one = exact().fit(X, Labels(np.arange(K), codes, Y, hard_weight=share))
    assert_allclose(one.predict_proba(X), exact().fit(X, mixture).predict_proba(X), atol=1e-6)


def test_a_temperature_changes_the_model_and_leaves_its_optimum_to_a_single_teacher(table):
    X, Y = table
    codes = Y.argmax(axis=1)
    warm = learner().fit(X, Labels(np.arange(K), codes, Y, temperature=4.0))
    assert not np.allclose(warm.predict_proba(X), learner().fit(X, Y).predict_proba(X), atol=1e-3)
    alone = Labels(np.arange(K), codes[:1].repeat(5), Y[:1].repeat(5, axis=0), temperature=4.0)
    assert_allclose(constant().fit(np.zeros((5, 1)), alone).predict_proba([[0]])[0], Y[0], atol=1e-6)


def test_rows_without_a_label_of_their_own_learn_from_the_probabilities(table):
    X, Y = table
    nobody = Labels(np.arange(K), np.full(N, UNLABELED), Y, hard_weight=0.5)
    model = exact().fit(X, nobody)
    assert_allclose(model.predict_proba(X), exact().fit(X, Y).predict_proba(X), atol=1e-9)


def test_where_no_row_has_a_label_early_stopping_says_what_it_lacks(table):
    X, Y = table
    with pytest.raises(ValueError, match="early_stopping"):
        learner(early_stopping=True).fit(X, Labels(np.arange(K), np.full(N, UNLABELED), Y))


def test_the_classes_of_labels_come_in_any_order(table):
    X, Y = table
    codes = Y.argmax(axis=1)
    model = learner(early_stopping=False).fit(X, Labels(np.array(["z", "x", "y"]), codes))
    plain = learner(early_stopping=False).fit(X, np.array(["z", "x", "y"])[codes])
    assert_array_equal(model.predict(X), plain.predict(X))


# ------------------------------------------------------------ going on


def test_partial_fit_goes_on_with_probabilities(table):
    X, Y = table
    stream = learner()
    stream.partial_fit(X[:50], Y[:50], classes=range(K))
    before = stream.predict_proba(X)
    stream.partial_fit(X[50:], Y[50:])
    assert stream.n_iter_ == 2
    assert not np.array_equal(stream.predict_proba(X), before)
    other = learner().partial_fit(X[:50], Y[:50], classes=range(K)).partial_fit(X[50:], Y[50:].argmax(axis=1))
    assert not np.array_equal(stream.predict_proba(X), other.predict_proba(X))


def test_partial_fit_takes_frames_that_name_some_of_its_classes(table):
    X, Y = table
    stream = learner().partial_fit(X, pd.DataFrame(Y, columns=["b", "d", "a"]), classes=["a", "b", "c", "d"])
    assert stream.predict_proba(X).shape == (N, 4)
    with pytest.raises(ValueError, match=r"y: expected labels among \['a', 'b', 'c', 'd'\], got \['e'\]"):
        stream.partial_fit(X, pd.DataFrame(Y, columns=["b", "d", "e"]))


def test_partial_fit_learns_the_mean_probabilities():
    X, Y = np.zeros((20, 1)), np.random.default_rng(0).dirichlet(np.ones(K), 20)
    stream = constant()
    for _ in range(10):
        stream.partial_fit(X, Y, classes=range(K))
    assert_allclose(stream.predict_proba(X[:1])[0], Y.mean(axis=0), atol=1e-6)


def test_warm_start_goes_from_labels_to_probabilities_and_back(table):
    X, Y = table
    model = learner(warm_start=True).fit(X, Y.argmax(axis=1))
    before = model.predict_proba(X)
    assert model.fit(X, Y).n_iter_ == 4
    assert not np.array_equal(model.predict_proba(X), before)
    assert model.fit(X, Y.argmax(axis=1)).n_iter_ == 6


def test_warm_start_refuses_probability_for_a_class_that_had_none(table):
    X, Y = table
    model = learner(warm_start=True).fit(X, np.c_[Y[:, :2] / Y[:, :2].sum(axis=1, keepdims=True), np.zeros(N)])
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match="y: expected labels that had weight in the first fit"):
        model.fit(X, Y)
    assert_array_equal(model.predict_proba(X), before)


# ------------------------------------------------------------ copies, and what is refused


def test_copies_are_the_same_model(table):
    X, Y = table
    model = learner().fit(X, Y)
    assert_same_model(pickle.loads(pickle.dumps(model)), model, X)
    assert_same_model(copy.deepcopy(model), model, X)
    assert_same_model(clone(model).fit(X, Y), model, X)


def test_a_pickle_holds_no_probabilities():
    sizes = []
    for n in (100, 3000):
        X = np.random.default_rng(0).normal(size=(n, 3))
        model = learner(SmoothedNetClassifier, max_epochs=1).fit(X, softmax(X, axis=1))
        sizes.append(len(pickle.dumps(model)))
    assert sizes[1] < sizes[0] + 300


REFUSED = r"y: expected labels of shape \(n,\), or probabilities of the classes.* of at least 0 and with sum 1"
BAD = {
    "not normalised": (lambda Y: 2 * Y, REFUSED),
    "negative": (lambda Y: Y - np.eye(K)[0] + np.eye(K)[1], REFUSED),
    "missing": (lambda Y: np.where(np.arange(N)[:, None] == 3, np.nan, Y), REFUSED),
    "strings": (lambda Y: np.full((N, 2), "a"), REFUSED),
    "too few rows": (lambda Y: Y[:-1], "inconsistent numbers of samples"),
    "one column": (lambda Y: Y[:, :1], "Unknown label type: continuous"),
    "three axes": (lambda Y: Y[..., None], "dim 3"),
}


@pytest.mark.filterwarnings("ignore:A column-vector y")
@pytest.mark.parametrize("kind", [NetClassifier, SmoothedNetClassifier])
@pytest.mark.parametrize(("spoil", "message"), BAD.values(), ids=BAD)
def test_bad_probabilities_are_refused_and_leave_the_model(spoil, message, kind, table):
    X, Y = table
    model = learner(kind).fit(X, Y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        model.fit(X, spoil(Y))
    assert_array_equal(model.predict_proba(X), before)
    with pytest.raises(ValueError, match=message):
        learner(kind).fit(X, spoil(Y))
