"""Laws of representation and classifier learned apart."""

import pickle

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.datasets import make_classification
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from skorch import NeuralNetClassifier
from torch import nn

from sktech import DecoupledLongTailClassifier, NetClassifier, SmoothedNetClassifier
from sktech.classifiers.heads import (
    logit_temperature,
    nearest_mean_head,
    retrained_head,
    row_scales,
    tau_normalized,
)
from sktech.classifiers.stages import CLASSIFIERS, TAUS, FirstStage, SecondStage
from sktech.modules.members import tensor_places
from sktech.sampling import SAMPLINGS, class_probabilities
from sktech.smoothing import LabelSmoothing, VirtualAdversarial

SIZES = [80, 30, 6]


@pytest.fixture(scope="module")
def tail():
    """Three classes with a tail, and even rows to look at."""
    X, y = make_classification(
        600, n_features=6, n_informative=5, n_redundant=0, n_classes=3, class_sep=0.8, random_state=0
    )
    train = np.concatenate([np.flatnonzero(y == label)[:size] for label, size in enumerate(SIZES)])
    test = np.setdiff1d(np.arange(600), train)
    return X[train], y[train], X[test], y[test]


class Module(nn.Module):
    def __init__(self, n_features_in, n_classes, bias=True):
        super().__init__()
        self.body = nn.Sequential(nn.Linear(n_features_in, 12), nn.BatchNorm1d(12), nn.ReLU(), nn.Dropout(0.2))
        self.out = nn.Linear(12, n_classes, bias=bias)

    def forward(self, X):
        return self.out(self.body(X))


