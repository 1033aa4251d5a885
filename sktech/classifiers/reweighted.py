"""ReweightedClassifier: a net that learns how much to believe each of its training rows."""

import warnings
from dataclasses import dataclass, field

import numpy as np
import torch
from sklearn.utils.metaestimators import available_if

from sktech._random import spawn_seed
from sktech._validation import check_choice, check_mask, check_number
from sktech.classifiers._holdout import stratified_holdout
from sktech.classifiers._learn_to_reweight import LearnToReweight
from sktech.classifiers._meta_weight_net import MetaWeightNet
from sktech.classifiers._recipe import Recipe
from sktech.classifiers._row_weights import RandomWeights
from sktech.classifiers._wrapper import NET, NetWrapper
from sktech.sampling import WithTrusted

_METHODS = ["learn_to_reweight", "meta_weight_net", "random", "uniform"]
# What a seed is spawned for.
_TRUSTED = NET + 1
# Of the rows in a class, the part that may be held out where none are known to be clean, or all.
_HALF = 0.5


@dataclass(kw_only=True, eq=False, repr=False)
class ReweightedClassifier(NetWrapper):
    """A net that learns a weight for each training row from a few rows that can be trusted.

    Some labels are wrong, and one does not know which; but one can afford to check a hundred. A row whose gradient
    agrees with that of the checked ones is believed, a row that pulls elsewhere is not. ::

        clf = ReweightedClassifier().fit(X, y, is_clean=checked)
        suspicious = np.argsort(clf.row_weights_)[:20]

    Parameters
    ----------
    estimator : None or net of sktech's, default=None
        What is trained so: a clone of it, anew in each fit (its ``warm_start`` has no effect). None is
        ``NetClassifier()``; with ``SmoothedNetClassifier(...)`` the rows of its loss are weighted.
    method : str, default="learn_to_reweight"
        "learn_to_reweight": in each step a row weighs as much as its gradient agrees with that of trusted rows.
        "meta_weight_net": a row's weight is a function of its loss, which is learned on the way. And two controls:
        "random" weights, max(0, standard normal) in each step anew, and "uniform", plain training. All of them hold out
        the same trusted rows, and stop early by them.
    clean_fraction : float, default=0.1
        Where ``is_clean`` is not given: share of the rows to hold out in its place, in (0, 1).
    clean_batch_size : "auto" or int, default="auto"
        Trusted rows in each step. More of them make the weights less noisy and the step longer. "auto" is half as many
        as the step has rows to learn from.
    max_weight : float, default=2.0
        "learn_to_reweight": cap of a row's weight in a step, in multiples of the mean, at least 1.
    virtual_lr : float, default=0.1
        "meta_weight_net": alpha of the paper, the length of the step by which the weights are tried.
    random_state : None, int or numpy.random.RandomState, default=None
        Of the rows held out, and of the net if its own ``random_state`` is None.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The labels.
    estimator_ : NetClassifier
        The trained net, with its ``history_``.
    row_weights_ : ndarray of shape (n,)
        How far each row was believed, in [0, 1]: the lower, the more suspicious. With "learn_to_reweight" the share of
        the steps in which it weighed anything; with "meta_weight_net" the mean of its weights; 1 with the controls. NaN
        for trusted rows and rows without weight, which were not learned from.
    weight_net_ : torch.nn.Module or None
        The function that "meta_weight_net" has learned; see ``weight_function``.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a data frame whose columns have strings as names.

    Raises
    ------
    ValueError, TypeError
        From ``fit``, if a parameter or the data are not as described; the message says what was expected and what came.
    FloatingPointError
        From ``fit``, if the loss stops being finite.

    Notes
    -----
    With g_i the gradient of row i's loss and g that of the mean loss of trusted rows, "learn_to_reweight" has

        w_i ~ max(0, <g, g_i>),

    scaled to mean 1. That is the paper's max(0, -d/d eps_i of the trusted loss after a step theta - eta sum eps_i g_i),
    in closed form. "meta_weight_net" has w_i = V(l_i), with V of one hidden layer of 100 units and values in (0, 1),
    not normalised; V's gradient is -(alpha / n) sum <g', g_i> dV(l_i), with g' that of the trusted rows after the step
    theta - (alpha / n) sum V(l_i) g_i. No row's gradient is ever formed. The built-in net needs less than twice the
    time of plain training for the first and four times for the second (``benchmarks/reweighting.py``); modules without
    forward-mode derivatives are differentiated twice instead.

    What V looks like is found out, not prescribed: that it falls with the loss is not promised.

    Trusted rows are held out: they steer weights and early stopping, and no step learns from them. Classes count among
    them as they do among the other rows, times the net's ``class_weight``; those that they lack can only lose weight.
    Of a class that has trusted rows only, half of them are learned from, as otherwise none would be.
    Without ``is_clean`` a part of the rows is held out in their place, from each class as many where that is possible.
    So all classes are in sight, and the fit goes on as it would; but as many labels are wrong there as elsewhere, and
    against errors it cannot help: in trials the accuracy was that of plain training, and the weights told right labels
    from wrong ones no better than by chance on some tables. For rare classes set ``class_weight="balanced"``.

    ``row_weights_`` counts steps instead of averaging weights, in which a few rows with large gradients outweigh all
    others: that told wrong labels better in every trial.

    Departures from the papers, for tables: weights are capped (uncapped, some trainings collapsed); classes are
    weighted as said, where the paper lets a class-balanced trusted set change their shares (on tables with one large
    class that cost up to a quarter of the accuracy); each member of a committee has weights of its own; the weights of
    the epoch that did best on the trusted rows are kept; the optimiser and schedule are the net's; trusted rows stand
    in the same batch as those to learn from; and what they say is their plain log-loss, whatever the net minimises. The
    cap and the size of batches were chosen on tables and seeds of no claim.

    References
    ----------
    M. Ren, W. Zeng, B. Yang and R. Urtasun, "Learning to Reweight Examples for Robust Deep Learning", ICML 2018,
    equations 9 to 12 and algorithm 1, https://arxiv.org/abs/1803.09050; J. Shu, Q. Xie, L. Yi, Q. Zhao, S. Zhou, Z. Xu
    and D. Meng, "Meta-Weight-Net: Learning an Explicit Mapping For Sample Weighting", NeurIPS 2019, equations 3 to 7,
    https://arxiv.org/abs/1902.07379

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_iris
    >>> from sktech import ReweightedClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> rng = np.random.default_rng(0)
    >>> is_clean, wrong = np.arange(150) % 5 == 0, rng.uniform(size=150) < 0.3
    >>> y_noisy = np.where(wrong & ~is_clean, rng.integers(3, size=150), y)
    >>> clf = ReweightedClassifier(random_state=0).fit(X, y_noisy, is_clean=is_clean)
    >>> clf.score(X, y) > 0.9
    True
    >>> bool(clf.row_weights_[y_noisy != y].mean() < np.nanmean(clf.row_weights_[y_noisy == y]))
    True
    """

    estimator: object = field(default=None, kw_only=False)
    method: str = "learn_to_reweight"
    clean_fraction: float = 0.1
    clean_batch_size: object = "auto"
    max_weight: float = 2.0
    virtual_lr: float = 0.1
    random_state: object = None

    def fit(self, X, y, sample_weight=None, is_clean=None):
        """Trains the net.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
        y : array-like of shape (n,)
            Labels of any one type, or what else the net takes.
        sample_weight : array-like of shape (n,), default=None
            Non-negative; a weight of k is k copies of the row. Learned weights multiply it.
        is_clean : array-like of shape (n,), bool, default=None
            Rows whose labels can be trusted. None holds out a part of the rows in their place; see Notes.

        Returns
        -------
        self : ReweightedClassifier
        """
        return self._fit_all_or_nothing(X, y, sample_weight, is_clean)

    def _fit_net(self, net, seed, X, y, sample_weight, is_clean):
        recipe = _WithTrustedRows(self, is_clean, spawn_seed(seed, _TRUSTED))
        net._fit(X, y, sample_weight, recipe)
        self.row_weights_ = recipe.weights_of_given_rows()
        self.weight_net_ = recipe.weight_net

    def _check_params(self):
        super()._check_params()
        check_choice("method", self.method, _METHODS)
        check_number("clean_fraction", self.clean_fraction, float, 0, 1, open_low=True, open_high=True)
        check_number("clean_batch_size", self.clean_batch_size, int, 1, others=("auto",))
        check_number("max_weight", self.max_weight, float, 1)
        check_number("virtual_lr", self.virtual_lr, float, 0, np.inf, open_low=True, open_high=True)

    @available_if(lambda self: self.method == "meta_weight_net")
    def weight_function(self, loss):
        """The weights that rows of these losses would have.

        Parameters
        ----------
        loss : array-like of shape (...)
            In nats.

        Returns
        -------
        weight : ndarray of shape (...)
            In (0, 1); of a committee the mean.
        """
        self._fitted()
        return self.weight_net_.mean_weight(loss)


