"""What SmoothedNetClassifier promises: terms of any form, what they come to at their optimum, and unlabelled rows."""

import copy
import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import softmax
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn

from sktech import NetClassifier, SmoothedNetClassifier
from sktech.labels import UNLABELED, Labels
from sktech.smoothing import (
    Bootstrapping,
    ConfidencePenalty,
    DisturbLabel,
    LabelSmoothing,
    SmoothingTerm,
    VirtualAdversarial,
)
from sktech.training import Objective

N, K = 90, 3
NAMES = {
    "label_smoothing": LabelSmoothing,
    "confidence_penalty": ConfidencePenalty,
    "bootstrapping": Bootstrapping,
    "disturb_label": DisturbLabel,
    "virtual_adversarial": VirtualAdversarial,
}


def learner(smoothing="label_smoothing", **params):
    """A small committee that is trained for a moment."""
    small = {"hidden_layer_sizes": (8,), "max_epochs": 2, "n_members": 2, "random_state": 0}
    return SmoothedNetClassifier(smoothing, **small | params)


def plain(**params):
    """The same without terms."""
    params = learner(**params).get_params(deep=False)
    del params["smoothing"]
    return NetClassifier(**params)


# One net whose every step sees all rows: what is the same in the loss is the same in the net, up to rounding.
EXACT = {"n_members": 1, "batch_size": -1, "early_stopping": False, "dropout": 0, "dtype": "float64", "max_epochs": 15}


class ToTheOptimum(torch.optim.LBFGS):
    def __init__(self, params, lr):
        super().__init__(
            params, lr, max_iter=50, tolerance_grad=1e-12, tolerance_change=0, line_search_fn="strong_wolfe"
        )


def optimum(smoothing, y, **params):
    """The probabilities that minimise the loss where inputs say nothing."""
    to_the_end = {"hidden_layer_sizes": (), "optimizer": ToTheOptimum, "lr": 1.0, "lr_schedule": None, "max_epochs": 3}
    weight = params.pop("sample_weight", None)
    X = np.zeros((len(y), 1))
    model = learner(smoothing, **EXACT | to_the_end | params).fit(X, y, sample_weight=weight)
    return model.predict_proba(X[:1])[0]


@pytest.fixture(scope="module")
def X():
    X = np.random.default_rng(0).normal(size=(N, 3))
    X[::7, 2] = np.nan
    return X


@pytest.fixture(scope="module")
def y(X):
    noise = np.random.default_rng(1).normal(scale=0.3, size=N)
    return np.digitize(X[:, 0] + X[:, 1] + noise, [-0.7, 0.7])


@pytest.fixture(scope="module")
def holes(y):
    """Labels of which two thirds are missing."""
    return np.where(np.random.default_rng(2).random(N) < 2 / 3, UNLABELED, y)


@pytest.fixture(scope="module")
def frame(X):
    rng = np.random.default_rng(3)
    frame = pd.DataFrame(X, columns=list("abc"))
    frame["colour"] = rng.choice(["red", "green", None], N)
    frame["town"] = rng.choice([f"town {i}" for i in range(12)], N)
    return frame


def assert_same_model(one, other, X):
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    for name, value in one.net_.module_.state_dict().items():
        assert torch.equal(value, other.net_.module_.state_dict()[name]), name


def far_apart(one, other, X):
    return np.abs(one.predict_proba(X) - other.predict_proba(X)).max() > 1e-4


# ------------------------------------------------------------ what may be given as smoothing


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_the_term_with_its_defaults(name, X, y):
    model = learner(name).fit(X, y)
    for same in (NAMES[name](), [name], (NAMES[name](),)):
        assert_same_model(model, learner(same).fit(X, y), X)
    assert far_apart(model, learner([]).fit(X, y), X)


def test_a_list_of_terms_is_more_than_each_and_has_no_order(X, y):
    terms = ["label_smoothing", ConfidencePenalty(0.3)]
    both = learner(terms, **EXACT).fit(X, y)
    assert_allclose(both.predict_proba(X), learner(terms[::-1], **EXACT).fit(X, y).predict_proba(X), atol=1e-9)
    for one in terms:
        assert far_apart(both, learner(one, **EXACT).fit(X, y), X)


