"""DistilledClassifier: a small net that has learned from a big model."""

import pickle
import sys
import time
import warnings
from dataclasses import dataclass, field
from functools import partial
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, TransformerMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold, check_cv, train_test_split
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted, has_fit_parameter

from sktech._random import draw_seed, spawn_seed
from sktech._rows import merge_identical_rows
from sktech._validation import check_choice, check_labels, check_number, check_table, check_weights
from sktech.augmentation import munge
from sktech.classifiers import NetClassifier
from sktech.labels import UNLABELED, Labels
from sktech.metrics import expected_calibration_error
from sktech.table import TableReader, is_frame

# What a seed is spawned for.
_FOLDS, _TEACHER, _STUDENT, _AUGMENTATION, _REPORT = range(5)
# The fold of rows that no model was fitted on.
_NO_FOLD = -1
_REPORT_SHARE = 0.2


@dataclass(kw_only=True, eq=False, repr=False)
class DistilledClassifier(ClassifierMixin, BaseEstimator):
    """A net that learns the class probabilities of another model instead of bare labels.

    A teacher's probabilities say more about a row than its label: which classes it is nearly, and how sure one can be.
    So a small net can come close to a big ensemble, and predict faster. ::

        DistilledClassifier(HistGradientBoostingClassifier()).fit(X, y).predict(X_new)

    By default the teacher answers for rows that it has not seen (``cv=5``): on its own training rows it is too sure.

    Parameters
    ----------
    teacher : None, classifier with predict_proba, or list of them, default=None
        None is ``HistGradientBoostingClassifier()``, with categories as numbers. The probabilities of several are
        averaged. A teacher is cloned and fitted; one in ``sklearn.frozen.FrozenEstimator`` is used as it is.
    student : None or estimator, default=None
        None is ``NetClassifier()``. A classifier of sktech's with a net inside, or a pipeline that ends in one.
    cv : int, cross-validation splitter, iterable of (train, test), "prefit" or None, default=5
        How the teacher meets the training rows. An int is the number of stratified folds: the teacher is fitted on all
        but one, and labels that one; at most as many folds as the largest class has distinct rows. A splitter or its
        splits say themselves which rows are labelled together; each row has to be tested once. None: the teacher is
        fitted on all rows and labels the same ones. "prefit": it is already fitted, and so used.
    temperature : float or callable, default=1.0
        T of the paper, positive: teacher and student are compared at probabilities softmax(log(p) / T), and the loss is
        scaled by T^2. A callable maps the teacher's probabilities (n, n_classes) to a temperature for each row, (n,).
    hard_weight : float, default=0.5
        Share of the labels themselves in the loss, in [0, 1]; 1 is plain training. The better the teacher compared
        with what the student would be alone, the smaller.
    augment : None or "munge", default=None
        "munge" makes up more rows, for the teacher to label: :func:`sktech.augmentation.munge`.
    n_augment : int or float, default=1.0
        How many; a float is a multiple of the number of training rows.
    generations : int, default=1
        Born-again nets: each further student learns from the one before instead of the teacher.
    ensemble_generations : bool, default=False
        Average the students of all generations instead of keeping the last.
    compression_report : bool, default=False
        Also fill ``compression_report_``, for which teacher, student and a student of bare labels are fitted once more.
    n_jobs : None or int, default=None
        Folds at the same time, as joblib has it.
    random_state : None, int or numpy.random.RandomState, default=None
        Of folds and made-up rows, and of teachers and students whose own ``random_state`` is None.
    verbose : int, default=0
        1 prints a line when a teacher or student is fitted.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels, with those that a fitted teacher knows besides.
    student_ : estimator
        The fitted student of the last generation: all that is needed to predict, and what to save.
    students_ : list of estimator
        Those of all generations.
    compression_report_ : dict of str to dict of str to float
        For "teacher", "student" and "hard-label student": ``accuracy``, ``log_loss`` (nats), ``calibration_error``,
        ``predict_seconds_per_row`` and ``bytes`` pickled. From a fifth of the rows, held out from the models that are
        compared (a frozen teacher may know them).
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a data frame whose columns have strings as names.

    Raises
    ------
    ValueError, TypeError
        From ``fit``, if a parameter or the data are not as described; the message says what was expected and what came.

    Notes
    -----
    With p the student's and q the teacher's probabilities and t the label, a row's loss is

        (1 - hard_weight) T^2 CE(softmax(log(q) / T), softmax(log(p) / T)) + hard_weight CE(t, p).

    Rows without a label (made-up or unlabelled ones) have the first term alone. Probabilities below 1e-7 count as 1e-7
    where a temperature is not 1. For early stopping the student holds out labelled rows and looks at T = 1.

    Identical rows are merged before the teacher sees them, if it takes sample weights: a weight of k is k copies.

    Departures from the paper: targets are out of fold; the temperature acts on log-probabilities, as most teachers have
    no logits (for those that have, it is the same); hard_weight is 0.5 and T is 1 by default, as on tables teachers are
    often no better than students.

    References
    ----------
    G. Hinton, O. Vinyals and J. Dean, "Distilling the Knowledge in a Neural Network", 2015, section 2,
    https://arxiv.org/abs/1503.02531; generations: T. Furlanello, Z. Lipton, M. Tschannen, L. Itti and A. Anandkumar,
    "Born-Again Neural Networks", ICML 2018, section 3, https://arxiv.org/abs/1805.04770; made-up rows: C. Bucila,
    R. Caruana and A. Niculescu-Mizil, "Model Compression", KDD 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.ensemble import RandomForestClassifier
    >>> from sktech import DistilledClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DistilledClassifier(RandomForestClassifier(n_estimators=20), cv=3, random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.9
    True
    """

    teacher: object = field(default=None, kw_only=False)
    student: object = field(default=None, kw_only=False)
    cv: object = 5
    temperature: object = 1.0
    hard_weight: float = 0.5
    augment: object = None
    n_augment: object = 1.0
    generations: int = 1
    ensemble_generations: bool = False
    compression_report: bool = False
    n_jobs: object = None
    random_state: object = None
    verbose: int = 0

    # ------------------------------------------------------------ fit

    def fit(self, X, y, sample_weight=None, X_unlabeled=None):
        """Lets the teacher label the rows, and trains the student on that.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of any one type.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; for the teacher too, which has to take weights then.
        X_unlabeled : data frame or array-like of shape (n_unlabeled, n_features), default=None
            More rows for the teacher to label.

        Returns
        -------
        self : DistilledClassifier
        """
        self._check_params()
        before = dict(vars(self))
        try:
            self._fit(X, y, sample_weight, X_unlabeled)
        except BaseException:
            vars(self).clear()
            vars(self).update(before)
            raise
        return self

    def _fit(self, X, y, sample_weight, X_unlabeled):
        X = check_table(self, X, reset=True)
        labels, codes = check_labels(self, X, y)
        weight = check_weights(X, sample_weight)
        seed = draw_seed(self.random_state)
        folds = self._given_folds(X, codes)
        if not weight.all():
            X, *parts = (_safe_indexing(part, np.flatnonzero(weight)) for part in (X, codes, weight, folds))
            codes, weight, folds = parts
        if X_unlabeled is not None:
            if is_frame(X_unlabeled) != is_frame(X):
                raise TypeError(f"X_unlabeled: expected a table of the kind of X, got {type(X_unlabeled).__name__}")
            X_unlabeled = check_table(self, X_unlabeled, reset=False)
        if self.compression_report:
            self.compression_report_ = self._report(X, labels[codes], weight, X_unlabeled, spawn_seed(seed, _REPORT))
        self.classes_ = labels
        for teacher in self._teachers():
            if self._is_fitted(teacher):
                self.classes_ = np.union1d(self.classes_, teacher.classes_)
        codes = np.searchsorted(self.classes_, labels)[codes]
        rows = self._rows(X, codes, weight, folds, X_unlabeled, seed)
        proba = self._taught(rows, self._fitted_teachers, spawn_seed(seed, _TEACHER), "teacher")
        self.students_ = []
        for generation in range(1, self.generations + 1):
            targets = self._targets(rows.codes, proba)
            fit = partial(self._fitted_student, targets=targets)
            name, student_seed = f"student {generation}", spawn_seed(seed, _STUDENT, generation)
            (student,) = self._told(fit, rows, np.arange(len(rows.codes)), student_seed, name)
            self.students_.append(student)
            if generation < self.generations:
                if self.cv is None:
                    proba = student.predict_proba(rows.X)
                else:
                    proba = self._taught(rows, fit, student_seed, name)
        self.student_ = self.students_[-1]

    def _rows(self, X, codes, weight, folds, X_unlabeled, seed):
        """All rows that the student will see, each with its fold."""
        if not self._all_fitted() and all(_takes_weights(teacher) for teacher in self._teachers()):
            Z = TableReader(self.categorical_features).fit(X).transform(X)
            distinct, weight = merge_identical_rows(Z, np.column_stack([codes, folds]), weight)
            X, codes, folds = _safe_indexing(X, distinct), codes[distinct], folds[distinct]
        if isinstance(self.cv, Integral) and not self._all_fitted():
            folds = self._stratified_folds(codes, spawn_seed(seed, _FOLDS))
        tables, all_folds = [X], [folds]
        if self.augment is not None:
            n_more = self.n_augment if isinstance(self.n_augment, Integral) else round(self.n_augment * len(X))
            for fold, among in zip(*np.unique(folds, return_counts=True), strict=True):
                # Made from rows of one fold, they are as new to its teacher as these.
                n = round(n_more * among / len(X))
                own = _safe_indexing(X, np.flatnonzero(folds == fold))
                if among >= 2 and n:
                    params = {"categorical_features": self.categorical_features}
                    tables.append(munge(own, n, random_state=spawn_seed(seed, _AUGMENTATION, fold), **params))
                    all_folds.append(np.full(n, fold))
        if X_unlabeled is not None:
            tables.append(X_unlabeled)
            all_folds.append(np.full(len(X_unlabeled), _NO_FOLD))
        all_folds = np.concatenate(all_folds)
        n_more = len(all_folds) - len(X)
        return _Rows(
            _stacked(tables),
            np.append(codes, np.full(n_more, UNLABELED)),
            np.append(weight, np.full(n_more, weight.mean())),
            all_folds,
        )

    def _given_folds(self, X, codes):
        """The fold of each row, (n,), where ``cv`` itself says it, and 0 otherwise."""
        folds = np.zeros(len(codes), dtype=int)
        if self.cv is None or isinstance(self.cv, Integral) or self._all_fitted():
            return folds
        folds[:] = _NO_FOLD
        tested = np.zeros(len(codes), dtype=int)
        for fold, (_, rows) in enumerate(check_cv(self.cv, codes, classifier=True).split(X, codes)):
            folds[rows] = fold
            tested[rows] += 1
        if (tested != 1).any():
            n_others = int((tested != 1).sum())
            raise ValueError(
                f"cv: expected splits that test each row once, got {n_others} of {len(codes)} rows otherwise"
            )
        return np.unique(folds, return_inverse=True)[1]

    def _stratified_folds(self, codes, seed):
        """The fold of each labelled row, (n,)."""
        folds = np.zeros(len(codes), dtype=int)
        n_folds = min(self.cv, np.bincount(codes).max())
        if n_folds < 2:
            raise ValueError(
                "cv: expected a class of at least two distinct rows, so that one is left to learn from, got "
                f"n_samples = {len(codes)} distinct row(s) of as many classes; set cv=None"
            )
        with warnings.catch_warnings():  # classes of fewer rows than folds are no reason to worry
            warnings.filterwarnings("ignore", "The least populated class", UserWarning)
            for fold, (_, rows) in enumerate(
                StratifiedKFold(n_folds, shuffle=True, random_state=seed).split(folds, codes)
            ):
                folds[rows] = fold
        return folds

    def _taught(self, rows, fit, seed, name):
        """Probabilities for all rows, (n, n_classes), each from models that were not fitted on its fold."""
        n_rows, in_sample = len(rows.codes), self.cv is None or self._all_fitted()
        folds = [None] if in_sample else range(rows.folds.max() + 1)
        learned = [np.flatnonzero(in_sample | (rows.folds != fold)) for fold in folds]
        names = [f"{name}, fold {number} of {len(folds)}" for number in range(1, len(folds) + 1)]
        told = Parallel(n_jobs=self.n_jobs)(
            delayed(self._told)(fit, rows, own, seed, f"{name}, all rows" if in_sample else fold_name)
            for own, fold_name in zip(learned, names, strict=True)
        )
        total, count = np.zeros((n_rows, len(self.classes_))), np.zeros((n_rows, 1))
        for fold, models in zip(folds, told, strict=True):
            asked = np.flatnonzero(in_sample | np.isin(rows.folds, [fold, _NO_FOLD]))
            total[asked] += self._mean_proba(models, _safe_indexing(rows.X, asked))
            count[asked] += 1
        return total / count

    def _told(self, fit, rows, own, seed, name):
        """Models fitted on some of the rows, with a line for those who want to know."""
        start = time.perf_counter()
        models = fit(rows, own, seed)
        if self.verbose:
            print(f"{type(self).__name__}: {name}: {time.perf_counter() - start:.1f} s", flush=True)
        return models

    def _fitted_teachers(self, rows, own, seed):
        if self._all_fitted():
            return self._teachers()
        own = own[rows.codes[own] != UNLABELED]
        X, y, weight = _safe_indexing(rows.X, own), self.classes_[rows.codes[own]], rows.weight[own]
        if len(np.unique(y)) == 1:  # many classifiers refuse a single class
            return [DummyClassifier(strategy="prior").fit(X, y)]
        return [_fit(_seeded(teacher, seed), X, y, weight) for teacher in self._teachers()]

    def _fitted_student(self, rows, own, seed, targets):
        return [_fit(_seeded(self._student(), seed), _safe_indexing(rows.X, own), targets[own], rows.weight[own])]

    def _targets(self, codes, proba):
        temperature = self.temperature
        if callable(temperature):
            temperature = np.asarray(temperature(proba), dtype=np.float64)
            if temperature.shape != codes.shape or not (temperature > 0).all():
                raise ValueError(
                    f"temperature: expected a function that gives a positive number for each of {len(codes)} rows, got "
                    f"values of shape {temperature.shape}"
                )
        return Labels(self.classes_, codes, proba / proba.sum(axis=1, keepdims=True), self.hard_weight, temperature)

    def _mean_proba(self, models, X):
        """Probabilities (n, n_classes), averaged over models that may each know other classes."""
        proba = np.zeros((X.shape[0], len(self.classes_)))
        for model in models:
            proba[:, np.searchsorted(self.classes_, model.classes_)] += model.predict_proba(X)
        return proba / len(models)

    # ------------------------------------------------------------ report

    def _report(self, X, y, weight, X_unlabeled, seed):
        """The compression report, from models of its own."""
        rare = np.unique(y, return_counts=True)[1].min() < 2
        train, test = train_test_split(
            np.arange(len(y)), test_size=_REPORT_SHARE, stratify=None if rare else y, random_state=seed
        )
        X_train, X_test, y_train, y_test = (_safe_indexing(part, rows) for part in (X, y) for rows in (train, test))
        params = self.get_params(deep=False) | {"compression_report": False, "random_state": seed}
        distilled = type(self)(**params).fit(X_train, y_train, weight[train], X_unlabeled)
        rows = _Rows(X_train, np.searchsorted(distilled.classes_, y_train), weight[train], None)
        teachers = distilled._fitted_teachers(rows, np.arange(len(train)), spawn_seed(seed, _TEACHER))
        hard = _fit(_seeded(self._student(), spawn_seed(seed, _STUDENT, 1)), X_train, y_train, weight[train])
        models = {"teacher": teachers, "student": distilled.students_, "hard-label student": [hard]}
        if not self.ensemble_generations:
            models["student"] = [distilled.student_]
        return {name: distilled._measured(model, X_test, y_test) for name, model in models.items()}

    def _measured(self, models, X, y):
        seconds = []
        for _ in range(3):
            start = time.perf_counter()
            proba = self._mean_proba(models, X)
            seconds.append(time.perf_counter() - start)
        known = np.isin(y, self.classes_)
        proba, y = proba[known] / proba[known].sum(axis=1, keepdims=True), y[known]
        return {
            "accuracy": float(np.mean(self.classes_[proba.argmax(axis=1)] == y)),
            "log_loss": float(log_loss(y, proba, labels=self.classes_)) if len(self.classes_) > 1 else 0.0,
            "calibration_error": expected_calibration_error(y, proba, classes=self.classes_),
            "predict_seconds_per_row": min(seconds) / len(known),
            "bytes": len(pickle.dumps(models)),
        }

    # ------------------------------------------------------------ parameters

    @property
    def categorical_features(self):
        """Those of the student: what tables are read by."""
        return getattr(_last_step(self._student()), "categorical_features", "from_dtype")

    def _teachers(self):
        if self.teacher is None:
            return [make_pipeline(_AsNumbers(self.categorical_features), HistGradientBoostingClassifier())]
        return list(self.teacher) if isinstance(self.teacher, list | tuple) else [self.teacher]

    def _student(self):
        return NetClassifier() if self.student is None else self.student

    def _is_fitted(self, teacher):
        return isinstance(teacher, FrozenEstimator) or isinstance(self.cv, str)

    def _all_fitted(self):
        return all(self._is_fitted(teacher) for teacher in self._teachers())

    def _check_params(self):
        teachers, student = self._teachers(), self._student()
        if isinstance(self.cv, str):
            check_choice("cv", self.cv, ["prefit"])
        elif self.cv is not None and not hasattr(self.cv, "split") and not hasattr(self.cv, "__iter__"):
            check_number("cv", self.cv, int, 2)
        if self.compression_report and hasattr(self.cv, "__iter__") and not isinstance(self.cv, str):
            raise ValueError(
                "compression_report: expected False beside splits that name all rows, as some are held out"
            )
        if not teachers:
            raise ValueError("teacher: expected at least one classifier, got an empty list")
        for teacher in teachers:
            if isinstance(teacher, type) or not hasattr(teacher, "fit") or not hasattr(teacher, "predict_proba"):
                raise TypeError(f"teacher: expected a classifier with predict_proba, got {teacher!r}")
            if self._is_fitted(teacher):
                check_is_fitted(teacher)
        if isinstance(student, type) or not getattr(_last_step(student), "_learns_probabilities", False):
            raise TypeError(
                "student: expected None, a classifier of sktech's that learns from probabilities, such as "
                f"NetClassifier(), or a pipeline that ends in one, got {student!r}"
            )
        if not callable(self.temperature):
            check_number("temperature", self.temperature, float, 0, np.inf, open_low=True, open_high=True)
        check_number("hard_weight", self.hard_weight, float, 0, 1)
        check_choice("augment", self.augment, [None, "munge"])
        check_number("n_augment", self.n_augment, float, 0, np.inf, open_high=True)
        check_number("generations", self.generations, int, 1)
        for name in ("ensemble_generations", "compression_report"):
            check_choice(name, getattr(self, name), [True, False])

    # ------------------------------------------------------------ predict

    def predict_proba(self, X):
        """Probabilities of the classes, the student's.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``.
        """
        check_is_fitted(self)
        students = self.students_ if self.ensemble_generations else [self.student_]
        return sum(student.predict_proba(X) for student in students) / len(students)

    def predict_log_proba(self, X):
        """Logarithms of the probabilities, in nats.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        log_proba : ndarray of shape (n, n_classes)
            -inf where a probability is 0.
        """
        check_is_fitted(self)
        if not self.ensemble_generations:
            return self.student_.predict_log_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        proba = self.predict_proba(X)
        return self.classes_[proba.argmax(axis=1)]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "student_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a teacher may still refuse it
        return tags


