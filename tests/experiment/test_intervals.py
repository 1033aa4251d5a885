import numpy as np
import pytest

from sktech.experiment.intervals import Interval


@pytest.mark.parametrize("log", [False, True])
@pytest.mark.parametrize("seed", range(3))
def test_numbers_are_spread_evenly_over_the_interval(log, seed):
    interval = Interval(0.01, 10.0, log=log)
    random = np.random.RandomState(seed)
    numbers = np.array([0.01, 10.0, *(interval.rvs(random) for _ in range(2000))])
    low, high, *values = np.log(numbers) if log else numbers
    uniform = np.sort((values - low) / (high - low))
    assert np.abs(uniform - np.linspace(0, 1, 2000)).max() < 0.045  # Kolmogorov and Smirnov, 99.9 %


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_reach_both_ends(log):
    random = np.random.RandomState(0)
    values = [Interval(2, 7, log=log).rvs(random) for _ in range(600)]
    assert set(values) == set(range(2, 8))
    assert all(type(value) is int for value in values)
    counts = np.bincount(values)[2:]
    weight = np.log(np.arange(3, 9) / np.arange(2, 8)) if log else np.ones(6)
    np.testing.assert_allclose(counts / 600, weight / weight.sum(), atol=0.06)


def test_what_is_written_down_is_what_was_drawn():
    random = np.random.RandomState(0)
    for value in [Interval(1e-5, 1.0, log=True).rvs(random) for _ in range(50)]:
        assert float(f"{value:.4g}") == value
