"""Do models differ at all over several tables?

After Demsar (2006, section 3.2.2), "Statistical comparisons of classifiers over multiple data sets", Journal of Machine
Learning Research 7. A table counts as one observation, however many folds its means are of.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import gammaln
from scipy.stats import f, friedmanchisquare

from sktech.experiment.errors import InputError

_TABLES_FOR_F = 5


class Friedman(NamedTuple):
    """Friedman's test, with his statistic and with that of Iman and Davenport.

    Parameters
    ----------
    n_tables : int
    chi2, chi2_p_value : float
        Friedman's; cautious.
    f, f_p_value : float
        Iman and Davenport's.
    """

    n_tables: int
    chi2: float
    chi2_p_value: float
    f: float
    f_p_value: float

    @property
    def p_value(self):
        """The one to be read: Iman and Davenport's, or Friedman's where there are fewer than five tables.

        With three tables and three models that differ in nothing, Iman and Davenport's is below 0.05 in 20 % of cases.
        """
        return self.f_p_value if self.n_tables >= _TABLES_FOR_F else self.chi2_p_value


def friedman(matrix):
    """Whether the models differ at all.

    Parameters
    ----------
    matrix : DataFrame of shape (n_tables, n_models)
        Scores, without NaN.

    Returns
    -------
    test : Friedman
        No p-value is lower than n_models!^(1 - n_tables), the probability that all tables agree by chance.

    Raises
    ------
    InputError
        If there are fewer than two tables or three models, or NaN. Two models are compared by Wilcoxon's test.
    """
    n, k = check_matrix(matrix, models=3)
    ranks = matrix.rank(axis=1)
    if (ranks.nunique(axis=1) == 1).all():
        return Friedman(n, 0.0, 1.0, 0.0, 1.0)  # all are equal everywhere
    chi2, chi2_p_value = friedmanchisquare(*ranks.to_numpy().T)
    room = n * (k - 1) - chi2
    statistic = (n - 1) * chi2 / room if room > 1e-9 * chi2 else np.inf
    lowest = np.exp((1 - n) * gammaln(k + 1))
    p_values = np.maximum([chi2_p_value, f.sf(statistic, k - 1, (k - 1) * (n - 1))], lowest)
    return Friedman(n, float(chi2), float(p_values[0]), float(statistic), float(p_values[1]))


def check_matrix(matrix, models=2):
    """The numbers of tables and of models, if they are enough."""
    n, k = matrix.shape
    if n < 2 or k < models:
        raise InputError(f"expected two tables and {models} models at least, got {n} and {k}")
    if matrix.isna().to_numpy().any():
        raise InputError("expected a score of every model on every table, got NaN")
    return n, k
