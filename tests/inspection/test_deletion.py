"""What is deleted first, with what, and what the answers then are."""

from itertools import combinations, permutations

import matplotlib

matplotlib.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.compose import make_column_transformer
from sklearn.datasets import load_iris, make_classification
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sktech import NetClassifier
from sktech.inspection import (
    DeletionCurve,
    DeletionDisplay,
    bias_attribution,
    class_flip_score,
    deletion_score,
    integrated_gradients,
)
from sktech.inspection._deleted import Deletion


@pytest.fixture(scope="module")
def binary():
    X, y = make_classification(60, n_features=5, n_informative=4, n_redundant=0, random_state=0)
    y = np.array(["no", "yes"])[y]
    return LogisticRegression().fit(X, y), X


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True)
    return LogisticRegression(max_iter=1000).fit(X, y), X


def mixed(n=40):
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.normal(size=n), "whole": rng.integers(0, 9, n), "level": rng.choice(["u", "v", "w"], n)})
    X["kind"] = pd.Categorical(rng.choice(["p", "q"], n))
    y = ((X["a"] > 0) ^ (X["level"] == "v")).astype(int)
    X.loc[::7, "a"] = np.nan
    return X, y.to_numpy()


def test_exact_attributions_of_a_linear_model_are_the_steepest(binary):
    clf, X = binary
    base = X.mean(axis=0)
    sign = np.where(clf.predict(X) == "yes", 1, -1)
    exact = sign[:, None] * clf.coef_[0] * (X - base)
    for method in ("decision_function", "predict_proba"):
        found = deletion_score(clf, X, exact, baseline=base, response_method=method)
        assert_allclose(found.shares, np.arange(6) / 5)
        for k in range(6):
            lowest = np.full(len(X), np.inf)
            for chosen in map(list, combinations(range(5), k)):
                changed = X.copy()
                changed[:, chosen] = base[chosen]
                score = clf.decision_function(changed) * sign
                lowest = np.minimum(lowest, score if method == "decision_function" else 1 / (1 + np.exp(-score)))
            assert_allclose(found.answers[:, k], lowest, rtol=1e-9, atol=1e-12)


def test_a_random_order_is_in_the_mean_the_mean_of_all_orders(binary):
    clf, X = binary
    X, base = X[3:4, :3], np.zeros(3)
    clf = DecisionTreeClassifier(random_state=0).fit(*make_classification(200, 3, n_informative=3, n_redundant=0))
    orders = []
    for order in permutations(range(3)):
        values = np.array([[-order.index(j) for j in range(3)]])
        orders.append(deletion_score(clf, X, values, baseline=base, target=1).answers[0])
    expected, spread = np.mean(orders, axis=0), np.std(orders, axis=0)
    many = np.repeat(X, 3000, axis=0)
    for seed in range(3):
        found = deletion_score(clf, many, "random", baseline=base, target=1, random_state=seed)
        assert (np.abs(found.curve - expected) <= 4 * spread / np.sqrt(3000) + 1e-12).all()


def test_a_positive_factor_changes_nothing(binary):
    clf, X = binary
    values = np.random.default_rng(0).integers(-2, 3, X.shape).astype(float)  # with ties
    one, other = (deletion_score(clf, X, factor * values, random_state=3) for factor in (1, 1e-3))
    assert_array_equal(one.answers, other.answers)
    flips = [class_flip_score(clf, X, f * values, "yes", "no", max_share=0.7, random_state=3) for f in (1, 1e-3)]
    assert_array_equal(*flips)
    assert not np.array_equal(one.answers, deletion_score(clf, X, -values, random_state=3).answers)


def test_it_begins_with_the_answer_and_ends_with_the_baselines(iris):
    clf, X = iris
    base, rows = X[7], np.arange(len(X))
    for attribution in ("random", np.random.default_rng(0).normal(size=X.shape)):
        found = deletion_score(clf, X, attribution, baseline=base)
        assert_array_equal(found.target, clf.predict(X))
        assert_allclose(found.answers[:, 0], clf.predict_proba(X)[rows, found.target])
        assert_allclose(found.answers[:, -1], clf.predict_proba(base[None])[0, found.target])
        assert_allclose(found.area, found.areas.mean())
        assert_allclose(found.curve, found.answers.mean(axis=0))


def test_the_area_is_the_mean_height():
    curve = DeletionCurve(np.array([0, 0.25, 1]), np.array([[1.0, 0.5, 0.5], [3.0, 3.0, 3.0]]), np.zeros(2))
    assert_allclose(curve.areas, [0.1875 + 0.375, 3])
    assert_allclose(curve.area, (0.5625 + 3) / 2)


