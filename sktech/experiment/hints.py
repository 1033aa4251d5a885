"""A line of advice, and what several rules need to know before they give one."""

from typing import NamedTuple

import numpy as np
from sklearn.pipeline import Pipeline

from sktech.experiment.significance import Difference, corrected_test

CONFIDENCE = 0.95  # of all intervals that a hint rests on


class Hint(NamedTuple):
    """A line of advice.

    Parameters
    ----------
    title : str
        What was found, in two or three words; the same on every table.
    text : str
        The numbers, and what to try. Options of the command are in backticks.
    """

    title: str
    text: str


def kind(model):
    """The name of the class of a model's estimator, of a pipeline its last one."""
    estimator = model.estimator[-1] if isinstance(model.estimator, Pipeline) else model.estimator
    return type(estimator).__name__


def scored(comparison, model):
    """The records of a model that has been fitted and scored."""
    return [record for record in comparison.records if record.model == model and record.ok]


def excess_confidence(records, above=0.0):
    """How much surer a model is than it is right, and the noise of that over the folds.

    Parameters
    ----------
    records : list of FoldRecord
        Of one model.
    above : float, default=0.0
        Only rows whose bin of confidence begins here or higher.

    Returns
    -------
    excess : Difference
        Mean confidence minus accuracy, in [-1, 1]; all NaN without such rows.
    confidence, accuracy : float
        Over all such rows.
    """
    known = [record for record in records if record.bins is not None]
    parts = []
    for record in known:
        n_bins = record.bins.shape[1]
        first = int(np.ceil(above * n_bins - 1e-9))
        count, hits, confidence = record.bins[:, first:].sum(axis=1)
        if count:
            parts.append((count, hits, confidence, record.n_train, record.n_test))
    if not parts:
        return Difference(*[np.nan] * 4), np.nan, np.nan
    count, hits, confidence, n_train, n_test = np.array(parts).T
    excess = corrected_test((confidence - hits) / count, n_train, n_test, CONFIDENCE)
    return excess, confidence.sum() / count.sum(), hits.sum() / count.sum()
