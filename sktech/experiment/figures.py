"""Drawings as SVG elements of a page: their colours are the page's variables, their words are text in its font."""

import io
import re
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from sktech.experiment.axes import FAMILY_COLORS, GRID, INK, LITERAL, MUTED, PAPER

# The page's style sheet has a light and a dark value for each of these.
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"}
_VARIABLES |= {FAMILY_COLORS["sktech"]: "sktech", FAMILY_COLORS["own"]: "own"}


class Drawing(NamedTuple):
    """An SVG element, and what it shows, for those who cannot see it."""

    description: str
    svg: str


def drawing(description, draw, size=None):
    """Draw something for a page.

    Parameters
    ----------
    description : str
        What is to be seen.
    draw : callable
        Takes an empty figure, or, with a size, a pair of axes.
    size : (float, float), default=None
        Inches. None leaves it to ``draw``.

    Returns
    -------
    drawing : Drawing
    """
    with matplotlib.rc_context(LITERAL | {"svg.fonttype": "none"}):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure if size is None else figure.subplots())
        buffer = io.StringIO()
        nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
        figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    return Drawing(description, _for_a_page(buffer.getvalue()))


def _for_a_page(svg):
    """The element alone, without what the page says for all drawings."""
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)  # HTML knows them, and they look like addresses
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    svg = re.sub(r"<style.*?</style>|<!--.*?-->", "", svg, flags=re.DOTALL)
    svg = re.sub(r"<[^>]+>", lambda tag: _lighter(tag[0]), svg)
    svg = re.sub(r">\s+<", "><", svg)
    for color, name in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg.strip()


def _lighter(tag):
    """A tag without decimals that nobody sees, and with the size of its letters but not their font."""
    tag = re.sub(r"(\d\.\d\d)\d+", r"\1", tag)
    return re.sub(r"font-family: [^;\"]*;? ?", "", re.sub(r"font: ([\d.]+px)[^;\"]*", r"font-size: \1", tag))
