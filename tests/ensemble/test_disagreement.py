"""Laws of diversity by disagreement."""

import math

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LogisticRegression

from sktech import BaggingVoteEnsemble, DisagreementEnsemble, NetClassifier, SmoothedNetClassifier
from sktech.ensemble import Disagreement
from sktech.losses import agreement
from sktech.training import Batch
from sktech.training.objective import Forward


def small(**params):
    return NetClassifier(**{"n_members": 1, "hidden_layer_sizes": (8,), "max_epochs": 3, "dtype": "float64"} | params)


def shortcut(n, rng, *, follows=True):
    """The first column tells the class simply, unless it does not follow it; the second always, less simply."""
    y = rng.integers(2, size=n)
    slabs = np.where(y == 1, rng.choice([-2, 0, 2], n), rng.choice([-1, 1], n)) + rng.uniform(-0.3, 0.3, n)
    side = y if follows else rng.integers(2, size=n)
    return np.column_stack([(2 * side - 1) * rng.uniform(0.2, 1.8, n), slabs, rng.normal(size=(n, 2))]), y


def log_softmax(*shape, seed):
    generator = torch.Generator().manual_seed(seed)
    return torch.log_softmax(3 * torch.randn(*shape, generator=generator, dtype=torch.float64), dim=-1)


@pytest.mark.parametrize("n_classes", [2, 3, 7])
def test_agreement_is_the_papers(n_classes):
    ours, other = log_softmax(50, n_classes, seed=0), log_softmax(50, n_classes, seed=1)
    favourite = other.argmax(-1, keepdim=True)
    p, q = (log.exp().gather(-1, favourite).squeeze(-1) for log in (ours, other))
    assert_allclose(agreement(ours, other), -torch.log(q * (1 - p) + (1 - q) * p), rtol=1e-10)


def test_with_two_classes_agreement_is_symmetric():
    one, other = log_softmax(100, 2, seed=0), log_softmax(100, 2, seed=1)
    assert_allclose(agreement(one, other), agreement(other, one), rtol=1e-12)


def test_agreement_is_zero_for_certain_opposites_alone():
    certain = torch.tensor([[0.0, -800.0], [-800.0, 0.0]], dtype=torch.float64)
    assert (agreement(certain, certain.flip(-1)) == 0).all()
    same = agreement(certain, certain)
    assert torch.isfinite(same).all()
    assert (same > 100).all()
    nearly = torch.log_softmax(torch.tensor([[0.0, 20.0]], dtype=torch.float64), -1)
    assert (agreement(nearly, nearly.flip(-1)) > 0).all()


def test_who_does_not_know_agrees_by_log_two_with_everybody():
    even = torch.full((100, 2), 0.5, dtype=torch.float64).log().requires_grad_()
    sure = log_softmax(100, 2, seed=0).requires_grad_()
    for value, of in ((agreement(sure, even), sure), (agreement(even, sure), sure)):
        assert_allclose(value.detach(), math.log(2), rtol=1e-12)
        # A distribution's two logarithms move together: along that, nothing changes.
        (slope,) = torch.autograd.grad(value.sum(), of)
        along = torch.stack([1 / of.exp()[:, 0], -1 / of.exp()[:, 1]], dim=-1)
        assert_allclose((slope * along).sum(-1).detach(), 0, atol=1e-12)


def test_it_has_a_slope_where_both_are_certain_of_the_same():
    logits = torch.tensor([[60.0, 0.0]], dtype=torch.float64, requires_grad=True)
    agreement(torch.log_softmax(logits, -1), torch.tensor([[0.0, -60.0]], dtype=torch.float64)).sum().backward()
    assert abs(float(logits.grad[0, 0])) > 0.4


def test_without_alpha_it_is_a_deep_ensemble():
    X, y = shortcut(200, np.random.default_rng(0))
    for member in (small(), small(early_stopping=False, n_members=2)):
        plain = BaggingVoteEnsemble(member, 3, bootstrap=False, random_state=5).fit(X, y)
        ours = DisagreementEnsemble(member, n_estimators=3, alpha=0, random_state=5).fit(X, y)
        assert_array_equal(ours.predict_proba(X), plain.predict_proba(X))
        assert_array_equal(ours.disagreement(X), plain.disagreement(X))


