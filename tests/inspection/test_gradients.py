"""Gradients are those of the answer, and gradient times input is what they make of the way from the baseline."""

import captum.attr
import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from torch import nn

from sktech import BaggingVoteEnsemble, NetClassifier
from sktech.inspection import gradient, gradient_times_input, integrated_gradients

SEEDS = range(3)


def net(seed=0, sizes=(6, 16, 16, 3), bias=True):
    torch.manual_seed(seed)
    layers = []
    for k in range(len(sizes) - 1):
        layers += [nn.Linear(sizes[k], sizes[k + 1], bias=bias), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).double()


def rows(seed=0, n=20, width=6):
    return np.random.default_rng(seed).normal(size=(n, width))


def table(n=150):
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


@pytest.mark.parametrize("seed", SEEDS)
def test_of_linear_modules_they_are_the_weights(seed):
    module, X, baseline, target = net(seed, (6, 3)), rows(seed), rows(seed + 10), np.arange(20) % 3
    weight = module[0].weight.detach().numpy()[target]
    assert_allclose(gradient(module, X, target=target).values, weight, atol=1e-12)
    attribution = gradient_times_input(module, X, baseline=baseline, target=target)
    assert_allclose(attribution.values, weight * (X - baseline), atol=1e-12)
    assert_allclose(attribution.values.sum(axis=1), attribution.explained, atol=1e-12)
    assert_allclose(attribution.error, np.zeros(20), atol=1e-12)
    assert_allclose(
        attribution.values, integrated_gradients(module, X, baseline=baseline, target=target).values, atol=1e-12
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_of_nets_without_biases_they_are_the_whole_answer(seed):
    """A homogeneous function is its gradient times its input, and so is each point of the way from zero."""
    module, X = net(seed, bias=False), rows(seed)
    attribution = gradient_times_input(module, X)
    assert_allclose(attribution.values.sum(axis=1), attribution.answer, atol=1e-12)
    assert_allclose(attribution.values, integrated_gradients(module, X).values, atol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
def test_captum_finds_the_same(seed):
    module, X = net(seed), torch.from_numpy(rows(seed)).requires_grad_()
    target = torch.arange(20) % 3
    theirs = captum.attr.Saliency(module).attribute(X, target, abs=False)
    assert_allclose(gradient(module, X, target=target.numpy()).values, theirs, atol=1e-12)
    theirs = captum.attr.InputXGradient(module).attribute(X, target).detach()
    assert_allclose(gradient_times_input(module, X, target=target.numpy()).values, theirs, atol=1e-12)
    images = nn.Sequential(nn.Unflatten(1, (1, 6)), nn.Conv1d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(16, 3))
    shaped = nn.Sequential(nn.Flatten(), images).double()
    theirs = captum.attr.Saliency(shaped).attribute(X.unflatten(1, (2, 3)), target, abs=False)
    assert_allclose(gradient(shaped, X.unflatten(1, (2, 3)), target=target.numpy()).values, theirs, atol=1e-12)


@pytest.mark.parametrize("output", ["probability", "logit"])
@pytest.mark.parametrize("n_members", [1, 3])
def test_they_are_limits_of_differences(n_members, output):
    """Of a committee in double precision, with respect to scaled numbers."""
    X, y = rows(n=80), np.arange(80) % 3
    clf = NetClassifier(
        n_members=n_members, numeric_embedding="periodic", dtype="float64", max_epochs=5, random_state=0
    ).fit(X, y)

    def answers(seen):
        logits = clf.net_.logits(torch.from_numpy(seen)).numpy()
        log_proba = logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True))
        if n_members > 1:
            log_proba = np.log(np.exp(log_proba).mean(axis=0))
        elif output == "logit":
            return logits[:, 1]
        return log_proba[:, 1] if output == "logit" else np.exp(log_proba[:, 1])

    seen, values = clf._encoder.transform(X, "float64"), gradient(clf, X, target=1, output=output).values
    for j in range(6):
        step = np.zeros(6)
        step[clf._encoder.order_ == j] = 1e-6
        assert_allclose(values[:, j], (answers(seen + step) - answers(seen - step)) / 2e-6, atol=1e-7)


