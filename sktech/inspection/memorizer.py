"""Memorizer: a net that fits any labels whatever, built by hand, and the smallest function of a kernel that does."""

import warnings

import numpy as np
import torch
from scipy.linalg import LinAlgError, LinAlgWarning, solve
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.metrics.pairwise import PAIRWISE_KERNEL_FUNCTIONS, pairwise_kernels
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data
from torch import nn

from sktech._random import draw_seed
from sktech._undo import all_or_nothing
from sktech._validation import check_choice, check_number

# Directions that are drawn; the one that keeps the rows farthest apart is taken.
_N_DIRECTIONS = 16


class Memorizer(RegressorMixin, BaseEstimator):
    """Fits any labels of distinct rows exactly, and shows thereby that fitting them says nothing about generalisation.

    "relu_net" is a net of two layers and 2n + d weights, for n rows of d columns: ::

        f(x) = sum_j w_j max(<a, x> - b_j, 0)

    No training is needed. A direction a puts the rows on a line, each unit begins at the row before its own, and so the
    matrix of the units at the rows is triangular: w follows. "min_norm" is the function of least norm, among all those
    of a kernel, that fits. To memorise classes, make each an indicator: ::

        labels = Memorizer().fit(X, np.eye(n_classes)[y]).predict(X).argmax(axis=1)

    Parameters
    ----------
    solution : "relu_net" or "min_norm", default="relu_net"
    kernel : str or callable, default="rbf"
        Of "min_norm", as ``sklearn.metrics.pairwise.pairwise_kernels`` has it: "linear", "rbf", "laplacian", ...
    gamma : float, default=None
        Of the kernels that know it, positive; None is theirs: 1 / n_features, 1 for "chi2".
    random_state : None, int or numpy.random.RandomState, default=None
        Of the direction a.

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,)
        a, of "relu_net".
    thresholds_ : ndarray of shape (n_distinct,)
        b, ascending, of "relu_net".
    output_weights_ : ndarray of shape (n_distinct,) or (n_distinct, n_outputs)
        w, of "relu_net".
    dual_coef_ : ndarray of shape (n,) or (n, n_outputs)
        Of "min_norm": what the kernel at each training row is multiplied by.
    X_fit_ : ndarray of shape (n, n_features)
        Of "min_norm": the training rows.
    n_weights_ : int
        Numbers in direction_, thresholds_ and output_weights_, 2n + d for n distinct rows and one output; or in
        dual_coef_.
    residual_ : float
        The largest difference between a label and the prediction for its row, in the labels' unit.
    n_features_in_ : int
        Columns of X.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Their names, if X was a data frame whose columns have strings as names.

    Raises
    ------
    ValueError, TypeError
        From ``fit``, if a parameter or the data are not as described, or two rows differ by less than float64 can tell
        along a direction.

    Notes
    -----
    Identical rows can have one value only: the mean of their labels; ``residual_`` tells. All is computed in float64.
    "relu_net" predicts piece by piece, so that no digits are lost where large weights cancel: up to 10,000 rows of
    Gaussians ``residual_`` was below 1e-12 times the largest label. The sum of all units, as ``to_module`` has it, is
    as exact as the smallest gap on the line allows: 5e-9 of the largest label at 2,000 rows of Gaussians, 2e-8 with a
    single column, where there is no direction to choose. Left of all training
    rows f is 0, right of them it goes on straight, and steeply.

    "min_norm" fits to 1e-8 where the matrix of the kernel has a condition below about 1e8: that of a smooth kernel
    such as "rbf" has not in few columns, that of "laplacian" has. Without full rank (a linear kernel of fewer columns
    than rows), the solution is the one of least norm among those of least squares.

    Departures from the paper: b_j lies at the projection of the row before, instead of somewhere between the two. That
    is where the interval of the theorem ends, the matrix is triangular there too, and f runs straight from label to
    label, while with b_j in the middle it swings ever more from row to row (2,000 rows: an error of 1e-6). And a
    is the best of 16 random directions, by the smallest gap between rows.

    References
    ----------
    C. Zhang, S. Bengio, M. Hardt, B. Recht and O. Vinyals, "Understanding deep learning requires rethinking
    generalization", ICLR 2017, theorem 1 with its proof in the appendix, and section 5,
    https://arxiv.org/abs/1611.03530

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import Memorizer
    >>> rng = np.random.default_rng(0)
    >>> X, y = rng.normal(size=(500, 5)), rng.normal(size=500)
    >>> net = Memorizer(random_state=0).fit(X, y)
    >>> net.n_weights_
    1005
    >>> bool(np.abs(net.predict(X) - y).max() < 1e-8)
    True
    """

    def __init__(self, solution="relu_net", *, kernel="rbf", gamma=None, random_state=None):
        self.solution = solution
        self.kernel = kernel
        self.gamma = gamma
        self.random_state = random_state

    def fit(self, X, y):
        """Computes the weights.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)
            Numbers, none missing.
        y : array-like of shape (n,) or (n, n_outputs)

        Returns
        -------
        self : Memorizer
        """
        check_choice("solution", self.solution, ["relu_net", "min_norm"])
        if not callable(self.kernel):
            check_choice("kernel", self.kernel, sorted(PAIRWISE_KERNEL_FUNCTIONS))
        if self.gamma is not None:
            check_number("gamma", self.gamma, float, 0, np.inf, open_low=True, open_high=True)
        with all_or_nothing(self):
            X, y = validate_data(self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, order="C")
            y = y.astype(np.float64)
            parts = self._fit_net(X, y) if self.solution == "relu_net" else self._fit_kernel(X, y)
            self.n_weights_ = sum(part.size for part in parts)
            self.residual_ = float(np.abs(self._predict(X) - y).max())
            return self

    def _fit_net(self, X, y):
        distinct, place, counts = np.unique(X + 0.0, axis=0, return_inverse=True, return_counts=True)
        labels = np.zeros((len(distinct), *y.shape[1:]))
        np.add.at(labels, place.ravel(), y)
        labels /= counts.reshape(-1, *[1] * (y.ndim - 1))
        self.direction_, z = _direction(distinct, np.random.default_rng(draw_seed(self.random_state)))
        order = np.argsort(z)
        z, labels = z[order], labels[order]
        first = z[0] - (np.ptp(z) / (len(z) - 1) if len(z) > 1 else 1.0)
        self.thresholds_ = np.concatenate([[first], z[:-1]])
        # What f is where each unit begins, and its slope from there on.
        self._heights = np.concatenate([np.zeros_like(labels[:1]), labels[:-1]])
        self._slopes = ((labels - self._heights).T / (z - self.thresholds_)).T
        self.output_weights_ = np.diff(self._slopes, axis=0, prepend=0)
        return self.direction_, self.thresholds_, self.output_weights_

    def _fit_kernel(self, X, y):
        self.X_fit_ = X
        self.dual_coef_ = _solution(self._kernel(X), y)
        return (self.dual_coef_,)

    def _kernel(self, X):
        params = {"filter_params": True, "gamma": self.gamma}
        params = {} if callable(self.kernel) or self.gamma is None else params
        return pairwise_kernels(X, self.X_fit_, metric=self.kernel, **params)

    def predict(self, X):
        """The value of f at each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        y : ndarray of shape (n,) or (n, n_outputs)
        """
        check_is_fitted(self)
        return self._predict(validate_data(self, X, reset=False, dtype=np.float64, order="C"))

    def _predict(self, X):
        if self.solution == "min_norm":
            return self._kernel(X) @ self.dual_coef_
        z = _project(X, self.direction_)
        unit = np.searchsorted(self.thresholds_, z, side="right") - 1  # the last to have begun; -1: none
        ahead = np.where(unit < 0, 0.0, z - self.thresholds_[unit])
        unit = np.maximum(unit, 0)
        return self._heights[unit] + (self._slopes[unit].T * ahead).T

    @available_if(lambda self: self.solution == "relu_net")
    def to_module(self):
        """The net as a torch module.

        Returns
        -------
        module : torch.nn.Sequential
            Linear, ReLU, Linear, in float64: (n, n_features) in, (n, n_outputs) out. Every unit of the first layer has
            a copy of a.
        """
        check_is_fitted(self)
        weights = self.output_weights_.reshape(len(self.thresholds_), -1).T
        hidden = nn.Linear(len(self.direction_), len(self.thresholds_), dtype=torch.float64)
        output = nn.Linear(len(self.thresholds_), len(weights), bias=False, dtype=torch.float64)
        with torch.no_grad():
            hidden.weight.copy_(torch.from_numpy(self.direction_))
            hidden.bias.copy_(torch.from_numpy(-self.thresholds_))
            output.weight.copy_(torch.from_numpy(weights))
        return nn.Sequential(hidden, nn.ReLU(), output)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        return tags


def _project(X, direction):
    """<a, x> of each row, rounded alike whatever rows stand beside it, as products of matrices would not be."""
    return (X * direction).sum(axis=1)


def _direction(X, rng):
    """Among some random directions that in which the nearest two of distinct rows are farthest apart; and the rows
    there."""
    scale = X.std(axis=0)
    scale[scale == 0] = 1.0
    best, widest = None, -1.0
    for _ in range(_N_DIRECTIONS):
        direction = rng.normal(size=X.shape[1])
        direction /= np.linalg.norm(direction) * scale
        z = _project(X, direction)
        gap = np.diff(np.sort(z)).min(initial=np.inf)
        if gap > widest:
            best, widest = (direction, z), gap
    if widest == 0:
        raise ValueError(
            "X: expected distinct rows to differ by what float64 can tell along a direction, got some nearer than that"
        )
    return best


def _solution(K, y):
    """Of K alpha = y, or the shortest among those of least squares where K has no full rank."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", LinAlgWarning)
            return solve(K, y, assume_a="pos")
    except (LinAlgError, LinAlgWarning):
        return np.linalg.lstsq(K, y, rcond=None)[0]
