"""Integrated gradients keep the laws of the paper on whatever a net is part of, and know how exact they are."""

from itertools import pairwise

import captum.attr
import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.special import logit
from sklearn.compose import make_column_transformer
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier
from torch import nn

from sktech import (
    BaggingVoteEnsemble,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    DistilledClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
)
from sktech.inspection import integrated_gradients
from sktech.modules import MLP

SEEDS = range(3)
FAST = {"max_epochs": 3, "hidden_layer_sizes": (16,), "random_state": 0}


def relu_net(seed=0, sizes=(6, 16, 16, 3), activation=nn.ReLU):
    torch.manual_seed(seed)
    layers = []
    for width, units in pairwise(sizes):
        layers += [nn.Linear(width, units), activation()]
    return nn.Sequential(*layers[:-1]).double()


def rows(seed=0, n=20, width=6):
    return np.random.default_rng(seed).normal(size=(n, width))


def table(n=150):
    """Numbers with gaps, categories of few and of many levels; three classes that depend on them."""
    rng = np.random.default_rng(0)
    X = pd.DataFrame(
        {
            "level": rng.integers(0, 12, n).astype(str),
            "size": rng.normal(size=n),
            "colour": rng.choice(["red", "green", "blue"], n),
            "gap": np.where(rng.random(n) < 0.2, np.nan, rng.normal(size=n)),
        }
    )
    return X, np.array(["a", "b", "c"])[(X["size"] > 0).to_numpy() * 1 + (X["level"].astype(int) > 5).to_numpy()]


def steps():
    return make_column_transformer(
        (OneHotEncoder(), ["colour"]),
        (make_pipeline(SimpleImputer(add_indicator=True), StandardScaler()), ["gap"]),
        (TargetEncoder(), ["level"]),
        remainder="passthrough",
    )


def half_coded():
    """Some categories spread out by the pipeline, others left to the net."""
    return make_column_transformer(
        (OneHotEncoder(sparse_output=False), ["colour"]), remainder="passthrough", verbose_feature_names_out=False
    ).set_output(transform="pandas")


FITTED = {
    "committee": NetClassifier(**FAST),
    "one net": NetClassifier(n_members=1, **FAST),
    "double": NetClassifier(dtype="float64", numeric_embedding="periodic", **FAST),
    "own module": make_pipeline(steps(), NetClassifier(MLP, max_epochs=3, random_state=0)),
    "smoothed": SmoothedNetClassifier(**FAST),
    "reweighted": ReweightedClassifier(NetClassifier(**FAST), random_state=0),
    "decoupled": DecoupledLongTailClassifier(NetClassifier(**FAST), random_state=0),
    "distilled": DistilledClassifier(NetClassifier(**FAST), NetClassifier(**FAST), random_state=0),
    "prototypes": PrototypeClassifier(**FAST),
    "noise tolerant": NoiseTolerantClassifier(**FAST),
    "bagging": BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=3, member_weights=[1, 2, 0.5], random_state=0),
    "some columns": BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=3, max_features=0.5, random_state=0),
    "disagreement": DisagreementEnsemble(NetClassifier(**FAST), n_estimators=2, random_state=0),
    "pipeline": make_pipeline(steps(), NetClassifier(**FAST)),
    "half coded": make_pipeline(half_coded(), NetClassifier(**FAST)),
    "search": GridSearchCV(make_pipeline(steps(), NetClassifier(**FAST)), {"netclassifier__lr": [1e-3, 1e-2]}, cv=2),
}


@pytest.fixture(scope="module", params=FITTED, ids=list(FITTED))
def fitted(request):
    X, y = table()
    return FITTED[request.param].fit(X, y), X


# ---------------------------------------------------------------- completeness, of whatever a net is part of


@pytest.mark.parametrize("output", ["probability", "logit"])
def test_values_sum_to_the_change_of_the_answer(fitted, output):
    estimator, X = fitted
    X, baseline = X[:20], X[20:21]
    attribution = integrated_gradients(estimator, X, baseline=baseline, output=output)
    assert attribution.values.shape == X.shape
    assert attribution.feature_names == list(X.columns)
    assert_array_equal(attribution.target, estimator.predict(X))
    assert_allclose(attribution.values.sum(axis=1), attribution.explained, atol=1e-6)
    span = np.ptp([*attribution.answer, *(attribution.answer - attribution.explained)])
    assert (attribution.error <= 1e-3 * span).all()
    if output == "probability":
        column = np.searchsorted(estimator.classes_, attribution.target)
        proba = estimator.predict_proba(X)[np.arange(20), column]
        assert_allclose(attribution.answer, proba, atol=1e-5)
        assert_allclose(attribution.explained, proba - estimator.predict_proba(baseline)[0, column], atol=1e-5)


