"""The contract: two small techniques, on one net and on a leading member axis, against computations by hand."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from sklearn.datasets import make_classification
from skorch.callbacks import Callback
from skorch.helper import predefined_split
from torch import nn
from torch.func import functional_call, stack_module_state, vmap

from sktech import TensorNet
from sktech.modules import Members
from sktech.training import Batch, Forward, Objective, Reweighter, TensorBatches, WeightedRows, cross_entropy
from sktech.training.objective import backward, last_layer, module_features

N, D, K, MEMBERS = 120, 6, 3, 4


class Consistency(Objective):
    """A penalty that runs the module again: predictions should not change when the inputs are moved a little."""

    def penalty(self, forward, batch):
        moved = forward(batch.X + 0.1)
        return 0.5 * (forward(batch.X) - moved).square().mean((-2, -1))


class TrustEasyRows(Reweighter):
    """A wrapper that weighs rows: the likelier the label, the more its row counts."""

    def weights(self, forward, batch, rows):
        batch.log["mean_weight"] = torch.exp(-rows.detach()).mean()
        return torch.exp(-rows.detach())


class Halved(Objective):
    def rows(self, forward, batch):
        return 0.5 * cross_entropy(forward(batch.X), batch.y)


class Net(nn.Module):
    def __init__(self, dropout=0.0, batch_norm=False):
        super().__init__()
        layers = [nn.Linear(D, 8), nn.BatchNorm1d(8) if batch_norm else nn.Identity(), nn.Tanh(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(8, K)

    def forward(self, X):
        return self.head(self.body(X))


class Stacked(nn.Module):
    """Members as batched matrix products: weights (n_members, in, out)."""

    def __init__(self, nets):
        super().__init__()

        def stack(get):
            return nn.Parameter(torch.stack([get(net).detach().clone() for net in nets]))

        self.w1, self.b1 = stack(lambda net: net.body[0].weight.T), stack(lambda net: net.body[0].bias)
        self.w2, self.b2 = stack(lambda net: net.head.weight.T), stack(lambda net: net.head.bias)

    def forward(self, X):
        return torch.tanh(X @ self.w1 + self.b1[:, None]) @ self.w2 + self.b2[:, None]

    def member(self, i):
        return [self.w1[i].T, self.b1[i], self.w2[i].T, self.b2[i]]


class Vmapped(nn.Module):
    """Members of any module, through vmap."""

    def __init__(self, nets):
        super().__init__()
        parameters, _ = stack_module_state(nets)
        self.names = list(parameters)
        self.values = nn.ParameterList(value.detach().clone() for value in parameters.values())
        self.skeleton = [copy.deepcopy(nets[0]).to("meta")]  # in a list, so that it is no submodule

    def forward(self, X):
        def one(values, X):
            return functional_call(self.skeleton[0], dict(zip(self.names, values, strict=True)), (X,))

        return vmap(one, in_dims=(0, 0 if X.ndim == 3 else None))(list(self.values), X)

    def member(self, i):
        return [value[i] for value in self.values]


@pytest.fixture(scope="module")
def rows():
    X, y = make_classification(N, D, n_informative=4, n_classes=K, random_state=0)
    generator = torch.Generator().manual_seed(0)
    return WeightedRows(
        torch.from_numpy(X), torch.from_numpy(y), 0.5 + torch.rand(N, generator=generator, dtype=torch.float64)
    )


def nets(n, **params):
    with torch.random.fork_rng():
        torch.manual_seed(4)
        return [Net(**params).double() for _ in range(n)]


def train(module, rows, objective, sampler=None, valid=None, **params):
    net = TensorNet(
        module,
        criterion=nn.CrossEntropyLoss,
        objective=objective,
        optimizer=torch.optim.AdamW,
        lr=0.01,
        max_epochs=3,
        batch_size=32,
        iterator_train=TensorBatches,
        iterator_train__sampler=sampler,
        iterator_train__seed=0,
        train_split=None if valid is None else predefined_split(valid),
        classes=range(K),
        callbacks__valid_acc=None,
        verbose=0,
        **params,
    )
    return net.fit(rows, None)


OBJECTIVES = {
    "plain": Objective,
    "penalty": Consistency,
    "reweighter": TrustEasyRows,
    "reweighter of a penalty": lambda: TrustEasyRows(Consistency()),
    "sum": lambda: Halved() + Consistency(),
}


def loss_by_hand(name, module, X, y, weight):
    logits = module(X)
    rows = F.cross_entropy(logits, y, reduction="none")
    if name.startswith("reweighter"):
        rows = rows * torch.exp(-rows).detach()
    if name == "sum":
        rows = rows / 2
    loss = (weight * rows).sum() / len(X)
    if name in ("penalty", "reweighter of a penalty", "sum"):
        loss = loss + 0.5 * (logits - module(X + 0.1)).square().mean()
    return loss


@pytest.mark.parametrize("name", OBJECTIVES)
def test_one_net_trains_as_by_hand(rows, name):
    (start,) = nets(1)
    by_hand = copy.deepcopy(start)
    optimizer = torch.optim.AdamW(by_hand.parameters(), lr=0.01)
    batches = TensorBatches(rows, 32, seed=0)
    for _ in range(3):
        for batch in batches:
            optimizer.zero_grad()
            loss_by_hand(name, by_hand, batch.X, batch.y, batch.weight).backward()
            optimizer.step()
    net = train(start, rows, OBJECTIVES[name])
    for ours, theirs in zip(net.module_.parameters(), by_hand.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


@pytest.mark.parametrize("name", OBJECTIVES)
@pytest.mark.parametrize("stack", [Stacked, Vmapped])
@pytest.mark.parametrize("own_rows", [False, True], ids=["shared rows", "own bootstrap rows"])
def test_stacked_members_equal_separate_nets(rows, name, stack, own_rows):
    starts = nets(MEMBERS)
    drawn = torch.randint(N, (MEMBERS, N), generator=torch.Generator().manual_seed(1)) if own_rows else None

    def sampler_of(members):
        return None if drawn is None else lambda progress, generator: (drawn[members], None)

    together = train(stack(starts), rows, OBJECTIVES[name], sampler_of(slice(None)))
    for i, start in enumerate(starts):
        alone = train(start, rows, OBJECTIVES[name], sampler_of(i))
        for ours, theirs in zip(together.module_.member(i), alone.module_.parameters(), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)
    assert together.logits(rows.X).shape == (MEMBERS, N, K)


@pytest.fixture
def batch(rows):
    return Batch((rows.X, rows.y), torch.arange(N), rows.weight)


def test_the_loss_is_the_formula_and_so_is_its_gradient(batch):
    for name, make in OBJECTIVES.items():
        (module,) = nets(1)
        expected = loss_by_hand(name, module, *batch, batch.weight)
        gradients = torch.autograd.grad(expected, list(module.parameters()))
        got = backward(make(), Forward(module, batch.X), batch).mean()
        torch.testing.assert_close(got, expected.detach(), rtol=0, atol=1e-14)
        for parameter, gradient in zip(module.parameters(), gradients, strict=True):
            torch.testing.assert_close(parameter.grad, gradient, rtol=0, atol=1e-14)


def test_other_passes_replay_the_dropout_of_the_counted_one(batch):
    (module,) = nets(1, dropout=0.5)
    for order in ("counted first", "counted last"):
        forward = Forward(module, batch.X)
        first, second = (batch.X, batch.X.clone()) if order == "counted first" else (batch.X.clone(), batch.X)
        assert torch.equal(forward(first), forward(second))
    assert not torch.equal(Forward(module, batch.X)(batch.X), Forward(module, batch.X)(batch.X)), "dropout was off"


def test_only_the_counted_pass_trains_batch_norm_and_draws_random_numbers(batch):
    (module,) = nets(1, dropout=0.5, batch_norm=True)
    once = copy.deepcopy(module)
    torch.manual_seed(0)
    once(batch.X)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    forward = Forward(module, batch.X)
    for _ in range(3):
        forward(batch.X)
        forward(batch.X + 1)
        forward.features(batch.X)
        forward.at({"head.weight": torch.zeros(K, 8, dtype=torch.float64)})(batch.X)
    assert torch.equal(torch.get_rng_state(), after)
    for name, value in once.named_buffers():
        assert torch.equal(dict(module.named_buffers())[name], value), name
    assert dict(module.named_buffers())["body.1.num_batches_tracked"] == 1


@pytest.mark.parametrize("first", ["features", "logits"])
def test_the_logits_are_the_head_of_the_features(batch, first):
    (module,) = nets(1, dropout=0.5, batch_norm=True)
    forward = Forward(module, batch.X)
    if first == "logits":
        forward(batch.X)
    features = forward.features(batch.X)
    assert features.shape == (N, 8)
    torch.testing.assert_close(forward.head(features), forward(batch.X), rtol=0, atol=1e-14)
    assert module.body[1].num_batches_tracked == 1


# torch's own forward-mode rules are scripted when first used
@pytest.mark.filterwarnings("ignore:`torch.jit.script`:DeprecationWarning")
def test_other_parameters_are_a_function_that_differentiates(batch):
    (module,) = nets(1, batch_norm=True)
    forward = Forward(module, batch.X)
    params = forward.params
    direction = {name: torch.ones_like(value) for name, value in params.items()}
    moved = {name: value + 1e-6 * direction[name] for name, value in params.items()}
    elsewhere = copy.deepcopy(module)
    with torch.no_grad():
        for name, value in elsewhere.named_parameters():
            value.copy_(moved[name])
    torch.testing.assert_close(forward.at(moved)(batch.X), elsewhere(batch.X), rtol=0, atol=1e-14)
    features = forward.at(moved).features(batch.X)
    torch.testing.assert_close(forward.at(moved).head(features), elsewhere(batch.X), rtol=0, atol=1e-14)
    values, tangent = torch.func.jvp(lambda p: forward.at(p)(batch.X), (params,), (direction,))
    numeric = (forward.at(moved)(batch.X) - values) / 1e-6
    torch.testing.assert_close(tangent, numeric, rtol=1e-3, atol=1e-3)
    stacked = {name: torch.stack([params[name], moved[name]]) for name in params}
    both = vmap(lambda p: forward.at(p)(batch.X))(stacked)
    torch.testing.assert_close(both[1], forward.at(moved)(batch.X), rtol=0, atol=1e-12)


def twice():
    """One layer in two places."""
    layer = nn.Linear(5, 5)
    return nn.Sequential(layer, nn.ReLU(), layer)


def test_a_layer_that_stands_twice_is_left_as_it_was():
    module, X = twice(), torch.randn(6, 5)
    before = module[0].weight
    forward = Forward(module, X)
    values = {name: torch.randn_like(value) for name, value in module.named_parameters()}
    hidden = torch.relu(nn.functional.linear(X, values["0.weight"], values["0.bias"]))
    expected = nn.functional.linear(hidden, values["0.weight"], values["0.bias"])
    torch.testing.assert_close(forward.at(values)(X), expected)
    assert module[0].weight is before
    assert module[2].weight is before


@pytest.mark.parametrize("dropout", [0.0, 0.5])
def test_members_of_any_module_have_features_too(dropout, batch):
    """Each member's are what it would have alone; the head takes all of them."""
    with torch.random.fork_rng():
        module = Members(Net, MEMBERS, dropout=dropout, batch_norm=True).double()
    forward = Forward(module, batch.X)
    features, logits = forward.features(batch.X), forward(batch.X)
    assert features.shape == (MEMBERS, N, 8)
    torch.testing.assert_close(forward.head(features), logits, rtol=0, atol=1e-12)
    torch.testing.assert_close(forward.at({}).features(batch.X), features, rtol=0, atol=1e-12)
    moved = {name: value + 0.1 for name, value in forward.params.items()}
    elsewhere = forward.at(moved)
    torch.testing.assert_close(elsewhere.head(elsewhere.features(batch.X)), elsewhere(batch.X), rtol=0, atol=1e-12)
    assert (elsewhere(batch.X) - logits).abs().max() > 1e-2
    if not dropout:
        states = [{name: value[m] for name, value in module.module.state_dict().items()} for m in range(MEMBERS)]
        for m, own in enumerate(nets(MEMBERS, batch_norm=True)):
            own.load_state_dict(states[m])
            torch.testing.assert_close(Forward(own, batch.X).features(batch.X), features[m], rtol=0, atol=1e-12)


