"""Which model is the best on one table, if that can be told."""

import numpy as np

from sktech.experiment.paired import common_folds
from sktech.experiment.phrases import NAMES, listed, signed, superlative
from sktech.experiment.significance import NOISE, UNKNOWN, differences_to
from sktech.experiment.summary import LOWER_IS_BETTER, in_figures


def leaders(folds, score="log_loss", confidence=0.95):
    """The models that cannot be told from the best one, on one table.

    They hold the model that truly is the best with the confidence asked for; another one that is as good may be
    missing, since the best was chosen by the same scores. Models that failed in a fold don't take part, and folds that
    some of the others have not finished don't count.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`.
    score : str, default="log_loss"
        What is compared.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    names : list of str
        The best mean first. One name only if every other model is worse by more than the noise; none if no fold has
        been finished by all.

    Raises
    ------
    InputError
        As :func:`~sktech.experiment.significance.differences_to`.
    """
    best, _, others, _ = _contest(folds, score, confidence)
    return [] if best is None else [best, *_close(others).index]


def in_words(folds, score="log_loss", confidence=0.95):
    """Which model wins on one table, if any does.

    Parameters
    ----------
    folds : DataFrame
        As for :func:`sktech.experiment.significance.differences_to`.
    score : str, default="log_loss"
        What is compared.
    confidence : float, default=0.95
        In (0, 1).

    Returns
    -------
    text : str
        A few sentences. No winner is named where the :func:`leaders` are several.

    Raises
    ------
    InputError
        As :func:`~sktech.experiment.significance.differences_to`.
    """
    best, mean, others, left_out = _contest(folds, score, confidence)
    rest = f" Left out, for want of {NAMES[score]} in some fold: {listed(left_out)}." if left_out else ""
    if best is None:
        return f"Nothing to compare: no fold has been finished by all models.{rest}"
    lead = f"the {superlative(score)} ({in_figures(score, mean)})"
    if others.empty:
        return f"Nothing to compare: {best} is the only model with this score ({in_figures(score, mean)}).{rest}"
    if others["folds"].max() == 1:
        return f"One fold only: differences cannot be tested. {best} has {lead}.{rest}"
    close = _close(others)
    if close.empty:
        the_others = "the other model is" if len(others) == 1 else "every other model is"
        second = _told(others.index[0], others.iloc[0], score, confidence)
        return f"{best} wins with {lead}: {the_others} worse by more than the noise. Next is {second}.{rest}"
    told = [_told(model, row, score, confidence) for model, row in close.iterrows()]
    text = f"No winner: {best} has {lead}, but {listed(told, limit=2)} {'is' if len(told) == 1 else 'are'} {NOISE}."
    if ((close["low"] > 0) | (close["high"] < 0)).any():
        text += f" Each interval is for one comparison; what is noise allows for all {len(others)}."
    return text + rest


def _contest(folds, score, confidence):
    """The best model, its mean, how the others differ from it, and who was left out."""
    scores, left_out = common_folds(folds, score)
    if scores.empty:
        return None, np.nan, None, left_out
    means = scores.mean()
    best = means.idxmin() if LOWER_IS_BETTER[score] else means.idxmax()
    counted = folds.set_index(scores.index.names).loc[scores.index].reset_index()
    others = differences_to(counted[counted["model"].isin(scores)], best, score, confidence)
    return best, means[best], others, left_out


def _close(others):
    return others[others["verdict"].isin([NOISE, UNKNOWN])]


def _told(model, row, score, confidence):
    """Such as "catboost (+0.0040, 95 % interval -0.0060 to +0.0140)"."""
    if np.isnan(row["low"]):
        return f"{model} ({signed(score, row['mean'])} in each of {row['folds']} folds)"
    interval = f"{signed(score, row['low'])} to {signed(score, row['high'])}"
    return f"{model} ({signed(score, row['mean'])}, {100 * confidence:g} % interval {interval})"
