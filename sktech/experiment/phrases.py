"""Parts of the sentences that say what was found."""

from sktech.experiment.summary import LABELS, LOWER_IS_BETTER, in_figures

# What a score is called inside a sentence, where there is room for the whole word.
NAMES = LABELS | {
    "balanced_accuracy": "balanced accuracy",
    "brier": "Brier score",
    "calibration_error": "calibration error",
    "fit_seconds": "time of a fit",
    "predict_seconds": "time of a prediction",
}


def superlative(score):
    """Such as "lowest log-loss" or "highest accuracy"."""
    return f"{'lowest' if LOWER_IS_BETTER[score] else 'highest'} {NAMES[score]}"


def signed(score, value):
    """A difference of two scores with its sign, rounded as the scores are."""
    return f"{'-' if value < 0 else '+'}{in_figures(score, abs(value))}"


def counted(n, what):
    """Such as "1 table" or "3 tables"."""
    return f"{n} {what}{'' if n == 1 else 's'}"


def p_value_told(p_value):
    """Such as "p = 0.21" or "p < 0.001"."""
    return "p < 0.001" if p_value < 0.001 else f"p = {p_value:.2g}"


def listed(items, limit=12):
    """Joined by commas and "and"; of more than ``limit`` items the last ones become "N more".

    Examples
    --------
    >>> from sktech.experiment.phrases import listed
    >>> listed(["a"]), listed(["a", "b", "c"]), listed(["a", "b", "c"], limit=1)
    ('a', 'a, b and c', 'a and 2 more')
    """
    items = [str(item) for item in items]
    if len(items) > limit:
        items = [*items[:limit], f"{len(items) - limit} more"]
    return " and ".join(part for part in (", ".join(items[:-1]), items[-1]) if part)
