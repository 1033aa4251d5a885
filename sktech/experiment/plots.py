"""Whole figures: the panels side by side, one figure per question."""

from matplotlib.figure import Figure

from sktech.experiment.panels import INK, draw_confusion, draw_reliability, draw_score, draw_time

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
    figure.set_size_inches(1.6 + 3.4 * len(scores), score_height(comparison))
    figure.get_layout_engine().set(wspace=0.06)
    for position, (ax, score) in enumerate(zip(figure.subplots(1, len(scores), squeeze=False)[0], scores, strict=True)):
        draw_score(ax, comparison, score, names=position == 0)
    figure.suptitle("faint dots: folds    dot: mean    bar: one standard deviation", fontsize="small", color=INK)


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


PLOTS = {"scores": plot_scores, "time": plot_time, "reliability": plot_reliability, "confusion": plot_confusion}


def possible_plots(comparison):
    """Names of the figures that the scores at hand allow.

    Parameters
    ----------
    comparison : Comparison

    Returns
    -------
    names : list of str
        Keys of ``PLOTS``; none where every model failed, no "time" and "reliability" without probabilities.
    """
    if comparison.best() is None:
        return []
    return list(PLOTS) if models_with_probabilities(comparison) else ["scores", "confusion"]


def save_plots(comparison, folder):
    """Write one PNG file per figure.

    Parameters
    ----------
    comparison : Comparison
    folder : pathlib.Path
        Exists.
    """
    for name in possible_plots(comparison):
        figure = Figure(layout="constrained", dpi=160)
        PLOTS[name](comparison, figure)
        figure.savefig(folder / f"{name}.png", bbox_inches="tight", pad_inches=0.1)


def scores_shown(comparison):
    """The scores that at least one model has."""
    frame = comparison.to_frame()
    return [score for score in _SCORES if frame[score].notna().any()]


def models_with_probabilities(comparison):
    """Names of the models that have a log-loss, the best first."""
    frame = comparison.to_frame()
    return list(frame.index[frame["log_loss"].notna()])


def score_height(comparison):
    """Inches that one line per model takes."""
    return 1.1 + 0.3 * int(comparison.to_frame()["accuracy"].notna().sum())
