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
