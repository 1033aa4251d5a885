"""Learned weights: equal to derivatives through a virtual step, fair to copies, and lower where labels are wrong."""

import pickle
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.datasets import load_digits, load_iris, make_classification
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import GridSearchCV, StratifiedKFold, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.func import functional_call

from sktech import BaggingVoteEnsemble, NetClassifier, ReweightedClassifier, SmoothedNetClassifier
from sktech.classifiers._learn_to_reweight import LearnToReweight
from sktech.classifiers._meta_weight_net import MetaWeightNet, WeightNet
from sktech.classifiers._read import Rows
from sktech.classifiers._row_weights import mean_one
from sktech.classifiers.reweighted import _WithTrustedRows
from sktech.labels import Labels
from sktech.modules import MLP, Members
from sktech.smoothing import ConfidencePenalty, LabelSmoothing, TrainingTable
from sktech.training import Batch, Forward, Objective
from sktech.training.objective import backward

N_LEARNED, N_TRUSTED, N_CLASSES = 9, 4, 3
N_ROWS = N_LEARNED + N_TRUSTED


class AnyModule(nn.Module):
    def __init__(self, n_features_in=5, n_classes=N_CLASSES):
        super().__init__()
        self.first, self.norm = nn.Linear(n_features_in, 8), nn.LayerNorm(8)
        self.head = nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(torch.tanh(self.norm(self.first(X))))


class Normed(AnyModule):
    def __init__(self, n_features_in=5, n_classes=N_CLASSES):
        super().__init__(n_features_in, n_classes)
        self.norm = nn.BatchNorm1d(8)


MODULES = {
    "layers": lambda: MLP(5, N_CLASSES, (6, 4)),
    "members of layers": lambda: MLP(5, N_CLASSES, (6,), n_members=3),
    "any module": AnyModule,
    "members of any module": lambda: Members(AnyModule, 3),
}


class Result:
    weights = weight_net = None


def step_of(name, make, inner=None, seed=0):
    """A module in float64, an objective that weighs rows, a batch whose last rows are trusted, and the result."""
    torch.manual_seed(seed)
    module, result = MODULES[name]().double(), Result()
    members = (3,) if name.startswith("members") else ()
    rows = torch.stack([torch.randperm(N_ROWS) for _ in range(3)]) if members else torch.randperm(N_ROWS)
    X, y = torch.randn(N_ROWS, 5, dtype=torch.float64)[rows], torch.randint(N_CLASSES, (N_ROWS,))[rows]
    weight = torch.rand(*members, N_ROWS, dtype=torch.float64) + 0.1
    weight[..., N_LEARNED:] = 0
    trusted_weight = torch.rand(N_ROWS, dtype=torch.float64) + 0.1
    objective = make(Objective() if inner is None else inner, N_TRUSTED, trusted_weight, result)
    objective.begin_epoch(module)
    return module, objective.double(), Batch((X, y), rows, weight, copies=weight), result


def nats(module, params, X, y, which):
    """Losses of some rows at some parameters, (..., n), by torch alone."""
    logits = functional_call(module, params, (X,))[..., which, :]
    return -torch.log_softmax(logits, -1).gather(-1, y[..., which, None]).squeeze(-1)


LEARNED, TRUSTED = slice(0, N_LEARNED), slice(N_LEARNED, None)


def trusted_loss(module, params, batch, trusted_weight):
    share = trusted_weight[batch.rows[..., TRUSTED]]
    losses = nats(module, params, batch.X, batch.y, TRUSTED)
    return (losses * share / share.sum(-1, keepdim=True)).sum()


def virtual_step(module, batch, factors, eta):
    """Parameters after a step that minimises the learned rows' losses times factors, differentiable by these."""
    params = dict(module.named_parameters())
    losses = nats(module, params, batch.X, batch.y, LEARNED)
    slopes = torch.autograd.grad((factors * losses).sum(), params.values(), create_graph=True)
    return {name: value - eta * slope for (name, value), slope in zip(params.items(), slopes, strict=True)}


