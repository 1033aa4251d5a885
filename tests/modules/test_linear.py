"""Laws of dense layers side by side."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose
from scipy import stats
from torch import nn
from torch.func import functional_call

from sktech.modules import StackedLinear
from sktech.modules.linear import dense

ROWS = {"shared": (6, 5), "own": (3, 6, 5)}


@pytest.mark.parametrize("shape", ROWS.values(), ids=ROWS)
@pytest.mark.usefixtures("float64")
def test_each_member_is_a_linear_layer(shape, assert_members_are_single_nets):
    assert_members_are_single_nets(StackedLinear(3, 5, 2), nn.Linear(5, 2), torch.randn(shape))


@pytest.mark.parametrize("shape", ROWS.values(), ids=ROWS)
@pytest.mark.usefixtures("float64")
def test_it_is_a_sum_of_products(shape):
    layer, X = StackedLinear(3, 5, 2), torch.randn(shape)
    weight, bias = layer.weight.detach().numpy(), layer.bias.detach().numpy()
    expected = np.einsum("mnd,mod->mno", np.broadcast_to(X.numpy(), (3, 6, 5)), weight) + bias[:, None, :]
    assert_allclose(layer(X).detach().numpy(), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("n_rows", [0, 1, 4])
@pytest.mark.parametrize("n_inputs", [0, 1, 5])
def test_shapes_hold_for_few_rows_and_few_inputs(n_rows, n_inputs):
    layer = StackedLinear(3, n_inputs, 2)
    for shape in [(n_rows, n_inputs), (3, n_rows, n_inputs)]:
        assert layer(torch.zeros(shape)).shape == (3, n_rows, 2)
    assert torch.equal(layer(torch.zeros(1, n_inputs))[:, 0], layer.bias)


@pytest.mark.parametrize("shape", ROWS.values(), ids=ROWS)
@pytest.mark.usefixtures("float64")
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_derivatives_are_right_in_both_modes(shape):
    layer = StackedLinear(3, 5, 2)

    def run(X, weight, bias):
        return functional_call(layer, {"weight": weight, "bias": bias}, (X,))

    inputs = [torch.randn(shape, requires_grad=True), layer.weight, layer.bias]
    assert torch.autograd.gradcheck(run, inputs, check_forward_ad=True)


@pytest.mark.parametrize("n_members", [None, 4])
def test_dense_is_one_layer_or_many(n_members):
    layer = dense(5, 3, n_members)
    assert type(layer) is (nn.Linear if n_members is None else StackedLinear)
    members = () if n_members is None else (n_members,)
    assert layer.weight.shape == (*members, 3, 5)
    assert layer.bias.shape == (*members, 3)


def assert_uniform(values, bound):
    values = values.detach().flatten().double().numpy()
    assert np.abs(values).max() <= bound
    assert stats.kstest(values, "uniform", args=(-bound, 2 * bound)).pvalue > 1e-4


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("bound", [None, 0.7])
@pytest.mark.parametrize("n_members", [None, 4])
def test_weights_and_biases_are_uniform_within_their_bounds(n_members, bound, seed):
    torch.manual_seed(seed)
    layer = dense(25, 400, n_members, bound=bound)
    assert_uniform(layer.weight, bound or 1 / math.sqrt(25))
    assert_uniform(layer.bias, 1 / math.sqrt(25))


def test_a_stacked_layer_is_drawn_as_torchs_own_is():
    ours, torchs = StackedLinear(50, 9, 40), [nn.Linear(9, 40) for _ in range(50)]
    for name in ("weight", "bias"):
        expected = torch.stack([getattr(layer, name) for layer in torchs]).detach().flatten().numpy()
        assert stats.ks_2samp(getattr(ours, name).detach().flatten().numpy(), expected).pvalue > 1e-4


def test_members_start_apart():
    weight = StackedLinear(6, 50, 40).weight.detach().flatten(1)
    correlations = torch.corrcoef(weight) - torch.eye(6)
    assert correlations.abs().max() < 5 / math.sqrt(weight.shape[1])
