"""Comparisons on several tables, and what they say together."""

from dataclasses import dataclass

import pandas as pd

from sktech.experiment.comparison import Comparison


@dataclass(frozen=True, eq=False, repr=False)
class Study:
    """Scores of several models on several tables; ``study["name"]`` is the comparison on one of them.

    Parameters
    ----------
    comparisons : list of Comparison
        With the same models, one for each table.
    """

    comparisons: list[Comparison]

    def __getitem__(self, name):
        return {comparison.name: comparison for comparison in self.comparisons}[name]

    def __len__(self):
        return len(self.comparisons)

    def __iter__(self):
        return iter(self.comparisons)

    def folds(self):
        """One row per finished fold, table and model.

        Returns
        -------
        frame : DataFrame of shape (n_records, n_fields)
        """
        return pd.concat([comparison.folds() for comparison in self.comparisons], ignore_index=True)

    def report(self, path, title=None):
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : str or path-like
            The file to write.
        title : str, default=None
            What the page is about. None is the names of the tables.

        Returns
        -------
        path : pathlib.Path
            The file.
        """
        return self.comparisons[0].report(path, title)
