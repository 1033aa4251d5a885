"""Laws of the multilayer perceptron."""

import math

import pytest
import torch
from torch import nn

from sktech.modules import MLP

SIZES = [(), (5,), (7, 3), [4, 4, 4]]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("n_rows", [0, 1, 6])
def test_rows_go_in_and_logits_come_out(sizes, n_rows):
    module = MLP(n_features_in=4, n_classes=3, hidden_layer_sizes=sizes)
    assert module(torch.zeros(n_rows, 4)).shape == (n_rows, 3)
    assert module.features(torch.zeros(n_rows, 4)).shape == (n_rows, sizes[-1] if sizes else 4)


@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_logits_are_the_head_of_the_features(sizes):
    module, X = MLP(4, 3, sizes, dropout=0.5).eval(), torch.randn(6, 4)
    assert torch.equal(module(X), module.head(module.features(X)))


def test_logits_are_the_head_of_the_features_in_training_too():
    module, X = MLP(4, 3, (16,), dropout=0.5).train(), torch.randn(6, 4)
    torch.manual_seed(0)
    logits = module(X)
    torch.manual_seed(0)
    assert torch.equal(logits, module.head(module.features(X)))


def test_a_row_does_not_see_its_neighbours():
    module, X = MLP(4, 3).eval(), torch.randn(6, 4)
    torch.testing.assert_close(torch.cat([module(row[None]) for row in X]), module(X))


def test_without_hidden_layers_it_is_linear():
    module, X, Z = MLP(4, 3, ()), torch.randn(6, 4), torch.randn(6, 4)
    torch.testing.assert_close(module(X + 2 * Z), module(X) + 2 * module(Z))


def test_dropout_silences_its_share_in_training_only():
    module, X = MLP(4, 2, (1000,), dropout=0.3), torch.ones(50, 4)
    alive = module.eval().features(X) > 0
    silenced = module.train().features(X)[alive] == 0
    assert silenced.float().mean().item() == pytest.approx(0.3, abs=0.05)
    assert torch.equal(module.eval()(X), module.eval()(X))


def test_weights_are_drawn_within_their_bounds_and_biases_are_zero():
    module = MLP(50, 20, (300, 200))
    layers = [part for part in module.modules() if isinstance(part, nn.Linear)]
    bounds = [math.sqrt(6 / 50), math.sqrt(6 / 300), math.sqrt(1 / 200)]
    for layer, bound in zip(layers, bounds, strict=True):
        assert layer.weight.abs().max().item() == pytest.approx(bound, rel=0.02)
        assert layer.weight.abs().max() <= bound
        assert layer.weight.std().item() == pytest.approx(bound / math.sqrt(3), rel=0.1)
        assert not layer.bias.any()


def test_the_first_predictions_cost_little_more_than_even_ones():
    X, y = torch.randn(200, 30), torch.arange(200) % 4
    losses = [nn.functional.cross_entropy(MLP(30, 4)(X), y).item() for _ in range(10)]
    assert max(losses) < math.log(4) + 0.4


def test_every_parameter_gets_a_gradient():
    module = MLP(4, 3, (8, 8))
    module(torch.randn(50, 4)).square().sum().backward()
    assert all(parameter.grad.any() for parameter in module.parameters())
