from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from sktech.experiment import compare
from sktech.experiment.models import Model
from sktech.experiment.page_models import model_events, model_parameters


def test_every_parameter_is_told_once_those_of_parts_too():
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=0.125))
    told = model_parameters(Model("mine", pipeline, "own"))
    assert "LogisticRegression(C=0.125)" in told.written
    leaves = {f"logisticregression__{name}" for name in LogisticRegression().get_params()}
    leaves |= {f"standardscaler__{name}" for name in StandardScaler().get_params()} | {"memory", "verbose"}
    names = [name for name, _ in told.parameters]
    assert leaves <= set(names)
    assert not {"steps", "logisticregression"} & set(names)
    assert len(names) == len(set(names))
    assert dict(told.parameters)["logisticregression__C"] == "0.125"


def test_places_in_memory_are_not_told():
    told = model_parameters(Model("odd", make_pipeline(FunctionTransformer(lambda x: x), LogisticRegression()), "own"))
    assert "0x" not in told.written
    assert "0x" not in str(told.parameters)


def test_long_estimators_are_told_in_full():
    steps = [StandardScaler(with_mean=False, copy=False) for _ in range(25)]
    written = model_parameters(Model("long", make_pipeline(*steps, LogisticRegression()), "own")).written
    assert written.count("StandardScaler") == 25


def test_folds_of_several_drawings_are_named():
    comparison = compare(*load_iris(return_X_y=True), [LogisticRegression(max_iter=1)], cv=2, n_repeats=2)
    (events,) = model_events(comparison)
    ((text, folds),) = events.warnings
    assert text.startswith("ConvergenceWarning")
    assert folds == "folds 1, 2 of drawing 1; folds 1, 2 of drawing 2"
    assert events.failures == events.chosen == []
