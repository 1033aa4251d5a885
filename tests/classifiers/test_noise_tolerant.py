"""Laws of NoiseTolerantClassifier: its teacher, its wrong labels, and the gradient through a step on them."""

import math
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom, chisquare
from sklearn.datasets import make_blobs, make_classification
from sklearn.ensemble import RandomForestClassifier
from sklearn.neighbors import NearestNeighbors
from skorch.callbacks import Callback
from torch import nn
from torch.nn.utils import parameters_to_vector

from sktech import BaggingVoteEnsemble, DistilledClassifier, NetClassifier, NoiseTolerantClassifier
from sktech.classifiers.noise_tolerant import MetaConsistency, MovingAverage, NeighbourNoise, ramp
from sktech.labels import Labels
from sktech.losses import soft_cross_entropy
from sktech.modules import MLP, Members, member_tensors
from sktech.training import Batch, Forward, Objective, SoftTargets
from sktech.training.objective import backward

N, D, K, MEMBERS = 12, 4, 3, 3
SEEDS = range(3)


class Normed(nn.Module):
    def __init__(self, n_features_in, n_classes, units=8):
        super().__init__()
        self.body, self.norm = nn.Linear(n_features_in, units, bias=False), nn.BatchNorm1d(units)
        self.drop, self.head = nn.Dropout(0.3), nn.Linear(units, n_classes)

    def forward(self, X):
        return self.head(self.drop(self.norm(self.body(X)).tanh()))


class Given:
    """Wrong labels that were drawn beforehand."""

    def __init__(self, sources):
        self.given = sources

    def sources(self, batch, members):
        assert self.given.shape[1:-1] == members
        return self.given

    loss = NeighbourNoise(1, 0.5, 1).loss


def seeded(make):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        return make()


def batch_of(seed, members=(), weighted=False):
    rng = torch.Generator().manual_seed(seed)
    X = torch.randn(*members, N, D, generator=rng, dtype=torch.float64)
    y = torch.randint(K, (*members, N), generator=rng)
    weight, copies = torch.rand(2, *members, N, generator=rng, dtype=torch.float64) + 0.1
    rows = torch.arange(N).expand(*members, N)
    return Batch((X, y), rows, weight if weighted else None, 0.5, copies if weighted else None)


def sources_of(seed, n_perturbations, members=()):
    rng = torch.Generator().manual_seed(seed)
    return torch.randint(N, (n_perturbations, *members, N), generator=rng)


def consistency(noise, module, teacher=None, **params):
    """An objective whose teacher is another module, or the module itself."""
    params = {"meta_lr": 0.3, "consistency": 1.0, "ema_decay": 0.9, "warm_up": 0.0} | params
    objective = MetaConsistency(noise, **params)
    objective.begin_epoch(module if teacher is None else teacher)
    return objective


def penalty_and_slopes(objective, module, batch):
    forward = Forward(module, batch.X)
    penalty = objective.penalty(forward, batch)
    return penalty.detach(), torch.autograd.grad(penalty.sum(), list(forward.params.values()))


def divergence(logits_p, logits_q):
    """KL of each row by another formula: the cross-entropy minus the entropy."""
    p, q = (torch.distributions.Categorical(logits=logits) for logits in (logits_p, logits_q))
    return torch.distributions.kl_divergence(p, q)


NETS = {
    "one net": lambda: MLP(D, K, (5,), 0.0),
    "a committee": lambda: MLP(D, K, (5,), 0.0, n_members=MEMBERS),
    "members of one's own": lambda: Members(Normed, MEMBERS, n_features_in=D, n_classes=K),
    "one's own": lambda: Normed(D, K),
}


def make(name):
    module = seeded(NETS[name]).double()
    members = (MEMBERS,) if name in ("a committee", "members of one's own") else ()
    return module, members


# ------------------------------------------------------------ the penalty


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("members", [(), (MEMBERS,)], ids=["one net", "a committee"])
def test_without_a_step_it_is_the_divergence_from_the_teacher(members, weighted, seed):
    own, teacher = (MLP(D, K, (5,), 0.0, n_members=MEMBERS if members else None).double() for _ in range(2))
    batch = batch_of(seed, members, weighted)
    noise = NeighbourNoise(2, 0.0, 3)
    objective = consistency(noise, own, teacher, meta_lr=0.0, consistency=0.7)
    penalty, _ = penalty_and_slopes(objective, own, batch)
    rows = divergence(teacher(batch.X), own(batch.X))
    expected = 0.7 * (rows if batch.copies is None else rows * batch.copies).mean(-1)
    assert penalty.shape == members
    assert (penalty > 1e-3).all()
    assert_allclose(penalty, expected.detach(), rtol=1e-12)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("name", NETS)
