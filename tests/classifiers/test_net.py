"""What NetClassifier promises: tables as they come, weights, reproducibility, errors that leave no trace."""

import copy
import pickle
import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
import scipy.sparse
import torch
from joblib import Parallel, delayed
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetBinaryClassifier, NeuralNetClassifier, NeuralNetRegressor
from skorch.callbacks import Callback, EpochScoring, GradientNormClipping
from torch import nn
from torch.utils.data import DataLoader

import sktech.classifiers.net
from sktech import NetClassifier, TensorNet
from sktech.modules import MLP


def learner(net=None, **params):
    """A small net that is trained for a moment."""
    short = {"random_state": 0}
    if not isinstance(net, NeuralNetClassifier):
        short["max_epochs"] = 3
    if net is None:
        short["hidden_layer_sizes"] = (8,)
    return NetClassifier(net, **short | params)


def thorough(**params):
    """A small net that has time to learn."""
    return learner(**{"max_epochs": 40, "batch_size": 32, "lr": 0.01} | params)


def points(n=200, seed=0):
    X = np.random.default_rng(seed).normal(size=(n, 3))
    return X, (X[:, 0] + X[:, 1] > 0).astype(int)


@pytest.fixture
def X():
    return points()[0]


@pytest.fixture
def y():
    return points()[1]


@pytest.fixture
def frame(X):
    """Every kind of column, and missing values."""
    rng = np.random.default_rng(1)
    n = len(X)
    holes = rng.random(n) < 0.2
    return pd.DataFrame(
        {
            "size": X[:, 0],
            "gap": np.where(holes, np.nan, X[:, 1]),
            "count": pd.array(np.where(holes, None, rng.integers(0, 9, n)), dtype="Int64"),
            "smoker": rng.random(n) < 0.5,
            "member": pd.array(np.where(holes, None, rng.random(n) < 0.5), dtype="boolean"),
            "colour": np.where(holes, None, rng.choice(["red", "blue", "green"], n)),
            "city": pd.Categorical(rng.choice(["Rome", "Oslo"], n)),
            "note": pd.array(np.where(holes, None, rng.choice(["a", "b"], n)), dtype="string"),
        }
    )


def assert_same_model(one, other, X):
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def assert_probabilities(proba, shape):
    assert proba.shape == shape
    assert np.isfinite(proba).all()
    assert (proba >= 0).all()
    assert_allclose(proba.sum(axis=1), 1, rtol=1e-5)


# ------------------------------------------------------------ what may be given as net


class Wide(nn.Module):
    """A user's module that is told its sizes."""

    def __init__(self, n_features_in, n_classes, width=4):
        super().__init__()
        self.layers = nn.Sequential(nn.Linear(n_features_in, width), nn.ReLU(), nn.Linear(width, n_classes))

    def forward(self, X):
        return self.layers(X)


class SoftWide(Wide):
    def forward(self, X):
        return torch.softmax(self.layers(X), dim=-1)


class WithBatchNorm(Wide):
    def __init__(self, n_features_in, n_classes):
        super().__init__(n_features_in, n_classes)
        self.layers.insert(0, nn.BatchNorm1d(n_features_in))


def skorch_net(kind=NeuralNetClassifier, module=Wide, **params):
    return kind(module, **{"criterion": nn.CrossEntropyLoss, "max_epochs": 3, "lr": 0.1, "verbose": 0} | params)


NETS = {
    "none": None,
    "class": Wide,
    "callable": lambda n_features_in, n_classes: nn.Linear(n_features_in, n_classes),
    "batch norm": WithBatchNorm,
    "skorch": skorch_net(),
    "TensorNet": skorch_net(TensorNet),
    "probabilities": skorch_net(module=SoftWide, criterion=nn.NLLLoss),
}


@pytest.mark.parametrize("net", NETS.values(), ids=NETS)
def test_every_kind_of_net_learns_a_table(net, frame, y):
    times = {"net__max_epochs": 40, "net__batch_size": 32} if isinstance(net, NeuralNetClassifier) else {}
    times = times or {"max_epochs": 40, "batch_size": 32, "lr": 0.01}
    model = NetClassifier(net, random_state=0).set_params(**times).fit(frame, y)
    assert_probabilities(model.predict_proba(frame), (len(y), 2))
    assert model.score(frame, y) > 0.8


def test_softmax_with_nll_is_cross_entropy_of_logits(X, y):
    logits = learner(skorch_net()).fit(X, y)
    probabilities = learner(skorch_net(module=SoftWide, criterion=nn.NLLLoss)).fit(X, y)
    assert_allclose(logits.predict_proba(X), probabilities.predict_proba(X), atol=1e-5)


def test_a_skorch_net_that_was_fitted_elsewhere_starts_anew(X, y):
    fitted = skorch_net(module__n_features_in=3, module__n_classes=2).fit(X.astype("float32"), y)
    assert_same_model(learner(fitted).fit(X, y), learner(skorch_net()).fit(X, y), X)


def test_fit_leaves_the_users_net_alone(X, y):
    net = skorch_net()
    before = dict(vars(net))
    learner(net).fit(X, y)
    assert not net.initialized_
    assert vars(net) == before


@pytest.mark.parametrize("n_jobs", [1, 2])
@pytest.mark.parametrize(
    "grid",
    [
        {"net__module__hidden_layer_sizes": [(2,), (8,)], "net__lr": [0.1, 0.3]},
        {"callbacks": [None, [GradientNormClipping(1.0)], [EpochScoring("accuracy", lower_is_better=False)]]},
        {"net": [skorch_net(module=MLP), skorch_net(TensorNet, MLP), None, MLP]},
    ],
    ids=["inside the net", "callbacks", "net"],
)
def test_a_grid_search_reaches(grid, n_jobs, X, y):
    search = GridSearchCV(
        NetClassifier(skorch_net(module=MLP), random_state=0), grid, cv=2, n_jobs=n_jobs, error_score="raise"
    )
    search.fit(X, y)
    assert search.best_params_.keys() == grid.keys()
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_parameters_of_a_users_module_arrive(X, y):
    model = learner(skorch_net()).set_params(net__module__width=7, net__lr=0.5).fit(X, y)
    assert model.net_.module_.layers[0].out_features == 7
    assert model.net_.lr == 0.5


class OwnLoss(TensorNet):
    def get_loss(self, *args, **kwargs):
        return super().get_loss(*args, **kwargs)


class OwnSkorch(NeuralNetClassifier):
    pass


class OwnLoader(DataLoader):
    pass


REFUSED_NETS = {
    "module instance": (nn.Linear(3, 2), TypeError, "instance of Linear"),
    "number": (3, TypeError, "int"),
    "name": ("MLP", TypeError, "str"),
    "regressor": (NeuralNetRegressor(Wide), TypeError, "NeuralNetRegressor"),
    "binary classifier": (NeuralNetBinaryClassifier(Wide), TypeError, "NeuralNetBinaryClassifier"),
    "skorch class": (NeuralNetClassifier, TypeError, "net"),
    "no module": (lambda: 3, TypeError, "net"),
    "subclass of skorch's": (skorch_net(OwnSkorch), TypeError, "OwnSkorch"),
    "own loss": (skorch_net(OwnLoss), TypeError, "get_loss"),
    "own objective": (skorch_net(TensorNet, objective=OwnLoader), (TypeError, ValueError), "objective"),
    "criterion": (skorch_net(criterion=nn.MSELoss), ValueError, "MSELoss"),
    "criterion with weights": (skorch_net(criterion__weight=torch.ones(2)), ValueError, "criterion__weight"),
    "training iterator": (skorch_net(iterator_train=OwnLoader), ValueError, "iterator_train"),
    "validation iterator": (skorch_net(iterator_valid=OwnLoader), ValueError, "iterator_valid"),
    "iterator's arguments": (skorch_net(iterator_train__shuffle=True), ValueError, "iterator_train__shuffle"),
    "nonlinearity": (skorch_net(predict_nonlinearity=None), ValueError, "predict_nonlinearity"),
}


