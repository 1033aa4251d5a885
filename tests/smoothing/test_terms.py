"""Laws of the smoothing terms: their losses and gradients against torch's, closed forms, and each other."""

import copy
import itertools
import math

import numpy as np
import pytest
import scipy.stats
import torch
import torch.nn.functional as F
from sklearn.base import clone
from torch import nn

from sktech.labels import UNLABELED, Labels
from sktech.modules import Members
from sktech.smoothing import (
    Bootstrapping,
    ConfidencePenalty,
    DisturbLabel,
    LabelSmoothing,
    SmoothingTerm,
    TrainingTable,
    VirtualAdversarial,
)
from sktech.training import Batch, Forward, Objective, SoftTargets
from sktech.training.objective import backward

N, D, K, MEMBERS = 12, 5, 3, 4


class Plain(Objective):
    """What a term stands beside."""

    def rows(self, forward, batch):
        return forward.label_loss(batch)


class Net(nn.Module):
    def __init__(self, dropout=0.0, batch_norm=False, n_classes=K):
        super().__init__()
        layers = [nn.Linear(D, 8), nn.BatchNorm1d(8) if batch_norm else nn.Identity(), nn.Tanh(), nn.Dropout(dropout)]
        self.body = nn.Sequential(*layers)
        self.head = nn.Linear(8, n_classes)

    def forward(self, X):
        return self.head(self.body(X))


class Free(nn.Module):
    """Logits that are parameters, so that their gradients are those of the loss."""

    def __init__(self, logits):
        super().__init__()
        self.logits = nn.Parameter(logits.clone())

    def forward(self, X):
        return self.logits + 0 * X.sum()


class Recorded(nn.Module):
    """A module that keeps the inputs of all its passes."""

    def __init__(self, module):
        super().__init__()
        self.module, self.seen = module, []

    def forward(self, X):
        self.seen.append(X.detach().clone())
        return self.module(X)


RANDN = torch.randn  # a test replaces it


def random(*shape, seed=0, scale=1.0):
    return scale * RANDN(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def net(seed=4, **params):
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        module = Net(**params).double()
    with torch.no_grad():
        module.head.weight *= 4  # rows of which it is sure, and others
    return module


def onehot(y, n_classes=K):
    return F.one_hot(y, n_classes).double()


def some_batch(*members, n_classes=K, **params):
    y = torch.from_numpy(np.random.default_rng(1).integers(0, n_classes, (*members, N)))
    return Batch((random(*members, N, D, seed=2), y), torch.arange(N).expand(*members, N), **params)


@pytest.fixture
def batch():
    return some_batch()


def table(n_classes=K, *, n_codes=0, shares=None, trained=None):
    shares = np.full(n_classes, 1 / n_classes) if shares is None else np.array(shares)
    return TrainingTable(shares, np.arange(n_classes) if trained is None else np.array(trained), n_codes)


def objective(*terms, **about):
    return sum((term.make(table(**about)) for term in terms), Plain())


def step(objective, module, batch):
    """The loss of one step and its gradients, of a module that is left as it was."""
    module = copy.deepcopy(module)
    loss = backward(objective, Forward(module, batch.X), batch).mean()
    return loss, [parameter.grad for parameter in module.parameters()]


def assert_same_step(one, other, atol=1e-13):
    torch.testing.assert_close(one[0], other[0], rtol=0, atol=atol)
    for ours, theirs in zip(one[1], other[1], strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=atol)


def by_hand(loss, module, batch):
    """The loss of the module's logits, and its gradients."""
    module = copy.deepcopy(module)
    value = loss(module(batch.X))
    return value.detach(), torch.autograd.grad(value, list(module.parameters()))


def penalty_of(term, module, batch, **about):
    return term.make(table(**about)).penalty(Forward(module, batch.X), batch)


def entropy_of(logits):
    return torch.distributions.Categorical(logits=logits).entropy()


@pytest.fixture
def draws(monkeypatch):
    """Random numbers that depend on their shape alone, and on the member of a committee that they are for."""

    class Draws:
        member = 0

        def normal(self, *shape):
            if shape[:2] == (MEMBERS, N):
                return torch.stack([random(*shape[1:], seed=m) for m in range(MEMBERS)])
            return random(*shape, seed=self.member)

        def uniform(self, *shape):
            return torch.special.ndtr(self.normal(*shape))

    draws = Draws()
    monkeypatch.setattr(torch, "rand", lambda shape, **_: draws.uniform(*shape))
    monkeypatch.setattr(torch, "randint", lambda n, shape, **_: (100 * draws.uniform(*shape)).long() % n)
    monkeypatch.setattr(torch, "randn", lambda shape, dtype=None, **_: draws.normal(*shape).to(dtype))
    return draws


TERMS = {
    "label smoothing": LabelSmoothing(0.3),
    "another prior": LabelSmoothing(0.3, prior=[1, 2, 5]),
    "confidence penalty": ConfidencePenalty(0.7),
    "threshold": ConfidencePenalty(0.7, threshold=0.9),
    "bootstrapping": Bootstrapping(0.6),
    "hard bootstrapping": Bootstrapping(0.6, hard=True),
    "disturb label": DisturbLabel(0.4),
    "virtual adversarial": VirtualAdversarial(0.5, strength=2.0),
}


@pytest.fixture(params=TERMS.values(), ids=TERMS)
def term(request):
    return request.param


# ------------------------------------------------------------ what all terms have in common


def soft_labels(kind):
    rng = np.random.default_rng(3)
    codes, proba = rng.integers(0, K, N), rng.dirichlet(np.ones(K), N)
    if kind == "probabilities":
        return Labels(np.arange(K), codes, proba)
    codes[::3] = UNLABELED
    return Labels(np.arange(K), codes, proba, rng.random(N), rng.choice([1.0, 3.0], N))


def soft_batch(kind):
    X, y = some_batch()
    return Batch((X, y), torch.arange(N), soft=SoftTargets.of(soft_labels(kind), torch.float64))


BATCHES = {
    "labels": lambda: some_batch(),
    "weights": lambda: some_batch(weight=random(N, seed=7).abs(), copies=random(N, seed=8).abs()),
    "probabilities": lambda: soft_batch("probabilities"),
    "temperatures": lambda: soft_batch("temperatures"),
}


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(TERMS, 2)))
def test_terms_add_up_in_any_order(one, other, kind, draws):
    batch, module = BATCHES[kind](), net()
    one, other = TERMS[one], TERMS[other]
    both = step(objective(one, other), module, batch)
    assert_same_step(both, step(objective(other, one), module, batch))
    plain, first, second = (step(objective(*terms), module, batch) for terms in ([], [one], [other]))
    torch.testing.assert_close(both[0], first[0] + second[0] - plain[0], rtol=0, atol=1e-13)
    for total, *parts in zip(both[1], first[1], second[1], plain[1], strict=True):
        torch.testing.assert_close(total, parts[0] + parts[1] - parts[2], rtol=0, atol=1e-13)


