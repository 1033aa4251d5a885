"""Whatever a table, labels and weights look like: valid probabilities, or one clear refusal and no trace.

The suite draws the same few cases every time. More of them, and other ones: ::

    SKTECH_ABUSE_EXAMPLES=2000 python -m pytest tests/test_abuse.py --hypothesis-seed=1
"""

import os
import re
import signal
import warnings
from contextlib import contextmanager
from decimal import Decimal
from inspect import signature

import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from sktech import (
    BaggingVoteEnsemble,
    CleanPrototypeClassifier,
    DecoupledLongTailClassifier,
    DisagreementEnsemble,
    DistilledClassifier,
    NetClassifier,
    NoiseTolerantClassifier,
    OutputCodeEnsemble,
    PrototypeClassifier,
    ReweightedClassifier,
    SmoothedNetClassifier,
    TensorNet,
)
from sktech.inspection import Memorizer

N_EXAMPLES = int(os.environ.get("SKTECH_ABUSE_EXAMPLES", 0))
cases_of_suite = settings(
    max_examples=N_EXAMPLES or 25,
    derandomize=not N_EXAMPLES,
    database=None,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much],
    print_blob=True,
)
TIME_LIMIT = 60  # seconds for all that happens to one case
MAX = np.finfo(np.float64).max

# ---------------------------------------------------------------- columns: what makes one, and what a refusal names

LEVELS = np.array(["a", "b", "", "ø", "a\x00", "1", "1.0", "nan", "-2", "long" * 9], dtype=object)


def some(rng, n, values):
    values = np.array([*values, None], dtype=object)[:-1]  # tuples and lists stay what they are
    return values[rng.integers(len(values), size=n)]


def integers(kind):
    info = np.iinfo(kind)
    return lambda rng, n: some(rng, n, [info.min, info.max, info.max - 1, 0, 1, 7]).astype(kind)


def nullable(kind, *values):
    return lambda rng, n: pd.array(some(rng, n, [*values, None]), dtype=kind)


def categories(*levels, n_used=None, **how):
    return lambda rng, n: pd.Categorical(some(rng, n, [*levels[:n_used], None]), categories=list(levels), **how)


def floats(*values):
    return lambda rng, n: some(rng, n, values).astype(float)


def objects(*values):
    return lambda rng, n: some(rng, n, values)