def test_of_several_inputs_the_steepest_counts_with_its_sign():
    X, y = table()
    clf = NetClassifier(n_members=1, dtype="float64", max_epochs=5, random_state=0).fit(X, y)
    steps = make_column_transformer((OneHotEncoder(sparse_output=False), ["colour"]), remainder="drop")
    pipeline = make_pipeline(steps, NetClassifier(n_members=1, hidden_layer_sizes=(), max_epochs=5, random_state=0))
    pipeline.fit(X, y)
    values = gradient(pipeline, X, target="b").values
    assert_array_equal(values[:, [0, 1, 3]], np.zeros((150, 3)))
    weight = pipeline[-1].net_.module_.head.weight.detach().numpy()[1]
    assert_allclose(values[:, 2], np.full(150, weight[np.abs(weight).argmax()]), rtol=1e-6)
    assert (gradient(clf, X, target="b").values != 0).any(axis=0).all()


def test_nets_of_an_ensemble_add_up():
    X, y = rows(n=80), np.arange(80) % 3
    clf = BaggingVoteEnsemble(
        NetClassifier(n_members=1, max_epochs=3), n_estimators=2, member_weights=[1, 3], random_state=0
    ).fit(X, y)
    asked = {"target": 1, "output": "probability"}
    for function in (gradient, gradient_times_input):
        alone = [function(member, X, **asked).values for member in clf.estimators_]
        assert_allclose(function(clf, X, **asked).values, 0.25 * alone[0] + 0.75 * alone[1], atol=1e-6)


def test_the_input_is_counted_from_the_baseline():
    X, y = table()
    clf = make_pipeline(
        make_column_transformer((StandardScaler(), ["size", "gap"]), remainder="passthrough").set_output(
            transform="pandas"
        ),
        NetClassifier(max_epochs=3, random_state=0),
    ).fit(X, y)
    X = X.dropna()[:10]
    for column in X.columns:
        other = X.assign(**{column: np.roll(X[column], 1)})
        attribution = gradient_times_input(clf, X, baseline=other, target="b")
        at_other = gradient_times_input(clf, other, target="b")
        assert_allclose(attribution.values[:, X.columns != column], np.zeros((10, 3)), atol=1e-7)
        assert_allclose(attribution.explained, attribution.answer - at_other.answer, atol=1e-6)
        assert_allclose(attribution.error, np.abs(attribution.values.sum(axis=1) - attribution.explained))
    assert_array_equal(gradient_times_input(clf, X, baseline=X).values, np.zeros((10, 4)))


def test_gradients_sum_to_nothing_that_is_known():
    attribution = gradient(net(), rows())
    assert np.isnan(attribution.explained).all()
    assert np.isnan(attribution.error).all()
    assert_array_equal(attribution.n_steps, np.ones(20))
    assert_array_equal(attribution.target, integrated_gradients(net(), rows()).target)
    assert_array_equal(attribution.answer, integrated_gradients(net(), rows()).answer)


def test_rows_are_alone(monkeypatch):
    module, X = net(), rows()
    for function in (gradient, gradient_times_input):
        values = function(module, X, target=1).values
        monkeypatch.setattr("sktech.inspection._answers.ROWS_PER_PASS", 3)
        assert_allclose(function(module, X, target=1).values, values, atol=1e-12)
        monkeypatch.undo()
        assert_allclose(function(module, X[:1], target=1).values, values[:1], atol=1e-12)


def test_the_model_is_left_as_it_was():
    module = nn.Sequential(nn.Linear(6, 8), nn.BatchNorm1d(8), nn.Dropout(0.5), nn.Linear(8, 3)).double()
    state = torch.get_rng_state()
    with torch.inference_mode():
        X = torch.from_numpy(rows())
    for function in (gradient, gradient_times_input):
        assert_array_equal(function(module, X).values, function(module, rows()).values)
    assert all(part.training for part in module)
    assert all(parameter.grad is None for parameter in module.parameters())
    assert torch.equal(torch.get_rng_state(), state)


def test_what_cannot_be_asked_is_refused():
    class Fixed(nn.Module):
        def forward(self, X):
            return X.detach()

    X, y = table()
    mixing = make_pipeline(PCA(), NetClassifier(max_epochs=1)).fit(X[["size"]].assign(other=y == "a"), y)
    for function in (gradient, gradient_times_input, integrated_gradients):
        with pytest.raises(TypeError, match="estimator: expected an answer that can be differentiated, got one that"):
            function(Fixed(), rows())
        with pytest.raises(ValueError, match=r"target: expected labels among \[0, 1, 2\], got 7"):
            function(net(), rows(), target=7)
    with pytest.raises(ValueError, match="estimator: expected steps of the pipeline each of whose outputs"):
        gradient(mixing, X[["size"]].assign(other=y == "a"))
    with pytest.raises(ValueError, match="baseline: expected one row or 20 rows"):
        gradient_times_input(net(), rows(), baseline=rows(n=2))
