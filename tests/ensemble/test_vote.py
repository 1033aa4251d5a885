"""Laws of votes, and of what each counts."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import binom

from sktech.ensemble import _vote
from sktech.ensemble._base import _uncertainty
from sktech.ensemble._vote import as_votes, vote


def accuracy_weights(proba, y, unseen):
    return _vote.accuracy_weights(proba.argmax(axis=2) == y, unseen)


def bayes_weights(proba, y, unseen, prior):
    return _vote.bayes_weights(proba[:, np.arange(len(y)), y], unseen, prior)


def greedy_weights(proba, y, unseen):
    return _vote.greedy_weights(proba[:, np.arange(len(y)), y], y, unseen)


SEEDS = range(5)


@pytest.fixture(params=SEEDS)
def rng(request):
    return np.random.default_rng(request.param)


def members(rng, n_members=6, n=80, n_classes=3, skill=1.0):
    """Probabilities of members of different skill, the labels, and which rows each has not seen."""
    y = rng.integers(0, n_classes, n)
    logits = rng.normal(size=(n_members, n, n_classes))
    logits[:, np.arange(n), y] += skill * rng.random((n_members, 1))
    proba = np.exp(logits)
    unseen = (rng.random((n_members, n)) < 0.4).astype(float)
    return proba / proba.sum(axis=2, keepdims=True), y, unseen


def log_loss(proba, y):
    return -np.log(proba[..., np.arange(len(y)), y]).mean(axis=-1)


def certain(votes, n_classes):
    """Members that are sure of these classes, (n_members, n)."""
    return np.eye(n_classes)[votes]


# ------------------------------------------------------------ votes


@pytest.mark.parametrize("voting", ["soft", "hard"])
def test_shares_are_distributions_and_a_common_factor_of_the_weights_does_not_matter(rng, voting):
    proba, _, _ = members(rng)
    weights = rng.random(6)
    shares = vote(proba, weights, voting)
    assert (shares >= 0).all()
    assert_allclose(shares.sum(axis=1), 1, rtol=1e-12)
    assert_allclose(vote(proba, 1e6 * weights, voting), shares, rtol=1e-12)
    order = rng.permutation(6)
    assert_allclose(vote(proba[order], weights[order], voting), shares, rtol=1e-12)


def test_soft_votes_are_the_weighted_mean(rng):
    proba, _, _ = members(rng)
    weights = rng.random(6)
    assert_allclose(vote(proba, weights, "soft"), np.average(proba, axis=0, weights=weights), rtol=1e-12)
    assert_allclose(vote(proba, np.ones(6), "soft"), proba.mean(axis=0), rtol=1e-12)


def test_hard_votes_are_counted(rng):
    proba, _, _ = members(rng)
    weights = rng.integers(0, 4, 6) + (np.arange(6) == 0)
    counts = np.zeros((80, 3))
    for own, weight in zip(proba, weights, strict=True):
        for row in range(80):
            counts[row, list(own[row]).index(max(own[row]))] += weight
    assert_allclose(vote(proba, weights, "hard"), counts / weights.sum(), rtol=1e-12)
    assert_array_equal(as_votes(proba, "hard").sum(axis=2), 1)


def test_the_vote_of_one_member_is_its_own(rng):
    proba, _, _ = members(rng)
    for k in range(6):
        alone = np.eye(6)[k]
        assert_allclose(vote(proba, alone, "soft"), proba[k], rtol=1e-12)
        assert_array_equal(vote(proba, alone, "hard").argmax(axis=1), proba[k].argmax(axis=1))


def test_the_mean_loses_at_most_the_mean_loss(rng):
    """Jensen: -log is convex; equal where all members say the same."""
    for skill in (0.0, 1.0, 5.0):
        proba, y, _ = members(rng, skill=skill)
        weights = rng.random(6)
        of_members = log_loss(proba, y)
        assert log_loss(vote(proba, np.ones(6), "soft"), y) < of_members.mean()
        assert log_loss(vote(proba, weights, "soft"), y) < np.average(of_members, weights=weights)
        same = np.repeat(proba[:1], 6, axis=0)
        assert log_loss(vote(same, weights, "soft"), y) == pytest.approx(of_members[0], rel=1e-12)


@pytest.mark.parametrize("error", [0.1, 0.3, 0.45])
def test_all_outcomes_of_independent_voters_together_err_as_the_binomial_says(error):
    """Exactly: each of the 2^11 patterns of right and wrong votes, with its probability."""
    wrong = np.array(list(product([0, 1], repeat=11))).T
    p = np.prod(np.where(wrong, error, 1 - error), axis=0)
    mistaken = vote(certain(wrong, 2), np.ones(11), "hard").argmax(axis=1)
    assert p.sum() == pytest.approx(1, rel=1e-12)
    assert mistaken @ p == pytest.approx(binom.sf(5, 11, error), rel=1e-12)


def test_21_voters_who_err_in_30_percent_err_together_in_2_6_percent(rng):
    """Dietterich 2000, figure 1: exactly, with one row for each number of wrong votes, and drawn."""
    wrong = np.stack([rng.permutation(np.arange(21) < k) for k in range(22)], axis=1).astype(int)
    mistaken = vote(certain(wrong, 2), np.ones(21), "hard").argmax(axis=1)
    expected = mistaken @ binom.pmf(np.arange(22), 21, 0.3)
    assert expected == pytest.approx(binom.sf(10, 21, 0.3), rel=1e-12)
    assert expected == pytest.approx(0.02639, abs=5e-6)
    n = 20_000
    drawn = (rng.random((21, n)) < 0.3).astype(int)
    rate = vote(certain(drawn, 2), np.ones(21), "hard").argmax(axis=1).mean()
    assert abs(rate - expected) < 5 * np.sqrt(expected * (1 - expected) / n)


def test_log_odds_are_the_best_weights_of_independent_voters(rng):
    """With them the majority is the more probable class, in each of the 2^9 patterns (Nitzan and Paroush, 1982)."""
    error = rng.uniform(0.05, 0.49, 9)
    votes = np.array(list(product([0, 1], repeat=9))).T
    if_one = np.prod(np.where(votes, 1 - error[:, None], error[:, None]), axis=0)
    if_zero = np.prod(np.where(votes, error[:, None], 1 - error[:, None]), axis=0)
    shares = vote(certain(votes, 2), np.log((1 - error) / error), "hard")
    assert_array_equal(shares[:, 1] > shares[:, 0], if_one > if_zero)


# ------------------------------------------------------------ accuracy


def test_accuracy_weights_are_the_log_odds_of_being_right_on_unseen_rows(rng):
    proba, y, unseen = members(rng, n=200, skill=3.0)
    weight = unseen * rng.integers(1, 4, 200)
    weights = accuracy_weights(proba, y, weight)
    for k in range(6):
        wrong = total = 0.0
        for row in range(200):
            total += weight[k, row]
            wrong += weight[k, row] * (proba[k, row].argmax() != y[row])
        error = wrong / total
        assert 0 < error < 1
        assert weights[k] == pytest.approx(max(np.log((1 - error) / error), 0), rel=1e-12)
    assert (weights > 0).sum() > 1


def test_accuracy_weights_do_not_look_at_rows_that_were_seen(rng):
    proba, y, unseen = members(rng)
    changed = np.where(unseen[:, :, None] > 0, proba, rng.dirichlet(np.ones(3), (6, 80)))
    assert_array_equal(accuracy_weights(changed, y, unseen), accuracy_weights(proba, y, unseen))


def test_no_error_counts_as_half_a_rows():
    y = np.zeros(10, dtype=int)
    proba = certain(np.stack([y, 1 - (np.arange(10) > 0)]), 2)
    for n in (4, 10):
        unseen = np.ones((2, 10)) * (np.arange(10) < n)
        assert_allclose(accuracy_weights(proba, y, unseen)[0], np.log((n - 0.5) / 0.5), rtol=1e-12)


def test_who_is_right_less_than_half_of_the_time_has_no_vote_unless_all_are():
    y = np.zeros(10, dtype=int)
    good, coin, bad = np.arange(10) < 2, np.arange(10) < 5, np.arange(10) < 8  # where they err
    unseen = np.ones((3, 10))
    weights = accuracy_weights(certain(np.stack([good, coin, bad]).astype(int), 2), y, unseen)
    assert_allclose(weights, [np.log(4), 0, 0], atol=1e-15)
    nobody = np.stack([coin, bad, np.ones(10)]).astype(int)
    assert_array_equal(accuracy_weights(certain(nobody, 2), y, unseen), 1)


def test_who_has_seen_all_rows_is_taken_for_one_of_the_others(rng):
    """With their mean error, and their mean log-likelihood."""
    proba, y, unseen = members(rng, n=200, skill=3.0)
    unseen[2] = 0
    others = np.arange(6) != 2
    errors = np.array(
        [np.average(own.argmax(axis=1) != y, weights=w) for own, w in zip(proba, unseen, strict=True) if w.any()]
    )
    weights = accuracy_weights(proba, y, unseen)
    assert weights[2] == pytest.approx(np.log((1 - errors.mean()) / errors.mean()), rel=1e-9)
    assert_allclose(weights[others], np.maximum(np.log((1 - errors) / errors), 0), rtol=1e-9)
    posterior = bayes_weights(proba, y, unseen, np.ones(6))
    assert np.log(posterior[2]) == pytest.approx(np.log(posterior[others]).mean(), rel=1e-9)


@pytest.mark.parametrize("n", [1, 3])
def test_who_has_seen_all_rows_is_no_surer_than_others_that_never_err(n):
    y, unseen = np.zeros(n, dtype=int), np.ones((3, n))
    unseen[1] = 0
    weights = accuracy_weights(certain(np.zeros((3, n), dtype=int), 2), y, unseen)
    assert_allclose(weights, np.log((n - 0.5) / 0.5) if n > 1 else 1.0, rtol=1e-12)


# ------------------------------------------------------------ Bayes


def test_bayes_weights_are_posterior_probabilities(rng):
    """By hand, as products: all members have not seen the same number of rows."""
    proba, y, _ = members(rng, n=30)
    unseen = np.stack([rng.permutation(30) < 12 for _ in range(6)]).astype(float)
    prior = rng.random(6)
    likelihood = np.array([np.prod([proba[k, i, y[i]] for i in np.flatnonzero(unseen[k])]) for k in range(6)])
    posterior = prior * likelihood / (prior * likelihood).sum()
    assert_allclose(bayes_weights(proba, y, unseen, prior), posterior, rtol=1e-9)


def test_the_posterior_is_proportional_to_the_prior(rng):
    proba, y, unseen = members(rng, n=30)
    flat, prior = np.ones(6), rng.random(6)
    one, other = (bayes_weights(proba, y, unseen, p) for p in (flat, prior))
    assert_allclose(other / one / prior, (other / one / prior)[0], rtol=1e-9)
    assert_allclose(bayes_weights(proba, y, unseen, 7 * prior), other, rtol=1e-12)
    same = np.repeat(proba[:1], 6, axis=0)
    assert_allclose(bayes_weights(same, y, np.ones((6, 30)), prior), prior / prior.sum(), rtol=1e-12)


def test_who_is_impossible_before_is_impossible_after(rng):
    proba, y, unseen = members(rng)
    prior = np.array([0.0, 1, 2, 0, 1, 1])
    weights = bayes_weights(proba, y, unseen, prior)
    assert_array_equal(weights[[0, 3]], 0)
    assert weights.sum() == pytest.approx(1, rel=1e-12)


def test_a_member_with_more_unseen_rows_is_not_punished_for_them(rng):
    """The likelihood is per row, times the mean number of rows: members that say the same everywhere weigh the same."""
    y = rng.integers(0, 2, 60)
    proba = np.full((3, 60, 2), 0.3)
    proba[:, np.arange(60), y] = 0.7
    unseen = (np.arange(60) < np.array([[10], [30], [60]])).astype(float)
    assert_allclose(bayes_weights(proba, y, unseen, np.ones(3)), 1 / 3, rtol=1e-12)
    better = proba.copy()
    better[0, np.arange(60), y], better[0, np.arange(60), 1 - y] = 0.71, 0.29
    odds = bayes_weights(better, y, unseen, np.ones(3))
    assert np.log(odds[0] / odds[1]) == pytest.approx(np.mean([10, 30, 60]) * np.log(0.71 / 0.7), rel=1e-9)


def test_many_rows_and_certain_mistakes_stay_finite():
    y = np.zeros(100_000, dtype=int)
    proba = certain(np.stack([y, y, 1 - y]), 2)
    proba[1] = [0.9, 0.1]
    weights = bayes_weights(proba, y, np.ones((3, len(y))), np.ones(3))
    assert_allclose(weights, [1, 0, 0], atol=1e-12)


# ------------------------------------------------------------ greedy selection


def selected_by_hand(proba, y, unseen):
    """Caruana's loop, row by row and member by member."""
    n_members, n, n_classes = proba.shape
    row_weight = [max(unseen[k][i] for k in range(n_members)) for i in range(n)]
    of_class = [sum(w for w, label in zip(row_weight, y, strict=True) if label == c) for c in range(n_classes)]

    def loss(bag):
        total = 0.0
        for i in range(n):
            voters = [k for k in bag if unseen[k][i] > 0]
            p = np.mean([proba[k][i][y[i]] for k in voters]) if voters else of_class[y[i]] / sum(of_class)
            total -= row_weight[i] * np.log(max(p, 1e-15))
        return total

    bag, best = [], np.inf
    while len(bag) < n_members:
        losses = [loss([*bag, k]) for k in range(n_members)]
        if min(losses) >= best:
            break
        best = min(losses)
        bag.append(losses.index(best))
    return np.bincount(bag, minlength=n_members)


