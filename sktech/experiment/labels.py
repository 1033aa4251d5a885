"""Names beside the points of a scatter plot, none of them upon another."""

import itertools

import numpy as np
from matplotlib.transforms import Bbox

_DIRECTIONS = [(1, 0), (-1, 0), (0, 1), (0, -1), (1, 1), (1, -1), (-1, 1), (-1, -1)]
_DISTANCES = (6, 12, 20, 30, 44, 60)  # points
_LEADER_FROM = 12  # a label so far from its point is tied to it by a line
_RADIUS = 4  # points that a marker takes


def label_points(ax, x, y, names, colors, avoid=()):
    """Write each name as close to its point as the names before it, the points and the frame allow.

    The axes must have their final limits and place.

    Parameters
    ----------
    ax : matplotlib Axes
    x, y : array-like of shape (n,)
        The points, in data coordinates.
    names : list of str
    colors : list of color
        Of the names.
    avoid : iterable of matplotlib artists, default=()
        What else the names should not cover, such as lines.
    """
    pixels_per_point = ax.figure.dpi / 72
    centres = ax.transData.transform(np.column_stack([x, y]))
    markers = [Bbox.from_extents(*(c - _RADIUS * pixels_per_point), *(c + _RADIUS * pixels_per_point)) for c in centres]
    obstacles = [*markers, *(artist.get_window_extent().padded(1) for artist in avoid)]
    frame = ax.get_window_extent()
    for centre, name, color in zip(centres, names, colors, strict=True):
        text = ax.annotate(
            name, centre, xycoords="figure pixels", color=color, fontsize="small", va="center", ha="center"
        )
        size = text.get_window_extent().size
        candidates = [
            (distance, _box(centre, direction, distance * pixels_per_point, size))
            for distance, direction in itertools.product(_DISTANCES, _DIRECTIONS)
        ]
        distance, box = min(candidates, key=lambda c: (_trouble(c[1], obstacles, frame), c[0]))
        obstacles.append(box)
        text.remove()
        _write(ax, centre, box, name, color, leader=distance >= _LEADER_FROM)


def _box(centre, direction, distance, size):
    """The box of a text of that size whose nearest edge or corner is at a distance from the point."""
    direction = np.array(direction)
    reach = distance / np.hypot(*direction)
    middle = centre + direction * (reach + size / 2)
    return Bbox.from_extents(*(middle - size / 2), *(middle + size / 2))


def _trouble(box, others, frame):
    """Area, in pixels squared, that is covered twice or lies outside of the frame."""
    covered = sum(_common_area(box, other) for other in others)
    return round(covered + box.width * box.height - _common_area(box, frame), 3)


def _common_area(a, b):
    common = Bbox.intersection(a, b)
    return 0.0 if common is None else common.width * common.height


def _write(ax, centre, box, name, color, leader):
    to_data = ax.transData.inverted().transform
    middle = (box.min + box.max) / 2
    ax.annotate(
        name,
        xy=to_data(centre),
        xytext=to_data(middle),
        ha="center",
        va="center",
        color=color,
        fontsize="small",
        arrowprops={"arrowstyle": "-", "color": color, "alpha": 0.4, "linewidth": 0.6, "shrinkB": 4}
        if leader
        else None,
    )
