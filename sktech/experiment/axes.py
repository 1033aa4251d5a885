"""What the drawings of a report share: colours, frames, a line per model.

Colours say who a model belongs to: sktech's are blue, one's own orange, the baselines grey (the palette of Okabe and
Ito, told apart with any colour vision). The report exchanges them for others where the reader prefers a dark page.
"""

import numpy as np

INK, MUTED, GRID, PAPER = "#1b1f24", "#6e7781", "#d8dee4", "#ffffff"
FAMILY_COLORS = {"sktech": "#0072b2", "own": "#d55e00", "baseline": MUTED, "": MUTED}
_FAR = 3.0  # a model this many times as far from the best as the median is drawn as an arrow at the edge


def plain_axes(ax, grid=None):
    """Leave two sides of the frame, in the page's colours, and draw the grid of "x", "y", "both" or no axis."""
    ax.spines[["top", "right"]].set_visible(False)
    for spine in ax.spines.values():
        spine.set_color(GRID)
    ax.tick_params(color=GRID, labelcolor=MUTED, labelsize="small", which="both")
    ax.xaxis.label.set(color=INK, fontsize="small")
    ax.yaxis.label.set(color=INK, fontsize="small")
    if grid:
        ax.grid(axis=grid, color=GRID, linewidth=0.6)
        ax.set_axisbelow(True)


def write_names(ax, names, families):
    """One line per model, from the top, with its name on the left in the colour of its family."""
    ax.set_ylim(len(names) - 0.5, -0.5)
    ax.set_yticks(range(len(names)), names)
    plain_axes(ax, grid="x")
    for tick, family in zip(ax.get_yticklabels(), families, strict=True):
        tick.set_color(FAMILY_COLORS[family])
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)


def write_right(ax, height, text, color):
    """A figure on the right of a model's line."""
    place = {"xycoords": ("axes fraction", "data"), "va": "center", "annotation_clip": False}
    ax.annotate(text, (1.03, height), fontsize="small", color=color, **place)


def mark_outside(ax, height, on_the_left, color):
    """An arrow at the edge, for a value that is further away."""
    edge, arrow = (0.02, "<") if on_the_left else (0.98, ">")
    ax.plot(edge, height, arrow, transform=ax.get_yaxis_transform(), color=color, markersize=6)


def score_window(means, stds, lower_is_better):
    """Limits of the score's axis: around all models that are not far worse than the others."""
    if not len(means):
        return 0.0, 1.0
    distance = means - means.min() if lower_is_better else means.max() - means
    near = distance <= (_FAR * np.median(distance) or np.inf)
    low, high = (means - stds)[near].min(), (means + stds)[near].max()
    room = 0.08 * (high - low) or 0.01
    return low - room, high + room