def test_all_of_it_comes_from_the_one_column_that_differs(fitted):
    """Sensitivity (a), however many inputs a column became."""
    estimator, X = fitted
    X = X.dropna()[:12]
    for column in X.columns:
        baseline = X.copy()
        baseline[column] = np.roll(X[column], 1)
        attribution = integrated_gradients(estimator, X, baseline=baseline, target="b")
        others = attribution.values[:, X.columns != column]
        assert_array_equal(others, np.zeros_like(others))
        assert_allclose(attribution.values[:, X.columns == column][:, 0], attribution.explained, atol=1e-6)


def test_a_missing_value_is_a_value_of_its_column(fitted):
    estimator, X = fitted
    X = X[X["gap"].isna()][:5]
    attribution = integrated_gradients(estimator, X, baseline=X.assign(gap=1.5), target="b")
    assert_array_equal(attribution.values[:, :3], np.zeros((5, 3)))
    assert_allclose(attribution.values[:, 3], attribution.explained, atol=1e-6)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("output", ["probability", "logit"])
def test_values_of_modules_sum_to_the_change_of_the_answer(seed, output):
    module, X = relu_net(seed), rows(seed)
    attribution = integrated_gradients(module, X, output=output)
    logits = module(torch.from_numpy(np.concatenate([X, np.zeros((1, 6))]))).detach()
    answers = (logits.softmax(dim=1) if output == "probability" else logits).numpy()
    assert_array_equal(attribution.target, answers[:-1].argmax(axis=1))
    assert_allclose(attribution.answer, answers[np.arange(20), attribution.target], rtol=1e-12)
    assert_allclose(attribution.explained, attribution.answer - answers[-1, attribution.target], atol=1e-12)
    assert_allclose(attribution.values.sum(axis=1), attribution.explained, atol=1e-12)


# ---------------------------------------------------------------- other laws


@pytest.mark.parametrize("n_steps", [1, 2, 7, "auto"])
@pytest.mark.parametrize("seed", SEEDS)
def test_linear_models_are_exact_in_any_number_of_steps(n_steps, seed):
    module, X, baseline = relu_net(seed, (6, 3)), rows(seed), rows(seed + 10)
    attribution = integrated_gradients(module, X, baseline=baseline, target=np.arange(20) % 3, n_steps=n_steps)
    weight = module[0].weight.detach().numpy()
    assert_allclose(attribution.values, weight[np.arange(20) % 3] * (X - baseline), atol=1e-12)
    assert attribution.n_steps.max() == (17 if n_steps == "auto" else n_steps + 1)
    assert attribution.error.max() < 1e-12