def test_an_objective_may_have_nothing_to_learn_from(batch):
    class Constant(Objective):
        def rows(self, forward, batch):
            return forward(batch.X).detach().square().sum(-1)

    (module,) = nets(1)
    forward = Forward(module, batch.X)
    loss = backward(Constant(), forward, Batch((batch.X, batch.y), batch.rows))
    torch.testing.assert_close(loss, forward(batch.X).detach().square().sum(-1).mean())
    assert all(parameter.grad is None for parameter in module.parameters())


def test_features_are_refused_where_something_follows_the_last_layer(batch):
    module = nn.Sequential(nn.Linear(D, K), nn.Tanh()).double()
    with pytest.raises(TypeError, match="expected Sequential to return the output of Linear"):
        Forward(module, batch.X).features(batch.X)
    with pytest.raises(TypeError, match="expected an attribute 'head' or a Linear"):
        Forward(nn.Identity(), batch.X).features(batch.X)


def test_features_of_a_pass_are_what_the_last_layer_sees_in_committees_too(batch):
    (module,) = nets(1, batch_norm=True)
    features = module_features(module.eval(), batch.X)
    torch.testing.assert_close(last_layer(module)(features), module(batch.X), rtol=0, atol=1e-14)
    committee = Members(lambda: nn.Sequential(nn.Linear(D, 8), nn.ReLU(), nn.Linear(8, K)), 3).double().eval()
    features, head = module_features(committee, batch.X), last_layer(committee)
    assert features.shape == (3, N, 8)
    torch.testing.assert_close(features @ head.weight.mT + head.bias.unsqueeze(1), committee(batch.X))
    with pytest.raises(TypeError, match="expected Sequential to return the output of Linear"):
        module_features(Members(lambda: nn.Sequential(nn.Linear(D, K), nn.Tanh()), 2).double(), batch.X)


