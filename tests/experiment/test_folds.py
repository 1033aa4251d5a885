from itertools import pairwise

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import RepeatedStratifiedKFold

from sktech.experiment import InputError
from sktech.experiment.folds import draw_folds, inner_folds


def table(seed, n=200, n_groups=30):
    """Labels, groups that differ in size and in their classes, and days on which several rows fall."""
    rng = np.random.default_rng(seed)
    groups = rng.choice(n_groups, size=n, p=rng.dirichlet(np.full(n_groups, 2.0)))
    y = (groups + rng.integers(2, size=n)) % 3
    return y, groups, rng.integers(40, size=n)


def pairs_together(folds, n):
    """Which rows test together with which."""
    fold_of = np.empty(n)
    for fold in folds:
        fold_of[fold.test] = fold.number
    return fold_of[:, None] == fold_of


def assert_each_row_tests_once(folds, n):
    assert np.sort(np.concatenate([fold.test for fold in folds])).tolist() == list(range(n))


@pytest.mark.parametrize("seed", range(3))
def test_plain_folds_are_those_of_scikit_learn(seed):
    y, _, _ = table(seed)
    folds = draw_folds(y, n_folds=4, n_repeats=2, seed=seed)
    assert [(fold.repeat, fold.number) for fold in folds] == [(r, k) for r in range(2) for k in range(4)]
    expected = RepeatedStratifiedKFold(n_splits=4, n_repeats=2, random_state=seed).split(y, y)
    for fold, (train, test) in zip(folds, expected, strict=True):
        np.testing.assert_array_equal(fold.train, train)
        np.testing.assert_array_equal(fold.test, test)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("convert", [np.asarray, lambda groups: [f"patient {g}" for g in groups], pd.Series])
def test_no_group_is_in_both_parts(seed, convert):
    y, groups, _ = table(seed)
    folds = draw_folds(y, n_folds=4, n_repeats=2, seed=seed, groups=convert(groups))
    for fold in folds:
        assert not set(groups[fold.train]) & set(groups[fold.test])
        assert sorted([*fold.train, *fold.test]) == list(range(len(y)))
    first, second = folds[:4], folds[4:]
    assert_each_row_tests_once(first, len(y))
    assert_each_row_tests_once(second, len(y))
    together = [pairs_together(repeat, len(y)) for repeat in (first, second)]
    assert np.sum(together[0] & together[1]) < 0.6 * np.sum(together[0])


@pytest.mark.parametrize("seed", range(5))
def test_classes_are_spread_over_folds_of_groups(seed):
    rng = np.random.default_rng(seed)
    groups = rng.integers(60, size=600)
    y = np.array(["rare", "common"])[(rng.random(600) < 0.5 + 0.4 * (groups % 2)).astype(int)]
    for fold in draw_folds(y, n_folds=4, seed=seed, groups=groups):
        for label in ("rare", "common"):
            assert abs(4 * np.sum(y[fold.test] == label) / np.sum(y == label) - 1) < 0.15


def test_each_group_can_be_a_fold():
    y, groups, _ = table(0, n_groups=6)
    folds = draw_folds(y, n_folds=6, seed=0, groups=groups)
    assert sorted(set(groups[fold.test]).pop() for fold in folds) == list(range(6))
    assert all(len(set(groups[fold.test])) == 1 for fold in folds)


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "convert", [np.asarray, lambda day: pd.to_datetime(day, unit="D"), lambda day: [f"{d:03}" for d in day]]
)
def test_every_test_row_is_later_than_every_training_row(seed, convert):
    y, _, day = table(seed)
    folds = draw_folds(y, n_folds=4, seed=0, time=convert(day))
    assert len(folds) == 4
    for k, fold in enumerate(folds):
        assert day[fold.train].max() < day[fold.test].min()
        assert abs(len(fold.train) - (k + 1) * len(y) / 5) <= np.bincount(day).max() / 2
    for fold, following in pairwise(folds):
        assert set(following.train) == {*fold.train, *fold.test}
    assert sorted([*folds[-1].train, *folds[-1].test]) == list(range(len(y)))


@pytest.mark.parametrize("crowded", range(6))
@pytest.mark.parametrize("n_folds", range(2, 6))
def test_a_crowded_moment_stays_whole_and_leaves_rows_to_every_fold(crowded, n_folds):
    day = np.repeat(np.arange(6), np.where(np.arange(6) == crowded, 100, 2))
    folds = draw_folds(np.arange(len(day)) % 2, n_folds=n_folds, seed=0, time=day)
    for fold in folds:
        assert len(fold.test) > 0
        assert day[fold.train].max() < day[fold.test].min()


