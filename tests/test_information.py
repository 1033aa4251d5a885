"""Laws of information, in both libraries."""

import numpy as np
import pytest
import scipy.spatial
import scipy.special
import scipy.stats
import torch
from sklearn.metrics import mutual_info_score

from sktech.information import cross_entropy, entropy, jensen_shannon_divergence, kl_divergence, mutual_information

OF_TWO = [cross_entropy, kl_divergence, jensen_shannon_divergence]
SEEDS = range(4)
N, K = 50, 6
UNIFORM = np.full(K, 1 / K)


class Kind:
    """A library and a precision: what goes in, and what the results must be close to."""

    def __init__(self, library, dtype):
        self.library, self.dtype = library, np.dtype(dtype)
        self.atol = 1e-12 if dtype == "float64" else 2e-6

    def __call__(self, p):
        p = np.asarray(p, dtype=self.dtype)
        return torch.from_numpy(p.copy()) if self.library == "torch" else p

    def of(self, result):
        """The result as float64, after a look at what it is."""
        array = np.ndarray if np.ndim(result) else np.floating
        assert isinstance(result, torch.Tensor if self.library == "torch" else array)
        result = np.asarray(result)
        assert result.dtype == self.dtype
        return result.astype(np.float64)

    def close(self, result, expected):
        np.testing.assert_allclose(self.of(result), expected, rtol=0, atol=self.atol)


@pytest.fixture(
    params=[("numpy", "float64"), ("torch", "float64"), ("numpy", "float32"), ("torch", "float32")],
    ids=" ".join,
)
def kind(request):
    return Kind(*request.param)


@pytest.fixture(params=SEEDS)
def rng(request):
    return np.random.default_rng(request.param)


def draw(rng, *shape, zeros=0.3):
    """Distributions along the last axis, with a share of zeros, all different."""
    p = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    p[..., 1:] *= rng.random(p[..., 1:].shape) >= zeros
    return p / p.sum(-1, keepdims=True)


def draw_joint(rng, *shape, zeros=0.3):
    """Distributions along the last two axes together."""
    return draw(rng, *shape[:-2], shape[-2] * shape[-1], zeros=zeros).reshape(shape)


def merged(p):
    """The first two outcomes as one."""
    return np.concatenate([p[..., :1] + p[..., 1:2], p[..., 2:]], axis=-1)


# --- entropy


def test_entropy_is_zero_for_the_sure_log_k_for_the_uniform_and_in_between_else(kind, rng):
    h = kind.of(entropy(kind(draw(rng, N, K, zeros=0))))
    assert np.all((h > 0) & (h < np.log(K)))
    np.testing.assert_array_equal(kind.of(entropy(kind(np.eye(K)))), 0)
    kind.close(entropy(kind(UNIFORM)), np.log(K))


def test_entropy_agrees_with_scipy(kind, rng):
    p = draw(rng, N, K)
    kind.close(entropy(kind(p)), scipy.stats.entropy(p, axis=-1))


def test_entropy_of_a_pair_is_that_of_one_and_of_the_other_given_it(kind, rng):
    joint = draw_joint(rng, N, 3, 4)
    x = joint.sum(-1)
    y_given_x = np.divide(joint, x[..., None], out=np.full_like(joint, 1 / 4), where=x[..., None] > 0)
    conditional = np.sum(x * kind.of(entropy(kind(y_given_x))), axis=-1)
    kind.close(entropy(kind(joint), axis=(-2, -1)), kind.of(entropy(kind(x))) + conditional)


# --- cross-entropy and the divergence of Kullback and Leibler


def test_cross_entropy_is_entropy_plus_divergence(kind, rng):
    p, q = kind(draw(rng, N, K)), kind(draw(rng, N, K, zeros=0))
    kind.close(cross_entropy(p, q), kind.of(entropy(p)) + kind.of(kl_divergence(p, q)))