def test_each_term_changes_the_step(term, batch, draws):
    plain, with_term = step(objective(), net(), batch), step(objective(term), net(), batch)
    assert abs(plain[0] - with_term[0]) > 1e-3
    assert max((a - b).abs().max() for a, b in zip(plain[1], with_term[1], strict=True)) > 1e-3


def test_certain_probabilities_are_labels(term, batch, draws):
    labels = Labels(np.arange(K), batch.y.numpy(), np.eye(K)[batch.y])
    soft = Batch((batch.X, torch.zeros_like(batch.y)), batch.rows, soft=SoftTargets.of(labels, torch.float64))
    assert_same_step(step(objective(term), net(), soft), step(objective(term), net(), batch), atol=0)


def of_rows(batch, order, soft):
    """A batch of the same rows in another order, or in one for each member."""
    pick = [None if part is None else part[order] for part in (*batch, batch.rows, batch.weight, batch.copies)]
    return Batch(pick[:2], pick[2], pick[3], copies=pick[4], soft=soft)


@pytest.mark.parametrize("kind", BATCHES)
@pytest.mark.parametrize("own_rows", [False, True], ids=["shared rows", "own rows"])
def test_a_committee_equals_its_members_one_by_one(term, kind, own_rows, draws):
    batch, alone = BATCHES[kind](), [net(seed=m) for m in range(MEMBERS)]
    soft = SoftTargets.of(soft_labels(kind), torch.float64) if kind in ("probabilities", "temperatures") else None
    orders = torch.arange(N).expand(MEMBERS, N)
    if own_rows:
        orders = torch.stack([torch.randperm(N, generator=torch.Generator().manual_seed(m)) for m in range(MEMBERS)])
    makes = iter(copy.deepcopy(alone))
    committee = Members(lambda: next(makes), MEMBERS)
    loss, gradients = step(objective(term), committee, of_rows(batch, orders, soft) if own_rows else batch)
    losses = []
    for draws.member, (module, order) in enumerate(zip(alone, orders, strict=True)):
        own_loss, own_gradients = step(objective(term), module, of_rows(batch, order, soft))
        losses.append(own_loss)
        for together, gradient in zip(gradients, own_gradients, strict=True):
            torch.testing.assert_close(together[draws.member], gradient, rtol=0, atol=1e-12)
    torch.testing.assert_close(loss, torch.stack(losses).mean(), rtol=0, atol=1e-12)


@pytest.mark.parametrize("members", [(), (MEMBERS,)], ids=str)
def test_each_term_works_in_float32(term, members, batch, draws):
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = Members(Net, MEMBERS).double() if members else Net().double()
    exact = step(objective(term), module, batch)
    rounded = step(objective(term), copy.deepcopy(module).float(), Batch((batch.X.float(), batch.y), batch.rows))
    for ours, theirs in zip([rounded[0], *rounded[1]], [exact[0], *exact[1]], strict=True):
        assert ours.dtype == torch.float32
        # the direction of an adversarial step is a quotient of small numbers
        torch.testing.assert_close(ours.double(), theirs, rtol=0, atol=1e-3)


