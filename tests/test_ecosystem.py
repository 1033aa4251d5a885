"""NetClassifier among scikit-learn's tools: each of them works with it as with scikit-learn's own classifiers."""

import copy
import io
import pickle

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import AdaBoostClassifier, BaggingClassifier, StackingClassifier, VotingClassifier
from sklearn.feature_selection import SequentialFeatureSelector
from sklearn.frozen import FrozenEstimator
from sklearn.inspection import permutation_importance
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate, learning_curve
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import CrossEntropyLoss

from sktech import NetClassifier, TensorNet
from sktech.modules import MLP


@pytest.fixture
def X():
    return np.random.default_rng(0).normal(size=(240, 3))


@pytest.fixture
def y(X):
    return np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")


@pytest.fixture
def frame(X):
    colour = np.random.default_rng(1).choice(["red", "blue", None], 240)
    return pd.DataFrame(X, columns=["a", "b", "c"]).assign(colour=colour)


def net(**params):
    """A small net that learns these tables."""
    quick = {"hidden_layer_sizes": (16,), "max_epochs": 15, "lr": 0.02, "batch_size": 32, "random_state": 0}
    return NetClassifier(**quick | params)


def assert_learned(model, X, y):
    assert_allclose(model.predict_proba(X).sum(axis=1), 1, rtol=1e-5)
    assert_array_equal(model.classes_, ["no", "yes"])
    assert model.score(X, y) > 0.85


def test_pipeline(X, y):
    assert_learned(make_pipeline(StandardScaler(), net()).fit(X, y), X, y)


def columns():
    return ColumnTransformer([("scaled", StandardScaler(), ["a", "b"])], remainder="passthrough")


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
@pytest.mark.parametrize("output", ["pandas", "polars"])
def test_column_transformer_that_puts_out_frames(output, make, frame, y):
    table = make(frame)
    model = make_pipeline(columns(), net()).set_output(transform=output).fit(table, y)
    assert_learned(model, table, y)
    assert model[-1].feature_names_in_[-1] == "remainder__colour"


def test_column_transformer_that_puts_out_objects(frame, y):
    assert_learned(make_pipeline(columns(), net(categorical_features=[3])).fit(frame, y), frame, y)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_grid_search_in_processes(make, frame, y):
    search = GridSearchCV(net(), {"lr": [1e-9, 0.02]}, cv=2, n_jobs=2, error_score="raise").fit(make(frame), y)
    assert search.best_params_ == {"lr": 0.02}
    assert_learned(search, make(frame), y)


def test_cross_validate_makes_the_same_models_in_processes(frame, y):
    one, two = (cross_validate(net(), frame, y, cv=3, n_jobs=n, return_estimator=True) for n in (1, 2))
    assert_array_equal(one["test_score"], two["test_score"])
    for here, there in zip(one["estimator"], two["estimator"], strict=True):
        assert_array_equal(here.predict_proba(frame), there.predict_proba(frame))


def test_large_arrays_reach_processes_as_read_only_memory_maps():
    X = np.random.default_rng(0).normal(size=(500, 300))  # joblib maps arrays above 1 MB
    scores = cross_validate(net(max_epochs=2), X, X[:, 0] > 0, cv=2, n_jobs=2, error_score="raise")["test_score"]
    assert np.isfinite(scores).all()


def test_processes_inside_threads(X, y):
    model = BaggingClassifier(VotingClassifier([("net", net())], n_jobs=2), 2, n_jobs=2, random_state=0).fit(X, y)
    assert_learned(model, X, y)


@pytest.mark.parametrize("method", ["sigmoid", "isotonic"])
def test_calibration(method, frame, y):
    assert_learned(CalibratedClassifierCV(net(), cv=2, method=method).fit(frame, y), frame, y)


def test_calibration_of_a_frozen_net(frame, y):
    assert_learned(CalibratedClassifierCV(FrozenEstimator(net().fit(frame, y))).fit(frame, y), frame, y)


