"""Laws of the rows that watch a training."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sktech.classifiers import _holdout

SEEDS = range(20)
MEMBERS = [1, 2, 4, 8]


def members_holdout(codes, fraction, seed, n_members):
    """Of rows that weigh one each, (n_members, n), bool."""
    held_out = _holdout.stratified_holdout(codes, np.ones(len(codes)), fraction, seed, n_members)
    assert held_out.shape == (n_members, len(codes))
    assert set(held_out.ravel()) <= {0.0, 1.0}
    return held_out == 1


def stratified_holdout(codes, fraction, seed):
    """Of rows that weigh one each, for one member."""
    return members_holdout(codes, fraction, seed, 1)[0]


@pytest.fixture(params=[(50, 30), (200, 3, 1), (2, 2, 2), (1, 1, 40), (7,)], ids=str)
def codes(request):
    return np.random.default_rng(0).permutation(np.repeat(np.arange(len(request.param)), request.param))


@pytest.mark.parametrize("fraction", [0.01, 0.2, 0.5, 0.99])
def test_each_class_gives_its_share_and_keeps_a_row(codes, fraction):
    for seed in SEEDS:
        held_out = stratified_holdout(codes, fraction, seed)
        assert held_out.shape == codes.shape
        assert held_out.any()
        for code, n in zip(*np.unique(codes, return_counts=True), strict=True):
            n_out = held_out[codes == code].sum()
            assert n_out < n
            assert abs(n_out - fraction * n) < 1 or n_out == n - 1 or held_out.sum() == 1


def test_a_class_of_one_row_stays_in_training():
    codes = np.r_[np.zeros(40, int), 1]
    assert not any(stratified_holdout(codes, 0.9, seed)[-1] for seed in SEEDS)


def test_the_expected_share_is_exact_for_small_classes():
    codes = np.repeat([0, 1], 3)
    shares = [stratified_holdout(codes, 0.4, seed)[codes == code].mean() for seed in range(500) for code in (0, 1)]
    assert np.mean(shares) == pytest.approx(0.4, abs=0.04)


def test_every_row_has_its_turn(codes):
    turns = sum(stratified_holdout(codes, 0.3, seed).astype(int) for seed in range(300))
    singles = np.isin(codes, np.flatnonzero(np.bincount(codes) == 1))
    assert not turns[singles].any()
    assert (turns[~singles] > 0).all()


def test_the_same_seed_holds_out_the_same_rows_and_another_others(codes):
    for seed in SEEDS:
        assert_array_equal(stratified_holdout(codes, 0.3, seed), stratified_holdout(codes, 0.3, seed))
    assert len({stratified_holdout(codes, 0.3, seed).tobytes() for seed in SEEDS}) > 1


def test_numbers_of_classes_do_not_matter(codes):
    assert_array_equal(stratified_holdout(codes, 0.3, 0), stratified_holdout(5 * codes + 2, 0.3, 0))


@pytest.mark.parametrize("n_classes", [1, 2, 9])
def test_rows_that_are_alone_in_their_classes_are_refused_with_the_way_out(n_classes):
    with pytest.raises(ValueError, match=rf"{n_classes} distinct.*early_stopping=False"):
        stratified_holdout(np.arange(n_classes), 0.2, 0)


def divided(weight, fraction, seed):
    return _holdout.stratified_holdout(np.zeros(len(weight), int), np.asarray(weight, dtype=float), fraction, seed)[0]


def test_counted_copies_part_ways_in_their_shares():
    weight = np.array([1000, 400, 55, 3, 1, 1])
    for seed in SEEDS:
        held_out = divided(weight, 0.2, seed)
        assert_array_equal(held_out, np.round(held_out))
        assert (np.abs(held_out - 0.2 * weight) <= 1).all()
        assert abs(held_out.sum() - 0.2 * weight.sum()) <= 1


def test_the_unit_of_counted_copies_does_not_matter():
    weight = np.array([10, 4, 5, 3, 1, 1])
    for seed in SEEDS:
        np.testing.assert_allclose(divided(0.1 * weight, 0.2, seed), 0.1 * divided(weight, 0.2, seed))


def test_weights_that_count_nothing_leave_rows_whole_unless_one_outweighs_the_share():
    weight = np.random.default_rng(0).uniform(1, 2, 50)
    for seed in SEEDS:
        held_out = divided(weight, 0.2, seed)
        assert ((held_out == 0) | (held_out == weight)).all()
        alone = divided([1000.3, 1.7, 1.1], 0.2, seed)
        assert 0 < alone[0] < 1000.3


def test_neighbours_in_the_table_are_held_out_together_as_often_as_any_two():
    codes, n_seeds = np.zeros(40, int), 200
    held_out = np.stack([stratified_holdout(codes, 0.25, seed) for seed in range(n_seeds)])
    together = (held_out[:, 1:] & held_out[:, :-1]).mean(axis=1)
    assert abs(together.mean() - 10 * 9 / (40 * 39)) < 5 * together.std() / np.sqrt(n_seeds)


# ------------------------------------------------------------ members


@pytest.mark.parametrize("n_members", MEMBERS)
def test_one_member_is_the_first_of_many(codes, n_members):
    """How many there are changes nothing for the first."""
    for seed in SEEDS:
        for fraction in (0.2, 0.5):
            many = members_holdout(codes, fraction, seed, n_members)
            assert_array_equal(many[0], stratified_holdout(codes, fraction, seed))


@pytest.mark.parametrize("n_members", MEMBERS)
@pytest.mark.parametrize("fraction", [0.01, 0.25, 0.5, 0.99])
def test_each_member_gives_its_share_of_each_class_and_keeps_a_row(codes, n_members, fraction):
    for seed in SEEDS:
        held_out = members_holdout(codes, fraction, seed, n_members)
        assert held_out.any(axis=1).all()
        for code, n in zip(*np.unique(codes, return_counts=True), strict=True):
            n_out = held_out[:, codes == code].sum(axis=1)
            assert (n_out < n).all()
            share = (np.floor(fraction * n - 1e-9) <= n_out) & (n_out <= np.ceil(fraction * n + 1e-9))
            assert (share | (n_out == n - 1) | (held_out.sum(axis=1) == 1)).all()


@pytest.mark.parametrize("sizes", [(50, 30), (200, 8, 9), (31, 8), (64,)], ids=str)
@pytest.mark.parametrize("n_members", [2, 4, 8])
def test_a_share_of_one_in_k_makes_folds(sizes, n_members):
    codes = np.repeat(np.arange(len(sizes)), sizes)
    for seed in SEEDS:
        held_out = members_holdout(codes, 1 / n_members, seed, n_members)
        assert_array_equal(held_out.sum(axis=0), 1)
        for code, n in enumerate(sizes):
            n_out = held_out[:, codes == code].sum(axis=1)
            assert set(n_out) <= {n // n_members, -(-n // n_members)}


@pytest.mark.parametrize("n_members", [3, 5, 6, 7])
def test_folds_of_an_odd_number_leave_no_row_out(n_members):
    codes = np.arange(2000) % 3
    for seed in SEEDS:
        assert_array_equal(members_holdout(codes, 1 / n_members, seed, n_members).sum(axis=0), 1)


@pytest.mark.parametrize("n_members", [3, 4, 8])
def test_classes_smaller_than_the_folds_are_held_out_by_some(n_members):
    codes = np.r_[np.zeros(40, int), [1, 1, 2, 2, 2, 3]]
    for seed in SEEDS:
        times = members_holdout(codes, 1 / n_members, seed, n_members).sum(axis=0)
        assert times[-1] == 0, "a class of one row stays in training"
        assert_array_equal(times[:-1], 1)


@pytest.mark.parametrize("fraction", [0.1, 0.3])
def test_members_hold_out_other_rows_as_evenly_as_can_be(fraction):
    codes = np.repeat([0, 1], [60, 40])
    for seed in SEEDS:
        held_out = members_holdout(codes, fraction, seed, 4)
        assert len({member.tobytes() for member in held_out}) == 4
        assert held_out.sum(axis=0).max() <= np.ceil(4 * fraction)


def test_every_member_holds_out_something_of_few_rows():
    for n in range(2, 9):
        for seed in SEEDS:
            held_out = members_holdout(np.zeros(n, int), 1 / 8, seed, 8)
            assert held_out.any(axis=1).all()
            assert (~held_out).any(axis=1).all()


@pytest.mark.parametrize("n_members", [2, 4, 8])
def test_counted_copies_are_folds_too(n_members):
    weight = np.array([1000, 400, 55, 3, 1, 1])
    for unit in (1.0, 0.1):
        for seed in SEEDS:
            held_out = _holdout.stratified_holdout(np.zeros(6, int), unit * weight, 1 / n_members, seed, n_members)
            np.testing.assert_allclose(held_out.sum(axis=0), unit * weight)
            assert (np.abs(held_out - unit * weight / n_members) <= unit * (1 + 1e-9)).all()
            assert (np.abs(held_out.sum(axis=1) - unit * weight.sum() / n_members) <= unit * (1 + 1e-9)).all()


@pytest.mark.parametrize("n_members", MEMBERS)
def test_members_of_one_seed_are_the_same_again(codes, n_members):
    for seed in SEEDS:
        one, again = (members_holdout(codes, 0.25, seed, n_members) for _ in range(2))
        assert_array_equal(one, again)