@pytest.mark.parametrize("batch_norm", [False, True])
def test_only_the_plain_pass_counts(term, batch_norm, batch):
    """BatchNorm sees one pass, and where a term draws random numbers itself, they come after those of that pass."""
    module = net(dropout=0.5, batch_norm=batch_norm)
    once = copy.deepcopy(module)
    torch.manual_seed(0)
    once(batch.X)
    if isinstance(term, DisturbLabel):
        torch.randint(K, (N,)), torch.rand(N)
    elif isinstance(term, VirtualAdversarial):
        torch.randn_like(batch.X)
    after = torch.get_rng_state()
    torch.manual_seed(0)
    backward(objective(term), Forward(module, batch.X), batch)
    assert torch.equal(torch.get_rng_state(), after)
    for (name, value), expected in zip(module.named_buffers(), once.buffers(), strict=True):
        assert torch.equal(value, expected), name


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ("disturb label", "virtual adversarial")])
def test_a_weight_of_copies_is_so_many_rows(name):
    """Of what draws no random numbers, which copies would draw for themselves."""
    term, shared = TERMS[name], some_batch()
    copies = torch.arange(N) % 3
    rows = torch.arange(N).repeat_interleave(copies)
    scaled = copies.double() / copies.double().mean()
    weighted = Batch((shared.X, shared.y), shared.rows, scaled, copies=scaled)
    repeated = Batch((shared.X[rows], shared.y[rows]), rows)
    assert_same_step(step(objective(term), net(), weighted), step(objective(term), net(), repeated))


@pytest.mark.parametrize("kind", [LabelSmoothing, ConfidencePenalty, Bootstrapping, DisturbLabel, VirtualAdversarial])
def test_parameters_are_got_set_and_cloned(kind):
    term = kind()
    for name, value in term.get_params().items():
        assert getattr(clone(term.set_params(**{name: value})), name) == value
    first = next(iter(term.get_params()))
    assert clone(kind().set_params(**{first: 0.25})).get_params()[first] == 0.25
    kind().check()


REFUSED = [
    (LabelSmoothing(-0.1), "amount: expected"),
    (LabelSmoothing(1), "amount: expected"),
    (LabelSmoothing("much"), "amount: expected"),
    (LabelSmoothing(prior="normal"), "prior: expected 'uniform', 'unigram' or numbers, got 'normal'"),
    (LabelSmoothing(prior=None), "prior: expected"),
    (LabelSmoothing(prior=[0, 0]), "prior: expected"),
    (LabelSmoothing(prior=[1, -1]), "prior: expected"),
    (LabelSmoothing(prior=[1, np.nan]), "prior: expected"),
    (LabelSmoothing(prior=[1, np.inf]), "prior: expected"),
    (LabelSmoothing(prior=[[1, 1]]), "prior: expected"),
    (LabelSmoothing(prior=["a", "b"]), "prior: expected"),
    (ConfidencePenalty(-1), "strength: expected"),
    (ConfidencePenalty(math.inf), "strength: expected"),
    (ConfidencePenalty(threshold=-1), "threshold: expected"),
    (ConfidencePenalty(threshold="high"), "threshold: expected"),
    (ConfidencePenalty(anneal="slow"), "anneal: expected one of None, 'linear', 'cosine', got 'slow'"),
    (Bootstrapping(0), "beta: expected"),
    (Bootstrapping(1.1), "beta: expected"),
    (Bootstrapping(hard="yes"), "hard: expected one of True, False, got 'yes'"),
    (DisturbLabel(1.0), "rate: expected"),
    (DisturbLabel(-0.1), "rate: expected"),
    (DisturbLabel(None), "rate: expected"),
    (VirtualAdversarial(0), "radius: expected"),
    (VirtualAdversarial(strength=-1), "strength: expected"),
    (VirtualAdversarial(n_power_iterations=0), "n_power_iterations: expected"),
    (VirtualAdversarial(n_power_iterations=1.5), "n_power_iterations: expected"),
]


@pytest.mark.parametrize(("wrong", "message"), REFUSED, ids=str)
def test_parameters_that_make_no_sense_are_refused_by_name(wrong, message):
    with pytest.raises((ValueError, TypeError), match=message) as refused:
        wrong.check()
    assert "got" in str(refused.value)


def test_a_term_that_adds_nothing_says_what_it_lacks():
    class Empty(SmoothingTerm):
        pass

    with pytest.raises(TypeError, match=r"Empty does not say what it adds to the loss: define make\(table\)"):
        Empty().make(table())
    assert not Empty.uses_unlabeled


# ------------------------------------------------------------ label smoothing


