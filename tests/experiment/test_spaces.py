import warnings

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.ensemble import RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import ParameterSampler
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktech import BaggingVoteEnsemble, NetClassifier, SmoothedNetClassifier
from sktech.experiment.intervals import Interval
from sktech.experiment.models import choose_models
from sktech.experiment.spaces import describe_spaces, search_space
from sktech.modules import MLP
from sktech.smoothing import Bootstrapping, LabelSmoothing, VirtualAdversarial

MODELS = {model.name: model.estimator for model in choose_models()}
SEARCHED = sorted(set(MODELS) - {"dummy_prior"})


def quick(model):
    """Fewer epochs, iterations and members, where a model has them."""
    small = {"max_epochs": 2, "iterations": 5, "n_estimators": 3, "max_iter": 5, "n_members": 1, "cv": 2}
    params = {name: small.get(name.rpartition("__")[2]) for name in model.get_params()}
    return model.set_params(**{name: value for name, value in params.items() if value is not None})


def drawn(space, n, seed=0):
    return list(ParameterSampler(space, n, random_state=seed))


@pytest.mark.parametrize("name", SEARCHED)
def test_what_is_drawn_can_be_set_and_fitted(name):
    X, y = load_iris(return_X_y=True, as_frame=True)
    X, y = X[::2], np.array(["a", "b", "c"])[y[::2]]
    for params in drawn(search_space(MODELS[name]), 2):
        model = clone(MODELS[name]).set_params(**clone(params, safe=False))
        for parameter, value in params.items():
            if not hasattr(value, "get_params"):
                assert model.get_params()[parameter] == value
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # so short a training does not converge
            proba = quick(model).fit(X, y).predict_proba(X)
        np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)


@pytest.mark.parametrize("name", SEARCHED)
def test_every_model_has_a_space_that_is_not_soon_used_up(name):
    space = search_space(MODELS[name])
    values = {repr(sorted(params.items(), key=str)) for params in drawn(space, 100)}
    assert len(values) > 60


@pytest.mark.parametrize("name", SEARCHED)
def test_the_default_is_in_the_midst_of_the_range(name):
    params = MODELS[name].get_params()
    for parameter, values in search_space(MODELS[name]).items():
        default = params.get(parameter)
        if isinstance(values, Interval) and isinstance(default, int | float) and not isinstance(default, bool):
            assert values.low <= default <= values.high or default == 0, parameter


def test_names_lead_through_pipelines_and_wrappers_to_the_model_given():
    assert search_space(LogisticRegression()).keys() == {"C"}
    nested = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression()))
    assert search_space(nested).keys() == {"pipeline__logisticregression__C"}
    forest = search_space(BaggingVoteEnsemble(RandomForestClassifier()))
    assert {"bootstrap", "estimator__max_features"} <= forest.keys()
    assert "estimator" not in forest
    assert "estimator__lr" not in forest


@pytest.mark.parametrize(
    ("term", "names"),
    [
        (LabelSmoothing(), {"smoothing__amount"}),
        (Bootstrapping(hard=True), {"smoothing__beta"}),
        (VirtualAdversarial(), {"smoothing__radius", "smoothing__strength"}),
        ("label_smoothing", set()),
        ([LabelSmoothing(), Bootstrapping()], set()),
    ],
)
def test_the_terms_given_are_kept(term, names):
    space = search_space(SmoothedNetClassifier(term))
    assert {name for name in space if name.startswith("smoothing")} == names
    assert "lr" in space
    SmoothedNetClassifier(term).set_params(**drawn(space, 1)[0])


def test_a_subclass_has_the_space_of_its_class_and_the_unknown_none():
    class Own(NetClassifier):
        pass

    assert search_space(Own()) == search_space(NetClassifier())
    assert search_space(NetClassifier(MLP)) == {}
    assert search_space(GaussianNB()) == {}
    assert search_space(MODELS["dummy_prior"]) == {}


def test_all_spaces_are_described():
    frame = describe_spaces()
    described = frame.groupby("model")["parameter"].agg(set).to_dict()
    assert described == {name: set(search_space(MODELS[name])) for name in SEARCHED}
    assert frame["values"].str.len().min() > 0


# ---------------------------------------------------------------- intervals


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_spread_evenly_over_the_interval(log, seed):
    interval = Interval(0.01, 10.0, log=log)
    random = np.random.RandomState(seed)
    numbers = np.array([0.01, 10.0, *(interval.rvs(random) for _ in range(2000))])
    low, high, *values = np.log(numbers) if log else numbers
    uniform = np.sort((values - low) / (high - low))
    assert np.abs(uniform - np.linspace(0, 1, 2000)).max() < 0.045  # Kolmogorov and Smirnov, 99.9 %


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_reach_both_ends(log):
    random = np.random.RandomState(0)
    values = [Interval(2, 7, log=log).rvs(random) for _ in range(600)]
    assert set(values) == set(range(2, 8))
    assert all(type(value) is int for value in values)
    counts = np.bincount(values)[2:]
    weight = np.log(np.arange(3, 9) / np.arange(2, 8)) if log else np.ones(6)
    np.testing.assert_allclose(counts / 600, weight / weight.sum(), atol=0.06)


def test_what_is_written_down_is_what_was_drawn():
    random = np.random.RandomState(0)
    for value in [Interval(1e-5, 1.0, log=True).rvs(random) for _ in range(50)]:
        assert float(f"{value:.4g}") == value
