"""Which two models can be told apart over several tables, and which groups cannot."""

import itertools

import numpy as np
import pandas as pd
from scipy.stats import rankdata, studentized_range, wilcoxon

from sktech.experiment.friedman import check_matrix
from sktech.experiment.significance import holm

_EXACT_UP_TO = 50  # tables, as in scipy


def nemenyi(matrix, confidence=0.95):
    """Nemenyi's test: which mean ranks differ (Demsar, 2006, section 3.2.2).

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        Scores, without NaN.
    confidence : float, default=0.95
        That none of the pairs is told apart by mistake.

    Returns
    -------
    critical_difference : float
        Mean ranks that differ by less cannot be told apart.
    p_values : DataFrame of shape (n_models, n_models)
        Of each pair, adjusted for all of them; 1 on the diagonal.

    Raises
    ------
    InputError
        If there are fewer than two tables or two models, or NaN.
    """
    n, k = check_matrix(matrix)
    error = np.sqrt(k * (k + 1) / (6 * n)) / np.sqrt(2)  # the studentized range is divided by the root of 2
    ranks = matrix.rank(axis=1).mean().to_numpy()
    i, j = np.triu_indices(k, 1)
    p_values = studentized_range.sf(np.abs(ranks[i] - ranks[j]) / error, k, np.inf)
    return float(studentized_range.ppf(confidence, k, np.inf) * error), _square(p_values, matrix.columns)


def wilcoxon_holm(matrix):
    """Wilcoxon's signed-rank test of each pair of models, adjusted by Holm for all of them.

    Which other models take part matters by their number only, unlike in Nemenyi's test.

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        Scores, without NaN. Tables on which two models are equal say nothing of the two. P-values are exact for up to
        50 other tables.

    Returns
    -------
    p_values : DataFrame of shape (n_models, n_models)
        1 on the diagonal. With fewer than :func:`tables_needed` tables none can be significant.

    Raises
    ------
    InputError
        If there are fewer than two tables or two models, or NaN.
    """
    check_matrix(matrix)
    pairs = itertools.combinations(matrix.to_numpy().T, 2)
    p_values = [_signed_rank_p_value(first - second) for first, second in pairs]
    return _square(holm(p_values), matrix.columns)


def tables_needed(n_models, confidence=0.95):
    """The smallest number of tables with which :func:`wilcoxon_holm` can tell two models apart.

    One that wins on all of n tables has the p-value 2^(1 - n), times the number of pairs.

    Parameters
    ----------
    n_models : int
        At least two.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    n_tables : int

    Examples
    --------
    >>> from sktech.experiment.pairwise import tables_needed
    >>> tables_needed(2), tables_needed(5), tables_needed(25)
    (6, 9, 14)
    """
    pairs = n_models * (n_models - 1) / 2
    return int(np.ceil(1 + np.log2(pairs / (1 - confidence))))


def pairwise_test(matrix, confidence=0.95):
    """The test of all pairs that has a chance: Wilcoxon's, or with more than two models on too few tables Nemenyi's.

    Nemenyi's depends on which other models take part: among many it can miss a model that is better than another one
    on every table (Benavoli, Corani and Mangili, 2016, "Should we really use post-hoc tests based on mean-ranks?",
    Journal of Machine Learning Research 17).

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        Scores, without NaN.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    p_values : DataFrame of shape (n_models, n_models)
        As of :func:`wilcoxon_holm` or :func:`nemenyi`.
    critical_difference : float or None
        Nemenyi's; None for Wilcoxon's test, which has none.

    Raises
    ------
    InputError
        If there are fewer than two tables or two models, or NaN.
    """
    n, k = check_matrix(matrix)
    if k == 2 or n >= tables_needed(k, confidence):
        return wilcoxon_holm(matrix), None
    critical_difference, p_values = nemenyi(matrix, confidence)
    return p_values, critical_difference


def cliques(ranks, p_values, confidence=0.95):
    """Groups of models none of which can be told from another one of the group.

    Parameters
    ----------
    ranks : Series of shape (n_models,)
        Mean ranks.
    p_values : DataFrame of shape (n_models, n_models)
        Of each pair, from :func:`nemenyi` or :func:`wilcoxon_holm`.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    groups : list of list of str
        Of neighbours in rank, the best first; as large as they can be, two models at least. They may overlap.

    Examples
    --------
    >>> import pandas as pd
    >>> from sktech.experiment.pairwise import cliques
    >>> ranks = pd.Series({"a": 1.2, "b": 2.0, "c": 2.8})
    >>> p_values = pd.DataFrame([[1, 0.3, 0.01], [0.3, 1, 0.2], [0.01, 0.2, 1]], index=ranks.index, columns=ranks.index)
    >>> cliques(ranks, p_values)
    [['a', 'b'], ['b', 'c']]
    """
    names = list(ranks.sort_values(kind="stable").index)
    together = p_values.loc[names, names].to_numpy() > 1 - confidence
    groups, reached = [], 0
    for first in range(len(names)):
        last = first + 1
        while last < len(names) and together[first:last, last].all():
            last += 1
        if last - first > 1 and last > reached:
            groups.append(names[first:last])
        reached = max(reached, last)
    return groups


def _signed_rank_p_value(gaps):
    """Wilcoxon's two-sided p-value; exact also with equal sizes, where scipy's would take seconds per pair."""
    gaps = gaps[gaps != 0]
    ranks = rankdata(np.abs(gaps))
    if len(gaps) == 0:
        return 1.0
    if len(np.unique(ranks)) == len(ranks) or len(ranks) > _EXACT_UP_TO:
        return wilcoxon(gaps).pvalue
    doubled = (2 * ranks).astype(int)  # shared ranks are halves
    chances = np.ones(1)  # of each sum of the ranks whose sign is positive
    for rank in doubled:
        chances = (np.pad(chances, (0, rank)) + np.pad(chances, (rank, 0))) / 2
    smaller = min(doubled[gaps > 0].sum(), doubled[gaps < 0].sum())
    return min(1.0, 2 * chances[: smaller + 1].sum())


def _square(upper, names):
    """A symmetric frame with 1 on its diagonal, from the values above it."""
    square = np.eye(len(names))
    square[np.triu_indices(len(names), 1)] = upper
    return pd.DataFrame(np.maximum(square, square.T), index=names, columns=names)