class OutOfOrder(nn.Module):
    def __init__(self):
        super().__init__()
        self.out, self.body = nn.Linear(8, K), nn.Linear(D, 8)

    def forward(self, X):
        return self.out(self.body(X))


@pytest.mark.parametrize("make", [OutOfOrder, lambda: Members(OutOfOrder, 2)])
def test_a_last_layer_that_is_not_defined_last_is_refused_in_words(make, batch):
    module = make().double()
    with pytest.raises(
        TypeError, match=r"Linear, its head or the last one defined, called once; it was called 1 time\(s\)"
    ):
        module_features(module, batch.X)


def test_an_objective_that_never_runs_the_counted_pass_is_refused(rows):
    class Elsewhere(Objective):
        def rows(self, forward, batch):
            return cross_entropy(forward(batch.X.clone()), batch.y)

    with pytest.raises(RuntimeError, match=r"Elsewhere never called forward\(batch.X\)"):
        train(nets(1)[0], rows, Elsewhere)


def test_rows_that_are_no_rows_are_refused(rows):
    class Mean(Objective):
        def rows(self, forward, batch):
            return cross_entropy(forward(batch.X), batch.y).mean()

    with pytest.raises(ValueError, match="rows gives one value per row"):
        train(nets(1)[0], rows, Mean)