class WithoutBias(Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__(n_features_in, n_classes, bias=False)


class Followed(Module):
    def forward(self, X):
        return super().forward(X).tanh()


class OtherHead(Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__(n_features_in, n_classes)
        self.head = nn.Sequential(self.out)

    def forward(self, X):
        return self.head(self.body(X))


SHORT = {"max_epochs": 4, "random_state": 0, "hidden_layer_sizes": (16,)}
NETS = {
    "one": NetClassifier(n_members=1, **SHORT),
    "committee": NetClassifier(n_members=3, **SHORT),
    "no_validation": NetClassifier(n_members=2, early_stopping=False, **SHORT),
    "linear": NetClassifier(n_members=2, numeric_embedding=None, **SHORT | {"hidden_layer_sizes": ()}),
    "module": NetClassifier(Module, max_epochs=4, random_state=0),
    "modules": NetClassifier(Module, n_members=3, max_epochs=4, random_state=0),
    "smoothed": SmoothedNetClassifier(LabelSmoothing(0.1), n_members=2, **SHORT),
    "weighted": NetClassifier(n_members=2, class_weight="balanced", **SHORT),
    "float64": NetClassifier(n_members=2, dtype="float64", **SHORT),
}


@pytest.fixture(params=NETS.values(), ids=NETS)
def net(request):
    return request.param


def fitted_stages(net, tail, sampling="instance"):
    net, first = clone(net), FirstStage(sampling)
    net._fit(*tail[:2], None, first)
    return net, SecondStage(net, first)


def state(net):
    return {name: value.clone() for name, value in net.net_.module_.state_dict().items()}


# ---------------------------------------------------------------- heads


@pytest.fixture
def problem():
    """Features, labels, weights of rows and a head, in float64."""
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(90) % 7 // 2 % 3
    features = torch.randn(90, 5, generator=generator, dtype=torch.float64) + labels[:, None] / 2
    row_weight = torch.rand(90, generator=generator, dtype=torch.float64)
    weight = torch.randn(3, 5, generator=generator, dtype=torch.float64)
    return features, labels, row_weight / row_weight.sum(), weight


@pytest.mark.parametrize("shape", [(3, 5), (2, 3, 5)])
def test_tau_normalisation_leaves_shortens_and_equalises(shape):
    weight = torch.randn(shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.equal(tau_normalized(weight, 0.0), weight)
    assert_allclose(tau_normalized(weight, 1.0).norm(dim=-1), 1, rtol=1e-14)
    assert_allclose(tau_normalized(weight, 0.3).norm(dim=-1), weight.norm(dim=-1) ** 0.7, rtol=1e-14)
    directions = torch.nn.functional.cosine_similarity(tau_normalized(weight, 1.7), weight, dim=-1)
    assert_allclose(directions, 1, rtol=1e-14)
    assert torch.equal(tau_normalized(torch.zeros(3, 5), 1.0), torch.zeros(3, 5))


def test_tau_normalisation_is_a_choice_of_scales(problem):
    """LWS at f_j = ||w_j||^-tau."""
    *_, weight = problem
    assert_allclose(weight * weight.norm(dim=-1, keepdim=True) ** -0.7, tau_normalized(weight, 0.7), rtol=1e-14)


def test_the_nearest_mean_is_scikit_learns_nearest_centroid(problem):
    features, labels, _, _ = problem
    weight, bias = nearest_mean_head(features, labels, torch.ones(90, dtype=torch.float64), 3)
    expected = NearestCentroid().fit(features, labels)
    assert_allclose(weight / 2, expected.centroids_, rtol=1e-12)
    assert_array_equal((features @ weight.mT + bias).argmax(dim=1), expected.predict(features))
    distance = torch.cdist(features, torch.from_numpy(expected.centroids_)).square()
    rest = (features @ weight.mT + bias) + distance
    assert_allclose(rest, rest[:, :1].expand_as(rest), rtol=1e-10)


def test_the_retrained_head_is_a_logistic_regression_on_scaled_features(problem):
    features, labels, row_weight, _ = problem
    weight, bias = retrained_head(features, labels, row_weight, 3, ridge=0.1)
    centred = features - row_weight @ features
    scale = (row_weight @ centred.square()).mean().sqrt()
    model = LogisticRegression(C=1 / 0.1, solver="newton-cg", tol=1e-10)
    model.fit(centred / scale, labels, sample_weight=row_weight)
    mine, theirs = (
        torch.softmax(torch.as_tensor(z), dim=1)
        for z in (features @ weight.mT + bias, model.decision_function(centred / scale))
    )
    assert_allclose(mine, theirs, atol=1e-5)


def test_the_retrained_head_is_that_of_copies_and_no_matter_how_features_are_scaled(problem):
    features, labels, _, _ = problem
    copies = torch.arange(90) % 3
    once = retrained_head(features, labels, copies.double() / copies.sum(), 3, 0.1)
    rows = torch.arange(90).repeat_interleave(copies)
    even = torch.full((len(rows),), 1 / len(rows), dtype=torch.float64)
    many = retrained_head(features[rows], labels[rows], even, 3, 0.1)
    for one, other in zip(once, many, strict=True):
        assert_allclose(one, other, atol=1e-5)
    moved = retrained_head(7 * features - 3, labels, copies.double() / copies.sum(), 3, 0.1)
    expected = features @ once[0].mT + once[1]
    assert_allclose((7 * features - 3) @ moved[0].mT + moved[1], expected, atol=1e-5)


def test_learned_scales_are_where_the_slope_is_zero_and_stay_near_one_under_a_large_ridge(problem):
    features, labels, row_weight, weight = problem
    scales = row_scales(features, labels, row_weight, weight, 0.01).requires_grad_()
    logits = scales * (features @ weight.mT)
    loss = row_weight @ nn.functional.cross_entropy(logits, labels, reduction="none")
    (loss + 0.005 * (scales - 1).square().sum()).backward()
    assert_allclose(scales.grad, 0, atol=1e-5)
    assert_allclose(row_scales(features, labels, row_weight, weight, 1e6), 1, atol=1e-5)


def test_the_factor_of_logits_is_where_the_slope_is_zero_and_undoes_any_other(problem):
    features, labels, row_weight, weight = problem
    logits = features @ weight.mT
    logits[torch.arange(90), labels] += 1
    factor, loss = logit_temperature(logits, labels, row_weight)

    def at(factor):
        rows = nn.functional.cross_entropy(factor * logits, labels, reduction="none", label_smoothing=1 / 91)
        return (row_weight @ rows).item()

    assert loss == pytest.approx(at(factor), rel=1e-12)
    assert loss <= min(at(0.99 * factor), at(1.01 * factor))
    assert logit_temperature(1e3 * logits, labels, row_weight)[0] == pytest.approx(factor / 1e3, rel=1e-6)
    assert logit_temperature(0 * logits, labels, row_weight)[1] == pytest.approx(np.log(3))


@pytest.mark.parametrize("n", [10, 1000])
def test_where_all_is_right_it_is_as_sure_as_the_rows_allow(n):
    """The rule of succession: of n + 1 rows one could be of any class."""
    logits, row_weight = torch.eye(3, dtype=torch.float64).repeat(n, 1), torch.full((3 * n,), 1 / (3 * n)).double()
    factor, _ = logit_temperature(logits, torch.arange(3).repeat(n), row_weight)
    wrong = 1 - torch.softmax(factor * logits, dim=1).max(dim=1).values
    assert_allclose(wrong, 2 / 3 / (3 * n + 1), rtol=1e-3)


# ---------------------------------------------------------------- first stage


def test_joint_with_the_rows_as_they_are_is_the_bare_net_to_the_last_bit(net, tail):
    X, y, X_test, _ = tail
    bare = clone(net).fit(X, y)
    wrapped = DecoupledLongTailClassifier(net, classifier="joint").fit(X, y)
    assert_array_equal(wrapped.predict_proba(X_test), bare.predict_proba(X_test))
    assert wrapped.estimator_.history_[-1]["train_loss"] == bare.history_[-1]["train_loss"]


@pytest.mark.parametrize("sampling", SAMPLINGS)
def test_members_draw_classes_as_often_as_the_sampling_says(sampling, tail):
    net, first = clone(NETS["committee"]), FirstStage(sampling)
    net._fit(*tail[:2], None, first)
    drawn = first.sampler(net, first.learned, first.rows)(0.5, torch.Generator().manual_seed(0))
    codes = first.rows.labels.codes
    for m, rows in enumerate(drawn.rows.numpy()):
        sizes = np.bincount(codes, first.learned[m])
        weight = np.ones(len(rows)) if drawn.weight is None else drawn.weight[m].numpy()
        counts = np.bincount(codes[rows], weight)
        assert (np.abs(counts - len(rows) * class_probabilities(sizes, sampling, 0.5)) < 1 + 1e-4).all()
        assert (first.learned[m][rows[weight > 0]] > 0).all()


@pytest.mark.parametrize("sampling", ["class_balanced", "progressive"])
def test_early_stopping_looks_at_even_classes(sampling, tail):
    net, first = clone(NETS["committee"]), FirstStage(sampling)
    net._fit(*tail[:2], None, first)
    valid, codes = first.validation(net, first.held_out, first.rows), first.rows.labels.codes
    for m in range(3):
        expected = first.held_out[m][valid.rows[m]] / np.array(SIZES)[codes[valid.rows[m]]]
        expected[np.flatnonzero(valid.weight[m] == 0)] = 0
        assert_allclose(valid.weight[m], expected / expected.mean(), rtol=1e-5)


def test_class_weights_are_part_of_what_was_learned_with(tail):
    _, stage = fitted_stages(NETS["weighted"], tail)
    assert_allclose(stage.log_prior, -np.log(3), rtol=1e-12)
    _, stage = fitted_stages(NETS["committee"], tail)
    assert_allclose(stage.log_prior.exp(), np.array(SIZES) / sum(SIZES), rtol=1e-12)


# ---------------------------------------------------------------- second stage


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_all_but_the_last_layer_is_left_alone(net, classifier, tail):
    net, stage = fitted_stages(net, tail)
    before = state(net)
    stage.rebuild(classifier)
    changed = {name.split(".")[-2] for name, value in state(net).items() if not torch.equal(value, before[name])}
    assert changed == (set() if classifier == "joint" else {"out" if net.net is Module else "head"})


def test_stages_can_be_repeated_and_undone(net, tail):
    net, stage = fitted_stages(net, tail)
    before, once = state(net), []
    for classifier in CLASSIFIERS:
        stage.rebuild(classifier)
        once.append(state(net))
    for classifier, expected in zip(CLASSIFIERS, once, strict=True):
        stage.rebuild(classifier)
        assert all(torch.equal(value, expected[name]) for name, value in state(net).items())
    stage.rebuild("joint")
    assert all(torch.equal(value, before[name]) for name, value in state(net).items())


@pytest.mark.parametrize("classifier", CLASSIFIERS)
def test_logits_are_the_new_layer_of_the_representation(net, classifier, tail):
    X, y, X_test, _ = tail
    clf = DecoupledLongTailClassifier(net, classifier=classifier).fit(X, y)
    one = clf.estimator_
    layer = one.net_.module_.get_submodule(
        {"module": "out", "modules": "module.out"}.get(
            next(name for name, value in NETS.items() if value is net), "mlp.head"
        )
    )
    features = torch.from_numpy(clf.representation(X_test)).unflatten(1, (one.n_members_, -1)).movedim(1, 0)
    weight, bias = (part.detach().view(one.n_members_, 3, -1) for part in (layer.weight, layer.bias))
    proba = torch.softmax((features @ weight.mT + bias.mT.reshape(one.n_members_, 1, 3)).double(), dim=-1).mean(dim=0)
    assert_allclose(clf.predict_proba(X_test), proba, atol=1e-5)
    assert_array_equal(clf.classes_[clf.predict_proba(X_test).argmax(axis=1)], clf.predict(X_test))


def member_logits(net, X):
    return torch.cat([net.net_.logits(chunk) for chunk in net._inputs(X)], dim=-2).double()


def test_tau_zero_is_the_joint_classifier_without_bias_but_for_a_factor(tail):
    _, stage = fitted_stages(NETS["committee"], tail)
    assert stage.bias.all()
    stage.rebuild("tau", 0.0)
    factors = stage.layer.weight.detach() / stage.weight
    assert factors.min() > 0
    assert_allclose(factors, factors.flatten()[0], rtol=1e-5)
    assert not stage.layer.bias.any()


def test_one_tau_and_one_factor_serve_all_members(tail):
    _, stage = fitted_stages(NETS["committee"], tail)
    for classifier, tau in (("tau", 0.7), ("lws", None)):
        stage.rebuild(classifier, tau)
        new = stage.layer.weight.detach().double()
        if classifier == "tau":
            norms = (new / tau_normalized(stage.weight, 0.7)).flatten()
            assert_allclose(norms, norms[0], rtol=1e-4)
        assert not stage.layer.bias.any()


def test_tau_is_the_best_on_the_rows_held_out(tail):
    net, stage = fitted_stages(NETS["committee"], tail)
    chosen = stage.rebuild("tau")
    assert chosen in TAUS

    def accuracy_and_minus_loss():
        logits = stage.features @ stage.layer.weight.detach().double().mT
        log_proba = torch.log_softmax(logits, dim=-1).gather(-1, stage.labels.expand(3, -1)[..., None])[..., 0]
        right = stage.choosing * (logits.argmax(dim=-1) == stage.labels)
        return right.sum().item(), (stage.choosing * log_proba).sum().item()

    accuracy, minus_loss = accuracy_and_minus_loss()
    for tau in TAUS:
        assert stage.rebuild("tau", tau) == tau
        other, other_minus_loss = accuracy_and_minus_loss()
        assert accuracy >= other - 1e-6
        assert minus_loss >= other_minus_loss - 0.02 or accuracy > other + 1e-6
    assert DecoupledLongTailClassifier(clone(net), classifier="tau").fit(*tail[:2]).tau_ == chosen


def test_choosing_is_class_balanced_and_of_rows_held_out(tail):
    _, stage = fitted_stages(NETS["committee"], tail)
    assert stage.choosing.sum() == pytest.approx(1)
    assert_allclose(stage.fitting.sum(dim=1), 1)
    assert not (stage.choosing.bool() & stage.fitting.bool()).any()
    for part in stage.fitting:
        sums = torch.bincount(stage.labels, part)
        assert sums.max() / sums.min() < 1.2  # but for the rows that a member holds out
    _, stage = fitted_stages(NETS["no_validation"], tail)
    assert_array_equal(stage.choosing.bool(), stage.learned.bool())


def test_logit_adjustment_takes_the_prior_off_and_is_nothing_where_classes_are_even(tail):
    X, y, X_test, _ = tail
    net, stage = fitted_stages(NETS["one"], tail)
    before = member_logits(net, X_test)
    stage.rebuild("logit_adjustment")
    after = member_logits(net, X_test)
    difference = before - after
    assert_allclose(difference, np.log(np.array(SIZES) / sum(SIZES)) * np.ones_like(after), atol=1e-5)
    even = np.concatenate([np.flatnonzero(y == label)[:6] for label in range(3)])
    joint, adjusted = (
        DecoupledLongTailClassifier(NETS["one"], classifier=classifier).fit(X[even], y[even])
        for classifier in ("joint", "logit_adjustment")
    )
    assert_allclose(adjusted.predict_proba(X_test), joint.predict_proba(X_test), atol=1e-6)


def test_retrained_and_nearest_mean_heads_are_those_of_the_members_own_rows(tail):
    _, stage = fitted_stages(NETS["committee"], tail)
    for classifier in ("crt", "ncm"):
        stage.rebuild(classifier)
        weight, bias = stage.layer.weight.detach().double(), stage.layer.bias.detach().double()
        for m in range(3):
            own = stage.learned[m] > 0
            features, labels, even = stage.features[m][own], stage.labels[own], stage.fitting[m][own]
            if classifier == "crt":
                expected = retrained_head(features, labels, even, 3, 0.1)
            else:
                expected = nearest_mean_head(features, labels, even, 3)
            logits = features @ weight[m].mT + bias[m]
            wanted = features @ expected[0].mT + expected[1]
            logits, wanted = (z - z.mean(dim=1, keepdim=True) for z in (logits, wanted))
            factor = (logits * wanted).sum() / wanted.square().sum()
            assert_allclose(logits, factor * wanted, atol=1e-3 * logits.abs().max().item())


@pytest.mark.parametrize(
    ("sampling", "classifier"), [*((s, "crt") for s in SAMPLINGS), *(("progressive", c) for c in CLASSIFIERS[1:])]
)
def test_a_weight_is_copies(sampling, classifier, tail):
    X, y, X_test, _ = tail
    weight = np.random.default_rng(0).integers(0, 3, len(y))
    rows = np.repeat(np.arange(len(y)), weight)
    clf = DecoupledLongTailClassifier(
        NetClassifier(n_members=2, **SHORT | {"max_epochs": 2}), sampling=sampling, classifier=classifier
    )
    weighted = clone(clf).fit(X, y, sample_weight=weight)
    copied = clone(clf).fit(X[rows], y[rows])
    assert_array_equal(weighted.predict_proba(X_test), copied.predict_proba(X_test))


def test_rows_without_a_label_are_for_the_first_stage_only(tail):
    X, y, X_test, _ = tail
    partly = np.where(np.arange(len(y)) % 3 == 1, -1, y)
    net = SmoothedNetClassifier(VirtualAdversarial(), n_members=2, **SHORT)
    for sampling in SAMPLINGS:
        clf = DecoupledLongTailClassifier(net, sampling=sampling, classifier="crt").fit(X, partly)
        assert clf.classes_.tolist() == [0, 1, 2]
        assert clf.predict_proba(X_test).shape == (len(X_test), 3)


@pytest.mark.parametrize("seed", range(3))
def test_rare_classes_gain(seed):
    X, y = make_classification(
        3000, n_features=8, n_informative=6, n_classes=4, class_sep=1.0, n_clusters_per_class=1, random_state=seed
    )
    train = np.concatenate([np.flatnonzero(y == label)[:size] for label, size in enumerate([200, 60, 20, 6])])
    rare = np.setdiff1d(np.flatnonzero(y == 3), train)
    net, first = NetClassifier(n_members=2, max_epochs=16, random_state=seed), FirstStage("instance")
    net._fit(X[train], y[train], None, first)
    stage, right = SecondStage(net, first), {}
    for classifier in ("joint", "logit_adjustment", "crt", "ncm"):
        stage.rebuild(classifier)
        right[classifier] = np.mean(net.predict(X[rare]) == 3)
    assert min(right["logit_adjustment"], right["crt"], right["ncm"]) > right["joint"] + 0.05


# ---------------------------------------------------------------- as an estimator


def test_it_is_a_transformer_in_pipelines_and_grids_and_survives_pickling(tail):
    X, y, X_test, _ = tail
    clf = DecoupledLongTailClassifier(NETS["committee"], classifier="crt").fit(X, y)
    features = clf.transform(X_test)
    assert features.shape == (len(X_test), 3 * 16)
    assert_array_equal(features, clf.representation(X_test))
    assert len(clf.get_feature_names_out()) == 48
    again = pickle.loads(pickle.dumps(clf))
    assert_array_equal(again.predict_proba(X_test), clf.predict_proba(X_test))
    assert_array_equal(again.transform(X_test), features)
    pipe = make_pipeline(clone(clf), LogisticRegression(max_iter=1000)).fit(X, y)
    assert pipe.predict(X_test).shape == (len(X_test),)
    search = GridSearchCV(DecoupledLongTailClassifier(NETS["one"]), {"classifier": ["ncm", "tau"]}, cv=2).fit(X, y)
    assert search.best_params_["classifier"] in ("ncm", "tau")


def test_members_features_stand_side_by_side(tail):
    clf = DecoupledLongTailClassifier(NETS["modules"]).fit(*tail[:2])
    inputs = torch.cat(list(clf.estimator_._inputs(tail[2])))
    module, features = clf.estimator_.net_.module_, clf.representation(tail[2])
    parameters, buffers = tensor_places(module.module)
    for m in range(3):
        member = Module(inputs.shape[1], len(clf.classes_))
        member.load_state_dict({name: value[m] for name, value in (parameters | buffers).items()})
        with torch.no_grad():
            assert_allclose(features[:, 12 * m : 12 * (m + 1)], member.eval().body(inputs), atol=1e-6)
            assert_allclose(member(inputs), module.eval()(inputs)[m], atol=1e-6)


def test_tau_is_there_only_where_it_is_used(tail):
    clf = DecoupledLongTailClassifier(NETS["one"], classifier="tau", tau=1).fit(*tail[:2])
    assert clf.tau_ == 1.0
    clf.set_params(classifier="crt").fit(*tail[:2])
    assert not hasattr(clf, "tau_")


def test_a_fit_inside_inference_mode_is_the_same(tail):
    clf = DecoupledLongTailClassifier(NETS["committee"], classifier="crt")
    expected = clone(clf).fit(*tail[:2]).predict_proba(tail[2])
    with torch.inference_mode():
        assert_array_equal(clone(clf).fit(*tail[:2]).predict_proba(tail[2]), expected)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sampling": "balanced"}, "sampling: expected one of 'instance', 'class_balanced'"),
        ({"classifier": "svm"}, "classifier: expected one of 'crt', 'ncm'"),
        ({"tau": -1}, r"tau: expected a number in \[0, 100\], got -1"),
        ({"estimator": LogisticRegression()}, "estimator: expected None or a net of sktech's"),
        ({"estimator": NetClassifier(Followed, max_epochs=1)}, "expected Followed to return the output of Linear"),
        ({"estimator": NetClassifier(OtherHead, max_epochs=1)}, "whose last layer is a Linear, .* got Sequential"),
        ({"estimator": NetClassifier(WithoutBias, max_epochs=1)}, "for a layer without bias"),
    ],
)
def test_what_cannot_be_decoupled_is_refused_without_a_trace(params, message, tail):
    clf = DecoupledLongTailClassifier(**params)
    with pytest.raises((TypeError, ValueError), match=message):
        clf.fit(*tail[:2])
    assert not hasattr(clf, "classes_")


def test_a_layer_without_bias_takes_what_needs_none(tail):
    for classifier in ("tau", "lws", "joint"):
        net = NetClassifier(WithoutBias, max_epochs=1, random_state=0)
        clf = DecoupledLongTailClassifier(net, classifier=classifier).fit(*tail[:2])
        assert_allclose(clf.predict_proba(tail[2]).sum(axis=1), 1, rtol=1e-5)


def test_probabilities_as_labels_are_refused(tail):
    X, y, *_ = tail
    with pytest.raises(ValueError, match="y: expected labels of shape"):
        DecoupledLongTailClassifier(NETS["one"]).fit(X, np.full((len(y), 3), 1 / 3))


def test_a_skorch_net_serves_too(tail):
    skorch_net = NeuralNetClassifier(Module, criterion=nn.CrossEntropyLoss, lr=0.1, max_epochs=5)
    clf = DecoupledLongTailClassifier(NetClassifier(skorch_net, random_state=0), sampling="square_root")
    assert clf.fit(*tail[:2]).transform(tail[2]).shape == (len(tail[2]), 12)
