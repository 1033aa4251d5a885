"""Laws of the losses: torch's and scipy's numbers, row by row, for each member."""

import math

import numpy as np
import pytest
import scipy.special
import scipy.stats
import torch
import torch.nn.functional as F
from numpy.testing import assert_allclose

from sktech.losses import cross_entropy, entropy, kl_divergence, negative_log_likelihood, soft_cross_entropy

N, K = 7, 3
LEADING = [(), (4,), (2, 4)]


@pytest.fixture(params=LEADING, ids=str)
def leading(request):
    return request.param


def draw(*shape, seed=0, dtype=torch.float64):
    return 3 * torch.randn(*shape, K, generator=torch.Generator().manual_seed(seed), dtype=dtype)


def classes(*shape, seed=1):
    return torch.randint(K, shape, generator=torch.Generator().manual_seed(seed))


def gradient(function, at):
    at = at.detach().clone().requires_grad_()
    return torch.autograd.grad(function(at).sum(), at)[0]


def members(tensor, leading):
    """The parts of a tensor along its leading axes."""
    return tensor.flatten(0, len(leading) - 1) if leading else tensor[None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("shared", [True, False], ids=["shared targets", "own targets"])
def test_cross_entropy_is_torchs_to_the_last_bit(leading, shared, dtype):
    logits, target = draw(*leading, N, dtype=dtype), classes(*(() if shared else leading), N)
    losses, slopes = cross_entropy(logits, target), gradient(lambda z: cross_entropy(z, target), logits)
    assert losses.shape == (*leading, N)
    own_targets = members(target.expand(*leading, N), leading)
    for z, t, loss, slope in zip(
        members(logits, leading), own_targets, members(losses, leading), members(slopes, leading), strict=True
    ):
        assert torch.equal(loss, F.cross_entropy(z, t, reduction="none"))
        assert torch.equal(slope, gradient(lambda z, t=t: F.cross_entropy(z, t, reduction="none"), z))


@pytest.mark.parametrize("shared", [True, False], ids=["shared targets", "own targets"])
def test_the_negative_log_likelihood_is_the_labels_log_probability(leading, shared):
    log_proba, target = draw(*leading, N).log_softmax(-1), classes(*(() if shared else leading), N)
    picked = log_proba.gather(-1, target.expand(*leading, N)[..., None])[..., 0]
    assert torch.equal(negative_log_likelihood(log_proba, target), -picked)


def test_the_gradient_of_cross_entropy_is_the_prediction_less_the_target(leading):
    logits, target = draw(*leading, N), classes(*leading, N)
    expected = logits.softmax(-1) - F.one_hot(target, K)
    torch.testing.assert_close(gradient(lambda z: cross_entropy(z, target), logits), expected, rtol=0, atol=1e-15)
    q = draw(*leading, N, seed=2).softmax(-1)
    slope = gradient(lambda z: soft_cross_entropy(z.log_softmax(-1), q), logits)
    torch.testing.assert_close(slope, logits.softmax(-1) - q, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_certain_probabilities_are_labels_to_the_last_bit(leading, dtype):
    logits, target = draw(*leading, N, dtype=dtype), classes(*leading, N)

    def soft(z):
        return soft_cross_entropy(z.log_softmax(-1), F.one_hot(target, K).to(dtype))

    def hard(z):
        return F.cross_entropy(z.reshape(-1, K), target.reshape(-1), reduction="none").view(target.shape)

    assert torch.equal(soft(logits), hard(logits))
    assert torch.equal(gradient(soft, logits), gradient(hard, logits))


@pytest.mark.parametrize("target_shape", ["classes", "rows", "members"])
def test_soft_cross_entropy_is_torchs(leading, target_shape):
    shape = {"classes": (), "rows": (N,), "members": (*leading, N)}[target_shape]
    logits, target = draw(*leading, N), draw(*shape, seed=2).softmax(-1)
    losses = soft_cross_entropy(logits.log_softmax(-1), target)
    assert losses.shape == (*leading, N)
    every = target.expand(*leading, N, K)
    expected = F.cross_entropy(logits.reshape(-1, K), every.reshape(-1, K), reduction="none").view(*leading, N)
    torch.testing.assert_close(losses, expected, rtol=1e-14, atol=0)


def test_soft_cross_entropy_is_linear_in_its_target():
    log_proba = draw(N).log_softmax(-1)
    each = torch.stack([soft_cross_entropy(log_proba, onehot) for onehot in torch.eye(K, dtype=torch.float64)], -1)
    q = draw(N, seed=2).softmax(-1)
    torch.testing.assert_close(soft_cross_entropy(log_proba, q), (q * each).sum(-1), rtol=1e-14, atol=0)


def test_entropy_is_scipys(leading):
    logits = draw(*leading, N)
    expected = scipy.stats.entropy(scipy.special.softmax(logits.numpy(), axis=-1), axis=-1)
    assert_allclose(entropy(logits.log_softmax(-1)), expected, rtol=1e-12)


def test_entropy_lies_between_certainty_and_ignorance():
    assert_allclose(entropy(torch.zeros(1, K, dtype=torch.float64).log_softmax(-1)), math.log(K), rtol=1e-15)
    spread = entropy(draw(1000).log_softmax(-1))
    assert (spread > 0).all()
    assert (spread < math.log(K)).all()


def test_the_gradient_of_entropy(leading):
    logits = draw(*leading, N)
    log_proba = logits.log_softmax(-1)
    expected = -log_proba.exp() * (log_proba + entropy(log_proba)[..., None])
    got = gradient(lambda z: entropy(z.log_softmax(-1)), logits)
    torch.testing.assert_close(got, expected, rtol=0, atol=1e-14)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_net_that_is_very_sure_gives_finite_values_and_gradients(dtype):
    logits = torch.tensor([[1e4, 0, -1e4], [-1e4, 0, 1e4]], dtype=dtype)
    assert torch.equal(entropy(logits.log_softmax(-1)), torch.zeros(2, dtype=dtype))
    for function in (entropy, lambda log_p: kl_divergence(log_p, log_p.flip(0))):
        assert torch.isfinite(function(logits.log_softmax(-1))).all()
        assert torch.isfinite(gradient(lambda z, f=function: f(z.log_softmax(-1)), logits)).all()


def test_kl_divergence_is_scipys_and_torchs(leading):
    log_p, log_q = draw(*leading, N).log_softmax(-1), draw(*leading, N, seed=2).log_softmax(-1)
    divergence = kl_divergence(log_p, log_q)
    assert divergence.shape == (*leading, N)
    assert_allclose(divergence, scipy.stats.entropy(log_p.exp(), log_q.exp(), axis=-1), rtol=1e-10)
    torchs = F.kl_div(log_q, log_p, reduction="none", log_target=True).sum(-1)
    torch.testing.assert_close(divergence, torchs, rtol=1e-12, atol=0)


def test_kl_divergence_is_what_cross_entropy_has_over_entropy(leading):
    log_p, log_q = draw(*leading, N).log_softmax(-1), draw(*leading, N, seed=2).log_softmax(-1)
    expected = soft_cross_entropy(log_q, log_p.exp()) - entropy(log_p)
    torch.testing.assert_close(kl_divergence(log_p, log_q), expected, rtol=0, atol=1e-13)


def test_kl_divergence_is_zero_only_between_equals_and_is_flat_there():
    log_p, log_q = draw(100).log_softmax(-1), draw(100, seed=2).log_softmax(-1)
    assert (kl_divergence(log_p, log_q) > 0).all()
    assert torch.equal(kl_divergence(log_p, log_p), torch.zeros(100, dtype=torch.float64))
    slope = gradient(lambda z: kl_divergence(log_p, z.log_softmax(-1)), log_p)
    torch.testing.assert_close(slope, torch.zeros_like(slope), rtol=0, atol=1e-15)


def test_a_members_values_are_those_it_has_alone():
    logits, others = draw(2, 4, N), draw(2, 4, N, seed=2).log_softmax(-1)
    target, q = classes(2, 4, N), draw(2, 4, N, seed=3).softmax(-1)
    log_proba = logits.log_softmax(-1)
    together = {
        "cross_entropy": cross_entropy(logits, target),
        "negative_log_likelihood": negative_log_likelihood(log_proba, target),
        "soft_cross_entropy": soft_cross_entropy(log_proba, q),
        "entropy": entropy(log_proba),
        "kl_divergence": kl_divergence(log_proba, others),
    }
    for place in np.ndindex(2, 4):
        alone = {
            "cross_entropy": cross_entropy(logits[place], target[place]),
            "negative_log_likelihood": negative_log_likelihood(log_proba[place], target[place]),
            "soft_cross_entropy": soft_cross_entropy(log_proba[place], q[place]),
            "entropy": entropy(log_proba[place]),
            "kl_divergence": kl_divergence(log_proba[place], others[place]),
        }
        for name, values in alone.items():
            assert torch.equal(together[name][place], values), name