@pytest.mark.parametrize("skill", [0.5, 3.0])
def test_greedy_weights_are_those_of_caruanas_loop(rng, skill):
    proba, y, unseen = members(rng, n=40, skill=skill)
    weight = unseen * rng.integers(1, 3, 40)
    picked = greedy_weights(proba, y, weight)
    assert_array_equal(picked, selected_by_hand(proba, y, weight))
    assert 1 <= picked.sum() <= 6


def test_greedy_selection_is_no_worse_than_the_best_member(rng):
    proba, y, _ = members(rng, skill=3.0)
    picked = greedy_weights(proba, y, np.ones((6, 80)))
    assert log_loss(vote(proba, picked, "soft"), y) <= log_loss(proba, y).min() + 1e-12
    assert picked[log_loss(proba, y).argmin()] >= 1, "the first pick is the best member"


def test_greedy_selection_stops_where_nothing_helps():
    y = np.arange(20) % 2
    proba = certain(np.stack([y, 1 - y, np.zeros(20, dtype=int)]), 2) * 0.98 + 0.01
    assert_array_equal(greedy_weights(proba, y, np.ones((3, 20))), [1, 0, 0])


def test_greedy_selection_picks_members_who_complete_each_other():
    """Each is wrong in its own third, and a sure copy of the first adds nothing to the others."""
    y, third = np.zeros(30, dtype=int), np.arange(30) % 3
    proba = np.stack([np.where(third[:, None] == k, [0.05, 0.95], [0.95, 0.05]) for k in range(3)])
    picked = greedy_weights(proba, y, np.ones((3, 30)))
    assert_array_equal(picked, 1)