@pytest.mark.parametrize("n_steps", [1, 3, "auto"])
@pytest.mark.parametrize("embedding", [None, "piecewise_linear", "periodic"])
def test_answers_that_columns_add_up_to_are_exact_in_any_number_of_steps(n_steps, embedding):
    """Each column is owed what it changes alone, however it is bent by its embedding."""
    X, y = table()
    clf = NetClassifier(
        n_members=1, hidden_layer_sizes=(), numeric_embedding=embedding, dtype="float64", max_epochs=20, random_state=0
    ).fit(X, y)
    X, baseline = X[:10], X[20:21]
    attribution = integrated_gradients(clf, X, baseline=baseline, target="b", n_steps=n_steps)
    for j, column in enumerate(X.columns):
        alone = pd.concat([baseline] * 10, ignore_index=True).assign(**{column: X[column].to_numpy()})
        other = integrated_gradients(clf, alone, baseline=baseline, target="b", n_steps=1)
        assert_allclose(attribution.values[:, j], other.explained, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_that_change_nothing_get_nothing(seed):
    module, X = relu_net(seed), rows(seed)
    with torch.no_grad():
        module[0].weight[:, 2] = 0
    values = integrated_gradients(module, X).values
    assert_array_equal(values[:, 2], np.zeros(20))
    X[:, 4] = 0  # as in the baseline
    values = integrated_gradients(module, X).values
    assert_array_equal(values[:, 4], np.zeros(20))
    assert (values[:, [0, 1, 3, 5]] != 0).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_columns_that_mean_the_same_get_the_same(seed):
    module, X = relu_net(seed), rows(seed)
    with torch.no_grad():
        module[0].weight[:, 1] = module[0].weight[:, 0]
    X[:, 1] = X[:, 0]
    values = integrated_gradients(module, X).values
    assert_allclose(values[:, 0], values[:, 1], atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_attributions_of_a_sum_are_sums(seed):
    """Whatever the number of steps, as long as it is the same."""

    class Sum(nn.Module):
        def __init__(self, a, b):
            super().__init__()
            self.a, self.b = a, b

        def forward(self, X):
            return 2 * self.a(X) - 3 * self.b(X)

    a, b, X = relu_net(seed), relu_net(seed + 10), rows(seed)
    values = [integrated_gradients(module, X, target=1, n_steps=10).values for module in (a, b, Sum(a, b))]
    assert_allclose(2 * values[0] - 3 * values[1], values[2], atol=1e-12)


class Split(nn.Module):
    """The same function as a net of three layers: units in another order, each of the first layer twice."""

    def __init__(self, net, seed):
        super().__init__()
        rng = np.random.default_rng(seed)
        twice, order = rng.permutation(np.repeat(np.arange(16), 2)), rng.permutation(16)
        first, second, third = (layer for layer in net if isinstance(layer, nn.Linear))
        share = torch.from_numpy(rng.uniform(0.1, 0.9, 16))
        again = torch.from_numpy(np.array([unit in twice[:k] for k, unit in enumerate(twice)]))
        scale = torch.where(again, share[twice], 1 - share[twice])
        layers = [
            (first.weight[twice], first.bias[twice]),
            ((second.weight[:, twice] * scale)[order] / 2, second.bias[order] / 2),
            (2 * third.weight[:, order], third.bias),
        ]
        self.layers = nn.ParameterList(part.detach() for layer in layers for part in layer)

    def forward(self, X):
        for k in (0, 2):
            X = nn.functional.linear(X, *self.layers[k : k + 2])
            X = X * (X > 0)
        return nn.functional.linear(X, *self.layers[4:])


@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("seed", SEEDS)
def test_nets_that_compute_the_same_get_the_same(seed, output):
    """Implementation invariance."""
    net, X = relu_net(seed), rows(seed)
    other = Split(net, seed)
    assert_allclose(other(torch.from_numpy(X)).detach(), net(torch.from_numpy(X)).detach(), atol=1e-12)
    attributions = [integrated_gradients(module, X, output=output) for module in (net, other)]
    assert_allclose(attributions[0].values, attributions[1].values, atol=1e-10)
    assert_array_equal(attributions[0].n_steps, attributions[1].n_steps)


def test_a_saturated_answer_is_owed_to_what_saturated_it():
    """The paper's example: at 2 the gradient of 1 - relu(1 - x) is 0."""

    class Saturated(nn.Module):
        def forward(self, X):
            return 1 - torch.relu(1 - X[:, 0])

    attribution = integrated_gradients(Saturated(), [[2.0, 5.0]])
    assert_allclose(attribution.values, [[1, 0]], atol=1e-6)
    assert_array_equal(attribution.target, [0])


def test_bends_at_the_baseline_and_at_the_row_are_seen_from_the_path():
    class Bent(nn.Module):
        def forward(self, X):
            return torch.where(X[:, 0] <= 0, -10.0, 1.0) * X[:, 0] + torch.where(X[:, 1] >= 1, 7.0, 0.0) * (X[:, 1] - 1)

    values = integrated_gradients(Bent().double(), [[1.0, 1.0]], n_steps=1).values
    assert_allclose(values, [[1, 0]], atol=1e-12)


# ---------------------------------------------------------------- how exact


@pytest.mark.parametrize(
    ("activation", "output"), [(nn.ReLU, "logit"), (nn.ReLU, "probability"), (nn.Tanh, "probability")]
)
@pytest.mark.parametrize("seed", SEEDS)
def test_errors_are_as_large_as_told(seed, activation, output):
    module, X = strong_net(seed, activation), rows(seed, 100)
    attribution = integrated_gradients(module, X, output=output)
    exact = integrated_gradients(module, X, output=output, n_steps=10_000)
    error = np.abs(attribution.values - exact.values).max(axis=1)
    span = np.ptp([*exact.answer, *(exact.answer - exact.explained)])
    assert exact.error.max() < 2e-4 * span
    assert (error <= attribution.error).mean() > 0.9
    assert (error <= 1e-3 * span).mean() > 0.9
    assert (attribution.error <= 1e-3 * span).all()
    assert len(np.unique(attribution.n_steps)) > 1  # each row takes its own number


def strong_net(seed=0, activation=nn.ReLU):
    """With sharper bends than a new net has."""
    module = relu_net(seed, (6, 32, 32, 3), activation)
    with torch.no_grad():
        for parameter in module.parameters():
            parameter *= 2
    return module


def test_a_smaller_tolerance_takes_more_steps_and_is_more_exact():
    module, X = strong_net(), rows(n=100)
    exact = integrated_gradients(module, X, n_steps=10_000).values
    found = [integrated_gradients(module, X, tol=tol) for tol in (3e-2, 3e-3, 5e-4)]
    errors = [np.abs(attribution.values - exact).mean() for attribution in found]
    assert errors[0] > 3 * errors[1] > 9 * errors[2]
    assert found[0].n_steps.max() < found[2].n_steps.max()
    assert (found[0].n_steps <= found[1].n_steps).all()
    assert (found[1].n_steps <= found[2].n_steps).all()


def test_what_a_gradient_does_not_see_is_told_as_an_error():
    class Jump(nn.Module):
        def forward(self, X):
            return X[:, 0] + (X[:, 0] > 0.5).to(X)

    with pytest.warns(ConvergenceWarning, match="1 of 1 rows have larger errors than tol"):
        attribution = integrated_gradients(Jump().double(), [[1.0]])
    assert attribution.error[0] >= 0.5
    assert attribution.n_steps[0] == 8193


@pytest.mark.parametrize("n_steps", [40, "auto"])
def test_rows_are_alone_with_their_baseline(n_steps, monkeypatch):
    """Whatever stands beside them, in whatever order, and in chunks of any size."""
    module, X, baseline = relu_net(), rows(n=30), rows(1, n=30)
    asked = {"target": 1, "n_steps": n_steps, "tol": 1e-3}
    attribution = integrated_gradients(module, X, baseline=baseline, **asked)
    order = np.random.default_rng(0).permutation(30)
    again = integrated_gradients(module, X[order], baseline=baseline[order], **asked)
    assert_allclose(again.values, attribution.values[order], atol=1e-12)
    monkeypatch.setattr("sktech.inspection._answers.ROWS_PER_PASS", 7)
    again = integrated_gradients(module, X, baseline=baseline, **asked)
    assert_allclose(again.values, attribution.values, atol=1e-12)
    for i in range(5):
        alone = integrated_gradients(module, X[i : i + 1], baseline=baseline[i], **asked)
        atol = 1e-12 if n_steps == 40 else 1e-3 * np.ptp(attribution.answer)
        assert_allclose(alone.values[0], attribution.values[i], atol=atol)


@pytest.mark.parametrize("method", ["gausslegendre", "riemann_trapezoid"])
@pytest.mark.parametrize("seed", SEEDS)
def test_captum_finds_the_same(seed, method):
    module, X, baseline = relu_net(seed), rows(seed), rows(seed + 10, n=1)
    target = np.arange(20) % 3
    attribution = integrated_gradients(module, X, baseline=baseline, target=target)
    theirs = captum.attr.IntegratedGradients(module).attribute(
        torch.from_numpy(X), torch.from_numpy(baseline), torch.from_numpy(target), n_steps=500, method=method
    )
    span = np.ptp([*attribution.answer, *(attribution.answer - attribution.explained)])
    assert_allclose(attribution.values, theirs, atol=1.5e-3 * span)


def test_captum_finds_the_same_of_a_fitted_net():
    X, y = table()
    X = X[["size", "gap"]].dropna().to_numpy()
    clf = NetClassifier(n_members=1, numeric_embedding=None, **FAST).fit(X, y[: len(X)])
    seen, target = torch.cat(list(clf._inputs(X[:20]))), np.arange(20) % 3
    theirs = captum.attr.IntegratedGradients(clf.net_.module_).attribute(
        seen, target=torch.from_numpy(target), n_steps=1000
    )
    attribution = integrated_gradients(clf, X[:20], target=clf.classes_[target])
    by_column = np.zeros((20, 2))
    np.add.at(by_column.T, clf._encoder.origin_, theirs.numpy().T)
    assert_allclose(attribution.values, by_column, atol=2e-3 * np.ptp(attribution.answer))


# ---------------------------------------------------------------- what is asked


def test_a_baseline_has_any_form_of_a_row():
    X, y = table()
    clf, X = NetClassifier(n_members=1, **FAST).fit(X, y), X[:6]
    one = X.iloc[[0]]
    expected = integrated_gradients(clf, X, baseline=one).values
    for baseline in (
        X.iloc[0],
        X.iloc[0][::-1],
        X.iloc[0].to_numpy(),
        X.iloc[0].tolist(),
        pd.concat([one] * 6),
        pl.from_pandas(one),
    ):
        assert_array_equal(integrated_gradients(clf, X, baseline=baseline).values, expected)
    framed = integrated_gradients(clf, pl.from_pandas(X), baseline=X.iloc[0].tolist())
    assert_array_equal(framed.values, expected)
    assert framed.feature_names == list(X.columns)


def test_without_a_baseline_nothing_is_known_of_it():
    X, y = table()
    clf, X = NetClassifier(n_members=1, **FAST).fit(X, y), X[:6]
    size, gap = clf._encoder.center_
    nothing = pd.DataFrame({"level": ["?"], "size": [size], "colour": ["?"], "gap": [gap]})
    attribution, unknown = integrated_gradients(clf, X), integrated_gradients(clf, X, baseline=nothing)
    assert_allclose(attribution.values, unknown.values, atol=1e-6)
    assert_allclose(size, np.median(table()[0]["size"]), atol=0.2)  # of the rows that it learned from
    module = relu_net()
    for baseline in (np.zeros(6), torch.zeros(1, 6), [0.0] * 6, np.zeros((20, 6))):
        with_zeros = integrated_gradients(module, rows(), baseline=baseline)
        assert_array_equal(integrated_gradients(module, rows()).values, with_zeros.values)


def test_arrays_of_numbers_and_strings_are_tables():
    X, y = table()
    names = ["level", "size", "colour"]
    clf = NetClassifier(n_members=1, categorical_features=[0, 2], **FAST).fit(X[names].to_numpy(), y)
    expected = integrated_gradients(clf, X[names].to_numpy()[:5])
    assert expected.feature_names == ["x0", "x1", "x2"]
    assert_array_equal(integrated_gradients(clf, X[names].to_numpy()[:5].tolist()).values, expected.values)


def test_a_target_is_a_label_or_one_for_each_row():
    X, y = table()
    clf, X = NetClassifier(**FAST).fit(X, y), X[:6]
    labels = np.array(["a", "b", "c", "c", "b", "a"])
    mixed = integrated_gradients(clf, X, target=labels, n_steps=20)
    assert_array_equal(mixed.target, labels)
    for label in "abc":
        alone = integrated_gradients(clf, X, target=label, n_steps=20)
        assert_allclose(mixed.values[labels == label], alone.values[labels == label], atol=1e-6)
    assert_array_equal(
        integrated_gradients(clf, X, target=clf.predict(X), n_steps=20).values,
        integrated_gradients(clf, X, n_steps=20).values,
    )


def test_probabilities_of_all_classes_owe_each_column_nothing_together():
    X, y = table()
    clf, X = NetClassifier(**FAST).fit(X, y), X[:6]
    values = [integrated_gradients(clf, X, target=k, output="probability", n_steps=10).values for k in "abc"]
    assert_allclose(np.sum(values, axis=0), np.zeros((6, 4)), atol=1e-6)


def test_one_output_is_the_log_odds_of_the_second_class():
    class Odds(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(3, 1)

        def forward(self, X):
            return self.layer(X)[:, 0]

    X = rows(width=3, n=40).astype(np.float32)
    clf = NeuralNetBinaryClassifier(Odds, max_epochs=2, verbose=0).fit(X, (X[:, 0] > 0).astype(np.float32))
    weight = clf.module_.layer.weight.detach().numpy()[0]
    attribution = integrated_gradients(clf, X)
    assert_array_equal(attribution.target, clf.predict(X))
    sign = np.where(attribution.target == 1, 1, -1)
    assert_allclose(attribution.values, sign[:, None] * weight * X, atol=1e-5)
    of_zero = integrated_gradients(clf, X, target=0, output="probability")
    assert_allclose(of_zero.answer, clf.predict_proba(X)[:, 0], atol=1e-6)
    assert_allclose(logit(of_zero.answer), -clf.forward(X).numpy(), atol=1e-4)
    bare = integrated_gradients(clf.module_, X, output="probability")  # has no classes, but this number
    assert_allclose(bare.answer, clf.predict_proba(X)[:, 1], atol=1e-6)


def test_a_class_without_weight_changes_nothing():
    X, y = table()
    weight = (y != "b").astype(float)
    clf = NetClassifier(**FAST).fit(X, y, sample_weight=weight)
    without = NetClassifier(**FAST).fit(X[y != "b"], y[y != "b"])
    asked = {"target": "c", "output": "probability"}
    assert_array_equal(
        integrated_gradients(clf, X[:5], **asked).values, integrated_gradients(without, X[:5], **asked).values
    )
    with pytest.raises(ValueError, match="target: expected a class that had a weight in training, got 'b'"):
        integrated_gradients(clf, X[:5], target="b")


def test_probabilities_of_a_skorch_net_are_taken_for_what_they_are():
    X, y = rows(n=60).astype(np.float32), np.arange(60) % 3
    clf = NeuralNetClassifier(
        nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 3), nn.Softmax(dim=1)), max_epochs=2, verbose=0
    ).fit(X, y)
    attribution = integrated_gradients(clf, X, target=y, output="probability")
    assert_allclose(attribution.answer, clf.predict_proba(X)[np.arange(60), y], atol=1e-6)
    tensor = integrated_gradients(clf, torch.from_numpy(X), target=y, output="probability")
    assert_array_equal(attribution.values, tensor.values)


def test_images_keep_their_shape():
    torch.manual_seed(0)
    module = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 4 * 4, 3)).double()
    X = torch.randn(5, 2, 6, 6, dtype=torch.float64)
    attribution = integrated_gradients(module, X, baseline=torch.ones(2, 6, 6, dtype=torch.float64))
    assert attribution.values.shape == (5, 2, 6, 6)
    theirs = captum.attr.IntegratedGradients(module).attribute(
        X, torch.ones_like(X), torch.from_numpy(attribution.target), n_steps=2000, method="riemann_trapezoid"
    )
    span = np.ptp([*attribution.answer, *(attribution.answer - attribution.explained)])
    assert_allclose(attribution.values, theirs, atol=1.5e-3 * span)
    assert_allclose(attribution.values.sum(axis=(1, 2, 3)), attribution.explained, atol=1e-12)


