"""Whole figures of what several tables say together."""

from functools import partial

import numpy as np

from sktech.experiment.across import mean_ranks, score_matrix
from sktech.experiment.panels import draw_pareto
from sktech.experiment.panels_across import diagram_height, draw_critical_difference
from sktech.experiment.plots import save_figure
from sktech.experiment.summary import LOWER_IS_BETTER
from sktech.experiment.winners_across import groups

_DIAGRAM_WIDTH = 7.5  # inches


def plot_critical_difference(study, figure):
    """Mean ranks over the tables; bars join models that cannot be told apart.

    Parameters
    ----------
    study : Study
        At least two of its tables can be ranked.
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    matrix, _ = score_matrix(study.folds(), study.score)
    lower = LOWER_IS_BETTER[study.score]
    ranks = mean_ranks(matrix, lower)
    alike, critical_difference = groups(matrix, lower)
    figure.set_size_inches(_DIAGRAM_WIDTH, diagram_height(ranks, alike))
    families = {model.name: model.family for model in study.models}
    draw_critical_difference(figure.subplots(), ranks, families, alike, critical_difference)


def plot_ranks_and_time(study, figure):
    """Mean rank against the seconds of a fit, the geometric mean over the tables.

    Parameters
    ----------
    study : Study
        At least two of its tables can be ranked.
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    figure.set_size_inches(6.4, 4.6)
    draw_ranks_and_time(figure.subplots(), study)


def draw_ranks_and_time(ax, study):
    """The same on a pair of axes."""
    matrix, _ = score_matrix(study.folds(), study.score)
    ranks = mean_ranks(matrix, LOWER_IS_BETTER[study.score])
    times, _ = score_matrix(study.folds(), "fit_seconds")
    seconds = np.exp(np.log(times[ranks.index]).mean())
    families = {model.name: model.family for model in study.models}
    draw_pareto(ax, seconds, ranks, ranks.index.map(families), "mean rank  (1 is the best)")


ACROSS_PLOTS = {"critical_difference": plot_critical_difference, "time": plot_ranks_and_time}


def save_across_plots(study, folder):
    """Write one PNG file per figure.

    Parameters
    ----------
    study : Study
        At least two of its tables can be ranked.
    folder : pathlib.Path
        Exists.
    """
    for name, plot in ACROSS_PLOTS.items():
        save_figure(partial(plot, study), folder / f"{name}.png")
