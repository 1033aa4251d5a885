"""Laws of committees of modules that were never written for it."""

import copy
import functools
import itertools
import math
import pickle
import warnings

import numpy as np
import pytest
import torch
from torch import nn

from sktech.modules import MLP, Dropout, Members, TableNet

K = 3
SHAPES = {"shared": (6, 5), "own": (K, 6, 5)}

pytestmark = pytest.mark.usefixtures("float64")


class Normed(nn.Module):
    """BatchNorm: buffers that training changes, one of them a whole number."""

    def __init__(self):
        super().__init__()
        self.body, self.norm, self.head = nn.Linear(5, 4), nn.BatchNorm1d(4), nn.Linear(4, 2)

    def forward(self, X):
        return self.head(self.norm(self.body(X)).relu())


class Choosing(Normed):
    """What vmap cannot run: which way to go depends on values."""

    def forward(self, X):
        return super().forward(X if self.body(X).sum() > 0 else -X)


class ChoosingLate(Normed):
    """The same after BatchNorm has seen the rows."""

    def forward(self, X):
        h = self.norm(self.body(X))
        return self.head(h.relu() if h[0, 0] > 0 else h.tanh())


class Counting(nn.Module):
    """A buffer that is replaced rather than changed in place."""

    def __init__(self):
        super().__init__()
        self.head = nn.Linear(5, 2)
        self.register_buffer("n_calls", torch.zeros(()))

    def forward(self, X):
        self.n_calls = self.n_calls + 1
        return self.head(X)


class Tied(nn.Module):
    """One parameter under two names."""

    def __init__(self):
        super().__init__()
        self.there, self.back = nn.Linear(5, 5), nn.Linear(5, 5, bias=False)
        self.back.weight = self.there.weight

    def forward(self, X):
        return self.back(self.there(X).relu())


def twice():
    """One layer in two places."""
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.ReLU(), layer)


class Recurrent(nn.Module):
    def __init__(self):
        super().__init__()
        self.body, self.head = nn.GRU(1, 4, batch_first=True), nn.Linear(4, 2)

    def forward(self, X):
        return self.head(self.body(X.unsqueeze(-1))[0][:, -1])


def perceptron():
    return MLP(5, 2, (4,))


MODULES = {
    "linear": lambda: nn.Linear(5, 2),
    "perceptron": perceptron,
    "normed": Normed,
    "choosing": Choosing,
    "choosing_late": ChoosingLate,
    "counting": Counting,
    "tied": Tied,
    "twice": twice,
    "recurrent": Recurrent,
}


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def X(request):
    return torch.randn(request.param)


def committee_and_singles(make):
    """A committee of modules, and these modules themselves."""
    singles = [make() for _ in range(K)]
    copies = iter(copy.deepcopy(singles))
    return Members(lambda: next(copies), K), singles


def rows_of(X, m):
    return X if X.ndim == 2 else X[m]