# ---------------------------------------------------------------- what is left alone, told and refused


def test_the_model_and_the_generators_are_left_as_they_were():
    module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.ReLU(), nn.Linear(8, 3)).double()
    module[2].eval()
    before = {name: value.clone() for name, value in module.state_dict().items()}
    numpy_state, torch_state = np.random.get_state()[1].copy(), torch.get_rng_state()  # noqa: NPY002
    X = torch.from_numpy(rows()).requires_grad_()
    values = [integrated_gradients(module, X).values for _ in range(2)]
    assert_array_equal(*values)
    assert [part.training for part in module] == [True, True, False, True, True]
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())
    assert X.grad is None
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())
    assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    assert torch.equal(torch.get_rng_state(), torch_state)


def test_it_works_where_gradients_are_off():
    expected = integrated_gradients(relu_net(), rows()).values
    with torch.no_grad():
        assert_array_equal(integrated_gradients(relu_net(), rows()).values, expected)
    with torch.inference_mode():
        X = torch.from_numpy(rows())
    assert_array_equal(integrated_gradients(relu_net(), X).values, expected)


def test_progress_is_told_where_it_is_asked_for(capsys):
    integrated_gradients(relu_net(), rows())
    assert capsys.readouterr().err == ""
    integrated_gradients(relu_net(), rows(), verbose=1)
    told = capsys.readouterr().err
    assert "20/20" in told
    assert "8 gradients" in told