GOOD_COLUMNS = {
    "normal": lambda rng, n: rng.normal(size=n),
    "far from zero": lambda rng, n: 1e9 + rng.normal(size=n),
    "heavy tail": lambda rng, n: rng.standard_cauchy(n) ** 15,
    "huge": lambda rng, n: rng.normal(size=n) * 1e300,
    "float32's limit": lambda rng, n: rng.normal(size=n) * 1e38,
    "float64's limit": floats(MAX, -MAX, 0.0),
    "near the limit": lambda rng, n: MAX * rng.uniform(-1, 1, n),
    "two huge": floats(1e300, -1e300),
    "tiny": lambda rng, n: rng.normal(size=n) * 1e-300,
    "denormal": floats(5e-324, 1e-320, -1e-310, 0.0, -0.0),
    "huge and tiny": floats(MAX, 1e300, 5e-324, 1.0, -1e-300, np.nan),
    "missing": floats(np.nan, 1.0, 2.5),
    "all missing": floats(np.nan),
    "constant": floats(3.0),
    "constant or missing": floats(MAX, np.nan),
    "float16": lambda rng, n: rng.normal(size=n).astype(np.float16),
    "float32": lambda rng, n: some(rng, n, [3.4e38, -3.4e38, 1e-45, 1.0]).astype(np.float32),
    **{kind: integers(kind) for kind in ("int8", "uint8", "int32", "int64", "uint64")},
    "Int64": nullable("Int64", 2**62, -(2**62), 0),
    "Float64": nullable("Float64", 1.5, MAX),
    "bool": lambda rng, n: rng.uniform(size=n) < 0.5,
    "boolean": nullable("boolean", True, False),
    "object bool": objects(True, False, None),
    "object numbers": objects(1, 2.5, np.float32(3), None, float("nan"), True, Decimal("1.5")),
    "object missing": objects(None, float("nan")),
    "object NA": objects(pd.NA, None),
    "strings": objects(*LEVELS),
    "strings or missing": objects("a", "b", None, float("nan")),
    "many strings": lambda rng, n: rng.integers(10**6, size=n).astype(str).astype(object),
    "string": nullable("string", "a", "b", ""),
    "category": categories("a", "b", "c"),
    "ordered": categories("low", "mid", "high", ordered=True),
    "unused": categories(*"abcdefghijkl", n_used=2),
    "numeric categories": categories(1, 2, 30),
    "float categories": categories(0.5, 1.0, MAX),
    "empty categories": categories("a", "b", n_used=0),
    "strings and numbers": objects("a", 1, 2.5, None, True),
    "date categories": lambda rng, n: pd.Categorical(pd.to_datetime(some(rng, n, ["2020-01-01", "2021-01-01"]))),
    "tuples": objects((1, 2), (1,), (), None),
    "bytes": objects(b"a", b"b"),
}
BAD_COLUMNS = {
    "infinite": floats(np.inf, 1.0, -np.inf),
    "object infinite": objects(float("inf"), 1, None),
    "huge int": objects(10**400, 1),
    "complex": lambda rng, n: rng.normal(size=n) + 1j,
    "object complex": objects(1j, 2.0),
    "dates": lambda rng, n: pd.to_datetime(rng.integers(10**9, size=n), unit="s"),
    "zones": lambda rng, n: pd.to_datetime(rng.integers(10**9, size=n), unit="s", utc=True),
    "durations": lambda rng, n: pd.to_timedelta(rng.integers(10**9, size=n), unit="s"),
    "periods": lambda rng, n: pd.PeriodIndex(["2020-01"] * n, freq="M"),
    "lists": objects([1, 2], [3], []),
    "arrays": objects(np.arange(2), np.arange(3)),
    "dicts": objects({"a": 1}, {}),
    "sparse": lambda rng, n: pd.arrays.SparseArray(np.zeros(n)),
}
COLUMNS = GOOD_COLUMNS | BAD_COLUMNS


NAMES = {
    "plain": lambda i: f"x{i}",
    "twice": lambda i: f"x{i // 2}",
    "numbers": lambda i: i,
    "mixed": lambda i: i if i % 2 else f"x{i}",
    "odd": lambda i: ("", None, "x\n", 1.5, pd.Timestamp(0))[i] if i < 5 else i,
    "two levels": lambda i: ("x", i),
}
INDICES = {
    "plain": lambda i: i,
    "alike": lambda i: 0,
    "missing": lambda i: None,
    "two levels": lambda i: (i % 2, -i),
}


def made(kinds, n, seed, names="plain", index="plain"):
    """A data frame of such columns."""
    rng = np.random.default_rng(seed)
    rows = pd.Index([INDICES[index](i) for i in range(n)])
    columns = [pd.Series(COLUMNS[kind](rng, n), index=rows) for kind in kinds]
    # By hand, as concat orders an index that it takes for another.
    frame = pd.DataFrame({i: column.array for i, column in enumerate(columns)}, index=rows)
    labels = [NAMES[names](i) for i in range(len(kinds))]
    return frame.set_axis(pd.MultiIndex.from_tuples(labels) if names == "two levels" and labels else labels, axis=1)


# ---------------------------------------------------------------- what holds a table


def numbers_of(frame):
    own = [frame.iloc[:, i] for i in range(frame.shape[1]) if frame.dtypes.iloc[i].kind in "fiub"]
    own = [column.to_numpy(np.float64, na_value=np.nan) for column in own]
    return np.column_stack([np.zeros((len(frame), 0)), *own])


def as_polars(frame):
    columns = {}
    for i in range(frame.shape[1]):
        column = frame.iloc[:, i]
        values = column.astype(object).where(column.notna(), None).tolist()
        try:
            column = pl.Series(values=values)
        except (TypeError, OverflowError):
            column = pl.Series(values=[None if value is None else str(value) for value in values])
        columns[f"x{i}"] = column.cast(pl.Categorical) if column.dtype == pl.String and i % 2 else column
    return pl.DataFrame(columns)


