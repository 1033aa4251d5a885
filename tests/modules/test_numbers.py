"""Laws of embedded numbers."""

import itertools
import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy import stats
from torch import nn
from torch.func import functional_call

from sktech.modules import PeriodicEmbedding, PiecewiseLinearEmbedding

pytestmark = pytest.mark.usefixtures("float64")

# Columns with many bins of different widths, one bin, and two.
EDGES = [np.array([-2.0, -1.5, -1.4, 0.0, 0.3, 2.9]), np.array([-1.0, 1.0]), np.array([0.0, 1e-3, 1.0])]
MADE = {
    "piecewise_linear": lambda n_members=None: PiecewiseLinearEmbedding(EDGES, size=3, n_members=n_members),
    "periodic": lambda n_members=None: PeriodicEmbedding(3, size=3, n_frequencies=5, n_members=n_members),
}
SHAPES = {"shared": (7, 3), "own": (2, 7, 3)}


@pytest.fixture(params=MADE.values(), ids=MADE)
def make(request):
    return request.param


def encoded(x, edges):
    """PLE(x) by its definition, value by value."""
    encoding = np.empty(len(edges) - 1)
    for t, (low, high) in enumerate(itertools.pairwise(edges)):
        if x >= high:
            encoding[t] = 1
        elif x < low:
            encoding[t] = 0
        else:
            encoding[t] = (x - low) / (high - low)
    return encoding


def line(start, stop, n=401):
    """The same points in each column, (n, 3)."""
    return torch.linspace(start, stop, n)[:, None].expand(n, 3)


# ------------------------------------------------------------ both


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
def test_each_member_is_a_net_of_its_own(make, shape, assert_members_are_single_nets):
    assert_members_are_single_nets(make(2), make(), torch.randn(shape))


@pytest.mark.parametrize("n_members", [None, 2])
@pytest.mark.parametrize("n_rows", [0, 1, 4])
def test_embeddings_come_first_and_the_numbers_themselves_last(make, n_members, n_rows):
    x = torch.randn(n_rows, 3)
    output = make(n_members)(x)
    assert output.shape == ((n_rows, 12) if n_members is None else (2, n_rows, 12))
    assert torch.equal(output[..., 9:], x.expand(*output.shape[:-1], 3))


def test_a_column_sees_only_itself(make):
    module, x = make(), torch.randn(6, 3)
    nn.init.normal_(module.weight)
    changed = x.clone()
    changed[:, 1] += 0.5
    before, after = (module(values)[:, :9].unflatten(1, (3, 3)) for values in (x, changed))
    assert torch.equal(before[:, [0, 2]], after[:, [0, 2]])
    assert not torch.equal(before[:, 1], after[:, 1])


def test_a_row_does_not_see_its_neighbours(make):
    module, x = make(), torch.randn(6, 3)
    nn.init.normal_(module.weight)
    torch.testing.assert_close(torch.cat([module(row[None]) for row in x]), module(x), rtol=1e-12, atol=1e-12)


@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_derivatives_are_right_in_both_modes(make):
    module = make()
    names = [name for name, _ in module.named_parameters()]
    x = torch.tensor([[-1.45, 0.4, 0.5], [0.7, -0.2, 5e-4], [-5.0, 3.0, -0.3]])  # away from edges, within and outside

    def run(x, *values):
        return functional_call(module, dict(zip(names, values, strict=True)), (x,))

    values = [torch.randn_like(value).requires_grad_() for value in module.parameters()]
    assert torch.autograd.gradcheck(run, [x.requires_grad_(), *values], check_forward_ad=True, atol=1e-4)


# ------------------------------------------------------------ piecewise linear


def test_the_encoding_follows_its_definition_value_by_value():
    x = torch.cat([torch.randn(50, 3), *(torch.full((1, 3), edge) for edges in EDGES for edge in edges.tolist())])
    encoding = PiecewiseLinearEmbedding(EDGES).encoding(x).numpy()
    assert encoding.shape == (3, 5, len(x))
    for j, edges in enumerate(EDGES):
        expected = np.stack([encoded(value, edges) for value in x[:, j].numpy()], axis=1)
        assert_allclose(encoding[j, : len(edges) - 1], expected, rtol=0, atol=1e-11)
        assert_array_equal(encoding[j, len(edges) - 1 :], 0)  # bins that the column does not have


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_in_the_type_of_a_net_the_encoding_is_right_to_its_precision(dtype):
    """A module is made in single precision and then turned into its type."""
    torch.set_default_dtype(torch.float32)
    edges = [np.linspace(-3, 3, 17)]
    x = np.linspace(-3.5, 3.5, 141)
    encoding = PiecewiseLinearEmbedding(edges).to(dtype).encoding(torch.from_numpy(x)[:, None].to(dtype))
    expected = np.stack([encoded(value, edges[0]) for value in x], axis=1)
    assert encoding.dtype == dtype
    assert_allclose(encoding[0].numpy(), expected, rtol=0, atol=10 * torch.finfo(torch.float32).eps)


def test_at_an_edge_the_bins_before_it_are_full_and_those_after_it_empty():
    for edges in EDGES:
        encoding = PiecewiseLinearEmbedding([edges]).encoding(torch.from_numpy(edges)[:, None])[0].T.numpy()
        assert_allclose(encoding, np.tri(len(edges), len(edges) - 1, k=-1), rtol=0, atol=1e-11)


