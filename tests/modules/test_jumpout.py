"""Laws of jumpout (Wang, Zhou, Bilmes, 2019)."""

import math

import numpy as np
import pytest
import torch
from scipy import stats
from torch.func import vmap

from sktech.modules import Jumpout

SEEDS = range(4)
# (p, share of active units): p' = p / share stays under the cap.
FIXED = [(0.1, 1.0), (0.1, 0.5), (0.3, 0.6), (0.05, 0.1)]


def fixed(p):
    """Jumpout whose rate is always p."""
    return Jumpout(sigma=0.0, p_min=p, p_max=1.0)


def units(share, shape=(200, 100)):
    """Units of which exactly this share is active, in random places and of random size, float64."""
    h = torch.zeros(shape, dtype=torch.float64).flatten()
    active = torch.randperm(h.numel())[: round(share * h.numel())]
    h[active] = torch.rand(len(active), dtype=torch.float64) + 0.1
    return h.view(shape)


def rate_from(output, h):
    """p' by what the kept units of each member are multiplied by, (n_members,)."""
    ratio = torch.where(h > 0, output / h, 0).flatten(-2)
    return 1 - ratio.max(dim=-1).values ** (-4 / 3)


def test_in_evaluation_it_is_the_identity():
    h = units(0.5)
    assert torch.equal(Jumpout().eval()(h), h)


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 1.0])
def test_at_rate_zero_it_is_the_identity(share):
    h = units(share)
    assert torch.equal(fixed(0.0)(h), h)


@pytest.mark.parametrize(("p", "share"), FIXED)
def test_kept_units_have_one_factor(p, share):
    h, rate = units(share), p / share
    ratio = (fixed(p)(h) / h)[h > 0]
    kept = ratio[ratio > 0]
    assert len(kept) > 0
    torch.testing.assert_close(kept, torch.full_like(kept, (1 - rate) ** -0.75), rtol=1e-6, atol=0)


@pytest.mark.parametrize(("p", "share"), FIXED)
def test_the_share_p_of_all_units_is_switched_off(p, share):
    rate = p / share
    for seed in SEEDS:
        torch.manual_seed(seed)
        h = units(share)
        off = ((h > 0) & (fixed(p)(h) == 0)).sum().item()
        assert abs(off - p * h.numel()) < 5 * math.sqrt(share * h.numel() * rate * (1 - rate))


@pytest.mark.parametrize("power", [1, 2])
@pytest.mark.parametrize(("p", "share"), FIXED)
def test_moments_change_by_their_factors(p, share, power):
    rate = p / share
    expected = (1 - rate) ** {1: 0.25, 2: -0.5}[power]
    scale = (1 - rate) ** (-0.75 * power)
    for seed in SEEDS:
        torch.manual_seed(seed)
        h = units(share)
        moments = h**power
        ratio = (fixed(p)(h) ** power).sum() / moments.sum()
        deviation = scale * math.sqrt(rate * (1 - rate)) * (moments.square().sum().sqrt() / moments.sum())
        assert abs(ratio - expected) < 5 * deviation


def test_neighbours_fall_silent_independently():
    h, p = torch.ones(300, 50), 0.3
    for seed in SEEDS:
        torch.manual_seed(seed)
        keep = (fixed(p)(h) > 0).double()
        assert (torch.corrcoef(keep.T) - torch.eye(50)).abs().max() < 5.5 / math.sqrt(300)
        flat = (keep.flatten() - (1 - p)) / math.sqrt(p * (1 - p))
        assert abs((flat[1:] * flat[:-1]).mean()) < 5 / math.sqrt(flat.numel())


@pytest.mark.parametrize(("sigma", "p_min"), [(0.1, 0.01), (0.05, 0.2)])
@pytest.mark.parametrize("seed", SEEDS)
def test_rates_are_half_normal_above_the_lowest(sigma, p_min, seed):
    torch.manual_seed(seed)
    h = torch.ones(2000, 8, 8, dtype=torch.float64)
    rates = rate_from(Jumpout(sigma=sigma, p_min=p_min)(h), h).numpy()
    assert rates.min() > p_min - 1e-6
    assert stats.kstest((rates - p_min) / sigma, "halfnorm").pvalue > 1e-4