def test_the_largest_value_goes_first():
    X, base = np.arange(12.0).reshape(3, 4), [-1.0, -2, -3, -4]
    values = [[3, 2, 1, 0], [0, 1, 2, 3], [-5, 0, 5, -9]]
    deletion = Deletion(X, values, base, 0)
    assert_array_equal(deletion.table(1), [[-1, 1, 2, 3], [4, 5, 6, -4], [8, 9, -3, 11]])
    assert_array_equal(deletion.table(3), [[-1, -2, -3, 3], [4, -2, -3, -4], [-1, -2, -3, 11]])
    assert_array_equal(deletion.table(np.array([0, 1, 2])), [[0, 1, 2, 3], [4, 5, 6, -4], [8, -2, -3, 11]])
    assert_array_equal(deletion.table(0), X)
    each = Deletion(X, values, -X, 0).table(2)
    assert_array_equal(each, [[0, -1, 2, 3], [4, 5, -6, -7], [8, -9, -10, 11]])


def test_the_baseline_is_the_middle_of_each_column():
    X, _ = mixed()
    deleted = Deletion(X, np.ones(X.shape), None, 0).table(4)
    a = np.sort(X["a"].dropna())
    assert_array_equal(deleted["a"], np.full(40, a[(len(a) - 1) // 2]))
    assert_array_equal(deleted["whole"], np.full(40, np.sort(X["whole"])[19]))
    assert set(deleted["level"]) == {X["level"].mode()[0]}
    assert set(deleted["kind"]) == {X["kind"].mode()[0]}
    assert_array_equal(deleted.dtypes, X.dtypes)
    text = Deletion(X.drop(columns="kind").astype(object).to_numpy(), np.ones((40, 3)), None, 0).table(3)
    assert_array_equal(text[0], deleted.drop(columns="kind").iloc[0])


def test_the_kind_of_table_does_not_matter():
    X, y = mixed()
    clf = NetClassifier(n_members=1, max_epochs=3, random_state=0).fit(X, y)
    values = np.random.default_rng(0).normal(size=X.shape)
    other = pl.DataFrame({name: X[name].tolist() for name in X.columns}).with_columns(pl.col("a").fill_nan(None))
    base = {"whole": 3.5, "a": 0.5, "level": "w", "kind": "q"}
    wanted = pd.Series(base)
    for frame in (X, X.set_axis(np.arange(40) * 3)):
        expected = deletion_score(clf, frame, values, baseline=wanted, target=1)
        as_list = [base[name] for name in X.columns]
        for baseline in (as_list, pd.DataFrame([base]), pd.DataFrame([base] * 40)):
            assert_array_equal(
                deletion_score(clf, frame, values, baseline=baseline, target=1).answers, expected.answers
            )
    found = deletion_score(clf, other, values, baseline=as_list, target=1)
    assert_allclose(found.answers, expected.answers, atol=1e-6)
    both = [deletion_score(clf, table, values, target=1).answers for table in (X, other)]
    assert_allclose(*both, atol=1e-6)


def test_pipelines_see_the_users_columns():
    X, y = mixed()
    X = X.fillna(0.0)
    steps = make_column_transformer((OneHotEncoder(), ["level", "kind"]), remainder="passthrough", sparse_threshold=0)
    clf = make_pipeline(steps, NetClassifier(n_members=1, max_epochs=3, random_state=0)).fit(X, y)
    for attribution in (integrated_gradients(clf, X), bias_attribution(clf, X, target=0)):
        found = deletion_score(clf, X, attribution, random_state=0)
        assert found.answers.shape == (40, 5)
        assert_array_equal(found.target, attribution.target)


def test_many_columns_are_deleted_in_steps(binary):
    clf, X = binary
    values = np.random.default_rng(0).normal(size=X.shape)
    every = deletion_score(clf, X, values)
    few = deletion_score(clf, X, values, max_steps=2)
    assert_allclose(few.shares, [0, 0.4, 1])
    assert_array_equal(few.answers, every.answers[:, [0, 2, 5]])


def test_a_score_is_followed_in_the_direction_of_the_class():
    X, y = make_classification(60, n_features=5, random_state=0)
    svm = LinearSVC().fit(X, y)
    both = [deletion_score(svm, X, X, target=k, response_method="decision_function").answers for k in (0, 1)]
    assert_allclose(both[0], -both[1])
    assert_allclose(both[1][:, 0], svm.decision_function(X))
    to_one, to_zero = (class_flip_score(svm, X, X, o, 1 - o) for o in (0, 1))
    assert_allclose(to_one, -to_zero)
    changed = Deletion(X, X, None, 0).table(np.minimum((X > 0).sum(axis=1), 1))
    assert_allclose(to_one, svm.decision_function(changed) - svm.decision_function(X))


def test_exact_attributions_of_a_linear_model_turn_the_odds_furthest(iris):
    clf, X = iris
    base = X.mean(axis=0)
    o, t = clf.predict(X), (clf.predict(X) + 1) % 3
    exact = (clf.coef_[o] - clf.coef_[t]) * (X - base)
    found = class_flip_score(clf, X, exact, o, t, baseline=base, max_share=0.5)
    assert_allclose(found, np.maximum(np.sort(exact, axis=1)[:, -2:], 0).sum(axis=1), rtol=1e-6, atol=1e-9)
    best = np.full(len(X), -np.inf)
    for chosen in [[], *map(list, combinations(range(4), 1)), *map(list, combinations(range(4), 2))]:
        changed = X.copy()
        changed[:, chosen] = base[chosen]
        odds = [clf.predict_log_proba(table)[range(150), t] for table in (X, changed)]
        against = [clf.predict_log_proba(table)[range(150), o] for table in (X, changed)]
        best = np.maximum(best, (odds[1] - odds[0]) - (against[1] - against[0]))
    assert_allclose(found, best, rtol=1e-6, atol=1e-9)


def test_what_speaks_against_the_origin_stays(iris):
    clf, X = iris
    assert_array_equal(class_flip_score(clf, X, np.zeros(X.shape), 0, 1), np.zeros(150))
    assert_array_equal(class_flip_score(clf, X, -np.ones(X.shape), 0, 1, max_share=1.0), np.zeros(150))
    assert np.abs(class_flip_score(clf, X, "random", 0, 1, random_state=0)).max() > 0.1


def test_a_random_flip_is_in_the_mean_that_of_all_choices(iris):
    clf, X = iris
    singles = [class_flip_score(clf, X[:1], np.eye(4)[[j]], 0, 1, baseline=X.mean(axis=0))[0] for j in range(4)]
    for seed in range(3):
        found = class_flip_score(
            clf, np.repeat(X[:1], 4000, axis=0), "random", 0, 1, baseline=X.mean(axis=0), random_state=seed
        )
        assert abs(found.mean() - np.mean(singles)) < 4 * np.std(singles) / np.sqrt(4000)


def test_a_probability_of_zero_is_a_small_one():
    X, y = load_iris(return_X_y=True)
    tree = DecisionTreeClassifier(random_state=0).fit(X, y)
    found = class_flip_score(tree, X, "random", 0, 2, max_share=1.0, baseline=X[-1])
    assert_allclose(found[y == 0], -2 * np.log(1e-15))


def test_curves_are_drawn(binary):
    clf, X = binary
    display = DeletionDisplay.from_estimator(clf, X, {"plain": X, "random": "random"}, random_state=0)
    assert list(display.curves) == ["plain", "random"]
    for line, curve in zip(display.lines_, display.curves.values(), strict=True):
        assert_array_equal(line.get_ydata(), curve.curve)
        assert_array_equal(line.get_xdata(), curve.shares)
        assert f"{curve.area:.3g}" in line.get_label()
    assert display.ax_.get_ylabel() == "mean probability of the class"
    ax = plt.figure().add_subplot()
    assert DeletionDisplay(display.curves).plot(ax).ax_ is ax
    plt.close("all")


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        ({"attribution": "best"}, ValueError, "attribution: expected values or 'random', got 'best'"),
        ({"attribution": np.ones((60, 4))}, ValueError, r"\(60, 5\), got shape \(60, 4\)"),
        ({"attribution": np.full((60, 5), np.nan)}, ValueError, "got NaN or infinity"),
        ({"baseline": [1.0, 2.0]}, ValueError, "baseline: expected one row or 60 rows"),
        ({"baseline": np.ones((3, 5))}, ValueError, "baseline: expected one row or 60 rows"),
        ({"target": "maybe"}, ValueError, "target: expected labels among"),
        ({"response_method": "predict"}, ValueError, "response_method: expected one of"),
        ({"max_steps": 0}, ValueError, "max_steps: expected"),
    ],
)
def test_bad_input_is_refused(binary, changes, error, words):
    clf, X = binary
    with pytest.raises(error, match=words):
        deletion_score(clf, X, **{"attribution": X} | changes)


def test_other_bad_input_is_refused(binary):
    clf, X = binary
    with pytest.raises(NotFittedError):
        deletion_score(LogisticRegression(), X, X)
    with pytest.raises(TypeError, match="estimator: expected a classifier with predict_proba, got LinearSVC"):
        deletion_score(LinearSVC().fit(X, np.arange(60) % 2), X, X)
    with pytest.raises(ValueError, match="origin: expected labels among"):
        class_flip_score(clf, X, X, "maybe", "no")
    with pytest.raises(ValueError, match="max_share: expected"):
        class_flip_score(clf, X, X, "yes", "no", max_share=0)
    with pytest.raises(TypeError, match="attributions: expected a dict"):
        DeletionDisplay.from_estimator(clf, X, X)
    frame = pd.DataFrame(X, columns=list("abcde"))
    with pytest.raises(ValueError, match="baseline: expected values for the columns"):
        deletion_score(clf, frame, X, baseline=pd.Series({"a": 1.0}))


def test_values_of_columns_in_another_order_are_refused():
    X = pd.DataFrame(np.random.default_rng(0).normal(size=(20, 3)), columns=list("abc"))
    clf = LogisticRegression().fit(X, X["a"] > 0)
    values = X * clf.coef_
    assert (
        deletion_score(clf, X, values, random_state=0).area
        == deletion_score(clf, X, values.to_numpy(), random_state=0).area
    )
    with pytest.raises(ValueError, match=r"expected values of the columns \['a', 'b', 'c'\] in this order"):
        deletion_score(clf, X, values[["c", "b", "a"]])
