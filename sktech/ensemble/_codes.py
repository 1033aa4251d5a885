"""Error-correcting output codes: matrices of bits, one row per class, and the way back from bits to classes.

A code says which classes each of ``n_bits`` two-class problems takes for 1. An answer is a probability per bit; the
class is the one whose row fits it best, and a few wrong bits do no harm when rows differ in many.
"""

import numpy as np

from sktech._random import draw_seed
from sktech._validation import check_number

__all__ = ["check_code", "decode", "exhaustive_code", "random_code", "smallest_distance"]

_MOST_CLASSES = 11  # of an exhaustive code, which has 1023 columns then
_HEAD = 32  # so many classes tell the columns of a random code apart
_N_CANDIDATES = 100
_BUDGET = 2e10  # additions that the search of a random code may cost: fewer candidates for huge codes
_STEPS = 12
_CHUNK = 2**18  # probabilities of bits that are decoded at once
_MARGIN = 1e-9  # by which the corrected class leads


def exhaustive_code(n_classes):
    """All bits that can be asked about so few classes.

    A column and its complement are the same question, and a constant column is none; 2^(n_classes - 1) - 1 are left.
    The first row is all ones, the second has zeros in its first half, the third in its first and third quarter, and so
    on. Every two rows differ in exactly 2^(n_classes - 2) columns.

    Parameters
    ----------
    n_classes : int
        In [2, 11].

    Returns
    -------
    code : ndarray of shape (n_classes, 2 ** (n_classes - 1) - 1), int8
        Zeros and ones.

    Raises
    ------
    TypeError, ValueError
        If ``n_classes`` is no integer, or outside of these bounds.

    References
    ----------
    T. G. Dietterich and G. Bakiri, "Solving Multiclass Learning Problems via Error-Correcting Output Codes", Journal
    of Artificial Intelligence Research 2, 1995, section 2.3.1. They use it for up to 7 classes.

    Examples
    --------
    >>> from sktech.ensemble._codes import exhaustive_code
    >>> exhaustive_code(3)
    array([[1, 1, 1],
           [0, 0, 1],
           [0, 1, 0]], dtype=int8)
    """
    check_number("n_classes", n_classes, int, 2)
    if n_classes > _MOST_CLASSES:
        raise ValueError(
            f"n_classes: expected at most {_MOST_CLASSES} for an exhaustive code, whose columns double with each "
            f"class, got {n_classes}"
        )
    return _columns(np.arange(_n_useful(n_classes)), n_classes)


