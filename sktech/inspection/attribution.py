"""What an answer of a net owes to each column of a table: the result of all attributions."""

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False, repr=False)
class GradientAttribution:
    """What a net's answer to each row owes to each column.

    Attributes
    ----------
    values : ndarray of shape (n, n_features)
        In units of the answer; of the shape of X where a module sees more than two dimensions.
    feature_names : list of str
    target : ndarray of shape (n,)
        The class that each row is asked about.
    output : {"logit", "log-probability", "mean logit", "probability"}
        What of it. The logarithm of the mean probability is what ``output="logit"`` means for several nets, the mean of
        their logits what :func:`bias_attribution` looks at.
    answer : ndarray of shape (n,)
        The net's answer.
    explained : ndarray of shape (n,)
        What the values of each row should sum to; NaN where they sum to nothing that is known.
    error : ndarray of shape (n,)
        An estimate of how far any value of the row, or their sum, is from what it should be, in units of the answer;
        NaN where nothing is known of it.
    n_steps : ndarray of shape (n,), int
        How many gradients each row took.
    method : str
        Name of the function that found it.
    """

    values: np.ndarray
    feature_names: list
    target: np.ndarray
    output: str
    answer: np.ndarray
    explained: np.ndarray
    error: np.ndarray
    n_steps: np.ndarray
    method: str

    def __repr__(self):
        n, n_features = len(self.values), len(self.feature_names)
        return f"GradientAttribution({self.method}: {n} rows, {n_features} columns, {self.output})"

    @property
    def importances(self):
        """Mean absolute value of each column, of the shape of a row."""
        return np.abs(self.values).mean(axis=0)