def test_a_penalty_per_row_is_refused(rows):
    class PerRow(Objective):
        def penalty(self, forward, batch):
            return forward(batch.X).square().sum(-1)

    with pytest.raises(ValueError, match="penalty is reduced over rows"):
        train(nets(1)[0], rows, PerRow)


def test_what_makes_no_objective_is_refused(rows):
    with pytest.raises(TypeError, match=r"objective makes a sktech.training.Objective.*got Linear"):
        train(nets(1)[0], rows, lambda: nn.Linear(1, 1))


def test_a_reweighter_inside_a_reweighter_is_refused():
    with pytest.raises(TypeError, match="holds a Reweighter"):
        TrustEasyRows(Halved() + TrustEasyRows())


def test_an_objective_needs_batches_that_know_their_rows(rows):
    net = TensorNet(Net, criterion=nn.CrossEntropyLoss, objective=Objective, train_split=None, verbose=0)
    with pytest.raises(TypeError, match="batches that know their rows"):
        net.fit({"X": rows.X.float().numpy()}, rows.y.numpy())


def test_the_log_stands_in_the_history_per_batch_and_as_the_mean_over_rows(rows):
    net = train(nets(1)[0], rows, TrustEasyRows)
    for epoch in net.history:
        logged = [record["mean_weight"] for record in epoch["batches"]]
        assert all(0 < value < 1 for value in logged)
        sizes = [record["train_batch_size"] for record in epoch["batches"]]
        assert epoch["mean_weight"] == pytest.approx(np.average(logged, weights=sizes))


def test_hooks_run_and_the_objective_is_dropped_after_the_fit(rows):
    made = []

    class Averaging(Objective):
        def __init__(self):
            super().__init__()
            self.register_buffer("n_steps", torch.zeros(()))
            made.append(self)

        def after_step(self, forward):
            self.n_steps += 1

        def finish(self, module):
            self.finished_with = module

    net = train(nets(1)[0], rows, lambda: Averaging() + Consistency())
    (averaging,) = made
    assert averaging.n_steps == 3 * 4
    assert averaging.finished_with is net.module_
    assert not any(isinstance(value, Objective) for value in vars(net).values())


