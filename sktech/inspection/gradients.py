"""The gradient of a net's answer, and gradient times input: what an answer owes to columns, seen from the row alone."""

import numpy as np
import torch

from sktech.inspection._answers import Answer
from sktech.inspection._nets import read_net
from sktech.inspection._shares import through_steps
from sktech.inspection.attribution import GradientAttribution


def gradient(estimator, X, *, target=None, output="logit"):
    """How steeply a net's answer to each row changes with each column.

    It is the derivative with respect to what the net sees: numbers centred, scaled and bent, indicators, embedded
    vectors of categories. A column that the net sees as several inputs gets the derivative of the largest magnitude,
    with its sign. Nothing sums to anything here, and a saturated answer has no gradient: for what an answer owes to its
    columns see :func:`integrated_gradients`. ::

        attribution = gradient(clf, X_test)
        attribution.values  # (n, n_features)

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        As for :func:`integrated_gradients`.
    X : data frame or array-like of shape (n, n_features)
        For a skorch net or a module floats of any shape (n, ...), also as a tensor.
    target : label or array-like of shape (n,), default=None
        The class that is asked about, of all rows or of each; None for the predicted one. For a module the number of
        an output.
    output : {"logit", "probability"}, default="logit"
        What of that class.

    Returns
    -------
    attribution : GradientAttribution
        With ``explained`` and ``error`` NaN.

    Raises
    ------
    TypeError
        If the estimator is no such net.
    ValueError
        If the target is no class of the net's, or a step of the pipeline makes an output of several columns.

    Notes
    -----
    The paper takes the largest magnitude over the colours of a pixel, without the sign. The derivatives of the nets of
    an ensemble, each of which sees the table in its own way, are summed, as the answer is made of all of theirs.

    References
    ----------
    Simonyan, Vedaldi, Zisserman (2014). Deep Inside Convolutional Networks, section 3.1.
    https://arxiv.org/abs/1312.6034

    Examples
    --------
    >>> import torch
    >>> from sktech.inspection import gradient
    >>> class Squares(torch.nn.Module):
    ...     def forward(self, X):
    ...         return (X**2).sum(dim=1)
    >>> gradient(Squares(), [[1.0, -3.0]]).values
    array([[ 2., -6.]])
    """
    net = read_net(estimator, X)
    net.check_columns()
    with net.evaluating():
        points = net.points(X)
        answer = Answer(net, points, target, output)
        values = sum(
            _steepest(slope, torch.from_numpy(columns), len(net.feature_names))
            for slope, columns in zip(answer.gradients(points), net.origins, strict=True)
        )
        unknown = np.full(len(values), np.nan)
        return _attribution("gradient", net, answer, values, answer.values(points), explained=unknown, error=unknown)


def gradient_times_input(estimator, X, *, baseline=None, target=None, output="logit"):
    """What a net's answer would owe to each column, if it went on as it does at the row.

    With F the answer, x a row and x' the baseline, as the net sees them, input i gets (x_i - x'_i) dF/dx_i(x), and a
    column of the table the sum over the inputs that tell of it. It is :func:`integrated_gradients` with the gradient at
    the end of the path for that of the whole: one pass instead of some hundred, and the same for a linear net and, from
    zero, for one of ReLUs without biases. ::

        attribution = gradient_times_input(clf, X_test, baseline=X_train.iloc[0])
        attribution.values  # (n, n_features)

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        As for :func:`integrated_gradients`.
    X : data frame or array-like of shape (n, n_features)
        For a skorch net or a module floats of any shape (n, ...), also as a tensor.
    baseline : table of one row or of n rows, or array-like of shape (n_features,), default=None
        x', in the form of X or as a plain row. None is a row of which the net knows nothing: numbers at the median of
        the training rows, those of two values halfway between them, categories unknown; in a pipeline that is said of
        what the steps have made. For a skorch net or a module it is zeros, as in the paper.
    target : label or array-like of shape (n,), default=None
        The class that is asked about, of all rows or of each; None for the predicted one. For a module the number of
        an output.
    output : {"logit", "probability"}, default="logit"
        What of that class.

    Returns
    -------
    attribution : GradientAttribution
        Its ``explained`` is F(x) - F(x'), and its ``error`` how far the values of each row are from summing to that.

    Raises
    ------
    TypeError
        If the estimator is no such net.
    ValueError
        If the target is no class of the net's, the baseline does not fit X, or a step of the pipeline makes outputs of
        several columns that are no sums over columns, or without a baseline.

    References
    ----------
    Shrikumar, Greenside, Shcherbina, Kundaje (2016). Not Just a Black Box: Learning Important Features Through
    Propagating Activation Differences. https://arxiv.org/abs/1605.01713

    Examples
    --------
    >>> import torch
    >>> from sktech.inspection import gradient_times_input
    >>> class Squares(torch.nn.Module):
    ...     def forward(self, X):
    ...         return (X**2).sum(dim=1)
    >>> attribution = gradient_times_input(Squares(), [[1.0, -3.0]])
    >>> attribution.values, attribution.explained, attribution.error
    (array([[ 2., 18.]]), array([10.]), array([10.]))
    """
    net = read_net(estimator, X)
    if net.mixes_columns:
        options = {"target": target, "output": output}
        return through_steps(gradient_times_input, net, X, baseline, **options)
    with net.evaluating():
        points = net.points(X)
        start = net.baseline(baseline, points)
        answer = Answer(net, points, target, output)
        shares = [
            slope * (point - begin).double().cpu()
            for slope, point, begin in zip(answer.gradients(points), points, start, strict=True)
        ]
        values = net.by_column([share.sum(dim=0) if share.ndim == 3 else share for share in shares])
        end = answer.values(points)
        begin = answer.values([begin.expand(point.shape) for begin, point in zip(start, points, strict=True)])
    error = np.abs(values.sum(axis=1) - (end - begin))
    return _attribution("gradient_times_input", net, answer, values, end, explained=end - begin, error=error)


def _steepest(slopes, columns, n_features):
    """Of the inputs of each column the slope of largest magnitude, summed over members, (n, n_features)."""
    slopes = slopes if slopes.ndim == 3 else slopes[None]
    up, down = torch.zeros(2, *slopes.shape[:-1], n_features, dtype=slopes.dtype)
    columns = columns.expand(slopes.shape)
    up, down = up.scatter_reduce(-1, columns, slopes, "amax"), down.scatter_reduce(-1, columns, slopes, "amin")
    return torch.where(up >= -down, up, down).sum(dim=0).numpy()


def _attribution(method, net, answer, values, answers, *, explained, error):
    n = len(values)
    return GradientAttribution(
        values=values.reshape(n, *net.shape),
        feature_names=net.feature_names,
        target=answer.target,
        output=answer.name,
        answer=answers,
        explained=explained,
        error=error,
        n_steps=np.ones(n, dtype=int),
        method=method,
    )
