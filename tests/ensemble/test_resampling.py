"""Laws of who learns from which rows."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from sktech.ensemble._resampling import MOST_COPIES, LeftOutFolds, Resampling, copies_of

SEEDS = range(5)


def ones(n):
    return np.arange(n, dtype=np.int32), np.ones(n), np.arange(n)


def bootstraps(n, seed=0, n_drawn=None):
    return Resampling(*ones(n), n, n_drawn or n, True, seed)


def of_copies(weight, seed=0, *, replace=True, n_drawn=None):
    """Rows with whole weights, as copies."""
    rows = np.repeat(np.arange(len(weight)), weight)
    return Resampling(rows, np.ones(len(rows)), rows, len(weight), n_drawn or len(rows), replace, seed)


@pytest.fixture
def table():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(40, 3))
    X[::5, 0] = np.nan
    X[10:14] = X[0]
    return X, rng.integers(0, 3, 40), rng.integers(0, 4, 40)


# ------------------------------------------------------------ copies


def test_a_row_stands_there_as_often_as_it_weighs(table):
    X, y, weight = table
    rows, own, _ = copies_of(X, y, weight.astype(float), None)
    assert_array_equal(np.bincount(rows, minlength=40), weight)
    assert_array_equal(own, 1)


def test_weights_that_are_no_whole_numbers_stay_weights(table):
    X, y, weight = table
    rows, own, _ = copies_of(X, y, weight * 0.3, None)
    assert_array_equal(np.sort(rows), np.flatnonzero(weight))
    assert_array_equal(own, weight[rows] * 0.3)


def test_whole_weights_are_copies_as_long_as_these_are_not_too_many(table):
    X, y, _ = table
    for k, n in [(MOST_COPIES, 40 * MOST_COPIES), (MOST_COPIES + 1, 40)]:
        rows, own, _ = copies_of(X, y, np.full(40, float(k)), None)
        assert len(rows) == n
        assert own.sum() == 40 * k


@pytest.mark.parametrize("frame", [False, True])
@pytest.mark.parametrize("whole", [True, False])
@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_is_that_of_the_content(frame, whole, seed, table):
    X, y, weight = table
    weight = weight * (1.0 if whole else 0.3)
    order = np.random.default_rng(seed).permutation(40)
    if frame:
        X = pd.DataFrame(X, columns=list("abc"))
        X["d"] = np.where(y == 1, "red", "green")
    shuffled = X.iloc[order] if frame else X[order]
    named = "from_dtype" if frame else None
    rows, own, _ = copies_of(X, y, weight, named)
    other_rows, other_own, _ = copies_of(shuffled, y[order], weight[order], named)
    assert_array_equal(own, other_own)
    # Rows that are alike in everything may stand for each other.
    content = pd.DataFrame(X).assign(y=y).iloc[rows].reset_index(drop=True)
    other = pd.DataFrame(shuffled).assign(y=y[order]).iloc[other_rows].reset_index(drop=True)
    pd.testing.assert_frame_equal(content, other)


@pytest.mark.parametrize("seed", SEEDS)
def test_copies_and_weights_are_the_same(seed, table):
    X, y, weight = table
    copies = np.random.default_rng(seed).permutation(np.repeat(np.arange(40), weight))
    rows, own, _ = copies_of(X, y, weight.astype(float), None)
    other, other_own, _ = copies_of(X[copies], y[copies], np.ones(len(copies)), None)
    assert_array_equal(own, other_own)
    assert_array_equal(np.column_stack([X, y])[rows], np.column_stack([X, y])[copies[other]])


def test_rows_that_weigh_nothing_are_not_there(table):
    X, y, weight = table
    kept = np.flatnonzero(weight)
    rows, own, _ = copies_of(X, y, weight * 0.3, None)
    other, other_own, _ = copies_of(X[kept], y[kept], weight[kept] * 0.3, None)
    assert_array_equal(rows, kept[other])
    assert_array_equal(own, other_own)


def test_levels_of_rows_that_weigh_nothing_do_not_change_the_order():
    rng = np.random.default_rng(0)
    X = pd.DataFrame({"a": rng.choice(list("klmn"), 60), "b": rng.normal(size=60)})
    weight = np.ones(60)
    X.loc[:4, "a"], weight[:5] = "a level that sorts first", 0
    rows, _, _ = copies_of(X, np.zeros(60), weight, "from_dtype")
    other, _, _ = copies_of(X.iloc[5:], np.zeros(55), weight[5:], "from_dtype")
    assert_array_equal(rows, 5 + other)


def test_the_class_tells_rows_apart():
    X, y = np.zeros((30, 2)), np.arange(30) % 3
    order = np.random.default_rng(0).permutation(30)
    rows, _, _ = copies_of(X, y, np.ones(30), None)
    other, _, _ = copies_of(X, y[order], np.ones(30), None)
    assert_array_equal(y[rows], y[order][other])


# ------------------------------------------------------------ bootstraps and subsets


@pytest.mark.parametrize("n", [1, 2, 10, 200])
def test_a_bootstrap_has_63_percent_of_the_rows(n):
    """The share of distinct rows is 1 - (1 - 1/n)^n in the mean; the tolerance is five standard errors."""
    shares = np.array(
        [[np.count_nonzero(bootstraps(n, seed).share(k)) / n for k in range(50)] for seed in SEEDS]
    ).ravel()
    missed, both = (1 - 1 / n) ** n, (1 - 2 / n) ** n if n > 1 else 0.0
    variance = (missed - both) / n + both - missed**2
    assert abs(shares.mean() - (1 - missed)) <= 5 * np.sqrt(variance / shares.size) + 1e-12
    if n == 200:
        assert shares.mean() == pytest.approx(0.632, abs=0.01)
        assert shares.var() == pytest.approx(variance, rel=0.5)


def test_each_row_is_drawn_equally_often_and_by_members_independently():
    n, n_members = 30, 600
    for seed in SEEDS:
        drawn = np.stack([bootstraps(n, seed).share(k) for k in range(n_members)])
        assert (np.abs(drawn.mean(axis=0) - 1) < 5 * np.sqrt((1 - 1 / n) / n_members)).all()
        overlap = (drawn[::2] * drawn[1::2]).sum(axis=1)  # n in the mean, with a variance of about n
        assert abs(overlap.mean() - n) < 5 * overlap.std() / np.sqrt(n_members / 2)


def test_rows_are_drawn_as_often_as_they_weigh():
    weight = np.random.default_rng(0).random(20) * (np.arange(20) % 4 > 0)
    rows = np.flatnonzero(weight)
    for seed in SEEDS:
        resampling = Resampling(rows, weight[rows], rows, 20, 20, True, seed)
        total = sum(resampling.share(k) for k in range(400))
        p = weight / weight.sum()
        assert total.sum() == 20 * 400
        assert (np.abs(total - 8000 * p) <= 5 * np.sqrt(8000 * p * (1 - p))).all()
        assert_array_equal(resampling.samples(0)[1], 1)


@pytest.mark.parametrize("n_drawn", [1, 7, 20])
def test_without_replacement_no_row_comes_twice(n_drawn):
    weight = np.random.default_rng(0).random(20) + 0.1
    for seed in SEEDS:
        resampling = Resampling(np.arange(20), weight, np.arange(20), 20, n_drawn, False, seed)
        for k in range(5):
            rows, own = resampling.samples(k)
            assert len(rows) == len(set(rows.tolist())) == n_drawn
            assert_array_equal(own, weight[rows])
            assert_allclose(resampling.share(k) + resampling.unseen(k), weight, rtol=1e-15)


def test_all_rows_without_replacement_are_the_table():
    rows, own = Resampling(*ones(9), 9, 9, False, 0).samples(3)
    assert_array_equal(rows, np.arange(9))
    assert_array_equal(own, 1)


@pytest.mark.parametrize("replace", [True, False])
def test_the_share_counts_the_samples(replace):
    weight = np.random.default_rng(0).integers(0, 4, 25)
    for seed in SEEDS:
        resampling = of_copies(weight, seed, replace=replace, n_drawn=17)
        for k in range(4):
            rows, own = resampling.samples(k)
            share = np.zeros(25)
            np.add.at(share, rows, own)
            assert_array_equal(resampling.share(k), share)
            assert share.sum() == 17
            assert (share[weight == 0] == 0).all()


def test_unseen_are_the_rows_of_which_no_copy_is_drawn():
    weight = np.random.default_rng(0).integers(0, 4, 25)
    for seed in SEEDS:
        resampling = of_copies(weight, seed)
        for k in range(4):
            seen = np.isin(np.arange(25), resampling.samples(k)[0])
            assert_array_equal(resampling.unseen(k), np.where(seen, 0, weight))
        single = bootstraps(25, seed)
        assert_array_equal(single.unseen(0), single.share(0) == 0)


def test_who_has_seen_a_row_has_seen_its_twin():
    rows = np.arange(20)
    for seed in SEEDS:
        resampling = Resampling(rows, np.ones(20), rows // 2, 20, 20, True, seed)
        drawn = np.isin(rows // 2, resampling.samples(0)[0] // 2)
        assert_array_equal(resampling.unseen(0), ~drawn)
        folds = LeftOutFolds(rows, np.ones(20), rows // 2, rows // 2 % 2, 5, seed)
        assert all(len(set(fold)) == 1 for fold in folds.folds.reshape(10, 2))


def test_samples_are_drawn_anew_alike_and_each_member_has_its_own():
    for replace in (True, False):
        resampling = of_copies(np.full(30, 2), replace=replace, n_drawn=30)
        again, other = (of_copies(np.full(30, 2), seed, replace=replace, n_drawn=30) for seed in (0, 1))
        backwards = [again.samples(k)[0] for k in reversed(range(6))][::-1]
        for k in range(6):
            assert_array_equal(resampling.samples(k)[0], resampling.samples(k)[0])
            assert_array_equal(resampling.samples(k)[0], backwards[k])
            assert not np.array_equal(resampling.samples(k)[0], other.samples(k)[0])
        assert len({resampling.samples(k)[0].tobytes() for k in range(6)}) == 6


# ------------------------------------------------------------ folds


@pytest.mark.parametrize("n_folds", [2, 3, 7])
@pytest.mark.parametrize("seed", SEEDS)
def test_every_copy_is_left_out_by_exactly_one_member(n_folds, seed):
    rng = np.random.default_rng(seed)
    weight, codes = rng.integers(0, 4, 60), rng.integers(0, 3, 60)
    rows = np.repeat(np.arange(60), weight)
    folds = LeftOutFolds(rows, np.ones(len(rows)), rows, codes, n_folds, seed)
    assert_array_equal(sum(folds.unseen(k) for k in range(n_folds)), weight)
    assert_array_equal(sum(folds.share(k) for k in range(n_folds)), (n_folds - 1) * weight)
    for k in range(n_folds):
        assert_array_equal(folds.share(k) + folds.unseen(k), weight)


@pytest.mark.parametrize("n_folds", [2, 3, 7])
def test_each_fold_has_its_share_of_each_class(n_folds):
    for seed in SEEDS:
        codes = np.random.default_rng(seed).choice(4, 90, p=[0.5, 0.3, 0.15, 0.05])
        folds = LeftOutFolds(*ones(90), codes, n_folds, seed)
        counts = np.stack([np.bincount(codes, folds.unseen(k), 4) for k in range(n_folds)])
        assert (np.ptp(counts, axis=0) <= 1).all()
        assert np.ptp(counts.sum(axis=1)) <= 4


def test_folds_keep_weights_that_are_no_whole_numbers():
    weight = np.random.default_rng(0).random(30)
    folds = LeftOutFolds(np.arange(30), weight, np.arange(30), np.arange(30) % 2, 5, 0)
    for k in range(5):
        rows, own = folds.samples(k)
        assert_array_equal(own, weight[rows])
        assert len(set(rows.tolist())) == len(rows) == 24


def test_a_seed_decides_about_the_folds():
    codes = np.arange(40) % 2
    one, again, other = (LeftOutFolds(*ones(40), codes, 4, seed) for seed in (0, 0, 1))
    assert_array_equal(one.folds, again.folds)
    assert not np.array_equal(one.folds, other.folds)


def test_more_folds_than_rows_of_the_largest_class_are_refused():
    codes = np.array([0] * 6 + [1] * 3)
    assert LeftOutFolds(*ones(9), codes, 6, 0).unseen(0).sum() >= 1
    with pytest.raises(ValueError, match=r"n_estimators: expected at most 6 folds.*got 7"):
        LeftOutFolds(*ones(9), codes, 7, 0)
