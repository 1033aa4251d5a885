"""BaggingVoteEnsemble: many classifiers, each trained on rows drawn for it, that vote."""

import warnings
from dataclasses import dataclass, field
from numbers import Integral, Real

import numpy as np
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from sktech._random import draw_seed, spawn_seed
from sktech._validation import (
    check_choice,
    check_number,
    check_sequence,
    check_weights,
)
from sktech.classifiers import NetClassifier
from sktech.classifiers._members import fit_members, members_proba
from sktech.ensemble._base import MEMBERS, VotingEnsemble, asked_member, fitted_member
from sktech.ensemble._resampling import LeftOutFolds, Resampling
from sktech.ensemble._vote import accuracy_weights, as_votes, bayes_weights, greedy_weights
from sktech.table import TableReader, some_columns

# What a seed is spawned for.
_ROWS, _FEATURES = MEMBERS + 1, MEMBERS + 2


@dataclass(kw_only=True, eq=False, repr=False)
class BaggingVoteEnsemble(VotingEnsemble):
    """Classifiers that learn from different rows and vote; nets are trained side by side, many for the price of a few.

    ``BaggingClassifier`` of scikit-learn, with votes that may weigh more or less, with uncertainty in its parts, and
    with nets that are stacked into one. By default ten single nets, each trained on a bootstrap: ::

        BaggingVoteEnsemble(n_estimators=20, oob_score=True).fit(X, y).oob_score_

    Parameters
    ----------
    estimator : None or classifier, default=None
        A member, cloned and fitted. None is ``NetClassifier(n_members=1)``.
    n_estimators : int, default=10
        How many members.
    max_samples : int, float or None, default=1.0
        How many rows are drawn for each member; a float is a share of the rows. None is 1.0.
    max_features : int or float, default=1.0
        How many columns are drawn for each member; a float is a share.
    bootstrap : bool, default=True
        Whether rows are drawn with replacement.
    bootstrap_features : bool, default=False
        Whether columns are drawn with replacement.
    resampling : {"bagging", "cross_validation"}, default="bagging"
        "cross_validation": rows are not drawn, but divided into ``n_estimators`` folds with equal shares of the
        classes, and each member leaves out one (``max_samples`` and ``bootstrap`` do not apply).
    oob_score : bool or callable, default=False
        Whether to predict each row by those members that have not seen it, and score that: by the accuracy, or by
        ``oob_score(y, y_predicted)``.
    voting : {"soft", "hard"}, default="soft"
        Whether members contribute their probabilities, or one vote for their most probable class.
    member_weights : str or array-like of shape (n_estimators,), default="uniform"
        What a member's vote counts. "uniform"; or from the rows that it has not seen: "accuracy", the log-odds of being
        right, "bayes", the posterior probability of the member, or "greedy", how often forward selection picks it; or
        given numbers of at least 0. Where all rows have been seen votes count the same. Mind that "bayes" all but
        chooses one member where there are many rows.
    prior : array-like of shape (n_estimators,), default=None
        P(h), for "bayes"; None is the same for all.
    stacked : bool or "auto", default="auto"
        Whether nets of sktech's are trained side by side in one module; the results are the same up to rounding (which
        long trainings in float32 may amplify: ``dtype="float64"`` keeps them together). "auto" does so for batches that
        are small enough for it to be faster, and trains others one after the other. What cannot be stacked: nets with
        callbacks, with optimisers such as LBFGS that look at all parameters at once, and members that see different
        columns.
    warm_start : bool, default=False
        Whether ``fit`` keeps the present members and adds the missing ones.
    n_jobs : None or int, default=None
        Processes that share the fitting; nets are stacked within each.
    random_state : None, int or numpy.random.RandomState, default=None
        Of the rows and columns drawn, and of the members, whose own random states are set.
    verbose : int, default=0
        As joblib has it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    n_classes_ : int
        Their number.
    estimator_ : classifier
        What the members are clones of.
    estimators_ : list of classifier
        The fitted members. Nets are ordinary ones, also where they were trained side by side.
    estimators_samples_ : list of ndarray of int
        The rows drawn for each member.
    estimators_features_ : list of ndarray of int
        The columns.
    member_weights_ : ndarray of shape (n_estimators,)
        What votes count; their sum is 1.
    oob_score_ : float
        Only with ``oob_score``.
    oob_decision_function_ : ndarray of shape (n, n_classes)
        Shares of the votes of those members that have not seen the row; NaN where all have. Only with ``oob_score``.
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
    Where members stop early, they hold out copies of the rows drawn for them, most of which they also learn from; so
    nets on bootstraps train longer, and are each more sure of themselves, than nets on all rows. The vote evens that
    out; ``bootstrap=False`` is a deep ensemble, whose members are better each, and often the vote is, too.

    A row is unseen if no copy of it, and no identical row, was drawn. In a grid, ``estimator__lr`` and the like need
    ``estimator`` to be given. Members other than nets of sktech's see numbers of columns among those drawn for them.

    A data frame goes to the members as it is. Rows are drawn in an order that depends on their content alone, and a
    weight of k is k copies of a row, which a member may have seen in part. Weights that are no whole numbers, or more
    than ten on average, are shares of being drawn; with ``bootstrap=False`` they are passed to the members.

    Nets without drawn columns share what is read off the table before a training, from all rows: scales, bins and
    levels of the columns, weights of the classes, and how many rows make an epoch.

    References
    ----------
    L. Breiman, "Bagging Predictors", Machine Learning 24, 1996; T. G. Dietterich, "Ensemble Methods in Machine
    Learning", MCS 2000, sections 2.1-2.3 (Bayesian voting, bagging, cross-validated committees); R. Caruana et al.,
    "Ensemble Selection from Libraries of Models", ICML 2004 (greedy); parts of the uncertainty: S. Depeweg et al.,
    "Decomposition of Uncertainty in Bayesian Deep Learning", ICML 2018, equation 5, https://arxiv.org/abs/1710.07283

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import BaggingVoteEnsemble
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = BaggingVoteEnsemble(n_estimators=40, oob_score=True, random_state=0).fit(X, y)
    >>> clf.oob_score_ > 0.9
    True
    >>> clf.disagreement(X.iloc[:3]).shape
    (3,)
    """

    estimator: object = field(default=None, kw_only=False)
    n_estimators: int = field(default=10, kw_only=False)
    max_samples: object = 1.0
    max_features: object = 1.0
    bootstrap: bool = True
    bootstrap_features: bool = False
    resampling: str = "bagging"
    oob_score: object = False
    voting: str = "soft"
    member_weights: object = "uniform"
    prior: object = None
    stacked: object = "auto"
    warm_start: bool = False
    n_jobs: object = None
    random_state: object = None
    verbose: int = 0

    # ------------------------------------------------------------ fit

    def fit(self, X, y, sample_weight=None):
        """Draws rows for each member and fits it.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of any one type; if the members are nets of sktech's, whatever these learn from.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row.

        Returns
        -------
        self : BaggingVoteEnsemble
        """
        return self._fit_all_or_nothing(X, y, sample_weight)

    def _fit(self, X, y, sample_weight):
        goes_on = self.warm_start and hasattr(self, "estimators_")
        X = self._table(X, reset=not goes_on)
        labels, weight = self._labels(X, y), check_weights(X, sample_weight)
        if goes_on and not np.array_equal(labels.classes, self.classes_):
            before = self.classes_.tolist()
            raise ValueError(f"warm_start: expected the labels {before} as before, got {labels.classes.tolist()}")
        if not goes_on:
            self.estimators_, self.estimators_features_, self._resamplings = [], [], []
            self._seed = draw_seed(self.random_state)
        new = range(len(self.estimators_), self.n_estimators)
        if self.n_estimators < len(self.estimators_):
            raise ValueError(
                f"n_estimators: expected at least {len(self.estimators_)}, as many as warm_start goes on from, got "
                f"{self.n_estimators}"
            )
        self.classes_, self.n_classes_ = labels.classes, len(labels.classes)
        copies = self._copies(X, labels.keys(), weight)
        seed = spawn_seed(self._seed, _ROWS)
        if self.resampling == "cross_validation":
            resampling = LeftOutFolds(*copies, labels.codes, self.n_estimators, seed)
        else:
            n = _how_many("max_samples", 1.0 if self.max_samples is None else self.max_samples, len(copies[0]))
            resampling = Resampling(*copies, len(weight), n, self.bootstrap, seed)
        self._resamplings = [*self._resamplings, *[resampling] * len(new)]
        features = [self._drawn_features(k) for k in new]
        if new:
            nets = self._is_one_net()
            own = self._fitted_nets(X, labels, weight, new) if nets else self._fitted_members(X, labels, new, features)
            self.estimators_ = [*self.estimators_, *own]
        self.estimators_features_ = [*self.estimators_features_, *features]
        self._weigh(X, labels)

    def _drawn_features(self, k):
        n = self.n_features_in_
        n_drawn = _how_many("max_features", self.max_features, n)
        if n_drawn == n and not self.bootstrap_features:
            return np.arange(n)
        rng = np.random.default_rng(spawn_seed(self._seed, _FEATURES, k))
        return np.sort(rng.choice(n, n_drawn, replace=self.bootstrap_features))

    def _fitted_nets(self, X, labels, weight, new):
        """Nets that see all columns: they share the table, and may be trained side by side."""
        nets = self._new_nets(new)
        shares = np.stack([self._resamplings[k].share(k) for k in new])
        options = {"stacked": self.stacked, "n_jobs": self.n_jobs, "verbose": self.verbose}
        fit_members(nets, X, labels, weight, shares, names=[self._name(k) for k in new], **options)
        return nets

    def _fitted_members(self, X, labels, new, features):
        is_net = isinstance(self.estimator_, NetClassifier)
        y = labels if is_net else labels.classes[labels.codes]
        # Once for all: whether a column of objects is numbers may look otherwise in the rows of a member.
        categories = TableReader(self._categorical_features()).fit(X).is_category_ if is_net else None

        def member(k, columns):
            rows, own = self._resamplings[k].samples(k)
            table = some_columns(_safe_indexing(X, rows), columns)
            estimator = self.estimator_
            if categories is not None:  # of the columns drawn
                estimator = clone(estimator).set_params(categorical_features=categories[columns])
            return delayed(fitted_member)(self._name(k), estimator, table, y[rows], own, self._member_seed(k))

        parallel = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)
        return parallel(member(k, columns) for k, columns in zip(new, features, strict=True))

    def _weigh(self, X, labels):
        """What votes count, and how well the members predict rows that they have not seen."""
        for name in ("oob_score_", "oob_decision_function_"):
            vars(self).pop(name, None)
        kind, n = self.member_weights if isinstance(self.member_weights, str) else "given", len(self.estimators_)
        weights = np.asarray(self.member_weights, dtype=np.float64) if kind == "given" else np.ones(n)
        judged = kind in ("accuracy", "bayes", "greedy")
        if judged or self.oob_score:
            unseen = self._unseen(labels, "member_weights" if judged else "oob_score")
        if judged and unseen.any():
            of_label, right = np.empty(unseen.shape), np.empty(unseen.shape, dtype=bool)
            for rows, proba in self._chunks(X):
                y = labels.codes[rows]
                of_label[:, rows] = proba[:, np.arange(len(y)), y]
                right[:, rows] = proba.argmax(axis=2) == y
            if kind == "accuracy":
                weights = accuracy_weights(right, unseen)
            elif kind == "bayes":
                prior = np.ones(n) if self.prior is None else np.asarray(self.prior, dtype=np.float64)
                weights = bayes_weights(of_label, unseen, prior)
            else:
                weights = greedy_weights(of_label, np.maximum(labels.codes, 0), unseen)
        self.member_weights_ = weights / weights.sum()
        if self.oob_score:
            self._score_unseen(X, labels, unseen)

    def _unseen(self, labels, what_for):
        """What each row with a label weighs for each member that has not seen it, (n_members, n)."""
        last = self._resamplings[-1]
        if any(not np.array_equal(last.rows, other.rows) for other in self._resamplings):
            raise ValueError(f"{what_for}: expected the rows and weights that the present members know, got others")
        unseen = np.stack([resampling.unseen(k) for k, resampling in enumerate(self._resamplings)]) * labels.labeled
        if all(resampling.gives_all for resampling in self._resamplings):
            raise ValueError(
                f"{what_for}: expected members that have not seen some rows with labels, got {len(unseen)} that have "
                f"seen all (n_samples = {len(labels)}); leave rows out, as bootstrap=True does"
            )
        return unseen / last.weight.mean()  # in rows, whatever the unit of weights

    def _score_unseen(self, X, labels, unseen):
        shares = np.zeros((len(labels), self.n_classes_))
        for rows, proba in self._chunks(X):
            votes = as_votes(proba, self.voting)
            shares[rows] = np.einsum("k,kn,knc->nc", self.member_weights_, unseen[:, rows] > 0, votes)
        total = shares.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            self.oob_decision_function_ = shares / total
        last = self._resamplings[-1]
        weight = np.bincount(last.rows, last.weight, len(labels)) * labels.labeled
        known = np.flatnonzero(total)
        n_seen = np.count_nonzero(weight) - len(known)
        if n_seen:
            warnings.warn(
                f"oob_score: {n_seen} of {len(labels)} rows have been seen by all members whose votes count: more "
                "members leave fewer",
                stacklevel=5,
            )
        y, predicted = self.classes_[labels.codes[known]], self.classes_[shares[known].argmax(axis=1)]
        if callable(self.oob_score):
            self.oob_score_ = self.oob_score(y, predicted)
        else:
            self.oob_score_ = accuracy_score(y, predicted, sample_weight=weight[known]) if len(known) else np.nan

    # ------------------------------------------------------------ parameters and data

    def _is_one_net(self):
        all_columns = self.max_features == 1 and not isinstance(self.max_features, Integral)
        return super()._is_one_net() and all_columns and not self.bootstrap_features

    def _check_params(self):
        super()._check_params()
        self._check_stacked()
        check_number("n_estimators", self.n_estimators, int, 1)
        check_choice("resampling", self.resampling, ["bagging", "cross_validation"])
        if self.resampling == "cross_validation":
            check_number("n_estimators", self.n_estimators, int, 2)
            check_choice("warm_start", self.warm_start, [False])
        check_choice("voting", self.voting, ["soft", "hard"])
        for name in ("bootstrap", "bootstrap_features", "warm_start"):
            check_choice(name, getattr(self, name), [True, False])
        if not callable(self.oob_score):
            check_choice("oob_score", self.oob_score, [True, False])
        if isinstance(self.member_weights, str):
            check_choice("member_weights", self.member_weights, ["uniform", "accuracy", "bayes", "greedy"])
        else:
            self._check_numbers("member_weights", self.member_weights)
        if self.prior is not None:
            if not isinstance(self.member_weights, str) or self.member_weights != "bayes":
                raise ValueError(f"prior: expected None without member_weights='bayes', got {self.prior}")
            self._check_numbers("prior", self.prior)

    def _check_numbers(self, name, values):
        check_sequence(name, values)
        numbers = len(values) == self.n_estimators and all(isinstance(value, Real) for value in values)
        if not numbers or not all(0 <= value < np.inf for value in values) or not any(values):
            raise ValueError(
                f"{name}: expected {self.n_estimators} numbers of at least 0, one for each member, not all 0, got "
                f"{values}"
            )

    # ------------------------------------------------------------ predict

    @property
    def estimators_samples_(self):
        """The rows drawn for each member, list of ndarray of shape (n_drawn,)."""
        check_is_fitted(self)
        return [resampling.samples(k)[0] for k, resampling in enumerate(self._resamplings)]

    def _member_proba(self, X):
        """Each member's probabilities, (n_members, n, n_classes)."""
        everything = np.arange(self.n_features_in_)
        if self._are_nets() and all(np.array_equal(own, everything) for own in self.estimators_features_):
            return members_proba(self.estimators_, X)
        tables = (some_columns(X, columns) for columns in self.estimators_features_)
        proba = [
            asked_member(self._name(k), member, table, self.classes_)
            for k, (member, table) in enumerate(zip(self.estimators_, tables, strict=True))
        ]
        return np.stack([own / own.sum(axis=1, keepdims=True) for own in proba])


def _how_many(name, asked, n):
    """A number, or a share of n as a number; at least 1."""
    if isinstance(asked, Integral) and not isinstance(asked, bool):
        check_number(name, asked, int, 1, n)
        return int(asked)
    check_number(name, asked, float, 0, 1, open_low=True)
    return max(int(asked * n), 1)
