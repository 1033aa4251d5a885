"""Pipelines whose steps make outputs of several columns: what these get is shared by the columns that moved them."""

import numpy as np
import pandas as pd
import polars as pl
import pytest
import torch
from sklearn.compose import make_column_transformer
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, PolynomialFeatures, StandardScaler
from skorch import NeuralNetClassifier

from sktech import NetClassifier
from sktech.inspection import _shares, gradient_times_input, integrated_gradients

METHODS = [integrated_gradients, gradient_times_input]


def logarithm(X):
    return np.log1p(np.abs(X))


def numbers(seed, n=60):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 4)).astype(np.float32) @ rng.normal(size=(4, 4)).astype(np.float32)
    return X, (X[:, 0] > 0).astype(int)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("seed", range(3))
def test_a_linear_net_of_principal_components_is_a_linear_net_of_the_columns(method, seed):
    X, y = numbers(seed)
    net = NeuralNetClassifier(torch.nn.Linear(3, 2), criterion=torch.nn.CrossEntropyLoss, max_epochs=2, verbose=0)
    model = make_pipeline(StandardScaler(), PCA(3), net).fit(X, y)
    weight = net.module_.weight.detach().numpy() @ model[1].components_ / model[0].scale_
    told = method(model, X, baseline=X[-1], target=1)
    np.testing.assert_allclose(told.values, (X - X[-1]) * weight[1], atol=1e-4)
    np.testing.assert_allclose(told.values.sum(axis=1), told.explained, atol=1e-4)


@pytest.mark.parametrize("method", METHODS)
def test_outputs_without_names_are_told_by_what_moves_them(method):
    X, y = numbers(0)
    told = []
    for names in (None, "one-to-one"):
        model = make_pipeline(
            FunctionTransformer(logarithm, feature_names_out=names), NetClassifier(max_epochs=5, random_state=0)
        )
        told.append(method(model.fit(X, y), X[:20], baseline=X[20:40]).values)
    np.testing.assert_allclose(*told, atol=1e-12)


@pytest.fixture(scope="module")
def frame():
    X, y = numbers(1)
    table = pd.DataFrame(X.astype(float), columns=list("abcd"))
    table["kind"] = np.random.default_rng(0).choice(["u", "v", "w"], len(X))
    steps = make_column_transformer(
        (PCA(2), ["a", "b", "c"]), (OneHotEncoder(sparse_output=False), ["kind"]), remainder="passthrough"
    )
    return make_pipeline(steps, NetClassifier(max_epochs=5, random_state=0)).fit(table, y), table


@pytest.mark.parametrize("method", METHODS)
def test_some_columns_are_mixed_and_others_have_outputs_of_their_own(frame, method):
    model, X = frame
    told = method(model, X, baseline=X.iloc[[7]])
    inner = method(model[-1], model[:-1].transform(X), baseline=model[:-1].transform(X.iloc[[7]]))
    np.testing.assert_allclose(told.values[:, 3], inner.values[:, 5], atol=1e-12)
    np.testing.assert_allclose(told.values[:, 4], inner.values[:, 2:5].sum(axis=1), atol=1e-12)
    np.testing.assert_allclose(told.values[:, :3].sum(axis=1), inner.values[:, :2].sum(axis=1), atol=1e-6)
    assert told.feature_names == list(X.columns)
    assert (told.values[7] == 0).all()


def test_a_baseline_has_many_forms(frame, monkeypatch):
    model, X = frame
    values = integrated_gradients(model, X, baseline=X.iloc[[7]]).values
    monkeypatch.setattr(_shares, "NUMBERS", 100)  # a few rows at a time
    for baseline in (X.iloc[7], X.iloc[[7]], X.iloc[[7] * len(X)].reset_index(drop=True)):
        np.testing.assert_allclose(integrated_gradients(model, X, baseline=baseline).values, values, atol=1e-12)
    columns = {name: X[name].tolist() for name in X}
    rows = pl.DataFrame(columns)
    np.testing.assert_allclose(integrated_gradients(model, rows, baseline=rows[7]).values, values, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_what_does_not_add_up_or_has_no_baseline_is_refused(method):
    X, y = numbers(0)
    model = make_pipeline(PolynomialFeatures(2), NetClassifier(max_epochs=1, random_state=0)).fit(X, y)
    with pytest.raises(ValueError, match="sums over columns, got others"):
        method(model, X, baseline=X[0])
    with pytest.raises(ValueError, match=r"baseline: expected a row.*\(PolynomialFeatures\).*got None"):
        method(model, X)