@pytest.mark.parametrize("amount", [0.0, 0.1, 0.5, 0.99])
@pytest.mark.parametrize("n_classes", [2, 3, 5])
def test_label_smoothing_is_torchs(amount, n_classes):
    batch, module = some_batch(n_classes=n_classes), net(n_classes=n_classes)
    ours = step(objective(LabelSmoothing(amount), n_classes=n_classes), module, batch)
    theirs = by_hand(lambda z: F.cross_entropy(z, batch.y, label_smoothing=amount), module, batch)
    assert_same_step(ours, theirs, atol=1e-14)


@pytest.mark.parametrize("prior", ["uniform", "unigram", [3, 1, 0], np.array([0.2, 0.2, 0.4])], ids=str)
def test_label_smoothing_is_the_divergence_from_the_prior(prior, batch):
    amount, shares = 0.3, [0.5, 0.3, 0.2]
    u = {"uniform": np.full(K, 1 / K), "unigram": np.array(shares)}.get(str(prior))
    u = torch.from_numpy(np.array(prior) / np.sum(prior) if u is None else u)

    def by_divergence(logits):
        divergence = torch.special.xlogy(u, u).sum() - (u * logits.log_softmax(-1)).sum(-1).mean()  # KL(u || p)
        entropy = -torch.special.xlogy(u, u).sum()
        return (1 - amount) * F.cross_entropy(logits, batch.y) + amount * (divergence + entropy)

    def by_mixture(logits):
        return F.cross_entropy(logits, (1 - amount) * onehot(batch.y) + amount * u)

    ours = step(objective(LabelSmoothing(amount, prior), shares=shares), net(), batch)
    assert_same_step(ours, by_hand(by_divergence, net(), batch))
    assert_same_step(ours, by_hand(by_mixture, net(), batch))


def test_label_smoothing_mixes_probabilities_too():
    batch, labels = soft_batch("probabilities"), soft_labels("probabilities")
    target = torch.from_numpy(0.8 * labels.proba + 0.2 / K)
    ours = step(objective(LabelSmoothing(0.2)), net(), batch)
    assert_same_step(ours, by_hand(lambda z: F.cross_entropy(z, target), net(), batch))


@pytest.mark.parametrize("amount", [0.05, 0.3])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_smoothed_optimum_of_a_single_row_has_a_finite_gap(amount, n_classes):
    gap = math.log((1 - amount + amount / n_classes) / (amount / n_classes))
    batch = Batch((torch.zeros(1, D), torch.tensor([1])), torch.arange(1))
    slopes = []
    for distance in (gap, gap - 1, gap + 1):
        logits = distance * onehot(batch.y, n_classes)
        _, (slope,) = step(objective(LabelSmoothing(amount), n_classes=n_classes), Free(logits), batch)
        slopes.append(slope)
    torch.testing.assert_close(slopes[0], torch.zeros_like(slopes[0]), rtol=0, atol=1e-15)
    assert slopes[1][0, 1] < -1e-3  # up to the gap the label's logit grows,
    assert slopes[2][0, 1] > 1e-3  # and beyond it falls


@pytest.mark.parametrize("prior", ["uniform", "unigram", [1, 7, 3]], ids=str)
def test_a_class_that_the_net_does_not_know_takes_no_part_in_the_prior(prior):
    batch = some_batch(n_classes=2)
    shares, trained = [0.25, 0, 0.75], [0, 2]
    u = {"uniform": [0.5, 0.5], "unigram": [0.25, 0.75]}.get(str(prior), [0.25, 0.75])
    smoothed = objective(LabelSmoothing(0.2, prior), shares=shares, trained=trained)
    target = 0.8 * onehot(batch.y, 2) + 0.2 * torch.tensor(u, dtype=torch.float64)
    expected = by_hand(lambda z: F.cross_entropy(z, target), net(n_classes=2), batch)
    assert_same_step(step(smoothed, net(n_classes=2), batch), expected)


def test_a_prior_that_does_not_fit_the_classes_is_refused():
    with pytest.raises(ValueError, match="prior: expected one number for each of 3 classes, got 2"):
        LabelSmoothing(prior=[1, 1]).make(table())
    with pytest.raises(ValueError, match="prior: expected a positive number for a class whose rows have weight"):
        LabelSmoothing(prior=[0, 1, 0]).make(table(trained=[0, 2]))


# ------------------------------------------------------------ confidence penalty


def test_the_confidence_penalty_is_the_divergence_to_even_odds(batch):
    with torch.no_grad():
        log_p = net()(batch.X).log_softmax(-1)
    divergence = scipy.stats.entropy(log_p.exp(), np.full((N, K), 1 / K), axis=-1)
    expected = 0.7 * (divergence - math.log(K)).mean()
    penalty = penalty_of(ConfidencePenalty(0.7), net(), batch).detach()
    torch.testing.assert_close(penalty, torch.tensor(expected), rtol=0, atol=1e-14)
    ours = step(objective(ConfidencePenalty(0.7)), net(), batch)
    theirs = by_hand(lambda z: F.cross_entropy(z, batch.y) - 0.7 * entropy_of(z).mean(), net(), batch)
    assert_same_step(ours, theirs)