def test_without_a_step_who_agrees_with_the_teacher_has_nothing_to_learn(name, seed):
    """With dropout too, as all passes of a step share it."""
    module, members = make(name)
    objective = consistency(NeighbourNoise(2, 0.5, 3), module, meta_lr=0.0)
    penalty, slopes = penalty_and_slopes(objective, module.train(), batch_of(seed, members))
    assert penalty.abs().max() < 1e-14
    assert max(slope.abs().max() for slope in slopes) < 1e-14


@pytest.mark.parametrize("seed", SEEDS)
def test_the_slope_in_the_logits_is_the_difference_of_the_probabilities(seed):
    own, teacher = (nn.Linear(D, K).double() for _ in range(2))
    batch = batch_of(seed)
    objective = consistency(NeighbourNoise(1, 0.5, 3), own, teacher, meta_lr=0.0)
    _, (of_weight, of_bias) = penalty_and_slopes(objective, own, batch)
    gap = (own(batch.X).softmax(-1) - teacher(batch.X).softmax(-1)).detach() / N
    assert_allclose(of_bias, gap.sum(0), atol=1e-14)
    assert_allclose(of_weight, gap.T @ batch.X, atol=1e-14)


def by_hand(weight, bias, teacher, batch, sources, meta_lr):
    """The penalty of a linear net, whose step on the cross-entropy has a closed form."""
    X, n = batch.X, batch.n_rows
    own = torch.ones(n, dtype=X.dtype) if batch.weight is None else batch.weight
    proba, total = torch.softmax(X @ weight.T + bias, dim=-1), 0
    for source in sources:
        gap = own[:, None] * (proba - torch.eye(K, dtype=X.dtype)[batch.y[source]]) / n
        moved = X @ (weight - meta_lr * gap.T @ X).T + bias - meta_lr * gap.sum(0)
        rows = divergence(teacher(X).detach(), moved)
        total = total + (rows if batch.copies is None else rows * batch.copies).mean()
    return total / len(sources)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("n_perturbations", [1, 3])
def test_it_is_that_of_a_linear_net_by_hand(n_perturbations, weighted, seed):
    own, teacher = (nn.Linear(D, K).double() for _ in range(2))
    batch, sources = batch_of(seed, weighted=weighted), sources_of(seed, n_perturbations)
    penalty, slopes = penalty_and_slopes(consistency(Given(sources), own, teacher, meta_lr=2.0), own, batch)
    params = [value.detach().clone().requires_grad_() for value in own.parameters()]
    expected = by_hand(*params, teacher, batch, sources, 2.0)
    assert_allclose(penalty, expected.detach(), rtol=1e-12)
    for slope, value in zip(slopes, torch.autograd.grad(expected, params), strict=True):
        assert_allclose(slope, value, atol=1e-12)
    # Where the step is taken for a constant, the slope is another.
    step = by_hand(*params, teacher, batch, sources, 0.0)
    assert (torch.autograd.grad(step, params)[0] - slopes[0]).abs().max() > 1e-3


@pytest.mark.parametrize("name", NETS)
def test_the_slope_is_that_of_the_penalty_itself(name):
    """Differences along random directions: second derivatives and all, with dropout and BatchNorm in training mode."""
    (module, members), (teacher, _) = make(name), make(name)
    with torch.no_grad():
        for value in teacher.parameters():
            value.add_(0.3 * torch.randn_like(value))
    batch, sources = batch_of(0, members, weighted=True), sources_of(0, 2, members)
    objective = consistency(Given(sources), module, teacher, meta_lr=1.0)

    def penalty_at(step=0.0, direction=None):
        torch.manual_seed(3)
        params = list(module.parameters())
        for value, own in zip(params, direction or [], strict=False):
            value.data.add_(step * own)
        penalty, slopes = penalty_and_slopes(objective, module, batch)
        for value, own in zip(params, direction or [], strict=False):
            value.data.sub_(step * own)
        return penalty.sum(), slopes

    _, slopes = penalty_at()
    for _ in SEEDS:
        direction = [torch.randn_like(value) for value in module.parameters()]
        along = sum((slope * own).sum() for slope, own in zip(slopes, direction, strict=True))
        ahead, behind = (penalty_at(step, direction)[0] for step in (1e-5, -1e-5))
        assert abs(along) > 1e-4
        assert_allclose(along, (ahead - behind) / 2e-5, rtol=1e-6, atol=1e-8)