def test_between_edges_exactly_one_bin_is_in_part():
    edges = EDGES[0]
    middles = torch.from_numpy((edges[1:] + edges[:-1]) / 2)[:, None]
    encoding = PiecewiseLinearEmbedding([edges]).encoding(middles)[0].T
    torch.testing.assert_close(encoding, torch.tril(torch.ones(5, 5), -1) + 0.5 * torch.eye(5), rtol=0, atol=1e-11)


def test_the_encoding_grows_with_the_number():
    encoding = PiecewiseLinearEmbedding(EDGES).encoding(line(-4, 4))
    assert (encoding.diff(dim=-1) >= 0).all()
    assert encoding.min() == 0
    assert encoding.max() == 1


def test_the_encoding_is_continuous():
    step = 1e-7
    for edges in EDGES:
        module, x = PiecewiseLinearEmbedding([edges]), torch.from_numpy(edges)[:, None]
        jumps = (module.encoding(x + step) - module.encoding(x - step)).abs()
        assert 0 < jumps.max() <= 2 * step / np.diff(edges).min() + 1e-11


@pytest.mark.parametrize("n_members", [None, 2])
def test_at_the_start_there_are_plain_numbers_only(n_members):
    module, x = PiecewiseLinearEmbedding(EDGES, n_members=n_members), torch.randn(6, 3)
    assert not module(x)[..., :-3].any()
    module(x)[..., :-3].sum().backward()
    assert module.weight.grad.any(), "a start at zero must not be a trap"


def test_learned_functions_are_linear_inside_bins_and_bend_at_edges():
    module = PiecewiseLinearEmbedding([EDGES[0]], size=1)
    nn.init.normal_(module.weight)
    for low, high in itertools.pairwise(EDGES[0]):
        inside = module(torch.linspace(low, high, 9)[:, None])[:, 0]
        assert inside.diff(n=2).abs().max() < 1e-11
        assert inside.diff().abs().min() > 1e-6
    across = module(torch.tensor(EDGES[0][1:-1])[:, None] + torch.tensor([-0.01, 0, 0.01]).view(3, 1, 1))[..., 0]
    assert (across.diff(n=2, dim=0).abs() > 1e-6).all()


def test_values_at_the_edges_can_be_any():
    values = torch.randn(6)
    module = PiecewiseLinearEmbedding([EDGES[0]], size=1)
    with torch.no_grad():
        module.weight[0, 0] = values.diff()
    output = values[0] + module(torch.from_numpy(EDGES[0])[:, None])[:, 0]
    torch.testing.assert_close(output, values, rtol=0, atol=1e-10)


def test_beyond_the_outer_edges_only_the_number_itself_goes_on():
    module = PiecewiseLinearEmbedding(EDGES)
    nn.init.normal_(module.weight)
    for end, stop in [(0, -100.0), (-1, 100.0)]:
        x = torch.tensor([edges[end] for edges in EDGES])
        beyond = torch.stack([x, (x + stop) / 2, torch.full((3,), stop)])
        output = module(beyond)
        torch.testing.assert_close(output[1:, :-3], output[:1, :-3].expand(2, -1), rtol=0, atol=1e-10)
        assert torch.equal(output[:, -3:], beyond)


def test_the_gradient_in_a_bin_is_its_slope():
    module = PiecewiseLinearEmbedding([EDGES[0]], size=1)
    nn.init.normal_(module.weight)
    x = torch.from_numpy((EDGES[0][1:] + EDGES[0][:-1]) / 2)[:, None].requires_grad_()
    module(x)[:, 0].sum().backward()
    expected = module.weight[0, 0].detach() / torch.from_numpy(np.diff(EDGES[0]))
    torch.testing.assert_close(x.grad[:, 0], expected)


def test_bins_travel_with_the_weights():
    module = PiecewiseLinearEmbedding(EDGES)
    nn.init.normal_(module.weight)
    other = PiecewiseLinearEmbedding([edges + 1 for edges in EDGES])
    other.load_state_dict(module.state_dict())
    x = torch.randn(6, 3)
    assert torch.equal(module(x), other(x))


# ------------------------------------------------------------ periodic


def test_periodic_embeddings_follow_their_definition():
    module, x = PeriodicEmbedding(3, size=4, n_frequencies=5), torch.randn(7, 3)
    f, phase, W, v = (getattr(module, name).detach().numpy() for name in ("frequency", "phase", "weight", "bias"))
    expected = np.empty((7, 12))
    for i in range(7):
        for j in range(3):
            z = [math.cos(2 * math.pi * (f[j, k] * x[i, j].item() + phase[j, k])) for k in range(5)]
            expected[i, 4 * j : 4 * j + 4] = np.array(z) @ W[j] + v[j]
    assert_allclose(module(x)[:, :12].detach().numpy(), expected, rtol=1e-12, atol=1e-12)


def test_whole_frequencies_have_period_one():
    module, x = PeriodicEmbedding(3), torch.randn(7, 3)
    with torch.no_grad():
        module.frequency.round_().add_(1)
    torch.testing.assert_close(module(x)[:, :12], module(x + 1)[:, :12], rtol=0, atol=1e-10)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_members", [None, 4])
def test_periodic_parameters_start_from_their_laws(n_members, seed):
    torch.manual_seed(seed)
    module = PeriodicEmbedding(50, size=4, n_frequencies=16, sigma=0.3, n_members=n_members)
    laws = {"frequency": stats.norm(0, 0.3), "phase": stats.uniform(-0.5, 1)}
    laws |= {"weight": stats.uniform(-0.25, 0.5), "bias": stats.uniform(-0.25, 0.5)}
    for name, law in laws.items():
        values = getattr(module, name).detach().flatten().numpy()
        assert stats.kstest(values, law.cdf).pvalue > 1e-4, name
