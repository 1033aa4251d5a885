"""Products and sums of single rows' gradients equal those that autograd gives row by row, on each of three ways."""

import pytest
import torch
from numpy.testing import assert_allclose
from torch import nn

from sktech.modules import MLP, Members, StackedLinear, TableNet, row_wise_layers
from sktech.smoothing import Bootstrapping, DisturbLabel, LabelSmoothing, TrainingTable
from sktech.training import Batch, Forward, Objective, row_gradients
from sktech.training.row_gradients import LayerGradients, ModuleGradients

N_ROWS, N_CLASSES = 7, 3


class Convolution(nn.Module):
    """A module of which nothing is known."""

    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv1d(1, 4, 3)
        self.norm = nn.BatchNorm1d(4)
        self.head = nn.Linear(12, N_CLASSES)

    def forward(self, X):
        return self.head(torch.tanh(self.norm(self.convolution(X.unsqueeze(1)))).flatten(1))


class NoForwardMode(torch.autograd.Function):
    """Softplus, with derivatives backward only, of any order."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return nn.functional.softplus(x)

    @staticmethod
    def backward(ctx, slope):
        return slope * torch.sigmoid(ctx.saved_tensors[0])


class BackwardOnly(nn.Module):
    def __init__(self):
        super().__init__()
        self.first, self.head = nn.Linear(5, 6), nn.Linear(6, N_CLASSES)

    def forward(self, X):
        return self.head(NoForwardMode.apply(self.first(X)))


def table_net(n_members=None, dropout=0.3, **params):
    edges = [[-1.0, 0.0, 0.5, 1.0], [-2.0, 2.0]]
    net = TableNet(edges, 2, [12], N_CLASSES, (6, 5), dropout, n_members=n_members, **params)
    if net.numbers is not None:
        nn.init.normal_(net.numbers.weight)
    return net


MODULES = {
    "linear": lambda: nn.Linear(5, N_CLASSES, bias=False),
    "sequential": lambda: nn.Sequential(nn.Linear(5, 6), nn.Tanh(), nn.Dropout(0.5), nn.Linear(6, N_CLASSES)),
    "MLP": lambda: MLP(5, N_CLASSES, (6, 4), dropout=0.4),
    "MLP, Jumpout": lambda: MLP(5, N_CLASSES, (6,), dropout="jumpout"),
    "members of an MLP": lambda: MLP(5, N_CLASSES, (6, 4), dropout=0.4, n_members=3),
    "table net": table_net,
    "table net, plain numbers": lambda: table_net(numeric_embedding=None),
    "members of a table net": lambda: table_net(n_members=3),
    "table net, periodic": lambda: table_net(numeric_embedding="periodic"),
    "any module": Convolution,
    "members of any module": lambda: Members(Convolution, 3),
    "no forward mode": BackwardOnly,
}
SHORT = {name for name in MODULES if name.split()[-1] in {"linear", "sequential", "MLP", "Jumpout", "net", "numbers"}}


def problem(name, seed=0, own_rows=False):
    """A module in float64, and a batch."""
    torch.manual_seed(seed)
    module = MODULES[name]().double()
    members = (3,) if own_rows else ()
    X = torch.randn(*members, N_ROWS, 5, dtype=torch.float64)
    X[..., -1] = torch.randint(13, (*members, N_ROWS))  # the code of a category for those who embed it
    y = torch.randint(N_CLASSES, (*members, N_ROWS))
    return module, Batch((X, y), torch.arange(N_ROWS).expand(*members, N_ROWS))


def row_by_row(module, objective, batch, state):
    """The gradient of each row, for each parameter a tensor (n, ...) that is summed over members."""
    torch.set_rng_state(state)
    forward = Forward(module, batch.X)
    forward(batch.X)
    rows = objective.rows(forward, batch)
    rows = forward.label_loss(batch) if rows is None else rows
    params = list(module.parameters())
    each = [
        torch.autograd.grad(rows[..., i].sum(), params, retain_graph=True, materialize_grads=True)
        for i in range(N_ROWS)
    ]
    return {param: torch.stack(parts) for param, parts in zip(params, zip(*each, strict=True), strict=True)}


def both(name, objective, own_rows=False, order="first"):
    module, batch = problem(name, own_rows=own_rows)
    for buffer in module.buffers():
        buffer.requires_grad_(False)
    state = torch.get_rng_state()
    expected = row_by_row(module, objective, batch, state)
    torch.set_rng_state(state)
    return expected, row_gradients(objective, Forward(module, batch.X), batch, order)


def is_committee(name):
    return name.startswith("members")


CASES = [(name, own) for name in MODULES for own in ([False, True] if is_committee(name) else [False])]


@pytest.mark.parametrize(("name", "own_rows"), CASES)
@pytest.mark.parametrize("order", ["first", "second"])
def test_products_and_sums_are_those_of_each_rows_own_gradient(name, own_rows, order):
    expected, gradients = both(name, Objective(), own_rows, order)
    assert isinstance(gradients, LayerGradients if name in SHORT and order == "first" else ModuleGradients)
    direction = {param: torch.randn_like(param) for param in expected}
    weights = torch.rand_like(gradients.rows)
    products = gradients.products(direction)
    if is_committee(name):
        own = [
            sum((grads[:, m] * direction[param][m]).flatten(1).sum(1) for param, grads in expected.items())
            for m in range(3)
        ]
        assert_allclose(products, torch.stack(own), rtol=0, atol=1e-12)
        total = {p: torch.einsum("mn,nm...->m...", weights, grads) for p, grads in expected.items()}
    else:
        own = sum((grads * direction[param]).flatten(1).sum(1) for param, grads in expected.items())
        assert_allclose(products, own, rtol=0, atol=1e-12)
        total = {param: torch.einsum("n,n...->...", weights, grads) for param, grads in expected.items()}
    found = gradients.sum(weights)
    assert found.keys() == total.keys()
    for param, gradient in total.items():
        assert_allclose(found[param], gradient, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", ["table net", "members of a table net", "any module"])
def test_some_rows_are_a_part_of_all(name):
    _, gradients = both(name, Objective())
    some = slice(2, 5)
    weights = torch.zeros_like(gradients.rows)
    weights[..., some] = torch.rand_like(weights[..., some])
    direction = {param: torch.randn_like(param) for param in gradients.sum(weights)}
    assert_allclose(gradients.products(direction, some), gradients.products(direction)[..., some], atol=1e-13)
    for param, gradient in gradients.sum(weights).items():
        assert_allclose(gradients.sum(weights[..., some], some)[param], gradient, atol=1e-13)


@pytest.mark.parametrize("name", ["table net", "members of a table net", "any module", "no forward mode"])
def test_a_backward_pass_from_the_rows_gives_the_weighted_sum(name):
    _, gradients = both(name, Objective())
    weights = torch.rand_like(gradients.rows)
    total = gradients.sum(weights)
    torch.autograd.backward(gradients.rows_of(slice(None)), weights)
    for param, gradient in total.items():
        assert_allclose(param.grad, gradient, rtol=0, atol=1e-13)


TABLE = TrainingTable(torch.full((N_CLASSES,), 1 / N_CLASSES).numpy(), torch.arange(N_CLASSES).numpy(), 0)
TERMS = [LabelSmoothing(0.2), Bootstrapping(), Bootstrapping(hard=True), DisturbLabel(0.5)]


@pytest.mark.parametrize("term", TERMS, ids=str)
@pytest.mark.parametrize("name", ["table net", "any module"])
def test_any_objectives_rows_are_differentiated_also_those_that_draw_random_numbers(term, name):
    objective = term.make(TABLE)
    expected, gradients = both(name, objective)
    direction = {param: torch.randn_like(param) for param in expected}
    own = sum((grads * direction[param]).flatten(1).sum(1) for param, grads in expected.items())
    assert_allclose(gradients.products(direction), own, rtol=0, atol=1e-12)


def test_forward_mode_is_given_up_where_it_does_not_exist_and_only_there():
    for name, order in (("no forward mode", "second"), ("any module", "first"), ("members of any module", "first")):
        _, gradients = both(name, Objective())
        gradients.products({param: torch.randn_like(param) for param in gradients.sum(torch.ones_like(gradients.rows))})
        assert gradients.order == order, name


def test_a_counted_pass_that_came_before_leaves_the_general_way():
    module, batch = problem("table net")
    forward = Forward(module, batch.X)
    forward(batch.X)
    assert isinstance(row_gradients(Objective(), forward, batch), ModuleGradients)


def tied():
    layer = nn.Linear(4, 4)
    return nn.Sequential(layer, nn.ReLU(), layer)


def shared_weight():
    first, last = nn.Linear(4, 4), nn.Linear(4, 4)
    last.weight = first.weight
    return nn.Sequential(first, last)


def frozen():
    return nn.Sequential(nn.Linear(4, 4).requires_grad_(False), nn.Linear(4, 2))


class Twice(MLP):
    def forward(self, X):
        return 2 * super().forward(X)


@pytest.mark.parametrize(
    "make",
    [
        tied,
        shared_weight,
        frozen,
        lambda: nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)),
        lambda: Twice(4, 2),
        lambda: nn.ReLU(),
        lambda: StackedLinear(2, 3, 4),
    ],
)
def test_nothing_is_known_of_other_modules(make):
    assert row_wise_layers(make()) is None