def test_cross_entropy_is_the_mean_surprise(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K, zeros=0)
    np.testing.assert_allclose(kind.of(cross_entropy(kind(p), kind(q))), -(p * np.log(q)).sum(-1), rtol=1e-5)
    outcomes = rng.integers(K, size=N)
    surprise = torch.nn.functional.nll_loss(torch.from_numpy(q).log(), torch.from_numpy(outcomes), reduction="none")
    np.testing.assert_allclose(kind.of(cross_entropy(kind(np.eye(K)[outcomes]), kind(q))), surprise, rtol=1e-5)


def test_divergence_is_positive_and_zero_only_between_equals(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K, zeros=0)
    assert np.all(kind.of(kl_divergence(kind(p), kind(q))) > 1e-3)
    assert np.all(kind.of(kl_divergence(kind(p), kind(0.99 * p + 0.01 * q))) > 0)
    np.testing.assert_array_equal(kind.of(kl_divergence(kind(p), kind(p))), 0)


def test_divergence_from_the_uniform_is_the_missing_entropy(kind, rng):
    p = kind(draw(rng, N, K))
    kind.close(kl_divergence(p, kind(UNIFORM)), np.log(K) - kind.of(entropy(p)))


def test_divergence_of_pairs_is_that_of_one_and_of_the_other_given_it(kind, rng):
    p, q = draw_joint(rng, N, 3, 4, zeros=0), draw_joint(rng, N, 3, 4, zeros=0)
    p_x, q_x = p.sum(-1), q.sum(-1)
    given = kind.of(kl_divergence(kind(p / p_x[..., None]), kind(q / q_x[..., None])))
    expected = kind.of(kl_divergence(kind(p_x), kind(q_x))) + np.sum(p_x * given, axis=-1)
    np.testing.assert_allclose(kind.of(kl_divergence(kind(p), kind(q), axis=(-2, -1))), expected, rtol=1e-5)


def test_divergence_agrees_with_scipy_and_torch(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K, zeros=0)
    result = kind.of(kl_divergence(kind(p), kind(q)))
    torch_kl = torch.nn.functional.kl_div(torch.from_numpy(q).log(), torch.from_numpy(p), reduction="none").sum(-1)
    for expected in (scipy.stats.entropy(p, q, axis=-1), scipy.special.rel_entr(p, q).sum(-1), torch_kl):
        np.testing.assert_allclose(result, expected, rtol=1e-5, atol=kind.atol)


