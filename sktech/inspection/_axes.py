"""Where displays draw. matplotlib is needed to draw, and for nothing else; it is imported when that comes."""

import importlib
import importlib.util


def check_axes(ax):
    """Refuses what cannot be drawn on, before anything is computed that would be lost.

    Parameters
    ----------
    ax : matplotlib.axes.Axes or None

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    TypeError
        If these are no axes.
    """
    if importlib.util.find_spec("matplotlib") is None:
        raise ImportError("drawing needs matplotlib: pip install matplotlib")
    if ax is not None and not hasattr(ax, "figure"):
        raise TypeError(f"ax: expected None or axes of matplotlib, got {type(ax).__name__}")


def new_axes(ax=None):
    """The axes to draw on.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, default=None
        None makes a figure.

    Raises
    ------
    ImportError, TypeError
        As ``check_axes``.
    """
    check_axes(ax)
    return importlib.import_module("matplotlib.pyplot").subplots()[1] if ax is None else ax