@pytest.mark.parametrize("seed", SEEDS)
def test_each_member_has_the_penalty_and_the_slope_that_it_has_alone(seed):
    alone, teachers = ([MLP(D, K, (5,), 0.0).double() for _ in range(MEMBERS)] for _ in range(2))
    committee, teacher = (MLP(D, K, (5,), 0.0, n_members=MEMBERS).double() for _ in range(2))
    for stack, nets in ((committee, alone), (teacher, teachers)):
        for m, own in enumerate(nets):
            for value, shared in zip(member_tensors(own), member_tensors(stack), strict=True):
                shared[m] = value.view(shared[m].shape)
    batch, sources = batch_of(seed, (MEMBERS,), weighted=True), sources_of(seed, 2, (MEMBERS,))
    penalty, slopes = penalty_and_slopes(consistency(Given(sources), committee, teacher), committee, batch)
    for m in range(MEMBERS):
        parts = [part[m] for part in (batch.rows, batch.weight, batch.copies)]
        own = Batch((batch.X[m], batch.y[m]), parts[0], parts[1], 0.5, parts[2])
        expected, own_slopes = penalty_and_slopes(
            consistency(Given(sources[:, m]), alone[m], teachers[m]), alone[m], own
        )
        assert_allclose(penalty[m], expected, rtol=1e-12)
        for slope, value in zip(slopes, own_slopes, strict=True):
            assert_allclose(slope[m].flatten(), value.flatten(), atol=1e-13)


@pytest.mark.parametrize("shared", [True, False])
def test_members_may_share_their_rows(shared):
    (module, _), (teacher, _) = make("a committee"), make("a committee")
    with torch.no_grad():
        next(teacher.parameters()).mul_(2)
    batch = batch_of(0, weighted=True)
    X, y, rows, weight, copies = batch.X, batch.y, batch.rows, batch.weight, batch.copies
    if not shared:
        X, y, rows, weight, copies = (part.expand(MEMBERS, *part.shape) for part in (X, y, rows, weight, copies))
    noise = NeighbourNoise(2, 0.5, 3)
    torch.manual_seed(0)
    penalty, _ = penalty_and_slopes(
        consistency(noise, module, teacher), module, Batch((X, y), rows, weight, 0.5, copies)
    )
    torch.manual_seed(0)
    expected, _ = penalty_and_slopes(consistency(noise, module, teacher), module, batch)
    assert penalty.shape == (MEMBERS,)
    assert_allclose(penalty, expected, rtol=1e-12)


def test_the_step_of_training_adds_it_to_the_labels_part():
    module, batch = make("one net")[0], batch_of(1, weighted=True)
    teacher = MLP(D, K, (5,), 0.0).double()
    objective = consistency(Given(sources_of(1, 2)), module, teacher)
    penalty, slopes = penalty_and_slopes(objective, module, batch)
    module.zero_grad()
    loss = backward(objective, Forward(module, batch.X), batch)
    added = [value.grad.clone() for value in module.parameters()]
    module.zero_grad()
    plain = backward(Objective(), Forward(module, batch.X), batch)
    assert_allclose(loss, plain + penalty, rtol=1e-12)
    for value, own, slope in zip(module.parameters(), added, slopes, strict=True):
        assert_allclose(own, value.grad + slope, atol=1e-14)


def test_statistics_are_trained_by_the_one_pass_that_counts():
    (module, _), (plain, _) = make("one's own"), make("one's own")
    objective, batch = consistency(NeighbourNoise(3, 0.5, 3), module), batch_of(0)
    torch.manual_seed(0)
    backward(objective, Forward(module, batch.X), batch)
    torch.manual_seed(0)
    plain(batch.X)
    for name, value in plain.named_buffers():
        assert torch.equal(dict(module.named_buffers())[name], value), name


