"""DistilledClassifier: a small net that has learned from a big model."""

import time
from dataclasses import dataclass, field
from functools import partial, reduce
from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sktech._random import draw_seed, spawn_seed
from sktech._undo import all_or_nothing, noting
from sktech._validation import check_choice, check_labels, check_number, check_table, check_weights, naming
from sktech.classifiers import NetClassifier
from sktech.classifiers._nets import nets_of
from sktech.classifiers._others import fitted, last_step, mean_proba
from sktech.distillation._numbers import AsNumbers
from sktech.distillation._report import held_out, measured
from sktech.distillation._rows import NO_FOLD, Rows, folds_of, like
from sktech.labels import UNLABELED, Labels

# What a seed is spawned for.
_FOLDS, _TEACHER, _STUDENT, _AUGMENTATION, _REPORT = range(5)


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
        None is ``NetClassifier()``. A classifier of sktech's with a net inside, or a pipeline that ends in one and
        whose other steps do not look at y.
    cv : int, cross-validation splitter, iterable of (train, test), "prefit" or None, default=5
        How the teacher meets the training rows. An int is the number of stratified folds: the teacher is fitted on all
        but one, and labels that one; at most as many folds as the largest class has distinct rows. A splitter or its
        splits say themselves which rows are labelled together; each row has to be tested once. None: the teacher is
        fitted on all rows and labels the same ones. "prefit": it is already fitted, and so used.
    temperature : float or callable, default=1.0
        T of the paper, positive: teacher and student are compared at probabilities softmax(log(p) / T), and the loss is
        scaled by T^2. A callable maps the teacher's probabilities (n, n_classes) to a temperature for each row, (n,).
    hard_weight : float, default=0.5
        Share of the labels themselves in the loss, in [0, 1]; 1 is plain training, but for rows without a label. The
        better the teacher compared
        with what the student would be alone, the smaller.
    augment : None or "munge", default=None
        "munge" makes up more rows, for the teacher to label: :func:`sktech.augmentation.munge`.
    n_augment : int or float, default=1.0
        How many; a float is a multiple of the number of training rows. Each weighs as much as these do on average.
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
        The fitted student of the last generation: all that is needed to predict, and what to save. It is trimmed for
        prediction, and cannot go on training.
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

    Rows without a label (made-up or unlabelled ones) have T^2 CE(...) of the first term, with factor 1. Probabilities
    below 1e-7 count as 1e-7 where a temperature is not 1. For early stopping the student holds out labelled rows and
    looks at T = 1.

    A weight of k is k copies, also for a teacher that takes no weights; weights that are no whole numbers, or large,
    are passed to the teacher. Copies of a row are rows like any others: they may be in different folds.

    -1 is a label like any other here; rows without one are given as ``X_unlabeled``. Parameters of teacher and student
    go into a grid, as ``teacher__max_iter`` or ``student__lr``, where these are given as objects.

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
        with all_or_nothing(self):
            self._fit(X, y, sample_weight, X_unlabeled)
            return self

    def _fit(self, X, y, sample_weight, X_unlabeled):
        X = check_table(self, X, reset=True, categorical_features=self._categorical_features())
        labels, codes = check_labels(self, X, y)
        weight = check_weights(X, sample_weight)
        seed = draw_seed(self.random_state)
        if X_unlabeled is not None:
            named = self._categorical_features()
            X_unlabeled = like(check_table(self, X_unlabeled, reset=False, categorical_features=named), X)
        self.classes_ = self._all_classes(labels)
        codes = np.searchsorted(self.classes_, labels)[codes]
        splits = self.cv is not None and not isinstance(self.cv, str | Integral)
        folds = folds_of(self.cv, X, codes) if splits else np.zeros_like(codes)
        rows = Rows(X, codes, weight, folds, self._categorical_features())
        if not weight.all():
            rows = rows[np.flatnonzero(weight)]
            rows.folds = np.unique(rows.folds, return_inverse=True)[1]
        if splits and rows.n_folds < 2:
            raise ValueError(
                f"cv: expected splits with rows of positive weight in at least two folds, got {rows.n_folds}"
            )
        rows = rows.counted()
        if self.compression_report:
            with noting("while making the compression report, with models of its own"):
                self.compression_report_ = self._report(rows, X_unlabeled, spawn_seed(seed, _REPORT))
        self.students_ = self._taught_students(rows, X_unlabeled, seed)
        self.student_ = self.students_[-1]
        self._voters = self.students_ if self.ensemble_generations else self.students_[-1:]

    def _all_classes(self, labels):
        """The labels, with those that a fitted teacher knows besides."""
        known = [teacher.classes_ for teacher in self._teachers() if self._is_fitted(teacher)]
        for classes in known:
            if not set(labels.tolist()) <= set(classes.tolist()):
                raise ValueError(
                    f"teacher: expected one that knows the labels {labels.tolist()}, got one for {classes.tolist()}"
                )
        return reduce(np.union1d, known, labels)

    def _taught_students(self, rows, X_unlabeled, seed):
        """The students of all generations."""
        folded = self.cv is not None and self.cv != "prefit"
        teachers_are_folded = folded and not all(map(self._is_fitted, self._teachers()))
        if isinstance(self.cv, Integral) and (teachers_are_folded or self.generations > 1):
            rows = rows.with_stratified_folds(self.cv, spawn_seed(seed, _FOLDS))
        if self.augment is not None:
            n_more = self.n_augment if isinstance(self.n_augment, Integral) else round(self.n_augment * len(rows))
            rows = rows.with_munged(n_more, spawn_seed(seed, _AUGMENTATION))
        if X_unlabeled is not None:
            rows = rows.with_unlabeled(X_unlabeled)

        teach, teacher_seed = self._fitted_teachers, spawn_seed(seed, _TEACHER)
        if teachers_are_folded:
            proba = self._out_of_fold(teach, rows, teacher_seed, "teacher")
        else:
            proba = self._mean_proba(self._timed(teach, rows, np.arange(len(rows)), teacher_seed, "teacher"), rows.X)
        students = []
        while True:
            generation = len(students) + 1
            learn = partial(self._fitted_student, targets=self._targets(rows.codes, proba))
            name, own_seed = f"student {generation}", spawn_seed(seed, _STUDENT, generation)
            students += self._timed(learn, rows, np.arange(len(rows)), own_seed, name)
            if generation == self.generations:
                return students
            if folded:
                proba = self._out_of_fold(learn, rows, own_seed, name)
            else:
                proba = self._mean_proba(students[-1:], rows.X)

    def _out_of_fold(self, fit, rows, seed, name):
        """Probabilities for all rows, (n, n_classes), each from models that were not fitted on its fold."""
        n_folds = rows.n_folds
        learned = [np.flatnonzero(rows.folds != fold) for fold in range(n_folds)]
        models = Parallel(n_jobs=self.n_jobs)(
            delayed(self._timed)(fit, rows, own, seed, f"{name}, fold {fold + 1} of {n_folds}")
            for fold, own in enumerate(learned)
        )
        proba = np.zeros((len(rows), len(self.classes_)))
        for fold in range(n_folds):
            asked = np.flatnonzero(np.isin(rows.folds, [fold, NO_FOLD]))
            proba[asked] += self._mean_proba(models[fold], _safe_indexing(rows.X, asked))
        return proba / proba.sum(axis=1, keepdims=True)

    def _timed(self, fit, rows, own, seed, name):
        """Models fitted on some of the rows, with a line for those who want to know."""
        start = time.perf_counter()
        with noting(f"while fitting {name}"):
            models = fit(rows, own, seed)
        if self.verbose:
            print(f"{type(self).__name__}: {name}: {time.perf_counter() - start:.1f} s", flush=True)
        return models

    def _fitted_teachers(self, rows, own, seed):
        labeled = rows[own[rows.codes[own] != UNLABELED]]
        y = self.classes_[labeled.codes]
        return [
            teacher
            if self._is_fitted(teacher)
            else fitted(self._told(teacher, rows), labeled.X, y, labeled.weight, seed, role="teacher")
            for teacher in self._teachers()
        ]

    def _fitted_student(self, rows, own, seed, targets):
        X, y, weight = _safe_indexing(rows.X, own), targets[own], rows.weight[own]
        student = fitted(self._told(self._student(), rows), X, y, weight, seed, role="student")
        last_step(student).net_.trim_for_prediction()  # without the optimiser's state, which is twice the net's
        return [student]

    def _told(self, estimator, rows):
        """A clone that is told which columns are categories, if it would find out from its share of the rows."""
        estimator = clone(estimator)
        reader = estimator[0] if isinstance(estimator, Pipeline) else estimator
        asks = isinstance(reader, AsNumbers | NetClassifier) and "categorical_features" in reader.get_params(deep=False)
        if asks and np.array_equal(reader.categorical_features, self._categorical_features()):
            reader.set_params(categorical_features=rows.categorical_features)
        return estimator

    def _targets(self, codes, proba):
        temperature = self.temperature
        if callable(temperature):
            temperature = np.asarray(temperature(proba))
            numbers = temperature.shape == codes.shape and temperature.dtype.kind in "iuf"
            if not numbers or not ((temperature > 0) & (temperature < np.inf)).all():
                raise ValueError(
                    f"temperature: expected a function that gives a positive number for each of {len(codes)} rows, got "
                    f"shape {temperature.shape}, {temperature.ravel()[:3]}, ..."
                )
        return Labels(self.classes_, codes, proba, self.hard_weight, temperature)

    def _mean_proba(self, models, X):
        return mean_proba(models, X, self.classes_)

    def _report(self, rows, X_unlabeled, seed):
        """The compression report, from models of its own."""
        train, test = held_out(rows.codes, seed)
        learned, unseen = rows[train], rows[test]
        students = self._taught_students(learned, X_unlabeled, seed)
        hard = Labels(self.classes_, learned.codes)
        everything = np.arange(len(train))
        models = {
            "teacher": self._fitted_teachers(learned, everything, spawn_seed(seed, _TEACHER)),
            "student": students if self.ensemble_generations else students[-1:],
            "hard-label student": self._fitted_student(learned, everything, spawn_seed(seed, _STUDENT, 1), hard),
        }
        return {name: measured(model, unseen.X, unseen.codes, self.classes_) for name, model in models.items()}

    # ------------------------------------------------------------ parameters

    def _categorical_features(self):
        """Those of the student, which say how the table is read; a pipeline's are about something else."""
        return getattr(self._student(), "categorical_features", "from_dtype")

    def _teachers(self):
        if self.teacher is None:
            return [make_pipeline(AsNumbers(self._categorical_features()), HistGradientBoostingClassifier())]
        return list(self.teacher) if isinstance(self.teacher, list | tuple) else [self.teacher]

    def _student(self):
        return NetClassifier() if self.student is None else self.student

    def _is_fitted(self, teacher):
        return isinstance(teacher, FrozenEstimator) or isinstance(self.cv, str)

    def _check_params(self):
        teachers, student = self._teachers(), self._student()
        if isinstance(self.cv, str):
            check_choice("cv", self.cv, ["prefit", None, "a number of folds", "a splitter", "splits"])
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
                if self.teacher is None:
                    raise ValueError("teacher: expected a fitted classifier beside cv='prefit', got None")
                check_is_fitted(teacher)
        if isinstance(student, type) or not isinstance(last_step(student), NetClassifier):
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

    def _nets(self):
        check_is_fitted(self)
        return nets_of(self._voters, np.full(len(self._voters), 1 / len(self._voters)))

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
        with naming("student"):
            return sum(student.predict_proba(X) for student in self._voters) / len(self._voters)

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
        if len(self._voters) == 1:
            with naming("student"):
                return self.student_.predict_log_proba(X)
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def decision_function(self, X):
        """Logarithms of the probabilities up to a constant, or their difference for two classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        score : ndarray of shape (n, n_classes), or (n,) for two classes
            The student's logits; for several generations the logarithms of their mean probabilities.
        """
        check_is_fitted(self)
        if len(self._voters) == 1:
            with naming("student"):
                return self.student_.decision_function(X)
        log_proba = self.predict_log_proba(X)
        log_proba = np.maximum(log_proba, np.finfo(log_proba.dtype).min / 2)
        return log_proba[:, 1] - log_proba[:, 0] if len(self.classes_) == 2 else log_proba

    def predict(self, X):
        """The most probable label of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,)
        """
        check_is_fitted(self)
        if len(self._voters) == 1:
            with naming("student"):
                return self.student_.predict(X)
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_is_fitted__(self):
        return hasattr(self, "student_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True  # a teacher may still refuse it
        return tags
