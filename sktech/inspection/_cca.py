"""Similarity of the spaces that units span: canonical correlations, and what is made of them."""

from typing import NamedTuple

import numpy as np

from sktech._validation import check_choice, check_number
from sktech.inspection._views import centred, check_views

# Singular values below so many machine epsilons of the activations' own type, times their norm, are rounding.
EPSILONS = 10


def canonical_correlations(X, Y):
    """The correlations that remain when both sets of activations are turned and stretched to be as alike as possible.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.

    Returns
    -------
    correlations : ndarray of shape (n_correlations,)
        From the largest to the smallest, in [0, 1]. As many as the smaller of the two ranks: units that are constant,
        or that are sums of others, add none.

    Raises
    ------
    ValueError
        If the activations are not finite arrays of the same rows, of which there are fewer than two.

    Notes
    -----
    They are the singular values of Q_xᵀ Q_y, where the columns of Q_x are an orthonormal basis of the centred units.
    What has a singular value below 10 machine epsilons of the activations' own type (1e-6 for float32) times their norm
    before centring counts as rounding and not as a direction.

    They do not change with invertible linear maps of the units. This has a price: n rows have n - 1 dimensions, and
    where the ranks add up to more, so many correlations are 1 **whatever the activations**. All are 1 where a layer is
    at least as wide as there are rows. Of independent activations the mean square is not 0, but the larger rank divided
    by n - 1. Take many more rows than units.

    References
    ----------
    H. Hotelling, "Relations between Two Sets of Variates", Biometrika 28, 1936

    Å. Björck and G. Golub, "Numerical Methods for Computing Angles between Linear Subspaces", Mathematics of
    Computation 27, 1973

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import canonical_correlations
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(1000, 3))
    >>> Y = np.hstack([X[:, :1] + X[:, 1:2], rng.normal(size=(1000, 1))])
    >>> canonical_correlations(X, Y).round(1)
    array([1. , 0.1])
    """
    return _correlations(*(_directions(view) for view in check_views({"X": X, "Y": Y})))[0]


def cca(X, Y, *, squared=False):
    """Mean canonical correlation of two sets of activations.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.
    squared : bool, default=False
        Whether the mean is that of the squares (R²_CCA): the share of the smaller space that lies in the other.

    Returns
    -------
    cca : float
        In [0, 1]; NaN if X or Y is constant. 1, without a meaning, where a layer is at least as wide as there are rows:
        see :func:`canonical_correlations`.

    Raises
    ------
    ValueError
        As for :func:`canonical_correlations`.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee and G. Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019,
    section 4, https://arxiv.org/abs/1905.00414

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import cca
    >>> X = np.random.default_rng(0).normal(size=(100, 5))
    >>> round(cca(X, X @ np.diag([1, 2, 3, 4, 5])), 6)
    1.0
    """
    X, Y = check_views({"X": X, "Y": Y})
    return cca_matrix([X], [Y], squared=squared).item()


def svcca(X, Y, *, variance=0.99, squared=False):
    """Mean canonical correlation of the directions in which activations vary most.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.
    variance : float, default=0.99
        Share of the variance of X, and of that of Y, that the kept principal components have at least, in (0, 1]. 1
        keeps all, as :func:`cca` does.
    squared : bool, default=False
        As in :func:`cca`.

    Returns
    -------
    svcca : float
        In [0, 1]; NaN if X or Y is constant. It does not change with rotations and with one factor for all units.

    Raises
    ------
    ValueError, TypeError
        As for :func:`canonical_correlations`, or if a parameter is not as described.

    References
    ----------
    M. Raghu, J. Gilmer, J. Yosinski and J. Sohl-Dickstein, "SVCCA: Singular Vector Canonical Correlation Analysis for
    Deep Learning Dynamics and Interpretability", NeurIPS 2017, section 2, https://arxiv.org/abs/1706.05806

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import cca, svcca
    >>> rng = np.random.default_rng(0)
    >>> signal, noise = rng.normal(size=(1000, 2)), 0.01 * rng.normal(size=(1000, 16))
    >>> X, Y = np.hstack([signal, noise[:, :8]]), np.hstack([signal, noise[:, 8:]])
    >>> bool(svcca(X, Y) > 0.99), bool(cca(X, Y) < 0.4)
    (True, True)
    """
    X, Y = check_views({"X": X, "Y": Y})
    return svcca_matrix([X], [Y], variance=variance, squared=squared).item()


