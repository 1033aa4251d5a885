"""The drawings of a report, each on one pair of axes."""

import itertools

import numpy as np
from matplotlib.colors import to_rgba
from matplotlib.patches import Rectangle
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from sktech.experiment.axes import (
    FAMILY_COLORS,
    GRID,
    INK,
    MUTED,
    PAPER,
    mark_outside,
    plain_axes,
    score_window,
    write_names,
    write_right,
)
from sktech.experiment.labels import label_points
from sktech.experiment.pareto import pareto_front
from sktech.experiment.summary import LABELS, LOWER_IS_BETTER, in_figures

_MANY_CLASSES = 16  # a confusion matrix with more has no room for figures


def draw_score(ax, comparison, score, names=True):
    """One line per model: a dot per fold, the mean, and a bar of one standard deviation to either side.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    score : str
        Such as "log_loss".
    names : bool, default=True
        Whether to write the models' names on the left.
    """
    frame = comparison.to_frame()
    frame = frame[frame["accuracy"].notna()]  # the same lines whatever the score
    known = frame[frame[score].notna()]
    means, stds = known[score].to_numpy(), known[f"{score}_std"].fillna(0).to_numpy()
    low, high = score_window(means, stds, LOWER_IS_BETTER[score])
    for height, (model, row) in enumerate(frame.iterrows()):
        if np.isnan(row[score]):
            continue
        color = FAMILY_COLORS[row["family"]]
        mean, std = row[score], np.nan_to_num(row[f"{score}_std"])
        if low <= mean <= high:
            values = [getattr(r, score) for r in comparison.records if r.model == model and r.ok]
            ax.plot(values, np.full(len(values), height), "o", color=color, alpha=0.3, markersize=4, markeredgewidth=0)
            ax.plot([mean - std, mean + std], [height, height], color=color, linewidth=2, solid_capstyle="round")
            ax.plot(mean, height, "o", color=color, markersize=6.5, markeredgecolor=PAPER, markeredgewidth=0.8)
        else:
            mark_outside(ax, height, mean < low, color)
        write_right(ax, height, in_figures(score, mean), color)
    ax.set(xlim=(low, high), xlabel=f"{LABELS[score]}  ({_direction(score)} is better)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    write_names(ax, frame.index if names else [""] * len(frame), frame["family"])


def draw_time(ax, comparison):
    """Log-loss against the seconds of one fit, names beside the points; bars reach from the lowest to the highest fold.

    Steps join the models that no other one beats in both.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    """
    frame = comparison.to_frame().dropna(subset=["log_loss"])
    seconds, loss, bars = frame["fit_seconds"], frame["log_loss"], []
    for model, x, y, family in zip(frame.index, seconds, loss, frame["family"], strict=True):
        color = FAMILY_COLORS[family]
        folds = [record for record in comparison.records if record.model == model and record.ok]
        wide, high = [r.fit_seconds for r in folds], [r.log_loss for r in folds]
        bars += ax.plot([min(wide), max(wide)], [y, y], color=color, linewidth=1, alpha=0.6)
        bars += ax.plot([x, x], [min(high), max(high)], color=color, linewidth=1, alpha=0.6)
    draw_pareto(ax, seconds, loss, frame["family"], f"{LABELS['log_loss']}  (lower is better)", avoid=bars)


def draw_pareto(ax, seconds, loss, families, ylabel, avoid=()):
    """A loss against the time it takes, names beside the points; steps join the models that no other one beats in both.

    Parameters
    ----------
    ax : matplotlib Axes
    seconds, loss : Series of shape (n_models,)
        With the names of the models as index; less is better in both. No NaN.
    families : Series of shape (n_models,)
        Of the same index.
    ylabel : str
        What the loss is.
    avoid : iterable of matplotlib artists, default=()
        What else the names should not cover.
    """
    colors = [FAMILY_COLORS[family] for family in families]
    for x, y, color in zip(seconds, loss, colors, strict=True):
        ax.plot(x, y, "o", color=color, markersize=7, markeredgecolor=PAPER, markeredgewidth=0.8)
    ax.set_xscale("log")
    if len(loss) and loss.min() > 0 and loss.max() / loss.min() > 4:
        ax.set_yscale("log")
        ax.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="seconds of one fit", ylabel=ylabel)
    ax.margins(0.16, 0.12)
    plain_axes(ax, grid="both")
    ax.figure.draw_without_rendering()
    ax.figure.set_layout_engine("none")  # the names are placed for these axes
    steps = _draw_front(ax, np.asarray(seconds), np.asarray(loss))
    label_points(ax, seconds, loss, list(seconds.index), colors, avoid=[*avoid, *steps])