def test_the_order_of_the_rows_does_not_matter_to_time():
    y, _, day = table(0)
    order = np.random.default_rng(1).permutation(len(y))
    for fold, shuffled in zip(
        draw_folds(y, n_folds=3, seed=0, time=day),
        draw_folds(y[order], n_folds=3, seed=5, time=day[order]),
        strict=True,
    ):
        assert set(fold.test) == set(order[shuffled.test])


Y = np.repeat(["a", "b"], 10)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        (Y, {"n_folds": 1}, "at least 2 folds, got 1"),
        (Y[7:11], {"n_folds": 2}, r"class 'b' \(1 row\) has fewer rows than the 2 folds"),
        (Y, {"groups": Y, "time": Y}, "by groups or in the order of time, got both"),
        (Y, {"time": np.arange(20), "n_repeats": 3}, "expected 1 repeat, got 3"),
        (Y, {"time": np.arange(20) % 3}, "time: 3 folds take 4 distinct moments or more, got 3"),
        (Y, {"time": np.arange(20)}, r"in fold 1 of 3 all 5 are 'a'"),
        (Y, {"groups": np.arange(20) % 2}, r"at least as many as the 3 folds, got 2; use --folds 2"),
        (Y, {"groups": np.arange(20) // 10 * np.arange(20)}, "target 'kind': the rows of a are of one group each"),
        (Y, {"groups": [1, None] * 10}, "groups: expected a value in every row, but 10 of 20 are missing"),
        (Y, {"time": pd.to_datetime([None, "2020-01-01"] * 10)}, "time: .* 10 of 20 are missing"),
        (Y, {"groups": [1, 2]}, "groups: expected a value for each of 20 rows, got 2"),
    ],
)
def test_what_cannot_be_divided_is_refused(y, options, message):
    with pytest.raises(InputError, match=message):
        draw_folds(y, **{"n_folds": 3, "seed": 0, "option": "--folds ", "target": "kind"} | options)


# ---------------------------------------------------------------- inner folds


@pytest.mark.parametrize("seed", range(5))
def test_inner_folds_are_of_the_same_kind(seed):
    y, groups, day = table(seed)
    plain, grouped, in_time = (
        inner_folds(y, seed=seed, **kind) for kind in ({}, {"groups": groups}, {"time": day.astype(float)})
    )
    assert len(plain) == len(grouped) == len(in_time) == 3
    for train, test in plain:
        assert np.abs(np.bincount(y[test]) - np.bincount(y) / 3).max() < 1
        assert sorted([*train, *test]) == list(range(len(y)))
    for train, test in grouped:
        assert not set(groups[train]) & set(groups[test])
    for train, test in in_time:
        assert day[train].max() < day[test].min()


@pytest.mark.parametrize("n_rare", [1, 2])
@pytest.mark.parametrize("kind", ["plain", "groups", "time"])
def test_a_class_with_hardly_a_row_does_not_stop_the_choice(n_rare, kind):
    y = np.r_[np.zeros(30, int), np.ones(n_rare, int)]
    values = {"plain": {}, "groups": {"groups": np.arange(len(y)) // 2}, "time": {"time": -np.arange(len(y))}}[kind]
    folds = inner_folds(y, seed=0, **values)
    assert folds
    for train, test in folds:
        assert len(np.unique(y[train])) == 2
        assert len(test) > 0


@pytest.mark.parametrize("kind", ["groups", "time"])
@pytest.mark.parametrize(
    ("n_values", "n_folds"), [(1, 3), (2, {"groups": 2, "time": 1}), (3, {"groups": 3, "time": 2})]
)
def test_inner_folds_make_do_with_what_there_is(kind, n_values, n_folds):
    y = np.arange(24) // 4 % 2
    folds = inner_folds(y, seed=0, **{kind: np.arange(24) % n_values})
    assert len(folds) == (n_folds if n_values == 1 else n_folds[kind])


def test_rows_that_cannot_be_divided_are_told():
    for y in (np.array(["a", "b"]), np.array(["a", "a", "a"])):
        with pytest.raises(InputError, match=f"the {len(y)} training rows cannot be divided so"):
            inner_folds(y, seed=0)
