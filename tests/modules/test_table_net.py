"""Laws of the net behind NetClassifier."""

import itertools

import numpy as np
import pytest
import torch
from torch import nn

from sktech.modules import MLP, CategoryEmbedding, PeriodicEmbedding, PiecewiseLinearEmbedding, TableNet
from sktech.table import TableEncoder
from sktech.training import Forward

EDGES = [np.array([-1.0, 0.0, 0.5, 1.0]), np.array([-2.0, 2.0])]
LEVELS = [9, 30]
# Which of the three kinds of columns a table has, and how its numbers are embedded.
TABLES = {
    "all": (EDGES, 3, LEVELS, "piecewise_linear"),
    "periodic": (EDGES, 3, LEVELS, "periodic"),
    "as_they_are": (EDGES, 3, LEVELS, None),
    "numbers": (EDGES, 0, [], "piecewise_linear"),
    "plain": ([], 3, [], "piecewise_linear"),
    "categories": ([], 0, LEVELS, "piecewise_linear"),
    "no_categories": (EDGES, 3, [], "piecewise_linear"),
    "no_plain": (EDGES, 0, LEVELS, "piecewise_linear"),
}
SHARED_AND_OWN = {"shared": (), "own": (3,)}


@pytest.fixture(params=TABLES.values(), ids=TABLES)
def table(request):
    return request.param


def make(table, n_members=None, dropout=0.0, sizes=(6, 5)):
    edges, n_plain, levels, embedding = table
    return TableNet(edges, n_plain, levels, 4, sizes, dropout, embedding, n_members)


def rows(table, *shape):
    edges, n_plain, levels, _ = table
    numbers = 1.5 * torch.randn(*shape, len(edges))
    codes = [torch.randint(n + 1, (*shape, 1)).to(numbers.dtype) for n in levels]
    return torch.cat([numbers, torch.randn(*shape, n_plain), *codes], dim=-1)


@pytest.mark.parametrize("members", SHARED_AND_OWN.values(), ids=SHARED_AND_OWN)
@pytest.mark.usefixtures("float64")
def test_each_member_is_a_net_of_its_own(table, members, assert_members_are_single_nets):
    assert_members_are_single_nets(make(table, 3), make(table), rows(table, *members, 7))


@pytest.mark.parametrize("n_members", [None, 1, 3])
@pytest.mark.parametrize("n_rows", [0, 1, 7])
@pytest.mark.parametrize("sizes", [(6, 5), ()], ids=str)
def test_rows_go_in_and_logits_come_out(table, n_members, n_rows, sizes):
    net, members = make(table, n_members, sizes=sizes), () if n_members is None else (n_members,)
    for X in [rows(table, n_rows), rows(table, *members, n_rows)]:
        assert net(X).shape == (*members, n_rows, 4)
        assert net.head(net.features(X)).shape == (*members, n_rows, 4)


@pytest.mark.parametrize("n_members", [None, 3])
@pytest.mark.parametrize("dropout", [0.0, 0.3, "jumpout"])
def test_logits_are_the_head_of_the_features(table, n_members, dropout):
    net, X = make(table, n_members, dropout), rows(table, 7)
    for mode in (True, False):
        net.train(mode)
        torch.manual_seed(0)
        logits = net(X)
        torch.manual_seed(0)
        assert torch.equal(logits, net.head(net.features(X)))


def test_a_training_step_sees_its_features(table):
    net, X = make(table, 3), rows(table, 7)
    forward = Forward(net, X)
    assert torch.equal(forward.features(X), net.features(X))
    assert torch.equal(forward.head(forward.features(X)), forward(X))


@pytest.mark.parametrize("n_members", [None, 3])
def test_a_row_does_not_see_its_neighbours(table, n_members):
    net, X = make(table, n_members), rows(table, 7)
    torch.testing.assert_close(torch.cat([net(row[None]) for row in X], dim=-2), net(X))


