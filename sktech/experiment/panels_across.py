"""The drawings that say which differences are more than noise, each on one pair of axes."""

import numpy as np
from matplotlib.ticker import MaxNLocator

from sktech.experiment.axes import (
    FAMILY_COLORS,
    INK,
    MUTED,
    PAPER,
    mark_outside,
    score_window,
    write_names,
    write_right,
)
from sktech.experiment.phrases import NAMES, signed
from sktech.experiment.summary import LOWER_IS_BETTER

_ABOVE = 2.3  # lines of text over the axis of ranks
_LANE = 0.45  # lines that a bar takes
_LARGEST, _LINE_PER_SIZE = 9.0, 1.35  # the size of the letters, and how far apart their lines are at least


def draw_differences(ax, frame, reference, score):
    """One line per model: how much its score differs from that of one of them, with the interval.

    Full dots differ by more than the noise, empty ones don't.

    Parameters
    ----------
    ax : matplotlib Axes
    frame : DataFrame
        As returned by :func:`sktech.experiment.significance.differences_to`.
    reference : str
        The model that the others are compared with.
    score : str
        What is compared.
    """
    known = frame.dropna(subset=["mean"])
    means, reach = known["mean"].to_numpy(), (known["high"] - known["mean"]).fillna(0).to_numpy()
    low, high = score_window(np.append(means, 0.0), np.append(reach, 0.0), LOWER_IS_BETTER[score])
    low, high = min(low, 0.0), max(high, 0.0)
    ax.axvline(0, color=MUTED, linewidth=1)
    for height, (_, row) in enumerate(known.iterrows()):
        color, told = FAMILY_COLORS[row["family"]], row["verdict"] in ("better", "worse")
        if low <= row["mean"] <= high:
            ends, alpha = [row["low"], row["high"]], 1.0 if told else 0.45
            ax.plot(ends, [height, height], color=color, linewidth=2, alpha=alpha, solid_capstyle="round")
            edge, face = (PAPER, color) if told else (color, PAPER)
            ax.plot(row["mean"], height, "o", color=face, markersize=6.5, markeredgecolor=edge, markeredgewidth=0.8)
        else:
            mark_outside(ax, height, row["mean"] < low, color)
        write_right(ax, height, signed(score, row["mean"]), color if told else MUTED)
    better = "left" if LOWER_IS_BETTER[score] else "right"
    ax.set(xlim=(low, high), xlabel=f"{NAMES[score]} minus that of {reference}\n({better} is better)")
    ax.xaxis.set_major_locator(MaxNLocator(5))
    write_names(ax, known.index, known["family"])


def draw_critical_difference(ax, ranks, families, groups, critical_difference=None):
    """Mean ranks over several tables, the best on the left; thick bars join models that cannot be told apart.

    The diagram of Demsar (2006, figure 1), with the best on the left.

    Parameters
    ----------
    ax : matplotlib Axes
        Of the height that :func:`diagram_height` says, for letters of the usual size.
    ranks : Series of shape (n_models,)
        As returned by :func:`sktech.experiment.across.mean_ranks`.
    families : mapping of str to str
        The family of each model.
    groups : list of list of str
        As returned by :func:`sktech.experiment.winners_across.groups`.
    critical_difference : float or None, default=None
        Drawn as a ruler above the axis.
    """
    ranks = ranks.sort_values(kind="stable")
    low, high = np.floor(ranks.min()), max(np.ceil(ranks.max()), np.floor(ranks.min()) + 1)
    right = max(high, low + (critical_difference or 0))
    lanes = _lanes(ranks, groups)
    first_row, n_left = _first_row(lanes), -(-len(ranks) // 2)
    bottom = first_row + n_left - 0.5
    line = ax.get_window_extent().height / ax.figure.dpi * 72 / (bottom + _ABOVE)  # points
    size = min(_LARGEST, line / _LINE_PER_SIZE)

    ax.set(xlim=(low, right), ylim=(bottom, -_ABOVE))
    ax.set_axis_off()
    _draw_axis(ax, low, high, right, size)
    if critical_difference is not None:
        _draw_ruler(ax, low, critical_difference, size)
    for lane, group in zip(lanes, groups, strict=True):
        ends, height = ranks[group].agg(["min", "max"]), (lane + 1) * _LANE
        ax.plot(ends, [height, height], color=INK, linewidth=3, solid_capstyle="round", clip_on=False)
    for place, (model, rank) in enumerate(ranks.items()):
        on_the_left = place < n_left
        row = first_row + (place if on_the_left else len(ranks) - 1 - place)
        edge, color = low if on_the_left else right, FAMILY_COLORS[families[model]]
        ax.plot([rank, rank, edge], [0, row, row], color=color, linewidth=0.9, clip_on=False)
        text = f"{model}  {rank:.2f}" if on_the_left else f"{rank:.2f}  {model}"
        ax.annotate(
            text,
            (edge, row),
            (-4 if on_the_left else 4, 0),
            textcoords="offset points",
            ha="right" if on_the_left else "left",
            va="center",
            color=color,
            fontsize=size,
            annotation_clip=False,
        )


def diagram_height(ranks, groups):
    """Inches that :func:`draw_critical_difference` needs for names of the usual size."""
    lines = _first_row(_lanes(ranks, groups)) + -(-len(ranks) // 2) - 0.5 + _ABOVE
    return lines * _LARGEST * _LINE_PER_SIZE / 72


def _lanes(ranks, groups):
    """Per group the lane of its bar, the first in which it touches no other bar."""
    gap, reached, lanes = 0.02 * np.ptp(ranks), [], []
    for group in groups:
        start, end = ranks[group].min(), ranks[group].max()
        free = [lane for lane, last in enumerate(reached) if last + gap < start]
        lanes.append(free[0] if free else len(reached))
        reached[lanes[-1] : lanes[-1] + 1] = [end]
    return lanes


def _first_row(lanes):
    """Where the first name stands, in lines below the axis."""
    return 1.0 + _LANE * (max(lanes, default=-1) + 1)


def _draw_axis(ax, low, high, right, size):
    at_most = max(1, int(12 * (high - low) / (right - low)))
    ticks = [tick for tick in MaxNLocator(at_most, integer=True).tick_values(low, high) if low <= tick <= high]
    ax.plot([low, high], [0, 0], color=MUTED, linewidth=1, clip_on=False)
    for tick in ticks:
        ax.plot([tick, tick], [-0.2, 0], color=MUTED, linewidth=1, clip_on=False)
        ax.text(tick, -0.35, f"{tick:.0f}", ha="center", va="bottom", color=MUTED, fontsize=size)
    ax.text(right, -_ABOVE, "mean rank (1 is the best)", ha="right", va="top", color=INK, fontsize=size)


def _draw_ruler(ax, low, length, size):
    ends, height = [low, low + length], -1.3
    ax.plot(ends, [height, height], "|-", color=INK, linewidth=1, markersize=6, clip_on=False)
    ax.text(low, -_ABOVE, f"critical difference {length:.2f}", ha="left", va="top", color=INK, fontsize=size)
