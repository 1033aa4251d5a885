"""Integrated gradients: what an answer owes to each column, on the way from a baseline to the row."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from sktech._validation import check_number
from sktech.inspection._answers import ROWS_PER_PASS, Answer, chunks
from sktech.inspection._nets import read_net
from sktech.inspection.attribution import GradientAttribution
from sktech.table import is_frame

# The integral is first taken in so many steps; their number is doubled until it is exact enough.
FIRST_STEPS, MOST_STEPS = 4, 2048
# The ends of the way are looked at from so far inside: a row or a baseline often lies on a bend of the net (the edge of
# a bin), where the gradient is that of the other side as likely as not.
INSIDE = 2**-14


def integrated_gradients(
    estimator, X, *, baseline=None, target=None, output="logit", n_steps="auto", tol=1e-3, verbose=0
):
    """What a net's answer to each row owes to each column, summing to the difference from the answer to a baseline.

    With F the answer, x a row and x' the baseline, as the net sees them, input i gets ::

        (x_i - x'_i) * integral over a from 0 to 1 of dF/dx_i (x' + a (x - x'))

    and a column of the table the sum over the inputs that tell of it: all levels of a category, the numbers of its
    embedding, the flag of a missing value, whatever the steps of a pipeline have made of it. ::

        attribution = integrated_gradients(clf, X_test[:100])
        attribution.values  # (100, n_features), summing in each row to clf's answer - its answer to the baseline

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        A fitted net of sktech's, what wraps one, or an ensemble of such that averages probabilities; a skorch net; a
        search that has found one of these, or a pipeline that ends in one; a torch module that returns logits, as
        (n, n_classes), or one number per row, as (n,) or (n, 1).
    X : data frame or array-like of shape (n, n_features)
        For a skorch net or a module floats of any shape (n, ...), also as a tensor.
    baseline : table of one row or of n rows, or array-like of shape (n_features,), default=None
        x', in the form of X or as a plain row. None is a row of which nothing is known: numbers at the median of the
        training rows, categories unknown; zeros for a skorch net or a module.
    target : label or array-like of shape (n,), default=None
        The class that is asked about, of all rows or of each; None for the predicted one. For a module the number of
        an output.
    output : {"logit", "probability"}, default="logit"
        What of that class. The logit of one net is its own; of a committee or an ensemble it is the logarithm of the
        mean probability. A module's single output is its logit, and its sigmoid the probability.
    n_steps : int or "auto", default="auto"
        Steps of the trapezoidal rule. "auto" doubles them for each row, from 4 up to 2,048, until the error is small
        enough.
    tol : float, default=1e-3
        The error of a value that is small enough, as a share of the range of the answers to X and to the baseline.
    verbose : int, default=0
        Whether to show the progress.

    Returns
    -------
    attribution : GradientAttribution
        Its ``explained`` is F(x) - F(x'), which the values of a row sum to. Its ``error`` says how far any of them may
        be from what it should be: the largest one of what the last doubling has changed it by, half of what the one
        before has, and half of what the sum was then still missing. With a given number of steps it is what the sum is
        missing.

    Raises
    ------
    TypeError
        If the estimator is no such net.
    ValueError
        If the target is no class of the net's, the baseline does not fit X, or a step of the pipeline makes an output
        of several columns.

    Warns
    -----
    ConvergenceWarning
        If 2,048 steps are not enough for some row.

    Notes
    -----
    The straight path is one between what the net sees: numbers scaled and bent, indicators and embedded vectors of
    categories. The paper's is one between pixels. It takes 20 to 300 steps of a Riemann sum and leaves the check of
    completeness to the user; here the steps follow from an estimate of the error. The path of a net of ReLUs has
    hundreds of bends, so that the error goes down no faster than the steps go up, and what the last doubling has
    changed is about as large as what is still wrong. How far the sum is from F(x) - F(x') says less: single errors are
    the smaller for many columns, and it is small by luck in one row of many. What it is missing in the end, less than
    twice the error, is shared among the columns as the last change is, so that completeness is exact.

    References
    ----------
    Sundararajan, Taly, Yan (2017). Axiomatic Attribution for Deep Networks, equation 1 and proposition 1.
    https://arxiv.org/abs/1703.01365

    Examples
    --------
    >>> import torch
    >>> from sktech.inspection import integrated_gradients
    >>> class Saturated(torch.nn.Module):
    ...     def forward(self, X):
    ...         return 1 - torch.relu(1 - X[:, 0])
    >>> integrated_gradients(Saturated(), [[2.0, 5.0]]).values.round(2)  # where the gradient is 0
    array([[1., 0.]])
    """
    check_number("n_steps", n_steps, int, 1, others=("auto",))
    check_number("tol", tol, float, 0, 1, open_low=True)
    net = read_net(estimator, X)
    net.check_columns()
    with net.evaluating():
        points = net.points(X)
        start = _baseline(net, baseline, points)
        answer = Answer(net, points, target, output)
        path = Path(net, answer, start, points)
        if n_steps == "auto":
            values, error, taken, open_rows = _as_exact_as_needed(path, tol, verbose)
        else:
            places = np.linspace(0, 1, n_steps + 1)
            values = path.mean(np.arange(path.n), places, _trapezoid(n_steps), verbose)
            error, taken, open_rows = np.abs(path.missing(values)), np.full(path.n, n_steps + 1), ()
    if len(open_rows):
        warnings.warn(
            f"integrated_gradients: {len(open_rows)} of {path.n} rows have an error above {path.allowed(tol):.3g} "
            f"after {MOST_STEPS} steps, the largest {error.max():.3g}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return GradientAttribution(
        values=values.reshape(path.n, *net.shape),
        feature_names=net.feature_names,
        target=answer.target,
        output=output,
        answer=path.end,
        explained=path.end - path.begin,
        error=error,
        n_steps=taken,
    )


def _as_exact_as_needed(path, tol, verbose):
    """Values (n, n_features), their errors (n,), the gradients taken (n,), and the rows that would have needed more."""
    rows, steps = np.arange(path.n), FIRST_STEPS
    values = path.mean(rows, np.linspace(0, 1, steps + 1), _trapezoid(steps), verbose)
    change, largest = np.zeros_like(values), np.full(path.n, np.inf)
    error, taken = np.full(path.n, np.inf), np.full(path.n, steps + 1)
    while len(rows) and steps < MOST_STEPS:
        between = (np.arange(steps) + 0.5) / steps
        finer = (values[rows] + path.mean(rows, between, np.full(steps, 1 / steps), verbose)) / 2
        before, change[rows], values[rows] = largest[rows], np.abs(finer - values[rows]), finer
        largest[rows] = change[rows].max(axis=1)
        error[rows] = np.maximum.reduce([largest[rows], before / 2, np.abs(path.missing(values)[rows]) / 2])
        taken[rows] += steps
        steps *= 2
        rows = rows[error[rows] > path.allowed(tol)]
    # Where nothing has changed nothing can be shared.
    total = change.sum(axis=1)
    values += change * (path.missing(values) / np.where(total > 0, total, 1.0))[:, None]
    return values, np.maximum(error, np.abs(path.missing(values))), taken, rows


def _trapezoid(n_steps):
    weights = np.full(n_steps + 1, 1 / n_steps)
    weights[[0, -1]] /= 2
    return weights


def _baseline(net, baseline, points):
    """Points of the baseline, of one row or of as many as there are."""
    if baseline is None:
        return net.neutral()
    if not is_frame(baseline) and np.shape(baseline) == net.shape:
        baseline = net.row(baseline)
    start, n = net.points(baseline), points[0].shape[-2]
    fits = all(a.shape[-1] == b.shape[-1] for a, b in zip(start, points, strict=True))
    if not fits or start[0].shape[-2] not in (1, n):
        raise ValueError(
            f"baseline: expected one row or {n} rows with the columns of X, got shape {tuple(np.shape(baseline))}"
        )
    return start


class Path:
    """The straight way from the points of a baseline to those of rows.

    Parameters
    ----------
    net : ReadNet
    answer : Answer
    start, points : list of Tensor of shape (..., n, width)
        ``start`` may have a single row.

    Attributes
    ----------
    n : int
    begin, end : ndarray of shape (n,)
        The answers.
    """

    def __init__(self, net, answer, start, points):
        self._net, self._answer = net, answer
        self.n = points[0].shape[-2]
        self._start = [a.expand(point.shape) for a, point in zip(start, points, strict=True)]
        self._way = [point - a for a, point in zip(self._start, points, strict=True)]
        self.begin, self.end = (self._answers(which) for which in (self._start, points))
        everything = np.concatenate([self.begin, self.end])
        self._range = np.ptp(everything)
        self._rounding = 16 * torch.finfo(points[0].dtype).eps * np.abs(everything).max()

    def _answers(self, points):
        values, first = [], 0
        with torch.no_grad():
            for part in chunks(self._net, points):
                rows = slice(first, first + part[0].shape[-2])
                values.append(self._answer(part, rows).double().cpu().numpy())
                first = rows.stop
        return np.concatenate(values)

    def allowed(self, tol):
        """The error that is small enough; what rounding does is."""
        return max(tol * self._range, self._rounding)

    def missing(self, values):
        """What sums of values (n, n_features) lack of the difference of the answers, (n,)."""
        return self.end - self.begin - values.sum(axis=1)

    def mean(self, rows, places, weights, verbose):
        """Weighted sums over places on the way of way x gradient, by column.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,), int
        places, weights : ndarray of shape (n_places,)
            0 is the baseline, 1 the row.
        verbose : int

        Returns
        -------
        values : ndarray of shape (n_rows, n_features)
        """
        passes = max(ROWS_PER_PASS // len(self._net.weights), 1)
        n_rows = max(passes // len(places), 1)
        n_places = max(passes // n_rows, 1)
        values = []
        bar = tqdm(total=len(rows), desc=f"{len(places)} steps", unit="rows", disable=not verbose)
        for first in range(0, len(rows), n_rows):
            some, total = rows[first : first + n_rows], 0.0
            for part in range(0, len(places), n_places):
                these = slice(part, part + n_places)
                total = total + self._sum(some, places[these], weights[these])
            values.append(total)
            bar.update(len(some))
        bar.close()
        return np.concatenate(values)

    def _sum(self, rows, places, weights):
        some = torch.from_numpy(rows)
        points, ways = [], []
        for a, way in zip(self._start, self._way, strict=True):
            a, way = a[..., some, :], way[..., some, :]
            at = torch.from_numpy(places.clip(INSIDE, 1 - INSIDE)).to(way)[:, None, None]
            point = a.unsqueeze(-3) + at * way.unsqueeze(-3)  # (..., n_places, n_rows, width)
            points.append(point.flatten(-3, -2).requires_grad_())
            ways.append(way)
        with torch.enable_grad():
            answers = self._answer(points, some, len(places)) * torch.from_numpy(weights).to(
                points[0]
            ).repeat_interleave(len(rows))
        gradients = torch.autograd.grad(answers.sum(), points)
        shares = []
        for gradient, way in zip(gradients, ways, strict=True):
            total = gradient.unflatten(-2, (len(places), len(rows))).sum(dim=-3) * way
            total = total.double().cpu()
            shares.append(total.sum(dim=0) if total.ndim == 3 else total)
        return self._net.by_column(shares)
