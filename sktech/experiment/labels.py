"""Names beside the points of a scatter plot, none of them upon another."""

import itertools

import numpy as np

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
    radius = _RADIUS * pixels_per_point
    obstacles = [np.hstack([centres - radius, centres + radius])]
    obstacles += [artist.get_window_extent().padded(1).extents[None] for artist in avoid]
    frame = ax.get_window_extent().extents
    tries = list(itertools.product(_DISTANCES, _DIRECTIONS))
    for centre, name, color in zip(centres, names, colors, strict=True):
        text = ax.annotate(
            name, centre, xycoords="figure pixels", color=color, fontsize="small", va="center", ha="center"
        )
        size = text.get_window_extent().size
        text.remove()
        boxes = np.array([_box(centre, direction, way * pixels_per_point, size) for way, direction in tries])
        trouble = _trouble(boxes, np.concatenate(obstacles), frame)
        best = int(np.argmin(trouble))  # the nearest of those that are in the least trouble
        obstacles.append(boxes[best : best + 1])
        _write(ax, centre, boxes[best], name, color, leader=tries[best][0] >= _LEADER_FROM)


def _box(centre, direction, distance, size):
    """The corners of a text of that size whose nearest edge or corner is at a distance from the point."""
    direction = np.array(direction)
    reach = distance / np.hypot(*direction)
    middle = centre + direction * (reach + size / 2)
    return np.hstack([middle - size / 2, middle + size / 2])


def _trouble(boxes, others, frame):
    """Per box the area, in pixels squared, that is covered twice or lies outside of the frame."""
    covered = _common_area(boxes[:, None], others).sum(axis=1)
    return np.round(covered + _common_area(boxes, boxes) - _common_area(boxes, frame), 3)


def _common_area(a, b):
    """Of boxes whose last axis is x and y of the lower left corner, then of the upper right one."""
    sides = np.minimum(a[..., 2:], b[..., 2:]) - np.maximum(a[..., :2], b[..., :2])
    return np.prod(np.maximum(sides, 0), axis=-1)


def _write(ax, centre, box, name, color, leader):
    to_data = ax.transData.inverted().transform
    middle = (box[:2] + box[2:]) / 2
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
