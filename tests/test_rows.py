"""Laws of merging identical rows: content alone decides, and no weight is lost."""

from collections import Counter

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktech import _rows
from sktech._rows import merge_identical_rows


@pytest.fixture(params=range(5))
def rows(request):
    """A table of small integers, so that many rows are alike, with labels and weights."""
    rng = np.random.default_rng(request.param)
    n, n_columns = rng.integers(1, 200), rng.integers(1, 4)
    return rng.integers(-1, 2, (n, n_columns)).astype(float), rng.integers(0, 3, n), rng.random(n)


def content(X, y, index):
    return [(*row, label) for row, label in zip(X[index].tolist(), y[index].tolist(), strict=True)]


def test_it_equals_a_dictionary(rows):
    X, y, weight = rows
    expected = Counter()
    for key, w in zip(content(X, y, slice(None)), weight, strict=True):
        expected[key] += w
    index, merged, _ = merge_identical_rows(X, y, weight)
    found = dict(zip(content(X, y, index), merged, strict=True))
    assert len(found) == len(index)
    assert found == pytest.approx(dict(expected))


def test_rows_order_and_weights_do_not_depend_on_the_order_they_came_in(rows):
    X, y, weight = rows
    index, merged, _ = merge_identical_rows(X, y, weight)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(X))
        shuffled, again, _ = merge_identical_rows(X[order], y[order], weight[order])
        assert content(X[order], y[order], shuffled) == content(X, y, index)
        assert_array_equal(again, merged)


def test_the_order_of_distinct_rows_does_not_depend_on_what_else_is_there(rows):
    X, y, weight = rows
    index, _, _ = merge_identical_rows(X, y, weight)
    some = np.arange(len(X)) % 2 == 0
    fewer, _, _ = merge_identical_rows(X[some], y[some], weight[some])
    kept = set(content(X[some], y[some], fewer))
    assert [row for row in content(X, y, index) if row in kept] == content(X[some], y[some], fewer)


def test_weights_are_conserved(rows):
    _, merged, _ = merge_identical_rows(*rows)
    assert merged.dtype == np.float64
    assert_allclose(merged.sum(), rows[2].sum())


def test_a_whole_weight_equals_copies(rows):
    X, y, _ = rows
    k = np.random.default_rng(0).integers(1, 4, len(X))
    copies = np.repeat(np.arange(len(X)), k)
    index, weight, _ = merge_identical_rows(X, y, k)
    copied, copied_weight, _ = merge_identical_rows(X[copies], y[copies], np.ones(len(copies)))
    assert content(X, y, index) == content(X[copies], y[copies], copied)
    assert_array_equal(weight, copied_weight)


def test_merging_twice_changes_nothing(rows):
    X, y, weight = rows
    index, merged, _ = merge_identical_rows(X, y, weight)
    again, twice, _ = merge_identical_rows(X[index], y[index], merged)
    assert_array_equal(again, np.arange(len(index)))
    assert_array_equal(twice, merged)


def test_labels_keep_rows_apart():
    index, _, _ = merge_identical_rows(np.zeros((4, 2)), np.array([0, 1, 0, 1]), np.ones(4))
    assert len(index) == 2


def test_every_column_of_y_keeps_rows_apart():
    y = np.array([[0, 0], [0, 1], [1, 0], [0, 0]])
    index, weight, _ = merge_identical_rows(np.zeros((4, 1)), y, np.ones(4))
    assert len(index) == 3
    assert sorted(weight) == [1, 1, 2]


def test_missing_equals_missing_whatever_its_bits():
    quiet, other = np.array([0x7FF8000000000000, 0xFFF8000000000001], dtype=np.uint64).view(np.float64)
    index, weight, _ = merge_identical_rows(np.array([[quiet], [other], [1.0]]), np.zeros(3), np.ones(3))
    assert len(index) == 2
    assert sorted(weight) == [1, 2]


def test_negative_zero_is_zero():
    index, weight, _ = merge_identical_rows(np.array([[0.0], [-0.0]]), np.zeros(2), np.ones(2))
    assert len(index) == 1
    assert_array_equal(weight, [2])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_neighbouring_numbers_stay_apart(dtype):
    X = np.array([[1], [np.nextafter(np.dtype(dtype).type(1), 2, dtype=dtype)]], dtype=dtype)
    assert len(merge_identical_rows(X, np.zeros(2), np.ones(2))[0]) == 2


def test_the_rows_themselves_stay_as_they_were(rows):
    X, y, weight = (part.copy() for part in rows)
    for part in (X, y, weight):
        part.flags.writeable = False
    merge_identical_rows(np.asfortranarray(X), y, weight)
    assert_array_equal(X, rows[0])


def test_rows_are_merged_alike_when_different_rows_share_a_hash(monkeypatch):
    rng = np.random.default_rng(0)
    X, y, weight = rng.integers(0, 3, (300, 3)).astype(float), rng.integers(0, 2, 300), rng.integers(1, 4, 300)

    def table():
        index, merged, _ = merge_identical_rows(X, y, weight)
        return {(*X[i], y[i]): w for i, w in zip(index, merged, strict=True)}

    expected = table()
    monkeypatch.setattr(_rows, "_by_hash", lambda keys, weight: _rows._by_bits(keys.view(np.uint64), weight))
    assert table() == expected
    monkeypatch.undo()

    class Zeros:
        def integers(self, high, size, dtype):
            return np.full(size, 2**63, dtype=dtype)  # bits times 2^63: nearly all rows share a hash

    monkeypatch.setattr(_rows.np.random, "default_rng", lambda seed: Zeros())
    assert table() == expected


def test_each_row_is_told_where_it_went(rows):
    X, y, weight = rows
    index, merged, place = merge_identical_rows(X, y, weight)
    assert_array_equal(X[index][place], X)
    assert_array_equal(y[index][place], y)
    assert_allclose(np.bincount(place, weight), merged)