def pwcca(X, Y):
    """Mean canonical correlation, each weighted by how much of the activations it accounts for.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.

    Returns
    -------
    pwcca : float
        In [0, 1]; NaN if X or Y is constant. Not symmetric where the ranks are equal.

    Raises
    ------
    ValueError
        As for :func:`canonical_correlations`.

    Notes
    -----
    The weight of a correlation is the sum over units x_j of ``|<h, x_j>|``, where h is its canonical variate, of norm
    1, in that of X and Y whose rank is smaller, and in X where they are equal; weights are divided by their sum.

    References
    ----------
    A. Morcos, M. Raghu and S. Bengio, "Insights on Representational Similarity in Neural Networks with Canonical
    Correlation", NeurIPS 2018, section 2, https://arxiv.org/abs/1806.05759

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import cca, pwcca
    >>> rng = np.random.default_rng(0)
    >>> X, noise = rng.normal(size=(1000, 2)) * [10.0, 1.0], rng.normal(size=(1000, 1))
    >>> Y = np.hstack([X[:, :1], noise])
    >>> bool(pwcca(X, Y) > 0.9), bool(cca(X, Y) < 0.6)
    (True, True)
    """
    X, Y = check_views({"X": X, "Y": Y})
    return pwcca_matrix([X], [Y]).item()


# ---------------------------------------------------------------- all pairs


def cca_matrix(Xs, Ys, *, squared=False, track=iter):
    """:func:`cca` of each of some activations with each of others, (n_x, n_y); ``track`` tells of the tasks done."""
    return svcca_matrix(Xs, Ys, variance=1.0, squared=squared, track=track)


def svcca_matrix(Xs, Ys, *, variance=0.99, squared=False, track=iter):
    """:func:`svcca` of each of some activations with each of others."""
    check_number("variance", variance, float, 0, 1, open_low=True)
    check_choice("squared", squared, [True, False])

    def mean(x, y):
        correlations = _correlations(x, y)[0]
        return (correlations**2 if squared else correlations).mean()

    return _matrix(Xs, Ys, lambda X: _main_directions(X, variance), mean, track)


def pwcca_matrix(Xs, Ys, *, track=iter):
    """:func:`pwcca` of each of some activations with each of others."""
    return _matrix(Xs, Ys, _directions, _weighted_mean, track)


def _matrix(Xs, Ys, directions, compare, track):
    """A function of each pair, whose directions are sought once for each; NaN where there are none."""
    found = [directions(X) for X in track([*Xs, *Ys])]
    values = np.full((len(Xs), len(Ys)), np.nan)
    for i, j in np.ndindex(values.shape):
        x, y = found[i], found[len(Xs) + j]
        if len(x.sizes) and len(y.sizes):
            values[i, j] = compare(x, y)
    return values


class _Directions(NamedTuple):
    """Centred activations as ``basis @ np.diag(sizes) @ units``, without what is rounding."""

    basis: np.ndarray  # (n, rank), orthonormal columns
    sizes: np.ndarray  # (rank,), falling
    units: np.ndarray  # (rank, n_units), orthonormal rows


def _directions(X):
    basis, sizes, units = np.linalg.svd(centred(X), full_matrices=False)
    rank = (sizes > EPSILONS * np.finfo(X.dtype).eps * np.linalg.norm(X.astype(np.float64))).sum()
    return _Directions(basis[:, :rank], sizes[:rank], units[:rank])


def _main_directions(X, variance):
    """The fewest that have a share of the variance."""
    found = _directions(X)
    if variance == 1 or not len(found.sizes):
        return found
    share = np.cumsum(found.sizes**2) / np.sum(found.sizes**2)
    rank = np.searchsorted(share, variance) + 1
    return _Directions(found.basis[:, :rank], found.sizes[:rank], found.units[:rank])


def _correlations(x, y):
    """Canonical correlations, and the coefficients of the variates in both bases, (rank_x, r) and (r, rank_y)."""
    left, correlations, right = np.linalg.svd(x.basis.T @ y.basis, full_matrices=False)
    return np.clip(correlations, 0, 1), left, right


def _weighted_mean(x, y):
    correlations, left, right = _correlations(x, y)
    smaller, variates = (x, left.T) if len(x.sizes) <= len(y.sizes) else (y, right)
    weights = np.abs(variates @ (smaller.sizes[:, None] * smaller.units)).sum(axis=1)
    return np.average(correlations, weights=weights)
