"""Advice on the run: what failed, what could not be told, what was not tried."""

import numpy as np
from scipy.special import stdtrit

from sktech.experiment.hints import CONFIDENCE, Hint
from sktech.experiment.paired import fold_sizes
from sktech.experiment.phrases import NAMES, counted, listed
from sktech.experiment.spaces import search_space
from sktech.experiment.summary import in_figures

# An interval that reaches less far than this share of the best score leaves differences that matter to few.
_REACH = 0.05
_MOST_REPEATS = 50
_CANDIDATES, _INNER_FITS = 20, 3  # inner folds of a candidate


def failures(comparison):
    """Models that failed."""
    failed = [record for record in comparison.records if not record.ok]
    if failed:
        models = list(dict.fromkeys(record.model for record in failed))
        yield Hint(
            "Failures",
            f"{counted(len(failed), 'fit')} of {len(comparison.records)} failed, of {listed(models, limit=5)}; "
            "the reasons stand below.",
        )


def undecided(comparison):
    """Leads that are within a wide noise, and whether more repeats would help."""
    leaders = comparison.leaders()
    if len(leaders) < 2:
        return
    rivals = comparison.differences(leaders[0]).loc[leaders[1:]]
    row = rivals.iloc[0]
    reach = (row["high"] - row["low"]) / 2
    score = comparison.score
    if not reach >= _REACH * comparison.to_frame().loc[leaders[0], score]:  # NaN is not
        return
    gap, noise = in_figures(score, abs(row["mean"])), in_figures(score, reach)
    yield Hint(
        "Undecided",
        f"{rivals.index[0]} is {gap} behind {leaders[0]}, give or take {noise} ({NAMES[score]}, 95 % interval). "
        f"{_more(comparison, reach)}",
    )


def tuning(comparison):
    """Shared leads that tuning may change, since a leader has something to tune, where nothing was tuned."""
    leaders = comparison.leaders()
    tunable = [model.name for model in comparison.models if model.name in leaders and search_space(model.estimator)]
    if len(leaders) < 2 or not tunable or any(record.tuned for record in comparison.records):
        return
    seconds = (
        comparison.to_frame().loc[tunable, "fit_seconds"].sum() * comparison.n_folds * (1 + _CANDIDATES * _INNER_FITS)
    )
    yield Hint(
        "Not tuned",
        f"{len(leaders)} models share the lead as they are, and their parameters may decide: `--tune {_CANDIDATES}`, "
        f"which would take these about {_duration(seconds)}.",
    )


def width_share(n_folds, n_more, ratio):
    """How wide the corrected interval of more folds is, as a share of the present one.

    The term n_test / n_train of the corrected test stays, however many repeats there are.

    Parameters
    ----------
    n_folds, n_more : int or inf
        Folds of all repeats, now and then.
    ratio : float
        Test rows per training row.

    Returns
    -------
    share : float
    """

    def width(n):
        quantile = stdtrit(min(n, 1e9) - 1, (1 + CONFIDENCE) / 2)
        return quantile * np.sqrt(1 / n + ratio)

    return float(width(n_more) / width(n_folds))


def _more(comparison, reach):
    """What more repeats would do."""
    sizes = fold_sizes(comparison.folds())
    n_train, n_test = sizes.mean()
    n_repeats = sizes.index.get_level_values("repeat").max() + 1
    per_repeat = len(sizes) / n_repeats
    if np.ptp(sizes["n_train"]) > 0.5 * n_train:
        return "More rows would tell."  # folds in the order of time, which cannot be drawn again: each trains on more
    shares = {r: width_share(len(sizes), per_repeat * r, n_test / n_train) for r in range(n_repeats + 1, _MOST_REPEATS)}
    enough = [repeats for repeats, share in shares.items() if share <= 0.5]
    if enough:
        return f"`--repeats {enough[0]}` would make the interval half as wide."
    limit = width_share(len(sizes), np.inf, n_test / n_train)
    return (
        f"No number of repeats makes the interval half as wide, since all share the same rows: {limit:.0%} of its "
        f"width, {in_figures(comparison.score, limit * reach)} to each side, would stay. More rows would tell."
    )


def _duration(seconds):
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
