"""Only ratios of weights matter, wherever in float64's range they lie."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

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
)
from sktech._weights import in_range

MAX = np.finfo(np.float64).max
SMALL = {"n_members": 2, "hidden_layer_sizes": (8,), "max_epochs": 2, "random_state": 0}
NET = NetClassifier(**SMALL)
ESTIMATORS = [
    NET,
    NetClassifier(**SMALL, class_weight="balanced"),
    SmoothedNetClassifier("virtual_adversarial", **SMALL),
    NoiseTolerantClassifier(**SMALL),
    ReweightedClassifier(NET, random_state=0),
    ReweightedClassifier(NET, method="meta_weight_net", random_state=0),
    CleanPrototypeClassifier(2, **SMALL),
    PrototypeClassifier(2, n_support=1, n_query=1, **SMALL),
    DecoupledLongTailClassifier(NET, random_state=0),
    DecoupledLongTailClassifier(NET, classifier="crt", random_state=0),
    DistilledClassifier(NET, NET, cv=2, random_state=0),
    BaggingVoteEnsemble(NET, 2, member_weights="accuracy", random_state=0),
    OutputCodeEnsemble(NET, random_state=0),
    DisagreementEnsemble(NET, random_state=0),
]


def table(n=30, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, 3)), np.arange(n) % 3, rng.uniform(0.1, 1, n)


@pytest.mark.parametrize("k", [-1074, -600, -202, -3, 0, 199, 201, 1020])
def test_a_power_of_two_changes_no_ratio(k):
    ratios = np.array([1.0, 3.0, 7.0])
    scaled = in_range(np.ldexp(ratios, k))
    assert_array_equal(scaled / scaled[0], ratios)
    assert 1e-61 < scaled.max() < 1e61
    assert_array_equal(in_range(scaled), scaled)
    if abs(k) < 198:
        assert_array_equal(scaled, np.ldexp(ratios, k))


def test_what_is_next_to_nothing_is_nothing():
    assert_array_equal(in_range(np.array([1e-30, 1.0, 1e30])), [1e-30, 1.0, 1e30])
    assert_array_equal(in_range(np.array([1e-160, 0.0, 1.0])), [0, 0, 1])
    assert_array_equal(in_range(np.array([5e-324, MAX])) > 0, [False, True])
    assert_array_equal(in_range(np.zeros(2)), [0, 0])


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda estimator: str(estimator)[:40])
def test_a_common_factor_changes_nothing_to_the_last_bit(estimator):
    X, y, weight = table()
    expected = estimator.fit(X, y, weight).predict_proba(X)
    for k in (-1000, 1020):
        assert_array_equal(estimator.fit(X, y, np.ldexp(weight, k)).predict_proba(X), expected)


@pytest.mark.parametrize("unit", [5e-324, 2.0**-300, 2.0**190, 2.0**199, 2.0**300, MAX / 8])
def test_a_huge_or_tiny_weight_of_k_is_k_copies(unit):
    X, y, _ = table()
    times = np.arange(30) % 4 + 1
    expected = NET.fit(np.repeat(X, times, axis=0), np.repeat(y, times), np.full(times.sum(), unit)).predict_proba(X)
    assert_array_equal(NET.fit(X, y, times * unit).predict_proba(X), expected)


@pytest.mark.parametrize("estimator", ESTIMATORS[::4], ids=lambda estimator: str(estimator)[:40])
def test_a_row_next_to_nothing_is_no_row(estimator):
    X, y, weight = table()
    weight[::5] = 0.0
    expected = estimator.fit(X, y, weight).predict_proba(X)
    weight[::5] = 1e-200
    assert_array_equal(estimator.fit(X, y, weight).predict_proba(X), expected)


@pytest.mark.parametrize("early_stopping", [False, True])
def test_class_weights_at_the_limits_are_ratios_too(early_stopping):
    X, y, weight = table()
    net = NetClassifier(**SMALL, early_stopping=early_stopping)
    few, many = {0: 1.0, 1: 2.0, 2: 1.0}, {0: 2.0**1000, 1: 2.0**1001, 2: 2.0**1000}
    expected = net.set_params(class_weight=few).fit(X, y, weight).predict_proba(X)
    assert_array_equal(net.set_params(class_weight=many).fit(X, y, weight * 2.0**900).predict_proba(X), expected)
    far_apart = net.set_params(class_weight={0: MAX, 1: 1e-300, 2: 1.0}).fit(X, y, weight * MAX)
    assert np.isfinite(far_apart.predict_proba(X)).all()


def test_balanced_classes_weigh_alike_however_far_apart_their_rows_are():
    X, y, weight = table()
    net = NetClassifier(**SMALL, class_weight="balanced", early_stopping=False)
    expected = net.fit(X, y, weight).predict_proba(X)
    for factor in (2.0**-490, 2.0**-300):
        apart = weight * np.where(y == 1, factor, 1.0)
        np.testing.assert_allclose(net.fit(X, y, apart).predict_proba(X), expected, rtol=1e-5)