def test_bad_input_is_refused():
    module, X = relu_net(), rows()
    for asked, error, message in (
        ({"output": "log"}, ValueError, "output: expected one of 'logit', 'probability', got 'log'"),
        ({"target": 3}, ValueError, r"target: expected labels among \[0, 1, 2\], got 3"),
        ({"target": "a"}, ValueError, "target and classes: expected labels of one kind"),
        ({"target": [0, 1]}, ValueError, r"target: expected a label, or one for each of 20 rows, got .*\(2,\)"),
        ({"n_steps": 0}, ValueError, r"n_steps: expected 'auto' or an integer in \[1, inf\), got 0"),
        ({"n_steps": 2.5}, TypeError, "n_steps: expected 'auto' or an integer, got 2.5"),
        ({"n_steps": "many"}, TypeError, "n_steps: expected 'auto' or an integer, got 'many'"),
        ({"tol": 0}, ValueError, r"tol: expected a number in \(0, 1\], got 0"),
        (
            {"baseline": rows(n=3)},
            ValueError,
            r"baseline: expected one row or 20 rows with .* of X, got shape \(3, 6\)",
        ),
        ({"baseline": np.zeros(5)}, ValueError, r"baseline: expected one row or 20 rows .*, got shape \(5,\)"),
        ({"baseline": np.zeros((1, 5))}, ValueError, r"baseline: expected one row or 20 rows .* got shape \(1, 5\)"),
        ({"baseline": np.full(6, np.nan)}, ValueError, "expected finite numbers, as the module has no encoder"),
    ):
        with pytest.raises(error, match=message):
            integrated_gradients(module, X, **asked)
    for X in (np.zeros(6), np.zeros((0, 6)), torch.zeros(6), 3.0):
        with pytest.raises(ValueError, match=r"X: expected a table of at least one row and column, .* got shape \("):
            integrated_gradients(module, X)
    with pytest.raises(ValueError, match="X: expected finite numbers, as the module has no encoder, got NaN"):
        integrated_gradients(module, [[np.inf] * 6])


