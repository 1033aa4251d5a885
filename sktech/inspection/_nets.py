"""A fitted model as a function of numbers that can be differentiated, and what these numbers have to do with a table.

A table goes through the steps of a pipeline and the net's own encoder. What comes out, with categories as the vectors
that the net has learned for them, are *points*: a list of tensors (..., n, width), from which the net computes logits.
``origins`` says which column of the table each number of a point tells of.
"""

from contextlib import contextmanager

import numpy as np
import torch
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import _safe_indexing
from sklearn.utils.validation import check_is_fitted
from skorch import NeuralNet

from sktech._threads import suitable_threads
from sktech.inspection._answers import rows_per_pass
from sktech.inspection._columns import MIXED, origin
from sktech.inspection._parts import Bare, OnTable
from sktech.table import is_frame
from sktech.training.net import TensorNet


def read_net(estimator, X):
    """A fitted model, ready to be looked into.

    Parameters
    ----------
    estimator : estimator or torch.nn.Module
        A fitted net of sktech's, what wraps one, or an ensemble of such that averages probabilities; a skorch net; a
        search that has found one of these, or a pipeline that ends in one; a torch module that returns logits, as
        (n, n_classes), or one number per row, as (n,) or (n, 1).
    X : data frame or array-like of shape (n, n_features)
        A table that it predicts, which names the columns. For a skorch net or a module a tensor or an array of floats,
        of any shape (n, ...).

    Returns
    -------
    net : ReadNet

    Raises
    ------
    TypeError
        If it is no such model, or its answer cannot be differentiated.
    sklearn.exceptions.NotFittedError
        If it is not fitted.
    """
    steps, whole = [], estimator
    if isinstance(estimator, type) or not isinstance(estimator, torch.nn.Module | BaseEstimator):
        raise _refused(repr(estimator))
    while isinstance(estimator, Pipeline) or hasattr(estimator, "best_estimator_"):
        if isinstance(estimator, Pipeline):
            check_is_fitted(estimator)
            steps += [step for _, step in estimator.steps[:-1] if step not in ("passthrough", None)]
            estimator = estimator.steps[-1][1]
        else:
            estimator = estimator.best_estimator_
    if isinstance(estimator, torch.nn.Module):
        return ReadNet(X, steps, estimator, None, [Bare(estimator)])
    if isinstance(estimator, NeuralNet):
        check_is_fitted(estimator)
        to_logits = estimator._to_logits() if isinstance(estimator, TensorNet) else _to_logits(estimator)
        classes = getattr(estimator, "classes_", None)
        return ReadNet(X, steps, estimator, classes, [Bare(estimator.module_, to_logits)])
    if not hasattr(estimator, "_nets"):
        check_is_fitted(estimator)
        raise _refused(type(whole).__name__ + (f" with {type(estimator).__name__}" if whole is not estimator else ""))
    nets = [OnTable(net, weight, columns, estimator.classes_) for net, weight, columns in estimator._nets()]
    return ReadNet(X, steps, estimator, estimator.classes_, nets)


def _refused(got):
    return TypeError(
        "estimator: expected a fitted net of sktech's or skorch's, what wraps one, an ensemble of sktech's that is a "
        f"mean of nets, a pipeline or a search that ends in one of these, or a torch module, got {got}"
    )


def _to_logits(net):
    if net.criterion is torch.nn.NLLLoss:
        return lambda output: torch.log(output + torch.finfo(output.dtype).eps)
    return None


@contextmanager
def evaluation(*modules):
    """Modules in evaluation mode inside the block; then each part of them in its own mode again."""
    training = [part for module in modules for part in module.modules() if part.training]
    for module in modules:
        module.eval()
    try:
        yield
    finally:
        for part in training:
            part.training = True