def test_divergence_bounds_the_distance(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K, zeros=0)
    q[: N // 2] = 0.9 * p[: N // 2] + 0.1 * q[: N // 2]  # the bound of Pinsker is tight for close ones
    divergence, bound = kind.of(kl_divergence(kind(p), kind(q))), np.abs(p - q).sum(-1) ** 2 / 2
    assert np.all(divergence >= bound - kind.atol)
    p, q = np.array([0.5, 0.5]), np.array([0.51, 0.49])
    assert kind.of(kl_divergence(kind(p), kind(q))) == pytest.approx(np.abs(p - q).sum() ** 2 / 2, rel=1e-2)


# --- the divergence of Jensen and Shannon


def test_jensen_shannon_is_the_gain_of_entropy_by_mixing(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K)
    h = [kind.of(entropy(kind(d))) for d in ((p + q) / 2, p, q)]
    kind.close(jensen_shannon_divergence(kind(p), kind(q)), h[0] - h[1] / 2 - h[2] / 2)


def test_jensen_shannon_is_what_the_outcome_says_about_a_coin(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K)
    information = mutual_information(kind(np.stack([p, q], axis=-2) / 2))
    kind.close(jensen_shannon_divergence(kind(p), kind(q)), kind.of(information))


def test_jensen_shannon_is_symmetric_and_at_most_a_bit(kind, rng):
    p, q = kind(draw(rng, N, K)), kind(draw(rng, N, K))
    divergence = kind.of(jensen_shannon_divergence(p, q, base=2))
    kind.close(jensen_shannon_divergence(q, p, base=2), divergence)
    assert np.all((divergence > 1e-4) & (divergence <= 1 + kind.atol))
    np.testing.assert_array_equal(kind.of(jensen_shannon_divergence(p, p)), 0)


def test_jensen_shannon_is_one_bit_for_outcomes_without_overlap(kind, rng):
    p, q, nothing = draw(rng, N, K), draw(rng, N, K), np.zeros((N, K))
    p, q = np.concatenate([p, nothing], axis=-1), np.concatenate([nothing, q], axis=-1)
    kind.close(jensen_shannon_divergence(kind(p), kind(q), base=2), 1)


def test_root_of_jensen_shannon_is_a_metric(kind, rng):
    p, q, r = (draw(rng, 20, 3) for _ in range(3))
    q[10:] = 0.5 * p[10:] + 0.5 * r[10:]  # in between, where a detour is short

    def distance(a, b):
        return np.sqrt(kind.of(jensen_shannon_divergence(kind(a), kind(b))))

    assert np.all(distance(p, r) <= distance(p, q) + distance(q, r) + kind.atol)
    np.testing.assert_allclose(distance(p, q), scipy.spatial.distance.jensenshannon(p, q, axis=-1), atol=1e-4)


# --- mutual information


def test_mutual_information_is_shared_entropy_and_divergence_from_the_product(kind, rng):
    joint = draw_joint(rng, N, 3, 4)
    x, y = joint.sum(-1), joint.sum(-2)
    result = kind.of(mutual_information(kind(joint)))
    h_x, h_y = kind.of(entropy(kind(x))), kind.of(entropy(kind(y)))
    kind.close(kl_divergence(kind(joint), kind(x[..., None] * y[..., None, :]), axis=(-2, -1)), result)
    kind.close(entropy(kind(joint), axis=(-2, -1)), h_x + h_y - result)
    kind.close(mutual_information(kind(np.swapaxes(joint, -2, -1))), result)
    assert np.all(result > 1e-4)
    assert np.all(result <= np.minimum(h_x, h_y) + kind.atol)


def test_mutual_information_of_independent_variables_is_zero(kind, rng):
    kind.close(mutual_information(kind(draw(rng, N, 3)[..., None] * draw(rng, N, 4)[..., None, :])), 0)


def test_mutual_information_of_a_variable_with_itself_is_its_entropy(kind, rng):
    p = draw(rng, N, K)
    kind.close(mutual_information(kind(p[..., None] * np.eye(K))), kind.of(entropy(kind(p))))


def test_mutual_information_agrees_with_scikit_learn(kind, rng):
    counts = rng.integers(1, 20, size=(3, 4))
    expected = mutual_info_score(None, None, contingency=counts)
    kind.close(mutual_information(kind(counts / counts.sum())), expected)


# --- of all of them


def test_merging_outcomes_never_increases_what_distinguishes(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K, zeros=0)
    joint = draw_joint(rng, N, 3, 4)
    for fine, coarse in [
        (kl_divergence(kind(p), kind(q)), kl_divergence(kind(merged(p)), kind(merged(q)))),
        (jensen_shannon_divergence(kind(p), kind(q)), jensen_shannon_divergence(kind(merged(p)), kind(merged(q)))),
        (mutual_information(kind(joint)), mutual_information(kind(merged(joint)))),
        (entropy(kind(p)), entropy(kind(merged(p)))),
    ]:
        loss = kind.of(fine) - kind.of(coarse)
        assert np.all(loss >= -kind.atol)
        assert np.any(loss > 1e-3)


def test_merging_outcomes_in_proportion_loses_nothing(kind, rng):
    p, q, split = draw(rng, N, K - 1), draw(rng, N, K - 1, zeros=0), rng.random((N, 1))
    for function in (kl_divergence, jensen_shannon_divergence):
        fine = [np.concatenate([d[:, :1] * split, d[:, :1] * (1 - split), d[:, 1:]], axis=-1) for d in (p, q)]
        expected = kind.of(function(*map(kind, (p, q))))
        np.testing.assert_allclose(kind.of(function(*map(kind, fine))), expected, rtol=1e-5, atol=kind.atol)


def test_names_of_outcomes_do_not_matter(kind, rng):
    p, q, joint = draw(rng, N, K), draw(rng, N, K, zeros=0), draw_joint(rng, N, 3, K)
    order = rng.permutation(K)
    kind.close(entropy(kind(p[:, order])), kind.of(entropy(kind(p))))
    kind.close(mutual_information(kind(joint[..., order])), kind.of(mutual_information(kind(joint))))
    for function in OF_TWO:
        expected = kind.of(function(kind(p), kind(q)))
        np.testing.assert_allclose(kind.of(function(kind(p[:, order]), kind(q[:, order]))), expected, rtol=1e-5)


@pytest.mark.parametrize("base", [2, 10.0, 0.5, np.float64(3)])
def test_the_base_is_the_unit(kind, base):
    rng = np.random.default_rng(0)
    p, q, joint = kind(draw(rng, N, K)), kind(draw(rng, N, K, zeros=0)), kind(draw_joint(rng, N, 3, 4))
    calls = [(entropy, p), (mutual_information, joint), *((function, p, q) for function in OF_TWO)]
    for function, *args in calls:
        expected = kind.of(function(*args)) / np.log(base)
        np.testing.assert_allclose(kind.of(function(*args, base=base)), expected, rtol=1e-6)


@pytest.mark.parametrize("function", OF_TWO)
def test_shapes_broadcast_and_rows_stand_alone(kind, function):
    rng = np.random.default_rng(0)
    p, q = draw(rng, 3, 1, K), draw(rng, 5, K, zeros=0)
    expected = [[kind.of(function(kind(a), kind(b))) for b in q] for a in p[:, 0]]
    result = function(kind(p), kind(q))
    assert result.shape == (3, 5)
    kind.close(result, expected)
    kind.close(function(kind(p[0, 0]), kind(q)), expected[0])
    kind.close(function(kind(np.swapaxes(p, 1, 2)), kind(q.T[None]), axis=1), expected)


def test_axis_and_batch_of_the_others(kind, rng):
    p, joint = draw(rng, 3, 5, K), draw_joint(rng, 2, 3, 4, 5)
    expected = [[kind.of(entropy(kind(row))) for row in rows] for rows in p]
    for axis in (0, -1):
        kind.close(entropy(kind(np.moveaxis(p, -1, axis)), axis=axis), expected)
    expected = [[kind.of(mutual_information(kind(table))) for table in tables] for tables in joint]
    kind.close(mutual_information(kind(joint)), expected)


def test_no_rows_give_no_values(kind):
    assert kind.of(entropy(kind(np.empty((0, K))))).shape == (0,)
    assert kind.of(mutual_information(kind(np.empty((0, 3, 4))))).shape == (0,)
    for function in OF_TWO:
        assert kind.of(function(kind(np.empty((0, K))), kind(UNIFORM))).shape == (0,)


# --- zeros, infinities, rounding


def test_impossible_outcomes_do_not_count(kind, rng):
    p, q, joint = draw(rng, N, K), draw(rng, N, K, zeros=0), draw_joint(rng, N, 3, 4)
    kind.close(entropy(kind(np.pad(p, [(0, 0), (2, 1)]))), kind.of(entropy(kind(p))))
    kind.close(
        mutual_information(kind(np.pad(joint, [(0, 0), (1, 0), (0, 2)]))), kind.of(mutual_information(kind(joint)))
    )
    for function in OF_TWO:
        padded = function(*(kind(np.pad(d, [(0, 0), (2, 1)])) for d in (p, q)))
        np.testing.assert_allclose(kind.of(padded), kind.of(function(kind(p), kind(q))), rtol=1e-5)


def test_an_excluded_outcome_that_happens_costs_infinitely(kind, rng):
    p, q = draw(rng, N, K), draw(rng, N, K)
    excluded = ((p > 0) & (q == 0)).any(-1)
    assert 0 < excluded.sum() < N
    for function in (cross_entropy, kl_divergence):
        result = kind.of(function(kind(p), kind(q)))
        np.testing.assert_array_equal(np.isposinf(result), excluded)
        assert np.isfinite(result[~excluded]).all()


def test_rounding_makes_nothing_negative(kind, rng):
    p = draw(rng, 1000, K)
    q = p * (1 + 10 * np.finfo(kind.dtype).eps * rng.uniform(-1, 1, p.shape))
    product = p[:, :3, None] / p[:, :3].sum(-1)[:, None, None] * draw(rng, 1000, 1, 4)
    sure = np.eye(K) * (1 + np.arange(K)[:, None] * np.finfo(kind.dtype).eps)
    for result in (
        kl_divergence(kind(p), kind(q)),
        jensen_shannon_divergence(kind(p), kind(q)),
        mutual_information(kind(product)),
        entropy(kind(sure)),
    ):
        result = kind.of(result)
        assert np.all(result >= 0)
        assert not np.signbit(result).any()
        assert np.all(result < 10 * kind.atol)


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_what_is_small_is_not_zero(dtype):
    half, one, nil = np.array([0.5, 1, 0], dtype)
    smallest, small = np.finfo(dtype).smallest_subnormal, np.finfo(dtype).tiny
    assert smallest * half == 0
    assert 0 <= jensen_shannon_divergence(np.array([smallest, one]), np.array([nil, one])) < 1e-6
    assert small * small == 0
    assert 0 <= mutual_information(np.diag([small, one])) < 1e-3
    expected = np.log(0.5) - np.log(float(smallest)) / 2
    assert kl_divergence(np.array([half, half]), np.array([smallest, one])) == pytest.approx(expected, rel=2e-3)


# --- gradients


def logits(rng):
    """Also such that softmax underflows to zero."""
    z = rng.normal(size=(N, K))
    z[::2, 1] = -2000
    return torch.from_numpy(z).requires_grad_()


def grad(result, *inputs):
    gradients = torch.autograd.grad(result.sum(), inputs)
    return gradients if len(gradients) > 1 else gradients[0]


def assert_close(actual, expected):
    torch.testing.assert_close(actual, expected, rtol=1e-9, atol=1e-12)


def test_gradient_of_entropy(rng):
    z = logits(rng)
    p = z.softmax(-1)
    assert (p == 0).any()
    h = entropy(p)
    assert_close(grad(h, z), (torch.special.entr(p) - p * h[:, None]).detach())


def test_gradient_of_divergence_and_cross_entropy_in_the_forecast(rng):
    z, p = logits(rng), torch.from_numpy(draw(rng, N, K))
    p[:, 1] = 0
    p /= p.sum(-1, keepdim=True)
    for function in (kl_divergence, cross_entropy):
        q = z.softmax(-1)
        assert ((p == 0) & (q == 0)).any()
        assert ((p == 0) & (q > 0)).any()
        by_logits, by_q = grad(function(p, q), z, q)
        assert_close(by_logits, (q - p).detach())
        assert_close(by_q, torch.where(p > 0, -p / q, 0).detach())


def test_gradient_of_divergence_in_the_truth(rng):
    z, q = logits(rng), torch.from_numpy(draw(rng, N, K, zeros=0))
    p = z.softmax(-1)
    divergence = kl_divergence(p, q)
    expected = -torch.special.entr(p) - p * q.log() - p * divergence[:, None]
    assert_close(grad(divergence, z), expected.detach())


def test_gradient_of_cross_entropy_in_the_truth_is_the_surprise(rng):
    p, q = torch.from_numpy(draw(rng, N, K)).requires_grad_(), torch.from_numpy(draw(rng, N, K, zeros=0))
    assert (p == 0).any()
    assert_close(grad(cross_entropy(p, q), p), -q.log())


def test_gradient_of_jensen_shannon(rng):
    z, q = logits(rng), torch.from_numpy(draw(rng, N, K))
    p = z.softmax(-1)
    assert ((p == 0) & (q == 0)).any()
    m = (p + q) / 2
    terms = torch.where(p > 0, p * (p / m).log(), 0)
    expected = (terms - p * terms.sum(-1, keepdim=True)) / 2
    assert_close(grad(jensen_shannon_divergence(p, q), z), expected.detach())
    assert_close(grad(jensen_shannon_divergence(q, z.softmax(-1)), z), expected.detach())


def test_gradient_of_mutual_information(rng):
    z = logits(rng)
    joint = z.softmax(-1).view(N, 2, 3)
    product = joint.sum(-1, keepdim=True) * joint.sum(-2, keepdim=True)
    terms = torch.where(joint > 0, joint * (joint / product).log(), 0)
    expected = terms - joint * terms.sum((-2, -1), keepdim=True)
    assert_close(grad(mutual_information(joint), z), expected.view(N, K).detach())


def test_gradient_of_mutual_information_with_an_impossible_value_is_finite(rng):
    joint = draw_joint(rng, N, 3, 4)
    joint = torch.from_numpy(np.pad(joint, [(0, 0), (1, 0), (0, 0)])).requires_grad_()
    assert grad(mutual_information(joint), joint).isfinite().all()


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16])
def test_gradient_is_finite_at_zeros(dtype):
    for function in (entropy, *OF_TWO):
        p = torch.tensor([0.0, 0.0, 0.5, 0.5], dtype=dtype, requires_grad=True)
        q = torch.tensor([0.0, 0.25, 0.25, 0.5], dtype=dtype, requires_grad=True)
        inputs = (p,) if function is entropy else (p, q)
        gradients = torch.autograd.grad(function(*inputs), inputs)
        assert all(gradient.dtype == dtype and gradient.isfinite().all() for gradient in gradients)


