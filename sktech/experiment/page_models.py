"""What a page tells of single models: parameters, those that tuning chose, failures, warnings."""

import inspect
import json
import re
from collections import defaultdict
from typing import NamedTuple

from sklearn.base import BaseEstimator


class ModelParameters(NamedTuple):
    """How a model was set up.

    Parameters
    ----------
    name, family : str
    written : str
        As in Python, with what differs from the defaults.
    parameters : list of (str, str)
        Name and value of every parameter, those of inner estimators too.
    """

    name: str
    family: str
    written: str
    parameters: list[tuple[str, str]]


class ModelEvents(NamedTuple):
    """What happened to a model in the folds of one table; each a list of (text, folds in words).

    Parameters
    ----------
    name, family : str
    failures, warnings, chosen : list of (str, str)
    """

    name: str
    family: str
    failures: list[tuple[str, str]]
    warnings: list[tuple[str, str]]
    chosen: list[tuple[str, str]]


def model_parameters(model):
    """How a model was set up.

    Parameters
    ----------
    model : Model

    Returns
    -------
    parameters : ModelParameters
    """
    estimator = model.estimator
    written = estimator.__repr__(N_CHAR_MAX=10**5) if _prints_itself(estimator) else repr(estimator)
    leaves = [(name, value) for name, value in sorted(estimator.get_params().items()) if not _has_inner(value)]
    return ModelParameters(
        model.name, model.family, _anywhere(written), [(name, _anywhere(repr(value))) for name, value in leaves]
    )


def model_events(comparison):
    """What happened to each model on one table, of those to whom something happened.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    events : list of ModelEvents
    """
    records = defaultdict(list)
    for record in sorted(comparison.records, key=lambda record: (record.repeat, record.fold)):
        records[record.model].append(record)
    events = []
    for model in comparison.models:
        of_model = records[model.name]
        failures = _grouped((r, r.status) for r in of_model if not r.ok)
        warned = _grouped((r, text) for r in of_model for text in _kinds(r.warnings))
        chosen = _grouped((r, _told(json.loads(r.tuned))) for r in of_model if r.tuned)
        if failures or warned or chosen:
            events.append(ModelEvents(model.name, model.family, failures, warned, chosen))
    return events


def _prints_itself(estimator):
    """Whether its text can be asked for at full length."""
    return isinstance(estimator, BaseEstimator) and "N_CHAR_MAX" in inspect.signature(estimator.__repr__).parameters


def _has_inner(value):
    """Whether the parameters of an inner estimator stand in lines of their own."""
    parts = value if isinstance(value, list | tuple) else [value]
    return any(hasattr(part, "get_params") or (isinstance(part, tuple) and _has_inner(part)) for part in parts)


def _anywhere(text):
    """Without the places of objects in memory."""
    return re.sub(r" at 0x[0-9a-fA-F]+", "", text)


def _kinds(warnings):
    """The single warnings of a record, which joins them by "; "; a part of one may hold that too."""
    return re.split(r"; (?=\w+Warning: )", warnings) if warnings else []


def _told(chosen):
    return ", ".join(f"{name} = {value}" for name, value in chosen.items()) or "as it is"


def _grouped(pairs):
    """The same text once, with all its folds."""
    folds = defaultdict(list)
    for record, text in pairs:
        folds[text].append((record.repeat + 1, record.fold + 1))
    return [(text, _in_words(places)) for text, places in folds.items()]


def _in_words(places):
    """Such as "folds 1, 2", or "folds 1, 2 of drawing 1; fold 3 of drawing 2"."""
    by_repeat = defaultdict(list)
    for repeat, fold in places:
        by_repeat[repeat].append(str(fold))
    several = max(by_repeat) > 1
    return "; ".join(
        f"fold{'s' if len(folds) > 1 else ''} {', '.join(folds)}" + (f" of drawing {repeat}" if several else "")
        for repeat, folds in by_repeat.items()
    )
