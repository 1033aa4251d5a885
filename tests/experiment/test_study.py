import numpy as np
import pytest
from matplotlib import pyplot
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.naive_bayes import GaussianNB
from sklearn.svm import LinearSVC

from sktech.experiment import InputError, compare_tables


class NotOfThreeClasses(GaussianNB):
    def fit(self, X, y):
        if len(set(y)) > 2:
            raise ValueError("too many classes")
        return super().fit(X, y)


@pytest.fixture(scope="module")
def study():
    tables = {"iris": load_iris(return_X_y=True), "wine": load_wine(return_X_y=True)}
    tables["cancer"] = load_breast_cancer(return_X_y=True)
    models = ["dummy_prior", "logistic_regression", "k_nearest_neighbours", LinearSVC(), NotOfThreeClasses()]
    return compare_tables(tables, models, cv=2)


def test_the_frame_has_the_mean_of_each_model_on_each_table(study):
    frame = study.to_frame("accuracy")
    assert list(frame.index) == ["iris", "wine", "cancer"]
    assert list(frame.columns) == [model.name for model in study.models]
    for comparison in study:
        folds = comparison.folds()
        means = folds[folds["status"] == "ok"].groupby("model")["accuracy"].mean()
        np.testing.assert_allclose(
            frame.loc[comparison.name].dropna(), means[frame.loc[comparison.name].dropna().index]
        )
    assert frame["NotOfThreeClasses"].isna().tolist() == [True, True, False]
    assert study.to_frame()["LinearSVC"].isna().all()
    with pytest.raises(InputError, match=r"expected one of accuracy, .*, got 'speed'"):
        study.to_frame("speed")


def test_ranks_are_of_the_models_that_are_scored_everywhere(study):
    ranks = study.ranks()
    frame = study.to_frame()[["dummy_prior", "logistic_regression", "k_nearest_neighbours"]]
    assert set(ranks.index) == set(frame.columns)
    assert list(ranks.columns) == ["mean_rank", "iris", "wine", "cancer"]
    for model in frame:
        expected = [(frame.loc[table] <= frame.loc[table, model]).sum() for table in frame.index]
        assert ranks.loc[model, frame.index].tolist() == expected
        assert ranks.loc[model, "mean_rank"] == np.mean(expected)
    assert ranks["mean_rank"].is_monotonic_increasing
    assert "LinearSVC" in study.ranks("accuracy").index


def test_differences_and_words_are_of_the_score_that_models_are_judged_by(study):
    iris = study["iris"]
    assert iris.score == "log_loss"
    assert iris.leaders()[0] == iris.best()
    frame = iris.differences()
    assert iris.best() not in frame.index
    against = iris.differences("dummy_prior")
    assert against.loc[iris.best(), "mean"] == pytest.approx(-frame.loc["dummy_prior", "mean"])
    with pytest.raises(InputError, match="got 'nobody'"):
        iris.differences("nobody")
    only_labels = compare_tables({"iris": load_iris(return_X_y=True)}, [LinearSVC(), LinearSVC(C=1e-9)], cv=2)["iris"]
    assert only_labels.score == "accuracy"
    assert "accuracy" in only_labels.verdict()


def test_plots_of_several_tables(study):
    for kind in ("critical_difference", "time"):
        texts = [text.get_text() for ax in study.plot(kind).axes for text in ax.texts]
        assert any("k_nearest_neighbours" in text for text in texts)
        pyplot.close()
    with pytest.raises(ValueError, match="kind must be one of critical_difference, time, got 'scores'"):
        study.plot("scores")
    one = compare_tables({"iris": load_iris(return_X_y=True)}, ["dummy_prior"], cv=2)
    with pytest.raises(ValueError, match="nothing to draw: it takes two models"):
        one.plot()


def test_a_study_shows_its_scores_the_best_first(study):
    lines = repr(study).splitlines()
    assert lines[0] == "Study of 5 models on iris, wine and cancer: log_loss"
    assert lines[3].startswith(study.ranks().index[0])
    assert "NaN" in lines[-1]
