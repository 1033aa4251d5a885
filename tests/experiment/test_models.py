import pytest
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.dummy import DummyClassifier
from sklearn.linear_model import LinearRegression
from sklearn.naive_bayes import GaussianNB

import sktech
from sktech.experiment import InputError, baselines
from sktech.experiment.models import choose_models, sktech_classifiers


class NeedsArguments(ClassifierMixin, BaseEstimator):
    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y):
        return self


class Technique(GaussianNB):
    __module__ = "sktech.classifiers.technique"


def families(models):
    return {model.name: model.family for model in models}


def test_everything_takes_part_by_default():
    names = [model.name for model in choose_models()]
    assert set(baselines()) < set(names)
    assert set(sktech_classifiers()) < set(names)


def test_a_technique_joins_by_being_public(monkeypatch):
    monkeypatch.setattr(sktech, "__all__", ["Technique", "NeedsArguments", "number"])
    for name, value in {"Technique": Technique, "NeedsArguments": NeedsArguments, "number": 1}.items():
        monkeypatch.setattr(sktech, name, value, raising=False)
    assert list(sktech_classifiers()) == ["Technique"]
    assert families(choose_models())["Technique"] == "sktech"


def test_ones_own_estimator_takes_one_line():
    expected = dict.fromkeys(baselines(), "baseline") | {"GaussianNB": "own"}
    assert families(choose_models([*baselines(), GaussianNB()])) == expected
    assert families(choose_models({**baselines(), "GaussianNB": GaussianNB()})) == expected
    assert families(choose_models([*baselines(), "sklearn.naive_bayes:GaussianNB"])) == expected


def test_names_are_unique():
    models = choose_models([DummyClassifier(), DummyClassifier(), DummyClassifier(), "dummy_prior"])
    assert [m.name for m in models] == ["DummyClassifier", "DummyClassifier_2", "DummyClassifier_3", "dummy_prior"]


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        (["forest"], "unknown model 'forest'; known are .*random_forest"),
        (["no_such_module:X"], "No module named 'no_such_module'"),
        (["sklearn.naive_bayes:X"], "has no attribute 'X'"),
        (["sklearn.ensemble:VotingClassifier"], "needs no arguments, got VotingClassifier"),
        (["sklearn.base:clone"], "expected a class, got <function clone"),
        ([GaussianNB], "expected a scikit-learn classifier, got <class"),
        ([LinearRegression()], "expected a scikit-learn classifier, got LinearRegression"),
        ({"number": 1}, "model 'number': expected a scikit-learn classifier, got 1"),
        ([], "at least one model"),
    ],
)
def test_what_is_no_model_is_refused(choice, message):
    with pytest.raises(InputError, match=message):
        choose_models(choice)