@pytest.mark.parametrize(("net", "error", "message"), REFUSED_NETS.values(), ids=REFUSED_NETS)
def test_a_net_that_cannot_be_trained_is_refused(net, error, message, X, y):
    with pytest.raises(error, match=message):
        learner(net).fit(X, y)


@pytest.mark.parametrize("n_members", [1, 2])
def test_a_module_of_buffers_alone_is_refused(n_members, X, y):
    with pytest.raises(ValueError, match="net: expected a module with parameters to train, got one without any"):
        learner(partial(nn.BatchNorm1d, 3, affine=False), n_members=n_members).fit(X, y)


def test_a_skorch_net_keeps_its_own_learning_rate(X, y):
    with pytest.raises(ValueError, match=r"lr=0\.5.*net__lr"):
        learner(skorch_net(), lr=0.5).fit(X, y)


def test_sizes_of_the_built_in_module_are_refused_beside_ones_own(X, y):
    with pytest.raises(ValueError, match=r"hidden_layer_sizes=.*built-in"):
        learner(Wide, hidden_layer_sizes=(3,)).fit(X, y)


@pytest.mark.parametrize("n_outputs", [1, 3, 5])
def test_a_module_with_another_number_of_outputs_than_classes_is_refused(n_outputs, X, y):
    with pytest.raises(ValueError, match=rf"2.*{n_outputs}|{n_outputs}.*2"):
        learner(lambda: nn.Linear(3, n_outputs)).fit(X, y)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("optimizer", ["SGD", "Adam", "Adagrad", "RMSprop", "LBFGS", "NAdam"])
def test_every_optimizer_works_in_either_dtype(optimizer, dtype, X, y):
    model = learner(optimizer=getattr(torch.optim, optimizer), dtype=dtype, early_stopping=False).fit(X, y)
    assert model.predict_proba(X).dtype == dtype
    assert_probabilities(model.predict_proba(X), (len(y), 2))


def test_batch_norm_trains_when_the_last_batch_would_be_one_row(X, y):
    model = learner(WithBatchNorm, early_stopping=False, batch_size=32).fit(X[:97], y[:97])
    assert_probabilities(model.predict_proba(X), (len(X), 2))


# ------------------------------------------------------------ tables as they come

PANDAS_NUMBERS = ["float64", "Float32", "Int64", "UInt8", "boolean", "object", "double[pyarrow]", "int64[pyarrow]"]
PANDAS_NUMBERS += ["bool[pyarrow]"]
PANDAS_LEVELS = ["str", "string", "object", "category", "string[pyarrow]"]
POLARS_NUMBERS = [pl.Float64, pl.Float32, pl.Int64, pl.UInt8, pl.Boolean]
POLARS_LEVELS = [pl.String, pl.Categorical, pl.Enum(["cold", "hot"])]


def one_column_decides(values, make_column, make_frame):
    """A table with holes whose labels are one column, and which rows have it."""
    rng = np.random.default_rng(0)
    hot = rng.random(300) < 0.5
    holes = rng.random(300) < 0.2
    column = [None if hole else values[int(is_hot)] for hole, is_hot in zip(holes, hot, strict=True)]
    return make_frame({"noise": rng.normal(size=300), "signal": make_column(column)}), hot, ~holes


def assert_learns_the_column(X, y, known):
    model = thorough().fit(X, y)
    assert (model.predict(X) == y)[known].mean() > 0.95


@pytest.mark.parametrize("dtype", PANDAS_NUMBERS)
def test_a_pandas_column_of_numbers_is_learned_despite_holes(dtype):
    values = [False, True] if "bool" in dtype else [0, 1]
    assert_learns_the_column(*one_column_decides(values, lambda v: pd.Series(v, dtype=dtype), pd.DataFrame))


@pytest.mark.parametrize("dtype", PANDAS_LEVELS)
def test_a_pandas_column_of_levels_is_learned_despite_holes(dtype):
    assert_learns_the_column(*one_column_decides(["cold", "hot"], lambda v: pd.Series(v, dtype=dtype), pd.DataFrame))


@pytest.mark.parametrize("dtype", POLARS_NUMBERS, ids=str)
def test_a_polars_column_of_numbers_is_learned_despite_holes(dtype):
    values = [False, True] if dtype == pl.Boolean else [0, 1]
    assert_learns_the_column(*one_column_decides(values, lambda v: pl.Series(v, dtype=dtype), pl.DataFrame))


@pytest.mark.parametrize("dtype", POLARS_LEVELS, ids=str)
def test_a_polars_column_of_levels_is_learned_despite_holes(dtype):
    assert_learns_the_column(*one_column_decides(["cold", "hot"], lambda v: pl.Series(v, dtype=dtype), pl.DataFrame))


@pytest.mark.parametrize("hole", [None, np.nan, pd.NA], ids=str)
def test_every_word_for_missing_means_the_same(hole, X, y):
    holes = X[:, 2] > 1
    colour = np.where(X[:, 1] > 0, "red", "blue").astype(object)
    reference = pd.DataFrame({"a": X[:, 0], "colour": np.where(holes, None, colour)})
    table = reference.assign(colour=pd.Series(np.where(holes, hole, colour), dtype=object))
    assert_same_model(learner().fit(reference, y), learner().fit(table, y), reference)


def test_pandas_and_polars_make_the_same_model(frame, y):
    polars = pl.from_pandas(frame)
    from_pandas, from_polars = learner().fit(frame, y), learner().fit(polars, y)
    assert_same_model(from_pandas, from_polars, frame)
    assert_array_equal(from_polars.predict_proba(polars), from_pandas.predict_proba(frame))


def test_a_frame_of_numbers_makes_the_same_model_as_its_array(X, y):
    assert_array_equal(
        learner().fit(pd.DataFrame(X), y).predict_proba(pd.DataFrame(X)), learner().fit(X, y).predict_proba(X)
    )


ALL_MISSING = {
    "float": pd.Series([np.nan] * 200),
    "Int64": pd.Series([pd.NA] * 200, dtype="Int64"),
    "boolean": pd.Series([pd.NA] * 200, dtype="boolean"),
    "string": pd.Series([pd.NA] * 200, dtype="string"),
    "category": pd.Series([None] * 200, dtype="category"),
    "object": pd.Series([None] * 200, dtype=object),
    "arrow string": pd.Series([None] * 200, dtype="string[pyarrow]"),
    "arrow null": pd.Series([None] * 200, dtype=pd.ArrowDtype(pa.null())),
    "polars null": pl.Series([None] * 200),
    "polars string": pl.Series([None] * 200, dtype=pl.String),
    "polars float": pl.Series([None] * 200, dtype=pl.Float64),
}


@pytest.mark.parametrize("column", ALL_MISSING.values(), ids=ALL_MISSING)
def test_a_column_without_any_value_does_no_harm(column, X, y):
    make = pl.DataFrame if isinstance(column, pl.Series) else pd.DataFrame
    table = make({"a": X[:, 0], "empty": column})
    assert_probabilities(learner().fit(table, y).predict_proba(table), (200, 2))


@pytest.mark.parametrize("constant", [3.0, 0.0, -1e9, "same", True])
def test_a_constant_column_does_no_harm_even_when_it_changes(constant, X, y):
    table = pd.DataFrame(X, columns=list("abc")).assign(constant=constant)
    model = learner().fit(table, y)
    other = "other" if isinstance(constant, str) else 7
    assert_probabilities(model.predict_proba(table.assign(constant=other)), (len(y), 2))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_unknown_levels_and_newly_missing_values_are_no_error(make, frame, y):
    model = learner().fit(make(frame.fillna({"gap": 0, "count": 0, "member": True})), y)
    later = frame.astype({"colour": object, "city": object}).assign(
        size=np.nan, gap=np.nan, count=pd.array([pd.NA] * 200, dtype="Int64"), colour="violet", city=None, note="z"
    )
    assert_probabilities(model.predict_proba(make(later)), (200, 2))


