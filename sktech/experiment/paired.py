"""The scores of all folds, one column per model, so that models are compared on the same folds."""

from sktech.experiment.errors import InputError
from sktech.experiment.phrases import listed
from sktech.experiment.summary import LOWER_IS_BETTER

FOLD = ["table", "repeat", "fold"]


def fold_scores(folds, score):
    """Folds x models -> the score; NaN where a model has none.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`, of any number of tables.
    score : str

    Returns
    -------
    scores : DataFrame of shape (n_folds, n_models)
        Index ``table``, ``repeat`` and ``fold``; models in the order in which they come.
    """
    return folds.pivot(index=FOLD, columns="model", values=score)[folds["model"].unique()]


def fold_sizes(folds):
    """The rows of each fold.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`fold_scores`.

    Returns
    -------
    sizes : DataFrame of shape (n_folds, 2)
        ``n_train`` and ``n_test``; the index is that of :func:`fold_scores`.
    """
    return folds.groupby(FOLD)[["n_train", "n_test"]].first()


def common_folds(folds, score):
    """The scores of the models that failed nowhere, on the folds that all of them have finished.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`, of any number of tables.
    score : str

    Returns
    -------
    scores : DataFrame of shape (n_folds, n_models)
        As :func:`fold_scores`, without NaN.
    left_out : dict of str to list of str
        Per model that lacks the score in a fold that it has finished the tables where that is so.

    Raises
    ------
    InputError
        If there is no such score.
    """
    check_score(folds, score)
    failed = folds[folds[score].isna()]
    left_out = {model: list(rows["table"].unique()) for model, rows in failed.groupby("model", sort=False)}
    return fold_scores(folds[~folds["model"].isin(left_out)], score).dropna(), left_out


def check_score(folds, score):
    """Refuse a score that is unknown or not a column."""
    if score not in LOWER_IS_BETTER or score not in folds:
        raise InputError(f"expected one of the scores {listed(LOWER_IS_BETTER)}, got {score!r}")
