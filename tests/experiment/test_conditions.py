import numpy as np
import pytest

from sktech.experiment import InputError
from sktech.experiment.conditions import Conditions

CLASSES = np.array(["ash", "birch", "cedar", "date"])
COUNTS = np.array([300, 100, 250, 7])
SEEDS = range(5)


@pytest.fixture
def y():
    return np.random.default_rng(0).permutation(np.repeat(CLASSES, COUNTS))


@pytest.fixture
def train(y):
    """Rows in an order of their own, two in three of the table."""
    return np.random.default_rng(1).permutation(len(y))[: 2 * len(y) // 3]


def counts_of(labels):
    return np.array([np.sum(labels == label) for label in CLASSES])


def test_nothing_asked_is_nothing_done(y, train):
    rows, y_rows = Conditions().apply(y, train, seed=0)
    np.testing.assert_array_equal(rows, train)
    np.testing.assert_array_equal(y_rows, y[train])
    assert Conditions().describe() == ""


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(
    "conditions", [Conditions(0.3), Conditions(tail=20), Conditions(fraction=0.2), Conditions(0.2, 5, 0.5)]
)
def test_rows_are_training_rows_once_each_and_the_labels_in_the_table_stay(y, train, conditions, seed):
    before = y.copy()
    rows, y_rows = conditions.apply(y, train, seed)
    assert len(rows) == len(y_rows) == len(set(rows))
    kept = set(rows)
    assert rows.tolist() == [row for row in train if row in kept]
    np.testing.assert_array_equal(y, before)


@pytest.mark.parametrize(
    "conditions", [Conditions(0.3), Conditions(tail=20), Conditions(fraction=0.2), Conditions(0.2, 5, 0.5)]
)
def test_only_training_labels_are_looked_at(y, train, conditions):
    poisoned = np.where(np.isin(np.arange(len(y)), train), y, "elm")
    for a, b in zip(conditions.apply(y, train, 0), conditions.apply(poisoned, train, 0), strict=True):
        np.testing.assert_array_equal(a, b)


def test_the_seed_decides(y, train):
    conditions = Conditions(noise=0.3, fraction=0.5)
    a, b, other = (conditions.apply(y, train, seed) for seed in (1, 1, 2))
    np.testing.assert_array_equal(a, b)
    assert set(a[0]) != set(other[0])


@pytest.mark.parametrize("fraction", [0.9, 0.5, 0.1, 0.001])
@pytest.mark.parametrize("seed", SEEDS)
def test_a_fraction_is_taken_of_each_class(y, train, fraction, seed):
    rows, y_rows = Conditions(fraction=fraction).apply(y, train, seed)
    np.testing.assert_array_equal(y_rows, y[rows])
    expected = np.maximum(np.rint(fraction * counts_of(y[train])), 1)
    np.testing.assert_array_equal(counts_of(y_rows), expected)


@pytest.mark.parametrize("tail", [1.5, 10, 100, 1e6])
@pytest.mark.parametrize("n_classes", [2, 4, 5])
def test_classes_of_one_size_get_an_exponential_profile(tail, n_classes):
    y = np.arange(200 * n_classes) % n_classes
    _, y_rows = Conditions(tail=tail).apply(y, np.arange(len(y)), seed=0)
    sizes = np.sort(np.bincount(y_rows, minlength=n_classes))[::-1]
    assert sizes[0] == 200
    assert sizes[-1] == max(1, round(200 / tail))
    wanted = np.geomspace(200, 200 / tail, n_classes)
    assert np.abs(sizes - np.maximum(wanted, 1)).max() <= 0.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_tail_follows_the_frequencies_and_adds_no_rows(y, seed):
    rows, y_rows = Conditions(tail=27).apply(y, np.arange(len(y)), seed)
    np.testing.assert_array_equal(y_rows, y[rows])
    # ash, cedar, birch, date: 300, 100, 33.3, 11.1, of which date has 7.
    assert counts_of(y_rows).tolist() == [300, 33, 100, 7]


@pytest.mark.parametrize("noise", [0.01, 0.25, 0.5, 0.999])
@pytest.mark.parametrize("seed", SEEDS)
def test_so_many_labels_are_wrong_and_no_more(y, train, noise, seed):
    rows, y_rows = Conditions(noise=noise).apply(y, train, seed)
    np.testing.assert_array_equal(rows, train)
    assert np.sum(y_rows != y[train]) == round(noise * len(train))


def test_wrong_labels_are_any_other_class_alike():
    y = np.arange(4000) % 4
    given = np.zeros((4, 4))
    for seed in range(20):
        _, y_rows = Conditions(noise=0.6).apply(y, np.arange(4000), seed)
        np.add.at(given, (y, y_rows), 1)
    wrong = given[~np.eye(4, dtype=bool)]
    expected = 20 * 2400 / 12
    chi_squared = np.sum((wrong - expected) ** 2 / expected)
    assert chi_squared < 31.3  # the 99.9 % point with 11 degrees of freedom
    right = given.diagonal() / given.sum(axis=1)
    np.testing.assert_allclose(right, 0.4, atol=0.015)


@pytest.mark.parametrize("seed", SEEDS)
def test_less_is_among_more(y, train, seed):
    def rows_of(**conditions):
        return set(Conditions(**conditions).apply(y, train, seed)[0])

    def wrong(noise):
        return set(np.flatnonzero(Conditions(noise=noise).apply(y, train, seed)[1] != y[train]))

    assert rows_of(fraction=0.1) < rows_of(fraction=0.5)
    assert rows_of(tail=50) < rows_of(tail=5)
    assert wrong(0.1) < wrong(0.4)


def test_the_order_is_fraction_tail_noise(y, train):
    rows, y_rows = Conditions(noise=0.5, tail=10, fraction=0.5).apply(y, train, seed=0)
    halves = np.rint(0.5 * counts_of(y[train]))
    kept = counts_of(y[rows])
    assert kept.max() == halves.max()
    assert kept[np.argmin(halves)] == min(halves.min(), round(halves.max() / 10))
    assert np.sum(y_rows != y[rows]) == round(0.5 * len(rows))


def test_a_description_says_what_is_done():
    assert Conditions(noise=0.4, tail=100).describe() == "40 % of the training labels wrong, tail 1:100"
    assert Conditions(fraction=0.055).describe() == "5.5 % of the training rows"


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"noise": 1.0}, "noise: expected a share of at least 0 and less than 1, got 1.0"),
        ({"noise": -0.1}, "noise"),
        ({"noise": float("nan")}, "noise"),
        ({"tail": 0.5}, "tail: expected a ratio of at least 1, got 0.5"),
        ({"tail": float("inf")}, "tail"),
        ({"fraction": 0}, "fraction: expected a share of more than 0 and at most 1, got 0"),
        ({"fraction": 1.1}, "fraction"),
    ],
)
def test_numbers_out_of_range_are_refused_by_the_name_of_the_option(params, message):
    with pytest.raises(InputError, match=message):
        Conditions(**params)