@dataclass
class _Rows:
    """All rows of a distillation.

    X (n, n_features); codes (n,), positions in ``classes_`` or UNLABELED; weight (n,); folds (n,), or _NO_FOLD.
    """

    X: object
    codes: np.ndarray
    weight: np.ndarray
    folds: np.ndarray


class _AsNumbers(TransformerMixin, BaseEstimator):
    """Tables of any columns as floats: categories are numbered, missing numbers stay NaN."""

    def __init__(self, categorical_features="from_dtype"):
        self.categorical_features = categorical_features

    def fit(self, X, y=None):
        self.reader_ = TableReader(self.categorical_features).fit(X)
        return self

    def transform(self, X):
        return self.reader_.transform(X)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        return tags


def _last_step(estimator):
    return estimator[-1] if isinstance(estimator, Pipeline) else estimator


def _takes_weights(estimator):
    return isinstance(estimator, FrozenEstimator) or has_fit_parameter(_last_step(estimator), "sample_weight")


def _seeded(estimator, seed):
    """A clone whose open random states are set."""
    estimator = clone(estimator)
    open_states = [
        name
        for name, value in sorted(estimator.get_params().items())
        if value is None and (name == "random_state" or name.endswith("__random_state"))
    ]
    return estimator.set_params(**{name: spawn_seed(seed, i) for i, name in enumerate(open_states)})


def _fit(estimator, X, y, weight):
    """Fitted, with weights if they differ from 1."""
    if (weight == 1).all():
        return estimator.fit(X, y)
    if not _takes_weights(estimator):
        raise ValueError(
            f"sample_weight: expected None, as {type(_last_step(estimator)).__name__}.fit does not take weights, got "
            "weights other than 1"
        )
    name = f"{estimator.steps[-1][0]}__sample_weight" if isinstance(estimator, Pipeline) else "sample_weight"
    return estimator.fit(X, y, **{name: weight})


def _stacked(tables):
    """Tables of one kind below each other."""
    if len(tables) == 1:
        return tables[0]
    library = sys.modules[type(tables[0]).__module__.partition(".")[0]]  # numpy, pandas or polars
    return (library.concatenate if library is np else library.concat)(tables)
