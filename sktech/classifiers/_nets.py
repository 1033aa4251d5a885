"""Which nets answer for an estimator: what reads fitted models needs to know of them, and all that it does.

An estimator says it by ``_nets()``: a list of (net, weight, columns). Its probabilities are the weighted mean of those
of the nets, each a fitted NetClassifier that sees the given columns, None for all.
"""


def nets_of(estimators, weights, columns=None):
    """The nets behind several estimators whose probabilities are averaged.

    Parameters
    ----------
    estimators : list of estimators
        Fitted.
    weights : ndarray of shape (n_estimators,)
        With sum 1.
    columns : list of ndarray of int, default=None
        Which columns each sees; None for all.

    Returns
    -------
    nets : list of (NetClassifier, float, ndarray or None)

    Raises
    ------
    TypeError
        If one of them is no net of sktech's.
    """
    nets = []
    for k, (estimator, weight) in enumerate(zip(estimators, weights, strict=True)):
        if not hasattr(estimator, "_nets"):
            raise TypeError(f"estimator: expected nets of sktech's inside, got {type(estimator).__name__}")
        for net, share, own in estimator._nets():
            seen = own if columns is None else columns[k] if own is None else columns[k][own]
            nets.append((net, weight * share, seen))
    return nets
