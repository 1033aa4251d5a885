"""Laws of the rows that watch a training."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from sktech.classifiers import _holdout

SEEDS = range(20)


def stratified_holdout(codes, fraction, seed):
    """Of rows that weigh one each."""
    held_out = _holdout.stratified_holdout(codes, np.ones(len(codes)), fraction, seed)
    assert set(held_out) <= {0.0, 1.0}
    return held_out == 1


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
    return _holdout.stratified_holdout(np.zeros(len(weight), int), np.asarray(weight, dtype=float), fraction, seed)


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
