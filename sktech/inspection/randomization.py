"""Randomisation tests: how much a classifier memorises, told by what it learns where there is nothing to learn."""

import time
import warnings
from dataclasses import dataclass
from itertools import product

import numpy as np
from sklearn.base import BaseEstimator, clone, is_classifier
from sklearn.dummy import DummyClassifier
from sklearn.exceptions import FitFailedWarning
from sklearn.metrics import check_scoring
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing, check_array
from sklearn.utils.parallel import Parallel, delayed

from sktech._random import draw_seed, spawn_seed
from sktech._validation import check_choice, check_labels, check_number, check_sequence
from sktech.inspection._axes import check_axes, new_axes
from sktech.inspection._randomized import RandomizedInputs, redrawn_labels
from sktech.inspection._time_to_fit import fit_timed
from sktech.table import is_frame

KINDS = ("labels", "corrupted", "shuffled_columns", "permuted_cells", "gaussian")
# What the seed of a repeat is spawned for.
_SPLIT, _RANDOMIZED, _ESTIMATOR = range(3)


def randomization_test(
    estimator,
    X,
    y,
    *,
    kinds=KINDS,
    corruption=0.5,
    test_size=0.25,
    n_repeats=1,
    threshold=0.99,
    scoring=None,
    categorical_features="auto",
    random_state=None,
    n_jobs=None,
    verbose=0,
):
    """Scores of a classifier on its training rows and on others, with the data as they are and randomised.

    A model that is as good on its training rows when their labels are random has learned them by heart. That it can
    says how much it is able to memorise, and its score on the training rows nothing about what it has understood. ::

        net = NetClassifier(early_stopping=False, n_members=1)
        print(randomization_test(net, X, y, n_repeats=5, n_jobs=2))

    The estimator is tested as it is given. A net that holds out rows to stop early, as sktech's do by default, keeps
    the weights of an early epoch, and memorises little. To see what it could, set ``early_stopping=False``.

    Parameters
    ----------
    estimator : classifier
        Any of scikit-learn's manner, cloned and fitted.
    X : data frame or array-like of shape (n, n_features)
    y : array-like of shape (n,)
        Labels of any one type.
    kinds : sequence of str, default=("labels", "corrupted", "shuffled_columns", "permuted_cells", "gaussian")
        What to randomise, beside the true data, which come first:

        - "labels": each training label is drawn uniformly from all classes.
        - "corrupted": each training label is, with the probability ``corruption``; the others stay. Of K classes a
          share of (K - 1) / K of those drawn differ from what they were.
        - "shuffled_columns": one order of the columns for all rows, under the old names. For models that treat columns
          alike nothing changes: a control.
        - "permuted_cells": the standardised numbers of each row in an order of its own.
        - "gaussian": numbers drawn from a normal distribution with mean and variance of their column.

        Inputs are randomised in training and test rows alike. Labels of test rows stay true.
    corruption : float or sequence of float, default=0.5
        p of the paper: share of the labels that are drawn anew, in (0, 1]; each is a row of the result.
    test_size : float, default=0.25
        Share of the rows that no fit sees, in (0, 1); of each class where it has two rows or more.
    n_repeats : int, default=1
        Repetitions with other training rows, other random data and other seeds. Within one, all kinds have the same
        rows and the same seeds, and what a lower ``corruption`` draws anew is among what a higher one does.
    threshold : float, default=0.99
        Accuracy on the training rows, in (0, 1], from which on they count as fitted.
    scoring : None, str or callable, default=None
        Of the scores, as in scikit-learn; None is the estimator's own, accuracy for most.
    categorical_features : "auto", "from_dtype", None, or array-like of bool, int or str, default="auto"
        Which columns are categories, as in :class:`sktech.NetClassifier`; "auto" is what the estimator says, if it has
        ``categorical_features``, else "from_dtype".
    random_state : None, int or numpy.random.RandomState, default=None
        Of what is drawn, and of each ``random_state`` in the estimator that is None.
    n_jobs : int, default=None
        Fits at a time.
    verbose : int, default=0
        1 prints a line per fit.

    Returns
    -------
    result : RandomizationResult
        Prints as a table.

    Warns
    -----
    FitFailedWarning
        If the classifier cannot be fitted to randomised data, such as missing values in a column that had none; its
        scores are then NaN.

    Raises
    ------
    ValueError, TypeError
        If a parameter or the data are not as described, or a kind makes no sense for the table, such as
        "permuted_cells" for a single column of numbers.

    Notes
    -----
    Columns of a table have scales and types, pixels have not. So numbers change places with numbers, and categories
    with categories; permuted cells are in units of their column's standard deviation, before and after; and where a
    row's cells are permuted or drawn, categories are drawn by their frequencies. Means, deviations and frequencies are
    those of the training rows. A missing number is permuted like another, and drawn as often as its column has it.

    In the code of two of the authors (https://github.com/pluskid/fitting-random-labels) the labels of test rows are
    randomised too. Here they stay: what is asked is what remains of the score on real rows. With all labels random both
    are at chance, 1 / K. A model that finds nothing in random inputs scores like the largest class. What nets, forests,
    boosting and logistic regression memorise was measured, see ``benchmarks/results/randomization.md``.

    References
    ----------
    C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, "Understanding deep learning requires rethinking
    generalization", ICLR 2017, section 2, https://arxiv.org/abs/1611.03530

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> from sktech.inspection import randomization_test
    >>> X, y = load_iris(return_X_y=True)
    >>> result = randomization_test(DecisionTreeClassifier(), X, y, kinds=["labels"], random_state=0)
    >>> result.kinds
    ['true', 'labels']
    >>> true_gap, random_gap = result.gaps[:, 0]
    >>> bool(random_gap > true_gap)
    True
    """
    _check_params(estimator, kinds, corruption, test_size, n_repeats, threshold)
    scorer = check_scoring(estimator, scoring)
    if not is_frame(X):
        X = check_array(X, dtype=None, ensure_all_finite="allow-nan")
        X = X.astype(object) if X.dtype.kind in "US" else X
    classes, codes = check_labels(estimator, X, y)
    if isinstance(categorical_features, str) and categorical_features == "auto":
        categorical_features = getattr(estimator, "categorical_features", "from_dtype")
    seed, rows = draw_seed(random_state), {"true": ("true", 0.0)}
    for kind in dict.fromkeys(kinds):
        drawn = {f"{kind} {share:g}": share for share in np.ravel(corruption)} if kind == "corrupted" else {kind: 1.0}
        rows |= {name: (kind, share) for name, share in drawn.items()}
    repeats = []
    for k in range(n_repeats):
        train, test = _split(codes, test_size, spawn_seed(seed, k, _SPLIT))
        inputs = RandomizedInputs(X, train, categorical_features)
        inputs.check_kinds(kinds)
        repeats.append(_Repeat(estimator, scorer, inputs, classes, codes, train, test, threshold, (seed, k)))
    found, start = np.empty((n_repeats, len(rows), 4)), time.perf_counter()
    parallel = Parallel(n_jobs=n_jobs, return_as="generator")
    outcomes = parallel(delayed(repeat.fit)(kind, share) for repeat in repeats for kind, share in rows.values())
    for (k, (j, name)), outcome in zip(product(range(n_repeats), enumerate(rows)), outcomes, strict=True):
        if isinstance(outcome, Exception):
            warnings.warn(f"kinds: a fit to {name!r} failed: {outcome}", FitFailedWarning, stacklevel=2)
            outcome = (np.nan,) * 4
        found[k, j] = outcome
        if verbose:
            scores = f"train {outcome[0]:.3f}, test {outcome[1]:.3f}, {time.perf_counter() - start:.1f} s"
            print(f"randomization_test: repeat {k + 1} of {n_repeats}, {name}: {scores}", flush=True)
    constants = np.array([repeat.constant_score() for repeat in repeats])
    name = scoring if isinstance(scoring, str) else "accuracy" if scoring is None else "score"
    return RandomizationResult(list(rows), *found.T, constants, name)


