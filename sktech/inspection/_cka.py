"""Similarity of Gram matrices: the Hilbert-Schmidt independence criterion, and centred kernel alignment."""

from functools import partial
from itertools import combinations_with_replacement

import numpy as np

from sktech._validation import check_choice, check_number
from sktech.inspection._views import centred, check_views

# Rows and columns of a piece of a Gram matrix: 2 MB for each layer.
BLOCK = 512
# Rows that tell the median distance of a kernel.
MEDIAN_ROWS = 2048
# What is smaller, relative to what it is a difference of, is rounding.
ROUNDING = 1e-12


def hsic(X, Y, *, kernel="linear", width=0.8, unbiased=False):
    """Hilbert-Schmidt independence criterion: how much two sets of activations of the same rows depend on each other.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.
    kernel : "linear" or "rbf", default="linear"
        The products of rows, or exp(-distance² / (2 width² m)), where m is the median of the squared distances between
        rows.
    width : float, default=0.8
        Of the "rbf" kernel, as a share of the root of the median squared distance (sigma).
    unbiased : bool, default=False
        Whether the expectation is that of infinitely many rows: 0 for independent activations. It may be negative.

    Returns
    -------
    hsic : float
        With the linear kernel the sum of the squared covariances of all pairs of units; 0 if X or Y is constant.

    Raises
    ------
    ValueError, TypeError
        If the activations are not finite arrays of the same rows, of which there are fewer than two (four if
        ``unbiased``), or a parameter is not as described.

    Notes
    -----
    With Gram matrices K and L and H = I - 11ᵀ/n it is tr(KHLH) / (n - 1)² (Gretton et al., 2005). Without bias it is
    HSIC₁ of Song et al. (2012), where K' and L' have zeros on the diagonal::

        (tr(K'L') + 1ᵀK'1 1ᵀL'1 / ((n - 1)(n - 2)) - 2 1ᵀK'L'1 / (n - 2)) / (n (n - 3))

    With the linear kernel and more rows than units no Gram matrix is formed; otherwise a piece of them at a time is.
    The median is over all pairs of rows, each with itself included, as in Kornblith's code; of more than 2,048 rows it
    is that of at most as many, evenly spaced. If it is 0, as most rows are equal, the kernel is what it tends to: 1 for
    equal rows, 0 for others.

    References
    ----------
    A. Gretton, O. Bousquet, A. Smola and B. Schölkopf, "Measuring Statistical Dependence with Hilbert-Schmidt Norms",
    ALT 2005

    L. Song, A. Smola, A. Gretton, J. Bedo and K. Borgwardt, "Feature Selection via Dependence Maximization", JMLR 13,
    2012

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import hsic
    >>> X = np.array([[1.0], [2.0], [3.0], [4.0]])
    >>> round(hsic(X, -2 * X), 4)  # the squared covariance of X and -2 X
    11.1111
    """
    X, Y = check_views({"X": X, "Y": Y})
    return _hsic_values([X], [Y], kernel, width, unbiased)[0].item()


def cka(X, Y, *, kernel="linear", width=0.8, unbiased=False):
    """Centred kernel alignment: how similar two layers see the same rows, from 0 to 1.

    Two rows that are alike in one layer are alike in the other: this is what is compared, row by row, and so layers may
    have different numbers of units, in any order.

    Parameters
    ----------
    X : array-like of shape (n, n_units_x)
        Activations of n rows.
    Y : array-like of shape (n, n_units_y)
        Activations of the same rows elsewhere.
    kernel : "linear" or "rbf", default="linear"
        As in :func:`hsic`.
    width : float, default=0.8
        As in :func:`hsic`.
    unbiased : bool, default=False
        As in :func:`hsic`: with fewer rows than units, the plain value is close to 1 for whatever activations.

    Returns
    -------
    cka : float
        At most 1, which stands for equal distances; at least 0, or somewhat below if ``unbiased``. NaN if X or Y is
        constant, and thus similar to nothing.

    Raises
    ------
    ValueError, TypeError
        As for :func:`hsic`.

    Notes
    -----
    It is HSIC(X, Y) / sqrt(HSIC(X, X) HSIC(Y, Y)). It does not change with rotations, reflections and orders of units,
    and with one factor for all units; it does change with other linear maps, unlike :func:`cca`. With the linear kernel
    it is mostly about the few directions in which activations vary most.

    References
    ----------
    S. Kornblith, M. Norouzi, H. Lee and G. Hinton, "Similarity of Neural Network Representations Revisited", ICML 2019,
    section 3, https://arxiv.org/abs/1905.00414

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import cka
    >>> rng = np.random.RandomState(1337)
    >>> X = rng.randn(100, 10)
    >>> Y = rng.randn(100, 10) + X
    >>> round(cka(X, Y), 5), round(cka(X, Y, kernel="rbf", width=0.5), 5), round(cka(X, Y, unbiased=True), 5)
    (0.55761, 0.65483, 0.51346)
    """
    X, Y = check_views({"X": X, "Y": Y})
    return cka_matrix([X], [Y], kernel=kernel, width=width, unbiased=unbiased).item()


