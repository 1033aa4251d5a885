import os
import signal

import numpy as np
import pandas as pd
import polars
import pytest
from matplotlib import pyplot
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.datasets import load_iris
from sklearn.dummy import DummyClassifier
from sklearn.metrics import balanced_accuracy_score, log_loss
from sklearn.model_selection import RepeatedStratifiedKFold, StratifiedKFold, cross_val_predict
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sktech.experiment import InputError, compare
from sktech.experiment.summary import best_models

TIMES = ["fit_seconds", "predict_seconds"]
QUICK = ["dummy_prior", "logistic_regression", "k_nearest_neighbours"]


class Witness(DummyClassifier):
    """Notes the rows and the seed it is fitted with."""

    seen = []  # noqa: RUF012 -- it is to outlive the clones

    def fit(self, X, y):
        self.seen.append((np.asarray(X)[:, 0].tolist(), self.random_state))
        return super().fit(X, y)


class Broken(GaussianNB):
    def fit(self, X, y):
        raise RuntimeError("out of\nluck")


class Impossible(GaussianNB):
    def predict_proba(self, X):
        return np.full((len(X), len(self.classes_)), np.nan)


class HalfBroken(GaussianNB):
    def fit(self, X, y):
        if len(self.seen) == 0:
            self.seen.append(1)
            raise RuntimeError("once")
        return super().fit(X, y)

    seen = []  # noqa: RUF012 -- it is to outlive the clones


class SureInSinglePrecision(ClassifierMixin, BaseEstimator):
    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict_proba(self, X):
        proba = np.zeros((len(X), len(self.classes_)), dtype=np.float32)
        proba[:, 0] = 1
        return proba

    def predict(self, X):
        return np.full(len(X), self.classes_[0])


@pytest.fixture(scope="module")
def iris():
    return load_iris(return_X_y=True, as_frame=True)


@pytest.fixture(autouse=True)
def forget():
    Witness.seen.clear()
    HalfBroken.seen.clear()


def test_all_models_see_the_same_folds_and_seeds(iris):
    X, y = iris
    X = X.assign(number=np.arange(len(X)))[["number"]]
    compare(
        X, y, {"one": Witness(), "other": Witness(random_state=3)}, cv=RepeatedStratifiedKFold(n_splits=3, n_repeats=2)
    )
    assert len(Witness.seen) == 12
    assert Witness.seen[::2] == Witness.seen[1::2]
    assert len({tuple(rows) for rows, _ in Witness.seen}) == len({seed for _, seed in Witness.seen}) == 6


def test_results_do_not_depend_on_the_number_of_processes(iris):
    models = [*QUICK, "random_forest"]
    one, two = (compare(*iris, models, cv=2, n_jobs=n).folds() for n in (1, 2))
    by = ["model", "fold"]
    one, two = (frame.drop(columns=TIMES).sort_values(by, ignore_index=True) for frame in (one, two))
    pd.testing.assert_frame_equal(one, two)


class SparedOfInterrupts(DummyClassifier):
    """Ends a process that Control-C reaches."""

    def fit(self, X, y):
        os.kill(os.getpid(), signal.SIGINT)
        return super().fit(X, y)


@pytest.mark.skipif(os.name == "nt", reason="signals differ")
def test_only_the_first_process_sees_an_interrupt(iris, interruptible):
    model = {"spared": SparedOfInterrupts(strategy="prior")}
    assert compare(*iris, model, cv=2, n_jobs=2).to_frame().loc["spared", "status"] == "ok"
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_the_same_random_state_gives_the_same_results(iris):
    runs = [compare(*iris, ["random_forest"], cv=2, random_state=s).to_frame()["log_loss"].item() for s in (1, 1, 2)]
    assert runs[0] == runs[1] != runs[2]


def test_scores_are_those_of_scikit_learn(iris):
    X, y = iris
    cv = StratifiedKFold(3)
    frame = compare(X, y, [GaussianNB()], cv=cv).folds()
    proba = cross_val_predict(GaussianNB(), X, y, cv=cv, method="predict_proba")
    for row, (_, test) in zip(frame.itertuples(), cv.split(X, y), strict=True):
        assert row.accuracy == np.mean(proba[test].argmax(axis=1) == y[test])
        assert row.log_loss == pytest.approx(log_loss(y[test], proba[test]))
        assert row.balanced_accuracy == pytest.approx(balanced_accuracy_score(y[test], proba[test].argmax(axis=1)))