def test_gradient_survives_where_rounding_is_all_there_is(rng):
    p = torch.from_numpy(draw(rng, 1000, K, zeros=0))
    q = (p * (1 + 1e-15 * torch.from_numpy(rng.uniform(-1, 1, p.shape)))).requires_grad_()
    divergence = kl_divergence(p, q)
    assert (divergence == 0).any()
    assert_close(grad(divergence, q), (-p / q).detach())


# --- what goes in and what comes out


@pytest.mark.parametrize("dtype", [np.int64, np.int8, bool])
def test_integers_are_probabilities_too(dtype):
    sure = np.eye(K, dtype=dtype)
    assert entropy(sure).dtype == np.float64
    assert entropy(torch.from_numpy(sure)).dtype == torch.get_default_dtype()
    np.testing.assert_array_equal(entropy(sure), 0)
    for p in (sure[0], torch.from_numpy(sure[0])):
        assert float(kl_divergence(p, [0.5, *[0.1] * (K - 1)], base=2)) == pytest.approx(1)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_array_likes_beside_a_tensor_become_like_it(dtype):
    p, q = torch.tensor([0.25, 0.75], dtype=dtype), [0.5, 0.5]
    for function in OF_TWO:
        expected = function(p, torch.tensor(q, dtype=dtype))
        for other in (q, tuple(q), np.array(q)):
            torch.testing.assert_close(function(p, other), expected, rtol=0, atol=0)
            torch.testing.assert_close(function(other, p), function(torch.tensor(q, dtype=dtype), p), rtol=0, atol=0)