def test_the_gradient_of_the_confidence_penalty(batch):
    logits = random(N, K, scale=2)
    _, (slope,) = step(objective(ConfidencePenalty(0.7)), Free(logits), batch)
    log_p = logits.log_softmax(-1)
    falls = -log_p.exp() * (log_p + entropy_of(logits)[:, None])  # dH / dz
    expected = (log_p.exp() - onehot(batch.y) - 0.7 * falls) / N
    torch.testing.assert_close(slope, expected, rtol=0, atol=1e-15)


def test_a_threshold_leaves_alone_what_is_uncertain_enough():
    logits, batch = random(N, K, scale=2), some_batch()
    entropies = entropy_of(logits)
    threshold = entropies.median().item() + 1e-3
    term = ConfidencePenalty(0.7, threshold=threshold)
    above = entropies > threshold
    assert 0 < above.sum() < N
    penalty = penalty_of(term, Free(logits), batch)
    expected = 0.7 * (threshold - entropies).clamp(min=0).mean()
    torch.testing.assert_close(penalty, expected, rtol=1e-14, atol=0)
    (with_term,), (without,), (plain,) = (
        step(objective(*terms), Free(logits), batch)[1] for terms in ([term], [], [ConfidencePenalty(0.7)])
    )
    assert torch.equal(with_term[above], without[above])
    torch.testing.assert_close(with_term[~above], plain[~above], rtol=0, atol=1e-15)
    assert (with_term - without)[~above].abs().max() > 1e-3


def test_a_threshold_above_all_entropies_is_a_constant_more(batch):
    high = math.log(K) + 0.5
    with_threshold = step(objective(ConfidencePenalty(0.7, threshold=high)), net(), batch)
    loss, gradients = step(objective(ConfidencePenalty(0.7)), net(), batch)
    assert_same_step(with_threshold, (loss + 0.7 * high, gradients))


@pytest.mark.parametrize(
    ("anneal", "factors"),
    [
        (None, [1, 1, 1]),
        ("linear", [0, 0.5, 1]),
        ("cosine", [0, 0.5, 1]),
        (lambda progress: 3 + progress**2, [3, 3.25, 4]),
    ],
    ids=["None", "linear", "cosine", "callable"],
)
def test_the_strength_follows_the_progress(anneal, factors):
    penalties = [
        penalty_of(ConfidencePenalty(0.7, anneal=anneal), net(), some_batch(progress=progress))
        for progress in (0.0, 0.5, 1 - 1e-9)
    ]
    full = penalty_of(ConfidencePenalty(0.7), net(), some_batch())
    for penalty, factor in zip(penalties, factors, strict=True):
        torch.testing.assert_close(penalty, factor * full, rtol=0, atol=1e-8)


@pytest.mark.parametrize("anneal", ["linear", "cosine"])
def test_schedules_rise_and_are_odd_about_the_middle(anneal):
    steps = np.linspace(0, 1, 21)[:-1]
    full = penalty_of(ConfidencePenalty(0.7), net(), some_batch()).item()
    term = ConfidencePenalty(0.7, anneal=anneal)
    factors = np.array([penalty_of(term, net(), some_batch(progress=p)).item() / full for p in steps])
    assert (np.diff(factors) > 0).all()
    np.testing.assert_allclose(factors[1:] + factors[1:][::-1], 1, rtol=1e-12)


@pytest.mark.parametrize("threshold", [None, 0.9])
def test_weights_of_labels_leave_the_penalty_alone_and_copies_count(threshold):
    term = ConfidencePenalty(0.7, threshold)
    plain = penalty_of(term, net(), some_batch())
    assert torch.equal(penalty_of(term, net(), some_batch(weight=random(N, seed=7).abs())), plain)
    copies = torch.arange(N).double() % 3
    shared = some_batch(copies=copies / copies.mean())
    rows = torch.arange(N).repeat_interleave(copies.long())
    repeated = Batch((shared.X[rows], shared.y[rows]), rows)
    one, other = penalty_of(term, net(), shared), penalty_of(term, net(), repeated)
    torch.testing.assert_close(one, other, rtol=0, atol=1e-15)
    assert abs(one - plain) > 1e-4


# ------------------------------------------------------------ bootstrapping


@pytest.mark.parametrize("beta", [0.3, 0.95, 1.0])
def test_soft_bootstrapping_is_a_mixture_of_cross_entropy_and_entropy(beta, batch):
    ours = step(objective(Bootstrapping(beta)), net(), batch)
    theirs = by_hand(lambda z: beta * F.cross_entropy(z, batch.y) + (1 - beta) * entropy_of(z).mean(), net(), batch)
    assert_same_step(ours, theirs)


