"""Laws of dropout by bytes."""

import math
import warnings

import numpy as np
import pytest
import torch
from scipy import stats
from torch import nn
from torch.func import functional_call, jvp, vmap

from sktech._streams import draw_bytes
from sktech.modules import Dropout
from sktech.modules import dropout as dropout_module

SEEDS = range(5)
RATES = [0.001, 0.1, 0.25, 0.3, 0.5, 0.9, 0.999]
# Shapes whose number of units is no multiple of the eight bytes that come at once, and others.
SHAPES = [(), (1,), (7,), (3, 5), (2, 3, 3), (8,), (4, 16), (0,), (0, 5)]


def rate_of(p):
    """The multiple of 1/256 next to p that is neither 0 nor 1."""
    return min(max(round(256 * p), 1), 255) / 256


def kept(p, shape, seed):
    """Which units of ones stay, float64."""
    torch.manual_seed(seed)
    return (Dropout(p)(torch.ones(shape)) > 0).double()


@pytest.mark.parametrize("p", RATES)
def test_units_are_silenced_or_scaled_by_what_belongs_to_a_multiple_of_a_256th(p):
    h = torch.randn(5000, dtype=torch.float64)
    ratio = Dropout(p)(h) / h
    expected = torch.tensor([0, 1 / (1 - rate_of(p))], dtype=torch.float64)
    distance = (ratio[:, None] - expected).abs()
    assert (distance.min(dim=1).values < 1e-9).all()
    assert (distance < 1e-9).any(dim=0).all()


@pytest.mark.parametrize("p", RATES)
def test_the_rate_is_the_nearest_multiple(p):
    nearest = np.arange(1, 256)[np.argmin(np.abs(np.arange(1, 256) / 256 - p))]
    assert Dropout(p).threshold == nearest
    assert abs(Dropout(p).threshold / 256 - p) <= 1 / 256


@pytest.mark.parametrize("p", RATES)
def test_the_share_of_silenced_units_is_the_rate(p):
    n, rate = 2**15 + 3, rate_of(p)
    for seed in SEEDS:
        silenced = n - kept(p, (n,), seed).sum().item()
        assert abs(silenced - n * rate) < 5 * math.sqrt(n * rate * (1 - rate))


@pytest.mark.parametrize("p", RATES)
def test_over_all_bytes_the_mean_is_the_input(p, monkeypatch):
    monkeypatch.setattr(
        dropout_module,
        "draw_bytes",
        lambda shape, device: torch.arange(256, dtype=torch.uint8).expand(shape).clone(),
    )
    h = torch.randn(50, 1, dtype=torch.float64)
    output = Dropout(p)(h.expand(50, 256))
    torch.testing.assert_close(output.mean(dim=1, keepdim=True), h, rtol=1e-12, atol=0)


@pytest.mark.parametrize("seed", SEEDS)
def test_bytes_are_uniform_in_each_of_their_eight_places(seed):
    torch.manual_seed(seed)
    places = draw_bytes(torch.Size([2**12, 8]), torch.device("cpu")).long() + 256 * torch.arange(8)
    counts = torch.bincount(places.flatten(), minlength=8 * 256).view(8, 256)
    for place in counts.numpy():
        assert stats.chisquare(place).pvalue > 1e-5


@pytest.mark.parametrize("p", [0.1, 0.5])
def test_units_and_rows_do_not_know_of_each_other(p):
    rate = rate_of(p)
    for seed in SEEDS:
        keep = (kept(p, (600, 37), seed) - (1 - rate)) / math.sqrt(rate * (1 - rate))  # mean 0, variance 1
        flat = keep.flatten()
        products = [(flat[lag:] * flat[:-lag]).mean() for lag in range(1, 18)]  # neighbours in one number and beyond
        products += [(keep[1:] * keep[:-1]).mean(), (keep[:, 1:] * keep[:, :-1]).mean()]
        assert max(map(abs, products)) < 5 / math.sqrt(600 * 36)
        between_units = torch.corrcoef(keep.T) - torch.eye(37)
        assert between_units.abs().max() < 5.5 / math.sqrt(600)


