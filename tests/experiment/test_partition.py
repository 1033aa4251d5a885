import numpy as np
import pytest
from sklearn.model_selection import StratifiedGroupKFold

from sktech.experiment.partition import deal_out_groups, time_blocks


def groups_and_labels(seed, n=600, n_groups=40):
    rng = np.random.default_rng(seed)
    groups = rng.choice(n_groups, size=n, p=rng.dirichlet(np.full(n_groups, 2.0)))
    groups = np.unique(groups, return_inverse=True)[1]
    return groups, (groups + rng.integers(2, size=n)) % 3


def unevenness(fold, y, n_folds):
    """How far the share of a class in a fold is from 1 / n_folds, at most, in multiples of it."""
    counts = np.zeros((n_folds, y.max() + 1))
    np.add.at(counts, (fold, y), 1)
    return np.abs(n_folds * counts / counts.sum(axis=0) - 1).max()


def test_classes_are_spread_as_evenly_as_by_scikit_learn():
    ours, theirs = [], []
    for seed in range(20):
        groups, y = groups_and_labels(seed)
        ours.append(unevenness(deal_out_groups(groups, y, 5, np.random.RandomState(seed)), y, 5))
        fold = np.empty(len(y), dtype=int)
        splitter = StratifiedGroupKFold(5, shuffle=True, random_state=seed)
        for k, (_, test) in enumerate(splitter.split(y, y, groups)):
            fold[test] = k
        theirs.append(unevenness(fold, y, 5))
    assert np.mean(ours) < 1.15 * np.mean(theirs)


@pytest.mark.parametrize("seed", range(10))
def test_no_fold_is_empty_however_unlike_the_groups_are(seed):
    rng = np.random.default_rng(seed)
    groups = np.repeat(np.arange(7), rng.integers(1, 200, size=7) * rng.integers(0, 2, size=7) + 1)
    y = rng.integers(4, size=7)[groups]  # each group of one class
    for n_folds in range(2, 8):
        fold = deal_out_groups(groups, y, n_folds, np.random.RandomState(seed))
        assert set(fold) == set(range(n_folds))
        assert all(len(set(fold[groups == group])) == 1 for group in range(7))


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("n_blocks", [2, 4, 8])
def test_blocks_are_whole_moments_in_their_order(seed, n_blocks):
    rng = np.random.default_rng(seed)
    time = rng.permutation(np.repeat(np.arange(8), rng.integers(1, 60, size=8)))
    block = time_blocks(time, n_blocks)
    of_moment = [set(block[time == moment]) for moment in range(8)]
    assert all(len(blocks) == 1 for blocks in of_moment)
    in_order = [blocks.pop() for blocks in of_moment]
    assert in_order == sorted(in_order)
    assert set(in_order) == set(range(n_blocks))


def test_moments_of_one_row_make_blocks_of_one_size():
    for n in (23, 24, 25):
        sizes = np.bincount(time_blocks(np.random.default_rng(n).permutation(n), 6))
        assert sizes.max() - sizes.min() <= 1