class Detached(Objective):
    """Soft bootstrapping whose target is held constant."""

    def rows(self, forward, batch):
        log_p = forward.log_proba(batch.X)
        target = 0.8 * onehot(batch.y) + 0.2 * log_p.exp().detach()
        return -(target * log_p).sum(-1)


def test_a_prediction_held_constant_would_only_shrink_the_gradient(batch):
    plain, detached = step(Plain(), net(), batch), step(Detached(), net(), batch)
    ours = step(objective(Bootstrapping(0.8)), net(), batch)
    torch.testing.assert_close(ours[0], detached[0], rtol=0, atol=1e-14)  # the same loss, but another gradient
    for gradient, nothing_gained, real in zip(plain[1], detached[1], ours[1], strict=True):
        torch.testing.assert_close(nothing_gained, 0.8 * gradient, rtol=0, atol=1e-14)
        assert (real - nothing_gained).abs().max() > 1e-4


@pytest.mark.parametrize("beta", [0.3, 0.8])
def test_hard_bootstrapping_believes_the_predicted_class_a_little(beta, batch):
    logits = random(N, K, scale=2)
    target = beta * onehot(batch.y) + (1 - beta) * onehot(logits.argmax(-1))
    loss, (slope,) = step(objective(Bootstrapping(beta, hard=True)), Free(logits), batch)
    torch.testing.assert_close(loss, F.cross_entropy(logits, target), rtol=0, atol=1e-14)
    torch.testing.assert_close(slope, (logits.softmax(-1) - target) / N, rtol=0, atol=1e-15)
    assert (logits.argmax(-1) != batch.y).any()


@pytest.mark.parametrize(("hard", "beta"), [(False, 0.95), (True, 0.8)])
def test_the_papers_betas_are_the_defaults(hard, beta, batch):
    ours = step(objective(Bootstrapping(hard=hard)), net(), batch)
    assert_same_step(ours, step(objective(Bootstrapping(beta, hard)), net(), batch), atol=0)


def test_bootstrapping_mixes_probabilities_too():
    batch, labels = soft_batch("probabilities"), soft_labels("probabilities")
    logits, q = random(N, K, scale=2), torch.from_numpy(labels.proba)
    target = 0.8 * q + 0.2 * onehot(logits.argmax(-1))
    _, (slope,) = step(objective(Bootstrapping(hard=True)), Free(logits), batch)
    torch.testing.assert_close(slope, (logits.softmax(-1) - target) / N, rtol=0, atol=1e-15)


# ------------------------------------------------------------ disturbed labels


@pytest.mark.parametrize("kind", BATCHES)
def test_disturbed_labels_are_smoothed_ones_in_expectation(kind, monkeypatch):
    """Over all that can be drawn for a batch whose rows are drawn alike."""
    batch, rate, module = BATCHES[kind](), 0.3, net()

    def outcome(u, k):
        monkeypatch.setattr(torch, "rand", lambda shape, **_: torch.full(tuple(shape), u))
        monkeypatch.setattr(torch, "randint", lambda n, shape, **_: torch.full(tuple(shape), k))
        return step(objective(DisturbLabel(rate)), module, batch)

    kept = [outcome(rate + 1e-6, 0), outcome(1 - 1e-6, 1)]
    for same in kept:
        assert_same_step(same, step(Plain(), module, batch), atol=1e-16)
    drawn = [outcome(u, k) for u, k in zip((0.0, rate / 2, rate - 1e-6), range(K), strict=True)]
    mean = [
        (1 - rate) * stays + rate / K * sum(goes)
        for stays, *goes in zip(*([loss, *gradients] for loss, gradients in (kept[0], *drawn)), strict=True)
    ]
    assert_same_step((mean[0], mean[1:]), step(objective(LabelSmoothing(rate)), module, batch))


@pytest.mark.parametrize("seed", range(3))
def test_the_mean_gradient_over_many_draws_is_that_of_smoothed_labels(seed):
    n, rate = 40_000, 0.4
    logits = random(K, scale=2)
    batch = Batch((torch.zeros(n, 1), torch.ones(n, dtype=torch.int64)), torch.arange(n))
    torch.manual_seed(seed)
    _, (slope,) = step(objective(DisturbLabel(rate)), Free(logits.expand(n, K)), batch)
    target = (1 - rate) * torch.eye(K, dtype=torch.float64)[1] + rate / K
    expected = logits.softmax(-1) - target
    deviations = (slope.sum(0) - expected) / (target * (1 - target) / n).sqrt()
    assert deviations.abs().max() < 4.5


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("members", [(), (2,)], ids=str)
def test_labels_are_kept_in_their_share_and_others_drawn_alike(members, seed):
    n, rate, n_classes = 30_000, 0.4, 4
    y = torch.from_numpy(np.random.default_rng(seed).integers(0, n_classes, n))
    logits = torch.arange(n_classes).double()  # log p differs between classes: the drawn one shows in the loss
    batch = Batch((torch.zeros(n, 1), y), torch.arange(n))
    torch.manual_seed(seed)
    module = Free(logits.expand(*members, n, n_classes))
    changes = objective(DisturbLabel(rate), n_classes=n_classes).terms[1].rows(Forward(module, batch.X), batch)
    steps = y - changes.round().long()  # -log p falls by one from a class to the next
    assert ((steps >= 0) & (steps < n_classes)).all()
    for drawn in steps.detach().view(-1, n):
        counts = torch.stack([torch.bincount(drawn[y == k], minlength=n_classes) for k in range(n_classes)])
        total = counts.sum(1, keepdim=True)
        share = (1 - rate) * torch.eye(n_classes, dtype=torch.float64) + rate / n_classes
        assert share[0, 0].item() == pytest.approx(1 - rate * (n_classes - 1) / n_classes)
        assert ((counts - total * share) / (total * share * (1 - share)).sqrt()).abs().max() < 4.5
    if members:
        assert not torch.equal(steps[0], steps[1])


