import itertools
import json
import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, ClassifierMixin, clone, is_classifier
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss
from sklearn.model_selection import cross_val_score
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier

from sktech import DecoupledLongTailClassifier, NetClassifier, ReweightedClassifier
from sktech.experiment import InputError, baselines
from sktech.experiment.conditions import Conditions
from sktech.experiment.folds import inner_folds
from sktech.experiment.models import choose_models
from sktech.experiment.tuning import TunedClassifier, chosen, tuned

MODELS = {model.name: model.estimator for model in choose_models()}


class Prior(ClassifierMixin, BaseEstimator):
    """The frequencies of the classes, more or less evened out."""

    def __init__(self, evenness=0.0, broken=()):
        self.evenness = evenness
        self.broken = broken

    def fit(self, X, y):
        warnings.warn(f"evenness {self.evenness}", stacklevel=2)
        if self.evenness in self.broken:
            raise RuntimeError(f"no evenness of {self.evenness}")
        self.classes_, counts = np.unique(y, return_counts=True)
        self.proba_ = (1 - self.evenness) * counts / len(y) + self.evenness / len(counts)
        return self

    def predict_proba(self, X):
        return np.tile(self.proba_, (len(X), 1))

    def predict(self, X):
        return self.classes_[self.predict_proba(X).argmax(axis=1)]


def evened(values, inner, broken=()):
    return TunedClassifier(Prior(broken=broken), [{}, *({"evenness": value} for value in values)], inner)


@pytest.fixture(scope="module")
def iris():
    X, y = load_iris(return_X_y=True, as_frame=True)
    return X, np.array(["setosa", "versicolor", "virginica"])[y]


@pytest.mark.parametrize("name", sorted(set(MODELS) - {"dummy_prior"}))
@pytest.mark.parametrize("n_candidates", [2, 40])
def test_every_model_has_so_many_candidates_and_its_own_parameters_first(name, n_candidates):
    candidates = tuned(MODELS[name], n_candidates, [], seed=0).candidates
    assert len(candidates) == n_candidates
    assert candidates[0] == {}
    assert not any(a == b for a, b in itertools.combinations(candidates, 2))


def test_the_seed_decides_what_is_tried():
    first, again, other = (tuned(LogisticRegression(), 5, [], seed).candidates for seed in (0, 0, 1))
    assert first == again != other


def test_what_the_model_has_is_not_tried_twice():
    for seed in range(5):
        tried = tuned(KNeighborsClassifier(3, weights="distance", p=1), 190, [], seed).candidates
        assert {"n_neighbors": 3, "weights": "distance", "p": 1} not in tried


def test_the_best_mean_log_loss_is_chosen_and_fitted_to_all_rows(iris):
    X, y = iris
    inner = inner_folds(y, seed=0)
    model = tuned(LogisticRegression(max_iter=2000), 6, inner, seed=3).fit(X, y)
    expected = [
        cross_val_score(LogisticRegression(max_iter=2000, **params), X, y, cv=inner, scoring="neg_log_loss").mean()
        for params in model.candidates
    ]
    np.testing.assert_allclose(model.scores_, expected, rtol=1e-6)
    assert model.best_params_ == model.candidates[np.argmax(expected)] != {}
    alone = LogisticRegression(max_iter=2000, **model.best_params_).fit(X, y)
    np.testing.assert_array_equal(model.predict_proba(X), alone.predict_proba(X))
    np.testing.assert_array_equal(model.predict(X), alone.predict(X))
    np.testing.assert_array_equal(model.classes_, alone.classes_)


def test_without_probabilities_accuracy_decides(iris):
    X, y = iris
    inner = inner_folds(y, seed=0)
    model = TunedClassifier(LinearSVC(), [{"C": 1e-6}, {"C": 1.0}], inner).fit(X, y)
    assert not hasattr(model, "predict_proba")
    np.testing.assert_allclose(
        model.scores_, [cross_val_score(LinearSVC(C=C), X, y, cv=inner).mean() for C in (1e-6, 1)]
    )
    assert chosen(model) == {"C": "1.0"}


@pytest.mark.parametrize("seed", range(3))
def test_test_rows_have_no_say(iris, seed):
    X, y = iris
    train = np.sort(np.random.default_rng(seed).permutation(150)[:100])
    poisoned, X_poisoned = np.full(150, "elsewhere", dtype=object).astype(str), X * np.nan
    poisoned[train], X_poisoned.iloc[train] = y[train], X.iloc[train]
    models = []
    for X_seen, y_seen in ((X, y), (X_poisoned, poisoned)):
        rows, labels = Conditions(noise=0.2).apply(y_seen, train, seed)
        model = tuned(baselines()["k_nearest_neighbours"], 5, inner_folds(labels, seed=seed), seed)
        models.append(model.fit(X_seen.iloc[rows], labels))
    assert models[0].scores_ == models[1].scores_
    assert chosen(models[0]) == chosen(models[1])
    np.testing.assert_array_equal(models[0].predict_proba(X), models[1].predict_proba(X))


