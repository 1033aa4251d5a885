"""Estimators x folds -> scores.

from sktech.experiment import baselines, compare

comparison = compare(X, y, estimators=[*baselines(), MyClassifier()], cv=5)
comparison.to_frame()
comparison.plot()
comparison.report("report.html")
"""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import replace
from numbers import Integral

import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold, check_cv

from sktech._random import draw_seed
from sktech.experiment.backends import open_backend
from sktech.experiment.conditions import Conditions
from sktech.experiment.errors import InputError
from sktech.experiment.folds import Fold, draw_folds
from sktech.experiment.models import choose_models
from sktech.experiment.plan import Experiment
from sktech.experiment.progress import Progress
from sktech.experiment.store import ResultStore
from sktech.experiment.table import Table
from sktech.experiment.target import check_class_sizes, check_target


def compare(X, y, estimators=None, *, groups=None, time=None, **options):
    """Fit classifiers to the same folds of a table and score their probabilities.

    Parameters
    ----------
    X : DataFrame or array-like of shape (n, n_columns)
        Mixed columns and missing values are fine for the baselines and for sktech's classifiers.
    y : array-like of shape (n,)
        Labels.
    estimators : dict of str to estimator, or list of str and estimators, default=None
        A str in a list is the name of a baseline or of a public sktech classifier. None means all of these. Each
        ``random_state`` among the parameters is set per fold, the same for all models.
    groups : array-like of shape (n,), default=None
        Rows of a group are never divided between training and test rows.
    time : array-like of shape (n,), default=None
        Moments, such as dates: models learn from rows that are earlier than those they are tested on.
    **options
        As of :func:`compare_tables`: ``cv``, ``n_repeats``, ``tune``, ``noise``, ``tail``, ``fraction``, ``store``,
        ``n_jobs``, ``backend``, ``address``, ``random_state``, ``verbose``.

    Returns
    -------
    comparison : Comparison

    Raises
    ------
    InputError
        A ValueError: if the labels, the rows or the choice of models are not what is needed. A model that fails
        raises nothing; its row in the result says why.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech.experiment import compare
    >>> comparison = compare(*load_iris(return_X_y=True), ["dummy_prior", "logistic_regression"], cv=3)
    >>> comparison.to_frame()["balanced_accuracy"].gt(0.5).to_dict()
    {'logistic_regression': True, 'dummy_prior': False}
    """
    return compare_tables([Table("table", X, y, groups=groups, time=time)], estimators, **options)["table"]


def compare_tables(
    tables,
    estimators=None,
    *,
    cv=5,
    n_repeats=1,
    tune=0,
    noise=0.0,
    tail=1.0,
    fraction=1.0,
    store=None,
    n_jobs=1,
    backend="loky",
    address=None,
    random_state=0,
    verbose=0,
):
    """Fit classifiers to the same folds of several tables.

    Parameters
    ----------
    tables : dict of str to (X, y), or list of Table
        The tables by name.
    estimators : dict of str to estimator, or list of str and estimators, default=None
        As in :func:`compare`.
    cv : int, cross-validation splitter or iterable of (train, test), default=5
        An int is the number of shuffled stratified folds, or of what groups or moments allow.
    n_repeats : int, default=1
        How often the folds are drawn, where ``cv`` is an int.
    tune : int, default=0
        So many candidates are tried for each model, drawn from :func:`search_space`, by inner folds of the training
        rows; the best one is fitted to all of them. 0 takes the models as they are.
    noise : float, default=0.0
        Share of the training labels that is exchanged for another class, in [0, 1).
    tail : float, default=1.0
        Training classes are thinned until the largest has so many times the rows of the smallest.
    fraction : float, default=1.0
        Share of the training rows that is used, in (0, 1].
    store : str or path-like, default=None
        An SQLite file, in which each fit is kept as soon as it is finished, and from which it is taken where the same
        was done before: the same table, rows, model, parameters, seed and versions. None keeps nothing.
    n_jobs : int, default=1
        Processes, -1 for one per core. Scores do not depend on it; each model has one thread.
    backend : {"loky", "dask", "ray"}, default="loky"
        Who has the processes: this machine, or a cluster of Dask or Ray (extras ``sktech[dask]``, ``sktech[ray]``).
        Scores do not depend on it.
    address : str, default=None
        Of a cluster that runs already, such as ``"tcp://10.0.0.1:8786"`` of Dask or ``"10.0.0.1:6379"`` of Ray; all its
        workers are used, whatever ``n_jobs`` says, and need this version of sktech. None starts a cluster of ``n_jobs``
        processes on this machine, and ends it afterwards.
    random_state : int, RandomState instance or None, default=0
        Seeds the folds (where ``cv`` is an int), what is done to training rows, and the models.
    verbose : int, default=0
        1 shows the progress and the remaining time.

    Returns
    -------
    study : Study
        ``study["name"]`` is the :class:`Comparison` on one table.

    Raises
    ------
    InputError
        As of :func:`compare`, and if a package for the backend is missing or there is no cluster at the address.

    Examples
    --------
    >>> from sklearn.datasets import load_iris, load_wine
    >>> from sktech.experiment import compare_tables
    >>> tables = {"iris": load_iris(return_X_y=True), "wine": load_wine(return_X_y=True)}
    >>> study = compare_tables(tables, ["dummy_prior", "logistic_regression"], cv=3)
    >>> study["wine"].best()
    'logistic_regression'
    """
    if isinstance(tables, Mapping):
        tables = [Table(name, *parts) for name, parts in tables.items()]
    experiment = plan(
        [_checked(table) for table in tables],
        estimators,
        cv=cv,
        n_repeats=n_repeats,
        conditions=Conditions(noise=noise, tail=tail, fraction=fraction),
        n_candidates=tune,
        random_state=random_state,
    )
    records = []
    with ExitStack() as stack:
        kept = stack.enter_context(ResultStore(store)) if store is not None else None
        workers = stack.enter_context(open_backend(backend, n_jobs, address, experiment.tables))
        progress = stack.enter_context(Progress(experiment.planned(), enabled=verbose > 0))
        for finished in experiment.run(workers, kept):
            records.append(finished.record)
            progress.advance(*finished)
    return experiment.study(records)