def test_each_step_disturbs_other_labels(batch):
    term, forward = DisturbLabel(0.5).make(table()), Forward(net(), batch.X)
    assert not torch.equal(term.rows(forward, batch), term.rows(forward, batch))


# ------------------------------------------------------------ virtual adversarial steps


class Linear(nn.Module):
    def __init__(self, n_classes=2, seed=0, scale=1.0):
        super().__init__()
        self.weight = nn.Parameter(random(n_classes, D, seed=seed, scale=scale))
        self.bias = nn.Parameter(random(n_classes, seed=seed + 1))

    def forward(self, X):
        return X @ self.weight.T + self.bias


def adversarial_steps(term, module, batch, **about):
    """r of each row, and the penalty."""
    module = Recorded(module)
    penalty = penalty_of(term, module, batch, **about)
    assert len(module.seen) == 2 + term.n_power_iterations
    assert torch.equal(module.seen[0], batch.X)
    return module.seen[-1] - batch.X, penalty


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("n_power_iterations", [1, 3])
def test_a_linear_net_is_attacked_along_the_difference_of_its_weights(seed, n_power_iterations):
    torch.manual_seed(seed)
    module, batch = Linear(seed=seed), some_batch(n_classes=2)
    steps, penalty = adversarial_steps(VirtualAdversarial(0.3, 2.0, n_power_iterations), module, batch, n_classes=2)
    torch.testing.assert_close(steps.norm(dim=-1), torch.full((N,), 0.3 * math.sqrt(D), dtype=torch.float64))
    along = F.normalize(module.weight.detach()[0] - module.weight.detach()[1], dim=0)
    cosines = F.normalize(steps, dim=-1) @ along
    torch.testing.assert_close(cosines.abs(), torch.ones(N, dtype=torch.float64), rtol=0, atol=1e-9)
    # and the penalty is the mean divergence there
    with torch.no_grad():
        p, q = module(batch.X).softmax(-1), module(batch.X + steps).softmax(-1)
    np.testing.assert_allclose(penalty.item(), 2.0 * scipy.stats.entropy(p, q, axis=-1).mean(), rtol=1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_many_power_iterations_find_the_direction_of_greatest_curvature(seed):
    torch.manual_seed(seed)
    module, batch = Linear(K, seed, scale=0.5), some_batch()
    steps, _ = adversarial_steps(VirtualAdversarial(1e-3, n_power_iterations=60), module, batch)
    with torch.no_grad():
        p = module(batch.X).softmax(-1)
    curvature = torch.diag_embed(p) - p[:, :, None] * p[:, None, :]
    values, vectors = torch.linalg.eigh(module.weight.detach().T @ curvature @ module.weight.detach())
    clear = values[:, -1] > 1.2 * values[:, -2]
    assert clear.sum() >= 3
    cosines = (F.normalize(steps, dim=-1) * vectors[..., -1]).sum(-1).abs()
    assert cosines[clear].min() > 0.99


@pytest.mark.parametrize("seed", range(3))
def test_the_step_harms_more_than_random_ones_of_its_length(seed):
    torch.manual_seed(seed)
    module, batch = net(seed=seed), some_batch()
    steps, penalty = adversarial_steps(VirtualAdversarial(0.05), module, batch)
    log_p = module(batch.X).log_softmax(-1).detach()

    def divergence(r):
        return F.kl_div(module(batch.X + r).log_softmax(-1), log_p, reduction="none", log_target=True).sum(-1).detach()

    length = 0.05 * math.sqrt(D)
    others = torch.stack([divergence(length * F.normalize(random(N, D, seed=i), dim=-1)) for i in range(100)])
    worst = divergence(steps)
    assert (worst >= 0).all()
    torch.testing.assert_close(penalty, worst.mean(), rtol=1e-10, atol=0)
    assert (worst > others.mean(0)).double().mean() > 0.8
    assert worst.mean() > 1.5 * others.mean()


def test_a_constant_net_has_nothing_to_fear():
    module, batch = net(), some_batch()
    with torch.no_grad():
        module.head.weight.zero_()
    assert penalty_of(VirtualAdversarial(), module, batch) == 0
    assert_same_step(step(objective(VirtualAdversarial()), module, batch), step(objective(), module, batch), atol=1e-16)


@pytest.mark.parametrize("n_power_iterations", [1, 2])
def test_codes_of_levels_are_never_moved(n_power_iterations):
    n_codes, batch = 2, some_batch()
    module = Recorded(net())
    penalty_of(VirtualAdversarial(0.4, n_power_iterations=n_power_iterations), module, batch, n_codes=n_codes)
    assert len(module.seen) == 2 + n_power_iterations
    for X in module.seen[1:]:
        assert torch.equal(X[:, -n_codes:], batch.X[:, -n_codes:])
        assert (X[:, :-n_codes] != batch.X[:, :-n_codes]).all()
    length = (module.seen[-1] - batch.X).norm(dim=-1)
    torch.testing.assert_close(length, torch.full((N,), 0.4 * math.sqrt(D - n_codes), dtype=torch.float64))


def test_a_table_of_codes_alone_has_nothing_to_move(batch):
    term = VirtualAdversarial()
    assert penalty_of(term, net(), batch, n_codes=D) == 0
    assert_same_step(step(objective(term, n_codes=D), net(), batch), step(Plain(), net(), batch), atol=0)


def test_what_is_predicted_now_and_the_step_are_constants():
    """The gradient is that of KL(p || p(x + r)) in its second argument alone."""
    torch.manual_seed(0)
    module, batch = net(), some_batch()
    recorded = Recorded(copy.deepcopy(module))
    torch.autograd.backward(penalty_of(VirtualAdversarial(0.3, 1.5), recorded, batch))
    q = module(recorded.seen[-1]).log_softmax(-1)
    p = module(batch.X).log_softmax(-1).detach()
    expected = torch.autograd.grad(1.5 * F.kl_div(q, p, reduction="batchmean", log_target=True), module.parameters())
    for ours, theirs in zip(recorded.parameters(), expected, strict=True):
        torch.testing.assert_close(ours.grad, theirs, rtol=0, atol=1e-14)


@pytest.mark.parametrize("n_power_iterations", [1, 3])
def test_looking_for_the_step_leaves_no_gradient_behind(n_power_iterations, batch):
    module = net()
    penalty_of(VirtualAdversarial(n_power_iterations=n_power_iterations), module, batch)
    assert all(parameter.grad is None for parameter in module.parameters())


def test_the_penalty_looks_at_no_label_and_at_copies():
    def penalty(**params):
        torch.manual_seed(0)
        X, y = some_batch()
        if params.pop("other_labels", False):
            y = (y + 1) % K
        return penalty_of(VirtualAdversarial(), net(), Batch((X, y), torch.arange(N), **params))

    assert torch.equal(penalty(other_labels=True), penalty())
    assert torch.equal(penalty(weight=random(N, seed=7).abs()), penalty())
    soft = SoftTargets.of(soft_labels("probabilities"), torch.float64)
    assert torch.equal(penalty(soft=soft), penalty())
    # copies say how often each row's divergence counts
    each = torch.stack([penalty(copies=N * row) for row in torch.eye(N, dtype=torch.float64)])
    torch.testing.assert_close(each.mean(), penalty(), rtol=1e-12, atol=0)
    copies = random(N, seed=8).abs()
    torch.testing.assert_close(penalty(copies=copies), (copies * each).mean(), rtol=1e-12, atol=0)
    assert each.std() > 1e-4


def test_dropout_is_that_of_the_first_pass(batch):
    """Otherwise even a step of no length would cost something."""
    module = net(dropout=0.5)
    small, large = (penalty_of(VirtualAdversarial(radius), module, batch) for radius in (1e-5, 1.0))
    assert 0 <= small < 1e-8
    assert large > 1e-3


def test_members_that_share_their_rows_have_steps_of_their_own(batch):
    torch.manual_seed(0)
    weights = [Linear(2, seed) for seed in range(MEMBERS)]

    class Committee(nn.Module):
        def forward(self, X):
            parts = X if X.ndim == 3 else X.expand(MEMBERS, *X.shape)
            return torch.stack([module(own) for module, own in zip(weights, parts, strict=True)])

    module = Recorded(Committee())
    penalty = penalty_of(VirtualAdversarial(), module, some_batch(n_classes=2), n_classes=2)
    assert penalty.shape == (MEMBERS,)
    steps = module.seen[-1] - batch.X
    assert steps.shape == (MEMBERS, N, D)
    for own, linear in zip(steps, weights, strict=True):
        along = F.normalize(linear.weight.detach()[0] - linear.weight.detach()[1], dim=0)
        cosines = F.normalize(own, dim=-1) @ along
        torch.testing.assert_close(cosines.abs(), torch.ones(N, dtype=torch.float64), rtol=0, atol=1e-9)
