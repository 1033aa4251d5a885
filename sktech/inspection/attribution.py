"""What an answer of a net owes to each column of a table: the result of all attributions."""

from dataclasses import dataclass

import numpy as np


@dataclass(eq=False)
class GradientAttribution:
    """What a net's answer to each row owes to each column.

    Attributes
    ----------
    values : ndarray of shape (n, n_features)
        In units of the answer; of the shape of X where a module sees more than two dimensions.
    feature_names : list of str
    target : ndarray of shape (n,)
        The class that each row is asked about.
    output : {"logit", "probability"}
        What of it.
    answer : ndarray of shape (n,)
        The net's answer.
    explained : ndarray of shape (n,)
        What the values of each row should sum to; NaN where they sum to nothing that is known.
    error : ndarray of shape (n,)
        An estimate of how far any value of the row, or their sum, is from what it should be, in units of the answer;
        NaN where nothing is known of it.
    n_steps : ndarray of shape (n,), int
        How many gradients each row took.
    """

    values: np.ndarray
    feature_names: list
    target: np.ndarray
    output: str
    answer: np.ndarray
    explained: np.ndarray
    error: np.ndarray
    n_steps: np.ndarray

    @property
    def importances(self):
        """Mean absolute value of each column, of the shape of a row."""
        return np.abs(self.values).mean(axis=0)
