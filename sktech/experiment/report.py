"""One HTML page that holds everything: no script, no font, no picture comes from anywhere else."""

import importlib.metadata
import io
import platform
import re
from datetime import datetime
from pathlib import Path

import jinja2
from matplotlib.figure import Figure

from sktech.experiment.panels import (
    FAMILY_COLORS,
    GRID,
    INK,
    MUTED,
    PAPER,
    draw_confusion,
    draw_reliability,
    draw_score,
    draw_time,
)
from sktech.experiment.plots import models_with_probabilities, possible_plots, score_height, scores_shown
from sktech.experiment.summary import LABELS, best_models, in_figures

_TEMPLATE = Path(__file__).with_name("report.html")
_PACKAGES = ("sktech", "scikit-learn", "torch", "skorch", "numpy", "pandas", "xgboost", "lightgbm", "catboost")
_CLASSES_LISTED = 12
# The page's style sheet has a light and a dark value for each of these.
_VARIABLES = {INK: "ink", MUTED: "muted", GRID: "grid", PAPER: "paper"}
_VARIABLES |= {FAMILY_COLORS["sktech"]: "sktech", FAMILY_COLORS["own"]: "own"}


def write_report(comparison, path, title):
    """Write the page.

    Parameters
    ----------
    comparison : Comparison
    path : str or path-like
        The file to write.
    title : str
        What was compared, such as the name of the table.

    Returns
    -------
    path : pathlib.Path
        The file.
    """
    path = Path(path)
    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    template = environment.from_string(_TEMPLATE.read_text(encoding="utf-8"))
    frame = comparison.to_frame()
    page = template.render(
        title=title,
        facts=comparison.facts,
        classes=_class_lines(comparison.facts.class_counts),
        comparison=comparison,
        best=comparison.best(),
        header=LABELS.values(),
        rows=_table_rows(frame),
        notes=[(model, row["status"]) for model, row in frame.iterrows() if row["status"] != "ok"],
        n_finished=len(comparison.records),
        figures=_figures(comparison),
        versions=_versions(),
        when=f"{datetime.now():%Y-%m-%d %H:%M}",
    )
    path.write_text(page, encoding="utf-8")
    return path


def _table_rows(frame):
    """Per model its name, its family and per score (mean, spread, whether it is the best)."""
    best = best_models(frame)
    for model, row in frame.iterrows():
        cells = [(in_figures(s, row[s]), in_figures(s, row[f"{s}_std"]), model in best[s]) for s in LABELS]
        yield model, row["family"], cells


def _class_lines(counts):
    """Name, rows and share of the largest classes."""
    total = sum(counts.values())
    largest = sorted(counts.items(), key=lambda item: -item[1])
    lines = [(name, count, count / total) for name, count in largest[:_CLASSES_LISTED]]
    if rest := largest[_CLASSES_LISTED:]:
        count = sum(count for _, count in rest)
        lines.append((f"{len(rest)} more classes", count, count / total))
    return lines


def _figures(comparison):
    """Per kind of plot the panels as (description, SVG)."""
    possible = possible_plots(comparison)
    figures = {}
    if "scores" in possible:
        size = (4.6, score_height(comparison))
        figures["scores"] = [
            (f"{LABELS[score]} of each model", _svg(size, draw_score, comparison, score))
            for score in scores_shown(comparison)
        ]
    if "time" in possible:
        figures["time"] = [("log-loss against the time of a fit", _svg((5, 4), draw_time, comparison))]
    if "reliability" in possible:
        figures["reliability"] = [
            (f"accuracy against confidence of {model}", _svg((2.6, 2.9), draw_reliability, comparison, model))
            for model in models_with_probabilities(comparison)
        ]
    if "confusion" in possible:
        drawing = _svg((4.6, 4.5), draw_confusion, comparison, comparison.best())
        figures["confusion"] = [(f"confusion matrix of {comparison.best()}", drawing)]
    return figures


def _svg(size, draw, *args):
    """An SVG element whose colours are variables of the page."""
    figure = Figure(figsize=size, layout="constrained")
    draw(figure.subplots(), *args)
    buffer = io.StringIO()
    nothing = dict.fromkeys(("Creator", "Date", "Format", "Type"))
    figure.savefig(buffer, format="svg", transparent=True, metadata=nothing)
    svg = buffer.getvalue()
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r' xmlns(:xlink)?="[^"]*"', "", svg)  # HTML knows them, and they look like addresses
    svg = re.sub(r' (width|height)="[\d.]+pt"', "", svg, count=2)
    for color, name in _VARIABLES.items():
        svg = svg.replace(color, f"var(--{name})")
    return svg


def _versions():
    installed = {dist: _version(dist) for dist in _PACKAGES}
    known = [f"{name} {version}" for name, version in installed.items() if version]
    return ", ".join([f"Python {platform.python_version()}", *known])


def _version(package):
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None
