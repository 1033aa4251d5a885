"""Advice on single models: whether their probabilities can be believed, and whether they are worth their time."""

import numpy as np

from sktech.experiment.hints import CONFIDENCE, Hint, excess_confidence, kind, scored
from sktech.experiment.phrases import listed
from sktech.experiment.significance import holm
from sktech.experiment.summary import in_figures

# Confidence that is off by less seldom changes a decision.
_GAP = 0.02
_NAMED = 3
_CALIBRATED_NETS = ("SmoothedNetClassifier", "DistilledClassifier")
# Another model is worth a switch if it takes a fifth of the time, the time is long enough to be felt, and it has not
# lost more than a tenth of the score: few folds leave models within the noise that are much worse in all likelihood.
_TIMES_SLOWER, _SECONDS_FELT, _LOST = 5, 1.0, 0.1
# Predictions: ten times the others' median, and 0.1 ms a row, which a service that answers requests begins to feel.
_TIMES_SLOWER_TO_PREDICT, _SECONDS_PER_ROW_FELT = 10, 1e-4


def calibration(comparison):
    """Models whose mean confidence is off their accuracy by more than 0.02 and more than the noise of the folds."""
    measured = {model.name: excess_confidence(scored(comparison, model.name)) for model in comparison.models}
    p_values = dict(zip(measured, holm([excess.p_value for excess, _, _ in measured.values()]), strict=True))
    off = {
        name: found
        for name, found in measured.items()
        if p_values[name] <= 1 - CONFIDENCE and abs(found[0].mean) >= _GAP  # NaN is not
    }
    sure = sorted((name for name in off if off[name][0].mean > 0), key=lambda name: -off[name][0].mean)
    if sure:
        told = listed([_told(name, off[name]) for name in sure], limit=_NAMED)
        yield Hint("Too sure", f"{told}. {_remedy(comparison, sure, measured)}")
    modest = sorted((name for name in off if off[name][0].mean < 0), key=lambda name: off[name][0].mean)
    if modest:
        told = listed([_told(name, off[name]) for name in modest], limit=_NAMED)
        yield Hint("Too modest", f"{told}. scikit-learn's CalibratedClassifierCV around the model mends it.")


def slow_leader(comparison):
    """A best model that takes five times as long as one that cannot be told from it, or that is slow to predict."""
    leaders = comparison.leaders()
    if not leaders:
        return
    frame, best = comparison.to_frame(), leaders[0]
    scores = frame.loc[leaders, comparison.score]
    near = scores.index[(scores - scores[best]).abs() <= _LOST * scores[best]]
    fastest = frame.loc[near, "fit_seconds"].idxmin()
    ratio = frame.loc[best, "fit_seconds"] / frame.loc[fastest, "fit_seconds"]
    if ratio >= _TIMES_SLOWER and frame.loc[best, "fit_seconds"] >= _SECONDS_FELT:
        seconds = [in_figures("fit_seconds", frame.loc[name, "fit_seconds"]) for name in (best, fastest)]
        yield Hint(
            "Slow leader",
            f"A fit of {best} takes {seconds[0]} s, {ratio:.0f} times the {seconds[1]} s of {fastest}, which cannot be "
            "told from it.",
        )
    rows = np.mean([record.n_test for record in scored(comparison, best)])
    others = frame["predict_seconds"].drop(best).median()
    per_row = frame.loc[best, "predict_seconds"] / rows
    times = frame.loc[best, "predict_seconds"] / others
    if times >= _TIMES_SLOWER_TO_PREDICT and per_row >= _SECONDS_PER_ROW_FELT:
        yield Hint(
            "Slow predictions",
            f"{best} takes {1000 * per_row:.2g} ms to predict a row, {times:.0f} times the median of the others. "
            "DistilledClassifier makes a small net of it that is as fast as any.",
        )


def _told(name, measured):
    excess, confidence, accuracy = measured
    return (
        f"{name} is {confidence:.3f} sure on average and right in {accuracy:.3f} "
        f"({excess.mean:+.3f}, 95 % interval {excess.low:+.3f} to {excess.high:+.3f})"
    )


def _remedy(comparison, sure, measured):
    kinds = {model.name: kind(model) for model in comparison.models}
    better = [name for name in kinds if kinds[name] in _CALIBRATED_NETS and abs(measured[name][0].mean) < _GAP]
    if better:
        told = [f"{name} ({measured[name][0].mean:+.3f})" for name in better]
        return f"Not so {listed(told)}; for other models there is scikit-learn's CalibratedClassifierCV."
    rest = "scikit-learn's CalibratedClassifierCV mends it for any model."
    tried = any(kinds[name] in _CALIBRATED_NETS for name in sure)
    return rest if tried else f"Of nets try {' or '.join(_CALIBRATED_NETS)}; {rest}"