def test_parameters_that_are_frozen_or_not_used_are_left_alone():
    module = make("one net")[0]
    module.spare = nn.Parameter(torch.ones(2, dtype=torch.float64))
    frozen = next(module.parameters()).requires_grad_(False)
    teacher = MLP(D, K, (5,), 0.0).double()
    teacher.spare = nn.Parameter(torch.zeros(2, dtype=torch.float64))
    batch = batch_of(0)
    backward(consistency(NeighbourNoise(2, 0.5, 3), module, teacher), Forward(module, batch.X), batch)
    assert frozen.grad is None
    assert module.spare.grad is None or not module.spare.grad.any()
    assert module.head.weight.grad.any()


@pytest.mark.parametrize("warm_up", [0.2, 1.0])
def test_it_sets_in_by_and_by(warm_up):
    times = np.linspace(0, 1, 201)[:-1]
    strength = np.array([ramp(time, warm_up) for time in times])
    assert not strength[times < warm_up / 4].any()
    assert ramp(warm_up / 4, warm_up) == pytest.approx(math.exp(-5), rel=1e-12)
    assert ramp((warm_up + warm_up / 4) / 2, warm_up) == pytest.approx(math.exp(-5 / 4), rel=1e-12)
    assert (np.diff(strength) >= 0).all()
    assert (strength[times >= warm_up] == 1).all()
    assert ramp(0.0, 0.0) == 1.0


# ------------------------------------------------------------ wrong labels


def nearest_by_hand(X, n_codes, k, labelled):
    """Positions of the k nearest rows with a label, (n, k), where each level of a code has a column of its own."""
    numbers, codes = X[:, : X.shape[1] - n_codes], X[:, X.shape[1] - n_codes :]
    columns = [numbers, *(codes[:, [j]] == np.unique(codes[:, j]) for j in range(n_codes))]
    table = np.column_stack(columns).astype(float)
    places = np.flatnonzero(labelled)
    found = NearestNeighbors(n_neighbors=k + 1, algorithm="brute").fit(table[places])
    nearest = places[found.kneighbors(table, return_distance=False)]
    return [[place for place in own if place != i][:k] for i, own in enumerate(nearest)]


@pytest.mark.parametrize("n_codes", [0, 2])
@pytest.mark.parametrize("members", [(), (2,)], ids=["one net", "a committee"])
@pytest.mark.parametrize("seed", SEEDS)
def test_labels_are_those_of_neighbours_and_never_of_strangers(seed, members, n_codes):
    n, k, rng = 60, 4, np.random.default_rng(seed)
    X = np.concatenate([rng.normal(size=(*members, n, 3)), rng.integers(0, 4, (*members, n, n_codes))], axis=-1)
    weight = np.where(rng.random((*members, n)) < 0.3, 0, 1.0)  # some have no label
    rows = torch.arange(n).expand(*members, n)
    batch = Batch((torch.from_numpy(X), rows), rows, torch.from_numpy(weight))
    sources = NeighbourNoise(400, 0.3, k, n_codes).sources(batch, members).numpy()
    assert sources.shape == (400, *members, n)
    for m in np.ndindex(*members):
        near = nearest_by_hand(X[m], n_codes, k, weight[m] > 0)
        for i in range(n):
            drawn = sources[(slice(None), *m, i)]
            others = drawn[drawn != i]
            assert set(others) <= set(near[i]), "a neighbour that has a label"
            # Each is as likely as another, and so is the share that was replaced: far outside is one in a million.
            for place, share in [(place, 0.3 / k) for place in near[i]]:
                assert 1e-6 < binom.cdf((drawn == place).sum(), 400, share) < 1 - 1e-6
        replaced = (sources[(slice(None), *m)] != np.arange(n)).mean()
        assert abs(replaced - 0.3) < 0.02


def test_perturbations_and_members_are_drawn_independently():
    batch = batch_of(0, (2,))
    batch[0][1] = batch.X[0]
    first, second = NeighbourNoise(2, 0.5, 5).sources(batch, (2,))
    assert not torch.equal(first, second)
    assert not torch.equal(first[0], first[1])


