"""Laws of the seeds: same seed, same numbers; another purpose, other numbers; no trace outside."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from sktech._random import draw_seed, seeded_torch, spawn_seed


def numpy_state():
    return pickle.dumps(np.random.get_state())  # noqa: NPY002


def test_an_integer_gives_the_same_seed_every_time_and_another_integer_another():
    assert draw_seed(3) == draw_seed(3)
    assert len({draw_seed(i) for i in range(1000)}) == 1000


def test_a_random_state_moves_on_by_one_draw():
    random_state, twin = np.random.RandomState(0), np.random.RandomState(0)
    seeds = [draw_seed(random_state) for _ in range(3)]
    assert len(set(seeds)) == 3
    assert seeds == [draw_seed(twin) for _ in range(3)]


def test_none_never_repeats_and_leaves_numpys_generator_alone():
    before = numpy_state()
    assert len({draw_seed(None) for _ in range(100)}) == 100
    assert numpy_state() == before


@pytest.mark.parametrize("random_state", [None, 0, 2**32 - 1, np.random.RandomState(1)])
def test_seeds_suit_every_generator(random_state):
    seed = draw_seed(random_state)
    assert isinstance(seed, int)
    assert 0 <= seed < 2**31 - 1
    assert 0 <= spawn_seed(seed, 0) < 2**31 - 1


@pytest.mark.parametrize("random_state", ["seed", -1, 1.5])
def test_what_is_no_random_state_is_refused(random_state):
    with pytest.raises((ValueError, TypeError)):
        draw_seed(random_state)


def test_a_purpose_has_one_seed_and_purposes_have_different_ones():
    paths = [(i,) for i in range(20)] + [(i, j) for i in range(20) for j in range(20)] + [(i, 0, 0) for i in range(20)]
    seeds = [spawn_seed(7, *path) for path in paths]
    assert seeds == [spawn_seed(7, *path) for path in paths]
    assert len(set(seeds)) == len(paths)
    assert not set(seeds) & {spawn_seed(8, *path) for path in paths}


def test_seeds_of_neighbouring_purposes_are_independent():
    draws = np.array([np.random.default_rng(spawn_seed(0, i)).normal(size=1000) for i in range(20)])
    correlation = np.corrcoef(draws) - np.eye(20)
    assert np.abs(correlation).max() < 0.2


@pytest.mark.parametrize("path", [(-1,), (0, 1.5), ("batches",)])
def test_a_purpose_is_named_by_non_negative_integers(path):
    with pytest.raises(ValueError, match="non-negative integers"):
        spawn_seed(0, *path)


def test_the_block_is_seeded_and_leaves_no_trace():
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with seeded_torch(5):
        inside = torch.rand(3)
    assert torch.equal(torch.rand(3), expected)
    with seeded_torch(5):
        assert torch.equal(torch.rand(3), inside)
    with seeded_torch(6):
        assert not torch.equal(torch.rand(3), inside)


def test_an_error_in_the_block_leaves_no_trace():
    before = torch.get_rng_state()
    with pytest.raises(RuntimeError), seeded_torch(5):
        torch.rand(3) @ torch.rand(4)
    assert torch.equal(torch.get_rng_state(), before)


def test_a_block_inside_a_block_leaves_the_outer_one_alone():
    with seeded_torch(5):
        expected = torch.rand(2)
    with seeded_torch(5):
        first = torch.rand(1)
        with seeded_torch(9):
            torch.rand(10)
        assert torch.equal(torch.cat([first, torch.rand(1)]), expected)


def test_torchs_default_type_is_float32_inside_and_what_it_was_outside():
    before = torch.get_default_dtype()
    with seeded_torch(5):
        expected = torch.rand(3)
    try:
        torch.set_default_dtype(torch.float64)
        with seeded_torch(5):
            assert torch.equal(torch.rand(3), expected)
        assert torch.get_default_dtype() == torch.float64
        with pytest.raises(ZeroDivisionError), seeded_torch(5):
            raise ZeroDivisionError
        assert torch.get_default_dtype() == torch.float64
    finally:
        torch.set_default_dtype(before)


def test_blocks_in_threads_do_not_mix():
    def draw(seed):
        with seeded_torch(seed):
            return [torch.rand(1).item() for _ in range(50)]

    alone = [draw(seed) for seed in range(8)]
    before = torch.get_rng_state()
    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(draw, range(8))) == alone
    assert torch.equal(torch.get_rng_state(), before)