def read_only(frame):
    values = numbers_of(frame)
    values.setflags(write=False)
    return values


CONTAINERS = {
    "pandas": lambda frame: frame,
    "polars": as_polars,
    "array": numbers_of,
    "float32": lambda frame: np.clip(numbers_of(frame), -3e38, 3e38).astype(np.float32),
    "backwards": lambda frame: np.asfortranarray(numbers_of(frame))[::-1, ::-1],
    "read-only": read_only,
    "integers": lambda frame: np.nan_to_num(numbers_of(frame)).clip(-1e9, 1e9).astype(np.int64),
    "list": lambda frame: numbers_of(frame).tolist(),
    "objects": lambda frame: frame.to_numpy(dtype=object),
    "text": lambda frame: frame.astype(str).to_numpy(dtype=str),
    "sparse": lambda frame: scipy.sparse.csr_array(np.nan_to_num(numbers_of(frame))),
    "three axes": lambda frame: numbers_of(frame)[:, :, None],
    "series": lambda frame: pd.Series(np.arange(len(frame))),
    "nothing": lambda frame: None,
}
SOUND = ["pandas", "polars", "array", "float32", "backwards", "read-only", "integers", "list"]

# ---------------------------------------------------------------- labels and weights

LABELS = {
    "numbers": lambda i: i,
    "negative": lambda i: i - 20,
    "minus one": lambda i: i - 1,
    "huge": lambda i: 2**62 + i,
    "floats": lambda i: float(i),
    "strings": lambda i: f"class {i}",
    "odd strings": lambda i: "" if i == 0 else "ø" * i,
    "digits": lambda i: str(i),
    "booleans": lambda i: i % 2 == 1,
}
BAD_LABELS = {
    "bytes": lambda i: f"class {i}".encode(),
    "tuples": lambda i: (i, i),
    "fractions": lambda i: i + 0.5,
    "missing": lambda i: np.nan if i == 0 else float(i),
    "None": lambda i: None if i == 0 else f"class {i}",
    "infinite": lambda i: np.inf if i == 0 else float(i),
    "two types": lambda i: i if i % 2 else f"class {i}",
    "dates": lambda i: pd.Timestamp(i, unit="D"),
    "complex": lambda i: complex(i),
    "lists": lambda i: [i] * (i + 1),
    "sets": lambda i: {i},
}


def as_objects(values):
    column = np.empty(len(values), dtype=object)
    column[:] = values
    return column


def as_probabilities(y):
    codes = np.unique(y, return_inverse=True)[1]
    proba = np.eye(codes.max() + 2)[codes] + 0.1 * (codes % 2)[:, None]
    return proba / proba.sum(axis=1, keepdims=True)