def _check_params(estimator, kinds, corruption, test_size, n_repeats, threshold):
    if isinstance(estimator, type) or not isinstance(estimator, BaseEstimator) or not is_classifier(estimator):
        raise TypeError(f"estimator: expected a classifier, got {estimator!r}")
    check_sequence("kinds", kinds)
    for kind in kinds:
        check_choice("kinds", kind, KINDS)
    for share in np.ravel(corruption).tolist():
        check_number("corruption", share, float, 0, 1, open_low=True)
    check_number("test_size", test_size, float, 0, 1, open_low=True, open_high=True)
    check_number("n_repeats", n_repeats, int, 1)
    check_number("threshold", threshold, float, 0, 1, open_low=True)


def _split(codes, test_size, seed):
    rows, counts = np.arange(len(codes)), np.bincount(codes)
    n_test = int(np.ceil(test_size * len(codes)))
    stratified = counts.min() > 1 and len(counts) <= min(n_test, len(codes) - n_test)
    return train_test_split(rows, test_size=test_size, stratify=codes if stratified else None, random_state=seed)


@dataclass(eq=False)
class _Repeat:
    """Training and test rows, and the fits to them."""

    estimator: object
    scorer: object
    inputs: RandomizedInputs
    classes: np.ndarray
    codes: np.ndarray
    train: np.ndarray
    test: np.ndarray
    threshold: float
    seed: tuple

    def fit(self, kind, share):
        """Scores on training and test rows, and epochs and steps until the training rows were fitted."""
        rng = np.random.default_rng(spawn_seed(*self.seed, _RANDOMIZED))
        X, codes = self.inputs.X, self.codes[self.train]
        if kind in ("labels", "corrupted"):
            codes = redrawn_labels(codes, len(self.classes), share, rng)
        elif kind != "true":
            X = getattr(self.inputs, kind)(rng)
        estimator = clone(self.estimator)
        params = estimator.get_params()
        unset = [name for name in sorted(params) if name.split("__")[-1] == "random_state" and params[name] is None]
        estimator.set_params(**{name: spawn_seed(*self.seed, _ESTIMATOR, k) for k, name in enumerate(unset)})
        learned = _safe_indexing(X, self.train), self.classes[codes]
        try:
            epochs, steps = fit_timed(estimator, *learned, self.threshold)
            return self.scorer(estimator, *learned), self.scorer(estimator, *self._tested(X)), epochs, steps
        except Exception as error:
            if kind == "true":
                raise
            return error

    def constant_score(self):
        """Of the frequencies of the classes, as a prediction for every row."""
        constant = DummyClassifier(strategy="prior")
        constant.fit(_safe_indexing(self.inputs.X, self.train), self.classes[self.codes[self.train]])
        return self.scorer(constant, *self._tested(self.inputs.X))

    def _tested(self, X):
        return _safe_indexing(X, self.test), self.classes[self.codes[self.test]]