def test_alpha_goes_to_the_deep_ensemble_in_the_limit():
    X, y = shortcut(200, np.random.default_rng(0))
    member = small(early_stopping=False)
    fits = [DisagreementEnsemble(member, alpha=a, random_state=5).fit(X, y) for a in (0, 1e-9, 1.0)]
    plain, nearly, far = (fit.estimators_[1].predict_proba(X) for fit in fits)
    assert_allclose(nearly, plain, atol=1e-6)
    assert np.abs(far - plain).max() > 1e-2


def test_the_first_member_is_a_plain_net():
    X, y = shortcut(200, np.random.default_rng(0))
    first, *_ = DisagreementEnsemble(small(early_stopping=False), random_state=1).fit(X, y).estimators_
    alone = small(early_stopping=False, random_state=first.random_state).fit(X, y)
    assert_array_equal(first.predict_proba(X), alone.predict_proba(X))


def test_each_step_is_punished_by_the_mean_over_rows_and_earlier_members():
    X, others = torch.randn(12, 4, dtype=torch.float64), log_softmax(3, 12, 2, seed=0)
    module = torch.nn.Linear(4, 2).double()
    batch = Batch((torch.randn(12, 4, dtype=torch.float64), torch.zeros(12, dtype=torch.int64)), torch.arange(12))
    objective = Disagreement(0.7, X, others, seed=0)
    forward = Forward(module, batch.X)
    expected = 0.7 * agreement(torch.log_softmax(module(X), -1), others).mean()  # all 12 rows, in some order
    for _ in range(3):
        torch.testing.assert_close(objective.penalty(forward, batch), expected, rtol=1e-12, atol=0)


def test_steps_go_through_all_unlabelled_rows():
    objective = Disagreement(1.0, torch.zeros(10, 1), torch.zeros(1, 10, 2), seed=0)
    assert sorted(torch.cat([objective._next_rows(4) for _ in range(5)]).tolist()) == sorted([*range(10)] * 2)


@pytest.mark.parametrize("given", [True, False], ids=["rows from elsewhere", "shuffled columns"])
def test_the_second_member_survives_where_the_shortcut_does_not_lead(given):
    """Over several seeds; a deep ensemble's second member falls with the first."""
    gains = []
    for seed in range(3):
        rng = np.random.default_rng(seed)
        X, y = shortcut(500, rng)
        X_new, y_new = shortcut(500, rng, follows=False)
        elsewhere = shortcut(500, rng, follows=False)[0] if given else None
        member = NetClassifier(n_members=1, hidden_layer_sizes=(32,), max_epochs=24)
        with_it, without = (
            DisagreementEnsemble(member, alpha=alpha, random_state=seed).fit(X, y, X_unlabeled=elsewhere)
            for alpha in (0.1, 0)
        )
        assert with_it.estimators_[1].score(X, y) > 0.9
        gains.append(with_it.estimators_[1].score(X_new, y_new) - without.estimators_[1].score(X_new, y_new))
    assert min(gains) > 0.2


def test_techniques_and_weights_go_along():
    X, y = shortcut(150, np.random.default_rng(0))
    names, weight = np.array(["no", "yes"])[y], np.random.default_rng(1).integers(0, 3, 150)
    member = SmoothedNetClassifier("virtual_adversarial", **small().get_params())
    weighted = DisagreementEnsemble(member, random_state=0).fit(X, names, sample_weight=weight)
    repeated = DisagreementEnsemble(member, random_state=0).fit(np.repeat(X, weight, axis=0), np.repeat(names, weight))
    assert_allclose(weighted.predict_proba(X), repeated.predict_proba(X), atol=1e-10)
    assert set(weighted.predict(X)) == {"no", "yes"}


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"estimator": LogisticRegression()}, "estimator: expected None or a net of sktech's"),
        ({"alpha": -1}, "alpha: expected a number in"),
        ({"n_estimators": 0}, "n_estimators: expected an integer"),
    ],
)
def test_refusals(params, message):
    with pytest.raises((ValueError, TypeError), match=message):
        DisagreementEnsemble(**params).fit(*shortcut(50, np.random.default_rng(0)))


def test_unlabelled_rows_have_the_columns_of_the_others():
    X, y = shortcut(50, np.random.default_rng(0))
    with pytest.raises(ValueError, match="features"):
        DisagreementEnsemble(small()).fit(X, y, X_unlabeled=X[:, :2])
