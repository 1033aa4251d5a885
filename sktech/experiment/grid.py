"""Tables for a page: cells of text that know the number they are sorted by."""

from typing import NamedTuple

import numpy as np

from sktech.experiment.phrases import signed
from sktech.experiment.summary import LABELS, LOWER_IS_BETTER, best_models, in_figures

MISSING = "\N{EN DASH}"


class Cell(NamedTuple):
    """What stands in one place of a table.

    Parameters
    ----------
    text : str
    value : float or None, default=None
        What is sorted by; NaN is the last, None sorts by the text.
    below : str, default=""
        Smaller, in a second line.
    style : str, default=""
        A class of the page's style sheet, such as "best" or the family of a model.
    link : str, default=""
        The id of another place on the page.
    """

    text: str
    value: float | None = None
    below: str = ""
    style: str = ""
    link: str = ""

    @property
    def key(self):
        """The number as the page writes it: "" for NaN."""
        return "" if np.isnan(self.value) else f"{self.value:.10g}"


class Column(NamedTuple):
    """The head of a column, and whether the largest numbers are its first where one sorts by it."""

    name: str
    largest_first: bool = False


class Grid(NamedTuple):
    """A table with a heading for each column; the first cell of a row names it."""

    columns: list[Column]
    rows: list[list[Cell]]


def score_cell(name, value, below="", style=""):
    """A score or a time; NaN is a dash."""
    return Cell(in_figures(name, value) or MISSING, value, below, style)


def count_cell(n):
    """A whole number."""
    return Cell(f"{n:,}", n)


def score_columns(names):
    """A column for each score or time; the best is its first."""
    return [Column(LABELS[name], largest_first=not LOWER_IS_BETTER[name]) for name in names]


def score_grid(frame):
    """One row per model with its scores and, below each, the standard deviation over the folds.

    Parameters
    ----------
    frame : DataFrame
        As returned by :func:`sktech.experiment.summary.model_table`.

    Returns
    -------
    grid : Grid
    """
    best = best_models(frame)
    rows = []
    for model, row in frame.iterrows():
        cells = [Cell(model, style=row["family"])]
        for name in LABELS:
            spread = in_figures(name, row[f"{name}_std"])
            style = "best" if model in best[name] else ""
            cells.append(score_cell(name, row[name], f"± {spread}" if spread else "", style))
        rows.append(cells)
    return Grid([Column("model"), *score_columns(LABELS)], rows)


def difference_grid(frame, score):
    """One row per model with its difference to the reference.

    Parameters
    ----------
    frame : DataFrame
        As returned by :func:`sktech.experiment.significance.differences_to`.
    score : str
        What is compared.

    Returns
    -------
    grid : Grid
    """
    rows = []
    for model, row in frame.iterrows():
        low, high = (signed(score, row[end]) or MISSING for end in ("low", "high"))
        interval = f"{low} to {high}" if np.isfinite(row["low"]) else MISSING
        rows.append(
            [
                Cell(model, style=row["family"]),
                Cell(signed(score, row["mean"]) if np.isfinite(row["mean"]) else MISSING, row["mean"]),
                Cell(interval, row["low"]),
                Cell(f"{row['p_adjusted']:.2g}" if np.isfinite(row["p_adjusted"]) else MISSING, row["p_adjusted"]),
                Cell(row["verdict"], style="told" if row["verdict"] in ("better", "worse") else "quiet"),
            ]
        )
    difference = Column("difference", largest_first=not LOWER_IS_BETTER[score])
    return Grid([Column("model"), difference, Column("95 % interval"), Column("p"), Column("verdict")], rows)
