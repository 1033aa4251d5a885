"""Consistency and consensus count what classifiers answer, and overdispersion tells common knowledge from chance."""

from itertools import combinations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, chisquare

from sktech.inspection import accessibility, consensus, consistency, overdispersion

SEEDS = range(5)


def drawn(seed, n_estimators=7, n_epochs=4, n=60, n_classes=3):
    rng = np.random.default_rng(seed)
    y = rng.integers(n_classes, size=n)
    guesses = rng.integers(n_classes, size=(n_estimators, n_epochs, n))
    return np.where(rng.uniform(size=guesses.shape) < 0.4, y, guesses), y


@pytest.mark.parametrize("seed", SEEDS)
def test_they_are_what_counting_by_hand_gives(seed):
    predictions, y = drawn(seed)
    right, most = consistency(predictions, y), consensus(predictions)
    for epoch, row in np.ndindex(right.shape):
        answers = predictions[:, epoch, row].tolist()
        assert right[epoch, row] == answers.count(y[row]) / 7
        assert most[epoch, row] == max(map(answers.count, answers)) / 7


@pytest.mark.parametrize("seed", SEEDS)
def test_laws(seed):
    predictions, y = drawn(seed)
    right, most = consistency(predictions, y), consensus(predictions)
    assert_allclose(right.mean(axis=1), (predictions == y).mean(axis=(0, 2)), rtol=1e-14)  # the mean accuracy
    assert (right <= most).all()
    assert (most >= 1 / 3).all()
    assert (most <= 1).all()
    share = accessibility(right)
    assert_allclose(share, (predictions == y).mean(axis=(0, 1)), rtol=1e-14)
    assert ((share >= 0) & (share <= 1)).all()


@pytest.mark.parametrize("seed", SEEDS)
def test_neither_the_order_of_classifiers_nor_the_names_of_labels_matter(seed):
    predictions, y = drawn(seed)
    names = np.array(["c", "a", "b"])
    for other, labels in ((predictions[::-1], y), (names[predictions], names[y]), (2.5 * predictions, 2.5 * y)):
        assert_array_equal(consistency(other, labels), consistency(predictions, y))
        assert_array_equal(consensus(other), consensus(predictions))


def test_one_classifier_is_right_or_wrong():
    predictions, y = drawn(0, n_estimators=1)
    right = consistency(predictions, y)
    assert set(np.unique(right)) == {0.0, 1.0}
    assert (consensus(predictions) == 1).all()
    assert_allclose(overdispersion(right, 1), 1.0)


def test_rows_known_by_all_or_none_are_as_overdispersed_as_can_be():
    rng = np.random.default_rng(0)
    y = rng.integers(3, size=50)
    answers = np.where(rng.uniform(size=50) < 0.6, y, (y + 1) % 3)
    assert_allclose(overdispersion(consistency([answers] * 9, y), 9), 9.0)


@pytest.mark.parametrize("seed", SEEDS)
def test_overdispersion_is_the_mean_correlation_of_pairs_of_the_same_accuracy(seed):
    rng = np.random.default_rng(seed)
    right = np.zeros((6, 40))
    right[:, :25] = 1
    right = rng.permuted(right, axis=1)
    right[3:] = right[0]  # some know the same
    correlations = [np.corrcoef(right[i], right[j])[0, 1] for i, j in combinations(range(6), 2)]
    assert_allclose(overdispersion(right.mean(axis=0), 6), 1 + 5 * np.mean(correlations), rtol=1e-12)


def test_independent_classifiers_are_binomial():
    n_seeds, n_estimators, n, p = 200, 20, 400, 0.7
    rng = np.random.default_rng(0)
    y = np.zeros(n, dtype=int)
    answers = (rng.uniform(size=(n_estimators, n_seeds, n)) > p).astype(int)
    right = consistency(answers, y)
    ratios = overdispersion(right, n_estimators)
    assert ratios.shape == (n_seeds,)
    assert abs(ratios.mean() - 1) < 4 * ratios.std() / np.sqrt(n_seeds)
    counts = np.bincount(np.rint(n_estimators * right).astype(int).ravel(), minlength=n_estimators + 1)
    expected = binom.pmf(np.arange(n_estimators + 1), n_estimators, p) * n_seeds * n
    often = expected > 10
    observed = np.append(counts[often], counts[~often].sum())
    assert chisquare(observed, np.append(expected[often], expected[~often].sum())).pvalue > 1e-3


def test_where_all_are_right_there_is_nothing_to_compare():
    assert np.isnan(overdispersion(np.ones(5), 3))


def test_what_makes_no_sense_is_refused():
    with pytest.raises(ValueError, match=r"predictions: expected shape \(n_estimators, ..., n\), got \(3,\)"):
        consensus([0, 1, 1])
    with pytest.raises(ValueError, match="y: expected a label for each of 3 rows, got 2"):
        consistency([[0, 1, 1]], [0, 1])
    with pytest.raises(ValueError, match="predictions and y: expected labels of one kind"):
        consistency([["a", "b"]], [0, 1])
    with pytest.raises(ValueError, match=r"consistency: expected shape \(n_epochs, n\), got \(2,\)"):
        accessibility([0.5, 1.0])
    with pytest.raises(ValueError, match="n_estimators: expected an integer in"):
        overdispersion([0.5, 1.0], 0)