class ReadNet:
    """A function from points to logits.

    Attributes
    ----------
    steps : list of transformers
        What a table goes through first.
    last : estimator or torch.nn.Module
        What comes after the steps.
    classes : ndarray of shape (n_classes,), or None
        The labels; None where there are only numbers.
    feature_names : list of str
        Of the table's columns.
    columns : ndarray of shape (n_step_outputs,), int
        The column that each output of the last of the steps tells of; -1 where it tells of several.
    shape : tuple of int
        Of a row.
    origins, embedded_origins : list of ndarray of int
        For each tensor of a point, and of an embedded one, the column that each of its numbers tells of; -1 where that
        is not known.
    weights : Tensor of shape (n_members,)
        What the probabilities of each member count in those of the model.
    parts : list of Bare or OnTable
        The nets, each with some of the points and of the members.
    modules : list of torch.nn.Module
    """

    def __init__(self, X, steps, last, classes, parts):
        X = as_table(X)
        self.steps, self.last, self.classes, self.parts = steps, last, classes, parts
        self._kind, self._names = type(X), list(X.columns) if is_frame(X) else None
        self.shape = tuple(X.shape[1:])
        n_features = int(np.prod(self.shape))
        self.feature_names = [str(name) for name in X.columns] if is_frame(X) else [f"x{j}" for j in range(n_features)]
        columns, row = np.arange(n_features), _safe_indexing(X, [0]) if steps else X
        for step in steps:
            told = origin(step, row)
            columns = np.where(told == MIXED, MIXED, columns[told])
            row = step.transform(row)
        self.columns = columns
        self.origins, self.embedded_origins = [], []
        for net in parts:
            net.shape = tuple(row.shape[1:])
            net.check(row)
            seen = columns if net.columns is None else columns[net.columns]
            origins = [seen[part] for part in net.origins()]
            self.origins += origins
            self.embedded_origins.append(net.embedded_origins(origins))
        shares = [[net.weight / net.n_members] * net.n_members for net in parts]
        self.weights = torch.tensor(np.concatenate(shares), dtype=torch.float64)
        self.modules = [net.module for net in parts]

    def points(self, X):
        """What the nets see of rows.

        Parameters
        ----------
        X : data frame or array-like of shape (n, n_features)

        Returns
        -------
        points : list of Tensor of shape (..., n, width)
        """
        X = self.transformed(as_table(X))
        with torch.no_grad():
            return [point for net in self.parts for point in net.points(X)]

    def transformed(self, X):
        """A table after the steps."""
        for step in self.steps:
            X = step.transform(X)
        return X

    def baseline(self, baseline, points):
        """Points of what rows are compared with, of one row or of as many as there are.

        Parameters
        ----------
        baseline : table of one row or of n rows, array-like of the shape of a row, or None
            None for ``neutral``.
        points : list of Tensor of shape (..., n, width)
            Of the rows.

        Raises
        ------
        ValueError
            If it has another shape.
        """
        return self.neutral() if baseline is None else self.points(self.rows(baseline, points[0].shape[-2]))

    def rows(self, baseline, n):
        """A table like X of a baseline, of one row or of n."""
        shape = np.shape(baseline)
        if shape not in (self.shape, (1, *self.shape), (n, *self.shape)):
            raise ValueError(f"baseline: expected one row or {n} rows with the columns of X, got shape {tuple(shape)}")
        return as_table(self._row(baseline) if shape == self.shape else baseline)

    def _row(self, values):
        """A table like X of the one row that has these values."""
        if self._names is None:
            return values[None] if isinstance(values, torch.Tensor) else [values]
        if hasattr(values, "reindex"):  # with names of its own
            missing = [name for name in self._names if name not in values.index]
            if missing:
                raise ValueError(f"baseline: expected values for the columns {self._names}, got none for {missing}")
            values = values[self._names]
        return self._kind({name: [value] for name, value in zip(self._names, values, strict=True)})

    def neutral(self):
        """The point of a row of which nothing is known, (..., 1, width): numbers at the training median, categories
        unknown; zeros for a module."""
        with torch.no_grad():
            return [point for net in self.parts for point in net.neutral()]

    def logits(self, points):
        """Of each member, (n_members, n, n_outputs).

        Parameters
        ----------
        points : list of Tensor of shape (..., n, width)
        """
        return self.answers(self.embed(points))

    def embed(self, points):
        """Points with numbers embedded as the nets do it, each apart from the others: what follows mixes columns.

        Parameters
        ----------
        points : list of Tensor of shape (..., n, width)

        Returns
        -------
        embedded : list of Tensor of shape (..., n, width), one for each net
        """
        return [net.embed(own) for net, own in zip(self.parts, self.by_part(points), strict=True)]

    def answers(self, embedded):
        """Logits of what ``embed`` returns, (n_members, n, n_outputs)."""
        parts = [net.answers(own) for net, own in zip(self.parts, embedded, strict=True)]
        return parts[0] if len(parts) == 1 else torch.cat([part.to(parts[0].device) for part in parts])

    def run(self, points):
        """Lets the nets see points, whatever they return."""
        for net, own in zip(self.parts, self.embed(points), strict=True):
            net.run(own)

    def by_part(self, points):
        """The points that each of the nets sees, a list of lists."""
        stops = np.cumsum([net.n_points for net in self.parts])
        return [points[stop - net.n_points : stop] for net, stop in zip(self.parts, stops, strict=True)]

    @contextmanager
    def evaluating(self):
        """Modules in evaluation mode inside the block, with as many threads as suits them; then as they were."""
        with evaluation(*self.modules):
            largest = max(self.modules, key=lambda module: sum(param.numel() for param in module.parameters()))
            with torch.inference_mode(False), suitable_threads(largest, rows_per_pass(self)):
                yield

    def by_column(self, values, origins=None):
        """Sums of numbers of points, by column of the table.

        Parameters
        ----------
        values : list of Tensor of shape (n, width), float64
        origins : list of ndarray of int, default=None
            None for those of points; otherwise ``embedded_origins``.

        Returns
        -------
        sums : ndarray of shape (n, n_features)

        Raises
        ------
        ValueError
            If a number tells of several columns.
        """
        self.check_columns()
        sums = torch.zeros(len(values[0]), int(np.prod(self.shape)), dtype=torch.float64)
        for value, column in zip(values, self.origins if origins is None else origins, strict=True):
            sums.index_add_(1, torch.from_numpy(column), value)
        return sums.numpy()

    @property
    def mixes_columns(self):
        """Whether some input of the nets tells of several columns."""
        return any((column == MIXED).any() for column in self.origins)

    def check_columns(self):
        """Refuses a net one of whose inputs tells of several columns."""
        if self.mixes_columns:
            raise ValueError(
                "estimator: expected steps of the pipeline each of whose outputs is made of one column and named after "
                f"it by get_feature_names_out, got others among {', '.join(type(step).__name__ for step in self.steps)}"
                ": hand in the pipeline's last step, and the table as that step sees it"
            )


def as_table(X):
    """A data frame or tensor as it is, anything else as an array; refused without rows or columns."""
    if not is_frame(X) and not isinstance(X, torch.Tensor):
        given, X = X, np.asarray(X)
        if X.dtype.kind in "US":  # numbers beside strings are to stay numbers
            X = np.asarray(given, dtype=object)
    if len(X.shape) < 2 or 0 in X.shape:
        raise ValueError(
            f"X: expected a table of at least one row and column, (n, n_features), got shape {tuple(X.shape)}"
        )
    return X
