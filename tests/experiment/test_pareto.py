import numpy as np
import pytest

from sktech.experiment.pareto import pareto_front


@pytest.mark.parametrize("seed", range(10))
def test_the_front_is_what_no_other_one_beats(seed):
    rng = np.random.default_rng(seed)
    seconds, loss = rng.integers(1, 6, size=(2, 12)).astype(float)  # with ties
    loss[0] = np.nan
    front = pareto_front(seconds, loss)
    for i in range(1, 12):
        beaten = any(
            (s < seconds[i] and q <= loss[i]) or (s <= seconds[i] and q < loss[i])
            for s, q in zip(seconds, loss, strict=True)
        )
        assert front[i] == (not beaten)
    assert not front[0]
    assert front[np.nanargmin(loss)] or (loss == np.nanmin(loss)).sum() > 1
    assert pareto_front(loss, seconds).tolist() == front.tolist()
    assert pareto_front(seconds**3, np.exp(loss)).tolist() == front.tolist()