def test_neighbours_are_looked_for_among_at_most_128_rows():
    X = torch.arange(300.0)[:, None]
    batch = Batch((X, torch.zeros(300, dtype=torch.int64)), torch.arange(300))
    distance, nearest = NeighbourNoise(1, 1.0, 2).neighbors(batch)
    assert nearest.shape == (300, 2)
    assert nearest[1:-1][:98].sort(-1).values.tolist() == [[i - 1, i + 1] for i in range(1, 99)]
    assert set(nearest[99].tolist()) == {97, 98}, "the next hundred is another part"
    assert set(nearest[150].tolist()) == {149, 151}
    assert set(nearest[200].tolist()) == {201, 202}
    assert distance[99].sort().values.tolist() == [1.0, 4.0]
    small, large = (NeighbourNoise(1, 1.0, 200).neighbors(Batch((X[:n], X[:n]), torch.arange(n))) for n in (128, 129))
    assert small[1].shape == (128, 127)
    assert large[1].shape == (129, 63)


@pytest.mark.parametrize("seed", SEEDS)
def test_by_default_labels_are_those_of_any_row_that_has_one(seed):
    weight = (torch.rand(40, generator=torch.Generator().manual_seed(seed)) < 0.7).double()
    X = torch.randn(40, 3, dtype=torch.float64)
    batch = Batch((X, torch.zeros(40, dtype=torch.int64)), torch.arange(40), weight)
    n_neighbors = NoiseTolerantClassifier().n_neighbors
    drawn = NeighbourNoise(3000, 1.0, n_neighbors).sources(batch, ()).numpy()
    for i in range(40):
        counts = np.bincount(drawn[:, i], minlength=40)
        others = (weight.numpy() > 0) & (np.arange(40) != i)
        assert not counts[~others].any()
        assert chisquare(counts[others]).pvalue > 1e-6


@pytest.mark.parametrize(("n", "weight"), [(1, None), (3, [0.0, 0.0, 0.0]), (3, [0.0, 2.0, 0.0])])
def test_who_has_no_neighbour_keeps_its_label(n, weight):
    X = torch.randn(n, D)
    weight = None if weight is None else torch.tensor(weight)
    batch = Batch((X, torch.zeros(n, dtype=torch.int64)), torch.arange(n), weight)
    sources = NeighbourNoise(50, 1.0, 10).sources(batch, ())
    own = torch.arange(n)
    alone = [True] if n == 1 else [weight.sum() == 0 or i == 1 for i in range(n)]
    for i in range(n):
        assert set(sources[:, i].tolist()) == ({i} if alone[i] else {1})
    assert sources.shape == (50, *own.shape)


@pytest.mark.parametrize("members", [(), (MEMBERS,)], ids=["one net", "a committee"])
def test_the_labels_of_others_are_looked_up_whatever_they_are(members):
    """Certain ones, the same as probabilities, and those of a teacher at a temperature."""
    batch, source = batch_of(0, members), sources_of(0, 1, members)[0]
    log_proba = torch.randn(*members, N, K, dtype=torch.float64).log_softmax(-1)
    y = batch.y.gather(-1, source)
    expected = -log_proba.gather(-1, y.unsqueeze(-1)).squeeze(-1)
    assert_allclose(NeighbourNoise(1, 0.5, 1).loss(log_proba, batch, source), expected)
    rng = np.random.default_rng(0)
    proba, labels = rng.dirichlet(np.ones(K), N), rng.integers(0, K, N)
    certain = SoftTargets.of(Labels(np.arange(K), labels, np.eye(K)[labels]), torch.float64)
    got = NeighbourNoise(1, 0.5, 1, soft=certain).loss(log_proba, batch, source)
    assert_allclose(got, soft_cross_entropy(log_proba, torch.eye(K, dtype=torch.float64)[labels][source]))
    hot = SoftTargets.of(Labels(np.arange(K), labels, proba, 0.3, 2.0), torch.float64)
    got = NeighbourNoise(1, 0.5, 1, soft=hot).loss(log_proba, batch, source)
    for place in np.ndindex(*source.shape):
        s = source[place]
        own = hot[torch.tensor([s])].loss(log_proba[place][None], batch.y[(*place[:-1], s)][None])
        assert_allclose(got[place], own[0])


# ------------------------------------------------------------ the teacher