@pytest.mark.parametrize(
    "smoothing", ["dropout", None, 3, LabelSmoothing, ["label_smoothing", 0.1], [None], {}, nn.Linear(1, 1)], ids=str
)
def test_what_is_no_term_is_refused(smoothing, X, y):
    with pytest.raises(ValueError, match=r"^smoothing: expected 'confidence_penalty', 'label_smoothing', .*got"):
        learner(smoothing).fit(X, y)


@pytest.mark.parametrize(
    ("smoothing", "message"),
    [
        (LabelSmoothing(1.0), r"amount: expected a number in \[0, 1\), got 1.0"),
        (["bootstrapping", ConfidencePenalty(-1)], r"strength: expected a number in \[0, inf\), got -1"),
        (LabelSmoothing(prior=[1, 1]), "prior: expected one number for each of 3 classes, got 2"),
        (LabelSmoothing(prior="normal"), "prior: expected 'uniform', 'unigram' or numbers, got 'normal'"),
    ],
    ids=str,
)
def test_parameters_of_terms_that_make_no_sense_are_refused_and_leave_the_model(smoothing, message, X, y):
    model = learner().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=message):
        model.set_params(smoothing=smoothing).fit(X, y)
    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize(
    "smoothing",
    ["bootstrapping", VirtualAdversarial(0.1, 2, 3), [LabelSmoothing(prior=[1, 2, 3]), "disturb_label"], []],
    ids=str,
)
def test_a_clone_has_the_same_terms_and_they_are_its_own(smoothing, X, y):
    model = learner(smoothing)
    twin = clone(model)
    assert str(twin) == str(model)
    if isinstance(smoothing, SmoothingTerm):
        assert twin.smoothing is not smoothing
        assert twin.smoothing.get_params() == smoothing.get_params()
    assert_same_model(model.fit(X, y), twin.fit(X, y), X)


def test_parameters_of_a_term_are_reached_by_name():
    model = learner(ConfidencePenalty(0.5, anneal="linear"))
    params = model.get_params()
    assert params["smoothing__strength"] == 0.5
    assert params["smoothing__anneal"] == "linear"
    assert model.set_params(smoothing__strength=0.25).smoothing.strength == 0.25
    model.set_params(smoothing=LabelSmoothing(), smoothing__amount=0.4)
    assert model.smoothing.amount == 0.4
    with pytest.raises(ValueError, match="Invalid parameter 'strength'"):
        model.set_params(smoothing__strength=0.1)


@pytest.mark.parametrize(
    "grid",
    [
        {"smoothing": ["label_smoothing", ConfidencePenalty(0.3), ["bootstrapping", DisturbLabel()], []]},
        {"smoothing": [ConfidencePenalty()], "smoothing__strength": [0.01, 1.0], "smoothing__anneal": [None, "cosine"]},
        {"smoothing": [LabelSmoothing()], "smoothing__prior": ["unigram", [1, 2, 3]], "max_epochs": [1, 2]},
    ],
    ids=["terms", "parameters of a term", "priors"],
)
def test_a_grid_search_reaches(grid, X, y):
    search = GridSearchCV(learner(max_epochs=1), grid, cv=2, error_score="raise").fit(X, y)
    assert search.best_params_.keys() == grid.keys()
    assert len(search.cv_results_["params"]) == np.prod([len(values) for values in grid.values()])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_fit_leaves_the_users_terms_alone(X, y):
    terms = [LabelSmoothing(0.2, prior=[1, 2, 3]), VirtualAdversarial()]
    before = [dict(vars(term)) for term in terms]
    learner(terms).fit(X, y)
    assert [vars(term) for term in terms] == before


# ------------------------------------------------------------ terms that add nothing


PLAIN = {
    "committee": {},
    "one net": {"n_members": 1},
    "jumpout": {"dropout": "jumpout"},
    "float64": {"dtype": "float64"},
    "balanced": {"class_weight": "balanced"},
    "no early stopping": {"early_stopping": False},
}


@pytest.mark.parametrize("params", PLAIN.values(), ids=PLAIN)
def test_without_terms_it_is_a_net_classifier_to_the_last_bit(params, frame, y):
    weight = np.random.default_rng(1).integers(0, 4, N)
    for target in (y, softmax(np.random.default_rng(0).normal(size=(N, K)), axis=1)):
        fits = [kind.fit(frame, target, sample_weight=weight) for kind in (learner([], **params), plain(**params))]
        assert_same_model(*fits, frame)
        assert fits[0].history_[-1]["train_loss"] == fits[1].history_[-1]["train_loss"]


