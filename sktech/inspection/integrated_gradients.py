"""Integrated gradients: what an answer owes to each column, on the way from a baseline to the row."""

import warnings

import numpy as np
import torch
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.parallel import Parallel, delayed
from tqdm import tqdm

from sktech._validation import check_number
from sktech.inspection._answers import Answer, rows_per_pass, slopes
from sktech.inspection._nets import read_net
from sktech.inspection._shares import through_steps
from sktech.inspection.attribution import GradientAttribution
from sktech.modules import Members

# The integral is first taken in so many steps; their number is doubled until it is exact enough.
FIRST_STEPS, MOST_STEPS = 4, 8192
# The ends of the way are looked at from so far inside: a row or a baseline often lies on a bend of the net (the edge of
# a bin), where the gradient is that of the other side as likely as not.
INSIDE = 2**-16


def integrated_gradients(
    estimator, X, *, baseline=None, target=None, output="logit", n_steps="auto", tol=1e-3, n_jobs=None, verbose=0
):
    """What a net's answer to each row owes to each column, summing to the difference from the answer to a baseline.

    With F the answer, x a row and x' the baseline, as the net sees them, input i gets ::

        (x_i - x'_i) * integral over a from 0 to 1 of dF/dx_i (x' + a (x - x'))

    and a column of the table the sum over the inputs that tell of it: all levels of a category, the numbers of its
    embedding, the flag of a missing value, whatever the steps of a pipeline have made of it. What a step has made of
    several columns, such as a principal component, is shared by them as its change is. ::

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
        x', in the form of X or as a plain row. None is a row of which the net knows nothing: numbers at the median of
        the training rows, those of two values halfway between them, categories unknown; in a pipeline that is said of
        what the steps have made. For a skorch net or a module it is zeros.
    target : label or array-like of shape (n,), default=None
        The class that is asked about, of all rows or of each; None for the predicted one. For a module the number of
        an output.
    output : {"logit", "probability"}, default="logit"
        What of that class. The logit of one net is its own; of a committee or an ensemble it is the logarithm of the
        mean probability. A module's single output is its logit, and its sigmoid the probability.
    n_steps : int or "auto", default="auto"
        Steps of the trapezoidal rule. "auto" doubles them for each row, from 4 up to 8,192, until the error is small
        enough: mostly 50 to 1,000.
    tol : float, default=1e-3
        The error of a value that is small enough, as a share of the range of the answers to X and to the baseline, or
        of the largest value of the row, if that is more; what rounding adds is never asked away.
    n_jobs : None or int, default=None
        Threads that share the work, as joblib has it. Members of a committee that are modules of one's own are run by
        one.
    verbose : int, default=0
        Whether to show the progress.

    Returns
    -------
    attribution : GradientAttribution
        Its ``explained`` is F(x) - F(x'), which the values of a row sum to. Its ``error`` is an estimate of how far any
        of them is from what it should be, which fewer than one row in ten exceeds: the largest one of what
        the last doubling has changed it by, half of what the one before has, and half of what the sum was then still
        missing. With a given number of steps it is what the sum is missing, which says less.

    Raises
    ------
    TypeError
        If the estimator is no such net.
    ValueError
        If the target is no class of the net's, the baseline does not fit X, or a step of the pipeline makes outputs of
        several columns that are no sums over columns, or without a baseline.

    Warns
    -----
    ConvergenceWarning
        If 8,192 steps are not enough for some row.

    Notes
    -----
    The straight path is one between what the net sees: numbers scaled and bent, indicators and embedded vectors of
    categories. The paper's is one between pixels. It takes 20 to 300 steps of a Riemann sum and leaves the check of
    completeness to the user; here the steps follow from an estimate of the error.

    The path of a net of ReLUs has hundreds of bends, so that the error goes down no faster than the steps go up, and
    what the last doubling has changed is about as large as what is still wrong. How far the sum is from F(x) - F(x')
    says less: single errors are the smaller for many columns, and it is small by luck in one row of many. What it is
    missing in the end, at most twice the error, is shared among the columns as the last change is, so that completeness
    is exact. The bends of embedded numbers cost no steps: these embeddings are followed exactly, and gradients are
    taken with respect to what they return, (dF/dz_i) dz_i instead of (dF/dx_i) dx_i.

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
    if net.mixes_columns:
        options = {
            "target": target,
            "output": output,
            "n_steps": n_steps,
            "tol": tol,
            "n_jobs": n_jobs,
            "verbose": verbose,
        }
        return through_steps(integrated_gradients, net, X, baseline, **options)
    with net.evaluating():
        points = net.points(X)
        start = net.baseline(baseline, points)
        answer = Answer(net, points, target, output)
        path = Path(net, answer, start, points, n_jobs, verbose)
        if n_steps == "auto":
            values, error, taken, open_rows = _as_exact_as_needed(path, tol)
        else:
            values = path.integral(np.arange(path.n), *_trapezoids(n_steps))
            error, taken, open_rows = np.abs(path.missing(values)), np.full(path.n, n_steps + 1), ()
    if len(open_rows):
        warnings.warn(
            f"integrated_gradients: {len(open_rows)} of {path.n} rows have larger errors than tol={tol:g} allows "
            f"after {MOST_STEPS} steps, the largest {error[open_rows].max():.3g}",
            ConvergenceWarning,
            stacklevel=2,
        )
    return GradientAttribution(
        values=values.reshape(path.n, *net.shape),
        feature_names=net.feature_names,
        target=answer.target,
        output=answer.name,
        answer=path.end,
        explained=path.end - path.begin,
        error=error,
        n_steps=taken,
        method="integrated_gradients",
    )


def _as_exact_as_needed(path, tol):
    """Values (n, n_features), their errors (n,), the gradients taken (n,), and the rows that would have needed more."""
    rows, steps = np.arange(path.n), FIRST_STEPS
    values = path.integral(rows, *_trapezoids(steps))
    change, largest = np.zeros_like(values), np.full(path.n, np.inf)
    error, taken = np.full(path.n, np.inf), np.full(path.n, steps + 1)
    while len(rows) and steps < MOST_STEPS:
        finer = (values[rows] + path.integral(rows, *_midpoints(steps))) / 2
        before, change[rows], values[rows] = largest[rows], np.abs(finer - values[rows]), finer
        largest[rows] = change[rows].max(axis=1)
        error[rows] = np.maximum.reduce([largest[rows], before / 2, np.abs(path.missing(values)[rows]) / 2])
        taken[rows] += steps
        steps *= 2
        rows = rows[error[rows] > path.allowed(tol, values[rows])]
    # Where nothing has changed nothing can be shared.
    total = change.sum(axis=1)
    values += change * (path.missing(values) / np.where(total > 0, total, 1.0))[:, None]
    return values, np.maximum(error, np.abs(path.missing(values))), taken, rows


def _trapezoids(n_steps):
    """Places of the trapezoidal rule, and the edges of the stretches that they stand for."""
    middles, ends = _midpoints(n_steps)
    return ends, np.concatenate([[0.0], middles, [1.0]])


def _midpoints(n_steps):
    """The same for the places between these."""
    return (np.arange(n_steps) + 0.5) / n_steps, np.linspace(0, 1, n_steps + 1)


class Path:
    """The straight way from the points of a baseline to those of rows.

    Parameters
    ----------
    net : ReadNet
    answer : Answer
    start, points : list of Tensor of shape (..., n, width)
        ``start`` may have a single row.
    n_jobs : None or int
    verbose : int

    Attributes
    ----------
    n : int
    begin, end : ndarray of shape (n,)
        The answers.
    """

    def __init__(self, net, answer, start, points, n_jobs, verbose):
        self._net, self._answer, self._verbose = net, answer, verbose
        # A module that is run with parameters of one member after the other has place for one thread.
        alone = any(isinstance(part, Members) for module in net.modules for part in module.modules())
        self._n_jobs = 1 if alone else n_jobs
        self.n = points[0].shape[-2]
        self._start = [a.expand(point.shape) for a, point in zip(start, points, strict=True)]
        self._way = [point - a for a, point in zip(self._start, points, strict=True)]
        ways = [way.abs().double().cpu() for way in self._way]
        self._moves = net.by_column([way.sum(dim=0) if way.ndim == 3 else way for way in ways]) > 0
        self.begin, self.end = answer.values(self._start), answer.values(points)
        everything = np.concatenate([self.begin, self.end])
        self._range = np.ptp(everything)
        self._rounding = 16 * torch.finfo(points[0].dtype).eps * np.abs(everything).max()

    def allowed(self, tol, values):
        """The error of rows with these values that is small enough, (n,); what rounding does is."""
        largest = np.abs(values).max(axis=1)
        return np.maximum(tol * np.maximum(self._range, largest), self._rounding)

    def missing(self, values):
        """What sums of values (n, n_features) lack of the difference of the answers, (n,)."""
        return self.end - self.begin - values.sum(axis=1)

    def integral(self, rows, places, edges):
        """Of the gradient along the way, by column; between two edges the gradient is that of the place there.

        Parameters
        ----------
        rows : ndarray of shape (n_rows,), int
        places : ndarray of shape (n_places,)
            0 is the baseline, 1 the row.
        edges : ndarray of shape (n_places + 1,)

        Returns
        -------
        values : ndarray of shape (n_rows, n_features)
        """
        n_points = rows_per_pass(self._net)
        n_rows = max(n_points // len(places), 1)
        n_places = max(n_points // n_rows, 1)
        parts = [slice(start, start + n_places) for start in range(0, len(places), n_places)]

        n_threads = torch.get_num_threads()

        def of(some):
            if torch.get_num_threads() != n_threads:  # it is every thread's own
                torch.set_num_threads(n_threads)
            return sum(self._stretches(some, places[part], edges[part.start : part.stop + 1]) for part in parts)

        some = [rows[start : start + n_rows] for start in range(0, len(rows), n_rows)]
        found = Parallel(self._n_jobs, require="sharedmem", return_as="generator")(map(delayed(of), some))
        bar = tqdm(total=len(rows), desc=f"{len(places)} gradients", unit="rows", disable=not self._verbose)
        values = []
        for part in found:
            values.append(part)
            bar.update(len(part))
        bar.close()
        return np.concatenate(values)

    def _stretches(self, rows, places, edges):
        points = self._embedded(rows, places.clip(INSIDE, 1 - INSIDE))
        with torch.enable_grad():
            answers = self._answer.of_embedded([point.requires_grad_() for point in points], rows, len(places))
        shares = []
        for gradient, ends in zip(slopes(answers, points), self._embedded(rows, edges), strict=True):
            ways = ends.unflatten(-2, (len(edges), len(rows))).diff(dim=-3)
            total = ways.mul_(gradient.unflatten(-2, (len(places), len(rows)))).sum(dim=-3).double().cpu()
            shares.append(total.sum(dim=0) if total.ndim == 3 else total)
        # What stays as it is owes nothing, to the last digit.
        return self._net.by_column(shares, self._net.embedded_origins) * self._moves[rows]

    def _embedded(self, rows, places):
        """Rows at places of their ways, embedded, (..., n_places * n_rows, width)."""
        rows, points = torch.from_numpy(rows), []
        for start, way in zip(self._start, self._way, strict=True):
            start, way = start[..., None, rows, :], way[..., None, rows, :]
            points.append((start + torch.from_numpy(places).to(way)[:, None, None] * way).flatten(-3, -2))
        with torch.no_grad():
            return self._net.embed(points)