def test_lists_views_and_read_only_arrays_are_arrays():
    rng = np.random.default_rng(0)
    p = draw(rng, N, K)
    expected = entropy(p)
    backwards, frozen = p[:, ::-1], p.copy()
    frozen.flags.writeable = False
    for same in (p.tolist(), backwards, frozen, np.asfortranarray(p), p.astype(">f8")):
        np.testing.assert_allclose(entropy(same), expected, rtol=1e-12)


def test_what_goes_in_stays_as_it_is(kind):
    rng = np.random.default_rng(0)
    p, q = kind(draw(rng, N, K)), kind(draw(rng, N, K))
    before = np.stack([p, q])
    for function in OF_TWO:
        function(p, q)
    entropy(p)
    np.testing.assert_array_equal(np.stack([p, q]), before)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
def test_rounded_sums_are_accepted_and_forgotten_outcomes_are_not(dtype):
    eps = torch.finfo(dtype).eps
    for n in range(2, 200):
        h = entropy(torch.full((n,), 1 / n, dtype=dtype))
        assert h.dtype == dtype
        assert float(h) == pytest.approx(np.log(n), rel=4 * eps)
    softmax = torch.randn(8, 20_000, generator=torch.Generator().manual_seed(0)).to(dtype).softmax(-1)
    assert (entropy(softmax) < np.log(20_000) * (1 + 4 * eps)).all()
    with pytest.raises(ValueError, match="sum to 1"):
        entropy(torch.tensor([0.5, 0.4], dtype=dtype))


