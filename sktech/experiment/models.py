"""Which models take part: every public sktech classifier, the baselines, and one's own."""

import inspect
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module

from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

import sktech
from sktech.experiment.baselines import OPTIONAL_PACKAGES, baselines
from sktech.experiment.errors import InputError, shortened


@dataclass(frozen=True)
class Model:
    """One participant of a comparison.

    Parameters
    ----------
    name : str
        Unique in the comparison.
    estimator : estimator
        Unfitted; cloned for every fold.
    family : {"sktech", "own", "baseline"}
        What the plots emphasise.
    """

    name: str
    estimator: object
    family: str


def sktech_classifiers():
    """Every public classifier of sktech that can be made without arguments, by the name of its class.

    Returns
    -------
    models : dict of str to estimator
        In the order of ``sktech.__all__``. A new technique joins by being public.
    """
    public = {name: getattr(sktech, name) for name in sktech.__all__}
    models = {name: kind() for name, kind in public.items() if isinstance(kind, type) and not _needs_arguments(kind)}
    return {name: model for name, model in models.items() if hasattr(model, "fit") and is_classifier(model)}


def choose_models(estimators=None):
    """The models that are meant by a person's choice.

    Parameters
    ----------
    estimators : dict of str to estimator, or list of str and estimators, default=None
        A str in a list is the name of a baseline or of a public sktech classifier, or ``package.module:Class``.
        None means all sktech classifiers and all baselines.

    Returns
    -------
    models : list of Model

    Raises
    ------
    InputError
        If a name is unknown, something is not a classifier, or nothing is chosen.

    Examples
    --------
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from sktech.experiment.models import choose_models
    >>> [model.name for model in choose_models(["dummy_prior", GaussianNB(), GaussianNB(var_smoothing=1e-3)])]
    ['dummy_prior', 'GaussianNB', 'GaussianNB_2']
    """
    classical = baselines()
    known = {**sktech_classifiers(), **classical}
    if estimators is None:
        named = known
    elif isinstance(estimators, Mapping):
        named = dict(estimators)
    else:
        named = {}
        for choice in [estimators] if isinstance(estimators, str) else estimators:
            name, estimator = _by_name(choice, known) if isinstance(choice, str) else (type(choice).__name__, choice)
            named[_unused(name, named)] = estimator
    if not named:
        raise InputError("expected at least one model, got none")
    for name, estimator in named.items():
        if isinstance(estimator, type) or not hasattr(estimator, "fit") or not is_classifier(estimator):
            raise InputError(f"model {name!r}: expected a scikit-learn classifier, got {estimator!r}")
    return [Model(name, estimator, _family(name, estimator, classical)) for name, estimator in named.items()]


def _by_name(choice, known):
    """Name and estimator for the name of a known model or ``package.module:Class``."""
    if choice in known:
        return choice, known[choice]
    if choice in OPTIONAL_PACKAGES:
        raise InputError(f"model {choice!r} needs a package that does not load here: pip install {choice}")
    if ":" not in choice:
        raise InputError(
            f"unknown model {choice!r}; known are {shortened(known, limit=50)}, and your own as package.module:Class"
        )
    module_name, _, class_name = choice.partition(":")
    try:
        kind = getattr(import_module(module_name), class_name)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"model {choice!r}: expected package.module:Class, but {error}") from error
    if not isinstance(kind, type):
        raise InputError(f"model {choice!r}: expected a class, got {kind!r}")
    if _needs_arguments(kind):
        raise InputError(
            f"model {choice!r}: expected a class that needs no arguments, got {kind.__name__}{inspect.signature(kind)}"
        )
    return class_name, kind()


def _needs_arguments(kind):
    return any(
        parameter.default is parameter.empty and parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
        for parameter in inspect.signature(kind).parameters.values()
    )


def _unused(name, taken):
    candidates = [name, *(f"{name}_{i}" for i in range(2, len(taken) + 3))]
    return next(candidate for candidate in candidates if candidate not in taken)


def _family(name, estimator, classical):
    if name in classical:
        return "baseline"
    last = estimator[-1] if isinstance(estimator, Pipeline) else estimator
    return "sktech" if type(last).__module__.partition(".")[0] == "sktech" else "own"