def effective_weights(module, objective, batch):
    """The factor of each learned row's plain loss in the objective's rows."""
    forward = Forward(module, batch.X)
    rows = objective.rows(forward, batch)
    assert (rows[..., TRUSTED] == 0).all()
    return (rows / forward.label_loss(batch))[..., LEARNED].detach()


@pytest.mark.parametrize("eta", [1e-3, 1.0])
@pytest.mark.parametrize("name", MODULES)
def test_learned_weights_are_the_derivative_through_a_virtual_step(name, eta):
    module, objective, batch, _ = step_of(name, lambda *given: LearnToReweight(np.inf, *given))
    epsilon = torch.zeros(batch.rows[..., LEARNED].shape, dtype=torch.float64, requires_grad=True)
    moved = virtual_step(module, batch, epsilon, eta)
    loss = trusted_loss(module, moved, batch, objective.trusted_weight)
    raw = (-torch.autograd.grad(loss, epsilon)[0]).clamp(min=0)
    copies = batch.weight[..., LEARNED]
    expected = raw * copies.sum(-1, keepdim=True) / (raw * copies).sum(-1, keepdim=True)
    assert_allclose(effective_weights(module, objective, batch), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", MODULES)
def test_the_weight_net_goes_down_the_derivative_through_a_virtual_step(name):
    module, objective, batch, _ = step_of(name, lambda *given: MetaWeightNet(0.3, *given))
    weight_net = objective.weight_net
    objective.optimizer = torch.optim.SGD(weight_net.parameters(), lr=0.0)  # its gradient stays to be looked at
    copies = batch.weight[..., LEARNED]
    losses = nats(module, dict(module.named_parameters()), batch.X, batch.y, LEARNED).detach()
    moved = virtual_step(module, batch, weight_net(losses) * copies / copies.sum(-1, keepdim=True), 0.3)
    loss = trusted_loss(module, moved, batch, objective.trusted_weight)
    expected = torch.autograd.grad(loss, list(weight_net.parameters()))
    found = effective_weights(module, objective, batch)
    for parameter, gradient in zip(weight_net.parameters(), expected, strict=True):
        assert_allclose(parameter.grad, gradient, rtol=0, atol=1e-12)
    assert_allclose(found, weight_net(losses).detach(), rtol=1e-10)


@pytest.mark.parametrize("method", [lambda *g: LearnToReweight(5.0, *g), lambda *g: MetaWeightNet(0.3, *g)])
def test_each_member_has_the_weights_that_it_would_have_alone(method):
    module, objective, batch, _ = step_of("members of layers", method)
    before = {name: value.clone() for name, value in objective.state_dict().items()}
    together = effective_weights(module, objective, batch)
    for m in range(3):
        alone = MLP(5, N_CLASSES, (6,)).double()
        for own, shared in zip(alone.parameters(), module.parameters(), strict=True):
            own.data.copy_(shared[m])
        single = Batch((batch.X[m], batch.y[m]), batch.rows[m], batch.weight[m], copies=batch.copies[m])
        other = method(Objective(), N_TRUSTED, objective.trusted_weight, Result())
        other.begin_epoch(alone)
        for name, value in other.double().state_dict().items():
            value.copy_(before[name][m] if name.startswith("weight_net") else before[name])
        assert_allclose(effective_weights(alone, other, single), together[m], rtol=0, atol=1e-12)


@pytest.mark.parametrize("cap", [1.5, 5.0, np.inf])
def test_weights_have_mean_one_or_are_all_zero(cap):
    weights = torch.rand(4, 30, dtype=torch.float64) ** 4
    weights[1], weights[2], copies = 0, weights[2] * 1e-300, torch.rand(4, 30, dtype=torch.float64)
    scaled = mean_one(weights, copies, cap)
    means = (scaled * copies).sum(-1) / copies.sum(-1)
    assert_allclose(means, [1, 0, 1, 1], rtol=1e-12)
    assert_allclose(mean_one(7 * weights, copies, cap), scaled, rtol=1e-9)
    if cap == np.inf:
        assert_allclose(scaled[0] / weights[0], (scaled[0] / weights[0]).mean().expand(30), rtol=1e-12)


def test_a_cap_cuts_what_is_above_it_alone():
    weights = torch.tensor([[0.0, 1.0, 1.0, 98.0]], dtype=torch.float64)
    scaled = mean_one(weights, torch.ones(1, 4, dtype=torch.float64), 2.0)
    assert_allclose(scaled[0, 3] / scaled[0, 1], 2.0 / (4 / 100), rtol=1e-12)


def test_a_step_is_a_step_with_these_weights():
    for name in MODULES:
        module, objective, batch, _ = step_of(name, lambda *given: LearnToReweight(5.0, *given))
        weights = effective_weights(module, objective, batch)
        backward(objective, Forward(module, batch.X), batch)
        params = dict(module.named_parameters())
        losses = nats(module, params, batch.X, batch.y, LEARNED)
        total = (losses * weights * batch.weight[..., LEARNED]).sum() / N_ROWS
        for param, slope in zip(params.values(), torch.autograd.grad(total, params.values()), strict=True):
            assert_allclose(param.grad, slope, rtol=0, atol=1e-12)


def test_trusted_rows_say_their_plain_loss_whatever_is_minimised():
    table = TrainingTable(np.full(N_CLASSES, 1 / N_CLASSES), np.arange(N_CLASSES), 0)

    class Plain(Objective):
        def rows(self, forward, batch):
            return forward.label_loss(batch)

    inner = LabelSmoothing(0.4).make(table) + Plain()
    module, objective, batch, _ = step_of("layers", lambda *given: LearnToReweight(np.inf, *given), inner=inner)
    objective.rows(Forward(module, batch.X), batch)
    forward = Forward(module, batch.X)
    rows = objective.plain_on_trusted.rows(forward, batch)
    assert_allclose(rows[TRUSTED].detach(), forward.label_loss(batch)[TRUSTED].detach())
    assert_allclose(rows[LEARNED].detach(), inner.rows(forward, batch)[LEARNED].detach())
    assert (rows != forward.label_loss(batch))[LEARNED].all()


# ------------------------------------------------------------ the estimator

QUICK = {"n_members": 1, "max_epochs": 8}


@pytest.fixture(scope="module")
def digits():
    """Rows, right labels, labels of which two in five are wrong, and which rows are known to be right."""
    X, y = load_digits(return_X_y=True)
    rng = np.random.default_rng(0)
    is_clean = np.arange(len(y)) % 12 == 0
    for k in range(10):  # some of each class, also among the first rows
        is_clean[np.flatnonzero(y == k)[:3]] = True
    wrong = (rng.uniform(size=len(y)) < 0.4) & ~is_clean
    return X, y, np.where(wrong, (y + rng.integers(1, 10, len(y))) % 10, y), is_clean


def test_wrong_labels_are_believed_less(digits):
    X, y, y_noisy, is_clean = (part[:900] for part in digits)
    for seed in range(3):
        clf = ReweightedClassifier(NetClassifier(n_members=1, max_epochs=16), random_state=seed)
        clf.fit(X, y_noisy, is_clean=is_clean)
        weights = clf.row_weights_[~is_clean]
        assert roc_auc_score((y == y_noisy)[~is_clean], weights) > 0.8
        assert ((weights >= 0) & (weights <= 1)).all()
        assert np.isnan(clf.row_weights_[is_clean]).all()


def test_without_trusted_rows_each_class_lends_as_many_but_at_most_half_of_its_own():
    X, y = make_classification(1000, n_classes=4, n_informative=4, weights=[0.6, 0.35, 0.046], flip_y=0, random_state=0)
    n_rows = np.bincount(y)
    assert 1 < n_rows[3] < 10
    clf = ReweightedClassifier(NetClassifier(**QUICK), random_state=0).fit(X, y)
    lent = np.bincount(y[np.isnan(clf.row_weights_)])
    assert_allclose(lent[:2], 25, atol=1)
    assert lent[2] in (n_rows[2] // 2, -(-n_rows[2] // 2))
    assert lent[3] in (n_rows[3] // 2, -(-n_rows[3] // 2))


@pytest.mark.parametrize("method", ["learn_to_reweight", "meta_weight_net", "random", "uniform"])
def test_a_class_all_of_whose_rows_are_trusted_is_learned_from_half_of_them(method):
    X, y = load_iris(return_X_y=True)
    clf = ReweightedClassifier(NetClassifier(n_members=1, max_epochs=16), method=method, random_state=0)
    clf.fit(X, y, is_clean=(y == 2) | (np.arange(150) % 25 == 0))
    # Two rows of iris are identical, and may be divided.
    assert abs(np.isfinite(clf.row_weights_[y == 2]).sum() - 25) <= 1
    assert clf.score(X, y) > 0.8
    with pytest.warns(UserWarning, match=r"none of \[0 1\], whose rows can only lose weight"):
        clf.fit(X, y, is_clean=y == 2)
    assert np.isfinite(clf.predict_proba(X)).all()
    clf.fit(X, y, is_clean=np.arange(150) != 75)  # one row to learn from besides
    assert np.isfinite(clf.row_weights_[50:100]).sum() == 1
    assert abs(np.isfinite(clf.row_weights_[[*range(50), *range(100, 150)]]).sum() - 50) <= 1


def test_trusted_rows_that_count_for_nothing_are_no_number_divided_by_zero():
    X, y = load_iris(return_X_y=True)
    is_clean = np.arange(150) % 10 == 0
    clf = ReweightedClassifier(NetClassifier(**QUICK), clean_batch_size=1, random_state=0)
    clf.fit(X, y, is_clean=is_clean, sample_weight=np.where((y == 2) & ~is_clean, 1e-50, 1.0))
    assert np.isfinite(clf.predict_proba(X)).all()


def test_small_weights_count_like_large_ones():
    X, y = load_iris(return_X_y=True)
    weight = np.random.default_rng(0).uniform(0.5, 1.5, 150)
    clf = ReweightedClassifier(NetClassifier(**QUICK), random_state=0)
    lent = [np.isnan(clone(clf).fit(X, y, sample_weight=c * weight).row_weights_) for c in (1.0, 2.0**-20)]
    assert_array_equal(*lent)
    assert 0.05 < lent[0].mean() < 0.15


def test_one_row_of_each_class_cannot_be_lent():
    with pytest.raises(
        ValueError, match=r"is_clean: without it .* got 2 row\(s\) of as many classes \(n_samples = 2\)"
    ):
        ReweightedClassifier().fit([[0.0], [1.0]], ["a", "b"])


def test_uniform_is_plain_training_on_the_other_rows():
    X, y = make_classification(300, random_state=0)
    is_clean = np.arange(300) >= 250
    net = NetClassifier(n_members=2, max_epochs=3, early_stopping=False, merge_identical_rows=False, random_state=0)
    held = ReweightedClassifier(net, method="uniform").fit(X, y, is_clean=is_clean)
    assert_array_equal(held.predict_proba(X), clone(net).fit(X[:250], y[:250]).predict_proba(X))
    assert_array_equal(held.row_weights_, np.where(is_clean, np.nan, 1.0))


@pytest.mark.parametrize("method", ["learn_to_reweight", "meta_weight_net", "random"])
def test_a_weight_is_so_many_copies(method, digits):
    X, _, y, is_clean = (part[:200] for part in digits)
    counts = np.arange(200) % 3
    copies = np.repeat(np.arange(200), counts)
    clf = ReweightedClassifier(NetClassifier(**QUICK), method=method, random_state=0)
    weighted = clone(clf).fit(X, y, sample_weight=counts, is_clean=is_clean)
    copied = clone(clf).fit(X[copies], y[copies], is_clean=is_clean[copies])
    assert_array_equal(weighted.predict_proba(X), copied.predict_proba(X))
    expected = np.where(counts > 0, weighted.row_weights_, np.nan)
    assert_array_equal(expected[copies], copied.row_weights_)
    assert_array_equal(np.isnan(weighted.row_weights_), is_clean | (counts == 0))


def test_the_order_of_rows_does_not_matter(digits):
    X, _, y, is_clean = (part[:200] for part in digits)
    order = np.random.default_rng(0).permutation(200)
    clf = ReweightedClassifier(NetClassifier(**QUICK), random_state=0)
    one = clone(clf).fit(X, y, is_clean=is_clean)
    other = clone(clf).fit(X[order], y[order], is_clean=is_clean[order])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    assert_array_equal(one.row_weights_[order], other.row_weights_)


def test_identical_rows_of_which_one_is_trusted_stay_two():
    X, y = load_iris(return_X_y=True)
    X, y = np.vstack([X, X[:30:3]]), np.append(y, y[:30:3])
    is_clean = np.arange(160) >= 150
    with pytest.warns(UserWarning, match=r"none of \[1 2\], whose rows can only lose weight"):
        clf = ReweightedClassifier(NetClassifier(**QUICK)).fit(X, y, is_clean=is_clean)
    assert_array_equal(np.isnan(clf.row_weights_), is_clean)


@pytest.mark.parametrize("label_weight", [None, np.array([1.0, 3.0, 0.5])])
def test_classes_count_among_trusted_rows_as_they_do_among_the_others(label_weight):
    rng = np.random.default_rng(0)
    codes, copies = rng.choice(3, 60, p=[0.7, 0.2, 0.1]), rng.uniform(0.1, 2, 60)
    label_weight = None if label_weight is None else label_weight[codes]
    rows = Rows(np.zeros((60, 1)), Labels(np.arange(3), codes), copies, label_weight)
    recipe = _WithTrustedRows(ReweightedClassifier(), None, 0)
    recipe.trusted = copies * np.isin(np.arange(60), [np.flatnonzero(codes == k)[:2] for k in range(3)])
    recipe.learned = copies - recipe.trusted
    weight = np.ones(60) if label_weight is None else label_weight
    shares = [
        np.bincount(codes, kind * weight) / (kind * weight).sum()
        for kind in (recipe.trusted * recipe._as_in_training(rows), recipe.learned)
    ]
    assert_allclose(*shares, rtol=1e-12)


def test_copies_and_pickles_predict_the_same_and_keep_the_weight_function(digits):
    X, _, y, is_clean = (part[:300] for part in digits)
    clf = ReweightedClassifier(NetClassifier(**QUICK), method="meta_weight_net").fit(X, y, is_clean=is_clean)
    copied = pickle.loads(pickle.dumps(clf))
    assert_array_equal(copied.predict_proba(X), clf.predict_proba(X))
    weights = clf.weight_function([[0.0, 1.0], [2.0, 10.0]])
    assert_array_equal(copied.weight_function([[0.0, 1.0], [2.0, 10.0]]), weights)
    assert weights.shape == (2, 2)
    assert ((weights > 0) & (weights < 1)).all()
    assert clf.weight_function(0.5).shape == ()
    assert not hasattr(ReweightedClassifier(), "weight_function")


def test_the_weight_function_of_a_committee_is_the_mean_of_its_members():
    torch.manual_seed(0)
    net = WeightNet(3)
    losses = np.linspace(0, 4, 5)
    each = net(torch.tensor(losses, dtype=torch.float32)).detach().numpy()
    assert each.shape == (3, 5)
    assert_allclose(net.mean_weight(losses), each.mean(axis=0), rtol=1e-6)


MORE = [
    ReweightedClassifier(SmoothedNetClassifier("label_smoothing", max_epochs=4)),
    ReweightedClassifier(SmoothedNetClassifier("virtual_adversarial", **QUICK)),
    ReweightedClassifier(NetClassifier(AnyModule, max_epochs=4, n_members=2)),
    ReweightedClassifier(NetClassifier(Normed, max_epochs=4), method="meta_weight_net"),
    ReweightedClassifier(NetClassifier(**QUICK, batch_size=-1, class_weight="balanced", early_stopping=False)),
    ReweightedClassifier(NetClassifier(**QUICK, dtype="float64"), clean_batch_size=1000, method="meta_weight_net"),
    ReweightedClassifier(NetClassifier(**QUICK, numeric_embedding="periodic"), clean_batch_size=1),
]


@pytest.mark.parametrize("clf", MORE, ids=str)
def test_wraps_any_net_and_takes_frames_strings_and_categories(clf):
    X, y = load_iris(return_X_y=True, as_frame=True)
    X = X.assign(kind=pd.Categorical(np.where(X.iloc[:, 0] > 6, "large", "small")))
    X.iloc[::7, 1] = np.nan
    y = np.array(["setosa", "versicolor", "virginica"])[y]
    clf = clone(clf).fit(X, y, is_clean=np.arange(150) % 4 == 0)
    assert_array_equal(clf.classes_, ["setosa", "versicolor", "virginica"])
    assert_array_equal(clf.feature_names_in_, X.columns)
    assert_allclose(clf.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert np.isfinite(clf.row_weights_).sum() == 112


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("method", ["learn_to_reweight", "meta_weight_net"])
def test_a_penalty_of_no_strength_changes_nothing(method, n_members, dtype):
    X, y = make_classification(80, random_state=0)  # no row comes twice
    small = {"n_members": n_members, "hidden_layer_sizes": (8,), "max_epochs": 2, "dtype": dtype, "random_state": 0}
    plain, penalised = (
        ReweightedClassifier(net, method=method, random_state=0).fit(X, y).predict_proba(X)
        for net in (NetClassifier(**small), SmoothedNetClassifier(ConfidencePenalty(strength=0), **small))
    )
    assert_allclose(penalised, plain, atol=1e-6 if dtype == "float32" else 1e-14)


def test_takes_probabilities_as_labels():
    X, y = load_iris(return_X_y=True)
    proba = np.eye(3)[y] * 0.7 + 0.1
    for labels in (proba, Labels(np.arange(3), y, proba, hard_weight=0.3, temperature=2.0)):
        for method in ("learn_to_reweight", "meta_weight_net"):
            net = NetClassifier(n_members=2, max_epochs=12)
            assert ReweightedClassifier(net, method=method, random_state=0).fit(X, labels).score(X, y) > 0.9


def test_trusted_rows_are_sliced_in_cross_validation_and_travel_through_searches_and_pipelines(digits):
    X, _, y, _ = (part[:300] for part in digits)
    is_clean = np.arange(300) % 3 == 0
    clf = ReweightedClassifier(NetClassifier(**QUICK), random_state=0)
    found = cross_validate(
        clf,
        X,
        y,
        cv=StratifiedKFold(3, shuffle=True, random_state=0),
        params={"is_clean": is_clean},
        return_estimator=True,
        error_score="raise",
    )
    assert sum(np.isnan(model.row_weights_).sum() for model in found["estimator"]) == 2 * is_clean.sum()
    grid = {"method": ["uniform", "learn_to_reweight"], "estimator__lr": [1e-3, 1e-2]}
    search = GridSearchCV(clf, grid, cv=2, n_jobs=2, error_score="raise").fit(X, y, is_clean=is_clean)
    assert np.isnan(search.best_estimator_.row_weights_).sum() == is_clean.sum()
    with config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), clone(clf).set_fit_request(is_clean=True))
        pipe.fit(X, y, is_clean=is_clean)
    assert_array_equal(np.isnan(pipe[-1].row_weights_), is_clean)


def test_is_a_member_of_ensembles(digits):
    X, _, y, _ = (part[:200] for part in digits)
    clf = BaggingVoteEnsemble(ReweightedClassifier(NetClassifier(**QUICK)), 2, random_state=0).fit(X, y)
    assert clf.predict_proba(X).shape == (200, 10)


def test_a_failed_fit_leaves_what_was_there(digits):
    X, _, y, is_clean = (part[:200] for part in digits)
    clf = ReweightedClassifier(NetClassifier(**QUICK)).fit(X, y, is_clean=is_clean)
    before = clf.predict_proba(X)
    with pytest.raises(ValueError, match="expected True or False"):
        clf.fit(X, y, is_clean=np.arange(200))
    assert_array_equal(clf.predict_proba(X), before)


BAD = [
    (ReweightedClassifier(method="magic"), {}, ValueError, "method: expected one of 'learn_to_reweight'"),
    (ReweightedClassifier(max_weight=0.5), {}, ValueError, r"max_weight: expected a number in \[1, inf\)"),
    (ReweightedClassifier(clean_fraction=1.0), {}, ValueError, "clean_fraction: expected"),
    (ReweightedClassifier(clean_batch_size=0), {}, ValueError, "clean_batch_size: expected 'auto' or an integer"),
    (ReweightedClassifier(virtual_lr=0), {}, ValueError, "virtual_lr: expected"),
    (ReweightedClassifier(StandardScaler()), {}, TypeError, "estimator: expected None or a net of sktech's"),
    (ReweightedClassifier(NetClassifier(lr=-1)), {}, ValueError, "lr: expected"),
    (ReweightedClassifier(), {"is_clean": np.zeros(30, bool)}, ValueError, "got no trusted rows that have weight"),
    (ReweightedClassifier(), {"is_clean": np.ones(30, bool)}, ValueError, "got no others besides that have weight"),
    (ReweightedClassifier(), {"is_clean": np.ones(29, bool)}, ValueError, "inconsistent numbers of samples"),
    (ReweightedClassifier(), {"is_clean": True}, ValueError, r"is_clean: expected True or False for each row, \(n,\)"),
    (ReweightedClassifier(), {"is_clean": np.linspace(0, 1, 30)}, ValueError, r"each row, got 0.\d+, 0.\d+, 0.\d+$"),
    (
        ReweightedClassifier(NetClassifier(Normed), method="meta_weight_net"),
        {"is_clean": np.arange(30) < 1},
        ValueError,
        "BatchNorm cannot see a single row",
    ),
]


@pytest.mark.parametrize(("clf", "given", "error", "message"), BAD)
def test_what_cannot_be_is_refused(clf, given, error, message):
    X, y = np.random.default_rng(0).normal(size=(30, 5)), np.arange(30) % 2
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(error, match=message):
            clf.fit(X, y, **given)


def test_rows_without_a_label_cannot_be_trusted():
    X, y = load_iris(return_X_y=True)
    y = np.where(np.arange(150) % 2, y, -1)
    clf = ReweightedClassifier(SmoothedNetClassifier("virtual_adversarial", **QUICK))
    with pytest.raises(ValueError, match="expected a label for each row that can be trusted, got -1"):
        clf.fit(X, y, is_clean=np.arange(150) < 50)
    assert clf.fit(X, y, is_clean=(np.arange(150) % 2 == 1) & (np.arange(150) % 3 == 0)).score(X[y >= 0], y[y >= 0])


def test_a_reweighter_inside_a_reweighter_is_refused():
    inner = LearnToReweight(5.0, None, 2, torch.ones(5), Result())
    with pytest.raises(TypeError, match="weighs the rows of an objective that does not weigh rows itself"):
        LearnToReweight(5.0, inner, 2, torch.ones(5), Result())