NOTHING = {
    "amount": LabelSmoothing(0, prior=[1, 2, 3]),
    "strength": ConfidencePenalty(0, threshold=1.0),
    "beta": Bootstrapping(1),
    "hard beta": Bootstrapping(1, hard=True),
    "rate": DisturbLabel(0),
    "adversarial strength": VirtualAdversarial(strength=0),
    "all": [LabelSmoothing(0), ConfidencePenalty(0), Bootstrapping(1), DisturbLabel(0), VirtualAdversarial(strength=0)],
}


@pytest.mark.parametrize("smoothing", NOTHING.values(), ids=NOTHING)
@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
def test_terms_of_no_strength_change_nothing(smoothing, soft, X, y):
    target = softmax(X[:, [0, 1, 0]] * [1, 1, -1], axis=1) if soft else y
    params = {"dropout": 0, "dtype": "float64", "max_epochs": 4}
    smoothed, expected = learner(smoothing, **params).fit(X, target), plain(**params).fit(X, target)
    assert_allclose(smoothed.predict_proba(X), expected.predict_proba(X), atol=1e-9)


def test_the_validation_loss_is_the_plain_one(X, y):
    """A term changes what is minimised, not what early stopping looks at."""
    huge = [ConfidencePenalty(50.0), LabelSmoothing(0.9)]
    losses = [learner(smoothing, lr=1e-9, max_epochs=1).fit(X, y).history_[0] for smoothing in (huge, [])]
    assert losses[0]["valid_loss"] == pytest.approx(losses[1]["valid_loss"], rel=1e-5)
    assert abs(losses[0]["train_loss"] - losses[1]["train_loss"]) > 1


# ------------------------------------------------------------ optima


Q = np.array([0.5, 0.3, 0.2])
LABELS = np.repeat(np.arange(K), (10 * Q).astype(int))


@pytest.mark.parametrize("prior", ["uniform", "unigram", [0, 1, 3]], ids=str)
def test_smoothed_labels_lead_to_their_mixture_with_the_prior(prior):
    u = {"uniform": np.full(K, 1 / K), "unigram": Q}.get(str(prior), np.array([0, 0.25, 0.75]))
    assert_allclose(optimum(LabelSmoothing(0.2, prior), LABELS), 0.8 * Q + 0.2 * u, atol=1e-6)


WEIGHTED = {
    "class weights": ({"class_weight": {0: 1, 1: 2, 2: 6}}, np.array([5, 6, 12]) / 23),
    "balanced": ({"class_weight": "balanced"}, np.full(K, 1 / K)),
    "sample weights": ({"sample_weight": np.arange(10.0)}, np.array([10, 18, 17]) / 45),
    "a class without weight": ({"class_weight": {1: 0}}, np.array([5, 0, 2]) / 7),
    "rows without weight": ({"sample_weight": np.r_[np.zeros(5), np.ones(5)]}, np.array([0, 3, 2]) / 5),
    "both": ({"sample_weight": np.arange(10.0), "class_weight": {0: 4}}, np.array([40, 18, 17]) / 75),
}


@pytest.mark.parametrize(("params", "q"), WEIGHTED.values(), ids=WEIGHTED)
def test_the_unigram_prior_is_that_of_the_weighted_labels(params, q):
    assert_allclose(optimum(LabelSmoothing(0.3, "unigram"), LABELS, **params), q, atol=1e-6)
    even = np.where(q > 0, 1 / (q > 0).sum(), 0)
    assert_allclose(optimum(LabelSmoothing(0.3), LABELS, **params), 0.7 * q + 0.3 * even, atol=1e-6)
    own = np.array([1, 2, 5]) * (q > 0)
    smoothed = optimum(LabelSmoothing(0.3, prior=[1, 2, 5]), LABELS, **params)
    assert_allclose(smoothed, 0.7 * q + 0.3 * own / own.sum(), atol=1e-6)


