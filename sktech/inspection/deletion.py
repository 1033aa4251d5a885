"""Whether an attribution names the columns that matter: how an answer falls when they are deleted, largest first."""

from dataclasses import dataclass

import numpy as np
from scipy.integrate import trapezoid
from sklearn.utils.validation import check_is_fitted
from tqdm import tqdm

from sktech._validation import check_choice, check_number
from sktech.inspection._answers import label_numbers
from sktech.inspection._axes import new_axes
from sktech.inspection._deleted import Deletion, responses


@dataclass(eq=False)
class DeletionCurve:
    """Answers to rows of which more and more columns are deleted.

    Attributes
    ----------
    shares : ndarray of shape (n_points,)
        Of the columns that are deleted, from 0 to 1.
    answers : ndarray of shape (n, n_points)
        Of each row.
    target : ndarray of shape (n,)
        The class that the answers tell of.
    """

    shares: np.ndarray
    answers: np.ndarray
    target: np.ndarray

    @property
    def curve(self):
        """The mean answer at each share, (n_points,)."""
        return self.answers.mean(axis=0)

    @property
    def areas(self):
        """The area under the curve of each row, (n,)."""
        return trapezoid(self.answers, self.shares, axis=1)

    @property
    def area(self):
        """The area under the mean curve: the mean answer on the way. Lower is better."""
        return float(self.areas.mean())


def deletion_score(
    estimator,
    X,
    attribution,
    *,
    baseline=None,
    target=None,
    response_method="predict_proba",
    max_steps=50,
    random_state=None,
    verbose=0,
):
    """How a classifier's answer falls when the columns with the largest attribution are deleted one after another.

    In each row a column is deleted by replacing its value by that of a baseline. The sooner the answer falls, the
    better the attribution has told what it rests on: the smaller is the area under the curve. ::

        found = deletion_score(clf, X_test, integrated_gradients(clf, X_test))
        found.area - deletion_score(clf, X_test, "random").area  # below 0 if the attribution knows anything

    Parameters
    ----------
    estimator : classifier
        Fitted; any with ``predict_proba`` or ``decision_function``.
    X : data frame or array-like of shape (n, n_features)
        The rows whose answers were attributed.
    attribution : GradientAttribution, array-like of shape (n, n_features), or "random"
        What the answer owes to each column. Equal values are taken in random order; "random" is such an order of all.
    baseline : array-like of shape (n_features,), or table of one row or of n rows, default=None
        The values that stand for deleted ones. None is the median of each column of X (a value of it, the lower of
        two), or its most frequent value if it does not hold numbers: for few rows, hand in those of the training table.
    target : label or array-like of shape (n,), default=None
        The class whose answer is followed. None is the attribution's target if it has one, and otherwise the predicted
        class.
    response_method : {"predict_proba", "decision_function"}, default="predict_proba"
        The answer: the probability of the class, or its score, for two classes the positive or negative one.
    max_steps : int, default=50
        Up to so many columns are deleted one by one; of more, as many at a time as it takes.
    random_state : int, RandomState instance or None, default=None
        Of random orders.
    verbose : int, default=0
        Whether to show the progress.

    Returns
    -------
    curve : DeletionCurve

    Raises
    ------
    TypeError
        If the estimator has no such method.
    ValueError
        If the attribution or the baseline does not fit X, or the target is no class.

    Notes
    -----
    Samek et al. replace regions of an image by random values, Petsiuk et al. pixels by zeros. What neither is for an
    image the baseline is for a table: a value that the classifier knows well. Rows with some columns deleted may still
    be like none in training, which every score of this kind shares.

    References
    ----------
    Samek, Binder, Montavon, Bach, Müller (2017). Evaluating the Visualization of What a Deep Neural Network Has
    Learned, section III. https://arxiv.org/abs/1509.06321

    Petsiuk, Das, Saenko (2018). RISE: Randomized Input Sampling for Explanation of Black-box Models, section 4.2
    (deletion). https://arxiv.org/abs/1806.07421

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktech.inspection import deletion_score
    >>> X, y = load_iris(return_X_y=True)
    >>> clf = LogisticRegression(max_iter=500).fit(X, y)
    >>> exact = clf.coef_[clf.predict(X)] * (X - X.mean(axis=0))
    >>> curve = deletion_score(clf, X, exact, baseline=X.mean(axis=0))
    >>> curve.area < deletion_score(clf, X, "random", baseline=X.mean(axis=0), random_state=0).area
    True
    """
    check_is_fitted(estimator)
    check_choice("response_method", response_method, ["predict_proba", "decision_function"])
    check_number("max_steps", max_steps, int, 1)
    deletion = Deletion(X, attribution, baseline, random_state)
    n, n_features = deletion.shape
    target = getattr(attribution, "target", None) if target is None else target
    target = estimator.predict(deletion.X) if target is None else target
    codes = label_numbers("target", target, estimator.classes_, n)
    counts = np.linspace(0, n_features, min(n_features, max_steps) + 1).round().astype(int)
    bar = tqdm(counts, desc="deletion", unit="steps", disable=not verbose)
    answers = [responses(estimator, deletion.table(k), response_method)[np.arange(n), codes] for k in bar]
    return DeletionCurve(counts / n_features, np.column_stack(answers), np.asarray(estimator.classes_)[codes])


class DeletionDisplay:
    """Curves of answers that fall as columns are deleted, one for each attribution.

    Parameters
    ----------
    curves : dict of str to DeletionCurve
        By name.

    Attributes
    ----------
    curves : dict of str to DeletionCurve
    ax_ : matplotlib.axes.Axes
    figure_ : matplotlib.figure.Figure
    lines_ : list of matplotlib.lines.Line2D
    """

    def __init__(self, curves):
        self.curves = dict(curves)

    @classmethod
    def from_estimator(cls, estimator, X, attributions, *, ax=None, **kwargs):
        """Deletes columns by several attributions, and plots.

        Parameters
        ----------
        estimator : classifier
        X : data frame or array-like of shape (n, n_features)
        attributions : dict of str to GradientAttribution, array-like of shape (n, n_features), or "random"
            By name.
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        **kwargs
            As for :func:`deletion_score`.

        Returns
        -------
        display : DeletionDisplay
        """
        if not hasattr(attributions, "items"):
            raise TypeError(f"attributions: expected a dict of name to attribution, got {type(attributions).__name__}")
        curves = {name: deletion_score(estimator, X, values, **kwargs) for name, values in attributions.items()}
        what = "probability" if kwargs.get("response_method", "predict_proba") == "predict_proba" else "score"
        return cls(curves).plot(ax=ax, ylabel=f"mean {what} of the class")

    def plot(self, ax=None, *, ylabel="mean answer"):
        """Draws the curves.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, default=None
            None makes a figure.
        ylabel : str, default="mean answer"

        Returns
        -------
        self : DeletionDisplay
        """
        self.ax_ = new_axes(ax)
        self.figure_ = self.ax_.figure
        self.lines_ = []
        for name, curve in self.curves.items():
            self.lines_ += self.ax_.plot(curve.shares, curve.curve, label=f"{name}, area {curve.area:.3g}")
        self.ax_.set(xlabel="share of columns deleted", ylabel=ylabel)
        self.ax_.legend()
        return self
