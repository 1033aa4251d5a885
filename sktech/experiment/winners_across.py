"""Which model is the best over several tables, if that can be told."""

import numpy as np

from sktech.experiment.across import mean_ranks, score_matrix
from sktech.experiment.friedman import friedman
from sktech.experiment.pairwise import cliques, pairwise_test, tables_needed
from sktech.experiment.phrases import NAMES, counted, listed, p_value_told
from sktech.experiment.summary import LOWER_IS_BETTER


def across_in_words(folds, score="log_loss", confidence=0.95):
    """Which model wins over several tables, if any does.

    Friedman's test comes first. Only if it finds a difference is the best mean rank told, and which other models cannot
    be told from it, by :func:`~sktech.experiment.pairwise.pairwise_test`. Two models need no Friedman's test.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`, of any number of tables.
    score : str, default="log_loss"
        What is compared.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    text : str
        A few sentences.

    Raises
    ------
    InputError
        If there is no such score.
    """
    matrix, left_out = score_matrix(folds, score)
    text = _verdict(matrix, score, confidence)
    if left_out:
        told = [f"{model} (on {listed(tables, limit=3)})" for model, tables in left_out.items()]
        text += f" Left out, for want of {NAMES[score]} in some fold: {listed(told)}."
    if unfinished := [table for table in folds["table"].unique() if table not in matrix.index]:
        text += f" Not counted, as no fold has been finished by all models: {listed(unfinished)}."
    return text


def groups(matrix, lower_is_better, confidence=0.95):
    """Groups of models that cannot be told apart over several tables, as the diagram of mean ranks joins them.

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        As of :func:`~sktech.experiment.across.score_matrix`; two tables and two models at least.
    lower_is_better : bool
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    groups : list of list of str
        One of all models if Friedman's test finds no difference, otherwise the
        :func:`~sktech.experiment.pairwise.cliques`.
    critical_difference : float or None
        Of mean ranks; None where Wilcoxon's test makes the groups.

    Raises
    ------
    InputError
        If there are fewer than two tables or two models.
    """
    ranks = mean_ranks(matrix, lower_is_better)
    p_values, critical_difference = pairwise_test(matrix, confidence)
    if _all_alike(matrix, confidence):
        return [list(ranks.index)], critical_difference
    return cliques(ranks, p_values, confidence), critical_difference


def _verdict(matrix, score, confidence):
    n, k = matrix.shape
    if k < 2 or n < 2:
        return f"Nothing to rank: {counted(k, 'model')} on {counted(n, 'table')}, and it takes two of each."
    if _all_alike(matrix, confidence):
        found = f"Friedman's test does not find a difference between {k} models over {n} tables"
        return f"No winner: {found} ({p_value_told(friedman(matrix).p_value)}), so their mean ranks are no ranking."
    ranks = mean_ranks(matrix, LOWER_IS_BETTER[score])
    best, others = ranks.index[0], ranks.iloc[1:]
    by, apart = _told_from(matrix, best, others, LOWER_IS_BETTER[score], confidence)
    lead = f"the best mean rank ({ranks.iloc[0]:.2f} among {k} models over {n} tables)"
    if apart.all():
        return f"{best} wins with {lead}: {by} tells it from every other model. Next is {_with_rank(others)[0]}."
    return f"No winner: {best} has {lead}, but {by} cannot tell it from {listed(_with_rank(others[~apart]))}."


def _all_alike(matrix, confidence):
    """Whether Friedman's test, which two models do without, finds no difference."""
    return matrix.shape[1] > 2 and friedman(matrix).p_value > 1 - confidence


def _told_from(matrix, best, others, lower_is_better, confidence):
    """The name of the test, and for each of the other models whether it tells the best one from it."""
    p_values, critical_difference = pairwise_test(matrix, confidence)
    apart = p_values.loc[best, others.index] <= 1 - confidence
    needed = tables_needed(len(p_values), confidence)
    if critical_difference is not None:
        by = f"Nemenyi's test (critical difference {critical_difference:.2f}; Wilcoxon's would take {needed} tables)"
        return by, apart
    gaps = matrix[others.index].sub(matrix[best], axis=0) * (1 if lower_is_better else -1)
    in_favour = (gaps.abs().rank() * np.sign(gaps)).sum() > 0  # the signed ranks need not agree with the mean ranks
    more = f", which takes {needed} tables," if len(matrix) < needed else " with Holm's adjustment"
    return f"Wilcoxon's signed-rank test{more}", apart & in_favour


def _with_rank(ranks):
    return [f"{model} ({rank:.2f})" for model, rank in ranks.items()]