class Watched(NoiseTolerantClassifier):
    """Remembers the learner's weights after each step, and the objective."""

    def _make_objective(self, rows):
        objective, self.steps, self.begins, self.ends = super()._make_objective(rows), [], [], []
        hooks = {name: getattr(objective, name) for name in ("begin_epoch", "after_step", "end_epoch")}

        def begin_epoch(module):
            hooks["begin_epoch"](module)
            self.begins.append(weights(module))

        def after_step(forward):
            hooks["after_step"](forward)
            self.steps.append(weights(forward.module))

        def end_epoch(module):
            hooks["end_epoch"](module)
            self.ends.append(weights(module))

        objective.begin_epoch, objective.after_step, objective.end_epoch = begin_epoch, after_step, end_epoch
        return objective


def weights(module):
    return parameters_to_vector(module.parameters()).detach().clone()


def tensors(module):
    return torch.cat([value.flatten().double() for value in member_tensors(module)])


@pytest.fixture(scope="module")
def table():
    X, y = make_classification(
        80, D, n_informative=3, n_redundant=0, n_classes=K, n_clusters_per_class=1, random_state=0
    )
    return X, y


@pytest.fixture(scope="module")
def frame(table):
    rng, (X, y) = np.random.default_rng(0), table
    X = pd.DataFrame(X[:, :2], columns=list("ab"))
    X["colour"] = rng.choice(["red", "green", None], len(X))
    X["town"] = rng.choice([f"town {i}" for i in range(12)], len(X))
    X.loc[::7, "a"] = np.nan
    return X, np.array(["no", "yes", "maybe"], dtype=object)[y]


def learner(kind=NoiseTolerantClassifier, **params):
    small = {"n_members": 1, "max_epochs": 4, "batch_size": 16, "dtype": "float64", "random_state": 0}
    if "net" not in params:
        small["hidden_layer_sizes"] = (8,)
    return kind(**small | params)


@pytest.mark.parametrize("n_members", [1, 2])
@pytest.mark.parametrize("decay", [0.0, 0.8, 0.99])
def test_the_teacher_is_the_average_of_the_learners(decay, n_members, table):
    clf = learner(Watched, ema_decay=decay, early_stopping=False, n_members=n_members).fit(*table)
    steps = torch.stack([clf.begins[0], *clf.steps])
    kept = np.minimum(decay, [t / (t + 9) for t in range(1, len(steps))])
    shares = np.append(1, 1 - kept) * np.append(np.cumprod(kept[::-1])[::-1], 1)
    assert shares.sum() == pytest.approx(1, abs=1e-12)
    assert_allclose(weights(clf.net_.module_), torch.from_numpy(shares) @ steps, atol=1e-12)
    assert len(clf.steps) == 4 * 5
    if decay:
        assert (weights(clf.net_.module_) - clf.steps[-1]).abs().max() > 1e-3
    else:
        assert_array_equal(weights(clf.net_.module_), clf.steps[-1])


def test_the_learner_goes_on_where_it_was(table):
    clf = learner(Watched, early_stopping=False).fit(*table)
    for epoch in range(1, 4):
        assert torch.equal(clf.begins[epoch], clf.steps[5 * epoch - 1])
        assert not torch.equal(clf.begins[epoch], clf.ends[epoch - 1])


@pytest.mark.parametrize("params", [{}, {"n_members": 2}, {"net": Normed}, {"net": Normed, "n_members": 2}], ids=str)
def test_without_consistency_the_learner_trains_as_ever(params, table):
    params = {"early_stopping": False, "dtype": "float32"} | params
    clf = learner(Watched, consistency=0.0, **params).fit(*table)
    plain = learner(NetClassifier, **params).fit(*table)
    assert torch.equal(clf.steps[-1], weights(plain.net_.module_))
    assert not torch.equal(weights(clf.net_.module_), clf.steps[-1])
    assert not torch.equal(learner(Watched, **params).fit(*table).steps[-1], clf.steps[-1])


@pytest.mark.parametrize("n_members", [1, 2])
def test_early_stopping_judges_and_keeps_the_teacher(n_members, table):
    X, y = table
    y = np.where(np.random.default_rng(0).random(len(y)) < 0.4, (y + 1) % K, y)
    params = {"consistency": 0.0, "max_epochs": 16, "lr": 0.1, "lr_schedule": None, "validation_fraction": 0.3}
    clf = learner(Watched, n_members=n_members, **params).fit(X, y)
    if n_members == 1:
        best = int(np.argmin([record["valid_loss"] for record in clf.history_]))
        assert torch.equal(weights(clf.net_.module_), clf.ends[best])
        assert best < 15
    else:
        losses = np.array([record["valid_losses"] for record in clf.history_])
        best = losses.argmin(axis=0)
        assert len(set(best)) == 2
        for m, value in enumerate(member_tensors(clf.net_.module_)[0]):
            n = clf.net_.module_.numbers.weight[0].numel()
            assert_array_equal(value.flatten(), clf.ends[best[m]][m * n : (m + 1) * n])