def test_all_unknown_levels_predict_alike(X, y):
    table = pd.DataFrame({"a": X[:, 0], "k": np.where(y == 1, "u", "v")})
    model = learner().fit(table, y)
    new, newer, known = (model.predict_proba(table.assign(k=level)) for level in ["new", "newer", "u"])
    assert_array_equal(new, newer)
    assert not np.array_equal(new, known)


@pytest.mark.parametrize("dtype", ["int64", "float64", "str", "object", "string", "Int64"])
def test_a_level_is_the_same_as_number_and_as_text(dtype, X, y):
    table = pd.DataFrame({"a": X[:, 0], "k": pd.Categorical(np.arange(200) % 4)})
    later = table.assign(k=table["k"].astype(int).astype(dtype))
    model = learner().fit(table, y)
    assert_array_equal(model.predict_proba(later), model.predict_proba(table))


def test_integer_levels_stay_levels_when_one_goes_missing(X, y):
    table = pd.DataFrame({"a": X[:, 0], "k": np.arange(200) % 4})
    model = learner(categorical_features=["k"]).fit(table, y)
    later = table.assign(k=np.where(np.arange(200) == 0, np.nan, table["k"]))
    assert_array_equal(model.predict_proba(later)[1:], model.predict_proba(table)[1:])


DATES = pd.date_range("2020-01-01", periods=200)


@pytest.mark.parametrize("kind", ["pandas date", "pandas duration", "polars date"])
@pytest.mark.parametrize("categorical_features", ["from_dtype", None, ["k"]], ids=str)
def test_a_column_of_times_is_refused_by_name(kind, categorical_features, X, y):
    table = pd.DataFrame({"a": X[:, 0], "k": "x", "when": DATES - DATES[0] if "duration" in kind else DATES})
    if categorical_features is None:
        del table["k"]
    with pytest.raises((TypeError, ValueError), match="when"):
        learner(categorical_features=categorical_features).fit(pl.from_pandas(table) if "polars" in kind else table, y)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
@pytest.mark.parametrize("column", [pd.Series(DATES), pd.Series(["word"] * 200)], ids=["dates", "strings"])
def test_another_kind_of_column_than_at_fit_is_refused_by_name(make, column, X, y):
    table = pd.DataFrame(X, columns=["a", "b", "number"])
    model = learner().fit(make(table), y)
    with pytest.raises((TypeError, ValueError), match="number"):
        model.predict(make(table.assign(number=column)))


@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_infinity_in_a_frame_is_refused_by_name(make, frame, y):
    with pytest.raises(ValueError, match=r"size.*infinity"):
        learner().fit(make(frame.assign(size=np.inf)), y)


def test_infinity_in_an_array_is_refused_and_nan_is_not(X, y):
    X[0, 0] = np.nan
    learner().fit(X, y)
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        learner().fit(X, y)


CHOICES = {"mask": [False, True, False], "index": [1], "name": ["k"], "array": np.array([1]), "tuple": ("k",)}


@pytest.mark.parametrize("chosen", CHOICES.values(), ids=CHOICES)
@pytest.mark.parametrize("make", [pd.DataFrame, pl.from_pandas], ids=["pandas", "polars"])
def test_columns_of_a_frame_become_categories_however_they_are_named(chosen, make, X, y):
    table = make(pd.DataFrame({"a": X[:, 0], "k": np.arange(200) % 5, "b": X[:, 2]}))
    marked = pd.DataFrame({"a": X[:, 0], "k": pd.Categorical(np.arange(200) % 5), "b": X[:, 2]})
    model = learner(categorical_features=chosen).fit(table, y)
    assert_array_equal(model.predict_proba(table), learner().fit(marked, y).predict_proba(marked))


@pytest.mark.parametrize("chosen", [[False, True], [1], np.array([False, True])], ids=str)
@pytest.mark.parametrize("hole", [None, np.nan, pd.NA], ids=str)
def test_columns_of_an_object_array_become_categories(chosen, hole, X, y):
    level = np.where(X[:, 2] > 1, hole, np.where(y == 1, "yes", "no").astype(object))
    table = np.column_stack([X[:, 0].astype(object), level])
    model = thorough(categorical_features=chosen).fit(table, y)
    assert (model.predict(table) == y)[X[:, 2] <= 1].mean() > 0.95


def test_a_missing_number_in_an_object_array_is_missing(X, y):
    table = np.column_stack([np.where(X[:, 0] > 1, None, X[:, 0]), np.where(y == 1, "yes", "no")]).astype(object)
    assert thorough(categorical_features=[1]).fit(table, y).score(table, y) > 0.95


def test_a_list_of_lists_with_strings_works_like_its_object_array(X, y):
    rows = [[float(a), "yes" if label else "no"] for a, label in zip(X[:, 0], y, strict=True)]
    array = np.array(rows, dtype=object)
    assert_same_model(
        learner(categorical_features=[1]).fit(rows, y), learner(categorical_features=[1]).fit(array, y), array
    )


def test_numbers_of_an_array_become_categories(X, y):
    # A code whose parity decides: hard for a number, easy for levels.
    code = np.arange(200) % 12
    table, parity = np.column_stack([X[:, 0], code]), code % 2
    assert thorough(categorical_features=[1]).fit(table, parity).score(table, parity) > 0.95


@pytest.mark.parametrize("n_levels", [2, 5])
@pytest.mark.parametrize("early_stopping", [True, False])
@pytest.mark.parametrize("seed", range(3))
def test_a_table_of_few_distinct_rows_is_learned(seed, early_stopping, n_levels):
    rng = np.random.default_rng(seed)
    level = rng.integers(0, n_levels, 1000)
    y = (rng.random(1000) < np.linspace(0.1, 0.9, n_levels)[level]).astype(int)
    table = pd.DataFrame({"level": np.array(list("abcde"))[level]})
    model = learner(random_state=seed, max_epochs=300, patience=100, lr=0.02, early_stopping=early_stopping).fit(
        table, y
    )
    shares = [y[level == i].mean() for i in range(n_levels)]
    proba = model.predict_proba(pd.DataFrame({"level": list("abcde")[:n_levels]}))[:, 1]
    assert_allclose(proba, shares, atol=0.15)


def test_a_single_column_that_gives_the_label_away_is_no_error():
    table = pd.DataFrame({"flag": [True, False] * 100})
    assert thorough().fit(table, table["flag"]).score(table, table["flag"]) == 1


def test_a_table_that_says_nothing_predicts_the_shares_of_the_classes():
    X, y = np.ones((300, 2)), np.arange(300) % 3 == 0
    model = thorough().fit(X, y)
    assert_allclose(model.predict_proba(X)[0], [2 / 3, 1 / 3], atol=0.1)


@pytest.mark.parametrize("scale", [1e-30, 0.01, 1, 1e30])
@pytest.mark.parametrize(
    ("dtype", "huge"),
    [("float64", 1e300), ("float64", 1.7e308), ("float32", 1e38), ("float32", 3.4e38)],
)
def test_huge_values_at_predict_give_finite_probabilities(dtype, huge, scale, X, y):
    table = (X * scale).astype(dtype)
    model = learner().fit(table, y)
    table[0], table[1, 0], table[2] = huge, -huge, -huge
    assert_probabilities(model.predict_proba(table), (len(y), 2))


