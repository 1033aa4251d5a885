"""What a ReweightedClassifier has learned: the weights of rows, and the function that makes weights of losses."""

import numpy as np
from sklearn.metrics import roc_auc_score
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.validation import check_is_fitted

from sktech._validation import check_mask, check_number, check_same_kind
from sktech.inspection._axes import new_axes


class WeightDisplay:
    """Histogram of the weights of rows, of right and of wrong labels where the truth is known.

    Parameters
    ----------
    weights : ndarray of shape (n,)
        NaN for rows that have none.
    is_wrong : ndarray of shape (n,), bool, default=None
        Which labels are wrong; None where that is not known.

    Attributes
    ----------
    weights, is_wrong : ndarray of shape (n_weighted,)
        Of the rows that have a weight.
    roc_auc : float or None
        Area under the ROC curve of the weights as a detector of right labels: the probability that a wrong one has less
        weight than a right one. None where the truth is not known, NaN where one kind is missing.
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If the numbers of rows differ, or no row has a weight.

    Examples
    --------
    >>> import numpy as np
    >>> from sktech.inspection import WeightDisplay
    >>> display = WeightDisplay(np.array([1.2, 0.1, 1.7, np.nan]), is_wrong=np.array([False, True, False, False]))
    >>> display.roc_auc
    1.0
    """

    def __init__(self, weights, is_wrong=None):
        weights = column_or_1d(weights)
        has_weight = np.isfinite(weights)
        if not has_weight.any():
            raise ValueError(f"weights: expected a weight for at least one row, got none in {len(weights)}")
        self.weights, self.is_wrong, self.roc_auc = weights[has_weight], None, None
        if is_wrong is not None:
            self.is_wrong = check_mask("is_wrong", weights, is_wrong)[has_weight]
            both = 0 < self.is_wrong.sum() < len(self.is_wrong)
            self.roc_auc = float(roc_auc_score(~self.is_wrong, self.weights)) if both else float("nan")

    @classmethod
    def from_estimator(cls, estimator, y=None, y_true=None, *, ax=None, **kwargs):
        """Plots how far a fitted estimator believed its training rows.

        Parameters
        ----------
        estimator : ReweightedClassifier or CleanPrototypeClassifier
            What has ``row_weights_`` or ``row_confidences_``.
        y, y_true : array-like of shape (n,), default=None
            The labels that it was fitted to and the right ones, where these are known.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs
            As for ``plot``.

        Returns
        -------
        display : WeightDisplay
        """
        check_is_fitted(estimator)
        weights = getattr(estimator, "row_weights_", getattr(estimator, "row_confidences_", None))
        if weights is None:
            name = type(estimator).__name__
            raise TypeError(f"estimator: expected one with row_weights_ or row_confidences_, got {name} without")
        is_wrong = None
        if y_true is not None:
            if y is None:
                raise ValueError("y: expected the labels of the fit beside y_true, got None")
            y, y_true = column_or_1d(y), column_or_1d(y_true)
            check_consistent_length(weights, y, y_true)
            check_same_kind(y=y, y_true=y_true)
            is_wrong = y != y_true
        return cls(weights, is_wrong).plot(ax=ax, **kwargs)

    def plot(self, ax=None, *, bins=30):
        """Draws the histogram.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        bins : int, default=30

        Returns
        -------
        self : WeightDisplay
        """
        check_number("bins", bins, int, 1)
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        edges = np.histogram_bin_edges(self.weights, bins)
        if self.is_wrong is None:
            self.ax_.hist(self.weights, edges)
        else:
            for name, mask in (("right label", ~self.is_wrong), ("wrong label", self.is_wrong)):
                self.ax_.hist(self.weights[mask], edges, alpha=0.6, label=f"{name}, {mask.sum()} rows")
            self.ax_.legend(title=f"area under ROC curve {self.roc_auc:.3f}")
        self.ax_.set(xlabel="weight of the row", ylabel="rows")
        return self


class WeightFunctionDisplay:
    """Curve of the weighting function that the method "meta_weight_net" has learned.

    Parameters
    ----------
    loss : ndarray of shape (n_points,)
        In nats.
    weight : ndarray of shape (n_points,)

    Attributes
    ----------
    loss, weight : ndarray of shape (n_points,)
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    """

    def __init__(self, loss, weight):
        self.loss = np.asarray(loss)
        self.weight = np.asarray(weight)

    @classmethod
    def from_estimator(cls, estimator, *, max_loss=10.0, ax=None):
        """Plots the ``weight_function`` of a fitted estimator.

        Parameters
        ----------
        estimator : ReweightedClassifier
            With ``method="meta_weight_net"``.
        max_loss : float, default=10.0
            The curve goes from 0 to there, in nats.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.

        Returns
        -------
        display : WeightFunctionDisplay
        """
        check_number("max_loss", max_loss, float, 0, np.inf, open_low=True, open_high=True)
        loss = np.linspace(0, max_loss, 200)
        return cls(loss, estimator.weight_function(loss)).plot(ax=ax)

    def plot(self, ax=None):
        """Draws the curve.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.

        Returns
        -------
        self : WeightFunctionDisplay
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        self.ax_.plot(self.loss, self.weight)
        self.ax_.set(xlabel="loss of the row (nats)", ylabel="weight", ylim=(0, 1))
        return self