HOLDERS = {
    "array": np.asarray,
    "objects": as_objects,
    "list": list,
    "tuple": tuple,
    "series": lambda y: pd.Series(y, index=range(len(y), 0, -1)),
    "object series": lambda y: pd.Series(as_objects(y), index=[0] * len(y)),
    "nullable": lambda y: pd.Series(y).convert_dtypes(),
    "categorical": lambda y: pd.Categorical(y),
    "unused category": lambda y: pd.Series(pd.Categorical(y)).cat.add_categories(["never"]),
    "polars": lambda y: pl.Series(values=y),
    "column": lambda y: np.asarray(y)[:, None],
    "frame": lambda y: pd.DataFrame({"y": y}),
    "probabilities": as_probabilities,
}
WEIGHTS = {
    "none": None,
    "ones": lambda rng, n: np.ones(n),
    "whole": lambda rng, n: rng.integers(1, 4, n),
    "uniform": lambda rng, n: rng.uniform(0.1, 2, n),
    "some zeros": lambda rng, n: rng.integers(0, 2, n) + (np.arange(n) == 0),
    "far apart": lambda rng, n: some(rng, n, [1e-30, 1.0, 1e30]).astype(float),
    "farthest apart": lambda rng, n: some(rng, n, [5e-324, 1.0, MAX, 0.0]).astype(float) + (np.arange(n) == 0),
    "largest": lambda rng, n: np.full(n, MAX),
    "near the limit": lambda rng, n: MAX * rng.uniform(0.1, 1, n),
    "smallest": lambda rng, n: np.full(n, 5e-324),
    "denormal": lambda rng, n: rng.integers(1, 1000, n) * 5e-324,
    "float32": lambda rng, n: rng.uniform(size=n).astype(np.float32) + 1,
    "series": lambda rng, n: pd.Series(rng.uniform(size=n) + 1, index=[0] * n),
    "list": lambda rng, n: [1, 2.5, True, *[1] * n][:n],
}
BAD_WEIGHTS = {
    "zeros": lambda rng, n: np.zeros(n),
    "negative": lambda rng, n: np.arange(n) - 1.0,
    "missing": lambda rng, n: np.where(np.arange(n) == 0, np.nan, 1.0),
    "infinite": lambda rng, n: np.where(np.arange(n) == 0, np.inf, 1.0),
    "too many": lambda rng, n: np.ones(n + 1),
    "two columns": lambda rng, n: np.ones((n, 2)),
    "strings": lambda rng, n: ["heavy"] * n,
    "objects": lambda rng, n: as_objects([None] * n),
    "NA": lambda rng, n: pd.array([None, *[1.0] * n][:n], dtype="Float64"),
    "dates": lambda rng, n: np.zeros(n, dtype="M8[s]"),
    "complex": lambda rng, n: np.ones(n) + 1j,
    "one for all": lambda rng, n: "balanced",
}


# ---------------------------------------------------------------- cases


class Case:
    """A table, labels, weights, rows to predict, and whether nothing is wrong with the first three."""

    def __init__(self, recipe, X, y, weight, X_new, sound, extras=None):
        self.recipe, self.X, self.y, self.weight, self.X_new, self.sound = recipe, X, y, weight, X_new, sound
        self.extras = {} if extras is None else extras

    def __repr__(self):  # how it was made; what it holds may be long
        return f"Case({', '.join(f'{name}={value!r}' for name, value in self.recipe.items())}, sound={self.sound})"


def mostly(good, bad):
    """One of the good names, or, in about one of twelve cases, one of the bad."""
    return st.integers(0, 11).flatmap(lambda i: st.sampled_from(sorted(bad)) if i == 11 else st.sampled_from(good))


@st.composite
def new_tables(draw, kinds, names, index, container):
    """Rows to predict: mostly like those of the training, and otherwise in each of many ways."""
    n, seed = draw(st.sampled_from([1, 2, 17])), draw(st.integers(0, 99))
    how = draw(st.sampled_from(["alike"] * 6 + ["no rows", "kinds", "order", "less", "more", "names", "holder"]))
    n = 0 if how == "no rows" else n
    if how == "kinds" and kinds:
        kinds = [*kinds]
        kinds[draw(st.integers(0, len(kinds) - 1))] = draw(st.sampled_from(sorted(COLUMNS)))
    kinds = [*kinds, "normal"] if how == "more" else kinds[1:] if how == "less" else kinds
    names = draw(st.sampled_from(sorted(NAMES))) if how == "names" else names
    container = draw(st.sampled_from(sorted(CONTAINERS))) if how == "holder" else container
    X = made(kinds, n, seed, names, index)
    return how, CONTAINERS[container](X.iloc[:, ::-1] if how == "order" else X)