def test_what_is_validated_is_the_teacher(table):
    """A learner at a rate of almost nothing, whose teacher is set by hand."""

    class Elsewhere(MovingAverage):
        def after_step(self, forward):
            self.average["mlp.head.bias"][0] = 7.0

    class Moved(NetClassifier):
        def _make_objective(self, rows):
            return Elsewhere(0.9)

    X, y = table
    clf = learner(Moved, lr=1e-12, max_epochs=1).fit(X, y)
    assert (clf.predict(X) == 0).all()
    assert clf.history_[0]["train_loss"] < 2 < clf.history_[0]["valid_loss"]


class Interrupt(Callback):
    def __init__(self, after):
        self.after = after

    def on_batch_end(self, net, training=False, **kwargs):
        self.after -= training
        if self.after == 0:
            raise KeyboardInterrupt


def test_an_interrupted_training_keeps_the_teacher_and_goes_on_from_it(table):
    clf = learner(Watched, early_stopping=False, warm_start=True, callbacks=[Interrupt(13)])
    with pytest.raises(KeyboardInterrupt):
        clf.fit(*table)
    assert len(clf.steps) == 13
    teacher = weights(clf.net_.module_)
    assert torch.equal(teacher, clf.ends[-1])
    assert not torch.equal(teacher, clf.steps[-1])
    clf.set_params(callbacks=None).fit(*table)
    assert torch.equal(clf.begins[0], teacher)
    before = weights(clf.net_.module_)
    clf.partial_fit(*table)
    assert torch.equal(clf.begins[0], before)


@pytest.mark.parametrize("n_members", [1, 2])
def test_statistics_of_batches_are_averaged_too(n_members):
    module = Normed(D, K) if n_members == 1 else Members(Normed, n_members, n_features_in=D, n_classes=K)
    average = MovingAverage(0.9)
    average.begin_epoch(module)
    mean = dict(module.named_buffers())
    name = next(name for name in mean if name.endswith("running_mean"))
    count = next(name for name in mean if name.endswith("num_batches_tracked"))
    expected = mean[name].clone()
    for t in range(1, 30):
        module(torch.randn(9, D))
        kept = min(0.9, t / (t + 9))
        expected = kept * expected + (1 - kept) * dict(module.named_buffers())[name]
        average.after_step(SimpleNamespace(module=module))
    own = dict(module.named_buffers())[name].clone()
    average.end_epoch(module)
    assert_allclose(dict(module.named_buffers())[name], expected, atol=1e-6)
    assert (dict(module.named_buffers())[count] == 29).all()
    average.begin_epoch(module)
    assert torch.equal(dict(module.named_buffers())[name], own)


def test_tied_parameters_stay_tied(table):
    class Tied(nn.Module):
        def __init__(self, n_features_in, n_classes):
            super().__init__()
            self.one, self.two = nn.Linear(n_features_in, n_features_in), nn.Linear(n_features_in, n_features_in)
            self.two.weight, self.head = self.one.weight, nn.Linear(n_features_in, n_classes)

        def forward(self, X):
            return self.head(self.two(self.one(X).tanh()).tanh())

    clf = learner(Watched, net=Tied, early_stopping=False).fit(*table)
    assert clf.net_.module_.one.weight is clf.net_.module_.two.weight
    assert torch.equal(weights(clf.net_.module_), clf.ends[-1])


# ------------------------------------------------------------ side by side is one by one

STACKED = {
    "plain": {"early_stopping": False},
    "early stopping": {"max_epochs": 12, "lr": 0.05, "patience": 2},
    "dropout": {"dropout": 0.5},
    "committees": {"n_members": 2, "max_epochs": 8, "lr": 0.05, "patience": 2},
    "balanced": {"class_weight": "balanced", "n_perturbations": 3},
    "BatchNorm": {"net": Normed},
    "committees of one's own": {"net": Normed, "n_members": 2},
}