def test_sums_of_a_net_in_float32_are_accepted_in_float64():
    p = draw(np.random.default_rng(0), 1000, K).astype(np.float32).astype(np.float64)
    assert np.abs(p.sum(-1) - 1).max() > np.finfo(np.float64).eps ** 0.5
    assert np.isfinite(entropy(p)).all()


# --- refusals


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([1.5, -0.5], "expected probabilities of at least 0, got -0.5"),
        ([np.nan, 1.0], "expected probabilities of at least 0, got nan"),
        ([0.5, 0.75], "expected probabilities that sum to 1 along axis -1, got 1.25"),
        ([np.inf, 0.0], "expected probabilities that sum to 1 along axis -1, got inf"),
        ([[0.5, 0.5], [0.5, 0.0]], "expected probabilities that sum to 1 along axis -1, got 0.5"),
        (np.empty((3, 0)), "expected probabilities that sum to 1 along axis -1, got 0.0"),
    ],
)
def test_what_is_no_distribution_is_refused(kind, wrong, message):
    right = np.full(np.shape(wrong)[-1], 0.5)
    with pytest.raises(ValueError, match=f"p: {message}"):
        entropy(kind(wrong))
    for function in OF_TWO:
        with pytest.raises(ValueError, match=f"p: {message}"):
            function(kind(wrong), kind(right))
        if right.size:
            with pytest.raises(ValueError, match=f"q: {message}"):
                function(kind(right), kind(wrong))


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ([[0.5, 0.5], [0.5, 0.5]], r"joint: expected probabilities that sum to 1 along axis \(-2, -1\), got 2.0"),
        ([[1.5, -0.5], [0.0, 0.0]], "joint: expected probabilities of at least 0, got -0.5"),
        ([0.5, 0.5], r"joint: expected an array with axis \(-2, -1\), got shape \(2,\)"),
    ],
)
def test_what_is_no_joint_distribution_is_refused(kind, wrong, message):
    with pytest.raises(ValueError, match=message):
        mutual_information(kind(wrong))