@dataclass(eq=False)
class RandomizationResult:
    """What :func:`randomization_test` found; it prints as a table, of several repeats means ± standard deviations.

    Parameters
    ----------
    kinds : list of str
        What was randomised: "true" for nothing, and so on.
    train_scores : ndarray of shape (n_kinds, n_repeats)
        On the training rows, as the classifier has seen them: with the labels and the inputs that it learned.
    test_scores : ndarray of shape (n_kinds, n_repeats)
        On rows that it has not seen: with true labels, and inputs randomised alike.
    epochs_to_fit : ndarray of shape (n_kinds, n_repeats)
        After which epoch, or stage of boosting, the training rows were fitted first, whatever epoch is kept in the end:
        infinity if they never were, NaN where that is not known. It is known of nets of sktech's that learn
        by themselves, and of classifiers with ``staged_predict``, alone or at the end of a pipeline.
    steps_to_fit : ndarray of shape (n_kinds, n_repeats)
        Steps of the optimiser until then, or stages.
    constant_scores : ndarray of shape (n_repeats,)
        On the test rows, of a classifier that gives each row the frequencies of the classes, with true data.
    score_name : str
    """

    kinds: list
    train_scores: np.ndarray
    test_scores: np.ndarray
    epochs_to_fit: np.ndarray
    steps_to_fit: np.ndarray
    constant_scores: np.ndarray
    score_name: str

    @property
    def gaps(self):
        """How much higher the score on the training rows is, (n_kinds, n_repeats)."""
        return self.train_scores - self.test_scores

    def __str__(self):
        spread = self.train_scores.shape[1] > 1
        width = max(map(len, [self.score_name, *self.kinds]))
        heads = [f"{head:>{15 if spread else 7}s}" for head in ("train", "test", "gap")]
        lines = ["  ".join([f"{self.score_name:{width}s}", *heads, "epochs to fit"])]
        for k, kind in enumerate(self.kinds):
            scores = [values[k] for values in (self.train_scores, self.test_scores, self.gaps)]
            cells = [f"{np.mean(v):7.3f}" + (f" ± {np.std(v, ddof=1):.3f}" if spread else "") for v in scores]
            lines.append("  ".join([f"{kind:{width}s}", *cells, _epochs(self.epochs_to_fit[k])]).rstrip())
        return "\n".join([*lines, "", f"a constant prediction: {np.mean(self.constant_scores):.3f}"])


