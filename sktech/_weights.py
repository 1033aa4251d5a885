"""Weights of which only ratios matter, brought to where sums, products and quotients of them can be computed."""

import numpy as np

# Powers of two that the largest weight may be without being scaled, and how far below it a weight is one of 0.
_FAR, _NOTHING = 200, 500


def in_range(weight):
    """The same weights, if need be times a power of two, which changes no digit; those that are nothing become 0.

    Parameters
    ----------
    weight : ndarray of shape (n,), float64
        Finite and at least 0.

    Returns
    -------
    weight : ndarray of shape (n,)
        The largest is between 2^-201 and 2^200 (1e60), and all others are 0 or at least 2^-500 (3e-151) of it.
    """
    _, exponent = np.frexp(weight.max(initial=0.0))
    if abs(exponent) > _FAR:
        weight = np.ldexp(weight, -exponent)
    return np.where(weight < np.ldexp(weight.max(initial=0.0), -_NOTHING), 0.0, weight)