def test_a_class_that_a_fold_lacks_has_the_probability_zero():
    y = np.array(["a"] * 6 + ["b"] * 5 + ["c"])
    X = np.arange(12.0)[:, None]
    inner = inner_folds(y, seed=0)
    model = TunedClassifier(GaussianNB(), [{}, {"var_smoothing": 1e-3}], inner).fit(X, y)
    scores = []
    for train, test in inner:
        fitted = GaussianNB().fit(X[train], y[train])
        proba = np.zeros((len(test), 3))
        proba[:, np.searchsorted(["a", "b", "c"], fitted.classes_)] = fitted.predict_proba(X[test])
        scores.append(-log_loss(y[test], proba, labels=["a", "b", "c"]))
    assert min(scores) < -5
    assert model.scores_[0] == pytest.approx(np.mean(scores))


@pytest.mark.filterwarnings("ignore:evenness")
def test_a_candidate_that_fails_is_the_worst_and_all_failing_are_told(iris):
    X, y = iris
    y = np.where(y == "setosa", y, "other")
    inner = inner_folds(y, seed=0)
    model = evened([0.5, 1.0], inner, broken=(0.0, 0.5)).fit(X, y)
    assert model.scores_[:2] == [-np.inf, -np.inf]
    assert chosen(model) == {"evenness": "1.0"}
    with pytest.raises(RuntimeError, match=r"^no evenness of 0.0$"):
        evened([0.5], inner, broken=(0.0, 0.5)).fit(X, y)


@pytest.mark.filterwarnings("ignore:evenness")
def test_what_the_model_has_wins_where_others_are_no_better(iris):
    X, y = iris
    inner = [(np.arange(0, 150, 2), np.arange(1, 150, 2))]  # balanced, so that evenness changes nothing
    assert chosen(evened([0.5, 1.0], inner).fit(X, y)) == {}


def test_only_the_chosen_one_warns(iris):
    X, y = iris
    y = np.where(y == "setosa", y, "other")
    with pytest.warns(UserWarning, match="evenness") as caught:
        model = evened([0.3, 0.9], inner_folds(y, seed=0)).fit(X, y)
    assert [str(w.message) for w in caught] == [f"evenness {model.best_estimator_.evenness}"]


def test_not_a_number_is_a_failure(iris):
    class Nothing(GaussianNB):
        def predict_proba(self, X):
            return np.full((len(X), 3), np.nan)

    with pytest.raises(ValueError, match="expected probabilities, got NaN"):
        TunedClassifier(Nothing(), [{}], inner_folds(iris[1], seed=0)).fit(*iris)


def test_mixed_columns_with_string_labels(mixed):
    X, y, later = mixed
    X.index = X.index[::-1]
    for name in ("logistic_regression", "hist_gradient_boosting"):
        model = tuned(baselines()[name], 3, inner_folds(y, seed=0), seed=0).fit(X, y)
        assert np.isfinite(model.scores_).all()
        assert set(model.predict(later)) <= {"yes", "no"}


def test_a_wrapper_is_searched_with_its_net_and_seeded_from_outside(iris):
    X, y = iris
    X, y = X[::2], y[::2]
    wrapper = DecoupledLongTailClassifier(NetClassifier(n_members=1, max_epochs=2))
    model = tuned(wrapper, 2, inner_folds(y, seed=0)[:1], seed=1)
    seeds = [name for name in model.get_params() if name.rpartition("__")[2] == "random_state"]
    assert {"estimator__random_state", "estimator__estimator__random_state"} <= set(seeds)
    model.set_params(**dict.fromkeys(seeds, 5))
    first, again = clone(model).fit(X, y), clone(model).fit(X, y)
    assert first.scores_ == again.scores_
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))
    assert first.best_estimator_.estimator.max_epochs == 2


def test_the_choice_is_told_in_json():
    model = tuned(ReweightedClassifier(), 2, [], seed=0)
    model.best_params_ = model.candidates[1]
    told = json.loads(json.dumps(chosen(model)))
    assert told["estimator"] == "NetClassifier()"
    assert float(told["estimator__lr"]) == model.candidates[1]["estimator__lr"]
    assert chosen(GaussianNB()) == {}


def test_models_with_nothing_to_search_stay_what_they_are():
    for model in (MODELS["dummy_prior"], DecisionTreeClassifier(), NetClassifier(object)):
        assert tuned(model, 5, [], seed=0) is model
    assert is_classifier(tuned(LogisticRegression(), 5, [], seed=0))


def test_one_candidate_is_no_choice():
    with pytest.raises(InputError, match="at least 2 candidates to choose from, got 1"):
        tuned(LogisticRegression(), 1, [], seed=0)


def test_rows_of_a_frame_are_taken_by_position(iris):
    X, y = iris
    odd = pd.DataFrame(X.to_numpy(), index=np.random.default_rng(0).permutation(150) * 7, columns=X.columns)
    inner = inner_folds(y, seed=0)
    a, b = (tuned(KNeighborsClassifier(), 5, inner, seed=0).fit(table, y) for table in (X, odd))
    assert a.scores_ == b.scores_
