"""What to try next, derived from what was measured; where nothing stands out there is nothing to say."""

from sktech.experiment.advice_data import leaks, rare_classes, repeated_rows, wrong_labels
from sktech.experiment.advice_models import calibration, slow_leader
from sktech.experiment.advice_run import failures, tuning, undecided

_RULES = (failures, leaks, undecided, slow_leader, calibration, wrong_labels, rare_classes, repeated_rows, tuning)


def advice(comparison):
    """What to try next on one table.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    hints : list of Hint
        Each with the number behind it; the most urgent first.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sktech.experiment import compare
    >>> from sktech.experiment.advice import advice
    >>> comparison = compare(*load_digits(return_X_y=True), ["dummy_prior", RandomForestClassifier(20)], cv=3)
    >>> [hint.title for hint in advice(comparison)]
    ['Too modest']
    """
    if not comparison.records:
        return []
    return [hint for rule in _RULES for hint in rule(comparison)]
