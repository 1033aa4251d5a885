"""Estimators x folds -> scores.

from sktech.experiment import baselines, compare

comparison = compare(X, y, estimators=[*baselines(), MyClassifier()], cv=5)
comparison.to_frame()
comparison.plot()
comparison.report("report.html")
"""

from dataclasses import dataclass
from numbers import Integral

import joblib
import numpy as np
import pandas as pd
from sklearn.model_selection import RepeatedStratifiedKFold, check_cv

from sktech._random import draw_seed, spawn_seed
from sktech.experiment.comparison import Comparison
from sktech.experiment.errors import InputError
from sktech.experiment.facts import TableFacts
from sktech.experiment.interrupt import interrupts_stay_here
from sktech.experiment.models import Model, choose_models
from sktech.experiment.progress import Progress
from sktech.experiment.scoring import score_fold
from sktech.experiment.target import check_class_sizes, check_target


def compare(X, y, estimators=None, *, cv=5, n_jobs=1, random_state=0, verbose=0):
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
    cv : int, cross-validation splitter or iterable of (train, test), default=5
        An int is the number of shuffled stratified folds.
    n_jobs : int, default=1
        Processes, -1 for one per core. Scores do not depend on it; each model has one thread.
    random_state : int, RandomState instance or None, default=0
        Seeds the folds (where ``cv`` is an int) and the models.
    verbose : int, default=0
        1 shows the progress and the remaining time.

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
    experiment = Experiment.plan(X, y, estimators, cv=cv, random_state=random_state)
    records = []
    with Progress(experiment.models, experiment.n_folds, enabled=verbose > 0) as progress:
        for record in experiment.run(n_jobs):
            records.append(record)
            progress.advance(record)
    return experiment.comparison(records)


@dataclass(frozen=True, eq=False)
class Experiment:
    """What is to be done: every model on every fold.

    Parameters
    ----------
    X : DataFrame or ndarray of shape (n, n_columns)
    y : ndarray of shape (n,), int64 or str
    models : list of Model
    folds : list of (train, test)
        Row numbers.
    seed : int
    """

    X: object
    y: np.ndarray
    models: list[Model]
    folds: list
    seed: int

    @classmethod
    def plan(cls, X, y, estimators=None, *, cv=5, random_state=0, target="y", folds_option="cv="):
        """Check everything and draw the folds; parameters as in :func:`compare`.

        ``target`` and ``folds_option`` say in messages what the target is called and how to set the number of folds.
        """
        X = _as_table(X)
        y = check_target(y, target)
        if len(X) != len(y):
            raise InputError(f"expected as many rows as labels, got {len(X):,} rows and {len(y):,} labels")
        models = choose_models(estimators)
        seed = draw_seed(random_state)
        if isinstance(cv, Integral):
            if cv < 2:
                raise InputError(f"expected at least 2 folds, got {cv}")
            cv = RepeatedStratifiedKFold(n_splits=cv, n_repeats=1, random_state=seed)
        if isinstance(cv, RepeatedStratifiedKFold):
            check_class_sizes(y, cv.cvargs["n_splits"], folds_option, target)
        folds = list(check_cv(cv, y, classifier=True).split(X, y))
        return cls(X, y, models, folds, seed)

    @property
    def n_folds(self):
        """Folds of all repeats."""
        return len(self.folds)

    def run(self, n_jobs=1):
        """Records as they are finished: a generator.

        All models have their first fold before any has its second, so that an interrupted run can be compared.
        """
        classes = np.unique(self.y)
        tasks = (
            (model, self.X, self.y, classes, fold, train, test, spawn_seed(self.seed, fold))
            for fold, (train, test) in enumerate(self.folds)
            for model in self.models
        )
        if n_jobs == 1:
            return (score_fold(*task) for task in tasks)
        parallel = joblib.Parallel(n_jobs, return_as="generator_unordered", batch_size=1)
        with interrupts_stay_here():  # the call starts the processes
            return parallel(joblib.delayed(score_fold)(*task) for task in tasks)

    def comparison(self, records):
        """What the finished records say."""
        return Comparison(TableFacts.of(self.X, self.y), [model.name for model in self.models], self.n_folds, records)


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