def test_a_model_that_fails_is_a_row_that_says_why(iris):
    comparison = compare(*iris, [Broken(), HalfBroken(), Impossible(), GaussianNB()], cv=2)
    frame = comparison.to_frame()
    assert frame["folds"].to_dict() == {"GaussianNB": 2, "HalfBroken": 1, "Broken": 0, "Impossible": 0}
    assert frame.loc["Broken", "status"] == "failed: RuntimeError: out of luck"
    assert frame.loc["HalfBroken", "status"] == "failed in 1 of 2 folds: RuntimeError: once"
    assert "NaN" in frame.loc["Impossible", "status"]
    assert comparison.best() == "GaussianNB"
    assert len(comparison.folds()) == 8


def test_a_model_without_probabilities_has_an_accuracy(iris):
    comparison = compare(*iris, [LinearSVC(), "dummy_prior"], cv=2)
    frame = comparison.to_frame()
    assert frame["log_loss"].isna().to_dict() == {"dummy_prior": False, "LinearSVC": True}
    assert frame.loc["LinearSVC", "accuracy"] > 0.5
    assert compare(*iris, [LinearSVC()], cv=2).best() == "LinearSVC"


def test_sure_and_wrong_in_single_precision_costs_what_it_costs_in_double(iris):
    row = compare(*iris, [SureInSinglePrecision()], cv=2).to_frame().loc["SureInSinglePrecision"]
    assert row["status"] == "ok"
    assert row["log_loss"] == pytest.approx(-2 / 3 * np.log(np.finfo(float).eps), rel=1e-3)


def test_warnings_are_kept_in_the_status(iris):
    frame = compare(*iris, ["mlp_classifier"], cv=2).to_frame()
    assert frame["status"].item() == "ok; warned: ConvergenceWarning"


def test_folds_that_miss_a_class(iris):
    X, y = iris
    folds = [(np.r_[0:90], np.r_[90:150]), (np.r_[50:150], np.r_[0:10])]
    frame = compare(X, y, [GaussianNB()], cv=folds).folds()
    assert (frame["status"] == "ok").all()
    assert frame["accuracy"].tolist() == [frame["accuracy"][0], 0]
    assert frame["roc_auc"].isna().tolist() == [False, True]


def test_best_is_the_best_of_each_column(iris):
    frame = compare(*iris, QUICK, cv=3).to_frame()
    assert frame["log_loss"].is_monotonic_increasing
    best = best_models(frame)
    assert best["log_loss"] == {frame.index[0]}
    for model in best["accuracy"]:
        assert frame.loc[model, "accuracy"] == frame["accuracy"].max()


@pytest.mark.parametrize("convert", [np.asarray, lambda X: X.to_numpy().tolist(), polars.from_pandas])
def test_tables_of_any_kind(iris, convert):
    X, y = iris
    expected = compare(X, y, QUICK, cv=2).to_frame()["log_loss"]
    pd.testing.assert_series_equal(compare(convert(X), y.tolist(), QUICK, cv=2).to_frame()["log_loss"], expected)


@pytest.mark.parametrize("kind", ["scores", "time", "reliability", "confusion"])
def test_plots(iris, kind, tmp_path):
    figure = compare(*iris, [*QUICK, LinearSVC()], cv=2).plot(kind)
    figure.savefig(tmp_path / "plot.png")
    pyplot.close(figure)


def test_plots_say_what_they_cannot_draw(iris):
    with pytest.raises(ValueError, match=r"kind must be one of scores, differences, .*, got 'pie'"):
        compare(*iris, ["dummy_prior"], cv=2).plot("pie")
    with pytest.raises(ValueError, match="no model has the scores for the plot 'scores'"):
        compare(*iris, [Broken()], cv=2).plot()
    with pytest.raises(ValueError, match="for the plot 'time'"):
        compare(*iris, [LinearSVC()], cv=2).plot("time")


def test_bad_input_is_refused(iris):
    X, y = iris
    with pytest.raises(InputError, match="at least 2 folds, got 1"):
        compare(X, y, QUICK, cv=1)
    with pytest.raises(InputError, match="got 150 rows and 149 labels"):
        compare(X, y[1:], QUICK)
    with pytest.raises(InputError, match=r"array of shape \(150,\)"):
        compare(y, y, QUICK)
    with pytest.raises(InputError, match=r"use cv=2, or drop or merge it"):
        compare(X[48:], y[48:], QUICK)


def test_progress_on_request(iris, capsys):
    compare(*iris, ["dummy_prior"], cv=2, verbose=1)
    assert capsys.readouterr().err == "2 of 2 fits done\n"
    compare(*iris, ["dummy_prior"], cv=2)
    assert capsys.readouterr().err == ""