def test_the_unigram_prior_of_probabilities_is_their_mean():
    Y = np.random.default_rng(0).dirichlet(np.ones(K), 20)
    assert_allclose(optimum(LabelSmoothing(0.3, "unigram"), Y), Y.mean(axis=0), atol=1e-6)
    w = np.array([1.0, 3.0, 0.5])
    q = w * Y.mean(axis=0) / (w @ Y.mean(axis=0))
    assert_allclose(optimum(LabelSmoothing(0.3, "unigram"), Y, class_weight=dict(enumerate(w))), q, atol=1e-6)


@pytest.mark.parametrize(("params", "q"), WEIGHTED.values(), ids=WEIGHTED)
def test_the_confidence_penalty_stands_beside_the_weighted_labels(params, q):
    """At the optimum p - q + strength p (log p + H(p)) = 0: class weights change q and nothing else."""
    p = optimum(ConfidencePenalty(0.4), LABELS, **params)
    assert_array_equal(p == 0, q == 0)
    p, q = p[q > 0], q[q > 0]
    assert_allclose(p - q + 0.4 * p * (np.log(p) - p @ np.log(p)), 0, atol=1e-6)
    if np.ptp(q):
        assert -p @ np.log(p) > -q @ np.log(q) + 1e-3


def test_predictions_above_the_threshold_are_left_alone():
    entropy = -Q @ np.log(Q)
    assert_allclose(optimum(ConfidencePenalty(0.4, threshold=entropy - 0.05), LABELS), Q, atol=1e-6)
    p = optimum(ConfidencePenalty(0.4, threshold=np.log(K)), LABELS)
    assert_allclose(p, optimum(ConfidencePenalty(0.4), LABELS), atol=1e-6)


@pytest.mark.parametrize(("params", "q"), WEIGHTED.values(), ids=WEIGHTED)
def test_soft_bootstrapping_makes_a_net_surer_than_its_labels(params, q):
    p = optimum(Bootstrapping(0.9), LABELS, **params)
    p, q = p[q > 0], q[q > 0]
    assert_allclose(0.9 * (p - q) - 0.1 * p * (np.log(p) - p @ np.log(p)), 0, atol=1e-6)
    if np.ptp(q):
        assert -p @ np.log(p) < -q @ np.log(q) - 1e-3


@pytest.mark.parametrize("seed", range(3))
def test_hard_bootstrapping_adds_to_the_predicted_class(seed):
    p = optimum(Bootstrapping(0.8, hard=True), LABELS, random_state=seed)
    assert_allclose(p, 0.8 * Q + 0.2 * np.eye(K)[p.argmax()], atol=1e-6)


@pytest.mark.parametrize("seed", range(2))
def test_disturbed_labels_lead_where_smoothed_ones_do(seed):
    p = optimum(
        DisturbLabel(0.5),
        np.tile(LABELS, 20),
        optimizer=torch.optim.SGD,
        lr=2.0,
        lr_schedule="linear",
        max_epochs=100,
        merge_identical_rows=False,  # or there were one draw for all rows of a class
        random_state=seed,
    )
    assert_allclose(p, 0.5 * Q + 0.5 / K, atol=0.03)
    assert abs(p - Q).max() > 0.05


@pytest.mark.parametrize(
    ("anneal", "like"), [("linear", None), (lambda progress: 0.0, []), (lambda progress: 1.0, ConfidencePenalty(0.7))]
)
def test_the_strength_is_annealed_over_the_training(anneal, like, X, y):
    annealed = learner(ConfidencePenalty(0.7, anneal=anneal), **EXACT).fit(X, y)
    if like is not None:
        assert_allclose(annealed.predict_proba(X), learner(like, **EXACT).fit(X, y).predict_proba(X), atol=1e-9)
    else:  # weaker than at full strength throughout
        full = learner(ConfidencePenalty(0.7), **EXACT).fit(X, y)
        assert annealed.predict_proba(X).max() > full.predict_proba(X).max() + 1e-3


def test_annealing_sees_the_whole_training_once():
    seen = []

    def watch(progress):
        seen.append(progress)
        return 1.0

    params = EXACT | {"batch_size": 5, "max_epochs": 4, "merge_identical_rows": False}
    learner(ConfidencePenalty(anneal=watch), **params).fit(np.zeros((20, 1)), np.arange(20) % 2)
    assert_allclose(seen, np.arange(16) / 16, rtol=1e-12)


# ------------------------------------------------------------ rows without labels