@pytest.mark.parametrize(("dtype", "huge"), [("float64", 1e300), ("float32", 3e38)])
def test_one_huge_value_at_fit_does_not_spoil_the_other_columns(dtype, huge, X, y):
    table = np.column_stack([X, X[:, 2]]).astype(dtype)
    table[0, 3] = huge
    model = thorough(early_stopping=False).fit(table, y)
    assert model.score(table, y) > 0.85


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_columns_far_from_zero_are_learned(dtype):
    noise = np.random.default_rng(0).normal(size=(400, 2))
    X = (1.7e9 + 100_000 * noise).astype(dtype)
    assert thorough().fit(X, noise[:, 0] > 0).score(X, noise[:, 0] > 0) > 0.9


# ------------------------------------------------------------ shapes and containers

CONTAINERS = {
    "lists": lambda X: X.tolist(),
    "Fortran order": np.asfortranarray,
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "reversed view": lambda X: X[::-1][::-1],
    "tensor": torch.from_numpy,
}


@pytest.mark.parametrize("contain", CONTAINERS.values(), ids=CONTAINERS)
def test_the_container_of_the_numbers_does_not_matter(contain, X, y):
    model = learner().fit(contain(X), y)
    assert_same_model(model, learner().fit(X, y), X)
    assert_array_equal(model.predict_proba(contain(X)), model.predict_proba(X))


def test_read_only_and_memory_mapped_arrays_work_and_stay_as_they_are(tmp_path, X, y):
    np.save(tmp_path / "X.npy", X)
    mapped = np.load(tmp_path / "X.npy", mmap_mode="r")
    frozen = X.copy()
    frozen.flags.writeable = False
    for table in [mapped, frozen]:
        assert_same_model(learner().fit(table, y), learner().fit(X, y), table)
        assert_array_equal(table, X)


@pytest.mark.parametrize("dtype", ["float16", "int8", "uint64", "bool", "longdouble"])
def test_arrays_of_any_number_type_work(dtype, X, y):
    table = (np.abs(X) if dtype == "uint64" else X).round(1).astype(dtype) if dtype != "bool" else X > 0
    assert_probabilities(learner().fit(table, y).predict_proba(table), (len(y), 2))


def test_fit_and_predict_leave_the_table_as_it_was(frame, y):
    before = frame.copy(deep=True)
    learner().fit(frame, y).predict(frame)
    pd.testing.assert_frame_equal(frame, before)