@pytest.mark.parametrize("function", OF_TWO)
def test_shapes_that_do_not_broadcast_are_refused(kind, function):
    with pytest.raises(ValueError, match=r"p and q: expected shapes that broadcast, got \(2,\) and \(2, 3\)"):
        function(kind([0.5, 0.5]), kind([[0.5, 0.25, 0.25]] * 2))
    with pytest.raises(ValueError, match="q: expected probabilities that sum to 1 along axis -1, got 2"):
        function(kind([0.5, 0.5]), kind([1.0]))


@pytest.mark.parametrize("axis", [1, -2, (0, 1)])
def test_an_axis_that_is_not_there_is_refused(kind, axis):
    with pytest.raises(ValueError, match=r"p: expected an array with axis .*, got shape \(2,\)"):
        entropy(kind([0.5, 0.5]), axis=axis)


def test_a_number_is_no_distribution(kind):
    with pytest.raises(ValueError, match=r"p: expected an array with axis -1, got shape \(\)"):
        entropy(kind(1.0))


@pytest.mark.parametrize("base", [1, 0, -2, np.nan, np.inf])
def test_a_base_without_a_logarithm_is_refused(kind, base):
    p = kind([0.5, 0.5])
    for call in (
        lambda: entropy(p, base=base),
        lambda: mutual_information(p[None], base=base),
        *(lambda function=function: function(p, p, base=base) for function in OF_TWO),
    ):
        with pytest.raises(ValueError, match="base: expected a positive number other than 1, got"):
            call()


@pytest.mark.parametrize("wrong", [["a", "b"], [1j, 1]])
def test_what_holds_no_numbers_is_refused(wrong):
    with pytest.raises(TypeError, match="Cannot cast"):
        entropy(wrong)