@pytest.mark.parametrize("members", SHARED_AND_OWN.values(), ids=SHARED_AND_OWN)
@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic"])
def test_the_perceptron_sees_embeddings_plain_columns_and_vectors(embedding, members):
    table = (EDGES, 3, LEVELS, embedding)
    net, X = make(table, 3), rows(table, *members, 7)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    kinds = {"piecewise_linear": PiecewiseLinearEmbedding, "periodic": PeriodicEmbedding}
    assert type(net.numbers) is kinds[embedding]
    assert type(net.categories) is CategoryEmbedding
    plain = X[..., 2:5].expand(3, 7, 3)
    expected = torch.cat([net.numbers(X[..., :2]), plain, net.categories(X[..., 5:])], dim=-1)
    assert torch.equal(net.embed(X), expected)
    assert torch.equal(net(X), net.mlp(expected))


@pytest.mark.parametrize("n_members", [None, 3])
@pytest.mark.usefixtures("float64")
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_derivatives_with_respect_to_the_table_are_right(table, n_members):
    net, X = make(table, n_members), rows(table, 2)
    for parameter in net.parameters():
        nn.init.normal_(parameter)
    n_smooth = X.shape[1] - len(table[2])  # codes are whole numbers

    def run(smooth):
        return net(torch.cat([smooth, X[:, n_smooth:]], dim=1))

    if n_smooth:
        assert torch.autograd.gradcheck(run, X[:, :n_smooth].clone().requires_grad_(), check_forward_ad=True)
    else:
        assert torch.autograd.grad(net(X.requires_grad_()).sum(), X, materialize_grads=True)[0].abs().sum() == 0


def test_at_the_start_numbers_are_seen_as_they_are():
    table = (EDGES, 3, [], "piecewise_linear")
    net, X = make(table), rows(table, 7)
    inputs, width = net.embed(X), net.numbers.size * len(EDGES)
    assert inputs.shape[1] == width + X.shape[1]
    assert torch.equal(inputs[:, width:], X)
    assert not inputs[:, :width].any()


@pytest.mark.parametrize("name", ["as_they_are", "plain"])
def test_without_embeddings_it_is_a_perceptron(name):
    edges, n_plain, _, embedding = TABLES[name]
    table = (edges, n_plain, [], embedding)
    net, X = make(table), rows(table, 7)
    mlp = MLP(len(edges) + n_plain, 4, (6, 5))
    mlp.load_state_dict(net.mlp.state_dict())
    assert torch.equal(net.embed(X), X)
    assert torch.equal(net(X), mlp(X))
    assert {name.partition(".")[0] for name in net.state_dict()} == {"mlp"}


@pytest.mark.parametrize("n_members", [None, 3])
def test_every_parameter_gets_a_gradient(table, n_members):
    net, X = make(table, n_members), rows(table, 200)
    for _ in range(2):
        net(X).square().sum().backward()
    for name, parameter in net.named_parameters():
        members = parameter.grad if n_members else parameter.grad[None]
        assert all(member.any() for member in members), name


def test_members_start_apart_but_for_what_starts_at_zero(table):
    net = make(table, 3)
    for name, parameter in net.named_parameters():
        alike = [torch.equal(parameter[m], parameter[k]) for m, k in itertools.combinations(range(3), 2)]
        starts_at_zero = name == "numbers.weight" and type(net.numbers) is PiecewiseLinearEmbedding
        assert alike == [starts_at_zero] * 3, name


@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic", None])
@pytest.mark.parametrize("n_members", [None, 3])
def test_it_takes_what_the_encoder_makes(embedding, n_members):
    rng = np.random.default_rng(0)
    numbers = [rng.normal(size=100), rng.integers(2, size=100), rng.integers(5, size=100), np.full(100, np.nan)]
    Z = np.column_stack([*numbers, rng.integers(3, size=100), rng.integers(2, size=100), np.arange(100) % 20])
    encoder = TableEncoder(4, embeds=True).fit(Z, np.ones(100))
    net = TableNet(encoder.bin_edges_, encoder.n_plain_, encoder.n_levels_, 3, (8,), 0.0, embedding, n_members)
    unseen = np.full((1, 7), np.nan)
    unseen[0, 4:] = [-1, -2, 99]
    X = torch.from_numpy(encoder.transform(np.vstack([Z, unseen]), np.float32))
    logits = net(X)
    assert logits.shape == (*(() if n_members is None else (n_members,)), 101, 3)
    assert torch.isfinite(logits).all()
