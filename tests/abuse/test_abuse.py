"""Whatever a table, labels and weights look like: valid probabilities, or one clear refusal and no trace.

The suite draws the same few cases every time. More of them, and other ones: ::

    SKTECH_ABUSE_EXAMPLES=2000 python -m pytest tests/abuse --hypothesis-seed=1
"""

import os

import numpy as np
import pytest
import torch
from families import FAMILIES, NET, OF_OTHERS, STOPPING
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from law import answer, check
from odd_cases import Case, cases
from odd_columns import BAD_COLUMNS, GOOD_COLUMNS, made, numbers_of
from odd_labels import BAD_LABELS, BAD_WEIGHTS, LABELS, WEIGHTS, as_objects
from sklearn.base import clone

from sktech import (
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


@pytest.mark.parametrize("family", FAMILIES)
@cases_of_suite
@given(data=st.data(), case=cases())
def test_works_or_refuses_in_a_sentence(family, data, case):
    estimator = data.draw(st.sampled_from(FAMILIES[family]))
    check(clone(estimator), case)


@cases_of_suite
@given(estimator=st.sampled_from(OF_OTHERS), case=cases())
def test_what_holds_classifiers_of_others_works_or_refuses_in_a_sentence(estimator, case):
    case.sound = False  # these need not read every table
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