@pytest.mark.parametrize("soft", [False, True], ids=["labels", "probabilities"])
@pytest.mark.parametrize("params", STACKED.values(), ids=STACKED)
def test_nets_that_train_side_by_side_are_as_if_alone(params, soft, frame):
    X, y = frame
    if soft:
        y = np.random.default_rng(0).dirichlet(np.ones(K), len(X))
    fits = [
        BaggingVoteEnsemble(learner(meta_lr=1.0, **params), 3, stacked=stacked, random_state=0).fit(X, y)
        for stacked in (True, False)
    ]
    for own, alone in zip(*(fit.estimators_ for fit in fits), strict=True):
        assert_allclose(tensors(own.net_.module_), tensors(alone.net_.module_), rtol=1e-11, atol=1e-11)
        assert own.n_iter_ == alone.n_iter_
    proba = [own.predict_proba(X) for own in fits[0].estimators_]
    assert np.abs(proba[0] - proba[1]).max() > 1e-3


# ------------------------------------------------------------ all sorts of data


@pytest.mark.parametrize("params", [{}, {"n_members": 3}, {"net": Normed, "n_members": 2}], ids=str)
def test_a_frame_with_weights_is_its_copies(params, frame):
    X, y = frame
    weight = np.random.default_rng(0).integers(0, 3, len(X))
    rows = np.repeat(np.arange(len(X)), weight)
    one = learner(**params).fit(X, y, sample_weight=weight)
    other = learner(**params).fit(X.iloc[rows], y[rows])
    assert_array_equal(one.predict_proba(X), other.predict_proba(X))


def test_a_student_of_a_forest_may_be_one(frame):
    X, y = frame
    forest = RandomForestClassifier(5, random_state=0)
    student = learner(n_members=2)
    X = X[["a", "b"]].fillna(0)
    clf = DistilledClassifier(forest, student, temperature=2.0, hard_weight=0.3, random_state=0)
    proba = clf.fit(X, y, X_unlabeled=X + 0.1).predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)


@pytest.mark.parametrize("batch_size", [-1, 1, 2, "auto"])
def test_any_batch_will_do(batch_size, table):
    clf = learner(batch_size=batch_size, max_epochs=2, n_members=2).fit(*table)
    assert np.isfinite(clf.predict_proba(table[0])).all()


def test_one_class_of_weight_is_all_there_is_to_say(table):
    X, y = table
    clf = learner(max_epochs=2).fit(X, y, sample_weight=(y == 1).astype(float))
    assert (clf.predict(X) == 1).all()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"n_perturbations": 0}, "n_perturbations: expected"),
        ({"n_perturbations": 1.5}, "n_perturbations: expected"),
        ({"perturbed_fraction": 1.1}, "perturbed_fraction: expected"),
        ({"n_neighbors": 0}, "n_neighbors: expected"),
        ({"meta_lr": -1.0}, "meta_lr: expected"),
        ({"consistency": np.inf}, "consistency: expected"),
        ({"ema_decay": 1.0}, "ema_decay: expected"),
        ({"warm_up": "long"}, "warm_up: expected"),
    ],
)
def test_what_makes_no_sense_is_refused(params, message, table):
    with pytest.raises((ValueError, TypeError), match=message):
        learner(**params).fit(*table)


# ------------------------------------------------------------ what it is for


def test_wrong_labels_are_learned_less():
    """Two labels in five are wrong; over several seeds nets that learn long by heart fewer of them."""
    gains = []
    for seed in range(5):
        X, y = make_blobs(700, 8, centers=4, cluster_std=5.0, random_state=seed)
        rng = np.random.default_rng(seed)
        wrong = np.where(rng.random(len(y)) < 0.4, (y + rng.integers(1, 4, len(y))) % 4, y)
        params = {"early_stopping": False, "lr_schedule": None, "max_epochs": 30, "batch_size": 32}
        params |= {"dtype": "float32", "random_state": seed, "hidden_layer_sizes": (64,)}
        fits = [learner(kind, **params).fit(X[:200], wrong[:200]) for kind in (NoiseTolerantClassifier, NetClassifier)]
        gains.append(fits[0].score(X[200:], y[200:]) - fits[1].score(X[200:], y[200:]))
    assert np.mean(gains) > 0.02