@pytest.mark.parametrize("container", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_tables_are_refused(container, X, y):
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        learner().fit(container(X), y)
    with pytest.raises(TypeError, match=r"[Ss]parse"):
        learner().fit(X, y).predict(container(X))


@pytest.mark.parametrize(
    "table", [np.ones(200), np.ones((200, 3, 1)), np.ones((0, 3)), np.ones((200, 0))], ids=np.shape
)
def test_arrays_that_are_no_table_are_refused(table):
    with pytest.raises(ValueError, match=r"2D array|dim 3|0 sample|0 feature"):
        learner().fit(table, np.zeros(len(table)))


def test_matrices_are_refused_as_scikit_learn_does(X, y):
    with pytest.raises(TypeError, match=r"np\.matrix"):
        learner().fit(X.view(np.matrix), y)


@pytest.mark.parametrize("make", [pd.DataFrame, pl.DataFrame], ids=["pandas", "polars"])
def test_frames_without_rows_are_refused(make):
    with pytest.raises(ValueError, match="0 sample"):
        learner().fit(make({"a": np.zeros(0)}), [])


def test_the_index_of_a_frame_does_not_matter(frame, y):
    moved = frame.set_index(pd.Index(np.arange(200)[::-1] // 2))
    assert_same_model(learner().fit(frame, y), learner().fit(moved, pd.Series(y, index=moved.index + 3)), frame)


def test_frames_with_numbers_as_column_names_work(X, y):
    table = pd.DataFrame(X).assign(**{"3": "x"}).set_axis(range(4), axis=1)
    assert_probabilities(learner().fit(table, y).predict_proba(table), (len(y), 2))


def test_wide_frames_work():
    rng = np.random.default_rng(0)
    numbers = pd.DataFrame(rng.normal(size=(80, 600))).add_prefix("number ")
    levels = pd.DataFrame(rng.choice(["u", "v"], size=(80, 50))).add_prefix("level ")
    table = pd.concat([numbers, levels], axis=1)
    assert_probabilities(learner().fit(table, rng.random(80) < 0.5).predict_proba(table), (80, 2))


def test_a_column_in_which_every_row_is_a_level_of_its_own_works(X, y):
    table = pd.DataFrame({"a": X[:, 0], "id": [f"id{i}" for i in range(200)]})
    model = learner().fit(table, y)
    assert_probabilities(model.predict_proba(table.assign(id="new")), (200, 2))


def test_hundreds_of_classes_work():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(600, 3)), np.repeat(np.arange(200), 3)
    assert_probabilities(learner(max_epochs=1).fit(X, y).predict_proba(X), (600, 200))


def test_one_row_is_enough_without_early_stopping():
    assert learner(early_stopping=False).fit([[1.0]], ["a"]).predict([[2.0]]) == ["a"]


def test_one_row_with_early_stopping_is_refused_with_the_way_out():
    with pytest.raises(ValueError, match="early_stopping=False"):
        learner().fit([[1.0]], ["a"])


# ------------------------------------------------------------ columns at predict


def test_another_number_of_columns_is_refused(X, y):
    with pytest.raises(ValueError, match=r"4 features.*expecting 3"):
        learner().fit(X, y).predict(np.c_[X, X[:, 0]])


def test_other_names_of_columns_are_refused(frame, y):
    model = learner().fit(frame, y)
    for later in [frame.assign(extra=1), frame.iloc[:, ::-1], frame.rename(columns={"size": "height"})]:
        with pytest.raises(ValueError, match="feature names"):
            model.predict(later)


def test_names_of_columns_are_remembered(frame, y):
    model = learner().fit(frame, y)
    assert_array_equal(model.feature_names_in_, frame.columns)
    assert model.n_features_in_ == frame.shape[1]


def test_predicting_before_fit_is_refused(X):
    for method in ["predict", "predict_proba", "predict_log_proba", "decision_function"]:
        with pytest.raises(NotFittedError):
            getattr(learner(), method)(X)


# ------------------------------------------------------------ labels

LABELS = {
    "strings": np.array(["no", "yes"]),
    "objects": np.array(["no", "yes"], dtype=object),
    "booleans": np.array([False, True]),
    "integers": np.array([-3, 11]),
    "floats": np.array([1.0, 2.0]),
    "small integers": np.array([0, 1], dtype="uint8"),
}


@pytest.mark.parametrize("labels", LABELS.values(), ids=LABELS)
def test_labels_of_any_type_come_back(labels, X, y):
    model = learner().fit(X, labels[y])
    assert_array_equal(model.classes_, labels)
    assert model.predict(X).dtype == labels.dtype
    assert_array_equal(model.predict_proba(X), learner().fit(X, y).predict_proba(X))


@pytest.mark.parametrize(
    "contain",
    [list, pd.Series, pd.Categorical, pl.Series, lambda v: pd.Series(v, dtype="string")],
    ids=["list", "pandas", "categorical", "polars", "string"],
)
def test_the_container_of_the_labels_does_not_matter(contain, X, y):
    labels = np.where(y == 1, "yes", "no")
    model = learner().fit(X, contain(labels))
    assert model.classes_.tolist() == ["no", "yes"]
    assert_same_model(model, learner().fit(X, labels), X)


def test_a_column_vector_of_labels_warns_as_scikit_learn_does(X, y):
    with pytest.warns(match="column-vector"):
        model = learner().fit(X, y[:, None])
    assert_same_model(model, learner().fit(X, y), X)


@pytest.mark.parametrize("label", ["only", 7, True])
def test_one_class_is_predicted_with_certainty(label, X):
    model = learner().fit(X, [label] * len(X))
    assert_array_equal(model.predict(X), [label] * len(X))
    assert_array_equal(model.predict_proba(X), np.ones((len(X), 1)))


MISSING_LABELS = {
    "nan": np.array([0.0, np.nan] * 100),
    "None": np.array(["a", None] * 100, dtype=object),
    "NA": np.array(["a", pd.NA] * 100, dtype=object),
    "string NA": pd.Series(["a", pd.NA] * 100, dtype="string"),
    "Int64 NA": pd.Series([1, pd.NA] * 100, dtype="Int64"),
    "category NaN": pd.Series(["a", None] * 100, dtype="category"),
    "polars null": pl.Series(["a", None] * 100),
}


@pytest.mark.parametrize("missing", MISSING_LABELS.values(), ids=MISSING_LABELS)
def test_missing_labels_are_refused(missing, X):
    with pytest.raises(ValueError, match=r"missing|NaN"):
        learner().fit(X, missing)


WRONG_LABELS = {
    "none": (None, "y"),
    "continuous": (np.linspace(0, 1, 200), "continuous"),
    "too few": (np.zeros(10), r"200.*10|10.*200"),
    "two columns": (np.zeros((200, 2)), "1d|1D"),
    "mixed": (np.array(["a", 1] * 100, dtype=object), "int and str|one type|Unknown label type"),
}


@pytest.mark.parametrize(("labels", "message"), WRONG_LABELS.values(), ids=WRONG_LABELS)
def test_what_is_no_label_per_row_is_refused(labels, message, X):
    with pytest.raises(ValueError, match=message):
        learner().fit(X, labels)


# ------------------------------------------------------------ weights


def test_a_weight_of_k_is_k_copies(frame, y):
    k = np.random.default_rng(0).integers(0, 4, len(y))
    copies = np.repeat(np.arange(len(y)), k)
    weighted = learner().fit(frame, y, sample_weight=k)
    assert_same_model(weighted, learner().fit(frame.iloc[copies], y[copies]), frame)


@pytest.mark.parametrize("factor", [2.0**-900, 0.25, 2.0**60])
def test_a_common_factor_of_the_weights_does_not_matter(factor, X, y):
    weight = np.random.default_rng(0).integers(1, 4, len(y)).astype(float)
    whole = {"early_stopping": False}  # for a hold-out, whole numbers count copies
    scaled = learner(**whole).fit(X, y, sample_weight=factor * weight)
    assert_same_model(scaled, learner(**whole).fit(X, y, sample_weight=weight), X)


WEIGHTLESS = {
    "outlier": {"size": 1e9},
    "newly missing": {"size": np.nan},
    "first level": {"colour": "aaa", "city": "Aachen"},
    "same": {},
}


@pytest.mark.parametrize("changes", WEIGHTLESS.values(), ids=WEIGHTLESS)
@pytest.mark.parametrize("columns", ["all", "levels only"])
def test_rows_without_weight_have_no_influence(changes, columns, frame, y):
    if columns == "levels only":
        frame = frame[["colour", "city", "note"]]
        changes = {name: value for name, value in changes.items() if name in frame}
    extra = frame.head(5).astype({"city": object}).assign(**changes)
    table = pd.concat([extra, frame.astype({"city": object})], ignore_index=True)
    weight = np.r_[np.zeros(5), np.ones(len(y))]
    weighted = learner().fit(table, np.r_[1 - y[:5], y], sample_weight=weight)
    assert_same_model(weighted, learner().fit(frame, y), frame)


@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_class_without_weight_is_known_and_never_predicted(position, X, y):
    labels = np.delete(np.array(["a", "b", "c"]), position)[y]
    extra = np.array(["a", "b", "c"])[[position] * 5]
    weight = np.r_[np.ones(len(y)), np.zeros(5)]
    model = learner().fit(np.r_[X, X[:5] + 9], np.r_[labels, extra], sample_weight=weight)
    proba = model.predict_proba(X)
    assert model.classes_.tolist() == ["a", "b", "c"]
    assert_array_equal(proba[:, position], 0)
    assert_array_equal(model.predict_log_proba(X)[:, position], -np.inf)
    assert_array_equal(np.delete(proba, position, axis=1), learner().fit(X, labels).predict_proba(X))
    assert_array_equal(model.decision_function(X).argmax(axis=1), proba.argmax(axis=1))


@pytest.mark.parametrize("weight", [{0: 1, 1: 2}, {1: 2}, {0: 0.5, 1: 1}], ids=str)
def test_a_class_weight_multiplies_the_weights_of_its_rows(weight, X, y):
    own = np.random.default_rng(0).integers(1, 3, len(y))
    by_row = own * np.where(y == 1, weight[1], weight.get(0, 1))
    whole = {"early_stopping": False}  # for a hold-out, sample weights count copies and class weights do not
    by_class = learner(class_weight=weight, **whole).fit(X, y, sample_weight=own)
    assert_same_model(by_class, learner(**whole).fit(X, y, sample_weight=by_row), X)


def test_balanced_gives_each_class_the_same_weight(X):
    y = (X[:, 0] > 1).astype(int)
    balanced = learner(class_weight="balanced").fit(X, y)
    by_hand = learner(class_weight={0: 1 / (y == 0).sum(), 1: 1 / (y == 1).sum()}).fit(X, y)
    assert_allclose(balanced.predict_proba(X), by_hand.predict_proba(X), atol=1e-5)
    assert not np.allclose(balanced.predict_proba(X), learner().fit(X, y).predict_proba(X), atol=1e-3)


def test_a_class_weight_of_zero_takes_the_class_out(X, y):
    labels = np.r_[y, [2] * 5]
    model = learner(class_weight={0: 1, 1: 1, 2: 0}).fit(np.r_[X, X[:5] + 9], labels)
    assert_array_equal(model.predict_proba(X)[:, :2], learner().fit(X, y).predict_proba(X))


@pytest.mark.parametrize(
    "weight", [{0: -1, 1: 1}, {0: 0, 1: 0}, {0: np.nan, 1: 1}, {0: np.inf, 1: 1}, "heavy", [1, 2], {9: 1}], ids=str
)
def test_class_weights_that_make_no_sense_are_refused(weight, X, y):
    with pytest.raises((ValueError, TypeError), match="class_weight"):
        learner(class_weight=weight).fit(X, y)


def test_a_class_weight_may_name_a_class_that_has_no_weight(X, y):
    labels, weight = np.r_[y, [2] * 5], np.r_[np.ones(len(y)), np.zeros(5)]
    table = np.r_[X, X[:5] + 9]
    model = learner(class_weight={1: 2, 2: 3}).fit(table, labels, sample_weight=weight)
    assert_array_equal(model.predict_proba(X)[:, :2], learner(class_weight={1: 2}).fit(X, y).predict_proba(X))


WRONG_WEIGHTS = {
    "negative": np.r_[-1, np.ones(199)],
    "zeros": np.zeros(200),
    "nan": np.r_[np.nan, np.ones(199)],
    "infinite": np.r_[np.inf, np.ones(199)],
    "too few": np.ones(199),
    "two columns": np.ones((200, 2)),
}


@pytest.mark.parametrize("weight", WRONG_WEIGHTS.values(), ids=WRONG_WEIGHTS)
def test_weights_that_make_no_sense_are_refused(weight, X, y):
    with pytest.raises(ValueError, match=r"[Ss]ample.weight"):
        learner().fit(X, y, sample_weight=weight)


# ------------------------------------------------------------ validation and early stopping


@pytest.fixture
def held_out(monkeypatch):
    """The weights that each fit of one net holds out; rows keep their order with ``merge_identical_rows=False``."""
    masks, original = [], sktech.classifiers.net.stratified_holdout

    def watched(*args):
        masks.extend(original(*args))
        return masks[-1][None]

    monkeypatch.setattr(sktech.classifiers.net, "stratified_holdout", watched)
    return masks


@pytest.mark.parametrize("weighted", [False, True])
def test_the_weights_of_the_best_epoch_are_restored(weighted, held_out, X, y):
    rng = np.random.default_rng(0)
    noisy = np.where(rng.random(200) < 0.2, 1 - y, y)
    weight = rng.integers(1, 5, 200) if weighted else None
    restored = 0
    for seed in range(3):
        model = thorough(n_members=1, random_state=seed, lr=0.05, patience=5, merge_identical_rows=False)
        model.fit(X, noisy, sample_weight=weight)
        mask, losses = held_out[-1], [record["valid_loss"] for record in model.history_]
        loss = log_loss(noisy, model.predict_proba(X), sample_weight=mask)
        assert loss == pytest.approx(min(losses), rel=1e-4)
        restored += losses[-1] > min(losses)
    assert restored


def test_training_stops_after_patience_epochs_without_improvement(X):
    noise = np.arange(200) % 2
    for patience in [1, 4]:
        model = learner(n_members=1, max_epochs=200, patience=patience, lr=0.05).fit(X, noise)
        losses = [record["valid_loss"] for record in model.history_]
        assert len(losses) < 200
        assert len(losses) - 1 - np.argmin(losses) == patience


def test_without_early_stopping_every_epoch_is_made_and_nothing_is_held_out(held_out, X, y):
    model = learner(early_stopping=False, max_epochs=7).fit(X, y)
    assert model.n_iter_ == 7
    assert not held_out
    assert "valid_loss" not in model.history_[0]


def test_classes_are_held_out_in_their_shares_and_a_single_row_stays(held_out, X):
    y = np.r_[np.zeros(99, int), np.ones(100, int), 2]
    learner(n_members=1, validation_fraction=0.2, merge_identical_rows=False).fit(X, y)
    (mask,) = held_out
    assert np.bincount(y, weights=mask)[:2] == pytest.approx([20, 20], abs=1)
    assert not mask[-1]


def test_the_encoders_see_training_rows_only(monkeypatch, frame, y):
    valid = np.arange(200) < 40
    monkeypatch.setattr(sktech.classifiers.net, "stratified_holdout", lambda *_: valid.astype(float)[None])
    changed = frame.assign(size=np.where(valid, 1e6, frame["size"]), gap=np.where(valid, np.nan, frame["gap"]))
    changed = changed.assign(colour=np.where(valid, "never seen", frame["colour"]))
    once = {"n_members": 1, "max_epochs": 1, "merge_identical_rows": False}
    assert_same_model(learner(**once).fit(frame, y), learner(**once).fit(changed, y), frame)


def test_the_history_has_one_record_per_epoch(X, y):
    model = learner(n_members=1, max_epochs=5).fit(X, y)
    assert [record["epoch"] for record in model.history_] == [1, 2, 3, 4, 5]
    assert model.n_iter_ == 5
    for record in model.history_:
        assert record.keys() == {"epoch", "train_loss", "valid_loss", "dur"}
        assert all(np.isfinite(value) for value in record.values())


def test_the_history_tells_the_log_loss(X, y):
    model = learner(n_members=1, max_epochs=1, lr=1e-12, early_stopping=False, dropout=0).fit(X, y)
    assert model.history_[0]["train_loss"] == pytest.approx(log_loss(y, model.predict_proba(X)), rel=1e-5)


def test_verbose_prints_a_line_per_epoch_and_silence_is_the_default(capsys, X, y):
    learner(max_epochs=4).fit(X, y)
    assert capsys.readouterr().out == ""
    learner(max_epochs=4, verbose=1).fit(X, y)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines if re.match(r"\s+\d", line)] == ["1", "2", "3", "4"]


def test_callbacks_are_called_and_what_they_record_is_kept(X, y):
    seen = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            seen.append(len(net.history))

    accuracy = EpochScoring("accuracy", lower_is_better=False, name="right", on_train=True)
    model = learner(n_members=1, callbacks=[Watch(), ("score", accuracy)]).fit(X, np.where(y == 1, "yes", "no"))
    assert seen == [1, 2, 3]
    assert all(0 <= record["right"] <= 1 for record in model.history_)


# ------------------------------------------------------------ predictions agree with each other


@pytest.mark.parametrize("n_classes", [2, 3, 5])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_all_predictions_agree(n_classes, dtype, X):
    y = np.array(list("abcde"))[np.random.default_rng(0).integers(0, n_classes, len(X))]
    model = learner(lr=0.1, dtype=dtype).fit(X, y)
    X = 10 * X
    proba, scores, predicted = model.predict_proba(X), model.decision_function(X), model.predict(X)
    assert_probabilities(proba, (len(X), n_classes))
    assert proba.dtype == dtype
    assert_array_equal(predicted, model.classes_[proba.argmax(axis=1)])
    assert_allclose(np.exp(model.predict_log_proba(X)), proba, atol=1e-6)
    if n_classes == 2:
        assert scores.shape == (len(X),)
        assert_array_equal(predicted, model.classes_[(scores > 0).astype(int)])
        assert_allclose(1 / (1 + np.exp(-scores)), proba[:, 1], atol=1e-5)
    else:
        assert scores.shape == (len(X), n_classes)
        assert_array_equal(predicted, model.classes_[scores.argmax(axis=1)])


def test_log_probabilities_are_exact_where_probabilities_round_to_zero(X, y):
    model = learner(Wide, dtype="float64", early_stopping=False).fit(X, y)
    with torch.no_grad():
        for parameter in model.net_.module_.parameters():
            parameter.mul_(1e3)
    log_proba = model.predict_log_proba(X)
    assert np.isfinite(log_proba).all()
    assert (model.predict_proba(X) == 0).any()


def test_a_row_is_predicted_alike_alone_and_among_others(frame, y):
    model = learner().fit(frame, y)
    alone = np.vstack([model.predict_proba(frame.iloc[[i]]) for i in range(20)])
    assert_allclose(alone, model.predict_proba(frame)[:20], atol=1e-6)


# ------------------------------------------------------------ the same model again


def test_the_same_seed_makes_the_same_model_and_another_one_another(X, y):
    assert_same_model(learner().fit(X, y), learner().fit(X, y), X)
    other = learner(random_state=1).fit(X, y)
    assert not np.array_equal(other.predict_proba(X), learner().fit(X, y).predict_proba(X))


def test_fitting_again_starts_anew(X, y):
    model = learner().fit(X[:, :2], 1 - y)
    assert_same_model(model.fit(X, y), learner().fit(X, y), X)
    assert len(model.history_) == 3


def test_a_random_state_object_moves_on_and_none_never_repeats(X, y):
    for random_state in [np.random.RandomState(0), None]:
        one, other = (learner(random_state=random_state).fit(X, y) for _ in range(2))
        assert not np.array_equal(one.predict_proba(X), other.predict_proba(X))


def test_the_order_of_rows_does_not_matter(frame, y):
    weight = np.random.default_rng(0).random(len(y))
    reference = learner().fit(frame, y, sample_weight=weight)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(y))
        shuffled = learner().fit(frame.iloc[order], y[order], sample_weight=weight[order])
        assert_same_model(shuffled, reference, frame)


