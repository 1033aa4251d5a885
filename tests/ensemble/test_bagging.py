"""Laws of classifiers that learn from rows drawn for them, and vote."""

import pickle
import warnings
from functools import partial
from importlib.util import find_spec

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.cluster import KMeans
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import AdaBoostClassifier, HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, log_loss
from sklearn.model_selection import GridSearchCV
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor
from sklearn.utils import get_tags

from sktech import BaggingVoteEnsemble, NetClassifier, OutputCodeEnsemble, SmoothedNetClassifier
from sktech.ensemble._vote import accuracy_weights, bayes_weights, greedy_weights, vote
from sktech.smoothing import VirtualAdversarial

N = 90
SEEDS = range(3)


def net(**params):
    small = {"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 3, "batch_size": 32, "dtype": "float64"}
    return NetClassifier(**small | params)


def tree(**params):
    return DecisionTreeClassifier(**{"max_depth": 3} | params)


def bagging(estimator=None, n_estimators=8, **params):
    estimator = tree() if estimator is None else estimator
    return BaggingVoteEnsemble(estimator, n_estimators, **{"random_state": 0} | params)


@pytest.fixture(scope="module")
def data():
    """Three classes, of which a fifth is wrong, with strings as labels."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(N, 4))
    y = np.where(rng.random(N) < 0.2, rng.integers(0, 3, N), np.digitize(X[:, 0] + X[:, 1], [-0.7, 0.7]))
    return X, np.array(["low", "middle", "high"], dtype=object)[y]


def member_proba(ensemble, X):
    """Probabilities of each member, asked by hand, (n_members, n, n_classes)."""
    proba = np.zeros((len(ensemble.estimators_), len(X), len(ensemble.classes_)))
    for own, member, columns in zip(proba, ensemble.estimators_, ensemble.estimators_features_, strict=True):
        table = X[:, columns]
        for c, label in enumerate(member.classes_):
            position = ensemble.classes_.tolist().index(label)
            if hasattr(member, "predict_proba"):
                own[:, position] = member.predict_proba(table)[:, c]
            else:
                own[:, position] = member.predict(table) == label
    return proba


def codes_of(ensemble, y):
    return np.searchsorted(ensemble.classes_, y)


def unseen_rows(ensemble, n):
    """Which rows each member has not seen, from what the ensemble says that it has."""
    return np.stack([~np.isin(np.arange(n), rows) for rows in ensemble.estimators_samples_])


# ------------------------------------------------------------ members and their rows


def test_a_bootstrap_has_63_percent_of_the_rows(data):
    X, y = data
    shares = [
        len(np.unique(rows)) / N
        for seed in SEEDS
        for rows in bagging(DummyClassifier(), 100, random_state=seed).fit(X, y).estimators_samples_
    ]
    missed = (1 - 1 / N) ** N
    variance = (missed - (1 - 2 / N) ** N) / N + (1 - 2 / N) ** N - missed**2
    assert abs(np.mean(shares) - (1 - missed)) < 5 * np.sqrt(variance / len(shares))
    assert np.mean(shares) == pytest.approx(1 - np.exp(-1), abs=0.01)


@pytest.mark.parametrize("estimator", [tree(), LogisticRegression(), make_pipeline(StandardScaler(), tree())], ids=str)
@pytest.mark.parametrize(
    "params",
    [
        {},
        {"max_samples": 0.4},
        {"max_samples": 31, "bootstrap": False},
        {"max_features": 0.5},
        {"max_features": 3, "bootstrap_features": True},
        {"resampling": "cross_validation"},
        {"bootstrap": False},
    ],
    ids=str,
)
def test_a_member_is_what_its_rows_and_columns_make_of_it(estimator, params, data):
    X, y = data
    ensemble = bagging(estimator, 5, **params).fit(X, y)
    assert len(ensemble.estimators_) == len(ensemble.estimators_samples_) == len(ensemble.estimators_features_) == 5
    everything = zip(ensemble.estimators_, ensemble.estimators_samples_, ensemble.estimators_features_, strict=True)
    for member, rows, columns in everything:
        table = X[:, columns]
        again = clone(member).fit(table[rows], y[rows])
        assert_array_equal(again.predict_proba(table), member.predict_proba(table))
    assert_allclose(ensemble.predict_proba(X), member_proba(ensemble, X).mean(axis=0), rtol=1e-12)
    assert_array_equal(ensemble.predict(X), ensemble.classes_[ensemble.predict_proba(X).argmax(axis=1)])
    if params != {"bootstrap": False}:
        proba = member_proba(ensemble, X)
        assert all(np.abs(proba[i] - proba[j]).max() > 1e-6 for i in range(5) for j in range(i))


def test_how_many_rows_are_drawn(data):
    X, y = data
    for asked, expected in [(1.0, N), (None, N), (0.5, N // 2), (0.001, 1), (17, 17), (1, 1), (np.int64(5), 5)]:
        for bootstrap in (True, False):
            ensemble = bagging(DummyClassifier(), 4, max_samples=asked, bootstrap=bootstrap).fit(X, y)
            for rows in ensemble.estimators_samples_:
                assert len(rows) == expected
                assert bootstrap or len(set(rows.tolist())) == expected


def test_how_many_columns_are_drawn(data):
    X, y = data
    for asked, expected in [(1.0, 4), (4, 4), (0.5, 2), (3, 3), (0.01, 1), (1, 1)]:
        ensemble = bagging(max_features=asked).fit(X, y)
        for columns in ensemble.estimators_features_:
            assert len(columns) == len(set(columns.tolist())) == expected
        drawn = {tuple(columns) for columns in ensemble.estimators_features_}
        assert (len(drawn) > 1) is (expected < 4)
    twice = bagging(bootstrap_features=True, n_estimators=20).fit(X, y).estimators_features_
    assert all(len(columns) == 4 for columns in twice)
    assert any(len(set(columns.tolist())) < 4 for columns in twice)


def test_every_column_is_drawn_equally_often(data):
    X, y = data
    for replace in (True, False):
        ensemble = bagging(DummyClassifier(), 400, max_features=2, bootstrap_features=replace).fit(X, y)
        counts = np.bincount(np.concatenate(ensemble.estimators_features_), minlength=4)
        assert counts.sum() == 800
        assert (np.abs(counts - 200) < 5 * np.sqrt(800 * 3 / 16)).all()


@pytest.mark.parametrize("estimator", [tree(max_features=2), net()], ids=["trees", "nets"])
def test_a_seed_decides(estimator, data):
    X, y = data
    one, again, other = (bagging(estimator, 3, random_state=seed).fit(X, y) for seed in (0, 0, 1))
    assert_array_equal(one.predict_proba(X), again.predict_proba(X))
    assert np.abs(one.predict_proba(X) - other.predict_proba(X)).max() > 1e-3
    assert len({member.random_state for member in one.estimators_}) == 3
    random_state = np.random.RandomState(0)
    first, second = (bagging(estimator, 3, random_state=random_state).fit(X, y) for _ in range(2))
    assert_array_equal(first.predict_proba(X), one.predict_proba(X))
    assert np.abs(first.predict_proba(X) - second.predict_proba(X)).max() > 1e-3
    unknown = [bagging(estimator, 3, random_state=None).fit(X, y).predict_proba(X) for _ in range(2)]
    assert not np.array_equal(*unknown)


def test_random_states_inside_of_members_are_set(data):
    X, y = data
    inner = make_pipeline(StandardScaler(), tree(max_features=1, random_state=5))
    states = {member[-1].random_state for member in bagging(inner, 6, bootstrap=False).fit(X, y).estimators_}
    assert len(states) == 6


@pytest.mark.parametrize("estimator", [tree(max_features=2), LogisticRegression(), net()], ids=["trees", "lr", "nets"])
def test_the_order_of_the_rows_does_not_matter(estimator, data):
    X, y = data
    expected = bagging(estimator, 4).fit(X, y).predict_proba(X)
    for seed in SEEDS:
        order = np.random.default_rng(seed).permutation(N)
        assert_allclose(bagging(estimator, 4).fit(X[order], y[order]).predict_proba(X), expected, rtol=1e-9)


@pytest.mark.parametrize(
    "estimator",
    [make_pipeline(OneHotEncoder(handle_unknown="ignore"), tree()), net(categorical_features="from_dtype")],
    ids=["pipeline", "nets"],
)
def test_nor_does_that_of_a_table_with_strings(estimator, data):
    X, y = data
    X = pd.DataFrame(X[:, :2].round(0), columns=["a", "b"]).assign(colour=np.where(X[:, 2] > 0, "red", "green"))
    order = np.random.default_rng(0).permutation(N)
    one = bagging(estimator, 4).fit(X, y)
    other = bagging(estimator, 4).fit(X.iloc[order], y[order])
    assert_allclose(other.predict_proba(X), one.predict_proba(X), rtol=1e-9)


# ------------------------------------------------------------ weights


@pytest.mark.parametrize("params", [{}, {"bootstrap": False, "max_samples": 0.7}, {"resampling": "cross_validation"}])
@pytest.mark.parametrize("member_weights", ["uniform", "accuracy", "bayes", "greedy"])
@pytest.mark.parametrize("estimator", [tree(), KNeighborsClassifier()], ids=["trees", "without weights"])
def test_a_weight_of_k_is_k_copies(estimator, member_weights, params, data):
    X, y = data
    for seed in SEEDS:
        weight = np.random.default_rng(seed).integers(0, 4, N)
        copies = np.repeat(np.arange(N), weight)
        one = bagging(estimator, 6, member_weights=member_weights, **params).fit(X, y, weight)
        other = bagging(estimator, 6, member_weights=member_weights, **params).fit(X[copies], y[copies])
        assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-9)
        assert_allclose(one.member_weights_, other.member_weights_, rtol=1e-9)
        for rows, of_copies in zip(one.estimators_samples_, other.estimators_samples_, strict=True):
            assert_array_equal(np.sort(rows), np.sort(copies[of_copies]))


def test_a_weight_of_k_is_k_copies_for_nets(data):
    X, y = data
    weight = np.random.default_rng(0).integers(0, 4, N)
    copies = np.repeat(np.arange(N), weight)
    for stacked in (True, False):
        one = bagging(net(class_weight="balanced"), 3, stacked=stacked).fit(X, y, weight)
        other = bagging(net(class_weight="balanced"), 3, stacked=stacked).fit(X[copies], y[copies])
        assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-12)


@pytest.mark.parametrize("estimator", [tree(), net()], ids=["trees", "nets"])
@pytest.mark.parametrize("unit", [1.0, 0.37, 9.0], ids=["copies", "no whole numbers", "many copies"])
def test_a_weight_of_zero_is_no_row(unit, estimator, data):
    X, y = data
    weight = np.random.default_rng(1).integers(0, 3, N) * unit
    kept = np.flatnonzero(weight)
    one = bagging(estimator, 4).fit(X, y, weight)
    other = bagging(estimator, 4).fit(X[kept], y[kept], weight[kept])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    for rows, of_kept in zip(one.estimators_samples_, other.estimators_samples_, strict=True):
        assert_array_equal(rows, kept[of_kept])
        assert (weight[rows] > 0).all()


def test_levels_of_rows_without_weight_change_nothing(data):
    X, y = data
    X = pd.DataFrame(X, columns=list("abcd")).assign(colour=np.where(X[:, 2] > 0, "red", "green"))
    weight = np.ones(N)
    X.loc[:4, "colour"], weight[:5] = "a colour that sorts first", 0
    one = bagging(net(), 3).fit(X, y, weight)
    other = bagging(net(), 3).fit(X.iloc[5:], y[5:])
    assert_array_equal(one.predict_proba(X.iloc[5:]), other.predict_proba(X.iloc[5:]))


def test_a_common_factor_of_weights_does_not_matter(data):
    X, y = data
    weight = np.random.default_rng(1).random(N) + 0.1
    for params in ({}, {"bootstrap": False}):
        one, other = (bagging(LogisticRegression(C=1e6), 3, **params).fit(X, y, f * weight) for f in (1, 0.25))
        if params:
            assert_allclose(one.predict_proba(X), other.predict_proba(X), atol=1e-3)
        else:
            assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_weights_that_are_no_whole_numbers_are_probabilities_of_being_drawn(data):
    X, y = data
    weight = np.random.default_rng(0).random(N)
    ensemble = bagging(KNeighborsClassifier(), 200).fit(X, y, weight)  # members take no weights
    counts = np.bincount(np.concatenate(ensemble.estimators_samples_), minlength=N)
    p = weight / weight.sum()
    assert counts.sum() == 200 * N
    assert (np.abs(counts - 200 * N * p) < 5 * np.sqrt(200 * N * p * (1 - p)) + 1).all()


def test_without_a_bootstrap_such_weights_go_to_the_members(data):
    X, y = data
    weight = np.random.default_rng(0).random(N)
    for params in ({"bootstrap": False}, {"bootstrap": False, "max_samples": 0.5}, {"resampling": "cross_validation"}):
        ensemble = bagging(tree(), 4, **params).fit(X, y, weight)
        for member, rows in zip(ensemble.estimators_, ensemble.estimators_samples_, strict=True):
            again = clone(member).fit(X[rows], y[rows], weight[rows])
            assert_array_equal(again.predict_proba(X), member.predict_proba(X))
        with pytest.raises(ValueError, match="sample_weight: expected None or whole numbers, as KNeighbors"):
            bagging(KNeighborsClassifier(), 2, **params).fit(X, y, weight)


# ------------------------------------------------------------ rows that members have not seen


def oob_by_hand(ensemble, X, voting="soft"):
    """Row by row, from those who say that they have not seen it."""
    proba, unseen = member_proba(ensemble, X), unseen_rows(ensemble, len(X))
    decision = np.full(proba.shape[1:], np.nan)
    for i in range(len(X)):
        voters = np.flatnonzero(unseen[:, i])
        if ensemble.member_weights_[voters].sum() > 0:
            decision[i] = vote(proba[voters, i : i + 1], ensemble.member_weights_[voters], voting)[0]
    return decision


@pytest.mark.parametrize("voting", ["soft", "hard"])
@pytest.mark.parametrize("member_weights", ["uniform", "accuracy", [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]])
@pytest.mark.parametrize("estimator", [tree(), LinearSVC(), net()], ids=["trees", "without probabilities", "nets"])
def test_a_row_is_predicted_by_those_who_have_not_seen_it(estimator, member_weights, voting, data):
    X, y = data
    ensemble = bagging(estimator, 12, oob_score=True, voting=voting, member_weights=member_weights)
    with _some_are_seen_by_all():
        ensemble.fit(X, y)
    decision = oob_by_hand(ensemble, X, voting)
    assert_allclose(ensemble.oob_decision_function_, decision, rtol=1e-9, atol=1e-12)
    known = ~np.isnan(decision).any(axis=1)
    assert known.sum() > 0.9 * N
    right = decision[known].argmax(axis=1) == codes_of(ensemble, y)[known]
    assert ensemble.oob_score_ == pytest.approx(right.mean(), rel=1e-12)


def _some_are_seen_by_all():
    return warnings.catch_warnings(action="ignore", category=UserWarning)


def test_the_score_may_be_any_of_labels(data):
    X, y = data
    seen = []

    def score(y_true, y_predicted):
        seen.append((y_true, y_predicted))
        return f1_score(y_true, y_predicted, average="macro")

    ensemble = bagging(tree(), 30, oob_score=score).fit(X, y)
    predicted = ensemble.classes_[ensemble.oob_decision_function_.argmax(axis=1)]
    assert ensemble.oob_score_ == f1_score(y, predicted, average="macro")
    assert_array_equal(seen[0][0], y)
    assert_array_equal(seen[0][1], predicted)


def test_rows_that_all_have_seen_are_told_and_not_scored(data):
    X, y = data
    with pytest.warns(UserWarning, match=r"oob_score: \d+ of 90 rows have been seen by all members"):
        ensemble = bagging(tree(), 2, oob_score=True).fit(X, y)
    unseen = unseen_rows(ensemble, N).any(axis=0)
    assert 0 < unseen.sum() < N
    assert_array_equal(np.isnan(ensemble.oob_decision_function_).any(axis=1), ~unseen)
    predicted = ensemble.oob_decision_function_[unseen].argmax(axis=1)
    assert ensemble.oob_score_ == pytest.approx(accuracy_score(codes_of(ensemble, y)[unseen], predicted))


@pytest.mark.parametrize("params", [{"oob_score": True}, {"member_weights": "accuracy"}, {"member_weights": "bayes"}])
def test_who_has_seen_all_rows_cannot_be_judged(params, data):
    X, y = data
    name = next(iter(params))
    with pytest.raises(ValueError, match=f"{name}: expected members that have not seen some rows.*got 3 .*seen all"):
        bagging(tree(), 3, bootstrap=False, **params).fit(X, y)


def test_the_score_of_rows_that_were_not_seen_is_honest(data):
    """Labels of chance are predicted no better than by chance, though full trees know their own rows by heart."""
    X, _ = data
    scores = []
    for seed in range(10):
        y = np.random.default_rng(seed).integers(0, 2, N)
        ensemble = bagging(DecisionTreeClassifier(), 25, oob_score=True, random_state=seed).fit(X, y)
        assert ensemble.score(X, y) > 0.95
        scores.append(ensemble.oob_score_)
    assert abs(np.mean(scores) - 0.5) < 5 * 0.5 / np.sqrt(10 * N) + 0.02


@pytest.mark.parametrize("unit", [1, 0.37, 9])
def test_rows_count_in_the_score_as_they_weigh(unit, data):
    X, y = data
    weight = np.random.default_rng(0).integers(1, 4, N) * unit
    ensemble = bagging(tree(), 300, oob_score=True).fit(X, y, weight)
    right = ensemble.classes_[ensemble.oob_decision_function_.argmax(axis=1)] == y
    assert ensemble.oob_score_ == pytest.approx(np.average(right, weights=weight), rel=1e-12)
    assert ensemble.oob_score_ != pytest.approx(right.mean(), rel=1e-6)


def test_who_has_seen_a_copy_of_a_row_has_seen_the_row(data):
    X, y = data
    weight = np.random.default_rng(0).integers(1, 4, N)
    ensemble = bagging(tree(), 300, oob_score=True).fit(X, y, weight)
    unseen = unseen_rows(ensemble, N)
    expected = np.einsum("kn,knc->nc", unseen, member_proba(ensemble, X)) / unseen.sum(axis=0)[:, None]
    assert_allclose(ensemble.oob_decision_function_, expected, rtol=1e-9, atol=1e-12)


def test_copies_do_not_leak_into_the_score():
    """Labels that nothing tells are not known out of bag, however much the rows weigh or are repeated."""
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(300, 5)), rng.integers(0, 2, 300)
    for mode in ({}, {"resampling": "cross_validation"}):
        for fit in ((X, y, np.full(300, 2)), (np.repeat(X, 2, axis=0), np.repeat(y, 2))):
            ensemble = BaggingVoteEnsemble(DecisionTreeClassifier(), 100, oob_score=True, random_state=0, **mode)
            assert abs(ensemble.fit(*fit).oob_score_ - 0.5) < 0.1


def test_members_that_know_other_rows_are_not_scored():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(200, 5)), rng.integers(0, 2, 200)
    ensemble = BaggingVoteEnsemble(DecisionTreeClassifier(), 40, warm_start=True, oob_score=True, random_state=0)
    ensemble.fit(X, y).set_params(n_estimators=80, max_samples=0.3).fit(X, y)
    assert [len(rows) for rows in ensemble.estimators_samples_] == [200] * 40 + [60] * 40
    assert abs(ensemble.oob_score_ - 0.5) < 0.15
    with pytest.raises(ValueError, match="oob_score: expected the rows and weights that the present members know"):
        ensemble.set_params(n_estimators=81).fit(X[:150], y[:150])


def test_categories_by_position_are_those_of_the_whole_table():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(size=(120, 3)), rng.integers(0, 30, 120)])
    member = NetClassifier(n_members=1, max_epochs=1, categorical_features=[3])
    ensemble = BaggingVoteEnsemble(member, 6, max_features=2, random_state=0).fit(X, X[:, 3] % 2)
    for net, columns in zip(ensemble.estimators_, ensemble.estimators_features_, strict=True):
        assert_array_equal(net._reader.is_category_, columns == 3)
    assert ensemble.predict_proba(X).shape == (120, 2)


def test_members_that_write_into_their_table_spoil_nothing():
    X, y = load_iris(return_X_y=True)
    before = X.copy()
    members = [make_pipeline(StandardScaler(copy=copy), GaussianNB()) for copy in (True, False)]
    scores = [BaggingVoteEnsemble(member, 3, random_state=0).fit(X, y).score(X, y) for member in members]
    assert scores[0] == scores[1]
    assert_array_equal(X, before)


@pytest.mark.parametrize("estimator", [LinearRegression(), DecisionTreeRegressor(), KMeans()], ids=str)
def test_what_is_no_classifier_is_refused(estimator, data):
    with pytest.raises(TypeError, match="estimator: expected None or a classifier"):
        BaggingVoteEnsemble(estimator).fit(*data)


def test_missing_numbers_are_refused_for_members_that_refuse_them(data):
    X, y = data[0].copy(), data[1]
    X[0, 0] = np.nan
    for seed in range(5):
        with pytest.raises(ValueError, match="NaN"):
            BaggingVoteEnsemble(LogisticRegression(), 1, random_state=seed).fit(X, y)


@pytest.mark.parametrize(
    "ensemble",
    [partial(BaggingVoteEnsemble, n_estimators=2, bootstrap=False), OutputCodeEnsemble],
    ids=["bag", "codes"],
)
@pytest.mark.parametrize("wrapped", [False, True], ids=["pipeline", "search"])
def test_missing_numbers_are_for_pipelines_that_fill_them_in(wrapped, ensemble, data):
    X, y = data[0].copy(), data[1]
    X[::7, 0] = np.nan
    filled = np.nan_to_num(X, nan=5.0)
    member = make_pipeline(SimpleImputer(strategy="constant", fill_value=5.0), LogisticRegression())
    member = GridSearchCV(member, {}, cv=2) if wrapped else member
    assert get_tags(ensemble(member)).input_tags.allow_nan
    one, other = (ensemble(member, random_state=0).fit(table, y).predict_proba(table) for table in (X, filled))
    assert_allclose(one, other, atol=1e-3)


@pytest.mark.parametrize("known", [["a", "b"], [0, 5], [-1, 9]], ids=str)
@pytest.mark.parametrize("kind", [LogisticRegression, LinearSVC], ids=["probabilities", "labels"])
def test_members_that_know_other_classes_are_refused(kind, known, data):
    X, right = data[0], (data[1] == "low").astype(int)
    member = FrozenEstimator(kind().fit(X, np.array(known)[right]))
    for ensemble in (BaggingVoteEnsemble(member, 2), OutputCodeEnsemble(member)):
        clf = ensemble.fit(X, right)
        with pytest.raises(ValueError, match=r"estimator: expected one that knows none but the classes \[0, 1\], got"):
            clf.predict(X)


@pytest.mark.parametrize("member_weights", ["accuracy", "bayes", "greedy"])
def test_a_common_factor_of_weights_that_are_no_whole_numbers_changes_no_votes(member_weights, data):
    X, y = data
    weight = np.random.default_rng(1).random(N) + 0.1
    one, other = (
        bagging(tree(), 6, member_weights=member_weights).fit(X, y, factor * weight).member_weights_
        for factor in (1, 1 / 1024)
    )
    assert np.ptp(one) > 0
    assert_allclose(other, one, rtol=1e-9)


@pytest.mark.parametrize("member_weights", ["uniform", "greedy"])
def test_rows_without_a_label_teach_but_are_not_scored(member_weights, data):
    X, y = data
    y = y.copy()
    y[::3] = -1
    estimator = SmoothedNetClassifier(VirtualAdversarial(), hidden_layer_sizes=(8,), max_epochs=2, n_members=1)
    ensemble = bagging(estimator, 15, oob_score=True, member_weights=member_weights)
    with _some_are_seen_by_all():
        ensemble.fit(X, y)
    assert ensemble.classes_.tolist() == ["high", "low", "middle"]
    known = ~np.isnan(ensemble.oob_decision_function_).any(axis=1)
    assert not known[::3].any()
    predicted = ensemble.classes_[ensemble.oob_decision_function_[known].argmax(axis=1)]
    assert ensemble.oob_score_ == pytest.approx((predicted == y[known]).mean())


# ------------------------------------------------------------ cross-validated committees


@pytest.mark.parametrize("estimator", [tree(), net()], ids=["trees", "nets"])
@pytest.mark.parametrize("n_folds", [2, 5])
def test_each_row_is_left_out_by_exactly_one_member(estimator, n_folds, data):
    X, y = data
    for seed in SEEDS:
        params = {"resampling": "cross_validation", "oob_score": True, "random_state": seed}
        ensemble = bagging(estimator, n_folds, **params).fit(X, y)
        unseen = unseen_rows(ensemble, N)
        assert_array_equal(unseen.sum(axis=0), 1)
        for label in ensemble.classes_:
            assert np.ptp(unseen[:, y == label].sum(axis=1)) <= 1, "folds have equal shares of each class"
        proba = member_proba(ensemble, X)
        expected = proba[unseen.argmax(axis=0), np.arange(N)]
        assert_allclose(ensemble.oob_decision_function_, expected, rtol=1e-9)
        assert ensemble.oob_score_ == np.mean(ensemble.classes_[expected.argmax(axis=1)] == y)


def test_what_is_predicted_out_of_fold_is_the_cross_validated_prediction(data):
    X, y = data
    ensemble = bagging(tree(), 5, resampling="cross_validation", oob_score=True).fit(X, y)
    out_of_fold = np.zeros((N, 3))
    for member, left_out in zip(ensemble.estimators_, unseen_rows(ensemble, N), strict=True):
        own = clone(member).fit(X[~left_out], y[~left_out])
        out_of_fold[left_out] = own.predict_proba(X[left_out])
    assert_allclose(ensemble.oob_decision_function_, out_of_fold, rtol=1e-12)


def test_how_rows_are_drawn_does_not_matter_to_folds(data):
    X, y = data
    one = bagging(tree(), 4, resampling="cross_validation").fit(X, y)
    other = bagging(tree(), 4, resampling="cross_validation", max_samples=0.1, bootstrap=False).fit(X, y)
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))
    with pytest.raises(ValueError, match="n_estimators: expected at most"):
        bagging(tree(), N, resampling="cross_validation").fit(X, y)


# ------------------------------------------------------------ warm start


@pytest.mark.parametrize("params", [{}, {"max_features": 2}, {"bootstrap": False, "max_samples": 0.5}], ids=str)
def test_going_on_is_starting_afresh_with_more(params, data):
    X, y = data
    estimator = tree(max_features=2)
    grown = bagging(estimator, 3, warm_start=True, oob_score=False, **params).fit(X, y)
    first = list(grown.estimators_)
    grown.set_params(n_estimators=7).fit(X, y)
    assert all(one is other for one, other in zip(first, grown.estimators_, strict=False))
    fresh = bagging(estimator, 7, **params).fit(X, y)
    assert_array_equal(grown.predict_proba(X), fresh.predict_proba(X))
    for name in ("estimators_samples_", "estimators_features_", "member_weights_"):
        for one, other in zip(getattr(grown, name), getattr(fresh, name), strict=True):
            assert_array_equal(one, other)


def test_going_on_with_random_state_none_goes_on_with_the_same_rows(data):
    X, y = data
    ensemble = bagging(tree(), 3, warm_start=True, random_state=None).fit(X, y)
    rows = ensemble.estimators_samples_
    ensemble.set_params(n_estimators=5).fit(X, y)
    for one, other in zip(rows, ensemble.estimators_samples_, strict=False):
        assert_array_equal(one, other)


def test_nets_that_were_there_stay_as_they_are(data):
    X, y = data
    ensemble = bagging(net(), 2, warm_start=True, member_weights="accuracy", oob_score=True)
    with _some_are_seen_by_all():
        first = list(ensemble.fit(X, y).estimators_)
        before = [member.predict_proba(X) for member in first]
        ensemble.set_params(n_estimators=6).fit(X, y)
    assert all(one is other for one, other in zip(first, ensemble.estimators_, strict=False))
    for member, proba in zip(first, before, strict=True):
        assert_array_equal(member.predict_proba(X), proba)
    weighted = np.average(member_proba(ensemble, X), axis=0, weights=ensemble.member_weights_)
    assert_allclose(ensemble.predict_proba(X), weighted, rtol=1e-12)


def test_fewer_members_or_other_labels_are_refused(data):
    X, y = data
    ensemble = bagging(tree(), 4, warm_start=True).fit(X, y)
    before = ensemble.predict_proba(X)
    with pytest.raises(ValueError, match=r"n_estimators: expected at least 4.*got 3"):
        ensemble.set_params(n_estimators=3).fit(X, y)
    with pytest.raises(ValueError, match=r"warm_start: expected the labels .*got \['a', 'b', 'c'\]"):
        ensemble.set_params(n_estimators=5).fit(X, np.array(["a", "b", "c"])[np.arange(N) % 3])
    assert_array_equal(ensemble.set_params(n_estimators=4).predict_proba(X), before)
    assert_array_equal(ensemble.fit(X, y).predict_proba(X), before)


def test_without_warm_start_everything_is_new(data):
    X, y = data
    ensemble = bagging(tree(), 4).fit(X, y)
    first = list(ensemble.estimators_)
    ensemble.set_params(n_estimators=2).fit(X, y)
    assert len(ensemble.estimators_) == 2
    assert not any(member is one for member in ensemble.estimators_ for one in first)


# ------------------------------------------------------------ tables and labels


class Recorder(ClassifierMixin, BaseEstimator):
    """Remembers what it was given."""

    def fit(self, X, y):
        self.X_, self.y_ = X, y
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):
        self.asked_ = X
        return np.full(X.shape[0], self.classes_[0])


FRAMES = [pytest.param(pd.DataFrame, lambda X, rows: X.iloc[rows], id="pandas")]
if find_spec("polars"):
    import polars as pl

    FRAMES.append(pytest.param(pl.DataFrame, lambda X, rows: X[rows.tolist()], id="polars"))


def mixed_columns():
    rng = np.random.default_rng(0)
    return {
        "number": rng.normal(size=N),
        "whole": rng.integers(0, 9, N),
        "colour": rng.choice(["red", "green"], N).tolist(),
        "yes": (rng.random(N) > 0.5).tolist(),
    }


@pytest.mark.parametrize(("frame", "taken"), FRAMES)
def test_a_data_frame_goes_to_the_members_as_it_is(frame, taken, data):
    y, X = data[1], frame(mixed_columns())
    before = X.copy() if isinstance(X, pd.DataFrame) else X.clone()
    ensemble = bagging(Recorder(), 3).fit(X, y)
    ensemble.predict(X)
    assert X.equals(before)
    assert ensemble.feature_names_in_.tolist() == ["number", "whole", "colour", "yes"]
    for member, rows in zip(ensemble.estimators_, ensemble.estimators_samples_, strict=True):
        assert type(member.X_) is type(X)
        assert member.X_.equals(taken(X, rows))
        assert list(member.X_.dtypes) == list(X.dtypes)
        assert_array_equal(member.y_, y[rows])
        assert type(member.asked_) is type(X)
        assert member.asked_.equals(X)
    some = bagging(Recorder(), 3, max_features=2).fit(X, y)
    for member, columns in zip(some.estimators_, some.estimators_features_, strict=True):
        assert list(member.X_.columns) == [list(X.columns)[column] for column in columns]
    with pytest.raises(ValueError, match="feature names"):
        ensemble.predict(X[["whole", "number", "colour", "yes"]])


@pytest.mark.parametrize(("frame", "taken"), FRAMES)
@pytest.mark.parametrize("estimator", [tree(), net(max_epochs=1)], ids=["tree", "net"])
def test_columns_of_a_data_frame_may_be_drawn_twice(estimator, frame, taken, data):
    X, y = data
    X = frame({name: X[:, i] for i, name in enumerate("abcd")})
    ensemble = bagging(estimator, 5, bootstrap_features=True).fit(X, y)
    assert any(len(set(columns.tolist())) < 4 for columns in ensemble.estimators_features_)
    assert ensemble.predict_proba(X).shape == (N, 3)


def test_whether_objects_are_numbers_is_asked_of_the_whole_table():
    X = pd.DataFrame({"odd": np.array([1, 2] * 19 + ["a", "b"], dtype=object), "size": np.arange(40.0)})
    net = NetClassifier(n_members=1, hidden_layer_sizes=(4,), max_epochs=1, early_stopping=False)
    clf = BaggingVoteEnsemble(net, 5, max_samples=0.1, bootstrap_features=True, random_state=0)
    assert np.isfinite(clf.fit(X, np.arange(40) % 2).predict_proba(X)).all()


def test_members_read_categories_and_missing_values_themselves(data):
    y, X = data[1], pd.DataFrame(mixed_columns()).astype({"colour": "category"})
    X.loc[::5, "number"] = np.nan
    gradient = HistGradientBoostingClassifier(max_iter=2, categorical_features="from_dtype")
    for estimator in (gradient, net(max_epochs=1), make_pipeline(OneHotEncoder(handle_unknown="ignore"), tree())):
        assert bagging(estimator, 2).fit(X, y).predict_proba(X).shape == (N, 3)


@pytest.mark.parametrize("labels", [["low", "middle", "high"], [3, 1, 7], [1.0, 4.0, 9.0], [-1, 0, 1]], ids=str)
@pytest.mark.parametrize("estimator", [tree(), net(max_epochs=1), LinearSVC()], ids=["trees", "nets", "svm"])
def test_labels_may_be_of_any_type(labels, estimator, data):
    X, y = data
    codes = np.unique(y, return_inverse=True)[1]
    renamed = np.sort(np.array(labels))[codes]
    one, other = bagging(estimator, 3).fit(X, codes), bagging(estimator, 3).fit(X, renamed)
    assert_array_equal(other.classes_, np.sort(labels))
    assert other.n_classes_ == 3
    assert_allclose(one.predict_proba(X), other.predict_proba(X), rtol=1e-9)
    assert_array_equal(other.predict(X), other.classes_[one.predict(X)])


def test_a_class_may_be_missing_in_a_bootstrap(data):
    X, y = data
    y = y.copy()
    y[y == "low"] = "high"
    y[0] = "low"
    for estimator in (tree(), GaussianNB(), net(max_epochs=1)):
        ensemble = bagging(estimator, 8).fit(X, y)
        without = [0 not in rows for rows in ensemble.estimators_samples_]
        assert 0 < sum(without) < 8
        assert ensemble.classes_.tolist() == ["high", "low", "middle"]
        assert_allclose(ensemble.predict_proba(X).sum(axis=1), 1, rtol=1e-9)
        assert_allclose(ensemble.predict_proba(X), member_proba(ensemble, X).mean(axis=0), rtol=1e-9)
    # A bootstrap of a single class too:
    rare = np.where(np.arange(N) == 0, "b", "a")
    assert bagging(LogisticRegression(), 8).fit(X, rare).predict_proba(X)[:, 0].min() > 0.2


def test_who_knows_no_probabilities_has_one_vote(data):
    X, y = data
    ensemble = bagging(LinearSVC(), 7).fit(X, y)
    counts = sum(member.predict(X)[:, None] == ensemble.classes_ for member in ensemble.estimators_)
    assert_allclose(ensemble.predict_proba(X), counts / 7, rtol=1e-12)
    assert_array_equal(ensemble.predict_proba(X), clone(ensemble).set_params(voting="hard").fit(X, y).predict_proba(X))


def test_many_rows_are_predicted_as_few_are(data, monkeypatch):
    X, y = data
    for estimator in (tree(), net(max_epochs=1)):
        ensemble = bagging(estimator, 3).fit(X, y)
        proba, uncertainty = ensemble.predict_proba(X), ensemble.uncertainty(X)
        module = __import__("sktech.ensemble._base", fromlist=["_CHUNK"])
        monkeypatch.setattr(module, "_CHUNK", 7)
        assert_allclose(ensemble.predict_proba(X), proba, rtol=1e-12)
        for part, expected in zip(ensemble.uncertainty(X), uncertainty, strict=True):
            assert_allclose(part, expected, rtol=1e-9, atol=1e-15)
        monkeypatch.undo()


# ------------------------------------------------------------ votes


@pytest.mark.parametrize("estimator", [tree(max_depth=2), LogisticRegression(), net()], ids=["trees", "lr", "nets"])
@pytest.mark.parametrize("resampling", ["bagging", "cross_validation"])
def test_the_mean_loses_at_most_the_mean_loss(estimator, resampling, data):
    """Jensen, in each single run, for rows that were seen and others."""
    X, y = data
    for seed in SEEDS:
        ensemble = bagging(estimator, 5, resampling=resampling, random_state=seed).fit(X[:60], y[:60])
        for rows in (slice(0, 60), slice(60, None)):
            proba = np.clip(member_proba(ensemble, X[rows]), 1e-12, None)
            of_members = [log_loss(y[rows], own / own.sum(axis=1, keepdims=True)) for own in proba]
            together = log_loss(y[rows], np.clip(ensemble.predict_proba(X[rows]), 1e-12, None))
            assert together <= np.mean(of_members) + 1e-9
            assert together < np.mean(of_members) or np.ptp(of_members) == 0


@pytest.mark.parametrize("estimator", [tree(), net()], ids=["trees", "nets"])
def test_hard_votes_are_counted(estimator, data):
    X, y = data
    ensemble = bagging(estimator, 7, voting="hard").fit(X, y)
    counts = np.zeros((N, 3))
    for own in member_proba(ensemble, X):
        counts[np.arange(N), own.argmax(axis=1)] += 1
    assert_allclose(ensemble.predict_proba(X), counts / 7, rtol=1e-12)
    with np.errstate(divide="ignore"):
        assert_allclose(ensemble.predict_log_proba(X), np.log(counts / 7), atol=1e-12)


@pytest.mark.parametrize("voting", ["soft", "hard"])
@pytest.mark.parametrize("resampling", ["bagging", "cross_validation"])
@pytest.mark.parametrize("kind", ["uniform", "accuracy", "bayes", "greedy", "prior", "numbers"])
@pytest.mark.parametrize("estimator", [tree(), net()], ids=["trees", "nets"])
def test_what_votes_count(estimator, kind, resampling, voting, data):
    X, y = data
    given = [1, 0, 2, 0.5, 3, 1]
    params = {
        "prior": {"member_weights": "bayes", "prior": given},
        "numbers": {"member_weights": given},
    }.get(kind, {"member_weights": kind})
    ensemble = bagging(estimator, 6, resampling=resampling, voting=voting, **params).fit(X, y)
    proba, unseen = member_proba(ensemble, X), unseen_rows(ensemble, N).astype(float)
    codes = codes_of(ensemble, y)
    of_label = proba[:, np.arange(N), codes]
    expected = {
        "uniform": lambda: np.ones(6),
        "accuracy": lambda: accuracy_weights(proba.argmax(axis=2) == codes, unseen),
        "bayes": lambda: bayes_weights(of_label, unseen, np.ones(6)),
        "greedy": lambda: greedy_weights(of_label, codes, unseen),
        "prior": lambda: bayes_weights(of_label, unseen, np.array(given)),
        "numbers": lambda: np.array(given),
    }[kind]()
    assert ensemble.member_weights_.shape == (6,)
    assert ensemble.member_weights_.sum() == pytest.approx(1, rel=1e-12)
    assert_allclose(ensemble.member_weights_, expected / expected.sum(), rtol=1e-6, atol=1e-12)
    assert_allclose(ensemble.predict_proba(X), vote(proba, ensemble.member_weights_, voting), rtol=1e-9)


def test_the_prior_is_proportional(data):
    X, y = data
    prior = np.array([1.0, 2, 3, 4])
    flat, given = (
        bagging(LogisticRegression(C=1e-4), 4, member_weights="bayes", prior=p).fit(X, y).member_weights_
        for p in (None, prior)
    )
    assert_allclose(given, flat * prior / (flat @ prior), rtol=1e-9)
    assert (flat > 1e-6).all()


WRONG = [
    ({"n_estimators": 0}, r"n_estimators: expected an integer in \[1, inf\), got 0"),
    ({"n_estimators": 2.0}, "n_estimators: expected an integer, got 2.0"),
    ({"n_estimators": 1, "resampling": "cross_validation"}, r"n_estimators: expected an integer in \[2"),
    ({"resampling": "jackknife"}, "resampling: expected one of 'bagging', 'cross_validation', got 'jackknife'"),
    ({"resampling": "cross_validation", "warm_start": True}, "warm_start: expected one of False, got True"),
    ({"max_samples": 0}, "max_samples: expected an integer in .*got 0"),
    ({"max_samples": N + 1}, f"max_samples: expected an integer in .*got {N + 1}"),
    ({"max_samples": 1.5}, r"max_samples: expected a number in \(0, 1\], got 1.5"),
    ({"max_samples": 0.0}, r"max_samples: expected a number in \(0, 1\], got 0.0"),
    ({"max_samples": np.nan}, "max_samples: expected a number in .*got nan"),
    ({"max_samples": "half"}, "max_samples: expected a number, got 'half'"),
    ({"max_samples": True}, "max_samples: expected a number, got True"),
    ({"max_features": 0}, "max_features: expected an integer in .*got 0"),
    ({"max_features": 5}, "max_features: expected an integer in .*got 5"),
    ({"max_features": 0.0}, r"max_features: expected a number in \(0, 1\], got 0.0"),
    ({"max_features": None}, "max_features: expected a number, got None"),
    ({"max_features": "sqrt"}, "max_features: expected a number, got 'sqrt'"),
    ({"bootstrap": "yes"}, "bootstrap: expected one of True, False, got 'yes'"),
    ({"bootstrap_features": None}, "bootstrap_features: expected one of True, False, got None"),
    ({"warm_start": "yes"}, "warm_start: expected one of True, False, got 'yes'"),
    ({"oob_score": "accuracy"}, "oob_score: expected one of True, False, got 'accuracy'"),
    ({"voting": "loud"}, "voting: expected one of 'soft', 'hard', got 'loud'"),
    ({"stacked": "always"}, "stacked: expected one of True, False, 'auto', got 'always'"),
    ({"stacked": True}, "stacked: expected 'auto' or False.*got True"),
    ({"member_weights": "fair"}, "member_weights: expected one of 'uniform', .*got 'fair'"),
    ({"member_weights": None}, "member_weights: expected a sequence.*got None"),
    ({"member_weights": [1, 2]}, r"member_weights: expected 4 numbers.*got \[1, 2\]"),
    ({"member_weights": [1, 2, 3, -1]}, "member_weights: expected 4 numbers of at least 0.*got"),
    ({"member_weights": [0, 0, 0, 0]}, "member_weights: expected 4 numbers.*not all 0, got"),
    ({"member_weights": [1, 2, 3, np.nan]}, "member_weights: expected 4 numbers.*got"),
    ({"member_weights": [1, 2, 3, np.inf]}, "member_weights: expected 4 numbers.*got"),
    ({"member_weights": ["a", "b", "c", "d"]}, "member_weights: expected 4 numbers.*got"),
    ({"member_weights": [[1, 2, 3, 4]]}, "member_weights: expected 4 numbers.*got"),
    ({"member_weights": [[1], [2, 3], [4], [5]]}, "member_weights: expected 4 numbers.*got"),
    ({"prior": [1, 1, 1, 1]}, "prior: expected None without member_weights='bayes', got"),
    ({"prior": [1, 1, 1, 1], "member_weights": [1, 1, 1, 1]}, "prior: expected None without member_weights='bayes'"),
    ({"prior": [1, 1], "member_weights": "bayes"}, "prior: expected 4 numbers.*got"),
    ({"prior": [0, 0, 0, 0], "member_weights": "bayes"}, "prior: expected 4 numbers.*got"),
    ({"prior": 3, "member_weights": "bayes"}, "prior: expected a sequence.*got 3"),
    ({"estimator": DecisionTreeClassifier}, "estimator: expected None or a classifier, got"),
    ({"estimator": "tree"}, "estimator: expected None or a classifier, got 'tree'"),
    ({"estimator": StandardScaler()}, "estimator: expected None or a classifier, got StandardScaler"),
]


@pytest.mark.parametrize(("params", "message"), WRONG, ids=[str(params) for params, _ in WRONG])
def test_a_wrong_parameter_is_named(params, message, data):
    X, y = data
    with pytest.raises((ValueError, TypeError), match=message):
        BaggingVoteEnsemble(**{"estimator": tree(), "n_estimators": 4} | params).fit(X, y)


@pytest.mark.parametrize(
    ("weight", "message"),
    [(np.zeros(N), "[Ss]ample.weight.*(non-zero|positive)"), (-np.ones(N), "[Nn]egative"), (np.ones(3), "shape")],
    ids=["zeros", "negative", "few"],
)
def test_wrong_weights_are_refused(weight, message, data):
    X, y = data
    with pytest.raises(ValueError, match=message):
        bagging().fit(X, y, weight)


# ------------------------------------------------------------ uncertainty


@pytest.mark.parametrize("member_weights", ["uniform", "accuracy"])
@pytest.mark.parametrize("estimator", [tree(), net(), LinearSVC()], ids=["trees", "nets", "svm"])
def test_uncertainty_in_its_parts(estimator, member_weights, data):
    X, y = data
    ensemble = bagging(estimator, 6, member_weights=member_weights).fit(X, y)
    proba, weights = member_proba(ensemble, X), ensemble.member_weights_

    def entropy(p):
        return -(p * np.log(np.where(p > 0, p, 1))).sum(axis=-1)

    uncertainty = ensemble.uncertainty(X)
    total, expected = entropy(np.average(proba, axis=0, weights=weights)), weights @ entropy(proba)
    assert_allclose(uncertainty.total, total, atol=1e-9)
    assert_allclose(uncertainty.expected, expected, atol=1e-9)
    assert_allclose(uncertainty.mutual_information, total - expected, atol=1e-9)
    assert_allclose(uncertainty.total, uncertainty.expected + uncertainty.mutual_information, rtol=1e-12)
    assert (uncertainty.mutual_information >= 0).all()
    assert uncertainty.mutual_information.max() > 1e-3
    assert_array_equal(ensemble.disagreement(X), uncertainty.mutual_information)


@pytest.mark.parametrize("estimator", [tree(), net(), net(dtype="float32")], ids=["trees", "nets", "32 bits"])
def test_members_that_are_the_same_do_not_disagree(estimator, data):
    X, y = data
    ensemble = bagging(estimator, 4).fit(X, y)
    ensemble.estimators_ = [ensemble.estimators_[0]] * 4
    uncertainty = ensemble.uncertainty(X)
    assert_allclose(uncertainty.mutual_information, 0, atol=1e-12)
    assert_allclose(uncertainty.expected, uncertainty.total, atol=1e-12)


class Sure(ClassifierMixin, BaseEstimator):
    """Certain of one class, which the number of its rows decides."""

    def __init__(self, random_state=None):
        self.random_state = random_state

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        return np.eye(2)[np.full(len(X), self.random_state % 2)]

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def test_two_who_are_certain_of_opposites_do_not_know_one_bit(data):
    X, _ = data
    y = np.arange(N) % 2
    opposite = 0
    for seed in range(8):
        ensemble = bagging(Sure(), 2, random_state=seed).fit(X, y)
        differ = len({member.random_state % 2 for member in ensemble.estimators_}) == 2
        opposite += differ
        uncertainty = ensemble.uncertainty(X)
        assert_allclose(uncertainty.mutual_information, np.log(2) if differ else 0, atol=1e-12)
        assert_allclose(uncertainty.expected, 0, atol=1e-12)
    assert 0 < opposite < 8


def test_members_disagree_more_about_rows_far_from_all_others(data):
    X, y = data
    for seed in SEEDS:
        ensemble = bagging(net(lr=0.03, max_epochs=10), 8, random_state=seed).fit(X, y)
        shift = np.random.default_rng(seed).choice([-1, 1], X.shape) * 3.0
        assert ensemble.disagreement(X + shift).mean() > ensemble.disagreement(X).mean()


# ------------------------------------------------------------ all or nothing


class Failing(Recorder):
    """Refuses rows of which some number is large."""

    def fit(self, X, y):
        if np.max(X) > 100:
            raise RuntimeError("on the way")
        return super().fit(X, y)


@pytest.mark.parametrize("warm_start", [True, False])
@pytest.mark.parametrize(
    ("estimator", "error"),
    [(Failing(), RuntimeError), (net(max_epochs=1), ValueError)],
    ids=["member", "table"],
)
def test_a_fit_that_fails_leaves_no_trace(estimator, error, warm_start, data):
    X, y = data
    bad = X.copy()
    bad[:, 1] = 1000 if error is RuntimeError else np.inf
    fresh = bagging(estimator, 3, warm_start=warm_start)
    with pytest.raises(error):
        fresh.fit(bad, y)
    assert vars(fresh) == vars(clone(fresh)) | {"random_state": 0, "estimator": estimator}
    ensemble = bagging(estimator, 3, warm_start=warm_start, oob_score=True)
    with _some_are_seen_by_all():
        ensemble.fit(X, y)
    before, proba = dict(vars(ensemble)), ensemble.predict_proba(X)
    with pytest.raises(error):
        ensemble.set_params(n_estimators=5).fit(bad, y)
    after = vars(ensemble.set_params(n_estimators=3))
    assert after.keys() == before.keys()
    assert all(after[name] is before[name] for name in before if name != "n_estimators")
    assert_array_equal(ensemble.predict_proba(X), proba)


def test_a_training_that_diverges_leaves_no_trace(data):
    X, y = data
    ensemble = bagging(net(), 3).fit(X, y)
    before = ensemble.predict_proba(X)
    with pytest.raises(FloatingPointError):
        ensemble.set_params(estimator=net(lr=1e300)).fit(X, y)
    assert_array_equal(ensemble.predict_proba(X), before)


# ------------------------------------------------------------ among others


@pytest.mark.parametrize(
    "later",
    [
        {"estimator": LogisticRegression()},
        {"estimator": net()},
        {"max_features": 2},
        {"bootstrap_features": True},
        {"n_estimators": 99},
        {"member_weights": "greedy"},
        {"random_state": 7},
    ],
    ids=str,
)
@pytest.mark.parametrize("estimator", [tree(), net(max_epochs=1)], ids=["trees", "nets"])
def test_parameters_of_the_next_fit_do_not_change_what_was_fitted(estimator, later, data):
    X, y = data
    ensemble = bagging(estimator, 3).fit(X, y)
    proba, rows = ensemble.predict_proba(X), ensemble.estimators_samples_
    ensemble.set_params(**later)
    assert_allclose(ensemble.predict_proba(X), proba, rtol=1e-12)
    for one, other in zip(ensemble.estimators_samples_, rows, strict=True):
        assert_array_equal(one, other)


def test_a_score_of_another_fit_is_not_left_behind(data):
    X, y = data
    ensemble = bagging(tree(), 30, oob_score=True).fit(X, y)
    assert ensemble.oob_decision_function_.shape == (N, 3)
    ensemble.set_params(oob_score=False).fit(X[:50], y[:50])
    assert not hasattr(ensemble, "oob_score_")
    assert not hasattr(ensemble, "oob_decision_function_")


@pytest.mark.parametrize("estimator", [tree(), net(max_epochs=1), None], ids=["trees", "nets", "default"])
def test_copies_and_pickles(estimator, data):
    X, y = data
    ensemble = BaggingVoteEnsemble(estimator, 2, oob_score=False, member_weights=[1, 2], random_state=0)
    fresh = clone(ensemble)
    assert fresh.get_params(deep=False).keys() == ensemble.get_params(deep=False).keys()
    assert repr(fresh) == repr(ensemble)
    ensemble.fit(X, y)
    restored = pickle.loads(pickle.dumps(ensemble))
    assert_array_equal(restored.predict_proba(X), ensemble.predict_proba(X))
    assert_array_equal(restored.disagreement(X), ensemble.disagreement(X))
    for one, other in zip(restored.estimators_samples_, ensemble.estimators_samples_, strict=True):
        assert_array_equal(one, other)
    assert not hasattr(clone(ensemble), "estimators_")
    if estimator is None:
        assert all(type(member) is NetClassifier and member.n_members_ == 1 for member in ensemble.estimators_)


def test_in_a_pipeline(data):
    X, y = data
    model = make_pipeline(StandardScaler(), bagging(net(), 2)).fit(X, y)
    scaled = StandardScaler().fit_transform(X)
    assert_array_equal(model.predict_proba(X), bagging(net(), 2).fit(scaled, y).predict_proba(scaled))


def test_parameters_of_members_go_into_a_grid(data):
    X, y = data
    grid = {"estimator__lr": [1e-5, 0.03]}
    search = GridSearchCV(bagging(net(max_epochs=8), 3), grid, cv=2, n_jobs=2, scoring="neg_log_loss").fit(X, y)
    assert search.best_params_ == {"estimator__lr": 0.03}
    assert all(member.lr == 0.03 for member in search.best_estimator_.estimators_)
    assert_array_equal(search.predict_proba(X), clone(search.best_estimator_).fit(X, y).predict_proba(X))


@pytest.mark.parametrize("seed", SEEDS)
def test_boosting_makes_each_member_useless(seed, data):
    """AdaBoost's weights, by hand: after each step the member that led to them errs in exactly half of the weight."""
    X, _ = data
    rng = np.random.default_rng(seed)
    y = np.where(rng.random(N) < 0.15, rng.integers(0, 2, N), X[:, 0] * X[:, 1] > 0).astype(int)
    estimator = net(lr=0.03, early_stopping=False)
    model = AdaBoostClassifier(estimator, n_estimators=4, random_state=seed).fit(X, y)
    assert len(model.estimators_) >= 3
    weight = np.full(N, 1 / N)
    for k, member in enumerate(model.estimators_):
        again = clone(estimator).set_params(random_state=member.random_state).fit(X, y, weight)
        assert_allclose(again.predict_proba(X), member.predict_proba(X), atol=1e-6)
        wrong = member.predict(X) != y
        error = weight[wrong].sum() / weight.sum()
        assert 0 < error < 0.5
        assert model.estimator_errors_[k] == pytest.approx(error, rel=1e-9)
        assert model.estimator_weights_[k] == pytest.approx(np.log((1 - error) / error), rel=1e-9)
        weight = weight * np.where(wrong, (1 - error) / error, 1.0)
        assert weight[wrong].sum() / weight.sum() == pytest.approx(0.5, rel=1e-12)
        weight /= weight.sum()
    assert model.score(X, y) > 0.5


def test_iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    ensemble = BaggingVoteEnsemble(net(max_epochs=20, dtype="float32"), 10, oob_score=True, random_state=0)
    with _some_are_seen_by_all():
        ensemble.fit(X, y)
    assert ensemble.oob_score_ > 0.85
    assert ensemble.score(X, y) > 0.85
