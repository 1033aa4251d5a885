"""Differences between models on one table, and whether they are more than noise.

The folds of a cross-validation share their training rows, so that their scores are not independent and an ordinary
t-test finds far too many differences. The corrected test allows for it.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import stdtr, stdtrit

from sktech.experiment.errors import InputError
from sktech.experiment.paired import check_score, fold_scores, fold_sizes
from sktech.experiment.phrases import listed
from sktech.experiment.summary import LOWER_IS_BETTER

NOISE, UNKNOWN = "within the noise", "not comparable"
_ROUNDING = 1e-9  # differences that are as near to each other as this share of their size are the same


class Difference(NamedTuple):
    """A mean difference, its confidence interval, and the p-value of there being none.

    Parameters
    ----------
    mean, low, high : float
        In the unit of the score; ``low`` and ``high`` are NaN where nothing is known of the noise.
    p_value : float
        Two-sided; NaN where nothing is known of the noise.
    """

    mean: float
    low: float
    high: float
    p_value: float


def corrected_test(differences, n_train, n_test, confidence=0.95):
    """The corrected resampled t-test (Nadeau and Bengio, 2003, "Inference for the generalization error", Machine
    Learning 52).

    Training sets that overlap make the scores of J folds alike. Their mean is given the variance
    (1 / J + n_test / n_train) s^2 instead of s^2 / J, with s^2 the folds' unbiased variance, and is compared with
    Student's distribution of J - 1 degrees of freedom. Folds of all repeats count. Without repeats the test is
    cautious: it finds fewer differences than its level allows.

    Parameters
    ----------
    differences : array-like of shape (n_folds,)
        Per fold the score of one model minus that of the other.
    n_train, n_test : int or array-like of shape (n_folds,)
        Rows; where folds differ their mean counts.
    confidence : float, default=0.95
        Of the interval, in (0, 1).

    Returns
    -------
    difference : Difference
        With one fold, all but the mean is NaN. Folds that all have the same difference show no noise that it could be
        compared with: where it is 0, p is 1; otherwise p is that of the sign test, 2^(1 - J), since 0 would claim a
        certainty that J equal numbers do not give, and the interval is NaN.

    Raises
    ------
    InputError
        If there is no difference or one that is not finite, or if ``n_train``, ``n_test`` or ``confidence`` is out of
        range.

    Examples
    --------
    >>> from sktech.experiment.significance import corrected_test
    >>> d = corrected_test([0.01, 0.03, 0.02, 0.04, 0.00], n_train=80, n_test=20)
    >>> [round(value, 4) for value in d]
    [0.02, -0.0094, 0.0494, 0.1324]
    """
    differences = np.asarray(differences, dtype=float)
    if differences.ndim != 1 or not differences.size or not np.isfinite(differences).all():
        raise InputError(f"expected finite differences, one per fold, got {differences}")
    n_train, n_test = np.mean(n_train), np.mean(n_test)
    if not (n_train > 0 and n_test > 0):
        raise InputError(f"expected training and test rows, got {n_train:g} and {n_test:g}")
    if not 0 < confidence < 1:
        raise InputError(f"expected a confidence between 0 and 1, got {confidence}")
    n, mean = len(differences), float(differences.mean())
    if n == 1:
        return Difference(mean, np.nan, np.nan, np.nan)
    if not differences.any():
        return Difference(0.0, 0.0, 0.0, 1.0)
    if np.ptp(differences) <= _ROUNDING * np.abs(differences).max():
        return Difference(mean, np.nan, np.nan, 0.5 ** (n - 1))
    error = np.sqrt((1 / n + n_test / n_train) * differences.var(ddof=1))
    reach = float(stdtrit(n - 1, (1 + confidence) / 2) * error)
    return Difference(mean, mean - reach, mean + reach, float(2 * stdtr(n - 1, -abs(mean) / error)))


def holm(p_values):
    """P-values adjusted so that among all of them together a false finding is as rare as the level says (Holm, 1979).

    Parameters
    ----------
    p_values : array-like of shape (n,)
        NaN stands for a test that could not be made; it stays NaN and does not count.

    Returns
    -------
    adjusted : ndarray of shape (n,)

    Examples
    --------
    >>> from sktech.experiment.significance import holm
    >>> holm([0.04, 0.01, 0.02]).round(2).tolist()
    [0.04, 0.03, 0.04]
    """
    adjusted = np.array(p_values, dtype=float)
    order = np.argsort(adjusted)[: np.isfinite(adjusted).sum()]  # NaN is sorted last
    steps = np.arange(len(order), 0, -1)
    adjusted[order] = np.minimum(np.maximum.accumulate(steps * adjusted[order]), 1)
    return adjusted


def paired_test(scores, others, sizes, confidence=0.95):
    """The corrected test of two models on the folds that both have.

    Parameters
    ----------
    scores, others : array-like of shape (n_folds,)
        Of the one and the other model; NaN where there is none.
    sizes : array-like of shape (n_folds, 2)
        Training and test rows, as of :func:`sktech.experiment.paired.fold_sizes`.
    confidence : float, default=0.95
        Of the interval, in (0, 1).

    Returns
    -------
    n_folds : int
        How many both have.
    difference : Difference
        The one minus the other; all NaN if there is no such fold.
    """
    gaps = np.asarray(scores, dtype=float) - np.asarray(others, dtype=float)
    both = ~np.isnan(gaps)
    if not both.any():
        return 0, Difference(*[np.nan] * 4)
    n_train, n_test = np.asarray(sizes)[both].T
    return len(n_train), corrected_test(gaps[both], n_train, n_test, confidence)


def differences_to(folds, reference, score="log_loss", confidence=0.95):
    """How much each model's score differs from that of one of them, on one table.

    Parameters
    ----------
    folds : DataFrame
        One row per model and fold, with ``table`` (the same in all), ``model``, ``family``, ``repeat``, ``fold``,
        ``n_train``, ``n_test`` and the score, NaN where there is none.
    reference : str
        The model that the others are compared with.
    score : str, default="log_loss"
        A key of :data:`sktech.experiment.summary.LOWER_IS_BETTER`.
    confidence : float, default=0.95
        Of the intervals and the verdicts, in (0, 1).

    Returns
    -------
    frame : DataFrame of shape (n_models - 1, 8)
        Index ``model``, the best mean first. ``family``; ``folds`` that both models have, which is what they are
        compared on; ``mean`` difference (model minus reference), ``low``, ``high`` and ``p_value`` as of
        :func:`corrected_test`, each for this model by itself; ``p_adjusted`` over all models (:func:`holm`);
        ``verdict``, by the adjusted p-value: "better" or "worse" than the reference, "within the noise", or "not
        comparable" where there is no p-value. So an interval may leave out 0 though the verdict is "within the noise".

    Raises
    ------
    InputError
        If the rows are of several tables, or if the reference or the score is not among them.

    Examples
    --------
    >>> import pandas as pd
    >>> from sktech.experiment.significance import differences_to
    >>> loss = {"net": [0.30, 0.32, 0.31], "forest": [0.41, 0.44, 0.42], "twin": [0.31, 0.31, 0.31]}
    >>> folds = pd.DataFrame(
    ...     [(name, fold, value) for name, values in loss.items() for fold, value in enumerate(values)],
    ...     columns=["model", "fold", "log_loss"],
    ... ).assign(table="iris", family="own", repeat=0, n_train=80, n_test=40)
    >>> differences_to(folds, "net")[["mean", "verdict"]].round(3)
             mean           verdict
    model
    twin    0.000  within the noise
    forest  0.113             worse
    """
    check_score(folds, score)
    if folds["table"].nunique() > 1:
        raise InputError(f"expected the folds of one table, got those of {listed(folds['table'].unique())}")
    scores = fold_scores(folds, score)
    if reference not in scores:
        raise InputError(f"expected a reference among {listed(scores.columns)}, got {reference!r}")
    families = folds.groupby("model")["family"].first()
    sizes = fold_sizes(folds)
    rows = []
    for model in scores.columns.drop(reference):
        n, test = paired_test(scores[model], scores[reference], sizes, confidence)
        rows.append({"model": model, "family": families[model], "folds": n} | test._asdict())
    columns = ["model", "family", "folds", *Difference._fields]
    frame = pd.DataFrame(rows, columns=columns).set_index("model")
    frame["p_adjusted"] = holm(frame["p_value"])
    sign = 1 if LOWER_IS_BETTER[score] else -1
    frame["verdict"] = np.select(
        [frame["p_adjusted"].isna(), frame["p_adjusted"] > 1 - confidence, sign * frame["mean"] < 0],
        [UNKNOWN, NOISE, "better"],
        "worse",
    )
    return frame.sort_values("mean", key=lambda means: sign * means, kind="stable")
