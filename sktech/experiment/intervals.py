"""Numbers to draw from, as scikit-learn's ``ParameterSampler`` wants them, that say in words what they are."""

from dataclasses import dataclass

import numpy as np
from sklearn.utils import check_random_state

_DIGITS = 4


@dataclass(frozen=True)
class Interval:
    """Numbers between two, each as likely as the others or, with ``log``, each order of magnitude.

    Parameters
    ----------
    low, high : int or float
        The smallest and the largest. Where both are int, whole numbers are drawn; else numbers of four digits, so that
        what is written down is what was used.
    log : bool, default=False
        Whether the logarithm is uniform; ``low`` is positive then.

    Examples
    --------
    >>> from sktech.experiment.intervals import Interval
    >>> print(Interval(0.001, 0.1, log=True))
    0.001 to 0.1, log-uniform
    >>> Interval(1, 50, log=True).rvs(random_state=0)
    8
    """

    low: float
    high: float
    log: bool = False

    def rvs(self, random_state=None):
        """A number: int or float; ``random_state`` is an int, a RandomState or None."""
        random = check_random_state(random_state)
        whole = self._is_whole()
        low, high = self.low, self.high + whole  # the largest whole number gets a share, too
        drawn = np.exp(random.uniform(np.log(low), np.log(high))) if self.log else random.uniform(low, high)
        return min(int(drawn), self.high) if whole else float(f"{drawn:.{_DIGITS}g}")

    def __str__(self):
        kind = "log-uniform" if self.log else "uniform"
        return f"{self.low:g} to {self.high:g}, {'whole numbers, ' if self._is_whole() else ''}{kind}"

    def _is_whole(self):
        return isinstance(self.low, int) and isinstance(self.high, int)