def _draw_front(ax, seconds, loss):
    """The lowest loss that can be had within a time, up to the right edge; one line per step."""
    front = pareto_front(seconds, loss)
    order = np.lexsort([-loss[front], seconds[front]])
    right = ax.get_xlim()[1]
    ax.set(xlim=ax.get_xlim(), ylim=ax.get_ylim())  # the line to the edge must not move it
    corners = np.column_stack([np.repeat([*seconds[front][order], right], 2)[1:-1], np.repeat(loss[front][order], 2)])
    return [
        ax.plot(*zip(start, end, strict=True), color=MUTED, linewidth=0.9, alpha=0.7, zorder=1)[0]
        for start, end in itertools.pairwise(corners)
    ]


def draw_reliability(ax, comparison, model):
    """Accuracy against confidence: one dot per bin, as large as its share of rows, on a bar of one standard error.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    model : str
        The model's name.
    """
    records = [record for record in comparison.records if record.model == model and record.bins is not None]
    count, hits, confidence = sum(record.bins for record in records)
    used = count > 0
    color = FAMILY_COLORS[records[0].family]
    ax.plot([0, 1], [0, 1], color=GRID, linewidth=1, zorder=0)
    n, x, y = count[used], confidence[used] / count[used], hits[used] / count[used]
    ax.vlines(x, *_wilson(y, n), color=color, linewidth=1, alpha=0.6)
    ax.scatter(x, y, s=9 + 120 * n / n.sum(), color=color, alpha=0.85, linewidth=0, clip_on=False, zorder=3)
    error = comparison.to_frame().loc[model, "calibration_error"]
    ax.set_title(model, fontsize="medium", color=color, loc="left", pad=19)
    ax.text(0, 1.05, f"calibration error {error:.3f}", transform=ax.transAxes, fontsize="small", color=MUTED)
    ax.set(xlim=(0, 1), ylim=(0, 1), aspect="equal", xlabel="confidence", ylabel="accuracy")
    ax.set_xticks([0, 0.5, 1], ["0", "0.5", "1"])
    ax.set_yticks([0, 0.5, 1], ["0", "0.5", "1"])
    plain_axes(ax)


def draw_confusion(ax, comparison, model):
    """Test rows of all folds by true and predicted class; the shade is the root of the share of the true class.

    Parameters
    ----------
    ax : matplotlib Axes
    comparison : Comparison
    model : str
        The model's name.
    """
    counts = sum(record.confusion for record in comparison.records if record.model == model and record.ok)
    classes = list(comparison.facts.class_counts)
    shades = np.sqrt(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))  # the root shows rare errors too
    n = len(classes)
    size = min(11, 260 / (n * len(f"{counts.max():,}")))  # the largest figure fits into its cell
    for i, j in zip(*np.nonzero(counts), strict=True):
        ax.add_patch(
            Rectangle((j - 0.5, i - 0.5), 1, 1, facecolor=to_rgba(FAMILY_COLORS["sktech"], shades[i, j]), linewidth=0)
        )
        if n <= _MANY_CLASSES:
            color = PAPER if shades[i, j] > 0.6 else INK
            ax.text(j, i, f"{counts[i, j]:,}", ha="center", va="center", color=color, fontsize=size)
    step = -(-n // 40)  # of more than forty names only every so manieth
    names = [_short(label) for label in classes[::step]]
    turned = max(map(len, names)) * n > 60
    ax.set_xticks(range(0, n, step), names, rotation=90 if turned else 0, fontsize="small" if n <= 20 else 5)
    ax.set_yticks(range(0, n, step), names, fontsize="small" if n <= 20 else 5)
    ax.set(xlim=(-0.5, n - 0.5), ylim=(n - 0.5, -0.5), aspect="equal", xlabel="predicted", ylabel="true")
    ax.set_title(model, fontsize="medium", loc="left", color=INK)
    ax.tick_params(length=0)
    plain_axes(ax)
    for spine in ax.spines.values():
        spine.set_visible(True)


def _wilson(share, n):
    """Ends of Wilson's interval for a share of n rows, one standard error (z = 1) to either side."""
    middle, reach = share + 1 / (2 * n), np.sqrt(share * (1 - share) / n + 1 / (4 * n**2))
    return (middle - reach) / (1 + 1 / n), (middle + reach) / (1 + 1 / n)


def _direction(score):
    return "lower" if LOWER_IS_BETTER[score] else "higher"


def _short(label, limit=18):
    return label if len(label) <= limit else label[: limit - 1] + "…"