# ------------------------------------------------------------ uncertainty


def entropy_by_hand(proba):
    return -sum(p * np.log(p) for p in proba if p > 0)


@pytest.mark.parametrize("weighted", [False, True])
def test_uncertainty_is_what_its_formulas_say(rng, weighted):
    proba, _, _ = members(rng, n=25)
    proba[0, 3] = [1, 0, 0]
    weights = rng.random(6) if weighted else np.ones(6)
    weights = weights / weights.sum()
    total, expected, between = _uncertainty(proba, weights)
    for i in range(25):
        mean = sum(w * own for w, own in zip(weights, proba[:, i], strict=True))
        of_members = sum(w * entropy_by_hand(own) for w, own in zip(weights, proba[:, i], strict=True))
        divergence = sum(
            w * sum(p * np.log(p / q) for p, q in zip(own, mean, strict=True) if p > 0)
            for w, own in zip(weights, proba[:, i], strict=True)
        )
        assert total[i] == pytest.approx(entropy_by_hand(mean), rel=1e-12)
        assert expected[i] == pytest.approx(of_members, rel=1e-10)
        assert between[i] == pytest.approx(divergence, rel=1e-9)
    assert_allclose(total, expected + between, rtol=1e-12)
    assert (between > 0).all()
    assert (between <= entropy_by_hand(weights) + 1e-12).all()


def test_who_agrees_has_nothing_to_tell(rng):
    proba, _, _ = members(rng)
    same = np.repeat(proba[:1], 6, axis=0)
    weights = rng.dirichlet(np.ones(6))
    total, expected, between = _uncertainty(same, weights)
    assert (between >= 0).all()
    assert_allclose(between, 0, atol=1e-12)
    assert_allclose(expected, total, rtol=1e-12)


def test_two_who_are_certain_of_opposites_do_not_know_one_bit():
    proba = np.array([[[1.0, 0.0]], [[0.0, 1.0]]])
    total, expected, between = _uncertainty(proba, np.array([0.5, 0.5]))
    assert_allclose(between, np.log(2), rtol=1e-12)
    assert_allclose(total, np.log(2), rtol=1e-12)
    assert_allclose(expected, 0, atol=1e-12)


def test_a_member_without_a_vote_adds_no_uncertainty(rng):
    proba, _, _ = members(rng)
    weights = np.append(rng.dirichlet(np.ones(5)), 0.0)
    for part, without in zip(_uncertainty(proba, weights), _uncertainty(proba[:5], weights[:5]), strict=True):
        assert_allclose(part, without, rtol=1e-12)