def _epochs(values):
    if np.isnan(values).all():
        return ""
    if np.isinf(values).all():
        return f"{'never':>13s}"
    fitted = np.isfinite(values)
    text = f"{np.mean(values[fitted]):13.1f}"
    return text if fitted.all() else f"{text}, in {fitted.sum()} of {len(values)}"


class RandomizationDisplay:
    """Scores on training and test rows, with the data as they are and randomised, one line each.

    Parameters
    ----------
    result : RandomizationResult

    Attributes
    ----------
    result : RandomizationResult
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, result):
        self.result = result

    @classmethod
    def from_estimator(cls, estimator, X, y, *, ax=None, **kwargs):
        """Tests a classifier and plots what was found.

        Parameters
        ----------
        estimator, X, y
            As for :func:`randomization_test`.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs
            As for :func:`randomization_test`.

        Returns
        -------
        display : RandomizationDisplay
        """
        check_axes(ax)
        return cls(randomization_test(estimator, X, y, **kwargs)).plot(ax=ax)

    def plot(self, ax=None):
        """Draws the means over the repeats, and each repeat as a small dot; the bar between is the gap.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.

        Returns
        -------
        self : RandomizationDisplay
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        result, places = self.result, np.arange(len(self.result.kinds))
        train, test = result.train_scores.mean(axis=1), result.test_scores.mean(axis=1)
        self.ax_.hlines(places, test, train, color="0.8", linewidth=6, zorder=1)
        for values, mean, colour, label in (
            (result.train_scores, train, "C1", "training rows"),
            (result.test_scores, test, "C0", "test rows"),
        ):
            self.ax_.scatter(values, np.repeat(places[:, None], values.shape[1], axis=1), s=6, color=colour, alpha=0.5)
            self.ax_.scatter(mean, places, s=60, color=colour, label=label, zorder=3)
        self.ax_.axvline(result.constant_scores.mean(), color="0.4", linestyle=":", label="constant prediction")
        self.ax_.set_yticks(places, [kind.replace("_", " ") for kind in result.kinds])
        self.ax_.set_ylim(len(places) - 0.5, -0.5)  # from the top
        self.ax_.set_xlabel(result.score_name.replace("_", " "))
        self.ax_.legend()
        return self
