"""Where displays draw. matplotlib is needed to draw, and for nothing else."""

try:
    import matplotlib.pyplot as plt
except ImportError:  # an optional extra
    plt = None


def new_axes(ax=None):
    """The axes to draw on.

    Parameters
    ----------
    ax : matplotlib.axes.Axes, default=None
        None makes a figure.

    Raises
    ------
    ImportError
        If matplotlib is not installed.
    """
    if ax is not None:
        return ax
    if plt is None:
        raise ImportError("drawing needs matplotlib: pip install matplotlib")
    return plt.subplots()[1]