def test_models_that_cannot_be_asked_are_refused():
    X, y = table()
    with pytest.raises(NotFittedError):
        integrated_gradients(NetClassifier(), X)
    with pytest.raises(NotFittedError):
        integrated_gradients(make_pipeline(steps(), NetClassifier()), X)
    numbers = X[["size"]].to_numpy()
    with pytest.raises(TypeError, match=r"estimator: expected a fitted net .* got LogisticRegression"):
        integrated_gradients(LogisticRegression().fit(numbers, y), numbers)
    with pytest.raises(TypeError, match="estimator: expected"):
        integrated_gradients(OutputCodeEnsemble(NetClassifier(**FAST), random_state=0).fit(numbers, y), numbers)
    hard = BaggingVoteEnsemble(NetClassifier(**FAST), n_estimators=2, voting="hard", random_state=0).fit(numbers, y)
    with pytest.raises(TypeError, match="voting: expected 'soft' votes"):
        integrated_gradients(hard, numbers)


@pytest.mark.parametrize("module", [None, MLP], ids=["built-in", "members of one's own"])
def test_threads_share_the_work_and_change_nothing(module):
    X = np.random.default_rng(0).normal(size=(300, 4))
    clf = NetClassifier(module, n_members=2, max_epochs=3, random_state=0).fit(X, X[:, 0] > 0)
    before = torch.get_num_threads()
    alone, shared = (integrated_gradients(clf, X, n_jobs=n_jobs) for n_jobs in (None, 2))
    assert_array_equal(alone.values, shared.values)
    assert torch.get_num_threads() == before


