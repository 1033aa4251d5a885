"""Several tables: how models score and rank over all of them."""

import itertools

import numpy as np
import pandas as pd

from sktech.experiment.errors import InputError
from sktech.experiment.paired import check_score, common_folds, fold_scores, fold_sizes
from sktech.experiment.phrases import listed
from sktech.experiment.significance import paired_test
from sktech.experiment.summary import LOWER_IS_BETTER


def score_matrix(folds, score="log_loss"):
    """Tables x models -> the mean of a score over the folds.

    Ranks need the score of every model on every table. So a model that failed in one fold of one table, or that has no
    such score, is left out; and folds that some of the other models have not finished don't count.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`, of any number of tables.
    score : str, default="log_loss"
        What is compared.

    Returns
    -------
    matrix : DataFrame of shape (n_tables, n_models)
        Without NaN. Tables none of whose folds has been finished by all models are missing.
    left_out : dict of str to list of str
        Per model that is left out the tables on which it lacks the score.

    Raises
    ------
    InputError
        If there is no such score.
    """
    scores, left_out = common_folds(folds, score)
    matrix = scores.groupby("table").mean()
    return matrix.loc[[table for table in folds["table"].unique() if table in matrix.index]], left_out


def mean_ranks(matrix, lower_is_better):
    """The rank of each model, averaged over the tables.

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        Scores.
    lower_is_better : bool

    Returns
    -------
    ranks : Series of shape (n_models,)
        The best first; the best model of a table has rank 1, and equal ones share the mean of their ranks.

    Examples
    --------
    >>> import pandas as pd
    >>> from sktech.experiment.across import mean_ranks
    >>> accuracy = pd.DataFrame({"net": [0.9, 0.8], "forest": [0.7, 0.8]}, index=["iris", "wine"])
    >>> mean_ranks(accuracy, lower_is_better=False).to_dict()
    {'net': 1.25, 'forest': 1.75}
    """
    return matrix.rank(axis=1, ascending=lower_is_better).mean().sort_values(kind="stable")


def wins_ties_losses(folds, score="log_loss", reference=None, confidence=0.95):
    """On how many tables each model is better, as good, or worse than another one.

    A win needs the corrected test of the table's folds to be significant, by itself: the counts are not adjusted for
    the number of tables and models.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`, of any number of tables.
    score : str, default="log_loss"
        What is compared.
    reference : str or None, default=None
        Compare with this model only.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    counts : DataFrame of shape (n_pairs, 3)
        Index ``model`` and ``against``, each pair in both orders; columns ``wins``, ``ties`` and ``losses``. Tables on
        which the two have no fold in common don't count.

    Raises
    ------
    InputError
        If there is no such score or reference.
    """
    check_score(folds, score)
    models = list(folds["model"].unique())
    if reference is not None and reference not in models:
        raise InputError(f"expected a reference among {listed(models)}, got {reference!r}")
    scores = fold_scores(folds, score)
    sizes = fold_sizes(folds)
    pairs = [(a, b) for a, b in itertools.combinations(models, 2) if reference in (None, a, b)]
    counts = {order: np.zeros(3, dtype=int) for pair in pairs for order in (pair, pair[::-1])}
    sign = 1 if LOWER_IS_BETTER[score] else -1
    for table, frame in scores.groupby("table"):
        columns, rows = dict(zip(models, frame.to_numpy().T, strict=True)), sizes.loc[[table]].to_numpy()
        for a, b in pairs:
            n, test = paired_test(columns[a], columns[b], rows, confidence)
            if n:
                place = int(np.sign(sign * test.mean)) if test.p_value <= 1 - confidence else 0  # NaN is a tie
                counts[a, b][1 + place] += 1
                counts[b, a][1 - place] += 1
    order = [(a, b) for a, b in itertools.permutations(models, 2) if reference in (None, b)]
    index = pd.MultiIndex.from_tuples(order, names=["model", "against"])
    return pd.DataFrame([counts[pair] for pair in order], index, ["wins", "ties", "losses"])