def test_negative_zero_is_zero(X, y):
    table = np.where(X > 0, X, 0.0)
    assert_same_model(learner().fit(table, y), learner().fit(np.where(X > 0, X, -0.0), y), X)


def test_threads_do_not_disturb_each_other(X, y):
    alone = [learner(random_state=seed).fit(X, y).predict_proba(X) for seed in range(4)]
    with ThreadPoolExecutor(8) as pool:
        together = pool.map(lambda i: learner(random_state=i % 4).fit(X, y).predict_proba(X), range(16))
        for i, proba in enumerate(together):
            assert_array_equal(proba, alone[i % 4])


def test_another_process_makes_the_same_model(frame, y):
    fits = Parallel(n_jobs=2)(delayed(learner().fit)(frame, y) for _ in range(2))
    for fitted in fits:
        assert_same_model(fitted, learner().fit(frame, y), frame)


def test_a_fit_inside_a_callback_disturbs_nobody(X, y):
    class FitsToo(Callback):
        def on_epoch_end(self, net, **kwargs):
            learner(random_state=5).fit(X, y)

    assert_same_model(learner(callbacks=[FitsToo()]).fit(X, y), learner().fit(X, y), X)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_a_fit_inside_a_torch_mode_makes_the_same_model(mode, X, y):
    with mode():
        model = learner().fit(X, y)
    assert_same_model(model, learner().fit(X, y), X)


