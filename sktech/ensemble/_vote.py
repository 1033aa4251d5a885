"""How members vote: what each vote counts, and what comes of the votes."""

import numpy as np
from scipy.special import logsumexp

# Errors and probabilities are kept so far from 0 before a logarithm is taken.
_SMALLEST = 1e-15


def vote(proba, weights, voting):
    """Shares of the votes.

    Parameters
    ----------
    proba : ndarray of shape (n_members, n, n_classes)
        Each member's probabilities.
    weights : ndarray of shape (n_members,)
        Not all zero.
    voting : {"soft", "hard"}
        Whether members give their probabilities, or their whole vote to one class.

    Returns
    -------
    proba : ndarray of shape (n, n_classes)
    """
    return np.einsum("k,knc->nc", weights / weights.sum(), as_votes(proba, voting))


def as_votes(proba, voting):
    """What each member says of each row, (n_members, n, n_classes): its probabilities, or 1 for the largest."""
    return proba if voting == "soft" else np.eye(proba.shape[2])[proba.argmax(axis=2)]


def accuracy_weights(right, unseen):
    """Log-odds of being right, log((1 - e) / e) with e the error on rows that the member has not seen; at least 0.

    Parameters
    ----------
    right : ndarray of shape (n_members, n), bool
        Whether the most probable class is the row's.
    unseen : ndarray of shape (n_members, n)
        Weights of the rows; 0 for those that a member has seen. Some member has not seen all.

    Returns
    -------
    weights : ndarray of shape (n_members,)
        Ones if no member is right more often than wrong. No error counts as half a row's.

    References
    ----------
    T. G. Dietterich, "Ensemble Methods in Machine Learning", MCS 2000, section 2.
    """
    total = unseen.sum(axis=1)
    least = _or_of_others(0.5 / np.maximum(total, 1), total)
    error = np.clip(_mean(~right, unseen), least, 1 - least)
    weights = np.maximum(np.log((1 - error) / error), 0)
    return weights if weights.any() else np.ones(len(weights))


def _mean(values, unseen):
    """Each member's weighted mean of values of rows, (n_members, n); a member that has seen all gets that of others."""
    total = unseen.sum(axis=1)
    return _or_of_others((values * unseen).sum(axis=1) / np.where(total > 0, total, 1), total)


def _or_of_others(values, total):
    """Values of members, (n_members,); in the place of one that has seen all rows the mean of the others."""
    return np.where(total > 0, values, values[total > 0].mean())


def bayes_weights(of_label, unseen, prior):
    """Posterior probabilities of the members, P(h | S) ~ P(S | h) P(h).

    S are the rows that a member has not seen. As each has other ones, the likelihood is that of as many rows as members
    have not seen on average.

    Parameters
    ----------
    of_label : ndarray of shape (n_members, n)
        Probabilities of the rows' classes.
    unseen
        As in :func:`accuracy_weights`.
    prior : ndarray of shape (n_members,)
        P(h) up to a factor.

    Returns
    -------
    weights : ndarray of shape (n_members,)

    References
    ----------
    T. G. Dietterich, "Ensemble Methods in Machine Learning", MCS 2000, section 2.1 (Bayesian voting).
    """
    log_likelihood = _mean(np.log(np.maximum(of_label, _SMALLEST)), unseen)
    with np.errstate(divide="ignore"):
        log_posterior = unseen.sum(axis=1).mean() * log_likelihood + np.log(prior)
    return np.exp(log_posterior - logsumexp(log_posterior))


def greedy_weights(of_label, y, unseen):
    """How often forward selection with replacement picks each member.

    The first pick is the member with the lowest log-loss, each further one that which lowers the log-loss of the mean
    most, until none does, at most as many as there are members. A row's mean is over members that have not seen it;
    where there is none, it is the share of the row's class.

    Parameters
    ----------
    of_label, unseen
        As in :func:`bayes_weights`.
    y : ndarray of shape (n,), int
        Class numbers.

    Returns
    -------
    weights : ndarray of shape (n_members,)

    References
    ----------
    R. Caruana, A. Niculescu-Mizil, G. Crew and A. Ksikes, "Ensemble Selection from Libraries of Models", ICML 2004,
    section 2.
    """
    asked, weight = unseen > 0, unseen.max(axis=0)
    shares = np.bincount(y, weight) / weight.sum()
    of_label = of_label * asked

    def losses(total, count):
        mean = np.where(count > 0, total / np.maximum(count, 1), shares[y])
        return -(np.log(np.maximum(mean, _SMALLEST)) @ weight)

    picked, total, count, best = np.zeros(len(of_label)), 0.0, 0, np.inf
    for _ in range(len(of_label)):
        with_each = losses(total + of_label, count + asked)
        k = with_each.argmin()
        if with_each[k] >= best:
            break
        best, total, count = with_each[k], total + of_label[k], count + asked[k]
        picked[k] += 1
    return picked