@pytest.mark.parametrize("p", RATES)
def test_in_evaluation_it_is_the_identity(p):
    h = torch.randn(6, 5)
    assert torch.equal(Dropout(p).eval()(h), h)


def test_without_a_rate_it_is_the_identity():
    h = torch.randn(6, 5)
    assert torch.equal(Dropout(0.0).train()(h), h)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16], ids=str)
def test_shape_and_type_stay(shape, dtype):
    h = torch.ones(shape, dtype=dtype)
    output = Dropout(0.5)(h)
    assert output.shape == h.shape
    assert output.dtype == dtype
    assert set(output.flatten().tolist()) <= {0.0, 2.0}
    assert torch.equal(h, torch.ones(shape, dtype=dtype)), "the input is changed"


def test_in_an_odd_shape_every_unit_has_its_turn():
    turns = sum(kept(0.5, (3, 5), seed) for seed in range(60))
    assert (turns > 0).all()
    assert (turns < 60).all()


def test_the_order_in_memory_does_not_matter():
    h = torch.randn(9, 7)
    torch.manual_seed(1)
    expected = Dropout(0.3)(h)
    torch.manual_seed(1)
    assert torch.equal(Dropout(0.3)(h.T.contiguous().T), expected)


def test_the_generator_decides():
    assert torch.equal(kept(0.5, (50,), 1), kept(0.5, (50,), 1))
    assert not torch.equal(kept(0.5, (50,), 1), kept(0.5, (50,), 2))
    torch.manual_seed(1)
    layer = Dropout(0.5)
    assert not torch.equal(layer(torch.ones(50)), layer(torch.ones(50))), "each call draws anew"


def test_the_gradient_is_the_factor_of_each_unit():
    h = torch.randn(9, 7, requires_grad=True)
    output = Dropout(0.3)(h)
    output.sum().backward()
    torch.testing.assert_close(h.grad * h, output)


class Silenced(nn.Module):
    def __init__(self, p=0.25):
        super().__init__()
        self.body, self.silence = nn.Linear(4, 33), Dropout(p)

    def forward(self, X):
        return self.silence(self.body(X))


def test_under_vmap_there_is_nothing_to_warn_of():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        vmap(Dropout(0.25), randomness="different")(torch.ones(3, 9))


def test_under_vmap_each_member_draws_its_own():
    n, layer = 4000, Dropout(0.25)
    output = vmap(layer, randomness="different")(torch.ones(3, n))
    assert sorted(set(output.flatten().tolist())) == pytest.approx([0, 4 / 3])
    keep = (output > 0).double()
    assert ((n - keep.sum(dim=1)) - n / 4).abs().max() < 5 * math.sqrt(n * 3 / 16)
    assert (torch.corrcoef(keep) - torch.eye(3)).abs().max() < 5 / math.sqrt(n)


def test_under_vmap_all_may_share_one_draw():
    output = vmap(Dropout(0.25), randomness="same")(torch.ones(3, 1001))
    assert torch.equal(output[0], output[1])
    assert torch.equal(output[0], output[2])
    assert output.any()


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_forward_mode_derivatives_go_through_it():
    module, X = Silenced().double(), torch.randn(6, 4, dtype=torch.float64)
    params = {name: value.detach() for name, value in module.named_parameters()}
    tangents = {name: torch.randn_like(value) for name, value in params.items()}
    torch.manual_seed(3)
    output, along = jvp(lambda values: functional_call(module, values, (X,)), (params,), (tangents,))
    torch.manual_seed(3)
    assert torch.equal(output, module(X))
    factor = output / module.body(X)
    expected = factor * (X @ tangents["body.weight"].T + tangents["body.bias"])
    torch.testing.assert_close(along, expected)
    assert (factor == 0).any()
    assert (factor > 1).any()