def test_voting(frame, y):
    members = [("one", net()), ("other", net(random_state=1))]
    model = VotingClassifier(members, voting="soft", n_jobs=2).fit(frame, y)
    assert_learned(model, frame, y)
    mean = np.mean([member.predict_proba(frame) for member in model.estimators_], axis=0)
    assert_allclose(model.predict_proba(frame), mean)


def test_stacking(X, y):
    members = [("one", net()), ("other", net(random_state=1))]
    assert_learned(StackingClassifier(members, final_estimator=net(), cv=2, passthrough=True).fit(X, y), X, y)


def test_boosting(X, y):
    assert_learned(AdaBoostClassifier(net(), n_estimators=3, random_state=0).fit(X, y), X, y)


def test_bagging(X, y):
    assert_learned(BaggingClassifier(net(), n_estimators=3, n_jobs=2, random_state=0).fit(X, y), X, y)


def test_one_against_the_rest(X):
    y = np.array(["a", "b", "c"])[np.digitize(X[:, 0], [-0.5, 0.5])]
    assert OneVsRestClassifier(net()).fit(X, y).score(X, y) > 0.8


def test_frozen(frame, y):
    model = net().fit(frame, y)
    assert_array_equal(FrozenEstimator(model).fit(frame[:0], []).predict(frame), model.predict(frame))


def test_permutation_importance(frame, y):
    importances = permutation_importance(net().fit(frame, y), frame, y, n_repeats=3, random_state=0).importances_mean
    assert min(importances[:2]) > max(importances[2:])


@pytest.mark.parametrize("incremental", [False, True])
def test_learning_curve(incremental, X, y):
    sizes, _, scores = learning_curve(
        net(), X, y, cv=2, train_sizes=[0.2, 1.0], exploit_incremental_learning=incremental, error_score="raise"
    )
    assert scores.shape == (2, 2)
    assert np.isfinite(scores).all()
    assert list(sizes) == [24, 120]


def test_feature_selection_down_to_one_column(y):
    flags = pd.DataFrame({"luck": np.arange(240) % 2 == 0, "sign": y == "yes"})
    selector = SequentialFeatureSelector(net(), n_features_to_select=1, cv=2).fit(flags, y)
    assert selector.get_feature_names_out().tolist() == ["sign"]


def test_weights_are_routed_through_a_pipeline(X, y):
    weight = (np.arange(240) < 150).astype(float)
    with config_context(enable_metadata_routing=True):
        scaler = StandardScaler().set_fit_request(sample_weight=False)
        model = make_pipeline(scaler, net().set_fit_request(sample_weight=True)).fit(X, y, sample_weight=weight)
    alone = net().fit(model[0].transform(X)[:150], y[:150])
    assert_array_equal(model.predict_proba(X), alone.predict_proba(model[0].transform(X)))


def test_weights_are_routed_through_a_grid_search(X, y):
    with config_context(enable_metadata_routing=True):
        model = net().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        search = GridSearchCV(model, {"lr": [0.02]}, cv=2, error_score="raise")
        search.fit(X, y, sample_weight=np.arange(240) % 3)
    assert_array_equal(search.predict(X), net().fit(X, y, sample_weight=np.arange(240) % 3).predict(X))


def test_html_and_text_show_the_parameters(frame, y):
    for model in [net(lr=0.123), net(lr=0.123).fit(frame, y), GridSearchCV(net(lr=0.123), {})]:
        assert "0.123" in model._repr_html_()
        assert "lr=0.123" in repr(model)


def test_text_shows_only_what_was_set():
    assert repr(NetClassifier(lr=0.1)) == "NetClassifier(lr=0.1)"


def test_clone_copies_parameters_and_nothing_fitted(frame, y):
    inside = TensorNet(MLP, criterion=CrossEntropyLoss, lr=0.5, max_epochs=2, verbose=0)
    model = NetClassifier(inside, random_state=0).fit(frame, y)
    duplicate = clone(model)
    assert not hasattr(duplicate, "net_")
    assert duplicate.get_params()["net__lr"] == 0.5
    assert_array_equal(duplicate.fit(frame, y).predict_proba(frame), model.predict_proba(frame))