def minibatch_cka(batches):
    """Linear CKA of activations that come in batches, with the expectation of all at once.

    Parameters
    ----------
    batches : iterable of pairs of array-like of shape (n, n_units_x) and (n, n_units_y)
        Activations of the same rows, at least four in each batch, drawn at random: rows that are sorted, by class for
        instance, have to be shuffled first.

    Returns
    -------
    cka : float
        As of :func:`cka` with ``unbiased=True``.

    Raises
    ------
    ValueError
        If there is no batch, or one is not as described.

    Notes
    -----
    The unbiased HSIC(X, Y), HSIC(X, X) and HSIC(Y, Y) are averaged over batches, and then divided. In the paper batches
    are of one size; here each counts as many times as it has rows, so that a short last one does no harm.

    References
    ----------
    T. Nguyen, M. Raghu and S. Kornblith, "Do Wide and Deep Networks Learn the Same Things?", ICLR 2021, equations 2
    and 3, https://arxiv.org/abs/2010.15327

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import minibatch_cka
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(4000, 10))
    >>> Y = rng.normal(size=(4000, 10)) + X
    >>> round(minibatch_cka(zip(np.split(X, 100), np.split(Y, 100))), 2)
    0.51
    """
    found, rows = [], []
    for k, batch in enumerate(batches):
        if not isinstance(batch, tuple | list) or len(batch) != 2:
            raise ValueError(f"batches: expected pairs of activations, got {type(batch).__name__} as number {k}")
        X, Y = check_views({f"X of batch {k}": batch[0], f"Y of batch {k}": batch[1]})
        if len(X) < 4:
            raise ValueError(f"batches: expected at least 4 rows in each, got {len(X)} in number {k}")
        found.append(_hsic_values([X], [Y], "linear", 1.0, unbiased=True))
        rows.append(len(X))
    if not found:
        raise ValueError("batches: expected at least one pair of activations, got none")
    return _aligned(*(np.average(values, axis=0, weights=rows) for values in zip(*found, strict=True))).item()


def cka_matrix(Xs, Ys, *, kernel="linear", width=0.8, unbiased=False, track=iter):
    """:func:`cka` of each of some activations with each of others, (n_x, n_y); ``track`` tells of the tasks done."""
    return _aligned(*_hsic_values(Xs, Ys, kernel, width, unbiased, track))


def _aligned(cross, own_x, own_y):
    scale = np.sqrt(own_x)[:, None] * np.sqrt(own_y)
    return np.divide(cross, scale, out=np.full(cross.shape, np.nan), where=scale > 0)


def _hsic_values(Xs, Ys, kernel, width, unbiased, track=iter):
    """HSIC of each of some activations with each of others, (n_x, n_y), and with itself, (n_x,) and (n_y,).

    Centring a Gram matrix is an orthogonal projection: HSIC is the inner product of two such matrices less that of what
    is taken away from each, which depends on the sums of its rows and on its diagonal alone.
    """
    check_choice("kernel", kernel, ["linear", "rbf"])
    check_number("width", width, float, 0, np.inf, open_low=True, open_high=True)
    check_choice("unbiased", unbiased, [True, False])
    Xs, Ys, n = [centred(X) for X in Xs], [centred(Y) for Y in Ys], len(Xs[0])
    if unbiased and n < 4:
        raise ValueError(f"X: expected at least 4 rows where unbiased=True, got {n}")
    if kernel == "linear" and n > max(X.shape[1] for X in Xs + Ys):
        inner, *sides = _by_features(Xs, Ys, track)
    else:
        gram = _products if kernel == "linear" else partial(_nearness, width=width)
        inner, *sides = _by_blocks([gram(X) for X in Xs], [gram(Y) for Y in Ys], n, track)
    taken = [_taken_away(side.sums, side.diagonals, unbiased) for side in sides]
    scale = n * (n - 3) if unbiased else (n - 1) ** 2
    own = []
    for side, away in zip(sides, taken, strict=True):
        rest = side.norms - np.square(away).sum(axis=1)
        own.append(np.where(rest > ROUNDING * side.norms, rest, 0.0) / scale)
    return (inner - taken[0] @ taken[1].T) / scale, *own