@pytest.mark.parametrize("seed", SEEDS)
def test_rates_above_the_highest_are_the_highest(seed):
    torch.manual_seed(seed)
    sigma, p_min, p_max, n = 0.4, 0.1, 0.5, 2000
    h = torch.ones(n, 8, 8, dtype=torch.float64)
    rates = rate_from(Jumpout(sigma, p_min, p_max)(h), h).numpy()
    assert rates.max() < p_max + 1e-6
    capped = 2 * stats.norm.sf((p_max - p_min) / sigma)
    assert abs((rates > p_max - 1e-6).sum() - n * capped) < 5 * math.sqrt(n * capped * (1 - capped))


def test_each_call_draws_one_rate_for_all_units():
    h, layer = torch.ones(16, 16, dtype=torch.float64), Jumpout()
    outputs = [layer(h) for _ in range(300)]
    factors = [output[output > 0].unique() for output in outputs]
    assert {len(factor) for factor in factors} == {1}
    rates = np.array([rate_from(output, h).item() for output in outputs])
    assert stats.kstest((rates - 0.01) / 0.1, "halfnorm").pvalue > 1e-4
    assert abs(np.corrcoef(rates[1:], rates[:-1])[0, 1]) < 5 / math.sqrt(len(rates))


def test_two_layers_draw_apart():
    h, layers = torch.ones(16, 16, dtype=torch.float64), [Jumpout(), Jumpout()]
    rates = np.array([[rate_from(layer(h), h).item() for layer in layers] for _ in range(300)])
    assert abs(np.corrcoef(rates.T)[0, 1]) < 5 / math.sqrt(len(rates))


def test_each_member_has_its_own_share_of_active_units():
    shares, p = [0.2, 0.5, 1.0], 0.1
    h = torch.stack([units(share) for share in shares])
    rates = rate_from(fixed(p)(h), h)
    torch.testing.assert_close(
        rates, torch.tensor([p / share for share in shares], dtype=torch.float64), rtol=1e-5, atol=0
    )


def test_under_vmap_each_member_has_a_rate_of_its_own():
    h = torch.ones(1000, 8, 8, dtype=torch.float64)
    rates = rate_from(vmap(Jumpout(), randomness="different")(h), h).numpy()
    assert stats.kstest((rates - 0.01) / 0.1, "halfnorm").pvalue > 1e-4


def test_where_few_units_are_active_some_of_them_stay():
    h = units(0.1, (400, 400))
    n = (h > 0).sum().item()
    output = fixed(0.55)(h)
    assert rate_from(output, h).item() == pytest.approx(0.95, rel=1e-5)
    off = ((h > 0) & (output == 0)).sum().item()
    assert abs(off - 0.95 * n) < 5 * math.sqrt(n * 0.95 * 0.05)


def test_silent_units_stay_silent():
    h = units(0.4)
    assert not Jumpout(sigma=0.3)(h)[h == 0].any()


@pytest.mark.parametrize("shape", [(5, 7), (3, 5, 7)], ids=str)
@pytest.mark.parametrize("p", [0.0, 0.1, 0.6])
def test_a_silent_layer_stays_silent_and_has_a_gradient(shape, p):
    h = torch.zeros(shape, requires_grad=True)
    output = fixed(p)(h)
    output.sum().backward()
    assert torch.equal(output, torch.zeros(shape))
    assert torch.isfinite(h.grad).all()


def test_a_silent_member_does_not_disturb_the_others():
    h = torch.stack([units(0.0), units(0.5)])
    output = fixed(0.1)(h)
    assert not output[0].any()
    assert rate_from(output, h)[1].item() == pytest.approx(0.2, rel=1e-5)


def test_the_gradient_is_the_factor_of_each_unit():
    h = units(0.5).requires_grad_()
    output = Jumpout()(h)
    output.sum().backward()
    torch.testing.assert_close(h.grad * h, output)
    assert (h.grad > 1).any()
    assert (h.grad[h > 0] == 0).any()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_shape_type_and_generator_are_kept(dtype):
    outputs = []
    for seed in (1, 1, 2):
        torch.manual_seed(seed)
        outputs.append(Jumpout()(torch.ones(9, 7, dtype=dtype)))
    assert outputs[0].dtype == dtype
    assert torch.equal(outputs[0], outputs[1])
    assert not torch.equal(outputs[0], outputs[2])