def random_code(n_classes, n_bits, random_state=None):
    """The best of many random codes: the one whose closest rows are farthest apart.

    Among candidates of equal distance it is the one with fewer pairs of rows that close. Rows are distinct, no column
    is constant, and no column is another one or its complement, as long as there are enough: of n_classes classes
    there are m = 2^(n_classes - 1) - 1 useful columns, and if ``n_bits`` is larger, each of them comes n_bits // m
    times, and a random selection once more.

    Parameters
    ----------
    n_classes : int
        At least 2.
    n_bits : int
        Number of columns, at least log2(n_classes); wrong bits are corrected only with several times as many, and
        10 log2(n_classes) are usual (Allwein, Schapire and Singer, 2000, section 6).
    random_state : None, int or numpy.random.RandomState, default=None

    Returns
    -------
    code : ndarray of shape (n_classes, n_bits), int8
        Zeros and ones.

    Raises
    ------
    TypeError, ValueError
        If a number is no integer or too small, ``n_bits`` to tell the classes apart.

    References
    ----------
    E. L. Allwein, R. E. Schapire and Y. Singer, "Reducing Multiclass to Binary: A Unifying Approach for Margin
    Classifiers", Journal of Machine Learning Research 1, 2000, section 6: the best of many random codes.

    Examples
    --------
    >>> from sktech.ensemble._codes import random_code, smallest_distance
    >>> code = random_code(10, 31, random_state=0)
    >>> code.shape, bool(smallest_distance(code) >= 9)
    ((10, 31), True)
    """
    check_number("n_classes", n_classes, int, 2)
    check_number("n_bits", n_bits, int, 1)
    n_classes, n_bits = int(n_classes), int(n_bits)
    fewest = (n_classes - 1).bit_length()
    if n_bits < fewest:
        raise ValueError(f"n_bits: expected at least {fewest} to tell {n_classes} classes apart, got {n_bits}")
    rng = np.random.default_rng(draw_seed(random_state))
    n_useful = _n_useful(n_classes)
    n_times, n_drawn = divmod(n_bits, n_useful)
    # More bits than useful columns are asked only of so few classes that all of the columns can be written down.
    whole = np.tile(_columns(np.arange(n_useful), n_classes), n_times) if n_times else np.empty((n_classes, 0), np.int8)
    if not n_drawn:
        return whole
    best, best_rank = None, None
    for _ in range(int(np.clip(_BUDGET // (n_classes**2 * n_bits), 1, _N_CANDIDATES))):
        candidate = np.hstack([whole, _draw_columns(rng, n_classes, n_drawn, 0 if n_times else fewest)])
        distances = _row_distances(candidate)
        rank = (distances.min(), -np.count_nonzero(distances == distances.min()))
        if best is None or rank > best_rank:
            best, best_rank = candidate, rank
    return best


def check_code(code, n_classes):
    """A code that a user hands in, checked.

    Parameters
    ----------
    code : array-like of shape (n_classes, n_bits)
        0 and 1, -1 and 1, or False and True. Columns may come several times.
    n_classes : int

    Returns
    -------
    code : ndarray of shape (n_classes, n_bits), int8
        Zeros and ones.

    Raises
    ------
    ValueError
        If the shape is another one, there are other values, two rows are the same, or a column is constant.
    """
    try:
        code = np.asarray(code)
    except ValueError as error:
        raise ValueError("code: expected rows of equal length, got others") from error
    if code.ndim != 2 or code.shape[0] != n_classes or code.shape[1] == 0:
        raise ValueError(
            f"code: expected a row for each of {n_classes} classes and a column for each bit, got shape {code.shape}"
        )
    strange = [value for value in code.flat if not any(value == bit for bit in (-1, 0, 1))]
    if strange:
        raise ValueError(f"code: expected only 0 and 1, or -1 and 1, got {strange[0]!r}")
    if (code == 0).any() and (code == -1).any():
        raise ValueError("code: expected only 0 and 1, or -1 and 1, got -1, 0 and 1: each bit is about all classes")
    code = (code == 1).astype(np.int8)
    constant = np.flatnonzero((code == code[0]).all(axis=0))
    if constant.size:
        raise ValueError(f"code: expected columns with both values, got only {code[0, constant[0]]} in {constant[0]}")
    _, first, number = np.unique(code, axis=0, return_index=True, return_inverse=True)
    twin = first[number.ravel()]
    if np.any(twin != np.arange(n_classes)):
        later = np.flatnonzero(twin != np.arange(n_classes))[0]
        raise ValueError(f"code: expected a row of its own for each class, got the same for {twin[later]} and {later}")
    return code


def smallest_distance(code):
    """In how many columns the two closest rows differ: fewer than half as many wrong bits can be corrected.

    Parameters
    ----------
    code : ndarray of shape (n_classes, n_bits)
        Zeros and ones.

    Returns
    -------
    distance : int
        t = (distance - 1) // 2 wrong bits are always corrected.
    """
    return int(_row_distances(code).min())


def decode(bit_proba, code):
    """Class probabilities from probabilities of bits.

    A bit asks about a sum of class probabilities, so that p is sought with q_l = pi_l(p) = sum over c of code_cl p_c.
    Bits are trained apart and contradict each other, and so the best that can be had is ::

        minimise over p    sum over l of KL(q_l || pi_l(p)),      p_c >= 0,  sum over c of p_c = 1

    It is approached by 12 steps, each of which lessens the sum and keeps p a distribution ::

        p_c  <-  p_c / n_bits  sum over l of  code_cl q_l / pi_l(p) + (1 - code_cl) (1 - q_l) / (1 - pi_l(p))

    They start from the least squares solution of q = pi(p), cut off at zero, with a share of the uniform distribution:
    twice the mean of abs(q_l - pi_l). So p is exact where bits agree with each other and determine it; and the more
    they contradict each other, the more is left of the doubt that the minimum, which often has zeros, knows nothing of.

    Wrong bits. Where the distance of a class, the sum over l of abs(q_l - code_cl), is less than half of
    ``smallest_distance(code)``, the class gets the largest probability; there is at most one (Forney, 1966). For bits
    of 0 and 1 it says that any code corrects (smallest_distance(code) - 1) // 2 wrong ones. Where bits agree, the class
    has more than half of p anyhow, and else too the steps hardly ever prefer another one; if they do, the class gets
    the share of the others' probabilities that it takes to lead.

    Parameters
    ----------
    bit_proba : array-like of shape (n, n_bits)
        q above: the probability that a bit is 1.
    code : ndarray of shape (n_classes, n_bits)
        Zeros and ones, such as :func:`check_code` returns.

    Returns
    -------
    proba : ndarray of shape (n, n_classes), float64
        Rows sum to one, and no row depends on another. Two classes and one bit give (1 - q, q).

    Raises
    ------
    ValueError
        If ``bit_proba`` has another shape or values outside [0, 1].

    Notes
    -----
    The minimum is that of Huang, Weng and Lin (2006), with each bit compared as often; Kong and Dietterich (1997) take
    least squares. The steps are EM for the proportions of a mixture (Dempster, Laird and Rubin, 1977, section 4.3).
    Start, number of steps and the guarantee for wrong bits are not theirs. On digits and made-up tables of 4 to 10
    classes, with logistic regression and small nets as bits, it had the lowest log-loss on average: the minimum itself
    and least squares exclude classes that are there, and the product of the bits' likelihoods, which takes bits for
    independent, is by far too sure where classes overlap. Accuracies hardly differed.

    References
    ----------
    T.-K. Huang, R. C. Weng and C.-J. Lin, "Generalized Bradley-Terry Models and Multi-class Probability Estimates",
    Journal of Machine Learning Research 7, 2006.

    E. B. Kong and T. G. Dietterich, "Probability Estimation via Error-Correcting Output Coding", International
    Conference on Artificial Intelligence and Soft Computing, 1997.

    A. P. Dempster, N. M. Laird and D. B. Rubin, "Maximum Likelihood from Incomplete Data via the EM Algorithm",
    Journal of the Royal Statistical Society B 39(1), 1977.

    G. D. Forney, "Generalized Minimum Distance Decoding", IEEE Transactions on Information Theory 12(2), 1966.

    Examples
    --------
    >>> from sktech.ensemble._codes import decode, exhaustive_code
    >>> code = exhaustive_code(3)
    >>> bit_proba = [[0.2, 0.5, 0.3]] @ code
    >>> decode(bit_proba, code).round(6)
    array([[0.2, 0.5, 0.3]])
    """
    code = np.asarray(code, dtype=np.float64)
    bit_proba = np.asarray(bit_proba, dtype=np.float64)
    n_classes, n_bits = code.shape
    if bit_proba.ndim != 2 or bit_proba.shape[1] != n_bits:
        raise ValueError(f"bit_proba: expected a column for each of {n_bits} bits, got shape {bit_proba.shape}")
    tolerance = np.finfo(np.float64).eps ** 0.5
    outside = bit_proba[~((bit_proba >= -tolerance) & (bit_proba <= 1 + tolerance))]
    if outside.size:
        raise ValueError(f"bit_proba: expected probabilities in [0, 1], got {outside[0]}")
    bit_proba = bit_proba.clip(0, 1)
    least_squares = np.linalg.pinv(code - code.mean(axis=0), rcond=1e-9)
    closest = smallest_distance(code)
    proba = np.empty((len(bit_proba), n_classes))
    n_rows = max(1, _CHUNK // n_bits)
    for start in range(0, len(proba), n_rows):
        rows = slice(start, start + n_rows)
        proba[rows] = _decode(bit_proba[rows], code, least_squares, closest)
    # To 46 binary digits, so that classes that nothing tells apart are equal, and their logarithms too.
    mantissa, exponent = np.frexp(proba)
    return np.ldexp(np.round(mantissa * 2**46), exponent - 46)


def _decode(q, code, least_squares, closest):
    n_classes, n_bits = code.shape
    p = np.maximum(1 / n_classes + (q - code.mean(axis=0)) @ least_squares, 0)
    p /= p.sum(axis=1, keepdims=True)
    doubt = np.minimum(2 * np.abs(q - p @ code).mean(axis=1, keepdims=True), 1)
    p = (1 - doubt) * p + doubt / n_classes

    # A bit that is 1 and a bit that is 0 are two events; 1 - pi is summed, not subtracted, for precision near 0.
    member = np.hstack([code, 1 - code])
    event = np.hstack([q, 1 - q])
    for _ in range(_STEPS):
        p *= (event / np.maximum(p @ member, 1e-300)) @ member.T / n_bits
    p /= p.sum(axis=1, keepdims=True)

    distance = event @ (1 - member).T
    nearest = distance.argmin(axis=1)
    rows = np.flatnonzero(distance.min(axis=1) < closest / 2)
    nearest = nearest[rows]
    others = p[rows]
    others[np.arange(len(rows)), nearest] = -1
    behind = others.max(axis=1) - p[rows, nearest] + _MARGIN
    rows, nearest, behind = rows[behind > 0], nearest[behind > 0], behind[behind > 0]
    share = behind / (1 + behind)
    p[rows] *= 1 - share[:, None]
    p[rows, nearest] += share
    return p


def _n_useful(n_classes):
    """How many columns are neither constant nor the complement of another one."""
    return 2 ** (n_classes - 1) - 1


def _columns(numbers, n_classes):
    """Useful columns by their numbers: below a one stand the number's binary digits, which are not all ones."""
    places = np.arange(n_classes - 2, -1, -1)[:, None]
    digits = (np.asarray(numbers, dtype=np.int64) >> places) & 1
    return np.vstack([np.ones((1, len(numbers)), np.int8), digits.astype(np.int8)])


def _draw_columns(rng, n_classes, n_bits, n_separating):
    """Random useful columns, all different; the first of them give each class a row of its own.

    Beyond 32 classes, columns differ already on the first 32.
    """
    # Each class gets a number, whose binary digits are its bits. Their columns are useful and no complements: no more
    # than half of the numbers have the same value at a place, or the same or other values at two, too few for all.
    rows = rng.choice(2**n_separating, n_classes, replace=False) if n_separating else np.zeros(n_classes, np.int64)
    separating = ((rows[:, None] >> np.arange(n_separating)) & 1).astype(np.int8)
    separating ^= 1 - separating[:1]  # the first row is all ones
    head = min(n_classes, _HEAD)
    numbers = rng.choice(_n_useful(head), n_bits, replace=False)
    used = 2 ** np.arange(head - 2, -1, -1, dtype=np.int64) @ separating[1:head]
    numbers = numbers[~np.isin(numbers, used)][: n_bits - n_separating]
    below = rng.integers(2, size=(n_classes - head, len(numbers)), dtype=np.int8)
    return np.hstack([separating, np.vstack([_columns(numbers, head), below])])


def _row_distances(code):
    """In how many columns each two rows differ, one value per pair."""
    signs = 2 * np.asarray(code, dtype=np.float32) - 1
    n_bits = signs.shape[1]
    upper = np.triu_indices(len(signs), 1)
    return np.rint((n_bits - (signs @ signs.T)[upper]) / 2).astype(np.int64)