@pytest.fixture
def double_is_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, torch.optim.Adagrad])
def test_torchs_default_dtype_changes_nothing_about_the_nets_own(optimizer, double_is_default, X, y):
    model = learner(optimizer=optimizer).fit(X, y)
    assert model.predict_proba(X).dtype == np.float32
    assert_same_model(model, learner(optimizer=optimizer).fit(X, y), X)


def numpy_state():
    return pickle.dumps(np.random.get_state())  # noqa: NPY002


@pytest.fixture
def untouched_generators():
    torch.manual_seed(1)
    before = torch.get_rng_state(), numpy_state()
    yield
    assert torch.equal(torch.get_rng_state(), before[0])
    assert numpy_state() == before[1]


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generators_stay_as_they_were(random_state, untouched_generators, X, y):
    learner(random_state=random_state).fit(X, y).predict_proba(X)
    learner(random_state=random_state).partial_fit(X, y, classes=[0, 1])


DIVERGING = {"optimizer": torch.optim.SGD, "lr": 1e12}


@pytest.mark.parametrize("random_state", [None, 0])
def test_global_generators_stay_as_they_were_when_fit_fails(random_state, untouched_generators, X, y):
    with pytest.raises(FloatingPointError):
        learner(random_state=random_state, **DIVERGING).fit(X, y)
    with pytest.raises(ValueError, match="infinity"):
        learner(random_state=random_state).fit(np.full_like(X, np.inf), y)


@pytest.fixture
def three_threads():
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    yield
    assert torch.get_num_threads() == 3
    torch.set_num_threads(before)


def test_the_number_of_threads_is_restored(three_threads, X, y):
    learner().fit(X, y).predict(X)
    assert torch.get_num_threads() == 3
    with pytest.raises(FloatingPointError):
        learner(**DIVERGING).fit(X, y)


# ------------------------------------------------------------ training in parts


def test_partial_fit_is_one_epoch_each(X, y):
    model = learner()
    for n in [1, 2, 3]:
        model.partial_fit(X, y, classes=[0, 1])
        assert model.n_iter_ == len(model.history_) == n


def test_partial_fit_learns(X, y):
    model = learner(lr=0.05, batch_size=32)
    for _ in range(20):
        model.partial_fit(X, y, classes=[0, 1])
    assert model.score(X, y) > 0.9


def test_partial_fit_knows_classes_that_come_later(X, y):
    model = learner().partial_fit(X, y, classes=[0, 1, 2])
    assert model.predict_proba(X).shape == (len(y), 3)
    model.partial_fit(X[:5], [2] * 5)
    assert_array_equal(model.classes_, [0, 1, 2])


def test_the_first_partial_fit_needs_the_classes(X, y):
    with pytest.raises(ValueError, match=r"classes.*first call"):
        learner().partial_fit(X, y)


@pytest.mark.parametrize("later", [[0, 2], ["a", "b"], [0.5, 0]], ids=str)
def test_labels_that_partial_fit_was_not_told_of_are_refused(later, X, y):
    model = learner().partial_fit(X, y, classes=[0, 1])
    before = model.predict_proba(X)
    with pytest.raises(ValueError, match=r"y|label"):
        model.partial_fit(X[:2], later)
    assert_array_equal(model.predict_proba(X), before)


def test_partial_fit_refuses_other_classes_than_before(X, y):
    model = learner().partial_fit(X, y, classes=[0, 1])
    with pytest.raises(ValueError, match="classes"):
        model.partial_fit(X, y, classes=[0, 1, 2])


def test_partial_fit_goes_on_from_fit(X, y):
    model = learner().fit(X, y)
    before = model.predict_proba(X)
    model.partial_fit(X, y)
    assert model.n_iter_ == 4
    assert not np.array_equal(model.predict_proba(X), before)


def test_partial_fit_takes_weights(X, y):
    weight = np.arange(200) % 3
    copies = np.repeat(np.arange(200), weight)
    weighted = learner().partial_fit(X, y, classes=[0, 1], sample_weight=weight)
    assert_same_model(weighted, learner().partial_fit(X[copies], y[copies], classes=[0, 1]), X)


def test_warm_start_goes_on(X, y):
    model = learner(warm_start=True).fit(X, y)
    first = model.history_
    model.fit(X, y)
    assert model.n_iter_ == 6
    assert model.history_[:3] == first
    assert [record["epoch"] for record in model.history_] == [1, 2, 3, 4, 5, 6]


def test_warm_start_with_another_table_is_refused(X, y):
    model = learner(warm_start=True).fit(X, y)
    with pytest.raises(ValueError, match="features"):
        model.fit(X[:, :2], y)
    with pytest.raises(ValueError, match="labels"):
        model.fit(X, y + 1)


def test_warm_start_heeds_callbacks_that_were_set_since(X, y):
    epochs = []

    class Watch(Callback):
        def on_epoch_end(self, net, **kwargs):
            epochs.append(len(net.history))

    learner(warm_start=True).fit(X, y).set_params(callbacks=[Watch()]).fit(X, y)
    assert epochs == [4, 5, 6]


def test_warm_start_heeds_a_learning_rate_that_was_set_since(X, y):
    model = learner(warm_start=True, weight_decay=0).fit(X, y)
    before = model.predict_proba(X)
    model.set_params(lr=1e-30).fit(X, y)
    assert_array_equal(model.predict_proba(X), before)


# ------------------------------------------------------------ errors leave no trace


class Raises(Callback):
    """Raises in the second epoch of a fit."""

    def __init__(self, error, hook):
        self.error = error
        self.hook = hook

    def on_train_begin(self, net, **kwargs):
        self.n_epochs = 0

    def _raise_in(self, hook):
        if self.hook == hook and self.n_epochs == 2:
            raise self.error("the callback's")

    def on_epoch_begin(self, net, **kwargs):
        self.n_epochs += 1

    def on_batch_end(self, net, training=None, **kwargs):
        if training:
            self._raise_in("on_batch_end")

    def on_epoch_end(self, net, **kwargs):
        self._raise_in("on_epoch_end")


HOOKS = ["on_batch_end", "on_epoch_end"]
ERRORS = [KeyboardInterrupt, RuntimeError]


def test_a_diverging_training_says_where_and_what_to_try(X, y):
    with pytest.raises(FloatingPointError, match=r"epoch \d+, batch \d+.*learning rate.*lr="):
        learner(**DIVERGING).fit(X, y)


@pytest.mark.parametrize("params", [{}, {"early_stopping": False}, {"warm_start": True}], ids=str)
def test_a_diverging_training_leaves_nothing_fitted(params, X, y):
    model = learner(**DIVERGING, **params)
    with pytest.raises(FloatingPointError):
        model.fit(X, y)
    assert not hasattr(model, "net_")
    with pytest.raises(NotFittedError):
        model.predict(X)


def test_a_diverging_refit_leaves_the_old_model(frame, y):
    model = learner().fit(frame, y)
    before, names = model.predict_proba(frame), set(vars(model))
    with pytest.raises(FloatingPointError):
        model.set_params(**DIVERGING).fit(frame.iloc[:, :2], y)
    assert_array_equal(model.predict_proba(frame), before)
    assert set(vars(model)) == names


