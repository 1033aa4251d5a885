"""OutputCodeEnsemble: many classes by many two-class problems, with enough of them to forgive wrong answers."""

from dataclasses import dataclass, field
from functools import partial

import numpy as np
from sklearn.base import clone
from sklearn.utils import _safe_indexing
from sklearn.utils.parallel import Parallel, delayed

from sktech._random import draw_seed, spawn_seed
from sktech._validation import check_choice, check_number, check_weights
from sktech.classifiers._members import fit_members, members_proba
from sktech.ensemble._base import Ensemble, asked_member, fitted_member
from sktech.ensemble._codes import check_code, decode, exhaustive_code, random_code

# What a seed is spawned for.
_CODE, _MEMBER = range(2)
# Up to so many classes the default code is the exhaustive one; it doubles with each more.
_FEW_CLASSES = 5
_BITS = np.arange(2)


@dataclass(kw_only=True, eq=False, repr=False)
class OutputCodeEnsemble(Ensemble):
    """Error-correcting output codes: each member tells some classes from the others; together they spell the class.

    Each class has a code word, a row of bits, and each member learns one bit: whether the class of a row is among those
    that have a 1 there. The answer is the class whose word fits the members' best, so that a few wrong bits do not
    matter: up to (d - 1) / 2 where words differ in at least d bits. Two-class nets are trained side by side. ::

        OutputCodeEnsemble(code="random", n_bits=30).fit(X, y).predict_proba(X_new)

    ``OutputCodeClassifier`` of scikit-learn has no probabilities, and draws its code without a look at the distances.

    Parameters
    ----------
    estimator : None or classifier, default=None
        A member, cloned and fitted to labels 0 and 1; one without ``predict_proba`` answers 0 or 1. None is
        ``NetClassifier(n_members=1)``.
    code : {"auto", "exhaustive", "random"} or array-like of shape (n_classes, n_bits), default="auto"
        "exhaustive" has every division of the classes in two, 2^(n_classes - 1) - 1 bits, for at most 11 classes;
        "random" is the best of many random codes; "auto" is the former for at most 5 classes and the latter for more.
        Or the bits themselves, 0 or 1 (or -1 or 1): a row for each class, in the order of ``classes_``, all different.
    n_bits : "auto" or int, default="auto"
        Of a random code, which "auto" is, too, where this is a number. "auto" is 10 log2(n_classes), rounded up.
    stacked : bool or "auto", default="auto"
        As in :class:`BaggingVoteEnsemble`.
    n_jobs : None or int, default=None
        Processes that share the fitting; nets are stacked within each.
    random_state : None, int or numpy.random.RandomState, default=None
        Of a random code, and of the members, whose own random states are set.
    verbose : int, default=0
        As joblib has it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    code_ : ndarray of shape (n_classes, n_bits), int8
        The code words, of 0 and 1.
    estimators_ : list of classifier
        The fitted members, one for each bit, for labels 0 and 1.
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
    Probabilities p of the classes are those under which the members' answers q are most likely, that is, which
    minimise the sum over bits l of KL(q_l || sum over classes c of code_cl p_c); the class whose word is within half
    the smallest distance of the answers is the most probable one in any case.

    A weight of k is k copies of a row; ``class_weight`` of a member is about the classes where it is a net of
    sktech's, else about 0 and 1.

    References
    ----------
    T. G. Dietterich and G. Bakiri, "Solving Multiclass Learning Problems via Error-Correcting Output Codes", JAIR 2,
    1995, sections 2.2 and 2.3; number of bits: E. Allwein, R. Schapire and Y. Singer, "Reducing Multiclass to Binary",
    JMLR 1, 2000; probabilities: T.-K. Huang, R. C. Weng and C.-J. Lin, "Generalized Bradley-Terry Models and
    Multi-class Probability Estimates", JMLR 7, 2006.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import OutputCodeEnsemble
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = OutputCodeEnsemble(random_state=0).fit(X, y)
    >>> clf.code_.shape, clf.predict_proba(X[:2]).shape
    ((3, 3), (2, 3))
    >>> clf.score(X, y) > 0.9
    True
    """

    estimator: object = field(default=None, kw_only=False)
    code: object = "auto"
    n_bits: object = "auto"
    stacked: object = "auto"
    n_jobs: object = None
    random_state: object = None
    verbose: int = 0

    def fit(self, X, y, sample_weight=None):
        """Fits a member for each bit.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of any one type.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row.

        Returns
        -------
        self : OutputCodeEnsemble
        """
        return self._fit_all_or_nothing(X, y, sample_weight)

    def _fit(self, X, y, sample_weight):
        X = self._table(X, reset=True)
        self.classes_, codes = self._certain_labels(X, y)
        weight, seed = check_weights(X, sample_weight), draw_seed(self.random_state)
        if len(self.classes_) < 2:
            raise ValueError("y: expected labels of at least two classes, got one class")
        self.code_ = self._make_code(len(self.classes_), spawn_seed(seed, _CODE))
        self._present = np.bincount(codes, weight, len(self.classes_)) > 0
        seeds = [spawn_seed(seed, _MEMBER, bit) for bit in range(self.code_.shape[1])]
        fit = self._fitted_nets if self._is_one_net() else self._fitted_members
        self.estimators_ = fit(X, codes, weight, seeds)

    def _make_code(self, n_classes, seed):
        kind = self.code
        if not isinstance(kind, str):
            return check_code(kind, n_classes)
        if kind == "auto":
            kind = "exhaustive" if n_classes <= _FEW_CLASSES and self.n_bits == "auto" else "random"
        if kind == "exhaustive":
            return exhaustive_code(n_classes)
        n_bits = int(np.ceil(10 * np.log2(n_classes))) if self.n_bits == "auto" else self.n_bits
        return random_code(n_classes, n_bits, seed)

    def _fitted_nets(self, X, codes, weight, seeds):
        nets = [clone(self.estimator_).set_params(random_state=seed) for seed in seeds]
        options = {"stacked": self.stacked, "n_jobs": self.n_jobs, "verbose": self.verbose}
        options |= {"names": self._names(), "numbers": self.code_.T.astype(np.int64)}
        shares = np.broadcast_to(weight, (len(nets), len(weight)))
        fit_members(nets, X, self.classes_[codes], weight, shares, **options)
        return nets

    def _names(self):
        n_bits = self.code_.shape[1]
        return [f"the member of bit {bit + 1} of {n_bits}" for bit in range(n_bits)]

    def _fitted_members(self, X, codes, weight, seeds):
        rows, own, _ = self._copies(X, codes, weight)
        fit = delayed(partial(fitted_member, estimator=self.estimator_, weight=own))
        bits = self.code_[codes[rows]].T.astype(int)
        parallel = Parallel(n_jobs=self.n_jobs, verbose=self.verbose)
        # Each member gets a table of its own: some write into it.
        members = zip(self._names(), bits, seeds, strict=True)
        return parallel(fit(name, X=_safe_indexing(X, rows), y=y, seed=seed) for name, y, seed in members)

    def _check_params(self):
        super()._check_params()
        self._check_stacked()
        if isinstance(self.code, str):
            check_choice("code", self.code, ["auto", "exhaustive", "random", "an array of bits"])
        check_number("n_bits", self.n_bits, int, 1, others=("auto",))
        if self.n_bits != "auto" and (not isinstance(self.code, str) or self.code == "exhaustive"):
            raise ValueError(f"n_bits: expected 'auto' beside a code that says it all, got {self.n_bits}")

    def _member_proba(self, X):
        """Each member's probabilities of 0 and 1, (n_bits, n, 2)."""
        if self._are_nets():
            return members_proba(self.estimators_, X)
        members = zip(self._names(), self.estimators_, strict=True)
        return np.stack([asked_member(name, member, X, _BITS) for name, member in members])

    def predict_proba(self, X):
        """Probabilities of the classes.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        proba : ndarray of shape (n, n_classes)
            Columns in the order of ``classes_``; 0 for a class that had no weight.
        """
        proba = np.concatenate([decode(bits[:, :, 1].T.clip(0, 1), self.code_) for _, bits in self._chunks(X)])
        if self._present.all():
            return proba
        proba = np.where(self._present, proba, 0.0)
        return proba / proba.sum(axis=1, keepdims=True)