def test_a_row_whose_answer_is_that_of_the_baseline_needs_no_more_steps_than_others():
    class Difference(nn.Module):
        def forward(self, X):
            return torch.tanh(3 * X[:, 0]) - torch.tanh(3 * X[:, 1])

    attribution = integrated_gradients(Difference(), np.array([[1.0, 1.0]]))
    assert_allclose(attribution.values, [[np.tanh(3), -np.tanh(3)]], atol=1e-3)
    assert attribution.n_steps[0] < 300


def test_a_baseline_without_the_names_of_the_columns_is_refused():
    X, y = table()
    clf = NetClassifier(**FAST).fit(X, y)
    with pytest.raises(ValueError, match=r"baseline: expected values for the columns .* got none for \['size'\]"):
        integrated_gradients(clf, X[:3], baseline=X.iloc[0].rename({"size": "Size"}))


def test_an_answer_is_called_what_it_is():
    X, y = table()
    committee, one = (NetClassifier(**FAST | {"n_members": n}).fit(X, y) for n in (2, 1))
    assert integrated_gradients(committee, X[:2]).output == "log-probability"
    assert integrated_gradients(committee, X[:2], output="probability").output == "probability"
    assert integrated_gradients(one, X[:2]).output == "logit"
    told = repr(integrated_gradients(one, X[:2]))
    assert told == "GradientAttribution(integrated_gradients: 2 rows, 4 columns, logit)"
