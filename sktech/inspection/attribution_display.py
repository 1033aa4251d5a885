"""What answers owe to columns, as bars: in the mean over rows, or for one row."""

import numpy as np

from sktech._validation import check_choice, check_number
from sktech.inspection._axes import check_axes, new_axes
from sktech.inspection.attribution import GradientAttribution
from sktech.inspection.bias_attribution import bias_attribution
from sktech.inspection.gradients import gradient, gradient_times_input
from sktech.inspection.integrated_gradients import integrated_gradients

# name -> function of an estimator and a table that returns a GradientAttribution
METHODS = {
    "gradient": gradient,
    "gradient_times_input": gradient_times_input,
    "integrated_gradients": integrated_gradients,
    "bias_attribution": bias_attribution,
}
# What bars are of; others are attributions.
_UNITS = {"gradient": "gradient", "bias_attribution": "share of biases"}


class AttributionDisplay:
    """Bars of the columns that answers owe most to.

    Parameters
    ----------
    attribution : GradientAttribution

    Attributes
    ----------
    attribution : GradientAttribution
    names_ : list of str
        What the bars stand for, from the largest to the smallest; last, for one row, what all other columns got.
    lengths_ : ndarray of shape (n_bars,)
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sktech import NetClassifier
    >>> from sktech.inspection import AttributionDisplay
    >>> X, y = load_iris(return_X_y=True, as_frame=True)
    >>> clf = NetClassifier(max_epochs=20, random_state=0).fit(X, y)
    >>> display = AttributionDisplay.from_estimator(clf, X)
    >>> len(display.names_)
    4
    """

    def __init__(self, attribution):
        if not isinstance(attribution, GradientAttribution):
            raise TypeError(f"attribution: expected a GradientAttribution, got {type(attribution).__name__}")
        self.attribution = attribution

    @classmethod
    def from_estimator(
        cls, estimator, X, *, method="integrated_gradients", row=None, max_features=15, ax=None, **kwargs
    ):
        """Plots what a fitted net's answers owe to the columns of a table.

        Parameters
        ----------
        estimator : estimator or torch.nn.Module
            As for :func:`sktech.inspection.integrated_gradients`.
        X : data frame or array-like of shape (n, n_features)
        method : str, default="integrated_gradients"
            The function's name: "gradient", "gradient_times_input", "integrated_gradients" or "bias_attribution".
        row : int, default=None
            As for ``plot``.
        max_features : int, default=15
            As for ``plot``.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs
            As for the function of that name.

        Returns
        -------
        display : AttributionDisplay
        """
        check_choice("method", method, METHODS)
        check_axes(ax)
        return cls(METHODS[method](estimator, X, **kwargs)).plot(ax=ax, row=row, max_features=max_features)

    def plot(self, ax=None, *, row=None, max_features=15):
        """Draws the bars.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        row : int, default=None
            The row whose attributions are shown, with their signs; None for the mean absolute ones of all rows.
        max_features : int, default=15
            How many columns have a bar.

        Returns
        -------
        self : AttributionDisplay
        """
        check_number("max_features", max_features, int, 1)
        found, n = self.attribution, len(self.attribution.values)
        if row is not None:
            check_number("row", row, int, -n, n - 1)
        lengths = found.importances.ravel() if row is None else found.values[row].ravel()
        order = np.argsort(-np.abs(lengths), kind="stable")
        shown, others = order[:max_features], order[max_features:]
        self.names_, self.lengths_ = [found.feature_names[j] for j in shown], lengths[shown]
        if row is not None and len(others) and np.isfinite(found.explained[row]):  # what the bars sum to
            self.names_.append(f"{len(others)} others")
            self.lengths_ = np.append(self.lengths_, lengths[others].sum())
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        places = np.arange(len(self.names_))
        self.ax_.barh(places, self.lengths_, color=np.where(self.lengths_ < 0, "C3", "C0"))
        self.ax_.set_yticks(places, self.names_)
        self.ax_.invert_yaxis()
        if row is None:
            self.ax_.set(xlabel=f"mean absolute {_UNITS.get(found.method, 'attribution')} ({found.output})")
            return self
        self.ax_.axvline(0, color="black", linewidth=0.8)
        self.ax_.set(xlabel=f"{_UNITS.get(found.method, 'attribution')} ({found.output} of {found.target[row]})")
        answer, explained = found.answer[row], found.explained[row]
        title = f"answer {answer:.3g}"
        if found.method == "bias_attribution":
            title += f", of which is shared {explained:.3g}"
        elif np.isfinite(explained):
            title += f", at the baseline {answer - explained:.3g}"
        self.ax_.set_title(title)
        return self
