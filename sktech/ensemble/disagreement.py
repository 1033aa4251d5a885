"""DisagreementEnsemble: nets that agree where there are labels and disagree where there are none (D-BAT)."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
import torch

from sktech._random import draw_seed, spawn_seed
from sktech._validation import check_number, check_weights
from sktech.classifiers._average import log_probabilities
from sktech.classifiers._members import fit_members, members_proba
from sktech.ensemble._base import MEMBERS, VotingEnsemble
from sktech.losses import agreement
from sktech.training import Objective

# What a seed is spawned for.
_SHUFFLED, _ORDER = MEMBERS + 1, MEMBERS + 2


@dataclass(kw_only=True, eq=False, repr=False)
class DisagreementEnsemble(VotingEnsemble):
    """Diversity by disagreement: each further net shall answer otherwise than those before it on unlabelled rows.

    A net learns the simplest rule that explains the labels, and an ensemble of such nets learns it many times. Where
    the rule is a shortcut that will not last, all fail together. Here the second net has to find another rule that
    explains the labels as well, as it is punished for agreeing with the first on rows that may not follow the rule. ::

        DisagreementEnsemble().fit(X, y, X_unlabeled=X_elsewhere)

    Parameters
    ----------
    estimator : None or net of sktech's, default=None
        A member, cloned and fitted. None is ``NetClassifier(n_members=1)``.
    n_estimators : int, default=2
        How many members; each is trained after the ones before it.
    alpha : float, default=0.1
        Weight of the agreement in the loss, at least 0. The more the unlabelled rows are like the training rows, the
        smaller: there the members should agree. 0 is a plain deep ensemble.
    random_state : None, int or numpy.random.RandomState, default=None
        Of the members, whose own random states are set, and of the unlabelled rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    estimators_ : list of NetClassifier
        The fitted members, in their order. The one that relies on what lasts has to be found by other means, such as a
        few labelled rows from elsewhere.
    member_weights_ : ndarray of shape (n_estimators,)
        What votes count: the same for all.
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
    The loss of a member is that of its estimator and alpha times the mean, over unlabelled rows and the members before
    it, of A = -log(q (1 - p) + (1 - q) p), where q is the earlier member's probability of its most probable class, and
    p the member's of that class (:func:`sktech.losses.agreement`). Each step sees as many unlabelled rows as labelled
    ones. For early stopping labelled rows alone count.

    Departures from the paper: without ``X_unlabeled`` the rows are made up, of columns that are shuffled independently
    of each other, so that no two columns tell the same any more; alpha is 0.1 instead of 1.

    References
    ----------
    M. Pagliardini, M. Jaggi, F. Fleuret and S. P. Karimireddy, "Agree to Disagree: Diversity through Disagreement for
    Better Transferability", ICLR 2023, equation 2 and algorithm 1, https://arxiv.org/abs/2202.04414

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import DisagreementEnsemble
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = DisagreementEnsemble(random_state=0).fit(X, y)
    >>> clf.score(X, y) > 0.9
    True
    """

    estimator: object = field(default=None, kw_only=False)
    n_estimators: int = field(default=2, kw_only=False)
    alpha: float = 0.1
    random_state: object = None

    def fit(self, X, y, sample_weight=None, X_unlabeled=None):
        """Trains one member after the other.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of any one type.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row.
        X_unlabeled : data frame or array-like of shape (n_unlabeled, n_features), default=None
            Rows to disagree on: from where the ensemble shall be used. None makes some up.

        Returns
        -------
        self : DisagreementEnsemble
        """
        return self._fit_all_or_nothing(X, y, sample_weight, X_unlabeled)

    def _fit(self, X, y, sample_weight, X_unlabeled):
        X = self._table(X, reset=True)
        if X_unlabeled is not None:
            X_unlabeled = self._table(X_unlabeled, reset=False)
        self.classes_, codes = self._certain_labels(X, y)
        weight, self._seed = check_weights(X, sample_weight), draw_seed(self.random_state)
        y = self.classes_[codes]
        self.estimators_ = self._new_nets(range(self.n_estimators))
        fit = partial(_fit_on_all, X=X, y=y, weight=weight)
        names = [self._name(k) for k in range(self.n_estimators)]
        if self.alpha == 0:
            fit(self.estimators_, names=names)
        else:
            first = self.estimators_[0]
            fit([first], names=names[:1])
            if X_unlabeled is None:
                rows = self._copies(X, codes, weight)[0]
                Z = first._reader.transform(X)[rows]
                rng = np.random.default_rng(spawn_seed(self._seed, _SHUFFLED))
                Z = rng.permuted(Z, axis=0)
            else:
                Z = first._reader.transform(X_unlabeled)
            inputs = torch.from_numpy(first._encoder.transform(Z, first.dtype))
            before = []
            for k, member in enumerate(self.estimators_[1:], 1):
                before.append(self.estimators_[k - 1]._logits([inputs], log_probabilities))
                seed = spawn_seed(self._seed, _ORDER, k)
                fit(
                    [member],
                    names=[names[k]],
                    extra=partial(Disagreement, self.alpha, inputs, torch.stack(before), seed),
                )
        self.member_weights_ = np.full(self.n_estimators, 1 / self.n_estimators)

    def _check_params(self):
        super()._check_params()
        if not self._is_one_net():
            raise TypeError(
                f"estimator: expected None or a net of sktech's, such as NetClassifier(), got {self.estimator!r}"
            )
        check_number("n_estimators", self.n_estimators, int, 1)
        check_number("alpha", self.alpha, float, 0, np.inf, open_high=True)

    def _member_proba(self, X):
        return members_proba(self.estimators_, X)


def _fit_on_all(nets, X, y, weight, **options):
    fit_members(nets, X, y, weight, np.broadcast_to(weight, (len(nets), len(weight))), **options)


class Disagreement(Objective):
    """Punishes agreement with other models on unlabelled rows.

    Parameters
    ----------
    alpha : float
    inputs : Tensor of shape (n, n_inputs)
        The unlabelled rows, as the net sees them.
    log_others : Tensor of shape (n_models, n, n_classes)
        Log-probabilities of the other models.
    seed : int
        Of the order of the rows; each step sees as many as the batch has.
    """

    def __init__(self, alpha, inputs, log_others, seed):
        super().__init__()
        self.alpha = alpha
        self.register_buffer("inputs", inputs)
        self.register_buffer("log_others", log_others)
        self.generator = torch.Generator().manual_seed(seed)
        self.waiting = torch.empty(0, dtype=torch.int64)

    def penalty(self, forward, batch):
        if self.log_others.shape[-1] < 2:  # of one class alone nobody can say anything else
            return None
        rows = self._next_rows(batch.n_rows)
        log_proba = forward.at({}).log_proba(self.inputs[rows]).unsqueeze(-3)
        return self.alpha * agreement(log_proba, self.log_others[:, rows]).mean(dim=(-2, -1))

    def _next_rows(self, n):
        while len(self.waiting) < n:
            self.waiting = torch.cat([self.waiting, torch.randperm(len(self.inputs), generator=self.generator)])
        rows, self.waiting = self.waiting[:n], self.waiting[n:]
        return rows.to(self.inputs.device)