@st.composite
def cases(draw):
    n = draw(st.sampled_from([1, 2, 3, 7, 20, 40, 80, 150, 300]))
    n_columns = draw(st.sampled_from([1, 2, 3, 5, 20]) | st.integers(0, 20))
    good = st.sampled_from(sorted(GOOD_COLUMNS))
    kinds = [draw(good if i else mostly(sorted(GOOD_COLUMNS), BAD_COLUMNS)) for i in range(n_columns)]
    names, index = draw(st.sampled_from(["plain", "plain", *sorted(NAMES)])), draw(st.sampled_from(sorted(INDICES)))
    container = draw(st.sampled_from(["pandas"] * 4) | mostly(SOUND, CONTAINERS))
    seed, n_distinct = draw(st.integers(0, 999)), draw(st.sampled_from([None, None, None, 1, 3]))
    label = draw(mostly(sorted(LABELS), BAD_LABELS))
    n_classes, balanced = draw(st.sampled_from([2, 3, 40, 1])), draw(st.booleans())
    holder = draw(st.sampled_from(["array"] * 4) | st.sampled_from(sorted(HOLDERS)))
    weighs = draw(st.sampled_from(["none"] * 4) | mostly(sorted(WEIGHTS), BAD_WEIGHTS))
    how, X_new = draw(new_tables(kinds, names, index, container))
    is_extra = draw(st.integers(0, 3)) == 0

    rng = np.random.default_rng(seed)
    frame = made(kinds, n, seed, names, index)
    if n_distinct is not None:
        frame = frame.iloc[rng.integers(min(n_distinct, n), size=n)]
    codes = rng.permutation(np.arange(n) % n_classes) if balanced else rng.integers(n_classes, size=n) ** 2 % 40
    y = [(LABELS | BAD_LABELS)[label](int(code)) for code in codes]
    try:
        y = HOLDERS[holder](y)
    except Exception:  # there is no such thing
        y = as_objects(y)
    weight, X = (WEIGHTS | BAD_WEIGHTS)[weighs], CONTAINERS[container](frame)
    return Case(
        {
            "kinds": kinds,
            "n": n,
            "n_distinct": n_distinct,
            "names": names,
            "index": index,
            "container": container,
            "seed": seed,
            "label": label,
            "n_classes": n_classes,
            "balanced": balanced,
            "holder": holder,
            "weighs": weighs,
            "new": (how, getattr(X_new, "shape", None)),
            "is_extra": is_extra,
        },
        X,
        y,
        weight if weight is None else weight(rng, n),
        X_new,
        sound=getattr(X, "ndim", 2) == 2
        and np.shape(X)[1:] > (0,)
        and not BAD_COLUMNS.keys() & set(kinds)
        and container in SOUND
        and not (container == "polars" and {"tuples", "bytes", "date categories"} & set(kinds))
        and label in LABELS
        and weighs in WEIGHTS
        and names not in ("mixed", "odd", "twice")
        and holder != "probabilities"
        and not is_extra,
        extras={"X_unlabeled": X_new, "is_clean": rng.integers(2, size=n) == 1} if is_extra else None,
    )


# ---------------------------------------------------------------- the law

# What a refusal names: an argument, a column, or how much of something there is.
AT_FAULT = re.compile(
    r"\bX\b|\by\b|column|feature|X_unlabeled|sample_weight|n_samples|sample\(s\)|classes|is_clean|labels?\b"
)
SCARCE = re.compile(
    r"n_samples|at least two (classes|rows|distinct)|distinct|-1 is a row without|BatchNorm|one class|n_way|"
    r"a label and a positive weight|a single class|expected numbers, got object"  # the strings are all in one fold
)