def test_a_diverging_warm_start_leaves_the_old_model(X, y):
    model = learner(warm_start=True, optimizer=torch.optim.SGD).fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(FloatingPointError):
        model.set_params(lr=1e38).fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
    assert model.n_iter_ == 3


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_first_fit_leaves_nothing_fitted(error, hook, X, y):
    model = learner(callbacks=[Raises(error, hook)])
    with pytest.raises(error, match="the callback's"):
        model.fit(X, y)
    assert not [name for name in vars(model) if name.startswith("_") or name.endswith("_")]
    with pytest.raises(NotFittedError):
        model.predict(X)


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_the_modules_forward_comes_through(error, X, y):
    class Broken(Wide):
        def forward(self, X):
            raise error("the module's")

    model = learner(Broken, warm_start=True)
    with pytest.raises(error, match="the module's"):
        model.fit(X, y)
    assert not hasattr(model, "net_")


@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_a_refit_leaves_the_old_model(error, hook, X, y):
    model = learner().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises(error, match="the callback's"):
        model.set_params(callbacks=[Raises(error, hook)]).fit(X[:, :2], 1 - y)
    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_error_while_going_on_leaves_the_old_model(hook, X, y):
    alarm = Raises(RuntimeError, "never")
    model = learner(warm_start=True, callbacks=[alarm]).fit(X, y)
    before, history = model.predict_proba(X), model.history_
    alarm.hook = hook
    with pytest.raises(RuntimeError, match="the callback's"):
        model.fit(X, y)
    assert_array_equal(model.predict_proba(X), before)
    assert model.history_ == history
    alarm.hook = "never"
    assert model.fit(X, y).n_iter_ == 6


@pytest.mark.parametrize("error", ERRORS)
def test_an_error_in_partial_fit_leaves_the_old_model(error, X, y):
    class Alarm(Callback):
        ringing = False

        def on_epoch_end(self, net, **kwargs):
            if self.ringing:
                raise error("the callback's")

    alarm = Alarm()
    model = learner(callbacks=[alarm]).partial_fit(X, y, classes=[0, 1])
    before = model.predict_proba(X)
    alarm.ringing = True
    with pytest.raises(error, match="the callback's"):
        model.partial_fit(X, y)
    assert_array_equal(model.predict_proba(X), before)


@pytest.mark.parametrize("hook", HOOKS)
def test_an_interrupted_warm_start_keeps_the_finished_epochs_and_goes_on(hook, X, y):
    alarm = Raises(KeyboardInterrupt, hook)
    model = learner(warm_start=True, callbacks=[alarm])
    with pytest.raises(KeyboardInterrupt):
        model.fit(X, y)
    finished = 2 if hook == "on_epoch_end" else 1
    assert model.n_iter_ == len(model.history_) == finished
    assert_probabilities(model.predict_proba(X), (len(y), 2))
    alarm.hook = "never"
    model.fit(X, y)
    assert [record["epoch"] for record in model.history_] == list(range(1, finished + 4))


BAD_REFITS = {
    "labels": lambda model, X, y: model.fit(X, None),
    "length": lambda model, X, y: model.fit(X[:, :2], y[:5]),
    "infinity": lambda model, X, y: model.fit(np.full((200, 2), np.inf), y),
    "parameter": lambda model, X, y: model.set_params(lr=-1).fit(X[:, :2], y),
    "weights": lambda model, X, y: model.fit(X[:, :2], y, sample_weight=np.zeros(200)),
    "dates": lambda model, X, y: model.fit(pd.DataFrame({"when": DATES}), y),
    "net": lambda model, X, y: model.set_params(net=3).fit(X, y),
    "columns": lambda model, X, y: model.partial_fit(X[:, :2], y),
}


@pytest.mark.parametrize("refit", BAD_REFITS.values(), ids=BAD_REFITS)
def test_a_refused_refit_leaves_the_old_model(refit, X, y):
    model = learner().fit(X, y)
    before = model.predict_proba(X)
    with pytest.raises((ValueError, TypeError)):
        refit(model, X, y)
    assert_array_equal(model.predict_proba(X), before)
    assert model.n_features_in_ == 3


# ------------------------------------------------------------ parameters that make no sense

REFUSED = [
    ("hidden_layer_sizes", (0,)),
    ("hidden_layer_sizes", (2.5,)),
    ("hidden_layer_sizes", 128),
    ("hidden_layer_sizes", None),
    ("dropout", 1.0),
    ("dropout", -0.1),
    ("dropout", "half"),
    ("lr", 0),
    ("lr", np.nan),
    ("lr", None),
    ("weight_decay", -1),
    ("max_epochs", 0),
    ("max_epochs", 2.0),
    ("max_epochs", True),
    ("batch_size", 0),
    ("batch_size", -2),
    ("batch_size", 1.5),
    ("optimizer", "adam"),
    ("optimizer", None),
    ("early_stopping", "yes"),
    ("validation_fraction", 0),
    ("validation_fraction", 1.0),
    ("patience", 0),
    ("categorical_features", "all"),
    ("categorical_features", [9]),
    ("categorical_features", [-1]),
    ("categorical_features", ["colour"]),
    ("categorical_features", [True]),
    ("categorical_features", [0.5]),
    ("categorical_features", {0}),
    ("callbacks", 5),
    ("callbacks", ["loud"]),
    ("dtype", "float16"),
    ("device", "abacus"),
    ("warm_start", "yes"),
    ("merge_identical_rows", "yes"),
]


@pytest.mark.parametrize(("name", "value"), REFUSED, ids=str)
def test_a_parameter_out_of_range_is_refused_by_name(name, value, X, y):
    with pytest.raises((ValueError, TypeError), match=re.escape(name)) as refused:
        learner(**{name: value}).fit(X, y)
    assert str(refused.value).startswith(f"{name}: expected")
    assert "got" in str(refused.value)


@pytest.mark.parametrize("random_state", ["seed", -1, np.random.default_rng(0)], ids=str)
def test_what_is_no_random_state_is_refused_as_scikit_learn_does(random_state, X, y):
    with pytest.raises(ValueError, match=r"[Ss]eed"):
        learner(random_state=random_state).fit(X, y)


def test_numpy_numbers_are_numbers(X, y):
    numbers = {"lr": np.float32(0.01), "max_epochs": np.int64(2), "hidden_layer_sizes": np.array([4, 4])}
    assert learner(**numbers).fit(X, y).n_iter_ == 2


# ------------------------------------------------------------ copies on disk


def test_a_pickle_predicts_the_same_and_holds_no_training_data():
    sizes = []
    for n in [100, 4000]:
        X, y = points(n)
        model = learner(n_members=1, callbacks=[EpochScoring("accuracy", lower_is_better=False)]).fit(X, y)
        pickled = pickle.dumps(model)
        assert_same_model(pickle.loads(pickled), model, X)
        sizes.append(len(pickled))
    assert sizes[1] < sizes[0] + 200
    assert sizes[1] < 20_000


def test_a_copy_goes_its_own_way(frame, y):
    model = learner(warm_start=True).fit(frame, y)
    before = model.predict_proba(frame)
    copies = [copy.deepcopy(model), pickle.loads(pickle.dumps(model))]
    one, other = (duplicate.fit(frame, y) for duplicate in copies)
    assert_array_equal(model.predict_proba(frame), before)
    assert_same_model(one, other, frame)
    assert_same_model(one, model.fit(frame, y), frame)


def test_logits_under_nll_loss_are_refused_with_the_way_out(X, y):
    with pytest.raises(ValueError, match=r"softmax.*CrossEntropyLoss"):
        NetClassifier(NeuralNetClassifier(Wide)).fit(X, y)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device here")
def test_a_device_that_is_not_there_is_refused(X, y):
    with pytest.raises(ValueError, match="torch sees no CUDA device"):
        learner(device="cuda").fit(X, y)