class MeanOfSteps(Objective):
    """Judges and keeps the mean of the weights after all steps, and trains on from the last ones."""

    def __init__(self, calls):
        super().__init__()
        self.calls, self.total, self.n_steps, self.last = calls, None, 0, None

    def begin_epoch(self, module):
        self.calls.append("begin")
        if self.last is not None:
            module.load_state_dict(self.last)

    def after_step(self, forward):
        self.calls.append("step")
        state = {name: value.clone() for name, value in forward.module.state_dict().items()}
        self.total = state if self.total is None else {name: self.total[name] + value for name, value in state.items()}
        self.n_steps += 1

    def end_epoch(self, module):
        self.calls.append("end")
        self.last = {name: value.clone() for name, value in module.state_dict().items()}
        module.load_state_dict({name: value / self.n_steps for name, value in self.total.items()})


@pytest.mark.parametrize("wrap", [lambda inner: inner, TrustEasyRows, lambda inner: inner + Consistency()])
def test_a_net_is_judged_and_kept_by_what_an_objective_writes_into_it_after_each_epoch(rows, wrap):
    calls, states, losses = [], [], []
    (plain,) = nets(1)

    class Watch(Callback):
        def on_batch_end(self, net, batch=None, training=False, **kwargs):
            if training:
                states.append({name: value.clone() for name, value in net.module_.state_dict().items()})

        def on_epoch_end(self, net, **kwargs):
            losses.append(F.cross_entropy(net.module_.eval()(rows.X), rows.y, reduction="none") @ rows.weight / N)

    kept = train(copy.deepcopy(plain), rows, lambda: wrap(MeanOfSteps(calls)), valid=rows, callbacks=[Watch()])
    assert calls == ["begin", *["step"] * 4, "end"] * 3
    for name, value in kept.module_.state_dict().items():
        assert torch.allclose(value, torch.stack([state[name] for state in states]).mean(0), rtol=1e-12)
    valid = [record["valid_loss"] for record in kept.history]
    assert valid == pytest.approx([loss.item() for loss in losses], rel=1e-12)
    # The steps are those of a training that nobody averages.
    bare = train(copy.deepcopy(plain), rows, lambda: wrap(Objective()))
    for name, value in bare.module_.state_dict().items():
        assert torch.equal(value, states[-1][name])


def test_an_interrupted_epoch_ends_like_any_other(rows):
    calls = []

    class Interrupt(Callback):
        def on_batch_end(self, net, **kwargs):
            if calls.count("step") == 6:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(nets(1)[0], rows, lambda: MeanOfSteps(calls), callbacks=[Interrupt()])
    assert calls[-2:] == ["step", "end"]


def test_validation_is_the_weighted_log_loss_whatever_is_minimised(rows):
    params = {"train_split": predefined_split(rows)}
    (start,) = nets(1)
    net = TensorNet(
        start,
        criterion=nn.CrossEntropyLoss,
        objective=lambda: Halved() + Consistency(),
        max_epochs=1,
        lr=0.1,
        batch_size=32,
        classes=range(K),
        callbacks__valid_acc=None,
        verbose=0,
        **params,
    ).fit(rows, None)
    expected = F.cross_entropy(net.module_.eval()(rows.X), rows.y, reduction="none") @ rows.weight / N
    assert net.history[-1, "valid_loss"] == pytest.approx(expected.item(), rel=1e-12)


def test_a_net_of_probabilities_has_their_logarithms_as_logits(batch):
    module = nn.Sequential(nn.Linear(D, K), nn.Softmax(-1)).double()
    net = TensorNet(
        module, criterion=nn.NLLLoss, objective=Objective, train_split=None, verbose=0, max_epochs=1, lr=0.1
    )
    other = TensorNet(copy.deepcopy(module), criterion=nn.NLLLoss, train_split=None, verbose=0, max_epochs=1, lr=0.1)
    X, y = batch.X.numpy(), batch.y.numpy()
    net.fit(X, y)
    other.fit(X, y)
    for ours, theirs in zip(net.module_.parameters(), other.module_.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-12)


def test_cross_entropy_is_torchs_for_each_member():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(2, 4, 5, 3, generator=generator, dtype=torch.float64)
    target = torch.randint(3, (2, 4, 5), generator=generator)
    for i in range(2):
        for j in range(4):
            expected = F.cross_entropy(logits[i, j], target[i, j], reduction="none")
            torch.testing.assert_close(cross_entropy(logits, target)[i, j], expected, rtol=0, atol=0)
    shared = cross_entropy(logits, target[0, 0])
    torch.testing.assert_close(
        shared[1, 3], F.cross_entropy(logits[1, 3], target[0, 0], reduction="none"), rtol=0, atol=0
    )