def adversarial(**params):
    return learner(VirtualAdversarial(), **params)


def test_unlabelled_rows_are_used_and_are_no_class(X, y, holes):
    model = adversarial().fit(X, holes)
    assert_array_equal(model.classes_, np.arange(K))
    assert model.predict_proba(X).shape == (N, K)
    assert set(model.predict(X)) <= set(range(K))
    known = holes != UNLABELED
    assert far_apart(model, adversarial().fit(X[known], holes[known]), X)


def test_unlabelled_rows_say_nothing_about_the_labels(X, y, holes):
    """Where the term weighs nothing, unlabelled copies of rows change nothing, however many there are."""
    nothing = VirtualAdversarial(strength=0)
    expected = plain(**EXACT).fit(X, y).predict_proba(X)
    for n_copies in (1, 5):
        table = np.r_[X, np.tile(X, (n_copies, 1))]
        model = learner(nothing, **EXACT).fit(table, np.r_[y, np.full(n_copies * N, UNLABELED)])
        assert_allclose(model.predict_proba(X), expected, atol=1e-6)


def test_unlabelled_rows_are_not_held_out(X, y):
    """Neither in the members' hold-out nor in the loss it gives."""
    labels = np.r_[np.zeros(20, dtype=int), np.ones(20, dtype=int), np.full(N - 40, UNLABELED)]
    held = []
    module = __import__("sktech.classifiers.net", fromlist=["net"])
    original = module.stratified_holdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "stratified_holdout", lambda codes, *args: held.append(codes) or original(codes, *args))
        adversarial().fit(X, labels)
    assert_array_equal(np.sort(held[0]), np.sort(labels[:40]))


@pytest.mark.parametrize(
    ("names", "dtype"),
    [
        (["high", "low", "middle"], object),
        ([10, 20, 30], int),
        ([-7, 0, 7], int),
        ([1.0, 2.0, 3.0], float),
    ],
    ids=str,
)
def test_labels_beside_minus_one_are_of_any_type(names, dtype, X, holes):
    labels = np.array([*names, UNLABELED], dtype=dtype)[holes]
    model, by_number = adversarial().fit(X, labels), adversarial().fit(X, holes)
    assert model.classes_.tolist() == names
    assert_same_model(model, by_number, X)
    assert_array_equal(model.predict(X), np.array(names)[by_number.predict(X)])


@pytest.mark.parametrize("contain", [list, pd.Series, pl.Series], ids=["list", "pandas", "polars"])
def test_the_container_of_the_labels_does_not_matter(contain, X, holes):
    assert_same_model(adversarial().fit(X, contain(holes)), adversarial().fit(X, holes), X)


def test_strings_beside_minus_one_may_come_in_a_list(X, holes):
    labels = np.array(["a", "b", "c", UNLABELED], dtype=object)[holes]
    model = adversarial().fit(X, labels.tolist())
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert_same_model(model, adversarial().fit(X, labels), X)


@pytest.mark.parametrize("smoothing", ["label_smoothing", "confidence_penalty", ["bootstrapping", "disturb_label"], []])
def test_without_a_term_that_uses_them_minus_one_is_a_class(smoothing, X, holes):
    model = learner(smoothing).fit(X, holes)
    assert model.classes_.tolist() == [-1, 0, 1, 2]
    signs = learner(smoothing).fit(X, np.sign(X[:, 0]))
    assert signs.classes_.tolist() == [-1, 1]
    assert -1 in signs.predict(X)


def test_beside_other_terms_minus_one_is_no_label_either(X, holes):
    terms = ["label_smoothing", "confidence_penalty", "bootstrapping", "disturb_label", "virtual_adversarial"]
    model = learner(terms).fit(X, holes)
    assert model.classes_.tolist() == [0, 1, 2]
    assert np.isfinite(model.predict_proba(X)).all()


def test_the_unigram_prior_counts_labelled_rows_alone():
    y = np.r_[LABELS, np.full(7, UNLABELED)]
    terms = [LabelSmoothing(0.3, "unigram"), VirtualAdversarial(strength=0)]
    assert_allclose(optimum(terms, y), Q, atol=1e-6)
    w = Q * [1, 4, 9]
    assert_allclose(optimum(terms, y, class_weight={1: 4, 2: 9}), w / w.sum(), atol=1e-6)
    assert_allclose(optimum(terms, y, class_weight="balanced"), np.full(K, 1 / K), atol=1e-6)