def _taken_away(sums, diagonals, unbiased):
    """What centring takes away from Gram matrices, as vectors with the same inner products, (p, n + 1) or (p, 2n + 1).

    Without bias that is the diagonal, and then what makes the sums of rows 0 where the diagonal stays 0.
    """
    n = sums.shape[1]
    if unbiased:
        sums = sums - diagonals
    total = sums.sum(axis=1, keepdims=True)
    deviation = sums - total / n
    if unbiased:
        return np.hstack([diagonals, deviation * np.sqrt(2 / (n - 2)), total / np.sqrt(n * (n - 1))])
    return np.hstack([deviation * np.sqrt(2 / n), total / n])


# ---------------------------------------------------------------- Gram matrices


class _Grams:
    """What is known of p Gram matrices: their squared norms, (p,), the sums of their rows and diagonals, (p, n)."""

    def __init__(self, p, n):
        self.norms, self.sums, self.diagonals = np.zeros(p), np.zeros((p, n)), np.zeros((p, n))


def _by_features(Xs, Ys, track):
    """Inner products of linear Gram matrices, (n_x, n_y), and what is known of each side's, without forming them."""
    sides = []
    for views in (Xs, Ys):
        sides.append(_Grams(len(views), len(views[0])))  # the sums of rows are 0
        sides[-1].diagonals[:] = [np.square(X).sum(axis=1) for X in views]
    inner = np.zeros((len(Xs), len(Ys)))
    pairs = [(inner[i], j, X, Y) for i, X in enumerate(Xs) for j, Y in enumerate(Ys)]
    for side, views in zip(sides, (Xs, Ys), strict=True):
        pairs += [(side.norms, i, X, X) for i, X in enumerate(views)]
    for values, place, X, Y in track(pairs):
        values[place] = np.square(X.T @ Y).sum()
    return inner, *sides


def _by_blocks(Xs, Ys, n, track):
    """The same for functions that give a piece of their Gram matrix, given its rows and columns."""
    sides, inner = (_Grams(len(Xs), n), _Grams(len(Ys), n)), np.zeros((len(Xs), len(Ys)))
    blocks = [slice(start, start + BLOCK) for start in range(0, n, BLOCK)]
    for rows, columns in track(list(combinations_with_replacement(blocks, 2))):
        times, pieces = 1 if rows is columns else 2, []  # the matrices are symmetric
        for side, views in zip(sides, (Xs, Ys), strict=True):
            parts = np.stack([gram(rows, columns) for gram in views])
            side.sums[:, rows] += parts.sum(axis=2)
            if rows is columns:
                side.diagonals[:, rows] = parts.diagonal(axis1=1, axis2=2)
            else:
                side.sums[:, columns] += parts.sum(axis=1)
            pieces.append(parts.reshape(len(views), -1))
            side.norms += times * np.einsum("ij,ij->i", pieces[-1], pieces[-1])
        inner += times * pieces[0] @ pieces[1].T
    return inner, *sides


def _products(X):
    """The linear Gram matrix of centred activations, piece by piece."""
    return lambda rows, columns: X[rows] @ X[columns].T


def _nearness(X, width):
    """The Gram matrix of the Gaussian kernel of centred activations, less 1: centring does not see the difference, and
    small distances lose no digits."""
    squares = np.square(X).sum(axis=1)

    def distances(rows, columns):
        found = X[rows] @ X[columns].T
        found *= -2
        found += squares[rows, None]
        found += squares[columns]
        np.maximum(found, 0, out=found)
        if rows == columns:
            np.fill_diagonal(found, 0)
        return found

    def rounded(rows, columns):
        found = distances(rows, columns)
        return np.where(found > ROUNDING * (squares[rows, None] + squares[columns]), found, 0)

    some = slice(None, None, -(-len(X) // MEDIAN_ROWS))
    scale = 2 * width**2 * np.median(rounded(some, some))
    if scale == 0:
        return lambda rows, columns: -np.sign(rounded(rows, columns))

    def piece(rows, columns):
        found = distances(rows, columns)
        found /= -scale
        return np.expm1(found, out=found)

    return piece