class _WithTrustedRows(Recipe):
    """Rows held out to be trusted, drawn into each step, and the objective that weighs the others by them."""

    def __init__(self, params, is_clean, seed):
        self.params = params
        self.is_clean = is_clean
        self.seed = seed
        self.learns = params.method in ("learn_to_reweight", "meta_weight_net")
        self.weights = self.weight_net = None

    def marks(self, X):
        if self.is_clean is None:
            return np.zeros(X.shape[0])
        return check_mask("is_clean", X, self.is_clean).astype(np.float64)

    def held_out(self, net, rows, seed, any_at_all):
        self.origin = rows.origin
        known = rows.labels.labeled | (rows.labels.proba is not None)
        self.trusted = self._drawn(rows, known) if self.is_clean is None else self._given(rows, known)
        self.learned = rows.copies - self.trusted
        lacking = (rows.labels.totals(self.learned * known) > 0) & (rows.labels.totals(self.trusted) == 0)
        if self.is_clean is not None and lacking.any():
            names = net.classes_[net._trained][lacking]
            warnings.warn(
                f"is_clean: expected trusted rows of each class, got none of {names}, whose rows can only lose weight",
                stacklevel=2,
            )
        return np.tile(self.trusted, (net.n_members_, 1))

    def _given(self, rows, known):
        """Copies of the trusted rows, (n,); of classes that have no others, of half of them."""
        trusted = rows.copies * rows.marks
        if not trusted.any() or not (rows.copies > trusted).any():
            kind = "trusted rows" if not trusted.any() else "others besides"
            raise ValueError(f"is_clean: expected rows to trust and rows to learn from, got no {kind} that have weight")
        if (trusted[~known] > 0).any():
            raise ValueError(
                "is_clean: expected a label for each row that can be trusted, got -1, which is a row without one"
            )
        codes = np.maximum(rows.labels.codes, 0)
        alone = (np.bincount(codes, rows.copies - trusted) == 0)[codes] & known & (trusted > 0)
        single = alone & (np.bincount(codes, alone) == 1)[codes]
        trusted[single] = 0
        several = np.flatnonzero(alone & ~single)
        if len(several):
            trusted[several] = stratified_holdout(codes[several], trusted[several], _HALF, self.seed)[0]
        if not trusted.any():
            raise ValueError(
                "is_clean: expected trusted rows of classes that have others to learn from, got only single rows of "
                "classes that have none"
            )
        return trusted

    def _drawn(self, rows, known):
        """Copies of rows, (n,), from each class as many where that is possible."""
        own = np.flatnonzero(known)
        codes, copies = rows.labels.codes[own], rows.copies[own]
        totals = np.bincount(codes, copies)
        wanted = self.params.clean_fraction * totals.sum() / np.count_nonzero(totals)
        fraction = np.minimum(wanted / np.where(totals > 0, totals, 1.0), _HALF)
        drawn = np.zeros(len(rows.copies))
        try:
            drawn[own] = stratified_holdout(codes, copies, fraction, self.seed)[0]
        except ValueError as error:
            raise ValueError(
                "is_clean: without it rows of classes with at least two rows are held out: expected one such class, "
                f"got {len(codes)} row(s) of as many classes (n_samples = {len(codes)})"
            ) from error
        return drawn

    def sampler(self, net, learned, rows):
        own = net._training_sampler(learned, rows)
        if not self.learns:
            return own
        trusted = net._sampler(np.tile(self.trusted, (len(learned), 1)), rows)
        n_learned, size = net._rows_per_step(len(own)), self.params.clean_batch_size
        self.n_trusted = min(-(-n_learned // 2) if size == "auto" else size, len(trusted))
        return WithTrusted(own, trusted, n_learned, self.n_trusted)

    def validation(self, net, held_out, rows):
        return net._sampler(held_out * self._as_in_training(rows), rows, shuffle=False)

    def _as_in_training(self, rows):
        """Factors (n,) that give each class the share among trusted rows that it has among the others."""
        codes = np.maximum(rows.labels.codes, 0)
        label_weight = 1.0 if rows.label_weight is None else rows.label_weight
        shares = [np.bincount(codes, copies * label_weight) for copies in (self.learned, self.trusted)]
        learned, trusted = (share / share.sum() for share in shares)
        return (learned / np.where(trusted > 0, trusted, 1.0))[codes]

    def objective(self, net, rows):
        inner = net._make_objective(rows)
        if not self.learns:
            return RandomWeights(inner) if self.params.method == "random" else inner
        weight = self.trusted * self._as_in_training(rows)
        weight = weight if rows.label_weight is None else weight * rows.label_weight
        given = (inner, self.n_trusted, torch.from_numpy(weight).to(rows.data.X.dtype), self)
        if self.params.method == "meta_weight_net":
            return MetaWeightNet(self.params.virtual_lr, *given)
        return LearnToReweight(self.params.max_weight, *given)

    def weights_of_given_rows(self):
        """``row_weights_``, (n,): of each row that was handed in."""
        if self.weights is None:
            self.weights = np.where(self.learned > 0, 1.0, np.nan)
        return np.append(self.weights, np.nan)[self.origin]