@pytest.mark.parametrize("class_weight", [None, {0: 1, 1: 2, 2: 6}, "balanced"], ids=str)
@pytest.mark.parametrize("unlabelled", [False, True])
def test_the_confidence_penalty_counts_rows_whatever_their_labels_weigh(unlabelled, class_weight):
    """Two groups of rows, of which all is free: at the optimum W (p - q) + strength C p (log p + H(p)) = 0 in each.

    W is a group's share in the weight of the labels, C that in the rows.
    """
    X, y, copies = np.repeat([0, 1], [10, 14])[:, None], np.r_[LABELS, LABELS, [2, 2, 2, 1]], np.arange(24) % 5 + 1.0
    y[10:] = UNLABELED if unlabelled else y[10:]
    terms = [ConfidencePenalty(0.4), VirtualAdversarial(strength=0)]
    params = {"hidden_layer_sizes": (), "optimizer": ToTheOptimum, "lr": 1.0, "lr_schedule": None, "max_epochs": 3}
    model = learner(terms, class_weight=class_weight, **EXACT | params).fit(X, y, sample_weight=copies)
    weight = np.where(y == UNLABELED, 0, copies)
    if class_weight == "balanced":
        weight = weight / np.bincount(np.maximum(y, 0), weight)[y]
    elif class_weight is not None:
        weight = weight * np.array([1, 2, 6])[y]
    for p, group in zip(model.predict_proba([[0], [1]]), (X[:, 0] == 0, X[:, 0] == 1), strict=True):
        W = np.bincount(np.maximum(y, 0), weight * group, K) / weight.sum()  # W q
        C = copies[group].sum() / copies.sum()
        assert_allclose(W.sum() * p - W + 0.4 * C * p * (np.log(p) - p @ np.log(p)), 0, atol=1e-6)