def dumped(model):
    file = io.BytesIO()
    joblib.dump(model, file)
    file.seek(0)
    return joblib.load(file)


def mapped(model, path):
    joblib.dump(model, path)
    return joblib.load(path, mmap_mode="r")


def test_copies_predict_the_same(tmp_path, frame, y):
    model = net().fit(frame, y)
    copies = [pickle.loads(pickle.dumps(model)), dumped(model), mapped(model, tmp_path / "net"), copy.deepcopy(model)]
    for duplicate in copies:
        assert_array_equal(duplicate.predict_proba(frame), model.predict_proba(frame))


# ------------------------------------------------------------ scikit-learn's callbacks


@pytest.fixture
def callbacks():
    return pytest.importorskip("sklearn.callback", reason="this scikit-learn has no callbacks")


def logged(monitor, task):
    log = monitor.get_logs().data_as_pandas
    return log[log["task_name"] == task]


@pytest.mark.parametrize("params", [{"early_stopping": False}, {"patience": 1, "max_epochs": 100, "lr": 0.1}], ids=str)
def test_a_monitor_sees_every_epoch(params, callbacks, frame, y):
    monitor = callbacks.ScoringMonitor(scoring="accuracy")
    model = net(**params).set_callbacks(monitor).fit(frame, y)
    assert len(logged(monitor, "epoch")) == model.n_iter_


def test_a_monitor_scores_the_net_of_each_epoch_and_at_last_the_fitted_one(callbacks, frame, y):
    monitor = callbacks.ScoringMonitor(scoring="accuracy")
    model = net().set_callbacks(monitor).fit(frame, y)
    scores = logged(monitor, "epoch")["accuracy"]
    assert scores.iloc[-1] > scores.iloc[0]
    assert logged(monitor, "fit")["accuracy"].item() == model.score(frame, y)


def test_callbacks_do_not_change_the_model(callbacks, capsys, frame, y):
    watched = net().set_callbacks(callbacks.ProgressBar(), callbacks.ScoringMonitor(scoring="accuracy")).fit(frame, y)
    assert_array_equal(watched.predict_proba(frame), net().fit(frame, y).predict_proba(frame))


@pytest.mark.parametrize("params", [{"early_stopping": False}, {"patience": 1, "max_epochs": 100, "lr": 0.1}], ids=str)
def test_the_progress_bar_fills(params, callbacks, capsys, frame, y):
    net(**params).set_callbacks(callbacks.ProgressBar()).fit(frame, y)
    out = capsys.readouterr().out
    assert "NetClassifier" in out
    assert "100%" in out


@pytest.mark.parametrize("n_jobs", [1, 2])
def test_the_progress_bar_of_a_grid_search_holds_those_of_its_nets(n_jobs, callbacks, capsys, frame, y):
    search = GridSearchCV(net(max_epochs=2), {"lr": [0.01, 0.02]}, cv=2, n_jobs=n_jobs)
    search.set_callbacks(callbacks.ProgressBar()).fit(frame, y)
    out = capsys.readouterr().out
    assert "NetClassifier" in out
    assert "100%" in out


def test_a_monitor_inside_a_grid_search_sees_every_fit(callbacks, X, y):
    monitor = callbacks.ScoringMonitor(scoring="accuracy")
    GridSearchCV(net(max_epochs=2).set_callbacks(monitor), {"lr": [0.01, 0.02]}, cv=2).fit(X, y)
    assert len(logged(monitor, "epoch")) == 2 * (2 * 2 + 1)


def test_cross_validation_scores_frames_of_any_kind_alike(frame, y):
    pandas, polars = (cross_val_score(net(), table, y, cv=3) for table in (frame, pl.from_pandas(frame)))
    assert_array_equal(pandas, polars)
