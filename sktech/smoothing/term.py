"""What the terms have in common."""

from dataclasses import dataclass

import numpy as np
from sklearn.base import BaseEstimator


@dataclass
class TrainingTable:
    """What a term may ask of the rows that a net is about to learn from.

    Parameters
    ----------
    class_shares : ndarray of shape (n_classes,) or (n_members, 1, n_classes)
        Share of each of the estimator's classes in the weight of the labels; with members that have classes of their
        own, such as bits of a code, for each of them.
    trained : ndarray of shape (n_trained,), int
        Positions of the classes that the net has logits for: those with weight.
    n_codes : int
        How many of the net's last inputs are numbers of levels, to be looked up in an embedding.
    """

    class_shares: np.ndarray
    trained: np.ndarray
    n_codes: int


class SmoothingTerm(BaseEstimator):
    """A term that is added to the loss of a net; its parameters are get and set as an estimator's.

    A subclass takes its parameters in ``__init__`` and says what it adds. Rows and penalties of several terms add up,
    and so does what each changes about the plain loss.
    """

    #: Whether the term learns from rows without a label, too.
    uses_unlabeled = False

    def check(self):
        """Refuses parameters that make no sense.

        Raises
        ------
        TypeError, ValueError
            That say what was expected and what came.
        """

    def make(self, table):
        """The objective that stands beside the plain loss.

        Parameters
        ----------
        table : TrainingTable

        Returns
        -------
        objective : sktech.training.Objective
            Its ``rows`` are the difference to the plain loss.
        """
        raise TypeError(f"{type(self).__name__} does not say what it adds to the loss: define make(table)")
