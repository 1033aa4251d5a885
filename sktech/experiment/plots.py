"""Whole figures: the panels side by side, one figure per question."""

from functools import partial

import matplotlib
from matplotlib.figure import Figure

from sktech.experiment.axes import INK, LITERAL
from sktech.experiment.panels import draw_confusion, draw_reliability, draw_score, draw_time
from sktech.experiment.panels_across import draw_differences

_SCORES = ("log_loss", "accuracy", "calibration_error")
_PANELS_PER_ROW = 4


def plot_scores(comparison, figure):
    """Log-loss, accuracy and calibration error of every model with their spread over the folds.

    Parameters
    ----------
    comparison : Comparison
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    scores = scores_shown(comparison)
    figure.set_size_inches(1.6 + 3.4 * len(scores), lines_height(n_scored(comparison)))
    figure.get_layout_engine().set(wspace=0.06)
    for position, (ax, score) in enumerate(zip(figure.subplots(1, len(scores), squeeze=False)[0], scores, strict=True)):
        draw_score(ax, comparison, score, names=position == 0)
    figure.suptitle("faint dots: folds    dot: mean    bar: one standard deviation", fontsize="small", color=INK)


def plot_differences(comparison, figure, reference=None):
    """How much each model differs from one of them, with intervals.

    Parameters
    ----------
    comparison : Comparison
    figure : matplotlib Figure
        An empty one; its size is set.
    reference : str or None, default=None
        The name of a model. None is the best one.
    """
    frame = comparison.differences(reference)
    figure.set_size_inches(6.4, lines_height(len(frame)))
    draw_differences(figure.subplots(), frame, comparison.reference(reference), comparison.score)


def plot_time(comparison, figure):
    """Seconds of a fit against log-loss.

    Parameters
    ----------
    comparison : Comparison
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    figure.set_size_inches(6.4, 4.6)
    draw_time(figure.subplots(), comparison)


def plot_reliability(comparison, figure):
    """The reliability diagram of every model that predicts probabilities.

    Parameters
    ----------
    comparison : Comparison
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    models = models_with_probabilities(comparison)
    rows = -(-len(models) // _PANELS_PER_ROW) or 1
    figure.set_size_inches(2.7 * _PANELS_PER_ROW, 3 * rows)
    axes = figure.subplots(rows, _PANELS_PER_ROW, squeeze=False).ravel()
    for position, (ax, model) in enumerate(zip(axes, models, strict=False)):
        draw_reliability(ax, comparison, model)
        ax.set_xlabel("confidence" if position + _PANELS_PER_ROW >= len(models) else "")
        ax.set_ylabel("accuracy" if position % _PANELS_PER_ROW == 0 else "")
    for ax in axes[len(models) :]:
        ax.set_axis_off()


def plot_confusion(comparison, figure):
    """The confusion matrix of the best model.

    Parameters
    ----------
    comparison : Comparison
    figure : matplotlib Figure
        An empty one; its size is set.
    """
    figure.set_size_inches(5.6, 5.4)
    draw_confusion(figure.subplots(), comparison, comparison.best())


PLOTS = {
    "scores": plot_scores,
    "differences": plot_differences,
    "time": plot_time,
    "reliability": plot_reliability,
    "confusion": plot_confusion,
}


def possible_plots(comparison, reference=None):
    """Names of the figures that the scores at hand allow.

    Parameters
    ----------
    comparison : Comparison
    reference : str or None, default=None
        The model that others are compared with. None is the best one.

    Returns
    -------
    names : list of str
        Keys of ``PLOTS``; none where every model failed, no "time" and "reliability" without probabilities, no
        "differences" where no other model has a fold in common with the reference.
    """
    if comparison.best() is None:
        return []
    impossible = set() if models_with_probabilities(comparison) else {"time", "reliability"}
    reference = comparison.reference(reference)
    started = reference in set(comparison.folds()["model"])
    if not started or not (comparison.differences(reference)["folds"] > 0).any():
        impossible.add("differences")
    return [name for name in PLOTS if name not in impossible]


def save_plots(comparison, folder, reference=None):
    """Write one PNG file per figure.

    Parameters
    ----------
    comparison : Comparison
    folder : pathlib.Path
        Exists.
    reference : str or None, default=None
        The model that others are compared with. None is the best one.
    """
    plots = PLOTS | {"differences": partial(plot_differences, reference=reference)}
    for name in possible_plots(comparison, reference):
        save_figure(partial(plots[name], comparison), folder / f"{name}.png")


def save_figure(draw, path):
    """Write what a function draws into a figure as a PNG file.

    Parameters
    ----------
    draw : callable
        Takes an empty figure.
    path : pathlib.Path
    """
    figure = Figure(layout="constrained", dpi=160)
    with matplotlib.rc_context(LITERAL):
        draw(figure)
        figure.savefig(path, bbox_inches="tight", pad_inches=0.1)


def scores_shown(comparison):
    """The scores that at least one model has."""
    frame = comparison.to_frame()
    return [score for score in _SCORES if frame[score].notna().any()]


def models_with_probabilities(comparison):
    """Names of the models that have a log-loss, the best first."""
    frame = comparison.to_frame()
    return list(frame.index[frame["log_loss"].notna()])


def lines_height(n_lines):
    """Inches that one line per model takes."""
    return 1.1 + 0.3 * n_lines


def n_scored(comparison):
    """How many models have a score."""
    return int(comparison.to_frame()["accuracy"].notna().sum())
