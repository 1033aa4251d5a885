"""Comparisons on several tables, and what they say together."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib import pyplot, rc_context

from sktech.experiment.across import mean_ranks, score_matrix
from sktech.experiment.axes import LITERAL
from sktech.experiment.comparison import Comparison
from sktech.experiment.errors import InputError
from sktech.experiment.page_across import across_section
from sktech.experiment.phrases import listed
from sktech.experiment.plots_across import ACROSS_PLOTS
from sktech.experiment.records import SCORES, TIMES
from sktech.experiment.report import write_report
from sktech.experiment.summary import LOWER_IS_BETTER, fold_table
from sktech.experiment.winners_across import across_in_words


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

    @property
    def models(self):
        """The participants, as a list of Model."""
        return self.comparisons[0].models

    @property
    def score(self):
        """What models are judged by: "log_loss", or "accuracy" where none predicts probabilities."""
        return "log_loss" if self.folds()["log_loss"].notna().any() else "accuracy"

    def folds(self):
        """One row per finished fold, table and model.

        Returns
        -------
        frame : DataFrame of shape (n_records, n_fields)
        """
        frames = [comparison.folds() for comparison in self.comparisons if comparison.records]
        return pd.concat(frames, ignore_index=True) if frames else fold_table([])

    def to_frame(self, score="log_loss"):
        """Tables x models -> the mean of a score over the folds.

        Parameters
        ----------
        score : str, default="log_loss"
            A score or a time.

        Returns
        -------
        frame : DataFrame of shape (n_tables, n_models)
            NaN where a model has no such score, or a fold of it failed or is missing.

        Raises
        ------
        InputError
            If there is no such score.
        """
        if score not in (*SCORES, *TIMES):
            raise InputError(f"expected one of {listed((*SCORES, *TIMES))}, got {score!r}")
        rows = {}
        for comparison in self.comparisons:
            frame = comparison.to_frame()
            rows[comparison.name] = frame[score].where(frame["folds"] == comparison.n_folds)
        names = [model.name for model in self.models]
        return pd.DataFrame(rows).T.reindex(columns=names).rename_axis(index="table", columns="model")

    def ranks(self, score=None):
        """The ranks of the models on each table, and their mean.

        Models that failed somewhere have none, and folds that some of the others have not finished don't count: see
        :func:`sktech.experiment.across.score_matrix`.

        Parameters
        ----------
        score : str or None, default=None
            A score or a time. None is the log-loss, or the accuracy where no model predicts probabilities.

        Returns
        -------
        frame : DataFrame of shape (n_models, 1 + n_tables)
            Index ``model``, the best first: ``mean_rank``, then the rank on each table. 1 is the best.
        """
        score = score or self.score
        matrix, _ = score_matrix(self.folds(), score)
        mean = mean_ranks(matrix, LOWER_IS_BETTER[score]).rename("mean_rank")
        by_table = matrix.rank(axis=1, ascending=LOWER_IS_BETTER[score]).T
        return pd.concat([mean, by_table.loc[mean.index]], axis=1).rename_axis(index="model")

    def verdict(self):
        """Which model wins over all tables, if that can be told.

        Returns
        -------
        text : str
            A few sentences.
        """
        if not any(comparison.best() for comparison in self.comparisons):
            return "No model could be scored."
        return across_in_words(self.folds(), self.score)

    def plot(self, kind="critical_difference"):
        """Draw what the tables say together.

        Parameters
        ----------
        kind : {"critical_difference", "time"}, default="critical_difference"
            Mean ranks, with bars that join models that cannot be told apart; mean rank against time.

        Returns
        -------
        figure : matplotlib.figure.Figure
        """
        if kind not in ACROSS_PLOTS:
            raise ValueError(f"kind must be one of {', '.join(ACROSS_PLOTS)}, got {kind!r}")
        if not self.can_be_ranked():
            raise ValueError("nothing to draw: it takes two models that have been scored on the same two tables")
        figure = pyplot.figure(layout="constrained")
        with rc_context(LITERAL):
            ACROSS_PLOTS[kind](self, figure)
        return figure

    def can_be_ranked(self):
        """Whether there are two tables that the same two models have been scored on."""
        return min(score_matrix(self.folds(), self.score)[0].shape) > 1

    def report(self, path, title=None, reference=None):
        """Write one self-contained HTML page.

        Parameters
        ----------
        path : str or path-like
            The file to write; it is replaced in one step.
        title : str, default=None
            What the page is about. None is the names of the tables.
        reference : str or None, default=None
            The model that others are compared with. None is the best one, of each table and of all.

        Returns
        -------
        path : pathlib.Path
            The file.

        Raises
        ------
        InputError
            If no model has the name of the reference.
        """
        self.comparisons[0].reference(reference)
        title = title or listed((comparison.name for comparison in self.comparisons), limit=5)
        across = across_section(self, reference) if len(self) > 1 else None
        return write_report(self.comparisons, path, title, reference, across)

    def __repr__(self):
        tables = listed(comparison.name for comparison in self.comparisons)
        scores = self.to_frame(self.score).T
        order = np.argsort(scores.rank(ascending=LOWER_IS_BETTER[self.score]).mean(axis=1), kind="stable")
        return f"Study of {len(self.models)} models on {tables}: {self.score}\n{scores.iloc[order]}"