@pytest.mark.parametrize("y", [[-1, 1], [-1, 0], [-1.0, 1.0]], ids=str)
def test_beside_a_single_other_label_minus_one_is_a_class(y, X):
    assert adversarial().fit(X, np.tile(y, N // 2)).classes_.tolist() == y


def test_labels_that_are_all_minus_one_are_refused_with_the_reason(X):
    with pytest.raises(ValueError, match=r"y: -1 is a row without a label here.* name it otherwise"):
        adversarial().fit(X, np.full(N, -1))


def test_classes_told_in_advance_say_what_minus_one_is(X):
    labels = np.tile([-1, 1], N // 2)
    one, other = (adversarial().partial_fit(X, labels, classes=classes) for classes in ([-1, 1], [0, 1]))
    assert one.classes_.tolist() == [-1, 1]
    assert other.classes_.tolist() == [0, 1]
    assert far_apart(one, other, X)


def test_a_class_weight_leaves_unlabelled_rows_in(X, holes):
    weight = {0: 2.0, 1: 0.5}
    model = adversarial(class_weight=weight).fit(X, holes)
    known = holes != UNLABELED
    assert far_apart(model, adversarial().fit(X, holes), X)
    assert far_apart(model, adversarial(class_weight=weight).fit(X[known], holes[known]), X)


@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("n_members", [1, 3])
@pytest.mark.parametrize("class_weight", [None, {1: 3.0}])
def test_a_weight_is_so_many_copies_of_unlabelled_rows_too(early_stopping, n_members, class_weight, X, holes):
    weight = np.random.default_rng(4).integers(0, 4, N)
    copies = np.repeat(np.arange(N), weight)
    params = {"early_stopping": early_stopping, "n_members": n_members, "class_weight": class_weight}
    weighted = adversarial(**params).fit(X, holes, sample_weight=weight)
    assert_same_model(weighted, adversarial(**params).fit(X[copies], holes[copies]), X)
    unweighted = np.where(holes == UNLABELED, 1, weight)
    assert far_apart(weighted, adversarial(**params).fit(X, holes, sample_weight=unweighted), X)


def test_the_order_of_rows_does_not_matter(X, holes):
    order = np.random.default_rng(1).permutation(N)
    assert_same_model(adversarial().fit(X, holes), adversarial().fit(X[order], holes[order]), X)


def test_probabilities_may_be_missing_no_more_than_labels(X, y):
    """Probabilities work beside the term as they do without it; labels that are missing come as Labels."""
    Y = softmax(np.random.default_rng(0).normal(size=(N, K)), axis=1)
    assert far_apart(adversarial().fit(X, Y), adversarial().fit(X, y), X)
    codes = np.where(np.arange(N) < 40, y, UNLABELED)
    assert_same_model(adversarial().fit(X, Labels(np.arange(K), codes)), adversarial().fit(X, codes), X)


@pytest.mark.parametrize("columns", [["a", "b", "c", "colour", "town"], ["colour", "town"], ["colour"]], ids=", ".join)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
@pytest.mark.parametrize("n_members", [1, 3])
def test_frames_with_categories_work(columns, make, n_members, frame, holes):
    table = make(frame[columns])
    model = adversarial(n_members=n_members).fit(table, holes)
    proba = model.predict_proba(table)
    assert proba.shape == (N, K)
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)
    known = holes != UNLABELED
    assert far_apart(model, adversarial(n_members=n_members).fit(make(frame[columns][known]), holes[known]), table)


def test_a_table_that_is_nothing_but_codes_is_learned_without_steps(frame, y):
    table = frame[["town"]]
    params = {"dropout": 0, "dtype": "float64"}
    model = adversarial(**params).fit(table, y)
    assert_allclose(model.predict_proba(table), plain(**params).fit(table, y).predict_proba(table), atol=1e-12)


@pytest.mark.parametrize("seed", range(3))
def test_predictions_change_less_around_unlabelled_rows(seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 3))
    y = np.where(np.arange(120) < 40, X[:, 0] * X[:, 1] > 0, UNLABELED)
    steps = rng.normal(scale=0.3, size=(20, 80, 3))
    changes = []
    for strength in (0.0, 3.0):
        term = VirtualAdversarial(0.5, strength)
        model = learner(term, max_epochs=15, early_stopping=False, random_state=seed).fit(X, y)
        before, after = (model.predict_proba(table.reshape(-1, 3))[:, 1] for table in (X[40:], X[40:] + steps))
        changes.append(np.abs(after.reshape(20, 80) - before).mean())
    assert changes[1] < 0.8 * changes[0]


# ------------------------------------------------------------ everywhere else


def test_it_works_in_a_pipeline(X, y):
    X = np.nan_to_num(X)
    scaled = StandardScaler().fit_transform(X)
    model = make_pipeline(StandardScaler(), learner(ConfidencePenalty(0.2))).fit(X, y)
    assert_array_equal(model.predict_proba(X), learner(ConfidencePenalty(0.2)).fit(scaled, y).predict_proba(scaled))
    search = GridSearchCV(model, {"smoothednetclassifier__smoothing__strength": [0.1, 1.0]}, cv=2).fit(X, y)
    assert list(search.best_params_) == ["smoothednetclassifier__smoothing__strength"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_members", [1, 3])
def test_copies_are_the_same_model(name, n_members, frame, holes):
    target = holes if name == "virtual_adversarial" else np.maximum(holes, 0)
    model = learner(name, n_members=n_members).fit(frame, target)
    assert_same_model(pickle.loads(pickle.dumps(model)), model, frame)
    assert_same_model(copy.deepcopy(model), model, frame)
    assert_same_model(clone(model).fit(frame, target), model, frame)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("params", [{"random_state": None}, {"random_state": 0}], ids=str)
def test_global_generators_stay_as_they_were(name, params, X, y):
    state = torch.get_rng_state()
    learner(name, **params).fit(X, y)
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", NAMES)
def test_warm_start_goes_on(name, X, y):
    model = learner(name, warm_start=True).fit(X, y)
    before = model.predict_proba(X)
    assert model.fit(X, y).n_iter_ == 4
    assert not np.array_equal(model.predict_proba(X), before)
    model.set_params(smoothing=[]).fit(X, y)
    assert model.n_iter_ == 6


@pytest.mark.parametrize("name", NAMES)
def test_partial_fit_goes_on(name, X, y):
    stream = learner(name)
    for rows in (slice(60), slice(30, N)):
        stream.partial_fit(X[rows], y[rows], classes=range(K))
    assert stream.n_iter_ == 2
    nothing = learner([])
    for rows in (slice(60), slice(30, N)):
        nothing.partial_fit(X[rows], y[rows], classes=range(K))
    assert far_apart(stream, nothing, X)


def test_partial_fit_takes_rows_without_labels(X, holes):
    stream = adversarial().partial_fit(X, holes, classes=range(K))
    known = holes != UNLABELED
    assert stream.classes_.tolist() == [0, 1, 2]
    assert far_apart(stream, adversarial().partial_fit(X[known], holes[known], classes=range(K)), X)


def test_partial_fit_takes_rows_of_one_class_and_rows_without_labels(X):
    """It has been told the classes, so that nobody can take -1 for one of them."""
    stream = adversarial().partial_fit(X, np.arange(N) % 3 - 1, classes=[0, 1])
    stream.partial_fit(X[:20], np.r_[np.zeros(10, dtype=int), np.full(10, UNLABELED)])
    assert stream.n_iter_ == 2


def test_the_unigram_prior_knows_the_classes_of_partial_fit(X, y):
    stream = learner(LabelSmoothing(0.3, "unigram"))
    stream.partial_fit(X[y < 2], y[y < 2], classes=range(K))
    stream.partial_fit(X, y)
    assert stream.predict_proba(X).shape == (N, K)


class Focal(SmoothingTerm):
    """(1 - p_t)^gamma CE(t, p) instead of CE(t, p): a term of the user's."""

    def __init__(self, gamma=2.0):
        self.gamma = gamma

    def check(self):
        if self.gamma < 0:
            raise ValueError(f"gamma: expected at least 0, got {self.gamma}")

    def make(self, table):
        return _Focal(self.gamma)


class _Focal(Objective):
    def __init__(self, gamma):
        super().__init__()
        self.gamma = gamma

    def rows(self, forward, batch):
        loss = forward.label_loss(batch)
        return ((1 - torch.exp(-loss)) ** self.gamma - 1) * loss


class Everywhere(Focal):
    """The same, for tables with unlabelled rows."""

    uses_unlabeled = True


@pytest.mark.parametrize("n_members", [1, 3])
def test_a_term_of_the_users_works_like_the_others(n_members, frame, y):
    params = {"n_members": n_members, "dropout": 0, "dtype": "float64"}
    model = learner(Focal(1.0), **params).fit(frame, y)
    assert far_apart(model, learner([], **params).fit(frame, y), frame)
    same = learner(Focal(0.0), **params).fit(frame, y).predict_proba(frame)
    assert_allclose(same, learner([], **params).fit(frame, y).predict_proba(frame), atol=1e-9)
    assert_same_model(pickle.loads(pickle.dumps(model)), model, frame)
    assert learner([Focal(), "label_smoothing"], **params).fit(frame, y).score(frame, y) > 0
    with pytest.raises(ValueError, match="gamma: expected at least 0, got -1"):
        learner(Focal(-1), **params).fit(frame, y)


def test_a_term_of_the_users_goes_into_a_grid(X, y):
    search = GridSearchCV(learner(Focal(), max_epochs=1), {"smoothing__gamma": [0.5, 2.0]}, cv=2).fit(X, y)
    assert search.best_estimator_.smoothing.gamma == search.best_params_["smoothing__gamma"]


def test_a_term_of_the_users_says_whether_it_uses_unlabelled_rows(X, holes):
    assert learner(Focal()).fit(X, holes).classes_.tolist() == [-1, 0, 1, 2]
    assert learner(Everywhere()).fit(X, holes).classes_.tolist() == [0, 1, 2]


def test_a_term_that_adds_nothing_says_what_it_lacks(X, y):
    class Empty(SmoothingTerm):
        pass

    with pytest.raises(TypeError, match=r"Empty does not say what it adds to the loss: define make\(table\)"):
        learner(Empty()).fit(X, y)


@pytest.mark.parametrize("smoothing", [[], *NAMES], ids=str)
def test_a_net_of_ones_own_is_smoothed_too(smoothing, X, y):
    def make(n_features_in, n_classes):
        return nn.Sequential(nn.Linear(n_features_in, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, n_classes))

    for n_members in (1, 2):
        model = SmoothedNetClassifier(smoothing, net=make, n_members=n_members, max_epochs=2, random_state=0).fit(X, y)
        assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
