"""Laws of the multilayer perceptron."""

import math

import pytest
import torch
from scipy import stats
from torch import nn

from sktech.modules import MLP, Jumpout, StackedLinear

SIZES = [(), (5,), (7, 3), [4, 4, 4]]
MEMBERS = [None, 1, 3]


def layers_of(module):
    return [part for part in module.modules() if isinstance(part, nn.Linear | StackedLinear)]


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("n_rows", [0, 1, 6])
@pytest.mark.parametrize("n_members", MEMBERS)
def test_rows_go_in_and_logits_come_out(sizes, n_rows, n_members):
    module = MLP(n_features_in=4, n_classes=3, hidden_layer_sizes=sizes, n_members=n_members)
    members = () if n_members is None else (n_members,)
    for X in [torch.zeros(n_rows, 4), torch.zeros(*members, n_rows, 4)]:
        assert module(X).shape == (*members, n_rows, 3)
        features = module.features(X)
        assert features.shape[-2:] == (n_rows, sizes[-1] if sizes else 4)
        assert features.shape[:-2] == (members if sizes else X.shape[:-2])


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("shape", [(6, 4), (3, 6, 4)], ids=["shared", "own"])
@pytest.mark.usefixtures("float64")
def test_each_member_is_a_net_of_its_own(sizes, shape, assert_members_are_single_nets):
    assert_members_are_single_nets(MLP(4, 2, sizes, n_members=3), MLP(4, 2, sizes), torch.randn(shape))


@pytest.mark.parametrize("sizes", SIZES, ids=str)
@pytest.mark.parametrize("n_members", MEMBERS)
def test_logits_are_the_head_of_the_features(sizes, n_members):
    module, X = MLP(4, 3, sizes, dropout=0.5, n_members=n_members).eval(), torch.randn(6, 4)
    assert torch.equal(module(X), module.head(module.features(X)))


@pytest.mark.parametrize("dropout", [0.5, "jumpout"])
@pytest.mark.parametrize("n_members", MEMBERS)
def test_logits_are_the_head_of_the_features_in_training_too(dropout, n_members):
    module, X = MLP(4, 3, (16,), dropout=dropout, n_members=n_members).train(), torch.randn(6, 4)
    torch.manual_seed(0)
    logits = module(X)
    torch.manual_seed(0)
    assert torch.equal(logits, module.head(module.features(X)))


@pytest.mark.parametrize("n_members", MEMBERS)
def test_a_row_does_not_see_its_neighbours(n_members):
    module, X = MLP(4, 3, n_members=n_members).eval(), torch.randn(6, 4)
    torch.testing.assert_close(torch.cat([module(row[None]) for row in X], dim=-2), module(X))


@pytest.mark.parametrize("n_members", MEMBERS)
def test_without_hidden_layers_it_is_affine(n_members):
    module, X, Z = MLP(4, 3, (), n_members=n_members), torch.randn(6, 4), torch.randn(6, 4)
    at_zero = module(torch.zeros(6, 4))
    torch.testing.assert_close(module(X + 2 * Z) - at_zero, (module(X) - at_zero) + 2 * (module(Z) - at_zero))
    assert torch.equal(at_zero[..., 0, :], module.head.bias)


def test_dropout_silences_its_share_in_training_only():
    module, X = MLP(4, 2, (1000,), dropout=0.3), torch.ones(50, 4)
    alive = module.eval().features(X) > 0
    silenced = module.train().features(X)[alive] == 0
    assert silenced.float().mean().item() == pytest.approx(
        round(256 * 0.3) / 256, abs=5 * math.sqrt(0.21 / alive.sum())
    )
    assert torch.equal(module.eval()(X), module.eval()(X))


def test_dropout_silences_other_units_in_each_member():
    module, X = MLP(4, 2, (2000,), dropout=0.5, n_members=2), torch.ones(1, 4)
    with torch.no_grad():
        module.hidden[0].bias.fill_(100)  # all units are active
    first, second = module.features(X)[:, 0] == 0
    assert abs((first & second).float().mean().item() - 0.25) < 5 * math.sqrt(0.25 * 0.75 / 2000)


def test_without_dropout_training_and_evaluation_are_the_same():
    module, X = MLP(4, 2, dropout=0.0), torch.randn(6, 4)
    assert torch.equal(module.train()(X), module.eval()(X))


@pytest.mark.parametrize("n_members", MEMBERS)
def test_jumpout_stands_after_each_rectifier(n_members):
    module, X = MLP(4, 2, (300, 300), dropout="jumpout", n_members=n_members), torch.randn(50, 4)
    kinds = [type(part) for part in module.hidden]
    assert kinds[1::3] == [nn.ReLU, nn.ReLU]
    assert kinds[2::3] == [Jumpout, Jumpout]
    alive = module.eval().features(X) > 0
    silenced = (module.train().features(X)[alive] == 0).float().mean().item()
    assert 0 < silenced < 0.99
    assert torch.equal(module.eval()(X), module.eval()(X))


@pytest.mark.parametrize("n_members", MEMBERS)
def test_weights_and_biases_are_uniform_within_their_bounds(n_members):
    module = MLP(50, 20, (300, 200), n_members=n_members)
    bounds = [math.sqrt(6 / 50), math.sqrt(6 / 300), math.sqrt(1 / 200)]
    bias_bounds = [math.sqrt(1 / 50), math.sqrt(1 / 300), math.sqrt(1 / 200)]
    for layer, bound, bias_bound in zip(layers_of(module), bounds, bias_bounds, strict=True):
        for values, limit in [(layer.weight, bound), (layer.bias, bias_bound)]:
            values = values.detach().double().flatten().numpy()
            assert abs(values).max() <= limit
            assert stats.kstest(values, "uniform", args=(-limit, 2 * limit)).pvalue > 1e-4


@pytest.mark.parametrize("n_members", MEMBERS)
def test_the_first_predictions_cost_little_more_than_even_ones(n_members):
    X, y = torch.randn(200, 30), torch.arange(200) % 4
    losses = [
        nn.functional.cross_entropy(logits, y).item()
        for _ in range(10)
        for logits in MLP(30, 4, n_members=n_members)(X).view(-1, 200, 4)
    ]
    assert max(losses) < math.log(4) + 0.4


@pytest.mark.parametrize("n_members", MEMBERS)
def test_every_parameter_gets_a_gradient(n_members):
    module = MLP(4, 3, (8, 8), n_members=n_members)
    module(torch.randn(50, 4)).square().sum().backward()
    for parameter in module.parameters():
        members = parameter.grad if n_members else parameter.grad[None]
        assert all(member.any() for member in members)


def test_a_table_without_columns_has_one_answer():
    module = MLP(0, 3, (8,), n_members=2)
    output = module(torch.zeros(5, 0))
    assert torch.equal(output, output[:, :1].expand(2, 5, 3))