@contextmanager
def limited_in_time():
    def stop(*_):
        raise AssertionError(f"still running after {TIME_LIMIT} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(TIME_LIMIT)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def few_warnings():
    """At most three, and none of the kinds that say that a computation went astray."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    ours = [str(warning.message) for warning in caught]
    assert len(caught) <= 3, ours
    assert not [warning for warning in caught if issubclass(warning.category, RuntimeWarning | DeprecationWarning)], (
        ours
    )
    assert not [warning.filename for warning in caught if "/torch/" in warning.filename], ours


def answer(function, *args, **kwargs):
    """What a function returns, or the message with which it refuses."""
    with few_warnings():
        try:
            return function(*args, **kwargs), None
        except (ValueError, TypeError) as error:
            refused = str(error)
    assert AT_FAULT.search(refused), f"names nothing: {refused}"
    return None, refused


def check(estimator, case):
    """An estimator works with valid probabilities, or refuses in a sentence and is left as it was."""
    taken = signature(estimator.fit).parameters.keys()
    data = {"sample_weight": case.weight, **case.extras}
    data = {name: value for name, value in data.items() if name in taken and value is not None}
    with limited_in_time():
        refused = fit_or_leave(estimator, case.X, case.y, data)
        if refused is not None:
            assert not case.sound or SCARCE.search(refused), refused
            return
        check_classes(estimator.classes_, case.y)
        check_predictions(estimator, case.X, must=case.sound)
        check_predictions(estimator, case.X_new)
        fit_or_leave(estimator, case.X_new, case.y, data)


def fit_or_leave(estimator, X, y, data):
    """Why a fit is refused, or None; a refused one leaves no trace."""
    before = dict(vars(estimator))
    _, refused = answer(estimator.fit, X, y, **data)
    if refused is not None:
        assert vars(estimator).keys() == before.keys()
        assert all(vars(estimator)[name] is before[name] for name in before)
    return refused


def check_classes(classes, y):
    if np.ndim(y) == 1 and classes.dtype.kind != "M":  # times come back in another form
        given = set(y.tolist() if hasattr(y, "tolist") else y)
        assert given - {-1} <= set(classes.tolist()) <= given
        assert set(map(type, classes.tolist())) <= set(map(type, given))
    assert (classes[:-1] < classes[1:]).all()


def check_predictions(estimator, X, must=False):
    proba, refused = answer(estimator.predict_proba, X)
    labels, refused_too = answer(estimator.predict, X)
    assert (refused is None) == (refused_too is None)
    if refused is not None:
        assert not must, refused
        return
    n = X.shape[0] if hasattr(X, "shape") else len(X)
    assert proba.shape == (n, len(estimator.classes_))
    assert np.isfinite(proba).all()
    assert ((proba >= 0) & (proba <= 1)).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
    assert labels.dtype == estimator.classes_.dtype
    assert labels.shape == (n,)
    places = np.searchsorted(estimator.classes_, labels)
    assert (estimator.classes_[places] == labels).all()
    np.testing.assert_allclose(proba[np.arange(n), places], proba.max(axis=1), atol=1e-5)
    log_proba, _ = answer(estimator.predict_log_proba, X)
    np.testing.assert_allclose(np.exp(log_proba), proba, atol=1e-5)
    if hasattr(estimator, "decision_function"):
        assert not np.isnan(answer(estimator.decision_function, X)[0]).any()


# ---------------------------------------------------------------- estimators

PLAIN = {"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 1, "random_state": 0}
NET = NetClassifier(**PLAIN, early_stopping=False)
STOPPING = NetClassifier(**PLAIN | {"max_epochs": 2, "n_members": 2})


class ModuleOfAUser(torch.nn.Module):
    def __init__(self, n_features_in, n_classes):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.BatchNorm1d(n_features_in), torch.nn.Linear(n_features_in, n_classes)
        )

    def forward(self, X):
        return self.layers(X)


FAMILIES = {
    "net": [
        NET,
        STOPPING,
        NetClassifier(**PLAIN | {"n_members": 8, "max_epochs": 3}, patience=1),
        NetClassifier(**PLAIN, numeric_embedding="periodic", dropout="jumpout", class_weight="balanced"),
        NetClassifier(**PLAIN, numeric_embedding=None, dtype="float64", merge_identical_rows=False),
        NetClassifier(ModuleOfAUser, max_epochs=2, random_state=0),
    ],
    "smoothing": [
        SmoothedNetClassifier(terms, **PLAIN, early_stopping=stopping)
        for terms in ["label_smoothing", "confidence_penalty", "virtual_adversarial", "bootstrapping", "disturb_label"]
        for stopping in [False, True]
    ],
    "noise": [
        NoiseTolerantClassifier(**PLAIN | {"max_epochs": 2}),
        NoiseTolerantClassifier(**PLAIN, early_stopping=False, n_perturbations=2, warm_up=0.0),
        ReweightedClassifier(NET, random_state=0),
        ReweightedClassifier(STOPPING, method="meta_weight_net", random_state=0),
    ],
    "prototypes": [
        CleanPrototypeClassifier(3, **PLAIN),
        CleanPrototypeClassifier(**PLAIN | {"n_members": 2}, early_stopping=True, class_weight="balanced"),
        PrototypeClassifier(2, n_support=1, n_query=1, **PLAIN, early_stopping=False),
        PrototypeClassifier(**PLAIN | {"max_epochs": 2}),
        *[
            DecoupledLongTailClassifier(STOPPING, sampling=sampling, classifier=classifier, random_state=0)
            for sampling in ["instance", "class_balanced"]
            for classifier in ["logit_adjustment", "crt", "ncm", "tau", "lws"]
        ],
    ],
    "distillation": [
        DistilledClassifier(NET, NET, cv=None, random_state=0),
        DistilledClassifier(NET, NET, cv=2, augment="munge", random_state=0),
        DistilledClassifier(None, NET, cv=2, random_state=0),
    ],
    "ensembles": [
        BaggingVoteEnsemble(NET, 2, oob_score=False, random_state=0),
        BaggingVoteEnsemble(STOPPING, 3, voting="hard", member_weights="bayes", random_state=0),
        BaggingVoteEnsemble(NET, 2, resampling="cross_validation", random_state=0),
        BaggingVoteEnsemble(NET, 2, max_features=0.6, bootstrap=False, random_state=0),
        BaggingVoteEnsemble(NET, 2, bootstrap_features=True, max_samples=0.5, random_state=0),
        OutputCodeEnsemble(NET, code="random", n_bits=6, random_state=0),
        OutputCodeEnsemble(STOPPING, code="random", n_bits=6, stacked=False, random_state=0),
        DisagreementEnsemble(NET, random_state=0),
        DisagreementEnsemble(STOPPING, alpha=0.0, random_state=0),
    ],
}


@pytest.mark.parametrize("family", FAMILIES)
@cases_of_suite
@given(data=st.data(), case=cases())
def test_works_or_refuses_in_a_sentence(family, data, case):
    estimator = data.draw(st.sampled_from(FAMILIES[family]))
    check(clone(estimator), case)


# ---------------------------------------------------------------- one thing at a time


@pytest.mark.parametrize("kind", GOOD_COLUMNS)
def test_a_good_column_alone_is_no_problem(kind):
    X = made([kind], 60, seed=0)
    check(clone(STOPPING), Case({}, X, np.arange(60) % 3, None, made([kind], 9, seed=1), sound=True))


@pytest.mark.parametrize("kind", BAD_COLUMNS)
def test_a_bad_column_is_named(kind):
    good = made(["normal", "normal"], 20, seed=0)
    bad = made(["normal", kind], 20, seed=0)
    with pytest.raises((ValueError, TypeError), match="column 'x1'"):
        clone(NET).fit(bad, np.arange(20) % 2)
    with pytest.raises((ValueError, TypeError), match="column 'x1'"):
        clone(NET).fit(good, np.arange(20) % 2).predict(bad)


@pytest.mark.parametrize("weighs", WEIGHTS)
@pytest.mark.parametrize("family", FAMILIES)
def test_good_weights_are_no_problem(weighs, family):
    X, y = made(["normal", "category"], 40, seed=0), np.arange(40) % 3
    weight = None if weighs == "none" else WEIGHTS[weighs](np.random.default_rng(0), 40)
    check(clone(FAMILIES[family][0]), Case({}, X, y, weight, X, sound=True))


@pytest.mark.parametrize("weighs", BAD_WEIGHTS)
def test_bad_weights_are_named(weighs):
    weight = BAD_WEIGHTS[weighs](np.random.default_rng(0), 20)
    with pytest.raises((ValueError, TypeError), match="sample_weight"):
        clone(NET).fit(np.arange(20.0)[:, None], np.arange(20) % 2, weight)


@pytest.mark.parametrize("label", LABELS)
def test_good_labels_are_no_problem(label):
    y = [LABELS[label](i % 3) for i in range(30)]
    for holder in (np.asarray, as_objects, list):
        check(clone(NET), Case({}, np.arange(30.0)[:, None], holder(y), None, np.arange(30.0)[:, None], sound=True))


@pytest.mark.parametrize("label", BAD_LABELS)
def test_bad_labels_are_refused_by_name(label):
    with pytest.raises((ValueError, TypeError), match=r"\by\b"):
        clone(NET).fit(np.arange(20.0)[:, None], as_objects([BAD_LABELS[label](i % 3) for i in range(20)]))


@pytest.fixture
def float64_by_default():
    before = torch.get_default_dtype()
    yield lambda: torch.set_default_dtype(torch.float64)
    torch.set_default_dtype(before)


@pytest.mark.parametrize("family", FAMILIES)
def test_torchs_default_type_changes_nothing(family, float64_by_default):
    X, y, weight = made(["normal", "category", "missing"], 40, seed=0), np.arange(40) % 3, np.linspace(0.5, 2, 40)
    expected = [clone(estimator).fit(X, y, weight).predict_proba(X) for estimator in FAMILIES[family]]
    float64_by_default()
    for estimator, proba in zip(FAMILIES[family], expected, strict=True):
        again = clone(estimator).fit(X, y, weight).predict_proba(X)
        assert again.dtype == proba.dtype
        np.testing.assert_array_equal(again, proba, err_msg=repr(estimator))
        assert torch.get_default_dtype() == torch.float64


# ---------------------------------------------------------------- those that are no classifiers of tables

NUMBERS = [kind for kind in GOOD_COLUMNS if made([kind], 3, 0).dtypes.iloc[0].kind in "fiub"]


@cases_of_suite
@given(
    kinds=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=5),
    y_kind=st.sampled_from(NUMBERS),
    n=st.sampled_from([1, 2, 10, 100]),
    seed=st.integers(0, 99),
    estimator=st.sampled_from(
        [
            Memorizer(random_state=0),
            *[Memorizer("min_norm", kernel=kernel) for kernel in ("rbf", "linear", "laplacian")],
        ]
    ),
)
def test_what_memorises_does_or_refuses_in_a_sentence(kinds, y_kind, n, seed, estimator):
    X, y, estimator = made(kinds, n, seed), made([y_kind], n, seed + 1).iloc[:, 0], clone(estimator)
    before = dict(vars(estimator))
    _, refused = answer(estimator.fit, X, y)
    if refused is not None:
        assert vars(estimator) == before
        return
    predicted, refused = answer(estimator.predict, X)
    assert refused is None
    assert np.isfinite(predicted).all()
    assert np.isfinite(estimator.residual_)
    predicted, refused = answer(estimator.predict, made(kinds, 10, seed + 2))
    assert refused is not None or not np.isnan(predicted).any()


@cases_of_suite
@given(
    kinds=st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=5),
    n=st.sampled_from([2, 10, 100]),
    seed=st.integers(0, 99),
    n_classes=st.sampled_from([1, 2, 40]),
)
def test_a_tensor_net_works_where_its_module_does(kinds, n, seed, n_classes):
    X = numbers_of(made(kinds, n, seed)).clip(-1e15, 1e15).astype(np.float32)
    y = np.arange(n) % n_classes
    torch.manual_seed(seed)
    net = TensorNet(
        torch.nn.Linear,
        module__in_features=X.shape[1],
        module__out_features=n_classes,
        criterion=torch.nn.CrossEntropyLoss,
        train_split=None,
        max_epochs=2,
        verbose=0,
    )
    if np.isnan(X).any():
        with pytest.raises(FloatingPointError, match="loss became nan"):
            net.fit(X, y)
        assert not net.initialized_
        return
    proba = net.fit(X, y).predict_proba(X)
    assert np.isfinite(proba).all()
    np.testing.assert_allclose(proba.sum(axis=1), 1, atol=1e-5)