def assert_same_state(committee, singles):
    """Member m's part of the committee's state is single m's state."""
    state = {name.removeprefix("module."): value for name, value in committee.state_dict().items()}
    for m, single in enumerate(singles):
        expected = dict(single.named_parameters()) | dict(single.named_buffers())
        for name, value in expected.items():
            torch.testing.assert_close(state[name][m], value, rtol=1e-12, atol=1e-12, msg=lambda t, n=name: f"{n}: {t}")


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_each_member_does_what_it_does_alone(make, X):
    committee, singles = committee_and_singles(make)
    assert_same_state(committee, singles)
    for mode in (True, True, False):
        committee.train(mode)
        expected = torch.stack([single.train(mode)(rows_of(X, m)) for m, single in enumerate(singles)])
        torch.testing.assert_close(committee(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("make", MODULES.values(), ids=MODULES)
def test_gradients_are_the_members_own(make, X):
    committee, singles = committee_and_singles(make)
    X.requires_grad_()
    output = committee(X)
    seeds = torch.randn_like(output)
    (output * seeds).sum().backward()
    of_X, X.grad = X.grad, None
    for m, single in enumerate(singles):
        (single(rows_of(X, m)) * seeds[m]).sum().backward()
        for name, parameter in single.named_parameters():
            ours = committee.get_parameter(f"module.{name}").grad[m]
            torch.testing.assert_close(ours, parameter.grad, rtol=1e-12, atol=1e-12)
    torch.testing.assert_close(of_X, X.grad, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize(
    "make", [Normed, Choosing, ChoosingLate, Counting], ids=["normed", "choosing", "choosing_late", "counting"]
)
def test_buffers_change_as_each_members_own_would(make, X):
    committee, singles = committee_and_singles(make)
    for step in range(1, 4):
        committee(step * X)
        for m, single in enumerate(singles):
            single(step * rows_of(X, m))
        assert_same_state(committee, singles)
    before = copy.deepcopy(committee.state_dict())
    committee.eval()(X)
    if make is not Counting:
        assert all(torch.equal(value, before[name]) for name, value in committee.state_dict().items())


@pytest.mark.parametrize("make", [perceptron, Normed, Choosing], ids=["perceptron", "normed", "choosing"])
def test_a_committee_is_trained_as_its_members_are(make, X):
    committee, singles = committee_and_singles(make)
    y = torch.arange(6) % 2
    optimizers = [torch.optim.AdamW(module.parameters(), lr=0.05) for module in (committee, *singles)]
    for _ in range(5):
        losses = [nn.functional.cross_entropy(logits, y) for logits in committee(X)]
        losses += [nn.functional.cross_entropy(single(rows_of(X, m)), y) for m, single in enumerate(singles)]
        for optimizer in optimizers:
            optimizer.zero_grad()
        sum(losses).backward()
        for optimizer in optimizers:
            optimizer.step()
    for m, single in enumerate(singles):
        for name, value in single.state_dict().items():
            torch.testing.assert_close(committee.state_dict()[f"module.{name}"][m], value, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("members", [(), (K,)], ids=SHAPES)
@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic"])
def test_a_net_for_tables_is_the_same_as_a_member_and_stacked(members, embedding):
    tables = {"bin_edges": [[-1.0, 0, 1], [0.0, 1]], "n_plain": 1, "n_levels": [9], "n_classes": 2}
    tables |= {"hidden_layer_sizes": (6,), "dropout": 0.0, "numeric_embedding": embedding}
    stacked, committee = TableNet(**tables, n_members=K), Members(TableNet, K, **tables)
    for parameter in stacked.parameters():
        nn.init.normal_(parameter)
    with torch.no_grad():
        for name, parameter in committee.named_parameters():
            parameter.copy_(stacked.get_parameter(name.removeprefix("module.")))
    X = torch.cat([torch.randn(*members, 7, 3), torch.randint(10, (*members, 7, 1))], dim=-1)
    outputs = [stacked(X), committee(X)]
    torch.testing.assert_close(*outputs, rtol=1e-12, atol=1e-12)
    seeds = torch.randn_like(outputs[0])
    for output in outputs:
        (output * seeds).sum().backward()
    for name, parameter in committee.named_parameters():
        expected = stacked.get_parameter(name.removeprefix("module.")).grad
        torch.testing.assert_close(parameter.grad, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("dropout", [0.0, 0.5, "jumpout"])
@pytest.mark.parametrize("embedding", ["piecewise_linear", "periodic"])
def test_our_own_nets_give_nothing_to_warn_of(embedding, dropout):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        make = functools.partial(TableNet, [[0.0, 1.0]], 1, [9], 2, (4,), dropout, embedding)
        Members(make, K)(torch.zeros(6, 3))


@pytest.mark.parametrize("kind", [TypeError, ValueError, RuntimeError, NotImplementedError, KeyError])
def test_a_broken_module_speaks_for_itself(kind):
    class Broken(nn.Linear):
        def forward(self, X):
            raise kind("what the author wrote")

    for _ in range(2):
        with pytest.raises(kind, match="what the author wrote"):
            Members(Broken, K, in_features=5, out_features=2)(torch.zeros(6, 5))


def test_after_rows_that_do_not_fit_it_goes_on_as_before(X):
    committee, _ = committee_and_singles(perceptron)
    expected = committee(X)
    with pytest.raises(RuntimeError):
        committee(torch.zeros(6, 4))
    torch.testing.assert_close(committee(X), expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("silence", [nn.Dropout, Dropout], ids=["torchs", "ours"])
def test_members_are_silenced_apart(silence):
    n = 4000
    committee = Members(lambda: nn.Sequential(nn.Linear(1, n), silence(0.5)), K)
    keep = (committee(torch.ones(1, 1)) != 0).double()[:, 0]
    assert (keep.mean(dim=1) - 0.5).abs().max() < 5 * math.sqrt(0.25 / n)
    assert (torch.corrcoef(keep) - torch.eye(K)).abs().max() < 5 / math.sqrt(n)


def test_members_start_apart():
    committee = Members(perceptron, K)
    for parameter in committee.parameters():
        assert parameter.shape[0] == K
        assert not any(torch.equal(parameter[m], parameter[k]) for m, k in itertools.combinations(range(K), 2))


def test_arguments_are_passed_to_each_member():
    committee = Members(MLP, K, n_features_in=5, n_classes=2, hidden_layer_sizes=())
    assert {name: tuple(value.shape) for name, value in committee.named_parameters()} == {
        "module.head.weight": (K, 2, 5),
        "module.head.bias": (K, 2),
    }


def test_what_is_not_learned_stays_so():
    def make():
        module = perceptron()
        module.head.requires_grad_(False)
        return module

    committee = Members(make, K)
    learned = {name for name, value in committee.named_parameters() if value.requires_grad}
    assert learned == {"module.hidden.0.weight", "module.hidden.0.bias"}
    committee(torch.randn(6, 5)).sum().backward()
    assert committee.module.hidden[0].weight.grad.any()


def test_buffers_that_are_not_kept_are_not_kept():
    table = {"bin_edges": [], "n_plain": 0, "n_levels": [9], "n_classes": 2}
    single, committee = TableNet(**table), Members(TableNet, K, **table)
    assert {f"module.{name}" for name in single.state_dict()} == set(committee.state_dict())


@pytest.mark.parametrize(
    "through", [copy.deepcopy, lambda value: pickle.loads(pickle.dumps(value))], ids=["copy", "pickle"]
)
def test_it_survives_copying(through, X):
    committee = Members(Normed, K)
    committee(X)
    again = through(committee)
    assert torch.equal(again.eval()(X), committee.eval()(X))
    other = Members(Normed, K)
    other.load_state_dict(committee.state_dict())
    assert torch.equal(other.eval()(X), committee(X))


def test_a_member_is_a_module_of_its_own(X):
    committee = Members(Normed, K)
    committee(X)
    expected = committee.eval()(X)
    for m in range(K):
        one = committee.member(m)
        assert isinstance(one, Normed)
        own = X if X.ndim == 2 else X[m]
        torch.testing.assert_close(one.eval()(own), expected[m], rtol=1e-12, atol=1e-12)
        with torch.no_grad():
            for parameter in one.parameters():
                parameter.zero_()
    torch.testing.assert_close(committee(X), expected, rtol=0, atol=0)


def test_it_goes_to_another_type_with_all_members():
    committee, X = Members(Normed, K), torch.randn(6, 5)
    expected = committee.eval()(X)
    committee.to(torch.float32)
    assert committee(X.float()).dtype == torch.float32
    np.testing.assert_allclose(committee(X.float()).detach(), expected.detach(), atol=1e-5)


def test_one_member_is_a_committee_too(X):
    committee = Members(perceptron, 1)
    X = X if X.ndim == 2 else X[:1]
    assert committee(X).shape == (1, 6, 2)


@pytest.mark.parametrize("n_rows", [0, 1])
def test_few_rows_are_no_special_case(n_rows):
    assert Members(perceptron, K)(torch.zeros(n_rows, 5)).shape == (K, n_rows, 2)
    assert Members(perceptron, K)(torch.zeros(K, n_rows, 5)).shape == (K, n_rows, 2)