def plan(tables, estimators, *, cv, n_repeats, conditions, n_candidates, random_state, folds_option="cv="):
    """Check everything and draw the folds.

    Parameters
    ----------
    tables : list of Table
    estimators, cv, n_repeats, random_state
        As of :func:`compare_tables`.
    conditions : Conditions
    n_candidates : int
        Of tuning; 0 tunes nothing.
    folds_option : str, default="cv="
        How the number of folds is set, for messages.

    Returns
    -------
    experiment : Experiment
    """
    names = [table.name for table in tables]
    if len(set(names)) < len(names) or not names:
        raise InputError(f"expected tables with different names, got {', '.join(names) or 'none'}")
    if n_candidates < 0 or n_candidates == 1:
        raise InputError(f"tune: expected 0 or at least 2 candidates, got {n_candidates}")
    models = choose_models(estimators)
    seed = draw_seed(random_state)
    folds = [_folds(table, cv, n_repeats, seed, folds_option) for table in tables]
    return Experiment(tables, models, folds, seed, conditions, n_candidates, _in_words(tables, cv, n_repeats, folds))


def _folds(table, cv, n_repeats, seed, option):
    if isinstance(cv, Integral):
        if cv < 2:
            raise InputError(f"expected at least 2 folds, got {cv}")
        parts = {"groups": table.groups, "time": table.time}
        return draw_folds(
            table.y, n_folds=cv, n_repeats=n_repeats, seed=seed, option=option, target=table.target, **parts
        )
    if isinstance(cv, RepeatedStratifiedKFold):
        check_class_sizes(table.y, cv.cvargs["n_splits"], option, table.target)
    pairs = list(check_cv(cv, table.y, classifier=True).split(table.X, table.y, table.groups))
    per_repeat = cv.cvargs["n_splits"] if hasattr(cv, "cvargs") else len(pairs)
    return [Fold(*divmod(number, per_repeat), train, test) for number, (train, test) in enumerate(pairs)]


def _in_words(tables, cv, n_repeats, folds):
    if not isinstance(cv, Integral):
        counts = sorted({len(of_table) for of_table in folds})
        return f"{' or '.join(map(str, counts))} folds"
    if any(table.time is not None for table in tables):
        kind = "folds in the order of time"
    elif any(table.groups is not None for table in tables):
        kind = "folds that divide no group"
    else:
        kind = "stratified folds"
    return f"{cv} {kind}" + (f", drawn {n_repeats} times" if n_repeats > 1 else "")


def _checked(table):
    X, y = _as_table(table.X), check_target(table.y, table.target)
    for what, part in (("labels", y), ("groups", table.groups), ("moments", table.time)):
        if part is not None and len(part) != len(X):
            raise InputError(f"expected as many rows as {what}, got {len(X):,} rows and {len(part):,} {what}")
    ordered = {
        name: pd.factorize(np.asarray(part), sort=True)[0]
        for name, part in (("groups", table.groups), ("time", table.time))
        if part is not None
    }
    return replace(table, X=X, y=y, **ordered)


def _as_table(X):
    """A pandas frame as it is, another library's frame as a pandas frame, everything else as an array."""
    if isinstance(X, pd.DataFrame):
        return X
    if hasattr(X, "to_pandas"):
        return X.to_pandas()
    X = np.asarray(X)
    if X.ndim != 2:
        raise InputError(f"expected a table of shape (n, n_columns), got an array of shape {X.shape}")
    return X
